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
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest

import stemtasks
from stemtasks import cli, plugins
from stemtasks.action import room
from stemtasks.action.check import check
from stemtasks.action.circles import read_buildable
from stemtasks.action.pipeline import jobs_of
from stemtasks.action.tree import Tree
from stemtasks.audio.facts import read_facts
from stemtasks.cache.settings import load
from stemtasks.errors import CacheError, SpecError, StemtasksError
from stemtasks.job import Job
from stemtasks.spec import parts
from stemtasks.spec.reading import read_all, read_song
from tests import remedies, starts
from tests.action.test_room import USAGE
from tests.pipeline import STAGES
from tests.project import Project, Run
from tests.remedies import CASES, ELSEWHERE, HELP, OUTSIDE, TYPED
from tests.test_audit import flipped, poisoned


def said_of(folder: Path, last: str) -> list[str]:
    """Return what there is to say of the song in this folder: what is wrong with its spec, or else with what it makes.

    As a build does, without its processes, stores and records: what was made of the same before is kept, and made once.
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
    digests = {role: hashlib.sha256(path.read_bytes()).hexdigest() for role, path in inputs.items()}
    key = repr((job.stage, job.params, job.parts, digests, job.inputs))
    kept = Path("kept", hashlib.sha256(key.encode()).hexdigest())
    try:
        if kept.is_dir():
            for role, path in outputs.items():
                path.hardlink_to(kept / role.replace("/", " "))
        else:
            call["run"](inputs, outputs, {**job.params, "parts": job.parts, "sha256": digests})
            kept.mkdir(parents=True)
            for role, path in outputs.items():
                (kept / role.replace("/", " ")).hardlink_to(path)
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
    """Return a project's folder with recordings and scripts."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "spec/sub").mkdir(parents=True)
    for name, what in remedies.RECORDINGS.items():
        what(folder / "spec" / name) if callable(what) else remedies.save(folder / "spec" / name, what)
    (folder / "bin").mkdir()
    for path in (folder / "spec/executable.py", folder / "bin/stemtasks_helper"):
        path.write_text(f"#!{remedies.sys.executable}\n{remedies.RENDER}")
        path.chmod(0o755)
    (folder / "spec/shell.sh").chmod(0o755)
    return folder


@pytest.fixture
def song(recorded, monkeypatch):
    """Return song(spec) -> what is said of it, in a folder that has the recordings."""
    monkeypatch.setenv("PATH", f"{recorded / 'bin'}:/usr/local/bin:/usr/bin:/bin")
    monkeypatch.chdir(recorded)

    def said(spec: str, last: str = "process") -> list[str]:
        for made in Path("build").rglob("*.*"):  # the folders are used again
            made.unlink()
        Path("spec/song.toml").write_text(spec, encoding="utf-8")
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


def test_a_file_that_is_not_there_is_found_where_it_is_said_or_put(song, recorded):
    spec = remedies.file("gone.wav")
    (line,) = song(spec)
    assert line.endswith("spec/gone.wav: no such file; correct the path or put the file there")
    assert song(spec.replace("gone", "take")) == []
    shutil.copy(recorded / "spec/take.wav", recorded / "spec/gone.wav")
    assert song(spec) == []


def test_a_program_that_may_not_run_runs_once_it_may(song, recorded, tmp_path):
    shutil.copy(recorded / "spec/executable.py", tmp_path / "render")
    (tmp_path / "render").chmod(0o644)
    spec = remedies.HEAD + f"""[stems.a]\ngenerator = "command"\ncommand = ["{tmp_path}/render", "{{output}}"]\n"""
    (line,) = song(spec)
    assert line.endswith("this user may not run it; make it executable (chmod +x)")
    (tmp_path / "render").chmod(0o755)
    assert song(spec) == []


def asks_for(extra: str, library: str) -> bool:
    """Return whether ``pip install 'stemtasks[EXTRA]'`` brings a library."""
    asked = metadata.requires("stemtasks") or []
    return any(re.fullmatch(rf"{library}\b.*extra == .{extra}.", line) for line in asked)


