"""DAWproject: the song as a session that several DAWs open, beside the files that it refers to.

DAWproject 1.0 (Bitwig): ``project.xml`` and ``metadata.xml`` in a zip. Its beats are quarter notes, as ours are. Audio
is placed by seconds, and so is not stretched.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from stemtasks.delivery.handover import Handover
from stemtasks.delivery.names import one_line
from stemtasks.delivery.session import Track, decimal, file_name, seconds_of, signature_of, tracks_of
from stemtasks.delivery.zip_entry import entry

MASTER = "master"


def names(title: str) -> list[str]:
    """Return the names of the files that it writes for a song's title."""
    return [file_name(title, "dawproject")]


def dawproject(handover: Handover) -> Iterator[tuple[str, bytes]]:
    """Yield ``SONG.dawproject``: a track a file with the mix's fader, tempo, time signature and section markers."""
    contents = handover.contents
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as packed:
        for name, root in (("metadata.xml", _metadata(contents)), ("project.xml", _project(contents))):
            packed.writestr(entry(name), _written(root))
    yield file_name(contents["song"]["title"], "dawproject"), file.getvalue()


def _written(root: Element) -> bytes:
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return written + b"\n"


def _metadata(contents: dict[str, Any]) -> Element:
    root, song = Element("MetaData"), contents["song"]
    said = {"Title": song["title"], "Artist": song["artist"], "Comment": contents["contract"]}
    for name, text in said.items():
        if text:
            SubElement(root, name).text = one_line(text)
    return root


def _project(contents: dict[str, Any]) -> Element:
    song, tracks = contents["song"], tracks_of(contents)
    root = Element("Project", version="1.0")
    SubElement(root, "Application", name="stemtasks", version=contents["made_by"]["stemtasks"])
    if song["bpm"] is not None:
        transport = SubElement(root, "Transport")
        SubElement(transport, "Tempo", unit="bpm", value=decimal(song["bpm"]), id="tempo", name="Tempo")
        numerator, denominator = signature_of(contents)
        SubElement(transport, "TimeSignature", numerator=numerator, denominator=denominator, id="signature")
    structure = SubElement(root, "Structure")
    for place, track in enumerate(tracks):
        _track(structure, f"track{place}", track, song["channels"])
    _master(structure, song["channels"])
    arrangement = SubElement(root, "Arrangement", id="arrangement")
    unit = "seconds" if song["bpm"] is None else "beats"
    lanes = SubElement(arrangement, "Lanes", timeUnit=unit, id="lanes")
    for place, track in enumerate(tracks):
        _clip(SubElement(lanes, "Lanes", track=f"track{place}", id=f"lanes{place}"), place, track, contents)
    if contents["sections"]:
        markers = SubElement(arrangement, "Markers", timeUnit=unit, id="markers")
        for section in contents["sections"]:
            time = decimal(_start(section, song))
            SubElement(markers, "Marker", time=time, name=one_line(section["name"]))
    return root


def _track(structure: Element, identity: str, track: Track, channels: int) -> None:
    element = SubElement(
        structure, "Track", contentType="audio", loaded="true", id=identity, name=track.name, color=track.colour
    )
    channel = _channel(element, f"{identity}.channel", "regular", channels, track.gain, muted=track.muted)
    channel.set("destination", f"{MASTER}.channel")


def _master(structure: Element, channels: int) -> None:
    element = SubElement(structure, "Track", contentType="audio", loaded="true", id=MASTER, name="Master")
    _channel(element, f"{MASTER}.channel", "master", channels, 1.0, muted=False)


def _channel(track: Element, identity: str, role: str, channels: int, gain: float, *, muted: bool) -> Element:
    """Add a track's channel: its fader, its pan in the middle."""
    channel = SubElement(track, "Channel", audioChannels=str(channels), role=role, solo="false", id=identity)
    SubElement(channel, "Mute", value=str(muted).lower(), id=f"{identity}.mute", name="Mute")
    pan = {"unit": "normalized", "min": "0", "max": "1", "value": "0.5"}
    SubElement(channel, "Pan", pan, id=f"{identity}.pan", name="Pan")
    # a fader ends at 6 dB, unless the mix's goes further
    volume = {"unit": "linear", "min": "0", "max": decimal(max(2.0, gain)), "value": decimal(gain)}
    SubElement(channel, "Volume", volume, id=f"{identity}.volume", name="Volume")
    return channel


def _clip(lanes: Element, place: int, track: Track, contents: dict[str, Any]) -> None:
    """Add the clip of a whole file at 0:00; its length is said in the time of its lanes and in the file's."""
    song, seconds = contents["song"], seconds_of(contents)
    duration = seconds if song["bpm"] is None else seconds * song["bpm"] / 60
    clip = SubElement(
        SubElement(lanes, "Clips", id=f"clips{place}"),
        "Clip",
        {"time": "0", "duration": decimal(duration)},
        contentTimeUnit="seconds",
        playStart="0",
        playStop=decimal(seconds),
        fadeTimeUnit="seconds",
        fadeInTime="0",
        fadeOutTime="0",
        name=track.name,
    )
    audio = SubElement(
        clip,
        "Audio",
        timeUnit="seconds",
        duration=decimal(seconds),
        sampleRate=str(song["sample_rate"]),
        channels=str(song["channels"]),
        id=f"audio{place}",
    )
    SubElement(audio, "File", path=track.file, external="true")


def _start(section: dict[str, Any], song: dict[str, Any]) -> float:
    """Return where a section starts: in quarter notes, or in seconds in a song without a tempo."""
    if song["bpm"] is None:
        start: float = section["start_frame"] / song["sample_rate"]
        return start
    beats, _, unit = song["time_signature"].partition("/")
    # what bars are rounded to may not shift a beat
    beat: float = round((section["start_bar"] - 1) * int(beats) * 4 / int(unit), 5)
    return beat
