"""What a reload changes while the daemon runs, and what it leaves alone; see counting.py."""

import signal

from counting import (  # noqa: F401 (a fixture)
    ALL, BATCH, COUNTER, RECORDER, daemon, numbers, records, tell, terminate, unbroken)
from waiting import wait_for


def test_a_reload_without_changes_touches_nothing(daemon):
    d = daemon().start(ready="ready:")
    records(d, 10)
    mark = len(d.log)
    d.hup()
    d.says("reloaded: 0 stopped, 0 started, 0 took new settings, 2 run", after=mark)
    records(d, 10)
    d.stop()
    assert unbroken(numbers(d))
    assert d.log.count("output.recorder: started") == 1


def test_a_changed_input_is_restarted_and_the_output_is_not(daemon):
    d = daemon().start(ready="ready:")
    records(d, 10)
    d.configure(ALL.replace("rows = 10", "rows = 3"))
    d.hup()
    d.says("reloaded: 1 stopped, 1 started")
    records(d, 10)
    d.stop()
    assert d.log.count("output.recorder: started") == 1


def test_a_reload_asked_for_during_a_reload_is_made_after_it(daemon):
    d = daemon(globals="drain_timeout = 1min").start(ready="ready:")
    records(d, 10)
    tell(d, "recorder", "block")
    d.configure(ALL.replace("/recorded", "/elsewhere").replace("timeout = 100", "timeout = 200"))
    mark = len(d.log)
    d.hup()
    d.says("new settings applied", after=mark)  # it was read, and the output is next
    d.configure(ALL + "[output.recorder:b]\npaht = x\n")
    d.hup()
    d.process.send_signal(signal.SIGUSR1)
    d.says("status:", after=mark)  # while it waits for the output; the SIGHUP was read before
    tell(d, "recorder", "")
    d.says("paht", after=mark)
    d.stop()
    assert d.log.index("reloaded:", mark) < d.log.index("paht", mark)


def test_a_changed_output_goes_on_where_it_was(daemon):
    d = daemon().start(ready="ready:")
    records(d, 10)
    d.configure(ALL.replace("/recorded", "/elsewhere"))
    d.hup()
    d.says("reloaded: 1 stopped, 1 started")
    records(d, 10, "elsewhere")
    d.stop()
    assert unbroken(numbers(d) + numbers(d, "elsewhere"))


def test_a_removed_output_drains_and_a_new_one_starts(daemon):
    d = daemon().start(ready="ready:")
    records(d, 10)
    d.configure(COUNTER + BATCH + "[output.recorder:b]\npath = {dir}/b\n")
    d.hup()
    d.says("output.recorder: stopped: no longer configured")
    records(d, 10, "b")
    d.stop()
    found = sorted(set(numbers(d) + numbers(d, "b")))
    assert found[0] == 1


def test_an_output_moves_to_another_buffer(daemon):
    d = daemon().start(ready="ready:")
    records(d, 10)
    d.configure(COUNTER + "[buffer.batch:b]\nbatch_timeout = 100ms\n" +
                RECORDER + "buffer = batch:b\n")
    d.hup()
    d.says("buffer.batch: stopped: no longer configured")
    records(d, 30)
    d.stop()
    assert numbers(d) == sorted(set(numbers(d)))


def test_a_buffer_takes_its_new_settings_while_it_runs(daemon):
    d = daemon(COUNTER + "[buffer.batch]\nbatch_timeout = 1h\nbatch_size = 100000\n" + RECORDER)
    d.start(ready="ready:")
    d.configure(ALL)
    d.hup()
    d.says("buffer.batch: new settings applied")
    records(d, 10)
    d.stop()
    assert unbroken(numbers(d))


def test_a_wrong_configuration_changes_nothing(daemon):
    d = daemon().start(ready="ready:")
    records(d, 10)
    d.configure(ALL.replace("rows = 10", "rwos = 10").replace("interval", "intreval"))
    d.hup()
    d.says("not reloaded, 2 problems; the old configuration stays in effect")
    assert "rwos" in d.log and "did you mean rows" in d.log
    records(d, 10)
    d.stop()
    assert unbroken(numbers(d))


