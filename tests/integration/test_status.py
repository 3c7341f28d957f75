"""What happens to containers is stored within a second, as row of what it is and as event."""

import json
import time
from urllib.parse import quote

import pytest

from daemon import STORED
from dockerd import request
from waiting import wait_for

SECOND = 1_000_000_000


@pytest.fixture
def daemon(tallyd, engine):
    """Looks at everything once an hour, so that whatever is seen came by an event."""
    def make(**options):
        daemon = tallyd(sections(engine), **options)
        daemon.start()
        daemon.wait(lambda: daemon.metric("tallyd_docker_status_event_stream_open") == 1,
                    "the events are read")
        daemon.wait(lambda: daemon.metric("tallyd_docker_status_engine_calls_total",
                                          call="list") > 0, "all was looked at")
        return daemon

    return make


def sections(engine, interval="1h"):
    return f"""
[input.docker_status]
interval = {interval}
endpoint = {engine.endpoint}
{STORED}"""


def info(daemon, container, columns):
    rows = daemon.sql(f"select {columns} from container_info where container_id = ?", container)
    return rows[0] if rows else None


def soon(daemon, container, columns, *wanted):
    """Within a second; a busy machine and a sanitizer get two more."""
    begun = time.monotonic()
    wait_for(lambda: info(daemon, container, columns) == wanted, 20,
             f"{columns} of the container is {wanted}")
    took = time.monotonic() - begun
    assert took < 3, f"it took {took:.2f} s"


def events(daemon, container, columns="action"):
    rows = daemon.sql(f"select {columns} from container_events where container_id = ? "
                      "order by time, action", container)
    return [row[0] for row in rows] if "," not in columns else rows


def test_a_life_from_start_to_removal_is_seen_as_it_goes(engine, daemon):
    watch = daemon()
    container = engine.create("lived", "sleep 1000000")
    soon(watch, container, "name, state", "lived", "created")
    engine.api("POST", f"/containers/{container}/start")
    soon(watch, container, "state, exit_code", "running", None)
    engine.api("POST", f"/containers/{container}/pause")
    soon(watch, container, "state", "paused")
    engine.api("POST", f"/containers/{container}/unpause")
    soon(watch, container, "state", "running")
    engine.api("POST", f"/containers/{container}/rename?name=renamed")
    soon(watch, container, "name", "renamed")
    engine.api("POST", f"/containers/{container}/update", {"PidsLimit": 77})
    soon(watch, container, "pids_limit", 77)
    engine.api("POST", f"/containers/{container}/kill?signal=9")
    soon(watch, container, "state, exit_code", "exited", 137)
    engine.remove("renamed")
    soon(watch, container, "state", "removed")
    told = events(watch, container)
    assert told == ["create", "start", "pause", "unpause", "rename", "update", "kill", "die",
                    "destroy"]
    row = watch.sql("select name, attributes from container_events where action = 'rename'")
    assert row == [("renamed", '{"oldName":"/lived"}')]
    assert watch.sql("select signal from container_events where action = 'kill'") == [(9,)]
    destroyed = events(watch, container, "time")[-1]
    assert info(watch, container, "gone_at") == (destroyed,)


def test_a_service_outlives_its_containers(engine, daemon):
    watch = daemon()
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    composed = engine.run("shop-web-1", labels=labels)
    soon(watch, composed, "service", "shop/web")
    first = engine.run("solo")
    soon(watch, first, "service", "solo")
    engine.api("POST", f"/containers/{first}/rename?name=duo")
    soon(watch, first, "name, service", "duo", "duo")
    # As tools that replace a container do it: the old one gives its name away.
    engine.stop("duo")
    engine.api("POST", f"/containers/{first}/rename?name=duo-old")
    second = engine.run("duo")
    soon(watch, second, "service", "duo")
    assert info(watch, first, "name, service") == ("duo-old", "duo")
    engine.remove("duo-old")
    soon(watch, first, "state, service", "removed", "duo")
    assert set(events(watch, composed, "service")) == {"shop/web"}
    assert events(watch, second, "action, service")[0] == ("create", "duo")
    assert events(watch, first, "action, service")[-1] == ("destroy", "duo")


def test_a_container_that_dies_leaves_its_code(engine, daemon):
    watch = daemon()
    container = engine.run("failing", "exit 42")
    soon(watch, container, "state, exit_code", "exited", 42)
    assert ("die", 42) in events(watch, container, "action, exit_code")


