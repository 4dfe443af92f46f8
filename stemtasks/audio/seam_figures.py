"""What the seams of a finished file measure, held against the two places of the source that meet in each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

from stemtasks.audio.pieces import Fit, Piece, read, source_frame
from stemtasks.audio.seam_levels import CONTEXT_SECONDS, LEVEL_FIGURES, LISTED_SEAMS, LONG_SECONDS, Worst, level_figures
from stemtasks.audio.seam_onsets import beats_kept
from stemtasks.audio.source import Source
from stemtasks.dsp import overlap as dsp

PAUSE_SECONDS = 0.05
FIGURES = (*LEVEL_FIGURES, "beat_error_ms")
HEARD_FIGURES = ("onset_error_ms", "onset_offset_ms")
"""They are None where no onsets say anything for sure."""


def measure_seams(output: Source, source: Source, made: Fit) -> dict[str, Any]:
    """Return the facts of all seams of a finished file: their count, the worst figures, the first 64.

    ``dip_db`` and ``rise_db`` are the level below the quieter and above the louder of both parts, in windows
    of 20 ms (50 ms in an overlap of 0.1 s or more); ``jump_ratio`` is the largest step over the largest in
    both parts; ``level_step_db`` compares the 50 ms before with those after, and is ``step_db`` of the worst
    where overlaps are long; ``beat_error_ms`` is how far the repeated part's first frame is from a beat of the
    stem's grid, ``onset_error_ms`` and ``onset_offset_ms`` what ``beats_kept`` hears of it. A silence of more than 50
    ms between two pieces is a pause and no seam in level.
    """
    figures = _Figures(output, source)
    worst = [Worst(name, 0.0) for name in FIGURES] + [Worst(name) for name in HEARD_FIGURES]
    kept = beats_kept(output, made)
    long = LONG_SECONDS * source.sample_rate
    listed: list[dict[str, Any]] = []
    count = 0
    for seam in _seams(source, made, output.frames):
        found: dict[str, Any] = dict(figures.of(seam)) if seam.pause_s is None else {"pause_s": seam.pause_s}
        found["beat_error_ms"] = _beat_error_ms(seam.piece, made, source.sample_rate)
        if not seam.piece.fills:
            found |= next(kept, {})
        found["step_db"] = found.get("level_step_db") if seam.piece.overlap >= long and not seam.piece.ring else None
        for figure in worst:
            figure.see(found.get(figure.name), seam.piece.frame)
        del found["step_db"]
        count += 1
        if len(listed) < LISTED_SEAMS:
            found |= {"frame": seam.piece.frame, "overlap_frames": seam.piece.overlap}
            found |= {"rho": dsp.rounded(seam.piece.rho), "shift_frames": seam.piece.shift}
            listed.append(found)
    worst_facts = {key: value for figure in worst for key, value in figure.facts().items()} if count else None
    return {"seams": count, "worst_seam": worst_facts, "seam_list": listed}


@dataclass(frozen=True, slots=True)
class _Seam:
    """A seam: the piece that begins, where the one before is by then, and the frames around that no other seam has."""

    piece: Piece
    going: int
    around: int
    after: int
    pause_s: float | None


def _seams(source: Source, made: Fit, frames: int) -> Iterator[_Seam]:
    """Yield the seams between two pieces that sound, in order."""
    context = round(CONTEXT_SECONDS * source.sample_rate)
    before: Piece | None = None
    silent_from: int | None = None
    for piece, following in pairwise(chain(made.plan(), [Piece(frames, None)])):
        if piece.frame >= frames:
            return
        end = piece.frame + piece.overlap
        if piece.start is None:
            silent_from = end
            continue
        going = None if before is None else source_frame(before, piece.frame)
        if before is not None and going is not None:
            silence = 0.0 if silent_from is None else (piece.frame - silent_from) / source.sample_rate
            yield _Seam(
                piece,
                going,
                min(context, piece.frame - before.frame - before.overlap),
                max(0, min(context, frames - end, following.frame - end)),
                round(silence, 3) if silence > PAUSE_SECONDS else None,
            )
        before, silent_from = piece, None


@dataclass
class _Figures:
    """The figures of each pair of source places that meet; a loop meets at the same pair again and again."""

    output: Source
    source: Source
    known: dict[tuple[int, ...], dict[str, float]] = field(default_factory=dict)

    def of(self, seam: _Seam) -> dict[str, float]:
        """Return dip_db, rise_db, jump_ratio and level_step_db of a seam, from the finished file."""
        assert seam.piece.start is not None
        key = (seam.going, seam.piece.start, seam.piece.overlap, seam.around, seam.after)
        if key not in self.known:
            self.known[key] = self._measured(seam.piece.frame, *key)
        return self.known[key]

    def _measured(self, frame: int, going: int, coming: int, overlap: int, around: int, after: int) -> dict[str, float]:
        sounding = self.output.read(frame - around, around + overlap + after)
        shared = len(sounding) - around - after
        a = read(self.source, going - around, around + shared)
        b = read(self.source, coming, shared + after)
        return level_figures(sounding, a, b, around, after, overlap, self.source.sample_rate)


def _beat_error_ms(piece: Piece, made: Fit, sample_rate: int) -> float | None:
    """Return how far from a beat the first frame of the repeated part lies, None without a grid."""
    if made.beat_frames is None or piece.start is None or piece.fills:
        return None
    downbeat = piece.frame - (piece.start - made.grid_start)
    error = downbeat - round(downbeat / made.beat_frames) * made.beat_frames
    return dsp.rounded(abs(error) / sample_rate * 1000.0, 4)
