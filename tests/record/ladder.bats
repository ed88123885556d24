#!/usr/bin/env bats
#
# tcpshim report --ladder on recordings of real programs: the four scenarios of tests/puzzlers, from one end and from both,
# and ordinary ones.  tests/unit/test_ladder.c has the rows.

# shellcheck disable=SC2154,SC2016	# set in common.bash; scripts for other shells are quoted

load ../common

tcpshim=$build/tcpshim
plays='1-nc.openbsd 2-nc.openbsd 3-nc.openbsd 4-dnc'

setup_file() {
	local play
	# shellcheck source-path=SCRIPTDIR source=../puzzlers/world.bash disable=SC1091
	source "$BATS_TEST_DIRNAME/../puzzlers/world.bash"
	world_probe
	export world_kind
	[[ $world_kind != loopback ]] || return 0
	for play in $plays; do
		RECORD=1 setpriv --pdeathsig KILL "$BATS_TEST_DIRNAME/../puzzlers/play" "${play%%-*}" "${play#*-}" \
			"$BATS_FILE_TMPDIR/$play" >"$BATS_FILE_TMPDIR/$play.log" 2>&1 3>&- &
	done
	wait
}

setup() {
	common_setup
	mkdir recordings
	export LC_ALL=C.UTF-8
	unset COLUMNS
	python=$(python3 -c 'import sys; print(sys.executable)') # python3 may be a script, which runs other programs
}

# ladder ARG...: draws what the arguments name into shown, and checks its width.
ladder() {
	timeout -k 5 20 "$tcpshim" report --ladder "$@" >shown 2>said || fail "status $?" "$(cat said)"
	[[ ! -s said ]] || fail "it says:" "$(cat said)"
	is_drawn "${COLUMNS:-80}"
}

# is_drawn WIDTH: no line is wider, nothing is there that a terminal would obey or that is not one column wide.
is_drawn() {
	python3 - "$1" <<-'END' || fail "$(cat shown)"
		import sys, unicodedata
		width = max(80, int(sys.argv[1]))
		for line in open('shown', encoding='utf-8').read().splitlines():
		    if len(line) > width:
		        sys.exit(f'{len(line)} columns: {line}')
		    for c in line:
		        if unicodedata.category(c)[0] in 'CM' or unicodedata.east_asian_width(c) in 'WF':
		            sys.exit(f'U+{ord(c):04X}: {line}')
	END
}

# has PATTERN...: each matches a line of what is drawn, and the lines come in this order.
has() {
	local pattern line=0 found
	for pattern in "$@"; do
		found=$(tail -n +$((line + 1)) shown | grep -nE -m 1 -- "$pattern" | cut -d: -f1)
		[[ -n $found ]] || fail "no line like this, or not after the one before: $pattern" "$(cat shown)" || return 1
		((line += found))
	done
}

has_not() {
	! grep -nE -- "$1" shown || fail "it has: $1" "$(cat shown)"
}

# played PLAY: its recordings are here, by side.
played() {
	[[ $world_kind != loopback ]] || skip "network namespaces are not allowed here"
	play=$BATS_FILE_TMPDIR/$1
	compgen -G "$play/kang.*.tcpshim" >kang || fail "no recording" "$(cat "$play.log")"
	compgen -G "$play/kodos.*.tcpshim" >kodos || fail "no recording" "$(cat "$play.log")"
	kang=$(<kang)
	kodos=$(<kodos)
}

stamp='^ *[0-9]+\.[0-9]{4}'

@test "ladder: 1 graceful exit: FIN arrives, FIN is sent, nothing is lost" {
	played 1-nc.openbsd
	ladder "$kang"
	has "nc\.openbsd, client  +peer, not recorded" '10\.88\.88\.139:[0-9]+ +10\.88\.88\.140:8080' \
		"$stamp +connect EINPROGRESS ·─+ SYN ╌+▷┊" 'SYN_SENT ╎' "$stamp .*◄─+ SYN, ACK ╌+┊" 'ESTABLISHED │' \
		"$stamp +write = 22 │─+ 22 bytes \"kodos, are y\"\.\. ╌+▷┊" '~ [0-9.]+ s nothing ~' \
		'◄─+ FIN ╌+┊' 'CLOSE_WAIT ┃' '\[peer-fin\]' "$stamp +close .─+ FIN ╌+▷┊"
	has_not '✗ *┊|RST|lost:'
	ladder "$kang" "$kodos"
	has "nc\.openbsd, client  +nc\.openbsd, server" 'accept4 = [0-9]+' '22 bytes .*(►│ read = 22|╮)' 'recording ends' \
		'◄─+ FIN ╌+┊' 'close .─+ FIN ╌+▷┊'
	has_not '✗ *┊|RST|lost:'
}

