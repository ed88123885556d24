#!/usr/bin/env bats
#
# Servers, most with their own clients: what both print, and how they end, is the same with and without the library.  Each
# call on a TCP descriptor that strace sees is traced.

# bats runs each test in a subshell of its own, and functions are handed over by name.
# shellcheck disable=SC2154,SC2030,SC2031,SC2317,SC2034

load matrix

# get URL…: fetches without the library, over one connection if the server keeps it open; prints one line for each.
get() {
	local url arguments=()
	for url in "$@"; do
		arguments+=(-o /dev/null "$url")
	done
	curl -sS --max-time 20 -k -w '%{http_code} %{size_download}\n' "${arguments[@]}" >>get.out 2>>get.err
}

# sshd's processes may not write to files before the login (their RLIMIT_FSIZE is 0), but they may write to a pipe.  The
# lines without a process id are those of the first process.
@test "sshd: logins with a command and with sftp" {
	need ssh scp ssh-keygen /usr/sbin/sshd strace
	need_root
	play() {
		output=$scene/pipe
		mkfifo pipe
		cat <>pipe >collected 2>/dev/null 3>&- &
		local reader=$!
		started+=("$reader")
		await 5 test "/proc/$reader/fd/0" -ef pipe
		ssh_server serve sshd
		local server=$last status=0
		timeout 30 "${ssh[@]}" "$user@127.0.0.1" 'cat; echo errors >&2; head -c 300000 /dev/zero | cksum; exit 7' \
			>ssh.out 2>ssh.err <<<'through ssh' || status=$?
		((status == 7)) || fail "no login: $status" "$(cat ssh.err sshd.err)"
		head -c 300000 /dev/zero >there
		timeout 30 scp -q "${scp[@]}" there "$user@127.0.0.1:$scene/copy"
		cmp there copy
		timeout 30 "${ssh[@]}" -o PubkeyAuthentication=no "$user@127.0.0.1" true 2>/dev/null && fail "let in"
		await 10 grep -q 'closed by authenticating' sshd.err
		ended sshd "$server"
		echo over >pipe
		await 10 grep -q '^over$' collected
		[[ $mode == bare ]] || sed '/^over$/d' collected >"trace.sshd.$server"
	}
	varying='s/port [0-9]+/port PORT/; s/SHA256:[^ ]+/KEY/'
	matrix sshd
}

@test "rsync: daemon and client" {
	need rsync strace
	play() {
		mkdir -p from
		seq 1 50000 >from/numbers
		head -c 200000 /dev/zero >from/zeros
		cat >rsyncd.conf <<-CONFIG
			use chroot = no
			$( ((EUID)) || printf 'uid = 0\ngid = 0\n')
			pid file = $scene/rsyncd.pid
			[module]
			path = $scene/from
			read only = no
		CONFIG
		serve server rsync --daemon --no-detach --config=rsyncd.conf --address=127.0.0.1 --port="$port" \
			--log-file=rsyncd.log
		local server=$last url=rsync://127.0.0.1:$port
		await 30 listening "$port"
		once list rsync "$url"
		once down rsync -r "$url/module/" down
		seq 1 60000 >down/numbers
		once up rsync -r down/ "$url/module/"
		once none rsync -r "$url/none/" none
		cmp down/numbers from/numbers
		ended server "$server"
	}
	varying='s/\[[a-zA-Z]+=[0-9.]+\]//'
	matrix rsync
}

@test "nginx: files, keep-alive, proxy, TLS" {
	need nginx curl openssl strace
	play() {
		nginx_config 2
		serve nginx nginx -p "$scene" -c "$scene/nginx.conf"
		local nginx=$last url=http://127.0.0.1:$port
		await 30 listening "$port"
		get "$url/page" "$url/megabyte" "$url/none" "$url/proxy/page"
		get "$url/proxy/megabyte"
		get "https://127.0.0.1:$port_2/page" "https://127.0.0.1:$port_2/megabyte"
		ended nginx "$nginx" QUIT
		[[ ! -s nginx.log ]] || fail "$(cat nginx.log)"
	}
	matrix nginx
}

