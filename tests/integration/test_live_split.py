"""Streams of api processes that have no inputs: what a worker publishes in Redis comes at once, what
Redis did not bring comes out of the database, and nothing comes twice or not at all.

The worker's input emits what a test writes into a file; PostgreSQL is the store.
"""

import itertools
import json
import threading
import time

import pytest

from pg import Postgres
from redis import Redis
from sse import Stream
from waiting import wait_for

names = (f"live{n}" for n in itertools.count())
WEB = "1" * 64
LOGS = "/api/v1/stream/logs"

WORKER = """
[input.replay]
file = {dir}/rows
interval = 100ms
[buffer.batch]
batch_timeout = %(store_delay)s
[buffer.batch:redis]
batch_timeout = 10ms
on_full = drop_oldest
[output.timescale]
conninfo = %(conninfo)s
[output.redis]
url = %(url)s
buffer = batch:redis
timeout = 2s
"""
API = """
[output.timescale]
conninfo = %(conninfo)s
maintenance = no
[output.redis]
url = %(url)s
timeout = 2s
[output.http_api]
listen = 127.0.0.1:{port}
store = timescale
cache = memory, redis
"""


@pytest.fixture(scope="module")
def server():
    postgres = Postgres()
    postgres.start()
    yield postgres
    postgres.leave()


@pytest.fixture
def redis():
    made = Redis().start()
    yield made
    made.leave()


class Site:
    """A worker and api processes over the same database and the same Redis."""

    def __init__(self, tallyd, server, redis):
        self.tallyd, self.server, self.redis = tallyd, server, redis
        self.database = server.create(next(names))
        self.values = {"conninfo": server.conninfo(self.database), "url": redis.url,
                       "store_delay": "50ms"}
        self.sequence = itertools.count()
        self.rows = None

    def make(self, sections, **values):
        return self.tallyd(sections % {**self.values, **values}, globals="drain_timeout = 500ms")

    def worker(self, **values):
        daemon = self.make(WORKER, **values)
        self.rows = daemon.dir / "rows"
        self.rows.touch()
        daemon.start(ready=None)
        daemon.says("output.timescale: started", 60)
        daemon.says("output.redis: started", 60)
        return daemon

    def api(self):
        daemon = self.make(API).start()
        daemon.says("output.redis: started", 60)
        return daemon

    def emit(self, table, *rows):
        with open(self.rows, "a", encoding="utf-8") as file:
            file.write(json.dumps({"table": table, "rows": rows}) + "\n")

    def say(self, *messages):
        self.emit("container_logs", *([time.time_ns(), "alpha", WEB, "web", "stdout", message, None,
                                       next(self.sequence)] for message in messages))

    def know(self, container):
        self.emit("container_info", [time.time_ns(), "alpha", container, "web", "web:1", None, "running"])

    def happen(self, action, at):
        self.emit("container_events", [at, "alpha", WEB, action, "web"])

    def stored(self):
        return {row[0] for row in self.server.sql("select message from container_logs", self.database)}


@pytest.fixture
def site(tallyd, server, redis):
    return Site(tallyd, server, redis)


def followed(api):
    """Says the API: all channels of open streams are heard."""
    return api.metric("tallyd_http_api_stream_followed") == 1


def knows_lines(api):
    answer = api.get("/api/v1/logs?limit=1")
    return answer.status == 200 and answer.json["data"]


def messages(stream, n):
    return [row["message"] for row in stream.rows(n)]


