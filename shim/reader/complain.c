#include "reader/complain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader/printable.h"

enum { LINE_BYTES = 1024 };

void complain(const char *format, ...)
{
	char line[LINE_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	fputs("tcpshim: ", stderr);
	printable_write(stderr, line, strlen(line), PRINTABLE_LINE);
	putc('\n', stderr);
}

static void *or_end(void *memory, size_t size)
{
	if (!memory && size > 0) {
		complain("not enough memory: cannot allocate %zu bytes", size);
		exit(EXIT_OWN_FAILURE);
	}
	return memory;
}

void *allocate(size_t size)
{
	return or_end(malloc(size), size);
}

void *reallocate(void *memory, size_t size)
{
	return or_end(realloc(memory, size), size);
}

char *duplicate(const char *text)
{
	return or_end(strdup(text), strlen(text) + 1);
}
