"""Reading beside writing: from a streaming replica, and while a question does not get on; and a
server that is given to the tests instead of one of their own.
"""

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from counting import into_timescale
from pg import Postgres

SUPPORT = Path(__file__).resolve().parents[1] / "support"


@pytest.fixture(scope="module")
def primary():
    postgres = Postgres().start()
    yield postgres
    postgres.leave()


@pytest.fixture
def replica(primary):
    postgres = Postgres(primary).start()
    yield postgres
    postgres.leave()


@pytest.fixture
def daemon(tallyd, primary):
    def make(database, extra=""):
        return tallyd(into_timescale(primary.conninfo(primary.create(database)), extra))

    return make


def rows(server, database):
    return int(server.sql("select count(*) from tally.counter_rows", database)[0][0])


def newest(d):
    """The highest number that the API shows."""
    return d.json("/api/v1/tables/counter?order=desc&limit=1")["data"][0]["n"]


def readers(server):
    return int(server.sql("select count(*) from pg_stat_activity where application_name = "
                          "'tallyd reader'")[0][0])


def test_questions_go_to_the_replica_and_to_the_primary_without_it(daemon, primary, replica):
    d = daemon("replicated", f"reader_conninfo = host={replica.folder},{primary.folder} "
               f"port={replica.port},{primary.port} user=tally dbname=replicated "
               "target_session_attrs=prefer-standby").start()
    d.wait(lambda: newest(d) > 50, "the replica's rows are shown", 60)
    assert readers(replica) > 0 and readers(primary) == 0
    replica.stop()
    at = rows(primary, "replicated")
    d.wait(lambda: newest(d) > at + 50, "the primary's rows are shown", 60)
    assert readers(primary) > 0
    d.stop()


@contextmanager
def locked(server, database, table):
    """Nobody else reads it meanwhile."""
    psql = subprocess.Popen(
        ["psql", "-X", "-q", "-A", "-t", "-d", server.conninfo(database)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True)
    psql.stdin.write(f"begin; lock table {table} in access exclusive mode;\n\\echo locked\n")
    psql.stdin.flush()
    assert psql.stdout.readline() == "locked\n"
    yield
    psql.stdin.close()
    psql.wait(60)


def test_a_question_that_does_not_get_on_holds_up_no_write(daemon, primary):
    d = daemon("slow").start()
    d.wait(lambda: newest(d) > 20, "rows are shown", 60)
    with locked(primary, "slow", "tally.counter_series"):
        answers = []
        asking = [threading.Thread(target=lambda: answers.append(
            d.get("/api/v1/tables/counter?limit=3&order=desc", timeout=90))) for _ in range(4)]
        for thread in asking:
            thread.start()
        d.wait(lambda: readers(primary) > 0 and primary.sql(
            "select count(*) from pg_locks where not granted")[0][0] != "0", "a question waits", 60)
        before = rows(primary, "slow")
        d.wait(lambda: rows(primary, "slow") > before + 100, "rows are written", 60)
    for thread in asking:
        thread.join(90)
    assert len(answers) == 4 and all(answer.status for answer in answers)
    d.wait(lambda: newest(d) > before, "it answers again", 60)
    d.stop()


def test_a_server_that_is_given_to_the_tests_is_left_as_it_was(primary):
    def databases():
        return primary.sql("select datname from pg_database order by 1")

    before = databases()
    told = subprocess.run(
        [sys.executable, SUPPORT / "pg.py", "--timescaledb", "sh", "-c",
         'psql -X -A -t -d "$TALLYD_TEST_CONNINFO" -c "create table t (n int)" '
         '-c "select current_database()"; exit 7'],
        env={**os.environ, "TALLYD_TEST_TIMESCALE": primary.conninfo()}, check=False,
        capture_output=True, text=True)
    assert told.returncode == 7, told.stderr
    assert "tallyd_test_" in told.stdout
    assert databases() == before
