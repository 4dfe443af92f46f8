"""doit with nothing to do: answered from a note where nothing has changed, by a build wherever anything has."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks import seen
from stemtasks.action.clock import FINE_NS
from stemtasks.commands import note as notes
from tests import examples, starts
from tests.pipeline import all_after, tasks_of
from tests.project import Project, Run

SPEC = """
[song]
bpm = 120
sample_rate = 8000
channels = 1
[reference]
duration = 0.5
[master]
loudness_lufs = "off"
[stems.lead]
generator = "tone"
[stems.take]
generator = "file"
file = "take.wav"
"""
NAMES = tasks_of("song", ["lead", "take"])
DOIT = """
import sys
from doit.doit_cmd import DoitMain
code = DoitMain().run(sys.argv[1:])
print("answered from the note" if "stemtasks.graph" not in sys.modules else "looked")
sys.exit(code)
"""
SETTLED = FINE_NS / 1e9 + 0.03


def ask(project, *arguments, env=None):
    """Run doit and return what it did, and whether a note was enough for it."""
    done = starts.run(
        [sys.executable, "-c", DOIT, *arguments],
        cwd=project.folder,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    out, _, how = done.stdout.rstrip("\n").rpartition("\n")
    return Run(done.returncode, out, done.stderr), how == "answered from the note"


def note(project):
    return project.folder / "build/.stemtasks/unchanged"


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Return a built tree whose files are old enough to be told from ones that changed while it was built."""
    project = Project(tmp_path_factory.mktemp("template") / "song")
    project.spec(SPEC)
    write_take(project, 440)
    (project.folder / "beside.py").write_text("")
    dodo = project.folder / "dodo.py"
    dodo.write_text(dodo.read_text().replace("from stemtasks", "import beside  # noqa: F401\nfrom stemtasks", 1))
    project.build()
    return project


def write_take(project, hertz):
    import numpy as np
    import soundfile

    samples = 0.3 * np.sin(2 * np.pi * hertz * np.arange(4000) / 8000)
    soundfile.write(project.folder / "spec/take.wav", samples, 8000, subtype="PCM_16")


@pytest.fixture(scope="module")
def settled(template, tmp_path_factory):
    """Return a function that gives a copy of the built tree which is old enough: copies are made, and age, together."""
    ready = []

    def take():
        if not ready:
            folder = tmp_path_factory.mktemp("settled")
            for number in range(12):
                ready.append(folder / f"{number}" / "song")
                shutil.copytree(template.folder, ready[-1], ignore=shutil.ignore_patterns("unchanged"))
            time.sleep(SETTLED)
        return ready.pop()

    return take


@pytest.fixture
def noted(settled):
    """Return a tree of one's own in which a build has left its note."""
    project = Project.__new__(Project)
    project.folder = settled()
    return with_note(project)


def with_note(project):
    """Return a tree with nothing to do once a build has left a note in it."""
    for _ in range(5):  # other tests may put files into a folder that Python imports from
        if note(project).exists():
            return project
        assert project.build().tasks("up to date") == NAMES
        if not note(project).exists():
            time.sleep(SETTLED)
    raise AssertionError("no build leaves a note")


def without_time(out):
    return [line for line in out.splitlines() if not line.startswith(f"{len(NAMES)} ")]


def test_where_nothing_changed_the_note_says_what_a_build_would_and_no_song_is_loaded(noted):
    looked = noted.build("-n", "1")
    noted.build()
    run, from_note = ask(noted)
    assert (run.code, run.err, from_note) == (0, "", True)
    assert without_time(run.out) == without_time(looked.out)
    assert run.out.splitlines()[-1].startswith(f"{len(NAMES)} up to date; 0.0 s, ")
    assert ask(noted, "run")[1]


def test_a_build_whose_files_share_bytes_leaves_a_note_that_holds(noted):
    song = noted.folder / "build/song"
    for how in (["-a"], []):
        if not how:
            shutil.rmtree(song)
        noted.build(*how)
        noted.build()  # which reads what was young when it was published
        assert (song / "aligned/lead.wav").samefile(song / "stems/lead.wav")
        assert note(noted).exists()
        assert ask(noted)[1], how


