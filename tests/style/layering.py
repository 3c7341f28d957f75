#!/usr/bin/python3
"""Who may include whom.

include/ includes nothing of ours but itself; core/ includes include/ and core/; plugins include
include/, plugins/common/ and their own folder, never core/.
"""

import re

from sources import ROOT, files, finish

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def allowed_folders(path):
    """Where a quoted include of this file may be found."""
    parts = path.relative_to(ROOT).parts
    if parts[0] == "include":
        return []
    if parts[0] == "core":
        return [ROOT / "core"]
    common = ROOT / "plugins" / "common"
    if parts[1] == "common":
        return [common]
    return [ROOT.joinpath(*parts[:3]), common]


def is_allowed(path, name):
    folders = allowed_folders(path)
    for base in [path.parent, *folders]:
        found = (base / name).resolve()
        if found.is_file() and any(found.is_relative_to(f) for f in folders):
            return True
    return False


def problems():
    for path in files("include", "core", "plugins"):
        text = path.read_text()
        for match in INCLUDE.finditer(text):
            bracket, name = match.groups()
            ours = (ROOT / "include" / name).is_file()
            if bracket == "<" and (ours or not name.startswith(("core/", "plugins/", "tallyd/"))):
                continue
            if bracket == '"' and is_allowed(path, name):
                continue
            line = text.count("\n", 0, match.start()) + 1
            yield f"{path.relative_to(ROOT)}:{line}: may not include {name}"


finish(list(problems()))
