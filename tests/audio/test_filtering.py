"""The oracle is scipy.signal.sosfiltfilt."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from stemtasks.audio import filtering
from stemtasks.audio.blocks import Stream
from stemtasks.dsp import bandpass, sections
from tests import examples

RATE = 48000


def whole(filtering, parts, sos, scratch):
    stream = Stream(RATE, parts[0].shape[1], sum(map(len, parts)), scratch)
    return np.concatenate(list(filtering(iter(parts), stream, sos)))


CHUNK = filtering.CHUNK_FRAMES
ROUNDING = 2.0**-42  # -253 dB: what float64 leaves open in a recursion of the lowest of these cutoffs
FORGETFUL = {
    "lowpass4": sections.butterworth("lowpass", 4, 8000.0, RATE),
    "highpass7": sections.butterworth("highpass", 7, 5000.0, RATE),
    "peaking": sections.peaking(1000.0, 6.0, 1.0, RATE),
}
RETENTIVE = {
    "highpass3": sections.butterworth("highpass", 3, 100.0, RATE),
    "bandpass2": bandpass.bandpass(2, 300.0, 3000.0, RATE),
}


def test_which_filters_need_a_file():
    frames = {name: sections.memory_frames(sos) for name, sos in (FORGETFUL | RETENTIVE).items()}
    assert [name for name in frames if frames[name] <= filtering.LOOK_AHEAD_FRAMES] == list(FORGETFUL)


@pytest.mark.parametrize(
    ("frames", "channels"),
    [
        *[(frames, channels) for frames in (2, 15, 16, 17) for channels in (1, 3)],
        (5, 2),
        (1000, 3),
        (CHUNK, 1),
        (CHUNK, 2),
        (2 * CHUNK, 1),
        (2 * CHUNK + 1, 2),
        (3 * CHUNK + 17, 3),
        (6 * CHUNK + 17, 1),
    ],
)
@pytest.mark.parametrize("sos", [*FORGETFUL.values(), *RETENTIVE.values()], ids=[*FORGETFUL, *RETENTIVE])
def test_zero_phase_is_sosfiltfilt(tmp_path, sos, channels, frames):
    x = np.random.default_rng(frames).standard_normal((frames, channels))
    stream = Stream(RATE, channels, frames, tmp_path)
    blocks = iter(np.array_split(x, sorted([1, frames // 3, frames // 2])))
    ours = np.concatenate(list(filtering.forward_backward((b for b in blocks if len(b)), stream, sos)))
    default = filtering.padding(sos)
    if frames > default:
        theirs = signal.sosfiltfilt(sos, x, axis=0)
    else:
        theirs = signal.sosfiltfilt(sos, x, axis=0, padlen=frames - 1)
    assert_the_same(sos, ours, theirs)


def assert_the_same(sos, ours, theirs):
    """Bit for bit over a file; without one in what a float file holds, and within rounding before that."""
    if sections.memory_frames(sos) > filtering.LOOK_AHEAD_FRAMES:
        assert np.array_equal(ours, theirs)
    assert np.array_equal(ours.astype(np.float32), theirs.astype(np.float32))
    assert np.abs(ours - theirs).max() <= ROUNDING * np.abs(theirs).max()


@pytest.mark.parametrize("sos", [*FORGETFUL.values(), *RETENTIVE.values()], ids=[*FORGETFUL, *RETENTIVE])
def test_zero_phase_of_recordings_is_sosfiltfilt(recordings, sos, tmp_path):
    for path in sorted((recordings / "songs" / "lmms_reggaetry").glob("*.flac"))[::2]:
        audio, _ = soundfile.read(path, frames=3 * CHUNK + 17, start=10 * 44_100, always_2d=True)
        audio = audio[:, :1]
        ours = whole(filtering.forward_backward, np.array_split(audio, 7), sos, tmp_path)
        assert_the_same(sos, ours, signal.sosfiltfilt(sos, audio, axis=0))


@settings(deadline=None, max_examples=examples(40))
@given(
    cutoff_hz=st.floats(600.0, 23_900.0),
    order=st.integers(1, 12),
    kind=st.sampled_from(["lowpass", "highpass"]),
    shape=st.sampled_from(["constant", "tone", "silence after noise", "square", "click"]),
    level=st.sampled_from([1e-12, 1.0, 1e3]),
)
def test_what_a_filter_forgets_is_below_the_last_bits(cutoff_hz, order, kind, shape, level):
    chunk = 2 * filtering.LOOK_AHEAD_FRAMES
    frames = 3 * chunk + 5
    n = np.arange(frames)
    x = {
        "constant": np.ones(frames),
        "tone": np.sin(2.0 * np.pi * n / 96.0),
        "silence after noise": np.where(n < 1000, np.random.default_rng(order).standard_normal(frames), 0.0),
        "square": np.sign(n % 100 - 49.5),
        "click": np.where(n == chunk, 1.0, 0.0),
    }[shape][:, None] * level
    sos = sections.butterworth(kind, order, cutoff_hz, RATE)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(filtering, "CHUNK_FRAMES", chunk)
        ours = whole(filtering.forward_backward, [x], sos, Path())
    theirs = signal.sosfiltfilt(sos, x, axis=0)
    assert np.abs(ours - theirs).max() <= ROUNDING * level


@pytest.mark.parametrize("name", ["lowpass", "highpass"])
def test_minimum_phase_is_sosfilt_bit_for_bit_and_rings_on(tmp_path, name):
    x = np.random.default_rng(3).standard_normal((5000, 2))
    sos = sections.butterworth(name, 4, 400.0, RATE)
    ours = whole(filtering.forward, np.split(x, [1000, 1001]), sos, tmp_path)
    theirs = signal.sosfilt(sos, np.pad(x, ((0, 30_000), (0, 0))), axis=0)
    assert len(ours) > 5000
    assert np.array_equal(ours, theirs[: len(ours)])
    assert np.abs(theirs[len(ours) :]).max() < 10 ** (-90 / 20)


def test_zero_phase_is_symmetric_in_time(tmp_path):
    x = np.zeros((8001, 1))
    x[4000] = 1.0
    for sos in (sections.butterworth("lowpass", 2, 900.0, RATE), sections.peaking(900.0, 6.0, 1.0, RATE)):
        y = whole(filtering.forward_backward, [x], sos, tmp_path)[:, 0]
        np.testing.assert_allclose(y, y[::-1], atol=1e-15)


def test_zero_phase_keeps_a_constant_to_the_ends(tmp_path):
    sos = sections.butterworth("lowpass", 4, 300.0, RATE)
    y = whole(filtering.forward_backward, [np.full((4000, 1), 0.7)], sos, tmp_path)
    np.testing.assert_allclose(y, 0.7, atol=1e-10)


def test_infinity_in_does_not_ring_for_ever(tmp_path):
    x = np.zeros((10, 1))
    x[3] = np.inf
    with np.errstate(invalid="ignore"):
        assert len(whole(filtering.forward, [x], sections.butterworth("lowpass", 1, 1000.0, RATE), tmp_path)) == 10


@pytest.mark.parametrize("name", ["lowpass4", "highpass3"])
def test_memory_of_zero_phase_does_not_grow_with_the_duration(tmp_path, name):
    def peak_bytes(chunks):
        stream = Stream(RATE, 2, CHUNK * chunks, tmp_path)
        source = (np.zeros((CHUNK, 2)) for _ in range(chunks))
        tracemalloc.start()
        for _ in filtering.forward_backward(source, stream, (FORGETFUL | RETENTIVE)[name]):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak_bytes(40) < 1.1 * peak_bytes(5)
