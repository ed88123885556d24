#include "guest/stack.h"

#include <dlfcn.h>
#include <fcntl.h>

#include <sys/resource.h>
#include <sys/stat.h>

#include "conn/fdtable.h"
#include "guest/complaint.h"
#include "guest/libunwind.h"
#include "guest/mapping.h"
#include "sys/portable.h"
#include "sys/raw.h"
#include "sys/restriction.h"

enum {
	STACK_BYTES = 256 * 1024,
	HIGH_FD = 1000,
	MOST_STEPS = 512,
};

static struct {
	libunwind_init_local *init_local;
	libunwind_step *step;
	libunwind_get_reg *get_reg;
#ifdef LIBUNWIND_GETCONTEXT
	libunwind_getcontext *getcontext;
#endif
} unwind;

static _Atomic bool is_tried, is_loaded;

/* The two ends of libunwind's pipe. */
static struct {
	_Atomic int fd;
	_Atomic uint64_t device, inode;
} pipes[2] = {{.fd = -1}, {.fd = -1}};

/* What the walk needs. It lies at the low end of the memory that the walk's stack is in. */
struct walk {
	ucontext_t context;
	struct libunwind_cursor cursor;
	uint64_t *frames;
	uint32_t most, count;
};

/* The linker's symbols for the start and the end of this library. */
extern const char library_start[] __asm__("__ehdr_start") __attribute__((visibility("hidden")));
extern const char library_end[] __asm__("_end") __attribute__((visibility("hidden")));

static bool is_own(uint64_t address)
{
	return address >= (uintptr_t)library_start && address < (uintptr_t)library_end;
}

static void walk(void *argument)
{
	struct walk *walk = argument;
	bool is_inside = true;

	if (unwind.init_local(&walk->cursor, &walk->context) < 0)
		return;
	for (int steps = 0; walk->count < walk->most && steps < MOST_STEPS; steps++) {
		uintptr_t address = 0;

		if (unwind.step(&walk->cursor) <= 0 ||
		    unwind.get_reg(&walk->cursor, LIBUNWIND_REG_IP, &address) < 0 || address == 0)
			return;
		is_inside = is_inside && is_own(address);
		if (!is_inside)
			walk->frames[walk->count++] = address;
	}
}

#if defined(__i386__)
/* Calls function(argument) on another stack, whose highest address is top. */
void call_on(void *top, void (*function)(void *argument), void *argument) __asm__("stack_call_on")
	__attribute__((visibility("hidden")));
__asm__(".pushsection .text\n\t"
	".hidden stack_call_on\n\t"
	".globl stack_call_on\n\t"
	".type stack_call_on, @function\n"
	"stack_call_on:\n\t"
	".cfi_startproc\n\t"
	"pushl %ebp\n\t"
	".cfi_def_cfa_offset 8\n\t"
	".cfi_offset ebp, -8\n\t"
	"movl %esp, %ebp\n\t"
	".cfi_def_cfa_register ebp\n\t"
	"movl 8(%ebp), %esp\n\t"
	"subl $12, %esp\n\t"
	"pushl 16(%ebp)\n\t"
	"call *12(%ebp)\n\t"
	"leave\n\t"
	".cfi_def_cfa esp, 4\n\t"
	".cfi_restore ebp\n\t"
	"ret\n\t"
	".cfi_endproc\n\t"
	".size stack_call_on, . - stack_call_on\n\t"
	".popsection");
#else
/* Calls function(argument) on another stack, whose highest address is top. */
static void call_on(void *top, void (*function)(void *argument), void *argument)
{
#if defined(__x86_64__)
	__asm__ volatile("movq %%rsp, %%rbx\n\t"
			 "movq %[top], %%rsp\n\t"
			 "call *%[function]\n\t"
			 "movq %%rbx, %%rsp"
			 : "+D"(argument)
			 : [top] "r"(top), [function] "r"(function)
			 : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "xmm0",
			   "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
			   "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc", "memory");
#else
	register void *x0 __asm__("x0") = argument;

	__asm__ volatile("mov x19, sp\n\t"
			 "mov sp, %[top]\n\t"
			 "blr %[function]\n\t"
			 "mov sp, x19"
			 : "+r"(x0)
			 : [top] "r"(top), [function] "r"(function)
			 : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11",
			   "x12", "x13", "x14", "x15", "x16", "x17", "x19", "x30", "v0", "v1", "v2",
			   "v3", "v4", "v5", "v6", "v7", "v16", "v17", "v18", "v19", "v20", "v21",
			   "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31",
			   "cc", "memory");
#endif
}
#endif

