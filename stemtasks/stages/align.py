"""Align: fit a stem to exactly the target's frames, and measure every seam that took."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtasks.audio.in_time import sync_failures
from stemtasks.audio.limits import failures
from stemtasks.audio.seam_limits import seam_failures
from stemtasks.job import Job
from stemtasks.spec import parts

if TYPE_CHECKING:
    from stemtasks.spec.song import Song, Stem

SYNCING = "stemtasks.audio.syncing:bring_in_time"
"""A part, so that it is in the keys of those stems alone that ask for it."""
ASKED = "asked for in the spec"
RECORDING = "since_earliest"
"""What a generator's function asks for that plays a recording."""
REMEDIES = {
    "seam_dip_db": "give another loop region or another strategy",
    "seam_rise_db": "give another loop region or another strategy",
    "seam_step_db": "give a longer overlap_ms or another strategy",
    "seam_jump": "give a longer overlap_ms or another loop region",
    "seam_beat_error_ms": "give the stem's own bpm, or a region of whole beats (start_beats, length_beats)",
}

NEAR_BPM = 0.002, 0.12
"""How far the best tempo of the onsets is from the one said where it may be what was meant."""


def job(song: Song, stem: Stem) -> Job:
    """Return what one aligned stem is made of."""
    chosen = _strategies(song, stem)
    inputs = {"audio": song.product("stems", f"{stem.name}.wav"), "timing": song.product("timing.json")}
    if stem.sync and song.reference.file is not None:
        inputs["reference"] = song.input(song.reference.file)
        chosen["sync"] = SYNCING
    tracks = 0
    if stem.align.name == "auto" and RECORDING in stem.generator.wants:
        from stemtasks.spec.sessions import session_tracks

        tracks = session_tracks(song, stem)
    return Job(
        task=f"align:{song.name}/{stem.name}",
        stage="align",
        inputs=inputs,
        outputs=song.audio("aligned", stem.name),
        params={
            "strategy": stem.align.name,
            "arguments": stem.align.arguments,
            "kind": stem.kind,
            "bpm": stem.table.bpm,
            "seed": song.seed("align", stem.name),
            **({"tail": "keep"} if song.song.tail_seconds and stem.table.tail == "keep" else {}),
            **({"session_tracks": tracks} if tracks else {}),
        },
        limits=song.stem_limits(stem),
        parts=chosen,
        where=song.where(f"stems.{stem.name}.align"),
    )


def _strategies(song: Song, stem: Stem) -> dict[str, str]:
    """Return the strategies that may be called, by reference; ``auto`` may choose any of ours.

    It stretches only a stem with a tempo of its own: so the extra for it, or that it is missing, is in no other's key.
    """
    asked, arguments = stem.align, stem.align.arguments
    chosen = {f"strategies/{asked.name}": asked.reference}
    ours = {name: part.reference for name, part in parts.ours("strategies").items()}
    then = arguments["then"] if asked.name == "stretch" else asked.name
    if then == "auto":
        chosen |= {f"strategies/{name}": reference for name, reference in ours.items() if name != "stretch"}
        own = arguments.get("bpm") or stem.table.bpm
        if own is not None and song.song.bpm not in (None, own):
            chosen["strategies/stretch"] = ours["stretch"]
    elif asked.name == "stretch":
        chosen |= {f"strategies/{name}": ours[name] for name in {then, "none"}}
    return chosen


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write the stem fitted by ``params["strategy"]``, in time with the reference if it is an input, and its facts."""
    from stemtasks.audio.fitting import fit_to_timeline
    from stemtasks.plugins import load

    fit_to_timeline(inputs, outputs, params)
    if "reference" in inputs:
        load(params["parts"]["sync"])(inputs, outputs, params)


def verify(facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    """Return what is outside the limits, a phrase each, with the worst seam's time and what to do about it."""
    found = failures(facts, limits) + sync_failures(facts["align"].get("sync"), limits)
    found += _tempo_failures(facts["align"].get("tempo"), limits)
    worst = facts["align"]["worst_seam"]
    return found + seam_failures(worst, limits, facts["sample_rate"], "seam", lambda limit: _remedy(limit, facts))


def _remedy(limit: str, facts: dict[str, Any]) -> str:
    """Return what to do about a seam outside a limit, in figures where they are known."""
    if limit in REMEDIES:
        return REMEDIES[limit]
    way = _own_bpm(facts["align"]) if limit == "seam_onset_error_ms" else _first_beat(facts)
    return f"{way}, or allow it with verify.{limit}"


def _own_bpm(fitted: dict[str, Any]) -> str:
    """Return which tempo to give; a region in seconds keeps its length whatever the tempo, and has to fit it too."""
    if "tempo" in fitted:
        bpm, best = fitted["tempo"]["bpm"], fitted["tempo"]["best_bpm"]
        if NEAR_BPM[0] < abs(best / bpm - 1.0) < NEAR_BPM[1]:
            return f"give the stem bpm = {best:g}"
    elif "tempo_from" not in fitted:
        return "give the stem's own bpm and a region of whole beats (start_beats, length_beats)"
    return "give the stem's own bpm"


def _first_beat(facts: dict[str, Any]) -> str:
    """Return where to begin; of what is stretched the recording, since no region can be given of it."""
    fitted, begun = facts["align"], "region"
    start_s = fitted["loop_start_frame"] / facts["sample_rate"] + fitted["worst_seam"]["onset_offset_ms"] / 1000.0
    if "stretch" in fitted:
        begun, start_s = "recording", start_s / fitted["stretch"]["factor"]
    start_s = round(start_s, 3) + 0.0  # no -0
    return (
        f"begin the {begun} where its first beat is heard (start_seconds{f' = {start_s:.3f}' if start_s >= 0 else ''})"
    )


def _tempo_failures(tempo: dict[str, Any] | None, limits: dict[str, Any]) -> list[str]:
    """Return that the onsets contradict the tempo of the grid, where they are clear enough to say so."""
    if tempo is None or tempo["share"] >= limits.get("tempo_fit", 0.0):
        return []
    best, beats = tempo["best_bpm"], round(tempo["best_beats"])
    whole = f" ({beats} beats)" if beats and abs(tempo["best_beats"] - beats) < 1 / 8 else ""
    phrase = (
        f"its onsets do not go with {tempo['bpm']:g} bpm but with {best:g}{whole}: give the stem bpm = {best:g} (and "
        'align = "stretch" where it is to follow the song), use align = "crossfade", or allow it with '
        "verify.tempo_fit = 0"
    )
    return [phrase]


def summary(facts: dict[str, Any]) -> str:
    """Return the strategy, how many seams it took, what was corrected, and the reason where nobody asked for it."""
    chosen = facts["align"]
    why = chosen["reason"].removesuffix(f": {chosen['strategy']}")
    seams = f", {chosen['seams']} seam{'s' if chosen['seams'] > 1 else ''}" if chosen.get("seams") else ""
    return f"{facts['frames']} frames, {chosen['strategy']}{seams}{_corrected(chosen)}" + (
        f" ({why})" if why != ASKED else ""
    )


def _corrected(chosen: dict[str, Any]) -> str:
    """Return what was corrected to bring the stem in time with the reference."""
    if "corrected" not in chosen:
        return ""
    was = chosen["corrected"]
    turned = ", inverted" if was["polarity"] == -1 else ""
    return f", was {was['offset_ms']:+.2f} ms off the reference, {was['drift_ppm']:+.1f} ppm{turned}: corrected"
