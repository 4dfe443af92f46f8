"""Effects whose parameters change along the song, which know nothing of it: held against what they are without."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import signal

from stemtasks.audio.blocks import Stream
from stemtasks.audio.curves import Curve
from stemtasks.audio.effecting import Chain, through
from stemtasks.audio.sweeping import grid_of, swept
from stemtasks.timeline import Section, Timeline
from tests import examples
from tests.parts import REFERENCES

RATE = 48_000
FRAMES = 6000
noise = np.random.default_rng(0).standard_normal((FRAMES, 2)) * 0.2


def points(*given, curve="linear", scale="linear"):
    return {"points": [list(point) for point in given], "curve": curve, "scale": scale}


@pytest.fixture
def run(tmp_path):
    """Return run(x, effect, automated, cuts=(), **arguments) -> all that comes out."""

    def run(x, effect, automated, cuts=(), parts=REFERENCES, **arguments):
        sections = (Section("all", 0, len(x), 0.0, 0.0),)
        timeline = Timeline(RATE, len(x), 0, 120.0, 4.0, "4/4", None, sections)
        entry = {"effect": effect, "arguments": arguments, "seed": 1, "automated": automated}
        blocks = [block for block in np.split(x, sorted(cuts)) if len(block)]
        kept = [block.copy() for block in blocks]
        stream = Stream(RATE, x.shape[1], len(x), tmp_path)
        chain = Chain([entry], parts)
        made, _ = through(iter(blocks), stream, chain, timeline=timeline, channels=x.shape[1], frames=len(x))
        out = list(made)
        assert chain.facts == {}
        assert all(np.array_equal(block, copy) for block, copy in zip(blocks, kept, strict=True)), "input was changed"
        assert not list(tmp_path.iterdir()), "a scratch file was left"
        return np.concatenate(out) if out else np.empty((0, x.shape[1]))

    return run


SWEPT = [
    ("lowpass", {"cutoff_hz": points([0, 500.0], [0.1, 4000.0], scale="octaves")}, {}),
    ("lowpass", {"cutoff_hz": points([0.02, 900.0], [0.1, 600.0], scale="octaves")}, {"phase": "zero"}),
    ("peaking", {"gain_db": points([0, 0.0], [0.1, 9.0], curve="smooth", scale="decibels")}, {"centre_hz": 800.0}),
    (
        "peaking",
        {"gain_db": points([0, 0.0], [0.1, 4.0], scale="decibels"), "centre_hz": points([0, 300.0], [0.1, 900.0])},
        {},
    ),
    ("delay", {"mix": points([0, 0.0], [0.05, 1.0], [0.1, 0.5])}, {"time_ms": 7.3}),
    ("delay", {"time_ms": points([0.03, 5.0], [0.06, 9.0], curve="step") | {"ramp_ms": 10.0}}, {}),
    ("reverb", {"decay_seconds": points([0, 0.1], [0.1, 0.2], scale="octaves")}, {}),
    ("saturation", {"drive_db": points([0, 0.0], [0.1, 6.0], scale="decibels")}, {"kind": "tube"}),
]
every = pytest.mark.parametrize(
    ("effect", "automated", "arguments"), SWEPT, ids=[f"{e}-{'-'.join(a)}" for e, a, _ in SWEPT]
)


@pytest.fixture
def whole(run, effect, automated, arguments):
    return run(noise, effect, automated, **arguments)


@every
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, FRAMES), max_size=8))
def test_blocks_give_the_bits_of_the_whole(run, whole, effect, automated, arguments, cuts):
    assert np.array_equal(run(noise, effect, automated, cuts, **arguments), whole)


@every
def test_silence_stays_silent_and_nothing_comes_of_no_frames(run, effect, automated, arguments):
    assert not run(np.zeros((3000, 2)), effect, automated, **arguments).any()
    assert len(run(np.empty((0, 2)), effect, automated, **arguments)) == 0


PLAIN = [
    ("lowpass", {"phase": "zero"}, "cutoff_hz", 700.0, 3000.0),
    ("lowpass", {}, "cutoff_hz", 700.0, 3000.0),
    ("delay", {}, "time_ms", 7.3, 11.0),
    ("reverb", {"decay_seconds": 0.2}, "mix", 0.2, 0.7),
    ("saturation", {}, "drive_db", 3.0, 9.0),
    ("gain", {}, "gain_db", -7.3, 2.0),
    ("width", {}, "width", 0.3, 1.7),
]


@pytest.mark.parametrize(("effect", "arguments", "name", "value", "other"), PLAIN)
def test_what_is_written_as_points_and_never_changes_is_the_plain_parameter_bit_for_bit(
    run, effect, arguments, name, value, other
):
    plain = run(noise, effect, {}, **arguments, **{name: value})
    assert np.array_equal(run(noise, effect, {name: points([0, value], [0.1, value])}, **arguments), plain)


@pytest.mark.parametrize(("effect", "arguments", "name", "value", "other"), PLAIN)
def test_where_a_value_holds_it_is_the_plain_parameter_from_the_songs_start(run, effect, arguments, name, value, other):
    """A filter's state and an echo are those of an effect that always had the value: a way back adds nothing."""
    out = run(noise, effect, {name: points([0.05, value], [0.075, other])}, **arguments)
    for part, held in ((slice(0, 2400), value), (slice(3600, None), other)):
        plain = run(noise, effect, {}, **arguments, **{name: held})
        if effect in ("gain", "width"):  # exact at each frame, by numpy's powers and not Python's
            np.testing.assert_allclose(out[part], plain[part], rtol=1e-14, atol=1e-15)
        else:
            assert np.array_equal(out[part], plain[part])


