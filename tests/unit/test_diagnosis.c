/* What a diagnosis finds in a group of connections, and what it does not find in a healthy one. */
#include "unit.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "diagnose/diagnosis.h"
#include "diagnose/group.h"
#include "format/note_set.h"

#define MS(n) (UINT64_C(1000000) * (n))
#define S(n) MS(UINT64_C(1000) * (n))

enum { MOST_KINDS = 3 };

/* So many connections of one kind. */
struct kind {
	unsigned count;
	unit_notes notes;
	struct story story;
	uint64_t lived_ns;  /* 0: not closed */
	uint64_t first_ns;  /* the first call */
	uint64_t active_ns; /* the last one that moved bytes */
	uint8_t state;
};

static const struct {
	const char *name;
	uint8_t role;
	struct kind kinds[MOST_KINDS];
	/* The ids of all findings in order, with what each says behind a colon. */
	const char *found;
} rows[] = {
	{"the peer's idle limit",
	 ROLE_CLIENT,
	 {{.count = 3,
	   .notes = UNIT_NOTE(stale_reuse) | UNIT_NOTE(reset_after_fin),
	   .story =
		   {.stale_writes = 1, .has_fin_idle = true, .fin_idle_ns = S(60), .bad_ns = S(70)},
	   .lived_ns = S(70)},
	  {.count = 38,
	   .story = {.has_fin_idle = true, .fin_idle_ns = S(61), .survived_ns = S(59)},
	   .lived_ns = S(90)}},
	 "peer-idle-limit: 3 requests were written to a connection that the peer had closed. It "
	 "closed 41 idle connections, after 60.0 s to 61.0 s (median 61.0 s) without traffic; the "
	 "longest pause that one survived was 59.0 s. Do: 60.0 s\n"},
	{"clients that reset a connection when all is answered: haproxy's idle ones, for example",
	 ROLE_SERVER,
	 {{.count = 3,
	   .notes = UNIT_NOTE(reset_by_peer),
	   .story = {.moved_ns = S(2), .has_moved_out = true},
	   .lived_ns = S(3)}},
	 ""},
	{"the same in the middle of a request, or with an answer that was lost",
	 ROLE_SERVER,
	 {{.count = 1,
	   .notes = UNIT_NOTE(reset_by_peer),
	   .story = {.moved_ns = S(2)},
	   .lived_ns = S(3)},
	  {.count = 1,
	   .notes = UNIT_NOTE(reset_by_peer),
	   .story = {.moved_ns = S(2), .has_moved_out = true, .lost_bytes = 10},
	   .lived_ns = S(3)}},
	 "peer-resets: 2 of 2 connections were reset by the peer or by a machine on the path; 10 "
	 "bytes written were lost.\n"},
	{"a client that has its answer, and aborts",
	 ROLE_CLIENT,
	 {{.count = 3, .notes = UNIT_NOTE(aborted), .story = {.moved_ns = S(2)}, .lived_ns = S(3)}},
	 ""},
	{"a server that aborts when it has answered: the client may not have read that yet",
	 ROLE_SERVER,
	 {{.count = 3,
	   .notes = UNIT_NOTE(aborted),
	   .story = {.moved_ns = S(2), .has_moved_out = true},
	   .lived_ns = S(3)}},
	 "resets-its-peers: 3 of 3 connections were ended by this program with a reset, 3 with "
	 "SO_LINGER 0.\n"},
	{"the peer's idle limit, where the FIN came in time but is only known to have come by then",
	 ROLE_CLIENT,
	 {{.count = 2,
	   .notes = UNIT_NOTE(stale_reuse) | UNIT_NOTE(reset_after_fin),
	   .story = {.stale_writes = 1, .fin_idle_ns = S(60), .bad_ns = S(70)},
	   .lived_ns = S(70)},
	  {.count = 1, .story = {.fin_idle_ns = S(5), .survived_ns = S(59)}, .lived_ns = S(90)}},
	 "peer-idle-limit: 2 requests were written to a connection that the peer had closed. It "
	 "closed 2 idle connections, after at most 60.0 s without traffic; the longest pause that "
	 "one survived was 59.0 s. Do: 60.0 s\n"},
	{"a restart closes all at one time: no limit",
	 ROLE_CLIENT,
	 {{.count = 2,
	   .notes = UNIT_NOTE(stale_reuse) | UNIT_NOTE(reset_after_fin),
	   .story = {.stale_writes = 1,
		     .has_fin_idle = true,
		     .fin_ns = S(100),
		     .fin_idle_ns = S(2),
		     .bad_ns = S(101)},
	   .lived_ns = S(101)},
	  {.count = 1,
	   .notes = UNIT_NOTE(stale_reuse) | UNIT_NOTE(reset_after_fin),
	   .story = {.stale_writes = 1,
		     .has_fin_idle = true,
		     .fin_ns = S(100) + MS(10),
		     .fin_idle_ns = S(7),
		     .bad_ns = S(101)},
	   .lived_ns = S(101)}},
	 "write-after-close: 3 of 3 connections were written to after the peer had closed, and reset for "
	 "that; it closed 3 idle connections at one time, as a restart does.\n"},
	{"closed after a pause that is shorter than others survived: no limit",
	 ROLE_CLIENT,
	 {{.count = 1,
	   .notes = UNIT_NOTE(stale_reuse) | UNIT_NOTE(reset_after_fin),
	   .story = {.stale_writes = 1, .has_fin_idle = true, .fin_idle_ns = S(2), .bad_ns = S(70)},
	   .lived_ns = S(70)},
	  {.count = 5, .story = {.survived_ns = S(9)}, .lived_ns = S(90)}},
	 "write-after-close: 1 of 6 connections was written to after the peer had closed, and reset for "
	 "that.\n"},
	{"closed once, after a pause that is no longer than others survived: no limit",
	 ROLE_CLIENT,
	 {{.count = 1,
	   .notes = UNIT_NOTE(stale_reuse) | UNIT_NOTE(reset_after_fin),
	   .story = {.stale_writes = 1,
		     .has_fin_idle = true,
		     .fin_idle_ns = MS(2000),
		     .survived_ns = MS(2010),
		     .bad_ns = S(70)},
	   .lived_ns = S(70)}},
	 "write-after-close: 1 of 1 connection was written to after the peer had closed, and reset for "
	 "that.\n"},
	{"a pool that looks before it writes",
	 ROLE_CLIENT,
	 {{.count = 41,
	   .story = {.has_fin_idle = true, .fin_idle_ns = S(60), .survived_ns = S(59)},
	   .lived_ns = S(90)}},
	 ""},
	{"the path forgets",
	 ROLE_CLIENT,
	 {{.count = 2,
	   .notes = UNIT_NOTE(reset_peer_forgot),
	   .story = {.silence_before_ns = S(400), .bad_ns = S(500)},
	   .lived_ns = S(500)},
	  {.count = 5, .story = {.survived_ns = S(300)}, .lived_ns = S(900)}},
	 "path-forgets: 2 of 7 connections ended with a reset in answer to the first data after 6 min "
	 "40 s of silence; none that was silent for so long lived, "
	 "the longest pause that one survived was 5 min. Do: 120s,5s,3\n"},
	{"the path swallows what follows a silence: the peer answers others meanwhile",
	 ROLE_CLIENT,
	 {{.count = 2,
	   .notes = UNIT_NOTE(timed_out_data),
	   .story = {.waiting_ns = S(7), .silence_before_ns = S(400), .timed_out_ns = S(500)},
	   .lived_ns = S(500)},
	  {.count = 5, .story = {.survived_ns = S(300), .heard_ns = S(499)}, .lived_ns = S(900)}},
	 "path-forgets: 2 of 7 connections got no answer to the first data after 6 min 40 s of "
	 "silence; none that was silent for so long lived, the longest pause that one survived was "
	 "5 min. Do: 120s,5s,3\n"},
	{"silence after a silence, and nobody is answered any more: the peer is gone",
	 ROLE_CLIENT,
	 {{.count = 2,
	   .notes = UNIT_NOTE(timed_out_data),
	   .story = {.waiting_ns = S(7),
		     .silence_before_ns = S(400),
		     .heard_ns = S(93),
		     .timed_out_ns = S(500)},
	   .lived_ns = S(500)},
	  {.count = 5, .story = {.survived_ns = S(300), .heard_ns = S(490)}, .lived_ns = S(900)}},
	 "peer-gone: 2 of 7 connections timed out: the peer was gone for 7.0 s before the program "
	 "learned of it. Do: The timers that are set have noticed it after 7.0 s\n"},
	{"an outage, after which the peer answers again, is no limit of the path",
	 ROLE_CLIENT,
	 {{.count = 2,
	   .notes = UNIT_NOTE(timed_out_user),
	   .story = {.waiting_ns = S(25), .silence_before_ns = S(400), .timed_out_ns = S(500)},
	   .lived_ns = S(500)},
	  {.count = 2,
	   .notes = UNIT_NOTE(connect_slow),
	   .story = {.handshake_ns = S(7), .syns_lost = 3, .heard_ns = S(510)},
	   .lived_ns = S(900)},
	  {.count = 2, .story = {.heard_ns = S(600)}, .first_ns = S(503), .lived_ns = S(900)}},
	 "peer-gone: 2 of 6 connections timed out: the peer was gone for 25.0 s before the program "
	 "learned of it. Do: The timers that are set have noticed it after 25.0 s\n"
	 "connect-slow: 2 of 6 connections lost 6 SYNs: the handshake took 7.0 s.\n"},
	{"a firewall resets some and swallows others; one more loses its peer in use",
	 ROLE_CLIENT,
	 {{.count = 2,
	   .notes = UNIT_NOTE(timed_out_user),
	   .story = {.waiting_ns = S(7), .silence_before_ns = S(400), .timed_out_ns = S(500)},
	   .lived_ns = S(500)},
	  {.count = 3,
	   .notes = UNIT_NOTE(reset_peer_forgot),
	   .story = {.silence_before_ns = S(400), .heard_ns = S(499), .bad_ns = S(500)},
	   .lived_ns = S(900)},
	  {.count = 1,
	   .notes = UNIT_NOTE(timed_out_data) | UNIT_NOTE(data_lost),
	   .story = {.waiting_ns = S(9), .lost_bytes = 5, .bad_ns = S(500)},
	   .lived_ns = S(500)}},
	 "path-forgets: 5 of 6 connections got a reset or nothing in answer to the first data after "
	 "6 min 40 s of silence; none that was silent for so long lived. Do: 120s,5s,3\n"
	 "peer-gone: 1 of 6 connections timed out: the peer was gone for 9.0 s before the program "
	 "learned of it; 5 bytes written were lost. Do: The timers that are set have noticed it after 9.0 s\n"},
	{"a reset after a silence that others survived is no limit of the path",
	 ROLE_CLIENT,
	 {{.count = 1,
	   .notes = UNIT_NOTE(reset_peer_forgot),
	   .story = {.silence_before_ns = S(100), .bad_ns = S(500)},
	   .lived_ns = S(500)},
	  {.count = 5, .story = {.survived_ns = S(300)}, .lived_ns = S(900)}},
	 "peer-resets: 1 of 6 connections was reset by the peer or by a machine on the path.\n"},
	{"the peer is gone",
	 ROLE_CLIENT,
	 {{.count = 2,
	   .notes = UNIT_NOTE(timed_out_data) | UNIT_NOTE(data_lost),
	   .story = {.waiting_ns = S(900), .lost_bytes = 11, .bad_ns = S(901)},
	   .lived_ns = S(901)}},
	 "peer-gone: 2 of 2 connections timed out: the peer was gone for 15 min"
	 " before the program learned of it; 22 bytes written were lost. Do: Notice it sooner: "
	 "TCPSHIM_KEEPALIVE=10s,5s,3 TCPSHIM_USER_TIMEOUT=auto would have taken 25 s in place of 15 min\n"},
	{"written to after the peer had closed",
	 ROLE_CLIENT,
	 {{.count = 2,
	   .notes = UNIT_NOTE(reset_after_fin) | UNIT_NOTE(data_lost),
	   .story = {.lost_bytes = 10, .bad_ns = S(5)},
	   .lived_ns = S(5)},
	  {.count = 1, .notes = UNIT_NOTE(reset_of_alert), .lived_ns = S(5)}},
	 "write-after-close: 2 of 3 connections were written to after the peer had closed, and reset for "
	 "that; 20 bytes written were lost.\n"},
	{"sockets left in CLOSE_WAIT",
	 ROLE_CLIENT,
	 {{.count = 4, .story = {.fin_ns = S(100)}, .state = STATE_CLOSE_WAIT},
	  {.count = 1, .story = {.fin_ns = S(995)}, .state = STATE_CLOSE_WAIT},
	  {.count = 9, .story = {.fin_ns = S(100)}, .lived_ns = S(101)}},
	 "close-wait-leak: 4 of 14 connections are in CLOSE_WAIT: the peer has closed, this program "
	 "has not. The oldest for 15 min.\n"},
	{"the code: where a socket was used last, or opened",
	 ROLE_CLIENT,
	 {{.count = 3,
	   .story = {.fin_ns = S(100), .opened_stack = 1, .used_stack = 7},
	   .state = STATE_CLOSE_WAIT},
	  {.count = 2, .story = {.fin_ns = S(100), .opened_stack = 1}, .state = STATE_CLOSE_WAIT},
	  {.count = 1, .story = {.fin_ns = S(100)}, .state = STATE_CLOSE_WAIT}},
	 "close-wait-leak: 6 of 6 connections are in CLOSE_WAIT: the peer has closed, this program has "
	 "not. The oldest for 15 min. At 7: 3, at 1: 2.\n"},
	{"the code: of the note that a finding is about, not of another one",
	 ROLE_CLIENT,
	 {{.count = 2,
	   .notes = UNIT_NOTE(connect_slow) | UNIT_NOTE(reset_by_peer),
	   .story = {.handshake_ns = S(1),
		     .syns_lost = 1,
		     .stacks = {5, 6},
		     .stack_notes = {NOTE_connect_slow, NOTE_reset_by_peer},
		     .stack_count = 2},
	   .lived_ns = S(5)}},
	 "peer-resets: 2 of 2 connections were reset by the peer or by a machine on the path. At 6: "
	 "2.\n"
	 "connect-slow: 2 of 2 connections lost 2 SYNs: the handshake took 1.0 s. At 5: 2.\n"},
	{"a peer that has half-closed and is still answered is no leak",
	 ROLE_SERVER,
	 {{.count = 2,
	   .story = {.fin_ns = S(100)},
	   .active_ns = S(995),
	   .state = STATE_CLOSE_WAIT}},
	 ""},
	{"a leak that grows",
	 ROLE_CLIENT,
	 {{.count = 2, .story = {.fin_ns = S(100)}, .state = STATE_CLOSE_WAIT},
	  {.count = 9, .story = {.fin_ns = S(700)}, .state = STATE_CLOSE_WAIT}},
	 "close-wait-leak: 11 of 11 connections are in CLOSE_WAIT: the peer has closed, this program "
	 "has not. The oldest for 15 min, 1 more each minute.\n"},
	{"connects that are refused again and again, and unanswered ones",
	 ROLE_CLIENT,
	 {{.count = 1, .notes = UNIT_NOTE(connect_refused), .story = {.bad_ns = S(10)}},
	  {.count = 2, .notes = UNIT_NOTE(connect_refused), .story = {.bad_ns = S(70)}},
	  {.count = 2,
	   .notes = UNIT_NOTE(connect_timed_out),
	   .story = {.bad_ns = S(70), .failed_ns = S(130)}}},
	 "connect-refused: 3 of 5 connections were refused, 2 per minute.\n"
	 "connect-unanswered: 2 of 5 connections could not be opened: 2 got no answer to the SYN within "
	 "2 min 10 s.\n"},
	{"timers that have noticed soon that the peer is gone",
	 ROLE_CLIENT,
	 {{.count = 1,
	   .notes = UNIT_NOTE(timed_out_probing),
	   .story = {.last_heard_ns = S(20), .bad_ns = S(21)},
	   .lived_ns = S(21)}},
	 "peer-gone: 1 of 1 connection timed out: the peer was gone for 20.0 s before the program learned "
	 "of it. Do: The timers that are set have noticed it after 20.0 s\n"},
	{"what TCPSHIM_CLOSE_ON_EOF has ended is no leak",
	 ROLE_CLIENT,
	 {{.count = 4,
	   .notes = UNIT_NOTE(policy_closed_on_eof),
	   .story = {.fin_ns = S(100)},
	   .state = STATE_CLOSE_WAIT},
	  {.count = 4,
	   .notes = UNIT_NOTE(policy_aborted_on_eof),
	   .story = {.fin_ns = S(100)},
	   .state = STATE_CLOSE_WAIT}},
	 ""},
	{"ten resets among five thousand",
	 ROLE_CLIENT,
	 {{.count = 10,
	   .notes = UNIT_NOTE(reset_by_peer),
	   .story = {.bad_ns = S(5)},
	   .lived_ns = S(5)},
	  {.count = 4990, .lived_ns = S(5)}},
	 "peer-resets: 10 of 5000 connections were reset by the peer or by a machine on the path.\n"},
	{"trouble with connecting",
	 ROLE_CLIENT,
	 {{.count = 1, .notes = UNIT_NOTE(connect_refused)},
	  {.count = 1, .notes = UNIT_NOTE(connect_unreachable)},
	  {.count = 1,
	   .notes = UNIT_NOTE(connect_slow) | UNIT_NOTE(name_lookup),
	   .story = {.handshake_ns = MS(3100), .syns_lost = 2, .lookup_ns = S(5)},
	   .lived_ns = S(5)}},
	 "connect-refused: 1 of 3 connections was refused.\n"
	 "connect-unanswered: 1 of 3 connections could not be opened: 1 reached nobody (no route, or ICMP "
	 "unreachable).\n"
	 "connect-slow: 1 of 3 connections lost 2 SYNs: the handshake took 3.1 s.\n"
	 "slow-names: 1 of 3 connections waited for a name: 5.0 s.\n"},
	{"no port is left, and this machine's link is down",
	 ROLE_CLIENT,
	 {{.count = 2,
	   .notes = UNIT_NOTE(ports_exhausted),
	   .story = {.local_ports = 28232, .time_wait_sockets = 28000}},
	  {.count = 1, .notes = UNIT_NOTE(timed_out_unsent), .lived_ns = S(5)}},
	 "local-link-down: 1 of 3 connections had data to send that could not leave this machine.\n"
	 "ports-exhausted: 2 connects failed for want of a local port: there are 28232, and up to "
	 "28000 sockets were in TIME_WAIT.\n"},
	{"a server that accepts slowly and resets its clients",
	 ROLE_SERVER,
	 {{.count = 2,
	   .notes = UNIT_NOTE(accept_late) | UNIT_NOTE(accept_queue_full) |
		    UNIT_NOTE(closed_with_unread_data),
	   .story = {.queued_ns = S(4), .queue_length = 3, .queue_limit = 2},
	   .lived_ns = S(5)}},
	 "accept-slow: 2 of 2 connections waited too long in the accept queue: 4.0 s or "
	 "more; the queue was full (3, limit 2).\n"
	 "resets-its-peers: 2 of 2 connections were ended by this program with a reset, 2 closed with "
	 "unread data.\n"},
	{"waits for the peer, for acknowledgements and for a larger buffer",
	 ROLE_CLIENT,
	 {{.count = 2, .story = {.window_limited_ns = MS(1500)}, .lived_ns = S(5)},
	  {.count = 1, .story = {.buffer_limited_ns = S(2)}, .lived_ns = S(5)},
	  {.count = 1, .story = {.nagle_count = 5, .nagle_lost_ns = MS(200)}, .lived_ns = S(5)}},
	 "peer-reads-slowly: 2 of 4 connections waited for the peer's receive window, 3.0 s in all.\n"
	 "nagle: 1 of 4 connections waited for delayed acknowledgements, 5 times, 200.0 ms in all.\n"
	 "send-buffer-small: 1 of 4 connections waited for room in the send buffer, 2.0 s in all.\n"},
	{"a server waits for a client that reads slowly: which one",
	 ROLE_SERVER,
	 {{.count = 2, .story = {.window_limited_ns = S(2)}, .lived_ns = S(5)},
	  {.count = 3, .lived_ns = S(5)}},
	 "peer-reads-slowly: 2 of 5 connections waited for the peer's receive window, 4.0 s in all, "
	 "the longest 2.0 s for 0.0.0.0:443.\n"},
	{"short waits are ordinary",
	 ROLE_CLIENT,
	 {{.count = 2, .story = {.window_limited_ns = MS(900)}, .lived_ns = S(5)},
	  {.count = 1, .story = {.buffer_limited_ns = MS(900)}, .lived_ns = S(5)},
	  {.count = 9, .story = {.nagle_count = 2, .nagle_lost_ns = MS(80)}, .lived_ns = S(5)}},
	 ""},
	{"many sessions that begin with a wait or two",
	 ROLE_CLIENT,
	 {{.count = 40, .story = {.nagle_count = 2, .nagle_lost_ns = MS(80)}, .lived_ns = S(5)}},
	 ""},
	{"a busy loop, and no failure detection",
	 ROLE_CLIENT,
	 {{.count = 1,
	   .notes = UNIT_NOTE(spinning) | UNIT_NOTE(no_failure_detection),
	   .story = {.polls = 8}}},
	 "busy-loop: 1 of 1 connection had ended, and this program went on asking: wasted were at least "
	 "8 polls.\n"
	 "no-failure-detection: 1 of 1 connection was waited on without a limit and without "
	 "keepalive.\n"},
	{"busy loops, with their rates",
	 ROLE_CLIENT,
	 {{.count = 1,
	   .notes = UNIT_NOTE(spinning),
	   .story = {.polls = 50000, .dead_ns = S(1), .dead_end_ns = S(2), .bad_ns = S(1)}},
	  {.count = 1, .story = {.ends = {.calls = 1000, .ns = MS(100), .last_ns = S(5)}}},
	  {.count = 1, .story = {.blocked = {.calls = 3000, .ns = MS(300), .last_ns = S(5)}}}},
	 "busy-loop: 2 of 3 connections had ended, and this program went on asking: wasted were at least "
	 "50000 polls (50000 per second) and 1000 reads (10000 per second).\n"
	 "eagain-storm: 1 of 3 connections was read or written again and again although the call would "
	 "block, without a wait in between: wasted were 3000 calls (10000 per second).\n"},
	{"a few calls that would block are ordinary",
	 ROLE_CLIENT,
	 {{.count = 4, .story = {.blocked = {.calls = 200, .ns = MS(1), .last_ns = S(5)}}}},
	 ""},
	{"this side gave up",
	 ROLE_CLIENT,
	 {{.count = 1,
	   .notes = UNIT_NOTE(closed_first),
	   .story = {.given_up_ns = S(2), .is_seen_waiting = true},
	   .lived_ns = S(2)}},
	 "gave-up: 1 of 1 connection was closed by this program before an answer came, after 2.0 s "
	 "without a byte.\n"},
	{"this side gave up on the slow ones of many, where a second is long",
	 ROLE_CLIENT,
	 {{.count = 2,
	   .notes = UNIT_NOTE(closed_first) | UNIT_NOTE(closed_with_unacknowledged_data),
	   .story = {.given_up_ns = MS(250), .answer_ns = MS(30)},
	   .lived_ns = S(2)},
	  {.count = 40,
	   .notes = UNIT_NOTE(closed_first),
	   .story = {.answer_ns = MS(20), .given_up_ns = MS(1)},
	   .lived_ns = S(2)}},
	 "gave-up: 2 of 42 connections were closed by this program before an answer came, after 250.0 ms "
	 "without a byte; 40 others got the first byte of an answer within 20.0 ms; of 2 the request was "
	 "not even acknowledged: the peer's machine or the path may be gone.\n"},
	{"what needs no answer, was answered or was closed by the peer is not given up",
	 ROLE_CLIENT,
	 {{.count = 5,
	   .notes = UNIT_NOTE(closed_first),
	   .story = {.given_up_ns = S(60)},
	   .lived_ns = S(90)},
	  {.count = 2,
	   .notes = UNIT_NOTE(closed_first),
	   .story = {.answer_ns = MS(20)},
	   .lived_ns = S(90)},
	  {.count = 1,
	   .notes = UNIT_NOTE(closed_after_peer),
	   .story = {.given_up_ns = S(60), .fin_ns = S(80), .is_seen_waiting = true},
	   .lived_ns = S(90)}},
	 ""},
	{"a goodbye that the peer has sent before it closed may stay unread, other data not",
	 ROLE_CLIENT,
	 {{.count = 3,
	   .notes = UNIT_NOTE(closed_with_unread_data),
	   .story = {.unread_bytes = 31, .is_unread_after_fin = true},
	   .lived_ns = S(1)},
	  {.count = 1,
	   .notes = UNIT_NOTE(closed_with_unread_data),
	   .story = {.unread_bytes = 31},
	   .lived_ns = S(1)},
	  {.count = 1,
	   .notes = UNIT_NOTE(closed_with_unread_data),
	   .story = {.unread_bytes = 1000, .is_unread_after_fin = true},
	   .lived_ns = S(1)}},
	 "resets-its-peers: 2 of 5 connections were ended by this program with a reset, 2 closed with "
	 "unread data.\n"},
	{"who has written without an answer before, after pauses, expects none; after a short one it may",
	 ROLE_CLIENT,
	 {{.count = 3,
	   .notes = UNIT_NOTE(closed_first),
	   .story = {.given_up_ns = S(5), .unanswered_ns = S(1), .is_seen_waiting = true},
	   .lived_ns = S(90)},
	  {.count = 1,
	   .notes = UNIT_NOTE(closed_first),
	   .story = {.given_up_ns = S(5), .unanswered_ns = MS(300), .is_seen_waiting = true},
	   .lived_ns = S(90)}},
	 "gave-up: 1 of 4 connections was closed by this program before an answer came, after 5.0 s "
	 "without a byte.\n"},
	{"a server that closes idle clients does not give up",
	 ROLE_SERVER,
	 {{.count = 5,
	   .notes = UNIT_NOTE(closed_first),
	   .story = {.given_up_ns = S(60), .is_seen_waiting = true},
	   .lived_ns = S(90)}},
	 ""},
	{"one connection per request",
	 ROLE_CLIENT,
	 {{.count = 100, .notes = UNIT_NOTE(closed_first), .lived_ns = MS(5)}},
	 "no-reuse: 100 of 100 connections carried one request each and were closed first by this "
	 "side.\n"},
	{"short connections that the peer closes, and few of them, are ordinary",
	 ROLE_CLIENT,
	 {{.count = 500, .notes = UNIT_NOTE(closed_after_peer), .lived_ns = MS(5)},
	  {.count = 20, .notes = UNIT_NOTE(closed_first), .lived_ns = MS(5)}},
	 ""},
};

