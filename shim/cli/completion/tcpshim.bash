# bash completion for tcpshim(1)

_tcpshim_list() {
	"${COMP_WORDS[0]}" list "$1" 2>/dev/null | awk '{ print $1 }'
}

# Long options, as the command itself lists them.
_tcpshim_options() {
	"${COMP_WORDS[@]:0:$1}" --help 2>/dev/null | grep -oE -- '--[a-z-]+=?' | sort -u
}

_tcpshim() {
	local word=${COMP_WORDS[COMP_CWORD]} first=${COMP_WORDS[1]:-} i
	COMPREPLY=()
	case $first in
	report | netstat)
		if [[ $word == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(_tcpshim_options 2)" -- "$word")
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
		fi
		;;
	explain)
		mapfile -t COMPREPLY < <(compgen -W "$(_tcpshim_list notes)" -- "$word")
		;;
	list)
		mapfile -t COMPREPLY < <(compgen -W 'calls notes variables' -- "$word")
		;;
	*)
		# Behind the program everything is the program's.
		for ((i = 1; i < COMP_CWORD; i++)); do
			if [[ ${COMP_WORDS[i]} != -* && ${COMP_WORDS[i - 1]} != -[tov] && ${COMP_WORDS[i]} != = &&
				${COMP_WORDS[i - 1]} != = ]]; then
				if declare -F _command_offset >/dev/null; then
					_command_offset "$i"
				else
					mapfile -t COMPREPLY < <(compgen -f -- "$word")
				fi
				return
			fi
		done
		if [[ $word == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(_tcpshim_options 1)" -- "$word")
		else
			mapfile -t COMPREPLY < <(compgen -c -- "$word")
			((COMP_CWORD > 1)) || mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(
				compgen -W 'report netstat explain list' -- "$word"
			)
		fi
		;;
	esac
	if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *= ]]; then
		compopt -o nospace
	elif [[ $first == report || $first == netstat ]]; then
		compopt -o filenames
	fi
}

complete -F _tcpshim tcpshim
