/* Events as JSON: the line of any event is one object of UTF-8 that gives the payload back, and its
 * bound is large enough. With JSON_LINES=path in the environment the lines are also written there,
 * for other readers of JSON (tests/e2e/json.bats). */
#include "unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "format/facts.h"
#include "format/format.h"
#include "format/json_event.h"
#include "tcpshim/record.h"

#define NOTES_ALL unit_note_set(UNIT_NOTES_ALL)

static FILE *lines; /* NULL: not wanted */

static int open_lines(void **state)
{
	const char *path = getenv("JSON_LINES");

	(void)state;
	if (!path)
		return 0;
	lines = fopen(path, "w");
	return lines ? 0 : -1;
}

static int close_lines(void **state)
{
	(void)state;
	return lines ? fclose(lines) : 0;
}

/* --- A strict reader of JSON (RFC 8259), which has nothing in common with the writer. --- */

struct reader {
	const uint8_t *at, *end;
	bool is_wrong;
};

static uint8_t peek(const struct reader *reader)
{
	return reader->at < reader->end ? *reader->at : 0;
}

static bool take(struct reader *reader, uint8_t byte)
{
	if (reader->at < reader->end && *reader->at == byte) {
		reader->at++;
		return true;
	}
	return false;
}

static void want(struct reader *reader, uint8_t byte)
{
	reader->is_wrong |= !take(reader, byte);
}

static unsigned read_hex(struct reader *reader)
{
	unsigned value = 0;

	for (unsigned i = 0; i < 4; i++) {
		const char *digit = strchr("0123456789abcdef", peek(reader) | 0x20);

		if (peek(reader) == 0 || !digit) {
			reader->is_wrong = true;
			return 0;
		}
		value = value << 4 | (unsigned)(digit - "0123456789abcdef");
		reader->at++;
	}
	return value;
}

/* Encodes a code point as UTF-8, to find forms that are not the shortest. */
static unsigned encode(uint32_t point, uint8_t bytes[4])
{
	unsigned count = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
	static const uint8_t marks[5] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (unsigned i = count; i > 1; i--) {
		bytes[i - 1] = (uint8_t)(0x80 | (point & 0x3f));
		point >>= 6;
	}
	bytes[0] = (uint8_t)(marks[count] | point);
	return count;
}

/* Returns the size of the character at the start of size bytes; 0: there is none. */
static unsigned utf8_size(const uint8_t *bytes, size_t size)
{
	unsigned count = bytes[0] < 0x80 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
	uint32_t point = count == 1 ? bytes[0] : bytes[0] & (0x7fU >> count);
	uint8_t again[4];

	if (count > size)
		return 0;
	for (unsigned i = 1; i < count; i++)
		point = point << 6 | (bytes[i] & 0x3f);
	if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return 0;
	return encode(point, again) == count && memcmp(again, bytes, count) == 0 ? count : 0;
}

static bool is_utf8(const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		unsigned count = utf8_size(bytes, size);

		if (count == 0)
			return false;
		bytes += count;
		size -= count;
	}
	return true;
}

/* Reads a string. Its bytes go to `to`, which has room for as many as the string has, and their
 * number to size. */
static void read_string(struct reader *reader, uint8_t *to, size_t *size)
{
	*size = 0;
	want(reader, '"');
	while (!reader->is_wrong && peek(reader) != '"') {
		static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
		const char *letter;
		unsigned count;

		if (take(reader, '\\')) {
			if (take(reader, 'u')) {
				unsigned unit = read_hex(reader);

				reader->is_wrong |= unit >= 0xd800 && unit <= 0xdfff;
				*size += encode(unit, to + *size);
				continue;
			}
			letter = peek(reader) ? strchr(letters, peek(reader)) : NULL;
			reader->is_wrong |= !letter;
			if (letter) {
				to[(*size)++] = (uint8_t)meant[letter - letters];
				reader->at++;
			}
			continue;
		}
		count = reader->at < reader->end
				? utf8_size(reader->at, (size_t)(reader->end - reader->at))
				: 0;
		reader->is_wrong |= count == 0 || *reader->at < ' ' || *reader->at == 0x7f;
		memcpy(to + *size, reader->at, count);
		*size += count;
		reader->at += count;
	}
	want(reader, '"');
}

static void read_number(struct reader *reader)
{
	const uint8_t *start;

	take(reader, '-');
	start = reader->at;
	while (peek(reader) >= '0' && peek(reader) <= '9')
		reader->at++;
	reader->is_wrong |= reader->at == start || (*start == '0' && reader->at - start > 1);
}

static void read_word(struct reader *reader, const char *word)
{
	while (*word)
		want(reader, (uint8_t)*word++);
}

enum { MOST_MEMBERS = 64 };

/* What was found at the top of an object: each name, and where its value is. */
struct object {
	struct {
		char name[40];
		const uint8_t *from, *to;
	} members[MOST_MEMBERS];
	unsigned count;
};

static uint8_t *text_room; /* for a string of the line being read */

static void read_object(struct reader *reader, struct object *object, unsigned depth);

static void read_value(struct reader *reader, unsigned depth)
{
	struct object inner = {.count = 0};
	size_t size;

	if (depth > 4) {
		reader->is_wrong = true;
		return;
	}
	switch (peek(reader)) {
	case '{':
		read_object(reader, &inner, depth + 1);
		break;
	case '[':
		take(reader, '[');
		if (take(reader, ']'))
			break;
		do
			read_value(reader, depth + 1);
		while (!reader->is_wrong && take(reader, ','));
		want(reader, ']');
		break;
	case '"':
		read_string(reader, text_room, &size);
		break;
	case 't':
		read_word(reader, "true");
		break;
	case 'n':
		read_word(reader, "null");
		break;
	default:
		read_number(reader);
	}
}