def test_the_answer_imports_no_part_that_loads_or_builds(noted):
    code = DOIT + "print(sorted(name for name in sys.modules if name.startswith('stemtasks')), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code.replace("sys.exit(code)", "")], cwd=noted.folder, capture_output=True, check=True
    )
    commands = (
        f"commands.{name}" for name in ("note", "options", "reporter", "run", "selection", "signals", "variables")
    )
    loaded = {
        "stemtasks",
        *(f"stemtasks.{name}" for name in ("commands", *commands, "errors", "loading", "paths", "progress", "seen")),
    }
    assert done.stderr.decode() == f"{sorted(loaded)}\n"


def change_spec(project):
    project.edit("loudness_lufs", "# a comment\nloudness_lufs")


def touch_spec(project):
    (project.folder / "spec/song.toml").touch()


def change_dodo(project):
    dodo = project.folder / "dodo.py"
    dodo.write_text(dodo.read_text() + "\n")


def new_song(project):
    project.spec(SPEC, "another")


def overwrite_keeping_size_and_time(project):
    path = project.folder / "build/song/processed/lead.wav"
    status, data = path.stat(), bytearray(path.read_bytes())
    data[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


NO_CHANGES = {
    "a comment in the spec": change_spec,
    "a touched spec": touch_spec,
    "a changed dodo.py": change_dodo,
    "a changed module beside dodo.py": lambda project: (project.folder / "beside.py").write_text("\n"),
    "settings": lambda project: (project.folder / "stemtasks.toml").write_text("[cache]\nmax_gb = 1\n"),
    "a note of another kind": lambda project: note(project).write_text("[]"),
}
CHANGES = {
    "another song": (
        new_song,
        {
            "ran": ["archive:another", "report:another"],
            "restored": [
                name.replace("song", "another") for name in NAMES if name not in ("archive:song", "report:song")
            ],
        },
    ),
    "a missing target": (lambda project: (project.folder / "build/song/mix.wav").unlink(), {"restored": ["mix:song"]}),
    "a target overwritten": (overwrite_keeping_size_and_time, {"restored": ["process:song/lead"]}),
    "another recording": (
        lambda project: write_take(project, 220),
        {"ran": all_after(SPEC, "stem:song/take")},
    ),
    "a note that is a folder": (lambda project: (note(project).unlink(), note(project).mkdir()), None),
}


def test_whatever_changes_is_looked_at_and_once_nothing_was_to_do_the_note_holds(noted):
    for what, change in NO_CHANGES.items():
        change(noted)
        time.sleep(SETTLED)
        run, from_note = ask(noted)
        assert (run.code, run.err, run.done, from_note) == (0, "", {}, False), what
        assert ask(with_note(noted))[1], what


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_changes_is_looked_at(noted, what):
    change, done = CHANGES[what]
    change(noted)
    run, from_note = ask(noted)
    assert not from_note
    if done is None:
        assert run.code == 3
        assert run.err.startswith("ERROR: build/.stemtasks/unchanged: cannot be removed (Is a directory)")
    else:
        assert (run.code, run.err, run.done) == (0, "", done)


@pytest.mark.parametrize("name", ["STEMTASKS_CACHE", "STEMTASKS_CACHE_MODE"])
def test_other_settings_in_the_environment_are_looked_at(noted, name, tmp_path):
    value = {"STEMTASKS_CACHE": str(tmp_path / "shared"), "STEMTASKS_CACHE_MODE": "of"}[name]
    run, from_note = ask(noted, env={name: value})
    assert not from_note
    assert run.code == (0 if name == "STEMTASKS_CACHE" else 3)


def test_another_place_to_import_from_is_looked_at(noted, tmp_path):
    assert not ask(noted, env={"PYTHONPATH": str(tmp_path)})[1]


@pytest.mark.parametrize("arguments", [["-n", "1"], ["stem:song/lead"], ["-a"], ["--audit", "1"], ["-d", "."]])
def test_whatever_is_asked_for_is_looked_at(noted, arguments):
    assert not ask(noted, *arguments)[1]


def test_a_note_with_a_byte_changed_is_no_note(noted):
    good = note(noted).read_bytes()
    for place in (0, len(good) // 2, len(good) - 1):  # of any byte it is told below, without a build
        note(noted).write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        run, from_note = ask(noted)
        assert (run.code, run.err, from_note, run.tasks("up to date")) == (0, "", False, NAMES)
    note(noted).write_bytes(good[: len(good) // 2])
    assert not ask(noted)[1]


def test_commands_that_read_keep_the_note_and_those_that_write_remove_it(noted):
    for command in (["list"], ["plan"], ["why"], ["info", "mix:song"]):
        assert noted.doit(*command).code == 0
        assert note(noted).exists(), command
    assert ask(noted)[1]
    for command in (["clean", "mix:song"], ["forget", "mix:song"], ["ignore", "mix:song"]):
        assert noted.doit(*command).code == 0
        assert not note(noted).exists(), command
        if command[0] == "ignore":
            noted.doit("forget", "mix:song")
        time.sleep(SETTLED)
        assert noted.doit().code == 0
        assert note(noted).exists()


def test_a_build_of_a_part_or_one_that_fails_leaves_no_note(noted):
    noted.build("stem:song/lead")
    assert not note(noted).exists()
    noted.edit("[stems.take]", "[verify]\nsilence_dbfs = 0\n[stems.take]")
    time.sleep(SETTLED)
    assert noted.doit().code == 1
    assert not note(noted).exists()


def test_a_build_that_ignores_a_task_leaves_no_note(noted):
    assert noted.doit("ignore", "mix:song").code == 0
    assert noted.doit().code == 0
    assert not note(noted).exists()


def test_a_dodo_file_with_tasks_of_its_own_is_always_looked_at(noted):
    with (noted.folder / "dodo.py").open("a") as dodo:
        dodo.write('\n\ndef task_own():\n    return {"actions": ["echo mine >> own.txt"], "verbosity": 0}\n')
    time.sleep(SETTLED)
    for _ in range(2):
        assert noted.doit().code == 0
    assert (noted.folder / "own.txt").read_text() == "mine\nmine\n"


def test_a_killed_build_leaves_no_note(noted):
    started = noted.start("-a")
    while note(noted).exists() and started.poll() is None:
        time.sleep(0.005)
    os.killpg(started.pid, signal.SIGKILL)
    started.communicate()
    assert not note(noted).exists()
    noted.build()


def test_what_is_younger_than_the_process_leaves_no_note(noted):
    dodo = noted.folder / "dodo.py"
    text = dodo.read_text()
    dodo.write_text(text.replace("from stemtasks", "open('spec/song.toml', 'a').close()\nfrom stemtasks", 1))
    time.sleep(SETTLED)
    noted.build()
    assert note(noted).exists()
    dodo.write_text(text.replace("from stemtasks", "__import__('os').utime('spec/song.toml')\nfrom stemtasks", 1))
    time.sleep(SETTLED)
    for _ in range(2):
        noted.build()
        assert not note(noted).exists()
    dodo.write_text(text)
    time.sleep(SETTLED)
    noted.build()
    assert ask(noted)[1]


def test_what_changes_after_it_was_read_leaves_no_note_however_old_it_pretends_to_be(noted):
    with (noted.folder / "dodo.py").open("a") as dodo:
        dodo.write(
            "import atexit, pathlib, os\n\n\n"
            "def task_zz():\n"
            "    spec = pathlib.Path('spec/song.toml')\n"
            "    spec.write_text(spec.read_text() + '\\n')\n"
            "    os.utime(spec, (1, 1))\n"
            "    yield from ()\n"
        )
    time.sleep(SETTLED)
    for _ in range(2):
        noted.build()
        assert not note(noted).exists()


READING = {
    "a file": ("open('data.json').read()", "data.json"),
    "a folder": ("list(__import__('pathlib').Path('data').iterdir())", "data/new"),
    "through os": ("__import__('os').close(__import__('os').open('other.json', 0))", "other.json"),
}


def test_data_that_dodo_reads_is_in_the_note(noted):
    (noted.folder / "data").mkdir()
    for name in ("data.json", "other.json"):
        (noted.folder / name).write_text("1")
    with (noted.folder / "dodo.py").open("a") as dodo:
        dodo.writelines(f"\n{code}\n" for code, _ in READING.values())
    time.sleep(SETTLED)
    noted.build()
    for how, (_, changed) in READING.items():
        assert ask(with_note(noted))[1], how
        (noted.folder / changed).write_text("2")
        time.sleep(SETTLED)
        assert not ask(noted)[1], how


def test_a_dodo_file_that_runs_a_program_is_always_looked_at(noted):
    with (noted.folder / "dodo.py").open("a") as dodo:
        dodo.write("\nimport subprocess\nsubprocess.run(['true'])\n")
    time.sleep(SETTLED)
    noted.build()
    assert not ask(noted)[1]


def test_a_dodo_file_that_looks_at_the_environment_is_looked_at_when_that_changes(noted):
    with (noted.folder / "dodo.py").open("a") as dodo:
        dodo.write("\nimport os\nWHERE = os.environ.get('STUDIO')\n")
    time.sleep(SETTLED)
    noted.build()
    assert ask(noted)[1]
    assert not ask(noted, env={"STUDIO": "two"})[1]


def test_a_dodo_file_saved_twice_within_a_second_is_the_one_that_runs(noted):
    dodo = noted.folder / "dodo.py"
    text = dodo.read_text() + "\nprint('%s')\n"
    for said in ("one", "two", "six"):
        dodo.write_text(text % said)
        os.utime(dodo, (1e9, 1e9))
        assert ask(noted)[0].out.splitlines()[0] == said


@pytest.mark.parametrize("link", ["the file", "its folder"])
def test_a_link_to_another_product_is_looked_at(noted, link):
    other = SPEC.replace('file = "take.wav"', 'file = "audio/lead.wav"').replace('"off"', '"off" # another')
    noted.spec(other.replace('generator = "tone"', 'generator = "tone"\nnote = "C4"'), "another")
    audio, stems = noted.folder / "spec/audio", noted.folder / "build/song"
    if link == "the file":
        audio.mkdir()
        audio = audio / "lead.wav"
        before, after = stems / "stems/lead.wav", stems / "processed/take.wav"
    else:
        before, after = stems / "stems", stems / "processed"
    audio.symlink_to(before)
    for _ in range(3):
        assert noted.doit().code == 0
        time.sleep(SETTLED)
    assert ask(noted)[1]
    audio.unlink()
    audio.symlink_to(after)
    run, from_note = ask(noted)
    assert (run.code, from_note) == (0, False)
    # in the other folder the file of that name has the same bytes
    assert run.done.get("ran", [])[:1] == (["archive:another"] if link == "the file" else [])


def test_a_note_that_cannot_be_written_is_no_failure(tmp_path):
    notes.leave(tmp_path / "not there", {}, False, notes.Said("", 0, 0.0))
    assert notes.recall(tmp_path / "not there") is None


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """Return a folder with a note of two files, and what it says."""
    folder = tmp_path_factory.mktemp("pristine")
    files = [folder / "one", folder / "two"]
    for file in files:
        file.write_text(file.name)
    said = notes.Said("up to date  stem:song/lead\n", 1, 2.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        notes.leave(folder, {str(file): seen.stamp(file) for file in files}, False, said)
        assert notes.recall(folder) == said
        yield folder, said


@given(
    edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=9),
    cut=st.sampled_from([1.0, 1.0, 0.9, 0.5, 0.0]),
    whole=st.one_of(st.none(), st.binary(max_size=50), st.text(max_size=50).map(str.encode)),
)
@settings(max_examples=examples(100), deadline=None)
def test_a_note_of_any_bytes_is_none_or_the_one_that_was_left(pristine, edits, cut, whole):
    folder, said = pristine
    place = folder / "unchanged"
    good = place.read_bytes()
    data = bytearray(good) if whole is None else bytearray(whole)
    for at, byte in edits:
        if data:
            data[int(at * len(data))] = byte
    try:
        place.write_bytes(data[: int(cut * len(data))])
        assert notes.recall(folder) == (said if place.read_bytes() == good else None)
    finally:
        place.write_bytes(good)


@pytest.mark.parametrize("noted", [{}, [], None, {"circumstances": []}, {"files": [], "said": 1}, {"said": []}])
def test_a_note_in_another_form_with_a_right_mark_is_none(tmp_path, monkeypatch, noted):
    monkeypatch.chdir(tmp_path)
    text = json.dumps(noted)
    (tmp_path / "unchanged").write_text(f"{notes._mark(text)}\n{text}")
    assert notes.recall(tmp_path) is None
