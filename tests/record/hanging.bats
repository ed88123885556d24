#!/usr/bin/env bats
#
# Of a call that has not returned, netstat and report show that it may wait forever: no-failure-detection, from what the
# kernel and the recording show.  Each has healthy twins, which are silent.

# A report is never of the file that it is written to (SC2094).
# shellcheck disable=SC2154,SC2094

load ../common

setup() {
	common_setup
	tcpshim=$build/tcpshim
	python=$(python3 -c 'import sys; print(sys.executable)') # python3 may be a script, which runs other programs
	mkdir recordings
	cat >hang.py <<-'END'
		# hang.py CALL GUARD: waits in CALL for a byte that does not come
		import os, select, socket, struct, sys
		call, guard = sys.argv[1:]
		ON = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
		listener = socket.socket()
		listener.bind(("127.0.0.1", 0))
		if guard == "listener":
		    listener.setsockopt(*ON)
		listener.listen()
		client = socket.create_connection(listener.getsockname())
		server = listener.accept()[0]
		if guard == "listener":
		    client, server = server, client # what is accepted inherits it
		if guard == "keepalive":
		    client.setsockopt(*ON)
		if guard == "timeout" and call == "recv":
		    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 60, 0))
		limit = 60 if guard == "timeout" else None
		server.send(b"x")
		def wait():
		    open("waits", "w").close()
		if call == "recv":
		    client.recv(1)
		    wait()
		    client.recv(77)
		elif call == "poll":
		    poll = select.poll()
		    poll.register(client, select.POLLIN)
		    poll.poll()
		    client.recv(1)
		    wait()
		    poll.poll(limit and limit * 1000)
		elif call == "select":
		    select.select([client], [], [])
		    client.recv(1)
		    wait()
		    select.select([client], [], [], limit)
		elif call == "epoll":
		    epoll = select.epoll()
		    epoll.register(client, select.EPOLLIN)
		    client.recv(1)
		    wait()
		    epoll.poll(limit)
	END
}

text='fd [0-9]+: waits without a limit on a connection that has no keepalive\..* \[no-failure-detection\]$'

# has COMMAND...: whether it prints the note once.
has() {
	[[ $("$@" 2>/dev/null | grep -cE "$text") == 1 ]]
}

# play CALL GUARD [VARIABLE=VALUE...]: starts the program, and waits until it has waited for more than a second.
play() {
	rm -rf recordings/* waits
	local call=$1 guard=$2
	shift 2
	start_shim TCPSHIM_RECORD="$PWD/recordings" "$@" "$python" hang.py "$call" "$guard"
	await 10 test -e waits
	sleep 1.2
}

# is_silent CALL GUARD [VARIABLE=VALUE...]: checks that nothing has the note, while it lives and when it was killed.
is_silent() {
	play "$@"
	"$tcpshim" netstat "$last" >shown
	"$tcpshim" report recordings/* >>shown
	grep -q sleeping shown
	stop "$last" KILL || true
	"$tcpshim" netstat recordings/* >>shown
	"$tcpshim" report recordings/* >>shown
	grep no-failure-detection shown | nothing "$*:"
}

# Shown: without current_find_notes in netstat.c and report.c, none of them has the note.
@test "a call that waits without a limit, live and killed" {
	local call
	for call in recv poll select epoll; do
		play $call none
		await 10 has "$tcpshim" netstat "$last" || fail "$call: netstat of a live process"
		has "$tcpshim" report recordings/* || fail "$call: report of a live process"
		stop "$last" KILL || true
		has "$tcpshim" report recordings/* || fail "$call: report after SIGKILL"
		has "$tcpshim" netstat recordings/* || fail "$call: netstat after SIGKILL"
	done
	"$tcpshim" netstat recordings/* | grep -qE ' no-failure-detection$'
	"$tcpshim" report --connections recordings/* | grep -qE ',no-failure-detection$'
	"$tcpshim" report --json recordings/* | grep '"id":"no-failure-detection"' | grep -q '"call":"epoll_wait"'
}

@test "the healthy twins are silent: keepalive, a timeout, a listener's keepalive" {
	local call
	for call in recv poll select epoll; do
		is_silent $call keepalive
		is_silent $call timeout
	done
	is_silent recv listener
}

@test "what is not known is not claimed" {
	# Options are not recorded; the kernel knows of keepalive, but not of SO_RCVTIMEO.
	is_silent recv none TCPSHIM_TRACE='%data,%wait'
	# A policy's keepalive.
	is_silent recv none TCPSHIM_KEEPALIVE=on
	is_silent poll none TCPSHIM_KEEPALIVE=on
}

@test "a call that has waited less than a second is not reported" {
	rm -f waits
	start_shim TCPSHIM_RECORD="$PWD/recordings" "$python" hang.py recv none
	local shown=
	await 10 test -e waits
	shown=$("$tcpshim" netstat "$last")
	# Unless this machine was slow.
	[[ $shown != *no-failure-detection* || $shown =~ [1-9][0-9]*\.[0-9]\ s ]] || fail "$shown"
	# A report of a copy while the process lives does not know how long it waits: it says nothing.
	sleep 1.2
	mkdir copy
	cp recordings/* copy
	"$tcpshim" report copy/* >shown
	grep -q sleeping shown
	grep no-failure-detection shown | nothing "of a copy:"
}
