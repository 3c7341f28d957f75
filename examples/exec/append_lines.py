#!/usr/bin/python3
"""Appends every row to FOLDER/TABLE.ndjson, each exactly once whatever is killed meanwhile.

    [output.exec:lines]
    command = /usr/local/lib/tallyd/append_lines.py /var/lib/tallyd/lines
    mode = service
    buffer = spool

Beside each file is a record of the last batch of each producer and of the file's length behind it.
It is replaced in one step, after the rows are safe on disk.  At the start a file is cut back to its
record, so what was written without it is gone, and tallyd sends it again.

One process at a time writes into FOLDER: the next waits until the one before it has ended, which
may be still writing when tallyd was killed.  A batch that has no end, since tallyd went away in the
middle of it, is not stored.
"""

import fcntl
import json
import os
import sys


def sync_folder(folder):
    """Names in a folder, too, are on disk only after this."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)


def lock_folder(folder):
    """The lock is gone when this process is, however it ends."""
    lock = open(f"{folder}/.lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"W! waits: another process writes into {folder}", file=sys.stderr, flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


class Table:
    def __init__(self, folder, name):
        self.folder = folder
        self.record_path = f"{folder}/{name}.record"
        self.file = open(f"{folder}/{name}.ndjson", "ab")
        self.record = {"length": 0, "last": {}}
        if os.path.exists(self.record_path):
            with open(self.record_path) as file:
                self.record = json.load(file)
        if os.fstat(self.file.fileno()).st_size < self.record["length"]:
            sys.exit(f"E! {self.file.name} is shorter than {self.record_path} says: rows are missing"
                     " from it.  Put it back, or remove both to begin anew.")
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
        sync_folder(self.folder)


def messages(stdin):
    """Each message with the rows that follow it, up to the first that is cut off."""
    for line in stdin:
        if not line.endswith(b"\n"):
            return
        message = json.loads(line)
        rows = [stdin.readline() for _ in range(message.get("rows", 0))]
        if not all(row.endswith(b"\n") for row in rows):
            return
        yield message, rows


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    lock = lock_folder(folder)  # held to the end
    tables = {}
    for message, rows in messages(sys.stdin.buffer):
        if message["tallyd"] != "batch":
            continue
        name = message["table"]
        if name not in tables:
            tables[name] = Table(folder, name)
        tables[name].add(message["id"], rows)
        print(json.dumps({"id": message["id"], "verdict": "done"}), flush=True)
    lock.close()


main()
