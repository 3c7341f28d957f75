"""What README and docs/ tell people to copy: configuration is accepted, commands are understood, requests
are answered, JSON is JSON.  What cannot be run here has its reason below, and a reason for nothing fails."""

import json
import re
import shlex
import subprocess
import time

import pytest

from daemon import ROOT, Tallyd, build_dir
from replayed import Replayed

PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.S | re.M)
# Languages that other tests run, all of them; or that are compiled where they stand.
ELSEWHERE = {
    "js": "test_docs.py runs it",
    "text": "test_docs.py asks each URL",
    "c": "declarations, shown as they are in include/ and examples/plugin, which are built and tested",
    "cmake": "examples/plugin has it, and is built",
    "python": "how a test looks; tests/ is full of them",
    "yaml": "of Prometheus, whose promtool checks the rules that are shipped",
}
# First words of commands that are not tallyd and not curl, each with where it is run.
PROGRAMS = {
    "scripts/run": "test_runtime.py",
    "scripts/package": "test_package.py",
    "scripts/test": "every run of the tests",
    "scripts/bench": "tests/bench",
    ".ci/run": "every run of the tests",
    "ctest": "every run of the tests",
    "cmake": "test_install.py, test_sdk.py",
    "cc": "test_sdk.py",
    "pkg-config": "test_sdk.py",
    "docker": "test_container.py",
    "systemctl": "test_package.py",
    "journalctl": "test_package.py",
    "sudo": "needs root: test_package.py and test_sdk.py do it in a machine of their own",
    "psql": "test_timescale.py, with the same files",
    "pg_dump": "test_timescale.py",
    "pg_restore": "test_timescale.py",
    "cd": "where the next command is", "export": "what the next command needs",
    "printf": "with sudo", "echo": "a program for input.exec: test_exec.py",
    "TALLYD_BUILD_DIR=build-asan": "every run of the tests",
}
# Blocks of ini that are not tallyd's.
INI = {"[Service]": "of systemd: test_package.py uses this very text", "[Socket]": "of systemd: test_package.py"}
SQL = {"grafana.md": "test_docs.py runs each", "timescale.md": "needs TimescaleDB: test_timescale_modes.py makes such"}
# What a configuration of the docs may lack on this machine.
LACKS = re.compile(r"No such file or directory|not found|does not exist|there is no (file|program)|is not a program|"
                   r"cannot (read|run|open)|Permission denied|no such (file|instance)")
WEB = "1a" * 32


def blocks(*languages):
    found = []
    for page in PAGES:
        for indent, language, text in FENCE.findall((ROOT / page).read_text()):
            if language in languages:
                found.append(pytest.param(page, re.sub(f"^{indent}", "", text, flags=re.M),
                                          id=f"{page}-{text.strip().splitlines()[0][:40]}"))
    return found


def commands():
    """Each command of the blocks: words after comments, pipes and joins are taken apart."""
    found = []
    for page, text in (param.values for param in blocks("sh")):
        text = re.sub(r"\\\n", " ", text)
        for line in text.splitlines():
            words = shlex.split(line, comments=True) if not line.startswith("#!") else []
            part = []
            for word in [*words, "&&"]:
                if word in ("&&", "|", "||", ";"):
                    if part:
                        found.append((page, tuple(part), line))
                    part = []
                else:
                    part.append(word)
    return sorted(set(found))


def test_every_language_is_looked_at():
    here = {language for page in PAGES for _, language, _ in FENCE.findall((ROOT / page).read_text())}
    assert here - {"sh", "ini", "sql", "json"} == set(ELSEWHERE)


def test_every_command_is_run_or_has_its_reason():
    firsts = {words[0] for _, words, _ in commands()} - {"tallyd", "curl", "jq"}
    unknown = firsts - set(PROGRAMS)
    assert not unknown, f"no reason why these are not run: {unknown}"
    unused = set(PROGRAMS) - firsts
    assert not unused, f"no page has these: {unused}"
    for page, text in (param.values for param in blocks("sql")):
        assert page.removeprefix("docs/") in SQL, text


