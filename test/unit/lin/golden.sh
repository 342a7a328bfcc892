#!/bin/sh
# golden.sh LINCHECK DIRECTORY: every history in it gets the verdict that its name begins with.
set -eu
lincheck=$1
bad=0
n=0

for file in "$2"/*.jsonl; do
	name=${file##*/}
	code=0
	said=$("$lincheck" "$file" 2>&1) || code=$?
	case $name in
	good-*) expected=0 ;;
	bad-*) expected=1 ;;
	malformed-*) expected=65 ;;
	*)
		echo "$name: neither good, bad nor malformed"
		expected=none
		;;
	esac
	if [ "$code" != "$expected" ]; then
		echo "$name: exit code $code, expected $expected: $said"
		bad=1
	fi
	n=$((n + 1))
done
echo "$n histories"
[ "$n" -ge 12 ] || bad=1
exit "$bad"
