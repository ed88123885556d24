#include "sys/cgroup.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "format/strbuf.h"
#include "format/words.h"
#include "sys/raw.h"

/* Reads a small file into text, without its last newline. The text is empty if the file cannot be
 * read. */
static void read_text(const char *path, char *text, size_t size)
{
	long fd = raw_syscall4(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0), got = 0;

	if (fd >= 0) {
		got = raw_syscall3(SYS_read, fd, (long)text, (long)size - 1);
		raw_close((int)fd);
	}
	got = got > 0 ? got : 0;
	text[got] = '\0';
	if (got > 0 && text[got - 1] == '\n')
		text[got - 1] = '\0';
}

/* Reads the limit of the cgroup at folder and path. "max" means no limit. */
static uint64_t read_limit(const char *folder, struct word path, const char *file)
{
	char name[PATH_MAX / 4], text[32];
	struct strbuf line;
	uint64_t bytes;

	strbuf_init(&line, name, sizeof(name) - 1);
	strbuf_string(&line, folder);
	strbuf_bytes(&line, path.text, path.size);
	strbuf_string(&line, file);
	name[line.size] = '\0';
	read_text(name, text, sizeof(text));
	return word_number(word_of(text), &bytes) ? bytes : UINT64_MAX;
}

/* Returns the smallest limit of a cgroup and its ancestors. In a container, path may be the host's
 * while the mounted tree begins at the container's own cgroup; the last step, with an empty path,
 * reads that one. */
static uint64_t least_limit(const char *folder, struct word path, const char *file)
{
	uint64_t least = UINT64_MAX;

	for (;;) {
		uint64_t bytes;

		while (path.size > 0 && path.text[path.size - 1] == '/')
			path.size--;
		bytes = read_limit(folder, path, file);
		least = bytes < least ? bytes : least;
		if (path.size == 0)
			return least;
		while (path.size > 0 && path.text[path.size - 1] != '/')
			path.size--;
	}
}

static bool has_memory(struct word controllers)
{
	const char *found = memmem(controllers.text, controllers.size, "memory", strlen("memory"));

	return found != NULL;
}

uint64_t cgroup_memory_limit(void)
{
	char text[PATH_MAX / 4];
	const char *rest = text;
	uint64_t least = UINT64_MAX;
	struct word line, controllers, path;

	read_text("/proc/thread-self/cgroup", text, sizeof(text));
	/* HIERARCHY:CONTROLLERS:PATH; the line of version 2 has no controllers */
	while (word_next(&rest, '\n', &line)) {
		uint64_t bytes = UINT64_MAX;

		if (!word_cut(&line, ':', &controllers) || !word_cut(&controllers, ':', &path))
			continue;
		if (controllers.size == 0)
			bytes = least_limit("/sys/fs/cgroup", path, "/memory.max");
		else if (has_memory(controllers))
			bytes = least_limit("/sys/fs/cgroup/memory", path,
					    "/memory.limit_in_bytes");
		least = bytes < least ? bytes : least;
	}
	return least;
}
