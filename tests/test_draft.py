"""A draft (``doit draft=true``): a quick build of its own beside the real one, which says what it is."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest
import soundfile
from wavinfo import WavInfoReader

from stemtasks.action.circles import read_buildable
from stemtasks.action.pipeline import all_jobs
from stemtasks.commands import lock
from stemtasks.errors import SpecError
from stemtasks.music.pitch import frequency_hz, midi_number
from stemtasks.spec.draft import draft_of
from stemtasks.spec.reading import read_all, read_song
from tests.commands.test_note import SETTLED, ask
from tests.pipeline import tasks_of
from tests.project import Project, Run
from tests.three_stems import SPEC, STEMS

DRAFT = "draft=true"
STAGES = ("reference", "timing", "stem", "align", "process", "mix", "master")
TASKS = [f"draft-{task}" for task in tasks_of("song", STEMS, STAGES)]
RATE, LOWER = 48_000, 16_000
HIGH = f"""
[song]
bpm = 120
sample_rate = {RATE}
draft_sample_rate = {LOWER}
subtype = "PCM_16"
[reference]
duration = "1 bar"
[stems.tone]
generator = "tone"
note = "G9"
effects = [
  {{ name = "peaking", centre_hz = 21000, gain_db = 6 }},
  {{ name = "high_shelf", corner_hz = 23000, gain_db = 6 }},
  {{ name = "lowpass", cutoff_hz = 23900 }},
  {{ name = "reverb", damping_hz = 20000 }},
]
[stems.drums]
generator = "drums"
mend = []
effects = [
  {{ name = "bandpass", low_hz = 2000, high_hz = 20000 }},
  {{ name = "delay", beats = 0.5, damping_hz = 16000 }},
  {{ name = "low_shelf", corner_hz = 15000, gain_db = 3 }},
]
[stems.drums.patterns.default]
closed_hat = "xxxx"
[stems.take]
generator = "file"
file = "take.wav"
[verify]
silence_dbfs = -90
"""
DODO = 'DOIT_CONFIG = {**DOIT_CONFIG, "default_tasks": ["archive", "master"]}\n'


def audio(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.wav"))


def products(project: Project, of_draft: bool | None = None) -> dict[str, bytes]:
    """Return the products of both builds, or of one of them, by path."""
    found = {name: data for name, data in project.products().items() if not name.startswith("draft/.stemtasks/")}
    return {name: data for name, data in found.items() if of_draft in (None, name.startswith("draft/"))}


def song(text: str, folder: Path) -> Path:
    (folder / "spec").mkdir(exist_ok=True)
    path = folder / "spec" / "song.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def high(tmp_path_factory) -> tuple[Project, Run]:
    """A song full of what a draft's rate does not have, drafted while the real build is said to be at work."""
    project = Project(tmp_path_factory.mktemp("high"))
    project.spec(HIGH)
    with open(project.folder / "dodo.py", "a", encoding="utf-8") as dodo:
        dodo.write(DODO)
    noise = [[(at * 7919 % 1000) / 1000 - 0.5] for at in range(RATE * 2)]
    soundfile.write(project.folder / "spec" / "take.wav", noise, RATE, "PCM_24")
    descriptor = lock.hold(project.folder / "build" / ".stemtasks" / "lock", wait=False, say=pytest.fail)
    try:
        return project, project.doit(DRAFT, "--no-wait")
    finally:
        os.close(descriptor)


def test_a_draft_is_built_beside_a_real_build_that_is_at_work_and_needs_no_default_task_of_that(high):
    _, run = high
    assert (run.code, run.err) == (0, "")
    names = tasks_of("song", ("tone", "drums", "take"), STAGES)
    assert run.tasks("ran") == sorted(f"draft-{name}" for name in names)


def test_every_line_and_every_file_of_a_draft_says_it(high):
    project, run = high
    assert [line for line in run.out.splitlines() if "draft" not in line] == []
    made = [path for path in (project.folder / "build" / "draft" / "song").rglob("*") if path.is_file()]
    assert made
    assert [path for path in made if not path.name.startswith("draft-")] == []
    assert {path.name for path in (project.folder / "build").iterdir()} == {"draft", ".stemtasks"}


