# counted.bash: how much a diagnosis has looked at.

# shellcheck shell=bash

# ends_in TEXT: how many ends of connections a diagnosis has looked at, at most; one that was seen from both ends is counted
# once.
ends_in() {
	local count
	count=$(sed -nE 's/^([0-9]+) connections? in .*/\1/p' "$1")
	grep -q ' seen from both ends,' "$1" && count=$((2 * count))
	echo "${count:-0}"
}