static void add_kind(struct groups *groups, uint8_t role, const struct kind *kind)
{
	for (unsigned i = 0; i < kind->count; i++) {
		struct ended ended = {
			.row = {.serial = i + 1,
				.role = role,
				.state = kind->state,
				.local = {.family = AF_INET, .port = 80},
				.peer = {.family = AF_INET, .port = 443},
				.opened_ns = S(1),
				.first_ns = kind->first_ns,
				.closed_ns = kind->lived_ns != 0 ? S(1) + kind->lived_ns : 0,
				.writes = 1,
				.active_ns = kind->active_ns,
				.notes = unit_note_set(kind->notes)},
			.story = kind->story,
			.end_ns = S(1000),
		};

		assert_true(groups_add(groups, "program", &ended));
	}
}

static void append_stacks(struct strbuf *buf, const struct finding *finding)
{
	for (unsigned i = 0; i < finding->stack_count; i++) {
		strbuf_string(buf, i == 0 ? " At " : ", at ");
		strbuf_unsigned(buf, finding->stacks[i].stack);
		strbuf_string(buf, ": ");
		strbuf_unsigned(buf, finding->stacks[i].count);
	}
	if (finding->stack_count > 0)
		strbuf_char(buf, '.');
}

static void test_findings(void **state)
{
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct groups groups = {0};
		struct finding_list found = {0};
		struct strbuf *buf = unit_begin();

		for (unsigned kind = 0; kind < MOST_KINDS; kind++)
			add_kind(&groups, rows[i].role, &rows[i].kinds[kind]);
		assert_int_equal(groups.count, 1);
		assert_true(diagnosis_of(&groups.list[0], &found));
		diagnosis_sort(&found);
		for (size_t j = 0; j < found.count; j++) {
			strbuf_string(buf, finding_rows[found.list[j].name].id);
			strbuf_string(buf, ": ");
			strbuf_string(buf, found.list[j].what);
			append_stacks(buf, &found.list[j]);
			if (found.list[j].suggested[0] != '\0')
				strbuf_string(buf, " Do: ");
			strbuf_string(buf, found.list[j].suggested);
			strbuf_char(buf, '\n');
		}
		is_right &= unit_is_text(rows[i].name, unit_end(), rows[i].found);
		free(found.list);
		groups_clear(&groups);
	}
	assert_true(is_right);
}

