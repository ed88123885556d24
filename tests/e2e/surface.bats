#!/usr/bin/env bats
#
# Calls that few programs make: stdio on sockets, ends of a process other than exit, processes made by raw system calls,
# daemon, io_uring.

# bats runs each test in a subshell of its own, and functions are handed over by name.
# shellcheck disable=SC2154,SC2030,SC2031,SC2317

load ../common

surface() {
	echo "$build/surface"
}

# Starts a server that answers each line in capitals and ends when the peer does; its port is in $port.
shouter() {
	start python3 -u -c 'import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1])
while True:
    connection, _ = listener.accept()
    with connection.makefile("rwb") as lines:
        for line in lines:
            lines.write(line.upper())
            lines.flush()
    connection.close()' >port
	await 10 grep -q . port
	port=$(cat port)
}

@test "every end of a process tells what it leaves open" {
	local end status
	for end in exit _exit _Exit quick_exit exit_group; do
		status=0
		shim TCPSHIM_OUTPUT=trace.$end "$(surface)" $end >/dev/null || status=$?
		((status == (${#end} == 4 ? 0 : 3))) || fail "$end: status $status"
		trace_is_whole trace.$end
		# musl does not tell it.
		[[ $end != exit || -z ${BARE_MAY_FAIL:-} ]] || status='[?]'
		trace_has trace.$end = 1 "^_exit\\($status\\)\$"
		trace_has trace.$end = 2 '\[left-open-at-exit\]$'
		# The descriptor of pidfd_getfd refers to a connection that was open before.
		trace_has trace.$end = 1 '\[adopted\]$'
	done
}

@test "a child made by a raw system call is a process of its own, and its parent's connection is shared" {
	shim TCPSHIM_OUTPUT=trace.%p "$(surface)" children >/dev/null
	local child
	local files=(trace.*)
	((${#files[@]} == 2)) || fail "${files[*]}"
	child=$(grep -l '^ [0-9.]*	close(' trace.* | xargs grep -L 'socket(')
	[[ -n $child ]] || fail "no trace of the child alone" "$(cat trace.*)"
	trace_has "$child" = 1 'Another process may still have it open.*\[closed-shared\]$'
	# The child ends by exit_group with connections that are its parent's: no note is given on them.
	trace_has "$child" = 0 '\[left-open-at-exit\]$'
}

@test "bash: /dev/tcp" {
	need bash
	shouter
	cat >ask.bash <<-END
		exec 3<>/dev/tcp/127.0.0.1/$port
		echo "hello from bash" >&3
		printf '%s\n' more lines >&3
		for i in 1 2 3; do
		    read -r line <&3
		    echo "got \$line"
		done
		exec 3>&-
		exit 5
	END
	local out status
	for out in bare traced; do
		status=0
		if [[ $out == bare ]]; then
			timeout 20 bash ask.bash >bare 2>&1 || status=$?
		else
			shim TCPSHIM_OUTPUT=trace bash ask.bash >traced 2>&1 || status=$?
		fi
		echo "status $status" >>$out
	done
	diff -u bare traced
	grep -q 'got HELLO FROM BASH' traced
	trace_is_whole trace
	trace_is_healthy trace
	trace_has trace = 1 '^write\([0-9]+, " h e l l o   f r o m   b".., 16\)	*= 16 \[stdio\]$'
	trace_has trace '>=' 1 'sent 27 bytes, received 27 bytes.*\[closed-'
	shim TCPSHIM_OUTPUT=trace.off TCPSHIM_STDIO=off bash ask.bash >traced 2>&1 || true
	trace_has trace.off = 0 '\[stdio\]$'
	trace_has trace.off '>=' 1 'sent 0 bytes, received 27 bytes.*\[closed-'
}

@test "without the slots fclose is seen all the same" {
	shim TCPSHIM_OUTPUT=trace TCPSHIM_STDIO=off "$build/stdio" >/dev/null
	trace_is_whole trace
	trace_has trace '>=' 2 '^fclose\([0-9]+\)	*= 0$'
	trace_has trace = 1 '^freopen\([0-9]+\)	*= 0x'
	trace_has trace = 0 '\[(stdio|closed-unseen)\]$'
}

@test "an inetd-style program that speaks by stdio on 0 and 1" {
	need socat nc.openbsd
	cat >service.sh <<-'END'
		#!/bin/sh
		exec awk '{ print toupper($0); fflush() }'
	END
	chmod +x service.sh
	port=$(free_port)
	start env LD_PRELOAD="$library" TCPSHIM_OUTPUT="$PWD/trace.%n.%p" socat "TCP-LISTEN:$port,bind=127.0.0.1" \
		EXEC:./service.sh,nofork
	local socat=$last
	await 30 listening "$port"
	printf 'hello\nthere\n' | timeout 10 nc.openbsd -N 127.0.0.1 "$port" >answer
	finish "$socat"
	[[ $(cat answer) == $'HELLO\nTHERE' ]]
	cat trace.* >trace
	trace_has trace '>=' 1 '\[adopted\]$'
	trace_has trace '>=' 1 '^write\(1, " H E L L O\\n.*= [0-9]+( \[stdio\])?$'
	trace_has trace '>=' 1 '^read\(0, .*= 0( \[stdio\])?$'
}

@test "daemon: the connections go on in the child" {
	cat >daemon.c <<-'END'
		#include <arpa/inet.h>
		#include <stdlib.h>
		#include <sys/socket.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
		    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])),
		                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		    int fd = socket(AF_INET, SOCK_STREAM, 0);
		    char bytes[2];
		    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || daemon(1, 0) != 0)
		        return 1;
		    if (write(fd, "x\n", 2) != 2 || read(fd, bytes, 2) != 2 || bytes[0] != 'X')
		        return 1;
		    close(fd);
		    return argc == 2 ? 0 : 1;
		}
	END
	cc -o daemon daemon.c
	shouter
	shim TCPSHIM_OUTPUT="$PWD/trace" ./daemon "$port"
	await 10 grep -q 'sent 2 bytes, received 2 bytes' trace
	trace_has trace = 1 '^write\([0-9]+, " x\\n", 2\)	*= 2$'
	trace_has trace = 0 '\[(closed-unseen|adopted)\]$'
}

@test "io_uring is noticed, and said once" {
	cat >ring.c <<-'END'
		#include <linux/io_uring.h>
		#include <sys/syscall.h>
		#include <unistd.h>
		int main(void)
		{
		    struct io_uring_params parameters = {0};
		    for (int i = 0; i < 3; i++)
		        syscall(SYS_io_uring_setup, 4, &parameters);
		    return 0;
		}
	END
	cc -o ring ring.c || skip "no headers of io_uring here"
	shim TCPSHIM_OUTPUT=trace ./ring
	[[ $(grep -c 'io_uring' trace) == 1 ]]
	trace_is_whole trace
	shim TCPSHIM_TRACE=none TCPSHIM_KEEPALIVE=on ./ring 2>err
	[[ ! -s err ]]
}

@test "a slow name lookup is told with the connect that follows it" {
	[[ -z ${BARE_MAY_FAIL:-} ]] || skip "not on this machine: python3 is glibc's"
	cat >lookup.c <<-'END'
		#define _GNU_SOURCE
		#include <dlfcn.h>
		#include <netdb.h>
		#include <unistd.h>
		int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
		{
		    usleep(200000);
		    return ((__typeof__(getaddrinfo) *)dlsym(RTLD_NEXT, "getaddrinfo"))(node, service, hints, found);
		}
	END
	cc -shared -fPIC -o lookup.so lookup.c
	shouter
	timeout 20 env LD_PRELOAD="$library:$PWD/lookup.so" TCPSHIM_OUTPUT=trace python3 -c 'import socket, sys
for _ in range(2):
    socket.create_connection(("localhost", int(sys.argv[1]))).close()
s = socket.socket(); s.connect(("127.0.0.1", int(sys.argv[1])))' "$port"
	trace_has trace '>=' 2 'spent 2[0-9][0-9]\.[0-9] ms in a name lookup \(getaddrinfo\)\. \[name-lookup\]$'
	trace_has trace '>=' 2 '\[connected\]$'
	trace_has trace '<=' 3 '\[connected\]$'
}
