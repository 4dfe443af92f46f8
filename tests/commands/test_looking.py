"""Commands that only read write nothing, work where nothing can be written, and say what is true."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys

import pytest

from tests import starts
from tests.mounts import HERE_READ_ONLY, needs_mounts
from tests.two_stems import ALL, SPEC, after, built_in

LOOKING = (["list", "--all", "--status"], ["why"], ["plan"], ["info", "mix:song"], ["check"], ["list"], ["info", "mix"])


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Return the folder of a song of two stems that has been built."""
    return built_in(tmp_path_factory.mktemp("template") / "song")


def listing(folder):
    """Return every file and folder with its size, times and inode."""
    stamps = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        stamps[str(path)] = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_mode)
    return stamps


@pytest.mark.parametrize("state", ["new", "built", "changed", "killed"])
def test_who_looks_writes_nothing(project, request, state, tmp_path):
    place = project if state == "new" else request.getfixturevalue("built")
    place.spec(SPEC)
    if state == "changed":
        place.edit("cutoff_hz = 800", "cutoff_hz = 900")
    if state == "killed":  # with a log of SQLite's that no build has taken in
        (place.folder / "build/.stemtasks/records.db-shm").unlink(missing_ok=True)
    shared = tmp_path / "shared"
    shared.mkdir()
    before = listing(place.folder)
    for command in LOOKING:
        run = place.doit(*command, env={"STEMTASKS_CACHE": str(shared)})
        assert run.code == int(command[0] == "info" and state == "new"), run.err
        assert run.err == "", command
        assert listing(place.folder) == before, command
        assert list(shared.iterdir()) == [], command


