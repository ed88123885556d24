/*
 * Calls that receive bytes, and splice, which either receives or sends.
 *
 * watch_is_read is also true for an untraced descriptor if close-on-EOF acts on its end of stream.
 * Then before_read does nothing, and after_read takes the slow path only if the read returned 0.
 */
#include "interpose/export.h"
#include "sys/bypass.h"
#include "sys/hot.h"
#include "sys/portable.h"
#include "trace/fastpath.h"

/* A function apart from its wrapper: the wrapper only jumps, so if nothing is watched it makes no
 * stack frame. */
#define WATCHED HOT __attribute__((noinline))

static WATCHED ssize_t watched_read(int fd, void *buf, size_t size)
{
	struct call call;
	struct fastpath fastpath;

	if (!watch_is_read(&call, fd))
		return real.read(fd, buf, size);

	if (!call.is_eof_only && fastpath_enter(&fastpath, CALL_read, fd, buf, size, 0))
		return fastpath_leave(&fastpath, bypass_read(fd, buf, size));
	call_enter_read(&call, CALL_read, fd);
	call_integer(&call, fd);
	call_pointer(&call, buf);
	call_integer(&call, (int64_t)size);
	before_read(&call);
	ssize_t got = real.read(fd, buf, size);
	return (ssize_t)after_read(&call, got);
}

EXPORT HOT ssize_t read(int fd, void *buf, size_t size)
{
	if (!watch_is_on(fd) && config.policy.on_eof == POLICY_EOF_OFF)
		return real.read(fd, buf, size);
	return watched_read(fd, buf, size);
}

static WATCHED ssize_t watched_read_checked(int fd, void *buf, size_t size, size_t buf_size)
{
	struct call call;
	struct fastpath fastpath;

	if (!watch_is_read(&call, fd))
		return real.__read_chk(fd, buf, size, buf_size);

	if (!call.is_eof_only && fastpath_enter(&fastpath, CALL___read_chk, fd, buf, size, 0))
		return fastpath_leave(&fastpath, real.__read_chk(fd, buf, size, buf_size));
	call_enter_read(&call, CALL___read_chk, fd);
	call_integer(&call, fd);
	call_pointer(&call, buf);
	call_integer(&call, (int64_t)size);
	before_read(&call);
	ssize_t got = real.__read_chk(fd, buf, size, buf_size);
	return (ssize_t)after_read(&call, got);
}

EXPORT HOT ssize_t __read_chk(int fd, void *buf, size_t size, size_t buf_size)
{
	if (!watch_is_on(fd) && config.policy.on_eof == POLICY_EOF_OFF)
		return real.__read_chk(fd, buf, size, buf_size);
	return watched_read_checked(fd, buf, size, buf_size);
}

EXPORT ssize_t readv(int fd, const struct iovec *vector, int count)
{
	struct call call;

	if (!watch_is_read(&call, fd))
		return real.readv(fd, vector, count);

	call_enter_read(&call, CALL_readv, fd);
	call_integer(&call, fd);
	call_pointer(&call, vector);
	call_integer(&call, count);
	before_read(&call);
	ssize_t got = real.readv(fd, vector, count);
	return (ssize_t)after_read(&call, got);
}

/* libc's function for a position of 64 bits; on a 64-bit machine not every libc has both. */
static __typeof__(preadv64v2) *real_preadv(void)
{
#if __SIZEOF_LONG__ == 4
	return real.preadv64v2;
#else
	return real.preadv2;
#endif
}

static ssize_t read_at(enum tcpshim_call id, int fd, const struct iovec *vector, int count,
		       off64_t position, int flags)
{
	struct call call;

	if (!watch_is_read(&call, fd))
		return real_preadv()(fd, vector, count, position, flags);

	call_enter_read(&call, id, fd);
	call_integer(&call, fd);
	call_pointer(&call, vector);
	call_integer(&call, count);
	call_integer(&call, position);
	call_integer(&call, flags);
	before_read(&call);
	ssize_t got = real_preadv()(fd, vector, count, position, flags);
	return (ssize_t)after_read(&call, got);
}

