"""The same rows in SQLite, in plain PostgreSQL and in TimescaleDB (the one that
TALLYD_TEST_TIMESCALE names, if it does), written by one daemon through each
store's plugin: every endpoint gives the same answer over each of them, to the byte.

What may differ is said where it does: see test_readiness, test_the_daemon_itself and
test_times_below_a_microsecond.
"""

import csv
import io
import json
import math
import os
import random
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from daemon import Tallyd, free_port
from pg import Given, Postgres, Timescale
from questions import Questions
from waiting import wait_for

SECOND, MINUTE, HOUR, DAY = 1, 60, 3600, 86400
WEB, DB, OLD, TWIN = ("1" * 64, "11" + "2" * 62, "3" * 64, "4" * 64)
IMAGE_A, IMAGE_B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
HOSTS = {WEB: ("alpha", "web"), DB: ("alpha", "db"), OLD: ("alpha", "web"), TWIN: ("beta", "db")}
INPUT = "[input.replay]\nfile = {dir}/rows\ninterval = 100ms\n[buffer.batch]\nbatch_timeout = 50ms\n"


def ns(seconds):
    return round(seconds * 1000) * 1_000_000


# ---- Rows


def stats_row(container, at, n):
    """With gaps in it, and counters that begin anew now and then."""
    host, name = HOSTS[container]
    since = n % 97
    cpu = None if n % 31 == 0 else 40 + 30 * math.sin(n / 9) + len(name)
    return [ns(at), host, container, name,
            since * 7_000_000_001, since * 5_000_000_000, None, n * 1_000_000_000, cpu, 2,
            since // 3, since * 1_000_003, 100_000_000 + n * 4096, 90_000_000 + n * 4096,
            2**31, (90_000_000 + n * 4096) / 2**31 * 100, None if n % 2 else 50_000_000, 1_000_000,
            since * 11, 0, 5 + n % 3, None, since * 1500, since * 900, since * 10, since * 8]


def stats_rows(base):
    for container in (WEB, TWIN, OLD):
        end = base - 2 * DAY if container == OLD else base
        seldom = range(int(base - 5 * DAY), int(base - 3 * HOUR), 10 * MINUTE)
        often = range(int(base - 3 * HOUR), int(base) + 1, 15)
        for n, at in enumerate([*seldom, *often]):
            if at <= end and n % 53 != 7:
                yield stats_row(container, at + 0.25 * (container == TWIN), n)


def info_rows(base):
    labels = {"app": "web", "env": "prod", "a.b/c": "x=y", "quo\"te": "\\", "empty": ""}
    for container, state, gone in ((WEB, "running", None), (DB, "exited", None),
                                   (OLD, "removed", base - 2 * DAY), (TWIN, "running", None)):
        host, name = HOSTS[container]
        yield [ns(base), host, container, name, f"{name}:1.25", IMAGE_A, state, f"{state} a while",
               "healthy" if container == WEB else None, 3 if state == "exited" else None,
               container == DB, 2, ns(base - 6 * DAY), ns(base - 5 * DAY) + 123456000,
               gone and ns(gone), "run 'it' \"now\" \u2028 \U0001f433\n", "[ {\"b\": 1, \"a\": 2.50} ]",
               json.dumps({**labels, "app": name}), "shop" if container != DB else None, name,
               0.5, 2**53 + 1, None, gone and ns(gone), "ok", f"shop/{name}" if container != DB else "db"]


def event_rows(base):
    for n in range(120):
        container = (WEB, DB, TWIN)[n % 3]
        host, name = HOSTS[container]
        action = ("create", "start", "die", "health_status")[n % 4]
        yield [ns(base - n * 20 * MINUTE) + n * 1000, host, container, action, name, f"{name}:1.25",
               3 if action == "die" else None, None, action == "die" or None,
               "healthy" if action == "health_status" else None, "{\"oldName\":\"/x\", \"n\": \"1\"}"]


MESSAGES = ["plain", "MiXed Case ÄÖ äö", "100 % _sure_ [a-z]* \\ back", "", " lead and trail ",
            "tab\tand \x1b[1mcolour\x7f", "\U0001f433 whale", "quote \" and ' and \\\" "]


