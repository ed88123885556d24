/*
 * explanation: what a note means, as text for a terminal of 80 columns.
 *
 * The numbers in a note's text are those of one example.
 */
#ifndef CLI_EXPLANATION_H
#define CLI_EXPLANATION_H

#include <stdbool.h>

#include "format/nearest.h"

/* Prints text of several sentences, indented and wrapped. */
void explanation_print_text(const char *text);

/* Returns whether there is a note of this id, which may stand in brackets. */
bool explanation_exists(const char *id);

/* Prints all that is known of the note of this id; nothing if there is none. */
void explanation_print(const char *id);

/* Prints a line for each note: its id and as much of its text as fits. */
void explanation_list(void);

/* Offers the ids of all notes. */
void explanation_offer(struct nearest *nearest);

#endif
