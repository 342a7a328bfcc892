"""The manifests for Kubernetes: valid by its schemas, and allowing exactly what a cluster uses."""

import glob
import json
import os
import shutil
import subprocess
import sys

import manifests
import yaml

sys.path.insert(0, os.path.join(manifests.TOP, "test", "lab"))
sys.path.insert(0, os.path.join(manifests.TOP, "test", "runbook"))

import literate  # noqa: E402 (the path comes first)
import tap  # noqa: E402

OVERLAYS = sorted(glob.glob(os.path.join(manifests.KUBERNETES, "overlays", "*")))
KUBECTL_MIN = (1, 21)  # the first one whose kustomize knows patches and directories as resources
PROD = os.path.join(manifests.KUBERNETES, "overlays", "prod")
RB010 = os.path.join(literate.RUNBOOKS, "RB-010-network-partition-recovery.md")


def the(kind, name, objects=None):
    return next(one for one in objects or manifests.render(PROD)
                if one["kind"] == kind and one["metadata"]["name"] == name)


def settings():
    """The configuration of a node by key, with the settings of the config map."""
    given = the("ConfigMap", "erlmcp-settings")["data"]
    program = os.path.join(os.environ["LAB_BUILD"], "src", "cmd", "erlmcp")
    done = subprocess.run([program, "config", "--json"], check=True, capture_output=True, text=True,
                          env={**os.environ, **given})
    return json.loads(done.stdout), given


def value_of(config, key):
    return config["values"][key]["value"]


def port_of(name):
    container = the("StatefulSet", "erlmcp")["spec"]["template"]["spec"]["containers"][0]
    return next(one["containerPort"] for one in container["ports"] if one["name"] == name)


def test_schemas():
    """every object of every overlay is valid by Kubernetes' own schemas"""
    assert len(OVERLAYS) >= 3, OVERLAYS
    for overlay in OVERLAYS:
        for one in manifests.render(overlay):
            found = manifests.faults(one, manifests.MODELS[one["kind"]], one["kind"])
            assert not found, (overlay, found)


def test_schemas_find():
    """the comparison with the schemas finds a wrong name, a wrong type and a missing field"""
    budget = the("PodDisruptionBudget", "erlmcp")
    for change in ({"maxUnavailabel": 1}, {"selector": "app"}, {"selector": {"matchLabels": 1}}):
        spoilt = {**budget, "spec": {**budget["spec"], **change}}
        assert manifests.faults(spoilt, "V1PodDisruptionBudget"), change
    stateful = the("StatefulSet", "erlmcp")
    del stateful["spec"]["serviceName"]
    assert manifests.faults(stateful, "V1StatefulSet")


def release_of(kubectl):
    """(1, 20) for kubectl 1.20."""
    done = subprocess.run([kubectl, "version", "--client", "-o", "json"], capture_output=True,
                          text=True, check=True)
    version = json.loads(done.stdout)["clientVersion"]
    return int(version["major"]), int(version["minor"].rstrip("+"))


