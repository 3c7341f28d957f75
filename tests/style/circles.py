#!/usr/bin/python3
"""No two source files call each other, directly or through others.

Reads the symbol tables of the object files of a build (nm): file A depends on file B if A refers to
a function that B defines.  A group of files that can all reach each other is a circle: none of them
can be read, tested or replaced without the rest.

    circles.py BUILD_DIR
"""

import collections
import pathlib
import subprocess
import sys

from sources import ROOT, finish

PARTS = ("base", "core", "console", "plugins")


def object_files(build):
    """{source path: object file} of the product, each source once."""
    found = {}
    for path in sorted(pathlib.Path(build).rglob("*.c.o")):
        folder, _, inside = str(path.relative_to(build)).partition("/CMakeFiles/")
        source = pathlib.Path(folder) / inside.split(".dir/", 1)[1].removesuffix(".o")
        if source.parts[0] in PARTS and (ROOT / source).is_file():
            found.setdefault(str(source), path)
    return found


def symbols(objects):
    """{source: names of functions it defines}, {source: names it refers to}"""
    defines, refers = collections.defaultdict(set), collections.defaultdict(set)
    by_object = {str(path): source for source, path in objects.items()}
    output = subprocess.run(
        ["nm", "-A", "--format=posix", *by_object], check=True, capture_output=True, text=True
    ).stdout
    for line in output.splitlines():
        where, name, kind = line.split()[:3]
        source = by_object[where.rstrip(":")]
        if kind == "T":
            defines[source].add(name)
        elif kind == "U":
            refers[source].add(name)
    return defines, refers


def unit(source):
    """Plugins are linked apart from each other, so a name is looked up in its own plugin first."""
    parts = pathlib.Path(source).parts
    return parts[:3] if parts[0] == "plugins" and parts[1] != "common" else parts[:1]


def dependencies(defines, refers):
    homes = collections.defaultdict(list)
    for source, names in defines.items():
        for name in names:
            homes[name].append(source)
    for source, names in refers.items():
        targets = set()
        for name in names:
            own = [home for home in homes[name] if unit(home) == unit(source)]
            shared = [home for home in homes[name] if home.startswith(("base/", "plugins/common/"))]
            targets.update(own or shared)
        yield source, sorted(targets - {source})


def circles(graph):
    """Strongly connected groups of more than one file (Tarjan 1972)."""
    index, low, stack, groups = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in graph.get(node, ()):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                groups.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return groups


def problems(build):
    objects = object_files(build)
    if not objects:
        yield f"{build}: no object files of this tree"
        return
    graph = dict(dependencies(*symbols(objects)))
    for group in circles(graph):
        yield f"a circle of {len(group)} files:"
        for source in group:
            inside = ", ".join(target for target in graph[source] if target in group)
            yield f"    {source} needs {inside}"


finish(list(problems(sys.argv[1])))
