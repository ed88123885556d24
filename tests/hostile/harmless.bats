#!/usr/bin/env bats
#
# Programs that the library must not harm: neither their memory, nor their files, nor their threads.  Each runs bare and
# under the library in three modes: with a trace, with a recording, and with policies without either.

# bats runs each test in a subshell of its own, settings is for hostile.bash, and standard error is a file that the
# program is told the name of.
# shellcheck disable=SC2030,SC2031,SC2034,SC2094,SC2154

load ../common
load hostile

setup() {
	common_setup || return 1
	failed=()
	running=0
	shared=
}

teardown() {
	[[ -z $shared ]] || rm -rf "$shared"
	common_teardown
	nothing_failed
}

# in_mode MODE [VARIABLE=VALUE…]: sets the settings of what runs next.
in_mode() {
	mode=$1
	told="$*"
	report_options=()
	[[ ${2:-} != TCPSHIM_DATA=* ]] || report_options=("--data=${2#*=}")
	case $mode in
	text) settings=(TCPSHIM_OUTPUT=trace.%p TCPSHIM_TIME=none) ;;
	recording) settings=(TCPSHIM_RECORD=recording.%p TCPSHIM_RECORD_SIZE=64M) ;;
	policy)
		settings=(TCPSHIM_TRACE=none TCPSHIM_KEEPALIVE=on TCPSHIM_USER_TIMEOUT=auto
			TCPSHIM_CLOSE_ON_EOF=fin)
		;;
	*) fail "no such mode: $mode" || return 1 ;;
	esac
	settings+=("${@:2}")
}

# under_library PROGRAM [ARG…]: checks that it does the same as bare, which has run already.  Like traced of hostile.bash,
# but works where a failure does not end the test at once.
under_library() {
	shim "${settings[@]}" "$programs/$1" "${@:2}" >shim.out 2>shim.err || {
		fail "$* fails under the library, with $?:" "$(said shim.out | head -n 20)" "$(tail -n 5 shim.err)"
		return 1
	}
	same_behaviour || return 1
	reported
}

# unharmed PROGRAM [ARG…]: like under_library, and checks that the trace is true and whole.
unharmed() {
	local file
	rm -f trace.* recording.*
	under_library "$@" || return 1
	[[ $mode != policy ]] || return 0
	trace_as_expected || return 1
	for file in trace.*; do
		if [[ -e $file && $file != *.plain ]]; then
			trace_is_whole "$file" || return 1
		fi
	done
}

# try COMMAND…: continues after a failure, which none_failed reports at the end.
try() {
	"$@" || failed+=("$told: $*")
}

