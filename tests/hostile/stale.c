/*
 * stale: descriptors closed where the library does not see it; their numbers come back as files.
 *
 * Hazard: stale entries.  A close by a raw instruction is invisible.  If the number returns as a
 * new connection, the library must drop the old one and report that, and must keep the calls of the
 * two apart.  If it returns as a file, the file must work as usual.
 */
#include "hostile.h"

#include "sys/raw.h" /* raw_close: past the library */

int main(void)
{
	char bytes[700];
	uint16_t port;
	int ends[2];

	deadline_set(30);
	int listener = tcp_listen(&port);
	tcp_pair(ends);
	/* The lowest number is free: it was the pair's listener. */
	CHECK(open("/dev/null", O_RDONLY) >= 0);
	marks_write(ends[0], 600, 1);
	CHECK(raw_close(ends[0]) == 0);
	int again = tcp_connect(port);
	CHECK(again == ends[0]);
	/* Seen here in socket(), which returns the number, and below by the first ENOTSOCK. */
	expect("=", 2, "\\[closed-unseen\\]$");
	marks_write(again, 611, 1);
	CHECK(close(again) == 0);
	/* The bytes of the old connection are not counted for the new one. */
	expect("=", 1, "[^0-9]611[^0-9].*\\[closed-first\\]$");
	expect("=", 0, "[^0-9]1211[^0-9]");

	int accepted = accept(listener, NULL, NULL);
	CHECK(accepted >= 0);
	CHECK(raw_close(accepted) == 0);
	int file = open("/proc/self/exe", O_RDONLY);
	CHECK(file == accepted);
	CHECK(read(file, bytes, 4) == 4 && memcmp(bytes, "\177ELF", 4) == 0);
	CHECK(lseek(file, 0, SEEK_CUR) == 4);
	CHECK(recv(file, bytes, 4, 0) == -1 && errno == ENOTSOCK);
	CHECK(read(file, bytes, 700) == 700);
	CHECK(close(file) == 0);
	return 0;
}
