"""The dashboard as people use it: a real browser, a real daemon, real containers."""

import json
import re

import pytest
from browser import Browser
from dashboard import DIST, axe, npm, workshop
from daemon import STORED, Tallyd, stored_in
from pg import Postgres
from waiting import wait_for, wait_for_value

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
[alert.ended]
when = count(container_events over 30s where action = die) > 0
severity = critical
[alert.patient]
when = avg(mem_used_bytes) > 1 for 1h by service
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("browser")) as shown:
        yield shown


WEB = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
SAYS = """i=0; while :; do i=$((i+1)); echo '{"level":"error","msg":"refused","order":'$i'}'; echo plain $i; sleep 0.3; done"""


@pytest.fixture(scope="module")
def watching(engine_process, tmp_path_factory):
    """A daemon that collects from the engine, for all tests, with a container that all may look at."""
    engine_process.run("web", SAYS, Memory=64 << 20, labels=WEB)
    daemon = Tallyd(tmp_path_factory.mktemp("watching"), SECTIONS.replace("{engine}", engine_process.endpoint) + STORED).start()
    yield daemon
    engine_process.remove_all()
    daemon.stop()


@pytest.fixture
def page(browser, watching, engine_process):
    """page(hash) shows a page of the daemon's dashboard; containers of a test go with it."""
    def ids():
        return {one["Id"] for one in engine_process.api("GET", "/containers/json?all=1")}

    def show(hash=""):  # pylint: disable=redefined-builtin
        browser.console.clear()
        browser.open("about:blank")
        browser.open(f"{watching.url}/{hash}")
        return browser

    show.daemon = watching
    show.engine = engine_process
    show.browser = browser
    shared = ids()
    browser.requests.clear()
    browser.size(1440, 900)
    yield show
    for one in ids() - shared:
        engine_process.remove(one)
    own = (watching.url, "about:", "data:", "blob:")
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
    page.engine.run("busy", "while :; do :; done", NanoCpus=200_000_000, Memory=64 << 20, labels={"com.docker.compose.project": "shop"})
    page.engine.run("idle")
    browser = page()
    cell(browser, "busy", "cpu", "%")
    browser.shows("shop", ".group")
    cell(browser, "busy", "mem", "64 MiB")
    shown = cells(browser, "busy")
    stored = page.daemon.containers()["busy"]
    assert shown["image"] == stored["image"] and shown["state"] == stored["state"]

    def about_the_same():  # a fifth of a core; both change each second
        said = next(row for row in page.daemon.json("/api/v1/stats/latest")["data"] if row["name"] == "busy")
        values = (cells(browser, "busy")["cpu"].split()[0], said["cpu_percent"])
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
    page.daemon.wait(lambda: (page.daemon.containers().get("web") or {}).get("stats"), "there are readings")
    browser = page("#/container/web?from=now-15m")
    browser.wait("document.querySelectorAll('.chart canvas').length >= 2", "there are charts")
    browser.shows("plain ", ".lines")
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


API = {"com.docker.compose.project": "shop", "com.docker.compose.service": "api"}


@pytest.fixture(scope="module")
def deployed(watching, engine_process):
    """Another version took the place of the first: the change, as the API has it."""
    engine_process.run("api", "while :; do echo old; sleep 1; done", labels=API)
    watching.wait(lambda: watching.json("/api/v1/logs?q=old")["data"] and watching.containers()["api"]["stats"], "the first one speaks")
    engine_process.api("POST", "/commit?container=api&repo=api&tag=2", {"Labels": {"version": "2"}})
    engine_process.remove("api")
    engine_process.run("api", "while :; do echo new; sleep 1; done", image="api:2", labels=API)
    return watching.wait(lambda: watching.json("/api/v1/changes?service=shop/api&kind=image")["data"], "the change is stored")[0]


