/*
 * debug_file: the functions and source lines of a program or library, by its symbols and debug
 * data.
 *
 * Uses libdw, which has no limits: a damaged file can make it crash or use any amount of memory. So
 * it runs only in the resolver's child (reader/resolver.h), and opens no file by itself: it asks
 * for each one.
 * Context: the resolver's child. Locks: none.
 */
#ifndef READER_DEBUG_FILE_H
#define READER_DEBUG_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { RESOLVED_NAME_BYTES = 160, RESOLVED_SOURCE_BYTES = 48 };

/* What is at an offset of a file. */
struct resolved {
	uint64_t address; /* by the file's own count */
	uint64_t offset;  /* from the function's start */
	uint32_t line;    /* 0: not known */
	uint32_t padding;
	char name[RESOLVED_NAME_BYTES]; /* "": not known; any bytes that the file holds */
	char source[RESOLVED_SOURCE_BYTES];
};

/* Copies a text, cut to capacity - 1 bytes. */
static inline void resolved_copy(char *to, size_t capacity, const char *text)
{
	size_t size = strnlen(text, capacity - 1);

	memcpy(to, text, size);
	to[size] = '\0';
}

/* A file. Zero before it is loaded, and if it cannot be. */
struct debug_file {
	struct Dwfl *dwfl;
	struct Dwfl_Module *module;
	char *path;
};

/* To be called first. opener: opens a file with debug data; returns its descriptor, or -1. */
void debug_file_start(int (*opener)(const char *path));

/* Loads a file. fd: is taken over. */
void debug_file_load(struct debug_file *to, const char *path, int fd);

/* Finds what is at an offset of the file. What is not known is zero in *to, but for the address. */
void debug_file_resolve(const struct debug_file *file, uint64_t offset, struct resolved *to);

#endif
