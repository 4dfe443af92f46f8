"""Plain data, as TOML and JSON have it, from a file that may hold anything."""

from __future__ import annotations

from typing import Any

DEEPEST = 32
"""Levels of tables and lists: what this package writes has at most 12, and a spec may have half of these."""


def is_deep(data: Any, levels: int = DEEPEST) -> bool:
    """Return whether tables or lists are nested deeper than so many levels; what walks through them recurses."""
    level = [data] if isinstance(data, (dict, list)) else []
    for _ in range(levels):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return False
    return True
