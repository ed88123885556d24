#!/usr/bin/env bats
#
# The environment variables: good values, bad values, unknown names.  exchange (tests/traced) is the program traced.

# shellcheck disable=SC2154	# set in common.bash

load ../common

setup() {
	common_setup
	program=$build/exchange
	umask 0
}

# run_exchange [VARIABLE=VALUE…] [WORD…]: runs it and checks that its output is the usual one.  The trace is in the file
# `trace`, unless a variable says otherwise, and standard error in `errors`.
run_exchange() {
	local settings=()
	while [[ ${1:-} == *=* ]]; do
		settings+=("$1")
		shift
	done
	rm -f trace
	shim TCPSHIM_OUTPUT=trace TCPSHIM_TIME=none "${settings[@]}" "$program" "$@" >output 2>errors ||
		fail "exchange fails with ${settings[*]}: $?" "$(cat output errors)"
	[[ $(cat output) == "done" ]] || fail "the output is not the program's: $(cat output)"
}

no_errors() {
	[[ ! -s errors ]] || fail "unexpected on standard error:" "$(cat errors)"
}

# Prints the calls that are in the trace, once each, in one line.
calls_in() {
	trace_plain "$1" | sed -nE 's/^([a-z_0-9]+)\(.*/\1/p' | grep -v '^_exit$' | sort -u | tr '\n' ' '
}

shows_calls() {
	local found
	found=$(calls_in trace)
	[[ $found == "$1 " ]] || fail "shown: $found, wanted: $1"
}

# --- TCPSHIM_TRACE ----------------------------------------------------------------------------------------------

@test "TRACE=all is the default" {
	run_exchange
	shows_calls "accept bind close connect getsockname listen poll read setsockopt shutdown socket write"
	cp trace default
	run_exchange TCPSHIM_TRACE=all
	[[ $(calls_in trace) == "$(calls_in default)" ]]
	no_errors
}

@test "TRACE takes calls and groups" {
	run_exchange TCPSHIM_TRACE=write
	shows_calls "write"
	run_exchange TCPSHIM_TRACE=write,poll
	shows_calls "poll write"
	run_exchange TCPSHIM_TRACE=%data
	shows_calls "read write"
	run_exchange TCPSHIM_TRACE=%wait,%option
	shows_calls "getsockname poll setsockopt"
	run_exchange TCPSHIM_TRACE=%connect
	shows_calls "accept bind close connect listen shutdown socket"
	no_errors
}

@test "TRACE: ! excludes, the right-most wins" {
	run_exchange 'TCPSHIM_TRACE=%data,!read'
	shows_calls "write"
	run_exchange 'TCPSHIM_TRACE=!%connect,!%option'
	shows_calls "poll read write"
	run_exchange 'TCPSHIM_TRACE=all,!all,read'
	shows_calls "read"
	run_exchange 'TCPSHIM_TRACE=!write,write,poll'
	shows_calls "accept bind close connect getsockname listen poll read setsockopt shutdown socket write"
	run_exchange 'TCPSHIM_TRACE=all,!%data,read,!read'
	shows_calls "accept bind close connect getsockname listen poll setsockopt shutdown socket"
	no_errors
}

@test "TRACE=none prints nothing at all" {
	run_exchange TCPSHIM_TRACE=none TCPSHIM_TIME=base
	[[ ! -s trace ]] || fail "$(cat trace)"
	run_exchange TCPSHIM_TRACE=none TCPSHIM_TIME=base TCPSHIM_OUTPUT=stderr
	no_errors
}

@test "TRACE: notes stand only below calls that are shown" {
	run_exchange TCPSHIM_TRACE=write
	trace_has trace = 0 '\[peer-fin\]$'
	run_exchange TCPSHIM_TRACE=read
	trace_has trace = 1 '\[peer-fin\]$'
}

# --- TCPSHIM_FDS ------------------------------------------------------------------------------------------------

