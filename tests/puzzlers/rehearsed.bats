#!/usr/bin/env bats
# TCPSHIM_REHEARSE shows what a real failure shows.  Each scenario is played twice between two hosts (network namespaces):
# once with a real failure, once rehearsed while the peer lives on.  Then they are compared line by line: calls, results,
# errors, events, notes with their states and values, the kernel's counters, what the program printed, and its status.
# ETIMEDOUT must come after the same time within 10 %.
#
# Shown: with acted_ns stored after the deed (rehearse.c), half_close fails in some runs: the program that the deed has woken
# sees no peer-fin. Without rtt_us in rehearsed_keep() (rehearsed.c), cycle fails: no tcp_info. Without
# look_before_write() cycle_unread fails: no reset. Without rehearsed_events() half_open fails: the note comes late.
#
# Each test names the only lines in which both may differ, and all of them must differ, except those with a question mark.
# BUILD is the directory of the built files (build).

# shellcheck disable=SC2154
load ../common

plays='
graceful: nc.openbsd nc.traditional ncat ask-blocking ask-poll
half_close: ask-blocking ask-nonblocking ask-epoll
half_open: nc.openbsd ncat dnc ask-blocking ask-nonblocking ask-select ask-poll ask-epoll
half_open_writes: ask-blocking ask-nonblocking
cycle: nc.openbsd nc.traditional ncat ask-blocking ask-nonblocking ask-select ask-poll ask-epoll
cycle_witnessed: dnc
cycle_writes: ask-blocking ask-nonblocking
cycle_error: ask-nonblocking ask-select ask-poll
cycle_killed: ask-blocking
cycle_unread: ask-blocking ask-nonblocking
cycle_keepalive: dnc ask-blocking ask-nonblocking ask-select ask-poll ask-epoll
off: nc.traditional ncat ask-select ask-poll
off+deaf: nc.openbsd dnc ask-blocking ask-nonblocking ask-epoll
keepalive: ask-blocking ask-nonblocking
keepalive+deaf: dnc ask-epoll
user_timeout: dnc ask-blocking ask-poll
unreachable: nc.openbsd ncat ask-nonblocking ask-select
unreachable+deaf: dnc ask-blocking
refused: nc.openbsd nc.traditional ncat dnc ask-blocking ask-nonblocking ask-epoll
'

# play SCENARIO CLIENT WAY: plays it again if the machine was too busy.
play() {
	local directory=$BATS_FILE_TMPDIR/$1-$2.$3 status=75
	for _ in 1 2 3; do
		((status == 75)) || break
		rm -rf "$directory"
		status=0
		setpriv --pdeathsig KILL timeout -k 5 60 "$BATS_TEST_DIRNAME/rehearsed" "$1" "$2" "$3" "$directory" \
			>"$directory.log" 2>&1 3>&- || status=$?
	done
	echo "$status" >"$directory.status"
}

# Prints each play: SCENARIO CLIENT WAY.
list_plays() {
	local scenario clients client
	while IFS=: read -r scenario clients; do
		for client in $clients; do
			echo "${scenario%+*} $client real"
			echo "${scenario%+*} $client rehearsed"
			[[ $scenario != *+deaf ]] || echo "${scenario%+*} $client deaf"
		done
	done <<<"$plays"
}

compare() {
	"$python" -SEB "$BATS_TEST_DIRNAME/alike.py" "$BATS_FILE_TMPDIR/$1-$2.real" "$BATS_FILE_TMPDIR/$1-$2.$3"
}

# Reads plays, and plays several at a time.
play_all() {
	local scenario client way
	while read -r scenario client way; do
		while (($(jobs -pr | wc -l) >= 8 * $(nproc))); do
			wait -n || true
		done
		play "$scenario" "$client" "$way" &
	done
	wait
}

# Prints the plays whose times differ: a busy machine can make them.
list_apart() {
	local scenario client way
	while read -r scenario client way; do
		if [[ $way != real ]] && compare "$scenario" "$client" "$way" 2>/dev/null | grep -q '^time:'; then
			printf '%s %s %s\n' "$scenario" "$client" real "$scenario" "$client" "$way"
		fi
	done < <(list_plays) | sort -u
}

setup_file() {
	common_setup
	# shellcheck source-path=SCRIPTDIR source=world.bash disable=SC1091
	source "$BATS_TEST_DIRNAME/world.bash"
	world_probe
	python=$(python3 -c 'import sys; print(sys.executable)')
	export world_kind python BUILD=$build TCPSHIM_LIB=$library
	[[ $world_kind != loopback ]] || return 0
	play_all < <(list_plays)
	list_apart >"$BATS_FILE_TMPDIR/again"
	play_all <"$BATS_FILE_TMPDIR/again"
}

