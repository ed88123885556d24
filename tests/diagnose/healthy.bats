#!/usr/bin/env bats
#
# Real programs do ordinary work: `tcpshim diagnose` finds nothing above information.  The loads of interop/healthy.bats
# are diagnosed there.

# bats runs each test in a subshell of its own, and functions are handed over by name.
# shellcheck disable=SC2154,SC2030,SC2031,SC2317,SC2034

load ../interop/matrix
load counted

observe() { observer=(env LD_PRELOAD="$library" TCPSHIM_RECORD="$scene/recordings/"); }

# sound NAME LEAST: plays the load; each program must succeed, and no finding is above information, among at least so many
# connections.
sound() {
	local failed programs
	scene recorded
	failed=$(grep -LEx "$statuses" recorded/*.status || true)
	[[ -z $failed ]] || fail "failed: $failed" "$(tail -n 5 recorded/*.err)"
	timeout -k 5 20 "$build/tcpshim" diagnose recorded/recordings >text 2>said || fail "status $?" "$(cat said)"
	[[ ! -s said ]] || fail "$(cat said)"
	! grep -q '^!' text || fail "$(cat text)"
	local connections
	connections=$(ends_in text)
	((connections >= $2)) || fail "fewer than $2 connections" "$(cat text)"
	printf '%-24s %11s %9s\n' "$1" "$connections" "$(sed -nE 's/.* ([0-9]+) calls?, .*/\1/p' text)" >>"$BATS_FILE_TMPDIR/table"
}
statuses=0

teardown_file() {
	[[ -s $BATS_FILE_TMPDIR/table ]] || return 0
	{
		printf '# | %-24s %11s %9s\n' load connections calls
		sed 's/^/# | /' "$BATS_FILE_TMPDIR/table"
	} >&3
}

# scene of matrix.bash makes the directory; what is recorded goes below it.
take_ports() {
	mkdir -m 1777 "$scene/recordings"
	port=$(free_port)
	port_2=$(free_port)
	port_3=$(free_port)
}

@test "python's http.server: curl and wget" {
	need curl wget
	play() {
		pages www
		serve server "$python" -u -m http.server -b 127.0.0.1 -d www "$port"
		local server=$last url=http://127.0.0.1:$port
		await 20 listening "$port"
		once curl curl -sS "$url/page" "$url/megabyte" "$url/page"
		once wget wget -q -O - "$url/megabyte" "$url/page"
		once parallel curl -sS --parallel "$url/page?[1-20]"
		kill "$server"
	}
	sound http.server 25
}

# wrk ends while answers are under way, which resets its connections: the server is not judged.
@test "wrk, to nginx" {
	need nginx wrk openssl
	play() {
		nginx_config 1
		start nginx -p "$scene" -c "$scene/nginx.conf" 2>/dev/null
		await 30 listening "$port"
		once wrk wrk -d 1s -c 8 -t 2 "http://127.0.0.1:$port/page"
	}
	sound wrk 8
}

@test "nginx: ab" {
	need nginx ab openssl
	play() {
		nginx_config 2
		serve nginx nginx -p "$scene" -c "$scene/nginx.conf"
		local nginx=$last
		await 30 listening "$port"
		once ab ab -q -n 500 -c 5 "http://127.0.0.1:$port/page"
		once kept ab -q -k -n 500 -c 5 "http://127.0.0.1:$port/megabyte"
		ended nginx "$nginx" QUIT
	}
	sound nginx 500
}

@test "lighttpd: curl, a proxy to itself" {
	need lighttpd curl
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
		once curl curl -sS "$url/page" "$url/megabyte" "$url/none" "$url/proxy/page" "$url/proxy/megabyte"
		kill "$lighttpd"
	}
	sound lighttpd 3
}

@test "rsync: daemon and client" {
	need rsync
	play() {
		mkdir from
		seq 1 50000 >from/numbers
		head -c 20000000 /dev/urandom >from/noise
		cat >rsyncd.conf <<-CONFIG
			use chroot = no
			$( ((EUID)) || printf 'uid = 0\ngid = 0\n')
			pid file = $scene/rsyncd.pid
			[module]
			path = $scene/from
			read only = no
		CONFIG
		serve server rsync --daemon --no-detach --config=rsyncd.conf --address=127.0.0.1 --port="$port" --log-file=rsyncd.log
		local server=$last url=rsync://127.0.0.1:$port
		await 30 listening "$port"
		once list rsync "$url"
		once down rsync -r "$url/module/" down
		seq 1 60000 >down/numbers
		once up rsync -r down/ "$url/module/"
		once none rsync -r "$url/module/" down
		ended server "$server"
	}
	statuses='0|20'
	sound rsync 8
}

