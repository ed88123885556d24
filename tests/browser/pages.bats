#!/usr/bin/env bats
#
# tcpshim report --html in a real browser (chromium, headless), and --svg.  look.py has the checks; each of them also fails
# if the page complains on the console, or asks for anything beside itself.

# shellcheck disable=SC2154	# set in common.bash

load ../common

tcpshim=$build/tcpshim

setup() {
	common_setup
	mkdir recordings
	python=$(python3 -c 'import sys; print(sys.executable)') # python3 may be a script, which runs other programs
}

# recorded [VARIABLE=VALUE…] PROGRAM…: runs it, recorded into recordings/.
recorded() {
	shim TCPSHIM_RECORD=recordings/ "$@"
}

# page [OPTION…]: makes page.html of all recordings.
page() {
	timeout -k 5 60 "$tcpshim" report --html "$@" recordings >page.html 2>said || fail "status $?" "$(cat said)"
}

# looks CHECK ARGUMENT…: opens the page in the browser.
looks() {
	[[ -n $(command -v chromium || command -v chromium-browser) ]] || need chromium
	timeout -k 5 170 "$python" "$BATS_TEST_DIRNAME/look.py" "$1" page.html "${@:2}" || fail "look $*"
}

# refused WORDS OPTION…: the command says so in one line and exits 2.
refused() {
	local status=0
	"$tcpshim" report "${@:2}" recordings >out 2>said || status=$?
	((status == 2)) || fail "status $status of ${*:2}" "$(cat said)"
	[[ $(wc -l <said) == 1 && ! -s out ]] || fail "$(cat said out)"
	grep -qF -- "$1" said || fail "it does not say: $1" "$(cat said)"
}

# A pool whose connections the peer closes when they are idle for half a second: of six, three are kept for too long.
pool() {
	cat >pool.py <<-'END'
		import socket, threading, time
		listener = socket.create_server(("127.0.0.1", 0))
		def serve(connection):
		    connection.settimeout(0.5)
		    try:
		        while connection.recv(100):
		            connection.send(b"answer")
		    except OSError:
		        pass
		    connection.close()
		def accept():
		    while True:
		        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
		threading.Thread(target=accept, daemon=True).start()
		def client(pause):
		    connection = socket.create_connection(listener.getsockname())
		    try:
		        for _ in range(2):
		            connection.send(b"request")
		            connection.recv(100)
		            time.sleep(pause)
		    except OSError:
		        pass
		    connection.close()
		clients = [threading.Thread(target=client, args=(0.1 if number < 3 else 0.9,)) for number in range(6)]
		for one in clients:
		    one.start()
		for one in clients:
		    one.join()
	END
	recorded TCPSHIM_STACK=notes "$python" pool.py
}

# many COUNT: that many connections of a client, of which one in a hundred is reset; the server is not recorded.
many() {
	cat >server.py <<-'END'
		import socket, struct, sys, threading
		listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
		print(listener.getsockname()[1], flush=True)
		def serve(connection, number):
		    connection.recv(100)
		    if number % 100 == 5:
		        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
		    else:
		        connection.send(b"answer")
		        connection.recv(100)
		    connection.close()
		number = 0
		while True:
		    number += 1
		    serve(listener.accept()[0], number)
	END
	cat >client.py <<-'END'
		import socket, sys
		for _ in range(int(sys.argv[2])):
		    connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
		    try:
		        connection.send(b"request")
		        connection.recv(100)
		    except OSError:
		        pass
		    connection.close()
	END
	start "$python" server.py >port
	await 20 test -s port
	recorded "$python" client.py "$(cat port)" "$1"
}

@test "the findings on top are those of tcpshim diagnose, word for word" {
	need jq
	pool
	# And a server that closes with unread data, which resets its client: a finding for each of the two.
	recorded "$python" -c '
import socket, time
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
server, _ = listener.accept()
client.send(b"two words")
server.recv(3)
server.close()
try:
    client.recv(9)
except OSError:
    pass
client.close()'
	page
	timeout -k 5 20 "$tcpshim" diagnose --json recordings >expected
	[[ $(jq -r .finding expected | head -n 1) == peer-idle-limit ]] || fail "$(cat expected)"
	jq -e 'select(.finding == "resets-its-peers") | .role == "server"' expected >/dev/null || fail "$(cat expected)"
	looks findings expected
}

# Shown: with the time of a FIN taken from the read, the arrow of FIN was below that of the data.
@test "a click opens the right connection: both ends, what was lost, the stacks" {
	pool
	page
	looks opens
	looks both 7
	looks stacks python
}

@test "zoom by keys, buttons, the wheel and a drag; keys open a connection" {
	pool
	page
	looks zoom
}

@test "dark, and on paper" {
	pool
	page
	looks dark
	looks prints
}

