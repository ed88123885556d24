#include "conn/conn.h"

#include <stddef.h>

#include "conn/fdtable.h"
#include "sys/hot.h"
#include "sys/raw.h"

enum { CHUNK_BITS = 8, CHUNK_CONNS = 1 << CHUNK_BITS, CHUNKS = 1 << 14 };
enum { GENERATION_MASK = (1 << (32 - FDTABLE_STATE_BITS)) - 1 };
#define NO_INDEX UINT32_MAX
#define ONE_REFERENCE UINT64_C(1)

static _Atomic(struct conn *) chunks[CHUNKS];
static _Atomic uint32_t slab_size;
static _Atomic uint32_t last_serial;
/* tag << 32 | index of the first free connection + 1. The tag changes at every push, so that a slow
 * pop fails if the list has changed meanwhile. */
static _Atomic uint64_t free_list;

static struct conn *conn_at(uint32_t index)
{
	struct conn *chunk =
		atomic_load_explicit(&chunks[index >> CHUNK_BITS], memory_order_acquire);

	return chunk ? &chunk[index & (CHUNK_CONNS - 1)] : NULL;
}

static struct conn *pop_free(void)
{
	uint64_t head = atomic_load_explicit(&free_list, memory_order_acquire);

	while ((uint32_t)head != 0) {
		struct conn *conn = conn_at((uint32_t)head - 1);
		uint64_t next = (head & ~(uint64_t)UINT32_MAX) |
				(atomic_load_explicit(&conn->next_free, memory_order_relaxed) + 1);

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
			if (!atomic_compare_exchange_strong(&chunks[index >> CHUNK_BITS], &expected,
							    chunk))
				raw_unmap(chunk, CHUNK_CONNS * sizeof(*chunk));
		}
	} while (!atomic_compare_exchange_weak(&slab_size, &index, index + 1));
	conn_at(index)->index = index;
	return conn_at(index);
}

void conn_clear(struct conn *conn, enum conn_phase phase, uint64_t now_ns)
{
	conn->serial = atomic_fetch_add(&last_serial, 1) + 1;
	conn->local = conn->peer = (struct tcpshim_address){0};
	atomic_store(&conn->phase, (uint8_t)phase);
	atomic_store(&conn->role, ROLE_NONE);
	atomic_store(&conn->state, STATE_UNKNOWN);
	atomic_store(&conn->flags, 0);
	atomic_store(&conn->eof_count, 0);
	atomic_store(&conn->polls, 0);
	atomic_store(&conn->noted, 0);
	atomic_store(&conn->sent_bytes, 0);
	atomic_store(&conn->received_bytes, 0);
	atomic_store(&conn->acknowledged_base, 0);
	atomic_store(&conn->sent_before_bytes, 0);
	atomic_store(&conn->connect_ns, 0);
	atomic_store(&conn->opened_ns, now_ns);
	atomic_store(&conn->active_ns, now_ns);
	atomic_store(&conn->heard_ns, now_ns);
	atomic_store(&conn->unanswered_ns, 0);
	atomic_store(&conn->idle_ns, 0);
	atomic_store(&conn->sent_before_idle, 0);
	atomic_store(&conn->write_ns, 0);
	atomic_store(&conn->write_bytes, 0);
	atomic_store(&conn->polled_ns, 0);
	atomic_store(&conn->fin_ns, 0);
	atomic_store(&conn->fin_arrived_ns, 0);
	atomic_store(&conn->fin_quiet_ns, 0);
	atomic_store(&conn->blocked_ns, 0);
	atomic_store(&conn->received_base, 0);
	atomic_store(&conn->limits_at_ns, now_ns);
	atomic_store(&conn->limits_busy_ns, 0);
	atomic_store(&conn->limits_window_ns, 0);
	atomic_store(&conn->limits_buffer_ns, 0);
	atomic_store(&conn->nagle_lost_ns, 0);
	atomic_store(&conn->nagle_count, 0);
	atomic_store(&conn->alert, CONN_ALERT_NONE);
	atomic_store(&conn->alert_ns, 0);
	atomic_store(&conn->asked_ns, 0);
	atomic_store(&conn->rehearsal.stage, REHEARSAL_STAGE_NONE);
	atomic_store(&conn->rehearsal.writes, 0);
	atomic_store(&conn->rehearsal.reads, 0);
	atomic_store(&conn->rehearsal.acted_ns, 0);
	atomic_store(&conn->rehearsal.is_signed, false);
	atomic_store(&conn->rehearsal.has_end, false);
	atomic_store(&conn->rehearsal.reset_ns, 0);
	atomic_store(&conn->rehearsal.rate, 0);
	atomic_store(&conn->match, 0);
	atomic_store(&conn->enforced, 0);
	atomic_store(&conn->unreported, 0);
	atomic_store(&conn->reported_lap, 0);
	conn_is_changed(conn);
}