@test "memcached" {
	need memcached
	play() {
		serve server memcached -u nobody -l 127.0.0.1 -p "$port" -U 0 -t 2
		local server=$last
		await 30 listening "$port"
		once client "$python" "$BATS_TEST_DIRNAME/../interop/sources/cache.py" "$port"
		once again "$python" "$BATS_TEST_DIRNAME/../interop/sources/cache.py" "$port"
		ended server "$server"
	}
	sound memcached 2
}

@test "openssl: s_server and s_client; curl" {
	need openssl curl
	play() {
		openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem 2>/dev/null
		serve server openssl s_server -accept "127.0.0.1:$port" -key key.pem -cert cert.pem -www -naccept 3
		local server=$last
		await 30 listening "$port"
		once client openssl s_client -connect "127.0.0.1:$port" -quiet -ign_eof <<<$'GET / HTTP/1.0\r\n\r\n'
		once curl curl -sSk "https://127.0.0.1:$port/"
		once again curl -sSk "https://127.0.0.1:$port/"
		finished server "$server"
	}
	sound openssl 6
}

@test "socat: a server that forks, a relay, a client" {
	need socat
	play() {
		serve server socat "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork" SYSTEM:'tr a-z A-Z'
		local server=$last
		serve relay socat "TCP-LISTEN:$port_2,bind=127.0.0.1,reuseaddr,fork" "TCP:127.0.0.1:$port"
		local relay=$last i
		await 30 listening "$port"
		await 30 listening "$port_2"
		for i in 1 2 3; do
			once "client.$i" socat -t 5 - "TCP:127.0.0.1:$port_2" <<<"through two of them"
		done
		head -c 5000000 /dev/zero >zeros
		once again socat -t 5 - "TCP:127.0.0.1:$port" <zeros
		kill "$relay" "$server"
	}
	sound socat 4
}

@test "mosquitto with subscribers and publishers" {
	need mosquitto mosquitto_pub mosquitto_sub
	play() {
		printf 'listener %s 127.0.0.1\nallow_anonymous true\nlog_type error\n' "$port" >mosquitto.conf
		serve server mosquitto -c mosquitto.conf
		local server=$last broker=(-h 127.0.0.1 -p "$port")
		await 30 listening "$port"
		once retained mosquitto_pub "${broker[@]}" -t place/a -r -m retained
		serve sub mosquitto_sub "${broker[@]}" -q 1 -t 'place/#' -v -C 5
		local sub=$last
		await 10 test -s sub.out
		once qos mosquitto_pub "${broker[@]}" -t place/b -q 2 -m two
		sleep 0.5
		once lines mosquitto_pub "${broker[@]}" -t place/c -q 1 -l <<<$'one\ntwo\nthree'
		finished sub "$sub"
		ended server "$server"
	}
	sound mosquitto 8
}

@test "git over http and over ssh" {
	need git curl ssh ssh-keygen /usr/sbin/sshd
	need_root
	play() {
		export GIT_CONFIG_NOSYSTEM=1
		git -c init.defaultBranch=main init -q --bare www/repository.git
		git -c init.defaultBranch=main init -q work
		(
			cd work || exit
			git config user.name somebody
			git config user.email somebody@localhost
			seq 1 20000 >numbers
			git add numbers
			git commit -q -m one
			git push -q ../www/repository.git main
		)
		git -C www/repository.git update-server-info
		serve web "$python" -u -m http.server -b 127.0.0.1 -d www "$port_2"
		await 20 listening "$port_2"
		once http git clone -q "http://127.0.0.1:$port_2/repository.git" copy
		ssh_server serve sshd
		export GIT_SSH_COMMAND="${ssh[*]}"
		once ssh git clone -q "ssh://$user@127.0.0.1$scene/www/repository.git" copy_2
		(cd copy_2 && seq 1 40000 >numbers)
		once push git -C copy_2 -c user.name=me -c user.email=me@localhost push -q origin HEAD:refs/heads/other
	}
	sound git 4
}

@test "ssh and scp" {
	need ssh scp ssh-keygen /usr/sbin/sshd
	need_root
	play() {
		ssh_server serve sshd
		head -c 5000000 /dev/zero >there
		once true "${ssh[@]}" "$user@127.0.0.1" true
		once output "${ssh[@]}" "$user@127.0.0.1" 'head -c 1000000 /dev/zero; sleep 0.3; echo over'
		once up scp -q "${scp[@]}" there "$user@127.0.0.1:$scene/copy"
		once down scp -q "${scp[@]}" "$user@127.0.0.1:$scene/copy" back
	}
	sound ssh 8
}

