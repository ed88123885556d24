#!/usr/bin/env bats
#
# tcpshim diagnose on recordings of real faults, each with the cure that it names.

# shellcheck disable=SC2154	# set in common.bash

load ../common

tcpshim=$build/tcpshim

setup() {
	common_setup
	mkdir recordings
	python=$(python3 -c 'import sys; print(sys.executable)') # python3 may be a script, which runs other programs
}

# recorded PROGRAM…: runs it, recorded into recordings/.
recorded() {
	rm -f recordings/*
	shim TCPSHIM_RECORD=recordings/ "$@"
}

# finds ID WORDS: the first finding has this id, and says this.
finds() {
	timeout -k 5 20 "$tcpshim" diagnose recordings >found 2>said || fail "status $?" "$(cat said)"
	head -n 1 found | grep -Eq "^!+ $1: " || fail "not $1 first:" "$(cat found)"
	tr -s '\n ' ' ' <found | grep -Eq "$2" || fail "it does not say: $2" "$(cat found)"
}

finds_nothing() {
	timeout -k 5 20 "$tcpshim" diagnose recordings >found 2>said || fail "status $?" "$(cat said)"
	[[ $(wc -l <found) == 1 ]] || fail "$(cat found)"
	grep -Eq '^[0-9]+ connections? in [0-9]+ groups?, .*: nothing wrong\.$' found || fail "$(cat found)"
}

# looks_at SCOPE OPTION…: with these options the diagnosis is of so many connections.
looks_at() {
	local scope=$1
	shift
	timeout -k 5 20 "$tcpshim" diagnose "$@" recordings >found 2>said || fail "status $?" "$(cat said)"
	tail -n 1 found | grep -Eq "^$scope, " || fail "$*: not $scope:" "$(tail -n 1 found)"
}

# A server that closes what is idle for a second, and ten clients whose pools keep connections for $1 seconds.
pool() {
	cat >pool.py <<-'END'
		import socket, sys, threading, time
		listener = socket.create_server(("127.0.0.1", 0))
		kept = float(sys.argv[1])
		def serve(connection):
		    connection.settimeout(1)
		    try:
		        while connection.recv(100):
		            connection.send(b"answer")
		    except OSError:
		        pass
		    connection.close()
		def accept():
		    while True:
		        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
		threading.Thread(target=accept, daemon=True).start()
		def client():
		    for pause in (0.5, kept):
		        connection = socket.create_connection(listener.getsockname())
		        try:
		            for _ in range(2):
		                connection.send(b"request")
		                connection.recv(100)
		                time.sleep(pause)
		        except OSError:
		            pass
		        connection.close()
		clients = [threading.Thread(target=client) for _ in range(10)]
		for one in clients:
		    one.start()
		for one in clients:
		    one.join()
	END
	recorded "$python" pool.py "$1"
}

@test "a pool that keeps connections longer than its peer, and the cure" {
	pool 1.4
	finds peer-idle-limit \
		'10 requests were written to a connection that the peer had closed\..* after (1\.0 s|99[0-9]\.. ms).* longest pause that one survived was 50[0-9]\.. ms\..*below (1\.0 s|99[0-9]\.. ms)'
	pool 0.7
	finds_nothing
}

@test "nginx closes what is idle for a second, python's http.client keeps it for longer, and the cure" {
	need nginx
	local port
	port=$(free_port)
	mkdir www
	printf 'a page\n' >www/page
	cat >nginx.conf <<-CONFIG
		daemon off; master_process off; pid nginx.pid; error_log nginx.log;
		events {}
		http {
		    access_log off; keepalive_timeout 1s;
		    client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
		    server { listen 127.0.0.1:$port; root www; }
		}
	CONFIG
	start nginx -p "$PWD" -c "$PWD/nginx.conf" >nginx.out 2>&1
	await 30 listening "$port"
	cat >client.py <<-'END'
		import http.client, sys, time
		connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
		for _ in range(4):
		    try:
		        connection.request("GET", "/page")
		        connection.getresponse().read()
		    except (http.client.HTTPException, OSError):
		        connection.close()
		        continue
		    time.sleep(float(sys.argv[2]))
	END
	recorded "$python" client.py "$port" 1.5
	finds peer-idle-limit "python3?[0-9.]* to 127\\.0\\.0\\.1:$port .* to a connection that the peer had closed\\..* after (1\\.[0-3] s|99[0-9]\\.. ms)"
	recorded "$python" client.py "$port" 0.5
	finds_nothing
}

@test "sockets that are left in CLOSE_WAIT, and the cure" {
	cat >leak.py <<-'END'
		import socket, sys, time
		listener = socket.create_server(("127.0.0.1", 0))
		kept = []
		for _ in range(7):
		    client = socket.create_connection(listener.getsockname())
		    listener.accept()[0].close()
		    client.recv(1)
		    if sys.argv[1] == "closes":
		        client.close()
		    kept.append(client)
		time.sleep(10.5)
		kept[0].fileno() >= 0 and kept[0].recv(1)
		import os, signal
		os.kill(os.getpid(), signal.SIGKILL)
	END
	recorded "$python" leak.py leaks || true
	finds close-wait-leak '7 of 7 connections are in CLOSE_WAIT.* The oldest for 10\.[5-9] s'
	recorded "$python" leak.py closes || true
	finds_nothing
}

@test "ten resets among five hundred connections" {
	cat >resets.py <<-'END'
		import socket, struct
		listener = socket.create_server(("127.0.0.1", 0))
		for number in range(500):
		    client = socket.create_connection(listener.getsockname())
		    server, _ = listener.accept()
		    client.send(b"request")
		    server.recv(100)
		    if number % 50 == 0:
		        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
		    server.send(b"answer")
		    client.recv(3)
		    server.close()
		    try:
		        while client.recv(100):
		            pass
		    except OSError:
		        pass
		    client.close()
	END
	recorded "$python" resets.py
	finds peer-resets '10 of 500 connections were reset'
	grep -q '^! resets-its-peers: python3 at port ' found || fail "$(cat found)"
	timeout 20 "$tcpshim" diagnose --match=role=server recordings >found
	! grep -q peer-resets found || fail "$(cat found)"
	timeout 20 "$tcpshim" diagnose --top=1 recordings >found
	grep -Eq '^([0-9]+ more findings are|1 more finding is) not shown \(--top=1\)\.$' found || fail "$(cat found)"
	# The filters of a report choose connections. Each socket is one, with its own number.
	looks_at '10 of 1000 connections in 1 group' --error=ECONNRESET
	grep -q ' 10 of 10 connections were reset' found || fail "$(cat found)"
	looks_at '10 of 1000 connections in 1 group' --note=reset-by-peer
	looks_at '500 of 1000 connections in 1 group' --match=role=client
	looks_at '1 of 1000 connections in 1 group' --conn=2
	looks_at '500 connections in [0-9]+ groups' --longer=0
	looks_at '500 connections in [0-9]+ groups' --since=0 --until=1h
	timeout 20 "$tcpshim" diagnose --since=1h recordings >found 2>said
	[[ ! -s found ]] || fail "$(cat found)"
	grep -Eq '^tcpshim: none of the 1000 connections in recordings/[^ ]* matches the options$' said || fail "$(cat said)"
	! timeout 20 "$tcpshim" diagnose --note=reset-by-pear recordings 2>said || fail "it is accepted"
	grep -q -e '--note=reset-by-pear: there is no note reset-by-pear; did you mean reset-by-peer?' said || fail "$(cat said)"
}

@test "Nagle's algorithm, and the cure" {
	cat >nagle.py <<-'END'
		import socket, sys, threading
		listener = socket.create_server(("127.0.0.1", 0))
		def serve():
		    connection, _ = listener.accept()
		    while connection.recv(20, socket.MSG_WAITALL):
		        connection.send(b"ok")
		threading.Thread(target=serve, daemon=True).start()
		client = socket.create_connection(listener.getsockname())
		if sys.argv[1] == "nodelay":
		    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
		for _ in range(10):
		    client.send(b"x" * 10)
		    client.send(b"y" * 10)
		    client.recv(2)
		client.close()
	END
	recorded "$python" nagle.py delayed
	finds nagle '1 of 1 connection waited for delayed acknowledgements, ([89]|10) times, (3[0-9]{2}|4[0-9]{2})\.. ms in all'
	recorded "$python" nagle.py nodelay
	finds_nothing
}

# A web server whose /slow takes five seconds.
start_slow_server() {
	cat >slow.py <<-'END'
		import http.server, time
		class Handler(http.server.BaseHTTPRequestHandler):
		    def do_GET(self):
		        time.sleep(5 if self.path == "/slow" else 0.02)
		        try:
		            self.send_response(200)
		            self.send_header("Content-Length", "2")
		            self.end_headers()
		            self.wfile.write(b"ok")
		        except OSError:
		            pass
		    def log_message(self, *words):
		        pass
		server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
		print("port", server.server_port, flush=True)
		server.serve_forever()
	END
	start "$python" slow.py >slow.log 2>&1
	await 10 grep -q 'port [0-9]' slow.log
	web=http://127.0.0.1:$(sed -n 's/^port //p' slow.log)
}

@test "curl gives up on a server that is slow, and the cure" {
	need curl
	local _
	start_slow_server
	recorded curl -s -m 2 "$web/slow" || true
	finds gave-up '1 of 1 connection was closed by this program before an answer came, after (1\.[0-9]|2\.[0-9]) s without a byte\..* Measured\..* allow it more time'
	recorded curl -s -m 20 "$web/slow" >out
	finds_nothing
	recorded curl -s -m 2 "$web/slow" || true
	for _ in 1 2 3 4; do
		shim TCPSHIM_RECORD=recordings/ curl -s -m 20 "$web/" >out
	done
	finds gave-up '1 of 5 connections was closed .*; 4 others got the first byte of an answer within [0-9.]+ ms'
}

# Shown: without the condition that the program waits for an answer, each of these is a finding.
@test "a client that needs no answer, or has it, does not give up when it closes" {
	cat >quiet.py <<-'END'
		import select, socket, time
		def pair():
		    listener = socket.create_server(("127.0.0.1", 0))
		    client = socket.create_connection(listener.getsockname())
		    return client, listener.accept()[0]
		logger, log = pair() # sends and never gets an answer
		logger.send(b"a line of a log")
		log.recv(100)
		pool, server = pair() # is answered, lies idle and is polled meanwhile
		pool.send(b"request")
		server.recv(100)
		server.send(b"answer")
		pool.recv(100)
		time.sleep(1.1)
		select.select([pool], [], [], 0.2)
		pool.close()
		logger.close()
		pool, server = pair() # the last bytes of a session need no answer; then it is looked at, and closed
		pool.send(b"request")
		server.recv(100)
		server.send(b"answer")
		pool.recv(100)
		pool.send(b"thanks")
		server.recv(100)
		time.sleep(1.1)
		select.select([pool], [], [], 0)
		pool.close()
	END
	recorded "$python" quiet.py
	finds_nothing
}

@test "a session of ssh that its user ends: nothing wrong" {
	need ssh ssh-keygen /usr/sbin/sshd
	local port
	port=$(free_port)
	[[ $EUID != 0 ]] || mkdir -p /run/sshd
	ssh-keygen -q -t ed25519 -N '' -f host_key
	ssh-keygen -q -t ed25519 -N '' -f user_key
	start /usr/sbin/sshd -D -e -f /dev/null -p "$port" -h "$PWD/host_key" -o ListenAddress=127.0.0.1 -o PidFile=none \
		-o UsePAM=no -o StrictModes=no -o AuthorizedKeysFile="$PWD/user_key.pub" >sshd.log 2>&1
	await 20 listening "$port"
	# shellcheck disable=SC2016 # expanded by sh
	recorded sh -c 'sleep 2 | exec ssh -F none -i user_key -o UserKnownHostsFile=known -o StrictHostKeyChecking=no -p "$1" \
		"$(id -un)@127.0.0.1" cat >ssh.out 2>ssh.err' sh "$port" || fail "$(cat ssh.err sshd.log)"
	finds_nothing
}

# spins WORD: a connection whose peer has reset it, or that finds nothing, is asked again and again.
spins() {
	cat >spin.py <<-'END'
		import select, socket, struct, sys, time
		listener = socket.create_server(("127.0.0.1", 0))
		client = socket.create_connection(listener.getsockname())
		server, _ = listener.accept()
		poll = select.poll()
		poll.register(client, select.POLLIN)
		client.setblocking(False)
		if sys.argv[1] in ("polls", "reads", "closes"):
		    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
		    server.close()
		if sys.argv[1] in ("reads", "closes"):
		    poll.poll(1000)
		    try:
		        client.recv(100)
		    except OSError:
		        pass
		counts = {"closes": 0, "waits": 500}
		for number in range(counts.get(sys.argv[1], 5000)):
		    try:
		        if sys.argv[1] == "polls":
		            poll.poll(1000)
		        elif sys.argv[1] == "waits":
		            if number % 10 == 0:
		                server.send(b"x")
		            if poll.poll(1):
		                while client.recv(100):
		                    pass
		        else:
		            client.recv(100)
		    except BlockingIOError:
		        pass
		client.close()
	END
	recorded "$python" spin.py "$1"
	timeout 20 "$tcpshim" diagnose --match=role=client recordings >found 2>said
}

@test "loops that ask again and again: polls and reads of what has ended, calls that would block; and the cures" {
	spins polls
	tr -s '\n ' ' ' <found | grep -Eq '! busy-loop: .* wasted were at least 5000 polls \([0-9]+ per second\)\.' || fail "$(cat found)"
	spins reads
	tr -s '\n ' ' ' <found | grep -Eq '! busy-loop: .* wasted were [1-5][0-9]{3} reads \([0-9]+ per second\)\.' || fail "$(cat found)"
	spins closes
	! grep -q busy-loop found || fail "$(cat found)"
	spins blocked
	grep -q '^! eagain-storm: ' found || fail "$(cat found)"
	spins waits
	grep -q 'nothing wrong' found || fail "$(cat found)"
}

@test "healthy traffic: nothing wrong" {
	need curl
	mkdir www
	printf 'a page\n' >www/page
	start "$python" -u -m http.server -b 127.0.0.1 -d www 0 >web.log 2>&1
	await 10 grep -q 'port [0-9]' web.log
	web=http://127.0.0.1:$(sed -nE 's/.* port ([0-9]+) .*/\1/p' web.log)
	recorded curl -s "$web/page" "$web/page" "$web/none" >out
	finds_nothing
}

