#!/usr/bin/env bats
#
# The hostile programs: each runs bare and under the library, exits 0 both times, prints the same both times but for
# what it expects of the trace, and the trace holds exactly that.  hostile.h says how a program tells its expectations.

# bats runs each test in a subshell of its own, and functions are handed over by name.
# shellcheck disable=SC2154,SC2030,SC2031,SC2317

load ../common

programs=${TCPSHIM_HOSTILE:-$repository/build/tests/hostile}

# What a program prints, less its expectations; threads and children may print in any order.
said() {
	LC_ALL=C grep -v '^expect ' "$1" | sort || true
}

bare() {
	timeout -k 5 "$limit" "$programs/$1" "${@:2}" >bare.out 2>bare.err ||
		fail "$1 fails bare, with $?:" "$(said bare.out | head -n 20)" "$(tail -n 20 bare.err)"
}

# settings: variables for the traced run.  Its standard error goes to shim.err.
settings=(TCPSHIM_OUTPUT=trace.%p TCPSHIM_TIME=none)
traced() {
	shim "${settings[@]}" "$programs/$1" "${@:2}" >shim.out 2>shim.err ||
		fail "$1 fails under the library, with $?:" "$(said shim.out | head -n 20)" \
			"$(tail -n 20 shim.err)" "$(tail -q -n 5 trace.* 2>/dev/null)"
}

same_behaviour() {
	diff -u <(said bare.out) <(said shim.out) >&2 || fail "does not do the same under the library"
}

# Of one process, or with a file given, all that is expected of any process is in that file.
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
		found=$(LC_ALL=C grep -Ec -- "$regex" "$file.plain" || true)
		if ! { [[ $operator == "=" ]] && ((found == count)); } &&
			! { [[ $operator == ">=" ]] && ((found >= count)); }; then
			echo "$file: $found lines, not $operator $count, match $regex" >&2
			bad=1
		fi
	done <shim.out
	((bad == 0))
}

traces_are_whole() {
	local file
	for file in trace.*; do
		if [[ -e $file && $file != *.plain ]]; then
			trace_is_whole "$file"
		fi
	done
}

# The bare run meanwhile, since many of the programs mostly wait.
hostile() {
	local bare_pid status=0
	bare "$@" &
	bare_pid=$!
	traced "$@" || status=1
	wait "$bare_pid" || status=1
	((status == 0))
	same_behaviour
	trace_as_expected
	traces_are_whole
}

@test "a 1 kHz timer whose handler writes to a socket" {
	hostile signal_storm
}

@test "siglongjmp out of a blocked call: 4 of 4 later calls traced" {
	hostile jump_blocked
}

@test "siglongjmp at random points, the library's own included" {
	hostile jump_random
}

@test "siglongjmp out of the library while it writes" {
	hostile jump_inside
}

@test "cancellation of a thread in each blocking call" {
	hostile cancel
}

@test "cancellation while the line is being written loses no byte" {
	hostile cancel_output
}

@test "fork in a threaded program, _Fork, raw clone: each child in its own file" {
	hostile children
}

@test "a vfork child closes and replaces descriptors: the parent's stay tracked" {
	hostile vfork_child
}

@test "six threads race for descriptors: each close tells its own connection's bytes" {
	hostile race_reuse
	local pid
	pid=$(awk '$1 == "expect" { print $2; exit }' shim.out)
	# Each count is that of two ends: one sent it, the other received it.
	diff -u <(awk '$1 == "moved" { print $2; print $2 }' shim.out | sort -n) \
		<(trace_plain "trace.$pid" | sed -nE '/\[closed-(first|after-peer)\]$/ {
			s/.* sent ([1-9][0-9]*) bytes?, received 0 bytes.*/\1/p; t
			s/.* sent 0 bytes, received ([1-9][0-9]*) bytes?.*/\1/p; t
			s/^/cannot read: /p
		}' | sort -n) | head -n 20 >difference
	[[ ! -s difference ]] || fail "$(cat difference)"
}

@test "10,000 connections: memory stays flat, each has its closes" {
	hostile many_connections
}

@test "100 threads, 10,000 calls each: no line torn, none lost" {
	limit=120
	hostile hundred_threads
}

