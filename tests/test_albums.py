"""An album of three songs: its loudness by libebur128, its archive, and what is made again when something changes."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import zipfile

import numpy as np
import pytest
import soundfile
import soxr

from stemtasks.action import room
from stemtasks.action.circles import read_buildable
from stemtasks.action.tree import Tree
from stemtasks.paths import SPEC, STATE
from stemtasks.spec.album import Album
from tests import loudness_oracle
from tests.action.test_room import USAGE
from tests.album_songs import ALBUM, OF_ALBUM, OF_SONGS, ORDER, RATE, SONGS, write_album, write_songs
from tests.project import Project
from tests.test_deliveries import metadata_by_ffmpeg

NEEDED = [
    *(f"{stage}:{song}" for stage in ("reference", "timing", "mix", "master") for song in SONGS),
    *(
        f"{stage}:{song}/{stem}"
        for stage in ("stem", "align", "process")
        for song in SONGS
        for stem in ("drums", "tone")
    ),
]
"""What the album needs of its songs."""
ROUNDING_DB = 0.05
"""Of the gain for all songs."""


@pytest.fixture(scope="module")
def album_once(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("album") / "songs")
    write_songs(project.folder / "spec")
    write_album(project.folder / "spec")
    run = project.build("album:light")
    assert run.done == {"ran": sorted([*NEEDED, *OF_ALBUM])}
    run = project.build()
    assert run.done == {"ran": sorted({*OF_SONGS, *OF_ALBUM} - {*NEEDED, *OF_ALBUM})}
    return project


@pytest.fixture
def album(project, album_once):
    """Return a folder of three songs and their album that has been built once."""
    shutil.copytree(album_once.folder, project.folder, dirs_exist_ok=True)
    return project


def facts(project, path):
    return json.loads((project.folder / "build" / f"{path}.json").read_bytes())


def archive(project):
    (path,) = (project.folder / "build/light").glob("*.zip")
    return path


def held(project):
    """Return the files of the album's archive by name, in order, without their folder."""
    path = archive(project)
    with zipfile.ZipFile(path) as opened:
        assert {member.partition("/")[0] for member in opened.namelist()} == {path.stem}
        return {member.partition("/")[2]: opened.read(member) for member in opened.namelist()}


def tracks(project):
    """Return the samples of each track by its song, in order."""
    audio = [(name, content) for name, content in held(project).items() if name.endswith((".wav", ".flac"))]
    order = [track["song"] for track in facts(project, "light/album")["tracks"]]
    return dict(zip(order, (soundfile.read(io.BytesIO(content))[0] for _, content in audio), strict=True))


def at_48k(samples, rate=RATE):
    """Return a programme at the rate of the standard's filter: that of libebur128 is not quite the same at others."""
    return soxr.resample(samples, rate, 48_000, "VHQ")


def test_the_archive_has_the_masters_in_the_order_of_the_tracks(album_once):
    files = held(album_once)
    of_tracks = ["01_Dusk_22.05k_24b.wav", "02_HighNoon_22.05k_24b.wav", "03_Dawn_22.05k_24b.wav"]
    assert [*files] == [*of_tracks, "manifest.json", "TrackSheet.txt", "FirstLight.cue", "SHA256SUMS"]
    for name, song in zip(of_tracks, ORDER, strict=True):
        assert files[name] == (album_once.folder / f"build/light/master/{song}.wav").read_bytes()
    manifest = json.loads(files["manifest.json"])
    assert manifest == facts(album_once, "light/album")
    assert [track["song"] for track in manifest["tracks"]] == [*ORDER]
    assert [track["start_s"] for track in manifest["tracks"]] == [0.0, 4.0, 6.0]
    assert manifest["duration_s"] == 9.0
    sums = dict(line.split("  ")[::-1] for line in files["SHA256SUMS"].decode().splitlines())
    assert sums == {name: hashlib.sha256(files[name]).hexdigest() for name in files if name != "SHA256SUMS"}


