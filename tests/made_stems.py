"""Stems made for a test, fitted and measured as the stage does it."""

from __future__ import annotations

import inspect
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemtasks.audio.blocks import Stream
from stemtasks.audio.seam_figures import measure_seams
from stemtasks.audio.source import Source
from stemtasks.audio.wav import write_wav
from stemtasks.plugins import load
from stemtasks.spec import parts
from stemtasks.timeline import Section, Timeline

RATE = 48000


def timeline(frames, bpm=None, rate=RATE, beats_per_bar=4.0):
    section = Section("all", 0, frames, 0.0, 0.0)
    return Timeline(rate, frames, 0, bpm, beats_per_bar, "4/4", None, (section,))


def columns(audio):
    audio = np.asarray(audio, dtype=np.float64)
    return audio if audio.ndim == 2 else audio[:, None]


def written(path, audio, rate=RATE):
    audio = columns(audio)
    write_wav(path, iter([audio] if len(audio) else []), rate, audio.shape[1])
    return path


def as_wav(recording, folder, seconds=None):
    """Copy a recording to WAV, which is what a stage is given: libsndfile does not seek exactly in Vorbis."""
    with Source(recording) as source:
        stop = None if seconds is None else round(seconds * source.sample_rate)
        path = Path(folder) / (Path(recording).stem + ".wav")
        write_wav(path, source.blocks(0, stop), source.sample_rate, source.channels)
        return path, source.sample_rate


@dataclass
class Fitted:
    audio: np.ndarray
    facts: dict
    seams: dict


def fit(source, strategy, frames, folder, song_bpm, arguments):
    function = load(parts.found("strategies", strategy).reference)
    if "timeline" in inspect.signature(function).parameters:
        arguments["timeline"] = timeline(frames, song_bpm, source.sample_rate)
    stream = Stream(source.sample_rate, source.channels, source.frames, Path(folder))
    return function(source, frames, stream, **arguments)


def facts_of(path, strategy, frames, folder, song_bpm=None, **arguments):
    """Return what a strategy says of a recording, of which nothing is rendered."""
    with Source(path) as source:
        return fit(source, strategy, frames, folder, song_bpm, arguments).facts


def fitted_file(path, strategy, frames, folder, song_bpm=None, **arguments):
    with Source(path) as source:
        rate = source.sample_rate
        made = fit(source, strategy, frames, folder, song_bpm, arguments)
        output_path = Path(folder) / "fitted.wav"
        write_wav(output_path, made.blocks, rate, source.channels)
        with Source(output_path) as output:
            audio = output.read(0, output.frames)
            return Fitted(audio, made.facts, measure_seams(output, source, made))


def fitted(audio, strategy, frames, rate=RATE, song_bpm=None, **arguments):
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder) / "stem.wav", audio, rate)
        return fitted_file(path, strategy, frames, folder, song_bpm, **arguments)


def noise(frames, channels=1, seed=0, level=0.1):
    return np.random.Generator(np.random.PCG64(seed)).standard_normal((frames, channels)) * level


def sine(frames, frequency_hz, rate=RATE, level=0.5):
    return level * np.sin(2 * np.pi * frequency_hz * np.arange(frames) / rate)
