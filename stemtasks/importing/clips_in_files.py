"""Clips of a session as far as their files go, and about what they measure where they lie."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from stemtasks.audio.facts import decibels
from stemtasks.audio.surveying import STEP_SECONDS, Survey
from stemtasks.importing.session import Clip, Track

WHOLE_SECONDS = 0.0005
"""How far a clip may be from a whole file's ends, of what programs round."""


def in_files(track: Track, surveys: dict[str, Survey]) -> list[Clip]:
    """Return the clips of a track in the order of their places, none longer than its file; others are noted."""
    found: list[Clip] = []
    for place, clip in enumerate(track.clips, 1):
        survey = surveys.get(clip.file)
        file = os.path.basename(clip.file)
        if survey is None:
            track.notes.append(f"clip {place}, of {file}, which cannot be read")
            continue
        parts = [part for part in _parts(clip, survey.seconds) if part.length > WHOLE_SECONDS]
        if not parts:
            track.notes.append(f"clip {place}, which begins after the end of {file}")
        found += parts
    return sorted(found, key=lambda clip: clip.at)


def _parts(clip: Clip, seconds: float) -> Iterator[Clip]:
    """Yield a clip cut where its file ends; one that loops goes on with its loop until it ends."""
    if clip.at < 0:
        clip = replace(clip, at=0.0, start=clip.start - clip.at, length=clip.length + clip.at)
    begin, end = clip.loop or (0.0, seconds)
    end = min(end, seconds)
    left = end - clip.start
    if clip.length <= left + WHOLE_SECONDS or clip.loop is None or end - begin <= WHOLE_SECONDS or clip.is_reversed:
        is_cut = clip.length > left + WHOLE_SECONDS
        length = min(clip.length, seconds - clip.start)
        fade_out = 0.0 if is_cut else min(clip.fade_out, length)
        yield replace(clip, length=length, loop=None, fade_in=min(clip.fade_in, length), fade_out=fade_out)
        return
    repeated = replace(clip, start=begin, length=end - begin, loop=None, repeat_until=clip.ends)
    if clip.start != begin and left > 0:
        yield replace(clip, length=left, loop=None, fade_in=min(clip.fade_in, left), fade_out=0.0)
        repeated = replace(repeated, at=clip.at + left, fade_in=0.0)
    fades = (min(fade, end - begin) for fade in (repeated.fade_in, repeated.fade_out))
    yield replace(repeated, fade_in=next(fades), fade_out=next(fades))


def whole_file(clips: list[Clip], surveys: dict[str, Survey]) -> str | None:
    """Return the file, where clips are one that is a whole recording from 0 on, as it is."""
    if len(clips) != 1:
        return None
    clip = clips[0]
    is_whole = abs(clip.length - surveys[clip.file].seconds) <= WHOLE_SECONDS and clip.at == clip.start == 0.0
    is_plain = clip.gain == 1.0 and not (clip.fade_in or clip.fade_out or clip.is_reversed or clip.repeat_until)
    return clip.file if is_whole and is_plain else None


def overlap(one: Clip, other: Clip) -> bool:
    """Return whether two clips sound together for longer than their fades."""
    return one.ends - max(one.fade_out, other.fade_in) > other.at + WHOLE_SECONDS


def laid(clips: list[Clip], surveys: dict[str, Survey]) -> Survey:
    """Return about what clips measure where they lie: from the figures of their files, to a tenth of a second."""
    end = max(clip.ends for clip in clips)
    steps = int(np.ceil(end / STEP_SECONDS))
    powers, peaks = np.zeros(steps), np.zeros(steps)
    for clip in clips:
        survey = surveys[clip.file]
        first, begin = int(clip.at / STEP_SECONDS), int(clip.start / STEP_SECONDS)
        count = min(steps - first, int(np.ceil((clip.ends - clip.at) / STEP_SECONDS)))
        place = begin + np.arange(count) % max(1, int(np.ceil(clip.length / STEP_SECONDS)))
        place = np.minimum(place, len(survey.powers) - 1)
        powers[first : first + count] = survey.powers[place] * clip.gain**2
        peaks[first : first + count] = survey.peaks[place] * abs(clip.gain)
    first_of = surveys[clips[0].file].facts
    files = [surveys[clip.file].facts for clip in clips]
    facts: dict[str, Any] = {
        **first_of,
        **{name: max(facts[name] for facts in files) for name in ("clipped_ratio", "dc")},
        "frames": round(end * first_of["sample_rate"]),
        "peak_dbfs": decibels(float(peaks.max(initial=0.0))),
        # powers are of both channels of a stereo song
        "rms_dbfs": decibels(float(np.sqrt(powers.mean() / 2.0)) if len(powers) else 0.0),
        "is_over": bool((peaks > 1.0).any()),
    }
    return Survey(clips[0].file, facts, False, powers, peaks, min(clip.at for clip in clips), end)
