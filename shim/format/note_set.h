/*
 * note_set: sets of notes.
 *
 * Pure. Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_NOTE_SET_H
#define FORMAT_NOTE_SET_H

#include "tcpshim/event.h"

static inline bool note_set_has(const struct tcpshim_notes *set, unsigned note)
{
	return set->words[note / 64] >> note % 64 & 1;
}

static inline void note_set_add(struct tcpshim_notes *set, unsigned note)
{
	set->words[note / 64] |= UINT64_C(1) << note % 64;
}

static inline void note_set_remove(struct tcpshim_notes *set, unsigned note)
{
	set->words[note / 64] &= ~(UINT64_C(1) << note % 64);
}

static inline bool note_set_is_empty(const struct tcpshim_notes *set)
{
	uint64_t all = 0;

	for (unsigned i = 0; i < EVENT_NOTE_WORDS; i++)
		all |= set->words[i];
	return all == 0;
}

/* Returns the first note of the set that is at or after from; NOTE_COUNT if there is none. */
static inline unsigned note_set_next(const struct tcpshim_notes *set, unsigned from)
{
	while (from < NOTE_COUNT) {
		uint64_t rest = set->words[from / 64] >> from % 64;

		if (rest != 0)
			return from + (unsigned)__builtin_ctzll(rest);
		from = (from / 64 + 1) * 64;
	}
	return NOTE_COUNT;
}

/* Returns the first note of the list, of so many, that is in the set; NOTE_COUNT if none is. */
static inline unsigned note_set_find(const struct tcpshim_notes *set, const uint8_t *list,
				     unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (note_set_has(set, list[i]))
			return list[i];
	return NOTE_COUNT;
}

static inline bool note_set_has_common(const struct tcpshim_notes *a, const struct tcpshim_notes *b)
{
	uint64_t common = 0;

	for (unsigned i = 0; i < EVENT_NOTE_WORDS; i++)
		common |= a->words[i] & b->words[i];
	return common != 0;
}

/* Adds the notes of from; to may be read by another thread meanwhile. */
static inline void note_set_merge(struct tcpshim_notes *to, const struct tcpshim_notes *from)
{
	for (unsigned i = 0; i < EVENT_NOTE_WORDS; i++)
		__atomic_fetch_or(&to->words[i], from->words[i], __ATOMIC_RELAXED);
}

#endif
