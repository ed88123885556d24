#!/usr/bin/env bats
#
# JSON Lines: what the library and the command write is valid by the schemas of include/tcpshim/schema, for the events of
# the unit test and for those of real programs.  A recording gives the same lines as the live trace of the same run.

# bats runs each test in a subshell of its own, and functions are handed over by name.  The scripts of bash -c are quoted
# because they have arguments of their own.
# shellcheck disable=SC2154,SC2030,SC2031,SC2317,SC2016,SC2103

load ../common

setup() {
	common_setup
	tcpshim=$build/tcpshim
	schemas=$repository/include/tcpshim/schema
	# Debian's python, which has the validator.
	python=/usr/bin/python3
	mkdir recorded
}

# Skips if the validator is missing; fails in CI.
need_validator() {
	need jq "$python"
	if ! "$python" -c 'import jsonschema'; then
		[[ ${CI:-} != true ]] || fail "python3-jsonschema is not installed" || return 1
		skip "python3-jsonschema is not installed"
	fi
}

# valid SCHEMA FILE…: checks the files with the validator, and that jq reads them too.
valid() {
	local schema=$1 lines
	shift
	lines=$(timeout 120 "$BATS_TEST_DIRNAME/validate" "$schemas/$schema.schema.json" "$@")
	timeout 60 jq -e . "$@" >/dev/null || fail "jq cannot read $*"
	[[ $(cat "$@" | wc -l) == "$lines" ]]
}

# invalid SCHEMA: checks that the object on standard input is refused.
invalid() {
	local status=0
	cat >refused.json
	"$BATS_TEST_DIRNAME/validate" "$schemas/$1.schema.json" refused.json >refused.out 2>refused.err || status=$?
	[[ $status == 1 && $(head -n 1 refused.err) == refused.json:1:* ]] ||
		fail "taken for valid:" "$(cat refused.json refused.err)"
}

# both [VARIABLE=VALUE…] PROGRAM [ARG…]: runs it with a live trace and a recording at the same time.
both() {
	shim TCPSHIM_FORMAT=json TCPSHIM_OUTPUT="$PWD/live" TCPSHIM_RECORD="$PWD/recorded" "$@"
}

start_both() {
	start_shim TCPSHIM_FORMAT=json TCPSHIM_OUTPUT="$PWD/live" TCPSHIM_RECORD="$PWD/recorded" "$@"
}

report() {
	timeout 60 "$tcpshim" report --json "$@" recorded/*.tcpshim
}

threads_in() {
	grep -oE '^\{"time":"[^"]*","mono_ns":[0-9]+,"process.pid":[0-9]+,.*"thread.id":[0-9]+,"call":' "$1" |
		sed -E 's/.*"thread.id":([0-9]+),"call":$/\1/' | sort -u
}

# of_thread FILE ID: prints the lines of this thread, in their order.
of_thread() {
	grep -F "\"thread.id\":$2,\"call\":" "$1"
}

# same: checks that the recording gives the lines that were written live, for each thread in their order.  Across threads
# the recording is ordered by time, the live trace by when they came to write.
same() {
	local thread threads
	report --data=all >again
	[[ -s live && $(wc -l <live) == $(wc -l <again) ]] || return 1
	threads=$(threads_in live)
	if [[ $threads != *$'\n'* ]]; then
		cmp live again
		return
	fi
	for thread in $threads; do
		cmp <(of_thread live "$thread") <(of_thread again "$thread") || return 1
	done
}

same_lines() {
	same || fail "the recording gives other lines:" "$(diff live again | cut -c 1-600 | head -n 10)"
}

# payload FILE CALLS: prints the bytes that these calls moved, decoded.
payload() {
	"$python" - "$@" <<-'END'
		import base64, json, sys
		for line in open(sys.argv[1], encoding="utf-8"):
		    event = json.loads(line)
		    if event.get("call") in sys.argv[2].split(",") and "data" in event:
		        data = event["data"]
		        data = base64.b64decode(data, validate=True) if "data.encoding" in event else data.encode()
		        assert len(data) == event["bytes"], line
		        sys.stdout.buffer.write(data)
	END
}

# web [VARIABLE=VALUE…]: starts python's HTTP server on a port that the kernel chose, which is then in $port.  It is
# started by start_both if it is to be traced.
web() {
	local starter=$1
	shift
	mkdir -p www
	printf 'eine größere Seite ✓\n' >www/text
	"$python" -c 'import sys; sys.stdout.buffer.write(bytes(range(256)) * 300)' >www/bytes
	# A process started in the background ignores SIGINT, which is how the server ends in order.
	"$starter" "$@" env --default-signal=INT "$python" -u -m http.server -b 127.0.0.1 -d www 0 >web.out 2>web.err
	await 10 grep -q 'port [0-9]' web.out
	port=$(sed -nE 's/.* port ([0-9]+) .*/\1/p' web.out)
}

