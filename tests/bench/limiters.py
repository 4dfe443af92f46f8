"""Limiters on the same programme: ours, ffmpeg's alimiter and loudnorm, and matchering's where there is one."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import scipy.signal
import soundfile

from stemtasks.audio.facts import write_facts
from stemtasks.audio.loudness import measure_loudness
from stemtasks.audio.wav import write_wav
from stemtasks.dsp.loudness import k_weighting
from stemtasks.stages import master
from tests.bench.measuring import ROOT
from tests.loudness_oracle import integrated_lufs
from tests.measured import measure
from tests.true_peak_oracle import highest_dbtp, made_to_break

RECORDINGS = Path(os.environ.get("STEMTASKS_RECORDINGS", ROOT.parent / "shared" / "audio"))
REAL = ["songs/metal_madness/song.ogg", "songs/lmms_reggaetry/MASTER.ogg", "loops/loop_amen_full.flac"]
RATE, CEILING_DBTP, TARGET_LUFS, HARD_LUFS, SECONDS = 48_000, -1.0, -10.0, -8.0, 15
Limiter = Callable[[np.ndarray, int, float | None], np.ndarray]


def ours(samples: np.ndarray, rate: int, gain_db: float | None, target_lufs: float | None = None) -> np.ndarray:
    """Bring the samples to the target by the stage ``master`` (the gain None: hold the ceiling only).

    The whole stage is in its time: it measures the mix, tries gains, renders and reads the file back.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = {
            kind: [folder / f"{kind}{end}" for end in (".wav", ".json", ".loudness.json")] for kind in ("mix", "master")
        }
        write_wav(paths["mix"][0], iter([samples]), rate, samples.shape[1])
        write_facts(paths["mix"][1], measure(paths["mix"][0], loudness=True))
        measure_loudness(paths["mix"][0], paths["mix"][2])
        params = {
            "loudness_lufs": None if gain_db is None else target_lufs or TARGET_LUFS,
            "ceiling_dbtp": CEILING_DBTP,
            "subtype": "FLOAT",
            "dither": "tpdf",
            "seed": 1,
        }
        roles = ("audio", "facts", "loudness")
        inputs, outputs = (dict(zip(roles, paths[kind], strict=True)) for kind in ("mix", "master"))
        master.run(inputs, outputs, params)
        return soundfile.read(outputs["audio"], always_2d=True)[0]


def _ffmpeg(chain: str, samples: np.ndarray, rate: int) -> np.ndarray:
    form = ["-f", "f64le", "-ar", str(rate), "-ac", str(samples.shape[1])]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *form, "-i", "-", "-af", chain, *form, "-"]
    made = subprocess.run(command, input=samples.tobytes(), capture_output=True, check=True).stdout
    return np.frombuffer(made).reshape(-1, samples.shape[1])


def alimiter(samples: np.ndarray, rate: int, gain_db: float | None, ceiling_dbfs: float = CEILING_DBTP) -> np.ndarray:
    """Limit samples that were brought to the target; it knows the ceiling of samples only."""
    limit = 10 ** (ceiling_dbfs / 20)
    return _ffmpeg(f"alimiter=limit={limit}:level=0:latency=1", samples * 10 ** ((gain_db or 0.0) / 20), rate)


def loudnorm(samples: np.ndarray, rate: int, gain_db: float | None) -> np.ndarray:
    """Bring the samples to the target in one pass; it works at 192 kHz and is resampled back."""
    return _ffmpeg(f"loudnorm=I={TARGET_LUFS}:TP={CEILING_DBTP}:LRA=20,aresample={rate}", samples, rate)


_MATCHERING = """
import sys, numpy
from matchering.defaults import Config
from matchering.limiter.hyrax import limit
rate, channels, ceiling = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
samples = numpy.frombuffer(sys.stdin.buffer.read()).reshape(-1, channels)
config = Config(internal_sample_rate=rate)
config.threshold = ceiling
sys.stdout.buffer.write(limit(samples, config).tobytes())
"""