# Shown: with '<' as it is in page_text, the payload ended the element of the data, and the page had no connection.
@test "what the program sends and how it is called stays text" {
	local name=$'a<b>&"\xe2\x80\xae<i>'
	cp -L "$(command -v "$python")" "./$name"
	cat >hostile.py <<-'END'
		import socket
		listener = socket.create_server(("127.0.0.1", 0))
		client = socket.create_connection(listener.getsockname())
		server, _ = listener.accept()
		for data in (b"<script>alert(1)</script>", b"<!--<script>hostileRan=1", b"</script><img src=x onerror=alert(2)>",
		             "\u202e\u2066turned\u2028\u2029".encode(), b"\0\0zero\0", b"]]>&lt;&#60;\x1b[2J\\u003c\\", b"\xff\xfe\xc0"):
		    client.send(data)
		    server.recv(1000)
		client.close()
		server.close()
	END
	recorded TCPSHIM_DATA=all PYTHONHOME="$("$python" -c 'import sys; print(sys.base_prefix)')" "./$name" hostile.py
	page --data=all
	# One element of data has no byte that could end it, or that is not printable.
	[[ $(grep -o '</script' page.html | wc -l) == 4 ]] || fail "$(grep -n '</script' page.html)"
	! LC_ALL=C grep -q -e $'\x1b' -e $'\xe2\x80\xae' page.html || fail "not printable"
	looks hostile 'a<b>&"?<i>'
	timeout -k 5 20 "$tcpshim" report --svg --conn=2 recordings >picture.svg
	is_picture picture.svg '<script>al'
}

@test "search" {
	many 500
	page
	looks search
}

@test "5,000 connections: the size of the page, the first picture, a zoom" {
	many 5000
	page
	looks many 5000 10
	[[ $(stat -c %s page.html) -lt 20000000 ]]
}

@test "calls that are left out of a large page are counted in it" {
	cat >long.py <<-'END'
		import socket
		listener = socket.create_server(("127.0.0.1", 0))
		client = socket.create_connection(listener.getsockname())
		server, _ = listener.accept()
		for _ in range(1000):
		    client.send(b"x" * 100)
		    server.recv(100)
		client.close()
		server.recv(1)
		server.close()
	END
	recorded "$python" long.py
	page
	sed -n '/id="details"/{n;p}' page.html >line
	# socket, connect, 1000 sends and close; accept, 1000 reads, the end of stream and close.
	[[ $(jq '[.ours.x + (.ours.m | length), .theirs.x + (.theirs.m | length)] | min' line) -ge 1002 ]] || fail "$(jq -c '[.ours.x, .theirs.x]' line)"
	[[ $(jq '.ours.m | map(.[9]) | add' line) == $(jq .ours.x line) ]] || fail "gaps are not what is left out"
	[[ $(jq '.ours.w | length > 90 and .[-2] > 80000' line) == true ]] || fail "$(jq -c .ours.w line)"
}

@test "healthy traffic: nothing wrong" {
	need curl
	mkdir www
	printf 'a page\n' >www/page
	start "$python" -u -m http.server -b 127.0.0.1 -d www 0 >web.log 2>&1
	await 10 grep -q 'port [0-9]' web.log
	recorded curl -s "http://127.0.0.1:$(sed -nE 's/.* port ([0-9]+) .*/\1/p' web.log)/page" >out
	page
	looks healthy
}

# is_picture FILE TEXT: it is well-formed, has the text, and nothing that is run or loaded.
is_picture() {
	"$python" - "$@" <<-'END' || fail "$(head -c 2000 "$1")"
		import sys, xml.etree.ElementTree
		tree = xml.etree.ElementTree.parse(sys.argv[1])
		names = {one.tag.split("}")[1] for one in tree.iter()}
		assert names <= {"svg", "title", "style", "g", "text", "line", "rect", "path", "circle"}, names
		attributes = {name for one in tree.iter() for name in one.attrib}
		assert not any(name.startswith("on") or "href" in name for name in attributes), attributes
		texts = [one.text or "" for one in tree.iter()]
		assert any(sys.argv[2] in text for text in texts), texts
		assert not any("url(" in text or "@import" in text for text in texts)
	END
}

@test "--svg: a picture of one connection, well-formed" {
	local status=0
	pool
	number=$("$tcpshim" report --json --connections --match=role=client recordings | jq 'select(.ended == "reset-after-fin") | .conn' | head -n 1)
	"$tcpshim" report --svg --conn="$number" recordings >picture.svg 2>said || fail "$(cat said)"
	is_picture picture.svg '7 bytes, lost'
	is_picture picture.svg '7 bytes not read there'
	is_picture picture.svg RST
	"$tcpshim" report --svg recordings >out 2>said || status=$?
	((status == 2)) || fail "status $status"
	grep -q '^tcpshim: 6 connections match the options, and --svg shows one: ' said || fail "$(cat said)"
	status=0
	"$tcpshim" report --svg --conn=999 recordings >out 2>said || status=$?
	((status == 2)) || fail "status $status"
	grep -q 'no connection matches' said || fail "$(cat said)"
}

@test "what a page cannot be is refused" {
	need script
	local option
	for option in --connections --summary --follow --json; do
		refused "--html and $option: a report has one form" --html "$option"
		refused "--svg and $option: a report has one form" --svg "$option"
	done
	refused '--html and --svg: a report has one form' --html --svg
	refused '--svg and --html: a report has one form' --svg --html
	pool
	timeout -k 5 20 script -qec "$tcpshim report --html recordings" /dev/null </dev/null >out 2>&1 || true
	grep -q 'standard output is a terminal; redirect it: tcpshim report --html \.\.\. > page\.html' out || fail "$(cat out)"
}

@test "no connection: a page that says so" {
	recorded "$python" -c 'import socket; socket.socket().close()'
	page
	looks healthy
}
