#!/bin/sh
# Runs shellcheck and shfmt over all scripts, and Python's parser over its files; --write lays the
# scripts out.
set -eu
cd "$(dirname "$0")/.."
scripts=$(tools/files.sh | while IFS= read -r file; do
	case $file in
	*.sh) echo "$file" ;;
	*.*) ;;
	*) head -n 1 "$file" | grep -qaE '^#!.*\b(sh|bash)$' && echo "$file" ;;
	esac
done || :)

if [ "${1:-}" = --write ]; then
	echo "$scripts" | xargs shfmt -w
	exit 0
fi
bad=0
echo "$scripts" | xargs shellcheck -x -P SCRIPTDIR || bad=1
echo "$scripts" | xargs shfmt -d || bad=1
tools/files.sh '*.py' | xargs -r python3 -c '
import ast, sys
for name in sys.argv[1:]:
    with open(name) as file:
        ast.parse(file.read(), name)' || bad=1
for file in $scripts; do
	[ -x "$file" ] || {
		echo "$file: a script without its run bit"
		bad=1
	}
done
exit "$bad"
