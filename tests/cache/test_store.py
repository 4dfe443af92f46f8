"""The local store: every read checked, nothing removed that is used, several trees in one folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from stemtasks import links
from stemtasks.cache import collect
from stemtasks.cache.digest import read_digest
from stemtasks.cache.store import Store, checked
from tests import starts
from tests.project import Project

EXTRA = {"limits": "0" * 64, "summary": "3 frames", "seconds": 1.5}


def key_of(text):
    return hashlib.sha256(text.encode()).hexdigest()


def kept(store, name, content, folder):
    """Keep one output, and return its key and digest."""
    folder.mkdir(exist_ok=True)
    path = folder / f"made-{name}"
    path.write_bytes(content)
    digest = read_digest(path)
    store.keep(key_of(name), {"audio": (path, digest)}, EXTRA)
    path.unlink()
    return key_of(name), digest


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def test_what_was_kept_comes_back(store, tmp_path):
    key, digest = kept(store, "a", b"bytes", tmp_path)
    found = store.restore(key, {"audio": tmp_path / "out"})
    assert found.made == {"audio": digest}
    assert found.entry["summary"] == "3 frames"
    assert (tmp_path / "out").read_bytes() == b"bytes"


def test_a_store_that_is_removed_while_something_is_kept_is_begun_again(store, tmp_path, monkeypatch):
    replace, left = os.replace, [3]

    def replace_in_what_is_gone(*paths):
        if left[0]:
            left[0] -= 1
            shutil.rmtree(store.folder)
        replace(*paths)

    monkeypatch.setattr(os, "replace", replace_in_what_is_gone)
    key, digest = kept(store, "a", b"bytes", tmp_path)
    assert (store.refused, left) == ("", [0])
    assert store.restore(key, {"audio": tmp_path / "out"}).made == {"audio": digest}


def test_an_entry_that_was_changed_is_a_miss_also_where_all_of_it_could_be_right(store, tmp_path):
    key, digest = kept(store, "a", b"bytes", tmp_path)
    _, other = kept(store, "b", b"other", tmp_path)
    text = store.entry_path(key).read_text()
    for old, new in ((digest.sha256, other.sha256), ('"3 frames"', '"4 frames"')):
        assert text.count(old) == 1
        store.entry_path(key).chmod(0o644)
        store.entry_path(key).write_text(text.replace(old, new))
        assert store.entry(key) is None
        assert store.restore(key, {"audio": tmp_path / "out"}) is None
    store.entry_path(key).write_text(text)
    assert store.restore(key, {"audio": tmp_path / "out"}).made == {"audio": digest}


@pytest.mark.parametrize("damage", ["missing", "truncated", "altered", "empty"])
def test_a_bad_blob_is_a_miss_and_is_gone(store, tmp_path, damage):
    key, digest = kept(store, "a", b"bytes", tmp_path)
    blob = store.blob_path(digest.sha256)
    blob.unlink()
    if damage != "missing":
        blob.write_bytes({"truncated": b"byte", "altered": b"bytez", "empty": b""}[damage])
    assert store.restore(key, {"audio": tmp_path / "out"}) is None
    assert not blob.exists()


@pytest.mark.parametrize("text", ["[" * 500_000, '{"a":' * 100_000, " " * (2 << 20), '{"outputs": ' + "9" * 5000 + "}"])
def test_an_entry_that_is_a_bomb_is_no_entry(store, text):
    path = store.entry_path("0" * 64)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert store.entry("0" * 64) is None


def test_of_an_entry_no_more_is_read_than_one_can_have(store, tmp_path):
    key, _ = kept(store, "a", b"bytes", tmp_path)
    path = store.entry_path(key)
    path.write_text(" " * (1 << 20) + path.read_text())
    assert store.entry(key) is None


def test_one_bad_blob_makes_the_whole_entry_a_miss(store, tmp_path):
    paths = {}
    for role in ("audio", "facts"):
        (tmp_path / role).write_text(role)
        paths[role] = (tmp_path / role, read_digest(tmp_path / role))
    store.keep(key_of("a"), paths, EXTRA)
    store.blob_path(paths["facts"][1].sha256).unlink()
    assert store.restore(key_of("a"), {role: tmp_path / f"{role}.out" for role in paths}) is None


BAD_ENTRIES = {
    "not an object": [],
    "no outputs": {**EXTRA, "outputs": {}},
    "no summary": {"outputs": {}, "limits": "", "seconds": 1},
    "path for a digest": {
        **EXTRA,
        "outputs": {"audio": {"bytes": 1, "xxh3": "0" * 32, "sha256": "../../../../etc/passwd".ljust(64, "x")}},
    },
    "other digits": {**EXTRA, "outputs": {"audio": {"bytes": 1, "xxh3": "0" * 32, "sha256": "٣" * 64}}},
    "negative size": {**EXTRA, "outputs": {"audio": {"bytes": -1, "xxh3": "0" * 32, "sha256": "0" * 64}}},
    "size of another type": {**EXTRA, "outputs": {"audio": {"bytes": "1", "xxh3": "0" * 32, "sha256": "0" * 64}}},
    "terminal codes": {
        **EXTRA,
        "summary": "\x1b[2Jgone",
        "outputs": {"audio": {"bytes": 1, "xxh3": "0" * 32, "sha256": "0" * 64}},
    },
    "endless seconds": {
        **EXTRA,
        "seconds": float("inf"),
        "outputs": {"audio": {"bytes": 1, "xxh3": "0" * 32, "sha256": "0" * 64}},
    },
}


@pytest.mark.parametrize("name", BAD_ENTRIES)
def test_what_is_no_entry_is_refused(name):
    assert checked(BAD_ENTRIES[name]) is None


def test_roles_of_an_entry_are_compared_and_never_become_a_path(store, tmp_path):
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine")
    digest = read_digest(outside)
    store.keep(key_of("a"), {"../../outside": (outside, digest)}, EXTRA)
    assert store.restore(key_of("a"), {"audio": tmp_path / "work" / "audio.wav"}) is None
    assert outside.read_bytes() == b"mine"


def test_a_file_system_without_links_or_clones_gets_copies(store, tmp_path, monkeypatch):
    def refused(*arguments):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)
    monkeypatch.setattr(links, "_cloned", lambda *_: False)
    key, digest = kept(store, "a", b"bytes" * 1000, tmp_path)
    assert store.restore(key, {"audio": tmp_path / "out"}).made == {"audio": digest}
    assert (tmp_path / "out").stat().st_nlink == 1
    assert (tmp_path / "out").read_bytes() == b"bytes" * 1000


def test_least_recently_used_goes_first_and_what_is_used_never(store, tmp_path):
    keys = [kept(store, str(number), bytes([number]) * 1000, tmp_path)[0] for number in range(5)]
    for age, key in enumerate(reversed(keys)):
        os.utime(store.entry_path(key), (1e9 - age, 1e9 - age))
    store.restore(keys[1], {"audio": tmp_path / "out"})  # was the last but one, is now the youngest
    one = collect.survey(store).bytes / 5
    collect.collect(store, 3.5 * one, used={keys[0]})
    assert [key in collect.survey(store).entries for key in keys] == [True, True, False, False, True]
    collect.collect(store, 0, used={keys[0]})
    assert list(collect.survey(store).entries) == [keys[0]]
    assert store.restore(keys[0], {"audio": tmp_path / "out0"}) is not None


def test_a_blob_that_another_entry_leads_to_stays(store, tmp_path):
    old, digest = kept(store, "old", b"same", tmp_path)
    new, _ = kept(store, "new", b"same", tmp_path)
    os.utime(store.entry_path(old), (1, 1))
    collect.collect(store, collect.survey(store).bytes - 1, used=set())
    assert set(collect.survey(store).entries) == {new}
    assert store.blob_path(digest.sha256).exists()


def test_a_young_blob_without_an_entry_may_be_about_to_get_one(store, tmp_path, monkeypatch):
    key, digest = kept(store, "a", b"bytes", tmp_path)
    store.entry_path(key).unlink()
    collect.collect(store, 0, used=set())
    assert store.blob_path(digest.sha256).exists()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + collect.ORPHAN_SECONDS + 1)
    collect.collect(store, 0, used=set())
    assert not store.blob_path(digest.sha256).exists()


def test_the_size_is_known_without_a_walk_and_a_walk_comes_only_over_the_cap(store, tmp_path, monkeypatch):
    kept(store, "0", b"x" * 1000, tmp_path)
    collect.settle(store, 1.0, set())
    walks = []
    real = collect.survey
    monkeypatch.setattr(collect, "survey", lambda store: walks.append(1) or real(store))
    for number in range(1, 4):
        kept(store, str(number), bytes([number]) * 1000, tmp_path)
        collect.settle(store, 1.0, set())
    assert walks == []
    kept(store, "5", bytes([5]) * 1000, tmp_path)
    collect.settle(store, 3000 / 1e9, set())
    assert walks == [1]
    assert real(store).bytes <= 3000


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_writes_is_not(store):
    with store.incoming() as mine:
        mine.write_bytes(b"")
        dead = mine.with_name(mine.name.replace(str(os.getpid()), str(gone()), 1))
        elsewhere = mine.with_name("1-another0-0")
        dead.write_bytes(b"")
        elsewhere.write_bytes(b"")
        store.sweep()
        assert mine.exists()
        assert elsewhere.exists()
        assert not dead.exists()


def gone():
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_restoring_while_another_removes_is_a_miss_at_worst(store, tmp_path):
    contents = {str(number): os.urandom(2000) for number in range(20)}
    stop = threading.Event()
    wrong, hits = [], []

    def collects():
        while not stop.is_set():
            collect.collect(store, 10_000, used=set())

    def builds(mine):
        folder = tmp_path / mine
        for turn in range(300):
            name = str(turn % 20)
            out = folder / "out"
            out.unlink(missing_ok=True)
            found = store.restore(key_of(name), {"audio": out})
            if found is None:
                out.unlink(missing_ok=True)
                kept(store, name, contents[name], folder)
            elif out.read_bytes() == contents[name]:
                hits.append(name)
            else:
                wrong.append(name)

    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    threads = [threading.Thread(target=builds, args=(mine,)) for mine in ("one", "two")]
    collector = threading.Thread(target=collects)
    for thread in [*threads, collector]:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    collector.join()
    assert wrong == []
    assert hits
    assert not list((store.folder / "work").iterdir())


TINY = """
[song]
bpm = 120
sample_rate = 8000
[reference]
duration = "0:01"
[stems.bass]
generator = "tone"
note = "{note}"
[master]
loudness_lufs = "off"
"""
LOOP = """
import sys
from pathlib import Path
from doit.doit_cmd import DoitMain
from stemtasks.commands import project
for turn in range(int(sys.argv[1])):
    project.tree.cache_clear(), project.specs.cache_clear()
    note = "CDEFGAB"[turn % 7] + "4"
    Path("spec/song.toml").write_text(Path("song.txt").read_text().replace("NOTE", note))
    if DoitMain().run(["master:song"]):
        sys.exit(f"turn {turn}")
    master = Path("build/song/master.wav").read_bytes()
    first = Path(f"{note}.wav")
    if first.exists() and first.read_bytes() != master:
        sys.exit(f"turn {turn}: other bytes")
    first.write_bytes(master)
