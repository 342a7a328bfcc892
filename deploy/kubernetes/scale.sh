#!/bin/sh
# Changes the number of members in Kubernetes, one at a time, as changes of the membership.
#
# Down: the highest pod leaves the cluster first; when the cluster refuses, nothing is scaled. Up: a new
# pod joins by itself, and the next one is added when it votes. `kubectl scale` alone would kill voters
# that the cluster still counts.
set -eu

namespace=${ERLMCP_NAMESPACE:-erlmcp-prod}
set_name=${ERLMCP_STATEFUL_SET:-erlmcp}
wait_s=${ERLMCP_SCALE_WAIT:-300}

usage() {
	cat <<'END'
usage: scale.sh MEMBERS

Scales the StatefulSet to MEMBERS (1 to 9), one member at a time.

environment:
  ERLMCP_NAMESPACE     namespace (erlmcp-prod)
  ERLMCP_STATEFUL_SET  StatefulSet (erlmcp)
  ERLMCP_SCALE_WAIT    seconds to wait for each new member (300)

exit code: 0 done, 1 refused or not done in time, 64 wrong usage
END
}

fail() {
	echo "scale.sh: $*" >&2
	exit 1
}

in_namespace() {
	kubectl -n "$namespace" "$@"
}

admin() {
	in_namespace exec "$set_name-0" -- /opt/erlmcp/bin/erlmcp-admin "$@"
}

replicas() {
	in_namespace get statefulset "$set_name" -o 'jsonpath={.spec.replicas}'
}

# The node name of a pod: that of pod 0 with another number.
node_of() { # ordinal
	admin cluster status --json | tr '{' ',' | tr ',' '\n' | sed -n 's/^ *"node" *: *"\(.*\)"$/\1/p' |
		head -n 1 | sed "s/@$set_name-0\\./@$set_name-$1./"
}

shrink() { # ordinal of the pod that goes
	node=$(node_of "$1")
	[ -n "$node" ] || fail "pod $set_name-0 does not answer: nothing was changed"
	echo "$node leaves"
	admin cluster leave "$node" || fail "the cluster refused (see above): still $(($1 + 1)) members"
	in_namespace scale statefulset "$set_name" "--replicas=$1"
	in_namespace wait --for=delete "pod/$set_name-$1" "--timeout=${wait_s}s"
	# A member that comes again has to come with an empty disk.
	in_namespace delete pvc "data-$set_name-$1" --ignore-not-found
}

is_voter() { # node name
	admin cluster status --json | tr '{' '\n' | grep "\"name\": *\"$1\"" | grep -q '"voter": *true'
}

grow() { # ordinal of the pod that comes
	in_namespace scale statefulset "$set_name" "--replicas=$(($1 + 1))"
	node=$(node_of "$1")
	[ -n "$node" ] || fail "pod $set_name-0 does not answer: pod $set_name-$1 joins by itself"
	echo "$node joins"
	left=$wait_s
	until is_voter "$node"; do
		[ "$left" -gt 0 ] || fail "$node does not vote after $wait_s s: see erlmcp-admin cluster status"
		left=$((left - 1))
		sleep 1
	done
}

case ${1:-} in
-h | --help)
	usage
	exit 0
	;;
[1-9]) wanted=$1 ;;
*)
	usage >&2
	exit 64
	;;
esac

now=$(replicas)
while [ "$now" -gt "$wanted" ]; do
	now=$((now - 1))
	shrink "$now"
done
while [ "$now" -lt "$wanted" ]; do
	grow "$now"
	now=$((now + 1))
done
echo "$now members"
