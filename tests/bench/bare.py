"""The peer of one changed effect: bare library calls for what has to run, as one would write them in a script.

``python bare.py BUILD STEM FOLDER`` reads ``BUILD/aligned/STEM.wav``, filters and echoes it, writes it, sums all
processed stems, measures, limits to -14 LUFS and -1 dBTP, measures again and zips. It checks nothing, hashes nothing
and keeps whole files in memory. It prints the seconds it took without the start of Python and the imports.
"""

from __future__ import annotations

import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pyebur128
import soundfile
import soxr
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d, uniform_filter1d
from scipy.signal import butter, sosfilt

Samples = NDArray[np.float64]
BPM = 112.0


def effects(dry: Samples, rate: int) -> Samples:
    """Return a mono stem low-passed, with echoes every dotted eighth that lose their highs."""
    low = sosfilt(butter(2, 5200, fs=rate, output="sos"), dry)
    interval = round(0.75 * 60 / BPM * rate)
    echoes = np.zeros(len(low))
    damped = butter(1, 3500, fs=rate, output="sos")
    echo = low
    for repeat in range(8):
        echo = sosfilt(damped, echo) * (0.4 if repeat else 1.0)
        echoes[(repeat + 1) * interval :] += echo[: len(low) - (repeat + 1) * interval]
    return 0.78 * low + 0.22 * echoes


def loudness(samples: Samples, rate: int) -> tuple[float, float]:
    """Return LUFS and the highest true peak."""
    modes = pyebur128.MeasurementMode
    state = pyebur128.R128State(samples.shape[1], rate, modes.MODE_I | modes.MODE_TRUE_PEAK)
    state.add_frames(np.ascontiguousarray(samples).ravel(), len(samples))
    peak = max(pyebur128.get_true_peak(state, channel) for channel in range(samples.shape[1]))
    return pyebur128.get_loudness_global(state), peak


def limited(samples: Samples, rate: int, ceiling: float) -> Samples:
    """Return the samples under a ceiling: four times oversampled detection, 1.5 ms of look-ahead."""
    over = soxr.resample(samples, rate, 4 * rate, "HQ")
    peaks = np.abs(over[: 4 * len(samples)]).max(axis=1)
    peaks = np.pad(peaks, (0, 4 * len(samples) - len(peaks))).reshape(-1, 4).max(axis=1)
    window = round(0.0015 * rate)
    gains = minimum_filter1d(np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9)), 2 * window + 1)
    return samples * uniform_filter1d(gains, window)[:, np.newaxis]


def main() -> None:
    """Do it, and print the seconds."""
    build, name, folder = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    folder.mkdir(exist_ok=True)
    started = time.perf_counter()
    dry, rate = soundfile.read(build / "aligned" / f"{name}.wav")
    stems = sorted((build / "processed").glob("*.wav"))
    frames = soundfile.info(stems[0]).frames
    wet = effects(np.pad(dry, (0, frames - len(dry))), rate)
    soundfile.write(folder / f"{name}.wav", np.stack([wet, wet], axis=1) * 0.7, rate, subtype="PCM_24")
    delivered = [folder / f"{name}.wav" if path.stem == name else path for path in stems]
    mix = np.zeros((frames, 2))
    for path in delivered:
        mix += soundfile.read(path)[0]
    soundfile.write(folder / "mix.wav", mix, rate, subtype="FLOAT")
    lufs, _ = loudness(mix, rate)
    master = limited(mix * 10 ** ((-14 - lufs) / 20), rate, 10 ** (-1.35 / 20))
    soundfile.write(folder / "master.wav", master, rate, subtype="PCM_24")
    loudness(master, rate)
    with zipfile.ZipFile(folder / "song.zip", "w", zipfile.ZIP_STORED) as archive:
        for path in [*delivered, folder / "master.wav"]:
            archive.write(path, path.name)
    print(f"{time.perf_counter() - started:.3f}")


if __name__ == "__main__":
    main()
