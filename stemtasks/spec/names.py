"""Names of songs, albums, stems, groups and deliveries: what may become a file's name, and that no two are the same."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from stemtasks.errors import SpecError
from stemtasks.paths import BUILD, NOT_SONGS

UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff/\\:*?"<>|=]')
NAME_BYTES = 150


class Names:
    """The names of songs and albums, which make folders side by side: each may be there once."""

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._seen: dict[str, str] = {folded(path.stem): path.stem for path in paths}

    def add(self, path: Path, what: str) -> None:
        """Take a spec's name; raises ``SpecError`` where it is taken."""
        refuse_twin(path.stem, self._seen, f"{path}: {what}")


def check_song_name(name: str, where: str, way_out: str) -> None:
    """Refuse what ``check_name`` does, and what has a folder of its own in ``build/``."""
    check_name(name, where)
    if name.casefold() in NOT_SONGS:
        raise SpecError(f"{where}: {BUILD}/{name.casefold()}/ is taken, so no song may be called so; {way_out}")


def check_name(name: str, where: str) -> None:
    """Refuse a name that could not be a file's on every system, or could leave its folder."""
    found = UNSAFE.search(name)
    if found:
        raise SpecError(f"{where}: the name may not hold {found.group()!r}: it becomes a file's name")
    if name.strip(" .") != name or not name:
        raise SpecError(f"{where}: the name {name!r} may not be empty, or begin or end with a dot or a space")
    if len(name.encode()) > NAME_BYTES:
        raise SpecError(f"{where}: the name has {len(name.encode())} bytes; at most {NAME_BYTES} are allowed")


def is_name(name: str) -> bool:
    """Return whether ``check_name`` lets a name pass."""
    try:
        check_name(name, "")
    except SpecError:
        return False
    return True


def refuse_twin(name: str, seen: dict[str, str], what: str) -> None:
    """Refuse a name that a case-folding or normalising file system would take for one that it has seen."""
    key = folded(name)
    if key in seen:
        raise SpecError(f"{what} '{name}', once written '{seen[key]}'; rename one")
    seen[key] = name


def folded(name: str) -> str:
    """Return a name as such a file system compares it."""
    return unicodedata.normalize("NFC", name).casefold()
