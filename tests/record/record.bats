#!/usr/bin/env bats
#
# Recordings: a report shows what would have been written live.  They survive the program's end, a full disk, and a
# directory that is gone.  What is lost is counted and reported.

# A report is of a recording, never of the file that it is written to (SC2094); scripts for other shells are quoted (SC2016).
# shellcheck disable=SC2154,SC2030,SC2031,SC2094,SC2016

load ../common

setup() {
	common_setup
	tcpshim=$build/tcpshim
	mkdir recordings
}

# Settings for both sinks in the same run, with a file for every process.
both=(TCPSHIM_RECORD=recordings TCPSHIM_OUTPUT=text.%p)

# same_as_text COUNT: checks that each recording's report is the text of its process, byte for byte, and that there are at
# least COUNT recordings.
same_as_text() {
	local recording pid count=0
	for recording in recordings/*.tcpshim; do
		pid=$(sed -E 's/.*\.([0-9]+)(-[0-9]+)?\.tcpshim$/\1/' <<<"$recording")
		"$tcpshim" report "$recording" >report 2>errors || fail "report fails: $?" "$(cat errors)"
		[[ ! -s errors ]] || fail "report complains:" "$(cat errors)"
		cmp "text.$pid" report || fail "$recording and text.$pid differ:" "$(diff "text.$pid" report | head -n 20)"
		count=$((count + 1))
	done
	((count >= $1)) || fail "only $count recordings"
}

web_server() {
	mkdir -p www
	seq 20000 >www/numbers
	start python3 -u -m http.server --bind 127.0.0.1 --directory www 0 >server 2>&1
	await 10 grep -q 'port [0-9]' server
	port=$(sed -nE 's/.*port ([0-9]+).*/\1/p' server)
}

@test "record: a report is the live text, byte for byte: nc, curl, a program of many kinds of calls" {
	need nc.openbsd curl
	web_server
	shim "${both[@]}" curl -s "http://127.0.0.1:$port/numbers" >fetched
	cmp fetched www/numbers
	printf 'GET / HTTP/1.0\r\n\r\n' | shim "${both[@]}" nc.openbsd 127.0.0.1 "$port" >/dev/null
	for program in data sockets options wait surface exchange stdio; do
		shim "${both[@]}" "$build/$program" >/dev/null 2>&1 || fail "$program: $?"
	done
	same_as_text 9
}

