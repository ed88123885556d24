/*
 * tcpinfo: samples what the kernel knows of a connection: at its transitions, before a write after
 * a pause, after waits of a second.
 *
 * Consumes nothing: uses TCP_INFO, SIOCINQ, SIOCOUTQ and plain getsockopt, never SO_ERROR (I10). A
 * sample is several system calls, so it is never taken on the path of an ordinary read or write.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I3, I5,
 * I10.
 */
#ifndef CONN_TCPINFO_H
#define CONN_TCPINFO_H

#include <stdbool.h>
#include <stdint.h>

#include "tcpshim/event.h"

/* Units are part of the names. A field that this kernel does not have is 0. */
struct tcpinfo {
	uint8_t state; /* enum tcpshim_tcp_state; STATE_UNKNOWN: not sampled */
	uint8_t role; /* of a connection, derived from what was acknowledged; otherwise ROLE_NONE */
	uint8_t retransmits; /* consecutive timeouts, at present */
	uint8_t probes;      /* unanswered keepalive or window probes, at present */
	bool has_keepalive;
	bool has_receive_timeout;
	bool has_error;       /* an error is pending, as poll shows without consuming it */
	bool is_linger_abort; /* SO_LINGER on with 0 seconds */
	bool is_in_repair;    /* TCP_REPAIR: the peer is sent nothing */
	bool is_nagle;        /* TCP_NODELAY and TCP_CORK are off; only if TCPINFO_NAGLE */
	/* The peer may have acknowledged something after its FIN: then last_ack_received_ms is not
	 * the age of the FIN. Only in CLOSE_WAIT. */
	bool may_have_acknowledged;
	bool has_unread; /* unread_bytes was measured */
	uint32_t keepalive_count;
	uint64_t keepalive_idle_ns;
	uint64_t keepalive_limit_ns; /* keepalive ends it after this time without an answer */
	uint32_t retransmits_total;
	uint32_t last_ack_received_ms;
	uint32_t last_data_ms;      /* since data came, was sent, or was sent again */
	uint32_t last_data_sent_ms; /* retransmissions count */
	uint32_t timer_ms;          /* the retransmission timer, including its doublings */
	uint32_t rtt_us, rtt_variation_us, congestion_window /* segments */;
	uint32_t send_window_bytes;
	uint32_t in_flight;                 /* segments */
	uint32_t queue_length, queue_limit; /* of a listening socket: its accept queue */
	uint64_t busy_ns, window_limited_ns, buffer_limited_ns; /* as tcpi_busy_time and so on */
	uint64_t received_bytes;     /* as tcpi_bytes_received: including a FIN of the peer */
	uint64_t acknowledged_bytes; /* as tcpi_bytes_acked: including a SYN or FIN of this side */
	uint32_t unread_bytes;
	uint32_t unsent_bytes; /* SIOCOUTQ: not acknowledged, whether sent or not */
	uint64_t user_timeout_ns;
	/* how long tcp_retries2 lets data wait at least; only if TCPINFO_LIMIT */
	uint64_t data_timeout_ns;
};

enum tcpinfo_parts {
	TCPINFO_STATE = 0,
	/* unread_bytes, unsent_bytes, is_linger_abort, is_in_repair, role */
	TCPINFO_QUEUES = 1 << 0,
	TCPINFO_TIMERS = 1 << 1, /* keepalive, receive and user timeout */
	TCPINFO_LIMIT = 1 << 2,  /* data_timeout_ns: opens a file in /proc/sys for a moment */
	TCPINFO_NAGLE = 1 << 3   /* is_nagle */
};

/* Samples the parts. Returns 0 or -errno (-ENOTSOCK, -EBADF: the descriptor does not refer to the
 * expected socket; -EPERM: a filter of the program forbids it). */
int tcpinfo_sample(int fd, unsigned parts, struct tcpinfo *info);

/* Counts the ports that the kernel gives to outgoing connections (ip_local_port_range), and the
 * sockets in TIME_WAIT in this network namespace; finds out whether it has an IPv6 address beside
 * ::1 and link-local ones. 0 where that cannot be read. Opens files in /proc for a moment. */
struct tcpinfo_ports {
	uint32_t ports, time_waits;
	bool has_ipv6;
};
void tcpinfo_count_ports(struct tcpinfo_ports *ports);

/* Must be called when the program sets TCP_REPAIR on any socket: before that, samples do not ask
 * for it. */
void tcpinfo_expect_repair(void);

/* Returns how long tcp_retries2 = retries lets unacknowledged data wait before the next
 * retransmission timer ends the connection: RTO_MIN doubling up to RTO_MAX (retransmits_timed_out,
 * net/ipv4/tcp_timer.c). */
uint64_t tcpinfo_data_timeout_ns(unsigned retries);

#endif
