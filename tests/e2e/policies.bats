#!/usr/bin/env bats
#
# The policies on real programs, over the loopback interface: what another process sees of their sockets (by ss, and by
# getsockopt on a copy of the descriptor), what policies do at end of stream, and what they leave alone.

# shellcheck disable=SC2154,SC2030,SC2031,SC2317

load ../common

setup() {
	place_setup tcpshim-e2e
	export HOME=$place
	python=$(python3 -c 'import sys; print(sys.executable)')
	options=$BATS_TEST_DIRNAME/options
}

teardown() { place_teardown; }

keepalive=TCPSHIM_KEEPALIVE=30s,10s,3
silent=(TCPSHIM_TRACE=none "$keepalive" TCPSHIM_USER_TIMEOUT=auto)
policied='1 30 10 3 60000'

# hold COUNT PORT: opens so many connections to it that send nothing.
hold() {
	start "$python" -c 'import socket, sys, time
kept = [socket.create_connection(("127.0.0.1", int(sys.argv[2]))) for _ in range(int(sys.argv[1]))]
time.sleep(60)' "$1" "$2"
	await 10 holds "$1" "$2"
}

holds() {
	(($(ss -Htn state established "dport = :$2" | wc -l) >= $1))
}

# Checks that so many connections have timers, on the server's side.
all_have_timers() {
	(($(ss -Htno state established "sport = :$2" | grep -c 'timer:(keepalive,') == $1))
}

# served_with PORT VALUES PID…: checks that every connection that these processes accepted on PORT has these options.
served_with() {
	local port=$1 wanted=$2 pid found=
	shift 2
	for pid; do
		found+=$("$options" "$pid" "$port")$'\n'
	done
	found=$(sort -u <<<"$found" | sed '/^$/d')
	[[ $found == "$wanted" ]] || fail "the sockets have '$found', not '$wanted'"
}

# --- which sockets, and with which values -----------------------------------------------------------------------

@test "python's http.server: the listener and every accepted connection" {
	start_shim "${silent[@]}" "$python" -u -m http.server -b 127.0.0.1 -d . 0 >out 2>err
	local server=$last
	await 10 grep -q 'port [0-9]' out
	port=$(sed -nE 's/.* port ([0-9]+) .*/\1/p' out)
	[[ $("$options" "$server" "$port" listen) == "$policied" ]]
	hold 3 "$port"
	await 5 all_have_timers 3 "$port"
	served_with "$port" "$policied" "$server"
	[[ ! -s err ]] || fail "$(cat err)"
}

@test "node: every accepted connection" {
	need node
	cat >server.js <<-'END'
		const server = require('http').createServer(() => {});
		server.listen(0, '127.0.0.1', () => console.log(server.address().port));
	END
	start_shim "${silent[@]}" node server.js >out
	local server=$last
	await 10 grep -q . out
	port=$(cat out)
	hold 3 "$port"
	await 5 all_have_timers 3 "$port"
	served_with "$port" "$policied" "$server"
}

@test "redis-server: its own keepalive wins, and is noted; with TCPSHIM_FORCE it does not" {
	need redis-server redis-cli
	local force
	for force in off on; do
		port=$(free_port)
		start_shim "$keepalive" TCPSHIM_FORCE=$force TCPSHIM_OUTPUT="$place/trace.$force" redis-server --port "$port" \
			--bind 127.0.0.1 --save '' --appendonly no --dir "$place" --tcp-keepalive 300 >out.$force
		local server=$last
		await 30 listening "$port"
		hold 2 "$port"
		await 5 all_have_timers 2 "$port"
		if [[ $force == off ]]; then
			served_with "$port" '1 300 100 3 0' "$server"
		else
			served_with "$port" '1 30 10 3 0' "$server"
		fi
		stop "$server"
	done
	trace_is_whole trace.off
	trace_is_whole trace.on
	trace_has trace.off '>=' 2 '\[program-overruled-policy\]$'
	trace_has trace.on '>=' 2 '\[policy-overruled-program\]$'
	trace_has trace.on '>=' 2 'the first probe after 30\.0 s of silence, then one every 10\.0 s; 3 probes without.*\[policy-keepalive\]$'
}

