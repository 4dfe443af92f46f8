"""Oracles: Fourier analysis with a window of low leakage."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from stemtasks.audio.blocks import Stream
from stemtasks.errors import SpecError
from stemtasks.generators.tone import tone
from stemtasks.timeline import Section, Timeline

RATE = 48000


def timeline(bpm=120.0, frames=RATE):
    return Timeline(RATE, frames, 0, bpm, 4.0, "4/4", None, (Section("all", 0, frames, 0.0, 0.0),))


def rendered(frames=RATE, channels=1, bpm=120.0, rate=RATE, **arguments):
    stream = Stream(rate, channels, frames, Path())
    return np.concatenate(list(tone(stream, timeline=timeline(bpm, frames), **arguments)))


def spectrum_db(x):
    power = np.abs(np.fft.rfft(x * signal.windows.kaiser(len(x), 24)))
    return 20 * np.log10(power / power.max() + 1e-30), np.fft.rfftfreq(len(x), 1 / RATE)


@pytest.mark.parametrize(
    ("note", "frequency_hz"), [("A4", 440.0), ("C4", 261.6256), ("Bb2", 116.5409), ("F#6", 1479.978)]
)
@pytest.mark.parametrize("waveform", ["sine", "triangle", "saw", "square"])
def test_a_note_sounds_at_its_frequency(note, frequency_hz, waveform):
    level, bins = spectrum_db(rendered(4 * RATE, note=note, waveform=waveform)[:, 0])
    assert bins[np.argmax(level)] == pytest.approx(frequency_hz, abs=0.2)


@pytest.mark.parametrize("waveform", ["sine", "triangle", "saw", "square"])
@pytest.mark.parametrize("note", ["A1", "F#5", "C8"])
def test_no_energy_off_the_harmonics(waveform, note):
    from stemtasks.music.pitch import frequency_hz, midi_number

    fundamental = frequency_hz(midi_number(note))
    steady = rendered(3 * RATE, note=note, waveform=waveform)[RATE : 2 * RATE, 0]
    level, bins = spectrum_db(steady)
    nearest = np.round(bins / fundamental)
    off = (np.abs(bins - nearest * fundamental) > 14) | (nearest == 0)
    power = 10 ** (level / 10)
    assert 10 * np.log10(power[off].sum() / power.sum()) < -80


def test_a_frequency_may_stand_for_the_note():
    level, bins = spectrum_db(rendered(frequency_hz=997.0)[:, 0])
    assert bins[np.argmax(level)] == pytest.approx(997.0, abs=0.5)


@pytest.mark.parametrize("waveform", ["sine", "triangle", "saw", "square"])
def test_the_level_is_the_peak(waveform):
    assert 20 * np.log10(np.max(np.abs(rendered(waveform=waveform, note="A2", level_dbfs=-6.0)))) == pytest.approx(
        -6, abs=0.02
    )


def test_all_channels_are_alike():
    out = rendered(channels=2)
    assert out.shape == (RATE, 2)
    assert np.array_equal(out[:, 0], out[:, 1])


@pytest.mark.parametrize("frames", [1, 10, 100, 1000, RATE, 70_001])
def test_any_length_has_its_frames_and_starts_and_ends_without_a_click(frames):
    out = rendered(frames, note="A2", level_dbfs=0.0)
    assert out.shape == (frames, 1)
    assert out[0, 0] == 0.0
    assert abs(out[-1, 0]) < 0.002 if frames > 500 else abs(out[-1, 0]) < 0.05


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"every_beats": 1.0},
        {"every_beats": 0.5, "length_beats": 0.1},
        {"every_beats": 0.25, "attack_ms": 0.0, "release_ms": 300.0},
    ],
)
def test_no_sample_jumps_further_than_the_sine_and_its_ramps(arguments):
    out = rendered(3 * RATE + 777, note="A2", level_dbfs=0.0, **arguments)[:, 0]
    shortest_ramp = 0.001 * RATE
    assert np.max(np.abs(np.diff(out))) < 2 * np.pi * 110 / RATE + 5.1 / shortest_ramp
    assert np.max(np.abs(out)) > 0.5


def test_repeated_notes_start_on_the_beat_and_end_with_their_length():
    out = rendered(2 * RATE, note="A5", every_beats=1.0, length_beats=0.5, attack_ms=1.0, release_ms=10.0)[:, 0]
    loud = np.abs(out).reshape(-1, 240).max(axis=1) > 0.01
    assert np.array_equal(np.flatnonzero(np.diff(loud.astype(int)) == 1) + 1, [100, 200, 300])
    assert not np.any(loud.reshape(-1, 100)[:, 50:])
    assert np.all(loud.reshape(-1, 100)[:, :48])


def test_repeated_notes_are_the_same_note():
    out = rendered(4 * RATE, every_beats=2.0)[:, 0]
    assert np.array_equal(out[:RATE], out[RATE : 2 * RATE])


def test_a_struck_note_dies_away():
    out = rendered(decay_ms=300.0, sustain=0.0)[:, 0]
    assert np.max(np.abs(out[: RATE // 10])) > 0.2
    assert not np.any(out[RATE // 2 :])


def test_one_note_may_be_shorter_than_the_stem():
    out = rendered(length_beats=1.0)[:, 0]
    assert np.any(out[: RATE // 2])
    assert not np.any(out[RATE // 2 :])


def test_late_frames_are_as_exact_as_early_ones():
    frames = 60 * RATE
    late = rendered(frames, frequency_hz=1000.0)[-RATE - 4800 : -4800, 0]
    n = np.arange(frames - RATE - 4800, frames - 4800)
    assert np.max(np.abs(late - 10 ** (-12 / 20) * np.sin(2 * np.pi * ((n * 1000) % RATE) / RATE))) < 1e-9


def test_memory_is_that_of_a_few_blocks():
    stream = Stream(RATE, 1, 120 * RATE, Path())
    tracemalloc.start()
    for _ in tone(stream, timeline=timeline(), waveform="saw", note="A2"):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 << 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"every_beats": 1.0, "length_beats": 2.0}, "length_beats: 2 is more than every_beats"),
        ({"every_beats": 0.0}, "every_beats: 0 beats .* less than 1 ms"),
        ({"length_beats": 0.0}, "length_beats: 0 beats"),
        ({"every_beats": 1.0, "bpm": None}, "need a tempo: set song.bpm"),
        ({"length_beats": 1.0, "bpm": None}, "need a tempo"),
        ({"note": "A9", "rate": 16000}, "note: A9 .* is not below half the sample rate"),
    ],
)
def test_what_cannot_be_played_is_an_error(arguments, message):
    with pytest.raises(SpecError, match=message):
        rendered(**arguments)


def test_one_long_note_needs_no_tempo():
    assert np.any(rendered(bpm=None))


def test_a_note_shorter_than_its_release_still_ends_with_its_length_and_without_a_click():
    out = rendered(2 * RATE, note="A2", every_beats=1.0, length_beats=0.25, release_ms=300.0, level_dbfs=0.0)[:, 0]
    notes = out.reshape(4, RATE // 2)
    assert np.max(np.abs(notes)) > 0.5
    assert not np.any(notes[:, RATE // 8 :])
    assert np.max(np.abs(np.diff(out))) < 0.05
