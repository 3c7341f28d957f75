"""Programs on both sides and a daemon that is killed at the worst instant, without a key anywhere that would hide it."""

import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import termios
import textwrap
from pathlib import Path

import pytest

from daemon import ROOT
from waiting import wait_for

APPEND = f"{sys.executable} {ROOT}/examples/exec/append_lines.py"
INPUT = """
[input.exec:source]
command = {source}
mode = service
acknowledge = yes
declare = series sensors (sensor text tag, n int, note text)
"""
API = "[output.http_api]\nlisten = 127.0.0.1:{port}\nstore = sqlite\n[output.sqlite]\npath = {db}\nbuffer = spool\n"


@pytest.fixture
def deliver(tallyd, tmp_path):
    """deliver(source, command, extra) starts a daemon between a program and append_lines.py, behind a spool."""
    def make(path, command=f"{APPEND} {{out}}", extra="", inputs=INPUT):
        daemon = tallyd(inputs.replace("{source}", str(path)) + "[buffer.spool]\nbatch_timeout = 50ms\n"
                        f"[output.exec:lines]\ncommand = {command}\nmode = service\nbuffer = spool\n{extra}"
                        .replace("{out}", str(tmp_path / "out")) + API, globals="drain_timeout = 1s")
        return daemon.start()
    return make


def lines(tmp_path, table="sensors"):
    path = tmp_path / "out" / f"{table}.ndjson"
    return [json.loads(x)["n"] for x in path.read_text().splitlines()] if path.exists() else []


def taken(daemon):
    return daemon.metric("tallyd_exec_lines_total", instance="input.exec:source")


# ---- Rows and their position

# Gives ten rows, and their position only when it is allowed to.
HESITATES = """
    import json, os, sys, time
    hello = json.loads(sys.stdin.readline())
    at = int(hello["resume"] or 0)
    while at < 30:
        for i in range(at, at + 10):
            print('{"sensor": "s", "n": %d, "time": %d}' % (i, 1700000000 + i))
        at += 10
        while not os.path.exists("DIR/go%d" % at):
            time.sleep(0.01)
        print('{"tallyd": "position", "position": "%d"}' % at)
    time.sleep(1000)
"""


def test_a_kill_between_rows_and_their_position_doubles_nothing(deliver, program, tmp_path):
    daemon = deliver(program(HESITATES))
    for at in (10, 20, 30):
        daemon.wait(lambda: taken(daemon) >= 10, "the rows have been read")
        daemon.kill9()
        daemon.start()
        (tmp_path / f"go{at}").touch()
        daemon.wait(lambda: len(lines(tmp_path)) >= at, f"{at} rows are stored")
    assert lines(tmp_path) == list(range(30))
    daemon.balanced()


def test_a_program_killed_between_rows_and_their_position_doubles_nothing(deliver, program, tmp_path):
    (tmp_path / "go10").touch()
    daemon = deliver(program("open('DIR/pid', 'w').write(str(__import__('os').getpid()))\n" + textwrap.dedent(HESITATES)))
    daemon.wait(lambda: taken(daemon) >= 21, "the rows behind the first position have been read")
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    daemon.says("rows behind its last position are not taken (10)")
    for at in (20, 30):
        (tmp_path / f"go{at}").touch()
    daemon.wait(lambda: len(lines(tmp_path)) >= 30, "all rows are stored")
    assert lines(tmp_path) == list(range(30))
    daemon.balanced()


def test_kills_at_any_instant_double_nothing_where_no_key_would_hide_it(deliver, program, tmp_path):
    daemon = deliver(program("""
        import json, sys, time
        hello = json.loads(sys.stdin.readline())
        at = int(hello["resume"] or 0)
        while at < 3000:
            for i in range(at, at + 10):
                print('{"sensor": "s", "n": %d, "time": %d}' % (i, 1700000000 + i))
                time.sleep(0.0005)
            at += 10
            print('{"tallyd": "position", "position": "%d"}' % at)
        time.sleep(1000)
    """))
    for least in (300, 700, 1100, 1600, 2100):
        daemon.wait(lambda: len(lines(tmp_path)) >= least, f"{least} rows are stored")
        daemon.kill9()
        daemon.start()
    daemon.wait(lambda: len(lines(tmp_path)) >= 3000, "all rows are stored", 60)
    assert lines(tmp_path) == list(range(3000))


