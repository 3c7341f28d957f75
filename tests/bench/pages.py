#!/usr/bin/python3
"""The dashboard in a headless Chromium: how long until something is seen, and what a frame costs with
200 and 500 live containers and 100,000 log lines.  `scripts/bench pages`.

The daemon is a real one; its rows come from a program (this file, with --rows), since 500 busy containers
would leave nothing of a small machine: every value of every container is another each second.  A frame is all that the page's
thread does for one, as Chromium traces it (BeginMainFrame): scripts, styles, layout, painting; not what
other threads raster.  It is told in processor time, since a machine with other work to do says little by
the clock, and by the clock.  Beside each figure is the same of an empty page.
"""

import json
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from browser import Browser  # noqa: E402
from daemon import Tallyd  # noqa: E402

OPENED, SECONDS = 15, int(os.environ.get("BENCH_SECONDS", "15"))
LINES = 100_000
STORE = """
[buffer.batch]
batch_timeout = 200ms
[output.sqlite]
path = {db}
[output.http_api]
listen = 127.0.0.1:{port}
store = sqlite
"""
DOCKER = "".join(f"[input.docker_{name}]\nendpoint = unix://{{dir}}/none.sock\n" for name in ("stats", "status", "logs"))
ROWS = """
[input.exec]
command = %s %s --rows %s %d
mode = service
unknown_columns = refuse
"""
TABLES = ("container_stats", "container_info", "container_logs")


# ---- The program that writes rows

def write(row):
    sys.stdout.write(json.dumps(row) + "\n")


def container(i):
    return {"host": "testhost", "container_id": f"{i:064x}", "name": f"service-{i:03d}"}


def readings(i, now, second):
    return {"table": "container_stats", "time": now, **container(i), "cpu_percent": round(random.uniform(0, 90), 2), "cpu_online": 4,
            "mem_used_bytes": random.randrange(1 << 20, 1 << 28), "mem_limit_bytes": 1 << 28, "net_rx_bytes": second * random.randrange(90_000, 99_000),
            "net_tx_bytes": second * 50_000, "blk_read_bytes": second * 4096, "blk_write_bytes": second * 8192, "pids": random.randrange(1, 50)}


def line(i, at):
    level = random.choice(("info", "info", "info", "warning", "error"))
    return {"table": "container_logs", "time": at, **container(i), "stream": "stdout", "level": level,
            "message": f'level={level} msg="GET /cart/{i}" status=200 ms={i % 90} order={i}', "sequence": i}


def rows(tables, n):
    print(json.dumps({"tallyd": "tables", "tables": json.loads(Path(tables).read_text())}), flush=True)
    start = time.time()
    for i in range(n):
        write({"table": "container_info", "time": start, **container(i), "image": f"registry.example/service:{i % 7}", "state": "running",
               "health": "healthy" if i % 3 else None, "started_at": start - 86400 * (i % 9), "compose_project": f"project-{i % 12}",
               "mem_limit_bytes": 1 << 28, "labels": {"com.docker.compose.project": f"project-{i % 12}"}})
    for i in range(LINES):
        write(line(i % n, start - 600 + i * 0.005))
    second, n_lines = 1, LINES
    while True:
        second += 1
        for i in range(n):
            write(readings(i, time.time(), second))
        for i in range(20):
            n_lines += 1
            write({**line(i, time.time()), "sequence": n_lines})
        sys.stdout.flush()
        time.sleep(1)


# ---- What is measured in the page

SEEN = """new MutationObserver((_, me) => { if (document.querySelector('.grid tbody a')) { window.tableAt = performance.now(); me.disconnect(); } })
    .observe(document, {childList: true, subtree: true});"""
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
# Frame after frame, up and down through what the selector finds.
FRAMES = """new Promise((done) => {
    const end = performance.now() + %d, box = document.querySelector(%s);
    let down = 1;
    const frame = (at) => {
        if (box) {
            box.scrollTop += 37 * down;
            if (box.scrollTop <= 0 || box.scrollTop + box.clientHeight >= box.scrollHeight - 1) down = -down;
        }
        if (at < end) requestAnimationFrame(frame);
        else setTimeout(done);
    };
    requestAnimationFrame(frame);
})"""


