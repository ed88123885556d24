#include "core/conn.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>

#include "core/fdtable.h"
#include "core/raw.h"

enum { CHUNK_BITS = 8, CHUNK_CONNS = 1 << CHUNK_BITS, CHUNKS = 1 << 14 };
enum { GENERATION_MASK = (1 << (32 - FDTABLE_STATE_BITS)) - 1 };
#define NO_INDEX UINT32_MAX
#define ONE_REFERENCE UINT64_C(1)

static _Atomic(struct conn *) chunks[CHUNKS];
static _Atomic uint32_t slab_size;
static _Atomic uint32_t last_serial;
/* tag << 32 | index of the first free one + 1: the tag changes at every push, so that a slow pop cannot take
 * a list that has changed under it. */
static _Atomic uint64_t free_list;

static struct conn *conn_at(uint32_t index)
{
	struct conn *chunk = atomic_load_explicit(&chunks[index >> CHUNK_BITS], memory_order_acquire);

	return chunk ? &chunk[index & (CHUNK_CONNS - 1)] : NULL;
}

static struct conn *pop_free(void)
{
	uint64_t head = atomic_load_explicit(&free_list, memory_order_acquire);

	while ((uint32_t)head != 0) {
		struct conn *conn = conn_at((uint32_t)head - 1);
		uint64_t next = (head & ~(uint64_t)UINT32_MAX) | (atomic_load_explicit(&conn->next_free, memory_order_relaxed) + 1);

		if (atomic_compare_exchange_weak(&free_list, &head, next))
			return conn;
	}
	return NULL;
}

static void push_free(struct conn *conn)
{
	uint64_t head = atomic_load_explicit(&free_list, memory_order_relaxed), next;

	do {
		atomic_store_explicit(&conn->next_free, (uint32_t)head - 1, memory_order_relaxed);
		next = ((head >> 32) + 1) << 32 | (conn->index + 1);
	} while (!atomic_compare_exchange_weak(&free_list, &head, next));
}

static struct conn *take_fresh(void)
{
	uint32_t index = atomic_load(&slab_size);
	struct conn *chunk, *expected = NULL;

	do {
		if (index >> CHUNK_BITS >= CHUNKS)
			return NULL;
		if (!conn_at(index)) {
			chunk = raw_map(CHUNK_CONNS * sizeof(*chunk));
			if (!chunk)
				return NULL;
			expected = NULL;
			if (!atomic_compare_exchange_strong(&chunks[index >> CHUNK_BITS], &expected, chunk))
				raw_unmap(chunk, CHUNK_CONNS * sizeof(*chunk));
		}
	} while (!atomic_compare_exchange_weak(&slab_size, &index, index + 1));
	conn_at(index)->index = index;
	return conn_at(index);
}

/* A connection of its own, with nothing behind it; its descriptors stay. */
static void conn_clear(struct conn *conn, enum conn_phase phase, uint64_t now_ns)
{
	conn->serial = atomic_fetch_add(&last_serial, 1) + 1;
	conn->local = conn->peer = (struct tcpshim_address){0};
	atomic_store(&conn->phase, (uint8_t)phase);
	atomic_store(&conn->role, ROLE_NONE);
	atomic_store(&conn->state, STATE_UNKNOWN);
	atomic_store(&conn->flags, 0);
	atomic_store(&conn->eof_count, 0);
	atomic_store(&conn->polls, 0);
	atomic_store(&conn->said, 0);
	atomic_store(&conn->sent_bytes, 0);
	atomic_store(&conn->received_bytes, 0);
	atomic_store(&conn->acknowledged_base, 0);
	atomic_store(&conn->sent_before_bytes, 0);
	atomic_store(&conn->connect_ns, 0);
	atomic_store(&conn->opened_ns, now_ns);
	atomic_store(&conn->active_ns, now_ns);
	atomic_store(&conn->heard_ns, now_ns);
	atomic_store(&conn->unanswered_ns, 0);
	atomic_store(&conn->silence_ns, 0);
	atomic_store(&conn->sent_before_silence, 0);
	atomic_store(&conn->write_ns, 0);
	atomic_store(&conn->write_bytes, 0);
	atomic_store(&conn->fin_ns, 0);
}

struct conn *conn_create(enum conn_kind kind, enum conn_phase phase, uint32_t forks, uint64_t now_ns)
{
	struct conn *conn = pop_free();
	uint64_t life;

