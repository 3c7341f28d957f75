"""The dashboard as people use it: a real browser, a real daemon, real containers."""

import json
import re

import pytest
from browser import Browser
from dashboard import DIST, axe, npm, workshop
from daemon import STORED
from pg import Postgres
from waiting import wait_for

FILES = ["dashboard.css", "dashboard.js", "icon.svg", "index.html"]
LIMIT = 200 * 1024

SECTIONS = """
[input.docker_stats]
interval = 1s
endpoint = {engine}
[input.docker_status]
interval = 2s
endpoint = {engine}
[input.docker_logs]
endpoint = {engine}
[input.docker_images]
endpoint = {engine}
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("browser")) as shown:
        yield shown


@pytest.fixture
def page(browser, tallyd, engine):
    """page(hash) shows a page of the dashboard of a daemon that collects from the engine."""
    daemon = tallyd(SECTIONS.replace("{engine}", engine.endpoint) + STORED).start()

    def show(hash=""):  # pylint: disable=redefined-builtin
        browser.console.clear()
        browser.open("about:blank")
        browser.open(f"{daemon.url}/{hash}")
        return browser

    show.daemon = daemon
    show.engine = engine
    show.browser = browser
    browser.requests.clear()
    browser.size(1440, 900)
    yield show
    own = (daemon.url, "about:", "data:", "blob:")
    assert not [url for url in browser.requests if not url.startswith(own)], "something of another origin"
    browser.open("about:blank")


def quiet(browser):
    """No error was told, nor was anything refused by the page's policy."""
    assert not browser.console, browser.console


def cells(browser, name):
    """Of the row of a container, by column."""
    return browser.run(f"""(() => {{
        const link = [...document.querySelectorAll(".grid a")].find((a) => a.textContent === {json.dumps(name)});
        if (!link) return null;
        return Object.fromEntries([...link.closest("tr").cells].map((c) => [c.className.split(" ")[0].slice(2), c.innerText.trim()]));
    }})()""")


def cell(browser, name, column, text):
    wait_for(lambda: text in ((cells(browser, name) or {}).get(column) or ""), 40, f"{name}: {column} is {text}")


# ---- What is served

def test_what_is_committed_is_what_npm_builds_of_the_sources(tmp_path):
    folder = workshop()
    npm(folder, "run", "check")
    npm(folder, "run", "build", "--", str(tmp_path))
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (DIST / name).read_bytes(), (
            f"dist/{name} is not what src/ gives: run `npm ci && npm run build` in {DIST.parent}")
    assert sorted(path.name for path in DIST.iterdir()) == FILES


def test_the_files_are_small_typed_validated_and_the_only_ones(tallyd):
    daemon = tallyd(STORED).start()
    total = 0
    types = {"/": "text/html", "/assets/dashboard.js": "text/javascript", "/assets/dashboard.css": "text/css",
             "/assets/icon.svg": "image/svg+xml"}
    for path, media in types.items():
        answer = daemon.get(path, headers={"Accept-Encoding": "gzip"})
        assert answer.status == 200 and answer.headers["Content-Type"].startswith(media), path
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        total += int(answer.headers["Content-Length"])
        again = daemon.get(path, headers={"If-None-Match": answer.headers["ETag"], "Accept-Encoding": "gzip"})
        assert again.status == 304, path
        name = path.rpartition("/")[2] or "index.html"
        assert daemon.get(path).body == (DIST / name).read_bytes()
    assert total <= LIMIT
    for path in ("/assets/", "/assets/dashboard.js/", "/assets/../tallyd.conf", "/assets/%2e%2e/tallyd.conf",
                 "/assets/..%2f..%2fetc%2fpasswd", "//etc/passwd", "/dashboard.js", "/assets/dashboard.js%00.css"):
        assert daemon.get(path).status in (400, 404), path
    policy = daemon.get("/").headers["Content-Security-Policy"]
    assert re.search(r"script-src 'self'(;|$)", policy) and "default-src 'none'" in policy
    assert "unsafe" not in policy and "*" not in policy and "http" not in policy


# ---- Containers

