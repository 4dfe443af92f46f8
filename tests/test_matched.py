"""A song that is mixed as its rough mix is: what is delivered, what is built again, and a level of a single stem."""

from __future__ import annotations

import json
import shutil
import tomllib
import zipfile

import numpy as np
import pytest
import soundfile

from stemtasks.action.pipeline import jobs_of
from stemtasks.errors import SpecError
from stemtasks.spec.draft import draft_of
from stemtasks.spec.reading import read_song
from tests.pipeline import STAGES, all_after, jobs
from tests.project import Project
from tests.rough_mixes import Fader, beaten, mixed, stereo, struck

RATE = 44_100
SPEC = """
[song]
sample_rate = 44100
subtype = "PCM_24"
[reference]
file = "rough.wav"
[mix]
match = "reference"
gains_db = { bass = -1.5 }
[groups.drums]
stems = ["kick", "hat"]
[archive]
formats = ["manifest", "track_sheet", "sha256sums", "dawproject", "rpp"]
[deliveries.all]
[deliveries.single]
groups = false
""" + "".join(
    f'[stems.{name}]\ngenerator = "file"\nfile = "{name}.wav"\nalign = "none"\nverify = {{ dc_offset = 0.02 }}\n'
    for name in ("kick", "hat", "bass", "lead")
)
FADERS = {"kick": Fader(-4.0), "hat": Fader(2.0, 0.4), "bass": Fader(-9.0, 0.0, -1), "lead": Fader(-6.0, -0.3)}
LEVELLED = SPEC.replace('match = "reference"\n', "").replace(
    "[stems.lead]\n", '[stems.lead]\nlevel = "reference"\npan = 0.25\n'
)


def stems():
    return {
        "kick": stereo(beaten(1, 30, 120, 0.5, 4, decay=18)),
        "hat": stereo(beaten(3, 6000, 18000, 0.25, 4, decay=50)),
        "bass": stereo(struck(6, 55, 0.5, 4, decay=3)),
        "lead": stereo(struck(10, 660, 0.4, 4, partials=8, decay=3)),
    }


def db(gain):
    return 10 ** (gain / 20)


def read(project, name):
    return soundfile.read(project.folder / "build/song" / name, always_2d=True)[0]


