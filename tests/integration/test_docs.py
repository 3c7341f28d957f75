"""What docs/ tells people to copy does what is said of it: queries and URLs for Grafana against the
store that they are meant for, and the program that reads streams with a token."""

import json
import os
import re
import subprocess
import time

import pytest

from daemon import ROOT, Tallyd, free_port
from pg import Postgres, psql
from test_prometheus import check, promtool, stats
from waiting import wait_for

SECTIONS = """
[input.replay]
file = {dir}/rows
interval = 100ms
[buffer.batch]
batch_timeout = 50ms
[output.timescale]
conninfo = %s
[output.http_api]
listen = 127.0.0.1:{port}
store = timescale
cache = off
container_metrics = yes
[output.http_api:tokens]
listen = 127.0.0.1:%d
store = timescale
tokens_file = {dir}/tokens
"""
TOKEN = "0123456789abcdef0123456789abcdef"
WEB, DB = "1" * 64, "2" * 64


def blocks(page, language):
    text = (ROOT / "docs" / page).read_text()
    found = re.findall(rf"^```{language}\n(.*?)^```", text, re.S | re.M)
    assert found, f"{page} has no {language}"
    return found


def rows(base):
    """Half an hour of two containers, a reading each 15 s, and what belongs to it."""
    stats_rows, info, lines, events = [], [], [], []
    for container, name in ((WEB, "web"), (DB, "db")):
        info.append([round(base * 1e9), "alpha", container, name, "nginx:1.25", None, "running",
                     *[None] * 6, round((base - 3600) * 1e9), *[None] * 5, name, 0.5, 2**30])
        for n in range(120):
            row = stats(base - 1800 + n * 15, container, name, {0: n * 10**9, 4: 25.0, 5: 2, 9: 2**20})
            stats_rows.append(row + [n * 1500])
        lines.append([round((base - 900) * 1e9), "alpha", container, name, "stderr", "connection refused",
                      "error", 1])
        events.append([round((base - 60) * 1e9), "alpha", container, "die", name, "nginx:1.25", 1])
    return {"container_stats": stats_rows, "container_info": info, "container_logs": lines,
            "container_events": events}


class Shown:
    """A daemon with a PostgreSQL, and the rows in it."""

    def __init__(self, folder, conninfo):
        self.conninfo, self.base, self.tokens_port = conninfo, time.time(), free_port()
        self.daemon = Tallyd(folder, SECTIONS % (conninfo, self.tokens_port))
        (folder / "tokens").write_text(f"{TOKEN} read\n")
        os.chmod(folder / "tokens", 0o600)
        (folder / "rows").touch()
        self.n = 0

    def emit(self, table, batch):
        with open(self.daemon.dir / "rows", "a", encoding="utf-8") as file:
            file.write(json.dumps({"table": table, "rows": batch}) + "\n")
        self.n += len(batch)

    def start(self):
        self.daemon.start()
        for table, batch in rows(self.base).items():
            self.emit(table, batch)
        stored = "tallyd_rows_stored_total"
        self.daemon.wait(lambda: self.daemon.metric(stored, output="output.timescale") == self.n,
                         "the rows are stored", 60)
        self.daemon.wait(lambda: int(psql(self.conninfo, "select count(*) from container_stats_1min")[0][0]) > 40,
                         "the readings are rolled up", 120)
        self.daemon.wait(lambda: psql(self.conninfo, "select 1 from container_logs_lines_1min"),
                         "the lines are counted", 120)
        return self

    def filled(self, text):
        """As Grafana fills in the range of time that it shows."""
        begin, end = self.base - 3600, self.base + 60
        between = f"between to_timestamp({begin}) and to_timestamp({end})"
        text = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 {between}", text)
        return text.replace("${__from}", f"{begin * 1000:.0f}").replace("${__to}", f"{end * 1000:.0f}")


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    server = Postgres()
    try:
        made = Shown(tmp_path_factory.mktemp("docs"), server.start().conninfo())
        yield made.start()
        made.daemon.stop()
    finally:
        server.leave()


@pytest.mark.parametrize("query", blocks("grafana.md", "sql"))
def test_sql_for_grafana(shown, query):
    """25 percent of a core, and 1500 bytes each 15 seconds."""
    found = psql(shown.conninfo, shown.filled(query))
    assert found and all(found[-1])  # the first minute may hold one reading, of which there is no rate
    if "name as metric" in query:
        assert {row[1] for row in found} == {"alpha/web", "alpha/db"}
        assert {float(row[2]) for row in found if row[2]} == {100.0 if "received" in query else 25.0}


def dashboard(name):
    return json.loads((ROOT / "packaging/grafana" / f"{name}.json").read_text())


def test_the_dashboards_are_what_their_script_writes():
    subprocess.run([ROOT / "packaging/grafana/make.py", "--check"], check=True, timeout=60)


def variables(shown):
    """The dashboard's own, each value as Grafana quotes it: all hosts, all containers."""
    found = {"${text:sqlstring}": "''"}
    for variable in dashboard("containers")["templating"]["list"]:
        if variable["type"] == "query" and not variable.get("hide"):
            values = [row[0] for row in psql(shown.conninfo, filled(shown, variable["query"], found))]
            found["${%s:sqlstring}" % variable["name"]] = ",".join(f"'{value}'" for value in values)
    return found


def filled(shown, text, found):
    for name, value in found.items():
        text = text.replace(name, value)
    text = shown.filled(text)
    assert "$" not in text, text
    return text


