"""The line of a spec that a mistake speaks of: a message names the file and the table, an editor wants a line."""

from __future__ import annotations

import re
from pathlib import Path

SAID = re.compile(r"(?P<file>(?:spec/[^:\n]+|stemtasks)\.toml): (?P<rest>.*)", re.DOTALL)
LINE = re.compile(r"\bline (\d+)")
PLACE = re.compile(r'(?P<path>(?:"[^"]*"|[\w-]+)(?:\.(?:"[^"]*"|[\w-]+)|\[\d+\])*): ')
KEY = re.compile(r"(?:unknown key )?'(\w+)'")
STEP = re.compile(r'"([^"]*)"|([\w-]+)|\[(\d+)\]')
HEADER = re.compile(r"\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?")
ASSIGNED = re.compile(r'\s*((?:"[^"]*"|\'[^\']*\'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|\'[^\']*\'|[\w-]+))*)\s*=')
Step = str | int


def place(said: str) -> tuple[str, str]:
    """Return where a message's mistake is, as ``FILE:LINE`` or as far as that is known, and the rest of the message."""
    found = SAID.match(said)
    if not found:
        return "", said
    file, rest = found["file"], found["rest"]
    if rest.startswith("is not ") and (told := LINE.search(rest)):
        return f"{file}:{told[1]}", rest
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return file, rest
    line = _line(text, rest)
    return (f"{file}:{line}" if line else file), rest


def _line(text: str, rest: str) -> int:
    """Return the number of the line that has what a message names, or most of the way to it; 0 where there is none."""
    named = PLACE.match(rest)
    if not named:
        return 0
    path = [_step(step) for step in STEP.finditer(named["path"])]
    key = KEY.match(rest[named.end() :])
    return max(_found(text, path), _found(text, [*path, key[1]]) if key else (0, 0))[1]


def _found(text: str, path: list[Step]) -> tuple[int, int]:
    """Return how many steps of a path a line of the text goes, and its number: the first of those that go farthest."""
    best, table, counts = (0, 0), list[Step](), dict[str, int]()
    for number, line in enumerate(text.splitlines(), 1):
        here: list[Step]
        if header := HEADER.fullmatch(line):
            table = _steps(header[2])
            if header[1] == "[[":
                table.append(counts.setdefault(header[2], 0))
                counts[header[2]] += 1
            here = table
        elif assigned := ASSIGNED.match(line):
            here = table + _steps(assigned[1])
        else:
            continue
        if here == path[: len(here)] and len(here) > best[0]:
            best = (len(here), number)
    return best


def _steps(dotted: str) -> list[Step]:
    return [each[1] or each[2] or each[3] for each in re.finditer(r'"([^"]*)"|\'([^\']*)\'|([\w-]+)', dotted)]


def _step(found: re.Match[str]) -> Step:
    return int(found[3]) if found[3] else found[1] or found[2]