	if (!conn)
		conn = take_fresh();
	if (!conn)
		return NULL;
	conn->kind = (uint8_t)kind;
	atomic_store(&conn->is_nonblocking, false);
	atomic_store(&conn->is_ready, false);
	atomic_store(&conn->roomy_writes, 0);
	atomic_store(&conn->descriptors, 0);
	atomic_store(&conn->forks, forks);
	atomic_store(&conn->epoll_fd, -1);
	atomic_store(&conn->cookie, 0);
	atomic_store(&conn->is_closing, false);
	conn_clear(conn, phase, now_ns);
	/* The generation was raised when it was given back: this only makes it live. */
	life = atomic_load(&conn->life);
	atomic_store_explicit(&conn->life, (life & ~(uint64_t)UINT32_MAX) | ONE_REFERENCE, memory_order_release);
	return conn;
}

static uint32_t generation_of(uint64_t life)
{
	return (uint32_t)(life >> 32) & GENERATION_MASK;
}

static struct conn *acquire(struct conn *conn, bool any_generation, uint32_t generation)
{
	uint64_t life = atomic_load_explicit(&conn->life, memory_order_acquire);

	do {
		if ((uint32_t)life == 0 || (!any_generation && generation_of(life) != generation))
			return NULL;
	} while (!atomic_compare_exchange_weak(&conn->life, &life, life + ONE_REFERENCE));
	return conn;
}

struct conn *conn_acquire(uint64_t slot)
{
	struct conn *conn = fdtable_state(slot) == FD_WATCHED ? conn_at(fdtable_index(slot)) : NULL;

	return conn ? acquire(conn, false, fdtable_generation(slot)) : NULL;
}

struct conn *conn_acquire_at(uint32_t index)
{
	struct conn *conn = conn_at(index);

	return conn ? acquire(conn, true, 0) : NULL;
}

uint32_t conn_slab_size(void)
{
	return atomic_load(&slab_size);
}

bool conn_release(struct conn *conn)
{
	uint64_t life = atomic_load(&conn->life), next;

	do {
		/* The last reference ends this generation in the same step: nobody acquires it any more. */
		next = (uint32_t)life == 1 ? ((life >> 32) + 1) << 32 : life - ONE_REFERENCE;
	} while (!atomic_compare_exchange_weak(&conn->life, &life, next));
	if ((uint32_t)next != 0)
		return false;
	push_free(conn);
	return true;
}

uint64_t conn_slot(const struct conn *conn)
{
	return fdtable_slot(FD_WATCHED, conn->index, generation_of(atomic_load(&conn->life)));
}

void conn_read(const struct conn *conn, struct conn_view *view)
{
	*view = (struct conn_view){
		.serial = conn->serial,
		.phase = atomic_load(&conn->phase),
		.role = atomic_load(&conn->role),
		.state = atomic_load(&conn->state),
		.kind = conn->kind,
		.flags = atomic_load(&conn->flags),
		.eof_count = atomic_load(&conn->eof_count),
		.polls = atomic_load(&conn->polls),
		.epoll_fd = atomic_load(&conn->epoll_fd),
		.local = conn->local,
		.peer = conn->peer,
		.said = atomic_load(&conn->said),
		.sent_bytes = atomic_load(&conn->sent_bytes),
		.received_bytes = atomic_load(&conn->received_bytes),
		.acknowledged_base = atomic_load(&conn->acknowledged_base),
		.sent_before_bytes = atomic_load(&conn->sent_before_bytes),
		.connect_ns = atomic_load(&conn->connect_ns),
		.opened_ns = atomic_load(&conn->opened_ns),
		.active_ns = atomic_load(&conn->active_ns),
		.heard_ns = atomic_load(&conn->heard_ns),
		.unanswered_ns = atomic_load(&conn->unanswered_ns),
		.silence_ns = atomic_load(&conn->silence_ns),
		.fin_ns = atomic_load(&conn->fin_ns),
		.write_ns = atomic_load(&conn->write_ns),
		.sent_before_silence = atomic_load(&conn->sent_before_silence),
		.write_bytes = atomic_load(&conn->write_bytes),
	};
}

/* Written and never acknowledged, to the byte. tcpi_bytes_acked counts an acknowledged FIN of this side as
 * one byte more than was written: never below 0. */
uint64_t conn_outstanding_bytes(const struct conn_view *view, const struct tcpinfo *info)
{
	uint64_t written = view->sent_bytes + view->sent_before_bytes;
	uint64_t acknowledged = info->acknowledged_bytes - view->acknowledged_base;

	if (info->state == STATE_UNKNOWN || info->acknowledged_bytes < view->acknowledged_base)
		return 0;
	return written > acknowledged ? written - acknowledged : 0;
}

static bool is_end_error(int error)
{
	switch (error) {
	case ECONNRESET:
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENETDOWN:
	case ECONNABORTED:
	case EPIPE:
		return true;
	default:
		return false;
	}
}

