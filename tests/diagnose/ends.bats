#!/usr/bin/env bats
#
# Connections that one of the two programs ends in a wrong way, or not at all.

# bats runs each test in a subshell of its own, and findings.bash reads what is set here.
# shellcheck disable=SC2154,SC2030,SC2031,SC2034

load findings

# waiting PORT COUNT: so many sockets to that port are in CLOSE_WAIT, as ss says.
waiting() { (($(ss -Htn state close-wait "dport = :$1" | wc -l) == $2)) || fail "$(ss -tn "dport = :$1")"; }

# leak NAME leaks|closes [VARIABLE=VALUE]: starts a client that opens 150 connections to one server and 79 to another.
leak() {
	anew "$1"
	serve "${@:3}" "$python" "$sources/leak.py" 10.5 "$2" "$port" 150 "$port_2" 79 >"$1.out"
}

# Shown: without the notes of the policy in is_leaked (findings_broken.c) the sockets that it ended are a leak.
@test "a leak of 229 sockets to two servers; TCPSHIM_CLOSE_ON_EOF=fin, or a program that closes" {
	need nginx jq
	local port port_2 way
	port=$(free_port)
	port_2=$(free_port)
	nginx_start "$port" 'keepalive_timeout 0;' "server { listen 127.0.0.1:$port_2; }"
	leak closed closes
	leak ended leaks TCPSHIM_CLOSE_ON_EOF=fin
	await 30 grep -q open closed.out
	await 30 grep -q open ended.out
	waiting "$port" 0
	waiting "$port_2" 0
	leak leaked leaks
	await 30 grep -q open leaked.out
	waiting "$port" 150
	waiting "$port_2" 79
	for way in closed ended leaked; do
		await 30 grep -q "^done" "$way.out"
	done

	for way in closed ended; do
		recordings=$place/recordings.$way
		finds_nothing 229
	done
	recordings=$place/recordings.leaked
	finds close-wait-leak "python3?[0-9.]* to 127\.0\.0\.1:$port"
	peer 127.0.0.1 "$port"
	affects 150 150
	says 'TCPSHIM_CLOSE_ON_EOF=fin' '150 of 150 connections are in CLOSE_WAIT.* The oldest for 1[0-9]\.[0-9] s'
	[[ $(sed -n 2p json | jq -r '[.finding, ."network.peer.port", .affected, .of] | join(" ")') == \
		"close-wait-leak $port_2 79 79" ]] || fail "$(sed -n 2p json)"
	(($(wc -l <json) == 2)) || fail "$(cat json)"
}

# fetch COUNT PORT: fetches a page so many times, each on a connection of its own, and counts those that were reset.
fetch() {
	local status=0
	recorded curl -sS --parallel --parallel-max 20 -o /dev/null "http://127.0.0.1:$2/page?[1-$1]" 2>curl.err || status=$?
	grep -c 'reset by peer' curl.err || true
}

@test "10 resets among 5,000 connections, and a server that resets none" {
	need curl jq
	local port
	start "$python" "$sources/resets.py" 500 >server
	await 10 test -s server
	read -r port <server
	[[ $(fetch 5000 "$port") == 10 ]] || fail "$(sort curl.err | uniq -c)"
	[[ "$(grep -c reset server) $(grep -c answered server)" == '10 4990' ]] || fail "$(sort server | uniq -c)"
	finds peer-resets "curl to 127\.0\.0\.1:$port"
	peer 127.0.0.1 "$port"
	affects 10 5000
	says '10 of 5000 connections were reset by the peer' "log and the exit status of the peer's program"

	anew
	start "$python" "$sources/resets.py" 0 >server
	await 10 test -s server
	read -r port <server
	[[ $(fetch 1000 "$port") == 0 ]] || fail "$(sort curl.err | uniq -c)"
	finds_nothing 1000
}

# upload NAME PORT BYTES [PAUSE]: uploads so much four times, recorded as NAME.
upload() {
	anew "$1"
	recorded "$python" "$sources/upload.py" "$2" 4 "${@:3}" >"$1.out"
}

# What the client writes is answered with a reset, and it may lose the 413.
@test "four processes that share a listener close before they have read a body; a server that reads it first" {
	need jq
	local port
	port=$(free_port)
	anew server
	serve "$python" "$sources/prefork.py" "$port" 2>server.err
	await 10 listening "$port"
	upload client "$port" 20000000
	grep -qx 'answered 0' client.out || fail "$(cat client.out)"
	(($(grep -c '"POST / HTTP/1.1" 413' server.err) == 4)) || fail "$(cat server.err)"
	finds write-after-close "python3?[0-9.]* to 127\.0\.0\.1:$port"
	peer 127.0.0.1 "$port"
	affects 4 4
	says 'the peer has to read on before it closes'
	recordings=$place/recordings.server
	finds resets-its-peers "python3?[0-9.]* at port $port"
	affects 4 4
	says 'ended by this program with a reset, 4 closed with unread data' 'Read until end of stream before the close'
	stop "$last" || true

	anew server
	serve "$python" "$sources/prefork.py" "$port" reads 2>server.err
	await 10 listening "$port"
	upload client "$port" 20000000
	grep -qx 'answered 4' client.out || fail "$(cat client.out)"
	finds_nothing 4
	recordings=$place/recordings.server
	finds_nothing 4
}

@test "nginx that does not linger resets uploads that it refuses; with lingering_timeout it reads on" {
	need nginx jq
	local port port_2 upload
	port=$(free_port)
	port_2=$(free_port)
	anew server
	as=(env LD_PRELOAD="$library" TCPSHIM_RECORD="$recordings/")
	nginx_start "$port" 'client_max_body_size 1k; lingering_close off; lingering_timeout 10ms; keepalive_timeout 0;' \
		"server { listen 127.0.0.1:$port_2; client_max_body_size 1k; keepalive_timeout 0; }"
	upload client "$port" 1000000 0.05 &
	upload=$!
	upload cured "$port_2" 1000000 0.05
	wait "$upload"
	grep -qx 'answered 0' client.out || fail "$(cat client.out)"
	grep -qx 'answered 4' cured.out || fail "$(cat cured.out)"
	finds_nothing 4
	recordings=$place/recordings.client
	finds write-after-close "python3?[0-9.]* to 127\.0\.0\.1:$port"
	peer 127.0.0.1 "$port"
	affects 4 4
	says 'lingering_close and lingering_timeout of nginx'
}
