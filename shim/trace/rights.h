/*
 * rights: descriptors that are passed over unix sockets (SCM_RIGHTS, unix(7)).
 *
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I4, I5.
 */
#ifndef TRACE_RIGHTS_H
#define TRACE_RIGHTS_H

#include <sys/socket.h>

/* Notes, before a message is sent, that another process may have the connections open whose
 * descriptors it passes. */
void rights_sent(const struct msghdr *message);

/* Classifies, after a message was received, the descriptors that it brought. */
void rights_received(const struct msghdr *message);

#endif
