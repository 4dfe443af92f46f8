"""DAWproject 1.0 (Bitwig): ``project.xml`` in a zip, whose audio lies in it or beside it.

Times are in beats or seconds, as the nearest element around says (``timeUnit``); a beat is a quarter note.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from stemtasks.errors import SpecError
from stemtasks.importing.session import MOST_BYTES, Clip, Session, Track, found_from, number

MEMBER, METADATA = "project.xml", "metadata.xml"
BEATS = "beats"
STEADY = 1e-6
"""How far a warp may be from the recording's own time."""


def read_dawproject(path: Path) -> Session:
    """Return the session of a file; SpecError where it is none."""
    root = _xml(path, MEMBER)
    if root is None:
        raise SpecError(f"{path}: is no DAWproject (it has no {MEMBER}); export it again")
    session = Session(path)
    metadata = _xml(path, METADATA)
    if metadata is not None:
        session.title = (metadata.findtext("Title") or "").strip()
        session.artist = (metadata.findtext("Artist") or "").strip()
    transport = root.find("Transport")
    if transport is not None and (tempo := transport.find("Tempo")) is not None:
        session.bpm = number(tempo.get("value"), 120.0)
    if transport is not None and (signature := transport.find("TimeSignature")) is not None:
        session.time_signature = f"{signature.get('numerator', '4')}/{signature.get('denominator', '4')}"
    tracks: dict[str, Track] = {}
    for element in root.iterfind("Structure/*"):
        _structure(element, session, tracks, ())
    arrangement = root.find("Arrangement")
    if arrangement is not None:
        _arrangement(arrangement, session, tracks)
    if root.find("Scenes/Scene") is not None:
        session.notes.append("the scenes of its launcher")
    return session


def _xml(path: Path, member: str) -> Element | None:
    try:
        with zipfile.ZipFile(path) as packed:
            if member not in packed.namelist():
                return None
            with packed.open(member) as file:
                raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror})") from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError):
        raise SpecError(f"{path}: is no DAWproject (it is no whole zip); export it again") from None
    if len(raw) > MOST_BYTES:
        raise SpecError(f"{path}: its {member} has more than {MOST_BYTES >> 20} MiB, so it is no session")
    try:
        return ElementTree.fromstring(raw)
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise SpecError(f"{path}: its {member} is not XML ({error}); export it again") from None


def _structure(element: Element, session: Session, tracks: dict[str, Track], groups: tuple[Track, ...]) -> None:
    """Add a track, and those in it where it is a group; the master's fader is the session's."""
    if element.tag != "Track":
        return
    channel = element.find("Channel")
    track = Track(element.get("name") or "")
    if channel is not None:
        track.gain, track.pan = _volume(channel.find("Volume")), _pan(channel.find("Pan"))
        mute = channel.find("Mute")
        track.is_muted = mute is not None and mute.get("value") == "true"
        devices = [each.get("name") or each.get("deviceName") or each.tag for each in channel.iterfind("Devices/*")]
        if devices:
            track.notes.append(f"plugins: {', '.join(devices)}")
        if channel.find("Sends/Send") is not None:
            track.notes.append("its sends")
    if channel is not None and channel.get("role") == "master":
        session.gain = track.gain
        session.notes += [f"the master's {note}" for note in track.notes]
        return
    for group in groups:
        track.gain *= group.gain
        track.is_muted = track.is_muted or group.is_muted
    inner = element.findall("Track")
    if inner and track.pan:
        track.notes.append(f"its pan {track.pan:g} for the tracks in it")
    tracks[element.get("id") or f"track {len(tracks)}"] = track
    session.tracks.append(track)
    for each in inner:
        _structure(each, session, tracks, (track,))


def _volume(element: Element | None) -> float:
    if element is None:
        return 1.0
    value = number(element.get("value"), 1.0)
    return float(10 ** (value / 20)) if element.get("unit") == "decibel" else value


def _pan(element: Element | None) -> float:
    if element is None:
        return 0.0
    value = number(element.get("value"), 0.5 if element.get("unit") == "normalized" else 0.0)
    return 2.0 * value - 1.0 if element.get("unit") == "normalized" else value


@dataclass(frozen=True)
class _Around:
    """What holds where an element stands: the unit of times, the second that its 0 is, and the track."""

    bpm: float | None
    unit: str = BEATS
    origin: float = 0.0
    track: Track | None = None

    def seconds(self, value: str | float | None, unit: str | None = None) -> float:
        found = number(value)
        return found * 60.0 / (self.bpm or 120.0) if (unit or self.unit) == BEATS else found

    def inside(self, element: Element) -> _Around:
        return replace(self, unit=element.get("timeUnit") or self.unit)


def _arrangement(arrangement: Element, session: Session, tracks: dict[str, Track]) -> None:
    around = _Around(session.bpm)
    lanes = arrangement.find("Lanes")
    if lanes is not None:
        around = around.inside(lanes)
        _lanes(lanes, around, session, tracks)
    markers = arrangement.find("Markers")
    if markers is not None:
        inside = around.inside(markers)
        session.markers = [(inside.seconds(each.get("time")), each.get("name") or "marker") for each in markers]
    for name in ("TempoAutomation", "TimeSignatureAutomation"):
        points = arrangement.find(name)
        if points is not None and len(points) > 1:
            what = "tempo" if name.startswith("Tempo") else "time signature"
            session.notes.append(f"changes of {what}; that at the start holds for all")