@test "as JSON: each finding is an object with the same members" {
	need jq
	pool 1.4
	timeout 20 "$tcpshim" diagnose --json recordings >found
	jq -e 'has("finding") and has("severity") and has("role") and .affected > 0 and .of >= .affected and
		(.what | length) > 0 and (.why | length) > 0 and (.what_to_do | length) > 0 and
		(.first | test("^20.*Z$")) and (.certainty | IN("measured", "inferred"))' found >checked || fail "$(cat found)"
	[[ $(jq -r .finding found | head -n 1) == peer-idle-limit ]]
	/usr/bin/python3 -c 'import jsonschema' || skip "python3-jsonschema is not installed"
	"$repository/tests/e2e/validate" "$repository/include/tcpshim/schema/finding.schema.json" found
	# Each finding is in the schema.
	jq -r '.properties.finding.enum[]' "$repository/include/tcpshim/schema/finding.schema.json" | sort >in_schema
	"$tcpshim" list findings | cut -d ' ' -f 1 | sort | diff - in_schema >&2
}

@test "what is wrong is refused" {
	local status=0
	mkdir empty
	"$tcpshim" diagnose empty >out 2>said || status=$?
	((status == 125)) || fail "status $status"
	grep -q '^tcpshim: empty has no recording: no file \*\.tcpshim$' said || fail "$(cat said)"
	status=0
	"$tcpshim" diagnose >out 2>said || status=$?
	((status == 2)) || fail "status $status"
	status=0
	"$tcpshim" diagnose --top=none empty >out 2>said || status=$?
	((status == 2)) || fail "status $status"
	grep -q 'it takes a number from 1 on' said || fail "$(cat said)"
}

