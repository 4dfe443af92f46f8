"""A made session: tracks of one length on a grid of a tempo, and a rough mix of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import soundfile

RATE, BPM = 48_000, 96.0
SECONDS = 4 * 60 / BPM * 4  # four bars
TRACKS = {
    "01 Kick In": ("hits", 0),
    "02 Snare Top": ("hits", 1),
    "03 OH": ("hats", 2),
    "04 Bass DI": ("low", 45),
    "05 Gtr L": ("chord", 57),
    "06 Gtr R": ("chord", 60),
    "07 Keys": ("chord", 64),
    "08 LdVox": ("voice", 69),
    "10 BVs": ("voice", 72),
}
"""In the order of their numbers."""
NOTES = {
    45: (45, 50, 40, 45),
    57: (57, 57, 55, 57),
    60: (60, 62, 59, 60),
    64: (64, 65, 64, 64),
    69: (69, 74, 71, 69),
    72: (72, 69, 67, 76),
}
"""MIDI numbers of each bar: A minor, D minor, E minor, A minor."""


def saved(path: Path, audio: np.ndarray, rate: int = RATE, subtype: str = "PCM_24") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, rate, subtype=subtype)
    return path


@cache
def sound(kind: str, number: int, seconds: float = SECONDS, rate: int = RATE, bpm: float = BPM) -> np.ndarray:
    """Return a track, shape (frames,): hits on beats, or notes of A minor, one a bar."""
    frames = round(seconds * rate)
    t, noise = np.arange(frames) / rate, np.random.default_rng(number + 7)
    beat = 60.0 / bpm
    if kind in ("hits", "hats"):
        step = beat / 4 if kind == "hats" else 2 * beat
        phase = (t - (beat if number == 1 else 0.0)) % step
        burst = np.exp(-phase * (60 if kind == "hats" else 25)) * (t >= (beat if number == 1 else 0.0))
        if number == 0:
            return 0.5 * burst * np.sin(2 * np.pi * 55 * phase)
        return 0.2 * burst * noise.standard_normal(frames)
    bar = 4 * beat
    audio = np.zeros(frames)
    for at in range(int(np.ceil(seconds / bar))):
        here = slice(round(at * bar * rate), min(frames, round((at + 1) * bar * rate)))
        local = t[here] - at * bar
        shape = np.minimum(1.0, local / 0.01) * np.exp(-local * 0.7)
        hertz = 440 * 2 ** ((NOTES[number][at % 4] - 69) / 12)
        vibrato = 0.2 * np.sin(2 * np.pi * 5 * local) if kind == "voice" else 0.0
        for overtone in (1, 2, 3):
            audio[here] += 0.15 / overtone * shape * np.sin(2 * np.pi * hertz * overtone * local + vibrato)
    return audio


def session(folder: Path, mix: str | None = "Rough Mix", rate: int = RATE) -> dict[str, np.ndarray]:
    """Write nine tracks and their mix; return the tracks by name."""
    tracks = {name: sound(kind, number, rate=rate) for name, (kind, number) in TRACKS.items()}
    for name, audio in tracks.items():
        saved(folder / f"{name}.wav", audio, rate)
    if mix is not None:
        pans = np.linspace(-0.5, 0.5, len(tracks))
        left = sum(audio * (1 - pan) for audio, pan in zip(tracks.values(), pans, strict=True))
        right = sum(audio * (1 + pan) for audio, pan in zip(tracks.values(), pans, strict=True))
        saved(folder / f"{mix}.wav", np.tanh(0.6 * np.stack([left, right], axis=1)), rate)
    return tracks