def test_a_library_that_is_missing_is_there_with_the_extra_that_is_named(song, tmp_path, monkeypatch):
    spec = remedies.file("at97.wav", "bpm = 97", 'align = "stretch"').replace("= 2\n", "= 8\n")
    store = {"STEMTASKS_CACHE": "s3://bucket"}
    with monkeypatch.context() as without:
        without.setattr("stemtasks.strategies.stretch.find_spec", lambda _: None)
        (line,) = song(spec)
        assert line.endswith("stretch needs python-stretch; pip install 'stemtasks[stretch]'")
        without.setattr("importlib.util.find_spec", lambda _: None)
        with pytest.raises(CacheError, match=r"needs obstore; pip install 'stemtasks\[remote\]'"):
            load(tmp_path / "stemtasks.toml", store)
    assert asks_for("stretch", "python-stretch")
    assert asks_for("remote", "obstore")
    assert song(spec) == []
    assert load(tmp_path / "stemtasks.toml", store).cache.shared == "s3://bucket"


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
    "options into [cache] options": (
        '[cache]\nshared = "s3://bucket?region=eu"\n',
        '[cache]\nshared = "s3://bucket"\noptions = { region = "eu" }\n',
    ),
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


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")
def test_a_signing_key_as_it_is_said_is_taken(tmp_path):
    store = {"STEMTASKS_CACHE": "there", "STEMTASKS_CACHE_KEY": "short"}
    with pytest.raises(SpecError) as refused:
        load(tmp_path / "stemtasks.toml", store)
    line = re.search(r"'(openssl .*)' makes a good one", str(refused.value))[1]
    made = subprocess.run(line.split(), capture_output=True, check=True).stdout
    assert (
        load(tmp_path / "stemtasks.toml", {**store, "STEMTASKS_CACHE_KEY": made.decode()}).signing_key == made.strip()
    )


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


def test_a_part_that_has_no_schema_has_one_as_it_is_said(project):
    effects = project.folder / "parts/effects"
    effects.mkdir(parents=True)
    text = "from stemtasks.units import Fraction\n\n\ndef {}(blocks, stream, *, depth: {}):\n    yield from blocks\n"
    wrong_told_right = {
        "one": ("str = 1 + 1", "write a plain value as its default", "float = 2.0"),
        "two": ("Nowhere = 2.0", "a plain type or a name of stemtasks.units as its annotation", "Fraction = 0.5"),
    }
    for name, (wrong, _, _) in wrong_told_right.items():
        project.spec(remedies.HEAD + remedies.TONE + f'effects = [{{ name = "{name}" }}]\n', name)
        (effects / f"{name}.py").write_text(text.format(name, wrong))
    run = typed(project, "doit check")
    assert run.code == 1
    for name, (_, words, right) in wrong_told_right.items():
        assert [words in line for line in run.out.splitlines() if f"effects/{name}.py" in line] == [True], run.out
        (effects / f"{name}.py").write_text(text.format(name, right))
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


def test_songs_that_are_made_of_each_other_are_built_once_one_reads_another_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("spec").mkdir()
    reading = remedies.HEAD + '[stems.a]\ngenerator = "file"\nfile = "{}"\n'
    for name, other in (("a", "b"), ("b", "a")):
        Path(f"spec/{name}.toml").write_text(reading.format(f"../build/{other}/master.wav"))
    _, broken = read_buildable(Path("spec"))
    assert ["have one of them read another file" in each.line for each in broken] == [True]
    Path("spec/b.toml").write_text(reading.format("take.wav"))
    songs, broken = read_buildable(Path("spec"))
    assert (len(songs), broken) == (2, [])


# commands


def typed(project: Project, line: str, folder: str = ".", **env: str) -> Run:
    """Run what a message told to run."""
    program, *arguments = shlex.split(line)
    module = {"doit": "doit", "stemtasks": "stemtasks.cli"}[program]
    done = starts.run(
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


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """Return a song of one stem that was built once; no test may change it."""
    project = Project(tmp_path_factory.mktemp("once") / "song")
    project.spec(remedies.HEAD + remedies.TONE)
    project.build()
    return project


@pytest.fixture
def one(once, tmp_path):
    """Return a copy of it."""
    shutil.copytree(once.folder, tmp_path / "song")
    return Project(tmp_path / "song")


def clone(project: Project, folder: Path) -> Project:
    """Return a project of the same song, in which nothing was built."""
    other = Project(folder)
    other.spec((project.folder / "spec/song.toml").read_text())
    return other


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("doit list --nosuch", ["'(doit help list)' shows what may be said"]),
        ("doit zzzzzzzz", ["'(doit list --all)' shows the names"]),
        ("doit dumpdb", ["'(doit info TASK)' and 'doit why TASK' say", "'doit info TASK' and '(doit why TASK)' say"]),
        ("doit -n -1 mix:song", ["give 1 or more"]),
        ("doit -P process -a stem:song/a", [r"use threads \('(doit -P thread)'\)"]),
        ("doit --backend json mix:song", ["leave the option out"]),
    ],
)
def test_a_command_that_a_message_names_says_or_does_it(once, line, words):
    run = typed(once, line)
    assert run.code != 0
    for each in words:
        said = told(run, each).replace("TASK", "mix:song")
        follow = {"give 1 or more": "doit -n 1 mix:song", "leave the option out": "doit mix:song"}.get(said, said)
        assert typed(once, follow).code == 0


