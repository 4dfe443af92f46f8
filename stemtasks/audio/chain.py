"""The sound of the stage ``process``: a stem through its effects, gain and pan, at the length that is delivered."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stemtasks.audio.blocks import Block, Blocks, Stream, fitted
from stemtasks.audio.curves import Curve, Values, along, curve_of
from stemtasks.audio.effecting import Chain, files_of, through
from stemtasks.audio.facts import decibels, write_facts
from stemtasks.audio.levels import measure_levels
from stemtasks.audio.musical import OF_A_STEM, measure_music
from stemtasks.audio.source import Source
from stemtasks.audio.spill import Spill
from stemtasks.audio.wav import write_wav
from stemtasks.automation import extremes
from stemtasks.dsp import pan
from stemtasks.dsp.level import TAIL_FLOOR, amplitude, peak
from stemtasks.errors import AudioError, SpecError
from stemtasks.plugins import load
from stemtasks.timeline import Timeline

CUT_FADE_MS = 10


@dataclass
class Heard:
    """What only the running chain can see."""

    peak: float = 0.0
    overs: int = 0
    tail_frames: int = 0
    tail_cut: bool = False


def process(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write ``audio``, exactly ``timeline.delivered_frames`` frames, and ``facts``.

    The order is effects, then gain, then pan; then the gain to ``loudness_lufs``, where it is asked. A mono stem of a
    stereo song is panned by constant power (-3.01 dB each at the centre), a stereo one balanced: the far side falls
    along the same curve, the near side stays. Stereo becomes mono by its average.

    With ``tail`` 'keep' what rings past the timeline goes into the song's tail; with 'cut' it ends with
    the timeline. Where the end takes away anything above -90 dBFS, the last 10 ms before it fade out.

    The facts have ``sections``, what is heard in each of them (``musical.py``); a draft is not judged by that.
    """
    with Source(inputs["audio"]) as source:
        blocks, channels = _folded(source, params["channels"])
        through_strip(blocks, channels, source.channels, source.frames, inputs, outputs, params)


def through_strip(
    blocks: Blocks,
    channels: int,
    panned_channels: int,
    frames: int,
    inputs: dict[str, Path],
    outputs: dict[str, Path],
    params: dict[str, Any],
) -> None:
    """Write what ``process`` does of blocks of so many channels and frames, panned as ``panned_channels`` are.

    ``outputs["pre"]``, where it is asked for, is what comes before gain and pan, as float, in the middle.
    """
    if "mistake" in params:
        raise SpecError(params["mistake"])
    timeline = Timeline.load(inputs["timing"])
    end = timeline.frames if params["tail"] == "cut" else timeline.delivered_frames
    fade_frames = round(CUT_FADE_MS * timeline.sample_rate / 1000)
    chain = Chain(params["effects"], params["parts"], files_of(inputs, "effects"))
    heard = Heard()
    scratch = outputs["audio"].parent
    stream = Stream(timeline.sample_rate, channels, frames, scratch)
    blocks, channels = through(
        blocks, stream, chain, timeline=timeline, channels=params["channels"], frames=timeline.delivered_frames
    )
    with ExitStack() as stack:
        if "pre" in outputs:
            ended = _ended(blocks, end, fade_frames, heard)
            spill = stack.enter_context(Spill(fitted(ended, timeline.delivered_frames, channels), channels, scratch))
            middle = {"gain_db": 0.0, "pan": 0.0, "channels": params["channels"]}
            pre = _gained(spill.blocks(), channels, panned_channels, middle, timeline)
            write_wav(outputs["pre"], pre, timeline.sample_rate, params["channels"])
            blocks = spill.blocks()
        blocks = _gained(blocks, channels, panned_channels, params, timeline)
        blocks = _ended(blocks, end, fade_frames, heard)
        blocks = fitted(blocks, timeline.delivered_frames, params["channels"])
        loudness: dict[str, Any] = {}
        if "loudness_lufs" in params:
            spill = stack.enter_context(Spill(blocks, params["channels"], scratch))
            bring = load(params["parts"]["loudness"])
            blocks, loudness = bring(spill, timeline.sample_rate, params["loudness_lufs"])
        pcm = params["subtype"] != "FLOAT"
        blocks = _listened(blocks, timeline.frames, pcm, heard)
        form = params["channels"], params["subtype"], params["seed"], params["dither"]
        write_wav(outputs["audio"], blocks, timeline.sample_rate, *form)
    facts = measure_levels(outputs["audio"])
    facts |= {
        "gain_db": params["gain_db"],
        "pan": params["pan"],
        "effects": [effect["effect"] for effect in params["effects"]],
        **chain.facts,
        **loudness,
        "overs": heard.overs,
        "peak_before_dbfs": decibels(heard.peak) if pcm else facts["peak_dbfs"],
        "tail_frames": heard.tail_frames,
        "tail_cut": heard.tail_cut,
    }
    if "draft" not in params and not facts["invalid_samples"]:
        facts["sections"] = measure_music(outputs["audio"], timeline, OF_A_STEM, params["has_notes"])
    write_facts(outputs["facts"], facts)


