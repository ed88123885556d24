#!/usr/bin/env bats
#
# Rows tell which process on which machine they are of: host, container, start and tags, live and in recordings.

# shellcheck disable=SC2154	# set in common.bash

load ../common

tcpshim=$build/tcpshim

setup() {
	common_setup
	mkdir recordings
	python=$(python3 -c 'import sys; print(sys.executable)') # python3 may be a script, which runs other programs
	cat >two.py <<-'END'
		# a connection in the process, and one in a child that was forked a second later
		import os, socket, time
		def talk():
		    with socket.create_server(("127.0.0.1", 0)) as listener:
		        with socket.create_connection(listener.getsockname()) as client:
		            with listener.accept()[0] as server:
		                client.sendall(b"hello")
		                server.recv(100)
		def start():
		    with open("/proc/self/stat") as stat:
		        return int(stat.read().rsplit(")", 1)[1].split()[19])
		talk()
		print(os.getpid(), start(), flush=True)
		time.sleep(1)
		if os.fork() == 0:
		    talk()
		    print(os.getpid(), start(), flush=True)
		    os._exit(0)
		os.wait()
	END
}

# check FILE…: each object has this machine's names, and its process's time of start agrees with /proc/PID/stat.
check() {
	python3 - "$@" <<-'END'
		import datetime, json, socket, sys, time
		booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
		starts = {int(pid): int(ticks) / 100 + booted for pid, ticks in (line.split() for line in open("starts"))}
		boot = open("/proc/sys/kernel/random/boot_id").read().strip()
		seen = set()
		for name in sys.argv[1:]:
		    objects = [json.loads(line) for line in open(name)]
		    assert objects, name
		    for row in objects:
		        assert row["host.name"] == socket.gethostname(), row
		        assert row["host.boot.id"] == boot, row
		        assert row["service.name"] == "checkout" and row["tag.team"] == "a b", row
		        assert row["process.executable.name"].startswith("python3"), row
		        written = row["process.creation.time"]
		        start = datetime.datetime.fromisoformat(written.replace("Z", "+00:00")).timestamp()
		        assert abs(start - starts[row["process.pid"]]) < 0.05, (row, starts)
		        when = datetime.datetime.fromisoformat(row["time"][:26] + "+00:00").timestamp()
		        if "calls" not in row: # a summary's time is that of the trace's beginning
		            assert 0 <= when - start < 60, row
		        seen.add(row["process.pid"])
		assert seen == set(starts), (seen, starts)
	END
}

@test "identity: JSON names the machine, the process's start and the tags, in a forked child too, live and from a recording" {
	shim TCPSHIM_RECORD=recordings/ TCPSHIM_TAGS='service=checkout,team=a b' "$python" two.py >starts
	"$tcpshim" report --json recordings >calls
	"$tcpshim" report --json --connections recordings >rows
	check calls rows
	shim TCPSHIM_FORMAT=json TCPSHIM_TAGS='service=checkout,team=a b' TCPSHIM_OUTPUT="$PWD/live" TCPSHIM_SUMMARY=on "$python" two.py >starts
	grep -v '"tcpshim":' live >events
	check events
}

@test "identity: rows of two machines are told apart, and a row of both has what they have in common" {
	need unshare
	unshare --uts true 2>/dev/null || skip "not on this machine: no UTS namespace may be made"
	shim TCPSHIM_RECORD=recordings/ TCPSHIM_TAGS=service=one,version=7 "$python" two.py >/dev/null
	unshare --uts sh -c 'hostname elsewhere && "$@"' sh env TCPSHIM_RECORD=recordings/ TCPSHIM_TAGS=service=two,version=7 LD_PRELOAD="$library" "$python" two.py >/dev/null
	"$tcpshim" report --json --connections recordings >rows
	jq -r '."host.name" + " " + ."service.name"' rows | sort | uniq -c | tr -s ' ' >hosts
	diff - <(sed 's/^ //' hosts) <<<"$(printf '%s\n' "6 $(hostname) one" '6 elsewhere two' | sort -k2)"
	"$tcpshim" report --connections --columns=host,program,time,conn recordings >table
	grep -Eq '^elsewhere +python3[0-9.]* +20[0-9-]+T[0-9:.]+Z +1 *$' table || fail "$(cat table)"
	"$tcpshim" report --json --summary recordings >sums
	jq -se 'all(."service.version" == "7" and (has("service.name") or has("host.name") or has("process.pid") | not))' sums >/dev/null || fail "$(cat sums)"
	"$tcpshim" report --json --summary recordings/*."$(head -n 1 rows | jq -r '."process.pid"')".tcpshim >sums
	jq -se 'all(has("host.name") and has("process.pid") and has("process.executable.name"))' sums >/dev/null || fail "$(cat sums)"
}

# In a cgroup namespace only the mounts show the container.
@test "identity: the container is that of a file which its engine has mounted" {
	need unshare
	unshare -m true 2>/dev/null || skip "not on this machine: no mount namespace may be made"
	id=$(printf 'c0ffee%058d' 7)
	mkdir -p "engine/containers/$id" "engine/containers/$id.old"
	hostname >"engine/containers/$id/hostname"
	# shellcheck disable=SC2016
	unshare -m bash -c 'mount --bind "engine/containers/$0/hostname" /etc/hostname && "$@"' "$id" \
		env TCPSHIM_RECORD=recordings/ LD_PRELOAD="$library" "$python" two.py >/dev/null
	"$tcpshim" report --json --connections recordings >rows
	jq -se --arg id "$id" 'length == 6 and all(."container.id" == $id)' rows >/dev/null || fail "$(cat rows)"
	rm recordings/*
	shim TCPSHIM_RECORD=recordings/ "$python" two.py >/dev/null
	"$tcpshim" report --json --connections recordings >rows
	grep -q "$id" rows && fail "$(cat rows)"
	true
}

@test "identity: a bad value costs one line, and the program runs" {
	for tags in team 'team=' 'Team=a' 'process.pid=4' 'a=1,a=2' 'a="'; do
		shim TCPSHIM_TAGS="$tags" echo runs >out 2>err
		[[ $(<out) == runs && $(wc -l <err) == 1 ]] || fail "$(cat err)"
		grep -q '^tcpshim: TCPSHIM_TAGS=.* is not valid: use a list of KEY=TEXT.*, for example TCPSHIM_TAGS=service=checkout,version=7. It is ignored.$' err ||
			fail "$(cat err)"
	done
}

@test "identity: attributes that are damaged or lie about other members are refused" {
	shim TCPSHIM_RECORD=recordings/ TCPSHIM_TAGS=aaa.bbb=c "$python" two.py >/dev/null
	file=$(find recordings -name '*.tcpshim' | head -n 1)
	chmod 600 "$file"
	for bad in 'a"a.bbb=c' 'host.ip=cc' $'aaa.bbb=\e'; do
		python3 - "$file" "$bad" <<-'END'
			import sys
			data = bytearray(open(sys.argv[1], "rb").read())
			at = data.index(b"aaa.bbb=c\0")
			data[at:at + len(sys.argv[2])] = sys.argv[2].encode()
			open("bad.tcpshim", "wb").write(data)
		END
		"$tcpshim" report --json bad.tcpshim >out 2>said && fail "it was taken"
		[[ ! -s out && $(<said) == 'tcpshim: bad.tcpshim is damaged: its attributes are not valid' ]] || fail "$(cat out said)"
	done
}
