/*
 * data: how the calls that move bytes are shown: the first 12 bytes in two columns each,
 * unprintable ones by escape or in hex, vectors joined, ".." if there are more; a pointer if
 * nothing was moved.
 */
#include "traced.h"

#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/uio.h>

/* The functions that fortified programs call. */
ssize_t __read_chk(int fd, void *buffer, size_t size, size_t room);
ssize_t __recv_chk(int fd, void *buffer, size_t size, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *buffer, size_t size, size_t room, int flags,
		       struct sockaddr *address, socklen_t *length);

static int out, in;
static char bytes[256];

static void plain(void)
{
	static const char odd[12] = "a\0\b\t\n\v\f\r\1\377\"\\";

	CHECK(write(out, "kodos", 5) == 5);
	say("write(%d, \" k o d o s\", 5)\t= 5", out);
	CHECK(read(in, bytes, 100) == 5);
	say("read(%d, \" k o d o s\", 100)\t= 5", in);
	CHECK(write(out, "kodos, are y", 12) == 12);
	say("write(%d, \" k o d o s ,   a r e   y\", 12)\t= 12", out);
	CHECK(read(in, bytes, 11) == 11);
	say("read(%d, \" k o d o s ,   a r e  \", 11)\t= 11", in);
	CHECK(__read_chk(in, bytes, 11, sizeof(bytes)) == 1);
	say("read(%d, \" y\", 11)\t= 1", in);
	CHECK(write(out, "kodos, are you there?\n", 22) == 22);
	say("write(%d, \" k o d o s ,   a r e   y\".., 22)\t= 22", out);
	CHECK(read(in, bytes, 1024 - 1000 + 100) == 22);
	say("read(%d, \" k o d o s ,   a r e   y\".., 124)\t= 22", in);
	CHECK(write(out, odd, sizeof(odd)) == sizeof(odd));
	say("write(%d, \" a\\0\\b\\t\\n\\v\\f\\r01FF \" \\\", 12)\t= 12", out);
	CHECK(read(in, bytes, sizeof(bytes)) == sizeof(odd));
	say("read(%d, \" a\\0\\b\\t\\n\\v\\f\\r01FF \" \\\", 256)\t= 12", in);
	CHECK(write(out, bytes, 0) == 0);
	say("write(%d, %s, 0)\t= 0", out, pointer(bytes));
	CHECK(read(in, bytes, 0) == 0);
	say("read(%d, %s, 0)\t= 0", in, pointer(bytes));
}