@test "sshd: the accepted connection" {
	need ssh-keygen /usr/sbin/sshd
	need_root
	mkdir -p /run/sshd
	ssh-keygen -q -t ed25519 -N '' -f host_key
	port=$(free_port)
	start_shim "${silent[@]}" /usr/sbin/sshd -D -e -f /dev/null -o ListenAddress=127.0.0.1 -o Port="$port" \
		-o HostKey="$place/host_key" -o PidFile=none 2>err
	local server=$last
	await 30 listening "$port"
	hold 2 "$port"
	await 5 all_have_timers 2 "$port"
	# After fork and exec several processes have the connection.
	served_with "$port" "$policied" $(pgrep -P "$server")
}

# nginx_listening OPTIONS: starts nginx with these after its listen directive; the workers' pids are in $workers.
nginx_listening() {
	local directive=$1
	shift
	port=$(free_port)
	cat >nginx.conf <<-END
		user root;
		pid $place/nginx.pid;
		error_log $place/error.log warn;
		worker_processes 2;
		events { worker_connections 1024; }
		http {
		    access_log off;
		    client_body_temp_path $place/body; proxy_temp_path $place/proxy; fastcgi_temp_path $place/fastcgi;
		    uwsgi_temp_path $place/uwsgi; scgi_temp_path $place/scgi;
		    server { listen 127.0.0.1:$port $directive; root $place; }
		}
	END
	start_shim "$@" nginx -p "$place" -c "$place/nginx.conf" -g 'daemon off;' >nginx.out 2>nginx.err
	nginx=$last
	await 30 listening "$port"
	await 5 has_workers
	mapfile -t workers < <(pgrep -P "$nginx")
}

has_workers() {
	(($(pgrep -P "$nginx" | wc -l) == 2))
}

@test "nginx: every accepted connection, whatever it set on its listener" {
	need nginx
	need_root
	local directive force
	for directive in '' 'so_keepalive=off' 'so_keepalive=600:60:9'; do
		for force in off on; do
			nginx_listening "$directive" "${silent[@]}" TCPSHIM_FORCE=$force
			hold 8 "$port"
			await 5 all_have_timers 8 "$port"
			served_with "$port" "$policied" "${workers[@]}"
			stop "$nginx" QUIT || true
		done
	done
	[[ ! -s nginx.err ]] || fail "$(cat nginx.err)"
}

@test "an inherited listener, and connections that were queued before" {
	cat >inherit.py <<-'END'
		import os, socket, sys
		listener = socket.create_server(("127.0.0.1", 0))
		queued = [socket.create_connection(listener.getsockname()) for _ in range(3)]
		print(listener.getsockname()[1], flush=True)
		os.dup2(listener.fileno(), 50)
		for s in queued:
		    os.set_inheritable(s.fileno(), True) # they would end with this program
		os.environ["LD_PRELOAD"] = sys.argv[1]
		os.execv(sys.executable, [sys.executable, "-c", """
		import socket, time
		listener = socket.socket(fileno=50)
		kept = [listener.accept() for _ in range(3)]
		print("accepted", flush=True)
		time.sleep(60)
		"""])
	END
	start env "${silent[@]}" "$python" inherit.py "$library" >out
	local server=$last
	await 10 grep -q accepted out
	port=$(head -n 1 out)
	# The clients' ends are in the same process, and were open before it came under the library.
	served_with "$port" "$policied" "$server"
	[[ $("$options" "$server" "$port" | wc -l) == 6 ]]
	[[ $("$options" "$server" "$port" listen) == "$policied" ]]
}

@test "a connection that is passed over a unix socket" {
	cat >pass.py <<-'END'
		import os, socket, subprocess, sys
		here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
		listener = socket.create_server(("127.0.0.1", 0))
		client = socket.create_connection(listener.getsockname())
		server, _ = listener.accept()
		child = subprocess.Popen([sys.executable, "-c", """
		import socket, sys, time
		channel = socket.socket(fileno=int(sys.argv[1]))
		_, fds, _, _ = socket.recv_fds(channel, 100, 4)
		print("received", flush=True)
		time.sleep(60)
		""", str(there.fileno())], pass_fds=[there.fileno()], env=os.environ | {"LD_PRELOAD": sys.argv[1]})
		socket.send_fds(here, [b"x"], [server.fileno()])
		print(listener.getsockname()[1], child.pid, flush=True)
		child.wait()
	END
	start env "${silent[@]}" "$python" pass.py "$library" >out
	await 10 grep -q received out
	local child
	read -r port child < <(grep -v received out)
	served_with "$port" "$policied" "$child"
	kill "$child"
}

