"""An installed tree works by itself: headers, pkg-config, a plugin made against them, the daemon."""

import os
import subprocess
from pathlib import Path

import pytest

from conftest import sections
from daemon import ROOT, build_dir


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", build_dir(), "--prefix", prefix)
    return prefix


def run(*words, **options):
    result = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=120,
                            stdin=subprocess.DEVNULL, **options)
    assert result.returncode == 0, f"{words}\n{result.stdout}{result.stderr}"
    return result.stdout


def pkg_config(prefix, *words):
    found = sorted(prefix.rglob("tallyd.pc"))
    assert len(found) == 1
    return run("pkg-config", *words, "tallyd", env=environment(found[0].parent)).strip()


def environment(pc_dir):
    return {**os.environ, "PKG_CONFIG_PATH": str(pc_dir)}


def test_pkg_config_knows_where_things_are(installed):
    assert pkg_config(installed, "--variable=abi") == "1.0"
    flag = pkg_config(installed, "--cflags")
    assert flag.startswith("-I") and os.path.samefile(flag[2:], installed / "include")
    plugin_dir = Path(pkg_config(installed, "--variable=plugindir")).resolve()
    assert plugin_dir.is_relative_to(installed) and (plugin_dir / "sqlite.so").exists()


def test_the_roles_of_the_database_are_installed(installed):
    assert [path.parent.name for path in installed.rglob("roles.sql")] == ["tallyd"]


def test_the_installed_daemon_finds_its_own_plugins(installed):
    listed = run(installed / "bin" / "tallyd", "plugins", "list")
    for name in ("docker_stats", "docker_status", "batch", "sqlite", "http_api"):
        assert name in listed


def test_a_plugin_made_outside_the_tree_shows_in_store_and_api(installed, tallyd, fake_engine,
                                                              tmp_path):
    pc_dir = next(installed.rglob("tallyd.pc")).parent
    work = tmp_path / "plugin"
    run("cp", "-r", ROOT / "examples" / "plugin", work)
    run("make", "-C", work, env=environment(pc_dir))
    plugin_dir = f"{pkg_config(installed, '--variable=plugindir')}:{work}"
    csv = tmp_path / "csv"
    csv.mkdir()
    daemon = tallyd(
        sections(fake_engine.endpoint, "1s")
        + "[input.machine_load]\ninterval = 1s\n"
        + f"[output.csv_file]\ndirectory = {csv}\ntables = machine_*\n",
        binary=installed / "bin" / "tallyd", plugin_dir=plugin_dir).start()
    table = "machine_load"
    daemon.wait(lambda: daemon.sql(f"select count(*) from {table}")[0][0] > 1, "rows in SQLite")
    assert table in [t["name"] for t in daemon.json("/api/v1/tables")["data"]]
    answer = daemon.json(f"/api/v1/tables/{table}?from=now-5min")
    assert answer, answer
    daemon.wait(lambda: (csv / f"{table}.csv").read_text().count("\n") > 2, "rows in the CSV file")
