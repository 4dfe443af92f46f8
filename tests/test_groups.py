"""Groups and sends: what is summed where, what is built again, and what a delivery's files sum to."""

from __future__ import annotations

import json
import shutil
import zipfile

import numpy as np
import pytest
import soundfile

from stemtasks.errors import SpecError
from stemtasks.spec.reading import read_song
from tests.pipeline import all_after, jobs
from tests.project import Project

SPEC = """
[song]
bpm = 120
sample_rate = 9000
tail_seconds = 0.5

[reference]
duration = "2 bars"

[stems.kick]
generator = "drums"
patterns = { default = { kick = "x...x...x...x..." } }

[stems.hat]
generator = "drums"
patterns = { default = { closed_hat = "x.x." } }
gain_db = -6
pan = 0.5

[stems.bass]
generator = "tone"
note = "A2"
gain_db = -12
send = { to = "room", level_db = -12, pre = true }

[stems.lead]
generator = "tone"
note = "A4"
channels = 1
gain_db = -12
pan = -0.5
send = { to = "room", level_db = -6 }

[groups.drums]
stems = ["kick", "hat"]
gain_db = -3

[groups.rhythm]
stems = ["drums", "bass"]

[groups.room]
effects = [{ name = "delay", time_ms = 100, mix = 1.0 }]

[mix]
gain_db = -1
gains_db = { kick = -2, drums = 1, rhythm = -0.5, room = -3 }
"""


def read(project: Project, name: str):
    """Return a built file's audio."""
    return soundfile.read(project.folder / "build/song" / name, always_2d=True)[0]


