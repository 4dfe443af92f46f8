"""A list of edits against numpy, piece by piece."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.audio.blocks import Stream
from stemtasks.errors import SpecError
from stemtasks.generators.edited import check, edited, joins
from stemtasks.spec import binding, schema
from stemtasks.spec.clip_tables import EditTable
from tests import examples
from tests.audio_files import RATE, noise, one_line, written

FRAMES = 4800
OWN = {"offset_seconds": 0.0, "only_channel": None, "mono": False}


def table(do, **keys):
    keys = {name.removesuffix("_"): value for name, value in keys.items()}
    found = binding.bind(schema.of_table(EditTable), {"do": do, **keys}, "edits")
    assert EditTable.problem(found) is None
    return found


def run(tmp_path, path, edits, rate=RATE, channels=2, **arguments):
    stream = Stream(rate, channels, 0, tmp_path)
    given = {"file": str(path), "edits": edits, "overlap_ms": 0.0, **arguments}
    blocks = [np.zeros((0, channels)), *edited(stream, **given)]
    out = np.concatenate(blocks)
    assert check(stream=stream, **(OWN | given)) == len(out)
    return out


def s(frame):
    return frame / RATE


def oracle(samples, edits):
    """Return what edits (do, start, stop, and where or what else) make, without overlaps."""
    heard = samples.copy()
    gone = np.zeros(len(samples), dtype=bool)
    for do, start, stop, extra in edits:
        part = slice(start, stop)
        if do == "silence":
            heard[part] = 0.0
        elif do == "replace":
            heard[part] = samples[extra : extra + stop - start]
        elif do == "reverse":
            heard[part] = samples[part][::-1]
        gone[part] |= do in ("cut", "move")
    for do, start, stop, extra in edits:
        if do == "gain":
            heard[start:stop] *= 10 ** (extra / 20)
    placed = [edit for edit in edits if edit[0] in ("insert", "move")]
    points = sorted({0, len(samples), *(extra for _, _, _, extra in placed)})
    out = []
    for point, following in zip(points, [*points[1:], len(samples)], strict=True):
        out += [(samples if do == "insert" else heard)[start:stop] for do, start, stop, at in placed if at == point]
        out.append(heard[point:following][~gone[point:following]])
    return np.concatenate(out)


EXTRA = {"replace": "with", "insert": "at", "move": "at", "gain": "gain_db"}


def as_table(do, start, stop, extra):
    keys = {"from": s(start), "to": s(stop)}
    if do in EXTRA:
        keys[EXTRA[do]] = extra if do == "gain" else s(extra)
    return table(do, **keys)


@st.composite
def edit_lists(draw, frames=FRAMES):
    """Return edits that may stand together: what changes the sound does not overlap, places are at its edges."""
    points = sorted(draw(st.sets(st.integers(0, frames), min_size=2, max_size=9)))
    edits, taken = [], []
    for start, stop in zip(points[::2], points[1::2], strict=False):
        do = draw(st.sampled_from(["silence", "replace", "reverse", "cut", "move"]))
        extra = draw(st.integers(0, frames - (stop - start))) if do == "replace" else None
        edits.append([do, start, stop, extra])
        taken.append((start, stop))
    free = st.integers(0, frames).filter(lambda at: not any(start < at < stop for start, stop in taken))
    for edit in edits:
        if edit[0] == "move":
            edit[3] = draw(free)
    for _ in range(draw(st.integers(0, 3))):
        start, stop = sorted(draw(st.lists(st.integers(0, frames), min_size=2, max_size=2, unique=True)))
        do = draw(st.sampled_from(["insert", "gain"]))
        edits.append([do, start, stop, draw(free) if do == "insert" else draw(st.sampled_from([-6.0, 3.0]))])
    return draw(st.permutations([tuple(edit) for edit in edits]))


def length_of(edits, frames=FRAMES):
    cut = sum(stop - start for do, start, stop, _ in edits if do == "cut")
    return frames - cut + sum(stop - start for do, start, stop, _ in edits if do == "insert")


@pytest.fixture(scope="module")
def take(tmp_path_factory):
    samples = noise(FRAMES).astype(np.float32)
    return samples.astype(np.float64), written(tmp_path_factory.mktemp("take") / "take.wav", samples)


@given(edits=edit_lists())
@settings(deadline=None, max_examples=examples(60))
def test_without_overlaps_edits_are_what_numpy_makes_of_them(take, tmp_path_factory, edits):
    samples, path = take
    expected = oracle(samples, edits)
    assert len(expected) == length_of(edits)
    if not len(expected):
        return
    out = run(tmp_path_factory.getbasetemp(), path, [as_table(*edit) for edit in edits])
    assert len(out) == len(expected)
    inside = slice(240, -240)  # a beginning or an end that the recording did not have is faded
    np.testing.assert_allclose(out[inside], expected[inside], rtol=0, atol=1e-15)


@given(edits=edit_lists(), overlap_ms=st.sampled_from([0.5, 2.0, 5.0]))
@settings(deadline=None, max_examples=examples(40))
def test_overlaps_keep_the_length_and_all_that_is_away_from_joins(take, tmp_path_factory, edits, overlap_ms):
    samples, path = take
    expected = oracle(samples, edits)
    if not len(expected):
        return
    out = run(tmp_path_factory.getbasetemp(), path, [as_table(*edit) for edit in edits], overlap_ms=overlap_ms)
    assert len(out) == len(expected) == length_of(edits)
    near = round(overlap_ms * RATE / 1000)
    # where what comes out does not go on as it did in the recording: no more than an overlap away from there it differs
    differs = np.flatnonzero(np.any(np.abs(out - expected) > 1e-12, axis=1))
    order = np.argsort(samples[:, 0])
    at = order[np.minimum(np.searchsorted(samples[:, 0], expected[:, 0], sorter=order), len(samples) - 1)]
    source = np.where(np.all(samples[at] == expected, axis=1), at, -1)
    breaks = np.append(np.flatnonzero(np.diff(source) != 1) + 1, [0, len(out)])
    distance = np.abs(differs[:, None] - breaks[None, :]).min(axis=1) if len(differs) else np.zeros(0)
    assert np.all(distance <= max(near, 240))


@pytest.mark.parametrize(
    ("edit", "start", "stop"),
    [
        (("silence", 1000, 2000, None), 1000, 2000),
        (("replace", 1000, 2000, 3000), 1000, 2000),
        (("reverse", 1000, 2000, None), 1000, 2000),
        (("gain", 1000, 2000, -6.0), 1000, 2000),
    ],
)
def test_what_lies_outside_an_edit_is_the_recording_bit_for_bit(take, tmp_path, edit, start, stop):
    samples, path = take
    out = run(tmp_path, path, [as_table(*edit)], overlap_ms=5.0)
    assert np.array_equal(out[:start], samples[:start])
    assert np.array_equal(out[stop:], samples[stop:])
    assert not np.array_equal(out[start:stop], samples[start:stop])


def test_a_cut_joins_before_what_follows_which_stays_bit_for_bit(take, tmp_path):
    samples, path = take
    out = run(tmp_path, path, [as_table("cut", 1000, 2000, None)], overlap_ms=5.0)
    assert np.array_equal(out[:760], samples[:760])
    assert np.array_equal(out[1000:], samples[2000:])


def test_a_gain_and_fades_of_one_part_are_multiplied(take, tmp_path):
    samples, path = take
    edits = [
        table("fade_out", from_=s(4000), to=s(4800), curve="linear"),
        table("gain", from_=s(4000), to=s(4800), gain_db=-6.0),
    ]
    out = run(tmp_path, path, edits)
    t = 1 - (np.arange(800) + 0.5) / 800
    assert np.allclose(out[4000:], samples[4000:] * t[:, None] * 10 ** (-6 / 20), atol=1e-15)


def test_times_are_the_recordings_whatever_other_edits_do(take, tmp_path):
    samples, path = take
    out = run(tmp_path, path, [as_table("cut", 0, 1000, None), as_table("silence", 2000, 2500, None)])
    assert not out[1000:1500].any()
    assert np.array_equal(out[500:1000], samples[1500:2000])


def test_another_rate_is_edited_as_it_sounds_at_the_songs(tmp_path):
    samples = noise(44100, 1)
    path = written(tmp_path / "take.wav", samples, rate=44100)
    plain = run(tmp_path, path, [], channels=1)
    out = run(tmp_path, path, [table("silence", from_=0.25, to=0.5)], channels=1, overlap_ms=5.0)
    assert len(plain) == len(out) == 48000
    assert np.array_equal(out[:12000], plain[:12000])
    assert not out[12240:23760].any()
    assert np.array_equal(out[24000:], plain[24000:])


def test_joins_are_measured_in_the_finished_file(take, tmp_path):
    _, path = take
    stream = Stream(RATE, 2, 0, tmp_path)
    given = {**OWN, "file": str(path), "edits": [as_table("cut", 1000, 2000, None)], "overlap_ms": 5.0}
    from stemtasks.audio.source import Source

    out = written(tmp_path / "out.wav", np.concatenate(list(edited(stream, **given))))
    with Source(out) as audio:
        found = joins(output=audio, stream=stream, **given)
    assert found["count"] == 1
    assert found["list"][0]["frame"] == 760
    assert found["list"][0]["overlap_frames"] == 240
    assert 0.0 <= found["worst_seam"]["jump_ratio"] < 1.5


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        (
            [table("silence", from_=0.05, to=0.05)],
            "edits[0].to: 0:00.050 is not after its start, 0:00.050",
        ),
        ([table("cut", from_=0.05, to=1.0)], "edits[0].to: 0:01.000 is not in it: "),
        ([table("replace", from_=0.0, to=0.05, with_=0.09)], "edits[0].with: the copy would end at 0:00.140, but "),
        (
            [table("cut", from_=0.01, to=0.05), table("silence", from_=0.04, to=0.06)],
            "edits[1]: it begins at 0:00.040, inside edits[0], 0:00.010 to 0:00.050; have them not overlap",
        ),
        (
            [table("cut", from_=0.01, to=0.05), table("insert", at=0.02, from_=0.06, to=0.07)],
            "edits[1].at: 0:00.020 lies inside edits[0], 0:00.010 to 0:00.050; put it at one of its ends",
        ),
        ([table("cut", from_=0.0, to=0.1)], "edits: they cut all of the recording; leave some of it"),
    ],
)
def test_a_list_that_cannot_be_done_names_the_edit_and_the_key(take, tmp_path, edits, said):
    with pytest.raises(SpecError) as error:
        run(tmp_path, take[1], edits)
    assert said in one_line(error)
