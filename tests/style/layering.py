#!/usr/bin/python3
"""Who may include whom.

include/  nothing of ours but itself
base/     base/; json_cell.h alone also include/
core/     include/, base/, core/; within it a room includes itself and the rooms before it in ROOMS
plugins/  include/, base/, plugins/common/ and their own folder, never core/
console/  include/, base/, core/config/ and its own folder
sdk/      include/, base/, core/ and its own folder

A quoted include is written from the room it is in ("query/window.h" within http_api, "pg/pg_value.h"
of plugins/common), and those of base/ with its name: "base/clock.h".
"""

import re

from sources import ROOT, files, finish

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^">]+)[>"]', re.M)
BASE = "base/"

# The rooms of the core, the lowest first: each may be read knowing only those before it.
ROOMS = ["process", "config", "plugin", "pipeline", "instance", "runtime", "conformance", "commands"]


def allowed_folders(path):
    """Where a quoted include of this file, other than one of base/, may be found."""
    parts = path.relative_to(ROOT).parts
    if parts[0] in ("include", "base"):
        return []
    if parts[0] == "core":
        return [ROOT / "core"]
    if parts[0] in ("console", "sdk"):
        return [ROOT / parts[0], ROOT / "core"]
    common = ROOT / "plugins" / "common"
    if parts[1] == "common":
        return [common]
    return [ROOT.joinpath(*parts[:3]), common]


def is_allowed(path, name):
    if name.startswith(BASE):
        return path.relative_to(ROOT).parts[0] != "include" and (ROOT / name).is_file()
    folders = allowed_folders(path)
    for start in [path.parent, *folders]:
        found = (start / name).resolve()
        if found.is_file() and any(found.is_relative_to(f) for f in folders):
            return True
    return False


def goes_up(path, name):
    """An include of one room of the core from a lower one, or of the console beyond the configuration."""
    parts = path.relative_to(ROOT).parts
    if parts[0] == "console":
        return name.split("/")[0] in ROOMS and not name.startswith("config/")
    if parts[0] != "core" or len(parts) < 3:
        return False
    target = name.split("/")[0]
    return target in ROOMS and ROOMS.index(target) > ROOMS.index(parts[1])


def problems():
    for path in files("include", "base", "core", "console", "plugins", "sdk"):
        text = path.read_text()
        for match in INCLUDE.finditer(text):
            bracket, name = match.groups()
            ours = (ROOT / "include" / name).is_file()
            rooms = ("core/", "console/", "plugins/", "tallyd/", BASE)
            if bracket == "<" and (ours or not name.startswith(rooms)):
                continue
            if bracket == '"' and is_allowed(path, name) and not goes_up(path, name):
                continue
            line = text.count("\n", 0, match.start()) + 1
            yield f"{path.relative_to(ROOT)}:{line}: may not include {name}"


finish(list(problems()))
