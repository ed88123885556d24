#include "guest/identity.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "format/attributes.h"
#include "format/stamp.h"
#include "sys/aside.h"
#include "sys/clock.h"
#include "sys/raw.h"
#include "sys/restriction.h"

/* TICK_NS: of a time in /proc/PID/stat (USER_HZ is 100 on all of Linux's machines but alpha). */
enum { CHUNK = 2048, CONTAINER_DIGITS = 64, TICK_NS = 10000000, STAT_AFTER_STARTED = 22 };

static char list[ATTRIBUTES_BYTES];
static size_t lasting; /* bytes of the list that a child has too */

const char *identity_attributes(void)
{
	return list;
}

/* Reads the file's first bytes, without its last newline. Returns an empty word if it cannot be
 * read. */
static struct word read_first(const char *path, char *text, size_t size)
{
	long fd = raw_syscall4(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0), got = 0;

	if (fd >= 0) {
		got = raw_syscall3(SYS_read, fd, (long)text, (long)size);
		raw_close((int)fd);
	}
	if (got > 0 && text[got - 1] == '\n')
		got--;
	return (struct word){text, got > 0 ? (size_t)got : 0};
}

/* --- Its container. --- */

static bool is_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Finds the first 64 hexadecimal digits that no further one is next to: an id of docker, containerd
 * and podman. */
static bool find_id(struct word text, struct word *id)
{
	for (size_t i = 0, count = 0; i <= text.size; i++) {
		if (i < text.size && is_digit(text.text[i])) {
			count++;
			continue;
		}
		if (count == CONTAINER_DIGITS) {
			*id = (struct word){text.text + i - count, count};
			return true;
		}
		count = 0;
	}
	return false;
}

/* Finds the id in a line of mountinfo about a file that the container's engine keeps for it:
 * .../containers/ID/hostname, .../overlay-containers/ID/userdata/hostname. */
static bool find_mounted(struct word line, struct word *id)
{
	static const char folder[] = "containers/";
	const char *found = memmem(line.text, line.size, folder, sizeof(folder) - 1);
	struct word rest;

	if (!found)
		return false;
	found += sizeof(folder) - 1;
	rest = (struct word){found, (size_t)(line.text + line.size - found)};
	return find_id(rest, id) && id->text == found;
}

/* In a cgroup namespace, /proc/self/cgroup does not show the container. */
static void add_mounted_container(struct strbuf *to)
{
	long fd = raw_syscall4(SYS_openat, AT_FDCWD, (long)"/proc/self/mountinfo",
			       O_RDONLY | O_CLOEXEC, 0);
	char text[CHUNK];
	size_t kept = 0;
	bool is_found = false;
	long got;

	while (fd >= 0 && !is_found &&
	       (got = raw_syscall3(SYS_read, fd, (long)(text + kept), (long)(CHUNK - kept))) > 0) {
		struct word rest = {text, kept + (size_t)got}, id;
		const char *end;

		while (!is_found && (end = memchr(rest.text, '\n', rest.size))) {
			struct word line = {rest.text, (size_t)(end - rest.text)};

			is_found = find_mounted(line, &id);
			if (is_found)
				attributes_add(to, "container.id", id);
			rest.size -= line.size + 1;
			rest.text = end + 1;
		}
		kept = rest.size < CHUNK ? rest.size : 0; /* a longer line is none of those */
		memmove(text, rest.text, kept);
	}
	if (fd >= 0)
		raw_close((int)fd);
}

/* Cuts off a last line that did not fit. */
static struct word whole_lines(struct word text, size_t most)
{
	const char *end = text.size + 1 < most ? NULL : memrchr(text.text, '\n', text.size);

	return end ? (struct word){text.text, (size_t)(end - text.text)} : text;
}

/* Appends the cgroup of version 2, or else the one of the first hierarchy: HIERARCHY:CONTROLLERS:
 * PATH in each line. */
static void add_cgroup(struct strbuf *to, struct word text)
{
	struct word path = {0};

	while (text.size > 0) {
		const char *end = memchr(text.text, '\n', text.size);
		struct word line = {text.text, end ? (size_t)(end - text.text) : text.size};
		struct word controllers, this;

		text.size -= line.size + (end != NULL);
		text.text += line.size + (end != NULL);
		if (!word_cut(&line, ':', &controllers) || !word_cut(&controllers, ':', &this))
			continue;
		if (path.size == 0 || controllers.size == 0)
			path = this;
	}
	if (path.size > 1 && path.size <= NAME_MAX)
		attributes_add(to, "process.linux.cgroup", path);
}

static void add_container(struct strbuf *to)
{
	static char text[CHUNK]; /* used in the constructor only */
	struct word cgroup = read_first("/proc/self/cgroup", text, sizeof(text)), id;

	cgroup = whole_lines(cgroup, sizeof(text));

	if (find_id(cgroup, &id))
		attributes_add(to, "container.id", id);
	else
		add_mounted_container(to);
	add_cgroup(to, cgroup);
}

/* --- Its start. --- */

/* Appends the time of start: in /proc/PID/stat it is in clock ticks since the machine was booted.
 * The program's name, in parentheses, may have any characters. */
static void add_start(struct strbuf *to, struct word text)
{
	uint64_t boot_ns = clock_read(CLOCK_BOOTTIME), now_ns = clock_read(CLOCK_REALTIME), ticks;
	const char *name_end = memrchr(text.text, ')', text.size);
	struct word field = {name_end, name_end ? (size_t)(text.text + text.size - name_end) : 0};
	struct word rest;
	char stamp[40];
	struct strbuf buf;

	for (unsigned number = 2; number < STAT_AFTER_STARTED; number++) {
		if (!word_cut(&field, ' ', &rest))
			return;
		field = rest;
	}
	if (!word_cut(&field, ' ', &rest) || !word_number(field, &ticks) ||
	    ticks > boot_ns / TICK_NS)
		return;
	strbuf_init(&buf, stamp, sizeof(stamp));
	now_ns -= boot_ns - ticks * TICK_NS;
	stamp_utc(&buf, (int64_t)(now_ns - now_ns % TICK_NS));
	attributes_add(to, "process.creation.time", (struct word){stamp, buf.size});
}

static void read_start(void *unused)
{
	char text[CHUNK];
	struct strbuf to;

	(void)unused;
	strbuf_init(&to, list, sizeof(list));
	to.size = lasting;
	add_start(&to, read_first("/proc/self/stat", text, sizeof(text)));
	list[to.size] = '\0';
}

void identity_start(const char *tags)
{
	char text[256];
	struct strbuf to;

	strbuf_init(&to, list, sizeof(list));
	attributes_add(&to, "host.name",
		       read_first("/proc/sys/kernel/hostname", text, sizeof(text)));
	attributes_add(&to, "host.boot.id",
		       read_first("/proc/sys/kernel/random/boot_id", text, sizeof(text)));
	add_container(&to);
	for (size_t size; *tags != '\0'; tags += size) {
		size = strlen(tags) + 1;
		if (to.capacity - to.size > size)
			strbuf_bytes(&to, tags, size);
	}
	lasting = to.size;
	read_start(NULL);
}

void identity_start_over(void)
{
	list[lasting] = '\0';
	if (!restriction_is_filter())
		aside_run(read_start, NULL);
}
