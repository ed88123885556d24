#!/usr/bin/env bats
#
# Real, unmodified programs under the library.  They do what they do without it, their connections are traced from
# beginning to end, and healthy traffic draws no warning.  All run on the loopback interface, in directories of their own.

# bats runs each test in a subshell of its own, and functions are handed over by name.
# shellcheck disable=SC2154,SC2030,SC2031,SC2317

load ../common

setup() {
	place_setup tcpshim-e2e
	export HOME=$place
	python=$(python3 -c 'import sys; print(sys.executable)')
}

teardown() { place_teardown; }

# Checks that the traces are whole and healthy, and that something is in them.
traces_are_good() {
	local file
	for file in "$@"; do
		[[ -s $file ]] || fail "no trace in $file"
		trace_is_whole "$file"
		trace_is_healthy "$file"
	done
}

# Counts the connections that were opened in these traces.  ended counts the ends that were reported.
opened() {
	cat "$@" | grep -Ec '\[(connected|accepted|adopted)\]$' || true
}

# A close while another descriptor of the same process refers to the connection does not count as an end.
ended() {
	cat "$@" | trace_plain | grep -Ec -- \
		'sent [0-9]+ bytes?, received .*\[(closed-[a-z-]+|aborted|left-open-at-exit)\]$' || true
}

traced_from_open_to_close() {
	local begun over
	begun=$(opened "$@")
	over=$(ended "$@")
	((begun > 0 && begun == over)) || fail "$begun connections opened, $over ends told" "$(cat "$@" | head -n 60)"
}

# The calls that are counted in what strace sees.  The library's own calls have other names.
data_calls='socket|connect|accept|accept4|listen|bind|read|write|readv|writev|send|sendto|sendmsg|recv|recvfrom|recvmsg|sendfile|shutdown|close'