def log_rows(base):
    for n in range(400):
        container = (WEB, TWIN)[n % 2]
        host, name = HOSTS[container]
        yield [ns(base - (n // 4) * 9) + n // 8 * 1000, host, container, name,
               ("stdout", "stderr")[n % 3 == 0], f"{MESSAGES[n % 8]} {n}" if n % 8 != 3 else "",
               (None, "info", "error")[n % 3], n, PATTERNS[n % 4]]


PATTERNS = ["%012x" % n for n in (1, 2, 3)] + [None]


def pattern_rows(base):
    for n, pattern in enumerate(PATTERNS[:3]):
        for host in ("alpha", "beta"):
            yield [ns(base), host, "shop/web", pattern, f"word {n} <*>", (None, "error", "info")[n],
                   ns(base - DAY if n else base - 5 * MINUTE), ns(base), f"word {n} 5"]
    yield [ns(base), "alpha", "db", "f" * 12, "was here", None, ns(base - DAY), ns(base - HOUR), "was here"]


def change_rows(base):
    """One change an hour ago, after which all that web printed were errors; and others."""
    for n, (at, service, kind, container) in enumerate((
            (base - HOUR - 7, "shop/web", "image", WEB), (base - HOUR - 7, "shop/web", "limits", WEB),
            (base - 2 * DAY, "shop/web", "restart", OLD), (base - HOUR, "db", "oom", DB),
            (base - 30 * MINUTE, None, "mark", None), (base - 40 * MINUTE, None, "host", None))):
        yield [ns(at), "alpha", service, kind, container, f"{ns(at) // 1000:x}-{n:08x}", "web" if container == WEB else None,
               "{\"b\": 1, \"a\": 2.50}", "{\"text\": \"deploy\"}", OLD if container else None, IMAGE_B, IMAGE_A,
               None, None, "shop" if service and "/" in service else None]


def alert_rows(base):
    """What `busy` said of web in the last week, and others that fire, wait, or are over."""
    for days in range(6, -1, -1):
        yield from alert_of(base - days * DAY - HOUR, "busy", "shop/web", "service", "firing", 97.5)
        yield from alert_of(base - days * DAY - 60, "busy", "shop/web", "service", "resolved", 12)
    for subject in ("web", "old"):
        yield from alert_of(base - 2 * HOUR, "unhealthy", subject, "container", "firing", None)
    yield from alert_of(base - HOUR, "unhealthy", "old", "container", "resolved", None)
    yield from alert_of(base - MINUTE, "silent", "beta", "host", "pending", 61)


def alert_of(at, rule, subject, kind, state, value):
    yield [ns(at), "alpha", rule, subject, state, value, ns(at - 5 * MINUTE), state != "pending",
           "critical" if rule == "unhealthy" else "warning", f"{subject}: {rule}", kind]


def image_rows(base):
    users = json.dumps([{"container_id": WEB, "name": "web", "state": "running", "reference": "web",
                         "outdated": True, "outdated_since": "2026-01-01T00:00:00Z"}])
    yield [ns(base), "alpha", IMAGE_A, "[]", "[\"web@sha256:0\"]", ns(base - 9 * DAY), 123, None, 1,
           False, 1, ns(base - DAY), users, None]
    yield [ns(base), "alpha", IMAGE_B, "[\"web:latest\", \"x.y:5/team/web:2\"]", "[]", ns(base - DAY),
           456, 7, 0, False, 0, None, "[]", None]
    yield [ns(base), "beta", IMAGE_B, "[\"web:latest\"]", "[]", ns(base - DAY), 456, 7, 0, False, 0,
           None, "[]", None]
    yield [ns(base), "beta", IMAGE_A, "[]", "[]", None, 1, None, 0, True, 0, None, "[]", ns(base)]


def version_rows(base):
    yield [ns(base - 3 * DAY), "alpha", "web:latest", IMAGE_A, None, None, "added"]
    yield [ns(base - DAY), "alpha", "web:latest", IMAGE_B, "web@sha256:1", IMAGE_A, "moved"]
    yield [ns(base - DAY) + 1000, "beta", "web:latest", IMAGE_B, None, None, "added"]
    yield [ns(base - HOUR), "beta", "old:1", None, None, IMAGE_A, "removed"]


def note_rows(base):
    for n in range(60):
        yield [ns(base - (n // 3) * 60), ("ann", "bob \u00e9", "%_*")[n % 3], n, f"note {n}"]


def weather_rows(base):
    for n in range(200):
        yield [ns(base - n * 45) + 7000, ("here", "there")[n % 2], [1e-7, -1.5, 1e21, 0.1, None][n % 5],
               2**62 + (200 - n), n % 3 == 0, "{\"z\": [1, 2], \"a\": null}" if n % 2 else None]


TABLES = {"container_stats": stats_rows, "container_info": info_rows, "container_events": event_rows,
          "container_logs": log_rows, "docker_images": image_rows, "image_versions": version_rows, "container_changes": change_rows,
          "alerts": alert_rows,
          "notes": note_rows, "weather": weather_rows, "log_patterns": pattern_rows}


# ---- The stores


class Stores:
    """One daemon that writes into all of them, and an API over each."""

    def __init__(self, folder, conninfos):
        self.ports = {"sqlite": free_port()}
        sections = INPUT + "[output.sqlite]\npath = {db}\n"
        for name, conninfo in conninfos.items():
            self.ports[name] = free_port()
            sections += f"[output.timescale:{name}]\nconninfo = {conninfo}\n"
        for name, port in self.ports.items():
            store = name if name == "sqlite" else f"timescale:{name}"
            sections += (f"[output.http_api:{name}]\nlisten = 127.0.0.1:{port}\nstore = {store}\n"
                         "cache = off\nquery_timeout = 60s\nsearch_time = 55s\nmax_connections_per_address = 256\n")
        self.daemon = Tallyd(folder, sections, port=self.ports["sqlite"])
        self.rows = folder / "rows"
        self.rows.touch()
        self.emitted = 0

    def emit(self, table, rows):
        rows = list(rows)
        line = json.dumps({"table": table, "rows": rows}, ensure_ascii=False) + "\n"
        with open(self.rows, "ab") as file:
            file.write(line.encode())
        self.emitted += len(rows)

    def stored(self, store):
        output = store if store == "sqlite" else f"timescale:{store}"
        return self.daemon.metric("tallyd_rows_stored_total",
                                  output=f"output.{output}") == self.emitted

    def wait_stored(self, *stores):
        self.daemon.wait(lambda: all(self.stored(s) for s in stores), "all rows are stored", 180)

    def get(self, store, path):
        answer = self.daemon.get(path, timeout=90, port=self.ports[store])
        assert answer.status, f"{store} {path}: {answer.body!r}"
        return answer

    def ask(self, path):
        """What each store answers."""
        with ThreadPoolExecutor(len(self.ports)) as pool:
            return dict(zip(self.ports, pool.map(lambda name: self.get(name, path), self.ports)))


def seen(answer):
    """Without the time at which a list of containers was asked for, which its position begins with."""
    body = re.sub(r'"position":"C[^~"]*', '"position":"C', answer.body.decode())
    names = ["Content-Type", "Link"] + ["ETag"] * (body == answer.body.decode())
    return f"{body}\n{answer.status} {[(name, answer.headers.get(name)) for name in names]}"


NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:e-?\d+)?)")  # whole ones too: a sum may come to one in one order only
ROUNDED = re.compile(r"(-?\d+\.\d+(?:e-?\d+)?)")  # to six digits


def alike(path, one, other):
    """Equal, but for the last digits of fractions: the stores add the same numbers in different orders."""
    if one == other:
        return True
    effect = "/effect" in path
    if not effect and "/stats" not in path:
        return False
    ours, theirs = ((ROUNDED if effect else NUMBER).split(re.sub(r"\('ETag'.*?\)", "", text)) for text in (one, other))
    return ours[::2] == theirs[::2] and all(math.isclose(float(a), float(b), rel_tol=2e-5 if effect else 1e-12)
                                            for a, b in zip(ours[1::2], theirs[1::2]))


def difference(one, other):
    """Where two texts part."""
    at = next((i for i, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
    return f"at {at}: …{one[max(0, at - 80):at + 80]!r} against …{other[max(0, at - 80):at + 80]!r}"


@pytest.fixture(scope="module")
def base():
    return time.time() // HOUR * HOUR - HOUR


def timescaledb():
    """The server, and the conninfo of a database there."""
    if "TALLYD_TEST_TIMESCALE" in os.environ:
        given = Given()
        return given, given.conninfo(given.create("stores"))
    tsl = Timescale()
    return tsl, tsl.start().conninfo()


@pytest.fixture(scope="module")
def stores(tmp_path_factory, base):
    plain = Postgres()
    tsl, conninfo = timescaledb()
    try:
        conninfos = {"plain": plain.start().conninfo(), "tsl": conninfo}
        made = Stores(tmp_path_factory.mktemp("stores"), conninfos)
        made.daemon.start()
        for table, rows in TABLES.items():
            made.emit(table, rows(base))
        made.wait_stored(*made.ports)
        yield made
        made.daemon.stop()
    finally:
        plain.leave()
        tsl.leave()


@pytest.fixture
def same(stores, base, rolled):  # pylint: disable=unused-argument,redefined-outer-name
    """same(path) wants one answer, with {N} for N seconds after the newest row; returns it."""

    def check(path, status=200):
        path = re.sub(r"\{(-?\d+)\}", lambda m: f"{base + int(m[1]):.0f}", path)
        answers = stores.ask(path)
        first = answers["sqlite"]
        for name, answer in answers.items():
            if not alike(path, seen(answer), seen(first)):
                pytest.fail(f"{path}: sqlite and {name} differ " +
                            difference(seen(first), seen(answer)), pytrace=False)
        assert first.status == status, f"{path}: {first.status} {first.body[:300]!r}"
        return first

    return check


def pages(same, path):
    """All rows of all pages, each page the same everywhere."""
    while path:
        answer = same(path)
        yield from answer.json["data"]
        link = answer.headers.get("Link")
        path = link and link[1:link.index(">")]


@pytest.fixture(scope="module")
def rolled(stores, base):
    """All stores have rolled their readings up.  While it does that, a TimescaleDB of one backend
    answers nobody for longer than a search may take."""
    path = f"/api/v1/containers/web/stats?from={base - 2 * DAY:.0f}&to={base:.0f}&step="

    def done():
        return all(answer.json["meta"]["source"] == f"container_stats_{level}"
                   for step, level in (("1m", "1min"), ("1h", "1h"), ("1d", "1d"))
                   for answer in stores.ask(path + step).values())

    began = time.time()
    wait_for(done, 420, "the readings are rolled up")

    def quiet():
        return max(value for (name, labels), value in stores.daemon.metrics().items()
                   if name == "tallyd_timescale_upkeep_success_time_seconds" and "timescale:tsl" in labels) > began

    wait_for(quiet, 240, "a whole round of the maintenance is done")


# ---- Lists


@pytest.mark.parametrize("query, n", [
    ("", 3), ("host=alpha", 2), ("host=alpha&host=beta", 3), ("state=running&state=exited", 3),
    ("name=w*", 1), ("name=db", 2), ("name=*b&name=?b", 2), ("image=db:*", 2), ("health=healthy", 1),
    ("label=app%3Dweb", 1), ("label=env", 3), ("label=a.b%2Fc%3Dx%3Dy", 3), ("label=quo%22te%3D%5C", 3),
    ("label=empty%3D", 3), ("label=ap", 0), ("project=shop", 2), ("service=shop%2Fweb", 1), ("service=db", 1), ("service=*%2F*", 2),
    ("service=shop%2Fweb&service=db", 2), ("service=shop%2Fweb&gone=yes", 2), ("service=web", 0), ("gone=yes", 4), ("host=nope", 0)])
def test_containers(same, query, n):
    assert len(same(f"/api/v1/containers?{query}").json["data"]) == n
    assert len(list(pages(same, f"/api/v1/containers?limit=1&{query}"))) == n


@pytest.mark.parametrize("path, status", [
    ("web", 200), ("db?host=beta", 200), ("db", 409), ("44", 200), ("1" * 64, 200), ("1", 409), ("no", 404),
    ("web/stats?format=rows&from={-600}&to={1}", 200), ("db?host=x", 404), ("3333", 200)])
def test_one_container(same, path, status):
    same(f"/api/v1/containers/{path}", status)


LINES = "from={-86400}&to={1}&"


@pytest.mark.parametrize("query, n", [
    ("", 400), ("order=asc", 400), ("stream=stderr", 134), ("level=error", 133),
    ("level=info&level=error", 266), ("q=plain", 50), ("q=MIXED", 50), ("q=" + quote("äö"), 50),
    ("q=" + quote("ÄÖ ÄÖ"), 0), ("q=" + quote("% _sure_ [a-z]* \\"), 50), ("q=" + quote("\\\" "), 50),
    ("q=whale&q=2", None), ("container=web", 200), ("container=web&container=" + TWIN, 400),
    ("host=beta", 200), ("name=w*", 200), ("name=" + quote("[w]eb"), 0), ("q=" + quote("\x1b[1m"), 50),
    ("level=err&level=information", 266), ("level=fatal", 0), ("q=a", 350), ("q=" + quote("no such text"), 0),
    ("regex=" + quote("^plain [0-9]+$"), 50), ("regex=" + quote("(?i)^PLAIN|whale"), 100), ("regex=" + quote("mixed"), 0),
    ("regex=" + quote("^MiXed.*äö \\d{2,}$") + "&q=case", 48), ("regex=.&regex=" + quote("[02468]$"), None),
    ("regex=" + quote("\\Q_sure_\\E [[]a-z\\]\\*"), 50), ("regex=" + quote("^$"), 50), ("regex=" + quote("^.{7}\U0001f433?"), None),
    ("regex=back|trail&container=web", 100), ("project=shop", 400), ("project=nope", 0), ("project=shop&host=beta", 200),
    ("label=app%3Dweb", 200), ("label=env&label=app%3Ddb", 200), ("project=shop&container=web&level=error", None),
    ("label=app%3Dweb&container=" + TWIN, 0), ("service=shop%2Fweb", 200), ("service=shop%2F*&level=error", 133), ("service=db", 0), (f"pattern={'0' * 11}1", 100),
    (f"pattern={'0' * 11}1&pattern={'0' * 11}2&level=error", None), ("pattern=x", 0), ("project=shop&project=nope&regex=" + quote("trail +[0-9]"), 50)])
def test_logs(same, rolled, query, n):
    rows = list(pages(same, f"/api/v1/logs?{LINES}limit=90&{query}"))
    assert len({row["sequence"] for row in rows}) == len(rows) and len(rows) == (n or len(rows)) > -1
    for form in ("ndjson", "csv"):
        same(f"/api/v1/logs?{LINES}limit=1000&format={form}&{query}")


def test_logs_of_one_container(same, rolled):
    assert len(same(f"/api/v1/containers/web/logs?{LINES}limit=1000&q=plain").json["data"]) == 50
    assert same("/api/v1/containers/web/logs?from={-9}&to={0}").json["data"]


@pytest.mark.parametrize("query", [
    "", "level=warn&level=err", "stream=stderr", "q=a", "regex=" + quote("[02468]$"), "project=shop&host=beta",
    "label=app%3Dweb", "container=web", "name=d*", "q=" + quote("no such text"), "project=nope", f"pattern={PATTERNS[0]}"])
def test_lines_are_counted_as_they_are_listed(same, rolled, query):
    rows = same(f"/api/v1/logs?{LINES}limit=1000&{query}").json["data"]
    count = same(f"/api/v1/logs/count?{LINES}{query}").json
    assert count["complete"] and count["data"]["total"] == len(rows) == sum(count["data"]["levels"].values())
    assert same(f"/api/v1/logs?{LINES}limit=1&total=yes&{query}").json["total"] == len(rows)
    for level, n in count["data"]["levels"].items():
        assert n == sum((row["level"] or "none") == level for row in rows)
    for grid in ("from={-86400}&to={60}&step=1h", "from={-1000}&to={60}&step=45s", "from={-3600}&to={60}&points=7",
                 "from={-86400}&to={60}&step=1d&tz=Asia/Kathmandu"):
        points = same(f"/api/v1/logs/histogram?{grid}&by=level&{query}").json["data"]
        begins = {point["time"]: sum(point["levels"].values()) for point in points}
        assert sum(begins.values()) == sum(
            n for time, n in Counter(row["time"][:19] + "Z" for row in rows).items() if time >= min(begins))
        assert all(point["total"] == begins[point["time"]] for point in points)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_lines_come_with_those_around_them(same, rolled, order):
    """As grep -A -B: the lines of the same container before and after, each once and in order."""
    whole = same(f"/api/v1/logs?{LINES}limit=10000&order={order}").json["data"]
    found = same(f"/api/v1/logs?{LINES}q=whale&limit=1000&order={order}").json["data"]
    answer = same(f"/api/v1/logs?{LINES}q=whale&limit=1000&order={order}&before=2&after=1").json["data"]
    wanted = set()
    for container in (WEB, TWIN):
        own = [row["sequence"] for row in whole if row["container_id"] == container]
        own = own if order == "asc" else own[::-1]
        for row in found:
            if row["container_id"] == container:
                at = own.index(row["sequence"])
                wanted.update(own[max(0, at - 2):at + 2])
    assert [row["sequence"] for row in answer] == [row["sequence"] for row in whole if row["sequence"] in wanted]
    assert [row for row in answer if not row["context"]] == [{**row, "context": False} for row in found]
    same(f"/api/v1/logs?{LINES}q=whale&limit=7&order={order}&before=2&after=1&format=csv")
    same(f"/api/v1/containers/web/logs?{LINES}regex=whale&limit=3&order={order}&after=3")


def test_counts_of_lines_are_kept_and_mended(stores, same, rolled, base):
    """What is counted per minute and level is as many as there are lines, also where some come late."""
    path = f"/api/v1/tables/container_logs_lines?from={base - DAY:.0f}&to={base + 60:.0f}&limit=1000"

    def counted():
        return {name: sum(row["lines"] for row in answer.json.get("data", []))
                for name, answer in stores.ask(path).items()}

    def lines():
        return {name: len(answer.json["data"]) for name, answer in stores.ask(
            f"/api/v1/logs?from={base - DAY:.0f}&to={base + 60:.0f}&limit=10000").items()}

    wait_for(lambda: counted() == lines(), 240, "all lines are counted")
    late = [[ns(base - 7 * MINUTE) + 77, "alpha", WEB, "web", "stdout", "late", level, 500000 + n]
            for n, level in enumerate(("error", None, "critical"))]
    stores.emit("container_logs", late)
    stores.wait_stored(*stores.ports)
    wait_for(lambda: counted() == lines(), 240, "late lines are counted")
    count = same("/api/v1/logs/count?from={-600}&to={60}").json["data"]
    assert count["levels"]["critical"] == 1
    assert count["total"] == len(same("/api/v1/logs?from={-600}&to={60}&limit=10000").json["data"])


@pytest.mark.parametrize("query, n", [
    ("", 7), ("service=shop%2Fweb", 6), ("service=d*", 1), ("host=beta", 3), ("level=err", 2), ("service=x", 0)])
def test_patterns_of_lines(same, rolled, base, query, n):
    """Each with as many lines as the list has of it, in two ranges too."""
    end = "to={60}&"
    whole = [f"/api/v1/logs/patterns?from={{-86400}}&{end}total=yes&{query}",
             f"/api/v1/logs/patterns?from={{-86400}}&{end}total=yes&new_since={{-600}}&{query}"]
    lines = same(f"/api/v1/logs?{LINES}limit=1000").json["data"]
    plain, split = (same(path).json for path in whole)
    assert plain["total"] == split["total"] == len(plain["data"]) == len(split["data"]) == n
    assert plain["counted_until"]
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(base - 600))
    for row in plain["data"]:
        mine = [line for line in lines if (line["pattern"], line["host"]) == (row["id"], row["host"])]
        other = next(r for r in split["data"] if (r["id"], r["host"]) == (row["id"], row["host"]))
        assert row["lines"] == len(mine) and row["state"] is None and row["lines_before"] is None
        assert other["lines"] == sum(line["time"] >= since for line in mine)
        assert other["lines_before"] == len(mine) - other["lines"]
        assert other["state"] == {PATTERNS[0]: "new", "f" * 12: "gone"}.get(row["id"], "known")
    assert [row["state"] for row in split["data"]] == sorted((row["state"] for row in split["data"]), key="new".__ne__)
    assert list(pages(same, whole[1] + "&limit=2")) == split["data"]
    same(whole[1] + "&format=csv&limit=2&sort=-first_seen")


@pytest.mark.parametrize("query, n", [
    ("", 120), ("order=asc", 120), ("action=die", 30), ("action=die&action=start", 60), ("name=d*", 80),
    ("image=web:1.25", 40), ("container=44", 40), ("service=shop%2Fweb", 40), ("service=*db&action=die", 20), ("service=x", 0),
    ("service=shop%2Fweb&container=44", 0), ("host=beta&action=die", 10)])
def test_events(same, query, n):
    rows = list(pages(same, f"/api/v1/events?from={{-432000}}&to={{1}}&limit=17&{query}"))
    assert len(rows) == n
    same(f"/api/v1/events?from={{-432000}}&to={{1}}&format=csv&limit=500&{query}")


@pytest.mark.parametrize("query, n", [
    ("", 6), ("order=asc", 6), ("service=shop%2Fweb", 3), ("service=*b", 4), ("kind=image&kind=oom", 2), ("project=shop", 3),
    ("host=beta", 0), ("kind=mark", 1)])
def test_changes(same, query, n):
    assert len(list(pages(same, f"/api/v1/changes?from={{-604800}}&to={{1}}&limit=2&{query}"))) == n
    same(f"/api/v1/changes?from={{-604800}}&to={{1}}&format=csv&{query}")


@pytest.mark.parametrize("query, found", [
    ("", [("busy", "shop/web", "resolved"), ("silent", "beta", "pending"), ("unhealthy", "old", "resolved"), ("unhealthy", "web", "firing")]),
    ("state=firing", [("unhealthy", "web", "firing")]),  # not busy, which fired before it was resolved
    ("state=firing&state=pending&severity=warning", [("silent", "beta", "pending")]),
    ("name=*y&severity=critical", [("unhealthy", "old", "resolved"), ("unhealthy", "web", "firing")]),
    ("service=shop%2F*", [("busy", "shop/web", "resolved")]),
    ("container=web&host=alpha", [("unhealthy", "web", "firing")]),
    ("host=beta", [])])
def test_alerts(same, query, found):
    answer = same("/api/v1/alerts?total=yes&" + query).json
    assert list(pages(same, "/api/v1/alerts?limit=1&" + query)) == answer["data"]
    assert [(row["rule"], row["subject"], row["state"]) for row in answer["data"]] == found
    assert answer["total"] == len(found)
    assert len(same(f"/api/v1/alerts?limit=1&fields=rule,value&{query}").json["data"]) == min(1, len(found))
    same(f"/api/v1/alerts?format=csv&{query}")


@pytest.mark.parametrize("query, n", [
    ("", 18), ("order=asc", 18), ("state=firing", 9), ("name=busy&state=resolved", 7), ("severity=critical", 3),
    ("container=web", 1), ("service=shop%2Fweb", 14), ("sort=-value&total=yes", 18)])
def test_history_of_alerts(same, query, n):
    assert len(list(pages(same, f"/api/v1/alerts/history?from={{-604800}}&to={{1}}&limit=5&{query}"))) == n
    same(f"/api/v1/alerts/history?from={{-604800}}&to={{1}}&format=csv&{query}")


@pytest.mark.parametrize("window", ["5min", "30min", "1h", "6h", "1d"])
def test_effects_of_changes(same, rolled, window):
    for change in same("/api/v1/changes?from={-604800}&to={1}").json["data"]:
        effect = same(f"/api/v1/changes/{change['id']}/effect?window={window}").json
        assert {**effect["change"], "effect": change["effect"]} == change
        by_name = {metric["name"]: metric for metric in effect["metrics"]}
        assert list(by_name) == ["cpu", "memory", "memory_growth", "network", "disk", "throttling", "lines_error", "lines_warning", "lines", "ends"]
        if change["kind"] == "image" and window == "1h":
            assert effect["containers"] == 1 and effect["step"] == 60
            assert by_name["cpu"]["before"]["n"] == 60 and by_name["cpu"]["after"]["n"] >= 55
            assert by_name["memory"]["after"]["mean"] > by_name["memory"]["before"]["mean"]
            new, = effect["patterns"]["new"]
            assert (new["pattern"], new["before"], new["after"]) == (PATTERNS[0], 0, 99)
        assert (effect["patterns"] is None) == (change["service"] is None)
    same("/api/v1/changes/abc-0/effect", 404)
    same("/api/v1/changes/x/effect", 404)


@pytest.mark.parametrize("path", [
    "images", "images?host=beta", "images?reference=WEB:L", "images?dangling=yes&gone=yes", "images?outdated=yes", "images?outdated=no",
    "images?gone=yes&limit=1", "images?format=csv", "images/web", "images/" + "b" * 12, "images/x.y:5%2Fteam%2Fweb:2",
    "images/versions", "images/versions?reference=web", "images/versions?reference=*:1", "images/versions?limit=1",
    "images/versions?outdated=yes", "images/versions?host=beta&from={-7200}&to={1}"])
def test_images(same, path):
    same(f"/api/v1/{path}")


@pytest.mark.parametrize("path", ["hosts", "summary", "tables", "stats/latest", "stats/latest?host=beta",
                                  "stats/latest?fields=cpu_percent,net_rx_bytes", "top?window=1d",
                                  "top?window=1d&by=mem&limit=1", "top?window=1d&by=net", "top?window=1d&by=blk",
                                  "top?window=1d&host=beta", "stats/latest?format=csv&sort=-pids",
                                  "stats/latest?format=ndjson&host=beta", "top?window=1d&by=net&format=csv",
                                  "top?window=1d&format=ndjson", "top?from={-86400}&to={0}&by=pids",
                                  "top?from={-400000}&to={-1000}&by=net_rx_bytes",
                                  "top?from={-432000}&to={0}&by=mem_used_bytes&agg=max&times=ms&ints=string"])
def test_what_is_now(same, path):
    same(f"/api/v1/{path}")


@pytest.mark.parametrize("query", ["notes?", "notes?order=desc&", "notes?author=ann&", "notes?author=%25_*&author=ann&",
                                   "weather?", "weather?order=desc&", "weather?place=here&", "container_events?",
                                   "container_stats?order=desc&name=web&", "container_info?", "container_info?host=beta&", "docker_images?"])
def test_tables(same, query):
    rows = list(pages(same, f"/api/v1/tables/{query}from={{-7200}}&to={{1}}&limit=37"))
    assert len(rows) == len({json.dumps(row) for row in rows}) > 0


@pytest.mark.parametrize("table", [*TABLES])
def test_tables_as_text(same, table):
    """Each page is a CSV, or lines of JSON, of its own; the Link header leads on."""
    rows = {"csv": 0, "ndjson": 0}
    for form in rows:
        path = f"/api/v1/tables/{table}?from={{-7200}}&to={{1}}&limit=170&format={form}"
        while path:
            answer = same(path)
            if form == "csv":
                rows[form] += len(list(csv.DictReader(io.StringIO(answer.body.decode(), newline=""))))
            else:
                rows[form] += answer.body.count(b"\n")
            link = answer.headers.get("Link")
            path = link and link[1:link.index(">")]
    assert rows["csv"] == rows["ndjson"] > 0


@pytest.mark.parametrize("table, key", [("container_info", "container_id"), ("docker_images", "image_id")])
def test_tables_of_state_in_both_orders(same, table, key):
    """By their tags, one row and all rows a page."""
    orders = {f"{order}{limit}": [(row["host"], row[key]) for row in
                                  pages(same, f"/api/v1/tables/{table}?order={order}&limit={limit}")]
              for order in ("asc", "desc") for limit in (1, 3, 100)}
    rows = sorted(orders["asc100"])
    assert len(rows) == 4
    assert all(found == (rows if order.startswith("asc") else rows[::-1]) for order, found in orders.items())


@pytest.mark.parametrize("path, row", [
    ("containers?gone=yes&fields=host,container_id,name,created", "created"), ("containers?gone=yes", "name"),
    ("images?gone=yes", "size_bytes"), ("events?from={-86400}&to={1}", "action"), ("events?from={-86400}&to={1}", "time"),
    ("logs?from={-86400}&to={1}", "level"), ("logs?from={-86400}&to={1}&regex=a", "message"), ("logs?from={-600}&to={1}", "time"),
    ("changes?from={-604800}&to={1}", "kind"), ("alerts?", "severity"), ("alerts?", "time"), ("images/versions?", "outdated"),
    ("images/versions?", "reference"), ("logs/patterns?from={-86400}&to={60}", "level"), ("logs/patterns?from={-86400}&to={60}&fields=lines", "lines"), ("tables/weather?from={-9000}&to={1}", "celsius"), ("tables/notes?from={-1140}&to={1}", "text")])
def test_sorted_pages(same, path, row):
    for sort in (row, "-" + row):
        rows = list(pages(same, f"/api/v1/{path}&sort={sort}&limit=37&total=yes"))
        found = [one[row] for one in rows if one[row] is not None]
        assert found == sorted(found, reverse=sort != row) and found == [one[row] for one in rows][:len(found)]
        assert len(rows) == same(f"/api/v1/{path}&limit=1&total=yes").json["total"]


# ---- Wrong questions


@pytest.mark.parametrize("path, status", [
    ("containers?limt=1", 400), ("containers?limit=0", 400), ("containers?cursor=x", 400), ("containers/no/stats", 404),
    ("containers/web/stats?fields=nope", 400), ("containers/web/stats?step=0.5s", 400), ("containers/web/stats?agg=median", 400),
    ("containers/web/stats?from=now-31d", 400), ("containers/web/stats?from=yesterday", 400),
    ("containers/web/stats?step=1s&from=now-1d", 400), ("containers/web/stats?agg=rate&fields=cpu_percent", 400),
    ("logs?order=up", 400), ("logs?regex=(", 400), ("logs?regex=" + "x" * 1001, 400), ("logs?regex=" + quote("\\C"), 400),
    ("logs?project=a&labl=b", 400), ("containers/web/logs?project=a", 400), ("logs?" + "regex=a&" * 9, 400), ("logs?stream=both", 400), ("logs?level=loud", 400), ("logs?container=nope", 404),
    ("events?cursor=AAAA", 400), ("images/nope", 404), ("images/versions?reference=", 400), ("tables/nope", 404),
    ("tables/weather?celsius=1", 400), ("top?by=luck", 400), ("stats?ids=", 404), ("stats?ids=web,nope", 404),
    ("logs?sort=level&after=1", 400), ("images/versions?sort=containers", 400), ("stats/latest?sort=pid", 400), ("top?sort=name", 400),
    ("stats?group_by=pod", 400), ("stats?group_by=host&agg=last", 400), ("stats?ids=web&host=alpha&project=shop", 400),
    ("stats?ids=db", 409), ("stats?ids=web&host=beta", 404), ("nope", 404)])
def test_wrong_questions(same, path, status):
    answer = same(f"/api/v1/{path}", status)
    assert answer.headers["Content-Type"].startswith("application/problem+json")


def test_questions_drawn_at_random(stores, base, rolled):
    """Before any rows are added, which the stores roll up and count at times of their own."""
    questions = Questions(random.Random(1), base, 5, ("web", "db", WEB, OLD[:4], TWIN, "nope"))
    statuses, wrong = Counter(), []
    for path in (questions.draw() for _ in range(400)):
        answers = stores.ask(path)
        first = answers["sqlite"]
        statuses[first.status] += 1
        wrong += [f"{name} {path}: {answer.status} {difference(seen(first), seen(answer))}" for name, answer in answers.items()
                  if answer.status >= 500 or not alike(path.replace("/top", "/stats"), seen(answer), seen(first))]
    assert not wrong and statuses[200] > 250, f"{statuses} {wrong[:5]}"


# ---- The daemon


def test_readiness(stores):
    """age_seconds is of the moment that the question came."""
    answers = [answer.json for answer in stores.ask("/readyz").values()]
    assert all(answer.pop("age_seconds") > HOUR for answer in answers)
    assert all(answer == answers[0] for answer in answers)


def test_the_daemon_itself(same):
    """/metrics and /api/v1/pipeline count what goes on; it is one daemon, so there is one answer."""
    for path in ("/api/v1/version", "/api/v1/plugins", "/healthz", "/openapi.json", "/docs", "/"):
        same(path)


def test_times_below_a_microsecond(stores, base):
    """PostgreSQL keeps times to the microsecond and cuts off the rest, but for the rows of a log;
    SQLite keeps all."""
    at = base - 3 * HOUR
    stores.emit("notes", [[ns(at) + 123456789, "ann", 1, "short"]])
    stores.emit("container_events", [
        [ns(at) + 123456789, "alpha", WEB, "start", "web", "web:1.25", None, None, None, None, "{}"]])
    stores.wait_stored(*stores.ports)

    def times(path):
        return {name: answer.json["data"][0]["time"][19:] for name, answer in
                stores.ask(f"{path}from={at:.0f}&to={at + 1:.0f}").items()}

    assert times("/api/v1/tables/notes?") == dict.fromkeys(stores.ports, ".123456789Z")
    assert times("/api/v1/events?") == {
        "sqlite": ".123456789Z", "plain": ".123456Z", "tsl": ".123456Z"}


# ---- Paging while rows are added

PAGED = [
    ("notes", "/api/v1/tables/notes?", lambda at, n: [ns(at), "ann", 1000 + n, f"added {n}"]),
    ("container_logs", "/api/v1/logs?", lambda at, n: [
        ns(at), "alpha", WEB, "web", "stdout", f"added {n}", None, 100000 + n]),
    ("container_events", "/api/v1/events?", lambda at, n: [
        ns(at) + n % 10**6 * 1000, "alpha", WEB, "start", "web", "web:1.25", None, None, None, None, "{}"]),
]
"""Table, list of it, and a row more."""


def walk(stores, store, path, between):
    rows = []
    while path:
        answer = stores.get(store, path)
        assert answer.status == 200, answer.body
        rows += [json.dumps(row) for row in answer.json["data"]]
        link = answer.headers.get("Link")
        path = link and link[1:link.index(">")]
        between()
    return rows


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("table, path, row", PAGED, ids=[table for table, _, _ in PAGED])
@pytest.mark.parametrize("store", ["sqlite", "plain"])
def test_pages_give_each_row_once_while_rows_are_added(stores, base, store, table, path, row, order):
    """Anywhere in time: what was there before comes once, what is added at most once."""
    dice = random.Random(f"{store} {table} {order}")
    added = iter(range(dice.randrange(10**6), 10**9))
    path = f"{path}from={base - 7200:.0f}&to={base + 1:.0f}&order={order}&limit="

    def add():
        stores.emit(table, [row(base - dice.randrange(7200), next(added))
                            for _ in range(dice.randrange(1, 40))])
        stores.wait_stored(store)

    add()
    before = walk(stores, store, f"{path}10000", lambda: None)
    limit = len(before) // 12 + dice.randrange(1, 5)
    paged = walk(stores, store, f"{path}{limit}", lambda: dice.random() < 0.5 and add())
    after = walk(stores, store, f"{path}10000", lambda: None)
    assert len(paged) == len(set(paged))
    assert set(before) <= set(paged) <= set(after)


# ---- Series, from rows and from rollups

GRIDS = [
    ("from={-600}&to={1}", "container_stats"),
    ("from={-3600}&to={0}&step=60s", "container_stats_1min"),
    ("from={-3600}&to={0}&step=90s", "container_stats"),
    ("from={-10800}&to={0}&step=2m", "container_stats_1min"),
    ("from={-10800}&to={0}&step=5m", "container_stats_5min"),
    ("from={-10793}&to={-17}&points=20", "container_stats_5min"),
    ("from={-86400}&to={0}&step=1h", "container_stats_1h"),
    ("from={-400000}&to={-1000}&step=7h", "container_stats_1h"),
    ("from={-432000}&to={0}&step=1d", "container_stats_1d"),
    ("from={-432000}&to={0}&points=300", "container_stats_5min"),
    ("from={-2000000}&to={-1900000}", None),
    ("from={-400000}&to={-1000}&step=1d&tz=America/New_York", "container_stats_1h"),
    ("from={-400000}&to={-1000}&step=1w&tz=Asia/Kathmandu", "container_stats_1d"),
    ("from={-400000}&to={-1000}&step=1mo&tz=Pacific/Auckland", "container_stats_1d"),
]


@pytest.mark.parametrize("grid, source", GRIDS)
def test_series(same, rolled, grid, source):
    one = same(f"/api/v1/containers/web/stats?{grid}").json
    assert one["meta"]["source"] == source
    assert source is None or any(value is not None for value in one["cpu_percent"])
    for agg in ("avg", "min", "max", "last", "rate"):
        same(f"/api/v1/containers/44/stats?{grid}&agg={agg}")
    same(f"/api/v1/stats?ids=web,44,{OLD}&{grid}&fields=cpu_percent,net_rx_bytes,pids")
    same(f"/api/v1/stats?ids=db&host=beta&{grid}&fields=cpu_percent")


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu"])
def test_days_of_a_zone_have_its_hours(same, rolled, zone):
    """Kathmandu is 5:45 before UTC, so the hour that its midnight is in belongs to two days."""
    span = "from={-432000}&to={-1000}&fields=cpu_percent,mem_used_bytes&agg=max&times=s"
    days = same(f"/api/v1/containers/web/stats?{span}&step=1d&tz={zone}").json
    parts = same(f"/api/v1/containers/web/stats?{span}&step=15m").json
    for at, following in zip(days["time"], days["time"][1:]):
        begin = datetime.fromtimestamp(at, ZoneInfo(zone))
        assert (begin.hour, begin.minute) == (0, 0)
        assert datetime.fromtimestamp(following, ZoneInfo(zone)).date() == begin.date() + timedelta(days=1)
    for field in ("cpu_percent", "mem_used_bytes"):
        most = dict.fromkeys(days["time"])
        for at, value in zip(parts["time"], parts[field]):
            day = max((day for day in most if day <= at), default=None)
            if None not in (day, value):
                most[day] = max(value, most[day] or 0)
        # what is before the first quarter of an hour and after the last is in the days only
        assert days[field][1:-1] == list(most.values())[1:-1]


@pytest.mark.parametrize("by", ["container", "project", "service", "host", "image"])
@pytest.mark.parametrize("grid", [GRIDS[0][0], GRIDS[4][0], GRIDS[6][0], GRIDS[-3][0]])
def test_series_of_groups(same, rolled, grid, by):
    several = "agg=sum,avg,min,max,p50,p99" if by != "container" else "agg=sum,min,max"
    answer = same(f"/api/v1/stats?group_by={by}&{several}&{grid}").json
    assert any(value is not None for one in answer["series"] for value in one["cpu_percent.sum"])
    same(f"/api/v1/stats?group_by={by}&project=shop&label=env%3Dprod&{grid}&fields=cpu_percent,net_rx_bytes")
    same(f"/api/v1/stats?group_by={by}&name=w*&host=alpha&image=web*&{grid}&fields=pids&format=csv")


def test_groups_add_up_to_their_containers(same, rolled):
    grid = f"{GRIDS[4][0]}&fields=cpu_percent,mem_used_bytes"
    each = same(f"/api/v1/stats?{grid}").json["series"]
    hosts = same(f"/api/v1/stats?{grid}&group_by=host").json["series"]
    assert [one["group"]["host"] for one in hosts] == ["alpha", "beta"]
    for host in hosts:
        for field in ("cpu_percent", "mem_used_bytes"):
            columns = zip(*(one[field] for one in each if one["host"] == host["group"]["host"]))
            for value, parts in zip(host[field], columns):
                parts = [part for part in parts if part is not None]
                assert value == (pytest.approx(sum(parts)) if parts else None)


@pytest.mark.parametrize("path", ["containers/44/stats?", "stats?ids=web,44&", "stats?group_by=container&host=beta&"])
def test_percentiles_of_readings(same, rolled, path):
    answer = same(f"/api/v1/{path}{GRIDS[3][0]}&agg=min,p50,p95,p99,max&fields=cpu_percent,mem_used_bytes").json
    one = answer if "time" in answer and "series" not in answer else answer["series"][-1]
    for field in ("cpu_percent", "mem_used_bytes"):
        for values in zip(*(one[f"{field}.{agg}"] for agg in ("min", "p50", "p95", "p99", "max"))):
            assert None in values or list(values) == sorted(values)
    assert any(value is not None for value in one["cpu_percent.p95"])


@pytest.mark.parametrize("form", ["rows", "csv", "ndjson"])
@pytest.mark.parametrize("times", ["rfc3339", "s", "ms"])
def test_formats_of_series(same, rolled, form, times):
    how = f"from={{-10800}}&to={{0}}&step=10m&format={form}&times={times}"
    same(f"/api/v1/containers/web/stats?{how}")
    same(f"/api/v1/stats?ids=web,44&fields=cpu_percent,mem_used_bytes&{how}")