start_plainly() {
	start env "$@"
}

# --- the schemas ------------------------------------------------------------------------------------------------

@test "the schemas: every property is described, and no object is open" {
	need_validator
	"$python" - "$schemas"/*.schema.json <<-'END' | nothing "in the schemas:"
		import json, sys
		def walk(path, schema):
		    if isinstance(schema, list):
		        for n, inner in enumerate(schema):
		            walk(f"{path}/{n}", inner)
		    if not isinstance(schema, dict):
		        return
		    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
		        print(path, "is open")
		    for name, inner in schema.items():
		        if name == "properties" and schema.get("type") == "object":
		            for key, value in inner.items():
		                if not value.get("description"):
		                    print(path, key, "is not described")
		                if key.endswith("_ns") and "nanoseconds" not in value["description"]:
		                    print(path, key, "has no unit")
		                if key.endswith("_bytes") and "bytes" not in value["description"]:
		                    print(path, key, "has no unit")
		                walk(f"{path}/{key}", value)
		        else:
		            walk(f"{path}/{name}", inner)
		for path in sys.argv[1:]:
		    with open(path, encoding="utf-8") as file:
		        walk(path, json.load(file))
	END
	[[ $(find "$schemas" -name '*.schema.json' | wc -l) == 6 ]]
}

@test "the schema of notes: the numbers that a text can name, no other" {
	need jq
	# Rows with a name that a text can have, of these kinds, are numbers in JSON.
	sed -nE 's/^FACT\([a-z0-9_]+, ([a-z_]+), (FD|NUMBER|BYTES|DURATION|COUNT|FIN_AGE|FIN_IDLE), "[a-z_]+"\).*/\1/p' \
		"$repository/include/tcpshim/facts.def" | sort >numbers
	(($(wc -l <numbers) > 20))
	jq -r '."$defs".note.properties.values.properties | to_entries[] | select(.value.type == "integer") | .key' \
		"$schemas/event.schema.json" | sort | diff numbers - >&2
}

