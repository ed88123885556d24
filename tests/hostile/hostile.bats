#!/usr/bin/env bats
#
# The hostile programs: each runs bare and under the library, exits 0 both times, prints the same both times but for
# what it expects of the trace, and the trace holds exactly that.  hostile.h says how a program tells its expectations.

# bats runs each test in a subshell of its own, and functions are handed over by name.
# shellcheck disable=SC2154,SC2030,SC2031,SC2034,SC2317,SC2119,SC2120

load ../common
load hostile

# Shown: without the guard (thread_raise_guard in thread.c always takes it), lines of the main loop are missing, about
# 10 of 20000; with a lock held in call_leave (call.c) the handler waits for it for ever.
@test "a 1 kHz timer whose handler writes to a socket" {
	hostile signal_storm
}

# Shown: with the guard left up by call_begin (begin.c) the line of the handler is missing; where is_guard_dead
# (thread.c) does not find it dead either, all lines after the jump are.
@test "siglongjmp out of a blocked call: 4 of 4 later calls traced" {
	hostile jump_blocked
}

# Shown: where is_guard_dead (thread.c) never finds one dead, all lines after some jump are missing; where tell_hold
# (tell.c) keeps nothing, the records that the jumps left held are never given back, and the memory grows by 44 KiB.
@test "siglongjmp at random points, the library's own included" {
	hostile jump_random
}

# Shown: without thread_hold_signals in tell_show (tell.c) four later lines are missing; without the mask that
# thread_lower_guard (thread.c) puts back, all signals stay blocked and the program does not end.
@test "siglongjmp out of the library while it writes" {
	hostile jump_inside
}

# Shown: with a guard that call_begin (begin.c) leaves up, and that is not found dead, the line that the thread writes
# while it unwinds is missing; without -fexceptions the signals that a split wait holds back (readiness.c) stay blocked
# in a thread that was asked before the call.
@test "cancellation of a thread in each blocking call" {
	hostile cancel
}

# Shown: with libc's write in write_once (output.c), a cancellation point, the byte was read but is not counted.
@test "cancellation while the line is being written loses no byte" {
	hostile cancel_output
}

# Shown: without -fexceptions, or without call_abandon (call.c), the memory grows with each round, and the close of the
# other descriptor is not told.
@test "cancellation at the entry of close" {
	hostile cancel_close
}

# Shown: without unwind_find in pthread_cancel (process.c) it still passes here, since glibc finds a library that is
# loaded already without memory of its own; with -static-libgcc the first child aborts.
@test "the first thread that is unwound: in a wait, in a close, asynchronously, by a handler's pthread_exit" {
	hostile unwound
}

# Shown: without MADV_WIPEONFORK (process_identify in process.c takes atfork instead) the children of _Fork and clone
# write to their parent's file; with neither, all do.
@test "fork in a threaded program, _Fork, raw clone: each child in its own file" {
	hostile children
}

# Shown: where process_is_itself (process.c) does not ask for the process id, the parent's writes after the child's
# close are missing.
@test "a vfork child closes and replaces descriptors: the parent's stay tracked" {
	hostile vfork_child
}

