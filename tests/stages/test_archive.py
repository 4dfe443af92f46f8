from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stemtasks.audio.facts import write_facts
from stemtasks.audio.wav import write_wav
from stemtasks.delivery import storing
from stemtasks.delivery.contents import CONTRACT
from stemtasks.delivery.names import archive_name
from stemtasks.delivery.zip_entry import entry
from stemtasks.errors import VerificationError
from stemtasks.progress import on_final, on_frames
from stemtasks.stages import archive
from stemtasks.timeline import Section, Timeline
from tests.measured import measure
from tests.parts import REFERENCES

RATE = 48000
FRAMES = 4800
TAIL = 480
TOP = "Demo_48k_24bit"


class Delivery:
    """The archive stage's inputs in a folder: stems, their sum and a master, all with facts."""

    def __init__(self, folder: Path, stems: tuple[str, ...] = ("bass", "drums"), subtype: str = "PCM_24") -> None:
        self.folder = folder
        self.inputs: dict[str, Path] = {"timing": folder / "timing.json"}
        self.params = {
            "song": "demo",
            "title": "Demo",
            "artist": None,
            "subtype": subtype,
            "sample_rate": RATE,
            "channels": 2,
            "stems": {},
            "has_notes": dict.fromkeys(stems, True),
            "gains_db": {},
            "loudness_lufs": -14.0,
            "ceiling_dbtp": -1.0,
            "made_by": {"stemtasks": "0.1.0", "numpy": "2.4.6"},
            "wav_chunks": [],
            "formats": [{"format": name, "arguments": {}} for name in ("manifest", "track_sheet", "sha256sums")],
        }
        limits = {"silence_dbfs": -80.0, "clipping_ratio": 0.001, "loudness_tolerance_lu": 0.5}
        self.limits = {"mix": limits, "master": limits, "stems": {name: dict(limits) for name in stems}}
        half = FRAMES // 2
        sections = (Section("intro", 0, half, 0.0, 0.1), Section("bridge", half, FRAMES, 0.1, 0.1, "Ab major"))
        timeline = Timeline(RATE, FRAMES, TAIL, 120.0, 4.0, "4/4", "G major", sections)
        self.inputs["timing"].write_text(json.dumps(timeline.to_json()))
        for place, name in enumerate(stems):
            self.audio(f"stems/{name}", f"facts/{name}", f"stem{place}", subtype)
            self.params["gains_db"][name] = -3.0
            self.params["stems"][name] = {
                "title": None,
                "generator": "tone",
                "arguments": {"note": "A2"},
                "align": {"strategy": "auto"},
                "effects": [{"effect": "lowpass", "arguments": {"cutoff_hz": 8000.0}, "seed": 1}],
                "gain_db": -6.0,
                "pan": -0.25,
            }
        self.audio("mix", "mix_facts", "mix", "FLOAT", sum_residual_dbfs=-148.3)
        self.audio("master", "master_facts", "master", subtype, lufs=-14.1, true_peak_dbtp=-1.04, lra_lu=6.2)

    def audio(self, name: str, facts_name: str, stem: str, subtype: str, amplitude=0.5, frames=FRAMES + TAIL, **more):
        time = np.arange(frames)[:, None] / RATE
        block = amplitude * np.sin(2 * np.pi * np.array([[440.0, 550.0]]) * time + len(stem))
        self.inputs[name] = self.folder / f"{stem}.wav"
        self.inputs[facts_name] = self.folder / f"{stem}.json"
        write_wav(self.inputs[name], iter([block]), RATE, 2, subtype)
        write_facts(self.inputs[facts_name], measure(self.inputs[name]) | more)

    def change_facts(self, name: str, **changes) -> None:
        facts = json.loads(self.inputs[name].read_text(encoding="utf-8")) | changes
        write_facts(self.inputs[name], {key: value for key, value in facts.items() if value != "absent"})

    def build(self, name: str = "out.zip") -> Path:
        out = self.folder / name
        facts = self.folder / "archive.json"
        there = {role: path for role, path in self.inputs.items() if path.is_file()}
        digests = {role: hashlib.sha256(path.read_bytes()).hexdigest() for role, path in there.items()}
        archive.run(
            self.inputs, {"archive": out, "facts": facts}, self.params | {"sha256": digests, "parts": REFERENCES}
        )
        found = archive.verify(json.loads(facts.read_bytes()), self.limits)
        facts.unlink()
        if found:
            out.unlink()
            raise VerificationError("nothing is delivered: " + "; ".join(found))
        return out


