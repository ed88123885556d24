#!/usr/bin/env bats
#
# Clients that nobody changed, in each scenario: those that notice, those that do not, and those that connect again.
#
# Shown: with one byte more in verdict_lost_bytes (verdict.c), the netcats fail.

# rehearse.bash reads what is set here.
# shellcheck disable=SC2154,SC2034

load rehearse

# netcat PROGRAM WAIT: the scenarios; 12 lines of 8 bytes are typed, and the connection fails before the third.
netcat() {
	local typed='line %02d' trigger=(--at=write:3) program=("$1" -v 127.0.0.1)
	need "$1" jq
	peer silent
	program+=("$port")
	scenarios "${program[@]}"
	rehearse kept power-off --at=write:3 --limit=12s --user-timeout=2s "${program[@]}"
	typed='' rehearse idle power-off --limit=12s --keepalive=1s,1s,2 "${program[@]}"
	rehearse limited unreachable --limit=12s --user-timeout=2s "${program[@]}"
	over

	verdict power-off 3 '.noticed_ns == null' ".waits_in | startswith(\"$2()\")" '.lost_bytes == 80' '.role == "client"' \
		'.what_to_do | test("--keepalive=.* --user-timeout=")'
	peer_got power-off 16
	verdict kept 0 '.noticed_ns > 1e9' '.noticed_by == "error" or .noticed_by == "close"'
	peer_got kept 16
	verdict idle 0 '.noticed_ns > 2e9' '.lost_bytes == 0'
	verdict power-cycle 0 '.noticed_ns < 5e9' '.lost_bytes == 8'
	peer_got power-cycle 16
	verdict outage 0 '.healed_ns >= 4e8' '.resumed_ns >= .healed_ns' '.lost_bytes == 0' '.late_bytes > 0'
	peer_got outage 96
	verdict slow 0
	peer_got slow 96
	verdict unreachable 3 '.noticed_ns == null'
	verdict limited 0 '."error.type" == "ETIMEDOUT"' '.noticed_ns > 15e8'
	message limited
	verdict refused 0 '."error.type" == "ECONNREFUSED"'
	message refused
}

@test "nc.openbsd" {
	netcat nc.openbsd poll
	verdict peer-closes 3 '.end_of_stream_ns != null' '.closed_ns == null' '.lost_bytes == 0' \
		'.what_to_do | test("--close-on-eof=fin")'
	peer_got peer-closes 96
	verdict half-open 0 '.end_of_stream_ns != null' '.lost_bytes == 8'
	peer_got half-open 16
}

@test "nc.traditional" {
	netcat nc.traditional select
	verdict peer-closes 0 '.end_of_stream_ns != null' '.noticed_by == "close"'
	verdict half-open 0 '.end_of_stream_ns != null' '.noticed_by == "close"'
	peer_got half-open 16
}

# It takes no end of stream for an end: its own input is open.
@test "ncat" {
	netcat ncat select
	verdict peer-closes 3 '.end_of_stream_ns != null' '.closed_ns == null' '.lost_bytes == 0'
	peer_got peer-closes 96
	verdict half-open 0 '.end_of_stream_ns != null' '."error.type" == "EPIPE"'
	message half-open
	peer_got half-open 16
}