def swept_lowpass(x, cutoff_hz):
    """Return a Butterworth low-pass of 12 dB an octave whose cutoff is another at each sample.

    The trapezoidal state variable filter (V. Zavalishin, 'The Art of VA Filter Design', 2012, section 4), which keeps
    its state where its cutoff moves.
    """
    out, first, second = np.empty(len(x)), 0.0, 0.0
    for frame, g in enumerate(np.tan(np.pi * cutoff_hz / RATE)):
        band = (first + g * (x[frame] - second)) / (1.0 + g * (g + np.sqrt(2)))
        low = second + g * band
        first, second = 2 * band - first, 2 * low - second
        out[frame] = low
    return out


def test_a_swept_low_pass_is_one_whose_cutoff_moves_at_each_sample(run):
    x = np.random.default_rng(1).standard_normal(RATE)
    out = run(x[:, None], "lowpass", {"cutoff_hz": points([0, 400.0], [1, 8000.0], scale="octaves")})[:RATE, 0]
    expected = swept_lowpass(x, 400.0 * 20 ** (np.arange(RATE) / RATE))
    assert 20 * np.log10(np.std(out - expected) / np.std(expected)) < -60


@pytest.mark.parametrize("curve", ["linear", "smooth"])
@pytest.mark.parametrize(
    ("effect", "automated", "arguments"),
    [
        ("gain", points([0.2, -12.0], [0.5, 0.0], scale="decibels"), {}),
        ("lowpass", points([0.2, 300.0], [0.8, 8000.0], scale="octaves"), {}),
        ("peaking", points([0.2, 0.0], [0.8, 12.0], scale="decibels"), {"centre_hz": 1000.0}),
        ("delay", points([0.2, 0.0], [0.8, 1.0]), {"time_ms": 50.0}),
    ],
)
def test_no_zipper_noise_is_beside_a_sine_while_a_parameter_moves(run, effect, automated, arguments, curve):
    x = np.sin(2 * np.pi * 1000 / RATE * np.arange(RATE))
    name = {"gain": "gain_db", "lowpass": "cutoff_hz", "peaking": "gain_db", "delay": "mix"}[effect]
    out = run(x[:, None], effect, {name: {**automated, "curve": curve}}, **arguments)[4800:RATE, 0]
    spectrum = np.abs(np.fft.rfft(out * signal.windows.blackmanharris(len(out))))
    beside = np.abs(np.fft.rfftfreq(len(out), 1 / RATE) - 1000) > 150
    assert 20 * np.log10(spectrum[beside].max() / spectrum.max()) < -80


