#!/bin/sh
# Configures (once) and builds one of the build directories: tools/build.sh release|asan|clang|fuzz
set -eu
cd "$(dirname "$0")/.."
kind=$1
targets=
dir=${BUILD:-build}/$kind

case $kind in
release) set -- ;;
asan) set -- -Db_sanitize=address,undefined -Doptimization=1 ;;
clang) set -- ;;
fuzz)
	set -- -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false \
		-Dc_args=-fsanitize=fuzzer-no-link
	;;
*)
	echo "build: unknown kind $kind" >&2
	exit 64
	;;
esac
case $kind in
clang | fuzz) export CC=clang ;;
esac

if [ ! -e "$dir/build.ninja" ]; then
	mkdir -p "$dir"
	meson setup "$dir" "$@" >"$dir/setup.log" 2>&1 || {
		tail -n 20 "$dir/setup.log" >&2
		exit 1
	}
fi
case $kind in
release) targets='src/cmd/erlmcp src/cmd/erlmcp-admin src/cmd/epmd src/cmd/erl test/lab/wire sim/lin/lincheck sim/sim' ;;
fuzz) targets=fuzzers ;;
esac
# shellcheck disable=SC2086 # a list of words
exec ninja -C "$dir" -j "${JOBS:-2}" --quiet $targets
