"""Gains, pans and polarities of stems in a rough mix, against those that the rough mix was made with."""

from __future__ import annotations

import json
import tomllib
from functools import cache

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.audio import rough_mix
from stemtasks.dsp.pan import balance, constant_power
from stemtasks.errors import AudioError
from stemtasks.stages import match
from tests.made_stems import noise
from tests.rough_mixes import RATE, Fader, drawn, matched, mixed, stereo, thirteen, through_ffmpeg

MASTERS = {
    "an equaliser": "lowshelf=f=200:g=3,highshelf=f=4000:g=-3",
    "a compressor": "acompressor=threshold=-18dB:ratio=3:attack=10:release=150:makeup=2",
    "a compressor that works hard": "acompressor=threshold=-24dB:ratio=4:attack=5:release=80:makeup=4",
    "a limiter that is late": "volume=6dB,alimiter=limit=0.7:level=false",
    "all of them": "lowshelf=f=150:g=2,equalizer=f=2500:t=q:w=0.7:g=-2,highshelf=f=6000:g=3,"
    "acompressor=threshold=-18dB:ratio=2.5:attack=15:release=150:makeup=2,alimiter=limit=0.8:level=false",
}


@pytest.fixture(scope="module")
def stems():
    return thirteen()


@pytest.fixture(scope="module")
def faders(stems):
    """Return what a mix of them that peaks at -6 dBFS is made with."""
    found = drawn(list(stems))
    down_db = 20 * np.log10(0.5 / np.abs(mixed(stems, found)).max())
    return {name: Fader(each.gain_db + down_db, each.pan, each.polarity) for name, each in found.items()}


@pytest.fixture(scope="module")
def rough(stems, faders):
    return mixed(stems, faders)


@pytest.fixture(scope="module")
def few(stems):
    return {name: stems[name] for name in ("snare", "hat", "bass", "guitar", "pad")}


@pytest.fixture(scope="module")
def few_faders(few, faders):
    return {name: faders[name] for name in few}


@pytest.fixture(scope="module")
def mastered(rough):
    """Return mastered(name) -> the rough mix behind a master, which is made once."""
    return cache(lambda master: through_ffmpeg(rough, MASTERS[master]))


@pytest.fixture(scope="module")
def of_master(stems, mastered, tmp_path_factory):
    """Return of_master(name) -> what a match says of the stems in it, found once."""
    return cache(lambda master: matched(tmp_path_factory.mktemp("master"), stems, mastered(master)))


def errors_db(facts, faders):
    return {name: facts["stems"][name]["gain_db"] - fader.gain_db for name, fader in faders.items()}


def held(facts, faders, gain_db, pan):
    """Assert that gains are found to so many dB beside one gain for all, and pans and polarities too; return it."""
    errors = errors_db(facts, faders)
    common = float(np.median(list(errors.values())))
    assert {name: error for name, error in errors.items() if abs(error - common) > gain_db} == {}
    found = facts["stems"]
    assert {name: found[name]["pan"] for name, each in faders.items() if abs(found[name]["pan"] - each.pan) > pan} == {}
    assert {name: found[name]["polarity"] for name in faders} == {n: each.polarity for n, each in faders.items()}
    return common


def test_thirteen_stems_of_a_plain_sum_are_found(tmp_path, stems, faders, rough):
    facts = matched(tmp_path, stems, rough)
    assert held(facts, faders, 0.02, 0.002) == pytest.approx(0.0, abs=0.01)
    assert facts["residual_db"] < -60
    assert {each["state"] for each in facts["stems"].values()} == {"heard"}
    assert match.verify(facts, {}) == []
    assert match.summary(facts) == f"13 stems, residual {facts['residual_db']:.1f} dB"


@pytest.mark.parametrize("master", MASTERS)
def test_what_a_master_did_is_left_out(of_master, faders, master):
    facts = of_master(master)
    held(facts, faders, 0.5, 0.02)
    assert facts["residual_db"] < -25


def test_the_tone_of_a_master_is_said_by_octaves(of_master):
    tones = {band["from_hz"]: band["tone_db"] for band in of_master("an equaliser")["bands"]}
    assert tones[80] - tones[640] == pytest.approx(2.6, abs=0.5)
    assert tones[5120] - tones[640] == pytest.approx(-2.0, abs=0.5)


