"""`tallyd diff`: the newest change of a service and what it did, in plain words."""

import json
import time

import pytest

from replayed import Replayed

SECOND, OLD, NEW, LATE, GIB = 10**9, "1a" * 32, "2b" * 32, "4d" * 32, 2**30
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31mbe\u202egin\x7f\r\t"
STAMP = "%Y-%m-%d %H:%M:%S"


def info(container, name, service, created, gone=None):
    row = [time.time_ns(), "alpha", container, name, "web:1", None, "running"] + [None] * 19
    row[12], row[23], row[25] = created, gone, service
    return row


def change(at, kind, number, service="shop/web", before="{}", after="{}"):
    return [at, "alpha", service, kind, NEW, f"{at // 1000:x}-{number:08x}", "web", before, after, OLD] + [None] * 5


class Shop(Replayed):
    """v2 was deployed 100 s ago: it leaks, and logs an error."""

    def fill(self):
        self.at = at = time.time_ns() // SECOND * SECOND - 100 * SECOND
        self.emit("container_info", [info(OLD, "web", "shop/web", at - 3600 * SECOND, at - SECOND),
                                     info(NEW, "web", "shop/web", at - SECOND),
                                     info("3c" * 32, "bad", HOSTILE, at - SECOND),
                                     info(LATE, "late", "shop/late", at - 21 * SECOND)])
        self.emit("container_stats", [
            [at + n * SECOND, "alpha", NEW if n > 0 else OLD, "web"] + [None] * 4
            + [(20 if n < 0 else 10) + n % 3, None, None, None] + 2 * [GIB // 4 + max(n, 0) * 2**20]
            for n in range(-70, 80)])
        self.emit("container_logs", [
            [at + n * SECOND + 5 * 10**8, "alpha", NEW if n > 0 else OLD, "web", "stdout", f"cannot reach {n}" if n > 0 else "served",
             "error" if n > 0 else "info", n + 100, "%012x" % (n > 0)] for n in range(-70, 80)]
            + [[at + n * SECOND + 5 * 10**8, "alpha", LATE, "late", "stdout", "served", "info", n + 100, None] for n in range(-20, 80)])
        self.emit("log_patterns", [
            [at, "alpha", "shop/web", "%012x" % 0, "served", "info", at - 3600 * SECOND, at, "served"],
            [at, "alpha", "shop/web", "%012x" % 1, "cannot reach <*>" + HOSTILE, "error", at + 3 * SECOND // 2, at, "cannot reach 1"]])
        self.emit("container_changes", [
            change(at, "image", 1, before=json.dumps({"image": "web:1", "image_id": "sha256:1"}),
                   after=json.dumps({"image": "web:2", "image_id": "sha256:2"})),
            change(at, "limits", 2, before='{"memory": 1073741824}', after='{"memory": 2147483648}'),
            change(at, "env_names", 3, before='{"A": "12", "B": "1"}', after='{"A": "34", "C": "1"}'),
            change(at + 5 * SECOND, "restart", 4), change(at + 6 * SECOND, "restart", 5), change(at + 7 * SECOND, "oom", 6),
            change(at, "limits", 9, service="shop/late"),
            change(at - 50 * SECOND, "mark", 7, after='{"text": "deploy 1"}'),
            change(at, "config", 8, service=HOSTILE, before=json.dumps({"command": HOSTILE}), after='{"command": ["x"]}')])


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    made = Shop(tmp_path_factory.mktemp("diff"))
    made.start()
    made.fill()
    made.stored()
    yield made
    made.stop()


def diff(shop, *words, status=0):
    done = shop.call("diff", *words)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if status == 0 else done.stderr


def test_what_changed_and_what_it_did_in_plain_words(shop):
    text = diff(shop, "shop/web", "--window", "1min")
    lines = text.splitlines()
    stamp = time.strftime(STAMP, time.localtime(shop.at // SECOND))
    assert lines[0] == f"shop/web, since the change at {stamp} on alpha"
    for line in ("changed: image", "  image web:1 → web:2", "    and: limits", "  memory 1 GiB → 2 GiB", "    and: env_names",
                 "  variable A has another value", "  variable B is gone", "  variable C is new", "since then: oom, 1 time",
                 "since then: restart, 2 times", "effect, up to 1min after against before: worse", "new in its log:",
                 "no longer in its log:"):
        assert line in lines, text
    assert "image_id" not in text
    worse, better = ([line for line in lines if line.startswith(verdict)] for verdict in ("worse ", "better "))
    assert "worse   error lines 0/min → 60/min" in worse
    growth, = (line for line in worse if "memory grows by" in line)
    assert growth.startswith("worse   memory grows by 3.5") and growth.endswith(" GiB/h, before by 0 B/h")
    assert better == ["better  CPU 21 % → 11 % (-47.6 %)"], text
    assert "too little data: network, disk, throttled, containers that ended" in lines
    new, = (line for line in lines if "cannot reach" in line)
    assert new.startswith("  E ") and " lines: cannot reach <*>" in new
    assert all(len(line) <= 80 for line in lines)
    assert not set(text) & set("\x1b\x07\x9b\u202e\x7f\r\t")


def test_at_a_time_it_is_the_last_change_until_then(shop):
    stamp = time.strftime(STAMP, time.localtime(shop.at // SECOND))
    assert "changed: image" in diff(shop, "shop/web", "--at", stamp, "--window", "1min")
    for before in (time.strftime(STAMP, time.localtime(shop.at // SECOND - 10)), "150s",
                   time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(shop.at // SECOND - 50))):
        assert "  mark deploy 1\n" in diff(shop, "shop/web", "--at", before)
    assert "no change of a service" in diff(shop, "shop/web", "--at", "2020-01-01T00:00:00Z", status=1)


def test_json_is_the_answer_of_the_api(shop):
    got = json.loads(diff(shop, "shop/web", "--json", "--window", "1min"))
    assert got["change"]["kind"] == "image" and got["verdict"] == "worse"
    new, = got["patterns"]["new"]
    assert new["template"] == "cannot reach <*>" + HOSTILE and new["before"] == 0 and new["after"] >= 50
    assert got == shop.json(f"/api/v1/changes/{got['change']['id']}/effect?window=1min")


def test_time_before_a_service_is_not_time_without_lines(shop):
    got = json.loads(diff(shop, "shop/late", "--json", "--window", "1min"))
    metrics = {metric["name"]: metric for metric in got["metrics"]}
    assert metrics["lines"]["verdict"] not in ("worse", "better")
    assert metrics["lines"]["before"]["n"] == 4 and metrics["lines"]["before"]["mean"] > 40
    assert metrics["memory_growth"]["before"] == metrics["ends"]["after"] == {"n": 0}  # nobody knows


def test_names_and_values_are_shown_and_not_obeyed(shop):
    text = diff(shop, HOSTILE.replace("\x9b", "*"), "--window", "1min", "--color", "always")
    assert "changed: config" in text and "␛]0;owned" in text
    assert "\x1b[31m" not in text.replace("\x1b[1m", "") and not set(text) & set("\x07\x9b\u202e\x7f\r\t")
    assert "\x1b[31mworse" in diff(shop, "shop/web", "--window", "1min", "--color", "always")


def test_what_cannot_be_shown_has_its_exit_code(shop):
    assert 'no change of a service "nothing" is known of the last 30 days' in diff(shop, "nothing", status=1)
    assert "SERVICE" in diff(shop, status=2)
    assert "b" in diff(shop, "a", "b", status=2)
    assert "window" in diff(shop, "shop/web", "--window", "2d", status=1)
    assert "--color" in diff(shop, "shop/web", "--color", "blue", status=2)
    assert "does not answer" in diff(shop, "shop/web", "--url", "http://127.0.0.1:9", status=1)