# What the panel of an effect says of each measure.
MEASURES = """Object.fromEntries([...document.querySelectorAll('.effect tbody tr')].filter((r) => r.cells.length === 6)
    .map((r) => [r.cells[0].innerText, [...r.cells].slice(1).map((c) => c.innerText.trim())]))"""
TITLES = {"throttling": "throttled", "memory_growth": "growth of memory", "cpu": "CPU", "lines": "log lines", "lines_error": "error lines", "lines_warning": "warning lines", "ends": "ends of containers"}


def says_the_effect(page, change):
    """The panel's verdicts are those of the API, measure by measure."""
    page.browser.wait("document.querySelector('.effect tbody tr')", "the effect")
    window = page.browser.run("document.querySelector('.effect select').value")
    shown = page.browser.run(MEASURES)
    effect = page.daemon.json(f"/api/v1/changes/{change['id']}/effect?window={window}")
    assert {TITLES.get(one["name"], one["name"]): one["verdict"] for one in effect["metrics"]} == {name: cells[3] for name, cells in shown.items()}
    assert effect["verdict"] in page.browser.text(".effect")


def test_a_deploy_is_marked_on_the_charts_and_a_click_tells_its_effect(page, deployed):
    browser = page("#/container/api?from=now-15m")
    browser.wait("document.querySelector('.marks .look')?.dataset.text.includes('image: busybox:test → api:2')", "the deploy is marked")
    browser.shows("busybox:test", ".facts")
    browser.click(".marks .look")
    browser.shows("image: busybox:test → api:2", ".panel h2")
    says_the_effect(page, deployed)
    assert f"change={deployed['id']}" in browser.run("location.hash")
    browser.press("Escape")
    browser.wait("!document.querySelector('.panel') && document.querySelector('h1').innerText === 'api'", "closed, and still there")
    browser.run("[...document.querySelectorAll('.beside a')].find((a) => a.textContent === 'of the service').click()")
    browser.shows("new", ".lines")
    last = "[...document.querySelectorAll('.line .text')].filter((e) => e.innerText === 'new').length"
    before = browser.run(last)
    browser.wait(f"{last} > {before}", "and lines of the new one arrive")
    browser.press("/")
    browser.type("old")
    browser.shows("old", ".lines mark")
    quiet(browser)


def test_the_page_of_changes_tells_what_each_did(page, deployed):
    browser = page("#/changes?from=now-15m&kind=image&q=api")
    browser.shows("busybox:test → api:2", "main table")
    assert "shop/api" in browser.text(".lane") and "shop/api" in browser.text("main table")
    browser.shows("too little data", "main table")  # of each, without a click
    browser.click(".lane button")
    says_the_effect(page, deployed)
    quiet(browser)


# ---- Services

def test_services_are_what_the_api_says_of_all_their_containers(page, deployed):
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "pair"}
    for i in (1, 2):
        page.engine.run(f"pair-{i}", labels=labels)
    browser = page("#/services?from=now-15m")
    cells_of = """(() => { const link = [...document.querySelectorAll(".grid a")].find((a) => a.textContent === "%s");
        return link && Object.fromEntries([...link.closest("tr").cells].map((c, i) => [["name", "running", "cpu", "mem", "net", "errors", "warnings", "image", "changed", "host"][i], c.innerText.trim()])); })()"""
    browser.wait(cells_of % "shop/pair" + "?.running === '2 running'", "both are one service")
    browser.wait(cells_of % "shop/api" + "?.changed.startsWith('image')", "its last change")
    assert browser.run(cells_of % "shop/api")["image"] == "api:2"

    def errors_are_the_same():
        counted = page.daemon.json("/api/v1/logs/count?service=shop/web&from=now-15m")["data"]["levels"]["error"]
        shown = browser.run(cells_of % "shop/web")["errors"]
        return counted and shown.isdigit() and 0 < int(shown) <= counted < int(shown) + 100  # which it asks for now and then

    wait_for(errors_are_the_same, 40, "error lines are those of the API")
    page.engine.stop("pair-2")
    browser.wait(cells_of % "shop/pair" + "?.running.includes('1 of 2 running')", "one has ended")
    # By keyboard alone: to the service that is searched, and back.
    browser.press("/")
    browser.type("shop/api")
    browser.wait("document.querySelectorAll('.grid tbody a[href*=\"#/service/\"]').length <= 2", "only that")
    browser.press("Escape", "j", "Enter")
    browser.shows("shop/api", "h1")
    browser.press("Escape")
    browser.shows("Services", "h1")
    quiet(browser)


