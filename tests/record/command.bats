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
	[[ $(cat errors) == 'tcpshim: --keepalive=never: it takes off, on, '*', for example --keepalive=30s,10s,3' ]]
	status_is 2 env TCPSHIM_KEEPALIVE=never "$tcpshim" touch ran
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
	grep -q 'it is a program for a processor for which there is no library$' errors # x32
	printf '\3\0' | dd of=class bs=1 seek=18 conv=notrunc status=none
	# Program headers of 32 bits: there are none.
	printf '\0\0' | dd of=class bs=1 seek=44 conv=notrunc status=none
	status_is 125 "$tcpshim" ./class
	grep -q 'it is statically linked' errors
	cp /bin/true machine
	printf '\2' | dd of=machine bs=1 seek=18 conv=notrunc status=none
	status_is 125 "$tcpshim" ./machine
	grep -q 'it is a program for a processor for which there is no library$' errors
	# One of another architecture that has a library, with a loader that is not there: a header, and where its path is.
	python3 -c '
import struct
loader = b"/no/ld-linux.so.2\0"
header = b"\x7fELF\1\1\1" + bytes(9) + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, 0, 52, 0, 0, 52, 32, 1, 0, 0, 0)
open("other", "wb").write(header + struct.pack("<8I", 3, 84, 0, 0, len(loader), len(loader), 4, 1) + loader)'
	chmod +x other
	mkdir alone
	cp "$tcpshim" "$library" alone
	status_is 125 alone/tcpshim ./other
	[[ $(cat errors) == 'tcpshim: this is a program for i386-linux-gnu, whose libtcpshim.so is neither in '*/i386-linux-gnu' nor in '* ]] ||
		fail "$(cat errors)"
	mkdir -p beside/i386-linux-gnu
	cp "$tcpshim" "$library" beside
	cp "$library" beside/i386-linux-gnu
	status_is 127 beside/tcpshim ./other
	grep -q 'cannot be run: No such file' errors
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

