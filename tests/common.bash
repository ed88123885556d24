# common.bash: what the bats tests share: paths, ways to run programs under the library, and checks of traces.
#
# Each test runs in an empty directory of its own.  Every wait has a limit.

# shellcheck shell=bash

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(realpath -m "${BUILD:-$repository/build}")
library=$(realpath -m "${TCPSHIM_LIB:-$build/libtcpshim.so}")
export repository build library

# Prepares a test.  Runs before each test of a file that has no setup of its own, and is called by those that have one.
common_setup() {
	# The library takes every name that begins with TCPSHIM_ for a setting.
	unset "${!TCPSHIM_@}"
	unset LD_PRELOAD NO_COLOR
	# A user's PATH often lacks the directories of ldconfig, ip and sshd.
	PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
	if [[ ! -e $library ]]; then
		echo "no library at $library: run make first" >&2
		return 1
	fi
	cd "$BATS_TEST_TMPDIR" || return 1
	started=()
}

common_teardown() {
	local pid
	for pid in "${started[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	for pid in "${started[@]}"; do
		timeout 5 tail -s 0.1 --pid="$pid" -f /dev/null || kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
}

# place_setup NAME: like common_setup, in a directory /tmp/NAME.* that other users can enter too, with the library in it.
place_setup() {
	common_setup
	place=$(mktemp -d "/tmp/$1.XXXXXX")
	chmod 1777 "$place"
	install -m 755 "$library" "$place/libtcpshim.so"
	library=$place/libtcpshim.so
	cd "$place" || return 1
}

place_teardown() {
	common_teardown
	cd /
	rm -rf "$place"
	nothing_failed
}

