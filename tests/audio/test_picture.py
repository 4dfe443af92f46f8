"""What a file looks like: every sample is in a column, and where blocks end decides nothing."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.audio import picture
from stemtasks.audio.facts import read_facts, write_facts
from stemtasks.audio.loudness import measure_levels_and_loudness
from stemtasks.audio.mastering import master
from stemtasks.audio.reduction import gain_reduction
from stemtasks.audio.wav import write_wav

RATE = 8000


def written(path, samples, rate=RATE):
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return path


@pytest.mark.parametrize("frames", [1, 799, 8000, 123_457])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_column_has_the_highest_the_lowest_and_the_rms_of_its_frames(tmp_path, frames, channels):
    samples = np.random.default_rng(frames).uniform(-0.9, 0.9, (frames, channels)).astype(np.float32)
    seen = picture.look_at(written(tmp_path / "a.wav", samples))
    assert seen.highest.shape == seen.lowest.shape == seen.rms.shape == (channels, seen.grid.columns)
    assert 1 <= seen.grid.columns <= picture.COLUMNS
    for column in range(seen.grid.columns):
        part = samples[column * seen.grid.column_frames :][: seen.grid.column_frames]
        whole = len(part) == seen.grid.column_frames
        # the last column is filled with silence
        assert (seen.highest[:, column] == np.maximum(part.max(axis=0), -1.0 if whole else 0.0)).all()
        assert (seen.lowest[:, column] == np.minimum(part.min(axis=0), 1.0 if whole else 0.0)).all()
        squares = (part.astype(float) ** 2).sum(axis=0)
        np.testing.assert_allclose(seen.rms[:, column], np.sqrt(squares / seen.grid.column_frames), rtol=1e-5)


@settings(max_examples=15, deadline=None)
@given(block=st.integers(1, 3000), frames=st.integers(1, 40_000))
def test_where_blocks_end_decides_no_sample_of_a_waveform(tmp_path_factory, block, frames):
    path = tmp_path_factory.mktemp("blocks") / "a.wav"
    written(path, np.random.default_rng(frames).uniform(-1, 1, (frames, 2)).astype(np.float32))
    with pytest.MonkeyPatch.context() as patch:
        one = picture.look_at(path)
        patch.setattr(picture, "BLOCK_FRAMES", 50 * one.grid.cell_frames + block)
        other = picture.look_at(path)
    for name in ("highest", "lowest", "rms", "steps"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_the_cells_of_a_long_file_are_no_longer_than_a_block():
    day = picture.grid(86_400 * 48_000, 48_000)
    assert day.cell_frames <= picture.BLOCK_FRAMES
    assert day.columns <= picture.COLUMNS
    assert day.columns * day.column_frames >= day.frames


def test_a_tone_that_starts_in_the_middle_is_seen_there(tmp_path):
    time = np.arange(RATE * 40) / RATE
    samples = np.where(time < 20, 0.0, 0.5 * np.sin(2 * np.pi * 1000 * time))
    steps = picture.look_at(written(tmp_path / "a.wav", samples)).steps
    rows, columns = steps.shape
    assert rows == picture.BANDS
    assert not steps[:, : columns // 2 - 1].any()
    brightest = steps[:, columns // 2 + 1 : -1].argmax(axis=0)
    expected = rows - 1 - int(np.log(1000 / 40) / np.log(4000 / 40) * rows)  # the highest band is on top
    assert np.abs(brightest - expected).max() <= 1
    assert steps.max() == 14  # -6 dBFS and what the window takes


def test_the_gain_reduction_of_a_file_that_was_turned_down_is_what_was_taken(tmp_path):
    dry = np.random.default_rng(1).uniform(-0.5, 0.5, (RATE * 20, 2))
    gain = np.ones(len(dry))
    gain[RATE * 5 : RATE * 6] = 10 ** (-4 / 20)
    before = written(tmp_path / "dry.wav", dry)
    after = written(tmp_path / "wet.wav", dry * gain[:, None] * 10 ** (3 / 20))
    taken = gain_reduction(before, after, 3.0)
    columns = np.array(taken)
    at = np.arange(len(columns)) * (RATE * 20 / len(columns)) / RATE
    assert (columns[(at > 5.1) & (at < 5.9)] == 4.0).all()
    assert not columns[(at < 4.9) | (at > 6.1)].any()


def test_silence_has_no_gain_reduction(tmp_path):
    silent = written(tmp_path / "silent.wav", np.zeros((RATE, 2)))
    assert set(gain_reduction(silent, silent, 6.0)) == {0.0}


def test_the_reduction_of_a_limited_master_is_what_its_record_says(tmp_path):
    time = np.arange(48_000 * 6) / 48_000
    mix = 0.2 * np.sin(2 * np.pi * 220 * time) * (1 + 3 * (np.floor(time * 2) % 4 == 0))
    write_wav(tmp_path / "mix.wav", iter([np.column_stack([mix, mix])]), 48_000, 2)
    write_facts(tmp_path / "mix.json", measure_levels_and_loudness(tmp_path / "mix.wav", None, tmp_path / "mix.l.json"))
    inputs = {"audio": tmp_path / "mix.wav", "facts": tmp_path / "mix.json", "loudness": tmp_path / "mix.l.json"}
    outputs = {"audio": tmp_path / "out.wav", "facts": tmp_path / "out.json", "loudness": tmp_path / "out.l.json"}
    form = {"subtype": "PCM_24", "dither": "tpdf", "seed": 1}
    master(inputs, outputs, {"loudness_lufs": -7.0, "ceiling_dbtp": -1.0, **form})
    how = read_facts(outputs["facts"])["master"]
    assert how["max_reduction_db"] > 2
    taken = gain_reduction(inputs["audio"], outputs["audio"], how["gain_db"])
    assert max(taken) == pytest.approx(how["max_reduction_db"], abs=0.2)
