/*
 * json_connection: what JSON has about a connection in all tables.
 *
 * Pure. Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_JSON_CONNECTION_H
#define FORMAT_JSON_CONNECTION_H

#include "format/connection_row.h"

/* Appends the members of a row that are the same in all tables: its process, number, descriptor,
 * role, addresses, times and sums, and the attributes of its process. base_ns: what times count
 * from. */
void json_connection(struct strbuf *buf, const struct connection_row *row, uint64_t base_ns);

#endif
