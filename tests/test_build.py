"""What runs when what changes, through the real doit command: the exact lists."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from tests import slow_song
from tests.pipeline import STAGES, tasks_of
from tests.three_stems import ALL, SPEC, STEMS, after


def test_a_copied_tree_with_new_times_and_inodes_is_up_to_date_and_imports_no_numpy(built):
    code = (
        "import sys; from doit.doit_cmd import DoitMain; code = DoitMain().run([])\n"
        "names = 'numpy', 'scipy', 'soundfile', 'soxr', 'rich'\n"
        "print([name for name in names if name in sys.modules]); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=built.folder, capture_output=True, text=True, check=True)
    assert done.stdout.count("up to date  ") == len(ALL)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_file_is_at_its_place_with_the_same_frames(built):
    files = sorted(built.products())
    assert [name for name in files if name.endswith(".wav")] == sorted(
        [f"song/{folder}/{stem}.wav" for folder in ("stems", "aligned", "processed") for stem in STEMS]
        + ["song/mix.wav", "song/master.wav"]
    )
    delivered = [*(f"processed/{stem}.wav" for stem in STEMS), "mix.wav", "master.wav"]
    for name in delivered + [f"aligned/{stem}.wav" for stem in STEMS]:
        assert soundfile.info(built.folder / "build/song" / name).frames == 16 * 9000
    assert sum(name.endswith(".zip") for name in files) == 1


def test_one_stems_effect_rebuilds_what_comes_after_it_and_undoing_it_restores(built):
    before = built.products()
    built.edit("cutoff_hz = 800", "cutoff_hz = 900")
    assert built.build().done == {"ran": after("process:song/bass")}
    assert built.products() != before
    built.edit("cutoff_hz = 900", "cutoff_hz = 800")
    assert built.build().done == {"restored": after("process:song/bass")}
    assert built.products() == before


def test_one_stems_generator_rebuilds_that_stem_and_what_comes_after_it(built):
    built.edit('note = "A2"', 'note = "B2"')
    assert built.build().done == {"ran": after("stem:song/bass")}


def test_a_fader_rebuilds_the_mix_and_no_stem(built):
    built.edit("[verify]", "[mix]\ngains_db = { pad = -3.0 }\n[verify]")
    assert built.build().done == {"ran": after("mix:song")}


def test_the_masters_loudness_rebuilds_the_master_and_not_the_mix(built):
    built.edit("[verify]", "[master]\nloudness_lufs = -16.0\n[verify]")
    assert built.build().done == {"ran": ["archive:song", "master:song", "report:song"]}


def test_a_comment_a_touched_file_and_a_reordered_table_rebuild_nothing(built):
    built.edit("[stems.pad]", "# a comment\n[stems.pad]")
    built.edit('generator = "tone"\nnote = "A2"', 'note = "A2"\ngenerator = "tone"')
    built.edit('{ name = "lowpass", cutoff_hz = 800 }', '{ cutoff_hz = 800.0, name = "lowpass" }')
    for path in built.folder.rglob("*"):
        if path.is_file() and ".stemtasks" not in path.parts:
            os.utime(path, (1, 1))
    assert built.build().done == {}


def test_an_added_stem_builds_that_stem_and_what_sums_it(built):
    built.edit("[verify]", '[stems.lead]\ngenerator = "tone"\n[verify]')
    added = [task for task in tasks_of("song", ["lead"]) if "/" in task]
    assert built.build().done == {"ran": sorted([*after("mix:song"), *added])}


def test_a_changed_bpm_rebuilds_what_uses_the_tempo(built):
    built.edit("bpm = 120", "bpm = 125")
    run = built.build("stem:song/drums")
    assert run.done == {"ran": ["reference:song", "stem:song/drums", "timing:song"]}


def test_a_changed_limit_verifies_again_and_renders_nothing(built):
    before = built.products()
    built.edit("dc_offset = 0.02", "dc_offset = 0.03")
    run = built.build()
    assert run.done["ran"] == ["report:song"], "it shows the limits"
    assert run.done.keys() == {"ran", "verified"}
    assert "stem:song/bass" in run.tasks("verified")
    assert {name for name, data in built.products().items() if data != before[name]} == {"song/report.html"}


def test_a_file_outside_its_limits_is_kept_for_listening_and_never_used(built):
    built.edit('align = "crossfade"', 'align = "crossfade"\nverify = { silence_dbfs = -1.0 }')
    run = built.doit("-n", "1")
    assert run.code == 1
    assert run.tasks("FAILED") == ["stem:song/pad"]
    assert run.err == ""
    line = run.lines("FAILED")["stem:song/pad"]
    assert line.startswith("spec/song.toml: stems.pad: it is silent: ")
    allowed = "at least -1.0 is allowed: change what makes it, or allow it with verify.silence_dbfs"
    assert line.endswith(f"dBFS RMS, {allowed} (kept for listening: build/song/stems/pad.rejected.wav)")
    stems = built.folder / "build/song/stems"
    assert soundfile.info(stems / "pad.rejected.wav").frames == 90_000
    assert not (stems / "pad.wav").exists()
    built.edit("verify = { silence_dbfs = -1.0 }", "")
    assert built.build().done == {"restored": ["stem:song/pad"]}
    assert not (stems / "pad.rejected.wav").exists()


TARGETS = {
    "timing.json": "timing:song",
    "stems/bass.wav": "stem:song/bass",
    "processed/pad.wav": "process:song/pad",
    "mix.json": "mix:song",
    "master.wav": "master:song",
}


@pytest.mark.parametrize(
    "names",
    [["stems/bass.wav", "processed/pad.wav", "master.wav"], ["timing.json"], ["mix.json"]],
    ids=" ".join,
)
def test_damaged_targets_are_made_right_again_and_nothing_else_runs(built, names):
    before = built.products()
    for damage in ("overwritten", "truncated", "removed", "swapped"):
        for name in names:  # none is made of another at once, so that what ran for a damaged input would be seen
            spoil(built.folder / "build/song", name, damage)
        run = built.build()
        assert sorted(task for tasks in run.done.values() for task in tasks) == sorted(TARGETS[name] for name in names)
        assert built.products() == before, damage


def spoil(folder, name, damage):
    """Damage a product behind its times, take it away, or put another in its place."""
    path = folder / name
    status = path.stat()
    if damage == "removed":
        path.unlink()
    elif damage == "swapped":
        path.unlink()
        shutil.copyfile(folder / "reference.json", path)
    else:
        path.chmod(0o644)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data[: len(data) // 2] if damage == "truncated" else data)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_damaged_blob_is_a_miss_and_the_stage_runs(built):
    before = built.products()
    for blob in (built.folder / "build/.stemtasks/store/blobs").rglob("*"):
        if blob.is_file():
            data = bytearray(blob.read_bytes())
            data[-1] ^= 1
            blob.unlink()
            blob.write_bytes(data)
    shutil.rmtree(built.folder / "build/song")
    assert built.build().done == {"ran": ALL}
    assert built.products() == before


def test_a_lost_build_is_restored_from_the_store_without_running_a_stage(built):
    before = built.products()
    shutil.rmtree(built.folder / "build/song")
    (built.folder / "build/.stemtasks/records.db").unlink()
    assert built.build().done == {"restored": ALL}
    assert built.products() == before


@pytest.mark.parametrize("content", [b"", b"not a database" * 100, "flipped"])
def test_damaged_records_cost_restoring_and_nothing_else(built, content):
    database = built.folder / "build/.stemtasks/records.db"
    for suffix in ("-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    if content == "flipped":
        data = bytearray(database.read_bytes())
        for position in range(2000, len(data), 997):
            data[position] ^= 0x55
        content = bytes(data)
    before = built.products()
    database.write_bytes(content)
    run = built.build()
    assert set(run.done) <= {"restored"}
    assert built.products() == before
    assert built.build().done == {}


def test_the_same_spec_gives_the_same_bytes_in_another_folder_on_one_thread(built, tmp_path):
    from tests.project import Project

    other = Project(tmp_path / "elsewhere" / "with spaces")
    other.spec(SPEC)
    assert other.build("-n", "1").done == {"ran": ALL}
    assert other.products() == built.products()


def test_a_stage_runs_again_when_forced(built):
    before = built.products()
    assert built.build("-a", "stem:song/pad").tasks("ran") == ["reference:song", "stem:song/pad", "timing:song"]
    assert built.build().done == {}
    assert built.products() == before


def test_a_set_of_tasks_builds_what_it_needs(project):
    project.spec(SPEC)
    run = project.build("align:*")
    assert run.tasks("ran") == sorted(
        ["reference:song", "timing:song", *(f"{stage}:song/{stem}" for stage in ("stem", "align") for stem in STEMS)]
    )
    assert project.build("stem:song/bass").done == {}


def test_list_shows_every_stage_with_a_sentence(built):
    lines = built.doit("list").out.splitlines()
    assert [line.split()[0] for line in lines] == STAGES
    assert all(len(line.split()) > 4 for line in lines)
    statuses = built.doit("list", "--all", "--status").out.splitlines()
    found = {name: status for status, name in (line.split()[:2] for line in statuses) if ":" in name}
    assert found == dict.fromkeys(ALL, "U")
    built.edit("cutoff_hz = 800", "cutoff_hz = 900")
    statuses = built.doit("list", "--all", "--status").out.splitlines()
    found = [name for status, name in (line.split()[:2] for line in statuses) if status == "R" and ":" in name]
    assert "process:song/bass" in found
    assert "align:song/bass" not in found


def test_clean_removes_the_products_and_the_next_build_restores_them(built):
    before = built.products()
    assert built.doit("clean").code == 0
    assert built.products() == {}
    assert built.build().done == {"restored": ALL}
    assert built.products() == before


@pytest.mark.parametrize("data", [b'{"frames', b"{}", None])
def test_a_single_task_is_not_made_of_damaged_inputs(built, data):
    built.edit("cutoff_hz = 800", "cutoff_hz = 900")
    timing = built.folder / "build/song/timing.json"
    timing.unlink()
    if data is not None:
        timing.write_bytes(data)
    run = built.doit("-s", "process:song/bass")
    assert run.code != 0
    assert "Traceback" not in run.out + run.err
    if data is not None:
        assert run.lines("FAILED") == {
            "process:song/bass": "spec/song.toml: stems.bass: build/song/timing.json: is not what its task makes now; "
            "run doit without -s to mend it"
        }
    assert built.build("process:song/bass").done == {"restored": ["timing:song"], "ran": ["process:song/bass"]}


def test_a_single_task_is_made_of_what_is_there(built):
    built.edit("cutoff_hz = 800", "cutoff_hz = 900")
    assert built.build("-s", "process:song/bass").done == {"ran": ["process:song/bass"]}


def test_a_single_archive_is_not_made_of_stems_that_the_spec_makes_otherwise_now(built):
    built.edit("cutoff_hz = 800", "cutoff_hz = 900")
    before = built.made()
    run = built.doit("-s", "-a", "archive:song")
    assert run.code != 0
    (line,) = run.lines("FAILED").values()
    assert "is not what its task makes now; run doit without -s to mend it" in line
    assert built.made() == before


def test_forgetting_a_task_restores_it(built):
    assert built.doit("forget", "mix:song").code == 0
    assert built.build().done == {"restored": ["mix:song"]}


def test_forgetting_all_tasks_restores_them(built):
    assert built.doit("forget").code == 0
    assert built.build().done == {"restored": ALL}


def test_an_ignored_task_stays_ignored(built):
    assert built.doit("ignore", "archive:song").code == 0
    built.edit("[verify]", "[master]\nloudness_lufs = -16.0\n[verify]")
    assert built.build().done == {"ran": ["master:song", "report:song"]}


def test_a_reference_of_the_same_duration_stops_the_rebuild_at_once(project):
    import numpy

    project.spec(SPEC.replace('duration = "8 bars"', 'file = "take.wav"', 1))
    noise = numpy.random.default_rng(0).uniform(-0.3, 0.3, 16 * 9000)
    soundfile.write(project.folder / "spec/take.wav", noise, 9000)
    project.build("align")
    soundfile.write(project.folder / "spec/take.wav", noise[::-1] * 0.5, 9000)
    assert project.build("align").done == {"ran": ["reference:song", "timing:song"]}


def test_another_songs_mistake_does_not_stop_this_ones_tasks(built):
    built.spec(SPEC.replace('generator = "tone"\nnote = "A2"', 'generator = "file"\nfile = "missing.wav"'), "other")
    run = built.doit("--continue")
    assert run.code != 0
    assert run.tasks("FAILED") == ["stem:other/bass"]
    assert run.lines("FAILED")["stem:other/bass"] == (
        "spec/other.toml: stems.bass: spec/missing.wav: no such file; correct the path or put the file there"
    )
    assert "align:other/pad" in run.tasks("restored")
    assert "mix:song" in run.tasks("up to date")
    assert "Traceback" not in run.out + run.err


def test_the_manifest_of_the_archive_names_no_path_of_this_machine(built):
    (archive,) = (built.folder / "build/song").glob("*.zip")
    data = archive.read_bytes()
    assert str(built.folder).encode() not in data
    assert json.dumps(str(Path.home())).strip('"').encode() + b"/" not in data


def test_equal_tasks_of_two_songs_are_made_once_also_at_the_same_time(project):
    log = project.folder / "renders.log"
    slow_song.renders(project, 0.6, f"open({str(log)!r}, 'a').write('x')\n{slow_song.RENDER}")
    for name in ("one", "two"):
        project.spec(slow_song.SPEC.format(python=sys.executable), name)
    run = project.doit("-n", "2")
    assert run.code == 0, run.err
    assert log.read_text() == "x"
    # each archive and each report has its song's name in it
    pairs = {task.replace("two", "one") for task in run.done["ran"]} - {"archive:one", "report:one"}
    assert len(run.done["ran"]) == len(pairs) + 4
    assert len(run.done["restored"]) == len(pairs)
