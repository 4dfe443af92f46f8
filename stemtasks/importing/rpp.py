"""Reaper's project (``.rpp``): lines of words, ``<`` and ``>`` around what is inside another.

What a field means is as Reaper writes it: an item's ``VOLPAN`` has its own gain and that of its take, ``SOFFS`` where
it begins in its file, in the file's time; ``SOURCE SECTION`` is a part of a file, with ``MODE`` 2 reversed.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stemtasks.errors import SpecError
from stemtasks.importing.session import Clip, Session, Track, found_from, number, text_of

QUOTES = "\"'`"
REVERSED = 2
PARTS = {
    "VOLENV": "its volume automation",
    "VOLENV2": "its volume automation",
    "PANENV": "its pan automation",
    "PANENV2": "its pan automation",
    "MUTEENV": "its mute automation",
    "FREEZE": "what was frozen",
    "AUXVOLENV": "the automation of a send",
}
ITEM_PARTS = {
    "VOLENV": "volume automation",
    "PANENV": "pan automation",
    "PITCHENV": "pitch automation",
    "TAKEFX": "plugins",
}


@dataclass
class Element:
    """What is between ``<`` and ``>``: its first line's words, the lines in it, and the elements in it."""

    words: list[str]
    lines: list[list[str]] = field(default_factory=list)
    elements: list[Element] = field(default_factory=list)
    order: list[Element | list[str]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Return what it is."""
        return self.words[0] if self.words else ""

    def values(self, name: str) -> list[str]:
        """Return the words behind a name, of the first line that begins with it."""
        return next((line[1:] for line in self.lines if line[0] == name), [])

    def value(self, name: str, place: int = 0, default: float = 0.0) -> float:
        """Return a number of a line."""
        values = self.values(name)
        return number(values[place], default) if place < len(values) else default

    def all(self, name: str) -> Iterator[Element]:
        """Yield the elements of a name."""
        return (each for each in self.elements if each.name == name)


def read_rpp(path: Path) -> Session:
    """Return the session of a file; SpecError where it is none."""
    root = _parsed(text_of(path), path)
    session = Session(path)
    tempo = root.values("TEMPO")
    if tempo:
        session.bpm = number(tempo[0], 120.0)
        if len(tempo) > 2:
            session.time_signature = f"{round(number(tempo[1], 4))}/{round(number(tempo[2], 4))}"
    rate = round(root.value("SAMPLERATE"))
    session.sample_rate = rate or None
    session.gain = root.value("MASTER_VOLUME", 0, 1.0)
    session.title = " ".join(root.values("TITLE")).strip()
    session.artist = " ".join(root.values("AUTHOR")).strip()
    session.markers = _markers(root)
    if any(sum(line[0] == "PT" for line in each.lines) > 1 for each in root.all("TEMPOENVEX")):
        session.notes.append("changes of tempo; the tempo at the start holds for all")
    if any(each.elements or each.lines for each in root.all("MASTERFXLIST")):
        session.notes.append("the master's plugins")
    parents: list[Track] = []
    for element in root.all("TRACK"):
        track = _track(element, found_from(path))
        for parent in parents[-1:]:  # whose gain has that of its own parents
            track.gain *= parent.gain
            track.is_muted = track.is_muted or parent.is_muted
        if element.value("ISBUS") == 1:
            _note_of_folder(track)
            parents.append(track)
        for _ in range(max(0, -round(element.value("ISBUS", 1)))):
            parents[-1:] = []
        session.tracks.append(track)
    return session


def _note_of_folder(track: Track) -> None:
    if track.pan:
        track.notes.append(f"its pan {track.pan:g} for the tracks in it")
    track.notes = [f"{note} (for the tracks in it too)" for note in track.notes]


def _markers(root: Element) -> list[tuple[float, str]]:
    """Return markers, or where there are none the starts of regions; the end of a region is a line of its own."""
    lines = [line for line in root.lines if line[0] == "MARKER" and len(line) > 2]
    markers, regions, open_regions = [], [], set()
    for _, identity, at, *rest in lines:
        name = rest[0] if rest else ""
        if len(rest) > 1 and round(number(rest[1])) & 1:
            if identity in open_regions:
                open_regions.discard(identity)
                continue
            open_regions.add(identity)
            regions.append((number(at), name or f"region {identity}"))
        else:
            markers.append((number(at), name or f"marker {identity}"))
    return markers or regions


def _track(element: Element, found: Callable[[str], str]) -> Track:
    track = Track(" ".join(element.values("NAME")).strip())
    track.gain, track.pan = element.value("VOLPAN", 0, 1.0), element.value("VOLPAN", 1)
    track.is_muted = bool(element.value("MUTESOLO"))
    for chain in element.all("FXCHAIN"):
        plugins = [each.words[1] for each in chain.elements if len(each.words) > 1]
        if plugins:
            track.notes.append(f"plugins: {', '.join(plugins)}")
    track.notes += [said for name, said in PARTS.items() if any(element.all(name))]
    if any(line[0] == "AUXRECV" for line in element.lines):
        track.notes.append("what it receives from other tracks")
    if element.values("MAINSEND")[:1] == ["0"]:
        track.notes.append("that it does not go to the master")
    if element.value("PLAYOFFS"):
        track.notes.append(f"its media's offset of {element.value('PLAYOFFS'):g} s")
    for item in element.all("ITEM"):
        clip = _clip(item, found, track.notes)
        if clip is not None:
            track.clips.append(clip)
    return track


def _clip(item: Element, found: Callable[[str], str], notes: list[str]) -> Clip | None:
    """Return the take of an item that is heard; what is no audio is noted."""
    take = _active_take(item, notes)
    at, length = item.value("POSITION"), item.value("LENGTH")
    name = " ".join(take.values("NAME")) or "an item"
    where = f"'{name}' at {at:.3f} s"
    if item.value("MUTE"):
        notes.append(f"{where}: it is muted")
        return None
    source = next(take.all("SOURCE"), None)
    if source is None or length <= 0:
        notes.append(f"{where}: it has no audio")
        return None
    start, is_reversed = take.value("SOFFS"), False
    if source.words[1:2] == ["SECTION"]:
        inner = next(source.all("SOURCE"), None)
        begin, part = source.value("STARTPOS"), source.value("LENGTH", 0, length)
        is_reversed = bool(round(source.value("MODE")) & REVERSED)
        start = begin + (max(0.0, part - start - length) if is_reversed else start)
        source = inner or source
    file = " ".join(source.values("FILE")[:1])
    kind = source.words[1] if len(source.words) > 1 else "audio"
    if not file:
        notes.append(f"{where}: {'MIDI' if kind.startswith('MIDI') else kind} is no recording; render it as a file")
        return None
    rate = take.value("PLAYRATE", 0, 1.0)
    if abs(rate - 1.0) > 1e-9 or take.value("PLAYRATE", 2):
        notes.append(f"{where}: it is stretched or shifted in pitch (rate {rate:g}); render it as a file of its own")
        return None
    for part_name, said in ITEM_PARTS.items():
        if any(take.all(part_name)):
            notes.append(f"{where}: its {said}")
    gain = item.value("VOLPAN", 0, 1.0) * take.value(
        "VOLPAN" if take is item else "TAKEVOLPAN", 2 if take is item else 1, 1.0
    )
    if gain < 0:
        notes.append(f"{where}: its polarity is inverted")
    if take.value("CHANMODE"):
        notes.append(f"{where}: its choice of channels (mode {take.value('CHANMODE'):g})")
    pan = take.value("VOLPAN", 1) if take is item else take.value("TAKEVOLPAN", 0)
    if pan:
        notes.append(f"{where}: its pan {pan:g}")
    fades = [item.value(name, 2) or item.value(name, 1) for name in ("FADEIN", "FADEOUT")]
    fade_in, fade_out = (min(length, max(0.0, each)) for each in fades)
    if start < 0:
        at, length, start = at - start, length + start, 0.0
    loop = (0.0, math.inf) if item.value("LOOP") else None
    return Clip(found(file), at, start, length, gain, fade_in, fade_out, is_reversed, loop)


def _active_take(item: Element, notes: list[str]) -> Element:
    """Return the selected take as an element with its lines; the first where none is selected."""
    if not any(line[0] == "TAKE" for line in item.lines):
        return item
    takes: list[Element] = [Element(["TAKE"])]
    for each in item.order:
        if isinstance(each, list) and each[0] == "TAKE":
            takes.append(Element(each))
        elif isinstance(each, list):
            takes[-1].lines.append(each)
        else:
            takes[-1].elements.append(each)
    chosen = next((take for take in takes[1:] if "SEL" in take.words), takes[0])
    notes.append(f"'{' '.join(chosen.values('NAME'))}' at {item.value('POSITION'):.3f} s: its other takes")
    return item if chosen is takes[0] else chosen


def _parsed(text: str, path: Path) -> Element:
    """Return the outermost element, ``<REAPER_PROJECT``."""
    root: Element | None = None
    within: list[Element] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("<"):
            element = Element(list(_words(stripped[1:])))
            if within:
                within[-1].elements.append(element)
                within[-1].order.append(element)
            root = root or element
            within.append(element)
        elif stripped == ">":
            within[-1:] = []
        elif within and stripped and (words := list(_words(stripped))):
            within[-1].lines.append(words)
            within[-1].order.append(words)
    if root is None or root.name != "REAPER_PROJECT":
        raise SpecError(f"{os.fspath(path)}: is no project of Reaper; save it from Reaper as .rpp")
    return root


def _words(line: str) -> Iterator[str]:
    """Yield the words of a line; in quotes they may hold spaces."""
    place = 0
    while place < len(line):
        if line[place].isspace():
            place += 1
        elif line[place] in QUOTES and (end := line.find(line[place], place + 1)) > 0:
            yield line[place + 1 : end]
            place = end + 1
        else:
            end = next((at for at in range(place, len(line)) if line[at].isspace()), len(line))
            yield line[place:end]
            place = end
