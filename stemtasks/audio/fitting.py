"""The sound of the stage ``align``: a stem at exactly the target's frames, by a strategy, its seams measured."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from stemtasks.audio.blocks import Stream
from stemtasks.audio.facts import write_facts
from stemtasks.audio.levels import measure_levels
from stemtasks.audio.pieces import ROUNDING_FRAMES, Fit, Piece, check_source, seconds
from stemtasks.audio.seam_figures import measure_seams
from stemtasks.audio.source import Source
from stemtasks.audio.wav import write_wav
from stemtasks.errors import AudioError
from stemtasks.links import link
from stemtasks.plugins import call
from stemtasks.timeline import Timeline


def fit_to_timeline(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Fit ``inputs['audio']`` to ``timing.frames`` by ``params['strategy']``; write the audio and its facts.

    ``params``: strategy, arguments, kind, bpm (the stem's own tempo), seed; session_tracks (how many
    recordings are as long as this one in its folder); tail ('keep') where the song has one: then
    what a stem holds past the target goes on into it, and the file is so much longer.
    """
    timeline = Timeline.load(inputs["timing"])
    with Source(inputs["audio"]) as source:
        if source.sample_rate != timeline.sample_rate:
            raise AudioError(
                f"{source.path}: its sample rate is {source.sample_rate} Hz, the song's is {timeline.sample_rate} Hz:"
                " make the stem again at the song's rate"
            )
        check_source(source)
        stream = Stream(source.sample_rate, source.channels, source.frames, outputs["audio"].parent)
        frames = _frames_with_tail(source, timeline, params)
        strategy, reason, weighed, made = _fitted(source, stream, timeline, frames, params)
        if _is_as_it_was(source, frames, made):
            link(inputs["audio"], outputs["audio"])
        else:
            write_wav(outputs["audio"], made.blocks, source.sample_rate, source.channels)
        facts = measure_levels(outputs["audio"])
        with Source(outputs["audio"]) as output:
            seams = measure_seams(output, source, made)
        facts["align"] = {
            "strategy": strategy,
            "reason": reason,
            "source_frames": source.frames,
            "target_frames": timeline.frames,
            **({"tail_frames": frames - timeline.frames} if frames > timeline.frames else {}),
            **({"weighed": weighed} if weighed else {}),
            **made.facts,
            **seams,
        }
    write_facts(outputs["facts"], facts)


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


def _fitted(
    source: Source, stream: Stream, timeline: Timeline, frames: int, params: dict[str, Any]
) -> tuple[str, str, dict[str, float], Fit]:
    """Return the strategy's name, the reason for it, what was weighed against it, and its fit."""
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

    name, reason, weighed = params["strategy"], "asked for in the spec", dict[str, float]()
    arguments = dict(params.get("arguments") or {})
    if name == "auto":
        choice = called("auto", arguments)
        name, reason, weighed = choice.strategy, choice.reason, choice.weighed
        if frames > timeline.frames:
            longer = seconds(source.frames - timeline.frames, source.sample_rate)
            reason = f"longer than the target by {longer}, which rings into the song's tail"
        arguments = {"bpm": arguments["bpm"]} if name in ("loop", "truncate") and "bpm" in arguments else {}
    return name, reason, weighed, called(name, arguments)