@test "ladder: 2 power cycle: the second line is lost, and RST arrives" {
	played 2-nc.openbsd
	ladder "$kang"
	has '"kodos, are y"\.\. ╌+▷┊' '~ [6-9]\.[0-9] s nothing ~' '"kodos, anybo"\.\. ╌+✗┊' \
		'!! 22 bytes lost: bytes 22 to 43\.' '\[peer-silent\]' '◄─+ RST ╌+┊' 'CLOSE ·' '\[reset-peer-forgot\]' "$stamp +close ·"
	has_not 'FIN'
	ladder "$kang" "$kodos"
	has '22 bytes .*(►│ read = 22|╮)' 'recording ends' 's nothing' '22 bytes .*✗┊' 'bytes 22 to 43' '◄─+ RST ╌+┊'
}

@test "ladder: 3 power off: lost, and no answer at all" {
	played 3-nc.openbsd
	ladder "$kang"
	has '"kodos, anybo"\.\. ╌+✗┊' 'bytes 22 to 43' '\[retransmitting\]' '~ [4-9]\.[0-9] s nothing' 'CLOSE ·' '\[timed-out-data\]'
	has_not 'RST|FIN ╌'
	ladder "$kang" "$kodos"
	has '22 bytes .*(►│ read = 22|╮)' '22 bytes .*✗┊' 'bytes 22 to 43' '\[timed-out-data\]'
}

@test "ladder: 4 nothing failed: FIN, a silence in CLOSE_WAIT, lost bytes, RST, EPIPE" {
	played 4-dnc
	ladder "$kang"
	has 'dnc, client' "$stamp +connect\.\.\. ·─+ SYN" "$stamp +connect = 0 ╎◄─+ SYN, ACK" '◄─+ FIN ╌+┊' 'CLOSE_WAIT ┃' \
		'\[half-open\]' '~ [6-9]\.[0-9] s nothing' 'write = 22 ┃─+ 22 bytes "kodos, anybo".. ╌+✗┊' \
		'bytes 22 to 43' '◄─+ RST ╌+┊' 'write EPIPE ·' '\[broken-pipe-dead\]' '_exit\(1\)'
	ladder "$kang" "$kodos"
	has 'dnc, client  +nc\.openbsd, server' 'accept4 = [0-9]+' '22 bytes .*(►│ read = 22|╮)' 'recording ends' '◄─+ FIN ╌+┊' \
		'┃.* 22 bytes .*✗┊' 'bytes 22 to 43' 'RST'
	# The number of one end chooses the connection, not the end.
	cp shown both
	ladder --conn=2 "$kodos" "$kang"
	diff both shown || fail "--conn=2 differs"
}

# README FIRST: prints the block of the README that begins with this line, normalised.
readme_block() {
	sed -n "/^\$ $1/,/^\`\`\`\$/p" "$repository/README.md" | sed '1d;$d' | normalised
}

normalised() {
	sed -E 's/^Base time stamp: .*/Base/; s/[0-9-]+T[0-9:.]+Z/TIME/g; s/^ *[0-9]+\.[0-9]{4}/ N.NNNN/; s/~+ [0-9.]+ s nothing ~+/~ N s nothing ~/
		s/\[[0-9]+\]: [0-9.]+ s/[N]: N s/; s/[0-9]+\.[0-9]|[0-9]+ min/N/g; s/ +$//' | tr -s ' \n' ' '
}

@test "ladder: the README's ladder and diagnosis are those of scenario 2" {
	played 2-nc.openbsd
	ladder --notes=off "$kang"
	readme_block 'tcpshim report --ladder' >wanted
	normalised <shown >got
	(($(wc -w <wanted) > 100)) || fail "no ladder in the README"
	diff wanted got || fail "the README differs from:" "$(cat shown)"
	timeout -k 5 20 "$tcpshim" diagnose --top=1 "$kang" >shown
	readme_block 'tcpshim diagnose' | sed 's/[0-9]*s,[0-9]*s,3/N,N,3/' >wanted
	normalised <shown | sed 's/[0-9]*s,[0-9]*s,3/N,N,3/' >got
	(($(wc -w <wanted) > 50)) || fail "no diagnosis in the README"
	diff wanted got || fail "the README differs from:" "$(cat shown)"
}

