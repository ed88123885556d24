#!/usr/bin/env bats
#
# The tables of connections fit into a terminal, and --columns and --sort choose what they show.

# A report is never of the file that it is written to (SC2094); one test's variables are not another's (SC2030, SC2031).
# shellcheck disable=SC2154,SC2030,SC2031,SC2094

load ../common

setup() {
	common_setup
	unset COLUMNS LINES
	tcpshim=$build/tcpshim
	mkdir recordings
	cat >many.py <<-'END'
		# many.py [wait]: connections that differ in bytes, addresses and ends
		import socket, sys, time
		def pair(host):
		    family = socket.AF_INET6 if ":" in host else socket.AF_INET
		    listener = socket.socket(family)
		    listener.bind((host, 0))
		    listener.listen()
		    client = socket.create_connection(listener.getsockname()[:2])
		    server = listener.accept()[0]
		    listener.close()
		    return client, server
		kept = []
		for number, host in enumerate(["127.0.0.1", "::1", "127.0.0.1", "::1", "127.0.0.2"]):
		    client, server = pair(host)
		    client.sendall(b"x" * (1 << (3 * number)))
		    time.sleep(0.01)
		    if 0 < number < 3:
		        client.close()
		        server.recv(100000)
		        server.close()
		    elif number == 3:
		        server.close() # with unread bytes: it resets
		    kept += [client, server]
		if "wait" in sys.argv:
		    open("waits", "w").close()
		    time.sleep(60)
	END
}

record() {
	shim TCPSHIM_RECORD="$PWD/recordings" python3 many.py
}

