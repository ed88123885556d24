#!/usr/bin/env bats
#
# A recording that was cut or overwritten anywhere: what is left of it is shown, and a line reports what is missing.  No
# such recording makes the report crash, hang, or show what was never recorded.

# shellcheck disable=SC2154	# set in common.bash

load ../common

golden=$repository/tests/record/golden
tcpshim=$build/tcpshim
damage=$repository/tests/record/damage

# report [OPTION…] FILE: writes to the files shown and said, with its exit status in $status.  It must not end by a signal,
# and must not take long.
report() {
	status=0
	timeout -k 5 10 "$tcpshim" report "$@" >shown 2>said || status=$?
	((status == 0 || status == 125)) || fail "report $*: exit status $status" "$(cat said)"
	! grep -av '^tcpshim: ' said || fail "report $*: not a line of its own"
}

# said LINE: checks that standard error has this line and no other.
said() {
	diff -u <(printf '%s\n' "$@") said || fail "not said so"
}

# under_sanitizers DIRECTORY: reads the same files with the fuzz target.
under_sanitizers() {
	need "$build/tests/fuzz/report"
	timeout -k 5 240 "$build/tests/fuzz/report" -timeout=10 "$1"/* >sanitized 2>&1 || fail "$(tail -n 60 sanitized)"
	(($(grep -c '^Executed ' sanitized) == $(find "$1" -type f | wc -l))) || fail "not all were read:" "$(tail sanitized)"
}

is_json() {
	python3 -c 'import json, sys; [json.loads(line) for line in open(sys.argv[1], "rb")]' "$1" || fail "$1: this is no JSON"
}

unpack() {
	gzip -dc "$golden/$1.gz" >"$1"
}

@test "cut at any length: what is there is shown, and one line says so" {
	local file most=0
	unpack truth
	"$damage" cut truth cut
	for file in cut/*; do
		report "$file"
		(($(wc -l <said) == 1)) || fail "$file: not one line:" "$(cat said)"
		if ((${file#cut/} < 1256)); then
			said "tcpshim: $file is not a recording of tcpshim"
		elif ((status == 125)); then
			((${file#cut/} < 8192)) || fail "$file: nothing is shown"
			said "tcpshim: $file is damaged: its tables of names are not valid"
		else
			said "tcpshim: $file: the file is cut short: what is missing of it could not be read"
		fi
		grep -vxFf "$golden/truth.text" shown >strange || true
		[[ ! -s strange ]] || fail "$file: what was never recorded:" "$(head -n 5 strange)"
	done
	# The records of the first block but the last, then all: nothing before the cut is lost.
	report cut/49152
	most=$(grep -c . shown)
	((most > 80)) || fail "only $most lines of half the first block"
	report cut/98303
	diff -u "$golden/truth.text" shown
	under_sanitizers cut
}

@test "cut at any length, as JSON and as tables" {
	local file
	unpack truth
	"$damage" cut truth cut
	for file in cut/*[02468]; do
		report --json "$file"
		cat shown >>all
		report --connections --summary "$file"
	done
	is_json all
}

@test "overwritten anywhere" {
	local file name
	for name in truth wrap; do
		unpack "$name"
		"$damage" overwrite "$name" "damaged-$name"
		for file in "damaged-$name"/*[05]; do
			report "$file"
			! LC_ALL=C grep -aq $'[\x01-\x08\x0b-\x1f\x7f]' shown || fail "$file: what a terminal would obey"
			report --json --data=all "$file"
			cat shown >>"all-$name"
			report --connections --summary "$file"
		done
		is_json "all-$name"
		under_sanitizers "damaged-$name"
	done
}

@test "records behind a damaged one are counted" {
	local lost
	unpack truth
	lost=$("$damage" end truth damaged)
	((lost > 100))
	report damaged
	said "tcpshim: damaged: $lost records are damaged and were left out"
	grep -vxFf "$golden/truth.text" shown >strange || true
	[[ ! -s strange ]]
}

@test "a block that is nobody's is counted" {
	unpack truth
	"$damage" sequence truth damaged
	report damaged
	said "tcpshim: damaged: 1 blocks could not be read: damaged, or overwritten meanwhile"
}

@test "an event whose payload is cut is shown, and so are all behind it" {
	local lost
	unpack wrap
	report wrap
	grep -c . shown >all
	lost=$("$damage" more wrap damaged)
	((lost > 3))
	report damaged
	(($(grep -c . shown) == $(<all))) || fail "$(<all) lines became $(grep -c . shown)"
	# The oldest block begins with the rest of a payload whose first part is gone.
	grep -qx "tcpshim: damaged: $((lost - 1)) records are damaged and were left out" said || fail "$(cat said)"
}

@test "what is not a recording, or another's, is said to be" {
	unpack truth
	"$damage" version truth other
	report other
	said "tcpshim: other was made by another version of tcpshim, in a format that this version cannot read"
	"$damage" names truth names
	report names
	said "tcpshim: names is damaged: its tables of names are not valid"
	mkdir folder
	report folder
	said "tcpshim: folder has no recording: no file *.tcpshim"
	mkfifo pipe
	report pipe
	said "tcpshim: pipe is not a recording of tcpshim"
	report missing
	said "tcpshim: missing cannot be read: No such file or directory"
	# Of several recordings, the good ones are shown.
	unpack killed
	report missing killed
	((status == 125))
	diff -u "$golden/killed.text" shown
}