def test_the_table_shows_what_the_api_says_and_what_happens(page):
    page.engine.run("web", "while :; do :; done", NanoCpus=200_000_000, Memory=64 << 20,
                    labels={"com.docker.compose.project": "shop", "com.docker.compose.service": "web"})
    page.engine.run("idle")
    browser = page()
    cell(browser, "web", "cpu", "%")
    browser.shows("shop", ".group")
    cell(browser, "web", "mem", "64 MiB")
    shown = cells(browser, "web")
    stored = page.daemon.containers()["web"]
    assert shown["image"] == stored["image"] and shown["state"] == stored["state"]

    def about_the_same():  # a fifth of a core; both change each second
        said = next(row for row in page.daemon.json("/api/v1/stats/latest")["data"] if row["name"] == "web")
        values = (cells(browser, "web")["cpu"].split()[0], said["cpu_percent"])
        return values[1] and abs(float(values[0]) - values[1]) < 6

    wait_for(about_the_same, 40, "the CPU that is shown is what the API says")
    # Live: a container that is made, one that ends, one that is removed.
    page.engine.run("late")
    cell(browser, "late", "state", "running")
    page.engine.stop("idle")
    cell(browser, "idle", "state", "exited")
    page.engine.remove("idle")
    wait_for(lambda: cells(browser, "idle") is None, 40, "the row is gone")
    quiet(browser)


def test_the_table_is_filtered_sorted_and_grouped_and_the_address_says_so(page):
    for i in range(3):
        page.engine.run(f"a{i}", labels={"tier": "one"})
    page.engine.run("other")
    browser = page("#/containers?group=none")
    cell(browser, "a2", "state", "running")
    browser.press("/")
    browser.type("label:tier=one")
    wait_for(lambda: cells(browser, "other") is None and cells(browser, "a0"), 20, "the filter is heeded")
    names = "[...document.querySelectorAll('.grid tbody a')].map((a) => a.textContent)"
    assert browser.run(names) == ["a0", "a1", "a2"]
    browser.click(".grid thead .c-name button")
    wait_for(lambda: browser.run(names) == ["a2", "a1", "a0"], 20, "it is sorted the other way")
    address = browser.run("location.hash")
    assert "sort=-name" in address and "tier" in address
    again = page(address)
    wait_for(lambda: again.run(names) == ["a2", "a1", "a0"], 40, "the address shows the same")
    # By keyboard alone: out of the field, down one row, open it, and back.
    browser.press("Escape", "j", "j", "Enter")
    browser.shows("a1", "h1")
    browser.run("history.back()")
    wait_for(lambda: browser.run(names) == ["a2", "a1", "a0"], 20, "back")
    quiet(browser)


# ---- One container

def test_charts_show_the_history_and_zoom_by_dragging(page):
    page.engine.run("web", "i=0; while :; do i=$((i+1)); echo line $i; sleep 1; done")
    page.daemon.wait(lambda: (page.daemon.containers().get("web") or {}).get("stats"), "there are readings")
    browser = page("#/container/web?from=now-15m")
    browser.wait("document.querySelectorAll('.chart canvas').length >= 2", "there are charts")
    browser.shows("line ", ".lines")
    browser.shows("busybox", ".facts")
    browser.drag("#chart-cpu .u-over", 0.25, 0.75)
    browser.wait("/from=\\d{4}-/.test(location.hash) && /to=\\d{4}-/.test(location.hash)", "the range is in the address")
    asked = [url for url in browser.requests if "/stats?" in url and "from=20" in url]
    wait_for(lambda: browser.run("1") and [u for u in browser.requests if "/web/stats?" in u and "from=20" in u], 20,
             f"the zoomed range is asked for {asked}")
    browser.run("history.back()")
    browser.wait("location.hash.includes('now-15m')", "back to the range before")
    browser.wait("document.querySelectorAll('.chart canvas').length >= 2", "and its charts")
    quiet(browser)


