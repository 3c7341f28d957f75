"""Cgroups as the kubelet and a runtime make them, in the machine's real hierarchies."""

import os
import signal
import subprocess
import uuid
from pathlib import Path

TOP = Path("/sys/fs/cgroup")
CONTROLLERS = ("cpuacct", "cpu", "memory", "pids", "blkio", "cpuset")
COUNTED = ("cpuacct", "cpu", "memory", "pids")  # a cpuset without CPUs takes no process


class Cgroups:
    """All below one folder of ours, which remove() takes away with what runs in it."""

    top, controllers, counted = TOP, CONTROLLERS, COUNTED

    def __init__(self):
        self.name = f"tallyd-kube-{uuid.uuid4().hex[:8]}"
        self.processes = []

    def make(self, path):
        for controller in self.controllers:
            (self.top / controller / self.name / path).mkdir(parents=True)

    def run(self, path, command, memory=None, cores=None):
        """Makes the cgroup with a process in it; returns the process."""
        self.make(path)
        if memory:
            (TOP / "memory" / self.name / path / "memory.limit_in_bytes").write_text(str(memory))
        if cores:
            cpu = TOP / "cpu" / self.name / path
            (cpu / "cpu.cfs_quota_us").write_text(str(int(cores * int((cpu / "cpu.cfs_period_us").read_text()))))
        joins = " && ".join(f"echo $$ >{self.top / c / self.name / path}/cgroup.procs" for c in self.counted)
        process = subprocess.Popen(["sh", "-c", f"{joins} && {command}"], start_new_session=True)
        self.processes.append(process)
        return process

    def end(self, path, process):
        """As a runtime does when a container ends.  process: None if there is none in it."""
        if process:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for controller in self.controllers:
            (self.top / controller / self.name / path).rmdir()

    def remove(self):
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        for controller in self.controllers:
            for folder, _, _ in os.walk(self.top / controller / self.name, topdown=False):
                os.rmdir(folder)


class Unified(Cgroups):
    """In v2, mounted on that folder.  A machine that has v1 keeps its controllers there; processor time is v2's own."""

    controllers = counted = ("",)

    def __init__(self, folder):
        super().__init__()
        self.top = folder
        folder.mkdir()
        subprocess.run(["mount", "-t", "cgroup2", "none", folder], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()
        subprocess.run(["umount", self.top], check=True)

    @staticmethod
    def alone(program, wrapper):
        """Makes `wrapper`, which runs the program where only v2 is mounted."""
        wrapper.write_text(f"""#!/bin/sh
exec unshare --mount sh -c 'umount -R -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$0" "$@"' {program} "$@"
""")
        wrapper.chmod(0o755)
        return wrapper


def pod_slice(pod_uid):
    """Where systemd's driver puts the containers of a burstable pod."""
    slices = "kubepods.slice/kubepods-burstable.slice"
    return f"{slices}/kubepods-burstable-pod{pod_uid.replace('-', '_')}.slice"