def test_two_parameters_are_crossfaded_in_both_directions(tmp_path):
    curves = {"a": Curve((1000, 5000), (1.0, 4.0)), "b": Curve((0, 3000, 6000), (2.0, -1.0, 5.0), smooth=True)}
    runs = []

    def render(blocks, values):
        runs.append((values["a"], values["b"]))
        for block in blocks:
            yield block * (values["a"] * values["b"])

    made = swept(render, iter([noise]), Stream(RATE, 2, FRAMES, tmp_path), curves, FRAMES)
    expected = noise * (curves["a"](0, FRAMES) * curves["b"](0, FRAMES))[:, None]
    np.testing.assert_allclose(np.concatenate(list(made)), expected, atol=1e-12)
    assert len(runs) == len(set(runs)) < 17 * 17 / 2, "runs that are not heard are left out"


def test_a_run_ends_where_it_is_heard_for_the_last_time(tmp_path):
    curve = {"a": Curve((0, 400_000), (0.0, 16.0))}
    asked = {}

    def render(blocks, values):
        for block in blocks:
            asked[values["a"]] = asked.get(values["a"], 0) + len(block)
            yield block

    x = np.ones((400_000, 1))
    list(swept(render, iter([x]), Stream(RATE, 1, len(x), tmp_path), curve, len(x)))
    assert sorted(asked) == [float(value) for value in range(17)]
    assert asked[0.0] < asked[8.0] < asked[16.0] == 400_000


@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(st.floats(20.0, 20_000.0), min_size=2, max_size=80, unique=True),
    st.sampled_from(["octaves", "decibels", "linear"]),
    st.sampled_from([17, 65]),
    st.booleans(),
)
def test_a_grid_has_the_ends_and_the_points_in_order_and_not_too_many(values, scale, most, is_stepped):
    curve = Curve(tuple(range(len(values))), tuple(values), scale, is_stepped=is_stepped)
    grid = grid_of(curve, most)
    assert 2 <= len(grid) <= most
    assert np.all(np.diff(grid) > 0)
    assert (grid[0], grid[-1]) == (min(values), max(values))
    if len(values) <= most // 2 + 1:
        assert set(values) <= set(grid.tolist())


def test_steps_of_a_grid_are_quarter_tones_decibels_or_a_sixteenth():
    def steps(first, last, scale):
        return grid_of(Curve((0, 1), (first, last), scale), 65)

    ratios = steps(440.0, 880.0, "octaves")
    np.testing.assert_allclose(ratios[1:] / ratios[:-1], 2 ** (1 / 24))
    assert steps(-3.0, 3.0, "decibels").tolist() == [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]
    assert len(steps(0.0, 1.0, "linear")) == 17
    assert grid_of(Curve((0, 1), (0.0, 1.0), is_stepped=True), 65).tolist() == [0.0, 1.0]


def own(blocks, stream, *, depth: float):
    """Be an effect that nobody here knows."""
    yield from (block * (1.0 - depth) for block in blocks)


def test_an_effect_of_ones_own_needs_to_know_nothing_of_it(run):
    parts = {"effects/own": "tests.audio.test_sweeping:own"}
    out = run(noise, "own", {"depth": points([0.02, 0.2], [0.1, 0.9])}, parts=parts)
    depth = np.interp(np.arange(FRAMES) / RATE, [0.02, 0.1], [0.2, 0.9])
    np.testing.assert_allclose(out, noise * (1.0 - depth)[:, None], atol=1e-12)