def matchering(samples: np.ndarray, rate: int, gain_db: float | None) -> np.ndarray:
    """Limit samples that were brought to the target, by a Python that has it; as ``alimiter`` it knows samples only."""
    command = [os.environ["STEMTASKS_MATCHERING"], "-c", _MATCHERING, str(rate), str(samples.shape[1])]
    raised = samples * 10 ** ((gain_db or 0.0) / 20)
    ceiling = str(10 ** (CEILING_DBTP / 20))
    made = subprocess.run([*command, ceiling], input=raised.tobytes(), capture_output=True, check=True).stdout
    return np.frombuffer(made).reshape(-1, samples.shape[1])


def programmes() -> Iterator[tuple[str, np.ndarray, int]]:
    """Yield name, samples and rate: three that are real, where they are, and three that are made."""
    for name in REAL:
        if (RECORDINGS / name).is_file():
            samples, rate = soundfile.read(RECORDINGS / name, frames=44_100 * SECONDS, always_2d=True)
            yield Path(name).parent.name, samples, rate
        else:
            print(f"({name} is not there and is left out; set STEMTASKS_RECORDINGS)")
    made = made_to_break(RATE, RATE * 4)
    for name in ("noise bursts", "impulses between samples", "chirp to Nyquist"):
        yield name, made[name] * 0.3, RATE


def harmonics_db(limiter: Limiter, frequency_hz: float) -> float:
    """Return the harmonic distortion of a steady tone 6 dB over the ceiling, in dB."""
    tone = 10 ** ((CEILING_DBTP + 6) / 20) * np.sin(2 * np.pi * frequency_hz * np.arange(4 * RATE) / RATE)
    gain_db = None if limiter is ours else 0.0
    # as it is written to a file, so that all have the same rounding
    out = limiter(tone[:, None], RATE, gain_db).astype(np.float32).astype(np.float64)
    spectrum = np.abs(np.fft.rfft(out[RATE : 3 * RATE, 0]))
    found = spectrum[round(2 * frequency_hz) * np.arange(1, 20)]
    return float(10 * np.log10((found[1:] ** 2).sum() / found[0] ** 2))


def splatter_db(limiter: Limiter) -> float:
    """Return what a 1 kHz tone that jumps by 12 dB, with soft edges, has above 4 kHz: in dB of the tone."""
    n = np.arange(4 * RATE)
    loud = np.convolve((n // (RATE // 4) % 2).astype(float), np.hanning(481) / 240, "same")
    tone = (0.4 + 1.2 * loud) * np.sin(2 * np.pi * 1000 * n / RATE)
    out = limiter(tone[:, None], RATE, None if limiter is ours else 0.0)[RATE : 3 * RATE, 0]
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out)))) ** 2
    return float(10 * np.log10(spectrum[8_000:].sum() / spectrum.sum()))


