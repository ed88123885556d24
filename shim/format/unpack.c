#include "format/unpack.h"

#include <string.h>

#include "format/facts.h"
#include "format/note_set.h"
#include "format/pack.h"

enum { MOST_ADDRESS = 128, MOST_VALUE = 256, MOST_ERRNO = 4096 };

/* Clears the event, but not its subjects: these are filled one by one, and large. */
static void start(struct unpacked *to)
{
	memset(&to->event, 0, offsetof(struct tcpshim_event, subjects));
	to->stored_bytes = 0;
	to->unknown_notes = 0;
	to->is_plain = false;
}

/* Clears the event for a transfer. After another transfer only these fields need it. */
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
	to->data = (struct iovec){(void *)bytes, (size_t)stored};
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
	case RECORD_COOKIE:
		if (size < sizeof(event->connection.cookie))
			return false;
		memcpy(&event->connection.cookie, content, sizeof(event->connection.cookie));
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

/* Whether the call's row has kinds for so many arguments. */
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

static uint64_t message_flags(uint8_t recorded)
{
	uint64_t flags = 0;

	for (unsigned i = 0; i < PACK_MESSAGE_FLAGS; i++)
		if (recorded & pack_message_flags[i].recorded)
			flags |= (uint64_t)pack_message_flags[i].flag;
	return flags;
}

/* Whether the call is call(fd, buffer, size) or call(fd, buffer, size, flags). */
static bool is_transfer(uint16_t call)
{
	const uint8_t *kinds = call != UNPACK_UNKNOWN ? call_rows[call].kinds : NULL;

	return kinds && (kinds[1] == ARG_BYTES || kinds[1] == ARG_BYTES_OUT) &&
	       kinds[2] == ARG_SIZE;
}

/* Reads what pack_transfer_begin wrote, but for the buffer's address. */
static bool read_transfer_begin(struct unpacked *to, const struct unpack_names *names,
				const struct record_transfer *fixed, uint64_t previous_ns)
{
	struct tcpshim_event *event = &to->event;
	uint16_t call = call_of(names, fixed->call);

	start_transfer(to);
	if (!is_transfer(call))
		return false;
	event->call = call;
	event->start_ns = previous_ns + fixed->since_ns;
	event->connection.serial = fixed->serial;
	event->arguments[0] = fixed->fd;
	event->arguments[1] = 0;
	event->arguments[2] = fixed->asked;
	event->arguments[3] = message_flags(fixed->message_flags);
	event->argument_count = call_rows[call].kinds[3] != ARG_NONE ? 4 : 3;
	return true;
}

bool unpack_transfer(struct unpacked *to, const struct unpack_names *names, const void *bytes,
		     size_t size, uint64_t previous_ns)
{
	const size_t fixed_bytes = offsetof(struct record_transfer, bytes);
	struct tcpshim_event *event = &to->event;
	struct record_transfer fixed;
	bool has_bytes;

	if (size < sizeof(fixed))
		return false;
	memcpy(&fixed, bytes, sizeof(fixed));
	has_bytes = fixed.head.flags & RECORD_HAS_BYTES;
	if (!read_transfer_begin(to, names, &fixed, previous_ns) || fixed.result <= -MOST_ERRNO ||
	    (has_bytes && fixed.result <= 0))
		return false;
	event->flags = fixed.head.flags & (EVENT_MANY_THREADS | EVENT_STDIO);
	event->time_ns = event->start_ns + fixed.duration_ns;
	event->error = fixed.result < 0 ? -fixed.result : 0;
	event->result = fixed.result < 0 ? -1 : fixed.result;
	if (has_bytes) {
		uint64_t stored = size - fixed_bytes, total = (uint64_t)fixed.result;

		set_data(to, (const uint8_t *)bytes + fixed_bytes, stored < total ? stored : total,
			 total);
	} else {
		memcpy(&event->arguments[1], fixed.bytes, sizeof(uint64_t));
		if (fixed.result > 0)
			set_data(to, NULL, 0, (uint64_t)fixed.result);
	}
	return true;
}

bool unpack_pending(struct unpacked *to, const struct unpack_names *names, const void *bytes,
		    size_t size, uint64_t previous_ns)
{
	struct tcpshim_event *event = &to->event;
	struct record_transfer fixed;

	if (size < sizeof(fixed))
		return false;
	memcpy(&fixed, bytes, sizeof(fixed));
	if (fixed.call == 0 || !read_transfer_begin(to, names, &fixed, previous_ns))
		return false;
	event->flags = EVENT_SLEEPING;
	event->time_ns = event->start_ns;
	memcpy(&event->arguments[1], fixed.bytes, sizeof(uint64_t));
	return true;
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

size_t unpack_head(struct record_head *head, const void *bytes, size_t size)
{
	if (size < sizeof(*head))
		return 0;
	memcpy(head, bytes, sizeof(*head));
	return head->size >= 8 && head->size % 8 == 0 && head->size <= size ? head->size : 0;
}

/* Copies the fixed part of a record. Returns false if the record is shorter than that. */
static bool read_fixed(void *to, size_t fixed, const void *bytes, size_t size)
{
	if (size < fixed)
		return false;
	memcpy(to, bytes, fixed);
	return true;
}

bool unpack_more(struct unpacked_bytes *to, const void *bytes, size_t size)
{
	struct record_more more;

	if (!read_fixed(&more, sizeof(more), bytes, size) || more.number > size - sizeof(more))
		return false;
	*to = (struct unpacked_bytes){(const char *)bytes + sizeof(more), more.number};
	return true;
}

bool unpack_line(struct unpacked_bytes *to, uint64_t *time_ns, const void *bytes, size_t size)
{
	struct record_line line;

	if (!read_fixed(&line, sizeof(line), bytes, size) || line.number == 0 ||
	    line.number > size - sizeof(line))
		return false;
	*to = (struct unpacked_bytes){(const char *)bytes + sizeof(line), line.number};
	*time_ns = line.time_ns;
	return true;
}

bool unpack_thread(struct record_thread *to, const void *bytes, size_t size)
{
	return read_fixed(to, sizeof(*to), bytes, size);
}

bool unpack_clock(struct record_clock *to, const void *bytes, size_t size)
{
	return read_fixed(to, sizeof(*to), bytes, size);
}

bool unpack_module(struct record_module *to, const char **path, const void *bytes, size_t size)
{
	*path = (const char *)bytes + sizeof(*to);
	return read_fixed(to, sizeof(*to), bytes, size) && to->number > 0 &&
	       to->number <= size - sizeof(*to) && (*path)[to->number - 1] == '\0';
}
