"""Tables and plot of what compare.py measured. Only the standard library.

    report.py RESULTS.json [PLOT.svg]
"""

import json
import math
import statistics
import sys

NAMES = ["etcd", "redis", "erlmcp", "erlmcp, 16 connections"]
LABELS = {"etcd": "etcd", "redis": "Redis, WAIT 1", "erlmcp": "erlmcp",
          "erlmcp, 16 connections": "erlmcp, 16 connections"}
COLOURS = {"etcd": "#888888", "redis": "#c0504d", "erlmcp": "#1f5fa8",
           "erlmcp, 16 connections": "#7fb2e5"}
TITLES = {"write": "Writes of 256 bytes", "read": "Linearizable reads",
          "mix": "90 % reads, 10 % writes"}


def times(run, workload):
    return run["read"] if workload == "read" else run["write"]


def median(result, system, workload, clients, pick):
    """The median over the rounds, or None."""
    values = [pick(run) for run in result["runs"]
              if (run["system"], run["workload"], run["clients"]) == (system, workload, clients)]
    return statistics.median(values) if values else None


def spread(result, system, workload, clients):
    values = [run["per_s"] for run in result["runs"]
              if (run["system"], run["workload"], run["clients"]) == (system, workload, clients)]
    return min(values), max(values)


def clients_of(result):
    return sorted({run["clients"] for run in result["runs"]})


def systems_of(result):
    have = {run["system"] for run in result["runs"]}
    return [name for name in NAMES if name in have]


def ms(us):
    return f"{us / 1000:.2f}" if us < 10000 else f"{us / 1000:.1f}"


def rows(result, workload):
    for clients in clients_of(result):
        for system in systems_of(result):
            def pick(f):
                return median(result, system, workload, clients, f)
            per_s = pick(lambda run: run["per_s"])
            if per_s is None:
                continue
            low, high = spread(result, system, workload, clients)
            points = [pick(lambda run, p=p: times(run, workload)[p])
                      for p in ("p50_us", "p99_us", "p999_us", "max_us")]
            yield (f"| {clients} | {LABELS[system]} | {per_s:,.0f} | {low:,.0f}–{high:,.0f} | "
                   + " | ".join(ms(point) for point in points)
                   + f" | {pick(lambda run: run['cpu_us']):.1f}"
                   + f" | {pick(lambda run: run['client_cpu_us']):.1f}"
                   + f" | {pick(lambda run: run['rss_max']) / 2**20:.0f}"
                   + f" | {sum_errors(result, system, workload, clients)} |")


def sum_errors(result, system, workload, clients):
    return sum(run["errors"] for run in result["runs"]
               if (run["system"], run["workload"], run["clients"]) == (system, workload, clients))


def ratio(result, workload, clients, of, to, point):
    """of's figure over to's."""
    def pick(run):
        return run["per_s"] if point == "per_s" else times(run, workload)[point]
    a = median(result, of, workload, clients, pick)
    b = median(result, to, workload, clients, pick)
    return f"{a / b:.2f}" if a and b else ""


def ratios(result):
    lines = ["| workload | clients | per second: erlmcp / etcd | erlmcp / Redis | "
             "p99: erlmcp / etcd | erlmcp / Redis | erlmcp, 16 connections / etcd | its p99 |",
             "|---|---|---|---|---|---|---|---|"]
    shared = "erlmcp, 16 connections"
    for workload in TITLES:
        for clients in clients_of(result):
            cells = [ratio(result, workload, clients, "erlmcp", "etcd", "per_s"),
                     ratio(result, workload, clients, "erlmcp", "redis", "per_s"),
                     ratio(result, workload, clients, "erlmcp", "etcd", "p99_us"),
                     ratio(result, workload, clients, "erlmcp", "redis", "p99_us"),
                     ratio(result, workload, clients, shared, "etcd", "per_s"),
                     ratio(result, workload, clients, shared, "etcd", "p99_us")]
            if any(cells):
                lines.append(f"| {workload} | {clients} | " + " | ".join(cells) + " |")
    return lines


def floor(result):
    """What one write of one client takes, beside what the machine takes for it."""
    trip = statistics.median(p["round_trip"]["p50_us"] for p in result["probes"])
    disk = statistics.median(p["durable_write"]["p50_us"] for p in result["probes"])
    worst = statistics.median(p["durable_write"]["p99_us"] for p in result["probes"])
    lines = [f"One round trip between two hosts of the lab: p50 {trip:.0f} µs; one durable write of "
             f"4 KiB: p50 {disk:.0f} µs, p99 {worst:.0f} µs. Together {trip + disk:.0f} µs (p50)."]
    for system in systems_of(result):
        p50 = median(result, system, "write", 1, lambda run: run["write"]["p50_us"])
        if p50:
            lines.append(f"p50 of one client's write, {LABELS[system]}: {p50:.0f} µs, "
                         f"{p50 / (trip + disk):.2f} times that.")
    return lines


