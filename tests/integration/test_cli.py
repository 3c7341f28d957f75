"""The command line as people and programs use it; what is refused and how: tests/config/cases/usage.sh."""

import json
import re
import signal
import socket
import sqlite3
import subprocess
import time
from contextlib import closing

import pytest

from counting import daemon, tell  # noqa: F401 (a fixture)
from daemon import ROOT, build_dir

BAD = build_dir() / "tests" / "plugins" / "bad" / "bad.so"


def tallyd_alone(*words):
    return subprocess.run([build_dir() / "bin" / "tallyd", *map(str, words)], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60)


# ---- exit codes: one real situation each


def test_every_exit_code_is_what_the_table_says(daemon, tmp_path):
    d = daemon()
    assert d.call("check").returncode == 0
    with open("/dev/full", "w", encoding="ascii") as full:
        lost = subprocess.run(d.command("help"), stdout=full, stderr=subprocess.PIPE, text=True)
    assert lost.returncode == 1 and "cannot write to stdout: No space left on device" in lost.stderr
    assert d.call("chekc").returncode == 2
    (tmp_path / "bad.conf").write_text("[input.nobody]\n")
    assert tallyd_alone("check", "-c", tmp_path / "bad.conf").returncode == 3
    assert tallyd_alone("plugins", "info", "nobody").returncode == 3
    (tmp_path / "fault.conf").write_text("[input.bad]\nfault = stdout\n")
    tested = tallyd_alone("plugins", "test", BAD, "--kind", "input", "--config", tmp_path / "fault.conf")
    assert tested.returncode == 4, tested.stdout + tested.stderr


def test_the_table_of_exit_codes_is_the_same_everywhere():
    header = (ROOT / "core/process/exit_code.h").read_text()
    header = re.sub(r"\"\s+\"", "", re.sub(r"\\\n", " ", header))
    rows = re.findall(r"X\(\w+, (\d),\s*\"([^\"]*)\",\s*\"([^\"]*)\"\)", header)
    assert [code for code, _, _ in rows] == ["0", "1", "2", "3", "4"]
    text = " ".join(tallyd_alone("help").stdout.split())
    docs = (ROOT / "docs/operations.md").read_text()
    for code, means, remedy in rows:
        assert f" {code} {means}" in text
        assert re.sub(" +", " ", f"| {code} | {means} | {remedy} |") in docs


# ---- the form of a line


def test_options_stand_before_or_after_the_command(daemon):
    d = daemon()
    conf = str(d.dir / "tallyd.conf")
    dumps = {tallyd_alone(*words).stdout for words in (
        ["-c", conf, "config", "dump"], ["config", "-c", conf, "dump"], ["config", "dump", "-c", conf],
        ["config", "dump", f"-c{conf}"], ["config", "dump", f"--config={conf}"],
        ["config", "--config", conf, "dump"])}
    assert len(dumps) == 1 and "host = testhost" in dumps.pop()


@pytest.mark.parametrize("words", [["db", "refresh", "--help"], ["help", "db", "refresh"], ["db", "-h", "refresh"],
                                   ["--help", "db", "refresh"], ["db", "refresh", "now", "-h"]])
def test_help_is_given_wherever_it_is_asked_for(words):
    told = tallyd_alone(*words)
    assert told.returncode == 0 and "usage: tallyd db refresh FROM TO [INSTANCE]" in told.stdout, told


def test_help_names_every_command_of_the_documents():
    text = tallyd_alone("help").stdout
    assert "tallyd config reference" in text
    for name in re.findall(r"^\| `tallyd (\w+)", (ROOT / "docs/operations.md").read_text(), re.M):
        assert re.search(rf"^  {name}\b", text, re.M), name
        assert tallyd_alone(name, "--help").returncode == 0


# ---- the running daemon


