"""A song, checked: its tables as frozen data, and what every stage asks of it: paths, lengths, limits, seeds."""

from __future__ import annotations

import contextlib
import hashlib
import os
import unicodedata
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtasks import seen
from stemtasks.errors import SpecError
from stemtasks.paths import BUILD, DRAFT_PREFIX, DRAFTS, within
from stemtasks.positions import WHOLE, Known, length_in
from stemtasks.spec.tables import (
    MasterTable,
    MixTable,
    ReferenceTable,
    SectionTable,
    SendTable,
    SongTable,
    StemTable,
    VerifyTable,
)
from stemtasks.timeline import frames_of_beats

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from fractions import Fraction

    from stemtasks.spec.deliveries import Converted, Delivery, Mastered
    from stemtasks.spec.groups import Group


@dataclass(frozen=True)
class Named:
    """A generator, strategy or effect chosen by name, with all its arguments."""

    name: str
    arguments: dict[str, Any]
    reference: str
    wants: frozenset[str] = frozenset()
    """What the stage is to give it beside its arguments: ``timeline``, ``seed``."""


@dataclass(frozen=True)
class Stem:
    """One stem: its table, bound."""

    name: str
    table: StemTable
    generator: Named
    align: Named
    effects: tuple[Named, ...]
    verify: VerifyTable
    sync: bool = False
    """Whether it is brought in time with the reference when it is aligned."""
    mend: tuple[Named, ...] = ()
    takes_mend: bool = False
    """Whether its audio comes from outside, so that effects may mend it before it is verified."""
    sends: tuple[SendTable, ...] = ()

    @property
    def kind(self) -> str | None:
        """Return the kind that the spec says, or that follows from the generator."""
        return self.table.kind or ("drums" if self.generator.name == "drums" else None)

    @property
    def described(self) -> dict[str, Any]:
        """Return what the spec says of it, as plain data for a reader of what is delivered."""
        return {
            "title": self.table.title or None,
            "kind": self.kind,
            "generator": self.generator.name,
            "arguments": self.generator.arguments,
            "align": {"strategy": self.align.name, "arguments": self.align.arguments},
            "effects": _chain(self.effects),
            "gain_db": self.table.gain_db,
            "pan": self.table.pan,
            **({"mend": _chain(self.mend)} if self.mend else {}),
        }


def _chain(effects: tuple[Named, ...]) -> list[dict[str, Any]]:
    return [{"effect": effect.name, "arguments": effect.arguments} for effect in effects]


