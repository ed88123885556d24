/*
 * path: names of files with placeholders: %p the process id, %t a time.
 *
 * %n, the program's name, is replaced when the settings are read (settings/config.c).
 * Pure. Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_PATH_H
#define FORMAT_PATH_H

#include "format/strbuf.h"

struct path_values {
	int pid;
	int64_t realtime_ns; /* the time of day, for %t */
	bool has_time;       /* %t is replaced; if not, it stays */
	bool has_suffix;     /* "-" and the time follow each %p */
};

/* Appends the path with its placeholders replaced. */
void path_expand(struct strbuf *buf, const char *path, const struct path_values *values);

/* Whether the path has the placeholder of this letter. */
bool path_has(const char *path, char letter);

#endif
