"""Lists of many things, in SQLite and in PostgreSQL: each page that the API offers can be had, and is the same."""

import time

import pytest

from pg import Postgres
from test_api_stores import HOUR, Stores, alert_of, ns

SERVICES, ROUNDS = 100, 6
LARGE = "x" * 15000


@pytest.fixture(scope="module")
def base():
    return time.time() // HOUR * HOUR - HOUR


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    plain = Postgres()
    try:
        made = Stores(tmp_path_factory.mktemp("crowded"), {"plain": plain.start().conninfo()})
        made.daemon.start()
        yield made
        made.daemon.stop()
    finally:
        plain.leave()


def same(stores, path):
    answers = stores.ask(path)
    for name, answer in answers.items():
        assert answer.status == 200, f"{name} {path}: {answer.status} {answer.body[:300]!r}"
        assert answer.rows == answers["sqlite"].rows, f"{name} {path}"
    return answers["sqlite"]


def pages(stores, path):
    while path:
        answer = same(stores, path)
        yield answer.json["data"]
        link = answer.headers.get("Link")
        path = link and link[1:link.index(">")]


# ---- Changes


def deployments(base):
    """Each service changes once a round, a second after the one before it."""
    for n in range(SERVICES * ROUNDS):
        yield base - (n // SERVICES) * HOUR - n % SERVICES - 7, f"service-{n % SERVICES:03}"


def change_rows(base):
    for n, (at, service) in enumerate(deployments(base)):
        yield [ns(at), "alpha", service, "image", None, f"{n:08x}"]
        if n % 3 == 0:
            yield [ns(at) + 1000, "alpha", None, "mark", None, f"m{n:07x}"]


def effect_rows(base):
    for n, (at, service) in enumerate(deployments(base)):
        if n % 2 == 0:
            yield [ns(at + 300), "alpha", service, 300, "worse", f"{service} {n}", "{}", "image", f"{n:08x}", ns(at)]
        if n % 3 == 0:
            yield [ns(at + 300), "alpha", None, 300, "better", f"mark {n}", "{}", "mark", f"m{n:07x}", ns(at) + 1000]


def large_rows(base):
    """Of the same services between those changes: more than an answer has room for."""
    for n in range(2600):
        at = base - 5 * HOUR + n * 5 + 2.5
        yield [ns(at + 300), "alpha", f"service-{n % SERVICES:03}", 300, "worse", LARGE, "{}", "config", "c", ns(at)]


def test_no_page_of_changes_is_refused_however_many_services_and_effects_there_are(stores, base):
    stores.emit("container_changes", change_rows(base))
    stores.emit("change_effects", effect_rows(base))
    for first in range(0, 2600, 200):
        stores.emit("change_effects", list(large_rows(base))[first:first + 200])
    stores.wait_stored(*stores.ports)
    window = f"&from={base - 10 * HOUR:.0f}&to={base + 10:.0f}"
    for path in ("/api/v1/changes?limit=1000", "/api/v1/changes?limit=70&order=asc", "/api/v1/changes?limit=300&kind=image&sort=service"):
        path += window
        found = [row for page in pages(stores, path) for row in page]
        marks = [row for row in found if row["kind"] == "mark"]
        assert len(found) - len(marks) == SERVICES * ROUNDS and len(marks) == (0 if "kind=" in path else 200)
        for row in found:
            n = int(row["id"].lstrip("m"), 16)
            summary = f"mark {n}" if row in marks else f"{row['service']} {n}" if n % 2 == 0 else None
            assert (row["effect"] and row["effect"]["summary"]) == summary, row
    assert len(same(stores, f"/api/v1/changes?service=service-04*&limit=1000{window}").json["data"]) == 10 * ROUNDS


# ---- Alerts


def test_the_newest_of_ten_thousand_alerts_are_all_there(stores, base):
    subjects = 10000
    for back, state in ((2, "firing"), (1, "resolved"), (0, "firing")):
        stores.emit("alerts", [row for n in range(subjects) if back or n % 10 == 0 for row in alert_of(
            base - back * HOUR - n % 100, "busy", f"service-{n:05}", "service", state, n)])
    stores.wait_stored(*stores.ports)
    found = [row for page in pages(stores, "/api/v1/alerts?limit=4000") for row in page]
    assert len(found) == subjects == len({row["subject"] for row in found})
    assert all(row["state"] == ("firing" if int(row["subject"][8:]) % 10 == 0 else "resolved") for row in found)
    firing = same(stores, "/api/v1/alerts?state=firing&limit=10000").json["data"]
    assert len(firing) == subjects // 10
