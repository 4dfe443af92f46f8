"""Fits a stem to exactly the target's frames, and measures every seam that took."""

from __future__ import annotations

import inspect
from itertools import islice
from pathlib import Path
from typing import Any

from stemtasks import plugins
from stemtasks.audio import levels
from stemtasks.audio.pieces import Fit, Piece, check_source
from stemtasks.audio.seam_figures import measure_seams
from stemtasks.audio.source import Source, Stream
from stemtasks.audio.wav import write_wav
from stemtasks.errors import AudioError
from stemtasks.links import share
from stemtasks.timeline import Timeline

SEAM_LIMITS = {
    "seam_dip_db": ("dip_db", "the level falls by {found:g} dB, {allowed:g} dB are allowed"),
    "seam_jump": ("jump_ratio", "the waveform jumps {found:g} times its largest step around, {allowed:g} are allowed"),
    "seam_beat_error_ms": ("beat_error_ms", "it is {found:g} ms off the beat, {allowed:g} ms are allowed"),
}
REMEDIES = {
    "seam_dip_db": "give a longer overlap_ms, another loop region, or another strategy",
    "seam_jump": "give a longer overlap_ms or another loop region",
    "seam_beat_error_ms": "give the stem's own bpm, or a region of whole beats (start_beats, length_beats)",
}


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Fit ``inputs['audio']`` to ``timing.frames`` by ``params['strategy']``; write the audio and its facts.

    ``params``: strategy, arguments, kind, bpm (the stem's own tempo), seed.
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
        strategy, reason, made = _fitted(source, stream, timeline, params)
        if _is_as_it_was(source, timeline.frames, made):
            share(inputs["audio"], outputs["audio"])
        else:
            write_wav(outputs["audio"], made.blocks, source.sample_rate, source.channels)
        facts = levels.measure(outputs["audio"])
        with Source(outputs["audio"]) as output:
            seams = measure_seams(output, source, made)
        facts["align"] = {
            "strategy": strategy,
            "reason": reason,
            "source_frames": source.frames,
            "target_frames": timeline.frames,
            **made.facts,
            **seams,
        }
    levels.write_facts(outputs["facts"], facts)


def _is_as_it_was(source: Source, frames: int, made: Fit) -> bool:
    """Return whether what a plan makes of a file that was written here is the very same file."""
    whole = source.frames == frames and source.format in ("WAV", "WAVEX") and source.subtype == "FLOAT"
    return whole and list(islice(made.plan(), 2)) == [Piece(0, 0)]


def _fitted(source: Source, stream: Stream, timeline: Timeline, params: dict[str, Any]) -> tuple[str, str, Fit]:
    """Return the strategy's name, the reason for it, and its fit."""
    name, reason = params["strategy"], "asked for in the spec"
    arguments = dict(params.get("arguments") or {})
    given = {"timeline": timeline, "seed": params.get("seed", 0), "bpm": params.get("bpm"), "kind": params.get("kind")}
    if name == "auto":
        choice = _call("auto", source, timeline.frames, stream, arguments, given)
        name, reason, arguments = choice.strategy, choice.reason, {k: arguments[k] for k in ("bpm",) if k in arguments}
        arguments = arguments if name == "loop" else {}
    return name, reason, _call(name, source, timeline.frames, stream, arguments, given)


def _call(
    name: str, source: Source, frames: int, stream: Stream, arguments: dict[str, Any], given: dict[str, Any]
) -> Any:
    """Call a strategy with its own arguments and those of what the stage knows that its signature names."""
    strategy = plugins.load("strategies", name)
    named = inspect.signature(strategy).parameters
    # a spec names every argument, those left out as None, which must not hide the stem's own bpm and kind
    stated = {k: v for k, v in arguments.items() if v is not None}
    return strategy(source, frames, stream, **({k: v for k, v in given.items() if k in named} | stated))


def verify(facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    """Return what is outside the limits, a phrase each, with the worst seam's time and what to do about it."""
    found = levels.failures(facts, limits)
    worst = facts["align"]["worst_seam"]
    if worst is None:
        return found
    for limit, (name, phrase) in SEAM_LIMITS.items():
        allowed = limits.get(limit)
        if allowed is not None and worst[name] > allowed:
            at = worst[name.rsplit("_", 1)[0] + "_frame"] / facts["sample_rate"]
            said = phrase.format(found=worst[name], allowed=allowed)
            found.append(f"at the seam at {at:.3f} s {said}: {REMEDIES[limit]}")
    return found
