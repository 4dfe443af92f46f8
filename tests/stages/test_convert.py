"""A converted file against soxr at once, theory's rounding and other decoders, and what verify refuses of it."""

from __future__ import annotations

import time

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.audio.blocks import frames_at
from stemtasks.audio.facts import read_facts, write_facts
from stemtasks.audio.loudness import measure_levels_and_loudness
from stemtasks.audio.rates import at_rate
from stemtasks.audio.wav import write_wav
from stemtasks.spec.deliveries import MP3_RATES
from stemtasks.stages import convert, master
from tests import true_peak_oracle
from tests.loudness_oracle import integrated_lufs
from tests.measured import measure

LIMITS = {
    "loudness_tolerance_lu": 0.5,
    "silence_dbfs": -80.0,
    "clipping_ratio": 0.01,
    "dc_offset": 0.1,
    "fader": "gain_db",
}


def music(frames, rate, channels=2, level=0.2, seed=0):
    """Return tones under noise."""
    seconds = np.arange(frames)[:, None] / rate
    tones = np.sin(2 * np.pi * np.array([220.0, 277.2])[:channels] * seconds)
    return level * (tones + 0.3 * np.random.default_rng(seed).standard_normal((frames, channels)))


def converted(folder, audio, form, rate=48000, source="FLOAT", **params):
    """Return the facts and the samples of audio in another form, and what is wrong with it."""
    write_wav(folder / "in.wav", iter([audio]), rate, audio.shape[1], source, dither="off")
    inputs = {"audio": folder / "in.wav"}
    outputs = {"audio": folder / f"out.{form}", "facts": folder / "out.json"}
    defaults = {"wav": "PCM_24", "rf64": "PCM_24", "flac": "PCM_24", "mp3": "MPEG_LAYER_III"}
    told = {"format": form, "subtype": defaults[form], "sample_rate": rate, "dither": "tpdf", "seed": 1}
    told |= {"measure": "levels", "parts": {}} | params
    if told["measure"] == "master":
        measure_levels_and_loudness(inputs["audio"], over_time=folder / "in.loudness.json")
        write_facts(folder / "in.json", measure(inputs["audio"], loudness=True, true_peak=True))
        inputs |= {"facts": folder / "in.json", "loudness": folder / "in.loudness.json"}
        told["parts"] = {"encode": convert.ENCODE}
    convert.run(inputs, outputs, told)
    facts = read_facts(outputs["facts"])
    limits = LIMITS | {key: told[key] for key in ("format", "subtype", "sample_rate")}
    limits |= {key: told[key] for key in ("loudness_lufs", "ceiling_dbtp") if key in told}
    return facts, soundfile.read(outputs["audio"], always_2d=True)[0], convert.verify(facts, limits)


@settings(max_examples=25, deadline=None)
@given(
    frames=st.integers(1, 30_000),
    rates=st.permutations([8000, 22050, 44100, 48000, 96000]),
    cuts=st.lists(st.integers(0, 30_000), max_size=4),
)
def test_a_rate_is_changed_as_soxr_does_it_at_once_to_the_exact_length_wherever_blocks_end(frames, rates, cuts):
    rate_in, rate_out, *_ = rates
    audio = music(frames, rate_in)
    blocks = [block for block in np.split(audio, sorted(min(cut, frames) for cut in cuts)) if len(block)]
    found = np.concatenate(list(at_rate(iter(blocks), frames, 2, rate_in, rate_out)) or [np.zeros((0, 2))])
    wanted = soxr.resample(audio, rate_in, rate_out, quality="VHQ")
    length = frames_at(frames, rate_in, rate_out)
    assert len(found) == length
    assert abs(length - len(wanted)) <= 1
    both = min(length, len(wanted))
    assert (found[:both] == wanted[:both]).all()


