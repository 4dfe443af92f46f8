"""Numbers that change along the song: what points and sections come to, frame by frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemtasks.audio.curves import Curve, along, curve_of
from stemtasks.errors import SpecError
from stemtasks.timeline import Section, Timeline

RATE = 1000
TIMELINE = Timeline(
    RATE,
    16_000,
    0,
    120.0,
    4.0,
    "4/4",
    None,
    (
        Section("verse", 0, 4000, 0.0, 8.0),
        Section("chorus", 4000, 8000, 8.0, 8.0),
        Section("verse", 8000, 12_000, 16.0, 8.0),
        Section("chorus", 12_000, 16_000, 24.0, 8.0),
    ),
)


def points(*given, curve="linear", **more):
    return {"points": [list(point) for point in given], "curve": curve, **more}


def sections(default=None, ramp_ms=20.0, **values):
    return {"sections": {name.replace("_", "#"): value for name, value in values.items()}} | {
        "default": default,
        "ramp_ms": ramp_ms,
    }


def values(number):
    return curve_of(number, TIMELINE, "x")(0, TIMELINE.frames)


FRAMES = st.lists(st.integers(0, 400), min_size=2, max_size=8, unique=True).map(sorted)
CURVES = FRAMES.flatmap(
    lambda frames: st.builds(
        Curve,
        st.just(tuple(frames)),
        st.lists(st.floats(1.0, 100.0), min_size=len(frames), max_size=len(frames)).map(tuple),
        st.sampled_from(["linear", "octaves", "decibels"]),
        st.booleans(),
    )
)


@given(CURVES)
def test_a_linear_way_is_numpys_interpolation_and_octaves_go_evenly_in_their_logarithm(curve):
    frames = np.arange(450)
    straight = Curve(curve.frames, curve.values, curve.scale)
    expected = np.interp(frames, curve.frames, np.log(curve.values) if curve.scale == "octaves" else curve.values)
    expected = np.exp(expected) if curve.scale == "octaves" else expected
    np.testing.assert_allclose(straight(0, 450), expected, rtol=1e-12)


@given(CURVES, st.lists(st.integers(0, 450), max_size=6).map(sorted))
def test_where_blocks_end_decides_no_bit(curve, cuts):
    blocks = [block for block in np.split(np.zeros((450, 1)), cuts) if len(block)]
    found = np.concatenate([value for _, (value,) in along(iter(blocks), curve)])
    assert np.array_equal(found[:, 0], curve(0, 450))


@given(CURVES)
def test_breakpoints_have_their_values_and_no_frame_is_outside_them(curve):
    found = curve(0, 450)
    assert [found[frame] for frame in curve.frames] == list(curve.values)
    assert np.all(found[: curve.frames[0]] == curve.values[0])
    assert np.all(found[curve.frames[-1] :] == curve.values[-1])
    assert min(curve.values) * (1 - 1e-12) <= found.min()
    assert found.max() <= max(curve.values) * (1 + 1e-12)


def test_points_lie_where_bars_and_sections_are():
    found = values(points(["verse", 0.0], ["2.1", 2.0], ["chorus + 1 beat", 4.0], ["verse#2", 0.0]))
    assert [found[frame] for frame in (0, 1000, 2000, 4500, 8000, 15_999)] == [0.0, 1.0, 2.0, 4.0, 0.0, 0.0]


def test_hertz_go_by_octaves():
    assert values(points([0, 100.0], [8, 1600.0], scale="octaves"))[4000] == pytest.approx(400.0)
    assert values(points([0, 100.0], [8, 1600.0]))[4000] == 850.0


def test_a_smooth_way_is_a_raised_cosine():
    found = values(points([0, 0.0], [2, 1.0], curve="smooth"))[:2000]
    np.testing.assert_allclose(found, 0.5 - 0.5 * np.cos(np.pi * np.arange(2000) / 2000), atol=1e-12)


def test_a_step_has_come_to_its_value_where_its_point_is():
    found = values(points([0, 0.0], [1, 1.0], [2, -1.0], curve="step", ramp_ms=100.0))
    assert np.all(found[:901] == 0.0)
    assert np.all(found[1000:1901] == 1.0)
    assert np.all(found[2000:] == -1.0)
    assert found[950] == pytest.approx(0.5)
    assert np.abs(np.diff(found)).max() < 0.04


def test_each_section_has_its_value_from_its_first_frame_on():
    found = values(sections(default=0.5, chorus=2.0, chorus_2=3.0))
    for start, end, value in ((0, 3980, 0.5), (4000, 7980, 2.0), (8000, 11_980, 0.5), (12_000, 16_000, 3.0)):
        assert np.all(found[start : end + 1] == value)
    assert found[3990] == pytest.approx(1.25)


def test_a_ramp_is_no_longer_than_what_lies_before_it():
    found = values(points([0, 0.0], [0.01, 1.0], [0.015, 2.0], curve="step", ramp_ms=1000.0))
    assert [found[frame] for frame in (0, 10, 15)] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    "number",
    [
        -3.0,
        points(["verse", -3.0]),
        points([0, -3.0], ["chorus", -3.0], curve="smooth"),
        sections(default=-3.0),
        sections(verse=-3.0, chorus=-3.0),
        sections(default=0.0, verse=-3.0, chorus=-3.0),
    ],
)
def test_what_never_changes_is_the_number_itself(number):
    assert curve_of(number, TIMELINE, "x") == -3.0


def test_points_out_of_the_songs_order_are_told_once_its_sections_have_frames():
    with pytest.raises(SpecError) as caught:
        curve_of(points(["chorus", 1.0], ["2.1", 2.0]), TIMELINE, "lowpass.cutoff_hz")
    assert str(caught.value) == (
        "lowpass.cutoff_hz.points[1]: '2.1' does not come after 'chorus'; put points in the order of the song"
    )
