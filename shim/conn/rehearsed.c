#include "conn/rehearsed.h"

#include <poll.h>

#define NS_PER_MS UINT64_C(1000000)

void rehearsed_keep(struct conn *conn, const struct tcpinfo *info, uint64_t now_ns)
{
	struct conn_rehearsal *rehearsal = &conn->rehearsal;

	atomic_store(&rehearsal->acknowledged_bytes, info->acknowledged_bytes);
	atomic_store(&rehearsal->received_bytes, info->received_bytes);
	atomic_store(&rehearsal->retransmits_total, info->retransmits_total);
	atomic_store(&rehearsal->retransmits, info->retransmits);
	atomic_store(&rehearsal->probes, info->probes);
	atomic_store(&rehearsal->rtt_us, info->rtt_us);
	atomic_store(&rehearsal->rtt_variation_us, info->rtt_variation_us);
	atomic_store(&rehearsal->congestion_window, info->congestion_window);
	atomic_store(&rehearsal->send_window_bytes, info->send_window_bytes);
	atomic_store(&rehearsal->heard_ns, now_ns - info->last_ack_received_ms * NS_PER_MS);
	atomic_store(&rehearsal->moved_ns, now_ns - info->last_data_ms * NS_PER_MS);
	atomic_store(&rehearsal->reset_ns, now_ns);
}

static uint32_t since_ms(uint64_t then_ns, uint64_t now_ns)
{
	return now_ns > then_ns ? (uint32_t)((now_ns - then_ns) / NS_PER_MS) : 0;
}

/* Counters that end a connection's life with it. */
static void restore_counters(const struct conn_rehearsal *rehearsal, uint64_t now_ns,
			     struct tcpinfo *info)
{
	info->acknowledged_bytes = atomic_load(&rehearsal->acknowledged_bytes);
	info->received_bytes = atomic_load(&rehearsal->received_bytes);
	info->retransmits_total = atomic_load(&rehearsal->retransmits_total);
	info->retransmits = atomic_load(&rehearsal->retransmits);
	info->probes = atomic_load(&rehearsal->probes);
	info->rtt_us = atomic_load(&rehearsal->rtt_us);
	info->rtt_variation_us = atomic_load(&rehearsal->rtt_variation_us);
	info->congestion_window = atomic_load(&rehearsal->congestion_window);
	info->send_window_bytes = atomic_load(&rehearsal->send_window_bytes);
	info->last_ack_received_ms = since_ms(atomic_load(&rehearsal->heard_ns), now_ns);
	info->last_data_ms = since_ms(atomic_load(&rehearsal->moved_ns), now_ns);
}

/* is_first: this side's FIN was sent before the end of stream. */
static uint8_t state_with_fin(uint8_t state, bool is_first)
{
	switch (state) {
	case STATE_ESTABLISHED:
		return STATE_CLOSE_WAIT;
	case STATE_FIN_WAIT_1:
		return is_first ? STATE_CLOSING : STATE_LAST_ACK;
	case STATE_FIN_WAIT_2:
		return STATE_CLOSE;
	default:
		return state;
	}
}

void rehearsed_restore(const struct conn *conn, uint64_t now_ns, struct tcpinfo *info)
{
	const struct conn_rehearsal *rehearsal = &conn->rehearsal;
	uint32_t since_end_ms;

	if (atomic_load_explicit(&rehearsal->acted_ns, memory_order_relaxed) == 0 ||
	    info->state == STATE_UNKNOWN)
		return;
	if (atomic_load(&rehearsal->reset_ns) != 0)
		restore_counters(rehearsal, now_ns, info);
	if (!atomic_load(&rehearsal->has_end))
		return;
	/* A FIN counts as a byte, and carries an acknowledgement. */
	info->received_bytes++;
	since_end_ms = since_ms(atomic_load(&rehearsal->acted_ns), now_ns);
	if (info->last_ack_received_ms > since_end_ms)
		info->last_ack_received_ms = since_end_ms;
	info->state = state_with_fin(info->state, atomic_load(&conn->flags) & CONN_FLAG_FIN_FIRST);
}

uint32_t rehearsed_events(const struct conn *conn, uint32_t events)
{
	if ((events & POLLHUP) && atomic_load(&conn->rehearsal.has_end) &&
	    atomic_load(&conn->rehearsal.reset_ns) != 0 &&
	    !(atomic_load(&conn->flags) & CONN_FLAG_DEAD))
		return events | POLLERR;
	return events;
}
