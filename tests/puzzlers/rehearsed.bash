# shellcheck shell=bash disable=SC2034,SC2154
# rehearsed.bash: scenarios that are played twice: with a real failure, and rehearsed while the peer lives on.  Needs
# world.bash and scenarios.bash.
#
# The caller sets `way` to real, rehearsed or deaf (rehearsed by a minimum TTL).  happens_NAME CLIENT plays one scenario.
# CLIENT is as in play, or ask-WAIT for ask.py, which takes the steps of `steps`.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=$(python3 -c 'import sys; print(sys.executable)')
calm=2s # a rehearsal begins after such a silence; nobody types so slowly
steps=()
server_options=()
witness=

client_command() {
	case $1 in
	ask-*) printf '%s\n' "$python" -SEB "$here/ask.py" "${1#ask-}" "$kodos_address" "$kodos_port" "${steps[@]}" ;;
	dnc) printf '%s\n' "$dnc_program" "${client_options[@]}" "$kodos_address" "$kodos_port" ;;
	*) printf '%s\n' "$1" -n "${client_options[@]}" "$kodos_address" "$kodos_port" ;;
	esac
}

server_command() {
	case $1 in
	nc.traditional) printf '%s\n' nc.traditional -n -l -s "$kodos_address" -p "$kodos_port" ;;
	ncat) printf '%s\n' ncat -n -l "$kodos_address" "$kodos_port" ;;
	*) printf '%s\n' nc.openbsd -n "${server_options[@]}" -l "$kodos_address" "$kodos_port" ;;
	esac
}

# will SCENARIO [SETTING]: what the client rehearses, unless the failure is to be real.
will() {
	local setting=$1${2:+,$2}
	[[ $way != real ]] || return 0
	[[ $way != deaf ]] || setting+=,by=deaf
	client_environment+=("TCPSHIM_REHEARSE=$setting")
}

# serve CLIENT: starts the server that belongs to it.  It runs without the library.
serve() {
	local server library=$world_library
	mapfile -t server < <(server_command "$1")
	world_library=
	program_start kodos "${server[@]}"
	world_library=$library
	wait_until 5 is_listening
}

ask() {
	local client
	mapfile -t client < <(client_command "$1")
	program_start kang env "${client_environment[@]}" "${client[@]}"
}

# meet CLIENT: makes a connection over which one line has gone; the client waits for more.
meet() {
	serve "$1"
	ask "$1"
	[[ $1 == ask-* ]] || program_type kang "$greeting"
	wait_until 10 has_output kodos "$greeting"
	is_quick || exit 75
	trace_mark
	# A rehearsal comes by itself; who waits for a line of its user does not sleep in a call.
	[[ $way != real || $1 == ask-* && ${steps[1]} == line ]] || rest "$1"
}

# Is the retransmission timeout near its minimum? It is not if this machine was too busy to answer at once.
is_quick() {
	world_run kang ss -Htin "$(state_filter kang)" | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^rto:/) rto = substr($i, 5) }
		END { exit !(rto > 0 && rto < 660) }'
}

# rest CLIENT: waits until it has done what the last action made it do.
rest() {
	if [[ $1 == ask-nonblocking ]]; then
		sleep 1.5 # it never sleeps in a call
	else
		settle kang
	fi
}

# fails COMMAND...: the failure: a command makes it, or the rehearsal comes by itself.
fails() {
	trace_mark
	if [[ $way == real ]]; then
		"$@"
	else
		wait_until 20 trace_has kang $'\trehearse\\('
	fi
}

# say_farewell CLIENT: the programs that people type into are silent before, so that the peer counts as silent.  Before ask.py
# writes, it must be silent for as long as before a rehearsal.
say_farewell() {
	if [[ $1 != ask-* ]]; then
		stay_silent
	elif [[ $way == real ]]; then
		sleep "$calm"
	fi
	program_type kang "$farewell"
}

# ends CLIENT LIMIT: waits until kang's connection has ended, and its program.
ends() {
	state_await kang none "$2"
	rest "$1"
	finish
}

# start_witness: leaves in the file `wire` what reaches kodos (../stories/witness.py).
start_witness() {
	local enter
	read -ra enter <<<"${world_enter[kodos]}"
	${enter[@]+"${enter[@]}"} setpriv --pdeathsig KILL "$python" -SEB "$here/../stories/witness.py" veth0 \
		"$world_dir/wire" 3>&- &
	witness=$!
	wait_until 10 test -e "$world_dir/wire"
}

# ---- the peer's end of stream

# The server ends; the client closes as well.
happens_graceful() {
	steps=(greet read state error peer)
	will peer-closes idle=$calm
	meet "$1"
	fails program_interrupt kodos
	rest "$1"
	finish
}

