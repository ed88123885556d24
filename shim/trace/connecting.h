/*
 * connecting: what a rehearsal does to a connect that the program is about to make.
 *
 * Context: any thread with its guard up, after fork. Locks: none. Errno: untouched. Keeps I3, I5.
 */
#ifndef TRACE_CONNECTING_H
#define TRACE_CONNECTING_H

#include <sys/socket.h>

#include "guest/thread.h"
#include "trace/call.h"

/* Lets the connect get no answer, or marks the call as one that is to be refused, if the rehearsal
 * asks for it. Heals a socket whose last connect got no answer. conn: the call's, referenced. */
void connecting_begin(struct area *area, struct call *call, struct conn *conn);

/* Writes the address that a refused connect goes to in place of the one that the call has. */
void connecting_nowhere(const struct call *call, struct sockaddr_storage *nowhere);

#endif
