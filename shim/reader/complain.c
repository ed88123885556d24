#include "reader/complain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader/printable.h"

enum { LINE_BYTES = 1024 };

static const char *speaker = "tcpshim";

void complain_as(const char *name)
{
	speaker = name;
}

static void __attribute__((format(printf, 1, 0))) say(const char *format, va_list arguments)
{
	char line[LINE_BYTES];

	vsnprintf(line, sizeof(line), format, arguments);
	fprintf(stderr, "%s: ", speaker);
	printable_write(stderr, line, strlen(line), PRINTABLE_LINE);
	putc('\n', stderr);
}

void complain(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(format, arguments);
	va_end(arguments);
}

void refuse(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(format, arguments);
	va_end(arguments);
	exit(EXIT_USAGE);
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