def facts(project, name):
    return json.loads((project.folder / "build/song" / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return a project of the spec, built."""
    project = Project(tmp_path_factory.mktemp("matched"))
    for name, audio in stems().items():
        soundfile.write(project.folder / "spec" / f"{name}.wav", audio, RATE, "FLOAT")
    soundfile.write(project.folder / "spec/rough.wav", mixed(stems(), FADERS), RATE, "FLOAT")
    project.spec(SPEC)
    project.build()
    return project


@pytest.fixture
def project(built, tmp_path):
    """Return a copy of it."""
    shutil.copytree(built.folder, tmp_path / "copy", symlinks=True)
    return Project(tmp_path / "copy")


def test_the_mix_is_the_rough_mix_and_the_songs_faders_come_on_top(built):
    wanted = mixed(stems(), {**FADERS, "bass": Fader(-10.5, 0.0, -1)})
    left = read(built, "mix.wav") - wanted
    assert 10 * np.log10((left**2).sum() / (wanted**2).sum()) < -50
    mix = facts(built, "mix")
    assert mix["sum_residual_dbfs"] <= -120
    assert mix["gains_db"] == {
        "bass": pytest.approx(-10.5, abs=0.02),
        "lead": pytest.approx(-6.0, abs=0.02),
        "drums": 0.0,
    }
    summed = {each["of"]: each["gain_db"] for each in facts(built, "groups/drums")["summed"]}
    assert summed == {"kick": pytest.approx(-4.0, abs=0.02), "hat": pytest.approx(2.0, abs=0.02)}


@pytest.mark.parametrize(("archive", "names"), [("all", "drums"), ("single", "kick hat")])
def test_what_is_delivered_sums_to_the_mix_at_the_recorded_gains(built, archive, names):
    contents = facts(built, f"deliveries/{archive}/archive")
    files = {file["stem"]: file for file in contents["files"] if file["role"] == "stem"}
    assert sorted(files) == sorted(["bass", "lead", *names.split()])
    if "hat" in files:
        assert files["hat"]["match"] == {"gain_db": 2.0, "pan": pytest.approx(0.4, abs=0.002), "polarity": 1}
        assert files["hat"]["mix_gain_db"] == pytest.approx(2.0, abs=0.02)
    total = np.zeros_like(read(built, "mix.wav"))
    [path] = (built.folder / "build/song").glob(f"*_{archive.capitalize()}_*.zip")
    with zipfile.ZipFile(path) as opened:
        root = opened.namelist()[0].split("/")[0]
        for file in files.values():
            with opened.open(f"{root}/{file['name']}") as audio:
                total += db(file["mix_gain_db"]) * soundfile.read(audio, always_2d=True)[0]
        sheet = opened.read(f"{root}/TrackSheet.txt").decode() if archive == "single" else ""
    assert np.abs(total - read(built, "mix.wav")).max() < 1e-6  # a step of 24 bits is 1.2e-7
    if sheet:
        row = next(line for line in sheet.splitlines() if line.endswith(" lead"))
        assert row.split()[-3:] == ["L30", "none", "lead"]
        assert next(line for line in sheet.splitlines() if line.endswith(" bass")).split()[-4:-1] == [
            "C",
            "inv",
            "none",
        ]


def test_the_report_has_what_was_found(built):
    page = (built.folder / "build/song/report.html").read_text()
    assert "-9.00 dB (in the fader), pan +0.00, inverted" in page
    assert 'src="placed/lead.wav"' in page
    assert 'src="processed/lead.wav"' not in page


def test_an_effect_builds_its_stem_the_match_and_what_it_moves(project):
    project.edit("[stems.lead]\n", '[stems.lead]\neffects = [{ name = "gain", gain_db = -3 }]\n')
    run = project.build("mix:song")
    # the other stems' own figures are as they were, so they are placed as they were
    assert run.tasks("ran") == ["match:song", "mix:song", "place:song/lead", "process:song/lead"]
    assert facts(project, "mix")["gains_db"]["lead"] == pytest.approx(-3.0, abs=0.02)


def test_a_fader_matches_nothing_again(tmp_path):
    path, found = tmp_path / "song.toml", []
    for fader in ("-1.5", "-2.5"):
        path.write_text(SPEC.replace("-1.5", fader))
        song = read_song(path)
        found.append({job.task: job for stage in STAGES for job in jobs_of(stage, song)})
    changed = {task for task, job in found[1].items() if found[0][task] != job}
    assert {task for task in changed if not task.startswith(("archive", "report"))} == {"mix:song"}


def test_kept_figures_are_the_lines_of_a_spec(built):
    kept = tomllib.loads((built.folder / "build/song/match.toml").read_text())
    assert kept["mix"]["gains_db"] == {
        "bass": pytest.approx(-9.0, abs=0.02),
        "hat": pytest.approx(2.0, abs=0.02),
        "kick": pytest.approx(-4.0, abs=0.02),
        "lead": pytest.approx(-6.0, abs=0.02),
    }
    assert kept["stems"]["hat"]["pan"] == pytest.approx(0.4, abs=0.002)


def test_a_stem_as_loud_as_in_the_reference_moves_no_other(project):
    project.spec(LEVELLED)
    project.build("mix:song")
    mix = facts(project, "mix")
    lead = mixed(stems(), {"lead": FADERS["lead"]})
    processed = read(project, "processed/lead.wav")
    wanted_db = 10 * np.log10((lead**2).sum() / (processed**2).sum())
    assert mix["gains_db"] == {"bass": -1.5, "drums": 0.0, "lead": pytest.approx(wanted_db, abs=0.05)}
    assert not (project.folder / "build/song/placed").exists()


def test_stages_are_there_for_songs_that_ask_for_them():
    stages = {job.stage for job in jobs(SPEC)}
    assert {"match", "place"} <= stages
    assert {job.stage for job in jobs(LEVELLED)} & {"match", "place"} == {"match"}
    plain = {job.stage for job in jobs(SPEC.replace('match = "reference"\n', ""))}
    assert not plain & {"match", "place"}
    assert "place:song/lead" in all_after(SPEC, "process:song/bass")


def test_a_draft_is_matched_too(tmp_path):
    (tmp_path / "song.toml").write_text(SPEC)
    draft = draft_of(read_song(tmp_path / "song.toml"))
    [job] = jobs_of("match", draft)
    assert job.task == "draft-match:song"
    assert len(list(jobs_of("place", draft))) == 4


def test_what_is_heard_alone_is_at_the_gain_that_was_found(project):
    run = project.doit("solo=lead,kick", "mix:song")
    assert run.code == 0, run.out + run.err
    wanted = mixed(stems(), {name: FADERS[name] for name in ("lead", "kick")})
    left = read(project, "../listening/song/mix.wav") - wanted
    assert 10 * np.log10((left**2).sum() / (wanted**2).sum()) < -50


def test_a_stem_may_not_follow_a_group_that_is_as_loud_as_all_stems_say(tmp_path):
    path = tmp_path / "song.toml"
    for followed, line in (("kick", ""), ("drums", "it is made of itself")):
        effects = f'effects = [{{ name = "compressor", sidechain = "{followed}" }}]'
        path.write_text(SPEC.replace("[stems.lead]\n", f"[stems.lead]\n{effects}\n"))
        if line:
            with pytest.raises(SpecError, match=line):
                read_song(path)
        else:
            [job] = [job for job in jobs_of("process", read_song(path)) if job.task == "process:song/lead"]
            assert "build/song/processed/kick.wav" in job.inputs.values()
