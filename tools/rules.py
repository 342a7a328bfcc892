"""Wraps the rules of deploy/prometheus for the Prometheus operator: rules.py --check | --write

RB-010 has its alerts as a PrometheusRule; Prometheus itself and its tests want plain files. The plain ones
are the source, those of deploy/kubernetes/monitoring are made from them.
"""

import os
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PLAIN = os.path.join(TOP, "deploy", "prometheus", "rules")
WRAPPED = os.path.join(TOP, "deploy", "kubernetes", "monitoring")
NAMES = {"network-partition.yml": "network-partition-alerts", "erlmcp.yml": "erlmcp-alerts"}

HEAD = """# Made by tools/rules.py from deploy/prometheus/rules/{plain}; do not edit.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {name}
  namespace: erlmcp-prod
  labels:
    app: erlmcp
spec:
"""


def wrapped(plain):
    with open(os.path.join(PLAIN, plain), encoding="utf-8") as file:
        lines = file.read().splitlines()
    body = [("  " + line).rstrip() for line in lines if not line.startswith("#")]
    return HEAD.format(plain=plain, name=NAMES[plain]) + "\n".join(body) + "\n"


def main():
    for plain, name in NAMES.items():
        path = os.path.join(WRAPPED, name + ".yaml")
        if sys.argv[1:] == ["--write"]:
            with open(path, "w", encoding="utf-8") as file:
                file.write(wrapped(plain))
        elif sys.argv[1:] == ["--check"]:
            with open(path, encoding="utf-8") as file:
                if file.read() != wrapped(plain):
                    sys.exit(f"{path}: not what tools/rules.py --write makes")
        else:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
