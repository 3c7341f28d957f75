"""Streams of a real daemon over a real engine: what happens arrives, once, on an open connection."""

import pytest

from conftest import sections
from sse import Stream

LOGS = """
[input.docker_logs]
endpoint = {endpoint}
"""


@pytest.fixture
def daemon(tallyd, engine):
    return tallyd(sections(engine.endpoint) + LOGS.format(endpoint=engine.endpoint)).start()


def test_a_container_that_starts_and_dies_shows_on_an_open_stream(daemon, engine):
    events = Stream(daemon, "/api/v1/stream/events?name=web")
    stats = Stream(daemon, "/api/v1/stream/stats?name=web")
    engine.run("web")
    row = events.rows(1)[0]
    while row["action"] != "start":
        row = events.rows(1)[0]
    assert row["name"] == "web" and len(row["container_id"]) == 64
    reading = stats.rows(1)[0]
    assert reading["container_id"] == row["container_id"]
    assert reading["mem_used_bytes"] > 0
    engine.docker("kill", "web")
    while row["action"] != "die":
        row = events.rows(1)[0]
    events.close()
    stats.close()


def test_lines_arrive_once_although_the_client_comes_and_goes(daemon, engine):
    first = Stream(daemon, "/api/v1/stream/logs?name=talker")
    engine.run("talker", "i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); "
                         "usleep 20000; done; sleep 1000000")
    said = [row["message"] for row in first.rows(20)]
    last = first.last
    first.close()
    while len(said) < 300:
        # Between two of these more is printed: it waits here, or is in the store by then.
        again = Stream(daemon, "/api/v1/stream/logs?container=talker", last)
        said += [row["message"] for row in again.rows(min(70, 300 - len(said)))]
        last = again.last
        again.close()
    assert said == [f"line {i}" for i in range(300)]


def test_a_container_in_the_place_of_another_goes_on_in_the_stream_of_their_service(daemon, engine):
    def start(name, n):
        labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": name}
        return engine.run(f"shop-{name}-{n}", f"echo {name} {n}; sleep 1000000", labels=labels)

    start("web", 1)
    daemon.wait(lambda: daemon.json("/api/v1/logs?service=shop/web")["data"], "its line is stored")
    stream = Stream(daemon, "/api/v1/stream/logs?service=shop/web&tail=5")
    assert stream.rows(1)[0]["message"] == "web 1"
    assert stream.next() == ("ready", {})
    events = Stream(daemon, "/api/v1/stream/events?service=shop/*")
    start("db", 1)
    engine.remove("shop-web-1")
    second = start("web", 2)
    assert stream.rows(1)[0]["message"] == "web 2"
    while True:
        row = events.rows(1)[0]
        if row["container_id"] == second:
            break
        assert row["service"] in ("shop/db", "shop/web")
    stream.close()
    events.close()


def test_after_a_restart_the_store_gives_what_was_missed(daemon, engine):
    stream = Stream(daemon, "/api/v1/stream/logs?name=speaker")
    engine.run("speaker", "i=0; while [ $i -lt 200 ]; do echo line $i; i=$((i+1)); "
                          "usleep 20000; done; sleep 1000000")
    said = [row["message"] for row in stream.rows(20)]
    stream.close()
    daemon.stop()
    daemon.start()
    daemon.wait(lambda: len(daemon.get("/api/v1/logs?name=speaker&limit=1000").json["data"]) == 200,
                "all lines are stored")
    again = Stream(daemon, "/api/v1/stream/logs?name=speaker", stream.last)
    said += [row["message"] for row in again.rows(180)]
    again.close()
    assert said == [f"line {i}" for i in range(200)]


def test_a_daemon_stops_although_streams_are_open(daemon):
    streams = [Stream(daemon, f"/api/v1/stream/{kind}") for kind in ("stats", "logs", "events")
               for _ in range(7)]
    daemon.stop()
    assert all(stream.block() is None for stream in streams)
    for stream in streams:
        stream.close()
