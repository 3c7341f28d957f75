"""Images that go to and come from a registry, and what registries are asked when they may be."""

import json
import subprocess
import urllib.request

import pytest

from daemon import free_port
from fake_registry import DIGEST, TOKEN, FakeRegistry
from test_images import build, collect, image, image_id, versions  # noqa: F401 (a fixture)
from waiting import wait_for


@pytest.fixture(scope="module")
def registry(engine_process):
    """Debian's docker-registry; where it listens, for the engine and for us."""
    host = f"127.0.0.1:{free_port()}"
    engine_process.tell(f"registry {host.partition(':')[2]}")
    wait_for(lambda: urllib.request.urlopen(f"http://{host}/v2/").status == 200, 30)
    return host


@pytest.fixture
def fakes():
    made = []

    def make(mode, **options):
        made.append(FakeRegistry(mode, **options))
        return made[-1]

    yield make
    for fake in made:
        fake.close()


def checking(collect, engine, **options):
    """A daemon that asks registries often."""
    return collect(text="interval = 1s\ntimeout = 2s\nregistry_check = yes\n"
                   "registry_interval = 1s\n", **options)


def run(engine, name, reference):
    container = engine.create(name, "sleep 1000000", image=reference)
    engine.api("POST", f"/containers/{container}/start")
    return container


def digests(engine, image):
    return engine.api("GET", f"/images/{image}/json")["RepoDigests"]


def pushed(engine, reference, label):
    """A new image, also in the registry; its id and its digest."""
    made = build(engine, reference, label)
    engine.docker("push", reference)
    repository = reference.rpartition(":")[0]
    (digest,) = [d for d in digests(engine, made) if d.startswith(repository + "@")]
    return made, digest.partition("@")[2]


def says(daemon, image_id, reference=None):
    """What registries say of an image, by reference."""
    row = image(daemon, image_id, "registry")
    found = {s["reference"]: s for s in json.loads(row[0])} if row and row[0] else {}
    return found.get(reference, {}) if reference else found


def test_an_image_that_is_pushed_pulled_and_deleted_leaves_its_history(engine, collect, registry):
    daemon = collect()
    web = f"{registry}/shop/web:latest"
    old, old_digest = pushed(engine, web, "old")
    daemon.wait(lambda: image(daemon, old, "digests") ==
                (f'["{registry}/shop/web@{old_digest}"]',), "a push gives a digest")
    container = run(engine, "runner", web)
    new, new_digest = pushed(engine, web, "new")
    story = [("added", old, None), ("moved", new, old)]
    daemon.wait(lambda: versions(daemon, web) == story, "it is tagged over")
    engine.docker("image", "rm", web)
    story.append(("removed", None, new))
    daemon.wait(lambda: versions(daemon, web) == story, "it is untagged")
    daemon.wait(lambda: image(daemon, new, "gone_at")[0], "and with that deleted")
    assert image(daemon, old, "outdated, gone_at") == (1, None)
    engine.docker("pull", web)
    story.append(("added", new, None))
    daemon.wait(lambda: versions(daemon, web) == story, "it is pulled")
    told = daemon.sql("select digest from image_versions where reference = ? order by time", web)
    assert told[0] in ((None,), (old_digest,)), "a tag comes before its push"
    assert told[3] == (new_digest,)
    daemon.wait(lambda: image(daemon, new, "gone_at, dangling") == (None, 0), "it is back")
    # Outdated since its reference left it first, however it moved on.
    moved = daemon.sql("select time from image_versions where change = 'moved' and reference = ?", web)
    daemon.wait(lambda: image(daemon, old, "outdated_since, containers") == (*moved[0], 1), "since")
    engine.remove(container)
    engine.docker("image", "rm", old)
    daemon.wait(lambda: image(daemon, old, "gone_at")[0], "it is deleted")
    assert versions(daemon, web) == story
    assert image(daemon, new, "registry, update_available, registry_checked_at") == (None,) * 3