# The request has this many bytes; the peer answers after a second.
@test "curl" {
	local request url
	need curl jq
	peer http
	url=http://127.0.0.1:$port/1
	curl -sS --max-time 20 -d kang -o /dev/null "$url" || fail "no answer without the library"
	request=$(stat -c %s got.*[0-9])
	[[ $request -gt 100 ]] || fail "a request of $request bytes"
	scenarios curl -sS --max-time 3 -d kang -o /dev/null "$url"
	rehearse endless power-off "${watched[@]}" curl -sS -d kang "$url"
	rehearse kept power-off "${watched[@]}" --user-timeout=2s curl -sS -d kang "$url"
	peer http again
	rehearse again half-open "${watched[@]}" curl -sS --retry 1 --retry-all-errors -d kang "http://127.0.0.1:$port/1"
	peer http twice
	rehearse twice peer-closes "${watched[@]}" curl -sS --retry 1 --retry-all-errors -d kang "http://127.0.0.1:$port/1"
	over

	verdict power-off 0 '.noticed_by == "close"' '.noticed_ns > 2e9' ".lost_bytes == $request" '.reconnected_ns == null'
	says power-off 'timed out after [0-9]+ milliseconds'
	peer_got power-off 0
	verdict endless 3 '.noticed_ns == null' ".lost_bytes == $request" '.waits_in | startswith("poll()")'
	verdict kept 0 '.noticed_by == "error"' '."error.type" == "ETIMEDOUT"'
	message kept
	verdict power-cycle 0 '."error.type" == "ECONNRESET"' ".lost_bytes == $request"
	message power-cycle
	peer_got power-cycle 0
	verdict outage 0 '.resumed_ns >= .healed_ns' '.lost_bytes == 0' ".late_bytes == $request"
	peer_got outage "$request"
	verdict peer-closes 0 '.noticed_by == "close"' '.lost_bytes == 0' '.reconnected_ns == null'
	says peer-closes 'Empty reply from server'
	peer_got peer-closes "$request"
	verdict half-open 0 '.lost_bytes == '"$request"
	says half-open 'Empty reply|reset|Send failure'
	peer_got half-open 0
	verdict slow 0 '.closed_ns > 1e9'
	peer_got slow "$request"
	verdict unreachable 0 '.noticed_by == "close"' '.noticed_ns > 2e9'
	says unreachable '[Cc]onnection timed out'
	verdict refused 0 '."error.type" == "ECONNREFUSED"'
	says refused 'Failed to connect'

	verdict again 0 '.reconnected_ns != null' ".retried_bytes == $request" '.duplicate_bytes == 0'
	peer_got again 0 again
	[[ $(cat again.*[0-9] | wc -c) == "$request" ]] || fail "the peer did not get it once" "$(told again)"
	verdict twice 0 '.reconnected_ns != null' ".retried_bytes == $request" ".duplicate_bytes == $request"
	peer_got twice "$request" twice
	[[ $(cat twice.*[0-9] | wc -c) == $((2 * request)) ]] || fail "the peer did not get it twice" "$(told twice)"
}

# redis_start PORT
redis_start() {
	start "${ordinary[@]}" redis-server --port "$1" --bind 127.0.0.1 ::1 --save '' --appendonly no --dir "$place" \
		--logfile "$place/redis.log" >redis.out 2>&1
	await 20 listening "$1"
}

# redis_has NAME NUMBER…: what the server has executed.
redis_has() {
	local text
	text=$(printf '%02d,' "${@:2}")
	[[ $(redis-cli -p "$port" get "$1") == "$text" ]] || fail "the server got $(redis-cli -p "$port" get "$1"), not $text" \
		"$(told "$1")"
}

# It begins with a command of its own, so that the second that is typed meets the failure; the next is sent on another
# connection.
@test "redis-cli, which connects again" {
	local typed='append NAME %02d,' trigger=(--at=write:3) port
	need redis-cli redis-server jq
	port=$(free_port)
	redis_start "$port"
	first_writes=1
	scenarios redis-cli -p "$port"
	rehearse kept power-off --at=write:3 --limit=12s --user-timeout=2s redis-cli -p "$port"
	rehearse six power-cycle --at=write:3 --limit=12s redis-cli -h ::1 -p "$port"
	over

	verdict power-off 3 '.noticed_ns == null' '.lost_bytes == 40' '.waits_in | startswith("recv() at redis-cli(")'
	redis_has power-off 1
	verdict kept 0 '."error.type" == "ETIMEDOUT"' '.noticed_ns > 1e9' '.lost_bytes == 35'
	says kept 'recv timeout'
	redis_has kept 1
	verdict six 0 '."error.type" == "ECONNRESET"' '."network.peer.address" == "::1"' '.reconnected_ns != null' '.lost_bytes == 34'
	redis_has six 1 {3..12}
	verdict power-cycle 0 '."error.type" == "ECONNRESET"' '.reconnected_ns != null' '.lost_bytes == 43' '.retried_bytes == 0'
	message power-cycle
	redis_has power-cycle 1 {3..12}
	verdict half-open 0 '.reconnected_ns != null' '.lost_bytes == 40' '.retried_bytes == 0'
	says half-open 'Server closed the connection'
	redis_has half-open 1 {3..12}
	verdict peer-closes 0 '.reconnected_ns != null' '.lost_bytes == 0'
	says peer-closes 'Server closed the connection'
	redis_has peer-closes {1..12}
	verdict outage 0 '.resumed_ns >= .healed_ns' '.lost_bytes == 0' '.late_bytes == 37'
	redis_has outage {1..12}
	verdict slow 0
	redis_has slow {1..12}
	verdict unreachable 3
	verdict refused 0 '."error.type" == "ECONNREFUSED"'
	message refused
}