none_failed() {
	((${#failed[@]} == 0)) || fail "${#failed[@]} failed:" "${failed[@]}"
}

# beside KIND COMMAND…: runs each in a directory of its own, up to four at once.  all_ended waits for them.
# bare_beside KIND PROGRAM… runs first, once for all modes.
beside() {
	local place kind=$1
	shift
	place=$(mktemp -d "$PWD/beside.XXXXXX") || return 1
	[[ ! -e $kind.out ]] || cp "$kind.out" "$place/bare.out"
	if ((running == 4)); then
		wait -n || true
	else
		running=$((running + 1))
	fi
	(
		cd "$place" || exit 1
		"$@" || fail "failed: $told: $*"
	) 3>&- &
}

bare_to() {
	bare "${@:2}" && mv bare.out "$1"
}

bare_beside() {
	told=bare
	beside "$1" bare_to "$PWD/$1.out" "${@:2}"
}

all_ended() {
	wait
	running=0
	nothing_failed
}

# --- Memory. ---

messages=200

# Runs in all modes, with little, more and all of the payload shown.
memory_modes() {
	local each
	bare early_free "$2" "$messages" || return 1
	for each in text recording {text,recording}" TCPSHIM_DATA="{200,all} policy; do
		# shellcheck disable=SC2086 # settings have no blanks
		in_mode $each
		try "$1" early_free "$2" "$messages"
	done
	none_failed
}

# Shown: if decode.c or fastpath.c reads the payload, an address, an option or an epoll event after the call, each call
# dies of SIGSEGV: 35 of 44 runs.
@test "memory that is unmapped as soon as the peer has the bytes" {
	memory_modes unharmed unmap
}

@test "memory that is protected as soon as the peer has the bytes" {
	memory_modes unharmed protect
}

# Checks that the payload of each message, in order, is what was sent: the 12 bytes in the line, and the rows below it, in
# which as many bytes are shown as were asked for.  shim.out has the name and the descriptor of each call that sends.
previews_are_sent() {
	local rows=0 pid
	[[ $told != *TCPSHIM_DATA=200 ]] || rows=188
	[[ $told != *TCPSHIM_DATA=all ]] || rows=588
	pid=$(awk '$1 == "expect" { print $2; exit }' shim.out)
	trace_plain "trace.$pid" | LC_ALL=C awk -v rows="$rows" -v messages="$messages" '
		# Each byte takes two places.
		function cells(text, start,    i, bytes) {
			for (i = start; i <= length(text); i += 2)
				bytes = bytes substr(text, i, 1)
			return bytes
		}
		function judge(    want) {
			if (key == "")
				return
			want = sprintf("%011d ", total[key]++)
			while (length(want) < 600)
				want = want want
			if (line != substr(want, 1, 12) || row != substr(want, 1, rows)) {
				if (wrong[key]++ == 0)
					first[key] = line " and " row
			}
			key = ""
		}
		FNR == NR {
			if ($1 == "expect" && match($5, /^\^[a-z0-9]+\\\([0-9]+,$/)) {
				gsub(/[\\^,]/, "", $5)
				total[$5] = 0
			}
			next
		}
		/^  / {
			if (key != "") {
				sub(/[.][.]$/, "")
				row = row cells($0, 4)
			}
			next
		}
		{
			judge()
			key = $0
			sub(/, .*/, "", key)
			if (!(key in total) || !sub(/^[^"]*"/, "")) {
				key = ""
				next
			}
			sub(/".*/, "")
			line = cells($0, 2)
			row = ""
		}
		END {
			judge()
			for (key in total) {
				calls++
				if (wrong[key] > 0 || total[key] != messages)
					print key "): " wrong[key] + 0 " of " total[key] " are not what was sent: " first[key]
			}
			if (calls != 8)
				print "of 8 calls that send there are " calls + 0
		}' shim.out - | nothing "$told:"
}

shown_as_sent() {
	unharmed "$@" || return 1
	[[ $mode == policy ]] || previews_are_sent
}

@test "memory that is overwritten as soon as the peer has the bytes: what was sent is shown" {
	memory_modes shown_as_sent reuse
}

@test "a program that relies on EFAULT" {
	local each
	bare efault
	for each in text "text TCPSHIM_DATA=all" recording policy; do
		# shellcheck disable=SC2086 # settings have no blanks
		in_mode $each
		try unharmed efault
	done
	none_failed
}

# --- Standard error that is something else by now. ---

# Sets a mode in which the library complains at exit: about a recording that is full, or a trace that was not written.
complaining_mode() {
	case $1 in
	text) in_mode text TCPSHIM_OUTPUT=/dev/full ;;
	recording) in_mode recording TCPSHIM_RECORD_SIZE=256K TCPSHIM_RECORD_FULL=stop TCPSHIM_DATA=all ;;
	*) in_mode "$1" ;;
	esac
}

events_are_lost() {
	local file
	[[ $mode == recording ]] || return 0
	for file in recording.*; do
		"$build/tcpshim" report "$file" 2>&1 >/dev/null |
			grep -Eq '[1-9][0-9]* events were lost while it was written' && return 0
	done
	fail "no report tells of lost events"
}

# number_two NAME RUN… -- KIND HOW: leaves NAME.out, NAME.err, and NAME.db if there is one.
number_two() {
	local name=$1 run=()
	shift
	while [[ $1 != -- ]]; do
		run+=("$1")
		shift
	done
	run+=("$programs/number_two" "$2" "$3" "$name.db")
	rm -f "$name".*
	case $3 in
	closed) "${run[@]}" >"$name.out" <&- 2>&- ;;
	inode) "${run[@]}" >"$name.out" 2>"$name.db" ;;
	*) "${run[@]}" >"$name.out" 2>"$name.err" ;;
	esac
}

number_two_kept() {
	rm -f recording.*
	number_two shim shim "${settings[@]}" -- "$@" || return 1
	same_behaviour || return 1
	[[ ! -s shim.err ]] || fail "$told: $*: said on standard error: $(head -n 3 shim.err)" || return 1
	if [[ -e bare.db ]]; then
		cmp bare.db shim.db || return 1
	fi
	events_are_lost
}

