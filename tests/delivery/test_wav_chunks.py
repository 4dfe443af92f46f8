"""Chunks of delivered WAVs are read by wavinfo, ffmpeg and libsndfile, none of which we wrote."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import zipfile

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from wavinfo import WavInfoReader

from stemtasks.audio.source import Source
from stemtasks.audio.stamp import start_stamp
from stemtasks.audio.wav import write_wav
from stemtasks.delivery import wav_chunks
from stemtasks.delivery.wav_chunks import chunks_of, header_of
from tests.project import Project
from tests.three_stems import ALL, SPEC

KINDS = ["bext", "ixml", "cue", "smpl"]
RATE = 9000
TITLE = "Für Élise & <Co>"


@pytest.fixture(scope="module", params=["FLOAT", "PCM_24", "PCM_16"])
def built(request, tmp_path_factory):
    """Return a song that was built without chunks and then with them, and both archives unpacked."""
    project = Project(tmp_path_factory.mktemp("chunks") / "song")
    head = f'[song]\ntitle = "{TITLE}"\ntail_seconds = 0.7\nsubtype = "{request.param}"'
    project.spec(SPEC.replace("[song]", head))
    folders = []
    for place, kinds in enumerate(([], KINDS)):
        if kinds:
            project.edit("[reference]", f"[archive]\nwav_chunks = {json.dumps(kinds)}\n[reference]")
        run = project.build()
        assert run.done == {"ran": ["archive:song"] if kinds else ALL}
        (archive,) = (project.folder / "build/song").glob("*.zip")
        with zipfile.ZipFile(archive) as packed:
            assert packed.testzip() is None
            packed.extractall(project.folder / f"unpacked{place}")
        folders += (project.folder / f"unpacked{place}").iterdir()
    return project, *folders


def wavs(folder):
    return sorted(folder.glob("*.wav"))


def test_only_the_archive_is_made_anew_and_the_audio_stays_as_it_is(built):
    _, plain, chunked = built
    for before, after in zip(wavs(plain), wavs(chunked), strict=True):
        assert before.name == after.name
        one, other = before.read_bytes(), after.read_bytes()
        assert one[8:] == other[8 : len(one)], "all but the size in the header is as it was"
        assert int.from_bytes(other[4:8], "little") == len(other) - 8 > len(one)
        audio, rate = soundfile.read(after, always_2d=True, dtype="float64")
        np.testing.assert_array_equal(audio, soundfile.read(before, always_2d=True, dtype="float64")[0])
        assert rate == RATE
        with Source(after) as source:
            assert source.frames == len(audio)


def test_checksums_and_manifest_are_of_the_files_that_are_delivered(built):
    _, _, chunked = built
    manifest = json.loads((chunked / "manifest.json").read_bytes())
    said = {file["name"]: (file["sha256"], file["bytes"]) for file in manifest["files"]}
    there = {path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size) for path in wavs(chunked)}
    assert said == there
    sums = (chunked / "SHA256SUMS").read_text(encoding="utf-8")
    assert all(f"{digest}  {name}\n" in sums for name, (digest, _) in there.items())


def test_wavinfo_reads_loudness_sections_loop_and_names(built):
    project, plain, chunked = built
    sections = json.loads((project.folder / "build/song/timing.json").read_bytes())["sections"]
    frames = json.loads((project.folder / "build/song/timing.json").read_bytes())["frames"]
    master = json.loads((project.folder / "build/song/master.json").read_bytes())
    for path in wavs(chunked):
        info = WavInfoReader(str(path))
        assert (info.bext.version, info.bext.originator, info.bext.time_reference) == (2, "stemtasks", 0)
        assert info.bext.originator_ref == hashlib.sha256((plain / path.name).read_bytes()).hexdigest()[:32]
        assert re.fullmatch(rf"A=PCM,F={RATE},W=(16|24|32),M=stereo,T=stemtasks\r\n", info.bext.coding_history)
        loudness = [
            info.bext.loudness_value,
            info.bext.loudness_range,
            info.bext.max_true_peak,
            info.bext.max_momentary_loudness,
            info.bext.max_shortterm_loudness,
        ]
        if "Master" in path.name:
            names = ("lufs", "lra_lu", "true_peak_dbtp", "max_momentary_lufs", "max_short_term_lufs")
            assert loudness == pytest.approx([master[name] for name in names], abs=0.00501)
        else:
            assert loudness == [327.67] * 5  # what EBU Tech 3285 has for 'not said'
        found = [(at, info.cues.label_and_note(number)[0]) for number, at in info.cues.each_cue()]
        assert found == [(section["start_frame"], section["name"]) for section in sections]
        (loop,) = info.smpl.sample_loops
        assert (loop.loop_type, loop.start, loop.end, loop.repetition_count) == (0, 0, frames - 1, 0)
        assert info.smpl.sample_period_ns == round(1e9 / RATE)
        assert info.ixml.project == TITLE
        part = "master" if "Master" in path.name else path.name.split("_")[1].lower()
        assert [track.name for track in info.ixml.track_list] == [f"{part} L", f"{part} R"]


def test_ffmpeg_reads_the_files_and_what_they_say(built):
    for path in wavs(built[2]):
        run = subprocess.run(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "info", "-i", str(path), "-f", "null", "-"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert re.search(r"encoded_by +: stemtasks", run.stderr)
        assert not re.search(r"(?i)invalid|error|corrupt", run.stderr)


def test_a_file_that_comes_back_as_a_recording_starts_at_the_songs_start(built):
    assert {start_stamp(str(path)) for path in wavs(built[2])} == {0}


@pytest.mark.parametrize(("subtype", "frames"), [("PCM_24", 101), ("PCM_16", 100), ("FLOAT", 100)])
def test_a_file_whose_chunks_pass_4_gib_is_rf64_and_stays_it(tmp_path, monkeypatch, subtype, frames):
    path = tmp_path / "a.wav"
    write_wav(path, iter([np.random.default_rng(1).uniform(-0.5, 0.5, (frames, 1))]), RATE, 1, subtype)
    expected, _ = soundfile.read(path)
    monkeypatch.setattr(wav_chunks, "RIFF_LIMIT_BYTES", path.stat().st_size)
    more = b"smpl" + (36).to_bytes(4, "little") + bytes(36)
    for _ in range(2):
        head = header_of(path, len(more))
        path.write_bytes(head + path.read_bytes()[len(head) :] + more)
        assert (head[:4], head[12:16]) == (b"RF64", b"ds64")
        assert int.from_bytes(head[20:28], "little") == path.stat().st_size - 8
        with soundfile.SoundFile(path) as opened:
            assert (opened.format, opened.frames) == ("RF64", frames)
            np.testing.assert_array_equal(opened.read(), expected)
        with Source(path) as source:
            assert source.frames == frames


@settings(deadline=None)
@given(st.text(), st.text(min_size=1))
def test_any_text_stays_in_its_chunk(name, title):
    song = {"title": title, "bpm": None, "key": None, "time_signature": "4/4", "frames": 10}
    facts = {"channels": 1, "sample_rate": RATE, "subtype": "PCM_24"}
    file = {"role": "stem", "title": title, "sha256": "0" * 64, "measurements": facts}
    made = chunks_of(file, {"song": song, "sections": [{"name": name, "start_frame": 3}]}, KINDS)
    place, found = 0, []
    while place < len(made):
        size = int.from_bytes(made[place + 4 : place + 8], "little")
        found.append(made[place : place + 4])
        place += 8 + size + size % 2
    assert place == len(made)
    assert found == [b"bext", b"iXML", b"cue ", b"LIST", b"smpl"]
