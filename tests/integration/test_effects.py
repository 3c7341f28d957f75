"""A worker judges the changes of its host from what is in the database; rules there and in a process
with an API alone tell of what got worse: once, also over crashes."""

import json
import random
import re
import time

import pytest

from daemon import stored_in
from pg import Postgres

SECOND = 10**9
RULE = """
[alert.got_worse]
when = change_effects.verdict = worse over 24h by service
summary = a change made it worse
tell = summary
"""
WORKER = f"""
[input.replay]
file = {{dir}}/rows
interval = 100ms
[input.effects]
window = 5min
interval = 500ms
{RULE}"""
API = f"""
[output.timescale]
conninfo = %s
migrate = check
maintenance = no
tables = !*
[buffer.batch]
[output.sqlite]
path = {{db}}
tables = alerts
[output.http_api]
listen = 127.0.0.1:{{port}}
store = timescale
{RULE}store = timescale
evaluate = store
every = 1s
"""
WEB = "1" * 64


@pytest.fixture
def postgres():
    server = Postgres()
    try:
        yield server.start()
    finally:
        server.leave()


def readings(now):
    """Every 5 s of a quarter of an hour: 10 %, after the first change 30 %, after the second 10 %."""
    noise = random.Random(1)
    for back in range(955, 0, -5):
        cpu = 30 if 320 < back < 640 else 10
        yield [now - back * SECOND, "testhost", WEB, "web-1", None, None, None, None, cpu + noise.gauss(0, 0.5)]


def image(at, number, before, after):
    return [at, "testhost", "shop/web", "image", WEB, f"{at // 1000:x}-{number:08x}", "web-1",
            json.dumps({"image": before}), json.dumps({"image": after})]


def test_what_got_worse_is_told_once_in_the_worker_and_beside_the_api(tallyd, postgres):
    now = time.time_ns() // 1000 * 1000
    worker = tallyd(WORKER + stored_in(postgres.conninfo()))
    first, second = now - 640 * SECOND, now - 320 * SECOND
    rows = worker.dir / "rows"

    def emit(table, lines):
        with open(rows, "a", encoding="utf-8") as file:
            file.write(json.dumps({"table": table, "rows": lines}) + "\n")

    info = [now, "testhost", WEB, "web-1"] + [None] * 8 + [now - 3600 * SECOND]
    emit("container_info", [info + [None] * 12 + ["shop/web"]])
    emit("container_stats", list(readings(now)))
    worker.start()
    worker.wait(lambda: worker.json("/api/v1/tables/container_stats?limit=1000")["data"][190:], "the past is stored")
    # Another host's change is another worker's; a crash is nobody's doing.
    other = image(first, 3, "web:1", "web:2")
    other[1] = "elsewhere"
    crash = image(first + 60 * SECOND, 4, None, None)
    crash[3] = "restart"
    emit("container_changes", [image(first, 1, "web:1", "web:2"), other, crash])

    def effects():
        found = worker.get("/api/v1/tables/change_effects")
        return sorted(found.json["data"], key=lambda row: row["time"]) if found.status == 200 else []

    def told(daemon):
        alerts = daemon.json("/api/v1/alerts/history?name=got_worse")["data"]
        return [(row["state"], row["summary"]) for row in reversed(alerts)]

    worker.wait(lambda: len(effects()) == 1, "the first change is judged", 60)
    worker.wait(lambda: told(worker), "it is told")
    state, summary = told(worker)[0]
    assert state == "firing" and re.match(r"shop/web: a change made it worse: image web:1 → web:2: worse \(cpu (9|10)\.?\d*% → (29|30)", summary), summary
    api = tallyd(API % postgres.conninfo()).start()

    def beside():
        known = api.sql("select 1 from sqlite_master where name = 'alerts'")
        return api.sql("select state, summary from alerts order by time") if known else []

    api.wait(lambda: beside() == [("firing", summary)], "the other process tells the same")
    worker.kill9()
    rows.write_text("")
    worker.start()
    emit("container_changes", [image(second, 2, "web:2", "web:1")])
    worker.wait(lambda: len(told(worker)) == 2, "the alert is over", 60)
    state, summary = told(worker)[1]
    assert state == "resolved" and re.match(r"shop/web: a change made it worse is over: image web:2 → web:1: better \(cpu (29|30)", summary), summary
    api.wait(lambda: [state for state, _ in beside()] == ["firing", "resolved"], "so it is in the other process")
    assert [(row["service"], row["window"], row["verdict"], row["kinds"]) for row in effects()] == [
        ("shop/web", 300, "worse", "image"), ("shop/web", 300, "better", "image")]
    judged = effects()[0]
    assert judged["change"] == image(first, 1, "", "")[5] and list(judged["measures"]) == ["cpu"]
    assert abs(judged["measures"]["cpu"]["difference"] - 20) < 1
    found = {(row["host"], row["kind"], row["time"]): row["effect"] for row in worker.json("/api/v1/changes?order=asc")["data"]}
    verdicts = {(host, kind): effect and effect["verdict"] for (host, kind, _), effect in found.items()}
    assert verdicts == {("testhost", "image"): "better", ("elsewhere", "image"): None, ("testhost", "restart"): None}
    assert {name: judged[name] for name in ("verdict", "window", "summary", "measures")} in found.values()
    worker.balanced()
    api.stop()
    worker.stop()
