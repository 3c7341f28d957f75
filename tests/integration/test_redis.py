"""A worker that publishes in Redis, and API processes that share it: in order, frozen, dead, restarted,
behind a password, full of garbage.

The worker's input emits what a test writes into a file; PostgreSQL is the store.
"""

import itertools
import json
import re
import time

import pytest

from pg import Postgres
from redis import Redis, Watched
from waiting import wait_for

names = (f"db{n}" for n in itertools.count())
WEB, DB = "1" * 64, "2" * 64
LIST = "/api/v1/containers"

WORKER = """
[input.replay]
file = {dir}/rows
interval = 100ms
[buffer.batch]
batch_timeout = 50ms
[buffer.batch:redis]
batch_timeout = 50ms
on_full = drop_oldest
[output.timescale]
conninfo = %(conninfo)s
[output.redis]
url = %(url)s
buffer = batch:redis
timeout = %(timeout)s
%(extra)s
"""
METRICS = """
[output.http_api]
listen = 127.0.0.1:{port}
store = timescale
"""
API = """
[output.timescale]
conninfo = %(conninfo)s
maintenance = no
[output.redis]
url = %(url)s
timeout = %(timeout)s
cache_timeout = %(cache_timeout)s
%(extra)s
[output.http_api]
listen = 127.0.0.1:{port}
store = timescale
cache = %(cache)s
cache_scope = tests
cache_ttl_containers = 1h
cache_ttl_stats = 1h
"""


@pytest.fixture(scope="session")
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


@pytest.fixture
def site(tallyd, server, redis):
    """site.worker() and site.api() make daemons over the same database and the same Redis."""
    return Site(tallyd, server.conninfo(server.create(next(names))), redis)


class Site:
    def __init__(self, tallyd, conninfo, redis):
        self.tallyd, self.redis = tallyd, redis
        self.values = {"conninfo": conninfo, "url": redis.url, "timeout": "30s", "extra": "",
                       "cache_timeout": "10s", "cache": "memory, redis"}
        self.rows = self.image = None
        self.versions = itertools.count()

    def make(self, sections, **values):
        return self.tallyd(sections % {**self.values, **values})

    def worker(self, more="", **values):
        daemon = self.make(WORKER + more, **values)
        self.rows = daemon.dir / "rows"
        self.rows.touch()
        return daemon.start(ready=None)

    def api(self, **values):
        return self.make(API, **values).start(ready="/readyz")

    def emit(self, table, *rows):
        with open(self.rows, "a") as file:
            file.write(json.dumps({"table": table, "rows": rows}) + "\n")

    def show(self, container, state):
        """The container is in that state, and something has happened to it."""
        now = time.time_ns()
        name = "web" if container == WEB else "db"
        self.image = f"{name}:{next(self.versions)}"
        self.emit("container_info", [now, "alpha", container, name, self.image, None, state])
        self.emit("container_events", [now, "alpha", container, "update", name])

    def key(self, container):
        return f"tally:v1:container:{container}"


def states(daemon):
    return {name: c["state"] for name, c in daemon.containers().items()}


def level(daemon, result, kind="containers"):
    return daemon.metric("tallyd_http_api_cache_level_requests_total", level="2", kind=kind,
                         result=result)


def fill(site, *apis):
    """Both containers are stored and published, and every API knows that; then it is quiet."""
    def filled():
        site.show(WEB, "running")
        site.show(DB, "exited")
        return all(states(api) == {"web": "running", "db": "exited"} for api in apis)

    wait_for(filled, 60, every=0.5)
    wait_for(lambda: all(api.containers()["db"]["image"] == site.image for api in apis), 60)
    wait_for(lambda: site.redis.hash(site.key(DB)).get("events.name") == "db", 30)


def shared(site, first, second, query):
    """Whether the second finds what the first has fetched; the answers are the same in any case."""
    path = f"{LIST}?name=web&limit={next(query)}"
    one, two = first.get(path), second.get(path)
    assert one.status == two.status == 200
    assert one.rows == two.rows
    return two.headers["X-Cache"] == "hit"