def pumping(limiter: Limiter) -> tuple[float, float, float]:
    """Return what a bass drum does to a soft tone beside it: by how much at most, after 300 ms, and on average, in dB.

    The drum (60 Hz, 120 a minute) is 6 dB over the ceiling, the tone (3 kHz) 26 dB below the drum. The tone's level is
    read in 10 ms; the average is the standard deviation. A limiter that only a peak turns down has 6, 0 and little.
    """
    n = np.arange(6 * RATE)
    since = n % (RATE // 2) / RATE
    drum = np.sin(2 * np.pi * 60 * since) * np.exp(-since / 0.06) * np.minimum(1.0, (0.5 - since) / 0.01)
    samples = 10 ** ((CEILING_DBTP + 6) / 20) * (drum / np.abs(drum).max() + 0.05 * np.sin(2 * np.pi * 3000 * n / RATE))
    out = limiter(samples[:, None], RATE, None if limiter is ours else 0.0)[: len(n), 0]
    carrier = np.exp(-2j * np.pi * 3000 * n[: len(out)] / RATE)
    step = RATE // 100
    sidebands = (out * carrier)[2 * RATE : 5 * RATE].reshape(-1, step) @ np.hanning(step)
    levels_db = 20 * np.log10(np.abs(sidebands)).reshape(-1, 50)
    levels_db -= levels_db.max()
    return -float(levels_db.min()), -float(levels_db[:, 30].mean()), float(levels_db.std())


def distortion_db(samples: np.ndarray, out: np.ndarray, rate: int) -> float:
    """Return what no steady gain of 50 ms explains in a limiter's output, K-weighted: in dB of the output."""
    step = rate // 20
    frames = len(samples) // step * step
    before, after = (
        scipy.signal.sosfilt(k_weighting(rate), both[:frames], axis=0).reshape(-1, step, both.shape[1])
        for both in (samples, out)
    )
    gains = (before * after).sum(axis=(1, 2)) / np.maximum((before**2).sum(axis=(1, 2)), 1e-12)
    return float(10 * np.log10(((after - gains[:, None, None] * before) ** 2).sum() / (after**2).sum()))


def alimiter_under_the_ceiling(samples: np.ndarray, rate: int, lufs: float) -> np.ndarray:
    """Return what ``alimiter`` makes at a loudness when its true peak is at the ceiling as ours is, found by trying."""
    gain_db, ceiling_dbfs = lufs - integrated_lufs(samples, rate), CEILING_DBTP
    for _ in range(16):
        out = alimiter(samples, rate, gain_db, ceiling_dbfs)
        error, over_db = lufs - integrated_lufs(out, rate), highest_dbtp(out, rate) - CEILING_DBTP
        if abs(error) < 0.05 and abs(over_db) < 0.05:
            break
        gain_db, ceiling_dbfs = min(40.0, gain_db + 1.5 * error), ceiling_dbfs - 0.8 * over_db
    return out


def table() -> None:
    """Print ceiling (the highest of three meters), loudness error and speed a programme, then tones."""
    limiters: dict[str, Limiter] = {"ours": ours, "alimiter": alimiter, "loudnorm": loudnorm}
    if "STEMTASKS_MATCHERING" in os.environ:
        limiters["matchering"] = matchering
    else:
        print("(matchering is left out; set STEMTASKS_MATCHERING to a Python that has it)")
    print(f"{'programme':26}{'limiter':12}{'dBTP, 8x':>10}{'LU off':>9}{'x real time':>13}")
    for name, samples, rate in programmes():
        gain_db = TARGET_LUFS - integrated_lufs(samples, rate)
        for who, limiter in limiters.items():
            begun = time.perf_counter()
            out = limiter(samples, rate, gain_db)
            speed = len(samples) / rate / (time.perf_counter() - begun)
            off = integrated_lufs(out, rate) - TARGET_LUFS
            print(f"{name:26}{who:12}{highest_dbtp(out, rate):10.2f}{off:9.2f}{speed:13.0f}")
    tones_too = [f"{title:>12}" for title in ("THD 40 Hz", "THD 100 Hz", "splatter", "pumps by", "after 0.3 s", "rms")]
    print(f"\n{'limiter':12}{''.join(tones_too)}   dB")
    for who, limiter in limiters.items():
        figures = [*(harmonics_db(limiter, frequency_hz) for frequency_hz in (40, 100)), splatter_db(limiter)]
        print(f"{who:12}{''.join(f'{figure:12.1f}' for figure in (*figures, *pumping(limiter)))}")
    print(f"\n{'hard limiting':26}{'limiter':12}{'LUFS':>8}{'dBTP, 8x':>10}{'distortion, dB':>16}")
    for name, samples, rate in list(programmes())[: len(REAL)]:
        made = ours(samples, rate, 0.0, HARD_LUFS)
        for who, out in (("ours", made), ("alimiter", alimiter_under_the_ceiling(samples, rate, HARD_LUFS))):
            figures = f"{integrated_lufs(out, rate):8.1f}{highest_dbtp(out, rate):10.2f}"
            print(f"{name:26}{who:12}{figures}{distortion_db(samples, out, rate):16.1f}")
