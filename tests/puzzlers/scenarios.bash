# shellcheck shell=bash disable=SC2154
# scenarios.bash: the four scenarios, for the tests and for the demo.  Needs world.bash.
#
# scenario_N CLIENT plays scenario N with that client.  kodos runs the same program as its server, or nc.openbsd if the
# client is dnc.  Each step waits until both programs sleep again, and checks what ss shows of both sides, so that a
# scenario either goes as described or fails.  The caller may define `tell` (prints a step, in words) and `show_states`
# (prints the states at a point of interest); here they do nothing.

greeting='kodos, are you there?' # 22 bytes with its newline
farewell='kodos, anybody there?' # 22 bytes as well
silence_seconds=6.5              # more than the 5 s after which a connection counts as silent
dnc_program=dnc
client_options=()     # before the address and the port
client_environment=() # VARIABLE=VALUE

tell() { :; }
show_states() { :; }

# client_command and server_command: the words that start a client or a server of a kind.
client_command() {
	case $1 in
	dnc) printf '%s\n' "$dnc_program" "${client_options[@]}" "$kodos_address" "$kodos_port" ;;
	*) printf '%s\n' "$1" -n "${client_options[@]}" "$kodos_address" "$kodos_port" ;;
	esac
}

server_command() {
	case $1 in
	dnc | nc.openbsd) printf '%s\n' nc.openbsd -n -l "$kodos_address" "$kodos_port" ;;
	nc.traditional) printf '%s\n' nc.traditional -n -l -s "$kodos_address" -p "$kodos_port" ;;
	ncat) printf '%s\n' ncat -n -l "$kodos_address" "$kodos_port" ;;
	esac
}

# begin: makes a connection over which one line has gone; both programs wait for more.
begin() {
	local server client
	mapfile -t server < <(server_command "$1")
	mapfile -t client < <(client_command "$1")
	tell "kodos waits for a connection: ${server[*]##*/}"
	trace_mark
	program_start kodos "${server[@]}"
	wait_until 5 is_listening
	settle kodos
	tell "kang connects: ${client[*]##*/}"
	trace_mark
	program_start kang env "${client_environment[@]}" "${client[@]}"
	state_await kang ESTAB 5
	settle kang kodos
	tell "kang types: $greeting"
	program_type kang "$greeting"
	wait_until 5 has_output kodos "$greeting"
	settle kang kodos
	show_states
}

# stay_silent: waits longer than a pause.  After it what the kernel knows of the peer is old.
stay_silent() {
	tell "nothing is said for $silence_seconds seconds"
	sleep "$silence_seconds"
}

# finish: types ^D for a client that still waits for its user.
finish() {
	if is_program_running kang; then
		tell "kang types ^D: it has nothing more to say"
		program_end_input kang
	fi
	program_await kang 5
}

# Scenario 1, graceful exit: the server ends, and its kernel sends a FIN.
scenario_1() {
	begin "$1"
	tell "^C on kodos: the server ends, and its kernel sends FIN"
	program_interrupt kodos
	settle kang
	show_states
	finish
	state_await kang none 5
	show_states
}

# Scenario 2, power cycle: the server's host loses all memory of the connection and comes back.
scenario_2() {
	begin "$1"
	tell "kodos loses power and comes back. Nothing reaches kang: no FIN, no reset"
	power_cycle
	state_await kang ESTAB 1
	show_states
	stay_silent
	tell "kang types into the silence: $farewell"
	program_type kang "$farewell"
	state_await kang none 5
	settle kang
	finish
	show_states
}

# Scenario 3, power off: the server's host never comes back.
scenario_3() {
	begin "$1"
	tell "kodos loses power, and does not come back. Nothing reaches kang"
	power_off
	state_await kang ESTAB 1
	show_states
	stay_silent
	tell "kang types into the silence: $farewell"
	program_type kang "$farewell"
	settle kang
	show_states
	trace_mark
	tell "kang's kernel sends it again and again (here for 7 seconds; by default for a quarter of an hour)"
	state_await kang none 15
	settle kang
	finish
	show_states
}

# Scenario 4, nothing failed: the server closes, the client keeps its socket.
scenario_4() {
	begin "$1"
	tell "^C on kodos: the server ends, and its kernel sends FIN"
	program_interrupt kodos
	settle kang
	state_await kang CLOSE-WAIT 5
	state_await kodos FIN-WAIT-2 5
	show_states
	stay_silent
	[[ $world_kind == loopback ]] || state_await kodos none 5
	state_await kang CLOSE-WAIT 1
	show_states
	tell "kang still keeps its socket. It types: $farewell"
	program_type kang "$farewell"
	state_await kang none 5
	settle kang
	show_states
	if is_program_running kang; then
		tell "kang types once more"
		program_type kang "$farewell"
		settle kang
	fi
	finish
}
