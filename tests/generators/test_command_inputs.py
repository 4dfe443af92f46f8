"""Whatever decides what an external renderer makes builds again, also where a note said that nothing was to do."""

from __future__ import annotations

import os
import shutil
import sys
import time

import pytest

from tests.commands.test_note import SETTLED, ask, note
from tests.pipeline import all_after
from tests.project import Project

SPEC = """
[song]
sample_rate = 8000
channels = 1
[reference]
duration = 0.25
[master]
loudness_lufs = "off"
[verify]
dc_offset = 1
[stems.tone]
generator = "tone"
[stems.made]
generator = "command"
command = ["mysynth", "{output}", "{inputs}"]
inputs = ["notes.txt", "kit", "samples/**/*.txt"]
environment = ["PITCH"]
"""
SYNTH = """#!{python}
import os, random, sys, wave
from pathlib import Path

seen = [os.environ.get("PITCH")]
for argument in sys.argv[2:]:
    below = sorted(path for path in Path(argument).rglob("*") if path.is_file())
    seen += [Path(argument).name, *((str(path)[len(argument):], path.read_text()) for path in below)]
    seen += [Path(argument).read_text()] if Path(argument).is_file() else []
with wave.open(sys.argv[1], "wb") as out:
    out.setnchannels(1), out.setsampwidth(2), out.setframerate(8000)
    out.writeframes(random.Random(repr(seen) + {salt!r}).randbytes(4000))
"""
FIRST_STAGES = ("reference", "timing", "stem", "align")
MADE = [task for task in all_after(SPEC, "stem:song/made") if task.startswith(FIRST_STAGES)]


def short(project):
    """Leave in a project's pipeline what makes a stem, and one stage that reads it; return the project."""
    dodo = project.folder / "dodo.py"
    lines = dodo.read_text().splitlines(keepends=True)
    stages = [line for line in lines if "yield tasks(" in line and line.split('"')[1] not in FIRST_STAGES]
    dodo.write_text("".join(line for line in lines if line not in stages))
    return project


def write_synth(folder, salt=""):
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "mysynth"
    program.unlink(missing_ok=True)
    program.write_text(SYNTH.format(python=sys.executable, salt=salt))
    program.chmod(0o755)


def env_of(project, **changed):
    """Return an environment in which two folders of the project are first on PATH."""
    bins = [str(project.folder / name) for name in ("first", "bin")]
    return {"PATH": os.pathsep.join([*bins, os.environ["PATH"]]), "PITCH": "440", **changed}


@pytest.fixture(scope="module")
def settled(tmp_path_factory):
    """Return a function that gives a copy of a built tree, old enough for a note to be left."""
    project = short(Project(tmp_path_factory.mktemp("template") / "song"))
    project.spec(SPEC)
    spec = project.folder / "spec"
    for name in ("kit/kick.txt", "kit/deep/snare.txt", "samples/a.txt", "samples/b/c.txt", "elsewhere/linked/x.txt"):
        (spec / name).parent.mkdir(parents=True, exist_ok=True)
        (spec / name).write_text(name)
    (spec / "notes.txt").write_text("C E G")
    (spec / "kit/linked").symlink_to("../elsewhere/linked")
    (project.folder / "first").mkdir()
    write_synth(project.folder / "bin")
    project.build(env=env_of(project))
    ready = []

    def take():
        if not ready:
            folder = tmp_path_factory.mktemp("settled")
            for number in range(len(CHANGES)):
                ready.append(folder / f"{number}" / "song")
                shutil.copytree(project.folder, ready[-1], symlinks=True)
            time.sleep(SETTLED)
        return ready.pop()

    return take


@pytest.fixture
def noted(settled):
    """Return a tree in which a build has left its note."""
    project = Project.__new__(Project)
    project.folder = settled()
    for _ in range(5):  # other tests may put files into a folder that Python imports from
        assert project.build(env=env_of(project)).done == {}
        if note(project).exists():
            return project
        time.sleep(SETTLED)
    raise AssertionError("no build leaves a note")


def in_spec(action):
    return lambda project: action(project.folder / "spec")


