"""What changes about a service of a real engine is a row of container_changes, once, also over
restarts of the daemon."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from daemon import STORED

SECRET = "hunter2-never-stored"
LABELS = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}


def sections(engine):
    return f"""
[input.docker_status]
interval = 1s
endpoint = {engine.endpoint}
{STORED}"""


class Watch:
    def __init__(self, tallyd, engine):
        self.make = lambda **options: tallyd(sections(engine), **options).start()
        self.daemon = self.make()

    def restart(self, crash=False):
        """kill -9, or an end."""
        first = self.daemon
        if crash:
            first.kill9()
        else:
            first.stop()
        self.daemon = self.make(state_dir=first.state_dir)

    def knows(self, container):
        path = self.daemon.state_dir / "input.docker_status.changes"
        self.daemon.wait(lambda: path.exists() and container in path.read_text(), "it is known")

    def rows(self, service="shop/web"):
        names = ("time", "kind", "container_id", "before", "after", "old_container_id", "image_id",
                 "old_image_id", "name")
        if not self.daemon.sql("select 1 from sqlite_master where name = 'container_changes'"):
            return []
        found = self.daemon.sql(f"select {', '.join(names)} from container_changes "
                                "where service is ? order by time, kind", service)
        rows = [dict(zip(names, row)) for row in found]
        for row in rows:
            row["before"], row["after"] = (json.loads(row[x] or "null") for x in ("before", "after"))
        return rows

    def soon(self, *kinds, service="shop/web", seconds=30):
        """All changes, once they are these."""
        found = []

        def told():
            found[:] = self.rows(service)
            return len(found) >= len(kinds)

        self.daemon.wait(told, f"{len(kinds)} changes are stored", seconds)
        assert [row["kind"] for row in found] == list(kinds), found
        return found


@pytest.fixture
def watch(tallyd, engine):
    return Watch(tallyd, engine)


def test_a_story_of_deployments_is_told_once(watch, engine):
    engine.docker("tag", "busybox:test", "web:1")
    first = engine.run("web-1", labels=LABELS, image="web:1", env={"MODE": "a", "TOKEN": SECRET},
                       Memory=64 << 20, MemorySwap=64 << 20)
    watch.knows(first)
    # A new image, while the daemon is down.
    watch.restart()
    watch.daemon.stop()
    engine.api("POST", "/commit?container=web-1&repo=web&tag=2")
    engine.remove("web-1")
    second = engine.run("web-1", labels=LABELS, image="web:2", env={"MODE": "a", "TOKEN": SECRET},
                        Memory=64 << 20, MemorySwap=64 << 20)
    watch.daemon.start()
    image, = watch.soon("image")
    assert image["before"]["image"] == "web:1" and image["after"]["image"] == "web:2"
    assert (image["old_container_id"], image["container_id"]) == (first, second)
    assert image["image_id"] != image["old_image_id"] and image["image_id"].startswith("sha256:")
    # Limits of the same container.
    engine.api("POST", f"/containers/{second}/update", {"Memory": 32 << 20, "MemorySwap": 32 << 20})
    limits = watch.soon("image", "limits")[-1]
    assert limits["before"]["memory"] == 64 << 20 and limits["after"]["memory"] == 32 << 20
    assert limits["container_id"] == limits["old_container_id"] == second
    # A crash of the daemon repeats nothing.
    watch.restart(crash=True)
    # Another environment, command and mount at once.
    engine.remove("web-1")
    third = engine.run("web-1", "sleep 999999", labels=LABELS, image="web:2",
                       env={"MODE": "b", "NEW": "1"}, Memory=32 << 20, MemorySwap=32 << 20,
                       Binds=["/tmp:/data:ro"])
    rows = watch.soon("image", "limits", "config", "env_names", "mounts")[2:]
    by_kind = {row["kind"]: row for row in rows}
    assert set(by_kind["env_names"]["before"]) == {"MODE"}  # the image has TOKEN by now
    assert set(by_kind["env_names"]["after"]) == {"MODE", "NEW"}
    assert by_kind["config"]["after"]["command"] == ["sh", "-c", "sleep 999999"]
    assert by_kind["mounts"]["after"] == {"/data": "bind:/tmp:ro"}
    assert len({row["time"] for row in rows}) == 1 and {row["container_id"] for row in rows} == {third}
    # Started again; killed for its memory.
    engine.api("POST", f"/containers/{third}/restart?t=0")
    restart = watch.soon("image", "limits", "config", "env_names", "mounts", "restart")[-1]
    assert restart["before"]["started_at"] < restart["after"]["started_at"]
    # The same again under another id.
    engine.remove("web-1")
    fourth = engine.run("web-1", "sleep 999999", labels=LABELS, image="web:2",
                        env={"MODE": "b", "NEW": "1"}, Memory=32 << 20, MemorySwap=32 << 20,
                        Binds=["/tmp:/data:ro"])
    again = watch.soon("image", "limits", "config", "env_names", "mounts", "restart", "restart")[-1]
    assert again["after"] == {"container_id": fourth}
    watch.restart()
    watch.restart(crash=True)
    assert len(watch.rows()) == 7
    # Nothing of the values is anywhere.
    watch.daemon.stop()
    for path in watch.daemon.state_dir.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    assert SECRET not in watch.daemon.log


def test_memory_health_and_number_are_changes(watch, engine):
    sick = {"Test": ["CMD-SHELL", "test -e /tmp/well"], "Interval": 200_000_000, "Retries": 1}
    container = engine.api("POST", "/containers/create?name=solo", {
        "Image": "busybox:test", "Cmd": ["sh", "-c", "touch /tmp/well; sleep 1000000"],
        "Healthcheck": sick, "HostConfig": {"NetworkMode": "none"}})["Id"]
    engine.api("POST", f"/containers/{container}/start")
    watch.daemon.wait(lambda: watch.daemon.containers().get("solo", {}).get("health") == "healthy",
                      "it is well")
    engine.docker("exec", "solo", "rm", "/tmp/well")
    row = watch.soon("health", service="solo")[0]
    assert row["before"] == {"health": "healthy"} and row["after"] == {"health": "unhealthy"}
    engine.docker("exec", "solo", "touch", "/tmp/well")
    watch.soon("health", "health", service="solo")
    full = engine.run("full", "a=x; while true; do a=$a$a; done", Memory=16 << 20, MemorySwap=16 << 20)
    row = watch.soon("oom", service="full")[0]
    assert row["container_id"] == full and row["after"] == {"oom": True}
    # Settled for ten seconds: once, with the time at which it began.
    stopped = watch.daemon.sql("select max(time) from container_changes")[0][0]
    watch.knows('"count":1')
    engine.stop("solo")
    rows = watch.soon("health", "health", "scaled", service="solo", seconds=60)
    assert rows[-1]["before"] == {"containers": 1} and rows[-1]["after"] == {"containers": 0}
    assert rows[-1]["time"] >= stopped


def test_a_network_that_is_joined_is_a_change_at_once(watch, engine):
    engine.docker("network", "create", "--internal", "side")
    try:
        container = engine.run("joins", NetworkMode="bridge")
        watch.knows(container)
        engine.docker("network", "connect", "side", "joins")
        row = watch.soon("network", service="joins")[0]
        assert "side" in json.dumps(row["after"]) and "side" not in json.dumps(row["before"])
        engine.docker("network", "disconnect", "side", "joins")
        row = watch.soon("network", "network", service="joins")[-1]
        assert "side" in json.dumps(row["before"]) and row["container_id"] == container
    finally:
        engine.remove_all()
        engine.docker("network", "rm", "side")


CALM = "while true; do echo level=info served 12 requests; sleep 0.5; done"
LEAKS = "while true; do head -c 200000 /dev/zero >>/dev/shm/x; echo level=error cannot reach 10.0.0.7; sleep 0.5; done"
ERRORS = """
[alert.errors]
when = count(container_logs over 5s where level = error) > 3 by service

