# shellcheck shell=bash disable=SC2034
# world.bash: two hosts in one machine, kang (the client) and kodos (the server), for a script to play with.
#
# Each host is a network namespace with its own addresses, sockets, timers and memory of connections; a veth
# pair is the cable between them. As root the namespaces are plain; otherwise they stand in a user namespace.
# Where neither is allowed, world_up loopback makes both hosts out of this one, without cable and timers.
#
# The caller runs under `set -euo pipefail`, gives world_up a directory of its own, and ends with world_down
# (a trap on EXIT). Nothing outlives the caller, not even a kill -9 of it: every process started here dies with
# its parent, and each namespace with its last process. Every wait has a limit, in seconds; a function that
# waits in vain says what for, and returns 1.
#
# In the directory, for each side: SIDE.in (a fifo), SIDE.out, SIDE.err, SIDE.trace, SIDE.status. Some variables are
# there for the caller to read (SC2034).

# A user's PATH often lacks where ip and nft are.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

kang_address=10.88.88.139
kodos_address=10.88.88.140
kodos_port=8080
kang_port=33226 # the only one kang's kernel may choose, so that transcripts repeat

# The library to put in front of each program; empty: the programs run bare.
world_library=
# Where each program leaves its recording, as well as its trace; empty: nowhere.
world_recordings=

world_dir=
world_kind=
kodos_has_power=1

declare -gA world_holder=()   # side -> process that keeps its namespace
declare -gA world_enter=()    # side -> the words that enter its namespace
declare -gA program_pid=()    # side -> the program that runs there
declare -gA program_input=()  # side -> our end of its standard input
declare -gA program_outlet=() # side.out, side.err -> where to, if not to the file of that name
declare -gA trace_outlet=()   # side -> TCPSHIM_OUTPUT, if not SIDE.trace
declare -gA trace_seen=()     # side -> lines its trace had before the last action
declare -gA quiet_lines=()    # side -> lines of its trace when it last grew
declare -gA quiet_since=()    # side -> and when that was
declare -ga world_fds=()      # more of our descriptors that no program may inherit

world_say() {
	printf '%s\n' "$*" >&2
}

# ---- what the machine allows

# The first missing tool, in words; nothing and 0 if all are there.
world_missing() {
	local tool
	for tool in "$@" ip ss nsenter unshare setpriv mkfifo; do
		if ! command -v "$tool" >/dev/null; then
			printf '%s is not installed (scripts/setup demo installs it)\n' "$tool"
			return 1
		fi
	done
}

# Sets world_kind to the best this machine allows: root, user or loopback.
world_probe() {
	local try='ip link set lo up && ip link add kang type veth peer name kodos'
	if unshare -n sh -c "$try" 2>/dev/null; then
		world_kind=root
	elif unshare -Urn sh -c "$try" 2>/dev/null; then
		world_kind=user
	else
		world_kind=loopback
	fi
}

# ---- waiting

# wait_until LIMIT COMMAND...: polls the command until it succeeds.
wait_until() {
	local limit=$((SECONDS + $1 + 1))
	shift
	until "$@"; do
		if ((SECONDS >= limit)); then
			world_say "waited in vain for: $*"
			return 1
		fi
		sleep 0.05
	done
}

# ---- building and tearing down

# world_run SIDE COMMAND...: runs a command on that host.
world_run() {
	local side=$1 enter
	shift
	read -ra enter <<<"${world_enter[$side]}"
	${enter[@]+"${enter[@]}"} "$@"
}

is_holder_ready() {
	[[ $(cat "/proc/$1/comm" 2>/dev/null) == sleep ]]
}

# world_hold SIDE COMMAND...: keeps alive, by a process that does nothing, the namespace that the command makes.
world_hold() {
	local side=$1 pid
	shift
	"$@" setpriv --pdeathsig KILL sleep 300 3>&- >/dev/null 2>&1 </dev/null &
	pid=$!
	world_holder[$side]=$pid
	wait_until 5 is_holder_ready "$pid"
	case $world_kind in
	root) world_enter[$side]="nsenter -t $pid -n --" ;;
	user) world_enter[$side]="nsenter -t $pid -U --preserve-credentials -n --" ;;
	esac
}

# world_sysctl SIDE NAME=VALUE...: settings below net.ipv4.
world_sysctl() {
	local side=$1
	shift
	# shellcheck disable=SC2016 # expanded on that side
	world_run "$side" bash -c \
		'for s; do echo "${s#*=}" >"/proc/sys/net/ipv4/${s%%=*}" || exit 1; done' sysctl "$@"
}