@test "apache mpm_prefork: ab, curl" {
	need apache2 ab curl
	play() {
		pages www
		cat >apache.conf <<-CONFIG
			ServerName localhost
			Listen 127.0.0.1:$port
			PidFile $scene/apache.pid
			DefaultRuntimeDir $scene
			ErrorLog $scene/apache.log
			DocumentRoot $scene/www
			LoadModule mpm_prefork_module /usr/lib/apache2/modules/mod_mpm_prefork.so
			LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
			StartServers 4
			MinSpareServers 4
			MaxRequestWorkers 8
			KeepAliveTimeout 1
			$( ((EUID)) || printf 'User nobody\nGroup nogroup\n')
		CONFIG
		# At its end it signals its whole process group.
		serve apache setsid apache2 -DFOREGROUND -f "$scene/apache.conf"
		local apache=$last url=http://127.0.0.1:$port
		await 20 listening "$port"
		once ab ab -q -n 300 -c 4 "$url/page"
		once kept ab -q -k -n 300 -c 4 "$url/megabyte"
		once curl curl -sS -o /dev/null "$url/page" -o /dev/null "$url/megabyte"
		kill "$apache"
		finish "$apache" || true
	}
	sound apache 600
}

@test "postgres: a process per connection; psql, pgbench, libpq of python" {
	local bin postgres=()
	bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
	need "${bin:-/usr/lib/postgresql}/postgres" psql pgbench setpriv
	((EUID)) || postgres=(setpriv --reuid=postgres --regid=postgres --init-groups)
	"${postgres[@]}" "$bin/initdb" -D "$place/data" -A trust -U postgres --no-sync >initdb.out 2>&1 ||
		fail "$(cat initdb.out)"
	export PGHOST=127.0.0.1 PGUSER=postgres PGDATABASE=postgres
	play() {
		export PGPORT=$port
		as=("${postgres[@]}")
		serve server "$bin/postgres" -D "$place/data" -p "$port" -h 127.0.0.1 -k ''
		as=()
		local server=$last
		await 20 grep -q 'ready to accept' server.err
		once one psql -c "select 'one'" -c "select pg_sleep(0.3)" -c "select 'two'"
		once many psql -c 'copy (select generate_series(1, 100000)) to stdout'
		once init pgbench -i -q
		once select pgbench -S -c 4 -j 2 -t 200
		once connect pgbench -S -C -c 2 -t 20
		if /usr/bin/python3 -c 'import psycopg2' 2>/dev/null; then
			once libpq /usr/bin/python3 "$BATS_TEST_DIRNAME/sources/libpq.py" "$port" 0.2 0.3
		fi
		kill -s INT "$(head -n 1 "$place/data/postmaster.pid")"
		finished server "$server"
	}
	sound postgres 50
}

@test "redis: client and benchmark" {
	need redis-server redis-cli redis-benchmark
	play() {
		serve server redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --loglevel warning
		local server=$last
		await 30 listening "$port"
		once set redis-cli -p "$port" set kang kodos
		once benchmark redis-benchmark -p "$port" -n 5000 -c 50 -t set,get,lpush -q
		once pipeline redis-benchmark -p "$port" -n 10000 -c 10 -P 16 -t set,get -q
		once shutdown redis-cli -p "$port" shutdown nosave
		finished server "$server"
	}
	sound redis 50
}

@test "dnsmasq over TCP" {
	need dnsmasq
	play() {
		serve server dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --no-hosts --port="$port" \
			--listen-address=127.0.0.1 --bind-interfaces --address=/kang/192.0.2.1 --user=root --pid-file=
		local server=$last
		await 30 listening "$port"
		once client "$python" "$BATS_TEST_DIRNAME/sources/resolve.py" "$port"
		kill "$server"
	}
	sound dnsmasq 4
}

@test "node: http and https with an agent that keeps connections" {
	need node openssl
	play() {
		openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem 2>/dev/null
		once one node "$BATS_TEST_DIRNAME/../interop/sources/keepalive.js" key.pem cert.pem
		once two node "$BATS_TEST_DIRNAME/../interop/sources/keepalive.js" key.pem cert.pem
	}
	sound node 16
}

