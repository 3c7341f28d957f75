"""What containers print is what is stored: every line, once, whatever breaks in between."""

import random
import time
from collections import Counter

import pytest

from daemon import STORED
from waiting import wait_for



def sections(engine, options):
    return f"""
[input.docker_logs]
endpoint = {engine.endpoint}
{options}
{STORED}"""


# Numbered lines on both streams, each hundredth 40,000 bytes long: three parts of the engine's.
PRINTER = """
long=$(head -c 40000 /dev/zero | tr '\\0' x)
i=0
while [ $i -lt {n} ]; do
  echo "out $i"; echo "err $i" >&2
  [ $((i % 100)) = 0 ] && echo "long $i $long"
  {pause}
  i=$((i+1))
done
printf 'the end'
"""


# The same for messages of three lines.
MESSAGES = """
i=0
while [ $i -lt {n} ]; do
  echo "at $i"; echo "  one of $i"; echo "  two of $i"
  echo "at $i" >&2; echo "  err of $i" >&2
  {pause}
  i=$((i+1))
done
"""

# Ended by nothing but the next one and the end of the log, however slow the machine.
JOINED = "multiline_start = ^at\nmultiline_timeout = 1h"


def messages(n):
    return {"stdout": [f"at {i}\n  one of {i}\n  two of {i}" for i in range(n)],
            "stderr": [f"at {i}\n  err of {i}" for i in range(n)]}


def printer(n, pause=""):
    return PRINTER.format(n=n, pause=pause)


def printed(n):
    """What it printed, per stream, long lines by their first words."""
    out = []
    for i in range(n):
        out.append(f"out {i}")
        if i % 100 == 0:
            out.append(f"long {i} ")
    return {"stdout": out + ["the end"], "stderr": [f"err {i}" for i in range(n)]}


@pytest.fixture(params=["api", "file"])
def source(request):
    return request.param


@pytest.fixture
def follow(tallyd, engine, source):
    """follow() starts a daemon that stores the logs of all containers."""

    def make(options="", **more):
        return tallyd(sections(engine, f"source = {source}\n{options}"), **more).start()

    return make


def stored(daemon, name):
    """Messages per stream in the order of the table's key."""
    rows = daemon.sql("select stream, message from container_logs where name = ? "
                      "order by time, sequence", name)
    found = {"stdout": [], "stderr": []}
    for stream, message in rows:
        if message.startswith("long "):
            assert len(message) == message.index("x") + 40000, message[:20]
            message = message[:message.index("x")]
        found[stream].append(message)
    return found


def count(daemon, name):
    return daemon.sql("select count(*) from container_logs where name = ?", name)[0][0]


def check(daemon, name, wanted, seconds=60):
    total = sum(len(lines) for lines in wanted.values())
    try:
        daemon.wait(lambda: count(daemon, name) >= total, f"{total} lines of {name}", seconds)
    except AssertionError:
        print_difference(stored(daemon, name), wanted)
        raise
    found = stored(daemon, name)
    if found != wanted:
        print_difference(found, wanted)
    assert found == wanted


def print_difference(found, wanted):
    for stream, lines in wanted.items():
        have, want = Counter(found[stream]), Counter(lines)
        print(stream, "lost", list((want - have).items())[:10], "doubled",
              list((have - want).items())[:10])


