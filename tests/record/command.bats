#!/usr/bin/env bats
#
# The command: it runs programs as they run without it, reports plainly what it cannot trace, and explains.

# A report is of a recording, never of the file that it is written to (SC2094); scripts for other shells are quoted (SC2016).
# shellcheck disable=SC2154,SC2030,SC2031,SC2094,SC2016

load ../common

setup() {
	common_setup
	tcpshim=$build/tcpshim
}

# status_is N COMMAND…: runs it and checks its exit status; its output is in `out`, its errors in `errors`.
status_is() {
	local wanted=$1 status=0
	shift
	timeout 60 "$@" >out 2>errors </dev/null || status=$?
	((status == wanted)) || fail "$*: status $status, not $wanted" "$(cat errors)"
}

errors_are() {
	[[ $(cat errors) == "$1" ]] || fail "not what was expected on standard error:" "$(cat errors)"
}

@test "command: the exit status is the program's, 128 and the signal, or the shell's for what cannot be run" {
	status_is 0 "$tcpshim" true
	status_is 7 "$tcpshim" sh -c 'exit 7'
	status_is 143 "$tcpshim" sh -c 'kill -TERM $$'
	errors_are '    Received signal #15, SIGTERM [default]'
	status_is 127 "$tcpshim" nosuchprogram
	errors_are 'tcpshim: nosuchprogram cannot be run: No such file or directory'
	: >plain
	status_is 126 "$tcpshim" ./plain
	errors_are 'tcpshim: ./plain cannot be run: Permission denied'
	status_is 126 "$tcpshim" /
	status_is 2 "$tcpshim" --nosuchoption true
	status_is 2 "$tcpshim"
	status_is 0 "$tcpshim" --version
	[[ $(cat out) == "tcpshim "[0-9]* ]]
}

@test "command: a signal's line stands in the trace" {
	status_is 137 "$tcpshim" -o trace sh -c 'kill -KILL $$'
	errors_are ''
	[[ $(tail -n 1 trace) == '    Received signal #9, SIGKILL [default]' ]]
}

@test "command: options are the variables, checked before anything runs" {
	status_is 2 "$tcpshim" --keepalive=never touch ran
	[[ $(cat errors) == 'tcpshim: TCPSHIM_KEEPALIVE="never" is not valid: use off, on, '*', for example TCPSHIM_KEEPALIVE=30s,10s,3.' ]]
	status_is 2 env TCPSHIM_KEPALIVE=on "$tcpshim" touch ran
	[[ $(cat errors) == *'there is no variable TCPSHIM_KEPALIVE (did you mean TCPSHIM_KEEPALIVE?).' ]]
	[[ ! -e ran ]]
	status_is 0 "$tcpshim" -t %connect -d -E -o trace --notes=off "$build/exchange"
	[[ $(cat out) == "done" ]]
	grep -v '^Base' trace | grep -vE $'^ *[0-9]+\\.[0-9]{4}\t *[0-9]+\\.[0-9]{4}\t(socket|bind|listen|connect|accept|shutdown|close|_exit)' |
		nothing "not what was asked for:"
}

@test "command: what stands behind the program is the program's, and what is preloaded stays" {
	status_is 0 "$tcpshim" --time=none echo --time=base -t x
	[[ $(cat out) == "--time=base -t x" ]]
	status_is 0 env LD_PRELOAD=libc.so.6 "$tcpshim" sh -c 'echo $LD_PRELOAD'
	[[ $(cat out) == */libtcpshim.so:libc.so.6 ]]
}

@test "command: a program that the library cannot see is not run, and it is said why" {
	printf 'int main(void) { return 0; }\n' >p.c
	${CC:-cc} -static -o static p.c 2>/dev/null || ${CC:-cc} -static-pie -o static p.c
	status_is 125 "$tcpshim" ./static
	[[ $(cat errors) == 'tcpshim: the library cannot see what ./static does, so nothing was run: it is statically linked: '* ]]
	printf '#!%s/static\n' "$PWD" >script
	chmod +x script
	status_is 125 "$tcpshim" ./script
	# The class is the fifth byte of an ELF file, the machine is the nineteenth.
	cp /bin/true class
	printf '\1' | dd of=class bs=1 seek=4 conv=notrunc status=none
	status_is 125 "$tcpshim" ./class
	grep -q 'it is a 32-bit program, and the library is 64-bit$' errors
	cp /bin/true machine
	printf '\2' | dd of=machine bs=1 seek=18 conv=notrunc status=none
	status_is 125 "$tcpshim" ./machine
	grep -q 'another kind of processor$' errors
	# A Go program is recognised by a section of its own.
	cp static go
	: >info
	objcopy --add-section .go.buildinfo=info go
	status_is 125 "$tcpshim" ./go
	grep -q 'it is a Go program without libc' errors
}

