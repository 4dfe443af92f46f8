"""A stamp is trusted when a change from now on would show in it, by the clock of the disk that the file is on."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace

import pytest

from stemtasks.action import clock
from stemtasks.action.clock import COARSE_NS, ELSEWHERE_NS, FINE_NS, Clock
from stemtasks.cache.digest import Signature

SECOND = 1_000_000_000
HERE, NOW = 7, 1_700_000_000 * SECOND + 123


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """Return a clock, and what its disk says: a time of its own, and on which device a file is."""
    said = SimpleNamespace(st_dev=HERE, st_mtime_ns=NOW)
    file = SimpleNamespace(st_dev=HERE)
    monkeypatch.setattr(clock.Clock, "_asked", lambda _: said)
    monkeypatch.setattr(clock.os, "stat", lambda _: file)
    return Clock(tmp_path), said, file


def settled(clock, mtime_ns, ctime_ns=0, **how):
    return clock.settled("file", Signature(1, mtime_ns, ctime_ns, 1), **how)


@pytest.mark.parametrize(("now", "tick"), [(NOW, FINE_NS), (NOW - 123, COARSE_NS)], ids=["fine", "whole seconds"])
def test_a_file_is_young_for_a_tick_before_and_after_now(disk, now, tick):
    clock, said, _ = disk
    said.st_mtime_ns = now
    for age_ns, old in ((0, False), (tick, False), (tick + 1, True), (-tick, False), (-tick - 1, True)):
        assert settled(clock, now - age_ns) is old
        assert settled(clock, 0, now - age_ns) is old
        assert settled(clock, 0, now - age_ns, by_mtime=True) is True


def test_a_file_must_be_older_than_what_was_read_some_time_ago(disk):
    clock, *_ = disk
    assert settled(clock, NOW - 5 * SECOND, ago_ns=4 * SECOND)
    assert not settled(clock, NOW - 5 * SECOND, ago_ns=6 * SECOND)


def test_on_another_disk_a_file_is_young_for_an_hour(disk):
    clock, _, file = disk
    file.st_dev = HERE + 1
    now = time.time_ns()
    assert not settled(clock, now - ELSEWHERE_NS + 60 * SECOND)
    assert settled(clock, now - ELSEWHERE_NS - 60 * SECOND)


def test_the_clock_is_the_disks(tmp_path):
    path = tmp_path / "file"
    path.touch()
    status = path.stat()
    at = Signature(0, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    asked = Clock(tmp_path)
    assert not asked.settled(path, at)
    time.sleep(0.1)
    assert asked.settled(path, at)


def test_where_the_disk_cannot_be_asked_nothing_is_trusted(tmp_path):
    path = tmp_path / "file"
    path.touch()
    os.utime(path, (1, 1))
    assert not Clock(tmp_path / "not there").settled(path, Signature(0, 1, 1, 1))
    assert not Clock(tmp_path).settled(tmp_path / "gone", Signature(0, 1, 1, 1))
