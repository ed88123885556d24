/*
 * stdio on sockets: bash's /dev/tcp, fdopen with fgets and fprintf, inetd's programs on descriptors
 * 0, 1 and 2.
 *
 * libc's stdio makes its system calls inside libc, where no wrapper sees them. Every FILE on a
 * descriptor makes them through the slots read, write and close of one of two tables,
 * _IO_file_jumps and _IO_wfile_jumps (libio/fileops.c, libio/wfileops.c). libc exports the tables
 * and the functions in these slots. At start each slot is compared with the function that must be
 * in it. The slots are replaced only if all of them are as expected; otherwise, and with
 * TCPSHIM_STDIO=off, nothing is changed and stdio is not traced. The tables stay where they are, so
 * libc's own check of their address succeeds, and they are made read-only again. musl is different
 * (stdio_musl.h).
 */
#include <sys/mman.h>

#include "interpose/export.h"
#include "interpose/stdio_musl.h"
#include "sys/portable.h"
#include "sys/raw.h"

/* struct _IO_jump_t: two words, then the functions in this order (libio/libioP.h). */
enum { SLOT_READ = 14, SLOT_WRITE = 15, SLOT_CLOSE = 17, SLOTS = 21 };

typedef ssize_t read_slot(FILE *, void *, ssize_t);
typedef ssize_t write_slot(FILE *, const void *, ssize_t);
typedef int close_slot(FILE *);

static read_slot *real_read;
static write_slot *real_write;
static close_slot *real_close;
static bool is_hooked;

static ssize_t stdio_read(FILE *file, void *buf, ssize_t size)
{
	int fd = file->_fileno;
	struct call call;

	if (!watch_is_read(&call, fd))
		return real_read(file, buf, size);

	call_enter_read(&call, CALL_read, fd);
	call.is_stdio = true;
	call_integer(&call, fd);
	call_pointer(&call, buf);
	call_integer(&call, size);
	before_read(&call);
	ssize_t got = real_read(file, buf, size);
	return (ssize_t)after_read(&call, got);
}

static ssize_t stdio_write(FILE *file, const void *buf, ssize_t size)
{
	int fd = file->_fileno;
	struct call call;

	if (!watch_is_on(fd))
		return real_write(file, buf, size);

	call_enter(&call, CALL_write, fd);
	call.is_stdio = true;
	call_integer(&call, fd);
	call_pointer(&call, buf);
	call_integer(&call, size);
	before_call(&call);
	ssize_t sent = real_write(file, buf, size);
	return (ssize_t)after_call(&call, sent);
}

static int stdio_close(FILE *file)
{
	int fd = file->_fileno;
	CLOSING_CALL call = {.closing = NULL};

	if (fd < 0 || !closing_enter(&call, CALL_close, (unsigned)fd, (unsigned)fd))
		return real_close(file);

	call.is_stdio = true;
	call_integer(&call, fd);
	int result = real_close(file);
	return (int)after_call(&call, result);
}

/* Finds a name in libc, in any version; not our definition. */
static void *find(const char *name)
{
	void *found = portable_find_version(name, "GLIBC_2.2.5");

	return found ? found : portable_find_next(name);
}

static bool is_as_expected(void *const *table)
{
	return table && table[SLOT_READ] == (void *)real_read &&
	       table[SLOT_WRITE] == (void *)real_write && table[SLOT_CLOSE] == (void *)real_close;
}

/* Changes the protection of a table's pages. They have 4, 16 or 64 KiB: the kernel refuses an
 * address that is not a page's. */
static bool protect_table(void **table, int protection)
{
	long result = -EINVAL;

	for (uintptr_t page = 4 << 10; result == -EINVAL && page <= 64 << 10; page *= 4) {
		uintptr_t start = (uintptr_t)table & ~(page - 1);

		result = raw_syscall3(SYS_mprotect, (long)start,
				      (long)((uintptr_t)(table + SLOTS) - start), protection);
	}
	return result == 0;
}

/* Replaces the slots of a table. The table is in memory that is read-only after relocation. */
static bool replace_slots(void **table)
{
	if (!protect_table(table, PROT_READ | PROT_WRITE))
		return false;
	table[SLOT_READ] = (void *)stdio_read;
	table[SLOT_WRITE] = (void *)stdio_write;
	table[SLOT_CLOSE] = (void *)stdio_close;
	protect_table(table, PROT_READ);
	return true;
}

/* Replaces the slots. Runs after the library's own constructor. */
__attribute__((constructor(201))) static void hook(void)
{
	void **narrow, **wide;

	if (!process_is_watching)
		return;
	if (portable_is_musl()) {
		stdio_musl_start(config.has_libc_stdio);
		return;
	}
	if (!config.has_libc_stdio)
		return;
	real_read = (read_slot *)find("_IO_file_read");
	real_write = (write_slot *)find("_IO_file_write");
	real_close = (close_slot *)find("_IO_file_close");
	narrow = find("_IO_file_jumps");
	wide = find("_IO_wfile_jumps");
	if (!real_read || !real_write || !real_close || !is_as_expected(narrow) ||
	    !is_as_expected(wide))
		return;
	is_hooked = replace_slots(narrow) && replace_slots(wide);
}

static int descriptor_of(FILE *file)
{
	return portable_is_musl() ? stdio_musl_fd(file) : file->_fileno;
}

/* If stdio's functions were replaced, one of them sees the close. */
EXPORT int fclose(FILE *file)
{
	CLOSING_CALL call = {.closing = NULL};
	int fd = is_hooked || !process_is_watching || stdio_musl_is_hooked(file)
			 ? -1
			 : descriptor_of(file);

	if (fd < 0 || !closing_enter(&call, CALL_fclose, (unsigned)fd, (unsigned)fd))
		return real.fclose(file);

	call_integer(&call, fd);
	int result = real.fclose(file);
	return (int)after_call(&call, result);
}

/* Reopens a FILE: inside libc, dup3 makes the descriptor refer to another file. */
static FILE *reopen(enum tcpshim_call id, __typeof__(freopen) *real_freopen, const char *path,
		    const char *mode, FILE *file)
{
	CLOSING_CALL call = {.closing = NULL};
	int fd = process_is_watching ? descriptor_of(file) : -1;

	if (fd < 0 || !closing_enter(&call, id, (unsigned)fd, (unsigned)fd))
		return real_freopen(path, mode, file);

	call_integer(&call, fd);
	FILE *result = real_freopen(path, mode, file);
	after_call(&call, result ? (int64_t)(uintptr_t)result : -1);
	if (result && portable_is_musl())
		stdio_musl_hook(result);
	return result;
}

EXPORT FILE *freopen(const char *path, const char *mode, FILE *file)
{
	return reopen(CALL_freopen, real.freopen, path, mode, file);
}

EXPORT FILE *freopen64(const char *path, const char *mode, FILE *file)
{
	return reopen(CALL_freopen64, real.freopen64, path, mode, file);
}

/* Returns what fdopen has made. */
static FILE *opened(FILE *file, int fd)
{
	if (file && portable_is_musl() && watch_has_conn(fd))
		stdio_musl_hook(file);
	return file;
}

EXPORT FILE *fdopen(int fd, const char *mode)
{
	struct call call;

	if (!watch_is_on(fd))
		return opened(real.fdopen(fd, mode), fd);

	call_enter(&call, CALL_fdopen, fd);
	call_integer(&call, fd);
	FILE *file = real.fdopen(fd, mode);
	after_call(&call, file ? (int64_t)(uintptr_t)file : -1);
	return opened(file, fd);
}
