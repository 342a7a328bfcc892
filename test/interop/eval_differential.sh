#!/bin/sh
# Holds our evaluator against a real Erlang, byte for byte, over a file of expressions.
#
# usage: eval_differential.sh EVAL_CASES [EXPRESSIONS]
# Exit 0: no difference. 1: differences, shown. 77 (skipped): no Erlang here, or OTP 26 or later.
set -eu

here=$(dirname "$0")
cases=$1
expressions=${2:-$here/../golden/expressions.txt}

command -v escript >/dev/null || {
	echo "escript is not installed: skipped"
	exit 77
}
# From OTP 26 on, atom keys of small maps come in the order of the VM's atom table, which depends on
# what was loaded before: nothing to compare with. The golden outputs are compared everywhere.
release=$(erl -noshell -eval 'io:format("~s", [erlang:system_info(otp_release)]), halt().')
if [ "$release" -ge 26 ]; then
	echo "OTP $release orders atom keys of maps by its atom table, not by term order: skipped"
	exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

escript "$here/eval_reference.escript" "$expressions" >"$work/erlang"
"$cases" "$expressions" >"$work/ours"
if ! diff -u "$work/erlang" "$work/ours"; then
	echo "the evaluator differs from Erlang (-: Erlang, +: ours)"
	exit 1
fi
echo "$(grep -cv -e '^%' -e '^$' "$expressions") expressions, no difference"
