/* prctl(): calls by which the program restricts itself. What the library will need is done
 * before. */
#include <linux/seccomp.h>
#include <stdarg.h>

#include "interpose/export.h"
#include "sys/clock.h"
#include "trace/lockdown.h"

/* Makes a prctl. list: its four other arguments. */
static int confine(__typeof__(prctl) *real_prctl, int option, va_list list)
{
	enum restriction before = RESTRICTION_NONE, wanted = RESTRICTION_NONE;
	unsigned long a = va_arg(list, unsigned long), b = va_arg(list, unsigned long);
	unsigned long c = va_arg(list, unsigned long), d = va_arg(list, unsigned long);
	int result;

	if (option == PR_SET_TSC && a == PR_TSC_SIGSEGV)
		clock_forbid_counter();
	else if (option == PR_SET_SECCOMP)
		wanted = a == SECCOMP_MODE_STRICT ? RESTRICTION_STRICT : RESTRICTION_FILTER;
	/* The child of vfork is filtered, but its parent is not. */
	if (wanted == RESTRICTION_NONE || !process_is_watching || !process_is_itself())
		return real_prctl(option, a, b, c, d);
	before = lockdown_begin(wanted);
	result = real_prctl(option, a, b, c, d);
	lockdown_end(before, result == 0);
	return result;
}

EXPORT int prctl(int option, ...)
{
	va_list list;
	int result;

	va_start(list, option);
	result = confine(real.prctl, option, list);
	va_end(list);
	return result;
}

#if __SIZEOF_LONG__ == 4
EXPORT int __prctl_time64(int option, ...)
{
	va_list list;
	int result;

	va_start(list, option);
	result = confine(real.__prctl_time64, option, list);
	va_end(list);
	return result;
}
#endif