def part(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def busy(browser):
    """Seconds of processor time that the page's thread has used."""
    return {metric["name"]: metric["value"] for metric in browser.call("Performance.getMetrics")["metrics"]}["TaskDuration"]


def frames(browser, what, box=None):
    before = busy(browser)
    events = browser.record(["cc"], FRAMES % (SECONDS * 1000, json.dumps(box or ".there-is-none")))
    used = (busy(browser) - before) * 1000 / SECONDS
    work = [event for event in events if event["name"] == "ProxyMain::BeginMainFrame" and "tdur" in event]
    spent, took = [event["tdur"] / 1000 for event in work], [event["dur"] / 1000 for event in work]
    print(f"{what:42} {len(work):4} frames of {statistics.median(spent):4.1f} ms, 99 % up to {part(spent, 0.99):4.1f}, the longest {max(spent):4.1f}; "
          f"by the clock {statistics.median(took):4.1f}, {part(took, 0.99):4.1f} and {max(took):5.1f} ms; "
          f"the thread is busy for {used:3.0f} ms a second", flush=True)


def paints(browser, url, what):
    first, table = [], []
    for _ in range(OPENED):
        browser.open("about:blank")
        browser.call("Network.clearBrowserCache")
        browser.open(url)
        first.append(browser.wait(PAINTED, "something is painted"))
        if url.startswith("http"):
            table.append(browser.wait("window.tableAt", "there is a table"))
    print(f"{what:44} first contentful paint: median {statistics.median(first):.0f} ms, slowest {max(first):.0f}"
          + (f"; the table: median {statistics.median(table):.0f} ms, slowest {max(table):.0f}" if table else ""), flush=True)


def all_lines(browser):
    """As somebody does who scrolls up until there is nothing more."""
    browser.wait("""(async () => {
        const box = document.querySelector('.lines');
        box.scrollTop = 0;
        await new Promise(requestAnimationFrame);
        return document.querySelector('.histogram p').innerText.replaceAll(',', '').match(/(\\d+) here/)?.[1] >= %d;
    })()""" % (LINES * 0.99), "all lines are here", 300)


def measure(browser, url, n):
    browser.open("about:blank")
    browser.open(f"{url}/#/containers?from=now-15m")
    browser.wait(f"document.querySelector('.grid')?.getAttribute('aria-rowcount') >= {n}", "all are in the table", 120)
    frames(browser, f"{n} containers, live")
    frames(browser, f"{n} containers, live, scrolled", ".scroll")


def tables_of(folder):
    daemon = Tallyd(folder / "tables", DOCKER + STORE).start("/api/v1/tables")
    try:
        tables = []

        def known():
            tables[:] = [table for table in daemon.json("/api/v1/tables")["data"] if table["name"] in TABLES]
            return len(tables) == len(TABLES)

        daemon.wait(known, "the store knows the tables")
    finally:
        daemon.stop()
    for table in tables:
        table.pop("revision", None)
        for column in table["columns"]:
            column.pop("help")
            if column["role"] not in ("tag", "counter", "gone", "order"):  # what a program may say
                column.pop("role")
    path = folder / "tables.json"
    path.write_text(json.dumps(tables))
    return path


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tables = tables_of(folder)
        with Browser(folder) as browser:
            browser.call("Page.addScriptToEvaluateOnNewDocument", source=SEEN)
            browser.call("Performance.disable")
            browser.call("Performance.enable", timeDomain="threadTicks")
            paints(browser, "data:text/html,<h1>nothing</h1>", "an empty page")
            frames(browser, "an empty page")
            for n in (200, 500):
                daemon = Tallyd(folder / str(n), ROWS % (sys.executable, Path(__file__).resolve(), tables, n) + STORE).start("/api/v1/tables")
                try:
                    daemon.wait(lambda: len(daemon.json("/api/v1/stats/latest")["data"]) == n, "there are readings", 60)  # noqa: B023
                    if n == 200:
                        paints(browser, daemon.url, "200 containers")
                    measure(browser, daemon.url, n)
                    if n == 200:
                        browser.open(f"{daemon.url}/#/logs?from=now-24h")
                        browser.wait("document.querySelector('.line')", "there are lines")
                        all_lines(browser)
                        frames(browser, f"{LINES:,} lines, 20 more a second, scrolled", ".lines")
                finally:
                    browser.open("about:blank")
                    daemon.stop()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--rows"]:
        random.seed(1)
        rows(sys.argv[2], int(sys.argv[3]))
    else:
        main()
