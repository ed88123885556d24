/* prctl(): calls by which the program restricts itself. What the library will need is done
 * before. */
#include <linux/seccomp.h>
#include <stdarg.h>

#include "interpose/export.h"
#include "sys/clock.h"
#include "trace/lockdown.h"

EXPORT int prctl(int option, ...)
{
	enum restriction before = RESTRICTION_NONE, wanted = RESTRICTION_NONE;
	unsigned long a, b, c, d;
	va_list list;
	int result;

	va_start(list, option);
	a = va_arg(list, unsigned long);
	b = va_arg(list, unsigned long);
	c = va_arg(list, unsigned long);
	d = va_arg(list, unsigned long);
	va_end(list);
	if (option == PR_SET_TSC && a == PR_TSC_SIGSEGV)
		clock_forbid_counter();
	else if (option == PR_SET_SECCOMP)
		wanted = a == SECCOMP_MODE_STRICT ? RESTRICTION_STRICT : RESTRICTION_FILTER;
	/* The child of vfork is filtered, but its parent is not. */
	if (wanted == RESTRICTION_NONE || !process_is_watching || !process_is_itself())
		return real.prctl(option, a, b, c, d);
	before = lockdown_begin(wanted);
	result = real.prctl(option, a, b, c, d);
	lockdown_end(before, result == 0);
	return result;
}
