"""A remedy that a message names works when it is followed, and no message names one that is not followed here."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

import pytest

from stemtasks import plugins
from stemtasks.action.check import check
from stemtasks.action.pipeline import jobs_of
from stemtasks.audio.facts import read_facts
from stemtasks.errors import StemtasksError
from stemtasks.job import Job
from stemtasks.spec import parts
from stemtasks.spec.reading import read_all
from tests import remedies
from tests.pipeline import STAGES
from tests.remedies import CASES


def said_of(folder: Path) -> list[str]:
    """Return what there is to say of the song in this folder: what is wrong with its spec, or else with what it makes.

    As a build does, without its processes, stores and records.
    """
    songs, broken = read_all(folder / "spec")
    said = [mistake for each in broken for mistake in each.mistakes]
    for song in songs:
        looked = check(song)
        said += looked.mistakes
        for stage in STAGES:
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

    def said(spec: str) -> list[str]:
        shutil.rmtree(tmp_path / "build", ignore_errors=True)
        (tmp_path / "spec/song.toml").write_text(spec, encoding="utf-8")
        return said_of(Path())

    return said


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_way_out_of_a_message_works_when_it_is_followed(case, song):
    lines = song(case.spec)
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
        left = song(spec)
        assert [line for line in left if not way.then or way.then not in line] == [], (
            f"{words!r}, in vain: {found[0]!r}"
        )


def _filled(new, groups):
    if callable(new):
        return new(*groups)
    for index, group in enumerate(groups):
        new = new.replace(f"{{{index}}}", group)
    return new
