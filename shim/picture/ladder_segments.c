#include "picture/ladder_segments.h"

#include <errno.h>

#include "format/facts.h"
#include "format/note_set.h"

/* A FIN that arrived this long before it was seen, or less, was seen as it arrived: the kernel
 * measures in milliseconds. */
#define SAME_NS UINT64_C(3000000)

static const uint8_t fin_sending_notes[] = {
	NOTE_own_fin,
	NOTE_own_fin_last,
	NOTE_policy_closed_on_eof,
	NOTE_closed_first,
	NOTE_closed_unknown,
	NOTE_closed_after_peer,
	NOTE_left_open_at_exit,
	NOTE_closed_after_peer_unread,
};
static const uint8_t reset_sending_notes[] = {
	NOTE_aborted,
	NOTE_aborted_by_disconnect,
	NOTE_closed_with_unread_data,
	NOTE_policy_aborted_on_eof,
};
static const uint8_t reset_notes[] = {
	NOTE_reset_peer_forgot, NOTE_reset_of_probe,  NOTE_reset_after_fin,
	NOTE_reset_of_alert,    NOTE_reset_when_done, NOTE_reset_by_peer,
	NOTE_reset_unknown,     NOTE_connect_reset,   NOTE_connect_refused,
};
static const uint8_t connected_notes[] = {
	NOTE_connected,
	NOTE_connected_later,
	NOTE_connect_slow,
	NOTE_connect_reset,
};

#define HAS_ANY(notes, list) \
	(note_set_find(notes, list, sizeof(list) / sizeof((list)[0])) != NOTE_COUNT)

uint64_t ladder_segments_time(const struct ladder_end *end, uint64_t time_ns)
{
	return time_ns + (uint64_t)end->offset_ns;
}

struct ladder_row ladder_segments_row(const struct ladder_end *end, const struct moment *moment)
{
	uint64_t time_ns = ladder_segments_time(end, moment->time_ns);

	return (struct ladder_row){
		.time_ns = time_ns,
		.last_ns = time_ns,
		.moment = moment,
		.count = 1,
		.arrives = LADDER_NOWHERE,
		.kind = LADDER_CALL,
		.side = end->side,
		.from = end->side,
		.has_notes = !note_set_is_empty(&moment->notes),
	};
}

static void send(struct ladder_row *row, enum ladder_arrow arrow)
{
	row->arrow = (uint8_t)arrow;
	row->from = row->side;
	row->is_start_seen = true;
	row->is_arrival_seen = false;
}

static void receive(struct ladder_row *row, enum ladder_arrow arrow)
{
	row->arrow = (uint8_t)arrow;
	row->from = !row->side;
	row->is_start_seen = false;
	row->is_arrival_seen = true;
}

void ladder_segments_state(struct ladder_end *end, struct ladder_row *row, uint8_t state)
{
	if (state == STATE_UNKNOWN || state == end->state)
		return;
	end->state = state;
	row->state = state;
	row->has_state = true;
}

/* --- The handshake. --- */

static bool has_sent_syn(const struct moment *moment)
{
	switch (moment->error) {
	case 0:
	case EINPROGRESS:
	case EINTR:
	case ECONNREFUSED:
	case ETIMEDOUT:
	case ECONNRESET:
		return true;
	default:
		return false;
	}
}

/* A connect that waits sends its SYN when it begins. */
static void add_begin(struct ladder_end *end, const struct moment *moment)
{
	struct ladder_row row = ladder_segments_row(end, moment);

	row.time_ns = row.last_ns = ladder_segments_time(end, moment->start_ns);
	row.kind = LADDER_BEGIN;
	row.has_notes = false;
	send(&row, LADDER_SYN);
	ladder_segments_state(end, &row, STATE_SYN_SENT);
	ladder_rows_add(end->rows, &row);
}

static void take_connect(struct ladder_end *end, struct ladder_row *row)
{
	const struct moment *moment = row->moment;
	bool is_waiting = moment->error == EINPROGRESS || moment->error == EINTR;

	if (end->is_open || !has_sent_syn(moment))
		return;
	if (!end->is_syn_sent && is_waiting)
		send(row, LADDER_SYN);
	else if (!end->is_syn_sent)
		add_begin(end, moment);
	end->is_syn_sent = true;
	if (moment->error != 0 || moment->is_sleeping)
		return;
	receive(row, LADDER_SYN_ACK);
	end->is_open = true;
}

static void take_opening(struct ladder_end *end, struct ladder_row *row)
{
	const struct moment *moment = row->moment;

	if (call_rows[moment->call].effect == EFFECT_CONNECT)
		take_connect(end, row);
	if (call_rows[moment->call].effect == EFFECT_ACCEPT && moment->error == 0 &&
	    !moment->is_sleeping && !end->is_open) {
		receive(row, LADDER_HANDSHAKE);
		end->is_open = true;
	}
	if (!end->is_open && HAS_ANY(&moment->notes, connected_notes)) {
		receive(row, LADDER_SYN_ACK);
		end->is_open = true;
	}
}