def test_health_and_what_its_check_said_are_seen(engine, daemon):
    watch = daemon()
    body = {"Image": "busybox:test", "Cmd": ["sleep", "1000000"], "StopSignal": "SIGKILL",
            "HostConfig": {"NetworkMode": "none"},
            "Healthcheck": {"Test": ["CMD-SHELL", "if test -e /ok; then echo fine; else echo no "
                                     "such file; echo more; exit 1; fi"],
                            "Interval": SECOND // 2, "Timeout": 20 * SECOND, "Retries": 1}}
    container = engine.api("POST", "/containers/create?name=patient", body)["Id"]
    engine.api("POST", f"/containers/{container}/start")
    watch.wait(lambda: info(watch, container, "health, health_output") ==
               ("unhealthy", "no such file"), "it is unhealthy")
    engine.docker("exec", "patient", "touch", "/ok")
    watch.wait(lambda: info(watch, container, "health, health_output") == ("healthy", "fine"),
               "it is healthy")
    told = [h for a, h in events(watch, container, "action, health") if a == "health_status"]
    assert told[:2] == ["unhealthy", "healthy"]
    assert not [a for a in events(watch, container) if "exec" in a]


def test_a_container_that_runs_out_of_memory_says_so(engine, daemon):
    watch = daemon()
    # Slowly, lest the cgroup is gone before the engine has heard of it.
    container = engine.run("hungry", "sh -c 'x=aaaaaaaa; while :; do x=$x$x; sleep 0.05; done'; "
                           "sleep 1; exit 3", Memory=8 << 20)
    assert engine.wait("hungry") == 3
    watch.wait(lambda: "die" in events(watch, container), "it died")
    rows = events(watch, container, "action, exit_code, oom")
    assert ("oom", None, 1) in rows
    assert ("die", 3, 1) in rows


def told_by(engine, container):
    """The engine's own list.  One that is slow (20.10) tells a pause and its end once more."""
    filters = quote(json.dumps({"type": ["container"], "container": [container]}))
    _, lines = request(engine.socket, "GET",
                       f"/events?since=0&until={time.time():.6f}&filters={filters}")
    told = [json.loads(line) for line in lines.splitlines()]
    return [event["Action"] for event in sorted(told, key=lambda event: event["timeNano"])]


def test_a_hundred_events_at_once_are_all_stored(engine, daemon):
    watch = daemon()
    names = [f"many{i}" for i in range(5)]
    ids = [engine.run(name) for name in names]
    for _ in range(10):
        for name in names:
            engine.api("POST", f"/containers/{name}/pause")
            engine.api("POST", f"/containers/{name}/unpause")
    watch.wait(lambda: all(events(watch, c) == told_by(engine, c) for c in ids), "all are stored")
    for container in ids:
        assert len(events(watch, container)) >= 22
        soon(watch, container, "state", "running")
    assert watch.metric("tallyd_docker_status_event_streams_lost_total") == 0


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_an_engine_that_restarts_is_followed_again(engine, daemon, end):
    container = engine.run("survivor" if end == "stop" else "victim")
    watch = daemon()
    mark = len(watch.log)
    engine.tell(end)
    watch.says(engine.socket, after=mark)
    engine.tell("start")
    watch.says("followed again", 60, after=mark)
    watch.wait(lambda: info(watch, container, "state") == ("exited",), "it is seen to have ended")
    engine.api("POST", f"/containers/{container}/start")
    soon(watch, container, "state", "running")
    told = [x for x in watch.log[mark:].splitlines() if "docker_status" in x and " error" in x.lower()]
    assert len(told) <= 1, told


def test_an_engine_that_hangs_misses_no_event(engine, daemon):
    container = engine.run("patient2")
    watch = daemon()
    engine.tell("pause")
    try:
        wait_for(lambda: not engine.alive(), 10, "the engine hangs")
    finally:
        engine.tell("resume")
    engine.api("POST", f"/containers/{container}/pause")
    soon(watch, container, "state", "paused")
    assert "pause" in events(watch, container)


@pytest.mark.parametrize("crash", [False, True])
def test_what_happened_while_the_daemon_was_down_is_made_up_for(engine, daemon, tallyd, crash):
    left, gone = engine.run("left"), engine.run("gone")
    first = tallyd(sections(engine, "1s")).start()
    first.wait(lambda: info(first, gone, "state") == ("running",), "it is stored")
    memory = first.state_dir / "input.docker_status.rows"
    if crash:
        first.wait(lambda: memory.exists(), "who is known is on disk")
        first.kill9()
    else:
        first.stop()
    engine.stop("left")
    engine.remove("gone")
    second = tallyd(sections(engine), state_dir=first.state_dir).start()
    second.wait(lambda: info(second, gone, "state") == ("removed",), "it is found gone")
    second.wait(lambda: info(second, left, "state") == ("exited",), "it is found to have ended")
    second.wait(lambda: "destroy" in events(second, gone), "its end is told")
    assert info(second, gone, "gone_at") == (events(second, gone, "time")[-1],)
    for container in (left, gone):
        told = events(second, container, "time, action")
        assert len(told) == len(set(told))