def test_every_wav_of_a_draft_says_it_to_other_programs_and_has_its_rate(high):
    project, _ = high
    made = audio(project.folder / "build" / "draft" / "song")
    assert len(made) == 3 * 3 + 2
    for path in made:
        info = WavInfoReader(str(path)).info
        assert info.title == "draft"
        assert "not to be delivered" in info.comment
        with soundfile.SoundFile(path) as file:
            assert (file.samplerate, file.frames) == (LOWER, 2 * LOWER)
            assert file.copy_metadata()["title"] == "draft"
            assert len(file.read()) == 2 * LOWER


def test_a_drafts_master_has_the_songs_loudness_in_32_bit_float(high):
    project, run = high
    master = project.folder / "build" / "draft" / "song" / "draft-master.wav"
    assert soundfile.info(master).subtype == "FLOAT"
    assert run.lines("ran")["draft-master:song"].startswith("-14.0 LUFS")


def test_what_is_of_the_other_build_is_refused_in_one_line_and_nothing_is_built(project):
    project.spec(SPEC)
    for asked in ("archive:song", "report", "sync:song/bass"):
        run = project.doit(DRAFT, asked)
        assert (run.code, run.out) == (3, "")
        assert run.err == (
            f"ERROR: {asked}: a draft has no {asked.partition(':')[0]}, because it is not delivered; run doit without "
            "draft=true for that, or 'doit draft=true master' to listen to the draft\n"
        )
    run = project.doit("draft=yes", "mix:song")
    assert (run.code, run.out) == (3, "")
    assert run.err == "ERROR: draft=yes: is neither draft=true nor draft=false; write one of them\n"
    assert audio(project.folder) == []


def test_both_builds_share_a_store_and_restore_nothing_of_each_other(tmp_path, template):
    """At the same rate, where only what they say of themselves differs; the store keeps no more than both use."""

    def begun(name: str, *settings: str) -> Project:
        made = Project(tmp_path / name)
        made.spec(SPEC.replace("bpm = 120", "bpm = 120\ndraft_sample_rate = 9000"))
        (made.folder / "stemtasks.toml").write_text("\n".join(["[cache]", *settings]), encoding="utf-8")
        return made

    project = begun("shared", f'local_folder = "{tmp_path / "store"}"', "max_gb = 0.000001")
    assert project.build(DRAFT).done == {"ran": TASKS}
    assert set(project.build().done) == {"ran"}
    real, draft = products(project, of_draft=False), products(project, of_draft=True)
    assert real == products(Project(template))
    project.doit("clean")
    project.doit("clean", DRAFT)
    assert products(project) == {}
    assert set(project.build().done) == {"restored"}
    assert project.build(DRAFT).done == {"restored": TASKS}
    assert products(project) == real | draft
    alone = begun("alone")
    alone.build(DRAFT)
    assert products(alone) == draft
    assert not {data for name, data in draft.items() if name.endswith(".wav")} & set(real.values())


def test_neither_build_answers_for_the_other_and_each_removes_its_own_alone(built):
    real, index = products(built), (built.folder / "build" / "index.html").stat()
    assert built.build(DRAFT).done == {"ran": TASKS}
    assert products(built, of_draft=False) == real
    assert (built.folder / "build" / "index.html").stat() == index
    time.sleep(SETTLED)
    ask(built), ask(built, DRAFT)  # which leave their notes
    run, noted = ask(built)
    assert noted
    assert "draft" not in run.out
    run, noted = ask(built, DRAFT)
    assert noted
    assert [line for line in run.out.splitlines() if "draft" not in line] == []
    assert not ask(built, "other=1")[1]

    spec = built.folder / "spec" / "song.toml"
    text = spec.read_text(encoding="utf-8")
    start, end = text.index("[stems.pad]"), text.index("[verify]")
    spec.write_text(text[:start] + text[end:], encoding="utf-8")
    run, noted = ask(built, DRAFT)
    assert not noted
    assert run.tasks("removed") == [f"draft-{stage}:song/pad" for stage in ("align", "process", "stem")]
    assert run.tasks("ran") == ["draft-master:song", "draft-mix:song"]
    assert products(built, of_draft=False) == real
    why = built.doit("why")
    assert "mix:song would run" in why.out
    assert "draft" not in why.out
    assert built.doit("why", DRAFT).out == "draft: nothing would run: everything is up to date\n"


