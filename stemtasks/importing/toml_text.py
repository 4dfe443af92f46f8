"""Lines of TOML as a person writes them: one table after the other, with comments in a column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stemtasks.errors import one_line

COLUMN = 52
"""Where comments begin at most; behind a longer line they follow it."""
BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\"}


def value(of: Any) -> str:
    """Return a value as TOML: a number, a text, a list, or a table in one line."""
    if isinstance(of, bool):
        return str(of).lower()
    if isinstance(of, int):
        return str(of)
    if isinstance(of, float):
        return number(of)
    if isinstance(of, str):
        return text(of)
    if isinstance(of, Mapping):
        return "{ " + ", ".join(f"{key(name)} = {value(each)}" for name, each in of.items()) + " }"
    return "[" + ", ".join(map(value, of)) + "]"


def number(of: float) -> str:
    """Return a number to a billionth, with a point."""
    written = f"{of:.9f}".rstrip("0")
    return f"{written}0" if written.endswith(".") else written


def text(of: str) -> str:
    """Return a text in quotes; what TOML may not hold as it is is escaped."""
    found = "".join(
        _ESCAPES.get(letter) or (f"\\u{ord(letter):04X}" if ord(letter) < 0x20 or ord(letter) == 0x7F else letter)
        for letter in of
    )
    return f'"{found}"'


def key(name: str) -> str:
    """Return a key, in quotes where it must be."""
    return name if BARE.fullmatch(name) else text(name)


@dataclass
class Lines:
    """The lines of one table."""

    header: str
    _lines: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, of: Any, why: str = "", *, is_sure: bool = True) -> None:
        """Add a key and its value, and a comment; where it is not sure, all of it is one."""
        self._lines.append((f"{'' if is_sure else '# '}{key(name)} = {value(of)}", why))

    def raw(self, line: str) -> None:
        """Add a line as it is."""
        self._lines.append((line, ""))

    def note(self, said: str) -> None:
        """Add a comment of its own."""
        self._lines.append((f"# {one_line(said)}", ""))

    def written(self) -> Iterable[str]:
        """Yield the lines, their comments one under the other."""
        commented = [len(line) for line, why in self._lines if why and len(line) < COLUMN]
        column = max(commented, default=0) + 2
        yield self.header
        for line, why in self._lines:
            yield f"{line.ljust(column - 2)}  # {one_line(why)}" if why else line


def comment(said: str) -> str:
    """Return a text as a line of a comment."""
    return f"# {one_line(said)}".rstrip()
