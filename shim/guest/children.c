#include "guest/children.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/wait.h>

#include "guest/process.h"
#include "sys/raw.h"
#include "sys/restriction.h"

/* A word: end of use in microseconds << 16 | forks << 1 | answer. */
enum { FORKS_MASK = (1 << 15) - 1, UNTIL_SHIFT = 16, NS_PER_UNIT = 1000 };

uint64_t children_word(bool has_any, uint32_t forks, uint64_t now_ns, uint64_t took_ns)
{
	uint64_t until_ns = now_ns + took_ns * CHILDREN_REST;

	if (took_ns < CHILDREN_QUICK_NS)
		return 0;
	return until_ns / NS_PER_UNIT << UNTIL_SHIFT | (uint64_t)(forks & FORKS_MASK) << 1 |
	       has_any;
}

enum children_answer children_read(uint64_t word, uint32_t forks, uint64_t now_ns)
{
	if (now_ns / NS_PER_UNIT >= word >> UNTIL_SHIFT)
		return CHILDREN_UNKNOWN;
	return (word & 1) || (word >> 1 & FORKS_MASK) != (forks & FORKS_MASK) ? CHILDREN_MAYBE
									      : CHILDREN_NONE;
}

/* Returns whether /proc lists a child of this process, which has one thread. If /proc does not list
 * children, none is assumed. */
static bool has_listed_children(void)
{
	char first;
	long fd = raw_syscall4(SYS_openat, AT_FDCWD, (long)"/proc/thread-self/children",
			       O_RDONLY | O_CLOEXEC, 0);
	long size = 0;

	if (fd < 0)
		return false;
	size = raw_syscall3(SYS_read, fd, (long)&first, 1);
	raw_close((int)fd);
	return size > 0;
}

/* Asks the kernel; zombies count. Under a filter waitid may be fatal, unless threads or children
 * have been made: a filter that allows making them allows waiting for them. */
static bool has_children(void)
{
	siginfo_t info; /* NULL would work, but valgrind complains about it */

	if (restriction_is_inherited() && !process_may_have_threads() && process_forks() == 0)
		return has_listed_children();
	return raw_syscall6(SYS_waitid, P_ALL, 0, (long)&info, WEXITED | WNOHANG | WNOWAIT | __WALL,
			    0, 0) != -ECHILD;
}

/* Asks the kernel and measures how long the answer takes. */
static bool ask(uint64_t *now_ns, uint64_t *took_ns)
{
	uint64_t start_ns = process_now_ns();
	bool has_any = has_children();

	*now_ns = process_now_ns();
	*took_ns = *now_ns - start_ns;
	return has_any;
}

bool children_may_exist(void)
{
	static _Atomic uint64_t last;
	uint64_t word = atomic_load_explicit(&last, memory_order_relaxed), now_ns, took_ns,
		 again_ns;
	uint32_t forks = process_forks();
	enum children_answer answer = children_read(word, forks, process_now_ns());
	bool has_any;

	if (answer != CHILDREN_UNKNOWN)
		return answer == CHILDREN_MAYBE;
	has_any = ask(&now_ns, &took_ns);
	/* A single slow answer may only mean that this thread was interrupted: ask again. */
	if (took_ns >= CHILDREN_QUICK_NS) {
		has_any = ask(&now_ns, &again_ns);
		took_ns = 2 * (again_ns < took_ns ? again_ns : took_ns);
	}
	word = children_word(has_any, forks, now_ns, took_ns);
	if (word != atomic_load_explicit(&last, memory_order_relaxed))
		atomic_store_explicit(&last, word, memory_order_relaxed);
	return has_any;
}
