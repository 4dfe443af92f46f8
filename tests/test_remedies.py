"""A remedy that a message names works when it is followed, and no message names one that is not followed here."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import stemtasks
from stemtasks import plugins
from stemtasks.action import room
from stemtasks.action.check import check
from stemtasks.action.pipeline import jobs_of
from stemtasks.action.tree import Tree
from stemtasks.audio.facts import read_facts
from stemtasks.cache.settings import load
from stemtasks.errors import SpecError, StemtasksError
from stemtasks.job import Job
from stemtasks.spec import parts
from stemtasks.spec.reading import read_all, read_song
from tests import remedies
from tests.action.test_room import USAGE
from tests.pipeline import STAGES
from tests.project import Project, Run
from tests.remedies import CASES, ELSEWHERE, HELP, OUTSIDE, TYPED
from tests.test_audit import flipped, poisoned


def said_of(folder: Path, last: str) -> list[str]:
    """Return what there is to say of the song in this folder: what is wrong with its spec, or else with what it makes.

    As a build does, without its processes, stores and records.
    """
    songs, broken = read_all(folder / "spec")
    said = [mistake for each in broken for mistake in each.mistakes]
    for song in songs:
        looked = check(song)
        said += looked.mistakes
        for stage in STAGES[: STAGES.index(last) + 1]:
            for job in jobs_of(stage, song) if not looked.mistakes else ():
                said += _made(job)
        said += looked.remarks
    return said


def _made(job: Job) -> list[str]:
    if not all(Path(path).is_file() for path in job.inputs.values()):
        return []
    inputs, outputs = ({role: Path(path) for role, path in paths.items()} for paths in (job.inputs, job.outputs))
    for path in outputs.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    call = {name: plugins.load(parts.stage(job.stage, name)) for name in ("run", "verify", "summary")}
    try:
        digests = {role: hashlib.sha256(path.read_bytes()).hexdigest() for role, path in inputs.items()}
        call["run"](inputs, outputs, {**job.params, "parts": job.parts, "sha256": digests})
    except StemtasksError as error:
        found = [str(error)]
    else:
        facts = read_facts(outputs["facts"])
        found = call["verify"](facts, job.limits)
        call["summary"](facts)
        if not found:
            return [f"{job.where}: {remark}" for remark in facts.get("remarks", ())]
    for path in outputs.values():
        path.unlink(missing_ok=True)
    return [f"{job.where}: {'; '.join(found)}"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Return a folder of recordings and scripts."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "sub").mkdir()
    for name, what in remedies.RECORDINGS.items():
        what(folder / name) if callable(what) else remedies.save(folder / name, what)
    executable = folder / "executable.py"
    executable.write_text(f"#!{remedies.sys.executable}\n{remedies.RENDER}")
    executable.chmod(0o755)
    (folder / "shell.sh").chmod(0o755)
    return folder


@pytest.fixture
def song(tmp_path, recorded, monkeypatch):
    """Return song(spec) -> what is said of it, in a folder that has the recordings."""
    helper = tmp_path / "bin/stemtasks_helper"
    helper.parent.mkdir()
    helper.write_text(f"#!{remedies.sys.executable}\n{remedies.RENDER}")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{helper.parent}:/usr/local/bin:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    shutil.copytree(recorded, tmp_path / "spec", copy_function=os.link)

    def said(spec: str, last: str = "process") -> list[str]:
        shutil.rmtree(tmp_path / "build", ignore_errors=True)
        (tmp_path / "spec/song.toml").write_text(spec, encoding="utf-8")
        return said_of(Path(), last)

    return said


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_way_out_of_a_message_works_when_it_is_followed(case, song):
    lines = song(case.spec, case.last)
    found = [line for line in lines if case.said in line]
    assert found, lines
    for words, way in case.ways.items():
        pattern = ".*?".join(re.escape(part) for part in words.split("{}"))
        assert re.search(pattern, found[0]), f"{words!r} is not in {found[0]!r}"
        read = re.search(way.read, found[0])
        assert read, f"{way.read!r} is not in {found[0]!r}"
        spec = case.spec
        for old, new in way.edits:
            assert spec.count(old) == 1, f"{old!r} is there {spec.count(old)} times"
            spec = spec.replace(old, _filled(new, read.groups()))
        left = song(spec, case.last)
        assert [line for line in left if not way.then or way.then not in line] == [], (
            f"{words!r}, in vain: {found[0]!r}"
        )


def _filled(new, groups):
    if callable(new):
        return new(*groups)
    for index, group in enumerate(groups):
        new = new.replace(f"{{{index}}}", group)
    return new


# files


def test_a_file_that_is_not_there_is_found_where_it_is_said_or_put(song, tmp_path):
    spec = remedies.file("gone.wav")
    (line,) = song(spec)
    assert line.endswith("spec/gone.wav: no such file; correct the path or put the file there")
    assert song(spec.replace("gone", "take")) == []
    shutil.copy(tmp_path / "spec/take.wav", tmp_path / "spec/gone.wav")
    assert song(spec) == []


def test_a_program_that_may_not_run_runs_once_it_may(song, tmp_path):
    script = tmp_path / "spec/executable.py"
    shutil.copy(script, tmp_path / "render")
    (tmp_path / "render").chmod(0o644)
    spec = remedies.HEAD + f"""[stems.a]\ngenerator = "command"\ncommand = ["{tmp_path}/render", "{{output}}"]\n"""
    (line,) = song(spec)
    assert line.endswith("this user may not run it; make it executable (chmod +x)")
    (tmp_path / "render").chmod(0o755)
    assert song(spec) == []


SPECS = {
    "save it as UTF-8": (lambda path: path.write_bytes(b"# \xe4\n" + GOOD), lambda path: path.write_bytes(GOOD)),
    "take it out of spec/": (lambda path: path.write_bytes(b"#" * (1 << 20) + GOOD), lambda path: path.unlink()),
    "rename one": (
        lambda path: path.with_name("Song.toml").write_bytes(path.write_bytes(GOOD) and GOOD),
        lambda path: path.with_name("Song.toml").rename(path.with_name("other.toml")),
    ),
}
GOOD = (remedies.HEAD + remedies.TONE).encode()


@pytest.mark.parametrize("words", SPECS)
def test_a_spec_that_is_no_song_is_one_or_is_away_as_it_is_said(tmp_path, words):
    damage, mend = SPECS[words]
    (tmp_path / "good.toml").write_bytes(GOOD)
    damage(tmp_path / "song.toml")
    _, broken = read_all(tmp_path)
    assert [words in each.line for each in broken] == [True]
    mend(tmp_path / "song.toml")
    songs, broken = read_all(tmp_path)
    assert (len(songs) >= 1, broken) == (True, [])


ADDRESS = "use a folder, file://, s3://, gs:// or az://"
SETTINGS = {
    "write [cache]": ("cache = 1\n", "[cache]\n"),
    ADDRESS: ('[cache]\nshared = "ftp://there"\n', '[cache]\nshared = "there"\n'),
    "remove it": ('[cache]\noptions = { secret_access_key = "x" }\n', "[cache]\noptions = {}\n"),
}


@pytest.mark.parametrize("words", SETTINGS)
def test_settings_that_are_refused_are_taken_as_it_is_said(tmp_path, words):
    wrong, right = SETTINGS[words]
    (tmp_path / "stemtasks.toml").write_text(wrong)
    with pytest.raises(SpecError, match=re.escape(words)):
        load(tmp_path / "stemtasks.toml", {})
    (tmp_path / "stemtasks.toml").write_text(right)
    load(tmp_path / "stemtasks.toml", {})


@pytest.mark.parametrize(
    ("old", "new"),
    [("duration = 4", "duration = 2"), ("sample_rate = 16000", "sample_rate = 8000"), ('"FLOAT"', '"PCM_16"')],
)
def test_a_song_that_does_not_fit_on_the_disk_fits_as_it_is_said(tmp_path, monkeypatch, old, new):
    monkeypatch.chdir(tmp_path)
    spec = (remedies.HEAD + remedies.TONE).replace("bpm", 'subtype = "FLOAT"\nbpm')
    spec = spec.replace("duration = 2", "duration = 4").replace("sample_rate = 8000", "sample_rate = 16000")
    path = tmp_path / "song.toml"

    def read(text):
        path.write_text(text)
        return read_song(path)

    def broken(text):
        return room.without_room([read(text)], Tree(Path("build/.stemtasks")))[1]

    song = read(spec)
    free = sum(room.sizes_of(song, room.target_frames(song)).values()) - 1
    monkeypatch.setattr(shutil, "disk_usage", lambda _: USAGE(free, 0, free))
    (line,) = broken(spec)
    assert "free some space, or shorten the song, lower its sample_rate or its subtype" in line.line
    assert spec.count(old) == 1
    assert broken(spec.replace(old, new)) == []


# own parts, and songs made of each other


@pytest.mark.parametrize(
    ("wrong", "words", "right"),
    [
        ("str = 1 + 1", "write a plain value as its default", "float = 2.0"),
        ("Nowhere = 2.0", "a plain type or a name of stemtasks.units as its annotation", "Fraction = 0.5"),
    ],
)
def test_a_part_that_has_no_schema_has_one_as_it_is_said(project, wrong, words, right):
    project.spec(remedies.HEAD + remedies.TONE + 'effects = [{ name = "own" }]\n')
    place = project.folder / "parts/effects/own.py"
    place.parent.mkdir(parents=True)
    text = "from stemtasks.units import Fraction\n\n\ndef own(blocks, stream, *, depth: {}):\n    yield from blocks\n"
    place.write_text(text.format(wrong))
    run = typed(project, "doit check")
    assert (run.code, words in run.out) == (1, True), run.out
    place.write_text(text.format(right))
    assert typed(project, "doit check").code == 0


def test_a_part_that_has_a_name_of_ours_is_one_under_another(project):
    project.spec(remedies.HEAD + remedies.TONE + 'effects = [{ name = "gain", gain_db = 1 }]\n')
    place = project.folder / "parts/effects/gain.py"
    place.parent.mkdir(parents=True)
    place.write_text("def gain(blocks, stream):\n    yield from blocks\n")
    assert told(typed(project, "doit check"), "has the effect 'gain' already; rename the file")
    place.rename(place.with_name("mine.py"))
    assert typed(project, "doit check").code == 0


def test_laws_try_a_part_once_a_parameter_has_a_default(project):
    place = project.folder / "parts/effects/named.py"
    place.parent.mkdir(parents=True)
    text = "def named(blocks, stream, *, label: str{}):\n    yield from blocks\n"
    place.write_text(text.format(""))
    assert told(typed(project, "stemtasks laws named"), "no value to try it with is known; give it a default")
    place.write_text(text.format(' = "x"'))
    assert typed(project, "stemtasks laws named").code == 0


def test_songs_that_are_made_of_each_other_are_built_once_one_reads_another_file(project):
    reading = remedies.HEAD.replace("channels = 1", "channels = 2") + '[stems.a]\ngenerator = "file"\nfile = "{}"\n'
    project.spec(reading.format("../build/b/master.wav"), "a")
    project.spec(reading.format("../build/a/master.wav"), "b")
    assert told(typed(project, "doit -n 0"), "have one of them read another file")
    remedies.save(project.folder / "spec/take.wav", remedies.noise(2))
    project.spec(reading.format("take.wav"), "b")
    assert typed(project, "doit -n 0").code == 0


# commands


def typed(project: Project, line: str, folder: str = ".", **env: str) -> Run:
    """Run what a message told to run."""
    program, *arguments = shlex.split(line)
    module = {"doit": "doit", "stemtasks": "stemtasks.cli"}[program]
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=project.folder / folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    return Run(done.returncode, done.stdout, done.stderr)


def told(run: Run, pattern: str) -> str:
    """Return what a command that did not succeed said is to be done."""
    found = re.search(pattern, run.out + run.err)
    assert found, run.out + run.err
    return found[1] if found.groups() else found[0]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("doit list --nosuch", "'(doit help list)' shows what may be said"),
        ("doit zzzzzzzz", "'(doit list --all)' shows the names"),
        ("doit dumpdb", "'(doit info TASK)' and 'doit why TASK' say what is known"),
        ("doit dumpdb", "'doit info TASK' and '(doit why TASK)' say what is known"),
        ("doit -n -1 mix:song", "give 1 or more"),
        ("doit -P process -a stem:song/bass", r"use threads \('(doit -P thread)'\)"),
        ("doit --backend json mix:song", "leave the option out"),
    ],
)
def test_a_command_that_a_message_names_says_or_does_it(built, line, words):
    run = typed(built, line)
    assert run.code != 0
    said = told(run, words).replace("TASK", "mix:song")
    follow = {"give 1 or more": "doit -n 1 mix:song", "leave the option out": "doit mix:song"}.get(said, said)
    assert typed(built, follow).code == 0


def test_more_than_one_mistake_is_said_by_the_command_that_is_named(built):
    built.edit("bpm = 120", "bpm = 1")
    built.edit('note = "E4"', 'note = "X"')
    run = typed(built, "doit")
    assert told(run, r"and 1 more: '(doit check)' says all") == "doit check"
    said = typed(built, "doit check").out
    assert "song.bpm" in said
    assert "stems.pad.note" in said


def test_what_was_kept_and_is_wrong_is_made_anew_and_sent(built, tmp_path):
    shared = {"STEMTASKS_CACHE": str(tmp_path / "shared")}
    typed(built, "stemtasks cache push", **shared)
    right = built.products()
    poisoned(built, "stems/bass.wav", flipped(94 + 8 * 1000))
    for env in ({}, shared):
        typed(built, "doit stem:song/bass", **env)
        run = typed(built, "doit --audit 1 stem:song/bass", **env)
        if run.code:
            typed(built, told(run, "'(doit -s -a stem:song/bass)' makes it anew"), **env)
            if env:
                assert typed(built, told(run, "'(stemtasks cache replace [^']+)' sends it"), **env).code == 0
        assert typed(built, "doit --audit 1 stem:song/bass", **env).code == 0
        assert built.products() == right
        poisoned(built, "stems/bass.wav", flipped(94 + 8 * 1000))


def test_a_stale_input_is_made_right_without_the_option(built):
    built.edit("cutoff_hz = 800", "cutoff_hz = 900")
    assert told(typed(built, "doit -s -a mix:song"), "run doit without -s to mend it")
    assert typed(built, "doit mix:song").code == 0


def test_the_ways_to_a_shared_store_work(built, tmp_path):
    told(typed(built, "stemtasks cache push"), r"name one in (STEMTASKS_CACHE), or as \[cache\] shared in")
    shared = {"STEMTASKS_CACHE": str(tmp_path / "shared")}
    told(
        typed(built, "stemtasks cache push", STEMTASKS_CACHE_MODE="read", **shared),
        "set STEMTASKS_CACHE_MODE=readwrite",
    )
    assert typed(built, "stemtasks cache push", STEMTASKS_CACHE_MODE="readwrite", **shared).code == 0
    (built.folder / "stemtasks.toml").write_text(f"[cache]\nshared = '{tmp_path / 'other'}'\n")
    assert typed(built, "stemtasks cache push").code == 0
    other = Project(tmp_path / "clone")
    other.spec((built.folder / "spec/song.toml").read_text())
    told(typed(other, "stemtasks cache pull", **shared), "has 14 of 14 tasks; run doit")
    assert len(typed(other, "doit").lines("restored")) == 14
    first = Project(tmp_path / "first")
    first.spec((built.folder / "spec/song.toml").read_text())
    line = told(typed(first, "stemtasks cache replace mix:song", **shared), "run '(doit mix:song)' first")
    assert typed(first, line, **shared).code == 0
    assert typed(first, "stemtasks cache replace mix:song", **shared).code == 0


def test_what_the_local_store_has_lost_is_mended_as_it_is_said(built, tmp_path):
    blobs = built.folder / "build/.stemtasks/store/blobs"
    lost = hashlib.sha256((built.folder / "build/song/mix.wav").read_bytes()).hexdigest()
    (blobs / lost[:2] / lost).unlink()
    repair = told(typed(built, "stemtasks cache verify"), "'(verify --repair)' removes it")
    shared = {"STEMTASKS_CACHE": str(tmp_path / "shared")}
    run = typed(built, "stemtasks cache push", **shared)
    again = told(run, "run '(doit -s -a TASK)'")
    (task,) = re.search(r"\((\S+) \.\.\.\)", run.err).groups()
    assert typed(built, again.replace("TASK", task)).code == 0
    assert typed(built, "stemtasks cache push", **shared).code == 0
    assert typed(built, f"stemtasks cache {repair}").code == 0
    assert typed(built, "stemtasks cache verify").code == 0


def test_a_song_is_begun_as_it_is_said(tmp_path):
    project = Project(tmp_path / "empty")
    run = typed(project, "doit")
    assert typed(project, told(run, "or run '(stemtasks new my-song)'")).code == 0
    assert typed(project, "doit list", folder="my-song").code == 0
    place = told(run, r"write (\S+my-song\.toml)")
    shutil.copy(project.folder / "my-song/spec/my-song.toml", project.folder / place)
    assert typed(project, "doit list").code == 0
    line = told(typed(project, "stemtasks new ''"), "give the song a name: '(stemtasks new my-song)'")
    assert told(typed(project, line), "name one that is not there yet, or write another song into spec/")
    assert typed(project, line.replace("my-song", "my-other-song")).code == 0
    shutil.copy(project.folder / place, project.folder / "my-song/spec/second.toml")
    assert "mix:second" in typed(project, "doit list --all", folder="my-song").out
    (project.folder / "elsewhere").mkdir()
    told(typed(project, "stemtasks cache stats", folder="elsewhere"), "go to the folder of the songs and run it there")
    assert typed(project, "stemtasks cache stats").code == 0


def test_a_file_that_was_not_made_here_is_said_no_more_once_it_is_elsewhere(built):
    idea = built.folder / "build/song/stems/idea.wav"
    idea.write_bytes(b"mine")
    told(typed(built, "doit"), "keep it in another folder")
    idea.rename(built.folder / "idea.wav")
    run = typed(built, "doit")
    assert (run.code, "idea" in run.out + run.err) == (0, False)


# and there is no other


VERBS = """
    add allow begin build change check choose close copy correct create cut decode export fetch free get give go have
    install keep leave let list look lower make mend mix mount move name place point process pull put raise read record
    remove rename render repair run save say separate set shorten spell start stop stretch swap take uninstall use wait
    write
