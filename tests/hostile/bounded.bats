#!/usr/bin/env bats
#
# What belongs to the program must stay the program's: its memory, its time, its descriptors, its disk.  Each program runs
# bare and with a trace, a recording and policies.  It must get as much as it got bare.

# bats runs each test in a subshell of its own, settings is for hostile.bash, and functions are handed over by name.
# shellcheck disable=SC2154,SC2030,SC2031,SC2034,SC2317,SC2119,SC2120

load ../common
load hostile

recording=(TCPSHIM_RECORD=recording.%p)
policies=(TCPSHIM_TRACE=none TCPSHIM_KEEPALIVE=on TCPSHIM_USER_TIMEOUT=auto TCPSHIM_CLOSE_ON_EOF=fin)

# use text|recording|policy: sets the settings, and removes what an earlier run left.
use() {
	rm -rf trace.* recording.* shim.out shim.err
	case $1 in
	text) settings=(TCPSHIM_OUTPUT=trace.%p TCPSHIM_TIME=none) ;;
	recording) settings=("${recording[@]}") ;;
	policy) settings=("${policies[@]}") ;;
	esac
}

# under MODE PROGRAM [ARG…]: runs it traced, after use MODE, with all checks.  bare has run.
under() {
	local mode=$1
	shift
	use "$mode"
	traced "$@" || fail "with $mode" || return 1
	same_behaviour || fail "with $mode" || return 1
	[[ $mode == policy ]] && return
	trace_as_expected || fail "with $mode" || return 1
	traces_are_whole
}

# each_mode PROGRAM [ARG…]: runs it bare, and then in each mode.
each_mode() {
	local mode
	bare "$@"
	for mode in text recording policy; do
		under "$mode" "$@"
	done
}

# Prints the MiB that address_space could allocate, from its standard error.
allocated() {
	sed -n 's/^allocated \([0-9]*\) MiB$/\1/p' "$1"
}

# has_as_much MODE [SLACK]: checks that it allocated as much as the bare run, less what a library may take.
has_as_much() {
	local bare_mib shim_mib
	bare_mib=$(allocated bare.err)
	shim_mib=$(allocated shim.err)
	echo "# $1: $bare_mib MiB bare, $shim_mib under the library" >&2
	((shim_mib + ${2:-8} >= bare_mib)) || fail "with $1: $shim_mib MiB, bare $bare_mib"
	# The library said nothing else, such as that nothing is recorded.
	grep -v '^allocated ' shim.err | nothing "with $1:"
}

memory_is_kept() {
	local mode
	bare address_space "$@"
	for mode in text recording policy; do
		under "$mode" address_space "$@"
		has_as_much "$mode"
	done
}

@test "RLIMIT_AS of 100 MB: malloc gets as much as bare" {
	ulimit -v 102400
	memory_is_kept before
}

@test "RLIMIT_AS of 400 MB: malloc gets as much as bare" {
	ulimit -v 409600
	memory_is_kept before
}

@test "RLIMIT_AS set by the program after its first socket: malloc gets as much as bare" {
	memory_is_kept after
}

@test "mlockall(MCL_FUTURE) before the first socket: neither time nor locked memory" {
	each_mode locked_memory future
}

@test "mlockall(MCL_CURRENT|MCL_FUTURE) after the first socket: neither time nor locked memory" {
	each_mode locked_memory all
}

@test "mlockall(MCL_CURRENT) after the first socket: neither time nor locked memory" {
	each_mode locked_memory current
}

