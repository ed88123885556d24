#!/usr/bin/env bats
#
# Programs behind seccomp filters that are in place before they start.  The lists are those that systemd, docker and
# Debian's redis-server really use (filter_lists.py).  Except with docker's own list, every other call kills the process.
# The program must live and do the same as without the library.  Its calls must be traced or recorded, and policies
# applied.  What the library cannot ask behind the filter must not be reported as if it were known.
#
# Left out, because the bare program is killed too: under "minimal" everything that has signals, threads or children (nc,
# curl, redis-server, redis-cli, python3); under "signals" curl, redis-server, redis-cli and python3.
#
# Shown: if has_filter (restriction.c) always returns false, all tests of the lists minimal, signals and narrow fail.

# bats runs each test in a subshell of its own, and functions are handed over by name.
# shellcheck disable=SC2154,SC2030,SC2031,SC2034,SC2317

load ../common
load hostile

setup_file() {
	need python3 systemd-analyze
	# Not the wrapper script of pyenv, which makes calls of its own.
	python=$(python3 -c 'import sys; print(sys.executable)')
	export python
	"$python" "$BATS_TEST_DIRNAME/filter_lists.py" "$BATS_FILE_TMPDIR"
	# Starts a plain server outside the filters, for the programs inside to talk to.
	"$python" -I -c '
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(listener.getsockname()[1]))
os.rename(sys.argv[1] + ".new", sys.argv[1])
while True:
    with listener.accept()[0] as peer:
        asked = peer.recv(4096)
        peer.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nyes")
' "$BATS_FILE_TMPDIR/port" </dev/null >/dev/null 2>&1 3>&- &
	answering=$!
	export answering
	await 20 test -e "$BATS_FILE_TMPDIR/port"
}

teardown_file() {
	[[ -z ${answering:-} ]] || kill "$answering"
}

setup() {
	common_setup
	PATH=${python%/*}:$PATH
	port=$(<"$BATS_FILE_TMPDIR/port")
	lists=()
}

# behind LIST…: programs that are run afterwards run behind these filters.
behind() {
	lists=("${@/#/$BATS_FILE_TMPDIR/}")
	local list
	for list in "${lists[@]}"; do
		if [[ ! -e $list && ${list##*/} == redis && -e ${list%/*}/redis.restrict ]]; then
			skip "not on this machine: redis-server.service lists no system calls"
		fi
		if [[ ! -e $list && " ${LACKING:-} " == *" ${list##*/} "* ]]; then
			skip "not on this machine: what ${list##*/} is made from is left out"
		fi
		if [[ ! -e $list ]]; then
			[[ ${CI:-} != true ]] || fail "what ${list##*/} is made from is not installed" || return 1
			skip "what ${list##*/} is made from is not installed"
		fi
	done
}

filtered() {
	timeout -k 5 "$limit" "$programs/filter" "${lists[@]}" -- "$@"
}

modes=(file pipe record fin)
more_modes=(rst) # of common_calls; two lists have all that there are

# in_mode MODE PROGRAM…: runs it under the library, or bare.  Standard output is the program's; standard error is in
# shim.err.  After `gather`, the text of any mode is in the file trace.
in_mode() {
	local mode=$1 settings=(TCPSHIM_TIME=none) reader result=0
	shift
	case $mode in
	bare)
		filtered "$@" 2>shim.err
		return
		;;
	file) settings+=(TCPSHIM_OUTPUT="$PWD/trace.%p") ;;
	everything) settings+=(TCPSHIM_OUTPUT="$PWD/trace.%p" TCPSHIM_FDS=all TCPSHIM_DATA=all TCPSHIM_STACK=all) ;;
	record) settings+=(TCPSHIM_RECORD="$PWD/recording.%p" TCPSHIM_RECORD_SIZE=64M) ;;
	wrap) settings+=(TCPSHIM_RECORD="$PWD/recording.%p" TCPSHIM_RECORD_SIZE=16M TCPSHIM_RECORD_FULL=wrap
		TCPSHIM_RECORD_KEEP=50) ;;
	fin | rst) settings+=(TCPSHIM_OUTPUT="$PWD/trace.%p" TCPSHIM_KEEPALIVE=on TCPSHIM_USER_TIMEOUT=auto
		TCPSHIM_CLOSE_ON_EOF="$mode" TCPSHIM_MATCH=peer=127.0.0.0/8 TCPSHIM_FORCE=on) ;;
	pipe)
		mkfifo stderr.fifo
		cat stderr.fifo >shim.err &
		reader=$!
		filtered LD_PRELOAD="$library" "${settings[@]}" "$@" 2>stderr.fifo || result=$?
		wait "$reader"
		return "$result"
		;;
	esac
	filtered LD_PRELOAD="$library" "${settings[@]}" "$@" 2>shim.err
}

