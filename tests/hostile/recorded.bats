#!/usr/bin/env bats
#
# Hostile programs with a recording instead of a trace.  Ordinary reads and writes then take the fast path, records go into
# memory that is shared with the file, and a new process makes a file of its own.  The text of the recording must be what
# the trace would have been.

# settings is for hostile.bash (SC2034), and what others define is theirs (SC2154).
# shellcheck disable=SC2034,SC2154

load ../common
load hostile

settings=(TCPSHIM_RECORD=recording.%p TCPSHIM_RECORD_SIZE=64M)

@test "recorded: a 1 kHz timer whose handler writes to a socket" {
	hostile signal_storm
}

# Shown: without raise_guard (fastpath.c) lines are missing, and some records are damaged.
@test "recorded: a 20 kHz timer among ordinary reads and writes" {
	hostile signal_ordinary
}

@test "recorded: siglongjmp out of a blocked call" {
	hostile jump_blocked
}

# Shown: if thread_raise_guard (thread.c) keeps the block of a call that a jump ended, closes are missing and about 400
# records are damaged.
@test "recorded: siglongjmp at random points, the library's own included" {
	hostile jump_random
}

@test "recorded: cancellation of a thread in each blocking call" {
	hostile cancel
}

# Shown: if bypass_is_allowed (bypass.h) does not check __libc_single_threaded, neither thread is cancelled.  Our
# pthread_cancel (exit.c) is needed for glibc before 2.36, which leaves that variable as it is.
@test "recorded: cancellation in ordinary reads" {
	hostile cancel_ordinary
}

@test "recorded: the first thread that is unwound" {
	hostile unwound
}

# Shown: without process_check in fastpath_enter (fastpath.c) the lines of a child by raw clone are in its parent's file.
@test "recorded: fork in a threaded program, _Fork, raw clone: each child in its own file" {
	hostile children
}

@test "recorded: a vfork child closes and replaces descriptors" {
	hostile vfork_child
}

@test "recorded: threads close and reuse descriptors at once" {
	hostile race_reuse
}

@test "recorded: another thread closes under a blocked call" {
	hostile async_close
}

@test "recorded: a hundred threads" {
	hostile hundred_threads
}

@test "recorded: small stacks, of a thread and of a handler" {
	hostile small_stacks thread
	rm -f trace.* recording.*
	hostile small_stacks handler
}

@test "recorded: buffers that are not there" {
	hostile bad_pointers
}

@test "recorded: interrupted calls start again" {
	hostile restarts
}

@test "recorded: descriptors closed behind the library's back" {
	hostile stale
}

@test "recorded: nothing of the socket changes" {
	hostile observer
}

@test "recorded: SIGPIPE" {
	hostile sigpipe
}

@test "recorded: sockets inherited by exec and passed over a unix socket" {
	hostile inherited
}

@test "recorded: a program that defines read, close, close_range, dup2 and others itself" {
	hostile own_names
}

@test "recorded: seccomp's strict mode" {
	hostile seccomp_strict
}

# Shown: without sinks_restrict (sinks.c) the children have no recording.  If complaint_write (complaint.c) does not block
# the signal, the child that may not write files dies of SIGXFSZ.
# Shown: if name_socket (emit.c) asks for the cookie under a filter too, the children are killed.
@test "recorded: a seccomp filter like sshd's" {
	hostile seccomp_filter
}

# Shown: if bypass_start (bypass.c) does not check whose functions they are, the library after ours sees 9 of 4100 calls.
@test "recorded: a library preloaded behind this one sees every call" {
	need cc
	cat >behind.c <<-'END'
		#define _GNU_SOURCE
		#include <dlfcn.h>
		#include <stdio.h>
		#include <unistd.h>
		static unsigned long count;
		ssize_t write(int fd, const void *bytes, size_t size)
		{
			ssize_t (*next)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
			count++;
			return next(fd, bytes, size);
		}
		__attribute__((destructor)) static void end(void) { fprintf(stderr, "%lu seen\n", count); }
	END
	cc -shared -fPIC -o behind.so behind.c -ldl
	timeout 20 env LD_PRELOAD="$PWD/behind.so" "$build/tests/bench/calls" tcp 4100 >/dev/null 2>bare
	timeout 20 env LD_PRELOAD="$library $PWD/behind.so" TCPSHIM_RECORD="$PWD" "$build/tests/bench/calls" tcp 4100 \
		>/dev/null 2>with
	grep -qx '4100 seen' bare || fail "$(cat bare)"
	diff bare with
	compgen -G '*.tcpshim' >/dev/null || fail "no recording"
}
