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
# Words that names had once, each with the one that the field uses (docs/glossary.md).
RETIRED = {
    "breathe": "housekeeping",
    "capability": "binding",
    "careful": "upsert, in_doubt",
    "dead_series": "series_gc",
    "desk": "dispatch",
    "farewell": "drain",
    "flight": "fetch",
    "guest": "conn",
    "guests": "connections",
    "happenings": "logs_and_events",
    "keys_guess": "series_cache_guess",
    "lane": "writer_thread",
    "lanes": "parallel_writer",
    "lot": "row_chunk",
    "mend": "repair",
    "parcel": "response",
    "seal": "response_codec",
    "sheet": "aggregator",
    "sieve": "row_filter",
    "squeeze": "compress",
    "trial": "dry_run",
    "unrest": "quarantine",
    "upkeep": "maintenance",
}
OLD_NAME = re.compile(r"\b(" + "|".join(RETIRED) + r")(?:_\w+)?\b")
PRODUCT = ("include", "base", "core", "plugins")
CALL = re.compile(r"(?<![\w.>])(" + "|".join(INSTEAD) + r")\s*\(")
GOTO = re.compile(r"\bgoto\b")


def problems():
    for path in files():
        for number, line in enumerate(code(path).splitlines(), 1):
            where = f"{path.relative_to(ROOT)}:{number}"
            for match in CALL.finditer(line):
                yield f"{where}: {match[1]}() is banned: {INSTEAD[match[1]]}"
            if GOTO.search(line):
                yield f"{where}: goto is banned: auto_free and small functions"
            if path.relative_to(ROOT).parts[0] in PRODUCT:
                for match in OLD_NAME.finditer(line):
                    yield f"{where}: {match[0]}: the word is {RETIRED[match[1]]}"


finish(list(problems()))
