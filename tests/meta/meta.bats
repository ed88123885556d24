#!/usr/bin/env bats
#
# Tests of the tests: with a library that dies in its constructor, and with one that does nothing, no test of tracing may
# pass.  A test that passes with one of them has not looked at the trace.

# shellcheck disable=SC2154	# set in common.bash

load ../common


# Copies the build, with another library, to the directories crashing and idle.
setup_file() {
	local kind
	cd "$BATS_FILE_TMPDIR" || return 1
	echo '__attribute__((constructor)) static void start(void) { __builtin_trap(); }' >crashing.c
	echo 'typedef int nothing;' >idle.c
	for kind in crashing idle; do
		mkdir "$kind"
		cp -rs "$build"/. "$kind"
		# The command looks for the library in its own directory.
		rm "$kind/libtcpshim.so" "$kind/tcpshim"
		cp "$build/tcpshim" "$kind"
		${CC:-cc} -shared -fPIC -o "$kind/libtcpshim.so" "$kind.c"
	done
}

# run_file KIND FILE: runs FILE, a path below tests, with that library; its TAP is in KIND.NAME.tap.
run_file() {
	local name=${2##*/}
	(
		unset "${!BATS_@}"
		BUILD=$BATS_FILE_TMPDIR_KEPT/$1 TCPSHIM_LIB=$BATS_FILE_TMPDIR_KEPT/$1/libtcpshim.so \
			timeout -k 5 600 bats --formatter tap "$repository/tests/$2" >"$1.${name%.bats}.tap" 2>&1 3>&- || true
	)
}

# passing KIND FILE…: writes the names of the tests that pass to the file `passing`, sorted.  Two files run at the same
# time, since most tests wait.
passing() {
	local kind=$1 file plan
	export BATS_FILE_TMPDIR_KEPT=$BATS_FILE_TMPDIR
	shift
	export -f run_file
	export repository
	# shellcheck disable=SC2016 # for the inner shell
	printf '%s\n' "$@" | xargs -P 2 -I FILE bash -c 'run_file "$1" "$2"' - "$kind" FILE
	for file in "$@"; do
		file=${file##*/}
		file=$kind.${file%.bats}.tap
		# All of the tests ran.
		plan=$(sed -n 's/^1\.\.//p' "$file")
		((plan > 0 && plan == $(grep -cE '^(not )?ok ' "$file"))) || fail "not all of $file ran:" "$(tail -n 20 "$file")"
	done
	sed -nE '/# skip/d; s/^ok [0-9]+ //p' "$kind".*.tap | LC_ALL=C sort >passing
}

# allowed: fails if other tests pass than those on standard input.
allowed() {
	grep -v '^#' | LC_ALL=C sort >allowed || true
	LC_ALL=C comm -23 passing allowed | nothing "passes without having looked:"
}

@test "a library that dies in its constructor: no hostile test passes" {
	passing crashing hostile/hostile.bats hostile/recorded.bats
	allowed </dev/null
}

@test "a library that dies in its constructor: no test passes of what programs print, of notes, of recordings" {
	passing crashing e2e/expect.bats e2e/truth.bats e2e/surface.bats record/reader.bats record/stack.bats
	allowed </dev/null
}

@test "a library that does nothing: no hostile test of a recording passes" {
	passing idle hostile/recorded.bats
	allowed </dev/null
}
