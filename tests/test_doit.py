"""doit around the build: where output goes, what the spec dropped, which tasks keep their records, executors."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from tests import starts
from tests.pipeline import tasks_of
from tests.slow_song import SLOW, failed, renders, started
from tests.two_stems import built_in

SPEC = """
[song]
bpm = 120
sample_rate = 16000
[reference]
duration = "0:02"
[stems."Größe 低音"]
generator = "tone"
note = "A2"
[stems.lead]
generator = "tone"
"""
PROCESSES = "from stemtasks.executors import processes\nfrom stemtasks.graph import run_in\n\nrun_in(processes)\n"


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Return the folder of a song that has been built."""
    return built_in(tmp_path_factory.mktemp("template") / "song", SPEC)


def running(project, *arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "doit", *arguments], cwd=project.folder, timeout=60, check=False, **options
    )


def test_a_reader_that_goes_away_is_no_traceback_and_stops_nothing(project):
    project.spec(SPEC)
    reader, writer = os.pipe()
    os.close(reader)
    done = running(project, "mix:song", stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
    assert project.build("mix:song").done == {}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_output_that_cannot_be_written_is_one_line_and_stops_nothing(project):
    project.spec(SPEC)
    with open("/dev/full", "w") as full:
        done = running(project, "mix:song", stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 0
    assert done.stderr == b"the output of doit cannot be written (No space left on device); what it does goes on\n"
    assert project.build("mix:song").done == {}


@pytest.mark.parametrize("arguments", [[], ["list", "--all"]])
def test_names_that_a_terminal_cannot_show_are_shown_by_their_codes(built, arguments):
    run = built.doit(*arguments, env={"PYTHONIOENCODING": "ascii"})
    assert (run.code, run.err) == (0, "")
    assert r"stem:song/Gr\xf6\xdfe \u4f4e\u97f3" in run.out


def test_the_process_runner_is_one_line_a_task_and_no_hang(project):
    project.spec(SPEC)
    run = failed(project, "-P", "process", "-n", "2")
    assert run.lines("FAILED")["reference:song"] == (
        "doit's process runner cannot share the records; use threads ('doit -P thread')"
    )
    project.build("align:*")


@pytest.mark.parametrize("reporter", ["json", "console", "executed-only", "zero"])
def test_doits_own_reporters_work(project, reporter):
    project.spec(SPEC)
    run = project.build("--reporter", reporter, "align:song/lead")
    assert (run.code, run.err) == (0, "")


def test_another_folder_and_another_name_of_the_dodo_file(built, tmp_path):
    run = starts.run(
        [sys.executable, "-m", "doit", "-f", str(built.folder / "dodo.py")],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert run.stdout.count("up to date") == 15
    run = built.doit("-d", str(tmp_path))
    assert run.code == 3
    assert run.err.startswith("ERROR: spec/: no songs here")


def test_a_stem_that_fails_costs_the_tasks_after_it_nothing(slow_built):
    renders(slow_built, 0, "import sys; sys.exit(3)  # {seconds}")
    assert failed(slow_built).tasks("FAILED") == [SLOW]
    renders(slow_built, 0)
    assert slow_built.build().done == {"restored": [SLOW]}


def test_a_task_that_fails_stays_ignored_later(slow_built):
    slow = slow_built
    slow.doit("ignore", "archive:song")
    renders(slow, 0, "import sys; sys.exit(3)  # {seconds}")
    failed(slow)
    renders(slow, 0.01)
    assert "archive:song" not in slow.build().tasks("ran")


def test_a_stem_or_song_that_is_taken_out_leaves_no_file(built):
    built.spec(SPEC, "other")
    built.build()
    before = built.products()
    built.edit('[stems.lead]\ngenerator = "tone"\n', "")
    (built.folder / "spec/other.toml").unlink()
    run = built.build()
    assert run.tasks("removed") == sorted(
        [task for task in tasks_of("song", ["lead"]) if "/" in task] + tasks_of("other", ["lead", "Größe"])
    )
    assert not [name for name in built.products() if "lead" in name or name.startswith("other/")]
    assert sorted(os.listdir(built.folder / "build")) == [".stemtasks", "index.html", "song"]
    built.spec(SPEC)
    built.spec(SPEC, "other")
    assert list(built.build().done) == ["restored"]
    assert built.products() == before


def test_a_new_title_leaves_one_archive(built):
    built.edit("[song]", '[song]\ntitle = "New"')
    built.build()
    assert [name for name in built.products() if name.endswith(".zip")] == ["song/New_16k_32float.zip"]


def test_a_stem_that_is_another_songs_master_is_built_after_it(built):
    paths = "../build/song/master.wav", (built.folder / "build/song/master.wav").as_posix()
    stems = [f'[stems.{name}]\ngenerator = "file"\nfile = "{path}"\n' for name, path in zip("rn", paths, strict=True)]
    built.spec(SPEC[: SPEC.index("[stems")] + "".join(stems), "a first")
    built.build()
    built.edit("A2", "B2")
    run = built.build()
    names = [line.split()[1] for line in run.out.splitlines() if line.startswith(("ran ", "restored "))]
    assert names.index("master:song") < names.index("stem:a")
    assert names.count("stem:a") == len(paths)
    assert built.build().done == {}


IMPATIENT = """
import sqlite3
connect = sqlite3.connect
sqlite3.connect = lambda *given, timeout=5, **named: connect(*given, timeout=timeout / 50, **named)
from doit.__main__ import main
main()
"""
"""Waits for a database a fiftieth of the time."""


def test_a_database_that_is_in_use_is_a_line_and_stays(built):
    path = built.folder / "build/.stemtasks/records.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("pragma locking_mode = exclusive")
    other.execute("begin exclusive")
    run = starts.run([sys.executable, "-c", IMPATIENT], cwd=built.folder, capture_output=True, text=True, timeout=60)
    other.execute("rollback")
    other.close()
    assert run.returncode == 3
    assert "the build's records cannot be written there (database is locked)" in run.stderr
    assert "Traceback" not in run.stderr
    assert built.build().done == {}
    assert not path.with_suffix(".damaged").exists()


def test_jobs_in_processes_give_the_same_files_and_their_failures_as_lines(slow, slow_template):
    with (slow.folder / "dodo.py").open("a") as file:
        file.write(PROCESSES)
    assert slow.build().done.keys() == {"ran"}
    assert slow.products() == slow_template.products()
    renders(slow, 0, "import os, signal; os.kill(os.getppid(), signal.SIGKILL)  # {seconds}")
    line = failed(slow).lines("FAILED")[SLOW]
    assert re.fullmatch(
        r"spec/song.toml: stems.slow: what ran it was lost \(BrokenProcessPool: .*\); run doit again", line
    )
    renders(slow, 0, "import sys; sys.exit(3)  # {seconds}")
    assert "it failed with exit code 3" in failed(slow).lines("FAILED")[SLOW]
    renders(slow, 0)
    assert slow.build().done == {"restored": [SLOW]}


def left_of(process, folder):
    """Return the processes that are still there of a group, or that were started with a path in a folder."""
    listed = subprocess.run(["ps", "-ww", "-eo", "pid,pgid,args"], capture_output=True, text=True, check=True).stdout
    of_group = [line for line in listed.splitlines() if line.split()[1] == str(process.pid) and "defunct" not in line]
    return of_group + [line for line in listed.splitlines() if str(folder) in line]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_jobs_in_processes_end_with_the_build(slow, number):
    slow.build("stem:song/bass")
    with (slow.folder / "dodo.py").open("a") as file:
        file.write(PROCESSES)
    renders(slow, 60)
    process = started(slow, until="up to date  stem:song/bass")
    # as a terminal does: to all of them; a kill reaches only the one that is killed
    os.killpg(process.pid, number) if number == signal.SIGINT else process.kill()
    _, err = process.communicate(timeout=20)
    for _ in range(500):  # what is killed is gone when the kernel comes to it
        if not (left := left_of(process, slow.folder)):
            break
        time.sleep(0.02)
    assert left == []
    assert b"Traceback" not in err
    renders(slow, 0)
    assert SLOW in slow.build().tasks("ran")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["-n", "-1"], "ERROR: -n: -1 tasks at a time would build nothing; give 1 or more"),
        (["info", "mix:nope"], "ERROR: mix:nope: no task is named so; the nearest are mix:song"),
        (["dumpdb"], "ERROR: .doit.db: no dbm database is there; with stemtasks 'doit info TASK'"),
    ],
)
def test_what_doit_would_answer_with_a_traceback_or_not_at_all_is_a_line(built, arguments, line):
    run = built.doit(*arguments)
    said = run.out + run.err
    assert run.code == 3
    assert said.startswith(line)
    assert "Traceback" not in said


