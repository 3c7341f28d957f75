"""What `tallyd check` has to say: about plugins that crash, hang or leave, about files and folders
that are not as they should be, about what does nothing.  A reload asks it first."""

import os
import subprocess

import pytest

from test_third_party import STORED, careless, daemon  # noqa: F401

API = "[output.http_api]\nlisten = 127.0.0.1:{port}\nstore = sqlite\n"
SQLITE = "[output.sqlite]\npath = {db}\n"

ENDS = {
    "create_abort": "it crashed: Aborted while the instance was created",
    "create_exit": "it ended the process, exit code 0 while the instance was created",
    "create_hang": "it did not return within 10 s while the instance was created",
}


@pytest.mark.parametrize("fault", ENDS)
def test_a_plugin_that_crashes_hangs_or_leaves_is_named(daemon, fault):  # noqa: F811
    # The one behind it is looked at, too.
    d = daemon(careless(fault=fault) + STORED + "[input.careless_live]\nfault = create_exit\n")
    # In a child of fork() that has opened many libraries, gcc 12's LeakSanitizer crashes at exit().
    found = d.call("check", ASAN_OPTIONS="detect_leaks=0")
    assert found.returncode == 3
    lines = found.stderr.splitlines()
    assert len(lines) == 2, lines
    assert "[input.careless] plugin bug in" in lines[0] and ENDS[fault] in lines[0]
    assert "careless.so" in lines[0]
    assert "[input.careless_live] plugin bug in" in lines[1]


@pytest.mark.parametrize("fault", ["create_abort", "create_exit"])
def test_a_reload_is_refused_that_would_take_the_daemon_along(daemon, fault):  # noqa: F811
    d = daemon(careless() + STORED).start()
    mark = len(d.log)
    d.configure(careless(fault=fault) + STORED)
    d.hup()
    d.says("not reloaded, 1 problems; the old configuration stays in effect", after=mark)
    assert ENDS[fault] in d.log[mark:]
    before = d.metric("tallyd_rows_stored_total", output="output.sqlite")
    d.wait(lambda: d.metric("tallyd_rows_stored_total", output="output.sqlite") > before, "it goes on")
    d.configure(careless(label="new") + STORED)
    d.hup()
    d.says("reloaded:", after=mark)
    d.stop()


def test_a_start_is_refused_that_would_hang_or_crash(daemon):  # noqa: F811
    d = daemon(careless(fault="create_abort") + STORED)
    found = d.call("run")
    assert found.returncode == 3
    assert ENDS["create_abort"] in found.stderr


def wrong_files(d):
    """(section, what check says), each of a file or folder that cannot be used."""
    (d.dir / "empty").write_text("")
    (d.dir / "open").write_text("a" * 32 + " read\n")
    (d.dir / "no.pem").write_text("no certificate\n")
    for name, mode in (("empty", 0o600), ("open", 0o644), ("no.pem", 0o600)):
        (d.dir / name).chmod(mode)
    api = API + "tokens_file = {dir}/%s\n"
    tls = API + "tls_cert = {dir}/%s\ntls_key = {dir}/%s\n"
    engine = "[input.docker_stats]\nendpoint = https://127.0.0.1:1\ntls_ca = {dir}/missing\n"
    return [(api % "missing", "tokens_file: "),
            (api % "empty", "contains no token"),
            (api % "open", "others may read or change it"),
            (tls % ("missing", "missing"), "tls_cert: "),
            (tls % ("no.pem", "missing"), "tls_key: "),
            (tls % ("no.pem", "no.pem"), "tls_cert, tls_key: "),
            (engine, "tls_ca: "),
            ("[buffer.spool]\npath = {dir}/empty/spool\n[output.recorder]\npath = x\nbuffer = spool\n",
             "path: "),
            ("[output.sqlite:b]\npath = {dir}/missing/b.db\n", "path: ")]


def test_a_file_that_cannot_be_used_is_an_error(daemon):  # noqa: F811
    d = daemon("")
    base = careless() + "[buffer.batch]\n" + SQLITE
    for section, what in wrong_files(d):
        d.configure(base + section)
        found = d.call("check")
        assert found.returncode == 3, (section, found.stderr)
        assert what in found.stderr, (section, found.stderr)
        assert f"{d.dir}/tallyd.conf:" in found.stderr
    assert not (d.dir / "missing").exists()