/* Reads an object, in which no name may occur twice. */
static void read_object(struct reader *reader, struct object *object, unsigned depth)
{
	want(reader, '{');
	if (take(reader, '}'))
		return;
	do {
		size_t size;

		read_string(reader, text_room, &size);
		want(reader, ':');
		if (reader->is_wrong || size >= sizeof(object->members[0].name) ||
		    object->count == MOST_MEMBERS) {
			reader->is_wrong = true;
			return;
		}
		memcpy(object->members[object->count].name, text_room, size);
		object->members[object->count].name[size] = '\0';
		for (unsigned i = 0; i < object->count; i++)
			reader->is_wrong |= strcmp(object->members[i].name,
						   object->members[object->count].name) == 0;
		object->members[object->count].from = reader->at;
		read_value(reader, depth);
		object->members[object->count++].to = reader->at;
	} while (!reader->is_wrong && take(reader, ','));
	want(reader, '}');
}

static int find_member(const struct object *object, const char *name)
{
	for (unsigned i = 0; i < object->count; i++)
		if (strcmp(object->members[i].name, name) == 0)
			return (int)i;
	return -1;
}

static bool member_is(const struct object *object, const char *name, const char *value)
{
	int i = find_member(object, name);

	return i >= 0 &&
	       (size_t)(object->members[i].to - object->members[i].from) == strlen(value) &&
	       memcmp(object->members[i].from, value, strlen(value)) == 0;
}

/* --- A line. --- */

/* Allocated, since the event is large. */
static struct tcpshim_event event;
static const struct truss_style all_data = {.data_bytes = UINT64_MAX};
static char *line; /* the last one, followed by NUL */
static size_t line_size, line_room;
static struct object object;

/* Makes room for a line of that many bytes; the last one is lost. */
static void want_room(size_t size)
{
	if (size <= line_room)
		return;
	line_room = 2 * size;
	free(line);
	free(text_room);
	line = malloc(line_room);
	text_room = malloc(line_room);
	assert_true(line && text_room);
}

/* Makes the line of the event in memory of exactly its bound, and reads it back. Prints what is
 * wrong and returns false, so that the rows of a table go on. */
static bool make_line(const char *what, const struct truss_style *style)
{
	size_t bound = json_event_bound(&event, style);
	char *exact = malloc(bound);
	struct strbuf buf;
	struct reader reader;

	assert_non_null(exact);
	strbuf_init(&buf, exact, bound);
	json_event(&buf, &event, style);
	want_room(buf.size + 1);
	memcpy(line, exact, buf.size);
	free(exact);
	line_size = buf.size;
	line[line_size] = '\0';
	if (buf.is_cut) {
		print_error("%s: does not fit into its bound, %zu\n", what, bound);
		return false;
	}
	if (lines)
		assert_int_equal(fwrite(line, 1, line_size, lines), line_size);
	if (line_size == 0 || line[line_size - 1] != '\n') {
		print_error("%s: no line\n", what);
		return false;
	}
	reader = (struct reader){(uint8_t *)line, (uint8_t *)line + line_size - 1, false};
	object.count = 0;
	read_object(&reader, &object, 0);
	if (reader.is_wrong || reader.at != reader.end) {
		print_error("%s: no JSON from \"%.40s\" on: %s", what, (const char *)reader.at,
			    line);
		return false;
	}
	return true;
}

static bool has_member(const char *what, const char *name, const char *value)
{
	if (member_is(&object, name, value))
		return true;
	print_error("%s: \"%s\" is not %s in %s", what, name, value, line);
	return false;
}

static bool has_no_member(const char *what, const char *name)
{
	if (find_member(&object, name) < 0)
		return true;
	print_error("%s: \"%s\" is in %s", what, name, line);
	return false;
}

/* Makes an ordinary event, for a test to change. */
static void start_event(enum tcpshim_call call)
{
	event = (struct tcpshim_event){
		.call = (uint16_t)call,
		.pid = 4711,
		.tid = 4712,
		.program = "nc",
		.time_ns = 5000000100,
		.start_ns = 5000000000,
		.realtime_ns = 1464310447629512345,
	};
	while (event.argument_count < EVENT_ARGUMENTS &&
	       call_rows[call].kinds[event.argument_count] != ARG_NONE)
		event.argument_count++;
}

/* --- The payload. --- */

static int base64_digit(uint8_t byte)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *digit = byte ? strchr(digits, byte) : NULL;

	return digit ? (int)(digit - digits) : -1;
}

/* Decodes in place; returns false if it is not canonical (RFC 4648, 3.5). */
static bool decode_base64(uint8_t *text, size_t *size)
{
	size_t done = 0;

	if (*size % 4 != 0)
		return false;
	for (size_t i = 0; i < *size; i += 4) {
		unsigned missing = 0;
		uint32_t bits = 0;

		for (unsigned j = 0; j < 4; j++) {
			int digit = base64_digit(text[i + j]);

			if (text[i + j] == '=' && i + 4 == *size && j >= 2) {
				missing++;
				digit = 0;
			}
			if (digit < 0 || (missing > 0 && text[i + j] != '='))
				return false;
			bits = bits << 6 | (unsigned)digit;
		}
		if (bits & ((1U << 8 * missing) - 1))
			return false;
		for (unsigned j = 0; j < 3 - missing; j++)
			text[done++] = (uint8_t)(bits >> (16 - 8 * j));
	}
	*size = done;
	return true;
}

/* Returns whether the line of the event gives the payload back: as text if it is UTF-8, else as
 * base64. */
static bool gives_back(const char *what, const uint8_t *bytes, size_t size,
		       const struct truss_style *style)
{
	struct reader reader;
	bool is_text = is_utf8(bytes, size);
	size_t got;
	int member;

	if (!make_line(what, style))
		return false;
	member = find_member(&object, "data");
	if (member < 0) {
		print_error("%s: no data in %s", what, line);
		return false;
	}
	reader = (struct reader){object.members[member].from, object.members[member].to, false};
	read_string(&reader, text_room, &got);
	if (is_text ? !has_no_member(what, "data.encoding")
		    : !has_member(what, "data.encoding", "\"base64\"") ||
			      !decode_base64(text_room, &got))
		return false;
	if (got != size || memcmp(text_room, bytes, size) != 0) {
		print_error("%s: another payload in %s", what, line);
		return false;
	}
	return has_member(what, "args", "[3,null,100]");
}

