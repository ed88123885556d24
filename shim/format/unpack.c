#include "format/unpack.h"

#include <string.h>
#include <sys/socket.h>

#include "format/facts.h"
#include "format/note_set.h"

enum { MOST_ADDRESS = 128, MOST_VALUE = 256 };

/* --- Names. --- */

struct reading {
	const uint8_t *bytes;
	size_t size, position;
};

static const void *take(struct reading *from, size_t size)
{
	const void *at = from->bytes + from->position;

	if (size > from->size - from->position)
		return NULL;
	from->position += size;
	return at;
}

static const char *take_string(struct reading *from)
{
	const char *text = (const char *)from->bytes + from->position;
	const char *end = memchr(text, '\0', from->size - from->position);

	return end ? take(from, (size_t)(end - text) + 1) : NULL;
}

static bool take_count(struct reading *from, uint32_t most, uint32_t *count)
{
	const void *at = take(from, sizeof(*count));

	if (!at)
		return false;
	memcpy(count, at, sizeof(*count));
	return *count <= most;
}

/* A call is the one with the same name, effect and arguments. */
static uint16_t find_call(const char *name, uint8_t effect, const uint8_t *kinds, uint8_t count)
{
	for (unsigned call = 0; call < CALL_COUNT; call++) {
		const struct call_row *row = &call_rows[call];

		if (strcmp(row->shown, name) == 0 && row->effect == effect &&
		    memcmp(row->kinds, kinds, count) == 0 &&
		    (count == EVENT_ARGUMENTS || row->kinds[count] == ARG_NONE))
			return (uint16_t)call;
	}
	return UNPACK_UNKNOWN;
}

static uint16_t find_note(const char *name)
{
	for (unsigned note = 0; note < NOTE_COUNT; note++)
		if (strcmp(note_rows[note].name, name) == 0)
			return (uint16_t)note;
	return UNPACK_UNKNOWN;
}

static uint16_t find_fact(const char *name)
{
	for (unsigned fact = 0; fact < FACT_FIELDS; fact++)
		if (strcmp(fact_fields[fact].name, name) == 0)
			return (uint16_t)fact;
	return UNPACK_UNKNOWN;
}

bool unpack_names(struct unpack_names *names, const void *bytes, size_t size)
{
	struct reading from = {bytes, size, 0};
	uint32_t count;

	memset(names, 0xff, sizeof(*names));
	if (!take_count(&from, UNPACK_CALLS, &count))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *row = take(&from, 2), *kinds;
		const char *name = row ? take_string(&from) : NULL;

		if (!name || row[1] > EVENT_ARGUMENTS || !(kinds = take(&from, row[1])))
			return false;
		names->calls[i] = find_call(name, row[0], kinds, row[1]);
	}
	if (!take_count(&from, UNPACK_NOTES, &count))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const char *name = take(&from, 2) ? take_string(&from) : NULL;

		if (!name || !take_string(&from))
			return false;
		names->notes[i] = find_note(name);
	}
	if (!take_count(&from, UNPACK_FACTS, &count))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const char *name = take(&from, 2) ? take_string(&from) : NULL;

		if (!name)
			return false;
		names->facts[i] = find_fact(name);
	}
	return true;
}

/* --- Events. --- */

static void start(struct unpacked *to)
{
	/* Not the subjects: they are filled one by one, and large. */
	memset(&to->event, 0, offsetof(struct tcpshim_event, subjects));
	to->stored_bytes = 0;
	to->unknown_notes = 0;
	to->is_plain = false;
}

/* The same for a transfer, most of which leaves zero what the one before it did. */
static void start_transfer(struct unpacked *to)
{
	struct tcpshim_event *event = &to->event;

	if (!to->is_plain)
		start(to);
	to->is_plain = true;
	to->stored_bytes = 0;
	event->result = 0;
	event->error = 0;
	event->data = NULL;
	event->data_count = 0;
	event->data_total = 0;
}

static void set_data(struct unpacked *to, const void *bytes, uint64_t stored, uint64_t total)
{
	to->data = (struct iovec){(void *)bytes, stored};
	to->event.data = &to->data;
	to->event.data_count = 1;
	to->event.data_total = total;
	to->stored_bytes = stored;
}

static bool read_watches(struct tcpshim_watch *watches, uint64_t *total, const uint8_t *content,
			 size_t size, uint32_t number)
{
	if (number > EVENT_WATCHES || size < sizeof(*total) + number * sizeof(*watches))
		return false;
	memcpy(total, content, sizeof(*total));
	memcpy(watches, content + sizeof(*total), number * sizeof(*watches));
	return *total <= EVENT_WATCHES ? *total == number : number == EVENT_WATCHES;
}

static size_t count_bits(uint64_t set)
{
	size_t count = 0;

	for (; set != 0; set &= set - 1)
		count++;
	return count;
}

/* Adds the notes of one word, of which bit 0 is row first of the file's table. */
static void add_notes(struct unpacked *to, const struct unpack_names *names,
		      struct tcpshim_notes *notes, unsigned first, uint64_t word)
{
	for (unsigned i = 0; i < 64; i++) {
		if (!(word >> i & 1))
			continue;
		if (names->notes[first + i] == UNPACK_UNKNOWN)
			to->unknown_notes++;
		else
			note_set_add(notes, names->notes[first + i]);
	}
}

