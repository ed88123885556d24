/*
 * connection_number: the numbers of a row of the table of connections, and how well they are known.
 *
 * Pure. Durations are nanoseconds.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_CONNECTION_NUMBER_H
#define FORMAT_CONNECTION_NUMBER_H

#include "format/connection_row.h"

/* A number of a row, and how well it is known. A row never shows 0 for what is not known. */
enum known { KNOWN_NOT, KNOWN_AT_LEAST, KNOWN_EXACTLY };
struct known_number {
	uint64_t value;
	uint8_t known; /* enum known */
};

/* Return the numbers of a row. How long it lasted is from its start to its close, or to the end of
 * its process. A silence is a time without a byte, the one before its end included. */
struct known_number connection_number_lived_ns(const struct connection_row *row);
struct known_number connection_number_silence_ns(const struct connection_row *row);
struct known_number connection_number_sent(const struct connection_row *row);
struct known_number connection_number_received(const struct connection_row *row);
struct known_number connection_number_writes(const struct connection_row *row);
struct known_number connection_number_reads(const struct connection_row *row);
struct known_number connection_number_handshake_ns(const struct connection_row *row);
struct known_number connection_number_rtt_ns(const struct connection_row *row);
struct known_number connection_number_retransmits(const struct connection_row *row);

#endif
