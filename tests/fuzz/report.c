/*
 * report: takes any bytes as a recording, and shows it as tcpshim report, diagnose and rehearse do.
 *
 * A fuzz target of libFuzzer.  An input that begins with the magic is the file of a recording.  Any
 * other input is one in short form (struct brief and what follows it), from which a file with a
 * valid header is made: so a block takes only as many bytes as its records.
 *
 * In addition to what the sanitizers find, it fails if memory is allocated by a number in the file,
 * if JSON is invalid, and if text contains bytes that a terminal would obey.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The command's own parts. */
#include "cli/diagnose.h"
#include "cli/pictures.h"
#include "cli/rehearsed.h"
#include "cli/render.h"
#include "diagnose/verdict_text.h"
#include "format/pack.h"
#include "picture/ladder.h"
#include "picture/page.h"
#include "picture/svg.h"
#include "reader/complain.h"
#include "reader/symbols.h"
#include "settings/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t most);

enum {
	MOST_FILE = 10 * RECORD_BLOCK_BYTES,
	/* A row of notes for each connection of an event, and the tables of a report. */
	MOST_MEMORY = 4 << 20,
};

enum brief_shows {
	SHOWS_JSON = 1 << 0,
	SHOWS_TABLES = 1 << 1,
	SHOWS_ALL_DATA = 1 << 2,
	HAS_NAMES = 1 << 3,  /* with names of its own, not those of this version */
	IS_TWICE = 1 << 4,   /* with another recording of the same process, of another boot */
	IS_CUT = 1 << 5,     /* cut where the last block's records end */
	IS_ENDED = 1 << 6,   /* by exit */
	HAS_STAMPS = 1 << 7, /* shown with all stamps */
};

/* Then, with HAS_NAMES: 2 bytes, the size of the tables, and the tables. Then each block: struct
 * record_block; 2 bytes, the size of its records; its records. */
struct brief {
	uint8_t shows; /* enum brief_shows */
	uint8_t flags; /* the header's */
	uint16_t more_blocks;
	int32_t lost_error;
	uint64_t base_ns;
	int64_t realtime_offset_ns;
	uint64_t data_bytes;
	char program[8];
};

static int file = -1;
static size_t file_size;

/* --- What the parts of the command call (reader/complain.h). --- */

static void fail(const char *what)
{
	fprintf(stderr, "report: %s\n", what);
	abort();
}

