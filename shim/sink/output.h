/*
 * output: the one descriptor that text goes to, kept out of the program's way.
 *
 * Owns a high, close-on-exec copy of the file, of standard error or of the descriptor that was
 * asked for. It is marked FD_OURS in the fd table, checked by what file it is, and found again if
 * the program closed it by a way that is not seen (I7): by its path only where that still leads to
 * the same file, or to none. A write raises no signal in the program (I8), and nothing is ever
 * written to a TCP socket. Functions return 0 or more, or -errno. Known holes: while it is found
 * again it has a low number for a moment; and then, and where a pipe or terminal could not be
 * opened anew at the start, a write may wait although there was room a moment before.
 * Context: output_start in the constructor; the rest any thread, signal handler, after fork. Locks:
 * none. Errno: untouched. Keeps I3, I5, I7, I8.
 */
#ifndef SINK_OUTPUT_H
#define SINK_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int output_start(void);

/* In a new process: its own file if the path has %p. */
int output_start_over(void);

/* The file belongs to this process alone: its path has %p. */
bool output_is_own_file(void);

/* A regular file that held what this process did not write when it was last checked. An estimate,
 * and not to be asked, while several threads write. */
bool output_is_shared(void);
bool output_is_regular(void);

bool output_is_terminal(void);

/* Whether a write may wait, or raise SIGPIPE or SIGXFSZ: the caller holds all signals back then. */
bool output_may_wait(void);

/* Makes sure that the descriptor is still ours: asks the kernel, but not more than once a
 * millisecond, since that costs half as much as a write. To be called before output_write. now_ns:
 * CLOCK_MONOTONIC. 0 or -errno. */
int output_check(uint64_t now_ns);

/* All of bytes in one write(2) if the kernel takes them so. 0 or -errno; *written: how many of them
 * were. */
int output_write(const char *bytes, size_t size, size_t *written);

/* The process is about to lose most system calls: a file that has a size limit is not written to
 * any more, since SIGXFSZ could not be held back then. */
void output_restrict(void);

/* Moves our descriptor away from fd, which the program is about to take over; nothing if fd is not
 * ours. */
void output_yield_fd(int fd);

/* Our descriptor's number now, -1 if there is none. */
int output_fd(void);

#endif
