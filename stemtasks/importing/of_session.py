"""From another program's session to the proposal of a song: a stem a track, sections from markers."""

from __future__ import annotations

import os
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

from stemtasks.audio.surveying import Survey
from stemtasks.errors import AudioError, SpecError
from stemtasks.importing.clips_in_files import WHOLE_SECONDS, in_files, laid, overlap, whole_file
from stemtasks.importing.grouping import set_groups
from stemtasks.importing.limits import set_limits, set_loudness, set_sync
from stemtasks.importing.naming import named
from stemtasks.importing.proposal import Proposal, Recording, Tell, Value
from stemtasks.importing.recordings import RATES_HZ, subtype_of, surveyed
from stemtasks.importing.session import Clip, Session, Track, decibels_of
from stemtasks.importing.words import said_by
from stemtasks.spec.reading import SIGNATURE
from stemtasks.spec.tables import MOST_SECTIONS
from stemtasks.timeline import clock

WHOLE_BARS = 1e-4
BPM_RANGE = 10.0, 1000.0


def propose_session(name: str, title: str, session: Session, tell: Tell) -> Proposal:
    """Return what is proposed of a session; SpecError where none of its tracks has a recording."""
    left_out: dict[str, str] = {}
    surveys = _surveys(session, left_out, tell)
    stems, reference, rest = [], None, [track for track in session.tracks if track.clips or track.notes]
    calls = named([track.name for track in rest], are_files=False)
    for track, call in zip(rest, calls, strict=True):
        kept = in_files(track, surveys)
        said = said_by(call.title)
        if not kept:
            left_out[f"the track '{track.name}'"] = "; ".join(["it has no recording that can be read", *track.notes])
        elif track.is_muted and reference is None and said.mix and whole_file(kept, surveys) is not None:
            reference = Recording(kept[0].file, call.name, call.title, said, surveys[kept[0].file])
        elif track.is_muted:
            what = f"it is muted; its clips are of {', '.join(sorted({os.path.basename(clip.file) for clip in kept}))}"
            left_out[f"the track '{track.name}'"] = what
        else:
            stems.append(_stem(track, kept, call.name, call.title, surveys))
    if not stems:
        why = next((f": {name} {reason}" for name, reason in left_out.items()), "")
        raise SpecError(f"{session.path}: no track of it has a recording that can be read{why}")
    rate = _rate(session, surveys)
    proposal = Proposal(name, session.title or title, session.path, stems, left_out, rate)
    proposal.reference, proposal.recognised = reference, "a muted track of the session" if reference else ""
    proposal.artist, proposal.notes, proposal.mix_gain_db = session.artist, session.notes, decibels_of(session.gain)
    _set_time(proposal, session)
    _fit(proposal)
    set_limits(proposal)
    proposal.subtype = subtype_of(stems)
    set_groups(proposal)
    set_loudness(proposal)
    set_sync(proposal, tell)
    return proposal


def _surveys(session: Session, left_out: dict[str, str], tell: Tell) -> dict[str, Survey]:
    """Return what the files measure that clips are of; one that cannot be read is left out, with the reason."""
    files = list(dict.fromkeys(clip.file for track in session.tracks for clip in track.clips))
    found = {}
    for place, file in enumerate(files, 1):
        try:
            found[file] = surveyed(Path(file))
        except AudioError as error:
            left_out[file] = str(error).removeprefix(f"{file}: ")
        tell("measured", place, len(files))
    return found


def _stem(track: Track, clips: list[Clip], name: str, title: str, surveys: dict[str, Survey]) -> Recording:
    whole = whole_file(clips, surveys)
    survey = surveys[whole] if whole is not None else laid(clips, surveys)
    found = Recording(whole or clips[0].file, name, title, said_by(title), survey)
    found.clips = [] if whole is not None else clips
    found.gain_db, found.pan, found.notes = (
        decibels_of(track.gain),
        round(min(1.0, max(-1.0, track.pan)), 6),
        track.notes,
    )
    if track.gain < 0:
        found.notes.append("that its fader inverts the polarity")
    if found.said.group is not None:
        found.kind = Value(found.said.kind, f"its name says '{found.said.word}'")
    if any(overlap(one, other) for one, other in pairwise(clips)):
        found.notes.append("that clips sound at the same time: the later one takes the place of the one before")
    factor = 10 ** (found.gain_db / 20)
    found.facts = {**found.facts, "is_over": 10 ** (survey.facts["peak_dbfs"] / 20) * factor > 1.0}
    found.facts["peak_dbfs"] = round(survey.facts["peak_dbfs"] + found.gain_db, 3)
    return found