table() {
	"$tcpshim" report --connections "$@" recordings/*
}

# at_width COLUMNS ROWS COMMAND...: runs it in a terminal of this size, and prints what is on it.
at_width() {
	python3 - "$@" <<-'END'
		import fcntl, os, pty, struct, sys, termios
		width, height, *command = sys.argv[1:]
		pid, fd = pty.fork()
		if pid == 0:
		    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", int(height), int(width), 0, 0))
		    os.execvp(command[0], command)
		out = b""
		while True:
		    try:
		        got = os.read(fd, 65536)
		    except OSError:
		        break
		    if not got:
		        break
		    out += got
		os.waitpid(pid, 0)
		sys.stdout.write(out.decode().replace("\r\n", "\n"))
	END
}

# Shown: without layout_fit, rows are longer than the terminal.
@test "report --connections: a row is one line on a terminal, and a wide one has more columns" {
	record
	local width count=0 before=0 all
	all=$(table | wc -l)
	for width in 40 80 120 200 400; do
		at_width $width 24 "$tcpshim" report --connections recordings/* >"rows.$width"
		awk -v width=$width 'length($0) > width' "rows.$width" | nothing "longer than $width:"
		[[ $(wc -l <"rows.$width") == "$all" ]] || fail "$(cat "rows.$width")"
		count=$(head -n 1 "rows.$width" | wc -w)
		((count > before || width == 400)) || fail "no more columns in $width" "$(cat "rows.$width")"
		before=$count
		grep -q '^conn .*peer' "rows.$width"
	done
	grep -q '^conn  fd .* ended .* notes$' rows.80
	# COLUMNS stands for a terminal; without one all columns are there, at their places.
	COLUMNS=80 table | diff rows.80 -
	table >rows
	[[ $(head -n 1 rows) == $(head -n 1 "$repository/tests/record/golden/data.connections") ]]
	# A list of notes that has no room shows the worst, and how many more there are.
	grep -q 'closed-with-unread-data,+[0-9]' rows.80 || fail "$(cat rows.80)"
}

@test "report --columns: these, in this order; JSON has all" {
	record
	table --columns=notes,conn,peer | head -n 1 | grep -qE '^notes +conn +peer$'
	[[ $(table --columns=conn | paste -sd ' ') == "conn "* ]]
	table --columns=pid,closed-first | head -n 1 | grep -qE '^pid +closed first$'
	# What was asked for is not cut.
	COLUMNS=20 table --columns=conn,notes | grep -q 'connected,closed-first$'
	table --json >rows
	table --json --columns=conn | diff rows -
}

@test "report --sort: by several columns, reversed, unknown last; also as JSON" {
	record
	table --columns=sent,conn --sort=-sent,conn | sed 1d >rows
	sort -k1,1nr -k2,2n rows | diff rows -
	table --columns=sent,conn --sort=sent,-conn | sed 1d >rows
	sort -k1,1n -k2,2nr rows | diff rows -
	table --json --sort=-received | jq -es 'map(.received_bytes) as $got | $got == ($got | sort | reverse)' >/dev/null
	# Handshakes are known of clients only.
	table --columns=handshake --sort=handshake | sed 1d | uniq >rows
	[[ $(tail -n 1 rows) == - && $(grep -c '^-' rows) == 1 ]] || fail "$(cat rows)"
	table --columns=handshake --sort=-handshake | sed 1d | uniq >rows
	[[ $(tail -n 1 rows) == - && $(grep -c '^-' rows) == 1 ]] || fail "$(cat rows)"
	# The worst notes first.
	table --columns=notes --sort=-notes | sed -n 2p | grep -q 'reset-by-peer'
	# Without --sort, the order is that of the ends.
	table --columns=conn | diff - <(table | awk '{ print $1 }')
}

# refuses MESSAGE ARGUMENT...
refuses() {
	local message=$1 status=0
	shift
	"$tcpshim" "$@" >out 2>errors || status=$?
	[[ $status == 2 && ! -s out && $(cat errors) == "tcpshim $1: $message" ]] || fail "$status" "$(cat out errors)"
}

@test "names that are none are refused, and the nearest is named" {
	record
	refuses '--columns=peer,pear: there is no column "pear"; did you mean peer?' report --connections --columns=peer,pear recordings/*
	refuses '--sort=-snt: there is no column "snt"; did you mean sent?' report --connections --sort=-snt recordings/*
	refuses '--columns and --sort are for the table of --connections' report --sort=sent recordings/*
	# The help names all of them.
	"$tcpshim" report --help >help
	for name in $(table --json | jq -r 'keys[]' | sed -nE 's/^(role|conn|fd|reads|writes|notes)$/\1/p' | sort -u) closed-first peer; do
		grep -q "$name" help || fail "$name is not in the help"
	done
}

# --- netstat ----------------------------------------------------------------------------------------------------

waiting() {
	start_shim TCPSHIM_RECORD="$PWD/recordings" "$(python3 -c 'import sys; print(sys.executable)')" many.py wait
	await 10 test -e waits
}

@test "netstat: a row is one line on a terminal; --columns and --sort" {
	waiting
	local width
	for width in 50 80 120 200; do
		at_width $width 24 "$tcpshim" netstat "$last" >"rows.$width"
		awk -v width=$width 'length($0) > width' "rows.$width" | nothing "longer than $width:"
		grep -q 'Remote Address .*State' "rows.$width"
	done
	[[ $(sed -n 2p rows.200 | wc -w) -gt $(sed -n 2p rows.80 | wc -w) ]]
	"$tcpshim" netstat "$last" | sed -n 2p |
		grep -qE '^Local Address +Remote Address +Swind +Send-Q +Rwind +Recv-Q +State +fd +age +sent +received +idle +notes$'
	"$tcpshim" netstat --columns=fd,sent --sort=-sent "$last" >rows
	# The calls that threads are in are lines between them: older pythons sleep in one.
	sed '1,2d; /^ *\/[0-9]*: /d' rows >values
	sort -k2,2nr values | diff values -
	[[ $(sed -n 2p rows | xargs) == "fd sent" ]]
	refuses '--sort=idel: there is no column "idel"; did you mean idle?' netstat --sort=idel 1
	refuses '--columns=pear: there is no column "pear"; did you mean peer?' netstat --columns=pear 1
}

# Shown: without netstat_worst the first row is not the dead connection; without the frame's lines the heading scrolls away.
@test "netstat --watch: what fits the terminal, the worst first, and ^C leaves the terminal in order" {
	need tmux
	waiting
	tmux="tmux -S $PWD/tmux"
	$tmux new-session -d -x 80 -y 5 "sh -c 'trap : INT; \"$tcpshim\" netstat --watch=100ms $last; echo status \$?; exec sleep 60'"
	screen() { $tmux capture-pane -p 2>/dev/null; }
	is_shown() { screen | grep -q 'not shown'; }
	await 10 is_shown
	screen >shown
	grep -q "process $last" <(sed -n 1p shown) || fail "$(cat shown)"
	grep -q '^Remote Address' <(sed -n 2p shown) || fail "$(cat shown)"
	grep -q ' gone ' <(sed -n 3p shown) || fail "$(cat shown)"
	[[ $(sed -n 4p shown) == "and 4 more connections, not shown" ]] || fail "$(cat shown)"
	$tmux send-keys C-c
	is_over() { screen | grep -q '^status 0$'; }
	await 10 is_over
	[[ $($tmux display -p '#{cursor_flag} #{alternate_on}') == "1 0" ]]
	screen | grep -q 'not shown'
	$tmux kill-server
}

# Shown: with what an event announces taken for a call that has returned, netstat shows no call.
@test "netstat: the call that a thread is in, also if text is written too; a report has it once" {
	cat >hangs.py <<-'END'
		import socket
		a = socket.create_server(("127.0.0.1", 0)); b = socket.create_connection(a.getsockname()); c = a.accept()[0]
		open("waits", "w").close()
		b.recv(77)
	END
	start_shim TCPSHIM_RECORD="$PWD/recordings" TCPSHIM_OUTPUT="$PWD/text" \
		"$(python3 -c 'import sys; print(sys.executable)')" hangs.py
	is_in_recv() {
		"$tcpshim" netstat "$last" >rows && grep -qE '^    /1: recv\([0-9]+, 0x[0-9A-F]+, 77, 0\)  \(sleeping\.\.\.\)$' rows
	}
	await 10 is_in_recv
	"$tcpshim" report recordings/* >report
	[[ $(grep -c 'recv(.*sleeping' report) == 1 ]]
	cmp text report
}
