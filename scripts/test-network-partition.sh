#!/usr/bin/env bash
# RB-010, automated test: takes a container off the network and puts it back, and checks that the
# cluster notices both.
set -euo pipefail

network=${ERLMCP_NETWORK:-erlmcp-net}
observer=${ERLMCP_OBSERVER:-erlmcp_node1}
victim=${ERLMCP_VICTIM:-erlmcp_node2}
erlmcp=${ERLMCP_PROGRAM:-/opt/erlmcp/bin/erlmcp}
detection_max_s=${DETECTION_MAX:-60}
recovery_max_s=${RECOVERY_MAX:-30}
disconnected=false

usage() {
	cat <<'END'
usage: test-network-partition.sh [--help]

Disconnects a container from the cluster's network, awaits that the others see it lost, connects
it again and awaits that they see it back. Exit 0 when both happened in time.

environment:
  ERLMCP_NETWORK   network to cut (erlmcp-net)
  ERLMCP_OBSERVER  container that is asked (erlmcp_node1)
  ERLMCP_VICTIM    container that is cut off (erlmcp_node2)
  DETECTION_MAX    seconds until the loss must be seen (60)
  RECOVERY_MAX     seconds until the return must be seen (30)
END
}

count_nodes() {
	docker exec "$observer" "$erlmcp" eval "length(nodes())."
}

# Is the count of nodes, left in $count, as wanted? count_is -lt|-ge NUMBER
count_is() {
	count=$(count_nodes) || return 1
	case $1 in
	-lt) ((count < $2)) ;;
	-ge) ((count >= $2)) ;;
	esac
}

# Await that: await_count -lt|-ge NUMBER SECONDS
await_count() {
	local end=$((SECONDS + $3))
	until count_is "$1" "$2"; do
		if ((SECONDS >= end)); then
			return 1
		fi
		sleep 0.2
	done
}

restore() {
	if $disconnected; then
		docker network connect "$network" "$victim" || true
	fi
}

case ${1:-} in
'') ;;
-h | --help)
	usage
	exit 0
	;;
*)
	usage >&2
	exit 64
	;;
esac
trap restore EXIT
trap 'exit 130' INT TERM

echo "Starting network partition test..."
before=$(count_nodes)
if ((before < 1)); then
	echo "$observer sees no other node: nothing to partition" >&2
	exit 1
fi

echo "Introducing partition..."
docker network disconnect "$network" "$victim"
disconnected=true
started=$SECONDS
if ! await_count -lt "$before" "$detection_max_s"; then
	echo "Partition not detected within $detection_max_s s" >&2
	exit 1
fi
during=$count
detected=$((SECONDS - started))

echo "Restoring network..."
docker network connect "$network" "$victim"
disconnected=false
started=$SECONDS
if ! await_count -ge "$before" "$recovery_max_s"; then
	echo "Not recovered within $recovery_max_s s: $observer sees ${count:-no} nodes" >&2
	exit 1
fi
after=$count

echo "Test complete"
echo "Before partition: $before"
echo "During partition: $during (detected within $((detected + 1)) s)"
echo "After partition: $after (recovered within $((SECONDS - started + 1)) s)"
