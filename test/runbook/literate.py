"""The runbooks as programs: their command blocks, and what must come out.

A block of shell in doc/runbooks has a comment in front of it:

    <!-- run RB-010.ping given=healthy -->          is run, and must end with exit code 0
    <!-- covered RB-010.kubectl: why not here -->   cannot be run in the tests; the reason says what stands in

    given=healthy            all nodes serve and are in step (the test makes it so before)
    given=cut:NODE[,NODE]    these are off the network, and it was noticed
    given=stopped:NODE[...]  these containers are stopped
    given=as-left            as the block before left it
    exit=N                   another exit code
    within=SECONDS           what is awaited comes about in this time on a machine that is not busy; the
                             block is repeated until it comes out right
    stop-after=SECONDS       it would go on for ever

A block of text behind it is what must come out: these lines in this order, each somewhere within a
line of the output; … stands for anything.
"""

import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RUNBOOKS = os.path.join(TOP, "doc", "runbooks")
SHELL_MAX = 400

COMMENT = re.compile(r"^<!-- (run|covered) ([A-Z0-9-]+\.[a-z0-9-]+)(?::)?(.*?) ?-->$")
SETTINGS = {"given", "exit", "within", "stop-after"}


class Wrong(Exception):
    """A runbook that cannot be read: says file, line and rule."""


class Block:
    """Some lines of shell, in which state to run them, and what must come out."""

    def __init__(self, where, name):
        self.where = where
        self.name = name
        self.why_not = ""
        self.settings = {}
        self.script = ""
        self.expected = []

    @property
    def given(self):
        return self.settings.get("given", "as-left")

    @property
    def exit_code(self):
        return int(self.settings.get("exit", "0"))

    @property
    def within(self):
        return float(self.settings.get("within", "0"))

    @property
    def stop_after(self):
        return float(self.settings.get("stop-after", "0"))

    def misfit(self, code, output):
        """What is wrong with this outcome, or None."""
        if code != self.exit_code:
            return f"exit code {code}, not {self.exit_code}"
        lines = iter(output.splitlines())
        for wanted in self.expected:
            if not any(fits(wanted, line) for line in lines):
                return f"no line with {wanted!r} (in this order)"
        return None


def fits(wanted, line):
    pattern = ".*".join(re.escape(part) for part in wanted.strip().split("…"))
    return re.search(pattern, line) is not None


def fill(block, kind, rest):
    """Take the words of the comment in front of a block."""
    if kind == "covered":
        block.why_not = rest.strip()
        if not block.why_not:
            raise Wrong(f"{block.where}: say why {block.name} is not run")
        return
    for word in rest.split():
        key, _, value = word.partition("=")
        if key not in SETTINGS or not value:
            raise Wrong(f"{block.where}: {word!r} is none of {sorted(SETTINGS)}")
        block.settings[key] = value


def fenced(lines, at, where):
    """The lines of a fenced block that begins at this index, and the index behind it."""
    for end in range(at + 1, min(len(lines), at + SHELL_MAX)):
        if lines[end].rstrip() == "```":
            return lines[at + 1:end], end + 1
    raise Wrong(f"{where}: the block has no end")


