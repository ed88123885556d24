#include "trace/emit.h"

#include <poll.h>

#include "conn/evidence.h"
#include "conn/fdtable.h"
#include "conn/notes.h"
#include "conn/state.h"
#include "format/facts.h"
#include "format/note_set.h"
#include "guest/mapping.h"
#include "guest/stack.h"
#include "settings/config.h"
#include "sink/recording_block.h"
#include "sink/sinks.h"
#include "sys/restriction.h"
#include "trace/choice.h"
#include "trace/classify.h"
#include "trace/step.h"

bool emit_has_notes(void)
{
	return config.style.least_severity != SEVERITY_NONE;
}

/* Advances the connection and adds the notes to the event. */
static void take_step(struct area *area, struct conn *conn, bool is_shown)
{
	struct tcpshim_event *event = &area->event;
	struct tcpshim_subject *subject;
	struct tcpshim_notes notes;

	/* The event has no room for its notes. A wait consumes nothing, so the next call reports
	 * them. */
	if (is_shown && event->subject_count == EVENT_SUBJECTS && area->step.effect == EFFECT_WAIT)
		return;
	if (!is_shown || !emit_has_notes() || !notes_are_possible(conn, &area->step)) {
		state_advance(conn, &area->step);
		return;
	}
	conn_take_policy(conn, &area->step.policy);
	conn_read(conn, &area->before);
	state_advance(conn, &area->step);
	conn_read(conn, &area->after);
	if (event->subject_count == EVENT_SUBJECTS) {
		event->subjects_left_out++;
		return;
	}
	subject = &event->subjects[event->subject_count];
	notes = notes_find(&area->before, &area->after, &area->step, &subject->facts);
	conn_note(conn, notes_given(&notes), notes_repeatable(&area->after, &area->step));
	area->state = subject->facts.now;
	if (!note_set_is_empty(&notes)) {
		subject->notes = notes;
		event->subject_count++;
	}
}

static struct tcpshim_connection connection_of(const struct conn *conn, uint8_t state)
{
	return (struct tcpshim_connection){
		.serial = conn->serial,
		.role = atomic_load_explicit(&conn->role, memory_order_relaxed),
		.state = state,
		.local = conn->local,
		.peer = conn->peer,
	};
}

/* Sets the event's connection. A call on several connections has none. */
static void name_connection(struct area *area, const struct conn *conn)
{
	struct tcpshim_connection *connection = &area->event.connection;

	if (connection->serial != 0 && connection->serial != conn->serial) {
		*connection = (struct tcpshim_connection){0};
		area->is_of_several = true;
	}
	if (area->is_of_several)
		return;
	*connection = connection_of(conn, area->state != STATE_UNKNOWN
						  ? area->state
						  : atomic_load_explicit(&conn->state,
									 memory_order_relaxed));
}

/* Returns whether the call has two descriptors or more. What it records of a connection may then be
 * missing: a call on several connections has none. */
static bool may_be_of_several(const struct tcpshim_event *event)
{
	switch (call_rows[event->call].effect) {
	case EFFECT_DUP:
	case EFFECT_SPLICE:
	case EFFECT_CLOSE:
		return true;
	default:
		return false;
	}
}

/* A descriptor that the call has just made is certainly that of this connection. */
static void name_socket(struct area *area, struct conn *conn)
{
	uint64_t cookie = atomic_load_explicit(&conn->cookie, memory_order_relaxed);
	bool is_new = area->step.effect == EFFECT_CREATE || area->step.effect == EFFECT_ACCEPT;

	if (cookie == 0 && is_new && !restriction_is_filter()) {
		cookie = classify_cookie(area->step.fd);
		atomic_store_explicit(&conn->cookie, cookie, memory_order_relaxed);
	}
	area->event.connection.cookie = cookie;
}

/* Records the connection's addresses once, when both are known, and again when the recording may
 * have overwritten them. */
static void name_endpoints(struct area *area, struct conn *conn)
{
	uint32_t lap = recording_block_lap();

	if (atomic_load_explicit(&conn->reported_lap, memory_order_relaxed) == lap && lap != 0)
		return;
	area->event.flags |= EVENT_ENDPOINTS;
	name_socket(area, conn);
	if (conn->peer.family != 0 && !may_be_of_several(&area->event))
		atomic_store_explicit(&conn->reported_lap, lap, memory_order_relaxed);
}

/* Set when a write to a connection of the process has found no room. */
static _Atomic bool has_blocked;

/* Sets the event's connection to the one that the call has dissolved: its socket is that of a new
 * one by now. */
static void name_dissolved(struct area *area, const struct tcpshim_connection *dissolved)
{
	area->event.connection = *dissolved;
	if (config.has_record && dissolved->serial != 0)
		area->event.flags |= EVENT_ENDPOINTS;
}