#if defined(__i386__)
/* In glibc, the position has 32 bits; in musl it has two words, and the flags come after them. */
EXPORT ssize_t short_preadv2(int fd, const struct iovec *vector, int count, long first, long second,
			     long third) __asm__("preadv2");

ssize_t short_preadv2(int fd, const struct iovec *vector, int count, long first, long second,
		      long third)
{
	if (!portable_is_musl())
		return read_at(CALL_preadv2, fd, vector, count, first, (int)second);
	return ((__typeof__(preadv64v2) *)(void *)real.preadv2)(fd, vector, count,
								(off64_t)second << 32 |
									(unsigned long)first,
								(int)third);
}
#else
EXPORT ssize_t preadv2(int fd, const struct iovec *vector, int count, off_t position, int flags)
{
	return read_at(CALL_preadv2, fd, vector, count, position, flags);
}
#endif

EXPORT ssize_t preadv64v2(int fd, const struct iovec *vector, int count, off64_t position,
			  int flags)
{
	return read_at(CALL_preadv64v2, fd, vector, count, position, flags);
}

static WATCHED ssize_t watched_recv(int fd, void *buf, size_t size, int flags)
{
	struct call call;
	struct fastpath fastpath;

	if (!watch_is_read(&call, fd))
		return real.recv(fd, buf, size, flags);

	if (!call.is_eof_only && fastpath_enter(&fastpath, CALL_recv, fd, buf, size, flags))
		return fastpath_leave(&fastpath, bypass_recv(fd, buf, size, flags));
	call_enter_read(&call, CALL_recv, fd);
	call_integer(&call, fd);
	call_pointer(&call, buf);
	call_integer(&call, (int64_t)size);
	call_integer(&call, flags);
	before_read(&call);
	ssize_t got = real.recv(fd, buf, size, flags);
	return (ssize_t)after_read(&call, got);
}

EXPORT HOT ssize_t recv(int fd, void *buf, size_t size, int flags)
{
	if (!watch_is_on(fd) && config.policy.on_eof == POLICY_EOF_OFF)
		return real.recv(fd, buf, size, flags);
	return watched_recv(fd, buf, size, flags);
}

static WATCHED ssize_t watched_recv_checked(int fd, void *buf, size_t size, size_t buf_size,
					    int flags)
{
	struct call call;
	struct fastpath fastpath;

	if (!watch_is_read(&call, fd))
		return real.__recv_chk(fd, buf, size, buf_size, flags);

	if (!call.is_eof_only && fastpath_enter(&fastpath, CALL___recv_chk, fd, buf, size, flags))
		return fastpath_leave(&fastpath, real.__recv_chk(fd, buf, size, buf_size, flags));
	call_enter_read(&call, CALL___recv_chk, fd);
	call_integer(&call, fd);
	call_pointer(&call, buf);
	call_integer(&call, (int64_t)size);
	call_integer(&call, flags);
	before_read(&call);
	ssize_t got = real.__recv_chk(fd, buf, size, buf_size, flags);
	return (ssize_t)after_read(&call, got);
}

EXPORT HOT ssize_t __recv_chk(int fd, void *buf, size_t size, size_t buf_size, int flags)
{
	if (!watch_is_on(fd) && config.policy.on_eof == POLICY_EOF_OFF)
		return real.__recv_chk(fd, buf, size, buf_size, flags);
	return watched_recv_checked(fd, buf, size, buf_size, flags);
}

EXPORT ssize_t recvfrom(int fd, void *buf, size_t size, int flags, struct sockaddr *address,
			socklen_t *address_size)
{
	struct call call;

	if (!watch_is_read(&call, fd))
		return real.recvfrom(fd, buf, size, flags, address, address_size);

	call_enter_read(&call, CALL_recvfrom, fd);
	call_integer(&call, fd);
	call_pointer(&call, buf);
	call_integer(&call, (int64_t)size);
	call_integer(&call, flags);
	call_pointer(&call, address);
	call_pointer(&call, address_size);
	before_read(&call);
	ssize_t got = real.recvfrom(fd, buf, size, flags, address, address_size);
	return (ssize_t)after_read(&call, got);
}

EXPORT ssize_t __recvfrom_chk(int fd, void *buf, size_t size, size_t buf_size, int flags,
			      struct sockaddr *address, socklen_t *address_size)
{
	struct call call;