def test_a_service_goes_on_where_its_containers_changed(page, deployed):
    browser = page("#/service/shop%2Fapi?from=now-15m")
    browser.wait("document.querySelectorAll('.chart canvas').length >= 2", "there are charts")
    browser.shows("new", ".lines")
    browser.wait("document.querySelector('.facts').innerText.includes('removed')", "the container that was replaced")
    browser.run("[...document.querySelectorAll('.chartbar button')].find((b) => b.textContent === 'table').click()")
    browser.wait("document.querySelector('.values tbody tr')", "the values")

    def begins_with_the_first_one():
        asked = page.daemon.json("/api/v1/stats?service=shop/api&group_by=service&from=now-15m&points=300&fields=mem_used_bytes&times=s")
        first = next(t for t, x in zip(asked["time"], asked["series"][0]["mem_used_bytes"]) if x is not None)
        shown = browser.run("Date.parse([...document.querySelectorAll('.values tbody th')].at(-1).innerText) / 1000")
        return abs(shown - first) <= 15

    wait_for(begins_with_the_first_one, 40, "the oldest point is of the container that is gone")
    browser.click(".marks .look")
    says_the_effect(page, deployed)
    browser.click(".panel .end")
    browser.wait("!document.querySelector('.panel')", "closed")
    browser.press("/")
    browser.type("old")
    browser.shows("old", ".lines mark")
    browser = page("#/service/none%2Fsuch")
    browser.shows("There is no service none/such", "main")
    quiet(browser)


# ---- Logs

def test_logs_join_what_is_stored_and_what_arrives_and_are_searched(page):
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
    page.engine.run("shouter", "i=0; while :; do i=$((i+1)); echo \"level=error order=$i refused\"; echo \"level=info took ${i}ms\"; sleep 0.3; done")
    page.daemon.wait(lambda: page.daemon.json("/api/v1/logs?q=took")["data"], "lines are stored")
    browser = page("#/logs?from=now-15m&container=shouter")
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
    page.engine.run("talker", "i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.05; done")
    page.engine.run("other", "while :; do echo other; sleep 1; done")
    page.daemon.wait(lambda: page.daemon.json("/api/v1/logs?q=tick")["data"] and "other" in page.daemon.containers(), "lines are stored")
    browser = page()
    cell(browser, "talker", "cpu", "%")
    numbers = "[...document.querySelectorAll('.line .text')].filter((e) => e.innerText.startsWith('tick')).map((e) => Number(e.innerText.slice(5)))"
    for name in ("logs", "container/talker", "containers", "logs"):
        browser.run(f"location.hash = '#/{name}'")
        browser.wait(PAGES.get(name.replace("talker", "web")), name)
        # One that was left is noticed by the second heartbeat at the latest.
        wait_for_value(lambda: page.daemon.metric("tallyd_http_api_streams"), 1, f"{name}: streams", 40)
        if name == "containers":
            continue
        last = browser.wait(f"{numbers}.at(-1)", f"{name}: there are lines")
        wait_for(lambda last=last: browser.run(numbers)[-1] > last + 20, 30, f"{name}: lines arrive")
        seen = browser.run(numbers)
        assert seen == list(range(seen[0], seen[0] + len(seen))), f"{name}: each line once, none missing, in order"
    assert not [url for url in browser.requests if "/stream/" in url]
    quiet(browser)


