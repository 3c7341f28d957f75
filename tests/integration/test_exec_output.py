"""output.exec in the real daemon: rows reach a program, each once, whatever happens to either."""

import os
import signal
import sys
from pathlib import Path

import pytest

from daemon import ROOT
from waiting import wait_for

TOTAL = 3000
SOURCE = f"""
    import json, sys, time
    hello = json.loads(sys.stdin.readline())
    at = int(hello["resume"] or 0)
    while True:
        if at < {TOTAL}:
            rows = ['{{"sensor": "s%d", "n": %d, "time": %d, "note": "a, \\\\"b\\\\" \\\\\\\\"}}' % (i % 10, i, 1700000000 + i)
                    for i in range(at, at + 10)]
            at += 10
            print("\\n".join(rows))
            print('{{"tallyd": "position", "position": "%d"}}' % at)
        time.sleep(0.002)
"""
INPUT = """
[input.exec:source]
command = {dir}/../source
mode = service
acknowledge = yes
declare = series sensors (sensor text tag, n int, note text, nothing real)
"""
SPOOL = "[buffer.spool]\nbatch_timeout = 100ms\n"
API = "[output.http_api]\nlisten = 127.0.0.1:{port}\nstore = sqlite\n[output.sqlite]\npath = {db}\nbuffer = spool\n"


@pytest.fixture
def deliver(tallyd, program):
    """deliver(sink, options) starts a daemon that collects numbered rows and gives them to it."""
    def make(sink, extra="mode = service\n", start=True):
        program(SOURCE, "source")
        path = program(sink, "sink")
        daemon = tallyd(INPUT + SPOOL + f"[output.exec:x]\ncommand = {path}\nbuffer = spool\n{extra}"
                        + API, globals="drain_timeout = 1s")  # what hangs is not waited for
        return daemon.start() if start else daemon
    return make


def numbers(path):
    """What a sink has written, a number per line."""
    return [int(x) for x in path.read_text().split()] if path.exists() else []


def metric(daemon, name, **labels):
    return daemon.metric(f"tallyd_exec_{name}_total", instance="output.exec:x", **labels)


def complete(daemon, path, seconds=60):
    daemon.wait(lambda: len(set(numbers(path))) == TOTAL, "every row has come", seconds)


# A store in a file, with the id of the last batch beside its rows, in one transaction.
STORE = """
    import json, sqlite3, sys
    db = sqlite3.connect("DIR/sink.db")
    db.execute("create table if not exists ids (id text primary key)")
    db.execute("create table if not exists rows (n int)")
    hello = json.loads(sys.stdin.readline())
    assert hello["tallyd"] == "hello" and hello["version"] == 1, hello
    for line in sys.stdin:
        message = json.loads(line)
        if message["tallyd"] == "table":
            assert [c["name"] for c in message["columns"]] == ["time", "sensor", "n", "note", "nothing"], message
            assert message["columns"][1]["role"] == "tag" and message["kind"] == "series"
        if message["tallyd"] != "batch":
            continue
        assert message["durable"] is True and message["table"] == "sensors"
        rows = [json.loads(sys.stdin.readline()) for _ in range(message["rows"])]
        assert all(r["table"] == "sensors" and r["note"] == 'a, "b" \\\\' and r["nothing"] is None for r in rows)
        with db:
            new = db.execute("insert or ignore into ids values (?)", [message["id"]]).rowcount
            if new:
                db.executemany("insert into rows values (?)", [[r["n"]] for r in rows])
        print(json.dumps({"id": message["id"], "verdict": "done"}))
"""