@test "clients: before connect, and with jitter each its own" {
	cat >clients.py <<-'END'
		import socket
		listener = socket.create_server(("127.0.0.1", 0), backlog=100)
		idle = [socket.create_connection(listener.getsockname()).getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
		        for _ in range(60)]
		print(min(idle), max(idle), len(set(idle)))
	END
	shim TCPSHIM_TRACE=none TCPSHIM_KEEPALIVE=100s,10s,3,jitter=10% "$python" clients.py >out
	local least most different
	read -r least most different <out
	((least >= 90 && most <= 100 && different >= 5)) || fail "$(cat out)"
	shim TCPSHIM_TRACE=none TCPSHIM_KEEPALIVE=100s,10s,3 "$python" clients.py >out
	[[ $(cat out) == '100 100 1' ]]
}

@test "the program's own later setsockopt wins, and is noted; TCPSHIM_FORCE leaves it out" {
	cat >own.py <<-'END'
		import socket
		listener = socket.create_server(("127.0.0.1", 0))
		s = socket.create_connection(listener.getsockname())
		s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1) # as it is
		s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 77)
		s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1) # no policy's business
		try:
		    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, b"x")
		except OSError as error:
		    print(error)
		print(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
		      s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
	END
	shim "$keepalive" TCPSHIM_OUTPUT=trace "$python" own.py >out
	[[ $(cat out) == $'[Errno 22] Invalid argument\n77 1 1' ]] || fail "$(cat out)"
	trace_has trace = 1 "own TCP_KEEPIDLE replaces the policy's from now on.*\\[program-overruled-policy\\]\$"
	trace_has trace = 0 '\[policy-overruled-program\]$'
	shim "$keepalive" TCPSHIM_FORCE=on TCPSHIM_OUTPUT=trace.forced "$python" own.py >out
	[[ $(cat out) == $'[Errno 22] Invalid argument\n30 1 1' ]] || fail "$(cat out)"
	trace_has trace.forced = 1 'TCP_KEEPIDLE stays as the policy set it.*\[policy-overruled-program\]$'
	trace_has trace.forced = 0 '\[program-overruled-policy\]$'
	trace_has trace.forced = 1 '^setsockopt\([0-9]+, IPPROTO_TCP, TCP_KEEPIDLE, \[77\], 4\)[ 	]*= 0'
	shim "$keepalive" TCPSHIM_FORCE=on TCPSHIM_TRACE=none "$python" own.py >out
	[[ $(cat out) == $'[Errno 22] Invalid argument\n30 1 1' ]] || fail "$(cat out)"
}

@test "a kernel that refuses an option: a note, and the program goes on" {
	cat >refuse.c <<-'END'
		#include <errno.h>
		#include <netinet/in.h>
		#include <netinet/tcp.h>
		#include <sys/socket.h>
		#include <sys/syscall.h>
		#include <unistd.h>
		int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
		{
		    if (level == IPPROTO_TCP && name == TCP_KEEPCNT) {
		        errno = ENOPROTOOPT;
		        return -1;
		    }
		    return (int)syscall(SYS_setsockopt, fd, level, name, value, size);
		}
	END
	cc -shared -fPIC -o refuse.so refuse.c
	http_page
	timeout 20 env LD_PRELOAD="$library:$place/refuse.so" "$keepalive" TCPSHIM_OUTPUT=trace curl -sS "$url" >out
	[[ $(cat out) == 'a page' ]]
	trace_has trace = 1 '! fd [0-9]+: the kernel refused TCP_KEEPCNT.*: ENOPROTOOPT\..*\[policy-failed\]$'
	trace_has trace = 1 '; 9 probes without an answer end the connection\. \[policy-keepalive\]$'
}

http_page() {
	mkdir -p www
	echo 'a page' >www/page
	start "$python" -u -m http.server -b 127.0.0.1 -d www 0 >http.out 2>http.err
	await 10 grep -q 'port [0-9]' http.out
	url=http://127.0.0.1:$(sed -nE 's/.* port ([0-9]+) .*/\1/p' http.out)/page
}

# --- which connections ------------------------------------------------------------------------------------------

