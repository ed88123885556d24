#!/usr/bin/env bats
#
# The report of a recording is the live text of the same program: with several threads, several processes, a recording
# that wraps and one that grows.  Two comparisons each: text and recording of one run, byte for byte, where every call
# goes the long way; and two runs of a program that always does the same, where the recorded run has the short way open.

# Scripts for other programs are quoted (SC2016); a report is never of the file that it is written to (SC2094); one test's
# variables are not another's (SC2030, SC2031).
# shellcheck disable=SC2154,SC2030,SC2031,SC2016,SC2094

load ../common

setup() {
	common_setup
	tcpshim=$build/tcpshim
	python=$(python3 -c 'import sys; print(sys.executable)') # python3 may be a script, which runs other programs
	mkdir recordings
	cat >talk.py <<-'END'
		# talk.py COUNT [thread|fork|pause]...: COUNT questions and answers on a connection; in main, and also where told.
		import ctypes, os, socket, sys, threading, time
		ctypes.CDLL("libgcc_s.so.1") # else an older glibc opens it while the first thread ends, and takes a number
		def pair():
		    listener = socket.create_server(("127.0.0.1", 0))
		    client = socket.create_connection(listener.getsockname())
		    server = listener.accept()[0]
		    listener.close()
		    return client, server
		def talk(count):
		    client, server = pair()
		    for number in range(count):
		        client.sendall(b"question %d" % number)
		        server.recv(100)
		        server.sendall(b"answer %d" % number)
		        client.recv(100)
		    client.close()
		    server.close()
		count = int(sys.argv[1])
		talk(count)
		for where in sys.argv[2:]:
		    if where == "thread":
		        thread = threading.Thread(target=talk, args=(count,))
		        thread.start()
		        thread.join()
		    elif where == "fork":
		        child = os.fork()
		        if child == 0:
		            talk(count)
		            sys.exit(0)
		        os.waitpid(child, 0)
		    elif where == "pause":
		        open("paused", "w").close()
		        while not os.path.exists("go"):
		            time.sleep(0.01)
		    talk(count)
	END
}

# normal FILE: prints the lines without what differs between two runs; \001 joins a call and its notes.
normal() {
	sed -E '/Base time stamp/d; s,127\.0\.0\.1:[0-9]+,ADDRESS,g; s/(port|htons\()[ =]*[0-9]+/PORT/g
		s/0x[0-9A-Fa-f]{5,}/POINTER/g; s/[0-9.]+ [mun]?s\b/TIME/g; s/: closed [^;]*;/: closed AGE;/; s/\t+ */\t/g' "$1" |
		awk '/^\t/ { held = held "\001" $0; next } { if (NR > 1) print held; held = $0 } END { print held }'
}

# by_thread FILE: prints the lines of each thread together.
by_thread() {
	local thread
	while read -r thread; do
		grep -a "^$thread:" "$1"
	done < <(sed -nE 's,^(/[0-9]+):.*,\1,p' "$1" | sort -u)
	grep -av '^/[0-9]*:' "$1" || true
}

# same_lines A B: compares them thread by thread: which of two threads writes first is left to the machine.
same_lines() {
	normal "$1" >"$1.normal"
	normal "$2" >"$2.normal"
	diff <(by_thread "$1.normal") <(by_thread "$2.normal") >differences ||
		fail "$1 and $2 differ in $(grep -c '^[<>]' differences) lines:" "$(head -n 20 differences)"
}

