#include "trace/fastpath.h"

#include <errno.h>
#include <string.h>

#include "conn/evidence.h"
#include "conn/fdtable.h"
#include "conn/state.h"
#include "format/facts.h"
#include "format/pack.h"
#include "guest/memory.h"
#include "guest/process.h"
#include "guest/thread.h"
#include "settings/config.h"
#include "sink/recording_block.h"
#include "sys/clock.h"
#include "sys/hot.h"
#include "trace/after.h"
#include "trace/input.h"

/* How far before its use the memory of a record is fetched: about three records. */
enum { AHEAD_BYTES = 128 };

/* Bytes of the payload that are recorded; SIZE_MAX: the fast path is closed. */
static _Atomic size_t data_bytes HOT_DATA = SIZE_MAX;

void fastpath_start(void)
{
	bool is_shown = config.is_shown[CALL_read] && config.is_shown[CALL_write] &&
			config.is_shown[CALL_recv] && config.is_shown[CALL_send];

	/* A transfer on the fast path has no note and no error, so it has no stack of them. */
	bool has_stacks = config.has_stack_of_calls || config.has_stack_of_errors;

	if (config.has_record && !config.rehearsal.is_on && !config.has_lines && !has_stacks &&
	    is_shown && config.summary == CONFIG_SUMMARY_OFF &&
	    config.style.data_bytes <= PACK_DATA_BYTES)
		atomic_store(&data_bytes, (size_t)config.style.data_bytes);
}

void fastpath_stop(void)
{
	atomic_store(&data_bytes, SIZE_MAX);
}

static inline bool is_write(enum tcpshim_call id)
{
	return id == CALL_write || id == CALL_send;
}

#define load(field) atomic_load_explicit(field, memory_order_relaxed)
#define likely(condition) __builtin_expect(condition, 1)
#define unlikely(condition) __builtin_expect(condition, 0)

/* Flags of a connection that do not affect its transfers. */
enum { PLAIN_CONN_FLAGS = CONN_FLAG_OPTIONS_SET | CONN_FLAG_PASSED | CONN_FLAG_USES_MORE };

static bool has_nothing_to_report(const struct conn *conn, uint32_t lap)
{
	return conn->kind == CONN_KIND_TCP && atomic_load(&conn->phase) == CONN_PHASE_OPEN &&
	       (atomic_load(&conn->flags) & ~(uint32_t)PLAIN_CONN_FLAGS) == 0 &&
	       atomic_load(&conn->fin_ns) == 0 && atomic_load(&conn->unreported) == 0 &&
	       atomic_load(&conn->blocked_ns) == 0 && atomic_load(&conn->reported_lap) == lap;
}

/* Slow path of is_ordinary: checks a connection that has changed. The second check sees what
 * another thread changed during the first; a later change resets what was stored. */
static __attribute__((noinline, cold)) bool find_ordinary(struct conn *conn, uint32_t lap)
{
	if (!has_nothing_to_report(conn, lap))
		return false;
	atomic_store(&conn->ordinary_lap, lap);
	if (has_nothing_to_report(conn, lap))
		return true;
	conn_is_changed(conn);
	return false;
}

/* Returns whether nothing has to be reported before the connection's next transfer: no note, no
 * policy's action, and nothing that the recording's reader needs. */
static inline bool is_ordinary(struct conn *conn)
{
	uint32_t lap = recording_block_lap();

	return likely(load(&conn->ordinary_lap) == lap) || find_ordinary(conn, lap);
}

/* Returns the block that this thread is filling, or NULL. */
static inline struct record_block *own_block(void)
{
	return likely(thread.epoch == process_epoch()) ? thread.block : NULL;
}

static inline void raise_guard(const struct fastpath *fastpath)
{
	thread.guard = (uintptr_t)fastpath;
	atomic_signal_fence(memory_order_seq_cst);
}

static inline void lower_guard(void)
{
	atomic_signal_fence(memory_order_seq_cst);
	thread.guard = 0;
}