def test_every_line_of_every_kind_of_container_is_stored(engine, follow):
    engine.run("before", printer(300))
    engine.wait("before")
    daemon = follow()
    engine.run("after", printer(300))
    terminal = engine.api("POST", "/containers/create?name=terminal", {
        "Image": "busybox:test", "Tty": True, "Cmd": ["sh", "-c", printer(300)],
        "HostConfig": {"NetworkMode": "none"}})["Id"]
    engine.api("POST", f"/containers/{terminal}/start")
    engine.run("quick", "echo born; exit 0")
    engine.run("unread", "echo unread; sleep 1000000", LogConfig={"Type": "none"})
    check(daemon, "before", printed(300))
    check(daemon, "after", printed(300))
    daemon.wait(lambda: count(daemon, "quick") == 1, "the line of quick")
    lines = 300 * 2 + 3 + 1
    daemon.wait(lambda: count(daemon, "terminal") == lines, "the lines of the terminal")
    found = stored(daemon, "terminal")
    assert found["stderr"] == []
    assert sorted(found["stdout"]) == sorted(printed(300)["stdout"] + printed(300)["stderr"])
    daemon.says("unread: cannot read its log:")
    assert daemon.log.count("unread: cannot read its log") == 1
    assert daemon.metric("tallyd_docker_logs_unreadable") == 1


def test_lines_have_patterns_also_after_a_restart(engine, follow):
    """Of the service, whichever of its containers prints them."""
    lines = "echo opened order $i for u-$i; echo ERROR lost order $i after $((i * 7)) ms >&2"
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    daemon = follow()

    def patterns():
        return daemon.sql("select service, id, template, level, example from log_patterns order by template")

    def of_lines():
        return daemon.sql("select pattern, count(*) from container_logs group by 1 order by 2, 1")

    for turn in (1, 2):
        container = engine.run(f"web-{turn}", f"i={turn}000; while [ $i -lt {turn}050 ]; do {lines}; i=$((i+1)); done", labels=labels)
        engine.wait(container)
        daemon.wait(lambda turn=turn: sum(n for _, n in of_lines()) == 100 * turn, "the lines", 60)
        daemon.wait(lambda: len(patterns()) == 2, "their patterns", 60)
        assert patterns()[0][2:] == ("lost order <*> after <*> ms", "error", "ERROR lost order 1000 after 7000 ms")
        assert patterns()[1][2:] == ("opened order <*> for u-<*>", None, "opened order 1000 for u-1000")
        assert {row[0] for row in patterns()} == {"shop/web"}
        assert sorted(of_lines()) == sorted((row[1], 50 * turn) for row in patterns())
        daemon.stop()
        daemon.start()


def test_a_restarted_container_goes_on_where_it_ended(engine, follow):
    daemon = follow()
    container = engine.run("again", "echo run; printf tail")
    for runs in range(1, 4):
        engine.wait(container)
        daemon.wait(lambda n=runs: count(daemon, "again") == 2 * n, f"the lines of run {runs}")
        engine.api("POST", f"/containers/{container}/start")
    daemon.wait(lambda: count(daemon, "again") == 8, "the lines of the last run")
    assert stored(daemon, "again")["stdout"] == ["run", "tail"] * 4


def test_renaming_changes_the_name_of_new_lines_only(engine, follow):
    daemon = follow()
    container = engine.run("old", "echo one; while [ ! -e /tmp/go ]; do usleep 10000; done; echo two; sleep 1000000")
    daemon.wait(lambda: count(daemon, "old") == 1, "the first line")
    engine.api("POST", f"/containers/{container}/rename?name=new")
    daemon.wait(lambda: daemon.metric("tallyd_docker_logs_engine_calls_total", call="inspect") > 1,
                "the new name is looked for")
    engine.docker("exec", "new", "touch", "/tmp/go")
    daemon.wait(lambda: count(daemon, "new") == 1, "the second line")
    assert stored(daemon, "new")["stdout"] == ["two"]
    assert stored(daemon, "old")["stdout"] == ["one"]


def test_only_chosen_containers_are_followed(engine, follow):
    engine.run("web1", "echo listed; sleep 1000000")
    engine.run("db1", "echo listed; sleep 1000000")
    daemon = follow("include = name=web*\nexclude = label=quiet")
    engine.run("web2", "echo born; sleep 1000000")
    engine.run("db2", "echo born; sleep 1000000")
    engine.run("web3", "echo born; sleep 1000000", labels={"quiet": ""})
    engine.run("web4", "echo last; sleep 1000000")
    daemon.wait(lambda: count(daemon, "web4") == 1, "the line of web4")
    names = daemon.sql("select distinct name from container_logs order by name")
    assert names == [("web1",), ("web2",), ("web4",)]


