"""Reading albums: ``spec/albums/NAME.toml``, a track list of the songs beside it and how loud they are to be."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from stemtasks.errors import Mistakes, SpecError, shown, unknown
from stemtasks.paths import BUILD
from stemtasks.spec import binding, schema
from stemtasks.spec.album import GAIN, Album, Track
from stemtasks.spec.broken import Broken
from stemtasks.spec.deliveries import Delivery, OfAlbum, form_of
from stemtasks.spec.names import Names, check_name
from stemtasks.spec.song import Song
from stemtasks.spec.tables import ALBUM_TABLES, AlbumTable, DeliveryTable, FilesTable
from stemtasks.spec.toml import parsed_file, spec_files

FOLDER = "albums"
"""Inside the folder of songs."""
UPC = re.compile(r"[0-9]{12,13}")
EMPTY = "an album needs [album] with 'songs', their names in the order of the tracks"


def read_albums(folder: Path, songs: list[Song], broken: list[Broken]) -> tuple[list[Album], list[Broken]]:
    """Return every album of a folder of songs, sorted by name: those that can be built, and those that cannot.

    ``songs`` and ``broken`` are what was read of the songs: an album with a song that is broken is broken too.
    """
    names = Names([*(song.path for song in songs), *(each.path for each in broken)])
    found: list[Album] = []
    wrong: list[Broken] = []
    for path in spec_files(folder / FOLDER):
        try:
            names.add(path, "another song or album has the name")
            found.append(_album(path, songs, broken))
        except SpecError as error:
            wrong.append(Broken(path, error.mistakes, is_album=True))
    return found, wrong


def _album(path: Path, songs: list[Song], broken: list[Broken]) -> Album:
    data, mistakes, table = parsed_file(path, EMPTY), Mistakes(), None
    with mistakes:
        check_name(path.stem, "the file's name")
    for key, value in data.items():
        if key not in ALBUM_TABLES:
            mistakes.append(unknown("table", key, ALBUM_TABLES))
        elif not isinstance(value, dict):
            raise SpecError(f"{path}: {key}: expected a table; write [{key}]")
    given = data.get("album", {})
    with mistakes:
        table = AlbumTable(**binding.bind(schema.of_table(AlbumTable), given, "album"))
    if "gain" in given and table is not None and table.loudness_lufs == "off":
        mistakes.append("album.gain: there is no loudness to bring the songs to; give loudness_lufs, or leave gain out")
    if table is not None and table.upc is not None and not _is_upc(table.upc):
        mistakes.append(
            f"album.upc: {shown(table.upc)} is no UPC of 12 digits or EAN of 13, of which the last is a check digit"
        )
    chosen = _songs(table.songs, songs, broken, mistakes) if table is not None else []
    if table is not None and not mistakes:
        _check_alike(table, chosen, mistakes)
    tracks: tuple[Track, ...] = ()
    if table is not None and not mistakes:
        with mistakes:
            tracks = tuple(_tracks(path, table, chosen))
    mistakes.settle(f"{path}: ")
    assert table is not None
    return Album(path.stem, path, table, tracks)


def _songs(names: list[str], songs: list[Song], broken: list[Broken], mistakes: Mistakes) -> list[Song]:
    """Return the songs of a track list, noting what is wrong with it; macOS writes accents in file names in its way."""
    names = list(map(_composed, names))
    known, wrong = {_composed(song.name): song for song in songs}, {_composed(each.name): each.path for each in broken}
    if not names:
        mistakes.append("album.songs: is empty; name the songs in the order of their tracks")
    chosen: dict[str, Song] = {}
    for index, name in enumerate(names):
        where = f"album.songs[{index}]"
        if name in names[:index]:
            mistakes.append(f"{where}: '{name}' is there twice; take one out")
        elif name in wrong:
            mistakes.append(f"album.songs: {needed(name, wrong[name])}")
        elif name not in known:
            mistakes.append(f"{where}: {unknown('song', name, [*known, *wrong])}")
        else:
            chosen[name] = known[name]
    return list(chosen.values())


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def needed(song: str, path: Path) -> str:
    """Return what is said of an album whose song is broken."""
    return f"'{song}' is {path.as_posix()}, which has to be mended first"


def _is_upc(text: str) -> bool:
    """Return whether a text is a UPC-A or an EAN-13 with its check digit (GS1 General Specifications, 7.9)."""
    if not UPC.fullmatch(text):
        return False
    digits = [int(digit) for digit in reversed(text)]
    return (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0


def _check_alike(table: AlbumTable, songs: list[Song], mistakes: Mistakes) -> None:
    """Note where the songs differ in what all tracks of an album have in common, and the album does not say it."""
    for key, given, value in _common(table):
        found: dict[Any, list[str]] = {}
        for song in songs:
            found.setdefault(value(song), []).append(song.name)
        if given is None and len(found) > 1:
            listed = "; ".join(f"{each} in {', '.join(names)}" for each, names in found.items())
            mend = f"give the album a {key}"
            if key == "channels":
                mend = "give all songs the same channels"
            mistakes.append(f"album: its songs have not one {key} ({listed}); {mend}")


def _common(table: AlbumTable) -> Iterator[tuple[str, Any, Callable[[Song], Any]]]:
    yield "sample_rate", table.sample_rate, lambda song: song.song.sample_rate
    yield "subtype", table.subtype, lambda song: song.song.subtype
    yield "channels", None, lambda song: song.song.channels


def _tracks(path: Path, table: AlbumTable, songs: Iterable[Song]) -> Iterator[Track]:
    """Yield the tracks; raises ``SpecError`` where no file can have the form that is asked."""
    name, where = path.stem, f"{path.as_posix()}: album"
    gain = "/".join((BUILD.name, name, GAIN)) if table.loudness_lufs != "off" and table.gain == "album" else None
    for song in songs:
        files = FilesTable(table.format, table.subtype)
        form = form_of(files, table.sample_rate or song.song.sample_rate, song.song.subtype, "album")
        asked = DeliveryTable(
            stems=False,
            # 'off' keeps the loudness of the songs' masters, which is not always that of their mixes
            loudness_lufs=None if table.loudness_lufs == "off" else table.loudness_lufs,
            ceiling_dbtp=table.ceiling_dbtp,
        )
        limits = {} if table.loudness_lufs == "off" else {"loudness_tolerance_lu": table.loudness_tolerance_lu}
        yield Track(song, Delivery(song.name, asked, {"master": form}, (), limits, OfAlbum(name, where, gain)))