/* Writes what is known before the call to where its record will be. */
static inline void begin_record(struct fastpath *fastpath, uint32_t serial)
{
	struct record_transfer *at = fastpath->at;
	uint64_t since_ns =
		fastpath->start_ns > thread.last_ns ? fastpath->start_ns - thread.last_ns : 0;
	const struct pack_transfer known = {
		.fd = (uint16_t)fastpath->fd,
		.serial = serial,
		.since_ns = (uint32_t)since_ns,
		.asked = (uint32_t)fastpath->size,
		.flags = fastpath->flags,
		.buffer = fastpath->buf,
	};

	pack_transfer_begin(at, &known);
	pack_transfer_mark(at, fastpath->id);
}

/* Finds the record's place. Called with the guard up: otherwise a handler's calls might still be
 * recorded there. */
static inline bool find_room(struct fastpath *fastpath)
{
	struct record_block *block = own_block();

	if (unlikely(!block || thread.used + PACK_TRANSFER_BYTES > RECORD_BLOCK_BYTES))
		return false;
	fastpath->at = (struct record_transfer *)((uint8_t *)block + thread.used);
	return true;
}

/* Returns whether the record's place and the descriptor are unchanged after the call. Called with
 * the guard up. A handler's call may have been recorded at the place, and the descriptor may refer
 * to something else. */
static inline bool is_place_kept(const struct fastpath *fastpath, size_t shown)
{
	return (const uint8_t *)fastpath->at == (const uint8_t *)own_block() + thread.used &&
	       fdtable_load(fastpath->fd) == fastpath->slot && is_ordinary(fastpath->conn) &&
	       thread.used + shown + PACK_TRANSFER_BYTES <= RECORD_BLOCK_BYTES;
}

/* Copies the payload before the call: another thread may free the buffer after it. Returns false if
 * more has to be recorded than there is room for. */
static inline bool copy_input(struct fastpath *fastpath)
{
	size_t size = load(&data_bytes);
	uintptr_t from = (uintptr_t)fastpath->buf;

	size = fastpath->size < size ? fastpath->size : size;
	if (unlikely(size > sizeof(fastpath->input)))
		return false;
	fastpath->input_size = (uint32_t)size;
	if (likely(size == PACK_SHORT_BYTES && memory_is_known(from, fastpath->start_ns) &&
		   memory_is_known(from + size - 1, fastpath->start_ns)))
		memcpy(fastpath->input, fastpath->buf, PACK_SHORT_BYTES); /* inlined */
	else
		fastpath->input_size = (uint32_t)memory_copy(fastpath->input, fastpath->buf, size,
							     fastpath->start_ns);
	return true;
}

/* Returns whether the write is a TLS alert, of which the notes have to know. */
static inline bool is_alert(const struct fastpath *fastpath)
{
	uint8_t head[TLS_HEADER_BYTES] = {0};

	if (fastpath->size - INPUT_LEAST_ALERT > INPUT_MOST_ALERT - INPUT_LEAST_ALERT)
		return false;
	if (likely(fastpath->input_size >= TLS_HEADER_BYTES))
		return input_find_alert(fastpath->input, fastpath->size) != CONN_ALERT_NONE;
	memory_copy(head, fastpath->buf, sizeof(head), fastpath->start_ns);
	return input_find_alert(head, fastpath->size) != CONN_ALERT_NONE;
}

HOT bool fastpath_enter(struct fastpath *fastpath, enum tcpshim_call id, int fd, const void *buf,
			size_t size, int flags)
{
	uint64_t slot;
	bool is_room;

	if (unlikely(load(&data_bytes) == SIZE_MAX || (flags & (~PACK_PLAIN_FLAGS | MSG_MORE)) ||
		     size > UINT32_MAX || (unsigned)fd >= FDTABLE_LOW))
		return false;
	process_check();
	slot = fdtable_load(fd);
	fastpath->conn = conn_peek(slot);
	if (unlikely(!fastpath->conn || thread.guard != 0 || !is_ordinary(fastpath->conn)))
		return false;
	fastpath->start_ns = clock_now_ns();
	if (unlikely(!process_is_clock_checked(fastpath->start_ns) ||
		     (int64_t)(fastpath->start_ns - thread.last_ns) > UINT32_MAX ||
		     (is_write(id) && size != 0 &&
		      fastpath->start_ns - load(&fastpath->conn->active_ns) >= CONN_PAUSE_NS)))
		return false;
	fastpath->slot = slot;
	fastpath->buf = buf;
	fastpath->size = size;
	fastpath->fd = fd;
	fastpath->flags = flags;
	fastpath->id = id;
	fastpath->has_threads = process_has_threads();
	if (is_write(id) && unlikely(!copy_input(fastpath) || is_alert(fastpath)))
		return false;
	raise_guard(fastpath);
	is_room = find_room(fastpath);
	if (likely(is_room))
		begin_record(fastpath, fastpath->conn->serial);
	lower_guard();
	return is_room;
}

