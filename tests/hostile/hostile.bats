#!/usr/bin/env bats
#
# The hostile programs.  Each runs bare and under the library.  It must exit 0 both times and print the same both times,
# except for the lines that it expects in the trace.  The trace must hold exactly those.  hostile.h describes how a
# program prints what it expects.
#
# "Shown:" above a test names the changes to the library with which that test was seen to fail, and how it failed.

# bats runs each test in a subshell of its own, and functions are handed over by name.
# shellcheck disable=SC2154,SC2030,SC2031,SC2034,SC2317,SC2119,SC2120

load ../common
load hostile

# Shown: if thread_raise_guard (thread.c) always succeeds, so that there is no guard, about 10 of 20000 lines of the main
# loop are missing.  If after_call (after.c) holds a lock, the handler waits for it forever.
@test "a 1 kHz timer whose handler writes to a socket" {
	hostile signal_storm
}

# Shown: if before_call (before.c) leaves the guard up, the line of the handler is missing.  If is_guard_dead (thread.c)
# does not detect that guard either, all lines after the jump are missing too.
@test "siglongjmp out of a blocked call: 4 of 4 later calls traced" {
	hostile jump_blocked
}

# Shown: if is_guard_dead (thread.c) never finds a dead guard, all lines after some jump are missing.  If emit_pin
# (emit.c) stores nothing, the records that the jumps left referenced are never released, and memory grows by 44 KiB.
@test "siglongjmp at random points, the library's own included" {
	hostile jump_random
}

# Shown: without thread_block_signals in emit_event (emit.c) four later lines are missing.  If thread_lower_guard
# (thread.c) does not restore the signal mask, all signals stay blocked and the program does not end.
@test "siglongjmp out of the library while it writes" {
	hostile jump_inside
}

# Shown: if before_call (before.c) leaves the guard up, and is_guard_dead (thread.c) does not detect it, the line that the
# thread writes while it unwinds is missing.  Without -fexceptions the signals that a split wait blocks (parts.c) stay
# blocked in a thread whose cancellation was requested before the call.
@test "cancellation of a thread in each blocking call" {
	hostile cancel
}

# glibc before 2.34 has threads in a library of their own, and there a second read, write and so on. Shown: if early_pthread_cancel
# (real.c) does not search all objects, pthread_cancel fails there with ENOSYS.
@test "cancellation in a program that has no threads until it loads a library that makes them" {
	local programs=$PWD
	compile -O1 -std=gnu17 -D_GNU_SOURCE -I"$repository/include" -shared -fPIC -Dmain=cancel -pthread -o cancel.so \
		"$repository/tests/hostile/cancel.c" -lrt
	cat >late.c <<-'END'
		#include <dlfcn.h>
		int main(void)
		{
			void *library = dlopen("./cancel.so", RTLD_NOW | RTLD_LOCAL);
			int (*cancel)(void) = library ? (int (*)(void))dlsym(library, "cancel") : 0;
			return cancel ? cancel() : 100;
		}
	END
	compile -o late late.c -ldl
	hostile late
}

# Shown: with libc's write in write_once (output.c), a cancellation point, the byte was read but is not counted.
@test "cancellation while the line is being written loses no byte" {
	hostile cancel_output
}

# Shown: without -fexceptions, or without closing_abandon (closing.c), memory grows with each round, and the close of the
# other descriptor is not shown.  With musl the same happens without cancelled_register in closing_enter.
@test "cancellation at the entry of close" {
	hostile cancel_close
}

# Shown: if cancelled_register (cancelled.c) also registers what is registered, musl runs a cleanup of the program without
# end.
@test "siglongjmp out of a wait, and cancellation in a later one" {
	hostile jump_cancelled
}

# Shown: without unwind_find in pthread_cancel (exit.c) the test still passes here, because glibc finds a library that is
# already loaded without allocating memory.  With -static-libgcc the first child aborts.
@test "the first thread that is unwound: in a wait, in a close, asynchronously, by a handler's pthread_exit" {
	hostile unwound
}

# Shown: if process_identify (guest/process.c) uses pthread_atfork instead of MADV_WIPEONFORK, the children of _Fork and
# clone write to their parent's file.  With neither, all children do.
@test "fork in a threaded program, _Fork, raw clone: each child in its own file" {
	hostile children
}

