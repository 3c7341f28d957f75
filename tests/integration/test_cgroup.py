"""Both sources of docker_stats say the same of real containers; files survive what engines do."""

import os
import re
from pathlib import Path

import pytest

from daemon import STORED
from waiting import wait_for

MOMENTARY = {"time", "cpu_system_ns", "cpu_percent"}


def stats_only(endpoint, source, interval="1s"):
    return f"""
[input.docker_stats]
interval = {interval}
endpoint = {endpoint}
source = {source}
{STORED}"""


def rows(daemon):
    """The newest row of each container, by name and column."""
    columns = [c[1] for c in daemon.sql("pragma table_info(container_stats)")]
    if not columns:
        return {}
    found = daemon.sql("select * from container_stats order by time")
    return {row["name"]: row for row in (dict(zip(columns, values)) for values in found)}


def settled(daemon, names):
    """The rows when each container has been seen twice, so that there is a percent."""
    def ready():
        found = rows(daemon)
        return all(found.get(n, {}).get("cpu_percent") is not None for n in names) and found

    return daemon.wait(ready, f"rows of {names}", 40) or rows(daemon)


def differences(left, right):
    """Columns in which two rows differ."""
    return {c: (left[c], right[c]) for c in left
            if c not in MOMENTARY and c in right and left[c] != right[c]}


def metric(daemon, name, **labels):
    return daemon.metric(f"tallyd_docker_stats_{name}", **labels)


def test_files_and_engine_give_the_same_numbers(engine, tallyd):
    # Idle ones, so that the two sources look at the same counters at different moments.
    engine.run("limited", "dd if=/dev/zero of=/dev/shm/x bs=1M count=20; exec sleep 1000000",
               Memory=200 << 20, PidsLimit=50, NanoCpus=300_000_000)
    engine.run("bridged", "exec sleep 1000000", NetworkMode="bridge")
    engine.run("joined", "exec sleep 1000000", NetworkMode="container:bridged")
    engine.run("hosted", "exec sleep 1000000", NetworkMode="host")
    engine.run("guest", "exec sleep 1000000", NetworkMode="container:hosted")
    engine.run("alone", "exec sleep 1000000")
    engine.run("paused", "exec sleep 1000000", NetworkMode="bridge")
    engine.run("reader", "dd if=/bin/busybox of=/x bs=64k; sync; cat /x >/dev/null; "
               "exec sleep 1000000")
    engine.run("pinned", "exec sleep 1000000", CpusetCpus="0")
    engine.api("POST", "/containers/paused/pause")
    names = ["limited", "bridged", "joined", "hosted", "guest", "alone", "paused", "reader",
             "pinned"]
    files = tallyd(stats_only(engine.endpoint, "cgroup")).start()
    api = tallyd(stats_only(engine.endpoint, "api", "2s")).start()
    settled(files, names)
    settled(api, names)

    def agree():
        ours, theirs = rows(files), rows(api)
        wrong = {n: d for n in names if (d := differences(ours[n], theirs[n]))}
        assert not wrong, wrong
        return True

    # Kernel threads may still write back a page, ARP may still come in: when all is quiet.
    wait_for(agree, 60)
    ours = rows(files)
    assert ours["bridged"]["net_rx_bytes"] is not None
    assert ours["pinned"]["cpu_online"] == 1 and ours["alone"]["cpu_online"] == os.cpu_count()
    assert ours["joined"]["net_rx_bytes"] == ours["bridged"]["net_rx_bytes"]
    for name in ("hosted", "guest", "alone"):
        assert ours[name]["net_rx_bytes"] is None
    assert ours["limited"]["pids_limit"] == 50
    assert ours["alone"]["pids_limit"] is None
    assert ours["limited"]["mem_limit_bytes"] == 200 << 20
    total = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1]) * 1024
    assert ours["alone"]["mem_limit_bytes"] == total
    assert metric(files, "engine_calls_total", call="stats") == 0


def test_cpu_percent_of_both_sources_is_the_quota(engine, tallyd):
    engine.run("third", "while :; do :; done", NanoCpus=300_000_000)
    files = tallyd(stats_only(engine.endpoint, "cgroup")).start()
    api = tallyd(stats_only(engine.endpoint, "api", "2s")).start()

    def agree():
        ours, theirs = (settled(d, ["third"])["third"] for d in (files, api))
        assert ours["cpu_percent"] == pytest.approx(30, rel=0.15)
        assert theirs["cpu_percent"] == pytest.approx(30, rel=0.15)
        # The machine's time, as each read it.
        assert ours["cpu_system_ns"] == pytest.approx(theirs["cpu_system_ns"], rel=0.001, abs=4e10)
        assert ours["throttled_ns"] > 0
        return True

    wait_for(agree, 40)


