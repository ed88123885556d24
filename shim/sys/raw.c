#include "sys/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

/* The new thread begins with the registers of its caller, on an empty stack. Debuggers end its call
 * stack there. */
#if defined(__x86_64__)
long raw_clone_thread(int flags, void *stack_end, int *tid, uintptr_t storage, int (*body)(void *),
		      void *argument)
{
	register long r10 __asm__("r10") = (long)tid;
	register long r8 __asm__("r8") = (long)storage;
	register int (*r12)(void *) __asm__("r12") = body;
	register void *r13 __asm__("r13") = argument;
	long result;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 ".cfi_remember_state\n\t"
			 ".cfi_undefined rip\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %%r13, %%rdi\n\t"
			 "call *%%r12\n\t"
			 "mov %%eax, %%edi\n\t"
			 "mov %[exit], %%eax\n\t"
			 "syscall\n\t"
			 "hlt\n\t"
			 ".cfi_restore_state\n"
			 "1:"
			 : "=a"(result)
			 : "a"((long)SYS_clone), "D"((long)flags), "S"(stack_end), "d"(0L),
			   "r"(r10), "r"(r8), "r"(r12), "r"(r13), [exit] "i"(SYS_exit)
			 : "rcx", "r11", "cc", "memory");
	return result;
}
#elif defined(__aarch64__)
long raw_clone_thread(int flags, void *stack_end, int *tid, uintptr_t storage, int (*body)(void *),
		      void *argument)
{
	register long x8 __asm__("x8") = SYS_clone;
	register long x0 __asm__("x0") = flags;
	register void *x1 __asm__("x1") = stack_end;
	register long x2 __asm__("x2") = 0;
	register long x3 __asm__("x3") = (long)storage;
	register long x4 __asm__("x4") = (long)tid;
	register int (*x9)(void *) __asm__("x9") = body;
	register void *x10 __asm__("x10") = argument;

	__asm__ volatile("svc 0\n\t"
			 "cbnz x0, 1f\n\t"
			 ".cfi_remember_state\n\t"
			 ".cfi_undefined x30\n\t"
			 "mov x29, 0\n\t"
			 "mov x0, x10\n\t"
			 "blr x9\n\t"
			 "mov x8, %[exit]\n\t"
			 "svc 0\n\t"
			 "brk 0\n\t"
			 ".cfi_restore_state\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x9),
			   "r"(x10), [exit] "i"(SYS_exit)
			 : "cc", "memory");
	return x0;
}
#elif defined(__i386__)
/* storage: a struct user_desc. */
long raw_clone_thread(int flags, void *stack_end, int *tid, uintptr_t storage, int (*body)(void *),
		      void *argument)
{
	void **stack = (void **)stack_end - 4;
	long result;

	stack[0] = argument;
	stack[1] = (void *)body;
	__asm__ volatile("int $0x80\n\t"
			 "test %%eax, %%eax\n\t"
			 "jnz 1f\n\t"
			 ".cfi_remember_state\n\t"
			 ".cfi_undefined eip\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "call *4(%%esp)\n\t"
			 "mov %%eax, %%ebx\n\t"
			 "mov %[exit], %%eax\n\t"
			 "int $0x80\n\t"
			 "hlt\n\t"
			 ".cfi_restore_state\n"
			 "1:"
			 : "=a"(result)
			 : "a"((long)SYS_clone), "b"((long)flags), "c"(stack), "d"(0L),
			   "S"(storage), "D"(tid), [exit] "i"(SYS_exit)
			 : "cc", "memory");
	return result;
}
#endif

_Static_assert(sizeof(time_t) == sizeof(long), "the struct timespec of SYS_futex, SYS_ppoll and "
					       "the like");

void *raw_map(size_t size)
{
	long result = raw_syscall6(RAW_MMAP, 0, (long)size, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return result < 0 && result > -4096 ? NULL : (void *)result;
}

void raw_unmap(void *memory, size_t size)
{
	raw_syscall2(SYS_munmap, (long)memory, (long)size);
}

long raw_write_without_signal(int fd, const struct iovec *parts, int count)
{
	const struct timespec none = {0};
	uint64_t pending = 0, fresh;
	long result;

	raw_syscall2(SYS_rt_sigpending, (long)&pending, sizeof(pending));
	result = raw_syscall3(SYS_writev, fd, (long)parts, count);
	fresh = RAW_SIGNALS_OF_WRITE & ~pending;
	if (result == -EPIPE || result == -EFBIG)
		raw_syscall4(SYS_rt_sigtimedwait, (long)&fresh, 0, (long)&none, sizeof(fresh));
	return result;
}

static long poll_now(struct pollfd *entry)
{
#ifdef SYS_poll /* seccomp filters allow poll more often than ppoll */
	return raw_syscall3(SYS_poll, (long)entry, 1, 0);
#else
	struct timespec none = {0};

	return raw_syscall6(SYS_ppoll, (long)entry, 1, (long)&none, 0, 0, 0);
#endif
}

int raw_poll_events(int fd)
{
	struct pollfd entry = {.fd = fd};

	return poll_now(&entry) > 0 ? entry.revents : 0;
}

int raw_is_ready(int fd, int events)
{
	struct pollfd entry = {.fd = fd, .events = (short)events};

	return poll_now(&entry) > 0;
}

bool raw_is_writable(int fd)
{
	long flags = raw_syscall3(SYS_fcntl, fd, F_GETFL, 0);

	return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

bool raw_is_tcp_socket(int fd)
{
	int protocol = 0;
	socklen_t size = sizeof(protocol);

	return raw_syscall6(SYS_getsockopt, fd, SOL_SOCKET, SO_PROTOCOL, (long)&protocol,
			    (long)&size, 0) == 0 &&
	       protocol == IPPROTO_TCP;
}
