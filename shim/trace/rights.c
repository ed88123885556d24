#include "trace/rights.h"

#include <string.h>

#include "conn/conn.h"
#include "conn/fdtable.h"
#include "guest/memory.h"
#include "guest/process.h"
#include "guest/thread.h"
#include "settings/config.h"
#include "sys/message.h"
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

/* Calls note for each descriptor in a message's control data. */
static void for_each_descriptor(const uint8_t *control, size_t size, void (*note)(int fd))
{
	struct cmsghdr header;

	while (size >= sizeof(header)) {
		size_t length;

		memcpy(&header, control, sizeof(header));
		length = message_size(header.cmsg_len);
		if (length < sizeof(header) || length > size)
			return;
		for (size_t at = CMSG_LEN(0);
		     header.cmsg_level == SOL_SOCKET && header.cmsg_type == SCM_RIGHTS &&
		     at + sizeof(int) <= length;
		     at += sizeof(int)) {
			int fd;

			memcpy(&fd, control + at, sizeof(fd));
			note(fd);
		}
		length = CMSG_ALIGN(length);
		if (length > size)
			return;
		control += length;
		size -= length;
	}
}

enum {
	MOST_CONTROL_BYTES = CMSG_SPACE(253 * sizeof(int)) + 64
}; /* SCM_MAX_FD descriptors, and some more */

void rights_sent(const struct msghdr *message)
{
	uint64_t now_ns = process_now_ns();
	uint8_t control[MOST_CONTROL_BYTES];
	struct msghdr copy;
	size_t size;

	if (!memory_copy_all(&copy, message, sizeof(copy), now_ns))
		return;
	size = message_size(copy.msg_controllen);
	if (size == 0 || !process_is_itself())
		return;
	size = size < sizeof(control) ? size : sizeof(control);
	for_each_descriptor(control, memory_copy(control, copy.msg_control, size, now_ns),
			    note_passed);
}

static void note_replaced(int fd)
{
	descriptor_replace(fd, FD_UNKNOWN);
	note_received(fd);
}

void rights_received(const struct msghdr *message)
{
	if (process_is_itself())
		for_each_descriptor(message->msg_control, message_size(message->msg_controllen),
				    note_replaced);
}