def test_a_deploy_is_marked_on_the_charts_and_the_log_is_that_of_the_service(page):
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    page.engine.run("web", "while :; do echo old; sleep 1; done", labels=labels)
    page.daemon.wait(lambda: page.daemon.json("/api/v1/logs?q=old")["data"], "the first one speaks")
    page.engine.api("POST", "/commit?container=web&repo=web&tag=2", {"Labels": {"version": "2"}})
    page.engine.remove("web")
    page.engine.run("web", "while :; do echo new; sleep 1; done", image="web:2", labels=labels)
    browser = page("#/container/web?from=now-15m")
    browser.wait("document.querySelector('.marks .look')?.dataset.text.includes('image changed: busybox:test')", "the deploy is marked")
    assert "→ web:2" in browser.run("document.querySelector('.marks .look').dataset.text")
    browser.shows("busybox:test", ".facts")
    browser.run("[...document.querySelectorAll('.beside a')].find((a) => a.textContent === 'of the service').click()")
    browser.shows("old", ".lines")
    browser.shows("new", ".lines")
    last = "[...document.querySelectorAll('.line .text')].filter((e) => e.innerText === 'new').length"
    before = browser.run(last)
    browser.wait(f"{last} > {before}", "and lines of the new one arrive")
    browser = page("#/changes")
    browser.shows("→ web:2", "main table")
    assert "shop/web" in browser.text("main table")
    quiet(browser)


# ---- Logs

def test_logs_join_what_is_stored_and_what_arrives_and_are_searched(page):
    page.engine.run("talker", "i=0; while :; do i=$((i+1)); echo '{\"level\":\"error\",\"msg\":\"refused\",\"order\":'$i'}'; "
                    "echo plain $i; sleep 0.3; done")
    page.daemon.wait(lambda: page.daemon.json("/api/v1/logs?q=order")["data"], "lines are stored")
    browser = page("#/logs")
    browser.shows("refused", ".lines")
    browser.shows("plain", ".lines")
    count = "[...document.querySelectorAll('.line .text')].filter((e) => e.innerText.startsWith('plain')).map((e) => Number(e.innerText.slice(6)))"
    first = browser.run(count)
    wait_for(lambda: browser.run(count)[-1] > first[-1] + 2, 30, "lines arrive")

    def each_once():
        seen = browser.run(count)
        return seen == list(range(seen[0], seen[0] + len(seen)))

    wait_for(each_once, 20, "each line once, none missing, in order")
    browser.press("/")
    browser.type("refused")
    browser.wait("document.querySelector('.lines mark') && !document.querySelector('.lines').innerText.includes('plain')", "only what was searched")
    browser.shows("refused", ".lines mark")
    browser.press("Escape")
    browser.click(".line .text")
    browser.shows("order", ".line dl")
    quiet(browser)


def test_a_regular_expression_and_the_histogram_find_lines(page):
    page.engine.run("talker", "i=0; while :; do i=$((i+1)); echo \"level=error order=$i refused\"; echo \"level=info took ${i}ms\"; sleep 0.3; done")
    page.daemon.wait(lambda: page.daemon.json("/api/v1/logs?q=order")["data"], "lines are stored")
    browser = page("#/logs?from=now-15m")
    browser.shows("took", ".lines")
    browser.press("/")
    browser.type("/order=[0-9]+ ref/")
    browser.wait("document.querySelector('.lines mark') && !document.querySelector('.lines').innerText.includes('took')", "only what matches")
    assert re.match(r"order=\d+ ref", browser.text(".lines mark"))
    browser.press("Escape")
    browser.wait("document.querySelector('.histogram rect.act')", "errors are in the histogram")
    browser.drag(".histogram .bars", 0.5, 0.99)
    browser.wait("/from=\\d{4}-/.test(location.hash)", "the histogram zooms")
    quiet(browser)


