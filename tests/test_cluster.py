"""Jobs in a Dask cluster: a real scheduler, and workers that die, are stopped, are old, or have other sources."""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import signal
from pathlib import Path

import pytest
import soundfile

from tests import dask_cluster, slow_song
from tests.held import Hold
from tests.project import Project
from tests.test_own_parts import TREMOLO, own
from tests.three_stems import ALL, after

DEMO = Path(__file__).parents[1] / "spec"
DEMO_SECTIONS = 8
FILTERED = "filtered(blocks, stream, sos, phase)"
BASS = "process:song/bass"


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    with dask_cluster.clustered(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(scheduler):
    """Return a cluster without workers; those that a test starts end with it."""
    yield scheduler
    scheduler.dismiss()


@pytest.fixture
def joined(built, cluster):
    """Return a song of three stems that was built in threads, to be built in the cluster."""
    dask_cluster.join(built, cluster)
    return built


def forgotten(project):
    """Remove all that was built, and return what it was."""
    before = project.products()
    shutil.rmtree(project.folder / "build")
    return before


def sounds(package, change=True):
    """Have the lowpass of a copy of the package sound otherwise, or as it does."""
    path = package / "effects/lowpass.py"
    text = (Path(dask_cluster.__file__).parents[1] / "stemtasks/effects/lowpass.py").read_text()
    assert text.count(FILTERED) == 1
    path.write_text(text.replace(FILTERED, f"(0.5 * block for block in {FILTERED})") if change else text)


def short_demo(project):
    """Write the demo with one bar in each of its sections, as much of its reference, and a third as many frames."""
    guide, rate = soundfile.read(DEMO / "audio/guide.ogg", round(DEMO_SECTIONS * 4 * 60 / 112 * 48000))
    text, sections = re.subn(r"(?m)^bars = \d+", "bars = 1", (DEMO / "demo.toml").read_text(encoding="utf-8"))
    assert (sections, rate) == (DEMO_SECTIONS, 48000)
    for old, new in {
        "[song]\n": "[song]\nsample_rate = 16000\n",
        "audio/guide.ogg": "guide.wav",
        "min_duration = 130.0": "min_duration = 17.0",
        '"61 bars"': f'"{DEMO_SECTIONS - 3} bars"',
    }.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    project.spec(text, "demo")
    soundfile.write(project.folder / "spec/guide.wav", guide, rate)


def test_the_demo_in_short_is_byte_for_byte_what_threads_make(tmp_path, cluster):
    threads, elsewhere = (Project(tmp_path / name) for name in ("threads", "cluster"))
    for project in (threads, elsewhere):
        short_demo(project)
    dask_cluster.join(elsewhere, cluster)
    for _ in range(2):
        cluster.worker(elsewhere)
    runs = [project.doit() for project in (elsewhere, threads)]
    assert [(run.code, run.err) for run in runs] == [(0, ""), (0, "")], runs[0].out
    assert runs[0].done == runs[1].done
    built, expected = (
        sorted(path.relative_to(project.folder).as_posix() for path in (project.folder / "build/demo").rglob("*.*"))
        for project in (elsewhere, threads)
    )
    assert built == expected
    assert filecmp.cmpfiles(threads.folder, elsewhere.folder, built, shallow=False) == (built, [], [])


def test_a_worker_that_is_killed_in_the_middle_of_each_stage_changes_no_byte(slow, cluster, tmp_path):
    stages = {task.partition(":")[0] for task in slow.build().tasks("ran")}
    expected = forgotten(slow)
    dask_cluster.join(slow, cluster)
    hold = Hold(tmp_path / "markers")
    for stage in stages:
        hold.mark(stage, "die")
    for _ in range(2):
        cluster.worker(slow, hold.env)
    run, died = cluster.build(slow, hold.env)
    # Dask may say that a result went with its worker, and that it has the job done again
    said = [line for line in run.err.splitlines() if "Couldn't gather" not in line or "rescheduling" not in line]
    assert (run.code, said) == (0, []), run.out
    assert died == len(stages)
    slow.assert_clean()
    assert slow.products() == expected
    assert slow.build().done == {}


def test_a_job_that_kills_its_workers_is_one_line_and_the_next_build_is_right(slow, slow_template, cluster, tmp_path):
    dask_cluster.join(slow, cluster)
    hold = Hold(tmp_path / "markers")
    hold.mark("mix", "die again")
    cluster.worker(slow, hold.env)
    run, died = cluster.build(slow, hold.env, "mix:song")  # alone: what shares its workers may be given up with it
    (line,) = run.lines("FAILED").values()
    assert line.startswith("spec/song.toml: mix: what ran it was lost (KilledWorker: Attempted to run task ")
    assert line.endswith("…); run doit again")
    assert (run.code, run.err, died) == (1, "", 3)
    slow.assert_clean()
    hold.release("mix")
    assert slow.build("archive:song").tasks("ran") == ["archive:song", "master:song", "mix:song"]
    slow.build()
    assert slow.products() == slow_template.products()


@pytest.mark.parametrize("ended", ["by its end", "by Ctrl-C"])
def test_what_a_worker_writes_that_was_stopped_and_wakes_late_is_in_no_file(joined, cluster, tmp_path, ended):
    expected = forgotten(joined)
    hold = Hold(tmp_path / "markers")
    hold.mark("stem", "late")
    late = cluster.worker(joined, hold.env)
    process = joined.start()
    assert hold.wait("stem", process) == late.pid
    late.send_signal(signal.SIGSTOP)
    cluster.lose_all()
    cluster.worker(joined)
    if ended == "by Ctrl-C":
        process.send_signal(signal.SIGINT)
        assert b"; what was finished is kept: run doit again to go on\n" in process.communicate(timeout=20)[1]
        joined.assert_clean()
        process = joined.start()
    out, err = process.communicate(timeout=dask_cluster.HANG_SECONDS)
    assert (process.returncode, err) == (0, b""), out.decode()
    hold.release("stem")
    late.send_signal(signal.SIGCONT)
    hold.wait("stem", cluster.scheduler, "past")
    assert joined.products() == expected
    assert joined.build().done == {}
    shutil.rmtree(joined.folder / "build/song")
    assert joined.build().done == {"restored": ALL}
    assert joined.products() == expected


def test_a_worker_with_another_line_refuses_what_the_line_decides_and_nothing_of_it_is_kept(
    joined, cluster, package, tmp_path
):
    expected = forgotten(joined)
    sounds(package)
    ours = {"PYTHONPATH": ""}
    shared = {"STEMTASKS_CACHE": str(tmp_path / "shared"), **ours}
    worker = cluster.worker(joined)
    run = joined.doit("--continue", env=shared)
    assert (run.code, run.err) == (1, "")
    assert run.lines("FAILED") == {
        BASS: f"spec/song.toml: stems.bass: process {worker.pid} on {os.uname().nodename} has other code than this "
        "build: effects/lowpass.py; give it the same, start it again in the folder of dodo.py, and run doit again"
    }
    assert run.tasks("ran") == sorted(set(ALL) - set(after(BASS)))
    joined.assert_clean()
    cluster.dismiss()
    shutil.rmtree(joined.folder / "build")
    cluster.worker(joined, ours)
    run = joined.build(env=shared)
    assert run.done == {"ran": after(BASS), "restored": sorted(set(ALL) - set(after(BASS)))}
    assert joined.products() == expected


def test_a_worker_that_is_older_than_an_edit_refuses_what_it_has_loaded_before(joined, cluster, package):
    expected = forgotten(joined)
    cluster.worker(joined)
    joined.build("stem:song/bass")  # the worker has loaded what generators need, and not the effects
    sounds(package)
    assert BASS in joined.build().tasks("ran"), "it loads what is there"
    other = joined.products()
    assert other["song/processed/bass.wav"] != expected["song/processed/bass.wav"]
    forgotten(joined)
    sounds(package, change=False)
    assert joined.doit("--continue").tasks("FAILED") == [BASS]
    cluster.dismiss()
    cluster.worker(joined)
    assert joined.build().done == {"ran": after(BASS)}
    assert joined.products() == expected


def test_a_worker_that_was_given_its_modules_early_is_judged_by_those(joined, cluster, package):
    cluster.worker(joined, None, "--preload", "stemtasks.effects.lowpass")
    assert joined.build("-a", "-s", "stem:song/bass").tasks("ran") == ["stem:song/bass"]
    sounds(package)
    assert " has other code than this build: effects/lowpass.py; " in joined.doit().lines("FAILED")[BASS]


def test_parts_and_what_they_import_from_beside_dodo_are_those_of_the_build(joined, cluster):
    own(joined, "effects/my_tremolo.py", "from helping import DEPTH\n" + TREMOLO)
    (joined.folder / "helping.py").write_text("DEPTH = 0.5\n")
    joined.edit("cutoff_hz = 800 }, ", 'cutoff_hz = 800 }, { name = "my_tremolo" }, ')
    cluster.worker(joined)
    assert joined.build().done == {"ran": after(BASS)}
    (joined.folder / "helping.py").write_text("DEPTH = 0.6\n")
    assert " has other code than this build: helping.py; " in joined.doit().lines("FAILED")[BASS]
    cluster.dismiss()
    cluster.worker(Project(joined.folder.parent))
    assert " has other code than this build: helping" in joined.doit().lines("FAILED")[BASS]


def test_a_cluster_that_is_not_there_is_one_line(slow):
    with (slow.folder / "dodo.py").open("a") as file:
        file.write(
            "\nfrom stemtasks.graph import run_in\n\ndef cluster():\n    from distributed import Client\n"
            "    return Client('tcp://127.0.0.1:1', timeout=1).get_executor()\n\nrun_in(cluster)\n"
        )
    run = slow_song.failed(slow, "reference:song")
    assert run.lines("FAILED")["reference:song"].startswith(
        "spec/song.toml: reference: where jobs run cannot be reached (OSError: Timed out trying to connect"
    )
    assert run.err == ""
