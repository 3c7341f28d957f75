#!/usr/bin/python3
"""A Docker Engine for tests, alone in network and mount namespaces of its own.

Started with a pipe as stdin; commands come as lines, each answered by one JSON line:
    start | stop | kill | pause | resume
End of file, SIGTERM or SIGHUP removes everything: containers, dockerd, shims, cgroups, files.  As
the pipe ends when the starter dies, by whatever means, nothing is left behind.
Needs root; `sudo -n` is tried when started without.
"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 20


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def request(path, method, url, body=None, timeout=30):
    """One request to an engine; returns (status, bytes)."""
    connection = UnixConnection(path, timeout)
    try:
        headers = {}
        if isinstance(body, dict):
            body, headers = json.dumps(body), {"Content-Type": "application/json"}
        connection.request(method, url, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Dockerd:
    def __init__(self):
        # Short: a unix socket's path ends at 107 bytes.
        self.dir = Path(tempfile.mkdtemp(prefix="tallyd-", dir="/tmp"))
        self.dir.chmod(0o755)
        self.socket = str(self.dir / "docker.sock")
        self.cgroup = self.dir.name
        self.process = None

    def command(self):
        options = {
            "--host": f"unix://{self.socket}",
            "--data-root": self.dir / "data",
            "--exec-root": self.dir / "exec",
            "--pidfile": self.dir / "pid",
            "--cgroup-parent": f"/{self.cgroup}",
            "--group": os.environ.get("SUDO_GID", "0"),
        }
        flags = ["--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"]
        words = [str(word) for pair in options.items() for word in pair] + flags
        return ["unshare", "--net", "--mount", "--", "/bin/sh", "-c",
                'ip link set lo up && exec dockerd "$@"', "dockerd", *words]

    def start(self):
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)
        end = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("dockerd does not start:\n" + self.log_tail())
            time.sleep(0.05)

    def answers(self):
        try:
            return request(self.socket, "GET", "/_ping", timeout=5)[0] == 200
        except OSError:
            return False

    def log_tail(self):
        return (self.dir / "log").read_text(errors="replace")[-4000:]

    def send(self, number):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)

    def stop(self):
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        self.send(signal.SIGKILL)
        self.process.wait()
        # Its containerd dies with it, but later, and stays a zombie until init looks; a new
        # dockerd that finds the old one's id alive would wait for its socket for ever.
        containerd = self.dir / "exec/containerd"
        self.kill_those(lambda proc: self.has_argument(proc, containerd / "containerd.toml"))
        (containerd / "containerd.pid").unlink(missing_ok=True)
        # One that is not reaped yet has no arguments any more, but still its number.
        (self.dir / "exec/containerd/containerd.pid").unlink(missing_ok=True)

    def remove_containers(self):
        _, body = request(self.socket, "GET", "/containers/json?all=1")
        for container in json.loads(body):
            request(self.socket, "DELETE", f"/containers/{container['Id']}?force=1&v=1")

    def remove_everything(self):
        self.send(signal.SIGCONT)
        try:
            self.remove_containers()
        except (OSError, http.client.HTTPException, ValueError):
            pass  # the engine is dead or stuck: what it ran is killed below
        if self.process:
            self.stop()
        self.kill_leftovers()
        self.remove_cgroups()
        shutil.rmtree(self.dir, ignore_errors=True)

    def kill_leftovers(self):
        """containerd and shims have the folder's name in their arguments, containers the cgroup."""
        self.kill_those(lambda proc: self.has_argument(proc, self.dir)
                        or f"/{self.cgroup}/" in (proc / "cgroup").read_text())

    @staticmethod
    def has_argument(proc, text):
        return str(text).encode() in (proc / "cmdline").read_bytes()

    @staticmethod
    def kill_those(chosen):
        """Kills the processes that chosen(their folder in /proc), until there are none."""
        def is_chosen(proc):
            try:
                return int(proc.name) != os.getpid() and chosen(proc)
            except OSError:
                return False  # it ended

        end = time.monotonic() + 5
        while time.monotonic() < end:
            found = [int(p.name) for p in Path("/proc").glob("[0-9]*") if is_chosen(p)]
            if not found:
                return
            for pid in found:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.05)

    def remove_cgroups(self):
        for top in Path("/sys/fs/cgroup").glob(f"**/{self.cgroup}"):
            for folder, _, _ in os.walk(top, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    pass


def serve(engine):
    actions = {
        "start": engine.start,
        "stop": engine.stop,
        "kill": engine.kill,
        "pause": lambda: engine.send(signal.SIGSTOP),
        "resume": lambda: engine.send(signal.SIGCONT),
    }
    for line in sys.stdin:
        answer = {"socket": engine.socket, "dir": str(engine.dir)}
        try:
            actions[line.strip()]()
        except (KeyError, RuntimeError, OSError) as error:
            answer["error"] = str(error)
        answer["pid"] = engine.process.pid if engine.process else None
        print(json.dumps(answer), flush=True)


def leave(*_):
    raise SystemExit(0)


def main():
    if os.geteuid() != 0:
        os.execvp("sudo", ["sudo", "-n", sys.executable, *sys.argv])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the starter, whose end we see
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)
    engine = Dockerd()
    try:
        serve(engine)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        engine.remove_everything()


if __name__ == "__main__":
    main()
