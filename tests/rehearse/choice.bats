#!/usr/bin/env bats
#
# When, how long, and on which connections: what the options choose fails, and nothing else does.
#
# Shown: with every= turned round in rehearsal_chooses (rehearsal.c), other connections fail than 3, 6 and 9.

# rehearse.bash reads what is set here.
# shellcheck disable=SC2154,SC2034

load rehearse

# failed NAME: the program's own list of what failed is that of the verdict.
failed() {
	local listed
	listed=$(jq -sr 'map(select(.rehearsal) | .conn) | sort | join(" ")' "$1.json")
	[[ $(<"$1.out") == "$listed" ]] || fail "$1: the program lists $(<"$1.out"), the verdict $listed" "$(told "$1")"
}

@test "every, share with a seed, the Nth: those connections and no others" {
	need jq
	peer echo
	local program=("$python" "$sources/many.py" 127.0.0.1 "$port" 9) seed
	rehearse third power-off --every=3 --limit=20s "${program[@]}"
	rehearse one half-open --at=connect:4 --limit=20s "${program[@]}"
	rehearse all power-off --limit=30s "$python" "$sources/many.py" ::1 "$port" 3
	for seed in 7 8 7; do
		rehearse "seed$seed${#plays[@]}" half-open --share=40% --seed="$seed" --limit=20s \
			"$python" "$sources/many.py" 127.0.0.1 "$port" 40
	done
	rehearse none power-off --at=connect:20 --limit=20s "${program[@]}"
	over
	verdict third 0
	failed third
	[[ $(<third.out) == "3 6 9" ]] || fail "$(told third)"
	verdict one 0
	failed one
	[[ $(<one.out) == 4 ]] || fail "$(told one)"
	verdict none 125
	says none 'nothing was rehearsed: none of the 9 connections'
	[[ -z $(<none.out) ]] || fail "$(told none)"
	failed seed73
	failed seed84
	failed seed75
	cmp seed73.out seed75.out
	! cmp -s seed73.out seed84.out || fail "two seeds, one choice" "$(cat seed73.out)"
	local count
	count=$(wc -w <seed73.out)
	((count >= 6 && count <= 26)) || fail "$count of 40 are not 40%"
	verdict all 0 '.noticed_by == "close"' '.failed_connects == 1' # a peer that is off answers nobody
	says all TimeoutError
}

# Without the variable, and with it for other connections, nothing fails.
@test "a rehearsal that concerns others, or is off: nothing changes" {
	need jq
	peer echo
	local value said
	for value in off power-off,at=accept:1 half-open,every=100 unreachable,at=connect:50; do
		said=$(as_ordinary LD_PRELOAD="$library" TCPSHIM_REHEARSE="$value" TCPSHIM_OUTPUT="$place/trace" \
			"$python" "$sources/many.py" 127.0.0.1 "$port" 9) || fail "$value"
		[[ -z $said ]] || fail "$value: failed: $said"
		trace_is_healthy trace
		trace_has trace = 0 rehears
		rm -f trace
	done
	said=$(as_ordinary LD_PRELOAD="$library" TCPSHIM_REHEARSE=power-off TCPSHIM_MATCH=port=1 TCPSHIM_OUTPUT="$place/trace" \
		"$python" "$sources/many.py" 127.0.0.1 "$port" 9)
	[[ -z $said ]] || fail "TCPSHIM_MATCH: failed: $said"
}

# A seed that was not given is printed, and repeats the choice.
@test "the seed in the text" {
	peer echo
	local seed first second
	first=$(as_ordinary "$place/tcpshim" rehearse half-open --share=50% --verdict="$place/text" --limit=20s \
		"$python" "$sources/many.py" 127.0.0.1 "$port" 40) || fail "$(cat text)"
	seed=$(sed -nE 's/.*--seed=([0-9]+) repeats the choice.*/\1/p' text)
	[[ -n $seed ]] || fail "$(cat text)"
	second=$(as_ordinary "$place/tcpshim" rehearse half-open --share=50% --seed="$seed" --verdict="$place/text2" --limit=20s \
		"$python" "$sources/many.py" 127.0.0.1 "$port" 40)
	[[ -n $first && $first == "$second" ]] || fail "$first" "$second"
}

