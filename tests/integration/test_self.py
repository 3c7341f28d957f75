"""tallyd about itself: its rows, a rule on them, and which host has been silent for how long."""

import time

from daemon import STORED
from test_alert_rules import REPLAY, emit

SECTIONS = REPLAY + """
[input.self]
interval = 200ms
disk = /
[input.docker_stats]
endpoint = unix://{dir}/nobody.sock
[alert.tallyd]
when = tallyd_self.failing > 0
""" + STORED


def rows(daemon, table, columns):
    """The newest row, if there is one."""
    if not daemon.sql("select 1 from sqlite_master where name = ?", table):
        return []
    return daemon.sql(f"select {columns} from {table} order by time desc limit 1")


def test_a_daemon_says_that_it_runs_and_what_fails(tallyd):
    daemon = tallyd(SECTIONS)
    (daemon.dir / "rows").write_text("")
    daemon.start()
    emit(daemon, "container_stats", [time.time_ns() - 3600 * 10**9, "db1", "web-id", "web"])
    daemon.wait(lambda: rows(daemon, "container_stats", "1"), "another host has been heard an hour ago")
    columns = "host, version, failing, blocked, rows_dropped, started, disk_used_bytes <= disk_size_bytes"

    def newest():
        return rows(daemon, "tallyd_self", columns)

    daemon.wait(lambda: newest() and newest()[0][2] == 1, "the input that fails is counted")
    assert daemon.metric("tallyd_instance_failing", instance="input.docker_stats") == 1
    assert daemon.metric("tallyd_instance_failing", instance="output.sqlite") == 0
    row, about = newest()[0], daemon.json("/api/v1/version")
    assert row[:2] == (about["host"], about["version"]) and row[3:5] == (0, 0) and row[6]
    assert daemon.sql("select count(distinct daemon), count(distinct started) from tallyd_self") == [(1, 1)]
    daemon.wait(lambda: daemon.json("/api/v1/alerts?state=firing")["data"], "the rule on it fires")
    alert = daemon.json("/api/v1/alerts")["data"][0]
    assert (alert["rule"], alert["subject"], alert["subject_kind"], alert["value"]) == ("tallyd", about["host"], "host", 1)

    def age(host):
        return daemon.metrics().get(("tallyd_host_age_seconds", f'host="{host}"'))

    daemon.wait(lambda: age(about["host"]) is not None and age("db1"), "the ages of both hosts are told")
    assert 0 <= age(about["host"]) < 60 and 3600 <= age("db1") < 3660
    assert daemon.metric("tallyd_http_api_store_errors_total") == 0
    daemon.balanced()
