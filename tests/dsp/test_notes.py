"""Notes are told from their overtones and from noise; sounds are made here, harmonic by harmonic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.dsp.notes import notes, window_frames

RATE = 48_000


def tone(hz, fall, rate=RATE, windows=1, seed=0):
    """Return windows of a tone: harmonic h has the amplitude fall ** (h - 1) and a phase of its own."""
    time = np.arange(windows * window_frames(rate)) / rate
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, 40)
    audible = [h for h in range(1, 40) if h * hz < 0.45 * rate]
    sound = sum(fall ** (h - 1) * np.sin(2 * np.pi * h * hz * time + phases[h]) for h in audible)
    return 0.1 * sound.reshape(windows, -1)


def hz_of(number):
    return 440.0 * 2.0 ** ((number - 69) / 12)


@settings(max_examples=60, deadline=None)
@given(number=st.integers(45, 84), fall=st.floats(0.3, 0.8), cents=st.integers(-15, 15), seed=st.integers(0, 99))
def test_a_note_is_one_pitch_class_whatever_its_overtones(number, fall, cents, seed):
    found = notes(tone(hz_of(number + cents / 100), fall, seed=seed), RATE)
    chroma = found.chroma(2.0)
    assert int(chroma.argmax()) == number % 12
    assert chroma[number % 12] > 0.85
    assert chroma[(number + 7) % 12] < 0.1, "the third harmonic is no note"
    assert found.tonal > 0.95


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 48_000, 96_000])
def test_a_chord_is_its_notes_at_every_sample_rate(rate):
    chord = sum(tone(hz_of(number), 0.6, rate, seed=number) for number in (48, 60, 64, 67))
    chroma = notes(chord, rate).chroma(2.0)
    assert set(np.argsort(chroma)[-3:].tolist()) == {0, 4, 7}
    assert chroma[[0, 4, 7]].sum() > 0.95


@settings(max_examples=15, deadline=None)
@given(up=st.integers(1, 11), root=st.integers(48, 60))
def test_transposed_sound_has_the_chroma_turned(up, root):
    def chroma(by):
        sounds = (tone(hz_of(root + by + step), 0.6, seed=step) for step in (0, 4, 7, 14))
        return notes(sum(sounds), RATE).chroma(1.0)

    np.testing.assert_allclose(np.roll(chroma(0), up), chroma(up), atol=0.05)


def test_level_and_float32_change_next_to_nothing():
    chord = tone(220.0, 0.6) + tone(277.2, 0.6)
    one = notes(chord, RATE)
    for other in (notes(chord * 1e-3, RATE), notes(chord.astype(np.float32), RATE)):
        np.testing.assert_allclose(one.chroma(1.0), other.chroma(1.0), atol=1e-4)
        assert one.tonal == pytest.approx(other.tonal, abs=1e-4)


def test_a_window_is_judged_by_itself():
    first, second = tone(220.0, 0.6), tone(330.0, 0.5, seed=1)
    together = notes(np.concatenate((first, second)), RATE).strengths
    np.testing.assert_allclose(together[:, :1], notes(first, RATE).strengths, atol=1e-6)


def test_silence_has_no_notes_and_noise_hardly_any():
    silent = notes(np.zeros((3, window_frames(RATE))), RATE)
    assert (silent.tonal, silent.chroma(1.0).tolist()) == (0.0, [0.0] * 12)
    noise = np.random.default_rng(1).standard_normal((24, window_frames(RATE)))
    assert notes(noise, RATE).tonal < 0.3
