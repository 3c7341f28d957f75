"""What goes wrong around the daemon: engines that lie, disks that fill up."""

import subprocess

import pytest

from conftest import sections
from test_daemon import collecting, rows
from waiting import wait_for


def restless(endpoint):
    """Sections with a timeout short enough to be seen."""
    return sections(endpoint, "1s").replace("interval = 1s", "interval = 1s\ntimeout = 1s")


@pytest.mark.parametrize("mode", ["garbage", "short", "cut", "huge", "silent", "broken"])
def test_an_engine_that_misbehaves_is_logged_and_recovers(tallyd, fake_engine, mode):
    daemon = tallyd(restless(fake_engine.endpoint)).start()
    collecting(daemon)
    errors = daemon.metric("tallyd_gather_errors_total")
    mark = len(daemon.log)
    fake_engine.mode = mode
    daemon.wait(lambda: daemon.metric("tallyd_gather_errors_total") > errors, "errors are counted")
    daemon.wait(lambda: "docker_stats" in daemon.log[mark:], "and told")
    assert daemon.get("/healthz").status == 200
    assert daemon.rss < 400 << 20  # of a daemon under a sanitizer
    fake_engine.mode = "good"
    collecting(daemon)
    daemon.balanced()


def test_an_engine_that_is_not_there_yet_is_waited_for(tallyd, fake_engine):
    path = fake_engine.path
    fake_engine.mode = "silent"
    daemon = tallyd(restless(fake_engine.endpoint)).start()
    assert daemon.get("/healthz").status == 200
    daemon.wait(lambda: path in daemon.log, "the endpoint is named")
    fake_engine.mode = "good"
    collecting(daemon)


def test_the_same_failure_is_not_logged_again_and_again(tallyd, fake_engine):
    daemon = tallyd(restless(fake_engine.endpoint).replace("interval = 1s", "interval = 100ms"))
    daemon.start()
    collecting(daemon)
    fake_engine.mode = "broken"
    daemon.wait(lambda: daemon.metric("tallyd_gather_errors_total", input="input.docker_stats") >= 20,
                "twenty polls failed", 60)
    told = [x for x in daemon.log.splitlines() if "on fire" in x and "input.docker_stats" in x]
    assert 1 <= len(told) <= 6, told


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tallyd-test", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_loses_nothing(tallyd, fake_engine, small_disk):
    daemon = tallyd(sections(fake_engine.endpoint, "1s"), db=small_disk / "tallyd.db").start()
    collecting(daemon)
    ballast = small_disk / "ballast"
    errors = daemon.metric("tallyd_write_errors_total", output="output.sqlite")
    with open(ballast, "wb", buffering=0) as file:
        with pytest.raises(OSError):
            while True:
                file.write(b"\0" * 4096)

    def fails():
        return daemon.metric("tallyd_write_errors_total", output="output.sqlite") > errors

    # Room that the database had already taken is used up first.
    daemon.wait(fails, "writes fail", 120)
    assert "full" in daemon.log
    daemon.wait(lambda: daemon.metric("tallyd_rows_waiting", output="output.sqlite") > 2,
                "rows wait")
    daemon.balanced()
    ballast.unlink()
    daemon.wait(lambda: daemon.metric("tallyd_rows_waiting", output="output.sqlite") <= 1,
                "what waited is written", 90)
    daemon.balanced()
    assert daemon.metric("tallyd_rows_dropped_total", output="output.sqlite") == 0
    collected = daemon.metric("tallyd_rows_collected_total", table="container_stats")
    wait_for(lambda: rows(daemon) >= collected, 20, "each row is in the database")
    assert daemon.sql("pragma integrity_check") == [("ok",)]


def test_a_full_buffer_drops_what_it_says(tallyd, fake_engine, small_disk):
    (small_disk / "ballast").write_bytes(b"\0" * (4 << 20))
    daemon = tallyd(
        sections(fake_engine.endpoint, "100ms").replace(
            "batch_timeout = 200ms", "batch_timeout = 200ms\ncapacity = 64Ki\non_full = drop_oldest"),
        db=small_disk / "tallyd.db").start()
    daemon.wait(lambda: daemon.metric("tallyd_rows_dropped_total", reason="buffer_full") > 0,
                "rows are dropped", 60)
    daemon.balanced()
