"""Rules watch what an input emits, and their alerts are rows: once, also over crashes."""

import json
import time

import pytest

from daemon import STORED

SECOND = 1_000_000_000
REPLAY = "[input.replay]\nfile = {dir}/rows\ninterval = 100ms\n"
BUSY = """
[alert.busy]
when = max(cpu_percent over 2s) > 90
severity = critical
"""


@pytest.fixture
def replayed(tallyd):
    """A daemon with these rules whose rows are what a test says."""
    def make(rules):
        daemon = tallyd(REPLAY + STORED + rules)
        (daemon.dir / "rows").write_text("")
        return daemon.start()

    return make


def emit(daemon, table, *rows):
    with open(daemon.dir / "rows", "a", encoding="utf-8") as file:
        file.write(json.dumps({"table": table, "rows": rows}) + "\n")


def reading(daemon, name, cpu):
    """Columns of container_stats up to cpu_percent, with the time of now."""
    emit(daemon, "container_stats", [time.time_ns(), "box", f"{name}-id", name, None, None, None, None, cpu])


def alerts(daemon, columns="subject, state", rule="busy"):
    text = f"select {columns} from alerts where rule = ? order by time"
    return daemon.sql(text, rule)


def test_an_alert_fires_once_over_a_crash_and_is_resolved(replayed):
    daemon = replayed(BUSY)
    reading(daemon, "calm", 50)
    reading(daemon, "web", 97.25)
    daemon.wait(lambda: alerts(daemon), "the alert is stored")
    row = daemon.json("/api/v1/tables/alerts?rule=busy")["data"][0]
    assert {key: row[key] for key in ("host", "rule", "subject", "state", "value", "notified",
                                      "severity", "summary")} == {
        "host": "box", "rule": "busy", "subject": "web", "state": "firing", "value": 97.25,
        "notified": True, "severity": "critical",
        "summary": "web: max(cpu_percent over 2s) > 90, now 97.25%"}
    assert daemon.metric("tallyd_alert_firing", instance="alert.busy") == 1
    assert daemon.metric("tallyd_alert_subjects", instance="alert.busy") == 2
    daemon.kill9()
    (daemon.dir / "rows").write_text("")
    daemon.start()
    reading(daemon, "web", 95)  # still
    reading(daemon, "other", 99)
    daemon.wait(lambda: len(alerts(daemon)) >= 2, "the second alert is stored")
    assert alerts(daemon) == [("web", "firing"), ("other", "firing")]

    def calmed():
        reading(daemon, "web", 3)
        reading(daemon, "other", 3)
        return len(alerts(daemon)) >= 4

    daemon.wait(calmed, "both are over")
    assert sorted(alerts(daemon)[2:]) == [("other", "resolved"), ("web", "resolved")]
    daemon.balanced()
    daemon.stop()
    daemon.start()
    assert len(alerts(daemon)) == 4


def test_an_event_is_an_alert_within_a_second(replayed):
    daemon = replayed("""
[alert.died]
when = count(container_events where action = die and exit_code != 0) > 0 by service
""")
    emit(daemon, "container_info",
         [time.time_ns(), "box", "a-id", "shop-web-1", "x", "y", "running", "Up", None, None, False, 0, 1,
          None, None, None, None, None, "shop", "web"])
    daemon.wait(lambda: daemon.sql("select 1 from container_info"), "it is known")
    begun = time.monotonic()
    emit(daemon, "container_events",
         [time.time_ns(), "box", "a-id", "die", "shop-web-1", "x", 3])
    daemon.wait(lambda: alerts(daemon, rule="died"), "the alert is stored")
    assert time.monotonic() - begun < 5  # a second, on a machine that is not busy
    assert alerts(daemon, "subject, state, value", "died") == [("shop/web", "firing", 1)]


def test_a_reload_restarts_only_the_rules_that_changed(replayed):
    daemon = replayed(BUSY)
    reading(daemon, "web", 99)
    daemon.wait(lambda: alerts(daemon), "it fires")
    daemon.configure(REPLAY + STORED + BUSY + "[alert.other]\nwhen = max(cpu_percent) > 10\n")
    mark = len(daemon.log)
    daemon.hup()
    daemon.says("alert.other: started", after=mark)
    reading(daemon, "web", 99)
    daemon.wait(lambda: alerts(daemon, rule="other"), "the new one fires")
    assert len(alerts(daemon)) == 1
    daemon.configure(REPLAY + STORED + BUSY + "[alert.other]\nwhen = max(cpu) > 10\n")
    mark = len(daemon.log)
    daemon.hup()
    daemon.says('[alert.other] when: at character 5, "cpu": no such column', after=mark)


def test_names_are_those_of_every_plugin_and_of_tables_declared_at_run_time(tallyd):
    daemon = tallyd("""
[alert.room]
when = max(moisture) > 30
[alert.typo]
when = max(moistre) > 30
[alert.elsewhere]
when = max(mem_percent) > 90
[input.exec:climate]
command = /bin/true
declare = series climate (room text tag, moisture real)
""" + STORED)
    done = daemon.call("check")
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() + done.stdout.splitlines() if "[alert" in line]
    assert len(lines) == 1 and lines[0].endswith(
        '[alert.typo] when: at character 5, "moistre": no such column (did you mean moisture?)')
    daemon.start()  # what other processes have is no reason not to start
    daemon.says("alert.elsewhere: never fires here")
    assert daemon.metric("tallyd_instance_up", instance="alert.room") == 1
