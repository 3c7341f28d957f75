#!/usr/bin/env python3
"""A Redis server of the tests' own: Debian's program, with a folder, a port and a socket that nobody
else uses; removed afterwards.  Watched is a primary with a replica and sentinels.

As a program: redis.py COMMAND … runs a command with TALLYD_TEST_REDIS naming its folder (redis.sock
in it is the socket, `pid` holds its process), TALLYD_TEST_REDIS_PORT its port.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from waiting import wait_for


def free_port():
    with closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Redis:
    """With start() and stop() as often as wanted; leave() ends and removes it."""

    def __init__(self, *settings):
        """settings: words of redis-server's command line, as "--requirepass", "x"."""
        self.folder = Path(tempfile.mkdtemp(prefix="tallyd-redis-"))
        self.port = free_port()
        self.settings = settings
        self.process = None

    @property
    def socket(self):
        return self.folder / "redis.sock"

    @property
    def url(self):
        return f"unix://{self.socket}"

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(["redis-server", *self._words()],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(1200):
            if self.process.poll() is not None:
                break
            if self._answers():
                (self.folder / "pid").write_text(str(self.process.pid))
                return self
            try:
                self.process.wait(0.05)
            except subprocess.TimeoutExpired:
                pass
        raise RuntimeError("Redis does not start:\n" + (self.folder / "log").read_text()[-4000:])

    def _words(self):
        return ["--bind", "127.0.0.1", "--port", str(self.port), "--unixsocket", str(self.socket),
                "--dir", str(self.folder), "--save", "", "--appendonly", "no", *self.settings]

    def _answers(self):
        try:
            with closing(socket.socket(socket.AF_UNIX)) as s:
                s.settimeout(5)
                s.connect(str(self.socket))
                s.sendall(b"PING\r\n")
                return s.recv(1) in (b"+", b"-")
        except OSError:
            return False

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(60)
            self.process = None

    def leave(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def cli(self, *words, data=None):
        """What redis-cli prints."""
        answer = subprocess.run(["redis-cli", "-s", str(self.socket), *map(str, words)],
                                input=data, capture_output=True, timeout=60, check=True)
        return answer.stdout.decode(errors="replace").rstrip("\n")

    def hash(self, key):
        lines = self.cli("--raw", "HGETALL", key).split("\n")
        return dict(zip(lines[::2], lines[1::2]))

    def subscriber(self, pattern):
        """A process that prints each message of channels like that: pmessage, pattern, channel, text."""
        return subprocess.Popen(["redis-cli", "-s", str(self.socket), "--raw", "PSUBSCRIBE", pattern],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


class Sentinel(Redis):
    """Watches a primary; two of them that miss it for half a second put a replica in its place."""

    def __init__(self, name, primary, password):
        super().__init__()
        self.password = password
        self.config = self.folder / "sentinel.conf"  # which it writes to itself, too
        self.config.write_text(f"""
bind 127.0.0.1
port {self.port}
unixsocket {self.socket}
dir {self.folder}
requirepass {password}
sentinel monitor {name} 127.0.0.1 {primary.port} 2
sentinel down-after-milliseconds {name} 500
sentinel failover-timeout {name} 3000
""")

    def _words(self):
        return [str(self.config), "--sentinel"]

    def cli(self, *words, data=None):
        return super().cli("--no-auth-warning", "-a", self.password, *words, data=data)


class Watched:
    """A primary, a replica and three sentinels that have found all of them."""

    name = "tally"

    def __init__(self):
        self.servers, self.sentinels = [], []

    def start(self, password):
        self.servers.append(Redis().start())
        primary = f"127.0.0.1 {self.servers[0].port}"
        self.servers.append(Redis("--replicaof", primary).start())
        for _ in range(3):
            self.sentinels.append(Sentinel(self.name, self.servers[0], password).start())
        wait_for(lambda: all(self._knows(s) for s in self.sentinels), 60, "sentinels know all")
        return self

    def _knows(self, sentinel):
        words = sentinel.cli("SENTINEL", "MASTER", self.name).split("\n")
        told = dict(zip(words[::2], words[1::2]))
        return told["num-slaves"] == "1" and told["num-other-sentinels"] == "2"

    @property
    def url(self):
        sentinels = ",".join(f"127.0.0.1:{s.port}" for s in self.sentinels)
        return f"redis+sentinel://{sentinels}/{self.name}/0"

    def primary(self):
        """Which of the servers it is, as the last of the sentinels has it."""
        told = self.sentinels[-1].cli("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.name)
        return next(s for s in self.servers if str(s.port) == told.split("\n")[1])

    def leave(self):
        for server in self.sentinels + self.servers:
            server.leave()


def main(words):
    redis = Redis()
    try:
        redis.start()
        return subprocess.run(words, check=False,
                              env={**os.environ, "TALLYD_TEST_REDIS": str(redis.folder),
                                   "TALLYD_TEST_REDIS_PORT": str(redis.port)}).returncode
    finally:
        redis.leave()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
