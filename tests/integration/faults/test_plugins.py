"""Plugins that block for ever, answer garbage or emit rows of the wrong shape, and outputs that are
dead: whoever does, the others go on."""

import signal

from counting import numbers, tell
from proof import (API, SQLITE, all_routed, balanced, counter, emitted, in_postgres, in_sqlite, left,
                   rows, spool, timescale)

pytest_plugins = ("services",)


def recorder(name="recorder", buffer="spool", more=""):
    return (f"[output.{name}]\nbuffer = {buffer}\npath = {{dir}}/recorded\n"
            f"control = {{dir}}/recorder.control\n{more}\n")


def goes_on(d, more=300):
    before = rows(in_sqlite(d))
    d.wait(lambda: rows(in_sqlite(d)) >= before + more, "SQLite goes on")


def test_garbage_verdicts_are_logged_and_the_rows_offered_again(tallyd):
    d = tallyd(counter() + spool() + SQLITE + recorder() + API)
    tell(d, "recorder", "garbage")
    d.start()
    d.says("output.recorder: ")
    d.wait(lambda: d.metric("tallyd_write_errors_total", output="output.recorder") >= 2, "it is tried")
    goes_on(d)
    balanced(d)
    tell(d, "recorder", "")
    d.wait(lambda: len(numbers(d)) > 300, "rows are recorded", 60)
    all_routed(d, "output.sqlite", "output.recorder")
    d.stop()
    assert left(d) == 0
    highest = emitted(d)["input.counter"][0]
    assert numbers(d) == list(range(1, highest + 1))
    assert in_sqlite(d) == emitted(d)


def test_malformed_rows_affect_no_other_input(tallyd, server, database):
    d = tallyd(counter() + spool() + SQLITE + timescale(server.conninfo(database)) + API +
               "[input.misfit]\ninterval = 100ms\n").start()
    d.wait(lambda: d.metric("tallyd_gathers_total", input="input.misfit") > 60, "all was tried", 60)
    goes_on(d)
    before = rows(in_postgres(server, database))
    d.wait(lambda: rows(in_postgres(server, database)) > before + 100, "PostgreSQL goes on", 60)
    balanced(d)
    assert "emits rows of undeclared, which it does not declare" in d.log
    assert "emits rows of counter, which it does not declare" in d.log
    d.stop()
    assert left(d) == 0
    assert in_sqlite(d) == in_postgres(server, database) == emitted(d)


def test_an_output_that_blocks_for_ever_delays_nobody_and_loses_nothing(tallyd):
    d = tallyd(counter() + spool() + SQLITE + recorder() + API, globals="drain_timeout = 500ms")
    tell(d, "recorder", "hang")
    d.start()
    d.wait(lambda: d.metric("tallyd_rows_waiting", output="output.recorder") > 200, "rows wait")
    goes_on(d)
    balanced(d)
    d.process.send_signal(signal.SIGTERM)
    assert d.process.wait(30) == 1  # within drain_timeout and a grace, without it
    d.process = None
    assert "output.recorder: does not stop" in d.log
    assert left(d) > 0
    tell(d, "recorder", "")
    d.start()
    goes_on(d)
    d.stop()
    assert left(d) == 0
    highest = emitted(d)["input.counter"][0]
    assert sorted(set(numbers(d))) == list(range(1, highest + 1))
    assert in_sqlite(d) == emitted(d)


def test_an_input_that_blocks_for_ever_delays_no_other(tallyd):
    d = tallyd(counter() + counter("counter:b") + spool() + SQLITE + API)
    tell(d, "counter:b", "hang")
    d.start()
    d.says("told to hang")
    goes_on(d)
    balanced(d)
    tell(d, "counter:b", "")
    d.wait(lambda: "input.counter:b" in in_sqlite(d), "it goes on when it can")
    all_routed(d, "output.sqlite")
    d.stop()
    assert left(d) == 0
    assert in_sqlite(d) == emitted(d)


def missing(d, output):
    return d.metric("tallyd_rows_dropped_total", output=output)


SMALL = "[buffer.batch:dead]\nbatch_timeout = 50ms\ncapacity = 64Ki\non_full = drop_oldest\n"


def test_a_dead_output_with_a_small_buffer_of_its_own_delays_no_other(tallyd):
    d = tallyd(counter() + spool() + SQLITE + API + SMALL + recorder(buffer="batch:dead"))
    tell(d, "recorder", "fail")
    d.start()
    d.wait(lambda: d.metric("tallyd_rows_dropped_total", reason="buffer_full") > 500, "rows are dropped")
    goes_on(d)
    balanced(d)
    assert d.metric("tallyd_rows_dropped_total", output="output.sqlite") == 0
    tell(d, "recorder", "")
    d.wait(lambda: d.metric("tallyd_rows_stored_total", output="output.recorder") > 0, "it lives", 60)
    all_routed(d, "output.sqlite", "output.recorder")
    balanced(d)
    d.stop()
    found = in_sqlite(d)["input.counter"]
    assert found[0] == found[1] == found[2]


def test_a_full_buffer_that_is_shared_does_to_all_what_on_full_says(tallyd):
    shared = "[buffer.batch]\nbatch_timeout = 50ms\ncapacity = 64Ki\non_full = %s\n"
    text = counter() + SQLITE.replace("spool", "batch") + API + recorder(buffer="batch")
    d = tallyd(text + shared % "drop_oldest")
    tell(d, "recorder", "fail")
    d.start()
    d.wait(lambda: d.metric("tallyd_rows_dropped_total", output="output.recorder") > 500, "drops")
    goes_on(d)
    # What is dropped is the oldest, which the other has mostly written.
    assert missing(d, "output.sqlite") < missing(d, "output.recorder")
    balanced(d)
    d.configure(text + shared % "block")
    d.hup()
    seen = [0]

    def waits():
        seen.append(d.metric("tallyd_rows_collected_total"))
        return seen[-1] == seen[-5:][0] and len(seen) > 5

    d.wait(waits, "the input waits for the dead one", 60)
    balanced(d)
    tell(d, "recorder", "")
    goes_on(d)
    balanced(d)
    gone = missing(d, "output.sqlite")
    d.stop()
    stored, different, highest = in_sqlite(d)["input.counter"]
    assert stored == different == highest - gone
