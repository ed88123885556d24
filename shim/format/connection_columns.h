/*
 * connection_columns: the columns of the table of connections (layout.h).
 *
 * Pure. Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_CONNECTION_COLUMNS_H
#define FORMAT_CONNECTION_COLUMNS_H

#include "format/layout.h"

/* All of them, in the order in which they are shown, ended by one without a name. Their rows are
 * struct connection_row, and times count from origin_ns. */
extern const struct column connection_columns[];

/* Makes a layout of all columns but time, host and program. has_pid: the rows are of several
 * processes. */
void connection_columns_all(struct layout *layout, bool has_pid);

#endif