# The client waits in a read while it happens.  Of what is written, the peer gets nothing; with by=deaf it gets all.
@test "when: after, idle, the Nth read; how: md5, deaf" {
	need nc.openbsd jq
	peer line
	local listening=(nc.openbsd 127.0.0.1 "$port")
	rehearse after power-off --after=2s --limit=6s "${listening[@]}"
	rehearse read power-off --at=read:3 --limit=6s "${listening[@]}"
	rehearse kept power-off --after=1s --keepalive=1s,1s,2 --limit=12s "${listening[@]}"
	peer echo echoed
	local typed='line %02d' way
	typed_lines=3
	rehearse idle power-off --idle=1500ms --limit=8s nc.openbsd 127.0.0.1 "$port"
	for way in md5 deaf; do
		rehearse "$way" power-off --at=write:3 --by="$way" --limit=12s --user-timeout=2s nc.openbsd 127.0.0.1 "$port"
		rehearse "six$way" power-off --at=write:3 --by="$way" --limit=12s --user-timeout=2s nc.openbsd ::1 "$port"
	done
	over
	verdict after 3 '.noticed_ns == null'
	cut_after after 1.9 5
	verdict read 3 '.noticed_ns == null'
	verdict kept 0 '.noticed_ns > 15e8'
	verdict idle 3 '.noticed_ns == null' '.lost_bytes == 0'
	cut_after idle 1.4 7
	peer_got idle 24 echoed
	for way in md5 sixmd5; do
		verdict "$way" 0 '.noticed_ns > 1e9' '.lost_bytes == 8'
		peer_got "$way" 16 echoed
		grep -q '"id":"rehearsed-cut"' "$way.trace" || fail "$(told "$way")"
	done
	for way in deaf sixdeaf; do
		verdict "$way" 0 '.noticed_ns > 1e9' '.lost_bytes == null'
		peer_got "$way" 24 echoed
		grep -q 'What this side sends still reaches' "$way.trace" || fail "$(told "$way")"
	done
}

# cut_after NAME LEAST MOST: so many seconds after the connection was opened.
cut_after() {
	local seconds
	seconds=$(connection "$1" what | sed -nE 's/.*Cut ([0-9.]+) s after it was opened.*/\1/p')
	awk -v s="${seconds:-0}" -v least="$2" -v most="$3" 'BEGIN { exit !(s >= least && s <= most) }' ||
		fail "not cut after $2 to $3 s" "$(told "$1")"
}

# It connects again in vain, until the peer is back.
@test "how long: a power-off, an unreachable and a refusing peer for a time" {
	need jq
	peer http
	local program=("$python" "$sources/http_client.py" 127.0.0.1 "$port" 1)
	rehearse off power-off --at=write:3 --for=4s --watch=20s --limit=20s "${program[@]}" 8
	rehearse mute unreachable --for=3s --watch=20s --limit=20s "${program[@]}" 8
	rehearse refused refused --for=2s --watch=20s --limit=20s "${program[@]}" 6
	over
	verdict off 0 '.noticed_by == "close"' '.reconnected_ns > 3e9' '.failed_connects > 0'
	verdict mute 0 '.noticed_by == "close"' '.reconnected_ns > 1e9'
	verdict refused 0 '."error.type" == "ECONNREFUSED"' '.reconnected_ns > 1e9'
	local name
	for name in off mute refused; do
		grep -Eq '^answered [1-9][0-9]* failed [1-9]' "$name.out" || fail "$(told "$name")"
	done
	message refused
}

# A segment of this size leaves at once; what follows it is paced.  Without the rehearsal it takes some milliseconds.
@test "slow: the rate; and nothing is left of it after its time" {
	need curl jq
	peer http
	head -c 600000 /dev/zero >body
	chmod 644 body
	local program=(curl -sS -o /dev/null -w '%{time_total}\n' --data-binary "@$place/body" -H 'Expect:' "http://127.0.0.1:$port/")
	rehearse paced slow --rate=200000 --limit=20s "${program[@]}"
	rehearse short slow --rate=100000 --for=1s --limit=20s "${program[@]}"
	rehearse spared slow --rate=1000 --at=connect:2 --limit=20s "${program[@]}"
	over
	verdict paced 0 '.closed_ns > 14e8' '.lost_bytes == 0'
	awk '{ exit !($1 > 1.5) }' paced.out || fail "$(told paced)"
	verdict short 0 '.closed_ns < 5e9' '.lost_bytes == 0'
	verdict spared 125
	awk '{ exit !($1 < 5) }' spared.out || fail "$(told spared)"
	(($(cat got.*[0-9] | tr -cd '\000' | wc -c) == 1800000)) || fail "not all has come"
}

@test "UDP and Unix sockets are left alone" {
	need redis-server redis-cli
	local scenario
	start "${ordinary[@]}" redis-server --port 0 --unixsocket "$place/redis" --save '' --appendonly no --dir "$place" >redis.out 2>&1
	await 20 test -S redis
	for scenario in "${open_scenarios[@]}" "${connect_scenarios[@]}"; do
		rehearse "$scenario" "$scenario" --limit=10s "$python" "$sources/alone.py" "$place"
	done
	rehearse unix power-off --limit=10s redis-cli -s "$place/redis" ping
	over
	for scenario in "${open_scenarios[@]}" "${connect_scenarios[@]}"; do
		verdict "$scenario" 125
		[[ $(<"$scenario.out") == $'UDP\nUDP\nUnix\npair' ]] || fail "$(told "$scenario")"
		says "$scenario" 'nothing was rehearsed: .* made no TCP connection'
	done
	verdict unix 125
	[[ $(<unix.out) == PONG ]] || fail "$(told unix)"
}
