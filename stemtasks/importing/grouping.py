"""Stems that are one kind of instrument, as groups: a bus each, which changes nothing until it is given effects."""

from __future__ import annotations

import math

import numpy as np

from stemtasks.audio.surveying import STEP_SECONDS
from stemtasks.importing.aligning import REPEATED
from stemtasks.importing.proposal import Group, Proposal, Recording, Value

SUFFIX = "group"
ROUNDING = 1.02
"""What another sample rate may add between the peaks of single stems."""


def set_groups(proposal: Proposal) -> None:
    """Give the song a group for each kind of which there are two stems or more.

    A group is a file in the song's subtype: where its stems together may be above full scale it is turned down, and
    its fader in the mix gives that back.
    """
    found: dict[str, list[Recording]] = {}
    for stem in proposal.stems:
        if stem.group is not None:
            found.setdefault(stem.group, []).append(stem)
    taken = {stem.name.casefold() for stem in proposal.stems}
    for kind, stems in found.items():
        if len(stems) < 2:
            continue
        name = kind if kind not in taken else f"{kind}_{SUFFIX}"
        group = Group(name, [stem.name for stem in stems])
        peak = _highest(proposal, stems)
        if peak > 1.0 and proposal.subtype.value != "FLOAT":
            over = math.ceil(20.0 * math.log10(peak))
            why = f"its stems together may pass full scale, where {proposal.subtype.value} clips; [mix] gives it back"
            group.gain_db = Value(float(-over), why)
        limits = [stem.verify.get("silence_dbfs") for stem in stems]
        if all(limit is not None for limit in limits):
            softest = min(limit.value for limit in limits if limit is not None)
            group.verify["silence_dbfs"] = Value(softest, "all of it is soft")
        proposal.groups.append(group)


def _highest(proposal: Proposal, stems: list[Recording]) -> float:
    """Return a peak that the sum of stems is not above: the sum of their peaks in each tenth of a second."""
    total = np.zeros(int(proposal.seconds / STEP_SECONDS) + 2)
    anywhere = 0.0
    for stem in stems:
        peaks, highest = stem.survey.peaks, 10 ** (stem.facts["peak_dbfs"] / 20)
        if stem.align.value in REPEATED:
            anywhere += highest
            continue
        # a step of the file lies across two of the song's; as a stem it may be louder than its file
        lying = np.maximum(np.append(peaks, 0.0), np.append(0.0, peaks))
        first = int(stem.offset_s / STEP_SECONDS)
        part = total[first : first + len(lying)]
        part += lying[: len(part)] * (highest / max(float(peaks.max(initial=0.0)), 1e-9))
    return ROUNDING * (float(total.max(initial=0.0)) + anywhere)
