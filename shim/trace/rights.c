#include "trace/rights.h"

#include <string.h>

#include "conn/conn.h"
#include "conn/fdtable.h"
#include "guest/memory.h"
#include "guest/process.h"
#include "guest/thread.h"
#include "settings/config.h"
#include "trace/classify.h"
#include "trace/descriptor.h"

/* Classifies a connection that came from another process if there are policies, so that they apply
 * at once. */
static void note_received(int fd)
{
	char frame;

	if (policy_is_any(&config.policy) && thread_raise_guard(&frame)) {
		classify_descriptor(fd, process_now_ns());
		thread_lower_guard();
	}
}

static void note_passed(int fd)
{
	struct conn *conn = conn_acquire(fdtable_load(fd));

	if (!conn)
		return;
	atomic_fetch_or(&conn->flags, CONN_FLAG_PASSED);
	conn_release(conn);
}

/* Calls note for each descriptor in the message's control data. */
static void for_each_descriptor(const struct msghdr *message, void (*note)(int fd))
{
	const struct cmsghdr *header = CMSG_FIRSTHDR(message);

	for (; header; header = CMSG_NXTHDR((struct msghdr *)message, (struct cmsghdr *)header)) {
		size_t count;

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
		    header->cmsg_len < CMSG_LEN(0))
			continue;
		count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof(fd), sizeof(fd));
			note(fd);
		}
	}
}

enum {
	MOST_CONTROL_BYTES = CMSG_SPACE(253 * sizeof(int)) + 64
}; /* SCM_MAX_FD descriptors, and some more */

void rights_sent(const struct msghdr *message)
{
	uint64_t now_ns = process_now_ns();
	char control[MOST_CONTROL_BYTES] __attribute__((aligned(8)));
	struct msghdr copy;

	if (!memory_copy_all(&copy, message, sizeof(copy), now_ns) || copy.msg_controllen == 0 ||
	    !process_is_itself())
		return;
	copy.msg_controllen =
		memory_copy(control, copy.msg_control,
			    copy.msg_controllen < sizeof(control) ? copy.msg_controllen
								  : sizeof(control),
			    now_ns);
	copy.msg_control = control;
	for_each_descriptor(&copy, note_passed);
}

static void note_replaced(int fd)
{
	descriptor_replace(fd, FD_UNKNOWN);
	note_received(fd);
}

void rights_received(const struct msghdr *message)
{
	if (process_is_itself())
		for_each_descriptor(message, note_replaced);
}
