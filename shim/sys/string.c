/*
 * string: the functions of <string.h> that the library uses, under libc's names, hidden.
 *
 * A call of libc's memcpy goes to whatever the program has in front of it. A program built with
 * ThreadSanitizer has functions of its own there, which fail before its runtime has started, that
 * is, in our constructor, and in a thread that it did not make, and which would report accesses of
 * the library as races of the program. The compiler too makes calls of memcpy, memset and memcmp;
 * the linker binds all of them here.
 * Pure. Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#pragma GCC visibility push(hidden)
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#ifndef STRING_NAME /* the unit test gives them other names */
#define STRING_NAME(name) name
#endif

/* In a loop that a compiler would replace by a call of the function that it is in. */
#define NOT_A_PATTERN() __asm__ volatile("")

/* From this size on, the processor's own loop is as fast as any. */
enum { LONG_BYTES = 256 };

/* Memory of any type, at any address. */
typedef uint64_t word __attribute__((may_alias, aligned(1)));
typedef uint32_t half __attribute__((may_alias, aligned(1)));

/* The parts of up to 32 bytes overlap, and all of them are read before the first is written. */
static inline void copy_up_to_16(uint8_t *to, const uint8_t *from, size_t size)
{
	if (size >= 8) {
		word first = *(const word *)from, last = *(const word *)(from + size - 8);

		*(word *)to = first;
		*(word *)(to + size - 8) = last;
	} else if (size >= 4) {
		half first = *(const half *)from, last = *(const half *)(from + size - 4);

		*(half *)to = first;
		*(half *)(to + size - 4) = last;
	} else if (size > 0) {
		uint8_t first = from[0], middle = from[size / 2], last = from[size - 1];

		to[0] = first;
		to[size / 2] = middle;
		to[size - 1] = last;
	}
}

static inline void copy_up_to_32(uint8_t *to, const uint8_t *from, size_t size)
{
	word a = *(const word *)from, b = *(const word *)(from + 8);
	word c = *(const word *)(from + size - 16), d = *(const word *)(from + size - 8);

	*(word *)to = a;
	*(word *)(to + 8) = b;
	*(word *)(to + size - 16) = c;
	*(word *)(to + size - 8) = d;
}

/* Copies from the first byte to the last. Right for a destination that overlaps the source, if it
 * begins before it. */
static inline void copy_forward(uint8_t *to, const uint8_t *from, size_t size)
{
#if defined(__x86_64__) || defined(__i386__)
	if (size >= LONG_BYTES) {
		__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
		return;
	}
#endif
	for (; size > 16; size -= 8, to += 8, from += 8) {
		*(word *)to = *(const word *)from;
		NOT_A_PATTERN();
	}
	copy_up_to_16(to, from, size);
}

static void copy_backward(uint8_t *to, const uint8_t *from, size_t size)
{
	for (; size > 16; size -= 8) {
		*(word *)(to + size - 8) = *(const word *)(from + size - 8);
		NOT_A_PATTERN();
	}
	copy_up_to_16(to, from, size);
}

void *STRING_NAME(memcpy)(void *restrict to, const void *restrict from, size_t size)
{
	if (size <= 16)
		copy_up_to_16(to, from, size);
	else if (size <= 32)
		copy_up_to_32(to, from, size);
	else
		copy_forward(to, from, size);
	return to;
}

void *STRING_NAME(memmove)(void *to, const void *from, size_t size)
{
	if ((uintptr_t)to - (uintptr_t)from >= size)
		copy_forward(to, from, size);
	else
		copy_backward(to, from, size);
	return to;
}

void *STRING_NAME(memset)(void *to, int byte, size_t size)
{
	uint8_t *at = to;

#if defined(__x86_64__) || defined(__i386__)
	if (size >= LONG_BYTES) {
		__asm__ volatile("rep stosb" : "+D"(at), "+c"(size) : "a"(byte) : "memory");
		return to;
	}
#endif
	for (; size >= 8; size -= 8, at += 8) {
		*(word *)at = UINT64_C(0x0101010101010101) * (uint8_t)byte;
		NOT_A_PATTERN();
	}
	for (; size > 0; size--, at++) {
		*at = (uint8_t)byte;
		NOT_A_PATTERN();
	}
	return to;
}

int STRING_NAME(memcmp)(const void *a, const void *b, size_t size)
{
	const uint8_t *left = a, *right = b;

	for (; size >= 8 && *(const word *)left == *(const word *)right;
	     size -= 8, left += 8, right += 8)
		NOT_A_PATTERN();
	for (; size > 0; size--, left++, right++) {
		if (*left != *right)
			return *left < *right ? -1 : 1;
		NOT_A_PATTERN();
	}
	return 0;
}

/* What clang makes of a memcmp where only equality counts. */
int STRING_NAME(bcmp)(const void *a, const void *b, size_t size)
{
	return STRING_NAME(memcmp)(a, b, size);
}

void *STRING_NAME(memchr)(const void *from, int byte, size_t size)
{
	const uint8_t *at = from;

	for (; size > 0; size--, at++) {
		if (*at == (uint8_t)byte)
			return (void *)(uintptr_t)at;
		NOT_A_PATTERN();
	}
	return NULL;
}

void *STRING_NAME(memrchr)(const void *from, int byte, size_t size)
{
	const uint8_t *at = from;

	while (size > 0) {
		if (at[--size] == (uint8_t)byte)
			return (void *)(uintptr_t)(at + size);
		NOT_A_PATTERN();
	}
	return NULL;
}

void *STRING_NAME(memmem)(const void *from, size_t size, const void *part, size_t part_size)
{
	const uint8_t *at = from;

	for (; size >= part_size; size--, at++)
		if (STRING_NAME(memcmp)(at, part, part_size) == 0)
			return (void *)(uintptr_t)at;
	return NULL;
}

size_t STRING_NAME(strnlen)(const char *text, size_t most)
{
	size_t size = 0;

	while (size < most && text[size]) {
		size++;
		NOT_A_PATTERN();
	}
	return size;
}

size_t STRING_NAME(strlen)(const char *text)
{
	return STRING_NAME(strnlen)(text, SIZE_MAX);
}

int STRING_NAME(strncmp)(const char *a, const char *b, size_t most)
{
	for (; most > 0; most--, a++, b++) {
		if (*a != *b)
			return (uint8_t)*a < (uint8_t)*b ? -1 : 1;
		if (!*a)
			break;
		NOT_A_PATTERN();
	}
	return 0;
}

int STRING_NAME(strcmp)(const char *a, const char *b)
{
	return STRING_NAME(strncmp)(a, b, SIZE_MAX);
}

char *STRING_NAME(strchr)(const char *text, int byte)
{
	for (; *text != (char)byte; text++) {
		if (!*text)
			return NULL;
		NOT_A_PATTERN();
	}
	return (char *)(uintptr_t)text;
}

char *STRING_NAME(strrchr)(const char *text, int byte)
{
	return STRING_NAME(memrchr)(text, byte, STRING_NAME(strlen)(text) + 1);
}

char *STRING_NAME(strstr)(const char *text, const char *part)
{
	return STRING_NAME(memmem)(text, STRING_NAME(strlen)(text), part,
				   STRING_NAME(strlen)(part));
}
