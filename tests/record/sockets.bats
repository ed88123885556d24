#!/usr/bin/env bats
#
# One socket is one row, whatever processes have it: by fork, by exec, or passed over another socket.

# shellcheck disable=SC2154,SC2016	# set in common.bash; jq has variables of its own

load ../common

tcpshim=$build/tcpshim

setup() {
	common_setup
	mkdir recordings
	python=$(python3 -c 'import sys; print(sys.executable)') # python3 may be a script, which runs other programs
	# share.py HOW: a server that answers "hello"; the process that accepts it and the one that answers are not the same.
	cat >share.py <<-'END'
		import os, signal, socket, sys, time
		how = sys.argv[1]
		listener = socket.create_server(("127.0.0.1", 0))
		def serve(connection):
		    connection.sendall(connection.recv(100).upper())
		def child(work):
		    pid = os.fork()
		    if pid == 0:
		        work()
		        os._exit(0)
		    return pid
		def client():
		    listener.close()
		    with socket.create_connection(address) as connection:
		        connection.sendall(b"hello")
		        assert connection.recv(100) == b"HELLO"
		        try:
		            connection.recv(100) # until the server is done
		        except ConnectionResetError:
		            assert how == "unread"
		address = listener.getsockname()
		talks = child(client)
		connection, _ = listener.accept()
		listener.close()
		def forked():
		    time.sleep(0.2) # the parent has closed it by then
		    serve(connection)
		    connection.close()
		def passed():
		    connection.close()
		    right.recv(1)
		    _, descriptors, _, _ = socket.recv_fds(right, 10, 1)
		    with socket.socket(fileno=descriptors[0]) as mine:
		        serve(mine)
		def killed():
		    forked_until = time.monotonic() + 0.5
		    time.sleep(0.2)
		    serve(connection)
		    time.sleep(forked_until - time.monotonic())
		    os.kill(os.getpid(), signal.SIGKILL)
		def unread():
		    time.sleep(0.2)
		    connection.sendall(connection.recv(4).upper() + b"O") # of five
		    connection.close()
		if how in ("fork", "killed", "unread"):
		    serves = child({"fork": forked, "killed": killed, "unread": unread}[how])
		    connection.close()
		elif how == "left":
		    # the child never uses what it inherits
		    serves = child(lambda: time.sleep(0.5))
		    serve(connection)
		    connection.close()
		elif how == "pass":
		    left, right = socket.socketpair()
		    serves = child(passed)
		    time.sleep(0.2)
		    left.send(b"x")
		    socket.send_fds(left, [b"x"], [connection.fileno()])
		    connection.close()
		elif how == "exec":
		    serves = os.getpid()
		    os.dup2(connection.fileno(), 9)
		    connection.close()
		    print(serves, serves, flush=True)
		    os.execv(sys.executable, [sys.executable, __file__, "serve", str(talks)])
		print(os.getpid(), serves, flush=True)
		os.waitpid(serves, 0)
		os.waitpid(talks, 0)
	END
	sed -i '3a if how == "serve":\n    with socket.socket(fileno=9) as mine: mine.sendall(mine.recv(100).upper())\n    os.waitpid(int(sys.argv[2]), 0); sys.exit()' share.py
}

