"""Every save builds what it changes, mistakes come and go, and what is ended leaves nothing half-made."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import time

import pytest

from tests import slow_song, starts
from tests.project import Project
from tests.three_stems import SPEC
from tests.watch.watching import watching

PART = """def my_gain(blocks, stream):
    'Do nothing.'
    for block in blocks:
        yield block
"""
BASS = {"processed/bass.wav", "mix.wav", "master.wav"}


@pytest.fixture(scope="module")
def song(tmp_path_factory, template):
    """Yield a project and its watch: three stems, built, and a fourth of a recording that lies outside."""
    folder = tmp_path_factory.mktemp("watched")
    project = Project(folder / "song")
    shutil.copytree(template, project.folder, dirs_exist_ok=True)
    shutil.copyfile(project.folder / "build/song/stems/pad.wav", folder / "take.wav")
    project.spec(SPEC + '[stems.take]\ngenerator = "file"\nfile = "../../take.wav"\nalign = "zero_pad"\n')
    with watching(project.folder) as watch:
        watch.until(lambda: watch.builds() == 1)
        assert watch.wrong() == ""
        yield project, watch
        assert watch.end() == 130
        project.assert_clean()


def test_a_changed_effect_is_heard_and_no_other_stem_is_another(song):
    project, watch = song
    before = watch.files()
    project.edit("cutoff_hz = 800", "cutoff_hz = 900")
    assert watch.changed(before) == BASS
    now = watch.files()
    project.edit("cutoff_hz = 900", "cutoff_hz = 800")
    assert watch.changed(now) == BASS
    assert watch.files() == before, "what was undone is what it was"


def test_a_recording_outside_of_the_project_is_followed(song):
    project, watch = song
    before = watch.files()
    shutil.copyfile(project.folder / "build/song/stems/bass.wav", project.folder.parent / "new.wav")
    os.replace(project.folder.parent / "new.wav", project.folder.parent / "take.wav")
    changed = {f"{stage}/take.wav" for stage in ("stems", "aligned", "processed")} | {"mix.wav", "master.wav"}
    assert watch.changed(before) == changed


def test_a_mistake_has_its_line_the_song_stays_and_all_is_well_when_it_is_mended(song):
    project, watch = song
    before = watch.files()
    project.edit("cutoff_hz = 800", "cutof_hz = 800")
    line = (project.folder / "spec/song.toml").read_text().partition("cutof_hz")[0].count("\n") + 1
    assert f"spec/song.toml:{line} stems.bass.effects[0]" in watch.until_wrong("cutof_hz")
    project.edit('note = "E4"', 'note = "E"')
    wrong = watch.until_wrong("'E' is not a note")
    assert "cutof_hz" in wrong, "all mistakes are said, not the first alone"
    assert watch.files() == before
    project.edit('note = "E"\n', 'note = "E4"\n')
    project.edit("cutof_hz = 800", "cutoff_hz = 800")
    watch.until_wrong("")


def test_a_task_that_fails_and_a_recording_that_comes_back(song):
    project, watch = song
    take = project.folder.parent / "take.wav"
    os.rename(take, project.folder.parent / "away.wav")
    assert "stem:song/take: stems.take" in watch.until_wrong("no such file")
    os.rename(project.folder.parent / "away.wav", take)
    watch.until_wrong("")


def test_a_part_of_ones_own_is_followed_with_the_line_where_it_breaks(song):
    project, watch = song
    before = watch.files()
    part = project.folder / "parts/effects/my_gain.py"
    part.parent.mkdir(parents=True)
    part.write_text(PART)
    project.edit("gain_db = -6\neffects = [", 'gain_db = -6\neffects = [{ name = "my_gain" }, ')
    watch.until(lambda: watch.builds() and "my_gain" in watch.said)
    assert watch.wrong() == ""
    before = watch.files()
    part.write_text(PART.replace("yield block", "yield block * 0.5"))
    assert watch.changed(before) == {"processed/pad.wav", "mix.wav", "master.wav"}
    part.write_text(PART.replace("yield block", "yield block + undefined_name"))
    assert 'my_gain.py", line 4' in watch.until_wrong("undefined_name")
    part.write_text(PART.replace("def my_gain(", "def my_gain(:"))
    assert "parts/effects/my_gain.py:1" in watch.until_wrong("is not Python")
    part.write_text(PART)
    watch.until_wrong("")


def test_a_part_whose_comment_changes_is_run_and_no_file_is_another(song):
    project, watch = song
    before, builds = watch.files(), watch.builds()
    part = project.folder / "parts/effects/my_gain.py"
    part.write_text(f"{PART}# a remark\n")
    watch.until(lambda: watch.builds() > builds)
    assert watch.said.rindex("ran         process:song/pad") > 0
    now = watch.files()
    assert {name for name in now if name.endswith(".wav") and now[name] != before[name]} == set()


def test_dodo_and_the_settings_are_followed(song):
    project, watch = song
    dodo = project.folder / "dodo.py"
    text = dodo.read_text()
    dodo.write_text(f"{text}\ndef (\n")
    assert "dodo.py" in watch.until_wrong("SyntaxError")
    dodo.write_text(text)
    watch.until_wrong("")
    settings = project.folder / "stemtasks.toml"
    settings.write_text("[cach]\n")
    assert "stemtasks.toml" in watch.until_wrong("cach")
    settings.unlink()
    watch.until_wrong("")


def test_a_save_that_changes_nothing_builds_nothing(song):
    project, watch = song
    watch.settled()
    builds = watch.builds()
    spec = project.folder / "spec/song.toml"
    (project.folder / "spec/.song.toml.swp").write_bytes(b"x")
    spec.write_bytes(spec.read_bytes())
    os.utime(spec)
    time.sleep(1)  # or it would be one save with what follows
    project.spec("x = ", "another")
    watch.until_wrong("is not TOML", "another")
    assert watch.wrong() == "", "what is wrong with one song is not said on the page of another"
    assert watch.builds() == builds + 1
    (project.folder / "spec/another.toml").unlink()
    watch.until_wrong("", "another")


def test_a_new_song_is_built_when_it_comes(song):
    project, watch = song
    project.spec(slow_song.SPEC.partition("[stems.slow]")[0], "later")
    assert "report.html" in watch.until(lambda: watch.files("later"))
    (project.folder / "spec/later.toml").unlink()
    watch.until(lambda: not watch.files("later").get("report.html"))


def test_a_newer_save_ends_a_build_that_it_makes_pointless_and_what_was_made_stays(project):
    project.spec(slow_song.SPEC.format(python=sys.executable))
    slow_song.renders(project, 300)
    with watching(project.folder) as watch:
        watch.until(lambda: "process:song/bass" in watch.said)
        assert watch.state()["building"]
        slow_song.renders(project, 0)
        assert watch.changed({})
        assert "stopped while running stem:song/slow" in watch.said
        assert watch.said.count("ran         process:song/bass") == 1
        assert watch.wrong() == ""
        slow_song.renders(project, 301)
        watch.until(lambda: watch.state()["building"])
        watch.until(
            lambda: (
                (project.folder / "build/.stemtasks/work").exists()
                and any((project.folder / "build/.stemtasks/work").iterdir())
            )
        )
        assert watch.end(signal.SIGTERM) == 143
    assert project.half_made() == []
    slow_song.renders(project, 0)
    project.build()


def test_what_cannot_be_done_is_one_line_with_a_way_out(project):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for port, folder, said in [
            (
                taken.getsockname()[1],
                project.folder,
                "--port: {} cannot be served at (Address already in use); leave it out",
            ),
            (70_000, project.folder, "--port: {} is not a port, 1 to 65535; leave it out"),
            (0, project.folder / "spec", "{}: has no dodo.py; run this in a song's folder"),
        ]:
            command = [sys.executable, "-m", "stemtasks.cli", "watch", f"--port={port}"]
            done = starts.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr.startswith(f"ERROR: {said.format(port or folder)}")
            assert done.stderr.count("\n") == 1
    with watching(project.folder) as watch:
        assert "spec/: no songs here; write spec/my-song.toml" in watch.until_wrong("no songs", "")
