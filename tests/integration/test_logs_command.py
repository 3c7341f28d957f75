"""`tallyd logs`: what is printed, what is followed, and what never reaches a terminal."""

import json
import os
import signal
import subprocess
import time

import pytest

from daemon import Tallyd, free_port
from replayed import Replayed
from waiting import wait_for

WEB, WORKER, OTHER = "1a" * 32, "2b" * 32, "3c" * 32
TOKENS = """
[output.http_api:tokens]
listen = 127.0.0.1:%d
store = sqlite
tokens_file = {dir}/tokens
"""
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31mbe\u202egin\x7f\r\t"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    tokens = free_port()
    made = Replayed(tmp_path_factory.mktemp("logs"), TOKENS % tokens)
    made.tokens_port = tokens
    (made.dir / "tokens").write_text("c" * 20 + " containers\n" + "r" * 20 + " read\n")
    os.chmod(made.dir / "tokens", 0o600)
    made.start()
    made.container("shop-web-1", WEB, compose_project="shop")
    made.container("shop-worker-1", WORKER, compose_project="shop")
    made.container("other", OTHER)
    made.begun = time.time_ns() - 60 * 10**9
    made.lines("shop-web-1", WEB, [f"hello {n}" for n in range(250)], "info", made.begun)
    made.lines("shop-worker-1", WORKER, ["payment refused", "first\nsecond"], "error", made.begun + 10**9)
    made.lines("other", OTHER, [HOSTILE, "\x1b[31mred\x1b[0m plain"], None, made.begun)
    made.stored()
    yield made
    made.stop()


def logs(daemon, *words, status=0, **environment):
    done = daemon.call("logs", *words, **environment)
    assert done.returncode == status, done.stderr
    return done.stdout.splitlines() if status == 0 else done.stderr


class Following:
    """tallyd logs -f, whose lines are read as they come."""

    def __init__(self, daemon, *words, path=None):
        self.path = path or daemon.dir / f"out-{time.monotonic_ns()}"
        with open(self.path, "wb") as out, open(f"{self.path}.err", "wb") as err:
            self.process = subprocess.Popen(daemon.command("logs", "-f", *words), stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=err)

    @property
    def lines(self):
        return self.path.read_text().splitlines()

    @property
    def errors(self):
        return (self.path.parent / f"{self.path.name}.err").read_text()

    def wait(self, n):
        wait_for(lambda: len(self.lines) >= n or self.process.poll() is not None, 20, f"{n} lines")
        assert len(self.lines) == n, (self.lines[-3:], self.errors)
        return self.lines

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


@pytest.fixture
def follow(daemon):
    made = []

    def make(*words):
        made.append(Following(daemon, *words))
        return made[-1]

    yield make
    for one in made:
        if one.process.poll() is None:
            one.stop()


def test_the_last_hundred_lines_in_their_order(daemon):
    found = logs(daemon, "shop-web-1")
    assert [line[24:] for line in found] == [f"I hello {n}" for n in range(150, 250)]
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(daemon.begun / 1e9))
    assert found[0].startswith(stamp)


def test_since_shows_all_and_tail_the_last_of_them(daemon):
    assert [line[24:] for line in logs(daemon, "shop-web-1", "--since", "10m")] == [f"I hello {n}" for n in range(250)]
    assert [line[24:] for line in logs(daemon, "shop-web-1", "--since", "10m", "-n", "2")] == ["I hello 248", "I hello 249"]
    assert logs(daemon, "shop-web-1", "--since", "1s") == []
    assert logs(daemon, "shop-web-1", "--tail", "0") == []


@pytest.mark.parametrize("name", ["shop-worker-1", WORKER[:6], "shop-work*"])
def test_a_name_the_beginning_of_an_id_and_a_pattern(daemon, name):
    found = logs(daemon, name, "--plain")
    assert found == ["payment refused", "first", "second"]


def test_several_names_and_a_project_show_whose_line_it_is(daemon):
    found = logs(daemon, "shop", "--since", "10m")
    assert len(found) == 253 and sum(" shop-worker-1 E " in line for line in found) == 2
    assert found == logs(daemon, "-p", "shop", "--since", "10m")
    both = logs(daemon, "shop-web-1", "other", "--since", "10m")
    assert len(both) == 252
    assert len(logs(daemon, "--since", "10m")) == 255


def test_a_message_of_several_lines_goes_on_below_itself(daemon):
    found = logs(daemon, "shop-worker-1")
    assert found[-2].endswith("E first") and found[-1] == " " * 26 + "second"


def test_level_and_search(daemon):
    assert len(logs(daemon, "--level", "error", "--since", "10m")) == 3
    assert len(logs(daemon, "--level", "warning,critical", "--since", "10m")) == 0
    assert [line[-7:] for line in logs(daemon, "-s", "HELLO 24", "-s", "4", "--plain")][:2] == ["ello 24", "llo 240"]
    assert "\"loud\" is none of trace, debug" in logs(daemon, "--level", "loud", status=1)