@test "what is wrong is refused" {
	need_validator
	"$python" -c 'import jsonschema; jsonschema.Draft202012Validator' 2>/dev/null ||
		skip "not on this machine: its validator does not know all of the schema's language"
	local good change
	good='{"time":"2026-11-23T02:48:33.640494600Z","mono_ns":28075046654867,"process.pid":6026,'
	good+='"process.executable.name":"nc","thread.id":6026,"call":"write","args":[3,null,4],"ret":4,'
	good+='"duration_ns":18067,"conn":1,"network.local.address":"127.0.0.1","network.local.port":80,"role":"client",'
	good+='"state":"CLOSE_WAIT","bytes":4,"data":"/////w==","data.encoding":"base64","notes":[{"id":"peer-silent",'
	good+='"severity":"info","text":"fd 3","conn":1,"values":{"fd":3,"silence_ns":5000000000}}]}'
	printf '%s\n' "$good" >good.json
	valid event good.json
	for change in '.extra = 1' 'del(.time)' '.time = "2026-11-23T02:48:33.640494Z"' '.mono_ns = "1"' '.mono_ns = -1' \
		'.ret = null' 'del(.ret)' 'del(.duration_ns)' '.sleeping = true' '.sleeping = false' '.call = "write()"' \
		'.args = {}' '.args[0] = 1.5' '.args[0] = true' '.args[0] = [3]' '.args[0] = [{"fd":3}]' \
		'.["error.type"] = "EPIPE"' '.ret = -1 | .["error.type"] = "pipe"' '.conn = 0' 'del(.conn)' \
		'del(.["network.local.port"])' '.["network.local.port"] = 65536' '.["network.local.address"] = "localhost"' \
		'.role = "none"' '.state = "unknown"' '.bytes = 0' 'del(.bytes)' '.["data.encoding"] = "hex"' \
		'.data = "////w=="' '.data = "_____w=="' 'del(.data)' '.notes = []' '.notes[0].extra = 1' \
		'.notes[0].severity = "fatal"' '.notes[0].id = "Peer silent"' 'del(.notes[0].values)' \
		'.notes[0].values.extra = 1' '.notes[0].values.silence_ns = -1' '.notes[0].values.fd = "3"' \
		'.tcpshim = "a line"' '.tcp_info = {}' '.stack = []' '.ready = []' '.stdio = false' '{}' '[.]' '"text"'; do
		jq -c "$change" good.json >changed.json
		invalid event <changed.json
	done
	# Only a reader that looks at the lines as text finds this.
	sed 's/"ret":4/"ret":4,"ret":4/' good.json | invalid event
	printf '%s' "$good" | invalid event
	: >empty.json
	! "$BATS_TEST_DIRNAME/validate" "$schemas/event.schema.json" empty.json || fail "nothing at all was taken for valid"
}

# --- what never happens, or seldom ------------------------------------------------------------------------------

@test "the events of the unit test" {
	local unit=$build/tests/unit/test_json
	need_validator
	need "$unit"
	JSON_LINES=$PWD/lines timeout 120 "$unit" >unit.out 2>&1 || fail "$(tail -n 20 unit.out)"
	(($(wc -l <lines) > 80000)) || fail "$(wc -l <lines) lines"
	valid event lines
}

@test "a program's name is any bytes, and any number of them" {
	need_validator
	need nc.openbsd
	local name
	for name in $'gr\xfc\xdf\x01"\\' "$(printf '%09000d' 0)"; do
		rm -f live
		shim TCPSHIM_FORMAT=json TCPSHIM_OUTPUT="$PWD/live" \
			bash -c 'exec -a "$1" nc.openbsd -z 127.0.0.1 1' - "$name" || true
		valid event live
		grep -q '"call":"connect"' live
	done
	# Two Latin-1 characters are not UTF-8; a long name is cut as in a recording.
	name=$(printf 'gr\xfc\xdf%060d' 0)
	rm -f live
	both TCPSHIM_PROGRAMS="$name" bash -c 'exec -a "$1" nc.openbsd -z 127.0.0.1 1' - "$name" || true
	valid event live
	same_lines
	grep -qF '"process.executable.name":"gr��000' live
}

# --- real programs ----------------------------------------------------------------------------------------------

# fetched DATA: fetches with curl, live and recorded.
fetched() {
	web start_plainly
	both TCPSHIM_DATA="$1" curl -sS "http://127.0.0.1:$port/text" "http://127.0.0.1:$port/bytes" >fetched
	cat www/text www/bytes | cmp - fetched
	valid event live
	grep -q '"call":"connect"' live
	grep -q '"id":"connected"' live
	same_lines
}

@test "curl" {
	need_validator
	need curl
	fetched 12
	grep -q '"data":"GET /text HT"' live
	jq -es 'map(select(.data and (.["data.encoding"] | not) and (.data | utf8bytelength) > 12)) == []' live >/dev/null
}

@test "curl: all of the payload, which is what was sent" {
	need_validator
	need curl
	fetched all
	grep -q '"data.encoding":"base64"' live
	payload live read,recv >received
	head -c "$(wc -c <received)" /dev/zero | cmp -s - received && fail "nothing was received"
	tail -c "$(wc -c <www/bytes)" received | cmp - www/bytes
	payload live write,send,sendto >sent
	[[ $(grep -ac '^GET /' sent) == 2 ]]
	payload again read,recv | cmp - received
}

