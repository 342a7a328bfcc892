#!/bin/sh
# Builds the container image with whatever engine answers to `docker`:
# tools/image.sh DIRECTORY-OF-root.tar [TAG]
#
# Without a tag it is latest, and the version.
#
# Docker's older builder is asked for: it needs no plugin, and podman serves it too.
set -eu
cd "$(dirname "$0")/.."
context=$1
version=$(sed -n "s/^  version: '\(.*\)',$/\1/p" meson.build)

if ! docker info >/dev/null 2>&1; then
	echo "image: no container engine answers to docker; $context/root.tar can be imported by hand" >&2
	exit 1
fi
DOCKER_BUILDKIT=0 docker build -q -f deploy/docker/Dockerfile \
	-t "erlmcp:${2:-$version}" -t "erlmcp:${2:-latest}" "$context"
