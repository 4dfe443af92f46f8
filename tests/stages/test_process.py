from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
from scipy import signal

from stemtasks.audio.facts import decibels
from stemtasks.audio.wav import write_wav
from stemtasks.dsp import pan
from stemtasks.errors import AudioError, SpecError
from stemtasks.stages import process
from stemtasks.timeline import Section, Timeline
from tests.loudness_oracle import integrated_lufs
from tests.parts import REFERENCES

RATE = 48000
ECHO = {"effect": "delay", "arguments": {"time_ms": 100.0, "feedback": 0.5, "mix": 0.5}, "seed": 3}
LOWPASS = {"effect": "lowpass", "arguments": {"cutoff_hz": 2000.0, "order": 4, "phase": "zero"}, "seed": 1}
REVERB = {"effect": "reverb", "arguments": {"decay_seconds": 0.3}, "seed": 2}
DRIVE = {"effect": "saturation", "arguments": {"drive_db": 6.0}, "seed": 4}


@pytest.fixture
def stage(tmp_path):
    """Return stage(x, effects=[], **params) -> (samples as written, facts)."""
    count = iter(range(1000))

    def run(x, effects=(), tail_frames=0, rate=RATE, frames=None, key=None, **params):
        folder = tmp_path / str(next(count))
        out = folder / "out"
        out.mkdir(parents=True)
        frames = len(x) if frames is None else frames
        sections = (Section("all", 0, frames, 0.0, 0.0, key),)
        timeline = Timeline(rate, frames, tail_frames, 120.0, 4.0, "4/4", None, sections)
        (folder / "timing.json").write_text(json.dumps(timeline.to_json()))
        write_wav(folder / "in.wav", iter([x]), rate, x.shape[1])
        defaults = {
            "parts": REFERENCES,
            "gain_db": 0.0,
            "pan": 0.0,
            "channels": x.shape[1],
            "subtype": "FLOAT",
            "dither": "tpdf",
            "tail": "keep",
            "has_notes": True,
            "seed": 9,
        }
        outputs = {"audio": out / "x.wav", "facts": out / "x.json"}
        process.run(
            {"audio": folder / "in.wav", "timing": folder / "timing.json"},
            outputs,
            defaults | {"effects": list(effects), "parts": REFERENCES} | params,
        )
        assert sorted(path.name for path in out.iterdir()) == ["x.json", "x.wav"], "scratch was left"
        run.bytes = outputs["audio"].read_bytes() + outputs["facts"].read_bytes()
        facts = json.loads(outputs["facts"].read_text())
        assert facts["frames"] == frames + tail_frames
        return soundfile.read(outputs["audio"], always_2d=True)[0], facts

    return run


def noise(frames=6000, channels=1, level=0.1):
    x = np.random.default_rng(frames + channels).standard_normal((frames, channels)) * level
    return x.astype(np.float32).astype(np.float64)


def test_a_mono_stem_that_becomes_wide_says_so_in_its_facts(stage):
    x = noise(RATE, 1)
    for effects, low, high in (([], 1.0, 1.0), ([{"effect": "chorus", "arguments": {}, "seed": None}], 0.3, 0.9)):
        y, facts = stage(x, effects, channels=2)
        assert low <= facts["stereo_correlation"] <= high
        assert facts["stereo_correlation"] == pytest.approx(np.corrcoef(y.T)[0, 1], abs=6e-4)
    assert stage(x)[1]["stereo_correlation"] is None


@pytest.mark.parametrize("channels", [1, 2])
def test_without_effects_the_stem_passes_bit_for_bit_and_silence_follows(stage, channels):
    x = noise(100_000, channels)
    y, facts = stage(x, tail_frames=500)
    assert np.array_equal(y[:100_000], x)
    assert not y[100_000:].any()
    assert facts["effects"] == []
    assert (facts["tail_frames"], facts["tail_cut"], facts["overs"]) == (0, False, 0)
    assert process.verify(facts, {"frames": 100_500, "sample_rate": RATE, "channels": channels}) == []


