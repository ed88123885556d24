/*
 * names: constants as the symbols of their headers.
 *
 * Pure: a number in, text appended. What is unknown is printed as a number (values) or in hex
 * (flags).
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_NAMES_H
#define FORMAT_NAMES_H

#include "format/strbuf.h"

void names_error(struct strbuf *buf, int error); /* ECONNRESET */
void names_signal(struct strbuf *buf, int number);
void names_domain(struct strbuf *buf, int domain);
void names_socket_type(struct strbuf *buf, int type); /* with SOCK_NONBLOCK, SOCK_CLOEXEC */
void names_socket_flags(struct strbuf *buf, int flags);
/* The protocol's names depend on the domain. */
void names_protocol(struct strbuf *buf, int domain, int protocol);
void names_shutdown_how(struct strbuf *buf, int how);
void names_message_flags(struct strbuf *buf, int flags);
void names_open_flags(struct strbuf *buf, int flags);
void names_close_range_flags(struct strbuf *buf, unsigned flags);
void names_rw_flags(struct strbuf *buf, int flags); /* RWF_* */
void names_splice_flags(struct strbuf *buf, unsigned flags);
void names_fcntl_command(struct strbuf *buf, int command);
void names_ioctl_request(struct strbuf *buf, unsigned long request);
void names_poll_events(struct strbuf *buf, uint32_t events);
void names_epoll_events(struct strbuf *buf, uint32_t events);
void names_epoll_flags(struct strbuf *buf, int flags);
void names_epoll_operation(struct strbuf *buf, int operation);
void names_select_events(struct strbuf *buf, uint32_t events);
void names_scenario(struct strbuf *buf, int scenario); /* power-off */
const char *names_tcp_state(unsigned state);           /* "ESTABLISHED"; "unknown" */

#endif