def test_one_gain_brings_all_songs_together_to_the_loudness_and_keeps_them_apart(album_once):
    audio = tracks(album_once)
    lufs = loudness_oracle.together_lufs([at_48k(samples) for samples in audio.values()], 48_000)
    made = facts(album_once, "light/album")
    assert lufs == pytest.approx(-18.0, abs=ROUNDING_DB + 0.01)
    assert made["lufs"] == pytest.approx(lufs, abs=0.01)
    measured = {song: loudness_oracle.integrated_lufs(samples, RATE) for song, samples in audio.items()}
    own = {song: soundfile.read(album_once.folder / f"build/{song}/master.wav")[0] for song in ORDER}
    gains = [measured[song] - loudness_oracle.integrated_lufs(own[song], RATE) for song in ORDER]
    assert gains == pytest.approx([facts(album_once, "light/gain")["gain_db"]] * 3, abs=0.02)
    assert abs(gains[0]) > 0.5
    assert (made["quietest"], made["loudest"]) == (min(measured, key=measured.get), max(measured, key=measured.get))
    assert made["loudness_spread_lu"] == pytest.approx(6.0, abs=0.1)
    peaks = [loudness_oracle.true_peak_dbtp(samples, RATE) for samples in audio.values()]
    assert made["true_peak_dbtp"] == pytest.approx(max(peaks), abs=0.2)


def test_what_a_person_reads_has_order_lengths_loudness_and_codes(album):
    write_album(album.folder / "spec", f'{ALBUM}upc = "036000291452"')
    album.edit('title = "Dawn"', 'title = "Dawn \\"I\\""', "dawn")
    album.edit("[master]", '[tags]\nisrc = "GB-AYE-68-00011"\n[master]', "dawn")
    run = album.build("album:light")
    assert run.done == {"ran": ["album:light"]}
    said = run.lines("ran")["album:light"]
    assert said.startswith("3 tracks, 0:09.000, -18.0 LUFS, ")
    assert "quietest dusk (-2" in said
    assert "loudest noon (-1" in said
    files = held(album)
    sheet = files["TrackSheet.txt"].decode()
    rows = re.findall(r"(?m)^0([123])  +(\S+)  +(\S+)(?:  +(?:-|-?\d+\.\d\d)){3}  (\S+) +(.*)$", sheet)
    assert rows == [
        ("1", "0:00.000", "0:04.000", "-", "Dusk"),
        ("2", "0:04.000", "0:02.000", "-", "High Noon"),
        ("3", "0:06.000", "0:03.000", "GBAYE6800011", 'Dawn "I"'),
    ]
    assert "LUFS together (target -18.00, one gain for all songs)" in sheet
    cue = files["FirstLight.cue"].decode()
    assert re.findall(r'FILE "(.*)" WAVE', cue) == [name for name in files if name.endswith(".wav")]
    assert re.findall(r'TITLE "(.*)"', cue) == ["First Light", "Dusk", "High Noon", "Dawn 'I'"]
    assert re.findall(r"ISRC (.*)", cue) == ["GBAYE6800011"]
    assert cue.startswith("CATALOG 0036000291452\n")
    assert re.search(r"(?m)^UPC +036000291452$", sheet)


def test_a_change_makes_its_own_parts_and_the_album_again_and_undone_all_is_restored(album):
    before = archive(album).read_bytes()
    album.edit("gain_db = -12", "gain_db = -12.1", "dusk")
    album.edit("loudness_lufs = -20", "loudness_lufs = -20.02", "dusk")  # and the album's with it, by less than 0.1 LU
    own = ["process:dusk/tone", "mix:dusk", "master:dusk", "picture:dusk/tone", "archive:dusk", "report:dusk"]
    assert album.build().done == {"ran": sorted([*own, "level:light", "master:light/dusk", "album:light"])}
    album.edit("gain_db = -12.1", "gain_db = -12", "dusk")
    album.edit("loudness_lufs = -20.02", "loudness_lufs = -20", "dusk")
    assert album.build().done == {"restored": sorted([*own, "level:light", "master:light/dusk", "album:light"])}
    assert archive(album).read_bytes() == before
    assert album.build("-s", "-a", "album:light").done == {"ran": ["album:light"]}
    assert archive(album).read_bytes() == before
    text = ALBUM.replace('["dusk", "noon", "dawn"]', '["noon", "dusk", "dawn"]')
    write_album(album.folder / "spec", text)
    assert album.build().done == {"ran": ["album:light"]}
    assert [*tracks(album)] == ["noon", "dusk", "dawn"]


