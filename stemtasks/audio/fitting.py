"""The sound of the stage ``align``: a stem at exactly the target's frames, by a strategy, its seams measured."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from stemtasks.audio.blocks import Stream
from stemtasks.audio.facts import write_facts
from stemtasks.audio.levels import measure_levels
from stemtasks.audio.pieces import ROUNDING_FRAMES, Changed, Fit, Piece, check_source, seconds
from stemtasks.audio.seam_figures import measure_seams
from stemtasks.audio.source import Source
from stemtasks.audio.wav import write_wav
from stemtasks.errors import AudioError
from stemtasks.links import link
from stemtasks.plugins import call
from stemtasks.timeline import Timeline

ASKED = "asked for in the spec"


def fit_to_timeline(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Fit ``inputs['audio']`` to ``timing.frames`` by ``params['strategy']``; write the audio and its facts.

    ``params``: strategy, arguments, kind, bpm (the stem's own tempo), seed; session_tracks (how many
    recordings are as long as this one in its folder); tail ('keep') where the song has one: then
    what a stem holds past the target goes on into it, and the file is so much longer.
    """
    timeline = Timeline.load(inputs["timing"])
    with ExitStack() as open_files:
        source = open_files.enter_context(Source(inputs["audio"]))
        if source.sample_rate != timeline.sample_rate:
            raise AudioError(
                f"{source.path}: its sample rate is {source.sample_rate} Hz, the song's is {timeline.sample_rate} Hz:"
                " make the stem again at the song's rate"
            )
        check_source(source)
        recorded = source.frames
        chosen = _chosen(source, timeline, params, outputs)
        if isinstance(chosen.made, Changed):
            between = outputs["audio"].with_name(f"{outputs['audio'].stem}.changed.wav")
            write_wav(between, chosen.made.blocks, source.sample_rate, source.channels)
            open_files.callback(between.unlink)
            source = open_files.enter_context(Source(between))
            chosen = _and_then(
                chosen, chosen.made, _chosen(source, timeline, _of_changed(params, chosen.made), outputs)
            )
        made = chosen.made
        if _is_as_it_was(source, chosen.frames, made):
            link(source.path, outputs["audio"])
        else:
            write_wav(outputs["audio"], made.blocks, source.sample_rate, source.channels)
        facts = measure_levels(outputs["audio"])
        with Source(outputs["audio"]) as output:
            seams = measure_seams(output, source, made)
        facts["align"] = {
            "strategy": chosen.strategy,
            "reason": chosen.reason,
            "source_frames": recorded,
            "target_frames": timeline.frames,
            **({"tail_frames": chosen.frames - timeline.frames} if chosen.frames > timeline.frames else {}),
            **({"weighed": chosen.weighed} if chosen.weighed else {}),
            **made.facts,
            **chosen.facts,
            **seams,
        }
    write_facts(outputs["facts"], facts)


@dataclass(frozen=True)
class _Chosen:
    """A strategy that was called: why, what was weighed against it, the frames it was to fit to, and what it made."""

    strategy: str
    reason: str
    weighed: dict[str, float]
    frames: int
    made: Any
    facts: dict[str, Any] = field(default_factory=dict)


def _of_changed(params: dict[str, Any], made: Changed) -> dict[str, Any]:
    """Return the parameters for a stem that was changed and has the song's tempo; the arguments were for the change."""
    kind = (params.get("arguments") or {}).get("kind") or params.get("kind")
    return {**params, "strategy": made.then, "arguments": {}, "bpm": None, "kind": kind}


def _and_then(first: _Chosen, made: Changed, then: _Chosen) -> _Chosen:
    """Return what was chosen for a stem that was changed first, as one choice."""
    why = [made.reason] if first.reason == ASKED else [first.reason, made.reason]
    if then.reason != ASKED:
        why.append(f"then {then.strategy}: {then.reason}")
    elif then.strategy != "none":
        why.append(f"then {then.strategy}")
    reason = ", ".join(why)
    return replace(then, strategy=first.strategy, reason=reason, weighed=first.weighed | then.weighed, facts=made.facts)


def _is_as_it_was(source: Source, frames: int, made: Fit) -> bool:
    """Return whether what a plan makes of a file that was written here is the very same file."""
    whole = source.frames == frames and source.format in ("WAV", "WAVEX") and source.subtype == "FLOAT"
    return whole and list(islice(made.plan(), 2)) == [Piece(0, 0)]


def _frames_with_tail(source: Source, timeline: Timeline, params: dict[str, Any]) -> int:
    """Return the frames to fit to: the target's, and as many of the song's tail as a longer stem rings into."""
    rings = params.get("tail") == "keep" and params["strategy"] in ("auto", "none")
    if not rings or source.frames <= timeline.frames + ROUNDING_FRAMES:
        return timeline.frames
    return min(source.frames, timeline.delivered_frames)


def _chosen(source: Source, timeline: Timeline, params: dict[str, Any], outputs: dict[str, Path]) -> _Chosen:
    """Return the strategy that was asked for, or that ``auto`` chooses, and what it makes."""
    stream = Stream(source.sample_rate, source.channels, source.frames, outputs["audio"].parent)
    frames = _frames_with_tail(source, timeline, params)
    offered = {
        "timeline": timeline,
        "seed": params.get("seed", 0),
        "bpm": params.get("bpm"),
        "kind": params.get("kind"),
        "session_tracks": params.get("session_tracks", 0),
    }

    def called(name: str, arguments: dict[str, Any]) -> Any:
        reference = params["parts"][f"strategies/{name}"]
        return call(reference, source, frames, stream, arguments=arguments, offered=offered)

    name, reason, weighed = params["strategy"], ASKED, dict[str, float]()
    arguments = dict(params.get("arguments") or {})
    if name == "auto":
        choice = called("auto", arguments)
        name, reason, weighed = choice.strategy, choice.reason, choice.weighed
        if frames > timeline.frames and name != "stretch":
            longer = seconds(source.frames - timeline.frames, source.sample_rate)
            reason = f"longer than the target by {longer}, which rings into the song's tail"
        keeps_bpm = name in ("loop", "stretch", "truncate") and "bpm" in arguments
        arguments = {"bpm": arguments["bpm"]} if keeps_bpm else {}
    return _Chosen(name, reason, weighed, frames, called(name, arguments))
