/*
 * selection: the calls that a list of names and %groups selects.
 *
 * Pure. Context: the constructor only. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef SETTINGS_SELECTION_H
#define SETTINGS_SELECTION_H

#include <stdbool.h>

#include "format/words.h"
#include "tcpshim/event.h"

/* Sets selected, by enum tcpshim_call, to is_selected for the calls that the word names: a call, a
 * %group, all, or none, which means all with the opposite. False: it names no call. */
bool selection_add(bool *selected, struct word word, bool is_selected);

#endif
