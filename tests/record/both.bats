#!/usr/bin/env bats
#
# The recordings of both ends of connections: they are paired, the clocks of their machines are compared, and what one wrote
# and the other never read is counted.

# shellcheck disable=SC2154	# set in common.bash

load ../common

tcpshim=$build/tcpshim

setup() {
	common_setup
	mkdir recordings
	python=$(python3 -c 'import sys; print(sys.executable)') # python3 may be a script, which runs other programs
	cat >server.py <<-'END'
		# server.py COUNT [READ]: answers on COUNT connections, one after the other; with READ, reads so much and closes
		import socket, sys
		with socket.create_server(("127.0.0.1", 0)) as listener:
		    print(listener.getsockname()[1], flush=True)
		    for _ in range(int(sys.argv[1])):
		        connection, _ = listener.accept()
		        with connection:
		            if len(sys.argv) > 2:
		                connection.recv(int(sys.argv[2]))
		                continue
		            while data := connection.recv(100):
		                connection.sendall(b"answer to " + data)
	END
	cat >client.py <<-'END'
		# client.py PORT COUNT [PAUSE WRITES]: asks on COUNT connections; with WRITES, writes 22 bytes so often with pauses
		import socket, sys, time
		for number in range(int(sys.argv[2])):
		    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
		        if len(sys.argv) > 3:
		            for _ in range(int(sys.argv[4])):
		                connection.sendall(b"twenty-two bytes in it")
		                time.sleep(float(sys.argv[3]))
		            continue
		        for turn in range(20):
		            connection.sendall(b"question %d" % turn)
		            connection.recv(100)
	END
}