[input.effects]
window = 12s
kinds = image
interval = 1s

[alert.worse]
when = change_effects.verdict = worse over 24h by service
tell = summary
summary = a change made it worse
"""


class Deployments:
    """A service, whose images change, as the API and `tallyd diff` see it over 12 s windows."""

    def __init__(self, tallyd, engine):
        self.engine = engine
        inputs = "".join(f"[input.{name}]\ninterval = 1s\nendpoint = {engine.endpoint}\n" for name in ("docker_status", "docker_stats"))
        logs = f"[input.docker_logs]\nendpoint = {engine.endpoint}\n"
        self.daemon = tallyd(inputs + logs + STORED + ERRORS).start()
        for image, command in (("web:1", CALM), ("web:2", LEAKS)):
            base = engine.create("base", "true")
            name, tag = image.split(":")
            change = quote("CMD " + json.dumps(["sh", "-c", command]))
            engine.api("POST", f"/commit?container={base}&repo={name}&tag={tag}&changes={change}", {})
            engine.remove("base")

    def deploy(self, image):
        if image != "web:1" or self.daemon.sql("select 1 from container_info where name = 'web-1'"):
            self.engine.remove("web-1")
        return self.engine.run("web-1", None, image=image, labels=LABELS)

    def effect(self):
        """Of the newest change of the image; its metrics by name."""
        found = self.daemon.json("/api/v1/changes?service=shop/web&kind=image&limit=1")["data"]
        if not found:
            return None, {}
        answer = self.daemon.get(f"/api/v1/changes/{found[0]['id']}/effect?window=12s", headers={"Cache-Control": "no-cache"}).json
        return answer, {metric["name"]: metric for metric in answer["metrics"]}

    def told(self, verdict, state):
        effect, metrics = self.effect()
        return (effect and all(metrics[name]["verdict"] == verdict for name in ("memory_growth", "lines_error"))
                and metrics["memory"]["after"]["n"] >= 8
                and [pattern for pattern in effect["patterns"][state] if pattern["template"].startswith("level=error cannot reach")])

    def says(self, *lines):
        text = self.daemon.call("diff", "shop/web", "--window", "12s").stdout
        return all(any(line.startswith(wanted) for line in text.splitlines()) for wanted in lines)

    def alerts(self, rule="errors"):
        return [state for state, in self.daemon.sql("select state from alerts where rule = ? order by time", rule)]

    def judged(self):
        """What alerts and lists say of the images' changes, in order."""
        told = [text for text, in self.daemon.sql("select summary from alerts where rule = 'worse' order by time")]
        rows = self.daemon.json("/api/v1/tables/change_effects")["data"]
        return told, sorted(rows, key=lambda row: row["time"])


