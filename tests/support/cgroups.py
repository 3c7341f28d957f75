"""Cgroups as the kubelet and a runtime make them, in the machine's real hierarchy (v1)."""

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

    def __init__(self):
        self.name = f"tallyd-kube-{uuid.uuid4().hex[:8]}"
        self.processes = []

    def make(self, path):
        for controller in CONTROLLERS:
            (TOP / controller / self.name / path).mkdir(parents=True)

    def run(self, path, command, memory=None):
        """Makes the cgroup with a process in it; returns the process."""
        self.make(path)
        if memory:
            (TOP / "memory" / self.name / path / "memory.limit_in_bytes").write_text(str(memory))
        joins = " && ".join(f"echo $$ >{TOP / c / self.name / path}/cgroup.procs" for c in COUNTED)
        process = subprocess.Popen(["sh", "-c", f"{joins} && {command}"], start_new_session=True)
        self.processes.append(process)
        return process

    def end(self, path, process):
        """As a runtime does when a container ends.  process: None if there is none in it."""
        if process:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for controller in CONTROLLERS:
            (TOP / controller / self.name / path).rmdir()

    def remove(self):
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        for controller in CONTROLLERS:
            for folder, _, _ in os.walk(TOP / controller / self.name, topdown=False):
                os.rmdir(folder)


def pod_slice(pod_uid):
    """Where systemd's driver puts the containers of a burstable pod."""
    slices = "kubepods.slice/kubepods-burstable.slice"
    return f"{slices}/kubepods-burstable-pod{pod_uid.replace('-', '_')}.slice"
