"""What inputs collect from a real engine is what the API lists, out of a real store."""

import json
import urllib.parse

import pytest

from conftest import sections
from engine import IMAGE

PRINTER = """
for i in $(seq {n}); do echo "Line $i of one time"; done
printf 'bytes \\377\\376 "quoted" \\\\ \\033[1m\\n' >&2
echo 'level=error it broke'
sleep 1000000
"""
TICKER = "i=0; while true; do i=$((i+1)); echo tick $i; usleep 5000; done"


@pytest.fixture
def whole(tallyd, engine):
    daemon = tallyd(sections(engine.endpoint) + "".join(
        f"[input.{name}]\nendpoint = {engine.endpoint}\n"
        for name in ("docker_images", "docker_logs"))).start()
    yield daemon
    engine.remove_all()
    for tag in ("web:1", "web:latest"):
        engine.docker("image", "rm", "-f", tag)


def pages(daemon, path):
    """All rows, following the Link header."""
    while path:
        answer = daemon.get(path)
        assert answer.status == 200, answer.body
        yield from answer.json["data"]
        link = answer.headers.get("Link")
        assert (link is None) == (answer.json["next_cursor"] is None)
        path = link and link[1:link.index(">")]


def messages(daemon, query):
    return [row["message"] for row in pages(daemon, f"/api/v1/logs?{query}")]


def test_logs_are_found_and_paged(whole, engine):
    engine.run("printer", PRINTER.format(n=50))
    whole.wait(lambda: len(messages(whole, "name=printer")) == 52, "all lines are there")
    lines = messages(whole, "container=printer&stream=stdout&order=asc&limit=7")
    assert lines == [f"Line {i} of one time" for i in range(1, 51)] + ["level=error it broke"]
    assert messages(whole, "q=LINE%207%20") == ["Line 7 of one time"]
    assert messages(whole, "level=error&name=print*") == ["level=error it broke"]
    assert messages(whole, "name=other") == []
    (row,) = pages(whole, "/api/v1/containers/printer/logs?stream=stderr")
    assert row["message"].endswith('"quoted" \\ \x1b[1m') and "\ufffd" in row["message"]
    text = whole.get("/api/v1/containers/printer/logs?format=ndjson&limit=1000").body.decode()
    assert len([json.loads(line) for line in text.splitlines()]) == 52


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_each_line_comes_once_while_lines_are_added(whole, engine, order):
    engine.run("ticker", TICKER)
    whole.wait(lambda: len(messages(whole, "name=ticker&limit=1000")) > 100, "it ticks")
    before = set(messages(whole, "name=ticker&limit=1000"))
    after = messages(whole, f"name=ticker&limit=10&order={order}")
    assert len(after) == len(set(after))
    assert before <= set(after)


def test_events_are_listed(whole, engine):
    engine.run("short", "exit 3")
    path = "/api/v1/containers/short/events"
    whole.wait(lambda: whole.get(path).status == 200 and
               [e for e in whole.json(path)["data"] if e["action"] == "die"], "it died")
    (died,) = pages(whole, "/api/v1/events?action=die&name=sho*")
    assert (died["exit_code"], died["name"], died["image"]) == (3, "short", IMAGE)
    actions = [e["action"] for e in pages(whole, path + "?order=asc&limit=1")]
    assert actions[:1] == ["create"] and actions[-1] == "die"


def test_images_say_who_runs_what(whole, engine):
    engine.api("POST", f"/images/{IMAGE}/tag?repo=web&tag=1")
    engine.api("POST", f"/images/{IMAGE}/tag?repo=web&tag=latest")
    engine.run("runner", image="web")
    maker = engine.create("maker", "true")
    new = engine.api("POST", f"/commit?container={maker}&repo=web&tag=latest&changes=LABEL%20a=b")["Id"]
    path = "/api/v1/images/versions?reference=web"

    def entry():
        found = whole.json(path)["data"]
        return found and found[0]

    whole.wait(lambda: entry() and entry()["outdated"] == 1, "the runner is outdated")
    assert entry()["image_id"] == new
    (container,) = entry()["containers"]
    old = container["image_id"]
    assert container["name"] == "runner" and container["outdated"] and old != new
    assert [c["change"] for c in entry()["changes"]] == ["moved", "added"]
    assert [e["reference"] for e in pages(whole, "/api/v1/images/versions?outdated=yes&limit=1")] == [
        "web:latest"]
    assert [i["image_id"] for i in pages(whole, "/api/v1/images?outdated=yes")] == [old]
    assert {i["image_id"] for i in pages(whole, "/api/v1/images?dangling=no&limit=1")} == {old, new}
    assert [i["image_id"] for i in pages(whole, "/api/v1/images?reference=WEB:1")] == [old]
    for word in ("web:1", old, old[7:20]):
        found = whole.json("/api/v1/images/" + urllib.parse.quote(word, safe=""))
        assert found["image_id"] == old and len(found["hosts"]) == 1
    assert whole.get("/api/v1/images/web:2").status == 404
