#!/usr/bin/env bats
#
# Programs that print the trace which they expect (tests/traced): each line of it must be there, and no other.

# shellcheck disable=SC2154	# set in common.bash

load ../common

expected() {
	local program=$build/$1
	shim TCPSHIM_OUTPUT=trace TCPSHIM_TIME=none TCPSHIM_NOTES=off "$program" >expected ||
		fail "$1 fails, with $?:" "$(tail -n 3 expected)"
	grep -v '^_exit(' trace >shown || true
	diff -u expected shown >&2 || fail "the trace is not what $1 expects"
}

@test "sockets: calls that make and end connections, addresses of both families" {
	expected sockets
}

@test "data: calls that move bytes, and the first of these" {
	expected data
}

@test "wait: poll, select, epoll" {
	expected wait
}

@test "options: setsockopt, getsockopt, ioctl, fcntl" {
	expected options
}

@test "stdio: what libc reads and writes on a connection" {
	expected stdio
}

# Shown: without __select64 among the names (calls.def), the lines of select are missing.
@test "programs with a time_t of 64 bits on a 32-bit machine" {
	local program
	need nm readelf
	LC_ALL=C readelf -h "$build/wait" | grep -q 'Class: *ELF32$' || skip "not on this machine: all times have 64 bits"
	for program in wait options sockets data; do
		${CC:-cc} -D_GNU_SOURCE -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64 -I"$repository/include" -I"$repository/shim" \
			-pthread -o "$program" "$repository/tests/traced/$program.c"
	done
	nm -D wait | grep -q '__select64' || skip "not on this machine: libc has no times of 64 bits"
	build=$PWD
	for program in wait options sockets data; do
		rm -f trace
		expected "$program"
	done
}

@test "surface: preadv2 and pwritev2, descriptors of other processes" {
	expected surface
}