# talk "SERVER ARGUMENTS" CLIENT ARGUMENTS…: both recorded, the server's recording is server.tcpshim.
talk() {
	rm -f recordings/* ./*.tcpshim
	# shellcheck disable=SC2086	# several words
	env TCPSHIM_RECORD=recordings/ LD_PRELOAD="$library" timeout -k 5 60 "$python" server.py $1 >port &
	server=$!
	await 10 test -s port
	shift
	env TCPSHIM_RECORD=recordings/ LD_PRELOAD="$library" timeout -k 5 60 "$python" client.py "$(<port)" "$@"
	wait "$server"
	rm port
	for file in recordings/*; do
		"$tcpshim" report --connections --json "$file" >roles
		if grep -q '"role":"listener"' roles; then
			mv "$file" server.tcpshim
		elif grep -q '"role":"client"' roles; then
			mv "$file" client.tcpshim
		fi # or it is of a child, which subprocess has forked
	done
	# Two machines do not have a connection over their loopback interfaces: here it is from 10.0.0.1 to itself.
	LC_ALL=C sed -i 's/\x7f\x00\x00\x01/\x0a\x00\x00\x01/g' ./*.tcpshim
}

# The truth is known here: it is one machine, and the shift is ours.
@test "both ends: the difference of two clocks from -3 s to 3 s is found, and is not farther off than it says" {
	talk 3 3
	for ahead_ns in -3000000000 -1234567890 -47001 0 1000 987654321 2999999999; do
		"$repository/tests/record/elsewhere.py" server.tcpshim other.tcpshim "$ahead_ns"
		"$tcpshim" diagnose client.tcpshim other.tcpshim >found
		python3 - "$ahead_ns" "$(hostname)" <<-'END' || fail "$(cat found)"
			import re, sys
			text = re.sub(r"\s+", " ", open("found").read())
			name = sys.argv[2]
			told = re.search(r"The clock of (\S+) was ([0-9.]+) s (ahead of|behind) that of (\S+), within ([0-9.]+) (ms|s) \(by (\d+) messages\)\.", text)
			seconds = float(told[2]) * (1 if told[3] == "ahead of" else -1) * (1 if told[1] != name else -1)
			error = float(told[5]) * (0.001 if told[6] == "ms" else 1)
			assert abs(seconds - int(sys.argv[1]) / 1e9) <= error + 0.0001, (seconds, error)
			assert error < 0.1, error
			assert int(told[7]) == 3 * 2 * 20, told[7]
		END
		tr -s '\n ' ' ' <found | grep -q '3 connections in 2 groups, seen from both ends.*: nothing wrong\.' || fail "$(cat found)"
	done
	# One machine has one clock.
	"$tcpshim" diagnose client.tcpshim server.tcpshim >found
	grep -q 'clock' found && fail "$(cat found)"
	true
}

@test "both ends: what was written and not read there is counted by position, and the peer's close is told in this side's time" {
	# 22 bytes are read, and the peer closes; the second write comes half a second later.
	talk '1 22' 1 0.5 2
	for ahead_ns in 0 -2000000000; do
		"$repository/tests/record/elsewhere.py" server.tcpshim other.tcpshim "$ahead_ns"
		for files in 'client.tcpshim server.tcpshim' 'client.tcpshim other.tcpshim'; do
			# shellcheck disable=SC2086	# two files
			"$tcpshim" diagnose $files >found
			tr -s '\n ' ' ' <found | grep -q 'bytes-lost: .* 1 of 1 connection lost data: written 44, read there 22, lost 22: bytes 22 to 43\.' || fail "$(cat found)"
		done
	done
	"$tcpshim" diagnose --json client.tcpshim server.tcpshim >json
	jq -es 'map(select(.finding == "bytes-lost")) | length == 1 and (.[0].what | test("had closed [0-9.]+ m?s before the last write"))' json >/dev/null || fail "$(cat json)"
}

@test "both ends: healthy connections, and a filter that chooses one end, say nothing" {
	talk 2 2
	"$tcpshim" diagnose client.tcpshim server.tcpshim >found
	[[ $(wc -l <found) == 1 ]] && grep -q ': nothing wrong\.$' found || fail "$(cat found)"
	"$tcpshim" diagnose --match=role=client client.tcpshim server.tcpshim >found
	grep -q '^2 of 4 connections.*: nothing wrong\.$' found || fail "$(cat found)"
	talk '1 22' 1 0.5 2
	"$tcpshim" diagnose --match=role=client client.tcpshim server.tcpshim >found
	grep -q 'bytes-lost' found || fail "the other end is known although the filter does not choose it:" "$(cat found)"
	"$tcpshim" diagnose client.tcpshim >found
	grep -q 'bytes-lost' found && fail "one end does not show it:" "$(cat found)"
	true
}

# Shown: without connection_row_is_maybe_shared(), and for a child of vfork without closing_note_copied() (closing.c), all that the program reads that was not recorded is lost.
# Shown: without our posix_spawn_file_actions_adddup2 (lifecycle.c) the server has closed with unread data.
@test "both ends: what a program reads that was not recorded, after the one that accepted, is not lost" {
	cat >inetd.py <<-'END'
		# inetd.py HOW: accepts a connection, reads five bytes, and has cat answer the rest
		import os, socket, subprocess, sys
		with socket.create_server(("127.0.0.1", 0)) as listener:
		    print(listener.getsockname()[1], flush=True)
		    connection, _ = listener.accept()
		assert connection.recv(5) == b"quest"
		if sys.argv[1] == "exec":
		    child = os.fork()
		    if child == 0:
		        os.dup2(connection.fileno(), 0)
		        os.dup2(connection.fileno(), 1)
		        os.execve("/bin/cat", ["cat"], {})
		    connection.close()
		    os.waitpid(child, 0)
		elif sys.argv[1] == "pass":
		    ours, theirs = socket.socketpair()
		    work = "import socket\n_, fds, _, _ = socket.recv_fds(socket.socket(fileno=0), 1, 1)\n" \
		        "connection = socket.socket(fileno=fds[0])\nwhile data := connection.recv(100): connection.sendall(data)"
		    child = subprocess.Popen([sys.executable, "-c", work], stdin=theirs, env={})
		    socket.send_fds(ours, [b"x"], [connection.fileno()])
		    connection.close()
		    child.wait()
		elif sys.argv[1] == "spawn": # by vfork
		    child = subprocess.Popen(["/bin/cat"], stdin=connection, stdout=connection, env={})
		    connection.close()
		    child.wait()
		elif sys.argv[1] == "posix_spawn": # the copy is made inside libc
		    copies = [(os.POSIX_SPAWN_DUP2, connection.fileno(), number) for number in (0, 1)]
		    child = os.posix_spawn("/bin/cat", ["cat"], {}, file_actions=copies)
		    connection.close()
		    os.waitpid(child, 0)
		elif sys.argv[1] == "run": # it has ended before the close
		    subprocess.run(["/bin/cat"], stdin=connection, stdout=connection, env={})
		    connection.close()
	END
	local how
	mv inetd.py server.py
	for how in exec pass spawn posix_spawn run; do
		talk "$how" 1
		"$tcpshim" report --connections --columns=role,sent,received,ended client.tcpshim server.tcpshim >table
		# After exec it is open in a process whose recording has ended.
		grep -Eq '^server +0 +5 +(closed-shared|ESTABLISHED)$' table || fail "$how:" "$(cat table)"
		"$tcpshim" diagnose client.tcpshim server.tcpshim >found
		grep -q ': nothing wrong\.$' found || fail "$how:" "$(cat found)"
		"$tcpshim" report --ladder client.tcpshim server.tcpshim >ladder
		! grep 'bytes lost' ladder || fail "$how:" "$(cat ladder)"
	done
}

@test "both ends: urgent data that is not read is not lost" {
	cat >client.py <<-'END'
		import socket, sys
		with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
		    connection.sendall(b"before")
		    connection.send(b"!", socket.MSG_OOB)
		    connection.sendall(b"after")
		    connection.shutdown(socket.SHUT_WR)
		    while connection.recv(100):
		        pass
	END
	talk 1
	"$tcpshim" report --connections --columns=role,sent,received client.tcpshim server.tcpshim >table
	grep -q '^client  *12 ' table && grep -Eq '^server +[0-9]+ +11$' table || fail "$(cat table)"
	"$tcpshim" diagnose client.tcpshim server.tcpshim >found
	grep -q ': nothing wrong\.$' found || fail "$(cat found)"
}

@test "both ends: a client closes with the server's goodbye unread: the server was first, and nothing is wrong" {
	cat >server.py <<-'END'
		import socket
		with socket.create_server(("127.0.0.1", 0)) as listener:
		    print(listener.getsockname()[1], flush=True)
		    connection, _ = listener.accept()
		with connection:
		    connection.recv(100)
		    connection.sendall(b"answer")
		    connection.sendall(b"goodbye")
	END
	cat >client.py <<-'END'
		import socket, sys, time
		with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
		    connection.sendall(b"request")
		    connection.recv(6)
		    while connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO) != 8: # CLOSE_WAIT
		        time.sleep(0.01)
	END
	talk ''
	"$tcpshim" report --connections --columns=role,closed-first,ended client.tcpshim server.tcpshim >table
	grep -Eq '^client +peer +closed-with-unread-data$' table || fail "$(cat table)"
	grep -Eq '^server +here +closed-first$' table || fail "$(cat table)"
	"$tcpshim" diagnose client.tcpshim server.tcpshim >found
	! grep -E '^!' found | grep -v '^! bytes-lost' || fail "$(cat found)"
}
