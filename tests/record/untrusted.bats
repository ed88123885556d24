#!/usr/bin/env bats
#
# Recordings that somebody made to harm whoever reads them: what they name is not opened, what they hold is not obeyed,
# and to read them takes no more than the bytes that are there.

# shellcheck disable=SC2154,SC2016	# set in common.bash; scripts for other shells are quoted

load ../common

setup() {
	common_setup
	build=${BUILD:-$repository/build}
	tcpshim=$build/tcpshim
	forge=$repository/tests/record/forge
	gzip -dc "$repository/tests/record/golden/truth.gz" >truth
}

report() {
	timeout -k 5 "${seconds:-20}" "$tcpshim" report "$@" >shown 2>said || fail "report $*: exit status $?" "$(tail -n 5 said)"
}

# Characters that a terminal obeys or that hide others: controls of C0 and C1, bytes that are no UTF-8, bidirectional ones.
harmless() {
	python3 - "$@" <<-'END'
		import sys, unicodedata
		for name in sys.argv[1:]:
		    for c in open(name, encoding='utf-8').read():
		        if c not in '\n\t' and unicodedata.category(c) in ('Cc', 'Cf', 'Zl', 'Zp'):
		            sys.exit(f'{name}: U+{ord(c):04X}')
	END
}

@test "untrusted: nothing of a recording reaches a terminal as a control" {
	local hostile='\x1b]0;owned\x07\u009b31m\x9b31m\u202eevil\u2066\u200b\ufeff\x7f'
	"$forge" truth hostile "program=a${hostile}" "line=b${hostile}\\nwith\\ttab é" "module=/$(printf 'c\x1b[31m\xc2\x9b\xe2\x80\xae')"
	for option in --data=all --connections --summary; do
		report "$option" hostile
		harmless shown said
		"$tcpshim" report "$option" --json hostile >json
		harmless json
	done
	report hostile
	grep -qxF 'b?]0;owned???31m?31m?evil????'$'?with\ttab é' shown || grep -q $'with\ttab é$' shown || fail "$(grep -a owned shown | cat -v)"
	# JSON means the same.
	"$tcpshim" report --json hostile | python3 -c '
import json, sys
found = [line for line in map(json.loads, sys.stdin) if line.get("process.executable.name", "").startswith("a\x1b]0;")]
assert found and "\u009b31m" in found[0]["process.executable.name"] and "\u202e" in found[0]["process.executable.name"], found[:1]
' || fail "not the same in JSON"
	# In colour, the colours are there, and no more.
	script -qec "'$tcpshim' report hostile" /dev/null >colour </dev/null
	sed 's/\x1b\[[0-9;]*m//g; s/\r//g; s/\x1b\[K//g' colour >plain
	harmless plain
}
