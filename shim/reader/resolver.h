/*
 * resolver: names the function and the source line at an offset of a file, in a process of its own.
 *
 * Debug data is as untrusted as the recording that names the file, and libdw has no limits: a small
 * section can expand to many gigabytes (SHF_COMPRESSED), tables can refer to each other in a
 * circle, and a damaged one can make it crash. It reads in too many ways to check the sections
 * beforehand. So it runs in a child whose memory and processor time are limited, and that can open
 * no file and start no program. The command opens the files that it needs, as regular_open allows.
 * If the child ends, the file that it was asked about is given up; after a few children all files
 * are.
 * Context: the command. Locks: none.
 */
#ifndef READER_RESOLVER_H
#define READER_RESOLVER_H

#include "reader/debug_file.h"

/* A file that is asked about. All but the path is zero before the first question. */
struct resolver_file {
	const char *path; /* the caller's, until the last question */
	uint32_t number;  /* in questions to the child; 0: none yet */
	unsigned child;   /* the last child that has the file, counted from 1 */
	bool is_given_up;
};

/* Finds what is at an offset of the file. Returns false if nothing is known. */
bool resolver_ask(struct resolver_file *file, uint64_t offset, struct resolved *to);

/* Ends the child. */
void resolver_end(void);

#endif
