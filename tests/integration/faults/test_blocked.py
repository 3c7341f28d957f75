"""A buffer that accepts no rows: everything says so, and only its own output has to do without."""

import signal
import sqlite3
import subprocess
from contextlib import closing

import pytest

from counting import numbers, tell, unbroken

COUNTER = """\
[input.counter]
interval = 100ms
control = {dir}/counter.control
"""
SPOOLED = """\
[buffer.spool]
path = {dir}/small/spool
batch_timeout = 50ms
[output.recorder]
path = {dir}/recorded
control = {dir}/recorder.control
buffer = spool
"""
API = """\
[buffer.batch]
batch_timeout = 50ms
[output.sqlite]
path = {dir}/store.db
[output.http_api]
listen = 127.0.0.1:{port}
store = sqlite
"""
# Nothing but the spool's rows are stored there.
ASIDE = API.replace("[output.sqlite]", "[output.sqlite]\ntables = !*")


@pytest.fixture
def small(tmp_path):
    """Makes a daemon whose folder `small` is a file system of 8 MiB, and fills that."""
    mounted = []

    class Small:
        def __init__(self, daemon):
            self.folder = daemon.dir / "small"
            self.folder.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tallyd-test", self.folder],
                           check=True)
            mounted.append(self.folder)

        def fill(self):
            with open(self.folder / "ballast", "ab", buffering=0) as file:
                for size in (1 << 16, 4096, 1):
                    try:
                        while True:
                            file.write(b"\0" * size)
                    except OSError:
                        pass

        def free(self):
            (self.folder / "ballast").unlink()

    yield Small
    for folder in mounted:
        subprocess.run(["umount", "-l", folder], check=True)


def complete(found):
    """1, 2, 3 … without a gap, in any order, perhaps more than once."""
    return set(found) == set(range(1, max(found, default=0) + 1))


def blocked(daemon, **labels):
    return daemon.metric("tallyd_input_blocked", **labels) == 1


def test_a_full_disk_under_the_spool_is_a_state_that_everything_shows(tallyd, small):
    d = tallyd(COUNTER + "rows = 500\n" + SPOOLED + ASIDE)
    disk = small(d)
    tell(d, "recorder", "fail")
    d.start(ready="/readyz")
    d.wait(lambda: d.metric("tallyd_rows_collected_total") > 0, "rows come")
    assert not blocked(d) and d.metric("tallyd_input_blocked_since_seconds") == 0
    disk.fill()
    d.wait(lambda: blocked(d, input="input.counter", buffer="buffer.spool"), "it is blocked", 60)
    assert d.metric("tallyd_buffer_blocked", buffer="buffer.spool") == 1
    assert d.metric("tallyd_input_blocked_since_seconds") > 1.7e9
    ready = d.get("/readyz")
    assert ready.status == 503 and "input.counter has waited since 20" in ready.json["detail"]
    assert "buffer.spool" in ready.json["detail"]
    skipped = d.metric("tallyd_gathers_skipped_total", input="input.counter")
    d.wait(lambda: d.metric("tallyd_gathers_skipped_total", input="input.counter") > skipped,
           "ticks are counted while they pass")
    assert "input.counter: waits for buffer.spool to accept its rows, since 20" in d.log
    assert "disk is full" in d.log
    d.process.send_signal(signal.SIGUSR1)
    d.says("input.counter: status: blocked since 20")
    d.says("buffer.spool: status: accepts no rows since 20")
    d.balanced()
    disk.free()
    tell(d, "recorder", "")
    d.wait(lambda: not blocked(d), "it goes on", 60)
    d.says("input.counter: resumes after waiting")
    d.wait(lambda: d.get("/readyz").status == 200, "ready again")
    d.wait(lambda: d.metric("tallyd_rows_waiting", output="output.recorder") <= 500, "all is written", 60)
    d.balanced()
    assert d.metric("tallyd_rows_dropped_total") == 0
    assert "raise interval" not in d.log
    d.stop()
    assert unbroken(numbers(d))


def test_an_empty_spool_passes_rows_on_a_full_disk(tallyd, small):
    d = tallyd(COUNTER + "rows = 100\n" + SPOOLED + ASIDE)
    disk = small(d)
    d.start(ready="/readyz")
    disk.fill()
    stored = d.metric("tallyd_rows_stored_total", output="output.recorder")
    d.wait(lambda: d.metric("tallyd_rows_stored_total", output="output.recorder") > stored + 3000,
           "rows pass", 60)
    assert not blocked(d) and d.metric("tallyd_rows_dropped_total") == 0
    d.balanced()
    d.stop()
    assert unbroken(numbers(d))


def test_an_output_with_a_buffer_of_its_own_goes_on_when_the_disk_of_another_is_full(tallyd, small):
    """Also: what is followed is read again for the buffer that was blocked, once it takes rows."""
    d = tallyd(COUNTER + "rows = 100\n" + SPOOLED + API)
    disk = small(d)
    tell(d, "recorder", "fail")
    d.start(ready="/readyz")
    d.wait(lambda: d.metric("tallyd_rows_collected_total") > 0, "rows come")
    disk.fill()
    d.wait(lambda: d.metric("tallyd_buffer_blocked", buffer="buffer.spool") == 1, "it is blocked", 60)
    stored = d.metric("tallyd_rows_stored_total", output="output.sqlite")
    d.wait(lambda: d.metric("tallyd_rows_stored_total", output="output.sqlite") > stored + 3000,
           "the other goes on", 60)
    assert not blocked(d) and d.get("/readyz").status == 200
    disk.free()
    tell(d, "recorder", "")
    d.says("input.counter: restarts from the last position", 60)
    d.wait(lambda: d.metric("tallyd_buffer_blocked") == 0, "it accepts rows again")
    d.wait(lambda: complete(numbers(d)), "no row is missing", 90)
    assert d.metric("tallyd_rows_dropped_total") == 0
    d.balanced()
    d.stop()
    with closing(sqlite3.connect(d.dir / "store.db")) as db:  # where they came twice
        assert complete([n for n, in db.execute("select n from counter")])
        assert not list(db.execute("select n from counter group by n having count(distinct time) > 2"))


def test_readings_that_a_blocked_buffer_missed_are_counted_at_its_output_alone(tallyd, small):
    d = tallyd(COUNTER + "rows = 100\npositions = no\n" + SPOOLED + API)
    disk = small(d)
    tell(d, "recorder", "fail")
    d.start(ready="/readyz")
    assert d.metric("tallyd_rows_dropped_total", output="output.recorder", reason="blocked") == 0
    disk.fill()
    d.wait(lambda: d.metric("tallyd_rows_dropped_total", output="output.recorder",
                            reason="blocked") > 500, "what it misses is counted", 60)
    assert d.metric("tallyd_rows_dropped_total", output="output.sqlite") == 0
    d.balanced()
    disk.free()
    tell(d, "recorder", "")
    d.wait(lambda: d.metric("tallyd_buffer_blocked") == 0, "it accepts rows again")
    d.wait(lambda: d.metric("tallyd_rows_waiting", output="output.recorder") < 300, "written", 60)
    assert "restarts from the last" not in d.log
    d.balanced()
    d.stop()
