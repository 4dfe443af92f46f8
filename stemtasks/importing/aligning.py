"""How each recording is fitted to the song: as ``auto`` judges, and tried where it is repeated."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from stemtasks.audio.blocks import Stream, frames_at
from stemtasks.audio.facts import Facts, read_facts
from stemtasks.audio.fitting import fit_to_timeline
from stemtasks.audio.source import Source
from stemtasks.errors import StemtasksError
from stemtasks.importing.proposal import Proposal, Recording, Tell, Value
from stemtasks.importing.pulse_and_key import other_bpm
from stemtasks.importing.recordings import write_stem
from stemtasks.spec import parts
from stemtasks.spec.sessions import ALIKE_SECONDS, FEWEST, SHORTEST_SECONDS
from stemtasks.spec.tables import VerifyTable
from stemtasks.stages import align
from stemtasks.strategies.auto import auto
from stemtasks.timeline import Section, Timeline

REPEATED = ("loop", "crossfade")
MOST_TAIL_SECONDS = 120.0
TAIL_STEP_SECONDS = 0.5


def fit_all(proposal: Proposal, tell: Tell) -> None:
    """Choose the strategy of each stem, with the reason; one whose repetitions do not pass is filled with silence."""
    timeline = _timeline(proposal)
    _find_tail(proposal)
    lengths = [(each.survey.path.rpartition("/")[0], each.seconds) for each in proposal.stems]
    for place, each in enumerate(proposal.stems, 1):
        _fit(each, timeline, _session_tracks(each, lengths))
        tell("fitted", place, len(proposal.stems))


def _find_tail(proposal: Proposal) -> None:
    """Give the song a tail where recordings sound on after the target."""
    last = max(proposal.stems, key=lambda each: each.offset_s + each.survey.ends_s)
    over = last.offset_s + last.survey.ends_s - proposal.seconds
    if over <= 0.1:
        return
    tail = min(MOST_TAIL_SECONDS, -(-over // TAIL_STEP_SECONDS) * TAIL_STEP_SECONDS)
    proposal.tail_seconds = Value(tail, f"{last.name} sounds {over:.1f} s longer than the mix")


def _timeline(proposal: Proposal) -> Timeline:
    bpm, frames = proposal.known_bpm, proposal.frames
    beats = 0.0 if bpm is None else proposal.seconds * bpm / 60.0
    section = Section("song", 0, frames, 0.0, beats)
    return Timeline(proposal.sample_rate.value, frames, 0, bpm, 4.0, "4/4", None, (section,))


def _session_tracks(recording: Recording, lengths: list[tuple[str, float]]) -> int:
    """Return what ``spec/sessions.py`` counts of the spec that is being written."""
    folder = recording.survey.path.rpartition("/")[0]
    count = sum(there == folder and abs(seconds - recording.seconds) <= ALIKE_SECONDS for there, seconds in lengths)
    return count if count >= FEWEST and recording.seconds >= SHORTEST_SECONDS and not recording.offset_s else 0


def _fit(recording: Recording, timeline: Timeline, session_tracks: int) -> None:
    offset = round(recording.offset_s * timeline.sample_rate)
    with Source(recording.survey.path) as source:
        frames = frames_at(timeline.frames - offset, timeline.sample_rate, source.sample_rate)
        stream = Stream(source.sample_rate, source.channels, source.frames, Path())
        choice = auto(
            source,
            frames,
            stream,
            timeline=timeline,
            bpm=recording.own_bpm,
            kind=recording.own_kind,
            session_tracks=session_tracks,
        )
    strategy, why = choice.strategy, choice.reason
    is_placed = recording.start is not None and recording.start.value == "stamp"
    if strategy == "none":
        recording.align = Value("none", "as long as the song")
    elif strategy in ("truncate", "stretch"):
        # auto rings into the tail, and stretches where the library for it is there
        recording.align = Value("auto", why)
    elif is_placed and strategy != "zero_pad":
        recording.align = Value("zero_pad", "it lies where its start stamp says, so it is not repeated")
    else:
        recording.align = Value(strategy, why)
    if recording.align.value in REPEATED:
        _try(recording, timeline)


def _try(recording: Recording, timeline: Timeline) -> None:
    """Repeat a recording as the build will; where that fails, try its own tempo, and then no repetition."""
    wanted = recording.align
    if timeline.bpm is not None and recording.bpm is None:
        recording.bpm = other_bpm(recording, timeline.bpm)
    facts, wrong = _tried(recording, timeline)
    tempo = (facts or {}).get("align", {}).get("tempo")
    if wrong and tempo is not None and recording.own_bpm is None:
        before = recording.bpm
        own = round(float(tempo["best_bpm"]), 2)
        recording.bpm = Value(own, f"heard in it; {timeline.bpm:g} of the song does not go with it")
        facts, other = _tried(recording, timeline)
        if other:
            recording.bpm = before
        wrong = other and wrong
    if wrong or facts is None:
        recording.align = Value("zero_pad", f"'{wanted.value}' would fail: {wrong[0]}")
        return
    found = recording.facts  # of the stem, whose limits those of the aligned one are too
    recording.facts = found | {
        **{name: max(found[name], facts[name]) for name in ("peak_dbfs", "dc", "clipped_ratio")},
        "rms_dbfs": min(found["rms_dbfs"], facts["rms_dbfs"]),
        "is_over": found["is_over"] or facts["peak_dbfs"] > 0.0,
    }


def _tried(recording: Recording, timeline: Timeline) -> tuple[Facts | None, list[str]]:
    """Return the facts of the aligned stem, and what is wrong with it."""
    with tempfile.TemporaryDirectory(prefix="stemtasks-import-") as folder:
        work = Path(folder)
        stem, timing = work / "stem.wav", work / "timing.json"
        timing.write_text(json.dumps(timeline.to_json()), encoding="utf-8")
        outputs = {"audio": work / "aligned.wav", "facts": work / "aligned.json"}
        try:
            write_stem(recording, timeline.sample_rate, stem)
            fit_to_timeline({"audio": stem, "timing": timing}, outputs, _params(recording))
        except StemtasksError as error:
            return None, [str(error).replace(f"{stem}: ", "")]
        facts = read_facts(outputs["facts"])
        limits: dict[str, Any] = {
            **vars(VerifyTable()),
            "silence_dbfs": -200.0,
            "clipping_ratio": 1.0,
            "dc_offset": 1.0,
        }
        return facts, align.verify(facts, limits)


def _params(recording: Recording) -> dict[str, Any]:
    ours = {f"strategies/{name}": part.reference for name, part in parts.ours("strategies").items()}
    return {
        "strategy": recording.align.value,
        "arguments": {},
        "kind": recording.own_kind,
        "bpm": recording.own_bpm,
        "parts": ours,
    }
