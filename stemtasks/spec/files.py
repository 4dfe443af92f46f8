"""The files that a song's spec names, and which songs and albums use what another song makes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stemtasks.paths import BUILD, DRAFTS, within
from stemtasks.spec import parts, schema
from stemtasks.spec.album import Album
from stemtasks.spec.albums import needed
from stemtasks.spec.broken import Broken
from stemtasks.spec.song import Named, Song
from stemtasks.units import InputPath


def files_of(song: Song | Album) -> Iterator[tuple[str, str]]:
    """Yield each file that a song is made of: where the spec names it, and its path. An album names none."""
    if isinstance(song, Album):
        return
    if song.reference.file is not None:
        yield "reference.file", song.input(song.reference.file)
    for stem in song.stems:
        yield from _read_by("generators", song, stem.generator, f"stems.{stem.name}")
    for where, effect in song.effects():
        yield from _read_by("effects", song, effect, where)


def _read_by(kind: parts.Kind, song: Song, part: Named, where: str) -> Iterator[tuple[str, str]]:
    for held in schema.held(schema.of(kind, part.name), part.arguments, InputPath):
        named = held.value or []
        for path in [named] if isinstance(named, str) else named:
            if isinstance(path, str):  # a list of tables may stand in place of a file with it
                yield f"{where}.{held.where}", song.input(path)


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


def with_what_needs_broken(specs: list[Song | Album], broken: list[Broken]) -> tuple[list[Song | Album], list[Broken]]:
    """Return the songs and albums that need nothing of a broken one, and the broken ones and those that do.

    What a broken song made before may not be what it makes when it is mended.
    """
    found = list(broken)
    while found:
        specs = list(specs)
        wrong = {each.name: each.path for each in broken}
        found = [Broken.of(spec, f"{spec.path}: {line}") for spec in specs if (line := _needs(spec, wrong))]
        names = {each.name for each in found}
        specs = [spec for spec in specs if spec.name not in names]
        broken = [*broken, *found]
    return specs, broken


def _needs(spec: Song | Album, wrong: dict[str, Path]) -> str:
    """Return what a song or an album first needs of those that are wrong, or nothing."""
    if isinstance(spec, Album):
        found = (track.song.name for track in spec.tracks if track.song.name in wrong)
        return next((f"album.songs: {needed(name, wrong[name])}" for name in found), "")
    for where, path in files_of(spec):
        maker = next(iter(within(Path(path), DRAFTS if spec.is_draft else BUILD)), "")
        if maker in wrong:
            return f"{where}: {path} is made by {wrong[maker]}, which has to be mended first"
    return ""