# gather MODE: collects all that was traced in the file trace.  Fails if the library complained.
gather() {
	local settings=()
	grep '^tcpshim:' shim.err | nothing "$1:"
	case $1 in
	pipe)
		cp shim.err trace
		return
		;;
	record | wrap)
		settings=(TCPSHIM_RECORD=recording.%p)
		reported
		;;
	esac
	cat trace.[0-9]* >trace
}

# has_policies MODE: checks that the policies of this mode were applied.
has_policies() {
	[[ $1 == fin || $1 == rst ]] || return 0
	trace_has trace ">=" 1 '\[policy-keepalive\]$'
	trace_has trace ">=" 1 '\[policy-user-timeout\]$'
}

# each_mode CHECK [ARG…]: runs CHECK MODE ARG… for each mode, in a directory of its own.  Two run at a time, since both
# mostly wait.
each_mode() {
	local workers=() worker pid result=0
	for worker in 0 1; do
		in_modes "$worker" "$@" 3>&- &
		workers+=("$!")
	done
	for pid in "${workers[@]}"; do
		wait "$pid" || result=$?
	done
	((result == 0)) || fail "$1 fails: see above"
}

# Runs in a subshell, which ends at the first failure and says where it was.  The variable is not local, since it is
# printed after the end of the function.
in_modes() {
	local worker=$1 number
	check=$2
	shift 2
	trap - DEBUG # bats' own, whose work is lost here
	trap 'result=$?; common_teardown; ((result == 0)) || echo "$check fails in mode $mode" >&2' EXIT
	for number in "${!modes[@]}"; do
		((number % 2 == worker)) || continue
		mode=${modes[number]}
		mkdir "$BATS_TEST_TMPDIR/$check.$mode"
		cd "$BATS_TEST_TMPDIR/$check.$mode" || return 1
		"$check" "$mode" "$@"
	done
}

# Runs common_calls, without the fork where its processes would share one trace.
calls_in() {
	local mode=$1 parts=()
	shift
	for part; do
		[[ $mode == pipe && $part == fork ]] || parts+=("$part")
	done
	[[ $mode != fin && $mode != rst ]] || parts+=("$mode")
	in_mode "$mode" "$programs/common_calls" "${parts[@]}" >shim.out ||
		fail "with $?:" "$(said shim.out | tail)" "$(tail -n 5 shim.err)"
	[[ $(said shim.out) == "all done" ]]
	gather "$mode"
	if [[ $mode == pipe ]]; then
		trace_as_expected trace
		trace_is_whole trace
	else
		trace_as_expected
		traces_are_whole
	fi
}

calls() {
	filtered "$programs/common_calls" "$@" >bare.out || fail "fails bare, with $?:" "$(tail bare.out)"
	[[ $(said bare.out) == "all done" ]]
	modes+=("${more_modes[@]}")
	each_mode calls_in "$@"
}

curl_in() {
	in_mode "$1" curl -sS "http://127.0.0.1:$port/" >shim.out || fail "with $?:" "$(tail -n 5 shim.err)"
	diff ../curl.out shim.out
	gather "$1"
	trace_has trace = 1 '^connect\('
	trace_has trace = 1 '^(send|sendto)\(.* G E T'
	has_policies "$1"
}

by_curl() {
	need curl
	filtered curl -sS "http://127.0.0.1:$port/" >curl.out || fail "curl fails bare, with $?"
	[[ $(<curl.out) == yes ]]
	each_mode curl_in
}

nc_in() {
	in_mode "$1" nc.openbsd -N 127.0.0.1 "$port" <../request >shim.out || fail "with $?:" "$(tail -n 5 shim.err)"
	diff ../nc.out shim.out
	gather "$1"
	trace_has trace = 1 '^connect\('
	trace_has trace = 1 '^write\(.* G E T'
	trace_has trace = 1 '^shutdown\([0-9]+, SHUT_WR\)'
	has_policies "$1"
}

by_nc() {
	need nc.openbsd
	printf 'GET / HTTP/1.0\r\n\r\n' >request
	filtered nc.openbsd -N 127.0.0.1 "$port" <request >nc.out || fail "nc fails bare, with $?"
	[[ $(tail -n 1 nc.out) == yes ]]
	each_mode nc_in
}

