"""What a worker does with an order: in a folder of its own, and not at all where it would make something else."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from stemtasks.action import workers
from stemtasks.action.perform import perform
from stemtasks.action.tree import Tree
from stemtasks.action.workers import attempt
from stemtasks.errors import StemtasksError, WorkerError
from stemtasks.job import Job
from stemtasks.stages import reference


class Elsewhere(ThreadPoolExecutor):
    """An executor whose workers do with an order what a test has them do."""

    def __init__(self, does) -> None:
        super().__init__(1)
        self.does = does

    def submit(self, call, order) -> Future:
        assert call is attempt
        return super().submit(self.does, json.loads(order))


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("take.wav").write_bytes(b"take")
    return Tree(tmp_path / "build" / ".stemtasks")


@pytest.fixture
def job(monkeypatch):
    """Return a job whose stage copies its input, and says so."""

    def run_stage(stage, inputs, outputs, params):
        outputs["audio"].write_bytes(inputs["file"].read_bytes())
        outputs["facts"].write_text("{}")

    monkeypatch.setattr(workers, "run_stage", run_stage)
    monkeypatch.setattr(reference, "summary", lambda _: "copied")
    monkeypatch.setattr(reference, "verify", lambda *_: [])
    outputs = {"audio": "build/a.wav", "facts": "build/a.json"}
    return Job("reference:song", "reference", {"file": "take.wav"}, outputs, {})


def refused(tree, job, change):
    """Return why a worker refuses an order that differs in something from where the worker is."""

    def does(order):
        change(order)
        return attempt(json.dumps(order))

    workers_of_tree = Elsewhere(does)
    tree.executor = lambda: workers_of_tree
    with pytest.raises(WorkerError) as caught:
        perform(job, tree)
    assert sorted(os.listdir("build")) == [".stemtasks"]
    assert os.listdir("build/.stemtasks/work") == []
    assert not list(Path("build/.stemtasks/store").rglob("*.json"))
    workers_of_tree.does = lambda order: attempt(json.dumps(order))
    assert perform(job, tree).how == "ran"
    before, _, after = str(caught.value).partition(f"process {os.getpid()} on {platform.node()} ")
    assert before == ""
    return after


@pytest.mark.parametrize(
    ("there", "named"),
    [
        ({"numpy": "9.9", "python": None}, "numpy {numpy} in place of 9.9, python {python} in place of none"),
        ({"audio/source.py": "0", "soundfile": "1.0"}, "audio/source.py, soundfile {soundfile} in place of 1.0"),
        ({f"dsp/{letter}.py": letter for letter in "abcdef"}, "dsp/a.py, dsp/b.py, dsp/c.py, dsp/d.py and 2 more"),
    ],
)
def test_other_sources_or_libraries_are_refused_by_name(tree, job, there, named):
    known = {}

    def change(order):
        known.update(order["deciding"])
        order["deciding"].update(there)
        order["deciding"] = {name: said for name, said in order["deciding"].items() if said is not None}

    said = refused(tree, job, change)
    assert said == (
        f"has other code than this build: {named.format(**known)}; give it the same, "
        "start it again in the folder of dodo.py, and run doit again"
    )


def test_a_worker_that_does_not_see_the_folder_refuses(tree, job, tmp_path):
    there = tmp_path / "elsewhere"
    said = refused(tree, job, lambda order: order.update(folder=str(there)))
    assert said == f"does not see {there}; mount the song's folder there at the same path, and run doit again"
    assert not there.exists()


@pytest.mark.parametrize("other", ["none", "size", "time", "pipe"])
def test_a_worker_that_sees_another_file_refuses(tree, job, tmp_path, other):
    there = tmp_path / "there.wav"
    if other == "pipe":
        os.mkfifo(there)
    elif other != "none":
        there.write_bytes(b"takes" if other == "size" else b"lake")
        at = os.stat("take.wav").st_mtime + (10 if other == "time" else 0)
        os.utime(there, (at, at))

    def change(order):
        _, *seen = order["inputs"]["file"]
        order["inputs"]["file"] = [str(there), *seen]

    assert refused(tree, job, change) == (
        f"sees another file than this build as {there}, or none; "
        "mount the same files at the same paths, and run doit again"
    )


def test_a_worker_whose_numpy_has_more_threads_than_one_refuses(tree, job, monkeypatch):
    monkeypatch.setattr(workers, "TOO_LATE_FOR_ONE_THREAD", True)
    tree.executor = lambda: Elsewhere(lambda order: attempt(json.dumps(order)))
    with pytest.raises(WorkerError, match=r"imported numpy before .*; start it with OPENBLAS_NUM_THREADS=1, and run"):
        perform(job, tree)


def test_of_two_attempts_at_one_order_what_the_lost_one_writes_late_is_in_no_file(tree, job, monkeypatch):
    run_stage = workers.run_stage
    lost = []

    def dies(stage, inputs, outputs, params):
        run_stage(stage, inputs, outputs, params)
        lost.extend(path.open("r+b") for path in outputs.values())
        raise MemoryError

    def does(order):
        monkeypatch.setattr(workers, "run_stage", dies)
        assert isinstance(attempt(json.dumps(order)), MemoryError)
        monkeypatch.setattr(workers, "run_stage", run_stage)
        return attempt(json.dumps(order))

    tree.executor = lambda: Elsewhere(does)
    assert perform(job, tree).how == "ran"
    for file in lost:
        file.write(b"late")
        file.close()
    assert len(lost) == 2
    assert Path("build/a.wav").read_bytes() == b"take"
    assert Path("build/a.json").read_text() == "{}"
    assert os.listdir("build/.stemtasks/work") == []


def test_an_order_is_never_twice_the_same_text(tree, job):
    """An executor may take a call that it knows for done: Dask does, of a function that it takes for pure."""
    orders = []
    tree.executor = lambda: Elsewhere(lambda order: orders.append(json.dumps(order)) or attempt(orders[-1]))
    for _ in range(2):
        perform(job, tree, forced=True)
    assert len(set(orders)) == 2


def test_what_cannot_be_reached_is_a_line_about_that(tree, job):
    def nowhere():
        raise OSError("no route\nto host")

    tree.executor = nowhere
    with pytest.raises(StemtasksError) as caught:
        perform(job, tree)
    assert str(caught.value) == (
        "where jobs run cannot be reached (OSError: no route to host); start it, or change run_in(...) in dodo.py"
    )


@pytest.mark.parametrize(("first", "late"), [("import numpy", "True"), ("", "False")])
def test_numpy_that_is_there_before_stemtasks_has_threads_of_its_own(first, late):
    code = f"{first}\nfrom stemtasks.action import workers\nprint(workers.TOO_LATE_FOR_ONE_THREAD)"
    env = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == f"{late}\n"


def test_ctrl_c_while_a_worker_begins_is_not_the_workers_to_answer(capfd):
    with workers.processes() as executor:
        (process,) = executor._processes
        asked = executor.submit(pow, 2, 3)
        while not asked.done():
            os.kill(process, signal.SIGINT)
            time.sleep(0.001)
        assert asked.result() == 8
        assert executor.submit(signal.pthread_sigmask, signal.SIG_BLOCK, ()).result() == set()
    assert capfd.readouterr().err == ""
