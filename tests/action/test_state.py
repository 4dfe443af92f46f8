"""State in build/ that was damaged in any way: rebuilt, restored or one clear line; no traceback, no wrong file."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stemtasks.action import records
from stemtasks.action.perform import perform, up_to_date
from stemtasks.action.records import TABLES, Records, _mark
from stemtasks.action.tree import Tree
from stemtasks.commands.database import Backend
from stemtasks.errors import CacheError
from stemtasks.job import Job
from tests import examples

EXAMPLES = examples(60)
"""What three times as many find of a store or records that believe what they read, a hundred find."""


MEMORY = "/dev/shm"


def run(inputs, outputs, params):
    read = "".join(path.read_text() for _, path in sorted(inputs.items()))
    outputs["audio"].write_text(f"{params['text']}({read})")
    outputs["facts"].write_text(json.dumps({"length": len(params["text"])}))


def verify(facts, limits):
    return ["too long"] if facts["length"] > limits["length"] else []


def job(name, text, *inputs):
    return Job(
        task=f"stem:song/{name}",
        stage="made_up",
        inputs={f"inputs/{index}": f"build/{each}.wav" for index, each in enumerate(inputs)},
        outputs={"audio": f"build/{name}.wav", "facts": f"build/{name}.json"},
        params={"text": text},
        limits={"length": 100},
    )


# 'twin' has the bytes of 'first', so that they share a blob
OLD = [job("first", "a"), job("twin", "a"), job("last", "b", "first", "twin")]
NEW = [job("first", "c"), job("twin", "a"), job("last", "b", "first", "twin")]
EXPECTED = {
    "old": {"first.wav": "a()", "twin.wav": "a()", "last.wav": "b(a()a())"},
    "new": {"first.wav": "c()", "twin.wav": "a()", "last.wav": "b(c()a())"},
}


@contextmanager
def opened(folder):
    """Give the tree, as another process would have it."""
    tree = Tree(folder / "build/.stemtasks")
    try:
        yield tree
    finally:
        tree.records._connection.close()


def build(jobs, tree):
    return [None if up_to_date(each, tree) else perform(each, tree).how for each in jobs]


def outputs():
    return {path.name: path.read_text() for path in Path("build").glob("*.wav")}


@pytest.fixture(scope="module")
def quick():
    """Return a folder in memory, where there is one: thousands of small files wait for no disk."""
    with tempfile.TemporaryDirectory(prefix="state-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def template(quick):
    """Return a tree in which a build, and before it another one, are finished."""
    folder = quick / "template"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        made_up = SimpleNamespace(run=run, verify=verify, summary=lambda facts: f"{facts['length']} letters")
        patch.setitem(sys.modules, "stemtasks.stages.made_up", made_up)
        with opened(folder) as tree:
            build(NEW, tree)
            build(OLD, tree)
        yield folder


@pytest.fixture(scope="module")
def copied(template, quick):
    """Return a function that puts a fresh copy of the tree in place."""
    folder = quick / "copy"
    folder.mkdir()

    def fresh():
        shutil.rmtree(folder / "build", ignore_errors=True)
        shutil.copytree(template / "build", folder / "build")
        return folder

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield fresh


def check(folder, wanted, restored_only=False):
    """Insist that a build gives the right files, and that the next has nothing to do."""
    jobs = OLD if wanted == "old" else NEW
    with opened(folder) as tree:
        hows = build(jobs, tree)
    assert outputs() == EXPECTED[wanted]
    if restored_only:
        assert set(hows) <= {None, "restored", "verified"}
    with opened(folder) as tree:
        assert build(jobs, tree) == [None] * len(jobs)


WANTED = st.sampled_from(["old", "new"])
EDITS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=40)


def edited(data, edits, cut):
    data = bytearray(data)
    for place, byte in edits:
        if data:
            data[int(place * len(data))] = byte
    return bytes(data[: int(cut * len(data))])


CUT = st.sampled_from([1.0, 1.0, 1.0, 0.9, 0.5, 0.0])


@given(wanted=WANTED, edits=EDITS, cut=CUT)
@example(wanted="new", edits=[(0.001, 1)], cut=1.0)  # which SQLite finds only when it writes
@settings(max_examples=EXAMPLES, deadline=None)
def test_records_with_any_bytes_changed(copied, wanted, edits, cut):
    folder = copied()
    path = folder / "build/.stemtasks/records.db"
    path.write_bytes(edited(path.read_bytes(), edits, cut))
    check(folder, wanted, restored_only=True)


@given(suffix=st.sampled_from(["-wal", "-shm", "-journal", ""]), data=st.binary(max_size=200), wanted=WANTED)
@settings(max_examples=EXAMPLES // 3, deadline=None)
def test_files_beside_the_records_with_any_bytes(copied, suffix, data, wanted):
    folder = copied()
    (folder / f"build/.stemtasks/records.db{suffix}").write_bytes(data)
    check(folder, wanted, restored_only=True)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=9), st.dictionaries(st.sampled_from(["key", "outputs", "limits", "a"]), inner)
    ),
    max_leaves=9,
)
NAMES = st.sampled_from(["stem:song/first", "stem:song/last", "build/first.wav", "build/last.json", "x"])


@given(
    table=st.sampled_from(TABLES),
    name=NAMES,
    body=st.one_of(JSON.map(json.dumps), st.text(max_size=9), st.binary(max_size=9), st.integers(-9, 9), st.none()),
    mark=st.sampled_from(["of another table", "of another version", "wrong"]),
    wanted=WANTED,
)
@settings(max_examples=EXAMPLES, deadline=None)
def test_rows_of_any_content(copied, table, name, body, mark, wanted):
    folder = copied()
    marks = {"of another table": _mark("other", name, body), "wrong": "0"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "FORMAT", "0")
        marks["of another version"] = _mark(table, name, body)
    connection = sqlite3.connect(folder / "build/.stemtasks/records.db", isolation_level=None)
    connection.execute(f"insert or replace into {table} values (?, ?, ?)", (name, body, marks[mark]))
    connection.close()
    check(folder, wanted, restored_only=True)


@given(source=st.sampled_from(TABLES), target=st.sampled_from(TABLES))
@settings(max_examples=9, deadline=None)
def test_one_tables_rows_under_anothers_name(copied, source, target):
    folder = copied()
    path = folder / "build/.stemtasks/records.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma writable_schema = on")
    (root,) = connection.execute("select rootpage from sqlite_master where name = ?", (source,)).fetchone()
    connection.execute("update sqlite_master set rootpage = ? where name = ?", (root, target))
    connection.close()
    if target != source:
        with opened(folder) as tree:
            assert tree.records.names(target) == []
    check(folder, "new", restored_only=True)


@given(
    files=st.lists(st.tuples(st.integers(0, 20), EDITS, CUT, st.booleans()), min_size=1, max_size=4),
    lost=st.booleans(),
    wanted=WANTED,
)
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_store_with_any_bytes_changed(copied, files, lost, wanted):
    folder = copied()
    stored = sorted(path for path in (folder / "build/.stemtasks/store").rglob("*") if path.is_file())
    assert len(stored) == 9
    for index, edits, cut, removed in files:
        path = stored[index % len(stored)]
        if path.exists():
            data = path.read_bytes()
            path.unlink()
            if not removed:
                path.write_bytes(edited(data, edits, cut))
    if lost:
        for path in folder.glob("build/[a-z]*"):
            path.unlink()
        (folder / "build/.stemtasks/records.db").unlink()
    check(folder, wanted)


@given(order=st.permutations(range(4)), kind=st.sampled_from(["entries", "blobs"]), wanted=WANTED)
@settings(max_examples=EXAMPLES // 3, deadline=None)
def test_a_store_with_its_files_under_each_others_names(copied, order, kind, wanted):
    folder = copied()
    stored = sorted(path for path in (folder / "build/.stemtasks/store" / kind).rglob("*") if path.is_file())[:4]
    data = [path.read_bytes() for path in stored]
    for path, place in zip(stored, order, strict=False):
        path.unlink()
        path.write_bytes(data[place % len(data)])
    (folder / "build/.stemtasks/records.db").unlink()
    check(folder, wanted)


@given(
    names=st.lists(st.sampled_from(["first.wav", "last.wav", "last.json", "twin.wav"]), min_size=1, unique=True),
    damage=st.sampled_from(["removed", "folder", "written through the link", "replaced", "symlink"]),
    wanted=WANTED,
)
@settings(max_examples=EXAMPLES // 3, deadline=None)
def test_outputs_in_any_state(copied, names, damage, wanted):
    folder = copied()
    for name in names:
        path = folder / "build" / name
        if damage == "written through the link":
            path.chmod(0o644)
            path.write_text("x()")
            continue
        path.unlink()
        if damage == "folder":
            path.mkdir()
        elif damage == "replaced":
            path.write_text("x()")
        elif damage == "symlink":
            path.symlink_to("/nowhere")
    check(folder, wanted)


OBSTACLES = {(name, as_) for name in ("records.db", "records.db-wal") for as_ in ("folder", "dangling link")}
OBSTACLES |= {("work", "file"), ("work", "dangling link")}


@pytest.mark.parametrize("name", ["records.db", "records.db-wal", "store", "work", "store/work", "store/blobs"])
@pytest.mark.parametrize("as_", ["file", "folder", "dangling link"])
def test_anything_in_the_place_of_state(copied, name, as_):
    folder = copied()
    path = folder / "build/.stemtasks" / name
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    if as_ == "file":
        path.write_text("in the way")
    elif as_ == "folder":
        path.mkdir(parents=True, exist_ok=True)
    else:
        path.symlink_to("/nowhere/at/all")
    if (name, as_) in OBSTACLES:
        with pytest.raises((CacheError, OSError)):
            check(folder, "new")
    else:
        check(folder, "new")


def test_forgetting_drops_a_record_and_a_failed_build_does_not(copied, monkeypatch):
    folder = copied()
    with opened(folder) as tree:
        monkeypatch.setattr("stemtasks.commands.database.tree", lambda: tree)
        building, forgetting = Backend("", None), Backend("", None)
        assert building.get("stem:song/last", "ignore:") is None
        building.remove("stem:song/last")
        assert forgetting.in_("stem:song/last")
        forgetting.remove("stem:song/last")
        assert not forgetting.in_("stem:song/last")


def test_records_that_cannot_be_opened_are_not_set_aside(copied, monkeypatch):
    folder = copied()
    path = folder / "build/.stemtasks/records.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("pragma locking_mode = exclusive")
    other.execute("begin exclusive")
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, **options: connect(path, **{**options, "timeout": 0.1}))
    with pytest.raises(CacheError, match="database is locked"):
        Records(path.parent)
    other.execute("rollback")
    other.close()
    with opened(folder) as tree:
        assert tree.records.names("tasks") == ["stem:song/first", "stem:song/last", "stem:song/twin"]


def test_a_row_that_is_a_bomb_is_not_there(tmp_path):
    Records(tmp_path).put("tasks", "right", {"key": "x"})
    deep = "[" * 500 + "]" * 500
    connection = sqlite3.connect(tmp_path / "records.db", isolation_level=None)
    connection.execute("insert into tasks values (?, ?, ?)", ("deep", deep, _mark("tasks", "deep", deep)))
    connection.close()
    found = Records(tmp_path)
    assert found.get("tasks", "deep") is None
    assert found.get("tasks", "right") == {"key": "x"}


def test_a_row_longer_than_any_sets_the_records_aside(tmp_path):
    Records(tmp_path).put("tasks", "right", {"key": "x"})
    long = "1" * (17 << 20)
    connection = sqlite3.connect(tmp_path / "records.db", isolation_level=None)
    connection.execute("insert into tasks values (?, ?, ?)", ("long", long, _mark("tasks", "long", long)))
    connection.close()
    found = Records(tmp_path)
    assert found.names("tasks") == []
    assert (tmp_path / "records.damaged").exists()
    with pytest.raises(CacheError, match="cannot be written"):
        found.put("tasks", "long", long)


def test_a_damaged_row_begins_a_new_database_with_the_others(tmp_path):
    """Two rows whose text lies on one page of the file would undo each other in every build."""
    for name in ("first", "damaged", "last"):
        Records(tmp_path).put("tasks", name, {"key": name})
    connection = sqlite3.connect(tmp_path / "records.db", isolation_level=None)
    connection.execute("update tasks set body = ? where name = ?", ('{"key":"other"}', "damaged"))
    connection.close()
    assert Records(tmp_path).names("tasks") == ["first", "last"]
    assert (tmp_path / "records.damaged").exists()
    (tmp_path / "records.damaged").unlink()
    assert Records(tmp_path).keys() == {"first", "last"}
    assert not (tmp_path / "records.damaged").exists()
