"""A save is seen however an editor does it; what changes nothing, and what editors leave about, is none."""

from __future__ import annotations

import os
import shutil

import pytest

from stemtasks import seen
from stemtasks.watch.following import READ_BYTES, Followed


@pytest.fixture
def followed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("spec/song.toml", "parts/effects/own.py", "dodo.py", "take.wav", "far/take.wav"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("before", encoding="utf-8")
    found = Followed()
    found.begin()
    names = ("take.wav", "far/take.wav", "not/there/yet.wav", "far")
    found.learn({str(tmp_path / name): seen.stamp(str(tmp_path / name)) for name in names})
    assert not found.changed()
    return found


def written(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def renamed(path, text):
    written(f"{path}~", text)
    os.replace(f"{path}~", path)


def with_the_old_time(path, text):
    status = os.stat(path)
    written(path, text)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("save", [written, renamed, with_the_old_time])
@pytest.mark.parametrize("path", ["spec/song.toml", "parts/effects/own.py", "dodo.py", "take.wav", "far/take.wav"])
def test_a_save_is_seen_and_the_same_once_more_is_none(followed, path, save):
    save(path, "before")
    assert not followed.changed()
    save(path, "behind")
    assert followed.changed()
    save(path, "before")
    assert not followed.changed(), "what was put back as it was"
    save(path, "behind")
    followed.begin()
    assert not followed.changed()


@pytest.mark.parametrize(
    "path",
    [
        "spec/another.toml",
        "parts/effects/new.py",
        "parts/strategies/x.py",
        "stemtasks.toml",
        "not/there/yet.wav",
        "far/x.wav",
    ],
)
def test_what_comes_and_goes_is_seen(followed, path):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    written(path, "")
    assert followed.changed()
    os.unlink(path)
    assert not followed.changed()


def test_what_goes_is_seen(followed):
    os.unlink("spec/song.toml")
    assert followed.changed()
    followed.begin()
    shutil.rmtree("parts")
    assert followed.changed()


@pytest.mark.parametrize(
    "path",
    [
        "spec/.song.toml.swp",
        "spec/song.toml~",
        "spec/.#song.toml",
        "spec/#song.toml#",
        "parts/.x.py",
        "far/4913.tmp",
        "other.txt",
    ],
)
def test_what_editors_leave_about_is_no_save(followed, path):
    written(path, "x")
    assert not followed.changed()


def test_a_long_recording_is_known_by_its_stamp(followed, tmp_path):
    path = tmp_path / "long.wav"
    path.write_bytes(bytes(READ_BYTES + 1))
    followed.learn({str(path): seen.stamp(str(path))})
    assert not followed.changed()
    os.utime(path, ns=(1, 1))
    assert followed.changed(), "whether its bytes are others is for the build to read"


def test_what_changed_while_the_build_read_it_is_seen(followed, tmp_path):
    path = tmp_path / "late.txt"
    path.write_text("read", encoding="utf-8")
    read = seen.stamp(str(path))
    path.write_text("newer", encoding="utf-8")
    followed.learn({str(path): read})
    assert followed.changed()
