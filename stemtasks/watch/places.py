"""The line of a spec that a mistake speaks of: a message names the file and the table, an editor wants a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

SAID = re.compile(r"(?P<file>(?:spec/[^:\n]+|stemtasks)\.toml): (?P<rest>.*)", re.DOTALL)
LINE = re.compile(r"\bline (\d+)")
PLACE = re.compile(r"(?P<path>[^:]+): (?:unknown key )?(?:'(?P<key>\w+)')?")
HEADER = re.compile(r"\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?")
ASSIGNED = re.compile(r'\s*((?:"[^"]*"|\'[^\']*\'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|\'[^\']*\'|[\w-]+))*)\s*=')
NAME = re.compile(r'"([^"]*)"|\'([^\']*)\'|([\w-]+)')


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
    wanted = named["path"] if named["key"] is None else f"{named['path']}.{named['key']}"
    best, line = "", 0
    for number, there in _places(text):
        if (
            len(there) > len(best)
            and wanted.startswith(there)
            and wanted[len(there) : len(there) + 1] in ("", ".", "[")
        ):
            best, line = there, number
    return line


def _places(text: str) -> Iterator[tuple[int, str]]:
    """Yield the number of each line that begins a table or a key, and that as messages name it: ``sections[0].key``."""
    table, counts = "", dict[str, int]()
    for number, line in enumerate(text.splitlines(), 1):
        if header := HEADER.fullmatch(line):
            table = _dotted(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table += f"[{counts[table]}]"
            yield number, table
        elif assigned := ASSIGNED.match(line):
            yield number, f"{table}.{_dotted(assigned[1])}" if table else _dotted(assigned[1])


def _dotted(key: str) -> str:
    return ".".join(each[1] or each[2] or each[3] or "" for each in NAME.finditer(key))