def test_the_newest_rows_are_in_hashes_and_on_channels(site):
    worker = site.worker()
    follower = site.redis.subscriber("tally:v1:rows:*")
    try:
        for _ in range(3):
            follower.stdout.readline()  # it has subscribed
        site.show(WEB, "running")
        site.emit("container_stats", [time.time_ns(), "alpha", WEB, "web", 10, None, None, None, 12.5])
        wait_for(lambda: site.redis.hash(site.key(WEB)).get("stats.cpu_percent") == "12.5", 30)
        found = site.redis.hash(site.key(WEB))
        assert found["info.state"] == "running" and found["info.host"] == "alpha"
        assert found["events.action"] == "update" and "stats.cpu_user_ns" not in found
        messages = {}
        while len(messages) < 3:
            kind, _, channel, text = (follower.stdout.readline().rstrip("\n") for _ in range(4))
            assert kind == "pmessage"
            messages[channel.rpartition(":")[2]] = json.loads(text)
        assert messages["container_info"]["state"] == "running"
        assert messages["container_stats"]["cpu_percent"] == 12.5
        assert messages["container_events"]["container_id"] == WEB
    finally:
        follower.kill()
        follower.wait()
    assert worker.running


def test_two_apis_share_answers_and_both_see_a_change_at_once(site):
    site.worker()
    first, second = site.api(), site.api()
    fill(site, first, second)
    query = itertools.count(1)
    wait_for(lambda: shared(site, first, second, query), 60)
    assert level(second, "hit") >= 1 and level(first, "miss") >= 1
    for api in (first, second):  # an hour's answers, but not after this
        assert states(api)["web"] == "running"

    def changed():
        site.show(WEB, "exited")
        return states(first)["web"] == states(second)["web"] == "exited"

    wait_for(changed, 60, every=0.5)


def test_a_frozen_redis_changes_no_answer_and_holds_no_row_back(site):
    site.worker(timeout="1s")
    api = site.api(timeout="1s", cache_timeout="50ms")
    plain = site.api(cache="off")
    fill(site, api)
    site.redis.freeze()
    try:
        query = itertools.count(1)

        def late():
            path = f"{LIST}?limit={next(query)}"
            one, two = api.get(path), plain.get(path)
            assert one.status == two.status == 200 and one.rows == two.rows
            # an error, if the keeper's own look at Redis was the first to be late
            return level(api, "timeout") + level(api, "error") >= 1

        wait_for(late, 60)
        site.emit("container_info", [time.time_ns(), "alpha", DB, "db", "db:1", None, "paused"])
        plain.wait(lambda: states(plain)["db"] == "paused", "the database has it though Redis has not")
        assert api.metric("tallyd_redis_cache_available") == 0
    finally:
        site.redis.thaw()
    api.wait(lambda: api.metric("tallyd_redis_cache_available") == 1, "it is asked again", 60)
    wait_for(lambda: site.redis.hash(site.key(DB)).get("info.state") == "paused", 60)


def test_a_redis_that_dies_and_comes_back_empty_is_filled_again(site):
    worker = site.worker(timeout="2s")
    first, second = site.api(timeout="2s"), site.api(timeout="2s")
    fill(site, first, second)
    site.redis.stop()
    query = itertools.count(1)
    assert not any(shared(site, first, second, query) for _ in range(3))
    assert level(second, "error") + level(second, "timeout") >= 1
    for daemon in (worker, first, second):  # also who only publishes
        daemon.says("output.redis: the cache is unavailable")
    site.redis.start()
    wait_for(lambda: shared(site, first, second, query), 60)
    site.emit("container_info", [time.time_ns(), "alpha", WEB, "web", "web:1", None, "dead"])
    wait_for(lambda: site.redis.hash(site.key(WEB)).get("info.state") == "dead", 60)
    for daemon in (worker, first, second):
        daemon.says("output.redis: the cache is available again")
    assert "password" not in worker.log