database() {
	port=$(free_port)
	postgres_start "$port"
	export PGHOST=127.0.0.1 PGUSER=postgres PGDATABASE=postgres PGPORT=$port PGGSSENCMODE=disable PGSSLMODE=disable
	psql -q -c 'create table log (name text, number int)'
}

# rows NAME NUMBER…: what the server has in its table.
rows() {
	local found
	found=$(psql -At -c "select coalesce(string_agg(number::text, ' ' order by number), '') from log where name = '$1'")
	[[ $found == "${*:2}" ]] || fail "the server has $found, not ${*:2}" "$(told "$1")"
}

# The third write is the second query.
@test "psql" {
	local typed="insert into log values ('NAME', %d);" trigger=(--at=write:3) port
	need psql jq "$(postgres_bin)/postgres" setpriv
	database
	first_writes=1
	scenarios psql -q
	rehearse kept power-off --at=write:3 --limit=12s --user-timeout=2s psql -q -h ::1
	over

	verdict power-off 3 '.noticed_ns == null' '.lost_bytes == 46' '.waits_in | startswith("poll() at libpq")'
	rows power-off 1
	verdict kept 0 '."error.type" == "ETIMEDOUT"' '.noticed_ns > 1e9' '.lost_bytes == 41'
	message kept
	rows kept 1
	verdict power-cycle 0 '."error.type" == "ECONNRESET"' '.lost_bytes == 48'
	says power-cycle 'connection to server was lost'
	rows power-cycle 1
	verdict half-open 0 '.noticed_by == "close"' '.lost_bytes == 46'
	says half-open 'server closed the connection unexpectedly'
	rows half-open 1
	verdict peer-closes 0 '.noticed_by == "close"' '.lost_bytes == 0'
	says peer-closes 'connection to server was lost'
	verdict outage 0 '.resumed_ns >= .healed_ns' '.lost_bytes == 0' '.late_bytes == 43'
	rows outage {1..12}
	verdict slow 0
	rows slow {1..12}
	verdict unreachable 3
	verdict refused 0 '."error.type" == "ECONNREFUSED"'
	message refused
}

@test "psycopg2's pool, which connects again and inserts again" {
	local port program
	need jq "$(postgres_bin)/postgres" psql setpriv
	"$python" -c 'import psycopg2' 2>/dev/null || need python3-psycopg2
	database
	trigger=(--at=write:3) connect_trigger=(--at=connect:1)
	program=("$python" "$sources/pool.py" "$port")
	scenarios "${program[@]}" NAME 4 tcp_user_timeout=2000
	over

	verdict power-off 0 '."error.type" == "ETIMEDOUT"' '.noticed_ns > 1e9' '.reconnected_ns == null' '.failed_connects > 0'
	message power-off
	rows power-off 1
	verdict power-cycle 0 '."error.type" == "ECONNRESET"' '.reconnected_ns != null' '.retried_bytes == .lost_bytes' \
		'.retried_bytes > 40' '.duplicate_bytes == 0'
	says power-cycle 'server closed the connection unexpectedly'
	verdict half-open 0 '.reconnected_ns != null' '.retried_bytes == .lost_bytes' '.retried_bytes > 40' '.duplicate_bytes == 0'
	verdict outage 0 '.resumed_ns >= .healed_ns' '.lost_bytes == 0' '.late_bytes > 40'
	verdict slow 0
	verdict unreachable 0 '."error.type" == "ETIMEDOUT"' '.reconnected_ns != null'
	verdict refused 0 '."error.type" == "ECONNREFUSED"' '.reconnected_ns != null'
	message refused
	# The server executed it, and nobody read its answer.
	verdict peer-closes 0 '.reconnected_ns != null' '.lost_bytes == 0' '.retried_bytes == .duplicate_bytes' \
		'.duplicate_bytes > 40'
	local name
	for name in power-cycle half-open outage slow; do
		[[ $(numbers "$name") == 0\|t ]] || fail "$(numbers "$name"): not each number once" "$(told "$name")"
	done
	[[ $(numbers peer-closes) == 1\|t ]] || fail "$(numbers peer-closes): not one number twice" "$(told peer-closes)"
}

# numbers NAME: prints how many rows of the server's table are more than needed, and whether the numbers are from 1 without a
# gap.
numbers() {
	psql -At -c "select count(*) - count(distinct number), count(distinct number) = max(number) from log where name = '$1'"
}

