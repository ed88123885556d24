#!/usr/bin/env bats
# Faults of production between two hosts (network namespaces), each with a healthy twin.  A packet socket on the cable
# (witness.py) and the two ends themselves (actor.py) write down what really happened.  Each story is played twice, as live
# text and as a recording with a report.  In both, the right call must have the right note, and every number of its
# warnings must agree with the witnesses within 10 % or 5 ms.  A twin must have no warning at all.
#
# The stories are in about_*.py: what both sides do, and the check.  To look at one: play its group with
# `tests/stories/play GROUP DIR/GROUP`, then `tests/stories/tell.py DIR NAME`.
#
# Shown: with is_answer (cause.c) comparing the silence with 5 s, cycle_* fail; with note_sampled_fin (state.c) storing the
# time of the read, stale_poll_* fail; with measure_pause (before.c) returning at once, stale_write_* fail.

# shellcheck disable=SC2154
load ../common

setup_file() {
	local here=$BATS_TEST_DIRNAME group
	common_setup
	# shellcheck source-path=SCRIPTDIR source=../puzzlers/world.bash disable=SC1091
	source "$here/../puzzlers/world.bash"
	world_probe
	export world_kind
	python=$(python3 -c 'import sys; print(sys.executable)')
	export python
	[[ $world_kind != loopback ]] || return 0
	export BUILD=$build TCPSHIM_LIB=$library
	# A few groups at a time: the two ends must not wait for a processor.
	for group in window cycle gone unplugged dropped ports noaddress open idle filter tls odd alike flight crowded; do
		(
			status=0
			setpriv --pdeathsig KILL timeout 120 "$here/play" $group "$BATS_FILE_TMPDIR/$group" \
				>"$BATS_FILE_TMPDIR/$group.log" 2>&1 3>&- || status=$?
			echo "$status" >"$BATS_FILE_TMPDIR/$group.status"
		) &
		case $group in
		window | noaddress | odd) wait ;;
		esac
	done
	wait
}

setup() {
	[[ $world_kind != loopback ]] || skip "network namespaces are not allowed here"
}

# told GROUP NAME…: checks that the group was played to its end, and both tellings of each story.
told() {
	local group=$1 name
	shift
	cat "$BATS_FILE_TMPDIR/$group.log" >&2
	[[ $(cat "$BATS_FILE_TMPDIR/$group.status") == 0 ]] || fail "$group was not played to its end"
	for name; do
		"$python" -SEB "$BATS_TEST_DIRNAME/tell.py" "$BATS_FILE_TMPDIR" "$name" || fail "$name was not told as it was"
	done
}

teardown() {
	nothing_failed
}

@test "every story is told" {
	"$python" -SEB - "$BATS_TEST_DIRNAME" "$BATS_TEST_FILENAME" <<-'EOF' | nothing "not in $BATS_TEST_FILENAME:"
		import sys
		sys.path.insert(0, sys.argv[1])
		import stories
		words = set(open(sys.argv[2], encoding="ascii").read().replace(";", " ").split())
		print("\n".join(story.name for story in stories.ALL if story.name not in words), end="")
	EOF
}

@test "the peer closes an idle connection, the client writes: after 0.5 s" { told idle stale_write_short; }
@test "the peer closes an idle connection, the client writes: after 3 s" { told idle stale_write_middle; }
@test "the peer closes an idle connection, the client writes: after 8 s" { told idle stale_write_long; }
@test "the peer closes an idle connection, the client polls" { told idle stale_poll_short stale_poll_middle stale_poll_long; }
@test "the peer closes an idle connection, the client reads" { told idle stale_read_short stale_read_middle stale_read_long; }
@test "the peer closes an idle connection, the client closes" { told idle stale_close_short stale_close_middle stale_close_long; }
@test "twin: the peer does not close" { told idle stale_twin_short stale_twin_middle stale_twin_long; }
@test "twin: a server answers a client that has half-closed" { told idle half_close_answered; }
@test "twin: a server reads the half-close, and answers 1.6 s later" { told idle half_close_read; }
@test "the FIN comes with the answer" { told idle fin_with_data; }

@test "power cycle after 1, 2 and 4 s of silence: the client reads" { told cycle cycle_read_1 cycle_read_2 cycle_read_4; }
@test "power cycle after 1, 2 and 4 s of silence: the client reads later" { told cycle cycle_late_1 cycle_late_2 cycle_late_4; }
@test "power cycle after 1, 2 and 4 s of silence: the client only polls" { told cycle cycle_poll_1 cycle_poll_2 cycle_poll_4; }
@test "power cycle: a reset answers a keepalive probe" { told cycle cycle_probe cycle_probe_poll; }
@test "power cycle: several writes, and a large one" { told cycle cycle_writes cycle_upload; }
@test "the peer crashes, everything acknowledged" { told idle crash crash_poll; }
@test "the peer closes without reading" { told idle closed_unread; }
@test "twin: a conversation" { told idle crash_twin; }

