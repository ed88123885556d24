#include "format/connection_number.h"

/* At least 0 is nothing known. */
static struct known_number number_of(uint64_t value, enum known known)
{
	if (known == KNOWN_NOT || (known == KNOWN_AT_LEAST && value == 0))
		return (struct known_number){0, KNOWN_NOT};
	return (struct known_number){value, (uint8_t)known};
}

static uint64_t end_of(const struct connection_row *row)
{
	return row->closed_ns != 0 ? row->closed_ns : row->seen_ns;
}

/* A connection that was open before the trace began lived longer than what was seen of it. */
static enum known known_by_end(const struct connection_row *row)
{
	return row->closed_ns != 0 && !row->is_adopted ? KNOWN_EXACTLY : KNOWN_AT_LEAST;
}

struct known_number connection_number_lived_ns(const struct connection_row *row)
{
	if (row->opened_ns == 0 && row->active_ns != 0 && end_of(row) > row->first_ns)
		return number_of(end_of(row) - row->first_ns, KNOWN_AT_LEAST);
	if (row->opened_ns == 0 || end_of(row) < row->opened_ns)
		return number_of(0, KNOWN_NOT);
	return number_of(end_of(row) - row->opened_ns, known_by_end(row));
}

/* A listener moves no bytes, whatever is missing. */
static bool has_gaps(const struct connection_row *row)
{
	return row->has_gaps && row->role != ROLE_LISTENER;
}

/* A connection that was inherited by fork has counted its parent's bytes too. */
static bool is_inherited(const struct connection_row *row)
{
	return row->is_opening_missed && !row->has_gaps;
}

static bool is_missing_calls(const struct connection_row *row)
{
	if (row->is_restarted || is_inherited(row))
		return has_gaps(row);
	return has_gaps(row) || row->sent_told > row->sent_bytes ||
	       row->received_told > row->received_bytes;
}

/* A call that is missing could make a silence look longer. */
struct known_number connection_number_silence_ns(const struct connection_row *row)
{
	uint64_t since_ns = row->active_ns != 0 ? row->active_ns : row->opened_ns;
	uint64_t silence_ns = row->silence_ns;

	if (row->opened_ns == 0 || row->role == ROLE_LISTENER || is_missing_calls(row))
		return number_of(0, KNOWN_NOT);
	if (is_inherited(row)) /* what the parent did until then is not in this recording */
		since_ns = row->active_ns != 0 ? row->active_ns : row->first_ns;
	if (end_of(row) > since_ns && end_of(row) - since_ns > silence_ns)
		silence_ns = end_of(row) - since_ns;
	return number_of(silence_ns, is_inherited(row) ? KNOWN_AT_LEAST : known_by_end(row));
}

/* The total in the facts of the note that reports the end is exact, whatever is missing. */
static struct known_number bytes_of(const struct connection_row *row, uint64_t sum, uint64_t told)
{
	if (row->is_restarted || is_inherited(row))
		return number_of(sum, has_gaps(row) ? KNOWN_AT_LEAST : KNOWN_EXACTLY);
	return number_of(sum > told ? sum : told,
			 has_gaps(row) && !row->is_told_closed ? KNOWN_AT_LEAST : KNOWN_EXACTLY);
}

struct known_number connection_number_sent(const struct connection_row *row)
{
	return bytes_of(row, row->sent_bytes, row->sent_told);
}

struct known_number connection_number_received(const struct connection_row *row)
{
	return bytes_of(row, row->received_bytes, row->received_told);
}

static struct known_number calls_of(const struct connection_row *row, uint64_t count)
{
	return number_of(count, is_missing_calls(row) ? KNOWN_AT_LEAST : KNOWN_EXACTLY);
}

struct known_number connection_number_writes(const struct connection_row *row)
{
	return calls_of(row, row->writes);
}

struct known_number connection_number_reads(const struct connection_row *row)
{
	return calls_of(row, row->reads);
}

struct known_number connection_number_handshake_ns(const struct connection_row *row)
{
	return number_of(row->handshake_ns, row->handshake_ns != 0 ? KNOWN_EXACTLY : KNOWN_NOT);
}

struct known_number connection_number_rtt_ns(const struct connection_row *row)
{
	return number_of(row->rtt_ns, row->rtt_ns != 0 ? KNOWN_EXACTLY : KNOWN_NOT);
}

struct known_number connection_number_retransmits(const struct connection_row *row)
{
	return number_of(row->retransmits, row->is_sampled ? KNOWN_EXACTLY : KNOWN_NOT);
}
