/*
 * ladder_text: the short words of a ladder, from the text of a moment.
 *
 * Pure.
 * Context: any. Locks: none. Errno: untouched.
 */
#ifndef PICTURE_LADDER_TEXT_H
#define PICTURE_LADDER_TEXT_H

#include "format/strbuf.h"
#include "picture/picture.h"

enum { LADDER_TEXT_BYTES = 256 };

/* Appends the call in short: "write = 22", "shutdown SHUT_WR", "read EAGAIN", "poll = 1
 * [3:POLLIN]".
 */
void ladder_text_call(struct strbuf *buf, const struct moment *moment);

/* Appends what is shown of its payload in quotes, as far as it fits into so many bytes: printable
 * ASCII, and a dot for each other byte. Nothing if none is shown. */
void ladder_text_payload(struct strbuf *buf, const struct moment *moment, size_t most);

/* One note of a moment, in its text. */
struct ladder_note {
	/* Without its mark, the descriptor and the addresses, and the states; and its "[id]". */
	const char *text, *id;
	size_t size, id_size;
	uint8_t severity; /* enum tcpshim_severity */
};

/* Finds the next note of the moment for the connection of the end. *at: NULL before the first one.
 * Returns false after the last one. */
bool ladder_text_next_note(struct ladder_note *note, const char **at, const struct moment *moment,
			   const struct picture_end *end);

#endif