@test "lighttpd" {
	need lighttpd curl strace
	is_quiet() {
		[[ -z $(ss -Htn state connected exclude time-wait "( sport = :$port or dport = :$port )") ]]
	}
	play() {
		pages www
		cat >lighttpd.conf <<-CONFIG
			server.modules = ("mod_proxy")
			server.document-root = "$scene/www"
			server.bind = "127.0.0.1"
			server.port = $port
			server.errorlog = "$scene/lighttpd.log"
			\$HTTP["url"] =~ "^/proxy/" {
			    proxy.server = ("" => (("host" => "127.0.0.1", "port" => $port)))
			    proxy.header = ("map-urlpath" => ("/proxy/" => "/"))
			}
		CONFIG
		serve lighttpd lighttpd -D -f lighttpd.conf
		local lighttpd=$last url=http://127.0.0.1:$port
		await 30 listening "$port"
		get "$url/page" "$url/megabyte" "$url/none" "$url/proxy/page"
		get "$url/proxy/megabyte"
		# Told to end while a connection is open, it exits with 1, bare too.
		await 10 is_quiet
		ended lighttpd "$lighttpd"
	}
	matrix lighttpd
}

@test "haproxy: http and tcp" {
	need haproxy curl strace
	play() {
		web
		cat >haproxy.conf <<-CONFIG
			global
			    nbthread 2
			    maxconn 100
			defaults
			    timeout connect 5s
			    timeout client 10s
			    timeout server 10s
			listen web
			    mode http
			    bind 127.0.0.1:$port
			    server web 127.0.0.1:$web
			listen raw
			    mode tcp
			    bind 127.0.0.1:$port_2
			    option splice-auto
			    server web 127.0.0.1:$web
		CONFIG
		serve haproxy haproxy -db -f haproxy.conf
		local haproxy=$last
		await 30 listening "$port_2"
		get "http://127.0.0.1:$port/page" "http://127.0.0.1:$port/megabyte" "http://127.0.0.1:$port/none"
		get "http://127.0.0.1:$port_2/page" "http://127.0.0.1:$port_2/megabyte"
		ended haproxy "$haproxy" USR1
	}
	varying='s/\([0-9]+\)/(PID)/; s/pid [0-9]+/pid PID/'
	# It closes connections to a server that does not keep them with SO_LINGER 0.
	honest=aborted
	matrix haproxy
}

@test "redis-server with redis-cli and redis-benchmark" {
	need redis-server redis-cli redis-benchmark strace
	play() {
		serve server redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --loglevel warning \
			--logfile redis.log
		local server=$last
		await 30 listening "$port"
		once set redis-cli -p "$port" set kang kodos
		once get redis-cli -p "$port" get kang
		once error redis-cli -p "$port" incr kang
		once list redis-cli -p "$port" <<<$'rpush list a b c\nlrange list 0 -1'
		once benchmark redis-benchmark -p "$port" -n 300 -c 5 -t set,get,lpush -q
		once shutdown redis-cli -p "$port" shutdown nosave
		finished server "$server"
	}
	varying='s/.*\r//; s/[0-9.]+ requests.*/N/'
	matrix redis
}

@test "memcached" {
	need memcached strace
	play() {
		serve server memcached -u nobody -l 127.0.0.1 -p "$port" -U 0 -t 2
		local server=$last
		await 30 listening "$port"
		"$python" "$BATS_TEST_DIRNAME/sources/cache.py" "$port" >client.out 2>client.err
		ended server "$server"
	}
	matrix memcached
}