@test "curl: nothing of the payload" {
	need_validator
	need curl
	fetched 0
	jq -es 'map(select(has("data") or has("data.encoding"))) == []' live >/dev/null
	jq -es 'map(select(.call == "recv" and .bytes == .ret)) != []' live >/dev/null
}

@test "python's HTTP server, a thread for each connection" {
	need_validator
	need curl
	web start_both TCPSHIM_DATA=all
	local server=$last
	curl -sS --max-time 20 "http://127.0.0.1:$port/text" "http://127.0.0.1:$port/none" >fetched
	curl -sS --max-time 20 "http://127.0.0.1:$port/bytes" | cmp - www/bytes
	ended_here() {
		(($(grep -c '"id":"closed-' live) >= 3))
	}
	await 10 ended_here
	stop "$server" INT || true
	valid event live
	same_lines
	[[ $(threads_in live | wc -l) -gt 1 ]]
	payload live send >sent
	tail -c "$(wc -c <www/bytes)" sent | cmp - www/bytes
}

@test "nc, both ends" {
	need_validator
	need nc.openbsd
	local end
	port=$(free_port)
	mkdir server
	cd server
	mkdir recorded
	printf 'from the \x80server\n' >input
	# nc reads its input from a file, since start gives it none.
	start_both bash -c 'exec nc.openbsd -N -l -s 127.0.0.1 -p "$1" <input >output' - "$port"
	local server=$last
	cd ..
	await 30 listening "$port"
	printf 'from the client ✓\n' | both nc.openbsd -N 127.0.0.1 "$port" >output
	finish "$server"
	cmp output server/input
	for end in . server; do
		cd "$end"
		valid event live
		same_lines
		grep -q '"id":"peer-fin"' live
		cd "$OLDPWD"
	done
	grep -q '"call":"accept4\?",.*"sleeping":true' server/live
	grep -qF '"data":"from the cli"' live
}

@test "redis-server and redis-cli" {
	need_validator
	need redis-server redis-cli
	port=$(free_port)
	mkdir server
	cd server
	mkdir recorded
	start_both redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$PWD" >redis.out 2>&1
	local server=$last
	cd ..
	await 30 listening "$port"
	both TCPSHIM_DATA=all redis-cli -p "$port" set kang 'kodos "\é' >output
	both TCPSHIM_DATA=all redis-cli -p "$port" get kang >>output
	[[ $(cat output) == $'OK\nkodos "\\é' ]]
	redis-cli -p "$port" shutdown nosave || true
	finish "$server" || true
	valid event live server/live
	report --data=all >again
	cmp <(sort live) <(sort again)
	grep -q '"call":"epoll_wait".*"ready":\[{"fd":' server/live
	cd server
	same_lines
}

@test "node, both ends in one program" {
	need_validator
	need node
	cat >both.js <<-'END'
		const net = require('net');
		const server = net.createServer((socket) => socket.pipe(socket));
		server.listen(0, '127.0.0.1', () => {
		  const client = net.connect(server.address().port, '127.0.0.1');
		  let rest = 20;
		  client.on('data', (data) => { if (rest-- > 0) client.write(data); else client.end(); });
		  client.on('close', () => server.close());
		  client.write(Buffer.from([0, 1, 2, 0xfe, 0xff]));
		});
	END
	both TCPSHIM_DATA=all node both.js
	valid event live
	same_lines
	grep -qF '"data":"AAEC/v8=","data.encoding":"base64"' live
}

@test "an ordinary transfer tells its bytes, also in a recording alone and without payload" {
	need_validator
	need curl
	web start_plainly
	shim TCPSHIM_RECORD="$PWD/recorded" TCPSHIM_DATA=0 curl -sS "http://127.0.0.1:$port/bytes" >fetched
	report >again
	valid event again
	jq -es 'map(select(.call == "recv" and .ret > 0)) != []' again >/dev/null
	jq -es 'map(select((.call == "recv" or .call == "send") and .ret > 0 and .bytes != .ret)) == []' again >/dev/null
}

