/*
 * program: finds a program, and whether the library can be loaded into it, before it is run.
 */
#ifndef CLI_PROGRAM_H
#define CLI_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

/* Finds name as execvp does. Returns 0, or the exit status of a shell: 126 if it may not be run,
 * 127 if it does not exist; *error is the errno. */
int program_find(const char *name, char path[PATH_MAX], int *error);

/* Finds a name that is probably meant by one that is not found: a command's word, or a program in
 * PATH. Returns false if none is close. */
bool program_nearest(const char *name, char found[NAME_MAX + 1]);

/* Returns why the library cannot be loaded into the program at path, as the end of a sentence that
 * begins "it is"; NULL if it can. For a script its interpreter is checked. */
const char *program_hindrance(const char *path);

#endif
