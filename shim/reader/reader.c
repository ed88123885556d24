#include "reader/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "reader/complain.h"
#include "reader/regular.h"
#include "reader/writer.h"

bool reader_read(const struct reader *reader, void *to, size_t size, uint64_t offset)
{
	return regular_read(reader->fd, to, size, offset) == size;
}

static bool read_names(struct reader *reader)
{
	const struct record_header *header = &reader->header;
	uint8_t *bytes;
	bool is_good;

	if (header->names_bytes > header->header_bytes ||
	    header->names_offset > header->header_bytes - header->names_bytes)
		return false;
	bytes = allocate(header->names_bytes);
	is_good = reader_read(reader, bytes, header->names_bytes, header->names_offset) &&
		  unpack_names(&reader->names, bytes, header->names_bytes);
	free(bytes);
	return is_good;
}

/* Recordings of earlier versions have none: of these, the machine's boot is known. Returns false if
 * they are not valid. */
static bool read_attributes(struct reader *reader)
{
	const struct record_header *header = &reader->header;
	size_t size = header->attributes_bytes;
	struct strbuf list;

	if (size == 0) {
		strbuf_init(&list, reader->attributes, sizeof(reader->attributes));
		attributes_add(&list, "host.boot.id", word_of(header->boot));
		return true;
	}
	return size <= sizeof(reader->attributes) &&
	       reader_read(reader, reader->attributes, size,
			   header->names_offset + header->names_bytes) &&
	       attributes_are_valid(reader->attributes, size);
}

static bool is_zero(const void *bytes, size_t size)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < size; i++)
		if (at[i] != 0)
			return false;
	return true;
}

/* Reads the header and the names. Returns NULL, or what is wrong with the file. */
static const char *read_header(struct reader *reader)
{
	struct record_header *header = &reader->header;
	bool is_whole = reader_read(reader, header, sizeof(*header), 0);

	if (is_whole && is_zero(header, sizeof(*header)))
		return "is empty: its program was killed while the recording was created";
	if (!is_whole || memcmp(header->magic, RECORD_MAGIC, sizeof(header->magic)) != 0)
		return "is not a recording of tcpshim";
	if (header->version != RECORD_VERSION)
		return "was made by another version of tcpshim, in a format that this version "
		       "cannot read";
	if (header->block_bytes != RECORD_BLOCK_BYTES ||
	    header->header_bytes != RECORD_HEADER_BYTES)
		return "is damaged: its header is not valid";
	header->program[sizeof(header->program) - 1] = '\0';
	header->executable[sizeof(header->executable) - 1] = '\0';
	header->boot[sizeof(header->boot) - 1] = '\0';
	if (!read_names(reader))
		return "is damaged: its tables of names are not valid";
	return read_attributes(reader) ? NULL : "is damaged: its attributes are not valid";
}

struct reader *reader_take(const char *path, int fd)
{
	struct reader *reader = allocate(sizeof(*reader));
	const char *wrong;
	struct stat status;

	*reader = (struct reader){.path = path, .fd = fd};
	if (fstat(fd, &status) < 0) {
		complain("%s cannot be read: %s", path, strerror(errno));
	} else if ((wrong = read_header(reader))) {
		complain("%s %s", path, wrong);
	} else {
		reader->is_foreign = status.st_uid != geteuid();
		reader->realtime_offset_ns = reader->header.realtime_offset_ns;
		return reader;
	}
	reader_close(reader);
	return NULL;
}

/* A directory that others may write to can have files of any kind. */
struct reader *reader_open(const char *path)
{
	int fd = regular_open(path, 0);

	if (fd >= 0)
		return reader_take(path, fd);
	if (errno == ENOTSUP)
		complain("%s is not a recording of tcpshim", path);
	else if (errno == EISDIR)
		complain("%s is a directory: name the recordings in it, %s/*.tcpshim", path, path);
	else
		complain("%s cannot be read: %s", path, strerror(errno));
	return NULL;
}

void reader_close(struct reader *reader)
{
	close(reader->fd);
	for (size_t i = 0; i < reader->module_count; i++)
		free(reader->modules[i].path);
	free(reader->modules);
	free(reader);
}

const char *reader_host(const struct reader *reader)
{
	const char *name = attributes_find(reader->attributes, "host.name");

	return name ? name : "";
}

bool reader_is_same(const struct reader *a, const struct reader *b)
{
	struct stat x, y;

	return fstat(a->fd, &x) == 0 && fstat(b->fd, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

bool reader_update(struct reader *reader)
{
	struct record_header now;

	if (!reader_read(reader, &now, sizeof(now), 0))
		return false;
	reader->header.blocks_taken = now.blocks_taken;
	reader->header.lost_events = now.lost_events;
	reader->header.overwritten_events = now.overwritten_events;
	reader->header.nested_calls = now.nested_calls;
	reader->header.lost_error = now.lost_error;
	reader->header.end = now.end;
	reader->header.end_ns = now.end_ns;
	reader->header.exit_status = now.exit_status;
	return true;
}

bool reader_is_live(struct reader *reader)
{
	struct record_header header;

	if (!reader_read(reader, &header, sizeof(header), 0) || header.end != RECORD_NOT_ENDED)
		return false;
	if (reader->writer == 0)
		reader->writer = writer_find(reader->fd, reader->header.pid);
	return reader->writer != 0 && writer_is(reader->fd, reader->writer);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Returns the time now on the recording's clock, or an earlier one. A time namespace can have
 * another CLOCK_MONOTONIC, and the time of day may have been set since the last event. */
static uint64_t now_ns(const struct reader *reader)
{
	uint64_t monotonic = clock_ns(CLOCK_MONOTONIC);
	uint64_t by_day = clock_ns(CLOCK_REALTIME) - (uint64_t)reader->realtime_offset_ns;

	return monotonic < by_day ? monotonic : by_day;
}

bool reader_find_end(struct reader *reader)
{
	bool is_live = reader_is_live(reader);
	uint64_t end_ns = is_live ? now_ns(reader) : 0;

	if (!is_live)
		reader_update(reader);
	if (reader->header.end == RECORD_ENDED)
		end_ns = reader->header.end_ns;
	if (end_ns > reader->seen_ns)
		reader->seen_ns = end_ns;
	return is_live;
}

bool reader_find_module(const struct reader *reader, uint64_t address, size_t *module)
{
	for (size_t i = reader->module_count; i-- > 0;)
		if (address >= reader->modules[i].start && address < reader->modules[i].end) {
			*module = i;
			return true;
		}
	return false;
}
