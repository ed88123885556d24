/*
 * vanished: the line about a process whose recording has no end although it is gone.
 *
 * A process that was killed, that crashed, or that became another program by exec writes no end.
 */
#ifndef CLI_VANISHED_H
#define CLI_VANISHED_H

#include "cli/open_rows.h"

enum { VANISHED_BYTES = 2048 };

/* Adds an event to the connections that were open, if its process may have vanished. */
void vanished_take(struct open_rows *rows, const struct item *item);

/* Appends the line, "*** tcpshim: … ***" and its newline: that the process of reader is gone, when
 * it was last seen, and what it had open. Appends nothing if its recording ends, or goes on in that
 * of another program, or if the file may be a copy of one that is being written. The process does
 * not write to it: reader_find_end. */
void vanished_line(struct strbuf *line, const struct open_rows *rows, const struct merge *merge,
		   const struct reader *reader);

#endif
