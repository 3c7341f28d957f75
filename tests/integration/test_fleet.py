"""A hundred containers, watched by the release build: no overrun, little memory, and none more."""

import time

from conftest import sections
from daemon import ROOT, Tallyd
from waiting import wait_for

MINUTES_OF_WATCHING = 0.6


def test_a_hundred_containers_at_5_s(engine, tmp_path):
    engine.run_many("fleet", 100, NetworkMode="host", labels={"fleet": "yes"})
    daemon = Tallyd(tmp_path / "tallyd", sections(engine.endpoint, "5s"), build=ROOT / "build-package")
    daemon.start()
    try:
        wait_for(lambda: len(daemon.containers()) == 100, 30, "all are listed")
        wait_for(lambda: daemon.metric("tallyd_gathers_total", input="input.docker_stats") >= 3, 60)
        first = daemon.rss
        watch_for(daemon, MINUTES_OF_WATCHING * 60)
        last = daemon.rss
        newest = daemon.sql("select container_id, max(time) from container_stats group by 1")
        assert len(newest) == 100
        times = [time for _, time in newest]
        assert max(times) - min(times) < 6e9, "one poll has them all"
        assert daemon.metric("tallyd_gathers_skipped_total") == 0
        assert daemon.metric("tallyd_gather_errors_total") == 0
        assert not daemon.imbalances()
        assert last < 22 << 20, f"{last >> 10} KiB resident"
        # SQLite's page caches fill meanwhile, by some 15 KiB a second up to their bound.
        assert last - first < 2 << 20, f"grew from {first >> 10} to {last >> 10} KiB"
        print(f"RSS {first >> 10} -> {last >> 10} KiB, CPU {daemon.cpu_seconds:.2f} s")
    finally:
        daemon.stop()


def watch_for(daemon, seconds):
    """Until the daemon has collected for that long, by its own count of polls at 5 s."""
    begin = daemon.metric("tallyd_gathers_total", input="input.docker_stats")
    end = time.monotonic() + seconds + 20
    wait_for(lambda: daemon.metric("tallyd_gathers_total", input="input.docker_stats")
             >= begin + seconds // 5 or time.monotonic() > end, seconds + 30, every=1)
