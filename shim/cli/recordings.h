/*
 * recordings: the recordings that a command was given: files, and directories of them.
 *
 * Context: the command; exits if there is not enough memory.
 */
#ifndef CLI_RECORDINGS_H
#define CLI_RECORDINGS_H

#include "reader/reader.h"

struct recordings {
	struct reader **readers;
	size_t count, capacity;
	char **names; /* of files in directories */
	size_t name_count;
};

/* Opens them. A directory stands for the recordings in it: all files NAME.tcpshim. What is named
 * twice is read once. Returns false, after a message for each, where one cannot be read. */
bool recordings_open(struct recordings *recordings, const char *const *paths, size_t count);

/* Returns whether the directory has a recording. */
bool recordings_are_in(const char *directory);

/* Removes a directory and the recordings in it. */
void recordings_remove(const char *directory);

/* Says on standard error what a recording lacks, after it was read. */
void recordings_say_lost(const struct reader *reader);

void recordings_close(struct recordings *recordings);

#endif
