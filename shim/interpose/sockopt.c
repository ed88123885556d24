/* Calls that read or change the properties of a descriptor. */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdarg.h>

#include "interpose/export.h"

static SHARED_BODY int get_option(__typeof__(getsockopt) *const *real_getsockopt, int fd, int level,
				  int name, void *value, socklen_t *size)
{
	struct call call;

	if (!watch_is_on(fd))
		return (*real_getsockopt)(fd, level, name, value, size);

	call_enter(&call, CALL_getsockopt, fd);
	call_integer(&call, fd);
	call_integer(&call, level);
	call_integer(&call, name);
	call_pointer(&call, value);
	call_pointer(&call, size);
	before_call(&call);
	int result = (*real_getsockopt)(fd, level, name, value, size);
	return (int)after_call(&call, result);
}

EXPORT int getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	return get_option(&real.getsockopt, fd, level, name, value, size);
}

static SHARED_BODY int set_option(__typeof__(setsockopt) *const *real_setsockopt, int fd, int level,
				  int name, const void *value, socklen_t size)
{
	struct call call;

	if (!watch_is_setting(fd))
		return (*real_setsockopt)(fd, level, name, value, size);

	call_enter(&call, CALL_setsockopt, fd);
	call_integer(&call, fd);
	call_integer(&call, level);
	call_integer(&call, name);
	call_pointer(&call, value);
	call_integer(&call, size);
	input_copy_all(&call);
	if (level == IPPROTO_TCP && name == TCP_REPAIR)
		tcpinfo_expect_repair();
	int result = before_is_left_out(&call) ? 0
					       : (*real_setsockopt)(fd, level, name, value, size);
	return (int)after_call(&call, result);
}

EXPORT int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	return set_option(&real.setsockopt, fd, level, name, value, size);
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

static SHARED_BODY int ioctl_call(__typeof__(ioctl) *const *real_ioctl, int fd,
				  unsigned long request, void *value)
{
	struct call call;

	if (!watch_is_on(fd))
		return (*real_ioctl)(fd, request, value);

	call_enter(&call, CALL_ioctl, fd);
	call_integer(&call, fd);
	call_integer(&call, (int64_t)request);
	call_pointer(&call, value);
	input_copy_all(&call);
	int result = (*real_ioctl)(fd, request, value);
	return (int)after_call(&call, result);
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	void *value;

	va_start(list, request);
	value = va_arg(list, void *);
	va_end(list);
	return ioctl_call(&real.ioctl, fd, request, value);
}

#if __SIZEOF_LONG__ == 4
EXPORT int __getsockopt64(int fd, int level, int name, void *value, socklen_t *size)
{
	return get_option(&real.__getsockopt64, fd, level, name, value, size);
}

EXPORT int __setsockopt64(int fd, int level, int name, const void *value, socklen_t size)
{
	return set_option(&real.__setsockopt64, fd, level, name, value, size);
}

EXPORT int __ioctl_time64(int fd, unsigned long request, ...)
{
	va_list list;
	void *value;

	va_start(list, request);
	value = va_arg(list, void *);
	va_end(list);
	return ioctl_call(&real.__ioctl_time64, fd, request, value);
}
#endif
