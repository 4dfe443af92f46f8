"""What ``session.py`` builds, by bare library calls: read, compress, group, mix, limit, write; nothing is verified.

Whole files in memory, one process. The compressor is pedalboard's where it is installed, else none.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import soundfile

GROUPS = ("kick snare tom overhead", "bass", "guitar", "keys pad", "vocal", "fx")


def main(takes: Path, out: Path) -> None:
    """Write every stem, every group, the mix and the master."""
    compressor = None
    if importlib.util.find_spec("pedalboard") is not None:
        from pedalboard import Compressor

        compressor = Compressor(threshold_db=-18, ratio=3, attack_ms=10, release_ms=120)
    (out / "bare").mkdir()
    groups: dict[str, np.ndarray] = {}
    for path in sorted(takes.glob("*.wav")):
        x, rate = soundfile.read(path, dtype="float32", always_2d=True)
        if compressor is not None:
            x = compressor(x.T, rate).T
        if x.shape[1] == 1:
            x = np.repeat(x * np.float32(np.sqrt(0.5)), 2, axis=1)
        soundfile.write(out / "bare" / path.name, x, rate, subtype="PCM_24")
        kind = path.stem.split()[1].lower()
        group = next(names for names in GROUPS if kind in names)
        groups[group] = groups[group] + x if group in groups else x
    mix = np.zeros_like(next(iter(groups.values())))
    for number, x in enumerate(groups.values()):
        summed = compressor(x.T, rate).T if compressor is not None else x
        soundfile.write(out / "bare" / f"group {number}.wav", summed, rate, subtype="PCM_24")
        mix += summed
    soundfile.write(out / "bare" / "mix.wav", mix, rate, subtype="FLOAT")
    master = mix * np.float32(0.8 / np.abs(mix).max())
    soundfile.write(out / "bare" / "master.wav", master, rate, subtype="PCM_24")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
