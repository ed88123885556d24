#!/usr/bin/env bats
#
# Faults of the path and of the queue at its end, in network namespaces with a firewall of their own.  Its counters, and
# those of the kernel, say what really happened.

# bats runs each test in a subshell of its own, and findings.bash reads what is set here.
# shellcheck disable=SC2154,SC1091,SC2030,SC2031,SC2034

load findings

setup() {
	diagnose_setup
	set -uo pipefail
	# shellcheck source-path=SCRIPTDIR source=../puzzlers/world.bash
	source "$repository/tests/puzzlers/world.bash"
	world_probe
	[[ $world_kind != loopback ]] || skip "not on this machine: network namespaces are not allowed here"
	need nft ss nsenter setpriv jq
}

teardown() {
	world_down
	place_teardown
}

# namespace NAME: makes one with a loopback interface, whose words to enter it are in the array inside.
namespace() {
	case $world_kind in
	root) world_hold "$1" unshare -n ;;
	user) world_hold "$1" unshare -Urn ;;
	esac
	enter "$1"
	"${inside[@]}" ip link set lo up
	# Seconds instead of minutes: a connection whose data is not acknowledged dies after 3 s.
	world_sysctl "$1" tcp_retries2=2
}

enter() { read -ra inside <<<"${world_enter[$1]}"; }

listening() { [[ -n $("${inside[@]}" ss -Hltn "sport = :$1") ]]; }

# firewall NAME VERDICT: a namespace whose firewall forgets connections that were idle for 2 s, with nginx in it.
firewall() {
	namespace "$1"
	"${inside[@]}" nft -f - <<-RULES || skip "not on this machine: no connection tracking by nft"
		table ip firewall {
		    counter forgotten { }
		    chain input {
		        type filter hook input priority filter
		        tcp dport 8080 ct state invalid counter name forgotten $2
		        tcp dport 8080 ct state new,established accept
		    }
		}
	RULES
	"${inside[@]}" sh -c 'cd /proc/sys/net/netfilter && echo 0 >nf_conntrack_tcp_loose && echo 2 >nf_conntrack_tcp_timeout_established' ||
		skip "not on this machine: no connection tracking in a namespace"
	as=("${inside[@]}")
	nginx_start 8080 'keepalive_timeout 60s;'
}

# counted NAME: prints the packets that a counter of the firewall has seen.
counted() { "${inside[@]}" nft list counters | sed -nE "/counter $1/,/}/s/.*packets ([0-9]+) .*/\\1/p"; }

# ask NAME: clients ask the server there, after pauses that the firewall lets pass and one that it does not.
ask() {
	local inside
	enter "$1"
	recorded "${@:2}" "${inside[@]}" "$python" "$sources/pool.py" 8080 0.5 1.1 3 0.2 >"counts.$1"
}

