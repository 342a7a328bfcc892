#!/bin/sh
# Runs each fuzz target for some seconds on top of its corpus: tools/fuzz.sh SECONDS [NAME...]
#
# New inputs stay in the build directory; one that crashes is kept there too, and named.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-30}
[ $# -gt 0 ] && shift
dir=${BUILD:-build}/fuzz
tools/build.sh fuzz

bad=0
found=0
for program in "$dir"/test/fuzz/fuzz_*; do
	# libFuzzer's own directories (*.p) and an unmatched pattern are no programs.
	if [ ! -f "$program" ] || [ ! -x "$program" ]; then
		continue
	fi
	name=${program##*/fuzz_}
	case " $* " in
	"  " | *" $name "*) ;;
	*) continue ;;
	esac
	found=1
	mkdir -p "$dir/corpus/$name"
	if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="$dir/crash-$name-" "$dir/corpus/$name" "test/fuzz/corpus/$name" \
		>"$dir/$name.log" 2>&1; then
		echo "fuzz $name: $(awk '/number_of_executed_units/ { print $2 }' "$dir/$name.log") runs"
	else
		tail -n 30 "$dir/$name.log"
		echo "fuzz $name: FAILED; input below $dir/crash-$name-*"
		bad=1
	fi
done
[ "$found" = 1 ] || echo "fuzz: no target"
exit "$bad"