void emit_step(struct area *area, struct conn *conn, bool is_shown)
{
	bool is_disconnect = area->step.is_disconnect && area->step.error == 0;
	struct tcpshim_connection dissolved;

	area->state = STATE_UNKNOWN;
	if (is_disconnect) {
		dissolved = connection_of(conn, STATE_CLOSE);
		dissolved.cookie = atomic_load(&conn->cookie);
	}
	take_step(area, conn, is_shown);
	if (choice_is_on() && conn->kind == CONN_KIND_TCP &&
	    atomic_load(&conn->phase) == CONN_PHASE_OPEN)
		choice_opened(conn);
	if (area->step.effect == EFFECT_WRITE && atomic_load(&conn->blocked_ns) != 0)
		atomic_store_explicit(&has_blocked, true, memory_order_relaxed);
	if (!is_shown || conn->kind != CONN_KIND_TCP)
		return;
	/* A wait may be on several connections. */
	if (area->step.effect == EFFECT_WAIT)
		return;
	if (is_disconnect) {
		name_dissolved(area, &dissolved);
		return;
	}
	name_connection(area, conn);
	if (config.has_record && area->event.connection.serial != 0)
		name_endpoints(area, conn);
}

void emit_pin(struct conn *conn)
{
	thread.pinned = conn;
}

void emit_unpin(struct conn *conn)
{
	thread.pinned = NULL;
	conn_release(conn);
}

/* Returns whether the event has a note of this severity or worse. */
static bool has_notes_of(const struct tcpshim_event *event, uint8_t least_severity)
{
	for (uint32_t i = 0; i < event->subject_count; i++)
		for (unsigned note = 0; note < NOTE_COUNT; note++)
			if (note_set_has(&event->subjects[i].notes, note) &&
			    note_rows[note].severity >= least_severity)
				return true;
	return false;
}

static bool wants_stack(const struct tcpshim_event *event)
{
	uint8_t shown = config.style.least_severity, asked = config.stack_severity;

	if (event->flags & EVENT_SLEEPING)
		return choice_is_on();
	return config.has_stack[event->call] || (config.has_stack_of_errors && event->error != 0) ||
	       (asked < SEVERITY_NONE && has_notes_of(event, shown > asked ? shown : asked));
}

static void take_stack(struct area *area)
{
	struct tcpshim_event *event = &area->event;

	thread_block_signals();
	event->stack = area->frames;
	event->stack_count = stack_capture(area, area->frames, EVENT_FRAMES);
	mapping_learn(area->frames, event->stack_count, area->text, sizeof(area->text));
}

void emit_event(struct area *area, uint64_t now_ns)
{
	/* A rehearsal's deed is not the program's call; and libunwind needs more than the thread of
	 * an alarm has. */
	if (config.has_any_stack && area->event.call != CALL_rehearse) {
		stack_prepare();
		if (wants_stack(&area->event))
			take_stack(area);
	}
	sinks_event(area, now_ns);
	if (!(area->event.flags & EVENT_SLEEPING))
		thread.previous_ns = now_ns;
}

static void emit_wait_entry(struct area *area, const struct call *call,
			    const struct decode_entry *entry, uint64_t now_ns, bool is_sleeping,
			    bool is_shown)
{
	struct conn *conn = conn_acquire(fdtable_load(entry->fd));

	if (!conn)
		return;
	emit_pin(conn);
	step_fill_wait(&area->step, call, conn, entry, now_ns, is_sleeping,
		       is_shown && emit_has_notes());
	emit_step(area, conn, is_shown);
	emit_unpin(conn);
}

static bool is_waiting_member(const struct conn *conn, uint64_t instance)
{
	return !atomic_load(&conn->is_untraced) && atomic_load(&conn->epoll) == instance &&
	       atomic_load(&conn->phase) == CONN_PHASE_OPEN;
}

/* Advances the connections that were last added to this epoll instance: epoll_wait does not say
 * what it waits for. Each costs several system calls, and a server has many; so each wait takes a
 * few, and the next wait the next ones. Walks the table, but only for a wait that has lasted
 * LONG_WAIT_NS. */
static void emit_epoll_members(struct area *area, const struct call *call, uint64_t now_ns,
			       bool is_sleeping)
{
	static _Atomic int next;
	int from = atomic_load_explicit(&next, memory_order_relaxed), asked = 0;
	int fd = fdtable_next(from, INT32_MAX);
	uint64_t instance = fdtable_load(call->fd);

	if (fdtable_state(instance) != FD_EPOLL)
		return;
	for (; fd >= 0 && asked < EVENT_SUBJECTS; fd = fdtable_next(fd + 1, INT32_MAX)) {
		struct decode_entry entry = {.fd = fd};
		struct conn *conn = conn_acquire(fdtable_load(fd));

		if (!conn)
			continue;
		emit_pin(conn);
		if (is_waiting_member(conn, instance)) {
			entry.events = atomic_load(&conn->blocked_ns) != 0 ? POLLOUT : 0;
			step_fill_wait(&area->step, call, conn, &entry, now_ns, is_sleeping, true);
			emit_step(area, conn, true);
			asked++;
		}
		emit_unpin(conn);
	}
	atomic_store_explicit(&next, fd < 0 ? 0 : fd, memory_order_relaxed);
}