@test "a program is run and diagnosed: its output and status are its own, and nothing stays" {
	need curl
	local status=0
	export TMPDIR=$PWD/kept
	mkdir kept
	timeout 20 "$tcpshim" --diagnose curl -s "http://127.0.0.1:$(free_port)/" >out 2>said || status=$?
	((status == 7)) || fail "status $status" "$(cat said)"
	[[ ! -s out ]] || fail "$(cat out)"
	grep -q '^! connect-refused: curl to 127\.0\.0\.1:' said || fail "$(cat said)"
	[[ -z $(ls kept) ]] || fail "$(ls kept)"
	timeout 20 "$tcpshim" --diagnose echo word >out 2>said
	[[ $(cat out) == word ]] || fail "$(cat out)"
	grep -q 'made no call on a TCP connection' said || fail "$(cat said)"
	[[ -z $(ls kept) ]] || fail "$(ls kept)"
	status=0
	timeout 20 "$tcpshim" --diagnose --record=kept true 2>said || status=$?
	((status == 2)) || fail "status $status"
	grep -q 'leave out --record' said || fail "$(cat said)"
}

# Shown: printed as it is, the name of the program cleared the screen.
@test "a name that would command the terminal is made printable" {
	cp "$(command -v curl)" "$(printf 'cur\033[2Jl')"
	recorded "$(printf './cur\033[2Jl')" -s "http://127.0.0.1:$(free_port)/" || true
	finds connect-refused 'refused'
	! grep -q $'\033' found || fail "$(cat -v found)"
	timeout 20 "$tcpshim" diagnose --json recordings >found
	! grep -q $'\033' found || fail "$(cat -v found)"
}

