"""The alerts: valid, told about metrics that exist, each fires when it should and not before."""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "test", "lab"))

import tap  # noqa: E402 (the path comes first)

PROMETHEUS = os.path.join(TOP, "deploy", "prometheus")
RULES = sorted(glob.glob(os.path.join(PROMETHEUS, "rules", "*.yml")))
METRICS = os.path.join(TOP, "doc", "reference", "metrics.md")
A = 'instance="a:8080", job="erlmcp"'
B = 'instance="b:8080", job="erlmcp"'

# alert: (series with their values each 15 s, when it is quiet still, when it fires, labels of the alert)
CASES = {
    "ErlangNodeDown": ({f'erlang_up{{{A}, node="b"}}': "1 0x20"}, "45s", "2m",
                       {"instance": "a:8080", "node": "b"}),
    "SplitBrainDetected": ({f"erlang_cluster_members{{{A}}}": "3 2x20",
                            f"erlang_expected_members{{{A}}}": "3x21"}, "30s", "1m",
                           {"instance": "a:8080"}),
    "NetworkPartitionDetected": (
        {f'node_network_receive_errors_total{{{A}, device="eth0"}}': "0+30x40"}, "1m", "5m",
        {"instance": "a:8080", "device": "eth0"}),
    "ErlmcpNobodyServes": ({f"erlmcp_serving{{{A}}}": "1 0x20", f"erlmcp_serving{{{B}}}": "1 1 0x20"},
                           "15s", "1m", {}),
    "ErlmcpNodeFenced": ({f"erlmcp_fenced{{{A}}}": "0 1x20", f"erlmcp_fenced{{{B}}}": "0x21"},
                         "30s", "1m", {"instance": "a:8080"}),
    "ErlmcpNoLeader": ({f"erlmcp_raft_leading{{{A}}}": "1 0x20", f"erlmcp_raft_leading{{{B}}}":
                        "0 1 0x20"}, "15s", "1m", {}),
    "ErlmcpQuorumAtRisk": ({f"erlmcp_spare_members{{{A}}}": "1 0x20",
                            f"erlmcp_configured_voters{{{A}}}": "3x21"}, "1m", "2m",
                           {"instance": "a:8080"}),
    "ErlmcpMemberBehind": ({f'erlmcp_member_lag_entries{{{A}, node="b"}}': "0 20000x20"}, "1m", "2m",
                           {"instance": "a:8080", "node": "b"}),
    "ErlmcpFlapping": ({f'erlmcp_member_losses_total{{{A}, node="b"}}': "0 0 1 1 2 2 3 3 4 4 5x20"},
                       "1m", "4m", {"instance": "a:8080", "node": "b"}),
    "ErlmcpDetectorsDisagree": ({f'erlmcp_member_heard{{{A}, node="b"}}': "1x21",
                                 f'erlmcp_member_hears_this_node{{{A}, node="b"}}': "1 0x20"}, "30s", "1m",
                                {"instance": "a:8080", "node": "b"}),
    "ErlmcpStatesDiffer": ({f"erlmcp_audit_last_equal{{{A}}}": "1 1 0x20"}, "15s", "30s",
                           {"instance": "a:8080"}),
    "ErlmcpMemoryDamaged": ({f"erlmcp_state_damaged{{{A}}}": "0 0 1x20"}, "15s", "30s",
                            {"instance": "a:8080"}),
    "ErlmcpTwoClusters": ({f'erlmcp_cluster_info{{{A}, node="a", cluster_id="1"}}': "1x30",
                           f'erlmcp_cluster_info{{{B}, node="b", cluster_id="2"}}': "_ 1x30"},
                          "1m", "2m", {}),
    "ErlmcpHealStuck": ({f"erlmcp_partition_active{{{A}}}": "0 1x40",
                         f"erlang_cluster_members{{{A}}}": "3x41",
                         f"erlang_expected_members{{{A}}}": "3x41"}, "5m", "6m",
                        {"instance": "a:8080"}),
    "ErlmcpClockJumped": ({f"erlmcp_clock_jumps_total{{{A}}}": "0 0 0 1x20"}, "30s", "1m",
                          {"instance": "a:8080"}),
    "ErlmcpDiskAlmostFull": ({f"erlmcp_data_disk_free_bytes{{{A}}}": "50 5x40",
                              f"erlmcp_data_disk_size_bytes{{{A}}}": "100x41"}, "5m", "6m",
                             {"instance": "a:8080"}),
    "ErlmcpSlowDisk": ({f'erlmcp_disk_write_seconds_bucket{{{A}, le="0.25"}}': "0+90x60",
                        f'erlmcp_disk_write_seconds_bucket{{{A}, le="1"}}': "0+100x60",
                        f'erlmcp_disk_write_seconds_bucket{{{A}, le="+Inf"}}': "0+100x60"},
                       "4m", "8m", {"instance": "a:8080"}),
    "ErlmcpLimitReached": (
        {f'erlmcp_limit_refusals_total{{{A}, limit="sessions"}}': "0 0 0 1x20"}, "30s", "1m",
        {"instance": "a:8080", "limit": "sessions"}),
    "ErlmcpQuorumSizeWrong": ({f"erlmcp_quorum_mismatch{{{A}}}": "0 1x40"}, "5m", "6m",
                              {"instance": "a:8080"}),
}


