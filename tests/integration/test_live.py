"""Streams of a real daemon over a real engine: what happens arrives, once, on an open connection."""

import http.client
import json

import pytest

from conftest import sections

LOGS = """
[input.docker_logs]
endpoint = {endpoint}
"""


class Stream:
    """Server-Sent Events, as a browser reads them."""

    def __init__(self, daemon, target, last=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=60)
        headers = {"Last-Event-ID": last} if last else {}
        self.connection.request("GET", target, headers=headers)
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        assert self.answer.headers["Content-Type"].startswith("text/event-stream")
        assert self.block() == ["retry: 2000"]
        self.last = last

    def block(self):
        """The lines up to the next empty one; None: the stream has ended."""
        lines = []
        while True:
            line = self.answer.readline()
            if not line:
                return None
            line = line.decode().rstrip("\n")
            if not line:
                return lines
            lines.append(line)

    def next(self):
        """The next event's name and data."""
        while True:
            lines = self.block()
            assert lines is not None, "the stream has ended"
            fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
            if "data" in fields:
                self.last = fields.get("id", self.last)
                return fields.get("event"), json.loads(fields["data"])

    def rows(self, n):
        found = []
        while len(found) < n:
            name, data = self.next()
            assert name is None, (name, data)
            found.append(data)
        return found

    def close(self):
        self.answer.close()
        self.connection.close()


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
