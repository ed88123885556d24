# readme.bats: what the README shows is what comes out: its transcript, its commands, the notes of its table of symptoms, and
# no name that does not exist.

# shellcheck disable=SC2154,SC2016,SC2030,SC2031 # repository and library come from common.bash; backquotes are the README's
load ../common

setup() {
	common_setup
	PATH=$build:$PATH
	export LD_LIBRARY_PATH=$build # where LD_PRELOAD=libtcpshim.so is looked for
	mkdir recordings
	chmod 1777 recordings
}

# serve SYMPTOM [COMMAND...]: a server of symptoms.py on $port, its process in $last.
serve() {
	port=$(free_port)
	start "${@:2}" python3 "$repository/tests/e2e/symptoms.py" "$port" "$1"
	await 30 listening "$port"
}

# The commands of the blocks, and of the table of symptoms, without their comments.
readme_commands() {
	sed -n '/^```sh$/,/^```$/p' "$repository/README.md" | grep -v '^```' | sed 's/  *#.*//'
	sed -n 's/^| [^|]* | `\(tcpshim [^`]*\)` | .*/\1/p' "$repository/README.md"
}

# row COMMAND: the row of the table of symptoms has this command, and the notes that are printed by it.
row() {
	local line id
	line=$(grep -F "| \`$1\` |" "$repository/README.md")
	for id in "${@:2}"; do
		[[ $line == *"$id"* ]] || fail "the row of $1 does not have $id"
		grep -qF -- "$id" seen || fail "$1 does not show $id:" "$(cat seen)"
	done
}

@test "the README's transcript is the tests' own" {
	sed -n '/^Base time stamp/,/^```$/p' "$repository/README.md" | sed '/^```$/,$d' >shown
	[[ -s shown ]]
	"$repository/tests/puzzlers/normalise" <shown >normalised
	diff -u "$repository/tests/puzzlers/expected/2-nc.openbsd.kang.trace" normalised
}

