/* The verdict on a connection on which a failure was rehearsed: from its calls, and in sentences.
 */
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "diagnose/verdict_text.h"
#include "format/facts.h"

#define MS(n) (UINT64_C(1000000) * (n))
#define S(n) MS(UINT64_C(1000) * (n))
#define NOTE(name) UNIT_NOTE(name)

enum { MOST_STEPS = 14, FD = 3 };

/* One call on the connection, or one that has notes for it. */
struct step {
	uint16_t call;
	uint16_t flags;
	int64_t result;
	int32_t error;
	uint64_t at_ms, took_ms;
	const char *bytes;     /* of a write: its result is their number */
	uint64_t arguments[3]; /* after the descriptor */
	uint32_t revents;      /* of a wait */
	int32_t asked_error;   /* SO_ERROR */
	unit_notes notes;
	uint64_t lost_bytes; /* in the facts of the notes */
	uint32_t stack;
};

#define CONNECTED(ms)                                                                       \
	{                                                                                   \
		.call = CALL_connect, .at_ms = (ms), .took_ms = 1, .notes = NOTE(connected) \
	}
#define ACCEPTED(ms)                                                        \
	{                                                                   \
		.call = CALL_accept, .at_ms = (ms), .notes = NOTE(accepted) \
	}
#define REHEARSED(ms, word, note)                                                     \
	{                                                                             \
		.call = CALL_rehearse, .at_ms = (ms), .arguments = {SCENARIO_##word}, \
		.notes = NOTE(note)                                                   \
	}
#define WROTE(ms, text)                                            \
	{                                                          \
		.call = CALL_write, .at_ms = (ms), .bytes = (text) \
	}
#define READ(ms, count)                                                                       \
	{                                                                                     \
		.call = CALL_read, .at_ms = (ms), .result = (count), .arguments = { 0, 4096 } \
	}
#define FAILED(what, ms, code)                                                    \
	{                                                                         \
		.call = CALL_##what, .at_ms = (ms), .result = -1, .error = (code) \
	}
#define SHUT(ms, direction)                                                             \
	{                                                                               \
		.call = CALL_shutdown, .at_ms = (ms), .arguments = { SHUT_##direction } \
	}
#define CLOSED(ms)                                \
	{                                         \
		.call = CALL_close, .at_ms = (ms) \
	}
#define ENDED(ms, status)                                                  \
	{                                                                  \
		.call = CALL_exit, .at_ms = (ms), .arguments = {(status)}, \
		.notes = NOTE(left_open_at_exit)                           \
	}
#define SLEEPS_IN(what, ms, number)                                                            \
	{                                                                                      \
		.call = CALL_##what, .at_ms = (ms), .flags = EVENT_SLEEPING, .stack = (number) \
	}

static void take_step(struct verdict *verdict, const struct step *step)
{
	static struct tcpshim_event event; /* large */
	static struct tcpshim_subject subject;
	struct iovec data = {.iov_base = (void *)(uintptr_t)step->bytes,
			     .iov_len = step->bytes ? strlen(step->bytes) : 0};

	event = (struct tcpshim_event){
		.call = step->call,
		.flags = step->flags,
		.result = step->bytes ? (int64_t)data.iov_len : step->result,
		.error = step->error,
		.time_ns = S(1000) + MS(step->at_ms),
		.start_ns = S(1000) + MS(step->at_ms - step->took_ms),
		.argument_count = 4,
		.arguments = {FD, step->arguments[0], step->arguments[1], step->arguments[2]},
		.data = &data,
		.data_count = step->bytes ? 1 : 0,
		.data_total = data.iov_len,
		.value = step->asked_error != 0 ? &step->asked_error : NULL,
		.value_size = step->asked_error != 0 ? sizeof(step->asked_error) : 0,
		.ready = {{.fd = FD + 1, .events = POLLIN | POLLERR | POLLHUP},
			  {.fd = FD, .events = step->revents}},
		.ready_total = step->revents != 0 ? 2 : 0,
	};
	if (step->call == CALL_exit)
		event.arguments[0] = step->arguments[0];
	subject = (struct tcpshim_subject){
		.notes = unit_note_set(step->notes),
		.facts = {.fd = FD, .lost_bytes = step->lost_bytes},
	};
	verdict_take(verdict, &event, step->notes != 0 ? &subject : NULL, step->stack);
}

static void take_steps(struct verdict *verdict, const struct step *steps)
{
	*verdict = (struct verdict){0};
	for (unsigned i = 0; i < MOST_STEPS && (steps[i].call != 0 || steps[i].at_ms != 0); i++)
		take_step(verdict, &steps[i]);
}

/* --- What is concluded. --- */

enum outcome { SPARED, NOT_PASSED, PASSED };
enum { UNKNOWN = -1 };

static const struct {
	const char *name;
	struct step steps[MOST_STEPS];
	enum outcome outcome;
	uint64_t delay_ms;
	enum verdict_notice notice;
	uint16_t call;
	int32_t error;
	int64_t lost_bytes;
} rows[] = {
	/* by an error */
	{.name = "the kernel gives up",
	 .steps = {CONNECTED(1), REHEARSED(10, power_off, rehearsed_cut), WROTE(20, "GET /"),
		   FAILED(read, 930020, ETIMEDOUT), CLOSED(930021)},
	 .outcome = PASSED,
	 .delay_ms = 930010,
	 .notice = VERDICT_BY_ERROR,
	 .call = CALL_read,
	 .error = ETIMEDOUT,
	 .lost_bytes = 5},
	{.name = "nothing was written: nothing is lost",
	 .steps = {CONNECTED(1), WROTE(5, "hello"), READ(6, 10),
		   REHEARSED(10, power_off, rehearsed_cut), FAILED(read, 25010, ETIMEDOUT)},
	 .outcome = PASSED,
	 .delay_ms = 25000,
	 .notice = VERDICT_BY_ERROR,
	 .call = CALL_read,
	 .error = ETIMEDOUT},
	{.name = "a write is told of the reset",
	 .steps = {ACCEPTED(1), REHEARSED(10, power_cycle, rehearsed_cut), WROTE(20, "ab"),
		   REHEARSED(40, power_cycle, rehearsed_reset), FAILED(send, 60, ECONNRESET)},
	 .outcome = PASSED,
	 .delay_ms = 50,
	 .notice = VERDICT_BY_ERROR,
	 .call = CALL_send,
	 .error = ECONNRESET,
	 .lost_bytes = 2},
	{.name = "the program asks with SO_ERROR",
	 .steps = {CONNECTED(1),
		   REHEARSED(10, power_off, rehearsed_cut),
		   {.call = CALL_getsockopt,
		    .at_ms = 500,
		    .arguments = {SOL_SOCKET, SO_ERROR},
		    .asked_error = ETIMEDOUT}},
	 .outcome = PASSED,
	 .delay_ms = 490,
	 .notice = VERDICT_BY_ERROR,
	 .call = CALL_getsockopt,
	 .error = ETIMEDOUT},
	{.name = "SO_ERROR is 0, and another option's value is no error",
	 .steps = {CONNECTED(1),
		   REHEARSED(10, power_off, rehearsed_cut),
		   {.call = CALL_getsockopt, .at_ms = 500, .arguments = {SOL_SOCKET, SO_ERROR}},
		   {.call = CALL_getsockopt,
		    .at_ms = 501,
		    .arguments = {SOL_SOCKET, SO_SNDBUF},
		    .asked_error = 4096}},
	 .outcome = NOT_PASSED},
	{.name = "errors of the program's own are none of the connection",
	 .steps = {CONNECTED(1), REHEARSED(10, power_off, rehearsed_cut), FAILED(read, 20, EAGAIN),
		   FAILED(read, 21, EINTR), FAILED(read, 22, EFAULT), FAILED(read, 23, EINVAL),
		   FAILED(write, 24, EAGAIN), FAILED(close, 25, EBADF)},
	 .outcome = NOT_PASSED},
	{.name = "a connect on an open connection is a question",
	 .steps = {CONNECTED(1), REHEARSED(10, power_off, rehearsed_cut),
		   FAILED(connect, 20, EISCONN)},
	 .outcome = NOT_PASSED},
	{.name = "an error before the failure",
	 .steps = {CONNECTED(1), FAILED(recv, 5, ECONNRESET),
		   REHEARSED(10, power_off, rehearsed_cut)},
	 .outcome = NOT_PASSED},

	/* by an end of stream */
	{.name = "a reset that a read shows as end of stream",
	 .steps = {CONNECTED(1), REHEARSED(10, power_cycle, rehearsed_cut), WROTE(20, "x"),
		   REHEARSED(40, power_cycle, rehearsed_reset), READ(60, 0), CLOSED(61)},
	 .outcome = PASSED,
	 .delay_ms = 50,
	 .notice = VERDICT_BY_END,
	 .call = CALL_read,
	 .lost_bytes = 1},
	{.name = "a read of no bytes is no end of stream",
	 .steps = {CONNECTED(1),
		   REHEARSED(10, power_off, rehearsed_cut),
		   {.call = CALL_read, .at_ms = 20}},
	 .outcome = NOT_PASSED},

	/* by a close of its own */
	{.name = "its own timeout",
	 .steps = {CONNECTED(1), REHEARSED(10, power_off, rehearsed_cut), WROTE(20, "PING"),
		   CLOSED(5020)},
	 .outcome = PASSED,
	 .delay_ms = 5010,
	 .notice = VERDICT_BY_CLOSE,
	 .call = CALL_close,
	 .lost_bytes = 4},
	{.name = "a shutdown of the sending side",
	 .steps = {CONNECTED(1), REHEARSED(10, power_off, rehearsed_cut), SHUT(30, WR)},
	 .outcome = NOT_PASSED},
	{.name = "a shutdown of both sides",
	 .steps = {CONNECTED(1), REHEARSED(10, power_off, rehearsed_cut), SHUT(30, RDWR)},
	 .outcome = PASSED,
	 .delay_ms = 20,
	 .notice = VERDICT_BY_CLOSE,
	 .call = CALL_shutdown},
	{.name = "a shutdown of the receiving side, and one that fails",
	 .steps = {CONNECTED(1), REHEARSED(10, power_off, rehearsed_cut), SHUT(30, RD),
		   FAILED(shutdown, 31, ENOTCONN)},
	 .outcome = NOT_PASSED},
	{.name = "the close of one of two descriptors",
	 .steps = {CONNECTED(1),
		   REHEARSED(10, power_off, rehearsed_cut),
		   {.call = CALL_close, .at_ms = 20, .notes = NOTE(closed_shared)}},
	 .outcome = NOT_PASSED},

	{.name = "the close by a process that has forked",
	 .steps = {ACCEPTED(1),
		   REHEARSED(10, power_off, rehearsed_cut),
		   {.call = CALL_close, .at_ms = 20, .notes = NOTE(closed_shared_maybe)}},
	 .outcome = NOT_PASSED},
	{.name = "the end of a process that has forked",
	 .steps = {ACCEPTED(1),
		   REHEARSED(10, power_off, rehearsed_cut),
		   {.call = CALL_exit, .at_ms = 20, .notes = NOTE(left_open_at_exit_maybe)}},
	 .outcome = NOT_PASSED},

	/* by its end */
	{.name = "the program ends",
	 .steps = {CONNECTED(1), REHEARSED(10, power_off, rehearsed_cut), ENDED(70, 1)},
	 .outcome = PASSED,
	 .delay_ms = 60,
	 .notice = VERDICT_BY_EXIT,
	 .call = CALL_exit},

	/* told by a wait, which alone is not enough */
	{.name = "a wait reports it, and then the program reads",
	 .steps = {CONNECTED(1),
		   REHEARSED(10, power_off, rehearsed_cut),
		   {.call = CALL_poll,
		    .at_ms = 40,
		    .result = 1,
		    .revents = POLLIN | POLLERR | POLLHUP,
		    .notes = NOTE(dead)},
		   FAILED(read, 45, ETIMEDOUT)},
	 .outcome = PASSED,
	 .delay_ms = 35,
	 .notice = VERDICT_BY_ERROR,
	 .call = CALL_read,
	 .error = ETIMEDOUT},
	{.name = "a wait reports it, in vain",
	 .steps = {CONNECTED(1),
		   REHEARSED(10, power_off, rehearsed_cut),
		   {.call = CALL_epoll_wait,
		    .at_ms = 40,
		    .result = 1,
		    .revents = EPOLLIN | EPOLLHUP,
		    .notes = NOTE(dead)}},
	 .outcome = NOT_PASSED},

	/* end of stream, rehearsed: it has to be acted upon */
	{.name = "peer-closes: read, and kept",
	 .steps = {CONNECTED(1), REHEARSED(10, peer_closes, rehearsed_end), READ(20, 0),
		   WROTE(30, "still here")},
	 .outcome = NOT_PASSED},
	{.name = "peer-closes: read, and closed",
	 .steps = {CONNECTED(1), REHEARSED(10, peer_closes, rehearsed_end), READ(20, 0),
		   WROTE(30, "bye"), CLOSED(40)},
	 .outcome = PASSED,
	 .delay_ms = 30,
	 .notice = VERDICT_BY_CLOSE,
	 .call = CALL_close},
	{.name = "half-open: read, and written to",
	 .steps = {CONNECTED(1),
		   REHEARSED(10, half_open, rehearsed_close),
		   READ(20, 0),
		   WROTE(30, "more"),
		   REHEARSED(50, half_open, rehearsed_reset),
		   {.call = CALL_write,
		    .at_ms = 60,
		    .result = -1,
		    .error = EPIPE,
		    .notes = NOTE(reset_after_fin) | NOTE(data_lost),
		    .lost_bytes = 4}},
	 .outcome = PASSED,
	 .delay_ms = 50,
	 .notice = VERDICT_BY_ERROR,
	 .call = CALL_write,
	 .error = EPIPE,
	 .lost_bytes = 4},
	{.name = "half-open: read, and kept",
	 .steps = {CONNECTED(1), REHEARSED(10, half_open, rehearsed_close), READ(20, 0),
		   READ(21, 0), READ(22, 0)},
	 .outcome = NOT_PASSED},

	/* interruptions */
	{.name = "outage: healed, and it goes on",
	 .steps = {CONNECTED(1), REHEARSED(10, outage, rehearsed_cut), WROTE(20, "data"),
		   REHEARSED(10010, outage, rehearsed_healed), READ(10210, 8)},
	 .outcome = PASSED,
	 .delay_ms = 200},
	{.name = "outage: healed, and nothing moves",
	 .steps = {CONNECTED(1), REHEARSED(10, outage, rehearsed_cut), WROTE(20, "data"),
		   REHEARSED(10010, outage, rehearsed_healed)},
	 .outcome = PASSED,
	 .delay_ms = 10000},
	{.name = "outage: what moves before it is healed does not count",
	 .steps = {CONNECTED(1), REHEARSED(10, outage, rehearsed_cut), WROTE(20, "data"),
		   WROTE(30, "more")},
	 .outcome = NOT_PASSED,
	 .lost_bytes = 8},
	{.name = "outage: given up before it is over",
	 .steps = {CONNECTED(1), REHEARSED(10, outage, rehearsed_cut), WROTE(20, "data"),
		   CLOSED(3010)},
	 .outcome = PASSED,
	 .delay_ms = 3000,
	 .notice = VERDICT_BY_CLOSE,
	 .call = CALL_close,
	 .lost_bytes = 4},

	{.name = "outage: healed by the close itself, after which the kernel delivers",
	 .steps = {CONNECTED(1),
		   REHEARSED(10, outage, rehearsed_cut),
		   WROTE(20, "data"),
		   {.call = CALL_close,
		    .at_ms = 3010,
		    .notes = NOTE(closed_first) | NOTE(rehearsed_healed)}},
	 .outcome = PASSED,
	 .delay_ms = 3000,
	 .notice = VERDICT_BY_CLOSE,
	 .call = CALL_close},

	/* of bytes */
	{.name = "deaf: what was written may have arrived",
	 .steps = {CONNECTED(1), REHEARSED(10, power_off, rehearsed_deaf), WROTE(20, "data"),
		   FAILED(read, 1020, ETIMEDOUT)},
	 .outcome = PASSED,
	 .delay_ms = 1010,
	 .notice = VERDICT_BY_ERROR,
	 .call = CALL_read,
	 .error = ETIMEDOUT,
	 .lost_bytes = UNKNOWN},
	{.name = "the kernel's count at its death is better than that of the writes",
	 .steps = {CONNECTED(1),
		   WROTE(9, "just before"),
		   REHEARSED(10, power_off, rehearsed_cut),
		   WROTE(20, "data"),
		   {.call = CALL_read,
		    .at_ms = 5020,
		    .result = -1,
		    .error = ETIMEDOUT,
		    .notes = NOTE(timed_out_data) | NOTE(data_lost),
		    .lost_bytes = 15}},
	 .outcome = PASSED,
	 .delay_ms = 5010,
	 .notice = VERDICT_BY_ERROR,
	 .call = CALL_read,
	 .error = ETIMEDOUT,
	 .lost_bytes = 15},

	/* connects */
	{.name = "a connect that is not answered",
	 .steps = {REHEARSED(10, unreachable, rehearsed_unanswered),
		   FAILED(connect, 130010, ETIMEDOUT)},
	 .outcome = PASSED,
	 .delay_ms = 130000,
	 .notice = VERDICT_BY_ERROR,
	 .call = CALL_connect,
	 .error = ETIMEDOUT},
	{.name = "a connect in the background that is not answered, and given up",
	 .steps = {REHEARSED(10, unreachable, rehearsed_unanswered),
		   FAILED(connect, 10, EINPROGRESS), CLOSED(3010)},
	 .outcome = PASSED,
	 .delay_ms = 3000,
	 .notice = VERDICT_BY_CLOSE,
	 .call = CALL_close},
	{.name = "a connect in the background that is not answered",
	 .steps = {REHEARSED(10, unreachable, rehearsed_unanswered),
		   FAILED(connect, 10, EINPROGRESS)},
	 .outcome = NOT_PASSED},
	{.name = "a connect that is refused",
	 .steps = {REHEARSED(10, refused, rehearsed_refused), FAILED(connect, 11, ECONNREFUSED)},
	 .outcome = PASSED,
	 .delay_ms = 1,
	 .notice = VERDICT_BY_ERROR,
	 .call = CALL_connect,
	 .error = ECONNREFUSED},

	/* slow is never failed */
	{.name = "slow",
	 .steps = {CONNECTED(1), REHEARSED(10, slow, rehearsed_slow), WROTE(20, "data")},
	 .outcome = PASSED},

	/* not concerned */
	{.name = "the kernel refused it",
	 .steps = {CONNECTED(1), REHEARSED(10, power_off, rehearsed_failed), WROTE(20, "data")},
	 .outcome = SPARED},
	{.name = "not chosen",
	 .steps = {CONNECTED(1), WROTE(20, "data"), CLOSED(30)},
	 .outcome = SPARED},
	{.name = "a connect to a peer that had failed before",
	 .steps = {REHEARSED(10, power_off, rehearsed_unanswered),
		   FAILED(connect, 130010, ETIMEDOUT)},
	 .outcome = SPARED},
};

static bool is_as_wanted(size_t i, const struct verdict *verdict)
{
	bool is_concerned = rows[i].outcome != SPARED, is_known;
	uint64_t lost_bytes;

	if (!is_concerned)
		return !verdict_is_concerned(verdict);
	is_known = verdict_lost_bytes(verdict, &lost_bytes);
	return verdict_is_concerned(verdict) &&
	       verdict_is_passed(verdict) == (rows[i].outcome == PASSED) &&
	       verdict_delay_ns(verdict) == MS(rows[i].delay_ms) &&
	       verdict->notice == rows[i].notice && verdict->call == rows[i].call &&
	       verdict->error == rows[i].error &&
	       (is_known ? (int64_t)lost_bytes : UNKNOWN) == rows[i].lost_bytes;
}

static void test_verdicts(void **state)
{
	static struct verdict verdict; /* large */
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t lost_bytes;

		take_steps(&verdict, rows[i].steps);
		if (is_as_wanted(i, &verdict))
			continue;
		verdict_lost_bytes(&verdict, &lost_bytes);
		print_error("%s: concerned %d, passed %d, delay %lu ms, notice %u by %s, error %d, "
			    "lost %lu, deaf %d\n",
			    rows[i].name, verdict_is_concerned(&verdict),
			    verdict_is_passed(&verdict), verdict_delay_ns(&verdict) / MS(1),
			    verdict.notice, call_rows[verdict.call].shown, verdict.error,
			    lost_bytes, verdict.is_deaf);
		is_right = false;
	}
	assert_true(is_right);
}

/* Where the program waits: in the call that was announced last, until another one has returned. */
static void test_waiting(void **state)
{
	static const struct step steps[] = {CONNECTED(1), SLEEPS_IN(read, 500, 7), {0}};
	static const struct step more = WROTE(600, "x"), again = SLEEPS_IN(recv, 700, 8);
	static const struct step deed = REHEARSED(550, power_off, rehearsed_cut);
	static struct verdict verdict;

	(void)state;
	take_steps(&verdict, steps);
	assert_true(verdict.is_waiting);
	assert_int_equal(verdict.waiting_call, CALL_read);
	assert_int_equal(verdict.stack, 7);
	/* What is done to the connection meanwhile does not end the wait. */
	take_step(&verdict, &deed);
	assert_true(verdict.is_waiting);
	take_step(&verdict, &more);
	assert_false(verdict.is_waiting);
	take_step(&verdict, &again);
	assert_true(verdict.is_waiting);
	assert_int_equal(verdict.waiting_call, CALL_recv);
	assert_int_equal(verdict.stack, 8);
}

/* A server that forks for each connection closes its own descriptor: the connection stays open. */
static void test_forked_close(void **state)
{
	static const struct step steps[] = {ACCEPTED(1),
					    {.call = CALL_close,
					     .at_ms = 2,
					     .notes = NOTE(closed_shared_maybe)},
					    REHEARSED(10, power_off, rehearsed_cut),
					    {0}};
	static struct verdict verdict;

	(void)state;
	take_steps(&verdict, steps);
	assert_int_equal(verdict.closed_ns, 0);
}

/* --- What is written again on the connection that took its place. --- */

static void test_retries(void **state)
{
	static const struct {
		const char *name;
		struct step old[MOST_STEPS], later[MOST_STEPS];
		uint64_t bytes, duplicate_bytes;
	} retries[] = {
		{"none",
		 {CONNECTED(1), REHEARSED(10, power_off, rehearsed_cut), WROTE(20, "GET /a")},
		 {CONNECTED(30), WROTE(31, "GET /b")},
		 0,
		 0},
		{"a request after the failure",
		 {CONNECTED(1), REHEARSED(10, power_off, rehearsed_cut), WROTE(20, "GET /a")},
		 {CONNECTED(30), WROTE(31, "GET /a")},
		 6,
		 0},
		{"a request that the peer had got, but not answered",
		 {CONNECTED(1), WROTE(5, "PUT /a"), REHEARSED(10, power_off, rehearsed_cut)},
		 {CONNECTED(30), WROTE(31, "PUT /a")},
		 6,
		 6},
		{"one that had been answered is none",
		 {CONNECTED(1), WROTE(5, "PUT /a"), READ(6, 2),
		  REHEARSED(10, power_off, rehearsed_cut)},
		 {CONNECTED(30), WROTE(31, "PUT /a")},
		 0,
		 0},
		{"two, one on each side of the failure, after a greeting",
		 {CONNECTED(1), WROTE(2, "hello"), READ(3, 2), WROTE(5, "PUT /a"),
		  REHEARSED(10, power_off, rehearsed_cut), WROTE(20, "PUT /bb")},
		 {CONNECTED(30), WROTE(31, "hello"), READ(32, 2), WROTE(33, "PUT /a"),
		  WROTE(34, "PUT /bb")},
		 13,
		 6},
		{"the kernel's count decides, to the byte",
		 {CONNECTED(1),
		  WROTE(5, "PUT /a"),
		  REHEARSED(10, power_off, rehearsed_cut),
		  WROTE(20, "PUT /b"),
		  {.call = CALL_read,
		   .at_ms = 5020,
		   .result = -1,
		   .error = ETIMEDOUT,
		   .notes = NOTE(data_lost),
		   .lost_bytes = 8}},
		 {CONNECTED(5030), WROTE(5031, "PUT /a"), WROTE(5032, "PUT /b")},
		 12,
		 4},
		{"deaf: the peer has got all of it",
		 {CONNECTED(1), REHEARSED(10, power_off, rehearsed_deaf), WROTE(20, "PUT /a")},
		 {CONNECTED(30), WROTE(31, "PUT /a")},
		 6,
		 6},
		{"the same twice is written again twice, or once",
		 {CONNECTED(1), REHEARSED(10, power_off, rehearsed_cut), WROTE(20, "ping"),
		  WROTE(21, "ping")},
		 {CONNECTED(30), WROTE(31, "ping")},
		 4,
		 0},
		{"other bytes of the same number",
		 {CONNECTED(1), REHEARSED(10, power_off, rehearsed_cut), WROTE(20, "abcd")},
		 {CONNECTED(30), WROTE(31, "abce")},
		 0,
		 0},
		{"without the bytes nothing is known",
		 {CONNECTED(1),
		  REHEARSED(10, power_off, rehearsed_cut),
		  {.call = CALL_write, .at_ms = 20, .result = 4, .arguments = {0, 4}}},
		 {CONNECTED(30),
		  {.call = CALL_write, .at_ms = 31, .result = 4, .arguments = {0, 4}}},
		 0,
		 0},
	};
	static struct verdict old, later;
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(retries); i++) {
		struct verdict_retry retry;

		take_steps(&old, retries[i].old);
		take_steps(&later, retries[i].later);
		retry = verdict_retry_of(&old, &later);
		if (retry.bytes == retries[i].bytes &&
		    retry.duplicate_bytes == retries[i].duplicate_bytes)
			continue;
		print_error("%s: %lu bytes again, %lu twice\n", retries[i].name, retry.bytes,
			    retry.duplicate_bytes);
		is_right = false;
	}
	assert_true(is_right);
}