def test_info_says_what_a_task_is_made_with(built):
    run = built.doit("info", "stem:song/lead")
    assert run.code == 0, run.err
    assert "status     : up-to-date" in run.out
    assert "stem of {'generator': 'tone'" in run.out


def test_dumpdb_still_dumps_a_database_of_another_project(tmp_path):
    (tmp_path / "dodo.py").write_text("def task_a():\n    return {'actions': ['true'], 'file_dep': ['dodo.py']}\n")
    for arguments in ([], ["dumpdb"]):
        done = starts.run(
            [sys.executable, "-m", "doit", *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        )
    assert "'deps:': ['dodo.py']" in done.stdout


@pytest.mark.parametrize("command", ["why", "plan"])
def test_a_pattern_that_no_task_has_is_an_error_with_the_nearest_names(project, command):
    project.spec(SPEC)
    run = project.doit(command, "stem:song/leed*")
    assert (run.code, run.out) == (3, "")
    assert "stem:song/leed*: no task is named so; the nearest are stem:song/lead, " in run.err


def test_a_plan_says_by_its_exit_code_whether_anything_would_run(project):
    project.spec(SPEC)
    codes = [project.doit("plan", *option).code for option in ([], ["--exit-code"])]
    project.build()
    codes.append(project.doit("plan", "--exit-code").code)
    assert codes == [0, 1, 0]
