"""What docs/ tells people to alert on is there from the start: a counter that appears with its first
increment never shows an increase.  No row but tallyd's own has come."""

import re
import subprocess

import pytest

from daemon import ROOT, Tallyd
from test_prometheus import promtool

SECTIONS = """\
[buffer.batch]
[buffer.spool]
[input.docker_stats]
endpoint = unix://{dir}/nobody.sock
[input.docker_status]
endpoint = unix://{dir}/nobody.sock
[input.docker_logs]
endpoint = unix://{dir}/nobody.sock
[input.docker_images]
endpoint = unix://{dir}/nobody.sock
[input.cri_logs]
links = {dir}/nobody
[input.cgroup_stats]
links = {dir}/nobody
[input.markers]
[input.self]
[input.effects]
[input.exec]
command = /bin/true
[output.exec]
command = /bin/true
[output.sqlite]
path = {db}
[output.timescale]
conninfo = host={dir} dbname=nobody
buffer = spool
[output.redis]
url = unix://{dir}/nobody.redis
[output.notify]
url = http://127.0.0.1:1/
[alert.busy]
when = avg(cpu_percent) > 90
[output.http_api]
listen = 127.0.0.1:{port}
store = sqlite
"""

FIRES = """\
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: 'tallyd_rows_dropped_total{instance="a:7420",input="input.docker_logs",reason="buffer_full"}'
        values: '0+0x10 60+60x10'
      - series: 'tallyd_buffer_bytes{instance="a:7420",buffer="buffer.batch"}'
        values: '10x20'
      - series: 'tallyd_buffer_capacity_bytes{instance="a:7420",buffer="buffer.batch"}'
        values: '100x20'
      - series: 'tallyd_host_age_seconds{instance="a:7420",host="db1"}'
        values: '15x10 60+60x10'
      - series: 'tallyd_host_age_seconds{instance="a:7420",host="db2"}'
        values: '15x20'
    alert_rule_test:
      - {eval_time: 10m, alertname: TallydRowsDropped, exp_alerts: []}
      - eval_time: 15m
        alertname: TallydRowsDropped
        exp_alerts:
          - exp_labels: {severity: page, instance: "a:7420", input: input.docker_logs, reason: buffer_full}
            exp_annotations:
              summary: "tallyd on a:7420 drops rows (buffer_full)"
              description: "Rows of input.docker_logs are being lost: 1 a second. docs/data-path.md explains each reason."
      - {eval_time: 15m, alertname: TallydBufferHalfFull, exp_alerts: []}
      - {eval_time: 10m, alertname: TallydHostSilent, exp_alerts: []}
      - eval_time: 15m
        alertname: TallydHostSilent
        exp_alerts:
          - exp_labels: {severity: page, host: db1}
            exp_annotations:
              summary: "Nothing has been heard of db1 for 5m 0s"
              description: "It is down, tallyd on it does not run, or its rows do not reach the store: `tallyd status` there says which."
"""

# Of plugins that are examples and not built in, a family that is named by its beginning, what
# /metrics/containers says of a container, and what is no metric: a table, a cookie, a function of CMake.
ELSEWHERE = re.compile(r"tallyd_uptime_|tallyd_docker_logs_engine_$|tallyd_container_labels_cut$|"
                       r"tallyd_self$|tallyd_session$|tallyd_packed$|tallyd_add_plugin$")


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    daemon = Tallyd(tmp_path_factory.mktemp("alerts"), SECTIONS).start()
    daemon.wait(lambda: daemon.metric("tallyd_host_age_seconds") > 0, "the host's age is told")
    found = daemon.metrics()
    yield found
    daemon.stop()


def selectors(text):
    """(name, {label: value}) of each selector; `{reason}` in a document means: with this label."""
    for name, labels in re.findall(r"\b(tallyd_[a-z0-9_]+|process_[a-z0-9_]+)(\{[^}`]*\})?", text):
        if not ELSEWHERE.match(name):
            yield name, dict(re.findall(r'([a-z_]+)="([^"…]*)"', labels))


def has(metrics, name, labels):
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    return any(n == name and all(w in text for w in wanted) for n, text in metrics)


def documents():
    return sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md", *ROOT.glob("plugins/*/*/README.md"),
                   *ROOT.glob("examples/**/*.md")])


def test_every_series_that_an_alert_names_is_there_before_anything_happened(metrics):
    text = (ROOT / "docs" / "operations.md").read_text()
    table = [line.split("|")[1] for line in text.splitlines() if re.match(r"\| .*(tallyd|process)_", line)]
    named = [selector for cell in table for selector in selectors(cell)]
    assert len(named) > 15
    assert [x for x in named if not has(metrics, *x)] == []


def rules():
    return (ROOT / "packaging" / "prometheus" / "rules.yml").read_text()


def test_the_rules_for_prometheus_name_what_is_there(metrics):
    named = [selector for line in re.findall(r"^ +(?:expr: |(?:or )?increase|(?:or )?rate).*", rules(), re.M)
             for selector in selectors(line)]
    assert len(named) > 25
    assert [x for x in named if not has(metrics, *x)] == []


def test_the_rules_for_prometheus_cover_what_operations_says_to_watch():
    text = (ROOT / "docs" / "operations.md").read_text()
    table = [line.split("|")[1] for line in text.splitlines() if re.match(r"\| .*tallyd_", line)]
    named = {name for cell in table for name, _ in selectors(cell)}
    assert {name for name in named if name not in rules()} == {"tallyd_timescale_leader"}


def test_a_dropped_row_pages_and_a_slow_output_does_not(tmp_path):
    (tmp_path / "rules.yml").write_text(rules())
    (tmp_path / "test.yml").write_text(FIRES)
    done = subprocess.run([promtool(), "test", "rules", tmp_path / "test.yml"], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_that_a_document_names_is_there_from_the_start(metrics):
    missing = {(document.name, name) for document in documents()
               for name, labels in selectors(document.read_text()) if not has(metrics, name, {})}
    assert missing == set()


def test_every_reason_for_dropping_rows_has_a_series_from_the_start(metrics):
    text = (ROOT / "docs" / "data-path.md").read_text()
    reasons = re.findall(r"^\| `(\w+)` \| ((?:input|output)(?:, (?:input|output))?) \|", text, re.M)
    assert len(reasons) >= 8
    for reason, sides in reasons:
        for side in sides.split(", "):
            instances = {"input": ["input.docker_stats", "input.docker_status"],
                         "output": ["output.sqlite", "output.timescale", "output.redis"]}[side]
            for instance in instances:
                labels = {side: instance, "reason": reason}
                assert has(metrics, "tallyd_rows_dropped_total", labels), labels
    assert all(value == 0 for (name, _), value in metrics.items()
               if name == "tallyd_rows_dropped_total")


def test_rows_have_their_series_at_each_output_that_wants_them(metrics):
    for output in ("output.sqlite", "output.timescale", "output.redis"):
        for name in ("routed_total", "stored_total", "waiting"):
            labels = {"output": output, "table": "container_stats"}
            assert has(metrics, f"tallyd_rows_{name}", labels), (name, labels)
    assert has(metrics, "tallyd_gathers_skipped_total", {"input": "input.docker_stats"})
