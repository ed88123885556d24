/*
 * resolver_message: the messages between the command and its resolver process, over a socket pair.
 *
 * The command sends a question and receives a reply. Meanwhile the child may ask for further files,
 * each of which is answered by a message of one byte that carries the descriptor, if there is one.
 * Context: the command and its child. Locks: none. Errno: set on failure.
 */
#ifndef READER_RESOLVER_MESSAGE_H
#define READER_RESOLVER_MESSAGE_H

#include <limits.h>
#include <stddef.h>

#include "reader/debug_file.h"

/* From the command. If is_first, it carries the descriptor of the file. */
struct resolver_question {
	uint32_t number;   /* of the file */
	uint32_t is_first; /* the first question about this file */
	uint64_t offset;   /* in the file */
	char path[PATH_MAX];
};

/* From the child. */
struct resolver_reply {
	uint32_t is_open; /* the child asks for the file of this path */
	uint32_t padding;
	union {
		struct resolved resolved;
		char path[PATH_MAX];
	};
};

/* Sends a message, with a descriptor if fd is not -1. Returns false on an error. */
bool resolver_message_send(int to, const void *bytes, size_t size, int fd);

/* Receives a message of exactly size bytes. *fd: the descriptor that came with it, -1 if none did;
 * fd is NULL where none is expected. Returns false on an error. */
bool resolver_message_receive(int from, void *bytes, size_t size, int *fd);

#endif
