"""A song's TOML file as frozen dataclasses; an error names the file, the table, the key, the value and what is allowed.

Every table is a dataclass (``tables.py``), every generator, strategy and effect a signature;
both are the schema (``schema.py``). Nothing here opens audio.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from stemtasks.automation import is_automation
from stemtasks.errors import Mistakes, SpecError, shown
from stemtasks.music.pitch import parse_key
from stemtasks.paths import BUILD, NOT_SONGS
from stemtasks.positions import NOTHING_KNOWN, Known, is_clock
from stemtasks.spec import parts, schema
from stemtasks.spec.automating import automations, check_swept
from stemtasks.spec.deliveries import Delivery, read_deliveries
from stemtasks.spec.groups import Group, check_ways, sends_of
from stemtasks.spec.matches import check_levels
from stemtasks.spec.song import Named, Song, Stem, known_of
from stemtasks.spec.tables import (
    ALBUM_TABLES,
    MOST_DELIVERIES,
    MOST_GROUPS,
    MOST_SECTIONS,
    MOST_STEMS,
    TABLES,
    ArchiveTable,
    GroupTable,
    MasterTable,
    MixTable,
    ReferenceTable,
    SectionTable,
    SongTable,
    StemTable,
    TagsTable,
    VerifyTable,
)
from stemtasks.spec.toml import parsed

if TYPE_CHECKING:
    from stemtasks.spec.album import Album

UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff/\\:*?"<>|=]')
NAME_BYTES = 150
ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")
DATE = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?")
SIGNATURE = re.compile(r"(?!00?/)[0-9]{1,2}/(?:1|2|4|8|16|32)")
EMPTY = "a song needs [song], [reference] and at least one [stems.NAME]"
MOST_BYTES = 1 << 20
"""Of a spec: 100 times the demo's."""
Table = TypeVar("Table")


STEM_KEYS = schema.of_table(StemTable)


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


def spec_files(folder: Path) -> list[Path]:
    """Return the TOML files of a folder, sorted; hidden ones are what editors leave beside a file that is edited."""
    return sorted(path for path in folder.glob("*.toml") if not path.name.startswith("."))


class Names:
    """The names of songs and albums, which make folders side by side: each may be there once."""

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._seen: dict[str, str] = {_folded(path.stem): path.stem for path in paths}

    def add(self, path: Path, what: str) -> None:
        """Take a spec's name; raises ``SpecError`` where it is taken."""
        _no_twin(path.stem, self._seen, f"{path}: {what}")


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


def parsed_file(path: Path, empty: str) -> dict[str, Any]:
    """Return the tables of a spec; ``empty`` is what one with nothing in it needs. Raises ``SpecError``."""
    if not path.is_file():  # a pipe would be waited for
        raise SpecError(f"{path}: cannot be read ({'it is no file' if os.path.lexists(path) else 'it is not there'})")
    try:
        with open(path, "rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror})") from None
    if len(raw) > MOST_BYTES:
        raise SpecError(f"{path}: has more than {MOST_BYTES} bytes, so it is no spec; take it out of spec/")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise SpecError(
            f"{path}: is not UTF-8 (byte 0x{raw[error.start]:02x} in line {line}); save it as UTF-8"
        ) from None
    if not text.strip():
        raise SpecError(f"{path}: is empty; {empty}")
    return parsed(text.replace("\r\n", "\n"), str(path))


def _song(path: Path, data: dict[str, Any]) -> Song:
    """Return the song of a file; what one table says wrong does not keep the others from being read."""
    mistakes = Mistakes()
    song = reference = mix = master = archive = verify = None
    with mistakes:
        check_song_name(path.stem, "the file's name", "rename it")
    for key, value in data.items():
        if len(mistakes) >= schema.MOST_MISTAKES:
            break
        if key in ALBUM_TABLES:
            mistakes.append(f"{key}: an album is a file of its own; move the table to spec/albums/NAME.toml")
        elif key not in TABLES:
            mistakes.append(schema.unknown("table", key, TABLES))
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
    stems = _stems(data, song, known, verify is not None, mistakes)
    groups = _groups(data, stems, known, verify is not None, mistakes)
    with mistakes:
        mix = _mix(data)
    with mistakes:
        master = _table(MasterTable, data, "master")
    mix_effects = _effects(mistakes, mix.effects if mix else (), "mix.effects", known)
    master_effects = _effects(mistakes, master.effects if master else (), "master.effects", known)
    formats: list[Named] = []
    with mistakes:
        archive = _table(ArchiveTable, data, "archive")
        for index, value in enumerate(archive.formats):
            with mistakes:
                formats.append(_named("delivery", "format", value, f"archive.formats[{index}]", known))
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
    return tuple(name for name in found if _is_name(name)) if isinstance(found, dict) else ()


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
            _no_twin(name, seen, "deliveries: two have the name")
            right[name] = table
    named = partial(_named, "delivery", "format", known=known)
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
        raise SpecError(f"reference.stem: {schema.unknown('stem', reference.stem, stems)}")
    for name in ("duration", "min_duration"):
        _needs_tempo(getattr(reference, name), song, f"reference.{name}")
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


