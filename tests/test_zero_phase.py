"""The oracle is scipy.signal.sosfiltfilt."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy import signal

from stemtasks import zero_phase
from stemtasks.audio import Stream
from stemtasks.dsp import bandpass, sections

RATE = 48000


def whole(filtering, parts, sos, scratch):
    stream = Stream(RATE, parts[0].shape[1], sum(map(len, parts)), scratch)
    return np.concatenate(list(filtering(iter(parts), stream, sos)))


@pytest.mark.parametrize("frames", [2, 5, 15, 16, 17, 1000, 3 * zero_phase.CHUNK_FRAMES + 17])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    "sos",
    [
        sections.butterworth("lowpass", 4, 8000.0, RATE),
        sections.butterworth("highpass", 3, 100.0, RATE),
        bandpass.bandpass(2, 300.0, 3000.0, RATE),
        sections.peaking(1000.0, 6.0, 1.0, RATE),
    ],
    ids=["lowpass4", "highpass3", "bandpass2", "peaking"],
)
def test_zero_phase_is_sosfiltfilt_bit_for_bit(tmp_path, sos, channels, frames):
    x = np.random.default_rng(frames).standard_normal((frames, channels))
    stream = Stream(RATE, channels, frames, tmp_path)
    blocks = iter(np.array_split(x, sorted([1, frames // 3, frames // 2])))
    ours = np.concatenate(list(zero_phase.forward_backward((b for b in blocks if len(b)), stream, sos)))
    default = zero_phase.padding(sos)
    if frames > default:
        theirs = signal.sosfiltfilt(sos, x, axis=0)
    else:
        theirs = signal.sosfiltfilt(sos, x, axis=0, padlen=frames - 1)
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["lowpass", "highpass"])
def test_minimum_phase_is_sosfilt_bit_for_bit_and_rings_on(tmp_path, name):
    x = np.random.default_rng(3).standard_normal((5000, 2))
    sos = sections.butterworth(name, 4, 400.0, RATE)
    ours = whole(zero_phase.forward, np.split(x, [1000, 1001]), sos, tmp_path)
    theirs = signal.sosfilt(sos, np.pad(x, ((0, 30_000), (0, 0))), axis=0)
    assert len(ours) > 5000
    assert np.array_equal(ours, theirs[: len(ours)])
    assert np.abs(theirs[len(ours) :]).max() < 10 ** (-90 / 20)


def test_zero_phase_is_symmetric_in_time(tmp_path):
    x = np.zeros((8001, 1))
    x[4000] = 1.0
    for sos in (sections.butterworth("lowpass", 2, 900.0, RATE), sections.peaking(900.0, 6.0, 1.0, RATE)):
        y = whole(zero_phase.forward_backward, [x], sos, tmp_path)[:, 0]
        np.testing.assert_allclose(y, y[::-1], atol=1e-15)


def test_zero_phase_keeps_a_constant_to_the_ends(tmp_path):
    sos = sections.butterworth("lowpass", 4, 300.0, RATE)
    y = whole(zero_phase.forward_backward, [np.full((4000, 1), 0.7)], sos, tmp_path)
    np.testing.assert_allclose(y, 0.7, atol=1e-10)


def test_infinity_in_does_not_ring_for_ever(tmp_path):
    x = np.zeros((10, 1))
    x[3] = np.inf
    with np.errstate(invalid="ignore"):
        assert len(whole(zero_phase.forward, [x], sections.butterworth("lowpass", 1, 1000.0, RATE), tmp_path)) == 10


def test_memory_of_zero_phase_does_not_grow_with_the_duration(tmp_path):
    def peak_bytes(blocks):
        stream = Stream(RATE, 2, 65536 * blocks, tmp_path)
        sos = sections.butterworth("lowpass", 4, 8000.0, RATE)
        source = (np.zeros((65536, 2)) for _ in range(blocks))
        tracemalloc.start()
        for _ in zero_phase.forward_backward(source, stream, sos):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak_bytes(40) < 1.1 * peak_bytes(4)
