#!/usr/bin/env bats
#
# Recordings, read twice: by reader.py, which knows only what record.h documents, and by `tcpshim report`.  Both must give
# the same.  BUILD is the directory with the library, the command and the programs.

# shellcheck disable=SC2154	# set in common.bash

load ../common

export library=$build/libtcpshim.so
here=$repository/tests/record
python=/usr/bin/python3

setup() {
	common_setup
	need "$python" "$build/tcpshim"
	mkdir recordings
}

# recorded [VARIABLE=VALUE…] PROGRAM [ARG…]: records it; the recording is in the directory `recordings`.
recorded() {
	shim TCPSHIM_RECORD="$PWD/recordings" "$@" >output 2>errors || fail "fails, with $?: $*" "$(tail -n 5 output errors)"
}

# both FILE…: writes what each reader prints of the files to reader.json and report.json.
both() {
	timeout -k 5 "$limit" "$python" "$here/reader.py" "$@" >reader.json 2>reader.errors ||
		fail "reader.py fails, with $?:" "$(tail -n 5 reader.errors)"
	[[ ! -s reader.errors ]] || fail "reader.py complains:" "$(tail -n 5 reader.errors)"
	timeout -k 5 "$limit" "$build/tcpshim" report --json --data=all "$@" >report.json 2>report.errors ||
		fail "report fails, with $?:" "$(tail -n 5 report.errors)"
}

# same FILE…: checks that both readers print the same; what was compared is in the file `compared`.
same() {
	both "$@"
	timeout -k 5 "$limit" "$python" "$here/compare.py" reader.json report.json >compared ||
		fail "the reader and the report differ:" "$(tail -n 40 compared)"
	no_damage
}

no_damage() {
	local damaged
	damaged=$(told file 'line["damage"]' | grep -v '^{}$' || true)
	[[ -z $damaged ]] || fail "the reader found damage: $damaged"
}

# told KIND EXPRESSION: prints the value of the expression for each line of that kind that reader.py printed.
told() {
	"$python" -c '
import json, sys
for text in open("reader.json"):
    line = json.loads(text)
    if line["kind"] == sys.argv[1]:
        print(eval(sys.argv[2]))
' "$1" "$2"
}

# compared_at_least NUMBER WHAT: checks that so many calls, threads, bytes, notes or calls in progress were compared.
compared_at_least() {
	local found
	found=$(grep -oE "[0-9]+ $2" compared) || fail "no $2 in: $(cat compared)"
	((${found%% *} >= $1)) || fail "fewer than $1 $2: $(cat compared)"
}

# --- programs that end ------------------------------------------------------------------------------------------

