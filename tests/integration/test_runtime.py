"""What the daemon does with its instances, shown on two plugins that do as they are told; see
counting.py."""

import json
import signal
import socket
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from counting import (  # noqa: F401 (a fixture)
    ALL, COUNTER, RECORDER, daemon, ended, lines, numbers, records, tell, terminate, unbroken)
from waiting import wait_for


# ---- starting


def test_rows_flow_and_tables_are_prepared_first(daemon):
    d = daemon().start(ready="ready:")
    records(d, 30)
    d.stop()
    assert lines(d)[0] == {"prepare": "counter"}
    assert unbroken(numbers(d))
    assert "ready: 1 inputs, 1 buffers, 1 outputs; 2 of 2 started" in d.log


def test_an_output_that_cannot_start_is_tried_until_it_can_and_loses_nothing(daemon):
    d = daemon()
    tell(d, "recorder", "nostart")
    d.start(ready="ready:")
    d.says("output.recorder: cannot start: told not to start; retrying")
    assert "1 of 2 started" in d.log
    tell(d, "recorder", "")
    records(d, 30)
    assert "failed attempts" in d.log
    d.stop()
    assert unbroken(numbers(d))
    assert d.log.count("cannot start") == 1


def test_the_state_directory_is_made_private_and_belongs_to_one_daemon(daemon):
    first = daemon()
    first.state_dir.rmdir()
    first.start(ready="ready:")
    assert first.state_dir.stat().st_mode & 0o777 == 0o700
    second = daemon(state_dir=first.state_dir)
    result = second.call("run")
    assert result.returncode == 1
    assert f"in use by another tallyd, pid {first.process.pid}" in result.stderr


def test_the_writer_id_is_drawn_once_and_kept(daemon):
    d = daemon().start(ready="ready:")
    records(d)
    d.stop()
    writer = (d.state_dir / "writer").read_text()
    assert len(writer) == 32
    d.start(ready="ready:")
    records(d)
    d.stop()
    assert (d.state_dir / "writer").read_text() == writer
    assert all(writer in line["writer"] for line in lines(d) if "n" in line)


def test_a_damaged_writer_id_stops_the_daemon_and_says_what_to_do(daemon):
    d = daemon()
    (d.state_dir / "writer").write_text("rubbish")
    result = d.call("run")
    assert result.returncode == 1
    assert "damaged: not 32 hexadecimal digits" in result.stderr


def test_a_state_directory_that_cannot_be_created_is_logged(daemon):
    d = daemon()
    d.state_dir = Path("/proc/no/tallyd")
    d.configure(ALL)
    result = d.call("run")
    assert result.returncode == 1
    assert "/proc/no/tallyd: cannot be created" in result.stderr


@pytest.mark.parametrize("abstract", [False, True])
def test_the_service_manager_gets_ready_watchdog_reloading_and_stopping(
        daemon, monkeypatch, abstract):
    with tempfile.TemporaryDirectory(prefix="tallyd-") as folder, \
            closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
        name = f"{folder}/notify"
        manager.bind("\0" + name if abstract else name)
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name if abstract else name)
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        told = []

        def heard(text):
            def look():
                try:
                    while True:
                        told.append(manager.recv(4096).decode())
                except BlockingIOError:
                    return any(text in x for x in told)
            return wait_for(look, 20, f"{text} is told")

        d = daemon().start(ready="ready:")
        heard("READY=1\nSTATUS=1 inputs, 1 buffers, 1 outputs")
        heard("WATCHDOG=1")
        told.clear()
        d.hup()
        heard("RELOADING=1\nMONOTONIC_USEC=")
        heard("READY=1")
        d.stop()
        heard("STOPPING=1")


# ---- stopping


def test_sigterm_writes_what_is_waiting(daemon):
    d = daemon(COUNTER + "[buffer.batch]\nbatch_timeout = 1h\nbatch_size = 100000\n" + RECORDER)
    d.start(ready="ready:")
    d.says("output.recorder: started")
    d.process.send_signal(signal.SIGUSR1)
    d.says("waiting")
    assert numbers(d) == []
    d.stop()
    assert unbroken(numbers(d)) and len(numbers(d)) >= 10


def test_what_cannot_be_written_in_time_is_logged(daemon):
    d = daemon(globals="drain_timeout = 500ms")
    tell(d, "recorder", "fail")
    d.start(ready="ready:")
    d.says("told to fail")
    log = terminate(d)
    assert "output.recorder: " in log
    assert "rows not written; they were in memory (buffer.batch) and are lost" in log
    assert numbers(d) == []


def test_a_second_signal_does_not_wait_for_the_outputs(daemon):
    d = daemon(globals="drain_timeout = 10min")
    tell(d, "recorder", "fail")
    d.start(ready="ready:")
    d.says("told to fail")
    d.process.send_signal(signal.SIGTERM)
    d.says("daemon: stopping")
    d.process.send_signal(signal.SIGTERM)
    log = ended(d)
    assert "asked to stop again" in log


def test_an_output_that_waits_is_cut_short_at_the_drain_timeout(daemon):
    d = daemon(globals="drain_timeout = 500ms")
    tell(d, "recorder", "block")
    d.start(ready="ready:")
    d.process.send_signal(signal.SIGUSR1)
    d.says("waiting")
    terminate(d)


