#!/bin/sh
# Words that must not be in our files: promises of a later, paths of one machine, addresses of
# package registries; and spelling.
set -eu
cd "$(dirname "$0")/.."
bad=0

# The reason, then the pattern; this file names them all and is left out.
search() {
	if tools/files.sh | grep -vxE 'tools/words\.sh|LICENSE|test/fuzz/corpus/.*' |
		xargs grep -nIE "$2" /dev/null; then
		echo "$1"
		bad=1
	fi
}

search "finish it or leave it out" '\b(TODO|FIXME|XXX|HACK)\b|\bfor now\b|\bnot implemented\b'
search "a path of one machine" '/work/|bash_jobs|/tmp/b/|/home/[a-z]'
search "an address of a package registry" \
	'^deb(-src)? +(\[.*\] +)?https?://|https?://[^ "]*(debian|ubuntu|pypi|npmjs|crates|hex)[.]'

if command -v codespell >/dev/null; then
	tools/files.sh | grep -vxE 'LICENSE|test/fuzz/corpus/.*|test/golden/.*' | xargs codespell || bad=1
fi
exit "$bad"
