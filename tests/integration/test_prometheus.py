"""What Prometheus scrapes: /metrics and, when it is turned on, the readings under cAdvisor's names."""

import json
import os
import re
import shutil
import subprocess
import time

import pytest

from daemon import ROOT
from replayed import SECTIONS

WEB, BARE, OLD = "1" * 64, "2" * 64, "3" * 64
LABELS = {"env": "prod", "a.b": "first", "a-b": "second", "x": "quote \" back \\ line\nend \U0001f433",
          "": "empty name"}


def promtool():
    found = shutil.which("promtool", path=f"{os.environ['PATH']}:{ROOT}/build-tools")
    assert found, "there is no promtool: scripts/test gets it"
    return found


def parse(text):
    """{(name, labels): value}; fails where the format is broken or a series comes twice."""
    kinds, helped, found, family = {}, set(), {}, None
    label = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
    assert text.endswith("\n")
    for line in text.splitlines():
        head = re.fullmatch(r"# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)", line)
        if head:
            what, family, rest = head.groups()
            if what == "HELP":
                assert family not in helped, f"{family} comes in two places"
                helped.add(family)
            else:
                assert rest in ("counter", "gauge") and family not in kinds
                assert (rest == "counter") == family.endswith("_total"), line
                kinds[family] = rest
            continue
        sample = re.fullmatch(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(%s(?:,%s)*)\})? (\S+)" % (label, label), line)
        assert sample, f"neither a comment nor a sample: {line}"
        name, labels, value = sample.groups()
        pairs = re.findall(label, labels or "")
        names = [pair.partition("=")[0] for pair in pairs]
        assert name == family and name in kinds and name in helped, f"{line}: not below its TYPE"
        assert len(set(names)) == len(names), f"{line}: a label twice"
        key = (name, tuple(sorted(pairs)))
        assert key not in found, f"{line}: twice"
        found[key] = float(value)
    return found