def test_auto_reads_files_and_says_so_once(engine, tallyd):
    engine.run("one")
    daemon = tallyd(stats_only(engine.endpoint, "auto")).start()
    settled(daemon, ["one"])
    assert daemon.log.count("reading the containers' cgroup files") == 1
    assert metric(daemon, "containers", source="cgroup") == 1
    assert metric(daemon, "containers", source="api") == 0


def test_containers_that_come_and_go_between_polls_make_no_error(engine, tallyd):
    daemon = tallyd(stats_only(engine.endpoint, "auto")).start()
    for turn in range(3):
        ids = engine.run_many(f"turn{turn}-", 8, NetworkMode="host")
        settled(daemon, [f"turn{turn}-{i:03d}" for i in range(8)])
        for container in ids:
            engine.remove(container)
    engine.run("last")
    settled(daemon, ["last"])
    daemon.wait(lambda: metric(daemon, "containers", source="cgroup") == 1, "only last is read")
    assert daemon.metric("tallyd_gather_errors_total") == 0
    assert " warning " not in daemon.log and " error " not in daemon.log
    # Events tell what runs: far fewer lists than polls would make, and no descriptor is left.
    kept = [os.readlink(f"/proc/{daemon.process.pid}/fd/{fd}")
            for fd in os.listdir(f"/proc/{daemon.process.pid}/fd")]
    assert len([path for path in kept if path.startswith("/sys/fs/cgroup/")]) <= 12


def test_a_restart_is_seen_within_two_polls_and_starts_a_new_baseline(engine, tallyd):
    engine.run("phoenix", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; exec sleep 1000000")
    daemon = tallyd(stats_only(engine.endpoint, "cgroup")).start()
    settled(daemon, ["phoenix"])
    # Busy for a while, so that the new counter is lower than the old one.
    daemon.wait(lambda: rows(daemon)["phoenix"]["cpu_usage_ns"] > 100_000_000, "it has worked")
    engine.api("POST", "/containers/phoenix/restart?t=0")
    count = len(daemon.sql("select 1 from container_stats"))
    daemon.wait(lambda: len(daemon.sql("select 1 from container_stats")) > count + 3, "rows again")
    percents = daemon.sql("select cpu_percent from container_stats order by time")
    assert percents[0][0] is None
    assert [p for (p,) in percents[1:]].count(None) == 1
    assert all(p is None or p >= 0 for (p,) in percents)


def test_a_new_name_is_taken_up(engine, tallyd):
    engine.run("before")
    daemon = tallyd(stats_only(engine.endpoint, "auto")).start()
    settled(daemon, ["before"])
    engine.api("POST", "/containers/before/rename?name=after")
    settled(daemon, ["after"])


@pytest.mark.parametrize("fault,cure", [("pause", "resume"), ("kill", "start")])
def test_files_are_read_on_while_the_engine_is_away(engine, tallyd, fault, cure):
    engine.run("survivor")
    daemon = tallyd(stats_only(engine.endpoint, "auto")).start()
    settled(daemon, ["survivor"])
    engine.tell(fault)
    try:
        count = len(daemon.sql("select 1 from container_stats"))
        daemon.wait(lambda: len(daemon.sql("select 1 from container_stats")) > count + 4,
                    "rows while the engine is away")
        assert daemon.get("/readyz").status in (200, 503)
    finally:
        engine.tell(cure)
    wait_for(engine.alive, 30)
    engine.run("newcomer")
    settled(daemon, ["newcomer"])


def test_where_proc_is_another_the_engine_is_asked(engine, tallyd, tmp_path):
    # As in a container: another PID namespace with a /proc of its own.
    engine.run("seen")
    daemon = tallyd(stats_only(engine.endpoint, "auto"))
    wrapper = tmp_path / "wrapper"
    wrapper.write_text(f'#!/bin/sh\nexec unshare --pid --fork --kill-child --mount-proc '
                       f'{daemon.binary} "$@"\n')
    wrapper.chmod(0o755)
    daemon.binary = wrapper
    output = daemon.call("once")
    assert output.returncode == 0, output.stderr
    assert "seen" in output.stdout
    assert "reading the containers' cgroup files" not in output.stderr