def test_the_chain_runs_in_order_and_then_the_gain(stage):
    x = noise(20_000)
    sos = signal.butter(4, 2000, fs=RATE, output="sos")
    y, facts = stage(x, [LOWPASS, {"effect": "gain", "arguments": {"gain_db": 20.0}, "seed": 0}], gain_db=-6.0)
    np.testing.assert_allclose(y, signal.sosfiltfilt(sos, x, axis=0) * 10 ** (14 / 20), atol=2e-7)
    assert facts["effects"] == ["lowpass", "gain"]
    assert facts["gain_db"] == -6.0


def test_opposite_gains_cancel(stage):
    x = noise()
    y, _ = stage(x, [{"effect": "gain", "arguments": {"gain_db": 7.0}, "seed": 0}], gain_db=-7.0)
    np.testing.assert_allclose(y, x, rtol=1e-6)


def test_a_kept_tail_rings_into_the_songs_tail(stage):
    x = noise(4800)
    y, facts = stage(x, [ECHO], tail_frames=48_000)
    np.testing.assert_allclose(y[4800:9600], 0.5 * x, atol=1e-7)
    np.testing.assert_allclose(y[9600:14400], 0.25 * x, atol=1e-7)
    assert 4800 * 9 < facts["tail_frames"] <= 48_000


def test_a_tail_longer_than_the_songs_fades_out_at_the_end(stage):
    x = noise(4800)
    y, facts = stage(x, [ECHO], tail_frames=6000)
    free, _ = stage(x, [ECHO], tail_frames=48_000)
    assert facts["tail_cut"]
    assert np.array_equal(y[: 10_800 - 480], free[: 10_800 - 480])
    ramp = np.abs(y[-480:, 0]) / np.maximum(np.abs(free[10_320:10_800, 0]), 1e-9)
    assert ramp[240] == pytest.approx(0.5, abs=0.01)
    assert y[-1, 0] == pytest.approx(0.0, abs=1e-9)


def test_a_cut_tail_fades_out_right_before_the_timeline_ends(stage):
    x = noise(9600)
    y, facts = stage(x, [ECHO], tail_frames=6000, tail="cut")
    free, _ = stage(x, [ECHO], tail_frames=6000)
    assert facts["tail_cut"]
    assert facts["tail_frames"] == 0
    assert not y[9600:].any()
    assert y[9599, 0] == pytest.approx(0.0, abs=1e-9)
    assert np.array_equal(y[: 9600 - 480], free[: 9600 - 480])


def test_a_cut_that_takes_nothing_away_does_not_fade(stage):
    x = noise(9600)
    y, facts = stage(x, [DRIVE], tail_frames=100, tail="cut")
    assert not facts["tail_cut"]
    assert np.abs(y[9500:9600]).max() > 0.05


def test_mono_is_panned_by_constant_power(stage):
    x = noise()
    for position in (-1.0, -0.5, 0.0, 0.3, 1.0):
        y, facts = stage(x, channels=2, pan=position)
        assert facts["channels"] == 2
        np.testing.assert_allclose(np.sum(y**2, axis=1), x[:, 0] ** 2, atol=1e-8)
    centre, _ = stage(x, channels=2)
    np.testing.assert_allclose(20 * np.log10(np.std(centre, axis=0) / np.std(x)), -3.0103, atol=1e-3)
    left, _ = stage(x, channels=2, pan=-1.0)
    assert np.array_equal(left[:, 0], x[:, 0])
    assert not left[:, 1].any()


def test_stereo_is_balanced(stage):
    x = noise(channels=2)
    y, _ = stage(x, pan=0.5)
    assert np.array_equal(y[:, 1], x[:, 1])
    assert 20 * np.log10(np.std(y[:, 0]) / np.std(x[:, 0])) == pytest.approx(-5.33, abs=0.01)
    right, _ = stage(x, pan=1.0)
    assert not right[:, 0].any()


@pytest.mark.parametrize("position", [0.0, -0.7])
def test_a_mono_stem_keeps_its_place_and_level_behind_an_effect_that_widens(stage, position):
    x = noise()
    dry, _ = stage(x, channels=2, pan=position)
    reverb = {"effect": "reverb", "arguments": {"mix": 0.0}, "seed": 0}
    wide, _ = stage(x, [reverb], channels=2, pan=position)
    np.testing.assert_allclose(wide, dry, atol=1e-8)


