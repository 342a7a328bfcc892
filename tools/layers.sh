#!/bin/sh
# Fails when a file in src/ROOM, sim or sim/lin includes a header of a room that tools/layers.txt
# does not list for it, when uv.h or raft.h leave their rooms, or when a pure room reaches for the
# world. The simulator is pure but for its program: a clock or a file would end "one seed, one run".
set -eu
cd "$(dirname "$0")/.."
# shellcheck disable=SC2046 # our file names have no blanks
exec awk '
BEGIN {
	while ((getline line < "tools/layers.txt") > 0) {
		n = split(line, word, /[: ]+/)
		for (i = 1; i <= n; i++)
			allowed[word[1], word[i]] = 1
	}
	n = split("base term eval dist cluster session http mcp sim lin", word, " ")
	for (i = 1; i <= n; i++)
		pure[word[i]] = 1
	world = "^<(sys/(socket|epoll|timerfd|time|un|stat|file|wait)|netinet/.*|arpa/.*|unistd|fcntl|" \
		"pthread|signal|poll|netdb|dirent|syslog|time)[.]h>$"
	program = "^sim/(main|run|lin/lin_main)[.]c$"
}
function complain(text) {
	print FILENAME ":" FNR ": " text
	bad = 1
}
# May this file of the outer rooms include the library of another one?
function foreign(header) {
	if (header ~ /^<uv[.\/]/)
		return room != "io"
	if (header == "<raft/uv.h>")
		return FILENAME !~ /^src\/consensus\/storage[a-z_]*[.]c$/
	if (header ~ /^<raft[.\/]/)
		return room != "consensus" && room != "sim"
	return 0
}
FNR == 1 {
	n = split(FILENAME, path, "/")
	room = path[1] == "src" || n > 2 ? path[2] : path[1]
}
/^#[ \t]*include "[a-z]+\// {
	split($0, part, /["\/]/)
	if (!((room, part[2]) in allowed))
		complain(room " must not include " part[2])
}
/^#[ \t]*include "[^\/]*"/ { complain("include by room: \"room/file.h\"") }
/^#[ \t]*include </ {
	if (foreign($2))
		complain(room " must not include " $2)
	if (room in pure && $2 ~ world && FILENAME !~ program)
		complain(room " is a pure room: " $2 " touches the world")
}
END { exit bad }' $(tools/files.sh 'src/*.c' 'src/*.h' 'sim/*.c' 'sim/*.h')
