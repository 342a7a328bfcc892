"""What real nodes tell over HTTP: serving, cut off, healed, and pestered."""

import json
import os
import re
import shutil
import subprocess
import sys

import tap
from lab import Lab
from scrape import OPENMETRICS, Figures, get
from test_files import needs_strace

# A pause of a busy machine is no partition.
PATIENT = {"ERLMCP_DETECTION_MS": "1000", "ERLMCP_ELECTION_MS": "1000",
           "ERLMCP_MEMBER_SILENCE_MS": "2000"}

PESTER = """
import socket, sys
address = (sys.argv[1], 8080)

def ask(text, end=False):
    s = socket.create_connection(address, timeout=50)
    s.sendall(text.encode())
    if end:
        s.shutdown(socket.SHUT_WR)
    told = b""
    while True:
        piece = s.recv(65536)
        if not piece:
            return told.decode()
        told += piece

def crowd(text):  # takes all places, each with this
    taken = []
    for _ in range(300):
        taken.append(socket.create_connection(address, timeout=50))
        try:
            taken[-1].sendall(text.encode())
        except OSError:
            pass  # it was displaced before
    return taken

head = "GET /livez HTTP/1.1\\r\\nHost: a\\r\\n"
for text in ("", "GET /livez HT", head + "Content-Length: 7\\r\\n\\r\\n",
             (head + "\\r\\n") * 40):
    held = crowd(text)
    answer = ask(head + "Connection: close\\r\\n\\r\\n")
    assert answer.startswith("HTTP/1.1 200 ") and answer.endswith("alive\\n"), (text[:40], answer)
    for one in held:
        one.close()
answer = ask(head + "\\r\\n" + head + "Connection: close\\r\\n\\r\\n")
assert answer.count("HTTP/1.1 200 ") == 2, answer
answer = ask("POST /metrics HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 3\\r\\n"
             "Transfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n" + head + "\\r\\n")
assert answer.startswith("HTTP/1.1 400 ") and answer.count("HTTP/1.1") == 1, answer
answer = ask("POST /metrics HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 3\\r\\n"
             "Connection: close\\r\\n\\r\\nabc")
assert answer.startswith("HTTP/1.1 405 ") and "Allow: GET, HEAD" in answer, answer
answer = ask("GET /metrics HTTP/1.1\\nHost: a\\n\\n")
assert answer.startswith("HTTP/1.1 400 "), answer
answer = ask("GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n", end=True)
assert answer.startswith("HTTP/1.1 404 ") and "/readyz" in answer, answer
"""


def check_whole(lab, node):
    """All members are in sight of this node, and it says so."""
    figures = Figures(node)
    assert figures.value("erlmcp_serving") == 1, figures.text
    assert figures.value("erlmcp_fenced") == 0
    assert figures.value("erlmcp_partition_active") == 0
    assert figures.value("erlang_cluster_members") == len(lab.nodes)
    assert figures.value("erlang_expected_members") == len(lab.nodes)
    for other in lab.nodes:
        assert figures.value("erlang_up", node=other.name) == 1, other
    assert figures.value("erlmcp_spare_members") == 1
    assert figures.value("erlmcp_raft_leader_known") == 1
    assert get(node, "/readyz")[0] == 200
    return figures


def grown(before, after, name, **labels):
    """By how much a counter grew: on a busy machine members may be lost while nobody cuts."""
    return after.value(name, **labels) - before.value(name, **labels)


def check_minority(lab, node, before):
    """It is alone, fenced, alive, not ready, and knows when that was found."""
    figures = Figures(node)
    assert figures.value("erlmcp_serving") == 0
    assert figures.value("erlmcp_in_minority") == 1
    assert figures.value("erlmcp_node_state", state="fenced") == 1
    assert figures.value("erlang_cluster_members") == 1
    assert figures.value("erlang_expected_members") == 3
    assert figures.value("erlang_up", node=node.name) == 1
    for other in lab.others(node):
        assert figures.value("erlang_up", node=other.name) == 0, other
        assert grown(before, figures, "erlmcp_member_losses_total", node=other.name) == 1
    assert grown(before, figures, "erlmcp_partition_detection_seconds_count") == 1
    assert 0.5 < grown(before, figures, "erlmcp_partition_detection_seconds_sum") < 15
    assert grown(before, figures, "erlmcp_fence_seconds_count") == 1
    assert figures.value("erlmcp_partition_active") == 1
    assert grown(before, figures, "erlmcp_shutdown_countdowns_total", outcome="begun") == 1
    assert get(node, "/livez") == (200, "alive\n")
    code, text = get(node, "/readyz")
    assert code == 503 and text.startswith("not ready: no_majority: "), text
    code, text = get(node, "/health")
    health = json.loads(text)
    assert code == 503 and health["reason"] == "no_majority" and health["live"], text
    assert health["reachable"] == 1 and health["needed"] == 2 and "RB-008" in health["remedy"]
    return figures


