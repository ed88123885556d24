/*
 * Calls that move bytes.
 *
 * On a descriptor that is not watched, but whose end of stream a policy acts on, a read is made
 * first, and only one that returns 0 goes the long way.
 */
#include "core/direct.h"
#include "core/hot.h"
#include "core/quick.h"
#include "interpose/export.h"

#include <limits.h>

/* Apart from its wrapper, which makes no frame where nothing is watched: it only jumps. */
#define WATCHED HOT __attribute__((noinline))

static WATCHED ssize_t watched_read(int fd, void *buf, size_t size)
{
	struct call call;
	struct quick quick;
	ssize_t got = -1;

	if (!call_is_watched(fd)) {
		if (!call_ends_silently(&call, fd))
			return real.read(fd, buf, size);
		got = real.read(fd, buf, size);
		if (got != 0)
			return got;
	}

	if (got != 0 && quick_enter(&quick, CALL_read, fd, buf, size, 0))
		return quick_leave(&quick, direct_read(fd, buf, size));
	call_enter_read(&call, CALL_read, fd, got == 0);
	call_integer(&call, fd);
	call_pointer(&call, buf);
	call_integer(&call, (int64_t)size);
	call_begin(&call);
	if (got != 0)
		got = real.read(fd, buf, size);
	return call_leave(&call, got);
}

EXPORT HOT ssize_t read(int fd, void *buf, size_t size)
{
	if (!call_is_watched(fd) && config.policy.on_eof == POLICY_EOF_OFF)
		return real.read(fd, buf, size);
	return watched_read(fd, buf, size);
}

static WATCHED ssize_t watched_read_checked(int fd, void *buf, size_t size, size_t buf_size)
{
	struct call call;
	struct quick quick;
	ssize_t got = -1;

	if (!call_is_watched(fd)) {
		if (!call_ends_silently(&call, fd))
			return real.__read_chk(fd, buf, size, buf_size);
		got = real.__read_chk(fd, buf, size, buf_size);
		if (got != 0)
			return got;
	}

	if (got != 0 && quick_enter(&quick, CALL___read_chk, fd, buf, size, 0))
		return quick_leave(&quick, real.__read_chk(fd, buf, size, buf_size));
	call_enter_read(&call, CALL___read_chk, fd, got == 0);
	call_integer(&call, fd);
	call_pointer(&call, buf);
	call_integer(&call, (int64_t)size);
	call_begin(&call);
	if (got != 0)
		got = real.__read_chk(fd, buf, size, buf_size);
	return call_leave(&call, got);
}

EXPORT HOT ssize_t __read_chk(int fd, void *buf, size_t size, size_t buf_size)
{
	if (!call_is_watched(fd) && config.policy.on_eof == POLICY_EOF_OFF)
		return real.__read_chk(fd, buf, size, buf_size);
	return watched_read_checked(fd, buf, size, buf_size);
}

EXPORT ssize_t readv(int fd, const struct iovec *vector, int count)
{
	struct call call;
	ssize_t got = -1;

	if (!call_is_watched(fd)) {
		if (!call_ends_silently(&call, fd))
			return real.readv(fd, vector, count);
		got = real.readv(fd, vector, count);
		if (got != 0)
			return got;
	}

	call_enter_read(&call, CALL_readv, fd, got == 0);
	call_integer(&call, fd);
	call_pointer(&call, vector);
	call_integer(&call, count);
	call_begin(&call);
	if (got != 0)
		got = real.readv(fd, vector, count);
	return call_leave(&call, got);
}

static ssize_t read_at(enum tcpshim_call id, int fd, const struct iovec *vector, int count,
		       off_t position, int flags)
{
	struct call call;
	ssize_t got = -1;

	if (!call_is_watched(fd)) {
		if (!call_ends_silently(&call, fd))
			return real.preadv2(fd, vector, count, position, flags);
		got = real.preadv2(fd, vector, count, position, flags);
		if (got != 0)
			return got;
	}

	call_enter_read(&call, id, fd, got == 0);
	call_integer(&call, fd);
	call_pointer(&call, vector);
	call_integer(&call, count);
	call_integer(&call, position);
	call_integer(&call, flags);
	call_begin(&call);
	if (got != 0)
		got = real.preadv2(fd, vector, count, position, flags);
	return call_leave(&call, got);
}

EXPORT ssize_t preadv2(int fd, const struct iovec *vector, int count, off_t position, int flags)
{
	return read_at(CALL_preadv2, fd, vector, count, position, flags);
}

