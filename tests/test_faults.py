"""A slice of the faults at single system calls, another each day; for all of them run ``python -m tests.faults``."""

from __future__ import annotations

import datetime
import random

import pytest

from tests.faults.__main__ import Faults, tried
from tests.faults.song import MOVES
from tests.faults.strace import unusable
from tests.project import BrokenError

FAULTS = 8


@pytest.fixture(autouse=True)
def _strace():
    if reason := unusable():
        pytest.skip(reason)


def test_after_a_fault_at_any_system_call_the_next_build_is_right(tmp_path):
    seed = datetime.date.today().toordinal()
    move = sorted(MOVES)[seed % len(MOVES)]
    faults = Faults(tmp_path, [move])
    chosen = random.Random(seed).sample(faults.all(), FAULTS)
    counts, broken = tried(faults, chosen, 2, lambda _: None)
    assert broken == [], f"seed {seed}"
    assert sum(counts.values()) == FAULTS
    assert sum(count for (_, _, how), count in counts.items() if how == "missed") <= FAULTS // 4


def test_a_file_that_cannot_be_cleaned_away_is_one_line(tmp_path):
    faults = Faults(tmp_path, ["cleaned"])
    call = next(call for call in faults.calls["cleaned"] if call.name == "unlink" and call.shown.endswith("mix.wav"))
    assert faults.inject("cleaned", call, "EACCES") == "failed"


def test_a_rejected_file_of_a_removed_stem_that_cannot_be_removed_at_first_is_no_traceback(tmp_path):
    faults = Faults(tmp_path, ["a stem taken out"])
    calls = faults.calls["a stem taken out"]
    call = next(call for call in calls if call.name == "unlink" and call.shown.endswith("take.rejected.wav"))
    assert faults.inject("a stem taken out", call, "EACCES") == "was right"


def test_the_faults_see_a_wrong_byte_and_a_file_that_lies_about(tmp_path, monkeypatch):
    faults = Faults(tmp_path, ["made once more"])
    calls = [call for call in faults.calls["made once more"] if call.name == "rename"]
    expected = faults.expected(MOVES["made once more"])
    name = "song/mix.wav"
    monkeypatch.setattr(faults, "expected", lambda _: {**expected, name: expected[name] + b"\0"})
    with pytest.raises(BrokenError, match=f"build/{name} has other bytes"):
        faults.inject("made once more", calls[0], "EIO")
    monkeypatch.setattr(faults, "expected", lambda _: {path: expected[path] for path in expected if path != name})
    with pytest.raises(BrokenError, match=f"build/{name} lies about"):
        faults.inject("made once more", calls[1], "EIO")
