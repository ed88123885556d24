#!/usr/bin/env bats
#
# Real programs of musl: busybox, as its clients and servers, built with musl-gcc from the sources in the root of `make
# matrix RELEASES=musl`.  Its wget and ftpd read and write through musl's stdio.

# bats runs each test in a subshell of its own, and functions are handed over by name.
# shellcheck disable=SC2154,SC2030,SC2031,SC2317,SC2034

load matrix

sources=/usr/src/busybox
busybox=$build/busybox

# Builds the applets that the tests run.
setup_file() {
	[[ -d $sources && ! -x $busybox ]] || return 0
	local option folder=$BATS_FILE_TMPDIR/busybox
	cp -r "$sources" "$folder"
	make -C "$folder" HOSTCC=gcc allnoconfig >/dev/null
	for option in USE_BB_CRYPT LFS LONG_OPTS FEATURE_IPV6 CAT NC NC_SERVER NC_EXTRA WGET FEATURE_WGET_LONG_OPTIONS HTTPD \
		TCPSVD FTPD FEATURE_FTPD_WRITE FTPGET FTPPUT FEATURE_FTPGETPUT_LONG_OPTIONS; do
		sed -i "s/^# CONFIG_$option is not set/CONFIG_$option=y/" "$folder/.config"
	done
	(yes '' || true) | make -C "$folder" HOSTCC=gcc oldconfig >/dev/null
	make -C "$folder" -j2 HOSTCC=gcc CC='musl-gcc -isystem /headers' >"$BATS_FILE_TMPDIR/busybox.log" 2>&1 ||
		fail "$(tail "$BATS_FILE_TMPDIR/busybox.log")"
	install "$folder/busybox" "$busybox"
}

setup() {
	matrix_setup
	[[ -d $sources ]] || skip "not on this machine: there are no sources of busybox for musl"
}

# Shown: without stdio_musl_hook in opened (stdio.c), what it reads, writes and closes is missing.
@test "busybox: wget" {
	need strace
	play() {
		web
		local url=http://127.0.0.1:$web
		once two "$busybox" wget -q -O - "$url/megabyte" "$url/page"
		once none "$busybox" wget -O - "$url/no-such-page"
		grep -q 'a page$' two.out
	}
	varying='s/^.*\| ?[0-9]+ .*ETA$/PROGRESS/'
	matrix "busybox wget"
}

@test "busybox: nc, both ends" {
	need strace
	play() {
		printf 'from the server\n' >server.in
		printf 'from the client\n' >client.in
		observe server
		"${observer[@]}" "$busybox" nc -l -p "$port" <server.in >server.out 2>server.err 3>&- &
		local pid=$!
		started+=("$pid")
		await 30 listening "$port"
		once client "$busybox" nc 127.0.0.1 "$port" <client.in
		finished server "$pid"
		grep -q 'from the client' server.out
		grep -q 'from the server' client.out
	}
	matrix "busybox nc"
}

@test "busybox: httpd" {
	need strace
	play() {
		pages www
		serve server "$busybox" httpd -f -p "127.0.0.1:$port" -h www
		local server=$last
		await 30 listening "$port"
		"$busybox" wget -q -O page.out "http://127.0.0.1:$port/page"
		"$busybox" wget -q -O megabyte.out "http://127.0.0.1:$port/megabyte"
		! "$busybox" wget -q -O none.out "http://127.0.0.1:$port/none"
		ended server "$server"
		[[ $(wc -c <megabyte.out) == 1000000 ]]
	}
	matrix "busybox httpd"
}

@test "busybox: ftpd on its descriptors 0 and 1, ftpget, ftpput" {
	need strace
	play() {
		pages files
		serve server "$busybox" tcpsvd 127.0.0.1 "$port" "$busybox" ftpd -w files
		local server=$last
		await 30 listening "$port"
		once get "$busybox" ftpget -P "$port" 127.0.0.1 got.out megabyte
		once put "$busybox" ftpput -P "$port" 127.0.0.1 put.txt files/page
		ended server "$server"
		cmp got.out files/megabyte
		cmp files/put.txt files/page
	}
	matrix "busybox ftpd"
}