seen_by_strace() {
	sed -nE "s/^[0-9]+ +($data_calls)\\(.*/&/p" "$1" | awk '
		/^[0-9]+ +socket\(.*= [0-9]+<TCP/ { n["socket"]++; next }
		match($0, /^[0-9]+ +[a-z0-9]+\([0-9]+<TCP/) { name = $2; sub(/\(.*/, "", name); n[name]++; next }
		END { for (name in n) print name, n[name] }' | sed -E 's/^send /sendto /; s/^recv /recvfrom /' | sort
}

# libc implements send and recv by sendto and recvfrom, but on i386; the trace has the names that the program called.
seen_by_us() {
	# For strace a second close, as nc.traditional makes, is no longer a call on a TCP descriptor.
	trace_plain "$1" | grep -vE '\(sleeping\.\.\.\)$|^close.*EBADF$' | sed -nE "s/^($data_calls)\\(.*/\\1/p" |
		sed -E 's/^send$/sendto/; s/^recv$/recvfrom/' | sort | uniq -c | awk '{ print $2, $1 }' | sort
}

# --- netcats ----------------------------------------------------------------------------------------------------

# nc_pair OUT SERVER… -- CLIENT…: runs both to their end, with their outputs in OUT.server and OUT.client.
nc_pair() {
	local out=$1 server=() client status
	shift
	while [[ $1 != -- ]]; do
		server+=("$1")
		shift
	done
	shift
	client=("$@")
	printf 'from the server\n' >server.in
	printf 'from the client\n' >client.in
	"${server[@]}" <server.in >"$out.server" 2>"$out.server.err" 3>&- &
	local pid=$!
	started+=("$pid")
	await 5 listening "$port"
	status=0
	timeout 20 "${client[@]}" <client.in >"$out.client" 2>"$out.client.err" || status=$?
	echo "client $status" >"$out.status"
	status=0
	finish "$pid" || status=$?
	echo "server $status" >>"$out.status"
}

nc_both_ways() {
	local server client
	port=$(free_port)
	read -ra server <<<"$1"
	read -ra client <<<"$2"
	nc_pair bare "${server[@]}" "$port" -- "${client[@]}" "$port"
	port=$(free_port)
	nc_pair traced env LD_PRELOAD="$library" TCPSHIM_OUTPUT=trace.server "${server[@]}" "$port" -- \
		env LD_PRELOAD="$library" TCPSHIM_OUTPUT=trace.client "${client[@]}" "$port"
	local part
	for part in server client status server.err client.err; do
		diff -u bare.$part traced.$part >&2 || fail "$part differs"
	done
	grep -q 'from the client' traced.server
	grep -q 'from the server' traced.client
	traces_are_good trace.server trace.client
	trace_has trace.client = 1 $'^connect\\(.*127\\.0\\.0\\.1:'"$port"', 16\)'
	trace_has trace.server '>=' 1 $'^accept4?\\(.*[\t ]= [0-9]+( |$)'
	trace_has trace.client '>=' 1 '" f r o m   t h e   s e'
	trace_has trace.client '>=' 1 '" f r o m   t h e   c l'
	trace_has trace.server '>=' 1 '" f r o m   t h e   s e'
	trace_has trace.server '>=' 1 '" f r o m   t h e   c l'
	trace_has trace.client '>=' 1 '\[peer-fin\]$'
	traced_from_open_to_close trace.client
	traced_from_open_to_close trace.server
}

@test "nc.openbsd, client and server" {
	need nc.openbsd
	nc_both_ways "nc.openbsd -N -l -s 127.0.0.1 -p" "nc.openbsd -N 127.0.0.1"
}

@test "nc.traditional, client and server" {
	need nc.traditional
	nc_both_ways "nc.traditional -q 1 -l -s 127.0.0.1 -p" "nc.traditional 127.0.0.1"
}

@test "ncat, client and server" {
	need ncat
	nc_both_ways "ncat -l 127.0.0.1" "ncat 127.0.0.1"
}

@test "nc: the calls that strace sees" {
	need nc.openbsd strace
	local kind
	for kind in nc.openbsd nc.traditional; do
		port=$(free_port)
		# shellcheck disable=SC2046 # -N is OpenBSD's
		nc_pair "$kind" nc.openbsd -N -l -s 127.0.0.1 -p "$port" -- \
			strace -f -yy -qq -o "$kind.strace" env LD_PRELOAD="$library" \
			TCPSHIM_OUTPUT="trace.$kind" "$kind" $([[ $kind == nc.openbsd ]] && echo -N) 127.0.0.1 "$port"
		diff -u <(seen_by_strace "$kind.strace") <(seen_by_us "trace.$kind") >&2 ||
			fail "$kind: the trace is not what strace saw" "$(cat "trace.$kind")"
	done
}

# --- HTTP -------------------------------------------------------------------------------------------------------

# http_server [VARIABLE=VALUE…]: starts python's, on a port that the kernel chose, which is then in $port.
http_server() {
	mkdir -p www
	printf 'a page\n' >www/page
	head -c 1000000 /dev/zero | tr '\0' 'x' >www/megabyte
	rm -f http.out
	start env "$@" "$python" -u -m http.server -b 127.0.0.1 -d www 0 >http.out 2>http.err
	await 10 grep -q 'port [0-9]' http.out
	port=$(sed -nE 's/.* port ([0-9]+) .*/\1/p' http.out)
}

# fetch OUT COMMAND…: runs it, and keeps output, errors and status.
fetch() {
	local out=$1 status=0
	shift
	timeout 30 "$@" >"$out.out" 2>"$out.err" || status=$?
	echo "$status" >"$out.status"
}

same_fetch() {
	local part
	for part in out err status; do
		diff -u "bare.$part" "traced.$part" >&2 || fail "$part differs"
	done
}

@test "curl" {
	need curl
	http_server
	local url=http://127.0.0.1:$port
	local what
	for what in "page" "megabyte" "no-such-page"; do
		fetch bare curl -sS "$url/$what"
		fetch traced env LD_PRELOAD="$library" TCPSHIM_OUTPUT="trace.$what" curl -sS "$url/$what"
		same_fetch
		traces_are_good "trace.$what"
		traced_from_open_to_close "trace.$what"
	done
	fetch bare curl -sS http://127.0.0.1:1/
	fetch traced env LD_PRELOAD="$library" TCPSHIM_OUTPUT=trace.refused curl -sS http://127.0.0.1:1/
	sed -i -E 's/after [0-9]+ ms/after N ms/' bare.err traced.err
	same_fetch
	trace_has trace.refused = 1 '\[connect-refused\]$'
}

@test "curl: the calls that strace sees" {
	need curl strace
	http_server
	strace -f -yy -qq -o curl.strace env LD_PRELOAD="$library" TCPSHIM_OUTPUT=trace.curl \
		timeout 30 curl -sS "http://127.0.0.1:$port/megabyte" -o /dev/null
	diff -u <(seen_by_strace curl.strace) <(seen_by_us trace.curl) >&2 ||
		fail "the trace is not what strace saw" "$(head -n 50 trace.curl)"
}

@test "wget" {
	need wget
	http_server
	local url=http://127.0.0.1:$port
	fetch bare wget -q -O - "$url/megabyte" "$url/page"
	fetch traced env LD_PRELOAD="$library" TCPSHIM_OUTPUT=trace.wget wget -q -O - "$url/megabyte" "$url/page"
	same_fetch
	traces_are_good trace.wget
	traced_from_open_to_close trace.wget
}

@test "python3 -m http.server" {
	need curl
	http_server
	fetch bare curl -sS "http://127.0.0.1:$port/page" "http://127.0.0.1:$port/megabyte"
	stop "$last" || true
	sed -E 's/:[0-9]+\//:PORT\//; s/port [0-9]+/port PORT/; s/\[.*\]/[TIME]/' http.out >bare.http.out
	sed -E 's/\[.*\]/[TIME]/' http.err >bare.http.err
	http_server LD_PRELOAD="$library" TCPSHIM_OUTPUT=trace.http
	fetch traced curl -sS "http://127.0.0.1:$port/page" "http://127.0.0.1:$port/megabyte"
	stop "$last" || true
	same_fetch
	diff -u bare.http.out <(sed -E 's/:[0-9]+\//:PORT\//; s/port [0-9]+/port PORT/; s/\[.*\]/[TIME]/' http.out) >&2
	diff -u bare.http.err <(sed -E 's/\[.*\]/[TIME]/' http.err) >&2
	traces_are_good trace.http
	trace_has trace.http = 2 $'^accept4?\\(.*[\t ]= [0-9]+( |$)'
	traced_from_open_to_close trace.http
}

@test "python asyncio, both ends in one program" {
	local both=$repository/tests/interop/sources/asyncio_both.py
	fetch bare "$python" "$both"
	fetch traced env LD_PRELOAD="$library" TCPSHIM_OUTPUT=trace.asyncio "$python" "$both"
	same_fetch
	traces_are_good trace.asyncio
	trace_has trace.asyncio '>=' 20 $'^accept4?\\(.*[\t ]= [0-9]+( |$)'
	trace_has trace.asyncio '>=' 1 '^epoll_wait\(.*= [0-9]+ \[[0-9]+:EPOLLIN'
	traced_from_open_to_close trace.asyncio
}

@test "python subprocess: its close_range and vfork leave the parent's sockets tracked" {
	local ended=first
	cat >children.py <<-'END'
		import socket, subprocess
		listener = socket.create_server(("127.0.0.1", 0))
		client = socket.create_connection(listener.getsockname())
		server, _ = listener.accept()
		for n in range(3):
		    subprocess.run(["true"], check=True, close_fds=True)
		    client.sendall(b"x" * (100 + n))
		    assert server.recv(1000, socket.MSG_WAITALL | socket.MSG_DONTWAIT) == b"x" * (100 + n)
		client.close()
		server.close()
		print("done")
	END
	fetch bare "$python" children.py
	fetch traced env LD_PRELOAD="$library" TCPSHIM_PROGRAMS="$(basename "$python")" \
		TCPSHIM_OUTPUT=trace.%p "$python" children.py
	same_fetch
	cat trace.* >trace
	trace_has trace = 0 '\[(adopted|closed-unseen)\]$'
	# Before 3.10 it forks instead, and a child may still have the socket.
	"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || ended=shared
	trace_has trace = 1 "sent 303 .*\[closed-$ended\]\$"
}

@test "node: a server with the same output, errors and exit status" {
	need node curl
	cat >server.js <<-'END'
		const http = require('http');
		let requests = 0;
		const server = http.createServer((request, response) => {
		  requests++;
		  console.log(request.method, request.url);
		  let size = 0;
		  request.on('data', (chunk) => { size += chunk.length; });
		  request.on('end', () => {
		    response.end(`request ${requests}, ${size} bytes\n`);
		    if (request.url === '/stop') setTimeout(() => { throw new Error('stopped'); }, 50);
		  });
		});
		server.listen(0, '127.0.0.1', () => console.error(`port ${server.address().port}`));
		process.on('exit', (code) => console.log(`exit ${code} after ${requests}`));
	END
	local out
	for out in bare traced; do
		if [[ $out == bare ]]; then
			start node server.js >$out.out 2>$out.err
		else
			start_shim TCPSHIM_OUTPUT=trace.node node server.js >$out.out 2>$out.err
		fi
		local node=$last status=0
		await 10 grep -q port $out.err
		local url
		url=http://127.0.0.1:$(sed -n 's/^port //p' $out.err)
		{
			curl -sS --max-time 20 "$url/one" "$url/two" "$url/three"
			head -c 300000 /dev/zero | curl -sS --max-time 20 --data-binary @- "$url/post"
			curl -sS --max-time 20 "$url/stop"
		} >>$out.out
		finish "$node" || status=$?
		echo "$status" >$out.status
		sed -i -E 's/^port [0-9]+/port PORT/' $out.err
		sort -o $out.out $out.out
	done
	same_fetch
	traces_are_good trace.node
	trace_has trace.node = 3 $'^accept4\\(.*[\t ]= [0-9]+( |$)'
	trace_has trace.node '>=' 2 $'^close\\([0-9]+\\)'
	traced_from_open_to_close trace.node
}

@test "java: HttpClient against java's own server" {
	need java
	java --list-modules | grep -q jdk.compiler || skip "this java has no compiler"
	cat >Both.java <<-'END'
		import com.sun.net.httpserver.HttpServer;
		import java.net.InetSocketAddress;
		import java.net.URI;
		import java.net.http.*;
		public class Both {
		    public static void main(String[] arguments) throws Exception {
		        var server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
		        server.createContext("/", exchange -> {
		            byte[] body = exchange.getRequestURI().getPath().getBytes();
		            exchange.sendResponseHeaders(200, body.length);
		            exchange.getResponseBody().write(body);
		            exchange.close();
		        });
		        server.start();
		        var client = HttpClient.newHttpClient();
		        for (int i = 0; i < 5; i++) {
		            var uri = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/" + i);
		            var request = HttpRequest.newBuilder(uri).version(HttpClient.Version.HTTP_1_1).build();
		            System.out.println(client.send(request, HttpResponse.BodyHandlers.ofString()).body());
		        }
		        server.stop(0);
		        System.exit(3);
		    }
		}
	END
	# Without it the server writes its answers in two small parts, with Nagle's algorithm: 40 ms each, and a warning.
	local quick=-Dsun.net.httpserver.nodelay=true
	fetch bare java $quick Both.java
	fetch traced env LD_PRELOAD="$library" TCPSHIM_OUTPUT=trace.java java $quick Both.java
	same_fetch
	[[ $(cat traced.status) == 3 ]] || fail "$(cat traced.err)"
	traces_are_good trace.java
	trace_has trace.java '>=' 1 $'^connect\\(.*[\t ](= 0|Err#115 EINPROGRESS)$'
	trace_has trace.java '>=' 1 $'^accept4?\\(.*[\t ]= [0-9]+( |$)'
}

# --- servers ----------------------------------------------------------------------------------------------------

redis_up() {
	redis-cli -p "$port" ping 2>/dev/null | grep -q PONG
}

@test "redis-server with redis-cli and redis-benchmark" {
	need redis-server redis-cli redis-benchmark
	local out
	for out in bare traced; do
		port=$(free_port)
		local preload=()
		if [[ $out == traced ]]; then
			preload=(env LD_PRELOAD="$library" TCPSHIM_OUTPUT="$place/trace.%n.%p")
		fi
		start "${preload[@]}" redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no \
			--dir "$place" >$out.server 2>&1
		local redis=$last status=0
		await 10 redis_up
		{
			"${preload[@]}" redis-cli -p "$port" set kang kodos
			"${preload[@]}" redis-cli -p "$port" get kang
			"${preload[@]}" redis-cli -p "$port" incr kang || echo "status $?"
			printf 'rpush list a b c\nlrange list 0 -1\n' | "${preload[@]}" redis-cli -p "$port"
		} >$out.out 2>$out.err
		timeout 60 "${preload[@]}" redis-benchmark -p "$port" -n 2000 -c 10 -t set,get,lpush -q \
			>$out.benchmark 2>$out.benchmark.err
		"${preload[@]}" redis-cli -p "$port" shutdown nosave 2>>$out.err || status=$?
		finish "$redis" || status=$((status + $?))
		echo "$status" >$out.status
	done
	same_fetch
	diff -u <(tr '\r' '\n' <bare.benchmark | sed -nE 's/: [0-9.]+ requests.*//p') \
		<(tr '\r' '\n' <traced.benchmark | sed -nE 's/: [0-9.]+ requests.*//p') >&2
	[[ ! -s traced.benchmark.err ]] || fail "$(cat traced.benchmark.err)"
	traces_are_good trace.redis-server.* trace.redis-cli.* trace.redis-benchmark.*
	trace_has "$(ls trace.redis-server.*)" '>=' 30 $'^accept4?\\(.*[\t ]= [0-9]+( |$)'
	traced_from_open_to_close trace.redis-server.*
	traced_from_open_to_close trace.redis-benchmark.*
}

# nginx_config WORKERS: writes nginx.conf; http on $port, https on $tls_port.
nginx_config() {
	port=$(free_port)
	tls_port=$(free_port)
	mkdir -p www
	printf 'a page\n' >www/page
	head -c 1000000 /dev/zero | tr '\0' 'x' >www/megabyte
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem 2>/dev/null
	cat >nginx.conf <<-END
		user root;
		pid $place/nginx.pid;
		error_log $place/error.log warn;
		worker_processes $1;
		master_process $( (($1)) && echo on || echo off);
		events { worker_connections 64; }
		$(nginx_http "$place" "$port" "$tls_port")
	END
	if [[ $1 == 0 ]]; then
		sed -i -E 's/^worker_processes 0;$/worker_processes 1;/' nginx.conf
	fi
}

# nginx_session OUT [VARIABLE=VALUE…]: starts nginx, fetches, and stops it.
nginx_session() {
	local out=$1 status=0
	shift
	start env "$@" nginx -p "$place" -c "$place/nginx.conf" -g 'daemon off;' >"$out.out" 2>"$out.err"
	local nginx=$last
	await 30 listening "$port"
	{
		curl -sS --max-time 20 "http://127.0.0.1:$port/page" "http://127.0.0.1:$port/page" \
			"http://127.0.0.1:$port/none"
		curl -sS --max-time 20 "http://127.0.0.1:$port/megabyte" | cksum
		curl -sS --max-time 20 "http://127.0.0.1:$port/proxy/megabyte" | cksum
		curl -sS --max-time 20 -k "https://127.0.0.1:$tls_port/megabyte" | cksum
		curl -sS --max-time 20 -k "https://127.0.0.1:$tls_port/page" "https://127.0.0.1:$tls_port/page"
	} >>"$out.out" 2>>"$out.err"
	stop "$nginx" QUIT || status=$?
	echo "$status" >"$out.status"
}

@test "nginx with worker processes: keep-alive, sendfile, proxy, TLS" {
	need nginx curl openssl
	need_root
	nginx_config 2
	nginx_session bare
	nginx_session traced LD_PRELOAD="$library" TCPSHIM_OUTPUT="$place/trace.%p"
	same_fetch
	[[ ! -s error.log ]] || fail "$(cat error.log)"
	traces_are_good trace.*
	cat trace.* >all
	trace_has all '>=' 1 '^sendfile(64)?\('
	trace_has all '>=' 1 '^writev\('
	trace_has all '>=' 6 $'^accept4\\(.*[\t ]= [0-9]+( |$)'
	trace_has all '>=' 1 $'^connect\\(.*127\\.0\\.0\\.1:'"$port"', 16\)'
	trace_has all '>=' 1 '^epoll_wait\(.*\[[0-9]+:EPOLLIN'
	traced_from_open_to_close trace.*
}

@test "nginx in one process" {
	need nginx curl openssl
	need_root
	nginx_config 0
	nginx_session bare
	nginx_session traced LD_PRELOAD="$library" TCPSHIM_OUTPUT="$place/trace"
	same_fetch
	traces_are_good trace
	traced_from_open_to_close trace
}

# Writes an ssh server's files: host key, client's key, configuration.  The port is in $port.
ssh_config() {
	mkdir -p /run/sshd
	ssh-keygen -q -t ed25519 -N '' -f host_key
	ssh-keygen -q -t ed25519 -N '' -f client_key
	cp client_key.pub authorized_keys
	chmod 600 authorized_keys
	port=$(free_port)
	cat >sshd_config <<-END
		ListenAddress 127.0.0.1
		Port $port
		HostKey $place/host_key
		AuthorizedKeysFile $place/authorized_keys
		PermitRootLogin prohibit-password
		PasswordAuthentication no
		StrictModes no
		UsePAM no
		PidFile none
		LogLevel VERBOSE
	END
	printf '[127.0.0.1]:%s %s\n' "$port" "$(cut -d' ' -f1,2 host_key.pub)" >known_hosts
}

# ssh_session OUT SERVER-VARIABLES -- CLIENT-VARIABLES: starts a server, logs in, and stops it.
ssh_session() {
	local out=$1 server=() status=0
	shift
	while [[ $1 != -- ]]; do
		server+=("$1")
		shift
	done
	shift
	start env "${server[@]}" /usr/sbin/sshd -D -e -f "$place/sshd_config" 2>"$out.sshd"
	await 30 listening "$port"
	printf 'through ssh\n' | timeout 30 env "$@" ssh -F none -i "$place/client_key" -p "$port" \
		-o UserKnownHostsFile="$place/known_hosts" -o IdentitiesOnly=yes -o BatchMode=yes \
		"$(id -un)@127.0.0.1" 'cat; echo errors >&2; head -c 300000 /dev/zero | cksum; exit 7' \
		>"$out.out" 2>"$out.err" || status=$?
	echo "$status" >"$out.status"
	stop "$last" || true
}

@test "ssh: the client traced" {
	need ssh ssh-keygen /usr/sbin/sshd
	need_root
	ssh_config
	ssh_session bare --
	ssh_session traced -- LD_PRELOAD="$library" TCPSHIM_OUTPUT="$place/trace"
	[[ $(cat bare.status) == 7 ]] || fail "the login does not work bare" "$(cat bare.err bare.sshd)"
	same_fetch
	traces_are_good trace
	traced_from_open_to_close trace
}

@test "sshd traced: the login works" {
	need ssh ssh-keygen /usr/sbin/sshd
	need_root
	ssh_config
	ssh_session bare --
	[[ $(cat bare.status) == 7 ]] || fail "the login does not work bare" "$(cat bare.err bare.sshd)"
	ssh_session traced LD_PRELOAD="$library" TCPSHIM_OUTPUT="$place/trace.%p" --
	same_fetch || fail "$(cat traced.sshd)"
	cat trace.* >all
	trace_has all '>=' 1 $'^accept4?\\(.*[\t ]= [0-9]+( |$)'
	# Since 10.0 a program of its own greets, which may write to no file by then.
	[[ -e /usr/lib/openssh/sshd-auth ]] || trace_has all '>=' 1 '^(read|write)\(.* S S H - '
	local file
	for file in trace.*; do
		trace_is_whole "$file"
		trace_is_healthy "$file"
	done
}

as_postgres() {
	if ((EUID == 0)); then
		runuser -u postgres -- "$@"
	else
		"$@"
	fi
}

postgres_up() {
	psql -h 127.0.0.1 -p "$port" -U postgres -Atc 'select 1' postgres 2>/dev/null | grep -q 1
}

# postgres_session OUT [VARIABLE=VALUE…]: runs server and clients with these variables.
postgres_session() {
	local out=$1 status=0
	shift
	port=$(free_port)
	start as_postgres env "$@" "$bin/postgres" -D "$place/data" -p "$port" -h 127.0.0.1 -k '' >"$out.server" 2>&1
	local postgres=$last
	await 20 postgres_up
	{
		timeout 60 env "$@" psql -h 127.0.0.1 -p "$port" -U postgres postgres <<-'END'
			create table numbers as select generate_series(1, 20000) as n;
			select sum(n) from numbers;
			copy numbers to stdout;
			select nonsense;
			drop table numbers;
		END
		timeout 60 env "$@" pgbench -h 127.0.0.1 -p "$port" -U postgres -i -q postgres 2>&1 | sed -E 's/[0-9.]+ s/N s/g'
		timeout 60 env "$@" pgbench -h 127.0.0.1 -p "$port" -U postgres -c 4 -t 100 postgres |
			sed -E 's/(latency|connection|tps|TPS)(.*)/\1/'
		psql -h 127.0.0.1 -p "$port" -U postgres postgres -qc 'drop table pgbench_accounts,
			pgbench_branches, pgbench_history, pgbench_tellers'
	} >"$out.out" 2>"$out.err" || status=$?
	# Signals go to the postmaster, not to the process that started it.
	kill -INT "$(head -n 1 data/postmaster.pid)"
	finish "$postgres" || status=$((status + $?))
	echo "$status" >"$out.status"
}

@test "postgres with psql and pgbench" {
	bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
	need "${bin:-/usr/lib/postgresql}/postgres" psql pgbench runuser
	as_postgres "$bin/initdb" -D "$place/data" -A trust -U postgres --no-sync >initdb.out 2>&1 || fail "$(cat initdb.out)"
	postgres_session bare
	postgres_session traced LD_PRELOAD="$library" TCPSHIM_OUTPUT="$place/trace.%n.%p"
	same_fetch
	[[ $(cat traced.status) == 0 ]] || fail "$(cat traced.err traced.server)"
	traces_are_good trace.psql.* trace.pgbench.* trace.postgres.*
	cat trace.psql.* >psql
	trace_has psql '>=' 1 $'^connect\\(.*:'"$port"', 16\)'
	traced_from_open_to_close trace.psql.*
	cat trace.postgres.* >server
	trace_has server '>=' 6 $'^accept4?\\(.*[\t ]= [0-9]+( |$)'
}
