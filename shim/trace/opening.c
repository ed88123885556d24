#include "trace/opening.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "conn/tcpinfo.h"
#include "format/facts.h"
#include "guest/process.h"
#include "guest/thread.h"
#include "settings/config.h"
#include "trace/classify.h"
#include "trace/descriptor.h"
#include "trace/emit.h"
#include "trace/enforce.h"

/* Attaches a descriptor that the call has made to a new connection. Returns the connection with a
 * reference for the caller. *old_fd: fd, if it was watched and its close was never seen; otherwise
 * unchanged. */
static struct conn *attach_new(const struct call *call, int fd, enum conn_kind kind,
			       uint64_t now_ns, int *old_fd)
{
	struct conn *conn = classify_create(kind, call->forks, now_ns), *old;
	uint64_t slot;

	if (!conn)
		return NULL;
	slot = conn_slot(conn);
	old = descriptor_attach(fd, conn);
	if (old) {
		*old_fd = fd;
		conn_release(old);
	}
	return conn_acquire(slot);
}

bool opening_socket(struct area *area, struct call *call, int64_t result, int error,
		    uint64_t now_ns, bool is_shown)
{
	enum conn_kind kind;
	struct conn *conn;
	int old_fd = -1;

	if (!classify_is_watched_socket((int)call->arguments[0], (int)call->arguments[1],
					(int)call->arguments[2], &kind)) {
		if (error == 0 && process_is_itself())
			descriptor_replace((int)result, FD_UNWATCHED);
		return false;
	}
	if (error != 0 || !process_is_itself()) /* the child of vfork has its own descriptors */
		return true;
	conn = attach_new(call, (int)result, kind, now_ns, &old_fd);
	if (!conn)
		return true;
	atomic_store(&conn->is_nonblocking, (call->arguments[1] & SOCK_NONBLOCK) != 0);
	area->step = (struct conn_step){.effect = EFFECT_CREATE,
					.fd = (int)result,
					.other_fd = old_fd,
					.now_ns = now_ns};
	emit_step(area, conn, is_shown);
	conn_release(conn);
	return true;
}

/* Reads both addresses of an accepted connection and applies the policies: what was set on the
 * listener does not reach a connection that was queued before. */
static void apply_policies(int fd, struct conn *conn)
{
	if (conn->kind != CONN_KIND_TCP)
		return;
	if (process_is_tracing || config.match.count != 0)
		classify_read_addresses(fd, conn);
	if (config.match.count != 0)
		classify_match(fd, conn, ROLE_SERVER);
	enforce_options(fd, conn);
}

/* A connection that has waited this long in the accept queue may not be alone there. */
enum { QUEUED_MS = 10 };

/* Asks the listening socket how full its accept queue was before this accept, where that may
 * matter. A full queue is reported once, until it has been found with room. */
static void measure_queue(const struct call *call, struct conn_step *step)
{
	struct tcpinfo info;
	struct conn *listener;
	bool is_full;

	if (step->after.state == STATE_UNKNOWN || step->after.state == STATE_SYN_RECV ||
	    step->after.last_ack_received_ms < QUEUED_MS || fdtable_load(call->fd) != call->slot ||
	    tcpinfo_sample(call->fd, TCPINFO_STATE, &info) < 0 || info.state != STATE_LISTEN)
		return;
	listener = conn_acquire(call->slot);
	if (!listener)
		return;
	is_full = info.queue_length + 1 > info.queue_limit;
	if (is_full &&
	    !(atomic_fetch_or(&listener->flags, CONN_FLAG_QUEUE_FULL) & CONN_FLAG_QUEUE_FULL)) {
		step->queue_length = info.queue_length + 1;
		step->queue_limit = info.queue_limit;
	} else if (info.queue_length <= info.queue_limit / 2) {
		atomic_fetch_and(&listener->flags, ~(uint32_t)CONN_FLAG_QUEUE_FULL);
	}
	conn_release(listener);
}

