#!/usr/bin/python3
"""Searches for text in a million log lines over HTTP, never the same twice, in SQLite and in PostgreSQL: with
the index of the text, and with that emptied.  Asked by wrk over 1 and 16 connections.  Run by `scripts/bench
search`; BENCH_LINES (1000000), BENCH_SECONDS (5).
"""

import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from daemon import Tallyd  # noqa: E402
from pg import Postgres, psql  # noqa: E402
from waiting import wait_for  # noqa: E402

LINES = int(os.environ.get("BENCH_LINES", "1000000"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))
CONTAINERS, HOURS = 60, 24
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
WORDS = """connection timeout retry request failed user session cache miss hit database query slow index lock wait
commit rollback worker started stopped queue message consumer producer offset partition leader follower snapshot
backup restore token expired refresh upload download checksum mismatch payment invoice shipment order customer
address""".split()
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


def message(chance, seconds, ids):
    kind = chance.random()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    address = ".".join(str(chance.randint(1, 254)) for _ in range(4))
    said = " ".join(chance.choices(WORDS, k=5))
    if kind < .35:
        return (f'{address} - - [{stamp}] "GET /api/v1/users/{chance.randint(1, 99999)} HTTP/1.1" '
                f'{chance.choice((200, 200, 304, 404, 500))} {chance.randint(100, 90000)} "-" "Mozilla/5.0 (X11; Linux '
                f'x86_64) AppleWebKit/537.36" {chance.random():.3f}')
    if kind < .6:
        ids.append(str(uuid.UUID(int=chance.getrandbits(128))))
        return (f'{{"time":"{stamp}Z","level":"info","msg":"{said}","request_id":"{ids[-1]}",'
                f'"user":{chance.randint(1, 50000)},"duration_ms":{chance.randint(1, 3000)}}}')
    if kind < .8:
        return f"{stamp} WARN [pool-1-thread-{chance.randint(1, 32)}] com.example.shop.OrderService: {said}"
    if kind < .9:
        return (f"{stamp} UTC [{chance.randint(100, 9999)}] LOG:  duration: {chance.random() * 100:.3f} ms  statement: "
                f"SELECT * FROM orders WHERE id = {chance.randint(1, 10**6)}")
    return f"Verbindung zu {address} verloren – erneuter Versuch in {chance.randint(1, 60)} s"


def fill(path, end):
    """Returns identifiers that occur once."""
    chance, ids, size = random.Random(7), [], 0
    with open(path, "w", encoding="utf-8") as file:
        for first in range(0, LINES, 1000):
            rows = []
            for i in range(first, min(first + 1000, LINES)):
                at = end - HOURS * 3600 + i * HOURS * 3600 / LINES
                text, c = message(chance, at, ids), chance.randrange(CONTAINERS)
                size += len(text.encode())
                rows.append([int(at * 1e9), "alpha", f"{c:064x}", f"web{c:03d}", "stdout", text, "info", i])
            file.write(json.dumps({"table": "container_logs", "rows": rows}) + "\n")
    return ids[::97], size


def ask(daemon, folder, kind, words, end, connections):
    script = folder / "ask.lua"
    script.write_text(SCRIPT % (random.randrange(10**6), ",".join(f'"{w[:13]}"' for w in words),
                                int(end) - HOURS * 3600, int(end), KINDS[kind].replace("%%", "%")))
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--timeout", "10s", "--latency", "-s",
                          script, daemon.url], capture_output=True, text=True, check=True).stdout
    found = [re.search(rf"{part}\s+(\S+)", out)[1] for part in ("Requests/sec:", "50%", "99%")]
    wrong = re.search(r"(Non-2xx.*|Socket errors.*)", out)
    wait_for(lambda: daemon.metric("tallyd_http_api_requests_in_flight") == 0, 60)
    return f"{float(found[0]):.0f} req/s, p50 {found[1]}, p99 {found[2]} {wrong[1] if wrong else ''}"


def measure(store, section, folder, end, words, sql, first):
    daemon = Tallyd(folder / store, SECTIONS % (section(folder / store), store))
    os.link(folder / "rows", daemon.dir / "rows")
    daemon.start()
    try:
        daemon.wait(lambda: daemon.metric("tallyd_rows_stored_total") == LINES, "all lines are stored", 900)

        def blocks():
            return int(sql(daemon, 'select count(*) from {text} where slice = -1'))
        # The newest first: so up to the first line.
        wait_for(lambda: blocks() and int(sql(daemon, first)) < end - HOURS * 3600 + 120, 900)
        print(f"{store}: {blocks()} blocks, {int(sql(daemon, 'select sum(length(bits)) from {text}')) / LINES:.1f} "
              "bytes of index a line", flush=True)
        for kind in KINDS:
            for connections in (1, 16):
                print(f"{store}: {kind}, {connections}: {ask(daemon, folder, kind, words, end, connections)}", flush=True)
        for kind in ("rare", "absent", "absent number", "absent letter"):
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
            words, size = fill(folder / "rows", end)
            print(f"{LINES} lines of {size / LINES:.0f} bytes in {HOURS} h, {CONTAINERS} containers", flush=True)
            measure("sqlite", lambda _: "[output.sqlite]\npath = {db}", folder, end, words, on_sqlite,
                    'select min("from") / 1000000000 from {text}')
            measure("timescale", lambda _: f"[output.timescale]\nconninfo = {postgres.conninfo()}", folder, end, words,
                    on_postgres, 'select floor(extract(epoch from min("from")))::bigint from {text}')
    finally:
        postgres.leave()


if __name__ == "__main__":
    main()
