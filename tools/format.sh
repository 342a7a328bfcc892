#!/bin/sh
# Checks the layout of all C files, or with --write corrects it (and that of the scripts).
#
# The layout is that of clang-format 14; other versions differ in details, so that the check is
# skipped where only they exist.
set -eu
cd "$(dirname "$0")/.."
formatter=clang-format
if command -v clang-format-14 >/dev/null; then
	formatter=clang-format-14
fi

if [ "${1:-}" = --write ]; then
	tools/files.sh '*.c' '*.h' | xargs "$formatter" -i
	tools/scripts.sh --write
	exit 0
fi
if ! "$formatter" --version | grep -q 'version 14\.'; then
	echo "skipped: the layout is that of clang-format 14; here is" "$("$formatter" --version)"
	exit 77
fi
tools/files.sh '*.c' '*.h' | xargs "$formatter" --dry-run -Werror
