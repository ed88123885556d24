#!/usr/bin/env bats
#
# Recordings that somebody made to harm whoever reads them.  What they name is not opened, what they contain is not obeyed,
# and reading them takes no more memory than the bytes that are there.

# shellcheck disable=SC2154,SC2016	# set in common.bash; scripts for other shells are quoted

load ../common

setup() {
	common_setup
	tcpshim=$build/tcpshim
	forge=$repository/tests/record/forge
	gzip -dc "$repository/tests/record/golden/truth.gz" >truth
}

report() {
	timeout -k 5 "${seconds:-20}" "$tcpshim" report "$@" >shown 2>said || fail "report $*: exit status $?" "$(tail -n 5 said)"
}

# Fails on characters that a terminal obeys or that hide others: C0 and C1 controls, invalid UTF-8, bidirectional controls.
harmless() {
	python3 - "$@" <<-'END'
		import sys, unicodedata
		for name in sys.argv[1:]:
		    for c in open(name, encoding='utf-8').read():
		        if c not in '\n\t' and unicodedata.category(c) in ('Cc', 'Cf', 'Zl', 'Zp'):
		            sys.exit(f'{name}: U+{ord(c):04X}')
	END
}

@test "untrusted: only regular files are opened, and only for stacks that are shown" {
	mkfifo pipe
	ln -s "$PWD/pipe" link
	for name in pipe link; do
		"$forge" truth "of-$name" "module=$PWD/$name"
		# If somebody opened the FIFO for reading, its writer would go on.
		start bash -c 'exec 9>pipe; touch woken'
		report "of-$name"
		grep -q "^ > $PWD/$name(+0x1001) \[0x7001001\]$" shown || fail "$(tail -n 4 shown)"
		[[ ! -e woken ]] || fail "$name was opened"
		kill "$last"
	done
	# A FIFO in the place of a recording is not opened either.
	start bash -c 'exec 9>pipe; touch woken'
	! "$tcpshim" report pipe link 2>said || fail "shown"
	[[ $(cat said) == 'tcpshim: pipe is not a recording of tcpshim'$'\n''tcpshim: link is not a recording of tcpshim' ]]
	[[ ! -e woken ]]
	for name in /dev/ptmx /proc/self/maps /sys/kernel/notes / relative; do
		"$forge" truth other "module=$name"
		report other
		grep -qF " > $name(+0x1001) [0x7001001]" shown || fail "$name:" "$(tail -n 4 shown)"
		[[ ! -s said ]] || fail "$(cat said)"
	done
}

@test "untrusted: debug data that expands without limit ends its reader, not the report" {
	"$forge" bomb bomb 3000
	(($(stat -c %s bomb) < 6000000))
	"$forge" truth hostile "module=$PWD/bomb"
	seconds=60 report hostile
	grep -q "^ > $PWD/bomb(+0x1001)" shown || fail "$(cat said)"
	python3 - "$tcpshim" report hostile <<-'END' || fail "more than 600 MB"
		import resource, subprocess, sys
		subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
		print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
		sys.exit(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss > 600000)
	END
	# A file that is too large is not opened.
	truncate -s 2G large
	"$forge" truth hostile "module=$PWD/large"
	report hostile
	grep -q "^ > $PWD/large(+0x1001)" shown
}

