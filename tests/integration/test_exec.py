"""input.exec in the real daemon: programs that work, and every way in which they may not."""

import os
import signal
import sys
from pathlib import Path

import pytest

from daemon import STORED
from pg import Postgres, psql
from waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
TABLE = "declare = series sensors (sensor text tag, n int)\n"


@pytest.fixture
def collect(tallyd):
    """collect(path, …options) starts a daemon that reads this program's rows."""
    def make(path, extra=TABLE, start=True, sections=STORED, **options):
        daemon = tallyd(f"[input.exec:x]\ncommand = {path}\ninterval = 200ms\n{extra}{sections}",
                        **options)
        return daemon.start() if start else daemon
    return make


def rows(daemon, what="count(*)", table="sensors"):
    try:
        return daemon.sql(f"select {what} from {table}")
    except Exception:  # pylint: disable=broad-except
        return [(0,)]  # the table is made with the first row


def stored(daemon, least):
    daemon.wait(lambda: rows(daemon)[0][0] >= least, f"{least} rows are stored")


def metric(daemon, name, **labels):
    return daemon.metric(f"tallyd_exec_{name}_total", instance="input.exec:x", **labels)


def pid_of(path):
    return int(path.read_text())


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


SHELL = """
    echo '{"sensor": "attic", "n": 5}'
    echo '{"sensor": "cellar", "n": 6}'
"""


def test_a_shell_script_of_two_lines_is_a_source_of_rows(collect, program):
    daemon = collect(program(SHELL, interpreter="/bin/sh"))
    stored(daemon, 4)
    assert set(rows(daemon, "distinct sensor, n")) == {("attic", 5), ("cellar", 6)}
    assert metric(daemon, "runs") >= 2 and metric(daemon, "failures") == 0
    daemon.balanced()
    found = daemon.json("/api/v1/tables/sensors?limit=2")["data"]
    assert {r["sensor"] for r in found} <= {"attic", "cellar"}


def test_once_prints_what_a_program_says(collect, program):
    daemon = collect(program(SHELL, interpreter="/bin/sh"), start=False)
    answer = daemon.call("once", "input.exec:x", "--format", "ndjson")
    assert answer.returncode == 0, answer.stderr
    assert '"table":"sensors"' in answer.stdout and '"sensor":"attic","n":5' in answer.stdout


TELEGRAF = r"""
    import signal, sys
    def gather(*_):
        print("W! asked", file=sys.stderr)
        print("cpu,cpu=cpu0,host=web\\ 1 usage_idle=97.5,Usage-User=1i,name=\"a \\\"b\\\"\" 1700000000000000000")
        print("cpu,cpu=cpu1,host=web\\ 1 usage_idle=3,usage_user=2i,extra=t 1700000001000000000")
    signal.signal(signal.SIGUSR1, gather)
    for line in sys.stdin:
        gather()
"""
CPU = ("declare = series cpu (cpu text tag, host text tag, usage_idle real, usage_user int, name text)\n"
       "mode = service\nformat = influx\n")


@pytest.mark.parametrize("how", ["stdin", "SIGUSR1"])
def test_a_plugin_for_telegrafs_execd_is_usable(collect, program, how):
    daemon = collect(program(TELEGRAF), CPU + f"signal = {how}\n")
    daemon.wait(lambda: rows(daemon, table="cpu")[0][0] == 2, "two rows, however often they come")
    assert rows(daemon, "cpu, host, usage_idle, usage_user, name", "cpu") == [
        ("cpu0", "web 1", 97.5, 1, 'a "b"'), ("cpu1", "web 1", 3.0, 2, None)]
    daemon.wait(lambda: metric(daemon, "unknown_values") >= 2, "the unknown column is counted")
    assert "no column extra is declared" in daemon.log
    assert "stderr: asked" in daemon.log
    if how == "stdin":
        assert metric(daemon, "runs") == 1
    daemon.stop()


