#include "reader/current.h"

#include <search.h>

#include "format/facts.h"
#include "reader/writer.h"

/* The call, and what its connections are compared with. */
struct search {
	const struct item *item;
	const struct kernel_table *table;
	struct hanging_case seen;
};

/* Returns whether the recording has every call of the process on its connections. */
static bool is_complete(const struct reader *reader)
{
	const struct record_header *header = &reader->header;

	return (header->flags & RECORD_IS_SELECTED) == 0 && header->lost_events == 0 &&
	       header->overwritten_events == 0 && header->nested_calls == 0 &&
	       !reader->damage.is_cut && reader->damage.blocks == 0 && reader->damage.records == 0;
}

static void check(struct search *search, const struct known_connection *known)
{
	struct tcpshim_event *event = search->item->event;
	struct hanging_case *seen = &search->seen;

	seen->hanging = &known->hanging;
	seen->serial = known->serial;
	seen->role = known->role;
	seen->state = known->state;
	seen->local = known->local;
	seen->peer = known->peer;
	seen->socket = search->table && known->local.family != 0 && known->peer.family != 0
			       ? kernel_find(search->table, &known->local, &known->peer)
			       : NULL;
	if (search->table && !seen->socket) /* the kernel has it no more */
		return;
	if (event->subject_count < EVENT_SUBJECTS &&
	    hanging_find(seen, &event->subjects[event->subject_count]))
		event->subject_count++;
}

struct visit {
	int32_t fd;
	uint32_t serial; /* 0: all connections on the descriptor */
	const struct known_connection *found;
	unsigned count;
};

static void visit_node(const void *node, VISIT order, void *data)
{
	const struct known_connection *known = *(const struct known_connection *const *)node;
	struct visit *visit = data;

	if (order != postorder && order != leaf)
		return;
	if (visit->serial != 0 ? known->serial != visit->serial : known->hanging.fd != visit->fd)
		return;
	visit->found = known;
	visit->count++;
}

/* Checks the connection with this number, or the only one on this descriptor. */
static void check_one(struct search *search, uint32_t serial, int32_t fd)
{
	struct visit visit = {.fd = fd, .serial = serial};

	twalk_r(search->item->reader->connections, visit_node, &visit);
	if (visit.count == 1)
		check(search, visit.found);
}

void current_find_notes(struct item *item, const struct kernel_table *table)
{
	struct reader *reader = item->reader;
	bool is_over = reader->header.end == RECORD_ENDED;
	struct search search = {
		.item = item,
		.table = table,
		.seen =
			{
				.event = item->event,
				.start_ns = item->event->start_ns - reader->shift_ns,
				.end_ns = reader->seen_ns,
				.is_end_known = true,
				.is_complete = is_complete(reader),
			},
	};
	int32_t fds[EVENT_SUBJECTS];
	unsigned count;

	if (!hanging_is_unlimited(item->event))
		return;
	/* A process that was killed may have waited for days after its last event. */
	if (!is_over && !reader_is_live(reader))
		search.seen.is_end_known = writer_may_live(&reader->header, reader->seen_ns);
	if (call_rows[item->event->call].effect == EFFECT_READ) {
		if (item->event->connection.serial != 0)
			check_one(&search, item->event->connection.serial, -1);
		return;
	}
	count = polled_find(&reader->polled, &item->stream->polled, item->event, fds,
			    EVENT_SUBJECTS);
	for (unsigned i = 0; i < count; i++)
		check_one(&search, 0, fds[i]);
}
