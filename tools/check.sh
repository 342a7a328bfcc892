#!/bin/sh
# Builds and runs the tests: tools/check.sh check|test (and slow: one of test's own parts)
#
# Parts run one after another, a failed one does not keep the others from running. Each leaves
# its outcome in build/results: a log of meson, or NAME.broken when it could not even be built.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build}
results=$build/results
# Suites that need the network of the lab, real Erlang, another compiler or minutes.
special='--no-suite lab --no-suite interop --no-suite slow --no-suite system --no-suite containers'
failed=
spare='nice -n 19'
chrt --idle 0 true 2>/dev/null && spare='chrt --idle 0'

part_failed() {
	failed="$failed $1"
}

build_kind() {
	tools/build.sh "$1" && return 0
	touch "$results/build-$1.broken"
	part_failed "build-$1"
	return 1
}

# Run suites of a build directory: run_tests NAME KIND ARGS-OF-MESON...
run_tests() {
	name=$1
	kind=$2
	shift 2
	echo "== $name"
	meson test -C "$build/$kind" --no-rebuild --print-errorlogs --quiet \
		--num-processes "${JOBS:-2}" --timeout-multiplier 5 --logbase "testlog-$name" "$@" ||
		part_failed "$name"
	cp "$build/$kind/meson-logs/testlog-$name.json" "$results/" 2>/dev/null || :
}

check() {
	build_kind asan || return 1
	# shellcheck disable=SC2086 # a list of options
	run_tests check asan $special
}

all() {
	if check; then
		run_tests interop asan --suite interop --num-processes 1
	fi
	if build_kind clang; then
		# The lab waits more than it works: the analyzer takes what is left of the machine, and
		# gives way at once.
		$spare tools/check.sh slow >"$results/slow.log" 2>&1 &
		slow=$!
		# shellcheck disable=SC2086 # a list of options
		run_tests clang clang $special --no-suite structure
		run_tests lab clang --suite lab --suite system --num-processes 1
		run_tests containers clang --suite containers --num-processes 1
		wait $slow || part_failed slow
		cat "$results/slow.log"
	fi
	echo "== fuzz"
	tools/fuzz.sh 5 || {
		touch "$results/fuzz.broken"
		part_failed fuzz
	}
}

case ${1:-} in
check | test)
	rm -rf "$results"
	mkdir -p "$results"
	;;
esac
case ${1:-} in
check) check ;;
test) all ;;
slow)
	run_tests slow clang --suite slow
	[ -z "$failed" ]
	exit
	;;
*)
	echo "usage: tools/check.sh check|test" >&2
	exit 64
	;;
esac
python3 tools/tally.py "$results"
if [ -n "$failed" ]; then
	echo "failed:$failed"
	exit 1
fi
