/*
 * padded_messages: messages whose structures were filled with ones before their fields were set.
 *
 * Hazard: what a structure has between its fields (I4).  In musl, msg_iovlen, msg_controllen and
 * cmsg_len are followed by 32 bits that are part of these fields in glibc, and may hold anything.
 * A library that takes them for a part of the size counts vectors and descriptors that are not
 * there.
 */
#include "hostile.h"

#include <sys/uio.h>

static char in[2][8];
static const struct iovec out_vector[2] = {{"abc", 3}, {"defgh", 5}};
static const struct iovec in_vector[2] = {{in[0], 3}, {in[1], 5}};

static struct msghdr padded(const struct iovec *vector, unsigned count)
{
	struct msghdr message;

	memset(&message, 0xff, sizeof(message));
	message.msg_name = NULL;
	message.msg_namelen = 0;
	message.msg_iov = (struct iovec *)(uintptr_t)vector;
	message.msg_iovlen = count;
	message.msg_control = NULL;
	message.msg_controllen = 0;
	message.msg_flags = 0;
	return message;
}

static void bytes(const int ends[2])
{
	struct mmsghdr messages[2];
	struct msghdr message = padded(out_vector, 2);

	CHECK(sendmsg(ends[0], &message, 0) == 8);
	expect("=", 1, "^sendmsg\\(%d, \" a b c d e f g h\", 0\\)[[:blank:]]+= 8$", ends[0]);
	message = padded(in_vector, 2);
	CHECK(recvmsg(ends[1], &message, MSG_WAITALL) == 8);
	expect("=", 1, "^recvmsg\\(%d, \" a b c d e f g h\", MSG_WAITALL\\)[[:blank:]]+= 8$",
	       ends[1]);

	memset(messages, 0xff, sizeof(messages));
	messages[0].msg_hdr = padded(out_vector, 2);
	messages[1].msg_hdr = padded(out_vector, 1);
	CHECK(sendmmsg(ends[0], messages, 2, 0) == 2);
	expect("=", 1, "^sendmmsg\\(%d, .* a b c d e f g h a b c.*, 2, 0\\)[[:blank:]]+= 2$",
	       ends[0]);
	sleep_ms(20);
	messages[0].msg_hdr = padded(in_vector, 2);
	messages[1].msg_hdr = padded(in_vector, 2);
	CHECK(recvmmsg(ends[1], messages, 2, 0, NULL) == 2);
	CHECK(messages[0].msg_len == 8 && messages[1].msg_len == 3);
}

/* The second header in the control data is beyond its end: it is not one. */
static void pass(int channel, int fd, int other)
{
	union {
		char bytes[2 * CMSG_SPACE(sizeof(int))];
		struct cmsghdr header;
	} control;
	const struct iovec vector = {"p", 1};
	struct msghdr message = padded(&vector, 1);
	struct cmsghdr *header = &control.header;

	memset(&control, 0xff, sizeof(control));
	for (unsigned i = 0; i < 2; i++) {
		header->cmsg_len = CMSG_LEN(sizeof(int));
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(header), i == 0 ? &fd : &other, sizeof(fd));
		header = (struct cmsghdr *)(void *)(control.bytes + CMSG_SPACE(sizeof(int)));
	}
	message.msg_control = control.bytes;
	message.msg_controllen = CMSG_SPACE(sizeof(int));
	CHECK(sendmsg(channel, &message, 0) == 1);
}

static int receive(int channel)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr header;
	} control;
	char byte;
	const struct iovec vector = {&byte, 1};
	struct msghdr message = padded(&vector, 1);
	int fd;

	memset(&control, 0xff, sizeof(control));
	message.msg_control = control.bytes;
	message.msg_controllen = sizeof(control.bytes);
	CHECK(recvmsg(channel, &message, 0) == 1);
	CHECK(control.header.cmsg_type == SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

int main(void)
{
	int ends[2], channel[2], copy;

	deadline_set(30);
	tcp_pair(ends);
	bytes(ends);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, channel) == 0);
	pass(channel[0], ends[0], ends[1]);
	copy = receive(channel[1]);
	four_marks(copy, 501);
	CHECK(close(copy) == 0);
	/* Another process may have it: it was passed on. The other was not. */
	CHECK(close(ends[0]) == 0);
	expect("=", 1, "^\t- fd %d.*\\[closed-shared\\]$", ends[0]);
	CHECK(close(ends[1]) == 0);
	expect("=", 0, "^\t- fd %d.*\\[closed-shared\\]$", ends[1]);
	return 0;
}
