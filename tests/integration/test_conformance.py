"""`tallyd plugins test`: each rule that a plugin breaks is found and named, one line for it, and what
keeps to the rules passes: our own plugins too, as far as they run without a service."""

import json
import subprocess

import pytest

from daemon import ROOT, build_dir

BAD = build_dir() / "tests" / "plugins" / "bad"
BROKEN = build_dir() / "tests" / "plugins"
SHIPPED = build_dir() / "lib" / "tallyd" / "plugins"

# fault → what is said, of which nothing may be missing
FAULTS = {
    "input.bad": {
        "seconds": "is not one of this century: times are ns since 1970 (are these seconds?)",
        "borrowed": "use tally_put_text(), which copies",
        "null_tag": "error: bad.tag is NULL in a row: what is part of the key must have a value",
        "wrong_cell": "column truth is a BOOL but neither 0 nor 1",
        "bad_json": 'error: bad.json is not JSON: "{"a":"',
        "undeclared": "it emits rows of undeclared, which it does not declare",
        "same_key": "error: rows 0 and 1 of bad have the same key",
        "lost_batch": "error: 1 batches that it made or kept were neither emitted nor dropped",
        "no_source": "warning: tally_emit() got a position without a source",
        "emit_twice": "error: it emits a batch twice",
        "drop_refused": "error: it drops a batch that was freed",
        "leak": "bytes of memory or so are lost with each life from create() to destroy()",
        "crash": "error: gather() crashed (Segmentation fault) [docs/abi.md, Errors]",
        "exit": "error: gather() ended the process with exit code 0, which a plugin never does",
        "stdout": 'error: it prints to stdout ("here I am"): that is for what commands print',
        "hang": "error: gather() did not return within 5 s after tally_stopping() had become true",
        "metric": "error: it counts metric 3 but declares 0 metrics",
        "positive": "error: gather() returned 7: it is to return 0, or -errno for a failure",
        "mute": "warning: gather() returned -5 (Input/output error) without saying why",
        "never_again": "error: after interrupt() and stop(), start() fails here: started already",
        "thread": "of its threads still run when stop() has returned: stop() must end and join them",
        "descriptor": "error: descriptors stay open with each life from create() to destroy(), as that of /dev/null",
        "odd_option": "error: create() with path = (nothing) crashed (Aborted)",
        "create_opens": "error: create() opens /etc/hostname: it does no I/O",
        "old_config": "it still uses the configuration before the last reconfigure(), which was freed",
    },
    "input.bad_run": {
        "run_returns": "error: run() returned 0 although nobody had stopped it",
        "deaf": "error: run() did not return within 5 s after tally_stopping() had become true",
    },
    "output.bad": {
        "null_cell": "write() crashed (Segmentation fault): it was given rows with NULL cells",
        "no_nul": "write() crashed (Segmentation fault): it was given rows with the ends of types, odd text, and "
                  "text without a NUL",
        "again_fails": "write() fails when entries that it has written are offered again (duplicate key)",
        "changes_rows": "error: write() changed the rows that it was given",
        "nulls_fail": "write() takes plain rows but fails for rows with NULL cells of conformance_readings (no ratio)",
        "no_verdict": "error: write() gave the verdict 9, which is none of",
        "retry": "write() returns 0 and leaves plain rows of conformance_readings at TALLY_RETRY, again and again",
        "reject": "warning: write() gave TALLY_REJECT for rows of conformance_readings and did not say why",
        "beyond": "error: write() set verdicts of more entries than the 1 it was given",
        "keeps": "batches that it kept were not dropped when destroy() had returned",
    },
    "buffer.bad": {
        "full": "error: push() into a full buffer returned -5 (Input/output error): -ENOSPC lets the core act",
        "no_reference": "error: fetch() after a push gave other rows than were pushed",
        "sequence": "error: push() gave sequence 4 after 2: they are 1, 2, 3",
        "no_rewind": "error: fetch() with rewind gave 0 entries where 5 are to be read",
        "never_freed": "error: usage() says 5 entries after every reader has acknowledged them, where 0 are left",
        "no_bound": "error: usage() says a capacity of 0: every buffer has a bound",
    },
}
ALL = [(section, fault) for section, faults in FAULTS.items() for fault in faults]


