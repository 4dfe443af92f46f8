"""A whole file through a chain of effects: what a mix and a premaster have that name some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stemtasks.audio.blocks import Stream, fitted
from stemtasks.audio.effecting import Chain, files_of, through
from stemtasks.audio.facts import Facts
from stemtasks.audio.source import Source
from stemtasks.audio.wav import write_wav
from stemtasks.errors import SpecError
from stemtasks.timeline import Timeline


def through_effects(source: Path, target: Path, inputs: dict[str, Path], params: dict[str, Any]) -> Facts:
    """Write ``source`` through ``params["effects"]`` as float, as long as it is, and return what is known of the chain.

    What rings on past the end is cut: it had the song's tail to do so.
    """
    if "mistake" in params:
        raise SpecError(params["mistake"])
    timeline = Timeline.load(inputs["timing"])
    chain = Chain(params["effects"], params["parts"], files_of(inputs, "effects"))
    with Source(source) as audio:
        stream = Stream(audio.sample_rate, audio.channels, audio.frames, target.parent)
        blocks, _ = through(
            audio.blocks(), stream, chain, timeline=timeline, channels=audio.channels, frames=audio.frames
        )
        write_wav(target, fitted(blocks, audio.frames, audio.channels), audio.sample_rate, audio.channels, "FLOAT")
    return {"effects": [effect["effect"] for effect in params["effects"]], **chain.facts}
