"""What a file sounds like in each section: made chords and strokes, and recordings whose key and tempo are known."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest
import soundfile
import soxr

from stemtasks.audio.musical import OF_A_MIX, measure_music
from stemtasks.music.pitch import SHARP_NAMES
from stemtasks.timeline import Section, Timeline
from tests.made_stems import written

RATE = 22_050
NOTHING = {"in_key": None, "margin": None, "best_key": None}
NO_ONSETS = {"onset_error_ms": None, "onset_offset_ms": None, "onset_fit": None}


def timeline(*keys, bpm=120.0, seconds=8.0, rate=RATE):
    frames = round(seconds * rate)
    sections = tuple(Section(f"s{i}", i * frames, (i + 1) * frames, 0.0, 0.0, key) for i, key in enumerate(keys))
    return Timeline(rate, frames * len(keys), 0, bpm, 4.0, "4/4", None, sections)


@cache
def plucked(note):
    """Return a quarter of a second of a note with overtones."""
    hz, time = 440.0 * 2.0 ** ((note - 69) / 12), np.arange(RATE // 4) / RATE
    return sum(0.7**h * np.sin(2 * np.pi * h * hz * time) * np.exp(-6 * time) for h in range(1, 9))


def progression(tonic, seconds=8.0, late=0.0):
    """Return I IV V I of plucked notes with overtones, each chord struck four times a second, on eighths at 120."""
    chords = ((0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7))
    x = np.zeros(round(seconds * RATE))
    for stroke in range(round(seconds * 4)):
        start = round((stroke / 4 + late) * RATE)
        for note in chords[int(stroke / 4 / seconds * 4)]:
            sounding = plucked(48 + tonic + note)[: len(x) - start]
            x[start : start + len(sounding)] += sounding
    return 0.05 * x


@pytest.fixture
def measured(tmp_path):
    def measure(x, line, pieces=OF_A_MIX, **more):
        return measure_music(written(tmp_path / "x.wav", x, line.sample_rate), line, pieces, **more)

    return measure


@pytest.mark.parametrize("tonic", range(12))
def test_a_progression_is_in_its_key_and_in_no_other(measured, tonic):
    x = progression(tonic)
    for other in range(12):
        key = f"{SHARP_NAMES[other]} major"
        (found,) = measured(x, timeline(key))
        assert (found["margin"] > 0.0) == (other == tonic), found
        assert found["best_key"] == key or other != tonic
        far = (other - tonic) % 12 in (1, 6, 11)
        assert found["in_key"] > 0.95 if other == tonic else found["in_key"] < (0.5 if far else 0.98)


def test_each_section_is_held_against_its_own_key_and_tells_nothing_of_others(measured):
    keys = ("C major", "C# major", "C major")
    found = measured(np.concatenate([progression(0), progression(1), progression(1)]), timeline(*keys))
    assert [each["key"] for each in found] == [*keys]
    assert [each["margin"] > 0 for each in found] == [True, True, False]
    assert found[2]["best_key"] == "Db major"
    again = measured(np.concatenate([progression(0), np.zeros(8 * RATE), progression(5)]), timeline(*keys))
    assert again[0] == found[0]
    assert again[1] == {"name": "s1", "start_s": 8.0, "key": "C# major", **NOTHING, "onsets": 0, **NO_ONSETS}


@pytest.mark.parametrize("late_ms", [0.0, 20.0, 40.0])
def test_strokes_that_are_late_are_found_late(measured, late_ms):
    (found,) = measured(progression(0, late=late_ms / 1000), timeline("C major"))
    assert found["onsets"] >= 10
    assert found["onset_error_ms"] == pytest.approx(late_ms, abs=4.0)
    assert found["onset_offset_ms"] == pytest.approx(late_ms, abs=4.0)
    (wrong,) = measured(progression(0), timeline("C major", bpm=113.0))
    assert wrong["onset_error_ms"] > 15.0
    assert wrong["onset_fit"] < 2.0 < found["onset_fit"] or late_ms > 12.0


def test_without_a_key_or_a_tempo_nothing_is_said(measured):
    (found,) = measured(progression(0), timeline(None, bpm=None))
    assert found == {"name": "s0", "start_s": 0.0, "key": None, **NOTHING, "onsets": None, **NO_ONSETS}
    (keyless,) = measured(progression(0), timeline(None))
    assert (keyless["in_key"], keyless["onsets"] > 0) == (None, True)
    (timeless,) = measured(progression(0), timeline("C major", bpm=None))
    assert (timeless["onsets"], timeless["in_key"] > 0.9) == (None, True)


def test_drums_have_no_key_by_their_sound_or_because_it_is_known(measured):
    hiss = np.random.default_rng(0).standard_normal(8 * RATE) * 0.1
    hits = hiss * (np.arange(8 * RATE) % (RATE // 4) < RATE // 20)
    (found,) = measured(hits, timeline("C major"))
    assert found["in_key"] is None
    assert found["onset_error_ms"] < 3.0
    (known,) = measured(progression(0), timeline("C major"), has_notes=False)
    assert (known["key"], known["in_key"], known["onsets"] > 0) == ("C major", None, True)


def test_one_note_is_in_a_key_but_tells_none(measured):
    note = np.sin(2 * np.pi * 440.0 * np.arange(8 * RATE) / RATE)
    (found,) = measured(0.3 * note, timeline("F major"))
    assert (found["in_key"] > 0.95, found["margin"], found["best_key"]) == (True, None, None)
    (found,) = measured(0.3 * note, timeline("Ab major"))
    assert found["in_key"] < 0.05


@pytest.mark.parametrize("seconds", [0.001, 0.2, 0.45])
def test_sections_may_be_short(measured, seconds):
    line = timeline("C major", "C major", seconds=seconds)
    assert len(measured(progression(0, seconds=1.0)[: line.frames], line)) == 2


# recordings


def heard(path, key, tmp_path, up=0, bpm=None):
    """Return what is heard in a recording, played faster so that it is higher by semitones."""
    x, rate = soundfile.read(path, always_2d=True)
    if up:
        x = soxr.resample(x, rate, rate * 2.0 ** (-up / 12))
    line = timeline(key, bpm=bpm, seconds=len(x) / rate, rate=rate)
    return measure_music(written(tmp_path / "x.wav", x, rate), line, OF_A_MIX)[0]


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("melodic/guitar_strum_Cmajor_UP_00.flac", "C major"),
        ("melodic/guit_em9.flac", "E minor"),
        ("melodic/MoonlightSonata.wav", "C# minor"),
    ],
)
def test_recordings_are_in_the_key_that_is_known_of_them_and_not_a_semitone_or_a_tritone_up(
    recordings, tmp_path, file, key
):
    found = heard(recordings / file, key, tmp_path)
    assert found["in_key"] > 0.9
    assert found["margin"] is None or found["margin"] > 0.0
    for up in (1, 6):
        assert heard(recordings / file, key, tmp_path, up)["in_key"] < 0.5


@pytest.mark.parametrize("up", range(1, 12))
def test_a_piano_recording_is_in_no_other_minor_key(recordings, tmp_path, up):
    found = heard(recordings / "melodic/MoonlightSonata.wav", "C# minor", tmp_path, up)
    assert found["margin"] < -0.05
    assert found["best_key"] == f"{('C#', 'D', 'Eb', 'E', 'F', 'F#', 'G', 'G#', 'A', 'Bb', 'B', 'C')[up]} minor"


def tempos(recordings):
    """Return the loops whose tempo LICENCES.tsv knows exactly, with it."""
    rows = [line.split("\t") for line in (recordings / "LICENCES.tsv").read_text().splitlines()]
    known = {row[0]: re.search(r"([\d.]+) BPM = ", row[-1]) for row in rows if row[0].startswith("loops/")}
    return {file: float(match[1]) for file, match in known.items() if match}


def test_loops_are_on_the_grid_of_their_tempo_and_of_no_other(recordings, tmp_path):
    found = tempos(recordings)
    assert len(found) == 6
    del found["loops/loop_perc1.flac"]  # nine loose strokes by hand
    for file, bpm in found.items():
        right = heard(recordings / file, None, tmp_path, bpm=bpm)
        assert right["onset_error_ms"] <= 7.0, (file, right)
        for wrong in (0.96, 1.04):
            assert heard(recordings / file, None, tmp_path, bpm=bpm * wrong)["onset_error_ms"] > 24.0, file
