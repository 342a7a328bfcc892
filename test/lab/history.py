"""What the load's clients asked and were told, as a history for lincheck.

The format is that of doc/protocol/history.md.
"""

import json
import os
import subprocess

LINCHECK_MAX_S = 300
EXIT_OK = 0


class History:
    """Operations as they happen: note = begin(...), then end(note, ...) when there is an answer."""

    def __init__(self):
        self.operations = []

    def begin(self, process, f, key, value, since):
        """An operation that was asked at a time; without an end its outcome stays unknown."""
        operation = {"process": process, "f": f, "key": key, "value": value, "since": since,
                     "until": None}
        self.operations.append(operation)
        return operation

    @staticmethod
    def end(operation, until):
        """It was told yes."""
        operation["until"] = until

    def read(self, process, data, keys, since, until):
        """One read of all keys is a read of each; what is not there is null."""
        for key in keys:
            self.end(self.begin(f"{process} {key}", "read", key, data.get(key), since), until)

    def events(self):
        """Events in order of time; at equal times questions come first."""
        events = []
        for operation in self.operations:
            asked = None if operation["f"] == "read" else operation["value"]
            events.append((operation["since"], 0, "invoke", asked, operation))
            if operation["until"] is not None:
                events.append((operation["until"], 1, "ok", operation["value"], operation))
        events.sort(key=lambda event: event[:2])
        return events

    def save(self, path):
        """Write the JSON lines; times are microseconds."""
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            for time, _, kind, value, operation in self.events():
                json.dump({"process": operation["process"], "type": kind, "f": operation["f"],
                           "key": operation["key"], "value": value, "time": int(time * 1e6)},
                          file)
                file.write("\n")


def lincheck(build, path):
    """(no violation, what lincheck says about the history in a file)."""
    done = subprocess.run([os.path.join(build, "sim", "lin", "lincheck"), path],
                          capture_output=True, text=True, timeout=LINCHECK_MAX_S, check=False)
    return done.returncode == EXIT_OK, (done.stdout + done.stderr).strip()
