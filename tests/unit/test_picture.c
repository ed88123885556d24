/* What pages and pictures are made of: signs, states, arrows, the choice of moments, and escapes.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "picture/drawing.h"
#include "picture/page_choice.h"
#include "picture/page_stacks.h"
#include "picture/page_text.h"
#include "picture/states.h"
#include "picture/svg.h"
#include "picture/wire.h"

#define MS(n) (UINT64_C(1000000) * (n))

/* --- A connection as moments. --- */

static struct moment moments[300];
static struct picture_end ours, theirs;

static struct moment moment_at(uint64_t ms, unsigned call, unit_notes notes, const char *text)
{
	return (struct moment){
		.start_ns = MS(ms),
		.time_ns = MS(ms),
		.call = (uint16_t)call,
		.notes = unit_note_set(notes),
		.text = (char *)text,
	};
}

static void fill_end(struct picture_end *end, struct moment *list, size_t count)
{
	*end = (struct picture_end){
		.program = "nc",
		.host = "",
		.chronicle = {.list = list, .count = count, .capacity = count, .most = 128},
	};
	for (size_t i = 0; i < count; i++) {
		uint64_t *sum = list[i].direction == MOMENT_SENT ? &end->chronicle.sent_bytes
								 : &end->chronicle.received_bytes;

		if (list[i].direction == MOMENT_NEITHER)
			continue;
		list[i].position = *sum;
		*sum += list[i].bytes;
	}
}

static struct moment transfer_at(uint64_t ms, unsigned direction, uint64_t bytes)
{
	struct moment made = moment_at(ms, direction == MOMENT_SENT ? CALL_send : CALL_recv, 0,
				       direction == MOMENT_SENT ? "send()\n" : "recv()\n");

	made.direction = (uint8_t)direction;
	made.bytes = bytes;
	made.state = STATE_ESTABLISHED;
	return made;
}

/* --- Signs. --- */

static const struct {
	const char *name;
	unsigned call;
	unit_notes notes;
	uint8_t fin_time;
	unsigned signs;
} sign_rows[] = {
	{"connect", CALL_connect, UNIT_NOTE(connected), FIN_NONE, WIRE_SYN_SENT | WIRE_CONNECTED},
	{"refused", CALL_connect, UNIT_NOTE(connect_refused), FIN_NONE,
	 WIRE_SYN_SENT | WIRE_RST_RECEIVED},
	{"end of stream", CALL_recv, UNIT_NOTE(peer_fin), FIN_SEEN, WIRE_FIN_RECEIVED},
	{"its time alone tells nothing", CALL_recv, 0, FIN_SEEN, 0},
	{"closed", CALL_close, UNIT_NOTE(closed_first), FIN_NONE, WIRE_FIN_SENT},
	{"a reset in place of FIN", CALL_close,
	 UNIT_NOTE(closed_with_unread_data) | UNIT_NOTE(closed_first), FIN_NONE, WIRE_RST_SENT},
	{"lost", CALL_recv, UNIT_NOTE(reset_after_fin) | UNIT_NOTE(data_lost), FIN_NONE,
	 WIRE_RST_RECEIVED | WIRE_LOST},
	{"another process has it", CALL_close, UNIT_NOTE(closed_shared_maybe), FIN_NONE, 0},
	{"nothing", CALL_recv, 0, FIN_NONE, 0},
};

static void test_signs(void **state)
{
	bool is_good = true;

	(void)state;
	for (size_t i = 0; i < COUNT(sign_rows); i++) {
		struct moment moment = moment_at(1, sign_rows[i].call, sign_rows[i].notes, "");

		moment.fin_time = sign_rows[i].fin_time;
		if (wire_signs(&moment) == sign_rows[i].signs)
			continue;
		print_error("%s: 0x%x, not 0x%x\n", sign_rows[i].name, wire_signs(&moment),
			    sign_rows[i].signs);
		is_good = false;
	}
	assert_true(is_good);
}