@pytest.fixture
def delivery(tmp_path):
    return Delivery(tmp_path)


def test_what_was_heard_in_a_stem_when_it_was_made_is_not_listened_to_again(delivery):
    heard = [{"name": name, "start_s": 0.0, "key": "C major", "in_key": 0.5} for name in ("intro", "bridge")]
    delivery.change_facts("facts/bass", sections=heard)
    with zipfile.ZipFile(delivery.build()) as made:
        manifest = json.loads(made.read(f"{TOP}/manifest.json"))
    files = {file.get("stem", file["role"]): file for file in manifest["files"]}
    assert files["bass"]["sections"] == heard
    assert "sections" not in files["bass"]["measurements"]
    assert [each["key"] for each in files["drums"]["sections"]] == [None, "Ab major"]


def read(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as opened:
        folder = opened.namelist()[0].partition("/")[0]
        return opened.read(f"{folder}/{name}")


def manifest_of(path: Path) -> dict:
    return json.loads(read(path, "manifest.json"))


def test_the_zip_holds_one_folder_with_stems_master_and_papers(delivery):
    with zipfile.ZipFile(delivery.build()) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == [
            f"{TOP}/Demo_Bass_48k_24b.wav",
            f"{TOP}/Demo_Drums_48k_24b.wav",
            f"{TOP}/Demo_Master_48k_24b.wav",
            f"{TOP}/manifest.json",
            f"{TOP}/TrackSheet.txt",
            f"{TOP}/SHA256SUMS",
        ]
        assert archive_name(delivery.params) == f"{TOP}.zip"
        assert opened.read(f"{TOP}/Demo_Bass_48k_24b.wav") == delivery.inputs["stems/bass"].read_bytes()
        assert opened.read(f"{TOP}/Demo_Master_48k_24b.wav") == delivery.inputs["master"].read_bytes()
        for info in opened.infolist():
            assert info.compress_type == zipfile.ZIP_STORED
            assert (info.date_time, info.create_system) == ((1980, 1, 1, 0, 0, 0), 3)
            assert info.external_attr >> 16 == 0o100644


def test_the_same_inputs_give_the_same_bytes_whatever_their_times_modes_and_order(delivery):
    first = delivery.build("first.zip").read_bytes()
    for path in delivery.inputs.values():
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o600)
    for name in ("stems", "gains_db"):
        delivery.params[name] = dict(reversed(delivery.params[name].items()))
    delivery.inputs = dict(reversed(delivery.inputs.items()))
    assert delivery.build("second.zip").read_bytes() == first


def test_the_bytes_are_the_same_on_windows(delivery, monkeypatch):
    first = delivery.build("first.zip").read_bytes()
    monkeypatch.setattr(zipfile, "sys", SimpleNamespace(**vars(sys) | {"platform": "win32"}))
    assert zipfile.ZipInfo("a").create_system == 0
    assert delivery.build("second.zip").read_bytes() == first


def test_the_place_of_the_build_is_not_in_the_archive(tmp_path):
    made = []
    for name in ("here", "some where else"):
        (tmp_path / name).mkdir()
        delivery = Delivery(tmp_path / name)
        delivery.params["stems"]["bass"]["arguments"] = {
            "file": f"{tmp_path}/{name}/take 3.flac",
            "command": ["render", f"--in={tmp_path}/score.mid", "https://example.org/a/b", "audio/x.wav", "a / b"],
        }
        made.append(delivery.build())
    arguments = manifest_of(made[0])["files"][0]["arguments"]
    assert arguments["file"] == "take 3.flac"
    assert arguments["command"] == ["render", "--in=score.mid", "https://example.org/a/b", "audio/x.wav", "a / b"]
    assert str(tmp_path).encode() not in made[0].read_bytes()