def test_kubectl():
    """kubectl renders the same objects"""
    kubectl = shutil.which("kubectl")
    if not kubectl:
        raise tap.Skip("no kubectl here: rendered by test/deploy/manifests.py only")
    if release_of(kubectl) < KUBECTL_MIN:
        raise tap.Skip("this kubectl is older than 1.21")
    for overlay in OVERLAYS:
        done = subprocess.run([kubectl, "kustomize", overlay], capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0, done.stderr
        theirs = list(yaml.safe_load_all(done.stdout))
        ours = manifests.render(overlay)
        assert len(theirs) == len(ours)
        for one in ours:
            same = [other for other in theirs if other["kind"] == one["kind"] and
                    other["metadata"]["name"].startswith(one["metadata"]["name"]) and
                    other.get("spec") == one.get("spec") and other.get("data") == one.get("data")]
            if one["kind"] != "StatefulSet":  # its reference to the map of settings gets a suffix
                assert same, one["metadata"]


def allowed(direction):
    """{(who, protocol, port)} that the policies together allow."""
    found = set()
    for policy in manifests.render(PROD):
        if policy["kind"] != "NetworkPolicy":
            continue
        assert policy["spec"]["podSelector"] == {"matchLabels": {"app": "erlmcp"}}
        for rule in policy["spec"].get(direction, []):
            for peer in rule["to" if direction == "egress" else "from"]:
                labels = peer.get("podSelector", {}).get("matchLabels", {})
                spaces = peer.get("namespaceSelector", {}).get("matchLabels", {})
                who = "members" if labels == {"app": "erlmcp"} and not spaces else \
                    ",".join([*spaces.values(), *labels])
                found |= {(who, port["protocol"], port["port"]) for port in rule["ports"]}
    return found


def test_ports():
    """the policies allow exactly the ports that a node of this configuration uses"""
    config, given = settings()
    low, high = (int(value_of(config, f"dist_listen_{end}")) for end in ("min", "max"))
    assert (low, high) == (9100, 9100), given
    between = {("members", "TCP", int(value_of(config, "epmd_port"))), ("members", "TCP", low)}
    dns = {("kube-system", protocol, 53) for protocol in ("UDP", "TCP")}
    assert allowed("egress") == between | dns
    http = int(value_of(config, "http_port"))
    assert port_of("http") == http
    clients = {("erlmcp-client", "TCP", http),
               ("monitoring,app.kubernetes.io/name", "TCP", http)}
    assert allowed("ingress") == between | clients


def test_emergency():
    """RB-010's emergency policy is valid and opens everything for the pods"""
    block = next(one for one in literate.blocks_of(RB010) if "kubectl apply" in one.script)
    text = block.script.split("<<EOF\n", 1)[1].split("\nEOF", 1)[0]
    policy = yaml.safe_load(text)
    assert not manifests.faults(policy, "V1NetworkPolicy")
    spec = policy["spec"]
    assert spec["ingress"] == [{}] and spec["egress"] == [{}]
    assert spec["podSelector"]["matchLabels"] == {"app": "erlmcp"}
    assert policy["metadata"] == {"name": "erlmcp-allow-all", "namespace": "erlmcp-prod"}


def test_names():
    """the pods' names are those of the seed nodes and of RB-010's commands"""
    stateful = the("StatefulSet", "erlmcp")
    service = the("Service", stateful["spec"]["serviceName"])
    assert service["spec"]["clusterIP"] == "None" and service["spec"]["publishNotReadyAddresses"]
    space = stateful["metadata"]["namespace"]
    hosts = [f"erlmcp-{number}.{service['metadata']['name']}.{space}.svc.cluster.local"
             for number in range(3)]
    _, given = settings()
    assert given["ERLMCP_SEED_NODES"].split(",") == [f"erlmcp@{host}" for host in hosts]
    with open(RB010, encoding="utf-8") as file:
        text = file.read()
    assert all(host in text for host in hosts[1:])
    ports = {one["name"]: one["port"] for one in service["spec"]["ports"]}
    assert ports == {"epmd": 4369, "distribution": 9100}


def test_probes():
    """a fenced pod becomes unready, and nothing kills it for being fenced"""
    container = the("StatefulSet", "erlmcp")["spec"]["template"]["spec"]["containers"][0]
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"]
             for name in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}
    assert container["readinessProbe"]["failureThreshold"] == 1


def started_with(pod, founders="3"):
    """What the pod's command would run as, with a pretended node."""
    container = the("StatefulSet", "erlmcp")["spec"]["template"]["spec"]["containers"][0]
    shell, flag, script = container["command"]
    script = script.replace("exec /opt/erlmcp/bin/erlmcp foreground", 'echo "join=$ERLMCP_JOIN"')
    done = subprocess.run([shell, flag, script], capture_output=True, text=True, check=True,
                          env={"POD_NAME": pod, "ERLMCP_FOUNDERS": founders})
    return done.stdout.strip()


def test_scaling_up():
    """pods beyond the founders join a cluster and never found one"""
    assert started_with("erlmcp-0") == "join=" and started_with("erlmcp-2") == "join="
    assert started_with("erlmcp-3") == "join=voter" and started_with("erlmcp-10") == "join=voter"


if __name__ == "__main__":
    tap.main(globals())
