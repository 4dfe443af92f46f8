"""Process: an aligned stem through its effects, gain and pan: the stem as it is delivered."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtasks.audio.as_written import stem_failures
from stemtasks.audio.facts import level
from stemtasks.audio.limits import failures
from stemtasks.job import Job
from stemtasks.spec.chains import chain

if TYPE_CHECKING:
    from stemtasks.spec.song import Song, Stem

WITHOUT_NOTES = ("drums", "fx")
"""Kinds of stems whose key is not judged: real drums ring on some pitch or other."""
LOUDNESS = "stemtasks.audio.loud:to_loudness"
"""A part, so that a loudness meter is in the keys of those stems alone that are brought to a loudness."""


def job(song: Song, stem: Stem) -> Job:
    """Return what one processed stem is made of."""
    chained = chain(song, stem.effects, "effects", "effect", stem.name)
    loudness = stem.table.loudness_lufs
    return Job(
        task=f"process:{song.name}/{stem.name}",
        stage="process",
        inputs={
            "audio": song.product("aligned", f"{stem.name}.wav"),
            "timing": song.product("timing.json"),
            **chained.inputs,
        },
        outputs=song.audio("processed", stem.name) | song.outputs_of_sends(stem),
        params={
            "effects": chained.effects,
            "gain_db": stem.table.gain_db,
            "pan": stem.table.pan,
            "channels": song.song.channels,
            "subtype": song.song.subtype,
            "dither": song.dither,
            "tail": stem.table.tail,
            "has_notes": stem.kind not in WITHOUT_NOTES,
            **({} if loudness is None else {"loudness_lufs": loudness}),
            "seed": song.seed("process", stem.name),
            **chained.mistakes,
        },
        limits=song.processed_limits(stem),
        parts=chained.parts if loudness is None else {**chained.parts, "loudness": LOUDNESS},
        where=song.where(f"stems.{stem.name}"),
    )


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write the processed stem and its facts."""
    from stemtasks.audio.chain import process

    process(inputs, outputs, params)


def verify(facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    """Return what is outside the limits, a phrase each; PCM that clips is always outside."""
    found = failures(facts, limits) + stem_failures(facts.get("sections", []), limits)
    if facts["overs"]:
        over_db, fader = facts["peak_before_dbfs"], "loudness_lufs" if "loudness" in facts else "gain_db"
        found.append(
            f"it peaks at {over_db:+.2f} dBFS and {facts['subtype']} clips {facts['overs']} samples: "
            f"lower {fader} by {max(0.1, ceil(over_db * 10) / 10):.1f} dB or use FLOAT"
        )
    return found


def summary(facts: dict[str, Any]) -> str:
    """Return the chain and the peak behind it."""
    chain = " > ".join(facts["effects"]) or "no effects"
    return f"{facts['frames']} frames, {chain}, peak {level(facts['peak_dbfs'], 'dBFS')}"
