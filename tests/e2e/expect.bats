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

@test "surface: preadv2 and pwritev2, descriptors of other processes" {
	expected surface
}