def kill_children(daemon):
    for task in Path(f"/proc/{daemon.process.pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            os.kill(int(child), signal.SIGKILL)


def test_killing_daemon_and_programs_loses_and_doubles_nothing(deliver, tmp_path):
    import sqlite3  # pylint: disable=import-outside-toplevel
    daemon = deliver(STORE)

    def count(what="count(*)"):
        with sqlite3.connect(tmp_path / "sink.db", timeout=10) as db:
            return db.execute(f"select {what} from rows").fetchone()[0]

    for least in (200, 700):
        daemon.wait(lambda: count() >= least, f"{least} rows have come")
        daemon.kill9()
        daemon.start()
    for least in (1200, 1700):
        daemon.wait(lambda: count() >= least, f"{least} rows have come")
        kill_children(daemon)
    daemon.wait(lambda: count("count(distinct n)") == TOTAL, "every row has come", 90)
    assert count() == TOTAL and count("sum(n)") == TOTAL * (TOTAL - 1) // 2
    daemon.wait(lambda: daemon.metric("tallyd_rows_waiting", output="output.exec:x") == 0, "all is acknowledged")
    daemon.balanced()


ONCE = """
    import json, sys
    with open("DIR/numbers", "a") as f:
        for line in sys.stdin:
            row = json.loads(line)
            if "tallyd" not in row:
                f.write("%d\\n" % row["n"])
"""


FAILS_FIRST = """
    import os, sys
    if not os.path.exists("DIR/second"):
        open("DIR/second", "w")
        sys.stdin.read()
        print("E! not today", file=sys.stderr)
        sys.exit(9)
"""


def test_a_program_may_be_started_for_each_write_and_answer_with_its_status(deliver, tmp_path):
    daemon = deliver(ONCE, "")
    complete(daemon, tmp_path / "numbers")
    assert sorted(numbers(tmp_path / "numbers")) == list(range(TOTAL))
    assert metric(daemon, "runs") >= 2 and metric(daemon, "failures") == 0
    daemon.balanced()


def test_a_status_other_than_0_is_tried_again(deliver, tmp_path):
    daemon = deliver(FAILS_FIRST + ONCE, "")
    complete(daemon, tmp_path / "numbers")
    assert sorted(numbers(tmp_path / "numbers")) == list(range(TOTAL))
    assert "the program exited with status 9" in daemon.log
    assert "stderr: not today" in daemon.log
    assert metric(daemon, "failures", reason="exit") == 1


def test_a_program_that_does_not_read_all_rows_has_not_stored_them(deliver):
    daemon = deliver("import sys\nsys.stdin.readline()\n", "mode = service\n")
    daemon.says("the program exited with status 0")
    assert daemon.metric("tallyd_rows_stored_total", output="output.exec:x") == 0
    daemon.balanced()


def test_telegrafs_execd_outputs_get_the_line_protocol(deliver, tmp_path):
    daemon = deliver("""
        import sys
        with open("DIR/lines", "a", 1) as f:
            for line in sys.stdin:
                f.write(line)
    """, "mode = service\nformat = influx\nanswers = no\n")
    lines = tmp_path / "lines"
    daemon.wait(lambda: lines.exists() and len(lines.read_text().splitlines()) == TOTAL, "every line has come", 60)
    assert lines.read_text().splitlines()[7] == (
        'sensors,sensor=s7 n=7i,note="a, \\\\"b\\\\" \\\\\\\\" 1700000007000000000'.replace("\\\\", "\\"))
    daemon.balanced()


def test_what_the_program_rejects_is_dropped_with_its_reason(deliver):
    daemon = deliver("""
        import json, sys
        for line in sys.stdin:
            message = json.loads(line)
            if message.get("tallyd") == "batch":
                print(json.dumps({"id": message["id"], "verdict": "reject", "why": "never wanted"}))
    """)
    daemon.wait(lambda: daemon.metric("tallyd_rows_dropped_total", output="output.exec:x",
                                      reason="rejected") == TOTAL, "all are dropped", 60)
    assert "never wanted" in daemon.log
    daemon.balanced()


def test_what_the_program_asks_to_retry_comes_again_under_its_id(deliver, tmp_path):
    daemon = deliver("""
        import json, sys
        seen = set()
        with open("DIR/numbers", "a", 1) as f:
            for line in sys.stdin:
                message = json.loads(line)
                if message.get("tallyd") != "batch":
                    continue
                rows = [json.loads(sys.stdin.readline()) for _ in range(message["rows"])]
                verdict = "done" if len(seen) > 1 or message["id"] in seen else "retry"
                seen.add(message["id"])
                if verdict == "done":
                    f.write("".join("%d\\n" % r["n"] for r in rows))
                print(json.dumps({"id": message["id"], "verdict": verdict, "why": "busy"}))
    """)
    complete(daemon, tmp_path / "numbers")
    assert sorted(numbers(tmp_path / "numbers")) == list(range(TOTAL))
    assert "the program asks to retry: busy" in daemon.log
    assert metric(daemon, "runs") == 1


@pytest.mark.parametrize("sink, said", [
    ("import time\ntime.sleep(1000)\n", "did not"),
    ("import sys, time\nfor line in sys.stdin:\n    pass\n", "did not answer in time"),
    ("import sys\nwhile True:\n    print('garbage' * 20)\n", "in time"),
])
def test_a_program_that_hangs_or_babbles_is_ended_and_nothing_else_waits(deliver, sink, said):
    daemon = deliver(sink, "mode = service\ntimeout = 500ms\n")
    daemon.says(said)
    daemon.wait(lambda: daemon.sql("select count(*) from sensors")[0][0] == TOTAL,
                "the other output has every row", 60)
    daemon.wait(lambda: metric(daemon, "failures", reason="timeout") >= 2, "it is tried again")
    assert daemon.metric("tallyd_rows_stored_total", output="output.exec:x") == 0
    daemon.balanced()
    daemon.stop()
    assert "Operation canceled" not in daemon.log


def test_the_example_writes_each_row_once(deliver, tmp_path):
    daemon = deliver("", start=False)
    text = (daemon.dir / "tallyd.conf").read_text()
    sink = tmp_path / "sink"
    (daemon.dir / "tallyd.conf").write_text(text.replace(
        f"command = {sink}\n", f"command = {sys.executable} {ROOT}/examples/exec/append_lines.py {tmp_path}/out\n"))
    daemon.start()

    def lines():
        path = tmp_path / "out" / "sensors.ndjson"
        return path.read_text().splitlines() if path.exists() else []

    daemon.wait(lambda: len(lines()) > 500, "rows have come")
    daemon.kill9()
    daemon.start()
    daemon.wait(lambda: len(lines()) > 1500, "rows have come")
    kill_children(daemon)
    daemon.wait(lambda: len(lines()) >= TOTAL and daemon.metric(
        "tallyd_rows_waiting", output="output.exec:x") == 0, "every row has come", 60)
    assert len(lines()) == TOTAL == len(set(lines()))
    wait_for(lambda: metric(daemon, "refused_lines") == 0, 5)