# nginx_http DIRECTORY PORT TLS-PORT: prints the http block of a configuration for nginx: files, a proxy to itself, and TLS.
nginx_http() {
	cat <<-END
		http {
		    access_log off;
		    log_not_found off;
		    sendfile on;
		    keepalive_timeout 30s;
		    client_body_temp_path $1/body; proxy_temp_path $1/proxy; fastcgi_temp_path $1/fastcgi;
		    uwsgi_temp_path $1/uwsgi; scgi_temp_path $1/scgi;
		    server {
		        listen 127.0.0.1:$2;
		        listen 127.0.0.1:$3 ssl;
		        ssl_certificate $1/cert.pem;
		        ssl_certificate_key $1/key.pem;
		        root $1/www;
		        location /proxy/ { proxy_pass http://127.0.0.1:$2/; }
		    }
		}
	END
}

# postgres_start PORT: starts a database, not recorded.
postgres_start() {
	local as=()
	((EUID)) || as=(setpriv --reuid=postgres --regid=postgres --init-groups)
	"${as[@]}" "$(postgres_bin)/initdb" -D "$place/data" -A trust -U postgres --no-sync >initdb.out 2>&1 ||
		fail "$(cat initdb.out)"
	start "${as[@]}" "$(postgres_bin)/postgres" -D "$place/data" -p "$1" -h 127.0.0.1,::1 -k '' 2>postgres.err
	await 20 grep -q 'ready to accept' postgres.err
}

postgres_bin() { find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1; }

# ssh_server [FUNCTION]: starts a server on $port by the given function, start by default.  The client's arguments are in
# the arrays ssh and scp, the name to log in with is in $user.
# shellcheck disable=SC2034
ssh_server() {
	user=$(id -un)
	[[ $EUID != 0 ]] || mkdir -p /run/sshd
	ssh-keygen -q -t ed25519 -N '' -f host_key
	ssh-keygen -q -t ed25519 -N '' -f client_key
	cp client_key.pub authorized_keys
	chmod 600 authorized_keys
	cat >sshd_config <<-CONFIG
		ListenAddress 127.0.0.1
		Port $port
		HostKey $PWD/host_key
		AuthorizedKeysFile $PWD/authorized_keys
		PermitRootLogin prohibit-password
		PasswordAuthentication no
		StrictModes no
		UsePAM no
		PidFile none
		Subsystem sftp internal-sftp
	CONFIG
	printf '[127.0.0.1]:%s %s\n' "$port" "$(cut -d' ' -f1,2 host_key.pub)" >known_hosts
	local options=(-F none -i "$PWD/client_key" -o UserKnownHostsFile="$PWD/known_hosts" -o IdentitiesOnly=yes
		-o BatchMode=yes)
	ssh=(ssh "${options[@]}" -p "$port")
	scp=("${options[@]}" -P "$port")
	local server=(/usr/sbin/sshd -D -e -f "$PWD/sshd_config")
	if (($#)); then
		"$@" "${server[@]}"
	else
		start "${server[@]}" 2>sshd.log
	fi
	await 30 listening "$port"
}

# Fails the test if any check called fail.  It must be the last line of each teardown.
nothing_failed() {
	[[ ! -e $BATS_TEST_TMPDIR.failed ]] || {
		echo "a check failed: see above" >&2
		return 1
	}
}

setup() { common_setup; }

teardown() {
	common_teardown
	nothing_failed
}

# need PROGRAM…: skips if one is missing.  In CI all of them are installed, so a missing one fails the test, except those in
# $LACKING, which scripts/matrix leaves out of its roots.
need() {
	local program
	for program in "$@"; do
		if [[ " ${LACKING:-} " == *" $program "* ]]; then
			skip "not on this machine: $program is left out"
		fi
		if ! command -v "$program" >/dev/null && [[ ! -x $program ]]; then
			if [[ ${CI:-} == true ]]; then
				echo "$program is not installed" >&2
				return 1
			fi
			skip "$program is not installed"
		fi
	done
}

# need_root: skips if the user is not root; fails in CI.
need_root() {
	if ((EUID != 0)); then
		if [[ ${CI:-} == true ]]; then
			echo "needs root" >&2
			return 1
		fi
		skip "needs root"
	fi
}

# fail TEXT…: prints it and returns 1.  The test fails in the end even if this status is lost, since bash ignores set -e in
# all that is called by if, ||, && and ! (see nothing_failed).  So a command that await waits for may not call it.
fail() {
	printf '%s\n' "$@" >&2
	[[ -z ${BATS_TEST_TMPDIR:-} ]] || : >"$BATS_TEST_TMPDIR.failed"
	return 1
}

# … | nothing [WHAT…]: fails if there is any input, and prints it.
nothing() {
	local lines
	lines=$(head -n 5)
	[[ -z $lines ]] || fail "$@" "$lines"
}

# PATIENCE: how many times as long everything may take, on a machine that is emulated.
patience=${PATIENCE:-1}

# shim [VARIABLE=VALUE…] PROGRAM [ARG…]: runs it under the library, for at most $limit seconds.
limit=$((60 * patience))
shim() {
	timeout -k 5 "$limit" env LD_PRELOAD="$library" "$@"
}

# start COMMAND…: runs it in the background, its pid in $last.  What still runs at the end of the test is ended then.
start() {
	"$@" </dev/null 3>&- &
	last=$!
	started+=("$last")
}

# stop PID [SIGNAL]: ends it and returns its exit status.  If it does not end in time it is killed, which shows in the
# status.
stop() {
	kill -s "${2:-TERM}" "$1" 2>/dev/null || true
	finish "$1"
}

# finish PID: waits for its end and returns its exit status.
finish() {
	timeout $((20 * patience)) tail -s 0.1 --pid="$1" -f /dev/null || kill -KILL "$1"
	wait "$1"
}

start_shim() {
	local settings=()
	while [[ $1 == *=* ]]; do
		settings+=("$1")
		shift
	done
	start env LD_PRELOAD="$library" "${settings[@]}" "$@"
}

# await SECONDS COMMAND…: repeats the command until it succeeds; fails after so many seconds.
await() {
	local deadline=$((SECONDS + $1 * patience))
	shift
	until "$@"; do
		((SECONDS < deadline)) || fail "waited too long for: $*" || return 1
		sleep 0.05
	done
}

# Prints a free port, for programs that cannot be told to take any.  No socket is bound to it.  No socket in TIME_WAIT has
# it either, not even as the peer's port: such a socket is left by another test, and would be taken for one of this test's.
# It lies below the range from which the kernel chooses, so that no connection takes it meanwhile.
free_port() {
	local port
	for _ in {1..100}; do
		port=$(python3 -c '
import random, socket
with open("/proc/sys/net/ipv4/ip_local_port_range") as numbers:
    least = int(numbers.read().split()[0])
while True:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", random.randrange(least - 10000, least) if least > 20000 else 0))
        except OSError:
            continue
        print(probe.getsockname()[1])
        break')
		if [[ -z $(ss -Htan "sport = :$port or dport = :$port") ]]; then
			break
		fi
	done
	echo "$port"
}

listening() {
	[[ -n $(ss -Hltn "sport = :$1") ]]
}

# Prints lines without the prefixes of process and thread, and without the time stamps.
trace_plain() {
	LC_ALL=C sed -E 's,^([0-9]+|/[0-9]+|[0-9]+/[0-9]+):\t,,; s,^( *[0-9]+\.[0-9]{4}\t)+,,; s,^[0-9-]+T[0-9:.]+Z\t,,' "$@"
}

# Checks that every line is whole: a call with its result, a note with its id, a row of data, the base line.
trace_is_whole() {
	local torn
	[[ -e $1 ]] || fail "there is no $1" || return 1
	torn=$(trace_plain "$1" | LC_ALL=C grep -Evn -m 5 \
		-e $'^[a-z_0-9]+\\(.*\\)(\t+| )(= .+|Err#[0-9]+( E[A-Z0-9]+)?( \\[stdio\\])?|\\(sleeping\\.\\.\\.\\))$' \
		-e '^\*\*\* tcpshim: .* \*\*\*$' \
		-e '^_exit\(([0-9]+|\?)\)$' \
		-e $'^\t(-|!|!!) .+ \\[[a-z-]+\\]$' \
		-e '^  (  |[ -~]{2}|\\.)+$' \
		-e '^Base time stamp:  [0-9]+\.[0-9]{4}  \[ .* \]$' || true)
	[[ -z $torn ]] || fail "not a whole line in $1:" "$torn"
}

# Checks that there is no warning and no error.
trace_is_healthy() {
	local loud
	loud=$(trace_plain "$@" | grep -E -B 1 $'^\t!!? ' | head -n 20 || true)
	[[ -z $loud ]] || fail "warnings on healthy traffic:" "$loud"
}

# trace_has FILE OPERATOR COUNT REGEX: checks how many lines match: = COUNT, >= COUNT or <= COUNT.
trace_has() {
	local found
	[[ -e $1 ]] || fail "there is no $1, which must have $2 $3 of: $4" || return 1
	found=$(trace_plain "$1" | LC_ALL=C grep -Ec -- "$4" || true)
	case $2 in
	"=") ((found == $3)) ;;
	">=") ((found >= $3)) ;;
	"<=") ((found <= $3)) ;;
	*) false ;;
	esac || fail "$1: $found lines, not $2 $3, match $4"
}
