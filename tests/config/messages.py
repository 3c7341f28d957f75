#!/usr/bin/python3
"""docs/messages.md: every message of level warning and above, as the sources have it, with what to do.

usage: messages.py            fails if a message has no remedy, or the page is stale
       UPDATE=1 messages.py   writes the page

The remedies stand in tests/config/messages.txt: a heading, the files whose messages it is about (the
first group that has a file takes it), and the text."""

import difflib
import fnmatch
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tests/config/messages.txt"
PAGE = ROOT / "docs/messages.md"
CALL = re.compile(r"\b(?:log_message|log_list|log_text|log_vmessage|tally_log)\s*\(")
LITERAL = re.compile(r'"((?:\\.|[^"\\])*)"')
COMMENT = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)
HEAD = """# Messages

Every message of level warning and error that the daemon and its plugins log, made from the sources by
`tests/config/messages.py`; what they say besides (names, numbers, the reason) is `…` here. Each line of the log
names the instance in front. The same message again and again is cut to a few a minute, with a count.
`tallyd_log_messages_total` counts all of them.

What a message reports as the *reason* comes from elsewhere: the engine, the database, the kernel. A message
that begins with `plugin bug` is one for the plugin's author: `tallyd plugins test FILE.so` names the rule.
"""


def outside_literals(text, at=0):
    """The characters of C source that are not in a string or character literal, with where they are."""
    quote = None
    while at < len(text):
        char = text[at]
        if quote and char == "\\":
            at += 1
        elif quote:
            quote = None if char == quote else quote
        elif char in "\"'":
            quote = char
        else:
            yield at, char
        at += 1


def call_text(text, start):
    """From the parenthesis at start to the one that closes it."""
    depth = 0
    for at, char in outside_literals(text, start):
        depth += (char == "(") - (char == ")")
        if depth == 0 and char == ")":
            return text[start + 1:at]
    return text[start + 1:]


def arguments(call):
    """A call's arguments, cut at the commas outside of parentheses and literals."""
    found, depth, begin = [], 0, 0
    for at, char in outside_literals(call):
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            found.append(call[begin:at].strip())
            begin = at + 1
    return [*found, call[begin:].strip()]


def shown(form):
    """A format as a reader knows it from the log: a … for whatever is put in."""
    form = re.sub(r'%"\s*PRI[a-z]\w+(?:\s*")?', "%u", form)
    text = "".join(LITERAL.findall(form if form.count('"') % 2 == 0 else form + '"'))
    text = text.replace('\\"', '"').replace("\\n", " ").replace("%%", "\0")
    text = re.sub(r"%[-+ #0]*[\d*]*(?:\.[\d*]+)?(?:hh|h|ll|l|z|j|t)?[diouxXeEfgGaAcsp]|%", "…", text)
    return re.sub(r"…(?:…)+", "…", text.replace("\0", "%")).strip()


def without_comments(text):
    return COMMENT.sub(lambda m: m.group() if m.group()[0] == '"' else " ", text)


def messages():
    """{file: [(level, text)]}, in the order of the files."""
    found = {}
    for part in ("core", "plugins"):
        for path in sorted((ROOT / part).rglob("*.c")):
            text = without_comments(path.read_text())
            for match in CALL.finditer(text):
                call = arguments(call_text(text, match.end() - 1))
                level = next((one for one in call[:2] if "TALLY_" in one), "")
                levels = [name for name in ("ERROR", "WARNING") if f"TALLY_{name}" in level]
                form = call[call.index(level) + (2 if "log_" in match[0] and "tally" not in match[0] else 1)] \
                    if levels else ""
                if levels:
                    name = "error" if levels[0] == "ERROR" else "warning"
                    found.setdefault(str(path.relative_to(ROOT)), []).append((name, shown(form) or "…"))
    return found


def groups():
    """[(heading, [pattern], text)]"""
    made = []
    for block in re.split(r"^## ", TABLE.read_text(), flags=re.M)[1:]:
        heading, files, text = block.split("\n", 2)
        made.append((heading.strip(), files.split(), text.strip()))
    return made


def page():
    """The page, and what has no remedy."""
    table, taken = groups(), {}
    missing = []
    for path, said in messages().items():
        group = next((n for n, (_, patterns, text) in enumerate(table)
                      if text and any(fnmatch.fnmatch(path, pattern) for pattern in patterns)), None)
        if group is None:
            missing += [f"{path}: no remedy in {TABLE.relative_to(ROOT)} for: {text}" for _, text in said]
        else:
            taken.setdefault(group, []).extend(said)
    lines = [HEAD]
    for n, (heading, _, text) in enumerate(table):
        if n in taken:
            lines.append(f"\n## {heading}\n\n| level | message |\n|---|---|")
            lines += [f"| {level} | {said.replace('|', chr(92) + '|')} |" for level, said in dict.fromkeys(taken[n])]
            lines.append(f"\n**Do:** {text}")
    return "\n".join(lines) + "\n", missing


def main():
    text, missing = page()
    for line in missing:
        print(line)
    if os.environ.get("UPDATE"):
        PAGE.write_text(text)
    old = PAGE.read_text() if PAGE.exists() else ""
    sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), text.splitlines(True), str(PAGE), "as it should be"))
    if old != text:
        print("docs/messages.md is stale: UPDATE=1 tests/config/messages.py")
    return 1 if missing or old != text else 0


if __name__ == "__main__":
    sys.exit(main())
