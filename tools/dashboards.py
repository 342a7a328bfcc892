"""Makes the Grafana dashboards of deploy/grafana from the tables below: dashboards.py --check | --write

A dashboard is rows of panels; a panel is a title, a unit, a shape, and queries with their legends.
Every query has to return data from a live cluster: a test asks a real Prometheus.
"""

import json
import os
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PLACE = os.path.join(TOP, "deploy", "grafana")
WIDTH = 24  # of Grafana's grid
HEIGHT = 7  # of a panel
CLUSTER = 'job=~"$job"'
NODE = 'job=~"$job",instance=~"$instance"'
SHAPES = {"line": "timeseries", "figure": "stat", "steps": "state-timeline", "table": "table"}


def quantile(share, metric, by="instance"):
    return (f"histogram_quantile({share}, sum by (le, {by}) "
            f"(rate({metric}_bucket{{{NODE}}}[$__rate_interval])))")


def ever(share, metric):
    """A quantile over everything since the processes started: events are rare."""
    return f"histogram_quantile({share}, sum by (le) ({metric}_bucket{{{CLUSTER}}}))"


def rate(metric, by="instance", more=""):
    return f"sum by ({by}) (rate({metric}{{{NODE}{more}}}[$__rate_interval]))"


OVERVIEW = ("erlmcp-overview", "erlmcp: is everybody served?", [
    ("Verdict", [
        ("Nodes that serve", "short", "figure", [(f"sum(erlmcp_serving{{{CLUSTER}}})", "serving")]),
        ("Fenced nodes", "short", "figure", [(f"sum(erlmcp_fenced{{{CLUSTER}}})", "fenced")]),
        ("Failures to spare", "short", "figure",
         [(f"min(erlmcp_spare_members{{{CLUSTER}}} and erlmcp_serving{{{CLUSTER}}} == 1)", "spare")]),
        ("Clusters seen", "short", "figure",
         [(f"count(count by (cluster_id) (erlmcp_cluster_info{{{CLUSTER}}}))", "cluster ids")]),
    ]),
    ("Members", [
        ("State of each node", "short", "steps", [(f"erlmcp_node_state{{{NODE}}} == 1",
                                                   "{{instance}} {{state}}")]),
        ("Who hears whom", "short", "steps", [(f"erlang_up{{{NODE}}}", "{{instance}} hears {{node}}")]),
    ]),
    ("Requests", [
        ("Requests", "reqps", "line", [(rate("erlmcp_operations_total", "outcome"), "{{outcome}}")]),
        ("Latency, p50 and p99", "s", "line", [(quantile(0.5, "erlmcp_operation_seconds"), "p50 {{instance}}"),
                                               (quantile(0.99, "erlmcp_operation_seconds"),
                                                "p99 {{instance}}")]),
        ("Sessions", "short", "line", [(f"erlmcp_sessions{{{NODE}}}", "{{instance}}")]),
    ]),
    ("Limits", [
        ("Use of limits", "percentunit", "line",
         [(f"erlmcp_limit_in_use{{{NODE}}} / erlmcp_limit{{{NODE}}}", "{{instance}} {{limit}}")]),
        ("Refused because of a limit", "reqps", "line",
         [(rate("erlmcp_limit_refusals_total", "limit"), "{{limit}}")]),
        ("Free disk", "bytes", "line", [(f"erlmcp_data_disk_free_bytes{{{NODE}}}", "{{instance}}")]),
    ]),
])

PARTITIONS = ("erlmcp-partitions", "erlmcp: partitions and heals", [
    ("RB-010's metrics", [
        ("Measured", "short", "table", [(f"erlmcp_runbook_value{{{NODE}}}", "{{metric}}")]),
        ("Target", "short", "table", [(f"erlmcp_runbook_target{{{NODE}}}", "{{metric}}")]),
    ]),
    ("Since the nodes started", [
        ("Partitions", "short", "line", [(f"erlmcp_partitions_total{{{NODE}}}", "{{instance}}")]),
        ("Detection, p99", "s", "figure", [(ever(0.99, "erlmcp_partition_detection_seconds"), "p99")]),
        ("Take-over, p99", "s", "figure", [(ever(0.99, "erlmcp_takeover_seconds"), "p99")]),
        ("Heal, p99", "s", "figure", [(ever(0.99, "erlmcp_heal_seconds"), "p99")]),
        ("In sync, p99", "s", "figure", [(ever(0.99, "erlmcp_in_sync_seconds"), "p99")]),
        ("Fence, p99", "s", "figure", [(ever(0.99, "erlmcp_fence_seconds"), "p99")]),
    ]),
    ("Now", [
        ("Partition under way", "short", "steps", [(f"erlmcp_partition_active{{{NODE}}}", "{{instance}}")]),
        ("Members in sight", "short", "line", [(f"erlang_cluster_members{{{NODE}}}", "{{instance}}"),
                                               (f"erlang_expected_members{{{NODE}}}",
                                                "expected by {{instance}}")]),
        ("Lease left", "s", "line", [(f"erlmcp_lease_remaining_seconds{{{NODE}}}", "{{instance}}")]),
    ]),
    ("Links", [
        ("Round trip", "s", "line", [(f"erlmcp_link_rtt_seconds{{{NODE}}}", "{{instance}} to {{node}}")]),
        ("Bytes sent", "Bps", "line", [(rate("erlmcp_link_sent_bytes_total", "instance, node"),
                                        "{{instance}} to {{node}}")]),
        ("Reconnects", "short", "line", [(f"erlmcp_link_reconnects_total{{{NODE}}}",
                                          "{{instance}} to {{node}}")]),
        ("Members lost", "short", "line", [(f"erlmcp_member_losses_total{{{NODE}}}",
                                            "{{instance}} lost {{node}}")]),
    ]),
])