# Without the option java's server writes its answers in two small parts, with Nagle's algorithm: see interop/healthy.bats.
@test "java: HttpClient and its server, sockets, channels" {
	need java
	java --list-modules | grep -q jdk.compiler || skip "this java has no compiler"
	play() {
		local program
		for program in Http Net Nio; do
			once "$program" java -Dsun.net.httpserver.nodelay=true "$BATS_TEST_DIRNAME/../interop/sources/$program.java"
		done
	}
	statuses='0|3'
	sound java 8
}

@test "haproxy: http and tcp, in front of nginx" {
	need haproxy nginx curl openssl
	play() {
		nginx_config 1
		serve nginx nginx -p "$scene" -c "$scene/nginx.conf"
		local nginx=$last haproxy url
		await 30 listening "$port"
		cat >haproxy.conf <<-CONFIG
			defaults
			    timeout connect 5s
			    timeout client 20s
			    timeout server 20s
			listen web
			    mode http
			    bind 127.0.0.1:$port_3
			    http-reuse always
			    server web 127.0.0.1:$port
			listen raw
			    mode tcp
			    bind 127.0.0.2:$port_3
			    server web 127.0.0.1:$port
		CONFIG
		serve haproxy haproxy -db -f haproxy.conf
		haproxy=$last
		await 30 listening "$port_3"
		for url in "http://127.0.0.1:$port_3" "http://127.0.0.2:$port_3"; do
			once "kept.${url: -7}" curl -sS "$url/page" -o /dev/null "$url/megabyte" -o /dev/null "$url/none"
			once "parallel.${url: -7}" curl -sS -o /dev/null --parallel --parallel-max 8 "$url/megabyte?[1-20]"
		done
		ended haproxy "$haproxy"
		ended nginx "$nginx" QUIT
	}
	statuses='0|143'
	sound haproxy 40
}

@test "nc and ncat, both ends" {
	need nc.openbsd ncat
	play() {
		head -c 5000000 /dev/zero >zeros
		serve nc nc.openbsd -N -l -s 127.0.0.1 -p "$port"
		local nc=$last ncat
		await 30 listening "$port"
		once nc_client nc.openbsd -N 127.0.0.1 "$port" <zeros
		finished nc "$nc"
		serve ncat ncat -l 127.0.0.1 "$port_2"
		ncat=$last
		await 30 listening "$port_2"
		once ncat_client ncat --send-only 127.0.0.1 "$port_2" <zeros
		finished ncat "$ncat"
		cmp nc.out zeros
		cmp ncat.out zeros
	}
	sound netcats 4
}

@test "python: four processes that share a listener" {
	need curl
	play() {
		serve server "$python" "$BATS_TEST_DIRNAME/../interop/sources/prefork.py" "$port"
		local server=$last url=http://127.0.0.1:$port
		await 30 listening "$port"
		head -c 300000 /dev/zero >body
		once get curl -sS "$url/10" -o /dev/null "$url/100000" -o /dev/null "$url/3000000"
		once post curl -sS -o /dev/null --data-binary @body "$url/?[1-4]"
		once parallel curl -sS -o /dev/null --parallel --parallel-max 4 "$url/[1-20]"
		ended server "$server"
	}
	sound prefork 8
}

@test "haproxy in front of postgres, and pgbench" {
	local bin postgres=()
	bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
	need haproxy "${bin:-/usr/lib/postgresql}/postgres" psql pgbench setpriv
	((EUID)) || postgres=(setpriv --reuid=postgres --regid=postgres --init-groups)
	"${postgres[@]}" "$bin/initdb" -D "$place/data" -A trust -U postgres --no-sync >initdb.out 2>&1 ||
		fail "$(cat initdb.out)"
	export PGHOST=127.0.0.1 PGUSER=postgres PGDATABASE=postgres
	play() {
		start "${postgres[@]}" "$bin/postgres" -D "$place/data" -p "$port" -h 127.0.0.1 -k '' 2>postgres.err
		await 20 grep -q 'ready to accept' postgres.err
		cat >haproxy.conf <<-CONFIG
			defaults
			    mode tcp
			    timeout connect 5s
			    timeout client 20s
			    timeout server 20s
			listen database
			    bind 127.0.0.1:$port_2
			    server database 127.0.0.1:$port
		CONFIG
		serve haproxy haproxy -db -f haproxy.conf
		local haproxy=$last
		await 30 listening "$port_2"
		export PGPORT=$port_2
		once psql psql -c "select 'one'" -c "select pg_sleep(0.3)" -c "select 'two'"
		once init pgbench -i -q
		once select pgbench -S -c 4 -j 2 -t 200
		ended haproxy "$haproxy"
	}
	statuses='0|143'
	sound "haproxy, postgres" 12
}