static void sends(void)
{
	struct sockaddr_in address = loopback(7);

	CHECK(send(out, "sent", 4, 0) == 4);
	say("send(%d, \" s e n t\", 4, 0)\t= 4", out);
	CHECK(send(out, "more", 4, MSG_NOSIGNAL | MSG_DONTWAIT) == 4);
	say("send(%d, \" m o r e\", 4, MSG_DONTWAIT|MSG_NOSIGNAL)\t= 4", out);
	CHECK(sendto(out, "to", 2, 0, NULL, 0) == 2);
	say("sendto(%d, \" t o\", 2, 0, 0x00000000, 0)\t= 2", out);
	CHECK(sendto(out, "to", 2, 0, (struct sockaddr *)&address, sizeof(address)) == 2);
	say("sendto(%d, \" t o\", 2, 0, 127.0.0.1:7, 16)\t= 2", out);
	CHECK(recv(in, bytes, 4, MSG_PEEK) == 4);
	say("recv(%d, \" s e n t\", 4, MSG_PEEK)\t= 4", in);
	CHECK(recv(in, bytes, 4, MSG_WAITALL) == 4);
	say("recv(%d, \" s e n t\", 4, MSG_WAITALL)\t= 4", in);
	CHECK(recvfrom(in, bytes, 4, 0, NULL, NULL) == 4);
	say("recvfrom(%d, \" m o r e\", 4, 0, 0x00000000, 0x00000000)\t= 4", in);
	CHECK(__recv_chk(in, bytes, 2, sizeof(bytes), 0) == 2);
	say("recv(%d, \" t o\", 2, 0)\t= 2", in);
	/* Discarded: nothing was written to the buffer. */
	CHECK(recv(in, bytes, 1, MSG_TRUNC) == 1);
	say("recv(%d, %s, 1, MSG_TRUNC)\t= 1", in, pointer(bytes));
	CHECK(__recvfrom_chk(in, bytes, 1, sizeof(bytes), 0, NULL, NULL) == 1);
	say("recvfrom(%d, \" o\", 1, 0, 0x00000000, 0x00000000)\t= 1", in);
	CHECK(recv(in, bytes, 10, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	say("recv(%d, %s, 10, MSG_DONTWAIT)\tErr#11 EAGAIN", in, pointer(bytes));
}

static void vectors(void)
{
	char some[3];
	char more[20];
	struct iovec from[3] = {{"ab", 2}, {NULL, 0}, {"cdefghijklmno", 13}};
	struct iovec to[2] = {{some, sizeof(some)}, {more, sizeof(more)}};
	struct msghdr message = {.msg_iov = from, .msg_iovlen = 3};
	struct mmsghdr messages[2] = {{.msg_hdr = {.msg_iov = &from[0], .msg_iovlen = 1}},
				      {.msg_hdr = {.msg_iov = &from[2], .msg_iovlen = 1}}};
	struct mmsghdr received[2] = {{.msg_hdr = {.msg_iov = &to[0], .msg_iovlen = 1}},
				      {.msg_hdr = {.msg_iov = &to[1], .msg_iovlen = 1}}};

	CHECK(writev(out, from, 2) == 2);
	say("writev(%d, \" a b\", 2)\t= 2", out);
	CHECK(writev(out, from, 3) == 15);
	say("writev(%d, \" a b c d e f g h i j k l\".., 3)\t= 15", out);
	CHECK(readv(in, to, 1) == 3);
	say("readv(%d, \" a b a\", 1)\t= 3", in);
	CHECK(readv(in, to, 2) == 14);
	say("readv(%d, \" b c d e f g h i j k l m\".., 2)\t= 14", in);

	CHECK(sendmsg(out, &message, MSG_NOSIGNAL) == 15);
	say("sendmsg(%d, \" a b c d e f g h i j k l\".., MSG_NOSIGNAL)\t= 15", out);
	message = (struct msghdr){.msg_iov = to, .msg_iovlen = 2};
	CHECK(recvmsg(in, &message, 0) == 15);
	say("recvmsg(%d, \" a b c d e f g h i j k l\".., 0)\t= 15", in);
	CHECK(sendmmsg(out, messages, 2, 0) == 2);
	say("sendmmsg(%d, \" a b c d e f g h i j k l\".., 2, 0)\t= 2", out);
	CHECK(recvmmsg(in, received, 2, MSG_DONTWAIT, NULL) == 2);
	say("recvmmsg(%d, \" a b c d e f g h i j k l\".., 2, MSG_DONTWAIT, 0x00000000)\t= 2", in);
	CHECK(recvmmsg(in, received, 2, MSG_DONTWAIT, NULL) < 0 && errno == EAGAIN);
	say("recvmmsg(%d, %s, 2, MSG_DONTWAIT, 0x00000000)\tErr#11 EAGAIN", in, pointer(received));
}

/* The kernel moves these bytes: the program never has them, and there is nothing to show. */
static void moved(void)
{
	off_t offset = 1;
	int pipe_fds[2];
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	CHECK(file >= 0);
	CHECK(sendfile(out, file, NULL, 4) == 4);
	say("sendfile(%d, %d, 0x00000000, 4)\t= 4", out, file);
	CHECK(sendfile(out, file, &offset, 3) == 3);
	say("sendfile(%d, %d, %s, 3)\t= 3", out, file, pointer(&offset));
	CHECK(pipe2(pipe_fds, O_CLOEXEC) == 0);
	CHECK(splice(in, NULL, pipe_fds[1], NULL, 100, SPLICE_F_MOVE) == 7);
	say("splice(%d, 0x00000000, %d, 0x00000000, 100, SPLICE_F_MOVE)\t= 7", in, pipe_fds[1]);
	CHECK(splice(pipe_fds[0], NULL, out, NULL, 100, SPLICE_F_MOVE | SPLICE_F_NONBLOCK) == 7);
	say("splice(%d, 0x00000000, %d, 0x00000000, 100, SPLICE_F_MOVE|SPLICE_F_NONBLOCK)\t= 7",
	    pipe_fds[0], out);
	CHECK(recv(in, bytes, 7, MSG_WAITALL) == 7);
	say("recv(%d, \"7F E L F E L F\", 7, MSG_WAITALL)\t= 7", in);
	CHECK(close(file) == 0 && close(pipe_fds[0]) == 0 && close(pipe_fds[1]) == 0);
}

static void write_from_handler(int signal_number)
{
	(void)signal_number;
	CHECK(write(out, "!", 1) == 1);
	say("write(%d, \" !\", 1)\t= 1", out);
}

/* Checks that a call is announced when it blocks, and printed whole when it is over. */
static void blocked(void)
{
	struct itimerval soon = {.it_value = {0, 100000}};

	handler_set(SIGALRM, write_from_handler, SA_RESTART);
	CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
	say_sleeping("read(%d, %s, 10)", in, pointer(bytes));
	CHECK(read(in, bytes, 10) == 1);
	say("read(%d, \" !\", 10)\t= 1", in);
	CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
	say_sleeping("recv(%d, %s, 10, 0)", in, pointer(bytes));
	CHECK(recv(in, bytes, 10, 0) == 1);
	say("recv(%d, \" !\", 10, 0)\t= 1", in);
}

static void ended(void)
{
	CHECK(shutdown(out, SHUT_WR) == 0);
	say("shutdown(%d, SHUT_WR)\t= 0", out);
	CHECK(send(out, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
	say("send(%d, %s, 1, MSG_NOSIGNAL)\tErr#32 EPIPE", out, pointer("x"));
	CHECK(read(in, bytes, 10) == 0);
	say("read(%d, %s, 10)\t= 0", in, pointer(bytes));
	CHECK(read(in, bytes, 10) == 0);
	say("read(%d, %s, 10)\t= 0", in, pointer(bytes));
}

int main(void)
{
	int ends[2];

	deadline_set(30);
	say_pair(ends);
	out = ends[0];
	in = ends[1];
	plain();
	sends();
	vectors();
	moved();
	blocked();
	ended();
	say_close(out);
	say_close(in);
	return 0;
}
