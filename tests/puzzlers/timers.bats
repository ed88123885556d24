#!/usr/bin/env bats
# More scenarios: which timer ended a connection or a connect, what else may end it meanwhile, and a peer that does not
# read.  If runs repeat exactly, the whole trace is compared with expected/; else the notes are checked by name.
#
# REWRITE=1 writes the expected traces anew: read the difference before you believe it.  BUILD is the directory of the
# built files (build).

plays='forgotten_soon-dnc forgotten_soon-nc.openbsd forgotten_late-dnc forgotten_late-nc.openbsd
       user_timeout-dnc keepalive-dnc keepalive_writing-dnc keepalive_and_smaller-dnc keepalive_and_larger-dnc
       keepalive_forgotten-dnc keepalive_and_larger_forgotten-dnc
       icmp_unreachable-dnc arp_unanswered-dnc
       connect_refused-dnc connect_refused-ncat connect_timed_out-dnc connect_timed_out-ncat connect_user_timeout-dnc
       connect_no_route-dnc connect_no_neighbour-dnc connect_no_neighbour-ncat connect_prohibited-dnc
       window-dnc window-nc.openbsd window_polled-dnc
       window_user_timeout-dnc window_polled_user_timeout-dnc window_power_off-dnc window_polled_power_off-dnc
       end_fin-dnc end_fin-nc.openbsd end_rst-dnc'

# shellcheck source-path=SCRIPTDIR source=plays.bash disable=SC1091
source "$BATS_TEST_DIRNAME/plays.bash"

# The kernel has sent the data three times already; the connection still ends by a reset.
reset_while_retransmitting() {
	played "$1"
	kang_says '22 bytes .*\[retransmitting\]' "\\[$2\\]" '22 bytes .*\[data-lost\]'
	kang_is_silent_about '\[timed-out|\[dead\]'
}

@test "a reset that arrives while data is being retransmitted: dnc" {
	reset_while_retransmitting forgotten_soon-dnc reset-peer-forgot
	kang_says '\[reset-peer-forgot\]' 'Err#104 ECONNRESET'
}

@test "a reset that arrives while data is being retransmitted: nc.openbsd, which never reads the error" {
	reset_while_retransmitting forgotten_soon-nc.openbsd reset-peer-forgot
	kang_is_silent_about 'Err#104'
}

@test "the same after a long silence: dnc" {
	reset_while_retransmitting forgotten_late-dnc reset-peer-forgot
	kang_says '\[peer-silent\]' '\[reset-peer-forgot\]' 'Err#104 ECONNRESET'
}

@test "the same after a long silence: nc.openbsd, which never reads the error" {
	reset_while_retransmitting forgotten_late-nc.openbsd reset-peer-forgot
	kang_is_silent_about 'Err#104'
}

@test "TCP_USER_TIMEOUT ends a connection with data under way" {
	played user_timeout-dnc
	kang_says '\[retransmitting\]' 'TCP_USER_TIMEOUT \(3\.0 s\).*\[timed-out-user\]' '22 bytes .*\[data-lost\]' \
		'Err#110 ETIMEDOUT'
	kang_is_silent_about '\[reset|\[timed-out-(data|keepalive)\]'
}

@test "keepalive ends an idle connection" {
	played keepalive-dnc
	kang_says ' 3 probes .* last heard 5\.[01] s ago, and probing began 3\.[01] s ago.*\[timed-out-keepalive\]' 'Err#110 ETIMEDOUT'
	kang_is_silent_about '\[reset|\[timed-out-(data|user)\]|\[data-lost\]|\[no-failure-detection\]'
}

@test "keepalive does not end a connection with data under way" {
	went_as_told keepalive_writing-dnc
	kang_says '[45] retransmissions.*\[timed-out-data\]' '22 bytes .*\[data-lost\]' 'Err#110 ETIMEDOUT'
	kang_is_silent_about '\[reset|\[timed-out-(keepalive|user)\]'
}

# If poll cannot tell it from a reset, the read after it can.
@test "keepalive with a smaller TCP_USER_TIMEOUT ends at the first probe after it" {
	went_as_told keepalive_and_smaller-dnc
	kang_says ' 1 probes .*\[timed-out-keepalive\]'
	kang_is_silent_about '\[reset|\[timed-out-data\]|\[data-lost\]'
}

@test "keepalive with a larger TCP_USER_TIMEOUT sends more probes than its count" {
	went_as_told keepalive_and_larger-dnc
	kang_says ' [4-6] probes .*\[timed-out-keepalive\]'
	kang_is_silent_about '\[reset|\[timed-out-data\]|\[data-lost\]'
}

@test "the last probe of keepalive is answered with a reset" {
	went_as_told keepalive_forgotten-dnc
	kang_says 'keepalive probe; .*\[reset-peer-forgot\]' 'Err#104 ECONNRESET'
	kang_is_silent_about '\[timed-out'
}

@test "a late probe under TCP_USER_TIMEOUT is answered with a reset" {
	went_as_told keepalive_and_larger_forgotten-dnc
	kang_says 'keepalive probe; .*\[reset-peer-forgot\]' 'Err#104 ECONNRESET'
	kang_is_silent_about '\[timed-out'
}

@test "ICMP host unreachable names the error, retransmission ends the connection" {
	went_as_told icmp_unreachable-dnc
	kang_says '\[timed-out-data\]' '22 bytes .*\[data-lost\]' 'Err#113 EHOSTUNREACH' '\[unreachable\]'
	kang_is_silent_about '\[reset'
}

