"""What a disk may hold when the power goes: disk_shim.c's log, replayed up to any instant.

What was flushed is there.  Of what was not, each write of a file may be there, not be there, or be torn
at a sector, whatever the others are; names come, go and change in order, but only up to some one of them.
"""

import struct

RECORD = struct.Struct("=6Q")
SECTOR = 512


class File:
    def __init__(self):
        self.flushed = bytearray()
        self.pending = []  # (offset, bytes), or (size, None)

    def flush(self):
        for change in self.pending:
            apply(self.flushed, *change)
        self.pending = []

    def content(self, chance, random):
        found = bytearray(self.flushed)
        for offset, data in self.pending:
            if random.random() >= chance:
                continue
            if data is not None and 0 < chance < 1 and random.random() < 0.25:
                data = data[:random.randrange(0, len(data) + 1, SECTOR)]
            apply(found, offset, data)
        return found


def apply(content, offset, data):
    if data is None:
        del content[offset:]
        content.extend(bytes(offset - len(content)))
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset:offset + len(data)] = data


class Disk:
    """One folder; step() takes one record after the other."""

    def __init__(self, folder, log):
        self.folder, self.log, self.at = folder.stat().st_ino, log, 0
        self.files = {}  # by inode
        self.names, self.flushed, self.pending = {}, {}, []

    def step(self):
        """False: there is no more."""
        if self.at + RECORD.size > len(self.log):
            return False
        kind, inode, offset, n, *lens = RECORD.unpack_from(self.log, self.at)
        self.at += RECORD.size
        parts = []
        for part in (*lens, n if chr(kind) == "w" else 0):
            parts.append(self.log[self.at:self.at + part])
            self.at += part
        self.change(chr(kind), inode, offset, n, *parts)
        return True

    def change(self, kind, inode, offset, how, name, other, data):
        name, other = name.decode(), other.decode()
        if kind == "o":
            if how == 1 or inode not in self.files:
                self.files[inode] = File()
                self.rename({name: self.files[inode]})
            elif how == 2:
                self.files[inode].pending.append((0, None))
        elif kind == "r":
            self.rename({other: self.names.get(name), name: None})
        elif kind == "u":
            self.rename({name: None})
        elif kind == "s" and inode == self.folder:
            self.flushed, self.pending = dict(self.names), []
        elif inode not in self.files:
            pass
        elif kind == "s":
            self.files[inode].flush()
        else:
            self.files[inode].pending.append((offset, data if kind == "w" else None))

    def rename(self, names):
        self.pending.append(names)
        merge(self.names, names)

    def cut(self, folder, chance, random):
        """Puts into a folder what is there after the power has gone now."""
        names = dict(self.flushed)
        n = len(self.pending)
        for change in self.pending[:round(n * chance) if chance in (0, 1) else random.randint(0, n)]:
            merge(names, change)
        for name, file in names.items():
            if not name.endswith("-shm"):  # made anew by whoever opens the database first
                (folder / name).write_bytes(file.content(chance, random))


def merge(names, changes):
    for name, file in changes.items():
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file
