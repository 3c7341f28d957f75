#!/usr/bin/env python3
"""A Redis server of the tests' own: Debian's program, with a folder, a port and a socket that nobody
else uses; removed afterwards.

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
            self.process = subprocess.Popen(
                ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--unixsocket",
                 str(self.socket), "--dir", str(self.folder), "--save", "", "--appendonly", "no",
                 *self.settings], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
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
