#!/bin/bash
# Two net_echo nodes, real Erlang, real epmd and erl_call, all on loopback with ports of
# their own:
#
#     erl, erl_call ──► alpha ◄──members──► beta      EPMD: ours, then Erlang's, then ours
#
# usage: dist_interop.sh NET_ECHO EPMD      prints TAP
set -u

echo_bin=$1
epmd_bin=$2
base=$((20000 + $$ % 12000))
export ERL_EPMD_PORT=$base
min=$((base + 1))
max=$((base + 6))
cookie="cookie$$"
work=$(mktemp -d)
pids=()
count=0
failures=0

# shellcheck disable=SC2317  # called by the trap
cleanup() {
	for pid in "${pids[@]}"; do
		kill -9 "$pid" 2>/dev/null
	done
	rm -rf "$work"
}
trap cleanup EXIT
export ERL_CRASH_DUMP=/dev/null

# ok NAME EXPECTED ACTUAL
ok() {
	count=$((count + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $count - $1"
	else
		failures=$((failures + 1))
		echo "not ok $count - $1"
		printf '# got %s, expected %s\n' "$3" "$2" | tr '\n' ' '
		echo
	fi
}

# node NAME MEMBER...: start it; its pid is in $pid, its output in $work/NAME.log
node() {
	local name=$1
	shift
	"$echo_bin" "$name@127.0.0.1" "$cookie" "$base" "$min" "$max" "$@" >"$work/$name.log" 2>&1 &
	pid=$!
	pids+=("$pid")
}

# wait_for TEXT FILE [TIMES]: until TEXT stands that often in FILE, at most 60 s
wait_for() {
	local n
	for _ in $(seq 1200); do
		n=$(grep -c -- "$1" "$2" 2>/dev/null)
		[ "${n:-0}" -ge "${3:-1}" ] && return 0
		sleep 0.05
	done
	echo "# '$1' never came in $2"
	return 1
}

# slay PID: at once and without a word
slay() {
	kill -9 "$1"
	wait "$1"
} 2>/dev/null

# wait_gone PID: until it has ended, at most 60 s; prints how often it was still there then
wait_gone() {
	for _ in $(seq 1200); do
		kill -0 "$1" 2>/dev/null || break
		sleep 0.05
	done
	kill -0 "$1" 2>/dev/null && echo 1 || echo 0
}

# erlang EXPRESSION [COOKIE]: its value as a real node prints it
erlang() {
	timeout 120 erl -noshell -name "probe@127.0.0.1" -setcookie "${2:-$cookie}" \
		-eval "io:format(\"~0p\", [begin $1 end]), halt()." 2>&1
}

alpha="'alpha@127.0.0.1'"

node beta "alpha@127.0.0.1"
beta_pid=$pid
wait_for "serving its protocol" "$work/beta.log"
node alpha "beta@127.0.0.1"
alpha_pid=$pid
wait_for "^up beta" "$work/alpha.log"
wait_for "^up alpha" "$work/beta.log"
ok "two nodes are linked" "1 1" \
	"$(grep -c '^up' "$work/alpha.log") $(grep -c '^up' "$work/beta.log")"

theirs=$(epmd -names | sort)
ours=$("$epmd_bin" -names | sort)
ok "both epmd programs print the same" "$theirs" "$ours"

ok "net_adm:ping gives pong" "pong" "$(erlang "net_adm:ping($alpha)")"
ok "it is a hidden node" "{['alpha@127.0.0.1'],[]}" \
	"$(erlang "net_adm:ping($alpha), {nodes(hidden), nodes()}")"
ok "rpc:call reaches it" "{ok,[1,2.5,<<3>>,#{a => \"b\"}]}" \
	"$(erlang "rpc:call($alpha, net_echo, echo, [{ok, [1, 2.5, <<3>>, #{a => \"b\"}]}])")"
ok "erpc:call reaches it" "there" "$(erlang "erpc:call($alpha, net_echo, echo, [there])")"
ok "errors arrive as errors" "{error,{exception,boom,[{net_echo,fail,[boom],[]}]}}" \
	"$(erlang "try erpc:call($alpha, net_echo, fail, [boom]) catch C:R -> {C, R} end")"
ok "throws arrive as throws" "{throw,ball}" \
	"$(erlang "try erpc:call($alpha, net_echo, throw, [ball]) catch C:R -> {C, R} end")"
ok "exits arrive as exits" "{exit,{exception,out}}" \
	"$(erlang "try erpc:call($alpha, net_echo, exit, [out]) catch C:R -> {C, R} end")"
ok "an unknown function is undef" "{badrpc,{'EXIT',{undef,[{net_echo,none,[],[]}]}}}" \
	"$(erlang "rpc:call($alpha, net_echo, none, [])")"
ok "erpc:multicall reaches both" "[{ok,1},{ok,1}]" \
	"$(erlang "erpc:multicall([$alpha, 'beta@127.0.0.1'], net_echo, echo, [1])")"
ok "the old way over rex works" "old" \
	"$(erlang "gen_server:call({rex, $alpha}, {call, net_echo, echo, [old], group_leader()})")"
ok "an unknown name is noproc" "noproc" \
	"$(erlang "R = monitor(process, {nobody, $alpha}),
		receive {'DOWN', R, _, _, W} -> W after 5000 -> silence end")"
ok "a caller may lose its patience" "{badrpc,timeout}" \
	"$(erlang "rpc:call($alpha, net_echo, never, [], 300)")"
ok "atoms come through the header's cache" "true" \
	"$(erlang "A = [list_to_atom(integer_to_list(I)) || I <- lists:seq(1, 3000)],
		A =:= rpc:call($alpha, net_echo, echo, [A]) andalso
		A =:= rpc:call($alpha, net_echo, echo, [A])")"
ok "ten megabytes come and go in fragments" "true" \
	"$(erlang "B = binary:copy(<<1, 2, 3, 4, 5>>, 2000000),
		B =:= rpc:call($alpha, net_echo, echo, [B])")"
ok "it calls real nodes" "'probe@127.0.0.1'" \
	"$(erlang "rpc:call($alpha, net_echo, rpc, [node(), erlang, node, []])")"
ok "it pings real nodes, and missing ones" "{pong,pang}" \
	"$(erlang "{rpc:call($alpha, net_echo, ping, [node()]),
		rpc:call($alpha, net_echo, ping, ['none@127.0.0.1'])}")"
ok "a crashed caller does no harm" "pong" \
	"$(erlang "{P, M} = spawn_monitor(fun() ->
			erpc:send_request($alpha, net_echo, never, []),
			pong = net_adm:ping($alpha), exit(crashed) end),
		receive {'DOWN', M, process, P, crashed} -> ok end,
		erlang:disconnect_node($alpha), net_adm:ping($alpha)")"
# A pause of this machine is no queue: what is behind a big message is late in each round.
ok "big messages do not delay small ones" "true" \
	"$(erlang "Round = fun Round(N) ->
		rpc:call($alpha, net_echo, latency, []),
		success = rpc:call($alpha, net_echo, flood, ['beta@127.0.0.1', 50]),
		W = fun W(M) -> case rpc:call('beta@127.0.0.1', net_echo, latency, []) of
			{_, _, F} when F >= N * 52428800 -> ok;
			_ when M > 0 -> timer:sleep(50), W(M - 1) end end,
		W(1200),
		case rpc:call($alpha, net_echo, latency, []) of
			{Longest, Pongs, _} when Pongs > 0, Longest < 400000 -> true;
			_ when N < 5 -> Round(N + 1);
			Late -> Late end end,
		Round(1)")"

ok "erl_call -a works" "hello" \
	"$(timeout 60 erl_call -c "$cookie" -name alpha@127.0.0.1 -a 'net_echo echo [hello]' 2>&1)"
ok "a wrong cookie is refused" "pang" "$(erlang "net_adm:ping($alpha)" wrong)"
wait_for "refused 'probe@127.0.0.1' 127.0.0.1 wrong cookie" "$work/alpha.log"
ok "and reported with name and address" "1" \
	"$(grep -c "refused 'probe@127.0.0.1' 127.0.0.1 wrong cookie" "$work/alpha.log")"

# A node of another host part, asked over the loopback by its alias.
"$echo_bin" "gamma@elsewhere.example" "$cookie" "$base" "$min" "$max" >"$work/gamma.log" 2>&1 &
pids+=("$!")
wait_for "registered" "$work/gamma.log"
ok "a loopback caller finds the node under 127.0.0.1" "pong" \
	"$(erlang "net_adm:ping('gamma@127.0.0.1')")"
slay "${pids[-1]}"

# A second process of the same name: refused, and the first link stays.
before=$(grep -c '^up' "$work/beta.log")
"$echo_bin" "alpha@127.0.0.1" "$cookie" "$base" "$min" "$max" "beta@127.0.0.1" \
	>"$work/double.log" 2>&1 &
double=$!
pids+=("$double")
wait_for "refused 'alpha@127.0.0.1' .* duplicate node name" "$work/beta.log"
wait_for "refused 'alpha@127.0.0.1' EPMD" "$work/double.log"
slay "$double"
ok "a second node of the same name is refused" "$before 0" \
	"$(grep -c '^up' "$work/beta.log") $(grep -c '^up' "$work/double.log")"

# Garbage and silence on both ports.
port=$(sed -n 's/^listening //p' "$work/alpha.log")
(exec 3<>"/dev/tcp/127.0.0.1/$port" && printf 'GET / HTTP/1.1\r\n\r\n' >&3 && timeout 5 cat <&3) \
	>/dev/null 2>&1
(exec 3<>"/dev/tcp/127.0.0.1/$base" && printf 'GET / HTTP/1.1\r\n\r\n' >&3 && timeout 8 cat <&3) \
	>/dev/null 2>&1
(exec 3<>"/dev/tcp/127.0.0.1/$port" && timeout 8 cat <&3) >/dev/null 2>&1
wait_for "did not finish its handshake" "$work/alpha.log"
ok "garbage and silence are cut off" "pong" "$(erlang "net_adm:ping($alpha)")"

# beta serves EPMD: when it dies alpha takes over; when it returns they link again.
slay "$beta_pid"
wait_for "^down beta" "$work/alpha.log"
wait_for "serving its protocol" "$work/alpha.log"
ok "EPMD is taken over by the survivor" "pong" "$(erlang "net_adm:ping($alpha)")"
node beta "alpha@127.0.0.1"
beta_pid=$pid
wait_for "^up beta" "$work/alpha.log" 2
ok "a returning node is linked again" "pong" "$(erlang "net_adm:ping('beta@127.0.0.1')")"

# Both stop cleanly; Erlang's own epmd takes the port, and both use it.
kill "$alpha_pid" "$beta_pid"
wait "$alpha_pid" "$beta_pid"
ok "they close without a leak" "0" "$?"
epmd -port "$base" &
theirs_pid=$!
pids+=("$theirs_pid")
for _ in $(seq 1200); do
	epmd -names >/dev/null 2>&1 && break
	sleep 0.05
done
node beta "alpha@127.0.0.1"
beta_pid=$pid
node alpha "beta@127.0.0.1"
alpha_pid=$pid
wait_for "registered with the EPMD" "$work/beta.log"
wait_for "^up beta" "$work/alpha.log"
ok "Erlang's epmd serves us" "$(epmd -names | sort)" "$("$epmd_bin" -names | sort)"
slay "$theirs_pid"
for _ in $(seq 1200); do
	[ "$("$epmd_bin" -names 2>/dev/null | grep -c '^name')" = 2 ] && break
	sleep 0.05
done
ok "and is replaced when it dies" "2" "$("$epmd_bin" -names | grep -c '^name')"
kill "$alpha_pid" "$beta_pid"
wait "$alpha_pid" "$beta_pid"
ok "they close without a leak again" "0" "$?"

# epmd alone: served, asked by real nodes, stopped.
"$epmd_bin" -port "$base" &
pids+=("$!")
for _ in $(seq 1200); do
	"$epmd_bin" -names >/dev/null 2>&1 && break
	sleep 0.05
done
ok "our epmd serves real nodes" "{ok,[\"probe\"]}" \
	"$(erlang "{ok, N} = net_adm:names(), {ok, [X || {X, _} <- N]}")"
for _ in $(seq 1200); do
	"$epmd_bin" -names | grep -q '^name' || break
	sleep 0.05
done
ok "and is killed by epmd -kill" "Killed 0" "$(epmd -kill) $(wait_gone "${pids[-1]}")"

echo "1..$count"
exit $((failures > 0))
