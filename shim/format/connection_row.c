#include "format/connection_row.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "format/facts.h"
#include "format/names.h"
#include "format/note_set.h"

#define LENGTH(list) (sizeof(list) / sizeof((list)[0]))

/* Nothing more comes of the connection. */
static const uint8_t closing_notes[] = {
	NOTE_closed_first,
	NOTE_closed_unknown,
	NOTE_closed_after_peer_unread,
	NOTE_closed_after_peer,
	NOTE_closed_after_death,
	NOTE_closed_with_unread_data,
	NOTE_closed_with_unacknowledged_data,
	NOTE_aborted,
	NOTE_aborted_by_disconnect,
	NOTE_left_open_at_exit,
	NOTE_left_open_at_exit_maybe,
	NOTE_left_open_dead,
	NOTE_closed_shared_maybe,
	NOTE_closed_in_repair,
};

/* How the connection ended, beside those. */
static const uint8_t ending_notes[] = {
	NOTE_reset_peer_forgot,
	NOTE_reset_of_probe,
	NOTE_destroyed_here,
	NOTE_reset_after_fin,
	NOTE_reset_by_peer,
	NOTE_reset_of_alert,
	NOTE_reset_when_done,
	NOTE_reset_unknown,
	NOTE_timed_out_data,
	NOTE_timed_out_unsent,
	NOTE_timed_out_window,
	NOTE_timed_out_user,
	NOTE_timed_out_probing,
	NOTE_timed_out_keepalive,
	NOTE_timed_out,
	NOTE_dead,
	NOTE_connect_refused,
	NOTE_connect_timed_out,
	NOTE_connect_unreachable,
	NOTE_connect_reset,
	NOTE_ports_exhausted,
	NOTE_no_local_address,
	NOTE_policy_aborted_on_eof,
};

/* Which side closed first. */
static const uint8_t own_end_notes[] = {
	NOTE_own_fin,
	NOTE_closed_first,
	NOTE_aborted,
	NOTE_aborted_by_disconnect,
	NOTE_closed_with_unread_data,
};
static const uint8_t peer_end_notes[] = {
	NOTE_peer_fin,          NOTE_peer_fin_late,
	NOTE_stale_reuse,       NOTE_closed_after_peer_unread,
	NOTE_closed_after_peer, NOTE_reset_by_peer,
	NOTE_reset_peer_forgot, NOTE_own_fin_last,
	NOTE_reset_after_fin,
};

static const uint8_t opening_notes[] = {
	NOTE_connected, NOTE_connected_later, NOTE_accepted, NOTE_accepted_early, NOTE_adopted,
};

static bool has_any(const struct tcpshim_notes *notes, const uint8_t *list, size_t count)
{
	return note_set_find(notes, list, (unsigned)count) != NOTE_COUNT;
}
#define HAS_ANY(notes, list) has_any(notes, list, LENGTH(list))

/* Returns the first of them that says how the connection ended; NOTE_COUNT if none does. */
static unsigned find_ending(const struct tcpshim_notes *notes)
{
	for (unsigned note = note_set_next(notes, 0); note < NOTE_COUNT;
	     note = note_set_next(notes, note + 1))
		if (memchr(closing_notes, (int)note, sizeof(closing_notes)) ||
		    memchr(ending_notes, (int)note, sizeof(ending_notes)))
			return note;
	return NOTE_COUNT;
}

void connection_row_start(struct connection_row *row, const struct tcpshim_event *event,
			  uint32_t serial)
{
	*row = (struct connection_row){.serial = serial,
				       .pid = event->pid,
				       .first_ns = event->time_ns,
				       .fd = -1,
				       .ended = CONNECTION_ROW_NO_NOTE,
				       .realtime_offset_ns =
					       (int64_t)((uint64_t)event->realtime_ns -
							 event->time_ns),
				       .program = event->program,
				       .attributes = event->attributes};
}

uint64_t connection_row_bytes(const struct tcpshim_event *event)
{
	const uint8_t *kinds = call_rows[event->call].kinds;

	if (event->error != 0 || event->result <= 0 || (event->flags & EVENT_SLEEPING))
		return 0;
	if (event->data_total > 0)
		return event->data_total;
	return kinds[1] == ARG_FD || kinds[1] == ARG_OFFSET || kinds[2] == ARG_SIZE
		       ? (uint64_t)event->result
		       : 0;
}