static bool payload_comes_back(const char *what, const void *bytes, size_t size)
{
	const struct iovec whole = {(void *)bytes, size};

	start_event(CALL_write);
	event.arguments[0] = 3;
	event.arguments[2] = 100;
	event.data = &whole;
	event.data_count = 1;
	event.data_total = size;
	return gives_back(what, bytes, size, &all_data);
}

static void test_every_byte(void **state)
{
	bool is_right = true;

	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		const uint8_t payload = (uint8_t)byte;

		is_right &= payload_comes_back("a byte", &payload, 1);
	}
	assert_true(is_right);
}

static void test_every_pair(void **state)
{
	bool is_right = true;

	(void)state;
	for (unsigned pair = 0; pair < 65536 && is_right; pair++) {
		const uint8_t payload[2] = {(uint8_t)(pair >> 8), (uint8_t)pair};

		is_right &= payload_comes_back("a pair", payload, 2);
	}
	assert_true(is_right);
}

static uint32_t next_random(void)
{
	static uint32_t value = 2463534242;

	value ^= value << 13;
	value ^= value >> 17;
	value ^= value << 5;
	return value;
}

static void test_random_payloads(void **state)
{
	static uint8_t payload[5000];
	bool is_right = true;

	(void)state;
	for (unsigned round = 0; round < 400 && is_right; round++) {
		size_t size = 1 + next_random() % (round % 20 == 0 ? sizeof(payload) : 40);

		for (size_t i = 0; i < size; i++)
			payload[i] = (uint8_t)next_random();
		is_right &= payload_comes_back("random bytes", payload, size);
	}
	/* Text of random characters, most of them of several bytes. */
	for (unsigned round = 0; round < 400 && is_right; round++) {
		size_t size = 0, wanted = 1 + next_random() % 40;

		while (size < wanted) {
			uint32_t point = next_random() % (0x80U << next_random() % 15);

			if (point <= 0x10ffff && (point < 0xd800 || point > 0xdfff))
				size += encode(point, payload + size);
		}
		is_right &= payload_comes_back("random text", payload, size);
		is_right &= has_no_member("random text", "data.encoding");
	}
	assert_true(is_right);
}

static const struct {
	const char *does, *bytes;
	bool is_text;
} encodings[] = {
	{"quotes and backslashes", "\"\\/\"", true},
	{"what ends a line in javascript", "\xe2\x80\xa8\xe2\x80\xa9", true},
	{"the first of two bytes", "\xc2\x80", true},
	{"the last of two bytes", "\xdf\xbf", true},
	{"the first of three bytes", "\xe0\xa0\x80", true},
	{"the last before the surrogates", "\xed\x9f\xbf", true},
	{"the first behind the surrogates", "\xee\x80\x80", true},
	{"no characters, but UTF-8", "\xef\xbf\xbe\xef\xbf\xbf\xef\xb7\x90", true},
	{"the byte order mark", "\xef\xbb\xbf", true},
	{"the first of four bytes", "\xf0\x90\x80\x80", true},
	{"the last of all", "\xf4\x8f\xbf\xbf", true},
	{"overlong, two bytes", "\xc0\x80", false},
	{"overlong, two bytes, the last", "\xc1\xbf", false},
	{"overlong, three bytes", "\xe0\x80\xaf", false},
	{"overlong, three bytes, the last", "\xe0\x9f\xbf", false},
	{"overlong, four bytes", "\xf0\x80\x80\xaf", false},
	{"overlong, four bytes, the last", "\xf0\x8f\xbf\xbf", false},
	{"the first surrogate", "\xed\xa0\x80", false},
	{"the last surrogate", "\xed\xbf\xbf", false},
	{"a pair of surrogates", "\xed\xa0\xbd\xed\xb8\x80", false},
	{"above U+10FFFF", "\xf4\x90\x80\x80", false},
	{"far above", "\xf5\x80\x80\x80", false},
	{"five bytes", "\xf8\x88\x80\x80\x80", false},
	{"cut behind one of two", "kang\xc3", false},
	{"cut behind one of three", "kang\xe2", false},
	{"cut behind two of three", "kang\xe2\x82", false},
	{"cut behind three of four", "kang\xf0\x9f\x98", false},
	{"a continuation alone", "\x80", false},
	{"one continuation too many", "\xc3\xbc\xbc", false},
	{"a beginning in place of a continuation", "\xe2\x82\xe2\x82\xac", false},
	{"ASCII in place of a continuation", "\xc3(", false},
	{"FE", "\xfe", false},
	{"FF", "\xff", false},
};

static void test_encodings(void **state)
{
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(encodings); i++) {
		const uint8_t *bytes = (const uint8_t *)encodings[i].bytes;
		size_t size = strlen(encodings[i].bytes);

		if (is_utf8(bytes, size) != encodings[i].is_text) {
			print_error("%s: the test itself is wrong\n", encodings[i].does);
			is_right = false;
		}
		is_right &= payload_comes_back(encodings[i].does, bytes, size);
		is_right &= has_member(encodings[i].does, "call", "\"write\"");
	}
	assert_true(is_right);
}

/* The pieces of a vector: a character may be split between them, some are empty, and bytes after
 * data_total do not count. */
static void test_pieces(void **state)
{
	static const char text[] = "\xf0\x9f\x98\x80 g\xc3\xbc\xc3\x9f \xe2\x9c\x93";
	const size_t size = sizeof(text) - 1;
	bool is_right = true;

	(void)state;
	for (size_t first = 0; first <= size; first++) {
		for (size_t second = first; second <= size; second++) {
			struct iovec pieces[6] = {
				{NULL, 0},
				{(void *)text, first},
				{(void *)(text + first), second - first},
				{NULL, 0},
				{(void *)(text + second), size - second},
				{(void *)"\xff not of it", 11},
			};

			start_event(CALL_writev);
			event.arguments[0] = 3;
			event.arguments[2] = 100;
			event.data = pieces;
			event.data_count = 6;
			event.data_total = size;
			is_right &= gives_back("pieces", (const uint8_t *)text, size, &all_data);
		}
	}
	assert_true(is_right);
}