# Shown: if process_is_itself (guest/process.c) does not ask for the process id, the parent's writes after the child's
# close are missing.
@test "a vfork child closes and replaces descriptors: the parent's stay tracked" {
	hostile vfork_child
}

# Shown: if process_is_itself (guest/process.c) does not ask for the process id, the children's closes are taken for the
# parent's: there are 27985 notes adopted or closed-unseen, and there must be none.
@test "python's subprocess: 200 children a second beside 8 threads that talk" {
	need python3
	local python file
	python=$(python3 -c 'import sys; print(sys.executable)')
	shim TCPSHIM_OUTPUT=trace.%p TCPSHIM_TIME=none "$python" -I "$BATS_TEST_DIRNAME/subprocess_storm.py" \
		"$programs/one_write" 10 >shim.out 2>shim.err || fail "with $?:" "$(tail shim.err)"
	# Each child's only write is in the child's own file, and not in the parent's.
	awk '$1 == "child" { print "trace." $2, $3 }' shim.out | LC_ALL=C sort >wanted
	LC_ALL=C awk '/^([^\t]*\t)?write\(/ { sub(/.*= /, ""); print FILENAME, $0 }' trace.* | LC_ALL=C sort >found
	diff -u wanted found | head -n 20 >difference || true
	[[ ! -s difference ]] || fail "$(cat difference)"
	# The parent's trace is the one with threads.  Both ends of each connection report the bytes that it moved.
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

# Shown: if close_known (lifecycle.c) detaches after the real close, about 10 closes and 300 of 6000 notes are missing,
# and 400 closes are reported as unseen.
@test "six threads race for descriptors: each close tells its own connection's bytes" {
	hostile race_reuse
	local pid
	pid=$(awk '$1 == "expect" { print $2; exit }' shim.out)
	# Each connection has two ends: one sent the bytes, the other received them.
	diff -u <(awk '$1 == "moved" { print $2; print $2 }' shim.out | sort -n) \
		<(trace_plain "trace.$pid" | sed -nE '/\[closed-(first|after-peer)\]$/ {
			s/.* sent ([1-9][0-9]*) bytes?, received 0 bytes.*/\1/p; t
			s/.* sent 0 bytes, received ([1-9][0-9]*) bytes?.*/\1/p; t
			s/^/cannot read: /p
		}' | sort -n) | head -n 20 >difference
	[[ ! -s difference ]] || fail "$(cat difference)"
}

# Runs eof_race with a trace, which slows it down, and without one.
eof_race() {
	settings+=("TCPSHIM_CLOSE_ON_EOF=$1")
	hostile eof_race
	settings=("TCPSHIM_CLOSE_ON_EOF=$1" TCPSHIM_TRACE=none)
	traced eof_race
}

# Shown: if enforce_end (enforce.c) asks for the state and shuts down on the number itself, a write to the new connection
# gets EPIPE in 11 of 12 runs without a trace, and in 1 of 12 with one.  If it does not check the slot and the state
# either, it does in 2 of 3 runs with a trace.
@test "a number that is another connection's by the time that close-on-EOF acts: fin" {
	eof_race fin
}

# Shown: with the same changes the new connection is reset.
@test "a number that is another connection's by the time that close-on-EOF acts: rst" {
	eof_race rst
}

# Shown: without push_free in conn_release (conn.c) memory grows.
@test "10,000 connections: memory stays flat, each has its closes" {
	hostile many_connections
}

# Shown: if output_write (output.c) makes two writes per record, a quarter of the lines is torn.
@test "100 threads, 10,000 calls each: no line torn, none lost" {
	limit=120
	hostile hundred_threads
}

# Shown: without O_APPEND in open_path (output.c) programs write over each other's lines: 500 and more of the 2000 lines
# of each are lost.  With two writes per record lines are torn.
@test "many processes in one file: no line torn, none lost" {
	settings=(TCPSHIM_OUTPUT=trace TCPSHIM_TIME=none)
	bare shared_file
	traced shared_file
	same_behaviour
	trace_as_expected trace
	trace_is_whole trace
}

# Shown: with a plain copy instead of process_vm_readv in memory_copy (memory.c), with arguments decoded after a failure in
# decode_call (decode.c), or without is_discarded (decode.c), the program dies of SIGSEGV.
@test "bad pointers give the kernel's errno and never a crash" {
	hostile bad_pointers
}

# Shown: with the same changes it dies of SIGSEGV.
@test "bad pointers while every byte is shown" {
	settings+=(TCPSHIM_DATA=all)
	hostile bad_pointers
}

# Shown: each of these alone makes the program die of SIGSEGV: decoding one byte more of the payload, one message more,
# the whole string of an option, or an address of the length that the kernel returns (decode.c); reading whole sets of a
# select (call_select_sets in call.c).
@test "structures flush against an unmapped page" {
	hostile flush
}

# Shown: with the same changes it dies of SIGSEGV.
@test "structures flush against an unmapped page while every byte is shown" {
	settings+=(TCPSHIM_DATA=all)
	hostile flush
}

# Shown: if closefrom_around (lifecycle.c) calls libc's closefrom instead of closing the ranges around our descriptor, the
# later lines are missing.
@test "everything closed by closefrom(3): the trace goes on" {
	hostile closers closefrom
}

# Shown: if close_around (lifecycle.c) does not leave out our descriptor, the later lines are missing.
@test "everything closed by close_range(3, ~0U, 0): the trace goes on" {
	hostile closers close_range
}

# Shown: with the same change the later lines are missing.
@test "everything closed by close_range with CLOSE_RANGE_UNSHARE: the trace goes on" {
	hostile closers close_range-unshare
}

# Shown: if close_range (lifecycle.c) ignores the flag, the connection is forgotten and comes back as adopted.  (Our own
# descriptor is close-on-exec anyway.)
@test "close_range with CLOSE_RANGE_CLOEXEC closes nothing: the trace goes on" {
	hostile closers close_range-cloexec
}

# Shown: if syscall (by_number.c) passes SYS_close_range through, the later lines are missing.
@test "everything closed by syscall(SYS_close_range): the trace goes on" {
	hostile closers syscall
}

# Shown: if watch_is_own (watch.h) always returns false, close of our descriptor succeeds, which it does not in the bare
# run, and the later lines are missing.
@test "everything closed by a loop of close: the trace goes on" {
	hostile closers loop
}

# Shown: with the same change the later lines are missing.
@test "everything closed by a walk over /proc/self/fd: the trace goes on" {
	hostile closers walk
}

# Shown: without output_yield_fd (output.c) 200 lines of the trace go to standard output.
@test "everything closed by dup2 onto every number up to 1100: the trace goes on" {
	hostile closers dup2
}

# Shown: without output_yield_fd (output.c) lines of the trace go to standard output.
@test "everything closed by dup3 onto every number up to 1100: the trace goes on" {
	hostile closers dup3
}

# Shown: without the check of our descriptor in output_check (output.c), or without open_again (output.c), the later lines
# are missing.
@test "everything closed by dup2 onto every number there is: the trace goes on" {
	hostile closers dup2-onto-all
}

# Shown: if close_around (lifecycle.c) does not leave out our descriptor, and open_again (output.c) does not open the file
# again by its path, the lines of the thread are missing.  If make_conn (classify.c) does not adopt what was closed in
# another thread, the lines of the main thread are missing.
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

# Shown: with the same changes the trace goes to the peer.
@test "a socket put onto standard error: the peer gets the program's bytes only" {
	settings=(TCPSHIM_TIME=none)
	bare stderr_reused dup2
	traced stderr_reused dup2
	trace_as_expected shim.err
	trace_is_whole shim.err
}

# Shown: with the same changes the trace goes to the peer.
@test "the trace's own number given away: the peer gets the program's bytes only" {
	settings=(TCPSHIM_TIME=none TCPSHIM_OUTPUT=fd:2)
	bare stderr_reused close
	traced stderr_reused close
	trace_as_expected shim.err
}

# Shown: if adopt_fd (output.c) does not check for a TCP socket, the peer receives the trace.
@test "standard error is the connection from the start: no trace to the peer" {
	settings=(TCPSHIM_TIME=none)
	bare inetd
	traced inetd
}

# Shown: if make_conn (classify.c) takes a descriptor whose creation it has not seen for unwatched, it has no lines.
@test "inetd style with the trace in a file: the inherited connection is traced" {
	hostile inetd
}

# Checks only that the program does not notice anything: nothing is expected of the trace.
broken() {
	bare output_broken
	"$@"
	same_behaviour
}

# Shown: with libc's write in output.c, and without the errno that after_call (after.c) restores, EAGAIN becomes ENOSPC.
# (One of the two is enough to pass.)
@test "trace to /dev/full: errno and exit status stay the program's" {
	settings=(TCPSHIM_OUTPUT=/dev/full)
	broken traced output_broken
}

# Shown: with the same changes EAGAIN becomes another error.
@test "standard error full: errno and exit status stay the program's" {
	full() {
		shim "$programs/output_broken" >shim.out 2>/dev/full
	}
	broken full
}

# Shown: with the same changes EAGAIN becomes another error.
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

# Shown: without is_stuck in has_room (output.c) each record waits one second, and the program does not end in time.
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

# Shown: without block_sigpipe (before.c) the line and the note are missing where the signal kills the program.  Without
# release_sigpipe (after.c) no handler runs and SIGPIPE stays blocked.  If that only unblocks the signal, a signal that
# the program had blocked itself is delivered.
@test "SIGPIPE of the program's own: masks, handlers and pending signals as without the library" {
	hostile sigpipe
}

# Shown: if release_sigpipe (after.c) does not restore errno before it unblocks the signal, the handler finds EPIPE.
@test "SIGPIPE's handler finds the errno from before the call" {
	hostile sigpipe errno
}

# Shown: with libc's write in output.c, and without the errno that after_call (after.c) restores, EAGAIN becomes EBADF.
@test "trace to a closed descriptor, and to one that is only readable" {
	bare output_broken
	for settings in TCPSHIM_OUTPUT=fd:77 TCPSHIM_OUTPUT=fd:0; do
		traced output_broken </dev/null
		same_behaviour
	done
}

# Shown: with a frame of 8 KB in emit_event (emit.c) it dies of SIGSEGV.
@test "threads with the least stack there is" {
	hostile small_stacks thread
}

# Shown: with a frame of 8 KB in emit_event (emit.c) it dies of SIGSEGV.
@test "a handler with 2 KB of stack writes to a socket" {
	hostile small_stacks handler
}

# Shown: without parts_block_signals (parts.c) one or two of the 192 waits miss their signal or event, in 3 of 3 runs.
@test "signals and events exactly when a wait is split" {
	hostile split_interrupted
}

# Shown: without parts_rest_ns (parts.c) a wait takes a second more.  Without restore_sets (readiness.c) a descriptor of the
# second part is missed.  Without the time that select gives back, the program's own checks fail.  With the thread's
# signal mask instead of the one passed to ppoll the program does not end.
@test "waits last as told, are announced once, and leave what they should" {
	hostile wait_times
}

# Shown: with a blocking poll before a read (raw_is_ready in raw.c), or with a read that is repeated after EINTR, results
# and times differ from the bare run's.
@test "EINTR, SA_RESTART and time limits as without the library" {
	hostile restarts
}

# Shown: with a read that is repeated after EINTR, or a blocking poll before it, the thread does not notice the close.
@test "a socket closed while another thread is blocked in it, java's way" {
	hostile async_close
}

# Preloads the allocator after the library.  Then both are called early.
with_allocator() {
	if [[ ! -e /usr/lib/$(uname -m)-linux-gnu/$1 ]]; then
		[[ ${CI:-} != true ]] || fail "$1 is not installed"
		skip "$1 is not installed"
	fi
	LD_PRELOAD=$1 bare allocator
	timeout -k 5 60 env LD_PRELOAD="$library $1" "${settings[@]}" "$programs/allocator" >shim.out 2>shim.err ||
		fail "allocator under the library and $1: $?" "$(said shim.out)" "$(tail shim.err)"
	trace_as_expected
	traces_are_whole
}

# Shown: without -z initfirst, and with names looked up at the first call, one of which libc lacks, it hangs.  Without
# -z initfirst and without the bare system calls of real.c it dies of SIGSEGV.  (One of the two cures is enough to pass.)
@test "preloaded jemalloc and a malloc-heavy program" {
	with_allocator libjemalloc.so.2
}

# Shown: without -z initfirst and without the bare system calls of real.c it dies of SIGSEGV.
@test "preloaded tcmalloc and a malloc-heavy program" {
	with_allocator libtcmalloc_minimal.so.4
}

# Shown: without -z initfirst the lines of the library's constructor are missing.  Without the bare system calls of real.c
# the resolver dies of SIGSEGV.  Where there is a libpthread, it starts first, and the others in an order of their own.
@test "TCP before main, and in the constructor of a library behind this one" {
	need cc
	! ldd "$programs/early_life" | grep -q libpthread ||
		skip "not on this machine: glibc before 2.34 constructs the others before this library"
	cc -shared -fPIC -D_GNU_SOURCE -DEARLY_LIBRARY -o early.so "$BATS_TEST_DIRNAME/early_life.c" -lrt
	bare_settings=(LD_PRELOAD="$PWD/early.so")
	bare early_life
	timeout -k 5 60 env LD_PRELOAD="$library $PWD/early.so" "${settings[@]}" "$programs/early_life" >shim.out \
		2>shim.err || fail "early_life under the library: $?" "$(said shim.out)" "$(tail shim.err)"
	same_behaviour
	trace_as_expected
	traces_are_whole
}

# Shown: if output_write (output.c) keeps lines in memory, all lines of those that are killed are missing.  If on_exit is
# called at the first call instead of in the constructor (start.c), what was left open is reported too early.  Without
# on_exit it is not reported at all.
@test "TCP after main, threads that outlive it, and processes that end without a word" {
	hostile late_life
	# What was left open is reported after all that the program did itself, down to its destructors.
	local file
	for file in trace.*[0-9]; do
		if grep -q ', 804).*= 804$' "$file"; then
			tail -n 1 "$file" | grep -q 'left-open-at-exit\]$' || fail "not the last in $file" "$(tail -n 5 "$file")"
		fi
	done
}

# Runs a program built with a compiler's AddressSanitizer, which intercepts the same calls before the library or after it.
with_sanitizer() {
	need gcc
	gcc -fsanitize=address -g -D_GNU_SOURCE -pthread -o race_reuse "$BATS_TEST_DIRNAME/race_reuse.c" -lrt
	local programs=$PWD
	# Before 2.34 it has memory of its own.
	echo leak:timer_create >leaks
	export LSAN_OPTIONS=suppressions=$PWD/leaks:print_suppressions=0
	bare race_reuse 100
	timeout -k 5 60 env "${settings[@]}" "$@" ./race_reuse 100 >shim.out 2>shim.err ||
		fail "with $?:" "$(said shim.out | head -n 20)" "$(tail -n 20 shim.err)"
	same_behaviour
	trace_as_expected
	traces_are_whole
}

# The library must call nothing that a sanitizer has in front of libc, which fails before its runtime has started and in
# threads that it did not make.  Shown: without sys/string.c, or with on_exit by its name (start.c), what clang's
# ThreadSanitizer is in dies of SIGSEGV at its start; without sys/string.c the rehearsal kills what gcc's is in.
@test "programs built with sanitizers, traced, recorded and rehearsed" {
	need gcc clang
	cat >waits.c <<-'END'
		#include <netinet/in.h>
		#include <poll.h>
		#include <pthread.h>
		#include <sys/socket.h>
		#include <unistd.h>
		static int client, server;
		static char bytes[1000];
		static void *answer(void *unused)
		{
			while (read(server, bytes + 500, 100) > 0)
				write(server, bytes + 500, 100);
			return unused;
		}
		int main(void)
		{
			struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
			socklen_t size = sizeof(name);
			int listener = socket(AF_INET, SOCK_STREAM, 0);
			pthread_t thread;
			client = socket(AF_INET, SOCK_STREAM, 0);
			if (bind(listener, (void *)&name, size) || listen(listener, 1) || getsockname(listener, (void *)&name, &size))
				return 1;
			if (connect(client, (void *)&name, size) || (server = accept(listener, NULL, NULL)) < 0)
				return 2;
			if (pthread_create(&thread, NULL, answer, NULL))
				return 3;
			for (int i = 0; i < 200; i++)
				if (write(client, bytes, 100) != 100 || recv(client, bytes, 100, MSG_WAITALL) != 100)
					return 4;
			struct pollfd wait = {client, POLLIN, 0};
			if (poll(&wait, 1, 300) < 0)
				return 5;
			return shutdown(server, SHUT_RDWR) || pthread_join(thread, NULL);
		}
	END
	local compiler sanitizer
	export ASAN_OPTIONS=verify_asan_link_order=0
	for compiler in gcc:thread gcc:address clang:thread clang:memory clang:address clang:undefined; do
		sanitizer=${compiler#*:}
		"${compiler%:*}" -fsanitize="$sanitizer" -pthread -o waits waits.c || fail "$compiler: does not build"
		rm -f trace* recording* err
		shim TCPSHIM_OUTPUT=trace ./waits 2>err || fail "$compiler: $?" "$(cat err)"
		trace_has trace = 1 'connect\(.*= 0$'
		shim TCPSHIM_RECORD=recording.%p ./waits 2>>err || fail "$compiler: recorded: $?" "$(cat err)"
		"$build/tcpshim" report --time=none recording.* >whole
		trace_has whole '>=' 200 'recv.*= 100$'
		shim TCPSHIM_OUTPUT=trace.rehearsed TCPSHIM_REHEARSE=half-open,after=100ms ./waits 2>>err ||
			fail "$compiler: rehearsed: $?" "$(cat err)"
		trace_has trace.rehearsed '>=' 1 'rehearse\('
		nothing "$compiler: said:" <err
	done
}

# Shown: this test has no cure of its own.  With memory allocated in the constructor (start.c) the sanitizer ends the
# program before main.  If close_known (lifecycle.c) detaches after the real close, closes and notes are missing.
@test "a program built with AddressSanitizer, its runtime first" {
	with_sanitizer LD_PRELOAD="$(gcc -print-file-name=libasan.so) $library"
}

# Shown: with the same changes it fails in the same ways.
@test "a program built with AddressSanitizer, its runtime last" {
	with_sanitizer LD_PRELOAD="$library" ASAN_OPTIONS=verify_asan_link_order=0
}

# Shown: this test has no cure of its own.  If a close goes unseen (lifecycle.c), closes and notes are missing.  With a
# null pointer for waitid in has_children (children.c) valgrind complains at each close.
@test "under valgrind" {
	need valgrind
	bare race_reuse 100
	timeout -k 5 $((2 * limit)) env LD_PRELOAD="$library" "${settings[@]}" valgrind --error-exitcode=9 --log-file=valgrind.log \
		"$programs/race_reuse" 100 >shim.out 2>shim.err || fail "with $?:" "$(tail -n 30 valgrind.log)"
	same_behaviour
	trace_as_expected
	traces_are_whole
}

# Shown: this test has no cure of its own.  If a close goes unseen, or is detached after the real close (lifecycle.c),
# closes and notes are missing.
@test "under gdb" {
	need gdb
	# shellcheck disable=SC2016 # for gdb
	local exit_code='$_exitcode' zero='$1 = 0'
	bare race_reuse 100
	timeout -k 5 $((2 * limit)) env "${settings[@]}" gdb -nx -batch -ex "set environment LD_PRELOAD $library" \
		-ex "run 100 >shim.out 2>shim.err" \
		-ex "print $exit_code" "$programs/race_reuse" >gdb.out 2>&1 </dev/null || fail "$(tail gdb.out)"
	grep -qxF "$zero" gdb.out || fail "$(tail gdb.out)"
	same_behaviour
	trace_as_expected
	traces_are_whole
}

# Shown: with the same changes closes and notes are missing.
@test "under strace -f" {
	need strace
	bare race_reuse 100
	timeout -k 5 $((2 * limit)) env "${settings[@]}" strace -f -o strace.out -E LD_PRELOAD="$library" \
		"$programs/race_reuse" 100 >shim.out 2>shim.err ||
		fail "with $?:" "$(tail shim.err)"
	same_behaviour
	trace_as_expected
	traces_are_whole
}

# Shown: if restriction_is_strict (restriction.c) always returns false, so that the clock is read, or without SYS_seccomp
# in syscall (by_number.c), the child is killed.
@test "seccomp's strict mode: the program lives" {
	hostile seccomp_strict
}

# Shown: if restriction_is_filter (restriction.c) always returns false, the children are killed.
@test "a seccomp filter like sshd's: the program lives and is traced" {
	hostile seccomp_filter
}

# Shown: without the pages of make_slot (fdtable.c) the calls on it are missing.  If is_in_set (decode.c) aborts beyond
# 1023, as FD_ISSET does, the program dies.
@test "descriptor 15000, and a limit below what is open" {
	hostile big_fd
}

# Shown: if high_fd_duplicate (high_fd.c) returns a low number, all numbers are one higher.
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

# Shown: without duplicate_above (high_fd.c) the program has one descriptor less.
@test "every descriptor that the limit allows is the program's" {
	ulimit -Sn 64
	hostile exhaustion
}

# Shown: if make_conn (classify.c) takes a descriptor whose creation it has not seen for unwatched, there are no lines.  If
# rights_received (rights.c) does not set the numbers that come over a unix socket to FD_UNKNOWN, the connection on the
# file's old number is not traced.
@test "sockets inherited by exec and passed over a unix socket" {
	hostile inherited
}

# Shown: if message_size (message.h) returns all 64 bits, with musl the second message of the sendmmsg is not shown, and the
# connection that was passed on is not taken for shared.
@test "messages with ones between their fields, which are no part of them" {
	hostile padded_messages
}

# Shown: if attach_new (opening.c) does not report the old number, or without is_other_file (step.c), one of the two notes
# is missing.
@test "descriptors closed unseen, numbers that come back as files" {
	hostile stale
}

# Shown: if syscall (by_number.c) passes all numbers through, there are no lines.  With five arguments instead of six
# another page is mapped.
@test "calls made by number through syscall(2)" {
	hostile syscall_numbers
}

# Shown: if tcpinfo_sample (tcpinfo.c) asks for SO_ERROR, the program no longer finds its error.  With F_DUPFD instead of
# F_DUPFD_CLOEXEC (high_fd.c) another program inherits our descriptor.  If start.c starts a thread, there are two threads.
@test "a pure observer: options, errors, bytes, threads, signals" {
	hostile observer
}

# Shown: without the check of AT_SECURE in start.c the second program is traced.
@test "a set-user-id program is left alone, also where the loader does not drop the library" {
	need_root
	need cc setpriv
	# The program is linked with the library, since the loader drops only what is preloaded.  The path is relative,
	# since the user nobody may not enter the directories above it.
	cp "$library" libtcpshim.so
	cc -D_GNU_SOURCE -pthread -o plain "$BATS_TEST_DIRNAME/one_write.c" -Wl,-rpath,. -Wl,--no-as-needed ./libtcpshim.so -lrt
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

# Shown: without -Bsymbolic-functions the program uses up its stack and dies of SIGSEGV, with every setting.
@test "a program that defines read, close, close_range, dup2 and others itself, by number" {
	hostile own_names
	rm -f trace.*
	settings+=(TCPSHIM_KEEPALIVE=on TCPSHIM_USER_TIMEOUT=auto TCPSHIM_CLOSE_ON_EOF=fin TCPSHIM_MATCH=peer=127.0.0.0/8)
	hostile own_names
}

# Shown: with one more function of default visibility, and without the version script, its name is listed.  Without
# -Bsymbolic-functions twelve names are listed.  Without guest/unwind.c libgcc_s is listed as needed.
@test "nothing is exported, called or needed that the program may have otherwise, or an older libc lacks" {
	"$repository/scripts/check-exports" "$library" >&2
	echo 'unsigned arc4random(void); unsigned newer(void) { return arc4random(); }' >newer.c
	${CC:-cc} -shared -fPIC -o newer.so newer.c
	"$repository/scripts/check-exports" newer.so >said && fail "nothing is said of arc4random"
	grep -q 'since GLIBC_2\.3.* only' said || skip "not on this machine: this libc has no arc4random"
}

@test "libc exports no function for sockets that the library does not know of" {
	local libc
	need nm
	libc=$(ldd "$programs/one_write" | sed -nE 's/.*[ \t](\/[^ ]*\/libc[.-][^ ]*) .*/\1/p')
	# musl is its own loader.
	[[ -e $libc ]] || libc=$(compgen -G '/lib/ld-musl-*.so.1')
	[[ -e $libc ]] || fail "where is libc? $(ldd "$programs/one_write")"
	"$repository/scripts/check-names" "$libc" >&2
	echo 'void recvmmsg2(void) { } void epoll_pwait3(void) { } void strlen2(void) { }' >newer.c
	${CC:-cc} -shared -fPIC -o newer.so newer.c
	"$repository/scripts/check-names" newer.so >said && fail "nothing is said"
	[[ $(sed 's/.*: //' said | tr '\n' ' ') == 'epoll_pwait3 recvmmsg2 ' ]] || fail "$(cat said)"
}

# Shown: with 8 KB of thread-local storage the loader refuses the library: there is no room in the static block.
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
		shim TCPSHIM_TIME=none TCPSHIM_OUTPUT="$PWD/$path" "$build/exchange" >out 2>err ||
			fail "with $?: $(cat err)" || return 1
		cmp "$path" before || fail "$path was written to" || return 1
		grep -q "^tcpshim: TCPSHIM_OUTPUT=\"$PWD/$path\" cannot be written: " err || fail "$(head -n 3 err)" || return 1
		grep -q '^connect(' err || fail "no trace on standard error" || return 1
	done
	# Its own file is used, whatever its mode is.
	install -m 644 /dev/null mine
	shim TCPSHIM_TIME=none TCPSHIM_OUTPUT="$PWD/mine" "$build/exchange" >out 2>err
	grep -q '^connect(' mine || fail "no trace in a file of its own"
	[[ ! -s err ]] || fail "$(cat err)"
}

# Shown: if poll_in_parts (readiness.c) makes the rest of a poll in one part, it returns a second or more too late.
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


# rehearsed REHEARSAL PROGRAM [ARG…]: runs a program with a rehearsal, only under the library: what is rehearsed is not there
# bare.  Only the connections that the program makes itself are concerned.
rehearsed() {
	settings+=("TCPSHIM_REHEARSE=$1" TCPSHIM_MATCH=role=client)
	traced "${@:2}" || return 1
	cat trace.* >whole
	trace_has whole ">=" 1 '^rehearse\('
}

# Shown: if look (rehearse.c) waits until nothing is unread, the writes succeed without end.
@test "rehearse: a reset comes although the greeting of the peer is never read" {
	rehearsed power-cycle,after=100ms rehearsed_unread
}

# Shown: if the key is not removed at connect to AF_UNSPEC, the second connect gets no answer.
@test "rehearse: a socket that was cut is connected again" {
	rehearsed power-cycle,after=100ms rehearsed_reused
}

# Shown: if do_to (rehearse.c) does not set the alarm again when it gets no copy, the bytes never arrive.
@test "rehearse: all descriptors are in use when the outage is to end" {
	rehearsed outage,after=100ms,for=1s rehearsed_full
}

# Shown: if rehearse_closing (rehearse.c) spares a connection that may be shared, the bytes of these three never arrive.
@test "rehearse: a child closes in an outage" {
	rehearsed outage,after=100ms,for=1s rehearsed_fork close
}

@test "rehearse: a child exits in an outage" {
	rehearsed outage,after=100ms,for=1s rehearsed_fork exit
}

@test "rehearse: the process that was interrupted ends, its child goes on" {
	rehearsed outage,after=100ms,for=1s rehearsed_fork daemon
}

# Shown: if do_to and the callers of check_all (rehearse.c) do not block signals first, some connections stay cut.
@test "rehearse: siglongjmp while connections are cut and healed" {
	limit=120
	rehearsed outage,after=2ms,for=3ms,share=100% rehearsed_jumps
}

# Shown: if do_to (rehearse.c) does not ask again for descriptors after the deed, 4 of 11583 ends never arrive.
@test "rehearse: connections are closed when they are cut" {
	limit=120
	rehearsed outage,after=1ms,for=10ms,share=100% rehearsed_close
}

# Shown: if each call looks at all connections that wait for a reset, the program does not end in 60 s.
@test "rehearse: 5000 connections wait for a reset" {
	rehearsed power-cycle,share=100% rehearsed_many
}

@test "rehearse: options of the program are as before after an outage" {
	rehearsed outage,after=100ms,for=300ms,by=deaf rehearsed_options
}

# Shown: if undo (rehearse.c) sets no limit instead of the one that was there, the rate is 4294967295.
@test "rehearse: options of the program are as before after a slow time" {
	rehearsed slow,after=100ms,for=300ms rehearsed_options
}

# Shown: if the connect goes to 127.0.0.1 through the device, it fails with EHOSTUNREACH, or not at all.
@test "rehearse: a connect from a socket that is bound to a device is refused" {
	need unshare ip
	need_root
	settings+=(TCPSHIM_REHEARSE=refused)
	timeout -k 5 "$limit" unshare --net bash -c '
		ip link set lo up && ip link add veth7 type veth peer veth8 && ip address add 192.0.2.1/24 dev veth7 &&
			ip link set veth7 up && ip link set veth8 up || exit 77
		exec env "$@" veth7 192.0.2.9' bash LD_PRELOAD="$library" "${settings[@]}" "$programs/rehearsed_device" \
		>shim.out 2>shim.err || {
		(($? != 77)) || skip "not on this machine: a pair of veth devices"
		fail "$(cat shim.out shim.err)"
	}
}
