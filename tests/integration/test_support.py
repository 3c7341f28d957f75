"""What the tests stand on: it cleans up, and says why it cannot be had."""

import os
import subprocess
import sys
from pathlib import Path

import pg

from engine import Engine
from waiting import wait_for


def processes(name):
    """Those that run in a container of that engine."""
    found = []
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            if f"/{name}/" in (proc / "cgroup").read_text():
                found.append(int(proc.name))
        except OSError:
            pass  # it ended
    return found


def test_what_a_killed_supervisor_left_is_removed_by_the_next_that_starts(engine):
    engine.run("neighbour")
    killed = Engine().enter()
    killed.run("orphan")
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    subprocess.run([*sudo, "kill", "-9", str(killed.supervisor)], check=True)
    killed.process.wait(30)
    folder = Path(killed.dir)
    assert folder.exists() and processes(folder.name)
    following = Engine().enter()
    try:
        assert not folder.exists()
        assert not list(Path("/sys/fs/cgroup").glob(f"**/{folder.name}"))
        wait_for(lambda: not processes(folder.name), 30)
        assert engine.inspect("neighbour")["State"]["Running"]
    finally:
        following.leave()
    assert engine.alive() and processes(Path(engine.dir).name)


def test_a_timescaledb_that_cannot_be_fetched_says_why(tmp_path):
    for name, script in {"node": "exit 0", "npm": "echo npm ERR! no route to the registry >&2; exit 1"}.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    environment = {name: value for name, value in os.environ.items()
                   if name != "TALLYD_TEST_TIMESCALE"}
    done = subprocess.run(
        [sys.executable, pg.__file__, "--timescaledb", "true"], capture_output=True, text=True,
        check=False, timeout=60, env={**environment, "PATH": f"{tmp_path}:{os.environ['PATH']}",
                                      "TALLYD_TEST_MODULES": str(tmp_path)})
    assert done.returncode == 1
    assert "no route to the registry" in done.stdout