@pytest.mark.parametrize("state", ["file", "file/below", "/proc/tallyd", "/sys/tallyd/state"])
def test_a_state_dir_that_cannot_be_written_is_an_error(daemon, state):  # noqa: F811
    d = daemon(careless() + STORED)
    (d.dir / "file").write_text("")
    d.state_dir = d.dir / state
    d.configure(careless() + STORED)
    found = d.call("check")
    assert found.returncode == 3
    assert "[tallyd] state_dir: " in found.stderr
    d.state_dir = d.dir / "not" / "yet"
    d.configure(careless() + STORED.replace("{db}", str(d.dir / "t.db")))
    assert d.call("check").returncode == 0
    assert not (d.dir / "not").exists()


def test_what_does_nothing_is_reported(daemon):  # noqa: F811
    d = daemon("")
    cases = [("", 3, "nothing to do"),
             ("[buffer.batch]\n", 3, "nothing to do"),
             ("[output.recorder]\npath = x\n", 3, "nothing to do"),
             (API + SQLITE, 0, ""),
             (SQLITE, 0, "warning: no [input.…] is enabled"),
             (careless() + STORED + "[buffer.batch:b]\n", 0, "[buffer.batch:b] no output reads from it"),
             (careless() + STORED + "[output.sqlite:b]\npath = {dir}/b\ntables = contaner_*\n", 0,
              "[output.sqlite:b] no input feeds it"),
             (careless() + STORED + "[output.sqlite:b]\npath = {dir}/b\ntables = careless misspelt_*\n",
              0, "[output.sqlite:b] no input has a table that matches misspelt_*")]
    for text, code, what in cases:
        d.configure(text)
        found = d.call("check")
        assert found.returncode == code, (text, found.stderr)
        assert what in found.stderr if what else found.stderr == ""


COMMANDS = ["help", "--help", "version", "-V", "check", "config dump", "config explain",
            "plugins list", "plugins info careless", "once", "once --format ndjson", "db status"]


@pytest.mark.parametrize("words", COMMANDS)
def test_output_that_cannot_be_written_is_a_failure(daemon, words):  # noqa: F811
    d = daemon(careless() + "[buffer.batch]\n[output.timescale]\nconninfo = host=/nowhere\n")
    with open("/dev/full", "w") as full:
        found = subprocess.run(d.command(*words.split()), stdout=full, stderr=subprocess.PIPE,
                               text=True, timeout=60)
    assert found.returncode in (1, 3)  # 3: some of the tests' plugins are broken
    assert "cannot write to stdout" in found.stderr


def test_a_plugin_is_checked_as_its_configuration_would_be(daemon):  # noqa: F811
    d = daemon("")
    plugins = d.build / "tests" / "plugins"
    for name, what in (("core_option", "declares the option interval, which the core reserves"),
                       ("other_name", "its plugin is named some_name"),
                       ("table_of_the_store", "names that begin with tally_ are a store's own")):
        found = d.call("plugins", "check", str(plugins / f"{name}.so"))
        assert found.returncode == 3 and what in found.stderr, found.stderr
    for name in ("careless", "probe", "recorder", "picky"):
        found = d.call("plugins", "check", str(plugins / f"{name}.so"))
        assert found.returncode == 0 and found.stdout.startswith("ok: "), found.stderr


@pytest.mark.parametrize("where, what", [("load", "while it was being loaded"),
                                         ("create", "while the instance was created")])
def test_a_plugin_that_crashes_is_checked_all_the_same(daemon, where, what):  # noqa: F811
    d = daemon("")
    name = f"crash_in_{where}"
    found = d.call("plugins", "check", str(d.build / "tests" / "plugins" / f"{name}.so"))
    assert found.returncode == 3
    assert "plugin bug" in found.stderr and what in found.stderr
    d.configure(f"[input.{name}]\n[buffer.batch]\n{SQLITE}")
    found = d.call("check")
    assert found.returncode == 3
    assert f"{name}.so: " in found.stderr or f"{name}.so: it" in found.stderr
    assert what in found.stderr
