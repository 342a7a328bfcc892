"""Reads a node's flight recorder: what it decided, and when, on the clock that all nodes share."""

import bisect
import json
import os


class Flight:
    """The records of one node, read on as they are written."""

    def __init__(self, data_directory):
        self.path = os.path.join(data_directory, "flight.log")
        self.old_path = os.path.join(data_directory, "flight.old.log")
        self.records = []
        self.inode = None
        self.offset = 0

    def refresh(self):
        """Take in what was written since the last time."""
        try:
            inode = os.stat(self.path).st_ino
        except FileNotFoundError:
            return
        if self.inode not in (None, inode):
            # The two files took turns: the rest of the one we know is in the older one.
            self.take(self.old_path)
            self.offset = 0
        self.inode = inode
        self.take(self.path)

    def take(self, path):
        try:
            with open(path, "rb") as file:
                file.seek(self.offset)
                text = file.read()
        except FileNotFoundError:
            return
        whole = text.rfind(b"\n") + 1  # a line may be in the middle of being written
        self.offset += whole
        for line in text[:whole].splitlines():
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                continue  # cut short by a kill
            record["at"] = record["boot_us"] / 1e6
            self.records.append(record)

    def first(self, since, event, **fields):
        """Time of the first such record from a time on (seconds of CLOCK_BOOTTIME), or None."""
        self.refresh()
        start = bisect.bisect_left(self.records, since, key=lambda record: record["at"])
        for record in self.records[start:]:
            if record["event"] == event and all(record.get(k) == v for k, v in fields.items()):
                return record["at"]
        return None


def earliest(times):
    """The least of some times that may be missing, or None."""
    return min((time for time in times if time is not None), default=None)