@test "nobody answers ARP any more" {
	went_as_told arp_unanswered-dnc
	kang_says '\[timed-out-data\]' '22 bytes .*\[data-lost\]' 'Err#113 EHOSTUNREACH' '\[unreachable\]'
	kang_is_silent_about '\[reset'
}

connect_in_vain() {
	played "$1" kang
	kang_says "$2" "$3"
	kang_is_silent_about '\[connected\]|\[left-open|\[closed'
}

@test "connect refused: dnc" { connect_in_vain connect_refused-dnc 'Err#111' '\[connect-refused\]'; }
@test "connect refused: ncat, by SO_ERROR" { connect_in_vain connect_refused-ncat '\[ECONNREFUSED\]' '\[connect-refused\]'; }

# tcp_syn_retries = 1 gives up after 3.07 s.
@test "connect without an answer: dnc" {
	connect_in_vain connect_timed_out-dnc 'Err#110' ' 3\.[0-9] s.*\[connect-timed-out\]'
}

@test "connect without an answer: ncat, by SO_ERROR" {
	connect_in_vain connect_timed_out-ncat '\[ETIMEDOUT\]' ' 3\.[0-9] s.*\[connect-timed-out\]'
}

@test "TCP_USER_TIMEOUT cuts a connect short" {
	connect_in_vain connect_user_timeout-dnc 'Err#110' ' 1\.[5-9] s.*\[connect-timed-out\]'
}

@test "connect to where no route leads" { connect_in_vain connect_no_route-dnc 'Err#101' '\[connect-unreachable\]'; }
@test "connect to an address that nobody has: dnc" { connect_in_vain connect_no_neighbour-dnc 'Err#113' '\[connect-unreachable\]'; }

@test "connect to an address that nobody has: ncat, by SO_ERROR" {
	connect_in_vain connect_no_neighbour-ncat '\[EHOSTUNREACH\]' '\[connect-unreachable\]'
}

@test "connect forbidden by a firewall that says so" { connect_in_vain connect_prohibited-dnc 'Err#113' '\[connect-unreachable\]'; }

# How many writes it takes to fill the buffers differs from run to run.
@test "a peer that does not read: a blocking write" {
	went_as_told window-dnc
	kang_says '(sleeping...)' 'bytes .*\[(send-buffer-full|peer-window-closed)\]' '= 608$'
	kang_is_silent_about $'^\t!!|\\[retransmitting\\]'
}

@test "a peer that does not read: poll for POLLOUT" {
	went_as_told window_polled-dnc
	kang_says 'Not acknowledged: [0-9]* bytes\. \[peer-window-closed\]' '= 608$'
	kang_is_silent_about $'^\t!!|\\[retransmitting\\]'
}

@test "a peer that does not read: nc.openbsd" {
	went_as_told window-nc.openbsd
	kang_says 'Not acknowledged: [0-9]* bytes\. \[peer-window-closed\]' 'write\(.*= [1-9]'
	kang_is_silent_about $'^\t!!|\\[retransmitting\\]'
}

@test "TCP_USER_TIMEOUT ends a connection whose peer answers but does not read: a blocking write" {
	went_as_told window_user_timeout-dnc
	kang_says 'Err#110 ETIMEDOUT' '\[timed-out-user\]' 'bytes .*\[data-lost\]'
	kang_is_silent_about '\[reset|\[timed-out-(data|keepalive)\]'
}

# poll cannot tell it from a reset; the write after it can.
@test "TCP_USER_TIMEOUT ends a connection whose peer answers but does not read: poll for POLLOUT" {
	went_as_told window_polled_user_timeout-dnc
	kang_says '\[(dead|timed-out-user)\]' 'bytes .*\[data-lost\]' 'Err#110 ETIMEDOUT'
	kang_says '\[timed-out-user\]'
	kang_is_silent_about '\[reset|\[timed-out-(data|keepalive)\]'
}

@test "the peer vanishes while its window is closed: a blocking write" {
	went_as_told window_power_off-dnc
	kang_says 'Err#110 ETIMEDOUT' '\[timed-out-data\]' 'bytes .*\[data-lost\]'
	kang_is_silent_about '\[reset|\[timed-out-(user|keepalive)\]'
}

@test "the peer vanishes while its window is closed: poll for POLLOUT" {
	went_as_told window_polled_power_off-dnc
	kang_says '\[(dead|timed-out-data)\]' 'bytes .*\[data-lost\]' 'Err#110 ETIMEDOUT'
	kang_says '\[timed-out-data\]'
	kang_is_silent_about '\[reset|\[timed-out-(user|keepalive)\]'
}

@test "close-on-EOF by fin: scenario 4 in which both sides agree: dnc" {
	played end_fin-dnc
	kang_says '\[peer-fin\]' 'CLOSE_WAIT > LAST_ACK.*\[policy-closed-on-eof\]' '\[write-after-policy-close\]'
	kang_is_silent_about '\[half-open\]|\[reset|\[broken-pipe'
}

@test "close-on-EOF by fin: nc.openbsd" {
	played end_fin-nc.openbsd
	kang_says '\[peer-fin\]' '\[policy-closed-on-eof\]' '\[closed-after-peer\]'
	kang_is_silent_about '\[half-open\]'
}

@test "close-on-EOF by rst: dnc" {
	played end_rst-dnc
	kang_says '\[peer-fin\]' 'CLOSE_WAIT > CLOSE\..*\[policy-closed-on-eof\]' '\[write-after-policy-close\]'
	kang_is_silent_about '\[half-open\]|\[reset|\[data-lost\]'
}
