/*
 * call: one call of the program, on its way from the wrapper to the trace.
 *
 * A wrapper asks watch.h whether the call is watched. If not, it tail-calls the real function.
 * Otherwise it enters the call, sets its arguments, calls before_call, makes the real call, and
 * returns what after_call returns. struct call is on the caller's stack and is the only thing that
 * exists across the real call (I1).
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I1 to I6,
 * I8. Units: bytes, nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef TRACE_CALL_H
#define TRACE_CALL_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "conn/conn.h"
#include "tcpshim/event.h"

enum { CALL_SELECT_WORDS = 1024 / 64, CALL_LONG_BITS = 8 * sizeof(long) };

/* The sets of a select as the program passed them, for at most 1024 descriptors. */
struct call_sets {
	uint64_t words[3][CALL_SELECT_WORDS];
};

enum {
	CALL_INPUT_BYTES = 64,    /* of the payload, kept in the call itself */
	CALL_ADDRESS_BYTES = 128, /* of a socket address */
};

struct call {
	uint64_t start_ns;
	uint64_t slot; /* of the descriptor, when the call began */
	uint64_t arguments[EVENT_ARGUMENTS];
	struct conn_pause pause;      /* before a write */
	uint64_t signal_mask;         /* the program's, if is_sigpipe_blocked */
	uint32_t forks;               /* of this process before the call */
	int64_t time[2];              /* a timeout that was passed by pointer, if has_time */
	const struct call_sets *sets; /* of select; NULL: not known */
	struct conn *closing; /* connections detached by this call, linked by next_closing */
	int32_t fd, other_fd;
	int32_t errno_before; /* which a handler of SIGPIPE finds */
	uint32_t length_in;
	uint16_t id;
	uint8_t argument_count;
	bool is_shown;
	bool is_stdio;           /* made by libc's stdio */
	bool is_sigpipe_blocked; /* until the line is written */
	bool is_registered;      /* what it has detached (guest/cancelled.h) */
	bool is_nested; /* it came while the library itself was running: counted, not shown */
	bool has_time, has_length_in;
	bool is_unlimited;    /* a wait without a timeout */
	bool is_refused;      /* a connect that is to go nowhere (trace/connecting.h) */
	bool is_refused_here; /* and has nowhere to go */
	bool is_eof_only;     /* a read on an untraced descriptor: only end of stream matters */

	/* What was copied of the call's input before the call (I4). Sizes are 0 if nothing was
	 * asked for or could be read. */
	uint64_t asked_bytes;    /* by the vectors of a read or write */
	uint64_t input_position; /* in the thread's store; 0: in input_bytes */
	uint32_t input_size, vector_count;
	uint8_t address_size, value_size;
	uint8_t alert; /* enum conn_alert: what is to be written */

	/* Not cleared: only as many bytes are valid as the sizes above. */
	union {
		uint8_t input_bytes[CALL_INPUT_BYTES];
		struct iovec vectors[CALL_INPUT_BYTES / sizeof(struct iovec)]; /* of a read */
	};
	uint8_t address[CALL_ADDRESS_BYTES];
	uint64_t value[2]; /* an option, the request of an ioctl, an epoll event */
};

/* Begins a call: takes the start time and clears the rest. fd: the descriptor that the call is on,
 * or -1 for calls that make one or name several. */
void call_enter(struct call *call, enum tcpshim_call id, int fd);

/* Like call_enter, with the slot that fd had at a time that the caller chose. */
void call_start(struct call *call, enum tcpshim_call id, int fd, uint64_t slot);

/* Like call_start, for a line of the library itself: the guard may be up. */
void call_describe(struct call *call, enum tcpshim_call id, int fd, uint64_t slot);

/* Begins a read after watch_is_read. Of a read on an untraced descriptor only the arguments are
 * kept. */
static inline void call_enter_read(struct call *call, enum tcpshim_call id, int fd)
{
	if (!call->is_eof_only) {
		call_enter(call, id, fd);
		return;
	}
	call->id = (uint16_t)id;
	call->fd = fd;
	call->argument_count = 0;
	call->is_stdio = false;
}

/* Appends the next argument, in the order of the function's parameters. */
static inline void call_integer(struct call *call, int64_t value)
{
	call->arguments[call->argument_count++] = (uint64_t)value;
}

static inline void call_pointer(struct call *call, const void *value)
{
	call->arguments[call->argument_count++] = (uintptr_t)value;
}

/* Returns the bytes of a set that the kernel reads for so many descriptors: whole longs. */
static inline size_t call_set_bytes(int count)
{
	return ((size_t)count + CALL_LONG_BITS - 1) / CALL_LONG_BITS * sizeof(long);
}

/* Reads a timeout that the program passed by pointer: a struct timespec or timeval, or NULL for
 * none. */
void call_timeout(struct call *call, const void *timeout);

#if __SIZEOF_LONG__ == 4
/* Read those of programs with a time_t of 64 bits. */
void call_timespec64(struct call *call, const void *timeout);
void call_timeval64(struct call *call, const void *timeout);
#endif

/* Copies the sets of a select to sets. Returns false if they are too large or cannot be read. */
bool call_select_sets(struct call *call, struct call_sets *sets);

/* Returns the argument of this kind, or otherwise if the call has none. */
uint64_t call_argument(const struct call *call, enum tcpshim_argument_kind kind,
		       uint64_t otherwise);

/* Returns whether the call copies a descriptor: dup and its variants, fcntl with F_DUPFD. */
bool call_is_copy(const struct call *call);

/* Returns whether a connect dissolves the connection (AF_UNSPEC). */
bool call_is_disconnect(const struct call *call);

/* Returns what the call does to its descriptor: EFFECT_SPLICE becomes a read or a write. */
enum tcpshim_effect call_effect(const struct call *call);

/* Returns how many bytes were moved: the result, except for calls that count messages. */
int64_t call_bytes(const struct call *call, int64_t result);

#endif
