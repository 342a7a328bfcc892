#!/bin/bash
# Help, manual pages and completion of the programs: really formatted, really sourced.
#
# usage: pages.sh DIRECTORY-OF-THE-PROGRAMS; prints TAP. Needs neither root nor a node.
set -u
bin=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0
failed=0
cd "$work" || exit 1

ok() { # description, condition's result (0 or not)
	n=$((n + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $n - $1"
	else
		failed=1
		echo "not ok $n - $1"
		head -20 out 2>/dev/null | sed 's/^/# /'
	fi
}

# What bash would offer for these words; the last one is being typed.
offers() { # program, words...
	local name=_${1//-/_}
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	COMPREPLY=()
	"$name"
	printf '%s\n' "${COMPREPLY[@]}" >out
}

offered() { # word
	grep -qxF -- "$1" out
}

# The same in zsh: compadd tells what it is given.
zoffers() { # program, words...
	zsh -f -c 'autoload -Uz compinit && compinit -u -D -d '"$work"'/dump
		source $1
		compadd() { shift; print -rl -- "$@" }
		_files() { }
		words=("${@[2,-1]}") CURRENT=$(($# - 1))
		[[ $_comps[$2] == _${2//-/_} ]] || print "not registered"
		_${2//-/_}' zsh "$work/_$1" "$@" >out 2>&1
}

for program in erlmcp erlmcp-admin; do
	"$bin/$program" help >out
	ok "$program: help fits 80 columns" "$(awk 'length > 80 { bad = 1 } END { print bad + 0 }' out)"
	"$bin/$program" --help >out2
	cmp -s out out2
	ok "$program: --help is help" $?
	bad=0
	for verb in $("$bin/$program" completion bash | sed -n "/^	'')/,/;;/s/.*subs='\(.*\)'/\1/p"); do
		"$bin/$program" "$verb" --help >out 2>&1 && grep -q "$verb\|KEY\|_" out || bad=1
	done
	ok "$program: every command knows --help" $bad
	"$bin/$program" man >"$program.1"
	groff -man -Tutf8 -ww -z "$program.1" >out 2>&1 && [ ! -s out ]
	ok "$program: the manual page formats without a warning" $?
	groff -man -Tascii -P-cbou "$program.1" >out
	bad=0
	for section in NAME SYNOPSIS DESCRIPTION COMMANDS OPTIONS ENVIRONMENT "EXIT STATUS"; do
		grep -qx "$section" out || bad=1
	done
	ok "$program: the manual page has its sections" $bad
	"$bin/$program" completion bash >"$program.bash"
	bash -n "$program.bash" >out 2>&1
	ok "$program: bash reads its completion" $?
	# shellcheck source=/dev/null
	. "./$program.bash"
	[[ $(complete -p "$program") == *"_${program//-/_} $program" ]]
	ok "$program: bash registers it" $?
	"$bin/$program" completion zsh >"_$program"
done

offers erlmcp-admin cl
offered cluster
ok "bash completes a command" $?
offers erlmcp-admin cluster ""
offered join && offered status && ! offered doctor
ok "bash completes what is below a command" $?
offers erlmcp-admin timeline --h
offered --html && offered --help && ! offered --since
ok "bash completes the flags of a command" $?
offers erlmcp-admin --data-dir=/x timeline --s
offered --since
ok "bash looks past options" $?
offers erlmcp e
offered eval && ! offered stop
ok "bash completes erlmcp, too" $?

if command -v zsh >/dev/null; then
	zoffers erlmcp-admin ""
	offered cluster && offered doctor && ! offered "not registered"
	ok "zsh completes a command" $?
	zoffers erlmcp-admin cluster ""
	offered join && ! offered doctor
	ok "zsh completes what is below a command" $?
	zoffers erlmcp-admin timeline --
	offered --since && offered --html
	ok "zsh completes the flags of a command" $?
else
	n=$((n + 1))
	echo "ok $n - zsh completes # SKIP there is no zsh"
fi

"$bin/erlmcp-admin" completion fish >out 2>&1
[ $? -eq 64 ] && grep -q "bash or zsh" out
ok "another shell is refused" $?

# Colour is for terminals, and not where NO_COLOR asks for none.
esc=$(printf '\033')
coloured() { # settings...
	env "$@" HOME="$work" ERLMCP_DATA_DIR="$work/none" ERLMCP_NODE_NAME=erlmcp@127.0.0.1 ERLANG_COOKIE=secret \
		script -qec "$bin/erlmcp-admin doctor" /dev/null </dev/null >out
	grep -q "$esc\[" out
}
coloured TERM=xterm
ok "a terminal gets colour" $?
! coloured TERM=xterm NO_COLOR=1
ok "NO_COLOR is respected" $?

echo "1..$n"
exit $failed
