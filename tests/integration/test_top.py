"""`tallyd top` in a real terminal (tmux) and behind a pipe, over a daemon with rows of our making."""

import json
import os
import re
import signal
import subprocess
import time

import pytest

from daemon import free_port
from replayed import Replayed
from terminal import Terminal
from waiting import wait_for

GIB = 2**30
EVIL = "evil\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp"
SHOWN_EVIL = "evil␛]0;owned␇␛[2J"
COLOUR = re.compile(rb"\x1b\[[0-9;]*(?:3[0-7]|38;5;[0-9]+)m")


def ident(n):
    return f"{n}a" * 32


def fill(daemon, until):
    """Half an hour of readings up to then, of containers in every state."""
    daemon.container("shop-web-1", ident(1), compose_project="shop", health="healthy", mem_limit_bytes=GIB // 2,
                     labels='{"tier":"web"}')
    daemon.container("shop-worker-1", ident(2), compose_project="shop", state="restarting", exit_code=137,
                     oom_killed=True, restart_count=4)
    daemon.container("shop-db-1", ident(3), compose_project="shop", health="unhealthy")
    daemon.container("日本語", ident(4), image="img\x1b[5n")
    daemon.container(EVIL, ident(5))
    daemon.container("done", ident(6), state="exited", exit_code=0, started_at=None)
    readings = []
    for n, at in enumerate(range(int(until) - 1800, int(until) + 1, 15)):
        for i, name in ((1, "shop-web-1"), (3, "shop-db-1"), (4, "日本語"), (5, EVIL)):
            row = [None] * 34
            row[:4] = [at * 10**9, "alpha", ident(i), name]
            row[8], row[13] = 10.0 * i, i * 100 * 2**20
            row[22], row[23], row[30], row[31] = n * 20000 * i, n * 7500, n * 15 * 4096, n * 15 * 1024
            readings.append(row)
    daemon.emit("container_stats", readings)
    daemon.lines("shop-web-1", ident(1), ["GET /cart", "\x1b[31mpayment\x1b[0m \x1b[2Jrefused"], "error")
    daemon.stored()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    made = Replayed(tmp_path_factory.mktemp("top")).start()
    fill(made, time.time())
    yield made
    made.stop()


@pytest.fixture
def top(daemon):
    made = []

    def make(*words, size=(80, 24), at=daemon, **environment):
        made.append(Terminal(at.command("top", *words), *size, **environment))
        return made[-1]

    yield make
    for one in made:
        one.__exit__()


def test_the_table_in_80_columns(top):
    terminal = top()
    screen = terminal.shows("shop-web-1", "█", "4 running")
    lines = screen.splitlines()
    assert lines[1].split() == ["name", "▲", "state", "health", "cpu", "mem", "/", "limit"]
    assert max(len(line) for line in lines) <= 80
    order = [re.search(word, screen).start() for word in ("shop 3", "shop-db-1", "shop-web-1", "shop-worker-1",
                                                          "no project 3", "done", "evil", "日本語")]
    assert order == sorted(order)
    web = next(line for line in lines if "shop-web-1" in line)
    assert re.search(r"running +healthy +10 % +\S+ +100 MiB / 512 MiB", web)
    assert re.search(r"restarting – +– +– / –", screen) and "1 unhealthy, 1 off" in screen
    assert "4 running · 1 unhealthy · 1 restarting · 1 exited" in lines[-1]


def test_wider_and_narrower_terminals_have_more_and_fewer_columns(top):
    terminal = top("--filter", "shop", size=(120, 40))
    terminal.shows("net ↓ ↑", "1.33 kB/s", "disk r w", "4 KiB/s")
    terminal.resize(200, 40)
    terminal.shows("image", "nginx:1.25", "⚠", "exit 137 (out of memory), 4 restarts", "up")
    terminal.resize(60, 10)
    terminal.hides("mem / limit")
    assert max(len(line) for line in terminal.lines) <= 60
    terminal.resize(20, 4)
    terminal.shows("the terminal is too")
    terminal.resize(80, 24)
    terminal.shows("mem / limit", "shop-web-1")