@test "a connection that was inherited, and is first seen in a call on two" {
	need_validator
	cat >inherit.py <<-'END'
		import os, socket, sys
		if len(sys.argv) > 1:
		    kept, port = int(sys.argv[1]), int(sys.argv[2])
		    other = socket.create_connection(("127.0.0.1", port))
		    os.dup2(kept, other.fileno())
		    os.write(kept, b"seen\n")
		    sys.exit()
		listener = socket.create_server(("127.0.0.1", 0))
		client = socket.create_connection(listener.getsockname())
		server, _ = listener.accept()
		for one in listener, client, server:
		    one.set_inheritable(True)
		arguments = [sys.executable, __file__, str(client.fileno()), str(listener.getsockname()[1])]
		os.execve(sys.executable, arguments, dict(os.environ, LD_PRELOAD=os.environ["PRELOAD_LATER"]))
	END
	timeout 20 env PRELOAD_LATER="$library" TCPSHIM_FORMAT=json TCPSHIM_OUTPUT="$PWD/live" \
		TCPSHIM_RECORD="$PWD/recorded" "$python" inherit.py
	valid event live
	same_lines
	[[ $(jq -r 'select(.call == "write") | ."network.peer.address"' again) == 127.0.0.1 ]]
}

# --- tables -----------------------------------------------------------------------------------------------------

@test "the tables of connections and calls" {
	need_validator
	need nc.openbsd curl
	web start_plainly
	both curl -sS "http://127.0.0.1:$port/text" "http://127.0.0.1:$port/none" >fetched
	both nc.openbsd -z 127.0.0.1 1 || true
	report --connections >connections
	valid connection connections
	[[ $(jq -r 'select(.ended == "connect-refused") | .role' connections) == client ]]
	jq -es 'map(select(.received_bytes > 0 and .opened_ns > 0 and .sent_bytes > 0)) != []' connections >/dev/null
	report --summary >calls
	valid call-summary calls
	jq -es 'map(select(.max_ns | not)) == []' calls >/dev/null
	jq -es 'map(select(.min_ns > .median_ns or .median_ns > .p99_ns or .p99_ns > .max_ns)) == []' calls >/dev/null
	# A connect in the background has not failed.
	[[ $(jq -r 'select(.call == "connect") | "\(.errors) \(.would_block > 0)"' calls) == "0 true" ]]
	# Both tables at once: first the connections.
	report --connections --summary | cmp - <(cat connections calls)
	jq -c '.extra = 1' connections | invalid connection
	jq -c 'del(.calls)' calls | invalid call-summary
	jq -c '.state = "CLOSE"' connections | invalid connection
}

@test "the summary at the end of a program" {
	need_validator
	need nc.openbsd
	shim TCPSHIM_FORMAT=json TCPSHIM_OUTPUT="$PWD/live" TCPSHIM_SUMMARY=on nc.openbsd -z 127.0.0.1 1 || true
	grep -v '"calls":\|"writes":' live >events
	grep '"calls":' live >calls
	grep '"writes":' live >connections
	valid event events
	valid call-summary calls
	valid connection connections
	[[ $(jq -r 'select(.call == "connect") | "\(.errors) \(.would_block)"' calls) == "0 1" ]]
	rm live
	shim TCPSHIM_FORMAT=json TCPSHIM_OUTPUT="$PWD/live" TCPSHIM_SUMMARY=only nc.openbsd -z 127.0.0.1 1 || true
	[[ $(wc -l <live) == "$(cat calls connections | wc -l)" ]]
}