def blocks_of(path):
    """All blocks of a runbook in their order; Wrong when a block of shell has no comment."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    found, pending, at = [], None, 0
    while at < len(lines):
        where = f"{os.path.relpath(path, TOP)}:{at + 1}"
        comment = COMMENT.match(lines[at])
        if comment:
            pending = Block(where, comment.group(2))
            fill(pending, comment.group(1), comment.group(3))
            at += 1
        elif lines[at].startswith("```bash"):
            if pending is None:
                raise Wrong(f"{where}: commands without a comment that says how they are run")
            body, at = fenced(lines, at, where)
            pending.script = "\n".join(body)
            found.append(pending)
            pending = None
        elif lines[at].startswith("```text") and found:
            body, at = fenced(lines, at, where)
            found[-1].expected = body
        elif lines[at].startswith("```"):
            _, at = fenced(lines, at, where)
        else:
            at += 1
    if pending is not None:
        raise Wrong(f"{pending.where}: no commands follow")
    return found


def runbooks():
    """{name of a runbook's file: its blocks}, README and the table apart."""
    names = sorted(name for name in os.listdir(RUNBOOKS)
                   if name.endswith(".md") and name not in ("README.md", "coverage.md"))
    return {name: blocks_of(os.path.join(RUNBOOKS, name)) for name in names}


def words(text):
    """Commands as one line: layout, comments and continued lines do not count."""
    text = re.sub(r"\\\n", " ", text)
    kept = [line for line in text.splitlines() if not line.strip().startswith("#")]
    return " ".join(" ".join(kept).split())


def whole(command):
    """Does this text hold complete commands: no open quotation, loop, or document?"""
    bare = re.sub(r"\\.", "", command)
    if bare.count('"') % 2 or re.sub(r'"[^"]*"', "", bare).count("'") % 2:
        return False
    if command.rstrip().endswith("\\"):
        return False
    if "<<EOF" in command and not command.rstrip().endswith("\nEOF"):
        return False
    return len(re.findall(r"\bfor\b .*; do$", command, re.M)) == len(
        re.findall(r"^done\b", command, re.M))


def commands_of(script):
    """The single commands of a block of shell, each as it is written, comments apart."""
    found, pending = [], ""
    for line in script.splitlines():
        if not pending and (not line.strip() or line.startswith("#")):
            continue
        pending += line + "\n"
        if whole(pending):
            found.append(pending.rstrip("\n"))
            pending = ""
    if pending:
        raise Wrong(f"a command without an end: {pending}")
    return found


def commands_of_specification(path):
    """[(runbook/line, section, command)] of all blocks of shell in a specification."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    runbook = re.match(r"RB-\d+", os.path.basename(path)).group(0)
    found, section, at = [], "", 0
    while at < len(lines):
        if lines[at].startswith("#"):
            section = lines[at].lstrip("# ")
        if not lines[at].startswith("```"):
            at += 1
            continue
        body, end = fenced(lines, at, f"{path}:{at + 1}")
        if lines[at].startswith("```bash"):
            script = "\n".join(body)
            if script.startswith("#!"):
                found.append((f"{runbook}/{at + 1}", section, script))
            else:
                found += [(f"{runbook}/{at + 1}", section, one) for one in commands_of(script)]
        at = end
    return found


def anchors(path):
    """The names that a document's headings can be linked by."""
    with open(path, encoding="utf-8") as file:
        headings = re.findall(r"^#+ (.*)$", file.read(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def named_sections():
    """{(runbook, section)}: what the programs' texts send an operator to, as "RB-010, Health Checks"."""
    found = set()
    for where, _, names in os.walk(os.path.join(TOP, "src")):
        for name in names:
            if name.endswith((".c", ".h")):
                with open(os.path.join(where, name), encoding="utf-8") as file:
                    # Strings that are broken over lines are one.
                    text = re.sub(r'"[\s\\]*"', "", file.read())
                found |= set(re.findall(r"(RB-\d{3}), ((?!RB-)[A-Z][A-Za-z0-9: -]*[A-Za-z])", text))
    return found


def missing_sections():
    """Of named_sections(), those that no runbook has as a heading (or as its beginning)."""
    headings = {}
    for name in os.listdir(RUNBOOKS):
        with open(os.path.join(RUNBOOKS, name), encoding="utf-8") as file:
            headings[name[:6]] = re.findall(r"^#+ (.*)$", file.read(), flags=re.M)
    return sorted((book, section) for book, section in named_sections()
                  if not any(line.startswith(section) for line in headings.get(book, [])))


def broken_links():
    """[(document, link)] of the links between our documents that lead nowhere."""
    found = []
    documents = [os.path.join(where, name) for where, _, names in os.walk(os.path.join(TOP, "doc"))
                 for name in names if name.endswith(".md")] + [os.path.join(TOP, "README.md")]
    for document in documents:
        with open(document, encoding="utf-8") as file:
            text = re.sub(r"```.*?```", "", file.read(), flags=re.S)
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = os.path.normpath(os.path.join(os.path.dirname(document), path)) if path \
                else document
            if not os.path.exists(target) or (anchor and anchor not in anchors(target)):
                found.append((os.path.relpath(document, TOP), link))
    return found