@test "command: a library that was not loaded is reported" {
	mkdir place
	cp "$tcpshim" place
	printf 'int nothing;\n' | ${CC:-cc} -shared -o place/libtcpshim.so -x c -
	status_is 0 place/tcpshim true
	grep -q 'the library was not loaded into .*/true, so nothing was traced' errors || fail "$(cat errors)"
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

# Shown: with the handler that passed signals on before the program's number was known, the command sent them to its own
# process group, and so to itself, for ever.
@test "command: a signal that comes while the program is being started reaches it too" {
	need strace
	printf '%s\n' "trap 'exit 5' TERM" 'echo ready' 'while :; do sleep 0.1; done' >stubborn.sh
	start setsid strace -qq -o strace.out -e inject=clone,clone3,?fork:delay_exit=2000000 -e trace=clone,clone3,?fork \
		"$tcpshim" --trace=none --keepalive=on bash stubborn.sh >said
	await 5 grep -q ready said
	status=0
	pkill -TERM -f "^$tcpshim --trace=none --keepalive=on bash stubborn.sh" || fail "it is not there"
	finish "$last" || status=$?
	((status == 5)) || fail "status $status"
}

# Shown: with a handler for SIGHUP in any case, the program was killed.
@test "command: what nohup ignores stays ignored" {
	status_is 7 nohup "$tcpshim" --trace=none --keepalive=on bash -c 'kill -HUP $$; exit 7' </dev/null
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
	errors_are 'tcpshim report: name a recording: a file that tcpshim --record=DIRECTORY PROGRAM made'
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
	errors_are 'tcpshim explain: there is no note or finding "half-opne"; did you mean half-open? tcpshim explain and tcpshim list findings show them'
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
	grep -qE '^total +[0-9]+\.[0-9]{6} +[0-9]+ +[0-9]+ +[0-9]+$' errors || fail "$(cat errors)"
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

# errors_of N WANTED ARGUMENT…: the command exits with N, prints nothing on standard output, and this line on standard error.
errors_of() {
	local wanted=$1 text=$2
	shift 2
	status_is "$wanted" "$tcpshim" "$@"
	[[ ! -s out ]] || fail "$*: prints:" "$(cat out)"
	[[ $(wc -l <errors) == 1 ]] || fail "$*: not one line:" "$(cat errors)"
	errors_are "$text"
}

# make_recording: the recording of exchange is the file `recording`.
make_recording() {
	timeout 20 env TCPSHIM_RECORD=./made.%p LD_PRELOAD="$library" "$build/exchange" >/dev/null
	mv made.* recording
}

# columns_fit WHAT: `out` has no line of more than 80 columns.
columns_fit() {
	awk 'length > 80' out | nothing "wider than 80 columns: $1"
}

@test "command: help of each command says how it is called, and what its options take" {
	status_is 0 "$tcpshim" help
	head -n 1 out | grep -qx 'Usage: tcpshim \[OPTION...\] PROGRAM \[ARG...\]'
	columns_fit help
	"$tcpshim" list commands >commands
	(($(wc -l <commands) >= 6))
	while IFS=$'\t' read -r word arguments meaning; do
		status_is 0 "$tcpshim" help
		grep -qF "  or:  tcpshim $word" out || fail "help does not have $word"
		grep -qF " $meaning" out || fail "help does not say: $meaning"
		for form in "help $word" "$word --help" "$word -h" "$word -?"; do
			# shellcheck disable=SC2086 # two words
			status_is 0 "$tcpshim" $form
			[[ $(head -n 1 out) == "Usage: tcpshim $word [OPTION...]"* ]] || fail "$form:" "$(cat out)"
			[[ $arguments == - || $(head -n 1 out) == *" $arguments" ]] || fail "$form has no $arguments:" "$(cat out)"
			columns_fit "$form"
			[[ ! -s errors ]]
		done
	done <commands
	for form in --help -h '-?'; do
		status_is 0 "$tcpshim" "$form"
		[[ $(head -n 1 out) == 'Usage: tcpshim [OPTION...] PROGRAM [ARG...]' ]]
		columns_fit "$form"
		nothing "an option without its values:" < <(grep -e '=VALUE' out)
		grep -qE -- '--color=auto\|always\|never' out
	done
	# Each variable is an option whose values are in the help.
	"$tcpshim" list options >options
	sed -nE 's/^VARIABLE\(([A-Z_]+), "([^"]*)".*/\1 \2/p' "$repository/include/tcpshim/variables.def" >variables
	(($(wc -l <variables) >= 20))
	while read -r name form; do
		name=--$(tr 'A-Z_' 'a-z-' <<<"$name")
		awk -F '\t' -v name="$name" -v form="$form" '$2 == name && $3 == form' options | grep -q . || fail "$name is not in list options"
		tr -d '\n' <out | grep -qF -- "$name=$form" || fail "$name=$form is not in --help"
	done <variables
	status_is 0 "$tcpshim" report --usage
	[[ $(head -n 1 out) == 'Usage: tcpshim report '* ]]
}

@test "command: explain shows states that the note can have" {
	for row in 'peer-fin ESTABLISHED > CLOSE_WAIT' 'half-open CLOSE_WAIT lasts' 'reset-after-fin CLOSE_WAIT > CLOSE' \
		'closed-first ESTABLISHED > FIN_WAIT_1' 'connected SYN_SENT > ESTABLISHED' 'accepted ESTABLISHED'; do
		status_is 0 "$tcpshim" explain "${row%% *}"
		tr -s ' \n' ' ' <out | grep -qF "${row#* }" || fail "$row" "$(cat out)"
	done
}

@test "command: help of an option, a variable and a note; the version" {
	for word in keepalive --keepalive TCPSHIM_KEEPALIVE; do
		status_is 0 "$tcpshim" help "$word"
		head -n 1 out | grep -qF -- '--keepalive=off|on|IDLE' || fail "$word" "$(cat out)"
	done
	status_is 0 "$tcpshim" help half-open
	head -n 1 out | grep -q '^half-open  ('
	errors_of 2 'tcpshim help: there is no command, option or note "reprot"; did you mean tcpshim help report?' help reprot
	for form in version --version -V; do
		status_is 0 "$tcpshim" "$form"
		grep -qxE 'tcpshim [0-9.]+' out
	done
	errors_of 2 'tcpshim version: it takes no argument: leave x out' version x
}

@test "command: what is mistyped gets the nearest word" {
	errors_of 127 'tcpshim: reprot cannot be run: No such file or directory; did you mean tcpshim report?' reprot recording
	errors_of 127 'tcpshim: netsat cannot be run: No such file or directory; did you mean tcpshim netstat?' netsat 1
	mkdir programs
	printf '#!/bin/sh\n' >programs/trackhorse
	chmod +x programs/trackhorse
	: >programs/trackhorsf
	PATH=$PWD/programs:$PATH errors_of 127 \
		'tcpshim: trackhrose cannot be run: No such file or directory; did you mean tcpshim trackhorse?' trackhrose
	errors_of 127 'tcpshim: ./reprot cannot be run: No such file or directory' ./reprot
	errors_of 127 'tcpshim: zzqqxxyy cannot be run: No such file or directory' zzqqxxyy
	errors_of 2 'tcpshim: there is no option --kepalive; did you mean --keepalive?' --kepalive=on true
	errors_of 2 'tcpshim report: there is no option --conections; did you mean --connections?' report --conections x
	errors_of 2 'tcpshim report: --note=warn,reset-by-per: there is no note reset-by-per; did you mean reset-by-peer?' \
		report --note=warn,reset-by-per x
	errors_of 2 'tcpshim list: there is no list of "nots"; did you mean notes? There are calls, notes, findings, scenarios, variables, commands and options' \
		list nots
}

@test "command: an error names the option as it was typed, and says what it takes" {
	errors_of 2 'tcpshim: name a program to run, or a command; tcpshim help lists them'
	errors_of 2 'tcpshim: --color=no: it takes auto, always or never, for example --color=always' --color=no true
	errors_of 2 'tcpshim: --forma=xml: it takes text or json, for example --forma=json' --forma xml true
	errors_of 2 'tcpshim: -t nosuch: it takes a list of calls or groups (%connect %data %wait %option), !x to exclude, or all or none, for example -t %connect,read,write' \
		-t nosuch true
	errors_of 2 'tcpshim: there is no option -x; --help shows those that there are' -dx true
	errors_of 2 'tcpshim: there is no option -x; --help shows those that there are' -xd true
	errors_of 2 'tcpshim: -t needs a value: -t all|none|LIST' -t
	errors_of 2 'tcpshim: --force needs a value: --force=off|on' --force
	errors_of 2 'tcpshim: --json takes no value, and --json=1 gives it one' --json=1 true
	errors_of 2 'tcpshim: --rec=x is short for several options: --record, --record-size, --record-full, --record-keep' --rec=x true
	errors_of 2 'tcpshim report: --longer=1,5s: it takes a duration in ms, s, m or h (a bare number is seconds), for example --longer=1.5s' \
		report --longer=1,5s x
	errors_of 2 'tcpshim report: --fd=x: it takes a list of descriptors, for example --fd=3,5' report --fd x recording
	errors_of 2 'tcpshim netstat: --watch=0.01: it takes a time from 100ms to 24h, for example --watch=1.5s' netstat --watch=0.01 1
	errors_of 2 'tcpshim netstat: it shows one process, and 2 is a second one' netstat 1 2
	errors_of 2 'tcpshim explain: it explains one note, and half-open is a second one' explain peer-fin half-open
	# What a terminal would obey is not echoed.
	errors_of 2 'tcpshim: --color=?[2J: it takes auto, always or never, for example --color=always' "--color="$'\e'"[2J" true
}

@test "command: a directory that does not exist is named before anything runs" {
	errors_of 2 'tcpshim: --record=/nonexistent/x: the directory /nonexistent/x does not exist: make it (mkdir -p), or name another one, or a path with %p in it' \
		--record=/nonexistent/x touch ran
	errors_of 2 'tcpshim: --record=/nonexistent/x.%p: the directory /nonexistent does not exist: make it (mkdir -p), or name another one' \
		--record=/nonexistent/x.%p touch ran
	errors_of 2 'tcpshim: -o /nonexistent/trace: the directory /nonexistent does not exist: make it (mkdir -p), or name a file in another one' \
		-o /nonexistent/trace touch ran
	: >file
	errors_of 2 'tcpshim: --record=file: file is no directory: name another one, or a path with %p in it' --record=file touch ran
	status_is 2 env TCPSHIM_RECORD=/nonexistent/x "$tcpshim" touch ran
	grep -q '^tcpshim: TCPSHIM_RECORD=/nonexistent/x: the directory /nonexistent/x does not exist' errors
	[[ ! -e ran ]]
	status_is 0 "$tcpshim" -o /dev/null "$build/exchange"
	status_is 0 "$tcpshim" --output=file "$build/exchange"
	[[ -s file ]]
	status_is 0 "$tcpshim" --record=in.%p "$build/exchange"
	status_is 0 "$tcpshim" report in.*
}

@test "command: durations have decimals, in filters as in policies" {
	status_is 0 "$tcpshim" --user-timeout=1.5s true
	status_is 0 "$tcpshim" --user-timeout=0.25m true
	status_is 2 "$tcpshim" --user-timeout=1.2345s true
	status_is 2 "$tcpshim" --keepalive=1.5s true
	make_recording
	status_is 0 "$tcpshim" report --until=1.5h recording
	cp out all
	status_is 0 "$tcpshim" report --longer=0.000001ms --until=90m --trace='!_exit' recording
	grep -vE '_exit|sleeping' all | diff - out
	for bad in 1.5.5 1. .5 1e3 -1 5x 1,5 99999999999999999999 nan ''; do
		[[ -z $bad ]] || status_is 2 "$tcpshim" report --since="$bad" recording
	done
}

@test "command: --note and --notes mean the same in a report" {
	cat >refused.py <<-'END'
		import socket
		for address in ("127.0.0.1", 1), ("127.0.0.1", 1):
		    try:
		        socket.create_connection(address)
		    except OSError:
		        pass
		ends = socket.create_server(("127.0.0.1", 0))
		a = socket.create_connection(ends.getsockname())
		b, _ = ends.accept()
		a.close()
		b.recv(1)
	END
	timeout 20 env TCPSHIM_RECORD=./made.%p LD_PRELOAD="$library" python3 refused.py
	for value in info warn error connect-refused connect-refused,error; do
		status_is 0 "$tcpshim" report --note=$value made.*
		mv out note
		status_is 0 "$tcpshim" report --notes=$value made.*
		diff note out || fail "$value"
	done
	status_is 0 "$tcpshim" report --note=warn made.*
	# Only calls with warnings and what is worse, and no other notes.
	grep -v '^Base' out | grep -qE '^ *[0-9.]+	connect'
	grep -E $'^\t- ' out | nothing "a note that is no warning:"
	[[ $(trace_plain out | grep -c '^connect') == 2 ]] || fail "$(cat out)"
	status_is 0 "$tcpshim" report --notes=off made.*
	grep -E $'^\t(-|!)' out | nothing "notes:"
	grep -q 'recv' out
}

@test "command: --format and --json for a program and for a report" {
	need jq
	make_recording
	status_is 0 "$tcpshim" report --json recording
	mv out json
	jq -es 'length > 10 and .[0].call' json >/dev/null
	status_is 0 "$tcpshim" report --format=json recording
	diff json out
	status_is 0 "$tcpshim" report --json --format=text recording
	head -n 1 out | grep -q '^Base time stamp'
	status_is 0 "$tcpshim" --json -o trace.1 "$build/exchange"
	status_is 0 "$tcpshim" --format=json -o trace.2 "$build/exchange"
	for of in trace.1 trace.2; do
		[[ $(jq -r .call "$of" | sort | uniq -c) == $(jq -r 'select(.call) | .call' json | sort | uniq -c) ]] || fail "$of"
	done
}

@test "command: an empty result is said on standard error" {
	make_recording
	local calls connections
	calls=$("$tcpshim" report --json recording | wc -l)
	connections=$("$tcpshim" report --json --connections recording | wc -l)
	for form in '' --json; do
		# shellcheck disable=SC2086 # words
		errors_of 0 "tcpshim: none of the $calls calls in recording matches the options" report --fd=999 $form recording
		# shellcheck disable=SC2086 # words
		errors_of 0 "tcpshim: none of the $connections connections in recording matches the options" \
			report --fd=999 --connections $form recording
	done
	cp recording copy
	status_is 0 "$tcpshim" report --fd=999 recording copy
	errors_are "tcpshim: none of the $((2 * calls)) calls in these 2 recordings matches the options"
	timeout 20 env TCPSHIM_RECORD=./true.%p TCPSHIM_FDS=all LD_PRELOAD="$library" cat recording >/dev/null
	status_is 0 "$tcpshim" report --connections true.*
	[[ ! -s out ]]
	grep -qE '^tcpshim: no connection was recorded in true\.' errors || fail "$(cat errors)"
	status_is 0 "$tcpshim" report --conn=1 recording
	[[ ! -s errors ]]
}

@test "command: a recording that is named twice is read once" {
	make_recording
	"$tcpshim" report recording >once
	ln -s recording link
	ln recording hard
	for again in recording ./recording link hard; do
		status_is 0 "$tcpshim" report recording "$again"
		cmp once out || fail "$again:" "$(diff once out | head)"
		[[ $(wc -l <errors) == 1 ]] || fail "$(cat errors)"
		if [[ $again == recording ]]; then
			errors_are "tcpshim: recording is named twice; it is read once"
		else
			errors_are "tcpshim: recording and $again are the same file; it is read once"
		fi
	done
	# A copy is another file.
	cp recording copy
	status_is 0 "$tcpshim" report --json recording copy
	[[ ! -s errors && $(wc -l <out) == $((2 * $("$tcpshim" report --json recording | wc -l))) ]]
}

@test "command: --color for a program and for a report" {
	make_recording
	local escape=$'\e'
	coloured() {
		grep -q "$escape\\[3[36]m" "$1"
	}
	plain() {
		[[ -s $1 ]] || fail "$1 is empty"
		! coloured "$1" || fail "$1 is coloured"
	}
	on_terminal() {
		timeout 20 script -qec "$1" /dev/null >out 2>errors </dev/null
	}
	status_is 0 "$tcpshim" report --color=always recording
	coloured out
	status_is 0 "$tcpshim" report recording
	plain out
	status_is 0 "$tcpshim" report --color=always --json recording
	plain out
	status_is 0 "$tcpshim" --color=always -o trace "$build/exchange"
	coloured trace
	status_is 0 "$tcpshim" -o trace.2 "$build/exchange"
	plain trace.2
	need script
	on_terminal "$tcpshim report recording"
	coloured out
	on_terminal "$tcpshim report --color=never recording"
	plain out
	on_terminal "NO_COLOR=1 $tcpshim report recording"
	plain out
	on_terminal "NO_COLOR=1 $tcpshim --color=always $build/exchange"
	coloured out
	on_terminal "$tcpshim --color=never $build/exchange"
	plain out
}

@test "command: explain has examples for numbers, and lists all notes" {
	status_is 0 "$tcpshim" explain
	columns_fit explain
	awk '{ print $1 }' out | sort >ids
	"$tcpshim" list notes | awk '{ print $1 }' | sort | diff - ids
	awk 'NF < 3' out | nothing "an id without a text:"
	while read -r id; do
		status_is 0 "$tcpshim" explain "$id"
		columns_fit "explain $id"
		grep -n '[{}?]' out | grep -v '? ' | grep '[{}]' | nothing "a placeholder of $id:"
	done <ids
	status_is 0 "$tcpshim" explain connect-refused
	grep -q '^    fd [0-9]* to [0-9.]*:[0-9]*: ' out
}

@test "command: a reader that leaves is no error, whatever is printed" {
	make_recording
	for form in 'report recording' 'report --json recording' list explain help --help 'list options'; do
		# shellcheck disable=SC2086 # words
		"$tcpshim" $form 2>errors | head -n 1 >first
		[[ $(wc -l <first) == 1 ]]
		[[ ! -s errors ]] || fail "$form:" "$(cat errors)"
		# Also where SIGPIPE is ignored.
		# shellcheck disable=SC2086 # words
		(trap '' PIPE; "$tcpshim" $form 2>errors | true)
		[[ ! -s errors ]] || fail "$form:" "$(cat errors)"
		# shellcheck disable=SC2086 # words
		status_is 125 bash -c '"$@" >/dev/full' - "$tcpshim" $form
		errors_are 'tcpshim: standard output cannot be written: No space left on device'
	done
}

@test "command: completion in bash" {
	# shellcheck disable=SC2016
	PATH=$build:$PATH bash -ec '
		source "$1/shim/cli/completion/tcpshim.bash"
		try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; _tcpshim; printf "%s\n" "${COMPREPLY[@]}"; }
		has() { local wanted=$1; shift; try "$@" >found; grep -qx -e "$wanted" found || { echo "$*: no $wanted in:"; cat found; exit 1; }; }
		mkdir folder; : >file.tcpshim
		has half-open tcpshim explain half-
		has --keepalive= tcpshim --keep
		has --connections tcpshim report --conn
		has report tcpshim rep
		has notes tcpshim list no
		has netstat tcpshim list options net
		has always tcpshim --color =
		has always tcpshim --color = al
		has json tcpshim report --format js
		has tcp,stdio tcpshim --fds = tcp,st
		has warn,half-open tcpshim report --note = warn,half
		has connect,%data tcpshim -t connect,%da
		has file.tcpshim tcpshim report fi
		has file.tcpshim tcpshim report --json fi
		has $$ tcpshim netstat $$
		has folder tcpshim --record = fo
		has file.tcpshim tcpshim -o fi
		has file.tcpshim tcpshim --color = never cat fi
		has explain tcpshim help exp
		has power-off tcpshim rehearse pow
		has half-open tcpshim rehearse --limit = 5s half
		has --within= tcpshim rehearse --wit
		has --after= tcpshim rehearse power-off --af
		has file.tcpshim tcpshim rehearse power-off cat fi
		try tcpshim rehearse power-off cat --af >found; [[ -z $(cat found) ]]
		try tcpshim report --color >found; [[ $(cat found) == --color= ]]
		# What a word of the program is, is its business.
		try tcpshim cat --keep >found; [[ -z $(cat found) ]]
	' - "$repository"
}

@test "command: completion in zsh" {
	need zsh
	zsh -n "$repository/shim/cli/completion/_tcpshim"
	mkdir files
	: >files/one.tcpshim
	# A terminal of its own: what is offered after each line and a tab is printed.
	cat >offers.zsh <<-'END'
		zmodload zsh/zpty
		zpty shell zsh -f -i
		zpty -w shell "PATH=$1:\$PATH; cd files; PS1=; unset zle_bracketed_paste; fpath=($2 \$fpath); autoload -Uz compinit; compinit -D -u; stty columns 200 rows 500; LISTMAX=100000; bindkey '^I' list-choices; zstyle ':completion:*' verbose false; echo RE''ADY"
		zpty -r shell text '*READY*'
		for line in ${@[3,-1]}; do
			zpty -w -n shell "$line"$'\t'
			sleep 1
			zpty -n -w shell $'\x15'
			zpty -w shell "echo DO''NE"
			zpty -r shell text '*DONE*'
			print -r -- "@ $line @ ${${text//[$'\r\n']/ }//$line/ }"
		done
		zpty -d shell
	END
	timeout 60 zsh -f offers.zsh "$build" "$repository/shim/cli/completion" "tcpshim rep" "tcpshim --color=" "tcpshim report --note=warn,half" \
		"tcpshim report " "tcpshim explain half" "tcpshim list " "tcpshim -t rec" "tcpshim --keep" "tcpshim list options net" \
		"tcpshim rehearse pow" "tcpshim rehearse power-off --wit" >offers
	offers() {
		grep -F "@ $1 @" offers | grep -qF -e "$2" || fail "no $2 after: $1" "$(cat offers)"
	}
	offers 'tcpshim rep' report
	offers 'tcpshim --color=' always
	offers 'tcpshim report --note=warn,half' half-open
	offers 'tcpshim report ' one.tcpshim
	offers 'tcpshim explain half' half-open
	offers 'tcpshim list ' variables
	offers 'tcpshim -t rec' recvmsg
	offers 'tcpshim --keep' --keepalive
	offers 'tcpshim list options net' netstat
	offers 'tcpshim rehearse pow' power-cycle
	offers 'tcpshim rehearse power-off --wit' --within
}

# refused_as PATTERN ARG…: checks that tcpshim rehearse refuses the arguments with one line that matches, and runs nothing.
refused_as() {
	local pattern=$1
	shift
	status_is 2 "$tcpshim" rehearse "$@" touch ran
	# shellcheck disable=SC2053 # a pattern
	[[ $(cat errors) == $pattern && $(wc -l <errors) == 1 ]] || fail "rehearse $*:" "$(cat errors)"
	[[ ! -s out && ! -e ran ]] || fail "rehearse $*: something was run"
}

@test "command: rehearse names what is wrong with its arguments, before anything runs" {
	errors_of 2 'tcpshim rehearse: name a scenario and a program, for example: tcpshim rehearse power-off curl http://127.0.0.1:8080/' \
		rehearse
	errors_of 2 'tcpshim rehearse: name the program to run after power-off' rehearse power-off
	for typo in poweroff:power-off power-cylce:power-cycle outrage:outage peer-close:peer-closes half-opne:half-open \
		unreachabel:unreachable refuse:refused slw:slow; do
		refused_as "tcpshim rehearse: there is no scenario \"${typo%:*}\"; did you mean ${typo#*:}? There are power-off, *" "${typo%:*}"
	done
	refused_as 'tcpshim rehearse: there is no option --limt; did you mean --limit?' power-off --limt=1s
	refused_as 'tcpshim rehearse: --limit=1,5: it takes a duration, for example --limit=*' power-off --limit=1,5
	refused_as 'tcpshim rehearse: --within=0: it takes a duration, for example --within=*' --within=0 power-off
	refused_as 'tcpshim rehearse: --watch=: it takes a duration, for example --watch=*' power-off --watch=
	refused_as 'tcpshim rehearse: --keepalive=never: it takes off, on, *, for example --keepalive=30s,10s,3' power-off --keepalive=never
	for bad in after=soon idle=-1s at=send:1 at=write:0 for=0 every=0 share=10 share=101% by=ttl; do
		refused_as "tcpshim*: --$bad*it takes*" power-off "--$bad"
	done
	refused_as 'tcpshim*: --rate=0*it takes*' slow --rate=0
	# Values that are good, with scenarios that they do not fit.
	for pair in power-off:rate=1K power-cycle:for=1s peer-closes:for=1s half-open:for=1s peer-closes:by=md5 refused:by=deaf \
		unreachable:at=write:1 unreachable:idle=1s refused:at=accept:2; do
		refused_as "tcpshim*: --${pair#*:}*${pair%%:*}*" "${pair%%:*}" "--${pair#*:}"
	done
	for pair in '--after=1s --idle=1s' '--after=1s --at=write:1' '--every=2 --share=10%'; do
		# shellcheck disable=SC2086 # two options
		refused_as 'tcpshim*do not go together*' power-off $pair
	done
	for pair in '--seed=1' '--seed=1 --every=2'; do
		# shellcheck disable=SC2086 # two options
		refused_as 'tcpshim*: --seed repeats the choice of --share: give that too' power-off $pair
	done
	status_is 2 env TCPSHIM_RECORD="$PWD" "$tcpshim" rehearse power-off touch ran
	grep -q '^tcpshim.*: .*leave TCPSHIM_RECORD out' errors
	status_is 2 env TCPSHIM_KEPALIVE=on "$tcpshim" rehearse power-off touch ran
	grep -q 'there is no variable TCPSHIM_KEPALIVE (did you mean TCPSHIM_KEEPALIVE?)' errors
	refused_as "tcpshim*: --verdict=$PWD/none/file*" power-off --verdict="$PWD/none/file"
	status_is 2 "$tcpshim" --rehearse=power-of touch ran
	[[ $(cat errors) == 'tcpshim: --rehearse=power-of: it takes off, or power-off, '*', for example --rehearse=power-off,at=write:3' ]]
	[[ ! -e ran ]]
}

@test "command: rehearse fails plainly where nothing can be rehearsed, and leaves nothing behind" {
	export TMPDIR=$PWD/temporary
	mkdir temporary
	errors_of 127 'tcpshim: nosuchprogram cannot be run: No such file or directory' rehearse power-off nosuchprogram
	: >plain
	errors_of 126 'tcpshim: ./plain cannot be run: Permission denied' rehearse power-off ./plain
	printf 'int main(void) { return 0; }\n' >p.c
	${CC:-cc} -static -o static p.c 2>/dev/null || ${CC:-cc} -static-pie -o static p.c
	status_is 125 "$tcpshim" rehearse power-off ./static
	[[ $(cat errors) == 'tcpshim: the library cannot see what ./static does, so nothing was run: it is statically linked: '* ]]
	errors_of 125 'tcpshim: nothing was rehearsed: true made no TCP connection that the library saw' rehearse power-off true
	# The program's own end does not hide that, and its output is its own.
	status_is 125 "$tcpshim" rehearse power-off sh -c 'echo said; exit 7'
	[[ $(cat out) == said ]]
	# A connection that never comes to the point.
	cat >once.py <<-'END'
		import socket
		listener = socket.create_server(("127.0.0.1", 0))
		with socket.create_connection(listener.getsockname()) as client, listener.accept()[0] as server:
		    client.sendall(b"x")
		    server.recv(1)
	END
	for at in write:9 read:9 accept:2 connect:2; do
		status_is 125 "$tcpshim" rehearse power-off --at="$at" /usr/bin/python3 once.py
		grep -qx 'tcpshim: nothing was rehearsed: none of the 2 connections of /usr/bin/python3 came to the point that the options name' \
			errors || fail "--at=$at" "$(cat errors)"
	done
	status_is 125 "$tcpshim" rehearse power-off --match=port=1 /usr/bin/python3 once.py
	# Unix sockets and UDP are left alone.
	status_is 125 "$tcpshim" rehearse power-off /usr/bin/python3 -c '
	import socket
	a, b = socket.socketpair(); a.send(b"x"); assert b.recv(1) == b"x"
	c = socket.socket(type=socket.SOCK_DGRAM); c.bind(("127.0.0.1", 0)); c.connect(c.getsockname()); c.send(b"y"); assert c.recv(1) == b"y"'
	[[ ! -s out ]]
	find temporary -mindepth 1 | nothing "left behind:"
}

@test "command: rehearse says what the program did, and its exit status is the verdict" {
	export TMPDIR=$PWD/temporary
	mkdir temporary
	cat >peer.py <<-'END'
		import socket
		listener = socket.create_server(("127.0.0.1", 0))
		print(listener.getsockname()[1], flush=True)
		kept = []
		while True:
		    kept.append(listener.accept()[0])
	END
	start /usr/bin/python3 -u peer.py >port
	await 30 test -s port
	port=$(cat port)
	cat >client.py <<-'END'
		import socket, sys
		client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
		client.settimeout(float(sys.argv[2]))
		client.sendall(b"request")
		try:
		    client.recv(1)
		except OSError as error:
		    sys.exit(5)
	END
	status_is 0 "$tcpshim" rehearse power-off --at=write:1 /usr/bin/python3 client.py "$port" 1
	grep -qE '^- python3 #1 127\.0\.0\.1:[0-9]+ > 127\.0\.0\.1:'"$port"': noticed after [0-9.]+ (ms|s)\.$' errors ||
		fail "no verdict:" "$(cat errors)"
	grep -q '7 bytes that were written are lost' errors
	tail -n 1 errors | grep -qxE 'power-off rehearsed on 1 connection: passed \(to be noticed within .*\)\.'
	# Noticed, but too late.
	status_is 3 "$tcpshim" rehearse power-off --at=write:1 --within=100ms --verdict=verdict /usr/bin/python3 client.py "$port" 1
	[[ ! -s errors ]] || fail "the verdict is not in its file alone:" "$(cat errors)"
	grep -q '^!! python3 #1 .*: noticed after .*, too late by ' verdict
	grep -q 'rehearsed on 1 connection: 1 failure ' verdict
	# Not noticed: the program is ended at the limit.
	status_is 3 "$tcpshim" rehearse power-off --at=write:1 --limit=1s /usr/bin/python3 client.py "$port" 600
	grep -q '^!! python3 #1 .*: not noticed in ' errors
	tr -s ' \n' ' ' <errors | grep -q 'It waits in \(recv\|poll\)()' || fail "no call:" "$(cat errors)"
	# A share is repeated by the seed that is printed.
	status_is 0 "$tcpshim" rehearse power-off --at=write:1 --share=100% /usr/bin/python3 client.py "$port" 1
	seed=$(sed -nE 's/.* (--seed=[0-9]+) repeats the choice\.$/\1/p' errors)
	[[ -n $seed ]] || fail "no seed:" "$(cat errors)"
	status_is 0 "$tcpshim" rehearse power-off --at=write:1 --share=100% "$seed" /usr/bin/python3 client.py "$port" 1
	grep -q -- " $seed repeats the choice" errors
	find temporary -mindepth 1 | nothing "left behind:"
}
