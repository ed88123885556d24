#!/usr/bin/env bats
#
# Recordings that were made once are readable forever, and their reports stay the same.  tests/record/make-golden made
# them with the first version of the format.  A new kind of record gets a new directory beside these; the old ones stay.

# shellcheck disable=SC2154	# set in common.bash

load ../common

golden=$repository/tests/record/golden
tcpshim=$build/tcpshim

# all FORM [OPTION…]: checks that the report of each recording in this form is as it was.
all() {
	local form=$1 recording name count=0
	shift
	for recording in "$golden"/*.gz; do
		name=$(basename "$recording" .gz)
		[[ $name != *.* ]] || continue
		gzip -dc "$recording" >"$name"
		timeout -k 5 20 "$tcpshim" report "$@" "$name" >"$name.$form" 2>said || fail "$name: status $?:" "$(cat said)"
		if [[ -e $golden/$name.$form.gz ]]; then
			gzip -dc "$golden/$name.$form.gz" >expected
		else
			cp "$golden/$name.$form" expected
		fi
		diff -u expected "$name.$form" >differences || fail "$name, $form:" "$(head -n 40 differences)"
		diff -u "$golden/$name.said" said >differences || fail "$name, $form, on standard error:" "$(cat differences)"
		count=$((count + 1))
	done
	((count >= 9)) || fail "only $count recordings are there"
}

@test "as text" { all text; }

@test "as text, with all stamps and the whole payload" { all full --time=base,delta,elapsed,utc --data=all; }

@test "as JSON" { all json --json; }

@test "the connections" { all connections --connections; }

@test "the calls, summed" { all summary --summary; }

# golden32 was made by programs of tests/traced for i386 and their library.
@test "recordings of 32-bit programs" {
	local recording name count=0
	for recording in "$repository"/tests/record/golden32/*.gz; do
		name=$(basename "$recording" .gz)
		gzip -dc "$recording" >"$name"
		timeout -k 5 20 "$tcpshim" report "$name" >"$name.text" 2>said || fail "$name: status $?:" "$(cat said)"
		diff -u "${recording%.gz}.text" "$name.text" >differences || fail "$name:" "$(head -n 40 differences)"
		nothing <said
		count=$((count + 1))
	done
	((count >= 4)) || fail "only $count recordings are there"
}

@test "many notes and most calls are in them" {
	local recording name
	for recording in "$golden"/*.text; do
		cat "$recording"
	done | sed -n 's/^\t.*\[\([a-z-]*\)\]$/\1/p' | sort -u >notes
	(($(wc -l <notes) >= 20)) || fail "only these notes:" "$(cat notes)"
	cat "$golden"/*.summary | awk '/^[a-z_0-9]+ +[0-9]+\./ { print $1 }' | sort -u >calls
	(($(wc -l <calls) >= 40)) || fail "only these calls:" "$(cat calls)"
}