/* Probes come early enough for the limit, which lies between what was survived and what was not,
 * and as often as they begin: the kernel waits for the interval after each. */
static void test_keepalive(void **state)
{
	static const struct {
		uint64_t silence_ns, survived_ns;
		const char *suggested;
	} limits[] = {
		{S(100), 0, "50s,5s,3"},         {S(400), S(300), "120s,5s,3"},
		{S(400), S(50), "50s,5s,3"},     {S(8), S(7), "4s,4s,3"},
		{MS(3100), MS(1100), "1s,1s,3"}, {MS(1100), 0, "1s,1s,3"},
		{S(30000), 0, "120s,5s,3"},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(limits); i++) {
		const struct kind forgotten = {.count = 1,
					       .notes = UNIT_NOTE(reset_peer_forgot),
					       .story = {.silence_before_ns =
								 limits[i].silence_ns}};
		const struct kind survivor = {.count = 1,
					      .story = {.survived_ns = limits[i].survived_ns}};
		struct groups groups = {0};
		struct finding_list found = {0};

		add_kind(&groups, ROLE_CLIENT, &forgotten);
		add_kind(&groups, ROLE_CLIENT, &survivor);
		assert_true(diagnosis_of(&groups.list[0], &found));
		assert_int_equal(found.list[0].name, FINDING_path_forgets);
		is_right &= unit_is_text("keepalive", found.list[0].suggested, limits[i].suggested);
		free(found.list);
		groups_clear(&groups);
	}
	assert_true(is_right);
}

