/*
 * open_rows: one row for each connection that is open at a time.
 */
#ifndef CLI_OPEN_ROWS_H
#define CLI_OPEN_ROWS_H

#include "format/connection_row.h"

struct open_rows {
	void *tree; /* tsearch(3)'s, by process and serial */
};

/* Updates the rows of the event's connections, and makes missing ones. When a connection has ended,
 * its row is passed to close, unless that is NULL, and removed. */
void open_rows_take(struct open_rows *rows, const struct tcpshim_event *event,
		    void (*close)(const struct connection_row *row, void *data), void *data);

/* Calls visit for each row, by process and serial. */
void open_rows_visit(const struct open_rows *rows,
		     void (*visit)(const struct connection_row *row, void *data), void *data);

/* Removes all rows. */
void open_rows_clear(struct open_rows *rows);

#endif
