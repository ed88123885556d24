#!/usr/bin/env bats
#
# A root directory with a program, libc and its loader, as in the smallest container: no /proc, /dev, /tmp, shell or
# other library.  The library loads there, traces, enforces and records.

# The report is not of the file that it is written to (SC2094).
# shellcheck disable=SC2154,SC2094

load ../common
load hostile

setup() {
	common_setup
	need_root
	need python3 ldd
	local needed
	python=$(python3 -c 'import sys; print(sys.executable)')
	mkdir root
	cat >program.c <<-'END'
		#include <netinet/in.h>
		#include <sys/socket.h>
		#include <unistd.h>
		int main(void)
		{
			struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
			socklen_t size = sizeof(name);
			int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), server;
			static char bytes[1000];
			if (bind(listener, (void *)&name, size) || listen(listener, 1) || getsockname(listener, (void *)&name, &size))
				return 1;
			if (connect(client, (void *)&name, size) || (server = accept(listener, NULL, NULL)) < 0)
				return 2;
			return write(client, bytes, 1000) != 1000 || recv(server, bytes, 1000, MSG_WAITALL) != 1000;
		}
	END
	compile -o root/program program.c
	cp "$library" root/libtcpshim.so
	for needed in $(ldd root/program | grep -o '/[^ ]*\.so[^ ):]*' || true); do
		mkdir -p "root${needed%/*}"
		cp "$needed" "root$needed"
	done
	find root -name '*.so*' ! -name libtcpshim.so -printf '%f\n' | sed 's/^ld.*/loader/; s/^libc[.-].*/libc/' | sort -u >libraries
	[[ $(grep -v loader libraries) == libc || $(cat libraries) == loader ]] || fail "$(cat libraries)"
}

# rooted VARIABLE=VALUE...: runs the program in the root with nothing but these in its environment.
rooted() {
	timeout -k 5 "$limit" "$python" -I -c '
import os, sys
os.chroot("root")
os.chdir("/")
os.execve("/program", ["program"], dict(word.split("=", 1) for word in sys.argv[1:]))' "$@" >out 2>err 3>&-
}

# Shown: with DT_NEEDED libdl.so.2 the loader refuses the library: the root does not have it.
@test "a root with nothing but libc: a program is traced, and its policies hold" {
	rooted A=b || fail "fails bare, with $?"
	rooted LD_PRELOAD=/libtcpshim.so TCPSHIM_KEEPALIVE=on TCPSHIM_CLOSE_ON_EOF=fin TCPSHIM_MATCH=peer=127.0.0.0/8 \
		TCPSHIM_TIME=none || fail "$? $(cat err)"
	trace_is_whole err
	trace_has err = 1 '^connect\(.*= 0$'
	trace_has err = 1 '^write\(.*= 1000$'
	trace_has err = 2 'still open at exit.*\[left-open-at-exit\]$'
	trace_has err '>=' 1 'policy-keepalive'
}

@test "a root with nothing but libc: a recording is the same" {
	rooted LD_PRELOAD=/libtcpshim.so TCPSHIM_RECORD=/recording.%p || fail "$? $(cat err)"
	nothing "said on standard error:" <err
	"$build/tcpshim" report --time=none root/recording.* >report
	trace_has report = 1 '^connect\(.*= 0$'
	trace_has report = 1 '^write\(.*= 1000$'
	trace_has report = 2 'still open at exit.*\[left-open-at-exit\]$'
}

@test "a root with nothing but libc: stacks need libunwind, which is said once" {
	rooted LD_PRELOAD=/libtcpshim.so TCPSHIM_STACK=connect,write || fail "$? $(cat err)"
	[[ $(grep -c 'libunwind.so.8 cannot be loaded' err) == 1 ]] || fail "$(cat err)"
	trace_has err = 1 'connect\(.*= 0$'
}