# Runs what follows as a user without privileges, to whom limits apply, in a directory that this user can enter.
nobody_setup() {
	need setpriv
	need_root
	open_folder=$(mktemp -d /tmp/tcpshim-hostile.XXXXXX)
	cp "$programs/locked_memory" "$programs/address_space" "$library" "$open_folder"
	cd "$open_folder" || return 1
	chmod 777 .
	programs=$PWD
	library=$PWD/${library##*/}
	as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
}

bare_as_nobody() {
	timeout -k 5 "$limit" "${as_nobody[@]}" "$programs/$1" "${@:2}" >bare.out 2>bare.err ||
		fail "$1 $2 fails bare, with $?:" "$(said bare.out | head -n 20)" "$(tail -n 20 bare.err)"
}

shim() {
	timeout -k 5 "$limit" "${as_nobody[@]}" env LD_PRELOAD="$library" "$@"
}
as_nobody=()

@test "RLIMIT_MEMLOCK of 8 MB, not root: mlockall succeeds as it does bare" {
	local way mode
	nobody_setup
	ulimit -l 8192
	for way in future all current; do
		bare_as_nobody locked_memory "$way"
		for mode in text recording policy; do
			under "$mode" locked_memory "$way"
		done
	done
}

@test "RLIMIT_MEMLOCK of 8 MB, not root, all locked: malloc gets as much as bare" {
	local mode
	nobody_setup
	ulimit -l 8192
	bare_as_nobody address_space locked
	for mode in text recording policy; do
		under "$mode" address_space locked
		has_as_much "$mode" 3
	done
}

# --- tmpfs. ---

# group_make: makes a memory control group with a limit below this process's own, in $group.  teardown removes it.
group_make() {
	local line own root
	if line=$(grep -m 1 ':memory:' /proc/self/cgroup); then
		root=$(findmnt -n -t cgroup -O memory -o TARGET | head -n 1)
		own=$root${line#*:*:}
		limit_file=memory.limit_in_bytes
	else
		root=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
		line=$(grep -m 1 '^0::' /proc/self/cgroup) || line=
		own=$root${line#0::}
		limit_file=memory.max
	fi
	[[ -n $root && -d $own ]] || skip "not on this machine: no memory control group here"
	# In a namespace of control groups, or with version 2's rule of leaves, it may be impossible.
	mkdir "$own/tcpshim-test-$$" 2>/dev/null || skip "not on this machine: no control group can be made in $own"
	group=$own/tcpshim-test-$$
	[[ -e $group/$limit_file ]] || skip "not on this machine: no memory limits in $group"
	echo "$1" >"$group/$limit_file" 2>/dev/null || skip "not on this machine: no limit can be set in $group"
}

group=
open_folder=
teardown() {
	common_teardown
	if [[ -n $open_folder ]]; then
		cd /
		rm -rf "$open_folder"
	fi
	if [[ -n $group && -d $group ]]; then
		await 5 rmdir "$group" 2>/dev/null || true
	fi
	nothing_failed
}

# on_tmpfs COMMAND…: runs it with a tmpfs of its own at ./tmpfs, which is removed afterwards.
on_tmpfs() {
	mkdir -p tmpfs
	# shellcheck disable=SC2016 # for the inner shell
	unshare -m bash -c 'mount -t tmpfs -o size=2g none tmpfs && "$@"' bash "$@"
}

@test "a long recording on tmpfs, in a memory control group of 100 MB: no OOM kill" {
	need unshare findmnt
	need_root
	group_make 100M
	cat >in_group <<-END
		#!/bin/sh
		echo \$\$ >"$group/cgroup.procs"
		exec timeout -k 5 50 "\$@"
	END
	cat >recorded <<-END
		#!/bin/sh
		./in_group env LD_PRELOAD="$library" TCPSHIM_RECORD=tmpfs/recording.%p TCPSHIM_DATA=all "\$@"
		echo \$? >status
		stat -c '# %s bytes, %b blocks' tmpfs/recording.* >&3
		"$build/tcpshim" report --time=none tmpfs/recording.* | head -n 10000 | grep -c '^write(' >written
	END
	chmod +x in_group recorded
	on_tmpfs ./in_group "$programs/long_recording" 160 >bare.out || fail "fails bare, with $?"
	on_tmpfs ./recorded "$programs/long_recording" 160 >shim.out 2>shim.err
	(($(cat status) == 0)) || fail "fails under the library, with $(cat status):" "$(tail -n 5 shim.err)"
	diff bare.out shim.out
	(($(cat written) >= 5)) || fail "$(cat written) writes are in it"
	(($(grep -c '^tcpshim: .*(tmpfs)' shim.err) == 1)) || fail "not said once:" "$(cat shim.err)"
}

# The healthy case: with more memory allowed, the library complains about nothing.
@test "a recording on tmpfs, in a memory control group of 64 GB: as large as ever" {
	need unshare findmnt
	need_root
	group_make 64G
	cat >recorded <<-END
		#!/bin/sh
		echo \$\$ >"$group/cgroup.procs"
		timeout -k 5 20 env LD_PRELOAD="$library" TCPSHIM_RECORD=tmpfs/recording.%p "$programs/stay" go >ready &
		until grep -q ready ready 2>/dev/null; do sleep 0.05; done
		stat -c %s tmpfs/recording.* >size
		touch go
		wait \$!
	END
	chmod +x recorded
	on_tmpfs timeout 30 ./recorded >shim.out 2>shim.err
	# Except if the groups above it have less.
	[[ -s shim.err ]] || (($(cat size) > 250 << 20)) || fail "$(cat size) bytes"
	grep -v "the cgroup's memory limit" shim.err | nothing "said:"
}

# --- How many recordings are kept. ---

# keep PROGRAM [ARG…]: records it in kept, which keeps at most 20 recordings that have ended.  Messages go to errors.
keep() {
	TCPSHIM_RECORD=$PWD/kept TCPSHIM_RECORD_KEEP=20 LD_PRELOAD=$library timeout -k 5 30 "$@" 2>>errors 3>&-
}

# start_stay N: starts a process that runs until there is a file named go.  It is ready when stayN says so.
start_stay() {
	start_shim TCPSHIM_RECORD="$PWD/kept" TCPSHIM_RECORD_KEEP=20 "$programs/stay" go >"stay$1" 2>>errors
}

is_ready() {
	grep -q ready "stay$1"
}

# Fills the directory kept with what must stay in it: the recording of a process that runs on, and files that are not ours.
kept_setup() {
	mkdir kept elsewhere
	: >errors
	shim TCPSHIM_RECORD="$PWD/elsewhere" "$programs/one_write" 3>&-
	cp elsewhere/*.tcpshim before
	ln -s ../before kept/link.1.tcpshim
	echo "not a recording" >kept/text.1.tcpshim
	head -c 100000 /dev/urandom >kept/one_write.12345.tcpshim
	: >kept/empty.2.tcpshim
	mkdir kept/folder.1.tcpshim
	cp before kept/recording-of-another-name
	touch -d '2001-01-01' kept/*
	start_stay 0
	stay=$last
	await 10 is_ready 0
	running=$(echo kept/stay.*.tcpshim)
	[[ -e $running ]] || fail "no recording: $(ls kept)"
	(cd kept && find . -mindepth 1 | LC_ALL=C sort) >must_stay
}

kept_check() {
	local count
	(cd kept && find . -mindepth 1 | LC_ALL=C sort) >there
	LC_ALL=C comm -23 must_stay there | nothing "removed, but not to be removed:"
	[[ $(cat kept/text.1.tcpshim) == "not a recording" ]]
	count=$(LC_ALL=C comm -13 must_stay there | grep -c 'tcpshim$')
	echo "# $count finished recordings" >&2
	((count <= 20)) || fail "$count finished recordings are left"
	((count >= 15)) || fail "only $count finished recordings are left"
	touch go
	finish "$stay" || fail "stay fails with $?"
	nothing "said:" <errors
	"$build/tcpshim" report --time=none "$running" >text
	(($(grep -c '^write(.*= 514$' text) == 1))
}

@test "TCPSHIM_RECORD_KEEP=20: 200 processes one after the other leave 20 recordings" {
	kept_setup
	for ((i = 0; i < 200; i++)); do
		keep "$programs/one_write"
	done
	# The newest ones are kept.
	# shellcheck disable=SC2016 # for the inner shell
	newest=$(keep bash -c 'echo $$; exec "$0"' "$programs/one_write")
	compgen -G "kept/one_write.*$newest.tcpshim" >/dev/null || fail "the last one's is not there"
	kept_check
}

@test "TCPSHIM_RECORD_KEEP=20: 200 processes eight at a time leave 20 recordings" {
	kept_setup
	for ((i = 0; i < 25; i++)); do
		local pids=()
		for ((j = 0; j < 8; j++)); do
			keep "$programs/one_write" &
			pids+=($!)
		done
		for pid in "${pids[@]}"; do
			wait "$pid"
		done
	done
	keep "$programs/one_write"
	kept_check
}

@test "TCPSHIM_RECORD_KEEP=20: recordings of processes that were killed count, of those that run do not" {
	local pids=() i
	mkdir kept
	for ((i = 0; i < 25; i++)); do
		start_stay "$i"
		pids+=("$last")
	done
	for ((i = 0; i < 25; i++)); do
		await 10 is_ready "$i"
	done
	find kept -name 'stay.*.tcpshim' | LC_ALL=C sort >running
	(($(wc -l <running) == 25)) || fail "$(wc -l <running) of 25 recordings are there"
	for ((i = 0; i < 60; i++)); do
		keep "$programs/one_write"
	done
	find kept -name 'stay.*.tcpshim' | LC_ALL=C sort | diff running - || fail "a running process lost its recording"
	(($(find kept -name 'one_write.*.tcpshim' | wc -l) <= 20)) ||
		fail "$(find kept -name 'one_write.*' | wc -l) finished recordings"
	for pid in "${pids[@]}"; do
		kill -KILL "$pid"
		wait "$pid" || true
	done
	started=()
	for ((i = 0; i < 20; i++)); do
		keep "$programs/one_write"
	done
	(($(find kept -name '*.tcpshim' | wc -l) <= 20)) || fail "$(find kept -name '*.tcpshim' | wc -l) finished recordings"
	nothing "said:" <errors
}

# --- A recording that wraps. ---

# 31 blocks of 32,656 bytes, with 40 bytes per read or write, hold 25,296.  Some blocks are being filled or hold other
# records.
flight() {
	local order=$1 way count bad=0
	settings=("${recording[@]}" TCPSHIM_RECORD_FULL=wrap TCPSHIM_RECORD_SIZE=1M)
	for way in return pthread_exit cancel SYS_exit raw_exit; do
		rm -f trace.* recording.*
		bare dead_threads "$way" "$order"
		shim "${settings[@]}" "$programs/dead_threads" "$way" "$order" >shim.out 2>shim.err || fail "$way: fails with $?" || return 1
		"$build/tcpshim" report --time=none recording.* 2>>said >events
		count=$(grep -Ec '^([0-9/]+:	)?(read|write)\(' events)
		echo "# $way, $order: $count events kept" >&2
		((count >= 20000)) || bad=$((bad + 1))
		# Forty threads at once need more blocks than there are.
		[[ $order == at-once ]] || nothing "said:" <shim.err || return 1
	done
	((bad == 0)) || fail "too few events are kept"
}

@test "a flight recorder keeps as much after 40 threads have ended, one after the other" {
	flight in-turn
}

@test "a flight recorder keeps as much after 40 threads have ended, one after the other, joined later" {
	flight unjoined
}

@test "a flight recorder keeps as much after 40 threads have ended, all at once" {
	flight at-once
}

# --- Exit. ---

# exits COUNT BYTES SETTING…: checks that each of COUNT runs gives its whole output and exit status 0.
exits() {
	mkdir -p made
	bare exit_race 20 "$2" made
	shim TCPSHIM_RECORD="$PWD/made/recording.%p" TCPSHIM_DATA=all "${@:3}" "$programs/exit_race" "$1" "$2" made \
		>shim.out 2>shim.err || fail "fails with $?:" "$(cat shim.out)"
	echo "# $(tail -n 1 shim.err), with $*" >&2
	same_behaviour || fail "$(tail -n 5 shim.err)"
}

@test "threads go on with traced calls during exit, the recording wraps: output complete, no SIGBUS" {
	exits 300 3000 TCPSHIM_RECORD_FULL=wrap
}

@test "threads go on with traced calls during exit, the recording wraps, a slow reader: output complete, no SIGBUS" {
	exits 300 200000 TCPSHIM_RECORD_FULL=wrap
}

@test "threads go on with traced calls during exit, the recording stops: output complete, no SIGBUS" {
	exits 100 3000 TCPSHIM_RECORD_FULL=stop
	exits 100 200000 TCPSHIM_RECORD_FULL=stop
}

# --- Waits. ---

# same_times: compares bare.err and shim.err, lines of a name, a time in ms, and more: times must be within 200 ms, all
# else must be the same.
same_times() {
	paste -d ' ' <(grep -E '^[a-z_0-9]+ [0-9]+' bare.err | sort) <(grep -E '^[a-z_0-9]+ [0-9]+' shim.err | sort) | awk '
		{
			half = NF / 2
			bad = NF % 2 != 0 || NF == 0 || $1 != $(half + 1)
			for (i = 2; i <= half; i++) {
				away = $i - $(half + i)
				if (i == 3 || i == 4 ? away != 0 : away > 200 || away < -200)
					bad = 1
			}
			if (bad)
				print "bare:", $0
		}
		END { if (NR == 0) print "nothing measured" }'
}

# Reports a difference only if it occurs three times, since a loaded machine may be late.
stopped() {
	local mode attempt
	for attempt in 1 2 3; do
		: >difference
		bare stopped_waits "$1" "$2" &
		local pids=($!)
		for mode in text recording policy; do
			use "$mode"
			mkdir -p "$mode"
			shim "${settings[@]}" "$programs/stopped_waits" "$1" "$2" >"$mode/out" 2>"$mode/err" &
			pids+=($!)
		done
		for pid in "${pids[@]}"; do
			wait "$pid"
		done
		for mode in text recording policy; do
			cp "$mode/err" shim.err
			same_times | sed "s/^/with $mode: /" >>difference
		done
		[[ -s difference ]] || return 0
	done
	sed 's/^/# /' bare.err >&2
	fail "name, ms, result, errno, ms left; the bare run and the other:" "$(cat difference)"
}

@test "waits that are stopped and continued in their second second last as long as bare" {
	stopped 1300 3200
}

@test "waits that are stopped and continued in their first second last as long as bare" {
	stopped 400 1600
}

# --- The clock. ---

no_tsc() {
	"$programs/no_tsc" probe || skip "not on this machine: its counter cannot be forbidden"
	"$programs/no_tsc" "$1" >bare.out 2>bare.err || skip "not on this machine: it does not live bare either, with $?"
	each_mode no_tsc "$1"
}

@test "the time-stamp counter forbidden before the first traced call" {
	no_tsc first
}

@test "the time-stamp counter forbidden after some traced calls" {
	no_tsc later
}

@test "the time-stamp counter forbidden through syscall()" {
	no_tsc syscall
}

@test "the time-stamp counter forbidden for one thread" {
	no_tsc thread
}

@test "the time-stamp counter forbidden before exec" {
	no_tsc exec
}

# faked ORDER FAKETIME: preloads the library that fakes the time before ours, or after it.
faked() {
	local faketime preload mode attempt order=$1
	[[ -z ${BARE_MAY_FAIL:-} ]] || skip "not on this machine: libfaketime is glibc's"
	faketime=$(ldd "$programs/faked_time" | sed -nE 's,.* /.*/([^/]+)/libc\.so.*,/usr/lib/\1/faketime/libfaketime.so.1,p')
	if [[ ! -e $faketime ]]; then
		[[ ${CI:-} != true ]] || fail "libfaketime is not installed"
		skip "libfaketime is not installed"
	fi
	case $order in
	before) preload="$faketime $library" ;;
	behind) preload="$library $faketime" ;;
	esac
	for attempt in 1 2 3; do
		: >difference
		rm -f faked.text
		FAKETIME=$2 LD_PRELOAD=$faketime timeout -k 5 40 "$programs/faked_time" >bare.out 2>bare.err &
		local pids=($!)
		for mode in text recording policy; do
			use "$mode"
			[[ $mode != text ]] || settings=(TCPSHIM_OUTPUT=faked.text "TCPSHIM_TIME=base,elapsed")
			mkdir -p "$mode"
			env "${settings[@]}" FAKETIME="$2" LD_PRELOAD="$preload" timeout -k 5 40 \
				"$programs/faked_time" >"$mode/out" 2>"$mode/err" &
			pids+=($!)
		done
		for pid in "${pids[@]}"; do
			wait "$pid"
		done
		for mode in text recording policy; do
			cp "$mode/err" shim.err
			same_times | sed "s/^/with $mode: /" >>difference
		done
		[[ -s difference ]] || break
	done
	[[ ! -s difference ]] || fail "name, ms; the bare run and the other:" "$(cat difference)"
	# Stamps never go back, and never go further than the program may have run.
	awk -F '\t' '$1 ~ /^ *[0-9]+\.[0-9]+$/ {
		if ($1 + 0 < last || $1 + 0 > 100 || $2 + 0 > 100)
			print
		last = $1 + 0
	}' faked.text | nothing "times that make no sense:"
	grep -q 'left-open-at-exit' faked.text || fail "$(tail -n 5 faked.text)"
	grep -E 'open for ([0-9.]+ (h|d)|[0-9]{3,})' faked.text | nothing "ages that make no sense:"
}

