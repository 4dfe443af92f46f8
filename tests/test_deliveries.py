"""A game and a release of one song: what each archive holds, what is made again, what is left of one that is gone."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
import soxr

import stemtasks
from tests import loudness_oracle, three_stems, true_peak_oracle
from tests.pipeline import jobs, tasks_of
from tests.project import Project
from tests.three_stems import ALL, STEMS

BARS, FRAMES, GAME_FRAMES = 5, 160_000, 220_500
# MP3 has this rate
SPEC = three_stems.SPEC.replace("sample_rate = 9000", 'sample_rate = 16000\nartist = "Björk & Söhne"')
SPEC = SPEC.replace("8 bars", f"{BARS} bars").replace('"chorus"\nbars = 4', '"chorus"\nbars = 1')
DELIVERIES = """
[deliveries.game]
stems = { format = "flac", subtype = "PCM_16" }
master = { format = "flac" }
previews = true
sample_rate = 22050
loudness_lufs = -20

[deliveries.label]
stems = { subtype = "PCM_24" }
mix = { format = "rf64" }
report = true
numbers = true
fields = ["song", "part", "bits"]

[deliveries.web]
stems = false
master = { format = "mp3" }

[tags]
album = "Ålbum"
track = 3
date = "2026-11-26"
isrc = "DE-A12-26-00001"
genre = "Electronic"
composer = "J. S."
copyright = "2026 Us"
"""
OF_DELIVERIES = [
    "archive:song/game",
    "archive:song/label",
    "archive:song/web",
    "convert:song/game/master",
    "convert:song/game/premaster",
    "convert:song/game/previews",
    *(f"convert:song/game/stems/{stem}" for stem in STEMS),
    "convert:song/label/mix",
    *(f"convert:song/label/stems/{stem}" for stem in STEMS),
    "convert:song/web/master",
    "master:song/game",
]
"""All tasks that deliveries add; they take the place of ``archive:song``."""


@pytest.fixture(scope="module")
def delivered_once(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("delivered") / "song")
    project.spec(SPEC + DELIVERIES)
    run = project.build()
    assert run.done == {"ran": sorted({*ALL, *OF_DELIVERIES} - {"archive:song"})}
    return project


@pytest.fixture
def delivered(project, delivered_once):
    """Return a song of three stems and three deliveries that has been built once."""
    shutil.copytree(delivered_once.folder, project.folder, dirs_exist_ok=True)
    return project


def held(project, name):
    """Return the files of an archive by name, in order, without their folder."""
    (path,) = (project.folder / "build/song").glob(f"*_{name}_*.zip")
    with zipfile.ZipFile(path) as archive:
        assert {member.partition("/")[0] for member in archive.namelist()} == {path.stem}
        return {member.partition("/")[2]: archive.read(member) for member in archive.namelist()}


def sound(content):
    return soundfile.read(io.BytesIO(content), always_2d=True)


def by_ffmpeg(content, rate):
    """Return the audio of a file as another decoder has it, stereo float64 at its own rate."""
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "error",
        "-i",
        "pipe:0",
        "-f",
        "f64le",
        "-ar",
        str(rate),
        "pipe:1",
    ]
    done = subprocess.run(command, input=content, capture_output=True, check=True)
    return np.frombuffer(done.stdout).reshape(-1, 2)


def metadata_by_ffmpeg(content):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", "pipe:0", "-f", "ffmetadata", "pipe:1"]
    done = subprocess.run(command, input=content, capture_output=True, check=True)
    pairs = (line.partition("=")[::2] for line in done.stdout.decode().splitlines() if "=" in line)
    return {name.lower(): value for name, value in pairs}


def source_of(project, *names):
    return soundfile.read(project.folder.joinpath("build/song", *names), always_2d=True)[0]


def test_each_archive_holds_what_its_table_says_in_the_order_of_the_spec(delivered_once):
    papers = ["manifest.json", "TrackSheet.txt", "SHA256SUMS"]
    assert list(held(delivered_once, "Game")) == [
        "Song_Bass_22.05k_16b.flac",
        "Song_Drums_22.05k_16b.flac",
        "Song_Pad_22.05k_16b.flac",
        "Song_Master_22.05k_24b.flac",
        "Song_Preview_22.05k.mp3",
        *papers,
    ]
    label = ["01_Song_Bass_24b.wav", "02_Song_Drums_24b.wav", "03_Song_Pad_24b.wav"]
    label += ["04_Song_Mix_32f.wav", "05_Song_Master_32f.wav"]
    assert list(held(delivered_once, "Label")) == [*label, "Report.html", *papers]
    assert list(held(delivered_once, "Web")) == ["Song_Master_16k.mp3", *papers]


def test_the_manifest_and_the_sums_are_of_the_files_that_are_delivered(delivered_once):
    for name, rate, frames in (("Game", 22050, GAME_FRAMES), ("Label", 16000, FRAMES), ("Web", 16000, FRAMES)):
        files = held(delivered_once, name)
        manifest = json.loads(files["manifest.json"])
        audio = [file["name"] for file in manifest["files"]]
        assert audio == [file for file in files if file.endswith(("wav", "flac", "mp3"))]
        assert (manifest["song"]["delivery"], manifest["song"]["sample_rate"]) == (name.lower(), rate)
        assert manifest["song"]["delivered_frames"] == frames
        assert [section["end_frame"] for section in manifest["sections"]] == [frames * 4 // 5, frames]
        for file in manifest["files"]:
            content = files[file["name"]]
            assert (file["sha256"], file["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
            info = soundfile.info(io.BytesIO(content))
            told = file["measurements"]
            assert (info.frames, info.samplerate, info.subtype) == (frames, rate, told["subtype"])
            read = sound(content)[0]
            assert told["peak_dbfs"] == pytest.approx(20 * np.log10(np.abs(read).max()), abs=1e-3)
        sums = dict(line.split("  ")[::-1] for line in files["SHA256SUMS"].decode().splitlines())
        rest = {name: content for name, content in files.items() if name != "SHA256SUMS"}
        assert sums == {name: hashlib.sha256(content).hexdigest() for name, content in rest.items()}


def test_stems_are_what_soxr_makes_of_them_at_once_rounded_to_their_subtype(delivered_once):
    files = held(delivered_once, "Game")
    for stem in STEMS:
        wanted = soxr.resample(source_of(delivered_once, "processed", f"{stem}.wav"), 16000, 22050, quality="VHQ")
        found, rate = sound(files[f"Song_{stem.title()}_22.05k_16b.flac"])
        assert (rate, len(found)) == (22050, GAME_FRAMES)
        steps = np.abs(found - wanted) * 2**15
        assert steps.max() <= 1.5 + 1e-6
        assert (by_ffmpeg(files[f"Song_{stem.title()}_22.05k_16b.flac"], 22050) == found).all()


def test_delivered_stems_sum_to_the_mix_as_the_contract_says(delivered_once):
    files = held(delivered_once, "Game")
    manifest = json.loads(files["manifest.json"])
    mix = soxr.resample(source_of(delivered_once, "mix.wav"), 16000, 22050, quality="VHQ")
    stems = [sound(files[file["name"]])[0] for file in manifest["files"] if file["role"] == "stem"]
    residual = 20 * np.log10(np.abs(sum(stems) - mix).max())
    told = manifest["delivered_sum"]
    assert told["residual_dbfs"] == pytest.approx(residual, abs=0.01)
    assert residual <= told["max_residual_dbfs"]
    assert manifest["contract"] == (
        "Stems are pre-master; they sum at the recorded gains to the mix at 22050 Hz, to "
        f"{told['max_residual_dbfs']:.1f} dBFS."
    )
    assert manifest["contract"] in files["TrackSheet.txt"].decode().replace("\n", " ")
    web = json.loads(held(delivered_once, "Web")["manifest.json"])
    assert web["contract"] == "Stems are not part of this delivery."


def test_a_master_has_its_own_loudness_at_its_rate_and_is_the_same_in_flac(delivered_once):
    files = held(delivered_once, "Game")
    found, rate = sound(files["Song_Master_22.05k_24b.flac"])
    assert loudness_oracle.integrated_lufs(found, rate) == pytest.approx(-20, abs=0.1)
    assert (found == source_of(delivered_once, "deliveries/game/master.wav")).all()
    assert 20 * np.log10(true_peak_oracle.exact_peak(found)) <= -1.0
    preview, rate = sound(files["Song_Preview_22.05k.mp3"])
    assert (rate, len(preview)) == (22050, GAME_FRAMES)
    assert loudness_oracle.integrated_lufs(preview, rate) == pytest.approx(-20, abs=0.15)
    assert "-20.00 LUFS (target -20.00)" in files["TrackSheet.txt"].decode()


def test_an_mp3_is_in_time_under_the_ceiling_and_as_long_as_the_song_in_another_decoder(delivered_once):
    content = held(delivered_once, "Web")["Song_Master_16k.mp3"]
    master, found = source_of(delivered_once, "master.wav"), sound(content)[0]
    other = by_ffmpeg(content, 16000)
    assert len(found) == FRAMES
    assert abs(len(other) - FRAMES) <= 1152
    for decoded in (found, other[:FRAMES]):
        spectrum = np.fft.rfft(decoded[:, 0], 2 * FRAMES) * np.conj(np.fft.rfft(master[:, 0], 2 * FRAMES))
        assert np.argmax(np.fft.irfft(spectrum)) == 0
    assert 20 * np.log10(true_peak_oracle.exact_peak(found)) <= -1.0


TAGS = {
    "artist": "Björk & Söhne",
    "album": "Ålbum",
    "date": "2026-11-26",
    "genre": "Electronic",
    "composer": "J. S.",
    "copyright": "2026 Us",
}


def test_flac_and_mp3_are_tagged_as_other_readers_have_it_and_isrc_and_number_are_the_masters(delivered_once):
    files = {**held(delivered_once, "Web"), **held(delivered_once, "Game")}
    for name, title in (
        ("Song_Master_16k.mp3", "song"),
        ("Song_Master_22.05k_24b.flac", "song"),
        ("Song_Preview_22.05k.mp3", "song"),
        ("Song_Bass_22.05k_16b.flac", "song - bass"),
    ):
        said = metadata_by_ffmpeg(files[name])
        isrc, bpm, key = ("tsrc", "tbpm", "tkey") if name.endswith("mp3") else ("isrc", "bpm", "initialkey")
        recording = {isrc: "DEA122600001", "track": "3"} if title == "song" else {}
        said.pop("encoder", None)
        assert said == {"title": title, **TAGS, bpm: "120", key: "G", **recording}
        assert sound(files[name])[0].shape[1] == 2


def test_the_report_in_an_archive_plays_what_lies_beside_it(delivered_once):
    files = held(delivered_once, "Label")
    page = files["Report.html"].decode()
    played = re.findall(r'<audio [^>]*src="([^"]*)"', page)
    assert sorted(played) == [name for name in files if name.endswith(".wav")]
    assert set(re.findall(r'href="([^"#:]+)"', page)) == set(played)
    own = (delivered_once.folder / "build/song/report.html").read_text()
    apart = r"<figure><figcaption>[^<]*: <a.*?</figure>\n"
    assert re.sub(apart, "", page) == re.sub(apart, "", own), "but for the players"


FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
AAC = f"""
[deliveries.phone]
stems = false
master = {{ format = "command", ending = "m4a", encode = [
    "{FFMPEG}", "-v", "error", "-i", "{{input}}", "-c:a", "aac", "-b:a", "96k", "-bitexact", "{{output}}",
], decode = ["{FFMPEG}", "-v", "error", "-i", "{{input}}", "-c:a", "pcm_f32le", "{{output}}"] }}
"""


def test_what_another_program_encodes_is_verified_as_it_decodes_it(project):
    frames = 2 * FRAMES // BARS
    head, stems = SPEC[: SPEC.index("[[sections]]")], SPEC[SPEC.index("[stems.bass]") : SPEC.index("[stems.pad]")]
    project.spec(head.replace(f"{BARS} bars", "2 bars") + stems + AAC)
    made = ["archive:song/phone", "convert:song/phone/master"]
    assert {*made} <= {*project.build("archive:song/phone").done["ran"]}
    content = held(project, "Phone")["Song_Master_16k.m4a"]
    (project.folder / "song.m4a").write_bytes(content)
    decoding = [FFMPEG, "-v", "error", "-i", str(project.folder / "song.m4a"), "-f", "f64le", "pipe:1"]
    found = np.frombuffer(subprocess.run(decoding, capture_output=True, check=True).stdout).reshape(-1, 2)
    master = source_of(project, "master.wav")
    assert content[4:8] == b"ftyp"
    assert 0 <= len(found) - frames <= 1600
    difference = found[:frames] - master
    assert 10 * np.log10(np.mean(difference**2) / np.mean(master**2)) < -10
    assert 20 * np.log10(true_peak_oracle.exact_peak(found)) <= -1.0
    (file,) = json.loads(held(project, "Phone")["manifest.json"])["files"]
    assert (file["measurements"]["frames"], file["measurements"]["subtype"]) == (frames, "M4A")
    project.edit('"96k"', '"64k"')
    assert project.build("archive:song/phone").done == {"ran": made}
    project.edit('"-c:a", "pcm_f32le"', '"-af", "adelay=20:all=1"')
    failed = project.doit("archive:song/phone").lines("FAILED")["convert:song/phone/master"]
    assert "what the encoder changed is" in failed
    project.edit('"-af", "adelay=20:all=1"', '"-no-such-option"')
    failed = project.doit("archive:song/phone").lines("FAILED")["convert:song/phone/master"]
    assert re.match(r"spec/song.toml: deliveries.phone: decode .*ffmpeg.*: it failed with exit code ", failed)


def test_a_folder_has_the_files_of_the_zip_each_a_target_that_is_made_right_again(delivered):
    zipped = held(delivered, "Label")
    delivered.edit("numbers = true", 'numbers = true\ncontainer = "folder"')
    assert delivered.build().done == {"ran": ["archive:song/label"]}
    folder = delivered.folder / "build/song/Song_Label_16k"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == zipped
    assert not list(delivered.folder.glob("build/song/*_Label_*.zip"))
    (folder / "manifest.json").unlink()
    (folder / "02_Song_Drums_24b.wav").chmod(0o644)
    (folder / "02_Song_Drums_24b.wav").write_bytes(b"no sound")
    assert delivered.build().done == {"restored": ["archive:song/label"]}
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == zipped
    delivered.edit('container = "folder"', "")
    assert delivered.build().done == {"restored": ["archive:song/label"]}
    assert not folder.exists()
    assert held(delivered, "Label") == zipped


def test_a_stage_that_an_older_dodo_file_has_not_is_named_as_such_and_is_there_in_a_new_one(project):
    new = (project.folder / "dodo.py").read_text()
    (project.folder / "dodo.py").write_text("".join(line for line in new.splitlines(True) if '"convert"' not in line))
    project.spec(SPEC + '[deliveries.x]\nstems = false\nmaster = { format = "flac" }\n')
    assert project.doit("archive:song/x").lines("FAILED")["archive:song/x"] == (
        "spec/song.toml: deliveries.x: build/song/deliveries/x/converted/master.flac: no task of dodo.py makes it, so "
        "a stage is missing there; copy the dodo.py that 'stemtasks new NAME' writes"
    )
    template = Path(stemtasks.__file__).parent / "template/dodo.py"
    (project.folder / "dodo.py").write_text(template.read_text())
    project.build("archive:song/x")


def test_a_format_of_ones_own_is_in_a_folder_once_it_names_its_files(project):
    place = project.folder / "parts/delivery/note.py"
    place.parent.mkdir(parents=True)
    text = 'def note(handover, *, word: str = "hi"):\n    yield f"{word}.txt", word.encode()\n'
    place.write_text(text)
    project.spec(SPEC + '[deliveries.x]\nstems = false\nformats = ["note", "sha256sums"]\ncontainer = "folder"\n')
    assert project.doit("check").out.splitlines()[0] == (
        "spec/song.toml: deliveries.x.container: note does not say what its files are called, which a folder needs; "
        "write a function names() beside it, or container = 'zip'"
    )
    place.write_text(text + "\n\ndef names(word):\n    return [f\"{word or 'hi'}.txt\"]\n")
    project.build("archive:song/x")
    files = ["SHA256SUMS", "Song_Master_16k_32f.wav", "hi.txt"]
    assert sorted(path.name for path in (project.folder / "build/song/Song_X_16k").iterdir()) == files
    place.write_text(text)
    project.edit('container = "folder"', 'container = "zip"')
    assert project.doit("check").code == 0


def test_an_rf64_is_one_from_the_start_and_has_the_mix_bit_for_bit(delivered_once):
    content = held(delivered_once, "Label")["04_Song_Mix_32f.wav"]
    assert (content[:4], content[12:16]) == (b"RF64", b"ds64")
    assert (sound(content)[0] == source_of(delivered_once, "mix.wav")).all()
    assert (by_ffmpeg(content, 16000) == source_of(delivered_once, "mix.wav")).all()


def test_the_bytes_are_the_same_each_time(delivered_once, tmp_path):
    again = Project(tmp_path / "again")
    again.spec(SPEC + DELIVERIES)
    again.build()
    again.insist(delivered_once.products(), "built twice")


def test_another_loudness_makes_that_master_and_its_archive_again_and_nothing_else(delivered):
    delivered.edit("loudness_lufs = -20", "loudness_lufs = -18")
    again = ["archive:song/game", "convert:song/game/master", "convert:song/game/previews", "master:song/game"]
    why = delivered.doit("why").out
    assert "archive:song/game would run" in why
    assert "deliveries.game.loudness_lufs -20 -> -18" in why
    assert delivered.build().done == {"ran": again}
    delivered.edit("loudness_lufs = -18", "loudness_lufs = -20")
    assert delivered.build().done == {"restored": again}


def test_another_subtype_of_stems_makes_those_and_their_archive_again(delivered):
    delivered.edit('"flac", subtype = "PCM_16"', '"flac", subtype = "PCM_24"')
    again = ["archive:song/game", *(f"convert:song/game/stems/{stem}" for stem in STEMS)]
    assert delivered.build().done == {"ran": again}


def test_a_delivery_that_asks_for_the_same_files_shares_them(delivered):
    spec = delivered.folder / "spec/song.toml"
    game = DELIVERIES.partition("[deliveries.label]")[0].replace("deliveries.game", "deliveries.game2")
    spec.write_text(spec.read_text() + game)
    shared = [task.replace("/game", "/game2") for task in OF_DELIVERIES if "/game" in task]
    ran = ["archive:song/game2"]
    assert delivered.build().done == {"ran": ran, "restored": sorted({*shared} - {*ran})}


def test_an_own_limit_verifies_its_files_alone(delivered):
    delivered.edit("numbers = true", "numbers = true\nverify = { silence_dbfs = -70 }")
    assert delivered.build().done == {"verified": [task for task in OF_DELIVERIES if "/label" in task]}
    delivered.edit("silence_dbfs = -70", "silence_dbfs = 0")
    failed = delivered.doit("--continue")
    assert failed.tasks("FAILED") == [f"convert:song/label/{name}" for name in ("mix", *(f"stems/{s}" for s in STEMS))]
    assert "verify.silence_dbfs" in failed.out


def test_a_stem_that_is_not_delivered_is_in_the_mix_alone_and_the_contract_names_it(delivered):
    delivered.edit('note = "A2"', 'note = "A2"\ndeliver = false')
    run = delivered.build()
    assert run.done == {"ran": ["archive:song/game", "archive:song/label", "archive:song/web"]}
    assert run.tasks("removed") == ["convert:song/game/stems/bass", "convert:song/label/stems/bass"]
    manifest = json.loads(held(delivered, "Game")["manifest.json"])
    assert [file.get("stem") for file in manifest["files"]] == ["drums", "pad", None, None]
    assert "with bass, of this song but not delivered, they sum" in manifest["contract"]
    assert set(manifest["mix"]["gains_db"]) == set(STEMS)


def test_what_a_renamed_delivery_and_one_that_is_gone_had_made_is_removed(delivered):
    text = (SPEC + DELIVERIES).replace("deliveries.game", "deliveries.console").partition("[deliveries.label]")[0]
    delivered.spec(text)
    run = delivered.build()
    assert run.tasks("removed") == OF_DELIVERIES
    build = delivered.folder / "build/song"
    assert [path.name for path in build.glob("*.zip")] == ["Song_Console_22.05k.zip"]
    assert [path.name for path in (build / "deliveries").iterdir()] == ["console"]
    delivered.spec(SPEC)
    delivered.build()
    assert not (build / "deliveries").exists()
    assert [path.name for path in build.glob("*.zip")] == ["Song_16k_32float.zip"]


def test_the_name_of_the_song_stands_for_all_of_its_deliveries(delivered):
    shutil.rmtree(delivered.folder / "build/song/deliveries")
    for zipped in (delivered.folder / "build/song").glob("*.zip"):
        zipped.unlink()
    run = delivered.build("archive:song")
    assert run.tasks("restored") == OF_DELIVERIES
    assert delivered.doit("why", "archive:song/game").out == "archive:song/game is up to date\n"
    listed = delivered.doit("list", "--all", "--status").out
    assert "U archive:song/game " in listed.replace("  ", " ")
    for command in (["info", "archive:song/game"], ["info", "archive:song"], ["plan", "archive:song"]):
        assert delivered.doit(*command).code == 0
    assert delivered.doit("check").out == "1 song, no mistakes\n"


def test_deliveries_change_no_other_task_of_their_song():
    before, after = ({job.task: replace(job, where="") for job in jobs(spec)} for spec in (SPEC, SPEC + DELIVERIES))
    assert set(after) == {*before, *OF_DELIVERIES} - {"archive:song"}
    assert all(after[task] == job for task, job in before.items() if task != "archive:song")
    assert sorted(before) == tasks_of("song", STEMS)


def test_a_broken_song_keeps_its_deliveries_tasks_and_files(delivered):
    products = delivered.made()
    delivered.edit("bpm = 120", "bpm = 'fast'")
    run = delivered.doit("archive:song/game", "master:song/game", "convert:song/game/premaster")
    assert run.code == 1
    assert run.out.count("song.bpm") == 1
    assert delivered.made() == products
