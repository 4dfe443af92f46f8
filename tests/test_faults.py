"""A slice of the faults at single system calls, another each day; for all of them run ``python -m tests.faults``."""

from __future__ import annotations

import datetime
import random

import pytest

from tests.faults.__main__ import Faults, tried
from tests.faults.song import MOVES
from tests.faults.strace import FAULTS, unusable
from tests.project import BrokenError

DRAWS = 8
"""Calls that are tried of each kind of fault until one is hit."""


@pytest.fixture(scope="module")
def faults(tmp_path_factory):
    """Return the faults of two moves; each of their trees is made once."""
    if reason := unusable():
        pytest.skip(reason)
    return Faults(tmp_path_factory.mktemp("faults"), ["cleaned", "a stem taken out"])


def test_after_a_fault_of_any_kind_at_some_system_call_the_next_build_is_right(tmp_path):
    if reason := unusable():
        pytest.skip(reason)
    chance = random.Random(seed := datetime.date.today().toordinal())
    faults = Faults(tmp_path, [sorted(MOVES)[seed % len(MOVES)]])
    drawn = {kind: [each for each in faults.all() if each[2] == kind] for kind in FAULTS}
    left = {kind: chance.sample(of_kind, min(DRAWS, len(of_kind))) for kind, of_kind in drawn.items() if of_kind}
    assert len(left) >= 3
    # where the calls of two threads come in another order than before, it was another call, and the next is tried
    for _ in range(DRAWS):
        counts, broken = tried(faults, [of_kind.pop() for of_kind in left.values() if of_kind], 2, lambda _: None)
        assert broken == [], f"seed {seed}"
        for _, kind, how in counts:
            if how != "missed":
                del left[kind]
    assert left == {}, f"seed {seed}"


def test_a_file_that_cannot_be_cleaned_away_is_one_line(faults):
    call = next(call for call in faults.calls["cleaned"] if call.name == "unlink" and call.shown.endswith("mix.wav"))
    assert faults.inject("cleaned", call, "EACCES") == "failed"


def test_a_rejected_file_of_a_removed_stem_that_cannot_be_removed_at_first_is_no_traceback(faults):
    calls = faults.calls["a stem taken out"]
    call = next(call for call in calls if call.name == "unlink" and call.shown.endswith("take.rejected.wav"))
    assert faults.inject("a stem taken out", call, "EACCES") == "was right"


def test_the_faults_see_a_wrong_byte_and_a_file_that_lies_about(faults, monkeypatch):
    calls = [call for call in faults.calls["cleaned"] if call.name == "unlink"]
    expected = faults.expected(MOVES["cleaned"])
    name = "song/mix.wav"
    monkeypatch.setattr(faults, "expected", lambda _: {**expected, name: expected[name] + b"\0"})
    with pytest.raises(BrokenError, match=f"build/{name} has other bytes"):
        faults.inject("cleaned", calls[0], "EIO")
    monkeypatch.setattr(faults, "expected", lambda _: {path: expected[path] for path in expected if path != name})
    with pytest.raises(BrokenError, match=f"build/{name} lies about"):
        faults.inject("cleaned", calls[1], "EIO")
