"""What holds for every effect, with the arguments that make each do something."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stemtasks.audio.laws import LAWS, Trial, tried
from stemtasks.audio.wav import write_wav
from stemtasks.commands.laws import cases
from stemtasks.plugins import load
from stemtasks.spec import binding, parts, schema

RATE = 48000
KNOWN = [
    ("gain", {"gain_db": -6.0}),
    ("fade", {"in_ms": 10.0, "out_ms": 20.0, "curve": "linear"}),
    ("fade", {"in_ms": 15.0, "out_ms": 5.0, "curve": "equal_power"}),
    ("fade", {"in_ms": 15.0, "out_ms": 5.0, "curve": "exponential"}),
    ("lowpass", {"cutoff_hz": 2000.0, "order": 3}),
    ("lowpass", {"cutoff_hz": 2000.0, "order": 4, "phase": "zero"}),
    ("highpass", {"cutoff_hz": 200.0, "order": 4}),
    ("highpass", {"cutoff_hz": 200.0, "order": 1, "phase": "zero"}),
    ("bandpass", {"low_hz": 300.0, "high_hz": 3000.0, "order": 3}),
    ("bandpass", {"low_hz": 300.0, "high_hz": 3000.0, "phase": "zero"}),
    ("peaking", {"centre_hz": 1000.0, "gain_db": 6.0}),
    ("peaking", {"centre_hz": 1000.0, "gain_db": -9.0, "phase": "zero"}),
    ("low_shelf", {"corner_hz": 300.0, "gain_db": 6.0}),
    ("low_shelf", {"corner_hz": 300.0, "gain_db": 6.0, "phase": "zero"}),
    ("high_shelf", {"corner_hz": 3000.0, "gain_db": -6.0}),
    ("high_shelf", {"corner_hz": 3000.0, "gain_db": -6.0, "phase": "zero"}),
    ("delay", {"time_ms": 7.3, "mix": 0.5}),
    ("delay", {"time_ms": 7.3, "damping_hz": 3000.0}),
    ("delay", {"beats": 0.03, "ping_pong": True, "damping_hz": 3000.0}),
    ("reverb", {"decay_seconds": 0.2, "predelay_ms": 3.0}),
    ("reverb", {"decay_seconds": 0.1, "width": 0.3}),
    ("saturation", {"drive_db": 12.0}),
    ("saturation", {"drive_db": 20.0, "kind": "soft", "mix": 0.4}),
    ("saturation", {"drive_db": 20.0, "kind": "tube"}),
    ("width", {"width": 1.7}),
    ("compressor", {"ratio": 3.0, "makeup_db": 4.0}),
    ("compressor", {"lookahead_ms": 5.0, "attack_ms": 2.0, "release_ms": 40.0, "knee_db": 0.0, "mix": 0.6}),
    ("compressor", {"detector": "rms", "sidechain_highpass_hz": 100.0, "sidechain_lowpass_hz": 3000.0}),
    ("expander", {"threshold_db": -10.0, "lookahead_ms": 3.0, "hold_ms": 1.0, "release_ms": 15.0}),
    ("expander", {"threshold_db": -12.0, "detector": "rms", "attack_ms": 0.0, "range_db": 20.0}),
    ("gate", {"threshold_db": -4.0, "hold_ms": 2.0, "release_ms": 5.0}),
    ("gate", {"threshold_db": -4.0, "lookahead_ms": 2.0, "hold_ms": 2.0, "range_db": 20.0}),
    ("deesser", {"threshold_db": -10.0}),
    ("deesser", {"mode": "absolute", "threshold_db": -30.0}),
    ("transient_shaper", {"attack_db": 9.0, "sustain_db": -9.0}),
    ("limiter", {"ceiling_db": -12.0}),
    ("limiter", {"ceiling_db": -14.0, "peaks": "sample", "manner": "hard", "gain_db": 3.0}),
    ("multiband_compressor", {"thresholds_db": [-30.0]}),
    ("multiband_compressor", {"crossovers_hz": [300.0], "thresholds_db": [-30.0, -40.0], "detector": "rms"}),
    ("chorus", {"rate_hz": 3.0, "delay_ms": 2.0}),
    ("chorus", {"rate_hz": 7.0, "voices": 3, "feedback": 0.5, "stereo_degrees": 120.0}),
    ("flanger", {"rate_hz": 5.0, "feedback": 0.0}),
    ("flanger", {"rate_beats": 0.25, "delay_ms": 0.2, "feedback": -0.7, "stereo_degrees": 90.0}),
    ("phaser", {"rate_hz": 5.0, "feedback": 0.0}),
    ("phaser", {"rate_hz": 9.0, "stages": 5, "feedback": -0.8, "stereo_degrees": 90.0}),
    ("tremolo", {"rate_hz": 20.0, "depth": 0.8}),
    ("tremolo", {"rate_beats": 0.25, "waveform": "triangle", "stereo_degrees": 180.0}),
    ("auto_pan", {"rate_hz": 8.0, "depth": 0.7}),
    ("convolution", {"file": "1 channel"}),
    ("convolution", {"file": "2 channels", "normalise": "peak", "predelay_ms": 5.0}),
    ("convolution", {"file": "4 channels", "mix": 0.8}),
]
NAMED = {name for name, _ in KNOWN}
EVERY = KNOWN + [
    (name, arguments)
    for name in parts.ours("effects")
    if name not in NAMED
    for arguments in cases(schema.of("effects", name))
]
"""An effect that is not named above is tried with what its schema allows."""
STEREO_ONLY = ("width", "auto_pan")
NONLINEAR = (
    "saturation",
    "compressor",
    "expander",
    "gate",
    "deesser",
    "transient_shaper",
    "limiter",
    "multiband_compressor",
)


def label(case):
    return f"{case[0]}-" + "-".join(str(value) for value in case[1].values())


def of(chosen):
    return pytest.mark.parametrize(("name", "arguments"), chosen, ids=map(label, chosen), indirect=["arguments"])


every = of(EVERY)
noise = np.random.default_rng(0).standard_normal((6000, 2)) * 0.2


@pytest.fixture
def arguments(request, tmp_path_factory):
    """Return the arguments of a case, with an impulse response of so many channels where they name one."""
    if "file" not in request.param:
        return request.param
    path = tmp_path_factory.mktemp("response") / "room.wav"
    channels = int(request.param["file"].split()[0])
    room = np.random.default_rng(7).standard_normal((3000, channels)) * np.exp(-np.arange(3000) / 300)[:, None]
    write_wav(path, iter([room]), RATE, channels)
    return request.param | {"file": str(path)}


def padded(x, frames):
    return np.pad(x, ((0, frames - len(x)), (0, 0)))


@every
def test_every_effect_keeps_the_laws(name, arguments, tmp_path):
    trial = Trial(parts.ours("effects")[name].reference, arguments, tmp_path)
    assert [law.__name__ for law in LAWS["effects"] if not law(trial)] == []


@pytest.mark.parametrize("name", ["tone", "synth", "drums"])
@pytest.mark.parametrize("law", LAWS["generators"])
def test_every_generator_keeps_the_law(law, name, tmp_path):
    patterns = {"tone": {}, "synth": {"patterns": {"all": "1 5 3"}}, "drums": {"patterns": {"all": {"kick": "x..."}}}}
    drawn = schema.of("generators", name)
    assert law(Trial(parts.ours("generators")[name].reference, binding.bind(drawn, patterns[name], name), tmp_path))


@pytest.mark.parametrize("name", sorted(set(parts.ours("strategies")) - {"auto"}))
@pytest.mark.parametrize("law", LAWS["strategies"])
def test_every_strategy_keeps_the_law(law, name, tmp_path):
    assert law(Trial(parts.ours("strategies")[name].reference, {}, tmp_path))


@pytest.mark.parametrize("name", parts.ours("delivery"))
@pytest.mark.parametrize("law", LAWS["delivery"])
def test_every_delivery_format_keeps_the_law(law, name, tmp_path):
    assert law(Trial(parts.ours("delivery")[name].reference, {}, tmp_path))


BREAKS = {
    "blocks_give_the_bits_of_the_whole": "block - block.mean()",
    "blocks_of_one_frame_give_the_bits_of_the_whole": "block * (len(block) > 1)",
    "two_runs_give_the_same_bits": "block + np.random.default_rng().random() * (block != 0)",
    "the_input_is_left_as_it_was": "np.multiply(block, 0.5, out=block)",
    "silence_stays_silent": "block + 1e-3",
    "all_frames_come_out_finite": "block[1:]",
    "the_tail_ends_softly": "np.concatenate([block, block])",
}


@pytest.mark.parametrize("law", BREAKS)
def test_an_effect_that_breaks_a_law_is_told(law, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    module = f"breaks_{law}"
    text = f"import numpy as np\ndef broken(blocks, stream):\n    for block in blocks:\n        yield {BREAKS[law]}\n"
    (tmp_path / f"{module}.py").write_text(text)
    assert law.replace("_", " ") in [said for said, kept in tried("effects", f"{module}:broken", {}) if not kept]


@pytest.fixture
def whole(apply, name, arguments):
    return apply(name, noise, **arguments)


@every
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 6000), max_size=8))
def test_blocks_give_the_bits_of_the_whole(apply, whole, name, arguments, cuts):
    assert np.array_equal(apply(name, noise, cuts, **arguments), whole)


@of([c for c in EVERY if c[0] not in NONLINEAR])
def test_linear_effects_are_linear(apply, name, arguments):
    x, y = noise, noise[::-1] ** 3
    parts = [apply(name, x, **arguments) * 0.5, apply(name, y, **arguments) * -2.0]
    whole = apply(name, 0.5 * x - 2.0 * y, **arguments)
    frames = max(map(len, [*parts, whole]))
    # tails end by their level, so they may differ by what is below -90 dBFS
    difference = padded(parts[0], frames) + padded(parts[1], frames) - padded(whole, frames)
    assert np.abs(difference[: len(noise)]).max() < 1e-12
    assert np.abs(difference).max() < 3e-4


@of([c for c in EVERY if c[0] not in STEREO_ONLY and "ping_pong" not in c[1]])
def test_mono_in_mono_out(apply, name, arguments):
    out = apply(name, noise[:, :1], **arguments)
    assert out.shape[1] == 1
    assert np.isfinite(out).all()


def per_channel(name):
    return getattr(sys.modules[load(parts.found("effects", name).reference).__module__], "PER_CHANNEL", False)


@of([c for c in EVERY if per_channel(c[0])])
def test_effects_that_say_so_treat_each_channel_by_itself(apply, name, arguments):
    both = apply(name, noise, **arguments)
    for channel in (0, 1):
        alone = apply(name, noise[:, channel : channel + 1], **arguments)
        frames = min(len(alone), len(both))
        assert np.array_equal(both[:frames, channel], alone[:frames, 0])


@of([c for c in EVERY if "mix" in {parameter.name for parameter in schema.of("effects", c[0]).parameters}])
def test_mix_zero_is_the_input(apply, name, arguments):
    out = apply(name, noise, **(arguments | {"mix": 0.0}))
    assert np.array_equal(out[: len(noise)], noise)
    assert not out[len(noise) :].any()


@every
def test_an_impulse_comes_out_where_it_went_in(apply, name, arguments):
    x = np.zeros((6000, 2))
    x[3000, 0] = 0.5
    out = apply(name, x, **arguments)[:6000, 0]
    if arguments.get("phase") == "zero":
        assert np.argmax(np.abs(out)) == 3000
    elif name == "saturation":
        assert np.argmax(np.abs(out)) == 3000
        assert np.abs(out[:2900]).max() < 1e-3
    else:
        assert np.abs(out[:3000]).max() < (1e-15 if name in ("reverb", "convolution") else 1e-300)
        assert out[3000] != 0.0
