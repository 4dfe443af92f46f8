"""Pieces of a recording laid end to end with real overlap-add, and the measuring of their seams.

A strategy is a plan: which piece of the source sounds from which frame on. ``render`` plays a plan in
blocks; ``measure_seams`` reads the finished file and holds every seam against the source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stemtasks.audio import BLOCK_FRAMES, Block, Blocks, Source
from stemtasks.dsp import seams as dsp
from stemtasks.errors import AudioError

MIN_SECONDS = 0.01
SILENCE_PEAK = 10 ** (-90 / 20)
END_FADE_MS = 5.0
END_PEAK = 10 ** (-60 / 20)
LISTED_SEAMS = 64
PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece that sounds from output ``frame`` on, with source frame ``start`` (None: silence).

    For ``overlap`` frames it sounds together with the piece before. ``ring`` keeps it at full level from
    its first frame while the piece before rings out, for an attack that a fade would soften; otherwise the
    gains follow the law of ``dsp.seams.gains`` for ``rho``. ``shift`` says by how many frames the
    alignment moved it.
    """

    frame: int
    start: int | None
    overlap: int = 0
    rho: float = 0.0
    ring: bool = False
    shift: int = 0


Plan = Callable[[], Iterator[Piece]]


@dataclass(frozen=True)
class Fit:
    """What a strategy returns: blocks of exactly the frames asked for, and facts for the record.

    ``plan`` yields the pieces behind the blocks, so that their seams can be measured in the finished file;
    ``beat_frames`` is the length of a beat of the stem's grid, or None without one.
    """

    blocks: Blocks
    facts: dict[str, Any]
    plan: Plan
    beat_frames: float | None = None
    grid_start: int = 0


def fit(
    source: Source,
    frames: int,
    plan: Plan,
    facts: dict[str, Any] | None = None,
    beat_frames: float | None = None,
    grid_start: int = 0,
) -> Fit:
    """Return the fit of a plan."""
    return Fit(render(source, plan, frames), facts or {}, plan, beat_frames, grid_start)


def seconds(frames: int, sample_rate: int) -> str:
    """Return a duration as a person reads it, exact enough to tell it from another."""
    return f"{frames / sample_rate:.3f} s"


def check_source(source: Source) -> None:
    """Raise AudioError for a source that no strategy can fit: empty, too short, or silent."""
    if source.frames < MIN_SECONDS * source.sample_rate:
        raise AudioError(
            f"{source.path}: {source.frames} frames ({1000 * source.frames / source.sample_rate:.1f} ms) are too short"
            f" to be fitted, at least {1000 * MIN_SECONDS:.0f} ms are needed: export the whole part again"
        )
    if not any(np.abs(block).max() > SILENCE_PEAK for block in source.blocks()):
        raise AudioError(f"{source.path}: it is silent throughout (below -90 dBFS): export it again, or leave it out")


def read(source: Source, start: int | None, frames: int) -> Block:
    """Return exactly ``frames`` frames: silence for None; past either end the recording's mirror, then silence.

    A mirror keeps the level and makes no step, where a fade needs a few ms more than were recorded.
    """
    if start is None:
        return np.zeros((frames, source.channels))
    if start >= 0 and start + frames <= source.frames:
        return source.read(start, frames)
    place = np.arange(start, start + frames)
    index = np.where(place < 0, -1 - place, np.where(place < source.frames, place, 2 * source.frames - 1 - place))
    valid = (index >= 0) & (index < source.frames)
    block = np.zeros((frames, source.channels))
    if valid.any():
        low, high = int(index[valid].min()), int(index[valid].max()) + 1
        block[valid] = source.read(low, high - low)[index[valid] - low]
    return block


def render(source: Source, plan: Plan, frames: int) -> Blocks:
    """Play a plan for exactly ``frames`` frames; each piece begins after the overlap before it has ended."""
    pieces = plan()
    current = next(pieces)
    position = 0
    while position < frames:
        following = next(pieces, None)
        stop = frames if following is None else min(following.frame, frames)
        while position < stop:
            count = min(BLOCK_FRAMES, stop - position)
            yield read(source, _at(current, position), count)
            position += count
        if following is None:
            return
        stop = min(following.frame + following.overlap, frames)
        while position < stop:
            count = min(BLOCK_FRAMES, stop - position)
            yield _overlapped(source, current, following, position, count)
            position += count
        current = following


def _at(piece: Piece, frame: int) -> int | None:
    """Return the source frame that a piece plays at an output frame."""
    return None if piece.start is None else piece.start + frame - piece.frame


def _overlapped(source: Source, before: Piece, after: Piece, frame: int, count: int) -> Block:
    """Return ``count`` frames of the overlap of two pieces."""
    place = frame - after.frame
    rho = 0.0 if after.ring else after.rho
    going, coming = dsp.gains(after.overlap, rho, place, place + count)
    mixed: Block = read(source, _at(before, frame), count) * going
    if after.start is not None:
        incoming = read(source, _at(after, frame), count)
        mixed += incoming if after.ring else incoming * coming
    return mixed


