# rehearse.bash: what the tests of rehearsals share.  Programs run under `tcpshim rehearse` as an ordinary user, on loopback.
# What the verdict says is compared with witnesses: the program's own messages, and what its peer got (sources/peer.py).

# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034

load ../common

# The scenarios that act on an open connection, and those that act on a connect.
open_scenarios=(power-off power-cycle outage peer-closes half-open slow)
connect_scenarios=(unreachable refused)

rehearse_setup() {
	place_setup tcpshim-rehearse
	install -m 755 "$build/tcpshim" "$place/tcpshim"
	cp -r "$BATS_TEST_DIRNAME/sources" "$place/sources"
	chmod -R a+rX "$place/sources"
	sources=$place/sources
	python=/usr/bin/python3 # one that every user may run
	export HOME=$place LC_ALL=C PYTHONDONTWRITEBYTECODE=1
	ordinary=()
	((EUID)) || ordinary=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	plays=()
	trigger=() connect_trigger=() watched=(--limit=6s)
	typed='' typed_lines=12
}

setup() { rehearse_setup; }
teardown() { place_teardown; }

# as_ordinary [VARIABLE=VALUE…] PROGRAM…: runs it as an ordinary user, for at most $limit seconds.
as_ordinary() { timeout -k 5 "$limit" "${ordinary[@]}" env "$@"; }

# peer MODE [NAME]: starts the peer; its port is in $port.  What it gets from port N is in the file NAME.N.
peer() {
	local name=${2:-got}
	start "${ordinary[@]}" "$python" "$sources/peer.py" "$place/$name" "$1" >"$name.port" 2>"$name.err"
	await 20 test -s "$name.port"
	port=$(<"$name.port")
}

# type_lines NAME: writes $typed_lines lines, of the printf format $typed, into NAME.in, one each 0.15 s.  NAME in it is replaced.  The
# first wait until the program is connected and has written those before, so that each is a write of its own.
type_lines() {
	local number
	for ((number = 1; number <= typed_lines; number++)); do
		((number > 3)) || await 10 has_written "$1" $((number - 1)) 2>/dev/null || true
		sleep 0.15
		# shellcheck disable=SC2059
		printf "${typed//NAME/$1}\n" "$number" >"$1.in"
	done
}

# has_written NAME COUNT: the trace shows that the program is connected, and so many writes of what was typed.
has_written() {
	grep -q '"id":"connected' "$1.trace" 2>/dev/null &&
		(($(grep -Ec '"call":"(write|send|sendto)",.*"ret":[0-9]' "$1.trace") >= $2 + first_writes))
}
first_writes=0 # how many the program writes before

# rehearse NAME SCENARIO [OPTION…] PROGRAM…: rehearses it in the background.  What it prints is in NAME.out and NAME.err, the
# verdict in NAME.json, the trace in NAME.trace, the exit status in NAME.status.  Its input does not end; $typed is typed.
rehearse() {
	local name=$1
	shift
	(
		status=0 typist=
		mkfifo "$name.in"
		exec <>"$name.in" 3>&-
		if [[ -n $typed ]]; then
			type_lines "$name" &
			typist=$!
		fi
		as_ordinary "$place/tcpshim" rehearse --json --verdict="$place/$name.json" --output="$place/$name.trace" \
			"$@" >"$name.out" 2>"$name.err" || status=$?
		[[ -z $typist ]] || kill "$typist" 2>/dev/null || true
		echo "$status" >"$name.status"
	) &
	plays+=($!)
	started+=($!)
}

# scenarios PROGRAM…: rehearses all of them, each under its own name; those on open connections with $trigger, those on
# connects with $connect_trigger.  NAME in an argument is the scenario.
scenarios() {
	local word more
	for word in "${open_scenarios[@]}"; do
		more=()
		[[ $word != outage ]] || more=(--for=500ms)
		rehearse "$word" "$word" "${trigger[@]}" "${watched[@]}" "${more[@]}" "${@//NAME/$word}"
	done
	for word in "${connect_scenarios[@]}"; do
		rehearse "$word" "$word" "${connect_trigger[@]}" "${watched[@]}" "${@//NAME/$word}"
	done
}

# over: waits until all rehearsals are over.
over() {
	local pid
	for pid in "${plays[@]}"; do
		wait "$pid" || true
	done
	plays=()
}

# told NAME: prints all that is known of a rehearsal.
told() {
	local file
	for file in status err out json; do
		[[ ! -s $1.$file ]] || head -c 3000 "$1.$file" | sed "s/^/$1.$file: /"
	done
}

# verdict NAME STATUS FACT…: the exit status, and what jq must find true of the first connection concerned.
verdict() {
	local name=$1 status=$2 fact
	shift 2
	[[ $(<"$name.status") == "$status" ]] || fail "$name: the status is not $status" "$(told "$name")" || return 1
	for fact; do
		head -n 1 "$name.json" | jq -e "$fact" >jq.out 2>&1 || fail "$name: not true: $fact" "$(told "$name")"
	done
}

# connection NAME KEY: prints a value of the first connection concerned.
connection() { head -n 1 "$1.json" | jq -r --arg key "$2" '.[$key]'; }

# got NAME [PEER]: prints how many bytes the peer got on the connection concerned.
got() {
	local file
	file=${2:-got}.$(connection "$1" network.local.port)
	[[ -e $file ]] || fail "$1: the peer did not see its connection" "$(told "$1")" || return 1
	stat -c %s "$file"
}

# peer_got NAME BYTES [PEER]: so many.
peer_got() {
	[[ $(got "$1" "${3:-got}") == "$2" ]] || fail "$1: the peer got $(got "$1" "${3:-got}") bytes, not $2" "$(told "$1")"
}

# message NAME: the program's message has the text of the error that the verdict names.
message() {
	local text
	text=$("$python" -c 'import errno, os, sys; print(os.strerror(getattr(errno, sys.argv[1])))' \
		"$(connection "$1" error.type)") || fail "$1: no error" "$(told "$1")" || return 1
	grep -qF "$text" "$1.err" || fail "$1: the program did not say: $text" "$(told "$1")"
}

# says NAME REGEX: the program printed it on standard error.
says() {
	grep -Eq -- "$2" "$1.err" || fail "$1: the program did not say: $2" "$(told "$1")"
}
