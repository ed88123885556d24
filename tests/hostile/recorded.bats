#!/usr/bin/env bats
#
# Hostile programs with a recording instead of a trace: ordinary reads and writes take another way then, the records go
# into memory that the file shares, and a new process makes a file of its own.  What the recording tells as text is
# what the trace would have told.

load ../common
load hostile

# For hostile.bash.
# shellcheck disable=SC2034
settings=(TCPSHIM_RECORD=recording.%p TCPSHIM_RECORD_SIZE=64M)

@test "recorded: a 1 kHz timer whose handler writes to a socket" {
	hostile signal_storm
}

# Shown: without raise_guard in quick.c lines are missing, and others make no sense.
@test "recorded: a 20 kHz timer among ordinary reads and writes" {
	hostile signal_ordinary
}

@test "recorded: siglongjmp out of a blocked call" {
	hostile jump_blocked
}

# Shown: where thread_raise_guard (thread.c) keeps the block of a call that a jump ended, closes are missing and some
# 400 records make no sense.
@test "recorded: siglongjmp at random points, the library's own included" {
	hostile jump_random
}

@test "recorded: cancellation of a thread in each blocking call" {
	hostile cancel
}

# Shown: where direct_is_allowed (direct.h) does not ask for __libc_single_threaded, both threads go on. Our
# pthread_cancel (process.c) is for glibc before 2.36, which leaves that variable as it is.
@test "recorded: cancellation in ordinary reads" {
	hostile cancel_ordinary
}

# Shown: without process_check in quick_enter (quick.c) the lines of a child by raw clone are in its parent's file.
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

@test "recorded: seccomp's strict mode" {
	hostile seccomp_strict
}

# Shown: without sinks_be_quiet (sinks.c) the children have no recording; where process_complain (process.c) writes
# without holding the signal back, the child without files dies of SIGXFSZ.
@test "recorded: a seccomp filter like sshd's" {
	hostile seccomp_filter
}
