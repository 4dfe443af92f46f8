"""From a folder of recordings to the proposal of a song."""

from __future__ import annotations

from pathlib import Path

from stemtasks.audio.blocks import frames_at
from stemtasks.errors import SpecError
from stemtasks.importing.aligning import fit_all
from stemtasks.importing.folder import Found
from stemtasks.importing.grouping import set_groups
from stemtasks.importing.limits import set_limits, set_loudness, set_sync
from stemtasks.importing.mixes import rough_mix
from stemtasks.importing.proposal import Proposal, Recording, Tell, Value
from stemtasks.importing.pulse_and_key import find_key_and_kinds, find_pulse
from stemtasks.importing.recordings import measure_stems, measured, place, sample_rate_of, subtype_of
from stemtasks.timeline import clock

NOTHING = "holds no recordings (WAV, AIFF, FLAC, Ogg, Opus, MP3, CAF, W64 and AU are read)"


def propose(name: str, title: str, folder: Path, found: Found, tell: Tell) -> Proposal:
    """Return what is proposed of the recordings of a folder; SpecError where none of them can be a stem."""
    left_out = dict(found.left_out)
    if not found.recordings and not left_out:
        raise SpecError(f"{folder}: {NOTHING}; name a folder that does")
    recordings = measured(folder, found.recordings, left_out, tell)
    if not recordings:
        first, why = next(iter(left_out.items()))
        more = f" (and {len(left_out) - 1} more)" if len(left_out) > 1 else ""
        raise SpecError(f"{folder}: nothing in it can be a stem: {first}: {why}{more}")
    rate = sample_rate_of(recordings)
    reference, recognised, stems = rough_mix(folder, recordings, left_out, tell)
    place(folder, stems)
    measure_stems(stems, rate.value, tell)
    proposal = Proposal(name, title, folder, stems, left_out, rate, reference=reference, recognised=recognised)
    _measure_target(proposal)
    find_pulse(proposal, tell)
    find_key_and_kinds(proposal, tell)
    fit_all(proposal, tell)
    proposal.subtype = subtype_of(stems)
    set_limits(proposal)
    set_groups(proposal)
    set_loudness(proposal)
    set_sync(proposal, tell)
    return proposal


def _measure_target(proposal: Proposal) -> None:
    """Let the song be as long as its reference, or as the longest recording."""
    rate = proposal.sample_rate.value
    if proposal.reference is not None:
        proposal.frames = _frames(proposal.reference, rate)
        return
    last = max(proposal.stems, key=lambda each: each.offset_s + each.seconds)
    proposal.frames = round(last.offset_s * rate) + _frames(last, rate)
    proposal.duration = Value(proposal.seconds, f"{clock(1000 * proposal.seconds)}, of the longest: {last.name}")


def _frames(recording: Recording, rate: int) -> int:
    facts = recording.survey.facts
    return frames_at(facts["frames"], facts["sample_rate"], rate)
