/*
 * open_rows: one row for each connection that is open at a time.
 *
 * Several processes may have one socket: by fork, by exec, or passed over another one. Each has its
 * own number and its own view of it. If rows are joined, the views of one socket (SO_COOKIE) are
 * one row: its sums are those of all of them, and it is over when the last one is closed.
 */
#ifndef CLI_OPEN_ROWS_H
#define CLI_OPEN_ROWS_H

#include "diagnose/messages.h"
#include "diagnose/story.h"
#include "diagnose/verdict.h"
#include "picture/chronicle.h"
#include "reader/filter.h"
#include "reader/merge.h"
#include "reader/stacks.h"

struct open_row {
	struct connection_row row;
	struct story story;
	struct reader *reader; /* the recording that it was first seen in */
	bool is_chosen;        /* one of its calls or notes meets the conditions of the filter */
	/* The owner's, who adds to it in tell and frees it when the row is closed or left. */
	struct chronicle chronicle;
	struct verdict *verdict;
	/* If rows are joined; NULL: it has moved no bytes. Who takes it sets it to NULL. */
	struct messages *messages;

	struct view *views; /* the latest first */
};

struct open_rows {
	void *views;                 /* tsearch(3)'s, by process, recording and serial */
	void *sockets;               /* tsearch(3)'s: the rows of sockets, by machine and cookie */
	const struct filter *filter; /* NULL: every row is chosen */
	struct stacks *stacks;       /* the owner's, of which stories have numbers; NULL: none */
	bool is_joined;              /* the views of one socket are one row */
	/* If not NULL, called with each event and each row that it concerns. subject: the event's
	 * notes for the row's connection, NULL if it has none. stack: the number of its call
	 * stack, 0 if there is none or stacks is NULL. */
	void (*tell)(struct open_row *row, const struct item *item,
		     const struct tcpshim_subject *subject, uint32_t stack, void *data);
};

/* Updates the rows of the event's connections, and makes missing ones. When a connection has ended,
 * its row is passed to close, unless that is NULL, and removed. Joined, the row of a connection
 * that other processes may have too stays until the end. */
void open_rows_take(struct open_rows *rows, const struct item *item,
		    void (*close)(struct open_row *row, void *data), void *data);

/* Calls visit for each row, by process and serial. */
void open_rows_visit(const struct open_rows *rows, void (*visit)(struct open_row *row, void *data),
		     void *data);

/* Finds out, before a row is shown, whether its recordings can lack calls on the connection. A row
 * that is passed to close is done. */
void open_row_find_gaps(struct open_row *row);

/* Does that, and adds to a row of a connection without a close what its recordings show of its end.
 * until_ns: no later than this, in the time of the report. */
void open_row_leave(struct open_row *row, uint64_t until_ns);

/* Returns whether the recording can lack the latest calls on a connection: it may be closed. With
 * one thread, only the earliest are overwritten. */
bool open_rows_are_uncertain(const struct reader *reader);

/* Removes all rows. */
void open_rows_clear(struct open_rows *rows);

#endif
