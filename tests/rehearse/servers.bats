#!/usr/bin/env bats
#
# Servers: a failure on a connection that they have accepted, while their other connections go on.  The clients run without
# the library.

# rehearse.bash reads what is set here.
# shellcheck disable=SC2154,SC2034,SC2030,SC2031,SC2054

load rehearse

# port_of NAME: waits until the server has printed its port, which is in $port then.
port_of() {
	await 30 grep -q 'port [0-9]' "$1.out"
	port=$(sed -nE 's/.*port ([0-9]+).*/\1/p' "$1.out" | head -n 1)
}

# client NAME PROGRAM…: runs a client without the library in the background: NAME.said has its output.
client() {
	start timeout -k 5 "$limit" "${@:2}" >"$1.said" 2>"$1.said.err"
	plays+=("$last")
}

# Each server has two clients: one keeps its connection and meets the failure at the answer to its second request; the other
# asks once, which is the healthy twin.
@test "python's http.server" {
	local name scenario
	need jq
	for scenario in power-off power-cycle half-open peer-closes outage slow kept; do
		local words=("${scenario/kept/power-off}" --at=write:3 --limit=10s)
		[[ $scenario != kept ]] || words+=(--keepalive=1s,1s,2 --user-timeout=2s)
		[[ $scenario != outage ]] || words+=(--for=500ms)
		rehearse "$scenario" "${words[@]}" "$python" -u -m http.server -b 127.0.0.1 -d sources --protocol HTTP/1.1 0
	done
	for scenario in power-off power-cycle half-open peer-closes outage slow kept; do
		port_of "$scenario"
		client "$scenario.1" "$python" sources/http_client.py 127.0.0.1 "$port" 3 4 /many.py
		await 20 has_accepted "$scenario" 1
		client "$scenario.2" curl -sS --max-time 10 -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$port/many.py"
	done
	over
	for name in *.2.said; do
		[[ $(<"$name") == 200 ]] || fail "the healthy twin: $name: $(cat "$name" "$name.err")"
	done
	verdict power-off 3 '.role == "server"' '.noticed_ns == null' '.waits_in | startswith("recv")' '.lost_bytes > 100'
	grep -q 'failed: TimeoutError' power-off.1.said.err || fail "$(cat power-off.1.said.err)"
	verdict kept 0 '.role == "server"' '."error.type" == "ETIMEDOUT"'
	message kept
	verdict peer-closes 0 '.end_of_stream_ns != null' '.noticed_by == "close"'
	verdict half-open 0 '."error.type" == "EPIPE"' '.lost_bytes > 100' # it writes header and file
	message half-open
	verdict outage 0 '.resumed_ns >= .healed_ns' '.lost_bytes == 0'
	grep -q 'failed 0' outage.1.said || fail "$(cat outage.1.said outage.1.said.err)"
	verdict slow 0
}

# has_accepted NAME COUNT: the trace shows so many.
has_accepted() { (($(grep -c '"id":"accepted"' "$1.trace") >= $2)); }

@test "nginx as an ordinary user, whose own timeout notices" {
	need nginx curl jq
	local port name nginx
	port=$(free_port)
	mkdir -m 777 nginx
	head -c 30000000 /dev/zero >sources/large
	cat >nginx.conf <<-CONFIG
		daemon off; pid $place/nginx/pid; error_log $place/nginx/log info; worker_processes 1;
		events { worker_connections 64; }
		http {
		    access_log off; client_body_temp_path nginx/b; proxy_temp_path nginx/p; fastcgi_temp_path nginx/f;
		    uwsgi_temp_path nginx/u; scgi_temp_path nginx/s; root $place/sources;
		    server { listen 127.0.0.1:$port; client_header_timeout 2s; send_timeout 2s; }
		}
	CONFIG
	rehearse nginx power-off --at=accept:1 --limit=15s nginx -e stderr -p "$place" -c "$place/nginx.conf"
	await 30 listening "$port"
	client first curl -sS --max-time 4 -o first.got "http://127.0.0.1:$port/large"
	await 20 has_accepted nginx 1
	client second curl -sS --max-time 10 -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$port/many.py"
	over
	[[ $(<second.said) == 200 ]] || fail "the healthy twin" "$(cat second.said*)"
	verdict nginx 0 '.role == "server"' '.noticed_by == "close"' '.noticed_ns > 1e9'
	grep -q 'client timed out (110: Connection timed out)' nginx/log || fail "$(cat nginx/log)" "$(told nginx)"
	grep -q 'timed out' first.said.err || fail "$(cat first.said*)"
}

