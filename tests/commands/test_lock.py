"""One build at a time in a tree, and how a build ends when it is asked to, in all its phases."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemtasks.commands import lock
from stemtasks.errors import CacheError
from tests.held import Hold
from tests.project import DODO, Project

SPEC = """
[song]
sample_rate = 8000
[reference]
duration = "0:01"
[stems.bass]
generator = "tone"
[stems.lead]
generator = "tone"
note = "C5"
"""
ALL = 3 + 2 * 3 + 2


@pytest.fixture
def working(project, hold):
    """Return a song whose build is under way, held up in its mix."""
    yield from held_up(project, hold)


@pytest.fixture(scope="module")
def at_work(tmp_path_factory):
    """Return such a song, whose build no test may end, nor change what it has made."""
    folder = tmp_path_factory.mktemp("at work")
    yield from held_up(Project(folder / "song"), Hold(folder / "markers"))


def held_up(project, hold):
    """Yield a song and the build of it, which is held up in its mix."""
    project.spec(SPEC)
    hold.mark("mix")
    process = project.start("-n", "2", "archive:song", env=hold.env)
    hold.wait("mix", process)
    yield project, process
    process.kill()
    process.wait()
    process.stdout.close()
    process.stderr.close()


def owner(process, command):
    return rf"build: another build is at work there \(process {process.pid} on \S+, since \d\d:\d\d:\d\d: {command}\)"


def test_a_second_build_says_for_whom_it_waits_and_then_has_nothing_to_do(working, hold):
    project, process = working
    second = project.start("archive:song")
    line = second.stderr.readline().decode()
    assert re.fullmatch(owner(process, r"__main__\.py -n 2 archive:song") + "; waiting for it to end\n", line)
    assert second.poll() is None
    hold.release("mix")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert out.decode().splitlines()[-1].startswith(f"{ALL} ran;")
    out, err = second.communicate(timeout=60)
    assert (second.returncode, err) == (0, b"")
    assert out.decode().splitlines()[-1].startswith(f"{ALL} up to date;")


@pytest.mark.parametrize("command", ["run", "clean", "forget", "ignore"])
def test_no_wait_fails_at_once_with_a_line_and_changes_nothing(at_work, command):
    project, process = at_work
    before = project.products()
    arguments = ["mix:song"] if command == "ignore" else []
    run = project.doit(command, "--no-wait", *arguments)
    assert run.code == 3
    assert run.out == ""
    told = "; run doit again when it has ended, or without --no-wait to wait for it\n"
    assert re.fullmatch("ERROR: " + owner(process, ".*") + re.escape(told), run.err)
    assert project.products() == before
    assert process.poll() is None


def test_what_only_reads_does_not_wait(at_work):
    project, _ = at_work
    assert project.doit("list", "--all").code == 0
    assert project.doit("help").code == 0


def test_an_owner_that_was_killed_blocks_nobody(working):
    project, process = working
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert (project.folder / "build/.stemtasks/lock").read_text().startswith(f"process {process.pid} on ")
    project.build("--no-wait")


def test_a_lock_of_damaged_text_is_a_lock(working):
    project, _ = working
    (project.folder / "build/.stemtasks/lock").write_bytes(b"\xff\x00\x1b[31mred\nmore\n" * 100)
    run = project.doit("--no-wait")
    assert run.code == 3
    assert run.err.startswith("ERROR: build: another build is at work there (\ufffd[31mred); ")
    assert run.err.count("\n") == 1


def test_a_build_folder_removed_while_another_waits_is_built_anew(working):
    project, _ = working
    second = project.start("archive:song")
    second.stderr.readline()
    shutil.rmtree(project.folder / "build")
    out, err = second.communicate(timeout=60)
    assert (second.returncode, err) == (0, b"")
    assert out.decode().splitlines()[-1].startswith(f"{ALL} ran;")


def test_the_lock_is_held_until_it_is_closed(tmp_path):
    path = tmp_path / "build/.stemtasks/lock"
    descriptor = lock.hold(path, wait=False, say=print)
    code = (
        f"from pathlib import Path; from stemtasks.commands import lock; lock.hold(Path({str(path)!r}), False, print)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert f"process {os.getpid()} on " in done.stderr.splitlines()[-1]
    os.close(descriptor)
    subprocess.run(command, check=True)


def test_a_lock_that_cannot_be_written_is_a_line(tmp_path):
    (tmp_path / "build").touch()
    with pytest.raises(CacheError, match="the build's lock cannot be written there"):
        lock.hold(tmp_path / "build/.stemtasks/lock", wait=True, say=print)


def test_a_dodo_file_of_another_project_is_built_as_ever(tmp_path):
    (tmp_path / "dodo.py").write_text("def task_hello():\n    return {'actions': ['echo hello'], 'verbosity': 2}\n")
    done = subprocess.run(
        [sys.executable, "-m", "doit"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == ".  hello\nhello\n"
    assert not (tmp_path / "build").exists()


STOPPED = "what was finished is kept: run doit again to go on"


def stopped(process, number=signal.SIGINT):
    """Send a signal and return the lines on stderr; two seconds are what a person waits."""
    begun = time.monotonic()
    os.kill(process.pid, number)
    try:
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 128 + number
    assert time.monotonic() - begun < 2
    return err.decode().splitlines()


@pytest.mark.parametrize(
    ("threads", "number"),
    [("0", signal.SIGINT), ("1", signal.SIGINT), ("2", signal.SIGINT), ("0", signal.SIGTERM), ("2", signal.SIGHUP)],
)
def test_a_signal_ends_a_running_build_with_a_line_and_what_was_finished_is_kept(project, hold, number, threads):
    project.spec(SPEC)
    hold.mark("mix", how="half")
    process = project.start("-n", threads, "archive:song", env=hold.env)
    hold.wait("mix", process)
    assert stopped(process, number) == [f"stopped while running mix:song; {STOPPED}"]
    project.assert_clean()
    hold.release("mix")
    assert project.build("archive:song").done == {"ran": ["archive:song", "master:song", "mix:song"]}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_wait_for_another_build(at_work, number):
    project, process = at_work
    second = project.start()
    second.stderr.readline()
    assert stopped(second, number) == ["stopped before any task was run: run doit again"]
    assert process.poll() is None


def open_files(process):
    """Return the files that a process has open (Linux)."""
    return list(Path(f"/proc/{process.pid}/fd").iterdir())


@pytest.mark.parametrize("built", [False, True], ids=["in the task", "before the task"])
def test_a_signal_ends_the_reading_of_a_large_input(project, built):
    project.spec(SPEC + '[stems.take]\ngenerator = "file"\nfile = "take.wav"\n')
    take = project.folder / "spec/take.wav"
    soundfile.write(take, 0.1 * np.sin(np.arange(8000)), 8000)
    project.build("stem:song/bass", *(["stem:song/take"] if built else []))
    with take.open("r+b") as file:
        file.truncate(1 << 40)  # a terabyte of nothing, on no disk
    process = project.start("stem:song/bass", "stem:song/take")
    seen = 0
    while seen < 3:  # and not only for a moment, as when a start stamp is looked for
        seen = seen + 1 if any(os.path.realpath(fd) == str(take.resolve()) for fd in open_files(process)) else 0
        assert process.poll() is None
        time.sleep(0.05)
    doing = "no task" if built else "stem:song/take"
    assert stopped(process) == [f"stopped while running {doing}; {STOPPED}"]


def test_a_signal_while_songs_are_read_is_a_line(project):
    project.spec(SPEC)
    with (project.folder / "dodo.py").open("a") as dodo:
        dodo.write("\n\ndef task_slow():\n    __import__('time').sleep(30)\n    yield from ()\n")
    process = project.start()
    path = project.folder / "build/.stemtasks/records.db"
    while not path.exists():
        time.sleep(0.05)
    time.sleep(0.3)
    assert stopped(process) == ["stopped before any task was run: run doit again"]


def test_a_signal_that_doit_was_started_to_ignore_stays_ignored(project, hold):
    project.spec(SPEC)
    hold.mark("mix")
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = project.start(env=hold.env)
    finally:
        signal.signal(signal.SIGHUP, before)
    hold.wait("mix", process)
    os.kill(process.pid, signal.SIGHUP)
    time.sleep(0.2)
    hold.release("mix")
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")


POOL = """
from stemtasks.executors import processes
from stemtasks.graph import run_in

