"""Work in a second thread: its result, its errors, and that it has ended when its block has."""

from __future__ import annotations

import threading

import pytest

from stemtasks.beside import beside


def test_both_run_at_the_same_time():
    ours, theirs = threading.Event(), threading.Event()

    def work() -> bool:
        theirs.set()
        return ours.wait(10)

    with beside(work) as result:
        assert theirs.wait(10)
        ours.set()
        assert result()


def test_what_the_work_raises_is_raised_where_its_result_is_asked_for():
    with pytest.raises(ZeroDivisionError), beside(lambda: 1 // 0) as result:
        result()


def test_an_error_of_the_block_waits_for_the_work_to_end():
    release, done = threading.Event(), threading.Event()

    def work() -> None:
        release.wait(10)
        done.set()

    def fail() -> None:
        with beside(work):
            release.set()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert done.is_set()