STORE = ("erlmcp-store", "erlmcp: consensus, disk and state", [
    ("Consensus", [
        ("Leader", "short", "steps", [(f"erlmcp_raft_leading{{{NODE}}}", "{{instance}}")]),
        ("Term", "short", "line", [(f"erlmcp_raft_term{{{NODE}}}", "{{instance}}")]),
        ("Committed entries", "ops", "line", [(f"rate(erlmcp_raft_commit_index{{{NODE}}}[$__rate_interval])",
                                               "{{instance}}")]),
        ("Lag of members", "short", "line", [(f"erlmcp_member_lag_entries{{{NODE}}}",
                                              "{{node}}, seen by {{instance}}")]),
    ]),
    ("Disk", [
        ("A durable write, p50 and p99", "s", "line", [(quantile(0.5, "erlmcp_disk_write_seconds"),
                                                        "p50 {{instance}}"),
                                                       (quantile(0.99, "erlmcp_disk_write_seconds"),
                                                        "p99 {{instance}}")]),
        ("Log on disk", "bytes", "line", [(f"erlmcp_log_bytes{{{NODE}}}", "{{instance}}")]),
        ("State on disk", "bytes", "line", [(f"erlmcp_state_disk_bytes{{{NODE}}}", "{{instance}}")]),
    ]),
    ("Equality and synchronisation", [
        ("Comparisons", "short", "line", [(f"erlmcp_audit_rounds_total{{{NODE}}}", "{{instance}}"),
                                          (f"erlmcp_audit_mismatches_total{{{NODE}}}",
                                           "different, {{instance}}")]),
        ("Memory counted anew", "ops", "line", [(rate("erlmcp_scrub_objects_total"), "{{instance}}")]),
        ("Transfers of the state", "short", "line", [(f"erlmcp_sync_transfers_total{{{NODE}}}",
                                                      "{{instance}}")]),
        ("Alarms", "short", "table", [(f"erlmcp_alarms_total{{{NODE}}}", "{{instance}} {{alarm}}")]),
    ]),
    ("Processes", [
        ("Processor", "percentunit", "line", [(rate("process_cpu_seconds_total"), "{{instance}}")]),
        ("Memory", "bytes", "line", [(f"process_resident_memory_bytes{{{NODE}}}", "{{instance}}")]),
        ("Clock jumps", "short", "line", [(f"erlmcp_clock_jumps_total{{{NODE}}}", "{{instance}}")]),
    ]),
])

DASHBOARDS = (OVERVIEW, PARTITIONS, STORE)
SOURCE = {"type": "prometheus", "uid": "${source}"}


def panel(number, place, spec):
    title, unit, shape, queries = spec
    targets = [{"refId": chr(ord("A") + at), "datasource": SOURCE, "expr": expression,
                "legendFormat": legend, "instant": shape in ("figure", "table")}
               for at, (expression, legend) in enumerate(queries)]
    return {"id": number, "type": SHAPES[shape], "title": title, "gridPos": place,
            "datasource": SOURCE, "targets": targets,
            "fieldConfig": {"defaults": {"unit": unit}, "overrides": []}}


def variable(name, label, query):
    return {"name": name, "label": label, "type": "query", "datasource": SOURCE, "query": query,
            "refresh": 2, "multi": True, "includeAll": True, "current": {"text": "All",
                                                                         "value": "$__all"}}


def panels(rows):
    """Rows of panels, side by side."""
    found, top = [], 0
    for title, specs in rows:
        found.append({"id": len(found) + 1, "type": "row", "title": title, "collapsed": False,
                      "gridPos": {"x": 0, "y": top, "w": WIDTH, "h": 1}, "panels": []})
        width = WIDTH // len(specs)
        for at, spec in enumerate(specs):
            place = {"x": at * width, "y": top + 1, "w": width, "h": HEIGHT}
            found.append(panel(len(found) + 1, place, spec))
        top += HEIGHT + 1
    return found


def dashboard(uid, title, rows):
    source = {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    return {"uid": uid, "title": title, "tags": ["erlmcp"], "schemaVersion": 38, "version": 1,
            "editable": True, "refresh": "5s", "time": {"from": "now-30m", "to": "now"},
            "timezone": "utc", "templating": {"list": [
                source, variable("job", "Cluster", "label_values(erlmcp_serving, job)"),
                variable("instance", "Node",
                         "label_values(erlmcp_serving{job=~\"$job\"}, instance)")]},
            "panels": panels(rows)}


def text_of(spec):
    return json.dumps(dashboard(*spec), indent=1) + "\n"


def main():
    wrong = []
    for spec in DASHBOARDS:
        path = os.path.join(PLACE, spec[0] + ".json")
        if sys.argv[1:] == ["--write"]:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text_of(spec))
        elif sys.argv[1:] == ["--check"]:
            with open(path, encoding="utf-8") as file:
                wrong += [path] if file.read() != text_of(spec) else []
        else:
            sys.exit(__doc__)
    if wrong:
        sys.exit(f"{wrong}: not what tools/dashboards.py --write makes")


if __name__ == "__main__":
    main()