link_address() {
	world_run "$1" ip -o link show veth0 | sed -n 's/.*link\/ether \([^ ]*\).*/\1/p'
}

is_port_free() {
	[[ -z $(ss -Htan "sport = :$1") ]]
}

world_up_loopback() {
	world_kind=loopback
	kang_address=127.0.0.1
	kodos_address=127.0.0.1
	world_enter=([kang]='' [kodos]='')
	kodos_port=$((20000 + RANDOM % 10000))
	until is_port_free "$kodos_port"; do
		kodos_port=$((20000 + RANDOM % 10000))
	done
}

# world_up DIR [loopback]
world_up() {
	local side
	world_dir=$1
	mkdir -p "$world_dir"
	if [[ ${2:-} == loopback ]]; then
		world_up_loopback
		return
	fi
	[[ -n $world_kind ]] || world_probe
	case $world_kind in
	root)
		world_hold kang unshare -n
		world_hold kodos unshare -n
		;;
	user)
		world_hold kang unshare -Urn
		# shellcheck disable=SC2086 # a list of words
		world_hold kodos ${world_enter[kang]} unshare -n
		;;
	*)
		world_say "network namespaces are not allowed here, neither as root nor by unshare -Urn"
		return 1
		;;
	esac
	world_run kang ip link add veth0 type veth peer name veth1
	world_run kang ip link set veth1 netns "${world_holder[kodos]}"
	world_run kodos ip link set veth1 name veth0
	world_run kang ip addr add "$kang_address/24" dev veth0
	world_run kodos ip addr add "$kodos_address/24" dev veth0
	for side in kang kodos; do
		world_run "$side" ip link set lo up
		link_up "$side"
		# Minutes become seconds: retransmission ends after about 7 s, FIN_WAIT_2 after 4 s.
		world_sysctl "$side" tcp_retries2=3 tcp_syn_retries=1 tcp_fin_timeout=4
	done
	world_sysctl kang "ip_local_port_range=$kang_port $kang_port"
	# Beyond a router, whose address stays known, a dead host is silence. On one cable with it the kernel
	# would find after 3 s that nobody answers ARP, and call that EHOSTUNREACH, in a race with ETIMEDOUT.
	world_run kang ip neigh replace "$kodos_address" lladdr "$(link_address kodos)" dev veth0 nud permanent
}

world_down() {
	local side pid
	for side in "${!program_pid[@]}"; do
		program_kill "$side"
	done
	for pid in "${world_holder[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	world_holder=()
}

# ---- programs

# program_start SIDE COMMAND...: runs it on that host, its standard input a fifo that program_type writes to.
program_start() {
	local side=$1 fifo=$world_dir/$1.in input other enter
	local environment=(LC_ALL=C)
	shift
	if [[ -n $world_library ]]; then
		environment+=("LD_PRELOAD=$world_library"
			"TCPSHIM_OUTPUT=${trace_outlet[$side]:-$world_dir/$side.trace}")
		if [[ -n $world_recordings ]]; then
			environment+=("TCPSHIM_RECORD=$world_recordings/$side.%n.%p.tcpshim")
		fi
	fi
	mkfifo "$fifo"
	exec {input}<>"$fifo"
	program_input[$side]=$input
	(
		for other in "${program_input[@]}" "${world_fds[@]}"; do
			exec {other}>&-
		done
		# A background process of a script ignores SIGINT, and ^C would not be real.
		read -ra enter <<<"${world_enter[$side]}"
		exec ${enter[@]+"${enter[@]}"} env --default-signal=INT,QUIT \
			setpriv --pdeathsig KILL env "${environment[@]}" "$@"
	) <"$fifo" >"${program_outlet[$side.out]:-$world_dir/$side.out}" \
		2>"${program_outlet[$side.err]:-$world_dir/$side.err}" 3>&- &
	program_pid[$side]=$!
}

# program_type SIDE LINE: as if it had been typed there.
program_type() {
	trace_mark
	printf '%s\n' "$2" >&"${program_input[$1]}"
}

# program_end_input SIDE: ^D.
program_end_input() {
	local input=${program_input[$1]}
	trace_mark
	exec {input}>&-
	unset "program_input[$1]"
}

# program_interrupt SIDE: ^C.
program_interrupt() {
	trace_mark
	kill -INT "${program_pid[$1]}"
	program_await "$1" 5
}

is_program_running() {
	local pid=${program_pid[$1]:-} state=
	[[ -n $pid ]] || return 1
	read -r _ _ state _ 2>/dev/null <"/proc/$pid/stat" || true
	[[ $state == [!ZX] ]]
}

