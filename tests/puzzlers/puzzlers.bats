#!/usr/bin/env bats
# The four scenarios of TCP Puzzlers between two hosts (network namespaces), with unmodified netcats and with dnc. The whole trace
# of both sides is compared with expected/SCENARIO-CLIENT.SIDE.trace; what each scenario must tell is asked for once more by name.
#
# All plays run at the same time, since they mostly wait; each test then looks at one. REWRITE=1 writes the expected traces anew:
# read the difference before believing it. BUILD names the directory of the built files (build).

plays='1-nc.openbsd 1-nc.traditional 1-ncat 2-nc.openbsd 2-nc.traditional 2-ncat 3-nc.openbsd 3-nc.traditional 3-ncat
       4-dnc 4-nc.openbsd 4-ncat'

setup_file() {
	local here=$BATS_TEST_DIRNAME play
	# shellcheck source-path=SCRIPTDIR source=world.bash disable=SC1091
	source "$here/world.bash"
	world_probe
	export world_kind
	[[ $world_kind != loopback ]] || return 0
	for play in $plays; do
		(
			status=0
			setpriv --pdeathsig KILL "$here/play" "${play%%-*}" "${play#*-}" "$BATS_FILE_TMPDIR/$play" \
				>"$BATS_FILE_TMPDIR/$play.log" 2>&1 3>&- || status=$?
			echo "$status" >"$BATS_FILE_TMPDIR/$play.status"
		) &
	done
	wait
}

setup() {
	[[ $world_kind != loopback ]] || skip "network namespaces are not allowed here"
}

# compare PLAY SIDE: the whole trace, but for times and addresses in memory.
compare() {
	local actual=$BATS_FILE_TMPDIR/$1/$2.trace expected=$BATS_TEST_DIRNAME/expected/$1.$2.trace
	if [[ -n ${REWRITE:-} ]]; then
		"$BATS_TEST_DIRNAME/normalise" "$actual" >"$expected"
	fi
	diff -u --label "expected $2" --label "$2" "$expected" <("$BATS_TEST_DIRNAME/normalise" "$actual")
}

# played SCENARIO-CLIENT: it went as told, and both sides left the expected trace.
played() {
	play=$1
	cat "$BATS_FILE_TMPDIR/$play.log"
	[[ $(cat "$BATS_FILE_TMPDIR/$play.status") == 0 ]]
	compare "$play" kang
	compare "$play" kodos
}

# kang_says PATTERN...: each matches a line of kang's trace, and each line comes after the one before it.
kang_says() {
	local pattern line=0 found
	for pattern in "$@"; do
		found=$(tail -n +$((line + 1)) "$BATS_FILE_TMPDIR/$play/kang.trace" | grep -nE -m 1 -- "$pattern" | cut -d: -f1)
		if [[ -z $found ]]; then
			echo "kang's trace has no line like this, or not after the one before: $pattern"
			return 1
		fi
		((line += found))
	done
}

kang_is_silent_about() {
	! grep -E -- "$1" "$BATS_FILE_TMPDIR/$play/kang.trace"
}

graceful_exit() {
	played "$1"
	kang_says '= 0$' 'ESTABLISHED > CLOSE_WAIT.*\[peer-fin\]' '\[closed-after-peer\]'
	kang_is_silent_about $'^\t!!'
}

# The second line is written after more than 6 s of silence; its 22 bytes are lost, the 22 of the first are not.
power_cycle() {
	played "$1"
	kang_says '\[no-failure-detection\]' '= 22$' ' ([6-9]|1[0-9])\.[0-9] s .*\[peer-silent\]' '\[reset-peer-forgot\]' '22 bytes .*\[data-lost\]'
	kang_is_silent_about '\[timed-out'
}

# tcp_retries2 = 3 gives up after some 7 s.
power_off() {
	played "$1"
	kang_says '\[no-failure-detection\]' '= 22$' ' ([6-9]|1[0-9])\.[0-9] s .*\[peer-silent\]' \
		' [5-9]\.[0-9] s.* [1-9] retransmi.*\[timed-out-data\]' '22 bytes .*\[data-lost\]'
	kang_is_silent_about '\[reset'
}

# The peer closed more than 6 s before this side wrote again.
nothing_failed() {
	played "$1"
	kang_says '\[peer-fin\]' ' ([6-9]|1[0-9])\.[0-9] s .*\[write-after-fin\]' '\[reset-after-fin\]' '22 bytes .*\[data-lost\]'
	kang_says '\[peer-fin\]' '\[half-open\]'
}

@test "1 graceful exit: nc.openbsd" { graceful_exit 1-nc.openbsd; }
@test "1 graceful exit: nc.traditional" { graceful_exit 1-nc.traditional; }
@test "1 graceful exit: ncat" { graceful_exit 1-ncat; }

@test "2 power cycle: nc.openbsd" { power_cycle 2-nc.openbsd; }
@test "2 power cycle: nc.traditional" { power_cycle 2-nc.traditional; }
@test "2 power cycle: ncat" { power_cycle 2-ncat; }

@test "3 power off: nc.openbsd" { power_off 3-nc.openbsd; }
@test "3 power off: nc.traditional" { power_off 3-nc.traditional; }
@test "3 power off: ncat" { power_off 3-ncat; }

@test "4 nothing failed: nc.openbsd" { nothing_failed 4-nc.openbsd; }

@test "4 nothing failed: dnc, which writes once more" {
	nothing_failed 4-dnc
	kang_says '\[reset-after-fin\]' 'Err#32 EPIPE' '\[broken-pipe-dead\]'
}

@test "4 nothing failed: ncat, which writes once more" {
	nothing_failed 4-ncat
	kang_says '\[reset-after-fin\]' 'Err#32 EPIPE' '\[broken-pipe-dead\]'
}