# http_clients: what holds for a client that sends a request each 0.3 s, gives one up after 2 s, and connects again.
http_clients() {
	verdict power-off 0 '.noticed_by == "close"' '.noticed_ns > 1e9' '.reconnected_ns == null' '.lost_bytes > 100'
	verdict power-cycle 0 '."error.type" == "ECONNRESET"' '.reconnected_ns != null' '.lost_bytes > 50' \
		'.duplicate_bytes == 0'
	verdict outage 0 '.resumed_ns >= .healed_ns' '.lost_bytes == 0'
	verdict peer-closes 0 '.end_of_stream_ns != null' '.noticed_by == "close"' '.reconnected_ns != null' '.lost_bytes == 0'
	verdict half-open 0 '.reconnected_ns != null'
	verdict slow 0
	verdict unreachable 0 '.noticed_by == "close"' '.noticed_ns > 1e9' '.reconnected_ns != null'
	verdict refused 0 '."error.type" == "ECONNREFUSED"' '.reconnected_ns != null'
}

@test "python's http.client: IPv4, IPv6 and IPv4-mapped" {
	local program=("$python" "$sources/http_client.py") address
	need jq
	peer http
	trigger=(--at=write:3) connect_trigger=(--at=connect:1)
	scenarios "${program[@]}" 127.0.0.1 "$port" 2 5
	for address in ::1 ::ffff:127.0.0.1; do
		rehearse "cycle$address" power-cycle --at=write:3 --limit=8s "${program[@]}" "$address" "$port" 2 3
		rehearse "off$address" power-off --at=write:3 --limit=8s "${program[@]}" "$address" "$port" 2 3
		rehearse "idle$address" power-off --at=write:3 --limit=15s --keepalive=1s,1s,2 --user-timeout=2s \
			"${program[@]}" "$address" "$port" 0 3
		rehearse "refused$address" refused --at=connect:1 --limit=8s "${program[@]}" "$address" "$port" 2 2
	done
	rehearse endless power-off --at=write:3 "${watched[@]}" "${program[@]}" 127.0.0.1 "$port" 0 5
	over

	http_clients
	says power-off TimeoutError
	message power-cycle
	message refused
	says peer-closes RemoteDisconnected
	verdict endless 3 '.noticed_ns == null' '.waits_in | startswith("recv")'
	for address in ::1 ::ffff:127.0.0.1; do
		verdict "cycle$address" 0 '."error.type" == "ECONNRESET"' '.reconnected_ns != null'
		message "cycle$address"
		peer_got "cycle$address" "$(first_request "cycle$address")"
		verdict "off$address" 0 '.noticed_by == "close"' '.noticed_ns > 1e9'
		peer_got "off$address" "$(first_request "off$address")"
		verdict "idle$address" 0 '."error.type" == "ETIMEDOUT"' '.noticed_ns > 1e9'
		message "idle$address"
		verdict "refused$address" 0 '."error.type" == "ECONNREFUSED"'
		message "refused$address"
	done
}

# Prints the size of the requests in what the peer got on the connection concerned: those that are complete.
first_request() {
	"$python" - "got.$(connection "$1" network.local.port)" <<-'EOF'
		import re, sys
		text = open(sys.argv[1], "rb").read()
		print(len(re.match(rb"(?s).*?\r\n\r\nx{100}", text)[0]))
	EOF
}

@test "python's asyncio" {
	local program=("$python" "$sources/asyncio_client.py" 127.0.0.1)
	need jq
	peer echo
	trigger=(--at=write:3) connect_trigger=(--at=connect:1)
	scenarios "${program[@]}" "$port" 2 5
	rehearse endless power-off --at=write:3 "${watched[@]}" "${program[@]}" "$port" 0 5
	rehearse kept power-off --at=write:3 --limit=12s --user-timeout=2s "${program[@]}" "$port" 0 5
	over

	verdict power-off 0 '.noticed_by == "close"' '.noticed_ns > 1e9' '.lost_bytes == 7'
	says power-off TimeoutError
	peer_got power-off 14
	verdict endless 3 '.noticed_ns == null' '.waits_in | startswith("epoll_wait()")'
	verdict kept 0 '."error.type" == "ETIMEDOUT"'
	message kept
	verdict power-cycle 0 '."error.type" == "ECONNRESET"' '.reconnected_ns != null' '.lost_bytes == 7'
	message power-cycle
	peer_got power-cycle 14
	verdict outage 0 '.resumed_ns >= .healed_ns' '.lost_bytes == 0' '.late_bytes == 7'
	verdict peer-closes 0 '.noticed_by == "close"' '.reconnected_ns != null' '.lost_bytes == 0'
	says peer-closes "EOFError: b'' is not b'line [34]" # what the peer goes on sending can still be read
	verdict half-open 0 '.reconnected_ns != null' '.lost_bytes == 7'
	peer_got half-open 14
	verdict slow 0
	verdict unreachable 0 '.noticed_by == "close"' '.noticed_ns > 1e9' '.reconnected_ns != null'
	verdict refused 0 '."error.type" == "ECONNREFUSED"' '.reconnected_ns != null'
	says refused "Connect call failed"
}