	if (!watch_is_read(&call, fd))
		return real.__recvfrom_chk(fd, buf, size, buf_size, flags, address, address_size);

	call_enter_read(&call, CALL___recvfrom_chk, fd);
	call_integer(&call, fd);
	call_pointer(&call, buf);
	call_integer(&call, (int64_t)size);
	call_integer(&call, flags);
	call_pointer(&call, address);
	call_pointer(&call, address_size);
	before_read(&call);
	ssize_t got = real.__recvfrom_chk(fd, buf, size, buf_size, flags, address, address_size);
	return (ssize_t)after_read(&call, got);
}

/* Classifies the descriptors that a message brought: a unix socket may pass descriptors even if it
 * is not watched itself. */
static ssize_t note_received(struct msghdr *message, ssize_t got)
{
	if (process_is_watching && got >= 0 && message->msg_controllen > 0)
		rights_received(message);
	return got;
}

static SHARED_BODY ssize_t receive_message(__typeof__(recvmsg) *const *real_recvmsg, int fd,
					   struct msghdr *message, int flags)
{
	struct call call;

	if (!watch_is_read(&call, fd))
		return note_received(message, (*real_recvmsg)(fd, message, flags));

	call_enter_read(&call, CALL_recvmsg, fd);
	call_integer(&call, fd);
	call_pointer(&call, message);
	call_integer(&call, flags);
	before_read(&call);
	ssize_t got = note_received(message, (*real_recvmsg)(fd, message, flags));
	return (ssize_t)after_read(&call, got);
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	return receive_message(&real.recvmsg, fd, message, flags);
}

static int note_received_many(struct mmsghdr *messages, int got)
{
	for (int i = 0; i < got; i++)
		note_received(&messages[i].msg_hdr, got);
	return got;
}

EXPORT int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
		    struct timespec *timeout)
{
	struct call call;

	if (!watch_is_read(&call, fd))
		return note_received_many(messages,
					  real.recvmmsg(fd, messages, count, flags, timeout));

	call_enter_read(&call, CALL_recvmmsg, fd);
	call_integer(&call, fd);
	call_pointer(&call, messages);
	call_integer(&call, count);
	call_integer(&call, flags);
	call_pointer(&call, timeout);
	before_read(&call);
	int got = note_received_many(messages, real.recvmmsg(fd, messages, count, flags, timeout));
	return (int)after_read_messages(&call, got);
}

#if __SIZEOF_LONG__ == 4
EXPORT ssize_t __recvmsg64(int fd, struct msghdr *message, int flags)
{
	return receive_message(&real.__recvmsg64, fd, message, flags);
}

EXPORT int __recvmmsg64(int fd, struct mmsghdr *messages, unsigned count, int flags,
			struct timespec64 *timeout)
{
	struct call call;

	if (!watch_is_read(&call, fd))
		return note_received_many(messages,
					  real.__recvmmsg64(fd, messages, count, flags, timeout));

	call_enter_read(&call, CALL_recvmmsg, fd);
	call_integer(&call, fd);
	call_pointer(&call, messages);
	call_integer(&call, count);
	call_integer(&call, flags);
	call_pointer(&call, timeout);
	before_read(&call);
	int got = note_received_many(messages,
				     real.__recvmmsg64(fd, messages, count, flags, timeout));
	return (int)after_read_messages(&call, got);
}
#endif

EXPORT ssize_t splice(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t size,
		      unsigned flags)
{
	struct call call;
	int fd = watch_is_on(to) && !watch_is_on(from) ? to : from;

	/* One end is a pipe, so at most one can be a connection. */
	if (!watch_is_read(&call, fd))
		return real.splice(from, from_offset, to, to_offset, size, flags);

	call_enter_read(&call, CALL_splice, fd);
	call_integer(&call, from);
	call_pointer(&call, from_offset);
	call_integer(&call, to);
	call_pointer(&call, to_offset);
	call_integer(&call, (int64_t)size);
	call_integer(&call, flags);
	before_read(&call);
	ssize_t moved = real.splice(from, from_offset, to, to_offset, size, flags);
	return (ssize_t)after_read(&call, moved);
}
