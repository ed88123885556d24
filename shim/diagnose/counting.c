#include "diagnose/counting.h"

#include <string.h>

#include "format/note_set.h"

/* --- Which connections, and when. --- */

bool has_note(const struct ended *ended, unsigned note)
{
	return note_set_has(&ended->row.notes, note);
}

bool is_done(const struct ended *ended)
{
	bool is_server = ended->row.role == ROLE_SERVER;

	return ended->story.moved_ns != 0 && ended->story.has_moved_out == is_server &&
	       ended->story.lost_bytes == 0 && ended->story.unread_bytes == 0;
}

void count_at(struct finding *finding, uint64_t at_ns)
{
	finding->count++;
	if (at_ns == 0)
		return;
	if (finding->first_ns == 0 || at_ns < finding->first_ns)
		finding->first_ns = at_ns;
	if (at_ns > finding->last_ns)
		finding->last_ns = at_ns;
}

void count_bad(struct finding *finding, const struct ended *ended)
{
	count_at(finding, ended->story.bad_ns != 0 ? ended->story.bad_ns : ended->row.first_ns);
}

void count_stack(struct finding *finding, uint32_t stack)
{
	unsigned place = 0;

	while (place < finding->stack_count && finding->stacks[place].stack != stack)
		place++;
	if (stack == 0 || place == FINDING_STACKS)
		return;
	if (place == finding->stack_count)
		finding->stacks[finding->stack_count++] = (struct finding_stack){.stack = stack};
	finding->stacks[place].count++;
}

bool count_notes(const struct group *group, struct finding *finding, const uint8_t *notes,
		 unsigned note_count)
{
	for (size_t i = 0; i < group->count; i++)
		for (unsigned j = 0; j < note_count; j++)
			if (has_note(&group->list[i], notes[j])) {
				count_bad(finding, &group->list[i]);
				count_stack(finding,
					    story_stack(&group->list[i].story, notes, note_count));
				break;
			}
	finding->weight = finding->count;
	return finding->count > 0;
}

void collect(const struct group *group, struct numbers *numbers, size_t offset)
{
	for (size_t i = 0; i < group->count; i++) {
		uint64_t number;

		memcpy(&number, (const char *)&group->list[i].story + offset, sizeof(number));
		if (number != 0)
			numbers_add(numbers, number);
	}
}

/* --- Text. --- */

struct strbuf what_begin(struct finding *finding)
{
	struct strbuf buf;

	strbuf_init(&buf, finding->what, sizeof(finding->what) - 1);
	return buf;
}

void what_end(struct finding *finding, const struct strbuf *buf)
{
	finding->what[buf->size] = '\0';
}

void suggest_duration(struct finding *finding, uint64_t ns)
{
	struct strbuf buf;

	strbuf_init(&buf, finding->suggested, sizeof(finding->suggested) - 1);
	strbuf_duration(&buf, ns);
	finding->suggested[buf.size] = '\0';
}

void append_of(struct strbuf *buf, const struct finding *finding)
{
	strbuf_unsigned(buf, finding->count);
	strbuf_string(buf, " of ");
	strbuf_count(buf, finding->of, "connection");
}

void append_are(struct strbuf *buf, const struct finding *finding, const char *is, const char *are)
{
	append_of(buf, finding);
	strbuf_char(buf, ' ');
	strbuf_string(buf, finding->count == 1 ? is : are);
}

void append_per_minute(struct strbuf *buf, const struct finding *finding, const char *per_minute)
{
	uint64_t span_ns = finding->last_ns - finding->first_ns;

	if (finding->count < 3 || span_ns < SECONDS(10))
		return;
	strbuf_string(buf, ", ");
	strbuf_unsigned(buf, ((finding->count - 1) * SECONDS(60) + span_ns / 2) / span_ns);
	strbuf_string(buf, per_minute);
}

void append_lost(struct strbuf *buf, uint64_t lost_bytes)
{
	if (lost_bytes > 0) {
		strbuf_string(buf, "; ");
		strbuf_count(buf, lost_bytes, "byte");
		strbuf_string(buf, " written were lost");
	}
	strbuf_char(buf, '.');
}

void append_spread(struct strbuf *buf, struct numbers *numbers)
{
	uint64_t least = numbers_least(numbers), most = numbers_most(numbers);

	if (most - least <= least / 100) {
		strbuf_duration(buf, numbers_median(numbers));
		return;
	}
	strbuf_duration(buf, least);
	strbuf_string(buf, " to ");
	strbuf_duration(buf, most);
	strbuf_string(buf, " (median ");
	strbuf_duration(buf, numbers_median(numbers));
	strbuf_char(buf, ')');
}

uint64_t sum_waits(const struct group *group, struct finding *finding, size_t offset,
		   const uint8_t *notes, unsigned note_count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < group->count; i++) {
		uint64_t wait;

		memcpy(&wait, (const char *)&group->list[i].story + offset, sizeof(wait));
		if (wait < SECONDS(1))
			continue;
		count_bad(finding, &group->list[i]);
		count_stack(finding, story_stack(&group->list[i].story, notes, note_count));
		sum += wait;
	}
	finding->weight = sum;
	return sum;
}
