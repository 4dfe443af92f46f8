"""The examples: each builds with what it has beside it, and is right."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.project import Project

EXAMPLES = Path(__file__).parents[1] / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/dodo.py"))


def test_there_are_three():
    assert NAMES == ["band", "beat", "edit"]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_builds_and_all_of_it_is_right(name, tmp_path):
    shutil.copytree(EXAMPLES / name, tmp_path / name, ignore=shutil.ignore_patterns("build", ".doit*"))
    project = Project(tmp_path / name)
    check = project.doit("check")
    assert (check.code, check.out) == (0, "1 song, no mistakes\n")
    run = project.build()
    assert (run.code, run.err, run.tasks("FAILED")) == (0, "", [])
    assert project.build().done == {}
    [song] = [path.parent for path in (project.folder / "build").glob("*/report.html")]
    report = json.loads((song / "report.json").read_text())
    assert report["passed"] == report["checks"] > 0
    assert list(song.glob("*.zip"))


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_small_and_has_the_pipeline_of_this_checkout(name):
    files = [path for path in (EXAMPLES / name).rglob("*") if path.is_file() and "build" not in path.parts]
    assert max(path.stat().st_size for path in files) < 1 << 20
    assert (EXAMPLES / name / "dodo.py").read_bytes() == (EXAMPLES.parent / "dodo.py").read_bytes()
