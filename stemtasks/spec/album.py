"""An album, checked: songs as its tracks, and what every stage asks of it, as of a song."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from stemtasks.paths import BUILD
from stemtasks.spec.deliveries import Converted, Delivery, Form, Mastered, converted, delivered_file, own_masters
from stemtasks.spec.tables import AlbumTable

if TYPE_CHECKING:
    from stemtasks.spec.song import Song

GAIN = "gain.json"
"""The one gain for all songs, in the album's folder."""


@dataclass(frozen=True)
class Track:
    """A song of an album, and what the album asks of it: its master as a delivery."""

    song: Song
    delivery: Delivery

    @property
    def form(self) -> Form:
        """Return what its file is."""
        return self.delivery.forms["master"]

    @property
    def file(self) -> dict[str, str]:
        """Return the paths of its file as the album has it, and of the facts."""
        return delivered_file(self.song, self.delivery, "master")


@dataclass(frozen=True)
class Album:
    """One album, checked."""

    name: str
    path: Path
    table: AlbumTable
    tracks: tuple[Track, ...]
    is_draft: ClassVar = False
    """It is delivered, as no draft is."""

    @property
    def title(self) -> str:
        """Return the title, or the spec's name."""
        return self.table.title or self.name

    @property
    def artist(self) -> str | None:
        """Return the artist, or the one whom all songs name."""
        named = {track.song.song.artist for track in self.tracks}
        return self.table.artist or (named.pop() if len(named) == 1 else "") or None

    @property
    def loudness_lufs(self) -> float | None:
        """Return the loudness asked, or None where the songs' masters are as loud as they are."""
        return None if self.table.loudness_lufs == "off" else self.table.loudness_lufs

    @property
    def has_gain(self) -> bool:
        """Return whether one gain for all songs is asked."""
        return self.loudness_lufs is not None and self.table.gain == "album"

    def each(self, what: str | None) -> Sequence[Album] | Sequence[tuple[Song, Mastered | Converted]]:
        """Return what a stage makes a file each of: itself, or what of its songs' masters is made for it alone."""
        if what == "album":
            return (self,)
        if what == "levelled":
            return (self,) if self.has_gain else ()
        if what not in ("mastered", "converted"):
            return ()
        make = own_masters if what == "mastered" else converted
        return [(track.song, each) for track in self.tracks for each in make(track.song, [track.delivery])]

    def arguments(self, what: str | None) -> Iterator[tuple[object, ...]]:
        """Yield what the ``job`` of a stage takes, for each file that it makes of the album."""
        for each in self.each(what):
            yield each if isinstance(each, tuple) else (each,)

    def names(self, what: str | None) -> list[str]:
        """Return what the tasks of a stage are called behind it."""
        each = self.each(what)
        return [f"{self.name}/{one[1].name}" if isinstance(one, tuple) else self.name for one in each]

    def product(self, *parts: str) -> str:
        """Return the path of a file that is built of this album."""
        return "/".join((BUILD.name, self.name, *parts))

    @property
    def where(self) -> str:
        """Return its place in the spec, for messages."""
        return f"{self.path.as_posix()}: album"
