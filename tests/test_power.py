"""Power loss, at a few moments; at many, and up to a minute after a build: ``python -m tests.power``."""

from __future__ import annotations

import datetime

import pytest

from tests.pipeline import tasks_of
from tests.power.__main__ import outages
from tests.power.disks import KINDS, unusable
from tests.two_stems import STEMS

TASKS = len(tasks_of("song", [*STEMS, "take"]))
SHARPEST = "ext4 writeback, allocating at once"
"""Where a file has its size and its times on the disk long before it has its bytes."""


def lost(kind, moves):
    """Lose the power after each of some moves, when the records have just been written to the disk and no more has."""
    if reason := unusable(kind):
        pytest.skip(reason)
    told, wrong = outages(kind, 0, during=99, after=(), log=lambda _: None, moves=moves, records_first=1)
    assert wrong == []
    return told


def test_what_a_record_speaks_of_outlives_a_power_loss_with_it():
    told = lost(SHARPEST, ["built from nothing", "a spec, edited", "built after the edit"])
    assert told["copies"] == 3
    assert told["up to date"] >= 2 * TASKS, "records were written, and nothing was lost that they speak of"


def test_inputs_and_the_note_of_a_build_with_nothing_to_do_outlive_a_power_loss():
    told = lost(SHARPEST, ["built from nothing", "a recording, new", "built with the recording", "a rest"])
    assert told["copies"] == 4


def test_after_a_power_loss_the_next_build_is_right_on_the_file_system_whose_turn_it_is_today():
    kinds = sorted(set(KINDS) - {SHARPEST})
    kind = kinds[datetime.date.today().toordinal() % len(kinds)]
    assert lost(kind, ["built from nothing", "a recording, new", "built with the recording"])["copies"] == 3