@test "ladder: as wide as COLUMNS says, and ASCII without UTF-8" {
	played 4-dnc
	for COLUMNS in 40 80 100 140 1000; do
		export COLUMNS
		ladder "$kang" "$kodos"
		ladder "$kang"
	done
	grep -q '.\{141\}' shown || fail "not wide"
	unset COLUMNS
	for LC_ALL in C POSIX; do
		export LC_ALL
		timeout -k 5 20 "$tcpshim" report --ladder "$kang" "$kodos" >shown
		LC_ALL=C grep -n '[^ -~]' shown | nothing "not ASCII:"
		has ' connect\.\.\. \.-+ SYN - [ -]+>\.' 'CLOSE_WAIT #' '22 bytes .*X:' '<-+ RST [ -]+:'
	done
	export LC_ALL=C.UTF-8
	timeout -k 5 20 "$tcpshim" report --ladder --color=always "$kang" >shown
	grep -qP '^\s+\x1b\[[0-9;]+m!! .*\x1b\[0m +┊$' shown || fail "no colours" "$(cat shown)"
}

# talk CODE: runs python with a connection between a = client and b = server, recorded into recordings/.
talk() {
	printf '%s\n' 'import socket, sys, time' 'l = socket.create_server(("127.0.0.1", 0))' \
		'a = socket.create_connection(l.getsockname())' 'b, _ = l.accept()' "$1" >talk.py
	rm -f recordings/*
	shim TCPSHIM_RECORD=recordings/ "$python" talk.py
}

@test "ladder: both ends in one process; every byte of a healthy connection arrives" {
	talk $'a.send(b"question"); b.recv(100); b.send(b"answer"); a.recv(3); a.recv(100); a.close(); b.recv(100); b.close()'
	ladder --notes=off recordings
	has 'python[0-9.]*, client  +python[0-9.]*, server' 'send = 8 │.* 8 bytes' '6 bytes "answer".*│ send = 6' \
		'recv = 3 │◄── 3 more bytes' 'close │─+ FIN' '◁╌+ FIN ─+┃ close'
	(($(grep -c 'recv = ' shown) >= 4 || $(grep -c '►│ recv\|◄.*send' shown) > 0)) || fail "$(cat shown)"
	has_not '✗ *│|lost:|not read'
	talk $'a.send(b"question"); b.recv(3); a.send(b"more"); time.sleep(0.1); b.close(); time.sleep(0.1); a.close()'
	ladder --notes=off recordings
	has '8 bytes' '5 bytes lost: bytes 3 to 7' '4 bytes .*✗' '4 bytes lost: bytes 8 to 11' 'RST ─+│ close'
}

@test "ladder: a thousand calls are a few lines, and what is not kept is told" {
	talk $'for i in range(500): a.send(b"ping"); b.recv(100); b.send(b"pong"); a.recv(100)'
	ladder --conn=2 recordings
	has '"ping"' '"pong"' '\.\.\. These [48] calls again, [0-9]+ times' 'left to right [0-9]+ bytes, right to'
	(($(wc -l <shown) < 50)) || fail "$(wc -l <shown) lines"
	talk $'for i in range(3000): a.send(b"ping"); b.recv(100); b.send(b"pong"); a.recv(100)'
	ladder --conn=2 recordings
	has '2[0-9]{3} calls on the left not kept'
	has '2[0-9]{3} calls on the right not kept'
	(($(wc -l <shown) < 60)) || fail "$(wc -l <shown) lines"
	talk $'b.setblocking(False)\nfor i in range(1000):\n try: b.recv(1)\n except BlockingIOError: pass'
	ladder --conn=3 recordings
	has 'recv EAGAIN x 1000'
}

@test "ladder: curl and nginx, with a reused connection and with TLS" {
	need curl nginx openssl
	local port tls
	port=$(free_port)
	tls=$(free_port)
	mkdir www
	printf 'a page\n' >www/page
	openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost 2>openssl.log
	{
		echo 'daemon off; master_process off; pid nginx.pid; error_log nginx.log; events {}'
		nginx_http "$PWD" "$port" "$tls"
	} >nginx.conf
	start_shim TCPSHIM_RECORD="$PWD/server.%p.tcpshim" nginx -p "$PWD" -c "$PWD/nginx.conf" >nginx.out 2>&1
	await 30 listening "$port"
	shim TCPSHIM_RECORD="$PWD/client.%p.tcpshim" curl -s "http://127.0.0.1:$port/page" "http://127.0.0.1:$port/page" >got
	[[ $(cat got) == $'a page\na page' ]]
	ladder client.*.tcpshim
	has 'curl, client' '[0-9]+ bytes "GET /page HT"\.\. ╌+▷' '[0-9]+ bytes "HTTP/1.1 200".. ╌+┊' '"GET /page HT"' '"HTTP/1.1 200"' \
		'close │─+ FIN ╌+▷'
	shim TCPSHIM_RECORD="$PWD/secure.%p.tcpshim" curl -sk "https://127.0.0.1:$tls/page" >got
	[[ $(cat got) == 'a page' ]]
	stop "$last" || true
	ladder client.*.tcpshim server.*.tcpshim
	has 'curl, client  +nginx, server' 'accept4? = ' '[0-9]+ bytes "GET' '[0-9]+ bytes "HTT' 'close .─+ FIN'
	has_not 'lost:'
	ladder secure.*.tcpshim server.*.tcpshim
	has 'curl, client  +nginx, server' '(read|recv) = 1 \(peek\)|(read|recv) = [0-9]+' 'FIN'
	has_not 'lost:'
}

@test "ladder: nothing that a program sends or is called obeys the reader" {
	local name=$'n\e[31m\xe4\xb8\xad\xe2\x80\xae\xcc\x88'
	ln -s "$python" "$name"
	talk $'a.send(b"\\x1b[2J\\x00\\xe2\\x80\\xae" + "\u4e2d\u0308".encode() + b"\\x9b"); b.recv(100); b.send(b"\\r\\n\\t\\x7f\\"q\\""); a.recv(100)'
	ladder recordings
	has '13 bytes "\.\[2J|bytes "\.\[2J' '"\.\.\.\."q""'
	rm -f recordings/*
	cp "$(command -v sleep)" ignored
	shim TCPSHIM_RECORD=recordings/ bash -c 'exec -a "$1" "$2" talk.py' bash "$name" "$PWD/$name"
	ladder recordings
	has 'client'
}

# refuses TEXT ARG...: exit status 2, and one line that has the text.
refuses() {
	local text=$1 status=0
	shift
	timeout -k 5 20 "$tcpshim" report "$@" >shown 2>said || status=$?
	((status == 2)) || fail "status $status"
	[[ ! -s shown && $(wc -l <said) == 1 ]] || fail "$(cat said shown)"
	grep -qF -- "$text" said || fail "$(cat said)"
}

@test "ladder: what it does not go with, and too many" {
	talk $'for i in range(60):\n x = socket.create_connection(l.getsockname()); y, _ = l.accept(); x.close(); y.close()'
	refuses '--ladder is drawn as text' --ladder --json recordings
	refuses '--ladder is a report of its own' --ladder --connections recordings
	refuses '--ladder is a report of its own' --summary --ladder recordings
	refuses '--ladder is a report of its own' --ladder --follow recordings
	ladder recordings
	(($(grep -c '^Connection [0-9]* of ' shown) == 2 * 61)) || fail "$(grep -c ^Connection shown) ends"
	talk $'for i in range(101):\n x = socket.create_connection(l.getsockname()); y, _ = l.accept(); x.close(); y.close()'
	refuses '102 connections are too many for ladders, 100 at most: choose with --conn=N' --ladder recordings
	ladder --conn=20 recordings
	(($(grep -c '^Connection [0-9]* of ' shown) == 2)) || fail "$(cat shown)"
	timeout -k 5 20 "$tcpshim" report --ladder --conn=999 recordings >shown 2>said
	[[ ! -s shown ]]
	grep -q 'no connection to draw' said || fail "$(cat said)"
}

@test "ladder: ends in silence when its reader does" {
	talk $'for i in range(60):\n x = socket.create_connection(l.getsockname()); y, _ = l.accept(); x.close(); y.close()'
	timeout -k 5 20 bash -c 'set -o pipefail; "$1" report --ladder recordings 2>said | head -n 1 >shown' bash "$tcpshim" || true
	[[ -s shown && ! -s said ]] || fail "$(cat said)"
}

# Shown: if pictures_read leaves out merge_next_current, a recording without text has no such row.
@test "ladder: the call that a killed program was in, and its note" {
	cat >hang.py <<-'END'
		import os, signal, socket, threading
		listener = socket.create_server(("127.0.0.1", 0))
		client = socket.create_connection(listener.getsockname())
		server, _ = listener.accept()
		threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGKILL)).start()
		client.recv(10)
	END
	shim TCPSHIM_RECORD=recordings/ timeout -k 5 20 "$python" hang.py && fail "it was not killed"
	ladder --conn=2 recordings
	has 'recv \(sleeping\.\.\.\) │' '\[no-failure-detection\]' 'recording ends'
}