static void test_times(void **state)
{
	struct moment moment = transfer_at(100, MOMENT_SENT, 1);

	(void)state;
	moment.start_ns = MS(99);
	assert_int_equal(wire_time_ns(&moment), MS(99));
	moment.start_ns = MS(10); /* it waited for room: the bytes went somewhen */
	assert_int_equal(wire_time_ns(&moment), MS(100));
	moment = transfer_at(100, MOMENT_RECEIVED, 1);
	moment.start_ns = MS(99);
	assert_int_equal(wire_time_ns(&moment), MS(100));
	moment.fin_time = FIN_ARRIVED;
	moment.fin_ns = MS(96); /* within a tick of the kernel's */
	assert_int_equal(wire_fin_ns(&moment), 0);
	moment.fin_ns = MS(50);
	assert_int_equal(wire_fin_ns(&moment), MS(50));
	moment.fin_time = FIN_SEEN;
	assert_int_equal(wire_fin_ns(&moment), 0);
}

static void test_states(void **state)
{
	struct state_run runs[4];

	(void)state;
	moments[0] = moment_at(1, CALL_connect, UNIT_NOTE(connected), "");
	moments[0].state = STATE_ESTABLISHED;
	moments[1] = transfer_at(2, MOMENT_SENT, 10);
	moments[2] = moment_at(90, CALL_recv, UNIT_NOTE(peer_fin_late), "");
	moments[2].state = STATE_CLOSE_WAIT;
	moments[2].fin_time = FIN_ARRIVED;
	moments[2].fin_ns = MS(30);
	moments[3] = moment_at(95, CALL_close, UNIT_NOTE(closed_after_peer), "");
	moments[3].state = STATE_LAST_ACK;
	fill_end(&ours, moments, 4);
	assert_int_equal(states_of(&ours, runs, 4), 3);
	assert_int_equal(runs[0].from_ns, MS(1));
	assert_int_equal(runs[1].state, STATE_CLOSE_WAIT);
	assert_int_equal(runs[1].from_ns, MS(30));
	assert_int_equal(runs[2].state, STATE_LAST_ACK);
	assert_int_equal(states_of(&ours, runs, 2), 2);
	assert_int_equal(runs[1].state, STATE_LAST_ACK);
}

/* --- The ladder. --- */

/* Appends "data 0 10, RST 1" for each arrow: what, from which side, and bytes; then ? if it is
 * inferred, ! if it is lost. */
static const char *arrows_of(const struct drawing *drawing)
{
	static const char *const names[] = {"data", "SYN", "SYN-ACK", "FIN", "RST"};
	struct strbuf *buf = unit_begin();

	for (size_t i = 0; i < drawing->arrow_count; i++) {
		const struct drawing_arrow *arrow = &drawing->arrows[i];

		assert_true(arrow->from_y <= arrow->to_y);
		strbuf_string(buf, buf->size > 0 ? ", " : "");
		strbuf_string(buf, names[arrow->what]);
		strbuf_char(buf, ' ');
		strbuf_unsigned(buf, arrow->from);
		if (arrow->bytes > 0) {
			strbuf_char(buf, ' ');
			strbuf_unsigned(buf, arrow->bytes);
		}
		strbuf_string(buf, arrow->is_inferred ? "?" : "");
		strbuf_string(buf, arrow->is_lost ? "!" : "");
	}
	return unit_end();
}

static void test_one_end(void **state)
{
	const struct picture picture = {.ours = &ours};
	struct drawing drawing;

	(void)state;
	moments[0] = moment_at(1, CALL_connect, UNIT_NOTE(connected), "connect()\n");
	moments[1] = transfer_at(2, MOMENT_SENT, 10);
	moments[2] = transfer_at(3, MOMENT_RECEIVED, 7);
	moments[3] = transfer_at(2000, MOMENT_SENT, 10);
	moments[4] = moment_at(2001, CALL_recv, UNIT_NOTE(reset_after_fin) | UNIT_NOTE(data_lost),
			       "recv()\n");
	fill_end(&ours, moments, 5);
	ours.story.lost_bytes = 10;
	drawing_make(&drawing, &picture);
	assert_string_equal(arrows_of(&drawing), "SYN 0?, SYN-ACK 1, data 0 10?, data 1 7, "
						 "data 0 10?!, RST 1");
	assert_int_equal(drawing.rows[3].silence_ns, MS(1997));
	assert_int_equal(drawing.rows[2].silence_ns, 0);
	assert_true(drawing_y(&drawing, MS(1000)) > drawing.rows[2].y);
	assert_true(drawing_y(&drawing, MS(1000)) < drawing.rows[3].y);
	drawing_free(&drawing);
}

