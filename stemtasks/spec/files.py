"""The files that a song's spec names, and which songs use what another one makes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stemtasks.paths import BUILD, DRAFTS, within
from stemtasks.spec import schema
from stemtasks.spec.reading import Broken
from stemtasks.spec.song import Song


def files_of(song: Song) -> Iterator[tuple[str, str]]:
    """Yield each file that a song is made of: where the spec names it, and its path."""
    if song.reference.file is not None:
        yield "reference.file", song.input(song.reference.file)
    for stem in song.stems:
        for parameter in schema.of("generators", stem.generator.name).parameters:
            if parameter.reads_files:
                named = stem.generator.arguments[parameter.name] or []
                for path in [named] if isinstance(named, str) else named:
                    yield f"stems.{stem.name}.{parameter.name}", song.input(path)


def is_product(path: str) -> bool:
    """Return whether a path is one that a task of some song makes."""
    return Path(path).parts[: len(BUILD.parts)] == BUILD.parts


def without_drafts(songs: list[Song]) -> tuple[list[Song], list[Broken]]:
    """Return the songs that are made of no draft's file, and the others: a draft is not what is delivered."""
    broken = []
    for song in songs:
        for where, path in files_of(song):
            if Path(path).is_relative_to(DRAFTS):
                line = f"{song.path}: {where}: {path} is of a draft, which no song may be made of; name another file"
                broken.append(Broken.of(song, line))
                break
    names = {each.name for each in broken}
    return [song for song in songs if song.name not in names], broken


def with_what_needs_broken(songs: list[Song], broken: list[Broken]) -> tuple[list[Song], list[Broken]]:
    """Return the songs that need nothing of a broken one, and the broken ones and those that do.

    What a broken song made before may not be what it makes when it is mended.
    """
    found = list(broken)
    while found:
        songs = list(songs)
        wrong = {each.name: each.path for each in broken}
        found = []
        for song in songs:
            for where, path in files_of(song):
                maker = _maker(path, song)
                if maker in wrong:
                    line = f"{song.path}: {where}: {path} is made by {wrong[maker]}, which has to be mended first"
                    found.append(Broken.of(song, line))
                    break
        names = {each.name for each in found}
        songs = [song for song in songs if song.name not in names]
        broken = [*broken, *found]
    return songs, broken


def _maker(path: str, song: Song) -> str:
    """Return the name of the song that makes a file of the same build, or nothing."""
    return next(iter(within(Path(path), DRAFTS if song.is_draft else BUILD)), "")
