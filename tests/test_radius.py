"""What a change to the package itself builds again: the exact lists, through the real doit command."""

from __future__ import annotations

import json
import os

import pytest

from tests.held import Hold
from tests.project import Project
from tests.test_own_parts import TREMOLO, own
from tests.three_stems import ALL, SPEC, STEMS, after

NOTHING = (
    "audio/__init__.py",
    "cli.py",
    "commands/__init__.py",
    "commands/reporter.py",
    "delivery/__init__.py",
    "dsp/__init__.py",
    "effects/__init__.py",
    "effects/reverb.py",
    "graph.py",
    "job.py",
    "paths.py",
    "spec/parts.py",
    "spec/reading.py",
    "spec/binding.py",
    "spec/schema.py",
    "spec/song.py",
    "stages/__init__.py",
    "stages/process.py",
    "__init__.py",
)
"""Where a comment builds nothing again; one in a stage's file is behind the function that its key has."""
AGAIN = (
    {
        "dsp/true_peak.py": ["master:song"],
        "audio/seam_figures.py": [f"align:song/{stem}" for stem in STEMS],
        "effects/delay.py": ["process:song/bass"],
        "generators/drums.py": ["stem:song/drums"],
        "delivery/track_sheet.py": ["archive:song"],
    },
    {
        "audio/mastering.py": ["master:song"],
        "strategies/loop.py": ["align:song/bass", "align:song/drums"],
        "report/style.py": ["report:song"],
    },
    {
        "audio/loudness.py": ["master:song", "mix:song"],
        "report/png.py": [*(f"picture:song/{stem}" for stem in STEMS), "report:song"],
    },
)
"""What a comment builds again, by file; no two files of one build have a task in common."""


def comment(package, name):
    with (package / name).open("a") as file:
        file.write("\n# changed\n")


def test_a_comment_builds_again_what_the_file_decides_and_nothing_else(built, package):
    for name in NOTHING:
        comment(package, name)
    assert built.build().done == {}
    for files in AGAIN:
        for name in files:
            comment(package, name)
        assert built.build().done == {"ran": sorted(task for again in files.values() for task in again)}


def test_a_copy_elsewhere_with_a_new_version_number_that_says_it_another_way_builds_nothing_again(built, package):
    text = (package / "version.py").read_text()
    assert text.count('__version__ = "') == 1
    (package / "version.py").write_text(text.replace('__version__ = "', '__version__ = "9.'))
    path = package / "stages/align.py"
    text = path.read_text()
    assert text.count("frames, {chosen['strategy']}") == 1
    path.write_text(text.replace("frames, {chosen['strategy']}", "frames by {chosen['strategy']}"))
    assert built.build().done == {}


def test_another_way_to_verify_verifies_anew_and_renders_nothing(built, package):
    path = package / "stages/align.py"
    path.write_text(path.read_text().replace("    worst = facts[", "    # as before\n    worst = facts[", 1))
    assert built.build().done == {"verified": [f"align:song/{stem}" for stem in STEMS]}


def test_an_effect_that_sounds_different_builds_again_what_follows(built, package):
    path = package / "effects/highpass.py"
    text = path.read_text()
    assert text.count('"highpass", order') == 1
    path.write_text(text.replace('"highpass", order', '"highpass", order + 1'))
    assert built.build().done == {"ran": after("process:song/pad")}


MADE_UP = '''"""Count: how many frames of a processed stem there are, which nobody needs."""

from __future__ import annotations

from stemtasks.job import Job

UNIT = "frames"


def job(song, stem):
    """Return what a count is made of."""
    return Job(
        task=f"count:{song.name}/{stem.name}",
        stage="count",
        inputs={"facts": song.product("processed", f"{stem.name}.json")},
        outputs={"facts": song.product("counts", f"{stem.name}.json")},
        params={},
        limits={"fewest": 10},
        where=song.where(f"stems.{stem.name}"),
    )


def run(inputs, outputs, params):
    """Count."""
    from stemtasks.audio.facts import read_facts, write_facts

    write_facts(outputs["facts"], {UNIT: read_facts(inputs["facts"])["frames"]})


def verify(facts, limits):
    """Hold the count against the fewest."""
    return [] if facts[UNIT] >= limits["fewest"] else [f"only {facts[UNIT]} {UNIT}"]


def summary(facts):
    """Return the count."""
    return f"{facts[UNIT]} {UNIT} counted"
'''
COUNTS = [f"count:song/{stem}" for stem in STEMS]


