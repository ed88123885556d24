/*
 * Plays histories of connections, and checks for every step the notes that it draws and the facts
 * that those notes are based on.  The histories are in notes_*.c.
 */
#include "notes_rows.h"

static const struct history_section *const sections[] = {
	&notes_healthy,  &notes_opening,     &notes_waiting, &notes_peer_fin, &notes_resets,
	&notes_timeouts, &notes_broken_pipe, &notes_closing, &notes_policies, &notes_rehearsed,
};

enum { MOST_TESTS = 512 };

static unit_notes drawn; /* the notes that any history has drawn so far */

static void print_notes(const char *what, unit_notes notes)
{
	print_error("  %s", what);
	for (unsigned note = 0; note < NOTE_COUNT; note++)
		if (notes >> note & 1)
			print_error(" %s", note_rows[note].id);
	print_error("%s\n", notes == 0 ? " nothing" : "");
}

static uint64_t read_number(const struct tcpshim_facts *facts, const struct number *number)
{
	const char *field = (const char *)facts + number->offset;
	uint64_t wide;
	uint32_t word;

	switch (number->size) {
	case sizeof(wide):
		memcpy(&wide, field, sizeof(wide));
		return wide;
	case sizeof(word):
		memcpy(&word, field, sizeof(word));
		return word;
	default:
		return *(const uint8_t *)field;
	}
}

static bool has_numbers(const struct act *act, const struct tcpshim_facts *facts)
{
	bool is_right = true;

	for (const struct number *number = act->facts;
	     number < act->facts + MOST_NUMBERS && number->name; number++) {
		uint64_t got = read_number(facts, number);

		if (got == number->wanted)
			continue;
		print_error("%s:\n  %s is %llu, not %llu\n", act->does, number->name,
			    (unsigned long long)got, (unsigned long long)number->wanted);
		is_right = false;
	}
	return is_right;
}

static bool has_warning(unit_notes notes)
{
	for (unsigned note = 0; note < NOTE_COUNT; note++)
		if (notes >> note & 1 && note_rows[note].severity != SEVERITY_INFO)
			return true;
	return false;
}

/* Stores what policies and rehearsals did with the connection, as it is kept until a line reports
 * it. */
static void leave_unreported(struct conn *conn, const struct conn_policy *policy)
{
	if (policy->actions == 0)
		return;
	for (unsigned option = 0; option < CONN_OPTION_COUNT; option++)
		atomic_store(&conn->values[option], policy->values[option]);
	atomic_store(&conn->policy_option, policy->option);
	atomic_store(&conn->policy_error, policy->error);
	atomic_store(&conn->rehearsal.acted_ns, policy->acted_ns);
	atomic_store(&conn->rehearsal.rate, policy->rate);
	atomic_store(&conn->unreported, policy->actions);
}

/* Plays one step in the order of a call: reads the connection, advances its state, finds the notes,
 * and remembers those that were given. */
static bool play_act(struct conn *conn, const struct act *act, bool is_healthy)
{
	const uint64_t start_of_time_ns = SECONDS(3600);
	struct conn_step step = act->step;
	struct conn_view before, after;
	struct tcpshim_facts facts = {0};
	bool is_worth_asking, is_right = true;
	struct tcpshim_notes found;
	unit_notes notes;

	step.now_ns = start_of_time_ns + MS(act->at_ms);
	step.start_ns = step.now_ns - MS(act->took_ms);
	leave_unreported(conn, &step.policy);
	is_worth_asking = notes_are_possible(conn, &step);
	conn_take_policy(conn, &step.policy);
	conn_read(conn, &before);
	state_advance(conn, &step);
	conn_read(conn, &after);
	found = notes_find(&before, &after, &step, &facts);
	notes = unit_notes_of(&found);
	conn_note(conn, notes_given(&found), notes_repeatable(&after, &step));
	drawn |= notes;
	if (notes != act->notes) {
		print_error("%s:\n", act->does);
		print_notes("got   ", notes);
		print_notes("wanted", act->notes);
		is_right = false;
	}
	if (notes != 0 && !is_worth_asking) {
		print_error("%s: draws notes, but notes_are_possible returned false\n", act->does);
		is_right = false;
	}
	if (is_healthy && has_warning(notes)) {
		print_error("%s: a warning in a healthy history\n", act->does);
		is_right = false;
	}
	return has_numbers(act, &facts) && is_right;
}