def test_status_and_healthcheck_ask_the_running_daemon(daemon):
    d = daemon()
    gone = d.call("healthcheck")
    assert gone.returncode == 1 and gone.stdout.startswith("unhealthy no tallyd runs with state_dir"), gone
    assert d.call("status").returncode == 1
    d.start(ready="ready:")
    d.wait(lambda: d.call("healthcheck").returncode == 0, "it is healthy")
    assert d.call("healthcheck").stdout == "healthy\n"
    lines = d.call("status").stdout.splitlines()
    assert lines[0] == "healthy" and any(line.startswith("input.counter: running, ") for line in lines)
    told = json.loads(d.call("status", "--json").stdout)
    assert told["healthy"] is True and told["reason"] is None and told["ready"] is True
    counter = next(one for one in told["instances"] if one["instance"] == "input.counter")
    assert counter["running"] is True and counter["failing"] is None and counter["rows_dropped"] == 0
    assert (d.state_dir / "status").stat().st_mode & 0o777 == 0o600

    tell(d, "counter", "fail")
    d.wait(lambda: d.call("healthcheck").returncode == 4, "what fails is seen")
    sick = d.call("healthcheck")
    assert re.fullmatch(r"unhealthy input\.counter has failed for \S+: told to fail\n", sick.stdout)
    live = d.call("healthcheck", "--live")
    assert live.returncode == 0 and live.stdout.startswith("unhealthy input.counter has failed for ")
    failing = json.loads(d.call("healthcheck", "--json").stdout)
    assert failing["healthy"] is False and "told to fail" in failing["reason"]
    tell(d, "counter", "")
    d.wait(lambda: d.call("healthcheck").returncode == 0, "and that it is over")

    # A mistake in the configuration is no illness of the daemon that runs with the old one.
    conf = d.dir / "tallyd.conf"
    conf.write_text(conf.read_text() + "[input.nobody]\n")
    assert d.call("healthcheck").returncode == 0
    # Somebody has cleaned up: it is made again.
    (d.state_dir / "status").unlink()
    d.wait(lambda: d.call("healthcheck").returncode == 0, "the socket is there again")

    d.process.send_signal(signal.SIGSTOP)
    stuck = d.call("healthcheck", "--timeout", "1")
    stuck_live = d.call("healthcheck", "--timeout", "1", "--live")
    d.process.send_signal(signal.SIGCONT)
    assert stuck_live.returncode == 1
    assert stuck.returncode == 1 and stuck.stdout == "unhealthy tallyd runs and does not answer\n"
    d.stop()
    assert not (d.state_dir / "status").exists()
    assert d.call("healthcheck").returncode == 1


def test_ready_says_what_readyz_says_also_without_an_api(daemon):
    d = daemon()
    gone = d.call("healthcheck", "--ready")
    assert gone.returncode == 1 and gone.stdout.startswith("unready no tallyd runs with state_dir")
    both = d.call("healthcheck", "--ready", "--live")
    assert both.returncode == 2 and "exclude each other" in both.stderr
    d.start(ready="ready:")
    d.wait(lambda: d.call("healthcheck", "--ready").stdout == "ready\n", "it has no store, and is ready")
    assert json.loads(d.call("healthcheck", "--ready", "--json").stdout) == {"ready": True, "reason": None}
    (d.state_dir / "ready").unlink()
    d.wait(lambda: d.call("healthcheck", "--ready").returncode == 0, "the socket is there again")
    assert (d.state_dir / "ready").stat().st_mode & 0o777 == 0o600
    # What fails elsewhere is no reason to send nobody there.
    tell(d, "counter", "fail")
    d.wait(lambda: d.call("healthcheck").returncode == 4, "an input fails")
    assert d.call("healthcheck", "--ready").returncode == 0
    # A store that nothing is written to, and nobody answers for.
    conf = d.dir / "tallyd.conf"
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        conf.write_text(conf.read_text() + f"[output.timescale]\ntables = none_*\n"
                        f"conninfo = host=127.0.0.1 port={port} dbname=none connect_timeout=30\n")
        d.process.send_signal(signal.SIGHUP)
        d.wait(lambda: "output.timescale" in d.call("healthcheck", "--ready", "--timeout", "1").stdout,
               "the silent store is named")
        asked = d.call("healthcheck", "--ready", "--timeout", "1")
        assert asked.returncode == 4 and asked.stdout.startswith("unready output.timescale"), asked
        assert d.call("status", "--timeout", "1").returncode == 0
    told = json.loads(d.call("healthcheck", "--ready", "--json").stdout)
    assert told["ready"] is False and told["reason"].startswith("output.timescale"), told
    d.stop()
    assert not (d.state_dir / "ready").exists()


def test_a_path_that_no_socket_can_have_is_no_obstacle(daemon, tmp_path):
    d = daemon(state_dir=tmp_path / ("long" * 30))
    d.start(ready="ready:")
    d.wait(lambda: d.call("healthcheck").returncode == 0, "it is healthy")


# ---- for programs


