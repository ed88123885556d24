#include "picture/ladder_fold.h"

#include <stdlib.h>
#include <string.h>

#include "format/facts.h"
#include "picture/ladder_text.h"
#include "reader/complain.h"

#define SILENCE_NS UINT64_C(1000000000)

enum {
	LEAST_ALIKE = 4, /* so many reads, writes or calls of options, one after another, are one
			    row */
	MOST_BLOCK = 8,  /* rows that are looked for again below */
	LEAST_BLOCKS = 3,
};

/* Returns whether the row says nothing but that a call was made. */
static bool is_plain(const struct ladder_row *row)
{
	return row->kind == LADDER_CALL && !row->has_notes && !row->has_state &&
	       !row->moment->is_sleeping && row->lost_bytes == 0 &&
	       (row->arrow == LADDER_NO_ARROW || row->arrow == LADDER_DATA);
}

/* Returns whether the moments' calls have the same text. */
static bool have_same_text(const struct moment *x, const struct moment *y)
{
	char of_x[LADDER_TEXT_BYTES], of_y[LADDER_TEXT_BYTES];
	struct strbuf text_x, text_y;

	strbuf_init(&text_x, of_x, sizeof(of_x));
	strbuf_init(&text_y, of_y, sizeof(of_y));
	ladder_text_call(&text_x, x);
	ladder_text_call(&text_y, y);
	return text_x.size == text_y.size && memcmp(of_x, of_y, text_x.size) == 0;
}

static bool are_alike(const struct ladder_row *x, const struct ladder_row *y)
{
	if (!is_plain(x) || !is_plain(y) || x->side != y->side ||
	    x->moment->call != y->moment->call || x->moment->pid != y->moment->pid ||
	    x->moment->error != y->moment->error || x->moment->direction != y->moment->direction)
		return false;
	return x->is_options == y->is_options && x->count == y->count &&
	       (x->moment->direction != MOMENT_NEITHER || have_same_text(x->moment, y->moment));
}

/* --- The same call, one after another. --- */

/* Returns whether the row is of a call of options or addresses, which did what it should. */
static bool is_option(const struct ladder_row *row)
{
	return is_plain(row) && strcmp(call_rows[row->moment->call].group, "option") == 0 &&
	       row->moment->error == 0;
}

static bool goes_on(const struct ladder_row *last, const struct ladder_row *next)
{
	if (is_option(last))
		return is_option(next) && last->side == next->side &&
		       last->moment->pid == next->moment->pid;
	return are_alike(last, next) && (next->moment->direction == MOMENT_NEITHER ||
					 (next->time_ns - last->time_ns < SILENCE_NS &&
					  next->position == last->position + last->bytes));
}

/* Returns how many rows from this one on are to be one row. */
static size_t count_alike(const struct ladder_rows *rows, size_t from)
{
	const struct ladder_row *list = rows->list;
	size_t size = 1;

	while (from + size < rows->count && goes_on(&list[from + size - 1], &list[from + size]))
		size++;
	return size < LEAST_ALIKE && (list[from].bytes > 0 || is_option(&list[from])) ? 1 : size;
}

static void fold_calls(struct ladder_rows *rows)
{
	struct ladder_row *list = rows->list;
	size_t to = 0, size;

	for (size_t from = 0; from < rows->count; from += size) {
		struct ladder_row row = list[from];

		size = count_alike(rows, from);
		for (size_t i = 1; i < size; i++)
			row.bytes += list[from + i].bytes;
		row.count = row.kind == LADDER_CALL ? size : row.count;
		row.is_options = size > 1 && is_option(&row);
		row.last_ns = list[from + size - 1].last_ns;
		list[to++] = row;
	}
	rows->count = to;
}

/* --- The same calls, in turn. --- */

static bool are_blocks_alike(const struct ladder_row *x, const struct ladder_row *y, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!are_alike(&x[i], &y[i]))
			return false;
	return true;
}

/* Returns how often the block of so many rows is there, one after another. */
static size_t count_blocks(const struct ladder_rows *rows, size_t at, size_t size)
{
	size_t count = 1;

	while (at + (count + 1) * size <= rows->count &&
	       are_blocks_alike(&rows->list[at], &rows->list[at + count * size], size))
		count++;
	return count;
}

static struct ladder_row repeat_row(const struct ladder_row *block, size_t size, size_t count)
{
	struct ladder_row row = {
		.time_ns = block[size].time_ns,
		.last_ns = block[size * count - 1].last_ns,
		.count = count - 1,
		.number = size,
		.arrives = LADDER_NOWHERE,
		.kind = LADDER_REPEAT,
	};

	for (size_t i = size; i < size * count; i++)
		if (block[i].arrow == LADDER_DATA && block[i].is_start_seen)
			row.sent[block[i].side] += block[i].bytes;
		else if (block[i].arrow == LADDER_DATA)
			row.received[block[i].side] += block[i].bytes;
	return row;
}

static void fold_blocks(struct ladder_rows *rows)
{
	struct ladder_row *list = rows->list;
	size_t to = 0;

	for (size_t from = 0; from < rows->count;) {
		size_t size = 1, count = 1;

		while (count < LEAST_BLOCKS && ++size <= MOST_BLOCK)
			count = count_blocks(rows, from, size);
		if (count < LEAST_BLOCKS) {
			list[to++] = list[from++];
			continue;
		}
		struct ladder_row repeat = repeat_row(&list[from], size, count);
		memmove(&list[to], &list[from], size * sizeof(list[0]));
		to += size;
		list[to++] = repeat;
		from += size * count;
	}
	rows->count = to;
}

void ladder_fold(struct ladder_rows *rows)
{
	fold_calls(rows);
	fold_blocks(rows);
}

/* --- Silence. --- */

/* Returns whether nothing happened in the row: a call waits; or a recording ends, and something
 * follows at the other end. */
static bool is_silent(const struct ladder_rows *rows, size_t index)
{
	const struct ladder_row *row = &rows->list[index];

	return (row->kind == LADDER_CALL && row->moment->is_sleeping) ||
	       (row->kind == LADDER_END && index + 1 < rows->count);
}

void ladder_add_silence(struct ladder_rows *rows)
{
	struct ladder_rows with = {.is_matched = rows->is_matched};
	uint32_t *moved = allocate((rows->count + 1) * sizeof(moved[0]));
	uint64_t last_ns = rows->count > 0 ? rows->list[0].time_ns : 0;

	for (size_t i = 0; i < rows->count; i++) {
		const struct ladder_row *row = &rows->list[i];

		bool has_nothing = is_silent(rows, i);

		if (!has_nothing && row->time_ns > last_ns && row->time_ns - last_ns >= SILENCE_NS)
			ladder_rows_add(&with, &(struct ladder_row){
						       .time_ns = last_ns,
						       .last_ns = row->time_ns,
						       .number = row->time_ns - last_ns,
						       .arrives = LADDER_NOWHERE,
						       .kind = LADDER_SILENCE,
					       });
		moved[i] = (uint32_t)with.count;
		ladder_rows_add(&with, row);
		if (!has_nothing && row->last_ns > last_ns)
			last_ns = row->last_ns;
	}
	for (size_t i = 0; i < with.count; i++)
		if (with.list[i].arrives != LADDER_NOWHERE)
			with.list[i].arrives = moved[with.list[i].arrives];
	free(moved);
	ladder_rows_free(rows);
	*rows = with;
}
