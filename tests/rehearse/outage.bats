#!/usr/bin/env bats
#
# An outage under a transfer in both directions: every byte arrives.  bulk does the same with longer ones and more runs.
#
# Shown: if undo (rehearse.c) does not heal, the transfer does not end.

# shellcheck disable=SC2154

load rehearse

@test "outages of 0.1 and 3 s under a transfer of 100 MiB each way: IPv4, client and server" {
	need jq
	timeout 150 "$BATS_TEST_DIRNAME/bulk" 2 100 0.1 >short &
	timeout 150 "$BATS_TEST_DIRNAME/bulk" 2 100 3 >long || fail "$(cat long)"
	wait $! || fail "$(cat short)"
	(($(cat short long | grep -c ' whole, healed true, resumed true, lost 0;') == 4)) || fail "$(cat short long)"
}