struct conn *conn_create(enum conn_kind kind, enum conn_phase phase, uint32_t forks,
			 uint64_t now_ns)
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
	for (unsigned i = 0; i < CONN_FDS; i++)
		atomic_store(&conn->fds[i], -1);
	atomic_store(&conn->epoll, 0);
	atomic_store(&conn->cookie, 0);
	atomic_store(&conn->is_closing, false);
	atomic_store(&conn->is_untraced, false);
	conn_clear(conn, phase, now_ns);
	/* The generation was increased when the connection was freed, so only the reference is
	 * added. */
	life = atomic_load(&conn->life);
	atomic_store_explicit(&conn->life, (life & ~(uint64_t)UINT32_MAX) | ONE_REFERENCE,
			      memory_order_release);
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

HOT struct conn *conn_acquire(uint64_t slot)
{
	struct conn *conn = fdtable_has_conn(slot) ? conn_at(fdtable_index(slot)) : NULL;

	return conn ? acquire(conn, false, fdtable_generation(slot)) : NULL;
}

HOT struct conn *conn_peek(uint64_t slot)
{
	struct conn *conn = fdtable_has_conn(slot) ? conn_at(fdtable_index(slot)) : NULL;

	return conn && generation_of(atomic_load_explicit(&conn->life, memory_order_acquire)) ==
				       fdtable_generation(slot)
		       ? conn
		       : NULL;
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

HOT bool conn_release(struct conn *conn)
{
	uint64_t life = atomic_load(&conn->life), next;

	do {
		/* The last reference ends the generation in the same step, so that nobody can
		 * acquire it after that. */
		next = (uint32_t)life == 1 ? ((life >> 32) + 1) << 32 : life - ONE_REFERENCE;
	} while (!atomic_compare_exchange_weak(&conn->life, &life, next));
	if ((uint32_t)next != 0)
		return false;
	push_free(conn);
	return true;
}

uint64_t conn_slot(const struct conn *conn)
{
	return fdtable_slot(atomic_load(&conn->is_untraced) ? FD_UNTRACED : FD_WATCHED, conn->index,
			    generation_of(atomic_load(&conn->life)));
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
		.local = conn->local,
		.peer = conn->peer,
		.noted = atomic_load(&conn->noted),
		.sent_bytes = atomic_load(&conn->sent_bytes),
		.received_bytes = atomic_load(&conn->received_bytes),
		.acknowledged_base = atomic_load(&conn->acknowledged_base),
		.sent_before_bytes = atomic_load(&conn->sent_before_bytes),
		.connect_ns = atomic_load(&conn->connect_ns),
		.opened_ns = atomic_load(&conn->opened_ns),
		.active_ns = atomic_load(&conn->active_ns),
		.heard_ns = atomic_load(&conn->heard_ns),
		.unanswered_ns = atomic_load(&conn->unanswered_ns),
		.idle_ns = atomic_load(&conn->idle_ns),
		.fin_ns = atomic_load(&conn->fin_ns),
		.write_ns = atomic_load(&conn->write_ns),
		.sent_before_idle = atomic_load(&conn->sent_before_idle),
		.write_bytes = atomic_load(&conn->write_bytes),
		.fin_arrived_ns = atomic_load(&conn->fin_arrived_ns),
		.fin_quiet_ns = atomic_load(&conn->fin_quiet_ns),
		.blocked_ns = atomic_load(&conn->blocked_ns),
		.received_base = atomic_load(&conn->received_base),
		.limits = {.at_ns = atomic_load(&conn->limits_at_ns),
			   .busy_ns = atomic_load(&conn->limits_busy_ns),
			   .window_ns = atomic_load(&conn->limits_window_ns),
			   .buffer_ns = atomic_load(&conn->limits_buffer_ns)},
		.nagle_lost_ns = atomic_load(&conn->nagle_lost_ns),
		.nagle_count = atomic_load(&conn->nagle_count),
		.connections = atomic_load(&last_serial),
		.alert = CONN_ALERT_NONE,
	};
	if (atomic_load(&conn->alert_ns) == view->write_ns)
		view->alert = atomic_load(&conn->alert);
}

void conn_take_policy(struct conn *conn, struct conn_policy *policy)
{
	*policy = (struct conn_policy){0};
	if (atomic_load_explicit(&conn->unreported, memory_order_relaxed) == 0)
		return;
	policy->actions = atomic_exchange(&conn->unreported, 0);
	for (unsigned option = 0; option < CONN_OPTION_COUNT; option++)
		policy->values[option] = atomic_load(&conn->values[option]);
	policy->option = atomic_load(&conn->policy_option);
	policy->error = atomic_load(&conn->policy_error);
	policy->rate = atomic_load(&conn->rehearsal.rate);
	policy->acted_ns = atomic_load(&conn->rehearsal.acted_ns);
}

void conn_note(struct conn *conn, uint64_t given, uint64_t clear)
{
	if (clear & atomic_load_explicit(&conn->noted, memory_order_relaxed))
		atomic_fetch_and(&conn->noted, ~clear);
	if (given & ~atomic_load_explicit(&conn->noted, memory_order_relaxed))
		atomic_fetch_or(&conn->noted, given);
}