@test "TCPSHIM_MATCH selects for the trace and for the policies" {
	cat >match.py <<-'END'
		import socket
		def idle(s):
		    return s.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
		first = socket.create_server(("127.0.0.1", PORT))
		second = socket.create_server(("::1", OTHER), family=socket.AF_INET6)
		found = []
		for listener in first, second:
		    client = socket.create_connection(listener.getsockname()[:2])
		    server, _ = listener.accept()
		    client.sendall(b"x")
		    server.recv(10)
		    found += [idle(client), idle(server)]
		    client.close()
		    server.close()
		print(*(int(f == 30) for f in found))
	END
	port=$(free_port)
	local other
	other=$(free_port)
	sed -i "s/PORT/$port/g; s/OTHER/$other/g" match.py
	# Runs with a match and checks which ends it selects: first client, first server, second client, second server.
	matched() {
		shim "$keepalive" TCPSHIM_MATCH="$1" TCPSHIM_OUTPUT=trace "$python" match.py >out 2>err
		[[ $(cat out) == "$2" ]] || fail "$1: $(cat out), not $2"
		trace_is_whole trace
		# Shown is what is selected: calls that move bytes on each of the four.
		trace_has trace = "$3" '^(send|recv)\('
		[[ ! -s err ]] || fail "$(cat err)"
		rm trace
	}
	matched "port=$port" '1 1 0 0' 2
	matched "lport=$port" '0 1 0 0' 1
	matched "rport=$port" '1 0 0 0' 1
	matched "!port=$port" '0 0 1 1' 2
	matched 'role=client' '1 0 1 0' 2
	matched 'role=server' '0 1 0 1' 2
	matched 'peer=127.0.0.0/8' '1 1 0 0' 2
	matched 'local=::1' '0 0 1 1' 2
	matched 'peer=::/0' '0 0 1 1' 2
	matched 'peer=10.0.0.0/8' '0 0 0 0' 0
	matched "role=client,port=$port" '1 0 0 0' 1
	matched "role=client,port=$port;role=server,peer=::1" '1 0 0 1' 2
	matched "port=$port;port=$other" '1 1 1 1' 4
}

@test "TCPSHIM_MATCH: a v4-mapped peer matches IPv4" {
	cat >mapped.py <<-'END'
		import socket
		listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
		client = socket.create_connection(("127.0.0.1", listener.getsockname()[1]))
		server, address = listener.accept()
		assert address[0].startswith("::ffff:")
		print(server.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE))
	END
	shim TCPSHIM_TRACE=none "$keepalive" TCPSHIM_MATCH=peer=127.0.0.0/8,role=server "$python" mapped.py >out
	[[ $(cat out) == 30 ]] || fail "$(cat out)"
	shim TCPSHIM_TRACE=none "$keepalive" TCPSHIM_MATCH=peer=::1 "$python" mapped.py >out
	[[ $(cat out) == 7200 ]] || fail "$(cat out)"
}

# --- silence, and what it costs ---------------------------------------------------------------------------------

@test "without a trace the policies act silently: no line, no file, no descriptor, no call but setsockopt" {
	need strace curl
	cat >connect.py <<-'END'
		import socket, sys
		listener = socket.create_server(("127.0.0.1", 0))
		for _ in range(int(sys.argv[1])):
		    client = socket.create_connection(listener.getsockname())
		    server, _ = listener.accept()
		    server.send(b"x")
		    client.recv(1)
		    server.close()
		    client.recv(1)
		    client.close()
	END
	# Prints the system calls, by name, that one connection more costs, with both its ends in one program.
	one_more() {
		local count
		for count in 3 4; do
			strace -f -qq -o "$count.strace" "$@" "$python" connect.py $count 2>err
			sed -nE 's/^[0-9]+ +([a-z0-9_]+)\(.*/\1/p' "$count.strace" | sort >$count.calls
			[[ ! -s err ]] || fail "$(cat err)"
		done
		comm -13 3.calls 4.calls | sort | uniq -c | awk '{ print $2, $1 }'
	}
	one_more >bare
	one_more env LD_PRELOAD="$library" "${silent[@]}" TCPSHIM_OUTPUT="$place/trace" >policied
	[[ ! -e trace ]]
	# getpid checks whether this is a child of vfork, which has descriptors of its own.  futex checks whether an
	# argument can be read, again after 8 ms.
	diff bare policied | grep -E '^[<>]' | grep -vE 'getpid|futex' >difference || true
	[[ $(cat difference) == '> setsockopt 10' ]] || fail "$(cat bare policied)"
	one_more env LD_PRELOAD="$library" TCPSHIM_TRACE=none TCPSHIM_CLOSE_ON_EOF=fin >policied
	diff bare policied | grep -E '^[<>]' | grep -vE 'getpid|futex' >difference || true
	# At end of stream the library copies the descriptor for a moment, to a number out of the program's way (prlimit64
	# tells which), so that it ends no other connection.
	[[ $(grep '^>' difference | sort) == $'> close 3\n> fcntl 1\n> getsockopt 1\n> prlimit64 1\n> shutdown 1' ]] ||
		fail "$(cat bare policied difference)"
}

