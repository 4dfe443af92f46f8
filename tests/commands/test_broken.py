"""One song's mistake is that song's: its tasks fail with one line, the others are built, what it made before stays."""

from __future__ import annotations

import sys
import time

import pytest

from tests import starts
from tests.commands.test_note import SETTLED
from tests.pipeline import tasks_of
from tests.project import Project

SONG = """
[song]
sample_rate = 8000
[reference]
duration = 0.5
[stems.a]
generator = "tone"
note = "{note}"
[stems.b]
generator = "tone"
note = "E4"
"""
USES = """
[song]
sample_rate = 8000
[reference]
duration = 0.5
[stems.whole]
generator = "file"
file = "../build/two/master.wav"
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Return the folder of three songs that have been built."""
    project = Project(tmp_path_factory.mktemp("album") / "songs")
    for name, note in (("one", "A3"), ("two", "B3"), ("three", "C4")):
        project.spec(SONG.format(note=note), name)
    project.build()
    return project.folder


@pytest.fixture
def album(built):
    """Return three songs that have been built."""
    return built


def tasks(song):
    """Return the names of all tasks of a song."""
    return tasks_of(song, "ab")


def failed_lines(run):
    return [line for line in run.out.splitlines() if line.startswith("FAILED")]


MISTAKES = {
    "a key": (lambda text: text.replace("sample_rate", "sample_rat"), "song: unknown key 'sample_rat'; known: "),
    "no TOML": (lambda text: text + "[[", "is not TOML: "),
    "empty": (lambda text: text[:0], "is empty; a song needs [song], "),
    "a stem": (lambda text: text.replace('"B3"', '"H3"'), "stems.a.note: 'H3' is not a note such as "),
}


@pytest.mark.parametrize(
    ("mistake", "arguments"),
    [
        *((mistake, ()) for mistake in MISTAKES),
        ("a key", ("-n", "1")),
        ("no TOML", ("-n", "0")),
        ("a stem", ("--no-continue",)),
    ],
)
def test_a_wrong_spec_is_one_line_and_the_other_songs_are_built(album, mistake, arguments):
    change, said = MISTAKES[mistake]
    spec = album.folder / "spec/two.toml"
    before = album.products()
    spec.write_text(change(spec.read_text()))
    album.spec(SONG.format(note="D4"), "three")
    run = album.doit(*arguments)
    (line,) = failed_lines(run)
    assert line.startswith(f"FAILED      spec/two.toml: {said}")
    assert (run.code, run.err) == (1, "")
    assert run.done["ran"] == ["align:three/a", "archive:three", "master:three", "mix:three", "picture:three/a",
                               "process:three/a", "report:three", "stem:three/a"]  # fmt: skip
    after = album.products()
    assert {path: data for path, data in after.items() if path.startswith("two/")} == {
        path: data for path, data in before.items() if path.startswith("two/")
    }
    assert "removed" not in run.out


def test_once_it_is_mended_it_is_up_to_date(album):
    spec = album.folder / "spec/two.toml"
    text = spec.read_text()
    spec.write_text(text + "[[")
    for _ in range(3):
        assert album.doit().code == 1
        time.sleep(SETTLED)  # so that a note could be left of it, were it right
    assert not (album.folder / "build/.stemtasks/unchanged").exists()
    spec.write_text(text)
    assert album.build().tasks("up to date") == sorted(task for song in ("one", "two", "three") for task in tasks(song))


def test_a_song_is_built_without_a_word_of_another(album):
    (album.folder / "spec/two.toml").write_text("[[")
    album.spec(SONG.format(note="F4"), "one")
    run = album.build("archive:one")
    assert run.tasks("ran") == ["align:one/a", "archive:one", "master:one", "mix:one", "process:one/a", "stem:one/a"]
    assert "two" not in run.out


@pytest.mark.parametrize(
    ("single", "name"),
    [((), "archive:two"), ((), "stem:two/*"), (("-s",), "stem:two/*"), (("-s",), "master:two")],
)
def test_its_own_tasks_fail_by_name_and_by_pattern(album, name, single):
    (album.folder / "spec/two.toml").write_text("[[")
    run = album.doit(*single, name)
    assert (run.code, run.err, len(failed_lines(run))) == (1, "", 1)
    assert failed_lines(run)[0].startswith("FAILED      spec/two.toml: is not TOML")


def test_doit_list_shows_it(album):
    (album.folder / "spec/two.toml").write_text("[[")
    line = next(line for line in album.doit("list").out.splitlines() if line.startswith("spec:two"))
    assert "spec/two.toml: is not TOML" in line
    named = {line.split()[0] for line in album.doit("list", "--all").out.splitlines()}
    assert {*tasks("one"), *tasks("two"), *tasks("three"), "spec:two"} <= named


def test_more_mistakes_of_a_song_are_counted(album):
    album.spec(SONG.format(note="H3").replace("sample_rate", "rate").replace("0.5", "-1"), "two")
    (line,) = failed_lines(album.doit())
    assert line.endswith("(and 2 more: 'doit check' says all)")


def test_a_song_that_uses_what_a_broken_one_made_waits_for_it(album):
    album.spec(USES, "uses")
    album.build()
    (album.folder / "spec/two.toml").write_text("[[")
    run = album.doit()
    assert run.code == 1
    assert [line.partition(": ")[0] for line in failed_lines(run)] == [
        "FAILED      spec/two.toml", "FAILED      spec/uses.toml"]  # fmt: skip
    assert "build/two/master.wav is made by spec/two.toml, which has to be mended first" in run.out


def test_what_it_made_stays_in_the_store_when_that_is_collected(album):
    spec = album.folder / "spec/two.toml"
    text = spec.read_text()
    spec.write_text("[[")
    (album.folder / "stemtasks.toml").write_text("[cache]\nmax_gb = 0.000001\n")
    album.spec(SONG.format(note="G4"), "three")
    assert album.doit().code == 1
    for path in sorted((album.folder / "build/two").rglob("*")):
        if path.is_file():
            path.unlink()
    spec.write_text(text)
    assert album.build().tasks("restored") == sorted(tasks("two"))


def test_a_name_that_another_song_has_in_other_letters_breaks_the_second(album):
    album.spec(SONG.format(note="A3"), "TWO")
    (line,) = failed_lines(album.doit())
    assert line == "FAILED      spec/two.toml: another song has the name 'two', once written 'TWO'; rename one"


def test_why_and_plan_say_it(album):
    (album.folder / "spec/two.toml").write_text("[[")
    assert "spec:two would fail\n    spec/two.toml: is not TOML" in album.doit("why").out
    assert album.doit("plan").lines("fail") == {"spec:two": ""}


def test_cache_pull_fetches_the_other_songs(album, tmp_path):
    (album.folder / "stemtasks.toml").write_text(f'[cache]\nshared = "{tmp_path / "shared"}"\n')
    (album.folder / "spec/two.toml").write_text("[[")
    command = [sys.executable, "-m", "stemtasks.cli", "cache", "pull"]
    done = starts.run(command, cwd=album.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "has 28 of 28 tasks" in done.stdout
    assert done.stderr.startswith("ERROR: spec/two.toml: is not TOML")