@test "command: a set-user-id program is not run" {
	need_root
	place=$(mktemp -d /tmp/tcpshim-command.XXXXXX)
	chmod 755 "$place"
	install -m 755 "$tcpshim" "$library" "$place"
	install -m 4755 /bin/true "$place/other"
	status_is 125 setpriv --reuid=65534 --regid=65534 --clear-groups "$place/tcpshim" "$place/other"
	rm -rf "$place"
	grep -q 'it is set-user-id: the loader ignores LD_PRELOAD' errors
}

@test "command: a library that did not come up is said" {
	mkdir place
	cp "$tcpshim" place
	printf 'int nothing;\n' | ${CC:-cc} -shared -o place/libtcpshim.so -x c -
	status_is 0 place/tcpshim true
	grep -q 'the library did not come up in .*/true: nothing was traced' errors || fail "$(cat errors)"
	rm place/libtcpshim.so
	status_is 125 place/tcpshim true
	grep -q 'libtcpshim.so is neither beside the command nor in ' errors
}

@test "command: signals reach the program, and it is the program that decides" {
	cat >stubborn.sh <<-'END'
		trap 'echo term; exit 5' TERM
		echo ready
		while :; do sleep 0.1; done
	END
	start "$tcpshim" --trace=none --keepalive=on bash stubborn.sh >said
	await 5 grep -q ready said
	status=0
	stop "$last" || status=$?
	((status == 5))
	grep -q term said
}

@test "command: standard error closed, a full disk, a reader that leaves" {
	status_is 0 bash -c '"$@" 2>&-' - "$tcpshim" "$build/exchange"
	[[ $(cat out) == "done" ]]
	timeout 20 env TCPSHIM_RECORD=. LD_PRELOAD="$library" "$build/exchange" >/dev/null
	status_is 125 bash -c '"$@" >/dev/full' - "$tcpshim" report ./*.tcpshim
	errors_are 'tcpshim: standard output cannot be written: No space left on device'
	"$tcpshim" report ./*.tcpshim | head -n 1 >first
	[[ $(wc -l <first) == 1 ]]
}

@test "command: what is not a recording is said in one line" {
	echo hello >text
	status_is 125 "$tcpshim" report text
	errors_are 'tcpshim: text is not a recording of tcpshim'
	status_is 125 "$tcpshim" report nosuch
	errors_are 'tcpshim: nosuch cannot be read: No such file or directory'
	status_is 125 "$tcpshim" report .
	status_is 2 "$tcpshim" report
	status_is 2 "$tcpshim" report --note=nosuch text
	errors_are 'tcpshim: --note takes ID,..., not "nosuch"'
}

@test "command: every note, call and variable is listed, and every note explained" {
	sed -nE 's/^NOTE\([a-z_]+, "([a-z-]+)".*/\1/p' "$repository/include/tcpshim/notes.def" | sort -u >ids
	"$tcpshim" list notes | awk '{ print $1 }' | sort | diff - ids
	while read -r id; do
		status_is 0 "$tcpshim" explain "$id"
		[[ $(wc -l <out) -ge 5 && $(head -n 1 out) == "$id  ("* ]] || fail "$id" "$(cat out)"
	done <ids
	status_is 0 "$tcpshim" explain '[half-open]'
	status_is 2 "$tcpshim" explain half-opne
	errors_are 'tcpshim: there is no note "half-opne"; did you mean half-open? tcpshim explain lists them'
	sed -nE 's/^VARIABLE\(([A-Z_]+),.*/TCPSHIM_\1/p' "$repository/include/tcpshim/variables.def" | sort >names
	"$tcpshim" list variables | grep ^TCPSHIM_ | sort | diff - names
	sed -nE 's/^CALL\([A-Za-z0-9_]+, ([a-z0-9_]+),.*/\1/p' "$repository/include/tcpshim/calls.def" | sort -u >calls
	"$tcpshim" list calls | awk '{ print $1 }' | sort | diff - calls
}