static bool read_more_notes(struct unpacked *to, const struct unpack_names *names,
			    const uint8_t *content, size_t size, uint32_t number)
{
	struct tcpshim_event *event = &to->event;

	if (event->subject_count == 0 || number > size / sizeof(uint64_t))
		return false;
	for (uint32_t i = 0; i < number && (i + 1) * 64 < UNPACK_NOTES; i++) {
		uint64_t word;

		memcpy(&word, content + i * sizeof(word), sizeof(word));
		add_notes(to, names, &event->subjects[event->subject_count - 1].notes, (i + 1) * 64,
			  word);
	}
	return true;
}

static bool read_subject(struct unpacked *to, const struct unpack_names *names,
			 const uint8_t *content, size_t size)
{
	struct tcpshim_event *event = &to->event;
	struct record_subject head;
	struct tcpshim_subject *subject = &event->subjects[event->subject_count];

	if (event->subject_count == EVENT_SUBJECTS || size < sizeof(head))
		return false;
	memcpy(&head, content, sizeof(head));
	if (size < sizeof(head) + count_bits(head.facts) * sizeof(uint64_t))
		return false;
	content += sizeof(head);
	*subject = (struct tcpshim_subject){.facts = {.local = head.local, .peer = head.peer}};
	add_notes(to, names, &subject->notes, 0, head.notes);
	for (unsigned fact = 0; fact < 64; fact++) {
		uint64_t value;

		if (!(head.facts >> fact & 1))
			continue;
		memcpy(&value, content, sizeof(value));
		content += sizeof(value);
		if (names->facts[fact] != UNPACK_UNKNOWN)
			facts_set(&subject->facts, names->facts[fact], value);
	}
	event->subject_count++;
	return true;
}

static bool read_section(struct unpacked *to, const struct unpack_names *names,
			 const struct record_section *section, const uint8_t *content, size_t size)
{
	struct tcpshim_event *event = &to->event;
	uint32_t number = section->number;

	switch (section->kind) {
	case RECORD_ENDPOINTS:
		if (size < 2 * sizeof(struct tcpshim_address))
			return false;
		memcpy(&event->connection.local, content, sizeof(struct tcpshim_address));
		memcpy(&event->connection.peer, content + sizeof(struct tcpshim_address),
		       sizeof(struct tcpshim_address));
		event->flags |= EVENT_ENDPOINTS;
		return true;
	case RECORD_ADDRESS:
		event->address = content;
		event->address_size = number;
		return number <= size && number <= MOST_ADDRESS;
	case RECORD_VALUE:
		event->value = content;
		event->value_size = number;
		return number <= size && number <= MOST_VALUE && number > 0;
	case RECORD_LENGTH_OUT:
		event->length_out = number;
		event->has_length_out = true;
		return true;
	case RECORD_ASKED:
		return read_watches(event->asked, &event->asked_total, content, size, number);
	case RECORD_READY:
		return read_watches(event->ready, &event->ready_total, content, size, number);
	case RECORD_DATA: {
		uint64_t total;

		if (size < sizeof(total) || number > size - sizeof(total))
			return false;
		memcpy(&total, content, sizeof(total));
		set_data(to, content + sizeof(total), number, total);
		return number <= total;
	}
	case RECORD_SUBJECT:
		return read_subject(to, names, content, size);
	case RECORD_MORE_NOTES:
		return read_more_notes(to, names, content, size, number);
	case RECORD_LEFT_OUT:
		event->subjects_left_out = number;
		return true;
	case RECORD_STACK:
		if (number > EVENT_FRAMES || number * sizeof(uint64_t) > size)
			return false;
		memcpy(to->stack, content, number * sizeof(uint64_t));
		event->stack = to->stack;
		event->stack_count = number;
		return true;
	default: /* of a later version */
		return true;
	}
}

static bool read_sections(struct unpacked *to, const struct unpack_names *names,
			  const uint8_t *bytes, size_t size)
{
	while (size >= sizeof(struct record_section)) {
		struct record_section section;

		memcpy(&section, bytes, sizeof(section));
		if (section.size < sizeof(section) || section.size > size || section.size % 8 != 0)
			return false;
		if (!read_section(to, names, &section, bytes + sizeof(section),
				  section.size - sizeof(section)))
			return false;
		bytes += section.size;
		size -= section.size;
	}
	return size == 0;
}

static uint16_t call_of(const struct unpack_names *names, unsigned call)
{
	return call < UNPACK_CALLS ? names->calls[call] : UNPACK_UNKNOWN;
}

/* No more arguments than its row has kinds for. */
static bool has_arguments(unsigned call, unsigned count)
{
	return count <= EVENT_ARGUMENTS &&
	       (count == 0 || call_rows[call].kinds[count - 1] != ARG_NONE);
}

