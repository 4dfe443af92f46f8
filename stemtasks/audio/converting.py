"""The sound of the stage ``convert``: a file as a delivery has it, read back and compared with what it was made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stemtasks import plugins
from stemtasks.audio.blocks import BLOCK_FRAMES, Block, Blocks, frames_at, reblocked
from stemtasks.audio.encoding import write_flac, write_mp3
from stemtasks.audio.facts import Facts, decibels, write_facts
from stemtasks.audio.levels import measure_levels
from stemtasks.audio.loudness import measure_levels_and_loudness
from stemtasks.audio.rates import at_rate
from stemtasks.audio.rf64 import make_rf64
from stemtasks.audio.rounding import largest_error
from stemtasks.audio.source import Source
from stemtasks.audio.true_peak import TruePeakMeter
from stemtasks.audio.wav import write_wav
from stemtasks.dsp.level import peak

MOST_PADDING_SECONDS = 0.1
"""What encoders fill up their last frames with."""


@dataclass
class Heard:
    """What goes into a file."""

    frames: int = 0
    peak: float = 0.0
    overs: int = 0


def convert(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write ``audio`` at ``params["sample_rate"]`` in its ``format`` and ``subtype``, and ``facts`` of it.

    The facts are those of the file that was read back. ``source`` says what it was made of, at its new rate:
    ``residual_dbfs`` is the largest difference and ``max_residual_dbfs`` what its rounding allows, both None for MP3;
    ``residual_db`` is the level of the difference below that of the source. ``overs`` are samples above full scale,
    ``peak_before_dbfs`` the highest. With a role ``loudness`` that over time is written; ``measure`` is ``levels``,
    ``loudness`` or ``master``, which adds the true peak.
    """
    encoder = Encoder(inputs, outputs["audio"], params)
    if "encode" in params["parts"]:
        source, how = plugins.call(
            params["parts"]["encode"], inputs, outputs, params, encoder, arguments={}, offered={}
        )
    else:
        source, how = inputs["audio"], {}
        encoder.write(source)
    facts = encoder.measured(params["measure"], outputs.get("loudness"))
    facts |= how | compared(source, encoder.heard, params)
    write_facts(outputs["facts"], encoder.told(facts))
    for path in {source, encoder.heard} - {inputs["audio"], outputs["audio"]}:
        path.unlink()


class Encoder:
    """Writes a file in another form, as often as it is asked to, and knows where to hear what was written."""

    def __init__(self, inputs: dict[str, Path], made: Path, params: dict[str, Any]) -> None:
        self._inputs, self._made, self._params = inputs, made, params
        self._program: Callable[..., None] | None = None
        self.heard = made
        """The file itself, or a WAV that the program for it made of it."""
        if "program" in params["parts"]:
            self._program = plugins.load(params["parts"]["program"])
            self.heard = made.with_name("decoded.wav")

    def write(self, source: Path) -> None:
        """Write the file of a WAV."""
        if self._program is None:
            return write(source, self._made, self._params)
        given = self._made.with_name("to-encode.wav")
        write(source, given, self._params)
        self._program("encode", given, self._made, self._inputs, self._params)
        given.unlink()
        return self._program("decode", self._made, self.heard, self._inputs, self._params)

    def measured(self, measure: str, over_time: Path | None = None) -> Facts:
        """Return what the file measures."""
        return measured(self.heard, measure, over_time)

    def told(self, facts: Facts) -> Facts:
        """Return the facts of the file, not of what was decoded from it, which may hold a little more at its end."""
        if self._program is None:
            return facts
        more = facts["frames"] - facts["source"]["frames"]
        is_padded = 0 <= more <= MOST_PADDING_SECONDS * facts["sample_rate"]
        frames = facts["source"]["frames"] if is_padded else facts["frames"]
        return facts | {"frames": frames, "subtype": self._params["told"], "decoded_frames": facts["frames"]}


def write(source: Path, made: Path, params: dict[str, Any]) -> None:
    """Write a file in another form that we write ourselves."""
    rate, subtype = params["sample_rate"], params["subtype"]
    with Source(source) as audio:
        blocks = at_rate(audio.blocks(), audio.frames, audio.channels, audio.sample_rate, rate)
        if params["format"] == "mp3":
            write_mp3(made, blocks, rate, audio.channels)
        elif params["format"] == "flac":
            write_flac(made, blocks, rate, audio.channels, subtype, params["seed"], params["dither"])
        else:
            frames = write_wav(made, blocks, rate, audio.channels, subtype, params["seed"], params["dither"])
            if params["format"] == "rf64":
                make_rf64(made, frames)


def measured(path: Path, measure: str, over_time: Path | None = None) -> Facts:
    """Return what a delivered file measures."""
    if measure == "levels":
        return measure_levels(path)
    if measure == "loudness":
        return measure_levels_and_loudness(path, over_time=over_time)
    with Source(path) as source:
        meter = TruePeakMeter(source.sample_rate, source.channels)
    facts = measure_levels_and_loudness(path, meter, over_time)
    return facts | {"true_peak_dbtp": decibels(meter.finish())}


def compared(source: Path, made: Path, params: dict[str, Any]) -> Facts:
    """Return how far a file is from what it was made of, both read once more."""
    heard = Heard()
    largest, squares, own_squares = 0.0, 0.0, 0.0
    with Source(source) as audio, Source(made) as written:
        wanted = frames_at(audio.frames, audio.sample_rate, params["sample_rate"])
        blocks = at_rate(audio.blocks(), audio.frames, audio.channels, audio.sample_rate, params["sample_rate"])
        for expected in _heard(reblocked(blocks, BLOCK_FRAMES), heard):
            found = written.read(heard.frames - len(expected), len(expected))
            difference = _difference(expected, found)
            largest = max(largest, peak(difference))
            squares += float(np.sum(difference * difference))
            own_squares += float(np.sum(expected * expected))
        lossy = params["format"] in ("mp3", "command")
        is_exact = (audio.sample_rate, audio.subtype) == (params["sample_rate"], params["subtype"])
        facts = {
            "frames": wanted,
            "sample_rate": audio.sample_rate,
            "subtype": audio.subtype,
            "residual_dbfs": None if lossy else decibels(largest),
            "max_residual_dbfs": None if lossy else decibels(0.0 if is_exact else largest_error(params, heard.peak)),
            "residual_db": round(10 * float(np.log10(squares / own_squares)), 2) if squares and own_squares else None,
        }
    pcm = params["subtype"] != "FLOAT"
    overs = heard.overs if pcm else 0
    return {"format": params["format"], "source": facts, "overs": overs, "peak_before_dbfs": decibels(heard.peak)}


def _difference(expected: Block, found: Block) -> Block:
    """Return the difference; what is missing at the end is silence, and its length is found by the limits."""
    difference = expected.copy()
    difference[: len(found)] -= found
    return difference


def _heard(blocks: Blocks, heard: Heard) -> Blocks:
    for block in blocks:
        heard.frames += len(block)
        highest = peak(block)
        heard.peak = max(heard.peak, highest)
        if highest > 1.0:
            heard.overs += int(np.count_nonzero(np.abs(block) > 1.0))
        yield block
