#!/usr/bin/env bats
# The four scenarios of TCP Puzzlers between two hosts (network namespaces), with unmodified netcats and with dnc.  The
# whole trace of both sides is compared with expected/SCENARIO-CLIENT.SIDE.trace.  The notes that a scenario must draw are
# checked once more by name.
#
# REWRITE=1 writes the expected traces anew: read the difference before you believe it.  BUILD is the directory of the
# built files (build).

plays='1-nc.openbsd 1-nc.traditional 1-ncat 2-nc.openbsd 2-nc.traditional 2-ncat 3-nc.openbsd 3-nc.traditional 3-ncat
       4-dnc 4-nc.openbsd 4-ncat'

# shellcheck source-path=SCRIPTDIR source=plays.bash disable=SC1091
source "$BATS_TEST_DIRNAME/plays.bash"

graceful_exit() {
	played "$1"
	kang_says '= 0$' 'ESTABLISHED > CLOSE_WAIT.*\[peer-fin\]' '\[closed-after-peer\]'
	kang_is_silent_about $'^\t!!'
}

# The second line is written after more than 6 s of silence.  Its 22 bytes are lost; the 22 bytes of the first are not.
power_cycle() {
	played "$1"
	kang_says '\[no-failure-detection\]' '= 22$' ' ([6-9]|1[0-9])\.[0-9] s .*\[peer-silent\]' '\[reset-peer-forgot\]' '22 bytes .*\[data-lost\]'
	kang_is_silent_about '\[timed-out'
}

# tcp_retries2 = 3 gives up after about 7 s.
power_off() {
	played "$1"
	kang_says '\[no-failure-detection\]' '= 22$' ' ([6-9]|1[0-9])\.[0-9] s .*\[peer-silent\]' \
		' [5-9]\.[0-9] s.*[1-9] retransmi.*\[timed-out-data\]' '22 bytes .*\[data-lost\]'
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
