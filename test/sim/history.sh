#!/bin/sh
# What clients were told in a few worlds, judged by the linearizability checker.
set -eu
sim=$1
lin=$2
history=$(mktemp)
trap 'rm -f "$history"' EXIT
for seed in 2 5 8; do
	"$sim" --seed "$seed" --length 8 --history "$history" >/dev/null
	"$lin" "$history"
done