def test_garbage_under_our_keys_is_refused_and_counted(site):
    site.worker()
    first, second = site.api(), site.api()
    fill(site, first, second)
    query = itertools.count(1)
    wait_for(lambda: shared(site, first, second, query), 60)
    refused = 0
    for garbage in (b"", b"tallyd\0\1", b"\xff" * 5000, b'{"data":[]}'):
        path = f"{LIST}?limit={next(query)}&name=db"  # in the order that keys have
        rows = first.get(path).rows
        keys = [k for k in site.redis.cli("--raw", "KEYS", "tally:v1:cache:answers:*").split("\n")
                if k.endswith(path)]
        assert len(keys) == 1
        assert site.redis.cli("-x", "SET", keys[0], data=garbage) == "OK"
        assert second.get(path).rows == rows
        refused += 1
        assert level(second, "refused") == refused


def test_a_wrong_password_is_logged_never_shown_and_harmless(site):
    site.worker()
    site.redis.cli("CONFIG", "SET", "requirepass", "s3cret")
    api = site.api(extra="password = wr0ng")
    api.says("WRONGPASS")
    good = site.api(extra="password = ${REDIS_PASSWORD:-s3cret}")
    good.wait(lambda: good.metric("tallyd_redis_cache_available") == 1, "it is let in")
    assert api.get(LIST).rows == good.get(LIST).rows
    assert api.metric("tallyd_instance_up", instance="output.redis") == 0
    assert not re.search("wr0ng|s3cret", api.log + good.log)
    assert "********" in good.call("config", "explain").stdout


@pytest.fixture
def watched():
    made = Watched()
    try:
        yield made.start("s3ntinel")
    finally:
        made.leave()


def test_after_a_failover_all_goes_on_at_the_new_primary(tallyd, server, watched):
    """Of the sentinels the one that is asked first dies with the primary."""
    old = watched.primary()
    site = Site(tallyd, server.conninfo(server.create(next(names))), old)
    site.values.update(url=watched.url, timeout="2s", extra="sentinel_password = s3ntinel")
    worker = site.worker(METRICS)
    first, second = site.api(), site.api()
    fill(site, first, second)
    query = itertools.count(1)
    wait_for(lambda: shared(site, first, second, query), 60)

    watched.sentinels[0].stop()
    old.stop()
    shown = []

    def promoted():
        shown.append(f"{len(shown) + 1:064x}")
        site.emit("container_info", [time.time_ns(), "alpha", shown[-1], "web", "web:1", None, "dead"])
        return watched.primary() is not old

    wait_for(promoted, 60, every=0.2)
    site.redis = watched.primary()
    wait_for(lambda: site.redis.cli("ROLE").startswith("master"), 30)
    wait_for(lambda: all(site.redis.hash(site.key(c)).get("info.state") == "dead" for c in shown), 90)
    wait_for(lambda: shared(site, first, second, query), 90)
    wait_for(lambda: worker.metric("tallyd_rows_waiting", output="output.redis") == 0, 30)
    assert worker.metric("tallyd_rows_dropped_total", output="output.redis") == 0
    worker.balanced()
    assert not re.search("s3ntinel", worker.log + first.log + second.log)


def test_a_password_that_was_changed_in_its_file_is_used_without_a_reload(site, tmp_path):
    secret = tmp_path / "password"
    site.redis.cli("CONFIG", "SET", "requirepass", "s3cret")
    try:
        secret.write_text("s3cret\n")
        api = site.api(extra=f"password_file = {secret}")
        api.wait(lambda: api.metric("tallyd_redis_cache_available") == 1, "it is let in")
        site.redis.cli("-a", "s3cret", "CONFIG", "SET", "requirepass", "fr3sh")
        site.redis.cli("-a", "fr3sh", "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        api.wait(lambda: api.metric("tallyd_redis_cache_available") == 0, "it is refused")
        api.says("WRONGPASS")
        secret.write_text("fr3sh\n")
        api.says("the cache is available again", 60)
        assert "reload" not in api.log and "fr3sh" not in api.log and "s3cret" not in api.log
    finally:
        for password in ("s3cret", "fr3sh"):
            site.redis.cli("-a", password, "CONFIG", "SET", "requirepass", "")
