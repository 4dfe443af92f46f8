"""TOML from a file that may be anything: one clear line for what is none, or is nested as no person writes it."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

from stemtasks.errors import SpecError, shown
from stemtasks.plain import is_deep

MOST_BYTES = 1 << 20
"""Of a spec: 100 times the demo's."""
DEEPEST = 16
"""Levels of tables and lists: a song needs 6."""
CHEAP_CHARACTERS = 1 << 14
"""A text that is no longer costs ``tomllib``, whose time grows with the square of a key's parts, a moment at most."""
_STRING_OR_COMMENT = re.compile(
    r'"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*+"|\'[^\'\n]*+\'|#[^\n]*+', re.DOTALL
)
_LONG_KEY = re.compile(rf"(?<![\w-])(?:[\w-]*+[ \t]*+\.[ \t]*+){{{DEEPEST}}}")


_AT_LINE = re.compile(r"at line (\d+)")
_HINTS = (
    (re.compile(r"=\s*[+-]?\d+,\d+\s*(?:#.*)?$"), "a number has a point, as in -14.0"),
    (re.compile("[\u201c\u201d\u201e\u2018\u2019]"), 'text stands between straight quotes, as in "loop"'),
    (re.compile(r"[=\[,]\s*(?:True|False|TRUE|FALSE|yes|no|on|off)\b"), "it is true or false, in small letters"),
    (re.compile(r"=\s*[A-Za-z_][\w-]*\s*(?:[,}\]#]|$)"), 'text stands between quotes, as in kit = "electronic"'),
)
"""What people write that TOML does not know, and what it is."""
_SAID = {
    "Cannot overwrite a value": "it is there already, or a list is once in one and once in two brackets",
    "Invalid initial character for a key part": "a table in braces { } stands on one line",
    "Unclosed array": "a comma or a bracket is missing here or in the line before",
}
"""What TOML's reader says, and what it means."""


def _hint(text: str, said: str) -> str:
    """Return what may be meant by the line that TOML's reader stumbled over, and the line itself."""
    found = _AT_LINE.search(said)
    lines = text.splitlines()
    if twice := re.fullmatch(r"Cannot declare \((.*?),?\) twice.*", said):
        name = ".".join(part.strip().strip("'\"") for part in twice[1].split(","))
        return f"; [{name}] stands twice: write one of them, or [[{name}]] for each where it is a list"
    if found is None or not 0 < int(found[1]) <= len(lines):
        return ""
    line = lines[int(found[1]) - 1]
    plain = _STRING_OR_COMMENT.sub('""', line)
    hints = [hint for begin, hint in _SAID.items() if said.startswith(begin)]
    hint = next((hint for pattern, hint in _HINTS if pattern.search(plain)), *hints[:1] or [""])
    return f": {shown(line.strip())}" + (f"; {hint}" if hint else "")


def parsed(text: str, where: str) -> dict[str, Any]:
    """Return the tables of a TOML text; raises ``SpecError``, beginning with ``where``."""
    if len(text) > CHEAP_CHARACTERS and _LONG_KEY.search(_STRING_OR_COMMENT.sub("", text)):
        raise SpecError(f"{where}: is not TOML: a key of more than {DEEPEST} parts")
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a whole number of 4300 digits is a plain ValueError
        said = f"{error or 'its lists are nested too deeply'}{_hint(text, str(error))}"
        raise SpecError(f"{where}: is not TOML: {said}") from None
    if is_deep(data, DEEPEST):
        raise SpecError(f"{where}: tables or lists nested deeper than {DEEPEST} levels; a song needs 6")
    return data


def spec_files(folder: Path) -> list[Path]:
    """Return the TOML files of a folder, sorted; hidden ones are what editors leave beside a file that is edited."""
    return sorted(path for path in folder.glob("*.toml") if not path.name.startswith("."))


def parsed_file(path: Path, empty: str) -> dict[str, Any]:
    """Return the tables of a spec; ``empty`` is what one with nothing in it needs. Raises ``SpecError``."""
    if not path.is_file():  # a pipe would be waited for
        raise SpecError(f"{path}: cannot be read ({'it is no file' if os.path.lexists(path) else 'it is not there'})")
    try:
        with open(path, "rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror})") from None
    if len(raw) > MOST_BYTES:
        raise SpecError(f"{path}: has more than {MOST_BYTES} bytes, so it is no spec; take it out of spec/")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise SpecError(
            f"{path}: is not UTF-8 (byte 0x{raw[error.start]:02x} in line {line}); save it as UTF-8"
        ) from None
    if not text.strip():
        raise SpecError(f"{path}: is empty; {empty}")
    return parsed(text.replace("\r\n", "\n"), str(path))
