/*
 * call: one call's way from the wrapper to the trace.
 *
 * A wrapper asks call_is_watched (no: the real function at once), enters the call, names its
 * arguments, lets call_begin do what must be done before the real call, makes it, and hands the
 * result to call_leave. struct call lies on the caller's stack and is the only thing that lives
 * across the real call (I1); what a close has detached hangs on it, and call_abandon puts that
 * right if the call is left by cancellation.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched, but for wrappers
 * that say so. Keeps I1 to I6, I8 to I10.
 */
#ifndef CORE_CALL_H
#define CORE_CALL_H

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "core/config.h"
#include "core/conn.h"
#include "core/fdtable.h"
#include "core/process.h"
#include "core/sight.h"
#include "tcpshim/event.h"

enum { CALL_SELECT_WORDS = 1024 / 64 };

/* The sets of a select as the program gave them, for at most 1024 descriptors. */
struct call_sets {
	uint64_t words[3][CALL_SELECT_WORDS];
};

enum {
	CALL_INPUT_BYTES = 64,    /* of the payload, kept in the call itself */
	CALL_ADDRESS_BYTES = 128, /* of a socket address */
};

struct call {
	uint64_t start_ns;
	uint64_t slot; /* the descriptor's, when the call began */
	uint64_t arguments[EVENT_ARGUMENTS];
	uint64_t silence_ns;
	uint64_t signal_mask;         /* the program's, if is_pipe_held */
	uint32_t forks;               /* of this process before the call */
	int64_t time[2];              /* a timeout that was given by pointer, if has_time */
	const struct call_sets *sets; /* of select; NULL if not known */
	struct conn *closing;         /* detached by this call, linked by next_closing */
	int32_t fd, other_fd;
	int32_t errno_before; /* which a handler of SIGPIPE finds */
	uint32_t length_in;
	uint16_t id;
	uint8_t argument_count;
	bool is_shown;
	bool is_stdio;     /* made by libc's stdio */
	bool is_pipe_held; /* SIGPIPE is held back until the line is written */
	bool is_nested;    /* came while the library itself was at work: counted, not shown */
	bool has_time, has_length_in;
	bool is_unlimited; /* a wait without a timeout */

	/* What was copied of the call's input before it (I4): sizes in bytes, 0 where nothing was
	 * asked for or could be read. */
	uint64_t asked_bytes;    /* of the vectors of a read */
	uint64_t input_position; /* in the thread's store, if it does not fit in input_bytes */
	uint32_t input_size, vector_count;
	uint8_t address_size, value_size;

	/* Not cleared: only what the sizes say has been written. */
	union {
		uint8_t input_bytes[CALL_INPUT_BYTES];
		struct iovec vectors[CALL_INPUT_BYTES / sizeof(struct iovec)]; /* of a read */
	};
	uint8_t address[CALL_ADDRESS_BYTES];
	uint64_t value[2]; /* an option, the request of an ioctl, an epoll event */
};

/* The same for a number that is not known as unwatched: one never seen is asked about. */
bool call_asks_what(int fd);

/* Whether calls on fd are watched. No: make the real call at once, as the function's last act:
 * after a system call each further return costs as much as the whole test. */
static inline bool call_is_watched(int fd)
{
	if (!process_is_watching)
		return false;
	/* Nothing but loads before a number known as unwatched is left: no frame is made for it. */
	if ((unsigned)fd < FDTABLE_LOW) {
		enum fd_state state = fdtable_state(fdtable_load(fd));

		if (state == FD_WATCHED)
			return true;
		if (state == FD_UNWATCHED || state == FD_SILENT)
			return false;
	}
	return call_asks_what(fd);
}

/* The same for calls that matter for a connection's policies: silent ones count too. */
bool call_is_known(int fd);

/* The same for setsockopt, which may have to be left out. */
static inline bool call_is_setting(int fd)
{
	return call_is_watched(fd) || (config.policy.is_forced && call_is_known(fd));
}

/* The same for shutdown, which a policy may have been quicker with. */
static inline bool call_is_shutting(int fd)
{
	return call_is_watched(fd) || (config.policy.on_eof != POLICY_EOF_OFF && call_is_known(fd));
}

/* The same for calls that send: MSG_FASTOPEN makes them connect. */
static inline bool call_is_sending(int fd, int flags)
{
	return call_is_watched(fd) || ((flags & MSG_FASTOPEN) && call_is_known(fd));
}

/* Of a descriptor that is not watched: whether the end of stream is to be acted on, so that a read
 * which returned 0 has to be handed in, with what the number stood for before it. */
static inline bool call_ends_silently(struct call *call, int fd)
{
	if (config.policy.on_eof == POLICY_EOF_OFF)
		return false;
	call->slot = fdtable_load(fd);
	return fdtable_state(call->slot) == FD_SILENT;
}

