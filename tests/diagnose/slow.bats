#!/usr/bin/env bats
#
# Transfers that wait for the other program, and for acknowledgements.

# bats runs each test in a subshell of its own, and findings.bash reads what is set here.
# shellcheck disable=SC2154,SC2030,SC2031,SC2034

load findings

# limited FILTER: how many seconds this connection has waited for the peer's receive window, as ss says.
limited() { ss -tinH state connected "$1" | sed -nE 's/.* rwnd_limited:([0-9]+)ms.*/\1/p' | awk '{ print $1 / 1000 }'; }

is_limited() { awk -v s="$(limited "dport = :$1")" 'BEGIN { exit !(s > 2) }'; }

@test "nc to a consumer that stops reading; one that reads" {
	need nc.openbsd ss jq
	local port consumer producer seconds
	truncate -s 100M large
	port=$(free_port)
	start nc.openbsd -l -s 127.0.0.1 -p "$port" >/dev/null
	consumer=$last
	await 10 listening "$port"
	kill -STOP "$consumer"
	recorded nc.openbsd -N 127.0.0.1 "$port" <large &
	producer=$!
	await 20 is_limited "$port"
	seconds=$(limited "dport = :$port")
	kill -CONT "$consumer"
	wait "$producer"
	finds peer-reads-slowly "nc.openbsd to 127\.0\.0\.1:$port"
	peer 127.0.0.1 "$port"
	affects 1 1
	near "$(printed_seconds 'receive window, ([0-9.]+ m?s) in all')" "$seconds" 0.3

	anew
	start nc.openbsd -l -s 127.0.0.1 -p "$port" >/dev/null
	await 10 listening "$port"
	recorded nc.openbsd -N 127.0.0.1 "$port" <large
	finds_nothing
}

@test "nginx to curl --limit-rate, among others that read; without it" {
	need nginx curl jq
	local port i slow nginx slow_port seconds last_seconds=0
	port=$(free_port)
	as=(env LD_PRELOAD="$library" TCPSHIM_RECORD="$recordings/")
	nginx_start "$port" ''
	nginx=$last
	truncate -s 24M www/large
	curl -sS --limit-rate 6M -o /dev/null -w '%{local_port}\n' "http://127.0.0.1:$port/large" >slow &
	slow=$!
	for i in 1 2 3 4; do
		curl -sS -o /dev/null "http://127.0.0.1:$port/large"
	done
	while kill -0 "$slow" 2>/dev/null; do
		seconds=$(limited "sport = :$port")
		[[ -z $seconds ]] || last_seconds=$seconds
		sleep 0.05
	done
	wait "$slow"
	finds peer-reads-slowly "nginx at port $port"
	affects 1 5
	read -r slow_port <slow
	says "receive window, .* in all, the longest .* for 127\.0\.0\.1:$slow_port\."
	near "$(printed_seconds 'receive window, ([0-9.]+ m?s) in all')" "$last_seconds" 0.7

	stop "$nginx" || true
	anew
	port=$(free_port)
	as=(env LD_PRELOAD="$library" TCPSHIM_RECORD="$recordings/")
	nginx_start "$port" ''
	for i in 1 2 3 4; do
		curl -sS -o /dev/null "http://127.0.0.1:$port/large"
	done
	finds_nothing 4
}

@test "Nagle's algorithm and delayed acknowledgements: TCP_NODELAY" {
	need redis-server jq
	local port seconds
	port=$(free_port)
	start redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no >redis.log
	await 20 listening "$port"
	seconds=$(recorded "$python" "$sources/parts.py" "$port" nagle 25)
	finds nagle "python3?[0-9.]* to 127\.0\.0\.1:$port"
	peer 127.0.0.1 "$port"
	affects 1 1
	says 'TCP_NODELAY'
	near "$(printed_seconds 'times, ([0-9.]+ m?s) in all')" "$seconds" 0.15
	anew
	recorded "$python" "$sources/parts.py" "$port" nodelay 25 >seconds
	finds_nothing
	near "$(cat seconds)" 0 0.3
}