static void test_both_ends(void **state)
{
	struct moment *there = moments + 10;
	const struct picture picture = {.ours = &ours,
					.theirs = &theirs,
					.offset_ns = -(int64_t)MS(1000)};
	struct drawing drawing;

	(void)state;
	moments[0] = transfer_at(2, MOMENT_SENT, 10);
	moments[1] = transfer_at(4, MOMENT_SENT, 10);
	moments[2] = moment_at(20, CALL_close, UNIT_NOTE(closed_first), "close()\n");
	fill_end(&ours, moments, 3);
	ours.story.lost_bytes = 5; /* as this end knows; the other end read more */
	there[0] = moment_at(1001, CALL_accept, UNIT_NOTE(accepted), "accept()\n");
	there[1] = transfer_at(1010, MOMENT_RECEIVED, 15);
	there[2] = moment_at(1030, CALL_recv, UNIT_NOTE(peer_fin), "recv()\n");
	fill_end(&theirs, there, 3);
	drawing_make(&drawing, &picture);
	assert_string_equal(arrows_of(&drawing), "data 0 10, data 0 10?!, data 0 15, FIN 0");
	assert_int_equal(drawing.rows[0].side, 1);
	drawing_free(&drawing);
}

static void test_folded(void **state)
{
	const struct picture picture = {.ours = &ours};
	struct drawing drawing;

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		moments[i] = transfer_at(i + 1, MOMENT_SENT, 100);
	for (unsigned i = 10; i < 13; i++)
		moments[i] = transfer_at(i + 1, MOMENT_RECEIVED, 1);
	for (unsigned i = 13; i < 20; i++)
		moments[i] = moment_at(i + 1, CALL_poll, 0, "poll()\n");
	fill_end(&ours, moments, 20);
	drawing_make(&drawing, &picture);
	assert_int_equal(drawing.row_count, 5);
	assert_int_equal(drawing.rows[0].others, 9);
	assert_int_equal(drawing.rows[4].others, 6);
	assert_string_equal(arrows_of(&drawing), "data 0 1000?, data 1 1, data 1 1, data 1 1");
	drawing_free(&drawing);
}

/* --- Which moments a page has. --- */

static void test_choice(void **state)
{
	bool is_kept[PAGE_MOMENTS];

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		moments[i] = moment_at(i, CALL_poll, 0, "poll()\n > frame\n");
	moments[50] = moment_at(50, CALL_recv, UNIT_NOTE(peer_fin), "recv()\n");
	moments[60] = moment_at(60, CALL_recv, UNIT_NOTE(data_lost), "recv()\n");
	fill_end(&ours, moments, 100);
	assert_int_equal(page_choice(&ours.chronicle, 128, is_kept), 100);
	assert_true(is_kept[99]);
	assert_int_equal(page_choice(&ours.chronicle, 8, is_kept), 8);
	assert_true(is_kept[50] && is_kept[60] && is_kept[0] && is_kept[99] && !is_kept[49]);
	assert_int_equal(page_choice(&ours.chronicle, 2, is_kept), 2);
	assert_true(is_kept[60] && is_kept[99]);
	assert_int_equal(page_choice_text(&moments[0]), strlen("poll()"));
}