fds_show() {
	local what
	for what in "$@"; do
		case $what in
		tcp) trace_has trace = 1 '^write\([0-9]+, " k a n g' ;;
		stdio) trace_has trace = 1 $'^write\\(1, " d o n e\\\\n", 5\\)[\t ]+= 5$' ;;
		datagram) trace_has trace = 1 '^write\([0-9]+, " d a t a g r a m", 8\)' ;;
		unix) trace_has trace = 1 '^write\([0-9]+, " u n i x", 4\)' ;;
		pipe) trace_has trace = 1 '^write\([0-9]+, " p i p e", 4\)' ;;
		file) trace_has trace = 1 '^read\([0-9]+, "\\0\\0\\0", 3\)' ;;
		no-stdio) trace_has trace = 0 '^write\(1,' ;;
		no-sockets) trace_has trace = 0 ' d a t a g r| u n i x' ;;
		no-files) trace_has trace = 0 ' p i p e|\\0\\0\\0' ;;
		esac
	done
}

@test "FDS=tcp is the default" {
	run_exchange
	fds_show tcp no-stdio no-sockets no-files
	run_exchange TCPSHIM_FDS=tcp
	fds_show tcp no-stdio no-sockets no-files
	no_errors
}

@test "FDS=tcp,stdio adds standard input, output and error" {
	run_exchange TCPSHIM_FDS=tcp,stdio
	fds_show tcp stdio no-sockets no-files
	no_errors
}

@test "FDS=sockets adds UDP and unix sockets" {
	run_exchange TCPSHIM_FDS=sockets
	fds_show tcp datagram unix no-stdio no-files
	no_errors
}

@test "FDS=all adds files and pipes" {
	run_exchange TCPSHIM_FDS=all
	fds_show tcp stdio datagram unix pipe file
	no_errors
}

# --- TCPSHIM_PROGRAMS -------------------------------------------------------------------------------------------

@test "PROGRAMS selects by the program's name" {
	run_exchange TCPSHIM_PROGRAMS=exchange
	fds_show tcp
	run_exchange TCPSHIM_PROGRAMS=nc,exchange,nginx
	fds_show tcp
	no_errors
	run_exchange TCPSHIM_PROGRAMS=nc,nginx TCPSHIM_OUTPUT=other
	no_errors
	[[ ! -s other ]] || fail "$(cat other)"
	run_exchange TCPSHIM_PROGRAMS=exchang TCPSHIM_OUTPUT=other
	[[ ! -s other ]] || fail "$(cat other)"
}

@test "PROGRAMS: a program that is left out is not told of bad values either" {
	run_exchange TCPSHIM_PROGRAMS=nc TCPSHIM_TIME=sideways
	no_errors
}

# --- TCPSHIM_OUTPUT ---------------------------------------------------------------------------------------------

@test "OUTPUT: standard error is the default" {
	shim TCPSHIM_TIME=none "$program" >output 2>trace
	[[ $(cat output) == "done" ]]
	fds_show tcp
	shim TCPSHIM_TIME=none TCPSHIM_OUTPUT=stderr "$program" >output 2>trace
	fds_show tcp
}

@test "OUTPUT: standard error may be a unix socket, as under systemd" {
	need python3
	timeout 60 python3 - "$library" "$program" >trace <<-'END'
		import os, socket, subprocess, sys
		ours, theirs = socket.socketpair()
		done = subprocess.run([sys.argv[2]], stdout=subprocess.DEVNULL, stderr=theirs,
		                      env=dict(os.environ, LD_PRELOAD=sys.argv[1], TCPSHIM_TIME="none"))
		theirs.close()
		while text := ours.recv(65536):
		    sys.stdout.buffer.write(text)
		sys.exit(done.returncode)
	END
	fds_show tcp
	trace_is_whole trace
}

@test "OUTPUT: a new file is for its owner only" {
	run_exchange
	[[ $(stat -c %a trace) == 600 ]] || fail "$(ls -l trace)"
	no_errors
}

@test "OUTPUT: a file that exists is appended to and keeps its mode" {
	echo "what was there" >kept
	chmod 640 kept
	run_exchange TCPSHIM_OUTPUT=kept
	run_exchange TCPSHIM_OUTPUT=kept
	[[ $(head -n 1 kept) == "what was there" && $(stat -c %a kept) == 640 ]] || fail "$(ls -l kept)" "$(head -n 3 kept)"
	trace_has kept = 2 '^write\([0-9]+, " k a n g'
}

