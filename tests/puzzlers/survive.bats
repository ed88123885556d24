#!/usr/bin/env bats
# The policies against a peer that vanishes: real programs that only wait, that have data under way, or that connect to a
# host that is gone.  Each runs with a policy and without, in the same world at the same time.

# shellcheck disable=SC2154
load ../common

setup_file() {
	local here=$BATS_TEST_DIRNAME story
	common_setup
	# shellcheck source-path=SCRIPTDIR source=world.bash disable=SC1091
	source "$here/world.bash"
	world_probe
	export world_kind
	[[ $world_kind != loopback ]] || return 0
	for story in waiting writing; do
		(
			status=0
			setpriv --pdeathsig KILL timeout 120 "$here/survive" "$story" "$BATS_FILE_TMPDIR/$story" \
				>"$BATS_FILE_TMPDIR/$story.log" 2>&1 3>&- || status=$?
			echo "$status" >"$BATS_FILE_TMPDIR/$story.status"
		) &
	done
	wait
}

setup() {
	[[ $world_kind != loopback ]] || skip "network namespaces are not allowed here"
}

# story NAME: checks that it was played to its end, and changes to its directory.
story() {
	cat "$BATS_FILE_TMPDIR/$1.log" >&2
	[[ $(cat "$BATS_FILE_TMPDIR/$1.status") == 0 ]]
	cd "$BATS_FILE_TMPDIR/$1" || return 1
}

# ended NAME LEAST MOST: checks that it ended so many milliseconds after the loss of power.
ended() {
	[[ -e $1.ms ]] || fail "$1 was still running at the end" "$(tail -n 5 "$1.trace")"
	(($(cat "$1.ms") >= $2 && $(cat "$1.ms") <= $3)) || fail "$1 ended after $(cat "$1.ms") ms, not $2 to $3"
}

still_waiting() {
	[[ ! -e $1.ms ]] || fail "$1 ended after $(cat "$1.ms") ms" "$(tail -n 5 "$1.trace")"
}

says() {
	grep -qE -- "$2" "$1.trace" || fail "the trace of $1 has no line like $2" "$(tail -n 20 "$1.trace")"
}

is_silent_about() {
	[[ -e $1.trace ]] || fail "$1 has no trace" || return 1
	grep -E -- "$2" "$1.trace" | nothing "the trace of $1 says:"
}

# need_client NAME: skips, or fails, with the reason why the story ran without it.
need_client() {
	case $1 in
	psql | ssh) need_root ;;
	java) need java ;;
	redis) need redis-server ;;
	esac
	fail "$1 was not played"
}

# IDLE + INTERVAL x COUNT is 4 s after the last probe that was answered, which is at most IDLE before the loss of power.
saved_by_keepalive() {
	story waiting
	# The file of its output is there if the story ran it.
	[[ -e $1.out ]] || need_client "$1"
	still_waiting "$1-bare"
	is_silent_about "$1-bare" '\[(policy|timed-out)'
	ended "$1" 3000 6000
	says "$1" 'the first probe after 1\.0 s of silence, then one every 1\.0 s; 3 probes without an answer.*\[policy-keepalive\]'
	says "$1" ' 3 probes got no answer.*\[timed-out-keepalive\]'
	is_silent_about "$1" '\[(timed-out-(data|user)|data-lost|no-failure-detection)\]'
}

@test "waiting: nc" {
	saved_by_keepalive nc
}

@test "waiting: redis-cli in SUBSCRIBE, which sets its own keepalive (FORCE)" {
	saved_by_keepalive redis
	says redis '\[policy-overruled-program\]'
	says redis-bare 'setsockopt\([0-9]+, IPPROTO_TCP, TCP_KEEPIDLE'
}

@test "waiting: psql in a long query" {
	saved_by_keepalive psql
	grep -q 'Connection timed out' psql.err
}

@test "waiting: ssh" {
	saved_by_keepalive ssh
	[[ $(cat ssh.status) == 255 ]]
}

@test "waiting: python" {
	saved_by_keepalive python
	grep -q 'TimeoutError: \[Errno 110\]' python.err
}

@test "waiting: java's HttpClient" {
	saved_by_keepalive java
	grep -q 'Connection timed out' java.err
}

@test "writing: keepalive alone does not help" {
	story writing
	still_waiting keepalive
	still_waiting keepalive-bare
	says keepalive '\[policy-keepalive\]'
}

@test "writing: TCP_USER_TIMEOUT does" {
	story writing
	ended timeout 3000 5000
	says timeout '3\.0 s without an acknowledgement.*\[policy-user-timeout\]'
	says timeout 'TCP_USER_TIMEOUT \(3\.0 s\)\. 1000 bytes.*\[timed-out-user\]'
	says timeout ': 1000 bytes written were never acknowledged.*\[data-lost\]'
	still_waiting timeout-bare
}

@test "writing: both, the user timeout following from the keepalive" {
	story writing
	ended both 4000 6000
	says both '4\.0 s without an acknowledgement.*\[policy-user-timeout\]'
	says both '\[timed-out-user\]'
}

@test "connecting into the void ends by TCP_USER_TIMEOUT too" {
	local name
	story writing
	for name in connect nc-connect; do
		ended "$name" 3000 5000
		says "$name" '\[policy-user-timeout\]'
		says "$name" 'no answer to any SYN for 3\.[0-9] s.*\[connect-timed-out\]'
		still_waiting "$name-bare"
	done
}
