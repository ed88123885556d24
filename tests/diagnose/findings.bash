# findings.bash: what the tests of diagnoses share.  Programs run recorded; then `tcpshim diagnose` must name, as its first
# finding, the cause, the peer and a remedy, in the text and in JSON.  The test applies the remedy, and looks again.

# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034

load ../common
load counted

tcpshim=$build/tcpshim
sources=$BATS_TEST_DIRNAME/sources

diagnose_setup() {
	place_setup tcpshim-diagnose
	python=$(python3 -c 'import sys; print(sys.executable)') # python3 may be a script, which runs other programs
	debian_python=/usr/bin/python3                             # the one that Debian's modules are for
	recordings=$place/recordings
	mkdir -m 1777 recordings
}

setup() { diagnose_setup; }
teardown() { place_teardown; }

# need_module MODULE…: skips if one of Debian's modules of python is missing.
need_module() {
	local module
	for module; do
		"$debian_python" -c "import $module" 2>/dev/null || need "python3-$module"
	done
}

# anew [NAME]: what is recorded from now on is in a directory of its own.
anew() {
	recordings=$place/recordings${1:+.$1}
	rm -rf "$recordings"
	mkdir -m 1777 "$recordings"
}

# recorded [VARIABLE=VALUE…] PROGRAM…: runs it to its end, recorded.
recorded() { shim TCPSHIM_RECORD="$recordings/" "$@"; }

# serve [VARIABLE=VALUE…] PROGRAM…: starts it, recorded.
serve() { start_shim TCPSHIM_RECORD="$recordings/" "$@"; }

# diagnosed [OPTION…]: diagnoses what was recorded: into the files text, found (the first finding in one line) and json.
diagnosed() {
	timeout -k 5 20 "$tcpshim" diagnose "$@" "$recordings" >text 2>said || fail "status $?" "$(cat said)"
	timeout -k 5 20 "$tcpshim" diagnose --json "$@" "$recordings" >json 2>said || fail "status $?" "$(cat said)"
	sed '/^$/,$d' text | tr -s '\n ' ' ' >found
}

# finds ID GROUP [OPTION…]: the first finding has this id, and is about this group (a regular expression).
finds() {
	local id=$1 group=$2 what tries
	shift 2
	for tries in 1 2 3 4; do # of a process that lives, a number may change between text and JSON
		diagnosed "$@"
		what=$(head -n 1 json | jq -r .what)
		[[ $(<found) != *"$what"* ]] || break
	done
	grep -Eq "^!+ $id: $group " found || fail "not first: $id: $group" "$(cat text)"
	[[ $(head -n 1 json | jq -r .finding) == "$id" ]] || fail "not first in JSON" "$(head -n 1 json)"
	[[ $(<found) == *"$what"* ]] || fail "text and JSON differ after $tries tries" "$(cat text)" "$what"
}

# says REGEX…: the first finding says this.
says() {
	local words
	for words; do
		grep -Eq -- "$words" found || fail "it does not say: $words" "$(cat text)"
	done
}

# affects COUNT OF: so many connections have it.
affects() {
	[[ $(head -n 1 json | jq -r '"\(.affected) of \(.of)"') == "$1 of $2" ]] || fail "not $1 of $2" "$(cat text)"
}

# peer ADDRESS PORT: the peer of the first finding.
peer() {
	[[ $(head -n 1 json | jq -r '"\(."network.peer.address") \(."network.peer.port")"') == "$1 $2" ]] ||
		fail "the peer is not $1 $2" "$(head -n 1 json)"
}

# finds_nothing [LEAST [OPTION…]]: nothing above information, among at least so many ends of connections.
finds_nothing() {
	local least=${1:-1}
	diagnosed "${@:2}"
	! grep -q '^!' text || fail "$(cat text)"
	! grep -Eq '"severity":"(warn|error)"' json || fail "$(cat json)"
	grep -Eq '^[0-9]+ connections? in [0-9]+ groups?, ' text || fail "$(cat text)"
	(($(ends_in text) >= least)) || fail "fewer than $least" "$(cat text)"
}

# printed_seconds REGEX: prints the seconds of a duration in the first finding: what \1 is, as "1.2 s" or "980.1 ms".
printed_seconds() {
	sed -nE "s/.*$1.*/\\1/p" found | awk '{ print $2 == "ms" ? $1 / 1000 : $2 == "min" ? $1 * 60 : $1 }'
}

# near A B TOLERANCE: A and B differ by no more than that.
near() {
	awk -v a="$1" -v b="$2" -v t="$3" 'BEGIN { exit !(a != "" && b != "" && a - b <= t && b - a <= t) }' ||
		fail "$1 is not $2 ± $3"
}

# nginx_start PORT DIRECTIVES [MORE]: starts nginx, not recorded, with a page, these lines in its server, and more blocks.
nginx_start() {
	mkdir -p www
	printf 'a page\n' >www/page
	cat >"nginx.$1.conf" <<-CONFIG
		daemon off; pid $place/nginx.$1.pid; error_log $place/nginx.log info; worker_processes 1;
		user root;
		events { worker_connections 512; }
		http {
		    access_log $place/access.log;
		    client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
		    root $place/www;
		    server { listen 127.0.0.1:$1; $2 }
		    ${3:-}
		}
	CONFIG
	start "${as[@]}" nginx -p "$place" -c "$place/nginx.$1.conf" >nginx.out 2>&1
	await 30 listening "$1"
}
as=() # nginx is started by this command