@test "command: netstat shows a process and what the kernel says, and what it was in when it was killed" {
	cat >pair.py <<-'END'
		import socket, sys, time
		a = socket.create_server(("127.0.0.1", 0)); b = socket.create_connection(a.getsockname()); c = a.accept()[0]
		b.send(b"x" * 300)
		print(b.getsockname()[1], a.getsockname()[1], flush=True)
		b.recv(10)
	END
	mkdir recordings
	start_shim TCPSHIM_RECORD="$PWD/recordings" python3 pair.py >ports
	await 10 test -s ports
	read -r client server <ports
	is_in_recv() {
		timeout 10 "$tcpshim" netstat "$last" >out 2>errors && grep -q ' recv(.*(sleeping' out
	}
	await 10 is_in_recv
	# The receiving end has 300 unread bytes, which the sending end sent.
	grep -qE "^127\.0\.0\.1:$server +127\.0\.0\.1:$client +[0-9]+ +0 +[0-9]+ +300 +ESTABLISHED " out || fail "$(cat out)"
	grep -qE "^127\.0\.0\.1:$client +127\.0\.0\.1:$server +[0-9]+ +0 +[0-9]+ +0 +ESTABLISHED .* 300 +0 " out || fail "$(cat out)"
	grep -qE "^127\.0\.0\.1:$server +\* .* LISTEN " out || fail "$(cat out)"
	grep -qE '/1: recv\([0-9]+, 0x[0-9A-F]+, 10, 0\)  \(sleeping\.\.\.\)' out || fail "$(cat out)"
	timeout 30 "$tcpshim" netstat --watch=200ms "$last" >watched &
	is_watched() {
		(($(grep -c '^Local Address' watched) >= 3))
	}
	await 20 is_watched
	kill -KILL "$last"
	wait $! || true
	tail -n 12 watched | grep -q 'which has ended: as it was at its end'
	status_is 0 "$tcpshim" netstat recordings/*
	grep -qE '\(sleeping\.\.\.\)' out
	status_is 125 "$tcpshim" netstat 999999999
	errors_are 'tcpshim: process 999999999: there is no such process'
	status_is 125 "$tcpshim" netstat $$
	grep -q 'has no recording that can be read: start it with tcpshim --record' errors
}

@test "command: netstat of a process in a network namespace of its own" {
	need_root
	mkdir recordings
	start_shim TCPSHIM_RECORD="$PWD/recordings" unshare -n sh -c \
		"ip link set lo up; exec python3 $BATS_TEST_DIRNAME/talk.py block" >ready
	await 5 test -s ready
	status_is 0 "$tcpshim" netstat "$last"
	[[ $(grep -c ' ESTABLISHED ' out) == 2 ]] || fail "$(cat out errors)"
	nsenter -t "$last" -n ss -tnH | wc -l | grep -qx 2
	stop "$last" || true
}

@test "command: counts at the end, beside the trace or instead of it" {
	status_is 0 "$tcpshim" -c "$build/exchange"
	grep -qE '^total +[0-9]+\.[0-9]{6} +[0-9]+ +[0-9]+$' errors || fail "$(cat errors)"
	grep '^ *[0-9.]*	' errors | nothing "a trace:"
	status_is 0 "$tcpshim" --summary=on -o trace "$build/exchange"
	for call in socket connect read write; do
		[[ $(awk -v call=$call '$1 == call { print $3; exit }' trace) == $(trace_plain trace | grep -v sleeping | grep -c "^$call(") ]] ||
			fail "$call" "$(cat trace)"
	done
	grep -q 'closed-first' trace
}

@test "command: the recipes of the manual page run" {
	need jq
	TCPSHIM_RECORD=. TCPSHIM_DATA=64 LD_PRELOAD=$library timeout 20 "$build/exchange" >/dev/null
	"$tcpshim" --record=. curl -s http://127.0.0.1:1/ || true
	"$tcpshim" report --json ./*.tcpshim >json
	local count=0 recipe
	while IFS= read -r recipe; do
		recipe=${recipe//\\\\(/\\(}
		bash -eo pipefail -c "$recipe" <json >result || fail "fails: $recipe"
		[[ -s result ]] || fail "says nothing: $recipe"
		count=$((count + 1))
	done < <(sed -n '/^\tjq /{:more; /++$/{N; s/++\n */ /; b more}; s/^\t//p}' "$repository/shim/cli/man/tcpshim.1.scd.in" |
		grep -v 'severity != "info"')
	((count >= 5))
}

@test "command: completion in bash and zsh" {
	need zsh
	# shellcheck disable=SC2016
	PATH=$build:$PATH bash -ec '
		source "$1/shim/cli/completion/tcpshim.bash"
		try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; _tcpshim; printf "%s\n" "${COMPREPLY[@]}"; }
		try tcpshim explain half- | grep -qx half-open
		try tcpshim --keep | grep -qx -- --keepalive=
		try tcpshim report --conn | grep -qx -- --connections
		try tcpshim rep | grep -qx report
		try tcpshim list no | grep -qx notes
	' - "$repository"
	zsh -n "$repository/shim/cli/completion/_tcpshim"
}
