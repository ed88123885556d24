# common.bash: what the bats tests share: where things are, bare and traced runs, and how they compare.
#
# A test gets an empty directory of its own and stands in it.  Nothing that runs is waited for without limit.

# shellcheck shell=bash

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
library=$(realpath -m "${TCPSHIM_LIB:-$repository/build/libtcpshim.so}")
export repository library

# Runs before each test of a file that has no setup of its own, and is called by those that have one.
common_setup() {
	# The library takes every TCPSHIM_ name for a setting.
	unset "${!TCPSHIM_@}"
	unset LD_PRELOAD NO_COLOR
	# A user's PATH often lacks where ldconfig, ip and sshd stand.
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

# The last line of each teardown: a check that said fail fails the test.
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

# Skips when a program is missing; in CI all of them are installed, and a missing one is a failure.
need() {
	local program
	for program in "$@"; do
		if ! command -v "$program" >/dev/null && [[ ! -x $program ]]; then
			if [[ ${CI:-} == true ]]; then
				echo "$program is not installed" >&2
				return 1
			fi
			skip "$program is not installed"
		fi
	done
}

# need_root: for what only root can set up.
need_root() {
	if ((EUID != 0)); then
		if [[ ${CI:-} == true ]]; then
			echo "needs root" >&2
			return 1
		fi
		skip "needs root"
	fi
}

# fail TEXT…: prints it.  The test fails in the end even where this status is lost: bash ignores set -e in all that is
# called by if, ||, && and !.  See nothing_failed.  So nothing that await waits for may call it.
fail() {
	printf '%s\n' "$@" >&2
	[[ -z ${BATS_TEST_TMPDIR:-} ]] || : >"$BATS_TEST_TMPDIR.failed"
	return 1
}

# … | nothing [WHAT…]: fails where a line comes in, and says which.
nothing() {
	local lines
	lines=$(head -n 5)
	[[ -z $lines ]] || fail "$@" "$lines"
}

# shim [VARIABLE=VALUE…] PROGRAM [ARG…]: runs it under the library, at most so long.
limit=60
shim() {
	timeout -k 5 "$limit" env LD_PRELOAD="$library" "$@"
}

# In the background, its pid in $last; what still runs at the end of the test is ended then.
start() {
	"$@" </dev/null 3>&- &
	last=$!
	started+=("$last")
}

# stop PID [SIGNAL]: its exit status.  One that does not end in time is killed, which shows in the status.
stop() {
	kill -s "${2:-TERM}" "$1" 2>/dev/null || true
	finish "$1"
}

# finish PID: waits for its end; its exit status.
finish() {
	timeout 20 tail -s 0.1 --pid="$1" -f /dev/null || kill -KILL "$1"
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

# await SECONDS COMMAND…: until it succeeds.
await() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < deadline)) || fail "waited too long for: $*" || return 1
		sleep 0.05
	done
}

# A port that nobody listens on now; for programs that cannot be told to take any.
# Prints a port that no socket is bound to, nor one in TIME_WAIT that would be taken for one of the test's: it may have been the
# other end's port of a connection of another test.
free_port() {
	local port
	for _ in {1..100}; do
		port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
		if [[ -z $(ss -Htan "sport = :$port or dport = :$port") ]]; then
			break
		fi
	done
	echo "$port"
}

listening() {
	[[ -n $(ss -Hltn "sport = :$1") ]]
}

# Lines without the prefixes of process and thread, and without the time stamps.
trace_plain() {
	LC_ALL=C sed -E 's,^([0-9]+|/[0-9]+|[0-9]+/[0-9]+):\t,,; s,^( *[0-9]+\.[0-9]{4}\t)+,,; s,^[0-9-]+T[0-9:.]+Z\t,,' "$@"
}

# Every line is whole: a call with its result, a note with its id, a row of data, the base line.
trace_is_whole() {
	local torn
	[[ -e $1 ]] || fail "there is no $1" || return 1
	torn=$(trace_plain "$1" | LC_ALL=C grep -Evn -m 5 \
		-e $'^[a-z_0-9]+\\(.*\\)(\t+| )(= .+|Err#[0-9]+( E[A-Z0-9]+)?( \\[stdio\\])?|\\(sleeping\\.\\.\\.\\))$' \
		-e '^\*\*\* tcpshim: .* \*\*\*$' \
		-e '^_exit\([0-9]+\)$' \
		-e $'^\t(-|!|!!) .+ \\[[a-z-]+\\]$' \
		-e '^  (  |[ -~]{2}|\\.)+$' \
		-e '^Base time stamp:  [0-9]+\.[0-9]{4}  \[ .* \]$' || true)
	[[ -z $torn ]] || fail "not a whole line in $1:" "$torn"
}

# Healthy traffic draws no warning and no error.
trace_is_healthy() {
	local loud
	loud=$(trace_plain "$@" | grep -E -B 1 $'^\t!!? ' | head -n 20 || true)
	[[ -z $loud ]] || fail "warnings on healthy traffic:" "$loud"
}

# trace_has FILE OPERATOR COUNT REGEX: =, >= or <= so many lines match.
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