# The second client waits for a list that stays empty.
@test "redis-server, by its own keepalive; and without" {
	need redis-server redis-cli jq
	local port port_2 name
	port=$(free_port)
	port_2=$(free_port)
	local server=(redis-server --bind 127.0.0.1 --save '' --appendonly no --loglevel verbose --dir "$place")
	rehearse kept power-off --at=accept:2 --limit=20s "${server[@]}" --port "$port" --tcp-keepalive 1
	rehearse endless power-off --at=accept:2 --limit=8s "${server[@]}" --port "$port_2" --tcp-keepalive 0
	for name in "$port" "$port_2"; do
		await 30 listening "$name"
		client "$name.1" redis-cli -p "$name" subscribe kang
		await 20 grep -q subscribe "$name.1.said"
		client "$name.2" timeout 6 redis-cli -p "$name" blpop kodos 0
	done
	await 20 has_accepted kept 2
	await 20 has_accepted endless 2
	[[ $(redis-cli -p "$port" publish kang hello) == 1 ]] || fail "the healthy twin"
	[[ $(redis-cli -p "$port_2" publish kang hello) == 1 ]] || fail "the healthy twin"
	over
	grep -q hello "$port.1.said" || fail "the healthy twin" "$(cat "$port.1.said")"
	verdict kept 0 '.role == "server"' '."error.type" == "ETIMEDOUT"' '.noticed_ns > 1e9'
	grep -q 'Connection timed out' kept.out || fail "$(told kept)"
	verdict endless 3 '.role == "server"' '.noticed_ns == null'
}

# fork_server KIND: cut in the thread or the child that serves the connection, at its second write, and when it is accepted;
# the client's lines have 8 bytes.
fork_server() {
	need jq
	rehearse later power-off --at=write:2 --limit=12s --user-timeout=2s "$python" "$sources/server.py" "$1"
	rehearse endless power-off --limit=8s "$python" "$sources/server.py" "$1"
	rehearse idle power-off --at=accept:1 --limit=15s --keepalive=1s,1s,2 --user-timeout=2s "$python" "$sources/server.py" "$1"
	rehearse reset power-cycle --at=write:2 --limit=12s "$python" "$sources/server.py" "$1"
	local name
	for name in later endless idle reset; do
		port_of "$name"
		client "$name.1" "$python" "$sources/talk.py" "$port" 3 8
	done
	port_of idle
	await 20 has_accepted idle 1
	client twin "$python" "$sources/talk.py" "$port" 3 1
	over
	[[ $(<twin.said) == $'line 01\nline 02\nline 03' ]] || fail "the healthy twin" "$(cat twin.said*)"
	verdict later 0 '.role == "server"' '."error.type" == "ETIMEDOUT"' '.lost_bytes == 8'
	message later
	[[ $(<later.1.said) == 'line 01' ]] || fail "the client got" "$(cat later.1.said)"
	[[ ! -s endless.1.said ]] || fail "the client got" "$(cat endless.1.said)"
	says idle 'Connection timed out'
	verdict reset 0 '."error.type" == "ECONNRESET"' '.lost_bytes == 8'
	message reset
	[[ $(<reset.1.said) == 'line 01' ]] || fail "the client got" "$(cat reset.1.said)"
}

@test "python's ThreadingMixIn" {
	fork_server threading
	verdict idle 0 '."error.type" == "ETIMEDOUT"'
	verdict endless 3 '.role == "server"' '.noticed_ns == null' '.waits_in | startswith("recv")'
}

@test "python's ForkingMixIn" { fork_server forking; }

# nc.traditional executes cat with the connection as its input and output.
@test "a program that executes another with the connection on descriptor 0" {
	local port=() name number=0
	need nc.traditional jq
	for name in before after reset; do
		port[number++]=$(free_port)
	done
	rehearse before power-off --limit=15s --keepalive=1s,1s,2 --user-timeout=2s nc.traditional -l -s 127.0.0.1 -p "${port[0]}" -e /bin/cat
	rehearse after power-off --at=write:2 --limit=15s --user-timeout=2s nc.traditional -l -s 127.0.0.1 -p "${port[1]}" -e /bin/cat
	rehearse reset power-cycle --at=write:2 --limit=15s nc.traditional -l -s 127.0.0.1 -p "${port[2]}" -e /bin/cat
	number=0
	for name in before after reset; do
		await 30 listening "${port[number]}"
		client "$name" "$python" "$sources/talk.py" "${port[number++]}" 3 8
	done
	over
	verdict before 0 '."error.type" == "ETIMEDOUT"'
	message before
	verdict after 0 '."error.type" == "ETIMEDOUT"' '.lost_bytes == 8'
	message after
	[[ $(<after.said) == 'line 01' ]] || fail "the client got" "$(cat after.said)"
	verdict reset 0 '."error.type" == "ECONNRESET"' '.lost_bytes == 8'
	message reset
	[[ $(<reset.said) == 'line 01' ]] || fail "the client got" "$(cat reset.said)"
}
