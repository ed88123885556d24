/* What the calls on one connection tell a diagnosis: requests and answers, and rows of calls that
 * were in vain. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "diagnose/story.h"

#define MS(n) (UINT64_C(1000000) * (n))
#define US(n) (UINT64_C(1000) * (n))

enum { MOST_STEPS = 8 };

/* So many calls, one after the other. */
struct step {
	unsigned count; /* 0: one */
	uint16_t call;
	int64_t result;
	int32_t error;
	uint64_t start_ns, took_ns, every_ns;
	const char *bytes;  /* of a write */
	uint64_t waited_ns; /* as of the context */
	uint64_t polled_ns;
};

static const struct {
	const char *name;
	struct step steps[MOST_STEPS];
	uint64_t answer_ns, given_up_ns, unanswered_ns;
	bool is_seen_waiting;
	uint64_t blocked, ends;
} rows[] = {
	{.name = "a request and its answer",
	 .steps = {{.call = CALL_write, .result = 7, .start_ns = MS(10), .bytes = "request"},
		   {.call = CALL_read, .result = 6, .start_ns = MS(30)},
		   {.call = CALL_close, .start_ns = MS(9000)}},
	 .answer_ns = MS(20)},
	{.name = "a request without an answer, polled until the close",
	 .steps = {{.call = CALL_write, .result = 7, .start_ns = MS(10), .bytes = "request"},
		   {.call = CALL_close, .start_ns = MS(2010), .polled_ns = MS(2000)}},
	 .given_up_ns = MS(2000),
	 .is_seen_waiting = true},
	{.name = "polled only at the beginning of a long pause",
	 .steps = {{.call = CALL_write, .result = 7, .start_ns = MS(10), .bytes = "request"},
		   {.call = CALL_close, .start_ns = MS(2010), .polled_ns = MS(20)}},
	 .given_up_ns = MS(2000)},
	{.name = "polled before the request",
	 .steps = {{.call = CALL_write, .result = 7, .start_ns = MS(10), .bytes = "request"},
		   {.call = CALL_close, .start_ns = MS(12), .polled_ns = MS(9)}},
	 .given_up_ns = MS(2)},
	{.name = "a read that has timed out (SO_RCVTIMEO)",
	 .steps = {{.call = CALL_write, .result = 7, .start_ns = MS(10), .bytes = "request"},
		   {.call = CALL_read,
		    .result = -1,
		    .error = EAGAIN,
		    .start_ns = MS(10),
		    .took_ns = MS(1000)},
		   {.call = CALL_close, .start_ns = MS(1010)}},
	 .given_up_ns = MS(1000),
	 .is_seen_waiting = true},
	{.name = "a read that has timed out, and its repetition that has not",
	 .steps = {{.call = CALL_write, .result = 7, .start_ns = MS(10), .bytes = "request"},
		   {.call = CALL_read,
		    .result = -1,
		    .error = EAGAIN,
		    .start_ns = MS(10),
		    .took_ns = MS(1000)},
		   {.call = CALL_read, .result = 6, .start_ns = MS(1110)}},
	 .answer_ns = MS(1100)},
	{.name = "an alert of TLS is no request, a goodbye is one",
	 .steps = {{.call = CALL_write, .result = 7, .start_ns = MS(10), .bytes = "request"},
		   {.call = CALL_write,
		    .result = 24,
		    .start_ns = MS(2010),
		    .bytes = "\x17\x03\x03\x00\x13"},
		   {.call = CALL_close, .start_ns = MS(2010), .polled_ns = MS(2000)}},
	 .given_up_ns = MS(2000),
	 .is_seen_waiting = true},
	{.name = "writes without answers",
	 .steps = {{.call = CALL_write, .result = 7, .start_ns = MS(10), .bytes = "message"},
		   {.call = CALL_write, .result = 7, .start_ns = MS(1010), .bytes = "message"},
		   {.call = CALL_write, .result = 7, .start_ns = MS(1020), .bytes = "message"},
		   {.call = CALL_close, .start_ns = MS(2020), .polled_ns = MS(2020)}},
	 .given_up_ns = MS(1000),
	 .unanswered_ns = MS(1000),
	 .is_seen_waiting = true},
	{.name = "a request in parts, and its answer",
	 .steps = {{.call = CALL_write, .result = 7, .start_ns = MS(10), .bytes = "request"},
		   {.call = CALL_write, .result = 4, .start_ns = MS(1010), .bytes = "more"},
		   {.call = CALL_read, .result = 6, .start_ns = MS(1020)}},
	 .answer_ns = MS(10)},
	{.name = "a goodbye before the close",
	 .steps = {{.call = CALL_write, .result = 7, .start_ns = MS(10), .bytes = "request"},
		   {.call = CALL_write, .result = 4, .start_ns = MS(2010), .bytes = "QUIT"},
		   {.call = CALL_close, .start_ns = MS(2011), .polled_ns = MS(2000)}},
	 .given_up_ns = MS(1),
	 .unanswered_ns = MS(2000)},
	{.name = "what could not be written is no request",
	 .steps = {{.call = CALL_write, .result = 7, .start_ns = MS(10), .bytes = "request"},
		   {.call = CALL_write, .result = -1, .error = EAGAIN, .start_ns = MS(11)},
		   {.call = CALL_close, .start_ns = MS(9000), .polled_ns = MS(8999)}}},
	{.name = "an answer after the close of another descriptor",
	 .steps = {{.call = CALL_write, .result = 7, .start_ns = MS(10), .bytes = "request"},
		   {.call = CALL_close, .start_ns = MS(2010)},
		   {.call = CALL_read, .result = 6, .start_ns = MS(3010)}},
	 .answer_ns = MS(3000)},
	{.name = "reads that would block, again and again",
	 .steps = {{.count = 300,
		    .call = CALL_read,
		    .result = -1,
		    .error = EAGAIN,
		    .start_ns = MS(1),
		    .took_ns = US(1),
		    .every_ns = US(10)}},
	 .blocked = 300},
	{.name = "with a wait in between, or a pause, or in themselves",
	 .steps = {{.count = 99,
		    .call = CALL_read,
		    .result = -1,
		    .error = EAGAIN,
		    .start_ns = MS(1),
		    .every_ns = US(10)},
		   {.count = 99,
		    .call = CALL_read,
		    .result = -1,
		    .error = EAGAIN,
		    .start_ns = MS(2),
		    .every_ns = US(10),
		    .waited_ns = US(1999)},
		   {.count = 300,
		    .call = CALL_read,
		    .result = -1,
		    .error = EAGAIN,
		    .start_ns = MS(100),
		    .every_ns = MS(2)},
		   {.count = 300,
		    .call = CALL_read,
		    .result = -1,
		    .error = EAGAIN,
		    .start_ns = MS(1000),
		    .took_ns = MS(2),
		    .every_ns = MS(2)}},
	 .is_seen_waiting = false},
	{.name = "bytes in between end a row",
	 .steps = {{.count = 99,
		    .call = CALL_read,
		    .result = -1,
		    .error = EAGAIN,
		    .start_ns = MS(1),
		    .every_ns = US(10)},
		   {.call = CALL_read, .result = 5, .start_ns = MS(2)},
		   {.count = 99,
		    .call = CALL_read,
		    .result = -1,
		    .error = EAGAIN,
		    .start_ns = MS(2),
		    .every_ns = US(10)}}},
	{.name = "end of stream, read again and again, and twice",
	 .steps = {{.count = 2, .call = CALL_read, .start_ns = MS(1), .every_ns = US(10)},
		   {.count = 150, .call = CALL_read, .start_ns = MS(100), .every_ns = US(10)}},
	 .ends = 150},
};