@test "the program's descriptors are the same with and without policies" {
	need node java
	cat >fds.py <<-'END'
		import asyncio, os, socket
		async def serve(reader, writer):
		    writer.write(await reader.read(100))
		    writer.close()
		async def main():
		    server = await asyncio.start_server(serve, "127.0.0.1", 0)
		    address = server.sockets[0].getsockname()
		    for _ in range(5):
		        reader, writer = await asyncio.open_connection(*address)
		        writer.write(b"x")
		        assert await reader.read() == b"x"
		        writer.close()
		    kept = socket.create_connection(address)
		    copy = os.dup(kept.fileno())
		    kept.send(b"y")
		    await asyncio.sleep(0.1)
		    assert os.read(copy, 10) == b"y" and kept.recv(10) == b""
		    if os.fork() == 0:
		        kept.close()
		        os._exit(0)
		    os.wait()
		    report()
		def report():
		    for fd in sorted(map(int, os.listdir("/proc/self/fd"))):
		        try:
		            print(fd, os.readlink(f"/proc/self/fd/{fd}").split(":")[0])
		        except OSError:
		            pass
		asyncio.run(main())
	END
	cat >fds.js <<-'END'
		const net = require('net'), fs = require('fs');
		const server = net.createServer((s) => { s.on('data', (d) => s.end(d)); });
		server.listen(0, '127.0.0.1', () => {
		  let left = 5;
		  const again = () => {
		    const client = net.connect(server.address().port, '127.0.0.1', () => client.write('x'));
		    client.on('data', () => {});
		    client.on('close', () => { if (--left) again(); else report(); });
		  };
		  again();
		});
		const report = () => {
		  for (const fd of fs.readdirSync('/proc/self/fd').map(Number).sort((a, b) => a - b)) {
		    try { console.log(fd, fs.readlinkSync(`/proc/self/fd/${fd}`).split(':')[0]); } catch (e) { }
		  }
		  process.exit(0);
		};
	END
	cat >Fds.java <<-'END'
		import java.net.*;
		import java.nio.ByteBuffer;
		import java.nio.channels.*;
		import java.nio.file.*;
		public class Fds {
		    public static void main(String[] arguments) throws Exception {
		        var server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
		        for (int i = 0; i < 5; i++) {
		            var client = new Socket(server.getInetAddress(), server.getLocalPort());
		            var accepted = server.accept();
		            accepted.getOutputStream().write(1);
		            accepted.shutdownOutput();
		            while (client.getInputStream().read() >= 0) { }
		            client.close();
		            accepted.close();
		        }
		        var channel = SocketChannel.open(server.getLocalSocketAddress());
		        var accepted = server.accept();
		        accepted.close();
		        if (channel.read(ByteBuffer.allocate(10)) != -1) throw new Exception("no end");
		        try (var list = Files.list(Path.of("/proc/self/fd"))) {
		            list.sorted((a, b) -> Integer.parseInt(a.getFileName().toString()) - Integer.parseInt(b.getFileName().toString()))
		                .forEach(p -> { try { System.out.println(p.getFileName() + " "
		                    + Files.readSymbolicLink(p).toString().replaceAll("[:\\[].*|[0-9]+", "")); } catch (Exception e) { } });
		        }
		        System.exit(0);
		    }
		}
	END
	local command
	for command in "$python fds.py" 'node fds.js' 'java -Xshare:auto Fds.java'; do
		# shellcheck disable=SC2086 # a list of words
		timeout 30 $command >out 2>err
		mv out bare
		mv err bare.err
		# shellcheck disable=SC2086
		shim "${silent[@]}" TCPSHIM_CLOSE_ON_EOF=fin TCPSHIM_FORCE=on $command >out 2>err
		diff -u bare out >&2 || fail "$command: other descriptors"
		diff -u bare.err err >&2 || fail "$command: other errors"
		grep -q socket bare
	done
}