def test_a_program_declares_its_own_tables(collect, program):
    daemon = collect(program("""
        import json
        print(json.dumps({"tallyd": "tables", "tables": [
            {"name": "doors", "kind": "state", "help": "The doors.", "kept_long": True, "columns": [
                {"name": "door", "type": "text", "role": "tag"},
                {"name": "open", "type": "bool", "help": "is it open?"}]},
            {"name": "steps", "kind": "log", "columns": [
                {"name": "host", "type": "text", "role": "tag"},
                {"name": "n", "type": "int", "role": "order"},
                {"name": "what", "type": "json"}]}]}))
        print('{"table": "doors", "door": "front", "open": true}')
        print('{"table": "steps", "what": {"a": [1]}}')
    """), "")
    daemon.wait(lambda: rows(daemon, table="steps")[0][0] > 0, "the log has a row")
    daemon.wait(lambda: rows(daemon, "door, open", "doors") == [("front", 1)], "the state is there")
    assert rows(daemon, "host, what", "steps")[0] == ("testhost", '{"a":[1]}')
    about = daemon.json("/api/v1/tables")
    assert "The doors." in str(about)
    assert daemon.sql("select name, flags from tally_tables where name in ('doors', 'steps') order by 1") == [("doors", 1), ("steps", 0)]
    assert metric(daemon, "refused_lines") == 0


GARBAGE = r"""
    import sys, time
    out = sys.stdout.buffer
    out.write(b'{"sensor": "a", "n": 1}\n')
    out.write(b'\x00\xff\xfe garbage\n')
    out.write(b'{"sensor": "a", "n": \n')
    out.write(b'[1]\n')
    out.write(b'{"sensor": "a", "n": "one"}\n')
    out.write(b'{"n": 5}\n')
    out.write(b'{"table": "other", "n": 5}\n')
    out.write(b'{"sensor": "' + b"x" * 70000 + b'"}\n')
    out.write(b'{"tallyd": "what"}\n')
    out.write(b'{"sensor": "a", "n": 1, "n": 2}\n')
    out.write(b'{"sensor": "b", "n": 2}\n')
    out.write(b'{"sensor": "c", "n": 2')
    out.flush()
    sys.exit(3)
"""


def test_bad_lines_cost_only_themselves_and_are_told_with_their_place(collect, program):
    daemon = collect(program(GARBAGE), TABLE)
    stored(daemon, 2)
    daemon.wait(lambda: metric(daemon, "failures", reason="exit") >= 1, "the exit is counted")
    runs = metric(daemon, "failures", reason="exit")
    assert set(rows(daemon, "distinct sensor")) == {("a",), ("b",)}
    assert "exited with status 3" in daemon.log
    assert "line 3, column 21: no JSON" in daemon.log
    assert "line 5: sensors.n: is not an integer; the line is left out" in daemon.log
    daemon.stop()
    assert runs >= 1


def test_each_reason_for_refusing_a_line_is_counted(collect, program):
    once = GARBAGE + "    # waits for ever, so that it is counted once\n"
    once = once.replace("sys.exit(3)", "time.sleep(1000)").replace("{\"sensor\": \"c\", \"n\": 2'", "'")
    daemon = collect(program(once), TABLE + "mode = service\n")
    daemon.wait(lambda: metric(daemon, "refused_lines") >= 9, "all are counted")
    assert {reason: metric(daemon, "refused_lines", reason=reason) for reason in (
        "syntax", "too_long", "unknown_table", "type", "missing_tag")} == {
            "syntax": 5, "too_long": 1, "unknown_table": 1, "type": 1, "missing_tag": 1}


def test_unknown_columns_may_be_refused(collect, program):
    daemon = collect(program("""
        print('{"sensor": "a", "n": 1, "m": 2}')
        print('{"sensor": "b", "n": 1}')
    """), TABLE + "unknown_columns = refuse\n")
    stored(daemon, 1)
    daemon.says("line 1: sensors has no column m; the line is left out")
    assert set(rows(daemon, "distinct sensor")) == {("b",)}


