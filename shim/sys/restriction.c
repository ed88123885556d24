#include "sys/restriction.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>

#include "sys/raw.h"

static _Atomic int current;

/* Returns whether this process has a filter (proc(5)). Assumes none if /proc is missing. */
static bool has_filter(void)
{
	static const char name[] = "\nSeccomp:\t";
	static char text[4096]; /* too large for the stack; used in the constructor only */
	const char *found;
	long fd = raw_syscall4(SYS_openat, AT_FDCWD, (long)"/proc/self/status",
			       O_RDONLY | O_CLOEXEC, 0);
	long size;

	if (fd < 0)
		return false;
	size = raw_syscall3(SYS_read, fd, (long)text, sizeof(text) - 1);
	raw_close((int)fd);
	text[size > 0 ? size : 0] = '\0';
	found = strstr(text, name);
	return found && found[sizeof(name) - 1] != '0';
}

void restriction_detect(void)
{
	static bool is_detected;

	if (!is_detected && has_filter())
		restriction_set(RESTRICTION_INHERITED);
	is_detected = true;
}

enum restriction restriction_set(enum restriction restriction)
{
	return (enum restriction)atomic_exchange(&current, restriction);
}

bool restriction_is_inherited(void)
{
	return atomic_load_explicit(&current, memory_order_relaxed) >= RESTRICTION_INHERITED;
}

bool restriction_is_filter(void)
{
	return atomic_load_explicit(&current, memory_order_relaxed) >= RESTRICTION_FILTER;
}

bool restriction_is_strict(void)
{
	return atomic_load_explicit(&current, memory_order_relaxed) == RESTRICTION_STRICT;
}
