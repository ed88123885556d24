/*
 * polled: which descriptors a wait waits for, as earlier calls of the process show.
 *
 * The record of a call that has not returned has only the arguments. An epoll instance waits for
 * what was added to it; a poll or select with the arguments of the thread's last one that returned
 * is taken to wait for the same.
 * Context: the command; exits if there is not enough memory. Locks: none.
 */
#ifndef READER_POLLED_H
#define READER_POLLED_H

#include "tcpshim/event.h"

/* Which epoll instance each descriptor of a process was last added to, -1: none. */
struct polled {
	int32_t *instances; /* by descriptor */
	size_t count;
};

/* What a thread's last poll or select waited for. */
struct polled_last {
	uint64_t arguments[2];
	uint16_t call;
	unsigned count;
	int32_t fds[EVENT_WATCHES];
	bool is_for_data[EVENT_WATCHES]; /* it asked whether the descriptor can be read */
	uint64_t end_ns;
};

/* Learn from a call that has returned: epoll_ctl, close; poll, select. */
void polled_learn(struct polled *polled, const struct tcpshim_event *event);
void polled_learn_last(struct polled_last *last, const struct tcpshim_event *event);

/* Finds out what a wait that has not returned waits for: at most most descriptors. Returns how
 * many. */
unsigned polled_find(const struct polled *polled, const struct polled_last *last,
		     const struct tcpshim_event *event, int32_t *fds, unsigned most);

void polled_free(struct polled *polled);

#endif
