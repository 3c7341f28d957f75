#!/usr/bin/python3
"""Searches for text in a million log lines over HTTP, never the same twice, in SQLite and in PostgreSQL: with
the index of the text, and with that emptied.  Asked by wrk over 1 and 16 connections.  Run by `scripts/bench
search`; BENCH_LINES (1000000), BENCH_HOURS (24), BENCH_SECONDS (5), BENCH_STORES (sqlite timescale).
"""

import os
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from daemon import Tallyd  # noqa: E402
from pg import Postgres, psql  # noqa: E402
from waiting import wait_for  # noqa: E402

LINES = int(os.environ.get("BENCH_LINES", "1000000"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))
STORES = os.environ.get("BENCH_STORES", "sqlite timescale").split()
HOURS = int(os.environ.get("BENCH_HOURS", "24"))
LOAD = 900 + LINES // 20000  # seconds, until all lines are stored and indexed
SECTIONS = """
[input.replay]
file = {dir}/rows
[buffer.batch]
batch_size = 5000
capacity = 1Gi
%s
[output.http_api]
listen = 127.0.0.1:{port}
store = %s
threads = 4
cache = off
max_connections_per_address = 128
"""
# What is asked for: n is counted up.  Each is another question, if only by its range.
SCRIPT = """
local n, words = %d, {%s}
function request()
  n = n + 1
  return wrk.format("GET", "/api/v1/logs?limit=100&from=%d&to=" .. (%d - n %% 3600) .. "&q=" .. %s)
end
"""
KINDS = {"common": '"timeout"', "rare": "words[n % #words + 1]", "absent": '"nowhere" .. n',
         "absent number": 'string.format("%%08d", 10000000 + n * 7919 %% 80000000)', "letter": '"e"',
         "absent letter": '"%%5E"'}


def fill(rows, end):
    """Writes the lines through a FIFO, so that a hundred million need no file.  Returns identifiers that occur once."""
    program = Path(os.environ["TALLYD_BUILD_DIR"]) / "bin" / "bench_search_lines"
    with open(rows, "wb") as fifo:
        said = subprocess.run([program, str(LINES), str(HOURS), str(int(end))], stdout=fifo, stderr=subprocess.PIPE,
                              text=True, check=True).stderr
        # Who reads looks again and again for more: not at a FIFO that nobody writes.
        rows.unlink()
        rows.touch()
    return said.split()


def ask(daemon, folder, kind, words, end, connections):
    script = folder / "ask.lua"
    script.write_text(SCRIPT % (random.randrange(10**6), ",".join(f'"{w[:13]}"' for w in words),
                                int(end) - HOURS * 3600, int(end), KINDS[kind].replace("%%", "%")))
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--timeout", "10s", "--latency", "-s",
                          script, daemon.url], capture_output=True, text=True, check=True).stdout
    found = [re.search(rf"^\s*{part}\s+(\S+)", out, re.MULTILINE)[1] for part in ("Requests/sec:", "50%", "99%")]
    wrong = re.search(r"(Non-2xx.*|Socket errors.*)", out)
    wait_for(lambda: daemon.metric("tallyd_http_api_requests_in_flight") == 0, 60)
    return f"{float(found[0]):.0f} req/s, p50 {found[1]}, p99 {found[2]} {wrong[1] if wrong else ''}"


def measure(store, section, folder, end, sql, first):
    daemon = Tallyd(folder / store, SECTIONS % (section(folder / store), store))
    os.mkfifo(daemon.dir / "rows")
    daemon.start()
    try:
        words = fill(daemon.dir / "rows", end)
        daemon.wait(lambda: daemon.metric("tallyd_rows_stored_total") == LINES, "all lines are stored", LOAD)

        def blocks():
            return int(sql(daemon, 'select count(*) from {text} where slice = -1'))
        # The newest first: so up to the first line.
        wait_for(lambda: blocks() and int(sql(daemon, first)) < end - HOURS * 3600 + 120, LOAD)
        print(f"{store}: {blocks()} blocks, {int(sql(daemon, 'select sum(length(bits)) from {text}')) / LINES:.1f} "
              "bytes of index a line", flush=True)
        for kind in KINDS:
            for connections in (1, 16):
                print(f"{store}: {kind}, {connections}: {ask(daemon, folder, kind, words, end, connections)}", flush=True)
        for kind in () if LINES > 10**7 else ("rare", "absent", "absent number", "absent letter"):
            for _ in range(5):  # until no round has made any of it anew meanwhile
                sql(daemon, "delete from {text}")
                found = ask(daemon, folder, kind, words, end, 1)
                if blocks() == 0:
                    print(f"{store}: {kind}, 1, without the index: {found}", flush=True)
                    break
    finally:
        daemon.stop(120)


def main():
    end = time.time() // 60 * 60 - 600
    postgres = Postgres(shared_buffers="512MB").start()

    def on_sqlite(daemon, text):
        with closing(sqlite3.connect(daemon.db_path, timeout=60)) as db, db:
            rows = db.execute(text.format(text="tally_text")).fetchall()
        return rows[0][0] if rows else None

    def on_postgres(_, text):
        rows = psql(postgres.conninfo(), text.format(text="tally.text"))
        return rows[0][0] if rows else None
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            print(f"{LINES} lines in {HOURS} h", flush=True)
            if "sqlite" in STORES:
                measure("sqlite", lambda _: "[output.sqlite]\npath = {db}\nmax_size = 1Ti", folder, end, on_sqlite,
                        'select min("from") / 1000000000 from {text}')
            if "timescale" in STORES:
                measure("timescale", lambda _: f"[output.timescale]\nconninfo = {postgres.conninfo()}", folder, end,
                        on_postgres, 'select floor(extract(epoch from min("from")))::bigint from {text}')
    finally:
        postgres.leave()


if __name__ == "__main__":
    main()
