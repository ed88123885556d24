#include "diagnose/verdict.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "format/facts.h"
#include "format/note_set.h"
#include "settings/rehearsal.h"

static enum rehearsal_deed deed_of(const struct verdict *verdict)
{
	return (enum rehearsal_deed)scenario_rows[verdict->scenario].deed;
}

/* Returns whether the program was given an end of stream. */
static bool is_ended(const struct verdict *verdict)
{
	return deed_of(verdict) == REHEARSAL_END || deed_of(verdict) == REHEARSAL_CLOSE;
}

/* Takes the line of a deed. */
static void take_deed(struct verdict *verdict, const struct tcpshim_event *event,
		      const struct tcpshim_notes *notes)
{
	uint64_t scenario = event->arguments[1];

	if (event->argument_count > 1 && scenario < SCENARIO_COUNT)
		verdict->scenario = (uint8_t)scenario;
	if (note_set_has(notes, NOTE_rehearsed_failed)) {
		verdict->is_failed = true;
	} else if (note_set_has(notes, NOTE_rehearsed_healed) ||
		   note_set_has(notes, NOTE_rehearsed_hastened)) {
		verdict->healed_ns = event->time_ns;
	} else if (note_set_has(notes, NOTE_rehearsed_reset)) {
		verdict->reset_ns = event->time_ns;
	} else if (verdict->acted_ns == 0) {
		verdict->is_acted = true;
		verdict->acted_ns = event->time_ns;
		verdict->is_deaf = note_set_has(notes, NOTE_rehearsed_deaf);
		verdict->is_attempt = note_set_has(notes, NOTE_rehearsed_unanswered) &&
				      scenario_rows[verdict->scenario].place == REHEARSAL_OPEN;
	}
}

/* Returns whether the program ends the connection, told by nobody, so soon after a write that it
 * has not waited for an answer: it would have done the same without the failure. */
static bool is_unaware(const struct verdict *verdict, enum verdict_notice how,
		       const struct tcpshim_event *event)
{
	enum { MOMENT_NS = 200000000 };

	return (how == VERDICT_BY_CLOSE || how == VERDICT_BY_EXIT) && !verdict->is_told &&
	       verdict->end_ns == 0 && verdict->write_ns >= verdict->acted_ns &&
	       event->start_ns < verdict->write_ns + MOMENT_NS;
}

static void notice(struct verdict *verdict, enum verdict_notice how,
		   const struct tcpshim_event *event, int32_t error)
{
	if (verdict->notice != VERDICT_NOT_NOTICED || verdict->acted_ns == 0)
		return;
	verdict->notice = (uint8_t)how;
	verdict->is_unaware = is_unaware(verdict, how, event);
	verdict->noticed_ns = event->time_ns;
	verdict->call = event->call;
	verdict->error = error;
}

static bool is_failure(int32_t error)
{
	return error != 0 && error != EAGAIN && error != EINTR && error != EINPROGRESS &&
	       error != EALREADY && error != EISCONN && error != EFAULT && error != EINVAL &&
	       error != EBADF;
}

/* Returns the error that the program asked for with SO_ERROR, 0 if there is none. */
static int32_t asked_error(const struct tcpshim_event *event)
{
	int32_t value = 0;

	if (event->error == 0 && event->argument_count > 2 && event->arguments[1] == SOL_SOCKET &&
	    event->arguments[2] == SO_ERROR && event->value_size >= sizeof(value) && event->value)
		memcpy(&value, event->value, sizeof(value));
	return value;
}

/* --- Writes. --- */

/* FNV-1a. 0: not all of the bytes are stored. */
static uint64_t hash_of(const struct tcpshim_event *event, uint64_t size)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (uint32_t i = 0; i < event->data_count; i++) {
		const uint8_t *bytes = event->data[i].iov_base;

		for (size_t at = 0; at < event->data[i].iov_len && size > 0; at++, size--)
			hash = (hash ^ bytes[at]) * UINT64_C(0x100000001b3);
	}
	return size == 0 ? hash : 0;
}

static void take_write(struct verdict *verdict, const struct tcpshim_event *event, uint64_t size)
{
	const struct verdict_write write = {
		.offset = verdict->sent_bytes,
		.size = size,
		.hash = event->data_count > 0 ? hash_of(event, size) : 0,
	};

	if (verdict->first_count < VERDICT_WRITES)
		verdict->first[verdict->first_count++] = write;
	if (verdict->unanswered_count == VERDICT_WRITES) {
		memmove(verdict->unanswered, verdict->unanswered + 1,
			(VERDICT_WRITES - 1) * sizeof(write));
		verdict->unanswered_count--;
	}
	verdict->unanswered[verdict->unanswered_count++] = write;
	verdict->sent_bytes += size;
	verdict->write_ns = event->time_ns;
	if (verdict->acted_ns == 0)
		return;
	if (verdict->healed_ns == 0) {
		verdict->sent_after_bytes += size;
		if (verdict->first_late_ns == 0)
			verdict->first_late_ns = event->time_ns;
	}
}

