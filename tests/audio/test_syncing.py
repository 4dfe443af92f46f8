from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import soundfile

from stemtasks.audio.facts import read_facts, write_facts
from stemtasks.audio.levels import measure_levels
from stemtasks.audio.syncing import bring_in_time
from stemtasks.errors import AudioError
from tests.audio.test_sync import RATE, hits
from tests.made_stems import written

SECONDS = 30
DIGESTS = {"sha256": {"reference": ""}}


def noise(seed, seconds=SECONDS):
    return np.random.default_rng(seed).standard_normal(seconds * RATE) * 0.1


def corrected(tmp_path, reference, stem):
    outputs = {"audio": written(tmp_path / "stem.wav", stem, RATE), "facts": tmp_path / "stem.json"}
    write_facts(outputs["facts"], measure_levels(outputs["audio"]) | {"align": {"strategy": "none"}})
    bring_in_time({"reference": written(tmp_path / "reference.wav", reference, RATE)}, outputs, DIGESTS)
    return soundfile.read(outputs["audio"])[0], read_facts(outputs["facts"])


@pytest.mark.parametrize("frames", [-800, 0, 592])
@pytest.mark.parametrize("sign", [1, -1])
def test_whole_frames_and_polarity_are_corrected_to_the_sample_and_what_is_cut_ends_in_a_fade(tmp_path, frames, sign):
    reference = noise(1)
    moved = np.roll(reference, frames) * sign
    out, facts = corrected(tmp_path, reference, moved)
    assert len(out) == len(reference) == facts["frames"]
    middle = slice(RATE, -RATE)
    assert np.abs(out[middle] - reference[middle]).max() < 1e-6
    assert facts["align"]["corrected"]["polarity"] == sign
    assert facts["align"]["sync"]["offset_ms"] == pytest.approx(0, abs=0.01)
    assert facts.items() >= measure_levels(tmp_path / "stem.wav").items()
    if frames > 0:
        end = len(out) - frames
        assert not out[end:].any()
        assert np.abs(out[end - 4 : end]).max() < 0.05 * np.abs(out).max()


def test_what_is_not_found_is_refused_in_one_line_and_stays_as_it_is(tmp_path):
    stem = hits(4, SECONDS)
    with pytest.raises(AudioError, match="not found in the reference for sure"):
        corrected(tmp_path, noise(1), stem)
    assert np.abs(soundfile.read(tmp_path / "stem.wav")[0] - stem).max() < 1e-6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["reference.wav", "stem.json", "stem.wav"]


def test_memory_does_not_grow_with_the_stem(tmp_path):
    peaks = []
    for seconds in (60, 300):
        audio = np.resize(noise(2, 60), seconds * RATE)
        path = tmp_path / str(seconds)
        path.mkdir()
        written(path / "reference.wav", audio, RATE)
        outputs = {"audio": written(path / "stem.wav", audio, RATE), "facts": path / "stem.json"}
        write_facts(outputs["facts"], measure_levels(outputs["audio"]) | {"align": {}})
        tracemalloc.start()
        bring_in_time({"reference": path / "reference.wav"}, outputs, DIGESTS)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.2 + 1e6
