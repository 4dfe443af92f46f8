"""TOML from a file that may be anything: one clear line for what is none, or is nested as no person writes it."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from stemtasks.errors import SpecError

DEEPEST = 16
"""Levels of tables and lists: a song needs 6."""
CHEAP_CHARACTERS = 1 << 14
"""A text that is no longer costs ``tomllib``, whose time grows with the square of a key's parts, a moment at most."""
_STRING_OR_COMMENT = re.compile(
    r'"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*+"|\'[^\'\n]*+\'|#[^\n]*+', re.DOTALL
)
_LONG_KEY = re.compile(rf"(?<![\w-])(?:[\w-]*+[ \t]*+\.[ \t]*+){{{DEEPEST}}}")


def parsed(text: str, where: str) -> dict[str, Any]:
    """Return the tables of a TOML text; raises ``SpecError``, beginning with ``where``."""
    if len(text) > CHEAP_CHARACTERS and _LONG_KEY.search(_STRING_OR_COMMENT.sub("", text)):
        raise SpecError(f"{where}: is not TOML: a key of more than {DEEPEST} parts")
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a whole number of 4300 digits is a plain ValueError
        raise SpecError(f"{where}: is not TOML: {error or 'its lists are nested too deeply'}") from None
    if _is_deep(data):
        raise SpecError(f"{where}: tables or lists nested deeper than {DEEPEST} levels; a song needs 6")
    return data


def _is_deep(data: dict[str, Any]) -> bool:
    level: list[Any] = [data]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return False
    return True
