"""What the fault tests share: a daemon that counts into a spool and from there into SQLite and
PostgreSQL, the balance, and the proof.

An input `counter` emits 1, 2, 3 … with the position to resume from, which the spool keeps with the
rows.  So what was emitted stands in the spool's file, and what each store must have is exactly that.
"""

import sqlite3
from contextlib import closing

from waiting import wait_for


def counter(name="counter", rows=50, interval="100ms", more=""):
    return f"""
[input.{name}]
interval = {interval}
rows = {rows}
control = {{dir}}/{name}.control
{more}
"""


def spool(more=""):
    return f"[buffer.spool]\nbatch_timeout = 50ms\n{more}\n"


BATCH = "[buffer.batch]\nbatch_timeout = 50ms\n"


def timescale(conninfo, more=""):
    return f"[output.timescale]\nbuffer = spool\nconninfo = {conninfo}\n{more}\n"


SQLITE = """
[output.sqlite]
buffer = spool
path = {db}
"""
API = """
[output.http_api]
listen = 127.0.0.1:{port}
store = sqlite
"""


# ---- Counting

STORED = "select instance, count(*), count(distinct n), max(n) from counter group by instance"


def in_sqlite(d):
    """{input: (rows, different numbers, highest number)}"""
    try:
        return {name: tuple(counts) for name, *counts in d.sql(STORED)}
    except sqlite3.OperationalError:
        return {}  # not yet made


def in_postgres(server, database):
    try:
        return {name: tuple(map(int, counts)) for name, *counts in server.sql(STORED, database)}
    except RuntimeError:
        return {}


def rows(found):
    return sum(counts[0] for counts in found.values())


def emitted(d, name="spool-spool"):
    """The same, of what the inputs were told is safe; of a daemon that is stopped."""
    with closing(sqlite3.connect(d.state_dir / name)) as db:
        return {source: (int(position),) * 3
                for source, position in db.execute("select source, position from position")}


def left(d, name="spool-spool"):
    """Rows that still wait in the spool; of a daemon that is stopped."""
    with closing(sqlite3.connect(d.state_dir / name)) as db:
        return db.execute("select coalesce(sum(rows), 0) from entry where sequence > "
                          "(select min(settled) from reader)").fetchone()[0]


# ---- The balance


def dropped(line):
    return sum(line["dropped"].values())


def wrong_in_pipeline(d):
    """What does not add up in /api/v1/pipeline; empty when each row is accounted for."""
    answer, wrong = d.json("/api/v1/pipeline"), []
    for line in answer["outputs"]:
        if line["routed"] != line["stored"] + line["waiting"] + dropped(line):
            wrong.append(f"it does not add up: {line}")
    for line in answer["inputs"]:
        if dropped(line) > line["collected"]:
            wrong.append(f"more dropped than collected: {line}")
    return wrong


def balanced(d):
    """In every answer, not just in the end; and memory is bounded, also under a sanitizer."""
    for _ in range(3):
        assert wrong_in_pipeline(d) == []
        assert d.imbalances() == []
    assert d.rss < 700 << 20


def all_routed(d, *outputs):
    """Each row that any input collected in this life is one that each of these outputs got."""
    def equal():
        answer = d.json("/api/v1/pipeline")
        for line in answer["inputs"]:
            assert dropped(line) == 0, line
        collected = sum(line["collected"] for line in answer["inputs"])
        for output in outputs:
            assert collected == sum(line["routed"] for line in answer["outputs"]
                                    if line["output"] == output), answer
        return True

    wait_for(equal, 10, "each row collected was routed")


def drained(d, output):
    """Waits until the inputs, which were told to fail, emit no more and this output has it all."""
    d.wait(lambda: d.metric("tallyd_rows_waiting", output=output) == 0, f"{output} has it all", 60)