@test "OUTPUT: never through a symbolic link" {
	echo "mine" >target
	ln -s target link
	run_exchange TCPSHIM_OUTPUT=link
	[[ $(cat target) == mine ]] || fail "written through the link:" "$(cat target)"
	(($(wc -l <errors) >= 1)) || fail "nothing was said"
	grep -q 'link' errors || fail "$(cat errors)"
}

@test "OUTPUT: %p is the process id, %n the program's name" {
	run_exchange TCPSHIM_OUTPUT=trace-%n-%p.txt fork
	local files=(trace-exchange-*.txt)
	((${#files[@]} == 2)) || fail "${files[*]}"
	local file
	for file in "${files[@]}"; do
		[[ $file =~ ^trace-exchange-[0-9]+\.txt$ ]]
		trace_has "$file" = 1 '^write\([0-9]+, " k a n g'
		[[ $(stat -c %a "$file") == 600 ]]
	done
	no_errors
}

@test "OUTPUT=fd:N" {
	shim TCPSHIM_TIME=none TCPSHIM_OUTPUT=fd:9 "$program" >output 2>errors 9>trace
	fds_show tcp
	no_errors
	[[ $(cat output) == "done" ]]
}

@test "OUTPUT: a relative path is meant from where the program starts" {
	mkdir elsewhere
	cat >moves.py <<-'END'
		import os, socket
		os.chdir("elsewhere")
		a = socket.create_server(("127.0.0.1", 0))
		b = socket.create_connection(a.getsockname())
		if os.fork() == 0:
		    b.send(b"child")
		    os._exit(0)
		os.wait()
	END
	need python3
	shim TCPSHIM_TIME=none TCPSHIM_OUTPUT=trace.%p "$(python3 -c 'import sys; print(sys.executable)')" moves.py
	local files=(trace.*)
	((${#files[@]} == 2)) || fail "$(ls . elsewhere)"
	grep -q ' c h i l d' trace.*
}

@test "OUTPUT that cannot be opened: said once, and the trace goes to standard error" {
	local output
	for output in /nonexistent/trace "$PWD" fd:55 fd:x fd:; do
		run_exchange TCPSHIM_OUTPUT="$output"
		(($(grep -c '^tcpshim: ' errors) == 1)) || fail "$output: not one line:" "$(head -n 5 errors)"
		grep -v '^tcpshim: ' errors >trace
		fds_show tcp
		grep -E '^[0-9]+:' trace | nothing "prefixes of several processes:"
		grep -q "TCPSHIM_OUTPUT.*$output" errors || fail "$(cat errors)"
	done
}

# --- TCPSHIM_TIME -----------------------------------------------------------------------------------------------

@test "TIME=base is the default: the base line, and each line stamped" {
	shim TCPSHIM_OUTPUT=trace "$program" >output
	local first
	first=$(head -n 1 trace)
	local form='^Base time stamp:  ([0-9]{10})\.[0-9]{4}  \[ ([A-Z][a-z]{2} [A-Z][a-z]{2} [ 1-3][0-9] [0-9:]{8} UTC [0-9]{4}) \]$'
	[[ $first =~ $form ]] || fail "$first"
	# Both are the same moment, and that is now.
	[[ $(LC_ALL=C date -u -d "@${BASH_REMATCH[1]}" '+%a %b %e %H:%M:%S UTC %Y') == "${BASH_REMATCH[2]}" ]] || fail "$first"
	((BASH_REMATCH[1] <= $(date +%s) && BASH_REMATCH[1] > $(date +%s) - 60))
	[[ $(grep -c '^Base' trace) == 1 ]]
	tail -n +2 trace | grep -Ev $'^( [0-9]|[0-9]{2,})\\.[0-9]{4}\t[a-z_0-9]+\\(|^\t' | nothing "a line without its stamp"
	# The stamps grow.
	tail -n +2 trace | grep -v $'^\t' | cut -f 1 >stamps
	sort -c -n stamps
}

@test "TIME: delta, elapsed and their order" {
	local stamp='( [0-9]|[0-9]{2,})\.[0-9]{4}'
	run_exchange TCPSHIM_TIME=delta
	grep -v $'^\t' trace | grep -Ev "^$stamp"$'\t[a-z_0-9]+\\(' | nothing "unexpected:"
	run_exchange TCPSHIM_TIME=elapsed,delta poll
	grep -v $'^\t' trace | grep -v sleeping | grep -Ev "^$stamp"$'\t'"$stamp"$'\t[a-z_0-9]+\\(' | nothing "unexpected:"
	# The wait of 1.2 s is in its own elapsed time, which is the second column, and in its delta.
	grep -Eq $'^ 1\\.[2-4][0-9]{3}\t 1\\.[2-4][0-9]{3}\tpoll' trace || fail "$(grep poll trace)"
	# The announcement has no stamp.
	grep -Eq $'^poll\\(.*\\(sleeping\\.\\.\\.\\)$' trace || fail "$(grep poll trace)"
	run_exchange TCPSHIM_TIME=base,delta,elapsed
	grep -v $'^\t' trace | grep -v '^Base' | grep -Ev "^($stamp"$'\t){3}[a-z_0-9]+\\(' | nothing "unexpected:"
	no_errors
}

@test "TIME=utc is RFC 3339 with microseconds" {
	run_exchange TCPSHIM_TIME=utc
	grep -v $'^\t' trace | grep -Ev $'^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z\t[a-z_0-9]+\\(' | nothing "unexpected:"
	[[ $(cut -c 1-13 trace | head -n 1) == "$(date -u +%Y-%m-%dT%H)" ]] || fail "$(head -n 1 trace)"
	no_errors
}

@test "TIME=none: no base line, no stamps; the result is at column 48" {
	run_exchange TCPSHIM_TIME=none
	grep '^Base' trace | nothing "unexpected:"
	grep -v $'^\t' trace | grep -Ev '^[a-z_0-9]+\(' | nothing "unexpected:"
	# As a terminal shows it, with tab stops of 8.
	expand trace | grep -Ev '^( |_exit)' | grep -Ev '^.{47} (= |Err#)|^.{48,} (= |Err#)' | nothing "a result elsewhere"
	no_errors
}

# --- TCPSHIM_DATA -----------------------------------------------------------------------------------------------

@test "DATA=12 is the default" {
	run_exchange
	trace_has trace = 1 $'^write\\([0-9]+, " k a n g   t o   k o d o"\\.\\., 40\\)[\t ]+= 40$'
	trace_has trace = 1 $'^read\\([0-9]+, " k a n g   t o   k o d o"\\.\\., 64\\)[\t ]+= 40$'
	[[ $(grep -c '^  ' trace) == 0 ]]
}

@test "DATA=0 shows pointers only" {
	run_exchange TCPSHIM_DATA=0
	trace_has trace = 1 $'^write\\([0-9]+, 0x[0-9A-F]{8,}, 40\\)[\t ]+= 40$'
	trace_has trace = 1 $'^read\\([0-9]+, 0x[0-9A-F]{8,}, 64\\)[\t ]+= 40$'
	trace_has trace = 0 'k a n g'
	no_errors
}

@test "DATA=N and DATA=all: rows of 32 bytes below" {
	run_exchange TCPSHIM_DATA=5
	trace_has trace = 1 '^write\([0-9]+, " k a n g  "\.\., 40\)'
	run_exchange TCPSHIM_DATA=20
	trace_has trace = 1 '^write\([0-9]+, " k a n g   t o   k o d o"\.\., 40\)'
	trace_has trace = 2 '^   s :   a r e'
	local value
	for value in 64 all; do
		run_exchange TCPSHIM_DATA=$value
		trace_has trace = 1 '^write\([0-9]+, " k a n g   t o   k o d o"\.\., 40\)'
		trace_has trace = 2 '^   s :   a r e   y o u   t h e r e \?   4 0   i n   a l l \.$'
		trace_is_whole trace
	done
	no_errors
}

@test "DATA: a row holds 32 bytes" {
	need python3
	cat >long.py <<-'END'
		import socket
		a = socket.create_server(("127.0.0.1", 0))
		b = socket.create_connection(a.getsockname())
		b.send(bytes(range(256)))
	END
	shim TCPSHIM_TIME=none TCPSHIM_OUTPUT=trace TCPSHIM_DATA=all TCPSHIM_TRACE=send \
		"$(python3 -c 'import sys; print(sys.executable)')" long.py
	head -n 1 trace | grep -qF '"\001020304050607\b\t\n\v".., 256' || fail "$(head -n 1 trace)"
	# 256 bytes less the 12 in the line: 7 full rows and 20 bytes.
	[[ $(grep -c '^  ' trace) == 8 ]] || fail "$(cat trace)"
	grep '^  ' trace | head -n 7 | while IFS= read -r row; do
		((${#row} == 2 + 64)) || fail "a row of ${#row} columns: $row"
	done
	grep '^  ' trace | LC_ALL=C grep '[^ -~]' | nothing "raw bytes:"
}

# --- TCPSHIM_NOTES and TCPSHIM_SLEEPING -------------------------------------------------------------------------

@test "NOTES: on, off, and by severity" {
	run_exchange reset
	trace_has trace '>=' 1 $'^\t- '
	trace_has trace = 1 $'^\t! .*\\[closed-with-unread-data\\]$'
	trace_has trace '>=' 1 $'^\t!! .*\\[reset-by-peer\\]$'
	trace_is_whole trace
	cp trace on
	local value
	for value in on info; do
		run_exchange TCPSHIM_NOTES=$value reset
		[[ $(grep -c $'^\t' trace) == "$(grep -c $'^\t' on)" ]]
	done
	run_exchange TCPSHIM_NOTES=warn reset
	trace_has trace = 0 $'^\t- '
	trace_has trace = 1 $'^\t! '
	trace_has trace '>=' 1 $'^\t!! '
	run_exchange TCPSHIM_NOTES=error reset
	trace_has trace = 0 $'^\t(-|!) '
	trace_has trace '>=' 1 $'^\t!! '
	run_exchange TCPSHIM_NOTES=off reset
	trace_has trace = 0 $'^\t'
	no_errors
}

@test "SLEEPING: on and off" {
	run_exchange block poll
	trace_has trace = 1 $'^read\\([0-9]+, 0x[0-9A-F]+, 1\\)\t+\\(sleeping\\.\\.\\.\\)$'
	trace_has trace = 1 $'^poll\\(\\[[0-9]+:POLLIN\\], 1, 1200\\)\t\\(sleeping\\.\\.\\.\\)$'
	trace_has trace = 2 'sleeping'
	run_exchange TCPSHIM_SLEEPING=off block poll
	trace_has trace = 0 'sleeping'
	trace_has trace = 1 $'^read\\([0-9]+, 0x[0-9A-F]+, 1\\)[\t ]+Err#11 EAGAIN$'
	trace_has trace = 1 $'^poll\\(\\[[0-9]+:POLLIN\\], 1, 1200\\)[\t ]+= 0$'
	no_errors
}

# --- Mistakes ---------------------------------------------------------------------------------------------------

@test "a bad value: one line that says what, and the program runs" {
	local setting name value
	for setting in TRACE=wriet TRACE=%date 'TRACE=write,!poll,nonsense' FDS=udp TIME=sideways TIME=base,often \
		DATA=many DATA=-1 DATA=99999999999999999999 DATA=12x NOTES=loud SLEEPING=maybe OUTPUT=fd:x; do
		name=${setting%%=*}
		value=${setting#*=}
		run_exchange "TCPSHIM_$setting"
		[[ $name == OUTPUT ]] || mv errors said
		[[ $name != OUTPUT ]] || grep '^tcpshim: ' errors >said || true
		(($(wc -l <said) == 1)) || fail "$setting: not one line:" "$(cat said)"
		grep -qF "TCPSHIM_$name" said && grep -qF -- "\"$value\"" said || fail "$setting: $(cat said)"
		grep -Eq "for example TCPSHIM_$name=[^ ]+" said || fail "$setting: no example: $(cat said)"
		# The other settings apply, and the default replaces the bad value.
		[[ $name == OUTPUT ]] || fds_show tcp
	done
}

@test "the example of each line is a good value" {
	local setting example
	for setting in TRACE=x FDS=x TIME=x DATA=x NOTES=x SLEEPING=x; do
		run_exchange "TCPSHIM_$setting"
		example=$(sed -nE 's/.*for example (TCPSHIM_[A-Z]+=[^ ]*)\..*/\1/p' errors)
		[[ -n $example ]] || fail "$(cat errors)"
		run_exchange "$example"
		no_errors
	done
}

@test "an unknown name is answered with the nearest known one" {
	local name
	for name in TRACES:TRACE TARCE:TRACE OUPUT:OUTPUT DATUM:DATA NOTE:NOTES SLEEP:SLEEPING PROGRAM:PROGRAMS FD:FDS TIMES:TIME; do
		run_exchange "TCPSHIM_${name%:*}=all"
		(($(wc -l <errors) == 1)) || fail "not one line:" "$(cat errors)"
		grep -q "TCPSHIM_${name%:*}[^A-Z].*TCPSHIM_${name#*:}[^A-Z]" errors || fail "$name: $(cat errors)"
		fds_show tcp
	done
}

@test "an empty value is no value" {
	run_exchange TCPSHIM_TRACE= TCPSHIM_FDS= TCPSHIM_DATA= TCPSHIM_NOTES= TCPSHIM_SLEEPING= TCPSHIM_PROGRAMS=
	fds_show tcp no-stdio
	no_errors
}

@test "control characters in a value do not reach the terminal" {
	run_exchange TCPSHIM_TIME=$'\e[31mred\nline'
	(($(wc -l <errors) == 1)) || fail "$(cat errors)"
	LC_ALL=C grep $'\e' errors | nothing "unexpected:"
}

# --- Prefixes and colour ----------------------------------------------------------------------------------------

@test "one process, one thread: no prefix" {
	run_exchange
	grep -v $'^\t' trace | grep -Ev '^[a-z_0-9]+\(' | nothing "unexpected:"
}

@test "several threads: /N before each line from then on" {
	run_exchange thread
	grep -Eq $'^/2:\t(write|read)\\(' trace || fail "$(cat trace)"
	grep -E $'^[0-9]+' trace | nothing "unexpected:"
	sed -n '/^\/2:/,$p' trace | grep -v $'^\t' | grep -Ev $'^/[12]:\t[a-z_0-9]+\\(' | nothing "$(cat trace)"
}

@test "several processes: the process id before each line from then on" {
	run_exchange fork reset
	grep -Eq $'^[0-9]+:\t(write|read)\\(' trace || fail "$(cat trace)"
	grep -E '^/' trace | nothing "threads:"
	sed -nE '/^[0-9]+:\t/,$p' trace | grep -v $'^\t' | grep -Ev $'^[0-9]+:\t[a-z_0-9]+\\(' |
		nothing "without its process:"
}

@test "a forked child has one thread again" {
	run_exchange thread fork
	grep -E '^[0-9]+/' trace | nothing "threads of a process that has one:"
}

@test "several threads in several processes: PID/N" {
	run_exchange fork thread reset
	grep -Eq $'^[0-9]+/1:\tread\\(' trace || fail "$(cat trace)"
	grep -Eq $'^[0-9]+/2:\tread\\(' trace || fail "$(cat trace)"
	trace_is_whole trace
}

@test "colour only on a terminal, and not with NO_COLOR" {
	need script
	local command="env LD_PRELOAD=$library TCPSHIM_TIME=none $program reset"
	timeout 30 script -qec "$command" /dev/null </dev/null >typed
	grep -q $'\e\\[' typed || fail "no colour on a terminal:" "$(cat typed)"
	timeout 30 script -qec "env NO_COLOR=1 $command" /dev/null </dev/null >typed
	grep $'\e\\[' typed | nothing "colour with NO_COLOR"
	grep -q 'reset-by-peer' typed
	shim TCPSHIM_TIME=none "$program" reset >output 2>trace
	grep $'\e\\[' trace | nothing "colour in a file"
	timeout 30 script -qec "env LD_PRELOAD=$library TCPSHIM_OUTPUT=$PWD/trace2 $program reset" /dev/null </dev/null >typed
	grep $'\e\\[' trace2 | nothing "colour in a file while on a terminal"
}
