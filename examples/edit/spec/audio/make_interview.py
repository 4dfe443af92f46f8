"""What ``interview.flac`` was made by: a made voice, with a knock, a stumble, a soft sentence and a long pause.

Run it with the Python of the build: ``python make_interview.py``. It needs numpy, scipy and soundfile.
"""

from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import lfilter

RATE = 24_000
VOWELS = ((730, 1090), (270, 2290), (300, 870), (570, 840), (530, 1840))
WORDS = [(0.6, 5), (2.4, 6), (4.6, 7), (8.0, 6), (10.2, 3), (11.6, 3), (12.9, 6), (15.2, 5), (18.9, 7), (21.4, 4)]
"""When each group of syllables begins, in seconds, and how many there are; the third's last was said twice."""
STUMBLE, KNOCK_S, SOFT = (10.2, 11.6), 7.05, (15.2, 17.4)


def syllable(random: np.random.Generator, seconds: float, hz: float, vowel: tuple[int, int]) -> np.ndarray:
    """Return a hummed vowel: a saw through two resonances, with a soft beginning and end."""
    time = np.arange(round(seconds * RATE)) / RATE
    glide = hz * (1 + 0.06 * np.sin(np.pi * time / seconds) + 0.004 * random.standard_normal())
    x = 2 * ((np.cumsum(glide) / RATE) % 1) - 1
    for formant, width in zip(vowel, (80, 120), strict=True):
        radius = np.exp(-np.pi * width / RATE)
        x = lfilter([1 - radius], [1, -2 * radius * np.cos(2 * np.pi * formant / RATE), radius**2], x)
    return x * np.sin(np.pi * time / seconds) ** 0.7


def main() -> None:
    """Write the recording beside this file."""
    random = np.random.default_rng(4)
    x = np.zeros(24 * RATE)
    for start, count in WORDS:
        at = start
        for _ in range(count):
            seconds = random.uniform(0.14, 0.26)
            made = syllable(random, seconds, random.uniform(100, 130), VOWELS[random.integers(len(VOWELS))])
            level = 0.25 if SOFT[0] <= start < SOFT[1] else 1.0
            x[round(at * RATE) :][: len(made)] += level * made
            at += seconds + random.uniform(0.02, 0.06)
    x *= 0.25 / np.abs(x).max()
    knock = random.standard_normal(RATE // 8) * np.exp(-np.arange(RATE // 8) / 500)
    x[round(KNOCK_S * RATE) :][: len(knock)] += 0.3 * knock
    x += 0.0006 * random.standard_normal(len(x))  # the room
    soundfile.write(Path(__file__).with_name("interview.flac"), x, RATE, subtype="PCM_16")


if __name__ == "__main__":
    main()