@test "a library that fakes the time, a day ahead and twice as fast, preloaded before" {
	faked before '+1d x2'
}

@test "a library that fakes the time, a day ahead and twice as fast, preloaded behind" {
	faked behind '+1d x2'
}

@test "a library that fakes the time, a year back and half as fast, preloaded before and behind" {
	faked before '-1y x0.5'
	faked behind '-1y x0.5'
}

@test "a child in a time namespace: no age of a thousand days" {
	need_root
	each_mode time_namespace
}

# --- Surroundings. ---

# without_proc_check: checks what the run left: a recording that can be read, or one line with the true cause.
without_proc_check() {
	local file
	file=$(compgen -G "$1/one_write*" | head -n 1) || file=
	if [[ -n $file ]]; then
		"$build/tcpshim" report --time=none "$file" >text || fail "cannot be read"
		grep -q '^write(.*= 1000$' text || fail "$(head text)"
		nothing "said:" <shim.err
	else
		grep -q '^tcpshim: .*/proc' shim.err || fail "no recording, and the cause is not named:" "$(cat shim.err)"
	fi
}

@test "no /proc: it is recorded, or the cause is named" {
	need unshare
	need_root
	mkdir made
	# shellcheck disable=SC2016 # for the inner shell
	unshare -m bash -c 'umount -l /proc && exec "$@"' bash timeout -k 5 20 env LD_PRELOAD="$library" \
		TCPSHIM_RECORD="$PWD/made" "$programs/one_write" >shim.out 2>shim.err 3>&- || fail "fails with $?"
	without_proc_check made
}

