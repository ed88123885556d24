/* What a sample of the kernel becomes where the connection's end is a rehearsal. */
#include "unit.h"

#include "conn/conn.h"
#include "conn/rehearsed.h"

#define S(n) (UINT64_C(1000000000) * (n))

/* Before the failure at 100 s: 5 s after the last acknowledgement, 7 s after the last data. */
static const struct tcpinfo lively = {
	.state = STATE_ESTABLISHED,
	.retransmits = 2,
	.probes = 1,
	.retransmits_total = 9,
	.last_ack_received_ms = 5000,
	.last_data_ms = 7000,
	.received_bytes = 500,
	.acknowledged_bytes = 101,
	.unsent_bytes = 40,
};
/* What the kernel has after connect to AF_UNSPEC. */
static const struct tcpinfo ended = {
	.state = STATE_CLOSE,
	.last_ack_received_ms = 777000,
	.last_data_ms = 777000,
};

static const struct {
	const char *name;
	const struct tcpinfo *sample;
	bool has_acted, has_end, is_reset;
	uint64_t now_s;
	struct tcpinfo wanted; /* what differs may be of these members */
} rows[] = {
	{.name = "never rehearsed",
	 .sample = &lively,
	 .now_s = 110,
	 .wanted = {.state = STATE_ESTABLISHED,
		    .retransmits = 2,
		    .probes = 1,
		    .retransmits_total = 9,
		    .last_ack_received_ms = 5000,
		    .last_data_ms = 7000,
		    .received_bytes = 500,
		    .acknowledged_bytes = 101}},
	{.name = "cut: the kernel's own numbers are right",
	 .sample = &lively,
	 .has_acted = true,
	 .now_s = 110,
	 .wanted = {.state = STATE_ESTABLISHED,
		    .retransmits = 2,
		    .probes = 1,
		    .retransmits_total = 9,
		    .last_ack_received_ms = 5000,
		    .last_data_ms = 7000,
		    .received_bytes = 500,
		    .acknowledged_bytes = 101}},
	{.name = "end of stream, 3 s ago: the FIN is a byte, and the last acknowledgement",
	 .sample = &lively,
	 .has_acted = true,
	 .has_end = true,
	 .now_s = 103,
	 .wanted = {.state = STATE_CLOSE_WAIT,
		    .retransmits = 2,
		    .probes = 1,
		    .retransmits_total = 9,
		    .last_ack_received_ms = 3000,
		    .last_data_ms = 7000,
		    .received_bytes = 501,
		    .acknowledged_bytes = 101}},
	{.name = "end of stream, and the peer has acknowledged something since",
	 .sample = &lively,
	 .has_acted = true,
	 .has_end = true,
	 .now_s = 110,
	 .wanted = {.state = STATE_CLOSE_WAIT,
		    .retransmits = 2,
		    .probes = 1,
		    .retransmits_total = 9,
		    .last_ack_received_ms = 5000,
		    .last_data_ms = 7000,
		    .received_bytes = 501,
		    .acknowledged_bytes = 101}},
	{.name = "reset: the counters go on from where they were",
	 .sample = &ended,
	 .has_acted = true,
	 .is_reset = true,
	 .now_s = 110,
	 .wanted = {.state = STATE_CLOSE,
		    .retransmits = 2,
		    .probes = 1,
		    .retransmits_total = 9,
		    .last_ack_received_ms = 15000,
		    .last_data_ms = 17000,
		    .received_bytes = 500,
		    .acknowledged_bytes = 101}},
	{.name = "end of stream, and reset",
	 .sample = &ended,
	 .has_acted = true,
	 .has_end = true,
	 .is_reset = true,
	 .now_s = 110,
	 .wanted = {.state = STATE_CLOSE,
		    .retransmits = 2,
		    .probes = 1,
		    .retransmits_total = 9,
		    .last_ack_received_ms = 10000,
		    .last_data_ms = 17000,
		    .received_bytes = 501,
		    .acknowledged_bytes = 101}},
};

