/*
 * location: the paths that variables name.
 *
 * Context: the constructor only. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef SETTINGS_LOCATION_H
#define SETTINGS_LOCATION_H

#include <limits.h>
#include <stdbool.h>

/* Makes a relative path absolute, because the working directory may change later, and replaces %n
 * by the program's name. False if it is too long. */
bool location_expand(char to[PATH_MAX], const char *value, const char *program);

bool location_is_directory(const char *path);

#endif
