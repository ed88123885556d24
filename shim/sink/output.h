/*
 * output: the descriptor that text is written to, kept away from the program.
 *
 * Owns a high, close-on-exec copy of the requested file, standard error or descriptor. The copy is
 * marked FD_OURS in the fd table, and the file that it refers to is checked. If the program closed
 * it in a way that is not seen, it is opened again (I7); by its path only if the path still leads
 * to the same file, or to none. A write raises no signal in the program (I8), and nothing is ever
 * written to a TCP socket. Functions return 0 or more, or -errno. Known holes: while it is opened
 * again it has a low number for a moment. After that, or if a pipe or terminal could not be opened
 * as a description of its own at the start, a write may wait although there was room a moment
 * before.
 * Context: output_start in the constructor; the rest any thread, signal handler, after fork. Locks:
 * none. Errno: untouched. Keeps I3, I5, I7, I8.
 */
#ifndef SINK_OUTPUT_H
#define SINK_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int output_start(void);

/* Runs in a new process: opens its own file if the path has %p. */
int output_start_over(void);

/* Returns whether the file belongs to this process alone: its path has %p. */
bool output_is_own_file(void);

/* Returns whether the output is a regular file that, when last checked, contained what this process
 * did not write. An estimate; must not be called while several threads write. */
bool output_is_shared(void);
bool output_is_regular(void);

bool output_is_terminal(void);

/* Returns whether a write may wait, or raise SIGPIPE or SIGXFSZ. The caller then blocks all
 * signals. */
bool output_may_wait(void);

/* Makes sure that the descriptor is still ours. Asks the kernel at most once per millisecond,
 * because that costs half as much as a write. Must be called before output_write. now_ns:
 * CLOCK_MONOTONIC. Returns 0 or -errno. */
int output_check(uint64_t now_ns);

/* Writes all bytes, in one write(2) if the kernel accepts them so. Returns 0 or -errno. *written:
 * how many were written. */
int output_write(const char *bytes, size_t size, size_t *written);

/* Stops writing to a file if there is a limit on file sizes: the process is about to lose most
 * system calls, and SIGXFSZ could not be blocked then. */
void output_restrict(void);

/* Moves our descriptor away from fd, which the program is about to replace. Does nothing if fd is
 * not ours. */
void output_yield_fd(int fd);

/* Returns our descriptor's present number, or -1 if there is none. */
int output_fd(void);

#endif