"""


def test_two_trees_build_sixty_times_in_one_store_and_every_byte_is_right(tmp_path):
    trees = [Project(tmp_path / name) for name in ("one", "two")]
    for tree in trees:
        tree.spec(TINY.format(note="NOTE"))
        shutil.move(tree.folder / "spec/song.toml", tree.folder / "song.txt")
        (tree.folder / "stemtasks.toml").write_text('[cache]\nlocal_folder = "../store"\nmax_gb = 0.0003\n')
    processes = [
        starts.started(
            [sys.executable, "-c", LOOP, "30"],
            cwd=tree.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for tree in trees
    ]
    said = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert [err for _, err in said] == [b"", b""]
    notes = [sorted(tree.folder.glob("*4.wav")) for tree in trees]
    assert [path.name for path in notes[0]] == [path.name for path in notes[1]]
    for one, two in zip(*notes, strict=True):
        assert one.read_bytes() == two.read_bytes()
    assert b"restored" in said[0][0] + said[1][0]
    assert collect.damaged(Store(tmp_path / "store"), repair=False) == []
    assert not list((tmp_path / "store/work").iterdir())
    assert not (trees[0].folder / "build/.stemtasks/store").exists()


def test_a_build_over_the_cap_removes_what_no_record_uses_and_keeps_its_own(project):
    project.spec(TINY.format(note="C4"))
    (project.folder / "stemtasks.toml").write_text("[cache]\nmax_gb = 0.000001\n")
    project.build()
    first = collect.survey(Store(project.folder / "build/.stemtasks/store"))
    assert len(first.entries) == 10
    project.edit('"C4"', '"D4"')
    project.build()
    second = collect.survey(Store(project.folder / "build/.stemtasks/store"))
    assert len(second.entries) == 10
    assert second.bytes > 1000
    products = project.products()
    project.doit("clean")
    assert "ran" not in project.build().done
    assert project.products() == products


def test_the_settings_say_where_the_store_is_and_a_mistake_in_them_is_one_line(project):
    project.spec(TINY.format(note="C4"))
    for text, said in {
        "[cach]": "stemtasks.toml: unknown table 'cach'; known: cache; did you mean 'cache'?",
        "[cache]\nmod = 1": "stemtasks.toml: cache: unknown key 'mod'",
        "[cache]\nmode = 'write'": "stemtasks.toml: cache.mode: 'write' is not one of 'off', 'read', 'readwrite'",
        "[cache]\nmax_gb = 0": "stemtasks.toml: cache.max_gb: 0 is outside",
        "[cache]\noptions = { secret_access_key = 'x' }": "stemtasks.toml: cache.options.secret_access_key: a secret",
        "[cache]\nshared = 'https://host/x'": "stemtasks.toml: cache.shared: 'https://' is not known",
        "[cache]\nshared = 's3://user:hidden@bucket/x'": "stemtasks.toml: cache.shared: is not s3://BUCKET/PREFIX",
        "cache = 1": "stemtasks.toml: 'cache' is not a table",
        "[cache": "stemtasks.toml: is not TOML",
    }.items():
        (project.folder / "stemtasks.toml").write_text(text)
        run = project.doit()
        assert run.code == 3
        assert run.err.startswith(f"ERROR: {said}"), run.err
        assert len(run.err.splitlines()) == 1
        assert "hidden" not in run.out + run.err
    (project.folder / "stemtasks.toml").unlink()
    for name, value in (("STEMTASKS_CACHE_MODE", "write"), ("STEMTASKS_CACHE_KEY", "tooshort")):
        run = project.doit(env={"STEMTASKS_CACHE": str(project.folder / "x"), name: value})
        assert run.err.startswith(f"ERROR: {name}: ")
        assert "tooshort" not in run.err
    assert not (project.folder / "x").exists()


def test_a_bucket_without_obstore_is_one_line_that_says_what_to_install(project):
    project.spec(TINY.format(note="C4"))
    (project.folder / "sitecustomize.py").write_text(
        "import importlib.util as util\nreal = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'obstore' else real(name, *rest)\n"
    )
    path = os.pathsep.join([str(project.folder), os.environ.get("PYTHONPATH", "")])
    run = project.doit(env={"STEMTASKS_CACHE": "s3://bucket/x", "PYTHONPATH": path})
    assert run.err == "ERROR: STEMTASKS_CACHE: s3:// needs obstore; pip install 'stemtasks[remote]'\n"


def test_a_null_build_with_a_shared_store_asks_nothing_of_it(project):
    project.spec(TINY.format(note="C4"))
    project.build()
    code = (
        "import sys; from doit.doit_cmd import DoitMain; code = DoitMain().run([])\n"
        "print('obstore' in sys.modules, 'stemtasks.cache.collect' in sys.modules); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.folder,
        env={**os.environ, "STEMTASKS_CACHE": "s3://bucket/x"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "False False"


def test_the_environment_overrides_the_file(tmp_path):
    from stemtasks.cache import settings

    file = tmp_path / "stemtasks.toml"
    file.write_text('[cache]\nshared = "/from/file"\nmode = "read"\n')
    assert settings.load(file, {}).cache.shared == "/from/file"
    found = settings.load(file, {"STEMTASKS_CACHE": "/from/env", "STEMTASKS_CACHE_KEY": "k" * 32})
    assert (found.cache.shared, found.cache.mode, found.signing_key) == ("/from/env", "read", b"k" * 32)
    assert "kkk" not in repr(found)
    assert settings.load(file, {"STEMTASKS_CACHE_MODE": "off"}).cache.shared == ""
    assert settings.load(Path("nowhere.toml"), {}) == settings.Settings()


def test_a_blob_that_arrived_is_read_again_if_anything_happened_to_it(store, tmp_path):
    key, digest = kept(store, "a", b"bytes", tmp_path)
    for altered in (False, True):
        with store.incoming() as temporary:
            temporary.write_bytes(b"bytes")
            store.take_blob(temporary, digest, arrived=True)
        if altered:
            store.blob_path(digest.sha256).write_bytes(b"bytez")
        found = store.restore(key, {"audio": tmp_path / f"out {altered}"})
        assert (found is None) == altered
