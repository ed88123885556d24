#!/usr/bin/env bats
#
# Installed, by make and as a Debian package: the library works by its name alone, and uninstalling leaves nothing.

# shellcheck disable=SC2154,SC2030,SC2031	# set in common.bash

load ../common

# Builds in a directory of its own, not in the build that the other tests use.
make_in() {
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u BUILD -u TCPSHIM_LIB timeout 600 make -s -C "$repository" O="$PWD/build" "$@" >log 2>&1 ||
		fail "make $*:" "$(tail -n 20 log)"
}

@test "package: make install puts all of it under DESTDIR, and make uninstall takes all of it away" {
	make_in install DESTDIR="$PWD/root" PREFIX=/usr LIBDIR=/usr/lib/here
	(cd root && find . -type f | sort) >files
	diff - files <<-END
		./usr/bin/tcpshim
		./usr/include/tcpshim/calls.def
		./usr/include/tcpshim/event.h
		./usr/include/tcpshim/facts.def
		./usr/include/tcpshim/notes.def
		./usr/include/tcpshim/record.h
		./usr/include/tcpshim/scenarios.def
		./usr/lib/here/libtcpshim.so
		./usr/share/bash-completion/completions/tcpshim
		./usr/share/man/man1/tcpshim.1
		./usr/share/man/man7/libtcpshim.7
		./usr/share/tcpshim/call-summary.schema.json
		./usr/share/tcpshim/connection.schema.json
		./usr/share/tcpshim/event.schema.json
		./usr/share/tcpshim/finding.schema.json
		./usr/share/tcpshim/netstat.schema.json
		./usr/share/tcpshim/rehearsal.schema.json
		./usr/share/zsh/site-functions/_tcpshim
	END
	# A reader written by a user needs no more than what is installed.
	printf '#include <tcpshim/record.h>\nint main(void) { return sizeof(struct record_header) == 0; }\n' >reader.c
	${CC:-cc} -Iroot/usr/include -o reader reader.c
	# The command looks for the library in the LIBDIR that it was built with.
	status=0
	root/usr/bin/tcpshim true 2>errors || status=$?
	((status == 125))
	grep -q 'neither beside the command nor in /usr/lib/here' errors
	make_in uninstall DESTDIR="$PWD/root" PREFIX=/usr LIBDIR=/usr/lib/here
	find root -type f | nothing "left behind:"
}

@test "package: the manual pages have all variables, notes and calls, and no line is too wide" {
	make_in man
	man -l --warnings build/man/libtcpshim.7 >page 2>warnings
	man -l --warnings build/man/tcpshim.1 >>page 2>>warnings
	nothing "man warns:" <warnings
	for name in $(sed -nE 's/^VARIABLE\(([A-Z_]+),.*/TCPSHIM_\1/p' "$repository/include/tcpshim/variables.def") \
		$(sed -nE 's/^NOTE\([a-z_]+, "([a-z-]+)".*/\1/p' "$repository/include/tcpshim/notes.def" | sort -u); do
		grep -qF -- "$name" page || fail "$name is not there"
	done
}

@test "package: the Debian packages install, run and purge" {
	need_root
	dpkg -s libtcpshim >/dev/null 2>&1 && skip "libtcpshim is installed here"
	make_in deb
	dpkg -i build/libtcpshim_*.deb build/tcpshim_*.deb >log 2>&1 || fail "$(cat log)"
	status=0
	{
		cd / &&
			LD_PRELOAD=libtcpshim.so nc.openbsd -z 127.0.0.1 1 2>"$BATS_TEST_TMPDIR/by-name"
		tcpshim -o "$BATS_TEST_TMPDIR/by-command" nc.openbsd -z 127.0.0.1 1
		man -w tcpshim libtcpshim >"$BATS_TEST_TMPDIR/pages"
		bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader tcpshim; complete -p tcpshim' >"$BATS_TEST_TMPDIR/complete"
	} || status=$?
	cd "$BATS_TEST_TMPDIR"
	dpkg -L libtcpshim tcpshim | while read -r file; do [[ -z $file || -d $file ]] || echo "$file"; done >installed
	dpkg -P libtcpshim tcpshim >log 2>&1 || fail "$(cat log)"
	((status == 0))
	grep -q 'connect-refused' by-name
	grep -q 'connect-refused' by-command
	[[ $(wc -l <pages) == 2 ]]
	grep -q '_tcpshim' complete
	grep -q '/libtcpshim\.so$' installed
	while read -r file; do
		[[ ! -e $file ]] || echo "$file"
	done <installed | nothing "left behind:"
}

# Libraries of the architectures for which there is a compiler here: this machine's at least.
@test "package: the tarball's libraries need no more than libc, and its script installs them" {
	need readelf
	make_in tarball
	tar -xzf build/libtcpshim-*.tar.gz
	cp -r libtcpshim-* elsewhere
	sh elsewhere/install.sh "$PWD/prefix" >printed
	(($(wc -l <printed) >= 1))
	while read -r path; do
		[[ -r $path ]] || fail "$path is not there"
		"$repository/scripts/check-exports" "$path" >&2
	done <printed
	readelf -hW "$library" | grep Machine: >machine
	while read -r path; do
		if readelf -hW "$path" | grep -qxFf machine; then
			mv "$path" ours.so
			break
		fi
	done <printed
	LD_PRELOAD=$PWD/ours.so nc.openbsd -z 127.0.0.1 1 2>by-path || true
	grep -q 'connect-refused' by-path
}