# Checks that what descriptor 2 is receives the same as in the bare run.
one_number_two() {
	number_two bare timeout 60 -- "$@" || return 1
	for mode in text recording policy; do
		complaining_mode "$mode"
		try number_two_kept "$@"
	done
	none_failed
}

@test "number 2 is the program's own by the time of a complaint" {
	local kind how
	told="number 2"
	for kind in database log pipe unix tcp; do
		for how in close dup2 closed; do
			beside "" one_number_two "$kind" "$how"
		done
	done
	for kind in database log; do
		beside "" one_number_two "$kind" inode
	done
	all_ended
}

# Shown: without raw_is_writable (raw.c) the pipe gets the lines, since it can be opened again for writing.
@test "a standard error that is the end of a pipe which the program reads from gets nothing" {
	local got
	mkfifo pipe
	exec 7<>pipe
	for settings in TCPSHIM_BOGUS=1 TCPSHIM_TIME=none; do
		shim "$settings" "$programs/one_write" 100 >out 2<pipe 3>&- 7>&- || fail "fails with $?"
		if read -r -t 0.3 -n 1 -u 7 got; then
			fail "$settings: the pipe got something"
		fi
	done
	exec 7>&-
}

# The healthy case: standard error did not change.
@test "standard error is what it was: it gets one line" {
	local want
	for mode in text recording; do
		complaining_mode "$mode"
		rm -f recording.*
		bare number_two stderr close
		under_library number_two stderr close
		want='^tcpshim: [0-9]+ events could not be recorded in .*, which was full'
		[[ $mode == recording ]] || want='^\*\*\* tcpshim: [0-9]+ records could not be written: ENOSPC \*\*\*$'
		[[ $(wc -l <shim.err) == 1 ]] || fail "$mode: not one line:" "$(head shim.err)"
		grep -Eq "$want" shim.err || fail "$mode: $(cat shim.err)"
		events_are_lost
	done
}

# --- The file of the trace, closed where the library does not see it. ---

# reused HOW OUTPUT: runs output_reused, and checks that the program's file is as in the bare run.
reused() {
	rm -f shim.db log*
	if [[ $2 == log ]]; then
		shim "${settings[@]}" TCPSHIM_OUTPUT=log "$programs/output_reused" "$1" log shim.db >shim.out || return 1
	else
		shim "${settings[@]}" TCPSHIM_OUTPUT="$2" "$programs/output_reused" "$1" log shim.db >shim.out 9>>log ||
			return 1
	fi
	same_behaviour || return 1
	cmp bare.db shim.db
}

reused_in_all_modes() {
	local output
	timeout 60 "$programs/output_reused" "$1" log bare.db >bare.out 9>>log || return 1
	for mode in text recording policy; do
		in_mode "$mode"
		for output in log fd:9; do
			try reused "$1" "$output"
		done
	done
	none_failed
}

@test "all descriptors closed unseen, and their numbers given to a database" {
	local how
	told="descriptors"
	for how in kept removed renamed replaced; do
		beside "" reused_in_all_modes "$how"
	done
	all_ended
}

# --- An output that accepts no more. ---

# slow_pipe large|crowded: runs it, and checks the trace.  The reader must be able to see that something was lost, once it
# reads again.
slow_pipe() {
	local size
	unharmed slow_pipe "$1" heard || return 1
	trace_has heard ">=" 1 '^\*\*\* tcpshim: [0-9]+ records? could not be written: [A-Z]+ \*\*\*$' || return 1
	for size in 2001 2002 2003 2004; do
		trace_has heard "=" 1 "^write\([0-9]+, .*, $size\)[[:blank:]]+= $size$" || return 1
	done
}

# large: records as large as the pipe.  crowded: another process fills the pipe.  With policies alone nothing is written.
@test "a full pipe as output" {
	local kind
	for kind in large crowded; do
		bare_beside "$kind" slow_pipe "$kind" heard
	done
	all_ended
	for mode in text recording; do
		in_mode "$mode"
		for kind in large crowded; do
			beside "$kind" slow_pipe "$kind"
		done
	done
	all_ended
}