def _stems(
    data: dict[str, Any], song: SongTable | None, known: Known, verify_is_right: bool, mistakes: Mistakes
) -> tuple[Stem, ...]:
    tables = data.get("stems", {})
    if not tables:
        mistakes.append("stems: a song needs at least one, written as [stems.NAME] with a generator")
    elif len(tables) > MOST_STEMS:
        mistakes.append(f"stems: {len(tables)} of them; at most {MOST_STEMS} are allowed")
        return ()
    seen: dict[str, str] = {}
    stems = []
    for name, table in tables.items():
        with mistakes:
            _no_twin(name, seen, "stems: two have the name")
        with mistakes:
            verify = data.get("verify", {}) if verify_is_right else {}
            stems.append(_stem(name, table, song, known, verify, "file" in data.get("reference", {})))
    return tuple(stems)


def _groups(
    data: dict[str, Any], stems: tuple[Stem, ...], known: Known, verify_is_right: bool, mistakes: Mistakes
) -> tuple[Group, ...]:
    tables = data.get("groups", {})
    if len(tables) > MOST_GROUPS:
        mistakes.append(f"groups: {len(tables)} of them; at most {MOST_GROUPS} are allowed")
        return ()
    verify = data.get("verify", {}) if verify_is_right else {}
    kinds_of = {stem.name: stem.kind for stem in stems}
    seen: dict[str, str] = {}
    groups = []
    for name, table in tables.items():
        with mistakes:
            _no_twin(name, seen, "groups: two have the name")
        with mistakes:
            group = _group(name, table, known, verify)
            kinds = {kinds_of.get(inside) for inside in group.table.stems}
            groups.append(replace(group, kind="drums") if kinds and kinds <= {"drums", "fx"} else group)
    return tuple(groups)


def _group(name: str, table: Any, known: Known, verify: dict[str, Any]) -> Group:
    where = f"groups.{name}"
    _check_strip(name, table, where)
    mistakes = Mistakes()
    bound = schema.bound_with(mistakes, schema.of_table(GroupTable), table, where, known)
    effects = _effects(mistakes, bound["effects"], f"{where}.effects", known)
    sends = sends_of(mistakes, bound["send"], f"{where}.send", known)
    own_verify = _own_verify(mistakes, verify, bound["verify"], where)
    mistakes.settle()
    assert own_verify  # what is None was a mistake
    return Group(name, GroupTable(**bound), effects, own_verify, sends)


def _effects(mistakes: Mistakes, tables: Iterable[Any], where: str, known: Known) -> tuple[Named, ...]:
    """Return the effects of a chain that are right; what is wrong with the others is noted."""
    chain = []
    for index, table in enumerate(tables):
        with mistakes:
            effect = _named("effects", "name", table, f"{where}[{index}]", known)
            check_swept(effect, f"{where}[{index}]")
            chain.append(effect)
    return tuple(chain)


def _own_verify(mistakes: Mistakes, verify: dict[str, Any], own: dict[str, Any], where: str) -> VerifyTable | None:
    """Return the song's limits with those of a stem or a group over them."""
    with mistakes:
        return VerifyTable(**schema.bind(schema.of_table(VerifyTable), {**verify, **own}, f"{where}.verify"))
    return None


def _check_strip(name: str, table: Any, where: str) -> None:
    """Refuse a name that a stem or a group cannot have, and what is no table."""
    check_name(name, where)
    if name.endswith(".rejected"):
        raise SpecError(f"{where}: the name may not end with '.rejected', which marks a file that failed; rename it")
    if not isinstance(table, dict):
        raise SpecError(f"{where}: expected a table; write [{where}]")


def _mix(data: dict[str, Any]) -> MixTable:
    mix = _table(MixTable, data, "mix")
    mistakes, tables = Mistakes(), {**data.get("stems", {}), **data.get("groups", {})}
    what = "stem or group" if data.get("groups") else "stem"
    for name, value in mix.gains_db.items():
        if name not in tables:
            mistakes.append(f"mix.gains_db: {schema.unknown(what, name, tables)}")
        elif is_automation(value):
            kind = "groups" if name in data.get("groups", {}) else "stems"
            mistakes.append(f"mix.gains_db.{name}: a fader stays where it is; let {kind}.{name}.gain_db change instead")
        elif not isinstance(value, (int, float)) or isinstance(value, bool) or not -144 <= value <= 48:
            mistakes.append(f"mix.gains_db.{name}: {shown(value)} is not a number, -144 to 48 dB")
    mistakes.settle()
    return mix


def _table(kind: Callable[..., Table], data: Mapping[str, Any], where: str) -> Table:
    return kind(**schema.bind(schema.of_table(kind), data.get(where, {}), where))


def _section(table: Any, where: str, song: SongTable | None) -> SectionTable:
    if not isinstance(table, dict):
        raise SpecError(f"{where}: expected a table; write [[sections]]")
    section = SectionTable(**schema.bind(schema.of_table(SectionTable), table, where))
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


