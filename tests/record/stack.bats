#!/usr/bin/env bats
#
# Call stacks: they name the functions that gdb names at the same place.  They end where nothing more is known, and
# libunwind gets in nobody's way.

# A report is of a recording, never of the file that it is written to (SC2094); scripts for other shells are quoted (SC2016).
# shellcheck disable=SC2154,SC2030,SC2031,SC2094,SC2016

load ../common

setup() {
	common_setup
	tcpshim=$build/tcpshim
}

# Prints the functions that gdb names when the program calls connect, the innermost first, without connect itself.  libc
# calls connect too, to reach nscd; the third argument of that call is not the size of an IPv4 address.
third='$rdx'
[[ $(uname -m) == x86_64 ]] || third='$x2'
[[ $(getconf LONG_BIT) != 32 ]] || third='*(int *)($esp + 12)'
named_by_gdb() {
	env -u LD_PRELOAD DEBUGINFOD_URLS= timeout 60 gdb -q -nx -batch -ex 'set breakpoint pending on' \
		-ex 'set debuginfod enabled off' -ex 'set backtrace past-main on' -ex 'set backtrace past-entry on' -ex "break connect if $third == 16" -ex run -ex 'bt -frame-arguments none -frame-info short-location' --args "$@" \
		>gdb.out 2>&1 </dev/null || true
	sed -nE 's/^#[1-9][0-9]* +(0x[0-9a-f]+ in )?([^ ]+) \(.*/\2/p' gdb.out | grep -vx '??'
}

# Prints the same from a report or a live trace: the stack below the connect.
named_in() {
	awk '/^ > / { if (is_wanted) print; next } /^[^\t]/ { is_wanted = /connect\(/ }' "$1" |
		sed -nE 's/^ > [^(]*\((.+)\+0x[0-9a-f]+\).*/\1/p'
}

# Replaces the different names of the same function by one: versions, libc's internal names, arguments.
plain_names() {
	sed -E 's/@@?GLIBC.*//; s/_impl$//; s/[ (].*//' "$1"
}

same_as_gdb() {
	mkdir -p recordings
	rm -f recordings/*
	named_by_gdb "$@" >gdb.names
	shim TCPSHIM_RECORD="$PWD/recordings" TCPSHIM_STACK=connect "$@" >/dev/null 2>&1 </dev/null || true
	"$tcpshim" report --notes=off --time=none --trace=connect recordings/* >report
	named_in report >our.names
	[[ -s gdb.names ]] || fail "gdb names nothing:" "$(cat gdb.out)"
	# On arm64 libunwind ends with the function that _start has called.
	[[ $(uname -m) != aarch64 ]] || sed -i '/^_start$/d' gdb.names
	diff <(plain_names gdb.names) <(plain_names our.names) || fail "$1:" "$(cat gdb.out)" "$(cat report)"
}

@test "stack: nc, curl and python name what gdb names" {
	need gdb nc.openbsd curl /usr/bin/python3
	same_as_gdb "$(command -v nc.openbsd)" -z 127.0.0.1 1
	same_as_gdb "$(command -v curl)" -s http://127.0.0.1:1/
	same_as_gdb /usr/bin/python3 -S -c 'import socket; socket.socket().connect_ex(("127.0.0.1", 1))'
}

@test "stack: a C++ program without frame pointers, its names readable, with file and line" {
	need gdb g++
	cat >dial.cc <<-'END'
		#include <arpa/inet.h>
		#include <netinet/in.h>
		#include <sys/socket.h>
		namespace net {
		template <typename T> struct client {
			__attribute__((noinline)) int dial(T port) {
				int fd = socket(AF_INET, SOCK_STREAM, 0);
				sockaddr_in to{};
				to.sin_family = AF_INET;
				to.sin_port = htons(port);
				to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
				int result = connect(fd, reinterpret_cast<sockaddr *>(&to), sizeof(to));
				asm volatile("");
				return result;
			}
		};
		}
		__attribute__((noinline)) static int run(int port) {
			net::client<short> client;
			int result = client.dial(static_cast<short>(port));
			asm volatile("");
			return result;
		}
		int main() {
			int result = run(1);
			asm volatile("");
			return result == 0;
		}
	END
	g++ -O2 -g -fomit-frame-pointer -o dial dial.cc
	same_as_gdb "$PWD/dial"
	grep -qE '^ > .*/dial\(net::client<short>::dial\(short\)( \[clone [^]]*\])?\+0x[0-9a-f]+\) dial\.cc:12 \[0x[0-9a-f]+\]$' report || fail "$(cat report)"
	grep -qE '^ > .*/dial\(main\+0x[0-9a-f]+\) dial\.cc:25 ' report || fail "$(cat report)"
	# Live, names are as in the program's symbol table.
	shim TCPSHIM_OUTPUT=live TCPSHIM_STACK=connect ./dial || true
	grep -qE '^ > .*/dial\(_ZN3net6clientIsE4dialEs[^+]*\+0x' live || fail "$(cat live)"
	# JSON, live and from the recording.
	"$tcpshim" report --json recordings/* | jq -e 'select(.call == "connect") | .stack[0] | test("net::client<short>::dial")' >/dev/null
}

@test "stack: without tables, in a signal handler, on small stacks: cut off, not crashed" {
	cat >hard.c <<-'END'
		#include <arpa/inet.h>
		#include <limits.h>
		#include <pthread.h>
		#include <signal.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <sys/auxv.h>
		#include <sys/socket.h>
		#include <unistd.h>
		static int dial(void)
		{
			struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = 256, .sin_addr.s_addr = 0x0100007f};
			return connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&to, sizeof(to));
		}
		static void handle(int number) { dial(); (void)number; }
		static void *work(void *unused) { dial(); return unused; }
		int main(void)
		{
			// What the kernel's own frame takes depends on the processor.
			size_t size = getauxval(51 /* AT_MINSIGSTKSZ */) + 6144;
			stack_t other = {.ss_sp = malloc(size), .ss_size = size};
			struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
			pthread_attr_t small;
			pthread_t thread;
			dial();
			signal(SIGUSR1, handle);
			raise(SIGUSR1);
			sigaltstack(&other, NULL);
			sigaction(SIGUSR2, &action, NULL);
			raise(SIGUSR2);
			pthread_attr_init(&small);
			pthread_attr_setstacksize(&small, PTHREAD_STACK_MIN);
			pthread_create(&thread, &small, work, NULL);
			pthread_join(thread, NULL);
			puts("done");
		}
	END
	local flags
	for flags in "" "-fno-asynchronous-unwind-tables -fno-unwind-tables -fomit-frame-pointer"; do
		# shellcheck disable=SC2086
		${CC:-gcc} -w -O2 $flags -o hard hard.c -pthread -Wl,-z,now
		rm -f trace
		[[ $(shim TCPSHIM_OUTPUT=trace TCPSHIM_STACK=connect,errors ./hard) == "done" ]]
		[[ $(trace_plain trace | grep -c '^connect(') == 4 ]]
		(($(grep -c '^ > .*/hard(' trace) >= 4)) || fail "$(cat trace)"
		[[ -n $flags ]] || (($(grep -c '^ > .*(main+0x' trace) >= 3)) || fail "$(cat trace)"
	done
}

