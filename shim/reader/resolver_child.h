/*
 * resolver_child: the process that reads debug data for the command.
 *
 * Debug data cannot be trusted, so the process limits its memory and its processor time, opens no
 * files and starts no programs. The files that it needs are opened by the command, one by one.
 * Context: a child of the command, after fork. Locks: none.
 */
#ifndef READER_RESOLVER_CHILD_H
#define READER_RESOLVER_CHILD_H

enum {
	RESOLVER_CHILD_MIB = 2048,   /* of memory, with the files, which are mapped */
	RESOLVER_CHILD_SECONDS = 20, /* of processor time */
	RESOLVER_CHILD_FILES = 4096, /* numbers of files are below this */
};

/* Answers questions from the socket until it is closed. */
_Noreturn void resolver_child_serve(int parent);

#endif