/* A remedy has a place for a suggestion only if its finding makes one. */
static void test_rows(void **state)
{
	(void)state;
	for (unsigned name = 0; name < FINDING_COUNT; name++) {
		const struct finding_row *row = &finding_rows[name];
		bool has_place = strstr(row->what_to_do, "{}") != NULL;

		assert_true(strlen(row->id) > 0 && strlen(row->why) > 0 &&
			    strlen(row->what_to_do) > 0 && row->severity < SEVERITY_NONE);
		assert_int_equal(has_place, name == FINDING_peer_idle_limit ||
						    name == FINDING_path_forgets ||
						    name == FINDING_peer_gone);
	}
}

/* Servers are told apart by their port, clients by their peer. */
static void test_groups(void **state)
{
	struct groups groups = {0};
	struct ended ended = {.row = {.role = ROLE_CLIENT,
				      .local = {.family = AF_INET, .port = 1000},
				      .peer = {.family = AF_INET, .port = 80}}};

	(void)state;
	assert_true(groups_add(&groups, "a", &ended));
	ended.row.local.port = 1001;
	assert_true(groups_add(&groups, "a", &ended));
	assert_int_equal(groups.count, 1);
	assert_true(groups_add(&groups, "b", &ended));
	ended.row.peer.port = 81;
	assert_true(groups_add(&groups, "a", &ended));
	assert_int_equal(groups.count, 3);
	ended.row.role = ROLE_SERVER;
	assert_true(groups_add(&groups, "a", &ended));
	ended.row.peer.port = 82;
	assert_true(groups_add(&groups, "a", &ended));
	assert_int_equal(groups.count, 4);
	assert_int_equal(groups.list[3].count, 2);
	ended.row.role = ROLE_LISTENER;
	assert_true(groups_add(&groups, "a", &ended));
	ended.row.role = ROLE_CLIENT;
	ended.row.peer.family = 0;
	assert_true(groups_add(&groups, "a", &ended));
	assert_int_equal(groups.count, 4);
	assert_int_equal(groups.connection_count, 6);
	groups_clear(&groups);
}

/* Many peers keep their connections. */
static void test_many_groups(void **state)
{
	enum { MANY = 3000 };
	struct groups groups = {0};

	(void)state;
	for (unsigned i = 0; i < 2 * MANY; i++) {
		struct ended ended = {.row = {.role = ROLE_CLIENT,
					      .peer = {.family = AF_INET,
						       .port = (uint16_t)(i % 3),
						       .bytes = {(uint8_t)(i % MANY / 256),
								 (uint8_t)(i % MANY)}}}};

		assert_true(groups_add(&groups, "program", &ended));
	}
	assert_int_equal(groups.count, MANY);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(groups.list[i].count, 2);
		assert_int_equal(groups.list[i].address.port, i % 3);
		assert_int_equal(groups.list[i].address.bytes[0], i / 256);
		assert_int_equal(groups.list[i].address.bytes[1], (uint8_t)i);
	}
	groups_clear(&groups);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_findings),    cmocka_unit_test(test_keepalive),
		cmocka_unit_test(test_rows),        cmocka_unit_test(test_groups),
		cmocka_unit_test(test_many_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
