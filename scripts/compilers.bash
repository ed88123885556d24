# compilers: which compiler makes the library for an architecture. Sourced by deb and tarball.
# shellcheck shell=bash

# works COMPILER...: whether it links a shared library with libc, as the library is.
compiler_works() {
	local trial result=0
	trial=$(mktemp -d)
	echo '#include <errno.h>
#include <stdlib.h>
void *allocate(void) { return malloc(1); }' >"$trial/trial.c"
	"$@" -shared -fPIC -o "$trial/trial.so" "$trial/trial.c" 2>/dev/null || result=1
	rm -rf "$trial"
	return "$result"
}

# compiler_for ARCHITECTURE: prints it; fails if there is none. The names of architectures are Debian's.
compiler_for() {
	local machine compiler
	machine=$(gcc -dumpmachine 2>/dev/null || true)
	case $1:$machine in
	amd64:x86_64-*) compiler=gcc ;;
	amd64:*) compiler=x86_64-linux-gnu-gcc ;;
	arm64:aarch64-*) compiler=gcc ;;
	arm64:*) compiler=aarch64-linux-gnu-gcc ;;
	i386:i?86-*) compiler=gcc ;;
	i386:x86_64-*)
		compiler=i686-linux-gnu-gcc
		# Without gcc-multilib, which excludes cross compilers, the kernel's headers are where those of this machine are.
		if compiler_works gcc -m32 -idirafter "/usr/include/$machine"; then
			compiler="gcc -m32 -idirafter /usr/include/$machine"
		fi
		;;
	i386:*) compiler=i686-linux-gnu-gcc ;;
	*) return 1 ;;
	esac
	# shellcheck disable=SC2086 # words
	compiler_works $compiler || return 1
	printf '%s\n' "$compiler"
}

# compiler_remedy ARCHITECTURE: what to install.
compiler_remedy() {
	case $1 in
	amd64) echo 'install gcc-x86-64-linux-gnu and libc6-dev-amd64-cross' ;;
	arm64) echo 'install gcc-aarch64-linux-gnu and libc6-dev-arm64-cross' ;;
	i386) echo 'install libc6-dev-i386 and lib32gcc-12-dev (of the version of gcc), or gcc-i686-linux-gnu and libc6-dev-i386-cross' ;;
	*) echo 'the library is for amd64, arm64 and i386' ;;
	esac
}

# compiler_triplet ARCHITECTURE: the name of its directories of libraries.
compiler_triplet() {
	case $1 in
	amd64) echo x86_64-linux-gnu ;;
	arm64) echo aarch64-linux-gnu ;;
	i386) echo i386-linux-gnu ;;
	esac
}
