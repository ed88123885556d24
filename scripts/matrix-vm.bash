# matrix-vm: the part of scripts/matrix that tests on an emulated arm64 machine (qemu-system-aarch64, no KVM).
#
# The machine's disk is an image of the root of the release with the sources, the built programs and the command to run,
# made anew for each run. It is never mounted here: mke2fs fills it, debugfs reads what the command has printed. The
# kernel is Debian's; it has what it boots from built in, so there is no initramfs. Its first process is matrix-init.
# The library, the command and the programs of the tests are cross-compiled here, with the root as sysroot.

# What scripts/matrix sets, and what it uses.
# shellcheck shell=bash disable=SC2154,SC2034

vm_programs=(aarch64-linux-gnu-gcc debugfs mke2fs qemu-system-aarch64)
# What the arm64 machine is for: signals, cancellation, system calls by number, stacks, TCP_INFO.
vm_suites='hostile/hostile e2e/expect e2e/truth record/stack record/same_text'

# Prepares $place/root, which is the sysroot too. Of the kernel's modules those are kept by which ss asks, and packet
# sockets and pairs of interfaces: the machine has to list them when it starts.
vm_make_root() {
	find "$place/root/usr/lib/modules" -name '*.ko*' ! -name '*diag.ko*' ! -path '*/net/packet/*' ! -name 'veth.ko*' \
		! -name 'dummy.ko*' -delete
	mv "$place"/root/boot/vmlinuz-* "$place/vmlinuz"
}

# Builds the library, and checks it as make lint does. Sets the cross compiler, which prefers the root to a libc that
# this machine has for cross-compiling.
vm_build_library() {
	local libraries=$place/root/usr/lib/aarch64-linux-gnu include=$place/root/usr/include
	vm_cc=(aarch64-linux-gnu-gcc "--sysroot=$place/root" "-B$libraries" "-L$libraries"
		-isystem "$include/aarch64-linux-gnu" -isystem "$include")
	timeout -k 10 900 make -C "$top" -j2 O="$build/arm64" CC="${vm_cc[*]}" "$library" &&
		"$top/scripts/check-exports" "$library" && "$top/scripts/check-imports" "$build/arm64/shim"
}

# vm_run SECONDS: runs run_tests, as it is in scripts/matrix, on the machine.
vm_run() {
	# shellcheck disable=SC2016 # for the shell on the machine
	vm_enter "$1" bash -c "$(declare -f run_tests libc loads is_for_glibc)
		$(declare -p files with_musl patience)"'
		out=/mnt/out
		enter() {
			local status=0
			rm -rf /tmp/*
			timeout -k 10 "$@" || status=$?
			sync
			return "$status"
		}
		run_tests'
}

# vm_enter SECONDS COMMAND...: boots the machine and runs the command there. What it leaves in /mnt/out and in
# /build/compared comes to $place. Fails, and prints why, if the machine does not get to an end.
vm_enter() {
	local root=$place/root used
	rm -rf "$place"/{disk.img,status,output,root/src,root/mnt}
	mkdir -p "$root"/src "$root"/mnt/out
	tar -c -C "$top" LICENSE Makefile README.md include scripts shim tests | tar -x -C "$root/src"
	install -m 755 "$top/scripts/matrix-init" "$root/mnt/init"
	printf '%s\0' "${environment[@]}" >"$root/mnt/environment"
	printf '%s\0' "${@:2}" >"$root/mnt/command"
	used=$(du -sm --apparent-size "$root" | cut -f 1)
	# Without a journal it can be read after the machine was killed.
	mke2fs -qF -t ext4 -O '^has_journal' -m 0 -N 200000 -d "$root" "$place/disk.img" "$((used * 12 / 10 + 1500))M" >/dev/null
	vm_boot "$1" || return
	rm -rf "$root/mnt/out"
	debugfs -R "rdump /mnt/out $root/mnt" "$place/disk.img" 2>/dev/null
	debugfs -R "dump /build/compared $root/mnt/out/compared" "$place/disk.img" 2>/dev/null
	find "$root/mnt/out" -type f -empty ! -name output -delete
	mv "$root"/mnt/out/* "$place"
	rm "$place/disk.img"
	[[ -e $place/status ]] || {
		echo "the machine stopped in the middle: $(vm_last_line)"
		return 1
	}
}

# Prints the line that says why the machine stopped: the kernel's panic, or else the last.
vm_last_line() {
	tr -d '\r' <"$place/console" | grep -v '^ *$' | awk '/panic/ && !said { said = $0 } { last = $0 } END { print said ? said : last }'
}

# Runs the machine until it is switched off, for at most so many seconds, of which 180 are for its start.
vm_boot() {
	local machine begun=$SECONDS
	: >"$place/console"
	setpriv --pdeathsig KILL timeout -k 10 "$1" setpriv --pdeathsig KILL qemu-system-aarch64 -M virt -cpu cortex-a72 \
		-smp 2 -m 2048 -accel tcg,thread=multi -nodefaults -no-user-config -nic none -display none -no-reboot \
		-kernel "$place/vmlinuz" -append 'root=/dev/nvme0n1 rw init=/mnt/init console=ttyAMA0 quiet panic=-1' \
		-drive "file=$place/disk.img,if=none,id=disk,format=raw,cache=unsafe" -device nvme,drive=disk,serial=disk \
		-serial "file:$place/console" </dev/null >"$place/qemu.log" 2>&1 &
	machine=$!
	until grep -q '^matrix: booted' "$place/console"; do
		if ! kill -0 "$machine" 2>/dev/null || ((SECONDS - begun > 180)); then
			kill "$machine" 2>/dev/null || true
			wait "$machine" || true
			echo "the machine did not boot: $(vm_last_line) $(tail -n 1 "$place/qemu.log")"
			return 1
		fi
		sleep 0.2
	done
	wait "$machine" || true
}