/* As many bytes as are wanted, of as many as were moved. */
static void test_data_bytes(void **state)
{
	static const char text[] = "12345678901\xc3\xbc";
	const struct iovec whole = {(void *)text, sizeof(text) - 1};
	bool is_right = true;

	(void)state;
	for (uint64_t wanted = 0; wanted <= 20; wanted++) {
		const struct truss_style style = {.data_bytes = wanted};

		start_event(CALL_read);
		event.arguments[0] = 3;
		event.arguments[1] = 0x12345678;
		event.arguments[2] = 100;
		event.data = &whole;
		event.data_count = 1;
		event.data_total = whole.iov_len;
		if (wanted > 0) {
			is_right &=
				gives_back("cut", (const uint8_t *)text,
					   wanted < whole.iov_len ? wanted : whole.iov_len, &style);
		} else {
			is_right &= make_line("none", &style) && has_no_member("none", "data") &&
				    has_member("none", "args", "[3,\"0x12345678\",100]");
		}
		is_right &= has_member("cut", "bytes", "13");
	}
	/* More was moved than is there, as in a recording. */
	start_event(CALL_read);
	event.arguments[0] = 3;
	event.arguments[2] = 100;
	event.data = &(const struct iovec){(void *)text, 4};
	event.data_count = 1;
	event.data_total = 1000000;
	is_right &= gives_back("kept", (const uint8_t *)text, 4, &all_data);
	is_right &= has_member("kept", "bytes", "1000000");
	assert_true(is_right);
}

/* --- Results. --- */

static bool error_is_named(int error)
{
	char wanted[32] = "\"";
	const char *name = strerrorname_np(error);
	int member;

	start_event(CALL_connect);
	event.result = -1;
	event.error = error;
	if (!make_line("an error", &all_data) || !has_member("an error", "ret", "-1"))
		return false;
	if (!name)
		snprintf(wanted, sizeof(wanted), "\"%d\"", error);
	else if (error == EDEADLK) /* EDEADLOCK is another name of it */
		name = "EDEADLK";
	else if (error == EOPNOTSUPP) /* and ENOTSUP of this */
		name = "EOPNOTSUPP";
	if (name)
		snprintf(wanted, sizeof(wanted), "\"%s\"", name);
	member = find_member(&object, "error.type");
	return member >= 0 && has_member("an error", "error.type", wanted);
}

static void test_errors(void **state)
{
	bool is_right = true;

	(void)state;
	for (int error = 1; error <= 200; error++)
		is_right &= error_is_named(error);
	is_right &= error_is_named(4095);
	start_event(CALL_connect);
	is_right &= make_line("no error", &all_data) && has_no_member("no error", "error.type") &&
		    has_member("no error", "ret", "0");
	assert_true(is_right);
}

static void test_times(void **state)
{
	bool is_right = true;

	(void)state;
	start_event(CALL_close);
	is_right &= make_line("times", &all_data) &&
		    has_member("times", "time", "\"2016-05-27T00:54:07.629512345Z\"") &&
		    has_member("times", "mono_ns", "5000000100") &&
		    has_member("times", "duration_ns", "100");
	event.start_ns = event.time_ns + 1;
	is_right &= make_line("another clock", &all_data) &&
		    has_member("another clock", "duration_ns", "0");
	event.realtime_ns = 0;
	is_right &= make_line("the first second", &all_data) &&
		    has_member("the first second", "time", "\"1970-01-01T00:00:00.000000000Z\"");
	event.realtime_ns = INT64_MAX;
	event.time_ns = UINT64_MAX;
	event.start_ns = 0;
	is_right &= make_line("the last", &all_data) &&
		    has_member("the last", "time", "\"2262-04-11T23:47:16.854775807Z\"") &&
		    has_member("the last", "mono_ns", "18446744073709551615");
	assert_true(is_right);
}

static void test_sleeping(void **state)
{
	static const char *const none[] = {"ret", "error.type", "duration_ns"};
	bool is_right = true;

	(void)state;
	for (unsigned call = 0; call < CALL_COUNT; call++) {
		start_event((enum tcpshim_call)call);
		event.flags = EVENT_SLEEPING;
		is_right &= make_line(call_rows[call].symbol, &all_data) &&
			    has_member(call_rows[call].symbol, "sleeping", "true");
		for (size_t i = 0; i < COUNT(none); i++)
			is_right &= has_no_member(call_rows[call].symbol, none[i]);
	}
	start_event(CALL_exit);
	event.arguments[0] = 3;
	is_right &= make_line("the end", &all_data) && has_member("the end", "call", "\"_exit\"") &&
		    has_member("the end", "args", "[3]");
	for (size_t i = 0; i < COUNT(none); i++)
		is_right &= has_no_member("the end", none[i]);
	start_event(CALL_rehearse);
	event.arguments[0] = 3;
	event.arguments[1] = SCENARIO_outage;
	is_right &= make_line("a rehearsal", &all_data) &&
		    has_member("a rehearsal", "call", "\"rehearse\"") &&
		    has_member("a rehearsal", "args", "[3,\"outage\"]");
	for (size_t i = 0; i < COUNT(none); i++)
		is_right &= has_no_member("a rehearsal", none[i]);
	assert_true(is_right);
}

/* --- Arguments. --- */