def test_what_only_a_plugin_can_refuse_changes_nothing(daemon):
    api = "[output.http_api]\nlisten = 127.0.0.1:{port}\nstore = sqlite\n[output.sqlite]\ntables = !*\n"
    d = daemon(ALL + api).start()
    d.configure(ALL.replace("rows = 10", "rows = 3") + api.replace("127.0.0.1:{port}", "somewhere"))
    checked = d.call("check")
    assert checked.returncode == 3 and '[output.http_api] listen: "somewhere" is not' in checked.stderr
    d.hup()
    d.says('[output.http_api] listen: "somewhere" is not')
    d.says("not reloaded, 1 problems; the old configuration stays in effect")
    assert d.get("/healthz").status == 200
    records(d, 10)
    d.configure(ALL + api)
    mark = len(d.log)
    d.hup()
    d.says("reloaded: 0 stopped, 0 started", after=mark)
    d.stop()
    assert unbroken(numbers(d))


def test_globals_apply_live_or_the_log_says_that_they_need_a_restart(daemon):
    d = daemon().start(ready="ready:")
    d.globals = "drain_timeout = 3s\nlog_level = debug"
    d.state_dir = d.dir / "other"
    d.configure(ALL)
    d.hup()
    d.says(f"state_dir = {d.dir}/other takes effect after a restart")
    d.says("reloaded: 0 stopped")


def test_an_input_that_does_not_stop_keeps_its_place(daemon):
    d = daemon(globals="drain_timeout = 100ms").start(ready="ready:")
    records(d, 10)
    tell(d, "counter", "hang")
    d.says("told to hang")
    d.configure(ALL.replace("rows = 10", "rows = 3"))
    d.hup()
    d.says("input.counter: does not stop")
    d.says("reloaded: 0 stopped, 0 started")
    tell(d, "counter", "")
    mark = len(d.log)
    d.hup()
    d.says("reloaded: 1 stopped, 1 started", after=mark)
    records(d, 10)


def full(d):
    """Waits until the input waits in the buffer: nothing more comes in."""
    def held():
        mark = len(d.log)
        d.process.send_signal(signal.SIGUSR1)
        d.says("input.counter: status", after=mark)
        line = next(x for x in d.log[mark:].splitlines() if "input.counter: status" in x)
        return line.split("running, ")[1]

    last = []

    def same():
        last.append(held())
        return len(last) > 4 and len(set(last[-4:])) == 1

    wait_for(same, 30, "the buffer is full", every=0.15)


SMALL = "[buffer.batch]\nbatch_timeout = 100ms\ncapacity = 64Ki\non_full = block\n"


def test_a_full_buffer_holds_up_neither_a_reload_nor_a_stop(daemon):
    d = daemon(COUNTER + SMALL + RECORDER, globals="drain_timeout = 300ms")
    tell(d, "recorder", "fail")
    d.start(ready="ready:")
    full(d)
    d.configure(COUNTER + SMALL + RECORDER + "[buffer.batch:b]\nbatch_timeout = 100ms\n"
                "[output.recorder:b]\nbuffer = batch:b\npath = {dir}/b\n")
    d.hup()
    d.says("reloaded: 0 stopped, 1 started")
    tell(d, "recorder", "")
    records(d, 10, "b")
    records(d, 100)
    tell(d, "recorder", "fail")
    full(d)
    log = terminate(d)
    assert "rows not written" in log
    assert unbroken(numbers(d))


def test_a_full_buffer_lets_its_output_be_replaced(daemon):
    d = daemon(COUNTER + SMALL + RECORDER)
    tell(d, "recorder", "fail")
    d.start(ready="ready:")
    full(d)
    d.configure(COUNTER + SMALL + "[output.recorder]\npath = {dir}/recorded\n")
    d.hup()
    d.says("reloaded: 1 stopped, 1 started")
    records(d, 100)
    d.stop()
    assert unbroken(numbers(d))


def test_sigterm_ends_a_reload_that_waits(daemon):
    d = daemon(globals="drain_timeout = 10min").start(ready="ready:")
    records(d, 10)
    tell(d, "recorder", "fail")
    d.says("told to fail")
    d.configure(COUNTER + BATCH)
    d.hup()
    d.says("no output accepts its table counter")  # it was checked, and is done
    log = terminate(d)
    assert "rows were not written in time and are dropped" in log


def test_an_output_that_never_started_logs_the_rows_it_leaves(daemon):
    d = daemon(globals="drain_timeout = 300ms")
    tell(d, "recorder", "nostart")
    d.start(ready="ready:")
    d.says("cannot start")
    log = terminate(d)
    assert "rows not written; they were in memory" in log