def _stem(
    name: str, table: Any, song: SongTable | None, known: Known, verify: dict[str, Any], has_reference: bool
) -> Stem:
    """Return a stem; what it says wrong of its generator does not keep its own keys and effects from being read."""
    where = f"stems.{name}"
    _check_strip(name, table, where)
    mistakes = Mistakes()
    common = STEM_KEYS.by_name.keys()
    source = align = None
    sync = False
    takes_mend = False
    own_keys = {"generator": "", **{key: table[key] for key in table if key in common}}
    bound = schema.bound_with(mistakes, STEM_KEYS, own_keys, where, known)
    with mistakes:
        _needs_tempo(bound["duration"], song, f"{where}.duration")
    with mistakes:
        generator = _chosen("generators", "generator", table.get("generator"), where)
        drawn = schema.of("generators", generator)
        own, takes_mend = drawn.by_name.keys(), drawn.brings_audio
        if bound["mend"] and not takes_mend:
            mistakes.append(
                f"{where}.mend: generator {generator!r} brings no audio from outside, so there is nothing to mend; "
                "use effects"
            )
        for key in table:
            if key not in common and key not in own:
                mistakes.append(f"{where}: {schema.unknown(f'key (for generator {generator!r})', key, common | own)}")
        arguments = {key: value for key, value in table.items() if key in own}
        source = _bound("generators", generator, arguments, where, known)
    with mistakes:
        said = bound["align"] if bound["align"] is not None else song.align if song else "auto"
        asked, sync = _synced(said, f"{where}.align", has_reference)
        align = _named("strategies", "strategy", asked, f"{where}.align", known)
    mend, effects = (_effects(mistakes, bound[key], f"{where}.{key}", known) for key in ("mend", "effects"))
    for index, effect in enumerate(mend):
        mistakes += [
            f"{where}.mend[{index}].{name}: cannot change along the song, where the stem has no place yet; use effects"
            for name in automations(effect)
        ]
    sends = sends_of(mistakes, bound["send"], f"{where}.send", known)
    own_verify = _own_verify(mistakes, verify, bound["verify"], where)
    mistakes.settle()
    assert source and align and own_verify  # noqa: PT018 - what is None was a mistake
    return Stem(name, StemTable(**bound), source, align, effects, own_verify, sync, mend, takes_mend, sends)


def _synced(value: str | dict[str, Any], where: str, has_reference: bool) -> tuple[str | dict[str, Any], bool]:
    """Return what names the strategy, and whether the table asks to bring the stem in time with the reference."""
    if not isinstance(value, dict) or "sync" not in value:
        return value, False
    sync = value["sync"]
    if not isinstance(sync, bool):
        raise SpecError(f"{where}.sync: {shown(sync)} is not true or false")
    if sync and not has_reference:
        raise SpecError(f"{where}.sync: there is nothing to be in time with; give reference.file, or leave it out")
    rest = {key: each for key, each in value.items() if key != "sync"}
    return {"strategy": "auto"} | rest, sync


def _named(kind: parts.Kind, key: str, value: str | dict[str, Any], where: str, known: Known) -> Named:
    """Return a part named by a string, or by ``key`` of a table that holds its parameters too."""
    table = {key: value} if isinstance(value, str) else dict(value)
    return _bound(kind, _chosen(kind, key, table.pop(key, None), where), table, where, known)


def _bound(kind: parts.Kind, name: str, table: dict[str, Any], where: str, known: Known) -> Named:
    """Return a part with all its arguments."""
    drawn = schema.of(kind, name)
    reference = parts.found(kind, name).reference
    return Named(name, schema.bind(drawn, table, where, known), reference, drawn.wants)


def _chosen(kind: parts.Kind, key: str, name: Any, where: str) -> str:
    if name is None:
        raise SpecError(f"{where}: '{key}' is missing; it is one of {', '.join(parts.names(kind))}")
    if not isinstance(name, str) or parts.find(kind, name) is None:
        unknown = schema.unknown(parts.CALLED[kind], str(name), parts.names(kind))
        raise SpecError(f"{where}: {unknown}{parts.near_miss(kind, str(name))}")
    return name


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


def _is_name(name: str) -> bool:
    try:
        check_name(name, "")
    except SpecError:
        return False
    return True


def _no_twin(name: str, seen: dict[str, str], what: str) -> None:
    """Refuse a name that a case-folding or normalising file system would take for one that it has seen."""
    folded = _folded(name)
    if folded in seen:
        raise SpecError(f"{what} '{name}', once written '{seen[folded]}'; rename one")
    seen[folded] = name


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _check_key(text: str | None, where: str) -> None:
    if text is not None:
        try:
            parse_key(text)
        except SpecError as error:
            raise SpecError(f"{where}: {error}") from None


def _check_signature(text: str) -> None:
    if not SIGNATURE.fullmatch(text):
        raise SpecError(f"song.time_signature: '{text}' is not one such as '4/4' or '6/8'")


def _needs_tempo(duration: float | str | None, song: SongTable | None, where: str) -> None:
    if isinstance(duration, str) and "b" in duration and song is not None and song.bpm is None:
        raise SpecError(f"{where}: '{duration}' needs song.bpm")
