#include "cli/open_rows.h"

#include <search.h>
#include <stdlib.h>

#include "reader/complain.h"

static int compare(const void *a, const void *b)
{
	const struct connection_row *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->serial > y->serial) - (x->serial < y->serial);
}

static struct connection_row *find_or_add(struct open_rows *rows, const struct tcpshim_event *event,
					  uint32_t serial)
{
	const struct connection_row key = {.pid = event->pid, .serial = serial};
	struct connection_row **found = tfind(&key, &rows->tree, compare), *row;

	if (found)
		return *found;
	row = allocate(sizeof(*row));
	connection_row_start(row, event, serial);
	if (!tsearch(row, &rows->tree, compare)) {
		complain("not enough memory for the connections");
		exit(EXIT_OWN_FAILURE);
	}
	return row;
}

void open_rows_take(struct open_rows *rows, const struct tcpshim_event *event,
		    void (*close)(const struct connection_row *row, void *data), void *data)
{
	if (event->connection.serial != 0)
		connection_row_call(find_or_add(rows, event, event->connection.serial), event);
	for (uint32_t i = 0; i < event->subject_count; i++) {
		const struct tcpshim_subject *subject = &event->subjects[i];
		struct connection_row *row;

		if (subject->facts.serial == 0)
			continue;
		row = find_or_add(rows, event, subject->facts.serial);
		if (!connection_row_subject(row, event, subject))
			continue;
		if (close)
			close(row, data);
		tdelete(row, &rows->tree, compare);
		free(row);
	}
}

struct visit {
	void (*visit)(const struct connection_row *row, void *data);
	void *data;
};

static void visit_node(const void *node, VISIT order, void *closure)
{
	const struct visit *visit = closure;

	if (order == postorder || order == leaf)
		visit->visit(*(const struct connection_row *const *)node, visit->data);
}

void open_rows_visit(const struct open_rows *rows,
		     void (*visit)(const struct connection_row *row, void *data), void *data)
{
	twalk_r(rows->tree, visit_node, &(struct visit){visit, data});
}

void open_rows_clear(struct open_rows *rows)
{
	tdestroy(rows->tree, free);
	rows->tree = NULL;
}