/* Returns whether a wait asks for room to write that has been missing for long. *asked: how many it
 * was true for so far; each costs several system calls, so the next waits take the next ones. */
static bool has_to_be_asked(const struct area *area, const struct decode_entry *entry,
			    uint64_t now_ns, unsigned *asked)
{
	struct conn *conn;
	bool is_asked;

	if (!(entry->events & POLLOUT) || *asked == EVENT_SUBJECTS ||
	    area->event.subject_count == EVENT_SUBJECTS)
		return false;
	conn = conn_acquire(fdtable_load(entry->fd));
	is_asked = conn && step_is_asked(conn, now_ns, false);
	if (conn)
		conn_release(conn);
	*asked += is_asked;
	return is_asked;
}

/* Advances the connections of this epoll instance whose writes have found no room for long. An
 * event loop wakes up for other connections meanwhile, so no call waits for this one alone. Walks
 * the table, once a second while there are any. */
static void emit_blocked_members(struct area *area, const struct call *call, uint64_t now_ns)
{
	static _Atomic uint64_t walked_ns;
	static _Atomic int next;
	uint64_t instance = fdtable_load(call->fd), last_ns = atomic_load(&walked_ns);
	int from = atomic_load_explicit(&next, memory_order_relaxed), asked = 0;
	int fd = fdtable_next(from, INT32_MAX);
	bool is_any = false;

	if (now_ns - last_ns < LONG_WAIT_NS ||
	    !atomic_compare_exchange_strong(&walked_ns, &last_ns, now_ns))
		return;
	if (from == 0) /* the walk covers the whole table; what is set meanwhile stays set */
		atomic_store(&has_blocked, false);
	for (; fd >= 0 && asked < EVENT_SUBJECTS; fd = fdtable_next(fd + 1, INT32_MAX)) {
		struct decode_entry entry = {.fd = fd, .events = POLLOUT};
		struct conn *conn = conn_acquire(fdtable_load(fd));

		if (!conn)
			continue;
		emit_pin(conn);
		is_any |= atomic_load(&conn->blocked_ns) != 0;
		if (area->event.subject_count < EVENT_SUBJECTS &&
		    is_waiting_member(conn, instance) && step_is_asked(conn, now_ns, false)) {
			step_fill_wait(&area->step, call, conn, &entry, now_ns, false, true);
			emit_step(area, conn, true);
			asked++;
		}
		emit_unpin(conn);
	}
	atomic_store_explicit(&next, fd < 0 ? 0 : fd, memory_order_relaxed);
	if (is_any || fd >= 0)
		atomic_store(&has_blocked, true);
}

bool emit_wait(struct area *area, const struct call *call, int64_t result, int error,
	       uint64_t now_ns, bool is_sleeping, bool is_shown)
{
	bool is_epoll = call_rows[call->id].kinds[1] == ARG_EPOLL_SET;
	/* An epoll instance may report only connections that TCPSHIM_MATCH excludes. */
	bool is_watched = is_epoll && (config.match.count == 0 || result <= 0);
	bool is_long = is_sleeping || now_ns - call->start_ns >= LONG_WAIT_NS;
	unsigned asked = 0;
	struct decode_wait wait;
	struct decode_entry entry;

	decode_wait_start(&wait, call, result, error, is_sleeping);
	while (decode_wait_next(&wait, &entry)) {
		uint64_t slot = fdtable_load(entry.fd);

		if (entry.fd < 0)
			continue;
		if (!fdtable_is_known(slot) && classify_descriptor(entry.fd, now_ns))
			slot = fdtable_load(entry.fd);
		if (fdtable_state(slot) != FD_WATCHED)
			continue;
		is_watched = true;
		if (entry.revents != 0 || is_long || has_to_be_asked(area, &entry, now_ns, &asked))
			emit_wait_entry(area, call, &entry, now_ns, is_sleeping, is_shown);
	}
	if (!is_epoll || !is_shown || !emit_has_notes())
		return is_watched;
	if (is_long && result <= 0)
		emit_epoll_members(area, call, now_ns, is_sleeping);
	else if (!is_sleeping && atomic_load_explicit(&has_blocked, memory_order_relaxed))
		emit_blocked_members(area, call, now_ns);
	return is_watched;
}