static void take(struct story *story, const struct step *step, unsigned number)
{
	struct iovec data = {.iov_base = (void *)(uintptr_t)step->bytes,
			     .iov_len = step->bytes ? 5 : 0};
	struct tcpshim_event event = {
		.call = step->call,
		.result = step->result,
		.error = step->error,
		.start_ns = step->start_ns + number * step->every_ns,
		.argument_count = step->call == CALL_close ? 1 : 3,
		.arguments = {3, 0, 100},
		.data = &data,
		.data_count = step->bytes ? 1 : 0,
		.data_total = step->bytes ? (uint64_t)step->result : 0,
	};
	struct story_context context = {.waited_ns = step->waited_ns, .polled_ns = step->polled_ns};

	event.time_ns = event.start_ns + step->took_ns;
	story_call(story, &event, &context);
}

static void test_calls(void **state)
{
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct story story = {0};

		for (size_t j = 0; j < MOST_STEPS && rows[i].steps[j].call != 0; j++)
			for (unsigned k = 0; k == 0 || k < rows[i].steps[j].count; k++)
				take(&story, &rows[i].steps[j], k);
		if (story.answer_ns == rows[i].answer_ns &&
		    story.given_up_ns == rows[i].given_up_ns &&
		    story.unanswered_ns == rows[i].unanswered_ns &&
		    story.is_seen_waiting == rows[i].is_seen_waiting &&
		    story.blocked.calls == rows[i].blocked && story.ends.calls == rows[i].ends)
			continue;
		is_right = false;
		print_error(
			"%s: answer %lu, given up %lu, unanswered %lu, seen waiting %d, blocked "
			"%lu, ends %lu\n",
			rows[i].name, story.answer_ns, story.given_up_ns, story.unanswered_ns,
			story.is_seen_waiting, story.blocked.calls, story.ends.calls);
	}
	assert_true(is_right);
}

/* The stacks of what findings ask for are kept, the first of each note. */
static void test_stacks(void **state)
{
	static const uint8_t reset[] = {NOTE_reset_by_peer}, slow[] = {NOTE_connect_slow},
			     both[] = {NOTE_dead, NOTE_connect_slow, NOTE_reset_by_peer};
	struct tcpshim_event event = {.call = CALL_connect};
	struct tcpshim_subject subject = {.notes = unit_note_set(UNIT_NOTE(connect_slow))};
	struct story_context context = {.stack = 4};
	struct story story = {0};

	(void)state;
	story_subject(&story, &event, &subject, 4);
	story_subject(&story, &event, &subject, 5);
	subject.notes = unit_note_set(UNIT_NOTE(reset_by_peer) | UNIT_NOTE(connected));
	story_subject(&story, &event, &subject, 0);
	assert_int_equal(story_stack(&story, reset, 1), 0);
	story_subject(&story, &event, &subject, 6);
	assert_int_equal(story_stack(&story, slow, 1), 4);
	assert_int_equal(story_stack(&story, reset, 1), 6);
	assert_int_equal(story_stack(&story, both, 3), 4);
	assert_int_equal(story.stack_count, 2);
	story_call(&story, &event, &context);
	event.call = CALL_read;
	context.stack = 7;
	story_call(&story, &event, &context);
	context.stack = 0;
	story_call(&story, &event, &context);
	assert_int_equal(story.opened_stack, 4);
	assert_int_equal(story.used_stack, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_stacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