def test_check_for_programs(daemon, tmp_path):
    d = daemon()
    good = json.loads(d.call("check", "--json").stdout)
    assert good["ok"] is True and good["errors"] == []
    assert "input.counter" in good["instances"] and good["files"] == [str(d.dir / "tallyd.conf")]
    (tmp_path / "bad.conf").write_text("[input.nobody]\n[output.x\n")
    bad = d.call("check", "--json", "-c", str(tmp_path / "bad.conf"))
    told = json.loads(bad.stdout)
    assert bad.returncode == 3 and bad.stderr == "" and told["ok"] is False
    assert any(f"{tmp_path}/bad.conf:2" in text for text in told["errors"]), told


def test_config_and_plugins_for_programs(daemon):
    d = daemon()
    dump = json.loads(d.call("config", "dump", "--json").stdout)
    assert dump["tallyd"]["host"]["value"] == "testhost" and dump["tallyd"]["host"]["line"] == 2
    assert dump["tallyd"]["log_level"]["from"] == "default" and dump["tallyd"]["log_level"]["line"] is None
    one = json.loads(d.call("config", "explain", "input.counter", "--json").stdout)
    assert list(one) == ["input.counter"] and one["input.counter"] == dump["input.counter"]
    assert d.call("config", "explain", "input.nobody", "--json").returncode == 1
    listed = json.loads(d.call("plugins", "list", "--json").stdout)
    assert {"counter", "recorder", "sqlite"} <= {plugin["name"] for plugin in listed}
    info = json.loads(d.call("plugins", "info", "counter", "--json").stdout)
    assert info["kind"] == "input" and info["tables"][0]["name"] == "counter"
    assert any(option["name"] == "interval" for option in info["sections"]["input.counter"])
    assert json.loads(tallyd_alone("version", "--json").stdout)["abi"].startswith("1.")


def test_a_dry_run_of_sqlite_shows_what_the_daemon_would_do(tallyd):
    files = sorted(path.stem for path in (ROOT / "sql/sqlite").glob("[0-9]*.sql"))
    d = tallyd("[input.docker_stats]\nendpoint = unix:///nowhere\n[buffer.batch]\n[output.sqlite]\npath = {db}\n")
    first = d.call("db", "migrate", "--dry-run")
    assert first.returncode == 0, first.stderr
    for name in files:
        assert f"  would apply migration {name}: " in first.stdout
    assert "      CREATE TABLE tally_tables\n" in first.stdout
    assert "  would create table container_stats\n" in first.stdout and not d.db_path.exists()
    d.start(ready="ready:").stop()
    db = sqlite3.connect(d.db_path, isolation_level=None)
    db.execute("delete from tally_migrations where name = ?", [files[-1]])
    db.execute("pragma wal_checkpoint(truncate)")
    db.close()
    before = d.db_path.read_bytes()
    told = d.call("db", "migrate", "--dry-run", "sqlite").stdout
    assert f"  would apply migration {files[-1]}: " in told and files[-2] not in told
    assert "1 migration to apply, by the daemon at its next start" in told and d.db_path.read_bytes() == before


def test_db_for_programs(tallyd, tmp_path):
    d = tallyd("[input.docker_stats]\nendpoint = unix:///nowhere\n[buffer.batch]\n[output.sqlite]\npath = {db}\n")
    d.start(ready="ready:")
    d.wait(lambda: d.db_path.exists() and d.sql("select 1 from tally_tables where name = 'container_stats'"),
           "its table is there")
    d.stop()
    now = time.time_ns() // 10**9
    with closing(sqlite3.connect(d.db_path)) as db:
        db.execute('insert or replace into tally_rollups ("table", level, rolled_to) values (?, 1, ?)',
                   ("container_stats", (now - 90) * 10**9))
        db.commit()
    answer = d.call("db", "status", "--json")
    [told] = json.loads(answer.stdout)
    assert answer.returncode == 0 and told["instance"] == "output.sqlite" and told["ok"] is True
    assert told["error"] is None
    size = told["lines"][0]
    assert size["bytes"] == d.db_path.stat().st_size and size["max_bytes"] == 4 * 2**30 and size["log_bytes"] >= 0
    stats = next(line for line in told["lines"] if line.get("table") == "container_stats")
    assert stats["kind"] == "series" and 90 <= stats["behind_seconds"] <= time.time() - now + 90 and stats["rows_estimated"] is None
    assert f"rolled up to {stats['rolled_up_to']}, {stats['behind_seconds']} s behind" in stats["text"]
    assert d.call("db", "status").stdout.startswith(f"output.sqlite\n  {d.db_path}: ")
    d.db_path.write_bytes(b"this is no database" * 1000)
    answer = d.call("db", "status", "--json")
    [told] = json.loads(answer.stdout)
    assert answer.returncode == 1 and told["ok"] is False and "not a database" in told["error"]