# rows HOW: runs it, and writes the rows of its two ends to json.
rows() {
	rm -f recordings/*
	shim TCPSHIM_RECORD=recordings/ timeout -k 5 30 "$python" share.py "$1" >pids
	read -r accepts serves <pids
	"$tcpshim" report --connections --json recordings >json
}

# server CONDITION: there is one row of a server, and it meets this.
server() {
	jq -es --argjson accepts "$accepts" --argjson serves "$serves" "map(select(.role == \"server\")) | length == 1 and (.[0] | $1)" json >/dev/null ||
		fail "not: $1" "$(cat json)"
}

@test "sockets: a forked child serves what its parent accepted: one row, its end is the child's close" {
	rows fork
	server '.pids == [$accepts, $serves] and ."process.pid" == $accepts'
	server '.received_bytes == 5 and .sent_bytes == 5 and .reads == 1 and .writes == 1'
	server '.ended == "closed-first" and .closed_first == "here" and .lived_ns > 150000000'
	# The peer sees the same end, at the same time.
	jq -es 'map(select(.role != "listener")) | length == 2 and (.[0].lived_ns - .[1].lived_ns | fabs) < 100000000' json >/dev/null || fail "$(cat json)"
	"$tcpshim" report --connections --columns=pid,role,ended recordings >table
	grep -Eq "^$accepts\+1 +server +closed-first" table || fail "$(cat table)"
}

# Shown: without connection_row_go_on() the row ends when the parent closes, before the child's first call.
@test "sockets: a child goes on after its parent's close, and is killed: the parent's close is not the end" {
	rows killed
	server '.pids == [$accepts, $serves] and .received_bytes == 5 and .sent_bytes == 5'
	server '.state == "ESTABLISHED" and (has("ended") | not) and .lived_ns == null and .lived_at_least_ns > 150000000'
}

# The peer sees a reset.
@test "sockets: the last of two processes closes with unread data: that is the end, and not a FIN" {
	rows unread
	server '.pids == [$accepts, $serves] and .received_bytes == 4 and .ended == "closed-with-unread-data" and .closed_first == "here"'
	jq -es 'map(select(.role == "client")) | .[0].ended == "reset-by-peer"' json >/dev/null || fail "$(cat json)"
}

@test "sockets: one that is passed over another: one row, of both processes" {
	rows pass
	server '.pids == [$accepts, $serves] and .received_bytes == 5 and .sent_bytes == 5 and .ended == "closed-first"'
	server '.lived_ns > 150000000 and .handshake_ns == null and .opened_ns > 0'
}

@test "sockets: one that goes on in another program by exec: one row" {
	rows exec
	[[ $(find recordings -type f | wc -l) == 3 ]] || fail "$(ls recordings)"
	server '.received_bytes == 5 and .sent_bytes == 5 and .ended == "closed-first"'
	server '."process.pid" == $accepts and (has("pids") | not)'
}

# Nothing tells when the child's descriptor went: what is not known is not claimed.
@test "sockets: a child that never uses what it inherits: the end of the row is not claimed" {
	rows left
	server '(has("pids") | not) and .ended == "closed-shared"'
	jq -es 'map(select(.role == "client")) | .[0].lived_ns > 400000000' json >/dev/null || fail "$(cat json)"
}

@test "sockets: a recording alone has the rows of its process; a diagnosis counts a socket once" {
	rows fork
	"$tcpshim" report --connections --json recordings/*."$serves".tcpshim >own
	jq -es 'map(select(.role == "server")) | length == 1 and .[0].ended == "closed-shared" and (.[0] | has("pids") | not)' own >/dev/null || fail "$(cat own)"
	"$tcpshim" diagnose recordings >found
	grep -q '^1 connection in 2 groups' found || fail "$(cat found)"
}

# Shown: with the note given to the connection that follows, rows without addresses were aborted, and the true ones stayed open.
@test "sockets: a connect to AF_UNSPEC ends the connection that it dissolves, and the next one on the socket is a row of its own" {
	cat >again.py <<-'END'
		import ctypes, os, socket, struct
		libc = ctypes.CDLL(None)
		listener = socket.create_server(("127.0.0.1", 0))
		client = socket.socket()
		def talk(text):
		    client.connect(listener.getsockname())
		    server = listener.accept()[0]
		    client.sendall(text)
		    server.recv(10)
		    server.close()
		for text in b"a", b"bb":
		    talk(text)
		    libc.connect(client.fileno(), struct.pack("H14x", socket.AF_UNSPEC), 16)
		if os.fork() == 0:
		    talk(b"ccc")
		    os._exit(0)
		os.wait()
		client.close()
	END
	shim TCPSHIM_RECORD=recordings/ timeout -k 5 30 "$python" again.py
	"$tcpshim" report --connections --json recordings >json
	jq -ces 'map(select(.role == "client")) | sort_by(.conn) | map([.sent_bytes, .ended, .closed_first, has("network.peer.port"), has("pids")])' json >found
	[[ $(<found) == '[[1,"aborted","here",true,false],[2,"aborted","here",true,false],[3,"closed-first","here",true,true]]' ]] || fail "$(cat found)"
	jq -es 'map(select(.role != "listener" and (has("network.peer.port") | not))) == []' json >/dev/null || fail "$(cat json)"
}
