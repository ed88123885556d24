/*
 * stacks: the call stacks of recordings, each that differs once, reduced to the program's own code.
 *
 * Of a stack are kept the innermost frame that is neither libc's nor the library's, its callers,
 * and, if they are all of a library, the innermost frame of the file that the outermost is of: up
 * to STACK_FRAMES in all. Frames are compared by file and offset, so the processes of one program
 * have the same stacks. Memory: about 100 bytes per stack, and no more than MOST_STACKS of them.
 * Context: the command; exits if there is not enough memory. Locks: none.
 */
#ifndef READER_STACKS_H
#define READER_STACKS_H

#include "format/strbuf.h"
#include "reader/reader.h"

enum { STACK_FRAMES = 4 };

struct stack_frame {
	uint64_t address;
	size_t module; /* its place in reader->modules */
};

struct stack {
	const struct reader *reader;
	uint32_t count;
	struct stack_frame frames[STACK_FRAMES];
};

/* A hash table from 64-bit keys to numbers; a key of 0 is a free place. */
struct stack_numbers {
	uint64_t *keys;
	uint32_t *numbers;
	size_t count, capacity;
};

/* Zero before the first stack. */
struct stacks {
	struct stack *list;
	uint32_t count, capacity;
	struct stack_numbers by_addresses, by_places;
};

/* Returns the number of an event's stack, from 1. 0: it has none, none of its frames is in a file
 * that is known, or there are too many stacks. */
uint32_t stacks_number(struct stacks *stacks, const struct reader *reader,
		       const struct tcpshim_event *event);

/* Appends a stack, the innermost frame first: "server(answer+0x1c) server.c:42, from
 * server(main+0x93) server.c:80". */
void stacks_append(const struct stacks *stacks, uint32_t number, struct strbuf *buf);

/* Appends one of its frames as a report has it; is_short: without the folder of its file. Returns
 * false if it has no more. */
bool stacks_append_frame(const struct stacks *stacks, uint32_t number, uint32_t frame,
			 bool is_short, struct strbuf *buf);

void stacks_clear(struct stacks *stacks);

#endif