# --- end of stream ----------------------------------------------------------------------------------------------

is_dnc_in() {
	[[ $(ss -Htan "dport = :$port" | awk '{ print $1 }') == "$1" ]]
}

is_kodos_in() {
	[[ $(ss -Htan "sport = :$port" | awk '$1 != "LISTEN" { print $1 }') == "$1" ]]
}

# Plays scenario 4: a server that ends its stream, and a dnc that keeps its socket.
scenario_4() {
	start nc.openbsd -n -l 127.0.0.1 "$port" >nc.out
	local nc=$last
	await 5 listening "$port"
	mkfifo in
	exec {input}<>in
	env LD_PRELOAD="$library" TCPSHIM_OUTPUT=trace "$@" "$build/dnc" 127.0.0.1 "$port" <&$input >out 2>err 3>&- &
	started+=("$!")
	dnc=$!
	await 5 is_dnc_in ESTAB
	stop "$nc" || true
	await 5 grep -q 'read end-of-stream' err
}

@test "scenario 4 with fin: dnc's socket leaves CLOSE_WAIT at once, the server goes to TIME_WAIT" {
	need nc.openbsd
	port=$(free_port)
	scenario_4
	is_dnc_in CLOSE-WAIT
	is_kodos_in FIN-WAIT-2
	stop "$dnc" || true
	rm in
	port=$(free_port)
	scenario_4 TCPSHIM_CLOSE_ON_EOF=fin
	await 2 is_dnc_in ''
	is_kodos_in TIME-WAIT
	echo 'anybody there?' >&"$input"
	await 5 grep -q 'Broken pipe' err
	finish "$dnc" || true
	trace_is_whole trace
	trace_has trace '>=' 1 'CLOSE_WAIT > LAST_ACK.*\[policy-closed-on-eof\]$'
	trace_has trace = 1 "!! fd 3 to .*: the write failed because TCPSHIM_CLOSE_ON_EOF ended .*add !rport=$port to TCPSHIM_MATCH.*\\[write-after-policy-close\\]\$"
	trace_has trace = 0 '\[(broken-pipe|reset|half-open|eof-ignored|data-lost)'
}

@test "scenario 4 with rst: aborted" {
	need nc.openbsd
	port=$(free_port)
	scenario_4 TCPSHIM_CLOSE_ON_EOF=rst
	await 2 is_dnc_in ''
	is_kodos_in ''
	kill -0 "$dnc"
	trace_has trace = 1 'CLOSE_WAIT > CLOSE\..*\[policy-closed-on-eof\]$'
	echo 'anybody there?' >&"$input"
	finish "$dnc" || true
	trace_has trace = 1 '!! fd 3 to .*: the write failed because TCPSHIM_CLOSE_ON_EOF ended .*\[write-after-policy-close\]$'
	trace_has trace = 0 '\[(reset|data-lost)'
}

@test "the last line is told before SIGPIPE ends the program" {
	port=$(free_port)
	cat >pipe.py <<-'END'
		import signal, socket, sys
		signal.signal(signal.SIGPIPE, signal.SIG_DFL)
		listener = socket.create_server(("127.0.0.1", 0))
		s = socket.create_connection(listener.getsockname())
		listener.accept()[0].close()
		s.recv(10)
		s.send(b"x")
		print("not reached")
	END
	local status=0
	shim TCPSHIM_CLOSE_ON_EOF=fin TCPSHIM_OUTPUT=trace "$python" pipe.py >out || status=$?
	((status == 128 + 13)) || fail "status $status"
	[[ ! -s out ]]
	trace_has trace = 1 '\[write-after-policy-close\]$'
}