/* More writes than are kept: the last ones of the old connection, the first ones of the later. */
static void test_many_writes(void **state)
{
	static const struct step opened[] = {CONNECTED(1),
					     REHEARSED(10, power_off, rehearsed_cut),
					     {0}};
	static struct verdict old, later;
	struct verdict_retry retry;

	(void)state;
	take_steps(&old, opened);
	take_steps(&later, (const struct step[]){CONNECTED(5000), {0}});
	for (unsigned i = 0; i < VERDICT_WRITES + 10; i++) {
		char text[32];
		struct step step = WROTE(20 + i, text);

		snprintf(text, sizeof(text), "message %02u", i);
		take_step(&old, &step);
		step.at_ms += 5000;
		if (i >= 10)
			take_step(&later, &step);
	}
	assert_int_equal(old.unanswered_count, VERDICT_WRITES);
	assert_int_equal(later.first_count, VERDICT_WRITES);
	assert_int_equal(old.sent_bytes, (VERDICT_WRITES + 10) * 10);
	assert_int_equal(old.sent_after_bytes, old.sent_bytes);
	retry = verdict_retry_of(&old, &later);
	assert_int_equal(retry.bytes, VERDICT_WRITES * 10);
	assert_int_equal(retry.duplicate_bytes, 0);
}

