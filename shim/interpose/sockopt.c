/* Calls that read or change the properties of a descriptor. */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdarg.h>

#include "interpose/export.h"

EXPORT int getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	struct call call;

	if (!watch_is_on(fd))
		return real.getsockopt(fd, level, name, value, size);

	call_enter(&call, CALL_getsockopt, fd);
	call_integer(&call, fd);
	call_integer(&call, level);
	call_integer(&call, name);
	call_pointer(&call, value);
	call_pointer(&call, size);
	before_call(&call);
	int result = real.getsockopt(fd, level, name, value, size);
	return (int)after_call(&call, result);
}

EXPORT int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	struct call call;

	if (!watch_is_setting(fd))
		return real.setsockopt(fd, level, name, value, size);

	call_enter(&call, CALL_setsockopt, fd);
	call_integer(&call, fd);
	call_integer(&call, level);
	call_integer(&call, name);
	call_pointer(&call, value);
	call_integer(&call, size);
	input_copy_all(&call);
	if (level == IPPROTO_TCP && name == TCP_REPAIR)
		tcpinfo_expect_repair();
	int result = before_is_left_out(&call) ? 0 : real.setsockopt(fd, level, name, value, size);
	return (int)after_call(&call, result);
}

EXPORT int getsockname(int fd, struct sockaddr *address, socklen_t *size)
{
	struct call call;

	if (!watch_is_on(fd))
		return real.getsockname(fd, address, size);

	call_enter(&call, CALL_getsockname, fd);
	call_integer(&call, fd);
	call_pointer(&call, address);
	call_pointer(&call, size);
	before_call(&call);
	int result = real.getsockname(fd, address, size);
	return (int)after_call(&call, result);
}

EXPORT int getpeername(int fd, struct sockaddr *address, socklen_t *size)
{
	struct call call;

	if (!watch_is_on(fd))
		return real.getpeername(fd, address, size);

	call_enter(&call, CALL_getpeername, fd);
	call_integer(&call, fd);
	call_pointer(&call, address);
	call_pointer(&call, size);
	before_call(&call);
	int result = real.getpeername(fd, address, size);
	return (int)after_call(&call, result);
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	struct call call;
	va_list list;
	void *value;

	va_start(list, request);
	value = va_arg(list, void *);
	va_end(list);
	if (!watch_is_on(fd))
		return real.ioctl(fd, request, value);

	call_enter(&call, CALL_ioctl, fd);
	call_integer(&call, fd);
	call_integer(&call, (int64_t)request);
	call_pointer(&call, value);
	input_copy_all(&call);
	int result = real.ioctl(fd, request, value);
	return (int)after_call(&call, result);
}
