#include "unit.h"

#include <string.h>

#include "format/attributes.h"

/* Appends a list as NAME=VALUE, each in brackets. */
static void show(const char *list)
{
	struct word name;
	const char *value;

	while (attributes_next(&list, &name, &value)) {
		strbuf_char(&unit_buf, '[');
		strbuf_bytes(&unit_buf, name.text, name.size);
		strbuf_char(&unit_buf, '=');
		strbuf_string(&unit_buf, value);
		strbuf_char(&unit_buf, ']');
	}
}

static void test_tags(void **state)
{
	static const struct {
		const char *value, *list; /* NULL: not understood */
	} rows[] = {
		{"service=checkout,version=7", "[service.name=checkout][service.version=7]"},
		{"namespace=shop,instance=a-1,environment=prod",
		 "[service.namespace=shop][service.instance.id=a-1][deployment.environment.name="
		 "prod]"},
		{"team=payments,k8s.pod.name=web-0", "[tag.team=payments][k8s.pod.name=web-0]"},
		{"a=b=c", "[tag.a=b=c]"},
		{"a=\xc3\xa4", "[tag.a=\xc3\xa4]"},
		{"a", NULL},
		{"a=", NULL},
		{"=b", NULL},
		{"a=b,", NULL},
		{"a=b,a=c", NULL},
		{"service=a,service.name=b", NULL},
		{"A=b", NULL},
		{"1a=b", NULL},
		{"a.=b", NULL},
		{"a..b=c", NULL},
		{"a b=c", NULL},
		{"process.pid=1", NULL},
		{"host.name=x", NULL},
		{"network.peer.port=1", NULL},
		{"a=\"", NULL},
		{"a=\\", NULL},
		{"a=\n", NULL},
		{"a=\x7f", NULL},
		{"a=\xff", NULL},
	};
	char list[ATTRIBUTES_TAG_BYTES];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct strbuf buf;

		strbuf_init(&buf, list, sizeof(list));
		if (!attributes_read_tags(&buf, rows[i].value)) {
			assert_null(rows[i].list);
			continue;
		}
		list[buf.size] = '\0';
		assert_non_null(rows[i].list);
		assert_true(attributes_are_valid(list, attributes_size(list)));
		unit_begin();
		show(list);
		assert_string_equal(unit_end(), rows[i].list);
	}
}

/* The longest that is taken leaves room for the zero at the end of the list. */
static void test_long_tags(void **state)
{
	char value[2 * ATTRIBUTES_TAG_BYTES], list[ATTRIBUTES_TAG_BYTES];
	size_t taken = 0;

	(void)state;
	for (size_t size = 1; size < sizeof(value) - 4; size++) {
		struct strbuf buf;

		memcpy(value, "a=", 2);
		memset(value + 2, 'x', size);
		value[2 + size] = '\0';
		strbuf_init(&buf, list, sizeof(list));
		if (!attributes_read_tags(&buf, value))
			break;
		assert_true(buf.size < sizeof(list) && !buf.is_cut);
		assert_int_equal(buf.size, strlen("tag.a=") + size + 1);
		taken = size;
	}
	assert_true(taken > 300 && taken < ATTRIBUTES_TAG_BYTES);
}

#define LIST(text) text "\0", sizeof(text "\0")

static void test_valid(void **state)
{
	static const struct {
		const char *list;
		size_t size;
		bool is_valid;
	} rows[] = {
		{LIST("host.name=a\0tag.x=1"), true},
		{LIST("container.id=a"), true},
		{LIST("a.b=c"), true},
		{"a.b=c\0", 7, true},
		{"a.b=c", 6, false},           /* no empty string at its end */
		{"a.b=c\0\0", 8, false},       /* more after it */
		{"a.b=c\0\0x=y\0", 12, false}, /* likewise */
		{LIST("ab=c"), false},         /* could be a member of ours */
		{LIST("a.b"), false},
		{LIST("a.b="), false},
		{LIST("a.b=c\0a.b=d"), false},
		{LIST("process.pid=1"), false},
		{LIST("a.b\"=c"), false},
		{LIST("a.b=\x1b"), false},
		{LIST("a.b=\""), false},
		{LIST("a.b=\xff"), false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(attributes_are_valid(rows[i].list, rows[i].size),
				 rows[i].is_valid);
}

static void test_common(void **state)
{
	static const struct {
		const char *list, *other, *common;
	} rows[] = {
		{"a.b=1\0c.d=2\0", "a.b=1\0c.d=2\0", "[a.b=1][c.d=2]"},
		{"a.b=1\0c.d=2\0", "c.d=2\0a.b=1\0", "[a.b=1][c.d=2]"},
		{"a.b=1\0c.d=2\0", "a.b=2\0c.d=2\0", "[c.d=2]"},
		{"a.b=1\0c.d=2\0", "a.b=1\0", "[a.b=1]"},
		{"a.b=1\0c.d=2\0", "\0", ""},
		{"\0", "a.b=1\0", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char list[ATTRIBUTES_BYTES];

		attributes_copy(list, rows[i].list);
		attributes_keep_common(list, rows[i].other);
		unit_begin();
		show(list);
		assert_string_equal(unit_end(), rows[i].common);
	}
}

/* What may not be in a value is replaced, and what has no room is left out. */
static void test_add(void **state)
{
	char list[20];
	struct strbuf buf;

	(void)state;
	strbuf_init(&buf, list, sizeof(list));
	attributes_add(&buf, "a.b", word_of("\x1b\"\xff\xc3\xa4"));
	attributes_add(&buf, "c.d", word_of("too long for it"));
	attributes_add(&buf, "c.d", word_of(""));
	list[buf.size] = '\0';
	unit_begin();
	show(list);
	assert_string_equal(unit_end(), "[a.b=???\xc3\xa4]");
	unit_begin();
	strbuf_char(&unit_buf, '{');
	attributes_json(&unit_buf, list);
	attributes_json(&unit_buf, NULL);
	assert_string_equal(unit_end(), "{,\"a.b\":\"???\xc3\xa4\"");
	assert_string_equal(attributes_find(list, "a.b"), "???\xc3\xa4");
	assert_null(attributes_find(list, "a"));
	assert_null(attributes_find(NULL, "a"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tags),  cmocka_unit_test(test_long_tags),
		cmocka_unit_test(test_valid), cmocka_unit_test(test_common),
		cmocka_unit_test(test_add),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