# Shown: with an interval of 5 s (suggest_keepalive) the second probe comes too late, and with a comma after it the printed
# setting is refused; without is_swallowed, the firewall that drops is a peer that is gone.
@test "a firewall that forgets idle connections and resets them, and one that drops: keepalive as it is printed" {
	need nginx
	local keepalive way verdict pids=()
	local -A packets
	for way in resets drops; do
		verdict=drop
		[[ $way == drops ]] || verdict='reject with tcp reset'
		anew "$way"
		firewall "$way" "$verdict"
		ask "$way" &
		pids+=($!)
	done
	wait "${pids[@]}"
	for way in resets drops; do
		recordings=$place/recordings.$way
		enter "$way"
		grep -qx 'answered 20 failed 5' "counts.$way" || fail "$(cat "counts.$way")"
		finds path-forgets 'python3?[0-9.]* to 127\.0\.0\.1:8080'
		peer 127.0.0.1 8080
		affects 5 10
		near "$(printed_seconds 'first data after ([0-9.]+ m?s).*of silence')" 3.05 0.15
		near "$(printed_seconds 'that one survived was ([0-9.]+ m?s)')" 1.15 0.15
		keepalive=$(grep -oE 'TCPSHIM_KEEPALIVE=[^ ]+' found)
		packets[$way]=$(counted forgotten) # one for each connection, and what was sent again
		((${packets[$way]} == 5 || (${packets[$way]} > 5 && ${#way} == 5))) || fail "$way: ${packets[$way]} packets"
		anew "$way.cured"
		ask "$way" "$keepalive" &
		pids+=($!)
	done
	wait "${pids[@]}"
	for way in resets drops; do
		recordings=$place/recordings.$way.cured
		enter "$way"
		grep -qx 'answered 25 failed 0' "counts.$way" || fail "$(cat "counts.$way")"
		finds_nothing 5
		[[ $(counted forgotten) == "${packets[$way]}" ]] || fail "$way, cured: the firewall counted $(counted forgotten)"
	done
}

@test "lost SYNs: the path, not the server's queue; the rule is removed" {
	need curl nginx
	namespace loss
	as=("${inside[@]}")
	nginx_start 8080 ''
	"${inside[@]}" nft -f - <<-'RULES' || skip "not on this machine: no sets of nft"
		table ip loss {
		    set seen { type inet_service; }
		    counter lost { }
		    chain input {
		        type filter hook input priority filter
		        tcp dport 8080 tcp flags & (syn | ack) == syn tcp sport != @seen counter name lost add @seen { tcp sport } drop
		    }
		}
	RULES
	fetch() {
		recorded "${inside[@]}" curl -sS --max-time 20 --parallel --parallel-immediate 'http://127.0.0.1:8080/page?[1-3]' \
			-o 'page.#1'
	}
	fetch
	finds connect-slow 'curl to 127\.0\.0\.1:8080'
	peer 127.0.0.1 8080
	affects 3 3
	says '3 of 3 connections lost 3 SYNs: the handshake took 1\.[0-9] s'
	(($(counted lost) == 3)) || fail "the firewall dropped $(counted lost) SYNs"
	# What it says to look at: the queue was never full, so it is the path.
	says 'TcpExtListenOverflows' 'loss on the path'
	[[ $(overflows) == 0 ]]

	"${inside[@]}" nft flush chain ip loss input
	anew
	fetch
	finds_nothing 3
}

overflows() { "${inside[@]}" env NSTAT_HISTORY="$place/nstat" nstat -az TcpExtListenOverflows | awk '$1 == "TcpExtListenOverflows" { print $2 }'; }

# serve_lazily BACKLOG SECONDS: a server that is busy for so long before it accepts, and then answers six requests.
serve_lazily() {
	serve "${inside[@]}" "$python" "$sources/lazy.py" "$1" "$2" 6 >lazy.out 2>&1
	await 10 listening 8080
}

# connected: how many clients have completed the handshake, as they see it.
connected() { "${inside[@]}" ss -Htn state established 'dport = :8080' | wc -l; }

# is_queue_full: what the finding says to look at: Recv-Q and Send-Q.
is_queue_full() { "${inside[@]}" ss -Hltn "sport = :8080" | awk '{ exit !($2 > $3) }'; }

# Shown: with connect-slow before accept-slow in findings.def, what the clients see comes before its cause.
@test "an accept queue that is full, seen from both ends and from one: a longer backlog, a server that accepts" {
	need nstat curl
	local client waiting
	namespace queue
	fetch() {
		recorded "${inside[@]}" curl -sS --max-time 20 --parallel --parallel-immediate --parallel-max 6 \
			'http://127.0.0.1:8080/page?[1-6]' -o 'page.#1'
	}
	serve_lazily 1 2.5
	fetch &
	client=$!
	await 5 is_queue_full
	# Two have room. Of clients that come at the same moment, a third may have been answered too: it waits as long as they do.
	sleep 1.2
	waiting=$(connected)
	((waiting == 2 || waiting == 3)) || fail "$waiting are connected"
	wait "$client"
	finish "$last" || fail "$(cat lazy.out)"
	finds accept-slow 'python3?[0-9.]* at port 8080'
	[[ $(head -n 1 json | jq .\"network.local.port\") == 8080 ]]
	affects "$waiting" 6
	says 'the queue was full \([23], limit 1\)' 'Raise the backlog of listen'
	near "$(printed_seconds 'in the accept queue: ([0-9.]+ m?s).*or more')" 2.4 0.3
	finds connect-slow 'curl to 127\.0\.0\.1:8080' --match=role=client
	peer 127.0.0.1 8080
	affects $((6 - waiting)) 6
	lost=$(sed -nE 's/.* connections lost ([0-9]+) SYNs.*/\1/p' found)
	(($(overflows) >= lost && lost >= 6 - waiting)) || fail "$(overflows) overflows" "$(cat text)"

	anew
	serve_lazily 128 0
	fetch
	finish "$last" || fail "$(cat lazy.out)"
	lost=$(overflows)
	finds_nothing 12
}

@test "no local port is left: a wider range, and connections that are used again" {
	need curl nginx
	local url=http://127.0.0.1:8080/page waits
	namespace ports
	as=("${inside[@]}")
	nginx_start 8080 ''
	# On the loopback interface Linux uses a port again after a second of TIME_WAIT.
	world_sysctl ports 'ip_local_port_range=20000 20029' tcp_tw_reuse=0
	fetch() {
		local i
		for i in {1..40}; do
			recorded "${inside[@]}" curl -sS -o /dev/null "$url" 2>>curl.err || true
		done
	}
	fetch
	waits=$("${inside[@]}" ss -Htan state time-wait | wc -l)
	(($(grep -c "Couldn't connect\|Failed to connect\|assign requested" curl.err) == 40 - waits)) || fail "$waits" "$(cat curl.err)"
	finds ports-exhausted 'curl to 127\.0\.0\.1:8080'
	peer 127.0.0.1 8080
	affects $((40 - waits)) 40
	says "failed for want of a local port: there are 30, and up to $waits sockets were in TIME_WAIT" 'widen net\.ipv4\.ip_local_port_range'

	world_sysctl ports 'ip_local_port_range=20000 29999'
	anew
	fetch
	finds_nothing 40
	anew
	world_sysctl ports 'ip_local_port_range=40000 40029'
	recorded "${inside[@]}" curl -sS -o /dev/null "$url?[1-40]"
	finds_nothing 1
}
