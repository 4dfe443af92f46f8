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

from tests.pipeline import tasks_of
from tests.project import Project
from tests.slow_song import SLOW, failed, renders, started

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
    project = Project(tmp_path_factory.mktemp("template") / "song")
    project.spec(SPEC)
    project.build()
    return project.folder


def running(project, *arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "doit", *arguments], cwd=project.folder, timeout=60, check=False, **options
    )


def test_a_reader_that_goes_away_is_no_traceback_and_stops_nothing(project):
    project.spec(SPEC)
    reader, writer = os.pipe()
    os.close(reader)
    done = running(project, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
    assert project.build().done == {}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_output_that_cannot_be_written_is_one_line_and_stops_nothing(project):
    project.spec(SPEC)
    with open("/dev/full", "w") as full:
        done = running(project, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 0
    assert done.stderr == b"the output of doit cannot be written (No space left on device); what it does goes on\n"


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
    project.build()


@pytest.mark.parametrize("reporter", ["json", "console", "executed-only", "zero"])
def test_doits_own_reporters_work(project, reporter):
    project.spec(SPEC)
    run = project.build("--reporter", reporter)
    assert (run.code, run.err) == (0, "")


def test_another_folder_and_another_name_of_the_dodo_file(built, tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "doit", "-f", str(built.folder / "dodo.py")],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert run.stdout.count("up to date") == 15
    done = running(built, "-d", str(tmp_path), capture_output=True)
    assert done.returncode == 3
    assert done.stderr.startswith(b"ERROR: spec/: no songs here")


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
    other = SPEC.replace('[stems.lead]\ngenerator = "tone"', '[stems.lead]\ngenerator = "file"\nfile = "{}"')
    relative, absolute = "../build/song/master.wav", (built.folder / "build/song/master.wav").as_posix()
    for path, old, new in ((relative, "A2", "B2"), (absolute, "B2", "C2")):
        built.spec(other.format(path), "a first")
        built.build()
        built.edit(old, new)
        run = built.build()
        names = [line.split()[1] for line in run.out.splitlines() if line.startswith(("ran ", "restored "))]
        assert names.index("master:song") < names.index("stem:a")
        assert built.build().done == {}


def test_a_database_that_is_in_use_is_a_line_and_stays(built):
    path = built.folder / "build/.stemtasks/records.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("pragma locking_mode = exclusive")
    other.execute("begin exclusive")
    run = built.doit()
    other.execute("rollback")
    other.close()
    assert run.code == 3
    assert "the build's records cannot be written there (database is locked)" in run.err
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_jobs_in_processes_end_with_the_build(slow, number):
    with (slow.folder / "dodo.py").open("a") as file:
        file.write(PROCESSES)
    slow.build("stem:song/bass")
    renders(slow, 60)
    process = started(slow, until="up to date  stem:song/bass")
    time.sleep(1.5)
    # as a terminal does: to all of them; a kill reaches only the one that is killed
    os.killpg(process.pid, number) if number == signal.SIGINT else process.kill()
    _, err = process.communicate(timeout=20)
    time.sleep(0.5)
    listed = subprocess.run(["ps", "-ww", "-eo", "pid,pgid,args"], capture_output=True, text=True, check=True).stdout
    assert str(slow.folder) not in listed
    assert not [line for line in listed.splitlines() if line.split()[1] == str(process.pid) and "defunct" not in line]
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
    done = running(built, *arguments, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode == 3
    assert said.startswith(line)
    assert "Traceback" not in said


def test_info_says_what_a_task_is_made_with(built):
    done = running(built, "info", "stem:song/lead", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "status     : up-to-date" in done.stdout
    assert "stem of {'generator': 'tone'" in done.stdout


def test_dumpdb_still_dumps_a_database_of_another_project(tmp_path):
    (tmp_path / "dodo.py").write_text("def task_a():\n    return {'actions': ['true'], 'file_dep': ['dodo.py']}\n")
    for arguments in ([], ["dumpdb"]):
        done = subprocess.run(
            [sys.executable, "-m", "doit", *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        )
    assert "'deps:': ['dodo.py']" in done.stdout


@pytest.mark.parametrize("command", ["why", "plan"])
def test_a_pattern_that_no_task_has_is_an_error_with_the_nearest_names(project, command):
    project.spec(SPEC)
    done = running(project, command, "stem:song/leed*", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stdout) == (3, "")
    assert "stem:song/leed*: no task is named so; the nearest are stem:song/lead, " in done.stderr


def test_a_plan_says_by_its_exit_code_whether_anything_would_run(project):
    project.spec(SPEC)
    codes = [
        running(project, "plan", *option, stdout=subprocess.DEVNULL).returncode for option in ([], ["--exit-code"])
    ]
    project.build()
    codes.append(running(project, "plan", "--exit-code", stdout=subprocess.DEVNULL).returncode)
    assert codes == [0, 1, 0]
