"""The real engine stops, starts, hangs and dies while the daemon watches it."""

import pytest

from conftest import sections
from test_daemon import collecting


@pytest.fixture
def fresh(engine):
    """The engine runs and answers, whatever the test before did."""
    yield engine
    engine.tell("resume")
    if not engine.alive():
        engine.tell("start")


def watching(tallyd, engine):
    # From the engine, since files are read on without it.
    text = sections(engine.endpoint).replace("interval = 2s", "interval = 2s\ntimeout = 3s")
    text = text.replace("[input.docker_stats]", "[input.docker_stats]\nsource = api")
    daemon = tallyd(text).start()
    daemon.wait(lambda: "watched" in daemon.containers(), "the container is listed")
    collecting(daemon)
    return daemon


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_an_engine_that_stops_is_logged_and_found_again(tallyd, fresh, end):
    fresh.run("watched")
    daemon = watching(tallyd, fresh)
    mark = len(daemon.log)
    fresh.tell(end)
    daemon.wait(lambda: fresh.socket in daemon.log[mark:], "the endpoint is named")
    assert daemon.get("/healthz").status == 200
    assert "watched" in daemon.containers()
    fresh.tell("start")
    fresh.run("second")
    daemon.wait(lambda: daemon.containers()["second"]["state"] == "running", "seen again", 60)
    collecting(daemon)
    daemon.balanced()


def test_an_engine_that_hangs_costs_a_timeout_only(tallyd, fresh):
    fresh.run("watched")
    daemon = watching(tallyd, fresh)
    errors = daemon.metric("tallyd_gather_errors_total")
    fresh.tell("pause")
    daemon.wait(lambda: daemon.metric("tallyd_gather_errors_total") > errors, "it timed out")
    assert "watched" in daemon.containers()
    fresh.tell("resume")
    collecting(daemon)
    daemon.balanced()


def test_stop_does_not_wait_for_an_engine_that_hangs(tallyd, fresh):
    fresh.run("watched")
    daemon = watching(tallyd, fresh)
    fresh.tell("pause")
    daemon.stop(seconds=10)
