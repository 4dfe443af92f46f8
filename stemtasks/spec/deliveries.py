"""What is handed over: each ``[deliveries.NAME]`` of a song, bound, and the files that are made for it alone.

What an album asks of one of its songs, its master in a form and at a loudness, is a delivery of that song too, with no
archive of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stemtasks import plugins
from stemtasks.delivery.names import archive_name, same_name
from stemtasks.errors import Mistakes, SpecError
from stemtasks.paths import BUILD
from stemtasks.spec import binding, schema
from stemtasks.spec.tables import DeliveryTable, FilesTable, VerifyTable

if TYPE_CHECKING:
    from stemtasks.spec.groups import Group
    from stemtasks.spec.song import Named, Song, Stem

PARTS = ("stems", "mix", "master", "previews")
MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
"""MPEG-1, 2 and 2.5 layer III have no others."""
ENDINGS = {"wav": "wav", "rf64": "wav", "flac": "flac", "mp3": "mp3"}
ENDING = re.compile(r"[A-Za-z0-9]+")
MP3_SUBTYPE = "MPEG_LAYER_III"
PREMASTER = "premaster"
"""The mix at a delivery's sample rate, as its master is made of it; it is not delivered."""


@dataclass(frozen=True)
class Form:
    """What the files of a part are: a format, a subtype as it is read back, a sample rate in Hz.

    What a program encodes has the subtype of the WAV that it is given; ``encode`` and ``decode`` are its command lines.
    """

    format: str
    subtype: str
    sample_rate: int
    encode: tuple[str, ...] = ()
    decode: tuple[str, ...] = ()
    own_ending: str = ""

    @property
    def is_lossy(self) -> bool:
        """Return whether what is read back is not what was written."""
        return self.format in ("mp3", "command")

    @property
    def ending(self) -> str:
        """Return the ending of the files' names."""
        return self.own_ending or ENDINGS[self.format]

    @property
    def told(self) -> str:
        """Return what facts call its subtype: of what a program encodes, the name of that."""
        return self.own_ending.upper() if self.format == "command" else self.subtype


@dataclass(frozen=True)
class OfAlbum:
    """The album that asks for a delivery: its name, its place in the spec, and the file that has its gain, if any."""

    name: str
    where: str
    gain: str | None = None


@dataclass(frozen=True)
class Delivery:
    """One archive: its table, bound, what its parts' files are, and what it writes beside them.

    That of an album has the song's name, and lies with the album.
    """

    name: str
    table: DeliveryTable
    forms: dict[str, Form]
    """By part, ``stems``, ``mix``, ``master`` and ``previews``; what is not delivered is not in it."""
    formats: tuple[Named, ...]
    verify: dict[str, Any]
    """Limits that it says itself."""
    album: OfAlbum | None = None
    written: tuple[str, ...] = ()
    """The names of what its formats write, where it is a folder."""

    @property
    def groups(self) -> bool:
        """Return whether groups are in it in place of their stems."""
        return self.table.groups is not False

    @property
    def gain(self) -> str | None:
        """Return the file that has the album's gain, where one for all of its songs is asked."""
        return self.album.gain if self.album else None

    def called(self, song: Song, name: str) -> str:
        """Return what a task of it is called behind its stage."""
        return f"{self.album.name}/{name}" if self.album else song.called(name)

    def where(self, song: Song) -> str:
        """Return its place in a spec, for messages."""
        return self.album.where if self.album else song.where(f"deliveries.{self.name}")

    def product(self, song: Song, *parts: str) -> str:
        """Return the path of a file that is built for it, without ending."""
        if self.album:
            return "/".join((BUILD.name, self.album.name, *parts, song.name))
        return song.product("deliveries", self.name, *parts)

    @property
    def mastered(self) -> Form | None:
        """Return the form of its master, or of the preview that stands for it, whose sample rate that is made at."""
        return self.forms.get("master") or self.forms.get("previews")

    @property
    def is_the_songs(self) -> bool:
        """Return whether it is the one archive of a song that has no deliveries."""
        return not self.name


@dataclass(frozen=True)
class Mastered:
    """A master: the song's own, which has no name, or one that a delivery asks for."""

    name: str
    delivery: Delivery | None = None


@dataclass(frozen=True)
class Converted:
    """A file that is made for a delivery: of which file (``part``, and the stem if it is one), as what."""

    delivery: Delivery
    part: str
    form: Form
    stem: Stem | Group | None = None

    @property
    def name(self) -> str:
        """Return what its task is called behind the song's name."""
        return f"{self.delivery.name}/{self.part}" + (f"/{self.stem.name}" if self.stem else "")