def test_the_level_of_a_part_and_what_is_left_of_it_are_said_of_that_part(tmp_path, stems, faders, rough, monkeypatch):
    monkeypatch.setattr(rough_mix, "WINDOW_SECONDS", 0.2)  # a window that lies in both parts is shared by them
    rough = rough.copy()
    rough[len(rough) // 2 :] *= 0.5
    rough[len(rough) // 2 :] += noise(len(rough) // 2, 2, level=0.01)
    facts = matched(tmp_path, stems, rough, sections=2)
    first, second = facts["sections"]
    assert first["level_db"] - second["level_db"] == pytest.approx(6.0, abs=0.3)
    assert second["residual_db"] > first["residual_db"] + 10
    held(facts, faders, 0.3, 0.02)


def test_a_real_songs_stems_are_at_one_gain_in_its_master(tmp_path, recordings):
    """The master is Vorbis, of which nothing is left above 16 kHz; the stems were exported by the same program."""
    folder = recordings / "songs/lmms_reggaetry"
    stems = {path.stem: soundfile.read(path, frames=10 * RATE)[0] for path in sorted(folder.glob("*.flac"))}
    facts = matched(tmp_path, stems, folder / "MASTER.ogg")
    common = held(facts, dict.fromkeys(stems, Fader()), 0.3, 0.02)
    assert common == pytest.approx(0.0, abs=0.5)


def test_real_recordings_in_a_master_are_found(tmp_path, recordings):
    stems = {}
    for path in (
        "loops/loop_amen_full.flac",
        "loops/tb303_01.ogg",
        "loops/loop_tabla.flac",
        "loops/click-120bpm.flac",
        "melodic/MoonlightSonata.wav",
        "melodic/flute.aif",
        "melodic/guit_em9.flac",
        "vocals/vocadito_10.wav",
        "instruments/bass_finger__Finger_Bass_A1.flac",
    ):
        audio, rate = soundfile.read(recordings / path, always_2d=True)
        audio = soxr.resample(audio, rate, RATE) if rate != RATE else audio
        name = path.partition("/")[2].partition(".")[0]
        stems[name] = np.resize(audio if audio.shape[1] == 2 else stereo(audio[:, 0]), (6 * RATE, 2))
    faders = drawn(list(stems), seed=3)
    rough = mixed(stems, faders)
    held(matched(tmp_path, stems, rough), faders, 0.02, 0.002)
    mastered = through_ffmpeg(0.5 * rough / np.abs(rough).max(), MASTERS["all of them"])
    held(matched(tmp_path, stems, mastered), faders, 0.5, 0.03)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-30, 12), st.floats(-0.9, 0.9), st.sampled_from([1, -1])), min_size=1, max_size=5),
    st.integers(0, 100),
)
def test_any_faders_of_unlike_stems_are_found(tmp_path_factory, drawn_faders, seed):
    stems = {f"s{place}": noise(2 * RATE, 2, seed=seed + place) for place in range(len(drawn_faders))}
    faders = {f"s{place}": Fader(*each) for place, each in enumerate(drawn_faders)}
    facts = matched(tmp_path_factory.mktemp("any"), stems, mixed(stems, faders))
    assert held(facts, faders, 0.05, 0.005) == pytest.approx(0.0, abs=0.05)


# what stems and rough mix have not in common


def test_of_two_stems_that_are_the_same_only_the_sum_is_known_and_that_is_said(tmp_path, stems, faders):
    stems, faders = dict(stems), dict(faders)
    stems["twin"] = 0.5 * stems["keys"]
    rough = mixed(stems, {**faders, "twin": faders["keys"]})
    facts = matched(tmp_path, stems, rough)
    found = facts["stems"]
    assert (found["twin"]["state"], found["twin"]["alike"]) == ("alike", ["keys"])
    assert (found["keys"]["state"], found["keys"]["alike"]) == ("alike", ["twin"])
    held(facts, {**faders, "twin": faders["keys"]}, 0.05, 0.01)
    assert "not told apart: keys, twin" in match.summary(facts)


def test_stems_that_are_nearly_the_same_are_told_apart_in_a_plain_sum(tmp_path, stems, faders):
    stems, faders = dict(stems), dict(faders)
    stems["double"] = stems["guitar"] + 0.15 * np.roll(stems["guitar"], 3000, axis=0)
    faders["double"] = Fader(faders["guitar"].gain_db - 9, 0.5)
    held(matched(tmp_path, stems, mixed(stems, faders)), faders, 0.1, 0.02)