static void test_left_out(void **state)
{
	struct tcpshim_event event = {.call = CALL_send, .connection = {.serial = 1}};
	struct chronicle chronicle;

	(void)state;
	chronicle_start(&chronicle, 8);
	for (unsigned i = 0; i < 1000; i++) {
		event.start_ns = event.time_ns = MS(i + 1);
		event.result = 10;
		event.data_total = 10;
		chronicle_add(&chronicle, &event, NULL, "send()\n", 7);
	}
	chronicle_finish(&chronicle);
	assert_int_equal(chronicle.left_out, 992);
	assert_in_range(chronicle.waypoint_count, CHRONICLE_WAYPOINTS / 2, CHRONICLE_WAYPOINTS);
	for (size_t i = 0; i < chronicle.waypoint_count; i++)
		assert_int_equal(chronicle.waypoints[i].sent_bytes,
				 chronicle.waypoints[i].time_ns / MS(1) * 10);
	assert_int_equal(chronicle.waypoints[chronicle.waypoint_count - 1].time_ns, MS(996));
	chronicle_free(&chronicle);
}

static void test_stacks(void **state)
{
	struct page_stacks stacks = {0};
	const char *text = "recv()\n  data > here\n > one\n > two\n";

	(void)state;
	assert_string_equal(page_stacks_find(text), " > one\n > two\n");
	assert_string_equal(page_stacks_find("recv()\n"), "");
	assert_int_equal(page_stacks_number(&stacks, ""), PAGE_STACKS_NONE);
	assert_int_equal(page_stacks_number(&stacks, page_stacks_find(text)), 0);
	assert_int_equal(page_stacks_number(&stacks, " > other\n"), 1);
	assert_int_equal(page_stacks_number(&stacks, " > one\n > two\n"), 0);
	page_stacks_free(&stacks);
}

/* --- Escapes. --- */

static const struct {
	const char *text, *json, *xml;
} text_rows[] = {
	{"plain", "\"plain\"", "plain"},
	{"</script><!--", "\"\\u003c/script>\\u003c!--\"", "&#60;/script&#62;&#60;!--"},
	{"\"\\\n\t&", "\"\\\"\\\\\\n\\t&\"", "&#34;\\  &#38;"},
	{"\x01\x7f", "\"\\u0001\\u007f\"", NULL},
	{"\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", "\"\\u2028\\u2029\xe2\x80\xaa\"", NULL},
	{"\xef\xbf\xbf\xef\xbf\xbe", NULL, "??"},
	{"\xe2\x80", "\"\xe2\x80\"", NULL},
};

static void test_escapes(void **state)
{
	bool is_good = true;

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(text_rows); i++) {
		const char *text = text_rows[i / 2].text;
		const char *wanted = i % 2 == 0 ? text_rows[i / 2].json : text_rows[i / 2].xml;
		FILE *to = fmemopen(unit_text, sizeof(unit_text), "w");

		if (i % 2 == 0)
			page_text(to, text, strlen(text));
		else
			svg_text(to, text, strlen(text));
		fclose(to);
		if (wanted)
			is_good &= unit_is_text(text, unit_text, wanted);
	}
	assert_true(is_good);
}

/* Whatever is in a connection, its picture is whole. */
static void test_svg(void **state)
{
	const struct picture picture = {.ours = &ours, .theirs = &theirs};
	FILE *to = fmemopen(unit_text, sizeof(unit_text), "w");

	(void)state;
	fill_end(&ours, moments, 0);
	fill_end(&theirs, moments, 0);
	svg_write(to, &picture, 0, 0);
	moments[0] = moment_at(1, CALL_send, 0, "12/3:\tsend(3, \" <\\0FF");
	moments[1] = moment_at(2, CALL_recv, UNIT_NOTE(data_lost), "\t\t\t");
	moments[2] = moment_at(3, CALL_recv, 0, "");
	fill_end(&ours, moments, 3);
	ours.program = "<\x1b\xff>";
	svg_write(to, &picture, MS(2), 0);
	fclose(to);
	assert_non_null(strstr(unit_text, "</svg>\n<svg"));
	assert_non_null(strstr(unit_text, "&#60;??&#62; (pid 0"));
	assert_null(strchr(unit_text, '\x1b'));
	assert_non_null(strstr(unit_text, ">send(3, &#34;&#60;\\0FF <"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signs),     cmocka_unit_test(test_times),
		cmocka_unit_test(test_states),    cmocka_unit_test(test_one_end),
		cmocka_unit_test(test_both_ends), cmocka_unit_test(test_folded),
		cmocka_unit_test(test_choice),    cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_stacks),    cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_svg),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