# A client that is refused seven times in ask() and twice in check(), as two processes.
refused_in_two_places() {
	cat >dial.c <<-'END'
		#include <arpa/inet.h>
		#include <netinet/in.h>
		#include <stdlib.h>
		#include <sys/socket.h>
		#include <unistd.h>
		static struct sockaddr_in to = {.sin_family = AF_INET};
		static __attribute__((noinline)) int dial(void) {
		    int fd = socket(AF_INET, SOCK_STREAM, 0);
		    int result = connect(fd, (struct sockaddr *)&to, sizeof(to));
		    return close(fd) + result;
		}
		__attribute__((noinline)) int ask(void) {
		    return dial() + 1;
		}
		__attribute__((noinline)) int check(void) {
		    return dial() + 2;
		}
		int main(int count, char **words) {
		    int sum = 0;
		    to.sin_port = htons(atoi(words[1]));
		    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		    if (fork() == 0)
		        return check() == 0;
		    for (int i = 0; i < 7; i++)
		        sum += ask();
		    return (check() + sum) == 0 && count == 0;
		}
	END
	gcc -O1 -g -o dial dial.c
	rm -f recordings/*
	shim TCPSHIM_RECORD=recordings/ TCPSHIM_STACK=warn ./dial "$(free_port)"
	await 10 has_two_ended
}

has_two_ended() {
	[[ $(timeout 10 "$tcpshim" diagnose recordings | tail -n 1) == '9 connections in '* ]]
}

# Shown: compared by address, the two processes have four places.
@test "findings name the code: the program's frames, those of several processes together" {
	need gcc jq
	refused_in_two_places
	local at='dial\(dial\+0x[0-9a-f]+\) dial\.c:9, from dial'
	finds connect-refused "9 of 9 .* At $at\\(ask\\+0x[0-9a-f]+\\) dial\\.c:13, from dial\\(main\\+0x[0-9a-f]+\\) dial\\.c:[0-9]+ \\(7 of 9\\)\\. At $at\\(check\\+"
	[[ $(tr -s '\n ' ' ' <found | grep -o 'At dial' | wc -l) == 3 ]] || fail "$(cat found)" # main() calls check() in two places
	timeout 20 "$tcpshim" diagnose --no-symbols recordings >found
	grep -Eq '^    At dial\(\+0x[0-9a-f]+\), from dial\(\+0x' found || fail "$(cat found)"
	timeout 20 "$tcpshim" diagnose --json recordings >found
	jq -e --arg file "$PWD/dial" '(.stack | length) == 4 and (.stack[0] | startswith($file + "(dial+0x")) and .stack_affected == 7' found >checked ||
		fail "$(cat found)"
	[[ ! -x /usr/bin/python3 ]] || ! /usr/bin/python3 -c 'import jsonschema' 2>missing ||
		"$repository/tests/e2e/validate" "$repository/include/tcpshim/schema/finding.schema.json" found
}

@test "the files that another user's recording names are not opened" {
	need_root
	need gcc
	refused_in_two_places
	chown 65534 recordings/*
	timeout 20 "$tcpshim" diagnose recordings >found 2>said
	grep -Eq '^    At dial\(\+0x[0-9a-f]+\), from dial\(\+0x' found || fail "$(cat found)"
	grep -q 'belongs to another user: the files that it names are not opened' said || fail "$(cat said)"
}

@test "--diagnose records the stacks of warnings, if the user has not said which" {
	local said_by
	for said_by in '' --stack=none; do
		timeout 20 "$tcpshim" --diagnose ${said_by:+"$said_by"} "$python" -c 'import socket, sys; socket.socket().connect_ex(("127.0.0.1", int(sys.argv[1])))' "$(free_port)" 2>said
		grep -q '^! connect-refused: ' said || fail "$(cat said)"
		[[ -n $said_by ]] || grep -q '^    At .*+0x' said || fail "$(cat said)"
		[[ -z $said_by ]] || ! grep -q '^    At .*+0x' said || fail "$(cat said)"
	done
}
