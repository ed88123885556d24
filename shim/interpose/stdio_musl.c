#include "interpose/stdio_musl.h"

#include <dlfcn.h>

#include "interpose/export.h"
#include "sys/portable.h"

/* The beginning of musl's FILE. */
struct file {
	unsigned flags;
	unsigned char *read_at, *read_end;
	int (*close)(FILE *);
	unsigned char *write_end, *write_at, *unused, *write_start;
	size_t (*read)(FILE *, unsigned char *, size_t);
	size_t (*write)(FILE *, const unsigned char *, size_t);
	off_t (*seek)(FILE *, off_t, int);
	unsigned char *buf;
	size_t buf_size;
	FILE *previous, *next;
	int fd;
};

enum { END_OF_FILE = 16 /* in flags */ };

/* musl's functions. first_write: stdout's, until it has been written to. */
static struct {
	int (*close)(FILE *);
	size_t (*read)(FILE *, unsigned char *, size_t);
	size_t (*write)(FILE *, const unsigned char *, size_t);
	size_t (*first_write)(FILE *, const unsigned char *, size_t);
	off_t (*seek)(FILE *, off_t, int);
	int (*fileno)(FILE *);
} musl;

static bool is_known; /* they are as expected */

static struct file *file_of(FILE *stream)
{
	return (struct file *)(void *)stream;
}

/* Returns how many bytes musl's function has read. It reads size - 1 bytes to buf and the rest to
 * the buffer, from which it takes the last byte. */
static int64_t bytes_read(const struct file *file, size_t size, size_t done)
{
	size_t ahead = (size_t)(file->read_end - file->buf);

	if (done == 0)
		return file->flags & END_OF_FILE ? 0 : -1;
	return done == size && file->buf_size > 0 && ahead <= file->buf_size
		       ? (int64_t)(size - 1 + ahead)
		       : (int64_t)done;
}

static size_t musl_read(FILE *stream, unsigned char *buf, size_t size)
{
	struct file *file = file_of(stream);
	int fd = file->fd;
	struct iovec vector[2];
	struct call call;

	if (!watch_is_read(&call, fd))
		return musl.read(stream, buf, size);

	vector[0] = (struct iovec){buf, size - (file->buf_size > 0)};
	vector[1] = (struct iovec){file->buf, file->buf_size};
	bool is_split = vector[0].iov_len > 0;
	call_enter_read(&call, is_split ? CALL_readv : CALL_read, fd);
	call.is_stdio = true;
	call_integer(&call, fd);
	call_pointer(&call, is_split ? (void *)vector : file->buf);
	call_integer(&call, is_split ? 2 : (int64_t)file->buf_size);
	before_read(&call);
	size_t done = musl.read(stream, buf, size);
	after_read(&call, bytes_read(file, size, done));
	return done;
}

static void enter_write(struct call *call, int fd, const struct iovec *vector, int count)
{
	call_enter(call, CALL_writev, fd);
	call->is_stdio = true;
	call_integer(call, fd);
	call_pointer(call, vector);
	call_integer(call, count);
	before_call(call);
}

/* Writes with musl's function, which makes system calls until all is written or one fails. Shows
 * them as one that has succeeded, as one that has failed, or as one of each. */
static size_t write_shown(FILE *stream, const unsigned char *buf, size_t size,
			  size_t (*real_write)(FILE *, const unsigned char *, size_t))
{
	struct file *file = file_of(stream);
	int fd = file->fd;
	size_t pending = (size_t)(file->write_at - file->write_start);
	struct iovec vector[2] = {{file->write_start, pending}, {(void *)(uintptr_t)buf, size}};
	unsigned first = pending == 0; /* an empty one is left out since 1.2.4 */
	struct call call;

	enter_write(&call, fd, vector + first, 2 - (int)first);
	size_t done = real_write(stream, buf, size);
	if (file->write_end) { /* it is NULL after a failure */
		after_call(&call, (int64_t)(pending + size));
		return done;
	}
	if (done > 0 && done < size) {
		int saved_errno = errno;

		after_call(&call, (int64_t)(pending + done));
		vector[1] = (struct iovec){(void *)(uintptr_t)(buf + done), size - done};
		enter_write(&call, fd, vector + 1, 1);
		errno = saved_errno;
	}
	after_call(&call, -1);
	return done;
}