def test_an_instrument_that_the_stems_have_not_moves_the_others_little(tmp_path, stems, faders, rough):
    left = {name: audio for name, audio in stems.items() if name != "lead"}
    facts = matched(tmp_path, left, rough)
    held(facts, {name: each for name, each in faders.items() if name != "lead"}, 0.5, 0.05)
    assert -30 < facts["residual_db"] < -3
    assert match.verify(facts, {}) == []


def test_a_stem_that_is_not_heard_is_at_the_floor_and_said(tmp_path, stems, faders):
    heard = {name: each for name, each in faders.items() if name != "bells"}
    for folder, rough in (
        ("plain", mixed(stems, heard)),
        ("mastered", through_ffmpeg(mixed(stems, heard), MASTERS["all of them"])),
    ):
        (tmp_path / folder).mkdir()
        facts = matched(tmp_path / folder, stems, rough)
        assert {key: facts["stems"]["bells"][key] for key in ("gain_db", "pan", "polarity", "state")} == {
            "gain_db": -60.0,
            "pan": 0.0,
            "polarity": 1,
            "state": "not_heard",
        }
        held(facts, heard, 0.5, 0.02)
        assert "not heard: bells" in match.summary(facts)


def test_a_silent_stem_is_left_as_it_is(tmp_path, stems, faders, rough):
    facts = matched(tmp_path, {**stems, "rest": np.zeros_like(stems["keys"])}, rough)
    assert {key: facts["stems"]["rest"][key] for key in ("gain_db", "state")} == {"gain_db": 0.0, "state": "silent"}
    held(facts, faders, 0.02, 0.002)


def test_a_silent_rough_mix_has_nothing_of_any_stem(tmp_path, few):
    facts = matched(tmp_path, few, np.zeros_like(few["pad"]))
    assert {each["state"] for each in facts["stems"].values()} == {"not_heard"}
    assert facts["residual_db"] is None
    assert match.verify(facts, {}) == []


def test_other_music_is_refused(tmp_path, few, stems):
    facts = matched(tmp_path, few, stereo(np.roll(stems["lead"][::-1, 0], 1000)))
    [found] = match.verify(facts, {})
    assert found.startswith("the stems explain too little of the reference")


# forms of rough mixes


@pytest.mark.parametrize("late_ms", [-10.0, 0.3, 10.0])
def test_a_rough_mix_may_begin_a_little_late_or_early(tmp_path, few, few_faders, late_ms):
    frames = round(late_ms * RATE / 1000)
    facts = matched(tmp_path, few, np.roll(mixed(few, few_faders), frames, axis=0))
    held(facts, few_faders, 0.1, 0.01)
    assert facts["stems"]["snare"]["delay_ms"] == pytest.approx(late_ms, abs=0.05)


def test_a_rough_mix_at_another_rate_is_converted(tmp_path, few, few_faders):
    facts = matched(tmp_path, few, soxr.resample(mixed(few, few_faders), RATE, 48_000), rough_rate=48_000)
    held(facts, few_faders, 0.3, 0.01)  # the filter leaves less of what is above 21 kHz
    assert not (tmp_path / "reference.wav").exists()


def test_a_mono_rough_mix_knows_gains_and_no_pans(tmp_path, few, few_faders):
    middle = {name: Fader(each.gain_db, 0.0, each.polarity) for name, each in few_faders.items()}
    facts = matched(tmp_path, few, mixed(few, middle).mean(axis=1)[:, None])
    held(facts, middle, 0.05, 0.0)


def test_stems_of_one_channel_have_no_pans(tmp_path, few, few_faders):
    monos = {name: audio[:, :1] for name, audio in few.items()}
    rough = sum(monos[n] * each.polarity * 10 ** (each.gain_db / 20) for n, each in few_faders.items())
    facts = matched(tmp_path, monos, rough)
    held(facts, {name: Fader(each.gain_db, 0.0, each.polarity) for name, each in few_faders.items()}, 0.05, 0.0)


def test_a_rough_mix_of_six_channels_is_refused(tmp_path, stems):
    with pytest.raises(AudioError, match=r"it has 6 channels and the song 2: export it with 1 or as many as the song"):
        matched(tmp_path, {"keys": stems["keys"]}, noise(RATE, 6))


def test_a_stem_that_is_on_one_side_alone_keeps_its_place(tmp_path, stems, faders):
    stems = {**stems, "keys": stems["keys"] * [1.0, 0.0]}
    faders = {**faders, "keys": Fader(-3.0)}
    held(matched(tmp_path, stems, mixed(stems, faders)), faders, 0.02, 0.002)