@test "a chroot without /proc, /sys and /dev: it is recorded, or the cause is named" {
	need unshare chroot
	need_root
	mkdir made root
	# shellcheck disable=SC2016 # for the inner shell
	unshare -m bash -c 'mount --bind / root && exec chroot root "$@"' bash timeout -k 5 20 env LD_PRELOAD="$library" \
		TCPSHIM_RECORD="$PWD/made" "$programs/one_write" >shim.out 2>shim.err 3>&- || fail "fails with $?"
	without_proc_check made
}

@test "a socket closed under TCP_REPAIR: no note tells of a FIN" {
	need_root
	each_mode repair_close
}

@test "left open at exit though the peer has closed: CLOSE_WAIT" {
	each_mode left_half_closed
}

# --- Descriptors. ---

@test "a hard limit of descriptors: as many as bare, recorded and with policies" {
	ulimit -n 64
	bare exhaustion
	under recording exhaustion
	under policy exhaustion
	nothing "said:" <shim.err
}

@test "a soft limit of descriptors raised to the hard one: as many as bare, recorded and with policies" {
	ulimit -Sn 48
	ulimit -Hn 128
	bare all_descriptors
	under recording all_descriptors
	nothing "said:" <shim.err
	under policy all_descriptors
	nothing "said:" <shim.err
}

