#!/usr/bin/env bats
#
# Pools that keep connections longer than the server does.  The bounds of the server's limit are what the pool survived and
# what it did not; the limit that is printed, or the server's setting that is named, makes the fault go away.

# findings.bash reads what is set here.
# shellcheck disable=SC2154,SC2034

load findings

@test "nginx keepalive_timeout 1s and python's http.client: the pool's limit below what is printed" {
	need nginx jq
	local port below
	port=$(free_port)
	nginx_start "$port" 'keepalive_timeout 1s;'
	recorded "$python" "$sources/pool.py" "$port" 0.3 0.6 1.6 >counts
	grep -qx 'answered 15 failed 5' counts || fail "$(cat counts)"
	(($(wc -l <access.log) == 15)) || fail "$(cat access.log)"

	finds peer-idle-limit "python3?[0-9.]* to 127\.0\.0\.1:$port"
	peer 127.0.0.1 "$port"
	affects 5 5
	says '5 requests were written to a connection that the peer had closed\. It closed 5 idle connections, after' \
		'keepalive_timeout of nginx'
	near "$(printed_seconds 'that one survived was ([0-9.]+ m?s)')" 0.65 0.1
	below=$(printed_seconds 'idle limit below ([0-9.]+ m?s)')
	near "$below" 1.0 0.15

	anew
	recorded IDLE_LIMIT="$(awk "BEGIN { print $below * 0.9 }")" "$python" "$sources/pool.py" "$port" 0.3 0.6 1.6 >counts
	grep -qx 'answered 20 failed 0' counts || fail "$(cat counts)"
	finds_nothing 10
}

# node sets keepalive with a first probe after 1 s, so that the time of the FIN is known from one side only.
# Shown: if collect_killed (findings_broken.c) leaves such times out, write-after-close comes first.
@test "nginx keepalive_timeout 2s and node's http.Agent: a longer keepalive_timeout" {
	need nginx node jq
	local port port_2
	port=$(free_port)
	port_2=$(free_port)
	nginx_start "$port" 'keepalive_timeout 2s;' "server { listen 127.0.0.1:$port_2; keepalive_timeout 60s; }"
	recorded node "$sources/agent.js" "$port" 500 1000 2800 >counts &
	local fault=$!
	anew cured
	recorded node "$sources/agent.js" "$port_2" 500 1000 2800 >counts.cured
	wait "$fault"
	grep -qx 'answered 12 failed 4' counts || fail "$(cat counts)"
	grep -qx 'answered 16 failed 0' counts.cured || fail "$(cat counts.cured)"
	finds_nothing 4
	recordings=$place/recordings
	finds peer-idle-limit "node to 127\.0\.0\.1:$port"
	peer 127.0.0.1 "$port"
	affects 4 4
	says '4 requests were written' 'raise the peer.s \(keepalive_timeout of nginx'
	near "$(printed_seconds 'that one survived was ([0-9.]+ m?s)')" 1.1 0.15
	near "$(printed_seconds 'idle limit below ([0-9.]+ m?s)')" 2.0 0.2
}

@test "nginx keepalive_timeout 1s and python's requests, whose pool looks first: nothing wrong" {
	need nginx jq
	need_module requests
	local port
	port=$(free_port)
	nginx_start "$port" 'keepalive_timeout 1s;'
	recorded "$debian_python" "$sources/requests_pool.py" "$port" 0.3 0.6 1.6 >counts
	grep -qx 'answered 4' counts || fail "$(cat counts)"
	finds_nothing 2
}