@test "postgres with psql and pgbench" {
	local bin
	bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
	need "${bin:-/usr/lib/postgresql}/postgres" psql pgbench setpriv strace
	local postgres=()
	((EUID)) || postgres=(setpriv --reuid=postgres --regid=postgres --init-groups)
	"${postgres[@]}" "$bin/initdb" -D "$place/data" -A trust -U postgres --no-sync >initdb.out 2>&1 ||
		fail "$(cat initdb.out)"
	export PGHOST=127.0.0.1 PGUSER=postgres PGDATABASE=postgres
	has_no_clients() {
		! pgrep -f "^postgres: postgres postgres 127\.0\.0\.1" --parent "$(head -n 1 data/postmaster.pid)" >/dev/null
	}
	play() {
		export PGPORT=$port
		cp -a "$place/data" data
		as=("${postgres[@]}")
		serve server "$bin/postgres" -D "$scene/data" -p "$port" -h 127.0.0.1 -k ''
		as=()
		local server=$last
		await 20 grep -q 'ready to accept' server.err
		once psql psql <<-'SQL'
			create table numbers as select generate_series(1, 5000) as n;
			select sum(n) from numbers;
			copy numbers to stdout;
			select nonsense;
			drop table numbers;
		SQL
		once one psql -c "select 'one'" -c "select pg_sleep(0.1)"
		once init pgbench -i -q
		once bench pgbench -c 3 -t 20
		# A process that still serves a client logs that it was told to end.
		await 20 has_no_clients
		kill -s INT "$(head -n 1 "data/postmaster.pid")"
		finished server "$server"
	}
	varying='s/^[0-9-]+ [0-9:.]+ [A-Z]+ \[[0-9]+\]/TIME/; s/[0-9.]+ (s|ms)\b/N s/g; s/^(tps|TPS).*/tps/'
	varying+='; s/checkpoint complete.*/checkpoint/; s/shut down at .*/shut down/; s/PID [0-9]+/PID/'
	matrix postgres
}

@test "mosquitto with mosquitto_sub and mosquitto_pub" {
	need mosquitto mosquitto_pub mosquitto_sub strace
	play() {
		printf 'listener %s 127.0.0.1\nallow_anonymous true\nlog_type error\n' "$port" >mosquitto.conf
		serve server mosquitto -c mosquitto.conf
		local server=$last broker=(-h 127.0.0.1 -p "$port")
		await 30 listening "$port"
		once retained mosquitto_pub "${broker[@]}" -i first -t place/a -r -m retained
		serve sub mosquitto_sub "${broker[@]}" -i subscriber -q 1 -t 'place/#' -v -C 5
		local sub=$last
		await 10 test -s sub.out
		once qos mosquitto_pub "${broker[@]}" -i second -t place/b -q 2 -m two
		once lines mosquitto_pub "${broker[@]}" -i third -t place/c -q 1 -l <<<$'one\ntwo\nthree'
		finished sub "$sub"
		ended server "$server"
	}
	matrix mosquitto
}

# iperf3 ends a measurement by closing connections on which data is still under way.
@test "iperf3: in both directions" {
	need iperf3 strace
	play() {
		local way option=()
		for way in there back; do
			option=()
			[[ $way == there ]] || option=(-R)
			serve "server_$way" iperf3 -s -1 -B 127.0.0.1 -p "$port"
			local server=$last
			await 30 listening "$port"
			once "client_$way" iperf3 -c 127.0.0.1 -p "$port" -n 2M -l 16K -i 0 "${option[@]}"
			finished "server_$way" "$server"
		done
	}
	varying='s/[KMG]?(Bytes|bits)/UNIT/g; s/[0-9.]+/N/g; s/ +/ /g'
	# How many lines come before the sums depends on the time that it took.
	varying+='; /Interval/d; /N-N sec/{/(sender|receiver) *$/!d}'
	honest='closed-with-unread-data|reset-by-peer|reset-after-fin|data-lost'
	matrix iperf3
}

@test "wrk" {
	need wrk nginx openssl strace
	play() {
		nginx_config 1
		start nginx -p "$scene" -c "$scene/nginx.conf" 2>/dev/null
		await 30 listening "$port"
		once wrk wrk -d 1s -c 4 -t 2 "http://127.0.0.1:$port/page"
	}
	varying='s/[0-9.]+/N/g; s/N[a-zA-Z]+/N/g; s/ +/ /g'
	matrix wrk
}
