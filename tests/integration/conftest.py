"""What the integration tests share: a real Docker Engine, and daemons under test.

The engine is started once per pytest run (that is, per test file under ctest) and is removed
with all it ran, also when the run is interrupted.
"""

import sys
import tempfile
import textwrap
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from daemon import STORED, Tallyd  # noqa: E402  (found by the path above)
from engine import Engine  # noqa: E402
from fake_engine import FakeEngine  # noqa: E402


@pytest.fixture(scope="session")
def engine_process():
    engine = Engine().enter()
    yield engine
    engine.leave()


@pytest.fixture
def engine(engine_process):
    """A running Docker Engine without containers."""
    yield engine_process
    engine_process.remove_all()


@pytest.fixture
def tallyd(tmp_path):
    """tallyd(sections, …) makes a daemon that is not started yet; see daemon.Tallyd.

    All are stopped at the end, and must end well: a leak or a race found by a sanitizer fails
    the test that had it.
    """
    made = []

    def end(daemon):
        if daemon.running:
            daemon.stop()

    with ExitStack() as all_end:  # also when one of them ends badly
        def make(sections, **options):
            daemon = Tallyd(tmp_path / f"tallyd{len(made)}", sections, **options)
            made.append(daemon)
            all_end.callback(end, daemon)
            return daemon

        yield make


@pytest.fixture
def program(tmp_path):
    """program(text) writes a program, Python unless it says otherwise, and returns its path.  DIR is the test's folder."""
    def make(text, name="program", interpreter=f"{sys.executable} -u"):
        path = tmp_path / name
        path.write_text(f"#!{interpreter}\n{textwrap.dedent(text)}".replace("DIR", str(tmp_path)))
        path.chmod(0o755)
        return path
    return make


@pytest.fixture
def watch(tallyd, engine):
    """watch() starts a daemon that collects from the engine often, into SQLite, with the API."""

    def make(extra="", interval="2s", **options):
        return tallyd(sections(engine.endpoint, interval) + extra, **options).start()

    return make


def sections(endpoint, interval="2s"):
    """A whole working installation of the five plugins."""
    return f"""
[input.docker_stats]
interval = {interval}
endpoint = {endpoint}
[input.docker_status]
interval = {interval}
endpoint = {endpoint}
{STORED}"""


@pytest.fixture
def fake_engine():
    """An engine that misbehaves on demand."""
    # Not below tmp_path, whose name may be too long for a unix socket.
    with tempfile.TemporaryDirectory(prefix="tallyd-") as folder:
        engine = FakeEngine(Path(folder) / "docker.sock")
        yield engine
        engine.close()