# ---- append_lines.py

# One batch that is far larger than a pipe.
LARGE = """
    import json, sys, time
    hello = json.loads(sys.stdin.readline())
    if not hello["resume"]:
        for i in range(900):
            print('{"sensor": "s", "n": %d, "time": %d, "note": "%s"}' % (i, 1700000000 + i, "x" * 300))
        print('{"tallyd": "position", "position": "900"}')
    time.sleep(1000)
"""


def unread(pid):
    """Bytes in the pipe that is a process's stdin."""
    fd = os.open(f"/proc/{pid}/fd/0", os.O_RDONLY | os.O_NONBLOCK)
    try:
        return struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"))[0]
    finally:
        os.close(fd)


def test_a_batch_cut_off_by_a_kill_of_the_daemon_is_stored_whole_later(deliver, program, tmp_path):
    # The shell dies with the daemon; what it has started lives on, and reads up to the end of the pipe.
    path = program("sh -c 'echo $$ > DIR/pid.new; mv DIR/pid.new DIR/pid; i=0;"
                   " while [ ! -e DIR/go ] && [ $((i += 1)) -lt 6000 ]; do sleep 0.01; done;"
                   f" exec {APPEND} DIR/out'\ntrue\n", "sink", "/bin/sh")
    daemon = deliver(program(LARGE), str(path))
    daemon.wait((tmp_path / "pid").exists, "the program is there")
    pid = int((tmp_path / "pid").read_text())
    daemon.wait(lambda: unread(pid) > 60000, "a part of the batch is in its pipe")
    daemon.kill9()
    (tmp_path / "go").touch()
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), 20, "it has read what there was")
    assert not lines(tmp_path)
    daemon.start()
    daemon.wait(lambda: len(lines(tmp_path)) >= 900, "the batch is stored")
    assert lines(tmp_path) == list(range(900))


class Writer:
    """append_lines.py without a daemon."""

    def __init__(self, folder):
        self.said = folder.parent / f"said{len(list(folder.parent.iterdir()))}"
        with open(self.said, "w") as said:
            self.process = subprocess.Popen([*APPEND.split(), folder], text=True, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=said)

    def give(self, number, *rows, cut=""):
        self.process.stdin.write(json.dumps({"tallyd": "batch", "id": f"p/{number}", "table": "sensors",
                                             "rows": len(rows) + bool(cut)}) + "\n")
        self.process.stdin.write("".join(json.dumps({"n": n}) + "\n" for n in rows) + cut)
        self.process.stdin.flush()

    def answer(self):
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        return self.process.wait(20)


def test_the_next_writer_waits_until_the_one_before_it_has_ended(tmp_path):
    first, second = Writer(tmp_path / "out"), None
    try:
        first.give(1, 1, 2)
        assert first.answer() == {"id": "p/1", "verdict": "done"}
        second = Writer(tmp_path / "out")
        second.give(2, 3, 4)  # tallyd does not know that the first one has it
        wait_for(lambda: "another process writes into" in second.said.read_text(), 20, "it waits")
        first.give(2, 3, 4)
        assert first.answer()["id"] == "p/2"
        assert first.end() == 0
        assert second.answer()["id"] == "p/2"
        second.give(3, 5)
        assert second.answer()["id"] == "p/3"
        assert second.end() == 0
    finally:
        for writer in (first, second):
            if writer:
                writer.process.kill()
                writer.process.wait()
    assert lines(tmp_path) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("cut", ['{"n": 3}', '{"n"'])
def test_a_batch_without_an_end_is_not_stored(tmp_path, cut):
    writer = Writer(tmp_path / "out")
    writer.give(1, 1)
    writer.give(2, 2, cut=cut)
    assert writer.end() == 0
    assert writer.process.stdout.read() == '{"id": "p/1", "verdict": "done"}\n'
    assert lines(tmp_path) == [1]


def test_a_file_that_was_cut_short_is_not_filled_up_with_nothing(tmp_path):
    writer = Writer(tmp_path / "out")
    writer.give(1, 1, 2)
    writer.answer()
    writer.end()
    (tmp_path / "out" / "sensors.ndjson").write_text("")
    writer = Writer(tmp_path / "out")
    writer.give(2, 3)
    assert writer.end() == 1
    assert "is shorter than" in writer.said.read_text()
    assert (tmp_path / "out" / "sensors.ndjson").read_text() == ""
