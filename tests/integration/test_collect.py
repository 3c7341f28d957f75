"""What is collected is what the engine and `docker stats` say."""

import os
import re
from pathlib import Path

import pytest

from waiting import wait_for

UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def bytes_of(text):
    """12.5MB or 3.2MiB, as `docker stats` prints them."""
    number, unit = re.fullmatch(r"([\d.e+]+)([A-Za-z]+)", text.strip()).groups()
    return float(number) * UNITS[unit]


def percent_of(text):
    return float(text.rstrip("%"))


def latest(daemon, name):
    """The newest complete row of container_stats of that container, by column."""
    columns = [c["name"] for c in table(daemon, "container_stats")["columns"]]
    row = daemon.containers()[name]
    stats = row.get("stats") or row
    return {c: stats.get(c) for c in columns}


def table(daemon, name):
    return next(t for t in daemon.json("/api/v1/tables")["data"] if t["name"] == name)


def settled(daemon, name, column):
    """Waits until a column has a value for the container; returns the row."""
    daemon.wait(lambda: latest(daemon, name)[column] is not None, f"{name} has {column}")
    return latest(daemon, name)


def disk_device(folder):
    """The whole disk under a folder, for the engine's throttle options; None: no such."""
    number = os.stat(folder).st_dev
    sys = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    if not sys.exists():
        return None
    sys = sys.resolve()
    return f"/dev/{(sys.parent if (sys / 'partition').exists() else sys).name}"


def test_cpu_percent_is_what_docker_stats_shows(engine, watch):
    # A quota makes the load the same however busy the machine is.  Both sides measure another
    # second of it, in which the scheduler may grant one period of 100 ms more or less: 10 % of
    # the quota, and half as much again for the edges.
    engine.run("third", "while :; do :; done", NanoCpus=300_000_000)
    engine.run("idle", "sleep 1000000")
    daemon = watch()
    settled(daemon, "third", "cpu_percent")

    def agree():
        shown = percent_of(engine.docker_stats("third")["third"]["CPUPerc"])
        ours = latest(daemon, "third")["cpu_percent"]
        assert ours == pytest.approx(shown, rel=0.15), f"ours {ours}, docker's {shown}"
        assert shown == pytest.approx(30, rel=0.15), f"docker's {shown}: the machine was starved"
        return True

    wait_for(agree, 40)
    assert settled(daemon, "idle", "cpu_percent")["cpu_percent"] < 2


def test_memory_is_what_docker_stats_shows(engine, watch):
    # Of anonymous memory and of page cache that is written back; the latter becomes inactive
    # and then counts neither there nor here.  The text has four digits: 0.1 %.
    engine.run("hog", "dd if=/dev/zero of=/dev/shm/x bs=1M count=50; sleep 1000000",
               Memory=200 << 20)
    engine.run("cache", "dd if=/dev/zero of=/x bs=1M count=40; sync; sleep 1000000")
    daemon = watch()

    def agree():
        for name in ("hog", "cache"):
            shown = bytes_of(engine.docker_stats(name)[name]["MemUsage"].split("/")[0])
            ours = settled(daemon, name, "mem_used_bytes")["mem_used_bytes"]
            assert ours == pytest.approx(shown, rel=0.002, abs=64 << 10), name
        return True

    wait_for(agree, 30)
    row = latest(daemon, "hog")
    assert row["mem_used_bytes"] > 50 << 20
    assert row["mem_limit_bytes"] == 200 << 20
    assert row["mem_percent"] == pytest.approx(100 * row["mem_used_bytes"] / (200 << 20), rel=0.01)


