"""Two plugins that do as they are told: counter emits 1, 2, 3 …; recorder writes down what it gets.

So a test can say to the row what arrived, what is missing and what came twice.
"""

import json
import signal

import pytest

COUNTER = """
[input.counter]
interval = 100ms
rows = 10
control = {dir}/counter.control
"""
BATCH = """
[buffer.batch]
batch_timeout = 100ms
"""
RECORDER = """
[output.recorder]
path = {dir}/recorded
control = {dir}/recorder.control
"""
ALL = COUNTER + BATCH + RECORDER


def into_timescale(conninfo, more=""):
    """Counted into PostgreSQL, with an API over it."""
    return f"""{COUNTER}{BATCH}
[output.timescale]
conninfo = {conninfo}
{more}
[output.http_api]
listen = 127.0.0.1:{{port}}
store = timescale
"""


@pytest.fixture
def daemon(tallyd):
    """daemon(sections) makes a daemon with the test plugins; its files are empty."""

    def make(text=ALL, **options):
        made = tallyd(text, **options)
        for name in ("counter.control", "recorder.control"):
            (made.dir / name).touch()
        return made

    return make


def tell(daemon, who, word):
    """Atomically, since plugins read it at any time."""
    fresh = daemon.dir / "control.new"
    fresh.write_text(word)
    fresh.rename(daemon.dir / f"{who}.control")


def lines(daemon, name="recorded"):
    path = daemon.dir / name
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]


def numbers(daemon, name="recorded"):
    return [line["n"] for line in lines(daemon, name) if "n" in line]


def records(daemon, more=1, name="recorded"):
    """Waits until that many more rows are recorded."""
    before = len(numbers(daemon, name))
    daemon.wait(lambda: len(numbers(daemon, name)) >= before + more, f"{more} more rows")


def unbroken(found):
    return found == list(range(1, len(found) + 1))


def terminate(daemon, status=0, seconds=30):
    daemon.process.send_signal(signal.SIGTERM)
    return ended(daemon, status, seconds)


def ended(daemon, status=0, seconds=30):
    found = daemon.process.wait(seconds)
    daemon.process = None
    assert found == status, f"exited with {found}\n{daemon.log[-4000:]}"
    return daemon.log
