/*
 * conn: the connections, their life in a slab, and what is known of each.
 *
 * Owns the slab. It is never unmapped: a stale reader sees old data, never freed memory, and a
 * generation that no longer fits. A connection lives as long as somebody holds a reference: each
 * descriptor in the fd table one, and whoever works on it, for a moment, another. Counters are
 * atomic, so that threads which share a connection lose nothing; conn_read takes a plain copy for
 * the pure functions.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5, I9.
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
	CONN_FLAG_DEAD = 1 << 2,       /* its end by error is known */
	CONN_FLAG_PASSED = 1 << 3,     /* another process was given it, or it came from one */
	CONN_FLAG_ADOPTED = 1 << 4,    /* open before it was first seen */
	CONN_FLAG_FIN_FIRST = 1 << 5,  /* this side's FIN went out before the peer's came */
	CONN_FLAG_ENDED = 1 << 6,      /* by a policy, at the peer's FIN */
	CONN_FLAG_POLICED = 1 << 7,    /* the policies' options have been set */
};

/* What a policy did, to be told on the next line of the connection. */
enum policy_action {
	POLICY_ACTION_SET_KEEPALIVE = 1 << 0,
	POLICY_ACTION_SET_USER_TIMEOUT = 1 << 1,
	POLICY_ACTION_SENT_FIN = 1 << 2,
	POLICY_ACTION_SENT_RST = 1 << 3,
	POLICY_ACTION_REFUSED = 1 << 4,       /* the kernel refused an option */
	POLICY_ACTION_OVERRULED = 1 << 5,     /* the program's setsockopt was left out */
	POLICY_ACTION_WAS_OVERRULED = 1 << 6, /* the program set an option of the policy's to
					       * something else
					       */
};

/* The policies on one connection, as a plain copy. */
struct conn_policy {
	uint32_t actions; /* enum policy_action, not told before */
	int32_t values[CONN_OPTION_COUNT];
	uint8_t option; /* enum conn_option: of a failure or an overruling */
	int32_t error;
};

enum { CONN_FDS = 4 }; /* descriptors that are remembered with their connection */

struct conn { /* NOLINT(clang-analyzer-optin.performance.Padding): what is used together first */
	/* Two cache lines that every read and write needs. */
	_Atomic uint64_t life; /* generation << 32 | references */
	uint32_t serial;       /* in this process, from 1 */
	_Atomic uint32_t flags;
	uint8_t kind;
	_Atomic uint8_t phase;
	_Atomic bool is_ready;       /* a wait reported it readable, and it was not read since */
	_Atomic uint32_t unreported; /* enum policy_action */
	/* The recording's lap in which it was found to have nothing that a transfer would have to
	 * tell; 0: not known (trace/fastpath.c). */
	_Atomic uint32_t ordinary_lap;
	_Atomic uint32_t told_lap; /* of the recording, when its addresses were told last */
	_Atomic uint32_t polls;
	_Atomic uint64_t fin_ns;    /* end of stream seen */
	_Atomic uint64_t active_ns; /* last byte moved either way, or opened */
	_Atomic uint64_t heard_ns;  /* last byte or FIN from the peer */
	_Atomic uint64_t received_bytes, sent_bytes;
	_Atomic uint64_t unanswered_ns;         /* first write since then, 0 if none */
	_Atomic uint64_t write_ns, write_bytes; /* the last write */
	_Atomic uint64_t sent_before_idle;      /* sent_bytes before that write */
	_Atomic uint64_t idle_ns; /* how long the peer had been silent at that write */

	uint32_t index;
	/* read by a slow pop while it is pushed again: the tag rejects it */
	_Atomic uint32_t next_free;

	/* While it is being closed: the next of the same call, its number, what the kernel said
	 * before. */
	struct conn *next_closing;
	int32_t closing_fd;
	struct tcpinfo closing_info;

	/* What is known without asking whether a call would block. */
	_Atomic bool is_nonblocking;  /* the program said so */
	_Atomic uint8_t roomy_writes; /* how many more small writes surely find room */

	_Atomic uint8_t match;     /* enum match_result */
	_Atomic bool is_untraced;  /* nothing is shown of it, and its transfers pass */
	_Atomic uint32_t enforced; /* bit OPTION_x: the option has the policy's value */
	_Atomic int32_t values[CONN_OPTION_COUNT];
	_Atomic uint8_t policy_option;
	_Atomic int32_t policy_error;