def check(text):
    """Also by Prometheus' own program, which looks at names and help texts too."""
    done = subprocess.run([promtool(), "check", "metrics"], input=text, capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return parse(text)


def stats(at, container, name, cells):
    """A row of container_stats up to pids_limit; cells by their place after the name."""
    row = [round(at * 1e9), "alpha", container, name] + [None] * 18
    for place, value in cells.items():
        row[4 + place] = value
    return row


@pytest.fixture
def daemon(tallyd):
    def make(extra, *batches):
        made = tallyd(SECTIONS + "cache = off\n" + extra)
        rows = 0
        with open(made.dir / "rows", "w", encoding="utf-8") as file:
            for table, batch in batches:
                file.write(json.dumps({"table": table, "rows": batch}) + "\n")
                rows += len(batch)
        made.start()
        made.wait(lambda: made.metric("tallyd_rows_stored_total") == rows, "the rows are stored")
        return made

    return make


def test_metrics_of_the_daemon_keep_to_the_conventions(daemon):
    d = daemon("", ("notes", [[time.time_ns(), "ann \"\\\n", 1, "x"]]))
    found = check(d.get("/metrics").body.decode())
    assert found["tallyd_build_info", ('version="0.1.0"',)] == 1
    assert any(name == "tallyd_rows_stored_total" for name, _ in found)
    assert d.get("/metrics/containers").status == 404


def test_readings_bear_the_names_that_cadvisor_uses(daemon):
    now = time.time()
    d = daemon(
        "container_metrics = yes",
        ("container_info", [[round(now * 1e9), "alpha", WEB, "web", "nginx:1.25", None, "running",
                             *[None] * 6, 1767225600 * 10**9, *[None] * 3, json.dumps(LABELS), None, None, 1.1,
                             2**29],
                            [round(now * 1e9), "alpha", BARE, "bare", "busybox", None, "running", *[None] * 18]]),
        ("container_stats", [
            stats(now - 9, WEB, "web", {0: 10**9, 9: 7}),
            stats(now, WEB, "web", {0: 2_500_000_000, 8: 4096, 9: 2**53, 14: 3, 15: 0, 16: 5, 17: 99}),
            stats(now, BARE, "bare", {9: 100}),
            stats(now - 3600, OLD, "old", {9: 100})]))
    text = d.get("/metrics/containers").body.decode()
    found = check(text)

    def value(name, container=WEB):
        values = [v for (n, labels), v in found.items()
                  if n == "container_" + name and f'id="/docker/{container}"' in labels]
        return values[0] if len(values) == 1 else values

    assert value("cpu_usage_seconds_total") == 2.5
    assert value("memory_usage_bytes") == 4096
    assert value("memory_working_set_bytes") == 2**53
    assert value("memory_failures_total") == [3, 0]
    assert value("threads") == 5
    assert value("last_seen") == pytest.approx(now, abs=1e-3)
    assert value("start_time_seconds") == 1767225600
    assert value("network_receive_bytes_total") == []
    assert value("memory_working_set_bytes", BARE) == 100
    assert value("spec_memory_limit_bytes") == 2**29
    assert value("spec_cpu_quota") == 110_000 and value("spec_cpu_period") == 100_000
    assert value("threads_max") == 99
    assert value("spec_memory_limit_bytes", BARE) == value("spec_cpu_quota", BARE) == []
    assert value("spec_cpu_period", BARE) == value("threads_max", BARE) == []
    assert value("cpu_usage_seconds_total", BARE) == value("start_time_seconds", BARE) == []
    assert value("memory_working_set_bytes", OLD) == []
    labels = next(labels for (n, labels) in found if n == "container_threads")
    assert labels == (
        'container_label_="empty name"', 'container_label_a_b="first"', 'container_label_env="prod"',
        'container_label_x="quote \\" back \\\\ line\\nend \U0001f433"', 'host="alpha"',
        f'id="/docker/{WEB}"', 'image="nginx:1.25"', 'name="web"')
    assert not any(name == "tallyd_container_labels_cut" for name, _ in found)
    assert d.get("/metrics/containers?host=beta").body == b""
    assert d.get("/metrics/containers?name=web").status == 400


def labelled(at, number, labels):
    return [round(at * 1e9), "alpha", f"{number:064x}", f"huge{number}", "nginx" * 1000, None, "running",
            *[None] * 10, json.dumps(labels), *[None] * 4]


def test_containers_with_huge_labels_cost_no_other_its_place_in_an_answer(daemon):
    now = time.time()
    one, many, own = "x" * 900_000, {f"k{i:05d}": "\0" * 9 for i in range(15_000)}, {"tier": "web"}
    labels = [{"a": "1", "huge": one + str(i), "z": "2"} for i in range(20)] + [many, own]
    d = daemon("container_metrics = yes",
               ("container_info", [labelled(now, i, of) for i, of in enumerate(labels)]),
               ("container_stats", [stats(now, f"{i:064x}", f"huge{i}", {9: 7})
                                    for i in range(len(labels))]))
    answer = d.get("/metrics/containers")
    assert answer.status == 200 and len(answer.body) < 1 << 20
    found = check(answer.body.decode())

    def of(number, name):
        return [(labels, value) for (n, labels), value in found.items()
                if n == name and f'id="/docker/{number:064x}"' in labels]

    assert len(of(21, "container_memory_working_set_bytes")) == 1
    assert 'container_label_tier="web"' in of(21, "container_memory_working_set_bytes")[0][0]
    assert not of(21, "tallyd_container_labels_cut")
    for number in range(20):
        ((told, _),) = of(number, "container_memory_working_set_bytes")
        assert {'container_label_a="1"', 'container_label_z="2"'} < set(told)
        assert 'container_label_huge="' + "x" * 1024 + '"' in told
        assert [value for _, value in of(number, "tallyd_container_labels_cut")] == [1]
    assert len(of(20, "tallyd_container_labels_cut")) == 1
    page = d.get("/api/v1/containers?limit=1000")
    assert page.status == 200 and len(page.body) < 2 << 20
    rows = {row["name"]: row for row in json.loads(page.body)["data"]}
    assert len(rows) == len(labels) and rows["huge21"]["labels"] == own
    assert rows["huge3"]["labels"]["z"] == "2" and len(rows["huge3"]["labels"]["huge"]) == 16384
    assert rows["huge20"]["labels"]["k00000"] == "\0" * 9
