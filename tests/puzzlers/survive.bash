# shellcheck shell=bash disable=SC2034,SC2154
# survive.bash: real programs on kang that wait for servers on kodos, or write to them, when kodos loses power.  Needs
# world.bash.
#
# Each program runs twice at the same time: NAME-bare under the library without a policy, and NAME with one.  The results
# of each are in the directory: NAME.out, NAME.err, NAME.trace, NAME.status (absent if it was still running at the end),
# NAME.ms (how long after the loss of power it ended).

port_hold=9001 # accepts, reads, and never answers
port_redis=9002
port_postgres=9003
port_ssh=9004

declare -gA survivor=() # NAME -> pid

# on SIDE NAME [VARIABLE=VALUE...] COMMAND...: starts it in the background, its standard input open and silent.
on() {
	local side=$1 name=$2 enter
	shift 2
	read -ra enter <<<"${world_enter[$side]}"
	${enter[@]+"${enter[@]}"} setpriv --pdeathsig KILL env "$@" <&"$silence" \
		>"$world_dir/$name.out" 2>"$world_dir/$name.err" 3>&- &
	survivor[$name]=$!
}

# client NAME [VARIABLE=VALUE...] -- COMMAND...: starts it twice, with these policies and without.
client() {
	local name=$1 variables=()
	shift
	while [[ $1 != -- ]]; do
		variables+=("$1")
		shift
	done
	shift
	clients+=("$name")
	on kang "$name-bare" LD_PRELOAD="$world_library" TCPSHIM_OUTPUT="$world_dir/$name-bare.trace" "$@"
	on kang "$name" LD_PRELOAD="$world_library" TCPSHIM_OUTPUT="$world_dir/$name.trace" "${variables[@]}" "$@"
}

is_alive() {
	local state=
	read -r _ _ state _ 2>/dev/null <"/proc/${survivor[$1]}/stat" || true
	[[ $state == [!ZX] ]]
}

is_listening_on() {
	[[ -n $(world_run kodos ss -Htln "sport = :$1") ]]
}

has_connections() {
	(($(world_run kang ss -Htn state established "dport = :$1" | wc -l) == $2))
}

# Makes the hosts, with the kernel's default numbers of retransmissions.
survive_up() {
	world_up "$1"
	world_sysctl kang 'ip_local_port_range=20000 40000' tcp_retries2=15 tcp_syn_retries=6
	mkfifo "$world_dir/silence"
	exec {silence}<>"$world_dir/silence"
	clients=()
}

survive_down() {
	local name
	for name in "${!survivor[@]}"; do
		kill -KILL "${survivor[$name]}" 2>/dev/null || true
		wait "${survivor[$name]}" 2>/dev/null || true
	done
	world_down
}

serve_hold() {
	cat >"$world_dir/hold.py" <<-'END'
		import socket, sys, threading
		listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
		kept = []
		def drain(connection):
		    while connection.recv(65536):
		        pass
		while True:
		    connection, _ = listener.accept()
		    kept.append(connection)
		    threading.Thread(target=drain, args=(connection,), daemon=True).start()
	END
	on kodos hold "$python" "$world_dir/hold.py" "$kodos_address" $port_hold
	wait_until 10 is_listening_on $port_hold
}

