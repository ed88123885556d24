/*
 * traced.h: for programs that print the trace that they expect of themselves.
 *
 * Each call is followed by say("CALL\tRESULT", ...), which prints the line as it must be in the
 * trace, without time stamps and notes.  The result begins at column 48, reached by tabs of 8, or
 * after one blank if the call is longer.  say_sleeping("CALL") prints the announcement of a call
 * that blocks, with its mark at column 32.  The runner (tests/e2e/expect.bats) compares all of it
 * with the trace of the same run.
 */
#ifndef TRACED_H
#define TRACED_H

#include "../hostile/hostile.h"

/* Returns a pointer as the trace shows it, for "%s"; valid until the fourth call after. */
HELPER const char *pointer(const void *address)
{
	static char texts[4][32];
	static unsigned next;
	char *text = texts[next++ % COUNT_OF(texts)];

	snprintf(text, sizeof(texts[0]), "0x%08lX", (unsigned long)address);
	return text;
}

HELPER void say_padded(const char *call, size_t column, const char *result)
{
	char line[1024];
	size_t columns = strlen(call);

	CHECK(columns + strlen(result) + 10 < sizeof(line));
	char *end = stpcpy(line, call);
	if (columns >= column)
		*end++ = column == 48 ? ' ' : '\t';
	for (; columns < column; columns = columns / 8 * 8 + 8)
		*end++ = '\t';
	end = stpcpy(end, result);
	*end++ = '\n';
	CHECK(fwrite(line, 1, (size_t)(end - line), stdout) == (size_t)(end - line));
}

HELPER __attribute__((format(printf, 1, 2))) void say(const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	char *result = strchr(text, '\t');
	CHECK(result);
	*result = '\0';
	say_padded(text, 48, result + 1);
}

HELPER __attribute__((format(printf, 1, 2))) void say_sleeping(const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	say_padded(text, 32, "(sleeping...)");
}

/* Closes fd and says the call. */
HELPER void say_close(int fd)
{
	CHECK(close(fd) == 0);
	say("close(%d)\t= 0", fd);
}

/* Makes a connection and says the calls: [0] connected, [1] accepted; returns [0]'s port. */
HELPER uint16_t say_pair(int ends[2])
{
	struct sockaddr_in address = loopback(0);
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	say("socket(AF_INET, SOCK_STREAM, IPPROTO_IP)\t= %d", listener);
	CHECK(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
	say("bind(%d, 127.0.0.1:0, 16)\t= 0", listener);
	CHECK(listen(listener, 8) == 0);
	say("listen(%d, 8)\t= 0", listener);
	CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
	say("getsockname(%d, 127.0.0.1:%u, [16])\t= 0", listener, ntohs(address.sin_port));
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	say("socket(AF_INET, SOCK_STREAM, IPPROTO_IP)\t= %d", ends[0]);
	CHECK(connect(ends[0], (struct sockaddr *)&address, sizeof(address)) == 0);
	say("connect(%d, 127.0.0.1:%u, 16)\t= 0", ends[0], ntohs(address.sin_port));
	ends[1] = accept(listener, (struct sockaddr *)&address, &length);
	CHECK(ends[1] >= 0);
	say("accept(%d, 127.0.0.1:%u, [16])\t= %d", listener, ntohs(address.sin_port), ends[1]);
	say_close(listener);
	return ntohs(address.sin_port);
}

#endif
