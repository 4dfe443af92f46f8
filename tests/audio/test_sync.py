"""How late, how fast and how turned around a file is, against delays by phase, clocks by soxr and real songs."""

from __future__ import annotations

import os
import tracemalloc

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.fft import next_fast_len

from stemtasks.audio import sync as windows
from stemtasks.audio.in_time import is_found
from stemtasks.audio.sync import InReference
from tests.made_stems import written

RATE = 16_000
SECONDS = 40


def hits(seed, seconds=SECONDS, rate=RATE):
    """Return decaying noise at moments of chance: shape (frames,)."""
    rng = np.random.default_rng(seed)
    out = np.zeros(seconds * rate)
    decay = np.exp(-np.arange(rate // 8) / (rate / 40))
    for start in rng.integers(0, len(out) - len(decay), 4 * seconds):
        out[start : start + len(decay)] += decay * rng.standard_normal(len(decay)) * 0.1
    return out


def level(audio):
    return np.sqrt(np.mean(audio**2))


def late(audio, milliseconds, ppm=0.0, rate=RATE):
    """Return audio of a slower clock (soxr), shifted by the phase of its spectrum."""
    audio = np.atleast_2d(audio.T).T
    if ppm:
        audio = soxr.resample(audio, 1e6, 1e6 + ppm, "VHQ")
    frames = next_fast_len(len(audio) + rate, real=True)
    spectrum = np.fft.rfft(audio, frames, axis=0)
    shift = np.exp(-2j * np.pi * np.fft.rfftfreq(frames, 1 / rate) * milliseconds / 1000)
    return np.fft.irfft(spectrum * shift[:, None], frames, axis=0)[: len(audio)]


DRUMS, REST = hits(1), hits(2)
MIX = REST + DRUMS * level(REST) / level(DRUMS) / 2
"""The drums 6 dB down."""


@pytest.fixture(scope="module")
def mix(tmp_path_factory):
    path = written(tmp_path_factory.mktemp("mix") / "mix.wav", MIX, RATE)
    with InReference(path) as reference:
        yield reference


@pytest.fixture
def found(tmp_path, mix):
    return lambda audio, rate=RATE: mix.measure(written(tmp_path / "stem.wav", audio, rate))


@pytest.mark.parametrize("milliseconds", [-150, -3.3, 0.1, 1, 37, 200])
def test_a_delay_is_found_to_a_tenth_of_a_millisecond(found, milliseconds):
    sync = found(late(DRUMS, milliseconds))
    assert is_found(sync)
    assert sync["offset_ms"] == pytest.approx(milliseconds, abs=0.02)
    assert sync["drift_ppm"] == pytest.approx(0, abs=0.5)
    assert (sync["polarity"], sync["confidence"]) == (1, 1.0)


@pytest.mark.parametrize("ppm", [-200, -20, 1, 50, 200])
def test_a_drift_is_found_to_half_a_ppm_and_inversion_with_it(found, ppm):
    sync = found(-late(DRUMS, 36.98, ppm))
    assert is_found(sync)
    assert sync["offset_ms"] == pytest.approx(36.98, abs=0.05)
    assert sync["drift_ppm"] == pytest.approx(ppm, abs=0.5)
    assert sync["drift_ms"] == pytest.approx(sync["drift_ppm"] * SECONDS / 1000, abs=0.02)
    assert sync["polarity"] == -1


@settings(max_examples=6, deadline=None)
@given(
    milliseconds=st.floats(-200, 200),
    noise_db=st.floats(-40, -3),
    gain_db=st.floats(-30, 10),
    sign=st.sampled_from([-1, 1]),
)
def test_neither_gain_nor_noise_moves_what_is_found(mix, tmp_path_factory, milliseconds, noise_db, gain_db, sign):
    stem = late(DRUMS, milliseconds)
    stem += np.random.default_rng(0).standard_normal(stem.shape) * level(stem) * 10 ** (noise_db / 20)
    path = tmp_path_factory.getbasetemp() / "noisy.wav"
    sync = mix.measure(written(path, stem * sign * 10 ** (gain_db / 20), RATE))
    assert is_found(sync)
    assert sync["offset_ms"] == pytest.approx(milliseconds, abs=0.1)
    assert sync["polarity"] == sign


def test_another_sample_rate_than_the_references_makes_no_difference(found):
    sync = found(soxr.resample(late(DRUMS, 12.5), RATE, 48_000, "VHQ"), 48_000)
    assert sync["offset_ms"] == pytest.approx(12.5, abs=0.02)


def test_other_music_on_no_grid_is_not_found(found):
    for seed in range(3, 9):
        sync = found(hits(seed))
        assert not is_found(sync)
        assert (sync["offset_ms"], sync["drift_ppm"], sync["polarity"], sync["confidence"]) == (None, None, None, 0.0)


def test_a_loop_that_matches_at_several_lags_is_not_judged(tmp_path):
    beat = np.tile(hits(5, 1)[: RATE // 8], 8 * SECONDS)  # 125 ms
    with InReference(written(tmp_path / "mix.wav", beat + REST * 0.1, RATE)) as reference:
        assert not is_found(reference.measure(written(tmp_path / "a.wav", late(beat, 125.0), RATE)))


def test_what_has_no_moments_to_be_found_at_is_not_judged(tmp_path):
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(SECONDS * RATE) / RATE)
    files = {"tone": tone, "silence": 0 * tone, "drums": DRUMS, "short": DRUMS[: RATE // 2]}
    for name, audio in files.items():
        written(tmp_path / f"{name}.wav", audio, RATE)
    pairs = [("tone", "tone"), ("silence", "drums"), ("drums", "silence"), ("tone", "drums"), ("short", "short")]
    for reference, name in [*pairs, ("short", "drums"), ("drums", "short")]:
        with InReference(tmp_path / f"{reference}.wav") as looked:
            assert not is_found(looked.measure(tmp_path / f"{name}.wav")), (reference, name)


def test_a_stem_that_plays_in_a_fifth_of_the_song_is_found(found):
    some = np.where(np.arange(len(DRUMS)) // RATE // 8 == 2, DRUMS, 0)
    sync = found(late(some, 25.0))
    assert is_found(sync)
    assert sync["offset_ms"] == pytest.approx(25.0, abs=0.3)


def test_memory_and_time_are_those_of_the_windows_not_of_the_file(tmp_path):
    peaks = []
    for seconds in (60, 600):
        path = written(tmp_path / f"{seconds}.wav", np.resize(hits(3), seconds * RATE), RATE)
        tracemalloc.start()
        with InReference(path) as reference:
            assert reference.measure(path)["windows"] <= 12
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.3 + 1e6


@pytest.fixture
def prepared_windows(monkeypatch):
    """The windows of references that are transformed in a test."""
    transformed, real = [], windows.prepared
    monkeypatch.setattr(windows, "prepared", lambda *window: transformed.append(window[0]) or real(*window))
    monkeypatch.setattr(windows, "_kept", {})
    return transformed


def in_reference(reference, path, sha256):
    with InReference(reference, sha256) as looked:
        return looked.measure(path)


def test_files_looked_for_in_one_reference_share_its_windows(tmp_path, prepared_windows):
    reference = written(tmp_path / "reference.wav", DRUMS, RATE)
    for late_ms in (0.0, 12.0, 25.0):
        found = in_reference(reference, written(tmp_path / "stem.wav", late(DRUMS, late_ms), RATE), "a" * 64)
        assert found["offset_ms"] == pytest.approx(late_ms, abs=0.02)
        assert found["windows"] == windows.FEW
    assert len(prepared_windows) == windows.FEW


def test_a_reference_with_another_stamp_or_digest_is_read_anew(tmp_path, prepared_windows):
    reference = written(tmp_path / "reference.wav", DRUMS, RATE)
    assert in_reference(reference, reference, "a" * 64)["offset_ms"] == 0.0
    assert in_reference(reference, reference, "b" * 64)["offset_ms"] == 0.0
    stem = written(tmp_path / "stem.wav", DRUMS, RATE)
    written(reference, late(DRUMS, 12.0), RATE)
    assert in_reference(reference, stem, "a" * 64)["offset_ms"] == pytest.approx(-12.0, abs=0.02)
    assert len(prepared_windows) == 3 * windows.FEW


def test_windows_of_a_reference_that_changes_while_it_is_read_are_not_kept(tmp_path, prepared_windows):
    reference = written(tmp_path / "reference.wav", DRUMS, RATE)
    was = reference.stat()
    with InReference(reference, "a" * 64) as looked:  # has looked at one window
        os.utime(reference, ns=(was.st_atime_ns, was.st_mtime_ns + 1))
        assert looked.measure(reference)["windows"] == windows.FEW
    (kept,) = windows._kept.values()
    assert len(kept) == 1


def test_the_references_asked_for_last_are_kept(tmp_path, prepared_windows):
    references = [written(tmp_path / f"{name}.wav", DRUMS, RATE) for name in "abc"]
    for reference in [*references, references[2], references[1], references[0]]:
        in_reference(reference, references[0], reference.stem * 64)
    assert len(prepared_windows) == 4 * windows.FEW
    assert [sha256 for sha256, _ in windows._kept] == ["b" * 64, "a" * 64]


@pytest.fixture(scope="module")
def song(request):
    folder = request.getfixturevalue("recordings") / "songs" / "lmms_reggaetry"
    stems = {path.stem: soundfile.read(path, always_2d=True)[0] * np.ones(2) for path in folder.glob("*.flac")}
    return folder / "MASTER.ogg", stems


def test_every_stem_of_a_real_song_is_found_in_its_master_and_none_in_the_song_without_it(song, tmp_path):
    master, stems = song
    whole = sum(stems.values())
    with InReference(master) as reference:
        for name, stem in stems.items():
            sync = reference.measure(written(tmp_path / "stem.wav", stem, 44_100))
            assert is_found(sync), name
            assert abs(sync["offset_ms"]) < 0.1, name
            assert abs(sync["drift_ppm"]) < 0.5, name
            assert sync["polarity"] in (1, None), name
            with InReference(written(tmp_path / "rest.wav", whole - stem, 44_100)) as rest:
                assert not is_found(rest.measure(tmp_path / "stem.wav")), name


def test_real_drums_late_on_another_clock_and_inverted_are_found(song, tmp_path):
    master, stems = song
    drums = sum(stem.mean(axis=1) for name, stem in stems.items() if name[0] in "56789")
    with InReference(master) as reference:
        sync = reference.measure(written(tmp_path / "drums.wav", -late(drums, 36.98, 50.1, 44_100), 44_100))
    assert is_found(sync)
    assert sync["offset_ms"] == pytest.approx(36.98, abs=0.1)
    assert sync["drift_ppm"] == pytest.approx(50.1, abs=0.5)
    assert sync["polarity"] == -1


def test_a_guitar_beside_a_song_that_does_not_hold_it_is_not_judged(recordings):
    folder = recordings / "songs" / "metal_madness"
    with InReference(folder / "song.ogg") as reference:
        assert not is_found(reference.measure(folder / "guitar.ogg"))
        assert is_found(reference.measure(folder / "song.ogg"))