def test_json_is_what_the_api_has_and_has_no_control_character(daemon):
    done = daemon.call("logs", "other", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows == list(reversed(daemon.json("/api/v1/logs?name=other")["data"]))
    assert rows[0]["message"].startswith("\x1b]0;owned") and "\x9b" in rows[0]["message"]
    assert not [c for c in done.stdout if ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160]


@pytest.mark.parametrize("options", [[], ["--color", "always"], ["--plain"]])
def test_what_a_container_prints_commands_no_terminal(daemon, options):
    done = daemon.call("logs", "other", *options)
    own = done.stdout.replace("\x1b[0m", "").replace("\x1b[2m", "")
    assert not [c for c in own if ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160 or c == "\u202e"]
    assert "␛]0;owned␇␛[2J\ufffd31mbe\ufffdgin␡" in own and "red plain" in own


def test_colours_by_level_only_where_they_are_wanted(daemon):
    assert "\x1b[31m" in daemon.call("logs", "shop-worker-1", "--color", "always").stdout
    assert "\x1b" not in daemon.call("logs", "shop-worker-1").stdout


def test_following_goes_on_after_the_past_without_a_hole_or_a_line_twice(daemon, follow):
    said = follow("other", "--plain", "-n", "1")
    first = said.wait(1)
    for n in range(40):
        daemon.lines("other", OTHER, [f"line {n}"])
    assert said.wait(41) == first + [f"line {n}" for n in range(40)]
    assert said.stop() in (130, -signal.SIGINT)


def test_a_container_that_joins_a_project_is_followed_too(daemon, follow):
    said = follow("shop", "--json", "--tail", "1")
    said.wait(1)
    joined = "4d" * 32
    daemon.container("shop-late-1", joined, compose_project="shop")
    daemon.emit("container_events", [[time.time_ns(), "alpha", joined, "start", "shop-late-1", "nginx"]])
    daemon.lines("shop-late-1", joined, ["here I am"])
    daemon.lines("shop-web-1", WEB, ["still here"])
    assert {json.loads(line)["message"] for line in said.wait(3)[1:]} == {"here I am", "still here"}


def test_following_comes_back_after_the_daemon_did(tmp_path):
    daemon = Replayed(tmp_path).start()
    try:
        daemon.container("web", WEB)
        daemon.lines("web", WEB, ["before"])
        daemon.stored()
        said = Following(daemon, "web", "--plain")
        said.wait(1)
        daemon.stop()
        wait_for(lambda: "it is opened again" in said.errors, 20, "it says so")
        (daemon.dir / "rows").write_text("")
        daemon.start()
        daemon.lines("web", WEB, ["after"])
        assert said.wait(2) == ["before", "after"]
        assert said.errors.count("\n") == 2 and said.process.poll() is None
        said.stop()
    finally:
        if daemon.running:
            daemon.stop()


@pytest.mark.parametrize("words", [["--since", "10m"], ["-f", "--tail", "200"]])
def test_a_reader_that_goes_away_ends_it_quietly(daemon, words):
    done = subprocess.run(["bash", "-c", 'set -o pipefail; "$@" | head -n 1', "-",
                           *daemon.command("logs", "shop-web-1", *words)], capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)


def test_a_token_comes_from_the_configuration_the_environment_or_a_file(daemon, tmp_path):
    url = f"http://127.0.0.1:{daemon.tokens_port}"
    refused = logs(daemon, "other", "--url", url, status=1)
    assert "401" in refused and "TALLYD_TOKEN" in refused
    assert len(logs(daemon, "other", "--url", url + "/", "--token-file", str(daemon.dir / "tokens"), "-n", "2")) == 2
    assert len(logs(daemon, "other", "-n", "2", TALLYD_URL=url, TALLYD_TOKEN="r" * 20)) == 2
    assert "403" in logs(daemon, "other", TALLYD_URL=url, TALLYD_TOKEN="c" * 20, status=1)
    own = Tallyd(tmp_path, TOKENS.replace("{dir}", str(daemon.dir)) % daemon.tokens_port)
    assert len(logs(own, "other", "-n", "2")) == 2


def test_errors_and_exit_codes(daemon, tmp_path):
    assert "no container and no compose project nobody" in logs(daemon, "nobody", status=1)
    assert "begins with http://" in logs(daemon, "web", "--url", "localhost", status=3)
    assert "does not answer" in logs(daemon, "-f", "web", "--url", f"http://127.0.0.1:{free_port()}", status=1)
    assert "up to 10000" in logs(daemon, "--tail", "many", status=2)
    assert "there is no [output.http_api]" in logs(Tallyd(tmp_path, ""), "web", status=3)
    assert logs(daemon, "--help")[0].startswith("usage: tallyd logs")
