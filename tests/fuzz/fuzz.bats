#!/usr/bin/env bats
#
# Whatever the bytes of a recording are, its report neither crashes nor hangs.  Replays what was found earlier, and looks
# for more for a while (`make fuzz` looks longer).

# shellcheck disable=SC2154	# set in common.bash

load ../common

target=$build/tests/fuzz/report

@test "each file of the corpus is read" {
	timeout -k 5 60 "$target" -timeout=10 "$repository"/tests/fuzz/corpus/* >said 2>&1 || fail "a finding:" "$(tail -n 60 said)"
	(($(grep -c '^Executed ' said) == $(find "$repository/tests/fuzz/corpus" -type f | wc -l))) || fail "not all were read:" "$(tail -n 20 said)"
}

@test "nothing new is found, 30 seconds long" {
	mkdir work
	timeout -k 5 120 "$target" -seed=1 -runs=20000 -max_total_time=30 -timeout=10 -rss_limit_mb=1024 -max_len=40960 \
		work "$repository/tests/fuzz/corpus" >said 2>&1 ||
		fail "a finding:" "$(tail -n 60 said)" "$(base64 -w 0 crash-* oom-* timeout-* leak-* 2>/dev/null)"
	(($(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' said) > 1000)) || fail "too slow:" "$(tail -n 3 said)"
}
