"""Never a mystery: what would run and why, and that it then does."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy
import pytest
import soundfile

import stemtasks
from tests import two_stems
from tests.pipeline import tasks_of
from tests.two_stems import after, built_in

DRUMS = """
[stems.drums]
generator = "drums"
align = "loop"
[stems.drums.patterns.default]
kick = "x...x..."
"""
SPEC = two_stems.SPEC + DRUMS
ALL = tasks_of("song", [*two_stems.STEMS, "drums"])


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Return the folder of a song of three short stems that has been built."""
    return built_in(tmp_path_factory.mktemp("template") / "song", SPEC)


def why(project, *tasks, env=None):
    """Return the reasons by task, and what would become of it first."""
    run = project.doit("why", *tasks, env=env)
    assert (run.code, run.err) == (0, "")
    found, name = {}, ""
    for line in run.out.splitlines():
        if line.startswith("    "):
            found[name].append(line.strip())
        else:
            name, _, rest = line.partition(" ")
            found[name] = [rest]
    return found


def planned(project):
    run = project.doit("plan")
    assert (run.code, run.err) == (0, "")
    lines = [line.rsplit(None, 1) for line in run.out.splitlines()[:-1]]
    return {what: sorted(task for each, task in lines if each.strip() == what) for what, _ in dict(lines).items()}


def test_a_song_that_was_never_built_has_no_records(project):
    project.spec(SPEC)
    assert why(project)["reference:song"] == ["would run", "there is no record of it"]
    assert why(project)["timing:song"] == ["would run", "reference:song makes its input again"]
    assert not (project.folder / "build/song").exists()


def test_nothing_to_do_is_said(built):
    assert built.doit("why").out == "nothing would run: everything is up to date\n"
    assert built.doit("why", "mix:song").out == "mix:song is up to date\n"
    assert built.doit("plan").out.splitlines()[-1] == f"{len(ALL)} up to date"


CHANGES = {
    "effect": ("cutoff_hz = 800", "cutoff_hz = 900", "process:song/bass", "stems.bass.effects[0].cutoff_hz 800 -> 900"),
    "generator": ('note = "A2"', 'note = "B2"', "stem:song/bass", "stems.bass.note 'A2' -> 'B2'"),
    "gain": ("gain_db = -6", "gain_db = -7", "process:song/pad", "stems.pad.gain_db -6 -> -7"),
    "pattern": ('kick = "x...', 'kick = "X...', "stem:song/drums", "stems.drums.patterns.default.kick "),
    "strategy": ('"crossfade"', '"auto"', "align:song/pad", "stems.pad.align.strategy 'crossfade' -> 'auto'"),
    "tempo": ("bpm = 240", "bpm = 250", "timing:song", "reference:song makes its input again"),
    "limit": ("dc_offset = 0.02", "dc_offset = 0.03", "stem:song/pad", "verify.dc_offset 0.02 -> 0.03"),
    "loudness": (
        "[verify]",
        "[master]\nloudness_lufs = -16\n[verify]",
        "master:song",
        "master.loudness_lufs -14 -> -16",
    ),
    "fader": ("[verify]", "[mix]\ngain_db = -1\n[verify]", "mix:song", "mix.gains_db.bass 0 -> -1"),
    "title": ("bpm = 240", 'bpm = 240\ntitle = "New"', "archive:song", "archive.title 'song' -> 'New'"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_named_by_its_place_in_the_spec(built, name):
    old, new, task, reason = CHANGES[name]
    built.edit(old, new)
    assert any(line.startswith(reason) for line in why(built)[task]), why(built)[task]


def test_what_is_planned_is_what_happens(built):
    built.edit("cutoff_hz = 800", "cutoff_hz = 900")
    assert planned(built)["run"] == after("process:song/bass")
    assert built.build().tasks("ran") == after("process:song/bass")
    built.edit("cutoff_hz = 900", "cutoff_hz = 800")
    assert planned(built)["restore"] == after("process:song/bass")
    assert built.build().tasks("restored") == after("process:song/bass")


def test_an_overwritten_a_missing_and_a_changed_file_are_named(built):
    song = built.folder / "build/song"
    (song / "mix.wav").chmod(0o644)
    (song / "mix.wav").write_bytes(b"overwritten")
    (song / "timing.json").unlink()
    found = why(built)
    assert found["mix:song"] == ["would be restored from the local store", "target build/song/mix.wav was overwritten"]
    assert found["timing:song"] == [
        "would be restored from the local store",
        "target build/song/timing.json is missing",
    ]


@pytest.mark.parametrize(
    ("change", "task", "reason"),
    [
        ("source", "process:song/bass", "source effects/delay.py changed"),
        ("library", "reference:song", f"library numpy {numpy.__version__} -> 99.0"),
    ],
)
def test_a_changed_source_or_library_is_named(built, tmp_path, change, task, reason):
    package = tmp_path / "package" / "stemtasks"
    shutil.copytree(Path(stemtasks.__file__).parent, package)
    if change == "source":
        with (package / "effects" / "delay.py").open("a") as file:
            file.write("\n# changed\n")
    else:
        metadata = package.parent / "numpy-99.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 99.0\n")
    assert reason in why(built, env={"PYTHONPATH": str(package.parent)})[task]


def test_a_replaced_recording_is_named(project):
    project.spec(
        '[song]\nsample_rate = 16000\n[reference]\nduration = 2\n[stems.take]\ngenerator = "file"\nfile = "a.wav"'
    )
    noise = numpy.random.default_rng(0).uniform(-0.3, 0.3, 32000)
    soundfile.write(project.folder / "spec/a.wav", noise, 16000)
    project.build("align:*")
    soundfile.write(project.folder / "spec/a.wav", noise * 0.5, 16000)
    assert why(project)["stem:song/take"] == ["would run", "input spec/a.wav changed"]


def test_why_one_task_tells_of_what_it_needs_and_not_of_the_rest(built):
    built.edit("cutoff_hz = 800", "cutoff_hz = 900")
    assert list(why(built, "mix:song")) == ["process:song/bass", "mix:song"]
    assert list(why(built, "align:song/pad")) == ["align:song/pad"]