def test_a_time_that_the_store_cuts_is_that_of_the_same_row(site):
    """Workers know nanoseconds, PostgreSQL microseconds."""
    site.worker()
    api = site.api()
    stream = Stream(api, "/api/v1/stream/events")
    api.wait(lambda: followed(api), "the channels are followed")
    for n in range(5):
        site.happen(f"exec_{n}", time.time_ns() // 1000 * 1000 + 789)
    assert [row["action"] for row in stream.rows(5)] == [f"exec_{n}" for n in range(5)]
    site.redis.stop()  # the next one is the store's, which has the others too
    site.happen("die", time.time_ns() // 1000 * 1000 + 789)
    assert stream.rows(1)[0]["action"] == "die"
    last = stream.last
    stream.close()
    site.happen("start", time.time_ns() // 1000 * 1000 + 789)
    stream = Stream(api, "/api/v1/stream/events", last)
    assert stream.rows(1)[0]["action"] == "start"
    stream.close()


def test_a_service_is_followed_beyond_the_containers_it_has(site):
    site.worker()
    many = [f"{n:064x}" for n in range(1, 81)]  # more than a query names
    site.emit("container_info", *([time.time_ns(), "alpha", c, f"web{n}", "web:1", None, "running"]
                                  + [None] * 18 + ["web"] for n, c in enumerate(many)))
    lines = [[time.time_ns(), "alpha", c, "x", "stdout", f"line {n}", None, n]
             for n, c in enumerate(many + ["e" * 64] * 30)]
    site.emit("container_logs", *lines)
    wait_for(lambda: len(site.stored()) == len(lines), 60, "the lines are stored")
    api = site.api()
    wait_for(lambda: knows_lines(api), 60, "the lines are there")
    stream = Stream(api, LOGS + "?service=web&tail=20")
    assert messages(stream, 20) == [f"line {n}" for n in range(60, 80)]
    assert stream.next() == ("ready", {})
    site.emit("container_events", [time.time_ns(), "alpha", "f" * 64, "create", "web80"] + [None] * 6 + ["web"])
    site.emit("container_logs", [time.time_ns(), "alpha", "d" * 64, "x", "stdout", "foreign", None, 500],
              [time.time_ns(), "alpha", "f" * 64, "web80", "stdout", "new", None, 501])
    assert messages(stream, 1) == ["new"]
    stream.close()


class Talker:
    """Says `word 0`, `word 1` … while it is talking."""

    def __init__(self, site, word):
        self.site, self.word, self.said = site, word, []
        self.silent = threading.Event()
        self.thread = threading.Thread(target=self.talk)

    def talk(self):
        while not self.silent.wait(0.02):
            self.said.append(f"{self.word} {len(self.said)}")
            self.site.say(self.said[-1])

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.silent.set()
        self.thread.join()


def test_what_is_published_comes_before_it_is_stored(site):
    site.worker(store_delay="1h")
    api = site.api()
    stream = Stream(api, LOGS)
    api.wait(lambda: followed(api), "the channels are followed")
    with Talker(site, "hello"):
        assert messages(stream, 3)[0].startswith("hello")
        assert site.stored() == set()
    stream.close()


def test_nothing_is_lost_or_doubled_while_redis_dies_and_comes_back(site):
    site.worker()
    api = site.api()
    stream = Stream(api, LOGS)
    api.wait(lambda: followed(api), "the channels are followed")
    with Talker(site, "line") as talker:
        heard = messages(stream, 30)
        site.redis.stop()
        api.wait(lambda: not followed(api), "Redis is missed")
        heard += messages(stream, 100)
        site.redis.start()
        api.wait(lambda: followed(api), "the channels are followed again", 60)
        heard += messages(stream, 100)
    first = talker.said.index(heard[0])
    heard += messages(stream, len(talker.said) - first - len(heard))
    assert sorted(heard) == sorted(talker.said[first:])
    wait_for(lambda: site.stored() == set(talker.said), 30)
    stream.close()


def test_who_comes_back_goes_on_whatever_brought_the_last_row(site):
    """By Redis, by the store while Redis is gone, and at another process."""
    site.worker()
    first, second = site.api(), site.api()
    heard, last = [], None
    with Talker(site, "line") as talker:
        for api in (first, second):
            api.wait(lambda api=api: knows_lines(api), "its store has lines")
        for api, redis in ((first, True), (first, True), (second, True), (second, False),
                           (first, False), (first, False)):
            if not redis:
                site.redis.stop()
            stream = Stream(api, LOGS, last)
            api.wait(lambda: followed(api) == redis, "Redis is there or not", 60)
            heard += messages(stream, 40)
            last = stream.last
            stream.close()
    begin = talker.said.index(heard[0])
    stream = Stream(second, LOGS, last)
    heard += messages(stream, len(talker.said) - begin - len(heard))
    assert sorted(heard) == sorted(talker.said[begin:])
    stream.close()


def test_a_client_that_comes_before_the_store_begins_when_that_is_there(site):
    """As browsers do, it comes back after a 200 that ends."""
    site.server.sql(f'alter database "{site.database}" rename to "not_yet_{site.database}"')
    api = site.make(API).start()
    assert api.get("/api/v1/containers").status == 503
    streams = []

    def begun():
        stream = Stream(api, f"{LOGS}?container=web")
        if stream.reason:
            assert "not running" in stream.reason or "no container" in stream.reason
            return False
        streams.append(stream)
        return True

    assert not begun()
    site.server.sql(f'alter database "not_yet_{site.database}" rename to "{site.database}"')
    site.worker()
    with Talker(site, "line"):
        site.know(WEB)
        wait_for(begun, 60)
        assert messages(streams[0], 1)[0].startswith("line")
    streams[0].close()


def test_what_is_no_row_is_refused_and_counted(site):
    site.worker()
    api = site.api()
    stream = Stream(api, LOGS)
    api.wait(lambda: followed(api), "the channels are followed")
    garbage = (b"", b"{", b"[]", b"null", b'{"time":1}', b'{"time":"today"}', b"\xff\0" * 5000,
               b'{"message":"no time"}', b'{"time":"2026-01-01T00:00:00Z","time":"2026-01-01T00:00:00Z"}',
               b'{"time":"2026-01-01T00:00:00Z","sequence":1e400}', b"[" * 100000)
    with Talker(site, "line"):
        messages(stream, 1)  # so that the columns are known
        for text in garbage:
            site.redis.cli("-x", "PUBLISH", "tally:v1:rows:container_logs", data=text)
        api.wait(lambda: api.metric("tallyd_http_api_stream_refused_total") == len(garbage),
                 "all is counted")
        assert followed(api)
        # More than a message may hold: the connection is given up, and made anew.
        site.redis.cli("-x", "PUBLISH", "tally:v1:rows:container_logs", data=b"x" * (5 << 20))
        api.says("longer than")
        api.wait(lambda: followed(api), "the channels are followed again")
        assert all(message.startswith("line") for message in messages(stream, 20))
    stream.close()


# ---- The past and what comes, without a hole between

PIPELINE = WORKER + """
[output.http_api]
listen = 127.0.0.1:{port}
store = timescale
"""
FROM_STORE = API.replace("cache = memory, redis", "cache = memory")


class Printer(threading.Thread):
    """Says the numbers from 1 to n, so many a second."""

    def __init__(self, site, n, rate):
        super().__init__()
        self.site, self.n, self.rate = site, n, rate
        self.said = 0

    def run(self):
        begun = time.monotonic()
        while self.said < self.n:
            due = min(self.n, int((time.monotonic() - begun) * self.rate) + 1)
            if due > self.said:
                self.site.say(*map(str, range(self.said + 1, due + 1)))
                self.said = due
            time.sleep(0.02)


class Reader(threading.Thread):
    """Follows until it has the last number, perhaps coming back a few times."""

    def __init__(self, api, target, n, returns=0, listed=None):
        super().__init__()
        self.api, self.target, self.n, self.returns, self.listed = api, target, n, returns, listed
        self.got, self.others, self.refused = [], [], []

    def follow(self, last, most):
        stream = Stream(self.api, self.target, last)
        while stream.reason:  # a busy store: it ends at once, and a browser comes back to the same URL
            stream.close()
            self.refused.append(stream.reason)
            assert len(self.refused) < 30, self.refused
            time.sleep(1)
            stream = Stream(self.api, self.target, last)
        begun = len(self.got)
        while (not self.got or self.got[-1] != self.n) and len(self.got) - begun < most:
            name, row = stream.next()
            if "message" in row:
                self.got.append(int(row["message"]))
            elif name != "ready":
                self.others.append((name, row, self.got[-1:]))
        stream.close()
        return stream.last

    def list(self, path):
        """To its end where it is ascending, which is where its stream goes on."""
        cursor = ""
        while True:
            answer = self.api.get(path + cursor).json
            rows = [int(row["message"]) for row in answer["data"]]
            self.got += rows if "asc" in path else reversed(rows)
            if answer["position"]:
                return answer["position"]
            cursor = "&cursor=" + answer["next_cursor"]

    def run(self):
        last = None
        if self.listed:
            self.target += self.list(f"/api/v1/logs?name=web&from=now-10m&{self.listed}")
        for _ in range(self.returns):
            last = self.follow(last, self.n // 7)
        self.follow(last, self.n * 2)


@pytest.mark.parametrize("source, rate", [("pipeline", 5), ("pipeline", 5000), ("store", 5), ("store", 5000), ("redis", 5),
                                          ("redis", 5000)])
def test_the_past_and_what_comes_are_each_number_once(tallyd, server, redis, source, rate):
    """Whoever comes whenever, and comes back: 1, 2, 3 … without a hole, nothing twice, in order."""
    site = Site(tallyd, server, redis)
    worker = site.make(PIPELINE) if source == "pipeline" else site.worker()
    if source == "pipeline":
        site.rows = worker.dir / "rows"
        site.rows.touch()
        worker.start()
        worker.says("output.timescale: started", 60)
        api = worker
    else:
        api = site.make(FROM_STORE).start() if source == "store" else site.api()
    n = {5: 30, 5000: 15000}[rate]
    printer = Printer(site, n, rate)
    printer.start()
    readers = []
    # At several moments, whatever is on its way into the store then.
    for moment in (0.1, 0.35, 0.6, 0.85):
        wait_for(lambda moment=moment: printer.said >= moment * n, 60, "that many are said")
        if moment == 0.1:
            wait_for(site.stored, 60, "the table is there")
        for target, returns, listed in (("since=now-10m", 0, None), ("tail=5", 0, None),
                                        ("since=now-10m", 3, None), ("last_event_id=", 0, "limit=20"),
                                        ("last_event_id=", 1, "limit=2000"),
                                        ("last_event_id=", 0, "order=asc&limit=5000")):
            readers.append(Reader(api, f"{LOGS}?name=web&{target}", n, returns, listed))
            readers[-1].start()
    printer.join()
    for reader in readers:
        reader.join(120)
        first = 1 if "since" in reader.target or "asc" in (reader.listed or "") else reader.got[0]
        what = (reader.target[:60], reader.returns, reader.listed, reader.others, reader.refused)
        assert reader.got == list(range(first, n + 1)), what
        assert not reader.others, (reader.target, reader.others)