# power_off_and_watch SECONDS [COMMAND...]: turns kodos off, runs the command, and notes for so long which programs end when.
power_off_and_watch() {
	local begun deadline name pending=() left now
	begun=${EPOCHREALTIME/./}
	link_down kodos
	"${@:2}"
	deadline=$((begun + $1 * 1000000))
	for name in "${clients[@]}"; do
		pending+=("$name" "$name-bare")
	done
	while ((${EPOCHREALTIME/./} < deadline && ${#pending[@]} > 0)); do
		left=()
		for name in "${pending[@]}"; do
			if is_alive "$name"; then
				left+=("$name")
				continue
			fi
			now=${EPOCHREALTIME/./}
			echo $(((now - begun) / 1000)) >"$world_dir/$name.ms"
			local status=0
			wait "${survivor[$name]}" || status=$?
			echo $status >"$world_dir/$name.status"
		done
		pending=("${left[@]}")
		sleep 0.05
	done
}

# ---- the programs

java_client() {
	cat >"$world_dir/Ask.java" <<-'END'
		import java.net.URI;
		import java.net.http.*;
		public class Ask {
		    public static void main(String[] arguments) throws Exception {
		        // A GET would be tried again.
		        var request = HttpRequest.newBuilder(URI.create(arguments[0])).version(HttpClient.Version.HTTP_1_1)
		            .POST(HttpRequest.BodyPublishers.ofString("answer me")).build();
		        System.out.println(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()));
		    }
		}
	END
}

serve_redis() {
	on kodos redis redis-server --port $port_redis --bind "$kodos_address" --protected-mode no --save '' \
		--appendonly no --dir "$world_dir"
	wait_until 10 is_listening_on $port_redis
}

serve_postgres() {
	local bin place
	bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort -V | tail -n 1)
	place=$(mktemp -d /tmp/tcpshim-survive.XXXXXX)
	postgres_place=$place
	chown postgres "$place"
	runuser -u postgres -- "$bin/initdb" -D "$place/data" -A trust -U postgres --no-sync >"$world_dir/initdb.out" 2>&1
	echo "host all all 0.0.0.0/0 trust" >>"$place/data/pg_hba.conf"
	on kodos postgres runuser -u postgres -- "$bin/postgres" -D "$place/data" -p $port_postgres \
		-h "$kodos_address" -k ''
	wait_until 20 is_listening_on $port_postgres
}

serve_ssh() {
	mkdir -p /run/sshd
	ssh-keygen -q -t ed25519 -N '' -f "$world_dir/host_key"
	ssh-keygen -q -t ed25519 -N '' -f "$world_dir/client_key"
	cp "$world_dir/client_key.pub" "$world_dir/authorized_keys"
	cat >"$world_dir/sshd_config" <<-END
		ListenAddress $kodos_address
		Port $port_ssh
		HostKey $world_dir/host_key
		AuthorizedKeysFile $world_dir/authorized_keys
		PermitRootLogin prohibit-password
		PasswordAuthentication no
		StrictModes no
		UsePAM no
		PidFile none
	END
	printf '[%s]:%s %s\n' "$kodos_address" $port_ssh "$(cut -d' ' -f1,2 "$world_dir/host_key.pub")" \
		>"$world_dir/known_hosts"
	on kodos sshd /usr/sbin/sshd -D -e -f "$world_dir/sshd_config"
	wait_until 10 is_listening_on $port_ssh
}

# ---- the stories

# Plays that everybody waits, and nothing is under way.
survive_waiting() {
	local keepalive=TCPSHIM_KEEPALIVE=1s,1s,3 held=2
	serve_hold
	client nc $keepalive -- nc.openbsd -n "$kodos_address" $port_hold
	client python $keepalive -- "$python" -c 'import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.recv(1)' "$kodos_address" $port_hold
	held=4
	if command -v java >/dev/null; then
		java_client
		client java $keepalive -- java "$world_dir/Ask.java" "http://$kodos_address:$port_hold/"
		held=6
	fi
	if command -v redis-server >/dev/null; then
		serve_redis
		client redis $keepalive TCPSHIM_FORCE=on -- redis-cli -h "$kodos_address" -p $port_redis subscribe news
		wait_until 10 has_connections $port_redis 2
	fi
	if ((EUID == 0)); then
		serve_postgres
		serve_ssh
		client psql $keepalive -- psql -h "$kodos_address" -p $port_postgres -U postgres postgres \
			-c 'select pg_sleep(100)'
		client ssh $keepalive -- ssh -F none -i "$world_dir/client_key" -p $port_ssh \
			-o UserKnownHostsFile="$world_dir/known_hosts" -o IdentitiesOnly=yes -o BatchMode=yes \
			"$(id -un)@$kodos_address" 'echo there; sleep 100'
		wait_until 10 has_connections $port_postgres 2
		wait_until 10 grep -q there "$world_dir/ssh.out"
		wait_until 10 grep -q there "$world_dir/ssh-bare.out"
	fi
	wait_until 20 has_connections $port_hold $held
	sleep 1.5 # all requests are on their way, and acknowledged
	power_off_and_watch 8
}

# Plays that everybody writes after the loss of power, and that some connect.
survive_writing() {
	local port=$port_hold name variables
	# The programs write after the loss of power: each waits for a file.
	cat >"$world_dir/say.py" <<-'END'
		import os, socket, sys, time
		s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
		s.sendall(b"before\n")
		while not os.path.exists(sys.argv[3]):
		    time.sleep(0.02)
		s.sendall(b"x" * 1000)
		s.recv(1)
	END
	cat >"$world_dir/call.py" <<-'END'
		import os, socket, sys, time
		while not os.path.exists(sys.argv[3]):
		    time.sleep(0.02)
		socket.create_connection((sys.argv[1], int(sys.argv[2])))
	END
	serve_hold
	client keepalive TCPSHIM_KEEPALIVE=1s,1s,3 -- "$python" "$world_dir/say.py" "$kodos_address" "$port" "$world_dir/dark"
	client timeout TCPSHIM_USER_TIMEOUT=3s -- "$python" "$world_dir/say.py" "$kodos_address" "$port" "$world_dir/dark"
	client both TCPSHIM_KEEPALIVE=1s,1s,3 TCPSHIM_USER_TIMEOUT=auto -- "$python" "$world_dir/say.py" \
		"$kodos_address" "$port" "$world_dir/dark"
	client connect TCPSHIM_USER_TIMEOUT=3s -- "$python" "$world_dir/call.py" "$kodos_address" "$port" "$world_dir/dark"
	client nc-connect TCPSHIM_USER_TIMEOUT=3s -- sh -c "until [ -e '$world_dir/dark' ]; do sleep 0.02; done
		exec nc.openbsd -n $kodos_address $port"
	wait_until 20 has_connections "$port" 6
	sleep 0.5
	power_off_and_watch 9 touch "$world_dir/dark"
}
