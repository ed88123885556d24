#!/usr/bin/env bats
#
# The notes on the real kernel: truth (tests/traced) prints the notes that each call must have.  There may be no others.

# shellcheck disable=SC2154	# set in common.bash

load ../common

# Prints notes as "CALL MARK ID", with the bytes of both directions if the note has them.
notes_of() {
	trace_plain "$1" | awk '
		/^[a-z_0-9]+\(/ { call = $0; sub(/\(.*/, "", call) }
		/^\t(-|!|!!) / {
			id = $NF
			gsub(/[][]/, "", id)
			bytes = ""
			if (match($0, /sent [0-9]+ bytes?, received [0-9]+ bytes?/)) {
				bytes = " " substr($0, RSTART, RLENGTH)
				gsub(/ bytes?,?/, "", bytes)
			}
			print call, $1, id bytes
		}'
}

@test "each note is true, and nothing else is said" {
	shim TCPSHIM_OUTPUT=trace.%p TCPSHIM_TIME=none "$build/truth" >expected ||
		fail "truth fails, with $?:" "$(tail -n 3 expected)"
	# The parent's trace is the largest; its child makes no call.
	# shellcheck disable=SC2012 # names of our own making
	notes_of "$(ls -S trace.* | head -n 1)" >said
	diff -u <(grep -v '^#' expected) said >&2 || fail "the scenarios:" "$(cat expected)"
}