setup() {
	[[ $world_kind != loopback ]] || skip "network namespaces are not allowed here"
	cd "$BATS_TEST_TMPDIR" || return 1
}

teardown() {
	nothing_failed
}

# alike SCENARIO CLIENT WAY [PATTERN...]: checks that both plays reached their end, and differ in lines that match one of
# the patterns, and in no others. Each pattern must match a line, except those that begin with a question mark.
alike() {
	local name=$1-$2 way=$3 one differences
	for one in real "$way"; do
		[[ $(cat "$BATS_FILE_TMPDIR/$name.$one.status") == 0 ]] ||
			fail "$name was not played to its end: $one" "$(cat "$BATS_FILE_TMPDIR/$name.$one.log")"
	done
	compare "$1" "$2" "$way" 2>took >differences || fail "cannot compare $name, real and $way" "$(cat took)"
	shift 3
	for one; do
		if [[ $one != \?* ]] && ! grep -qE -- "${one#\?}" differences; then
			fail "$name, $way: no difference like this: $one"
		fi
		grep -vE -- "${one#\?}" differences >rest || true
		mv rest differences
	done
	differences=$(cat differences)
	[[ -z $differences ]] || fail "$name: real (-) and $way (+) differ:" "$differences"
}

# clients SCENARIO: its clients. With +deaf, those that are also rehearsed by a minimum TTL.
clients() {
	sed -nE "s/^${1/+/\\+}(\+deaf)?://p" <<<"$plays"
}

# A socket that the kernel has disconnected has no local address any more (tcp_disconnect()).
no_address=('^[-+] N.NNNN.getsockname\(3, (10\.88\.88\.139|0\.0\.0\.0):33226, ' '^[-+]printed: name: (10\.88\.88\.139|0\.0\.0\.0)$')

# The peer has not sent a FIN, so the kernel's state is still ESTABLISHED (1), not CLOSE_WAIT (8). The notes say CLOSE_WAIT.
no_fin=('^-printed: state: 8$' '^\+printed: state: 1$')

@test "graceful exit: end of stream, and this side closes too" {
	local client
	for client in $(clients graceful); do
		case $client in
		ask-*) alike graceful "$client" rehearsed "${no_fin[@]}" ;;
		*) alike graceful "$client" rehearsed ;;
		esac
	done
}

@test "the peer has sent its end of stream, and goes on reading" {
	local client
	for client in $(clients half_close); do
		alike half_close "$client" rehearsed "${no_fin[@]}"
		grep -q 'anybody there' "$BATS_FILE_TMPDIR/half_close-$client.rehearsed/kodos.out"
	done
}

@test "power cycle: silence, then a reset to the next write" {
	local client
	for client in $(clients cycle); do
		case $client in
		ask-*) alike cycle "$client" rehearsed "${no_address[@]}" ;;
		*) alike cycle "$client" rehearsed ;;
		esac
	done
}

@test "power cycle: a write meets the error, or SO_ERROR does" {
	local client
	for client in $(clients cycle_writes); do
		alike cycle_writes "$client" rehearsed
	done
	for client in $(clients cycle_error); do
		alike cycle_error "$client" rehearsed
	done
}

@test "power cycle: SIGPIPE ends the program" {
	alike cycle_killed ask-blocking rehearsed
	[[ $(cat "$BATS_FILE_TMPDIR/cycle_killed-ask-blocking.rehearsed/kang.status") == 141 ]]
}

# disconnect() drops what has arrived and was not read.
unread=('^- .*recv\(3, " k o d o s ' '?^\+ .*recv\(3, 0x.*= 0$' '^-.*received 22 bytes\. \[closed-after-death\]$'
	'^\+.*received 0 bytes\. \[closed-after-death\]$' "^-closed-after-death: .*'received_bytes': 22" "^\\+closed-after-death: .*'received_bytes': 0"
	'^-printed: read:  22 bytes$' '^\+printed: read:  0 bytes$' '?^[-+].*\[dead-as-eof\]$')

@test "power cycle: a program that does not read" {
	local client
	for client in $(clients cycle_unread); do
		alike cycle_unread "$client" rehearsed "${unread[@]}"
	done
}

# The reset of the rehearsal is on the wire, but has the key, so that the peer's kernel drops it, as the farewell before it.
@test "power cycle: the peer knows nothing of it, until it sends" {
	local directory=$BATS_FILE_TMPDIR/cycle_witnessed-dnc.rehearsed
	alike cycle_witnessed dnc rehearsed
	# `rehearsed` has found its connection ESTABLISHED after the reset.
	(($(cat "$directory/kodos.unexpected") >= 2))
	grep -q ' out 8080 33226 A ' "$directory/wire.before"
	grep ' out 8080 33226 [A-Z]*[RF]' "$directory/wire.before" | nothing "kodos has answered:"
	grep -q ' in 33226 8080 R ' "$directory/wire"
}

