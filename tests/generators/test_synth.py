"""Oracles: Fourier analysis against the keys' textbook scales."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from stemtasks.audio.blocks import Stream
from stemtasks.dsp.envelope import Adsr
from stemtasks.dsp.patch import Patch
from stemtasks.errors import SpecError
from stemtasks.generators import synth as module
from stemtasks.generators.synth import synth
from stemtasks.music.pitch import frequency_hz, midi_number
from stemtasks.timeline import Section, Timeline

RATE = 48000
BEAT = RATE // 2
EXACT = {"humanize_ms": 0.0, "humanize_db": 0.0}
SINE = EXACT | {"oscillator": "sine", "voices": 1, "filter_envelope_octaves": 0.0, "cutoff_hz": 20_000.0}


def timeline(*sections, key="G major", bpm=120.0, rate=RATE):
    """Return the timeline of sections given as (name, beats, key)."""
    made, beat = [], 0.0
    for name, beats, own in sections:
        start, end = (round(b * rate * 60 / (bpm or 120.0)) for b in (beat, beat + beats))
        made.append(Section(name, start, end, beat, beats, own))
        beat += beats
    return Timeline(rate, made[-1].end_frame, 0, bpm, 4.0, "4/4", key, tuple(made))


VERSE = timeline(("verse", 8.0, None))


def rendered(patterns, song=VERSE, channels=1, frames=None, seed=1, **arguments):
    stream = Stream(song.sample_rate, channels, song.frames if frames is None else frames, Path())
    return np.concatenate(list(synth(stream, timeline=song, seed=seed, patterns=patterns, **arguments)))


def loudest_hz(x):
    power = np.abs(np.fft.rfft(x * np.hanning(len(x)), 1 << 17))
    return np.argmax(power) * RATE / (1 << 17)


def chroma(x):
    """Return the energy at the notes from C2 to B6, by pitch class, as parts of their sum."""
    power = np.abs(np.fft.rfft(x * np.hanning(len(x)))) ** 2
    bins = np.arange(len(power)) * RATE / len(x)
    classes = np.zeros(12)
    for note in range(36, 96):
        low, high = frequency_hz(note - 0.5), frequency_hz(note + 0.5)
        classes[note % 12] += power[(bins >= low) & (bins < high)].sum()
    return classes / classes.sum()


def test_steps_sound_their_notes_on_the_beat():
    out = rendered({"verse": "1 3 5 1' G2 b7 . 2,"}, gate=1.0, **SINE)[:, 0]
    for step, note in enumerate(["G4", "B4", "D5", "G5", "G2", "F5", None, "A3"]):
        middle = out[step * BEAT + 9000 : (step + 1) * BEAT - 1000]
        if note is None:
            assert np.max(np.abs(middle)) < 1e-6
        else:
            assert loudest_hz(middle) == pytest.approx(frequency_hz(midi_number(note)), abs=1.0)


def test_each_section_is_in_its_own_key():
    song = timeline(("verse", 16.0, None), ("bridge", 16.0, "Ab major"), ("end", 16.0, "E phrygian"))
    out = rendered({"default": "I ii iii IV V vi 7 1"}, song, release_ms=20.0, **SINE)[:, 0]
    scales = ({7, 9, 11, 0, 2, 4, 6}, {8, 10, 0, 1, 3, 5, 7})
    for part, scale in zip(np.split(out, 3)[:2], scales, strict=True):
        energy = chroma(part)
        assert sum(energy[list(scale)]) > 0.99
        assert min(energy[list(scale)]) > 0.01
    degrees = rendered({"default": "1 2 3 4 5 6 7 1"}, song, release_ms=20.0, **SINE)[:, 0]
    energy = chroma(np.split(degrees, 3)[2])
    assert sum(energy[[4, 5, 7, 9, 11, 0, 2]]) > 0.97


def test_sections_without_a_pattern_are_silent_and_releases_ring_into_them():
    song = timeline(("a", 4.0, None), ("b", 4.0, None))
    out = rendered({"a": "1 - - -"}, song, gate=1.0, release_ms=500.0)[:, 0]
    assert np.any(out[4 * BEAT : 4 * BEAT + RATE // 4])
    assert not np.any(out[4 * BEAT + RATE // 2 + 200 :])


def test_default_serves_the_sections_not_named():
    song = timeline(("a", 4.0, None), ("b", 4.0, None))
    out = rendered({"a": ".", "default": "1"}, song)[:, 0]
    assert not np.any(out[: 4 * BEAT - 200])
    assert np.any(out[4 * BEAT :])


def test_a_section_that_comes_twice_plays_its_pattern_twice():
    song = timeline(("a", 4.0, None), ("b", 4.0, None), ("a", 4.0, None))
    first, _, second = np.split(rendered({"a": "1 5"}, song, **SINE)[:, 0], 3)
    assert np.allclose(first[: 3 * BEAT], second[: 3 * BEAT], atol=1e-12)


def test_silence_is_silence():
    assert not np.any(rendered({"verse": ". ."}))


@pytest.mark.parametrize("level_dbfs", [-20.0, -1.0])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_level_is_the_stems_highest_sample(level_dbfs, channels):
    out = rendered({"verse": "I - V7!"}, channels=channels, level_dbfs=level_dbfs, release_ms=900.0, resonance=8.0)
    assert 20 * np.log10(np.max(np.abs(out))) == pytest.approx(level_dbfs, abs=1e-9)


def test_the_same_spec_gives_the_same_bits_and_another_seed_another_take():
    arguments = {"patterns": {"verse": "I V . vi!"}, "channels": 2}
    assert np.array_equal(rendered(**arguments), rendered(**arguments))
    assert not np.array_equal(rendered(**arguments), rendered(**arguments, seed=2))


def test_blocks_do_not_show(monkeypatch):
    whole = rendered({"verse": "1 5 I IV"}, steps_per_beat=2.0)
    monkeypatch.setattr(module, "BLOCK_FRAMES", 777)
    assert np.max(np.abs(rendered({"verse": "1 5 I IV"}, steps_per_beat=2.0) - whole)) < 1e-12


def test_two_stems_drawn_in_turns_are_the_stems_drawn_alone():
    def one():
        return synth(Stream(RATE, 1, 3 * RATE, Path()), timeline=VERSE, seed=5, patterns={"verse": "1 3"})

    alone = np.concatenate(list(one()))
    pairs = list(zip(one(), one(), strict=True))
    for index in (0, 1):
        assert np.array_equal(np.concatenate([pair[index] for pair in pairs]), alone)


def test_notes_not_kept_sound_the_same(monkeypatch):
    kept = rendered({"verse": "I V vi IV"}, channels=2)
    monkeypatch.setattr(module.Rendered.__init__, "__defaults__", (0,))
    assert np.array_equal(rendered({"verse": "I V vi IV"}, channels=2), kept)


def test_kept_notes_stay_within_their_room():
    song = timeline(("verse", 64.0, None))
    kept = []
    original = module.Rendered.pieces

    class Watched(module.Rendered):
        def __init__(self, patch):
            super().__init__(patch, 4 << 20)

        def pieces(self, notes, held, accent_db):
            kept.append(self.bytes)
            return original(self, notes, held, accent_db)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "Rendered", Watched)
        rendered({"verse": "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"}, song, channels=2)
    assert 2 << 20 < max(kept) <= 4 << 20


def test_a_drone_as_long_as_the_song_is_never_whole_in_memory():
    song = timeline(("verse", 120.0, None))
    stream = Stream(RATE, 2, song.frames, Path())
    tracemalloc.start()
    for _ in synth(stream, timeline=song, seed=1, patterns={"verse": "1 -*119"}):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert song.frames * 2 * 8 > 45_000_000
    assert peak < 16 << 20


def test_stereo_is_wide_and_mono_is_not():
    stereo = rendered({"verse": "I"}, channels=2, width=1.0)
    narrow = rendered({"verse": "I"}, channels=2, width=0.0)
    assert np.corrcoef(stereo.T)[0, 1] < 0.95
    assert np.array_equal(narrow[:, 0], narrow[:, 1])
    assert rendered({"verse": "I"}, channels=1).shape == (VERSE.frames, 1)


@pytest.mark.parametrize("frames", [1, 500, 100_000, VERSE.frames, VERSE.frames + 70_000])
def test_the_stem_has_the_frames_asked_for_and_ends_without_a_click(frames):
    out = rendered({"verse": "1"}, frames=frames, release_ms=3000.0, channels=2)
    assert out.shape == (frames, 2)
    assert np.all(np.abs(out[-1]) < 1e-3)


def test_no_sample_jumps_further_than_the_notes_and_their_ramps():
    out = rendered(
        {"verse": "1, 5, . 1,!"}, steps_per_beat=4.0, octave=3, attack_ms=0.0, release_ms=0.0, level_dbfs=0.0, **SINE
    )
    # D3 at most: its own slope, and that of a release of 1 ms
    assert np.max(np.abs(np.diff(out[:, 0]))) < 2 * np.pi * 147 / RATE + 5.1 / 48


def test_accents_are_louder_and_ghosts_softer():
    out = rendered({"verse": "1 1! 1?"}, accent_db=6.0, gate=0.5, release_ms=5.0, **SINE)[:, 0]
    plain, loud, soft = (np.std(out[step * BEAT : (step + 1) * BEAT]) for step in range(3))
    assert 20 * np.log10(loud / plain) == pytest.approx(6, abs=0.2)
    assert 20 * np.log10(soft / plain) == pytest.approx(-6, abs=0.2)


def test_the_gate_shortens_notes():
    out = rendered({"verse": "1"}, gate=0.25, release_ms=5.0, **SINE)[:, 0]
    assert np.any(out[: BEAT // 4])
    assert not np.any(out[BEAT // 4 + 400 : BEAT])


def onsets(out):
    quiet = np.abs(out).reshape(-1, 8).max(axis=1) < 1e-4
    return (np.flatnonzero(quiet[:-1] & ~quiet[1:]) + 1) * 8


def test_humanized_notes_stay_within_their_time():
    arguments = SINE | {"humanize_ms": 10.0, "gate": 0.3, "release_ms": 5.0, "attack_ms": 1.0}
    off = onsets(rendered({"verse": "1"}, timeline(("verse", 32.0, None)), **arguments)[:, 0])
    away = (off + BEAT // 2) % BEAT - BEAT // 2
    assert np.max(np.abs(away)) <= 10 * 48 + 40
    assert np.ptp(away) > 5 * 48


def test_an_arpeggio_plays_one_note_at_a_time():
    out = rendered(
        {"verse": "I"}, arpeggio="up", arpeggio_steps_per_beat=2.0, steps_per_beat=0.5, gate=1.0, release_ms=1.0, **SINE
    )
    for step, note in enumerate(["G4", "B4", "D5", "G4"]):
        half = out[step * BEAT // 2 + 1000 : (step + 1) * BEAT // 2, 0]
        assert loudest_hz(half) == pytest.approx(frequency_hz(midi_number(note)), abs=2.0)


def test_notes_do_not_drift_from_a_tempo_that_is_no_whole_number_of_frames():
    song = timeline(("verse", 300.0, None), bpm=133.7)
    late = rendered({"verse": "1"}, song, gate=0.3, release_ms=5.0, attack_ms=1.0, **SINE)[:, 0]
    found = onsets(late[: len(late) // 8 * 8])
    expected = np.array([song.frame_at(beat) for beat in range(1, 300)])
    assert np.max(np.abs(found[-299:] - expected)) < 40


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ({"verse": "1 x9"}, "patterns.verse: step 2 'x9': not a step"),
        ({"default": "1 x9"}, r"patterns.default \(in section 'verse'\): step 2 'x9'"),
        ({"vrese": "1"}, "patterns.vrese: the song has no section 'vrese'; sections: verse, or 'default'"),
        ({"verse": 1}, "patterns.verse: expected a string of steps .*, found int"),
        ({"verse": ""}, "patterns.verse: the pattern is empty"),
        ({"verse": "1 C-1"}, r"patterns.verse: step 'C-1' is C-1 \(8.2 Hz\), outside 20 to 20000 Hz"),
        ({"verse": "1''''''"}, "outside 20 to 20000 Hz; change its octave"),
    ],
)
def test_what_cannot_be_played_is_one_line_of_error(patterns, message):
    with pytest.raises(SpecError, match=message) as raised:
        rendered(patterns)
    assert "\n" not in str(raised.value)


def test_a_note_above_nyquist_is_an_error():
    with pytest.raises(SpecError, match="outside 20 to 4000 Hz"):
        rendered({"verse": "C8"}, timeline(("verse", 4.0, None), rate=8000))


def test_degrees_need_a_key_and_notes_do_not():
    song = timeline(("verse", 4.0, None), key=None)
    assert np.any(rendered({"verse": "G2"}, song))
    with pytest.raises(SpecError, match=r"patterns.verse: step 1 '1': degrees and chords need a key"):
        rendered({"verse": "1"}, song)


def test_a_section_in_a_key_that_is_none_is_named():
    with pytest.raises(SpecError, match="section 'verse': 'H major' is not a key"):
        rendered({"verse": "1"}, timeline(("verse", 4.0, "H major")))


def test_a_song_without_tempo_has_no_patterns():
    with pytest.raises(SpecError, match=r"need a tempo; set song.bpm"):
        rendered({"verse": "1"}, timeline(("verse", 4.0, None), bpm=None))


def test_notes_humanized_past_each_other_are_all_played(monkeypatch):
    monkeypatch.setattr(module, "BLOCK_FRAMES", 64)
    song = timeline(("verse", 2.0, None))
    out = rendered({"verse": "1 5"}, song, steps_per_beat=16.0, humanize_ms=50.0, release_ms=5.0)
    assert np.any(out)


def test_the_note_unused_for_longest_is_dropped_first():
    patch = Patch("sine", 1, 0.0, 0.0, 0.0, Adsr(100, 100, 1.0, 100), 9000.0, 0.7, 0.0, 100.0, RATE, 1)
    kept = module.Rendered(patch, 5 * 8 * 1000)
    notes = {note: kept.pieces((note,), 900, 0.0) for note in range(60, 65)}
    assert kept.pieces((60,), 900, 0.0) is notes[60]
    kept.pieces((70,), 900, 0.0)
    assert kept.pieces((60,), 900, 0.0) is notes[60]
    assert kept.pieces((61,), 900, 0.0) is not notes[61]