bool conn_is_clean_end(const struct conn_view *view, const struct conn_step *step)
{
	return (view->flags & CONN_SHUT_WRITE) && step->after.state == STATE_CLOSE &&
	       (step->error == 0 || step->error == EPIPE) && !(step->revents & POLLERR) && conn_outstanding_bytes(view, &step->after) == 0;
}

/* The state that a FIN from the peer leads to, where the kernel cannot be asked. */
static uint8_t state_after_fin(uint8_t state)
{
	switch (state) {
	case STATE_FIN_WAIT_1: /* acknowledged by now, or with the peer's FIN */
	case STATE_FIN_WAIT_2:
		return STATE_TIME_WAIT;
	case STATE_ESTABLISHED:
		return STATE_CLOSE_WAIT;
	default:
		return state;
	}
}

static void open_connection(struct conn *conn, uint8_t role, uint64_t now_ns)
{
	atomic_store(&conn->role, role);
	atomic_store(&conn->state, STATE_ESTABLISHED);
	atomic_store(&conn->opened_ns, now_ns);
	atomic_store(&conn->active_ns, now_ns);
	atomic_store(&conn->heard_ns, now_ns);
	/* tcpi_bytes_acked counts the SYN of the side that connected. */
	atomic_store(&conn->acknowledged_base, role == ROLE_CLIENT ? 1 : 0);
	atomic_store(&conn->phase, CONN_OPEN);
}

static void advance_connect(struct conn *conn, const struct conn_step *step)
{
	uint8_t phase = atomic_load(&conn->phase);

	if (step->is_disconnect && step->error == 0)
		conn_clear(conn, CONN_NEW, step->now_ns);
	if (phase == CONN_OPEN || step->is_disconnect)
		return;
	if (phase != CONN_CONNECTING) /* a second connect asks for the outcome of the first */
		atomic_store(&conn->connect_ns, step->start_ns);
	if (step->error == 0 || step->error == EISCONN) {
		open_connection(conn, ROLE_CLIENT, step->now_ns);
	} else if (step->error == EINPROGRESS || step->error == EINTR || step->error == EALREADY) {
		atomic_store(&conn->role, ROLE_CLIENT);
		atomic_store(&conn->state, STATE_SYN_SENT);
		atomic_store(&conn->phase, CONN_CONNECTING);
	} else {
		atomic_store(&conn->state, STATE_CLOSE);
		atomic_store(&conn->phase, CONN_NEW);
	}
}

/* The outcome of a connect in the background, as something else tells it. The peer may have closed already. */
static void advance_handshake(struct conn *conn, const struct conn_step *step)
{
	switch (step->after.state) {
	case STATE_UNKNOWN:
	case STATE_SYN_SENT:
	case STATE_SYN_RECV:
		break;
	case STATE_CLOSE:
		if (step->error != 0) /* told: the socket may be used for another try */
			atomic_store(&conn->phase, CONN_NEW);
		break;
	default:
		open_connection(conn, ROLE_CLIENT, step->now_ns);
	}
}

static void advance_read(struct conn *conn, const struct conn_view *view, const struct conn_step *step)
{
	atomic_store(&conn->polls, 0);
	if (step->result > 0) {
		if (!step->is_peek)
			atomic_fetch_add(&conn->received_bytes, (uint64_t)step->result);
		atomic_store(&conn->heard_ns, step->now_ns);
		atomic_store(&conn->active_ns, step->now_ns);
		atomic_store(&conn->unanswered_ns, 0);
		atomic_store(&conn->silence_ns, 0);
	} else if (step->result == 0 && step->asked_bytes > 0 && !(view->flags & (CONN_SHUT_READ | CONN_DEAD))) {
		if (view->fin_ns == 0)
			atomic_store(&conn->fin_ns, step->now_ns);
		if (!step->is_peek)
			atomic_fetch_add(&conn->eof_count, 1);
		atomic_store(&conn->state, state_after_fin(view->state));
	}
}

static void advance_write(struct conn *conn, const struct conn_view *view, const struct conn_step *step)
{
	atomic_store(&conn->polls, 0);
	if (step->result <= 0)
		return;
	atomic_fetch_add(&conn->sent_bytes, (uint64_t)step->result);
	atomic_store(&conn->active_ns, step->now_ns);
	atomic_store(&conn->write_ns, step->start_ns);
	atomic_store(&conn->write_bytes, (uint64_t)step->result);
	if (step->silence_ns != 0 || view->unanswered_ns == 0) {
		atomic_store(&conn->silence_ns, step->silence_ns);
		atomic_store(&conn->sent_before_silence, view->sent_bytes);
		atomic_store(&conn->unanswered_ns, step->start_ns);
	}
}