	_Atomic bool is_closing;      /* hangs on a call that closes it */
	_Atomic uint64_t cookie;      /* SO_COOKIE of one that was adopted, 0 else */
	_Atomic uint32_t descriptors; /* of this process that stand for it */
	_Atomic uint8_t role, state;
	_Atomic uint32_t eof_count;
	_Atomic uint32_t forks;        /* how often the process had forked when it was opened */
	_Atomic int32_t fds[CONN_FDS]; /* numbers that stood for it, or -1: to be checked */
	_Atomic uint64_t epoll;        /* the slot of the instance it was last added to, or 0 */
	struct tcpshim_address local, peer;

	_Atomic uint64_t noted; /* bit n: row n of notes_once was given (conn/notes.h) */
	/* tcpi_bytes_acked before the first byte counted here */
	_Atomic uint64_t acknowledged_base;
	_Atomic uint64_t sent_before_bytes; /* in the send queue when it was adopted */
	_Atomic uint64_t connect_ns, opened_ns;
	_Atomic uint64_t polled_ns; /* the last wait that found it dead */
} __attribute__((aligned(64)));

/* A plain copy, for pure functions and tests. */
struct conn_view {
	uint32_t serial;
	uint8_t phase, role, state, kind;
	uint32_t flags, eof_count, polls;
	struct tcpshim_address local, peer;
	uint64_t noted;
	uint64_t sent_bytes, received_bytes, acknowledged_base, sent_before_bytes;
	uint64_t connect_ns, opened_ns, active_ns, heard_ns, unanswered_ns, idle_ns, fin_ns;
	uint64_t write_ns, write_bytes, sent_before_idle;
};

/* What one call did to one connection. */
struct conn_step {
	uint8_t effect;    /* enum tcpshim_effect */
	bool is_sleeping;  /* has not returned yet */
	bool is_unlimited; /* a wait without a timeout */
	bool is_peek;
	bool is_disconnect;   /* connect to AF_UNSPEC */
	bool is_other_file;   /* the descriptor is no TCP socket any more */
	bool is_asking_write; /* waits for room to write */
	bool is_shared_here;  /* close: another descriptor of this process holds it */
	bool is_maybe_shared; /* close: another process may hold it */
	/* close: the descriptor that still holds it; closed-unseen: the number */
	int32_t fd, other_fd;
	int32_t error;
	int32_t how;      /* shutdown */
	uint32_t revents; /* POLL* */
	int64_t result;
	uint64_t asked_bytes; /* by a read */
	uint64_t start_ns, now_ns;
	/* before this write: since the peer was last heard, data or acknowledgement */
	uint64_t idle_ns;
	uint64_t lookup_ns; /* connect: a name lookup just before it */
	uint8_t ending;     /* enum policy_action: a policy ended it at this end of stream */
	struct tcpinfo before, after; /* state STATE_UNKNOWN where not sampled */
	struct conn_policy policy;    /* what policies did, up to and in this call */
};

/* A new connection with one reference, the caller's; NULL if memory is short. */
struct conn *conn_create(enum conn_kind kind, enum conn_phase phase, uint32_t forks,
			 uint64_t now_ns);

/* Makes it a connection of its own, with nothing behind it; its descriptors stay. */
void conn_clear(struct conn *conn, enum conn_phase phase, uint64_t now_ns);

/* Takes another reference for the connection that slot names; NULL if it is gone. */
struct conn *conn_acquire(uint64_t slot);

/* The connection that slot names, without a reference: to be read, and perhaps another's by now.
 * NULL if it is gone. */
struct conn *conn_peek(uint64_t slot);

/* Gives one back; true if it was the last: the connection is gone. */
bool conn_release(struct conn *conn);

/* What the fd table stores for it; a reference goes with it. */
uint64_t conn_slot(const struct conn *conn);

/* The live connection behind this position of the slab, with a reference, or NULL. Positions: below
 * conn_slab_size(). */
struct conn *conn_acquire_at(uint32_t index);
uint32_t conn_slab_size(void);

void conn_read(const struct conn *conn, struct conn_view *view);

/* Whatever changes a connection but for its counters says so: its next transfer goes the long way,
 * or is looked at anew. */
static inline void conn_is_changed(struct conn *conn)
{
	atomic_store(&conn->ordinary_lap, 0);
}

/* What policies did and nobody was told of yet; it counts as told from now on. */
void conn_take_policy(struct conn *conn, struct conn_policy *policy);

/* Remembers which of the notes that a connection is given once were given (bits as in noted), and
 * forgets those of clear, which may be given again. */
void conn_note(struct conn *conn, uint64_t given, uint64_t clear);

/* Another process holds the connection too, or may, at the fork count given. */
static inline bool conn_is_maybe_shared(const struct conn *conn, uint32_t forks)
{
	return atomic_load(&conn->forks) != forks ||
	       (atomic_load(&conn->flags) & CONN_FLAG_PASSED) != 0;
}

#endif
