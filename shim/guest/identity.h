/*
 * identity: the attributes of this process (format/attributes.h): its machine, its container, when
 * it started, and the tags of TCPSHIM_TAGS.
 *
 * Owns the list. What cannot be read is not in it. A new process reads its time of start; the rest
 * is its parent's.
 * Context: identity_start in the constructor; identity_start_over in a new process, with its guard
 * up; the list may be read in any thread, signal handler, after fork. Locks: none. Errno:
 * untouched. Keeps I3, I5, I7.
 */
#ifndef GUEST_IDENTITY_H
#define GUEST_IDENTITY_H

void identity_start(const char *tags);
void identity_start_over(void);

/* Returns the list; an empty one until identity_start. */
const char *identity_attributes(void);

#endif
