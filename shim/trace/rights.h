/*
 * rights: descriptors that are passed over unix sockets (SCM_RIGHTS, unix(7)).
 *
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I4, I5.
 */
#ifndef TRACE_RIGHTS_H
#define TRACE_RIGHTS_H

#include <sys/socket.h>

/* Before a message is sent: another process may hold the connections whose descriptors its control
 * message passes from now on. */
void rights_sent(const struct msghdr *message);

/* After a message was received: classifies the descriptors that it brought. */
void rights_received(const struct msghdr *message);

#endif
