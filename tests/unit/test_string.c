/* The library's own string functions, under other names, against libc's. */
#include "unit.h"

#include <stdlib.h>
#include <strings.h>

#define OWN(name) own_##name
#define STRING_NAME OWN
void *own_memcpy(void *to, const void *from, size_t size);
void *own_memmove(void *to, const void *from, size_t size);
void *own_memset(void *to, int byte, size_t size);
int own_memcmp(const void *a, const void *b, size_t size);
int own_bcmp(const void *a, const void *b, size_t size);
void *own_memchr(const void *from, int byte, size_t size);
void *own_memrchr(const void *from, int byte, size_t size);
void *own_memmem(const void *from, size_t size, const void *part, size_t part_size);
size_t own_strnlen(const char *text, size_t most);
size_t own_strlen(const char *text);
int own_strncmp(const char *a, const char *b, size_t most);
int own_strcmp(const char *a, const char *b);
char *own_strchr(const char *text, int byte);
char *own_strrchr(const char *text, int byte);
char *own_strstr(const char *text, const char *part);
#include "sys/string.c"

enum { ROOM = 2048, MOST = 600 };

static uint8_t source[ROOM], mine[ROOM], libcs[ROOM];

static void fill(void)
{
	for (unsigned i = 0; i < ROOM; i++)
		source[i] = (uint8_t)(random() & 0xff);
	memcpy(mine, source, ROOM);
	memcpy(libcs, source, ROOM);
}

static void test_copies(void **state)
{
	(void)state;
	for (size_t size = 0; size < MOST; size++)
		for (unsigned at = 0; at < 9; at++) {
			fill();
			assert_ptr_equal(own_memcpy(mine + 700 + at, source + 3 * at, size),
					 mine + 700 + at);
			memcpy(libcs + 700 + at, source + 3 * at, size);
			assert_memory_equal(mine, libcs, ROOM);
		}
}

static void test_moves(void **state)
{
	static const int shifts[] = {0,  1,  2,  3,   7,   8,   9,   15,  16,   17,
				     31, 33, 63, 64,  65,  255, 256, -1,  -2,   -3,
				     -7, -8, -9, -15, -16, -17, -31, -33, -256, -300};

	(void)state;
	for (size_t size = 0; size < MOST; size++)
		for (unsigned i = 0; i < COUNT(shifts); i++) {
			fill();
			own_memmove(mine + 700 + shifts[i], mine + 700, size);
			memmove(libcs + 700 + shifts[i], libcs + 700, size);
			assert_memory_equal(mine, libcs, ROOM);
		}
}

static void test_sets(void **state)
{
	(void)state;
	for (size_t size = 0; size < MOST; size++) {
		fill();
		own_memset(mine + 13, (int)size - 300, size);
		memset(libcs + 13, (int)size - 300, size);
		assert_memory_equal(mine, libcs, ROOM);
	}
}

static int sign(int value)
{
	return (value > 0) - (value < 0);
}

/* Few different bytes, so that there is much to find. */
static void scatter(char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		text[i] = "ab\x80\xff"[random() % 4];
	text[size] = '\0';
}

static void test_comparisons_and_searches(void **state)
{
	char text[80], other[80];

	(void)state;
	for (unsigned round = 0; round < 100000; round++) {
		size_t size = (size_t)random() % 40, other_size = (size_t)random() % 40, part;
		int byte = "ab\x80\xff\0z"[random() % 6] + (random() % 2 ? 256 : 0);

		scatter(text, size);
		scatter(other, other_size);
		if (random() % 2)
			memcpy(other, text, (size_t)random() % (other_size + 1));
		part = (size_t)random() % 4;
		assert_int_equal(own_strlen(text), strlen(text));
		assert_int_equal(own_strnlen(text, part * 9), strnlen(text, part * 9));
		assert_int_equal(sign(own_strcmp(text, other)), sign(strcmp(text, other)));
		assert_int_equal(sign(own_strncmp(text, other, part)),
				 sign(strncmp(text, other, part)));
		assert_int_equal(sign(own_memcmp(text, other, size)),
				 sign(memcmp(text, other, size)));
		assert_int_equal(own_bcmp(text, other, size) != 0, bcmp(text, other, size) != 0);
		assert_ptr_equal(own_strchr(text, byte), strchr(text, byte));
		assert_ptr_equal(own_strrchr(text, byte), strrchr(text, byte));
		assert_ptr_equal(own_memchr(text, byte, size), memchr(text, byte, size));
		assert_ptr_equal(own_memrchr(text, byte, size), memrchr(text, byte, size));
		assert_ptr_equal(own_memmem(text, size, other, part),
				 memmem(text, size, other, part));
		other[part] = '\0';
		assert_ptr_equal(own_strstr(text, other), strstr(text, other));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_comparisons_and_searches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