EXPORT ssize_t preadv64v2(int fd, const struct iovec *vector, int count, off64_t position,
			  int flags)
{
	return read_at(CALL_preadv64v2, fd, vector, count, position, flags);
}

static WATCHED ssize_t watched_recv(int fd, void *buf, size_t size, int flags)
{
	struct call call;
	struct quick quick;
	ssize_t got = -1;

	if (!call_is_watched(fd)) {
		if (!call_ends_silently(&call, fd))
			return real.recv(fd, buf, size, flags);
		got = real.recv(fd, buf, size, flags);
		if (got != 0)
			return got;
	}

	if (got != 0 && quick_enter(&quick, CALL_recv, fd, buf, size, flags))
		return quick_leave(&quick, direct_recv(fd, buf, size, flags));
	call_enter_read(&call, CALL_recv, fd, got == 0);
	call_integer(&call, fd);
	call_pointer(&call, buf);
	call_integer(&call, (int64_t)size);
	call_integer(&call, flags);
	call_begin(&call);
	if (got != 0)
		got = real.recv(fd, buf, size, flags);
	return call_leave(&call, got);
}

EXPORT HOT ssize_t recv(int fd, void *buf, size_t size, int flags)
{
	if (!call_is_watched(fd) && config.policy.on_eof == POLICY_EOF_OFF)
		return real.recv(fd, buf, size, flags);
	return watched_recv(fd, buf, size, flags);
}

static WATCHED ssize_t watched_recv_checked(int fd, void *buf, size_t size, size_t buf_size,
					    int flags)
{
	struct call call;
	struct quick quick;
	ssize_t got = -1;

	if (!call_is_watched(fd)) {
		if (!call_ends_silently(&call, fd))
			return real.__recv_chk(fd, buf, size, buf_size, flags);
		got = real.__recv_chk(fd, buf, size, buf_size, flags);
		if (got != 0)
			return got;
	}

	if (got != 0 && quick_enter(&quick, CALL___recv_chk, fd, buf, size, flags))
		return quick_leave(&quick, real.__recv_chk(fd, buf, size, buf_size, flags));
	call_enter_read(&call, CALL___recv_chk, fd, got == 0);
	call_integer(&call, fd);
	call_pointer(&call, buf);
	call_integer(&call, (int64_t)size);
	call_integer(&call, flags);
	call_begin(&call);
	if (got != 0)
		got = real.__recv_chk(fd, buf, size, buf_size, flags);
	return call_leave(&call, got);
}

EXPORT HOT ssize_t __recv_chk(int fd, void *buf, size_t size, size_t buf_size, int flags)
{
	if (!call_is_watched(fd) && config.policy.on_eof == POLICY_EOF_OFF)
		return real.__recv_chk(fd, buf, size, buf_size, flags);
	return watched_recv_checked(fd, buf, size, buf_size, flags);
}

EXPORT ssize_t recvfrom(int fd, void *buf, size_t size, int flags, struct sockaddr *address,
			socklen_t *address_size)
{
	struct call call;
	ssize_t got = -1;

	if (!call_is_watched(fd)) {
		if (!call_ends_silently(&call, fd))
			return real.recvfrom(fd, buf, size, flags, address, address_size);
		got = real.recvfrom(fd, buf, size, flags, address, address_size);
		if (got != 0)
			return got;
	}

	call_enter_read(&call, CALL_recvfrom, fd, got == 0);
	call_integer(&call, fd);
	call_pointer(&call, buf);
	call_integer(&call, (int64_t)size);
	call_integer(&call, flags);
	call_pointer(&call, address);
	call_pointer(&call, address_size);
	call_begin(&call);
	if (got != 0)
		got = real.recvfrom(fd, buf, size, flags, address, address_size);
	return call_leave(&call, got);
}

EXPORT ssize_t __recvfrom_chk(int fd, void *buf, size_t size, size_t buf_size, int flags,
			      struct sockaddr *address, socklen_t *address_size)
{
	struct call call;
	ssize_t got = -1;

	if (!call_is_watched(fd)) {
		if (!call_ends_silently(&call, fd))
			return real.__recvfrom_chk(fd, buf, size, buf_size, flags, address,
						   address_size);
		got = real.__recvfrom_chk(fd, buf, size, buf_size, flags, address, address_size);
		if (got != 0)
			return got;
	}

	call_enter_read(&call, CALL___recvfrom_chk, fd, got == 0);
	call_integer(&call, fd);
	call_pointer(&call, buf);
	call_integer(&call, (int64_t)size);
	call_integer(&call, flags);
	call_pointer(&call, address);
	call_pointer(&call, address_size);
	call_begin(&call);
	if (got != 0)
		got = real.__recvfrom_chk(fd, buf, size, buf_size, flags, address, address_size);
	return call_leave(&call, got);
}