# Shown: without is_closed_at_once (findings_broken.c) this is an idle limit of a second.
@test "nginx that is reloaded closes what is idle at one time: no idle limit; a pool that looks first" {
	need nginx jq
	need_module requests
	local port nginx pool i
	port=$(free_port)
	nginx_start "$port" 'keepalive_timeout 60s;'
	nginx=$last
	recorded STAGGER=0.3 "$python" "$sources/pool.py" "$port" 2 >counts &
	pool=$!
	answered() { (($(wc -l <access.log) >= $1)); }
	await 20 answered 5
	sleep 0.8
	kill -HUP "$nginx"
	wait "$pool"
	grep -qx 'answered 5 failed 5' counts || fail "$(cat counts)"
	finds write-after-close "python3?[0-9.]* to 127\.0\.0\.1:$port"
	peer 127.0.0.1 "$port"
	affects 5 5
	says 'it closed 5 idle connections at one time, as a restart does' 'Check for end of stream'

	anew
	recorded "$debian_python" "$sources/requests_pool.py" "$port" 2 >counts &
	pool=$!
	await 20 answered 6
	sleep 0.8
	kill -HUP "$nginx"
	wait "$pool"
	grep -qx 'answered 2' counts || fail "$(cat counts)"
	finds_nothing 2
}

# haproxy_start PORT BACK LIMIT
haproxy_start() {
	cat >haproxy.conf <<-CONFIG
		defaults
		    mode tcp
		    timeout connect 5s
		    timeout client $3
		    timeout server 1m
		    log stdout format raw local0
		    option tcplog
		listen database
		    bind 127.0.0.1:$1
		    server database 127.0.0.1:$2
	CONFIG
	start haproxy -db -f haproxy.conf >haproxy.log 2>&1
	await 30 listening "$1"
}

# Keepalive does not help: haproxy counts data alone.
@test "haproxy timeout client 1s before postgres: psql and libpq; a longer timeout, and not keepalive" {
	need haproxy psql jq "$(postgres_bin)/postgres" setpriv
	need_module psycopg2
	local back port below
	back=$(free_port)
	port=$(free_port)
	postgres_start "$back"
	haproxy_start "$port" "$back" 1s
	local haproxy=$last session=$'select 1;\n\\! sleep 0.6\nselect 2;\n\\! sleep 1.6\nselect 3;\n'
	export PGHOST=127.0.0.1 PGUSER=postgres PGDATABASE=postgres PGPORT=$port PGGSSENCMODE=disable

	anew libpq
	recorded TCPSHIM_KEEPALIVE=1s,1s,3 "$debian_python" "$sources/libpq.py" "$port" 0.3 0.6 1.6 >counts &
	local libpq=$!
	anew psql
	! recorded psql <<<"$session" >psql.out 2>&1 || fail "$(cat psql.out)"
	wait "$libpq"
	grep -q 'connection to server was lost' psql.out || fail "$(cat psql.out)"
	finds peer-idle-limit "psql to 127\.0\.0\.1:$port"
	peer 127.0.0.1 "$port"
	affects 1 1
	near "$(printed_seconds 'that one survived was ([0-9.]+ m?s)')" 0.65 0.15
	# haproxy's log says why and after how long: cD, the client's timeout.
	grep -q ' cD ' haproxy.log || fail "$(cat haproxy.log)"

	recordings=$place/recordings.libpq
	grep -qx 'answered 9 failed 3' counts || fail "$(cat counts)"
	finds peer-idle-limit "python3?[0-9.]* to 127\.0\.0\.1:$port"
	affects 3 3
	says 'timeout client of haproxy'
	! grep -q TCPSHIM_KEEPALIVE found || fail "$(cat text)"
	below=$(printed_seconds 'idle limit below ([0-9.]+ m?s)')
	near "$below" 1.0 0.15

	stop "$haproxy" || true
	haproxy_start "$port" "$back" 60s
	anew
	recorded "$debian_python" "$sources/libpq.py" "$port" 0.3 0.6 1.6 >counts &
	libpq=$!
	recorded psql <<<"$session" >psql.out 2>&1 || fail "$(cat psql.out)"
	wait "$libpq"
	grep -qx 'answered 12 failed 0' counts || fail "$(cat counts)"
	finds_nothing 4
}