def table(result):
    """Everything, as Markdown."""
    m = result["machine"]
    lines = [f"{m['cpus']} processors ({m['cpu']}), {m['memory_gib']} GiB, Linux {m['kernel']}, "
             f"{m['file_system']}; {result['rounds']} rounds of {result['seconds']:g} s after "
             f"{result['warm_up']:g} s of warm-up; load average before the first: "
             f"{result['load_average']:.1f}.", ""]
    for name, system in result["systems"].items():
        lines.append(f"* {LABELS[name]} {system['version']}: {system['settings']}")
    lines += ["", *floor(result), ""]
    for workload, title in TITLES.items():
        body = list(rows(result, workload))
        if not body:
            continue
        lines += [f"### {title}", "",
                  "| clients | system | per second | lowest–highest | p50 ms | p99 ms | p99.9 ms | "
                  "longest ms | server CPU µs | client CPU µs | MiB, largest server | errors |",
                  "|---|---|---|---|---|---|---|---|---|---|---|---|", *body, ""]
    return "\n".join(lines + ["### Ratios", "", *ratios(result), ""])


# The plot: three panels for throughput, one below each for p99, on logarithmic axes.

WIDTH, HEIGHT, LEFT, TOP, GAP = 300, 190, 70, 60, 70


def axis(values):
    """Powers of ten around the values."""
    return (math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))))


class Panel:
    """One drawing with logarithmic axes."""

    def __init__(self, column, row, clients, low, high):
        self.x0 = LEFT + column * (WIDTH + GAP)
        self.y0 = TOP + row * (HEIGHT + GAP)
        self.clients, self.low, self.high = clients, low, max(high, low + 1)

    def x(self, n):
        span = math.log(self.clients[-1] / self.clients[0]) or 1
        return self.x0 + WIDTH * math.log(n / self.clients[0]) / span

    def y(self, value):
        return self.y0 + HEIGHT * (self.high - math.log10(value)) / (self.high - self.low)

    def frame(self, title, unit):
        yield (f'<text x="{self.x0}" y="{self.y0 - 10}" class="title">{title}</text>')
        for power in range(self.low, self.high + 1):
            y = self.y(10 ** power)
            yield f'<path d="M{self.x0} {y:.1f}h{WIDTH}" class="grid"/>'
            yield (f'<text x="{self.x0 - 6}" y="{y + 4:.1f}" class="end">'
                   f'{10 ** power:,}{unit}</text>' if power >= 0 else
                   f'<text x="{self.x0 - 6}" y="{y + 4:.1f}" class="end">{10 ** power:g}{unit}</text>')
        for n in self.clients:
            yield (f'<text x="{self.x(n):.1f}" y="{self.y0 + HEIGHT + 16}" class="middle">{n}'
                   f'</text>')

    def line(self, points, colour):
        path = " ".join(f"{self.x(n):.1f},{self.y(value):.1f}" for n, value in points)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for n, value in points:
            yield f'<circle cx="{self.x(n):.1f}" cy="{self.y(value):.1f}" r="3" fill="{colour}"/>'


def series(result, workload, pick):
    """{system: [(clients, value)]}"""
    lines = {}
    for system in systems_of(result):
        points = [(n, median(result, system, workload, n, pick)) for n in clients_of(result)]
        points = [(n, value) for n, value in points if value]
        if points:
            lines[system] = points
    return lines


def plot(result, path):
    """Write the plot as SVG."""
    workloads = [w for w in TITLES if any(run["workload"] == w for run in result["runs"])]
    width = LEFT + len(workloads) * (WIDTH + GAP)
    height = TOP + 2 * (HEIGHT + GAP) + 20
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
           f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
           '<style>.title{font-size:13px;font-weight:bold}.end{text-anchor:end}'
           '.middle{text-anchor:middle}.grid{stroke:#ddd}</style>',
           f'<rect width="{width}" height="{height}" fill="white"/>']
    for i, system in enumerate(systems_of(result)):
        out.append(f'<rect x="{LEFT + i * 180}" y="12" width="12" height="12" '
                   f'fill="{COLOURS[system]}"/>'
                   f'<text x="{LEFT + i * 180 + 18}" y="22">{LABELS[system]}</text>')
    for row, (what, unit) in enumerate((("per second", ""), ("p99", " ms"))):
        for column, workload in enumerate(workloads):
            lines = series(result, workload, lambda run, w=workload, r=row:
                           run["per_s"] if r == 0 else times(run, w)["p99_us"] / 1000)
            values = [value for points in lines.values() for _, value in points]
            panel = Panel(column, row, clients_of(result), *axis(values))
            out += panel.frame(f"{TITLES[workload]}: {what}", unit)
            for system, points in lines.items():
                out += panel.line(points, COLOURS[system])
            out.append(f'<text x="{panel.x0 + WIDTH / 2}" y="{panel.y0 + HEIGHT + 32}" '
                       f'class="middle">clients</text>')
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(out + ["</svg>", ""]))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        result = json.load(file)
    print(table(result))
    if len(sys.argv) > 2:
        plot(result, sys.argv[2])


if __name__ == "__main__":
    main()