"""
REMEDY = re.compile(r"(?:^|[:;] |, or )(?=([a-z]+) )")
NAMED = re.compile(r"'(?:doit|stemtasks) [a-z-]|verify\.|'verify --|'[a-z_]+ = |needs? song\.|is doubled|by itself$")
JOINS = re.compile(r"(?:\b(?:or|and|so|then|first|again|as)\b|[\s,.;:()'?{}\[\]-])*")


def texts() -> dict[str, str]:
    """Return every text of the package with a remedy in it, by place; what is filled in stands as ``{}``."""
    found = {}
    root = Path(stemtasks.__file__).parent
    for path in sorted(root.rglob("*.py")):
        if "template" in path.parts:
            continue
        tree = ast.parse(path.read_text())
        within = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                within |= {id(part) for part in ast.walk(node) if part is not node}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr) and id(node) not in within:
                text = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in within:
                text = node.value.replace("{{", "{").replace("}}", "}")  # of what is formatted
            else:
                continue
            starts = [
                match.end() for match in REMEDY.finditer(text) if f" {match[1]} " in f" {' '.join(VERBS.split())} "
            ]
            named = NAMED.search(text)
            if (starts or named) and " " in text:
                found[f"{path.relative_to(root)}:{node.lineno}"] = (
                    text[starts[0] :] if starts else text[named.start() :]
                )
    return found


FOLLOWED = {words for case in CASES for words in case.ways} | set(TYPED)


def test_no_message_names_a_remedy_that_no_test_follows():
    longest_first = sorted(FOLLOWED | ELSEWHERE.keys() | OUTSIDE.keys() | HELP, key=len, reverse=True)
    left = {}
    for place, text in texts().items():
        rest = text
        for phrase in longest_first:
            rest = rest.replace(phrase, "")
        if not JOINS.fullmatch(rest):
            left[place] = (text, rest)
    assert left == {}


def test_what_the_lists_have_is_said_somewhere_and_the_tests_that_they_name_are_there():
    every = " | ".join(texts().values())
    listed = FOLLOWED | ELSEWHERE.keys() | OUTSIDE.keys() | HELP
    assert [words for words in sorted(listed) if words not in every] == []
    for place in set(ELSEWHERE.values()):
        file, _, name = place.partition("::")
        assert f"def {name}(" in (Path(__file__).parent / file).read_text(), place
