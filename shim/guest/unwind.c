#include "guest/unwind.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "sys/portable.h"

/* The functions of the C++ ABI, declared here because <unwind.h> may be libunwind's. */
enum { CONTINUE_UNWIND = 8 };
typedef int personality(int version, int actions, uint64_t class, void *exception, void *context);
typedef void resume(void *exception);

/* NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the names are the ABI's
 */
personality __gcc_personality_v0;
resume _Unwind_Resume;

static _Atomic(resume *) real_resume;
static _Atomic(personality *) real_personality;

/* Stores both functions or neither, so that a landing pad that was entered can also be left. */
static personality *find(int mode)
{
	personality *found = atomic_load(&real_personality);
	void *library = found ? NULL : portable_open("libgcc_s.so.1", RTLD_LAZY | mode);

	if (library) {
		resume *found_resume = (resume *)portable_symbol(library, "_Unwind_Resume");

		found = (personality *)portable_symbol(library, "__gcc_personality_v0");
		if (!found || !found_resume)
			return NULL;
		atomic_store(&real_resume, found_resume);
		atomic_store(&real_personality, found);
	}
	return found;
}

void unwind_find(void)
{
	find(0);
}

/* Decides about a frame of this library. Runs while the thread is unwound, so libgcc_s is only
 * looked up, not loaded. */
int __gcc_personality_v0(int version, int actions, uint64_t class, void *exception, void *context)
{
	personality *found = find(RTLD_NOLOAD);

	return found ? found(version, actions, class, exception, context) : CONTINUE_UNWIND;
}

/* Continues unwinding at the end of a landing pad, which only the real personality enters. */
void _Unwind_Resume(void *exception)
{
	resume *found = atomic_load(&real_resume);

	found(exception);
	__builtin_unreachable();
}
/* NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming) */
