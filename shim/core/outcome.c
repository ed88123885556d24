#include "core/outcome.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "core/annotate.h"
#include "core/config.h"
#include "core/decode.h"
#include "core/enforce.h"
#include "core/epoll_map.h"
#include "core/memory.h"
#include "core/sight.h"
#include "core/step.h"
#include "core/tell.h"
#include "format/facts.h"

/* A descriptor that the call made: as what it is to be known from now on. Returns its connection
 * with a reference of the caller's, and in *old_fd the number if a close of it was never seen. */
static struct conn *attach_new(const struct call *call, int fd, enum conn_kind kind,
			       uint64_t now_ns, int *old_fd)
{
	struct conn *conn = sight_make(kind, call->forks, now_ns), *old;
	uint64_t slot;

	if (!conn)
		return NULL;
	slot = conn_slot(conn);
	old = sight_attach(fd, conn);
	if (old) {
		*old_fd = fd;
		conn_release(old);
	}
	return conn_acquire(slot);
}

static bool leave_socket(struct area *area, struct call *call, int64_t result, int error,
			 uint64_t now_ns, bool is_shown)
{
	enum conn_kind kind;
	struct conn *conn;
	int old_fd = -1;

	if (!sight_is_watched_socket((int)call->arguments[0], (int)call->arguments[1],
				     (int)call->arguments[2], &kind)) {
		if (error == 0 && process_is_itself())
			sight_replace((int)result, FD_UNWATCHED);
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
	tell(area, conn, is_shown);
	conn_release(conn);
	return true;
}

/* The accepted end of a connection: both addresses are known, and the policies apply, since what
 * was set on the listener does not reach one that was queued before. */
static void police_accepted(int fd, struct conn *conn)
{
	if (conn->kind != CONN_TCP)
		return;
	if (process_is_tracing || config.match.count != 0)
		sight_read_addresses(fd, conn);
	if (config.match.count != 0)
		sight_judge(fd, conn, ROLE_SERVER);
	enforce_options(fd, conn);
}

/* False: nothing is shown of it. */
static bool leave_accept(struct area *area, struct call *call, int64_t result, int error,
			 uint64_t now_ns, bool is_shown)
{
	struct conn *listener = conn_acquire(call->slot), *conn;
	enum conn_kind kind = listener ? (enum conn_kind)listener->kind : CONN_TCP;
	int old_fd = -1;

	if (listener)
		conn_release(listener);
	if (error != 0 || !process_is_itself())
		return true;
	conn = attach_new(call, (int)result, kind, now_ns, &old_fd);
	if (!conn)
		return true;
	tell_hold(conn);
	atomic_store(&conn->is_nonblocking,
		     call->id == CALL_accept4 && (call->arguments[3] & SOCK_NONBLOCK));
	police_accepted((int)result, conn);
	is_shown = is_shown && !atomic_load(&conn->is_silent);
	area->step = (struct conn_step){
		.effect = EFFECT_ACCEPT,
		.fd = (int)result,
		.other_fd = old_fd,
		.start_ns = call->start_ns,
		.now_ns = now_ns,
	};
	if (is_shown && tell_has_notes() && kind == CONN_TCP)
		tcpinfo_sample((int)result, TCPINFO_STATE, &area->step.after);
	tell(area, conn, is_shown);
	tell_let_go(conn);
	return is_shown;
}

/* Two unix sockets. */
static bool leave_pair(struct area *area, struct call *call, int error, uint64_t now_ns,
		       bool is_shown)
{
	enum conn_kind kind;
	int pair[2];
	bool is_watched = sight_is_watched_socket((int)call->arguments[0], (int)call->arguments[1],
						  (int)call->arguments[2], &kind);

	if (error != 0 || !process_is_itself())
		return is_watched;
	memcpy(pair, (const void *)(uintptr_t)call->arguments[3], sizeof(pair));
	for (unsigned i = 0; i < 2; i++) {
		int old_fd = -1;
		struct conn *conn;

		if (!is_watched) {
			sight_replace(pair[i], FD_UNWATCHED);
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
		tell(area, conn, is_shown);
		conn_release(conn);
	}
	return is_watched;
}

/* A descriptor of another process: whatever it is, it was open before. */
static bool leave_adopt(struct area *area, struct call *call, int64_t result, int error,
			uint64_t now_ns, bool is_shown)
{
	struct conn *conn;

	if (error != 0 || !process_is_itself())
		return false;
	sight_replace((int)result, FD_UNKNOWN);
	if (!sight_classify((int)result, now_ns))
		return false;
	conn = conn_acquire(fdtable_load((int)result));
	if (!conn)
		return false;
	tell_hold(conn);
	area->step = (struct conn_step){.effect = EFFECT_ADOPT,
					.fd = (int)result,
					.other_fd = -1,
					.start_ns = call->start_ns,
					.now_ns = now_ns};
	tell(area, conn, is_shown);
	tell_let_go(conn);
	return is_shown;
}

static bool is_copying(const struct call *call)
{
	if (call_rows[call->id].effect == EFFECT_DUP)
		return true;
	return call_rows[call->id].kinds[1] == ARG_FCNTL_COMMAND &&
	       ((int)call->arguments[1] == F_DUPFD || (int)call->arguments[1] == F_DUPFD_CLOEXEC);
}

static void leave_close(struct area *area, struct call *call, int error, uint64_t now_ns,
			bool is_shown)
{
	struct conn *conn = call->closing, *next;

	call->closing = NULL;
	for (; conn; conn = next) {
		next = conn->next_closing;
		tell_hold(conn);
		area->step = (struct conn_step){
			.effect = EFFECT_CLOSE,
			.fd = conn->closing_fd,
			.other_fd = -1,
			.is_maybe_shared = conn_is_maybe_shared(conn, process_forks()),
			.start_ns = call->start_ns,
			.now_ns = now_ns,
			.before = conn->closing_info,
		};
		/* Cleared first: whoever closes the last descriptor after this tells the end
		 * himself. */
		atomic_store(&conn->is_closing, false);
		area->step.is_shared_here = atomic_load(&conn->descriptors) > 0;
		if (area->step.is_shared_here)
			area->step.other_fd = sight_find_other(conn, conn->closing_fd);
		if (error == 0 || error == EINTR || error == EIO || error == ENOSPC ||
		    error == EDQUOT) {
			tell(area, conn, is_shown);
			tell_let_go(conn);
		} else if (error == EBADF && !is_copying(call)) {
			/* another thread was faster by a way that is not seen; of dup2 it is the
			 * original */
			tell_let_go(conn);
		} else { /* it stays open: back into the table */
			struct conn *old;

			thread.held = NULL;
			old = sight_attach(conn->closing_fd, conn);
			if (old)
				conn_release(old);
		}
	}
}

static void copy_slot(int from, int to)
{
	uint64_t slot = fdtable_load(from);
	struct conn *conn = conn_acquire(slot);

	if (conn) {
		struct conn *old = sight_attach(to, conn);

		if (old)
			conn_release(old);
	} else if (fdtable_state(slot) == FD_UNWATCHED || fdtable_state(slot) == FD_EPOLL) {
		sight_replace(to, fdtable_state(slot));
	} else {
		sight_replace(to, FD_UNKNOWN);
	}
}

void call_replaced(int fd)
{
	if (process_is_watching && process_is_itself())
		sight_replace(fd, FD_UNKNOWN);
}

void call_copied(int from, int to)
{
	if (process_is_watching && process_is_itself())
		copy_slot(from, to);
}

/* connect to AF_UNSPEC dissolves the connection. */
static bool is_disconnect(const struct call *call, int error)
{
	uint16_t family;

	if (error != 0 || call->address_size < sizeof(family))
		return false;
	memcpy(&family, call->address, sizeof(family));
	return family == AF_UNSPEC;
}

/* The descriptor was closed by a way that is not seen, and its number is another file's. */
static void drop_stale(const struct call *call)
{
	if (process_is_itself() && fdtable_load(call->fd) == call->slot)
		sight_replace(call->fd, FD_UNKNOWN);
}

/* The program made the descriptor blocking or not. */
static void note_blocking(const struct call *call, struct conn *conn)
{
	const struct call_row *row = &call_rows[call->id];

	if (row->kinds[1] == ARG_FCNTL_COMMAND && (int)call->arguments[1] == F_SETFL)
		atomic_store(&conn->is_nonblocking, (call->arguments[2] & O_NONBLOCK) != 0);
	else if (row->kinds[1] == ARG_IOCTL_REQUEST && call->arguments[1] == FIONBIO &&
		 call->value_size >= sizeof(int))
		atomic_store(&conn->is_nonblocking, (int)call->value[0] != 0);
}

/* What the kernel knows of a connection's ends now; what was in doubt before is judged by it. */
static void find_ends(struct area *area, const struct call *call, struct conn *conn)
{
	bool is_in_doubt = atomic_load(&conn->match) == MATCH_UNKNOWN && process_is_itself();

	if (is_in_doubt || !atomic_load(&conn->is_silent)) {
		if (area->event.address)
			facts_read_sockaddr(&conn->peer, area->event.address,
					    area->event.address_size);
		sight_read_addresses(call->fd, conn);
	}
	if (is_in_doubt) {
		sight_judge(call->fd, conn, ROLE_CLIENT);
		enforce_options(call->fd, conn);
	}
}

/* A name lookup that this thread made just before. */
static uint64_t take_lookup(const struct call *call)
{
	uint64_t lookup_ns = thread.lookup_ns;

	thread.lookup_ns = 0;
	return call->start_ns - thread.looked_up_ns < LONG_WAIT_NS ? lookup_ns : 0;
}

/* False: nothing is shown of it. */
static bool leave_on_connection(struct area *area, struct call *call, int64_t result, int error,
				uint64_t now_ns, bool is_shown)
{
	struct conn *conn = conn_acquire(call->slot);

	if (!conn)
		return true;
	tell_hold(conn);
	if (step_effect(call) == EFFECT_CONNECT && conn->kind == CONN_TCP &&
	    !is_disconnect(call, error))
		find_ends(area, call, conn);
	if (step_effect(call) == EFFECT_LISTEN && conn->kind == CONN_TCP && error == 0 && is_shown)
		sight_read_addresses(call->fd, conn);
	if (error == 0)
		note_blocking(call, conn);
	is_shown = is_shown && !atomic_load(&conn->is_silent);
	step_fill(&area->step, call, conn, result, error, now_ns, is_shown && tell_has_notes());
	area->step.is_disconnect = area->step.effect == EFFECT_CONNECT &&
				   is_disconnect(call, error);
	if (area->step.is_other_file) {
		area->step = (struct conn_step){.effect = EFFECT_CREATE,
						.fd = call->fd,
						.other_fd = call->fd,
						.now_ns = now_ns};
		tell(area, conn, is_shown);
		drop_stale(call);
		tell_let_go(conn);
		return is_shown;
	}
	if (area->step.effect == EFFECT_WRITE && atomic_load(&conn->phase) == CONN_NEW)
		find_ends(area, call, conn); /* MSG_FASTOPEN connects */
	if (area->step.effect == EFFECT_SET_OPTION && error == 0)
		enforce_note_option(call->fd, conn, (int)call->arguments[1],
				    (int)call->arguments[2]);
	if (area->step.effect == EFFECT_CONNECT)
		area->step.lookup_ns = take_lookup(call);
	area->step.ending = enforce_end(call->fd, call->slot, conn, &area->step);
	tell(area, conn, is_shown);
	tell_let_go(conn);
	return is_shown;
}

static void leave_epoll_ctl(const struct call *call)
{
	int fd = (int)call->arguments[2];
	uint64_t slot = fdtable_load(call->fd);
	struct conn *conn;
	bool is_shown;

	conn = conn_acquire(fdtable_load(fd));
	is_shown = conn && !atomic_load(&conn->is_silent);
	if ((int)call->arguments[1] != EPOLL_CTL_DEL) {
		struct epoll_event event;

		if (call->value_size < sizeof(event)) {
			if (conn)
				conn_release(conn);
			return;
		}
		memcpy(&event, call->value, sizeof(event));
		epoll_map_store(call->fd, event.data.u64, fd);
		if (is_shown)
			atomic_store(&conn->epoll, sight_note_epoll(call->fd));
	} else if (conn && fdtable_state(slot) == FD_EPOLL && atomic_load(&conn->epoll) == slot) {
		atomic_store(&conn->epoll, 0);
	}
	if (conn)
		conn_release(conn);
}

/* What the call did is noted; true if it is one to be shown. */
bool outcome_take(struct area *area, struct call *call, int64_t result, int error, uint64_t now_ns,
		  bool is_shown)
{
	switch ((enum tcpshim_effect)call_rows[call->id].effect) {
	case EFFECT_CREATE:
		return leave_socket(area, call, result, error, now_ns, is_shown);
	case EFFECT_PAIR:
		return leave_pair(area, call, error, now_ns, is_shown);
	case EFFECT_ADOPT:
		return leave_adopt(area, call, result, error, now_ns, is_shown);
	case EFFECT_ACCEPT:
		return leave_accept(area, call, result, error, now_ns, is_shown);
	case EFFECT_CLOSE:
		leave_close(area, call, error, now_ns, is_shown);
		/* A close of what is no longer open is shown where it was a connection's before. */
		return fdtable_state(call->slot) != FD_CLOSED || error == EBADF;
	case EFFECT_WAIT:
		return tell_wait(area, call, result, error, now_ns, false, is_shown);
	case EFFECT_EPOLL:
		if (call_rows[call->id].kinds[1] != ARG_EPOLL_OPERATION)
			return sight_count() > 0;
		if (error == 0 && process_is_itself())
			leave_epoll_ctl(call);
		return fdtable_state(fdtable_load((int)call->arguments[2])) == FD_WATCHED;
	default:
		is_shown = leave_on_connection(area, call, result, error, now_ns, is_shown);
		if (is_copying(call)) {
			if (call->closing)
				leave_close(area, call, error, now_ns, is_shown);
			if (error == 0 && (int)result != call->fd)
				copy_slot(call->fd, (int)result);
		}
		return is_shown;
	}
}

void outcome_take_silently(struct call *call, int64_t result, int error, uint64_t now_ns)
{
	struct conn *conn = conn_acquire(call->slot);
	struct conn_step step;
	int old_fd = -1;
	enum conn_kind kind;

	if (conn) {
		step_fill(&step, call, conn, result, error, now_ns, false);
		step.ending = enforce_end(call->fd, call->slot, conn, &step);
		if (step.effect == EFFECT_READ || step.effect == EFFECT_WRITE ||
		    step.effect == EFFECT_CONNECT)
			conn_advance(conn, &step);
		conn_release(conn);
	}
	call_abandon(call);
	conn = NULL;
	if (error != 0 || !process_is_itself())
		return;
	if (call_rows[call->id].effect == EFFECT_CREATE &&
	    sight_is_watched_socket((int)call->arguments[0], (int)call->arguments[1],
				    (int)call->arguments[2], &kind))
		conn = attach_new(call, (int)result, kind, now_ns, &old_fd);
	else if (call_rows[call->id].effect == EFFECT_ACCEPT)
		conn = attach_new(call, (int)result, CONN_TCP, now_ns, &old_fd);
	if (conn) {
		if (call_rows[call->id].effect == EFFECT_ACCEPT)
			police_accepted((int)result, conn);
		conn_release(conn);
	}
	if (is_copying(call) && (int)result != call->fd)
		copy_slot(call->fd, (int)result);
}

/* A connection that came from another process: the policies reach it at once. */
static void see_received(int fd)
{
	char frame;

	if (policy_is_any(&config.policy) && thread_raise_guard(&frame)) {
		sight_classify(fd, process_now_ns());
		thread_lower_guard();
	}
}

static void see_passed(int fd)
{
	struct conn *conn = conn_acquire(fdtable_load(fd));

	if (!conn)
		return;
	atomic_fetch_or(&conn->flags, CONN_PASSED);
	conn_release(conn);
}

/* Calls see for each descriptor that the message's control messages name. */
static void for_each_descriptor(const struct msghdr *message, void (*see)(int fd))
{
	const struct cmsghdr *header = CMSG_FIRSTHDR(message);

	for (; header; header = CMSG_NXTHDR((struct msghdr *)message, (struct cmsghdr *)header)) {
		size_t count;

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
		    header->cmsg_len < CMSG_LEN(0))
			continue;
		count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof(fd), sizeof(fd));
			see(fd);
		}
	}
}

enum { MOST_CONTROL_BYTES = CMSG_SPACE(253 * sizeof(int)) + 64 }; /* SCM_MAX_FD, and a little */

void call_passes_descriptors(const struct msghdr *message)
{
	uint64_t now_ns = process_now_ns();
	char control[MOST_CONTROL_BYTES] __attribute__((aligned(8)));
	struct msghdr copy;

	if (!memory_copy_all(&copy, message, sizeof(copy), now_ns) || copy.msg_controllen == 0 ||
	    !process_is_itself())
		return;
	copy.msg_controllen =
		memory_copy(control, copy.msg_control,
			    copy.msg_controllen < sizeof(control) ? copy.msg_controllen
								  : sizeof(control),
			    now_ns);
	copy.msg_control = control;
	for_each_descriptor(&copy, see_passed);
}

static void see_replaced(int fd)
{
	sight_replace(fd, FD_UNKNOWN);
	see_received(fd);
}

void call_received_descriptors(const struct msghdr *message)
{
	if (process_is_itself())
		for_each_descriptor(message, see_replaced);
}
