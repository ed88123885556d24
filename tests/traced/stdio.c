/*
 * stdio: what libc's stdio reads, writes and closes on a connection, narrow and wide, and what
 * takes its descriptor away: fclose, freopen. A file is not shown.
 */
#include "traced.h"

#include <wchar.h>

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
	say("write(%d, \" h e l l o   4 2\\n\", 9)\t= 9 [stdio]", ends[0]);
	CHECK(write(ends[1], "one\ntwo\n", 8) == 8);
	say("write(%d, \" o n e\\n t w o\\n\", 8)\t= 8", ends[1]);
	setvbuf(file, line, _IOFBF, sizeof(line));
	char text[16];
	CHECK(fgets(text, sizeof(text), file) && strcmp(text, "one\n") == 0);
	say("read(%d, \" o n e\\n t w o\\n\", 64)\t= 8 [stdio]", ends[0]);
	CHECK(fgets(text, sizeof(text), file) && strcmp(text, "two\n") == 0);
	CHECK(shutdown(ends[1], SHUT_WR) == 0);
	say("shutdown(%d, SHUT_WR)\t= 0", ends[1]);
	CHECK(!fgets(text, sizeof(text), file) && feof(file));
	say("read(%d, %s, 64)\t= 0 [stdio]", ends[0], pointer(line));
	CHECK(fputs("bye", file) >= 0);
	CHECK(fclose(file) == 0);
	say("write(%d, \" b y e\", 3)\t= 3 [stdio]", ends[0]);
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
	say("write(%d, \" w i d e\\n\", 5)\t= 5 [stdio]", ends[0]);
	say_close(ends[1]);
	/* freopen gives the number to the file. */
	FILE *again = freopen("/dev/null", "w", file);
	CHECK(again == file && fileno(file) == ends[0]);
	say("freopen(%d)\t= %s", ends[0], pointer(again));
	CHECK(fputs("not shown", file) >= 0 && fclose(file) == 0);
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
	files();
	return 0;
}