def _lanes(lanes: Element, around: _Around, session: Session, tracks: dict[str, Track]) -> None:
    around = around.inside(lanes)
    track = tracks.get(lanes.get("track") or "", around.track)
    around = replace(around, track=track)
    notes = track.notes if track is not None else session.notes
    for element in lanes:
        if element.tag == "Lanes":
            _lanes(element, around, session, tracks)
        elif element.tag == "Clips":
            if track is None:
                notes.append("clips of no track")
                continue
            for clip in element.iterfind("Clip"):
                track.clips += _clips(clip, around.inside(element), session, notes)
        elif element.tag == "Points":
            notes.append("automation")
        elif element.tag == "Notes":
            notes.append("notes (MIDI): render them as a file")
        elif element.tag == "ClipSlot":
            notes.append("clips of its launcher")


def _clips(clip: Element, around: _Around, session: Session, notes: list[str]) -> Iterator[Clip]:
    """Yield what a clip holds: a part of a file, or clips of which it shows a part."""
    at, length = around.origin + around.seconds(clip.get("time")), around.seconds(clip.get("duration"))
    where = f"'{clip.get('name') or 'a clip'}' at {at:.3f} s"
    if clip.get("enable") == "false":
        notes.append(f"{where}: it is switched off")
        return
    content = clip.get("contentTimeUnit") or around.unit
    start = around.seconds(clip.get("playStart"), content)
    fade_unit = clip.get("fadeTimeUnit") or around.unit
    fades = [min(length, around.seconds(clip.get(name), fade_unit)) for name in ("fadeInTime", "fadeOutTime")]
    loop = None
    if clip.get("loopEnd") is not None:
        loop = around.seconds(clip.get("loopStart"), content), around.seconds(clip.get("loopEnd"), content)
    whole = Clip("", at, start, length, fade_in=fades[0], fade_out=fades[1], loop=loop)
    for element in clip:
        if element.tag == "Audio":
            yield from _part(element, session, notes, whole, where)
        elif element.tag == "Warps":
            audio = element.find("Audio")
            if audio is None or not _is_steady(element, around, content):
                notes.append(f"{where}: it is stretched; render it as a file of its own")
                continue
            shift = _shift(element, around, content)
            moved = replace(whole, start=start + shift, loop=loop and (loop[0] + shift, loop[1] + shift))
            yield from _part(audio, session, notes, moved, where)
        elif element.tag == "Clips":
            inner = replace(around.inside(element), origin=at - start)
            if element.get("timeUnit") is None:
                inner = replace(inner, unit=content)
            for each in element.iterfind("Clip"):
                yield from _cut(_clips(each, inner, session, notes), at, length, fades)
        elif element.tag in ("Notes", "Points", "Video", "Lanes"):
            what = "notes (MIDI)" if element.tag == "Notes" else element.tag.lower()
            notes.append(f"{where}: {what}; render it as a file")


def _part(audio: Element, session: Session, notes: list[str], whole: Clip, where: str) -> Iterator[Clip]:
    file = audio.find("File")
    named = file.get("path") if file is not None else None
    if file is None or not named:
        notes.append(f"{where}: it names no file")
        return
    path = found_from(session.path)(named)
    if file.get("external") != "true":
        session.enclosed[path] = named
    yield replace(whole, file=path)


def _is_steady(warps: Element, around: _Around, content: str) -> bool:
    """Return whether the points of a warp leave a recording its own time."""
    return all(
        abs((other[1] - one[1]) - (other[0] - one[0])) <= STEADY * max(1.0, other[0] - one[0])
        for one, other in pairwise(_points(warps, around, content))
    )


def _shift(warps: Element, around: _Around, content: str) -> float:
    """Return how much later a recording is in its file than in its clip."""
    time, place = next(iter(_points(warps, around, content)), (0.0, 0.0))
    return place - time


def _points(warps: Element, around: _Around, content: str) -> list[tuple[float, float]]:
    """Return the points of a warp: seconds of the clip, and of the recording."""
    return [
        (
            around.seconds(each.get("time"), warps.get("timeUnit") or content),
            around.seconds(each.get("contentTime"), warps.get("contentTimeUnit") or "seconds"),
        )
        for each in warps.iterfind("Warp")
    ]


def _cut(clips: Iterator[Clip], at: float, length: float, fades: list[float]) -> Iterator[Clip]:
    """Yield the parts of clips that a clip around them shows, with its fades at its own ends."""
    for clip in clips:
        begin, end = max(clip.at, at), min(clip.at + clip.length, at + length)
        if end <= begin:
            continue
        fade_in = clip.fade_in if clip.at >= at and begin > at else fades[0] or (clip.fade_in if clip.at >= at else 0.0)
        ends_inside = clip.at + clip.length <= at + length
        fade_out = fades[1] if end == at + length and fades[1] else clip.fade_out if ends_inside else 0.0
        yield replace(
            clip, at=begin, start=clip.start + begin - clip.at, length=end - begin, fade_in=fade_in, fade_out=fade_out
        )