def check_majority(nodes, lost, before):
    """They serve, miss one, and the one that took over says how long that took."""
    takeovers = 0
    for node in nodes:
        figures = Figures(node)
        assert figures.value("erlmcp_serving") == 1
        assert figures.value("erlang_up", node=lost.name) == 0
        assert figures.value("erlang_cluster_members") == 2
        assert grown(before[node], figures, "erlmcp_partition_detection_seconds_count") == 1
        assert grown(before[node], figures, "erlmcp_raft_leader_changes_total") == 1
        n = grown(before[node], figures, "erlmcp_takeover_seconds_count")
        takeovers += n
        assert n == figures.value("erlmcp_raft_leading")
        assert n == grown(before[node], figures, "erlmcp_fence_margin_seconds_count")
        margin = grown(before[node], figures, "erlmcp_fence_margin_seconds_sum")
        assert n == 0 or margin >= 0.01, margin
        assert json.loads(get(node, "/health")[1])["reason"] == "member_lost"
    assert takeovers == 1


def check_healed(lab, node, before):
    """It counts one partition that healed by itself."""
    figures = check_whole(lab, node)
    assert grown(before, figures, "erlmcp_partitions_total") == 1
    assert grown(before, figures, "erlmcp_partition_recoveries_total", kind="automatic") == 1
    assert figures.value("erlmcp_partition_recoveries_total", kind="manual") == 0
    assert figures.value("erlmcp_auto_recovery_success_ratio") == 1
    assert grown(before, figures, "erlmcp_heal_seconds_count") == 1
    assert grown(before, figures, "erlmcp_partition_duration_seconds_count") == 1
    told = node.run("erlmcp-admin", "metrics", "runbook").stdout
    assert "Partition Detection Time  < 30 sec" in told and "NO" not in told, told


def promtool(text):
    """What it has to say; "" when it is not here."""
    if not shutil.which("promtool"):
        return ""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True,
                          text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def test_a_partition():
    """a partition is told by all who see it: lost, fenced, taken over, healed"""
    with Lab(3, **PATIENT) as lab:
        lab.start()
        lab.wait_all_see_all(timeout=60)
        leader = lab.leader()
        others = lab.others(leader)
        before = {node: check_whole(lab, node) for node in lab.nodes}
        lab.isolate(leader)
        lab.wait_until(lambda: Figures(leader).value("erlmcp_fenced") == 1, 60,
                       f"{leader} says that it is fenced")
        lab.wait_until(lambda: Figures(leader).value("erlang_cluster_members") == 1, 60,
                       f"{leader} has lost both")
        figures = check_minority(lab, leader, before[leader])
        assert promtool(figures.text) == "", promtool(figures.text)
        lab.wait_serving(*others, timeout=60)
        check_majority(others, leader, before)
        lab.heal()
        lab.wait_all_see_all(timeout=60)
        for node in lab.nodes:
            lab.wait_until(lambda node=node:
                           grown(before[node], Figures(node), "erlmcp_in_sync_seconds_count") == 1,
                           60, f"{node} saw all members in step")
            check_healed(lab, node, before[node])


def test_an_operator_who_helps():
    """what an operator does during a partition makes it a manual recovery"""
    with Lab(3, **PATIENT) as lab:
        lab.start()
        lab.wait_all_see_all(timeout=60)
        first, second, third = lab.nodes
        lab.isolate(third)
        lab.wait_until(lambda: Figures(first).value("erlmcp_partition_active") == 1, 60,
                       f"{first} has lost {third}")
        first.eval("erlmcp_cluster_coordinator:reset_cluster_state().")
        lab.heal()
        lab.wait_all_see_all(timeout=60)

        def ended(node, kind):
            return Figures(node).value("erlmcp_partition_recoveries_total", kind=kind)
        lab.wait_until(lambda: ended(first, "manual") == 1, 60, f"{first} counts a manual one")
        lab.wait_until(lambda: ended(second, "automatic") > 0, 60, f"{second} an automatic one")
        assert ended(second, "manual") == 0
        figures = Figures(first)
        assert figures.value("erlmcp_manual_recovery_seconds_count") == 1
        assert figures.value("erlmcp_runbook_target", metric="manual_recovery_seconds") == 300
        assert figures.value("erlmcp_runbook_value", metric="manual_recovery_seconds") < 300


def test_the_door_itself():
    """the HTTP port speaks OpenMetrics, and bears strangers"""
    with Lab(1) as lab:
        lab.start()
        lab.wait_serving(timeout=60)
        node = lab.nodes[0]
        code, text = get(node, "/metrics", OPENMETRICS)
        assert code == 200 and text.endswith("\n# EOF\n"), text[-200:]
        assert "# TYPE erlmcp_partitions counter\n" in text
        assert "# UNIT process_cpu_seconds seconds\n" in text
        assert Figures(node).value("node_network_receive_errors_total", device="lo") == 0
        done = node.shell(sys.executable, "-c", PESTER, lab.fabric.address(node.host))
        assert done.returncode == 0, done.stderr
        figures = Figures(node)
        assert figures.value("erlmcp_http_requests_total", code="405") == 1
        assert figures.value("erlmcp_http_requests_total", code="404") == 1
        assert figures.value("erlmcp_http_displaced_connections_total") > 0
        assert figures.value("erlmcp_loading") == 0
        # The quickest of some, on a busy machine.
        lab.wait_until(lambda: Figures(node).value("erlmcp_scrape_render_seconds") < 0.1, 60,
                       "figures are put together in a moment")
        lab.wait_until(lambda: Figures(node).value("erlmcp_data_disk_free_bytes"), 60,
                       "the disk was looked at")