def test_each_song_by_itself_is_brought_to_the_loudness_as_it_is_delivered(album):
    form = 'format = "flac"\nsubtype = "PCM_16"\nsample_rate = 24000\nceiling_dbtp = -3\ngain = "song"\n'
    write_album(album.folder / "spec", ALBUM + form)
    album.edit("[master]", '[tags]\ntrack = 9\ngenre = "Folk"\n[master]', "dusk")
    run = album.build("album:light")
    made = [f"convert:light/{song}/{part}" for song in SONGS for part in ("master", "premaster")]
    assert run.tasks("ran") == sorted([*made, *(f"master:light/{song}" for song in SONGS), "album:light"])
    assert "level:light" in run.tasks("removed")
    for song, samples in tracks(album).items():
        assert len(samples) == SONGS[song]["seconds"] * 24_000
        assert loudness_oracle.integrated_lufs(samples, 24_000) == pytest.approx(-18.0, abs=0.1)
        assert loudness_oracle.true_peak_dbtp(samples, 24_000) <= -3.0 + 0.05
    name = next(iter(held(album)))
    tags = {"title": "Dusk", "artist": "Ada", "album": "First Light", "track": "1", "genre": "Folk", "bpm": "120"}
    assert metadata_by_ffmpeg(held(album)[name]) | tags == metadata_by_ffmpeg(held(album)[name])
    with soundfile.SoundFile(io.BytesIO(held(album)[name])) as track:
        assert (name, track.format, track.subtype, track.samplerate) == (
            "01_Dusk_24k_16b.flac",
            "FLAC",
            "PCM_16",
            24_000,
        )


def test_without_a_loudness_the_songs_own_masters_are_checked_and_too_far_apart_is_one_line(album):
    off = ALBUM.replace("loudness_lufs = -18\n", "")
    path = write_album(album.folder / "spec", off)
    run = album.build()
    assert run.done == {"ran": ["album:light"]}
    assert run.tasks("removed") == sorted({*OF_ALBUM} - {"album:light"})
    assert sorted(file.name for file in path.parents[2].glob("build/light/*")) == [
        "FirstLight_22.05k_24bit.zip",
        "album.json",
    ]
    for song, samples in tracks(album).items():
        assert np.array_equal(samples, soundfile.read(album.folder / f"build/{song}/master.wav")[0])
    path.write_text(f"{off}loudness_spread_lu = 4\n")
    run = album.doit()
    line = (
        "spec/albums/light.toml: album: from dusk (-20.0 LUFS) to noon (-14.0 LUFS) are 6.0 LU, 4 are allowed: set "
        '[master] loudness_lufs of both closer, raise loudness_spread_lu, or write gain = "song" and a loudness_lufs'
    )
    assert (run.code, run.lines("FAILED")) == (1, {"album:light": line})
    path.write_text(f"{off}loudness_spread_lu = 7\n")
    assert album.build("album:light").done == {"restored": ["album:light"]}
    path.write_text(f'{off}loudness_spread_lu = 4\ngain = "song"\nloudness_lufs = -18\n')
    assert "album:light" in album.build("album:light").tasks("ran")
    path.write_text(f"{off}loudness_spread_lu = 4\n")
    album.edit("loudness_lufs = -20", "loudness_lufs = -17", "dusk")
    assert album.build("album:light").tasks("ran") == ["album:light", "master:dusk"]


