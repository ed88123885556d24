# shellcheck shell=bash disable=SC2034,SC2154
# timers.bash: more scenarios: which timer ends a connection, or a reset that comes first.  Needs world.bash and
# scenarios.bash.
#
# scenario_NAME CLIENT plays one, as scenario_N does.

elsewhere=192.0.2.1 # where no route of kang leads

# ---- a reset while data is being retransmitted

# Prints how often in a row kang's retransmission timer has run out: the last number of ss's timer, as in (on,1.2sec,3).
retransmits_of_kang() {
	world_run kang ss -Htno "$(state_filter kang)" | sed -n 's/.*timer:(on,[^,]*,\([0-9]*\)).*/\1/p'
}

is_retransmitting() {
	(($(retransmits_of_kang) >= $1))
}

has_probed() {
	[[ $(world_run "$1" ss -Htno "$(state_filter "$1")") == *"timer:(keepalive,"*,"$2)"* ]]
}

# Reconnects the cable between two retransmissions; nobody at its other end knows the connection any more.
forgotten() {
	begin "$1"
	tell "kodos loses power. Nothing reaches kang"
	power_off
	forget_connection
	program_kill kodos
	[[ $2 == soon ]] || stay_silent
	tell "kang types: $farewell"
	program_type kang "$farewell"
	wait_until 5 is_retransmitting 3
	tell "kodos is back while kang's kernel is still sending it again"
	trace_mark
	link_up kodos
	state_await kang none 5
	settle kang
	finish
}

scenario_forgotten_soon() { forgotten "$1" soon; }
scenario_forgotten_late() { forgotten "$1" late; }

# ---- timers that the program set

# power_off_and_write CLIENT OPTION...: turns kodos off; kang writes at once.
power_off_and_write() {
	client_options=("${@:2}")
	begin "$1"
	power_off
	program_type kang "$farewell"
	state_await kang none 20
	settle kang
	finish
}

# power_off_and_wait CLIENT OPTION...: turns kodos off; kang has nothing to send.
power_off_and_wait() {
	client_options=("${@:2}")
	begin "$1"
	power_off
	state_await kang none 20
	settle kang
	finish
}

scenario_user_timeout() { power_off_and_write "$1" -u 3000; }
scenario_keepalive() { power_off_and_wait "$1" -k 2,1,3; }
scenario_keepalive_writing() { power_off_and_write "$1" -k 1,1,2; }
scenario_keepalive_and_smaller() { power_off_and_wait "$1" -k 1,4,3 -u 2000; }
scenario_keepalive_and_larger() { power_off_and_wait "$1" -k 1,1,2 -u 5000; }

# reset_by_probe CLIENT PROBES OPTION...: so many probes go unanswered.  The last probe is answered after all, by a kernel
# that does not know the connection: a reset, although every probe was needed.
reset_by_probe() {
	client_options=("${@:3}")
	begin "$1"
	power_off
	forget_connection
	program_kill kodos
	wait_until 10 has_probed kang "$2"
	link_up kodos
	state_await kang none 10
	settle kang
	finish
}

scenario_keepalive_forgotten() { reset_by_probe "$1" 2 -k 2,1,3; }
scenario_keepalive_and_larger_forgotten() { reset_by_probe "$1" 3 -k 1,1,2 -u 5000; }

# ---- a router or a neighbour that says no

# Lets the first line through; then the firewall of kodos answers that there is no such host.
scenario_icmp_unreachable() {
	begin "$1"
	world_run kodos nft 'add table ip no; add chain ip no in { type filter hook input priority 0; };
		add rule ip no in reject with icmp type host-unreachable'
	program_type kang "$farewell"
	state_await kang none 20
	settle kang
	finish
}

# Stops the answers to ARP.
scenario_arp_unanswered() {
	begin "$1"
	world_sysctl kang neigh/veth0/mcast_solicit=1 neigh/veth0/retrans_time_ms=400
	world_run kodos ip link set veth0 arp off
	world_run kang ip neigh del "$kodos_address" dev veth0
	program_type kang "$farewell"
	state_await kang none 20
	settle kang
	finish
}

# ---- a connect that comes to nothing

connect_in_vain() {
	local client
	mapfile -t client < <(client_command "$1")
	program_start kang "${client[@]}"
	program_await kang 20
}

scenario_connect_refused() { connect_in_vain "$1"; }

scenario_connect_timed_out() {
	link_down kodos
	connect_in_vain "$1"
}

scenario_connect_user_timeout() {
	client_options=(-u 1500)
	scenario_connect_timed_out "$1"
}

scenario_connect_no_route() {
	kodos_address=$elsewhere
	connect_in_vain "$1"
}

# Connects to an address on kang's own cable that nobody has.
scenario_connect_no_neighbour() {
	kodos_address=${kodos_address%.*}.141
	world_sysctl kang neigh/veth0/mcast_solicit=1 neigh/veth0/retrans_time_ms=400
	connect_in_vain "$1"
}

scenario_connect_prohibited() {
	world_run kodos nft 'add table ip no; add chain ip no in { type filter hook input priority 0; };
		add rule ip no in reject with icmp type admin-prohibited'
	connect_in_vain "$1"
}

# ---- a peer that has stopped reading

shrink_buffers() {
	world_sysctl kang 'tcp_wmem=4096 4096 4096'
	world_sysctl kodos 'tcp_rmem=4096 4096 4096'
}

# type_much SIDE: types more than both buffers hold, and not more than a fifo does.
type_much() {
	trace_mark
	printf '%059999d\n' 0 >&"${program_input[$1]}"
}

has_received_all() {
	(($(wc -c <"$world_dir/kodos.out") == 60022)) # the greeting, and much
}

is_kang_window_closed() {
	[[ $(world_run kang ss -Htno "$(state_filter kang)") == *'timer:(persist,'* ]]
}

stop_reading() {
	client_options=("${@:2}")
	shrink_buffers
	begin "$1"
	kill -STOP "${program_pid[kodos]}"
	type_much kang
	wait_until 10 is_kang_window_closed
}

# Lets the reader go on after a while, so that nothing is lost.
window() {
	stop_reading "$@"
	settle kang
	sleep 3
	kill -CONT "${program_pid[kodos]}"
	wait_until 10 has_received_all
	settle kang
}

scenario_window() { window "$1"; }
scenario_window_polled() { window "$1" -w; }

# Keeps the window closed: the peer's kernel answers every probe, and a user timeout ends the connection all the same.
window_to_the_end() {
	stop_reading "$@"
	state_await kang none 20
	settle kang
	finish
}

scenario_window_user_timeout() { window_to_the_end "$1" -u 3000; }
scenario_window_polled_user_timeout() { window_to_the_end "$1" -w -u 3000; }

# Turns the machine off while its window is closed.
window_power_off() {
	stop_reading "$@"
	power_off
	state_await kang none 30
	settle kang
	finish
}

scenario_window_power_off() { window_power_off "$1"; }
scenario_window_polled_power_off() { window_power_off "$1" -w; }

# ---- a policy at the peer's end of stream

# Plays scenario 4 with a policy, so that the client's end follows the server's: both sides agree, whatever the client does.
end_with() {
	client_environment=("TCPSHIM_CLOSE_ON_EOF=$2")
	begin "$1"
	program_interrupt kodos
	settle kang
	state_await kang none 2
	state_await kodos "$3" 2
	tell "kang still keeps its socket. It types: $farewell"
	program_type kang "$farewell"
	settle kang
	finish
}

scenario_end_fin() { end_with "$1" fin TIME-WAIT; }
scenario_end_rst() { end_with "$1" rst none; }
