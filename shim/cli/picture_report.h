/*
 * picture_report: recordings as a page for a browser, or one connection as an SVG picture.
 */
#ifndef CLI_PICTURE_REPORT_H
#define CLI_PICTURE_REPORT_H

#include "reader/filter.h"
#include "reader/reader.h"

enum picture_form { PICTURE_NONE, PICTURE_PAGE, PICTURE_SVG };

/* Takes an option; refuses two different ones. */
void picture_report_choose(enum picture_form *form, enum picture_form chosen);

/* Refuses what a picture cannot have: another form (an option, or NULL), and a terminal to write
 * to.
 */
void picture_report_check(enum picture_form form, const char *other_form);

/* Writes the picture of the connections that the filter chooses to standard output. Returns the
 * exit status. */
int picture_report(enum picture_form form, struct reader **readers, size_t count,
		   const struct filter *filter);

#endif