bool connection_row_is_peek(const struct tcpshim_event *event)
{
	const uint8_t *kinds = call_rows[event->call].kinds;

	for (unsigned i = 0; i < event->argument_count; i++)
		if (kinds[i] == ARG_MESSAGE_FLAGS && (event->arguments[i] & MSG_PEEK))
			return true;
	return false;
}

/* splice is on two descriptors: a read of the first, or a write to the second. */
static bool is_writing(const struct connection_row *row, const struct tcpshim_event *event)
{
	if (call_rows[event->call].effect == EFFECT_SPLICE)
		return row->fd >= 0 && (int32_t)event->arguments[2] == row->fd;
	return call_rows[event->call].effect == EFFECT_WRITE;
}

/* Threads that share a connection lose nothing. */
static void add(uint64_t *to, uint64_t count)
{
	__atomic_fetch_add(to, count, __ATOMIC_RELAXED);
}

static void count_transfer(struct connection_row *row, const struct tcpshim_event *event)
{
	uint64_t bytes = connection_row_is_peek(event) ? 0 : connection_row_bytes(event);
	uint64_t opened_ns = row->is_opening_missed ? row->first_ns : row->opened_ns;
	uint64_t since_ns = row->active_ns != 0 ? row->active_ns : opened_ns;

	if (is_writing(row, event)) {
		add(&row->writes, 1);
		add(&row->sent_bytes, bytes);
	} else {
		add(&row->reads, 1);
		add(&row->received_bytes, bytes);
	}
	if (bytes == 0)
		return;
	if (since_ns != 0 && event->time_ns > since_ns &&
	    event->time_ns - since_ns > row->silence_ns)
		row->silence_ns = event->time_ns - since_ns;
	row->active_ns = event->time_ns;
}

static bool is_fcntl_dup(const struct tcpshim_event *event)
{
	return call_rows[event->call].kinds[1] == ARG_FCNTL_COMMAND &&
	       (event->arguments[1] == F_DUPFD || event->arguments[1] == F_DUPFD_CLOEXEC);
}

/* Returns whether a close of the connection was seen: of its only descriptor, as far as known. */
static bool is_last_close(struct connection_row *row, const struct tcpshim_event *event)
{
	enum tcpshim_effect effect = (enum tcpshim_effect)call_rows[event->call].effect;

	if (event->error != 0)
		return false;
	if (effect == EFFECT_DUP || is_fcntl_dup(event))
		row->more_fds++;
	if (effect != EFFECT_CLOSE || call_rows[event->call].kinds[0] != ARG_FD)
		return false;
	if (row->more_fds == 0)
		return true;
	row->more_fds--;
	return false;
}

void connection_row_call(struct connection_row *row, const struct tcpshim_event *event)
{
	const struct tcpshim_connection *connection = &event->connection;
	enum tcpshim_effect effect = (enum tcpshim_effect)call_rows[event->call].effect;

	if (event->time_ns > row->seen_ns)
		row->seen_ns = event->time_ns;
	if (!(event->flags & EVENT_SLEEPING) && !row->is_told_closed)
		row->closed_ns = is_last_close(row, event) ? event->time_ns : 0;
	if (connection->local.family != 0)
		row->local = connection->local;
	if (connection->peer.family != 0)
		row->peer = connection->peer;
	if (connection->role != ROLE_NONE)
		row->role = connection->role;
	if (connection->state != STATE_UNKNOWN)
		row->state = connection->state;
	if (event->flags & EVENT_SLEEPING)
		return;
	if ((effect == EFFECT_ACCEPT || effect == EFFECT_CREATE) && event->error == 0)
		row->fd = (int32_t)event->result;
	else if (event->argument_count > 0 && call_rows[event->call].kinds[0] == ARG_FD &&
		 effect != EFFECT_SPLICE) /* its first may be a pipe */
		row->fd = (int32_t)event->arguments[0];
	if (row->opened_ns == 0 && event->error == 0 &&
	    (effect == EFFECT_ACCEPT || effect == EFFECT_CONNECT || effect == EFFECT_LISTEN))
		row->opened_ns = event->time_ns;
	if (effect == EFFECT_READ || effect == EFFECT_WRITE || effect == EFFECT_SPLICE)
		count_transfer(row, event);
}