low_descriptors() {
	local mode file bad=0
	bare low_descriptors "$1"
	for mode in recording policy; do
		use "$mode"
		shim "${settings[@]}" "$programs/low_descriptors" "$1" >shim.out 2>shim.err || fail "fails with $?" || return 1
		echo "# $mode, $1: $(cat shim.out), $(tail -n 1 shim.err)" >&2
		for file in recording.*; do
			[[ -e $file ]] || continue
			if grep -qF THIS-WAS-WRITTEN "$file"; then
				echo "the program's bytes are in $file" >>bad
			elif ! "$build/tcpshim" report --time=none "$file" >text 2>&1; then
				echo "$file is not read" >>bad
			fi
		done
		same_behaviour || bad=$((bad + 1))
	done
	[[ ! -e bad ]] || fail "$(wc -l <bad) recordings are spoilt:" "$(head -n 3 bad)" || return 1
	((bad == 0))
}

# Shown: with libc's clone instead of raw_clone_thread (aside.c), musl's refuses, and the recording is opened in the calling
# thread: descriptors are seen, and the program's bytes get into the recording.
@test "0 to 2 closed at exit: the library takes none of them, and no byte of the program's gets into its recording" {
	low_descriptors end
}

@test "0 to 2 closed before the first traced call: the library takes none of them" {
	low_descriptors start
}

