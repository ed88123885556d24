# readme.bats: the README shows what really comes out, and a program that polls a dead socket gets the note on it.

# shellcheck disable=SC2154 # repository and library come from common.bash
load ../common

@test "the README's transcript is the tests' own" {
	sed -n '/^Base time stamp/,/^```$/p' "$repository/README.md" | sed '$d' >shown
	[[ -s shown ]]
	"$repository/tests/puzzlers/normalise" <shown >normalised
	diff -u "$repository/tests/puzzlers/expected/2-nc.openbsd.kang.trace" normalised
}

@test "dnc -s polls a dead socket: spinning, once" {
	local port
	need "$build/dnc"
	mkfifo typed
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