def _rate(session: Session, surveys: dict[str, Survey]) -> Value:
    if session.sample_rate is not None and RATES_HZ[0] <= session.sample_rate <= RATES_HZ[1]:
        return Value(session.sample_rate, "as the session")
    rates = Counter(survey.facts["sample_rate"] for survey in surveys.values())
    usual = [rate for rate in rates if RATES_HZ[0] <= rate <= RATES_HZ[1]]
    return Value(max(usual, key=lambda each: (rates[each], each)), "as most recordings") if usual else Value(48_000)


def _set_time(proposal: Proposal, session: Session) -> None:
    """Take over tempo, time signature, length and markers."""
    if session.bpm is not None and BPM_RANGE[0] <= session.bpm <= BPM_RANGE[1]:
        proposal.bpm = Value(session.bpm, "as the session")
    if SIGNATURE.fullmatch(session.time_signature):
        proposal.time_signature = session.time_signature
    else:
        proposal.notes.append(f"the time signature {session.time_signature}")
    rate = proposal.sample_rate.value
    seconds = proposal.reference.seconds if proposal.reference is not None else session.seconds
    proposal.frames = max(1, round(seconds * rate))
    if proposal.reference is None:
        last = max(proposal.stems, key=lambda each: each.seconds)
        proposal.duration = Value(proposal.seconds, f"{clock(1000 * proposal.seconds)}: there {last.name} ends")
    proposal.sections = _sections(session, proposal)


def _sections(session: Session, proposal: Proposal) -> list[dict[str, Any]]:
    """Return sections from one marker to the next, the last to the end of the song."""
    end = proposal.seconds
    markers = sorted({at: name for at, name in reversed(session.markers) if 0 <= at < end - WHOLE_SECONDS}.items())
    late = [f"{name} at {clock(1000 * at)}" for at, name in session.markers if not 0 <= at < end - WHOLE_SECONDS]
    if late:
        proposal.notes.append(f"markers outside the song: {', '.join(late)}")
    if not markers:
        return []
    if proposal.bpm is None or len(markers) >= MOST_SECTIONS:
        said = ", ".join(f"{name} at {clock(1000 * at)}" for at, name in markers[:20])
        proposal.notes.append(f"markers, since sections need a tempo: {said}")
        return []
    if markers[0][0] > WHOLE_SECONDS:
        markers.insert(0, (0.0, "start"))
    beats, _, unit = proposal.time_signature.partition("/")
    per_bar, bpm = int(beats) * 4 / int(unit), proposal.bpm.value
    found: list[dict[str, Any]] = []
    for (at, name), (following, _) in pairwise(markers):
        # places in beats are rounded, so that what programs round does not add up
        count = round((following - at) * bpm / 60.0, 4)
        bars = round(count / per_bar, 6)
        whole = round(bars)
        found.append(
            {"name": name, **({"bars": whole} if whole and abs(bars - whole) < WHOLE_BARS else {"beats": count})}
        )
    found.append({"name": markers[-1][1], "fill": True})
    return found


def _fit(proposal: Proposal) -> None:
    """Fill each stem with silence that ends before the song, as in the session."""
    for each in proposal.stems:
        gap = proposal.seconds - each.seconds
        if abs(gap) * proposal.sample_rate.value <= 2:
            each.align = Value("none", "as long as the song")
        elif gap > 0:
            each.align = Value("zero_pad", f"it ends {gap:.3f} s before the song")
        else:
            each.align = Value("auto", f"{-gap:.3f} s longer than the song")