static void advance_shutdown(struct conn *conn, const struct conn_view *view, const struct conn_step *step)
{
	uint32_t flags = 0;

	if (step->how == SHUT_RD || step->how == SHUT_RDWR)
		flags |= CONN_SHUT_READ;
	if (step->how == SHUT_WR || step->how == SHUT_RDWR) {
		flags |= CONN_SHUT_WRITE;
		if (view->fin_ns == 0 && step->before.state != STATE_CLOSE_WAIT &&
		    !(view->flags & CONN_SHUT_WRITE))
			flags |= CONN_FIN_FIRST;
	}
	atomic_fetch_or(&conn->flags, flags);
	if (!(flags & CONN_SHUT_WRITE))
		return;
	/* Where the peer's FIN is already queued, the kernel knows before the program reads it. */
	if (step->before.state == STATE_CLOSE_WAIT || view->state == STATE_CLOSE_WAIT)
		atomic_store(&conn->state, STATE_LAST_ACK);
	else if (view->state == STATE_ESTABLISHED)
		atomic_store(&conn->state, STATE_FIN_WAIT_1);
}

/* An ICMP error that the program asked for (IP_RECVERR) is reported, and the connection goes on. */
static bool is_closed_or_unknown(uint8_t state)
{
	return state == STATE_CLOSE || state == STATE_UNKNOWN;
}

static bool is_found_dead(const struct conn_view *view, const struct tcpinfo *info)
{
	return info->state == STATE_CLOSE &&
	       (!(view->flags & CONN_SHUT_WRITE) || conn_outstanding_bytes(view, info) > 0);
}

void conn_advance(struct conn *conn, const struct conn_step *step)
{
	struct conn_view view;

	conn_read(conn, &view);
	if (step->is_sleeping) { /* select without a read set does not wake up when the connection dies */
		if (view.phase == CONN_OPEN && is_found_dead(&view, &step->before)) {
			atomic_fetch_or(&conn->flags, CONN_DEAD);
			atomic_store(&conn->state, STATE_CLOSE);
		}
		return;
	}
	if (view.phase == CONN_CONNECTING && step->effect != EFFECT_CONNECT)
		advance_handshake(conn, step);
	switch (step->effect) {
	case EFFECT_CONNECT:
		advance_connect(conn, step);
		break;
	case EFFECT_ACCEPT:
		open_connection(conn, ROLE_SERVER, step->now_ns);
		break;
	case EFFECT_LISTEN:
		if (step->error == 0) {
			atomic_store(&conn->phase, CONN_LISTENING);
			atomic_store(&conn->role, ROLE_LISTENER);
		}
		break;
	case EFFECT_READ:
		atomic_store_explicit(&conn->is_ready, false, memory_order_relaxed);
		advance_read(conn, &view, step);
		break;
	case EFFECT_WRITE:
		advance_write(conn, &view, step);
		break;
	case EFFECT_SHUTDOWN:
		if (step->error == 0)
			advance_shutdown(conn, &view, step);
		break;
	case EFFECT_WAIT:
		if (step->revents & (POLLIN | POLLERR | POLLHUP))
			atomic_store_explicit(&conn->is_ready, true, memory_order_relaxed);
		if ((step->revents & (POLLERR | POLLHUP)) && step->after.state == STATE_CLOSE)
			atomic_fetch_add(&conn->polls, 1);
		break;
	default:
		break;
	}
	/* After a clean end the kernel's socket says CLOSE and the connection is in TIME_WAIT or over: what was
	 * known says more. */
	if (step->after.state != STATE_UNKNOWN && !conn_is_clean_end(&view, step) &&
	    step->effect != EFFECT_CONNECT && step->effect != EFFECT_ACCEPT)
		atomic_store(&conn->state, step->after.state);
	if (view.phase != CONN_OPEN || step->effect == EFFECT_CONNECT || step->effect == EFFECT_ACCEPT)
		return;
	if (step->effect == EFFECT_CLOSE && is_found_dead(&view, &step->before))
		atomic_fetch_or(&conn->flags, CONN_DEAD);
	if ((is_end_error(step->error) && is_closed_or_unknown(step->after.state) &&
	     !(step->error == EPIPE && (view.flags & CONN_SHUT_WRITE))) ||
	    (step->after.state == STATE_CLOSE && !conn_is_clean_end(&view, step)))
		atomic_fetch_or(&conn->flags, CONN_DEAD);
}

void conn_said(struct conn *conn, uint64_t notes, uint64_t clear)
{
	if (clear & atomic_load_explicit(&conn->said, memory_order_relaxed))
		atomic_fetch_and(&conn->said, ~clear);
	if (notes & ~atomic_load_explicit(&conn->said, memory_order_relaxed))
		atomic_fetch_or(&conn->said, notes);
}