@test "bad pointers give the kernel's errno and never a crash" {
	hostile bad_pointers
}

@test "bad pointers while every byte is shown" {
	settings+=(TCPSHIM_DATA=all)
	hostile bad_pointers
}

@test "structures flush against an unmapped page" {
	hostile flush
}

@test "structures flush against an unmapped page while every byte is shown" {
	settings+=(TCPSHIM_DATA=all)
	hostile flush
}

@test "everything closed by closefrom(3): the trace goes on" {
	hostile closers closefrom
}

@test "everything closed by close_range(3, ~0U, 0): the trace goes on" {
	hostile closers close_range
}

@test "everything closed by close_range with CLOSE_RANGE_UNSHARE: the trace goes on" {
	hostile closers close_range-unshare
}

@test "close_range with CLOSE_RANGE_CLOEXEC closes nothing: the trace goes on" {
	hostile closers close_range-cloexec
}

@test "everything closed by syscall(SYS_close_range): the trace goes on" {
	hostile closers syscall
}

@test "everything closed by a loop of close: the trace goes on" {
	hostile closers loop
}

@test "everything closed by a walk over /proc/self/fd: the trace goes on" {
	hostile closers walk
}

@test "everything closed by dup2 onto every number up to 1100: the trace goes on" {
	hostile closers dup2
}

@test "everything closed by dup3 onto every number up to 1100: the trace goes on" {
	hostile closers dup3
}

@test "everything closed by dup2 onto every number there is: the trace goes on" {
	hostile closers dup2-onto-all
}

@test "a thread with descriptors of its own closes them all" {
	hostile unshared_thread
}

@test "standard error closed and reused by a socket: the peer gets the program's bytes only" {
	settings=(TCPSHIM_TIME=none)
	bare stderr_reused close
	traced stderr_reused close
	trace_as_expected shim.err
	trace_is_whole shim.err
}

@test "a socket put onto standard error: the peer gets the program's bytes only" {
	settings=(TCPSHIM_TIME=none)
	bare stderr_reused dup2
	traced stderr_reused dup2
	trace_as_expected shim.err
	trace_is_whole shim.err
}

@test "the trace's own number given away: the peer gets the program's bytes only" {
	settings=(TCPSHIM_TIME=none TCPSHIM_OUTPUT=fd:2)
	bare stderr_reused close
	traced stderr_reused close
	trace_as_expected shim.err
}

@test "standard error is the connection from the start: no trace to the peer" {
	settings=(TCPSHIM_TIME=none)
	bare inetd
	traced inetd
}

@test "inetd style with the trace in a file: the inherited connection is traced" {
	hostile inetd
}

# What is expected needs no trace here: that the program does not notice.
broken() {
	bare output_broken
	"$@"
	same_behaviour
}

@test "trace to /dev/full: errno and exit status stay the program's" {
	settings=(TCPSHIM_OUTPUT=/dev/full)
	broken traced output_broken
}

@test "standard error full: errno and exit status stay the program's" {
	full() {
		shim "$programs/output_broken" >shim.out 2>/dev/full
	}
	broken full
}

@test "trace on a full disk: errno and exit status stay the program's" {
	full() {
		# shellcheck disable=SC2016 # for the inner shell
		unshare -m bash -c 'mkdir small && mount -t tmpfs -o size=16k none small &&
			"$@" && test "$(stat -c %s small/trace)" -gt 4000' bash \
			timeout -k 5 60 env LD_PRELOAD="$library" TCPSHIM_OUTPUT=small/trace \
			"$programs/output_broken" >shim.out 2>shim.err
	}
	need unshare
	need_root
	broken full
}

@test "standard error is a pipe whose reader has gone: no SIGPIPE" {
	gone() {
		shim "$programs/output_broken" >shim.out 2> >(exec true)
	}
	broken gone
}

@test "standard error is a full pipe that does not block: no hang, nothing changed" {
	need python3
	full() {
		timeout -k 5 60 python3 - "$library" "$programs/output_broken" >shim.out <<-'END'
			import fcntl, os, subprocess, sys
			r, w = os.pipe()
			os.set_blocking(w, False)
			try:
			    while True:
			        os.write(w, b"x")
			except BlockingIOError:
			    pass
			sys.exit(subprocess.run([sys.argv[2]], stderr=w, env=dict(os.environ, LD_PRELOAD=sys.argv[1])).returncode)
		END
	}
	broken full
}