static void test_all_calls(void **state)
{
	bool is_right = true;

	(void)state;
	for (unsigned call = 0; call < CALL_COUNT; call++) {
		start_event((enum tcpshim_call)call);
		is_right &= make_line(call_rows[call].symbol, &all_data) &&
			    has_no_member(call_rows[call].symbol, "sleeping");
		memset(event.arguments, 0xff, sizeof(event.arguments));
		event.result = -1;
		event.error = EINVAL;
		event.flags = EVENT_STDIO;
		is_right &= make_line(call_rows[call].symbol, &all_data) &&
			    has_member(call_rows[call].symbol, "stdio", "true");
		memset(event.arguments, 0x7f, sizeof(event.arguments));
		event.result = INT64_MIN;
		event.error = 0;
		is_right &= make_line(call_rows[call].symbol, &all_data);
		event.result = INT64_MAX;
		is_right &= make_line(call_rows[call].symbol, &all_data);
		for (unsigned bit = 0; bit < 64; bit++) {
			for (unsigned i = 0; i < EVENT_ARGUMENTS; i++)
				event.arguments[i] = UINT64_C(1) << bit;
			is_right &= make_line(call_rows[call].symbol, &all_data);
		}
	}
	assert_true(is_right);
}

static bool address_is(const char *what, const void *address, size_t size, const char *wanted)
{
	char arguments[512];

	start_event(CALL_connect);
	event.arguments[0] = 3;
	event.arguments[1] = 0x12345678;
	event.arguments[2] = size;
	event.address = address;
	event.address_size = (uint32_t)size;
	snprintf(arguments, sizeof(arguments), "[3,\"%s\",%zu]", wanted, size);
	return make_line(what, &all_data) && has_member(what, "args", arguments);
}

static void test_addresses(void **state)
{
	const struct sockaddr_in in = {.sin_family = AF_INET,
				       .sin_port = htons(8080),
				       .sin_addr.s_addr = htonl(0x0a58588c)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
				   .sin6_port = htons(443),
				   .sin6_addr.s6_addr = {0xfe, 0x80, [15] = 1},
				   .sin6_scope_id = UINT32_MAX};
	struct sockaddr_un un = {.sun_family = AF_UNIX,
				 .sun_path = "/run/a \"quoted\\\"\n\x7f\xff"};
	const size_t head = offsetof(struct sockaddr_un, sun_path);
	bool is_right = true;

	(void)state;
	is_right &= address_is("IPv4", &in, sizeof(in), "10.88.88.140:8080");
	is_right &= address_is("IPv6 with a scope", &in6, sizeof(in6), "[fe80::1%4294967295]:443");
	in6.sin6_scope_id = 0;
	is_right &= address_is("IPv6", &in6, sizeof(in6), "[fe80::1]:443");
	is_right &= address_is("IPv6, too short", &in6, sizeof(in6) - 1, "{AF_INET6}");
	is_right &= address_is("a path", &un, sizeof(un), "unix:/run/a?\\\"quoted\\\\\\\"???");
	is_right &= address_is("no name", &un, head, "unix:");
	memcpy(un.sun_path, "\0abstract\x01\x80", 11);
	is_right &= address_is("an abstract name", &un, head + 11, "unix:@abstract??");
	for (unsigned byte = 1; byte < 256; byte++) {
		memset(un.sun_path, (int)byte, sizeof(un.sun_path));
		start_event(CALL_bind);
		event.arguments[1] = 1;
		event.address = &un;
		event.address_size = sizeof(un);
		is_right &= make_line("a path of one byte", &all_data);
	}
	for (unsigned family = 0; family < 70; family++) {
		uint16_t other[64] = {(uint16_t)family};

		for (uint32_t size = 0; size <= sizeof(other); size += 2) {
			start_event(CALL_accept);
			event.arguments[1] = event.arguments[2] = 1;
			event.address = other;
			event.address_size = size;
			event.length_out = size;
			event.has_length_out = true;
			is_right &= make_line("another family", &all_data);
		}
	}
	assert_true(is_right);
}

/* Any value where an option, a time or an ioctl's number is expected. */
static void test_values(void **state)
{
	static const enum tcpshim_call calls[] = {CALL_getsockopt, CALL_setsockopt, CALL_ioctl,
						  CALL_socketpair, CALL_epoll_ctl,  CALL_ppoll,
						  CALL_select,     CALL_recvmmsg,   CALL_fcntl};
	static const int levels[] = {SOL_SOCKET, IPPROTO_TCP, IPPROTO_IP, IPPROTO_IPV6, 9999};
	uint8_t value[64];
	bool is_right = true;

	(void)state;
	for (unsigned fill = 0; fill < 256; fill += 15) {
		memset(value, (int)fill, sizeof(value));
		for (size_t i = 0; i < COUNT(calls); i++) {
			for (uint32_t size = 1; size <= 16; size++) {
				start_event(calls[i]);
				memset(event.arguments, 1, sizeof(event.arguments));
				event.value = value;
				event.value_size = size;
				is_right &= make_line(call_rows[calls[i]].symbol, &all_data);
			}
		}
	}
	for (size_t level = 0; level < COUNT(levels); level++) {
		for (unsigned option = 0; option < 80; option++) {
			memset(value, "\x01\"\\\xff"[option % 4], sizeof(value));
			start_event(CALL_getsockopt);
			event.arguments[1] = (uint64_t)levels[level];
			event.arguments[2] = option;
			event.value = value;
			event.value_size = option % 2 ? sizeof(value) : 4;
			is_right &= make_line("an option", &all_data);
		}
	}
	assert_true(is_right);
}

