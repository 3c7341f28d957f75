#!/usr/bin/python3
"""Appends every row to FOLDER/TABLE.ndjson, each exactly once whatever is killed meanwhile.

    [output.exec:lines]
    command = /usr/local/lib/tallyd/append_lines.py /var/lib/tallyd/lines
    mode = service
    buffer = spool

Beside each file is a record of the last batch of each producer and of the file's length behind it.
It is replaced in one step, after the rows are safe on disk.  At the start a file is cut back to its
record, so what was written without it is gone, and tallyd sends it again.
"""

import json
import os
import sys


class Table:
    def __init__(self, folder, name):
        self.record_path = f"{folder}/{name}.record"
        self.file = open(f"{folder}/{name}.ndjson", "ab")
        self.record = {"length": 0, "last": {}}
        if os.path.exists(self.record_path):
            with open(self.record_path) as file:
                self.record = json.load(file)
        self.file.truncate(self.record["length"])

    def add(self, batch, rows):
        """Numbers of one producer only grow, so an older one has been stored."""
        producer, _, number = batch.rpartition("/")
        if int(number) <= self.record["last"].get(producer, 0):
            return
        self.file.seek(0, os.SEEK_END)
        self.file.writelines(rows)
        self.file.flush()
        os.fsync(self.file.fileno())
        self.record["last"][producer] = int(number)
        self.record["length"] = self.file.tell()
        with open(self.record_path + ".new", "w") as file:
            json.dump(self.record, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.record_path + ".new", self.record_path)


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    tables = {}
    for line in sys.stdin.buffer:
        message = json.loads(line)
        if message["tallyd"] != "batch":
            continue
        rows = [sys.stdin.buffer.readline() for _ in range(message["rows"])]
        name = message["table"]
        if name not in tables:
            tables[name] = Table(folder, name)
        tables[name].add(message["id"], rows)
        print(json.dumps({"id": message["id"], "verdict": "done"}), flush=True)


main()