/* --- The end. --- */

/* Finds the earliest time that the notes measured for the arrival of the peer's FIN; 0: none did.
 */
static uint64_t measured_fin_ns(const struct chronicle *chronicle)
{
	uint64_t least_ns = 0;

	for (size_t i = 0; i < chronicle->count; i++) {
		const struct moment *moment = &chronicle->list[i];

		if (moment->fin_time == FIN_ARRIVED && (least_ns == 0 || moment->fin_ns < least_ns))
			least_ns = moment->fin_ns;
	}
	return least_ns;
}

/* Returns whether the row has an arrow, or will. */
static bool is_sending(const struct ladder_row *row)
{
	const struct tcpshim_notes *notes = &row->moment->notes;

	return row->arrow != LADDER_NO_ARROW || HAS_ANY(notes, fin_sending_notes) ||
	       HAS_ANY(notes, reset_sending_notes) || HAS_ANY(notes, reset_notes);
}

/* Adds the arrival of the peer's FIN: to the row of the call that saw it, or above, if it is known
 * to have been earlier. */
static void add_fin(struct ladder_end *end, struct ladder_row *row)
{
	const struct moment *moment = row->moment;
	uint64_t fin_ns = measured_fin_ns(&end->end->chronicle);
	bool is_bound = fin_ns == 0 && moment->fin_time == FIN_ARRIVED_BEFORE;
	struct ladder_row fin;

	end->is_fin_seen = true;
	if (is_bound)
		fin_ns = moment->fin_ns;
	if (fin_ns == 0 || fin_ns > moment->time_ns)
		fin_ns = moment->time_ns;
	if (fin_ns + SAME_NS >= moment->time_ns && !is_sending(row)) {
		receive(row, LADDER_FIN);
		return;
	}
	fin = ladder_segments_row(end, moment);
	fin.time_ns = fin.last_ns = ladder_segments_time(end, fin_ns);
	fin.kind = LADDER_WIRE;
	fin.is_bound = is_bound;
	fin.has_notes = false;
	receive(&fin, LADDER_FIN);
	if (end->state == STATE_ESTABLISHED)
		ladder_segments_state(end, &fin, STATE_CLOSE_WAIT);
	ladder_rows_add(end->rows, &fin);
}

/* Returns whether the moment tells of the peer's FIN. */
static bool has_fin(const struct moment *moment)
{
	return moment->fin_time == FIN_ARRIVED || moment->fin_time == FIN_ARRIVED_BEFORE ||
	       note_set_has(&moment->notes, NOTE_peer_fin) ||
	       note_set_has(&moment->notes, NOTE_peer_fin_late);
}

/* Returns whether the close was the last one of a socket that several processes had, as their
 * recordings show together. */
static bool is_last_close(const struct ladder_end *end, const struct moment *moment)
{
	const struct connection_row *row = &end->end->row;

	return note_set_has(&moment->notes, NOTE_closed_shared_maybe) &&
	       row->closed_ns == moment->time_ns &&
	       (row->ended == NOTE_closed_first || row->ended == NOTE_closed_after_peer);
}

static void take_ending(struct ladder_end *end, struct ladder_row *row)
{
	const struct tcpshim_notes *notes = &row->moment->notes;

	if (!end->is_fin_seen && has_fin(row->moment))
		add_fin(end, row);
	if (end->is_reset)
		return;
	if (HAS_ANY(notes, reset_notes)) {
		receive(row, LADDER_RST);
		end->is_reset = true;
	} else if (HAS_ANY(notes, reset_sending_notes)) {
		send(row, LADDER_RST);
		end->is_reset = true;
	} else if (!end->is_fin_sent &&
		   (HAS_ANY(notes, fin_sending_notes) || is_last_close(end, row->moment))) {
		send(row, LADDER_FIN);
		end->is_fin_sent = true;
	}
}

/* --- All. --- */

static void take_bytes(struct ladder_row *row)
{
	const struct moment *moment = row->moment;

	if (moment->direction == MOMENT_NEITHER)
		return;
	row->position = moment->position;
	row->bytes = moment->bytes;
	if (moment->direction == MOMENT_SENT)
		send(row, LADDER_DATA);
	else
		receive(row, LADDER_DATA);
}

void ladder_segments_take(struct ladder_end *end, struct ladder_row *row)
{
	take_bytes(row);
	take_opening(end, row);
	take_ending(end, row);
	/* A reset ends the connection here, too. */
	if (row->arrow == LADDER_RST && row->is_start_seen)
		ladder_segments_state(end, row, STATE_CLOSE);
	else
		ladder_segments_state(end, row, row->moment->state);
}
