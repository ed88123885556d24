/*
 * netstat_rows: the rows of netstat: a connection of a process with what the kernel says about it,
 * and the calls that threads are in.
 */
#ifndef CLI_NETSTAT_ROWS_H
#define CLI_NETSTAT_ROWS_H

#include "cli/row_list.h"
#include "format/connection_row.h"
#include "reader/kernel.h"

enum { NETSTAT_THREADS = 32, NETSTAT_CALL_BYTES = 160, NETSTAT_JSON_BYTES = 16384 };

/* A call that a thread is in. */
struct netstat_call {
	uint32_t serial, thread_number; /* serial: of the connection, 0: none or several */
	int32_t tid;
	uint16_t call;
	uint64_t start_ns;
	char text[NETSTAT_CALL_BYTES];
	struct tcpshim_subject subject; /* its notes */
};

struct netstat_calls {
	unsigned count;
	struct netstat_call calls[NETSTAT_THREADS];
};

struct netstat_row {
	struct connection_row row;
	bool has_socket, is_gone;    /* the kernel has it; has it no more */
	struct kernel_socket socket; /* if has_socket */
	uint64_t now_ns;
	struct tcpshim_notes notes; /* problems, and what is true of the calls that threads are in
				     */
};

/* What all rows of one table have in common. */
struct netstat_head {
	uint64_t now_ns, base_ns;
	int64_t realtime_ns; /* now */
	bool is_live;        /* the process runs */
	int pid, own_pid;    /* here, and in its PID namespace */
	const char *program;
};

/* Ended by a column without a name. */
extern const struct column netstat_columns[];

/* The order in which a watched table shows rows: dead connections and errors, then warnings, then
 * the others, each by how long nothing was moved. */
extern const struct column netstat_worst;

/* Makes the row of a connection. table: NULL if the kernel was not asked. */
void netstat_row_fill(struct netstat_row *to, const struct connection_row *row,
		      const struct kernel_table *table, const struct netstat_calls *calls,
		      uint64_t now_ns);

/* Returns the word for its state. */
const char *netstat_row_state(const struct netstat_row *row);

/* Appends one object, and a newline (netstat_json.c). */
void netstat_row_json(struct strbuf *buf, const struct netstat_row *row,
		      const struct netstat_calls *calls, const struct netstat_head *head);

#endif