# Shown: where process_is_itself (process.c) does not ask for the process id, the children's closes are taken for the
# parent's: 27985 notes of adopted or closed-unseen, where there must be none.
@test "python's subprocess: 200 children a second beside 8 threads that talk" {
	need python3
	local python file
	python=$(python3 -c 'import sys; print(sys.executable)')
	shim TCPSHIM_OUTPUT=trace.%p TCPSHIM_TIME=none "$python" -I "$BATS_TEST_DIRNAME/subprocess_storm.py" \
		"$programs/one_write" 10 >shim.out 2>shim.err || fail "with $?:" "$(tail shim.err)"
	# Each child has its one write in its own file, and the parent's has none.
	awk '$1 == "child" { print "trace." $2, $3 }' shim.out | LC_ALL=C sort >wanted
	LC_ALL=C awk '/^([^\t]*\t)?write\(/ { sub(/.*= /, ""); print FILENAME, $0 }' trace.* | LC_ALL=C sort >found
	diff -u wanted found | head -n 20 >difference || true
	[[ ! -s difference ]] || fail "$(cat difference)"
	# The parent's is the one that has the threads; each connection tells what it moved, at both its ends.
	file=$(grep -l '^/9:' trace.*)
	trace_is_whole "$file"
	trace_has "$file" = 0 '\[(adopted|closed-unseen)\]$'
	diff -u <(awk '$1 == "moved" { print $2; print $2 }' shim.out | sort -n) \
		<(trace_plain "$file" | sed -nE '/\[closed-/ {
			s/.* sent ([1-9][0-9]*) bytes?, received 0 bytes.*/\1/p; t
			s/.* sent 0 bytes, received ([1-9][0-9]*) bytes?.*/\1/p; t
			s/^/cannot read: /p
		}' | sort -n) | head -n 20 >difference || true
	[[ ! -s difference ]] || fail "$(cat difference)"
}

# Shown: with close_known (lifecycle.c) detaching after the real close, about 10 closes and 300 of 6000 notes are
# missing, and 400 closes are called unseen.
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

# With a trace, which slows it down, and without one.
eof_race() {
	settings+=("TCPSHIM_CLOSE_ON_EOF=$1")
	hostile eof_race
	settings=("TCPSHIM_CLOSE_ON_EOF=$1" TCPSHIM_TRACE=none)
	traced eof_race
}

# Shown: with the state asked for and the shutdown made on the number itself (enforce_end in enforce.c), a write to the
# new connection gets EPIPE in 11 of 12 runs without a trace, and in 1 of 12 with one; without the look at the slot and
# at the state as well, in 2 of 3 with one.
@test "a number that is another connection's by the time that close-on-EOF acts: fin" {
	eof_race fin
}

# Shown: as above: the new connection is reset.
@test "a number that is another connection's by the time that close-on-EOF acts: rst" {
	eof_race rst
}

# Shown: without push_free in conn_release (conn.c) the memory grows.
@test "10,000 connections: memory stays flat, each has its closes" {
	hostile many_connections
}

# Shown: with two writes a record (output_write in output.c) a quarter of the lines is torn.
@test "100 threads, 10,000 calls each: no line torn, none lost" {
	limit=120
	hostile hundred_threads
}

# Shown: without O_APPEND (open_path in output.c) programs write over each other's lines, 500 and more of 2000 of each;
# with two writes a record lines are torn.
@test "many processes in one file: no line torn, none lost" {
	settings=(TCPSHIM_OUTPUT=trace TCPSHIM_TIME=none)
	bare shared_file
	traced shared_file
	same_behaviour
	trace_as_expected trace
	trace_is_whole trace
}

# Shown: with a copy instead of process_vm_readv in raw_copy_from_program (raw.c), with arguments decoded after a
# failure (decode_call in decode.c), or without is_discarded there, it dies of SIGSEGV.
@test "bad pointers give the kernel's errno and never a crash" {
	hostile bad_pointers
}

# Shown: as above.
@test "bad pointers while every byte is shown" {
	settings+=(TCPSHIM_DATA=all)
	hostile bad_pointers
}

# Shown: with one byte more of the payload, one message more, the whole of an option's string or an address of the
# length that the kernel tells (decode.c), or whole sets of a select (begin.c), it dies of SIGSEGV, each alone.
@test "structures flush against an unmapped page" {
	hostile flush
}

# Shown: as above.
@test "structures flush against an unmapped page while every byte is shown" {
	settings+=(TCPSHIM_DATA=all)
	hostile flush
}

# Shown: with libc's closefrom instead of the ranges round our descriptor (closefrom_around in lifecycle.c) the later
# lines are missing.
@test "everything closed by closefrom(3): the trace goes on" {
	hostile closers closefrom
}

