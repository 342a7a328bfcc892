#!/bin/sh
# Runs many simulated worlds and writes what they went through into doc/testing.md, between its
# markers: tools/sim-report.sh SEEDS. Fails, and names the seeds, when a world failed.
set -eu
cd "$(dirname "$0")/.."
seeds=$1
build=${BUILD:-build}
doc=doc/testing.md
report=$build/sim-report.txt
commit=$(git rev-parse --short=12 HEAD)
git diff --quiet HEAD -- src sim || commit="$commit, with changes"

for marker in begin end; do
	if ! grep -q "^<!-- sim-report:$marker -->\$" "$doc"; then
		echo "sim-report: $doc has no sim-report:$marker" >&2
		exit 1
	fi
done
bad=0
nice "$build/release/sim/sim" --seeds "$seeds" --jobs "${JOBS:-2}" --table >"$report" || bad=$?
# Without its tables it was not even run.
if ! grep -q '^| worlds |' "$report"; then
	cat "$report" >&2
	exit 1
fi
awk -v commit="$commit" -v seeds="$seeds" -v report="$report" '
/^<!-- sim-report:end -->$/ { inside = 0 }
!inside { print }
/^<!-- sim-report:begin -->$/ {
	inside = 1
	print "Output of `make sim-report SEEDS=" seeds "` at commit " commit ". Times are processor time.\n"
	while ((getline line < report) > 0)
		if (line ~ /^\|/ || line == "")
			print line
}' "$doc" >"$build/testing.md"
cat "$build/testing.md" >"$doc"
grep -v '^|' "$report" | grep .
exit "$bad"