/* The kernel has the peer's FIN, although the program may not have read up to it. */
static bool is_peer_closed(uint8_t state)
{
	return state == STATE_CLOSE_WAIT || state == STATE_LAST_ACK;
}

static void set_first(struct connection_row *row, const struct tcpshim_notes *notes, uint8_t before)
{
	if (row->first != FIRST_END_NOBODY)
		return;
	if (HAS_ANY(notes, peer_end_notes) ||
	    (HAS_ANY(notes, own_end_notes) && is_peer_closed(before)))
		row->first = FIRST_END_PEER;
	else if (HAS_ANY(notes, own_end_notes))
		row->first = FIRST_END_HERE;
}

static bool is_established(uint8_t state)
{
	return state == STATE_ESTABLISHED || (state >= STATE_FIN_WAIT_1 && state <= STATE_CLOSING &&
					      state != STATE_CLOSE && state != STATE_LISTEN);
}

/* Takes what the library and the kernel had measured. */
static void take_measured(struct connection_row *row, const struct tcpshim_facts *facts,
			  uint64_t now_ns)
{
	if (now_ns > row->seen_ns)
		row->seen_ns = now_ns;
	/* Its opening is missing in the recording. */
	if (row->opened_ns == 0 && is_established(facts->before) && facts->age_ns != 0 &&
	    facts->age_ns < now_ns) {
		row->opened_ns = now_ns - facts->age_ns;
		row->is_opening_missed = true;
	}
	if (facts->sent_bytes > row->sent_told)
		row->sent_told = facts->sent_bytes;
	if (facts->received_bytes > row->received_told)
		row->received_told = facts->received_bytes;
	row->is_sampled |= facts->rtt_ns != 0 || facts->retransmits_total != 0;
	if (facts->rtt_ns != 0)
		row->rtt_ns = facts->rtt_ns;
	if (facts->retransmits_total > row->retransmits)
		row->retransmits = facts->retransmits_total;
}

bool connection_row_subject(struct connection_row *row, const struct tcpshim_event *event,
			    const struct tcpshim_subject *subject)
{
	const struct tcpshim_facts *facts = &subject->facts;
	const struct tcpshim_notes *notes = &subject->notes;

	if (facts->local.family != 0)
		row->local = facts->local;
	if (facts->peer.family != 0)
		row->peer = facts->peer;
	if (facts->role != ROLE_NONE)
		row->role = facts->role;
	if (facts->now != STATE_UNKNOWN)
		row->state = facts->now;
	if (HAS_ANY(notes, opening_notes)) {
		row->opened_ns = event->time_ns;
		row->is_opening_missed = false;
		row->handshake_ns = facts->handshake_ns;
	}
	take_measured(row, facts, event->time_ns);
	row->is_adopted |= note_set_has(notes, NOTE_adopted);
	if (note_set_has(notes, NOTE_closed_shared))
		row->closed_ns = 0;
	if (row->fd < 0)
		row->fd = facts->fd;
	set_first(row, notes, facts->before);
	if (row->ended == CONNECTION_ROW_NO_NOTE && find_ending(notes) != NOTE_COUNT)
		row->ended = (uint16_t)find_ending(notes);
	note_set_merge(&row->notes, notes);
	if (!HAS_ANY(notes, closing_notes))
		return false;
	row->closed_ns = event->time_ns;
	row->unread_bytes = facts->unread_bytes;
	row->is_told_closed = true;
	return true;
}

void connection_row_add_process(struct connection_row *row, int32_t pid)
{
	uint32_t place = 0;

	while (place < row->process_count && place < CONNECTION_ROW_PIDS)
		if (row->pids[place++] == pid)
			return;
	if (place < CONNECTION_ROW_PIDS)
		row->pids[place] = pid;
	row->process_count++;
}

void connection_row_keep_opening(struct connection_row *row, const struct connection_row *before)
{
	row->opened_ns = before->opened_ns;
	row->is_opening_missed = before->is_opening_missed;
	row->handshake_ns = before->handshake_ns;
	row->is_adopted = before->is_adopted;
}