# node sends nothing on a connection on which it has read an end of stream.
@test "node's http agent" {
	need node jq
	peer http
	trigger=(--at=write:2) connect_trigger=(--at=connect:1)
	watched=(--limit=15s)
	scenarios node "$sources/agent.js" 127.0.0.1 "$port" 2000 7
	rehearse six power-cycle --at=write:2 --limit=15s node "$sources/agent.js" ::1 "$port" 2000 3
	over

	http_clients
	says power-off 'own timeout'
	says power-cycle ECONNRESET
	says refused ECONNREFUSED
	verdict six 0 '."error.type" == "ECONNRESET"' '.reconnected_ns != null' '."network.peer.address" == "::1"'
	says six ECONNRESET
}

# Its sockets are of IPv6, and their connections of IPv4.
@test "java's HttpClient" {
	need java javac jq
	javac -d "$place" "$sources/Client.java"
	peer http
	trigger=(--at=write:3) connect_trigger=(--at=connect:1)
	watched=(--limit=25s)
	scenarios java -XX:TieredStopAtLevel=1 -cp "$place" Client 127.0.0.1 "$port" 2000 7
	rehearse down refused --limit=25s java -XX:TieredStopAtLevel=1 -cp "$place" Client 127.0.0.1 "$port" 2000 6
	over

	verdict power-off 0 '.noticed_by == "close"' '.noticed_ns > 1e9' '.reconnected_ns == null'
	says power-off HttpTimeoutException
	verdict power-cycle 0 '.reconnected_ns != null' '.lost_bytes > 50'
	verdict outage 0 '.lost_bytes == 0'
	verdict peer-closes 0 '.noticed_by == "close"' '.reconnected_ns != null'
	says peer-closes 'received no bytes|EOF|closed'
	verdict half-open 0 '.reconnected_ns != null'
	verdict slow 0
	verdict unreachable 0 '.noticed_by == "close"' '.noticed_ns > 1e9'
	says unreachable HttpConnectTimeoutException
	verdict refused 0 '."error.type" == "ECONNREFUSED"' '.reconnected_ns != null' # it tries a connect twice
	verdict down 0 '."error.type" == "ECONNREFUSED"'
	says down ConnectException
}

@test "ssh" {
	local port alive=(-o ServerAliveInterval=1 -o ServerAliveCountMax=2)
	need ssh ssh-keygen /usr/sbin/sshd jq
	need_root
	port=$(free_port)
	ssh_server
	chown 65534 client_key
	trigger=(--idle=2s)
	scenarios "${ssh[@]}" "$user@127.0.0.1" 'sleep 30'
	rehearse alive power-off --idle=700ms --limit=20s "${ssh[@]}" "${alive[@]}" "$user@127.0.0.1" 'sleep 30'
	rehearse kept power-off --idle=2s --limit=20s --keepalive=1s,1s,2 "${ssh[@]}" "$user@127.0.0.1" 'sleep 30'
	rehearse limited unreachable --limit=20s "${ssh[@]}" -o ConnectTimeout=2 "$user@127.0.0.1" true
	over

	verdict power-off 3 '.noticed_ns == null' '.lost_bytes == 0' '.what_to_do | test("--keepalive=")'
	verdict alive 0 '.noticed_ns > 1e9' '.lost_bytes > 0'
	says alive 'not responding|timed out'
	verdict kept 0 '."error.type" == "ETIMEDOUT"' '.noticed_ns > 1e9' '.lost_bytes == 0'
	says kept 'Broken pipe|timed out'
	verdict power-cycle 3 '.noticed_ns == null'
	verdict peer-closes 0 '.end_of_stream_ns != null' '.noticed_by == "close"'
	says peer-closes 'closed by remote host'
	verdict half-open 0 '.end_of_stream_ns != null' '.noticed_by == "close"'
	says half-open 'closed by remote host'
	verdict slow 0
	verdict unreachable 3 '.noticed_ns == null' '.waits_in | startswith("connect()")'
	verdict limited 0 '.noticed_ns > 15e8'
	says limited 'Connection timed out'
	verdict refused 0 '."error.type" == "ECONNREFUSED"'
	message refused
}