# full_stderr WHAT MODE…: runs full_stderr with each kind of standard error, in each of the modes.
full_stderr() {
	local kind kinds=(crowded pipe socket terminal stopped)
	for kind in "${kinds[@]}"; do
		bare_beside "$kind" full_stderr "$kind" "$1"
	done
	all_ended
	for mode in "${@:2}"; do
		in_mode "$mode"
		for kind in "${kinds[@]}"; do
			beside "$kind" unharmed full_stderr "$kind" "$1"
		done
	done
	all_ended
}

@test "a standard error that takes no more: complaints" {
	full_stderr complaints text recording policy
}

# The trace goes to standard error, so there is no mode with a recording.
@test "a standard error that takes no more: the trace" {
	full_stderr trace text
}

# --- Output files in shared directories. ---

nobody=65534

# Lists what the directory holds: the files, their owners, and their contents.
victims() {
	find victims -printf '%p %y %U %m %n %s\n' | LC_ALL=C sort
	find victims -type f -exec cat {} +
}

make_victims() {
	mkdir -p victims/directory
	chmod 777 victims
	echo "of another user" >victims/other
	echo "of another user, for all to write" >victims/writable
	echo "linked" >victims/linked
	ln victims/linked victims/link
	echo "pointed at" >victims/pointed
	ln -s pointed victims/symlink
	ln -s nothing victims/dangling
	mkfifo victims/fifo
	chmod 666 victims/writable victims/fifo
	chown "$nobody" victims/other victims/writable victims/fifo
	exec 7<>victims/fifo
}

# refused PATH: checks that the library does not write to it.
refused() {
	shim "${settings[@]}" TCPSHIM_OUTPUT="$1" "$programs/one_write" 100 >shim.out 2>shim.err 3>&- 7<&- || {
		fail "$1: exits with $?"
		return 1
	}
	[[ $mode != policy ]] || return 0
	local lines
	lines=$(grep '^tcpshim: ' shim.err) || fail "$1 is not refused" || return 1
	[[ $lines != *$'\n'* ]] || fail "$1: not one line:" "$lines" || return 1
	[[ $lines == *"TCPSHIM_OUTPUT=\""*"$1\" cannot be written: "*". The trace goes to standard error. Use a file that can be created, for example TCPSHIM_OUTPUT=/tmp/trace.%p." ]] ||
		fail "$1: $lines" || return 1
	trace_has shim.err = 1 '^write\([0-9]+, .*, 100\)'
}

@test "an output that is somebody else's is refused, and left as it is" {
	need_root
	local path
	make_victims
	victims >before
	for mode in text recording policy; do
		in_mode "$mode"
		for path in other writable linked link symlink dangling directory fifo; do
			try refused "victims/$path"
		done
		victims >after
		diff before after >&2 || failed+=("$mode: some were changed")
		cp after before
		if read -r -t 0.05 -n 1 -u 7; then
			failed+=("$mode: the FIFO's reader got something")
			timeout 0.2 cat <&7 >/dev/null || true
		fi
	done
	none_failed
}

# allowed PATH: checks that the library writes to it without a complaint.
allowed() {
	shim "${settings[@]}" TCPSHIM_OUTPUT="$1" "$programs/one_write" 100 >shim.out 2>shim.err 3>&- 7<&- || {
		fail "$1: exits with $?"
		return 1
	}
	nothing "$1 is complained about" < <(grep '^tcpshim: ' shim.err)
}

@test "an output of one's own, or a device, is used as it is" {
	in_mode text
	echo "first line" >own
	chmod 644 own
	try allowed own
	[[ $(stat -c '%a %h' own) == "644 1" && $(head -n 1 own) == "first line" ]] || fail "own: $(stat own)"
	trace_has own = 1 '^write\([0-9]+, .*, 100\)'
	mkfifo fifo
	exec 7<>fifo
	try allowed fifo
	timeout 0.5 cat <&7 >heard || true
	trace_has heard = 1 '^write\([0-9]+, .*, 100\)'
	try allowed /dev/null
	[[ ! -s shim.err ]] || fail "/dev/null: $(cat shim.err)"
	try allowed /dev/full
	grep -Eq '^\*\*\* tcpshim: [0-9]+ records could not be written: ENOSPC \*\*\*$' shim.err
	need python3
	python3 - "$library" "$programs/one_write" >terminal 3>&- <<-'END'
		import os, subprocess, sys
		master, slave = os.openpty()
		subprocess.run([sys.argv[2], "100"], timeout=20, check=True, stderr=subprocess.DEVNULL,
		    env=dict(os.environ, LD_PRELOAD=sys.argv[1], NO_COLOR="1", TCPSHIM_TIME="none", TCPSHIM_OUTPUT=os.ttyname(slave)))
		os.close(slave)
		try:
		    while data := os.read(master, 65536):
		        sys.stdout.write(data.decode().replace("\r", ""))
		except OSError: # EIO: all is read
		    pass
	END
	trace_has terminal = 1 '^write\([0-9]+, .*, 100\)'
	none_failed
}

