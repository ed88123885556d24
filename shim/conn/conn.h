/*
 * conn: the connections, which live in a slab, and what is known of each.
 *
 * Owns the slab. It is never unmapped: a stale reader sees old data, never freed memory, and
 * recognises it by the generation. A connection lives as long as it has references: one for each
 * descriptor in the fd table, and one for each function that works on it at the moment. Counters
 * are atomic, so that threads that share a connection lose no counts; conn_read makes a plain copy
 * for the pure functions.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5, I9.
 * Units: bytes, nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef CONN_CONN_H
#define CONN_CONN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "conn/conn_option.h"
#include "conn/tcpinfo.h"
#include "tcpshim/event.h"

enum conn_kind { CONN_KIND_TCP, CONN_KIND_SOCKET, CONN_KIND_FILE };

enum conn_phase {
	CONN_PHASE_NEW,        /* a socket, not connected */
	CONN_PHASE_CONNECTING, /* EINPROGRESS */
	CONN_PHASE_OPEN,       /* connect or accept succeeded; it may have died since */
	CONN_PHASE_LISTENING,
};

enum conn_flag {
	CONN_FLAG_SHUT_READ = 1 << 0,  /* by this program */
	CONN_FLAG_SHUT_WRITE = 1 << 1, /* by this program */
	CONN_FLAG_DEAD = 1 << 2,       /* its end by an error has been seen */
	CONN_FLAG_PASSED = 1 << 3,     /* it was passed to another process, or received from one */
	CONN_FLAG_ADOPTED = 1 << 4,    /* it was open before the library first saw it */
	CONN_FLAG_FIN_FIRST = 1 << 5,  /* this side sent its FIN before the peer's was received */
	CONN_FLAG_POLICY_ENDED = 1 << 6, /* by a policy, at the peer's FIN */
	CONN_FLAG_OPTIONS_SET = 1 << 7,  /* the options of the policies have been set */
	CONN_FLAG_QUEUE_FULL = 1 << 9,   /* a listening socket: reported as full */
	CONN_FLAG_USES_MORE = 1 << 10,   /* a write had MSG_MORE: the program holds data back */
	CONN_FLAG_FIN_BOUND = 1 << 8,    /* the peer's FIN arrived at fin_arrived_ns or earlier */
};

/* What a policy did, to be reported on the connection's next line. */
enum policy_action {
	POLICY_ACTION_SET_KEEPALIVE = 1 << 0,
	POLICY_ACTION_SET_USER_TIMEOUT = 1 << 1,
	POLICY_ACTION_SENT_FIN = 1 << 2,
	POLICY_ACTION_SENT_RST = 1 << 3,
	POLICY_ACTION_REFUSED = 1 << 4,       /* the kernel refused an option */
	POLICY_ACTION_OVERRULED = 1 << 5,     /* the program's setsockopt was not carried out */
	POLICY_ACTION_WAS_OVERRULED = 1 << 6, /* the program changed a policy's option */
};

/* What a rehearsal did, to be reported in a line of its own; bits beside those of policies. */
enum rehearsal_action {
	REHEARSAL_ACTION_CUT = 1 << 8,
	REHEARSAL_ACTION_DEAFENED = 1 << 9,
	REHEARSAL_ACTION_HEALED = 1 << 10,
	REHEARSAL_ACTION_ENDED = 1 << 11,  /* end of stream; the peer hears what is sent */
	REHEARSAL_ACTION_CLOSED = 1 << 12, /* end of stream, and cut */
	REHEARSAL_ACTION_RESET = 1 << 13,
	REHEARSAL_ACTION_UNANSWERED = 1 << 14,
	REHEARSAL_ACTION_REFUSED = 1 << 15,
	REHEARSAL_ACTION_SLOWED = 1 << 16,
	REHEARSAL_ACTION_FAILED = 1 << 17,
	REHEARSAL_ACTION_HASTENED = 1 << 18, /* as fast as before it was slowed */
};

