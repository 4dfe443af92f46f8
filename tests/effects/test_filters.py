"""The oracle of lowpass, highpass, bandpass, peaking and the shelves is scipy.signal."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from stemtasks import zero_phase
from stemtasks.audio import Stream
from stemtasks.dsp import bandpass, sections
from stemtasks.errors import SpecError

RATE = 48000


def level_db(apply, name, frequency_hz, **arguments):
    """Return what the effect does to the level of a settled sine, by its amplitude at that frequency."""
    n = np.arange(RATE)
    x = np.sin(2 * np.pi * frequency_hz / RATE * n)[:, None]
    y = apply(name, x, **arguments)[:RATE, 0]
    window = np.hanning(RATE)
    turn = np.exp(-2j * np.pi * frequency_hz / RATE * n)
    return 20 * np.log10(abs(np.sum(y * window * turn)) / abs(np.sum(x[:, 0] * window * turn)))


@pytest.mark.parametrize(("phase", "edge_db"), [("minimum", -3.0103), ("zero", -6.0206)])
@pytest.mark.parametrize("order", [1, 2, 4, 7])
@pytest.mark.parametrize("name", ["lowpass", "highpass"])
def test_the_cutoff_is_3_db_down_and_6_where_filtered_twice(apply, name, order, phase, edge_db):
    arguments = {"cutoff_hz": 1000.0, "order": order, "phase": phase}
    assert level_db(apply, name, 1000, **arguments) == pytest.approx(edge_db, abs=0.01)
    passed, stopped = (50, 4000) if name == "lowpass" else (12000, 250)
    assert level_db(apply, name, passed, **arguments) == pytest.approx(0.0, abs=0.1)
    # 6 dB per octave and order, two octaves away, and again when filtered twice
    slope = order * 12 * (1 if phase == "minimum" else 2)
    assert level_db(apply, name, stopped, **arguments) == pytest.approx(-slope, rel=0.06, abs=0.6)


@pytest.mark.parametrize(("phase", "edge_db"), [("minimum", -3.0103), ("zero", -6.0206)])
def test_bandpass_keeps_its_middle_and_is_3_db_down_at_both_edges(apply, phase, edge_db):
    arguments = {"low_hz": 500.0, "high_hz": 2000.0, "order": 3, "phase": phase}
    assert level_db(apply, "bandpass", 1000, **arguments) == pytest.approx(0.0, abs=0.01)
    assert level_db(apply, "bandpass", 500, **arguments) == pytest.approx(edge_db, abs=0.01)
    assert level_db(apply, "bandpass", 2000, **arguments) == pytest.approx(edge_db, abs=0.01)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 8, 16])
@pytest.mark.parametrize("edges", [(20.0, 20000.0), (900.0, 1100.0), (30.0, 60.0), (10000.0, 23000.0)])
def test_bandpass_has_scipys_response(order, edges):
    frequencies = np.geomspace(5, 23_990, 400)
    ours = signal.sosfreqz(bandpass.bandpass(order, *edges, RATE), frequencies, fs=RATE)[1]
    theirs = signal.sosfreqz(signal.butter(order, edges, "bandpass", fs=RATE, output="sos"), frequencies, fs=RATE)[1]
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("edges", [(2000.0, 500.0), (500.0, 500.0)])
def test_bandpass_with_edges_the_wrong_way_round_is_an_error(apply, edges):
    with pytest.raises(SpecError, match=r"bandpass: low_hz .* is not below high_hz 500"):
        apply("bandpass", np.zeros((10, 1)), low_hz=edges[0], high_hz=edges[1])


@pytest.mark.parametrize("phase", ["minimum", "zero"])
@pytest.mark.parametrize("gain_db", [-12.0, 6.0])
def test_bells_and_shelves_reach_their_gain_in_both_phases(apply, gain_db, phase):
    common = {"gain_db": gain_db, "phase": phase}
    assert level_db(apply, "peaking", 1000, centre_hz=1000.0, **common) == pytest.approx(gain_db, abs=0.01)
    assert level_db(apply, "peaking", 60, centre_hz=1000.0, **common) == pytest.approx(0.0, abs=0.15)
    assert level_db(apply, "low_shelf", 20, corner_hz=500.0, **common) == pytest.approx(gain_db, abs=0.05)
    assert level_db(apply, "low_shelf", 500, corner_hz=500.0, **common) == pytest.approx(gain_db / 2, abs=0.05)
    assert level_db(apply, "low_shelf", 15000, corner_hz=500.0, **common) == pytest.approx(0.0, abs=0.05)
    assert level_db(apply, "high_shelf", 20000, corner_hz=3000.0, **common) == pytest.approx(gain_db, abs=0.05)
    assert level_db(apply, "high_shelf", 3000, corner_hz=3000.0, **common) == pytest.approx(gain_db / 2, abs=0.05)
    assert level_db(apply, "high_shelf", 50, corner_hz=3000.0, **common) == pytest.approx(0.0, abs=0.05)


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
def test_minimum_phase_is_sosfilt_bit_for_bit_and_rings_on(apply, name):
    x = np.random.default_rng(3).standard_normal((5000, 2))
    sos = sections.butterworth(name, 4, 400.0, RATE)
    ours = apply(name, x, cuts=[1000, 1001], cutoff_hz=400.0, order=4)
    theirs = signal.sosfilt(sos, np.pad(x, ((0, 30_000), (0, 0))), axis=0)
    assert len(ours) > 5000
    assert np.array_equal(ours, theirs[: len(ours)])
    assert np.abs(theirs[len(ours) :]).max() < 10 ** (-90 / 20)


def test_zero_phase_is_symmetric_in_time(apply):
    x = np.zeros((8001, 1))
    x[4000] = 1.0
    for name, arguments in [("lowpass", {"cutoff_hz": 900.0}), ("peaking", {"centre_hz": 900.0, "gain_db": 6.0})]:
        y = apply(name, x, phase="zero", **arguments)[:, 0]
        np.testing.assert_allclose(y, y[::-1], atol=1e-15)


def test_zero_phase_keeps_a_constant_to_the_ends(apply):
    y = apply("lowpass", np.full((4000, 1), 0.7), cutoff_hz=300.0, order=4, phase="zero")
    np.testing.assert_allclose(y, 0.7, atol=1e-10)


def test_infinity_in_does_not_ring_for_ever(apply):
    x = np.zeros((10, 1))
    x[3] = np.inf
    with np.errstate(invalid="ignore"):
        assert len(apply("lowpass", x, cutoff_hz=1000.0, order=1)) == 10


def test_memory_of_zero_phase_does_not_grow_with_the_duration(tmp_path):
    import tracemalloc

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