run_in(processes)
"""


BEGINNING = (
    POOL
    + """
import os, time
from multiprocessing import util

spawn = util.spawnv_passfds

def spawned(program, arguments, files):
    process = spawn(program, arguments, files)
    if any("--multiprocessing-fork" in str(each) for each in arguments):
        open("begun", "w").close()
        time.sleep(0.5)  # before it is told what it is to be
    return process

util.spawnv_passfds = spawned
"""
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_that_is_being_started_when_a_signal_comes_says_nothing(project, number):
    project.spec(SPEC)
    dodo = project.folder / "dodo.py"
    dodo.write_text(dodo.read_text() + BEGINNING)
    process = project.start("archive:song")
    while not (project.folder / "begun").exists():
        assert process.poll() is None
        time.sleep(0.01)
    said = [line for line in stopped(process, number) if "resource_tracker" not in line]
    assert [line.partition(" while running ")[0] for line in said if line.strip() != "warnings.warn("] == ["stopped"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_worker_processes_end_with_the_build(project, hold, number):
    project.spec(SPEC)
    dodo = project.folder / "dodo.py"
    dodo.write_text(dodo.read_text() + POOL)
    hold.mark("mix")
    process = project.start("-n", "2", "archive:song", env=hold.env)
    hold.wait("mix", process)
    begun = time.monotonic()
    # as a terminal does: to all processes of the group
    os.killpg(process.pid, number) if number == signal.SIGINT else os.kill(process.pid, number)
    _, err = process.communicate(timeout=30)  # returns when the last worker has closed its end
    assert process.returncode == (130 if number == signal.SIGINT else -9)
    assert time.monotonic() - begun < 2
    # the workers' semaphores are taken away by another process of Python's, which says so
    said = [line for line in err.decode().splitlines() if "resource_tracker" not in line]
    lines = [line for line in said if line.strip() != "warnings.warn("]  # Python 3.12's shows the statement too
    assert lines == ([f"stopped while running mix:song; {STOPPED}"] if number == signal.SIGINT else [])
    hold.release("mix")
    dodo.write_bytes(DODO.read_bytes())
    assert project.build("--no-wait", "archive:song").done == {"ran": ["archive:song", "master:song", "mix:song"]}