/* How far the rehearsal is with a connection. */
enum rehearsal_stage {
	REHEARSAL_STAGE_NONE,   /* not decided */
	REHEARSAL_STAGE_SPARED, /* not chosen */
	REHEARSAL_STAGE_CHOSEN, /* it waits for its time */
	REHEARSAL_STAGE_BUSY,   /* a thread acts on it */
	REHEARSAL_STAGE_ACTED,  /* it is cut, ended or slow */
	REHEARSAL_STAGE_OVER,   /* nothing follows */
};

/* What is remembered of a rehearsal of this connection. */
struct conn_rehearsal {
	_Atomic uint8_t stage;          /* enum rehearsal_stage */
	_Atomic bool is_signed;         /* the program has set a key for TCP-MD5 or TCP-AO */
	_Atomic bool is_keyed;          /* cut by a TCP-MD5 key */
	_Atomic uint8_t ttl, hop;       /* what the minimum was, if it is cut by that */
	_Atomic uint32_t writes, reads; /* calls that moved bytes, so far */
	_Atomic uint64_t acted_ns;      /* 0: not yet */
	_Atomic uint64_t until_ns;      /* UINT64_MAX: to the end */
	_Atomic uint64_t sent_bytes;    /* by this program, until then */
	_Atomic uint64_t rate;          /* if it is slow, bytes a second */
	_Atomic uint32_t rate_before;   /* SO_MAX_PACING_RATE before that */
	_Atomic uint64_t unread_bytes;  /* that had arrived before that and can still be read */
	_Atomic bool has_end;           /* the program was given an end of stream */
	_Atomic uint64_t reset_ns;      /* 0: not yet */
	/* What the kernel counted until then (conn/rehearsed.h). */
	_Atomic uint64_t acknowledged_bytes, received_bytes, heard_ns, moved_ns;
	_Atomic uint32_t retransmits_total;
	_Atomic uint32_t rtt_us, rtt_variation_us, congestion_window, send_window_bytes;
	_Atomic uint8_t retransmits, probes;
};

/* What policies and rehearsals did on one connection, as a plain copy. */
struct conn_policy {
	uint32_t actions;  /* enum policy_action and rehearsal_action, not reported before */
	uint64_t acted_ns; /* when a rehearsal first acted on it, 0: never */
	uint64_t rate;     /* to which a rehearsal has slowed it, bytes a second */
	int32_t values[CONN_OPTION_COUNT];
	uint8_t option; /* enum conn_option: which one failed or was overruled */
	int32_t error;
};

/* Whether the last write was one TLS record that holds an alert. */
enum conn_alert {
	CONN_ALERT_NONE,
	CONN_ALERT_MAYBE, /* TLS 1.3 encrypts the type; only the size is that of an alert */
	CONN_ALERT_YES,
};

/* A write this long after the last transfer follows a pause: the kernel is asked before it. */
#define CONN_PAUSE_NS UINT64_C(200000000)

/* What the kernel knew of a connection before a write after a pause. */
struct conn_pause {
	uint64_t silence_ns; /* since data or an acknowledgement came from the peer; 0: no pause */
	uint64_t fin_ns;     /* since the peer's FIN, if state is CLOSE_WAIT */
	uint64_t quiet_ns;   /* before that FIN: how long nothing had moved */
	uint8_t state;
	bool is_fin_bound;    /* the FIN may have arrived earlier */
	bool has_outstanding; /* something was not acknowledged */
	bool has_unread;      /* the program has not read all that came before that FIN */
};

/* How long the kernel has held up this side's data (tcpi_busy_time, _rwnd_limited,
 * _sndbuf_limited), and when that was measured. */
struct conn_limits {
	uint64_t at_ns, busy_ns, window_ns, buffer_ns;
};

enum { CONN_FDS = 4 }; /* how many descriptors are remembered with their connection */

