/*
 * cookie_map: finds the connection of a socket that was open before the library first saw it.
 *
 * Several inherited descriptors often refer to one socket (inetd's 0, 1 and 2); the kernel's
 * SO_COOKIE shows that. The map finds the connection of a cookie in constant time. An entry is not
 * removed; it is replaced when its connection is gone. Known hole: if COOKIE_MAP_PROBES
 * neighbouring entries are all taken by living connections, which takes tens of thousands of them,
 * an older entry is lost, and a further descriptor of that socket becomes a separate connection.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef CONN_COOKIE_MAP_H
#define CONN_COOKIE_MAP_H

#include <stdint.h>

#include "conn/conn.h"

enum { COOKIE_MAP_ENTRIES = 1 << 16, COOKIE_MAP_PROBES = 16 };

/* Stores conn under its cookie, which must not be 0. */
void cookie_map_store(const struct conn *conn);

/* Finds the living connection with this cookie and takes a reference. Returns NULL if there is
 * none. */
struct conn *cookie_map_acquire(uint64_t cookie);

#endif