void complain(const char *format, ...)
{
	char line[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
}

void refuse(const char *format, ...)
{
	(void)format;
	fail("no option was given");
	abort();
}

void *reallocate(void *memory, size_t size)
{
	if (size > MOST_MEMORY + 16 * file_size)
		fail("more memory than the file could need");
	memory = realloc(memory, size);
	if (!memory && size > 0)
		fail("no memory");
	return memory;
}

void *allocate(size_t size)
{
	return reallocate(NULL, size);
}

char *duplicate(const char *text)
{
	return strcpy(allocate(strlen(text) + 1), text);
}

/* --- Checks of the output. --- */

/* Fails on C1 controls, and on characters that change the direction of text, as UTF-8. */
static void check_hidden(const char *text, size_t size)
{
	const uint8_t *at = (const uint8_t *)text;

	for (size_t i = 0; i + 2 < size; i++)
		if ((at[i] == 0xc2 && at[i + 1] >= 0x80 && at[i + 1] < 0xa0) ||
		    (at[i] == 0xe2 && at[i + 1] == 0x80 && at[i + 2] >= 0xa8 &&
		     at[i + 2] <= 0xae) ||
		    (at[i] == 0xe2 && at[i + 1] == 0x81 && at[i + 2] >= 0xa6 && at[i + 2] <= 0xa9))
			fail("a hidden control character");
}

static void check_text(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (((unsigned char)text[i] < ' ' && text[i] != '\n' && text[i] != '\t') ||
		    text[i] == 0x7f)
			fail("a control character in text");
}

static bool skip_utf8(const char **at)
{
	const unsigned char *c = (const unsigned char *)*at;
	unsigned size = *c < 0x80 ? 1 : *c < 0xc2 ? 0 : *c < 0xe0 ? 2 : *c < 0xf0 ? 3 : 4;

	if (size == 0 || *c > 0xf4 || (*c == 0xe0 && c[1] < 0xa0) || (*c == 0xed && c[1] > 0x9f) ||
	    (*c == 0xf0 && c[1] < 0x90) || (*c == 0xf4 && c[1] > 0x8f))
		return false;
	for (unsigned i = 1; i < size; i++)
		if ((c[i] & 0xc0) != 0x80)
			return false;
	*at += size;
	return true;
}

static bool skip_string(const char **at)
{
	if (*(*at)++ != '"')
		return false;
	while (**at != '"') {
		if ((unsigned char)**at < ' ')
			return false;
		if (**at == '\\') {
			size_t digits = (*at)[1] == 'u' ? strspn(*at + 2, "0123456789abcdefABCDEF")
							: 4;

			if (digits < 4 || !strchr("\"\\/bfnrtu", (*at)[1]) || (*at)[1] == '\0')
				return false;
			*at += (*at)[1] == 'u' ? 6 : 2;
		} else if (!skip_utf8(at)) {
			return false;
		}
	}
	(*at)++;
	return true;
}

static bool skip_value(const char **at);

/* Skips "[…]" or "{…}". */
static bool skip_list(const char **at, char end)
{
	bool is_first = true;

	for ((*at)++; **at != end; is_first = false) {
		if (!is_first && *(*at)++ != ',')
			return false;
		if (end == '}' && (!skip_string(at) || *(*at)++ != ':'))
			return false;
		if (!skip_value(at))
			return false;
	}
	(*at)++;
	return true;
}

static bool skip_value(const char **at)
{
	static const char *const words[] = {"null", "true", "false"};
	size_t digits;

	if (**at == '{' || **at == '[')
		return skip_list(at, **at == '{' ? '}' : ']');
	if (**at == '"')
		return skip_string(at);
	for (unsigned i = 0; i < 3; i++)
		if (strncmp(*at, words[i], strlen(words[i])) == 0) {
			*at += strlen(words[i]);
			return true;
		}
	*at += **at == '-';
	digits = strspn(*at, "0123456789");
	*at += digits;
	if (digits > 0 && **at == '.')
		*at += 1 + strspn(*at + 1, "0123456789");
	return digits > 0;
}

static void check_json(const char *text)
{
	while (*text) {
		if (*text != '{' || !skip_value(&text) || *text++ != '\n')
			fail("this is no JSON");
	}
}

/* --- The file. --- */

static void put(const void *bytes, size_t size, size_t offset)
{
	if (offset + size > MOST_FILE)
		size = offset < MOST_FILE ? MOST_FILE - offset : 0;
	if (pwrite(file, bytes, size, (off_t)offset) != (ssize_t)size)
		fail("the file cannot be written");
	if (offset + size > file_size)
		file_size = offset + size;
}

static bool take_bytes(const uint8_t **bytes, size_t *size, void *to, size_t wanted)
{
	if (*size < wanted)
		return false;
	memcpy(to, *bytes, wanted);
	*bytes += wanted;
	*size -= wanted;
	return true;
}

/* Takes 2 bytes that say how many follow; returns at most as many as there are. */
static size_t take_size(const uint8_t **bytes, size_t *size)
{
	uint16_t told = 0;

	take_bytes(bytes, size, &told, sizeof(told));
	return told < *size ? told : *size;
}

static uint32_t put_names(uint32_t offset, const struct brief *brief, const uint8_t **bytes,
			  size_t *size)
{
	static uint8_t own[8192];
	static size_t own_size;
	size_t told;

	if (!(brief->shows & HAS_NAMES)) {
		if (own_size == 0)
			own_size = pack_names(own, sizeof(own));
		put(own, own_size, offset);
		return (uint32_t)own_size;
	}
	told = take_size(bytes, size);
	put(*bytes, told, offset);
	*bytes += told;
	*size -= told;
	return (uint32_t)told;
}

static uint32_t put_blocks(const struct brief *brief, const uint8_t *bytes, size_t size)
{
	struct record_block block;
	uint32_t count = 0;
	size_t offset = RECORD_HEADER_BYTES;

	while (offset < MOST_FILE && take_bytes(&bytes, &size, &block, sizeof(block))) {
		size_t told = take_size(&bytes, &size);

		offset = RECORD_HEADER_BYTES + (size_t)count++ * RECORD_BLOCK_BYTES;
		if (told > RECORD_BLOCK_BYTES - sizeof(block))
			told = RECORD_BLOCK_BYTES - sizeof(block);
		put(&block, sizeof(block), offset);
		put(bytes, told, offset + sizeof(block));
		bytes += told;
		size -= told;
	}
	if (!(brief->shows & IS_CUT) && count > 0)
		put("", 1, offset + RECORD_BLOCK_BYTES - 1);
	return count;
}

static void make_file(const struct brief *brief, const uint8_t *bytes, size_t size)
{
	struct record_header header = {
		.magic = RECORD_MAGIC,
		.version = RECORD_VERSION,
		.header_bytes = RECORD_HEADER_BYTES,
		.block_bytes = RECORD_BLOCK_BYTES,
		.flags = brief->flags,
		.pid = 1,
		.names_offset = sizeof(header),
		.base_ns = brief->base_ns,
		.realtime_offset_ns = brief->realtime_offset_ns,
		.data_bytes = brief->data_bytes,
		.lost_events = (uint64_t)(brief->lost_error != 0),
		.lost_error = brief->lost_error,
		.end = brief->shows & IS_ENDED ? RECORD_ENDED : RECORD_NOT_ENDED,
	};

	memcpy(header.program, brief->program, sizeof(brief->program));
	header.names_bytes = put_names(sizeof(header), brief, &bytes, &size);
	header.blocks_taken = put_blocks(brief, bytes, size) + brief->more_blocks;
	header.block_count = (uint32_t)header.blocks_taken;
	put(&header, sizeof(header), 0);
}

static struct reader *open_file(bool is_other_boot)
{
	static char path[32]; /* static, since the recording keeps it */

	if (is_other_boot)
		put("other", sizeof("other"), offsetof(struct record_header, boot));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return reader_open(path);
}

static void empty_file(void)
{
	if (file < 0)
		file = memfd_create("recording", MFD_CLOEXEC);
	if (file < 0 || ftruncate(file, 0) < 0)
		fail("there is no file");
	file_size = 0;
}

/* --- The report. --- */

static void show_all(struct render *render, struct merge *merge)
{
	struct item item;

	while (merge_next(merge, &item))
		render_item(render, &item);
}

static void show_current(struct render *render, struct merge *merge)
{
	struct unpacked *current = allocate(sizeof(*current));
	struct item item;

	while (merge_next_current(merge, &item, current))
		render_item(render, &item);
	free(current);
}

static void show(unsigned shows)
{
	FILE *const before = stdout;
	struct render_wanted wanted = {
		.has_connections = shows & SHOWS_TABLES,
		.has_summary = shows & SHOWS_TABLES,
		.filter = filter_of_nothing,
	};
	struct reader *readers[2];
	struct merge merge;
	struct render render;
	const char *path;
	char *text = NULL;
	size_t size = 0, count = 0;

	for (unsigned i = 0; i < (shows & IS_TWICE ? 2 : 1); i++)
		if ((readers[count] = open_file(i == 1)))
			count++;
	if (count == 0)
		return;
	config.format = shows & SHOWS_JSON ? &format_json : &format_text;
	config.style = (struct truss_style){
		.stamps = shows & HAS_STAMPS ? TRUSS_BASE | TRUSS_DELTA | TRUSS_ELAPSED | TRUSS_UTC
					     : TRUSS_BASE,
		.data_bytes = shows & SHOWS_ALL_DATA ? UINT64_MAX : 12,
		.least_severity = SEVERITY_INFO,
	};
	memset(config.is_shown, true, sizeof(config.is_shown));
	wanted.filter.is_shown = config.is_shown;
	wanted.filter.match = &config.match;
	stdout = open_memstream(&text, &size);
	if (!stdout)
		fail("no memory");
	merge_start(&merge, readers, count);
	render_start(&render, &wanted, &merge, false);
	show_all(&render, &merge);
	merge_refresh(&merge);
	show_all(&render, &merge);
	show_current(&render, &merge);
	render_end(&render);
	merge_end(&merge);
	symbols_end();
	path = readers[0]->path;
	if (shows & SHOWS_TABLES)
		diagnose_show(&path, 1, &filter_of_nothing);
	for (size_t i = 0; i < count; i++)
		reader_close(readers[i]);
	fclose(stdout);
	stdout = before;
	check_hidden(text, size);
	if (shows & SHOWS_JSON)
		check_json(text);
	else
		check_text(text, size);
	free(text);
}

/* --- Pages and pictures. --- */

/* Fails if the JSON of a page could end the element that it is in, or is none. Takes its line ends
 * out. */
static void check_page(char *text)
{
	size_t kept = 0;

	check_hidden(text, strlen(text));
	if (strchr(text, '<'))
		fail("'<' in the data of a page");
	for (const char *from = text; *from; from++)
		if (*from != '\n')
			text[kept++] = *from;
	text[kept] = '\0';
	for (const char *at = text; *at;)
		if ((*at != '{' && *at != '[') || !skip_value(&at))
			fail("the data of a page is no JSON");
}

/* Fails if text has an element that a picture does not have, or a character that XML does not. */
static void check_svg(const char *text, size_t size)
{
	static const char *const elements[] = {"svg",  "title", "style", "g",     "text",
					       "line", "rect",  "path",  "circle"};

	check_hidden(text, size);
	check_text(text, size);
	for (const char *at = text; (at = strchr(at, '<')); at++) {
		const char *name = at + 1 + (at[1] == '/');
		size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz");
		bool is_known = false;

		for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++)
			is_known |= strlen(elements[i]) == length &&
				    strncmp(elements[i], name, length) == 0;
		if (!is_known)
			fail("an unknown element in a picture");
	}
}