struct conn { /* NOLINT(clang-analyzer-optin.performance.Padding): ordered by use */
	/* Two cache lines with everything that a read or write needs. */
	_Atomic uint64_t life; /* generation << 32 | references */
	uint32_t serial;       /* number in this process, from 1 */
	_Atomic uint32_t flags;
	uint8_t kind;
	_Atomic uint8_t phase;
	_Atomic bool is_ready; /* a wait reported it readable, and it has not been read since */
	_Atomic uint32_t unreported; /* enum policy_action */
	/* The lap of the recording in which this connection was found ordinary: its transfers need
	 * no more than a transfer record. 0: not checked (trace/fastpath.c). */
	_Atomic uint32_t ordinary_lap;
	_Atomic uint32_t reported_lap; /* the lap in which its addresses were recorded last */
	_Atomic uint32_t polls;
	_Atomic uint64_t fin_ns;    /* when end of stream was seen */
	_Atomic uint64_t active_ns; /* when the last byte moved either way, or when it was opened */
	_Atomic uint64_t heard_ns;  /* when the last byte or FIN came from the peer */
	_Atomic uint64_t received_bytes, sent_bytes;
	_Atomic uint64_t unanswered_ns;         /* the first unanswered write, or 0 */
	_Atomic uint64_t write_ns, write_bytes; /* the last write */
	_Atomic uint64_t sent_before_idle;      /* sent_bytes before the first unanswered write */
	_Atomic uint64_t idle_ns;               /* how long the peer had been idle at that write */

	uint32_t index;
	/* may be read by a slow pop while conn is pushed again: the list's tag rejects the
	 * result */
	_Atomic uint32_t next_free;

	/* While it is being closed: the next connection that the same call closes, the descriptor,
	 * and what the kernel reported before the call. */
	struct conn *next_closing;
	int32_t closing_fd;
	struct tcpinfo closing_info;

	/* What is known of whether a call would block, without asking the kernel. */
	_Atomic bool is_nonblocking;  /* set by the program */
	_Atomic uint8_t roomy_writes; /* how many more small writes will certainly find room */

	_Atomic uint8_t match;     /* enum match_result */
	_Atomic bool is_untraced;  /* nothing is shown of it, and its transfers pass through */
	_Atomic uint32_t enforced; /* bit OPTION_x: the option has the policy's value */
	_Atomic int32_t values[CONN_OPTION_COUNT];
	_Atomic uint8_t policy_option;
	_Atomic int32_t policy_error;

	_Atomic bool is_closing;      /* a call that closes it is in progress */
	_Atomic uint64_t cookie;      /* SO_COOKIE; 0: not known */
	_Atomic uint32_t descriptors; /* how many descriptors of this process refer to it */
	_Atomic uint8_t role, state;
	_Atomic uint32_t eof_count;
	_Atomic uint32_t forks;        /* how often the process had forked when it was opened */
	_Atomic int32_t fds[CONN_FDS]; /* numbers that referred to it, or -1; check before use */
	_Atomic uint64_t epoll; /* the slot of the epoll instance it was last added to, or 0 */
	struct tcpshim_address local, peer;

	_Atomic uint64_t noted; /* bit n: row n of notes_once was given (conn/notes.h) */
	/* tcpi_bytes_acked before the first byte that is counted here */
	_Atomic uint64_t acknowledged_base;
	_Atomic uint64_t sent_before_bytes; /* in the send queue when it was adopted */
	_Atomic uint64_t connect_ns, opened_ns;
	_Atomic uint64_t polled_ns; /* the last wait that reported it dead */

	_Atomic uint64_t fin_arrived_ns; /* the peer's FIN; 0: not known */
	_Atomic uint64_t fin_quiet_ns;   /* how long nothing had moved then */
	_Atomic uint64_t blocked_ns;     /* since when a write has found no room; 0: it has */
	_Atomic uint64_t received_base;  /* tcpi_bytes_received when it was adopted */
	_Atomic uint64_t limits_at_ns, limits_busy_ns, limits_window_ns, limits_buffer_ns;
	_Atomic uint64_t nagle_lost_ns;
	_Atomic uint32_t nagle_count;
	_Atomic uint64_t alert_ns; /* the write that alert is about: it is the last if write_ns */
	_Atomic uint8_t alert;     /* enum conn_alert */
	_Atomic uint64_t asked_ns; /* when the kernel was last asked about a writer that waits */
	struct conn_rehearsal rehearsal;
} __attribute__((aligned(64)));

