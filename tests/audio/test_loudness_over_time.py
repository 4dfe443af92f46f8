"""The file of a product's loudness over time, as a report would read it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from stemtasks.audio.loudness import measure_loudness
from stemtasks.audio.wav import write_wav
from tests import loudness_oracle


def over_time(tmp_path, blocks, rate, channels=1):
    write_wav(tmp_path / "a.wav", iter(blocks), rate, channels)
    facts = measure_loudness(tmp_path / "a.wav", tmp_path / "a.json")
    return json.loads((tmp_path / "a.json").read_text()), facts


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_each_entry_is_what_libebur128_reads_at_its_time(tmp_path, rate):
    samples = np.random.default_rng(1).standard_normal((rate * 5, 2)) * np.geomspace(0.001, 0.3, rate * 5)[:, None]
    samples = samples.astype(np.float32).astype(np.float64)
    kept, facts = over_time(tmp_path, [samples], rate, 2)
    assert kept["sample_rate"] == rate
    assert kept["step_frames"] == rate / 10
    expected = loudness_oracle.windows_lufs(samples, rate, kept["step_frames"])
    for name, theirs, first in (("momentary_lufs", expected[0], 3), ("short_term_lufs", expected[1], 29)):
        assert kept[name][:first] == [None] * first
        assert np.abs(np.array(kept[name][first:]) - theirs[first:]).max() <= 0.05 + 0.02
    assert max(kept["short_term_lufs"][29:]) == pytest.approx(facts["max_short_term_lufs"], abs=0.05 + 1e-3)


def test_silence_and_what_is_no_number_are_null(tmp_path):
    samples = np.full((16_000, 1), np.nan)
    kept, _ = over_time(tmp_path, [samples], 8_000)
    assert kept["momentary_lufs"] == kept["short_term_lufs"] == [None] * 20


def test_less_than_a_step_has_no_entries(tmp_path):
    kept, _ = over_time(tmp_path, [np.full((100, 1), 0.5)], 8_000)
    assert kept["momentary_lufs"] == kept["short_term_lufs"] == []


def test_an_hour_is_small(tmp_path):
    alternating, levels = np.tile([[1.0], [-1.0]], (400, 1)), np.random.default_rng(1).uniform(0.0001, 1.0, 36_000)
    kept, _ = over_time(tmp_path, (level * alternating for level in levels), 8_000)
    assert len(kept["momentary_lufs"]) == len(kept["short_term_lufs"]) == 36_000
    assert (tmp_path / "a.json").stat().st_size < 500_000


def test_no_file_is_written_where_none_is_asked_for(tmp_path):
    write_wav(tmp_path / "a.wav", iter([np.full((8_000, 1), 0.5)]), 8_000, 1)
    measure_loudness(tmp_path / "a.wav")
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
