"""What inputs ask of an engine is what their READMEs say, GET only, and what they count."""

import re
import tempfile
from pathlib import Path

import pytest

from daemon import ROOT, STORED
from recording_proxy import GuardingProxy, RecordingProxy
from test_images import build
from waiting import wait_for

INPUTS = {"docker_stats": "interval = 1s\n", "docker_status": "interval = 2s\n",
          "docker_images": "interval = 2s\n", "docker_logs": "enabled = yes\nsource = api\n"}
KINDS = {"/version": "version", "/containers/json": "list", "/containers/ID/stats": "stats",
         "/containers/ID/json": "inspect", "/images/json": "images", "/images/ID/json": "images"}
# Asked where `host` is not set, in a container that got its host name from the engine: test_container.py.
ONLY_IN_A_CONTAINER = {"/info"}


def documented(name):
    """The paths of the table below "Requests to the engine"."""
    text = (ROOT / "plugins/input" / name / "README.md").read_text()
    table = text.partition("## Requests to the engine")[2].partition("\n## ")[0]
    found = {path.partition("?")[0] for path in re.findall(r"^\| `(/[^`]*)`", table, re.M)}
    assert found and "GET only" in table, name
    return found - ONLY_IN_A_CONTAINER


def paths(lines):
    """Requests by path as in the READMEs; whatever else a line is, it stays as it is."""
    found = []
    for line in lines:
        match = re.fullmatch(r"GET (?:/v1\.\d+)?(/[^? ]*)(?:\?[^ ]*)? HTTP/1\.1", line)
        found.append(re.sub(r"^/(containers|images)/[0-9a-f]{64}/", r"/\1/ID/", match[1])
                     if match else line)
    return found


@pytest.fixture
def proxies(engine):
    with tempfile.TemporaryDirectory(prefix="tallyd-", dir="/tmp") as folder:
        made = {name: RecordingProxy(engine.socket, Path(folder) / name) for name in INPUTS}
        made["tcp"] = RecordingProxy(engine.socket)
        yield made
        for proxy in made.values():
            proxy.close()


def test_each_input_asks_for_what_its_readme_says_by_get_alone(engine, proxies, tallyd):
    # One whose image has lost its tag, which only an inspect tells.
    build(engine, "moves:latest", "old")
    moved = engine.create("moved", "echo line; sleep 1000000", image="moves:latest")
    engine.api("POST", f"/containers/{moved}/start")
    build(engine, "moves:latest", "new")
    text = "".join(f"[input.{name}]\nendpoint = {proxies[name].endpoint}\n{options}"
                   for name, options in INPUTS.items())
    daemon = tallyd(f"""{text}
[input.docker_stats:tcp]
endpoint = {proxies["tcp"].endpoint}
interval = 1s
{STORED}""").start()
    late = engine.run("late", "echo line; sleep 1000000")
    # `auto` asks for no stats where it reads files, and for no inspects where it does not.
    asked = {name: proxies[name].asked for name in INPUTS}
    asked["docker_stats"] = proxies["docker_stats"].asked, proxies["tcp"].asked

    def lines(name):
        return sum(asked[name], []) if name == "docker_stats" else list(asked[name])

    for name in INPUTS:
        daemon.wait(lambda n=name: set(paths(lines(n))) >= documented(n), f"{name} asks for all")
    engine.api("POST", "/containers/late/rename?name=later")
    engine.stop("later")
    engine.remove("later")
    daemon.wait(lambda: daemon.sql("select 1 from container_info where container_id = ? and "
                                   "gone_at is not null", late), "it is seen to go")
    for name in INPUTS:
        assert set(paths(lines(name))) == documented(name)

    def counted():
        """Of what is asked for once and answered, each is counted under its kind."""
        metrics = daemon.metrics()
        for name, proxy in proxies.items():
            instance = "input.docker_stats:tcp" if name == "tcp" else f"input.{name}"
            plugin = "docker_stats" if name == "tcp" else name
            for kind in set(KINDS.values()):
                found = [value for (metric, labels), value in metrics.items()
                         if metric == f"tallyd_{plugin}_engine_calls_total"
                         and f'call="{kind}"' in labels and f'"{instance}"' in labels]
                asked_for = [path for path in paths(proxy.asked) if KINDS.get(path) == kind]
                assert sum(found) == len(asked_for), (name, kind)
        return True

    wait_for(counted, 30, "what is counted is what was asked")
    for name in INPUTS:
        for kind in {KINDS[path] for path in documented(name) if path in KINDS}:
            assert daemon.metric(f"tallyd_{name}_engine_seconds_total", call=kind) > 0
            assert daemon.metric(f"tallyd_{name}_engine_errors_total", call=kind) == 0