@test "a blocking write into a closed window" { told window closed_window; }
@test "a blocking write into a window closed for 6 s" { told window closed_window_long; }
@test "poll and write into a closed window" { told window closed_window_poll; }
@test "poll and write into a window closed for 6 s" { told window closed_window_poll_long; }
@test "asyncio into a closed window" { told window closed_window_asyncio; }
@test "epoll into a closed window, while another connection is busy" { told window closed_window_epoll closed_window_chunks; }
@test "sendfile and splice into a closed window" { told window closed_window_sendfile closed_window_splice; }
@test "MSG_DONTWAIT on a blocking socket into a closed window" { told window closed_window_dontwait; }
@test "writev and sendmsg into a closed window" { told window closed_window_writev; }
@test "a slow reader" { told window slow_reader; }
@test "twin: a fast reader" { told window fast_reader fast_reader_poll; }
@test "twin: a slow uplink" { told window slow_uplink slow_uplink_poll; }

@test "a read that hangs" { told idle hanging_read; }
@test "twin: a read with keepalive, with SO_RCVTIMEO, a wait with a limit" {
	told idle hanging_read_keepalive hanging_read_timeout waiting_with_limit
}

@test "keepalive finds that the peer is gone" { told gone keepalive_death keepalive_death_poll keepalive_user_death; }
@test "the peer is gone with data in flight" { told gone gone_data gone_retransmitting gone_flight; }
@test "the peer is gone with data in flight: TCP_USER_TIMEOUT" { told gone gone_user_timeout; }
@test "the peer is gone, its window was closed" { told gone gone_window; }
@test "the peer is gone, and a non-blocking writer fills the send buffer" { told gone gone_full; }
@test "this machine's own link is down, with data in flight" { told unplugged unplugged_data; }
@test "this machine's own link is down, and a non-blocking writer fills the send buffer" { told unplugged unplugged_full; }

@test "SYNs are dropped" {
	need nft
	told dropped syn_dropped_once syn_dropped_twice syn_dropped_once_poll syn_dropped_twice_and_given_up
}

@test "twin: no SYN is dropped" {
	need nft
	told dropped syn_twin
}

@test "accepted late" { told open accept_late accept_late_data; }
@test "the accept queue is full" { told open accept_queue_full; }
@test "twin: accepted at once, answered late; a queue with room" { told open accept_twin accept_queue_twin; }
@test "Nagle's algorithm and delayed acknowledgements" { told open nagle; }
@test "twin: TCP_NODELAY, a server that thinks for 42 ms, a peer that acknowledges at once" {
	told open nagle_nodelay nagle_thinking_nodelay nagle_thinking nagle_quick
}

@test "no local port is free" { told ports ports_exhausted; }
@test "twin: enough local ports" { told ports ports_twin; }
@test "no local address of this family" { told noaddress no_local_address; }
@test "twin: an address of this family" { told noaddress local_address_twin; }

@test "PR_SET_NO_NEW_PRIVS alone changes nothing" { told filter no_new_privs; }
@test "a seccomp filter set by prctl" {
	told filter filter_prctl_client filter_prctl_later filter_prctl_background filter_prctl_server filter_prctl_reset
}
@test "a seccomp filter set by the system call" {
	told filter filter_syscall_client filter_syscall_later filter_syscall_background filter_syscall_server \
		filter_syscall_reset
}
@test "haproxy, which sets no_new_privs: the notes are the same as without" {
	need haproxy curl
	told filter haproxy haproxy_insecure
}

@test "TLS 1.2: close_notify meets a peer that has closed" {
	told tls tls12_at_once tls12_pause tls12_unread tls12_read_after tls12_poll_after
}
@test "TLS 1.3: close_notify meets a peer that has closed" {
	told tls tls13_at_once tls13_pause tls13_unread tls13_read_after tls13_poll_after
}
@test "TLS: data of the program after the FIN is lost" {
	told tls tls12_data_lost tls13_data_lost tls12_small_lost tls13_small_lost
}

@test "TLS: curl and openssl s_server" {
	need curl openssl
	told tls tls_curl tls_curl_12
}

@test "several connections: each warning names its own" { told odd names_second names_third; }
@test "odd: dup, a descriptor passed by SCM_RIGHTS, an inherited connection" {
	told odd through_dup through_passing through_exec
}
@test "odd: writev, sendmsg, sendfile, splice, MSG_DONTWAIT" {
	told odd through_writev through_sendmsg through_sendfile through_splice through_dontwait
}
@test "odd: IPv6" { told odd through_ipv6; }
@test "odd: end of stream seen by MSG_PEEK" { told odd peeked; }
@test "odd: a connection used by two threads" { told odd two_threads two_threads_twin; }
@test "odd: a peer that has only shut down its sending side" { told odd half_closed_peer; }
@test "odd: what the client does after it has written into a closed connection" {
	told odd never_looks writes_twice only_polls_after stale_upload fin_just_before
}
@test "odd: aborts after a pause, in an upload, while idle, while a write waits" {
	told odd reset_after_pause reset_in_upload abort_while_idle abort_while_blocked pipelined upload_aborted \
		aborted_after_half_close
}
@test "twin: greetings, slow answers, long silence, MSG_MORE" {
	told odd unread_greeting slow_answer_twin silent_twin nagle_more corked
}
@test "refused" { told odd refused; }

@test "alike: a half-close long after the request, a connection inherited in CLOSE_WAIT, two bytes that are no alert" {
	told alike half_close_later adopted_stale tls13_small_data
}
@test "alike: an abort before the acknowledgement, answered probes after the FIN, EPIPE, a tiny window" {
	told alike abort_at_once stale_keepalive chatty held_by_window
}
@test "alike: this machine's link is down, after an earlier loss" { told flight unplugged_flight; }
@test "alike: many sockets, and enough ports" { told crowded crowded; }