def test_a_stage_is_one_file_and_one_line_in_dodo(built, package):
    stage = package / "stages/count.py"
    stage.write_text(MADE_UP)
    assert built.build().done == {}, "the file alone is no line in dodo.py"
    dodo = built.folder / "dodo.py"
    dodo.write_text(dodo.read_text() + '    yield tasks("count", "count frames")\n')
    assert "count       count frames" in built.doit("list").out
    run = built.build()
    assert run.done == {"ran": COUNTS}
    assert run.lines("ran")["count:song/bass"].startswith("144000 frames counted")
    assert json.loads((built.folder / "build/song/counts/bass.json").read_text()) == {"frames": 144000}
    built.edit("gain_db = -6", "gain_db = -7")
    assert built.build().done == {"ran": sorted([*after("process:song/pad"), "count:song/pad"])}

    stage.write_text(MADE_UP.replace('UNIT = "frames"', 'UNIT = "samples"'))
    assert built.build().done == {"ran": COUNTS}, "what run uses of its file is in its key"
    stage.write_text(MADE_UP.replace('"fewest": 10', '"fewest": 300_000'))
    run = built.doit("--continue")
    assert {name: line.split(": ", 2)[2] for name, line in run.lines("FAILED").items()} == dict.fromkeys(
        COUNTS, "only 144000 frames"
    )
    assert not list((built.folder / "build/song/counts").glob("*.json"))
    stage.write_text(MADE_UP)
    assert built.build().done == {"restored": COUNTS}
    stage.write_text(MADE_UP.replace("facts[UNIT] >=", "0 + facts[UNIT] >="))
    assert built.build().done == {"verified": COUNTS}
    stage.unlink()
    dodo.write_text(dodo.read_text().replace('    yield tasks("count", "count frames")\n', ""))
    run = built.build()
    assert sorted(run.tasks("removed")) == COUNTS
    assert not (built.folder / "build/song/counts").exists()
    assert len(run.tasks("up to date")) == len(ALL)


@pytest.mark.parametrize("how", ["within its second", "its time put back"])
def test_an_edit_that_pythons_own_cache_does_not_see_is_run(built, package, monkeypatch, how):
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    path = package / "effects/highpass.py"
    text = path.read_text()
    assert text.count('"highpass", order') == 1
    os.utime(path, (1_700_000_000, 1_700_000_000))
    built.build("-a", "-s", "process:song/pad")  # leaves a .pyc of the source as it is
    path.write_text(text.replace('"highpass", order', '"lowpass",  order'))
    at = 1_700_000_000 + (0.5 if how == "within its second" else 0)
    os.utime(path, (at, at))
    assert built.build().done == {"ran": after("process:song/pad")}, "the edit was not heard"
    path.write_text(text)
    os.utime(path, (at, at))
    assert built.build().done == {"restored": after("process:song/pad")}


EDITS = {
    "effects/highpass.py": ('"highpass", order', '"lowpass", order'),
    "parts/effects/my_tremolo.py": ("DEPTH - ", "DEPTH + "),
    "helping.py": ("0.5", "0.6"),
}


def with_own_parts(project):
    """Write a short song of three stems, one with an effect of the project's own that imports from beside dodo."""
    project.spec(SPEC.replace("8 bars", "2 bars").replace("bars = 4", "bars = 1").replace("10.0", "2.5"))
    own(project, "effects/my_tremolo.py", "from helping import DEPTH\n" + TREMOLO.replace("0.5 - 0.5", "DEPTH - 0.5"))
    (project.folder / "helping.py").write_text("DEPTH = 0.5\n")
    project.edit('{ name = "highpass", ', '{ name = "my_tremolo" }, { name = "highpass", ')
    return project


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Return what such a song is built to."""
    project = with_own_parts(Project(tmp_path_factory.mktemp("own") / "song"))
    project.build()
    return project.products()


@pytest.mark.parametrize("place", EDITS)
def test_an_edit_while_a_build_runs_is_in_no_file_of_that_build(project, package, tmp_path, expected, place):
    with_own_parts(project)
    path = (package if place.startswith("effects/") else project.folder) / place
    text = path.read_text()
    old, new = EDITS[place]
    assert text.count(old) == 1
    hold = Hold(tmp_path / "markers")
    hold.mark("align")
    process = project.start(env=hold.env)
    hold.wait("align", process)
    path.write_text(text.replace(old, new))
    hold.release("align")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b""), out.decode()
    assert project.products() == expected
    assert project.build().tasks("ran") == after("process:song/pad")
    assert project.products() != expected
    path.write_text(text)
    assert list(project.build().done) == ["restored"]
    assert project.products() == expected