def test_a_line_is_shown_with_those_around_it_and_the_log_holds_still(page):
    page.engine.run("counter", "for i in $(seq 1 200); do echo step $i; done; while :; do sleep 1; echo late; done")
    page.daemon.wait(lambda: page.daemon.json("/api/v1/logs?q=step+200")["data"], "lines are stored")
    browser = page("#/logs?q=step+77&around=2")
    texts = "[...document.querySelectorAll('.line .text')].map((e) => e.innerText)"
    browser.wait("document.querySelectorAll('.line').length >= 5", "the line and its context")
    assert browser.run(texts) == [f"step {i}" for i in range(75, 80)]
    assert browser.run("document.querySelectorAll('.line.around').length") == 4
    # What else the container said then.
    browser.run("document.querySelector('.line:not(.around) [aria-label^=\"what else\"]').click()")
    browser.wait("document.querySelector('.line.here')?.innerText.includes('step 77')", "the line in the whole log")
    assert {"step 70", "step 84"} <= set(browser.run(texts))
    browser = page("#/logs?container=counter")
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


# ---- Alerts

def test_alerts_are_those_of_the_api_and_the_navigation_counts_what_fires(page):
    page.engine.run("doomed", "sleep 1000000")
    page.daemon.wait(lambda: "doomed" in page.daemon.containers(), "it is known")
    browser = page("#/alerts")
    browser.shows("shop/web", "section[aria-label=pending]")
    page.engine.stop("doomed")
    browser.shows("doomed", "section[aria-label=firing]")
    sections = """Object.fromEntries([...document.querySelectorAll('section')].map((s) => [s.getAttribute('aria-label'),
        [...s.querySelectorAll('tbody tr')].map((r) => r.cells[1].innerText).sort()]))"""

    def the_same():
        said = {"firing": [], "pending": [], "resolved": []}
        for alert in page.daemon.json("/api/v1/alerts?limit=1000")["data"]:
            said[alert["state"]].append(alert["subject"])
        badge = browser.text(".badge").split()
        return browser.run(sections) == {state: sorted(all_of) for state, all_of in said.items()} and badge[:1] == [str(len(said["firing"]))]

    wait_for(the_same, 40, "the page and its badge say what the API does")
    browser.run("[...document.querySelectorAll('section[aria-label=firing] a')].find((a) => a.innerText === 'doomed').click()")
    browser.shows("doomed", "h1")
    browser = page("#/alerts/history?q=doomed")
    browser.shows("fires", "main table")
    quiet(browser)


# ---- The other pages

def test_images_hosts_and_the_pipeline_say_what_the_api_says(page):
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
         "services": "document.querySelector('.grid tbody a')", "service/shop%2Fapi": "document.querySelector('.chart canvas') && document.querySelector('.line')",
         "logs/patterns": "document.querySelector('main tbody tr')",
         "images": "document.querySelector('main table')", "changes": "document.querySelector('main .lane')", "hosts": "document.querySelector('.card')",
         "alerts": "document.querySelector('main section')", "alerts/history": "document.querySelector('main tbody tr')",
         "pipeline": "document.querySelector('.card table')", "container/web": "document.querySelector('.chart canvas')"}
AXE = """axe.run(document, {resultTypes: ['violations'] %s}).then((r) => r.violations.filter((v) => ['serious', 'critical'].includes(v.impact))
    .map((v) => [v.id, v.help, v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160))]))"""


def test_all_pages_are_for_everybody(page, deployed):
    """axe finds nothing serious; what is dark has contrast, too; and a phone shows it without scrolling sideways."""
    script = axe()
    found = []
    for name, ready in PAGES.items():
        query = f"?from=now-15m&change={deployed['id']}"
        browser = page(f"#/{name}{query}")
        browser.wait(ready, f"{name} is there")
        browser.run(script + ";0")
        found += [(name, "light", *one) for one in browser.run(AXE % "")]
        browser.dark()
        browser.wait("document.documentElement.dataset.theme === 'dark'")
        found += [(name, "dark", *one) for one in browser.run(AXE % ", runOnly: ['color-contrast']")]
        browser.dark(False)
        browser.size(390, 844, phone=True)
        browser.wait("innerWidth === 390")
        if browser.run("new Promise(requestAnimationFrame).then(() => document.documentElement.scrollWidth)") > 390:
            found.append((name, "phone", "is wider than the screen"))
        browser.size(1440, 900)
        quiet(browser)
    assert not found, "\n".join(map(str, found))


