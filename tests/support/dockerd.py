#!/usr/bin/python3
"""A Docker Engine for tests, alone in network and mount namespaces of its own.

Started with a pipe as stdin; commands come as lines, each answered by one JSON line:
    start | stop | kill | pause | resume | registry PORT [inside]
With a folder of certificates as argument (ca.pem, server.pem, server-key.pem) it also listens on
127.0.0.1 of the machine, by TLS, and lets in whom that CA has signed.  A registry is Debian's
docker-registry, on 127.0.0.1:PORT both of the engine's network namespace and of the machine's.
End of file, SIGTERM or SIGHUP removes everything: containers, dockerd, shims, cgroups, files.  As
the pipe ends when the starter dies, by whatever means, nothing is left behind.  What one leaves that
is killed itself is removed by the next that starts.
Needs root; `sudo -n` is tried when started without.
"""

import fcntl
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

KEPT = "kept"
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


REGISTRY = """version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


# ---- What an engine leaves: all of it bears its folder's name


def lock(path, flags):
    """An open file that nobody else has locked, or None.  It is let go when this process ends."""
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_NOFOLLOW | flags, 0o600), "r+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def make_folder():
    """Its path, and the lock in it that shows that somebody keeps it."""
    # Short: a unix socket's path ends at 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="tallyd-", dir="/tmp"))
    folder.chmod(0o755)
    # Under its name only when it is locked, so that nobody takes it for one left behind.
    kept = lock(folder / "new", os.O_CREAT)
    (folder / "new").rename(folder / KEPT)
    return folder, kept


def remove_dead():
    """Removes what supervisors have left that were killed; those that live hold their locks."""
    for path in Path("/tmp").glob(f"tallyd-*/{KEPT}"):
        try:
            ours = path.parent.lstat().st_uid == os.geteuid()
            kept = lock(path, 0) if ours else None
        except OSError:
            continue  # it has just been removed
        if kept:
            remove(path.parent)
            kept.close()


def remove(folder):
    """containerd and shims have the folder's name in their arguments, containers the cgroup."""
    kill_those(lambda proc: has_argument(proc, folder)
               or f"/{folder.name}/" in (proc / "cgroup").read_text())
    remove_cgroups(folder.name)
    shutil.rmtree(folder, ignore_errors=True)


def has_argument(proc, text):
    return str(text).encode() in (proc / "cmdline").read_bytes()


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


def remove_cgroups(name):
    # os.walk() does not mind what goes meanwhile.
    tops = [os.path.join(folder, name)
            for folder, inside, _ in os.walk("/sys/fs/cgroup") if name in inside]
    for top in tops:
        for folder, _, _ in os.walk(top, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                pass


class Dockerd:
    def __init__(self, certificates=None):
        self.dir, self.kept = make_folder()
        self.socket = str(self.dir / "docker.sock")
        self.process = None
        self.certificates = certificates
        self.listener = None
        if certificates:
            # Made here, since the engine has another network.
            self.listener = socket.create_server(("127.0.0.1", 0))

    @property
    def port(self):
        return self.listener.getsockname()[1] if self.listener else None

    def tls(self):
        if not self.listener:
            return []
        return ["--host=fd://", "--tlsverify", f"--tlscacert={self.certificates}/ca.pem",
                f"--tlscert={self.certificates}/server.pem",
                f"--tlskey={self.certificates}/server-key.pem"]

    def command(self):
        options = {
            "--host": f"unix://{self.socket}",
            "--data-root": self.dir / "data",
            "--exec-root": self.dir / "exec",
            "--pidfile": self.dir / "pid",
            "--cgroup-parent": f"/{self.dir.name}",
            "--group": os.environ.get("SUDO_GID", "0"),
        }
        flags = ["--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"]
        words = [str(word) for pair in options.items() for word in pair] + flags + self.tls()
        script = 'ip link set lo up && exec dockerd "$@"'
        if self.listener:  # as systemd hands sockets over
            script = f"export LISTEN_PID=$$ LISTEN_FDS=1; {script} 3<&{self.listener.fileno()}"
        return ["unshare", "--net", "--mount", "--", "/bin/sh", "-c", script, "dockerd", *words]

    def start(self):
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True,
                                            pass_fds=[self.listener.fileno()] if self.listener else [])
        end = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("dockerd does not start:\n" + self.log_tail())
            time.sleep(0.05)

    def registry(self, port, only=None):
        """One in each network, over the same files; `inside`: only in the engine's."""
        config = self.dir / f"registry{port}.yml"
        config.write_text(REGISTRY.format(folder=self.dir / "registry", port=port))
        serve = ["docker-registry", "serve", str(config)]
        with open(self.dir / "registry.log", "ab") as log:
            inside = ["nsenter", f"--net=/proc/{self.process.pid}/ns/net", "--"]
            for where in [inside] if only == "inside" else [[], inside]:
                subprocess.Popen(where + serve, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 start_new_session=True)

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
        kill_those(lambda proc: has_argument(proc, containerd / "containerd.toml"))
        # One that is not reaped yet has no arguments any more, but still its number.
        (containerd / "containerd.pid").unlink(missing_ok=True)

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
        remove(self.dir)


def serve(engine):
    actions = {
        "start": engine.start,
        "stop": engine.stop,
        "kill": engine.kill,
        "pause": lambda: engine.send(signal.SIGSTOP),
        "resume": lambda: engine.send(signal.SIGCONT),
        "registry": engine.registry,
    }
    for line in sys.stdin:
        answer = {"socket": engine.socket, "dir": str(engine.dir), "port": engine.port}
        action, *words = line.split()
        try:
            actions[action](*words)
        except (KeyError, RuntimeError, OSError) as error:
            answer["error"] = str(error)
        answer["pid"] = engine.process.pid if engine.process else None
        answer["supervisor"] = os.getpid()
        print(json.dumps(answer), flush=True)


def leave(*_):
    raise SystemExit(0)


def main():
    if os.geteuid() != 0:
        os.execvp("sudo", ["sudo", "-n", sys.executable, *sys.argv])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the starter, whose end we see
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)
    remove_dead()
    engine = Dockerd(*sys.argv[1:])
    try:
        serve(engine)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        engine.remove_everything()


if __name__ == "__main__":
    main()
