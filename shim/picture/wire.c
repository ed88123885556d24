#include "picture/wire.h"

#include "format/facts.h"
#include "format/note_set.h"

enum { SHORT_NS = 50000000, TICK_NS = 10000000 };

/* Which note tells of what. */
static const struct {
	uint8_t note;
	uint16_t signs;
} rows[] = {
	{NOTE_connected, WIRE_CONNECTED},
	{NOTE_connected_later, WIRE_CONNECTED},
	{NOTE_connect_slow, WIRE_CONNECTED},
	{NOTE_accepted, WIRE_ACCEPTED},
	{NOTE_accepted_early, WIRE_ACCEPTED},
	{NOTE_connect_refused, WIRE_RST_RECEIVED},
	{NOTE_connect_reset, WIRE_RST_RECEIVED},
	{NOTE_connect_timed_out, WIRE_GAVE_UP},
	{NOTE_connect_unreachable, WIRE_GAVE_UP},
	{NOTE_reset_peer_forgot, WIRE_RST_RECEIVED},
	{NOTE_reset_of_probe, WIRE_RST_RECEIVED},
	{NOTE_reset_after_fin, WIRE_RST_RECEIVED},
	{NOTE_reset_of_alert, WIRE_RST_RECEIVED},
	{NOTE_reset_when_done, WIRE_RST_RECEIVED},
	{NOTE_reset_by_peer, WIRE_RST_RECEIVED},
	{NOTE_reset_unknown, WIRE_RST_RECEIVED},
	{NOTE_timed_out_data, WIRE_GAVE_UP},
	{NOTE_timed_out_unsent, WIRE_GAVE_UP},
	{NOTE_timed_out_window, WIRE_GAVE_UP},
	{NOTE_timed_out_user, WIRE_GAVE_UP},
	{NOTE_timed_out_probing, WIRE_GAVE_UP},
	{NOTE_timed_out_keepalive, WIRE_GAVE_UP},
	{NOTE_timed_out, WIRE_GAVE_UP},
	{NOTE_dead, WIRE_GAVE_UP},
	{NOTE_data_lost, WIRE_LOST},
	{NOTE_peer_fin, WIRE_FIN_RECEIVED},
	{NOTE_peer_fin_late, WIRE_FIN_RECEIVED},
	{NOTE_own_fin, WIRE_FIN_SENT},
	{NOTE_own_fin_last, WIRE_FIN_SENT},
	{NOTE_closed_first, WIRE_FIN_SENT},
	{NOTE_closed_unknown, WIRE_FIN_SENT},
	{NOTE_closed_after_peer, WIRE_FIN_SENT | WIRE_FIN_RECEIVED},
	{NOTE_closed_after_peer_unread, WIRE_FIN_SENT | WIRE_FIN_RECEIVED},
	{NOTE_closed_with_unacknowledged_data, WIRE_FIN_SENT},
	{NOTE_left_open_at_exit, WIRE_FIN_SENT},
	{NOTE_policy_closed_on_eof, WIRE_FIN_SENT},
	{NOTE_aborted, WIRE_RST_SENT},
	{NOTE_aborted_by_disconnect, WIRE_RST_SENT},
	{NOTE_closed_with_unread_data, WIRE_RST_SENT},
	{NOTE_policy_aborted_on_eof, WIRE_RST_SENT},
};

unsigned wire_signs(const struct moment *moment)
{
	unsigned signs = 0;

	if (call_rows[moment->call].effect == EFFECT_CONNECT)
		signs |= WIRE_SYN_SENT;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (note_set_has(&moment->notes, rows[i].note))
			signs |= rows[i].signs;
	if (moment->fin_time == FIN_ARRIVED || moment->fin_time == FIN_ARRIVED_BEFORE)
		signs |= WIRE_FIN_RECEIVED;
	if (signs & WIRE_RST_SENT) /* in place of it */
		signs &= ~(unsigned)WIRE_FIN_SENT;
	return signs;
}

uint64_t wire_time_ns(const struct moment *moment)
{
	uint64_t took_ns = moment->time_ns - moment->start_ns;
	bool is_sending = moment->direction == MOMENT_SENT ||
			  (wire_signs(moment) & (WIRE_FIN_SENT | WIRE_RST_SENT));

	return is_sending && took_ns < SHORT_NS ? moment->start_ns : moment->time_ns;
}

uint64_t wire_fin_ns(const struct moment *moment)
{
	if (moment->fin_time != FIN_ARRIVED && moment->fin_time != FIN_ARRIVED_BEFORE)
		return 0;
	return moment->fin_ns + TICK_NS < moment->time_ns ? moment->fin_ns : 0;
}

unsigned wire_severity(const struct tcpshim_notes *notes)
{
	unsigned worst = SEVERITY_NONE;

	for (unsigned note = note_set_next(notes, 0); note < NOTE_COUNT;
	     note = note_set_next(notes, note + 1))
		if (worst == SEVERITY_NONE || note_rows[note].severity > worst)
			worst = note_rows[note].severity;
	return worst;
}
