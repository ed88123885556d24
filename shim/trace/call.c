#include "trace/call.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "conn/fdtable.h"
#include "format/facts.h"
#include "guest/memory.h"
#include "guest/process.h"
#include "guest/thread.h"
#include "settings/config.h"

void call_describe(struct call *call, enum tcpshim_call id, int fd, uint64_t slot)
{
	memset(call, 0, offsetof(struct call, input_bytes));
	call->id = (uint16_t)id;
	call->fd = fd;
	call->other_fd = -1;
	call->slot = slot;
	call->start_ns = process_now_ns();
	call->is_shown = config.is_shown[id] && fdtable_state(slot) != FD_UNTRACED;
	call->forks = process_forks();
	call->errno_before = errno;
}

void call_start(struct call *call, enum tcpshim_call id, int fd, uint64_t slot)
{
	call_describe(call, id, fd, slot);
	call->is_nested = thread.guard != 0;
	/* The guard is down if only a handler that left by siglongjmp had raised it. */
	if (call->is_nested && thread_raise_guard(call)) {
		thread_lower_guard();
		call->is_nested = false;
	}
}

void call_enter(struct call *call, enum tcpshim_call id, int fd)
{
	process_check();
	call_start(call, id, fd, fd >= 0 ? fdtable_load(fd) : 0);
}

uint64_t call_argument(const struct call *call, enum tcpshim_argument_kind kind, uint64_t otherwise)
{
	const struct call_row *row = &call_rows[call->id];

	for (unsigned i = 0; i < call->argument_count; i++)
		if (row->kinds[i] == kind)
			return call->arguments[i];
	return otherwise;
}

bool call_is_copy(const struct call *call)
{
	if (call_rows[call->id].effect == EFFECT_DUP)
		return true;
	return call_rows[call->id].kinds[1] == ARG_FCNTL_COMMAND &&
	       ((int)call->arguments[1] == F_DUPFD || (int)call->arguments[1] == F_DUPFD_CLOEXEC);
}

/* Reads two 64-bit words. */
static void copy_time(struct call *call, const void *timeout)
{
	call->is_unlimited = !timeout;
	if (timeout && call->is_shown)
		call->has_time =
			memory_copy_all(call->time, timeout, sizeof(call->time), call->start_ns);
}

#if __SIZEOF_LONG__ == 4
void call_timeout(struct call *call, const void *timeout)
{
	int32_t words[2] = {0};

	call->is_unlimited = !timeout;
	if (timeout && call->is_shown)
		call->has_time = memory_copy_all(words, timeout, sizeof(words), call->start_ns);
	call->time[0] = words[0];
	call->time[1] = words[1];
}

void call_timeval64(struct call *call, const void *timeout)
{
	copy_time(call, timeout);
}

/* Half of the second word is padding. */
void call_timespec64(struct call *call, const void *timeout)
{
	copy_time(call, timeout);
	call->time[1] = (int32_t)call->time[1];
}
#else
void call_timeout(struct call *call, const void *timeout)
{
	copy_time(call, timeout);
}
#endif

bool call_select_sets(struct call *call, struct call_sets *sets)
{
	int count = (int)call->arguments[0];
	size_t size = call_set_bytes(count);

	if (count < 0 || size > sizeof(sets->words[0]) || !call->is_shown)
		return false;
	memset(sets, 0, sizeof(*sets));
	for (unsigned set = 0; set < 3; set++) {
		const void *from = (const void *)(uintptr_t)call->arguments[set + 1];

		if (from && !memory_copy_all(sets->words[set], from, size, call->start_ns))
			return false;
	}
	call->sets = sets;
	return true;
}

bool call_is_disconnect(const struct call *call)
{
	uint16_t family;

	if (call->address_size < sizeof(family))
		return false;
	memcpy(&family, call->address, sizeof(family));
	return family == AF_UNSPEC;
}

enum tcpshim_effect call_effect(const struct call *call)
{
	enum tcpshim_effect effect = (enum tcpshim_effect)call_rows[call->id].effect;

	if (effect == EFFECT_SPLICE)
		return call->fd == (int)call->arguments[0] ? EFFECT_READ : EFFECT_WRITE;
	/* Out-of-band data and the error queue are not part of the stream. */
	if (effect == EFFECT_READ &&
	    (call_argument(call, ARG_MESSAGE_FLAGS, 0) & (MSG_ERRQUEUE | MSG_OOB)))
		return EFFECT_NONE;
	return effect;
}

static const struct mmsghdr *messages_of(const struct call *call)
{
	enum tcpshim_argument_kind kind = (enum tcpshim_argument_kind)call_rows[call->id].kinds[1];

	if (kind != ARG_MESSAGES && kind != ARG_MESSAGES_OUT)
		return NULL;
	return (const struct mmsghdr *)(uintptr_t)call->arguments[1];
}

int64_t call_bytes(const struct call *call, int64_t result)
{
	const struct mmsghdr *messages = messages_of(call);
	int64_t bytes = 0;

	if (result <= 0 || !messages)
		return result;
	for (int64_t i = 0; i < result; i++)
		bytes += messages[i].msg_len;
	return bytes;
}
