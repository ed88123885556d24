#!/usr/bin/env bats
#
# What a diagnosis costs: time grows with the calls, memory with the connections.

# shellcheck disable=SC2154

load findings

# cost: prints the CPU time and the greatest memory of a diagnosis, and its last line.
cost() {
	"$python" - "$tcpshim" diagnose "$recordings" <<-'END'
		import resource, subprocess, sys
		words = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout.splitlines()[-1]
		used = resource.getrusage(resource.RUSAGE_CHILDREN)
		print(used.ru_utime + used.ru_stime, used.ru_maxrss, words)
	END
}

# calls: prints how many a diagnosis saw.
calls() { sed -nE 's/.* ([0-9]+) calls?, .*/\1/p' <<<"$*"; }

# The limit of 2 s per million is CPU time.
@test "a million calls on a hundred connections: time, and memory that does not grow with the calls" {
	need redis-server redis-benchmark
	local port few many
	port=$(free_port)
	start redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no >redis.log
	await 20 listening "$port"
	anew few
	recorded TCPSHIM_RECORD_SIZE=512M redis-benchmark -p "$port" -n 10000 -c 100 -t get -q >benchmark.out
	read -ra few <<<"$(cost)"
	anew many
	recorded TCPSHIM_RECORD_SIZE=512M redis-benchmark -p "$port" -n 160000 -c 100 -t get -q >benchmark.out
	read -ra many <<<"$(cost)"
	printf '# | %s calls: %s s of CPU time, %s KB\n' "$(calls "${few[@]}")" "${few[@]:0:2}" \
		"$(calls "${many[@]}")" "${many[@]:0:2}" >&3
	awk -v calls="$(calls "${many[@]}")" -v seconds="${many[0]}" \
		'BEGIN { exit !(calls > 1000000 && seconds < 2 * calls / 1000000) }' || fail "${many[@]}"
	((many[1] < few[1] + 16384)) || fail "memory grew from ${few[1]} KB to ${many[1]} KB"
}

@test "twenty thousand connections to ten thousand peers" {
	local costs
	recorded TCPSHIM_RECORD_SIZE=512M "$python" "$sources/peers.py" 10000
	read -ra costs <<<"$(cost)"
	printf '# | %s calls, 20000 connections: %s s of CPU time, %s KB\n' "$(calls "${costs[@]}")" "${costs[@]:0:2}" >&3
	[[ "${costs[*]:2}" == '10000 connections in 10001 groups, '*': nothing wrong.' ]] || fail "${costs[@]}"
	awk -v seconds="${costs[0]}" 'BEGIN { exit !(seconds < 2) }' || fail "${costs[@]}"
	((costs[1] < 100000)) || fail "${costs[@]}"
}