def test_one_stream_carries_all_pages_and_no_line_is_lost_between_them(page):
    page.engine.run("talker", "i=0; while :; do i=$((i+1)); echo plain $i; sleep 0.05; done")
    page.engine.run("other", "while :; do echo other; sleep 1; done")
    page.daemon.wait(lambda: page.daemon.json("/api/v1/logs?q=plain")["data"] and "other" in page.daemon.containers(), "lines are stored")
    browser = page()
    cell(browser, "talker", "cpu", "%")
    numbers = "[...document.querySelectorAll('.line .text')].filter((e) => e.innerText.startsWith('plain')).map((e) => Number(e.innerText.slice(6)))"
    for name in ("logs", "container/talker", "containers", "logs"):
        browser.run(f"location.hash = '#/{name}'")
        browser.wait(PAGES.get(name.replace("talker", "web")), name)
        wait_for(lambda: page.daemon.metric("tallyd_http_api_streams") == 1, 20, f"{name}: one stream is open")
        if name == "containers":
            continue
        last = browser.run(numbers)[-1]
        wait_for(lambda last=last: browser.run(numbers)[-1] > last + 20, 30, f"{name}: lines arrive")
        seen = browser.run(numbers)
        assert seen == list(range(seen[0], seen[0] + len(seen))), f"{name}: each line once, none missing, in order"
    assert not [url for url in browser.requests if "/stream/" in url]
    quiet(browser)


def test_a_line_is_shown_with_those_around_it_and_the_log_holds_still(page):
    page.engine.run("talker", "for i in $(seq 1 200); do echo plain $i; done; while :; do sleep 1; echo late; done")
    page.daemon.wait(lambda: page.daemon.json("/api/v1/logs?q=plain+200")["data"], "lines are stored")
    browser = page("#/logs?q=plain+77&around=2")
    texts = "[...document.querySelectorAll('.line .text')].map((e) => e.innerText)"
    browser.wait("document.querySelectorAll('.line').length >= 5", "the line and its context")
    assert browser.run(texts) == [f"plain {i}" for i in range(75, 80)]
    assert browser.run("document.querySelectorAll('.line.around').length") == 4
    # What else the container said then.
    browser.run("document.querySelector('.line:not(.around) [aria-label^=\"what else\"]').click()")
    browser.wait("document.querySelector('.line.here')?.innerText.includes('plain 77')", "the line in the whole log")
    assert {"plain 70", "plain 84"} <= set(browser.run(texts))
    browser = page("#/logs")
    browser.shows("late", ".lines")
    browser.press("f")
    browser.shows("new", ".unseen")
    top = browser.run("document.querySelector('.lines').scrollTop")
    old = browser.text(".unseen")
    browser.wait(f"document.querySelector('.unseen').innerText !== {json.dumps(old)}", "more lines have arrived")
    assert browser.run("document.querySelector('.lines').scrollTop") == top
    browser.press("f")
    browser.wait("!document.querySelector('.unseen')", "it follows again")
    quiet(browser)


# ---- The other pages

def test_images_hosts_and_the_pipeline_say_what_the_api_says(page):
    page.engine.run("web")
    page.daemon.wait(lambda: page.daemon.json("/api/v1/images")["data"] and page.daemon.containers(), "there are images")
    browser = page("#/images")
    browser.shows("busybox:test", "main table")
    browser = page("#/hosts")
    browser.shows("testhost", ".card")
    browser = page("#/pipeline")
    browser.shows("input.docker_stats", "main")
    browser.shows("container_stats", "main")
    collected = next(row["collected"] for row in page.daemon.json("/api/v1/pipeline")["inputs"] if row["table"] == "container_info")
    shown = browser.run("[...document.querySelectorAll('section[aria-label=Collected] tr')].find((r) => r.innerText.includes('container_info')).cells[2].innerText")
    assert abs(int(shown.replace(",", "")) - collected) <= max(50, collected / 2), (shown, collected)
    quiet(browser)


# ---- For everybody

PAGES = {"containers": "document.querySelector('.grid tbody a')", "logs": "document.querySelector('.line')",
         "images": "document.querySelector('main table')", "changes": "document.querySelector('main h2, main table')", "hosts": "document.querySelector('.card')",
         "pipeline": "document.querySelector('.card table')", "container/web": "document.querySelector('.chart canvas')"}


