#!/bin/sh
# The programs as an operator meets them: one node on loopback, asked, stopped, killed, misused.
#
# usage: cli.sh DIRECTORY-OF-THE-PROGRAMS; prints TAP. Needs no root and no network.
set -u
bin=$1
home=$(mktemp -d)
n=0
failed=0

# shellcheck disable=SC2317 # called by the trap
cleanup() {
	node_pid=$("$bin/erlmcp" pid 2>/dev/null) && kill -9 "$node_pid" 2>/dev/null
	rm -rf "$home"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# Ten ports of our own below those that the kernel hands out, so that nodes of other tests do not meet
# this one: whoever holds the lock of a place has its ports, until this script ends.
places=${TMPDIR:-/tmp}/erlmcp-cli-ports
mkdir -p "$places"
port=
for place in $(seq 30000 10 32750); do
	exec 9>"$places/$place"
	flock -n 9 && port=$place && break
done
if [ -z "$port" ]; then
	echo "Bail out! all ports of $places are taken"
	exit 1
fi
export HOME="$home" ERLANG_COOKIE=secret ERLMCP_NODE_NAME=erlmcp@127.0.0.1 \
	ERL_EPMD_PORT="$port" ERLMCP_DIST_LISTEN_MIN=$((port + 1)) ERLMCP_DIST_LISTEN_MAX=$((port + 5)) \
	ERLMCP_HTTP_PORT=$((port + 6)) \
	ERLMCP_DATA_DIR="$home/data" ERLMCP_LOG_DIR="$home/log"
unset ERLMCP_SEED_NODES ERLMCP_QUORUM_SIZE ERLMCP_ROOT ERLMCP_VM_ARGS ERLMCP_SYS_CONFIG \
	FORCE_SHUTDOWN SHUTDOWN_DELAY

# Await the end of the node: a killed process lives on for a moment.
await_end() {
	while ! flock -n "$home/data/lock" true; do
		sleep 0.1
	done
}

# Run a command; keep its exit code, output and error output.
run() {
	timeout 60 "$@" >"$home/out" 2>"$home/err" </dev/null
	code=$?
}

ok() { # description, condition's result (0 or not)
	n=$((n + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $n - $1"
	else
		failed=1
		echo "not ok $n - $1"
		echo "# exit code $code"
		sed 's/^/# out: /' "$home/out"
		sed 's/^/# err: /' "$home/err"
	fi
}

# The command ended with this code, and out or err holds these words (a fixed string).
expect() { # description, exit code, file, words
	if [ "$code" -eq "$2" ] && grep -qF -- "$4" "$home/$3"; then
		ok "$1" 0
	else
		ok "$1" 1
	fi
}

run "$bin/erlmcp" ping
expect "ping without a node names the remedy" 1 err "start it with \`erlmcp start\`"
run "$bin/erlmcp" eval "1."
expect "eval without a node has its own exit code" 2 err "is not running"
run "$bin/erlmcp-admin" cluster status
expect "a node that cannot be asked is exit code 2 of cluster status" 2 err "is not running"
run "$bin/erlmcp" nonsense
expect "an unknown command is wrong usage" 64 err 'there is no command "nonsense"'
run "$bin/erlmcp" help exit-codes
expect "help tells the exit code of a minority" 0 out " 76  foreground: stopped itself"
run "$bin/erlmcp" config
expect "config needs no node and hides the cookie" 0 out "cookie              = (set)"
grep -qF secret "$home/out"
ok "no cookie is in what it printed" "$((1 - $?))"
run "$bin/erlmcp" foreground --quorum-size 0
expect "a bad option is a configuration error" 78 err "must be a whole number of nodes from 1"
printf '\nhello world\n' >"$home/vm.args"
run env ERLMCP_VM_ARGS="$home/vm.args" "$bin/erlmcp" foreground
expect "a nonsense vm.args is named with line and column" 78 err "vm.args:2:1: a value stands"
run env ERLMCP_DATA_DIR=/proc/none/data "$bin/erlmcp" foreground
expect "a data directory that cannot be made is named" 70 out "/proc/none/data"

run "$bin/erlmcp" start
expect "start returns when the node is up" 0 out "node erlmcp@127.0.0.1 is up"
run "$bin/erlmcp" ping
expect "the node answers" 0 out "pong"
run "$bin/erlmcp" start
expect "a second start is refused" 1 err "already running"
run "$bin/erlmcp" foreground
expect "a data directory in use is refused" 70 out "data directory in use"
run "$bin/erlmcp" eval "X = 1 + 2, {X, node()}."
expect "eval prints the last value" 0 out "{3,'erlmcp@127.0.0.1'}"
run "$bin/erlmcp" eval "1 + ."
expect "a syntax error names line and column" 1 err "1:"
run "$bin/erlmcp" eval "true = false."
expect "an exception is told as Erlang's shell does" 1 err "no match of right hand side value"
run "$bin/erlmcp" rpc erlang length "[[a,b]]"
expect "rpc calls a function" 0 out "2"
run "$bin/erlmcp" rpc erlang node
expect "rpc needs no arguments" 0 out "'erlmcp@127.0.0.1'"
run "$bin/erlmcp" rpc erlang length "[[a,,b]]"
expect "a syntax error of rpc has the place that was typed" 1 err "in ARGS: ** 1:5: "
run "$bin/erlmcp" rpc erlang length "[[a]"
expect "an argument of rpc that is cut short is told so" 1 err "in ARGS: ** it ends too soon"
run "$bin/erlmcp" rpc erlang length "[[Nobody]]"
expect "an unbound variable of rpc has the place that was typed" 1 err "in ARGS: ** 1:3: variable"
run "$bin/erlmcp" rpc "erl ang" length "[[a]]"
expect "a wrong module of rpc is told from a wrong argument" 1 err "in MODULE: ** 1:5: "
for attempt in 1 2 3 4 5 6 7 8 9 10; do
	run "$bin/erlmcp" status
	[ "$code" -eq 0 ] && break
	sleep 0.2
done
expect "status is serving (after $attempt questions)" 0 out "erlmcp@127.0.0.1: serving"
run "$bin/erlmcp-admin" cluster status --json
expect "the status as JSON has the verdict first" 0 out \
	'{"version":1,"node":"erlmcp@127.0.0.1","state":"serving","side":"majority"'
run "$bin/erlmcp-admin" cluster status
expect "cluster status explains the quorum" 0 out "Quorum   1 in sight, 1 needed"
run "$bin/erlmcp-admin" cluster sync
expect "cluster sync tells that all are in step" 0 out "leader"
ok "its table fits 80 columns" "$(awk 'length > 80 { bad = 1 } END { print bad + 0 }' "$home/out")"
run "$bin/erlmcp-admin" cluster join
expect "an order without a node is told its usage alone" 64 err "cluster join NODE"
ok "and no other's" "$(grep -c "leave" "$home/err")"
run "$bin/erlmcp-admin" cluster jion erlmcp@10.0.0.1
expect "a mistyped order is named" 64 err 'there is no command "cluster jion"'
run "$bin/erlmcp-admin" cluster join nobody
expect "what is no node name is named, with the rule" 1 err '"nobody" must be a node name such as'
run "$bin/erlmcp-admin" cluster leave erlmcp@10.0.0.1
expect "who is no member is named, with where to look" 1 err \
	'erlmcp@10.0.0.1 is no member of this cluster: '
run "$bin/erlmcp-admin" timeline --since yesterday
expect "a wrong time is named, with right ones" 64 err "--since yesterday: it needs a time: 5m"
run "$bin/erlmcp-admin" metrics erlmcp_serving
expect "metrics prints those whose name holds the pattern" 0 out "erlmcp_serving 1"
run "$bin/erlmcp" eval "{ok, Id} = erlmcp_session:create(counted), erlmcp_session:append(Id, 1, said),
	erlmcp_session:replay(Id, 1, 0), erlmcp_session:pending(Id)."
expect "a session without questions has none that wait" 0 out "{ok,[]}"
run "$bin/erlmcp-admin" metrics operation_seconds
expect "replays of event logs are counted" 0 out \
	'erlmcp_operation_seconds_count{door="api",operation="replay"} 1'
expect "and questions about what waits" 0 out \
	'erlmcp_operation_seconds_count{door="api",operation="pending"} 1'
run "$bin/erlmcp-admin" metrics nonsense
expect "a pattern that fits none is a failure" 1 err 'no metric has "nonsense" in its name'
run "$bin/erlmcp-admin" metrics runbook
expect "metrics runbook has the targets of RB-010" 0 out "Auto-Recovery Success     > 95%"
"$bin/erlmcp-admin" metrics >"$home/metrics"
timeout 60 promtool check metrics <"$home/metrics" >"$home/out" 2>"$home/err"
code=$?
ok "promtool finds nothing wrong with the metrics" "$((code + $(wc -c <"$home/err")))"
run "$bin/erl" -noshell -name detector@127.0.0.1 -setcookie secret \
	-eval "io:format(\"~p~n\", [net_adm:ping('erlmcp@127.0.0.1')]), halt()."
expect "erl reaches the node" 0 out "pong"
run "$bin/erl" -noshell -name detector@127.0.0.1 -setcookie secret \
	-eval "net_adm:ping('erlmcp@127.0.0.1'), halt()."
ok "RB-008's manual check prints nothing" "$((code + $(wc -c <"$home/out")))"
run "$bin/erl" -noshell -name detector@127.0.0.1 -setcookie wrong \
	-eval "io:format(\"~p~n\", [net_adm:ping('erlmcp@127.0.0.1')])." -s init stop
expect "erl with another cookie gets pang" 0 out "pang"
run "$bin/erl" -noshell -eval "halt(7)."
ok "halt/1 gives the exit code" "$((code == 7 ? 0 : 1))"
run "$bin/erl" -noshell -eval "1 = 2."
expect "an exception in erl is exit code 1" 1 err "no match of right hand side value"

pid=$("$bin/erlmcp" pid)
kill -9 "$pid"
await_end
run "$bin/erlmcp" start
expect "after kill -9 the node starts again" 0 out "is up"
run "$bin/erlmcp" restart
expect "restart stops and starts" 0 out "is up"
run "$bin/erlmcp" eval "init:stop()."
expect "init:stop/0 is answered before the node ends" 0 out "ok"
await_end
run "$bin/erlmcp" start
expect "and the node starts again" 0 out "is up"
run "$bin/erlmcp" stop
expect "stop waits for the end" 0 out "ok"
run "$bin/erlmcp" ping
expect "then nobody answers" 1 err "is not running"
echo "1..$n"
exit "$failed"
