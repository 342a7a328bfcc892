#!/bin/sh
# Measures erlmcp beside etcd and Redis (needs root: network namespaces), and writes table, results
# and plot to build/bench: tools/bench.sh [options of bench/compare.py]
#        tools/bench.sh sessions|nodes [options]: erlmcp alone, as it grows: bench/scale.py
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}

tools/deps.sh
tools/deps.sh tools/packages-bench.txt
tools/build.sh release
if [ ! -e "$build/release/bench/erlmcp-bench" ]; then
	meson setup --reconfigure "$build/release" -Dbench=enabled >"$build/release/setup.log" 2>&1 || {
		tail -n 20 "$build/release/setup.log" >&2
		exit 1
	}
fi
ninja -C "$build/release" --quiet bench/erlmcp-bench
case ${1:-} in
sessions | nodes) exec python3 bench/scale.py --build "$build/release" --out "$build/bench" "$@" ;;
*) exec python3 bench/compare.py --build "$build/release" --out "$build/bench" "$@" ;;
esac