@pytest.mark.parametrize("sight,wanted", [
    ("all", ["a", "b", "c", "new"]), ("new", ["new"]), ("2", ["b", "c", "new"])])
def test_first_sight_is_as_much_as_wanted(engine, follow, sight, wanted):
    engine.run("old", "echo a; echo b; echo c; until [ -e /tmp/go ]; do usleep 10000; done; echo new; sleep 1000000")
    wait_for(lambda: b"c" in engine.api("GET", "/containers/old/logs?stdout=1"))
    daemon = follow(f"first_sight = {sight}")
    daemon.wait(lambda: daemon.metric("tallyd_docker_logs_reads_total") > 0, "it is read")
    wait_for(lambda: count(daemon, "old") == len(wanted) - 1)
    engine.docker("exec", "old", "touch", "/tmp/go")
    daemon.wait(lambda: count(daemon, "old") == len(wanted), "the new line")
    assert stored(daemon, "old")["stdout"] == wanted


def test_both_sources_give_the_same_rows(engine, tallyd):
    # Both into one store, which keeps one row per key: were there any difference in time, stream or
    # sequence, there would be more.
    text = sections(engine, "source = api")
    text += f"[input.docker_logs:files]\nendpoint = {engine.endpoint}\nsource = file\n"
    daemon = tallyd(text).start()
    engine.run("both", printer(500) + "printf '\\303\\251 \\377 \\000 \\r\\n'")
    engine.wait("both")
    each = 500 * 2 + 5 + 1
    for name in ("input.docker_logs", "input.docker_logs:files"):
        daemon.wait(lambda n=name: daemon.metric("tallyd_rows_collected_total", input=n) == each,
                    f"{each} rows of {name}")
    daemon.wait(lambda: daemon.metric("tallyd_rows_waiting") == 0, "all is stored")
    assert count(daemon, "both") == each


def test_files_lose_nothing_at_rotations_under_flood(engine, tallyd):
    # 40 MB through files of 1 MB, 16 of them kept, with pauses for a reader that gets no CPU.
    n = 400_000
    text = sections(engine, "source = file")
    daemon = tallyd(text).start()
    engine.run("flood", "i=0; while [ $i -lt 400000 ]; do seq $i $((i+19999)); usleep 200000; "
               "i=$((i+20000)); done", LogConfig={
                   "Type": "json-file", "Config": {"max-size": "1m", "max-file": "16"}})
    engine.wait("flood")
    daemon.wait(lambda: count(daemon, "flood") >= n, "all lines", 120)
    found = [int(m) for m, in daemon.sql("select message from container_logs where name = 'flood' "
                                         "order by time, sequence")]
    assert found == list(range(n))
    assert daemon.metric("tallyd_docker_logs_gaps_total") == 0


@pytest.mark.parametrize("source", ["auto"])
def test_the_source_may_change_between_two_starts(engine, follow):
    daemon = follow()
    n = 1500
    engine.run("talker", printer(n, "usleep 1000"))
    for source in ("api", "file", "api", "file"):
        daemon.wait(lambda: count(daemon, "talker") > 0, "lines")
        daemon.kill9()
        daemon.configure(sections(engine, f"source = {source}"))
        before = daemon.sql("select count(*) from container_logs")[0][0]
        daemon.start()
        daemon.wait(lambda b=before: count(daemon, "talker") > b, "more lines")
    check(daemon, "talker", printed(n))


def test_lines_that_belong_together_are_one_row(engine, follow):
    daemon = follow("multiline_start = ^at\nmultiline_timeout = 500ms")
    engine.run("ended", MESSAGES.format(n=200, pause=""))
    engine.run("waiting", "printf 'no start\\nat last\\n\\n  more\\n'; sleep 1000000")
    daemon.wait(lambda: count(daemon, "waiting") == 2, "what nothing follows")
    assert stored(daemon, "waiting")["stdout"] == ["no start", "at last\n\n  more"]
    engine.wait("ended")
    daemon.wait(lambda: stored(daemon, "ended")["stdout"][-1:] == messages(200)["stdout"][-1:],
                "the end of ended")