# Runs redis-cli outside the filters; counts in asked.
ask() {
	asked=$((asked + 1))
	redis-cli -p "$port" "$@" >answer
}

# Runs server and client behind the filter, each under the library.  The server has threads, and forks to save.
redis_in() {
	local mode=$1 port server asked=0 result=0
	mkdir server
	port=$(free_port)
	start in_directory server "$mode" redis-server --port "$port" --bind 127.0.0.1 --save "" --io-threads 2
	server=$last
	await 20 listening "$port" || fail "the server is not there:" "$(tail server/out server/shim.err)"
	in_mode "$mode" redis-cli -p "$port" set key value >shim.out || fail "redis-cli: with $?" "$(tail -n 5 shim.err)"
	[[ $(<shim.out) == OK ]]
	ask get key
	[[ $(<answer) == value ]]
	ask bgsave
	await 20 test -s server/dump.rdb || fail "$(tail server/out server/shim.err)"
	ask shutdown nosave
	finish "$server" || result=$?
	((result == 0)) || fail "redis-server: with $result" "$(tail server/out server/shim.err)"
	[[ $mode != bare ]] || return 0
	gather "$mode"
	trace_has trace ">=" 1 '^connect\('
	trace_has trace = 1 '^(write|send|sendto)\(.* s e t'
	has_policies "$mode"
	cd server || return 1
	gather "$mode"
	trace_has trace = $((asked + 1)) '^accept4?\(.*= [0-9]+$'
	trace_has trace = 1 '^read\(.* s e t'
	has_policies "$mode"
}

redis() {
	need redis-server redis-cli
	local modes=("${modes[@]}" bare)
	each_mode redis_in
}

in_directory() {
	cd "$1" && in_mode "${@:2}" >out
}

python_in() {
	in_mode "$1" "$python" -I ../server.py >shim.out || fail "with $?" "$(tail -n 5 shim.err)"
	diff ../python.out shim.out
	gather "$1"
	trace_has trace = 20 '^accept4?\(.*= [0-9]+$'
	trace_has trace = 20 '^connect\('
	has_policies "$1"
}

# Runs a server with threads, its clients in the same process, and a child.
python_server() {
	cat >server.py <<-'END'
		import http.server, subprocess, threading, urllib.request
		class Handler(http.server.BaseHTTPRequestHandler):
		    def do_GET(self):
		        self.send_response(200)
		        self.end_headers()
		        self.wfile.write(b"path " + self.path.encode())
		    def log_message(self, *arguments):
		        pass
		server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
		threading.Thread(target=server.serve_forever, args=(0.05,)).start()
		for i in range(20):
		    print(urllib.request.urlopen("http://127.0.0.1:%d/%d" % (server.server_port, i)).read().decode(), flush=True)
		subprocess.run(["echo", "a child"], check=True)
		server.shutdown()
	END
	filtered "$python" -I server.py >python.out || fail "fails bare, with $?"
	(($(wc -l <python.out) == 21))
	each_mode python_in
}

# glibc before 2.34 installs handlers of signals at the start of each program with threads.
behind_minimal() {
	! ldd "$programs/common_calls" | grep -q libpthread ||
		skip "not on this machine: with a libpthread of its own a program needs more than these lists"
	behind minimal
}

# Checks the trace of common_calls in one file, and what must not be in it.
calls_traced() {
	filtered "$programs/common_calls" "$@" >bare.out || fail "fails bare, with $?:" "$(tail bare.out)"
	in_mode file "$programs/common_calls" "$@" >shim.out || fail "with $?:" "$(said shim.out | tail)" "$(tail -n 5 shim.err)"
	gather file
	trace_as_expected
	traces_are_whole
}

# forbids LIST… -- STATUS WORDS: checks what common_calls gets behind these filters; 159 is death by SIGSYS.
forbids() {
	local status=0
	behind "${@:1:$#-3}"
	filtered "$programs/common_calls" forbidden >said 2>/dev/null || status=$?
	[[ $status == "${*: -2:1}" && $(tr '\n' ' ' <said) == "${*: -1}" ]] ||
		fail "behind $*: $status, $(<said)"
}

# If this fails, the tests below test nothing.
@test "the filters forbid" {
	local swapoff=EFAULT netlink=EAFNOSUPPORT
	[[ $(getconf LONG_BIT) != 32 ]] || netlink=allowed # see filter_lists.py
	((EUID == 0)) || swapoff=EPERM # by the kernel itself
	forbids -- 0 "netlink: allowed swapoff: $swapoff "
	forbids service -- 159 "netlink: allowed "
	ldd "$programs/common_calls" | grep -q libpthread || forbids minimal -- 159 "netlink: allowed "
	forbids signals -- 159 "netlink: allowed "
	forbids narrow -- 159 "netlink: allowed "
	forbids docker -- 0 "netlink: allowed swapoff: EPERM "
	forbids docker-kill -- 159 "netlink: allowed "
	forbids redis.restrict -- 0 "netlink: $netlink swapoff: $swapoff "
	forbids redis.restrict redis -- 159 "netlink: $netlink "
}

