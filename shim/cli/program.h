/*
 * program: whether the library can be loaded into a program, told before it is run.
 */
#ifndef CLI_PROGRAM_H
#define CLI_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

/* Finds name as execvp would. 0, or the exit status of a shell's words for it: 126 it may not be
 * run, 127 there is none; *error is the errno. */
int program_find(const char *name, char path[PATH_MAX], int *error);

/* What hinders the library in the program at path, as the end of "the library cannot be loaded: it
 * is …"; NULL: nothing does. Of a script its interpreter counts. */
const char *program_hindrance(const char *path);

#endif