@test "for a user who is not root: root's files are refused, root's devices are not" {
	need_root
	need setpriv
	local path
	shared=$(mktemp -d)
	chmod 777 "$shared"
	cp "$library" "$programs/one_write" "$shared"
	cd "$shared"
	library=$shared/libtcpshim.so
	# shellcheck disable=SC2209
	programs=$shared
	shim() {
		timeout -k 5 "$limit" setpriv --reuid="$nobody" --regid="$nobody" --clear-groups env LD_PRELOAD="$library" "$@"
	}
	in_mode text
	echo "root's" >root
	mkfifo fifo
	chmod 666 root fifo
	exec 7<>fifo
	try refused root
	[[ $(cat root) == "root's" ]] || failed+=("root's file was changed")
	try refused fifo
	if read -r -t 0.05 -n 1 -u 7; then
		failed+=("the reader of root's FIFO got something")
	fi
	try allowed /dev/null
	try allowed /dev/full
	install -o "$nobody" -m 644 /dev/null own
	try allowed own
	trace_has own = 1 '^write\([0-9]+, .*, 100\)'
	none_failed
}

@test "a file of another user where a child's would be is left as it is" {
	need_root
	local file
	for mode in text recording; do
		in_mode "$mode"
		rm -f planted.*
		settings=("${settings[0]%%=*}=$PWD/planted.%p" TCPSHIM_TIME=none)
		bare planted "$PWD/bare."
		under_library planted planted.
		file=$(find . -name 'planted.*' -user "$nobody")
		[[ -n $file ]] || fail "nothing was planted"
		diff <(echo planted) "$file" || failed+=("$mode: $file was changed")
		# A recording is always a new file.  A trace that may not have its file is missing, and the child complains.
		if [[ $mode == recording ]]; then
			"$build/tcpshim" report --time=none "$file"-*Z >trace
			trace_has trace = 1 '^write\([0-9]+, .*, 21\)'
			nothing <shim.err
		else
			[[ $(wc -l <shim.err) == 1 ]] || fail "not one line:" "$(cat shim.err)"
			grep -Eq '^\*\*\* tcpshim: [0-9]+ records could not be written: [A-Z]+ \*\*\*$' shim.err ||
				fail "$(cat shim.err)"
		fi
	done
	none_failed
}

# A recording is always a new file: if its name is taken, the time is appended to it.
@test "a recording where something else is leaves that as it is" {
	need_root
	local path
	make_victims
	for path in other writable linked link symlink dangling directory fifo; do
		# shellcheck disable=SC2016 # for the inner shell, which becomes the program
		timeout 20 bash -c 'mv "victims/$1" "victims/recording.$$" && find victims -printf "%p %y %U %m %n %s\n" >before &&
			exec env LD_PRELOAD="$2" TCPSHIM_RECORD="$PWD/victims/recording.%p" "$3" 100' \
			bash "$path" "$library" "$programs/one_write" 2>shim.err 3>&- 7<&- || failed+=("$path: exits with $?")
		nothing "$path is complained about" <shim.err
		"$build/tcpshim" report --time=none victims/recording.*-*Z >trace || failed+=("$path: no recording")
		trace_has trace = 1 '^write\([0-9]+, .*, 100\)' || failed+=("$path: nothing is recorded")
		rm -f victims/recording.*-*Z
		find victims -printf "%p %y %U %m %n %s\n" >after
		diff <(grep '/' before | sort) <(grep '/' after | sort) >&2 || failed+=("$path was changed")
		rm -rf victims/recording.*
	done
	none_failed
}