def test_a_deployment_that_leaks_is_told_and_so_is_its_rollback(tallyd, engine):
    shop = Deployments(tallyd, engine)
    shop.deploy("web:1")
    shop.daemon.wait(lambda: shop.daemon.sql("select count(*) from container_stats where name = 'web-1'")[0][0] > 13, "it ran a while")
    shop.deploy("web:2")
    shop.daemon.wait(lambda: shop.told("worse", "new"), "what it did is told", 120)
    shop.daemon.wait(lambda: shop.says("  image web:1 → web:2", "worse   memory grows by ", "worse   error lines 0/min → ", "new in its log:"),
                     "so it is in words")
    shop.daemon.wait(lambda: shop.alerts() == ["firing"], "the alert fires")
    shop.daemon.wait(lambda: shop.alerts("worse") == ["firing"], "so does the one on what the change did", 60)
    shop.deploy("web:1")
    shop.daemon.wait(lambda: shop.told("better", "vanished"), "the opposite is told", 120)
    shop.daemon.wait(lambda: shop.says("  image web:2 → web:1", "better  memory grows by ", "better  error lines ", "no longer in its log:"),
                     "so it is in words")
    shop.daemon.wait(lambda: shop.alerts() == ["firing", "resolved"], "the alert is over, and fired once")
    shop.daemon.wait(lambda: shop.alerts("worse") == ["firing", "resolved"], "so is the one on what the change did", 60)
    told, rows = shop.judged()
    assert told[0].startswith("shop/web: a change made it worse: image web:1 → web:2: worse (") and "memory_growth " in told[0]
    assert "lines_error 0/min → " in told[0] and told[1].startswith("shop/web: a change made it worse is over: image web:2 → web:1: better (")
    assert [(row["verdict"], row["window"], row["service"]) for row in rows] == [("worse", 12, "shop/web"), ("better", 12, "shop/web")]
    assert rows[0]["measures"]["lines_error"]["verdict"] == "worse" and rows[0]["measures"]["lines_error"]["before"] == 0
    changes = {row["id"] for row in shop.daemon.json("/api/v1/changes?kind=image")["data"]}
    assert {row["change"] for row in rows} == changes and shop.daemon.metric("tallyd_effects_judged_total") == len(rows)


