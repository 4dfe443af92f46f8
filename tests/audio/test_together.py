"""Several files as one programme, by libebur128."""

from __future__ import annotations

import numpy as np
import pytest

from stemtasks.audio.together import measure_together
from stemtasks.audio.wav import write_wav
from tests import loudness_oracle

RATE = 48_000


def noise(seconds, dbfs, channels=2, seed=0):
    frames = round(seconds * RATE)
    return np.random.default_rng(seed).normal(0.0, 10 ** (dbfs / 20), (frames, channels))


def written(folder, programmes):
    paths = [folder / f"{index}.wav" for index in range(len(programmes))]
    for path, samples in zip(paths, programmes, strict=True):
        write_wav(path, iter([samples]), RATE, samples.shape[1])
    return paths


@pytest.mark.parametrize(
    "levels",
    [
        (-20.0,),
        (-20.0, -23.0, -17.5),
        (-20.0, -34.0),  # by itself the second passes its own gate, with the first it does not
        (-20.0, -90.0),  # nor the absolute one
    ],
)
def test_the_gates_are_of_the_blocks_of_all_files(tmp_path, levels):
    programmes = [noise(3.0 + index / 7, dbfs, seed=index) for index, dbfs in enumerate(levels)]
    expected = loudness_oracle.together_lufs(programmes, RATE)
    assert measure_together(written(tmp_path, programmes)) == pytest.approx(expected, abs=0.005)


def test_what_is_silent_or_too_short_counts_for_nothing(tmp_path):
    loud, short, silent = noise(2, -20), noise(0.3, -6, seed=1), np.zeros((RATE, 2))
    paths = written(tmp_path, [loud, short, silent])
    assert measure_together(paths) == measure_together(paths[:1])
    assert measure_together(paths[1:]) is None
