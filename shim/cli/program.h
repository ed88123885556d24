/*
 * program: finds a program, and whether and which library can be loaded into it, before it is run.
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

/* What the library is to be loaded into. */
struct program_kind {
	/* Why no library can be, as the end of a sentence that begins "it is"; NULL: one can. */
	const char *hindrance;
	/* The architecture, as Debian's multiarch directories are named; NULL: not known. */
	const char *architecture;
	bool is_musls; /* its loader is musl's */
};

/* The architecture of the command itself. */
extern const char program_own_architecture[];

/* Looks at the program at path. For a script its interpreter is looked at. What cannot be read, or
 * is no program, has no hindrance: the kernel will say. */
struct program_kind program_kind(const char *path);

#endif