def test_an_album_that_is_off_its_loudness_is_one_line_and_may_be_allowed(album):
    lufs = facts(album, "light/level")["lufs"]
    # the gain is a multiple of 0.1 dB
    text = ALBUM.replace("-18", f"{lufs - 3.04:.3f}")
    path = write_album(album.folder / "spec", f"{text}loudness_tolerance_lu = 0.02\n")
    run = album.doit("album:light")
    said = run.lines("FAILED")["album:light"]
    assert run.code == 1
    assert re.fullmatch(
        r"spec/albums/light.toml: album: its songs are at \S+ LUFS together, \S+ \+-0.02 is asked: raise "
        "loudness_tolerance_lu",
        said,
    )
    path.write_text(f"{text}loudness_tolerance_lu = 0.06\n")
    assert "album:light" in album.build("album:light").tasks("ran")


def test_a_broken_song_breaks_its_album_in_one_line_and_leaves_what_both_had_made(album):
    before, made = album.products(), album.made()
    album.edit("[reference]\n", "[reference]\nlength = 3\n", "dusk")
    run = album.doit("--continue")
    assert run.code == 1
    failed = [line for line in run.out.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 2
    assert failed[0].startswith("FAILED      spec/dusk.toml: reference: unknown key 'length'")
    assert failed[1] == (
        "FAILED      spec/albums/light.toml: album.songs: 'dusk' is spec/dusk.toml, which has to be mended first"
    )
    assert run.tasks("up to date") == [task for task in OF_SONGS if not re.search(r":dusk\b", task)]
    assert album.made() == made
    assert b"What failed" in album.products()["index.html"]
    album.edit("length = 3\n", "", "dusk")
    assert album.build().done == {}
    assert album.products() == before


def test_what_is_known_of_an_album_is_said_where_it_is_of_a_song(album):
    album.doit("clean", "album:light")
    listed = album.doit("list", "--all", "--status").out
    assert re.search(r"(?m)^R album:light +spec/albums/light.toml: album$", listed)
    assert re.search(r"(?m)^U master:light/dusk +spec/albums/light.toml: album$", listed)
    assert "album:light would be restored from the local store" in album.doit("why", "album:light").out
    assert "up-to-date" in album.doit("info", "level:light").out
    told = album.doit("check")
    assert (told.code, told.out) == (0, "3 songs, 1 album, no mistakes\n")
    page = album.folder / "summary.md"
    run = album.build("--summary", str(page), "album:light")
    assert run.done == {"restored": ["album:light"]}
    assert re.search(r"(?m)^\| light \| 5 of 5 \| -18.0 LUFS \|", page.read_text())


def test_a_second_album_is_built_where_there_was_nothing_to_do_and_is_gone_with_its_file(album):
    assert album.build().done == {}
    path = write_album(album.folder / "spec", '[album]\nsongs = ["noon"]\n', "single")
    assert album.build().done == {"ran": ["album:single"]}
    path.unlink()
    assert album.build().tasks("removed") == ["album:single"]
    assert not (album.folder / "build/single").exists()
    write_album(album.folder / "spec", ALBUM.replace('"noon", ', ""))
    assert "master:light/noon" in album.build().tasks("removed")
    assert not (album.folder / "build/light/master/noon.wav").exists()


def test_an_album_that_does_not_fit_on_the_disk_is_one_line(album, monkeypatch):
    monkeypatch.chdir(album.folder)
    specs, _ = read_buildable(SPEC)
    (spec,) = (each for each in specs if isinstance(each, Album))
    sizes = room.sizes_of_album(spec)
    made = [path for path in (album.folder / "build/light").rglob("*") if path.suffix in (".wav", ".zip")]
    assert sum(sizes.values()) == pytest.approx(sum(path.stat().st_size for path in made), rel=0.05)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: USAGE(0, 0, 0))
    assert room.without_room([spec], Tree(STATE)) == ([spec], [])  # all is there
    shutil.rmtree(album.folder / "build")
    _, (broken,) = room.without_room([spec], Tree(STATE))
    assert re.fullmatch(
        r"spec/albums/light.toml: its files would take \d\.\d MB more, build/ has 0.0 MB free; free some space",
        broken.line,
    )
    monkeypatch.setattr(shutil, "disk_usage", lambda _: USAGE(0, 0, sum(sizes.values())))
    assert room.without_room([spec], Tree(STATE)) == ([spec], [])