/* A unix socket may bring descriptors, whether it is watched itself or not. */
static ssize_t received(struct msghdr *message, ssize_t got)
{
	if (process_is_watching && got >= 0 && message->msg_controllen > 0)
		call_received_descriptors(message);
	return got;
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	struct call call;
	ssize_t got = -1;

	if (!call_is_watched(fd)) {
		bool is_acted_on = call_ends_silently(&call, fd);

		got = received(message, real.recvmsg(fd, message, flags));
		if (got != 0 || !is_acted_on)
			return got;
	}

	call_enter_read(&call, CALL_recvmsg, fd, got == 0);
	call_integer(&call, fd);
	call_pointer(&call, message);
	call_integer(&call, flags);
	call_begin(&call);
	if (got != 0)
		got = received(message, real.recvmsg(fd, message, flags));
	return call_leave(&call, got);
}

static int received_many(struct mmsghdr *messages, int got)
{
	for (int i = 0; i < got; i++)
		received(&messages[i].msg_hdr, got);
	return got;
}

EXPORT int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
		    struct timespec *timeout)
{
	struct call call;
	int got = -1;

	if (!call_is_watched(fd)) {
		bool is_acted_on = call_ends_silently(&call, fd);

		got = received_many(messages, real.recvmmsg(fd, messages, count, flags, timeout));
		if (got < 0 || !is_acted_on)
			return got;
	}

	call_enter_read(&call, CALL_recvmmsg, fd, got >= 0);
	call_integer(&call, fd);
	call_pointer(&call, messages);
	call_integer(&call, count);
	call_integer(&call, flags);
	call_pointer(&call, timeout);
	call_begin(&call);
	if (got < 0)
		got = received_many(messages, real.recvmmsg(fd, messages, count, flags, timeout));
	return (int)call_leave(&call, got);
}

static WATCHED ssize_t watched_write(int fd, const void *buf, size_t size)
{
	struct call call;
	struct quick quick;

	if (quick_enter(&quick, CALL_write, fd, buf, size, 0))
		return quick_leave(&quick, direct_write(fd, buf, size));
	call_enter(&call, CALL_write, fd);
	call_integer(&call, fd);
	call_pointer(&call, buf);
	call_integer(&call, (int64_t)size);
	call_begin(&call);
	ssize_t sent = real.write(fd, buf, size);
	return call_leave(&call, sent);
}

EXPORT HOT ssize_t write(int fd, const void *buf, size_t size)
{
	if (!call_is_watched(fd))
		return real.write(fd, buf, size);
	return watched_write(fd, buf, size);
}

EXPORT ssize_t writev(int fd, const struct iovec *vector, int count)
{
	struct call call;

	if (!call_is_watched(fd))
		return real.writev(fd, vector, count);

	call_enter(&call, CALL_writev, fd);
	call_integer(&call, fd);
	call_pointer(&call, vector);
	call_integer(&call, count);
	call_begin(&call);
	ssize_t sent = real.writev(fd, vector, count);
	return call_leave(&call, sent);
}

static ssize_t write_at(enum tcpshim_call id, int fd, const struct iovec *vector, int count,
			off_t position, int flags)
{
	struct call call;

	if (!call_is_watched(fd))
		return real.pwritev2(fd, vector, count, position, flags);

	call_enter(&call, id, fd);
	call_integer(&call, fd);
	call_pointer(&call, vector);
	call_integer(&call, count);
	call_integer(&call, position);
	call_integer(&call, flags);
	call_begin(&call);
	ssize_t sent = real.pwritev2(fd, vector, count, position, flags);
	return call_leave(&call, sent);
}

EXPORT ssize_t pwritev2(int fd, const struct iovec *vector, int count, off_t position, int flags)
{
	return write_at(CALL_pwritev2, fd, vector, count, position, flags);
}

EXPORT ssize_t pwritev64v2(int fd, const struct iovec *vector, int count, off64_t position,
			   int flags)
{
	return write_at(CALL_pwritev64v2, fd, vector, count, position, flags);
}

static WATCHED ssize_t watched_send(int fd, const void *buf, size_t size, int flags)
{
	struct call call;
	struct quick quick;

	if (quick_enter(&quick, CALL_send, fd, buf, size, flags))
		return quick_leave(&quick, direct_send(fd, buf, size, flags));
	call_enter(&call, CALL_send, fd);
	call_integer(&call, fd);
	call_pointer(&call, buf);
	call_integer(&call, (int64_t)size);
	call_integer(&call, flags);
	call_begin(&call);
	ssize_t sent = real.send(fd, buf, size, flags);
	return call_leave(&call, sent);
}

