"""A build that is stopped leaves no workplace, whatever its other threads are doing at that moment."""

from __future__ import annotations

import contextlib
import threading
from types import SimpleNamespace

import pytest

from stemtasks.action import workplace

JOB = SimpleNamespace(task="mix:song", outputs={"audio": "build/song/mix.wav"})


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "work").mkdir()
    return SimpleNamespace(state=tmp_path, beginning=threading.RLock())


def left(tree):
    return [path.name for path in (tree.state / "work").iterdir()]


def test_what_a_job_still_writes_into_is_gone_with_all_that_is_in_it(tree):
    for _ in range(20):
        begun = threading.Event()

        def write(begun=begun):
            with contextlib.suppress(OSError), workplace.working(JOB, tree) as work:
                for number in range(100_000):
                    work["audio"].with_name(str(number)).touch()
                    begun.set()

        thread = threading.Thread(target=write)
        thread.start()
        assert begun.wait(30)
        workplace.abandon(tree)
        assert left(tree) == []
        tree.beginning.release()
        thread.join(30)
        assert left(tree) == []


def test_no_job_begins_any_more(tree):
    begun = threading.Event()

    def begin():
        with workplace.working(JOB, tree):
            begun.set()

    workplace.abandon(tree)
    thread = threading.Thread(target=begin)
    thread.start()
    assert not begun.wait(0.1)
    assert left(tree) == []
    tree.beginning.release()
    assert begun.wait(30)
    thread.join(30)


def test_a_workplace_of_another_process_stays(tree):
    (tree.state / "work" / "1-0123-4567").mkdir()
    workplace.abandon(tree)
    assert left(tree) == ["1-0123-4567"]