# recorded_is_live PROGRAM [ARG...]: runs it twice, and compares its processes one by one.
recorded_is_live() {
	local pid number=0
	shim TCPSHIM_OUTPUT=text.%p TCPSHIM_TIME=none TCPSHIM_SLEEPING=off "$@" >/dev/null
	shim TCPSHIM_RECORD="$PWD/recordings" "$@" >/dev/null
	local texts=(text.*) files=(recordings/*)
	((${#texts[@]} == ${#files[@]})) || fail "${#texts[@]} texts and ${#files[@]} recordings"
	# Processes in the order in which they ended.
	while read -r pid; do
		number=$((number + 1))
		mv "$pid" "live.$number"
	done < <(ls -tr text.*)
	number=0
	while read -r pid; do
		number=$((number + 1))
		"$tcpshim" report --time=none "$pid" >"recorded.$number"
		same_lines "live.$number" "recorded.$number"
	done < <(ls -tr recordings/*)
}

# Before glibc 2.32 a thread counts when it makes its first watched call.
need_told_threads() {
	"$python" -c 'import ctypes; ctypes.c_char.in_dll(ctypes.CDLL(None), "__libc_single_threaded")' 2>/dev/null ||
		skip "not on this machine: this libc does not tell whether there are threads"
}

# one_run [VARIABLE=VALUE...] PROGRAM [ARG...]: writes both in one run.
one_run() {
	shim TCPSHIM_RECORD=recordings TCPSHIM_OUTPUT=text.%p "$@" >/dev/null
}

# Shown: with a flag that is set by the second thread that makes a watched call, instead of by its creation, the lines of
# main after a thread that made none have no /1: (and all of them, where threads never touch TCP).
@test "threads: what the short way records has the number of its thread" {
	recorded_is_live "$python" talk.py 50 thread thread
	[[ $(grep -c '^/1:' recorded.1) -ge 400 && $(grep -c '^/2:' recorded.1) -ge 200 ]] || fail "$(head recorded.1)"
	head -n 100 recorded.1 | grep '^/' | nothing "a thread before there were several:"
	rm -f text.* recordings/* live.* recorded.*
	need_told_threads
	# The thread makes no watched call.
	cat >other.py <<-'END'
		import sys, threading, time
		sys.argv = ["talk.py", "20", "none"]
		threading.Thread(target=time.sleep, args=(0.1,)).start()
		exec(open("talk.py").read())
	END
	recorded_is_live "$python" other.py
	grep -v '^/1:\|^_exit\|^	' recorded.1 | nothing "no thread:"
}

@test "threads: in one run, byte for byte" {
	one_run "$python" talk.py 50 thread thread
	"$tcpshim" report recordings/* >report
	cmp <(by_thread text.*) <(by_thread report)
	[[ $(grep -c '^/1:' report) -ge 400 ]]
}

@test "processes: a child has one thread, whatever its parent had" {
	recorded_is_live "$python" talk.py 20 fork thread fork
	[[ -e recorded.3 ]]
	for number in 1 2; do
		grep '^/' "recorded.$number" | nothing "a child that has no threads:"
	done
	grep -q '^/1:' recorded.3
	rm -f text.* recordings/*
	one_run "$python" talk.py 20 fork thread fork
	for recording in recordings/*; do
		pid=$(sed -E 's/.*\.([0-9]+)\.tcpshim$/\1/' <<<"$recording")
		"$tcpshim" report "$recording" >report
		cmp <(by_thread "text.$pid") <(by_thread report)
	done
}

# Its main thread does all of the transfers, its other threads none.  Waits and the clock of redis vary.  On arm64 a child
# of its tries out the kernel at the start.
@test "redis-server: its main thread is /1: in text and recording" {
	need redis-server redis-cli
	need_told_threads
	local port
	talk() {
		port=$(free_port)
		start_shim "$@" TCPSHIM_TRACE='!%wait' redis-server --port "$port" --bind 127.0.0.1 --save '' >redis.log
		await 30 listening "$port"
		for words in ping "set a b" "get a" "incr n" "lrange l 0 -1"; do
			# shellcheck disable=SC2086	# words of a command
			redis-cli -p "$port" $words >/dev/null
		done
		stop "$last" || true
	}
	talk TCPSHIM_OUTPUT="$PWD/text.%p" TCPSHIM_TIME=none TCPSHIM_SLEEPING=off
	cp "text.$last" live
	talk TCPSHIM_RECORD="$PWD/recordings"
	"$tcpshim" report --time=none recordings/*."$last".tcpshim >report
	[[ $(grep -cE '^/1:	(read|recv|write|send)' report) -ge 10 ]] || fail "$(head -n 50 report)"
	same_lines live report
}

@test "a recording that wraps has the newest lines of the text" {
	local wraps=(TCPSHIM_RECORD_FULL=wrap TCPSHIM_RECORD_SIZE=256K)
	one_run "${wraps[@]}" "$python" talk.py 3000
	"$tcpshim" report recordings/* 2>said | sed '/^Base time stamp/d' >report
	grep -q 'older events were overwritten' said
	[[ $(wc -l <report) -ge 500 && $(wc -l <report) -lt $(($(wc -l <text.*) / 2)) ]] || fail "$(wc -l report text.*)"
	cmp <(tail -n "$(wc -l <report)" text.*) report
	# The short way, with threads.
	rm -f text.* recordings/*
	shim TCPSHIM_OUTPUT=live TCPSHIM_TIME=none TCPSHIM_SLEEPING=off "$python" talk.py 3000 thread
	shim TCPSHIM_RECORD="$PWD/recordings" "${wraps[@]}" "$python" talk.py 3000 thread
	"$tcpshim" report --time=none recordings/* >recorded 2>said
	grep -q 'older events were overwritten' said
	for thread in 1 2; do
		grep "^/$thread:" recorded >"recorded.$thread" || continue
		grep "^/$thread:" live | tail -n "$(wc -l <"recorded.$thread")" >"live.$thread"
		same_lines "live.$thread" "recorded.$thread"
	done
	[[ $(wc -l <recorded.1) -ge 500 ]]
	grep -v '^/[12]:\|^	\|^_exit' recorded | nothing "no thread:"
}

# Shown: when a block that was read while it was the last is not read again, the rest of it is missing in what follows.
@test "a recording that grows has the text so far, and a report that follows it has all" {
	start_shim TCPSHIM_RECORD="$PWD/recordings" TCPSHIM_OUTPUT="$PWD/text" "$python" talk.py 300 pause
	local program=$last
	await 10 test -e paused
	"$tcpshim" report recordings/* >report
	cmp text report
	start "$tcpshim" report --follow recordings/* >followed
	local follower=$last
	await 10 cmp -s text followed
	: >go
	finish "$program"
	finish "$follower"
	cmp text followed || fail "$(diff text followed | head -n 20)"
	[[ $(wc -l <followed) -gt $(wc -l <report) ]]
}
