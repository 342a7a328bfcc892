"""doc/reference/errors.md is true: each example there is answered as it says, and none is missing.

    node 1          A cluster of one: what the state refuses does not depend on how many there are.
"""

import os
import re

import tap
from stalls import premise, steady
from test_state import State

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PRELUDE = ("{ok, S} = erlmcp_session:create(x), "
           "{ok, H} = erlmcp_handle:mint(v, #{principal => <<\"alice\">>}), "
           "{ok, T, E} = erlmcp_task:create(t, []), ")


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as file:
        return file.read()


def rows(columns):
    """The rows of the tables with so many columns, without the marks around each cell."""
    for line in read("doc", "reference", "errors.md").splitlines():
        cells = [cell.strip().strip("`").replace("\\|", "|")
                 for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == columns and line.startswith("| `"):
            yield cells


def evaluate(node, expression):
    done = node.run("erlmcp", "eval", PRELUDE + expression + ".")
    return " ".join((done.stdout + done.stderr).split())


def is_there(example):
    """FILE: TEST, or FILE, of the state's unit tests."""
    file, _, name = example.partition(": ")
    return f"TEST({name}" in read("test", "unit", "session", file)


def test_no_error_is_missing():
    """every result that the state can give is in the table, once"""
    known = re.findall(r"^\tX\((\w+), \d+, \w+, ", read("src", "session", "store.h"), re.MULTILINE)
    listed = [row[0] for row in rows(5)]
    assert known[0] == "OK" and sorted(known[1:]) == sorted(listed), set(known) ^ set(listed)


def test_errors_are_as_written():
    """each example is answered as the table says; the others are shown by unit tests"""
    wrong = []
    shown = 0
    with State(1) as c:
        for result, answer, _when, _remedy, example in rows(5):
            if example.startswith("test_"):
                assert is_there(example), f"{result}: {example}"
            elif not example.startswith("none: "):
                said = evaluate(c.nodes[0], example)
                want = re.sub(r"\bN\b", r"\\d+", re.escape(answer))
                if not re.fullmatch(want, said):
                    wrong.append(f"{result}: {example}: {said} and not {answer}")
                shown += 1
        for call, answer in rows(2):
            said = evaluate(c.nodes[0], call)
            if answer not in said:
                wrong.append(f"{call}: {said} and not {answer}")
        assert not wrong, "\n".join(wrong)
        assert shown > 20
        print(f"# {shown} errors seen through the API")


@steady
def test_expired_handle():
    """a handle that has expired is not found, whoever asks"""
    with State(1) as c:
        handle = c.made(1, "erlmcp_handle:mint(x, #{ttl_ms => 1000, principal => alice})")
        said = c.ask(1, f"erlmcp_handle:put({handle}, y, #{{principal => eve}})")
        assert said in ("{error,foreign}", "{error,not_found}"), said
        premise(said == "{error,foreign}", said)  # it has not expired yet
        c.pass_time(6)  # asking for it would keep it alive
        assert c.ask(1, f"erlmcp_handle:get({handle}, #{{principal => alice}})") == \
            "{error,not_found}"
        assert c.ask(1, f"erlmcp_handle:put({handle}, y, #{{principal => alice}})") == \
            "{error,not_found}"


if __name__ == "__main__":
    tap.main(globals())
