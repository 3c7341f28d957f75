"""Podman's compatible API, as far as it runs beside Docker: with Docker's runc, since its own crun
refuses a machine with both versions of cgroups."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import dockerd
from engine import busybox_tree
from waiting import wait_for

IMAGE = "localhost/busybox:test"


class Podman:
    """enter() starts its service on a socket in a folder of its own; leave() removes all of it."""

    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="tallyd-", dir="/tmp"))
        self.dir.chmod(0o755)
        self.socket = self.dir / "podman.sock"
        self.service = None

    @property
    def endpoint(self):
        return f"unix://{self.socket}"

    def command(self, *words):
        sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
        return [*sudo, "podman", "--root", self.dir / "root", "--runroot", self.dir / "run",
                "--tmpdir", self.dir / "tmp", "--storage-driver", "vfs", "--cgroup-manager",
                "cgroupfs", "--events-backend", "file", "--runtime", shutil.which(
                    "runc", path="/usr/sbin:/usr/bin"), *words]

    def podman(self, *words, **options):
        return subprocess.run(self.command(*words), check=True, timeout=60, capture_output=True,
                              **options).stdout.decode()

    def enter(self):
        self.podman("import", "-", IMAGE, input=busybox_tree())
        self.service = subprocess.Popen(
            self.command("system", "service", "--time=0", self.endpoint),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: dockerd.request(str(self.socket), "GET", "/_ping")[0] == 200, 30)
        return self

    def run(self, name, command="sleep 1000000", *options):
        """options: further words of podman run."""
        # Its default limits are above what a container in a container may have.
        return self.podman("run", "-d", "--name", name, "--network", "none", "--ulimit",
                           "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--stop-signal",
                           "KILL", *options, IMAGE, "sh", "-c", command).strip()

    def leave(self):
        try:
            self.podman("rm", "--force", "--all", "--time=0")
        finally:
            if self.service:
                self.service.terminate()
                self.service.wait(30)
            subprocess.run(["rm", "-rf", str(self.dir)] if os.geteuid() == 0
                           else ["sudo", "-n", "rm", "-rf", str(self.dir)], check=False)
