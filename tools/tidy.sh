#!/bin/sh
# clang-tidy over all sources: tools/tidy.sh BUILD_DIR, whose compile_commands.json it uses.
#
# A file that passed is not looked at again until what the compiler sees of it changes: its
# preprocessed text is the key of a stamp in the build directory.
set -eu
build=$(realpath "$1")
cd "$(dirname "$0")/.."
if ! clang-tidy --version | grep -q 'version 14\.'; then
	echo "skipped: the configuration is for clang-tidy 14"
	exit 77
fi
stamps=$build/tidy
mkdir -p "$stamps"
export build stamps

# One file; called through xargs so that several run at a time.
# shellcheck disable=SC2016 # expanded by the inner shell
check='
	text=$(jq -r --arg f "$1" ".[] | select(.file | endswith(\"/\" + \$f)) | .command" \
		"$build/compile_commands.json" | head -n 1 | sed "s/ -o [^ ]* / /; s/ -M[DFQ]* *[^ ]*\.o\(\.d\)*//g")
	[ -n "$text" ] || exit 0
	key=$({ cat .clang-tidy; cd "$build" && sh -c "$text -E"; } 2>/dev/null | sha256sum | cut -c1-32)
	stamp=$stamps/$(echo "$1" | tr / _)
	[ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && exit 0
	clang-tidy --quiet -p "$build" "$1" 2>/dev/null && echo "$key" >"$stamp"'
tools/files.sh 'src/*.c' 'sim/*.c' 'test/support/*.c' | xargs -P "${JOBS:-2}" -n 1 sh -c "$check" tidy
