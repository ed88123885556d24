/*
 * option_name: the names of socket options, and how their values are printed.
 *
 * Pure: what is unknown is printed as a number.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_OPTION_NAME_H
#define FORMAT_OPTION_NAME_H

#include "format/strbuf.h"

void option_name_level(struct strbuf *buf, int level);
void option_name(struct strbuf *buf, int level, int name);

/* How an option's value is printed. */
enum option_kind {
	OPTION_KIND_INTEGER,
	OPTION_KIND_ERROR,
	OPTION_KIND_LINGER,
	OPTION_KIND_TIMEVAL,
	OPTION_KIND_STRING,
	OPTION_KIND_OPAQUE
};
enum option_kind option_name_kind(int level, int name);

#endif
