#!/bin/sh
# Checks the models of doc/model exhaustively, then once more without each rule: those must fail
# with the expected invariant. Prints the table of doc/model/README.md; needs spin and 2 GB.
#   tools/model.sh BUILD_DIR
set -eu
build=$(mkdir -p "$1" && realpath "$1")
cd "$(dirname "$0")/../doc/model"
models=$PWD
memory_mb=8000
seconds_max=600
bad=0

command -v spin >/dev/null || {
	echo "spin is missing: make deps installs it" >&2
	exit 1
}

# Invariants have the names of the simulator's checkers.
sed -n 's|.*assert(/\* \([a-z-]*\) \*/.*|\1|p' ./*.pml | sort -u | while read -r name; do
	grep -q "\"$name\"" ../../sim/check.h || {
		echo "$name is not a checker of sim/check.h" >&2
		exit 1
	}
done

# The invariant is named in a comment where the assertion that failed begins.
invariant_of() {
	# shellcheck disable=SC2086 # a list of options
	line=$(spin -t -p $2 "$1" 2>/dev/null |
		sed -n 's/^spin: [^ ]*:\([0-9]*\), Error: assertion violated.*/\1/p' | head -n 1)
	head -n "${line:-0}" "$1" | sed -n 's|.*assert(/\* \([a-z-]*\) \*/.*|\1|p' | tail -n 1
}

# check MODEL RULE EXPECTED OPTIONS...: RULE - is the whole model; EXPECTED an invariant or none.
check() {
	model=$1
	rule=$2
	expected=$3
	shift 3
	options=$*
	directory=$build/$model-$rule
	search=
	# Breadth first finds the shortest story; the whole model fits in memory depth first.
	if [ "$rule" != - ]; then
		options="$options -D$rule"
		search=-DBFS
	fi
	rm -rf "$directory"
	mkdir -p "$directory"
	cp "$models/$model.pml" "$directory"
	cd "$directory"
	# shellcheck disable=SC2086 # lists of options
	spin $options -a "$model.pml" >spin.log
	# shellcheck disable=SC2086
	gcc -w -O2 -DSAFETY -DNOREDUCE -DCOLLAPSE -DMEMLIM=$memory_mb $search -o pan pan.c
	# shellcheck disable=SC2086
	timeout "$seconds_max" ./pan -E -n -m2000000 >pan.log 2>&1 || :
	if [ -e "$model.pml.trail" ]; then
		found=$(invariant_of "$model.pml" "$options")
		found=${found:-unnamed}
	elif grep -q 'errors: 0' pan.log && ! grep -q 'not completed\|too small' pan.log; then
		found=none
	else
		found=unfinished
	fi
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log)
	seconds=$(sed -n 's/^pan: elapsed time \([0-9.]*\).*/\1/p' pan.log)
	printf '| %-10s | %-26s | %-22s | %-22s | %10s | %7s |\n' \
		"$model" "$rule" "$expected" "$found" "${states:-?}" "${seconds:-0}"
	[ "$found" = "$expected" ] || bad=1
	cd "$models"
}

printf '| %-10s | %-26s | %-22s | %-22s | %10s | %7s |\n' \
	model 'rule dropped' expected found states seconds
echo '|---|---|---|---|---|---|'
check lease - none
for rule in PROMISE_NOT_KEPT TIMER_SHORTENED LATE_VOTE_RESULT_BELIEVED RESTARTED_VOTES FLAG_TRUSTED; do
	check lease "$rule" promise
	check lease "$rule" lease -DHARM_ONLY
done
for rule in PROMISE_TO_ANYBODY LEASE_FROM_ARRIVAL STEPPED_DOWN_KEEPS_LEASE TRANSFER_KEEPS_LEASE \
	RELEASE_TAKEN_BACK; do
	check lease "$rule" lease
done
check membership - none
check membership EMPTY_DISK_KEEPS_ITS_NAME one-leader
for rule in CHANGES_OVERLAP TWO_MEMBERS_AT_ONCE OLD_CONFIGURATION_COUNTS; do
	check membership "$rule" completeness
done
exit "$bad"
