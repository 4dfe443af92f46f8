"""Whatever a spec says within the bounds of its schema, looking at it ends with lines and never with an exception."""

from __future__ import annotations

import tomllib
import typing
from typing import Literal

import numpy as np
import pytest
import soundfile
from hypothesis import event, given, settings
from hypothesis import strategies as st

from stemtasks.action.check import check
from stemtasks.errors import SpecError
from stemtasks.spec import hints, parts, reading, schema
from stemtasks.units import Range
from tests import examples

SONG = """
[song]
bpm = 120
key = "G major"
sample_rate = 8000
[reference]
duration = "0:08"
[[sections]]
name = "verse"
bars = 2
[[sections]]
name = "chorus"
fill = true
[stems.it]
generator = "tone"
"""
STEPS = st.text("13579b#',!?*.-|IViv7/+ GAx0\u00b0\u00b2\u0663\n", max_size=30)
ROWS = st.text("Xxo.-| z", max_size=40)
PATTERNS = st.dictionaries(
    st.sampled_from(["verse", "chorus", "default", "bridge", ""]),
    st.one_of(
        STEPS,
        st.dictionaries(st.sampled_from(["kick", "snare", "fill", "fill_every_bars", "crash_on_start", "x"]),
                        st.one_of(ROWS, st.integers(-2, 5), st.booleans(), st.dictionaries(st.just("kick"), ROWS)),
                        max_size=4),
        st.integers(), st.lists(st.integers(), max_size=2),
    ),
    max_size=3,
)  # fmt: skip


def values(parameter):
    """Return what a parameter may be given: the ends of its range, choices, texts."""
    if parameter.name == "patterns":
        return PATTERNS
    options = [parameter.annotation, *typing.get_args(parameter.annotation)]
    choices = [value for option in options if typing.get_origin(option) is Literal for value in typing.get_args(option)]
    marks = [mark for mark in hints.marks(parameter.annotation) if isinstance(mark, Range)]
    ends = [end for mark in marks for end in (mark.low, min(mark.high, 3999.0), mark.high, (mark.low + mark.high) / 2)]
    if any(int in typing.get_args(option) for option in options):
        ends = [int(end) for end in ends]
    plain = {bool: [True, False]}.get(parameter.annotation, [])
    named = {
        "note": ["A4", "G9", "C-1"],
        "file": ["take.wav"],
        "command": [["true", "{output}"]],
        "inputs": [["take.wav"]],
    }
    right = [*choices, *ends, *plain, *named.get(parameter.name, [])]
    junk = st.one_of(st.sampled_from([3999.0, 7, "A4", "", [], {}]), st.text(max_size=3))
    return st.one_of(*[st.sampled_from(right)] * 60, junk) if right else junk


def tables(kind, key):
    """Return tables that name a part of a kind and give some of its parameters."""

    def of(name):
        given = {p.name: values(p) for p in schema.of(kind, name).parameters}
        return st.fixed_dictionaries({key: st.just(name)}, optional=given)

    return st.sampled_from(parts.names(kind)).flatmap(of)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder of songs with a recording."""
    folder = tmp_path_factory.mktemp("songs")
    soundfile.write(folder / "take.wav", np.full((8000, 2), 0.1), 44100)
    return folder


@settings(max_examples=examples(120), deadline=None)
@given(
    stem=tables("generators", "generator"),
    align=tables("strategies", "strategy"),
    effects=st.lists(tables("effects", "name"), max_size=3),
    song=st.fixed_dictionaries(
        {},
        optional={
            "bpm": st.sampled_from([10.0, 1000.0, 120.0, None]),
            "time_signature": st.sampled_from(["1/32", "99/1", "6/8"]),
            "sample_rate": st.sampled_from([8000, 384_000]),
            "channels": st.sampled_from([1, 2]),
            "key": st.sampled_from(["B locrian", None]),
        },
    ),
    own=st.fixed_dictionaries(
        {},
        optional={
            "duration": st.sampled_from([0.5, "2 bars", "24:00:00", "100000 beats"]),
            "channels": st.sampled_from([1, 2]),
            "bpm": st.sampled_from([10.0, 1000.0]),
            "pan": st.sampled_from([-1.0, 1.0]),
        },
    ),
)
def test_nothing_within_the_schema_is_an_exception(folder, stem, align, effects, song, own):
    data = tomllib.loads(SONG)
    data["song"] = {name: value for name, value in {**data["song"], **song}.items() if value is not None}
    data["stems"]["it"] = {**stem, **own, "align": align, "effects": effects}
    try:
        read = reading._song(folder / "song.toml", data)
    except SpecError:
        event("refused while it was read")
        return
    said = check(read)
    assert all(line.startswith(f"{folder}/song.toml: ") for line in (*said.mistakes, *said.remarks))