def test_a_hostile_name_commands_no_terminal(top):
    terminal = top(size=(120, 40))
    terminal.shows(SHOWN_EVIL, "日本語")
    terminal.keys("q")
    terminal.ended()
    raw = terminal.raw.read_bytes()
    assert b"\x1b]0;owned" not in raw and b"\xc2\x9b" not in raw and b"\xe2\x80\xae" not in raw
    assert b"\x1b[5n" not in raw
    # What is wide takes two columns, so that what is behind stands in its column.
    screen = top("--once", size=(200, 40)).shows("日本語").splitlines()
    place = {line.index("running"): line for line in screen if " running " in line and not re.search("·|not running", line)}
    assert len({at + (3 if "日本語" in line else 0) for at, line in place.items()}) == 1


def test_filter_sort_fold_and_tree(top):
    terminal = top()
    terminal.shows("shop-web-1")
    terminal.keys("/", "label:tier=web")
    terminal.hides("shop-db-1")
    terminal.shows("shop-web-1", "/ label:tier=web")
    terminal.keys("Enter")
    terminal.shows("filter: label:tier=web")
    terminal.keys("Escape")
    terminal.shows("shop-db-1")
    terminal.keys("/", "nobody", "Enter")
    terminal.shows("No container has all of these words")
    terminal.keys("Escape", "t", ">", ">", ">")
    screen = terminal.shows("cpu ▼")
    wait_for(lambda: [word for word in re.findall(r"shop-\w+-1|evil|日本語", terminal.screen)][:4] ==
             ["evil", "日本語", "shop-db-1", "shop-web-1"], 20, f"by CPU\n{screen}")
    terminal.keys("r")
    terminal.shows("cpu ▲")
    terminal.keys("t", "g", "Space")
    terminal.shows("▸ shop 3")
    terminal.hides("shop-db-1")
    terminal.keys("Enter")
    terminal.shows("▾ shop 3", "shop-db-1")


def test_one_container_with_its_charts_and_its_log(top, daemon):
    terminal = top("--filter", "shop-web")
    terminal.shows("shop-web-1")
    terminal.keys("Down", "Enter")
    screen = terminal.shows("CPU 10 %", "Memory 100 MiB", "Network ↓ 1.33 kB/s", "GET /cart", "payment ␛[2Jrefused")
    assert re.search("[⠁-⣿]{20}", screen) and "memory 512 MiB" in screen and "project shop" in screen
    daemon.lines("shop-web-1", ident(1), ["it goes on"])
    terminal.shows("it goes on")
    terminal.keys("[")
    terminal.shows("the last 6 h")
    terminal.keys("k")
    terminal.shows("1 newer lines below")
    terminal.keys("Escape")
    terminal.shows("mem / limit")
    terminal.keys("?")
    terminal.shows("a longer, a shorter time")
    terminal.keys("x", "q")
    assert terminal.ended() == 0
    assert b"\x1b[2Jrefused" not in terminal.raw.read_bytes()


def test_colours_unless_no_color_says_otherwise(top):
    for environment, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)):
        terminal = top(**environment)
        terminal.shows("unhealthy", "4 running")
        terminal.keys("q")
        terminal.ended()
        assert bool(COLOUR.search(terminal.raw.read_bytes())) is coloured