@test "what was queued before the peer's end arrives whole" {
	cat >queue.py <<-'END'
		import os, socket, time
		listener = socket.create_server(("127.0.0.1", 0))
		client = socket.create_connection(listener.getsockname())
		server, _ = listener.accept()
		if os.fork() == 0: # the peer: says that it ends, and reads later
		    client.close()
		    time.sleep(0.5)
		    server.shutdown(socket.SHUT_WR)
		    time.sleep(1)
		    total = 0
		    while data := server.recv(65536):
		        total += len(data)
		    print(total, flush=True)
		    os._exit(0)
		server.close()
		client.sendall(b"x" * (1 << 20))
		assert client.recv(10) == b""
		try:
		    client.send(b"y")
		except BrokenPipeError:
		    print("refused", flush=True)
		os.wait()
	END
	shim TCPSHIM_CLOSE_ON_EOF=fin TCPSHIM_TRACE=none "$python" queue.py >out
	[[ $(cat out) == $'refused\n1048576' ]] || fail "$(cat out)"
	shim TCPSHIM_CLOSE_ON_EOF=fin TCPSHIM_OUTPUT=trace "$python" queue.py >out
	[[ $(cat out) == $'refused\n1048576' ]] || fail "$(cat out)"
}

@test "no end of stream: a read of nothing, MSG_PEEK, the program's own shutdown" {
	cat >no_end.py <<-'END'
		import os, socket
		listener = socket.create_server(("127.0.0.1", 0))
		def pair():
		    client = socket.create_connection(listener.getsockname())
		    return client, listener.accept()[0]
		client, server = pair()
		assert os.read(client.fileno(), 0) == b""
		client.send(b"1")
		assert server.recv(10) == b"1"
		client.shutdown(socket.SHUT_RD)
		assert client.recv(10) == b""
		client.send(b"2")
		assert server.recv(10) == b"2"
		client, server = pair()
		server.shutdown(socket.SHUT_WR)
		assert client.recv(10, socket.MSG_PEEK) == b""
		client.send(b"3")
		assert server.recv(10) == b"3"
		assert client.recv(10) == b""
		try:
		    client.send(b"4")
		    raise SystemExit("sent after the end")
		except BrokenPipeError:
		    pass
		client.shutdown(socket.SHUT_RDWR) # done already: success all the same
		copy = os.dup(client.fileno())
		client.close()
		os.close(copy)
		print("done")
	END
	shim TCPSHIM_CLOSE_ON_EOF=fin TCPSHIM_TRACE=none "$python" no_end.py >out
	[[ $(cat out) == 'done' ]] || fail "$(cat out)"
	shim TCPSHIM_CLOSE_ON_EOF=fin TCPSHIM_OUTPUT=trace "$python" no_end.py >out
	[[ $(cat out) == 'done' ]] || fail "$(cat out)"
}

@test "nginx and redis under fin serve 10,000 requests" {
	need nginx curl redis-server redis-benchmark
	need_root
	nginx_listening '' TCPSHIM_TRACE=none TCPSHIM_CLOSE_ON_EOF=fin
	echo 'a page' >page
	timeout 60 curl -sS --parallel --parallel-max 20 "http://127.0.0.1:$port/page?[1-5000]" >kept
	timeout 60 curl -sS --parallel --parallel-max 20 -H 'Connection: close' "http://127.0.0.1:$port/page?[1-5000]" >closed
	[[ $(cat kept closed | grep -c '^a page$') == 10000 ]]
	stop "$nginx" QUIT
	[[ ! -s error.log ]] || fail "$(cat error.log)"
	port=$(free_port)
	start_shim TCPSHIM_TRACE=none TCPSHIM_CLOSE_ON_EOF=fin redis-server --port "$port" --bind 127.0.0.1 --save '' \
		--appendonly no --dir "$place" >redis.out
	await 30 listening "$port"
	timeout 60 redis-benchmark -p "$port" -n 10000 -c 20 -t set -q >bench.out 2>bench.err
	timeout 60 redis-benchmark -p "$port" -n 1000 -c 20 -k 0 -t set -q >>bench.out 2>>bench.err
	grep -v 'Keepalive disabled' bench.err | nothing "redis-benchmark says:"
	redis-cli -p "$port" info stats | grep -q 'total_commands_processed:1[1-9][0-9][0-9][0-9]'
	redis-cli -p "$port" shutdown nosave
}