EXPORT HOT ssize_t send(int fd, const void *buf, size_t size, int flags)
{
	if (!call_is_watched(fd))
		return real.send(fd, buf, size, flags);
	return watched_send(fd, buf, size, flags);
}

EXPORT ssize_t sendto(int fd, const void *buf, size_t size, int flags,
		      const struct sockaddr *address, socklen_t address_size)
{
	struct call call;

	if (!call_is_sending(fd, flags))
		return real.sendto(fd, buf, size, flags, address, address_size);

	call_enter(&call, CALL_sendto, fd);
	call_integer(&call, fd);
	call_pointer(&call, buf);
	call_integer(&call, (int64_t)size);
	call_integer(&call, flags);
	call_pointer(&call, address);
	call_integer(&call, address_size);
	call_begin(&call);
	ssize_t sent = real.sendto(fd, buf, size, flags, address, address_size);
	return call_leave(&call, sent);
}

/* A unix socket may take descriptors away to another process, whether it is watched itself or
 * not. */
static void pass(const struct msghdr *message)
{
	if (call_is_any_watched())
		call_passes_descriptors(message);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct call call;

	pass(message);
	if (!call_is_sending(fd, flags))
		return real.sendmsg(fd, message, flags);

	call_enter(&call, CALL_sendmsg, fd);
	call_integer(&call, fd);
	call_pointer(&call, message);
	call_integer(&call, flags);
	call_begin(&call);
	ssize_t sent = real.sendmsg(fd, message, flags);
	return call_leave(&call, sent);
}

static void pass_many(const struct mmsghdr *messages, unsigned count)
{
	for (unsigned i = 0; i < count && i < IOV_MAX; i++)
		pass(&messages[i].msg_hdr);
}

EXPORT int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	struct call call;

	pass_many(messages, count);
	if (!call_is_sending(fd, flags))
		return real.sendmmsg(fd, messages, count, flags);

	call_enter(&call, CALL_sendmmsg, fd);
	call_integer(&call, fd);
	call_pointer(&call, messages);
	call_integer(&call, count);
	call_integer(&call, flags);
	call_begin(&call);
	int sent = real.sendmmsg(fd, messages, count, flags);
	return (int)call_leave(&call, sent);
}

EXPORT ssize_t sendfile(int to, int from, off_t *offset, size_t size)
{
	struct call call;

	if (!call_is_watched(to))
		return real.sendfile(to, from, offset, size);

	call_enter(&call, CALL_sendfile, to);
	call_integer(&call, to);
	call_integer(&call, from);
	call_pointer(&call, offset);
	call_integer(&call, (int64_t)size);
	call_begin(&call);
	ssize_t sent = real.sendfile(to, from, offset, size);
	return call_leave(&call, sent);
}

EXPORT ssize_t sendfile64(int to, int from, off64_t *offset, size_t size)
{
	struct call call;

	if (!call_is_watched(to))
		return real.sendfile64(to, from, offset, size);

	call_enter(&call, CALL_sendfile64, to);
	call_integer(&call, to);
	call_integer(&call, from);
	call_pointer(&call, offset);
	call_integer(&call, (int64_t)size);
	call_begin(&call);
	ssize_t sent = real.sendfile64(to, from, offset, size);
	return call_leave(&call, sent);
}

EXPORT ssize_t splice(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t size,
		      unsigned flags)
{
	struct call call;
	ssize_t moved = -1;

	/* One end is a pipe: at most one can be a connection. */
	if (!call_is_watched(from) && !call_is_watched(to)) {
		if (!call_ends_silently(&call, from))
			return real.splice(from, from_offset, to, to_offset, size, flags);
		moved = real.splice(from, from_offset, to, to_offset, size, flags);
		if (moved != 0)
			return moved;
	}

	call_enter_read(&call, CALL_splice, moved == 0 || call_is_watched(from) ? from : to,
			moved == 0);
	call_integer(&call, from);
	call_pointer(&call, from_offset);
	call_integer(&call, to);
	call_pointer(&call, to_offset);
	call_integer(&call, (int64_t)size);
	call_integer(&call, flags);
	call_begin(&call);
	if (moved != 0)
		moved = real.splice(from, from_offset, to, to_offset, size, flags);
	return call_leave(&call, moved);
}