@pytest.mark.parametrize("form", ["wav", "rf64", "flac"])
@pytest.mark.parametrize(("subtype", "bits"), [("PCM_16", 16), ("PCM_24", 24)])
@pytest.mark.parametrize(("dither", "steps"), [("off", 0.5), ("tpdf", 1.5), ("shaped", 14.1)])
def test_rounding_is_as_far_off_as_the_facts_say_and_no_further_than_dither_explains(
    tmp_path, form, subtype, bits, dither, steps
):
    audio = music(20_000, 48000).astype(np.float32).astype(np.float64)
    facts, found, wrong = converted(tmp_path, audio, form, subtype=subtype, dither=dither)
    largest = np.abs(found - audio).max()
    assert wrong == []
    assert largest * 2 ** (bits - 1) <= steps
    assert facts["source"]["residual_dbfs"] == pytest.approx(20 * np.log10(largest), abs=1e-3)
    most = 10 ** (facts["source"]["max_residual_dbfs"] / 20) * 2 ** (bits - 1)
    assert most == pytest.approx(steps + 1, rel=1e-2)


@pytest.mark.parametrize("form", ["wav", "rf64", "flac"])
def test_what_is_in_its_form_already_is_the_same_bit_for_bit(tmp_path, form):
    audio = np.round(music(9_000, 48000) * 2**15) / 2**15
    facts, found, wrong = converted(tmp_path, audio, form, source="PCM_16", subtype="PCM_16")
    assert (found == audio).all()
    assert (facts["source"]["residual_dbfs"], facts["source"]["max_residual_dbfs"], wrong) == (-200.0, -200.0, [])


def test_a_flac_has_the_samples_of_the_wav_of_its_subtype_and_seed(tmp_path):
    audio = music(50_000, 48000)
    _, wav, _ = converted(tmp_path, audio, "wav", sample_rate=44100, subtype="PCM_16")
    _, flac, _ = converted(tmp_path, audio, "flac", sample_rate=44100, subtype="PCM_16")
    assert (wav == flac).all()


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", MP3_RATES)
def test_an_mp3_is_in_time_and_exactly_as_long_at_each_of_its_rates(tmp_path, rate, channels):
    audio = music(rate + 17, rate, channels)
    facts, found, wrong = converted(tmp_path, audio, "mp3", rate)
    assert found.shape == audio.shape
    assert wrong == []
    noise_db = 10 * np.log10(((found - audio) ** 2).sum() / (audio**2).sum())
    assert facts["source"]["residual_db"] == pytest.approx(noise_db, abs=0.01)
    assert noise_db < -8


@pytest.mark.parametrize("ceiling", [-1.0, -0.1])
def test_an_mp3_of_a_hot_master_holds_ceiling_and_loudness_as_it_is_decoded(tmp_path, ceiling):
    rate, rng = 44100, np.random.default_rng(3)
    seconds = np.arange(3 * rate)[:, None] / rate
    hits = np.exp(-12 * (seconds % 0.25)) * rng.standard_normal((3 * rate, 2))
    audio = 0.05 * np.sin(2 * np.pi * np.array([110.0, 138.6]) * seconds) + 0.1 * hits
    (tmp_path / "limited").mkdir()
    made = {role: tmp_path / "limited" / f"{role}.json" for role in ("audio", "facts", "loudness")}
    write_wav(tmp_path / "mix.wav", iter([audio]), rate, 2)
    mix = {"audio": tmp_path / "mix.wav", "facts": tmp_path / "mix.json", "loudness": tmp_path / "mix.loudness.json"}
    write_facts(mix["facts"], measure_levels_and_loudness(mix["audio"], over_time=mix["loudness"]))
    told = {"loudness_lufs": -11.0, "ceiling_dbtp": ceiling, "seed": 1}
    master.run(mix, made, told | {"subtype": "FLOAT", "dither": "off"})
    limited = soundfile.read(made["audio"], always_2d=True)[0]
    facts, found, wrong = converted(tmp_path, limited, "mp3", rate, measure="master", **told)
    assert 1 < facts["encoded"]["passes"] <= 3, "encoded as it was, its peaks are above"
    assert wrong == []
    assert 20 * np.log10(true_peak_oracle.exact_peak(found)) <= ceiling
    assert integrated_lufs(found, rate) == pytest.approx(-11.0, abs=0.1)
    assert [path.name for path in tmp_path.glob("limited.*")] == []


