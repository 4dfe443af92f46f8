"""Places and lengths that a generator is given: seconds, or text that names a section of the song."""

from __future__ import annotations

from stemtasks.timeline import Timeline


def length_seconds(length: float | str, places: Timeline | None) -> float:
    """Return the seconds of a length."""
    return _seconds(length, places, is_place=False)


def place_seconds(place: float | str, places: Timeline | None) -> float:
    """Return the seconds of a place from the song's start."""
    return _seconds(place, places, is_place=True)


def _seconds(value: float | str, places: Timeline | None, *, is_place: bool) -> float:
    if not isinstance(value, str):
        return value
    if places is None:
        raise ValueError(f"{value!r} was given without a timeline")
    return (places.frame_of(value) if is_place else places.frames_of(value)) / places.sample_rate