is_program_ended() {
	! is_program_running "$1"
}

# program_await SIDE LIMIT: waits for its end and leaves the exit status in SIDE.status.
program_await() {
	wait_until "$2" is_program_ended "$1"
	program_reap "$1"
}

# program_kill SIDE: no program can do anything about it.
program_kill() {
	kill -KILL "${program_pid[$1]}" 2>/dev/null || true
	program_reap "$1"
}

program_reap() {
	local status=0
	wait "${program_pid[$1]}" 2>/dev/null || status=$?
	printf '%d\n' "$status" >"$world_dir/$1.status"
	unset "program_pid[$1]"
}

has_output() {
	grep -qF -- "$2" "$world_dir/$1.out" 2>/dev/null
}

# ---- traces

trace_lines() {
	if [[ -e $world_dir/$1.trace ]]; then
		wc -l <"$world_dir/$1.trace"
	else
		echo 0
	fi
}

# Remembers where both traces stand, before something is done.
trace_mark() {
	trace_seen=([kang]=$(trace_lines kang) [kodos]=$(trace_lines kodos))
}

# trace_has SIDE PATTERN: an extended regular expression, anywhere in the trace.
trace_has() {
	grep -qE -- "$2" "$world_dir/$1.trace" 2>/dev/null
}

# Has the trace grown since the mark, and is its last call one that has not returned? Notes begin with a tab, the
# frames of a call stack with " > ".
is_settled() {
	is_program_ended "$1" && return 0
	(($(trace_lines "$1") > ${trace_seen[$1]:-0})) &&
		[[ $(grep -vE $'^(\t| > )' "$world_dir/$1.trace" | tail -n 1) == *'(sleeping...)' ]]
}

# is_quiet SIDE: has the trace stood still for 2 s? A program that waits for its user alone is not seen to sleep.
is_quiet() {
	local lines
	lines=$(trace_lines "$1")
	if [[ $lines != "${quiet_lines[$1]:-}" ]]; then
		quiet_lines[$1]=$lines
		quiet_since[$1]=$SECONDS
	fi
	((SECONDS - quiet_since[$1] > 2))
}

is_at_rest() {
	is_settled "$1" || is_quiet "$1"
}

# settle SIDE...: waits until each side has done what the last action made it do, and sleeps again (said after a
# second) or has ended. What follows then always meets the programs in the same place.
settle() {
	local side
	if [[ -z $world_library ]]; then
		sleep 1.2
		return
	fi
	quiet_lines=()
	for side in "$@"; do
		wait_until 10 is_at_rest "$side"
	done
}

# ---- the kernel's view

# state_of SIDE: the state of its connection as ss tells, or "none".
state_of() {
	local state
	state=$(world_run "$1" ss -Htan "$(state_filter "$1")" | awk '$1 != "LISTEN" { print $1; exit }')
	printf '%s\n' "${state:-none}"
}

# On loopback both ends stand in one table; they are told apart by which port is the local one.
state_filter() {
	if [[ $1 == kodos ]]; then
		printf 'sport = :%d\n' "$kodos_port"
	else
		printf 'dport = :%d\n' "$kodos_port"
	fi
}

is_state() {
	[[ $(state_of "$1") == "$2" ]]
}

# state_await SIDE STATE LIMIT
state_await() {
	wait_until "$3" is_state "$1" "$2" || {
		world_say "$1: the connection is in state $(state_of "$1"), not $2"
		return 1
	}
}

is_listening() {
	[[ -n $(world_run kodos ss -Htln "sport = :$kodos_port") ]]
}

# ---- trouble

link_up() {
	world_run "$1" ip link set veth0 up
}

link_down() {
	world_run "$1" ip link set veth0 down
}

# forget_connection: kodos's kernel loses all memory of it, as by a loss of power. The link is down, so that the
# reset that this makes goes nowhere; the program is stopped, since without power it would not see a thing either.
forget_connection() {
	world_run kodos ss -HtnK "$(state_filter kodos)" >/dev/null
	is_state kodos none || {
		world_say "this kernel cannot forget a connection (ss -K needs CONFIG_INET_DIAG_DESTROY)"
		return 1
	}
}

# power_off: kodos is gone for good.
power_off() {
	trace_mark
	kodos_has_power=0
	link_down kodos
	kill -STOP "${program_pid[kodos]}"
}

# power_cycle: kodos loses power and comes back, its address the same and its memory empty.
power_cycle() {
	trace_mark
	link_down kodos
	link_down kang
	kill -STOP "${program_pid[kodos]}"
	forget_connection
	program_kill kodos
	link_up kodos
	link_up kang
}
