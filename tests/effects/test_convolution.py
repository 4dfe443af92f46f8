"""The oracle is scipy.signal.fftconvolve, and soxr for another sample rate."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import soxr
from scipy import signal

from stemtasks.errors import AudioError
from stemtasks.spec.reading import read_song
from stemtasks.stages import process

RATE = 48000
rng = np.random.default_rng(0)
noise = rng.standard_normal((40_000, 2))


@pytest.fixture
def response(tmp_path_factory):
    """Return response(samples, rate=RATE) -> the path of a file with them."""

    def written(samples, rate=RATE, name="room.wav"):
        path = tmp_path_factory.mktemp("response") / name
        soundfile.write(path, samples, rate, subtype="DOUBLE")
        return str(path)

    return written


def decaying(frames, channels):
    return rng.standard_normal((frames, channels)) * np.exp(-np.arange(frames) / frames * 6)[:, None]


def convolved(x, h):
    return signal.fftconvolve(x, h)


@pytest.mark.parametrize("frames", [1, 700, 70_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_each_channel_is_scipys_convolution_with_its_tail(apply, response, frames, channels):
    h = decaying(frames, channels)
    out = apply("convolution", noise, file=response(h), mix=1.0, normalise="none")
    expected = np.stack([convolved(noise[:, c], h[:, c % channels]) for c in (0, 1)], axis=1)
    assert len(out) == len(noise) + frames - 1
    np.testing.assert_allclose(out, expected, atol=1e-9)


def test_true_stereo_has_a_path_from_each_side_to_each(apply, response):
    h = decaying(5000, 4)
    out = apply("convolution", noise, file=response(h), mix=1.0, normalise="none")
    left = convolved(noise[:, 0], h[:, 0]) + convolved(noise[:, 1], h[:, 2])
    right = convolved(noise[:, 0], h[:, 1]) + convolved(noise[:, 1], h[:, 3])
    np.testing.assert_allclose(out, np.stack([left, right], axis=1), atol=1e-9)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_in_a_mono_song_its_channels_become_one_as_stereo_would(apply, response, channels):
    path = response(decaying(900, channels))
    mono = apply("convolution", noise[:, :1], file=path, mix=1.0, normalise="none")
    stereo = apply("convolution", noise[:, [0, 0]], file=path, mix=1.0, normalise="none")
    np.testing.assert_allclose(mono[:, 0], stereo.mean(axis=1), atol=1e-9)


def test_the_mix_the_gain_and_the_predelay(apply, response):
    h = decaying(700, 1)
    out = apply("convolution", noise, file=response(h), mix=0.25, normalise="none", gain_db=-6.0, predelay_ms=10.0)
    wet = np.pad(convolved(noise[:, 0], h[:, 0]), (480, 0)) * 10 ** (-6 / 20)
    dry = np.pad(noise[:, 0], (0, len(wet) - len(noise)))
    np.testing.assert_allclose(out[:, 0], 0.75 * dry + 0.25 * wet, atol=1e-9)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_energy_keeps_the_level_of_noise(apply, response, channels):
    out = apply("convolution", noise, file=response(decaying(3000, channels) * 17.0), mix=1.0)
    assert np.sqrt((out[5000:40_000] ** 2).mean()) == pytest.approx(np.sqrt((noise**2).mean()), rel=0.05)


def test_peak_makes_the_highest_sample_of_the_response_one(apply, response):
    x = np.zeros((10, 1))
    x[0] = 1.0
    out = apply("convolution", x, file=response(decaying(500, 1) * 17.0), mix=1.0, normalise="peak")
    assert np.abs(out).max() == pytest.approx(1.0, abs=1e-9)


def test_a_response_of_another_rate_is_brought_to_the_songs(apply, response):
    h = decaying(44_100, 1)
    x = np.zeros((10, 1))
    x[0] = 1.0
    out = apply("convolution", x, file=response(h, 44_100), mix=1.0, normalise="none")[:48_000]
    np.testing.assert_allclose(out, soxr.resample(h, 44_100, 48_000, "VHQ")[:48_000], atol=1e-9)


@pytest.mark.parametrize("name", ["room.flac", "room.aiff"])
def test_any_format_that_is_read_will_do(apply, tmp_path_factory, name):
    path = tmp_path_factory.mktemp("response") / name
    soundfile.write(path, decaying(500, 2) * 0.1, RATE, subtype="PCM_24")
    h = soundfile.read(path)[0]
    out = apply("convolution", noise, file=str(path), mix=1.0, normalise="none")
    np.testing.assert_allclose(out[:, 1], convolved(noise[:, 1], h[:, 1]), atol=1e-9)


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (
            np.ones((10, 3)),
            RATE,
            "an impulse response of 3 channels; 1, 2 or 4 are allowed: export it with one",
        ),
        (np.ones((8000 * 31, 1)), 8000, "an impulse response of 31.0 s; at most 30 s can be kept in memory: export it"),
        (np.zeros((10, 1)), RATE, "an impulse response that is silent: export it again"),
        (np.array([[1.0], [np.nan]]), RATE, "an impulse response with samples that are NaN or infinite: export it"),
    ],
)
def test_what_is_no_impulse_response_is_one_clear_line(apply, response, samples, rate, message):
    with pytest.raises(AudioError, match=message):
        apply("convolution", noise, file=response(samples, rate))


def test_a_songs_response_is_an_input_and_its_path_is_no_part_of_the_key(tmp_path):
    stem = '[stems.a]\ngenerator = "tone"\neffects = [{ name = "convolution", file = "x.wav" }]\n'
    (tmp_path / "song.toml").write_text(f"[reference]\nduration = 1\n{stem}")
    soundfile.write(tmp_path / "x.wav", decaying(100, 1), RATE)
    song = read_song(tmp_path / "song.toml")
    job = process.job(song, song.stems[0])
    assert job.inputs["effects/0/file"].endswith("x.wav")
    assert "x.wav" not in str(job.params)
