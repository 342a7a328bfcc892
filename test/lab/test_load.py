"""The checker of the drill's load: it notices what it is there to notice."""

import json
import os
import tempfile

import tap
from control import decode, encode
from flight import Flight
from history import History
from load import Load, Promises


def kinds(promises):
    return [kind for kind, _ in promises.broken]


def test_fresh_reads_pass():
    """a read may show what was acknowledged before it began, or anything newer"""
    p = Promises()
    p.seen("w1", 5, 1.0)
    p.check_read({"w1": 5}, 2.0, 2.1, "a")
    p.check_read({"w1": 6}, 2.2, 2.3, "b")
    p.seen("w1", 7, 3.0)
    p.check_read({"w1": 6}, 2.9, 3.1, "began before the acknowledgement")
    assert kinds(p) == []


def test_stale_read():
    """a read that shows less than was acknowledged before it began is stale"""
    p = Promises()
    p.seen("w1", 5, 1.0)
    p.check_read({"w1": 4}, 1.1, 1.2, "a")
    p.check_read({}, 1.1, 1.2, "a")
    assert kinds(p) == ["stale", "stale"]


def test_reads_do_not_go_back():
    """what one read has shown, a later one must show too, though nobody acknowledged it"""
    p = Promises()
    p.seen("w1", 5, 1.0)
    p.check_read({"w1": 6}, 1.1, 1.2, "a")
    p.check_read({"w1": 5}, 1.3, 1.4, "b")
    assert kinds(p) == ["stale"]


def test_lost():
    """an acknowledged write or session that is not there at the end is lost"""
    p = Promises()
    p.seen("w1", 5, 1.0)
    p.session_made("m1", "aa")
    p.check_end({"w1": 4}, [], 0, "a")
    assert kinds(p) == ["lost", "lost"]


def test_duplicate():
    """a session nobody was told of, or told to two, is a duplicate"""
    p = Promises()
    p.session_made("m1", "aa")
    p.session_made("m2", "aa")
    p.check_end({}, ["aa", "bb"], 0, "a")
    assert kinds(p) == ["duplicate", "duplicate"]


def test_answers():
    """answers of a node are understood"""
    text = ('{ok,#{active_ms => 12,data => #{<<"w1">> => 17,<<"w12">> => 3},'
            'id => <<"0123456789abcdef">>}}')
    assert Load.data_of(text) == {"w1": 17, "w12": 3}


def test_history():
    """questions and answers are written in order of time, a read of all keys as one of each"""
    history = History()
    write = history.begin("w1", "write", "w1", 7, 1.0)
    history.read("r", {"w1": 7}, ["w1", "w2"], 2.0, 3.0)
    history.begin("w2", "write", "w2", 1, 2.5)
    history.end(write, 2.0)
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "history.jsonl")
        history.save(path)
        with open(path, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
    assert [(e["process"], e["type"], e["value"], e["time"]) for e in lines] == [
        ("w1", "invoke", 7, 1000000), ("r w1", "invoke", None, 2000000),
        ("r w2", "invoke", None, 2000000), ("w1", "ok", 7, 2000000),
        ("w2", "invoke", 1, 2500000), ("r w1", "ok", 7, 3000000),
        ("r w2", "ok", None, 3000000)]


def test_frames():
    """the control socket's frames are as documented"""
    assert encode("eval", "1.") == b"\0\0\0\x10\1\1\0\4eval\0\1\0\0\0\2" b"1."
    assert decode(b"\1\2\7\0\0\0\2ok\0\0\0\1e") == (7, "ok", "e")


def test_flight():
    """flight records are read as they grow, also when the files take turns"""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "flight.log")

        def add(text):
            with open(path, "a", encoding="utf-8") as file:
                file.write(text)

        def line(boot_us):
            return json.dumps({"event": "member", "boot_us": boot_us, "up": 0}) + "\n"
        flight = Flight(directory)
        assert flight.first(0, "member") is None
        add(line(1000000) + line(2000000) + '{"event":"mem')
        assert flight.first(0, "member") == 1.0 and flight.first(1.5, "member", up=0) == 2.0
        add('ber","boot_us":3000000}\n')
        os.rename(path, os.path.join(directory, "flight.old.log"))
        add(line(4000000))
        assert flight.first(2.5, "member") == 3.0 and flight.first(3.5, "member") == 4.0


if __name__ == "__main__":
    tap.main(globals())
