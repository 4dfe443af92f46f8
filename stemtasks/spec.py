"""A song's TOML file as frozen dataclasses; an error names the file, the table, the key, the value and what is allowed.

Every table is a dataclass here, every generator, strategy and effect a signature elsewhere;
both are the schema (``schema.py``). Nothing here opens audio.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from stemtasks import plugins, schema
from stemtasks.dsp.pitch import parse_key
from stemtasks.errors import SpecError
from stemtasks.units import Beats, Bpm, File, GainDb, Length, Pan, Range

Subtype = Literal["FLOAT", "PCM_24", "PCM_16"]
StemKind = Literal["drums", "bass", "melodic", "vocal", "pad", "fx"]
UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff/\\:*?"<>|=]')
NAME_BYTES = 150
Table = TypeVar("Table")


@dataclass(frozen=True)
class SongTable:
    """What holds for the whole song.

    Attributes
    ----------
    title
        The title in the archive; the spec's file name if not given.
    artist
        The artist in the archive's sheet.
    bpm
        Quarter notes a minute; needed by sections, drums and anything synced to the tempo.
    time_signature
        Beats in a bar, such as '4/4' or '6/8'.
    key
        The key where a section names none, such as 'G major' or 'E minor'.
    sample_rate
        Of every file that is made.
    subtype
        Of delivered files (processed stems and the master); files on the way are FLOAT.
    channels
        Of processed stems, the mix and the master.
    seed
        Of everything random: the same seed gives the same bytes.
    tail_seconds
        Time after the target in which effects may ring out; every delivered file has it.
    """

    title: str = ""
    artist: str = ""
    bpm: Bpm | None = None
    time_signature: str = "4/4"
    key: str | None = None
    sample_rate: Annotated[int, Range(8000, 384_000, "Hz")] = 48_000
    subtype: Subtype = "FLOAT"
    channels: Annotated[int, Range(1, 2)] = 2
    seed: Annotated[int, Range(0, 2**53)] = 0
    tail_seconds: Annotated[float, Range(0.0, 120.0, "s")] = 0.0


@dataclass(frozen=True)
class ReferenceTable:
    """Where the target duration comes from: a file, or a duration.

    Attributes
    ----------
    file
        A recording whose duration is the target.
    duration
        The target where there is no file.
    min_duration
        The file must not be shorter.
    sample_rate
        The file must have it.
    channels
        The file must have as many.
    """

    file: File | None = None
    duration: Length | None = None
    min_duration: Length | None = None
    sample_rate: Annotated[int, Range(1, 768_000, "Hz")] | None = None
    channels: Annotated[int, Range(1, 64)] | None = None


@dataclass(frozen=True)
class SectionTable:
    """One section, in the order of the song.

    Attributes
    ----------
    name
        What patterns call it; a name may come again.
    bars
        Its length in bars.
    beats
        Its length in quarter notes, instead of bars.
    fill
        It takes what the other sections leave of the target.
    key
        Its key, where it differs from the song's.
    """

    name: str
    bars: Annotated[float, Range(0.0, 100_000.0, "bars")] | None = None
    beats: Beats | None = None
    fill: bool = False
    key: str | None = None


@dataclass(frozen=True)
class StemTable:
    """What every stem may say, beside its generator's own parameters.

    Attributes
    ----------
    generator
        What makes it.
    title
        Its name in the archive, if not the table's.
    kind
        What it holds, which 'align = "auto"' asks.
    duration
        How long it is before it is aligned: rendered to that, or, for a recording, checked against it.
    align
        How it is fitted to the target: a strategy's name, or a table with 'strategy' and its parameters.
    effects
        A chain of tables, each with 'name' and that effect's parameters.
    gain_db
        After the effects; the delivered stem has it.
    pan
        After the effects, equal power.
    tail
        Whether effects ring into the song's tail, or end at the target.
    channels
        Of the stem before it is processed; the song's if not given.
    bpm
        The recording's own tempo, where it is not the song's.
    seed
        Instead of one drawn from the song's seed and the stem's name.
    verify
        Limits that differ from the song's.
    """

    generator: str
    title: str = ""
    kind: StemKind | None = None
    duration: Length | None = None
    align: Annotated[str, "a strategy"] | dict[str, Any] = "auto"
    effects: list[dict[str, Any]] = field(default_factory=list)
    gain_db: GainDb = 0.0
    pan: Pan = 0.0
    tail: Literal["keep", "cut"] = "keep"
    channels: Annotated[int, Range(1, 2)] | None = None
    bpm: Bpm | None = None
    seed: Annotated[int, Range(0, 2**53)] | None = None
    verify: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MixTable:
    """The faders between the processed stems and the mix.

    Attributes
    ----------
    gain_db
        Of all stems.
    gains_db
        Of single stems, by name, added to that.
    """

    gain_db: GainDb = 0.0
    gains_db: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MasterTable:
    """How loud the master is.

    Attributes
    ----------
    loudness_lufs
        Integrated loudness (EBU R128); 'off' keeps the mix's.
    ceiling_dbtp
        No true peak is above it.
    """

    loudness_lufs: Annotated[float, Range(-60.0, -5.0, "LUFS")] | Literal["off"] = -14.0
    ceiling_dbtp: Annotated[float, Range(-20.0, 0.0, "dBTP")] = -1.0


@dataclass(frozen=True)
class VerifyTable:
    """Limits; a change verifies again and renders nothing.

    Attributes
    ----------
    silence_dbfs
        A file's RMS must be above it.
    clipping_ratio
        Largest share of samples in flat tops.
    dc_offset
        Largest mean of a channel, full scale being 1.
    duration_tolerance_ms
        How far a recording may be from its 'duration'.
    loudness_tolerance_lu
        How far the master may be from its loudness.
    seam_dip_db
        Largest change of level at a seam.
    seam_jump
        Largest step at a seam, in multiples of the steps around it.
    seam_beat_error_ms
        How far a seam may be from the beat.
    """

    silence_dbfs: Annotated[float, Range(-200.0, 0.0, "dBFS")] = -60.0
    clipping_ratio: Annotated[float, Range(0.0, 1.0)] = 0.001
    dc_offset: Annotated[float, Range(0.0, 1.0)] = 0.02
    duration_tolerance_ms: Annotated[float, Range(0.0, 60_000.0, "ms")] = 50.0
    loudness_tolerance_lu: Annotated[float, Range(0.0, 20.0, "LU")] = 0.5
    seam_dip_db: Annotated[float, Range(0.0, 200.0, "dB")] = 6.0
    seam_jump: Annotated[float, Range(0.0, 1e6)] = 4.0
    seam_beat_error_ms: Annotated[float, Range(0.0, 1000.0, "ms")] = 1.0


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


TABLES = {
    "song": SongTable,
    "reference": ReferenceTable,
    "sections": SectionTable,
    "stems": StemTable,
    "mix": MixTable,
    "master": MasterTable,
    "verify": VerifyTable,
}
STEM_KEYS = schema.of_table(StemTable)


def load_all(folder: Path) -> list[Song]:
    """Return every ``*.toml`` of a folder as a song, sorted by name."""
    # hidden ones are what editors and file systems leave beside a file that is being edited
    paths = sorted(path for path in folder.glob("*.toml") if not path.name.startswith("."))
    if not paths:
        raise SpecError(f"{folder}/: no songs here; write {folder}/my-song.toml, or run 'stemtasks new my-song'")
    songs = [load(path) for path in paths]
    _no_twins([song.name for song in songs], f"{folder}/: two songs have the name")
    return songs


def load(path: Path) -> Song:
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
        verify=verify,
    )


def _table(kind: type[Table], data: Mapping[str, Any], where: str) -> Table:
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
    generator = _chosen("stems", "generator", table.get("generator"), where)
    own = {parameter.name for parameter in schema.of("stems", generator).parameters}
    for key in table:
        if key not in common | own:
            raise SpecError(f"{where}: {schema.unknown(f'key (for generator {generator!r})', key, common | own)}")
    bound = schema.bind(STEM_KEYS, {key: value for key, value in table.items() if key in common}, where)
    arguments = {key: value for key, value in table.items() if key in own}
    _needs_tempo(bound["duration"], song, f"{where}.duration")
    return Stem(
        name=name,
        table=StemTable(**bound),
        generator=Named(generator, schema.bind(schema.of("stems", generator), arguments, where, song.sample_rate)),
        align=_named("strategies", "strategy", bound["align"], f"{where}.align", song.sample_rate),
        effects=tuple(
            _named("effects", "name", effect, f"{where}.effects[{index}]", song.sample_rate)
            for index, effect in enumerate(bound["effects"])
        ),
        verify=VerifyTable(
            **schema.bind(schema.of_table(VerifyTable), {**verify, **bound["verify"]}, f"{where}.verify")
        ),
    )


def _named(kind: plugins.Kind, key: str, value: str | dict[str, Any], where: str, sample_rate: int) -> Named:
    """Return a plugin named by a string, or by ``key`` of a table that holds its parameters too."""
    table = {key: value} if isinstance(value, str) else dict(value)
    name = _chosen(kind, key, table.pop(key, None), where)
    return Named(name, schema.bind(schema.of(kind, name), table, where, sample_rate))


def _chosen(kind: plugins.Kind, key: str, name: Any, where: str) -> str:
    what = {"stems": "generator", "strategies": "strategy", "effects": "effect"}[kind]
    known = plugins.names(kind)
    if name is None:
        raise SpecError(f"{where}: '{key}' is missing; it is one of {', '.join(known)}")
    if not isinstance(name, str) or name not in known:
        raise SpecError(f"{where}: {schema.unknown(what, str(name), known)}")
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


def beats_per_bar(time_signature: str) -> float:
    """Return the quarter notes in a bar: 4 for 4/4, 3 for 6/8."""
    beats, _, unit = time_signature.partition("/")
    return int(beats) * 4 / int(unit)


def plain(table: Any) -> dict[str, Any]:
    """Return a table as plain data."""
    return asdict(table)