def db(gain: float) -> float:
    """Return a gain in dB as a factor."""
    return 10 ** (gain / 20)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return a project of the spec, built."""
    project = Project(tmp_path_factory.mktemp("groups"))
    project.spec(SPEC)
    project.build()
    return project


@pytest.fixture
def project(built, tmp_path):
    """Return a copy of it."""
    shutil.copytree(built.folder, tmp_path / "copy", symlinks=True)
    return Project(tmp_path / "copy")


def test_a_group_is_the_sum_of_its_stems_at_their_faders_and_the_mix_of_what_is_in_no_group(built):
    processed = {name: read(built, f"processed/{name}.wav") for name in ("kick", "hat", "bass", "lead")}
    drums = db(-3) * (db(-2) * processed["kick"] + processed["hat"])
    np.testing.assert_allclose(read(built, "groups/drums.wav"), drums, atol=1e-6)
    rhythm = db(1) * drums + processed["bass"]
    np.testing.assert_allclose(read(built, "groups/rhythm.wav"), rhythm, atol=1e-6)
    room = read(built, "groups/room.wav")
    mix = db(-1) * (processed["lead"] + db(-0.5) * rhythm + db(-3) * room)
    np.testing.assert_allclose(read(built, "mix.wav"), mix, atol=1e-6)
    assert json.loads((built.folder / "build/song/mix.json").read_text())["sum_residual_dbfs"] <= -120


def test_a_send_is_taken_behind_gain_and_pan_or_before_them(built):
    bass = read(built, "stems/bass.wav")
    frames = len(read(built, "processed/bass.wav"))
    before = np.zeros((frames, 2))
    before[: len(bass)] = bass
    np.testing.assert_allclose(read(built, "sends/bass.wav"), before, atol=1e-6)
    sent = db(-12) * before + db(-6) * read(built, "processed/lead.wav")
    echo = np.zeros_like(sent)
    for turn in range(1, 40):
        if turn * 900 < frames:
            echo[turn * 900 :] += 0.35 ** (turn - 1) * sent[: frames - turn * 900]
    room = read(built, "groups/room.wav")
    # what would ring on fades out in the last 10 ms
    np.testing.assert_allclose(room[:-90], echo[:-90], atol=1e-5)


def test_what_a_group_has_behind_the_song_rings_into_the_tail(built):
    assert np.abs(read(built, "groups/room.wav")[36_000:]).max() > 0.001


def test_a_delivery_has_groups_in_place_of_their_stems_and_they_sum_to_the_mix(built):
    facts = json.loads((built.folder / "build/song/archive.json").read_text())
    stems = {file["stem"]: file for file in facts["files"] if file["role"] == "stem"}
    assert sorted(stems) == ["lead", "rhythm", "room"]
    assert stems["rhythm"]["stems"] == ["drums", "bass"]
    assert facts["contract"].endswith("sum at the recorded gains to the mix, to -120 dBFS.")
    summed = np.zeros_like(read(built, "mix.wav"))
    with zipfile.ZipFile(next((built.folder / "build/song").glob("*.zip"))) as archive:
        root = archive.namelist()[0].split("/")[0]
        for file in stems.values():
            with archive.open(f"{root}/{file['name']}") as audio:
                summed += db(file["mix_gain_db"]) * soundfile.read(audio, always_2d=True)[0]
    assert np.abs(summed - read(built, "mix.wav")).max() < 1e-6


@pytest.mark.parametrize(
    ("old", "new", "first"),
    [
        ("gain_db = -6\npan = 0.5", "gain_db = -7\npan = 0.5", "process:song/hat"),
        ("gain_db = -3", "gain_db = -4", "group:song/drums"),
        ("drums = 1,", "drums = 2,", "group:song/rhythm"),
        ("level_db = -6", "level_db = -7", "group:song/room"),
        ("rhythm = -0.5", "rhythm = -1.5", "mix:song"),
        ("time_ms = 100", "time_ms = 110", "group:song/room"),
    ],
)
def test_a_change_builds_what_comes_after_it_and_no_more(project, old, new, first):
    project.edit(old, new)
    run = project.build()
    expected = set(all_after(SPEC, first))
    if first == "mix:song":  # the report shows the fader, the archive records it
        expected |= {"report:song", "archive:song"}
    assert set(run.tasks("ran")) | set(run.tasks("verified")) == expected


def test_stems_are_delivered_in_place_of_plain_groups_and_the_sum_is_measured(project):
    project.edit("[mix]", "[deliveries.tracks]\ngroups = false\nmaster = false\n[deliveries.groups]\n[mix]")
    project.edit("sample_rate = 9000", 'sample_rate = 9000\nsubtype = "PCM_16"')
    project.build()
    facts = json.loads((project.folder / "build/song/deliveries/tracks/archive.json").read_text())
    stems = {file["stem"]: file["mix_gain_db"] for file in facts["files"]}
    assert stems == {
        "kick": pytest.approx(-1 - 2 - 3 + 1 - 0.5),
        "hat": pytest.approx(-1 - 3 + 1 - 0.5),
        "bass": pytest.approx(-1 - 0.5),
        "lead": -1.0,
        "room": -4.0,
    }
    summed = facts["delivered_sum"]
    # two groups in 16 bits lie on the way, each up to 2.5 steps off
    assert -120 < summed["residual_dbfs"] <= summed["max_residual_dbfs"] < -75
    groups = json.loads((project.folder / "build/song/deliveries/groups/archive.json").read_text())
    assert [file.get("stem") for file in groups["files"]] == ["rhythm", "lead", "room", None]


def test_what_is_not_in_the_stems_is_named(project):
    project.edit("[mix]", '[archive]\ngroups = false\n[mix]\neffects = [{ name = "highpass", cutoff_hz = 40 }]')
    project.edit("gain_db = -3", 'gain_db = -3\neffects = [{ name = "saturation" }]\npan = 0.2')
    project.build()
    facts = json.loads((project.folder / "build/song/archive.json").read_text())
    assert facts["not_in_stems"] == ["the mix's highpass", "saturation of group drums", "the pan of group drums"]
    assert facts["contract"].endswith(
        "without what is not in them: the mix's highpass, saturation of group drums, the pan of group drums."
    )
    assert sorted(file["stem"] for file in facts["files"] if "stem" in file) == ["bass", "hat", "kick", "lead", "room"]


def test_the_mix_and_every_master_have_their_effects(project):
    plain = read(project, "mix.wav")
    project.spec(
        SPEC.replace("[mix]", '[mix]\neffects = [{ name = "gain", gain_db = -6 }]')
        + '[master]\nloudness_lufs = "off"\nceiling_dbtp = 0\neffects = [{ name = "gain", gain_db = -6 }]\n'
        "[deliveries.a]\nstems = false\n[deliveries.b]\nstems = false\nsample_rate = 18000\n"
    )
    project.build()
    np.testing.assert_allclose(read(project, "mix.wav"), db(-6) * plain, atol=1e-7)
    np.testing.assert_allclose(read(project, "master.wav"), db(-12) * plain, atol=1e-6)
    other = read(project, "deliveries/b/master.wav")
    assert np.sqrt(np.mean(other**2)) == pytest.approx(np.sqrt(np.mean((db(-12) * plain) ** 2)), rel=0.02)


def test_a_draft_has_groups_too(project):
    run = project.doit("draft=true")
    assert run.code == 0, run.out
    drawn = {task for task in run.tasks("ran") if "group" in task}
    assert drawn == {"draft-group:song/drums", "draft-group:song/rhythm", "draft-group:song/room"}


def test_a_group_that_is_made_of_itself_is_one_line(tmp_path):
    assert mistakes(tmp_path, SPEC.replace("[groups.drums]", '[groups.drums]\nsend = { to = "rhythm" }')) == []
    looped = SPEC.replace("[groups.rhythm]", '[groups.rhythm]\nsend = { to = "drums" }')
    assert mistakes(tmp_path, looped) == [
        "groups.drums: it is made of itself: drums -> rhythm -> drums; take out one of these ways"
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"kick", "hat"]', '"kik", "hat"]', "groups.drums.stems[0]: unknown stem or group 'kik'; known: bass, drums, "),
        ('"drums", "bass"]', '"drums", "bass", "hat"]', "groups.rhythm.stems[2]: 'hat' is in group 'drums' too; keep "),
        ('"drums", "bass"]', '"drums", "drums"]', "groups.rhythm.stems[1]: 'drums' is there twice; remove one"),
        (
            'to = "room", level_db = -6',
            'to = "rom"',
            "stems.lead.send[0].to: unknown group 'rom'; known: drums, rhythm,",
        ),
        ('to = "room", level_db = -6', 'to = "bass"', "stems.lead.send[0].to: unknown group 'bass'"),
        ("level_db = -6", "level_db = 99", "stems.lead.send.level_db: 99 is outside -144 to 48 dB"),
        ('to = "room", level_db = -6', "level_db = -6", "stems.lead.send: 'to' is missing; it is a string"),
        ("[groups.room]", "[groups.lead]\n[groups.room]", "groups.lead: a stem has the name 'lead' too; rename one"),
        (
            "[groups.room]",
            "[groups.x]\n[groups.room]",
            "groups.x: it has no sound: give it stems, or send something to",
        ),
        ("[groups.room]", "[groups.Drums]\n[groups.room]", "groups: two have the name 'Drums', once written 'drums'"),
        ("drums = 1,", "drms = 1,", "mix.gains_db: unknown stem or group 'drms'"),
        ("gain_db = -3\n", "gian_db = -3\n", "groups.drums: unknown key 'gian_db'"),
        ("[mix]\n", "[mix]\neffects = [{ name = 'delai' }]\n", "mix.effects[0]: unknown effect 'delai'"),
    ],
)
def test_a_wrong_way_is_one_line(tmp_path, old, new, said):
    first = mistakes(tmp_path, SPEC.replace(old, new, 1))[0]
    assert first.startswith(said)
    assert "\n" not in first


def mistakes(folder, text):
    """Return what is wrong with a spec."""
    path = folder / "song.toml"
    path.write_text(text)
    try:
        read_song(path)
    except SpecError as error:
        return [line.removeprefix(f"{path}: ") for line in error.mistakes]
    return []


def test_a_song_without_groups_has_no_task_of_them():
    plain = SPEC[: SPEC.index("[groups.drums]")].replace('send = { to = "room", level_db = -12, pre = true }', "")
    plain = plain.replace('send = { to = "room", level_db = -6 }', "")
    assert not [job.task for job in jobs(plain) if job.stage in ("group", "premaster")]


def heard_as(project, *variables):
    """Return the listening mix of some variables."""
    run = project.doit(*variables, "mix:song")
    assert run.code == 0, run.out + run.err
    return soundfile.read(project.folder / "build/listening/song/mix.wav", always_2d=True)[0]


def test_solo_and_mute_make_a_mix_of_their_own_and_leave_the_real_one(project):
    before = project.products()
    processed = {name: read(project, f"processed/{name}.wav") for name in ("kick", "hat", "bass", "lead")}
    kick = db(-1 - 0.5 + 1 - 3 - 2) * processed["kick"]
    np.testing.assert_allclose(heard_as(project, "solo=kick"), kick, atol=1e-6)
    hat = db(-1 - 0.5 + 1 - 3) * processed["hat"]
    np.testing.assert_allclose(heard_as(project, "solo=drums"), kick + hat, atol=1e-6)
    np.testing.assert_allclose(heard_as(project, "solo=drums", "mute=hat"), kick, atol=1e-6)
    everything = heard_as(project, "mute=room")
    assert np.abs(everything - read(project, "mix.wav") + db(-4) * read(project, "groups/room.wav")).max() < 1e-6
    # a return is heard with what is sent by what is heard
    lead = heard_as(project, "solo=lead")
    assert np.abs(lead[:800] - db(-1) * processed["lead"][:800]).max() < 1e-6
    assert np.abs(lead[-4000:]).max() > 0.001
    there = project.products()
    assert {name: there[name] for name in there if not name.startswith("listening/")} == before
    assert project.build().done == {}
    assert (project.folder / "build/listening/song/mix.wav").exists()


def test_what_is_heard_of_groups_is_summed_anew_and_the_rest_is_the_real_one(project):
    run = project.doit("solo=kick,bass", "mix:song")
    assert run.out.endswith("listen to build/listening/song/mix.wav\n")
    assert run.tasks("ran") == [
        "listening-group:song/drums",
        "listening-group:song/rhythm",
        "listening-group:song/room",
        "listening-mix:song",
    ]
    assert project.doit("solo=kick,bass", "mix:song").done == {}
    project.edit("gain_db = -6\npan = 0.5", "gain_db = -7\npan = 0.5")
    assert project.doit("solo=kick,bass").done == {}
    project.edit('note = "A2"', 'note = "B2"')
    ran = ["align", "listening-group", "listening-group", "listening-mix", "process", "stem"]
    assert [task.partition(":")[0] for task in project.doit("solo=kick,bass").tasks("ran")] == ran


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            ("solo=kik",),
            "solo, mute: unknown stem or group 'kik'; known: bass, drums, hat, kick, lead, rhythm, room; did",
        ),
        (("solo=kick", "mute=drums"), "solo=kick, mute=drums: nothing is heard"),
        (
            ("solo=kick", "archive:song"),
            "archive:song: solo and mute make a mix to listen to, and nothing else; name mix:",
        ),
        (("solo=kick", "draft=true"), "draft=true with solo or mute: a draft is of the whole song; leave one out"),
    ],
)
def test_what_cannot_be_listened_to_is_one_line(project, variables, said):
    run = project.doit(*variables)
    assert run.code != 0
    assert said in run.err + run.out
    assert "Traceback" not in run.err + run.out


def test_check_looks_at_the_effects_of_groups_the_mix_and_the_master(tmp_path):
    project = Project(tmp_path)
    bad = '{ name = "delay" }'
    project.spec(
        SPEC.replace("gain_db = -3\n", f"gain_db = -3\neffects = [{bad}]\n").replace(
            "[mix]", f"[mix]\neffects = [{bad}]"
        )
        + f"[master]\neffects = [{bad}]\n"
    )
    run = project.doit("check")
    said = [line.split(": delay: ")[0] for line in run.out.splitlines() if ": delay: give either beats or" in line]
    assert said == [
        "spec/song.toml: groups.drums.effects[0]",
        "spec/song.toml: mix.effects[0]",
        "spec/song.toml: master.effects[0]",
    ]


def test_a_song_may_be_as_long_as_one_of_its_stems(tmp_path):
    project = Project(tmp_path)
    soundfile.write(project.folder / "spec/take.wav", np.random.default_rng(0).normal(0, 0.1, 20_000), 9000)
    project.spec(
        '[song]\nsample_rate = 9000\n[reference]\nstem = "take"\n[stems.take]\ngenerator = "file"\n'
        'file = "take.wav"\n[stems.tone]\ngenerator = "tone"\n'
    )
    assert project.doit("check").code == 0
    project.build()
    assert json.loads((project.folder / "build/song/timing.json").read_text())["frames"] == 20_000
    project.edit('file = "take.wav"', 'file = "take.wav"\nduration_seconds = 1.5')
    project.build()
    assert len(soundfile.read(project.folder / "build/song/aligned/tone.wav")[0]) == 13_500


def test_a_song_as_long_as_a_stem_that_waits_for_its_sections_is_one_line(tmp_path):
    project = Project(tmp_path)
    soundfile.write(project.folder / "spec/take.wav", np.random.default_rng(0).normal(0, 0.1, 20_000), 9000)
    project.spec(
        '[song]\nsample_rate = 9000\n[reference]\nstem = "take"\n[[sections]]\nname = "a"\nfill = true\n'
        '[stems.take]\ngenerator = "clips"\nclips = [{ file = "take.wav", at = "a" }]\n'
    )
    run = project.doit()
    assert run.code != 0
    assert "it is made of itself" in run.out + run.err
    assert "Traceback" not in run.out + run.err


def test_a_send_twice_is_one_line(tmp_path):
    twice = SPEC.replace('{ to = "room", level_db = -6 }', '[{ to = "room" }, { to = "room" }]')
    assert mistakes(tmp_path, twice) == ["stems.lead.send[1].to: 'room' is there twice; remove one"]


def test_check_remarks_a_delivery_of_more_bits_than_the_stems_have(tmp_path):
    project = Project(tmp_path)
    project.spec(
        SPEC.replace("sample_rate = 9000", 'sample_rate = 9000\nsubtype = "PCM_16"')
        + '[deliveries.label]\nstems = { subtype = "PCM_24" }\n[deliveries.plain]\n'
    )
    run = project.doit("check")
    assert run.code == 0
    assert [line for line in run.out.splitlines() if line.startswith("NOTE")] == [
        (
            "NOTE: spec/song.toml: deliveries.label.stems: PCM_24 of stems that are PCM_16 has 16 bits all the same; "
            "song.subtype = 'PCM_24' keeps more"
        )
    ]
