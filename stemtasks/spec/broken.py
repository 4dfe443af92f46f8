"""A spec that cannot be read or built, and all that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from stemtasks.errors import SpecError
from stemtasks.spec.song import Song

if TYPE_CHECKING:
    from stemtasks.spec.album import Album


@dataclass(frozen=True)
class Broken:
    """A spec that cannot be read, and all that is wrong with it, a line each that begins with its path."""

    path: Path
    mistakes: tuple[str, ...]
    stems: tuple[str, ...] = ()
    """The names of its stems, as far as it has any."""
    deliveries: tuple[str, ...] = ()
    """The same of its deliveries."""
    groups: tuple[str, ...] = ()
    is_album: bool = False

    @classmethod
    def of(cls, spec: Song | Album, line: str) -> Self:
        """Return a song or an album that can be read and cannot be built, and why."""
        if not isinstance(spec, Song):
            return cls(spec.path, (line,), is_album=True)
        named = (spec.stems, spec.deliveries, spec.groups)
        stems, deliveries, groups = (tuple(each.name for each in of_kind) for of_kind in named)
        return cls(spec.path, (line,), stems, deliveries, groups)

    @property
    def name(self) -> str:
        """Return the song's or the album's name."""
        return self.path.stem

    @property
    def line(self) -> str:
        """Return what a build says of it."""
        return str(SpecError(*self.mistakes))