def test_a_plugin_that_never_comes_back_is_named_and_left_behind(daemon):
    d = daemon(globals="drain_timeout = 200ms")
    tell(d, "counter", "hang")
    d.start(ready="told to hang")
    log = terminate(d, status=1)
    assert "input.counter: does not stop: gather() has not returned for " in log
    assert "output.recorder: does not stop" not in log


def test_positions_are_kept_so_that_an_input_goes_on(daemon):
    d = daemon().start(ready="ready:")
    records(d, 30)
    d.stop()
    first = len(numbers(d))
    d.start(ready="ready:")
    records(d, 30)
    d.stop()
    assert unbroken(numbers(d)) and len(numbers(d)) >= first + 30


def test_kill_9_loses_only_what_was_in_memory_and_the_input_resumes(daemon):
    d = daemon().start(ready="ready:")
    records(d, 30)
    # Saved once a second.
    d.wait(lambda: (d.state_dir / "positions").exists(), "positions are saved")
    d.kill9()
    d.start(ready="ready:")
    records(d, 30)
    d.stop()
    # At least once: none is missing, some may have come again.
    found = sorted(set(numbers(d)))
    assert unbroken(found)


# ---- trouble while running


def test_a_failing_gather_is_logged_counted_and_repeated(daemon):
    d = daemon()
    tell(d, "counter", "fail")
    d.start(ready="ready:")
    d.says("input.counter: cannot gather: told to fail")
    tell(d, "counter", "")
    records(d, 20)
    d.says("gathers again, after")
    d.stop()
    assert unbroken(numbers(d))


def test_a_slow_gather_skips_ticks_and_says_so(daemon):
    d = daemon()
    tell(d, "counter", "slow")
    d.start(ready="ready:")
    d.says("longer than the interval of 100ms")
    d.stop()
    assert unbroken(numbers(d))


def test_rejected_rows_are_not_offered_again(daemon):
    d = daemon()
    tell(d, "recorder", "reject")
    d.start(ready="ready:")
    d.says("told to reject")
    tell(d, "recorder", "")
    records(d, 10)
    d.stop()
    found = numbers(d)
    assert found[0] > 1 and found == list(range(found[0], found[0] + len(found)))


def test_retried_rows_arrive_once_and_in_order(daemon):
    d = daemon()
    tell(d, "recorder", "retry")
    d.start(ready="ready:")
    d.process.send_signal(signal.SIGUSR1)
    d.says("waiting")
    tell(d, "recorder", "")
    records(d, 30)
    d.stop()
    assert unbroken(numbers(d))


def test_the_status_says_since_when_an_output_fails_and_why(daemon):
    d = daemon()
    tell(d, "recorder", "fail")
    d.start(ready="ready:")
    d.says("output.recorder: cannot write: told to fail")
    d.process.send_signal(signal.SIGUSR1)
    d.says("output.recorder: status: failing since 20")
    line = next(x for x in d.log.splitlines() if "failing since" in x)
    assert "last error: told to fail" in line and "times in a row" in line
    tell(d, "recorder", "")
    records(d, 30)
    mark = len(d.log)
    d.process.send_signal(signal.SIGUSR1)
    d.says("output.recorder: status: running", after=mark)
    d.says("input.counter: status: running", after=mark)
    assert "failing" not in d.log[mark:]
    d.stop()


def test_the_status_says_why_an_input_cannot_gather_and_an_output_not_start(daemon):
    d = daemon()
    tell(d, "counter", "fail")
    tell(d, "recorder", "nostart")
    d.start(ready="ready:")
    d.says("input.counter: cannot gather")
    d.process.send_signal(signal.SIGUSR1)
    for name, why in (("input.counter", "told to fail"), ("output.recorder", "told not to start")):
        d.says(f"{name}: status: failing since 20")
        line = next(x for x in d.log.splitlines() if f"{name}: status: failing" in x)
        assert line.endswith(f"last error: {why}")
    d.stop()


def test_status_on_sigusr1(daemon):
    d = daemon().start(ready="ready:")
    records(d, 10)
    d.process.send_signal(signal.SIGUSR1)
    d.says("input.counter: status: running")
    assert "daemon: status: up" in d.log
    assert "buffer.batch: status: holds" in d.log


# ---- the command line


def test_help_and_version_and_a_mistyped_command(daemon):
    d = daemon()
    assert "plugin ABI 1." in d.call("version").stdout
    assert "exit codes" in d.call("help").stdout
    wrong = d.call("chekc")
    assert wrong.returncode == 2 and "did you mean check?" in wrong.stderr
    assert d.call("run", "away").returncode == 2
    assert subprocess.run([d.binary, "-x"], capture_output=True).returncode == 2


def test_once_prints_what_inputs_gather_and_writes_nothing(daemon):
    d = daemon()
    result = d.call("once", "--format", "ndjson", "--samples", "3")
    assert result.returncode == 0, result.stderr
    assert [json.loads(x)["n"] for x in result.stdout.splitlines()] == list(range(1, 31))
    result = d.call("once", "counter")
    assert "counter: 10 rows" in result.stdout
    assert "testhost" not in result.stderr
    assert not (d.dir / "recorded").exists()
    assert not list(d.state_dir.iterdir())


def test_once_prints_failures(daemon):
    d = daemon()
    tell(d, "counter", "fail")
    result = d.call("once")
    assert result.returncode == 1
    assert "input.counter: cannot gather: told to fail" in result.stderr
    assert d.call("once", "nobody").returncode == 2
