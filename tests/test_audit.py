"""An audit makes hits once more and compares: it catches a poisoned store and a stage that is not deterministic."""

from __future__ import annotations

import json

import pytest

from stemtasks.cache.digest import read_digest
from tests.three_stems import ALL


def poisoned(project, name, change):
    """Change an output and every trace of what it was, as one who may write the store could."""
    state = project.folder / "build/.stemtasks"
    path = project.folder / "build/song" / name
    before = read_digest(path)
    data = change(bytearray(path.read_bytes()))
    path.unlink()
    path.write_bytes(data)
    after = read_digest(path)
    blob = state / "store/blobs" / after.sha256[:2] / after.sha256
    blob.parent.mkdir(exist_ok=True)
    blob.write_bytes(data)
    from stemtasks.cache import store

    for entry_path in (state / "store/entries").rglob("*.json"):
        entry = json.loads(entry_path.read_text())
        for role, digest in entry["outputs"].items():
            if digest["sha256"] == before.sha256:
                entry["outputs"][role] = after._asdict()
                entry.pop("mark")
                entry_path.write_text(json.dumps({**entry, "mark": store._mark(entry)}))
    path.unlink()


def flipped(at):
    def change(data):
        data[at] ^= 0x40
        return data

    return change


def test_an_audit_of_what_is_right_changes_nothing(built):
    before = built.products()
    run = built.build("--audit", "1")
    assert run.done == {}
    assert sorted(run.lines("audited")) == ALL
    assert built.products() == before
    assert built.build().done == {}


def test_a_poisoned_store_is_found_and_the_first_frame_named(built):
    poisoned(built, "stems/bass.wav", flipped(94 + 8 * 1000))
    assert built.doit("stem:song/bass").code == 0, "without an audit it is believed"
    run = built.doit("--audit", "1", "stem:song/bass")
    assert run.code != 0
    assert run.tasks("FAILED") == ["stem:song/bass"]
    assert "build/song/stems/bass.wav: made once more it differs, first at frame 1000 (0.111 s)" in run.out
    assert "'doit -s -a stem:song/bass' makes it anew\n" in run.out


def test_poison_that_is_restored_is_found_before_it_has_a_name(built):
    poisoned(built, "mix.json", lambda data: data.replace(b"lufs", b"LUFS"))
    run = built.doit("--audit", "1", "-n", "1", "mix:song")
    assert run.tasks("FAILED") == ["mix:song"]
    assert not (built.folder / "build/song/mix.wav").exists()
    assert " first at byte " in run.lines("FAILED")["mix:song"]


@pytest.mark.parametrize("share", ["2", "-0.1"])
def test_a_share_is_0_to_1(built, share):
    run = built.doit("--audit", share)
    assert run.code == 3
    assert "Traceback" not in run.err
    assert len(run.err.splitlines()) == 1


def test_no_audit_unless_asked(built):
    assert built.build("--audit", "0").lines("audited") == {}