/* Completes the record after the call. */
static inline void end_record(const struct fastpath *fastpath, int32_t result, size_t shown,
			      uint64_t now_ns)
{
	const void *from = is_write(fastpath->id) ? fastpath->input : fastpath->buf;
	/* A cache line that no record has touched yet comes from memory: fetch it two records
	 * before its use. */
	const uint8_t *ahead = (const uint8_t *)fastpath->at + AHEAD_BYTES;
	uint64_t start_ns = fastpath->start_ns > thread.last_ns ? fastpath->start_ns
								: thread.last_ns;
	uint64_t duration_ns = now_ns > start_ns ? now_ns - start_ns : 0;
	size_t size;

	__builtin_prefetch(ahead, 1);
	thread.last_ns = start_ns + duration_ns;
	size = pack_transfer_end(fastpath->at, result, (uint32_t)duration_ns, from, shown);
	recording_block_commit(size, RECORD_TRANSFER,
			       (fastpath->has_threads ? EVENT_MANY_THREADS : 0U) |
				       pack_transfer_flags(shown));
}

/* Takes the slow path after the real call. */
static __attribute__((noinline, cold)) ssize_t leave_slowly(const struct fastpath *fastpath,
							    ssize_t result)
{
	struct call call;
	int saved_errno = errno;

	call_enter(&call, fastpath->id, fastpath->fd);
	call.start_ns = fastpath->start_ns;
	call.slot = fastpath->slot;
	call_integer(&call, fastpath->fd);
	call_pointer(&call, fastpath->buf);
	call_integer(&call, (int64_t)fastpath->size);
	if (call_rows[fastpath->id].kinds[3] == ARG_MESSAGE_FLAGS)
		call_integer(&call, fastpath->flags);
	if (is_write(fastpath->id)) {
		call.input_size = fastpath->input_size;
		memcpy(call.input_bytes, fastpath->input, sizeof(call.input_bytes));
	}
	errno = saved_errno;
	return (ssize_t)after_call(&call, result);
}

/* Returns whether a read found nothing, which is as ordinary as finding something. */
static __attribute__((noinline, cold)) bool has_found_nothing(const struct fastpath *fastpath,
							      ssize_t result)
{
	return result < 0 && !is_write(fastpath->id) && errno == EAGAIN;
}

HOT ssize_t fastpath_leave(const struct fastpath *fastpath, ssize_t result)
{
	uint64_t now_ns = clock_now_ns();
	size_t shown = 0;

	process_check(); /* raw clone may have returned twice */
	if (likely(result > 0)) {
		if (unlikely(is_write(fastpath->id) ? (size_t)result < fastpath->size
						    : state_may_be_held(fastpath->conn, now_ns)))
			return leave_slowly(fastpath, result);
		shown = is_write(fastpath->id) ? fastpath->input_size : load(&data_bytes);
		shown = (size_t)result < shown ? (size_t)result : shown;
	} else if (!has_found_nothing(fastpath, result)) {
		return leave_slowly(fastpath, result);
	}
	if (unlikely(thread.guard != 0 || result > INT32_MAX || shown > PACK_DATA_BYTES ||
		     now_ns - fastpath->start_ns >= LONG_WAIT_NS))
		return leave_slowly(fastpath, result);
	raise_guard(fastpath);
	if (unlikely(!is_place_kept(fastpath, shown))) {
		lower_guard();
		return leave_slowly(fastpath, result);
	}
	/* Done first: an atomic operation waits for the stores before it, and the record's cache
	 * lines may still be on their way from memory. */
	if (is_write(fastpath->id))
		state_sent(fastpath->conn, (uint64_t)result, 0, fastpath->start_ns, now_ns);
	else
		state_received(fastpath->conn, result > 0 ? (uint64_t)result : 0, now_ns);
	end_record(fastpath, result > 0 ? (int32_t)result : -EAGAIN, shown, now_ns);
	thread.previous_ns = now_ns;
	lower_guard();
	return result;
}
