"""The tables of doc/safety.md, made of doc/safety.txt, and a check that nothing in them is made up.

  safety.py --write   puts the tables into doc/safety.md
  safety.py --check   fails when a name no longer exists, or the tables are out of date

Names are looked up where they live: functions and tests in their files, checkers in sim/check.h,
invariants in doc/model, planted bugs in test/mutants, quoted words in their document. And the other
way round: each checker, each planted bug and each promise in bold of the README must be in a table.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = ROOT / "doc" / "safety.txt"
DOCUMENT = ROOT / "doc" / "safety.md"
BEGIN, END = "<!-- safety:begin -->", "<!-- safety:end -->"
WORDS = ("promise", "said", "kept-by", "checker", "test", "mutant")
NEEDED = ("said", "kept-by", "checker", "test")
QUOTE = re.compile(r'^(\S+) "(.+)"$')
RUNNER_CHECKERS = {"crash"}  # the runner's own, not in the map


def read(path):
    return (ROOT / path).read_text() if (ROOT / path).is_file() else None


def flat(text):
    """Without what Markdown breaks lines and marks words with."""
    return re.sub(r"\s+", " ", text.replace("**", ""))


class Promise:
    def __init__(self, section, words, line):
        self.section = section
        self.line = line
        self.words = {word: [] for word in WORDS}
        self.words["promise"].append(words)

    @property
    def name(self):
        return self.words["promise"][0]

    def __getitem__(self, word):
        return self.words[word]


def parse(text):
    promises, section, word = [], None, None
    for at, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("- ") and word and promises:
            promises[-1][word].append(line[2:].strip())
            continue
        word, colon, value = (part.strip() for part in line.partition(":"))
        if word == "section":
            section = value
        elif word == "promise" and section:
            promises.append(Promise(section, value, at))
        elif colon and word in WORDS and promises:
            promises[-1][word].append(value)
        else:
            sys.exit(f"{SOURCE.name}:{at}: not understood: {line}")
    return promises


# Each of these says what is wrong with one name; None: it exists.

def wrong_quote(said):
    quote = QUOTE.match(said)
    if quote is None:
        return None if re.match(r"^RB-\d+ ", said) else "neither a quotation nor a runbook's step"
    name = "README.md" if quote[1] == "README" else quote[1]
    text = read(name)
    if text is None:
        return "no such document"
    return None if flat(quote[2]) in flat(text) else f"these words are not in {name}"


def wrong_function(kept):
    path, _, function = kept.partition(" ")
    text = read(path)
    if text is None:
        return "no such file"
    defined = re.search(rf"^\w[^;\n]*\b{re.escape(function)}\([^;]*?\)\n{{", text, re.MULTILINE)
    return None if function and defined else "no such function"


def known_checkers():
    return set(re.findall(r'^\s*X\(\w+, "([a-z-]+)"', read("sim/check.h"), re.MULTILINE))


def wrong_checker(name, checkers=frozenset(known_checkers()) | RUNNER_CHECKERS):
    kind, _, invariant = name.partition(" ")
    if kind != "model":
        return None if name in checkers else "no such checker"
    models = "".join(path.read_text() for path in sorted((ROOT / "doc/model").glob("*.pml")))
    return None if f"/* {invariant} */" in models else "no such invariant"


def wrong_test(test):
    path, _, case = test.partition(" ")
    text = read(path)
    if text is None:
        return "no such file"
    if path.endswith(".plan"):
        kept = read("test/sim/meson.build")
        return None if f"'{pathlib.Path(path).stem}'" in kept else "not among the kept schedules"
    if path.endswith(".py"):
        return None if f"\ndef {case}(" in text else "no such case"
    listed = re.search(rf"cmocka_unit_test\(\s*{case}\)", text)
    return None if f"TEST({case})" in text and listed else "no such case, or it is not run"


def wrong_mutant(name):
    return None if (ROOT / "test" / "mutants" / f"{name}.patch").is_file() else "no such patch"


LOOK_UP = {"said": wrong_quote, "kept-by": wrong_function, "checker": wrong_checker,
           "test": wrong_test, "mutant": wrong_mutant}


def left_out(promises):
    """What exists and is in no table."""
    used = {word: {name for p in promises for name in p[word]} for word in WORDS}
    for checker in sorted(known_checkers() - used["checker"]):
        yield f"the checker {checker} guards no promise"
    for patch in sorted((ROOT / "test" / "mutants").glob("*.patch")):
        if patch.stem not in used["mutant"]:
            yield f"the planted bug {patch.stem} breaks no promise"
    quoted = [flat(m[2]) for m in map(QUOTE.match, used["said"]) if m and m[1] == "README"]
    for bold in re.findall(r"^\* \*\*(.+?)\*\*", read("README.md"), re.MULTILINE):
        if not any(flat(bold) in words for words in quoted):
            yield f'README promises "{bold}", and no table does'


def complaints(promises):
    for p in promises:
        for word in NEEDED:
            if not p[word]:
                yield f"{SOURCE.name}:{p.line}: {p.name}: no {word}"
        for word, wrong in LOOK_UP.items():
            for name in p[word]:
                why = wrong(name)
                if why is not None:
                    yield f"{SOURCE.name}:{p.line}: {p.name}: {word} {name}: {why}"
    yield from left_out(promises)


def cell_said(said):
    quote = QUOTE.match(said)
    return said if quote is None else quote[1].rsplit("/", maxsplit=1)[-1]


def cell_function(kept):
    path, _, function = kept.partition(" ")
    return f"`{function}()` in {path.removeprefix('src/')}"


def cell_checker(name):
    return f"{name.partition(' ')[2]} (model)" if name.startswith("model ") else name


def cell_test(test):
    path, _, case = test.partition(" ")
    if path.endswith(".plan"):
        return f"kept: {pathlib.Path(path).stem}"
    name = pathlib.Path(path).name
    return f"{name}: {case.removeprefix('test_').replace('_', ' ')}"


CELLS = (("said", cell_said), ("kept-by", cell_function), ("checker", cell_checker),
         ("test", cell_test), ("mutant", str))


def tables(promises):
    lines, section = [], None
    for p in promises:
        if p.section != section:
            section = p.section
            lines += ["", f"### {section}", "",
                      "| promise | said in | kept by | checkers | tests | planted bugs |",
                      "|---|---|---|---|---|---|"]
        cells = ["<br>".join(dict.fromkeys(map(show, p[word]))) for word, show in CELLS]
        lines.append(f"| {p.name} | " + " | ".join(cell or "none" for cell in cells) + " |")
    count = {word: len({name for p in promises for name in p[word]}) for word in WORDS}
    lines += ["", f"{len(promises)} promises, {count['kept-by']} functions that keep them, "
              f"{count['checker']} checkers and invariants, {count['test']} tests and "
              f"{count['mutant']} planted bugs."]
    return "\n".join(lines)


def fill(old, text):
    if BEGIN not in old or END not in old:
        sys.exit(f"{DOCUMENT.name}: no {BEGIN} and {END}")
    head, rest = old.split(BEGIN, 1)
    return f"{head}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}"


def main():
    if sys.argv[1:] not in (["--write"], ["--check"]):
        sys.exit(__doc__)
    promises = parse(SOURCE.read_text())
    bad = list(complaints(promises))
    old = DOCUMENT.read_text()
    new = fill(old, tables(promises))
    if sys.argv[1] == "--write":
        DOCUMENT.write_text(new)
    elif new != old:
        bad.append(f"{DOCUMENT.name} is out of date: python3 tools/safety.py --write")
    for line in bad:
        print(line)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
