# shellcheck shell=bash disable=SC2154
# plays.bash: what the bats files of the scenarios share.  The file sets `plays`, a list of SCENARIO-CLIENT.
#
# Several plays run at the same time, since they mostly wait; each test then checks one of them.  Not all run at once: some
# have to reach their point within 5 s of silence, and do not if more run than the processors can serve.

setup_file() {
	local here=$BATS_TEST_DIRNAME play
	# shellcheck source-path=SCRIPTDIR source=world.bash disable=SC1091
	source "$here/world.bash"
	world_probe
	export world_kind
	[[ $world_kind != loopback ]] || return 0
	for play in $plays; do
		while (($(jobs -pr | wc -l) >= 4 * $(nproc))); do
			wait -n || true
		done
		(
			status=0
			setpriv --pdeathsig KILL "$here/play" "${play%%-*}" "${play#*-}" "$BATS_FILE_TMPDIR/$play" \
				>"$BATS_FILE_TMPDIR/$play.log" 2>&1 3>&- || status=$?
			echo "$status" >"$BATS_FILE_TMPDIR/$play.status"
		) &
	done
	wait
}

setup() {
	[[ $world_kind != loopback ]] || skip "network namespaces are not allowed here"
}

# compare PLAY SIDE: compares the whole trace, except for times and addresses in memory.
compare() {
	local actual=$BATS_FILE_TMPDIR/$1/$2.trace expected=$BATS_TEST_DIRNAME/expected/$1.$2.trace
	if [[ -n ${REWRITE:-} ]]; then
		"$BATS_TEST_DIRNAME/normalise" "$actual" >"$expected"
	fi
	diff -u --label "expected $2" --label "$2" "$expected" <("$BATS_TEST_DIRNAME/normalise" "$actual")
}

# went_as_told SCENARIO-CLIENT: checks that this play reached its end.
went_as_told() {
	play=$1
	cat "$BATS_FILE_TMPDIR/$play.log"
	[[ $(cat "$BATS_FILE_TMPDIR/$play.status") == 0 ]]
}

# played SCENARIO-CLIENT [SIDE...]: checks that it reached its end, and that both sides, or these, left the expected trace.
played() {
	local side
	went_as_told "$1"
	shift
	(($# > 0)) || set -- kang kodos
	for side; do
		compare "$play" "$side"
	done
}

# kang_says PATTERN...: checks that each matches a line of kang's trace, and that the lines come in this order.
kang_says() {
	local pattern line=0 found
	for pattern in "$@"; do
		found=$(tail -n +$((line + 1)) "$BATS_FILE_TMPDIR/$play/kang.trace" | grep -nE -m 1 -- "$pattern" | cut -d: -f1)
		if [[ -z $found ]]; then
			echo "kang's trace has no line like this, or not after the one before: $pattern"
			return 1
		fi
		((line += found))
	done
}

kang_is_silent_about() {
	[[ -s $BATS_FILE_TMPDIR/$play/kang.trace ]] || return 1
	! grep -E -- "$1" "$BATS_FILE_TMPDIR/$play/kang.trace"
}
