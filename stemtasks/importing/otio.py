"""OpenTimelineIO (``.otio``): a timeline as JSON, whose clips refer to media by URL.

Items of a track follow one another; where a clip begins in its file is its ``source_range`` less the start of the
media's ``available_range``, which is time code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from stemtasks.errors import SpecError
from stemtasks.importing.session import Clip, Session, Track, found_from, number, text_of

AUDIO = "Audio"


def read_otio(path: Path) -> Session:
    """Return the session of a file; SpecError where it is none."""
    text = text_of(path)
    try:
        timeline = json.loads(text)
    except (ValueError, RecursionError):
        raise SpecError(f"{path}: is not JSON, as an .otio file is; export it again") from None
    if not isinstance(timeline, dict) or _schema(timeline) != "Timeline":
        raise SpecError(f"{path}: is no timeline of OpenTimelineIO; export the timeline itself")
    session = Session(path, title=_text(timeline.get("name")))
    stack = timeline.get("tracks")
    children = _list(stack, "children")
    session.markers = _markers(stack)
    for place, child in enumerate(children, 1):
        if _schema(child) != "Track":
            session.notes.append(f"'{_text(child.get('name'))}', which is no track")
            continue
        track = Track(_text(child.get("name")) or f"track {place}")
        if child.get("kind", AUDIO) != AUDIO:
            session.notes.append(f"the track '{track.name}' of kind {_text(child.get('kind'))}")
            continue
        track.is_muted = child.get("enabled") is False
        _items(child, track, session)
        session.tracks.append(track)
    return session


def _items(element: dict[str, Any], track: Track, session: Session) -> None:
    at = 0.0
    if element.get("source_range") is not None:
        track.notes.append("the part of the track that is shown (source_range): all of it is taken")
    track.notes += _effects(element)
    for item in _list(element, "children"):
        kind = _schema(item)
        if kind == "Transition":
            track.notes.append(f"a transition at {at:.3f} s")
            continue
        length = _length(item)
        if kind == "Clip":
            clip = _clip(item, at, length, track, session)
            if clip is not None:
                track.clips.append(clip)
        elif kind != "Gap":
            track.notes.append(
                f"'{_text(item.get('name'))}' at {at:.3f} s: {kind or 'what it is'}; render it as a file"
            )
        session.markers += [(at + when, name) for when, name in _markers(item)]
        at += length
    session.markers += _markers(element)


def _clip(item: dict[str, Any], at: float, length: float, track: Track, session: Session) -> Clip | None:
    where = f"'{_text(item.get('name')) or 'a clip'}' at {at:.3f} s"
    if item.get("enabled") is False:
        track.notes.append(f"{where}: it is switched off")
        return None
    effects = _effects(item)
    if any("speed" in each for each in effects):
        track.notes.append(f"{where}: {effects[0]}; render it as a file of its own")
        return None
    track.notes += [f"{where}: {each}" for each in effects]
    media = _media(item)
    url = _text(media.get("target_url"))
    if not url or length <= 0:
        track.notes.append(f"{where}: it names no file")
        return None
    begin = _seconds(_dict(item.get("source_range")).get("start_time"))
    available = _dict(media.get("available_range"))
    origin = _seconds(available.get("start_time"))
    start = begin - origin if item.get("source_range") is not None else 0.0
    return Clip(found_from(session.path)(_path(url)), at, max(0.0, start), length)


def _effects(item: dict[str, Any]) -> list[str]:
    found = []
    for effect in _list(item, "effects"):
        if _schema(effect) in ("LinearTimeWarp", "FreezeFrame", "TimeEffect"):
            scalar = number(effect.get("time_scalar"), 1.0)
            if scalar != 1.0:
                found.append(f"its speed is {scalar:g}")
        else:
            found.append(
                f"its effect {_text(effect.get('effect_name')) or _text(effect.get('name')) or 'without a name'}"
            )
    return found


def _media(item: dict[str, Any]) -> dict[str, Any]:
    if "media_references" in item:
        references = _dict(item["media_references"])
        return _dict(references.get(_text(item.get("active_media_reference_key")) or "DEFAULT_MEDIA"))
    return _dict(item.get("media_reference"))


def _length(item: dict[str, Any]) -> float:
    """Return how long an item is: its own range, or that of its media."""
    shown = _dict(item.get("source_range")) or _dict(_media(item).get("available_range"))
    return max(0.0, _seconds(shown.get("duration")))


def _markers(item: Any) -> list[tuple[float, str]]:
    begin = _seconds(_dict(_dict(item).get("source_range")).get("start_time"))
    return [
        (_seconds(_dict(each.get("marked_range")).get("start_time")) - begin, _text(each.get("name")) or "marker")
        for each in _list(item, "markers")
    ]


def _seconds(time: Any) -> float:
    rate = number(_dict(time).get("rate"), 1.0)
    return number(_dict(time).get("value")) / rate if rate > 0.0 else 0.0


def _path(url: str) -> str:
    """Return the path of a file's URL, or what is a path already."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        path = unquote(parts.path)
        return path[1:] if len(path) > 2 and path[2] == ":" else path
    return url if parts.scheme and len(parts.scheme) > 1 else unquote(url)


def _schema(item: Any) -> str:
    return _text(_dict(item).get("OTIO_SCHEMA")).partition(".")[0]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any, key: str) -> list[dict[str, Any]]:
    found = _dict(value).get(key)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
