#!/usr/bin/env bats
#
# Programming languages and their network libraries: each program is a client and a server in one.  What it prints, and
# how it ends, is the same with and without the library.  Each call on a TCP descriptor that strace sees is traced.

# bats runs each test in a subshell of its own, and functions are handed over by name.
# shellcheck disable=SC2154,SC2030,SC2031,SC2317,SC2034

load matrix

sources=$BATS_TEST_DIRNAME/sources

@test "perl: IO::Socket::INET" {
	need perl strace
	play() { once perl perl "$sources/talk.pl"; }
	matrix perl
}

@test "python3: sockets" {
	need strace
	play() { once python "$python" "$sources/sockets.py"; }
	matrix "python3 sockets"
}

@test "python3: asyncio" {
	need strace
	play() { once python "$python" "$sources/asyncio_both.py"; }
	matrix "python3 asyncio"
}

@test "python3: http.server, with urllib and http.client" {
	need strace
	play() {
		mkdir www
		printf 'a page\n' >www/page
		head -c 1000000 /dev/zero | tr '\0' 'x' >www/megabyte
		serve server "$python" -u -m http.server -b 127.0.0.1 -d www "$port"
		local server=$last
		await 30 listening "$port"
		once client "$python" "$sources/get.py" "$port"
		ended server "$server"
	}
	varying='s/\[[^]]*\]/[TIME]/'
	matrix "python3 http.server"
}

@test "python3: subprocess" {
	need strace
	play() { once python "$python" "$sources/children.py"; }
	matrix "python3 subprocess"
}

@test "python3: multiprocessing" {
	need strace
	play() { once python "$python" "$sources/pool.py"; }
	matrix "python3 multiprocessing"
}

@test "node: net" {
	need node strace
	play() { once node node "$sources/net.js"; }
	matrix "node net"
}

@test "node: http" {
	need node strace
	play() { once node node "$sources/http.js"; }
	matrix "node http"
}

@test "node: fetch" {
	need node strace
	node -e 'process.exit(typeof fetch == "function" && http.Server.prototype.closeAllConnections ? 0 : 1)' ||
		skip "not on this machine: a node with fetch, which came with 18"
	play() { once node node "$sources/fetch.js"; }
	matrix "node fetch"
}

@test "node: cluster" {
	need node strace
	play() { once node node "$sources/cluster.js"; }
	matrix "node cluster"
}

# Starting a Java program from its source needs the compiler.
need_java() {
	need java strace
	java --list-modules | grep -q jdk.compiler || skip "this java has no compiler"
}

@test "java: java.net" {
	need_java
	play() { once java java "$sources/Net.java"; }
	matrix "java net"
}

@test "java: java.nio" {
	need_java
	play() { once java java "$sources/Nio.java"; }
	matrix "java nio"
}

@test "java: HttpClient" {
	need_java
	# Without it the server writes its answers in two small parts, with Nagle's algorithm: 40 ms each, and a warning.
	play() { once java java -Dsun.net.httpserver.nodelay=true "$sources/Http.java"; }
	matrix "java HttpClient"
}

@test "php: its own web server, and streams" {
	need php strace
	play() {
		mkdir www
		# shellcheck disable=SC2016 # the dollar is PHP's
		printf '<?php echo "hello ", $_GET["name"] ?? "nobody";' >www/index.php
		serve server php -S "127.0.0.1:$port" -t www
		local server=$last
		await 30 listening "$port"
		once client php "$sources/talk.php" "$port"
		ended server "$server"
	}
	varying='s/^\[[^]]*[0-9:]{8} [0-9]+\]/[TIME]/; s/127\.0\.0\.1:[0-9]+/PEER/'
	matrix php
}

# The home directory is kept, since the compiler may be installed in it.
@test "a program written in Rust" {
	HOME=$home rustc --version >/dev/null 2>&1 || skip "not on this machine: a rustc that works; no small package brings one"
	need strace
	HOME=$home rustc -o talk "$sources/talk.rs" 2>rustc.err || fail "$(cat rustc.err)"
	play() { once rust "$place/talk"; }
	matrix rust
}

@test "a program written in C++" {
	need g++ strace
	g++ -std=c++17 -pthread -o talk "$sources/talk.cpp"
	play() { once cpp "$place/talk"; }
	matrix C++
}