void connection_row_keep_open(struct connection_row *row, const struct connection_row *before)
{
	row->closed_ns = 0;
	row->is_told_closed = false;
	if (memchr(closing_notes, (int)row->ended, sizeof(closing_notes)) &&
	    row->ended < NOTE_COUNT)
		row->ended = before->ended;
	if (row->first == FIRST_END_HERE)
		row->first = before->first;
}

static bool is_maybe_over(const struct connection_row *row)
{
	return row->ended == NOTE_closed_shared_maybe || row->ended == NOTE_left_open_at_exit_maybe;
}

bool connection_row_is_maybe_shared(const struct connection_row *row)
{
	return note_set_has(&row->notes, NOTE_closed_shared_maybe) ||
	       note_set_has(&row->notes, NOTE_left_open_at_exit_maybe);
}

void connection_row_go_on(struct connection_row *row)
{
	if (!is_maybe_over(row))
		return;
	row->closed_ns = 0;
	row->is_told_closed = false;
	row->ended = CONNECTION_ROW_NO_NOTE;
}

void connection_row_end_shared(struct connection_row *row)
{
	bool is_close_seen = row->closed_ns != 0;

	if (row->ended == CONNECTION_ROW_NO_NOTE && is_established(row->state) && !is_close_seen)
		row->ended = NOTE_left_open_at_exit; /* by the last of them */
	if (row->ended != NOTE_closed_shared_maybe &&
	    (row->ended != CONNECTION_ROW_NO_NOTE || !is_established(row->state)))
		return;
	row->ended = row->first == FIRST_END_PEER ? NOTE_closed_after_peer : NOTE_closed_first;
	if (row->unread_bytes > 0)
		row->ended = NOTE_closed_with_unread_data;
	if (row->first == FIRST_END_NOBODY)
		row->first = FIRST_END_HERE;
}

void connection_row_restart(struct connection_row *row, uint64_t now_ns)
{
	row->is_restarted = true;
	row->sent_bytes = row->received_bytes = row->writes = row->reads = 0;
	row->silence_ns = 0;
	row->notes = (struct tcpshim_notes){0};
	if (row->opened_ns != 0)
		row->active_ns = now_ns;
}

bool connection_row_is_leftover(const struct connection_row *row)
{
	return row->role == ROLE_LISTENER && row->opened_ns == 0 && row->closed_ns != 0 &&
	       !row->has_gaps;
}

void connection_row_leave(struct connection_row *row, uint64_t end_ns, bool is_over)
{
	if (row->closed_ns != 0)
		return;
	if (end_ns > row->seen_ns)
		row->seen_ns = end_ns;
	if (is_over)
		row->closed_ns = row->seen_ns;
}

int64_t connection_row_realtime_ns(const struct connection_row *row)
{
	uint64_t time_ns = row->opened_ns != 0 ? row->opened_ns : row->first_ns;

	return (int64_t)(time_ns + (uint64_t)row->realtime_offset_ns);
}

const char *connection_row_role(const struct connection_row *row)
{
	static const char *const names[] = {
		[ROLE_NONE] = "-",
		[ROLE_CLIENT] = "client",
		[ROLE_SERVER] = "server",
		[ROLE_LISTENER] = "listener",
	};

	return names[row->role <= ROLE_LISTENER ? row->role : ROLE_NONE];
}

const char *connection_row_first(const struct connection_row *row)
{
	static const char *const names[] = {
		[FIRST_END_NOBODY] = "-",
		[FIRST_END_HERE] = "here",
		[FIRST_END_PEER] = "peer",
	};

	return names[row->first <= FIRST_END_PEER ? row->first : FIRST_END_NOBODY];
}

const char *connection_row_ended(const struct connection_row *row)
{
	return row->ended < NOTE_COUNT ? note_rows[row->ended].id : names_tcp_state(row->state);
}

bool connection_row_shows_note(const struct connection_row *row, unsigned note)
{
	if (!note_set_has(&row->notes, note))
		return false;
	for (unsigned i = 0; i < note; i++)
		if (note_set_has(&row->notes, i) &&
		    strcmp(note_rows[i].id, note_rows[note].id) == 0)
			return false;
	return true;
}