def test_an_update_in_the_registry_is_seen_and_gone_when_it_is_pulled(engine, collect, registry):
    web, own = f"{registry}/site:latest", "own:latest"
    old, old_digest = pushed(engine, web, "one")
    build(engine, own, "unpushed")
    run(engine, "site", web)
    run(engine, "own", own)
    daemon = checking(collect, engine)
    daemon.wait(lambda: image(daemon, old, "update_available") == (0,), "it is the newest")
    found = says(daemon, old, web)
    assert (found["digest"], found["current"], found["problem"]) == (old_digest, True, None)
    assert image(daemon, old, "registry_checked_at")[0] > 0
    new, new_digest = pushed(engine, web, "two")
    engine.api("POST", f"/images/{old}/tag?repo={registry}/site&tag=latest")
    daemon.wait(lambda: image(daemon, old, "update_available, outdated") == (1, 0), "there is a newer")
    assert says(daemon, old, web)["digest"] == new_digest
    engine.docker("pull", web)
    daemon.wait(lambda: image(daemon, new, "update_available") == (0,), "what was pulled is newest")
    daemon.wait(lambda: image(daemon, old, "update_available, outdated") == (1, 1),
                "the container still runs the old one")
    engine.docker("image", "rm", "-f", own)
    daemon.wait(lambda: daemon.metric("tallyd_docker_images_registry_calls_total") > 3, "it asks on")


def test_a_tag_that_a_registry_does_not_have_is_no_update(engine, collect, registry):
    made, _ = pushed(engine, f"{registry}/mine:1", "pushed")
    mine = f"{registry}/mine:2"
    engine.api("POST", f"/images/{made}/tag?repo={registry}/mine&tag=2")
    run(engine, "mine", mine)
    daemon = checking(collect, engine)
    daemon.wait(lambda: says(daemon, made, mine).get("problem") == "no such tag", "it is not there")
    assert image(daemon, made, "update_available") == (None,)
    assert " warning " not in daemon.log


def in_use(engine, fake, name, repository="box"):
    """An image that the engine knows to be of the fake registry, and a container of it: for the
    engine, in its own network, a real registry is at that address."""
    reference = f"{fake.host}/{repository}:1"
    made = build(engine, reference, name)
    if not fake.mirrored:
        engine.tell(f"registry {fake.host.partition(':')[2]} inside")
        fake.mirrored = True

    def push():
        try:
            return engine.docker("push", reference)
        except subprocess.CalledProcessError:
            return None  # it has not started yet

    wait_for(push, 30, "the image is pushed")
    run(engine, name, reference)
    return made, reference


def test_a_token_is_fetched_and_shown_to_nobody(engine, collect, fakes):
    fake = fakes("token")
    made, reference = in_use(engine, fake, "tokened")
    daemon = checking(collect, engine)
    daemon.wait(lambda: says(daemon, made, reference).get("digest") == DIGEST, "it has the digest")
    assert says(daemon, made, reference)["current"] is False, "ours is another"
    assert [x[1:] for x in fake.asked[:3]] == [
        ("HEAD", "/v2/box/manifests/1"),
        ("GET", "/token?service=fake%20%22registry%22&scope=repository:box:pull"),
        ("HEAD", "/v2/box/manifests/1")]
    daemon.hup()
    assert TOKEN not in daemon.log
    assert TOKEN not in daemon.get("/metrics").body.decode()
    assert TOKEN.encode() not in daemon.db_path.read_bytes()


def test_a_registry_that_limits_us_is_left_alone_for_as_long_as_it_says(engine, collect, fakes):
    fake = fakes("limited")
    made, reference = in_use(engine, fake, "limited")
    daemon = checking(collect, engine)
    daemon.wait(lambda: says(daemon, made, reference).get("digest") == DIGEST, "it answers again")
    assert fake.asked[1][0] - fake.asked[0][0] >= 2
    assert daemon.log.count("too many requests; next attempt in 2 s") == 1
    assert daemon.log.count(f"registry {fake.host}: answers again") == 1


