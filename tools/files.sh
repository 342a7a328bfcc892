#!/bin/sh
# Prints our files, one a line: those that git tracks, or, outside a repository, all but what is
# built. Arguments: patterns as of git ls-files, such as '*.c' 'src/*.h'.
cd "$(dirname "$0")/.." || exit 1
if git ls-files --error-unmatch meson.build >/dev/null 2>&1; then
	# A tracked file that was removed is listed until the commit that removes it.
	git ls-files -- "$@" | while IFS= read -r file; do
		[ -e "$file" ] && echo "$file"
	done
	exit 0
fi
find . -type f ! -path './build*' ! -path './.git/*' | sed 's|^\./||' | sort |
	while IFS= read -r file; do
		[ $# = 0 ] && echo "$file"
		for pattern in "$@"; do
			# shellcheck disable=SC2254 # the pattern is meant as one
			case $file in
			$pattern)
				echo "$file"
				break
				;;
			esac
		done
	done
