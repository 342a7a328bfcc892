"""A real Prometheus watches a lab cluster: alerts over a cut, and every panel of the dashboards."""

import glob
import json
import math
import os
import shutil
import subprocess
import sys
import urllib.parse

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "test", "lab"))

import fabric  # noqa: E402 (the path comes first)
import tap  # noqa: E402
from lab import Lab, boottime, wait_until  # noqa: E402

RULES = os.path.join(TOP, "deploy", "prometheus", "rules", "*.yml")
DASHBOARDS = sorted(glob.glob(os.path.join(TOP, "deploy", "grafana", "*.json")))
HTTP_PORT = 8080
FOR_S = 30  # RB-010: SplitBrainDetected lasts that long before it fires
NOTICE_MAX_S = 90  # detection, a scrape, an evaluation take seconds; a busy machine takes longer
VARIABLES = {"$job": ".*", "$instance": ".*", "$__rate_interval": "30s"}


class Watch:
    """A cluster, and a Prometheus on the observer's host that scrapes it each second."""

    def __init__(self):
        if fabric.why_no_namespaces():
            raise tap.Skip("network namespaces are not allowed here")
        if not shutil.which("prometheus"):
            raise tap.Skip("no prometheus here")
        self.lab = Lab(3)
        self.process = None

    def __enter__(self):
        try:
            self.lab.doors()
            self.lab.start()
            self.lab.wait_all_see_all(timeout=60)
            self.start_prometheus()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process:
            self.process.terminate()
            self.process.wait(90)
        self.lab.close()

    def start_prometheus(self):
        targets = [f"{self.lab.fabric.address(node.host)}:{HTTP_PORT}" for node in self.lab.nodes]
        config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                  "rule_files": [RULES],
                  "scrape_configs": [{"job_name": "erlmcp",
                                      "static_configs": [{"targets": targets}]}]}
        directory = os.path.join(self.lab.directory, "prometheus")
        os.mkdir(directory)
        path = os.path.join(directory, "prometheus.yml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)  # JSON is YAML
        with open(os.path.join(directory, "log"), "wb") as log:
            self.process = subprocess.Popen(
                self.lab.fabric.command(0, "prometheus", f"--config.file={path}",
                                        f"--storage.tsdb.path={directory}/data",
                                        "--web.listen-address=127.0.0.1:9090"),
                stdout=log, stderr=log, preexec_fn=fabric.die_with_parent)
        wait_until(lambda: len(self.ask("up == 1")) == len(targets), NOTICE_MAX_S,
                   "all nodes are scraped")

    def get(self, path):
        """An answer of Prometheus; {} when it does not answer."""
        text = self.lab.fabric.on(0, "curl", "-s", "-m", "5", "http://127.0.0.1:9090" + path,
                                  check=False)
        try:
            return json.loads(text)
        except ValueError:
            return {}

    def ask(self, expression):
        """The values of an expression now: [(labels, value)]."""
        answer = self.get("/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        assert answer.get("status") in ("success", None), (expression, answer)
        result = answer.get("data", {}).get("result", [])
        return [(one["metric"], float(one["value"][1])) for one in result]

    def alerts(self, name):
        """The states in which an alert is: pending, firing; none: quiet."""
        found = self.get("/api/v1/alerts").get("data", {}).get("alerts", [])
        return {one["state"] for one in found if one["labels"]["alertname"] == name}


def expressions():
    """(dashboard, panel, expression) of every query of every panel."""
    for path in DASHBOARDS:
        with open(path, encoding="utf-8") as file:
            for panel in json.load(file)["panels"]:
                for target in panel.get("targets", []):
                    text = target["expr"]
                    for name, value in VARIABLES.items():
                        text = text.replace(name, value)
                    yield os.path.basename(path), panel["title"], text


def use(lab):
    """Work of each kind, so that there is something to see."""
    for node in lab.nodes:
        node.insist("{ok, Id} = erlmcp_session:create(watched), "
                  "ok = erlmcp_session:put(Id, key, value), erlmcp_session:get(Id, key).")


def check_dashboards(watch):
    """Every panel has data: numbers, not gaps."""
    found = list(expressions())
    assert len(found) > 40, len(found)

    def without():
        return [(where, title, text) for where, title, text in found
                if all(math.isnan(value) for _, value in watch.ask(text))]
    use(watch.lab)
    try:
        wait_until(lambda: not without(), NOTICE_MAX_S)
    except AssertionError:
        raise AssertionError(f"no data for {without()}") from None


def test_incident():
    """a cut fires SplitBrainDetected after its 30 s, the heal resolves it, and all panels show it"""
    with Watch() as watch:
        victim = watch.lab.leader()
        wait_until(lambda: not watch.alerts("SplitBrainDetected"), NOTICE_MAX_S, "all is quiet")
        watch.lab.isolate(victim)
        since = boottime()
        wait_until(lambda: watch.alerts("SplitBrainDetected"), NOTICE_MAX_S, "the alert is pending")
        wait_until(lambda: "firing" in watch.alerts("SplitBrainDetected"), FOR_S + NOTICE_MAX_S,
                   "the alert fires")
        assert boottime() - since >= FOR_S - 1, "it fired before it may"
        wait_until(lambda: watch.ask("erlmcp_fenced == 1") and watch.ask("erlang_up == 0"),
                   NOTICE_MAX_S, "fenced, and lost")
        wait_until(lambda: "firing" in watch.alerts("ErlmcpNodeFenced"), NOTICE_MAX_S,
                   "the fenced node is reported")
        watch.lab.heal()
        wait_until(lambda: not watch.alerts("SplitBrainDetected"), NOTICE_MAX_S + FOR_S,
                   "the alert is resolved")
        wait_until(lambda: not watch.alerts("ErlmcpNodeFenced"), NOTICE_MAX_S, "so is the other")
        check_dashboards(watch)


def test_dashboards():
    """the dashboards are those of tools/dashboards.py"""
    done = subprocess.run([sys.executable, os.path.join(TOP, "tools", "dashboards.py"), "--check"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    tap.main(globals())
