#!/usr/bin/env bats
#
# Clients and netcats: what they print, and how they end, is the same with and without the library.  Each of their calls on
# a TCP descriptor that strace sees is traced.

# bats runs each test in a subshell of its own, and functions are handed over by name.
# shellcheck disable=SC2154,SC2030,SC2031,SC2317,SC2034

load matrix

@test "curl" {
	need curl strace
	play() {
		web
		local url=http://127.0.0.1:$web
		once two curl -sS "$url/page" "$url/megabyte"
		once none curl -sS --fail-with-body "$url/no-such-page"
		once head curl -sS -I "$url/page"
	}
	varying='s/^Date: .*/Date/; s/^Last-Modified: .*/Last-Modified/'
	matrix curl
}

@test "wget" {
	need wget strace
	play() {
		web
		local url=http://127.0.0.1:$web
		once two wget -q -O - "$url/megabyte" "$url/page"
		once none wget -nv --content-on-error -O - "$url/no-such-page"
	}
	varying='s/^[0-9-]+ [0-9:]+/TIME/'
	matrix wget
}

# nc_pair SERVER -- CLIENT: runs both observed; each sends a line to the other.
nc_pair() {
	local command=()
	while [[ $1 != -- ]]; do
		command+=("$1")
		shift
	done
	shift
	printf 'from the server\n' >server.in
	printf 'from the client\n' >client.in
	observe server
	"${observer[@]}" "${command[@]}" <server.in >server.out 2>server.err 3>&- &
	local pid=$!
	started+=("$pid")
	await 30 listening "$port"
	once client "$@" <client.in
	finished server "$pid"
	grep -q 'from the client' server.out
	grep -q 'from the server' client.out
}

@test "nc.openbsd, both ends" {
	need nc.openbsd strace
	play() { nc_pair nc.openbsd -N -l -s 127.0.0.1 -p "$port" -- nc.openbsd -N 127.0.0.1 "$port"; }
	matrix nc.openbsd
}

@test "nc.traditional, both ends" {
	need nc.traditional strace
	play() { nc_pair nc.traditional -q 1 -l -s 127.0.0.1 -p "$port" -- nc.traditional 127.0.0.1 "$port"; }
	matrix nc.traditional
}

@test "ncat, both ends" {
	need ncat strace
	play() { nc_pair ncat -l 127.0.0.1 "$port" -- ncat 127.0.0.1 "$port"; }
	matrix ncat
}

@test "socat: a server that forks, a relay, a client" {
	need socat strace
	play() {
		serve server socat "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork" SYSTEM:'tr a-z A-Z'
		local server=$last
		serve relay socat "TCP-LISTEN:$port_2,bind=127.0.0.1,reuseaddr,fork" "TCP:127.0.0.1:$port"
		local relay=$last
		await 30 listening "$port"
		await 30 listening "$port_2"
		once client socat -t 5 - "TCP:127.0.0.1:$port_2" <<<"through two of them"
		once again socat -t 5 - "TCP:127.0.0.1:$port" <<<"straight"
		ended relay "$relay"
		ended server "$server"
		grep -q 'THROUGH TWO' client.out
	}
	matrix socat
}

@test "bash: /dev/tcp" {
	need strace
	play() {
		web
		cat >fetch.bash <<-'SCRIPT'
			exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
			printf 'GET /page HTTP/1.0\r\n' >&3
			echo -e 'Host: here\r\n\r' >&3
			read -r -t 10 version status _ <&3
			echo "$version $status"
			cat <&3 | tail -n 1
			exec 3<&- 3>&-
			exec 4<>"/dev/tcp/127.0.0.1/$1"
			printf 'GET /none HTTP/1.0\r\n\r\n' >&4
			while read -r -u 4 line; do
				[[ $line != *Server* ]] || echo "${line%% *}"
			done
			exit 5
		SCRIPT
		once bash bash fetch.bash "$web"
	}
	matrix "bash /dev/tcp"
}

@test "openssl: s_server and s_client" {
	need openssl strace
	play() {
		openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem 2>/dev/null
		serve server openssl s_server -accept "127.0.0.1:$port" -key key.pem -cert cert.pem -quiet -rev -naccept 1
		local server=$last
		await 30 listening "$port"
		: >client.out
		(
			echo 'forwards'
			for ((i = 0; i < 100 && $(wc -l <client.out) < 1; i++)); do sleep 0.1; done
		) | once client openssl s_client -connect "127.0.0.1:$port" -quiet -no_ign_eof
		finished server "$server"
		grep -q sdrawrof client.out
	}
	varying='s/^[0-9A-F]{16}:/ID:/'
	matrix openssl
}

@test "ssh" {
	need ssh ssh-keygen /usr/sbin/sshd strace
	need_root
	play() {
		ssh_server
		once ssh "${ssh[@]}" "$user@127.0.0.1" 'cat; echo errors >&2; head -c 300000 /dev/zero | cksum; exit 7' \
			<<<'through ssh'
		[[ $(cat ssh.status) == 7 ]] || fail "$(cat ssh.err sshd.err)"
	}
	matrix ssh
}

@test "scp" {
	need scp ssh ssh-keygen /usr/sbin/sshd strace
	need_root
	play() {
		ssh_server
		head -c 300000 /dev/zero >there
		once up scp -q "${scp[@]}" there "$user@127.0.0.1:$scene/copy"
		once down scp -q "${scp[@]}" "$user@127.0.0.1:$scene/copy" back
		once none scp -q "${scp[@]}" "$user@127.0.0.1:$scene/none" back
		cmp there back
	}
	matrix scp
}

# Makes a bare repository with two commits, as repository.git.
git_repository() {
	git -c init.defaultBranch=main init -q --bare repository.git
	git -c init.defaultBranch=main init -q work
	(
		cd work || exit
		git config user.name somebody
		git config user.email somebody@localhost
		seq 1 2000 >numbers
		git add numbers
		git commit -q -m one
		seq 1 3000 >numbers
		git commit -q -a -m two
		git push -q ../repository.git main
	)
	git -C repository.git update-server-info
}

@test "git over http" {
	need git curl strace
	play() {
		export GIT_CONFIG_NOSYSTEM=1
		web
		git_repository
		mv repository.git www/
		once clone git clone -q "http://127.0.0.1:$web/repository.git" copy
		once none git clone -q "http://127.0.0.1:$web/none.git" other
		[[ $(git -C copy rev-list --count HEAD) == 2 ]]
	}
	matrix "git over http"
}

@test "git over ssh" {
	need git ssh ssh-keygen /usr/sbin/sshd strace
	need_root
	play() {
		export GIT_CONFIG_NOSYSTEM=1
		ssh_server
		git_repository
		export GIT_SSH_COMMAND="${ssh[*]}"
		once clone git clone -q "ssh://$user@127.0.0.1$scene/repository.git" copy
		(cd copy && seq 1 4000 >numbers)
		once push git -C copy -c user.name=me -c user.email=me@localhost push -q origin HEAD:refs/heads/other
		[[ $(git -C repository.git rev-list --count other) == 2 ]]
	}
	matrix "git over ssh"
}