def test_staying_mono_as_long_as_possible_changes_no_bit(stage, monkeypatch):
    from stemtasks.effects import lowpass, saturation

    chain = [LOWPASS, DRIVE, REVERB]
    late, _ = stage(noise(), chain, channels=2, pan=0.2, tail_frames=2000)
    monkeypatch.setattr(lowpass, "PER_CHANNEL", False)
    monkeypatch.setattr(saturation, "PER_CHANNEL", False)
    early, _ = stage(noise(), chain, channels=2, pan=0.2, tail_frames=2000)
    assert np.array_equal(early, late)
    assert not np.array_equal(late[:, 0], late[:, 1])


def test_stereo_becomes_mono_by_its_average(stage):
    x = noise(channels=2)
    mono, _ = stage(x, channels=1)
    np.testing.assert_allclose(mono[:, 0], x.mean(axis=1), atol=1e-8)


def test_channels_without_a_convention_are_an_error(stage):
    with pytest.raises(AudioError, match="it has 7 channels and the song 2"):
        stage(noise(channels=7), channels=2)


def test_pan_in_a_mono_song_is_an_error(stage):
    with pytest.raises(SpecError, match=r"pan 0\.5 needs a stereo song"):
        stage(noise(), pan=0.5)


@pytest.mark.parametrize(("subtype", "step"), [("PCM_16", 2**-15), ("PCM_24", 2**-23)])
def test_pcm_is_within_its_dither(stage, subtype, step):
    x = noise()
    y, facts = stage(x, subtype=subtype)
    assert facts["subtype"] == subtype
    assert 0 < np.abs(y - x).max() <= 1.5 * step
    assert facts["overs"] == 0


