#!/bin/sh
# Asks a node which side of a partition it is on; sourced by the scripts beside it.
#
# The node itself knows: counting sockets or names in EPMD would mistake a silent cut for a
# healthy link. The local node is asked first, then the container named by ERLMCP_CONTAINER.
# shellcheck disable=SC2034 # what node_ask sets is read by the scripts

node_container=${ERLMCP_CONTAINER:-erlmcp}
node_answer_max_s=8

# Path of one of our programs on this host; fails when there is none.
node_program() { # name, directory of the calling script's tree
	for node_dir in "${ERLMCP_ROOT:+$ERLMCP_ROOT/bin}" "$2/bin"; do
		if [ -n "$node_dir" ] && [ -x "$node_dir/$1" ]; then
			echo "$node_dir/$1"
			return 0
		fi
	done
	command -v "$1"
}

# The first value of a key in a JSON object whose verdict comes first; empty when it is not there.
node_field() { # json, key
	printf '%s' "$1" | tr '\n' ' ' | grep -o "\"$2\" *: *\"\{0,1\}[^\",}]*" | head -n 1 |
		sed 's/.*: *"\{0,1\}//'
}

# Set node_where (local or container), node_state, node_side, node_reachable, node_needed.
# Fails, with node_why set, when neither answers.
node_ask() { # directory of the tree
	node_where=local
	node_json=
	if node_admin=$(node_program erlmcp-admin "$1"); then
		node_json=$(timeout "$node_answer_max_s" "$node_admin" cluster status --json 2>/dev/null)
	fi
	if [ -z "$(node_field "$node_json" state)" ] && command -v docker >/dev/null; then
		node_where=container
		node_json=$(timeout "$node_answer_max_s" docker exec "$node_container" \
			/opt/erlmcp/bin/erlmcp-admin cluster status --json 2>/dev/null)
	fi
	node_state=$(node_field "$node_json" state)
	node_side=$(node_field "$node_json" side)
	node_reachable=$(node_field "$node_json" reachable)
	node_needed=$(node_field "$node_json" needed)
	case $node_reachable$node_needed in
	'' | *[!0-9]*)
		node_why="no node answers here, nor in a container named $node_container"
		return 1
		;;
	esac
	# A cluster that was recovered from a lost majority has fewer members than that says.
	if [ "$(node_field "$node_json" regrowing)" = true ]; then
		return 0
	fi
	# The quorum size of this script's environment counts too, but can only make it stricter.
	case ${ERLMCP_QUORUM_SIZE:-} in
	'' | *[!0-9]*) return 0 ;;
	esac
	node_majority=$((ERLMCP_QUORUM_SIZE / 2 + 1))
	if [ "$node_majority" -gt "$node_needed" ]; then
		node_needed=$node_majority
		if [ "$node_reachable" -lt "$node_needed" ]; then
			node_side=minority
		fi
	fi
	return 0
}

# Stop the node that answered.
node_stop() { # directory of the tree
	if [ "$node_where" = container ]; then
		docker stop "$node_container" >/dev/null
		return
	fi
	node_erlmcp=$(node_program erlmcp "$1") && "$node_erlmcp" stop
}
