#!/bin/sh
# Installs what the container tests lack: what the image is made of and, where no engine answers
# to docker, one. Where that fails the tests say so and skip themselves.
cd "$(dirname "$0")/.." || exit 1
skip="deps: the container tests will be skipped"

tools/deps.sh tools/packages-image.txt || {
	echo "$skip" >&2
	exit 0
}
if docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then
	exit 0
fi
tools/deps.sh tools/packages-containers.txt || echo "$skip" >&2