@test "a client that half-closes on purpose loses its answer, the note says so, and MATCH brings it back" {
	need socat nc.openbsd
	ask() {
		rm -f trace
		port=$(free_port)
		start_shim TCPSHIM_CLOSE_ON_EOF=fin TCPSHIM_PROGRAMS=socat TCPSHIM_OUTPUT="$place/trace" \
			"${@//PORT/$port}" socat "TCP-LISTEN:$port,bind=127.0.0.1" SYSTEM:sort 2>socat.err
		local socat=$last
		await 30 listening "$port"
		printf 'b\na\n' | timeout 10 nc.openbsd -N 127.0.0.1 "$port" >answer || true
		finish "$socat" || true
	}
	ask TCPSHIM_CLOSE_ON_EOF=off
	[[ $(cat answer) == $'a\nb' ]] || fail "it does not work without the policy" "$(cat answer trace)"
	ask TCPSHIM_CLOSE_ON_EOF=fin
	[[ ! -s answer ]] || fail "$(cat answer trace)"
	trace_has trace '>=' 1 "add !lport=$port to TCPSHIM_MATCH.*\\[write-after-policy-close\\]\$"
	ask TCPSHIM_MATCH='!lport=PORT'
	[[ $(cat answer) == $'a\nb' ]] || fail "$(cat answer trace)"
}

@test "what does not fit together is said in one line at start, and the program runs" {
	local line
	shim TCPSHIM_TRACE=none TCPSHIM_KEEPALIVE=1s,1s,2 TCPSHIM_USER_TIMEOUT=8s true 2>err
	[[ $(wc -l <err) == 1 ]]
	grep -qF 'ends after 8s instead of 3s. Use TCPSHIM_USER_TIMEOUT=3s (or auto), or TCPSHIM_KEEPALIVE=1s,1s,7.' err ||
		fail "$(cat err)"
	shim TCPSHIM_TRACE=none TCPSHIM_KEEPALIVE=1s,4s,3 TCPSHIM_USER_TIMEOUT=2s true 2>err
	grep -qF 'ends after 5s instead of 13s.' err || fail "$(cat err)"
	for line in KEEPALIVE=0 KEEPALIVE=1.5s KEEPALIVE=500ms "KEEPALIVE=30s,10s,3," KEEPALIVE=on,5s USER_TIMEOUT=-1 \
		USER_TIMEOUT=25d CLOSE_ON_EOF=yes FORCE=1 MATCH=port=http MATCH=peer=10.0.0.0/33 'MATCH=port=80,'; do
		shim TCPSHIM_TRACE=none "TCPSHIM_$line" true 2>err
		[[ $(wc -l <err) == 1 ]] || fail "$line:" "$(cat err)"
		grep -qF "tcpshim: TCPSHIM_${line%%=*}=\"${line#*=}\" is not valid: use " err || fail "$(cat err)"
	done
	shim TCPSHIM_TRACE=none TCPSHIM_USER_TIMEOUT=auto true 2>err
	grep -qF 'TCPSHIM_USER_TIMEOUT="auto" needs TCPSHIM_KEEPALIVE' err
}

# Shown: if input_copy (input.c) copies nothing for a call that is not shown, readv and recvmsg do not end the connection.
@test "close-on-EOF without a trace: whichever call reads the end of stream" {
	cat >ends.py <<-'END'
		import os, socket
		def reads(fd, how):
		    room = bytearray(16)
		    if how == "readv": return os.readv(fd.fileno(), [room])
		    if how == "recvmsg": return len(fd.recvmsg(16)[0])
		    if how == "recv_into": return fd.recv_into(room)
		    return len(os.read(fd.fileno(), 16))
		for how in "read", "readv", "recvmsg", "recv_into":
		    with socket.create_server(("127.0.0.1", 0)) as listener:
		        a = socket.create_connection(listener.getsockname()); b = listener.accept()[0]
		    a.shutdown(socket.SHUT_WR)
		    assert reads(b, how) == 0
		    try: b.send(b"x"); print(how, "goes on")
		    except BrokenPipeError: print(how, "ended")
	END
	"$python" ends.py >out
	[[ $(grep -c 'goes on' out) == 4 ]] || fail "$(cat out)"
	shim TCPSHIM_TRACE=none TCPSHIM_CLOSE_ON_EOF=fin "$python" ends.py >out
	[[ $(grep -c 'ended' out) == 4 ]] || fail "$(cat out)"
}