# Shown: if identity_start_over (identity.c) opens /proc/self/stat in the calling thread, descriptors are seen.
@test "0 to 2 closed, and threads before the first traced call of a new process: the library takes none of them" {
	low_descriptors new
}

# --- Names. ---

# pid_one COUNT SETTING: runs so many processes one after the other, each the first of a namespace.  The file order lists
# what each made.
pid_one() {
	local i
	mkdir -p made
	: >order
	: >shim.err
	for ((i = 0; i < $1; i++)); do
		timeout -k 5 20 unshare --pid --fork --mount-proc env LD_PRELOAD="$library" "$2" "$programs/one_write" 2>>shim.err 3>&- || fail "fails with $?" || return 1
		find made -type f -printf '%f\n' | LC_ALL=C sort >there
		LC_ALL=C sort order | LC_ALL=C comm -13 - there >new
		cat new >>order
	done
	nothing "said:" <shim.err
}

@test "15 processes with the same number in one directory: 15 recordings, named in the order of their start" {
	need unshare
	need_root
	local before after
	before=$(date -u +%Y%m%dT%H%M%S)
	pid_one 15 TCPSHIM_RECORD="$PWD/made"
	after=$(date -u +%Y%m%dT%H%M%S)
	(($(wc -l <order) == 15)) || fail "$(wc -l <order) recordings:" "$(cat order)"
	grep -Evx 'one_write\.[0-9]{8}T[0-9]{6}\.[0-9]{6}Z\.1\.tcpshim' order | nothing "names:"
	LC_ALL=C sort -c order || fail "not in order:" "$(cat order)"
	awk -F . -v before="$before" -v after="$after" '$2 < before || $2 > after' order | nothing "not the time of start:"
}

@test "15 processes with the same number and a path with %p: 15 recordings, none of another's" {
	need unshare
	need_root
	pid_one 15 TCPSHIM_RECORD="$PWD/made/x.%p"
	(($(wc -l <order) == 15)) || fail "$(wc -l <order) recordings:" "$(cat order)"
	[[ $(head -n 1 order) == x.1 ]] || fail "the first is $(head -n 1 order)"
	tail -n +2 order | grep -Ev '^x\.1[^0-9]' | nothing "names:"
}