def test_30_kills_at_any_instant_neither_lose_nor_double_a_line(engine, tallyd, source):
    seed = random.randrange(1 << 30)
    dice = random.Random(seed)
    print("seed", seed)
    n, wanted = 3000, {}
    rotated = {"Type": "json-file", "Config": {"max-size": "4m", "max-file": "4"}}
    text = sections(engine, f"source = {source}\ninclude = name=talker*")
    text += (f"[input.docker_logs:joined]\nendpoint = {engine.endpoint}\nsource = {source}\n"
             f"include = name=joined*\n{JOINED}\n")
    daemon = tallyd(text).start()
    for i in range(2):
        engine.run(f"talker{i}", printer(n, "usleep 2000"), LogConfig=rotated)
        wanted[f"talker{i}"] = printed(n)
    engine.run("joined", MESSAGES.format(n=n, pause="usleep 2000"), LogConfig=rotated)
    wanted["joined"] = messages(n)
    kills = 0
    while any(engine.inspect(name)["State"]["Running"] for name in wanted) or kills < 30:
        time.sleep(dice.uniform(0.05, 0.8))
        daemon.kill9()
        kills += 1
        daemon.start(ready=None)
    print("kills", kills)
    wait_for(lambda: daemon.get("/healthz").status == 200)
    for name, lines in wanted.items():
        check(daemon, name, lines)


def test_a_restart_of_the_engine_neither_loses_nor_doubles_a_line(engine, follow):
    n = 500
    daemon = follow()
    engine.run("first", printer(n))
    check(daemon, "first", printed(n))
    engine.tell("kill")
    daemon.says("retrying")
    engine.tell("start")
    daemon.says("followed again")
    assert daemon.log.count(" error ") == 1, "told once"
    engine.run("second", printer(n))
    check(daemon, "second", printed(n))
    check(daemon, "first", printed(n))


def test_a_hanging_engine_is_noticed_and_lines_come_after_it(engine, follow):
    daemon = follow("timeout = 1s")
    engine.run("first", printer(200))
    check(daemon, "first", printed(200))
    engine.tell("pause")
    try:
        daemon.says("retrying", 40)
    finally:
        engine.tell("resume")
    engine.run("second", printer(200))
    check(daemon, "second", printed(200))


def test_a_container_removed_in_the_middle_is_no_fault(engine, follow):
    daemon = follow()
    for i in range(5):
        engine.run(f"leaver{i}", "while :; do echo x; usleep 1000; done")
    daemon.wait(lambda: count(daemon, "leaver4") > 10, "lines")
    for i in range(5):
        engine.remove(f"leaver{i}")
    daemon.wait(lambda: daemon.metric("tallyd_docker_logs_containers") == 0, "all are forgotten")
    assert " error " not in daemon.log and " warning " not in daemon.log
    assert daemon.metric("tallyd_instance_up", instance="input.docker_logs") == 1


def test_twenty_that_talk_at_once_are_stored_to_the_line(engine, follow):
    daemon, n = follow(), 300
    ids = engine.run_many("talker", 20, command=["sh", "-c", printer(n, "usleep 10000")])
    for i in range(len(ids)):
        check(daemon, f"talker{i:03d}", printed(n))
    assert daemon.metric("tallyd_docker_logs_gaps_total") == 0
    assert daemon.metric("tallyd_rows_dropped_total") == 0
    if daemon.metric("tallyd_docker_logs_engine_calls_total", call="logs") == 0:
        assert "source = file" in (daemon.dir / "tallyd.conf").read_text()