bool unpack_event(struct unpacked *to, const struct unpack_names *names, const void *bytes,
		  size_t size, bool *is_unknown_call)
{
	struct tcpshim_event *event = &to->event;
	struct record_event fixed;
	size_t arguments;
	uint16_t call;

	*is_unknown_call = false;
	start(to);
	if (size < sizeof(fixed))
		return false;
	memcpy(&fixed, bytes, sizeof(fixed));
	arguments = fixed.argument_count * sizeof(uint64_t);
	call = call_of(names, fixed.call);
	*is_unknown_call = call == UNPACK_UNKNOWN;
	if (*is_unknown_call || !has_arguments(call, fixed.argument_count) ||
	    size - sizeof(fixed) < arguments)
		return false;
	event->call = call;
	event->flags = fixed.head.flags &
		       (EVENT_SLEEPING | EVENT_MANY_THREADS | EVENT_MANY_PROCESSES | EVENT_STDIO);
	event->time_ns = fixed.time_ns;
	event->start_ns = fixed.start_ns;
	event->result = fixed.result;
	event->error = fixed.error;
	event->argument_count = fixed.argument_count;
	event->has_asked = fixed.has_asked != 0;
	event->connection.serial = fixed.serial;
	event->connection.role = fixed.role;
	event->connection.state = fixed.state;
	memcpy(event->arguments, (const uint8_t *)bytes + sizeof(fixed), arguments);
	return read_sections(to, names, (const uint8_t *)bytes + sizeof(fixed) + arguments,
			     size - sizeof(fixed) - arguments);
}

static uint64_t message_flags(uint8_t flags)
{
	return (flags & RECORD_MSG_DONTWAIT ? (uint64_t)MSG_DONTWAIT : 0) |
	       (flags & RECORD_MSG_NOSIGNAL ? (uint64_t)MSG_NOSIGNAL : 0) |
	       (flags & RECORD_MSG_WAITALL ? (uint64_t)MSG_WAITALL : 0) |
	       (flags & RECORD_MSG_MORE ? (uint64_t)MSG_MORE : 0);
}

bool unpack_transfer(struct unpacked *to, const struct unpack_names *names, const void *bytes,
		     size_t size, uint64_t previous_ns, bool is_in_call)
{
	struct tcpshim_event *event = &to->event;
	const size_t behind = offsetof(struct record_transfer, bytes);
	struct record_transfer fixed;
	uint64_t pointer = 0;
	uint16_t call;

	start_transfer(to);
	if (size < sizeof(fixed))
		return false;
	memcpy(&fixed, bytes, sizeof(fixed));
	call = call_of(names, fixed.call);
	if (call == UNPACK_UNKNOWN || (!is_in_call && fixed.result <= -4096) ||
	    (call_rows[call].kinds[1] != ARG_BYTES && call_rows[call].kinds[1] != ARG_BYTES_OUT))
		return false;
	event->call = call;
	event->flags = fixed.head.flags & (EVENT_MANY_THREADS | EVENT_STDIO);
	event->start_ns = previous_ns + fixed.since_ns;
	event->time_ns = event->start_ns + fixed.duration_ns;
	event->connection.serial = fixed.serial;
	if (is_in_call) {
		event->flags = EVENT_SLEEPING;
		event->time_ns = event->start_ns;
		memcpy(&pointer, fixed.bytes, sizeof(pointer));
	} else if (fixed.result < 0) {
		event->error = -fixed.result;
		event->result = -1;
	} else {
		event->result = fixed.result;
	}
	if (!is_in_call && !(fixed.head.flags & RECORD_HAS_BYTES) && fixed.result > 0)
		set_data(to, NULL, 0, (uint64_t)fixed.result);
	if (!is_in_call && (fixed.head.flags & RECORD_HAS_BYTES)) {
		uint64_t stored = size - behind;

		if (fixed.result <= 0)
			return false;
		set_data(to, (const uint8_t *)bytes + behind,
			 stored < (uint64_t)fixed.result ? stored : (uint64_t)fixed.result,
			 (uint64_t)fixed.result);
	} else if (!is_in_call) {
		memcpy(&pointer, fixed.bytes, sizeof(pointer));
	}
	event->arguments[0] = fixed.fd;
	event->arguments[1] = pointer;
	event->arguments[2] = fixed.asked;
	event->arguments[3] = message_flags(fixed.message_flags);
	event->argument_count = call_rows[call].kinds[3] != ARG_NONE ? 4 : 3;
	return has_arguments(call, event->argument_count) && call_rows[call].kinds[2] == ARG_SIZE;
}

bool unpack_current(struct unpacked *to, const struct unpack_names *names,
		    const struct record_current *current)
{
	struct tcpshim_event *event = &to->event;
	uint16_t call;

	start(to);
	if (current->call == 0 || (current->sequence & 1))
		return false;
	call = call_of(names, current->call - 1U);
	if (call == UNPACK_UNKNOWN || !has_arguments(call, current->argument_count))
		return false;
	event->call = call;
	event->flags = EVENT_SLEEPING;
	event->start_ns = event->time_ns = current->start_ns;
	event->connection.serial = current->serial;
	event->argument_count = current->argument_count;
	memcpy(event->arguments, current->arguments, sizeof(event->arguments));
	return true;
}