@test "trace to a named pipe whose reader has gone: no SIGPIPE, no hang" {
	gone() {
		mkfifo pipe
		timeout 5 head -n 3 pipe >heard &
		shim TCPSHIM_OUTPUT=pipe "$programs/output_broken" >shim.out 2>shim.err
	}
	broken gone
}

@test "trace to a named pipe that nobody ever reads: no hang" {
	mkfifo pipe
	settings=(TCPSHIM_OUTPUT=pipe)
	broken traced output_broken
}

@test "the file size limit strikes the trace: no SIGXFSZ" {
	limited() (
		ulimit -f 16
		shim TCPSHIM_OUTPUT=trace "$programs/output_broken" >shim.out 2>shim.err
	)
	broken limited
	(($(stat -c %s trace) <= 16384))
}

@test "trace to a closed descriptor, and to one that is only readable" {
	bare output_broken
	for settings in TCPSHIM_OUTPUT=fd:77 TCPSHIM_OUTPUT=fd:0; do
		traced output_broken </dev/null
		same_behaviour
	done
}

@test "threads with the least stack there is" {
	hostile small_stacks thread
}

@test "a handler with 2 KB of stack writes to a socket" {
	hostile small_stacks handler
}

@test "signals and events exactly when a wait is split" {
	hostile split_interrupted
}

@test "waits last as told, are announced once, and leave what they should" {
	hostile wait_times
}

@test "EINTR, SA_RESTART and time limits as without the library" {
	hostile restarts
}

@test "a socket closed while another thread is blocked in it, java's way" {
	hostile async_close
}

# The allocator after the library in LD_PRELOAD, which is how both come to be called early.
with_allocator() {
	if [[ ! -e /usr/lib/x86_64-linux-gnu/$1 ]]; then
		[[ ${CI:-} != true ]] || fail "$1 is not installed"
		skip "$1 is not installed"
	fi
	LD_PRELOAD=$1 bare allocator
	timeout -k 5 60 env LD_PRELOAD="$library $1" "${settings[@]}" "$programs/allocator" >shim.out 2>shim.err ||
		fail "allocator under the library and $1: $?" "$(said shim.out)" "$(tail shim.err)"
	trace_as_expected
	traces_are_whole
}

@test "preloaded jemalloc and a malloc-heavy program" {
	with_allocator libjemalloc.so.2
}

@test "preloaded tcmalloc and a malloc-heavy program" {
	with_allocator libtcmalloc_minimal.so.4
}

@test "seccomp's strict mode: the program lives" {
	hostile seccomp_strict
}

@test "a seccomp filter like sshd's: the program lives and is traced" {
	hostile seccomp_filter
}

@test "descriptor 15000, and a limit below what is open" {
	hostile big_fd
}

@test "descriptor numbers are the same with the library" {
	local redirections
	for redirections in '' '0<&-' '0<&- 1>&-' '0<&- 1>&- 2>&-' '2>&-'; do
		for output in stderr "trace" fd:2; do
			timeout 30 bash -c "exec \"\$@\" $redirections" bash "$programs/fd_numbers" bare.numbers
			timeout 30 bash -c "LD_PRELOAD=$library TCPSHIM_OUTPUT=$output exec \"\$@\" $redirections" \
				bash "$programs/fd_numbers" shim.numbers 2>/dev/null
			diff -u bare.numbers shim.numbers >&2 || fail "with [$redirections] and $output"
		done
	done
}

@test "every descriptor that the limit allows is the program's" {
	ulimit -Sn 64
	hostile exhaustion
}

@test "sockets inherited by exec and passed over a unix socket" {
	hostile inherited
}

@test "descriptors closed unseen, numbers that come back as files" {
	hostile stale
}

@test "calls made by number through syscall(2)" {
	hostile syscall_numbers
}

@test "a pure observer: options, errors, bytes, threads, signals" {
	hostile observer
}