# The server sends its end of stream and goes on reading.
happens_half_close() {
	steps=(greet read state error peer read line write pause write error read)
	server_options=(-N)
	will peer-closes idle=$calm
	meet "$1"
	fails program_end_input kodos
	rest "$1"
	program_type kang "$farewell"
	wait_until 5 has_output kodos "$farewell"
	finish
}

# The server has closed; the client goes on.
nothing_failed() {
	will half-open idle=$calm
	meet "$1"
	fails program_interrupt kodos
	rest "$1"
	say_farewell "$1"
	state_await kang none 5
	rest "$1"
	if is_program_running kang && [[ $1 != ask-* ]]; then
		program_type kang "$farewell"
		settle kang
	fi
	finish
}

happens_half_open() {
	steps=(greet read state line write pause event error peer name read write write)
	nothing_failed "$1"
}

happens_half_open_writes() {
	steps=(greet read line write pause write error write)
	nothing_failed "$1"
}

# ---- the peer loses its power

# vanish: nothing answers for kodos's address any more. The cable keeps its carrier, as up to a router: without one, kang's
# own kernel would not send at all.
vanish() {
	world_run kodos ip addr flush dev veth0
	kill -STOP "${program_pid[kodos]}"
}

is_carrying() {
	world_run "$1" ip link show veth0 | grep -q 'state UP'
}

cycle() {
	will power-cycle idle=$calm
	meet "$1"
	fails power_cycle
	wait_until 5 is_carrying kang
	wait_until 5 is_carrying kodos
	say_farewell "$1"
	ends "$1" 5
	[[ $way == real ]] || peer_lives_on
}

# Checks that the peer knows nothing of it, until it sends.
peer_lives_on() {
	state_await kodos ESTAB 1
	if [[ -n $witness ]]; then
		world_run kodos "$python" -SEc 'names, values = [line.split() for line in open("/proc/net/netstat")][:2]
print(values[names.index("TCPMD5Unexpected")])' >"$world_dir/kodos.unexpected"
		cp "$world_dir/wire" "$world_dir/wire.before"
	fi
	program_type kodos "$greeting"
	state_await kodos none 5
	[[ -z $witness ]] || wait_until 5 grep -q ' in 33226 8080 R ' "$world_dir/wire" || true
}

happens_cycle_witnessed() {
	start_witness
	happens_cycle "$1"
}

happens_cycle() {
	steps=(greet line write read state error peer name read event write write)
	cycle "$1"
}

happens_cycle_writes() {
	steps=(greet line write pause write error write)
	cycle "$1"
}

happens_cycle_error() {
	steps=(greet line write pause event state error event read write)
	cycle "$1"
}

# What the peer had sent before is not read.
happens_cycle_unread() {
	steps=(greet line write pause write pause error write read read)
	will power-cycle idle=$calm
	meet "$1"
	program_type kodos "$greeting"
	fails power_cycle
	wait_until 5 is_carrying kang
	wait_until 5 is_carrying kodos
	say_farewell "$1"
	program_await kang 15
}

happens_cycle_killed() {
	steps=(greet line write read sigpipe write)
	cycle "$1"
}

happens_off() {
	steps=(greet line write read state error peer name read write)
	will power-off idle=$calm
	meet "$1"
	fails vanish
	say_farewell "$1"
	rest "$1"
	trace_mark
	ends "$1" 15
	[[ $way == real ]] || state_await kodos ESTAB 1
}

# ---- timers that the program has set, or a policy

keepalive_of() {
	if [[ $1 == ask-* ]]; then
		client_environment+=("TCPSHIM_KEEPALIVE=2s,1s,3")
	else
		client_options=(-k "2,1,3")
	fi
}

happens_keepalive() {
	steps=(greet read state error peer name read write)
	keepalive_of "$1"
	will power-off idle=$calm
	meet "$1"
	fails vanish
	[[ $way == real ]] || rest "$1"
	trace_mark
	ends "$1" 15
}

# A probe is answered with a reset.
happens_cycle_keepalive() {
	steps=(greet read state error peer name read write)
	keepalive_of "$1"
	will power-cycle idle=$calm
	meet "$1"
	fails power_cycle
	ends "$1" 15
}

happens_user_timeout() {
	steps=(greet line write read state error peer read write)
	if [[ $1 == ask-* ]]; then
		client_environment+=("TCPSHIM_USER_TIMEOUT=3s")
	else
		client_options=(-u 3000)
	fi
	will power-off idle=$calm
	meet "$1"
	fails vanish
	program_type kang "$farewell"
	rest "$1"
	trace_mark
	ends "$1" 15
}

# ---- connecting

# Nothing answers, really or as rehearsed.
happens_unreachable() {
	steps=(state error peer name)
	will unreachable
	serve "$1"
	[[ $way != real ]] || vanish
	ask "$1"
	program_await kang 20
}

happens_refused() {
	steps=(state error peer name connect write read)
	will refused
	[[ $way == real ]] || serve "$1"
	ask "$1"
	program_await kang 20
}
