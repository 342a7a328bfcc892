"""Asks a node over HTTP, from its own host: run as a program there, or used through get()."""

import http.client
import os
import sys

PORT = 8080
OPENMETRICS = "application/openmetrics-text;version=1.0.0"


def parse(text):
    """Samples by name: {name: {labels as a sorted tuple of pairs: value}}."""
    samples = {}
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        head, value = line.rsplit(" ", 1)
        name, _, labels = head.partition("{")
        pairs = []
        for pair in labels.rstrip("}").split(",") if labels else []:
            key, _, quoted = pair.partition("=")
            pairs.append((key, quoted.strip('"')))
        samples.setdefault(name, {})[tuple(sorted(pairs))] = float(value)
    return samples


def get(node, path, accept="text/plain"):
    """(status code, body) of a node of the lab."""
    done = node.shell(sys.executable, os.path.abspath(__file__),
                      node.lab.fabric.address(node.host), path, accept, timeout=60)
    assert done.returncode == 0, done.stderr
    code, _, body = done.stdout.partition("\n")
    return int(code), body


class Figures:
    """One scrape."""

    def __init__(self, node):
        code, self.text = get(node, "/metrics")
        assert code == 200, code
        self.samples = parse(self.text)

    def value(self, name, **labels):
        """One sample; None: it is absent."""
        return self.samples.get(name, {}).get(tuple(sorted(labels.items())))


def main(address, path, accept):
    connection = http.client.HTTPConnection(address, PORT, timeout=50)
    connection.request("GET", path, headers={"Accept": accept})
    answer = connection.getresponse()
    print(answer.status)
    sys.stdout.write(answer.read().decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
