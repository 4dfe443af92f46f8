"""What a file sounds like in each section of its song: its notes against the key, its onsets against the grid.

A section is looked at in a few pieces spread over it, so that neither time nor memory grows with its duration.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.source import Source
from stemtasks.dsp import attacks
from stemtasks.dsp.notes import Notes, notes, window_frames
from stemtasks.music.pitch import parse_key
from stemtasks.music.tonality import fit, share
from stemtasks.timeline import Section, Timeline

Mono = NDArray[np.floating]

OF_A_MIX, OF_A_STEM = 24, 12
"""Pieces of a section that are looked at: of a mix more, because one key is told from all others there."""
PIECE_SECONDS = 0.4
SPREAD = 0.618034
"""Pieces lie in their parts of a section at multiples of this, so that they keep no step with its beats."""
TONAL = 0.4
"""Share of the energy in notes from which a key is judged: drums have 0.1 to 0.26, mixes of drums and notes 0.5."""
SEVERAL_NOTES = 4.0
"""Pitch classes, as many as would sound alike, from which one key can be told from another."""
FEWEST_ONSETS = 6
_SILENT = 1e-4
_LESS_UNEVEN = 0.5
"""The power of strengths at which loud notes do not hide the others."""


def measure_music(path: str | Path, timeline: Timeline, pieces: int, has_notes: bool = True) -> list[dict[str, Any]]:
    """Return for each section its ``name``, ``start_s``, ``key``, and what is heard in so many ``pieces`` of it.

    ``in_key`` is the share of the notes' energy on the scale; ``margin`` is the correlation with the key less that
    with the best other tonic's, whose name is ``best_key`` where that is better. ``onsets`` were heard;
    ``onset_error_ms`` is their median distance from the song's sixteenths, or triplets, ``onset_offset_ms`` the
    median of what they are late, ``onset_fit`` how many times more than chance are within 12 ms.
    None where nothing can be said: without a key or a tempo, of silence, of drums (key; known by their sound, or by
    ``has_notes``), of fewer than four notes (``margin``, ``best_key``), of fewer than six onsets.
    """
    with Source(path) as source:
        return [_measured(source, section, timeline.bpm, pieces, has_notes) for section in timeline.sections]


def _measured(source: Source, section: Section, bpm: float | None, count: int, has_notes: bool) -> dict[str, Any]:
    pieces, key = [], section.key if has_notes else None
    if key is not None or bpm is not None:
        places = _places(section, source.sample_rate, count)
        pieces = [(start, _mono(source, start, frames)) for start, frames in places]
    return {
        "name": section.name,
        "start_s": round(section.start_frame / source.sample_rate, 6),
        "key": section.key,
        **_of_key([piece for _, piece in pieces], key, source.sample_rate),
        **_of_grid(pieces, bpm, source.sample_rate),
    }


def _places(section: Section, rate: int, most: int) -> list[tuple[int, int]]:
    """Return the first frame and the frames of each piece: one in each of as many equal parts of the section."""
    length = section.end_frame - section.start_frame
    frames = min(length, round(PIECE_SECONDS * rate))
    count = min(most, max(1, length // max(1, frames)))
    spare = length / count - frames
    return [
        (section.start_frame + int(place * length / count + place * SPREAD % 1.0 * spare), frames)
        for place in range(count)
    ]


def _mono(source: Source, start: int, frames: int) -> Mono:
    """Return the mean of the channels, shape (frames,)."""
    block = source.read_narrow(start, frames)
    mono = block[:, 0].copy()
    for channel in block.T[1:]:
        mono += channel
    mono /= source.channels
    return mono


def _of_key(pieces: list[Mono], key: str | None, rate: int) -> dict[str, Any]:
    nothing = {"in_key": None, "margin": None, "best_key": None}
    frames = window_frames(rate)
    windows = [piece[(len(piece) - frames) // 2 :][:frames] for piece in pieces if len(piece) >= frames]
    heard = [window for window in windows if float(np.abs(window).max()) > _SILENT]
    if key is None or not heard:
        return nothing
    found = notes(np.stack(heard), rate)
    if found.tonal < TONAL:
        return nothing
    in_key = round(share(found.chroma(2.0).tolist(), parse_key(key)), 3)
    if _several(found) < SEVERAL_NOTES:
        return nothing | {"in_key": in_key}
    fitted = fit(found.chroma(_LESS_UNEVEN).tolist(), key)
    return {"in_key": in_key, "margin": round(fitted.margin, 3), "best_key": fitted.best}


def _several(found: Notes) -> float:
    """Return how many pitch classes sound, one that is softer counting for less."""
    chroma = found.chroma(1.0)
    return 1.0 / float(chroma @ chroma)


def _of_grid(pieces: list[tuple[int, Mono]], bpm: float | None, rate: int) -> dict[str, Any]:
    nothing = {"onsets": None, "onset_error_ms": None, "onset_offset_ms": None, "onset_fit": None}
    if bpm is None:
        return nothing
    curves = [attacks.energies(piece, rate) for _, piece in pieces]
    loudest = max((float(curve.max(initial=0.0)) for curve in curves), default=0.0)
    hop = attacks.hop_frames(rate)
    found = [
        start + at * hop
        for (start, _), curve in zip(pieces, curves, strict=True)
        for at in attacks.attacks(curve, loudest).tolist()
    ]
    if len(found) < FEWEST_ONSETS:
        return nothing | {"onsets": len(found)}
    error, offset, fitting = attacks.against_grid(np.array(found) / rate, bpm)
    return {
        "onsets": len(found),
        "onset_error_ms": round(1000 * error, 1),
        "onset_offset_ms": round(1000 * offset, 1),
        "onset_fit": round(fitting, 2),
    }