static void test_watches(void **state)
{
	bool is_right = true;

	(void)state;
	start_event(CALL_poll);
	event.arguments[1] = 2;
	event.arguments[2] = (uint64_t)-1;
	event.has_asked = true;
	is_right &= make_line("none", &all_data) && has_member("none", "args", "[[],2,-1]");
	event.asked_total = 2;
	event.asked[0] = (struct tcpshim_watch){3, POLLIN | POLLOUT, 0};
	event.asked[1] = (struct tcpshim_watch){-1, 0, 0};
	event.ready_total = 1;
	event.ready[0] = (struct tcpshim_watch){3, POLLERR | POLLHUP, 0};
	is_right &= make_line("two", &all_data) &&
		    has_member("two", "args",
			       "[[{\"fd\":3,\"events\":\"POLLIN|POLLOUT\"},"
			       "{\"fd\":-1,\"events\":\"0\"}],2,-1]") &&
		    has_member("two", "ready", "[{\"fd\":3,\"events\":\"POLLERR|POLLHUP\"}]");
	event.asked_total = EVENT_WATCHES + 12;
	is_right &= make_line("more", &all_data);
	assert_non_null(strstr(line, ",{\"more\":12}],2,-1]"));
	start_event(CALL_epoll_wait);
	event.ready_total = 1;
	event.ready[0] = (struct tcpshim_watch){-1, EPOLLIN | EPOLLET, 0xDEADBEEF};
	is_right &=
		make_line("not known", &all_data) &&
		has_member("not known", "ready",
			   "[{\"fd\":-1,\"data\":\"0xDEADBEEF\",\"events\":\"EPOLLIN|EPOLLET\"}]");
	assert_true(is_right);
}

/* --- Connections and notes. --- */

static void test_connections(void **state)
{
	static const char *const roles[] = {NULL, "\"client\"", "\"server\"", "\"listener\""};
	bool is_right = true;

	(void)state;
	for (uint8_t role = 0; role <= ROLE_LISTENER; role++) {
		for (uint8_t tcp_state = 0; tcp_state < STATE_COUNT; tcp_state++) {
			start_event(CALL_read);
			event.connection = (struct tcpshim_connection){.serial = UINT32_MAX,
								       .role = role,
								       .state = tcp_state};
			is_right &= make_line("no address", &all_data) &&
				    has_member("no address", "conn", "4294967295") &&
				    has_no_member("no address", "network.local.address");
			is_right &= roles[role] ? has_member("a role", "role", roles[role])
						: has_no_member("no role", "role");
			if (tcp_state == STATE_UNKNOWN)
				is_right &= has_no_member("no state", "state");
			event.connection.local =
				(struct tcpshim_address){.family = AF_INET,
							 .port = 33226,
							 .bytes = {10, 88, 88, 139}};
			event.connection.peer =
				(struct tcpshim_address){.family = AF_INET6,
							 .port = UINT16_MAX,
							 .scope = 2,
							 .bytes = {0xfe, 0x80, [15] = 1}};
			is_right &=
				make_line("both", &all_data) &&
				has_member("both", "network.local.address", "\"10.88.88.139\"") &&
				has_member("both", "network.local.port", "33226") &&
				has_member("both", "network.peer.address", "\"fe80::1%2\"") &&
				has_member("both", "network.peer.port", "65535");
		}
	}
	event.connection.serial = 0;
	is_right &= make_line("of none", &all_data) && has_no_member("of none", "conn") &&
		    has_no_member("of none", "network.peer.port");
	assert_true(is_right);
}

static void fill_facts(struct tcpshim_facts *facts, int byte)
{
	static const struct tcpshim_address address = {
		.family = AF_INET6,
		.port = UINT16_MAX,
		.scope = UINT32_MAX,
		.bytes = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
			  255},
	};

	memset(facts, byte, sizeof(*facts));
	if (byte != 0)
		facts->local = facts->peer = address;
	facts->serial = byte == 0 ? 1 : UINT32_MAX;
	facts->before = byte == 0 ? STATE_UNKNOWN : STATE_ESTABLISHED;
	facts->now = byte == 0 ? STATE_UNKNOWN : STATE_FIN_WAIT_1;
	facts->reported = byte == 0 ? REPORTED_NOT : REPORTED_AS_EOF;
}

/* Every fact that a note's text names is among its values, and no fact that is unsigned is printed
 * below 0. */
static void test_all_notes(void **state)
{
	static const struct truss_style no_data;
	bool is_right = true;

	(void)state;
	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		for (int byte = 0; byte < 256; byte += 255) {
			const struct note_row *row = &note_rows[note];
			struct facts_values values;
			char name[64];

			start_event(CALL_close);
			event.subject_count = 1;
			event.subjects[0].notes = unit_note_set((unit_notes)1 << note);
			fill_facts(&event.subjects[0].facts, byte);
			is_right &= make_line(row->name, &no_data);
			facts_in(row->text, &values);
			for (unsigned fact = 0; fact < FACT_FIELDS; fact++) {
				bool is_there;

				snprintf(name, sizeof(name), "\"%s\":%s", fact_fields[fact].name,
					 byte == 0                     ? "0"
					 : fact_fields[fact].size == 8 ? "18446744073709551615"
					 : fact_fields[fact].is_signed ? "-1"
								       : "4294967295");
				is_there = strstr(line, name) != NULL;
				if (values.has_fin && byte != 0 &&
				    strcmp(fact_fields[fact].name, "fin_age_ns") == 0)
					is_there ^= 1;
				if (is_there != (values.numbers >> fact & 1)) {
					print_error("%s: %s in %s", row->name, name, line);
					is_right = false;
				}
			}
			snprintf(name, sizeof(name), "\"id\":\"%s\",\"severity\":\"%s\"", row->id,
				 row->severity == SEVERITY_INFO   ? "info"
				 : row->severity == SEVERITY_WARN ? "warn"
								  : "error");
			is_right &= strstr(line, name) != NULL;
		}
	}
	assert_true(is_right);
}

static void test_severities(void **state)
{
	bool is_right = true;

	(void)state;
	for (uint8_t least = SEVERITY_INFO; least <= SEVERITY_NONE; least++) {
		const struct truss_style style = {.least_severity = least};

		start_event(CALL_close);
		event.subject_count = 2;
		event.subjects_left_out = 7;
		for (unsigned i = 0; i < 2; i++) {
			event.subjects[i].notes = NOTES_ALL;
			fill_facts(&event.subjects[i].facts, 0);
		}
		is_right &= make_line("all notes", &style);
		is_right &= least == SEVERITY_NONE ? has_no_member("all notes", "notes")
						   : find_member(&object, "notes") >= 0;
		is_right &= least == SEVERITY_INFO ? has_member("all notes", "notes.left_out", "7")
						   : has_no_member("all notes", "notes.left_out");
		if (least > SEVERITY_INFO)
			assert_null(strstr(line, "\"severity\":\"info\""));
		if (least > SEVERITY_WARN)
			assert_null(strstr(line, "\"severity\":\"warn\""));
	}
	assert_true(is_right);
}

