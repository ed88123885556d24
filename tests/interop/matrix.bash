# matrix.bash: what the tests of real programs share.  Each plays the same scene three times: bare, traced, and traced
# under strace.  The three results are then compared.
#
# A test defines play(), which starts programs by once and serve, and calls matrix NAME.  Each play has a directory and
# ports of its own.  What a program wrote is compared after its ports were replaced, and after $varying, a sed script, has
# made equal what differs from run to run.

# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034

load ../common

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# The calls that compare reads: those on descriptors, and those that tell threads from processes. ?: if the machine has it.
strace_calls='network,read,readv,write,writev,close,sendfile,?sendfile64,splice,clone,clone3,?fork,?vfork,execve,rt_sigreturn'

matrix_setup() {
	place_setup tcpshim-interop
	python=$(python3 -c 'import sys; print(sys.executable)')
	varying='' honest=none
	output=
	home=$HOME
	export HOME=$place LC_ALL=C
}

setup() { matrix_setup; }
teardown() { place_teardown; }

teardown_file() {
	[[ -s $BATS_FILE_TMPDIR/table ]] || return 0
	{
		printf '# | %-24s %9s %8s %8s %11s\n' program processes strace traced differences
		sed 's/^/# | /' "$BATS_FILE_TMPDIR/table"
	} >&3
}

# is_healthy FILE [NOTE]: checks that there are no warnings, except for the notes in $honest, which are true of the program at
# hand, and this one.
is_healthy() {
	trace_is_healthy <(grep -Ev "\[($honest${2:+|$2})\]\$" "$1")
}

# observe NAME: puts into the array observer how a program is started in the current play.  strace is not the parent of
# the program (-D), so that signals and exit statuses are the program's own.
observe() {
	local settings=(env LD_PRELOAD="$library" TCPSHIM_OUTPUT="${output:-$scene/trace.%n.%p}")
	case $mode in
	bare) observer=() ;;
	traced) observer=("${settings[@]}") ;;
	strace)
		observer=(strace -D -f -q -yy -s 0 -e "trace=$strace_calls" -o "$scene/strace.$1"
			"${settings[@]}")
		;;
	esac
}

# once NAME COMMAND…: runs it to its end; output, errors and status are in NAME.out, NAME.err and NAME.status.
once() {
	local name=$1 status=0
	shift
	observe "$name"
	timeout -k 5 "$limit" "${observer[@]}" "$@" >"$name.out" 2>"$name.err" 3>&- || status=$?
	echo "$status" >"$name.status"
}

# serve NAME COMMAND…: starts it in the background, with its pid in $last.  $as is put before it: a command that changes
# the user.
as=()
serve() {
	local name=$1
	shift
	observe "$name"
	start "${as[@]}" "${observer[@]}" "$@" >"$name.out" 2>"$name.err"
}

# finished NAME PID: waits for the end of what serve started.
finished() {
	local status=0
	finish "$2" || status=$?
	echo "$status" >"$1.status"
}

# ended NAME PID [SIGNAL]: ends what serve started.
ended() {
	kill -s "${3:-TERM}" "$2"
	finished "$1" "$2"
}

# Chooses the ports of the play: $port, and further ones in $port_2 and $port_3.
take_ports() {
	port=$(free_port)
	port_2=$(free_port)
	port_3=$(free_port)
}

# web: starts an HTTP server without the library, on port $web, for clients.
web() {
	mkdir -p www
	printf 'a page\n' >www/page
	head -c 1000000 /dev/zero | tr '\0' 'x' >www/megabyte
	start "$python" -u -m http.server -b 127.0.0.1 -d www 0 >web.log 2>&1
	await 10 grep -q 'port [0-9]' web.log
	web=$(sed -nE 's/.* port ([0-9]+) .*/\1/p' web.log)
	rm -f web.log
}

# pages DIRECTORY: writes what a web server serves.
pages() {
	mkdir -p "$1"
	printf 'a page\n' >"$1/page"
	head -c 1000000 /dev/zero | tr '\0' 'x' >"$1/megabyte"
}

# nginx_config WORKERS: configures a page, a proxy to itself, and TLS.
nginx_config() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem 2>/dev/null
	pages www
	cat >nginx.conf <<-CONFIG
		$( ((EUID)) || echo 'user root;')
		pid $scene/nginx.pid;
		error_log $scene/nginx.log warn;
		worker_processes $1;
		daemon off;
		events { worker_connections 64; }
		$(nginx_http "$scene" "$port" "$port_2")
	CONFIG
}

# Returns true if all threads and processes that strace saw begin have ended, and strace has written all.
strace_is_over() {
	local file
	for file in "$scene"/strace.*; do
		awk '{ seen[$1] = 1 } $2 == "+++" { over[$1] = 1 }
			END { for (thread in seen) if (!(thread in over)) exit 1 }' "$file" || return 1
	done
}

# scene MODE: plays the test once, in a directory of that name.
scene() {
	mode=$1
	scene=$place/$mode
	web=none
	mkdir "$scene"
	chmod 1777 "$scene"
	cd "$scene" || return 1
	take_ports
	play
	if [[ $mode == strace ]]; then
		await 20 strace_is_over || fail "strace has not ended" "$(tail -n 3 "$scene"/strace.*)"
	fi
	common_teardown
	started=()
	local script="s/\\b($port|$port_2|$port_3|$web)\\b/PORT/g; s,$scene,PLACE,g; $varying"
	find . -maxdepth 1 \( -name '*.out' -o -name '*.err' -o -name '*.status' \) -exec sed -i -E "$script" {} +
	cd "$place" || return 1
}

# matrix NAME: makes the three plays, checks them, and prints the row of the table.
matrix() {
	local name=$1 other file problems=() sum
	scene bare
	scene traced
	scene strace
	local slow=
	for other in traced strace; do
		# Under strace, on a busy machine, a program does accept late.
		[[ $other == traced ]] || slow=accept-late
		for file in bare/*.out bare/*.err bare/*.status; do
			diff -u "$file" "$other/${file#bare/}" >&2 || problems+=("${file#bare/}: bare and $other differ")
		done
		for file in "$other"/trace.*; do
			trace_is_whole "$file" || problems+=("$file is torn")
			is_healthy "$file" "$slow" || problems+=("$file has warnings")
		done
	done
	cat strace/strace.* >all.strace
	"$here/compare" all.strace strace/trace.* >compared 2>&1 || problems+=("strace saw other calls" "$(head -n 60 compared)")
	read -ra sum <<<"$(tail -n 1 compared)"
	printf '%-24s %9s %8s %8s %11s\n' "$name" "${sum[@]:1:4}" >>"$BATS_FILE_TMPDIR/table"
	((sum[2] > 0)) || problems+=("strace saw no call at all")
	((${#problems[@]} == 0)) || fail "${problems[@]}"
}