@test "no name in the README is made up, and one that is would be found" {
	"$repository/scripts/check-readme" "$build"
	printf '`peer-fun` `tcpshim --keepalives` TCPSHIM_TRICE `make dub` `frob()` `shim/none.c`\n' >wrong.md
	run "$repository/scripts/check-readme" "$build" "$PWD/wrong.md"
	((status == 1 && ${#lines[@]} == 6))
}

@test "every command in the README does what it should" {
	local command count=0
	need curl nc
	serve idle
	local served=$port
	mkdir live
	start tcpshim --record="$PWD/live" nc -l 127.0.0.1 "$(free_port)"
	await 10 compgen -G 'live/nc.*.tcpshim'
	local pid
	pid=$(compgen -G 'live/nc.*.tcpshim' | sed 's/.*\.\([0-9]*\)\.tcpshim/\1/')
	while read -r command; do
		((++count))
		[[ $command != make\ * ]] || continue # what check-readme knows
		command=${command//https:\/\/example.org/http://127.0.0.1:$served}
		command=${command//HOST 8080/127.0.0.1 $served}
		command=${command//PROGRAM/curl -s http://127.0.0.1:$served/}
		command=${command//\/var\/tmp/$PWD/recordings}
		command=${command//FILE/$(compgen -G 'recordings/*' || true)}
		command=${command//PID/$pid}
		timeout 20 bash -c "$command" <<<hello >out 2>err || fail "$command ends with $?:" "$(cat out err)"
		cat out err >>all
	done < <(readme_commands)
	((count >= 15)) || fail "only $count commands were found"
	tcpshim explain reset-peer-forgot | grep -q '^reset-peer-forgot'
	grep -q '\[connected\]$' all
}

# Addresses, times and places in nc's code differ from run to run; so do the ends of lines.
same_but_for_numbers() {
	tr '\n' ' ' | sed -E 's/ at [^ ]*\(.*\)\. / at PLACE. /; s/[0-9]+(\.[0-9]+)?/N/g; s/ +/ /g; s/:N > /:N > /'
}

@test "the README's rehearsal is what comes out" {
	need nc
	serve idle
	(echo hello && sleep 15) | timeout 20 tcpshim rehearse power-off --limit=6s nc 127.0.0.1 "$port" 2>seen || [[ $? == 3 ]]
	sed -n '/^\$ tcpshim rehearse/,/^```$/p' "$repository/README.md" | sed '1d; $d' | same_but_for_numbers >shown
	diff -u shown <(same_but_for_numbers <seen) || fail "$(cat seen)"
}

@test "the README's lines for a systemd unit set what they should" {
	need nc
	local settings
	mapfile -t settings < <(sed -n 's/^Environment=//p' "$repository/README.md" | tr ' ' '\n' | sed "s,=/usr/local/lib/,=$build/,")
	((${#settings[@]} >= 4))
	env "${settings[@]}" nc -z 127.0.0.1 1 2>&1 | nothing
	env "${settings[@]}" TCPSHIM_TRACE=all nc -z 127.0.0.1 1 2>&1 | grep -c '\[policy-\(keepalive\|user-timeout\)\]' >count
	[[ $(<count) == 2 ]]
}

@test "symptom: a reset on a reused connection" {
	serve idle
	tcpshim --record=recordings python3 "$repository/tests/e2e/symptoms.py" "$port" request
	tcpshim report --note=warn recordings/* >seen
	row 'tcpshim report --note=warn FILE' stale-reuse reset-after-fin data-lost
	tcpshim diagnose recordings/* | grep -q '^!! peer-idle-limit: python3' || fail "$(tcpshim diagnose recordings/*)"
}

@test "symptom: sockets in CLOSE_WAIT" {
	need nc
	serve leak tcpshim --record=recordings
	echo one | timeout 5 nc -N 127.0.0.1 "$port" || true
	local pid
	pid=$(compgen -G 'recordings/*' | sed 's/.*\.\([0-9]*\)\.tcpshim/\1/')
	await 5 eval "tcpshim netstat $pid | grep CLOSE_WAIT >seen"
	tcpshim report --connections recordings/* | grep CLOSE_WAIT >>seen
	row 'tcpshim netstat PID' CLOSE_WAIT peer-fin
}

@test "symptom: a program hangs" {
	need nc
	serve hang
	local wait="import select, socket; select.select([socket.create_connection(('127.0.0.1', $port))], [], [])"
	start tcpshim --output="$PWD/seen" python3 -c "$wait"
	start tcpshim --record=recordings python3 -c "$wait"
	await 20 grep -q 'no-failure-detection' seen
	await 20 compgen -G 'recordings/*'
	await 20 eval "tcpshim netstat recordings/* | grep -q 'select.*sleeping'"
	row 'tcpshim PROGRAM' '(sleeping...)' no-failure-detection
}

@test "symptom: a proxy answers 502" {
	local upstream proxy
	need nginx curl
	serve early
	upstream=$port
	proxy=$(free_port)
	cat >nginx.conf <<-CONFIG
		$( ((EUID)) || echo 'user root;')
		pid $PWD/nginx.pid;
		error_log $PWD/nginx.log;
		daemon off;
		events { worker_connections 64; }
		http {
		    access_log off;
		    client_body_temp_path $PWD/body; proxy_temp_path $PWD/proxy; fastcgi_temp_path $PWD/fastcgi;
		    uwsgi_temp_path $PWD/uwsgi; scgi_temp_path $PWD/scgi;
		    server {
		        listen 127.0.0.1:$proxy;
		        location /refused { proxy_pass http://127.0.0.1:1; }
		        location /early { proxy_pass http://127.0.0.1:$upstream; }
		    }
		}
	CONFIG
	start tcpshim --record=recordings nginx -c "$PWD/nginx.conf"
	await 30 listening "$proxy"
	for path in refused early; do
		[[ $(curl -s -o page -w '%{http_code}' "http://127.0.0.1:$proxy/$path") == 502 ]]
	done
	tcpshim report --match=role=client --note recordings/* >seen
	row 'tcpshim report --match=role=client --note FILE' connect-refused peer-fin
}

@test "symptom: an upload is slow" {
	need curl
	# curl waits by poll for a peer that has stopped reading, a second at most.
	head -c 10000000 /dev/zero >large
	serve stopped
	timeout 10 tcpshim -E --data=0 --output="$PWD/stopped" curl -s -T large "http://127.0.0.1:$port/" &
	started+=($!)
	await 10 grep -q 'peer-window-closed' stopped
	# Whether the window is open when a blocking write is announced is a matter of chance: several connections.
	for _ in {1..5}; do
		serve slow
		tcpshim -E --data=0 --output="$PWD/slow" python3 "$repository/tests/e2e/symptoms.py" "$port" upload
		! grep -q 'send-buffer-full' slow || break
	done
	grep -h '^	[-!]' stopped slow >seen
	row 'tcpshim -E PROGRAM' send-buffer-full peer-window-closed
}

@test "dnc -s polls a dead socket: spinning, once" {
	local port
	need "$build/dnc"
	mkfifo typed
	: >server.err
	timeout 20 "$build/dnc" -l -p 0 2>server.err >server.out </dev/null &
	started+=($!)
	for _ in {1..50}; do
		port=$(sed -n 's/.*listening on 127.0.0.1 port //p' server.err)
		[[ -z $port ]] || break
		sleep 0.1
	done
	[[ -n $port ]]
	TCPSHIM_OUTPUT=$PWD/trace LD_PRELOAD=$library timeout 20 "$build/dnc" -s 127.0.0.1 "$port" \
		<typed >client.out 2>client.err &
	started+=($!)
	exec 7>typed
	await 10 grep -q 'sleeping' trace
	# The kernel at the server's end sends FIN, and then RST in answer to what arrives later.
	kill "${started[0]}"
	await 10 grep -q '\[peer-fin\]$' trace
	echo "anybody there?" >&7
	await 10 grep -q '\[spinning\]$' trace
	exec 7>&-
	trace_has trace = 1 '\[peer-fin\]$'
	trace_has trace = 1 '\[reset-after-fin\]$'
	trace_has trace = 1 '\[spinning\]$'
}