/* Writes what a page has about the recording: its summary, or its details up to the stacks. */
static void draw_page(const struct pictures *pictures, bool is_detailed)
{
	const struct finding_list none = {0};
	const struct page page = {.list = pictures->list,
				  .count = pictures->count,
				  .findings = &none,
				  .scope = "",
				  .base_ns = pictures->merge->base_ns};
	char *text = NULL, *end;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	if (is_detailed)
		page_details(to, &page, 4096);
	else
		page_summary(to, &page);
	fclose(to);
	end = strstr(text, "</script>");
	if (end) { /* the stacks follow */
		check_page(strstr(end, "\n["));
		*end = '\0';
	}
	check_page(text);
	free(text);
}

/* Fails if a line has characters that a terminal would obey, beside the colours. */
static void check_ladder_line(const char *text, size_t size, void *data)
{
	(void)data;
	for (size_t i = 0; i < size; i++)
		if (((unsigned char)text[i] < ' ' && text[i] != '\n' && text[i] != '\x1b') ||
		    text[i] == '\x7f')
			fail("a ladder has a control character");
}

static void draw_ladders(const struct pictures *pictures)
{
	for (size_t i = 0; i < pictures->count && i < 4; i++) {
		const struct ladder_style style = {
			.width = 40 + i * 40,
			.is_ascii = i % 2,
			.has_colour = i == 2,
			.base_ns = pictures->merge->base_ns,
			.line = check_ladder_line,
		};

		ladder_draw(&pictures->list[i], &style);
	}
}

