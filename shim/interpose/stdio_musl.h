/*
 * stdio_musl: what musl's stdio reads, writes and closes on watched descriptors.
 *
 * musl's stdio makes its system calls inside libc, by functions whose addresses are in each FILE
 * (src/internal/stdio_impl.h; the FILE has been the same up to its descriptor since 1.0.0). They
 * are replaced in stdin, stdout and stderr at start, and in what fdopen makes of a connection.
 * Which functions to expect is learned from stdin, stdout and stderr: if anything in these is not
 * as expected, nothing is replaced. A FILE in which another function is found is left alone. Known
 * holes: dprintf makes a FILE of its own, which is not seen; and if a write fails after a part of
 * the buffer was sent, the part is not counted.
 * Context: stdio_musl_start in the constructor; the rest where the program may call fdopen and
 * fclose. Locks: stdio_musl_fd takes the FILE's lock, as fclose does. Errno: untouched. Keeps I1,
 * I3, I8.
 */
#ifndef INTERPOSE_STDIO_MUSL_H
#define INTERPOSE_STDIO_MUSL_H

#include <stdbool.h>
#include <stdio.h>

/* has_stdio: whether stdio is to be traced. */
void stdio_musl_start(bool has_stdio);

/* Replaces the functions of this FILE. */
void stdio_musl_hook(FILE *stream);

/* Returns the FILE's descriptor, -1 if it has none. */
int stdio_musl_fd(FILE *stream);

/* Returns whether the functions of this FILE were replaced. */
bool stdio_musl_is_hooked(const FILE *stream);

#endif