static size_t musl_write(FILE *stream, const unsigned char *buf, size_t size)
{
	if (!watch_is_on(file_of(stream)->fd))
		return musl.write(stream, buf, size);
	return write_shown(stream, buf, size, musl.write);
}

/* musl's own replaces itself, with the function that all others have. */
static size_t musl_first_write(FILE *stream, const unsigned char *buf, size_t size)
{
	struct file *file = file_of(stream);
	size_t done = watch_is_on(file->fd) ? write_shown(stream, buf, size, musl.first_write)
					    : musl.first_write(stream, buf, size);

	if (file->write == musl.write)
		file->write = musl_write;
	return done;
}

static int musl_close(FILE *stream)
{
	int fd = file_of(stream)->fd;
	CLOSING_CALL call = {.closing = NULL};

	if (fd < 0 || !closing_enter(&call, CALL_close, (unsigned)fd, (unsigned)fd))
		return musl.close(stream);

	call.is_stdio = true;
	call_integer(&call, fd);
	int result = musl.close(stream);
	return (int)after_call(&call, result);
}

void stdio_musl_hook(FILE *stream)
{
	struct file *file = file_of(stream);

	if (!is_known || file->close != musl.close || file->seek != musl.seek ||
	    (file->read && file->read != musl.read) ||
	    (file->write && file->write != musl.write && file->write != musl.first_write))
		return;
	if (file->read)
		file->read = musl_read;
	if (file->write)
		file->write = file->write == musl.write ? musl_write : musl_first_write;
	file->close = musl_close;
}

bool stdio_musl_is_hooked(const FILE *stream)
{
	return is_known && ((const struct file *)(const void *)stream)->close == musl_close;
}

int stdio_musl_fd(FILE *stream)
{
	int saved_errno = errno, fd = musl.fileno ? musl.fileno(stream) : -1;

	errno = saved_errno;
	return fd;
}

/* Returns where the object begins that contains the address. */
static void *object_of(uintptr_t address)
{
	int (*find)(const void *, Dl_info *) = (__typeof__(find))portable_find_in_libc("dladdr");
	Dl_info info = {0};

	return find && find((const void *)address, &info) != 0 ? info.dli_fbase : NULL;
}

static bool is_of_libc(uintptr_t function)
{
	void *object = object_of(function);

	return object && object == object_of((uintptr_t)musl.fileno);
}

/* Learns the functions, and compares what the three FILEs must have in common. */
static bool learn(const struct file *in, const struct file *out, const struct file *error)
{
	if (in->fd != STDIN_FILENO || out->fd != STDOUT_FILENO || error->fd != STDERR_FILENO ||
	    in->close != out->close || in->close != error->close || in->seek != out->seek ||
	    in->seek != error->seek || in->write || out->read || error->read)
		return false;
	musl.close = in->close;
	musl.seek = in->seek;
	musl.read = in->read;
	musl.write = error->write;
	musl.first_write = out->write;
	return is_of_libc((uintptr_t)musl.close) && is_of_libc((uintptr_t)musl.seek) &&
	       is_of_libc((uintptr_t)musl.read) && is_of_libc((uintptr_t)musl.write) &&
	       is_of_libc((uintptr_t)musl.first_write);
}

void stdio_musl_start(bool has_stdio)
{
	FILE **in = portable_find("stdin"), **out = portable_find("stdout"),
	     **error = portable_find("stderr");

	musl.fileno = (__typeof__(musl.fileno))portable_find_in_libc("fileno");
	if (!has_stdio || !musl.fileno || !in || !out || !error ||
	    !learn(file_of(*in), file_of(*out), file_of(*error)))
		return;
	is_known = true;
	stdio_musl_hook(*in);
	stdio_musl_hook(*out);
	stdio_musl_hook(*error);
}