static void take_transfer(struct verdict *verdict, const struct tcpshim_event *event, bool is_write)
{
	uint64_t size = connection_row_is_peek(event) ? 0 : connection_row_bytes(event);

	if (size > 0 && verdict->healed_ns != 0 && verdict->moved_after_heal_ns == 0)
		verdict->moved_after_heal_ns = event->time_ns;
	if (size > 0 && is_write)
		take_write(verdict, event, size);
	else if (size > 0)
		verdict->unanswered_count = 0;
}

/* --- Calls. --- */

static bool is_end_of_stream(const struct tcpshim_event *event)
{
	const struct call_row *row = &call_rows[event->call];

	return event->error == 0 && event->result == 0 &&
	       (row->kinds[2] != ARG_SIZE || event->arguments[2] != 0);
}

/* Takes an end of stream: after a rehearsed one, to read it is not enough. */
static void take_end(struct verdict *verdict, const struct tcpshim_event *event)
{
	if (verdict->acted_ns == 0)
		return;
	if (verdict->end_ns == 0)
		verdict->end_ns = event->time_ns;
	if (!is_ended(verdict))
		notice(verdict, VERDICT_BY_END, event, 0);
}

static void take_call(struct verdict *verdict, const struct tcpshim_event *event)
{
	enum tcpshim_effect effect = (enum tcpshim_effect)call_rows[event->call].effect;
	int32_t error = event->error;

	switch (effect) {
	case EFFECT_READ:
	case EFFECT_WRITE:
	case EFFECT_SPLICE:
		take_transfer(verdict, event,
			      effect == EFFECT_WRITE ||
				      (effect == EFFECT_SPLICE && verdict->fd >= 0 &&
				       (int32_t)event->arguments[2] == verdict->fd));
		if (effect == EFFECT_READ && is_end_of_stream(event))
			take_end(verdict, event);
		break;
	case EFFECT_CONNECT:
		break;
	case EFFECT_GET_OPTION:
		error = asked_error(event);
		break;
	case EFFECT_SHUTDOWN:
		if (error == 0 && event->argument_count > 1 && event->arguments[1] != SHUT_RD &&
		    (is_ended(verdict) || event->arguments[1] == SHUT_RDWR))
			notice(verdict, VERDICT_BY_CLOSE, event, 0);
		break;
	default:
		return;
	}
	if (is_failure(error) && effect != EFFECT_SHUTDOWN)
		notice(verdict, VERDICT_BY_ERROR, event, error);
}

/* Takes a close, unless another descriptor of the process keeps the connection open. */
static void take_close(struct verdict *verdict, const struct tcpshim_event *event,
		       const struct tcpshim_subject *subject)
{
	if (event->error != 0 ||
	    (subject && (note_set_has(&subject->notes, NOTE_closed_shared) ||
			 note_set_has(&subject->notes, NOTE_closed_shared_maybe))))
		return;
	verdict->closed_ns = event->time_ns;
	notice(verdict, VERDICT_BY_CLOSE, event, 0);
}

static bool is_of(const struct tcpshim_notes *notes, const uint8_t *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (note_set_has(notes, list[i]))
			return true;
	return false;
}

/* Takes what the notes tell of the end of the connection. */
static void take_notes(struct verdict *verdict, const struct tcpshim_event *event,
		       const struct tcpshim_subject *subject)
{
	static const uint8_t opening[] = {NOTE_connected, NOTE_connected_later, NOTE_accepted,
					  NOTE_adopted};
	enum tcpshim_effect effect = (enum tcpshim_effect)call_rows[event->call].effect;
	const struct tcpshim_notes *notes = &subject->notes;

	if (note_set_has(notes, NOTE_rehearsed_healed)) /* by its close */
		verdict->healed_ns = event->time_ns;
	if (is_of(notes, opening, sizeof(opening)) && verdict->opened_ns == 0)
		verdict->opened_ns = event->time_ns;
	if (note_set_has(notes, NOTE_data_lost)) {
		verdict->told_lost_bytes = subject->facts.lost_bytes;
		verdict->has_told_lost = true;
	}
	if (effect == EFFECT_EXIT && !note_set_has(notes, NOTE_left_open_at_exit_maybe)) {
		verdict->exit_status = event->argument_count > 0 ? (int32_t)event->arguments[0]
								 : -1;
		notice(verdict, VERDICT_BY_EXIT, event, 0);
	}
	if (effect == EFFECT_WAIT && verdict->acted_ns != 0 && !verdict->is_told &&
	    !(event->flags & EVENT_SLEEPING)) {
		for (uint64_t i = 0; i < event->ready_total && i < EVENT_WATCHES; i++) {
			const struct tcpshim_watch *watch = &event->ready[i];

			if (watch->fd == subject->facts.fd &&
			    (watch->events & (POLLERR | POLLHUP))) {
				verdict->is_told = true;
				verdict->told_ns = event->time_ns;
			}
		}
	}
}

