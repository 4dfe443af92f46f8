"""What can be said of a song without making sound: every mistake of it, a line each. Nothing is written.

A part may have a function ``check`` beside its own, which refuses what that would, as far as parameters, sections and
headers show it; and a function ``remarks``, which yields what is allowed and seldom meant.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from stemtasks import plugins
from stemtasks.audio.blocks import Stream
from stemtasks.audio.chain import pan_gains
from stemtasks.audio.curves import curve_of
from stemtasks.audio.source import Source
from stemtasks.automation import Number, extremes
from stemtasks.errors import Mistakes, SpecError, StemtasksError
from stemtasks.spec import parts, schema
from stemtasks.spec.automating import automations
from stemtasks.spec.edit_files import rows_of
from stemtasks.spec.files import files_of, is_product
from stemtasks.spec.groups import Group
from stemtasks.spec.places import in_seconds
from stemtasks.spec.song import Named, Song, Stem
from stemtasks.spec.stamps import placed
from stemtasks.stages import reference, stem, timing
from stemtasks.timeline import Section, Timeline
from stemtasks.units import InputPath, StemName

ENDLESS = 1 << 62
HEADER_ONLY = {"invalid_samples": 0, "rms_dbfs": 0.0, "clipped_ratio": 0.0, "dc": 0.0}
"""What verification asks beside the header, as it is where nothing is wrong."""


@dataclass(frozen=True)
class Said:
    """What there is to say of a song: what cannot be built, and what can and is seldom meant, a line each."""

    mistakes: list[str]
    remarks: list[str]


def check(song: Song) -> Said:
    """Return all that can be said of a song that could be read."""
    return _Checking(song).said()


class _Checking:
    """A song, the frames of its target as far as they are known, and what was found so far."""

    def __init__(self, song: Song) -> None:
        self.song = song
        self.mistakes = Mistakes()
        self.remarks: list[str] = []
        self.missing = {path for _, path in files_of(song) if not is_product(path) and not _is_there(path)}

    def said(self) -> Said:
        self._missing_files()
        frames = self._target_frames()
        timeline = self._timeline(frames)
        for each in self.song.stems:
            stem_frames = self._generator(each, timeline, frames)
            self._strategy(each, timeline, stem_frames, frames)
            self._effects(each, timeline, stem_frames, frames)
        self._buses(timeline, frames)
        self._bits()
        return Said(list(dict.fromkeys(self.mistakes)), list(dict.fromkeys(self.remarks)))

    def _bits(self) -> None:
        """Remark what is delivered with more bits than the song's stems have."""
        own = self.song.song.subtype
        for delivery in self.song.deliveries:
            form = delivery.forms.get("stems")
            if form is not None and own == "PCM_16" and form.told in ("PCM_24", "FLOAT"):
                self.remarks.append(
                    f"{delivery.where(self.song)}.stems: {form.told} of stems that are {own} has 16 bits all the same; "
                    "song.subtype = 'PCM_24' keeps more"
                )

    def _missing_files(self) -> None:
        for where, path in files_of(self.song):
            if path in self.missing:
                self._add(where, [f"{path}: no such file; correct the path or put the file there"])

    def _target_frames(self) -> int | None:
        """Return the target's frames, None where a file that gives them is not there, or is built by a song."""
        rate, table = self.song.song.sample_rate, self.song.reference
        if table.stem is not None:
            measured = next(stem for stem in self.song.stems if stem.name == table.stem)
            return self._generator(measured, self._timeline(None), None)
        if table.file is None:
            assert table.duration is not None
            return round(self.song.seconds(table.duration) * rate)
        path = self.song.input(table.file)
        if path in self.missing or is_product(path):
            return None
        try:
            with Source(path) as source:
                facts = {name: getattr(source, name) for name in ("frames", "sample_rate", "channels", "subtype")}
                facts |= {**HEADER_ONLY, "duration_s": source.frames / source.sample_rate}
        except StemtasksError as error:
            self._add("reference", _lines(error))
            return None
        wrong = reference.verify(facts, reference.job(self.song).limits)
        self._add("reference", wrong)
        return round(facts["frames"] * rate / facts["sample_rate"]) or None

    def _timeline(self, frames: int | None) -> Timeline:
        """Return the song's timeline; where its frames are not known, one with the sections alone."""
        params = timing.job(self.song).params
        if frames is not None:
            try:
                return timing.timeline_of(frames, params)
            except SpecError as error:
                self.mistakes.extend(f"{self.song.path.as_posix()}: {line}" for line in error.mistakes)
        sections = tuple(
            Section(each["name"], 0, ENDLESS, 0.0, each["beats"] or 1e9, each["key"] or params["key"])
            for each in params["sections"] or [{"name": "song", "beats": None, "key": None}]
        )
        table = self.song.song
        per_bar = self.song.beats_per_bar
        return Timeline(table.sample_rate, ENDLESS, 0, table.bpm, per_bar, table.time_signature, table.key, sections)

    def _generator(self, each: Stem, timeline: Timeline, frames: int | None) -> int | None:
        """Return how long the stem is before it is aligned, as far as that is known."""
        where, drawn = f"stems.{each.name}", schema.of("generators", each.generator.name)
        own = schema.copied(drawn, each.generator.arguments)
        if not self._has_files("generators", each.generator.name, own):
            return None
        found = len(self.mistakes)
        with self.mistakes:
            own = self._with_rows(where, drawn, own)
        own, names_sections = in_seconds(self.song, drawn, own)
        if len(self.mistakes) > found or (names_sections and frames is None):
            return None
        channels = each.table.channels or self.song.song.channels
        wanted = frames
        if each.table.duration is not None:
            wanted = round(self.song.seconds(each.table.duration) * self.song.song.sample_rate)
        stream = Stream(self.song.song.sample_rate, channels, ENDLESS if wanted is None else wanted, Path())
        place = placed(self.song, each)
        self._add(where, [place.mistake] if place.mistake else [])
        offered = {"stream": stream, "timeline": timeline, "places": timeline, "seed": 0}
        offered |= {"since_earliest": place.since_earliest, "own_frames": wanted if each.table.duration else None}
        made = self._asked(where, each.generator, own, offered)
        if "timeline" in each.generator.wants:
            return wanted
        if isinstance(made, int):
            limits = stem.job(self.song, each).limits
            facts = {**HEADER_ONLY, **limits, "frames": made, "duration_s": made / self.song.song.sample_rate}
            self._add(where, stem.verify(facts, limits))
            return made
        return None

    def _has_files(self, kind: parts.Kind, name: str, arguments: dict[str, Any]) -> bool:
        """Make the files that arguments name their paths, and return whether each is there already."""
        is_there = True
        for held in schema.held(schema.of(kind, name), arguments, InputPath, StemName):
            if not isinstance(held.value, str):
                continue
            if held.parameter.is_a(StemName):
                is_there = False
                continue
            path = held.table[held.parameter.name] = self.song.input(held.value)
            is_there = is_there and path not in self.missing and not is_product(path)
        return is_there

    def _with_rows(self, where: str, drawn: schema.Schema, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return arguments with the tables of those files that stand in place of a list of them."""
        for parameter in drawn.parameters:
            path = arguments[parameter.name]
            if parameter.entries is not None and isinstance(path, str):
                try:
                    arguments[parameter.name] = rows_of(path, parameter, self.song.known)
                except SpecError as error:
                    raise SpecError(*(f"{self.song.where(where)}: {line}" for line in error.mistakes)) from None
        return arguments

    def _strategy(self, each: Stem, timeline: Timeline, stem_frames: int | None, frames: int | None) -> None:
        if stem_frames is None or frames is None:
            return
        stream = Stream(self.song.song.sample_rate, each.table.channels or self.song.song.channels, stem_frames, Path())
        extent = _Extent(Path(self.song.product("stems", f"{each.name}.wav")), stem_frames)
        offered = {"source": extent, "frames": frames, "stream": stream, "timeline": timeline}
        offered |= {"bpm": each.table.bpm, "kind": each.table.kind, "seed": 0}
        self._asked(f"stems.{each.name}.align", each.align, each.align.arguments, offered)

    def _effects(self, each: Stem, timeline: Timeline, stem_frames: int | None, frames: int | None) -> None:
        channels = self.song.song.channels
        own = each.table.channels or channels
        self._chain(f"stems.{each.name}.mend", each.mend, timeline, own, stem_frames)
        self._chain(f"stems.{each.name}.effects", each.effects, timeline, channels, frames)
        self._pan(f"stems.{each.name}", own, each.table.pan)
        self._strip(f"stems.{each.name}", each, timeline)

    def _buses(self, timeline: Timeline, frames: int | None) -> None:
        """Look at what stems go through together: groups, the mix, the master."""
        channels = self.song.song.channels
        for group in self.song.groups:
            self._chain(f"groups.{group.name}.effects", group.effects, timeline, channels, frames)
            self._pan(f"groups.{group.name}", channels, group.table.pan)
            self._strip(f"groups.{group.name}", group, timeline)
        self._chain("mix.effects", self.song.mix_effects, timeline, channels, frames)
        self._chain("master.effects", self.song.master_effects, timeline, channels, frames)

    def _strip(self, where: str, strip: Stem | Group, timeline: Timeline) -> None:
        numbers = {"gain_db": strip.table.gain_db, "pan": strip.table.pan}
        sent = {f"send[{index}].level_db": send.level_db for index, send in enumerate(strip.sends)}
        self._places(where, {**numbers, **sent}, timeline)

    def _chain(
        self, where: str, chain: tuple[Named, ...], timeline: Timeline, channels: int, frames: int | None
    ) -> None:
        stream = Stream(self.song.song.sample_rate, channels, ENDLESS if frames is None else frames, Path())
        for index, effect in enumerate(chain):
            arguments = dict(effect.arguments)
            if self._has_files("effects", effect.name, arguments):
                offered = {"stream": stream, "timeline": timeline, "seed": 0}
                changing = automations(effect)
                self._places(f"{where}[{index}]", changing, timeline)
                for ends in product(*(dict.fromkeys(extremes(each)) for each in changing.values())):
                    self._asked(
                        f"{where}[{index}]", effect, arguments | dict(zip(changing, ends, strict=True)), offered
                    )

    def _places(self, where: str, numbers: Mapping[str, Number], timeline: Timeline) -> None:
        """Look whether points of what changes along the song are in its order, where its length is known."""
        for name, number in numbers.items():
            if isinstance(number, dict) and timeline.frames != ENDLESS:
                try:
                    curve_of(number, timeline, name)
                except StemtasksError as error:
                    self._add(where, _lines(error))

    def _pan(self, where: str, channels: int, position: Number) -> None:
        try:
            for extreme in extremes(position):
                pan_gains(channels, self.song.song.channels, extreme)
        except StemtasksError as error:
            self._add(where, _lines(error))

    def _asked(self, where: str, part: Named, arguments: dict[str, Any], offered: dict[str, Any]) -> Any:
        """Return what a part's ``check`` returns, and note what it refuses and what its ``remarks`` say."""
        given = arguments | offered | {name: value for name, value in arguments.items() if value is not None}
        try:
            made = plugins.beside(part.reference, "check", given)
            remarks = plugins.beside(part.reference, "remarks", given) or ()
            self.remarks += [f"{self.song.where(where)}: {line}" for line in remarks]
        except StemtasksError as error:
            self._add(where, _lines(error))
        except Exception as error:  # a part of the project's own, or an installed one, may fail in any way
            self._add(where, [f"{part.reference}: cannot be asked ({type(error).__name__}: {error})"])
        else:
            return made
        return None

    def _add(self, where: str, lines: Iterable[str]) -> None:
        self.mistakes.extend(f"{self.song.where(where)}: {line}" for line in lines)


@dataclass(frozen=True)
class _Extent:
    path: Path
    frames: int


def _lines(error: StemtasksError) -> Iterator[str]:
    yield from error.mistakes if isinstance(error, SpecError) else [str(error)]


def _is_there(path: str) -> bool:
    """Return whether a file, or what a pattern may stand for, is there."""
    return os.path.exists(path) or any(character in path for character in "*?[")