def test_axe_finds_nothing_serious_on_any_page_in_light_and_dark(page):
    script = axe()
    page.engine.run("web", "while :; do echo 'level=error hello=1'; sleep 1; done", labels={"com.docker.compose.project": "p"})
    page.daemon.wait(lambda: page.daemon.json("/api/v1/logs")["data"], "there are lines")
    found = []
    for dark in (False, True):
        page.browser.dark(dark)
        for name, ready in PAGES.items():
            browser = page(f"#/{name}?from=now-15m")
            browser.wait(ready, f"{name} is there")
            browser.run(script + ";0")
            violations = browser.run("axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations.filter((v) => "
                                     "['serious', 'critical'].includes(v.impact)).map((v) => [v.id, v.help, v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160))]))")
            found += [(name, "dark" if dark else "light", *one) for one in violations]
    page.browser.dark(False)
    assert not found, "\n".join(map(str, found))


def test_a_phone_shows_all_pages_without_scrolling_sideways(page):
    page.engine.run("web", "while :; do echo hello; sleep 1; done")
    page.daemon.wait(lambda: page.daemon.json("/api/v1/logs")["data"], "there are lines")
    page.browser.size(390, 844, phone=True)
    for name, ready in PAGES.items():
        browser = page(f"#/{name}")
        browser.wait(ready, f"{name} is there")
        assert browser.run("document.documentElement.scrollWidth") <= 390, name
        quiet(browser)


def test_keys_go_to_all_pages_and_say_so(page):
    browser = page()
    browser.wait("document.querySelector('h1')")
    for key, title in (("l", "Logs"), ("i", "Images"), ("e", "Changes"), ("h", "Hosts"), ("p", "Pipeline"), ("c", "Containers")):
        browser.press("g", key)
        browser.shows(title, "h1")
    browser.press("?")
    browser.shows("light or dark", "dialog")
    browser.press("Escape")
    browser.wait("!document.querySelector('dialog')")
    theme = browser.run("document.documentElement.dataset.theme")
    browser.press("t")
    browser.wait(f"document.documentElement.dataset.theme !== '{theme}'", "the other theme")
    browser.press("t")
    quiet(browser)


def test_the_foot_says_that_the_daemon_is_gone_and_that_it_is_back(page):
    page.engine.run("web")
    browser = page()
    cell(browser, "web", "state", "running")
    page.daemon.stop()
    browser.shows("does not answer", ".foot")
    page.daemon.start()
    browser.wait("!document.querySelector('.foot').innerText.includes('does not answer')", "it is back")
    cell(browser, "web", "state", "running")


def test_the_foot_says_that_the_database_is_gone(tallyd, engine, browser):
    database = Postgres().start()
    try:
        engine.run("web")
        stored = STORED.replace("[output.sqlite]\npath = {db}", f"[output.timescale]\nconninfo = {database.conninfo()}")
        daemon = tallyd(SECTIONS.replace("{engine}", engine.endpoint) + stored.replace("sqlite", "timescale")).start("/api/v1/tables")
        browser.open(daemon.url)
        cell(browser, "web", "state", "running")
        database.stop()
        browser.wait("document.querySelector('.foot.amber .sign.act')", "the foot says what is wrong")
        assert cells(browser, "web"), "what was known is still shown"
        database.start()
        browser.wait("!document.querySelector('.foot.amber')", "all is well again", 60)
        browser.open("about:blank")
        daemon.stop()
    finally:
        database.leave()


def test_a_token_is_asked_for_and_given_back(tallyd, browser, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("read-everything-0123456789 read\n")
    tokens.chmod(0o600)
    daemon = tallyd(STORED + f"tokens_file = {tokens}\n").start()
    browser.open(daemon.url)
    browser.wait("document.querySelector('.signin input')", "the form")
    browser.click(".signin input")
    browser.type("wrong-token-0123456789")
    browser.press("Enter")
    browser.shows("no such token", ".signin")
    browser.run("document.querySelector('.signin input').select()")
    browser.type("read-everything-0123456789")
    browser.press("Enter")
    browser.shows("No containers yet", "main")
    assert "read-everything" not in browser.run("document.cookie + JSON.stringify(localStorage) + location.href")
    browser.run("[...document.querySelectorAll('button')].find((b) => b.textContent === 'sign out').click()")
    browser.wait("document.querySelector('.signin input')", "the form again")
    browser.open("about:blank")
