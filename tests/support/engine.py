"""Drives the tests' own Docker Engine (dockerd.py): its life, its containers, `docker stats`."""

import io
import json
import os
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import dockerd

DOCKER = "/usr/bin/docker"
BUSYBOX = "/bin/busybox"
IMAGE = "busybox:test"


def busybox_tree():
    """A tar of a root file system that is busybox and nothing else."""
    out = io.BytesIO()
    names = subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True).stdout
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in ("bin", "tmp", "www"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        tar.add(BUSYBOX, "bin/busybox")
        for name in names.split():
            if name != "busybox":
                link = tarfile.TarInfo(f"bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
    return out.getvalue()


class Engine:
    """start() it, and leave() it in the end; containers of a test go with remove_all()."""

    def __init__(self, certificates=None):
        """certificates: a folder of them, to listen by TLS too; see dockerd.py."""
        self.words = [str(certificates)] if certificates else []
        self.process = self.socket = self.dir = self.pid = self.port = self.supervisor = None

    @property
    def endpoint(self):
        return f"unix://{self.socket}"

    # ---- its life

    def enter(self):
        self.process = subprocess.Popen(
            [sys.executable, str(Path(dockerd.__file__)), *self.words], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, start_new_session=True)
        try:
            self.tell("start")
            self.import_busybox()
        except BaseException:
            self.leave()
            raise
        return self

    def leave(self):
        self.process.stdin.close()
        self.process.wait(90)

    def tell(self, command):
        """start, stop, kill, pause, resume, or registry PORT [inside]."""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the engine's supervisor died (root or passwordless sudo is needed)")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        self.socket, self.dir, self.pid = answer["socket"], answer["dir"], answer["pid"]
        self.port, self.supervisor = answer["port"], answer["supervisor"]

    def alive(self):
        try:
            return self.api("GET", "/_ping", timeout=5) == b"OK"
        except OSError:
            return False

    # ---- what it runs

    def api(self, method, url, body=None, timeout=60):
        status, data = dockerd.request(self.socket, method, url, body, timeout)
        if status >= 400:
            raise RuntimeError(f"{method} {url}: {status} {data.decode(errors='replace')}")
        return json.loads(data) if data.startswith((b"{", b"[")) else data

    def import_busybox(self):
        name, _, tag = IMAGE.partition(":")
        self.api("POST", f"/images/create?fromSrc=-&repo={name}&tag={tag}", busybox_tree())

    def create(self, name, command, image=IMAGE, labels=None, env=None, config=None, **host):
        """config: what else the API takes of a container, beside its host configuration."""
        if isinstance(command, str):
            command = ["sh", "-c", command]
        host.setdefault("NetworkMode", "none")
        body = {"Image": image, "Cmd": command, "StopSignal": "SIGKILL", "Labels": labels or {},
                "Env": [f"{k}={v}" for k, v in (env or {}).items()], "HostConfig": host,
                **(config or {})}
        return self.api("POST", f"/containers/create?name={quote(name)}", body)["Id"]

    def run(self, name, command="sleep 1000000", **options):
        """Starts a container; returns its full id."""
        container = self.create(name, command, **options)
        self.api("POST", f"/containers/{container}/start")
        return container

    def run_many(self, prefix, count, **options):
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda i: self.run(f"{prefix}{i:03d}", **options), range(count)))

    def stop(self, name):
        self.api("POST", f"/containers/{name}/stop?t=0")

    def remove(self, name):
        self.api("DELETE", f"/containers/{name}?force=1&v=1")

    def remove_all(self):
        ids = [c["Id"] for c in self.api("GET", "/containers/json?all=1")]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self.remove, ids))

    def inspect(self, name):
        return self.api("GET", f"/containers/{name}/json")

    def wait(self, name):
        return self.api("POST", f"/containers/{name}/wait")["StatusCode"]

    def docker(self, *words):
        """What the user would type; returns its output."""
        return subprocess.run([DOCKER, "-H", self.endpoint, *words], check=True, timeout=60,
                              capture_output=True, text=True, env={"PATH": os.defpath}).stdout

    def docker_stats(self, *names):
        """`docker stats --no-stream` by container name, as it prints it."""
        lines = self.docker("stats", "--no-stream", "--format", "{{json .}}", *names)
        return {row["Name"]: row for row in map(json.loads, lines.splitlines())}
