"""tallyd in a container: whose name its rows have, and what it reads of the machine outside."""

import json
import re
import socket

from daemon import ROOT, Tallyd, build_dir
from waiting import wait_for

STORED = """
[buffer.batch]
batch_timeout = 200ms
[output.sqlite]
path = {db}
"""
READ = """
[input.docker_stats]
interval = 1s
source = cgroup
host_root = /host
[input.docker_logs]
source = file
host_root = /host
"""
ASKED = """
[input.docker_stats]
interval = 1s
[input.docker_logs]
"""


class Watcher(Tallyd):
    """A daemon that runs in a container of the engine that it watches, with this machine's /usr."""

    def __init__(self, engine, folder, sections, **options):
        super().__init__(folder, sections + STORED, build=build_dir().resolve(), **options)
        path = self.dir / "tallyd.conf"
        path.write_text(path.read_text().replace("host = testhost\n", ""))
        self.engine = engine

    def begin(self, *mounts, **host):
        binds = [f"{path}:{path}:ro" for path in ("/usr", "/lib", "/lib64", ROOT)]
        binds += [f"{self.dir}:{self.dir}", f"{self.engine.socket}:/var/run/docker.sock", *mounts]
        # Without ptrace() the sanitizer of leaks calls off the whole run.
        self.engine.run("watcher", self.command("run"), Binds=binds, CapAdd=["SYS_PTRACE"],
                        **host)
        return self

    @property
    def log(self):
        shown = self.engine.api("GET", "/containers/watcher/logs?stdout=1&stderr=1&tail=1000")
        return shown.decode(errors="replace") if isinstance(shown, bytes) else ""

    def says(self, text, seconds=60, after=0):
        try:
            wait_for(lambda: text in self.log[after:], seconds, f"the log says {text!r}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log[-4000:]}") from None

    def has(self, query, *values):
        try:
            return wait_for(lambda: self.db_path.exists() and self.sql(query, *values), 60, query)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log[-4000:]}") from None

    def end(self):
        self.engine.api("POST", "/containers/watcher/kill?signal=SIGTERM")
        status = self.engine.wait("watcher")
        assert status == 0, f"tallyd exited with {status}\n{self.log[-4000:]}"
        self.engine.remove("watcher")


def test_with_all_mounts_it_reads_what_it_would_read_outside(engine, tmp_path):
    engine.run("shop", "echo opened; exec sleep 1000000")
    watcher = Watcher(engine, tmp_path / "watcher", READ)
    mounts = ("/proc:/host/proc:ro", "/sys/fs/cgroup:/host/sys/fs/cgroup:ro",
              f"{engine.dir}:/host{engine.dir}:ro")
    watcher.begin(*mounts, CgroupnsMode="host")
    watcher.has("select 1 from container_stats where name = 'shop' and mem_usage_bytes > 0")
    watcher.has("select 1 from container_logs where name = 'shop' and message = 'opened'")
    assert "is on no volume" not in watcher.log
    watcher.end()

    # Its own host name is another one in each container; the rows' is the machine's.
    watcher.begin(*mounts, CgroupnsMode="host")
    watcher.has("select count(*) from container_logs where name = 'watcher' having count(*) > 0")
    hosts = watcher.sql("select distinct host from container_stats union "
                        "select distinct host from container_logs")
    assert hosts == [(socket.gethostname(),)]
    watcher.says(f"rows have host = {socket.gethostname()}")
    watcher.end()


def test_what_is_lost_without_a_mount_is_said(engine, tmp_path):
    engine.run("shop", "echo opened; exec sleep 1000000")
    watcher = Watcher(engine, tmp_path / "watcher", ASKED, state_dir="/state").begin()
    watcher.says("state_dir /state is on no volume: what is stored goes with this container")
    watcher.says("asking the engine for all containers: ")
    watcher.says("using the API instead")
    watcher.end()

    watcher = Watcher(engine, tmp_path / "rooted", ASKED.replace("]\n", "]\nhost_root = /host\n"))
    watcher.begin()
    watcher.says("/host/proc is not there (docker run -v /proc:/host/proc:ro)")
    watcher.says("using the API instead (docker run -v /var/lib/docker/containers:"
                 "/host/var/lib/docker/containers:ro)")
    watcher.has("select 1 from container_logs where name = 'shop' and message = 'opened'")
    watcher.end()


def test_a_name_that_the_container_was_given_stays(engine, tmp_path):
    engine.run("shop")
    watcher = Watcher(engine, tmp_path / "watcher", ASKED)
    watcher.configure(ASKED + STORED)
    path = watcher.dir / "tallyd.conf"
    path.write_text(path.read_text().replace("host = testhost\n", "host = front1\n"))
    watcher.begin()
    watcher.has("select 1 from container_stats where name = 'shop' and host = 'front1'")
    assert "rows have host" not in watcher.log
    watcher.end()


def test_the_image_asks_for_its_health_as_this_program_answers(engine, tmp_path):
    """The HEALTHCHECK of the Dockerfile, run by a real engine."""
    text = (ROOT / "packaging/container/Dockerfile").read_text().replace("\\\n", " ")
    test = json.loads(re.search(r"^HEALTHCHECK .*CMD (\[.*\])$", text, re.M)[1])
    assert test[0] == "/usr/bin/tallyd" and test[-1] == "healthcheck"
    watcher = Watcher(engine, tmp_path / "watcher", ASKED.replace("[input.docker_logs]\n", ""))
    second = 1_000_000_000
    asked = ["CMD", *watcher.command(*test[3:])]
    watcher.begin(config={"Healthcheck": {"Test": asked, "Interval": second, "Timeout": 30 * second,
                                          "Retries": 3}})
    wait_for(lambda: engine.inspect("watcher")["State"]["Health"]["Status"] == "healthy", 60, "it is healthy")
    assert engine.inspect("watcher")["State"]["Health"]["Log"][-1]["Output"] == "healthy\n"
    watcher.end()