def the_songs(formats: tuple[Named, ...], groups: bool) -> Delivery:
    """Return the archive of a song that has no deliveries."""
    return Delivery("", DeliveryTable(groups=groups), {}, formats, {})


def mastered(song: Song) -> Iterator[Mastered]:
    """Yield the song's master, and one for each delivery that asks for another."""
    yield Mastered("")
    yield from own_masters(song, song.deliveries)


def own_masters(song: Song, deliveries: Iterable[Delivery]) -> Iterator[Mastered]:
    """Yield the masters of those deliveries that ask for another than the song's."""
    yield from (Mastered(each.name, each) for each in deliveries if own_master(song, each))


def own_master(song: Song, delivery: Delivery) -> bool:
    """Return whether a delivery's master is not the song's: by loudness, ceiling, subtype, rate, or an album's gain.

    What is encoded with losses is made of a master in the song's subtype.
    """
    form = delivery.mastered
    if form is None or delivery.gain is not None:
        return form is not None
    found = song.loudness_of(delivery), song.ceiling_of(delivery), master_subtype(song, delivery), form.sample_rate
    return found != (song.loudness_lufs, song.master.ceiling_dbtp, song.song.subtype, song.song.sample_rate)


def master_subtype(song: Song, delivery: Delivery) -> str:
    """Return the subtype of the WAV that a delivery's master is, or is encoded from."""
    form = delivery.forms.get("master")
    return song.song.subtype if form is None or form.is_lossy else form.subtype


def is_converted(song: Song, delivery: Delivery, part: str) -> bool:
    """Return whether the files of a part are not those that the song has."""
    form = delivery.forms[part]
    if part in ("master", "previews"):
        return form.format != "wav" or part == "previews"
    return form != Form("wav", "FLOAT" if part == "mix" else song.song.subtype, song.song.sample_rate)


def converted_file(song: Song, delivery: Delivery, form: Form, *names: str) -> dict[str, str]:
    """Return the paths of a file that is made for a delivery, by role."""
    made = delivery.product(song, "converted", *names)
    return {"audio": f"{made}.{form.ending}", "facts": f"{made}.json"}


def master_file(song: Song, delivery: Delivery) -> dict[str, str]:
    """Return the paths of the WAV that a delivery's master is, or is encoded from."""
    made = delivery.product(song, "master") if own_master(song, delivery) else song.product("master")
    return {"audio": f"{made}.wav", "facts": f"{made}.json", "loudness": f"{made}.loudness.json"}


def delivered_file(song: Song, delivery: Delivery, part: str, stem: Stem | Group | None = None) -> dict[str, str]:
    """Return the paths of a file as a delivery has it, and of its facts."""
    names = (part,) if stem is None else (part, stem.name)
    if is_converted(song, delivery, part):
        return converted_file(song, delivery, delivery.forms[part], *names)
    if part == "master":
        return master_file(song, delivery)
    return song.audio("mix") if stem is None else song.processed(stem.name)


def converted(song: Song, deliveries: Iterable[Delivery]) -> Iterator[Converted]:
    """Yield each file that deliveries have in another form than the song's."""
    rate = song.song.sample_rate
    for delivery in deliveries:
        mastered = delivery.mastered
        if mastered is not None and mastered.sample_rate != rate:
            yield Converted(delivery, PREMASTER, Form("wav", "FLOAT", mastered.sample_rate))
        for part, form in delivery.forms.items():
            if is_converted(song, delivery, part):
                stems = song.delivered(delivery.groups) if part == "stems" else (None,)
                yield from (Converted(delivery, part, form, stem) for stem in stems)


def read_deliveries(
    song: Song, data: dict[str, Any], named: Callable[..., Named], mistakes: Mistakes
) -> Iterator[Delivery]:
    """Yield the deliveries of a song that was read, noting what is wrong with each.

    ``named`` finds a delivery format, as ``[archive]`` names them.
    """
    archives: dict[str, str] = {}
    for name, table in data.items():
        with mistakes:
            delivery = _delivery(song, name, table, named)
            file = archive_name(song.archive_params(delivery))
            twin = archives.setdefault(same_name(file), name)
            if twin != name:
                raise SpecError(
                    f"deliveries.{name}: its archive would be {file}, as that of deliveries.{twin}; rename one"
                )
            yield delivery