@pytest.mark.parametrize("words", [words for _, words, _ in commands() if words[0] == "tallyd"], ids=" ".join)
def test_commands_of_tallyd_are_understood(words):
    """Its own parser says so; with --help nothing is done."""
    done = subprocess.run([build_dir() / "bin/tallyd", *words[1:], "--help"], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0 and "usage: tallyd" in done.stdout, done.stderr


@pytest.mark.parametrize("page, text", blocks("sh"))
def test_the_shell_understands_it(page, text):
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, (page, done.stderr)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    made = Replayed(tmp_path_factory.mktemp("snippets")).start()
    for n, name in enumerate(("web", "tallyd-demo-web")):
        made.container(name, WEB[n:] + WEB[:n], compose_project="shop", compose_service="web")
        row = [None] * 34
        row[:4] = [time.time_ns(), "alpha", WEB[n:] + WEB[:n], name]
        row[8], row[13] = 12.5, 2**20
        made.emit("container_stats", [row])
    made.stored()
    yield made
    made.stop()


@pytest.mark.parametrize("words", [words for _, words, _ in commands() if words[0] == "curl"], ids=" ".join)
def test_requests_are_answered(daemon, words):
    """As they stand, but for the address; a stream is read for a moment."""
    url = re.sub(r"^(http://)?(localhost|127\.0\.0\.1):7420", daemon.url, next(w for w in words[1:] if "7420" in w))
    streams = "/stream" in url
    done = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", "-m", "1" if streams else "20", url],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == (28 if streams else 0), done.stderr
    assert done.stdout.endswith("200"), done.stdout[-500:]


def whole(text):
    """Around a snippet what it needs: the buffer, store or rule that it speaks of, and where our plugins are."""
    if not text.lstrip().startswith(("[", ";", "#")) or "\n[" not in f"\n{text}":
        text = f"[alert.x]\nwhen = avg(cpu_percent) > 90\n{text}"
    text = text.replace("${CREDENTIALS_DIRECTORY:-", "${NOBODY_SETS_THIS:-")
    needed = {"buffer = spool": "[buffer.spool]\npath = {dir}/spool", "[input.": "[output.sqlite]\npath = {db}",
              "[alert.": "[input.docker_stats]\n[input.docker_status]\n[output.sqlite]\npath = {db}",
              "[output.http_api]": "[output.sqlite]\npath = {db}"}
    for sign, sections in needed.items():
        for section in re.findall(r"\[[^\[]+", sections):
            if sign in text and section.split("]")[0] + "]" not in text:
                text += f"\n{section}"
    if "[output." in text and "[buffer.batch]" not in text:
        text += "\n[buffer.batch]"
    if "[buffer.batch:redis]" in text and "[output.redis]" not in text:
        text += "\n[output.redis]\nurl = redis://127.0.0.1\nbuffer = batch:redis"
    for table in ("sensors", "doors") if "tables = sensors" in text else ():
        text += f"\n[input.exec:{table}]\ncommand = /bin/true\ndeclare = series {table} (place text tag, x real)"
    return text


@pytest.mark.parametrize("page, text", [p for p in blocks("ini") if p.values[1].split()[0] not in INI])
def test_configuration_is_accepted(page, text, tmp_path):
    """tallyd check finds nothing wrong in it but what this machine does not have."""
    text = whole(text)
    own = re.search(r"^\[tallyd\]\n(.*\n)*?\n", text, re.M)
    made = Tallyd(tmp_path, text.replace(own[0], "") if own else text)
    done = made.call("check")
    wrong = [line for line in done.stderr.splitlines() if re.search(r"tallyd\.conf:\d+: ", line) and not LACKS.search(line)]
    assert not wrong, (page, done.stderr)
    assert done.returncode == 0 or LACKS.search(done.stderr), (page, done.stderr)


@pytest.mark.parametrize("page, text", blocks("json"))
def test_json_is_json(page, text):
    """… stands for what is left out."""
    text = re.sub(r":\s*…", ": null", text)
    text = re.sub(r"…\s*,|,?\s*…(?=\s*[}\]])", "", text)
    decoder, at = json.JSONDecoder(), 0
    text = re.sub(r",(\s*[}\]])", r"\1", text).strip()
    while at < len(text):
        _, end = decoder.raw_decode(text, at)
        at = end + len(text[end:]) - len(text[end:].lstrip())


def test_links_of_the_documents_work_where_they_are_installed(tmp_path):
    """In this tree, and in one that `cmake --install` makes: the daemon's part and that for plugins."""
    for component in ("tallyd", "dev"):
        subprocess.run(["cmake", "--install", build_dir(), "--prefix", tmp_path, "--component", component], check=True,
                       capture_output=True, timeout=300)
    installed, = tmp_path.rglob("security.md")
    broken = []
    for folder in (ROOT / "docs", installed.parent):
        for page in [*folder.glob("*.md"), *folder.glob("decisions/*.md")]:
            for link in re.findall(r"\]\(([^)\s#]+)[^)\s]*\)", page.read_text()):
                if not link.startswith(("http", "mailto")) and not (page.parent / link).exists():
                    broken.append(f"{page}: {link}")
    assert not broken
