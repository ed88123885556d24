/*
 * cookie_map: which connection a socket is that the program had before it was first seen.
 *
 * Several inherited descriptors often stand for one socket (inetd's 0, 1 and 2); the kernel's
 * SO_COOKIE says so. The map finds the connection of a cookie in constant time. An entry is not
 * removed: it is replaced when its connection is gone. A known hole: where COOKIE_MAP_PROBES
 * neighbouring places are all taken by living connections, which takes tens of thousands of them,
 * an older entry is forgotten, and a further descriptor of its socket becomes a connection of its
 * own.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef CONN_COOKIE_MAP_H
#define CONN_COOKIE_MAP_H

#include <stdint.h>

#include "conn/conn.h"

enum { COOKIE_MAP_ENTRIES = 1 << 16, COOKIE_MAP_PROBES = 16 };

/* Stores conn under its cookie, which is not 0. */
void cookie_map_store(const struct conn *conn);

/* Finds the living connection with this cookie and takes a reference; NULL if there is none. */
struct conn *cookie_map_acquire(uint64_t cookie);

#endif
