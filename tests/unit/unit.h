/*
 * unit: what the unit tests share: cmocka with the headers it needs, and the text of a strbuf as a
 * string.
 */
#ifndef UNIT_UNIT_H
#define UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "format/strbuf.h"
#include "tcpshim/event.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { UNIT_TEXT_SIZE = 1 << 16 };
static char unit_text[UNIT_TEXT_SIZE];
static struct strbuf unit_buf;

/* Returns an empty buffer to append to. */
static inline struct strbuf *unit_begin(void)
{
	strbuf_init(&unit_buf, unit_text, sizeof(unit_text) - 1);
	return &unit_buf;
}

/* Returns what was appended since unit_begin. */
static inline const char *unit_end(void)
{
	unit_text[unit_buf.size] = '\0';
	return unit_text;
}

/* Compares; for rows of a table: prints a difference and returns false, so that the rows go on. */
static inline bool unit_is_text(const char *row, const char *got, const char *wanted)
{
	if (strcmp(got, wanted) == 0)
		return true;
	print_error("%s\n  got    \"%s\"\n  wanted \"%s\"\n", row, got, wanted);
	return false;
}

/* Sets of notes as rows of a table write them: UNIT_NOTE(connected) | UNIT_NOTE(name_lookup). */
typedef unsigned __int128 unit_notes;
#define UNIT_NOTE(name) ((unit_notes)1 << NOTE_##name)
#define UNIT_NOTES_ALL (~(unit_notes)0 >> (128 - NOTE_COUNT))
_Static_assert(NOTE_COUNT <= 128, "unit_notes has room for all");

static inline struct tcpshim_notes unit_note_set(unit_notes notes)
{
	return (struct tcpshim_notes){.words = {(uint64_t)notes, (uint64_t)(notes >> 64)}};
}

static inline unit_notes unit_notes_of(const struct tcpshim_notes *set)
{
	return (unit_notes)set->words[1] << 64 | set->words[0];
}

#endif