def test_network_traffic_is_what_docker_stats_shows(engine, watch):
    # After the transfer only ARP and the like still flow; the text has three digits: 1 %.
    engine.run("web", "dd if=/dev/zero of=/www/x bs=1M count=20; httpd -f -h /www",
               NetworkMode="bridge")
    address = engine.inspect("web")["NetworkSettings"]["IPAddress"]
    engine.run("client", f"until wget -O /dev/null http://{address}/x; do :; done; sleep 1000000",
               NetworkMode="bridge")
    engine.run("offline", "sleep 1000000")
    daemon = watch()

    def agree():
        for name in ("web", "client"):
            received, sent = engine.docker_stats(name)[name]["NetIO"].split("/")
            row = settled(daemon, name, "net_rx_bytes")
            assert row["net_rx_bytes"] == pytest.approx(bytes_of(received), rel=0.01, abs=2000)
            assert row["net_tx_bytes"] == pytest.approx(bytes_of(sent), rel=0.01, abs=2000)
        assert latest(daemon, "client")["net_rx_bytes"] > 20 << 20
        return True

    wait_for(agree, 30)
    assert settled(daemon, "offline", "mem_used_bytes")["net_rx_bytes"] is None


def test_disk_traffic_is_what_docker_stats_shows(engine, watch):
    # cgroup v1 counts a device's traffic only where a throttle is set on it.
    device = disk_device(engine.dir)
    throttle = {"BlkioDeviceWriteBps": [{"Path": device, "Rate": 200 << 20}]} if device else {}
    engine.run("writer", "dd if=/dev/zero of=/x bs=1M count=32 oflag=direct; sleep 1000000",
               **throttle)
    daemon = watch()

    def agree():
        read, written = engine.docker_stats("writer")["writer"]["BlockIO"].split("/")
        row = settled(daemon, "writer", "mem_used_bytes")
        assert (row["blk_read_bytes"] or 0) == pytest.approx(bytes_of(read), rel=0.01, abs=4096)
        assert (row["blk_write_bytes"] or 0) == pytest.approx(bytes_of(written), rel=0.01, abs=4096)
        assert not device or row["blk_write_bytes"] >= 32 << 20
        return True

    wait_for(agree, 30)


def test_state_and_exit_code_follow_the_container(engine, watch):
    daemon = watch()
    engine.run("short", "sleep 1; exit 7", labels={"tier": "web"}, env={"PASSWORD": "hunter2"})
    daemon.wait(lambda: daemon.containers()["short"]["state"] == "exited", "short exited")
    row = daemon.containers()["short"]
    assert row["exit_code"] == 7
    assert row["image"] == "busybox:test"
    assert row["host"] == "testhost"
    assert row["gone_at"] is None
    assert row["finished_at"] >= row["started_at"] >= row["created"]
    assert list(daemon.containers("&label=tier=web")) == ["short"]
    assert "hunter2" not in daemon.get("/api/v1/containers").body.decode()
    assert b"hunter2" not in daemon.db_path.read_bytes()


def test_a_removed_container_is_gone_but_its_history_stays(engine, watch):
    container = engine.run("leaver")
    daemon = watch()
    settled(daemon, "leaver", "mem_used_bytes")
    engine.remove("leaver")
    query = "select gone_at from container_info where container_id = ?"
    daemon.wait(lambda: daemon.sql(query, container)[0][0] is not None, "gone_at is set")
    assert daemon.json(f"/api/v1/containers/{container}")["gone_at"] is not None
    series = daemon.json(f"/api/v1/containers/{container}/stats?from=now-1h&fields=mem_used_bytes")
    assert any(v is not None for v in series["mem_used_bytes"])


def test_a_series_has_nulls_before_its_container_started(engine, watch):
    daemon = watch()
    engine.run("young")
    settled(daemon, "young", "mem_used_bytes")
    series = daemon.json("/api/v1/containers/young/stats"
                         "?from=now-10min&to=now&step=10s&fields=mem_used_bytes,cpu_percent")
    values = series["mem_used_bytes"]
    assert len(values) == len(series["time"]) == len(series["cpu_percent"])
    assert 59 <= len(values) <= 61
    assert values[0] is None
    assert any(v is not None for v in values[-3:])


def test_once_prints_the_rows_of_one_collection(engine, tallyd):
    container = engine.run("seen")
    daemon = tallyd(f"[input.docker_status]\nendpoint = {engine.endpoint}\n")
    result = daemon.call("once")
    assert result.returncode == 0, result.stderr
    assert "container_info" in result.stdout
    assert container[:12] in result.stdout
    assert "seen" in result.stdout
