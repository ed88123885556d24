#!/usr/bin/env bats
#
# A root directory with a program and what it needs, but without libgcc_s.so.1: the library must not prevent its start.
# With libgcc_s.so.1 in that root, threads are cancelled as outside.

# shellcheck disable=SC2154,SC2030,SC2031,SC2034

load ../common
load hostile

setup() {
	common_setup
	need_root
	need unshare chroot ldd readelf
	mkdir -p root/bin root/proc root/tmp
	bring /usr/bin/env bin/env
	bring "$library" libtcpshim.so
}

# bring FILE TO: copies it into the root, with the libraries that it names itself.
bring() {
	local needed
	cp "$1" "root/$2"
	for needed in $(ldd "$1" | grep -o '/[^ ]*' || true); do
		mkdir -p "root${needed%/*}"
		[[ -e root$needed ]] || cp "$needed" "root$needed"
	done
}

# rooted OUT ERR [VARIABLE=VALUE…] PROGRAM [ARG…]: runs it in the root.
rooted() {
	# shellcheck disable=SC2016 # for the inner shell
	timeout -k 5 "$limit" unshare -m bash -c 'mount --bind /proc root/proc && exec chroot root /bin/env "$@"' bash \
		"${@:3}" >"$1" 2>"$2"
}

under=(LD_PRELOAD=/libtcpshim.so TCPSHIM_TIME=none)
policies=(TCPSHIM_KEEPALIVE=on TCPSHIM_USER_TIMEOUT=auto TCPSHIM_CLOSE_ON_EOF=fin TCPSHIM_MATCH=peer=127.0.0.0/8)

# in_root PROGRAM: runs it bare and under the library, like the other hostile programs.
in_root() {
	bring "$programs/$1" "bin/$1"
	rooted bare.out bare.err "/bin/$1" || fail "$1 fails bare, with $?:" "$(cat bare.out bare.err)"
	rm -f trace.* recording.* root/tmp/*
	rooted shim.out shim.err "${under[@]}" "${@:2}" "/bin/$1" ||
		fail "$1 fails under the library, with $?:" "$(tail -n 5 shim.out shim.err)"
	find root/tmp -type f -exec mv -t . {} +
	settings=("${@/\/tmp\//}") # as hostile.bash knows them
	reported
	same_behaviour
	trace_as_expected
	traces_are_whole
}

modes() {
	in_root "$1" TCPSHIM_OUTPUT=/tmp/trace.%p
	in_root "$1" TCPSHIM_OUTPUT=/tmp/trace.%p "${policies[@]}"
	in_root "$1" TCPSHIM_RECORD=/tmp/recording.%p TCPSHIM_RECORD_SIZE=64M
}

has_no_libgcc() {
	find root -name 'libgcc_s*' | nothing "this root has libgcc_s"
}

# Shown: if the library needs libgcc_s, each program exits with 127.
@test "no libgcc_s: programs run under the library" {
	local program
	for program in many_connections vfork_child race_reuse own_names; do
		modes "$program"
	done
	has_no_libgcc
}

@test "no libgcc_s: nc" {
	need nc.openbsd
	local port
	bring "$(command -v nc.openbsd)" bin/nc
	has_no_libgcc
	port=$(free_port)
	start rooted served /dev/null /bin/nc -l 127.0.0.1 "$port"
	await 30 listening "$port"
	echo asked | rooted answer shim.err "${under[@]}" "${policies[@]}" /bin/nc -N 127.0.0.1 "$port" ||
		fail "$?" "$(cat shim.err)"
	finish "$last"
	[[ $(<served) == asked ]] || fail "$(<served)"
	trace_is_whole shim.err
	trace_has shim.err ">=" 1 '^connect\('
}

@test "no libgcc_s: cancelling ends the program with libc's own message" {
	bring "$programs/cancel_ordinary" bin/cancel_ordinary
	has_no_libgcc
	local bare=0 with=0
	rooted bare.out bare.err /bin/cancel_ordinary || bare=$?
	rooted shim.out shim.err "${under[@]}" TCPSHIM_OUTPUT=/tmp/trace /bin/cancel_ordinary || with=$?
	((bare != 0 && bare == with)) || fail "bare $bare, under the library $with" "$(tail -n 5 shim.out shim.err)"
	grep -q 'libgcc_s.so.1 must be installed' bare.err || fail "$(<bare.err)"
	diff bare.err shim.err
}

# Shown: with -static-libgcc each program aborts.
@test "with libgcc_s in the root: cancellation" {
	local program needed
	# That of the programs' architecture, of several.
	local kind='Class:|Machine:'
	while read -r needed; do
		[[ $(readelf -hW "$needed" | grep -E "$kind") != "$(readelf -hW "$library" | grep -E "$kind")" ]] || break
	done < <(ldconfig -p | sed -n 's,.*libgcc_s\.so\.1 (libc6[^)]*) => \(/[^ ]*\)$,\1,p')
	mkdir -p "root${needed%/*}"
	cp "$needed" "root$needed"
	for program in cancel cancel_close cancel_ordinary unwound; do
		in_root "$program" TCPSHIM_OUTPUT=/tmp/trace.%p
	done
	for program in cancel_ordinary unwound; do
		in_root "$program" TCPSHIM_RECORD=/tmp/recording.%p TCPSHIM_RECORD_SIZE=64M
	done
}