static void test_tcp_info(void **state)
{
	bool is_right = true;

	(void)state;
	start_event(CALL_read);
	event.connection.serial = 2;
	event.subject_count = 2;
	event.subjects[0].facts = (struct tcpshim_facts){.serial = 1, .rtt_ns = 1};
	event.subjects[1].facts = (struct tcpshim_facts){.serial = 2};
	is_right &= make_line("not asked", &all_data) && has_no_member("not asked", "tcp_info");
	event.subjects[1].facts = (struct tcpshim_facts){
		.serial = 2,
		.rtt_ns = 123999,
		.rtt_variation_ns = 4000,
		.congestion_window = 10,
		.send_window_bytes = 65536,
		.retransmits = 1,
		.retransmits_total = 2,
	};
	is_right &= make_line("asked", &all_data) &&
		    has_member("asked", "tcp_info",
			       "{\"rtt_us\":123,\"rttvar_us\":4,\"snd_cwnd\":10,\"snd_wnd\":65536,"
			       "\"retransmits\":1,\"total_retrans\":2}");
	assert_true(is_right);
}

/* --- Names that this library did not make. --- */

static void test_program_names(void **state)
{
	static const struct {
		const char *does, *name, *wanted;
	} rows[] = {
		{"none", NULL, "\"\""},
		{"quotes", "a\"b\\c", "\"a\\\"b\\\\c\""},
		{"unprintable", "a\tb\x01\x7f", "\"a\\tb\\u0001\\u007F\""},
		{"UTF-8", "g\xc3\xbc\xc3\x9f\xf0\x9f\x98\x80",
		 "\"g\xc3\xbc\xc3\x9f\xf0\x9f\x98\x80\""},
		{"Latin-1", "gr\xfc\xdf", "\"gr\xef\xbf\xbd\xef\xbf\xbd\""},
		{"cut", "kang\xe2\x82", "\"kang\xef\xbf\xbd\xef\xbf\xbd\""},
		{"a surrogate", "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{"cut by the next", "\xe2\x82\"", "\"\xef\xbf\xbd\xef\xbf\xbd\\\"\""},
	};
	static char longest[100000];
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		start_event(CALL_close);
		event.program = rows[i].name;
		is_right &= make_line(rows[i].does, &all_data) &&
			    has_member(rows[i].does, "process.executable.name", rows[i].wanted);
	}
	for (unsigned pair = 0x100; pair < 65536; pair += 7) {
		const char name[3] = {(char)(pair >> 8), (char)pair};

		start_event(CALL_close);
		event.program = name;
		is_right &= make_line("a name", &all_data);
	}
	/* As long as a recording keeps, so that both show the same. */
	memset(longest, 1, sizeof(longest) - 1);
	start_event(CALL_close);
	event.program = longest;
	is_right &= make_line("a long name", &all_data);
	longest[RECORD_PROGRAM_BYTES - 1] = '\0';
	is_right &= strlen(line) < 1000;
	assert_true(is_right);
}

static uint8_t frame_byte;

static void append_frame(struct strbuf *buf, uint64_t address)
{
	(void)address;
	for (unsigned i = 0; i < TRUSS_FRAME_BYTES; i++)
		strbuf_char(buf, (char)frame_byte);
}

static void test_stacks(void **state)
{
	static uint64_t addresses[EVENT_FRAMES];
	static const struct truss_style plain;
	const struct truss_style symbols = {.symbol = append_frame};
	bool is_right = true;

	(void)state;
	start_event(CALL_close);
	event.stack = addresses;
	event.stack_count = 2;
	addresses[0] = 0x12ab;
	addresses[1] = UINT64_MAX;
	is_right &= make_line("a stack", &plain) &&
		    has_member("a stack", "stack", "[\"[0x12ab]\",\"[0xffffffffffffffff]\"]");
	event.stack_count = EVENT_FRAMES;
	for (unsigned byte = 0; byte < 256; byte++) {
		frame_byte = (uint8_t)byte;
		is_right &= make_line("paths of one byte", &symbols);
	}
	assert_true(is_right);
}

/* --- Lines about the trace itself. --- */

#define OF ",\"process.pid\":7,\"process.executable.name\":\"nc\",\"host.name\":\"a\"}\n"

static void test_lines(void **state)
{
	static const struct {
		const char *does, *line, *wanted;
	} rows[] = {
		{"usual", "*** tcpshim: 3 records could not be written: ENOSPC ***\n",
		 "{\"tcpshim\":\"3 records could not be written: ENOSPC\"" OF},
		{"quotes", "*** tcpshim: \"a\\b\" ***\n", "{\"tcpshim\":\"\\\"a\\\\b\\\"\"" OF},
		{"another form", "something\n", "{\"tcpshim\":\"something\\n\"" OF},
		{"not UTF-8", "\xff\n", "{\"tcpshim\":\"\xef\xbf\xbd\\n\"" OF},
		{"short", "*", "{\"tcpshim\":\"*\"" OF},
		{"nothing", "", "{\"tcpshim\":\"\"" OF},
	};
	static const struct format_process of = {7, "nc", "host.name=a\0"};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		json_line(unit_begin(), rows[i].line, strlen(rows[i].line), &of);
		is_right &= unit_is_text(rows[i].does, unit_end(), rows[i].wanted);
		if (lines)
			fputs(unit_text, lines);
	}
	assert_true(is_right);
}

/* --- The most that a line can hold. --- */