CHANGES = {
    "another program": (lambda project: write_synth(project.folder / "bin", "2"), {}),
    "a program found before it": (lambda project: write_synth(project.folder / "first", "2"), {}),
    "another value of a variable": (None, {"PITCH": "220"}),
    "a variable that is empty": (None, {"PITCH": ""}),
    "a changed file of a folder": (in_spec(lambda spec: (spec / "kit/deep/snare.txt").write_text("x")), {}),
    "a new file in a folder": (in_spec(lambda spec: (spec / "kit/tom.txt").write_text("x")), {}),
    "a new file in a subfolder": (in_spec(lambda spec: (spec / "kit/deep/tom.txt").write_text("x")), {}),
    "a file less in a folder": (in_spec(lambda spec: (spec / "kit/kick.txt").unlink()), {}),
    "a renamed file": (in_spec(lambda spec: (spec / "kit/kick.txt").rename(spec / "kit/kick2.txt")), {}),
    "a renamed folder": (in_spec(lambda spec: (spec / "kit/deep").rename(spec / "kit/deeper")), {}),
    "a new file behind a link": (in_spec(lambda spec: (spec / "elsewhere/linked/y.txt").write_text("x")), {}),
    "a link that leads elsewhere": (
        in_spec(lambda spec: ((spec / "kit/linked").unlink(), (spec / "kit/linked").symlink_to("../samples"))),
        {},
    ),
    "a new file of a pattern": (in_spec(lambda spec: (spec / "samples/d.txt").write_text("x")), {}),
    "a new file of a pattern in a new folder": (
        in_spec(lambda spec: ((spec / "samples/b/e").mkdir(), (spec / "samples/b/e/f.txt").write_text("x"))),
        {},
    ),
    "a file less of a pattern": (in_spec(lambda spec: (spec / "samples/a.txt").unlink()), {}),
    "a file that became a folder": (
        in_spec(
            lambda spec: (
                (spec / "notes.txt").unlink(),
                (spec / "notes.txt").mkdir(),
                (spec / "notes.txt/a.txt").write_text(""),
            )
        ),
        {},
    ),
}
NO_CHANGES = {
    "a file of no pattern, a hidden file, an empty folder, a date": (
        in_spec(
            lambda spec: (
                (spec / "samples/d.dat").write_text("x"),
                (spec / "kit/.DS_Store").write_text("x"),
                (spec / "kit/empty").mkdir(),
                (spec / "kit/kick.txt").touch(),
            )
        ),
        {},
    ),
    "a variable that is not named, a program found after it": (
        lambda project: project.folder.joinpath("bin/other").write_text("not executable"),
        {"LANG": "de_DE.UTF-8", "TZ": "Asia/Tokyo", "HOME": "/nowhere"},
    ),
}
CHANGES |= NO_CHANGES


@pytest.mark.parametrize("what", CHANGES)
def test_what_decides_what_a_program_makes_is_noticed_and_nothing_else_is(noted, what):
    change, variables = CHANGES[what]
    env = env_of(noted, **variables)
    if change:
        change(noted)
    run, from_note = ask(noted, env=env)
    assert (run.code, run.err) == (0, ""), run.out
    assert run.done == ({} if what in NO_CHANGES else {"ran": MADE})
    assert from_note == (what == "a variable that is not named, a program found after it")
    assert noted.products() == clean(noted, env)


def clean(project, env):
    """Return what a clean build of the same tree makes."""
    folder = project.folder.with_name("clean")
    shutil.copytree(project.folder, folder, symlinks=True, ignore=shutil.ignore_patterns("build"))
    other = Project.__new__(Project)
    other.folder = folder
    other.build(env=env)
    return other.products()


def test_a_variable_that_is_named_and_not_set_is_known_from_an_empty_one(project):
    short(project).spec(SPEC.replace('"kit", "samples/**/*.txt"', ""))
    (project.folder / "spec/notes.txt").write_text("C")
    write_synth(project.folder / "bin")
    path = env_of(project)["PATH"]
    assert "PITCH" not in os.environ
    assert project.build(env={"PATH": path}).tasks("ran")
    assert project.build(env={"PATH": path}).done == {}
    assert project.build(env={"PATH": path, "PITCH": ""}).tasks("ran") == MADE
    assert "stem:song/made" in project.build(env={"PATH": path}).tasks("restored")
    why = project.doit("why", env={"PATH": path, "PITCH": "7"}).out
    assert "stems.made.environment.PITCH none -> '7'" in why


def one(project, command, **files):
    """Write a song of one program that makes its sound of what it reads, and the files it reads."""
    short(project).spec(
        SPEC.partition("[stems.tone]")[0] + f'[stems.made]\ngenerator = "command"\ncommand = {command}\n'
    )
    for name, text in files.items():
        (project.folder / name).write_text(text)