PANELS = dashboard("containers")["panels"]


@pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])
def test_panels_of_the_dashboard_of_containers(shown, panel):
    """Each shows something of what is stored, at each level of the rollups."""
    query, found = panel["targets"][0]["rawSql"], variables(shown)
    assert {"'web'", "'db'"} <= set(found["${name:sqlstring}"].split(","))
    for level in ("_1min", "_5min", "_1h", "_1d") if "${level" in query else [""]:
        rows_shown = psql(shown.conninfo, filled(shown, query, {**found, "${level:raw}": level}))
        if panel["title"] in ("Unhealthy", "Restarting or dead", "Killed for memory"):
            assert rows_shown == [["0"]]
        elif panel["title"] in ("Running", "Error lines"):
            assert rows_shown == [["2"]]
        elif level in ("", "_1min") and panel["title"] != "Images that changed":
            assert rows_shown
        if panel["title"] == "CPU" and level == "_1min":
            assert {(row[1], float(row[2])) for row in rows_shown if row[2]} == {("alpha/web", 25), ("alpha/db", 25)}


def test_the_range_of_a_dashboard_decides_which_rollup_is_read(shown):
    query = next(v["query"] for v in dashboard("containers")["templating"]["list"] if v["name"] == "level")
    for hours, level in ((1, "_1min"), (12, "_5min"), (24 * 30, "_1h"), (24 * 365, "_1d")):
        text = query.replace("${__from}", "0").replace("${__to}", str(hours * 3600000))
        assert psql(shown.conninfo, text) == [[level]]


def test_panels_for_prometheus_name_what_is_there(shown, tmp_path):
    """promtool knows the language, and each metric that a panel names is there."""
    queries = [panel["targets"][0]["expr"] for name in ("prometheus", "tallyd") for panel in dashboard(name)["panels"]]
    plain = [query.replace("$__rate_interval", "1m").replace("$__range", "1h") for query in queries]
    rules = {"groups": [{"name": "dashboards", "rules": [
        {"record": f"dashboards:{n}", "expr": query} for n, query in enumerate(plain)]}]}
    (tmp_path / "rules.yml").write_text(json.dumps(rules))
    done = subprocess.run([promtool(), "check", "rules", tmp_path / "rules.yml"], capture_output=True,
                          text=True, timeout=60, check=False)
    assert len(queries) > 15 and done.returncode == 0, done.stdout + done.stderr
    wanted = set(re.findall(r"\b(?:container|tallyd|process)_\w+", " ".join(queries)))
    shown.emit("container_stats", [stats(time.time(), WEB, "web", {0: 1, 7: 0, 9: 1}) + [1, 1]])

    def there():
        bodies = [shown.daemon.get(path).body.decode() for path in ("/metrics", "/metrics/containers")]
        return wanted <= {name for body in bodies for name, _ in check(body)}

    wait_for(there, 30, f"there are {wanted}")


@pytest.mark.parametrize("url", [line for block in blocks("grafana.md", "text") for line in block.split()])
def test_urls_for_grafana(shown, url):
    path = shown.filled(url).removeprefix("http://localhost:7420")
    answer = shown.daemon.get(path)
    assert answer.status == 200, answer.body
    if "format=csv" in path:
        assert answer.body.count(b"\r\n") > 1
        return
    data = answer.json["data"]
    assert any(row["cpu_percent"] == 25 for row in data) and isinstance(data[0]["time"], int)


def test_queries_for_prometheus(shown, tmp_path):
    """promtool knows the language, and each metric that they name is there."""
    text = (ROOT / "docs/grafana.md").read_text()
    queries = re.findall(r"^\| [^|]+ \| `(.*container_.*)` \|$", text, re.M)
    rules = {"groups": [{"name": "docs", "rules": [
        {"record": f"docs:{n}", "expr": query} for n, query in enumerate(queries)]}]}
    (tmp_path / "rules.yml").write_text(json.dumps(rules))
    done = subprocess.run([promtool(), "check", "rules", tmp_path / "rules.yml"], capture_output=True,
                          text=True, timeout=60, check=False)
    assert len(queries) > 5 and done.returncode == 0, done.stdout + done.stderr
    shown.emit("container_stats", [stats(time.time(), WEB, "web", {0: 1, 7: 0, 9: 1}) + [1]])
    wanted = set(re.findall(r"container_\w+", " ".join(queries)))
    wait_for(lambda: wanted <= {name for name, _ in check(shown.daemon.get("/metrics/containers").body.decode())},
             30, f"there are {wanted}")


def test_the_reader_of_streams_with_a_token(shown, tmp_path):
    program = blocks("api.md", "js")[0] + """
let n = 0;
follow(process.argv[2], process.argv[3], (event, data) => {
  console.log(event, data.message);
  if (++n === 2) process.exit(0);
});
"""
    (tmp_path / "reader.js").write_text(program)
    url = f"http://127.0.0.1:{shown.tokens_port}/api/v1/stream/logs?container=web"
    with subprocess.Popen(["node", tmp_path / "reader.js", url, TOKEN], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as reader:
        try:
            shown.daemon.wait(lambda: shown.daemon.metric("tallyd_http_api_streams") == 1, "it follows")
            shown.emit("container_logs", [[time.time_ns() + n, "alpha", WEB, "web", "stdout", f"line {n}", None, n]
                                          for n in range(2)])
            said, _ = reader.communicate(timeout=30)
        finally:
            reader.kill()
    assert said.splitlines() == ["message line 0", "message line 1"]
