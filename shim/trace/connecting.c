#include "trace/connecting.h"

#include <netinet/in.h>
#include <string.h>

#include "format/facts.h"
#include "guest/alarm.h"
#include "guest/process.h"
#include "settings/rehearsal.h"
#include "sys/raw.h"
#include "trace/choice.h"
#include "trace/deed.h"
#include "trace/descriptor.h"

/* Lets the connect get no answer. until_ns: for how long. */
static void mute(struct area *area, struct call *call, struct conn *conn, int copy,
		 uint64_t until_ns)
{
	long result = deed_cut(copy, conn, call->address, call->address_size);

	atomic_store(&conn->rehearsal.acted_ns, process_now_ns());
	atomic_store(&conn->rehearsal.until_ns, until_ns);
	atomic_store(&conn->rehearsal.stage, REHEARSAL_STAGE_ACTED);
	if (until_ns != UINT64_MAX)
		alarm_set(until_ns);
	deed_report(area, conn, call->fd, REHEARSAL_ACTION_UNANSWERED, result, process_now_ns());
}

/* Returns whether a connect to port 0 of the loopback interface would not be refused at once: its
 * SYN would leave through another interface. */
static bool is_bound_elsewhere(const struct call *call, int copy)
{
	struct sockaddr_in6 six;

	if (deed_is_bound_to_device(copy))
		return true;
	if (call->address_size < sizeof(six))
		return false;
	memcpy(&six, call->address, sizeof(six));
	return six.sin6_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&six.sin6_addr);
}

static void refuse(struct area *area, struct call *call, struct conn *conn, int copy)
{
	call->is_refused = true;
	call->is_refused_here = is_bound_elsewhere(call, copy);
	atomic_store(&conn->rehearsal.acted_ns, process_now_ns());
	deed_report(area, conn, call->fd, REHEARSAL_ACTION_REFUSED, 0, process_now_ns());
}

/* Returns when the rehearsal of connects is over. */
static uint64_t connects_end_ns(void)
{
	return rehearsal_end_ns(&config.rehearsal,
				rehearsal_connects_ns(&config.rehearsal, process_base_ns()));
}

static void begin_connect(struct area *area, struct call *call, struct conn *conn, int copy)
{
	const struct scenario_row *row = rehearsal_scenario(&config.rehearsal);
	struct tcpshim_address peer = {0};
	uint64_t now_ns = process_now_ns(), failed_ns;

	if (call_is_disconnect(call)) {
		if (atomic_load(&conn->rehearsal.stage) == REHEARSAL_STAGE_ACTED &&
		    rehearsal_has_cut(row))
			deed_heal(copy, conn);
		return;
	}
	if (call->address_size == 0 || call->address_size != call->arguments[2] ||
	    !facts_read_sockaddr(&peer, call->address, call->address_size) ||
	    !choice_is_selected(conn) || atomic_load(&conn->phase) != CONN_PHASE_NEW)
		return;
	if (atomic_load(&conn->rehearsal.stage) == REHEARSAL_STAGE_ACTED) {
		deed_heal(copy, conn); /* its last connect got no answer */
		atomic_store(&conn->rehearsal.stage, REHEARSAL_STAGE_NONE);
	}
	conn->peer = peer;
	/* The kernel paces no connection before its first ten segments, which are of 64 KiB each on
	 * the loopback interface (tcp_update_skb_after_send, net/ipv4/tcp_output.c). */
	if (row->deed == REHEARSAL_SLOW && !config.rehearsal.has_choice)
		deed_limit_segments(copy);
	if (row->place == REHEARSAL_CONNECT) {
		bool is_due = choice_of_connect(conn);

		if (!is_due || !rehearsal_is_time(&config.rehearsal, process_base_ns(), now_ns))
			return;
		if (row->deed == REHEARSAL_REFUSE)
			refuse(area, call, conn, copy);
		else
			mute(area, call, conn, copy, connects_end_ns());
		return;
	}
	failed_ns = choice_failed_until_ns(&peer);
	if (row->later == REHEARSAL_UNANSWERED && failed_ns > now_ns)
		mute(area, call, conn, copy, failed_ns);
}

void connecting_begin(struct area *area, struct call *call, struct conn *conn)
{
	int copy;

	thread_block_signals();
	copy = descriptor_hold(call->fd, call->slot);
	if (copy < 0)
		return;
	begin_connect(area, call, conn, copy);
	raw_close(copy);
}

void connecting_nowhere(const struct call *call, struct sockaddr_storage *nowhere)
{
	struct sockaddr_in *four = (struct sockaddr_in *)nowhere;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)nowhere;

	memset(nowhere, 0, sizeof(*nowhere));
	memcpy(nowhere, call->address, call->address_size);
	if (nowhere->ss_family == AF_INET) {
		four->sin_port = 0;
		four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return;
	}
	six->sin6_port = 0;
	six->sin6_scope_id = 0;
	if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
		const uint32_t loopback = htonl(INADDR_LOOPBACK);

		memcpy(&six->sin6_addr.s6_addr[12], &loopback, sizeof(loopback));
	} else {
		six->sin6_addr = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
	}
}
