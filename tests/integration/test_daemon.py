"""The daemon from start to stop, against an engine that needs no root.

These run under TSan too: inputs, delivery, the store, the HTTP threads and reloads at once.
"""

import json
import os
import socket
import threading
from contextlib import closing

from conftest import sections


def start(tallyd, fake_engine, **options):
    return tallyd(sections(fake_engine.endpoint, "1s"), **options).start()


def rows(daemon, table="container_stats"):
    return daemon.sql(f"select count(*) from {table}")[0][0]


def collecting(daemon):
    """Waits until more is stored than now."""
    before = daemon.metric("tallyd_rows_stored_total", table="container_stats")
    daemon.wait(lambda: daemon.metric("tallyd_rows_stored_total", table="container_stats") > before,
                "rows are stored")


def test_rows_go_from_the_engine_to_the_store_and_to_the_api(tallyd, fake_engine):
    daemon = start(tallyd, fake_engine)
    daemon.wait(lambda: daemon.get("/readyz").status == 200, "/readyz")
    collecting(daemon)
    daemon.wait(lambda: "steady" in daemon.containers(), "steady is listed")
    assert daemon.containers()["steady"]["image"] == "busybox:test"
    daemon.balanced()
    daemon.stop()
    assert daemon.sql("pragma integrity_check") == [("ok",)]


def test_a_reader_hammering_the_api_disturbs_nothing(tallyd, fake_engine):
    daemon = start(tallyd, fake_engine)
    daemon.wait(lambda: "steady" in daemon.containers(), "steady is listed")
    paths = ["/api/v1/containers", "/api/v1/containers/steady/stats?from=now-5min&step=5s",
             "/metrics", "/api/v1/pipeline", "/api/v1/tables", "/api/v1/tables/container_info"]
    wrong = []

    def ask(path):
        for _ in range(25):
            answer = daemon.get(path)
            if answer.status != 200:
                wrong.append((path, answer.status, answer.body[:300]))

    threads = [threading.Thread(target=ask, args=(p,)) for p in paths]
    for thread in threads:
        thread.start()
    daemon.hup()
    for thread in threads:
        thread.join()
    assert not wrong
    collecting(daemon)
    daemon.balanced()


def test_sighup_restarts_only_what_changed(tallyd, fake_engine):
    daemon = start(tallyd, fake_engine)
    collecting(daemon)
    daemon.configure(sections(fake_engine.endpoint, "1s").replace(
        "[input.docker_stats]\ninterval = 1s", "[input.docker_stats]\ninterval = 2s"))
    mark = len(daemon.log)
    daemon.hup()
    daemon.wait(lambda: "input.docker_stats" in daemon.log[mark:], "docker_stats is restarted")
    collecting(daemon)
    assert "output.sqlite" not in daemon.log[mark:]
    assert daemon.get("/healthz").status == 200


def test_sighup_with_a_bad_config_keeps_the_old_one(tallyd, fake_engine):
    daemon = start(tallyd, fake_engine)
    daemon.configure(sections(fake_engine.endpoint, "1s") + "[output.sqlite:b]\npaht = x\n")
    mark = len(daemon.log)
    daemon.hup()
    daemon.wait(lambda: "paht" in daemon.log[mark:], "the bad key is told")
    assert "did you mean path" in daemon.log[mark:]
    collecting(daemon)


def test_kill_9_leaves_a_good_database_and_it_goes_on(tallyd, fake_engine):
    first = start(tallyd, fake_engine)
    collecting(first)
    first.kill9()
    stored = rows(first)
    assert stored > 0
    assert first.sql("pragma integrity_check") == [("ok",)]
    second = start(tallyd, fake_engine, state_dir=first.state_dir)
    second.wait(lambda: rows(second) > stored, "more rows than before")
    second.balanced()
    times = second.sql("select count(*), count(distinct time) from container_stats")[0]
    assert times[0] == times[1], "a row is stored twice"


def test_sigterm_drains_what_is_buffered(tallyd, fake_engine):
    daemon = tallyd(sections(fake_engine.endpoint, "1s").replace(
        "batch_timeout = 200ms", "batch_timeout = 1h")).start()
    daemon.wait(lambda: daemon.metric("tallyd_rows_waiting", output="output.sqlite") > 0,
                "rows wait in the buffer")
    daemon.stop()
    assert rows(daemon) > 0


def test_a_bad_config_exits_3_with_file_and_line(tallyd):
    daemon = tallyd("[input.docker_stats]\nintervall = 5s\n")
    line = 1 + (daemon.dir / "tallyd.conf").read_text().split("intervall")[0].count("\n")
    for command in ("check", "run"):
        result = daemon.call(command)
        assert result.returncode == 3, result
        assert f"tallyd.conf:{line}: " in result.stderr
        assert "intervall" in result.stderr and "did you mean interval" in result.stderr


def test_all_faults_of_a_configuration_are_reported_at_once(tallyd):
    daemon = tallyd("[input.docker_stats]\ninterval = 10x\n"
                    "[output.sqlite]\nbuffer = batsch\n"
                    "[output.http_api]\nstore = timescale\nlisten = nonsense\n"
                    "[input.docker_statsu]\n")
    result = daemon.call("check")
    assert result.returncode == 3
    for fault in ("10x", "batsch", "timescale", "docker_statsu"):
        assert fault in result.stderr, result.stderr


def test_a_wrong_command_line_exits_2(tallyd):
    daemon = tallyd("")
    assert daemon.call("frobnicate").returncode == 2


def test_check_never_connects(tallyd, fake_engine):
    fake_engine.mode = "silent"
    daemon = tallyd(sections(fake_engine.endpoint))
    result = daemon.call("check", timeout=20)
    assert result.returncode == 0, result.stderr
    assert not fake_engine.silenced.is_set()
    assert not daemon.db_path.exists()


def test_a_port_in_use_is_logged_and_taken_when_it_is_free(tallyd, fake_engine):
    with closing(socket.socket()) as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        daemon = tallyd(sections(fake_engine.endpoint, "1s"), port=port).start(ready=f"{port}")
        daemon.wait(lambda: "in use" in daemon.log, "the port is in use")
        daemon.wait(lambda: daemon.db_path.exists() and rows(daemon) > 0, "rows are stored")
    daemon.wait(lambda: daemon.get("/healthz").status == 200, "the port is taken", 60)


def test_a_second_daemon_on_one_state_dir_is_refused(tallyd, fake_engine):
    first = start(tallyd, fake_engine)
    second = tallyd(sections(fake_engine.endpoint), state_dir=first.state_dir)
    result = second.call("run")
    assert result.returncode in (1, 3)
    assert str(first.state_dir) in result.stderr


def test_once_prints_ndjson(tallyd, fake_engine):
    daemon = tallyd(sections(fake_engine.endpoint))
    result = daemon.call("once", "--format=ndjson")
    assert result.returncode == 0, result.stderr
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert any(row.get("name") == "steady" for row in found), result.stdout
    assert not os.path.exists(daemon.db_path)
