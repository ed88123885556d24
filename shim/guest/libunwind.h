/*
 * libunwind: the part of libunwind's binary interface that stack.c uses (libunwind.so.8).
 *
 * Declared here, so that the library is built without libunwind's headers, which are different for
 * each machine and rarely there for another one.
 * Context: the capture of a stack. Locks: none. Errno: untouched.
 */
#ifndef GUEST_LIBUNWIND_H
#define GUEST_LIBUNWIND_H

#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#if defined(__x86_64__)
#define LIBUNWIND_LOCAL(name) "_ULx86_64_" name
#define LIBUNWIND_GETCONTEXT "_Ux86_64_getcontext"
enum { LIBUNWIND_REG_IP = 16 }; /* RIP */
#elif defined(__aarch64__)
#define LIBUNWIND_LOCAL(name) "_ULaarch64_" name
enum { LIBUNWIND_REG_IP = 30 }; /* X30 */
#elif defined(__i386__)
#define LIBUNWIND_LOCAL(name) "_ULx86_" name
#define LIBUNWIND_GETCONTEXT "getcontext" /* libc's, which libunwind needs */
enum { LIBUNWIND_REG_IP = 8 }; /* EIP */
#else
#error "add the names and the register for this machine here, from its libunwind-MACHINE.h"
#endif

enum { LIBUNWIND_CACHE_NONE = 0 };

/* At least as large as the machine's unw_cursor_t: 2000 bytes on arm64. */
struct libunwind_cursor {
	uint64_t words[512];
};

/* unw_context_t is the same as ucontext_t, as far as it is used. */
typedef int libunwind_init_local(struct libunwind_cursor *cursor, ucontext_t *context);
typedef int libunwind_step(struct libunwind_cursor *cursor);
typedef int libunwind_get_reg(struct libunwind_cursor *cursor, int number, uintptr_t *value);
typedef int libunwind_set_caching_policy(void *address_space, int policy);
typedef int libunwind_getcontext(ucontext_t *context);

#ifndef LIBUNWIND_GETCONTEXT
/* Stores what a function keeps for its caller, and where this is: libunwind has it in its header
 * alone. Always inlined: the frame must still be there when the stack is walked. */
static inline __attribute__((always_inline)) void libunwind_store_context(ucontext_t *context)
{
	_Static_assert(offsetof(mcontext_t, pc) - offsetof(mcontext_t, regs) == 256,
		       "sp and pc follow 31 registers");

	__asm__ volatile("stp x19, x20, [%[regs], 152]\n\t"
			 "stp x21, x22, [%[regs], 168]\n\t"
			 "stp x23, x24, [%[regs], 184]\n\t"
			 "stp x25, x26, [%[regs], 200]\n\t"
			 "stp x27, x28, [%[regs], 216]\n\t"
			 "stp x29, x30, [%[regs], 232]\n\t"
			 "mov x9, sp\n\t"
			 "adr x10, .\n\t"
			 "stp x9, x10, [%[regs], 248]"
			 :
			 : [regs] "r"(context->uc_mcontext.regs)
			 : "x9", "x10", "memory");
}
#endif

#endif
