"""Worker and API as processes of their own, with a database between them, by the roles that
examples/split has: whichever dies, the other goes on.
"""

import json
import time

import pytest

from daemon import ROOT
from pg import Postgres, run_script
from waiting import wait_for

WEB = "1" * 64
WORKER = """
[input.replay]
file = {dir}/rows
interval = 100ms
[buffer.spool]
batch_timeout = 100ms
[output.timescale]
conninfo = %s
buffer = spool
"""
API = """
[output.timescale]
conninfo = %s
migrate = check
maintenance = no
tables = !*
[output.http_api]
listen = 127.0.0.1:{port}
store = timescale
cache_ttl_stats = 0s
cache_ttl_history = 0s
cache_ttl_containers = 0s
"""


@pytest.fixture(scope="module")
def server():
    postgres = Postgres()
    postgres.start()
    yield postgres
    postgres.leave()


@pytest.fixture
def database(server):
    server.sql("create database split")
    run_script(server.conninfo("split"), ROOT / "sql/timescale/roles.sql", migrator="tally_worker",
               reader="tally_api")
    yield "split"
    server.sql("drop database split with (force)")
    server.sql("drop role tally_worker; drop role tally_api")


class Worker:
    def __init__(self, tallyd, conninfo):
        self.daemon = tallyd(WORKER % conninfo)
        self.rows = self.daemon.dir / "rows"
        self.rows.touch()

    def emit(self, table, row):
        with open(self.rows, "a", encoding="utf-8") as file:
            file.write(json.dumps({"table": table, "rows": [row]}) + "\n")

    def measure(self, at, pids):
        self.emit("container_stats", [at, "alpha", WEB, "web"] + [None] * 16 + [pids])


@pytest.fixture
def worker(tallyd, server, database):
    conninfo = server.conninfo(database).replace("user=tally ", "user=tally_worker ")
    made = Worker(tallyd, conninfo)
    made.emit("container_info", [time.time_ns(), "alpha", WEB, "web", "nginx", None, "running"])
    return made


@pytest.fixture
def api(tallyd, server, database):
    conninfo = server.conninfo(database).replace("user=tally ", "user=tally_api ")
    return lambda: tallyd(API % conninfo)


def pids(api):
    answer = api.get("/api/v1/stats/latest?fields=pids")
    return [row["pids"] for row in answer.json["data"]] if answer.status == 200 else None


def test_the_api_serves_what_is_stored_while_no_worker_lives(worker, api, server, database):
    first = api().start()
    assert first.get("/readyz").status == 503  # nobody has made a table yet
    worker.daemon.start(ready="output.timescale: started")
    now = time.time_ns() // 10**6 * 10**6
    worker.measure(now, 1)
    first.wait(lambda: pids(first) == [1], "the reading is served", 60)

    worker.daemon.kill9()
    ready = first.json("/readyz")
    assert ready["status"] == "ok" and ready["newest_stats"] is not None
    first.wait(lambda: first.json("/readyz")["age_seconds"] > ready["age_seconds"], "it gets older")
    series = first.json("/api/v1/containers/web/stats?fields=pids&step=10s")
    assert [point for point in series["pids"] if point] == [1]
    assert series["meta"]["newest"] == ready["newest_stats"]
    second = api().start()  # also one that starts now
    second.wait(lambda: pids(second) == [1], "the reading is served")
    assert [c["name"] for c in second.json("/api/v1/containers")["data"]] == ["web"]

    worker.measure(now + 10**9, 2)
    worker.daemon.start(ready="output.timescale: started")
    for daemon in (first, second):
        daemon.wait(lambda daemon=daemon: pids(daemon) == [2], "the next reading is served", 60)
    for daemon in (first, second):
        daemon.kill9()
    worker.measure(now + 2 * 10**9, 3)
    wait_for(lambda: server.sql("select count(*) from container_stats", database) == [["3"]], 60)
    worker.daemon.stop()


def test_the_api_may_not_write(worker, api, server, database):
    worker.daemon.start(ready="output.timescale: started")
    worker.measure(time.time_ns(), 1)
    daemon = api().start()
    daemon.wait(lambda: pids(daemon) == [1], "the reading is served", 60)
    assert daemon.metric("tallyd_rows_routed_total") == 0
    for table in server.sql("select format('%I.%I', schemaname, tablename) from pg_tables where "
                            "schemaname in ('tally', 'public')", database):
        may = server.sql(f"select has_table_privilege('tally_api', '{table[0]}', "
                         "'insert,update,delete,truncate')", database)
        assert may == [["f"]], table


def test_a_daemon_that_gets_inputs_later_begins_to_write(tallyd):
    """Without inputs it needs no buffer; with them its outputs get one, by a reload."""
    served = "[output.sqlite]\n[output.http_api]\nlisten = 127.0.0.1:{port}\n"
    daemon = tallyd(served).start(ready="/readyz")
    rows = daemon.dir / "rows"
    rows.write_text(json.dumps({"table": "notes", "rows": [[time.time_ns(), "me", 1, "hello"]]}) + "\n")
    daemon.configure(served + "[input.replay]\nfile = {dir}/rows\n[buffer.batch]\n")
    daemon.hup()
    daemon.wait(lambda: daemon.metric("tallyd_rows_stored_total", table="notes") == 1, "it is stored")
    assert not daemon.imbalances()
    daemon.configure(served)
    daemon.hup()
    daemon.says("input.replay: stopped")
    daemon.wait(lambda: daemon.get("/api/v1/tables/notes").json["data"][0]["text"] == "hello",
                "it serves without")
