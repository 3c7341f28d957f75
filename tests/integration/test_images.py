"""Which reference points to which image from when on, and who runs what."""

import json
import time

import pytest

from daemon import STORED
from engine import IMAGE, busybox_tree
from waiting import wait_for


@pytest.fixture
def collect(tallyd, engine):
    """Looks at everything once an hour, so that whatever is seen came by an event."""
    def make(text="interval = 1h\n", **options):
        daemon = tallyd(f"""
[input.docker_images]
{text}endpoint = {engine.endpoint}
{STORED}""", **options).start()
        daemon.wait(lambda: versions(daemon, IMAGE), "all was looked at")
        return daemon

    yield make
    engine.remove_all()
    tags = [t for i in engine.api("GET", "/images/json") for t in i["RepoTags"] or []]
    for tag in tags:
        if tag not in (IMAGE, "<none>:<none>"):
            engine.docker("image", "rm", "-f", tag)
    engine.docker("image", "prune", "-f")


def versions(daemon, reference):
    return daemon.sql("select change, image_id, previous_image_id from image_versions "
                      "where reference = ? order by time", reference)


def image(daemon, image_id, columns):
    rows = daemon.sql(f"select {columns} from docker_images where image_id = ?", image_id)
    return rows[0] if rows else None


def build(engine, reference, label):
    """A new image, made of the one that there is; returns its id."""
    name, _, tag = reference.rpartition(":")
    container = engine.create(f"maker{time.monotonic_ns()}", "true")
    made = engine.api("POST", f"/commit?container={container}&repo={name}&tag={tag}"
                      f"&changes=LABEL%20of={label}")
    engine.remove(container)
    return made["Id"]


def image_id(engine, reference):
    return engine.api("GET", f"/images/{reference}/json")["Id"]


def soon(daemon, reference, *wanted):
    begun = time.monotonic()
    wait_for(lambda: versions(daemon, reference) == list(wanted), 20,
             f"{reference} has the story {wanted}, not {versions(daemon, reference)}")
    took = time.monotonic() - begun
    assert took < 4, f"it took {took:.2f} s"


def test_a_tag_that_moves_leaves_its_containers_outdated(engine, collect):
    daemon = collect()
    old = build(engine, "web:latest", "old")
    soon(daemon, "web:latest", ("added", old, None))
    container = engine.create("runner", "sleep 1000000", image="web:latest")
    engine.api("POST", f"/containers/{container}/start")
    new = build(engine, "web:latest", "new")
    soon(daemon, "web:latest", ("added", old, None), ("moved", new, old))
    daemon.wait(lambda: image(daemon, old, "containers, outdated, dangling") == (1, 1, 1),
                "its container is outdated")
    moved = daemon.sql("select max(time) from image_versions where reference = 'web:latest'")
    assert image(daemon, old, "outdated_since") == moved[0]
    (user,) = json.loads(image(daemon, old, "used_by")[0])
    assert user["container_id"] == container
    assert (user["name"], user["reference"], user["outdated"]) == ("runner", "web:latest", True)
    assert image(daemon, new, "containers, outdated, tags") == (0, 0, '["web:latest"]')
    engine.api("POST", f"/images/{old}/tag?repo=web&tag=latest")
    daemon.wait(lambda: image(daemon, old, "outdated, outdated_since") == (0, None),
                "it is not, when the tag is back")


def test_tags_that_come_and_go_are_recorded(engine, collect):
    daemon = collect()
    base = image_id(engine, IMAGE)
    engine.api("POST", f"/images/{IMAGE}/tag?repo=alias&tag=1")
    soon(daemon, "alias:1", ("added", base, None))
    engine.docker("image", "rm", "alias:1")
    soon(daemon, "alias:1", ("added", base, None), ("removed", None, base))
    assert len(versions(daemon, IMAGE)) == 1


def test_an_image_that_is_deleted_is_gone_and_one_that_is_imported_there(engine, collect):
    daemon = collect()
    engine.api("POST", "/images/create?fromSrc=-&repo=fresh&tag=1", busybox_tree())
    fresh = image_id(engine, "fresh:1")
    soon(daemon, "fresh:1", ("added", fresh, None))
    daemon.wait(lambda: image(daemon, fresh, "tags, gone_at") == ('["fresh:1"]', None), "it is there")
    assert image(daemon, fresh, "size_bytes > 100000") == (1,)
    engine.docker("image", "rm", "fresh:1")
    soon(daemon, "fresh:1", ("added", fresh, None), ("removed", None, fresh))
    daemon.wait(lambda: image(daemon, fresh, "gone_at")[0] is not None, "it is gone")


@pytest.mark.parametrize("crash", [False, True])
def test_what_moved_while_the_daemon_was_down_is_recorded_once(engine, collect, crash):
    first = collect()
    old = build(engine, "late:latest", "old")
    soon(first, "late:latest", ("added", old, None))
    positions = first.state_dir / "positions"
    first.wait(lambda: positions.exists() and "late:latest" in positions.read_text(),
               "its position is on disk")
    if crash:
        first.kill9()
    else:
        first.stop()
    new = build(engine, "late:latest", "new")
    engine.docker("image", "rm", old)
    second = collect(state_dir=first.state_dir)
    story = [("added", old, None), ("moved", new, old)]
    soon(second, "late:latest", *story)
    assert len(versions(second, IMAGE)) == 1
    second.wait(lambda: image(second, old, "gone_at")[0] is not None, "the old one is gone")
    second.stop()
    third = collect(state_dir=first.state_dir)
    third.wait(lambda: third.metric("tallyd_docker_images_engine_calls_total", call="images") > 0,
               "it has looked")
    soon(third, "late:latest", *story)


def test_an_engine_that_restarts_changes_nothing(engine, collect):
    daemon = collect()
    count = daemon.sql("select count(*) from image_versions")
    mark = len(daemon.log)
    engine.tell("stop")
    daemon.says(engine.socket, after=mark)
    engine.tell("start")
    daemon.says("followed again", 60, after=mark)
    engine.api("POST", f"/images/{IMAGE}/tag?repo=after&tag=1")
    soon(daemon, "after:1", ("added", image_id(engine, IMAGE), None))
    assert daemon.sql("select count(*) from image_versions where reference != 'after:1'") == count
