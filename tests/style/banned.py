#!/usr/bin/python3
"""Functions and words that this house does without, each with what to use."""

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


finish(list(problems()))
