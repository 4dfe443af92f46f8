"""A song's TOML file as frozen dataclasses; an error names the file, the table, the key, the value and what is allowed.

Every table is a dataclass (``tables.py``), every generator, strategy and effect a signature;
both are the schema (``schema.py``). Nothing here opens audio.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from stemtasks.automation import is_automation
from stemtasks.errors import Mistakes, SpecError, shown, unknown
from stemtasks.music.pitch import parse_key
from stemtasks.positions import NOTHING_KNOWN, Known, is_clock
from stemtasks.spec import binding, schema
from stemtasks.spec.broken import Broken
from stemtasks.spec.chosen import named_part
from stemtasks.spec.deliveries import Delivery, read_deliveries
from stemtasks.spec.groups import check_ways
from stemtasks.spec.matches import check_levels
from stemtasks.spec.names import Names, check_name, check_song_name, is_name, refuse_twin
from stemtasks.spec.song import Named, Song, known_of
from stemtasks.spec.strips import check_tempo, read_effects, read_groups, read_stems
from stemtasks.spec.tables import (
    ALBUM_TABLES,
    MOST_DELIVERIES,
    MOST_SECTIONS,
    TABLES,
    ArchiveTable,
    MasterTable,
    MixTable,
    ReferenceTable,
    SectionTable,
    SongTable,
    TagsTable,
    VerifyTable,
)
from stemtasks.spec.toml import parsed_file, spec_files

ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")
DATE = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?")
SIGNATURE = re.compile(r"(?!00?/)[0-9]{1,2}/(?:1|2|4|8|16|32)")
EMPTY = "a song needs [song], [reference] and at least one [stems.NAME]"
Table = TypeVar("Table")


def read_all(folder: Path) -> tuple[list[Song], list[Broken]]:
    """Return every ``*.toml`` of a folder, sorted by name: the songs, and those that cannot be read as one."""
    paths = spec_files(folder)
    if not paths:
        raise SpecError(f"{folder}/: no songs here; write {folder}/my-song.toml, or run 'stemtasks new my-song'")
    songs: list[Song] = []
    broken: list[Broken] = []
    names = Names()
    for path in paths:
        data: dict[str, Any] = {}
        try:
            names.add(path, "another song has the name")
            data = parsed_file(path, EMPTY)
            songs.append(_checked(path, data))
        except SpecError as error:
            stems, deliveries, groups = (_names_in(data, tables) for tables in ("stems", "deliveries", "groups"))
            broken.append(Broken(path, error.mistakes, stems, deliveries, groups))
    return songs, broken


def read_songs(folder: Path) -> list[Song]:
    """Return every song of a folder, sorted by name; raises ``SpecError`` where one is broken."""
    songs, broken = read_all(folder)
    Mistakes(mistake for each in broken for mistake in each.mistakes).settle()
    return songs


def read_song(path: Path) -> Song:
    """Read and check one song; raises ``SpecError`` with all that is wrong with it."""
    return _checked(path, parsed_file(path, EMPTY))


def _checked(path: Path, data: dict[str, Any]) -> Song:
    mistakes, song = Mistakes(), None
    with mistakes:
        song = _song(path, data)
    mistakes.settle(f"{path}: ")
    assert song is not None
    return song


def _song(path: Path, data: dict[str, Any]) -> Song:
    """Return the song of a file; what one table says wrong does not keep the others from being read."""
    mistakes = Mistakes()
    song = reference = mix = master = archive = verify = None
    with mistakes:
        check_song_name(path.stem, "the file's name", "rename it")
    for key, value in data.items():
        if len(mistakes) >= binding.MOST_MISTAKES:
            break
        if key in ALBUM_TABLES:
            mistakes.append(f"{key}: an album is a file of its own; move the table to spec/albums/NAME.toml")
        elif key not in TABLES:
            mistakes.append(unknown("table", key, TABLES))
        elif not isinstance(value, list if key == "sections" else dict):
            header = "[[sections]]" if key == "sections" else f"[{key}]"
            mistakes.append(f"{key}: expected a table; write {header}")
    data = {key: value for key, value in data.items() if isinstance(value, list if key == "sections" else dict)}
    with mistakes:
        song = _song_table(data)
    # before the stems, which inherit it, so that a mistake is named where it stands
    with mistakes:
        verify = _table(VerifyTable, data, "verify")
    with mistakes:
        reference = _reference(data, song)
    sections = _sections(data.get("sections", []), song, mistakes)
    named = (str(section.get("name")) for section in data.get("sections", []) if isinstance(section, dict))
    known = known_of(song, named) if song else NOTHING_KNOWN
    stems = read_stems(data, song, known, verify is not None, mistakes)
    groups = read_groups(data, stems, known, verify is not None, mistakes)
    with mistakes:
        mix = _mix(data)
    with mistakes:
        master = _table(MasterTable, data, "master")
    mix_effects = read_effects(mistakes, mix.effects if mix else (), "mix.effects", known)
    master_effects = read_effects(mistakes, master.effects if master else (), "master.effects", known)
    formats: list[Named] = []
    with mistakes:
        archive = _table(ArchiveTable, data, "archive")
        for index, value in enumerate(archive.formats):
            with mistakes:
                formats.append(named_part("delivery", "format", value, f"archive.formats[{index}]", known))
    tags: dict[str, Any] = {}
    with mistakes:
        tags = _tags(data)
    mistakes.settle()
    assert song and reference and mix and master and archive and verify  # noqa: PT018 - what is None was a mistake
    chunks = tuple(dict.fromkeys(archive.wav_chunks))
    whole = Song(
        path.stem,
        path,
        song,
        reference,
        sections,
        stems,
        groups,
        mix,
        mix_effects,
        master,
        master_effects,
        tuple(formats),
        verify,
        wav_chunks=chunks,
        tags=tags,
        report=archive.report,
        groups_delivered=archive.groups,
    )
    check_ways(whole, mistakes)
    if reference.stem is not None:
        measured = next(stem for stem in stems if stem.name == reference.stem)
        if "timeline" in measured.generator.wants:
            mistakes.append(
                f"reference.stem: {measured.name!r} is as long as the song, by its generator "
                f"{measured.generator.name!r}; name a recording, or give 'duration' instead"
            )
    check_levels(whole, mistakes)
    mistakes.settle()
    deliveries = tuple(_deliveries(whole, data, known, mistakes))
    mistakes.settle()
    return replace(whole, deliveries=deliveries)


def _tags(data: dict[str, Any]) -> dict[str, Any]:
    """Return the tags that are given."""
    found = {name: value for name, value in vars(_table(TagsTable, data, "tags")).items() if value}
    if "isrc" in found:
        found["isrc"] = found["isrc"].replace("-", "").upper()
        if not ISRC.fullmatch(found["isrc"]):
            given = data["tags"]["isrc"]
            raise SpecError(
                f"tags.isrc: {given!r} is no ISRC: two letters, three letters or digits, and seven digits, "
                "such as 'DE-A12-26-00001'"
            )
    if "date" in found and not DATE.fullmatch(found["date"]):
        raise SpecError(f"tags.date: {found['date']!r} is no date; write '2026' or '2026-11-26'")
    return found


def _names_in(data: dict[str, Any], tables: str) -> tuple[str, ...]:
    found = data.get(tables)
    return tuple(name for name in found if is_name(name)) if isinstance(found, dict) else ()


def _deliveries(song: Song, data: dict[str, Any], known: Known, mistakes: Mistakes) -> Iterator[Delivery]:
    tables = data.get("deliveries", {})
    if len(tables) > MOST_DELIVERIES:
        mistakes.append(f"deliveries: {len(tables)} of them; at most {MOST_DELIVERIES} are allowed")
        return
    seen: dict[str, str] = {}
    right = {}
    for name, table in tables.items():
        with mistakes:
            check_name(name, f"deliveries.{name}")
            refuse_twin(name, seen, "deliveries: two have the name")
            right[name] = table
    named = partial(named_part, "delivery", "format", known=known)
    yield from read_deliveries(song, right, named, mistakes)


def _song_table(data: dict[str, Any]) -> SongTable:
    song = _table(SongTable, data, "song")
    mistakes = Mistakes()
    with mistakes:
        _check_signature(song.time_signature)
    with mistakes:
        _check_key(song.key, "song.key")
    mistakes.settle()
    return song


def _reference(data: dict[str, Any], song: SongTable | None) -> ReferenceTable:
    reference = _table(ReferenceTable, data, "reference")
    if sum(given is not None for given in (reference.file, reference.duration, reference.stem)) != 1:
        raise SpecError(
            "reference: give one of 'file', 'duration' or 'stem', which is where the target duration comes from"
        )
    stems = data.get("stems", {})
    if reference.stem is not None and reference.stem not in stems:
        raise SpecError(f"reference.stem: {unknown('stem', reference.stem, stems)}")
    for name in ("duration", "min_duration"):
        check_tempo(getattr(reference, name), song, f"reference.{name}")
    return reference


def _sections(tables: list[Any], song: SongTable | None, mistakes: Mistakes) -> tuple[SectionTable, ...]:
    if len(tables) > MOST_SECTIONS:
        mistakes.append(f"sections: {len(tables)} of them; at most {MOST_SECTIONS} are allowed")
        return ()
    sections = []
    for index, table in enumerate(tables):
        with mistakes:
            sections.append(_section(table, f"sections[{index}]", song))
    if sum(section.fill for section in sections) > 1:
        mistakes.append("sections: only one may be marked 'fill = true'")
    return tuple(sections)


def _mix(data: dict[str, Any]) -> MixTable:
    mix = _table(MixTable, data, "mix")
    mistakes, tables = Mistakes(), {**data.get("stems", {}), **data.get("groups", {})}
    what = "stem or group" if data.get("groups") else "stem"
    for name, value in mix.gains_db.items():
        if name not in tables:
            mistakes.append(f"mix.gains_db: {unknown(what, name, tables)}")
        elif is_automation(value):
            kind = "groups" if name in data.get("groups", {}) else "stems"
            mistakes.append(f"mix.gains_db.{name}: a fader stays where it is; let {kind}.{name}.gain_db change instead")
        elif not isinstance(value, (int, float)) or isinstance(value, bool) or not -144 <= value <= 48:
            mistakes.append(f"mix.gains_db.{name}: {shown(value)} is not a number, -144 to 48 dB")
    mistakes.settle()
    return mix


def _table(kind: Callable[..., Table], data: Mapping[str, Any], where: str) -> Table:
    return kind(**binding.bind(schema.of_table(kind), data.get(where, {}), where))


def _section(table: Any, where: str, song: SongTable | None) -> SectionTable:
    if not isinstance(table, dict):
        raise SpecError(f"{where}: expected a table; write [[sections]]")
    section = SectionTable(**binding.bind(schema.of_table(SectionTable), table, where))
    named = f"{where} '{section.name}'"
    mistakes = Mistakes()
    given = [section.bars is not None, section.beats is not None, section.fill]
    if sum(given) > 1:
        mistakes.append(f"{named}: give one of 'bars', 'beats' or 'fill = true'")
    elif not any(given) and section.start is None:
        mistakes.append(f"{named}: give 'bars', 'beats', 'start' or 'fill = true'")
    elif 0.0 in (section.bars, section.beats):
        mistakes.append(f"{named}: its length is 0; give it a length, or remove it")
    elif song is not None and song.bpm is None and not section.fill and not is_clock(section.start):
        mistakes.append(f"{named}: sections in bars or beats need song.bpm")
    with mistakes:
        _check_key(section.key, f"{where}.key")
    mistakes.settle()
    return section


def _check_key(text: str | None, where: str) -> None:
    if text is not None:
        try:
            parse_key(text)
        except SpecError as error:
            raise SpecError(f"{where}: {error}") from None


def _check_signature(text: str) -> None:
    if not SIGNATURE.fullmatch(text):
        raise SpecError(f"song.time_signature: '{text}' is not one such as '4/4' or '6/8'")
