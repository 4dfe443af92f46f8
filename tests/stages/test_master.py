"""Masters against the loudness and the ceiling asked for, as libebur128 reads the written file."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
import scipy.signal
import soundfile

from stemtasks.audio import mastering
from stemtasks.audio.facts import write_facts
from stemtasks.audio.loudness import measure_loudness
from stemtasks.audio.programme import Programme
from stemtasks.audio.source import Source
from stemtasks.audio.wav import write_wav
from stemtasks.cache.digest import Ahead, read_digest
from stemtasks.dsp.gain_stages import CLEAN
from stemtasks.progress import on_final
from stemtasks.stages import master
from tests import loudness_oracle
from tests.measured import measure
from tests.true_peak_oracle import band_limited, exact_peak, highest_dbtp, long_dbtp, made_to_break

RATE = 48_000
# between its samples it is 3 dB higher than at them, so that what the samples leave room for is too much
INTERSAMPLE = 0.95 * np.sin(np.pi / 2 * np.arange(RATE * 2) + np.pi / 4)[:, None]
LOUD = -8.0
LIMITS = {"loudness_tolerance_lu": 0.5, "silence_dbfs": -60.0, "clipping_ratio": 0.0001}


@pytest.fixture
def mastered(tmp_path):
    def run(samples, rate=RATE, loudness_lufs=-14.0, ceiling_dbtp=-1.0, subtype="PCM_24", dither="tpdf"):
        inputs = {"audio": tmp_path / "mix.wav", "facts": tmp_path / "mix.json"}
        outputs = {"audio": tmp_path / "master.wav", "facts": tmp_path / "master.json"}
        write_wav(inputs["audio"], iter([samples]), rate, samples.shape[1])
        inputs["loudness"], outputs["loudness"] = tmp_path / "mix.loudness.json", tmp_path / "master.loudness.json"
        write_facts(inputs["facts"], measure(inputs["audio"], loudness=True))
        measure_loudness(inputs["audio"], inputs["loudness"])
        params = {"loudness_lufs": loudness_lufs, "ceiling_dbtp": ceiling_dbtp, "subtype": subtype, "seed": 3}
        params["dither"] = dither
        master.run(inputs, outputs, params)
        limits = LIMITS | {"loudness_lufs": loudness_lufs, "ceiling_dbtp": ceiling_dbtp, "frames": len(samples)}
        facts = json.loads(outputs["facts"].read_text())
        return soundfile.read(outputs["audio"], always_2d=True)[0], facts, master.verify(facts, limits)

    return run


def drums(seconds=4, channels=2, seed=0):
    """Noise hits with a crest factor that a limiter has to deal with, over a quiet bed."""
    rng = np.random.default_rng(seed)
    n = np.arange(RATE * seconds)
    hits = np.exp(-(n % 12_000) / 2_000)[:, None] * rng.uniform(-0.4, 0.4, (len(n), channels))
    bed = 0.1 * np.sin(2 * np.pi * 110 * n / RATE)[:, None]
    return hits + bed


@pytest.mark.parametrize(
    ("channels", "lufs", "subtype"),
    [(1, -13.5, "PCM_16"), (1, -13.5, "FLOAT"), (2, -11.0, "PCM_16"), (2, -11.0, "PCM_24")],
)
def test_a_master_that_needs_limiting_is_as_loud_as_asked_under_the_ceiling(mastered, channels, lufs, subtype):
    samples = drums(channels=channels)
    out, facts, failed = mastered(samples, loudness_lufs=lufs, subtype=subtype)
    assert failed == []
    assert out.shape == samples.shape
    assert facts["subtype"] == subtype
    assert loudness_oracle.integrated_lufs(out, RATE) == pytest.approx(lufs, abs=0.06)
    assert loudness_oracle.true_peak_dbtp(out, RATE) <= -1.0
    assert facts["master"]["max_reduction_db"] > 2
    assert facts["master"]["passes"] <= 2
    assert facts["lufs"] == pytest.approx(loudness_oracle.integrated_lufs(out, RATE), abs=0.002)


def test_with_room_under_the_ceiling_the_mix_is_only_scaled(mastered):
    samples = drums().astype(np.float32).astype(np.float64)
    out, facts, failed = mastered(samples, loudness_lufs=-30.0, subtype="FLOAT")
    assert failed == []
    ratio = 10 ** (facts["master"]["gain_db"] / 20)
    assert np.allclose(out, samples * ratio, rtol=1e-3, atol=1e-9)
    assert facts["lufs"] == pytest.approx(-30.0, abs=0.002)
    assert facts["master"] | {"gain_db": 0} == {
        "gain_db": 0,
        "max_reduction_db": 0.0,
        "passes": 1,
        "at_limit": False,
        "loudness_target": -30.0,
        "ceiling_dbtp": -1.0,
    }


def test_without_a_target_a_mix_under_the_ceiling_passes_bit_for_bit(mastered):
    samples = (drums() * 0.3).astype(np.float32).astype(np.float64)
    out, facts, failed = mastered(samples, loudness_lufs=None, subtype="FLOAT")
    assert failed == []
    assert np.array_equal(out, samples)
    assert facts["master"]["loudness_target"] is None


def test_a_master_that_leaves_the_mix_as_it_is_shares_its_file_and_has_its_facts(mastered, tmp_path):
    _, facts, failed = mastered(drums() * 0.3, loudness_lufs=None, subtype="FLOAT")
    master = tmp_path / "master.wav"
    assert failed == []
    assert master.samefile(tmp_path / "mix.wav") or master.read_bytes() == (tmp_path / "mix.wav").read_bytes()
    how = {"gain_db": 0.0, "max_reduction_db": 0.0, "passes": 1, "at_limit": False}
    how |= {"loudness_target": None, "ceiling_dbtp": -1.0}
    assert facts == measure(master, loudness=True, true_peak=True) | {"master": how}


@pytest.mark.parametrize("lufs", [None, -30.0, -11.0])
def test_the_loudness_over_time_is_the_masters_own(mastered, tmp_path, lufs):
    out, _, _ = mastered(drums() * 0.3, loudness_lufs=lufs, subtype="FLOAT")
    kept = json.loads((tmp_path / "master.loudness.json").read_text())
    expected = loudness_oracle.windows_lufs(out, RATE, kept["step_frames"])
    for name, theirs, first in (("momentary_lufs", expected[0], 3), ("short_term_lufs", expected[1], 29)):
        assert np.abs(np.array(kept[name][first:]) - theirs[first:]).max() < 0.06


def test_a_mix_whose_true_peak_is_above_the_ceiling_is_left_as_it_is(mastered, tmp_path):
    samples = INTERSAMPLE.astype(np.float32).astype(np.float64)
    out, facts, failed = mastered(samples, loudness_lufs=None, subtype="FLOAT")
    assert failed == []
    assert loudness_oracle.true_peak_dbtp(out, RATE) <= -1.0 < loudness_oracle.true_peak_dbtp(samples, RATE)
    assert np.array_equal(soundfile.read(tmp_path / "mix.wav", always_2d=True)[0], samples)
    assert facts["master"]["max_reduction_db"] > 0.0


def test_without_a_target_only_what_exceeds_is_turned_down(mastered):
    samples = np.random.default_rng(1).uniform(-0.2, 0.2, (RATE * 2, 1)).astype(np.float32).astype(np.float64)
    samples[RATE : RATE + 20] = 1.5
    out, facts, failed = mastered(samples, loudness_lufs=None, subtype="FLOAT")
    assert failed == []
    assert np.array_equal(out[: RATE - 200], samples[: RATE - 200])
    assert np.array_equal(out[-100:], samples[-100:])
    assert loudness_oracle.true_peak_dbtp(out, RATE) <= -1.0
    assert facts["master"]["gain_db"] == 0.0


def test_without_a_target_peaks_are_turned_down_however_far_one_is_above_them(mastered):
    samples = drums(2) * 2.5
    samples[RATE] = 10 ** (30 / 20)
    out, facts, failed = mastered(samples, loudness_lufs=None, subtype="FLOAT")
    assert failed == []
    assert loudness_oracle.true_peak_dbtp(out, RATE) <= -1.0
    assert facts["master"]["max_reduction_db"] > 30


def test_a_master_that_is_written_twice_is_digested_meanwhile_as_it_is_in_the_end(mastered, tmp_path):
    written = []
    with Ahead() as ahead:

        def final(path, start, stop):
            written.append((start, stop, path.stat().st_size))
            ahead.final(path, start, stop)

        token = on_final.set(final)
        try:
            mastered(INTERSAMPLE, loudness_lufs=None, subtype="PCM_24")
        finally:
            on_final.reset(token)
        assert len(written) == 2
        assert all(start == 0 and stop == size for start, stop, size in written)
        assert ahead.digest(tmp_path / "master.wav") == read_digest(tmp_path / "master.wav")


def test_a_loudness_out_of_reach_writes_the_closest_and_says_why(mastered):
    samples = np.random.default_rng(2).standard_normal((RATE * 4, 1)) * 0.005
    samples[::RATE] = 1.0
    out, facts, failed = mastered(samples, loudness_lufs=-14.0)
    assert len(out) == len(samples)
    assert facts["true_peak_dbtp"] <= -1.0
    assert facts["master"]["max_reduction_db"] == pytest.approx(24.0, abs=0.01)
    expected = (
        f"loudness is {facts['lufs']:.1f} LUFS, wanted -14.0 +-0.5: the mix's peaks leave no room under -1.0 dBTP: "
        f"lower loudness_lufs by {-14.0 - facts['lufs']:.1f} dB, or tame the peaks of the stems"
    )
    assert abs(float(re.search(r"by (\S+) dB", failed[0])[1]) - (-14.0 - facts["lufs"])) <= 0.1
    assert re.sub(r"by \S+ dB", "", failed[0]) == re.sub(r"by \S+ dB", "", expected)
    assert len(failed) == 1
    # up to 0 dBTP there is 1 dB, which is too little here
    limits = {"loudness_lufs": -14.0, "loudness_tolerance_lu": 0.5}
    for lufs, is_enough in ((-15.0, True), (-15.1, False)):
        assert ("raise ceiling_dbtp, " in master.verify(facts | {"lufs": lufs}, limits)[0]) == is_enough


@pytest.mark.parametrize(("subtype", "bits"), [("PCM_16", 16), ("PCM_24", 24), ("PCM_24", 16)])
@pytest.mark.parametrize("dither", ["tpdf", "shaped"])
def test_a_mix_that_is_left_as_it_is_is_delivered_bit_for_bit(mastered, subtype, bits, dither):
    samples = np.rint(drums(2) * 0.3 * (1 << (bits - 1))) / (1 << (bits - 1))
    out, _, failed = mastered(samples, loudness_lufs=None, subtype=subtype, dither=dither)
    assert failed == []
    assert np.array_equal(out, samples)


def test_a_peak_is_turned_down_and_the_rest_is_delivered_bit_for_bit(mastered):
    samples = np.rint(np.random.default_rng(1).uniform(-0.2, 0.2, (RATE * 2, 1)) * 32768) / 32768
    samples[RATE : RATE + 20] = 0.99
    out, _, failed = mastered(samples, loudness_lufs=None, subtype="PCM_16")
    assert failed == []
    assert np.array_equal(out[: RATE - 2400], samples[: RATE - 2400])
    assert np.array_equal(out[RATE + 48_000 - 2400 :], samples[RATE + 48_000 - 2400 :])


@pytest.mark.parametrize("ceiling_dbtp", [-1.0, -20.0])
def test_shaped_noise_does_not_pass_the_ceiling(mastered, ceiling_dbtp):
    out, facts, failed = mastered(
        drums(2), loudness_lufs=None, ceiling_dbtp=ceiling_dbtp, subtype="PCM_16", dither="shaped"
    )
    assert failed == []
    assert loudness_oracle.true_peak_dbtp(out, RATE) <= ceiling_dbtp
    assert facts["master"]["passes"] <= 2


@pytest.mark.parametrize("subtype", ["FLOAT", "PCM_16"])
def test_a_silent_mix_is_a_failure_said_not_an_exception(mastered, subtype):
    _, facts, failed = mastered(np.zeros((RATE, 2)), subtype=subtype)
    assert facts["lufs"] is None
    assert any("silent" in text for text in failed)


def test_a_mix_shorter_than_a_window_still_holds_the_ceiling(mastered):
    out, facts, failed = mastered(np.full((3000, 1), 1.8))
    assert facts["lufs"] is None
    assert facts["true_peak_dbtp"] <= -1.0
    assert len(out) == 3000
    (line,) = failed
    assert line.startswith("its loudness cannot be measured (silence, or shorter than 0.4 s), wanted -14.0 LUFS: give ")


def test_a_changed_limit_is_applied_to_the_same_facts(mastered):
    _, facts, _ = mastered(drums(), loudness_lufs=-20.0)
    assert master.verify(facts, LIMITS | {"loudness_lufs": -20.0, "ceiling_dbtp": -1.0}) == []
    over, rest = f"{math.ceil((facts['true_peak_dbtp'] + 30.0) * 10) / 10:.1f} dB", "raise ceiling_dbtp"
    assert master.verify(facts, LIMITS | {"loudness_lufs": -23.0, "ceiling_dbtp": -30.0}) == [
        "loudness is -20.0 LUFS, wanted -23.0 +-0.5",
        f"true peak is {facts['true_peak_dbtp']} dBTP, the ceiling is -30.0: lower loudness_lufs by {over}, or {rest}",
    ]


def test_the_same_mix_masters_to_the_same_bytes(mastered, tmp_path):
    mastered(drums(2), loudness_lufs=-11.0)
    before = (tmp_path / "master.wav").read_bytes()
    mastered(drums(2), loudness_lufs=-11.0)
    assert (tmp_path / "master.wav").read_bytes() == before
    names = [f"{name}.{ending}" for name in ("master", "mix") for ending in ("json", "loudness.json", "wav")]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


@pytest.mark.parametrize("lufs", [None, -10.0])
def test_peaks_that_were_not_listened_for_are_once_a_gain_lifts_them(mastered, tmp_path, monkeypatch, lufs):
    samples = 2.0 * drums(seconds=2, channels=1)
    mastered(samples, loudness_lufs=lufs)
    made = {path.name: path.read_bytes() for path in tmp_path.glob("master.*")}
    for floor in (0.0, 1e9):
        monkeypatch.setattr(mastering, "_floor", lambda *_, floor=floor: floor)
        mastered(samples, loudness_lufs=lufs)
        assert {path.name: path.read_bytes() for path in tmp_path.glob("master.*")} == made


@pytest.mark.parametrize("loudest_s", [0.5, 1.9])
def test_the_highest_peak_of_a_mix_is_known_though_nothing_is_listened_for(tmp_path, loudest_s):
    samples = drums(seconds=2, channels=1)
    samples[round(loudest_s * RATE)] = 1.2
    write_wav(tmp_path / "mix.wav", iter([samples]), RATE, 1)
    with Source(tmp_path / "mix.wav") as mix, Programme(mix, CLEAN, 1e9, tmp_path) as programme:
        assert 1.2 <= programme.true_peak < 1.3


@pytest.mark.parametrize(("name", "lufs"), [("song", -14.0), ("guitar", -14.0), ("song", -10.0)])
def test_metal_over_full_scale_is_mastered(recordings, mastered, name, lufs):
    path = recordings / "songs" / "metal_madness" / f"{name}.ogg"
    samples, rate = soundfile.read(path, frames=44_100 * 12, start=44_100 * 38, always_2d=True)
    out, facts, failed = mastered(samples, rate, loudness_lufs=lufs)
    assert failed == []
    assert loudness_oracle.integrated_lufs(out, rate) == pytest.approx(lufs, abs=0.06)
    assert loudness_oracle.true_peak_dbtp(out, rate) <= -1.0
    assert (facts["master"]["max_reduction_db"] > 3) == (lufs == -10.0)


@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000, 192_000])
def test_programme_made_to_break_a_limiter_holds_the_ceiling_on_meters_that_are_not_ours(mastered, rate):
    programme = made_to_break(rate, 12_000)
    programme["other noise of signs"] = made_to_break(rate, 8_000)["noise of signs"]
    for name, samples in programme.items():
        out, facts, failed = mastered(samples, rate, loudness_lufs=None, subtype="FLOAT")
        assert failed == [], name
        assert facts["true_peak_dbtp"] <= -1.0, name
        assert max(highest_dbtp(out, rate), *(long_dbtp(out, taps) for taps in (128, 256, 1024))) <= -1.0, name


@pytest.mark.parametrize("rate", [8_000, 48_000, 192_000])
def test_what_has_nothing_near_the_nyquist_frequency_holds_the_ceiling_as_a_wave(mastered, rate):
    for name, samples in made_to_break(rate, 8_000).items():
        out, _, failed = mastered(band_limited(samples), rate, loudness_lufs=None, subtype="FLOAT")
        assert failed == [], name
        assert 20 * np.log10(exact_peak(out, 64)) <= -1.0, name


def test_a_mix_that_only_a_longer_meter_reads_above_the_ceiling_is_limited(mastered):
    samples = made_to_break(RATE, 30_000)["sums of signs"]
    samples *= 10 ** ((-1.05 - highest_dbtp(samples, RATE)) / 20)
    assert long_dbtp(samples, 1024) > -0.5
    out, facts, failed = mastered(samples, loudness_lufs=None, subtype="FLOAT")
    assert failed == []
    assert facts["master"]["max_reduction_db"] > 0.5
    assert max(highest_dbtp(out, RATE), long_dbtp(out, 1024)) <= -1.0


def test_real_metal_at_minus_8_lufs_is_limited_hard_and_says_its_distortion(recordings, mastered):
    path = recordings / "songs" / "metal_madness" / "song.ogg"
    samples, rate = soundfile.read(path, frames=44_100 * 12, start=44_100 * 38, always_2d=True)
    out, facts, failed = mastered(samples, rate, loudness_lufs=LOUD)
    assert failed == []
    assert loudness_oracle.integrated_lufs(out, rate) == pytest.approx(LOUD, abs=0.06)
    assert highest_dbtp(out, rate) <= -1.0
    how = facts["master"]
    assert how["limiter"] == "hard"
    assert how["limiter_distortion_db"] < -15
    assert master.summary(facts).endswith(
        f", limited hard, by up to {how['max_reduction_db']:.1f} dB, distortion {how['limiter_distortion_db']:.0f} dB"
    )


def test_the_distortion_is_what_is_left_of_the_master_without_the_mix_at_a_steady_gain(mastered):
    samples = drums(channels=1).astype(np.float32).astype(np.float64)
    out, facts, _ = mastered(samples, loudness_lufs=-13.0, subtype="FLOAT")
    b, a = [1.53512485958697, -2.69169618940638, 1.19839281085285], [1, -1.69065929318241, 0.73248077421585]
    weighted = [
        scipy.signal.lfilter([1, -2, 1], [1, -1.99004745483398, 0.99007225036621], x[:, 0]) for x in (out, samples)
    ]
    made, mix = (scipy.signal.lfilter(b, a, x).reshape(-1, RATE // 20) for x in weighted)
    gains = (made * mix).sum(axis=1) / (mix * mix).sum(axis=1)
    rest = made - gains[:, None] * mix
    measured = 10 * np.log10((rest**2).sum() / (made**2).sum())
    assert facts["master"]["limiter_distortion_db"] == pytest.approx(measured, abs=1.0)
    assert "distortion" not in master.summary(facts)  # little of it where little is limited


def test_without_a_target_the_line_says_that_the_ceiling_forced_a_change_of_level(mastered):
    _, facts, _ = mastered(INTERSAMPLE, loudness_lufs=None)
    reduction = math.ceil(facts["master"]["max_reduction_db"] * 10) / 10
    assert f", peaks turned down by up to {reduction:.1f} dB for the ceiling" in master.summary(facts)
    _, facts, _ = mastered(INTERSAMPLE * 0.3, loudness_lufs=None)
    assert master.summary(facts).endswith("dBTP")