@needs_mounts
def test_who_looks_needs_no_tree_that_can_be_written(built):
    for command in LOOKING:
        expected = built.doit(*command)
        done = starts.run(
            [sys.executable, "-c", f"{HERE_READ_ONLY}\ndoit(*sys.argv[1:])", *command],
            cwd=built.folder,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (expected.code, ""), command
        assert sorted(done.stdout.splitlines()) == sorted(expected.out.splitlines())  # doit keeps dependencies as sets


@needs_mounts
def test_where_who_looks_is_tried_nothing_can_be_written(built):
    done = starts.run(
        [sys.executable, "-c", f"{HERE_READ_ONLY}\nopen('spec/song.toml', 'a')"],
        cwd=built.folder,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, "Read-only file system" in done.stderr) == (1, True)


def test_who_looks_sees_a_build_that_is_at_work(project, hold):
    project.spec(SPEC)
    hold.mark("mix")
    project.build("picture:*")
    process = project.start(env=hold.env)
    hold.wait("mix", process)
    plan = project.doit("plan", timeout=20)
    hold.release("mix")
    process.communicate()
    assert plan.lines("up to date").keys() == set(ALL) - set(after("mix:song"))
    assert plan.lines("run").keys() == set(after("mix:song"))


PRINTING = [*LOOKING, ["help", "run"], ["--help"], ["clean", "-n"], []]
SCRIPT = [sys.executable, "-c", "from stemtasks.commands.start import doit; doit()"]


def assert_is_no_traceback(done, code, lines):
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == lines


@pytest.mark.parametrize("command", PRINTING, ids=" ".join)
def test_an_output_that_nobody_reads_or_that_is_full_is_no_traceback(built, command):
    for unread, code, lines in ((True, 0, 0), (False, 1 if command else 0, 1)):
        with contextlib.ExitStack() as opened:
            if unread:
                reading, output = os.pipe()
                os.close(reading)
                opened.callback(os.close, output)
            else:
                output = opened.enter_context(open("/dev/full", "w"))
            done = starts.run([*SCRIPT, *command], cwd=built.folder, stdout=output, stderr=subprocess.PIPE, text=True)
        assert_is_no_traceback(done, code, lines)


@pytest.mark.parametrize(
    ("shell", "command", "code", "lines"),
    [('"$@" | true; exit ${PIPESTATUS[0]}', LOOKING[0], 0, 0), ('"$@" > /dev/full', ["--help"], 1, 1)],
    ids=["nobody reads it", "it is full"],
)
def test_such_an_output_of_a_shells_is_no_traceback(built, shell, command, code, lines):
    done = subprocess.run(
        ["bash", "-c", shell, "bash", *SCRIPT, *command], cwd=built.folder, capture_output=True, text=True, check=False
    )
    assert_is_no_traceback(done, code, lines)


def test_a_group_is_up_to_date_when_all_of_it_is_and_list_and_info_agree(built):
    def listed():
        lines = built.doit("list", "--all", "--status").out.splitlines()
        return {name: status for status, name in (line.split()[:2] for line in lines)}

    def info(name):
        (said,) = (line for line in built.doit("info", name).out.splitlines() if line.startswith("status"))
        return said.partition(": ")[2]

    statuses = listed()
    assert statuses["process"] == statuses["process:song/bass"] == "U"
    assert info("process") == info("process:song/bass") == "up-to-date"
    built.edit("cutoff_hz = 800", "cutoff_hz = 900")
    statuses = listed()
    assert statuses["process"] == statuses["process:song/bass"] == "R"
    assert info("process") == info("process:song/bass") == "run"
    assert statuses["process:song/pad"] == statuses["stem"] == "U"
    assert info("process:song/pad") == info("stem") == "up-to-date"


EDITS = {
    "an effect": lambda built: built.edit("cutoff_hz = 800", "cutoff_hz = 850"),
    "and back": lambda built: built.edit("cutoff_hz = 850", "cutoff_hz = 800"),
    "a limit": lambda built: built.edit("dc_offset = 0.02", "dc_offset = 0.03"),
    "a product gone": lambda built: (built.folder / "build/song/mix.wav").unlink(),
    "a product overwritten": lambda built: overwrite(built.folder / "build/song/aligned/pad.wav"),
    "all products gone": lambda built: shutil.rmtree(built.folder / "build/song"),
    "blobs spoilt": lambda built: [overwrite(blob) for blob in built.folder.glob("build/.stemtasks/store/blobs/*/*")],
    "entries gone": lambda built: shutil.rmtree(built.folder / "build/.stemtasks/store/entries"),
    "records gone": lambda built: [path.unlink() for path in built.folder.glob("build/.stemtasks/[ru]*")],
    "a stem renamed": lambda built: built.edit("[stems.pad]", "[stems.cushion]"),
}
AFTER = {"run": "ran", "restore": "restored", "verify": "verified", "up to date": "up to date", "fail": "FAILED"}


def overwrite(path):
    if not path.exists():  # its stem has another name by now
        return
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("seed", range(2))
def test_a_build_does_what_plan_has_said(built, seed):
    kinds = sorted(EDITS.keys() - {"an effect", "and back"})
    random.Random(seed).shuffle(kinds)
    for kind in [*([] if seed else ["an effect", "and back"]), *kinds]:
        EDITS[kind](built)
        plan = built.doit("plan")
        assert (plan.code, plan.err) == (0, "")
        if not seed:
            assert_why_is_written_well(built.doit("why"))
        said = {task: AFTER[what] for what in AFTER for task in plan.lines(what)}
        run = built.build()
        done = {task: how for how in AFTER.values() for task in run.tasks(how)}
        # what a stem looks like is known by its sound alone, and another name does not change it
        drawn = {"picture:song/cushion": "restored"} if kind == "a stem renamed" else {}
        wrong = {task: how for task, how in done.items() if said[task] != how}
        assert wrong.items() <= drawn.items(), (seed, kind, plan.out)
        assert said.keys() == done.keys()


def assert_why_is_written_well(why):
    assert (why.code, why.err) == (0, "")
    assert not [line for line in why.out.splitlines() if line.startswith("     ") or line.endswith(" ")]


def test_a_restore_with_a_spoilt_blob_is_not_promised(built):
    shutil.rmtree(built.folder / "build/song")
    blob = max(built.folder.glob("build/.stemtasks/store/blobs/*/*"), key=lambda path: path.stat().st_size)
    times = blob.stat()
    overwrite(blob)
    os.utime(blob, ns=(times.st_atime_ns, times.st_mtime_ns))
    plan = built.doit("plan")
    assert plan.tasks("run") == ["archive:song"]
    assert built.build().done["ran"] == ["archive:song"]