def test_another_engine_or_kernel_and_a_reboot_are_changes_of_the_host(tallyd, fake_engine):
    """A clock that is set is no reboot; a reboot is one, also between two starts of the daemon."""
    boot = int(Path("/proc/stat").read_text().partition("btime ")[2].split()[0])

    def hosts():
        return daemon.json(f"/api/v1/changes?kind=host&from={boot - 60}")["data"]

    def differing():
        return sorted(name for row in hosts() for name in row["after"] if row["before"][name] != row["after"][name])

    fake_engine.version["KernelVersion"] = "5.10.0"
    daemon = tallyd(sections(fake_engine)).start()
    path = daemon.state_dir / "input.docker_status.changes"
    daemon.wait(lambda: "5.10.0" in path.read_text(), "the host is known")
    daemon.stop()
    state = json.loads(path.read_text())
    state["host"]["boot"] -= 7200  # as if the clock had been set
    path.write_text(json.dumps(state))
    fake_engine.version["Version"] = "26.1.5"
    daemon.start()
    daemon.wait(lambda: differing() == ["engine"], "the engine was upgraded")
    fake_engine.mode = "broken"
    daemon.says("the connection was cut")
    fake_engine.version["KernelVersion"] = "6.1.0"
    fake_engine.mode = "good"
    daemon.wait(lambda: differing() == ["engine", "kernel"], "so was the kernel")
    daemon.stop()
    state = json.loads(path.read_text())
    state["boot_id"] = "that before"
    path.write_text(json.dumps(state))
    daemon.start()
    daemon.wait(lambda: differing() == ["boot", "engine", "kernel"], "the machine was booted")
    booted = min(hosts(), key=lambda row: row["time"])
    assert abs(booted["after"]["boot"] - boot) <= 1 and booted["before"]["boot"] < boot - 7000


def test_marks_are_rows_also_those_set_while_nobody_ran(tallyd):
    text = f"[input.markers]\ninterval = 100ms\n{STORED}"
    daemon = tallyd(text)
    early = daemon.call("mark", "too early")
    assert early.returncode == 1 and "[input.markers]" in early.stderr
    daemon.start()
    assert daemon.call("mark", "deploy 1.2.3", "--service", "shop/web").returncode == 0

    def markers():
        rows = daemon.json("/api/v1/changes?kind=mark&order=asc")["data"]
        return [(row["service"], row["after"]["text"], row["project"]) for row in rows]

    daemon.wait(lambda: markers() == [("shop/web", "deploy 1.2.3", "shop")], "the mark is there")
    folder = daemon.state_dir / "markers"
    assert folder.stat().st_mode & 0o777 == 0o700 and not list(folder.iterdir())
    (folder / "x.mark").write_text("{}")
    (folder / "y.mark").symlink_to("/etc/passwd")
    daemon.wait(lambda: daemon.metric("tallyd_markers_invalid_total") == 2, "what is no mark is counted")
    daemon.stop()
    assert daemon.call("mark", 'quote " and \u00e9').returncode == 0
    assert daemon.call("mark", "").returncode == 2
    daemon.start()
    daemon.wait(lambda: markers()[1:] == [(None, 'quote " and \u00e9', None)], "so is the other")
    assert not list(folder.iterdir())
