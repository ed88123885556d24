/*
 * raw_i386: system calls on i386, by int $0x80 (see raw.h, which includes this).
 *
 * Context: anywhere, also before the constructor. Locks: none. Errno: untouched. Keeps I3, I5.
 */
#ifndef SYS_RAW_I386_H
#define SYS_RAW_I386_H

/* A locked operation on two cache lines is slow, and fatal on some machines. */
struct raw_alignment {
	char first;
	_Atomic uint64_t second;
};
_Static_assert(sizeof(struct raw_alignment) == 16, "gcc before 11 aligns atomic fields to 4 bytes");

/* Not inline: the sixth argument is in ebp, which may be the frame pointer, and the stack must be
 * walkable while the call waits. */
long raw_syscall6(long number, long a, long b, long c, long d, long e, long f)
	__attribute__((visibility("hidden")));
__asm__(".pushsection .text.raw_syscall6, \"axG\", @progbits, raw_syscall6, comdat\n\t"
	".weak raw_syscall6\n\t"
	".hidden raw_syscall6\n\t"
	".type raw_syscall6, @function\n"
	"raw_syscall6:\n\t"
	".cfi_startproc\n\t"
	"pushl %ebp\n\t"
	".cfi_adjust_cfa_offset 4\n\t"
	".cfi_rel_offset ebp, 0\n\t"
	"pushl %edi\n\t"
	".cfi_adjust_cfa_offset 4\n\t"
	".cfi_rel_offset edi, 0\n\t"
	"pushl %esi\n\t"
	".cfi_adjust_cfa_offset 4\n\t"
	".cfi_rel_offset esi, 0\n\t"
	"pushl %ebx\n\t"
	".cfi_adjust_cfa_offset 4\n\t"
	".cfi_rel_offset ebx, 0\n\t"
	"movl 20(%esp), %eax\n\t"
	"movl 24(%esp), %ebx\n\t"
	"movl 28(%esp), %ecx\n\t"
	"movl 32(%esp), %edx\n\t"
	"movl 36(%esp), %esi\n\t"
	"movl 40(%esp), %edi\n\t"
	"movl 44(%esp), %ebp\n\t"
	"int $0x80\n\t"
	"popl %ebx\n\t"
	".cfi_adjust_cfa_offset -4\n\t"
	".cfi_restore ebx\n\t"
	"popl %esi\n\t"
	".cfi_adjust_cfa_offset -4\n\t"
	".cfi_restore esi\n\t"
	"popl %edi\n\t"
	".cfi_adjust_cfa_offset -4\n\t"
	".cfi_restore edi\n\t"
	"popl %ebp\n\t"
	".cfi_adjust_cfa_offset -4\n\t"
	".cfi_restore ebp\n\t"
	"ret\n\t"
	".cfi_endproc\n\t"
	".size raw_syscall6, . - raw_syscall6\n\t"
	".popsection");

static inline long raw_syscall4(long number, long a, long b, long c, long d)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(0)
			 : "cc", "memory");
	return result;
}

static inline long raw_syscall3(long number, long a, long b, long c)
{
	return raw_syscall4(number, a, b, c, 0);
}

static inline long raw_syscall2(long number, long a, long b)
{
	return raw_syscall4(number, a, b, 0, 0);
}

static inline long raw_syscall1(long number, long a)
{
	return raw_syscall4(number, a, 0, 0, 0);
}

#endif