def test_what_a_hostile_registry_says_is_not_believed(engine, collect, fakes):
    elsewhere = fakes("good")
    expected = {
        "away": "redirected, and redirects are not followed",
        "undigested": "no digest in its answer",
        "misdigested": "no digest in its answer",
        "realm": "its challenge names no usable token server",
        "login": "the registry requires a login",
        "endless": "the answer is too long",
        "tokenless": "the answer is too long",
        "silent": "no answer in time",
    }
    asked = {mode: in_use(engine, fakes(mode, elsewhere=elsewhere.host), mode) for mode in expected}
    daemon = checking(collect, engine)

    def all_told():
        found = {m: says(daemon, *asked[m]).get("problem") for m in expected}
        assert found == expected
        return True

    daemon.wait(all_told, "each has its problem", 60)
    for mode, (made, reference) in asked.items():
        assert says(daemon, made, reference)["digest"] is None, mode
        assert image(daemon, made, "update_available") == (None,), mode
    assert not elsewhere.asked
    assert daemon.metric("tallyd_docker_images_registry_errors_total") >= len(expected)
    assert daemon.rss < (400 << 20)


def test_no_registry_is_asked_unless_it_is_wanted(engine, collect, fakes):
    fake = fakes("good")
    made, _ = in_use(engine, fake, "unasked")
    daemon = collect(text="interval = 1s\n")
    looked = daemon.metric("tallyd_docker_images_engine_calls_total", call="images")
    daemon.wait(lambda: daemon.metric("tallyd_docker_images_engine_calls_total", call="images")
                > looked, "it looks on")
    assert not fake.asked
    assert image(daemon, made, "registry") == (None,)


def test_images_that_no_registry_knows_are_asked_for_nowhere(engine, collect, fakes):
    fake = fakes("good")
    pulled, reference = in_use(engine, fake, "known")
    # Built here, and a name of our own for what came from there.
    own = build(engine, f"{fake.host}/built/here:1", "own")
    run(engine, "built", f"{fake.host}/built/here:1")
    engine.api("POST", f"/images/{pulled}/tag?repo={fake.host}/named/here&tag=1")
    run(engine, "named", f"{fake.host}/named/here:1")
    daemon = checking(collect, engine)
    daemon.wait(lambda: says(daemon, pulled, reference).get("digest") == DIGEST, "it is asked for")
    asked = len(fake.asked)
    daemon.wait(lambda: len(fake.asked) > asked + 1, "and again")
    assert {path for _, _, path in fake.asked} == {"/v2/box/manifests/1"}
    assert says(daemon, own) == {}
    assert image(daemon, own, "update_available") == (None,)


def test_a_repository_that_fails_does_not_starve_the_others(engine, collect, fakes):
    fake = fakes("partly")
    failing = {status: in_use(engine, fake, f"box{status}", f"box-{status}")
               for status in (200, 405, 429, 500)}
    # Before and behind them, by name.
    good = [in_use(engine, fake, name, name) for name in ("a-good-one", "z-good-one")]
    daemon = checking(collect, engine)
    for made, reference in good:
        daemon.wait(lambda: says(daemon, made, reference).get("digest") == DIGEST, "it is asked for")
    calls = len([path for _, _, path in fake.asked if "good" in path])
    daemon.wait(lambda: len([path for _, _, path in fake.asked if "good" in path]) > calls + 3,
                "and again and again")
    expected = {200: "no digest in its answer", 405: "HTTP 405", 429: "too many requests",
                500: "HTTP 500"}
    daemon.wait(lambda: {status: says(daemon, *of).get("problem") for status, of in failing.items()}
                == expected, "each of the others has its problem")
    assert daemon.log.count("box-500:1: no digest from its registry: HTTP 500") == 1


def test_the_daemon_stops_at_once_while_a_registry_is_silent(engine, collect, fakes):
    fake = fakes("silent")
    in_use(engine, fake, "stopper")
    daemon = collect(text="interval = 1s\ntimeout = 5min\nregistry_check = yes\n")
    wait_for(lambda: fake.asked, 30, "it is asked")
    daemon.stop(20)