@test "stack: of lines with notes, and of those that failed" {
	need curl
	shim TCPSHIM_OUTPUT=errors TCPSHIM_STACK=errors curl -s http://127.0.0.1:1/ || true
	shim TCPSHIM_OUTPUT=notes TCPSHIM_STACK=notes TCPSHIM_NOTES=warn curl -s http://127.0.0.1:1/ || true
	# Each stack that failed has a line before it.
	awk '
		/^ > / { if (line !~ /Err#/) exit 1; is_stack = 1; next }
		/^[^\t]/ { if (line ~ /Err#/ && !is_stack) exit 1; line = $0; is_stack = 0 }
	' errors ||
		fail "$(cat errors)"
	[[ $(grep -c '^	!' notes) == 1 ]]
	(($(grep -c '^ > ' notes) > 3))
	# warn: those with a warning, and no other.
	shim TCPSHIM_OUTPUT=warnings TCPSHIM_STACK=warn curl -s http://127.0.0.1:1/ || true
	(($(grep -c '^ > ' warnings) > 3)) || fail "$(cat warnings)"
	shim TCPSHIM_OUTPUT=none TCPSHIM_STACK=warn "$build/exchange"
	grep -q '\[connected\]' none || fail "$(cat none)"
	! grep -q '^ > ' none || fail "$(cat none)"
}

@test "stack: the program's descriptors are the same numbers, and its scope has no libunwind" {
	cat >look.c <<-'END'
		#define _GNU_SOURCE
		#include <dlfcn.h>
		#include <fcntl.h>
		#include <stdio.h>
		int main(void)
		{
			printf("%d %d %d\n", open("/dev/null", O_RDONLY), dlsym(RTLD_DEFAULT, "unw_backtrace") != NULL,
			       dlsym(RTLD_DEFAULT, STEP) != NULL);
		}
	END
	${CC:-gcc} -DSTEP="\"_UL$(uname -m)_step\"" -o look look.c -ldl
	./look >bare
	shim TCPSHIM_OUTPUT=/dev/null TCPSHIM_STACK=connect ./look | diff bare -
	# What the program was started with, and its children, are as without the library.
	env -i A=1 sh -c 'echo "$0 $A"' >bare
	env -i A=1 LD_PRELOAD="$library" TCPSHIM_OUTPUT=/dev/null TCPSHIM_STACK=connect sh -c 'echo "$0 $A"' | diff bare -
	# libunwind is not even loaded if no stack is asked for.
	shim TCPSHIM_OUTPUT=/dev/null grep -c libunwind /proc/self/maps | grep -qx 0
}

@test "stack: libunwind that is not there costs a line" {
	in_private_mount() {
		unshare -Urm true 2>/dev/null || skip "no user namespaces here"
		timeout 60 unshare -Urm bash -euc "$1"
	}
	file=$(realpath "$(ldconfig -p | sed -nE 's/.*libunwind\.so\.8 .* => (.*)/\1/p' | head -n 1)")
	: >empty
	export -f shim
	export limit library build
	in_private_mount "mount --bind empty '$file'; shim TCPSHIM_STACK=connect TCPSHIM_OUTPUT=trace '$build/exchange' >out 2>errors"
	[[ $(cat out) == "done" ]]
	grep -q '^tcpshim: TCPSHIM_STACK is ignored: libunwind.so.8 cannot be loaded. Install it' errors || fail "$(cat errors)"
	grep -q 'connect(' trace
}