def listed():
    """docs/security.md: {path: its parameters}, and what its proxy lets through."""
    text = (ROOT / "docs/security.md").read_text()
    table = re.findall(r"^\| `GET (/[^`]*)` \|([^|]*)\|", text, re.M)
    pattern = re.search(r"path_reg (\S+) }", text)[1]
    return {path: set(re.findall(r"`([^`]+)`", params)) for path, params in table}, pattern


def used(line):
    """The path as it is listed, and the parameters, of a request's first line."""
    method, target, _ = line.split(" ")
    path, _, query = target.partition("?")
    path = re.sub(r"^/v1\.\d+/", "/", path)
    names = {part.partition("=")[0] for part in query.split("&") if part}
    return method, re.sub(r"^/(containers|images)/[0-9a-f]{64}/", r"/\1/{id}/", path), names


@pytest.mark.parametrize("source", ["api", "auto"])
def test_behind_a_proxy_that_allows_only_what_is_listed_everything_is_collected(
        engine, tallyd, source):
    paths_listed, pattern = listed()

    def allows(line):
        method, path, names = used(line)
        return (method == "GET" and names <= paths_listed.get(path, set())
                and path in paths_listed
                and re.search(pattern, line.split(" ")[1].partition("?")[0]) is not None)

    with tempfile.TemporaryDirectory(prefix="tallyd-", dir="/tmp") as folder:
        proxy = GuardingProxy(engine.socket, Path(folder) / "sock", allows)
        options = {"docker_stats": f"interval = 1s\nsource = {source}\n",
                   "docker_status": "interval = 2s\n", "docker_images": "interval = 2s\n",
                   "docker_logs": f"enabled = yes\nsource = {source}\n"}
        text = "".join(f"[input.{name}]\nendpoint = {proxy.endpoint}\n{of}"
                       for name, of in options.items())
        daemon = tallyd(text + STORED).start()
        container = engine.run("guarded", "echo a line; sleep 1000000")

        def rows(table, columns="1"):
            return daemon.sql(f"select {columns} from {table} where container_id = ?", container)

        for table in ("container_stats", "container_info", "container_events"):
            daemon.wait(lambda t=table: rows(t), f"{table} has it")
        daemon.wait(lambda: rows("container_logs", "message") == [("a line",)], "so has its log")
        daemon.wait(lambda: any('"guarded"' in used_by for used_by, in daemon.sql(
            "select used_by from docker_images")), "so has its image")
        assert not {key: value for key, value in daemon.metrics().items()
                    if key[0].endswith("_engine_errors_total") and value}
        engine.remove("guarded")
        daemon.wait(lambda: ("removed",) in rows("container_info", "state"), "it is seen to go")
        assert not proxy.denied
        asked = {used(line)[1] for line in proxy.asked}
        if source == "api":
            assert asked == set(paths_listed) - ONLY_IN_A_CONTAINER, "nothing is listed that is never asked"
        daemon.stop()
        proxy.close()


def test_a_container_that_is_removed_in_the_middle_of_a_poll_is_no_error(engine, proxies, tallyd):
    engine.run("stayer")
    daemon = tallyd(f"""
[input.docker_stats]
endpoint = {proxies["tcp"].endpoint}
interval = 2s
{STORED}""").start()
    for turn in range(2):
        # This engine answers at its next tick of a second, so that there is time to remove it.
        victim = engine.run(f"victim{turn}")
        daemon.wait(lambda v=victim: f"/containers/{v}/stats" in " ".join(proxies["tcp"].asked),
                    "its stats are asked for")
        engine.remove(victim)
        count = len(daemon.sql("select 1 from container_stats where name = 'stayer'"))
        daemon.wait(lambda c=count: len(daemon.sql(
            "select 1 from container_stats where name = 'stayer'")) > c, "the other goes on")
    assert daemon.metric("tallyd_gather_errors_total") == 0
    assert daemon.metric("tallyd_docker_stats_engine_errors_total") == 0
    assert " warning " not in daemon.log and " error " not in daemon.log