@test "two thousand ordinary reads and writes" {
	need "$build/tests/bench/calls"
	recorded "$build/tests/bench/calls" tcp 1000
	same recordings/*
	compared_at_least 1900 calls
	compared_at_least 12 bytes
	# Nearly all are in the short form.
	(($(told transfer 'line["call"]' | grep -cE '^(read|write)$') > 1900)) || fail "no ordinary transfers"
	[[ $(told file 'line["ended"], line["lost_events"], line["current"]') == "(True, 0, [])" ]]
}

@test "an HTTP client and its server, each alone and merged" {
	local port of
	mkdir www
	printf 'a page\n' >www/page
	head -c 300000 /dev/zero | tr '\0' 'x' >www/large
	start_shim TCPSHIM_RECORD="$PWD/recordings" "$python" -u -m http.server -b 127.0.0.1 -d www 0 >http.out 2>http.err
	await 10 grep -q 'port [0-9]' http.out
	port=$(sed -nE 's/.* port ([0-9]+) .*/\1/p' http.out)
	recorded "$python" -c '
import sys, urllib.error, urllib.request
for path in ("page", "large", "none", "page"):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/{path}", timeout=10) as answer:
            print(path, len(answer.read()))
    except urllib.error.HTTPError as error:
        print(path, error.code)
' "$port"
	diff <(printf '%s\n' "page 7" "large 300000" "none 404" "page 7") output >&2
	stop "$last" KILL || true
	for of in recordings/*; do
		same "$of"
		compared_at_least 20 calls
		compared_at_least 4 notes
	done
	same recordings/*
	compared_at_least 50 calls
	[[ $(told file 'line["program"]' | sort | tr '\n' ' ') == "python3 python3 " ]]
}

@test "each kind of call that moves bytes" {
	need "$build/data"
	recorded "$build/data"
	same recordings/*
	compared_at_least 50 calls
	compared_at_least 7 notes
}

# --- large payloads, several threads, full recordings -----------------------------------------------------------

@test "payloads that go on in further records" {
	recorded TCPSHIM_DATA=all "$python" "$here/talk.py" 30 1
	same recordings/*
	compared_at_least 9000 bytes
	(($(told more 'line["of"]' | wc -l) >= 10)) || fail "no record of kind more"
	# The payload is what was sent, and not only the same in both.
	told event 'line["data"] if line["result"] == 9000 and line["call"] == "send" else ""' | grep . | sort -u >payloads
	"$python" -c 'print(bytes(n % 256 for n in range(9000)).hex())' | diff payloads - >&2 || fail "not what was sent"
}

@test "payloads up to a limit" {
	local bytes
	for bytes in 0 1 4096 5000; do
		rm -f recordings/*
		recorded TCPSHIM_DATA=$bytes "$python" "$here/talk.py" 12 2
		same recordings/*
		compared_at_least "$bytes" "bytes at most"
		grep -q " $bytes bytes at most" compared || fail "more than $bytes bytes recorded: $(cat compared)"
	done
}

@test "several threads" {
	recorded TCPSHIM_DATA=all "$python" "$here/talk.py" 60 4
	same recordings/*
	compared_at_least 5 threads
	compared_at_least 720 calls
	(($(told file 'line["streams"]') > 1)) || fail "all in one stream"
}

@test "the newest of several threads, where a recording is full" {
	recorded TCPSHIM_DATA=all TCPSHIM_RECORD_FULL=wrap TCPSHIM_RECORD_SIZE=256K "$python" "$here/talk.py" 60 4
	both recordings/*
	timeout -k 5 "$limit" "$python" "$here/compare.py" reader.json report.json >compared ||
		fail "the reader and the report differ:" "$(tail -n 40 compared)"
	compared_at_least 40 calls
	compared_at_least 9000 bytes
	[[ $(told file 'line["wraps"], line["overwritten_events"] > 100, line["lost_events"]') == "(True, True, 0)" ]] ||
		fail "nothing was overwritten: $(tail -n 1 reader.json)"
	# The only damage allowed is the rest of a payload whose first part was overwritten.
	[[ -z $(told file 'set(line["damage"]) - {"more_of_nothing"} or ""') ]] || fail "damage: $(tail -n 1 reader.json)"
}

@test "the oldest, and a count of the rest, where a recording is full" {
	local lost all
	recorded TCPSHIM_DATA=all "$python" "$here/talk.py" 60 1
	same recordings/*
	all=$(grep -oE '[0-9]+ calls' compared)
	rm -f recordings/*
	recorded TCPSHIM_DATA=all TCPSHIM_RECORD_SIZE=256K "$python" "$here/talk.py" 60 1
	same recordings/*
	lost=$(told file 'line["lost_events"]')
	((lost > 50)) || fail "nothing was lost: $(tail -n 1 reader.json)"
	(($(grep -cE '"kind": "(event|transfer)"' reader.json) + lost == ${all% *})) ||
		fail "$lost lost of $all: $(cat compared)"
}

# --- killed -----------------------------------------------------------------------------------------------------

# is_in CALL: returns true if reader.py shows that the program, which still runs, is in that call.
is_in() {
	timeout 10 "$python" "$here/reader.py" recordings/* >reader.json 2>/dev/null || return 1
	[[ $(told file '[current["call"] for current in line["current"]]') == "['$1']" ]]
}

# killed_in_read [VARIABLE=VALUE…]: records talk.py and kills it in a read.
killed_in_read() {
	local fd tid
	start_shim TCPSHIM_RECORD="$PWD/recordings" "$@" "$python" "$here/talk.py" block >output 2>errors
	await 10 grep -q '[0-9] [0-9]' output || fail "it does not start:" "$(cat errors)"
	read -r fd tid <output
	await 10 is_in recv || fail "the reader does not tell the call: $(tail -n 1 reader.json)"
	kill -KILL "$last"
	finish "$last" || true
	same recordings/*
	compared_at_least 1 "in progress"
	# And it is the truth.
	[[ $(told file '[(c["call"], c["fd"], c["tid"], c["arguments"][2]) for c in line["current"]]') == \
		"[('recv', $fd, $tid, 77)]" ]] || fail "not fd $fd of thread $tid: $(tail -n 1 reader.json)"
	[[ $(told file 'line["ended"]') == False ]]
}

@test "a process killed in an ordinary read: the call is told" {
	killed_in_read
}

@test "a process killed in a read whose payload is recorded in full" {
	killed_in_read TCPSHIM_DATA=all
}

@test "a process killed while the recording wraps" {
	start_shim TCPSHIM_RECORD="$PWD/recordings" TCPSHIM_DATA=all TCPSHIM_RECORD_FULL=wrap TCPSHIM_RECORD_SIZE=256K \
		"$python" "$here/talk.py" 1000000 3 >output 2>errors
	overwriting() {
		timeout 10 "$python" "$here/reader.py" recordings/* >reader.json 2>/dev/null &&
			[[ $(told file 'line["overwritten_events"] > 0') == True ]]
	}
	await 20 overwriting || fail "nothing was overwritten:" "$(tail -n 1 reader.json errors)"
	kill -KILL "$last"
	finish "$last" || true
	both recordings/*
	timeout -k 5 "$limit" "$python" "$here/compare.py" reader.json report.json >compared ||
		fail "the reader and the report differ:" "$(tail -n 40 compared)"
	compared_at_least 20 calls
}

# --- the tests themselves ---------------------------------------------------------------------------------------

@test "a difference in any field is seen" {
	local change
	recorded "$build/tests/bench/calls" tcp 41
	same recordings/*
	cp reader.json reader.whole
	for change in '"call": "read"/"call": "readv"' '"result": 64/"result": 65' '"serial": 2/"serial": 3' \
		'"data": "6b/"data": "6c' '"notes": \["connected"/"notes": ["accepted"' '"error": 0/"error": "EPIPE"' \
		'("start_ns": [0-9]*)/\11' '("tid": [0-9]*)/\11' '("time_ns": [0-9]*)([0-9])([0-9])/\10\2'; do
		sed -E "0,/${change%%/*}/s/$change/" reader.whole >reader.json
		! cmp -s reader.json reader.whole || fail "nothing to change: $change"
		! "$python" "$here/compare.py" reader.json report.json >compared || fail "not seen: $change"
	done
	sed 5d reader.whole >reader.json
	! "$python" "$here/compare.py" reader.json report.json >compared || fail "a call left out is not seen"
}

@test "damaged recordings: what makes no sense is skipped and counted" {
	local status=0
	recorded TCPSHIM_DATA=all TCPSHIM_RECORD_FULL=wrap TCPSHIM_RECORD_SIZE=256K "$python" "$here/talk.py" 40 2
	"$python" - recordings/* <<-'END'
		import random, sys
		whole = open(sys.argv[1], "rb").read()
		random.seed(1)
		for number in range(60):
		    raw = bytearray(whole)
		    if number % 4 == 0:
		        del raw[random.randrange(1300, len(raw)):]
		    elif number % 4 == 1:
		        for _ in range(300):
		            raw[random.randrange(1256, len(raw))] = random.randrange(256)
		    elif number % 4 == 2:
		        for _ in range(10):
		            raw[random.randrange(10, 56)] = random.choice((0, 1, 128, 255))
		    else:
		        for _ in range(20):
		            at = random.randrange(32768, len(raw) - 500)
		            raw[at:at + 500] = random.randbytes(500)
		    open(f"damaged.{number}", "wb").write(raw)
		open("damaged.short", "wb").write(whole[:500])
		open("damaged.empty", "wb").close()
		open("damaged.version", "wb").write(whole[:8] + b"\7" + whole[9:])
	END
	timeout -k 5 "$limit" "$python" "$here/reader.py" damaged.[0-9]* >reader.json 2>errors ||
		fail "the reader fails, with $?:" "$(tail -n 5 errors)"
	[[ ! -s errors ]] || fail "the reader complains:" "$(tail -n 5 errors)"
	(($(told file 'line["path"]' | wc -l) == 60)) || fail "not all were read"
	(($(told file 'line["damage"] or ""' | grep -c .) >= 30)) || fail "the damage is not counted"
	timeout 10 "$python" "$here/reader.py" damaged.short damaged.empty damaged.version >reader.json 2>errors || status=$?
	((status == 1)) || fail "status $status" "$(tail -n 5 errors)"
	[[ ! -s reader.json ]] && (($(wc -l <errors) == 3)) || fail "not three complaints:" "$(cat errors)"
}