@pytest.mark.parametrize("copied_bytes", [97, 4096])
def test_blocks_of_any_size_give_the_same_zip(delivery, monkeypatch, copied_bytes):
    first = delivery.build("first.zip").read_bytes()
    monkeypatch.setattr(storing, "COPY_BYTES", copied_bytes)
    assert delivery.build("second.zip").read_bytes() == first


def test_sha256sum_accepts_the_sums_in_the_unpacked_folder(tmp_path):
    delivery = Delivery(tmp_path, ("bass di", "Gëige", "笛", "🥁 kit", "KIT"))
    delivery.params["title"] = "Über 夜 & Tag"
    with zipfile.ZipFile(delivery.build()) as opened:
        opened.extractall(tmp_path / "unpacked")
    (folder,) = (tmp_path / "unpacked").iterdir()
    sums = [line.split("  ", 1) for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()]
    assert sorted(name for _, name in sums) == sorted({path.name for path in folder.iterdir()} - {"SHA256SUMS"})
    for digest, name in sums:
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    if tool := shutil.which("sha256sum"):
        run = subprocess.run([tool, "-c", "--strict", "SHA256SUMS"], check=False, cwd=folder, capture_output=True)
        assert run.returncode == 0, run.stderr
        assert run.stdout.count(b": OK") == len(sums) == 8


@pytest.mark.skipif(shutil.which("unzip") is None, reason="Info-ZIP's unzip is not on this machine")
def test_unzip_unpacks_the_zip_with_its_names(tmp_path):
    delivery = Delivery(tmp_path, ("Gëige", "笛"))
    target = tmp_path / "unpacked"
    target.mkdir()
    utf8 = os.environ | {"LC_ALL": "C.UTF-8"}
    subprocess.run(["unzip", "-q", str(delivery.build())], cwd=target, check=True, capture_output=True, env=utf8)
    expected = delivery.inputs["stems/笛"].read_bytes()
    assert (target / TOP / "Demo_笛_48k_24b.wav").read_bytes() == expected
    assert (target / TOP / "Demo_Gëige_48k_24b.wav").is_file()
    assert "Demo_笛_48k_24b.wav" in (target / TOP / "manifest.json").read_text(encoding="utf-8")


