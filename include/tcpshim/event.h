/*
 * tcpshim/event.h: one traced call, as data.
 *
 * An event is a view: its pointers lead to memory of whoever made it (the traced program's, a work
 * area of the library, a mapped recording) and are good until that owner goes on. All that a
 * formatter prints is in it; formatters read nothing else. Times are nanoseconds of CLOCK_MONOTONIC
 * unless a name says otherwise. Data only: no functions.
 */
#ifndef TCPSHIM_EVENT_H
#define TCPSHIM_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* What a successful call does to a connection. */
enum tcpshim_effect {
	EFFECT_NONE,
	EFFECT_CREATE,
	EFFECT_LISTEN,
	EFFECT_CONNECT,
	EFFECT_ACCEPT,
	EFFECT_SHUTDOWN,
	EFFECT_CLOSE,
	EFFECT_DUP,
	EFFECT_PAIR,
	EFFECT_ADOPT,
	EFFECT_READ,
	EFFECT_WRITE,
	EFFECT_SPLICE,
	EFFECT_WAIT,
	EFFECT_EPOLL,
	EFFECT_GET_OPTION,
	EFFECT_SET_OPTION,
	EFFECT_EXIT, /* of no call: the program's end */
};

/* How an argument is decoded and printed. _OUT: the kernel writes it. */
enum tcpshim_argument_kind {
	ARG_NONE,
	ARG_FD,
	ARG_INTEGER,
	ARG_UNSIGNED,
	ARG_SIZE,
	ARG_POINTER,
	ARG_LENGTH,
	ARG_LENGTH_OUT,
	ARG_DOMAIN,
	ARG_SOCKET_TYPE,
	ARG_PROTOCOL,
	ARG_SOCKET_FLAGS,
	ARG_ADDRESS,
	ARG_ADDRESS_OUT,
	ARG_SHUTDOWN_HOW,
	ARG_CLOSE_RANGE_FLAGS,
	ARG_OPEN_FLAGS,
	ARG_FCNTL_COMMAND,
	ARG_FCNTL_VALUE,
	ARG_IOCTL_REQUEST,
	ARG_IOCTL_VALUE,
	ARG_OPTION_LEVEL,
	ARG_OPTION_NAME,
	ARG_OPTION,
	ARG_OPTION_OUT,
	ARG_BYTES,
	ARG_BYTES_OUT,
	ARG_VECTOR,
	ARG_VECTOR_OUT,
	ARG_MESSAGE,
	ARG_MESSAGE_OUT,
	ARG_MESSAGES,
	ARG_MESSAGES_OUT,
	ARG_MESSAGE_FLAGS,
	ARG_OFFSET,
	ARG_POSITION,
	ARG_RW_FLAGS,
	ARG_PAIR_OUT,
	ARG_SPLICE_FLAGS,
	ARG_POLL_SET,
	ARG_READ_SET,
	ARG_WRITE_SET,
	ARG_EXCEPT_SET,
	ARG_EPOLL_SET,
	ARG_EPOLL_FLAGS,
	ARG_EPOLL_OPERATION,
	ARG_EPOLL_EVENT,
	ARG_MILLISECONDS,
	ARG_TIMESPEC,
	ARG_TIMEVAL,
};

enum tcpshim_call {
#define CALL(symbol, ...) CALL_##symbol,
#include "tcpshim/calls.def"
#undef CALL
	CALL_exit, /* the program's end: no call of its own, printed as one */
	CALL_COUNT
};

enum tcpshim_note {
#define NOTE(name, ...) NOTE_##name,
#include "tcpshim/notes.def"
#undef NOTE
	NOTE_COUNT
};
enum { EVENT_NOTE_WORDS = 4 };
_Static_assert(NOTE_COUNT <= 64 * EVENT_NOTE_WORDS, "a set of notes has room for all");

enum tcpshim_severity { SEVERITY_INFO, SEVERITY_WARN, SEVERITY_ERROR, SEVERITY_NONE };

enum tcpshim_role { ROLE_NONE, ROLE_CLIENT, ROLE_SERVER, ROLE_LISTENER };

/* The kernel's numbers (include/net/tcp_states.h), 0 where the state is not known. */
enum tcpshim_tcp_state {
	STATE_UNKNOWN,
	STATE_ESTABLISHED,
	STATE_SYN_SENT,
	STATE_SYN_RECV,
	STATE_FIN_WAIT_1,
	STATE_FIN_WAIT_2,
	STATE_TIME_WAIT,
	STATE_CLOSE,
	STATE_CLOSE_WAIT,
	STATE_LAST_ACK,
	STATE_LISTEN,
	STATE_CLOSING,
	STATE_COUNT
};

