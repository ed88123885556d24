/*
 * resolver: names the function and the source line at a place of a file, in a process of its own.
 *
 * Debug data is as untrusted as the recording that names the file, and libdw has no bounds: a small
 * section can expand to many gigabytes (SHF_COMPRESSED), tables can name each other, and a damaged
 * one can make it crash. To check sections beforehand would leave all that libdw reads in other
 * ways. So it runs in a child whose memory and processor time have limits, that can open no file
 * and start no program; what it needs the parent opens for it, as regular_open allows. If the child
 * ends, the file that it was asked about is given up, and after a few of them all are.
 */
#ifndef READER_RESOLVER_H
#define READER_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>

enum { RESOLVER_NAME_BYTES = 160, RESOLVER_SOURCE_BYTES = 48 };

struct resolved {
	uint64_t address; /* of the place, as the file counts */
	uint64_t offset;  /* from the function's start */
	uint32_t line;    /* 0: not known */
	uint32_t padding;
	char name[RESOLVER_NAME_BYTES]; /* "": not known; any bytes, as the source's */
	char source[RESOLVER_SOURCE_BYTES];
};

/* A file that is asked about. Zero but for the path, before the first time. */
struct resolver_file {
	const char *path; /* the caller's, for as long as it is asked about */
	uint32_t number;  /* for the child; 0: not opened yet */
	unsigned child;   /* the last one that has the file */
	bool is_given_up;
};

/* Resolves the byte at offset of the file. False: nothing is known of it. */
bool resolver_ask(struct resolver_file *file, uint64_t offset, struct resolved *to);

/* Ends the child. */
void resolver_end(void);

#endif
