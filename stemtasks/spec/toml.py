"""TOML from a file that may be anything: one clear line for what is none, or is nested as no person writes it."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from stemtasks.errors import SpecError
from stemtasks.plain import is_deep

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
    if is_deep(data, DEEPEST):
        raise SpecError(f"{where}: tables or lists nested deeper than {DEEPEST} levels; a song needs 6")
    return data