def test_an_mp3_that_cannot_be_as_loud_as_asked_can_be_softer_or_a_flac(tmp_path):
    audio = np.random.default_rng(1).standard_normal((44100, 2)) * 0.05
    told = {"measure": "master", "ceiling_dbtp": -1.0, "loudness_lufs": -4.0}
    _, _, wrong = converted(tmp_path, audio, "mp3", 44100, **told)
    assert [phrase.partition(": ")[2] for phrase in wrong] == ["lower loudness_lufs or deliver it as flac"]
    _, _, wrong = converted(tmp_path, audio, "mp3", 44100, **told | {"loudness_lufs": -16.0})
    assert wrong == []


def test_the_bytes_of_each_format_are_the_same_again_a_second_later(tmp_path):
    audio, found = music(30_000, 48000), []
    for wait in (0.0, 1.01):
        time.sleep(wait)
        for form in ("wav", "rf64", "flac", "mp3"):
            converted(tmp_path, audio, form)
        found.append({path.name: path.read_bytes() for path in tmp_path.glob("out.*")})
    assert found[0] == found[1]


def test_what_clips_in_another_form_says_which_fader_to_lower(tmp_path):
    facts, _, wrong = converted(tmp_path, music(9_000, 48000) * 10, "flac", subtype="PCM_16")
    assert facts["overs"] > 0
    assert any(
        phrase.startswith("at 48000 Hz it peaks at +") and "PCM_16 clips" in phrase and "lower gain_db by" in phrase
        for phrase in wrong
    )


FACTS = {"frames": 100, "sample_rate": 44100, "channels": 2, "subtype": "PCM_16", "invalid_samples": 0, "overs": 0}
FACTS |= {"peak_dbfs": -6.0, "rms_dbfs": -12.0, "dc": 0.0, "clipped_ratio": 0.0, "format": "flac"}
SOURCE = {"frames": 100, "residual_dbfs": -87.0, "max_residual_dbfs": -82.0, "residual_db": -60.0}
ASKED = LIMITS | {"format": "flac", "subtype": "PCM_16", "sample_rate": 44100}
MASTERED = {"loudness_lufs": -16, "ceiling_dbtp": -1}


@pytest.mark.parametrize(
    ("facts", "source", "limits", "phrase"),
    [
        ({}, {}, {}, None),
        ({}, {"frames": 101}, {}, "frames is 100, expected 101"),
        ({"sample_rate": 48000}, {}, {}, "sample_rate is 48000, expected 44100"),
        ({"subtype": "PCM_24"}, {}, {}, "subtype is PCM_24, expected PCM_16"),
        ({"format": "wav"}, {}, {}, "its format is wav, expected flac"),
        ({}, {"residual_dbfs": -81.0}, {}, "it differs from its source by -81.0 dBFS, rounding explains -82.0"),
        ({}, {"residual_dbfs": None, "residual_db": -2.9}, {}, "what the encoder changed is -2.9 dB from the sound"),
        ({}, {"residual_dbfs": None, "residual_db": None}, {}, None),
        ({"lufs": -16.4, "true_peak_dbtp": -1.0}, {}, MASTERED, None),
        (
            {"lufs": -16.6, "true_peak_dbtp": -1.0},
            {},
            MASTERED,
            "its loudness is -16.6 LUFS as it is decoded, -16 within 0.5 LU is asked: lower",
        ),
        ({"lufs": None, "true_peak_dbtp": -1.0}, {}, MASTERED, "its loudness is None LUFS"),
        ({"lufs": -16.0, "true_peak_dbtp": -0.9}, {}, MASTERED, "its true peak is -0.9 dBTP as it is decoded"),
    ],
)
def test_each_way_to_be_wrong_is_one_phrase(facts, source, limits, phrase):
    found = convert.verify(FACTS | facts | {"source": SOURCE | source}, ASKED | limits)
    assert len(found) == (phrase is not None)
    assert phrase is None or found[0].startswith(phrase)