# Shown: without the ranges round our descriptor (close_around in lifecycle.c) the later lines are missing.
@test "everything closed by close_range(3, ~0U, 0): the trace goes on" {
	hostile closers close_range
}

# Shown: as above.
@test "everything closed by close_range with CLOSE_RANGE_UNSHARE: the trace goes on" {
	hostile closers close_range-unshare
}

# Shown: where close_range (lifecycle.c) does not look at the flag, the connection is forgotten: it comes back as
# adopted. (Ours has been close-on-exec before: nothing to be kept out of.)
@test "close_range with CLOSE_RANGE_CLOEXEC closes nothing: the trace goes on" {
	hostile closers close_range-cloexec
}

# Shown: with SYS_close_range passed through by syscall (process.c) the later lines are missing.
@test "everything closed by syscall(SYS_close_range): the trace goes on" {
	hostile closers syscall
}

# Shown: where is_hidden (lifecycle.c) knows no descriptor of ours, close of it succeeds, which the bare run's does not,
# and the later lines are missing.
@test "everything closed by a loop of close: the trace goes on" {
	hostile closers loop
}

# Shown: as above, but for the first.
@test "everything closed by a walk over /proc/self/fd: the trace goes on" {
	hostile closers walk
}

# Shown: without output_yield_fd (output.c), 200 lines of the trace go to standard output.
@test "everything closed by dup2 onto every number up to 1100: the trace goes on" {
	hostile closers dup2
}

# Shown: as above.
@test "everything closed by dup3 onto every number up to 1100: the trace goes on" {
	hostile closers dup3
}

# Shown: without the check of our descriptor (output_check in output.c), or without find_again, the later lines are
# missing.
@test "everything closed by dup2 onto every number there is: the trace goes on" {
	hostile closers dup2-onto-all
}

# Shown: without the ranges round our descriptor (close_around in lifecycle.c), and where it is not found again by its
# path (find_again in output.c), the lines of the thread are missing; where make_conn (sight.c) does not adopt what was
# closed elsewhere, those of the main thread are.
@test "a thread with descriptors of its own closes them all" {
	hostile unshared_thread
}

# Shown: without the copy of descriptor 2 that adopt_fd (output.c) makes, and the check of what it is, the trace goes to
# the peer, and the program dies of SIGPIPE.
@test "standard error closed and reused by a socket: the peer gets the program's bytes only" {
	settings=(TCPSHIM_TIME=none)
	bare stderr_reused close
	traced stderr_reused close
	trace_as_expected shim.err
	trace_is_whole shim.err
}

# Shown: as above.
@test "a socket put onto standard error: the peer gets the program's bytes only" {
	settings=(TCPSHIM_TIME=none)
	bare stderr_reused dup2
	traced stderr_reused dup2
	trace_as_expected shim.err
	trace_is_whole shim.err
}

# Shown: as above.
@test "the trace's own number given away: the peer gets the program's bytes only" {
	settings=(TCPSHIM_TIME=none TCPSHIM_OUTPUT=fd:2)
	bare stderr_reused close
	traced stderr_reused close
	trace_as_expected shim.err
}

# Shown: without the look for a TCP socket in adopt_fd (output.c) the peer receives the trace.
@test "standard error is the connection from the start: no trace to the peer" {
	settings=(TCPSHIM_TIME=none)
	bare inetd
	traced inetd
}

# Shown: where make_conn (sight.c) takes a descriptor that it has not seen made for unwatched, no line of it is there.
@test "inetd style with the trace in a file: the inherited connection is traced" {
	hostile inetd
}

# What is expected needs no trace here: that the program does not notice.
broken() {
	bare output_broken
	"$@"
	same_behaviour
}