void verdict_take(struct verdict *verdict, const struct tcpshim_event *event,
		  const struct tcpshim_subject *subject, uint32_t stack)
{
	if (verdict->first_ns == 0) {
		verdict->first_ns = event->start_ns;
		verdict->exit_status = verdict->fd = -1;
	}
	if (subject)
		verdict->fd = subject->facts.fd;
	if (event->flags & EVENT_SLEEPING) {
		verdict->is_waiting = true;
		verdict->waiting_call = event->call;
		verdict->stack = stack;
		return;
	}
	if (event->call == CALL_rehearse) {
		if (subject)
			take_deed(verdict, event, &subject->notes);
		return;
	}
	verdict->is_waiting = false;
	take_call(verdict, event);
	if (call_rows[event->call].effect == EFFECT_CLOSE)
		take_close(verdict, event, subject);
	if (subject)
		take_notes(verdict, event, subject);
}

/* --- The verdict. --- */

void verdict_kill(struct verdict *verdict, int32_t signal, uint64_t time_ns)
{
	if (verdict->acted_ns == 0 || verdict->closed_ns != 0 ||
	    verdict->notice != VERDICT_NOT_NOTICED)
		return;
	verdict->notice = VERDICT_BY_EXIT;
	verdict->noticed_ns = time_ns;
	verdict->exit_signal = signal;
}

bool verdict_is_concerned(const struct verdict *verdict)
{
	return verdict->is_acted && !verdict->is_attempt;
}

/* An interruption is passed once it is over, since nothing is lost by it; or if the program has
 * given the connection up. */
static bool is_outage_passed(const struct verdict *verdict)
{
	return verdict->healed_ns != 0 || verdict->notice != VERDICT_NOT_NOTICED;
}

bool verdict_is_passed(const struct verdict *verdict)
{
	if (deed_of(verdict) == REHEARSAL_SLOW)
		return true;
	if (verdict->scenario == SCENARIO_outage)
		return is_outage_passed(verdict);
	return verdict->notice != VERDICT_NOT_NOTICED && !verdict->is_unaware;
}

uint64_t verdict_delay_ns(const struct verdict *verdict)
{
	uint64_t from_ns = verdict->acted_ns, to_ns = verdict->noticed_ns;

	if (verdict->scenario == SCENARIO_outage && verdict->notice == VERDICT_NOT_NOTICED &&
	    verdict->healed_ns != 0 && verdict->moved_after_heal_ns == 0)
		to_ns = verdict->healed_ns;
	if (verdict->scenario == SCENARIO_outage && verdict->moved_after_heal_ns != 0) {
		from_ns = verdict->healed_ns;
		to_ns = verdict->moved_after_heal_ns;
	}
	return to_ns > from_ns ? to_ns - from_ns : 0;
}

bool verdict_lost_bytes(const struct verdict *verdict, uint64_t *bytes)
{
	enum rehearsal_deed deed = deed_of(verdict);

	*bytes = 0;
	if (verdict->is_deaf)
		return false;
	if (verdict->has_told_lost)
		*bytes = verdict->told_lost_bytes;
	else if (verdict->healed_ns == 0 && (deed == REHEARSAL_CUT || deed == REHEARSAL_CLOSE))
		*bytes = verdict->sent_after_bytes;
	return true;
}

struct verdict_retry verdict_retry_of(const struct verdict *old, const struct verdict *later)
{
	struct verdict_retry retry = {0};
	uint64_t lost, delivered;
	unsigned next = 0;

	verdict_lost_bytes(old, &lost);
	delivered = old->sent_bytes > lost ? old->sent_bytes - lost : 0;
	for (unsigned i = 0; i < old->unanswered_count; i++) {
		const struct verdict_write *write = &old->unanswered[i];
		unsigned at = next;

		while (at < later->first_count &&
		       (later->first[at].size != write->size ||
			later->first[at].hash != write->hash || write->hash == 0))
			at++;
		if (at == later->first_count)
			continue;
		next = at + 1;
		retry.bytes += write->size;
		if (write->offset < delivered)
			retry.duplicate_bytes += delivered - write->offset < write->size
							 ? delivered - write->offset
							 : write->size;
	}
	return retry;
}
