/* Notes on connections that are opened, in the order of notes.def. */
#include "conn/predicate.h"

#include <errno.h>
#include <sys/socket.h>

/* A name lookup of this duration is worth a note. */
#define LONG_LOOKUP_NS UINT64_C(100000000)
/* The first SYN is sent again after a second, less the kernel's ticks. */
#define SYN_TIMEOUT_NS UINT64_C(900000000)
/* A connection that waited this long in the accept queue is worth a warning. */
#define LONG_QUEUE_NS UINT64_C(1000000000)

bool is_adopted(const struct evidence *e)
{
	return (e->after->flags & CONN_FLAG_ADOPTED) && e->after->phase == CONN_PHASE_OPEN;
}

bool is_closed_unseen(const struct evidence *e)
{
	return (e->step->effect == EFFECT_CREATE || e->step->effect == EFFECT_ACCEPT) &&
	       e->step->other_fd >= 0 && e->step->error == 0;
}

bool is_connecting(const struct evidence *e)
{
	return e->step->effect == EFFECT_CONNECT && e->step->error == EINPROGRESS;
}

static bool is_any_connected(const struct evidence *e)
{
	return e->before->phase != CONN_PHASE_OPEN && e->after->phase == CONN_PHASE_OPEN &&
	       e->step->effect != EFFECT_ACCEPT;
}

bool is_connected_later(const struct evidence *e)
{
	return is_any_connected(e) && e->before->phase == CONN_PHASE_CONNECTING;
}

bool is_connected(const struct evidence *e)
{
	return is_any_connected(e) && e->before->phase != CONN_PHASE_CONNECTING;
}

bool is_connect_slow(const struct evidence *e)
{
	/* tcpi_total_retrans counts data too, if the program looks late. */
	return is_any_connected(e) && e->step->after.retransmits_total > 0 &&
	       e->facts->handshake_ns >= SYN_TIMEOUT_NS;
}

/* Returns whether a connect may have failed in this call: its own error, or the one that the
 * program read by SO_ERROR later. */
static bool has_connect_failed(const struct evidence *e)
{
	if (e->after->phase == CONN_PHASE_OPEN || e->before->phase == CONN_PHASE_OPEN)
		return false;
	return e->step->effect == EFFECT_CONNECT || e->before->phase == CONN_PHASE_CONNECTING;
}

bool is_connect_refused(const struct evidence *e)
{
	return has_connect_failed(e) && e->step->error == ECONNREFUSED;
}

bool is_connect_timed_out(const struct evidence *e)
{
	return has_connect_failed(e) && e->step->error == ETIMEDOUT;
}

bool is_connect_unreachable(const struct evidence *e)
{
	return has_connect_failed(e) &&
	       (e->step->error == EHOSTUNREACH || e->step->error == ENETUNREACH);
}

bool is_connect_reset(const struct evidence *e)
{
	return has_connect_failed(e) && e->step->error == ECONNRESET;
}

/* Returns whether only a local port can have been missing: the socket is not bound to one, and an
 * address of its family exists. IPv4 has no other reason for EADDRNOTAVAIL (__inet_hash_connect,
 * net/ipv4/inet_hashtables.c). */
static bool lacks_port(const struct evidence *e)
{
	return e->after->local.port == 0 && e->step->ports.ports != 0 &&
	       (e->after->peer.family == AF_INET || e->step->ports.has_ipv6);
}

bool is_ports_exhausted(const struct evidence *e)
{
	return has_connect_failed(e) && e->step->error == EADDRNOTAVAIL && lacks_port(e);
}

bool is_no_local_address(const struct evidence *e)
{
	return has_connect_failed(e) && e->step->error == EADDRNOTAVAIL && !lacks_port(e);
}

bool is_name_lookup(const struct evidence *e)
{
	return e->step->effect == EFFECT_CONNECT && e->step->lookup_ns >= LONG_LOOKUP_NS;
}

static bool is_any_accepted(const struct evidence *e)
{
	return e->step->effect == EFFECT_ACCEPT && e->step->error == 0 && !e->step->is_sleeping;
}

bool is_accepted(const struct evidence *e)
{
	return is_any_accepted(e) && e->step->after.state != STATE_SYN_RECV;
}

bool is_accepted_early(const struct evidence *e)
{
	return is_any_accepted(e) && e->step->after.state == STATE_SYN_RECV;
}

bool is_accept_late(const struct evidence *e)
{
	return is_accepted(e) && e->facts->queued_ns >= LONG_QUEUE_NS;
}

/* The queue lets in one connection more than its limit, and this one has left it. */
bool is_accept_queue_full(const struct evidence *e)
{
	return is_accepted(e) && e->step->queue_limit > 0 &&
	       e->step->queue_length > e->step->queue_limit;
}
