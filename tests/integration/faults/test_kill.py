"""kill -9 at random instants, the start included: 60 times here, 40 times in test_spool.py, and with
logs of real containers in test_logs.py."""

import random
import time

import pytest
from proof import (API, SQLITE, balanced, counter, emitted, in_postgres, in_sqlite, left, rows, spool,
                   timescale)

pytest_plugins = ("services",)
KILLS = 30


def kill_at_random(d, turn):
    d.start(ready=None if turn % 2 else "output.timescale: started")
    time.sleep(random.uniform(0, 0.6))  # the instant is the test
    d.kill9()


@pytest.mark.parametrize("connections", [1, 2])
def test_30_kills_neither_lose_nor_double_a_row_in_either_store(tallyd, server, database,
                                                                connections):
    d = tallyd(counter(rows=200) + counter("counter:slow", 7, "130ms") +
               spool("sync = normal\nbatch_size = 4000") + SQLITE +
               timescale(server.conninfo(database), f"connections = {connections}") + API)
    for turn in range(KILLS):
        kill_at_random(d, turn)
    before = rows(in_sqlite(d))
    d.start()
    balanced(d)
    d.wait(lambda: rows(in_sqlite(d)) > before + 200, "SQLite goes on")
    d.wait(lambda: rows(in_postgres(server, database)) > before + 200, "PostgreSQL goes on", 60)
    balanced(d)
    d.stop()
    assert left(d) == 0
    assert in_sqlite(d) == in_postgres(server, database) == emitted(d)
    assert rows(emitted(d)) > 2000
