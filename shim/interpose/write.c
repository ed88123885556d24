/* Calls that send bytes. */
#include <limits.h>

#include "interpose/export.h"
#include "sys/bypass.h"
#include "sys/hot.h"
#include "sys/portable.h"
#include "trace/fastpath.h"

/* A function apart from its wrapper: the wrapper only jumps, so if nothing is watched it makes no
 * stack frame. */
#define WATCHED HOT __attribute__((noinline))

static WATCHED ssize_t watched_write(int fd, const void *buf, size_t size)
{
	struct call call;
	struct fastpath fastpath;

	if (fastpath_enter(&fastpath, CALL_write, fd, buf, size, 0))
		return fastpath_leave(&fastpath, bypass_write(fd, buf, size));
	call_enter(&call, CALL_write, fd);
	call_integer(&call, fd);
	call_pointer(&call, buf);
	call_integer(&call, (int64_t)size);
	before_call(&call);
	ssize_t sent = real.write(fd, buf, size);
	return (ssize_t)after_call(&call, sent);
}

EXPORT HOT ssize_t write(int fd, const void *buf, size_t size)
{
	if (!watch_is_on(fd))
		return real.write(fd, buf, size);
	return watched_write(fd, buf, size);
}

EXPORT ssize_t writev(int fd, const struct iovec *vector, int count)
{
	struct call call;

	if (!watch_is_on(fd))
		return real.writev(fd, vector, count);

	call_enter(&call, CALL_writev, fd);
	call_integer(&call, fd);
	call_pointer(&call, vector);
	call_integer(&call, count);
	before_call(&call);
	ssize_t sent = real.writev(fd, vector, count);
	return (ssize_t)after_call(&call, sent);
}

/* libc's function for a position of 64 bits; on a 64-bit machine not every libc has both. */
static __typeof__(pwritev64v2) *real_pwritev(void)
{
#if __SIZEOF_LONG__ == 4
	return real.pwritev64v2;
#else
	return real.pwritev2;
#endif
}

static ssize_t write_at(enum tcpshim_call id, int fd, const struct iovec *vector, int count,
			off64_t position, int flags)
{
	struct call call;

	if (!watch_is_on(fd))
		return real_pwritev()(fd, vector, count, position, flags);

	call_enter(&call, id, fd);
	call_integer(&call, fd);
	call_pointer(&call, vector);
	call_integer(&call, count);
	call_integer(&call, position);
	call_integer(&call, flags);
	before_call(&call);
	ssize_t sent = real_pwritev()(fd, vector, count, position, flags);
	return (ssize_t)after_call(&call, sent);
}

#if defined(__i386__)
/* As preadv2 in read.c. */
EXPORT ssize_t short_pwritev2(int fd, const struct iovec *vector, int count, long first,
			      long second, long third) __asm__("pwritev2");

ssize_t short_pwritev2(int fd, const struct iovec *vector, int count, long first, long second,
		       long third)
{
	if (!portable_is_musl())
		return write_at(CALL_pwritev2, fd, vector, count, first, (int)second);
	return ((__typeof__(pwritev64v2) *)(void *)real.pwritev2)(fd, vector, count,
								  (off64_t)second << 32 |
									  (unsigned long)first,
								  (int)third);
}
#else
EXPORT ssize_t pwritev2(int fd, const struct iovec *vector, int count, off_t position, int flags)
{
	return write_at(CALL_pwritev2, fd, vector, count, position, flags);
}
#endif

EXPORT ssize_t pwritev64v2(int fd, const struct iovec *vector, int count, off64_t position,
			   int flags)
{
	return write_at(CALL_pwritev64v2, fd, vector, count, position, flags);
}

static WATCHED ssize_t watched_send(int fd, const void *buf, size_t size, int flags)
{
	struct call call;
	struct fastpath fastpath;

	if (fastpath_enter(&fastpath, CALL_send, fd, buf, size, flags))
		return fastpath_leave(&fastpath, bypass_send(fd, buf, size, flags));
	call_enter(&call, CALL_send, fd);
	call_integer(&call, fd);
	call_pointer(&call, buf);
	call_integer(&call, (int64_t)size);
	call_integer(&call, flags);
	before_call(&call);
	ssize_t sent = real.send(fd, buf, size, flags);
	return (ssize_t)after_call(&call, sent);
}

