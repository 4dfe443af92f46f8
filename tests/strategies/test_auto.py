from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest

from stemtasks.audio.blocks import Stream
from stemtasks.audio.source import Source
from stemtasks.strategies.auto import auto
from tests.made_stems import RATE, as_wav, noise, sine, timeline, written

HITS = noise(4 * RATE) * np.exp(-np.tile(np.arange(RATE // 2), 8) / 3000.0)[:, None]
PAD = sine(4 * RATE, 220)


def chosen(audio, target_s, song_bpm=None, **given):
    with tempfile.TemporaryDirectory() as folder:
        return chosen_for(written(Path(folder) / "stem.wav", audio), target_s, song_bpm, **given)


def chosen_for(path, target_s, song_bpm=None, **given):
    with Source(path) as source:
        frames = round(target_s * source.sample_rate)
        stream = Stream(source.sample_rate, source.channels, source.frames, path.parent)
        return auto(source, frames, stream, timeline=timeline(frames, song_bpm, source.sample_rate), **given)


@pytest.mark.parametrize(
    ("audio", "target_s", "song_bpm", "kind", "strategy", "says"),
    [
        (PAD, 4.0, None, None, "none", "already exact"),
        (PAD, 2.8, 120.0, "drums", "truncate", "longer than the target by 1.200 s"),
        (PAD, 4.31, 120.0, "drums", "zero_pad", "gap 0.310 s < 0.5 s"),
        (HITS, 137.0, 120.0, "drums", "loop", "kind drums, tempo known, 2 bars"),
        (HITS, 137.0, 60.0, "drums", "loop", "kind drums, tempo known, 1 bar"),
        (HITS, 137.0, None, "bass", "loop", "kind bass, tempo unknown: its own beats are at 120.0 bpm"),
        (HITS[: RATE // 4], 137.0, 120.0, "drums", "zero_pad", "0.50 beats are less than one"),
        (HITS, 137.0, 120.0, "vocal", "zero_pad", "kind vocal is not repeated"),
        (PAD, 137.0, None, "fx", "zero_pad", "kind fx is not repeated"),
        (PAD, 137.0, None, "pad", "crossfade", "kind pad"),
        (PAD, 137.0, 120.0, "melodic", "crossfade", "kind melodic, sustained (0.0 onsets/s)"),
        (HITS, 137.0, 120.0, "melodic", "loop", "kind melodic, its onsets are on the grid, tempo known, 2 bars"),
        (PAD, 137.0, 240.0, "melodic", "loop", "kind melodic, exactly 4 bars at 240 bpm"),
        (PAD, 137.0, 240.0, "pad", "crossfade", "kind pad"),
        (PAD, 137.0, 239.0, None, "crossfade", "sustained"),
        (PAD, 137.0, None, None, "crossfade", "sustained (0.0 onsets/s)"),
        (HITS, 137.0, None, None, "loop", "rhythmic"),
        (PAD[:9600], 137.0, None, None, "zero_pad", "too little to repeat"),
        (noise(25 * RATE), 27.0, 120.0, "drums", "zero_pad", "93% of the target, so it is a full take"),
    ],
)
def test_the_choice_follows_gap_kind_and_content(audio, target_s, song_bpm, kind, strategy, says):
    choice = chosen(audio, target_s, song_bpm, kind=kind)
    assert choice.strategy == strategy
    assert says in choice.reason
    assert not choice.reason.endswith(("1 bars", strategy))  # the strategy stands before it wherever it is shown


TAKES = "songs/lmms_reggaetry"
NOTES = (
    "bass_finger__Finger_Bass_A1 bass_finger__Finger_Bass_D1 bass_finger__Finger_Bass_EO bass_finger__Finger_Bass_GO \
    guitar_nylon__Nylon_A3 guitar_nylon__Nylon_D4 guitar_nylon__Nylon_E3 guitar_steel__Steel_G4 rhodes__Rhodes_C3 \
    synth_bass2__SB2_C3 synth_strings__Synth_Strings_1"
)
CHOSEN = {
    "loops/break02.ogg": "loop",
    "loops/click-120bpm.flac": "loop",
    "loops/electro_beat02.ogg": "loop",
    "loops/loop_amen_full.flac": "loop",
    "loops/loop_breakbeat.flac": "loop",
    "loops/loop_mehackit1.flac": "loop",
    "loops/loop_mika.flac": "loop",
    "loops/loop_perc1.flac": "loop",
    "loops/loop_tabla.flac": "loop",
    "loops/tb303_01.ogg": "loop",
    "melodic/MoonlightSonata.wav": "crossfade",
    "melodic/ambi_piano.flac": "crossfade",
    "melodic/flute.aif": "crossfade",
    "melodic/guit_e_slide.flac": "zero_pad",
    "melodic/guit_em9.flac": "zero_pad",
    "melodic/guitar_chord1.wav": "crossfade",
    "melodic/guitar_strum_Cmajor_UP_00.flac": "zero_pad",
    "melodic/juno_pad01.ogg": "crossfade",
    "melodic/latin_guitar02.ogg": "loop",
    "vocals/vocadito_10.wav": "zero_pad",
    "formats/rumpf_beats_02-15.flac": "zero_pad",
    "formats/miniaudio_test.mp3": "loop",
    "formats/gs-16b-1c-16000hz.opus": "loop",
    "formats/alaw.wav": "crossfade",
    "songs/metal_madness/guitar.ogg": "truncate",
    "songs/metal_madness/song.ogg": "truncate",
    **{f"instruments/{name}.flac": "crossfade" for name in NOTES.split()},
    **{f"formats/breakbeat{name}": "loop" for name in (".w64", "_u8_22k.wav", "_48k_6ch.wav")},
    **{f"formats/pluck-{name}": "zero_pad" for name in ("alaw.aifc", "pcm16.au", "pcm24.wav", "pcm32.aiff", "ulaw.au")},
}
"""What each kind of material is fitted by in a song of 137 s without a tempo. A note that was sampled while it sounds
is crossfaded; a hit, a strum and a phrase that die away are left to ring; a full mix with a beat is looped."""


@pytest.mark.parametrize("name", CHOSEN)
def test_a_recording_without_a_kind_is_fitted_by_what_is_in_it(recordings, tmp_path, name):
    path, _ = as_wav(recordings / name, tmp_path)
    assert chosen_for(path, 137.0).strategy == CHOSEN[name]


def test_each_track_of_a_session_is_padded(recordings, tmp_path):
    tracks = sorted((recordings / TAKES).glob("*.*"))
    assert len(tracks) == 10
    assert {chosen_for(as_wav(track, tmp_path)[0], 137.0).strategy for track in tracks} == {"zero_pad"}


KICK = noise(4800, seed=5) * np.exp(-np.arange(4800) / 600.0)[:, None]
SPARSE = np.concatenate([KICK, np.zeros((2 * RATE - 4800, 1))] * 2)
STRUM = np.concatenate(
    [sine(2 * RATE, 330)[:, None] * np.exp(-np.arange(2 * RATE) / 12000.0)[:, None], np.zeros((4 * RATE, 1))]
)
PAUSED = np.concatenate([HITS, np.zeros((3 * RATE, 1)), HITS[: 3 * RATE]])


@pytest.mark.parametrize(
    ("audio", "song_bpm", "strategy", "says"),
    [
        (SPARSE, 120.0, "loop", "its onsets are on the grid, tempo known, 2 bars"),
        (SPARSE, None, "zero_pad", "single hits without a known tempo"),
        (STRUM, None, "zero_pad", "one sound that dies away"),
        (STRUM, 120.0, "zero_pad", "one sound that dies away"),
        (PAUSED, 117.0, "zero_pad", "of silence inside"),
        (noise(34 * RATE), None, "zero_pad", "34.0 s are a take"),
    ],
)
def test_what_is_in_it_decides(audio, song_bpm, strategy, says):
    choice = chosen(audio, 137.0, song_bpm)
    assert (choice.strategy, says in choice.reason) == (strategy, True), choice


@pytest.mark.parametrize("off", [-2, -1, 1, 2])
def test_a_length_that_differs_by_rounding_is_exact(off):
    choice = chosen(PAD[: 3 * RATE + off], 3.0)
    assert choice.strategy == "none"
    assert "rounding" in choice.reason


def test_what_else_was_weighed_is_said():
    assert chosen(HITS, 137.0, 120.0).weighed["loop"] > 0.8
    assert chosen(PAD, 137.0).weighed == {"loop": 0.0, "crossfade": 1.0, "zero_pad": 0.13}
