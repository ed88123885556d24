/*
 * tcpshim/event.h: one traced call, as data.
 *
 * An event is a view. Its pointers refer to memory of its maker: of the traced program, of a work
 * area of the library, or of a mapped recording. They are valid until the maker continues. An event
 * contains all that a formatter prints; formatters read nothing else. Times are nanoseconds of
 * CLOCK_MONOTONIC unless the name of the field shows something else. This header contains data
 * only, no functions.
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
	/* No call has these effects. */
	EFFECT_EXIT,     /* the end of the program */
	EFFECT_REHEARSE, /* a rehearsal has done something to the connection */
};

/* How an argument is decoded and printed. The kernel writes the arguments whose kind ends in _OUT.
 */
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
	ARG_SCENARIO, /* enum tcpshim_scenario */
};

enum tcpshim_call {
#define CALL(symbol, ...) CALL_##symbol,
#include "tcpshim/calls.def"
#undef CALL
	/* Not calls of the program, but printed like calls: what a rehearsal did to a connection,
	 * and the end of the program. */
	CALL_rehearse,
	CALL_exit,
	CALL_COUNT
};

enum tcpshim_note {
#define NOTE(name, ...) NOTE_##name,
#include "tcpshim/notes.def"
#undef NOTE
	NOTE_COUNT
};
/* What can be rehearsed. */
enum tcpshim_scenario {
#define SCENARIO(name, ...) SCENARIO_##name,
#include "tcpshim/scenarios.def"
#undef SCENARIO
	SCENARIO_COUNT
};

enum { EVENT_NOTE_WORDS = 4 };
_Static_assert(NOTE_COUNT <= 64 * EVENT_NOTE_WORDS, "a set of notes has room for all");

enum tcpshim_severity { SEVERITY_INFO, SEVERITY_WARN, SEVERITY_ERROR, SEVERITY_NONE };

enum tcpshim_role { ROLE_NONE, ROLE_CLIENT, ROLE_SERVER, ROLE_LISTENER };

/* The kernel's numbers (include/net/tcp_states.h). 0: the state is not known. */
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

/* One end of a connection. family is AF_INET (also for IPv4-mapped addresses), AF_INET6, or 0 if
 * the address is not known. port is in host byte order. bytes has 4 or 16 bytes in network byte
 * order. */
struct tcpshim_address {
	uint16_t family;
	uint16_t port;
	uint32_t scope;
	uint8_t bytes[16];
};

/* How the end of a connection was reported to the program. */
enum tcpshim_reported { REPORTED_NOT, REPORTED_BY_POLL, REPORTED_AS_EOF, REPORTED_AS_ERROR };

/* What is known of when the peer's FIN arrived: the time; that it was earlier than a time; only
 * when the program saw it. */
enum tcpshim_fin_time { FIN_NONE, FIN_ARRIVED, FIN_ARRIVED_BEFORE, FIN_SEEN };

/* The numbers that notes are based on. What was not measured is 0. */
struct tcpshim_facts {
#define FACT(type, field, kind, name) type field;
#include "tcpshim/facts.def"
#undef FACT
	struct tcpshim_address local, peer;
};

/* A set of notes: note n is bit n % 64 of word n / 64. */
struct tcpshim_notes {
	uint64_t words[EVENT_NOTE_WORDS] __attribute__((aligned(8))); /* also on i386 */
};

/* The notes of one connection below one line. */
struct tcpshim_subject {
	struct tcpshim_notes notes;
	struct tcpshim_facts facts;
};

/* One descriptor of a poll-like call. events has POLL*, EPOLL* or SELECT_* bits, depending on the
 * call. If fd is -1, the descriptor is not known, and data is what the program gave to epoll_ctl.
 */
struct tcpshim_watch {
	int32_t fd;
	uint32_t events;
	uint64_t data;
};
enum { SELECT_READ = 1, SELECT_WRITE = 2, SELECT_EXCEPT = 4 };

enum { EVENT_ARGUMENTS = 6, EVENT_WATCHES = 8, EVENT_SUBJECTS = 16, EVENT_FRAMES = 64 };

enum tcpshim_event_flags {
	EVENT_SLEEPING = 1 << 0,       /* the call has not returned: there is no result */
	EVENT_MANY_THREADS = 1 << 1,   /* the process has more than one thread */
	EVENT_MANY_PROCESSES = 1 << 2, /* the trace contains, or may contain, several processes */
	EVENT_STDIO = 1 << 3,          /* the call was made by libc's stdio, not by the program */
	EVENT_ENDPOINTS = 1 << 4       /* a recording stores its connection's addresses with it */
};

/* The connection of a call. serial is 0 if there is none, or if there are several. */
struct tcpshim_connection {
	uint32_t serial; /* number within the process, from 1 */
	uint8_t role;    /* enum tcpshim_role */
	uint8_t state;   /* enum tcpshim_tcp_state after the call */
	uint64_t cookie; /* SO_COOKIE: the same in all processes that have it; 0: not known */
	struct tcpshim_address local, peer;
};

struct tcpshim_event { /* NOLINT(clang-analyzer-optin.performance.Padding): what belongs together */
	uint16_t call; /* enum tcpshim_call */
	uint16_t flags;
	int32_t pid, tid;
	const char *program;    /* name of the program */
	const char *attributes; /* of its process, as in the header of a recording; NULL: none */
	uint32_t thread_number; /* 1 is the main thread */
	uint64_t time_ns;       /* completion of the call */
	uint64_t start_ns;
	uint64_t previous_ns; /* this thread's last event */
	uint64_t base_ns;     /* when tracing began */
	int64_t realtime_ns;  /* the time of day at time_ns */
	int64_t result;
	int32_t error; /* errno, 0 on success */

	uint32_t argument_count;
	uint64_t arguments[EVENT_ARGUMENTS];

	struct tcpshim_connection connection;

	/* Decoded arguments, from memory that the kernel has accepted; zero if there are none. */
	const void *address; /* struct sockaddr */
	uint32_t address_size;
	const void *value; /* of an option, an ioctl, a timespec or a timeval */
	uint32_t value_size;
	uint32_t length_out; /* the value that ARG_LENGTH_OUT points to */
	bool has_length_out;
	/* Where the transferred bytes are, as far as they are available. Bytes after the first
	 * data_total are not part of the transfer. */
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