EXPORT HOT ssize_t send(int fd, const void *buf, size_t size, int flags)
{
	if (!watch_is_on(fd))
		return real.send(fd, buf, size, flags);
	return watched_send(fd, buf, size, flags);
}

EXPORT ssize_t sendto(int fd, const void *buf, size_t size, int flags,
		      const struct sockaddr *address, socklen_t address_size)
{
	struct call call;

	if (!watch_is_sending(fd, flags))
		return real.sendto(fd, buf, size, flags, address, address_size);

	call_enter(&call, CALL_sendto, fd);
	call_integer(&call, fd);
	call_pointer(&call, buf);
	call_integer(&call, (int64_t)size);
	call_integer(&call, flags);
	call_pointer(&call, address);
	call_integer(&call, address_size);
	before_call(&call);
	ssize_t sent = real.sendto(fd, buf, size, flags, address, address_size);
	return (ssize_t)after_call(&call, sent);
}

/* Notes the descriptors that a message passes to another process: a unix socket may pass
 * descriptors even if it is not watched itself. */
static void note_sent(const struct msghdr *message)
{
	if (watch_is_any())
		rights_sent(message);
}

static SHARED_BODY ssize_t send_message(__typeof__(sendmsg) *const *real_sendmsg, int fd,
					const struct msghdr *message, int flags)
{
	struct call call;

	note_sent(message);
	if (!watch_is_sending(fd, flags))
		return (*real_sendmsg)(fd, message, flags);

	call_enter(&call, CALL_sendmsg, fd);
	call_integer(&call, fd);
	call_pointer(&call, message);
	call_integer(&call, flags);
	before_call(&call);
	ssize_t sent = (*real_sendmsg)(fd, message, flags);
	return (ssize_t)after_call(&call, sent);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	return send_message(&real.sendmsg, fd, message, flags);
}

static void note_sent_many(const struct mmsghdr *messages, unsigned count)
{
	for (unsigned i = 0; i < count && i < IOV_MAX; i++)
		note_sent(&messages[i].msg_hdr);
}

static SHARED_BODY int send_messages(__typeof__(sendmmsg) *const *real_sendmmsg, int fd,
				     struct mmsghdr *messages, unsigned count, int flags)
{
	struct call call;

	note_sent_many(messages, count);
	if (!watch_is_sending(fd, flags))
		return (*real_sendmmsg)(fd, messages, count, flags);

	call_enter(&call, CALL_sendmmsg, fd);
	call_integer(&call, fd);
	call_pointer(&call, messages);
	call_integer(&call, count);
	call_integer(&call, flags);
	before_call(&call);
	int sent = (*real_sendmmsg)(fd, messages, count, flags);
	return (int)after_call(&call, sent);
}

EXPORT int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	return send_messages(&real.sendmmsg, fd, messages, count, flags);
}

#if __SIZEOF_LONG__ == 4
EXPORT ssize_t __sendmsg64(int fd, const struct msghdr *message, int flags)
{
	return send_message(&real.__sendmsg64, fd, message, flags);
}

EXPORT int __sendmmsg64(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	return send_messages(&real.__sendmmsg64, fd, messages, count, flags);
}
#endif

EXPORT ssize_t sendfile(int to, int from, off_t *offset, size_t size)
{
	struct call call;

	if (!watch_is_on(to))
		return real.sendfile(to, from, offset, size);

	call_enter(&call, CALL_sendfile, to);
	call_integer(&call, to);
	call_integer(&call, from);
	call_pointer(&call, offset);
	call_integer(&call, (int64_t)size);
	before_call(&call);
	ssize_t sent = real.sendfile(to, from, offset, size);
	return (ssize_t)after_call(&call, sent);
}

EXPORT ssize_t sendfile64(int to, int from, off64_t *offset, size_t size)
{
	struct call call;

	if (!watch_is_on(to))
		return real.sendfile64(to, from, offset, size);

	call_enter(&call, CALL_sendfile64, to);
	call_integer(&call, to);
	call_integer(&call, from);
	call_pointer(&call, offset);
	call_integer(&call, (int64_t)size);
	before_call(&call);
	ssize_t sent = real.sendfile64(to, from, offset, size);
	return (ssize_t)after_call(&call, sent);
}