def test_memory_is_bounded_while_twenty_flood_and_the_store_is_slow(engine, tallyd, source):
    # As fast as they can; what is not stored yet waits in the engine, and nothing is dropped.
    capacity = 8 << 20
    text = sections(engine, f"source = {source}\nfirst_sight = new")
    daemon = tallyd(text.replace("[buffer.batch]", "[buffer.batch]\ncapacity = 8Mi")).start()
    gate = daemon.dir / "gate"
    gate.mkdir()
    engine.run_many("flood", 20, Binds=[f"{gate}:/gate:ro"], command=(
        "until [ -e /gate/go ]; do usleep 200000; done; "
        "timeout 10 yes 'a line neither very short nor very long'; true"),
        LogConfig={"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}})
    (gate / "go").touch()
    daemon.wait(lambda: daemon.metric("tallyd_rows_stored_total") > 50_000, "many rows", 120)
    assert daemon.metric("tallyd_buffer_bytes") <= capacity
    assert daemon.metric("tallyd_rows_dropped_total") == 0
    assert daemon.rss < 900 << 20  # with the sanitizers' own
    engine.remove_all()


# The sleeps let the follower see each file before the next takes its place.
@pytest.mark.parametrize("source", ["api"])
@pytest.mark.parametrize("files", ["1", "3"])
def test_a_line_that_the_engine_sends_again_at_a_rotation_is_stored_once(engine, follow, files):
    # An engine of 20.10 begins a new file with the last line of the one before.
    daemon = follow()
    engine.run("rotated", "i=0; while [ $i -lt 500 ]; do echo line $i; echo err $i >&2; "
               "i=$((i+1)); usleep 4000; done; sleep 1000000",
               LogConfig={"Type": "json-file", "Config": {"max-size": "1k", "max-file": files}})
    daemon.wait(lambda: "line 499" in stored(daemon, "rotated")["stdout"], "the last line", 60)
    for stream, lines in stored(daemon, "rotated").items():
        doubled = [line for line, n in Counter(lines).items() if n > 1]
        assert doubled == [], stream
        assert lines == sorted(lines, key=lambda line: int(line.split()[1]))
    assert daemon.metric("tallyd_docker_logs_repeated_lines_total") > 0, "it did send some again"


@pytest.mark.parametrize("source", ["api"])
def test_a_part_that_the_engine_sends_again_at_a_rotation_is_in_its_line_once(engine, follow):
    # Three parts a line and two lines a file: most rotations come within a line.
    daemon = follow()
    engine.run("long", "i=0; while [ $i -lt 150 ]; do echo $i $(seq $((i*7000)) $((i*7000+6999))); "
               "i=$((i+1)); usleep 20000; done; echo done; sleep 1000000",
               LogConfig={"Type": "json-file", "Config": {"max-size": "100k", "max-file": "3"}})
    daemon.wait(lambda: "done" in stored(daemon, "long")["stdout"], "the last line", 60)
    lines = stored(daemon, "long")["stdout"]
    wanted = {" ".join(map(str, [i, *range(i * 7000, i * 7000 + 7000)])) for i in range(150)}
    wrong = [(line[:20], len(line)) for line in lines[:-1] if line not in wanted]
    assert wrong == []
    assert len(lines) == len(set(lines))
    assert daemon.metric("tallyd_docker_logs_repeated_lines_total") > 0, "it did send some again"


def test_check_refuses_the_files_of_an_engine_that_is_elsewhere(tallyd):
    text = "[input.docker_logs]\nsource = {source}\nendpoint = {endpoint}\n" + STORED
    for endpoint in ("tcp://10.0.0.1:2375", "https://10.0.0.1:2376"):
        for source, code in (("file", 3), ("auto", 0), ("api", 0)):
            daemon = tallyd(text.replace("{source}", source).replace("{endpoint}", endpoint))
            checked = daemon.call("check")
            assert checked.returncode == code, checked.stdout + checked.stderr
            assert ("source = file" in checked.stdout + checked.stderr) == (source == "file")