/* The same for an epoll instance: whether a watched descriptor was added to it. */
static inline bool call_is_waiting_on(int epoll_fd)
{
	return process_is_watching && fdtable_state(fdtable_load(epoll_fd)) == FD_EPOLL;
}

/* The library's own descriptor: to the program it does not exist (I7). */
static inline bool call_is_hidden(int fd)
{
	return fdtable_state(fdtable_load(fd)) == FD_OURS && process_is_itself();
}

/* The same for poll and select: whether anything is watched. */
static inline bool call_is_any_watched(void)
{
	return process_is_watching && sight_count() > 0;
}

/* fd: the descriptor the call is on, -1 for calls that make one or name many. */
void call_enter(struct call *call, enum tcpshim_call id, int fd);

/* The same for a read; is_over: call_ends_silently was true, and it has been made. */
void call_enter_read(struct call *call, enum tcpshim_call id, int fd, bool is_over);

/* For calls that end descriptors; they detach those in [first, last] that are watched, and forget
 * the others, before the real call (I9). False: nothing watched is among them. */
bool call_enter_close(struct call *call, enum tcpshim_call id, unsigned first, unsigned last);

/* For dup and its relatives; to: the number that is taken over and so closed, -1 for none. False:
 * neither is watched; then the caller makes the real call and reports a copy by call_copied. */
bool call_enter_dup(struct call *call, enum tcpshim_call id, int from, int to);

/* The next argument, in order. */
static inline void call_integer(struct call *call, int64_t value)
{
	call->arguments[call->argument_count++] = (uint64_t)value;
}

static inline void call_pointer(struct call *call, const void *value)
{
	call->arguments[call->argument_count++] = (uintptr_t)value;
}

/* A timeout by pointer: two 64-bit words, or NULL for none. */
void call_timeout(struct call *call, const void *timeout);

/* The sets of a select, kept in sets; false if they are too many or cannot be read. */
bool call_select_sets(struct call *call, struct call_sets *sets);

/* The argument of this kind, or otherwise. */
uint64_t call_argument(const struct call *call, enum tcpshim_argument_kind kind,
		       uint64_t otherwise);

/* Of a call that call_begin is not for, a wait: in a recording it stands as the one that this
 * thread is in. */
void call_mark(const struct call *call);

/* What has to be known or said before the real call: a close asks the kernel for the connection's
 * state, a read or write that would block is announced. */
void call_begin(struct call *call);

/* Copies the call's input, as far as it is readable: for a call that call_begin is not for. */
void call_copy_input(struct call *call);

/* A setsockopt, with its arguments: true if the real call is to be left out and success told. */
bool call_is_left_out(struct call *call);

/* The real shutdown has returned result: 0 instead of ENOTCONN where a policy had done before what
 * it asks for. */
int call_shut(const struct call *call, int result);

/* The real call has returned result, with errno set if it is negative. Returns result, errno
 * untouched. */
int64_t call_leave(struct call *call, int64_t result);

/* A wait that has lasted its first second without result: announces it. */
void call_announce(struct call *call);

/* Whether a wait is to be made in two parts so that it can be announced. */
bool call_is_announced(const struct call *call);

/* For __attribute__((cleanup)) in wrappers that may detach: runs at a cancellation too. */
void call_abandon(struct call *call) __attribute__((nothrow));
/* Runs when the function is left, by cancellation too: close is a cancellation point. */
#define CLOSING_CALL __attribute__((cleanup(call_abandon))) struct call

/* A descriptor was copied by a call that is not watched itself: the copy is what its original is.
 * Nothing in the child of vfork. */
void call_copied(int from, int to);

/* The number stands for something else by a way that is not seen. */
void call_replaced(int fd);

/* A name lookup of this thread has begun at start_ns and is over: the connect that follows tells.
 */
void call_looked_up(uint64_t start_ns);

/* A pipe has been made, perhaps by a library of this library's. */
void call_made_pipe(int fds[2]);

/* The program has made an io_uring: what goes through it is not seen, which is said once. */
void call_made_ring(void);

/* Before a message is sent: the connections whose descriptors its control message passes to another
 * process may be held there from now on. After one was received: what it brought. */
void call_passes_descriptors(const struct msghdr *message);
void call_received_descriptors(const struct msghdr *message);

/* Enters a quiet mode, returns the one before: what this thread will need from the kernel it asks
 * for now. */
enum process_quiet call_be_quiet(enum process_quiet quiet);

/* is_at_once: by _exit, which a child of fork uses to end without what is its parent's: then only
 * connections of its own are told of. Once a process. */
void call_exit(int status, bool is_at_once);

#endif
