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
    podman.podman("rm", "--force", "--time=0", watched, failed)
    daemon.wait(lambda: len(rows("gone_at", "container_info", watched)) == 1 and
                rows("gone_at", "container_info", watched)[0][0], "it is seen to go")
    assert daemon.metric("tallyd_gather_errors_total") == 0