def _delivery(song: Song, name: str, given: Any, named: Callable[..., Named]) -> Delivery:
    where = f"deliveries.{name}"
    if not isinstance(given, dict):
        raise SpecError(f"{where}: expected a table; write [{where}]")
    mistakes = Mistakes()
    bound = binding.bound_with(mistakes, schema.of_table(DeliveryTable), given, where)
    table = DeliveryTable(**bound)
    if table.groups is None:
        table = replace(table, groups=song.groups_delivered)
    forms: dict[str, Form] = {}
    for part in PARTS:
        with mistakes:
            form = _form(song, table, part, where)
            if form is not None:
                forms[part] = form
    asked = [part for part in PARTS if getattr(table, part) not in (False, None)]
    if not asked or (asked == ["stems"] and not song.delivered(table.groups is not False)):
        mistakes.append(f"{where}: nothing is in it; give it stems, mix, master or previews, or leave the table out")
    for key in ("loudness_lufs", "ceiling_dbtp"):
        if table.master is False and table.previews is False and getattr(table, key) is not None:
            mistakes.append(f"{where}.{key}: it has no master; leave {key} out, or write master = true")
    if len(set(table.fields)) < len(table.fields) or "part" not in table.fields:
        mistakes.append(f"{where}.fields: each may be there once, and 'part' must, which tells the files apart")
    formats = list(song.formats) if table.formats is None else []
    for index, value in enumerate(table.formats or ()):
        with mistakes:
            formats.append(named(value, f"{where}.formats[{index}]"))
    limits: dict[str, Any] = {}
    with mistakes:
        limits = binding.bind(schema.of_table(VerifyTable), table.verify, f"{where}.verify")
    written: tuple[str, ...] = ()
    if table.container == "folder":
        with mistakes:
            written = tuple(_written(song, formats, where))
    mistakes.settle()
    held = {key: limits[key] for key in table.verify}
    return Delivery(name, table, forms, tuple(formats), held, written=written)


def _written(song: Song, formats: list[Named], where: str) -> Iterator[str]:
    """Yield the names of what delivery formats write: a folder's files are known before any is made."""
    for each in formats:
        names = plugins.beside(each.reference, "names", {**each.arguments, "title": song.title})
        if names is None:
            raise SpecError(
                f"{where}.container: {each.name} does not say what its files are called, which a folder needs; write a "
                "function names() beside it, or container = 'zip'"
            )
        yield from names


def _form(song: Song, table: DeliveryTable, part: str, where: str) -> Form | None:
    """Return what the files of a part are, or None for one that is not delivered."""
    given = getattr(table, part)
    if given is False or (part == "stems" and not song.delivered(table.groups is not False)):
        return None
    where = f"{where}.{part}"
    given = {} if given is True else given
    if part == "previews":
        given = {"format": "mp3"} | given
    files = FilesTable(**binding.bind(schema.of_table(FilesTable), given, where))
    rate = table.sample_rate or song.song.sample_rate
    if part == "previews" and files.format == "mp3" and rate > max(MP3_RATES):
        rate = 44_100 if rate % 44_100 == 0 else 48_000
    # the mix is float whatever the song delivers, so that nothing in it is cut off
    subtype = "FLOAT" if part == "mix" else song.song.subtype
    return form_of(files, rate, subtype, where)


def form_of(files: FilesTable, sample_rate: int, subtype: str, where: str) -> Form:
    """Return what files are, ``subtype`` where their table says none; raises ``SpecError`` where none can be so."""
    programs = files.encode or (), files.decode or ()
    if files.format == "command":
        if not all(programs) or not ENDING.fullmatch(files.ending):
            raise SpecError(
                f"{where}: format 'command' needs encode and decode, two programs, and an ending of letters and "
                "digits; write all three"
            )
        given = files.subtype or ("PCM_24" if subtype == "FLOAT" else subtype)  # few encoders read float
        return Form("command", given, sample_rate, tuple(programs[0]), tuple(programs[1]), files.ending)
    if any(programs) or files.ending:
        raise SpecError(f"{where}: encode, decode and ending are of format 'command'; leave them out, or write that")
    if files.format == "mp3":
        if files.subtype is not None:
            raise SpecError(f"{where}.subtype: MP3 has none; leave it out")
        if sample_rate not in MP3_RATES:
            raise SpecError(
                f"{where}.format: MP3 has no {sample_rate} Hz, only {', '.join(map(str, MP3_RATES))}; give the "
                "delivery a sample_rate of these"
            )
        return Form("mp3", MP3_SUBTYPE, sample_rate)
    subtype = files.subtype or subtype
    if files.format == "flac":
        if files.subtype == "FLOAT":
            raise SpecError(f"{where}.subtype: FLAC holds no FLOAT; write PCM_24 or PCM_16, or format = 'wav'")
        subtype = "PCM_24" if subtype == "FLOAT" else subtype
    return Form(files.format, subtype, sample_rate)
