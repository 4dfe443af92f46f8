"""Measurements against arithmetic on the samples, soundfile's reading and libebur128."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from stemtasks.audio.blocks import BLOCK_FRAMES
from stemtasks.audio.facts import decibels, write_facts
from stemtasks.audio.limits import failures
from stemtasks.audio.wav import write_wav
from tests import loudness_oracle
from tests.measured import measure
from tests.true_peak_oracle import RIPPLE, band_limited, exact_peak

RATE = 48_000


@pytest.fixture
def written(tmp_path):
    def write(samples, subtype="FLOAT", rate=RATE):
        path = tmp_path / "audio.wav"
        write_wav(path, iter([samples] if len(samples) else []), rate, samples.shape[1], subtype)
        return path

    return write


def test_figures_are_those_of_the_samples(written):
    samples = np.random.default_rng(0).standard_normal((150_000, 2)) * [0.05, 0.1] + [0.0, -0.02]
    samples = samples.astype(np.float32).astype(np.float64)
    facts = measure(written(samples))
    assert facts["frames"] == 150_000
    assert (facts["sample_rate"], facts["channels"], facts["subtype"]) == (RATE, 2, "FLOAT")
    assert facts["duration_s"] == 3.125
    assert facts["peak_dbfs"] == decibels(np.abs(samples).max())
    assert facts["rms_dbfs"] == decibels(np.sqrt((samples**2).mean(axis=0)).max())
    assert facts["dc"] == pytest.approx(np.abs(samples.mean(axis=0)).max(), abs=1e-9)
    assert facts["clipped_ratio"] == facts["invalid_samples"] == 0
    assert facts["invalid_frame"] is None
    assert "lufs" not in facts


def test_correlation_is_numpys_wherever_blocks_end(written):
    rng = np.random.default_rng(3)
    common, sides = rng.standard_normal((3 * BLOCK_FRAMES + 17, 1)), rng.standard_normal((3 * BLOCK_FRAMES + 17, 2))
    for share, offset in ((0.0, 0.0), (0.5, 0.1), (2.0, -0.2), (-0.7, 0.3)):
        samples = (sides + share * common * [1.0, np.sign(share) or 1.0]) * 0.05 + [offset, 0.0]
        samples = samples.astype(np.float32).astype(np.float64)
        found = measure(written(samples))["stereo_correlation"]
        assert found == pytest.approx(np.corrcoef(samples.T)[0, 1], abs=6e-4)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.sin(np.arange(5000.0))[:, None] * [0.5, 0.1], 1.0),
        (np.sin(np.arange(5000.0))[:, None] * [0.5, -0.1], -1.0),
        (np.sin(np.arange(5000.0))[:, None] * [0.5, 0.0], None),
        (np.sin(np.arange(5000.0))[:, None] * [0.5, 0.0] + [0.0, 0.3], None),
        (np.zeros((5000, 2)), None),
        (np.zeros((0, 2)), None),
        (np.sin(np.arange(5000.0))[:, None] * [0.5], None),
        (np.sin(np.arange(5000.0))[:, None] * [0.5, 0.5, 0.5], None),
    ],
)
def test_what_has_no_two_sides_has_no_correlation(written, samples, expected):
    assert measure(written(samples))["stereo_correlation"] == expected


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_loudness_is_libebur128s_and_true_peak_that_of_the_wave(written, channels):
    noise = np.random.default_rng(1).standard_normal((RATE * 5, channels)) * np.linspace(0.01, 0.2, RATE * 5)[:, None]
    samples = band_limited(noise)
    path = written(samples)
    facts = measure(path, loudness=True, true_peak=True)
    read = soundfile.read(path, always_2d=True)[0]
    momentary, short_term = loudness_oracle.max_windows_lufs(read, RATE)
    assert facts["lufs"] == pytest.approx(loudness_oracle.integrated_lufs(read, RATE), abs=0.001)
    assert facts["lra_lu"] == pytest.approx(loudness_oracle.loudness_range_lu(read, RATE), abs=0.001)
    assert facts["max_momentary_lufs"] == pytest.approx(momentary, abs=0.001)
    assert facts["max_short_term_lufs"] == pytest.approx(short_term, abs=0.001)
    expected = max(loudness_oracle.true_peak_dbtp(read, RATE), 20 * np.log10(exact_peak(read)))
    # the filters' ripple is -70 dB of the noise, whose highest peak is some four times its root mean square
    assert facts["true_peak_dbtp"] == pytest.approx(expected, abs=20 * np.log10(1 + 6 * RIPPLE / 4))


def test_a_true_peak_in_the_last_frames_counts(written):
    samples = np.zeros((RATE, 1))
    samples[-2:] = 0.9
    assert measure(written(samples), true_peak=True)["true_peak_dbtp"] > -0.1 > measure(written(samples))["peak_dbfs"]


def test_silence_and_nothing_have_figures_that_json_can_hold(written, tmp_path):
    for frames in (RATE, 0):
        facts = measure(written(np.zeros((frames, 2))), loudness=True, true_peak=True)
        assert facts["lufs"] is facts["lra_lu"] is facts["max_momentary_lufs"] is facts["max_short_term_lufs"] is None
        assert facts["peak_dbfs"] == facts["true_peak_dbtp"] == facts["rms_dbfs"] == -200.0
        write_facts(tmp_path / "facts.json", facts)
        assert json.loads((tmp_path / "facts.json").read_text()) == facts


@pytest.mark.parametrize("start", [10, BLOCK_FRAMES - 1, BLOCK_FRAMES - 2, BLOCK_FRAMES])
@pytest.mark.parametrize(("run", "clipped"), [(2, 0), (3, 3), (4, 4), (50, 50)])
def test_a_flat_top_counts_wherever_a_block_ends(written, start, run, clipped):
    samples = np.zeros((BLOCK_FRAMES + 1000, 2))
    samples[start : start + run, 1] = 1.0
    assert measure(written(samples))["clipped_ratio"] == round(clipped / samples.size, 9)


def test_a_flat_top_longer_than_a_block_counts_once(written):
    samples = np.zeros((3 * BLOCK_FRAMES, 1))
    samples[100 : 2 * BLOCK_FRAMES + 100] = -1.0
    assert measure(written(samples))["clipped_ratio"] == round(2 / 3, 9)


def test_flat_tops_below_a_later_peak_are_none(written):
    samples = np.zeros((3 * BLOCK_FRAMES, 1))
    samples[100:200] = 0.99
    samples[2 * BLOCK_FRAMES + 10] = 0.995
    assert measure(written(samples))["clipped_ratio"] == 0


def test_both_sides_of_a_clipped_16_bit_wave_count(written):
    wave = np.clip(4 * np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE), -1, 1)[:, None]
    path = written(wave, "PCM_16")
    read = soundfile.read(path, dtype="int16")[0]
    facts = measure(path)
    # dither keeps some samples one step below full scale, so not all of a top is flat
    assert 0.6 < facts["clipped_ratio"] <= np.mean((read == 32767) | (read == -32768))


def test_full_scale_at_half_the_rate_is_not_flat(written):
    samples = np.where(np.arange(1000) % 2, 1.0, -1.0)[:, None]
    assert measure(written(samples))["clipped_ratio"] == 0


def test_a_quiet_flat_top_is_no_clipping(written):
    assert measure(written(np.full((1000, 1), 0.98)))["clipped_ratio"] == 0


def test_invalid_samples_are_counted_and_left_out(written):
    samples = np.full((BLOCK_FRAMES * 2, 2), 0.25)
    samples[BLOCK_FRAMES + 5, 1] = np.nan
    samples[BLOCK_FRAMES + 7] = [np.inf, -np.inf]
    facts = measure(written(samples), loudness=True, true_peak=True)
    assert (facts["invalid_samples"], facts["invalid_frame"]) == (3, BLOCK_FRAMES + 5)
    assert facts["peak_dbfs"] == decibels(0.25)
    assert np.isfinite([facts["lufs"], facts["true_peak_dbtp"], facts["rms_dbfs"], facts["dc"]]).all()
    assert failures(facts, {}) == [f"3 samples are NaN or infinite, the first at frame {BLOCK_FRAMES + 5}"]


@pytest.mark.parametrize(
    "name",
    [
        "loops/loop_amen_full.flac",
        "formats/pluck-pcm24.wav",
        "formats/pluck-pcm32.aiff",
        "formats/breakbeat_48k_6ch.wav",
        "formats/breakbeat_u8_22k.wav",
        "formats/pluck-ulaw.au",
        "loops/break02.ogg",
    ],
)
def test_files_of_every_kind_measure_as_soundfile_reads_them(recordings, name):
    samples = soundfile.read(recordings / name, always_2d=True)[0]
    facts = measure(recordings / name)
    assert facts["frames"] == len(samples)
    assert facts["peak_dbfs"] == decibels(np.abs(samples).max())
    assert facts["rms_dbfs"] == pytest.approx(decibels(np.sqrt((samples**2).mean(axis=0)).max()), abs=0.001)
    assert facts["dc"] == pytest.approx(np.abs(samples.mean(axis=0)).max(), abs=1e-9)