def _folded(source: Source, channels: int) -> tuple[Blocks, int]:
    """Return the source's blocks with no more channels than the song has: stereo becomes mono by its average."""
    if source.channels in (1, channels):
        return source.blocks(), source.channels
    if channels > 1:
        raise AudioError(
            f"{source.path}: it has {source.channels} channels and the song {channels}: "
            "export it with 1 or as many as the song"
        )
    return (pan.middle(block)[:, None] for block in source.blocks()), 1


def _gained(blocks: Blocks, channels: int, source_channels: int, params: dict[str, Any], timeline: Timeline) -> Blocks:
    """Yield the blocks with gain and pan, in the song's channels; where they change, each frame has its own."""
    gain_db, position = (curve_of(params[name], timeline, name) for name in ("gain_db", "pan"))
    for extreme in extremes(params["pan"]):
        pan_gains(source_channels, params["channels"], extreme)
    if isinstance(gain_db, Curve) or isinstance(position, Curve):
        for block, (decibels, places) in along(blocks, gain_db, position):
            sides = _sides(source_channels, params["channels"], places)
            yield pan.scaled(block, sides * np.ravel(amplitude(decibels)))
        return
    gains = amplitude(gain_db) * pan_gains(source_channels, params["channels"], position)
    if channels == params["channels"] and np.all(gains == 1.0):
        yield from blocks
        return
    for block in blocks:
        yield pan.scaled(block, gains)


def _sides(source_channels: int, channels: int, position: float | Values) -> pan.Gains:
    """Return a gain for each of the song's channels at each frame, or one for all frames: shape (channels, frames)."""
    if not isinstance(position, np.ndarray):
        return pan_gains(source_channels, channels, position)[:, None]
    return (pan.constant_power_along if source_channels == 1 else pan.balance_along)(position[:, 0])


def pan_gains(source_channels: int, channels: int, position: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a gain for each of the song's channels."""
    if channels == 2:
        return pan.constant_power(position) if source_channels == 1 else pan.balance(position)
    if position:
        raise SpecError(f"pan {position:g} needs a stereo song, this one has {channels} channel(s): leave pan out")
    return np.ones(channels)


def _ended(blocks: Blocks, end: int, fade_frames: int, heard: Heard) -> Blocks:
    """Yield at most ``end`` frames; where that takes away sound, the last ``fade_frames`` before it fade out."""
    fade_frames = min(fade_frames, end)
    held: list[Block] = []
    position = 0
    for block in blocks:
        body, last, over = np.split(block, [max(0, end - fade_frames - position), max(0, end - position)])
        if len(body):
            yield body
        if len(last):
            held.append(last)
        if peak(over) > TAIL_FLOOR:
            heard.tail_cut = True
            break
        position += len(block)
    if not held:
        return
    ending = np.concatenate(held)
    if heard.tail_cut:
        ramp = (1.0 + np.cos(np.pi * np.arange(1, fade_frames + 1) / fade_frames)) / 2.0
        ending = ending * ramp[fade_frames - len(ending) :, None]
    yield ending


def _listened(blocks: Blocks, song_frames: int, pcm: bool, heard: Heard) -> Blocks:
    """Pass blocks on and note what PCM would clip, its peak, and the last frame of the tail above -90 dBFS."""
    position = 0
    for block in blocks:
        if pcm:
            highest = peak(block)
            heard.peak = max(heard.peak, highest)
            if highest > 1.0:
                heard.overs += int(np.count_nonzero(np.abs(block) > 1.0))
        if position + len(block) > song_frames:
            tail = block[max(0, song_frames - position) :]
            loud = np.flatnonzero((np.abs(tail) > TAIL_FLOOR).any(axis=1))
            if len(loud):
                heard.tail_frames = int(max(0, position - song_frames) + loud[-1] + 1)
        position += len(block)
        yield block
