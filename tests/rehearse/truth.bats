#!/usr/bin/env bats
#
# What is not noticing, and what is no failure.

# rehearse.bash reads what is set here.
# shellcheck disable=SC2154,SC2034

load rehearse

# The failure is rehearsed in the process that accepts, which forks and closes its copy; the child waits forever.
@test "a parent that closes its copy has not noticed" {
	need jq
	rehearse server power-off --limit=8s "$python" "$sources/server.py" forking
	await 20 grep -q 'port [0-9]' server.out
	start timeout 20 "$python" "$sources/talk.py" "$(sed -n 's/^port //p' server.out)" 1 10
	over
	verdict server 3 '.role == "server"' '.noticed_ns == null' '.waits_in | startswith("recv")'
}

# nc ends its own direction when its input ends, and goes on reading.
@test "an end of stream of one's own is not noticing" {
	need nc.openbsd jq
	peer silent
	rehearse client power-off --limit=6s bash -c "exec nc.openbsd -N 127.0.0.1 $port </dev/null"
	over
	verdict client 3 '.noticed_ns == null' '.waits_in | startswith("poll()")'
}

# Two lines are written while it is interrupted, and then nothing more: all have arrived.
@test "an outage in which nothing was lost, before a pause" {
	need nc.openbsd jq
	local typed='line %02d'
	typed_lines=2
	peer silent
	rehearse client outage --at=write:2 --for=500ms --limit=6s nc.openbsd 127.0.0.1 "$port"
	over
	peer_got client 16
	verdict client 0 '.lost_bytes == 0' '.late_bytes == 8'
}

# ncat says why, and exits with 2 without a close.
@test "what a program did after an error: it exited" {
	need ncat
	peer silent
	as_ordinary "$place/tcpshim" rehearse refused --verdict="$place/text" ncat 127.0.0.1 "$port" </dev/null 2>said
	tr -s '\n ' ' ' <text | grep -q 'ended with status' || fail "$(cat text)"
}