# Shown: with libc's write in output.c, and without the errno that call_leave (call.c) keeps, EAGAIN becomes ENOSPC.
# (Either of the two is enough.)
@test "trace to /dev/full: errno and exit status stay the program's" {
	settings=(TCPSHIM_OUTPUT=/dev/full)
	broken traced output_broken
}

# Shown: as above.
@test "standard error full: errno and exit status stay the program's" {
	full() {
		shim "$programs/output_broken" >shim.out 2>/dev/full
	}
	broken full
}

# Shown: as above.
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

# Shown: with a plain write instead of write_without_signal (output.c) SIGPIPE ends the program.
@test "standard error is a pipe whose reader has gone: no SIGPIPE" {
	gone() {
		shim "$programs/output_broken" >shim.out 2> >(exec true)
	}
	broken gone
}

# Shown: without is_stuck in has_room (output.c) each record waits for its second, and the program does not end in time.
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

# Shown: with a plain write instead of write_without_signal (output.c) SIGPIPE ends the program.
@test "trace to a named pipe whose reader has gone: no SIGPIPE, no hang" {
	gone() {
		mkfifo pipe
		timeout 5 head -n 3 pipe >heard &
		shim TCPSHIM_OUTPUT=pipe "$programs/output_broken" >shim.out 2>shim.err
	}
	broken gone
}

# Shown: without O_NONBLOCK in open_path (output.c) the program never starts.
@test "trace to a named pipe that nobody ever reads: no hang" {
	mkfifo pipe
	settings=(TCPSHIM_OUTPUT=pipe)
	broken traced output_broken
}

# Shown: with a plain write instead of write_without_signal (output.c) SIGXFSZ ends the program.
@test "the file size limit strikes the trace: no SIGXFSZ" {
	limited() (
		ulimit -f 16
		shim TCPSHIM_OUTPUT=trace "$programs/output_broken" >shim.out 2>shim.err
	)
	broken limited
	(($(stat -c %s trace) <= 16384))
}

# Shown: without hold_pipe_signal (begin.c) the line and the note are missing where the signal kills; without
# let_pipe_signal (call.c) no handler runs and SIGPIPE stays blocked; with a plain unblocking there, what the program
# had blocked comes all the same.
@test "SIGPIPE of the program's own: masks, handlers and pending signals as without the library" {
	hostile sigpipe
}

# Shown: without the errno that let_pipe_signal (call.c) puts back before it unblocks the signal, the handler finds
# EPIPE.
@test "SIGPIPE's handler finds the errno from before the call" {
	hostile sigpipe errno
}

# Shown: with libc's write in output.c, and without the errno that call_leave (call.c) keeps, EAGAIN becomes EBADF.
@test "trace to a closed descriptor, and to one that is only readable" {
	bare output_broken
	for settings in TCPSHIM_OUTPUT=fd:77 TCPSHIM_OUTPUT=fd:0; do
		traced output_broken </dev/null
		same_behaviour
	done
}

# Shown: with a frame of 8 KB in tell_show (tell.c) it dies of SIGSEGV.
@test "threads with the least stack there is" {
	hostile small_stacks thread
}

# Shown: as above.
@test "a handler with 2 KB of stack writes to a socket" {
	hostile small_stacks handler
}

# Shown: without hold_signals (readiness.c) one or two of the 192 waits are missed, in 3 of 3 runs.
@test "signals and events exactly when a wait is split" {
	hostile split_interrupted
}

# Shown: without rest_ns (readiness.c) a wait takes a second more; without restore_sets a descriptor of the second part
# is missed; without the time that select gives back, the program's checks fail; with the thread's mask instead of the
# one that ppoll was given it does not end.
@test "waits last as told, are announced once, and leave what they should" {
	hostile wait_times
}

# Shown: with a poll that blocks in front of a read (raw_is_ready in raw.c), or with a read that is made again after
# EINTR, results and times differ from the bare run's.
@test "EINTR, SA_RESTART and time limits as without the library" {
	hostile restarts
}

# Shown: with a read that is made again after EINTR, or a poll that blocks in front of it, the thread does not notice.
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

