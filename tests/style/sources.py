"""The C files that the checks look at, and how to read them without comments and strings."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("include", "base", "core", "console", "plugins", "sdk", "tests", "examples")
NOISE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def files(*folders):
    for folder in folders or FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            yield path


def code(path):
    """The file's text with comments and literals blanked, line numbers kept."""
    return NOISE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), path.read_text())


def finish(problems):
    for problem in problems:
        print(problem)
    raise SystemExit(1 if problems else 0)