/* Returns false if the accepted connection is untraced. */
bool opening_accept(struct area *area, struct call *call, int64_t result, int error,
		    uint64_t now_ns, bool is_shown)
{
	struct conn *listener = conn_acquire(call->slot), *conn;
	enum conn_kind kind = listener ? (enum conn_kind)listener->kind : CONN_KIND_TCP;
	int old_fd = -1;

	if (listener)
		conn_release(listener);
	if (error != 0 || !process_is_itself())
		return true;
	conn = attach_new(call, (int)result, kind, now_ns, &old_fd);
	if (!conn)
		return true;
	emit_pin(conn);
	atomic_store(&conn->is_nonblocking,
		     call->id == CALL_accept4 && (call->arguments[3] & SOCK_NONBLOCK));
	/* What the kernel has just written is known without asking it. */
	if (is_shown && area->event.address)
		facts_read_sockaddr(&conn->peer, area->event.address, area->event.address_size);
	apply_policies((int)result, conn);
	is_shown = is_shown && !atomic_load(&conn->is_untraced);
	area->step = (struct conn_step){
		.effect = EFFECT_ACCEPT,
		.fd = (int)result,
		.other_fd = old_fd,
		.start_ns = call->start_ns,
		.now_ns = now_ns,
	};
	if (is_shown && emit_has_notes() && kind == CONN_KIND_TCP) {
		tcpinfo_sample((int)result, TCPINFO_STATE, &area->step.after);
		measure_queue(call, &area->step);
	}
	emit_step(area, conn, is_shown);
	emit_unpin(conn);
	return is_shown;
}

/* Attaches the two ends of a socketpair. */
bool opening_pair(struct area *area, struct call *call, int error, uint64_t now_ns, bool is_shown)
{
	enum conn_kind kind;
	int pair[2];
	bool is_watched =
		classify_is_watched_socket((int)call->arguments[0], (int)call->arguments[1],
					   (int)call->arguments[2], &kind);

	if (error != 0 || !process_is_itself())
		return is_watched;
	memcpy(pair, (const void *)(uintptr_t)call->arguments[3], sizeof(pair));
	for (unsigned i = 0; i < 2; i++) {
		int old_fd = -1;
		struct conn *conn;

		if (!is_watched) {
			descriptor_replace(pair[i], FD_UNWATCHED);
			continue;
		}
		conn = attach_new(call, pair[i], kind, now_ns, &old_fd);
		if (!conn)
			continue;
		atomic_store(&conn->is_nonblocking, (call->arguments[1] & SOCK_NONBLOCK) != 0);
		area->step = (struct conn_step){.effect = EFFECT_CREATE,
						.fd = pair[i],
						.other_fd = old_fd,
						.now_ns = now_ns};
		emit_step(area, conn, is_shown);
		conn_release(conn);
	}
	return is_watched;
}

/* Attaches a descriptor taken from another process, in which it was open before. */
bool opening_adopt(struct area *area, struct call *call, int64_t result, int error, uint64_t now_ns,
		   bool is_shown)
{
	struct conn *conn;

	if (error != 0 || !process_is_itself())
		return false;
	descriptor_replace((int)result, FD_UNKNOWN);
	if (!classify_descriptor((int)result, now_ns))
		return false;
	conn = conn_acquire(fdtable_load((int)result));
	if (!conn)
		return false;
	emit_pin(conn);
	area->step = (struct conn_step){.effect = EFFECT_ADOPT,
					.fd = (int)result,
					.other_fd = -1,
					.start_ns = call->start_ns,
					.now_ns = now_ns};
	emit_step(area, conn, is_shown);
	emit_unpin(conn);
	return is_shown;
}

void opening_unshown(struct call *call, int64_t result, uint64_t now_ns)
{
	bool is_accept = call_rows[call->id].effect == EFFECT_ACCEPT;
	struct conn *conn = NULL;
	enum conn_kind kind = CONN_KIND_TCP;
	int old_fd = -1;

	if (is_accept ||
	    (call_rows[call->id].effect == EFFECT_CREATE &&
	     classify_is_watched_socket((int)call->arguments[0], (int)call->arguments[1],
					(int)call->arguments[2], &kind)))
		conn = attach_new(call, (int)result, kind, now_ns, &old_fd);
	if (!conn)
		return;
	if (is_accept)
		apply_policies((int)result, conn);
	conn_release(conn);
}