def rules():
    """{name of an alert: its rule}"""
    found = {}
    for path in RULES:
        with open(path, encoding="utf-8") as file:
            for group in yaml.safe_load(file)["groups"]:
                found.update({rule["alert"]: rule for rule in group["rules"]})
    return found


def promtool(*words):
    if not shutil.which("promtool"):
        raise tap.Skip("no promtool here")
    return subprocess.run(["promtool", *words], capture_output=True, text=True, check=False,
                          timeout=200)


def expected(rule, labels, series):
    """The alert as promtool wants to see it; texts are compared by promtool's own templates."""
    job = {} if "job" in labels or not any("job=" in one for one in series) else {"job": "erlmcp"}
    return {**labels, **job, **rule["labels"]}


def case_of(name, rule):
    """promtool's test of one alert. Its descriptions have figures in them, so those are left out."""
    series, quiet, fires, labels = CASES[name]
    bare = {key: value for key, value in rule["annotations"].items() if key != "description"}
    return {"interval": "15s",
            "input_series": [{"series": key, "values": value} for key, value in series.items()],
            "alert_rule_test": [
                {"eval_time": quiet, "alertname": name, "exp_alerts": []},
                {"eval_time": fires, "alertname": name, "exp_alerts": [
                    {"exp_labels": expected(rule, labels, series), "exp_annotations": bare}]}]}


def test_rules():
    """promtool accepts all rules and the configuration"""
    done = promtool("check", "rules", *RULES)
    assert done.returncode == 0, done.stdout + done.stderr
    done = promtool("check", "config", os.path.join(PROMETHEUS, "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_each():
    """each alert is quiet at first, and fires when its condition has lasted"""
    alerts = rules()
    assert set(CASES) == set(alerts), set(CASES) ^ set(alerts)
    with tempfile.TemporaryDirectory(prefix="erlmcp-alerts-") as directory:
        plain = os.path.join(directory, "rules.yml")
        groups = [{"name": "all", "rules": [
            {**rule, "annotations": {key: value for key, value in rule["annotations"].items()
                                     if key != "description"}} for rule in alerts.values()]}]
        with open(plain, "w", encoding="utf-8") as file:
            yaml.safe_dump({"groups": groups}, file)
        tests = os.path.join(directory, "tests.yml")
        with open(tests, "w", encoding="utf-8") as file:
            yaml.safe_dump({"rule_files": [plain], "evaluation_interval": "15s", "tests":
                            [case_of(name, rule) for name, rule in alerts.items()]}, file)
        done = promtool("test", "rules", tests)
    assert done.returncode == 0, done.stdout + done.stderr


def test_metrics():
    """alerts speak of metrics that a node has, and name a runbook that is there"""
    with open(METRICS, encoding="utf-8") as file:
        known = set(re.findall(r"^\| `([a-z_]+)`", file.read(), re.M))
    assert len(known) > 50, known
    for name, rule in rules().items():
        used = set(re.findall(r"\b(?:erlang|erlmcp|node)_[a-z_]+", rule["expr"]))
        unknown = {one for one in used if one not in known
                   and re.sub("_(bucket|sum|count)$", "", one) not in known}
        assert used and not unknown, (name, unknown)
        assert os.path.exists(os.path.join(TOP, rule["annotations"]["runbook"])), name
        assert rule["labels"]["severity"] in ("critical", "warning"), name
        assert rule["annotations"]["escalation"], name


def test_operator():
    """the rules for the Prometheus operator are the same, under RB-010's name"""
    done = subprocess.run([sys.executable, os.path.join(TOP, "tools", "rules.py"), "--check"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    path = os.path.join(TOP, "deploy", "kubernetes", "monitoring", "network-partition-alerts.yaml")
    with open(path, encoding="utf-8") as file:
        wrapped = yaml.safe_load(file)
    assert wrapped["kind"] == "PrometheusRule"
    assert wrapped["metadata"]["name"] == "network-partition-alerts"
    assert {rule["alert"] for rule in wrapped["spec"]["groups"][0]["rules"]} == {
        "ErlangNodeDown", "SplitBrainDetected", "NetworkPartitionDetected"}


def test_rb010():
    """RB-010's three alerts have its expressions, times and severities"""
    alerts = rules()
    wanted = {"ErlangNodeDown": ("erlang_up == 0", "1m", "critical"),
              "SplitBrainDetected": ("erlang_cluster_members != erlang_expected_members", "30s",
                                     "critical"),
              "NetworkPartitionDetected": ("rate(node_network_receive_errors_total[5m]) > 0.1", "2m",
                                           "warning")}
    for name, (expression, lasting, severity) in wanted.items():
        rule = alerts[name]
        assert (rule["expr"], rule["for"], rule["labels"]["severity"]) == (
            expression, lasting, severity), rule


if __name__ == "__main__":
    tap.main(globals())