static bool is_pipe_ours(void)
{
	for (unsigned i = 0; i < 2; i++) {
		struct stat64 status;
		int fd = atomic_load(&pipes[i].fd);

		if (fd < 0) /* libunwind has created no pipe */
			continue;
		if (raw_syscall2(RAW_FSTAT, fd, (long)&status) < 0 ||
		    status.st_dev != atomic_load(&pipes[i].device) ||
		    status.st_ino != atomic_load(&pipes[i].inode))
			return false;
	}
	return true;
}

/* Duplicates fd to a high number and closes the old one. Returns fd itself if that fails. */
static int move_high(int fd)
{
	struct rlimit64 limit = {.rlim_cur = HIGH_FD};
	long high;

	raw_syscall4(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit);
	high = raw_syscall3(SYS_fcntl, fd, F_DUPFD_CLOEXEC,
			    limit.rlim_cur > HIGH_FD + 16 ? HIGH_FD : (long)limit.rlim_cur - 8);
	if (high < 0)
		return fd;
	raw_close(fd);
	return (int)high;
}

void stack_made_pipe(int fds[2])
{
	for (unsigned i = 0; i < 2 && thread.is_unwinding; i++) {
		struct stat64 status = {0};
		bool is_stored;

		fds[i] = move_high(fds[i]);
		raw_syscall2(RAW_FSTAT, fds[i], (long)&status);
		fdtable_exchange(fds[i], fdtable_slot(FD_OURS, 0, 0), &is_stored);
		atomic_store(&pipes[i].device, status.st_dev);
		atomic_store(&pipes[i].inode, status.st_ino);
		atomic_store(&pipes[i].fd, fds[i]);
	}
}

static uint32_t capture(void *memory, uint64_t *frames, uint32_t most)
{
	struct walk *work = memory;

	work->frames = frames;
	work->most = most;
	work->count = 0;
#ifdef LIBUNWIND_GETCONTEXT
	unwind.getcontext(&work->context);
#else
	libunwind_store_context(&work->context);
#endif
	thread.is_unwinding = true;
	call_on((char *)memory + STACK_BYTES, walk, work);
	thread.is_unwinding = false;
	return work->count;
}

uint32_t stack_capture(struct area *area, uint64_t *frames, uint32_t most)
{
	if (!atomic_load(&is_loaded) || restriction_is_inherited() || !is_pipe_ours())
		return 0;
	if (!area->walk)
		area->walk = raw_map(STACK_BYTES);
	return area->walk ? capture(area->walk, frames, most) : 0;
}

/* --- Loading. --- */

static bool load(void)
{
	void *library = portable_open("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
	libunwind_set_caching_policy *set_caching;
	void **local;

	if (!library)
		return false;
	unwind.init_local =
		(libunwind_init_local *)portable_symbol(library, LIBUNWIND_LOCAL("init_local"));
	unwind.step = (libunwind_step *)portable_symbol(library, LIBUNWIND_LOCAL("step"));
	unwind.get_reg = (libunwind_get_reg *)portable_symbol(library, LIBUNWIND_LOCAL("get_reg"));
	set_caching = (libunwind_set_caching_policy *)
		portable_symbol(library, LIBUNWIND_LOCAL("set_caching_policy"));
	local = portable_symbol(library, LIBUNWIND_LOCAL("local_addr_space"));
#ifdef LIBUNWIND_GETCONTEXT
	unwind.getcontext = (libunwind_getcontext *)portable_symbol(library, LIBUNWIND_GETCONTEXT);
	if (!unwind.getcontext)
		return false;
#endif
	if (!unwind.init_local || !unwind.step || !unwind.get_reg || !set_caching || !local)
		return false;
	set_caching(*local, LIBUNWIND_CACHE_NONE);
	return true;
}

void stack_prepare(void)
{
	static const char line[] =
		"tcpshim: TCPSHIM_STACK is ignored: libunwind.so.8 cannot be loaded. Install it "
		"(Debian package libunwind8), or unset TCPSHIM_STACK.";

	if (atomic_load_explicit(&is_tried, memory_order_relaxed) || restriction_is_inherited() ||
	    atomic_exchange(&is_tried, true))
		return;
	thread_block_signals();
	thread.is_unwinding = true;
	if (mapping_start() && load())
		atomic_store(&is_loaded, true);
	else
		complaint_write(line, sizeof(line) - 1);
	thread.is_unwinding = false;
}
