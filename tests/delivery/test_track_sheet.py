from __future__ import annotations

import copy
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemtasks.delivery.track_sheet import sheet as track_sheet
from stemtasks.delivery.track_sheet import shown, width
from stemtasks.timeline import clock


def stem(title, **more):
    facts = {"peak_dbfs": -3.5, "rms_dbfs": -21.25}
    entry = {"role": "stem", "title": title, "name": f"Demo_{title}_48k_24b.wav", "measurements": facts}
    making = {"generator": "synth", "effects": [{"effect": "lowpass"}, {"effect": "delay"}]}
    level = {"align": {"strategy": "loop"}, "gain_db": -6.0, "pan": -0.35, "mix_gain_db": 1.5}
    return entry | making | level | more


def manifest(*stems):
    facts = {"peak_dbfs": -1.2, "rms_dbfs": -17.0, "lufs": -14.02, "true_peak_dbtp": -1.05, "lra_lu": 6.1}
    master = {"role": "master", "name": "Demo_Master_48k_24b.wav", "measurements": facts}
    song = {
        "title": "Demo",
        "artist": None,
        "bpm": 120.0,
        "key": "G major",
        "time_signature": "4/4",
        "sample_rate": 48000,
        "channels": 2,
        "subtype": "PCM_24",
        "frames": 137 * 48000,
        "tail_frames": 96000,
        "delivered_frames": 139 * 48000,
    }
    intro = {"name": "intro", "key": None, "start_frame": 0, "end_frame": 768000, "start_bar": 1.0, "bars": 8.0}
    bridge = {"name": "bridge", "key": "Ab major", "start_frame": 768000, "end_frame": 6576000}
    return {
        "song": song,
        "sections": [intro, bridge | {"start_bar": 9.0, "bars": 60.5}],
        "contract": "Stems sum to the mix.",
        "files": [*stems, master | {"loudness_lufs": -14.0, "ceiling_dbtp": -1.0}],
    }


EXPECTED = """\
Demo
====

Tempo           120 BPM (quarter notes)
Key             G major
Time signature  4/4
Length          2:17.000 and a tail of 0:02.000
Format          48 kHz, 24-bit PCM, stereo
Files           each starts at 0:00.000 and has 6672000 frames

Sections
--------
   Start       End  At bar  Bars  Key       Section
0:00.000  0:16.000       1     8  G major   intro
0:16.000  2:17.000       9  60.5  Ab major  bridge

Stems
-----
Peak dBFS  RMS dBFS  Gain dB  Fader dB  Pan  Alignment  Stem
    -3.50    -21.25    -6.00     +1.50  L35  loop       bass
    -3.50    -21.25    -6.00     +1.50    C  loop       lead
Gain and pan are in the file already; the fader is what the mix adds.

Sources
-------
Stem  Made by  Effects
bass  synth    lowpass, delay
lead  file     -

Master
------
Loudness        -14.02 LUFS (target -14.00)
True peak       -1.05 dBTP (ceiling -1.00)
Loudness range  6.10 LU
Peak, RMS       -1.20 dBFS, -17.00 dBFS

Files
-----
Demo_bass_48k_24b.wav
Demo_lead_48k_24b.wav
Demo_Master_48k_24b.wav

Stems sum to the mix.
"""


def test_the_sheet_reads_like_this():
    assert track_sheet(manifest(stem("bass"), stem("lead", generator="file", effects=[], pan=0.0))) == EXPECTED


def test_writing_the_sheet_leaves_the_manifest_alone():
    data = manifest(stem("bass"))
    before = copy.deepcopy(data)
    track_sheet(data)
    assert data == before


def test_columns_line_up_whatever_the_script():
    titles = ["bass", "笛と太鼓", "Größe", "e\u0301tude", "🥁 kit", "x" * 80, "長" * 40]
    lines = track_sheet(manifest(*(stem(title) for title in titles))).splitlines()
    start = lines.index("Stem" + " " * 22 + "Made by  Effects")
    columns = {width(line[: line.index("synth")]) for line in lines[start + 1 : start + 1 + len(titles)]}
    assert columns == {26}


def test_lines_stay_on_a_page_and_file_names_stay_whole():
    effects = [{"effect": f"effect_number_{number}"} for number in range(20)]
    data = manifest(stem("長" * 60, effects=effects))
    data["song"]["artist"] = "A very long name of an orchestra " * 9
    data["sections"][0]["name"] = "x" * 300
    text = track_sheet(data)
    assert data["files"][0]["name"] in text
    assert max(width(line) for line in text.splitlines() if not line.endswith(".wav")) <= 100


def test_loudness_of_stems_is_shown_where_it_was_measured():
    measured = {"peak_dbfs": -3.5, "rms_dbfs": -21.25, "lufs": -19.04}
    lines = track_sheet(manifest(stem("bass", measurements=measured), stem("lead"))).splitlines()
    assert "Peak dBFS  RMS dBFS    LUFS  Gain dB  Fader dB  Pan  Alignment  Stem" in lines
    assert "    -3.50    -21.25  -19.04    -6.00     +1.50  L35  loop       bass" in lines
    assert "    -3.50    -21.25       -    -6.00     +1.50  L35  loop       lead" in lines


def test_a_song_without_tempo_has_no_bars():
    data = manifest(stem("bass", pan=None, align={}))
    data["song"] |= {"bpm": None, "key": None}
    data["files"][-1]["loudness_lufs"] = None
    text = track_sheet(data)
    assert "Tempo           none\nKey             not stated\n" in text
    assert "   Start       End  Key       Section\n0:00.000  0:16.000  -         intro\n" in text
    assert "-14.02 LUFS\n" in text


@pytest.mark.parametrize(
    ("frame", "rate", "text"),
    [
        (0, 48000, "0:00.000"),
        (47, 48000, "0:00.001"),
        (59 * 44100 + 44099, 44100, "1:00.000"),
        (61 * 48000 + 24000, 48000, "1:01.500"),
        (3600 * 96000, 96000, "60:00.000"),
    ],
)
def test_times_are_minutes_seconds_and_milliseconds(frame, rate, text):
    assert clock(frame * 1000 / rate) == text


@given(st.text(max_size=60), st.integers(1, 40))
def test_a_shown_text_is_one_line_within_its_columns(text, columns):
    line = shown(text, columns)
    assert width(line) <= columns
    assert len(line.splitlines()) <= 1
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in line)