# disconnect() wakes the thread that polls before shutdown() adds POLLIN; a poll that is quick misses it.
early_poll=('?^[-+] N.NNNN.(epoll_wait|poll)\(' '?^[-+]printed: read: (E?POLLIN\|)?E?POLLERR\|E?POLLHUP(\|E?POLLRDHUP)? ECONNRESET')

@test "power cycle: a probe of keepalive is answered with a reset" {
	local client
	for client in $(clients cycle_keepalive); do
		case $client in
		ask-*) alike cycle_keepalive "$client" rehearsed "${no_address[@]}" "${early_poll[@]}" ;;
		*) alike cycle_keepalive "$client" rehearsed "${early_poll[@]}" ;;
		esac
	done
}

@test "half-open: the next write is answered with a reset, and the one after it fails" {
	local client
	alike half_open ncat rehearsed
	for client in $(clients half_open_writes); do
		alike half_open_writes "$client" rehearsed
	done
}

# Linux keeps the error of a reset after a FIN, EPIPE, for poll and SO_ERROR. No call can set it from this side.
no_pollerr=('^- .*\[3:(E?POLLIN\|)?E?POLLERR\|' '^\+ .*\[3:(E?POLLIN\|)?E?POLLHUP')
no_event=('^-printed: event: E?POLLIN\|E?POLLERR\|' '^\+printed: event: E?POLLIN\|E?POLLHUP')
no_error=('^- .*SO_ERROR, \[EPIPE\]' '^\+ .*SO_ERROR, \[0\]' '^-printed: error: EPIPE$' '^\+printed: error: 0$')
# Who learned of the reset by SO_ERROR learns of it by the read that follows.
told_later=('^-.*reports it with this error, once\..*\[reset-after-fin\]$' '^\+.*reports it as end of stream.*\[reset-after-fin\]$'
	'^-.*\[dead-as-eof\]$' '^-dead-as-eof: ' '?^[-+].*\[data-lost\]$' '?^[-+] N.NNNN.(getpeername|recv)\(')

@test "half-open: poll and SO_ERROR" {
	local client
	for client in nc.openbsd dnc; do
		alike half_open "$client" rehearsed "${no_pollerr[@]}"
	done
	for client in ask-poll ask-epoll; do
		alike half_open "$client" rehearsed "${no_fin[@]}" "${no_address[@]}" "${no_pollerr[@]}" "${no_event[@]}" "${no_error[@]}"
	done
	for client in ask-blocking ask-nonblocking ask-select; do
		alike half_open "$client" rehearsed "${no_fin[@]}" "${no_address[@]}" "${no_error[@]}" "${told_later[@]}"
	done
}

@test "power off: ETIMEDOUT by retransmission" {
	local client
	for client in $(clients off); do
		alike off "$client" rehearsed
		! grep -q 'anybody there' "$BATS_FILE_TMPDIR/off-$client.rehearsed/kodos.out" || fail "$client was heard"
	done
	grep -q 'timed-out-data [34]' took
	# What is written reaches a peer that is only not heard.
	for client in $(clients off+deaf); do
		alike off "$client" deaf
		grep -q 'anybody there' "$BATS_FILE_TMPDIR/off-$client.deaf/kodos.out"
	done
}

@test "power off: ETIMEDOUT by keepalive" {
	local client
	for client in $(clients keepalive); do
		alike keepalive "$client" rehearsed
	done
	for client in $(clients keepalive+deaf); do
		alike keepalive "$client" deaf
	done
	grep -q 'timed-out-keepalive 5' took
}

@test "power off: ETIMEDOUT by TCP_USER_TIMEOUT" {
	local client
	for client in $(clients user_timeout); do
		alike user_timeout "$client" rehearsed
	done
	grep -q 'timed-out-user 3' took
}

@test "unreachable: ETIMEDOUT for a connect" {
	local client
	for client in $(clients unreachable); do
		alike unreachable "$client" rehearsed
	done
	for client in $(clients unreachable+deaf); do
		alike unreachable "$client" deaf
	done
	grep -q 'connect-timed-out 3' took
}

# The refusal comes from the loopback interface, and leaves its address on a socket that does not block.
loopback_address=('^[-+] N.NNNN.getsockname\(3, (10\.88\.88\.139|127\.0\.0\.1):33226, ' '^[-+]printed: name: (10\.88\.88\.139|127\.0\.0\.1)$')

@test "refused" {
	local client
	for client in $(clients refused); do
		case $client in
		ask-epoll) alike refused "$client" rehearsed "${loopback_address[@]}" ;;
		ask-nonblocking) alike refused "$client" rehearsed "?${loopback_address[0]}" "?${loopback_address[1]}" ;;
		*) alike refused "$client" rehearsed ;;
		esac
	done
}
