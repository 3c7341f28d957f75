"""Rules watch what an input emits, and their alerts are rows: once, also over crashes."""

import datetime
import json
import time

import pytest

from daemon import STORED, stored_in
from pg import Postgres

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
    daemon.wait(lambda: daemon.metric("tallyd_instance_up", instance="alert.room") == 1, "the good one is up")


def event(daemon, name, action, exit_code=None):
    emit(daemon, "container_events",
         [time.time_ns(), "box", f"{name}-id", action, name, "x", exit_code])


def test_a_rule_tried_on_the_past_says_what_it_said_then(replayed):
    daemon = replayed(BUSY + """
[alert.deaths]
when = count(container_events over 10min where action = die) > 1
""")
    begun = time.time() - 1

    def until(cpu, states):
        def shown():
            reading(daemon, "web", cpu)
            return [state for _, state in alerts(daemon)] == states
        daemon.wait(shown, f"{states} at {cpu}")

    for n in (1, 2):
        event(daemon, "db", "die", n)
        until(97, ["firing", "resolved"] * (n - 1) + ["firing"])
        until(1, ["firing", "resolved"] * n)
    daemon.wait(lambda: alerts(daemon, rule="deaths"), "the other one fires")
    since, until = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) for at in (begun, time.time() + 2))
    for rule in ("busy", "deaths"):
        done = daemon.call("alerts", "test", rule, "--from", since, "--to", until, "--json")
        assert done.returncode == 0, done.stderr
        tried = [json.loads(line) for line in done.stdout.splitlines()]
        said = alerts(daemon, "subject, state, time", rule)
        assert [(row["subject"], row["state"]) for row in tried] == [row[:2] for row in said]
        for row, (_, _, at) in zip(tried, said):
            assert abs(datetime.datetime.fromisoformat(row["time"]).timestamp() - at / SECOND) < 3
    text = daemon.call("alerts", "test", "busy", "--from", "5m").stdout
    assert "firing    97%" in text and text.splitlines()[-1].startswith("would have fired ")
    wrong = daemon.call("alerts", "test", "bussy")
    assert wrong.returncode == 1 and "there is no [alert.bussy]" in wrong.stderr
    assert daemon.call("alerts", "test", "busy", "--from", "soon").returncode == 2
    # What fires now.
    listed = daemon.call("alerts")
    assert listed.returncode == 0, listed.stderr
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["STATE", "firing"] and "deaths" in listed.stdout
    assert {(row["rule"], row["state"]) for row in json.loads(daemon.call("alerts", "--all", "--json").stdout)["data"]} == {
        ("busy", "resolved"), ("deaths", "firing")}
    assert daemon.call("alerts", "--rule", "no*").stdout == "nothing fires\n"


def test_a_window_is_full_again_after_a_crash(replayed):
    daemon = replayed("[alert.deaths]\nwhen = count(container_events over 5min where action = die) > 3\n")
    for n in range(2):
        event(daemon, "web", "die", n)
    daemon.wait(lambda: len(daemon.sql("select 1 from container_events")) == 2, "two are stored")
    daemon.kill9()
    (daemon.dir / "rows").write_text("")
    daemon.start()
    for n in range(2):
        event(daemon, "web", "die", n)
    daemon.wait(lambda: alerts(daemon, rule="deaths"), "two of before and two of now are four")
    assert alerts(daemon, "subject, state, value", "deaths") == [("web", "firing", 4)]


def test_what_has_only_a_present_cannot_be_tried(replayed):
    daemon = replayed("[alert.sick]\nwhen = health = unhealthy\n")
    emit(daemon, "container_info", [time.time_ns(), "box", "a-id", "web", "x", "y", "running"])
    daemon.wait(lambda: daemon.sql("select 1 from container_info"), "it is stored")
    done = daemon.call("alerts", "test", "sick")
    assert done.returncode == 1 and "container_info has only the newest row of each container" in done.stderr


@pytest.fixture
def postgres():
    server = Postgres()
    try:
        yield server.start()
    finally:
        server.leave()


def test_the_same_on_postgresql(tallyd, postgres):
    daemon = tallyd(REPLAY + BUSY + stored_in(postgres.conninfo()) + """
[alert.deaths]
when = count(container_events over 5min where action = die) > 2
""")
    (daemon.dir / "rows").write_text("")
    daemon.start()
    reading(daemon, "web", 97)

    def said(state):
        return [(row["rule"], row["subject"]) for row in daemon.json(f"/api/v1/alerts?state={state}")["data"]]

    daemon.wait(lambda: said("firing") == [("busy", "web")], "it fires")
    for n in range(2):
        event(daemon, "db", "die", n)
    daemon.wait(lambda: len(daemon.json("/api/v1/events")["data"]) == 2, "two are stored")
    daemon.kill9()
    (daemon.dir / "rows").write_text("")
    daemon.start()
    event(daemon, "db", "die", 3)
    daemon.wait(lambda: ("deaths", "db") in said("firing"), "those of before are counted")

    def calmed():
        reading(daemon, "web", 1)
        return said("resolved") == [("busy", "web")]

    daemon.wait(calmed, "it is over")
    assert [row["state"] for row in daemon.json("/api/v1/alerts/history?name=busy")["data"]] == ["resolved", "firing"]
    done = daemon.call("alerts", "test", "busy", "--from", "10m", "--json")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["state"] for line in done.stdout.splitlines()] == ["firing", "resolved"]
    daemon.stop()


def test_a_process_without_inputs_evaluates_what_the_store_has(tallyd, postgres):
    worker = tallyd(REPLAY + stored_in(postgres.conninfo()))
    (worker.dir / "rows").write_text("")
    worker.start()
    polled = "store = timescale\nevaluate = store\nevery = 1s\n"
    api = tallyd(f"""
[output.timescale]
conninfo = {postgres.conninfo()}
migrate = check
maintenance = no
tables = !*
[buffer.batch]
[output.sqlite]
path = {{db}}
tables = alerts
[output.http_api]
listen = 127.0.0.1:{{port}}
store = timescale
[alert.busy]
when = max(cpu_percent) > 90
{polled}
[alert.deaths]
when = count(container_events over 10min where action = die) > 2
{polled}
[alert.silent]
when = no container_stats for 3s by host
{polled}""")
    api.start()
    api.wait(lambda: api.sql("select 1 from sqlite_master where name = 'alerts'"), "its own store is ready")

    def read(rule):
        return api.metric("tallyd_alert_rows_total", instance=f"alert.{rule}")

    for n in range(2):
        event(worker, "db", "die", n)
    api.wait(lambda: read("deaths") >= 6, "both were read again and again")
    reading(worker, "web", 97)
    api.wait(lambda: alerts(api), "what the worker wrote fires here")
    assert alerts(api, "host, subject, state, value") == [("box", "web", "firing", 97)]
    assert alerts(api, rule="deaths") == []
    event(worker, "db", "die", 3)
    api.wait(lambda: alerts(api, rule="deaths"), "the third one is counted")
    assert alerts(api, "subject, state, value", "deaths") == [("db", "firing", 3)]
    api.wait(lambda: alerts(api, rule="silent"), "the host is silent")
    assert alerts(api, rule="silent") == [("box", "firing")]
    api.kill9()
    api.start()

    def back():
        reading(worker, "web", 1)
        return len(alerts(api, rule="silent")) > 1

    api.wait(back, "the host is back")
    assert alerts(api, rule="silent") == [("box", "firing"), ("box", "resolved")]
    assert len(alerts(api)) == len(alerts(api, rule="deaths")) == 1
    worker.stop()
