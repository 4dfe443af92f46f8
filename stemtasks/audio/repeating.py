"""A recording repeated on a grid: how each repetition begins, and what fills it up where the recording is shorter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from stemtasks.audio.blocks import Block
from stemtasks.audio.pieces import END_FADE_MS, Piece, ending, read
from stemtasks.audio.source import Source
from stemtasks.dsp import overlap as dsp

FOLD_SECONDS = 0.005
ATTACK_POWER = 10.0
FILL_WINDOW_SECONDS = 0.03
FILL_LOOK_SECONDS = 0.25
FILL_OVERLAP_SECONDS = 0.02
LEVEL_WEIGHT = 0.03
LOUDER = 2.0


@dataclass(frozen=True)
class Grid:
    """Repetitions of ``period`` frames of a recording from frame ``start`` on.

    ``fill_lag`` says how a recording is continued that is shorter than the period: by itself that many frames before
    (a bar or a beat), by what suits its end best for 0, and not at all for None.
    """

    source: Source
    start: int
    period: float
    overlap: int
    fill_lag: int | None = None
    _beginnings: dict[int, tuple[Piece | None, Piece]] = field(default_factory=dict)

    @property
    def fold(self) -> int:
        """Return the frames of the shortest overlap."""
        return round(FOLD_SECONDS * self.source.sample_rate)

    @property
    def recorded(self) -> int:
        """Return the frames that the recording has from the loop's start on."""
        return self.source.frames - self.start

    def pieces(self, frames: int) -> Iterator[Piece]:
        """Yield the pieces of a loop whose k-th repetition starts at the frame nearest to k periods."""
        last = Piece(0, self.start)
        yield last
        repetition = at = 0
        while True:
            begun, repetition = at, repetition + 1
            at = round(repetition * self.period)
            filling, joint = self._beginning(at - begun)
            if filling is not None:
                place = begun + filling.frame
                if place + filling.overlap >= frames:
                    break
                last = Piece(place, filling.start, filling.overlap, filling.rho, shift=filling.shift, fills=True)
                yield last
            if at >= frames or at + joint.frame + joint.overlap >= frames:
                break  # too close to the end for its overlap: the piece before rings out instead
            if joint.start is None:
                fade = min(self.fold, self.recorded // 4)
                yield Piece(begun + self.recorded - fade, None, fade)
                last = Piece(at, self.start)
            else:
                last = Piece(at + joint.frame, joint.start, joint.overlap, joint.rho, joint.ring)
            yield last
        yield from ending(self.source, last, frames, END_FADE_MS)

    def _beginning(self, length: int) -> tuple[Piece | None, Piece]:
        """Return what fills a repetition of a length up, counted from its start, and how the next one begins."""
        if length not in self._beginnings:
            missing = length - self.recorded
            filling = None
            if self.fill_lag is not None and missing > self.fold // 2:
                filling = self._filling(missing)
            if filling is None or filling.start is None:
                joint = self._joint(self.start + length, self.overlap)
            else:
                played = length - filling.frame
                joint = self._joint(filling.start + played, min(self.overlap, played - filling.overlap))
            self._beginnings[length] = filling, joint
        return self._beginnings[length]

    def _filling(self, missing: int) -> Piece | None:
        """Return a piece that goes on where the recording ends."""
        source, rate = self.source, self.source.sample_rate
        overlap = max(1, min(round(FILL_OVERLAP_SECONDS * rate), self.recorded // 8))
        lag = self.fill_lag or self._best_lag(missing + self.overlap)
        if not 0 < lag <= self.recorded - overlap:
            return None
        going, coming = read(source, source.frames - overlap, overlap), source.frames - overlap - lag
        rho = dsp.correlation(going, read(source, coming, overlap))
        return Piece(self.recorded - overlap, coming, overlap, rho, fills=True)

    def _best_lag(self, needed: int) -> int:
        """Return how many frames back the recording goes on as it would at its end: in waveform, level and calm."""
        source, rate = self.source, self.source.sample_rate
        window = min(round(FILL_WINDOW_SECONDS * rate), self.recorded // 4)
        highest = min(self.recorded - 2 * window, max(4 * needed, round(FILL_LOOK_SECONDS * rate)))
        lowest = min(needed, highest)
        if lowest < 1 or window < 2:
            return 0
        low = source.frames - highest - window
        around = read(source, low, source.frames - low)
        part = around[-window:]
        scores, energy = dsp.sliding_correlation(part, around[: window + highest - lowest])
        own = max(dsp.inner(part, part), 1e-12)
        scores = scores - LEVEL_WEIGHT * np.abs(10.0 * np.log10(np.maximum(energy, 1e-12) / own))
        running = np.concatenate(([0.0], np.cumsum(np.einsum("ij,ij->i", around, around))))
        ends = np.arange(len(scores)) + window
        following = running[np.minimum(ends + needed, len(around))] - running[ends]
        calm = following / needed <= LOUDER * own / window  # an attack there would sound once more
        best = int(np.argmax(np.round(np.where(calm, scores, scores - 2.0), 6)))
        return highest - best

    def _joint(self, end: int, overlap: int) -> Piece:
        """Return how a repetition begins, its frame counted from the beat, where source frame ``end`` would sound.

        A start of None asks for a pause before it. What lies around decides. Audio before the region: both parts
        overlap before the beat, so that the downbeat stays whole. A recording that ends before the beat: a pause.
        A region that meets its own start smoothly: nothing. Else both overlap after the beat, with the audio after
        the region, or with the recording's last 5 ms mirrored.
        """
        start, fold = self.start, self.fold
        after = self.source.frames - end
        if 0 < overlap <= start:
            return self._before_the_beat(end, overlap)
        if after < -(fold // 2):
            return Piece(0, None)
        length = max(1, int(self.period))
        if after < fold and self._meets_smoothly(end, min(fold, length)):
            return Piece(0, start)
        shared = min(self.overlap, after) if after >= fold else fold + min(after, 0)
        return self._after_the_beat(end, max(1, min(shared, length // 2)))

    def _before_the_beat(self, end: int, overlap: int) -> Piece:
        going = read(self.source, end - overlap, overlap)
        coming = read(self.source, self.start - overlap, overlap)
        shared, rho = short_where_opposed(going, coming, self.fold, from_end=True)
        return Piece(-shared, self.start - shared, shared, rho)

    def _meets_smoothly(self, end: int, near: int) -> bool:
        return dsp.is_smooth(read(self.source, end - near, near), read(self.source, self.start, near))

    def _after_the_beat(self, end: int, shared: int) -> Piece:
        """Return an overlap from the beat on; an attack keeps its full level while what was before rings out."""
        source, start, fold = self.source, self.start, self.fold
        going, coming = read(source, end, shared), read(source, start, shared)
        if dsp.power(coming) >= ATTACK_POWER * dsp.power(going):
            incoming = read(source, start, min(fold, max(1, int(self.period))))
            steps = np.abs(np.diff(incoming, axis=0)).max(initial=0.0)
            if np.abs(incoming[0] - going[0]).max() <= 2.0 * max(steps, dsp.STEP_FLOOR):
                return Piece(0, start, shared, ring=True)
            shared = max(1, min(shared, fold // 5))
            going, coming = going[:shared], coming[:shared]
        shared, rho = short_where_opposed(going, coming, fold)
        return Piece(0, start, shared, rho)


def short_where_opposed(going: Block, coming: Block, fold: int, *, from_end: bool = False) -> tuple[int, float]:
    """Return (overlap, rho); parts of opposite phase, which a grid forbids to shift, overlap for 5 ms only.

    They cancel while they overlap, and gains that made up for it would raise all that does not cancel.
    """
    shared, rho = len(going), dsp.correlation(going, coming)
    if rho < dsp.RHO_RANGE[0] and shared > fold:
        part = slice(shared - fold, None) if from_end else slice(0, fold)
        shared, rho = fold, dsp.correlation(going[part], coming[part])
    return shared, rho
