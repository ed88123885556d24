#include "reader/polled.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "format/facts.h"
#include "reader/complain.h"

enum { MOST_DESCRIPTORS = 1 << 20 };

_Static_assert(POLLIN == SELECT_READ && POLLIN == EPOLLIN, "one bit asks for data");

/* Makes room for a descriptor. Returns false if its number is not a usual one. */
static bool has_room(struct polled *polled, int32_t fd)
{
	size_t count = polled->count;

	if (fd < 0 || fd >= MOST_DESCRIPTORS)
		return false;
	if ((size_t)fd < count)
		return true;
	polled->count = 2 * (size_t)fd + 64;
	polled->instances =
		reallocate(polled->instances, polled->count * sizeof(polled->instances[0]));
	for (; count < polled->count; count++)
		polled->instances[count] = -1;
	return true;
}

void polled_learn(struct polled *polled, const struct tcpshim_event *event)
{
	int32_t first = (int32_t)event->arguments[0], fd = (int32_t)event->arguments[2];

	if (call_rows[event->call].effect == EFFECT_CLOSE && first >= 0 &&
	    (size_t)first < polled->count)
		polled->instances[first] = -1;
	if (event->call != CALL_epoll_ctl || event->error != 0 || !has_room(polled, fd))
		return;
	if ((int)event->arguments[1] == EPOLL_CTL_ADD)
		polled->instances[fd] = first;
	else if ((int)event->arguments[1] == EPOLL_CTL_DEL && polled->instances[fd] == first)
		polled->instances[fd] = -1;
}

void polled_learn_last(struct polled_last *last, const struct tcpshim_event *event)
{
	if (call_rows[event->call].effect != EFFECT_WAIT || !event->has_asked)
		return;
	last->call = event->call;
	memcpy(last->arguments, event->arguments, sizeof(last->arguments));
	last->count = event->asked_total <= EVENT_WATCHES ? (unsigned)event->asked_total : 0;
	last->end_ns = event->time_ns;
	for (unsigned i = 0; i < last->count; i++) {
		last->fds[i] = event->asked[i].fd;
		last->is_for_data[i] = (event->asked[i].events & POLLIN) != 0; /* SELECT_READ too */
	}
}

static bool is_epoll(unsigned call)
{
	return call_rows[call].kinds[0] == ARG_FD;
}

unsigned polled_find(const struct polled *polled, const struct polled_last *last,
		     const struct tcpshim_event *event, int32_t *fds, unsigned most)
{
	unsigned count = 0;

	if (call_rows[event->call].effect != EFFECT_WAIT)
		return 0;
	if (is_epoll(event->call) && (int32_t)event->arguments[0] >= 0) {
		for (size_t fd = 0; fd < polled->count && count < most; fd++)
			if (polled->instances[fd] == (int32_t)event->arguments[0])
				fds[count++] = (int32_t)fd;
		return count;
	}
	if (last->call != event->call ||
	    memcmp(last->arguments, event->arguments, sizeof(last->arguments)) != 0)
		return 0;
	for (; count < last->count && count < most; count++)
		fds[count] = last->fds[count];
	return count;
}

void polled_free(struct polled *polled)
{
	free(polled->instances);
	*polled = (struct polled){0};
}