def test_a_draft_is_listened_to_and_what_it_has_not_is_built_without_it(one):
    run = typed(one, "doit draft=true archive:song")
    assert typed(one, told(run, r"'(doit draft=true master)' to listen to the draft")).code == 0
    assert (one.folder / "build/draft/song/draft-master.wav").is_file()
    told(run, r"run doit without draft=true for that")
    assert typed(one, "doit archive:song").code == 0
    either = told(typed(one, "doit draft=1"), r"neither (draft=true nor draft=false); write one of them")
    for each in either.split(" nor "):
        assert typed(one, f"doit {each} -q").code == 0


def test_more_than_one_mistake_is_said_by_the_command_that_is_named(project):
    project.spec((remedies.HEAD + remedies.TONE).replace("= 120", "= 1") + 'note = "X"\n')
    said = typed(project, told(typed(project, "doit"), r"and 1 more: '(doit check)' says all")).out
    assert "song.bpm" in said
    assert "stems.a.note" in said


def test_what_was_kept_and_is_wrong_is_made_anew_and_sent(one, tmp_path):
    shared = {"STEMTASKS_CACHE": str(tmp_path / "shared")}
    right = one.made()
    poisoned(one, "stems/a.wav", flipped(94 + 4 * 1000))
    assert typed(one, "stemtasks cache push", **shared).code == 0
    run = typed(one, "doit --audit 1 stem:song/a", **shared)
    assert run.code != 0
    assert typed(one, told(run, "'(doit -s -a stem:song/a)' makes it anew"), **shared).code == 0
    assert typed(one, told(run, "'(stemtasks cache replace [^']+)' sends it"), **shared).code == 0
    assert one.made() == right
    assert typed(one, "doit --audit 1 stem:song/a", **shared).code == 0
    other = clone(one, tmp_path / "clone")
    assert "stem:song/a" in typed(other, "doit stem:song/a", **shared).tasks("restored")
    assert (other.folder / "build/song/stems/a.wav").read_bytes() == right["song/stems/a.wav"]


def test_a_stale_input_is_made_right_without_the_option(one):
    one.edit("bpm = 120", "bpm = 121")
    assert told(typed(one, "doit -s -a mix:song"), "run doit without -s to mend it")
    assert typed(one, "doit mix:song").code == 0


def test_the_ways_to_a_shared_store_work(one, tmp_path):
    told(typed(one, "stemtasks cache push"), r"name one in (STEMTASKS_CACHE), or as \[cache\] shared in")
    shared = {"STEMTASKS_CACHE": str(tmp_path / "shared")}
    told(
        typed(one, "stemtasks cache push", STEMTASKS_CACHE_MODE="read", **shared), "set STEMTASKS_CACHE_MODE=readwrite"
    )
    assert typed(one, "stemtasks cache push", STEMTASKS_CACHE_MODE="readwrite", **shared).code == 0
    (one.folder / "stemtasks.toml").write_text(f"[cache]\nshared = '{tmp_path / 'other'}'\n")
    assert typed(one, "stemtasks cache push").code == 0
    other = clone(one, tmp_path / "clone")
    told(typed(other, "stemtasks cache pull", **shared), "has 10 of 10 tasks; run doit")
    assert len(typed(other, "doit").lines("restored")) == 10
    first = clone(one, tmp_path / "first")
    line = told(typed(first, "stemtasks cache replace stem:song/a", **shared), "run '(doit stem:song/a)' first")
    assert typed(first, line, **shared).code == 0
    assert typed(first, "stemtasks cache replace stem:song/a", **shared).code == 0


