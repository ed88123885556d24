#include "picture/states.h"

#include "picture/wire.h"

struct list {
	struct state_run *runs;
	size_t count, most;
};

static void add(struct list *list, uint64_t from_ns, uint8_t state)
{
	const struct state_run *last = list->count > 0 ? &list->runs[list->count - 1] : NULL;

	if (state == STATE_UNKNOWN || state >= STATE_COUNT || (last && last->state == state))
		return;
	if (last && from_ns < last->from_ns)
		from_ns = last->from_ns;
	if (list->count == list->most)
		list->count--;
	list->runs[list->count++] = (struct state_run){from_ns, state};
}

/* Adds the state since the peer's FIN, which the kernel entered before the program saw it. */
static void add_fin(struct list *list, const struct moment *moment)
{
	uint8_t before = list->count > 0 ? list->runs[list->count - 1].state : STATE_UNKNOWN;

	if (wire_fin_ns(moment) != 0 && before == STATE_ESTABLISHED)
		add(list, wire_fin_ns(moment), STATE_CLOSE_WAIT);
}

size_t states_of(const struct picture_end *end, struct state_run *runs, size_t most)
{
	const struct chronicle *chronicle = &end->chronicle;
	struct list list = {.runs = runs, .most = most};

	for (size_t i = 0; i < chronicle->count; i++) {
		const struct moment *moment = &chronicle->list[i];

		add_fin(&list, moment);
		add(&list, moment->time_ns, moment->state);
	}
	return list.count;
}
