#include "trace/finish.h"

#include <limits.h>
#include <stdatomic.h>

#include "conn/fdtable.h"
#include "conn/tcpinfo.h"
#include "guest/process.h"
#include "guest/thread.h"
#include "sink/sinks.h"
#include "trace/call.h"
#include "trace/choice.h"
#include "trace/decode.h"
#include "trace/emit.h"
#include "trace/rehearse.h"
#include "trace/step.h"

static void emit_left_open(struct area *area, struct conn *conn, int fd, uint64_t now_ns,
			   bool is_child)
{
	bool is_maybe_shared = conn_is_maybe_shared(conn, process_forks());

	/* It is reported at its first descriptor. Another thread may be closing it. */
	if (atomic_load(&conn->is_untraced) || (is_child && is_maybe_shared) ||
	    atomic_exchange(&conn->is_closing, true))
		return;
	area->step = (struct conn_step){
		.effect = EFFECT_EXIT,
		.fd = fd,
		.other_fd = -1,
		.now_ns = now_ns,
		.is_maybe_shared = is_maybe_shared,
	};
	/* The peer's FIN may have been received while nobody read. */
	step_sample(fd, conn, TCPINFO_STATE, &area->step.after);
	emit_step(area, conn, true);
}

/* The process whose end was reported: exit itself ends with _exit. */
static _Atomic int ended_pid;

void finish_process(int status, bool is_at_once)
{
	bool is_child;
	struct call call;
	struct area *area;
	uint64_t now_ns;

	/* A new process that has made no watched call yet has nothing of its own to report. */
	if (!process_is_tracing || (is_at_once && atomic_load(process_alive) == 0))
		return;
	process_check();
	is_child = is_at_once && process_is_child();
	if (!process_is_itself() || atomic_exchange(&ended_pid, process_pid()) == process_pid())
		return;
	call_start(&call, CALL_exit, -1, 0);
	if (!thread_raise_guard(&call))
		return;
	now_ns = process_now_ns();
	area = thread_area();
	if (area) {
		if (choice_is_on())
			rehearse_end(area);
		if (status != FINISH_STATUS_UNKNOWN)
			call_integer(&call, status);
		decode_call(area, &call, 0, 0, false);
		for (int fd = fdtable_next(0, INT_MAX); emit_has_notes() && fd >= 0;
		     fd = fdtable_next(fd + 1, INT_MAX)) {
			struct conn *conn = conn_acquire(fdtable_load(fd));

			if (!conn)
				continue;
			emit_left_open(area, conn, fd, now_ns, is_child);
			conn_release(conn);
			if (area->event.subject_count == EVENT_SUBJECTS) {
				emit_event(area, now_ns);
				area->event.subject_count = 0;
			}
		}
		if (area->event.subject_count > 0)
			emit_event(area, now_ns);
	}
	sinks_end(area, status != FINISH_STATUS_UNKNOWN ? status : -1);
	thread_lower_guard();
}
