# bash completion for tcpshim(1). What there is to complete comes from `tcpshim list`.

# _tcpshim_load [COMMAND]: the values of each option of the command in _tcpshim_values, "-" if it takes none.
_tcpshim_load() {
	local letter name values
	declare -gA _tcpshim_values=()
	while IFS=$'\t' read -r letter name values _; do
		[[ $letter == - ]] || _tcpshim_values[$letter]=$values
		[[ $name == - ]] || _tcpshim_values[$name]=$values
	done < <("${COMP_WORDS[0]}" list options "$@" 2>/dev/null)
}

_tcpshim_notes() {
	"${COMP_WORDS[0]}" list notes 2>/dev/null | awk '{ print $1 }'
}

_tcpshim_commands() {
	"${COMP_WORDS[0]}" list commands 2>/dev/null | cut -f 1
}

# _tcpshim_add PREFIX WORD COMPGEN-OPTION…: adds what compgen has for WORD, with PREFIX before each.
_tcpshim_add() {
	local prefix=$1 word=$2 found
	shift 2
	while IFS= read -r found; do
		COMPREPLY+=("$prefix$found")
	done < <(compgen "$@" -- "$word" | sort -u)
}

# _tcpshim_complete_value VALUES WORD: VALUES as `tcpshim list options` shows them: alternatives with | between them.
# Words in capitals stand for something; ",..." after them means a list.
_tcpshim_complete_value() {
	local values=${1#\[} word=$2 before='' value
	values=${values%\]}
	if [[ $values == *,...* || $values == *LIST* ]] && [[ $word == *,* ]]; then
		before=${word%,*},
		word=${word##*,}
	fi
	while IFS= read -r value; do
		case ${value%,...} in
		DIRECTORY) [[ $values == *FILE* ]] || _tcpshim_add "$before" "$word" -d ;;
		FILE) _tcpshim_add "$before" "$word" -f && compopt -o filenames 2>/dev/null ;;
		LIST) _tcpshim_add "$before" "$word" -W "$("${COMP_WORDS[0]}" list calls 2>/dev/null)" ;;
		ID) _tcpshim_add "$before" "$word" -W "$(_tcpshim_notes)" ;;
		*[A-Z]*) ;;
		*) _tcpshim_add "$before" "$word" -W "${value%,...}" ;;
		esac
	done < <(tr '|' '\n' <<<"$values")
}

# _tcpshim_complete_argument ARGUMENTS WORD: ARGUMENTS as `tcpshim list commands` shows them.
_tcpshim_complete_argument() {
	local arguments=${1//[].[]/} word=$2 argument
	while IFS= read -r argument; do
		case $argument in
		FILE) _tcpshim_add '' "$word" -f && compopt -o filenames 2>/dev/null ;;
		PID) [[ ! $word =~ ^[0-9]+$ ]] || _tcpshim_add '' "$word" -W "$(cd /proc && echo [0-9]*)" ;;
		NOTE) _tcpshim_add '' "$word" -W "$(_tcpshim_notes)" ;;
		WORD) _tcpshim_add '' "$word" -W "$(_tcpshim_commands) $(_tcpshim_notes)" ;;
		*[A-Z]* | -) ;;
		*) _tcpshim_add '' "$word" -W "$argument" ;;
		esac
	done < <(tr '|' '\n' <<<"$arguments")
}

_tcpshim_scenarios() {
	"${COMP_WORDS[0]}" list scenarios 2>/dev/null | awk '{ print $1 }'
}

# _tcpshim_find_program FIRST COUNT: sets `program` to the number of the word that is the program, the COUNTth from word FIRST
# on that is no option; 0 if it is not there yet. `missing` is how many words come before it. bash cuts words at "=".
_tcpshim_find_program() {
	local i=$1 word
	missing=$2
	program=0
	while ((i < COMP_CWORD)); do
		word=${COMP_WORDS[i]}
		if [[ $word != -* ]]; then
			missing=$((missing - 1))
			if ((missing == 0)); then
				program=$i
				return
			fi
			((i += 1))
		elif [[ ${COMP_WORDS[i + 1]} == = ]]; then
			((i += 3))
		elif [[ ${_tcpshim_values[$word]:--} != [-[]* ]]; then
			((i += 2))
		else
			((i += 1))
		fi
	done
}

# _tcpshim_complete_option WORD BEFORE: an option, or its value. Returns false if it is neither.
_tcpshim_complete_option() {
	local word=$1 before=$2 option=''
	if [[ $word == = ]]; then
		option=$before word=''
	elif [[ $before == = ]]; then
		option=${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ $before == -* && $word != -* && ${_tcpshim_values[$before]:--} != [-[]* ]]; then
		option=$before
	elif [[ $word == -* ]]; then
		for option in "${!_tcpshim_values[@]}"; do
			case ${_tcpshim_values[$option]} in
			- | \[*) ;;
			*) [[ $option != --* ]] || option+='=' ;;
			esac
			[[ $option != "$word"* ]] || COMPREPLY+=("$option")
		done
		[[ ${COMPREPLY[*]} != *= ]] || compopt -o nospace 2>/dev/null
		return 0
	else
		return 1
	fi
	_tcpshim_complete_value "${_tcpshim_values[$option]:--}" "$word"
}

# _tcpshim_complete_run FIRST COUNT: a program and its arguments, after the options and, if COUNT is 2, a scenario.
_tcpshim_complete_run() {
	local program missing
	_tcpshim_find_program "$1" "$2"
	if ((program > 0)); then
		# After the program everything is the program's.
		if declare -F _command_offset >/dev/null; then
			_command_offset "$program"
		else
			_tcpshim_add '' "$word" -f
		fi
	elif ! _tcpshim_complete_option "$word" "$before"; then
		if ((missing == 2)); then
			_tcpshim_add '' "$word" -W "$(_tcpshim_scenarios)"
		else
			_tcpshim_add '' "$word" -c
			((COMP_CWORD > 1)) || _tcpshim_add '' "$word" -W "$(_tcpshim_commands)"
		fi
	fi
}

_tcpshim() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} first=${COMP_WORDS[1]:-} arguments
	COMPREPLY=()
	if ((COMP_CWORD > 1)) && [[ -n $first ]]; then
		arguments=$("${COMP_WORDS[0]}" list commands 2>/dev/null | awk -F '\t' -v word="$first" '$1 == word { print $2 }')
	fi
	if [[ -n ${arguments:-} ]]; then
		if [[ $first == help ]]; then
			_tcpshim_load
		else
			_tcpshim_load "$first"
		fi
		if [[ $first == rehearse ]]; then
			_tcpshim_complete_run 2 2
		elif [[ $first == list && $before == options ]]; then
			_tcpshim_add '' "$word" -W "$(_tcpshim_commands)"
		elif ! _tcpshim_complete_option "$word" "$before"; then
			_tcpshim_complete_argument "$arguments" "$word"
		fi
		return
	fi
	_tcpshim_load
	_tcpshim_complete_run 1 1
}

complete -F _tcpshim tcpshim