static void draw_svg(const struct pictures *pictures)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	for (size_t i = 0; i < pictures->count && i < 4; i++)
		svg_write(to, &pictures->list[i], pictures->merge->base_ns,
			  pictures->merge->realtime_offset_ns);
	fclose(to);
	check_svg(text, size);
	free(text);
}

static void draw(unsigned shows)
{
	struct filter filter = filter_of_nothing;
	struct reader *readers[2];
	struct pictures pictures;
	struct merge merge;
	size_t count = 0;

	for (unsigned i = 0; i < (shows & IS_TWICE ? 2 : 1); i++)
		if ((readers[count] = open_file(i == 1)))
			count++;
	if (count == 0)
		return;
	filter.is_shown = config.is_shown;
	filter.match = &config.match;
	merge_start(&merge, readers, count);
	pictures_start(&pictures, &filter, &merge, PAGE_MOMENTS);
	pictures_read(&pictures, &merge);
	draw_page(&pictures, false);
	draw_page(&pictures, true);
	draw_svg(&pictures);
	draw_ladders(&pictures);
	pictures_free(&pictures);
	merge_end(&merge);
	symbols_end();
	for (size_t i = 0; i < count; i++)
		reader_close(readers[i]);
}

/* --- Verdicts. --- */

/* Makes a directory in which the file is a recording. */
static void make_directory(char *directory)
{
	char path[32], name[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	if (!mkdtemp(directory))
		fail("no directory can be made");
	snprintf(name, sizeof(name), "%s/1.tcpshim", directory);
	if (symlink(path, name) < 0)
		fail("no link can be made");
}

/* Writes all that there can be said of a connection, whatever was rehearsed on it. */
static void write_verdict(struct rehearsed *rehearsed, const struct rehearsed_conn *conn,
			  uint64_t within_ns)
{
	static const struct policy no_policy;
	char text[4096];
	struct strbuf buf;
	struct verdict_scope scope = {
		.watched_ns = within_ns,
		.within_ns = within_ns,
		.policy = &no_policy,
		.waits_in = conn->waits_in,
	};
	struct rehearsed_conn *later =
		rehearsed_find_later(rehearsed, conn, within_ns % 2 == 0, &scope.attempts,
				     &scope.first_attempt_ns);
	uint64_t lost;

	if (later) {
		scope.later = later->verdict;
		scope.later_serial = later->row.serial;
	}
	strbuf_init(&buf, text, sizeof(text) - 1);
	verdict_append_result(&buf, conn->verdict, &scope);
	verdict_append_course(&buf, conn->verdict, &scope);
	verdict_append_bytes(&buf, conn->verdict, &scope);
	verdict_append_remedy(&buf, conn->verdict, &scope);
	if (buf.size >= sizeof(text) - 1)
		fail("a verdict is too long");
	check_text(text, buf.size);
	check_hidden(text, buf.size);
	verdict_lost_bytes(conn->verdict, &lost);
}

static void judge(void)
{
	static const uint64_t untils[] = {UINT64_MAX, 0};
	char directory[] = "/tmp/fuzz.XXXXXX";

	make_directory(directory);
	for (unsigned i = 0; i < 2; i++) {
		struct rehearsed rehearsed;

		rehearsed_read(&rehearsed, directory, untils[i]);
		if (rehearsed.passed > rehearsed.concerned || rehearsed.concerned > rehearsed.count)
			fail("more verdicts than connections");
		for (size_t j = 0; j < rehearsed.count; j++)
			write_verdict(&rehearsed, &rehearsed.list[j],
				      (uint64_t)j * UINT64_C(5000000000));
		rehearsed_clear(&rehearsed);
		symbols_end();
	}
	recordings_remove(directory);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct brief brief;

	empty_file();
	if (size >= 8 && memcmp(bytes, RECORD_MAGIC, 8) == 0) {
		put(bytes, size, 0);
		for (unsigned shows = 0; shows <= (SHOWS_JSON | SHOWS_TABLES); shows++)
			show(shows | SHOWS_ALL_DATA);
		draw(0);
		judge();
	} else if (take_bytes(&bytes, &size, &brief, sizeof(brief))) {
		make_file(&brief, bytes, size);
		show(brief.shows);
		draw(brief.shows);
		if (!(brief.shows & IS_TWICE))
			judge();
	}
	return 0;
}

/* --- Other inputs made from one: they differ by whole records. --- */

static uint16_t size_at(const uint8_t *bytes)
{
	uint16_t size;

	memcpy(&size, bytes, sizeof(size));
	return size;
}

static void set_size(uint8_t *bytes, size_t size)
{
	const uint16_t told = (uint16_t)size;

	memcpy(bytes, &told, sizeof(told));
}

/* Returns where the size of the chosen block's records is; 0: nowhere. */
static size_t find_block(const uint8_t *bytes, size_t size, unsigned choice)
{
	size_t position = sizeof(struct brief), found = 0;

	if (size < sizeof(struct brief) || memcmp(bytes, RECORD_MAGIC, 8) == 0)
		return 0;
	if (bytes[0] & HAS_NAMES)
		position +=
			sizeof(uint16_t) + (position + 2 <= size ? size_at(bytes + position) : 0);
	for (unsigned i = 0; i <= choice % 4; i++) {
		size_t at = position + sizeof(struct record_block);

		if (at + sizeof(uint16_t) > size ||
		    at + sizeof(uint16_t) + size_at(bytes + at) > size)
			break;
		found = at;
		position = at + sizeof(uint16_t) + size_at(bytes + at);
	}
	return found;
}

/* Returns where the chosen record in [from, to) is, or 0. */
static size_t find_record(const uint8_t *bytes, size_t from, size_t to, unsigned choice)
{
	size_t positions[64];
	unsigned count = 0;

	while (count < 64 && from + 8 <= to && size_at(bytes + from) >= 8 &&
	       size_at(bytes + from) <= to - from) {
		positions[count++] = from;
		from += size_at(bytes + from);
	}
	return count > 0 ? positions[choice % count] : 0;
}

/* Changes a word of a record: a number of 8 bytes, a section's or the record's own size, the kind.
 */
static void change_word(uint8_t *record, unsigned choice)
{
	static const uint64_t numbers[] = {
		0,
		1,
		7,
		8,
		UINT64_MAX,
		INT64_MAX,
		UINT64_C(1) << 63,
		UINT32_MAX,
		UINT32_C(1) << 31,
		4096,
	};
	size_t words = size_at(record) / 8U, at = words > 0 ? choice % words * 8 : 0;
	unsigned kind = choice >> 8;

	if (at > 0 && kind % 4 == 0)
		memcpy(record + at, &numbers[choice >> 16 & 7], sizeof(numbers[0]));
	else if (kind % 4 == 1)
		LLVMFuzzerMutate(record + at + 2, 6, 6);
	else if (at > 0 && kind % 4 == 2)
		set_size(record + at, choice >> 16 & 0xf8);
	else
		record[at + 2 + (choice >> 16) % 6] ^= (uint8_t)(1 << (choice >> 20 & 7));
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed)
{
	unsigned choice = seed * 2654435761U;
	size_t block = find_block(bytes, size, choice), record = 0, end = 0, length;

	if (block > 0) {
		end = block + sizeof(uint16_t) + size_at(bytes + block);
		record = find_record(bytes, block + sizeof(uint16_t), end, choice >> 3);
	}
	if (record == 0 || choice >> 30 == 0)
		return LLVMFuzzerMutate(bytes, size, most);
	length = size_at(bytes + record);
	switch (choice >> 27 & 7) {
	case 0: /* leave it out */
		memmove(bytes + record, bytes + record + length, size - record - length);
		set_size(bytes + block, end - block - sizeof(uint16_t) - length);
		return size - length;
	case 1: /* repeat it */
		if (size + length > most || end - block + length > UINT16_MAX)
			break;
		memmove(bytes + record + length, bytes + record, size - record);
		set_size(bytes + block, end - block - sizeof(uint16_t) + length);
		return size + length;
	case 2: /* with 8 bytes more, or less, at its end */
		if ((choice & 1) && length > 8) {
			memmove(bytes + record + length - 8, bytes + record + length,
				size - record - length);
			set_size(bytes + record, length - 8);
			set_size(bytes + block, end - block - sizeof(uint16_t) - 8);
			return size - 8;
		}
		if (size + 8 > most || length + 8 > UINT16_MAX || end - block + 8 > UINT16_MAX)
			break;
		memmove(bytes + record + length + 8, bytes + record + length,
			size - record - length);
		memset(bytes + record + length, 0, 8);
		set_size(bytes + record, length + 8);
		set_size(bytes + block, end - block - sizeof(uint16_t) + 8);
		return size + 8;
	default:
		break;
	}
	change_word(bytes + record, choice);
	return size;
}
