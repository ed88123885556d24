/*
 * open_rows: the connections that are open at one time, a row each.
 */
#ifndef CLI_OPEN_ROWS_H
#define CLI_OPEN_ROWS_H

#include "format/connection_row.h"

struct open_rows {
	void *tree; /* tsearch(3)'s, by process and serial */
};

/* Adds what the event says about its connections to their rows, which are made where there are
 * none. A row of which nothing more comes is given to close, if that is not NULL, and removed. */
void open_rows_take(struct open_rows *rows, const struct tcpshim_event *event,
		    void (*close)(const struct connection_row *row, void *data), void *data);

/* Calls visit for each row, in order; removes all. */
void open_rows_visit(const struct open_rows *rows,
		     void (*visit)(const struct connection_row *row, void *data), void *data);
void open_rows_clear(struct open_rows *rows);

#endif
