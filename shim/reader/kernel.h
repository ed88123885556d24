/*
 * kernel: the TCP sockets of a network namespace, as the kernel reports them (sock_diag(7)).
 *
 * Context: the command; exits if it cannot return to its own namespace. Locks: none. Errno: set on
 * failure.
 */
#ifndef READER_KERNEL_H
#define READER_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcpshim/event.h"

struct kernel_socket {
	struct tcpshim_address local, peer;
	uint8_t state;      /* enum tcpshim_tcp_state */
	bool has_keepalive; /* if nothing is in the send queue: then no other timer hides its timer
			     */
	uint32_t send_queue_bytes, receive_queue_bytes;
	uint32_t send_window_bytes, receive_window_bytes;
	uint32_t rtt_us, retransmits_total;
};

struct kernel_table {
	struct kernel_socket *sockets;
	size_t count, capacity;
};

/* Reads the sockets of the network namespace that process pid is in. Returns false with errno if it
 * cannot. */
bool kernel_read(struct kernel_table *table, int pid);

/* Finds the socket with these two addresses; a listener if peer has family 0. Returns NULL if there
 * is none. */
const struct kernel_socket *kernel_find(const struct kernel_table *table,
					const struct tcpshim_address *local,
					const struct tcpshim_address *peer);

void kernel_free(struct kernel_table *table);

#endif
