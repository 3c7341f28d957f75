"""One tallyd under test: its folder, its configuration, its process, its HTTP API, its database."""

import gzip
import json
import os
import signal
import socket
import sqlite3
import subprocess
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

from waiting import Hopeless, wait_for

ROOT = Path(__file__).resolve().parents[2]

# What most installations have behind their inputs.
STORED = """\
[buffer.batch]
batch_timeout = 200ms
[output.sqlite]
path = {db}
[output.http_api]
listen = 127.0.0.1:{port}
store = sqlite
"""


def stored_in(conninfo):
    """The same in PostgreSQL."""
    return STORED.replace("path = {db}", f"conninfo = {conninfo}").replace("sqlite", "timescale")


def build_dir():
    return Path(os.environ.get("TALLYD_BUILD_DIR", ROOT / "build-asan"))


def free_port():
    with closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Answer:
    """Of the HTTP API; status 0 means that nobody answered."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def rows(self):
        """The body of a list without its position, which two answers at different times do not share."""
        return {name: value for name, value in self.json.items() if name != "position"}


class Tallyd:
    """Sections are text as in a configuration file; {port}, {dir} and {db} are filled in.

    state_dir, db and port may be given so that a second one goes on where a first one ended.
    """

    def __init__(self, folder, sections, build=None, **options):
        self.dir = Path(folder)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.build = Path(build or build_dir())
        self.binary = options.get("binary", self.build / "bin" / "tallyd")
        self.plugin_dir = options.get(
            "plugin_dir", f"{self.build}/lib/tallyd/plugins:{self.build}/tests/plugins")
        self.state_dir = Path(options.get("state_dir", self.dir / "state"))
        self.db_path = Path(options.get("db", self.state_dir / "tallyd.db"))
        self.port = options.get("port") or free_port()
        self.globals = options.get("globals", "")
        self.log_path = self.dir / "log"
        self.process = None
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self.configure(sections)

    # ---- configuration

    def configure(self, sections):
        for key, value in (("port", self.port), ("dir", self.dir), ("db", self.db_path)):
            sections = sections.replace("{%s}" % key, str(value))
        plugin_dir = f"plugin_dir = {self.plugin_dir}\n" if self.plugin_dir else ""
        (self.dir / "tallyd.conf").write_text(
            f"[tallyd]\nhost = testhost\n{plugin_dir}"
            f"state_dir = {self.state_dir}\n{self.globals}\n{sections}")

    def command(self, *words):
        return [str(self.binary), "-c", str(self.dir / "tallyd.conf"), *words]

    def call(self, *words, timeout=60, **environment):
        """Runs another command of tallyd to its end, with this added to the environment."""
        return subprocess.run(self.command(*words), capture_output=True, text=True,
                              timeout=timeout, stdin=subprocess.DEVNULL,
                              env={**os.environ, **environment})

    # ---- process

    def start(self, ready="/healthz"):
        """ready: a path that must answer 200, or a text that the log must show; None: no wait."""
        mark = len(self.log)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command("run"), stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        if ready and ready.startswith("/"):
            self.wait(lambda: self.get(ready).status == 200, f"{ready} answers")
        elif ready:
            self.wait(lambda: ready in self.log[mark:], f"the log says {ready!r}")
        return self

    def wait(self, condition, what, seconds=30):
        """As wait_for(), but gives up at once when the process ends, and tells the log."""
        def check():
            if not self.running:
                raise Hopeless(f"tallyd ended while waiting: {what}")
            return condition()

        try:
            return wait_for(check, seconds, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- log of tallyd\n{self.log[-6000:]}") from None

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def says(self, text, seconds=30, after=0):
        """Waits for a message."""
        self.wait(lambda: text in self.log[after:], f"the log says {text!r}", seconds)

    def hup(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self, seconds=30):
        """SIGTERM; it must end well (a sanitizer's report is an exit code too)."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise AssertionError(f"tallyd did not end\n--- log\n{self.log[-6000:]}") from None
        self.process = None
        assert status == 0, f"tallyd exited with {status}\n--- log\n{self.log[-6000:]}"

    def kill9(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def proc(self, name):
        return Path(f"/proc/{self.process.pid}/{name}").read_text()

    @property
    def rss(self):
        """Bytes resident."""
        line = next(x for x in self.proc("status").splitlines() if x.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    @property
    def cpu_seconds(self):
        fields = self.proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # ---- HTTP API

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def get(self, path, timeout=10, headers=None, port=None):
        """port: of another instance of the API."""
        url = f"http://127.0.0.1:{port or self.port}{path}"
        request = urllib.request.Request(url, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                body = answer.read()
                if answer.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                return Answer(answer.status, answer.headers, body)
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            return Answer(0, {}, str(error).encode())

    def json(self, path, **options):
        answer = self.get(path, **options)
        assert answer.status == 200, f"GET {path}: {answer.status} {answer.body[:500]!r}"
        return answer.json

    def containers(self, query=""):
        """The current list by container name."""
        return {c["name"]: c for c in self.json(f"/api/v1/containers?limit=1000{query}")["data"]}

    def metrics(self):
        """{(name, labels as written): value}; waits until the API listens."""
        answers = []

        def answered():
            answers[:] = [self.get("/metrics")]
            return answers[0].status == 200

        self.wait(answered, "/metrics answers")
        found = {}
        for line in answers[0].body.decode().splitlines():
            if line and not line.startswith("#"):
                key, value = line.rsplit(" ", 1)
                name, _, labels = key.partition("{")
                found[name, labels.rstrip("}")] = float(value)
        return found

    def metric(self, name, **labels):
        """The sum of a metric over all label sets that have these labels."""
        wanted = [f'{k}="{v}"' for k, v in labels.items()]
        return sum(value for (n, text), value in self.metrics().items()
                   if n == name and all(w in text for w in wanted))

    # ---- database

    def sql(self, text, *values):
        """Rows of the SQLite file, read beside the daemon."""
        with closing(sqlite3.connect(f"file:{self.db_path}?mode=ro", uri=True, timeout=10)) as db:
            return db.execute(text, values).fetchall()

    # ---- the balance

    def imbalances(self):
        """What does not add up in /metrics, as text; empty when each row is accounted for."""
        samples = self.metrics()

        def total(name, table_of):
            sums = {}
            for (n, labels), value in samples.items():
                if n == name:
                    key = table_of(labels)
                    if key is not None:
                        sums[key] = sums.get(key, 0) + value
            return sums

        def output(labels):
            return label(labels, "output") and (label(labels, "output"), label(labels, "table"))

        routed = total("tallyd_rows_routed_total", output)
        stored = total("tallyd_rows_stored_total", output)
        waiting = total("tallyd_rows_waiting", output)
        dropped = total("tallyd_rows_dropped_total", output)
        wrong = []
        for name, rows in routed.items():
            found = [x.get(name, 0) for x in (stored, waiting, dropped)]
            if rows != sum(found):
                wrong.append(f"{name}: routed {rows} != stored, waiting, dropped {found}")
        return wrong

    def balanced(self):
        """Every row is accounted for (asked again when it was asked between two counters)."""
        def none_wrong():
            wrong = self.imbalances()
            assert not wrong, wrong
            return True

        wait_for(none_wrong, 10, "the balance holds")


def label(labels, name):
    """The value of one label in `a="x",b="y"`; None: it is not there."""
    for part in labels.split(","):
        key, _, value = part.partition("=")
        if key == name:
            return value.strip('"')
    return None