def test_the_manifest_says_of_every_file_what_it_is_and_what_made_it(delivery):
    reason = "the tempo is known"
    delivery.inputs["align_facts/bass"] = delivery.folder / "aligned.json"
    write_facts(
        delivery.inputs["align_facts/bass"], {"peak_dbfs": -9.9, "align": {"strategy": "loop", "reason": reason}}
    )
    delivery.params["keys"] = {"master:demo": "ab12"}
    made = delivery.build()
    manifest = manifest_of(made)
    bass, drums, master = manifest["files"]
    for file, source in ((bass, "stems/bass"), (drums, "stems/drums"), (master, "master")):
        content = delivery.inputs[source].read_bytes()
        assert (file["sha256"], file["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
    assert bass["measurements"] == json.loads(delivery.inputs["facts/bass"].read_text())
    assert bass["align"] == {"strategy": "loop", "reason": reason}
    assert drums["align"] == {"strategy": "auto"}
    assert (bass["gain_db"], bass["pan"], bass["mix_gain_db"]) == (-6.0, -0.25, -3.0)
    assert bass["effects"][0]["effect"] == "lowpass"
    assert master["measurements"]["lufs"] == -14.1
    assert (master["loudness_lufs"], master["ceiling_dbtp"]) == (-14.0, -1.0)
    assert manifest["mix"]["measurements"]["sum_residual_dbfs"] == -148.3
    assert manifest["song"]["delivered_frames"] == FRAMES + TAIL
    assert [(s["name"], s["start_bar"], s["end_s"]) for s in manifest["sections"]] == [
        ("intro", 1.0, 0.05),
        ("bridge", 1.025, 0.1),
    ]
    assert manifest["made_by"] == delivery.params["made_by"]
    assert manifest["keys"] == {"master:demo": "ab12"}
    assert manifest["contract"] == CONTRACT
    sheet = read(made, "TrackSheet.txt").decode()
    assert CONTRACT in sheet
    assert "loop" in sheet
    assert "-14.10 LUFS (target -14.00)" in sheet


def test_a_title_names_the_file_and_a_silent_part_may_be_allowed(delivery):
    delivery.params["stems"]["drums"]["title"] = "Drum Kit"
    delivery.audio("stems/drums", "facts/drums", "stem1", "PCM_24", amplitude=2e-5)
    delivery.limits["stems"]["drums"]["silence_dbfs"] = -110.0
    assert manifest_of(delivery.build())["files"][1]["name"] == "Demo_DrumKit_48k_24b.wav"


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_every_subtype_is_delivered(tmp_path, subtype):
    made = Delivery(tmp_path, subtype=subtype).build()
    assert {file["measurements"]["subtype"] for file in manifest_of(made)["files"]} == {subtype}


def test_a_song_without_loudness_target_or_tempo_is_delivered(delivery):
    delivery.params["loudness_lufs"] = None
    section = (Section("whole", 0, FRAMES, 0.0, 0.0),)
    timeline = Timeline(RATE, FRAMES, TAIL, None, 4.0, "4/4", None, section)
    delivery.inputs["timing"].write_text(json.dumps(timeline.to_json()))
    delivery.change_facts("master_facts", lufs=-31.0)
    assert manifest_of(delivery.build())["song"]["bpm"] is None


WRONG_FACTS = [
    ("facts/bass", {"frames": 7}, "stem bass: frames is 7, expected 5280"),
    ("facts/bass", {"sample_rate": 44100}, "stem bass: sample_rate is 44100, expected 48000"),
    ("facts/bass", {"channels": 1}, "stem bass: channels is 1, expected 2"),
    ("facts/bass", {"subtype": "FLOAT"}, "stem bass: subtype is FLOAT, expected PCM_24"),
    ("facts/bass", {"frames": 7}, "stem bass: the file's frames is 5280, its measurements say 7: build it again"),
    ("facts/bass", {"invalid_samples": 3, "invalid_frame": 9}, "stem bass: 3 samples are NaN or infinite"),
    ("facts/bass", {"clipped_ratio": 0.25}, "stem bass: 25.0000% of it is clipped, 0.1000% is allowed"),
    ("facts/bass", {"rms_dbfs": -99.0}, "stem bass: it is silent: -99.0 dBFS RMS"),
    ("mix_facts", {"subtype": "PCM_24"}, "mix: subtype is PCM_24, expected FLOAT"),
    ("mix_facts", {"invalid_samples": 1, "invalid_frame": 0}, "mix: 1 samples are NaN"),
    ("mix_facts", {"sum_residual_dbfs": -119.9}, "mix: it is -119.9 dBFS from the sum of its stems, -120.0 is allowed"),
    ("mix_facts", {"sum_residual_dbfs": "absent"}, "mix: how far it is from the sum of its stems was not measured"),
    ("master_facts", {"lufs": "absent"}, "master: its loudness was not measured (lufs)"),
    ("master_facts", {"lufs": None}, "master: its loudness was not measured (lufs)"),
    ("master_facts", {"true_peak_dbtp": "absent"}, "master: its true peak was not measured (true_peak_dbtp)"),
    ("master_facts", {"lufs": -15.0}, "master: its loudness is -15.0 LUFS, -14.0 within 0.5 LU is asked"),
    ("master_facts", {"true_peak_dbtp": -0.9}, "master: its true peak is -0.9 dBTP, the ceiling is -1.0"),
    ("master_facts", {"frames": 5281}, "master: frames is 5281, expected 5280"),
]


@pytest.mark.parametrize(("name", "change", "phrase"), WRONG_FACTS)
def test_what_is_wrong_is_said_and_nothing_is_written(delivery, name, change, phrase):
    delivery.change_facts(name, **change)
    before = sorted(delivery.folder.iterdir())
    with pytest.raises(VerificationError) as error:
        delivery.build()
    assert phrase in str(error.value)
    assert str(error.value).startswith("nothing is delivered: ")
    assert "\n" not in str(error.value)
    assert sorted(delivery.folder.iterdir()) == before


def test_all_that_is_wrong_is_said_at_once(delivery):
    delivery.audio("stems/bass", "facts/bass", "stem0", "PCM_16", frames=FRAMES)
    delivery.change_facts("master_facts", true_peak_dbtp="absent")
    with pytest.raises(VerificationError) as error:
        delivery.build()
    assert str(error.value).partition("delivered: ")[2].split("; ") == [
        "stem bass: frames is 4800, expected 5280",
        "stem bass: subtype is PCM_16, expected PCM_24",
        "master: its true peak was not measured (true_peak_dbtp)",
    ]


@pytest.mark.parametrize("content", [b"", b"not audio", None])
def test_a_file_that_is_not_audio_is_a_phrase_without_its_path(delivery, content):
    path = delivery.inputs["stems/drums"]
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(VerificationError, match="stem drums: ") as error:
        delivery.build()
    assert str(delivery.folder) not in str(error.value)


@pytest.mark.parametrize("name", ["stems/bass", "mix", "master"])
def test_a_file_cut_short_after_it_was_measured_is_found(delivery, name):
    path = delivery.inputs[name]
    path.write_bytes(path.read_bytes()[:-600])
    with pytest.raises(VerificationError) as error:
        delivery.build()
    assert f"{name.replace('stems/', 'stem ')}: cut short: its header claims " in str(error.value)


def test_a_stopped_copy_leaves_no_archive(delivery):
    def stop(frames):
        raise KeyboardInterrupt

    token = on_frames.set(stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            delivery.build()
    finally:
        on_frames.reset(token)
    assert not (delivery.folder / "out.zip").exists()


def test_progress_ends_at_the_delivered_frames(delivery, monkeypatch):
    monkeypatch.setattr(storing, "COPY_BYTES", 5000)
    seen = []
    token = on_frames.set(seen.append)
    try:
        delivery.build()
    finally:
        on_frames.reset(token)
    assert len(seen) > 10
    assert seen == sorted(seen)
    assert seen[-1] == FRAMES + TAIL


def test_the_archive_does_not_depend_on_the_size_of_copied_blocks(delivery, monkeypatch):
    whole = delivery.build("whole.zip").read_bytes()
    monkeypatch.setattr(storing, "COPY_BYTES", 997)
    assert delivery.build("pieces.zip").read_bytes() == whole


@pytest.mark.parametrize(("size", "large"), [(1 << 20, False), (5 << 30, True)])
def test_a_member_takes_the_zip64_form_by_its_size(size, large):
    # zip64's extra field (APPNOTE 4.5.3: id 1, 16 bytes) must be in the local header before the bytes are known
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", allowZip64=True) as opened:
        opened.open(entry("Top/a.wav", size), "w").close()
    assert file.getvalue().startswith(b"PK\3\4")
    assert (b"a.wav\1\0\x10\0" in file.getvalue()) == large


def test_an_archive_past_the_zip64_limit_is_read_back(delivery, monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    made = delivery.build()
    assert b"PK\6\6" in made.read_bytes(), "no zip64 end of central directory"
    monkeypatch.undo()
    with zipfile.ZipFile(made) as opened:
        assert opened.testzip() is None
        assert opened.read(f"{TOP}/Demo_Bass_48k_24b.wav") == delivery.inputs["stems/bass"].read_bytes()


def test_what_is_said_to_be_final_while_the_zip_is_written_stays_as_it_is(delivery):
    told = []
    token = on_final.set(lambda path, start, stop: told.append((start, stop, path.read_bytes()[:stop])))
    try:
        whole = delivery.build().read_bytes()
    finally:
        on_final.reset(token)
    starts, stops = [start for start, _, _ in told], [stop for _, stop, _ in told]
    assert starts == [0, *stops[:-1]]
    assert len(told) == 3
    assert stops[-1] > 0.9 * len(whole)
    assert all(whole[:stop] == part for _, stop, part in told)