@test "record: the same with all stamps, all of the payload, several threads and processes" {
	web_server
	cat >client.py <<-'END'
		import os, sys, threading, urllib.request
		def fetch():
		    return len(urllib.request.urlopen("http://127.0.0.1:%s/numbers" % sys.argv[1]).read())
		threads = [threading.Thread(target=fetch) for _ in range(4)]
		[t.start() for t in threads]
		[t.join() for t in threads]
		if os.fork() == 0:
		    fetch()
		    sys.exit(0)
		sys.exit(os.wait()[1])
	END
	shim "${both[@]}" TCPSHIM_TIME=base,delta,elapsed,utc TCPSHIM_DATA=all python3 client.py "$port"
	# The lines are the same, but threads write them in another order than the calls completed.
	local recording pid
	for recording in recordings/*.tcpshim; do
		pid=$(sed -E 's/.*\.([0-9]+)\.tcpshim$/\1/' <<<"$recording")
		"$tcpshim" report --time=base,delta,elapsed,utc --data=all "$recording" >report
		cmp <(sort "text.$pid") <(sort report) ||
			fail "$recording differs" "$(diff <(sort "text.$pid") <(sort report) | head -n 10)"
		cmp "text.$pid" report || echo "# $recording: in another order" >&3
	done
	[[ $(find recordings -name '*.tcpshim' | wc -l) == 2 ]]
}

@test "record: the same for node, redis and nginx, whose processes are many" {
	need node redis-server redis-cli nginx
	web_server
	shim "${both[@]}" node -e "
		require('http').get('http://127.0.0.1:$port/numbers', r => r.resume())"
	start_shim "${both[@]}" redis-server --port 0 --unixsocket "" --bind 127.0.0.1 --port "$(free_port | tee port)" \
		--save '' --daemonize no >redis.log
	local redis=$last
	await 10 redis-cli -p "$(cat port)" ping
	redis-benchmark -q -p "$(cat port)" -n 2000 -c 10 -t set,get >/dev/null
	stop "$redis"
	same_as_text 2
}

@test "record: without text, ordinary reads and writes go the short way and are told as by the long one" {
	shim TCPSHIM_RECORD="$PWD/recordings" "$build/exchange" >/dev/null
	"$tcpshim" report --time=none recordings/* >short
	shim TCPSHIM_OUTPUT=long TCPSHIM_TIME=none TCPSHIM_SLEEPING=off "$build/exchange" >/dev/null
	normal() {
		sed -E 's/127\.0\.0\.1:[0-9]+/ADDRESS/g; s/0x[0-9A-F]+/POINTER/g; s/[0-9.]+ ms/TIME/g; s/\t+/\t/g' "$1"
	}
	diff <(normal short) <(normal long)
}

@test "record: killed at 1000 random moments, every call that returned is there" {
	mkdir killed
	timeout 300 python3 "$repository/tests/record/kill.py" "$library" "$tcpshim" "$build/victim" "$PWD/killed" 700
	timeout 300 python3 "$repository/tests/record/kill.py" "$library" "$tcpshim" "$build/victim" "$PWD/killed" 200 \
		TCPSHIM_TRACE=all TCPSHIM_OUTPUT=/dev/null
	timeout 300 python3 "$repository/tests/record/kill.py" "$library" "$tcpshim" "$build/victim" "$PWD/killed" 100 \
		TCPSHIM_DATA=0
}

@test "record: the call that a killed program was in stands at the end" {
	need nc.openbsd
	start nc.openbsd -l 127.0.0.1 "$(free_port | tee port)" </dev/null
	await 5 listening "$(cat port)"
	cat >wait.py <<-'END'
		import socket, sys
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
		print("connected", flush=True)
		s.recv(1000)
	END
	start_shim TCPSHIM_RECORD="$PWD/recordings" python3 wait.py "$(cat port)" >said
	await 10 grep -q connected said
	is_in_recv() {
		"$tcpshim" report --time=none --notes=off recordings/* | tail -n 1 >live
		grep -q '^recv(' live
	}
	await 10 is_in_recv
	kill -KILL "$last"
	await 5 test ! -e "/proc/$last/fd/0"
	# The last line is about the process itself.
	"$tcpshim" report --time=none --notes=off recordings/* >report
	tail -n 1 report | grep -q "^\*\*\* tcpshim: python3, process [0-9]*, is gone without an exit: .*; open was connection: 1 (127.0.0.1:[0-9]* > 127.0.0.1:$(cat port)) \*\*\*$" ||
		fail "$(cat report)"
	tail -n 2 report | head -n 1 >dead
	grep -qE '^recv\([0-9]+, 0x[0-9A-F]+, 1000, 0\)	+\(sleeping\.\.\.\)$' dead || fail "$(cat dead)"
	cmp live dead
}

@test "record: is followed while it is written, and ends with its program" {
	cat >slow.py <<-'END'
		import socket, time
		a = socket.create_server(("127.0.0.1", 0)); b = socket.create_connection(a.getsockname()); c = a.accept()[0]
		for i in range(20):
		    b.send(b"x" * 10); c.recv(100); time.sleep(0.05)
	END
	start_shim TCPSHIM_RECORD="$PWD/recordings" python3 slow.py
	await 5 compgen -G 'recordings/*'
	timeout 20 "$tcpshim" report --follow --time=none recordings/* >followed
	"$tcpshim" report --time=none recordings/* >after
	# The call that a thread was in is shown at the end only.
	cmp followed after || fail "$(diff followed after)"
	[[ $(grep -c '^send(' after) == 20 ]]
}

@test "record: one that wraps keeps the newest, and says how many were overwritten" {
	shim TCPSHIM_RECORD="$PWD/recordings" TCPSHIM_RECORD_SIZE=256K TCPSHIM_RECORD_FULL=wrap "$build/tests/bench/calls" tcp 20000
	"$tcpshim" report --time=none recordings/* >report 2>errors
	grep -qE 'flight recorder: [0-9]+ older events were overwritten$' errors || fail "$(cat errors)"
	# The end is there, the beginning is not, and connections are known all the same.
	grep '^listen' report | nothing "the beginning:"
	tail -n 1 report | grep -q 'left-open-at-exit\|_exit' || fail "$(tail -n 3 report)"
	"$tcpshim" report --json recordings/* 2>/dev/null | tail -n 100 | head -n 1 | grep -q '"network.peer.port":[0-9]'
	(($(stat -c %s recordings/*) <= 262144))
	# No transfer is counted twice or not at all: 40000, and the calls around them.
	overwritten=$(sed -nE 's/.*: ([0-9]+) older.*/\1/p' errors)
	kept=$("$tcpshim" report --time=none --notes=off recordings/* 2>/dev/null | grep -vc '^_exit')
	((overwritten + kept >= 39900 && overwritten + kept <= 40100)) || fail "$overwritten + $kept"
}

@test "record: one that wraps, with more threads than blocks, counts what finds none" {
	shim TCPSHIM_RECORD="$PWD/recordings" TCPSHIM_RECORD_SIZE=256K TCPSHIM_RECORD_FULL=wrap \
		python3 "$BATS_TEST_DIRNAME/talk.py" 40 200 2>errors
	grep -qE '^tcpshim: [0-9]+ events could not be recorded in .*, because threads were filling all of its blocks\. Use a larger TCPSHIM_RECORD_SIZE\.$' \
		errors || fail "$(cat errors)"
	lost=$(sed -nE 's/^tcpshim: ([0-9]+) events.*/\1/p' errors)
	"$tcpshim" report recordings/* 2>&1 >/dev/null |
		grep -q ": $lost events were lost while it was written: threads were filling every block" || fail "$lost"
}

@test "record: one that is full stops, counts what is lost, and says so at the end" {
	shim TCPSHIM_RECORD="$PWD/recordings" TCPSHIM_RECORD_SIZE=256K "$build/tests/bench/calls" tcp 20000 2>errors
	grep -qE '^tcpshim: [0-9]+ events could not be recorded in .*, which was full\. Use a larger TCPSHIM_RECORD_SIZE, ' errors || fail "$(cat errors)"
	lost=$(sed -nE 's/^tcpshim: ([0-9]+) events.*/\1/p' errors)
	"$tcpshim" report --time=none --notes=off recordings/* >report 2>said
	grep -q "$lost events were lost while it was written: it was full" said || fail "$(cat said)"
	((lost + $(grep -vc "^_exit" report) >= 39900))
}

# in_namespace SCRIPT: runs it as root of a user and mount namespace of its own, with a small file system on small/.
in_namespace() {
	unshare -Urm true 2>/dev/null || {
		[[ ${CI:-} != true ]] || return 1
		skip "no user namespaces here"
	}
	mkdir -p small
	timeout 60 unshare -Urm bash -euc "mount -t tmpfs -o size=$1 none small; $2"
}

@test "record: a full disk stops the recording, not the program" {
	export -f shim
	export limit tcpshim build
	in_namespace 300K '
		shim TCPSHIM_RECORD=small TCPSHIM_RECORD_SIZE=64M "$build/tests/bench/calls" tcp 20000 >out 2>errors
		"$tcpshim" report --time=none small/* >report 2>said
	'
	grep -qE '^[0-9.]+$' out
	grep -qE 'events could not be recorded in .*: ENOSPC$' errors || fail "$(cat errors)"
	grep -qE 'events were lost while it was written: No space' said || fail "$(cat said)"
	(($(grep -c '^write(' report) > 1000))
}

@test "record: a full disk makes one that wraps wrap earlier" {
	export -f shim
	export limit tcpshim build
	in_namespace 300K '
		shim TCPSHIM_RECORD=small TCPSHIM_RECORD_SIZE=64M TCPSHIM_RECORD_FULL=wrap "$build/tests/bench/calls" tcp 20000 >out 2>errors
		"$tcpshim" report --time=none small/* >report 2>said
	'
	[[ ! -s errors ]] || fail "$(cat errors)"
	grep -qE 'older events were overwritten' said
	tail -n 1 report | grep -q 'left-open-at-exit\|_exit'
}

@test "record: a disk that is full from the start, and one that is read-only, cost a line" {
	export -f shim
	export limit tcpshim build
	in_namespace 300K '
		dd if=/dev/zero of=small/fill bs=1K 2>/dev/null || true
		shim TCPSHIM_RECORD=small "$build/exchange" >full.out 2>full
		rm small/fill
		mount -o remount,bind,ro small # the mount: the options that a remount repeats name a user who is not in this namespace
		shim TCPSHIM_RECORD=small "$build/exchange" >ro.out 2>ro
	'
	[[ $(cat full.out ro.out) == $'done\ndone' ]]
	grep -qE '^tcpshim: TCPSHIM_RECORD: cannot create the recording ".*": ENOSPC \(the disk is full\)\. Nothing is recorded\. Use' full || fail "$(cat full)"
	grep -qE '^tcpshim: [0-9]+ events could not be recorded' full || fail "$(cat full)"
	grep -qE '^tcpshim: TCPSHIM_RECORD: cannot create the recording ".*": EROFS' ro || fail "$(cat ro)"
	[[ $(wc -l <ro) == 1 ]]
}

@test "record: a directory that is removed while it is written to is said at the end" {
	cat >remove.py <<-'END'
		import os, shutil, socket
		a = socket.create_server(("127.0.0.1", 0)); b = socket.create_connection(a.getsockname()); c = a.accept()[0]
		shutil.rmtree("recordings")
		for i in range(5000):
		    b.send(b"x" * 10); c.recv(100)
		print("done")
	END
	shim TCPSHIM_RECORD="$PWD/recordings" python3 remove.py >out 2>errors
	[[ $(cat out) == "done" ]]
	grep -qE '^tcpshim: the recording is lost: .* was removed or replaced while it was being written\.$' errors || fail "$(cat errors)"
}

# Shown: if complaint_write (complaint.c) does not block the signal, SIGPIPE ends the program.  If it does not check for
# room, the second program waits forever.
@test "record: standard error without a reader, or full, is no trouble for the program" {
	cat >complain.py <<-'END'
		import os, shutil, signal, socket, subprocess, sys
		if len(sys.argv) > 1:
		    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
		    a = socket.create_server(("127.0.0.1", 0)); b = socket.create_connection(a.getsockname()); c = a.accept()[0]
		    shutil.rmtree(os.environ["TCPSHIM_RECORD"])
		    b.send(b"x" * 10); c.recv(100)
		    sys.exit(5)
		for is_full in False, True:
		    os.makedirs("given", exist_ok=True)
		    read, write = os.pipe()
		    if is_full:
		        os.set_blocking(write, False)
		        try:
		            while True:
		                os.write(write, b"x" * 4096)
		        except BlockingIOError:
		            os.set_blocking(write, True)
		    else:
		        os.close(read)
		    env = dict(os.environ, LD_PRELOAD=os.environ["LIBRARY"], TCPSHIM_RECORD=os.path.abspath("given"))
		    status = subprocess.run([sys.executable, sys.argv[0], "child"], env=env, stderr=write, timeout=30).returncode
		    print(is_full, status)
	END
	LIBRARY=$library timeout 70 python3 complain.py >out
	[[ $(cat out) == $'False 5\nTrue 5' ]] || fail "$(cat out)"
}

@test "record: goes on when the program has given up its user, its root and its directory" {
	need_root
	chmod 755 . recordings
	cat >leave.py <<-'END'
		import os, socket
		a = socket.create_server(("127.0.0.1", 0)); b = socket.create_connection(a.getsockname()); c = a.accept()[0]
		os.makedirs("jail"); os.chroot("jail"); os.chdir("/"); os.setgid(65534); os.setuid(65534)
		for i in range(20000):
		    b.send(b"x" * 10); c.recv(100)
	END
	shim TCPSHIM_RECORD="$PWD/recordings" python3 leave.py
	"$tcpshim" report --time=none recordings/* >report 2>errors
	[[ ! -s errors ]] || fail "$(cat errors)"
	[[ $(grep -c '^recv(' report) == 20000 ]]
}

@test "record: files are the owner's alone to read, hold no payload with DATA=0, and none is left by a program without calls" {
	umask 0
	shim TCPSHIM_RECORD="$PWD/recordings" TCPSHIM_DATA=0 "$build/exchange" >/dev/null
	[[ $(stat -c %a recordings/*) == 400 ]]
	grep -a 'kodos\|kang' recordings/* | nothing "payload:"
	"$tcpshim" report recordings/* | grep '" ' | nothing "payload:"
	rm -f recordings/*
	shim TCPSHIM_RECORD="$PWD/recordings" true
	find recordings -type f | nothing "left behind:"
}

@test "record: what was not used is cut off at exit; until then it is a hole" {
	shim TCPSHIM_RECORD="$PWD/recordings" "$build/exchange" >/dev/null
	(($(stat -c %s recordings/*) <= 131072))
}

@test "record: bad values, each with one line" {
	for value in RECORD=/nonexistent/x RECORD=plainfile RECORD_SIZE=3 RECORD_SIZE=1X RECORD_FULL=maybe STACK=nosuch SUMMARY=perhaps FORMAT=xml; do
		shim "TCPSHIM_$value" TCPSHIM_OUTPUT=/dev/null "$build/exchange" >out 2>errors
		[[ $(cat out) == "done" ]]
		[[ $(wc -l <errors) == 1 ]] || fail "$value:" "$(cat errors)"
		grep -q "^tcpshim: TCPSHIM_${value%%=*}=\"${value#*=}\" is not valid: use .*for example TCPSHIM_${value%%=*}=" errors ||
			fail "$(cat errors)"
	done
	shim TCPSHIM_RECORD=/nonexistent/%p "$build/exchange" >out 2>errors
	grep -qE '^tcpshim: TCPSHIM_RECORD: cannot create the recording "/nonexistent/%p": ENOENT' errors || fail "$(cat errors)"
}

@test "record: several are merged by time, both ends of a connection told apart" {
	need nc.openbsd
	start_shim TCPSHIM_RECORD="$PWD/recordings" nc.openbsd -l 127.0.0.1 "$(free_port | tee port)" >/dev/null
	await 5 listening "$(cat port)"
	echo "kodos, are you there?" | shim TCPSHIM_RECORD="$PWD/recordings" nc.openbsd -N 127.0.0.1 "$(cat port)"
	finish "$last"
	"$tcpshim" report recordings/* >merged
	[[ $(grep -c '^Base time stamp\|^[0-9]*:	Base' merged) == 1 ]]
	# Each line has its process, and times do not go back.
	grep -vE $'^[0-9]+(/[0-9]+)?:\t|^\t' merged | nothing "no process:"
	sed -nE 's,^[0-9/]+:\t *([0-9]+\.[0-9]+)\t.*,\1,p' merged >stamps
	sort -nc stamps
	"$tcpshim" report --connections recordings/* >rows
	[[ $(wc -l <rows) == 4 ]] || fail "$(cat rows)"
	client=$(awk '$4 == "client" { print $5, $6 }' rows)
	server=$(awk '$4 == "server" { print $6, $5 }' rows)
	[[ -n $client && $client == "$server" ]]
}

# Changes fields of the header at their offsets in record.h.
@test "record: those of two machines are merged by their times of day" {
	need nc.openbsd
	start_shim TCPSHIM_RECORD="$PWD/recordings" nc.openbsd -l 127.0.0.1 "$(free_port | tee port)" >/dev/null
	await 5 listening "$(cat port)"
	server=$last
	shim TCPSHIM_RECORD="$PWD/recordings" nc.openbsd -N 127.0.0.1 "$(cat port)" <<<"kodos, are you there?"
	finish "$server"
	"$tcpshim" report recordings/* >merged
	cat >move.py <<-'END'
		import struct, sys
		path, copy, seconds = sys.argv[1:]
		data = bytearray(open(path, "rb").read())
		(offset,) = struct.unpack_from("<q", data, 56)
		struct.pack_into("<q", data, 56, offset + int(seconds) * 10**9)
		data[72:76] = b"zzzz"
		open(copy, "wb").write(data)
	END
	mkdir moved
	cp recordings/* moved
	chmod u+w moved/*
	python3 move.py recordings/*."$server".tcpshim moved/*."$server".tcpshim 0
	"$tcpshim" report moved/* >same
	diff merged same || fail "another boot id, the same time of day"
	python3 move.py recordings/*."$server".tcpshim moved/*."$server".tcpshim 60
	"$tcpshim" report moved/* >later
	# All of the server's lines come last, a minute later.
	sed -nE 's,^([0-9]+)(/[0-9]+)?:.*,\1,p' later | uniq >order
	[[ $(wc -l <order) == 2 && $(tail -n 1 order) == "$server" ]] || fail "$(cat later)"
	sed -nE 's,^[0-9/]+:\t *([0-9]+\.[0-9]+)\t.*,\1,p' later >stamps
	sort -nc stamps
	awk 'END { exit !($1 >= 60 && $1 < 62) }' stamps || fail "$(tail later)"
}

@test "record: what a report shows can be chosen" {
	web_server
	shim TCPSHIM_RECORD="$PWD/recordings" curl -s "http://127.0.0.1:$port/numbers" >/dev/null
	shim TCPSHIM_RECORD="$PWD/recordings" curl -s http://127.0.0.1:1/ >/dev/null || true
	report() {
		"$tcpshim" report --time=none --notes=off "$@" recordings/* | sed -E 's,^[0-9/]+:\t,,'
	}
	report --trace=connect | grep -v '^connect(' | nothing "not connect:"
	[[ $(report --error=EINPROGRESS | wc -l) == 2 ]]
	report --error | grep -v 'Err#' | nothing "no error:"
	[[ $(report --note=connect-refused | wc -l) == 1 ]]
	[[ $(report --note=nosuch 2>&1) == *'--note=nosuch: it takes on, off, or a list of ids'* ]]
	refused=$(report --match='rport=1' --trace=connect | sed -nE 's/^connect\(([0-9]+),.*/\1/p')
	report --match='rport=1' | grep -vE ":1, |\(${refused}[,)]|\[${refused}:" | nothing "another port:"
	[[ -n $(report --match="rport=$port" --trace=connect) && -z $(report --match="rport=2") ]]
	report --trace=recv --result=1.. | grep -vE "= [1-9]" | nothing "another result:"
	[[ -z $(report --longer=10s) && -n $(report --longer=0) ]]
	[[ -z $(report --since=1h) && $(report --until=1h | wc -l) == $(report | wc -l) ]]
	[[ -n $(report --conn=1) && -z $(report --conn=99) ]]
	fd=$(report --trace=connect | sed -nE 's/connect\(([0-9]+),.*/\1/p' | head -n 1)
	[[ -n $(report --fd="$fd") && -z $(report --fd=77) ]]
}

@test "record: sums of calls and connections" {
	web_server
	shim TCPSHIM_RECORD="$PWD/recordings" curl -s "http://127.0.0.1:$port/numbers" >/dev/null
	"$tcpshim" report --summary recordings/* >sums
	"$tcpshim" report --time=none --notes=off recordings/* | grep -vE '^_exit|^Base' >lines
	awk '$1 == "total" { print $3 }' sums | grep -qx "$(wc -l <lines)" || fail "$(cat sums)" "$(wc -l <lines)"
	for call in connect recv poll; do
		[[ $(awk -v call=$call '$1 == call { print $3 }' sums) == $(grep -c "^$call(" lines) ]]
	done
	"$tcpshim" report --connections recordings/* >rows
	read -r -a row < <(tail -n 1 rows)
	[[ ${row[2]} == client && ${row[4]} == "127.0.0.1:$port" ]]
	grep -qE ' (here|peer) +closed-(first|after-peer) ' rows || fail "$(cat rows)"
	size=$(stat -c %s www/numbers)
	"$tcpshim" report --connections --json recordings/* | jq -e ".received_bytes > $size and .sent_bytes > 50" >/dev/null
}

# Leaves a connection open (18 bytes), closes another after 0.3 s of silence (5 bytes), is refused once, and ends.
leaky() {
	cat >leaky.py <<-'END'
		import os, signal, socket, sys, time
		a = socket.create_server(("127.0.0.1", 0))
		b = socket.create_connection(a.getsockname()); c = a.accept()[0]
		b.send(b"x" * 18); c.recv(100)
		d = socket.create_connection(a.getsockname()); e = a.accept()[0]
		d.send(b"hello"); e.recv(100)
		time.sleep(0.3)
		d.close(); e.close()
		try: socket.create_connection(("127.0.0.1", 1))
		except OSError: pass
		time.sleep(0.3)
		if sys.argv[1] == "stay":
		    print("up", flush=True); time.sleep(60)
		elif sys.argv[1] == "kill": os.kill(os.getpid(), signal.SIGKILL)
		elif sys.argv[1] == "exec": os.execv("/bin/true", ["true"])
		elif sys.argv[1] == "_exit": os._exit(0)
		elif sys.argv[1] == "dup":
		    f = b.dup(); b.close(); f.close()
	END
	shim TCPSHIM_RECORD="$PWD/recordings" "${@:2}" python3 leaky.py "$1"
}

# rows [OPTION…]: the numbers of the connections that are shown.
rows() {
	"$tcpshim" report --connections --json "$@" recordings/* 2>/dev/null | jq .conn | sort -n | tr '\n' ' '
}

# row CONN MEMBERS [OPTION…]: members of the row of a connection, in JSON.
row() {
	"$tcpshim" report --connections --json "${@:3}" recordings/* 2>/dev/null | jq -c "select(.conn == $1) | [$2]"
}

# Shown: while the filter chose the events that connections_take() was given, each row had its shown calls alone: sent 0.
@test "report: a filter chooses rows of connections, and leaves their numbers alone" {
	leaky exit
	numbers='.lived_ns, .sent_bytes, .writes, .received_bytes, .reads, .opened_ns, .longest_silence_ns, .ended, .notes'
	client=$(row 4 "$numbers")
	[[ $client == *',5,1,0,0,'* ]] || fail "$client"
	port=$("$tcpshim" report --connections --json recordings/* | jq 'select(.conn == 4)["network.local.port"]')
	for filter in --note=closed-first --conn=4 --trace=close --trace=send --result=5 --longer=0 "--match=lport=$port"; do
		[[ $(row 4 "$numbers" "$filter") == "$client" ]] || fail "$filter: $(row 4 "$numbers" "$filter"), not $client"
	done
	[[ $(rows) == "1 2 3 4 5 6 " ]]
	[[ $(rows --conn=4) == "4 " && $(rows --conn=2,5) == "2 5 " ]]
	[[ $(rows --note=warn) == "6 " && $(rows --note=connect-refused) == "6 " ]]
	[[ $(rows --error=ECONNREFUSED) == "6 " ]]
	[[ $(rows --match="lport=$port") == "4 " && $(rows --match="rport=$port") == "5 " ]]
	# The descriptor of the row, not that of the listener that accepted it.
	read -r listener fd accepted < <("$tcpshim" report --connections --json recordings/* |
		jq -rs 'map({key: "\(.conn)", value: .fd}) | from_entries | [."1", ."4", ."5"] | join(" ")')
	[[ $(rows --fd="$listener") == "1 " && $(rows --fd="$accepted") == "5 " && $(rows --fd="$fd") == "4 6 " ]]
	[[ $(row 4 "$numbers" --fd="$fd") == "$client" ]]
	[[ $(rows --result=5 --trace=send) == "4 " && $(rows --result=5 --trace=recv) == "5 " ]]
	[[ $(rows --conn=4 --note=accepted) == "" && $(rows --note=accepted) == "3 5 " ]]
}

@test "report: a range of time is that of the sums, and a line says so" {
	local middle
	leaky exit
	# 150 ms after connection 4 was opened, and 150 ms before it is closed.
	middle=$(($(row 4 .opened_ns | tr -d '[]') / 1000000 + 150))
	seconds=$(printf '%d.%03d s' $((middle / 1000)) $((middle % 1000)))
	"$tcpshim" report --connections --since=${middle}ms recordings/* >text
	[[ $(head -n 1 text) == "from $seconds to the end of the recording:" ]] || fail "$(cat text)"
	"$tcpshim" report --connections --summary --until=${middle}ms recordings/* >text
	[[ $(grep -c "^from 0.000 s to $seconds of the recording:$" text) == 1 ]] || fail "$(cat text)"
	"$tcpshim" report --summary --since=0.1 --until=20 recordings/* | head -n 1 >text
	[[ $(cat text) == "from 0.100 s to 20.000 s of the recording:" ]] || fail "$(cat text)"
	"$tcpshim" report --connections recordings/* | grep '^from' | nothing "a range without an option:"
	# What was sent before is not in the sums; the connection lived all the same.
	[[ $(row 4 '.sent_bytes, .writes, .ended, .lived_ns > 3e8, .notes' --since=${middle}ms) == '[0,0,"closed-first",true,["closed-first"]]' ]]
	[[ $(row 4 '.sent_bytes, .writes, .state, .lived_ns, .notes' --until=${middle}ms) == '[5,1,"ESTABLISHED",null,["connected"]]' ]]
	[[ $(row 4 '.lived_at_least_ns > 14e7 and .lived_at_least_ns < 16e7' --until=${middle}ms) == '[true]' ]]
	# A connection that had ended before, or was opened after, has no row.
	[[ $(rows --since=$((middle + 300))ms) != *4* && $(rows --until=${middle}ms) == "1 2 3 4 5 " ]]
}

@test "report: below a call are only the notes of connections that --conn and --match choose" {
	cat >several.py <<-'END'
		import socket
		a = socket.create_server(("127.0.0.1", 0))
		pairs = []
		for _ in range(3):
		    b = socket.create_connection(a.getsockname()); pairs.append((b, a.accept()[0]))
		print(*[b.getsockname()[1] for b, c in pairs], flush=True)
	END
	shim TCPSHIM_RECORD="$PWD/recordings" python3 -c "$(cat several.py); import os; os._exit(0)" >ports
	read -r first _ <ports
	[[ $("$tcpshim" report --trace=_exit recordings/* | grep -c left-open-at-exit) == 6 ]]
	"$tcpshim" report --trace=_exit --match="lport=$first" recordings/* >text
	[[ $(grep -c "left-open-at-exit" text) == 1 ]] || fail "$(cat text)"
	grep -q "127.0.0.1:$first >" text || fail "$(cat text)"
	"$tcpshim" report --trace=_exit --conn=2 --json recordings/* >text
	[[ $(jq -c '[.notes[].conn]' text) == "[2]" ]] || fail "$(cat text)"
}

# Shown: connection_row_leave() that does nothing gives 0 ms for all that is still open.
@test "report: how long a connection lived and was silent, with and without a close" {
	local how
	for how in exit _exit; do
		leaky $how
		[[ $(row 2 '.lived_ns > 6e8, .longest_silence_ns > 6e8, .sent_bytes') == '[true,true,18]' ]] || fail "$how: $(row 2 .)"
		[[ $(row 4 '.lived_ns > 3e8, .longest_silence_ns > 3e8, .sent_bytes') == '[true,true,5]' ]] || fail "$how: $(row 4 .)"
		[[ $(row 4 '.handshake_ns > 0') == '[true]' && $(row 5 '.handshake_ns') == '[null]' ]]
		[[ $(row 1 '.rtt_ns, .retransmits, .longest_silence_ns, .lived_ns > 6e8') == '[null,null,null,true]' ]]
		[[ $(row 6 '.lived_ns, .longest_silence_ns') == '[null,null]' ]]
		rm recordings/*
	done
	leaky dup
	[[ $(row 2 '.lived_ns > 6e8, .ended') == '[true,"closed-first"]' ]] || fail "$(row 2 .)"
	rm recordings/*
	leaky exit TCPSHIM_NOTES=off
	[[ $(row 4 '.lived_ns > 3e8 and .lived_ns < 6e8') == '[true]' ]] || fail "$(row 4 .)"
	rm recordings/*
	leaky kill || true
	[[ $(row 2 '.lived_ns, .lived_at_least_ns > 3e8, .longest_silence_ns, .longest_silence_at_least_ns > 3e8') == '[null,true,null,true]' ]]
	[[ $(row 4 '.lived_ns > 3e8') == '[true]' ]]
	"$tcpshim" report --connections recordings/* >text
	grep -qE '^2 .* > [3-9][0-9]{2}\.[0-9] ms  18 .* ESTABLISHED ' text || fail "$(cat text)"
	# As it was at its end, and not up to now.
	sleep 1
	"$tcpshim" netstat recordings/* >text
	grep -qE 'ESTABLISHED +[0-9]+ +[3-9][0-9]{2}\.[0-9] ms ' text || fail "$(cat text)"
}

@test "report: a connection of a program that still runs has lived until now, or longer" {
	cat >stay.py <<-'END'
		import socket, time
		a = socket.create_server(("127.0.0.1", 0)); b = socket.create_connection(a.getsockname()); c = a.accept()[0]
		print("up", flush=True); time.sleep(60)
	END
	start_shim TCPSHIM_RECORD="$PWD/recordings" python3 stay.py >said
	await 10 grep -q up said
	sleep 1
	[[ $(row 2 '.lived_ns, .lived_at_least_ns > 1e9') == '[null,true]' ]] || fail "$(row 2 .)"
}

@test "report: what a flight recorder has overwritten is not 0: totals are those of the last note" {
	shim TCPSHIM_RECORD="$PWD/recordings" TCPSHIM_RECORD_SIZE=256K TCPSHIM_RECORD_FULL=wrap "$build/tests/bench/calls" tcp 20000
	sent=$("$tcpshim" report --json recordings/* 2>/dev/null | jq -s '[.[].notes[]?.values.sent_bytes] | max')
	((sent > 100000)) || fail "$sent"
	"$tcpshim" report --connections --json recordings/* 2>/dev/null >json
	jq -es "map(select(.sent_bytes == $sent and .writes == null and .writes_at_least > 0 and .longest_silence_ns == null)) | length == 1" json >/dev/null ||
		fail "$sent" "$(cat json)"
}

# Shown: with errors counted as error != 0, recv has 3 of them and --error shows 5 calls.
@test "report: a call that would block has not failed: columns, --error, and the summary at exit" {
	cat >block.py <<-'END'
		import errno, select, socket
		a = socket.create_server(("127.0.0.1", 0))
		b = socket.socket(); b.setblocking(False)
		assert b.connect_ex(a.getsockname()) == errno.EINPROGRESS
		c = a.accept()[0]
		for _ in range(3):
		    try: b.recv(10)
		    except BlockingIOError: pass
		c.send(b"x"); select.select([b], [], []); b.recv(10)
		d = socket.socket()
		try: d.connect(("127.0.0.1", 1))
		except ConnectionRefusedError: pass
	END
	shim TCPSHIM_RECORD="$PWD/recordings" TCPSHIM_OUTPUT=live TCPSHIM_SUMMARY=only python3 block.py
	"$tcpshim" report --summary recordings/* >sums
	for sums in sums live; do
		grep -qE '^call +seconds +calls +errors +would block' "$sums" || fail "$(cat "$sums")"
		[[ $(awk '$1 == "recv" { print $3, $4, $5 }' "$sums") == "4 0 3" ]] || fail "$(cat "$sums")"
		[[ $(awk '$1 == "connect" { print $3, $4, $5 }' "$sums") == "2 1 1" ]] || fail "$(cat "$sums")"
		[[ $(awk '$1 == "total" { total = $5 } END { print total }' "$sums") == 4 ]] || fail "$(cat "$sums")"
	done
	"$tcpshim" report --error --trace=recv,connect --notes=off --time=none recordings/* >text
	[[ $(wc -l <text) == 1 ]] && grep -q 'Err#111 ECONNREFUSED' text || fail "$(cat text)"
	[[ $("$tcpshim" report --error=EAGAIN --trace=recv --notes=off --time=none recordings/* | grep -c 'Err#11 EAGAIN') == 3 ]]
	[[ $("$tcpshim" report --error=EINPROGRESS,11 --notes=off --time=none recordings/* | wc -l) == 4 ]]
}

# Shown: a line without the question whether the process lives is also given for the program that stays.
@test "report: a process that is gone without an exit is said to be, with what it had open; others are not" {
	local how
	gone() {
		"$tcpshim" report --time=none "$@" recordings/* | grep '^\*\*\* tcpshim: '
	}
	for how in exit _exit; do
		leaky $how
		gone | nothing "$how:"
		rm recordings/*
	done
	for how in kill exec; do
		leaky $how || true
		[[ $(gone | wc -l) == 1 ]] || fail "$how: $(gone)"
		gone | grep -qE ' python3, process [0-9]+, is gone without an exit: it was killed, or became another program by exec\. It was last seen at [0-9.]+ s; open were connections: 2 \(127\.0\.0\.1:[0-9]+ > 127\.0\.0\.1:[0-9]+\), 3 \(' ||
			fail "$how: $(gone)"
		# Above it is the last call, and a filter does not hide it.
		[[ $(gone --trace=accept) == "$(gone)" && $("$tcpshim" report recordings/* | tail -n 1) == "$(gone)" ]]
		[[ $("$tcpshim" report --json recordings/* | tail -n 1 | jq -r .tcpshim) == "$(gone | sed 's/^\*\*\* tcpshim: //; s/ \*\*\*$//')" ]]
		gone --until=10ms | nothing "later than the range of time:"
		rm recordings/*
	done
	cat >many.py <<-'END'
		import os, signal, socket
		a = socket.create_server(("127.0.0.1", 0)); kept = []
		for _ in range(10): kept.append(socket.create_connection(a.getsockname()))
		kept[3].close()
		os.kill(os.getpid(), signal.SIGKILL)
	END
	shim TCPSHIM_RECORD="$PWD/recordings" python3 many.py || true
	gone | grep -qE ': 2 \(.*\), 3 \(.*\), 4 \(.*\), 6 \([^)]*\) and 5 more \*\*\*$' || fail "$(gone)"
	rm recordings/*
	start_shim TCPSHIM_RECORD="$PWD/recordings" python3 leaky.py stay >said
	await 10 grep -q up said
	gone | nothing "alive:"
	cp recordings/* copy
	"$tcpshim" report copy | grep '^\*\*\* ' | nothing "a copy, of a process that is alive:"
	kill -KILL "$last"
	await 5 test ! -e "/proc/$last/fd/0"
	"$tcpshim" report copy | grep -q '^\*\*\* .* is gone without an exit: '
	# After an exec, the recording of the next program goes on.
	rm recordings/*
	cat >exec.py <<-'END'
		import os, socket, sys
		a = socket.create_server(("127.0.0.1", 0)); b = socket.create_connection(a.getsockname())
		if len(sys.argv) == 1: os.execv(sys.executable, [sys.executable, __file__, "again"])
	END
	shim TCPSHIM_RECORD="$PWD/recordings" python3 exec.py
	[[ $(find recordings -type f | wc -l) == 2 ]]
	gone | nothing "a program that another one followed:"
}

# Shown: with a recording_current_lap that begins with 1 in each child too, row 2 of the first child has no address.
@test "report: the children of a prefork server: no rows of inherited listeners, and connections with their addresses" {
	cat >prefork.py <<-'END'
		import os, socket, sys
		a = socket.create_server(("127.0.0.1", 0)); port = a.getsockname()[1]
		c = socket.create_connection(("127.0.0.1", port)); s = a.accept()[0]
		c.send(b"before the fork"); s.recv(100)
		children = []
		for i in range(4):
		    pid = os.fork()
		    if pid == 0:
		        if i == 0: a.close(); s.close(); c.send(b"from child 0")
		        if i == 1: x = a.accept()[0]; x.send(b"hi"); x.close()
		        if i == 2: a.close(); c.close(); s.close()
		        if i == 3: d = socket.create_connection(("127.0.0.1", port)); d.recv(5); s.send(b"answer"); d.close(); a.close()
		        os._exit(0)
		    children.append(pid)
		for child in children: os.waitpid(child, 0)
		print(*children)
	END
	shim TCPSHIM_RECORD="$PWD/recordings" python3 prefork.py >children
	read -r first _ <children
	"$tcpshim" report --connections --json recordings/* >json
	jq -es 'map(select(.role == "listener")) | length == 1' json >/dev/null || fail "$(cat json)"
	jq -es 'map(select(.["network.local.port"] == null or .["network.peer.port"] == null and .role != "listener")) == []' json >/dev/null ||
		fail "$(cat json)"
	# One row for a socket, of all that have it. In its own recording alone, a child has its own bytes.
	jq -es "any((.pids // [] | any(. == $first)) and .conn == 2 and .sent_bytes == 15 + 12 and .writes == 2 and .role == \"client\")" json >/dev/null ||
		fail "$(cat json)"
	jq -es 'map(.sent_bytes) | add == 15 + 12 + 2 + 6' json >/dev/null || fail "$(cat json)"
	"$tcpshim" report --connections --json recordings/*."$first".tcpshim >own
	jq -es 'any(.conn == 2 and .sent_bytes == 12 and .writes == 1 and .role == "client")' own >/dev/null || fail "$(cat own)"
	"$tcpshim" netstat recordings/*."$first".tcpshim >table
	grep -qE "^127\.0\.0\.1:[0-9]+ +127\.0\.0\.1:[0-9]+ .* ESTABLISHED +[0-9]+ +- +12 +0 " table || fail "$(cat table)"
	grep LISTEN table | nothing "a listener that is closed:"
	# The summary at exit has the same rows.
	shim TCPSHIM_OUTPUT=live.%p TCPSHIM_SUMMARY=only python3 prefork.py >children
	read -r first _ <children
	grep -E '^[0-9]+ +[0-9]+ +' live."$first" >rows
	[[ $(wc -l <rows) == 2 ]] && grep listener rows | nothing "a listener:" || fail "$(cat live."$first")"
}

# Shown: without RECORD_IS_SELECTED, the rows of the first recording have sent 0 and have lived until the end.
@test "report: of calls that were not recorded (TCPSHIM_TRACE), no 0 and no end is claimed" {
	leaky exit TCPSHIM_TRACE=recv,connect
	[[ $(row 2 '.sent_bytes, .writes, .lived_ns, .longest_silence_ns') == '[null,null,null,null]' ]] || fail "$(row 2 .)"
	[[ $(row 3 '.received_bytes, .received_at_least_bytes, .reads_at_least') == '[null,18,1]' ]] || fail "$(row 3 .)"
	rm recordings/*
	# The note of a close has the totals.
	leaky exit TCPSHIM_TRACE=connect,close
	[[ $(row 4 '.sent_bytes, .writes, .received_bytes, .lived_ns > 3e8, .longest_silence_ns') == '[5,null,0,true,null]' ]] || fail "$(row 4 .)"
	rm recordings/*
	leaky exit 'TCPSHIM_TRACE=!%option'
	[[ $(row 4 '.sent_bytes, .writes, .received_bytes, .lived_ns > 3e8') == '[5,1,0,true]' ]] || fail "$(row 4 .)"
}