@dataclass(frozen=True)
class Song:
    """One song, checked."""

    name: str
    path: Path
    song: SongTable
    reference: ReferenceTable
    sections: tuple[SectionTable, ...]
    stems: tuple[Stem, ...]
    groups: tuple[Group, ...]
    mix: MixTable
    mix_effects: tuple[Named, ...]
    master: MasterTable
    master_effects: tuple[Named, ...]
    formats: tuple[Named, ...]
    verify: VerifyTable
    wav_chunks: tuple[str, ...] = ()
    """What delivered WAVs say of themselves."""
    tags: dict[str, Any] = field(default_factory=dict)
    """What delivered FLACs and MP3s say, beside the song's title and the like."""
    report: bool = False
    """Whether archives have the report that do not say it themselves."""
    groups_delivered: bool = True
    """Whether archives have groups in place of their stems that do not say it themselves."""
    deliveries: tuple[Delivery, ...] = ()
    is_draft: bool = False

    def each(self, what: str) -> Sequence[Stem | Group | Delivery | Mastered | Converted]:
        """Return what a stage makes a file each of; what has no name is the song's own.

        Every ``stem``, every ``group``, each ``strip`` (both), all ``compared`` with a reference's file, every
        ``delivery``, what is ``mastered`` and ``converted`` for them, and the mix where it is ``premastered``; the
        faders where any is ``matched`` with the reference, and the stems that are ``placed`` as they are there.
        """
        from stemtasks.spec import deliveries  # noqa: PLC0415 - it needs what a song is

        if what == "delivery":
            return self.deliveries or (deliveries.the_songs(self.formats, self.groups_delivered),)
        if what == "mastered":
            return tuple(deliveries.mastered(self))
        if what == "converted":
            return tuple(deliveries.converted(self, self.deliveries))
        if what == "premastered":
            return (deliveries.Mastered(""),) if self.master_effects else ()
        if what == "matched":
            return (deliveries.Mastered(""),) if self.matched else ()
        if what == "placed":
            return self.stems if self.mix.match else ()
        if what == "compared":
            return self.stems if self.reference.file is not None else ()
        strips: dict[str, tuple[Stem | Group, ...]] = {"stem": self.stems, "group": self.groups, "strip": self.strips}
        return strips.get(what, ())

    def arguments(self, what: str | None) -> Iterator[tuple[object, ...]]:
        """Yield what the ``job`` of a stage takes, for each file that it makes of the song; what has no name is one."""
        if what is None:
            yield (self,)
        else:
            yield from ((self, each) for each in self.each(what))

    def names(self, what: str | None) -> list[str]:
        """Return what the tasks of a stage are called behind it."""
        return [self.name] if what is None else [self.called(each.name) for each in self.each(what)]

    def called(self, name: str) -> str:
        """Return what a task is called behind its stage: for what has no name of its own as the song."""
        return f"{self.name}/{name}" if name else self.name

    @cached_property
    def strips(self) -> tuple[Stem | Group, ...]:
        """Return what has effects, gain, pan and sends, and is a file of its own: the stems, then the groups."""
        return (*self.stems, *self.groups)

    @cached_property
    def within(self) -> dict[str, Group]:
        """Return the group that each stem or group is in, by its name."""
        return {name: group for group in self.groups for name in group.table.stems}

    @cached_property
    def mixed(self) -> tuple[Stem | Group, ...]:
        """Return what the mix sums: the stems and groups that are in no group, a group where its first stem stands."""
        places: dict[str, int] = {}
        for place, stem in enumerate(self.stems):
            name = stem.name
            while name in self.within:
                name = self.within[name].name
            places.setdefault(name, place)
        outer = (strip for strip in self.strips if strip.name not in self.within)
        return tuple(sorted(outer, key=lambda strip: places.get(strip.name, len(self.stems))))

    def handed(self, groups: bool) -> tuple[Stem | Group, ...]:
        """Return what together is the mix, delivered or withheld: groups in place of their stems, or the stems."""
        if groups:
            return self.mixed
        return (*self.stems, *(group for group in self.groups if not group.table.stems))

    def delivered(self, groups: bool) -> tuple[Stem | Group, ...]:
        """Return those of them that are delivered."""
        return tuple(strip for strip in self.handed(groups) if strip.table.deliver)

    def strip(self, name: str) -> Stem | Group:
        """Return a stem or a group by name."""
        return next(strip for strip in self.strips if strip.name == name)

    def table_of(self, strip: Stem | Group) -> str:
        """Return the table of a stem or a group in the spec."""
        return f"{'stems' if isinstance(strip, Stem) else 'groups'}.{strip.name}"

    def effects(self) -> Iterator[tuple[str, Named]]:
        """Yield every effect, and its place in the spec."""
        for stem in self.stems:
            for key, chain in (("mend", stem.mend), ("effects", stem.effects)):
                yield from _places(f"stems.{stem.name}.{key}", chain)
        for group in self.groups:
            yield from _places(f"groups.{group.name}.effects", group.effects)
        yield from _places("mix.effects", self.mix_effects)
        yield from _places("master.effects", self.master_effects)

    @property
    def title(self) -> str:
        """Return the title, or the spec's name."""
        return self.song.title or self.name

    def seed(self, *names: str) -> int:
        """Return a seed below 2**63 for a part of the song."""
        digest = hashlib.sha256("\0".join([str(self.song.seed), *names]).encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1

    def where(self, table: str) -> str:
        """Return a place in the spec, for messages."""
        return f"{self.path.as_posix()}: {table}"

    def product(self, *parts: str) -> str:
        """Return the path of a file that is built of this song."""
        if self.is_draft:
            return _as_draft(self.name, *parts)
        return "/".join((BUILD.name, self.name, *parts))

    def audio(self, *parts: str) -> dict[str, str]:
        """Return the paths of an audio file that is built, without ending, and of the facts beside it, by role."""
        path = self.product(*parts)
        return {"audio": f"{path}.wav", "facts": f"{path}.json"}

    def processed(self, name: str) -> dict[str, str]:
        """Return the paths of the file of a stem or a group as it is delivered, and of its facts.

        It is behind its effects, gain and pan, and placed as in the reference where the mix is matched with that.
        """
        is_placed = self.mix.match and any(stem.name == name for stem in self.stems)
        return self.audio("placed", name) if is_placed else self.before_match(name)

    def before_match(self, name: str) -> dict[str, str]:
        """Return the paths of the file of a stem or a group behind its effects, gain and pan, and of its facts."""
        return self.audio("groups" if any(group.name == name for group in self.groups) else "processed", name)

    @cached_property
    def matched(self) -> tuple[str, ...]:
        """Return the stems whose faders are as in the reference."""
        return tuple(stem.name for stem in self.stems if self.mix.match or stem.table.level)

    def found_by_match(self, names: Iterable[str]) -> dict[str, str]:
        """Return where it is said what was found of those stems, as inputs of a job (``audio/matched.py``)."""
        return {f"match/{name}": self.product("match", f"{name}.json") for name in names if name in self.matched}

    def sent(self, strip: Stem | Group) -> str:
        """Return the path of what is sent of a stem or a group before its gain and pan."""
        return self.product("sends", f"{strip.name}.wav")

    def outputs_of_sends(self, strip: Stem | Group) -> dict[str, str]:
        """Return that file as an output of the task that makes it, where it is asked for."""
        return {"pre": self.sent(strip)} if any(send.pre for send in strip.sends) else {}

    @property
    def premaster(self) -> str:
        """Return the path, without ending, of what is mastered: the mix, or the mix behind the master's effects."""
        return self.product("premaster" if self.master_effects else "mix")

    def input(self, path: str) -> str:
        """Return where a file of the spec lies, named from its own folder; a built one as its task names it."""
        file = _as_on_disk(self.path.parent / path)
        with contextlib.suppress(ValueError, OSError):
            built = (BUILD / file.resolve().relative_to(BUILD.resolve())).as_posix()
            seen.follow(file)
            made = within(Path(built), BUILD)
            return _as_draft(*made) if self.is_draft and len(made) > 1 else built
        return file.as_posix()

    def length(self, length: float | str) -> tuple[float, str]:
        """Return a length in seconds ('s') or in 'beats'."""
        found = length_in(length)
        assert found is not None  # as it was read
        number, unit = found
        return (number * self.beats_per_bar, "beats") if unit == "bars" else (number, unit)

    def seconds(self, length: float | str) -> float:
        """Return a length in seconds, on whole frames where it is musical."""
        number, unit = self.length(length)
        if unit == "s":
            return number
        if self.song.bpm is None:
            raise SpecError(f"{self.path}: '{length}' needs song.bpm")
        return frames_of_beats(number, self.song.bpm, self.song.sample_rate) / self.song.sample_rate

    @property
    def beats_per_bar(self) -> float:
        """Return the quarter notes in a bar: 4 for 4/4, 3 for 6/8."""
        return beats_in_bar(self.song.time_signature)

    @property
    def known(self) -> Known:
        """Return what the parameters of stems may speak of."""
        return known_of(self.song, (section.name for section in self.sections))

    @cached_property
    def start_stamps(self) -> dict[str, Fraction]:
        """Return when its recordings begin, by stem, in seconds since midnight, as far as they say so."""
        from stemtasks.spec.stamps import stamps_of  # noqa: PLC0415 - it needs what reads songs

        return stamps_of(self)

    @cached_property
    def recording_lengths(self) -> dict[str, tuple[str, float]]:
        """Return path and seconds of its recordings that may be tracks of one session, by stem."""
        from stemtasks.spec.sessions import lengths_of  # noqa: PLC0415 - it needs what reads songs

        return lengths_of(self)

    @property
    def gains_db(self) -> dict[str, float]:
        """Return the mix's gain of each stem and group that it sums."""
        return self.handed_gains_db(groups=True)

    def fader_db(self, name: str) -> float:
        """Return the gain of a stem or a group on its way into its group or the mix."""
        return float(self.mix.gains_db.get(name, 0.0))

    def handed_gains_db(self, groups: bool) -> dict[str, float]:
        """Return the gain from each file that together are the mix (``handed``) to it."""
        return {strip.name: self.gain_to_mix_db(strip.name) for strip in self.handed(groups)}

    def gain_to_mix_db(self, name: str) -> float:
        """Return the gain from the file of a stem or a group to the mix, through the groups that it is in.

        Without a group's gain that changes along the song, which no number is.
        """
        gain_db = self.mix.gain_db + self.fader_db(name)
        while name in self.within:
            group = self.within[name]
            own_db = group.table.gain_db if isinstance(group.table.gain_db, float) else 0.0
            name, gain_db = group.name, gain_db + own_db + self.fader_db(group.name)
        return float(gain_db)

    def rounded(self, groups: bool) -> dict[str, Any]:
        """Return how the groups are rounded that are PCM on the way to the mix and not delivered, and their gains."""
        within = [group.name for group in self.groups if group.table.stems]
        if groups or not within or self.song.subtype == "FLOAT":
            return {}
        form = {"subtype": self.song.subtype, "dither": self.dither, "sample_rate": self.song.sample_rate}
        return form | {"gains_db": [self.gain_to_mix_db(name) for name in within]}

    @property
    def dither(self) -> str:
        """Return how delivered files are dithered: 'off' where they are float, so that a change makes nothing anew."""
        return self.dither_of(self.song.subtype)

    def dither_of(self, subtype: str) -> str:
        """Return how a file of a subtype is dithered: 'off' where nothing is rounded."""
        return self.song.dither if subtype.startswith("PCM") else "off"

    @property
    def loudness_lufs(self) -> float | None:
        """Return the loudness asked of the master, or None where the mix's is kept."""
        return None if self.master.loudness_lufs == "off" else self.master.loudness_lufs

    def loudness_of(self, delivery: Delivery) -> float | None:
        """Return the loudness asked of a delivery's master, None where the mix's is kept or an album's gain decides."""
        if delivery.gain is not None:
            return None
        asked = delivery.table.loudness_lufs
        return self.loudness_lufs if asked is None else None if asked == "off" else asked

    def ceiling_of(self, delivery: Delivery) -> float:
        """Return the ceiling of a delivery's master."""
        asked = delivery.table.ceiling_dbtp
        return self.master.ceiling_dbtp if asked is None else asked

    def has_report(self, delivery: Delivery) -> bool:
        """Return whether a delivery's archive has the song's report."""
        asked = delivery.table.report
        return self.report if asked is None else asked

    def archive_params(self, delivery: Delivery) -> dict[str, Any]:
        """Return what the names of a delivery's archive and files follow from (``delivery/names.py``)."""
        params: dict[str, Any] = {
            "song": self.name,
            "title": self.title,
            "artist": self.song.artist or None,
            "subtype": self.song.subtype,
            "sample_rate": self.song.sample_rate,
        }
        if self.tags:
            params["tags"] = self.tags
        if delivery.is_the_songs:
            return params
        table = delivery.table
        return params | {
            "sample_rate": table.sample_rate or self.song.sample_rate,
            "delivery": {
                "name": delivery.name,
                "order": [strip.name for strip in self.delivered(delivery.groups)] if "stems" in delivery.forms else [],
                "parts": {
                    part: {
                        "format": form.format,
                        "ending": form.ending,
                        "subtype": form.told,
                        **({"sample_rate": form.sample_rate} if part == "previews" else {}),
                    }
                    for part, form in delivery.forms.items()
                },
                "fields": table.fields,
                "numbers": table.numbers,
                **({"bpm": self.song.bpm} if "bpm" in table.fields else {}),
                **({"key": self.song.key} if "key" in table.fields else {}),
            },
        }

    def limits(self, table: VerifyTable, channels: int, subtype: str) -> dict[str, Any]:
        """Return the limits of an audio file: the spec's, and the format that it must have."""
        rate = self.song.sample_rate
        return {**vars(table), "sample_rate": rate, "channels": channels, "subtype": subtype}

    @property
    def mix_limits(self) -> dict[str, Any]:
        """Return the limits of the mix, which is float whatever is delivered."""
        return self.limits(self.verify, self.song.channels, "FLOAT")

    @property
    def master_limits(self) -> dict[str, Any]:
        """Return the limits of the master."""
        return {
            **self.limits(self.verify, self.song.channels, self.song.subtype),
            "loudness_lufs": self.loudness_lufs,
            "ceiling_dbtp": self.master.ceiling_dbtp,
        }

    def own_master_limits(self, delivery: Delivery) -> dict[str, Any]:
        """Return the limits of the WAV that a delivery's master is, or is encoded from."""
        from stemtasks.spec.deliveries import master_subtype  # noqa: PLC0415 - it needs what a song is

        part = "master" if "master" in delivery.forms else "previews"
        return self.delivered_limits(delivery, part) | {"subtype": master_subtype(self, delivery)}

    def delivered_limits(self, delivery: Delivery, part: str, strip: Stem | Group | None = None) -> dict[str, Any]:
        """Return the limits of a file as it is in a delivery: the song's or the stem's, and over them its own."""
        table = self.verify if strip is None else strip.verify
        form = delivery.forms[part]
        limits = self.limits(table, self.song.channels, form.told) | delivery.verify
        limits["sample_rate"] = form.sample_rate
        if part in ("master", "previews"):
            limits |= {"loudness_lufs": self.loudness_of(delivery), "ceiling_dbtp": self.ceiling_of(delivery)}
        return limits

    def stem_limits(self, stem: Stem) -> dict[str, Any]:
        """Return the limits of a stem before its effects, and whether what is outside them may be mended."""
        limits = self.limits(stem.verify, stem.table.channels or self.song.channels, "FLOAT")
        limits["stereo_correlation"] = None  # its width is not made yet
        return {**limits, "mend": True} if stem.takes_mend else limits

    def processed_limits(self, strip: Stem | Group) -> dict[str, Any]:
        """Return the limits of a stem or a group as it is delivered."""
        return self.limits(strip.verify, self.song.channels, self.song.subtype)


def _places(where: str, chain: tuple[Named, ...]) -> Iterator[tuple[str, Named]]:
    yield from ((f"{where}[{index}]", effect) for index, effect in enumerate(chain))


def known_of(table: SongTable, sections: Iterable[str]) -> Known:
    """Return what the parameters of stems may speak of: the song's rate, tempo and sections."""
    return Known(table.sample_rate, table.bpm, beats_in_bar(table.time_signature), tuple(sections) or (WHOLE,))


def beats_in_bar(time_signature: str) -> float:
    """Return the quarter notes in a bar."""
    beats, _, unit = time_signature.partition("/")
    return int(beats) * 4 / int(unit)


def _as_draft(*parts: str) -> str:
    """Return the path of a draft's file that is, of the song itself, at ``parts`` in ``build/``."""
    return "/".join((*DRAFTS.parts, *parts[:-1], f"{DRAFT_PREFIX}{parts[-1]}"))


def _as_on_disk(file: Path) -> Path:
    """Return a file under the name that it has on disk, where that is another form of the same letters.

    macOS writes an accent as a letter of its own (NFD), most keyboards write both as one (NFC).
    """
    if os.path.lexists(file):
        return file
    found = Path()
    for part in file.parts:
        name = part
        if not os.path.lexists(found / part):
            form = unicodedata.normalize("NFC", part)
            try:
                same = [there for there in os.listdir(found) if unicodedata.normalize("NFC", there) == form]
            except (OSError, ValueError):
                return file
            if len(same) != 1:
                return file
            name = same[0]
        found /= name
    return found
