#!/bin/sh
# RB-008, steps 1 to 3: tells which side of a network partition this node is on and, when told
# to, stops a node that is in the minority.
set -u
tree=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=../lib/node-status.sh
. "$tree/scripts/lib/node-status.sh"

delay=${SHUTDOWN_DELAY:-10}
force=${FORCE_SHUTDOWN:-false}

usage() {
	cat <<'END'
usage: detect-and-shutdown-minority.sh [--help]

Asks the node (not its sockets) whether it is in the majority or the minority of its cluster.
In the minority, with FORCE_SHUTDOWN=true, it waits SHUTDOWN_DELAY seconds, asking again every
second, and stops the node unless the partition healed meanwhile.

environment:
  FORCE_SHUTDOWN      true: really stop a minority node; else a dry run (false)
  SHUTDOWN_DELAY      seconds to wait before that (10)
  ERLMCP_QUORUM_SIZE  total nodes in the cluster; can only make the verdict stricter (3)
  ERLMCP_CONTAINER    container to ask when no node runs here (erlmcp)
  ERLMCP_ROOT         where erlmcp is installed (the tree of this script)

exit code: 0 majority, 1 minority, 2 unknown
END
}

majority() {
	echo "✅ MAJORITY PARTITION: Continue operations"
	echo "This node is part of the majority partition ($node_reachable >= $node_needed)"
	exit 0
}

unknown() {
	echo "UNKNOWN: $1" >&2
	exit 2
}

# Ask until the delay is over; ends the script when the partition has healed.
wait_for_healing() {
	left=$delay
	while [ "$left" -gt 0 ]; do
		sleep 1
		left=$((left - 1))
		if node_ask "$tree" && [ "$node_side" = majority ]; then
			echo "The partition healed: shutdown aborted"
			majority
		fi
	done
}

case ${1:-} in
'') ;;
-h | --help)
	usage
	exit 0
	;;
*)
	usage >&2
	exit 2
	;;
esac
case $delay in
'' | *[!0-9]*) unknown "SHUTDOWN_DELAY must be a number of seconds, not '$delay'" ;;
esac

node_ask "$tree" || unknown "$node_why"
case $node_side in
majority) majority ;;
minority) ;;
*)
	if [ "$node_state" = fenced ]; then
		unknown "the node is fenced, but sees $node_reachable members ($node_needed needed): an election, or a partial partition whose leader it cannot reach; see erlmcp-admin cluster status"
	fi
	unknown "the node is $node_state and not yet part of a cluster"
	;;
esac

echo "⚠️  MINORITY PARTITION DETECTED"
echo "Reachable nodes: $node_reachable (need $node_needed for majority)"
echo "MINORITY PARTITION DETECTED: Will shutdown"
if [ "$force" != true ]; then
	echo "Dry run: FORCE_SHUTDOWN is not true, the node keeps running (and refuses clients)"
	exit 1
fi
wait_for_healing
echo "Shutting down minority partition..."
node_stop "$tree" || unknown "the node could not be stopped"
exit 1
