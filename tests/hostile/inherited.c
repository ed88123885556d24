/*
 * inherited: sockets that the program did not open: passed by exec, and over a unix socket.
 *
 * Hazard: exec, inherited sockets.  exec loses state, but not sockets: they must be recognised when
 * they are first used, once per descriptor, and be traced from then on.  A socket that comes over a
 * unix socket may have a number that was a file's, closed where the library does not see it.
 */
#include "hostile.h"

static int serve(void)
{
	char bytes[16];
	int fd = accept(3, NULL, NULL);

	CHECK(fd >= 0);
	CHECK(recv(fd, bytes, 9, MSG_WAITALL) == 9);
	CHECK(read(4, bytes, 6) == 6);
	CHECK(read(4, bytes, 6) == 6);
	CHECK(close(fd) == 0);
	CHECK(close(4) == 0);
	return 0;
}

static void pass(int channel, int fd)
{
	char byte = 'f';
	struct iovec vector = {&byte, 1};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr header;
	} control = {0};
	struct msghdr message = {.msg_iov = &vector,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};

	control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
					  .cmsg_level = SOL_SOCKET,
					  .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	CHECK(sendmsg(channel, &message, 0) == 1);
}

static int receive(int channel)
{
	char byte;
	int fd;
	struct iovec vector = {&byte, 1};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr header;
	} control;
	struct msghdr message = {.msg_iov = &vector,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};

	CHECK(recvmsg(channel, &message, 0) == 1);
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

int main(int argc, char **argv)
{
	uint16_t port;
	int channel[2];
	int ends[2];

	deadline_set(30);
	if (argc == 2)
		return serve();

	int listener = tcp_listen(&port);
	tcp_pair(ends);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		dup2(ends[1], 20);
		dup2(listener, 21);
		dup2(21, 3);
		dup2(20, 4);
		closefrom(5);
		execl("/proc/self/exe", argv[0], "serve", NULL);
		_exit(1);
	}
	int client = tcp_connect(port);
	CHECK(write(client, "inherited", 9) == 9);
	CHECK(write(ends[0], "passed", 6) == 6);
	CHECK(write(ends[0], "passed", 6) == 6);
	child_succeeds(pid);
	expect_of(pid, "=", 1, "^accept\\(3, .*[[:blank:]]= [0-9]+( |$)");
	expect_of(pid, "=", 1,
		  "^recv\\([0-9]+, \" i n h e r i t e d\", 9, MSG_WAITALL\\)[[:blank:]]+= 9$");
	expect_of(pid, "=", 2, "^read\\(4, \" p a s s e d\", 6\\)[[:blank:]]+= 6$");
	expect_of(pid, "=", 1, "fd 4 .*\\[adopted\\]$");

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, channel) == 0);
	tcp_pair(ends);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		closefrom(channel[1] + 1); /* the connection among them */
		FILE *file = fopen("/proc/self/exe", "r");
		int number = fileno(file);
		char byte;

		CHECK(read(number, &byte, 1) == 1); /* known as a file from here on */
		CHECK(fclose(file) == 0);
		int fd = receive(channel[1]);
		CHECK(fd == number);

		four_marks(fd, 501);
		expect("=", 1, "\\[adopted\\]$");
		_exit(0);
	}
	pass(channel[0], ends[0]);
	child_succeeds(pid);
	/* The unix socket is not traced. */
	expect("=", 0, "^(sendmsg|socketpair|recvmsg)\\(");
	return 0;
}