# Pauses the other members, so that nobody takes the leadership over, orders the node to stop and asks
# until nobody answers: prints each kind of answer once.
FOLLOW = """
import http.client, json, os, signal, sys

def ask(path):
    connection = http.client.HTTPConnection(sys.argv[1], 8080, timeout=50)
    connection.request("GET", path)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    if path == "/health":
        health = json.loads(text)
        text = f"{health['live']} {health['ready']} {health['reason']}"
    return f"{path} {answer.status} {text.strip()}"

told = [""]
while not told[0].startswith("/readyz 200"):  # the machine may stall just now
    told = [ask("/readyz").split(":")[0]]
for other in sys.argv[3:]:
    os.kill(int(other), signal.SIGSTOP)
os.kill(int(sys.argv[2]), signal.SIGTERM)
try:
    while True:
        for path in ("/livez", "/readyz", "/health"):
            now = ask(path)
            if now not in told:
                told.append(now)
except (OSError, http.client.HTTPException):
    print("\\n".join(told))
"""


def test_a_node_that_stops():
    """a node that was told to stop is alive and not ready, and says so until it is gone"""
    with Lab(3, **PATIENT) as lab:
        lab.start()
        lab.wait_all_see_all()
        node = lab.leader()
        done = node.shell(sys.executable, "-c", FOLLOW, lab.fabric.address(node.host),
                          *[str(one.pid()) for one in [node, *lab.others(node)]])
        assert node.wait_exit() == 0
        told = done.stdout.splitlines()
        assert done.returncode == 0, done.stderr
        assert told[0] == "/readyz 200 ready", told
        stopping = [line for line in told[1:] if "stopping" in line]
        assert [line for line in stopping if line.startswith("/readyz 503 not ready: stopping: ")], told
        assert "/livez 200 alive" in told, told
        # It takes the order in a later turn of its loop, and does not take it back.
        after = told[told.index(stopping[0]):]
        assert not [line for line in after if "ready: ok" in line or " ok" in line], told


# Asks as soon as the port is there, until the node is ready: prints each kind of answer once.
AWAIT = """
import http.client, json, sys, time

def ask(path):
    connection = http.client.HTTPConnection(sys.argv[1], 8080, timeout=50)
    connection.request("GET", path)
    answer = connection.getresponse()
    text = answer.read().decode()
    if path == "/health":
        health = json.loads(text)
        text = f"{health['live']} {health['ready']} {health['reason']}"
    if path == "/metrics":
        text = [line for line in text.splitlines() if line.startswith("erlmcp_loading ")][0]
    return f"{path} {answer.status} {text.split(': the ')[0].strip()}"

told = []
end = time.monotonic() + 90
while not any(line.startswith("/readyz 200") for line in told) and time.monotonic() < end:
    for path in ("/livez", "/health", "/metrics", "/readyz"):
        try:
            now = ask(path)
        except (OSError, http.client.HTTPException):
            break  # not open yet, or handed over to the loop just now
        if now not in told:
            told.append(now)
print("\\n".join(told))
"""

SEGMENT = re.compile(r"\d+-\d+")  # a closed file of the log


def slow_to_open(path):
    """The command under which a program waits for some seconds before it opens this file."""
    return ("strace", "-D", "-f", "-qqq", "-o", "/dev/null", "-P", path, "-e", "trace=openat",
            "-e", "signal=none", "-e", "inject=openat:delay_enter=4000000:when=1")


def test_a_node_that_loads():
    """a node that still reads its state answers that it lives and is not ready"""
    needs_strace()
    with Lab(1) as lab:
        lab.start()
        lab.wait_serving(timeout=60)
        node = lab.nodes[0]
        node.stop()
        log = os.path.join(node.data, "raft")
        first = sorted(name for name in os.listdir(log) if SEGMENT.fullmatch(name))[0]
        node.start(under=slow_to_open(os.path.join(log, first)))
        done = node.shell(sys.executable, "-c", AWAIT, lab.fabric.address(node.host), timeout=150)
        told = done.stdout.splitlines()
        assert done.returncode == 0, done.stderr
        loading = [line for line in told if "loading" in line and not line.startswith("/metrics")]
        assert [line for line in loading if line.startswith("/readyz 503 not ready: loading")], told
        assert [line for line in loading if line.startswith("/health 503 True False loading")], told
        assert "/livez 200 alive" in told and "/metrics 200 erlmcp_loading 1" in told, told
        assert told[-1].startswith("/readyz 200 ready"), told
        assert Figures(node).value("erlmcp_loading") == 0
        assert Figures(node).value("erlmcp_load_seconds") > 1


if __name__ == "__main__":
    tap.main(globals())