/* --- In sentences. --- */

#define KEEPALIVE_ON                                                             \
	{                                                                        \
		.has_keepalive = true, .idle_s = 10, .interval_s = 5, .count = 3 \
	}

static const struct {
	const char *name;
	struct step steps[MOST_STEPS], later[MOST_STEPS];
	uint64_t within_s, watched_s;
	struct policy policy;
	uint32_t attempts;
	uint64_t first_attempt_ms;
	const char *waits_in;
	const char *result, *course, *bytes, *remedy;
} texts[] = {
	{.name = "never noticed",
	 .steps = {CONNECTED(10), REHEARSED(2010, power_off, rehearsed_cut)},
	 .within_s = 120,
	 .watched_s = 118,
	 .waits_in = "recv() at main (client.c:7)",
	 .result = "not noticed in 118.0 s",
	 .course = "Cut 2.0 s after it was opened. It waits in recv() at main (client.c:7).",
	 .bytes = "",
	 .remedy = "With TCPSHIM_KEEPALIVE=10s,5s,3 it would have after about 25 s: rehearse again "
		   "with --keepalive=10s,5s,3."},
	{.name = "never noticed, and it writes",
	 .steps = {ACCEPTED(10), REHEARSED(15, power_off, rehearsed_cut), WROTE(20, "data")},
	 .within_s = 20,
	 .watched_s = 20,
	 .result = "not noticed in 20.0 s",
	 .course = "Cut 5.0 ms after it was opened.",
	 .bytes = "4 bytes that were written are lost.",
	 .remedy = "With TCPSHIM_KEEPALIVE=8s,4s,3 and TCPSHIM_USER_TIMEOUT=20s it would have "
		   "after about 20 s: rehearse again with --keepalive=8s,4s,3 --user-timeout=20s."},
	{.name = "never noticed, with keepalive already",
	 .steps = {CONNECTED(10), REHEARSED(2010, power_off, rehearsed_cut)},
	 .within_s = 20,
	 .watched_s = 20,
	 .policy = KEEPALIVE_ON,
	 .result = "not noticed in 20.0 s",
	 .course = "Cut 2.0 s after it was opened.",
	 .bytes = "",
	 .remedy = ""},
	{.name = "it writes, with keepalive already: the user timeout is missing",
	 .steps = {CONNECTED(10), REHEARSED(2010, power_off, rehearsed_cut), WROTE(2020, "d")},
	 .within_s = 60,
	 .watched_s = 60,
	 .policy = KEEPALIVE_ON,
	 .result = "not noticed in 60.0 s",
	 .course = "Cut 2.0 s after it was opened.",
	 .bytes = "1 byte that was written is lost.",
	 .remedy = "With TCPSHIM_KEEPALIVE=10s,5s,3 and TCPSHIM_USER_TIMEOUT=25s it would have "
		   "after about 25 s: rehearse again with --keepalive=10s,5s,3 "
		   "--user-timeout=25s."},
	{.name = "it has to be noticed sooner than any timer can",
	 .steps = {CONNECTED(10), REHEARSED(2010, power_off, rehearsed_cut)},
	 .within_s = 1,
	 .watched_s = 30,
	 .result = "not noticed in 30.0 s",
	 .course = "Cut 2.0 s after it was opened.",
	 .bytes = "",
	 .remedy = ""},
	{.name = "the shortest keepalive takes longer than that",
	 .steps = {CONNECTED(10), REHEARSED(2010, power_off, rehearsed_cut)},
	 .within_s = 4,
	 .watched_s = 30,
	 .result = "not noticed in 30.0 s",
	 .course = "Cut 2.0 s after it was opened.",
	 .bytes = "",
	 .remedy = ""},
	{.name = "idle, with a user timeout already: that ends only what is written to",
	 .steps = {CONNECTED(10), REHEARSED(2010, power_off, rehearsed_cut)},
	 .within_s = 60,
	 .watched_s = 60,
	 .policy = {.has_user_timeout = true, .user_timeout_ms = 25000},
	 .result = "not noticed in 60.0 s",
	 .course = "Cut 2.0 s after it was opened.",
	 .bytes = "",
	 .remedy = "With TCPSHIM_KEEPALIVE=10s,5s,3 it would have after about 25 s: rehearse again "
		   "with --keepalive=10s,5s,3."},
	{.name = "noticed by an error, closed, and connected again",
	 .steps = {CONNECTED(10), REHEARSED(2010, power_cycle, rehearsed_cut), WROTE(3010, "GET"),
		   REHEARSED(3030, power_cycle, rehearsed_reset), FAILED(recv, 3040, ECONNRESET),
		   CLOSED(3050)},
	 .later = {CONNECTED(3560), WROTE(3561, "GET")},
	 .within_s = 120,
	 .watched_s = 4,
	 .result = "noticed after 1.0 s",
	 .course = "Cut 2.0 s after it was opened. recv() got ECONNRESET; it closed 10.0 ms later. "
		   "It connected again after 1.6 s (connection #2) and wrote 3 bytes again.",
	 .bytes = "3 bytes that were written are lost.",
	 .remedy = ""},
	{.name = "what the peer had got is written again",
	 .steps = {CONNECTED(10), WROTE(20, "PUT /a"), REHEARSED(30, power_off, rehearsed_cut),
		   CLOSED(1030)},
	 .later = {CONNECTED(1040), WROTE(1041, "PUT /a")},
	 .within_s = 120,
	 .watched_s = 4,
	 .result = "noticed after 1.0 s",
	 .course = "Cut 20.0 ms after it was opened. The program called close() of its own accord. "
		   "It connected again after 1.0 s (connection #2) and wrote 6 bytes again, of "
		   "which the peer had got 6 bytes before.",
	 .bytes = "",
	 .remedy = ""},
	{.name = "tried to connect again, in vain",
	 .steps = {CONNECTED(10), REHEARSED(2010, power_off, rehearsed_cut),
		   FAILED(read, 27010, ETIMEDOUT)},
	 .within_s = 120,
	 .watched_s = 30,
	 .attempts = 1,
	 .first_attempt_ms = 27210,
	 .result = "noticed after 25.0 s",
	 .course = "Cut 2.0 s after it was opened. read() got ETIMEDOUT; it has not closed. It "
		   "tried to connect again 1 time, in vain, first after 25.2 s.",
	 .bytes = "",
	 .remedy = ""},
	{.name = "too late",
	 .steps = {CONNECTED(10), REHEARSED(2010, power_off, rehearsed_cut),
		   FAILED(read, 27010, ETIMEDOUT), CLOSED(27010)},
	 .within_s = 10,
	 .watched_s = 30,
	 .result = "noticed after 25.0 s, too late by 15.0 s",
	 .course = "Cut 2.0 s after it was opened. read() got ETIMEDOUT; it closed 0.0 ms later.",
	 .bytes = "",
	 .remedy = "With TCPSHIM_KEEPALIVE=4s,2s,3 it would have after about 10 s: rehearse again "
		   "with --keepalive=4s,2s,3."},
	{.name = "just in time",
	 .steps = {CONNECTED(10), REHEARSED(2010, power_off, rehearsed_cut), CLOSED(12010)},
	 .within_s = 10,
	 .watched_s = 30,
	 .result = "noticed after 10.0 s",
	 .course = "Cut 2.0 s after it was opened. The program called close() of its own accord.",
	 .bytes = "",
	 .remedy = ""},
	{.name = "noticed at end of stream",
	 .steps = {CONNECTED(10), REHEARSED(2010, power_cycle, rehearsed_cut), READ(2030, 0)},
	 .within_s = 120,
	 .watched_s = 5,
	 .result = "noticed after 20.0 ms",
	 .course = "Cut 2.0 s after it was opened. read() returned 0; it has not closed.",
	 .bytes = "",
	 .remedy = ""},
	{.name = "a wait had reported it before the close",
	 .steps = {CONNECTED(10),
		   REHEARSED(2010, power_off, rehearsed_cut),
		   {.call = CALL_poll,
		    .at_ms = 3010,
		    .result = 1,
		    .revents = POLLERR | POLLHUP,
		    .notes = NOTE(dead)},
		   CLOSED(3020)},
	 .within_s = 120,
	 .watched_s = 5,
	 .result = "noticed after 1.0 s",
	 .course = "Cut 2.0 s after it was opened. The program called close(), after a wait had "
		   "reported the end to it.",
	 .bytes = "",
	 .remedy = ""},
	{.name = "a wait has reported it, in vain",
	 .steps = {CONNECTED(10),
		   REHEARSED(2010, power_off, rehearsed_cut),
		   {.call = CALL_poll,
		    .at_ms = 3010,
		    .result = 1,
		    .revents = POLLERR | POLLHUP,
		    .notes = NOTE(dead)}},
	 .within_s = 3,
	 .watched_s = 5,
	 .result = "not noticed in 5.0 s",
	 .course = "Cut 2.0 s after it was opened. A wait reported the end to it 1.0 s after the "
		   "failure, but it neither read nor closed.",
	 .bytes = "",
	 .remedy = ""},
	{.name = "the program ended",
	 .steps = {CONNECTED(10), REHEARSED(2010, power_off, rehearsed_cut), ENDED(2310, 1)},
	 .within_s = 120,
	 .watched_s = 5,
	 .result = "noticed after 300.0 ms",
	 .course = "Cut 2.0 s after it was opened. The program ended with status 1.",
	 .bytes = "",
	 .remedy = ""},
	{.name = "end of stream read, and kept",
	 .steps = {CONNECTED(10), REHEARSED(2010, peer_closes, rehearsed_end), READ(2011, 0)},
	 .within_s = 120,
	 .watched_s = 100,
	 .waits_in = "poll()",
	 .result = "not noticed in 100.0 s",
	 .course = "Ended 2.0 s after it was opened. The program read the end of stream 1.0 ms "
		   "later, and kept the connection (CLOSE_WAIT). It waits in poll().",
	 .bytes = "",
	 .remedy = "Close after read = 0; or let TCPSHIM_CLOSE_ON_EOF=fin end the connection, if "
		   "the protocol does not half-close: rehearse again with --close-on-eof=fin."},
	{.name = "end of stream read, and kept, with the policy already",
	 .steps = {CONNECTED(10), REHEARSED(2010, peer_closes, rehearsed_end), READ(2011, 0)},
	 .within_s = 120,
	 .watched_s = 100,
	 .policy = {.on_eof = POLICY_EOF_FIN},
	 .result = "not noticed in 100.0 s",
	 .course = "Ended 2.0 s after it was opened. The program read the end of stream 1.0 ms "
		   "later, and kept the connection (CLOSE_WAIT).",
	 .bytes = "",
	 .remedy = ""},
	{.name = "end of stream not read",
	 .steps = {CONNECTED(10), REHEARSED(2010, half_open, rehearsed_close)},
	 .within_s = 120,
	 .watched_s = 100,
	 .waits_in = "nanosleep()",
	 .result = "not noticed in 100.0 s",
	 .course = "Ended 2.0 s after it was opened. The program has not read the end of stream. "
		   "It waits in nanosleep().",
	 .bytes = "",
	 .remedy = "Close after read = 0; or let TCPSHIM_CLOSE_ON_EOF=fin end the connection, if "
		   "the protocol does not half-close: rehearse again with --close-on-eof=fin."},
	{.name = "end of stream read, and closed",
	 .steps = {CONNECTED(10), REHEARSED(2010, half_open, rehearsed_close), READ(2011, 0),
		   CLOSED(2012)},
	 .within_s = 120,
	 .watched_s = 5,
	 .result = "closed after 2.0 ms",
	 .course = "Ended 2.0 s after it was opened. The program read the end of stream 1.0 ms "
		   "later. The program called close().",
	 .bytes = "",
	 .remedy = ""},
	{.name = "an interruption that is over",
	 .steps = {CONNECTED(10), REHEARSED(2010, outage, rehearsed_cut), WROTE(3010, "late"),
		   REHEARSED(12010, outage, rehearsed_healed), READ(12410, 5)},
	 .within_s = 120,
	 .watched_s = 15,
	 .result = "went on 400.0 ms after the end of the interruption",
	 .course = "Cut 2.0 s after it was opened.",
	 .bytes = "4 bytes were late by 9.0 s and more; nothing is lost.",
	 .remedy = ""},
	{.name = "an interruption that is over, and nothing moves",
	 .steps = {CONNECTED(10), REHEARSED(2010, outage, rehearsed_cut), WROTE(3010, "l"),
		   REHEARSED(12010, outage, rehearsed_healed)},
	 .within_s = 120,
	 .watched_s = 118,
	 .waits_in = "recv()",
	 .result = "nothing has moved since the interruption",
	 .course = "Cut 2.0 s after it was opened. It waits in recv().",
	 .bytes = "1 byte was late by 9.0 s and more; nothing is lost.",
	 .remedy = ""},
	{.name = "deaf",
	 .steps = {CONNECTED(10), REHEARSED(2010, power_off, rehearsed_deaf), WROTE(3010, "data"),
		   CLOSED(4010)},
	 .within_s = 120,
	 .watched_s = 5,
	 .result = "noticed after 2.0 s",
	 .course = "Cut 2.0 s after it was opened. The program called close() of its own accord.",
	 .bytes = "4 bytes were written after that; the peer got them (by=deaf), and this side "
		  "cannot know.",
	 .remedy = ""},
	{.name = "deaf, and one byte written",
	 .steps = {CONNECTED(10), REHEARSED(2010, power_off, rehearsed_deaf), WROTE(3010, "d"),
		   CLOSED(4010)},
	 .within_s = 120,
	 .watched_s = 5,
	 .result = "noticed after 2.0 s",
	 .course = "Cut 2.0 s after it was opened. The program called close() of its own accord.",
	 .bytes = "1 byte was written after that; the peer got it (by=deaf), and this side cannot "
		  "know.",
	 .remedy = ""},
	{.name = "deaf, and nothing written",
	 .steps = {CONNECTED(10), REHEARSED(2010, power_off, rehearsed_deaf), CLOSED(4010)},
	 .within_s = 120,
	 .watched_s = 5,
	 .result = "noticed after 2.0 s",
	 .course = "Cut 2.0 s after it was opened. The program called close() of its own accord.",
	 .bytes = "",
	 .remedy = ""},
	{.name = "a connect without an answer",
	 .steps = {REHEARSED(10, unreachable, rehearsed_unanswered),
		   FAILED(connect, 10, EINPROGRESS)},
	 .within_s = 60,
	 .watched_s = 60,
	 .waits_in = "poll()",
	 .result = "not noticed in 60.0 s",
	 .course = "Its connect was rehearsed. It waits in poll().",
	 .bytes = "",
	 .remedy = "TCP_USER_TIMEOUT limits a connect too: rehearse again with "
		   "--user-timeout=10s."},
	{.name = "a connect without an answer, and with a user timeout",
	 .steps = {REHEARSED(10, unreachable, rehearsed_unanswered),
		   FAILED(connect, 10010, ETIMEDOUT), CLOSED(10010)},
	 .within_s = 60,
	 .watched_s = 60,
	 .policy = {.has_user_timeout = true, .user_timeout_ms = 10000},
	 .result = "noticed after 10.0 s",
	 .course = "Its connect was rehearsed. connect() got ETIMEDOUT; it closed 0.0 ms later.",
	 .bytes = "",
	 .remedy = ""},
	{.name = "a connect that is refused, unnoticed",
	 .steps = {REHEARSED(10, refused, rehearsed_refused), FAILED(connect, 10, EINPROGRESS)},
	 .within_s = 60,
	 .watched_s = 60,
	 .result = "not noticed in 60.0 s",
	 .course = "Its connect was rehearsed.",
	 .bytes = "",
	 .remedy = ""},
	{.name = "slow",
	 .steps = {CONNECTED(10), REHEARSED(2010, slow, rehearsed_slow), WROTE(3010, "data")},
	 .within_s = 60,
	 .watched_s = 60,
	 .result = "went on for 60.0 s",
	 .course = "Slow 2.0 s after it was opened.",
	 .bytes = "",
	 .remedy = ""},
	{.name = "slow, to its end",
	 .steps = {CONNECTED(10), REHEARSED(2010, slow, rehearsed_slow), WROTE(3010, "data"),
		   CLOSED(4010)},
	 .within_s = 60,
	 .watched_s = 60,
	 .result = "ended after 2.0 s",
	 .course = "Slow 2.0 s after it was opened. The program called close() of its own accord.",
	 .bytes = "",
	 .remedy = ""},
};

