/*
 * attributes: what tells the events and rows of one process from those of others: its machine, its
 * container, when it started, and the user's tags (TCPSHIM_TAGS).
 *
 * A list of them is strings "name=value", each ended by a zero, with an empty string after the
 * last. Names are those of OpenTelemetry's semantic conventions where one exists. Values are UTF-8
 * without control characters, quotation marks and backslashes.
 *
 * Pure. Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_ATTRIBUTES_H
#define FORMAT_ATTRIBUTES_H

#include "format/strbuf.h"
#include "format/words.h"

enum {
	ATTRIBUTES_BYTES = 1024,    /* a list, with its last zero */
	ATTRIBUTES_TAG_BYTES = 400, /* what TCPSHIM_TAGS may take of it */
};

/* Takes the next attribute of a list; *list: where to go on. Returns false after the last one. */
bool attributes_next(const char **list, struct word *name, const char **value);

/* Returns the value of this name, NULL if the list has none. list may be NULL. */
const char *attributes_find(const char *list, const char *name);

/* Returns the size of a list in bytes, with its last zero. */
size_t attributes_size(const char *list);

/* Appends an attribute, without the zero that ends the list. A byte that a value may not have
 * becomes '?'. Appends nothing if the value is empty or there is no room for all of it. */
void attributes_add(struct strbuf *list, const char *name, struct word value);

/* Reads KEY=VALUE,... and appends them: service, version, namespace, instance and environment by
 * OpenTelemetry's names, other names with a dot as they are, and the others as tag.NAME. Returns
 * false if they are not understood, or take more than ATTRIBUTES_TAG_BYTES. */
bool attributes_read_tags(struct strbuf *list, const char *value);

/* Returns whether size bytes from a file are a list. */
bool attributes_are_valid(const char *list, size_t size);

/* Copies a list. list: NULL is an empty one. */
void attributes_copy(char to[ATTRIBUTES_BYTES], const char *list);

/* Removes from the list what the other one does not have, or has with another value. */
void attributes_keep_common(char *list, const char *other);

/* Appends them as further members of an object that has one. list may be NULL. */
void attributes_json(struct strbuf *buf, const char *list);

#endif
