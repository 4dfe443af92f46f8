"""Limits and formats that a recording is outside of as it is: what it was given with is kept, and said."""

from __future__ import annotations

import math
from typing import Any

from stemtasks.audio.in_time import is_found
from stemtasks.audio.surveying import together
from stemtasks.audio.sync import InReference
from stemtasks.importing.aligning import REPEATED
from stemtasks.importing.proposal import Proposal, Recording, Tell, Value
from stemtasks.spec.tables import VerifyTable

USUAL = VerifyTable()
ROOM_DB = 3.0
NEARLY = 0.9
"""Of a limit: the next figure may be above it."""
MASTER_GAIN = 2.0
"""Of a mix that is brought to its loudness, mostly at most."""
MOST_PEAK_TO_LOUDNESS_DB = 19.0
"""Of the sum of the stems, about: a limiter brings that to -14 LUFS."""
LEAST_SECONDS = 1.0
"""Shorter has no loudness to speak of."""
SYNC_STEP_MS = 10


def set_limits(proposal: Proposal) -> None:
    """Allow each stem what it is: soft, clipped, with DC; and the mix of them likewise."""
    length = proposal.seconds + (proposal.tail_seconds.value if proposal.tail_seconds else 0.0)
    dc = 0.0
    for each in proposal.stems:
        facts = each.facts
        sounds = proposal.seconds if each.align.value in REPEATED else each.seconds
        filled = 10 * math.log10(max(1.0, length / sounds))
        rms = facts["rms_dbfs"] - filled
        if rms - ROOM_DB < USUAL.silence_dbfs:
            why = f"its RMS is {rms:.0f} dBFS over the whole song"
            each.verify["silence_dbfs"] = Value(float(math.floor(rms - ROOM_DB)), why)
        if facts["clipped_ratio"] > NEARLY * USUAL.clipping_ratio:
            each.verify["clipping_ratio"] = Value(_above(facts["clipped_ratio"]), "it was recorded clipped")
        if facts["dc"] > NEARLY * USUAL.dc_offset:
            why = 'it has DC; mend = [{ name = "highpass", cutoff_hz = 10, phase = "zero" }] would take it out'
            each.verify["dc_offset"] = Value(_above(facts["dc"]), why)
        dc += facts["dc"]
    soft = [each.verify.get("silence_dbfs") for each in proposal.stems]
    if all(limit is not None for limit in soft):
        proposal.verify["silence_dbfs"] = Value(min(limit.value for limit in soft if limit), "all stems are soft")
    clipped = [each.verify["clipping_ratio"] for each in proposal.stems if "clipping_ratio" in each.verify]
    if clipped:
        proposal.verify["clipping_ratio"] = Value(max(each.value for each in clipped), "of the mix: a stem is clipped")
    if MASTER_GAIN * dc > USUAL.dc_offset:
        proposal.verify["dc_offset"] = Value(_above(MASTER_GAIN * dc), "of the mix and the master: stems have DC")


def _above(figure: float) -> float:
    """Return a round figure that is clearly above one, at most 1."""
    wanted = 1.5 * figure
    step = 10.0 ** math.floor(math.log10(wanted))
    return min(1.0, round(math.ceil(wanted / step) * step, 9))


def set_loudness(proposal: Proposal) -> None:
    """Keep the usual loudness of the master, unless the stems' peaks leave no room for it."""
    lufs, peak = together([each.survey for each in proposal.stems])
    if lufs is None or proposal.seconds < LEAST_SECONDS or peak - lufs > MOST_PEAK_TO_LOUDNESS_DB:
        why = "the mix as loud as it is: it is too short or too uneven for -14"
        if peak > 0.0:
            proposal.mix_gain_db = round(proposal.mix_gain_db - math.ceil(peak), 4)
        proposal.loudness_lufs = Value("off", why)
        return
    if proposal.reference is None:
        proposal.loudness_lufs = Value(-14.0, '"off" leaves the mix as loud as it is')
        return
    said, _ = together([proposal.reference.survey])
    rough = f"; the mix in the folder has about {said:.0f}" if said is not None else ""
    proposal.loudness_lufs = Value(-14.0, f'"off" leaves it as loud as the stems are{rough}')


def set_sync(proposal: Proposal, tell: Tell) -> None:
    """Allow what is not in time with the reference, or turned against it, and say by how much."""
    if proposal.reference is None:
        return
    found: list[tuple[Recording, dict[str, Any]]] = []
    with InReference(proposal.reference.survey.path) as reference:
        for place, each in enumerate(proposal.stems, 1):
            if each.align.value not in REPEATED and not each.offset_s and not each.clips:
                sync = reference.measure(each.survey.path)
                if is_found(sync):
                    found.append((each, sync))
            tell("held against the mix", place, len(proposal.stems))
    if not found:
        return
    worst = max((abs(sync["offset_ms"]) for _, sync in found), default=0.0)
    if worst > 0.8 * USUAL.sync_offset_ms:
        far = max(found, key=lambda each: abs(each[1]["offset_ms"]))
        late = "behind" if far[1]["offset_ms"] > 0 else "ahead of"
        said = f"{far[0].name} is {worst:.1f} ms {late} the reference"
        allowed = float(SYNC_STEP_MS * math.ceil(1.2 * worst / SYNC_STEP_MS))
        proposal.verify["sync_offset_ms"] = Value(allowed, said + "; align = { sync = true } of a stem would move it")
    drift = max((abs(sync["drift_ms"]) for _, sync in found), default=0.0)
    if drift > 0.8 * USUAL.sync_drift_ms:
        allowed = float(SYNC_STEP_MS * math.ceil(1.2 * drift / SYNC_STEP_MS))
        proposal.verify["sync_drift_ms"] = Value(allowed, f"a stem drifts by {drift:.1f} ms from the reference")
    turned = [each for each, sync in found if sync["polarity"] == -1]
    for each in turned:
        each.verify["polarity"] = Value("any", "its polarity is the reference's inverted")
    if 2 * len(turned) > len(found):
        proposal.verify["polarity"] = Value("any", "the reference has the inverted polarity of most stems")
