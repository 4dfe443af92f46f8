"""A song's TOML file as frozen dataclasses; an error names the file, the table, the key, the value and what is allowed.

Every table is a dataclass (``tables.py``), every generator, strategy and effect a signature;
both are the schema (``schema.py``). Nothing here opens audio.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from stemtasks.errors import SpecError
from stemtasks.music.pitch import parse_key
from stemtasks.spec import parts, schema
from stemtasks.spec.song import Named, Song, Stem
from stemtasks.spec.tables import (
    TABLES,
    ArchiveTable,
    MasterTable,
    MixTable,
    ReferenceTable,
    SectionTable,
    SongTable,
    StemTable,
    VerifyTable,
)

UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff/\\:*?"<>|=]')
NAME_BYTES = 150
Table = TypeVar("Table")


STEM_KEYS = schema.of_table(StemTable)


def read_songs(folder: Path) -> list[Song]:
    """Return every ``*.toml`` of a folder as a song, sorted by name."""
    # hidden ones are what editors and file systems leave beside a file that is being edited
    paths = sorted(path for path in folder.glob("*.toml") if not path.name.startswith("."))
    if not paths:
        raise SpecError(f"{folder}/: no songs here; write {folder}/my-song.toml, or run 'stemtasks new my-song'")
    songs = [read_song(path) for path in paths]
    _no_twins([song.name for song in songs], f"{folder}/: two songs have the name")
    return songs


def read_song(path: Path) -> Song:
    """Read and check one song; raises ``SpecError``."""
    data = _parsed(path)
    try:
        return _song(path, data)
    except SpecError as error:
        raise SpecError(f"{path}: {' '.join(str(error).splitlines())}") from None


def _parsed(path: Path) -> dict[str, Any]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise SpecError(
            f"{path}: is not UTF-8 (byte 0x{raw[error.start]:02x} in line {line}); save it as UTF-8"
        ) from None
    if not text.strip():
        raise SpecError(f"{path}: is empty; a song needs [song], [reference] and at least one [stems.NAME]")
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except (ValueError, RecursionError) as error:  # a whole number of 4300 digits is a plain ValueError
        raise SpecError(f"{path}: is not TOML: {error}") from None


def _song(path: Path, data: dict[str, Any]) -> Song:
    check_name(path.stem, "the file's name")
    for key, value in data.items():
        if key not in TABLES:
            raise SpecError(schema.unknown("table", key, TABLES))
        if not isinstance(value, list if key == "sections" else dict):
            header = "[[sections]]" if key == "sections" else f"[{key}]"
            raise SpecError(f"{key}: expected a table; write {header}")
    song = _table(SongTable, data, "song")
    _check_signature(song.time_signature)
    _check_key(song.key, "song.key")
    # before the stems, which inherit it, so that a mistake is named where it stands
    verify = _table(VerifyTable, data, "verify")
    reference = _table(ReferenceTable, data, "reference")
    if (reference.file is None) == (reference.duration is None):
        raise SpecError("reference: give either 'file' or 'duration', which is where the target duration comes from")
    _needs_tempo(reference.duration, song, "reference.duration")
    sections = tuple(
        _section(table, f"sections[{index}]", song) for index, table in enumerate(data.get("sections", []))
    )
    if sum(section.fill for section in sections) > 1:
        raise SpecError("sections: only one may be marked 'fill = true'")
    tables = data.get("stems", {})
    if not tables:
        raise SpecError("stems: a song needs at least one, written as [stems.NAME] with a generator")
    _no_twins(tables, "stems: two have the name")
    stems = tuple(_stem(name, table, song, data.get("verify", {})) for name, table in tables.items())
    mix = _table(MixTable, data, "mix")
    for name, value in mix.gains_db.items():
        if name not in tables:
            raise SpecError(f"mix.gains_db: {schema.unknown('stem', name, tables)}")
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not -144 <= value <= 48:
            raise SpecError(f"mix.gains_db.{name}: {value!r} is not a number, -144 to 48 dB")
    return Song(
        name=path.stem,
        path=path,
        song=song,
        reference=reference,
        sections=sections,
        stems=stems,
        mix=mix,
        master=_table(MasterTable, data, "master"),
        formats=tuple(
            _named("delivery", "format", value, f"archive.formats[{index}]", song.sample_rate)
            for index, value in enumerate(_table(ArchiveTable, data, "archive").formats)
        ),
        verify=verify,
    )


def _table(kind: Callable[..., Table], data: Mapping[str, Any], where: str) -> Table:
    return kind(**schema.bind(schema.of_table(kind), data.get(where, {}), where))


def _section(table: Any, where: str, song: SongTable) -> SectionTable:
    if not isinstance(table, dict):
        raise SpecError(f"{where}: expected a table; write [[sections]]")
    section = SectionTable(**schema.bind(schema.of_table(SectionTable), table, where))
    given = [section.bars is not None, section.beats is not None, section.fill]
    if sum(given) != 1:
        raise SpecError(f"{where} '{section.name}': give one of 'bars', 'beats' or 'fill = true'")
    if 0.0 in (section.bars, section.beats):
        raise SpecError(f"{where} '{section.name}': its length is 0; a section needs a length, or remove it")
    _check_key(section.key, f"{where}.key")
    if song.bpm is None and not section.fill:
        raise SpecError(f"{where} '{section.name}': sections in bars or beats need song.bpm")
    return section


def _stem(name: str, table: Any, song: SongTable, verify: dict[str, Any]) -> Stem:
    where = f"stems.{name}"
    check_name(name, where)
    if name.endswith(".rejected"):
        raise SpecError(f"{where}: the name may not end with '.rejected', which marks a file that failed; rename it")
    if not isinstance(table, dict):
        raise SpecError(f"{where}: expected a table; write [{where}]")
    common = {parameter.name for parameter in STEM_KEYS.parameters}
    generator = _chosen("generators", "generator", table.get("generator"), where)
    own = {parameter.name for parameter in schema.of("generators", generator).parameters}
    for key in table:
        if key not in common | own:
            raise SpecError(f"{where}: {schema.unknown(f'key (for generator {generator!r})', key, common | own)}")
    bound = schema.bind(STEM_KEYS, {key: value for key, value in table.items() if key in common}, where)
    arguments = {key: value for key, value in table.items() if key in own}
    _needs_tempo(bound["duration"], song, f"{where}.duration")
    return Stem(
        name=name,
        table=StemTable(**bound),
        generator=_bound("generators", generator, arguments, where, song.sample_rate),
        align=_named("strategies", "strategy", bound["align"], f"{where}.align", song.sample_rate),
        effects=tuple(
            _named("effects", "name", effect, f"{where}.effects[{index}]", song.sample_rate)
            for index, effect in enumerate(bound["effects"])
        ),
        verify=VerifyTable(
            **schema.bind(schema.of_table(VerifyTable), {**verify, **bound["verify"]}, f"{where}.verify")
        ),
    )


def _named(kind: parts.Kind, key: str, value: str | dict[str, Any], where: str, sample_rate: int) -> Named:
    """Return a part named by a string, or by ``key`` of a table that holds its parameters too."""
    table = {key: value} if isinstance(value, str) else dict(value)
    return _bound(kind, _chosen(kind, key, table.pop(key, None), where), table, where, sample_rate)


def _bound(kind: parts.Kind, name: str, table: dict[str, Any], where: str, sample_rate: int) -> Named:
    """Return a part with all its arguments."""
    drawn = schema.of(kind, name)
    reference = parts.found(kind, name).reference
    return Named(name, schema.bind(drawn, table, where, sample_rate), reference, drawn.wants)


def _chosen(kind: parts.Kind, key: str, name: Any, where: str) -> str:
    if name is None:
        raise SpecError(f"{where}: '{key}' is missing; it is one of {', '.join(parts.names(kind))}")
    if not isinstance(name, str) or parts.find(kind, name) is None:
        unknown = schema.unknown(parts.CALLED[kind], str(name), parts.names(kind))
        raise SpecError(f"{where}: {unknown}{parts.near_miss(kind, str(name))}")
    return name


def check_name(name: str, where: str) -> None:
    """Refuse a name that could not be a file's on every system, or could leave its folder."""
    found = UNSAFE.search(name)
    if found:
        raise SpecError(f"{where}: the name may not hold {found.group()!r}: it becomes a file's name")
    if name.strip(" .") != name or not name:
        raise SpecError(f"{where}: the name {name!r} may not be empty, or begin or end with a dot or a space")
    if len(name.encode()) > NAME_BYTES:
        raise SpecError(f"{where}: the name has {len(name.encode())} bytes; at most {NAME_BYTES} are allowed")


def _no_twins(names: Iterable[str], what: str) -> None:
    """Refuse names that a case-folding or normalising file system would take for one."""
    seen: dict[str, str] = {}
    for name in names:
        folded = unicodedata.normalize("NFC", name).casefold()
        if folded in seen:
            raise SpecError(f"{what} '{name}', once written '{seen[folded]}'; rename one")
        seen[folded] = name


def _check_key(text: str | None, where: str) -> None:
    if text is not None:
        try:
            parse_key(text)
        except SpecError as error:
            raise SpecError(f"{where}: {error}") from None


def _check_signature(text: str) -> None:
    match = re.fullmatch(r"([0-9]{1,2})/(1|2|4|8|16|32)", text)
    if match is None or not int(match.group(1)):
        raise SpecError(f"song.time_signature: '{text}' is not one such as '4/4' or '6/8'")


def _needs_tempo(duration: float | str | None, song: SongTable, where: str) -> None:
    if isinstance(duration, str) and "b" in duration and song.bpm is None:
        raise SpecError(f"{where}: '{duration}' needs song.bpm")
