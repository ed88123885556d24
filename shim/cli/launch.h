/*
 * launch: runs a program with the library in front, as its parent.
 *
 * One program per command. Signals that are sent to the command are passed on to it; those from the
 * keyboard reach it directly.
 */
#ifndef CLI_LAUNCH_H
#define CLI_LAUNCH_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct launch {
	char **program; /* and its arguments */
	char path[PATH_MAX];
	pid_t pid;
	int started; /* the pipe through which the library reports that it was loaded */
	bool is_over;
	bool is_ended_here; /* the command ends it: that is not worth a line */
	int status;         /* as a shell has it */
	int killed_by;      /* the signal, 0: none, or the command's own */
};

/* Finds the program and puts the library in front of it, in the environment. program: kept. Returns
 * 0, or after a message the exit status of a shell. */
int launch_prepare(struct launch *launch, char **program);

/* Returns when the user first asked by a signal that it ends, of CLOCK_MONOTONIC; 0: not yet. */
uint64_t launch_asked_to_end_ns(void);

/* Starts it. Returns likewise. */
int launch_start(struct launch *launch);

/* Waits until it has ended. */
void launch_wait(struct launch *launch);

/* Waits for at most so long. Returns whether it has ended. */
bool launch_is_over(struct launch *launch, unsigned milliseconds);

/* Makes a directory for a recording of the program, which the caller removes. Returns false after a
 * message. */
bool launch_record(char directory[PATH_MAX]);

/* Asks for these stacks (TCPSHIM_STACK), unless the user has said which to take, or none can be
 * taken. */
void launch_imply_stacks(const char *stacks);

#endif