/* An end of a connection. family: AF_INET (v4-mapped addresses too) or AF_INET6, 0 if unknown. Port
 * in host order; bytes in network order, 4 or 16 of them. */
struct tcpshim_address {
	uint16_t family;
	uint16_t port;
	uint32_t scope;
	uint8_t bytes[16];
};

/* How the program learned of a connection's end. */
enum tcpshim_reported { REPORTED_NOT, REPORTED_BY_POLL, REPORTED_AS_EOF, REPORTED_AS_ERROR };

/* The numbers that notes are based on. What was not measured is 0. */
struct tcpshim_facts {
#define FACT(type, field, kind, name) type field;
#include "tcpshim/facts.def"
#undef FACT
	struct tcpshim_address local, peer;
};

/* A set of notes: note n is bit n % 64 of word n / 64. */
struct tcpshim_notes {
	uint64_t words[EVENT_NOTE_WORDS];
};

/* The notes of one connection below one line. */
struct tcpshim_subject {
	struct tcpshim_notes notes;
	struct tcpshim_facts facts;
};

/* One descriptor of a poll-like call: the bits are POLL*, EPOLL* or SELECT_*, by the call. fd -1:
 * not known, then data is the program's. */
struct tcpshim_watch {
	int32_t fd;
	uint32_t events;
	uint64_t data;
};
enum { SELECT_READ = 1, SELECT_WRITE = 2, SELECT_EXCEPT = 4 };

enum { EVENT_ARGUMENTS = 6, EVENT_WATCHES = 8, EVENT_SUBJECTS = 16, EVENT_FRAMES = 64 };

enum tcpshim_event_flags {
	EVENT_SLEEPING = 1 << 0,       /* the call has not returned yet: no result */
	EVENT_MANY_THREADS = 1 << 1,   /* the process has more than one thread */
	EVENT_MANY_PROCESSES = 1 << 2, /* the trace holds, or may hold, more than one process */
	EVENT_STDIO = 1 << 3,          /* made by libc's stdio, not by the program itself */
	EVENT_ENDPOINTS = 1 << 4       /* its connection's addresses have not been told before */
};

/* The one connection that a call was on. serial 0: none, or several. */
struct tcpshim_connection {
	uint32_t serial; /* in its process, from 1 */
	uint8_t role;    /* enum tcpshim_role */
	uint8_t state;   /* enum tcpshim_tcp_state after the call */
	struct tcpshim_address local, peer;
};

struct tcpshim_event { /* NOLINT(clang-analyzer-optin.performance.Padding): what belongs together */
	uint16_t call; /* enum tcpshim_call */
	uint16_t flags;
	int32_t pid, tid;
	const char *program;    /* its name */
	uint32_t thread_number; /* 1 is the main thread */
	uint64_t time_ns;       /* completion */
	uint64_t start_ns;
	uint64_t previous_ns; /* this thread's last event */
	uint64_t base_ns;     /* when tracing began */
	int64_t realtime_ns;  /* the time of day at time_ns */
	int64_t result;
	int32_t error; /* errno, 0 on success */

	uint32_t argument_count;
	uint64_t arguments[EVENT_ARGUMENTS];

	struct tcpshim_connection connection;

	/* What the kernel vouched for, decoded; zero where there is nothing. */
	const void *address; /* struct sockaddr */
	uint32_t address_size;
	const void *value; /* an option's, an ioctl's, a timespec's or a timeval's */
	uint32_t value_size;
	uint32_t length_out; /* what ARG_LENGTH_OUT points to */
	bool has_length_out;
	/* where the bytes moved lie, as many as are at hand; only the first data_total count */
	const struct iovec *data;
	uint32_t data_count;
	uint64_t data_total;

	struct tcpshim_watch asked[EVENT_WATCHES], ready[EVENT_WATCHES];
	uint64_t asked_total, ready_total;
	bool has_asked;

	const uint64_t *stack; /* return addresses, the innermost first */
	uint32_t stack_count;

	uint32_t subject_count;
	uint32_t subjects_left_out;
	struct tcpshim_subject subjects[EVENT_SUBJECTS];
};

#endif
