#!/bin/sh
# Fails on a function of more than 60 lines or a file of more than 600, and shows the largest.
set -eu
cd "$(dirname "$0")/.."
function_max=60
file_max=600

# A test's story may be long; all other code may not.
functions=$(tools/files.sh '*.c' '*.h' |
	ctags --languages=C --kinds-C=f --fields=+ne -L - -f - |
	awk -F '\t' '{
		line = end = 0
		for (i = 4; i <= NF; i++) {
			if ($i ~ /^line:/) line = substr($i, 6)
			if ($i ~ /^end:/) end = substr($i, 5)
		}
		if (end && $1 != "TEST") print end - line + 1, $2 ":" line, $1
	}' | sort -rn)
files=$(tools/files.sh '*.c' '*.h' '*.py' '*.sh' | xargs awk '
	{ lines[FILENAME]++ }
	END { for (f in lines) print lines[f], f }' | sort -rn)

echo "longest functions:"
echo "$functions" | head -n 5
echo "longest files:"
echo "$files" | head -n 5
echo "$functions" | awk '{ n++; small += $1 <= 15; most += $1 <= 40 }
	END { if (n) printf "%d functions: %.0f %% up to 15 lines, %.0f %% up to 40\n", n, 100 * small / n, 100 * most / n }'

{
	echo "$functions" | awk -v max=$function_max '$1 > max { print $2 ": " $3 " has " $1 " lines" }'
	echo "$files" | awk -v max=$file_max '$1 > max { print $2 ": " $1 " lines" }'
} | awk '{ print "too long: " $0; bad = 1 } END { exit bad }'
