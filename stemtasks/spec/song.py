"""A song, checked: its tables as frozen data, and where its files lie."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemtasks.spec.tables import MasterTable, MixTable, ReferenceTable, SectionTable, SongTable, StemTable, VerifyTable


@dataclass(frozen=True)
class Named:
    """A generator, strategy or effect chosen by name, with all its arguments."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Stem:
    """One stem: its table, bound."""

    name: str
    table: StemTable
    generator: Named
    align: Named
    effects: tuple[Named, ...]
    verify: VerifyTable


@dataclass(frozen=True)
class Song:
    """One song, checked."""

    name: str
    path: Path
    song: SongTable
    reference: ReferenceTable
    sections: tuple[SectionTable, ...]
    stems: tuple[Stem, ...]
    mix: MixTable
    master: MasterTable
    verify: VerifyTable

    @property
    def title(self) -> str:
        """Return the title, or the spec's name."""
        return self.song.title or self.name

    def seed(self, *names: str) -> int:
        """Return a seed below 2**63 for a part of the song."""
        digest = hashlib.sha256("\0".join([str(self.song.seed), *names]).encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1

    def file(self, path: str) -> Path:
        """Return where a file that the spec names lies: relative to the spec's folder."""
        return self.path.parent / path


def beats_per_bar(time_signature: str) -> float:
    """Return the quarter notes in a bar: 4 for 4/4, 3 for 6/8."""
    beats, _, unit = time_signature.partition("/")
    return int(beats) * 4 / int(unit)


def plain(table: Any) -> dict[str, Any]:
    """Return a table as plain data."""
    return dict(vars(table))
