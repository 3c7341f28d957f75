"""Podman's compatible socket, for what it supports."""

import pytest

from daemon import STORED
from podman import IMAGE, Podman


@pytest.fixture(scope="module")
def podman():
    engine = Podman()
    try:
        yield engine.enter()
    finally:
        engine.leave()


def test_what_podman_runs_is_collected(podman, tallyd):
    watched = podman.run("watched", "echo first line; sleep 1000000")
    daemon = tallyd(f"""
[input.docker_stats]
interval = 2s
source = api
endpoint = {podman.endpoint}
[input.docker_status]
interval = 2s
endpoint = {podman.endpoint}
[input.docker_images]
interval = 2s
endpoint = {podman.endpoint}
[input.docker_logs]
enabled = yes
source = api
endpoint = {podman.endpoint}
{STORED}""").start()

    def rows(columns, table, container):
        return daemon.sql(f"select {columns} from {table} where container_id = ?", container)

    daemon.wait(lambda: rows("name, state, image", "container_info", watched) ==
                [("watched", "running", IMAGE)], "it is known")
    daemon.wait(lambda: any(percent is not None and pids == 1 for percent, pids in rows(
        "cpu_percent, pids", "container_stats", watched)), "its numbers come")
    daemon.wait(lambda: rows("message", "container_logs", watched) == [("first line",)],
                "its log comes")
    daemon.wait(lambda: daemon.sql("select containers from docker_images where tags = ?",
                                   f'["{IMAGE}"]') == [(1,)], "its image is known")
    failed = podman.run("failing", "exit 42")
    daemon.wait(lambda: rows("state, exit_code", "container_info", failed) == [("exited", 42)],
                "an exit code is seen")
    daemon.wait(lambda: rows("action, exit_code", "container_events", failed).count(("die", 42)) == 1,
                "its end is told, with its code")
    podman.podman("rm", "--force", "--time=0", watched, failed)
    daemon.wait(lambda: len(rows("gone_at", "container_info", watched)) == 1 and
                rows("gone_at", "container_info", watched)[0][0], "it is seen to go")
    assert daemon.metric("tallyd_gather_errors_total") == 0


# Numbered lines on both streams, some of them far longer than what Podman reads in one go, and an
# end without a newline.
PRINTER = """
long=$(head -c 40000 /dev/zero | tr '\\0' x)
i=0
while [ $i -lt {n} ]; do
  echo "out $i"; echo "err $i" >&2
  [ $((i % 50)) = 0 ] && echo "long $i $long"
  {pause}
  i=$((i+1))
done
printf 'the end'
"""


def printed(n):
    out = []
    for i in range(n):
        out.append(f"out {i}")
        if i % 50 == 0:
            out.append(f"long {i} " + "x" * 40000)
    return {"stdout": out + ["the end"], "stderr": [f"err {i}" for i in range(n)]}


def logs_of(podman, source, options=""):
    return (f"[input.docker_logs]\nenabled = yes\nsource = {source}\nendpoint = {podman.endpoint}\n"
            f"{options}\n{STORED}")


def stored(daemon, name):
    rows = daemon.sql("select stream, message from container_logs where name = ? "
                      "order by time, sequence", name)
    return {stream: [m for s, m in rows if s == stream] for stream in ("stdout", "stderr")}


def check(daemon, name, wanted):
    total = sum(len(lines) for lines in wanted.values())
    daemon.wait(lambda: sum(map(len, stored(daemon, name).values())) >= total,
                f"{total} lines of {name}")
    found = stored(daemon, name)
    for stream, lines in wanted.items():
        assert [m[:20] for m in found[stream]] == [m[:20] for m in lines]
        assert found[stream] == lines


@pytest.mark.parametrize("source", ["auto", "file", "api"])
def test_every_line_of_podman_s_containers_is_stored(podman, tallyd, source):
    name = f"printer-{source}"
    podman.run(name, PRINTER.format(n=120, pause=""))
    daemon = tallyd(logs_of(podman, source, f"include = name={name}")).start()
    check(daemon, name, printed(120))
    # The second run's first line is not the rest of the first run's last.
    podman.podman("start", name)
    check(daemon, name, {stream: 2 * lines for stream, lines in printed(120).items()})
    read = daemon.metric("tallyd_docker_logs_engine_calls_total", call="logs")
    assert read == 0 if source != "api" else read > 0
    assert daemon.metric("tallyd_docker_logs_garbage_total") == 0
    times = [t for t, in daemon.sql("select time from container_logs where stream = 'stderr'")]
    assert any(t % 10**9 for t in times) == (source != "api"), "as fine as the source has them"
    podman.podman("rm", "--force", "--time=0", name)


@pytest.mark.parametrize("source", ["file", "api"])
def test_kills_of_the_daemon_neither_lose_nor_double_a_line_of_podman_s(podman, tallyd, source):
    name, n = f"talker-{source}", 150
    daemon = tallyd(logs_of(podman, source, f"include = name={name}")).start()
    podman.run(name, PRINTER.format(n=n, pause="usleep 20000"))
    for kill in range(1, 4):
        daemon.wait(lambda k=kill: len(stored(daemon, name)["stderr"]) >= 40 * k, "some lines")
        daemon.kill9()
        daemon.start()
    check(daemon, name, printed(n))
    podman.podman("rm", "--force", "--time=0", name)


def test_new_lines_only_are_all_of_them_though_podman_s_times_are_whole_seconds(podman, tallyd):
    podman.run("new", "echo old; until [ -e /tmp/go ]; do usleep 10000; done; "
               "seq 20; sleep 1000000")
    daemon = tallyd(logs_of(podman, "api", "first_sight = new\ninclude = name=new")).start()
    daemon.wait(lambda: daemon.metric("tallyd_docker_logs_reads_total") > 0, "it is read")
    podman.podman("exec", "new", "touch", "/tmp/go")
    check(daemon, "new", {"stdout": [str(i) for i in range(1, 21)], "stderr": []})
    podman.podman("rm", "--force", "--time=0", "new")


def test_no_line_is_lost_when_podman_puts_a_new_file_in_place_of_a_full_one(podman, tallyd):
    n = 250
    daemon = tallyd(logs_of(podman, "file", "include = name=rotated")).start()
    podman.run("rotated", "until [ -e /tmp/go ]; do usleep 10000; done; " +
               PRINTER.format(n=n, pause="usleep 5000"), "--log-opt", "max-size=100k")
    daemon.wait(lambda: daemon.metric("tallyd_docker_logs_reads_total") > 0, "it is read")
    podman.podman("exec", "rotated", "touch", "/tmp/go")
    check(daemon, "rotated", printed(n))
    podman.podman("rm", "--force", "--time=0", "rotated")


def test_a_terminal_of_podman_s_gives_the_same_lines_by_both_sources(podman, tallyd):
    # With what looks like the engine's stamp at the beginning of its own text.
    command = "for i in 1 2 3; do echo $(date -u +%Y-%m-%dT%H:%M:%SZ) own stamp $i; done; sleep 100000"
    podman.run("terminal", command, "--tty")
    for source in ("api", "file"):
        daemon = tallyd(logs_of(podman, source, "include = name=terminal")).start()
        daemon.wait(lambda d=daemon: len(stored(d, "terminal")["stdout"]) == 3, "three lines")
        assert [m[20:] for m in stored(daemon, "terminal")["stdout"]] == [
            f" own stamp {i}" for i in (1, 2, 3)]
        daemon.stop()
    podman.podman("rm", "--force", "--time=0", "terminal")
