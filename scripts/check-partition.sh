#!/bin/sh
# Health check of a node: one line, exit 0 while it serves clients, else 1.
set -u
tree=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=lib/node-status.sh
. "$tree/scripts/lib/node-status.sh"

usage() {
	cat <<'END'
usage: check-partition.sh [--help]

Prints one line about the node and exits 0 while it serves clients, else 1: made for a
container's health check. A node serves while it and a majority of the cluster see each other.

environment:
  ERLMCP_CONTAINER    container to ask when no node runs here (erlmcp)
  ERLMCP_QUORUM_SIZE  cluster size; can only make the check stricter
  ERLMCP_ROOT         where erlmcp is installed (the tree of this script)
END
}

case ${1:-} in
'') ;;
-h | --help)
	usage
	exit 0
	;;
*)
	usage >&2
	exit 1
	;;
esac

if ! node_ask "$tree"; then
	echo "unhealthy: $node_why"
	exit 1
fi
seen="$node_reachable members in sight, $node_needed needed"
case $node_side/$node_state in
minority/*) echo "unhealthy: minority partition, $node_state ($seen)" ;;
*/serving | */degraded)
	echo "healthy: $node_state ($seen)"
	exit 0
	;;
*) echo "unhealthy: $node_state ($seen)" ;;
esac
exit 1