# Shown: without -z initfirst and with names looked up at the first call, one of them missing in libc, it hangs; without
# -z initfirst and without the bare system calls of real.c, it dies of SIGSEGV. (Either of the two cures is enough.)
@test "preloaded jemalloc and a malloc-heavy program" {
	with_allocator libjemalloc.so.2
}

# Shown: without -z initfirst and without the bare system calls of real.c, it dies of SIGSEGV.
@test "preloaded tcmalloc and a malloc-heavy program" {
	with_allocator libtcmalloc_minimal.so.4
}

# Shown: without -z initfirst the lines of the library's constructor are missing; without the bare system calls of
# real.c the resolver dies of SIGSEGV.
@test "TCP before main, and in the constructor of a library behind this one" {
	need cc
	cc -shared -fPIC -D_GNU_SOURCE -DEARLY_LIBRARY -o early.so "$BATS_TEST_DIRNAME/early_life.c"
	LD_PRELOAD=$PWD/early.so bare early_life
	timeout -k 5 60 env LD_PRELOAD="$library $PWD/early.so" "${settings[@]}" "$programs/early_life" >shim.out \
		2>shim.err || fail "early_life under the library: $?" "$(said shim.out)" "$(tail shim.err)"
	same_behaviour
	trace_as_expected
	traces_are_whole
}

# Shown: with lines kept in memory (output_write in output.c) all of those that are killed are missing; with on_exit at
# the first call instead of in the constructor (start.c) what was left open is told too early, and without it not at
# all.
@test "TCP after main, threads that outlive it, and processes that end without a word" {
	hostile late_life
	# What was left open is told behind all that the program did itself, down to its destructors.
	local file
	for file in trace.*[0-9]; do
		if grep -q ', 804).*= 804$' "$file"; then
			tail -n 1 "$file" | grep -q 'left-open-at-exit\]$' || fail "not the last in $file" "$(tail -n 5 "$file")"
		fi
	done
}

# A compiler's AddressSanitizer intercepts the same calls, before the library or behind it.
with_sanitizer() {
	need gcc
	gcc -fsanitize=address -g -D_GNU_SOURCE -pthread -o race_reuse "$BATS_TEST_DIRNAME/race_reuse.c"
	local programs=$PWD
	bare race_reuse 100
	timeout -k 5 60 env "${settings[@]}" "$@" ./race_reuse 100 >shim.out 2>shim.err ||
		fail "with $?:" "$(said shim.out | head -n 20)" "$(tail -n 20 shim.err)"
	same_behaviour
	trace_as_expected
	traces_are_whole
}

# Shown: no cure is its own; with memory allocated in the constructor (start.c) the sanitizer ends the program before
# main; with close_known (lifecycle.c) detaching after the real close, closes and notes are missing.
@test "a program built with AddressSanitizer, its runtime first" {
	with_sanitizer LD_PRELOAD="$(gcc -print-file-name=libasan.so) $library"
}

# Shown: as above.
@test "a program built with AddressSanitizer, its runtime last" {
	with_sanitizer LD_PRELOAD="$library" ASAN_OPTIONS=verify_asan_link_order=0
}

# Shown: no cure is its own; with a close that goes by unseen (lifecycle.c) closes and notes are missing; with a null
# pointer for waitid in may_be_inherited (call.c) valgrind complains at each close.
@test "under valgrind" {
	need valgrind
	bare race_reuse 100
	timeout -k 5 120 env LD_PRELOAD="$library" "${settings[@]}" valgrind --error-exitcode=9 --log-file=valgrind.log \
		"$programs/race_reuse" 100 >shim.out 2>shim.err || fail "with $?:" "$(tail -n 30 valgrind.log)"
	same_behaviour
	trace_as_expected
	traces_are_whole
}

