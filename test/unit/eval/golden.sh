#!/bin/sh
# The results that a real Erlang gave, without a real Erlang.
#
# usage: golden.sh EVAL_CASES EXPRESSIONS EXPECTED
set -eu

"$1" "$2" | diff -u "$3" -