def test_keys_go_to_all_pages_and_say_so(page):
    browser = page()
    browser.wait("document.querySelector('h1')")
    for key, title in (("l", "Logs"), ("s", "Services"), ("i", "Images"), ("e", "Changes"), ("a", "Alerts"), ("h", "Hosts"), ("p", "Pipeline"), ("c", "Containers")):
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
    browser = page()
    cell(browser, "web", "state", "running")
    page.daemon.stop()
    browser.shows("does not answer", ".foot")
    page.daemon.start()
    browser.wait("!document.querySelector('.foot').innerText.includes('does not answer')", "it is back")
    cell(browser, "web", "state", "running")


def test_the_foot_says_that_the_database_is_gone(tallyd, page):
    browser, engine = page.browser, page.engine
    database = Postgres().start()
    try:
        daemon = tallyd(SECTIONS.replace("{engine}", engine.endpoint) + stored_in(database.conninfo())).start("/api/v1/tables")
        browser.open(daemon.url)
        cell(browser, "web", "state", "running")
        database.stop()
        browser.wait("document.querySelector('.foot.amber .sign.act')", "the foot says what is wrong")
        assert cells(browser, "web"), "what was known is still shown"
        database.start()
        browser.wait("!document.querySelector('.foot.amber')", "all is well again", 60)
        browser.open("about:blank")
        browser.requests.clear()
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


# ---- Last, since lines are counted a minute after they came

def test_patterns_are_those_of_the_api_and_lead_to_their_lines(page):
    browser = page("#/logs/patterns?from=now-15m&service=shop/web&since=no")
    browser.shows("plain <*>", "main table")
    told = {one["template"]: one for one in page.daemon.json("/api/v1/logs/patterns?service=shop/web&from=now-15m")["data"]}
    row = "[...document.querySelectorAll('main tbody tr')].find((r) => r.innerText.includes('plain'))"

    def as_many():
        lines = page.daemon.json("/api/v1/logs/patterns?service=shop/web&from=now-15m")["data"]
        said = next(one["lines"] for one in lines if one["template"] == "plain <*>")
        value, _, unit = browser.run(f"{row}.cells[0].innerText.trim()").partition(" ")
        if said is None:  # not counted yet
            return value == "–"
        return value != "–" and abs(float(value) * (1000 if unit == "k" else 1) - said) <= said / 100

    wait_for(as_many, 40, "the number of lines is that of the API")
    assert len(told) == browser.run("document.querySelectorAll('main tbody tr').length")
    browser.run(f"{row}.querySelector('.like a').click()")
    browser.shows("plain", ".lines")
    browser.shows("plain <*>", ".chip")
    texts = "[...document.querySelectorAll('.line .text')].map((e) => e.innerText)"
    seen = browser.run(texts)
    browser.wait(f"{texts}.at(-1) !== {json.dumps(seen[-1])}", "lines of the pattern arrive")
    assert all(text.startswith("plain") for text in browser.run(texts))
    # So it is beside the charts, also of lines that arrive.
    browser = page(f"#/service/shop%2Fweb?from=now-15m&pattern={told['plain <*>']['id']}")
    browser.shows("plain", ".lines")
    seen = browser.run(texts)
    browser.wait(f"{texts}.at(-1) !== {json.dumps(seen[-1])}", "lines of the pattern arrive")
    assert all(text.startswith("plain") for text in browser.run(texts))
    quiet(browser)