def test_what_the_local_store_has_lost_is_mended_as_it_is_said(one, tmp_path):
    blobs = one.folder / "build/.stemtasks/store/blobs"
    (archive,) = (one.folder / "build/song").glob("*.zip")
    lost = hashlib.sha256(archive.read_bytes()).hexdigest()
    (blobs / lost[:2] / lost).unlink()
    repair = told(typed(one, "stemtasks cache verify"), "'(verify --repair)' removes it")
    shared = {"STEMTASKS_CACHE": str(tmp_path / "shared")}
    run = typed(one, "stemtasks cache push", **shared)
    again = told(run, "run '(doit -s -a TASK)'")
    (task,) = re.search(r"\((\S+) \.\.\.\)", run.err).groups()
    assert typed(one, again.replace("TASK", task)).code == 0
    assert typed(one, "stemtasks cache push", **shared).code == 0
    assert typed(one, f"stemtasks cache {repair}").code == 0
    assert typed(one, "stemtasks cache verify").code == 0


def test_a_song_is_begun_as_it_is_said(tmp_path, monkeypatch, capsys):
    project = Project(tmp_path / "empty")
    monkeypatch.chdir(project.folder)

    def new(line: str) -> str:
        """Run ``stemtasks`` in this process, and return what it says that is wrong."""
        code, said = cli.main(shlex.split(line)[1:]), capsys.readouterr().err
        assert (code, said != "") in {(0, False), (1, True)}
        return said

    run = typed(project, "doit")
    assert new(told(run, "or run '(stemtasks new my-song)'")) == ""
    assert typed(project, "doit list", folder="my-song").code == 0
    place = told(run, r"write (\S+my-song\.toml)")
    shutil.copy("my-song/spec/my-song.toml", place)
    assert [each.name for each in read_all(Path("spec"))[0]] == ["my-song"]
    line = re.search("give the song a name: '(stemtasks new my-song)'", new("stemtasks new ''"))[1]
    assert "name one that is not there yet, or write another song into spec/ of a project that is" in new(line)
    assert new(line.replace("my-song", "my-other-song")) == ""
    shutil.copy(place, "my-song/spec/second.toml")
    assert "mix:second" in typed(project, "doit list --all", folder="my-song").out
    Path("elsewhere").mkdir()
    told(typed(project, "stemtasks cache stats", folder="elsewhere"), "go to the folder of the songs and run it there")
    assert typed(project, "stemtasks cache stats").code == 0


def test_a_file_that_was_not_made_here_is_said_no_more_once_it_is_elsewhere(one):
    idea = one.folder / "build/song/stems/idea.wav"
    idea.write_bytes(b"mine")
    told(typed(one, "doit"), "keep it in another folder")
    idea.rename(one.folder / "idea.wav")
    run = typed(one, "doit")
    assert (run.code, "idea" in run.out + run.err) == (0, False)


# and there is no other


VERBS = """
    add allow begin build change check choose close copy correct create cut decode export fetch free get give go have
    install keep leave let list look lower make mend mix mount move name pip place point process pull put raise read
    record remove rename render repair replace run save say separate set shorten spell start stop stretch swap take tame
    narrow transpose uninstall use wait write
"""
REMEDY = re.compile(r"(?:^|[:;] |, or )(?!cut short)(?=([a-z]+) )")
NAMED = re.compile(
    r"'(?:doit|stemtasks|openssl) [a-z-]|verify\.|'verify --|'[a-z_]+ = |"
    r"needs? song\.|go into the |is doubled|by itself$"
)
JOINS = re.compile(r"(?:\b(?:or|and|so|then|first|again|as)\b|[\s,.;:()'?{}\[\]-])*")


@cache
def texts() -> dict[str, str]:
    """Return every text of the package with a remedy in it, by place; what is filled in stands as ``{}``."""
    found = {}
    root = Path(stemtasks.__file__).parent
    for path in sorted(root.rglob("*.py")):
        if "template" in path.parts:
            continue
        nodes = list(ast.walk(ast.parse(path.read_text())))
        within = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if isinstance(node, ast.JoinedStr):
                within |= {id(part) for part in ast.walk(node) if part is not node}
        for node in nodes:
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