def test_a_flood_is_held_back_by_the_buffer_and_nothing_is_lost(collect, program, tmp_path):
    daemon = collect(program("""
        import sys, time
        for i in range(60000):
            print('{"sensor": "s%d", "n": %d, "time": %d}' % (i % 50, i, 1700000000 + i // 50))
        sys.stdout.flush()
        time.sleep(1000)
    """, interpreter=sys.executable), TABLE + "mode = service\n",
        sections=STORED.replace("batch_timeout = 200ms", "batch_timeout = 200ms\ncapacity = 1Mi"))
    daemon.wait(lambda: rows(daemon)[0][0] == 60000, "every row is stored", 90)
    assert rows(daemon, "sum(n)") == [(60000 * 59999 // 2,)]
    assert daemon.rss < 600 << 20  # with the sanitizer's shadow
    daemon.balanced()


def test_a_program_that_hangs_is_ended_and_runs_again(collect, program, tmp_path):
    daemon = collect(program(f"""
        import os, signal, subprocess, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen(["sleep", "1000"])
        open("{tmp_path}/pid", "w").write(str(child.pid))
        print('{{"sensor": "a", "n": 1}}')
        time.sleep(1000)
    """), TABLE + "timeout = 1s\nstop_timeout = 100ms\n")
    daemon.wait(lambda: metric(daemon, "failures", reason="timeout") >= 2, "it is timed out twice")
    assert "the program did not end within 1s (timeout) and was killed by signal 9" in daemon.log
    stored(daemon, 2)  # what it said before was not lost
    child = pid_of(tmp_path / "pid")
    daemon.stop()
    wait_for(lambda: not alive(child), 10, "its children are gone, too")


def test_a_slow_program_loses_nothing_and_holds_nothing_up(collect, program):
    daemon = collect(program("""
        import sys, time
        for piece in ('{"sensor": "a", ', '"n": 1}\\n{"sens', 'or": "b", "n"', ': 2}\\n'):
            sys.stdout.write(piece)
            sys.stdout.flush()
            time.sleep(0.2)
        time.sleep(1000)
    """), TABLE + "mode = service\n")
    stored(daemon, 2)
    assert sorted(rows(daemon, "sensor, n")) == [("a", 1), ("b", 2)]
    assert metric(daemon, "refused_lines") == 0


def test_a_silent_service_is_started_again(collect, program):
    daemon = collect(program("""
        import time
        print('{"sensor": "a", "n": 1}')
        time.sleep(1000)
    """), TABLE + "mode = service\nsilence = 1s\nstop_timeout = 0s\n")
    daemon.wait(lambda: metric(daemon, "failures", reason="timeout") >= 2, "it is started again")
    daemon.says("the program wrote no line for 1s (silence) and was killed by signal")
    daemon.says("starting it again")


def test_a_service_that_closes_its_stdout_is_started_again(collect, program):
    daemon = collect(program("""
        import os, time
        print('{"sensor": "a", "n": 1}')
        os.close(1)
        time.sleep(1000)
    """), TABLE + "mode = service\nstop_timeout = 0s\n")
    daemon.wait(lambda: metric(daemon, "failures", reason="exit") >= 2, "it is started again")
    daemon.says("the program closed its stdout, so it was ended, and was killed by signal")
    stored(daemon, 2)


def test_a_service_that_goes_into_the_background_is_told_what_is_wanted(collect, program):
    daemon = collect(program("pass\n"), TABLE + "mode = service\n")
    daemon.says("exited with status 0")
    daemon.says("with mode = service it should go on running, in the foreground")


def test_a_script_without_its_interpreter_is_not_said_to_be_missing(collect, program):
    path = program("1\n", interpreter="/no/such/interpreter")
    daemon = collect(path)
    daemon.says(f"command: {path}: the interpreter that its first line names (#!), or its loader, does not exist")
    path.write_text("echo 1\n")
    daemon.says(f"command: {path}: no program of this machine")


def test_a_service_that_ends_at_once_is_retried_less_and_less_often(collect, program):
    daemon = collect(program("import sys\nprint('oh', file=sys.stderr)\nsys.exit(7)\n"),
                     TABLE + "mode = service\n")
    daemon.says("ended: the program exited with status 7")
    daemon.wait(lambda: metric(daemon, "runs") >= 3, "it is tried again")
    daemon.says("stderr: oh")
    assert daemon.metric("tallyd_up", instance="input.exec:x") in (0, 1)
    assert daemon.get("/healthz").status == 200


def test_a_killed_service_comes_back_and_the_others_do_not_notice(collect, program, tmp_path):
    daemon = collect(program(f"""
        import os, time
        open("{tmp_path}/pid", "w").write(str(os.getpid()))
        i = 0
        while True:
            print('{{"sensor": "a", "n": %d}}' % i)
            i += 1
            time.sleep(0.02)
    """), TABLE + "mode = service\n")
    stored(daemon, 10)
    first = pid_of(tmp_path / "pid")
    os.kill(first, signal.SIGKILL)
    daemon.says("the program was killed by signal 9 (Killed)")
    daemon.wait(lambda: pid_of(tmp_path / "pid") != first, "another one runs")
    daemon.balanced()
    second = pid_of(tmp_path / "pid")
    daemon.kill9()
    wait_for(lambda: not alive(second), 10, "it does not outlive the daemon")


def test_a_flood_on_stderr_is_counted_and_cut_short_in_the_log(collect, program):
    daemon = collect(program("""
        import sys, time
        for i in range(20000):
            print("E! line", i, file=sys.stderr)
        print('{"sensor": "a", "n": 1}')
        time.sleep(1000)
    """), TABLE + "mode = service\n")
    daemon.wait(lambda: metric(daemon, "stderr_lines") == 20000, "all are counted", 60)
    stored(daemon, 1)
    assert daemon.log.count("stderr: line") < 50


COUNTER = r"""
    import json, os, sys, time
    hello = json.loads(sys.stdin.readline())
    assert hello["tallyd"] == "hello" and hello["version"] == 1, hello
    os.set_blocking(0, False)
    at = int(hello["resume"] or 0)
    total = 3000
    safe = None
    while True:
        if at < total:
            for i in range(at, at + 10):
                print('{"sensor": "s%d", "n": %d, "time": %d}' % (i % 10, i, 1700000000 + i))
            at += 10
            print('{"tallyd": "position", "position": "%d"}' % at)
        for line in (sys.stdin.readlines() or []):
            if line.strip():
                safe = json.loads(line)["position"]
                with open("SAFE", "a") as f:
                    f.write(safe + "\n")
        time.sleep(0.002)
"""


@pytest.mark.parametrize("buffer", ["batch", "spool"])
def test_killing_daemon_and_program_loses_and_doubles_nothing(collect, program, tmp_path, buffer):
    path = program(COUNTER.replace("SAFE", str(tmp_path / "safe")))
    sections = STORED
    if buffer == "spool":
        sections = STORED.replace("[buffer.batch]", "[buffer.spool]").replace(
            "[output.sqlite]", "[output.sqlite]\nbuffer = spool")
    daemon = collect(path, TABLE + "mode = service\nacknowledge = yes\n", sections=sections)
    for least in (200, 600, 1000, 1400):
        stored(daemon, least)
        daemon.kill9()
        daemon.start()
    for least in (1800, 2200):
        stored(daemon, least)
        children = Path(f"/proc/{daemon.process.pid}/task")
        for task in children.iterdir():
            for child in (task / "children").read_text().split():
                os.kill(int(child), signal.SIGKILL)
    daemon.wait(lambda: rows(daemon)[0][0] == 3000, "all rows are stored", 60)
    assert rows(daemon, "sum(n), count(distinct n)") == [(3000 * 2999 // 2, 3000)]
    daemon.wait(lambda: (tmp_path / "safe").read_text().splitlines()[-1] == "3000",
                "the program learns that all is safe")


def test_only_a_trusted_program_is_run(collect, program, tmp_path):
    path = program(SHELL, interpreter="/bin/sh")
    for mode, said in ((0o757, "others may write it (mode 0757)"), (0o644, "is not a program")):
        path.chmod(mode)
        answer = collect(path, start=False).call("check")
        assert answer.returncode == 3
        assert f"command: {path}: {said}" in answer.stderr + answer.stdout
    path.chmod(0o755)
    answer = collect("program", start=False).call("check")
    assert answer.returncode == 3 and "write the whole path" in answer.stderr + answer.stdout
    answer = collect(path, "declare = series x (a number)\n", start=False).call("check")
    assert answer.returncode == 3 and "where a type" in answer.stderr + answer.stdout
    assert collect(path, start=False).call("check").returncode == 0


def test_a_directory_that_is_none_and_keys_without_effect_are_told(collect, program, tmp_path):
    path = program(SHELL, interpreter="/bin/sh")
    answer = collect(path, TABLE + f"directory = {tmp_path}/none\n", start=False).call("check")
    assert answer.returncode == 3
    assert f"directory: {tmp_path}/none: No such file or directory" in answer.stderr + answer.stdout
    answer = collect(path, TABLE + f"directory = {path}\n", start=False).call("check")
    assert answer.returncode == 3 and "is no folder" in answer.stderr + answer.stdout
    for key in ("signal = SIGHUP", "silence = 5s"):
        daemon = collect(path, TABLE + key + "\n")
        daemon.says(f"{key.split()[0]} has no effect with mode = interval")
        stored(daemon, 2)


def test_a_program_sees_only_the_environment_that_it_is_given(collect, program, tmp_path,
                                                              monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_DAEMON", "x")
    (tmp_path / "env").write_text("TOKEN='a b' LANG=xx")
    daemon = collect(program(f"""
        import json, os
        with open("{tmp_path}/seen", "w") as f:
            json.dump([dict(os.environ), os.getcwd(), sorted(os.listdir("/proc/self/fd")),
                       os.getpgid(0) == os.getpid()], f)
        print('{{"sensor": "a", "n": 1}}')
    """), TABLE + f"environment_file = {tmp_path}/env\ndirectory = /usr\n")
    stored(daemon, 1)
    import json  # pylint: disable=import-outside-toplevel
    environment, folder, open_files, leads = json.loads((tmp_path / "seen").read_text())
    assert environment["TOKEN"] == "a b" and environment["LANG"] == "xx"
    assert "SECRET_OF_THE_DAEMON" not in environment
    assert folder == "/usr" and leads
    assert len(open_files) <= 5  # 0 to 2, the file and the folder that it opened itself
    assert "a b" not in daemon.call("config").stdout


def test_a_reload_ends_a_program_that_is_no_longer_configured(collect, program, tmp_path):
    path = program(f"""
        import os, sys
        open("{tmp_path}/pid", "w").write(str(os.getpid()))
        print('{{"sensor": "a", "n": 1}}')
        sys.stdin.read()
        print('{{"sensor": "last", "n": 2}}')
    """)
    daemon = collect(path, TABLE + "mode = service\n")
    stored(daemon, 1)
    pid = pid_of(tmp_path / "pid")
    daemon.configure(STORED)
    daemon.hup()
    daemon.wait(lambda: not alive(pid), "it is gone")
    daemon.wait(lambda: ("last", 2) in rows(daemon, "sensor, n"), "its last words are stored")


def test_db_migrate_makes_the_tables_that_a_configuration_declares(collect, program):
    server = Postgres()
    try:
        conninfo = server.start().conninfo()
        sections = f"[buffer.batch]\n[output.timescale]\nconninfo = {conninfo}\nmigrate = check\n"
        daemon = collect(program(SHELL, interpreter="/bin/sh"), start=False, sections=sections)
        answer = daemon.call("db", "migrate")
        assert answer.returncode == 0 and "table sensors" in answer.stdout, answer
        daemon.start("ready: ")  # it may make nothing itself
        wait_for(lambda: int(psql(conninfo, "select count(*) from sensors")[0][0]) >= 4, 30)
        assert "cannot" not in daemon.log
        daemon.stop()
    finally:
        server.leave()


# ---- the examples


def test_the_shell_example_tells_how_full_the_file_systems_are(collect):
    source = (ROOT / "examples/exec/disk_space.sh").read_text()
    declare = next(x for x in source.splitlines() if "declare = " in x).lstrip("# ")
    daemon = collect(ROOT / "examples/exec/disk_space.sh", declare + "\n")
    daemon.wait(lambda: rows(daemon, table="disk_space")[0][0] > 0, "a file system is stored")
    host, mount, size, free = rows(daemon, "host, mount, size_bytes, free_bytes", "disk_space")[0]
    assert host == "testhost" and mount.startswith("/") and 0 <= free <= size
    assert metric(daemon, "refused_lines") == 0


def test_the_python_example_stores_each_line_of_a_file_once(collect, tmp_path):
    path = tmp_path / "orders.csv"

    def order(i):
        with open(path, "a") as file:
            file.write(f"2026-11-30T12:{i // 60:02}:{i % 60:02}Z,customer {i},{i}.5\n")

    order(0)
    daemon = collect(f"{sys.executable} {ROOT}/examples/exec/follow_file.py {path}",
                     "mode = service\nacknowledge = yes\n")
    for i in range(1, 300):
        order(i)
        if i % 100 == 50:
            daemon.wait(lambda: rows(daemon, table="orders")[0][0] > 20, "rows are stored")
            daemon.kill9()
            daemon.start()
    daemon.wait(lambda: rows(daemon, "count(*), sum(amount)", "orders") == [
        (300, 300 * 299 / 2 + 150)], "each line is stored once")
    daemon.stop()
