"""Stems of different content, rough mixes that are made of them, and what a match says of these."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from stemtasks.dsp.pan import balance
from stemtasks.stages import match
from tests.made_stems import timeline, written

RATE = 44_100
SECONDS = 3


def stereo(mono):
    return np.repeat(np.asarray(mono)[:, None], 2, axis=1)


def struck(seed, hertz, every, seconds=SECONDS, partials=6, decay=6.0):
    """Return notes, each of some partials that die away, at times and pitches that are drawn."""
    draw, frames = np.random.default_rng(seed), round(seconds * RATE)
    x, time = np.zeros(frames), np.arange(RATE) / RATE
    for start in np.arange(0.0, seconds, every):
        at = round((start + draw.uniform(0.0, 0.3) * every) * RATE)
        pitch = hertz * 2 ** (draw.integers(-7, 8) / 12)
        ring = sum(np.sin(2 * np.pi * k * pitch * time + draw.uniform(0, 6)) / k for k in range(1, partials + 1))
        ring = draw.uniform(0.1, 0.3) * ring * np.exp(-decay * time) * np.minimum(1.0, time * 300)
        x[at : at + RATE] += ring[: max(0, frames - at)]
    return x


def beaten(seed, low_hz, high_hz, every, seconds=SECONDS, decay=30.0):
    """Return bursts of noise in a band, as drums are."""
    draw, frames = np.random.default_rng(seed), round(seconds * RATE)
    spectrum = np.fft.rfft(draw.standard_normal(frames))
    hertz = np.fft.rfftfreq(frames, 1 / RATE)
    noise = np.fft.irfft(spectrum / (1 + (hertz / high_hz) ** 8) / (1 + (low_hz / (hertz + 1)) ** 8), frames)
    time = np.arange(frames) / RATE
    since = (time + draw.uniform(0, every)) % every
    return 0.2 * noise / noise.std() * np.exp(-decay * since)


def thirteen():
    """Return stems by name: a kit, two basses, keys, guitars and voices, stereo; one is wide, two overlap in range."""
    monos = {
        "kick": beaten(1, 30, 120, 0.5, decay=18),
        "snare": beaten(2, 150, 8000, 1.0, decay=14),
        "hat": beaten(3, 6000, 18000, 0.25, decay=50),
        "shaker": beaten(4, 3000, 12000, 0.125, decay=25),
        "toms": beaten(5, 70, 600, 2.0, decay=8),
        "bass": struck(6, 55, 0.5, decay=3),
        "sub": struck(7, 41, 1.0, partials=2, decay=2),
        "keys": struck(8, 330, 0.5),
        "guitar": struck(9, 220, 0.25, partials=12),
        "lead": struck(10, 660, 0.4, partials=8, decay=3),
        "voice": struck(11, 260, 0.6, partials=20, decay=2),
        "bells": struck(12, 1760, 0.75, partials=3, decay=2),
    }
    wide = np.stack([struck(seed, 165, 1.5, partials=10, decay=1) for seed in (13, 14)], axis=1)
    return {name: stereo(mono) for name, mono in monos.items()} | {"pad": wide}


@dataclass
class Fader:
    gain_db: float = 0.0
    pan: float = 0.0
    polarity: int = 1


def drawn(names, seed=0):
    """Return a fader each: gains from -12 to +6 dB, pans to 0.8, every fourth inverted."""
    draw = np.random.default_rng(seed)
    gains = draw.permutation(np.linspace(-12.0, 6.0, len(names)))
    pans = draw.uniform(-0.8, 0.8, len(names))
    return {
        name: Fader(float(gain), float(pan), -1 if place % 4 == 2 else 1)
        for place, (name, gain, pan) in enumerate(zip(names, gains, pans, strict=True))
    }


def mixed(stems, faders):
    return sum(
        stems[name] * balance(fader.pan) * (fader.polarity * 10 ** (fader.gain_db / 20))
        for name, fader in faders.items()
    )


def through_ffmpeg(audio, filters, rate=RATE):
    """Return audio behind ffmpeg's filters: somebody else's equaliser, compressor and limiter."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "f64le", "-ar", str(rate), "-ac", "2", "-i", "-"]
    run = subprocess.run(
        [*command, "-af", filters, "-f", "f64le", "-"],
        input=audio.astype("<f8").tobytes(),
        capture_output=True,
        check=True,
    )
    return np.frombuffer(run.stdout, "<f8").reshape(-1, 2)


def matched(folder, stems, rough, rate=RATE, rough_rate=None, channels=None, pans=None, places=True, sections=1):
    """Return the facts that the stage writes of these stems and this rough mix, and the lines to keep."""
    inputs = {f"stems/{name}": written(folder / f"{name}.wav", audio, rate) for name, audio in stems.items()}
    inputs["reference"] = rough if isinstance(rough, Path) else written(folder / "rough.wav", rough, rough_rate or rate)
    inputs["timing"] = folder / "timing.json"
    frames = len(next(iter(stems.values())))
    line = timeline(frames, rate=rate).to_json()
    edges = np.linspace(0, frames, sections + 1).astype(int).tolist()
    line["sections"] = [
        line["sections"][0] | {"name": f"part {place}", "start_frame": start, "end_frame": end}
        for place, (start, end) in enumerate(pairwise(edges))
    ]
    inputs["timing"].write_text(json.dumps(line))
    for name in stems:
        inputs[f"align_facts/{name}"] = folder / f"{name}.aligned.json"
        inputs[f"align_facts/{name}"].write_text(json.dumps({"channels": (channels or {}).get(name, 2)}))
    outputs = {"facts": folder / "match.json", "kept": folder / "match.toml"}
    outputs |= {f"match/{name}": folder / "match" / f"{name}.json" for name in stems}
    match.run(inputs, outputs, {"places": places, "pans": {name: (pans or {}).get(name, 0.0) for name in stems}})
    return json.loads(outputs["facts"].read_text())