static void fill_longest(void)
{
	static const int64_t time[2] = {INT64_MIN, INT64_MAX};
	static char program[RECORD_PROGRAM_BYTES];

	memset(program, 1, sizeof(program) - 1);
	event.flags = EVENT_MANY_PROCESSES | EVENT_MANY_THREADS | EVENT_STDIO;
	event.pid = event.tid = INT32_MAX;
	event.program = program;
	event.time_ns = UINT64_MAX;
	event.start_ns = 0;
	event.realtime_ns = INT64_MAX;
	event.result = INT64_MIN;
	memset(event.arguments, 0xff, sizeof(event.arguments));
	event.value = time;
	event.value_size = sizeof(time);
	event.asked_total = event.ready_total = UINT64_MAX;
	event.has_asked = true;
	for (unsigned i = 0; i < EVENT_WATCHES; i++)
		event.asked[i] = event.ready[i] =
			(struct tcpshim_watch){.fd = i % 2 ? INT32_MIN : -1,
					       .events = UINT32_MAX,
					       .data = UINT64_MAX};
	event.connection = (struct tcpshim_connection){.serial = UINT32_MAX,
						       .role = ROLE_LISTENER,
						       .state = STATE_ESTABLISHED};
	event.subjects_left_out = UINT32_MAX;
}

static void test_bound(void **state)
{
	static uint8_t payload[4096];
	static uint64_t addresses[EVENT_FRAMES];
	static struct sockaddr_un un = {.sun_family = AF_UNIX};
	const struct iovec whole = {payload, sizeof(payload)};
	const struct truss_style style = {.data_bytes = UINT64_MAX, .symbol = append_frame};
	bool is_right = true;

	(void)state;
	memset(payload, 1, sizeof(payload));
	memset(un.sun_path, '"', sizeof(un.sun_path));
	for (unsigned call = 0; call < CALL_COUNT; call++) {
		struct tcpshim_facts facts;

		/* Only the facts, so that each one's room must be enough for it. */
		fill_facts(&facts, 0xff);
		start_event((enum tcpshim_call)call);
		fill_longest();
		event.connection.local = event.connection.peer = facts.local;
		is_right &= make_line(call_rows[call].symbol, &style);
		event.address = &un;
		event.address_size = sizeof(un);
		is_right &= make_line(call_rows[call].symbol, &style);
		event.data = &whole;
		event.data_count = 1;
		event.data_total = sizeof(payload);
		is_right &= make_line(call_rows[call].symbol, &style);
		if (call % 20 != 0)
			continue;
		frame_byte = 1;
		event.stack = addresses;
		event.stack_count = EVENT_FRAMES;
		event.subject_count = EVENT_SUBJECTS;
		for (unsigned i = 0; i < EVENT_SUBJECTS; i++) {
			event.subjects[i].notes = NOTES_ALL;
			event.subjects[i].facts = facts;
		}
		is_right &= make_line(call_rows[call].symbol, &style);
	}
	assert_true(is_right);
}

/* Each note alone with the longest facts, in the shortest line: its own room must be enough. */
static void test_bound_of_each_note(void **state)
{
	static const struct truss_style style;
	bool is_right = true;
	size_t without, room;

	(void)state;
	start_event(CALL_close);
	is_right &= make_line("nothing", &style);
	without = line_size;
	room = json_event_bound(&event, &style);
	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		event.subject_count = 1;
		event.subjects[0].notes = unit_note_set((unit_notes)1 << note);
		fill_facts(&event.subjects[0].facts, 0xff);
		is_right &= make_line(note_rows[note].id, &style);
		if (line_size - without > json_event_bound(&event, &style) - room) {
			print_error("%s: %zu bytes, room for %zu\n", note_rows[note].id,
				    line_size - without, json_event_bound(&event, &style) - room);
			is_right = false;
		}
	}
	assert_true(is_right);
}

/* --- The row of a connection. --- */

static void test_row(void **state)
{
	struct connection_row row = {.pid = INT32_MAX,
				     .fd = INT32_MIN,
				     .ended = CONNECTION_ROW_NO_NOTE};
	struct tcpshim_facts facts;
	struct reader reader;
	struct strbuf buf;
	char *text = malloc(FORMAT_TABLE_BYTES);

	(void)state;
	assert_non_null(text);
	fill_facts(&facts, 0xff);
	row.serial = UINT32_MAX;
	row.role = ROLE_SERVER;
	row.state = STATE_ESTABLISHED;
	row.local = row.peer = facts.local;
	row.first = FIRST_END_PEER;
	row.ended = NOTE_closed_with_unacknowledged_data;
	row.opened_ns = 1;
	row.seen_ns = row.active_ns = row.silence_ns = UINT64_MAX;
	row.sent_bytes = row.received_bytes = row.writes = row.reads = UINT64_MAX;
	row.handshake_ns = row.rtt_ns = row.retransmits = UINT64_MAX;
	row.notes = NOTES_ALL;
	row.sent_told = row.received_told = UINT64_MAX;
	row.has_gaps = row.is_sampled = true;
	strbuf_init(&buf, text, FORMAT_TABLE_BYTES);
	format_json.row(&buf, &row, NULL, 0);
	assert_false(buf.is_cut);
	want_room(FORMAT_TABLE_BYTES);
	reader = (struct reader){(uint8_t *)text, (uint8_t *)text + buf.size - 1, false};
	object.count = 0;
	read_object(&reader, &object, 0);
	assert_true(!reader.is_wrong && reader.at == reader.end);
	free(text);
}

static int release(void **state)
{
	int result = close_lines(state);

	free(line);
	free(text_room);
	return result;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_every_pair),
		cmocka_unit_test(test_random_payloads),
		cmocka_unit_test(test_encodings),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_data_bytes),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_sleeping),
		cmocka_unit_test(test_all_calls),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_watches),
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_all_notes),
		cmocka_unit_test(test_severities),
		cmocka_unit_test(test_tcp_info),
		cmocka_unit_test(test_program_names),
		cmocka_unit_test(test_stacks),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_bound_of_each_note),
		cmocka_unit_test(test_row),
	};

	return cmocka_run_group_tests_name("json", tests, open_lines, release);
}