# Shown: no cure is its own; with a close that goes by unseen, or that is detached after it was made (lifecycle.c),
# closes and notes are missing.
@test "under gdb" {
	need gdb
	# shellcheck disable=SC2016 # for gdb
	local exit_code='$_exitcode' zero='$1 = 0'
	bare race_reuse 100
	timeout -k 5 120 env "${settings[@]}" gdb -nx -batch -ex "set environment LD_PRELOAD $library" \
		-ex "run 100 >shim.out 2>shim.err" \
		-ex "print $exit_code" "$programs/race_reuse" >gdb.out 2>&1 </dev/null || fail "$(tail gdb.out)"
	grep -qxF "$zero" gdb.out || fail "$(tail gdb.out)"
	same_behaviour
	trace_as_expected
	traces_are_whole
}

# Shown: as above.
@test "under strace -f" {
	need strace
	bare race_reuse 100
	timeout -k 5 120 env "${settings[@]}" strace -f -o strace.out -E LD_PRELOAD="$library" \
		"$programs/race_reuse" 100 >shim.out 2>shim.err ||
		fail "with $?:" "$(tail shim.err)"
	same_behaviour
	trace_as_expected
	traces_are_whole
}

# Shown: without process_is_strict (process.c), which the clock is asked by, or without SYS_seccomp in syscall
# (interpose/process.c), the child is killed.
@test "seccomp's strict mode: the program lives" {
	hostile seccomp_strict
}

# Shown: without process_is_quiet (process.c) the children are killed.
@test "a seccomp filter like sshd's: the program lives and is traced" {
	hostile seccomp_filter
}

# Shown: without the pages of make_slot (fdtable.c) the calls on it are missing; with a look at the sets that aborts
# beyond 1023, as FD_ISSET does (is_in_set in decode.c), it dies.
@test "descriptor 15000, and a limit below what is open" {
	hostile big_fd
}

# Shown: with a low number from duplicate_high (output.c) all numbers are one higher.
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

# Shown: without duplicate_above (output.c) the program has one descriptor less.
@test "every descriptor that the limit allows is the program's" {
	ulimit -Sn 64
	hostile exhaustion
}

# Shown: where make_conn (sight.c) takes what it has not seen made for unwatched, no line is there; without FD_UNKNOWN
# for what comes over a unix socket (call_passed_descriptors in outcome.c), the connection on the file's old number is
# not traced.
@test "sockets inherited by exec and passed over a unix socket" {
	hostile inherited
}

# Shown: without the old number that attach_new (outcome.c) tells, or without is_other_file (step.c), one of the two
# notes is missing.
@test "descriptors closed unseen, numbers that come back as files" {
	hostile stale
}

# Shown: with all numbers passed through by syscall (interpose/process.c) no line is there; with five arguments instead
# of six the page that is mapped is another one.
@test "calls made by number through syscall(2)" {
	hostile syscall_numbers
}

# Shown: with SO_ERROR asked for in tcpinfo_sample (tcpinfo.c) the program no longer finds its error; with F_DUPFD for
# F_DUPFD_CLOEXEC (output.c) another program inherits our descriptor; with a thread started by start.c there are two.
@test "a pure observer: options, errors, bytes, threads, signals" {
	hostile observer
}

# Shown: without the look at AT_SECURE in start.c the second program is traced.
@test "a set-user-id program is left alone, also where the loader does not drop the library" {
	need_root
	need cc setpriv
	# Linked with the library, as the loader drops only what is preloaded; relative, since nobody may not walk here.
	cp "$library" libtcpshim.so
	cc -D_GNU_SOURCE -pthread -o plain "$BATS_TEST_DIRNAME/one_write.c" -Wl,-rpath,. -Wl,--no-as-needed ./libtcpshim.so
	cp plain elevated
	chmod 4755 elevated
	chmod 777 .
	for program in plain elevated; do
		timeout 20 setpriv --reuid=65534 --regid=65534 --clear-groups env LD_PRELOAD=./libtcpshim.so \
			TCPSHIM_TIME=none ./$program 3>&- >shim.out 2>$program.err || fail "$program: $?" "$(cat shim.out)"
	done
	trace_has plain.err = 1 '^write\('
	[[ ! -s elevated.err ]] || fail "$(head -n 3 elevated.err)"
}

