"""What the joins of a finished file measure that was laid of several recordings (``laying.py``)."""

from __future__ import annotations

from typing import Any, Protocol

from stemtasks.audio.blocks import Block
from stemtasks.audio.laying import Joint, Laid, Plan, joined, looked
from stemtasks.audio.material import Shelf
from stemtasks.audio.seam_levels import CONTEXT_SECONDS, LEVEL_FIGURES, LISTED_SEAMS, LONG_SECONDS, Worst, level_figures
from stemtasks.dsp import overlap as dsp


class Audio(Protocol):
    """A finished file, or what is kept of one before it is mended."""

    frames: int

    def read(self, start: int, frames: int) -> Block:
        """Return up to ``frames`` frames from ``start`` on."""


def measure_joins(output: Audio, shelf: Shelf, plan: Plan) -> dict[str, Any]:
    """Return the facts of all joins: their count, the worst figures, the first 64.

    A join is where a piece touches the one before, unless it is what that would have gone on with, or one is silence.
    The figures are those of seams (``seam_figures.py``).
    """
    worst = [Worst(name, 0.0) for name in LEVEL_FIGURES]
    long = LONG_SECONDS * shelf.stream.sample_rate
    listed: list[dict[str, Any]] = []
    count = free = 0
    known: tuple[object, dict[str, float]] = (None, {})
    for laid, following in joined(shelf, plan):
        free = max(free, laid.frame)
        if following is None:
            continue
        joint, after = following
        if joint.is_heard:
            key = _alike(laid, joint, after, free)
            if known[0] != key:
                known = key, _figures(output, shelf, laid, joint, after, free)
            found: dict[str, Any] = dict(known[1])
            step = found["level_step_db"] if joint.overlap >= long and not joint.ring else None
            for figure in worst:
                figure.see(step if figure.name == "step_db" else found[figure.name], joint.frame)
            count += 1
            if len(listed) < LISTED_SEAMS:
                place = {"frame": joint.frame, "overlap_frames": joint.overlap, "rho": dsp.rounded(joint.rho)}
                listed.append({**found, **place})
        free = joint.frame + joint.overlap
    facts = {key: value for figure in worst for key, value in figure.facts().items()} if count else None
    return {"count": count, "worst_seam": facts, "list": listed}


def _alike(laid: Laid, joint: Joint, after: Laid, free: int) -> object:
    """Return what is the same of joins that sound the same: a piece that is repeated joins itself again and again."""
    both = ((each.span, each.frames, each.start, each.is_reversed, each.gain, each.ramps) for each in (laid, after))
    return *both, joint.overlap, joint.rho, joint.ring, joint.frame - after.frame, free - laid.frame


def _figures(file: Audio, shelf: Shelf, laid: Laid, joint: Joint, after: Laid, free: int) -> dict[str, float]:
    """Return the figures of a join; ``free`` is where the joint before it has ended."""
    rate, end = shelf.stream.sample_rate, joint.frame + joint.overlap
    context = round(CONTEXT_SECONDS * rate)
    around = min(context, joint.frame - free)
    # the next joint takes at most half of a piece
    behind = max(0, min(context, after.frame + after.frames // 2 - end, file.frames - end))
    sounding = file.read(joint.frame - around, around + joint.overlap + behind)
    going = looked(shelf, laid, joint.frame - around, around + joint.overlap)
    coming = looked(shelf, after, joint.frame, joint.overlap + behind)
    return level_figures(sounding, going, coming, around, behind, joint.overlap, rate)