@test "netstat: the connections of a process, now" {
	need_validator
	cat >pair.py <<-'END'
		import socket
		a = socket.create_server(("127.0.0.1", 0)); b = socket.create_connection(a.getsockname()); c = a.accept()[0]
		c.send(b"x" * 300)
		b.recv(10)
		open("waits", "w").close()
		c.recv(10)
	END
	start_shim TCPSHIM_RECORD="$PWD/recorded" "$python" pair.py
	await 10 test -e waits
	is_in_recv() {
		"$build/tcpshim" netstat --json "$last" >rows && grep -q '"text":"recv(' rows
	}
	await 10 is_in_recv
	valid netstat rows
	# The members that a report has too are the same.
	# shellcheck disable=SC2094
	"$build/tcpshim" report --connections --json recorded/* >report
	members() { jq -c 'del(.ended, .closed_first, .notes, .lived_at_least_ns, .longest_silence_at_least_ns, .state) | keys' "$1" | sort -u; }
	[[ -z $(comm -23 <(members report | jq -r '.[]' | sort -u) <(members rows | jq -r '.[]' | sort -u)) ]]
	for member in conn fd sent_bytes reads; do
		diff <(jq -c "[.conn, .$member]" report | sort) <(jq -c "[.conn, .$member]" rows | sort)
	done
	[[ $(jq -r 'select(.role == "client") | "\(.live) \(.state) \(.receive_queue_bytes)"' rows) == "true ESTABLISHED 290" ]]
	[[ $(jq -r 'select(.calls != []) | "\(.role) \(.calls[0].call) \(.calls[0]."thread.number")"' rows) == "server recv 1" ]]
	jq -c '.extra = 1' rows | head -n 1 | invalid netstat
	jq -c 'del(.calls)' rows | head -n 1 | invalid netstat
	stop "$last" KILL || true
	"$build/tcpshim" netstat --json recorded/* >rows
	valid netstat rows
	jq -es 'map(select(.live or .send_queue_bytes != null)) == []' rows >/dev/null
}

# --- rehearsals -------------------------------------------------------------------------------------------------

# An echo server, and a client that says something, reads the answer, and then does what its arguments name, one after the
# other: say, read, pause, wait (in recv, for a short time), close, again (another connection).
echo_programs() {
	cat >echo.py <<-'END'
		import socket, threading
		listener = socket.create_server(("127.0.0.1", 0))
		print(listener.getsockname()[1], flush=True)
		def serve(connection):
		    try:
		        while data := connection.recv(4096):
		            connection.sendall(data)
		    except OSError:
		        pass
		while True:
		    threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()
	END
	cat >client.py <<-'END'
		import socket, sys, time
		peer = "127.0.0.1", int(sys.argv[1])
		connection = socket.create_connection(peer)
		connection.sendall(b"hello")
		connection.recv(100)
		for what in sys.argv[2:]:
		    try:
		        if what == "say": connection.sendall(b"request")
		        elif what == "read": connection.recv(100)
		        elif what == "pause": time.sleep(0.5)
		        elif what == "wait": connection.settimeout(0.5); connection.recv(100)
		        elif what == "close": connection.close()
		        elif what == "again": connection = socket.create_connection(peer)
		    except OSError as error:
		        print(error)
	END
	start "$python" -u echo.py >port
	await 30 test -s port
	port=$(cat port)
}

# rehearsed STATUS FILTER OPTION… : rehearses the client, and checks the exit status, that the verdicts are valid, and that
# the filter of jq holds for all of them.
rehearsed() {
	local wanted=$1 filter=$2 status=0
	shift 2
	timeout -k 5 60 "$tcpshim" rehearse --json --verdict=verdict "$@" >program.out 2>program.err </dev/null || status=$?
	((status == wanted)) || fail "rehearse $*: status $status, not $wanted" "$(cat verdict program.err program.out)"
	valid rehearsal verdict
	jq -es "map($filter) | all" verdict >/dev/null || fail "rehearse $*: not $filter" "$(cat verdict)"
}

@test "rehearsals: verdicts of programs that notice, and of those that do not" {
	need_validator
	echo_programs
	rehearsed 0 '.rehearsal == "power-off" and .passed and .noticed_by == "close" and .call == "close" and .noticed_ns > 0 and
		.closed_ns == .noticed_ns and .lost_bytes == 7 and .role == "client" and .reconnected_ns == null' \
		power-off --at=write:2 "$python" client.py "$port" say wait close
	rehearsed 0 '.noticed_by == "error" and .["error.type"] == "ECONNRESET" and .reconnected_ns > 0 and .retried_bytes == 7 and
		.duplicate_bytes == 0 and .failed_connects == 0' \
		power-cycle --at=write:2 "$python" client.py "$port" say read close again say read close
	rehearsed 3 '(.passed | not) and .noticed_ns == null and .closed_ns == null and (has("noticed_by") | not) and
		(.what_to_do | contains("--keepalive="))' \
		power-off --at=read:2 --limit=5s "$python" client.py "$port" read
	rehearsed 0 '.rehearsal == "peer-closes" and .end_of_stream_ns > 0 and .closed_ns > .end_of_stream_ns and .lost_bytes == 0' \
		peer-closes --at=read:2 "$python" client.py "$port" read pause close
	rehearsed 0 '.healed_ns > 0 and .resumed_ns > .healed_ns and .late_bytes == 7 and .lost_bytes == 0' \
		outage --at=write:2 --for=300ms "$python" client.py "$port" say read
	rehearsed 0 '.lost_bytes == null and .late_bytes == null and .noticed_by == "close"' \
		power-off --by=deaf --at=write:2 "$python" client.py "$port" say wait close
	jq -c '.extra = 1' verdict | invalid rehearsal
	jq -c 'del(.passed)' verdict | invalid rehearsal
	jq -c '.noticed_ns = null' verdict | invalid rehearsal
	jq -c '.noticed_ns = -1' verdict | invalid rehearsal
	jq -c '.noticed_by = "error"' verdict | invalid rehearsal
	jq -c 'del(.noticed_by)' verdict | invalid rehearsal
	jq -c '.rehearsal = "nap"' verdict | invalid rehearsal
}

@test "rehearsals: verdicts on connects" {
	need_validator
	echo_programs
	rehearsed 0 '.rehearsal == "refused" and .["error.type"] == "ECONNREFUSED" and .call == "connect" and .lost_bytes == 0 and
		.["network.peer.port"] == '"$port"' and (.role // "client") == "client"' \
		refused "$python" client.py "$port"
	rehearsed 3 '.rehearsal == "unreachable" and .noticed_ns == null and (.waits_in | startswith("connect()"))' \
		unreachable --limit=2s "$python" client.py "$port"
	rehearsed 0 '.["error.type"] == "ETIMEDOUT" and .noticed_ns > 900000000' \
		unreachable --user-timeout=1s "$python" client.py "$port"
	# Connects to a peer that has failed belong to the verdict on the connection that it failed on.
	rehearsed 0 '.rehearsal == "power-off" and .conn == 1 and .failed_connects == 1 and .reconnected_ns == null' \
		power-off --user-timeout=1s --at=write:2 "$python" client.py "$port" say wait close again
	[[ $(wc -l <verdict) == 1 ]]
}

@test "rehearsals: a process of many tags and a long name" {
	need_validator
	echo_programs
	local tags=service=kang name
	for n in {1..9}; do tags+=,tag.n$n=$(printf '%025d' "$n"); done
	name=$(printf 'gr\xfc\xdf%060d' 0)
	rehearsed 0 '.call == "close" and .["service.name"] == "kang" and (.["tag.n9"] | length == 25)' \
		power-off --tags="$tags" --at=write:2 bash -c 'exec -a "$1" "$2" client.py "$3" say wait close' - "$name" "$python" "$port"
}

@test "rehearsals: the live trace and its recording" {
	need_validator
	echo_programs
	both TCPSHIM_REHEARSE=half-open,at=read:2 "$python" client.py "$port" read say pause say >said
	valid event live
	same_lines
	[[ $(jq -r 'select(.call == "rehearse") | .args[1], .notes[].id' live | paste -sd ' ') == \
		"half-open rehearsed-end half-open rehearsed-reset" ]]
	[[ $(jq -r 'select(.call == "rehearse") | has("ret") or has("duration_ns")' live | sort -u) == false ]]
	jq -es 'map(select(.call == "rehearse").notes[].values) | length == 2' live >/dev/null
}
