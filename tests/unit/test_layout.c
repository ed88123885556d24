#include "unit.h"

#include "format/layout.h"

/* A row is three texts and a number. */
struct row {
	const char *name, *peer, *notes;
	uint64_t bytes;
};

static void name_cell(struct strbuf *buf, const void *row, uint64_t origin_ns)
{
	(void)origin_ns;
	strbuf_string(buf, ((const struct row *)row)->name);
}

static void peer_cell(struct strbuf *buf, const void *row, uint64_t origin_ns)
{
	(void)origin_ns;
	strbuf_string(buf, ((const struct row *)row)->peer);
}

static void notes_cell(struct strbuf *buf, const void *row, uint64_t origin_ns)
{
	(void)origin_ns;
	strbuf_string(buf, ((const struct row *)row)->notes);
}

static void bytes_cell(struct strbuf *buf, const void *row, uint64_t origin_ns)
{
	strbuf_unsigned(buf, ((const struct row *)row)->bytes + origin_ns);
}

static bool name_key(struct column_key *key, const void *row)
{
	column_key_text(key, ((const struct row *)row)->name);
	return true;
}

/* 0: not known */
static bool bytes_key(struct column_key *key, const void *row)
{
	column_key_number(key, ((const struct row *)row)->bytes);
	return ((const struct row *)row)->bytes != 0;
}

static const struct column columns[] = {
	{"name", "name", 6, 99, false, name_cell, NULL, name_key},
	{"bytes", "bytes", 8, 30, false, bytes_cell, NULL, bytes_key},
	{"peer", "peer", 10, 70, false, peer_cell, NULL, name_key},
	{"notes", "notes", 5, 90, false, notes_cell, notes_cell, name_key},
};

static const struct row table[] = {
	{"a", "10.0.0.1:80", "one-note,another-note,the-third,the-fourth", 7},
	{"bb", "[2001:db8::1]:443", "one-note", 12345678},
};

static struct layout all_columns(void)
{
	struct layout layout = {0};

	for (size_t i = 0; i < COUNT(columns); i++)
		layout_add(&layout, &columns[i]);
	return layout;
}

/* Writes headings and rows into text. width: 0: the columns have their own widths. */
static void write_table(char *text, size_t width)
{
	struct layout layout = all_columns();
	struct strbuf buf;

	strbuf_init(&buf, text, 1023);
	if (width > 0) {
		layout_shrink(&layout);
		for (size_t i = 0; i < COUNT(table); i++)
			layout_widen(&layout, &table[i], 0);
		layout_fit(&layout, width);
	}
	layout_headings(&layout, &buf);
	for (size_t i = 0; i < COUNT(table); i++)
		layout_row(&layout, &buf, &table[i], 0);
	text[buf.size] = '\0';
}

static void test_widths(void **state)
{
	static const struct {
		const char *name;
		size_t width;
		const char *text;
	} rows[] = {
		{"own widths", 0,
		 "name    bytes     peer        notes\n"
		 "a       7         10.0.0.1:80 one-note,another-note,the-third,the-fourth\n"
		 "bb      12345678  [2001:db8::1]:443 one-note\n"},
		{"room for all", 77,
		 "name  bytes     peer               notes\n"
		 "a     7         10.0.0.1:80        one-note,another-note,the-third,the-fourth\n"
		 "bb    12345678  [2001:db8::1]:443  one-note\n"},
		{"what is needed least is left out", 76,
		 "name  peer               notes\n"
		 "a     10.0.0.1:80        one-note,another-note,the-third,the-fourth\n"
		 "bb    [2001:db8::1]:443  one-note\n"},
		{"then a list is shortened", 55,
		 "name  peer               notes\n"
		 "a     10.0.0.1:80        one-note,another-note,+2\n"
		 "bb    [2001:db8::1]:443  one-note\n"},
		{"then the next is left out, and the list has its room", 48,
		 "name  notes\n"
		 "a     one-note,another-note,the-third,the-fourth\n"
		 "bb    one-note\n"},
		{"a list in little room", 18,
		 "name  notes\n"
		 "a     one-note,+3\n"
		 "bb    one-note\n"},
		{"the most needed stays", 1, "name\na\nbb\n"},
	};
	bool is_right = true;
	char text[1024];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		write_table(text, rows[i].width);
		is_right &= unit_is_text(rows[i].name, text, rows[i].text);
	}
	assert_true(is_right);
}

static void test_order(void **state)
{
	static const struct row less = {"a", "", "", 5}, more = {"b", "", "", 6},
				unknown = {"c", "", "", 0};

	(void)state;
	assert_true(column_compare(&columns[1], false, &less, &more) < 0);
	assert_true(column_compare(&columns[1], true, &less, &more) > 0);
	assert_true(column_compare(&columns[1], false, &more, &more) == 0);
	assert_true(column_compare(&columns[0], false, &less, &more) < 0);
	/* What is not known comes last in both orders. */
	assert_true(column_compare(&columns[1], false, &unknown, &more) > 0);
	assert_true(column_compare(&columns[1], true, &unknown, &more) > 0);
	assert_true(column_compare(&columns[1], true, &unknown, &unknown) == 0);
}

static void test_addresses(void **state)
{
	const struct tcpshim_address low = {.family = 2, .port = 443, .bytes = {9, 0, 0, 1}};
	const struct tcpshim_address high = {.family = 2, .port = 80, .bytes = {10, 0, 0, 1}};
	struct column_key a, b;

	(void)state;
	assert_true(column_key_address(&a, &low) && column_key_address(&b, &high));
	assert_true(memcmp(a.bytes, b.bytes, a.size) < 0);
	assert_false(column_key_address(&a, &(struct tcpshim_address){0}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
