# hostile.bash: runs a hostile program and compares its trace with what the program expects of it (see hostile.h).

# bats runs each test in a subshell of its own, and functions are handed over by name.
# shellcheck disable=SC2154,SC2030,SC2031,SC2034,SC2317,SC2119,SC2120

programs=$build/tests/hostile

# compile ARG...: the compiler for the libc of the programs.
compile() {
	local compiler=${CC:-cc}
	! ldd "$build/tests/hostile/one_write" | grep -q musl || compiler=musl-gcc
	$compiler "$@"
}

# Prints a program's output without its expectations, sorted, since threads and children may print in any order.
said() {
	LC_ALL=C grep -v '^expect ' "$1" | sort || true
}

# Every function of this file may be called where bash ignores set -e (if, ||, &&, !), so each returns its failures itself.

# start_bare PROGRAM [ARG…]: starts it, with the variables of bare_settings, in the background; bare_ended waits for it.  Its descriptors are those of the traced
# run, so it is not started by start, which closes one.
bare_settings=()
start_bare() {
	# A shell's command in the background ignores both, and since coreutils 9.8 timeout leaves that so.
	timeout -k 5 "$limit" env --default-signal=INT --default-signal=QUIT "${bare_settings[@]}" "$programs/$1" "${@:2}" \
		</dev/null >bare.out 2>bare.err &
	bare_pid=$!
	started+=("$bare_pid")
}

# With BARE_MAY_FAIL set, a program that fails bare is skipped: with musl, which reads some structures itself before the kernel
# can refuse them.
bare_ended() {
	local status=0
	wait "$bare_pid" || status=$?
	((status == 0)) && return
	if [[ -n ${BARE_MAY_FAIL:-} ]]; then
		rm -f "$BATS_TEST_TMPDIR.failed"
		skip "not on this machine: $1 fails bare too, with $status"
	fi
	fail "$1 fails bare, with $status:" "$(said bare.out | head -n 20)" "$(tail -n 20 bare.err)"
}

bare() {
	start_bare "$@"
	bare_ended "$1"
}

# settings: the variables for the traced run.  Its standard error goes to shim.err.
settings=(TCPSHIM_OUTPUT=trace.%p TCPSHIM_TIME=none)
traced() {
	shim "${settings[@]}" "$programs/$1" "${@:2}" >shim.out 2>shim.err ||
		fail "$1 fails under the library, with $?:" "$(said shim.out | head -n 20)" \
			"$(tail -n 20 shim.err)" "$(tail -q -n 5 trace.* 2>/dev/null)" || return 1
	reported
}

# Prints the text of the recordings of one process id, if the settings ask for recordings instead of a trace.
report_options=()
reported() {
	local file pid count=0 files
	[[ ${settings[*]} == *TCPSHIM_RECORD=recording.* ]] || return 0
	for file in recording.*; do
		pid=${file#recording.}
		if [[ -e $file && $pid != *.* ]]; then
			# Another program of the same process has the time after the number.
			mapfile -t files < <(compgen -G "$file-*" || true)
			"$build/tcpshim" report --time=none "${report_options[@]}" "$file" "${files[@]}" >"trace.$pid" ||
				fail "$file is not read, with $?" || return 1
			count=$((count + 1))
		fi
	done
	((count > 0)) || fail "no recording"
}

# With COMPARED set, that file gets a line for each comparison that found no difference.
same_behaviour() {
	cmp -s bare.out shim.out || diff -u <(said bare.out) <(said shim.out) >&2 ||
		fail "does not do the same under the library" || return 1
	[[ -z ${COMPARED:-} ]] || echo "$BATS_TEST_DESCRIPTION" >>"$COMPARED"
}

# Checks all expectations of one process; with a file given, the expectations of every process are checked in that file.
trace_as_expected() {
	local only=${1:-} expect pid operator count regex bad=0
	while read -r expect pid operator count regex; do
		[[ $expect == expect ]] || continue
		local file=${only:-trace.$pid}
		if [[ ! -e $file ]]; then
			[[ $count == 0 ]] && continue
			echo "no trace of process $pid, which must have: $regex" >&2
			bad=1
			continue
		fi
		[[ -e $file.plain ]] || trace_plain "$file" >"$file.plain"
		local found
		found=$(LC_ALL=C grep -Ec -- "$regex" "$file.plain") || true
		if ! { [[ $operator == "=" ]] && ((found == count)); } &&
			! { [[ $operator == ">=" ]] && ((found >= count)); }; then
			echo "$file: $found lines, not $operator $count, match $regex" >&2
			bad=1
		fi
	done <shim.out
	((bad == 0)) || fail "the trace is not as expected"
}

traces_are_whole() {
	local file count=0
	for file in trace.*; do
		if [[ -e $file && $file != *.plain ]]; then
			trace_is_whole "$file" || return 1
			count=$((count + 1))
		fi
	done
	((count > 0)) || fail "no trace"
}

# hostile PROGRAM [ARG…]: runs it bare and traced at the same time, since many of the programs mostly wait.
hostile() {
	start_bare "$@"
	traced "$@" || {
		# What fails in the bare run too is not the library's fault.  A bare run that still goes on is ended with the
		# test.
		kill -0 "$bare_pid" 2>/dev/null || bare_ended "$1"
		return 1
	}
	bare_ended "$1" || return 1
	same_behaviour || return 1
	trace_as_expected || return 1
	traces_are_whole
}