def test_a_tenth_of_a_second_is_enough(tmp_path):
    stems = {name: noise(RATE // 10, 2, seed) for seed, name in enumerate("ab")}
    faders = {"a": Fader(-6.0, 0.3), "b": Fader(2.0)}
    held(matched(tmp_path, stems, mixed(stems, faders)), faders, 0.1, 0.02)


def test_longer_windows_where_memory_is_short_find_the_same(tmp_path, stems, faders, mastered, monkeypatch):
    monkeypatch.setattr(rough_mix, "MOST_BYTES", 100_000)
    held(matched(tmp_path, stems, mastered("a compressor")), faders, 0.5, 0.02)
    files = {name: tmp_path / f"{name}.wav" for name in stems}
    with rough_mix.RoughMix(files, tmp_path / "rough.wav", tmp_path) as few:
        assert few.windows <= 4


def test_the_same_files_give_the_same_bytes(tmp_path, few, few_faders):
    rough = through_ffmpeg(mixed(few, few_faders), MASTERS["a compressor"])
    texts = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        matched(tmp_path / folder, dict(reversed(few.items())) if folder == "two" else few, rough)
        texts.append((tmp_path / folder / "match.json").read_bytes())
    assert texts[0] == texts[1]


# figures of single stems, and lines to keep


def test_a_stem_of_which_the_level_alone_is_asked_keeps_its_pan(tmp_path):
    left, right = noise(3 * RATE, 1, 1), noise(3 * RATE, 1, 2)
    stems = {"a": np.hstack([left, right])}
    matched(tmp_path, stems, stems["a"] * [0.5, 0.25], places=False)
    found = json.loads((tmp_path / "match/a.json").read_text())
    power_db = 10 * np.log10((0.5**2 + 0.25**2) / 2)
    assert found == {"gain_db": pytest.approx(power_db, abs=0.02), "pan": 0.0, "polarity": 1}
    assert tomllib.loads((tmp_path / "match.toml").read_text())["mix"]["gains_db"]["a"] == found["gain_db"]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("pan", [-1.0, -0.4, 0.0, 0.7])
@pytest.mark.parametrize("found_pan", [-0.6, 0.0, 0.3])
def test_kept_lines_do_what_the_match_did(tmp_path, channels, pan, found_pan):
    law = constant_power if channels == 1 else balance
    plain = noise(RATE, channels, 5)
    stems = {"a": plain * law(pan), "b": noise(RATE, 2, 6)}
    faders = {"a": Fader(-3.0, found_pan, -1), "b": Fader()}
    facts = matched(tmp_path, stems, mixed(stems, faders), channels={"a": channels}, pans={"a": pan})
    text = (tmp_path / "match.toml").read_text()
    kept = tomllib.loads(text)
    gain_db = kept["mix"]["gains_db"]["a"]
    made = -(10 ** (gain_db / 20)) * plain * law(kept["stems"]["a"].get("pan", pan))
    wanted = mixed(stems, {"a": faders["a"]})
    assert np.abs(made - wanted).max() < 0.005 * np.abs(wanted).max()
    assert '# last of its effects: { name = "gain", gain_db = 0, invert = true }' in text
    assert facts["stems"]["a"]["polarity"] == -1


def test_what_has_not_moved_is_no_line(tmp_path):
    stems = {"a": noise(2 * RATE, 2, 1), "b": noise(2 * RATE, 2, 2)}
    matched(tmp_path, stems, mixed(stems, {"a": Fader(-2.0), "b": Fader(1.0)}))
    assert tomllib.loads((tmp_path / "match.toml").read_text()) == {"mix": {"gains_db": {"a": -2.0, "b": 1.0}}}


def test_a_reference_that_is_no_audio_is_said_by_its_name(tmp_path):
    (tmp_path / "rough.wav").write_text("no audio")
    with pytest.raises(AudioError, match=r"rough\.wav"):
        matched(tmp_path, {"a": noise(RATE, 2)}, tmp_path / "rough.wav")


def test_a_pan_that_changes_is_kept_and_what_was_found_behind_it_is_said(tmp_path):
    stems = {"a": noise(2 * RATE, 2, 1)}
    pans = {"a": {"points": [[0, -0.5], [1, 0.5]], "curve": "linear"}}
    matched(tmp_path, stems, mixed(stems, {"a": Fader(-2.0, 0.5)}), pans=pans)
    text = (tmp_path / "match.toml").read_text()
    assert "# its pan, which changes, balanced by 0.5 behind that" in text
    assert tomllib.loads(text) == {"mix": {"gains_db": {"a": -2.0}}, "stems": {"a": {}}}
