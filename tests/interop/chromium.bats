#!/usr/bin/env bats
#
# chromium, headless, under the library: a browser of many processes and threads, with zygotes and sandboxes, which
# restrict the descriptors and system calls of its children.  It renders the same page, and its connections are traced.

# bats runs each test in a subshell of its own, and functions are handed over by name.
# shellcheck disable=SC2154,SC2030,SC2031,SC2317

load ../common

setup() {
	browser=$(command -v chromium || command -v chromium-browser) || skip "chromium is not installed"
	place_setup tcpshim-chromium
	serve_page
}

teardown() {
	common_teardown
	[[ -n ${place:-} ]] || return 0
	local pid
	for pid in $(leftovers); do
		kill -KILL "$pid" 2>/dev/null || true
	done
	cd /
	rm -rf "$place"
	nothing_failed
}

# Serves a page that is finished by a script, from a second file.
serve_page() {
	mkdir pages
	cat >pages/index.html <<-'END_OF_FILE'
		<!doctype html>
		<html><head><title>kang</title><link rel="icon" href="data:,"><link rel="stylesheet" href="style.css"></head>
		<body><p id="answer">kodos, are you there?</p><script src="script.js"></script></body></html>
	END_OF_FILE
	cat >pages/script.js <<-'END_OF_FILE'
		fetch('data.json').then(answer => answer.json()).then(data => {
			document.getElementById('answer').textContent = data.word + ' in ' + getComputedStyle(document.body).color;
		});
	END_OF_FILE
	echo 'body { color: rgb(1, 2, 3) }' >pages/style.css
	echo '{"word": "I am here"}' >pages/data.json
	start python3 -u -m http.server --bind 127.0.0.1 --directory "$place/pages" 0 >server.log 2>&1
	await 10 grep -q '^Serving HTTP' server.log
	port=$(sed -nE 's/^Serving HTTP on .* port ([0-9]+) .*/\1/p' server.log)
}

# Lists what is left of what chromium started: each such process has the directory as its home.
leftovers() {
	grep -las "HOME=$place/home" /proc/[0-9]*/environ | cut -d / -f 3 || true
}

nothing_is_left() {
	[[ -z $(leftovers) ]]
}

# browse OUT [WRAPPER…] -- [VARIABLE=VALUE…] [-- OPTION…]: prints the page as it is when all has been loaded.
browse() {
	local out=$1 wrapper=() settings=() status=0
	shift
	while [[ $1 != -- ]]; do
		wrapper+=("$1")
		shift
	done
	shift
	while (($#)) && [[ $1 != -- ]]; do
		settings+=("$1")
		shift
	done
	mkdir -p home
	chmod 777 home
	timeout -k 5 90 "${wrapper[@]}" env HOME="$place/home" "${settings[@]}" "$browser" --headless --disable-gpu \
		--disable-background-networking --no-first-run --user-data-dir="$place/home/$out" \
		--virtual-time-budget=10000 --dump-dom "${@:2}" "http://127.0.0.1:$port/" \
		>"$out.out" 2>"$out.messages" </dev/null || status=$?
	echo "$status" >"$out.status"
	await 10 nothing_is_left || fail "left behind by $out: $(leftovers)"
	# Prints each line without its process, thread and time.  There is no message bus here, and chromium complains of
	# it as often as it tries.  chromium closes all descriptors that /proc shows, but it may not close the library's.
	sed -E 's/^\[[0-9:/.]+:/[/; s/^(.*: 9: \[: )[0-9]+/\1/' "$out.messages" |
		grep -Ev 'ERROR:(dbus|gpu)/|dbus/|close_multiple.*close: Bad file descriptor' | sort -u >"$out.err"
}

same_page() {
	grep -q 'I am here in rgb(1, 2, 3)' bare.out || fail "chromium does not work bare" "$(cat bare.messages)"
	local part
	for part in out status err; do
		diff -u bare.$part traced.$part >&2 || fail "$part differs"
	done
}

# Checks that one process, the only one with the network, asked for the four files.
connections_are_traced() {
	local file count
	find . -maxdepth 1 -name 'trace.*' -size +0 >traces
	[[ -s traces ]] || fail "no trace"
	while read -r file; do
		trace_is_whole "$file"
		trace_is_healthy "$file"
	done <traces
	xargs cat <traces >all
	trace_has all '>=' 4 $'^connect\\(.*127\\.0\\.0\\.1:'"$port"', 16\)'
	trace_has all '>=' 4 '\[connected\]$'
	count=$(trace_plain all | grep -Ec '^(send|write)\(.*" G E T ' || true)
	((count == $(grep -c '"GET ' server.log) / 2)) ||
		fail "$count requests in the trace, of both runs the server had" "$(grep '"GET ' server.log)"
}

@test "chromium without its sandbox: the same page, traced" {
	browse bare -- -- --no-sandbox
	browse traced -- LD_PRELOAD="$library" TCPSHIM_OUTPUT="$place/trace.%p" -- --no-sandbox
	same_page
	connections_are_traced
}

@test "chromium in its sandbox: the same page, traced" {
	local wrapper=()
	if ((EUID == 0)); then
		need setpriv
		wrapper=(setpriv --reuid=nobody --clear-groups)
	fi
	"${wrapper[@]}" unshare -Ur true 2>/dev/null || skip "user namespaces are not allowed here"
	browse bare "${wrapper[@]}" --
	browse traced "${wrapper[@]}" -- LD_PRELOAD="$library" TCPSHIM_OUTPUT="$place/trace.%p"
	same_page
	connections_are_traced
}

@test "chromium with everything traced and all policies: the same page" {
	browse bare -- -- --no-sandbox
	browse traced -- LD_PRELOAD="$library" TCPSHIM_OUTPUT="$place/trace.%p" TCPSHIM_FDS=all TCPSHIM_KEEPALIVE=on \
		TCPSHIM_USER_TIMEOUT=auto TCPSHIM_CLOSE_ON_EOF=fin -- --no-sandbox
	same_page
	find . -maxdepth 1 -name 'trace.*' -size +0 | grep -q . || fail "no trace"
}