static void test_texts(void **state)
{
	static struct verdict verdict, later;
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		const struct verdict_scope scope = {
			.watched_ns = S(texts[i].watched_s),
			.within_ns = S(texts[i].within_s),
			.later = texts[i].later[0].at_ms != 0 ? &later : NULL,
			.later_serial = 2,
			.attempts = texts[i].attempts,
			.first_attempt_ns = S(1000) + MS(texts[i].first_attempt_ms),
			.policy = &texts[i].policy,
			.waits_in = texts[i].waits_in,
		};
		bool has_remedy;

		take_steps(&verdict, texts[i].steps);
		take_steps(&later, texts[i].later);
		verdict_append_result(unit_begin(), &verdict, &scope);
		is_right &= unit_is_text(texts[i].name, unit_end(), texts[i].result);
		verdict_append_course(unit_begin(), &verdict, &scope);
		is_right &= unit_is_text(texts[i].name, unit_end(), texts[i].course);
		verdict_append_bytes(unit_begin(), &verdict, &scope);
		is_right &= unit_is_text(texts[i].name, unit_end(), texts[i].bytes);
		has_remedy = verdict_append_remedy(unit_begin(), &verdict, &scope);
		is_right &= unit_is_text(texts[i].name, unit_end(), texts[i].remedy);
		is_right &= has_remedy == (texts[i].remedy[0] != '\0');
	}
	assert_true(is_right);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),    cmocka_unit_test(test_forked_close),
		cmocka_unit_test(test_waiting),     cmocka_unit_test(test_retries),
		cmocka_unit_test(test_many_writes), cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