READS = """
import random, sys, wave
with wave.open(sys.argv[1], "wb") as out:
    out.setnchannels(1), out.setsampwidth(2), out.setframerate(8000)
    out.writeframes(random.Random("".join(map(str, sys.argv[2:])) + open(__file__).read()).randbytes(4000))
"""


@pytest.mark.parametrize("how", ["an argument", "a word of an argument", "a part of an argument"])
def test_a_script_that_an_argument_names_is_an_input(project, how):
    script = str(project.folder / "render.py")
    command = {
        "an argument": [sys.executable, script, "{output}"],
        "a word of an argument": ["/bin/sh", "-c", f"'{sys.executable}' {script} $0 x", "{output}"],
        "a part of an argument": [
            *(sys.executable, "-c", "import runpy, sys; s = sys.argv[1][9:]; del sys.argv[1]; runpy.run_path(s)"),
            *(f"--script={script}", "{output}"),
        ],
    }[how]
    one(project, command, **{"render.py": READS})
    project.build()
    assert project.build().done == {}
    (project.folder / "render.py").write_text(READS + "# other\n")
    assert "stem:song/made" in project.build().tasks("ran")


def test_a_variable_that_a_shell_is_told_to_use_is_handed_on(project):
    command = ["/bin/sh", "-c", f"{sys.executable} {project.folder}/render.py $0 $FREQ", "{output}"]
    one(project, command, **{"render.py": READS})
    project.build(env={"FREQ": "1"})
    assert project.build(env={"FREQ": "1"}).done == {}
    assert "stem:song/made" in project.build(env={"FREQ": "2"}).tasks("ran")


def test_timing_is_the_songs_timeline(project):
    code = READS.replace("open(__file__).read()", "open(sys.argv[2]).read()").replace(
        '"".join(map(str, sys.argv[2:]))', '""'
    )
    one(project, ["{python}", "{input}", "{output}", "{timing}"])
    with (project.folder / "spec/song.toml").open("a") as spec:
        spec.write('inputs = ["render.py"]\n')
    (project.folder / "spec/render.py").write_text(code)
    project.build()
    project.edit("sample_rate = 8000", 'sample_rate = 8000\nkey = "A minor"')
    assert "stem:song/made" in project.build().tasks("ran")


def test_a_program_that_changes_while_it_runs_fails_its_task(project):
    script = project.folder / "render.py"
    one(project, [sys.executable, str(script), "{output}"])
    script.write_text(READS + "open(__file__, 'a').write('# x')\n")
    run = project.doit()
    assert run.code == 1
    assert f"{script}: changed while it was being read; run doit again" in run.out
    assert "stem:song/made" in run.tasks("FAILED")


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ('"samples/*.wav"', "spec/samples/*.wav: no such file; correct the path or put the file there"),
        ('"empty"', "spec/empty/*: no such file"),
        ('"../build/song"', "inputs[0]: build/song is in build/, where files come and go; name each file"),
        ('"x.txt", "../build/*/mix.wav"', "inputs[1]: build is in build/, where files come and go; name each file"),
    ],
)
def test_inputs_that_are_none_fail_their_stem_alone(project, inputs, words):
    short(project).spec(SPEC.replace('"notes.txt", "kit", "samples/**/*.txt"', inputs))
    (project.folder / "spec/empty").mkdir()
    (project.folder / "build/song").mkdir(parents=True)
    (project.folder / "spec/x.txt").write_text("")
    run = project.doit("--continue")
    assert run.code != 0
    assert run.err == ""
    assert run.lines("FAILED")["stem:song/made"] == f"spec/song.toml: stems.made: {words}" + (
        "" if "; c" in words or "; n" in words else "; correct the path or put the file there"
    )
    assert "align:song/tone" in run.tasks("ran")


def test_a_product_of_another_song_may_be_an_input(project):
    project.spec(SPEC.partition("[stems.made]")[0], "other")
    copy = "import shutil, sys; shutil.copy(*sys.argv[1:])"
    one(project, ["{python}", "-c", copy, "{input}", "{output}"])
    with (project.folder / "spec/song.toml").open("a") as spec:
        spec.write('inputs = ["../build/other/aligned/tone.wav"]\n')
    project.build()
    project.edit('generator = "tone"', 'generator = "tone"\nnote = "C5"', "other")
    assert {"align:other/tone", "stem:song/made"} <= set(project.build().tasks("ran"))
