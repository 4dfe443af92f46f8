"""``stemtasks cache``: what is held, whether it is whole, keeping it small, sending and fetching."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stemtasks.cache.store import Store
from tests.cache.test_shared import clone, command, entries_of, files_in, small
from tests.project import Project


@pytest.fixture
def folder(tmp_path):
    return {"STEMTASKS_CACHE": str(tmp_path / "shared")}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Return the folder of a song of one stem that has been built."""
    project = small(Project(tmp_path_factory.mktemp("template") / "song"))
    project.build()
    return project.folder


def store_of(project):
    return Store(project.folder / "build/.stemtasks/store")


def test_stats_counts_both_stores(built, folder):
    run = command(built, "stats", env={})
    blobs = len(set(built.made().values()))
    assert run.out.splitlines()[0].startswith(f"local   build/.stemtasks/store: {blobs} blobs, 10 entries, ")
    assert run.out.splitlines()[1] == "shared  none"
    command(built, "push", env=folder)
    run = command(built, "stats", env={**folder, "STEMTASKS_CACHE_KEY": "k" * 32, "STEMTASKS_CACHE_MODE": "read"})
    line = run.out.splitlines()[1]
    assert line.startswith(f"shared  {folder['STEMTASKS_CACHE']}: {blobs} blobs, 10 entries, ")
    assert line.endswith("; read, signed")
    line = command(built, "stats", env={"STEMTASKS_CACHE": "/dev/null/no"}).out.splitlines()[1]
    assert line == "shared  /dev/null/no: not reachable; readwrite, not signed"


def test_verify_finds_what_is_bad_and_repair_removes_it(built):
    store = store_of(built)
    assert command(built, "verify", env={}).code == 0
    blobs = files_in(store.folder, "blobs")
    altered, missing = (
        max(blobs, key=lambda path: path.stat().st_size),
        min(blobs, key=lambda path: path.stat().st_size),
    )
    content = altered.read_bytes()
    altered.unlink()
    altered.write_bytes(b"?" + content[1:])
    missing.unlink()
    entries_of({"STEMTASKS_CACHE": store.folder})[0].write_text("{")
    run = command(built, "verify", env={})
    assert run.code == 1
    assert f"blob {altered.name}: its bytes are not what its name says" in run.out
    assert run.out.count("leads to a blob that is missing or bad") in (1, 2)
    assert run.out.count(": cannot be read") == 1
    assert len(run.err.splitlines()) == 1
    assert command(built, "verify", "--repair", env={}).code == 0
    assert command(built, "verify", env={}).out == "build/.stemtasks/store: 0 bad\n"
    products = built.products()
    built.doit("clean")
    built.build()
    assert built.products() == products


def test_gc_keeps_what_the_current_build_uses(built):
    before = len(files_in(store_of(built).folder, "entries"))
    built.edit("cutoff_hz = 800", "cutoff_hz = 900")
    ran = built.build().tasks("ran")
    assert len(files_in(store_of(built).folder, "entries")) == before + len(ran)
    run = command(built, "gc", "--max-gb", "0", env={})
    assert run.out.endswith("left of 0 GB; the current build uses more than the cap\n")
    assert len(files_in(store_of(built).folder, "entries")) == before
    products = built.products()
    built.doit("clean")
    assert "ran" not in built.build().done
    assert built.products() == products
    built.edit("cutoff_hz = 900", "cutoff_hz = 800")
    assert built.build().tasks("ran") == ran


def test_push_then_pull_fills_a_fresh_clones_local_store_before_anything_is_built(built, folder):
    assert not Path(folder["STEMTASKS_CACHE"]).exists()
    run = command(built, "push", env=folder)
    assert run.out == f"{folder['STEMTASKS_CACHE']}: 10 tasks are there\n"
    other = clone(built, "clone")
    run = command(other, "pull", env=folder)
    assert run.out == "build/.stemtasks/store: has 10 of 10 tasks; run doit\n"
    shutil.rmtree(folder["STEMTASKS_CACHE"])
    assert len(other.build().tasks("restored")) == 10


def test_pull_fetches_what_is_there_and_counts_the_rest(built, folder):
    command(built, "push", env=folder)
    other = clone(built, "clone")
    other.edit("cutoff_hz = 800", "cutoff_hz = 900")
    assert command(other, "pull", env=folder).out == "build/.stemtasks/store: has 4 of 10 tasks; run doit\n"
    assert sorted(other.build(env=folder).done) == ["ran", "restored"]


MISTAKES = {
    ("push",): "no shared store is set",
    ("pull",): "no shared store is set",
    ("replace", "master:nobody"): "master:nobody: has not been built here",
    ("gc", "--max-gb", "-1"): "--max-gb: -1 is not 0 or more",
}


@pytest.mark.parametrize("arguments", MISTAKES)
def test_a_mistake_is_one_line(built, arguments):
    run = command(built, *arguments, env={})
    assert run.code == 1
    assert run.err.startswith(f"ERROR: {MISTAKES[arguments]}")
    assert len(run.err.splitlines()) == 1


def test_push_where_only_reading_is_allowed_and_where_nobody_is_are_one_line(built, folder, tmp_path):
    run = command(built, "push", env={**folder, "STEMTASKS_CACHE_MODE": "read"})
    assert (run.code, run.err.splitlines()) == (
        1,
        ["ERROR: the shared store's mode is 'read'; set STEMTASKS_CACHE_MODE=readwrite"],
    )
    (tmp_path / "file").write_text("")
    run = command(built, "push", env={"STEMTASKS_CACHE": str(tmp_path / "file/x")})
    assert run.code == 1
    assert len(run.err.splitlines()) == 1
    assert "10 of 10 tasks were not sent" in run.err


def test_outside_a_songs_folder_nothing_is_made(built, tmp_path):
    (built.folder / "dodo.py").unlink()
    shutil.rmtree(built.folder / "build")
    assert command(built, "stats", env={}).err.startswith("ERROR: no dodo.py here")
    assert not (built.folder / "build").exists()