# Shown: without -Bsymbolic-functions the program dies of SIGSEGV, its stack used up, with every setting.
@test "a program that defines read, close, close_range, dup2 and others itself, by number" {
	hostile own_names
	rm -f trace.*
	settings+=(TCPSHIM_KEEPALIVE=on TCPSHIM_USER_TIMEOUT=auto TCPSHIM_CLOSE_ON_EOF=fin TCPSHIM_MATCH=peer=127.0.0.0/8)
	hostile own_names
}

# Shown: with one more function of default visibility, and without the version script, its name is shown; without
# -Bsymbolic-functions twelve names are shown, and without core/unwind.c that libgcc_s is needed.
@test "nothing is exported, called or needed that the program may have otherwise" {
	"$repository/scripts/check-exports" "$library" >&2
}

# Shown: with 8 KB of thread-local storage the loader refuses: no room in the static block.
@test "loaded at run time: the thread-local storage is small enough" {
	need python3 readelf
	(($(readelf -lW "$library" | awk '$1 == "TLS" { print $6 }') < 256))
	timeout 20 env -u LD_PRELOAD TCPSHIM_OUTPUT=trace "$(python3 -c 'import sys; print(sys.executable)')" -I -c \
		'import ctypes, sys; ctypes.CDLL(sys.argv[1])' "$library"
}

# Shown: without check_owner (output.c) the trace is written into the victim's file.
@test "an output that another user made, or that has a second name, is refused" {
	need_root
	local path
	echo victim >victim
	ln victim linked
	echo other >other
	chown 65534 other
	for path in other linked; do
		cp "$path" before
		shim TCPSHIM_TIME=none TCPSHIM_OUTPUT="$PWD/$path" "$repository/build/exchange" >out 2>err ||
			fail "with $?: $(cat err)" || return 1
		cmp "$path" before || fail "$path was written to" || return 1
		grep -q "^tcpshim: TCPSHIM_OUTPUT is \"$PWD/$path\", which cannot be written: " err || fail "$(head -n 3 err)" || return 1
		grep -q '^connect(' err || fail "no trace on standard error" || return 1
	done
	# Its own file, whatever its mode, is used.
	install -m 644 /dev/null mine
	shim TCPSHIM_TIME=none TCPSHIM_OUTPUT="$PWD/mine" "$repository/build/exchange" >out 2>err
	grep -q '^connect(' mine || fail "no trace in a file of its own"
	[[ ! -s err ]] || fail "$(cat err)"
}

# Shown: with the rest of a poll made in one part (poll_in_parts in readiness.c) it returns a second and more later.
@test "a poll that is stopped and continued ends when it would have ended bare" {
	cat >stopped.py <<-'END'
		import os, select, signal, socket, sys, time
		a, b = socket.create_server(("127.0.0.1", 0)), None
		b = socket.create_connection(a.getsockname())
		pid = os.fork()
		if pid == 0:
		    time.sleep(1.4); os.kill(os.getppid(), signal.SIGSTOP)
		    time.sleep(1.6); os.kill(os.getppid(), signal.SIGCONT); os._exit(0)
		poll = select.poll(); poll.register(b, select.POLLIN)
		begun = time.monotonic(); found = poll.poll(2500)
		print(found, round(time.monotonic() - begun, 1))
	END
	timeout 20 python3 stopped.py >bare
	shim TCPSHIM_OUTPUT="$PWD/trace" python3 stopped.py >traced
	paste bare traced | awk '{ if ($1 != $3 || $4 - $2 > 0.4 || $2 - $4 > 0.4) exit 1 }' || fail "$(cat bare traced)"
}

