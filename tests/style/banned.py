#!/usr/bin/python3
"""Functions that this project does without and words that it no longer uses, each with what to use."""

import re

from sources import ROOT, code, files, finish

INSTEAD = {
    "strcpy": "snprintf or memcpy with a known length",
    "strncpy": "snprintf",
    "strcat": "snprintf",
    "sprintf": "snprintf",
    "vsprintf": "vsnprintf",
    "gets": "getline",
    "strtok": "strtok_r or strcspn",
    "atoi": "strtol with its checks",
    "atol": "strtol with its checks",
    "atoll": "strtoll with its checks",
    "atof": "strtod with its checks",
    "system": "posix_spawn",
    "popen": "posix_spawn",
    "alloca": "malloc and auto_free",
    "tmpnam": "mkstemp",
    "mktemp": "mkstemp",
    "gmtime": "gmtime_r",
    "localtime": "localtime_r",
    "lt_dlclose": "nothing: a plugin stays loaded",
    "lt_dlexit": "nothing: a plugin stays loaded",
}
# Words that names had once, as a whole part of them (n_guests, guest_drop), each with the one that the
# field uses (docs/glossary.md).
RETIRED = {
    "breathe": "housekeeping",
    "capability": "binding",
    "careful": "upsert, in_doubt",
    "coverage": "rollup_plan",
    "dead_series": "series_gc",
    "dealt": "sharded",
    "desk": "dispatch",
    "docker_reach": "target",
    "farewell": "drain",
    "flight": "fetch",
    "flights": "fetches",
    "guard": "auth",
    "guest": "conn",
    "guests": "connections",
    "hang_up": "reset",
    "happenings": "logs_and_events",
    "keeper": "cache",
    "keys_guess": "series_cache_guess",
    "landed": "fetched",
    "lane": "writer_thread",
    "lanes": "parallel_writer",
    "listing": "row_writer",
    "lodger": "waiter",
    "lot": "row_chunk",
    "lots": "row_chunks",
    "mend": "repair",
    "nudge": "wake",
    "pace": "step_size, lock_backoff",
    "parcel": "response",
    "parcels": "responses",
    "peek_on": "fetch",
    "poke": "wake",
    "question": "query",
    "reckon": "aggregate",
    "row_memory": "state_file",
    "rowset": "result_set",
    "seal": "response_codec",
    "sheet": "aggregator",
    "sieve": "row_filter",
    "squeeze": "compress, compact",
    "stamp": "file_watch",
    "survey": "scan",
    "sweep": "poll, get_many",
    "table_pages": "table_page",
    "tally_keeper": "tally_cache_ops",
    "tally_reader": "tally_store_ops",
    "trial": "dry_run",
    "trip": "circuit breaker",
    "unrest": "quarantine",
    "upkeep": "maintenance",
    "writer_fast": "copy_path",
}
# Names of metrics are a contract, and "in flight" and sealing a batch are what the field says.
KEPT = {"batch_seal", "http_in_flight", "metric_upkeep_errors", "metric_upkeep_success"}
NAME = re.compile(r"[A-Za-z_]\w*")
OLD_NAME = re.compile(r"(?:^|_)(" + "|".join(sorted(RETIRED, key=len, reverse=True)) + r")(?:_|$)")
CALL = re.compile(r"(?<![\w.>])(" + "|".join(INSTEAD) + r")\s*\(")
GOTO = re.compile(r"\bgoto\b")
# clang-format does this to long lines of a comment that has a table.
MANGLED = re.compile(r"^ \*[^ \t/*]")


def retired(text):
    """What is wrong with the names in it."""
    for name in NAME.findall(text):
        match = OLD_NAME.search(name.lower())
        if match and name.lower() not in KEPT:
            yield f"{name}: instead of {match[1]} say {RETIRED[match[1]]}"


def problems():
    for path in files():
        for problem in retired(path.stem):
            yield f"{path.relative_to(ROOT)}: {problem}"
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if MANGLED.match(line):
                yield f"{path.relative_to(ROOT)}:{number}: no blank after the * of a comment: wrap it by hand"
        for number, line in enumerate(code(path).splitlines(), 1):
            where = f"{path.relative_to(ROOT)}:{number}"
            for match in CALL.finditer(line):
                yield f"{where}: {match[1]}() is banned: {INSTEAD[match[1]]}"
            if GOTO.search(line):
                yield f"{where}: goto is banned: auto_free and small functions"
            for problem in retired(line):
                yield f"{where}: {problem}"


finish(list(problems()))
