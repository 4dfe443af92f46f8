"""What was imported builds at once: a session of nine tracks, and fifty recordings of every sort."""

from __future__ import annotations

import numpy as np

from stemtasks.audio.facts import read_facts
from tests.importing.sessions import saved, sound
from tests.pipeline import tasks_of
from tests.project import Project


def test_nine_tracks_and_their_mix_build_at_once(nine, imports, project_folder):
    made = imports(nine)
    project = Project(project_folder)
    run = project.build()
    of_groups = [f"{stage}:song/{group}" for stage in ("group", "picture") for group in made.toml["groups"]]
    assert run.done == {"ran": sorted([*tasks_of("song", made.toml["stems"], reference=True), *of_groups])}
    judged = [line for task, line in run.lines("ran").items() if task.startswith("sync:") and "not judged" not in line]
    assert judged
    assert all(abs(float(line.split(" ms from the reference")[0])) < 1.0 for line in judged)


def fifty(folder) -> None:
    """Write fifty recordings: loops, hits, takes, soft, hot, clipped and with DC, of several rates and formats."""
    rng = np.random.default_rng(5)
    for number in range(50):
        kind = ("hats", "low", "chord", "voice", "hits")[number % 5]
        note = {"hats": 2, "low": 45, "chord": (57, 60, 64)[number % 3], "voice": 69, "hits": 0}[kind]
        seconds = (2.0, 4.0, 1.3, 8.0, 3.7, 0.4, 8.02)[number % 7]
        rate = (24_000, 24_000, 24_000, 22_050, 48_000)[number % 5 if number % 3 else 0]
        audio = sound(kind, note, seconds, rate, bpm=120.0)
        if number % 11 == 3:
            audio = 1e-3 * audio
        if number % 11 == 5:
            audio = audio + 0.1
        if number % 11 == 7:
            audio = np.clip(30 * audio, -0.999, 0.999)
        if number % 4 == 1:
            audio = np.stack([audio, np.roll(audio, 40)], axis=1)
        if number % 13 == 6:
            audio = audio + 1e-4 * rng.standard_normal(audio.shape)
        subtype = ("PCM_24", "PCM_16", "FLOAT")[number % 3]
        hot = 4.0 if number % 17 == 9 and subtype == "FLOAT" else 1.0
        sub = f"{number % 3}/" if number % 2 else ""
        name = ("Kick", "Audio", "Gtr", "Vox", "Loop 120bpm")[number % 5]
        ending = "flac" if number % 9 == 4 and subtype != "FLOAT" else "wav"
        path = folder / f"{sub}{number // 10} {name}{number % 7}.{ending}"
        saved(path, np.clip(hot * audio, -4, 4), rate, subtype)


def test_fifty_recordings_of_every_sort_build_at_once(tmp_path, imports, project_folder):
    fifty(tmp_path / "takes")
    made = imports(tmp_path / "takes")
    names = list(made.toml["stems"])
    assert len(names) == 50
    assert {stem["align"] for stem in made.toml["stems"].values()} >= {"none", "loop", "zero_pad"}
    run = Project(project_folder).build("archive:song")  # all of it but pictures and report
    assert set(run.done) <= {"ran", "restored"}
    assert {f"process:song/{name}" for name in names} <= {*run.tasks("ran"), *run.tasks("restored")}
    assert "master:song" in run.tasks("ran")
    facts = read_facts(project_folder / "build/song/master.json")
    assert facts["rms_dbfs"] > -60
