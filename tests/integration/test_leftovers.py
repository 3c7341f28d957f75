"""What a killed engine of the tests leaves is removed by the next, and nobody else's."""

import os
import subprocess
from pathlib import Path

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


def test_what_a_killed_keeper_left_is_removed_by_the_next_that_starts(engine):
    engine.run("neighbour")
    killed = Engine().enter()
    killed.run("orphan")
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    subprocess.run([*sudo, "kill", "-9", str(killed.keeper)], check=True)
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
