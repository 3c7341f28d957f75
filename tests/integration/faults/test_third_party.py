"""A plugin of somebody else's that gets wrong what it may get wrong: nobody else crashes, and it is
told, by the name of its instance, what it did."""

import json
import signal

import pytest

from counting import BATCH, tell

RECORDER = """
[output.recorder]
path = {dir}/recorded
control = {dir}/recorder.control
"""
STORED = BATCH + RECORDER + """
[output.sqlite]
path = {db}
[output.http_api]
listen = 127.0.0.1:{port}
store = sqlite
"""


def careless(plugin="careless", **options):
    lines = "".join(f"{key} = {value}\n" for key, value in options.items())
    return f"[input.{plugin}]\n{lines}"


@pytest.fixture
def daemon(tallyd):
    def make(text, **options):
        made = tallyd(text, **options)
        (made.dir / "recorder.control").touch()
        return made

    return make


def recorded(d):
    path = d.dir / "recorded"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(x) for x in lines if x.endswith("}") and '"prepare"' not in x]


def reload(d, text):
    mark = len(d.log)
    d.configure(text)
    d.hup()
    d.says("reloaded:", after=mark)


@pytest.mark.parametrize("plugin", ["careless", "careless_live"])
def test_rows_that_point_at_options_outlive_a_reload_of_their_instance(daemon, plugin):
    labels = [letter * 3000 for letter in "abc"]
    text = STORED.replace("100ms", "50ms")
    d = daemon(careless(plugin, label=labels[0]) + text)
    tell(d, "recorder", "fail")
    d.start()
    waiting = 0
    for label in labels[1:] + [None]:
        more = waiting + 5
        d.wait(lambda: d.metric("tallyd_rows_waiting", output="output.recorder") >= more, "rows wait")
        waiting = d.metric("tallyd_rows_waiting", output="output.recorder")
        reload(d, (careless(plugin, label=label) if label else "") + text)
    tell(d, "recorder", "")
    d.wait(lambda: len(recorded(d)) >= waiting, "what waited is written", 60)
    rows = recorded(d)
    assert {row["label"] for row in rows} == set(labels)
    assert {row["instance"] for row in rows} == {f"input.{plugin}"}
    assert {row["host"] for row in rows} == {"testhost"}
    d.stop()


REFUSED = {
    "text_null": ("column label is set but has no text", 2),
    "text_too_long": ("column label is longer than the text that was copied", 1),
    "text_as_number": ("column truth is a number but holds text", 3),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_rows_that_would_crash_an_output_are_dropped_and_counted(daemon, fault):
    what, rows = REFUSED[fault]
    d = daemon(careless(fault=fault) + STORED).start()
    d.says(what)
    assert "input.careless: plugin bug" in d.log
    d.wait(lambda: d.metric("tallyd_rows_dropped_total", input="input.careless", reason="invalid")
           >= 3 * rows, "they are counted")
    d.wait(lambda: d.metric("tallyd_rows_stored_total", output="output.sqlite") > 5, "the others are stored")
    d.balanced()
    d.stop()
    assert all(row["label"] == "a label" and row["truth"] == 1 for row in recorded(d))


TOLD = {
    "emit_null": ("emit_null gave -22", None),
    "emit_twice": ("emit_twice gave -22", "it emits a batch twice"),
    "drop_twice": ("drop_twice gave -22", "it drops a batch that was freed"),
    "change_emitted": ("change_emitted gave 0", "it changes a batch that it has emitted"),
    "null_arguments": ("null_arguments gave 0", None),
    "metrics": ("metrics gave 0", "it counts metric 99 but declares 2 metrics"),
}


@pytest.mark.parametrize("fault", TOLD)
def test_an_invalid_call_is_refused_and_logged(daemon, fault):
    gave, told = TOLD[fault]
    d = daemon(careless(fault=fault, store="sqlite") + STORED).start()
    d.says(gave)
    if told:
        d.says(told)
    d.wait(lambda: d.metric("tallyd_rows_stored_total", output="output.recorder") > 5, "it goes on")
    d.balanced()
    d.stop()


def test_a_thread_that_outlives_its_instance_is_turned_away(daemon):
    d = daemon(careless(fault="thread", label="one") + STORED).start()
    for label in ("two", "three"):
        d.wait(lambda: d.metric("tallyd_rows_stored_total", output="output.sqlite") > 5, "rows come")
        reload(d, careless(fault="thread", label=label) + STORED)
    reload(d, STORED)
    d.says("one of its threads still calls the daemon although the instance is gone")
    d.balanced()
    d.stop()


def end_of(d, seconds=30):
    status = d.process.wait(seconds)
    d.process = None
    return status


# A sanitizer takes SIGSEGV over, after it was told; of SIGABRT nobody does.
@pytest.mark.parametrize("fault, signal_name", [("abort", "SIGABRT"), ("segv", "SIGSEGV")])
def test_a_crash_names_the_instance_and_the_file_whose_code_ran(daemon, fault, signal_name):
    d = daemon(careless(fault=fault) + STORED).start(ready=None)
    status = end_of(d)
    assert status != 0 and (fault == "segv" or status == -signal.SIGABRT)
    line = next(x for x in d.log.splitlines() if "crashed: " + signal_name in x)
    assert "input.careless: crashed" in line
    assert "careless.so" in d.log


def test_a_crash_in_a_thread_of_its_own_names_the_file(daemon):
    d = daemon(careless(fault="thread_abort") + STORED).start(ready=None)
    assert end_of(d) == -signal.SIGABRT
    assert "thread careless: crashed: SIGABRT" in d.log
    assert "called by" in d.log and "careless.so" in d.log


@pytest.mark.parametrize("fault", ["exit", "exit_now"])
def test_an_exit_in_a_plugin_is_no_clean_end(daemon, fault):
    d = daemon(careless(fault=fault) + STORED).start(ready=None)
    assert end_of(d) == 1
    assert "input.careless: plugin bug: it called exit(0)" in d.log


def test_a_stop_in_the_first_milliseconds_ends_like_any_other(daemon):
    d = daemon(careless() + STORED)
    for _ in range(12):
        d.start(ready=None)
        # Blocked before main(): from here on nothing of the start is left to be killed.
        d.wait(lambda: int(d.proc("status").split("SigBlk:")[1].split()[0], 16) >> 14 & 1,
               "SIGTERM is blocked")
        d.stop()
    assert d.log.count("stopped\n") + d.log.count("asked to stop before startup was complete\n") == 12