static bool is_same(const char *row, const struct tcpinfo *got, const struct tcpinfo *wanted)
{
	if (got->state == wanted->state && got->retransmits == wanted->retransmits &&
	    got->probes == wanted->probes && got->retransmits_total == wanted->retransmits_total &&
	    got->last_ack_received_ms == wanted->last_ack_received_ms &&
	    got->last_data_ms == wanted->last_data_ms &&
	    got->received_bytes == wanted->received_bytes &&
	    got->acknowledged_bytes == wanted->acknowledged_bytes)
		return true;
	print_error("%s: state %u, retransmits %u of %u, probes %u, last ack %u, data %u, received "
		    "%lu, acknowledged %lu\n",
		    row, got->state, got->retransmits, got->retransmits_total, got->probes,
		    got->last_ack_received_ms, got->last_data_ms, got->received_bytes,
		    got->acknowledged_bytes);
	return false;
}

/* Returns a connection on which a failure was rehearsed at 100 s. */
static struct conn *make_conn(bool has_acted, bool has_end, bool is_reset)
{
	struct conn *conn = conn_create(CONN_KIND_TCP, CONN_PHASE_OPEN, 0, S(1));

	assert_non_null(conn);
	atomic_store(&conn->rehearsal.acted_ns, has_acted ? S(100) : 0);
	atomic_store(&conn->rehearsal.has_end, has_end);
	if (is_reset)
		rehearsed_keep(conn, &lively, S(100));
	return conn;
}

static void test_samples(void **state)
{
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct conn *conn = make_conn(rows[i].has_acted, rows[i].has_end, rows[i].is_reset);
		struct tcpinfo info = *rows[i].sample;

		rehearsed_restore(conn, S(rows[i].now_s), &info);
		is_right &= is_same(rows[i].name, &info, &rows[i].wanted);
		is_right &= info.unsent_bytes == rows[i].sample->unsent_bytes;
		conn_release(conn);
	}
	assert_true(is_right);
}

/* What was not sampled stays so. */
static void test_no_sample(void **state)
{
	const struct tcpinfo none = {0};
	struct tcpinfo info = none;
	struct conn *conn = make_conn(true, true, true);

	(void)state;
	rehearsed_restore(conn, S(110), &info);
	assert_memory_equal(&info, &none, sizeof(info));
	conn_release(conn);
}

/* The states that a FIN of the peer would have made of the kernel's. */
static void test_states(void **state)
{
	static const uint8_t states[][2] = {
		{STATE_ESTABLISHED, STATE_CLOSE_WAIT},
		{STATE_FIN_WAIT_1, STATE_LAST_ACK},
		{STATE_FIN_WAIT_2, STATE_CLOSE},
		{STATE_CLOSE_WAIT, STATE_CLOSE_WAIT},
		{STATE_LAST_ACK, STATE_LAST_ACK},
		{STATE_CLOSING, STATE_CLOSING},
		{STATE_CLOSE, STATE_CLOSE},
	};
	struct conn *conn = make_conn(true, true, false);

	(void)state;
	for (size_t i = 0; i < COUNT(states); i++) {
		struct tcpinfo info = lively;

		info.state = states[i][0];
		rehearsed_restore(conn, S(110), &info);
		assert_int_equal(info.state, states[i][1]);
	}
	conn_release(conn);
}

/* A connection in the same place of memory begins anew. */
static void test_new_connection(void **state)
{
	struct conn *old = make_conn(true, true, true), *conn;
	struct tcpinfo info = lively;

	(void)state;
	conn_release(old);
	conn = conn_create(CONN_KIND_TCP, CONN_PHASE_OPEN, 0, S(1));
	assert_ptr_equal(conn, old);
	rehearsed_restore(conn, S(110), &info);
	assert_true(is_same("a new connection", &info, &lively));
	conn_release(conn);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_no_sample),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_new_connection),
	};

	return cmocka_run_group_tests_name("rehearsed", tests, NULL, NULL);
}
