"""Whether the beat goes on across the seams of a finished file, by the attacks that are heard on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, pairwise

import numpy as np

from stemtasks.audio.pieces import Fit, Piece
from stemtasks.audio.source import Source
from stemtasks.dsp import overlap as dsp
from stemtasks.dsp import pulse

LOOK_BEATS, LOOK_SECONDS = 16, 12.0
WHOLE_SECONDS = 0.001
CONTEXT_SECONDS = 0.01


def beats_kept(output: Source, made: Fit) -> Iterator[dict[str, float]]:
    """Yield for each piece of a grid but the first what is heard around its first beat, empty where nothing is sure.

    ``onset_error_ms`` is how much longer the piece before is, at least, than whole beats of the tempo that the onsets
    have by themselves; ``onset_offset_ms`` how much later than the grid's sixteenths the onsets after the seam lie.
    What only fills a piece up counts to it. A piece that is no whole beats by the grid has no error here:
    ``beat_error_ms`` has it. At most 16 beats and 12 s are listened to on either side, and once where the same pieces
    meet again.
    """
    if made.beat_frames is None:
        return
    look = min(round(LOOK_BEATS * made.beat_frames), round(LOOK_SECONDS * output.sample_rate))
    known: dict[tuple[int | None, int, int], dict[str, float]] = {}
    sounding = (piece for piece in made.plan() if piece.start is not None and not piece.fills)
    last: Piece | None = None
    before = 0
    for piece, following in pairwise(chain(sounding, [Piece(output.frames, None)])):
        assert piece.start is not None
        seam = piece.frame + made.grid_start - piece.start
        if last is not None:
            around, after = min(look, seam - before), min(look, following.frame - seam)
            # lengths that differ by the rounding of a beat to frames sound alike
            key = last.start, piece.start, (seam - before) * 1000 // output.sample_rate
            if key not in known:
                known[key] = _heard(output, seam, around, after, seam - before, made.beat_frames)
            yield known[key]
        last, before = piece, seam


def _heard(output: Source, seam: int, around: int, after: int, piece: int, beat: float) -> dict[str, float]:
    context = min(round(CONTEXT_SECONDS * output.sample_rate), seam - around)
    start = seam - around - context
    block = output.read(start, around + context + after)
    heard = np.einsum("ij->i", block) / output.channels
    found = pulse.kept(heard, around + context, output.sample_rate, beat, piece, begins=start == 0)
    if found is None:
        return {}
    figures = {"onset_offset_ms": dsp.rounded(found.offset * 1000.0, 2)}
    if abs(piece - round(piece / beat) * beat) <= WHOLE_SECONDS * output.sample_rate:
        figures["onset_error_ms"] = dsp.rounded(found.across * 1000.0, 2)
    return figures