def test_commands_take_names_and_patterns_with_and_without_the_prefix(high):
    project, _ = high
    asked = ("mix:song", "draft-master:song", "process:song/t*", "d*:song/drums")
    shown = [line.partition(" ")[0] for line in project.doit("why", DRAFT, *asked).out.splitlines()]
    of_drums = [f"draft-{stage}:song/drums" for stage in ("align", "process", "stem")]
    named = ["draft-mix:song", "draft-master:song", "draft-process:song/take", "draft-process:song/tone"]
    assert sorted(shown) == sorted([*named, *of_drums])


def test_a_frequency_that_the_rate_does_not_have_is_lowered_and_two_keep_their_order(tmp_path):
    text = HIGH.replace("low_hz = 2000", "low_hz = 10000")
    drafted = draft_of(read_song(song(text, tmp_path)))
    tone, drums, _ = drafted.stems
    highest = 0.45 * LOWER
    values = [
        value
        for stem in (tone, drums)
        for effect in stem.effects
        for name, value in effect.arguments.items()
        if name.endswith("_hz")
    ]
    assert len(values) == 8
    assert max(values) == highest
    low, high = (drums.effects[0].arguments[name] for name in ("low_hz", "high_hz"))
    assert low == pytest.approx(high / 2)
    note = tone.generator.arguments["note"]
    assert note == "G8"
    assert frequency_hz(midi_number(note)) < highest < 2 * frequency_hz(midi_number(note))


def test_a_draft_is_at_no_higher_rate_than_the_song(tmp_path):
    assert draft_of(read_song(song(SPEC, tmp_path))).song.sample_rate == 9000
    for rate in (8000, 22_050, 24_000, 32_000):
        text = HIGH.replace(f"draft_sample_rate = {LOWER}", f"draft_sample_rate = {rate}")
        drafted = draft_of(read_song(song(text, tmp_path)))
        assert {job.limits["sample_rate"] for job in all_jobs([drafted]) if "audio" in job.outputs} == {rate}
    with pytest.raises(SpecError, match=r"song\.draft_sample_rate: 7999 is outside 8000 to 384000 Hz"):
        read_song(song(HIGH.replace(f"draft_sample_rate = {LOWER}", "draft_sample_rate = 7999"), tmp_path))


def test_no_task_of_a_draft_has_the_parameters_of_a_real_one(tmp_path):
    real = read_song(song(SPEC, tmp_path))
    of_real = [json.dumps(job.params, sort_keys=True) for job in all_jobs([real])]
    drafted = list(all_jobs([draft_of(real)]))
    assert sorted(job.task for job in drafted) == TASKS
    assert not [job for job in drafted if json.dumps(job.params, sort_keys=True) in of_real]
    assert not {path for job in drafted for path in job.outputs.values()} & {
        path for job in all_jobs([real]) for path in job.outputs.values()
    }


def test_a_draft_of_a_song_that_uses_another_ones_file_uses_that_ones_draft(tmp_path, monkeypatch):
    song(HIGH.replace("take.wav", "../build/other/processed/bass.wav"), tmp_path)
    monkeypatch.chdir(tmp_path)
    drafted = draft_of(read_song(Path("spec/song.toml")))
    (take,) = [job for job in all_jobs([drafted]) if job.task == "draft-stem:song/take"]
    assert take.inputs["file"] == "build/draft/other/processed/draft-bass.wav"


def test_no_song_is_made_of_a_draft_or_called_so(tmp_path, monkeypatch):
    song(HIGH.replace("take.wav", "../build/draft/other/draft-mix.wav"), tmp_path)
    monkeypatch.chdir(tmp_path)
    songs, (broken,) = read_buildable(Path("spec"))
    assert songs == []
    assert broken.line == (
        "spec/song.toml: stems.take.file: build/draft/other/draft-mix.wav is of a draft, which no song may be made of; "
        "name another file"
    )
    song(HIGH, tmp_path)
    assert [each.name for each in read_buildable(Path("spec"))[0]] == ["song"]
    shutil.move("spec/song.toml", "spec/Draft.toml")
    _, (broken,) = read_all(Path("spec"))
    assert broken.line == (
        "spec/Draft.toml: the file's name: build/draft/ is taken, so no song may be called so; rename it"
    )