@test "untrusted: a process that is ended while it reads debug data costs a line" {
	# The child that is asked never answers the next question.
	TCPSHIM_RECORD=. TCPSHIM_STACK=connect LD_PRELOAD=$library timeout 20 "$build/exchange" >/dev/null
	cat >gdb.sh <<-'END'
		"$@" >shown 2>said &
		for _ in {1..200}; do
			for child in $(pgrep -P $!); do kill -KILL "$child"; done
			kill -0 $! 2>/dev/null || break
		done
		wait $!
	END
	timeout 60 bash gdb.sh "$tcpshim" report ./*.tcpshim
	"$tcpshim" report --no-symbols ./*.tcpshim >bare
	[[ $(grep -vc '^ > ' shown) == $(grep -vc '^ > ' bare) ]]
	(($(wc -l <said) <= 2)) || fail "$(cat said)"
}

@test "untrusted: --no-symbols, and recordings of another user: no file is opened" {
	need_root
	TCPSHIM_RECORD=. TCPSHIM_STACK=connect LD_PRELOAD=$library timeout 20 "$build/exchange" >/dev/null
	mv ./*.tcpshim own
	report own
	grep -q '^ > .*/exchange(main+0x' shown
	[[ ! -s said ]]
	report --no-symbols own
	grep '^ > .*[a-z]+0x' shown | nothing "a name:"
	grep -qE '^ > .*/exchange\(\+0x[0-9a-f]+\) \[0x' shown
	[[ ! -s said ]]
	cp own another
	cp own third
	chown 65534 another third
	report own another third
	[[ $(cat said) == 'tcpshim: another belongs to another user: the files that it names are not opened, '* ]]
	(($(wc -l <said) == 1))
	(($(grep -cE '^ > .*/exchange\(\+0x' shown) == 2 * $(grep -cE '^ > .*/exchange\([a-z_]+\+0x' shown))) ||
		fail "$(grep '^ > ' shown)"
	# Where no stack is shown, there is nothing to complain about.
	report --connections another
	[[ ! -s said ]]
}

@test "untrusted: nothing of a recording reaches a terminal as a control" {
	local hostile='\x1b]0;owned\x07\u009b31m\x9b31m\u202eevil\u2066\u200b\ufeff\x7f'
	"$forge" truth hostile "program=a${hostile}" "line=b${hostile}\\nwith\\ttab é" "module=/$(printf 'c\x1b[31m\xc2\x9b\xe2\x80\xae')"
	for option in --data=all --connections --summary; do
		report "$option" hostile
		harmless shown said
		"$tcpshim" report "$option" --json hostile >json
		harmless json
	done
	report hostile
	grep -qxF 'b?]0;owned???31m?31m?evil????'$'?with\ttab é' shown || grep -q $'with\ttab é$' shown || fail "$(grep -a owned shown | cat -v)"
	timeout 10 "$tcpshim" netstat hostile >shown
	harmless shown
	grep -q '^a?]0;owned' shown || fail "$(head -n 1 shown | cat -v)"
	# The same holds for JSON.
	"$tcpshim" report --json hostile | python3 -c '
import json, sys
found = [line for line in map(json.loads, sys.stdin) if line.get("process.executable.name", "").startswith("a\x1b]0;")]
assert found and "\u009b31m" in found[0]["process.executable.name"] and "\u202e" in found[0]["process.executable.name"], found[:1]
' || fail "not the same in JSON"
	# In colour, the colours are there, and nothing else.
	script -qec "'$tcpshim' report hostile" /dev/null >colour </dev/null
	sed 's/\x1b\[[0-9;]*m//g; s/\r//g; s/\x1b\[K//g' colour >plain
	harmless plain
}

@test "untrusted: a sparse file costs what is there" {
	"$forge" truth sparse sparse=1099511627776
	(($(stat -c %s sparse) == 1099511627776 && $(stat -c %b sparse) < 2000)) || skip "no sparse files of that length here"
	seconds=5 report sparse
	cp shown sparse.text
	report truth
	diff shown sparse.text
	# The most blocks that a header can name.
	cp truth most
	printf '\xff\xff\xff\xff' | dd of=most bs=1 seek=20 conv=notrunc status=none
	seconds=5 report most
	diff shown sparse.text
}

@test "untrusted: each block another thread's" {
	"$forge" truth many streams=30000
	seconds=30 report many
	(($(grep -c '(sleeping...)' shown) >= 30000))
}

@test "untrusted: blocks that were never used, anywhere" {
	"$forge" truth holes holes=3
	report truth
	mv shown whole
	report holes
	diff whole shown
	[[ ! -s said ]] || fail "$(cat said)"
	# The number of blocks taken, which the header has, does not matter either.
	printf '\1\0\0\0\0\0\0\0' | dd of=holes bs=1 seek=1200 conv=notrunc status=none
	report holes
	diff whole shown
}

@test "untrusted: a recording named twice, one that grows shorter, a folder, a file without rights" {
	report truth truth
	cp truth shrinking
	start bash -c 'for _ in {1..300}; do truncate -s 40000 shrinking; cat truth >shrinking; done'
	for _ in {1..20}; do
		timeout 10 "$tcpshim" report shrinking >/dev/null 2>&1 || (($? == 125)) || fail "status $?"
	done
	! "$tcpshim" report /proc/self/maps 2>said || fail "shown"
	[[ $(cat said) == 'tcpshim: /proc/self/maps is not a recording of tcpshim' ]]
}

@test "untrusted: netstat of a process in a container: its own number, not the one it has there" {
	need_root
	mkdir recordings
	start unshare --net sleep 60
	decoy=$last
	export library here=$BATS_TEST_DIRNAME decoy
	start unshare --pid --fork --mount-proc --net bash -c '
		ip link set lo up
		echo $((decoy - 1)) >/proc/sys/kernel/ns_last_pid
		LD_PRELOAD=$library TCPSHIM_RECORD=$PWD/recordings python3 $here/talk.py block >ready &
		wait'
	await 10 test -s ready
	outer=$(pgrep -f 'talk.py block' -n)
	[[ $(awk '/^NSpid:/ { print $3 }' "/proc/$outer/status") == "$decoy" ]] || skip "the number cannot be chosen here"
	timeout 20 "$tcpshim" netstat "$outer" >out 2>errors || fail "$(cat errors)"
	[[ $(grep -c ' ESTABLISHED ' out) == 2 ]] || fail "$(cat out errors)"
	head -n 1 out | grep -qx "python3, process $outer ($decoy in its PID namespace)" || fail "$(cat out)"
	# The same holds for its file, which has only the other number.
	timeout 20 "$tcpshim" netstat recordings/* >out 2>errors
	[[ $(grep -c ' ESTABLISHED ' out) == 2 ]] || fail "$(cat out errors)"
	# After the process has ended, the decoy is not taken for it.
	kill -KILL "$outer"
	await 5 bash -c "! kill -0 $outer 2>/dev/null"
	timeout 20 "$tcpshim" netstat recordings/* >out 2>errors
	grep -q 'which has ended' out || fail "$(cat out)"
}