/* A plain copy of a connection, for pure functions and tests. */
struct conn_view {
	uint32_t serial;
	uint8_t phase, role, state, kind;
	uint32_t flags, eof_count, polls;
	struct tcpshim_address local, peer;
	uint64_t noted;
	uint64_t sent_bytes, received_bytes, acknowledged_base, sent_before_bytes;
	uint64_t connect_ns, opened_ns, active_ns, heard_ns, unanswered_ns, idle_ns, fin_ns;
	uint64_t write_ns, write_bytes, sent_before_idle;
	uint64_t fin_arrived_ns, fin_quiet_ns, blocked_ns, received_base, nagle_lost_ns;
	struct conn_limits limits;
	uint32_t nagle_count, connections;
	uint8_t alert;
};

/* What one call did to one connection. */
struct conn_step {
	uint8_t effect;    /* enum tcpshim_effect */
	bool is_sleeping;  /* the call has not returned yet */
	bool is_unlimited; /* a wait without a timeout */
	bool is_peek;
	bool has_more;        /* a write with MSG_MORE */
	bool is_disconnect;   /* connect to AF_UNSPEC */
	bool is_other_file;   /* the descriptor does not refer to a TCP socket any more */
	bool is_asking_write; /* waits for room to write */
	bool is_shared_here;  /* close: another descriptor of this process refers to it */
	bool is_maybe_shared; /* close: another process may have it open */
	/* other_fd. close: the descriptor that still refers to it. closed-unseen: the number */
	int32_t fd, other_fd;
	int32_t error;
	int32_t how;      /* shutdown */
	uint32_t revents; /* POLL* */
	int64_t result;
	uint64_t asked_bytes; /* by a read or write; 0: not known */
	uint64_t start_ns, now_ns;
	struct conn_pause pause; /* before this write */
	uint8_t alert;           /* enum conn_alert: what this write wrote */
	uint64_t lookup_ns;      /* connect: duration of a name lookup just before it */
	uint8_t policy_end; /* enum policy_action: how a policy ended it at this end of stream */
	struct tcpinfo before, after;       /* state STATE_UNKNOWN if not sampled */
	uint32_t queue_length, queue_limit; /* accept: of the listening socket, if it was asked */
	struct tcpinfo_ports ports;         /* connect: if none was free */
	struct conn_policy policy; /* what policies did since the last line, this call included */
};

/* Creates a connection with one reference, the caller's. Returns NULL if there is no memory.
 * forks: process_forks() when it was opened. */
struct conn *conn_create(enum conn_kind kind, enum conn_phase phase, uint32_t forks,
			 uint64_t now_ns);

/* Resets conn to a new connection without a history. References and descriptors are kept. */
void conn_clear(struct conn *conn, enum conn_phase phase, uint64_t now_ns);

/* Takes a reference to the connection of the slot. Returns NULL if it is gone. */
struct conn *conn_acquire(uint64_t slot);

/* Returns the connection of the slot without taking a reference: it may only be read, and may
 * already have been reused for another connection. Returns NULL if it is gone. */
struct conn *conn_peek(uint64_t slot);

/* Gives a reference back. Returns true if it was the last one: the connection is gone. */
bool conn_release(struct conn *conn);

/* Returns the slot that the fd table stores for conn. The reference belongs to the slot from then
 * on. */
uint64_t conn_slot(const struct conn *conn);

/* Takes a reference to the live connection at this index of the slab, below conn_slab_size().
 * Returns NULL if there is none. */
struct conn *conn_acquire_at(uint32_t index);
uint32_t conn_slab_size(void);

void conn_read(const struct conn *conn, struct conn_view *view);

/* Makes the fast path check the connection again. Must be called after every change of conn
 * other than to its counters. */
static inline void conn_is_changed(struct conn *conn)
{
	atomic_store(&conn->ordinary_lap, 0);
}

/* Takes what policies did and has not been reported yet. It counts as reported from now on. */
void conn_take_policy(struct conn *conn, struct conn_policy *policy);

/* Remembers which of the notes that a connection is given once were given (bits as in noted), and
 * forgets those of clear, which may be given again. */
void conn_note(struct conn *conn, uint64_t given, uint64_t clear);

/* Returns whether another process has the connection open too, or may have. forks: process_forks()
 * now. */
static inline bool conn_is_maybe_shared(const struct conn *conn, uint32_t forks)
{
	return atomic_load(&conn->forks) != forks ||
	       (atomic_load(&conn->flags) & CONN_FLAG_PASSED) != 0;
}

#endif