@test "systemd's @system-service and kill: calls, 200 threads, fork" {
	behind service
	more_modes+=(everything wrap)
	calls threads fork
}

@test "systemd's @system-service and kill: curl, nc" {
	behind service
	by_curl
	by_nc
}

@test "systemd's @system-service and kill: redis-server, redis-cli" {
	behind service
	redis
}

@test "systemd's @system-service and kill: a server in python" {
	behind service
	python_server
}

# Signals, ioctl and process_vm_readv are not on the list.
@test "systemd's @default @basic-io @network-io @io-event @file-system and kill: calls" {
	behind_minimal
	more_modes+=(everything wrap)
	calls
}

# process_vm_readv is on neither of these two lists.
@test "the same, @process, @signal, madvise and kill: calls, 200 threads, fork" {
	behind signals
	calls threads fork
}

@test "the same, @process, @signal, madvise and kill: nc" {
	behind signals
	by_nc
}

@test "what redis-server, curl and python3 need and no more, and kill: curl, nc" {
	behind narrow
	by_curl
	by_nc
}

@test "what redis-server, curl and python3 need and no more, and kill: redis-server, redis-cli" {
	behind narrow
	redis
}

@test "what redis-server, curl and python3 need and no more, and kill: a server in python" {
	behind narrow
	python_server
}

@test "docker's default profile: calls, 200 threads, fork" {
	behind docker
	calls threads fork
}

@test "docker's default profile: curl, nc" {
	behind docker
	by_curl
	by_nc
}

@test "docker's default profile: redis-server, redis-cli" {
	behind docker
	redis
}

@test "docker's default profile: a server in python" {
	behind docker
	python_server
}

@test "docker's default profile with kill: calls, 200 threads, fork" {
	behind docker-kill
	calls threads fork
}

@test "docker's default profile with kill: curl, nc" {
	behind docker-kill
	by_curl
	by_nc
}

@test "docker's default profile with kill: redis-server, redis-cli" {
	behind docker-kill
	redis
}

@test "docker's default profile with kill: a server in python" {
	behind docker-kill
	python_server
}

@test "the filters of redis-server.service: calls, 200 threads, fork" {
	behind redis.restrict redis
	calls threads fork
}

@test "the filters of redis-server.service: redis-server, redis-cli" {
	behind redis.restrict redis
	redis
}

# If nginx.service gets filters, add them to the tests above.
@test "nginx.service has no filters" {
	need nginx
	local unit=/lib/systemd/system/nginx.service
	if [[ -e $unit ]]; then
		grep -E '^(SystemCall|Restrict|Protect|Private|Lock|MemoryDeny)' "$unit" | nothing "$unit"
	fi
}

# The line is written before anything else is done, to standard error, which may be a pipe whose reader has gone.
@test "a bad setting is complained of, and the program lives" {
	local list
	for list in service minimal signals narrow docker docker-kill redis; do
		behind "$list"
		filtered "$programs/common_calls" >/dev/null 2>&1 || [[ $list != minimal ]] || continue
		filtered LD_PRELOAD="$library" TCPSHIM_OUTPUT="$PWD/$list.trace" TCPSHIM_TRACE=bogus TCPSHIM_KEEPALIVE=bogus \
			"$programs/common_calls" >shim.out 2>shim.err || fail "$list: with $?" "$(tail -n 5 shim.err)" || continue
		(($(grep -c '^tcpshim: TCPSHIM_' shim.err) == 2)) || fail "$list: not two lines" "$(<shim.err)"
		trace_has "$list.trace" = 1 '^write\(.* w a i t e d' || true
	done
}

# The wait would be made in two parts, for which signals have to be blocked.
@test "a wait of more than a second is not announced" {
	behind_minimal
	calls_traced idle
}

# SIOCINQ is an ioctl, so the unread bytes are not known.
@test "a close with unread bytes is not told as an orderly one" {
	behind_minimal
	calls_traced unread
}

# waitid reports whether there are children.  It is on no list that has no process calls.
@test "a close of what a child may hold is not told as the end" {
	behind service
	calls_traced spawn
}
