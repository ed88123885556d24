/*
 * stdio: what libc's stdio reads, writes and closes on a connection, narrow and wide, and what
 * takes its descriptor away: fclose, freopen. A file is not shown.
 */
#include "traced.h"

#include <wchar.h>

/* musl writes its buffer and what is new together. Its buffer begins with room for ungetc. */
#ifdef __GLIBC__
enum { UNGET_BYTES = 0 };
#else
enum { UNGET_BYTES = 8 };
#endif

/* Says what is written from the buffer; bytes as the trace shows them. */
static void say_written(int fd, const char *bytes, int size)
{
#ifdef __GLIBC__
	say("write(%d, %s, %d)\t= %d [stdio]", fd, bytes, size, size);
#else
	say("writev(%d, %s, 2)\t= %d [stdio]", fd, bytes, size);
#endif
}

static void narrow(void)
{
	char line[64];
	int ends[2];

	say_pair(ends);
	FILE *file = fdopen(ends[0], "r+");
	CHECK(file);
	say("fdopen(%d)\t= %s", ends[0], pointer(file));
	CHECK(fprintf(file, "hello %d\n", 42) == 9);
	CHECK(fflush(file) == 0);
	say_written(ends[0], "\" h e l l o   4 2\\n\"", 9);
	CHECK(write(ends[1], "one\ntwo\n", 8) == 8);
	say("write(%d, \" o n e\\n t w o\\n\", 8)\t= 8", ends[1]);
	setvbuf(file, line, _IOFBF, sizeof(line));
	char text[16];
	CHECK(fgets(text, sizeof(text), file) && strcmp(text, "one\n") == 0);
	say("read(%d, \" o n e\\n t w o\\n\", %d)\t= 8 [stdio]", ends[0], 64 - UNGET_BYTES);
	CHECK(fgets(text, sizeof(text), file) && strcmp(text, "two\n") == 0);
	CHECK(shutdown(ends[1], SHUT_WR) == 0);
	say("shutdown(%d, SHUT_WR)\t= 0", ends[1]);
	CHECK(!fgets(text, sizeof(text), file) && feof(file));
	say("read(%d, %s, %d)\t= 0 [stdio]", ends[0], pointer(line + UNGET_BYTES),
	    64 - UNGET_BYTES);
	CHECK(fputs("bye", file) >= 0);
	CHECK(fclose(file) == 0);
	say_written(ends[0], "\" b y e\"", 3);
	say("close(%d)\t= 0 [stdio]", ends[0]);
	say_close(ends[1]);
}

static void wide(void)
{
	int ends[2];

	say_pair(ends);
	FILE *file = fdopen(ends[0], "w");
	CHECK(file);
	say("fdopen(%d)\t= %s", ends[0], pointer(file));
	CHECK(fwide(file, 1) > 0 && fputws(L"wide\n", file) >= 0 && fflush(file) == 0);
	say_written(ends[0], "\" w i d e\\n\"", 5);
	say_close(ends[1]);
	/* freopen gives the number to the file. */
	FILE *again = freopen("/dev/null", "w", file);
	CHECK(again == file && fileno(file) == ends[0]);
	say("freopen(%d)\t= %s", ends[0], pointer(again));
	CHECK(fputs("not shown", file) >= 0 && fclose(file) == 0);
}

/* musl reads more than it was asked for, into its buffer, with the same call. */
static void ahead(void)
{
#ifndef __GLIBC__
	char text[8];
	int ends[2];

	say_pair(ends);
	FILE *file = fdopen(ends[0], "r");
	CHECK(file);
	say("fdopen(%d)\t= %s", ends[0], pointer(file));
	CHECK(write(ends[1], "one\ntwo\nend", 11) == 11);
	say("write(%d, \" o n e\\n t w o\\n e n d\", 11)\t= 11", ends[1]);
	CHECK(fread(text, 1, 8, file) == 8 && memcmp(text, "one\ntwo\n", 8) == 0);
	say("readv(%d, \" o n e\\n t w o\\n e n d\", 2)\t= 11 [stdio]", ends[0]);
	CHECK(fread(text, 1, 3, file) == 3 && memcmp(text, "end", 3) == 0);
	CHECK(fclose(file) == 0);
	say("close(%d)\t= 0 [stdio]", ends[0]);
	say_close(ends[1]);
#endif
}

/* The FILEs that every program has, on a connection. What is said is kept until standard output is
 * the file again. */
static void standard(void)
{
	static char line[64];
	char text[16];
	int ends[2];

	say_pair(ends);
	CHECK(fflush(stdout) == 0);
	int out = dup(STDOUT_FILENO);
	setvbuf(stdin, line, _IOFBF, sizeof(line));
	CHECK(dup2(ends[0], STDIN_FILENO) == STDIN_FILENO);
	CHECK(dup2(ends[0], STDOUT_FILENO) == STDOUT_FILENO);
	CHECK(fputs("out\n", stdout) >= 0 && fflush(stdout) == 0);
	CHECK(write(ends[1], "in\n", 3) == 3);
	CHECK(fgets(text, sizeof(text), stdin) && strcmp(text, "in\n") == 0);
	CHECK(dup2(out, STDOUT_FILENO) == STDOUT_FILENO);
	say("dup2(%d, 0)\t= 0", ends[0]);
	say("dup2(%d, 1)\t= 1", ends[0]);
	say_written(STDOUT_FILENO, "\" o u t\\n\"", 4);
	say("write(%d, \" i n\\n\", 3)\t= 3", ends[1]);
	say("read(0, \" i n\\n\", %d)\t= 3 [stdio]", 64 - UNGET_BYTES);
	say("dup2(%d, 1)\t= 1", out);
	CHECK(fclose(stdin) == 0);
	say("close(0)\t= 0 [stdio]");
	say_close(ends[0]);
	say_close(ends[1]);
	CHECK(close(out) == 0);
}

static void files(void)
{
	FILE *file = tmpfile();

	CHECK(file && fputs("not shown", file) >= 0 && fclose(file) == 0);
}

int main(void)
{
	deadline_set(30);
	narrow();
	wide();
	ahead();
	standard();
	files();
	return 0;
}