def ending(source: Source, last: Piece, frames: int, fade_ms: float) -> Iterator[Piece]:
    """Yield what ends ``last`` at ``frames``, or where its recording ends: a fade if it is heard, then silence."""
    assert last.start is not None
    stop = min(frames, last.frame + source.frames - last.start)
    fade = min(round(fade_ms * source.sample_rate / 1000.0), stop - last.frame - last.overlap)
    if fade > 0 and np.abs(read(source, _at(last, stop - fade), fade)).max() > END_PEAK:
        yield Piece(stop - fade, None, fade)
    elif stop < frames:
        yield Piece(stop, None)


@dataclass
class _Worst:
    """The largest of one figure and where it was."""

    name: str
    figure: float = 0.0
    frame: int = 0

    def see(self, figure: float | None, frame: int) -> None:
        if figure is not None and figure > self.figure:
            self.figure, self.frame = figure, frame

    def facts(self) -> dict[str, Any]:
        return {self.name: self.figure, self.name.rsplit("_", 1)[0] + "_frame": self.frame}


@dataclass
class _Figures:
    """The figures of each pair of source places that meet; a loop meets at the same pair again and again."""

    output: Source
    source: Source
    known: dict[tuple[int, int, int], dict[str, float]] = field(default_factory=dict)

    def of(self, frame: int, going: int, coming: int, overlap: int) -> dict[str, float]:
        """Return dip_db, rise_db, jump_ratio and level_step_db of a seam, from the finished file."""
        key = (going, coming, overlap)
        if key not in self.known:
            self.known[key] = self._measured(frame, *key)
        return self.known[key]

    def _measured(self, frame: int, going: int, coming: int, overlap: int) -> dict[str, float]:
        rate = self.source.sample_rate
        around = min(round(0.05 * rate), frame)
        after = max(0, min(round(0.05 * rate), self.output.frames - frame - overlap))
        sounding = self.output.read(frame - around, around + overlap + after)
        shared = len(sounding) - around - after
        a = read(self.source, going - around, around + shared)
        b = read(self.source, coming, shared + after)
        dip, rise = dsp.level_change(
            sounding,
            np.concatenate((a, b[shared:])),
            np.concatenate((a[:around], b)),
            round(rate * (0.05 if overlap >= 0.1 * rate else 0.02)),
        )
        near = sounding[max(0, around - 1) : around + shared + 1]
        jump = dsp.jump_ratio(near, *(part for part in (a, b) if len(part) > 1)) if len(near) > 1 else 0.0
        loudness = [max(dsp.power(part), dsp.POWER_FLOOR) for part in (a[:around], b[shared:])]
        step = abs(10 * np.log10(loudness[1] / loudness[0])) if around and after else 0.0
        return {
            "dip_db": dsp.rounded(dip, 2),
            "rise_db": dsp.rounded(rise, 2),
            "jump_ratio": dsp.rounded(jump, 2),
            "level_step_db": dsp.rounded(float(step), 2),
        }


def measure_seams(output: Source, source: Source, made: Fit) -> dict[str, Any]:
    """Return the facts of all seams of a finished file: their count, the worst figures, the first 64.

    ``dip_db`` and ``rise_db`` are the level below the quieter and above the louder of both parts;
    ``jump_ratio`` is the largest step over the largest in both parts; ``beat_error_ms`` is how far the
    repeated part's first frame is from a beat of the stem's grid. A silence of more than 50 ms between two
    pieces is a pause and no seam in level.
    """
    figures = _Figures(output, source)
    worst = [_Worst("dip_db"), _Worst("jump_ratio"), _Worst("beat_error_ms")]
    listed: list[dict[str, Any]] = []
    count = 0
    before: Piece | None = None
    silence = 0
    for piece in made.plan():
        if piece.frame >= output.frames:
            break
        if piece.start is None:
            silence = piece.frame + piece.overlap
            continue
        if before is not None:
            going = _at(before, piece.frame)
            assert going is not None
            paused = silence > before.frame and piece.frame - silence > PAUSE_SECONDS * source.sample_rate
            seam: dict[str, Any] = (
                {"pause_s": round((piece.frame - silence) / source.sample_rate, 3)}
                if paused
                else dict(figures.of(piece.frame, going, piece.start, piece.overlap))
            )
            seam["beat_error_ms"] = _beat_error_ms(piece, made, source.sample_rate)
            for figure in worst:
                figure.see(seam.get(figure.name), piece.frame)
            count += 1
            if len(listed) < LISTED_SEAMS:
                seam |= {"frame": piece.frame, "overlap_frames": piece.overlap}
                seam |= {"rho": dsp.rounded(piece.rho), "shift_frames": piece.shift}
                listed.append(seam)
        before = piece
    worst_facts = {key: value for figure in worst for key, value in figure.facts().items()} if count else None
    return {"seams": count, "worst_seam": worst_facts, "seam_list": listed}


def _beat_error_ms(piece: Piece, made: Fit, sample_rate: int) -> float | None:
    """Return how far from a beat the first frame of the repeated part lies, None without a grid."""
    if made.beat_frames is None or piece.start is None:
        return None
    downbeat = piece.frame - (piece.start - made.grid_start)
    error = downbeat - round(downbeat / made.beat_frames) * made.beat_frames
    return dsp.rounded(abs(error) / sample_rate * 1000.0, 4)