def recorded(bits, frames=30_000, channels=2):
    """Return what a converter of so many bits could have recorded: noise, silence in its second half."""
    steps = np.random.default_rng(bits).normal(0.0, 0.05 * (1 << (bits - 1)), (frames, channels))
    steps[frames // 2 :] = 0.0
    return np.rint(steps) / (1 << (bits - 1))


@pytest.mark.parametrize("dither", ["off", "tpdf", "shaped"])
@pytest.mark.parametrize(("subtype", "bits"), [("PCM_16", 16), ("PCM_24", 16), ("PCM_24", 24)])
def test_a_take_that_nothing_changes_is_delivered_bit_for_bit(stage, subtype, bits, dither):
    x = recorded(bits)
    y, _ = stage(x, subtype=subtype, dither=dither, tail_frames=700)
    assert np.array_equal(y[: len(x)], x)
    assert not y[len(x) :].any()


def test_mono_at_one_side_is_delivered_bit_for_bit_beside_silence(stage):
    x = recorded(24, channels=1)
    y, _ = stage(x, channels=2, pan=1.0, subtype="PCM_24")
    assert np.array_equal(y[:, 1], x[:, 0])
    assert not y[:, 0].any()


@pytest.mark.parametrize("params", [{"gain_db": -3.0}, {"pan": 0.4}, {"effects": [LOWPASS]}])
def test_a_take_that_is_changed_is_dithered_where_it_sounds_and_silent_where_it_is(stage, params):
    x = recorded(16)
    (clean, _), (y, _) = stage(x, **params), stage(x, subtype="PCM_16", **params)
    error = (y - clean)[: len(x) // 2, 0] * 32768
    assert error.var() == pytest.approx(0.25, abs=0.01)
    assert not y[len(x) // 2 + 10_000 :].any()


def test_a_cut_end_is_dithered_where_it_fades_and_nowhere_else(stage):
    x = recorded(16)[:15_000]
    y, facts = stage(x, frames=12_000, tail="cut", subtype="PCM_16")
    assert facts["tail_cut"]
    assert np.array_equal(y[: 12_000 - 480], x[: 12_000 - 480])
    assert np.any(y[-480:] * 32768 != np.rint(x[12_000 - 480 : 12_000] * 32768))


def test_pcm_overs_are_counted_and_fail_and_float_ones_do_not(stage):
    x = noise()
    x[100:103, 0] = [1.5, -1.2, 0.99]
    _, facts = stage(x, subtype="PCM_24")
    assert facts["overs"] == 2
    assert facts["peak_before_dbfs"] == pytest.approx(3.522, abs=1e-3)
    assert process.verify(facts, {}) == [
        "it peaks at +3.52 dBFS and PCM_24 clips 2 samples: lower gain_db by 3.6 dB or use FLOAT"
    ]
    _, facts = stage(x)
    assert facts["overs"] == 0
    assert process.verify(facts, {}) == []
    _, facts = stage(x, subtype="PCM_24", gain_db=-3.6)
    assert process.verify(facts, {}) == []


@pytest.mark.parametrize("subtype", ["FLOAT", "PCM_24", "PCM_16"])
def test_two_runs_give_the_same_bytes(stage, subtype):
    chain = [LOWPASS, DRIVE, ECHO, REVERB]
    stage(noise(), chain, channels=2, subtype=subtype)
    first = stage.bytes
    stage(noise(), chain, channels=2, subtype=subtype)
    assert stage.bytes == first


def test_an_effect_gets_the_tempo_and_its_seed(stage):
    x = np.zeros((30_000, 1))
    x[0] = 0.5
    y, _ = stage(x, [{"effect": "delay", "arguments": {"beats": 0.5, "mix": 1.0}, "seed": 0}])
    assert np.argmax(np.abs(y[1:])) + 1 == 12_000
    rooms = [stage(x, [REVERB | {"seed": seed}])[0] for seed in (1, 2)]
    assert not np.array_equal(*rooms)


def test_endless_feedback_costs_no_more_than_the_song(stage):
    x = noise(4800)
    echo = {"effect": "delay", "arguments": {"time_ms": 60_000.0, "feedback": 0.98}, "seed": 0}
    y, _ = stage(x, [echo, LOWPASS], tail_frames=100)
    assert len(y) == 4900


def test_an_aligned_stem_of_a_single_frame(stage):
    y, facts = stage(np.full((1, 1), 0.25), [LOWPASS, DRIVE, ECHO, REVERB], channels=2, tail="cut", tail_frames=5)
    assert facts["frames"] == 6
    assert np.isfinite(y).all()


def test_invalid_samples_reach_the_verification(stage):
    x = noise(RATE // 2)
    x[7], x[9_000] = np.nan, np.inf
    _, facts = stage(x, key="C major")
    assert process.verify(facts, {})[0].startswith("2 samples are NaN or infinite, the first at frame 7")


@pytest.mark.parametrize("name", ["melodic/guit_em9.flac", "melodic/latin_guitar02.ogg", "vocals/vocadito_10.wav"])
def test_a_recording_through_a_full_chain(stage, recordings, name):
    x, rate = soundfile.read(recordings / name, always_2d=True, stop=400_000)
    chain = [
        {"effect": "highpass", "arguments": {"cutoff_hz": 90.0, "order": 2}, "seed": 0},
        {"effect": "peaking", "arguments": {"centre_hz": 2500.0, "gain_db": 3.0, "phase": "zero"}, "seed": 0},
        DRIVE,
        {"effect": "delay", "arguments": {"beats": 0.75, "ping_pong": True, "damping_hz": 4000.0}, "seed": 0},
        {"effect": "reverb", "arguments": {}, "seed": 11},
        {"effect": "fade", "arguments": {"in_ms": 5.0}, "seed": 0},
    ]
    y, facts = stage(x, chain, tail_frames=3 * rate, rate=rate, channels=2, gain_db=-6.0, pan=-0.2)
    assert process.verify(facts, {"sample_rate": rate, "channels": 2, "silence_dbfs": -60.0, "dc_offset": 0.001}) == []
    # in time with what went in: whitened (GCC-PHAT), the direct sound is the strongest match, to the frame
    dry = x.mean(axis=1)
    cross = np.fft.rfft(y[:, 0], 1 << 20) * np.conj(np.fft.rfft(dry, 1 << 20))
    match = np.fft.irfft(cross / (np.abs(cross) + 1e-9 * np.abs(cross).max()))
    assert np.argmax(np.abs(match)) in (0, 1)
    assert -20 < facts["rms_dbfs"] - decibels(float(np.std(dry))) < 0
    # it dies away in the song's tail and does not stop
    windows = [np.std(y[len(x) + k * rate // 2 :][: rate // 2]) for k in range(6)]
    assert windows[0] > windows[-1]


def test_the_pan_law_and_the_balance_law_are_one():
    for position in np.linspace(-1, 1, 9):
        law = pan.constant_power(position)
        assert np.sum(law**2) == pytest.approx(1.0)
        np.testing.assert_allclose(pan.balance(position), np.minimum(1, law * 2**0.5), atol=1e-12)


LOUDNESS = {"parts": {**REFERENCES, "loudness": process.LOUDNESS}}


@pytest.mark.parametrize("position", [0.0, 0.6])
def test_a_stem_is_brought_to_its_loudness_behind_effects_and_pan(stage, position):
    x = np.random.default_rng(4).standard_normal((3 * RATE, 1)) * 0.05
    out, facts = stage(x, [LOWPASS], channels=2, pan=position, loudness_lufs=-23.0, **LOUDNESS)
    assert integrated_lufs(out, RATE) == pytest.approx(-23.0, abs=0.05)
    plain, _ = stage(x, [LOWPASS], channels=2, pan=position)
    np.testing.assert_allclose(out, plain * 10 ** (facts["loudness"]["gain_db"] / 20), atol=1e-6)
    assert facts["loudness"]["target_lufs"] == -23.0


def test_what_has_no_loudness_is_not_brought_to_one(stage):
    with pytest.raises(AudioError, match=r"cannot be measured \(silence, or shorter than 0.4 s\), wanted -18 LUFS"):
        stage(np.zeros((RATE, 1)), loudness_lufs=-18.0, **LOUDNESS)


def test_a_loudness_that_pcm_does_not_hold_says_by_how_much_to_lower_it(stage):
    x = np.random.default_rng(4).standard_normal((RATE, 1)) * 0.05
    _, facts = stage(x, subtype="PCM_16", loudness_lufs=-6.0, **LOUDNESS)
    [found] = process.verify(facts, {})
    assert "lower loudness_lufs by" in found


def over(*values):
    """Return points from the start to the end of 48,000 frames, evenly."""
    return {
        "points": [
            [second, value] for second, value in zip(np.linspace(0, 1, len(values)).tolist(), values, strict=True)
        ]
    } | {"curve": "linear"}


@pytest.mark.parametrize("channels", [1, 2])
def test_gain_and_pan_that_change_are_those_of_each_frame(stage, channels):
    x = noise(48_000, channels)
    y, facts = stage(x, gain_db=over(-24.0, 6.0), pan=over(-1.0, 1.0, 0.0), channels=2)
    frames = np.arange(48_000) / 48_000
    factor = 10 ** (np.interp(frames, [0, 1], [-24, 6]) / 20)
    places = np.interp(frames, [0, 0.5, 1], [-1, 1, 0])
    law = pan.constant_power if channels == 1 else pan.balance
    sides = np.array([law(place) for place in places.tolist()])
    np.testing.assert_allclose(y, x * factor[:, None] * sides, atol=1e-7)
    assert y[0, 1] == 0.0
    assert facts["gain_db"] == over(-24.0, 6.0)


def test_gain_and_pan_that_are_points_and_do_not_change_are_the_numbers_bit_for_bit(stage):
    x = noise(20_000)
    plain, _ = stage(x, gain_db=-7.3, pan=0.3, channels=2)
    written, _ = stage(x, gain_db=over(-7.3, -7.3), pan=over(0.3, 0.3, 0.3), channels=2)
    assert np.array_equal(written, plain)


def test_where_gain_and_pan_are_at_rest_in_the_middle_stereo_passes_bit_for_bit(stage):
    x = noise(48_000, 2)
    y, _ = stage(x, gain_db=over(0.0, 0.0, -6.0), pan=over(0.0, 0.0, 1.0))
    assert np.array_equal(y[:24_000], x[:24_000])
    assert not np.array_equal(y[24_001:], x[24_001:])


def test_a_gain_that_changes_comes_behind_the_effects(stage):
    x = noise(48_000, 2)
    y, _ = stage(x, [ECHO], gain_db=over(-20.0, 0.0))
    plain, _ = stage(x, [ECHO])
    factor = 10 ** (np.interp(np.arange(48_000) / 48_000, [0, 1], [-20, 0]) / 20)
    np.testing.assert_allclose(y, plain * factor[:, None], atol=1e-7)


def test_pan_that_changes_needs_a_stereo_song(stage):
    with pytest.raises(SpecError, match=r"pan -0\.5 needs a stereo song"):
        stage(noise(48_000), pan=over(0.0, -0.5))
