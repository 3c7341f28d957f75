#!/usr/bin/python3
"""Counts the instructions of the hot paths and compares them with the table in the repository.

    instructions.py BUILD_DIR             one line per path; exit code 1: one got more than 5 % dearer
    UPDATE=1 instructions.py BUILD_DIR    writes the table
    KEEP=FOLDER instructions.py BUILD_DIR keeps callgrind's profiles there, one per path

The programs (count_*, see counted.h) run under callgrind, which counts without regard to the hour and to
what else the machine does.  Valgrind shows every program the same processor (with AVX2 or without, as the
real one is); GLIBC_TUNABLES takes away what is left of the difference.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TABLE = Path(__file__).resolve().with_name("instructions.txt")
PROGRAMS = ("sqlite", "http", "stats", "pipeline", "logs", "timescale")  # those that take longest first
TOLERANCE = 0.05
# How often a thread of a server or of libcurl wakes up is not the same each time.
TOLERANCE_OF_THREADS = 0.10
HEAD = """\
# Instructions of the hot paths, by callgrind: made by `UPDATE=1 scripts/bench instructions`, compared by
# `scripts/bench instructions` and scripts/test, which name what got dearer by more than 5 % (10 % over HTTP
# and from the API).  "floor" lines say what the same costs without tallyd.  docs/performance.md says more.
"""
# memcpy() and the like by the same code everywhere, and without `rep`, whose steps callgrind counts.
TUNABLES = "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-EVEX,-ERMS,-FSRM,-RTM,-BMI2"


def count(build, program, keep):
    """{path: instructions per unit}"""
    with tempfile.TemporaryDirectory(prefix=f"count_{program}.") as name:
        folder = Path(name)
        (folder / "files").mkdir()
        command = ["valgrind", "--tool=callgrind", "--dump-before=counted_run", "--dump-after=counted_run",
                   f"--callgrind-out-file={folder}/out.%p", f"{build}/bin/count_{program}",
                   f"{build}/lib/tallyd/plugins", f"{folder}/files"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600,
                              env={"PATH": os.environ["PATH"], "GLIBC_TUNABLES": TUNABLES, "LC_ALL": "C"})
        if done.returncode:
            sys.exit(f"instructions: count_{program} failed ({done.returncode}):\n{done.stderr}")
        found = {}
        for i, line in enumerate(done.stdout.splitlines(), 1):
            path, units = line.split("\t")
            # A dump when it begins, which sets all threads to 0 (--zero-before does not), and one at its end.
            (profile,) = folder.glob(f"out.*.{2 * i}")
            now = total(profile) / int(units)
            if now >= found.get(path, now + 1):
                continue  # of several rounds the least: nothing came in between
            found[path] = now
            if keep:
                shutil.copy(profile, keep / (re.sub(r"\W+", "-", path) + ".callgrind"))
        return found


def total(profile):
    """Of all threads since counted_run() began."""
    return sum(int(n) for n in re.findall(r"^totals: (\d+)$", profile.read_text(encoding="utf-8"), re.M))


def count_all(build, keep):
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = {program: pool.submit(count, build, program, keep) for program in PROGRAMS}
    found = {}
    for program in sorted(PROGRAMS):
        found.update(runs[program].result())
    return found


def read_table():
    table = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            number, path = line.split(None, 1)
            table[path] = int(number)
    return table


def write_table(found):
    lines = [f"{n:>10.0f}  {path}\n" for path, n in found.items()]
    TABLE.write_text(HEAD + "".join(lines), encoding="utf-8")


def verdict(path, was, now):
    """What is said beside the figures, and whether it is wrong."""
    if was is None:
        return "not in the table: renew it", True
    if now is None:
        return "in the table, but not counted: renew it", True
    change = now / was - 1
    tolerance = TOLERANCE_OF_THREADS if path.startswith("HTTP") or "the API" in path else TOLERANCE
    if change > tolerance and "floor" not in path:
        return f"{change:+.1%}  DEARER", True
    if change < -tolerance:
        return f"{change:+.1%}  cheaper: renew the table, so that it stays", False
    return f"{change:+.1%}", False


def compare(found, table):
    wrong = []
    print("    before        now")
    for path in {**table, **found}:
        was, now = table.get(path), found.get(path)
        text, bad = verdict(path, was, now)
        numbers = "".join(f"{'-' if n is None else format(n, '.0f'):>10} " for n in (was, now))
        print(f"{numbers} {path}: {text}")
        if bad:
            wrong.append(path)
    return wrong


def main():
    build = Path(sys.argv[1]).resolve()
    keep = Path(os.environ["KEEP"]).resolve() if os.environ.get("KEEP") else None
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
    found = count_all(build, keep)
    if os.environ.get("UPDATE"):
        write_table(found)
        print(f"{TABLE} is written")
        return
    wrong = compare(found, read_table())
    if wrong:
        sys.exit(f"instructions: {len(wrong)} of {len(found)} paths differ from tests/bench/instructions.txt: "
                 f"{'; '.join(wrong)}. If it is meant, UPDATE=1 scripts/bench instructions renews the table; "
                 "the commit says why.")


if __name__ == "__main__":
    main()