static void test_history(void **state)
{
	const struct history *history = *state;
	struct conn *conn =
		conn_create(history->kind, history->is_adopted ? CONN_PHASE_OPEN : CONN_PHASE_NEW,
			    0, SECONDS(3600));
	bool is_right = true;

	assert_non_null(conn);
	if (history->is_adopted) {
		atomic_store(&conn->flags, CONN_FLAG_ADOPTED);
		atomic_store(&conn->state, STATE_ESTABLISHED);
		atomic_store(&conn->acknowledged_base, history->acknowledged_base);
		atomic_store(&conn->sent_before_bytes, history->sent_before_bytes);
	}
	for (const struct act *act = history->acts; act < history->acts + MOST_ACTS && act->does;
	     act++)
		is_right &= play_act(conn, act, history->is_healthy);
	conn_release(conn);
	assert_true(is_right);
}

/* Checks which side is reported to have closed first: it follows from the state that close finds,
 * and from a shutdown before it. */
static void test_close_in_every_state(void **state)
{
	static const struct {
		uint8_t state;
		bool has_shut; /* this side, while ESTABLISHED */
		unit_notes notes;
		uint8_t before, now;
	} rows[] = {
		{STATE_ESTABLISHED, false, NOTE(closed_first), STATE_ESTABLISHED, STATE_FIN_WAIT_1},
		{STATE_FIN_WAIT_1, true, NOTE(closed_first), STATE_FIN_WAIT_1, STATE_FIN_WAIT_1},
		{STATE_FIN_WAIT_2, true, NOTE(closed_first), STATE_FIN_WAIT_2, STATE_FIN_WAIT_2},
		{STATE_CLOSING, true, NOTE(closed_first), STATE_CLOSING, STATE_CLOSING},
		{STATE_CLOSE, true, NOTE(closed_first), STATE_TIME_WAIT, STATE_TIME_WAIT},
		{STATE_CLOSE_WAIT, false, NOTE(closed_after_peer_unread), STATE_CLOSE_WAIT,
		 STATE_LAST_ACK},
		{STATE_LAST_ACK, false, NOTE(closed_after_peer_unread), STATE_LAST_ACK,
		 STATE_LAST_ACK},
		{STATE_CLOSE, false, NOTE(closed_after_death) | NOTE(reset_by_peer), STATE_CLOSE,
		 STATE_CLOSE},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct conn *conn = conn_create(CONN_KIND_TCP, CONN_PHASE_NEW, 0, SECONDS(3600));
		const struct act opening = A_CLIENT, shutting = OWN_FIN(5);
		struct act closing = {.does = "close",
				      .at_ms = 10,
				      .step = {CLOSES, .before = {.state = rows[i].state,
								  .acknowledged_bytes = 1}},
				      .notes = rows[i].notes,
				      .facts = {IS(before, rows[i].before), IS(now, rows[i].now)}};

		if (rows[i].has_shut && rows[i].state != STATE_FIN_WAIT_1)
			closing.step.before.acknowledged_bytes = 2;
		assert_non_null(conn);
		is_right &= play_act(conn, &opening, true);
		if (rows[i].has_shut)
			is_right &= play_act(conn, &shutting, true);
		if (!play_act(conn, &closing, false)) {
			print_error("  in row %zu\n", i);
			is_right = false;
		}
		conn_release(conn);
	}
	assert_true(is_right);
}

/* Checks that each note is drawn by some history; must run last. */
static void test_every_note_is_drawn(void **state)
{
	const unit_notes all = UNIT_NOTES_ALL;

	(void)state;
	if (drawn != all)
		print_notes("never drawn:", all & ~drawn);
	assert_true(drawn == all);
}

/* cmocka leaves out the rows without a name at the end of the table. */
int main(void)
{
	static struct CMUnitTest tests[MOST_TESTS];
	size_t count = 0;

	for (size_t i = 0; i < COUNT(sections); i++)
		for (size_t j = 0; j < sections[i]->count; j++) {
			if (count + 2 >= MOST_TESTS) {
				print_error("more histories than MOST_TESTS allows\n");
				return 1;
			}
			tests[count++] = (struct CMUnitTest){
				.name = sections[i]->histories[j].name,
				.test_func = test_history,
				.initial_state = (void *)&sections[i]->histories[j],
			};
		}
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_close_in_every_state);
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_every_note_is_drawn);
	return cmocka_run_group_tests_name("notes", tests, NULL, NULL);
}
