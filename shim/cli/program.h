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

/* Finds a name that is probably meant by one that is not found: a command's word, or a program in
 * PATH. Returns false if none is close. */
bool program_nearest(const char *name, char found[NAME_MAX + 1]);

/* What hinders the library in the program at path, as the end of "the library cannot be loaded: it
 * is …"; NULL: nothing does. Of a script its interpreter counts. */
const char *program_hindrance(const char *path);

#endif