@pytest.mark.parametrize("end", ["q", "C-c", "TERM", "HUP", "SEGV", "ABRT"])
def test_the_terminal_is_as_before_however_it_ends(daemon, end):
    words = " ".join(f"'{word}'" for word in daemon.command("top"))
    script = f"trap : INT; {words}; echo ended $?; stty -a | grep -o ' icanon\\| echo '; exec cat"
    options = {"ASAN_OPTIONS": "handle_segv=0:handle_abort=0:detect_leaks=0"} if end in ("SEGV", "ABRT") else {}
    with Terminal(["sh", "-c", script], **options) as terminal:
        terminal.shows("4 running")
        assert terminal.format("alternate_on") == "1"
        if end in ("q", "C-c"):
            terminal.keys(end)
        else:
            pid = int(subprocess.run(["pgrep", "-P", terminal.format("pane_pid"), "tallyd-console"], check=True,
                                     capture_output=True, text=True).stdout)
            os.kill(pid, getattr(signal, f"SIG{end}"))
        status = {"q": 0, "C-c": 130}.get(end) or (128 + getattr(signal, f"SIG{end}", 0) if end != "q" else 0)
        terminal.shows(f"ended {status}", "icanon", "echo")
        assert (terminal.format("alternate_on"), terminal.format("cursor_flag")) == ("0", "1")


def test_an_api_that_goes_is_said_to_be_gone_and_comes_back(tmp_path):
    daemon = Replayed(tmp_path).start()
    try:
        fill(daemon, time.time())
        with Terminal(daemon.command("top")) as terminal:
            terminal.shows("shop-web-1", "newest reading")
            daemon.stop()
            terminal.keys("R")
            terminal.shows("does not answer", "shop-web-1")
            (daemon.dir / "rows").write_text("")
            daemon.start()
            terminal.keys("R")
            terminal.shows("4 running")
            terminal.keys("q")
            assert terminal.ended() == 0
    finally:
        if daemon.running:
            daemon.stop()


def test_old_readings_are_said_to_be_old(tmp_path):
    daemon = Replayed(tmp_path).start()
    try:
        fill(daemon, time.time() - 190)
        with Terminal(daemon.command("top"), 120, 24) as terminal:
            terminal.shows("readings are 3 min old: nothing was read since")
        assert "readings are 3 min old" in daemon.call("top", "--once").stdout
    finally:
        daemon.stop()


def test_once_and_behind_a_pipe_it_is_plain_text(daemon, top):
    piped = daemon.call("top")
    rows = piped.stdout.rpartition(" · newest reading")[0]
    assert piped.returncode == 0 and daemon.call("top", "--once").stdout.startswith(rows)
    lines = piped.stdout.splitlines()
    assert lines[0].split()[:3] == ["name", "▲", "state"] and len(lines) == 1 + 8 + 1
    assert "exit 137 (out of memory), 4 restarts" in piped.stdout
    assert not [c for c in piped.stdout if ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160]
    found = daemon.call("top", "--once", "--flat", "--sort", "mem", "--filter", "shop").stdout.splitlines()
    assert [line.split()[0] for line in found[1:4]] == ["shop-db-1", "shop-web-1", "shop-worker-1"]
    top("--once", TERM="dumb").shows("shop-web-1", "4 running")
    dumb = top(TERM="dumb")
    dumb.shows("4 running")
    assert dumb.ended() == 0 and b"\x1b" not in dumb.raw.read_bytes()


def test_json_is_what_the_api_has(daemon):
    done = daemon.call("top", "--json")
    wanted = daemon.json("/api/v1/containers?limit=1000")["data"]
    assert json.loads(done.stdout) == {"data": wanted, "next_cursor": None}
    assert not [c for c in done.stdout if ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160]


def test_errors_and_exit_codes(daemon):
    for words, status, text in (
            (["--url", f"http://127.0.0.1:{free_port()}", "--once"], 1, "does not answer"),
            (["--sort", "size"], 2, "\"size\" is not name, state"),
            (["web"], 2, "takes no arguments"),
            (["--url", "ftp://x"], 3, "begins with http://")):
        done = daemon.call("top", *words)
        assert done.returncode == status and text in done.stderr and done.stdout == ""
    assert daemon.call("top", "--help").stdout.startswith("usage: tallyd top")
