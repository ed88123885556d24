/*
 * repair_close: a socket under TCP_REPAIR is closed, as a migrated container's is.
 *
 * Hazard: such a close sends nothing: the connection just vanishes here.  A note that reports a
 * FIN, or TIME_WAIT, is false.
 */
#include "hostile.h"

int main(void)
{
	struct pollfd waited = {.events = POLLIN};
	int ends[2], on = 1;

	deadline_set(30);
	tcp_pair(ends);
	four_marks(ends[0], 501);
	CHECK(setsockopt(ends[0], IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) == 0);
	CHECK(close(ends[0]) == 0);
	waited.fd = ends[1];
	CHECK(poll(&waited, 1, 100) == 1);
	/* Only what was sent before arrives, and then neither an end nor an error. */
	char bytes[4096];

	CHECK(recv(ends[1], bytes, 501 + 502 + 503 + 504, MSG_WAITALL) == 501 + 502 + 503 + 504);
	CHECK(recv(ends[1], bytes, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	waited.revents = 0;
	CHECK(poll(&waited, 1, 100) == 0);
	expect(">=", 1, "^close\\(%d\\)[[:blank:]]+= 0$", ends[0]);
	expect("=", 0, "^\t.* fd %d.*(FIN|TIME_WAIT)", ends[0]);
	expect("=", 0, "^\t.* fd %d.*\\[closed-(first|after-peer)\\]$", ends[0]);
	return 0;
}
