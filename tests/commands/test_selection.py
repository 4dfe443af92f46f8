"""What no task is named is an error with the nearest names, for every command; songs in a circle are named."""

from __future__ import annotations

import pytest

from tests.project import Project
from tests.two_stems import ALL, SPEC, built_in


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Return the folder of a song of two stems that has been built."""
    return built_in(tmp_path_factory.mktemp("template") / "song")


@pytest.fixture(scope="module")
def untouched(template):
    """Return that song itself: what is wrongly asked for changes nothing."""
    return Project(template)


COMMANDS = ("run", "why", "plan", "info", "list", "clean", "forget", "ignore")


@pytest.mark.parametrize(
    ("command", "asked", "near"),
    [
        *((command, "stem:song/bas", "stem:song/bass") for command in COMMANDS),
        *((command, "stem:*/bas", "stem:song/bass") for command in ("run", "list")),
        *((command, "mix:sing", "mix:song") for command in ("run", "why")),
        *((command, "maste", "master") for command in ("run", "forget")),
    ],
)
def test_a_name_or_a_pattern_of_no_task_is_an_error_with_the_nearest(untouched, command, asked, near):
    before = untouched.products()
    run = untouched.doit(command, asked)
    assert (run.code, run.out) == (3, "")
    (line,) = run.err.splitlines()
    assert line.startswith(f"ERROR: {asked}: no task ")
    assert near in line.partition("; the nearest are ")[2].split(", ")
    assert untouched.products() == before


@pytest.mark.parametrize("command", ["run", "why", "plan", "clean", "forget"])
def test_one_of_several_names_is_enough_for_the_error(untouched, command):
    before = untouched.products()
    run = untouched.doit(command, "mix:song", "stem:*/nothing")
    assert run.code == 3
    assert run.err.startswith("ERROR: stem:*/nothing: no task is named so")
    assert untouched.products() == before


def test_a_task_can_be_named_by_its_file(untouched):
    assert untouched.build("build/song/mix.wav").tasks("up to date") == sorted(
        task for task in ALL if not task.startswith(("master", "archive", "picture", "report"))
    )
    run = untouched.doit("build/song/mix.wave")
    assert (run.code, "build/song/mix.wav" in run.err) == (3, True)


def test_a_misspelt_command_is_shown_the_nearest(untouched):
    run = untouched.doit("lsit")
    assert run.code == 3
    assert run.err == "ERROR: lsit: no task or file is named so; the nearest are list\n"


@pytest.mark.parametrize("command", [*COMMANDS, "check", "dumpdb"])
def test_a_misspelt_option_is_one_line(untouched, command):
    run = untouched.doit(command, "--nosuch")
    assert (run.code, run.out) == (3, "")
    assert run.err == f"ERROR: option --nosuch not recognized; 'doit help {command}' shows what may be said\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--contnue"], "option --contnue not recognized; the nearest are --continue"),
        (["run", "-n", "x"], "--process: 'x' is not a whole number"),
        (["run", "--audit", "much"], "--audit: 'much' is not a number"),
        (["run", "--junit"], "option --junit requires argument; 'doit help run' shows what may be said"),
        (["list", "--template", "{nope}"], "--template: '{nope}': {name}, {doc} and, with --status, {status} can be"),
        (["help", "lsit"], "lsit: no task is named so; the nearest are list"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_asked_for_wrongly_is_one_line(untouched, arguments, said):
    run = untouched.doit(*arguments)
    assert (run.code, run.out) == (3, "")
    (line,) = run.err.splitlines()
    assert line.startswith(f"ERROR: {said}")


@pytest.mark.parametrize("command", [*COMMANDS, "check", "dumpdb", "tabcompletion", "help"])
def test_every_command_has_help(untouched, command):
    run = untouched.doit("help", command)
    assert (run.code, run.err) == (0, "")
    assert "PURPOSE" in run.out


TONE = """
[song]
sample_rate = 8000
[reference]
duration = 1.0
[stems.tone]
generator = "tone"
"""


def reading(file):
    return f'{TONE}[stems.other]\ngenerator = "file"\nfile = "../build/{file}"\n'


@pytest.fixture
def circle(project):
    """Return three songs that are made of each other, and one that is not."""
    project.spec(reading("b/master.wav"), "a")
    project.spec(reading("c/mix.wav"), "b")
    project.spec(reading("a/master.wav"), "c")
    project.spec(TONE, "alone")
    return project


@pytest.mark.parametrize("threads", ["0", "1", "2"])
def test_songs_that_are_made_of_each_other_are_named_and_the_others_are_built(circle, threads):
    run = circle.doit("-n", threads)
    assert (run.code, run.err) == (1, "")
    failed = next(line for line in run.out.splitlines() if line.startswith("FAILED"))
    songs = "a -> b -> c -> a (build/b/master.wav, build/c/mix.wav, build/a/master.wav)"
    assert failed.split(None, 1)[1] == f"spec/a.toml: it is made of itself: {songs}; have one of them read another file"
    assert "archive:alone" in run.tasks("ran")


def test_songs_that_are_made_of_each_other_can_be_looked_at(circle):
    for command in ("list", "why", "plan"):
        looked = circle.doit(command)
        assert (looked.code, looked.err) == (0, "")
    checked = circle.doit("check")
    assert (checked.code, checked.out.count("a -> b -> c -> a")) == (1, 1)


def test_a_song_that_reads_its_own_master_is_a_circle_and_one_that_reads_its_own_stem_is_not(project):
    project.spec(reading("own/master.wav"), "own")
    project.spec(reading("fine/stems/tone.wav"), "fine")
    run = project.doit()
    assert run.code == 1
    assert "spec/own.toml: it is made of itself: own -> own (build/own/master.wav)" in run.out
    assert "archive:fine" in run.tasks("ran")


def test_a_hundred_songs_each_of_which_reads_the_one_before_are_no_circle(project):
    project.spec(TONE, "s000")
    for number in range(1, 100):
        project.spec(reading(f"s{number - 1:03}/stems/tone.wav"), f"s{number:03}")
    plan = project.doit("plan")
    assert (plan.code, plan.err) == (0, "")
    project.spec(reading("s099/master.wav"), "s000")
    plan = project.doit("plan")
    assert (plan.code, plan.err) == (0, "")


def test_circles_are_looked_for_only_where_a_song_reads_what_is_built(monkeypatch, tmp_path):
    from stemtasks.action import circles
    from stemtasks.spec.reading import read_song

    (tmp_path / "song.toml").write_text(SPEC)
    monkeypatch.setattr(circles, "all_jobs", lambda _: pytest.fail("looked for"))
    songs = [read_song(tmp_path / "song.toml")]
    assert circles.without_circles(songs) == (songs, [])
