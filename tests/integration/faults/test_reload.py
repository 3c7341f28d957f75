"""SIGHUP under load, with good configurations and bad ones: instances come, change and go."""

import random

from proof import (API, SQLITE, balanced, counter, emitted, in_sqlite, left, rows, spool)

pytest_plugins = ("services",)

# What may be there beside the counter, the spool and SQLite, and changes nothing for them.
GUESTS = [
    "[input.counter:guest]\ninterval = 150ms\nrows = 20\n",
    "[input.counter:guest]\ninterval = 200ms\nrows = 33\n",
    "[input.counter:other]\ninterval = 100ms\nrows = 5\n",
    "[output.recorder:side]\nbuffer = batch:side\npath = {dir}/side\n"
    "[buffer.batch:side]\nbatch_timeout = 100ms\n",
    "[output.recorder]\nbuffer = spool\npath = {dir}/recorded\ntables = nothing\n",
]
BAD = ["[input.counter:x]\nrwos = 5\n", "[output.sqlite:x]\nbuffer = nowhere\npath = x\n",
       "[input.nosuch]\n", "no section at all\n", "[input.counter:x]\nrows = many\n"]


def running(d):
    return {labels.split('"')[1] for (name, labels), up in d.metrics().items()
            if name == "tallyd_instance_up" and up == 1}


def errors(d):
    return d.metric("tallyd_log_messages_total", level="error")


def test_instances_come_change_and_go_under_load(tallyd):
    def text(more=""):
        return counter(rows=random.choice([40, 50, 60])) + spool() + SQLITE + API + more

    d = tallyd(text(), globals="drain_timeout = 5s").start()
    for turn in range(20):
        bad = turn % 4 == 3
        guests = random.sample(GUESTS, random.randrange(len(GUESTS)))
        names = [guest.split("]")[0].strip("[") for guest in guests]
        more = "".join(g for i, g in enumerate(guests) if names[i] not in names[:i])
        before, told = rows(in_sqlite(d)), errors(d)
        d.configure(text(more + (random.choice(BAD) if bad else "")))
        d.hup()
        if bad:
            d.wait(lambda: errors(d) > told, "the errors are told")
        else:
            d.wait(lambda: running(d) >= set(names), "what is new runs")
        if turn % 3 == 0:
            d.hup()  # another one on its heels
        d.wait(lambda: rows(in_sqlite(d)) > before + 100, "rows are stored")
        balanced(d)
    d.configure(text())
    d.hup()
    balanced(d)
    d.stop()
    assert left(d) == 0
    assert in_sqlite(d) == emitted(d)