def conformance(*words):
    return subprocess.run([build_dir() / "bin" / "tallyd", "plugins", "test", *map(str, words)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280)


def run_bad(tmp_path, section, fault, *words):
    kind, name = section.split(".")
    conf = tmp_path / "bad.conf"
    conf.write_text(f"[{section}]\nfault = {fault}\n")
    return conformance("--config", conf, "--kind", kind, "--timeout", 30, *words, BAD / f"{name}.so")


@pytest.mark.parametrize("section, fault", ALL, ids=[f"{section}-{fault}" for section, fault in ALL])
def test_a_broken_rule_is_named(tmp_path, section, fault):
    told = FAULTS[section][fault]
    done = run_bad(tmp_path, section, fault)
    warned = told.startswith("warning:")
    assert told in done.stdout, done.stdout + done.stderr
    assert done.returncode == (0 if warned else 4), done.stdout
    line = next(line for line in done.stdout.splitlines() if told in line)
    assert line.startswith("  warning: " if warned else "  error: ")
    assert line.endswith("]") and " [" in line  # where to read more


@pytest.mark.parametrize("section", FAULTS)
def test_without_a_fault_nothing_is_found(tmp_path, section):
    done = run_bad(tmp_path, section, "none")
    assert done.returncode == 0 and "0 errors, 0 warnings" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("name, told", [
    ("no_entry", "exports no tally_plugin()"),
    ("undefined_symbol", "link it against the library that defines it"),
    ("other_abi", "built for plugin ABI 2.0"),
    ("crash_in_load", "it crashed"),
    ("bad_first_column", "columns[0] is not the TIME of the row"),
    ("core_option", "the option interval, which the core has for every input"),
    ("other_name", "some_name"),
    ("crash_in_create", "create() crashed (Aborted)"),
])
def test_what_cannot_be_loaded_or_made_is_one_finding(name, told):
    done = conformance(BROKEN / f"{name}.so")
    assert done.returncode == 4, done.stdout + done.stderr
    errors = [line for line in done.stdout.splitlines() if line.startswith("  error: ")]
    assert any(told in line or (told == "it crashed" and "crashed" in line) for line in errors), done.stdout


@pytest.mark.parametrize("name, found", [
    ("batch", "8 checks passed, 0 skipped"), ("spool", "9 checks passed, 1 skipped"),
    ("sqlite", "9 checks passed, 1 skipped"), ("http_api", "checks passed"), ("docker_stats", "checks passed"),
    ("docker_status", "checks passed"), ("docker_images", "checks passed"), ("docker_logs", "checks passed"),
    ("cri_logs", "checks passed"), ("cgroup_stats", "checks passed"), ("redis", "checks passed")])
def test_our_own_plugins_pass(tmp_path, name, found):
    words = []
    if name in ("redis", "http_api") or name.startswith("docker"):
        kind = "input" if name.startswith("docker") else "output"
        setting = {"redis": "url = redis://127.0.0.1:1", "http_api": "listen = 127.0.0.1:0"}.get(
            name, f"endpoint = unix://{tmp_path}/none.sock")
        (tmp_path / "its.conf").write_text(f"[{kind}.{name}]\n{setting}\n")
        words = ["--config", tmp_path / "its.conf"]
    done = conformance(*words, "--timeout", 60, SHIPPED / f"{name}.so")
    assert done.returncode == 0 and "0 errors, 0 warnings" in done.stdout, done.stdout + done.stderr
    assert found in done.stdout, done.stdout


def test_an_option_that_is_required_is_asked_for():
    done = conformance(SHIPPED / "timescale.so")
    assert done.returncode == 0, done.stdout
    assert "it requires the option conninfo: give a section with --config FILE" in done.stdout
    assert done.stdout.count("\n") == 3


def test_a_section_that_is_wrong_is_named_with_its_line(tmp_path):
    (tmp_path / "x.conf").write_text("[buffer.batch]\ncapacity = much\n")
    done = conformance("--config", tmp_path / "x.conf", SHIPPED / "batch.so")
    assert done.returncode == 4 and f"{tmp_path}/x.conf:2: [buffer.batch] capacity" in done.stdout
    done = conformance("--config", ROOT / "conf.d" / "sqlite.conf", SHIPPED / "batch.so")
    assert done.returncode == 4 and "has no section [buffer.batch]" in done.stdout


def test_the_same_for_programs(tmp_path):
    found = json.loads(run_bad(tmp_path, "input.bad", "stdout", "--json").stdout)
    assert found["errors"] == 1 and found["plugin"].endswith("bad.so")
    assert found["findings"] == [{
        "check": "interrupt", "level": "error", "read": "docs/abi.md, Errors",
        "text": 'it prints to stdout ("here I am"): that is for what commands print; use tally_log()'}]
    outcomes = {check["check"]: check["outcome"] for check in found["checks"]}
    assert outcomes["interrupt"] == "found" and outcomes["create"] == "passed"
    assert outcomes["failed_start"] == "skipped" and outcomes["buffer"] == "inapplicable"


@pytest.mark.parametrize("words", [[], ["a.so", "b.so"], ["--kind", "service", "a.so"], ["--timeout", "0", "a.so"]])
def test_a_wrong_command_line_is_answered_with_its_usage(words):
    done = conformance(*words)
    assert done.returncode == 2 and "try: tallyd help plugins test" in done.stderr


def test_nothing_stays_behind(tmp_path):
    before = {path.name for path in ROOT.joinpath("/tmp").glob("tallyd-test.*")}
    done = subprocess.run([build_dir() / "bin" / "tallyd", "plugins", "test", SHIPPED / "spool.so"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0
    after = {path.name for path in ROOT.joinpath("/tmp").glob("tallyd-test.*")}
    assert not after - before
