"""One action with stages that are made up: what is published, restored, kept and removed, and where it runs."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from stemtasks.action import digests
from stemtasks.action.perform import located, perform, up_to_date
from stemtasks.action.tree import Tree
from stemtasks.action.workers import attempt, processes
from stemtasks.cache import store
from stemtasks.errors import AudioError, CommandError, VerificationError, WorkerError
from stemtasks.job import Job


@pytest.fixture
def stage(monkeypatch):
    """Let a stage write its parameter and its inputs, and fail verification above a limit; return what it ran."""
    ran = []

    def run(inputs, outputs, params):
        ran.append(params["text"])
        read = "".join(path.read_text() for _, path in sorted(inputs.items()))
        outputs["audio"].write_text(params["text"] + read)
        outputs["facts"].write_text(json.dumps({"length": len(params["text"])}))

    def verify(facts, limits):
        return ["too long"] if facts["length"] > limits.get("length", 1000) else []

    made_up = SimpleNamespace(run=run, verify=verify, summary=lambda facts: f"{facts['length']} letters")
    monkeypatch.setitem(sys.modules, "stemtasks.stages.made_up", made_up)
    return ran


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Tree(tmp_path / "build" / ".stemtasks")


def job(text="hello", inputs=None, name="a", limits=None):
    return Job(
        task=f"stem:song/{name}",
        stage="made_up",
        inputs=inputs or {},
        outputs={"audio": f"build/{name}.wav", "facts": f"build/{name}.json"},
        params={"text": text},
        limits=limits or {},
    )


def read(name="a"):
    with open(f"build/{name}.wav") as file:
        return file.read()


def test_what_was_made_is_up_to_date_and_restored_when_asked_for_again(tree, stage):
    assert not up_to_date(job(), tree)
    assert perform(job(), tree).how == "ran"
    assert up_to_date(job(), tree)
    assert perform(job("other"), tree).how == "ran"
    assert read() == "other"
    assert perform(job(), tree).how == "restored"
    assert read() == "hello"
    assert stage == ["hello", "other"]


def test_a_limit_is_held_against_what_is_there_and_against_what_is_restored(tree, stage):
    perform(job(), tree)
    assert perform(job(limits={"length": 9}), tree).how == "verified"
    with pytest.raises(VerificationError):
        perform(job(limits={"length": 2}), tree)
    assert not os.path.exists("build/a.wav")
    with pytest.raises(VerificationError):
        perform(job(limits={"length": 3}), tree)
    assert sorted(os.listdir("build")) == [".stemtasks", "a.rejected.wav"]
    assert perform(job(), tree).how == "restored"
    assert sorted(os.listdir("build")) == [".stemtasks", "a.json", "a.wav"]
    assert stage == ["hello"]


@pytest.mark.parametrize("broken", ["link", "chmod", "both"])
def test_a_file_system_without_links_or_modes_is_as_good(tree, stage, monkeypatch, broken):
    def refuse(*_, **__):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    if broken != "chmod":
        monkeypatch.setattr(os, "link", refuse)
    if broken != "link":
        monkeypatch.setattr(os, "chmod", refuse)
    perform(job(), tree)
    perform(job("other"), tree)
    assert perform(job(), tree).how == "restored"
    assert read() == "hello"
    if broken != "chmod":
        assert os.stat("build/a.wav").st_nlink == 1


def test_what_a_copy_got_wrong_is_a_miss(tree, stage, monkeypatch):
    perform(job(), tree)
    perform(job("other"), tree)

    def link(source, target):
        target.write_bytes(source.read_bytes()[:-1] + b"?")

    monkeypatch.setattr(store, "link", link)
    assert perform(job(), tree).how == "ran"
    assert read() == "hello"


def test_two_tasks_of_the_same_bytes_stay_apart(tree, stage):
    perform(job(), tree)
    assert perform(job(name="b"), tree).how == "restored"
    perform(job("other"), tree)
    assert (read(), read("b")) == ("other", "hello")
    assert up_to_date(job(name="b"), tree)


def test_an_output_with_another_name_leaves_none_of_the_old_one(tree, stage):
    perform(job(), tree)
    renamed = Job(**{**vars(job()), "outputs": {"audio": "build/new.wav", "facts": "build/a.json"}})
    assert perform(renamed, tree).how == "restored"
    assert sorted(os.listdir("build")) == [".stemtasks", "a.json", "new.wav"]


def test_an_old_output_that_somebody_changed_is_not_removed(tree, stage):
    perform(job(), tree)
    os.chmod("build/a.wav", 0o644)
    with open("build/a.wav", "a") as file:
        file.write(" and more")
    perform(Job(**{**vars(job()), "outputs": {"audio": "build/new.wav", "facts": "build/a.json"}}), tree)
    assert read() == "hello and more"
    assert read("new") == "hello"


def entries(tree):
    return list((tree.state / "store/entries").rglob("*.json"))


def test_an_entry_under_another_key_or_with_another_summary_is_a_miss(tree, stage):
    perform(job(), tree)
    perform(job("other"), tree)
    first, second = entries(tree)
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)
    assert perform(job(), tree).how == "ran"
    for path in entries(tree):
        path.write_bytes(path.read_bytes().replace(b'"summary": ""', b'"summary": "?"'))
    assert perform(job("other"), tree).how == "ran"


def test_a_blob_that_was_cut_short_is_replaced_by_the_next_run(tree, stage):
    perform(job(), tree)
    for blob in (tree.state / "store/blobs").rglob("*"):
        if blob.is_file():
            blob.unlink()
            blob.touch()
    perform(job(), tree, forced=True)
    os.unlink("build/a.wav")
    assert perform(job(), tree).how == "restored"


@pytest.mark.parametrize("made", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_an_input_that_is_no_file_is_one_line_and_an_output_is_made_again(tree, stage, made):
    made("take.wav")
    with pytest.raises(AudioError, match=r"take\.wav: is not a file; correct the path"):
        perform(job(inputs={"file": "take.wav"}), tree)
    perform(job(), tree)
    os.unlink("build/a.wav")
    made("build/a.wav")
    assert not up_to_date(job(), tree)


def reads(monkeypatch):
    """Return the list of files that are read from now on."""
    seen = []

    def watched(read):
        return lambda path: seen.append(str(path)) or read(path)

    monkeypatch.setattr(digests, "read_digest", watched(digests.read_digest))
    return seen


@pytest.mark.parametrize("days", [0, -10_000, 10_000])
def test_a_file_is_read_once_whatever_its_time_says(tree, stage, monkeypatch, days):
    with open("take.wav", "w") as file:
        file.write("take")
    at = time.time() + days * 86400 + 0.25
    os.utime("take.wav", (at, at))
    time.sleep(0.06)
    seen = reads(monkeypatch)
    perform(job(inputs={"file": "take.wav"}), tree)
    again = Tree(tree.state)
    assert up_to_date(job(inputs={"file": "take.wav"}), again)
    assert seen.count("take.wav") == 1


def test_a_change_in_the_same_tick_that_keeps_size_and_time_is_seen(tree, stage):
    for text in ("one", "two", "six", "ten") * 5:
        with open("take.wav", "w") as file:
            file.write(text)
        os.utime("take.wav", (1, 1))
        perform(job(inputs={"file": "take.wav"}), tree)
        assert read() == "hello" + text


def test_what_a_build_of_the_same_process_number_left_is_removed(tree, stage):
    left = tree.state / "work" / f"{os.getpid()}-0123"
    left.mkdir(parents=True)
    (tree.state / "work" / ("9" * 40 + "-x")).mkdir()
    (left / "audio.wav").touch()
    assert os.listdir(Tree(tree.state).state / "work") == []


def fail(inputs, outputs, params):
    raise CommandError(f"{params['text']}: no licence")


@pytest.mark.parametrize("executor", [None, ThreadPoolExecutor])
def test_a_stage_gives_the_same_anywhere(tree, stage, executor, monkeypatch):
    tree.executor = executor
    assert perform(job(), tree).how == "ran"
    assert read() == "hello"
    monkeypatch.setattr(sys.modules["stemtasks.stages.made_up"], "run", fail)
    with pytest.raises(CommandError, match="other: no licence"):
        perform(job("other"), tree)


def measured(number):
    return Job(
        task="reference:song",
        stage="reference",
        inputs={},
        outputs={"facts": "build/reference.json"},
        params={"sample_rate": 48000, "duration": [number, "s"], "bpm": None},
    )


@pytest.mark.parametrize("executor", [processes, ProcessPoolExecutor])
def test_a_stage_and_its_mistake_travel_between_processes(tree, executor):
    tree.executor = executor
    assert perform(measured(2), tree).summary == "96000 frames, 0:02.000"
    Path("words.wav").write_text("I am not a WAV")
    job = Job(**{**vars(measured(1)), "inputs": {"file": "words.wav"}, "params": {"sample_rate": 48000}})
    with pytest.raises(AudioError, match=r"words\.wav: cannot be read as audio"):
        perform(job, tree)


def test_a_worker_that_dies_fails_its_own_job_in_one_line_and_the_next_has_a_new_one(tree):
    tree.executor = processes
    with ThreadPoolExecutor(2) as threads:
        other = threads.submit(lambda: (tree.submit(time.sleep, 0.5), "well")[1])
        dying = threads.submit(lambda: tree.submit(os._exit, 9))
        with pytest.raises(WorkerError) as caught:
            dying.result()
        assert other.result() == "well"
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("what ran it was lost (BrokenProcessPool: ")
    with pytest.raises(WorkerError):
        tree.submit(os._exit, 9)
    assert tree.submit(abs, -1) == 1


def test_a_stages_bug_comes_back_as_itself_with_its_traceback(tree):
    tree.executor = processes
    with pytest.raises(KeyError) as caught:
        perform(Job(**{**vars(measured(1)), "params": {}}), tree)
    assert any("reference.py" in note for note in caught.value.__notes__)


def test_locating_a_mistake_names_the_place_in_the_spec():
    assert located(Job("t", "s", {}, {}, {}, where="spec/a.toml: stems.b"), AudioError("x")) == (
        "spec/a.toml: stems.b: x"
    )


def test_a_matrix_product_takes_one_thread_here_and_in_a_worker_whatever_the_environment_says(tree, monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    code = (
        "import os, sys; import stemtasks.graph; "
        "print(os.environ['OPENBLAS_NUM_THREADS'], [name for name in ('numpy', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tree.state)
    assert done.stdout == "1 []\n"
    tree.executor = processes
    assert tree.submit(attempt, "no order") is not None
    assert tree.submit(os.getenv, "OPENBLAS_NUM_THREADS") == "1"
