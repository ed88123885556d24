#include "unit.h"

#include "format/payload.h"

/* Bytes of up to three vectors, each in memory of its exact size: ASan reports one read too many.
 */
struct pieces {
	struct iovec vector[3];
	uint32_t count;
};

static void split(struct pieces *pieces, const char *bytes, size_t size, size_t first,
		  size_t second)
{
	size_t sizes[3] = {first, second, size - first - second};

	for (unsigned i = 0; i < COUNT(sizes); i++) {
		pieces->vector[i].iov_base = test_malloc(sizes[i]);
		pieces->vector[i].iov_len = sizes[i];
		memcpy(pieces->vector[i].iov_base, bytes, sizes[i]);
		bytes += sizes[i];
	}
	pieces->count = COUNT(sizes);
}

static void join(const struct pieces *pieces)
{
	for (uint32_t i = 0; i < pieces->count; i++)
		test_free(pieces->vector[i].iov_base);
}

#define ROW_32 " a b c d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3 4 5"

static void test_payload(void **state)
{
	static const struct {
		const char *does, *bytes;
		size_t size;
		uint64_t data_bytes;
		const char *preview, *rows;
	} rows[] = {
		{"nothing moved", "", 0, 12, "0x08043670", ""},
		{"nothing to be shown", "hello", 5, 0, "0x08043670", ""},
		{"one byte", "h", 1, 12, "\" h\"", ""},
		{"twelve bytes", "hello, world", 12, 12, "\" h e l l o ,   w o r l d\"", ""},
		{"thirteen bytes", "hello, world!", 13, 12, "\" h e l l o ,   w o r l d\"..", ""},
		{"less than twelve asked for", "hello, world!", 13, 5, "\" h e l l o\"..", ""},
		{"escapes", "\0\b\t\n\v\f\r", 7, 12, "\"\\0\\b\\t\\n\\v\\f\\r\"", ""},
		{"hex", "\x01\x1b\x7f\x80\xff\a", 6, 12, "\"011B7F80FF07\"", ""},
		{"quotes and backslashes as they are", "\"\\~ ", 4, 12, "\" \" \\ ~  \"", ""},
		{"a row of one", "hello, world!", 13, 64, "\" h e l l o ,   w o r l d\"..",
		 "   !\n"},
		{"a full row", "hello, worldabcdefghijklmnopqrstuvwxyz012345", 44, 64,
		 "\" h e l l o ,   w o r l d\"..", "  " ROW_32 "\n"},
		{"one more than a row", "hello, worldabcdefghijklmnopqrstuvwxyz012345#", 45, 64,
		 "\" h e l l o ,   w o r l d\"..", "  " ROW_32 "\n   #\n"},
		{"rows cut at what is asked for", "hello, worldabcdefghijklmnopqrstuvwxyz012345#",
		 45, 44, "\" h e l l o ,   w o r l d\"..", "  " ROW_32 "..\n"},
		{"all", "hello, worldabcdefghijklmnopqrstuvwxyz012345\n", 45, UINT64_MAX,
		 "\" h e l l o ,   w o r l d\"..", "  " ROW_32 "\n  \\n\n"},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		/* The text is the same however it is split. */
		for (size_t first = 0; first <= rows[i].size; first++) {
			struct tcpshim_event event = {.data_total = rows[i].size};
			struct pieces pieces;

			split(&pieces, rows[i].bytes, rows[i].size, first,
			      (rows[i].size - first) / 2);
			event.data = pieces.vector;
			event.data_count = pieces.count;
			payload_preview(unit_begin(), &event, rows[i].data_bytes, 0x08043670);
			is_right &= unit_is_text(rows[i].does, unit_end(), rows[i].preview);
			payload_rows(unit_begin(), &event, rows[i].data_bytes);
			is_right &= unit_is_text(rows[i].does, unit_end(), rows[i].rows);
			join(&pieces);
		}
	}
	assert_true(is_right);
}

/* A vector that is larger than what was moved: the rest must not be shown. */
static void test_moved_less_than_asked(void **state)
{
	char bytes[] = "secret";
	struct iovec vector = {bytes, sizeof(bytes)};
	struct tcpshim_event event = {.data = &vector, .data_count = 1, .data_total = 3};

	(void)state;
	payload_preview(unit_begin(), &event, 12, 0);
	assert_string_equal(unit_end(), "\" s e c\"");
}

static void test_bound(void **state)
{
	static char bytes[5000];
	struct iovec vector = {bytes, sizeof(bytes)};

	(void)state;
	for (uint64_t total = 0; total < sizeof(bytes); total += total < 100 ? 1 : 97) {
		struct tcpshim_event event = {.data = &vector,
					      .data_count = 1,
					      .data_total = total};
		uint64_t asked[] = {0, 5, 12, 13, 44, 45, 1000, UINT64_MAX};

		for (size_t i = 0; i < COUNT(asked); i++) {
			payload_preview(unit_begin(), &event, asked[i], UINT64_MAX);
			payload_rows(&unit_buf, &event, asked[i]);
			assert_true(unit_buf.size <= payload_bound(&event, asked[i]));
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_payload),
		cmocka_unit_test(test_moved_less_than_asked),
		cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests_name("payload", tests, NULL, NULL);
}
