"""What stems are called: the words of their files' names, without numbers and what all names have in common."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from stemtasks.errors import one_line
from stemtasks.importing.words import pieces
from stemtasks.spec.names import UNSAFE

MOST_BYTES = 100
MOST_TITLE = 200
FEWEST = 3
"""Names from which what they have in common is the song's, not the stem's."""
_SEPARATORS = re.compile(r"[\s_\-.]+")
_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True)
class Named:
    """A stem's name in the spec, and its title, which is what its file was called."""

    name: str
    title: str


def in_order(path: str) -> tuple[object, ...]:
    """Return what names are sorted by: numbers in them by their value, so that 2 is before 10; folders after files."""
    folder, name = PurePath(path).parent.as_posix(), PurePath(path).name
    return (folder.count("/") + (folder != "."), _by_value(folder), _by_value(name), path)


def _by_value(text: str) -> list[tuple[int, int, str]]:
    folded = unicodedata.normalize("NFC", text).casefold()
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in _DIGITS.split(folded) if part]


def named(names: Sequence[str], *, are_files: bool = True) -> list[Named]:
    """Return what stems are called whose files, without endings, or tracks have these names; twins get numbers.

    Names of tracks are taken as they are: what they have in common was given on purpose.
    """
    parted = [_without_number(_SEPARATORS.split(name.strip(" ._-"))) for name in names]
    front, back = _in_common(parted) if are_files else (0, 0)
    seen: set[str] = set()
    found = []
    for name, parts in zip(names, parted, strict=True):
        kept = parts[front : len(parts) - back] or parts
        base = _clean(" ".join(kept)) or "stem"
        unique, number = base, 1
        while _folded(unique) in seen:
            number += 1
            unique = f"{base}_{number}"
        seen.add(_folded(unique))
        title = one_line(_without(name, parts[:front], parts[len(parts) - back :])).strip()
        found.append(Named(unique, title[:MOST_TITLE] or unique))
    return found


def song_name(text: str) -> str:
    """Return a name that a song may have: the words of a text, joined by hyphens."""
    name = "-".join(part for part in re.split(r"[\s_\-]+", UNSAFE.sub(" ", text)) if part).strip(" .-")
    name = _short(name)
    return f"{name}-song" if name.casefold() == "draft" else name


def _without_number(parts: list[str]) -> list[str]:
    """Return the parts without a track's number before them."""
    rest = parts[1:] if len(parts) > 1 and parts[0].isdecimal() and len(parts[0]) <= 3 else parts
    return rest if any(any(map(str.isalpha, part)) for part in rest) else parts


def _in_common(parted: list[list[str]]) -> tuple[int, int]:
    """Return how many parts all names begin and end with, as long as each keeps one of its own."""
    if len(parted) < FEWEST:
        return 0, 0
    shortest = min(map(len, parted))
    counts = []
    for side in (1, -1):
        sided = [parts[::side] for parts in parted]
        count = 0
        while count < shortest - 1 and len({parts[count].casefold() for parts in sided}) == 1:
            count += 1
        counts.append(count)
    front = counts[0]
    return front, min(counts[1], shortest - 1 - front)


def _without(name: str, front: Sequence[str], back: Sequence[str]) -> str:
    """Return a name without the parts that all have in common; its number goes with those before."""
    if front:
        at = name.casefold().find(front[-1].casefold())
        for part in front:
            at = name.casefold().find(part.casefold(), 0 if part is front[0] else at) + len(part)
        name = name[at:]
    for part in reversed(back):
        at = name.casefold().rfind(part.casefold())
        name = name[:at] if at > 0 else name
    return name.strip(" _-.")


def _clean(text: str) -> str:
    safe = UNSAFE.sub(" ", text)
    words = "_".join(piece.lower() for piece in pieces(safe))
    return _short(f"track_{words}" if words.isdecimal() else words)


def _short(text: str) -> str:
    return text.encode()[:MOST_BYTES].decode(errors="ignore").strip(" ._-")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
