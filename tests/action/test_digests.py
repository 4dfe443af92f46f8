"""Digests read in pieces, or while a file is still being written, are those of the whole file."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from pathlib import Path

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from stemtasks.action import digests
from stemtasks.action.digests import Digests
from stemtasks.action.records import Records
from stemtasks.cache.digest import Ahead, Digest, Reading, read_digest
from stemtasks.errors import AudioError


def of(data):
    return Digest(len(data), xxhash.xxh3_128_hexdigest(data), hashlib.sha256(data).hexdigest())


@given(data=st.binary(max_size=3000), stops=st.lists(st.integers(0, 4000)))
def test_a_file_read_in_pieces_has_the_digest_of_the_whole(data, stops):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(data)
        reading = Reading(path)
        for stop in stops:
            reading.until(stop)
        so_far = max([0, *(min(stop, len(data)) for stop in stops)])
        assert reading.digest() == of(data[:so_far])
        reading.until()
        assert reading.digest() == of(data) == read_digest(path)


def test_a_file_longer_than_a_chunk_is_read_to_any_byte(tmp_path):
    data = bytes(range(256)) * 10_000
    path = tmp_path / "file"
    path.write_bytes(data)
    reading = Reading(path)
    for stop in (1, 1_500_000, 1_500_001, 2_100_000):
        reading.until(stop)
        assert reading.digest() == of(data[:stop])


def test_what_is_read_ahead_is_not_read_again(tmp_path):
    path, other = tmp_path / "file", tmp_path / "other"
    other.write_bytes(b"other")
    with Ahead() as ahead, path.open("wb") as file:
        for piece in (b"first ", b"second ", b"third"):
            start = file.tell()
            file.write(piece)
            file.flush()
            ahead.final(path, start, file.tell())
        assert ahead.digest(path) == of(b"first second third")
        assert ahead.digest(other) == of(b"other")


def test_a_file_that_is_gone_when_it_is_to_be_read_ahead_fails_where_its_digest_is_asked_for(tmp_path):
    path = tmp_path / "file"
    with Ahead() as ahead:
        ahead.final(path, 0, 10)
        path.write_bytes(b"there again")
        assert ahead.digest(path) == of(b"there again")


def test_a_file_that_is_written_anew_is_read_anew(tmp_path):
    path = tmp_path / "file"
    with Ahead() as ahead:
        for content in (b"a first attempt", b"and another one", b"longer than both of them"):
            path.write_bytes(content)
            ahead.final(path, 0, len(content))
        assert ahead.digest(path) == of(content)


def twins() -> tuple[bytes, bytes]:
    """Return two files of one xxh3-128: in XXH3 a lane whose low half is the public secret's adds only itself.

    Lane 0 of the first two stripes of 64 bytes, of which the secret begins with b8fe6c39 and, 8 bytes on, 7c01812c.
    """
    first = bytearray(range(256)) * 8
    first[0:4], first[64:68] = bytes.fromhex("b8fe6c39"), bytes.fromhex("7c01812c")
    first[4:8], first[68:72] = (1000).to_bytes(4, "little"), (2000).to_bytes(4, "little")
    second = first.copy()
    second[4:8], second[68:72] = (1001).to_bytes(4, "little"), (1999).to_bytes(4, "little")
    return bytes(first), bytes(second)


def test_of_two_files_with_one_xxh3_each_is_known_by_its_sha256(tmp_path):
    first, second = twins()
    assert xxhash.xxh3_128_digest(first) == xxhash.xxh3_128_digest(second)
    assert first != second
    path = tmp_path / "take.wav"
    path.write_bytes(first)
    os.utime(path, (1e9, 1e9))
    time.sleep(0.06)
    known = Digests(Records(tmp_path / "state"))
    assert known.of(str(path)) == of(first)
    path.write_bytes(second)
    assert known.of(str(path)) == of(second)
    assert Digests(Records(tmp_path / "state")).of(str(path)) == of(second)


def test_a_file_keeps_its_other_names_when_one_of_them_becomes_another_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = Digests(Records(tmp_path / "state"))
    old, link, young = Path("old"), Path("link"), Path("young")
    old.write_bytes(b"old")
    os.utime(old, (1e9, 1e9))
    os.link(old, link)
    known.publish(old, "first", of(b"old"))
    young.write_bytes(b"young")
    known.publish(young, "first", of(b"young"))
    known.publish(link, "second", of(b"old"))
    assert known.of("first") == of(b"young")
    assert known.of("second") == of(b"old")


def test_a_file_that_gets_other_names_while_it_is_read_holds_still_in_the_end(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"bytes")
    named = []

    def read_and_named(asked):
        found = read_digest(asked)
        if len(named) < 12:
            os.link(path, tmp_path / f"name{len(named)}")
            named.append(found)
        return found

    monkeypatch.setattr(digests, "read_digest", read_and_named)
    assert Digests(Records(tmp_path)).of(str(path)) == read_digest(path)
    assert len(named) == 12


def test_a_file_that_is_written_again_and_again_while_it_is_read_is_given_up(tmp_path, monkeypatch):
    path = tmp_path / "a"
    reads = []

    def read_and_written(asked):
        found = read_digest(asked)
        reads.append(found)
        path.write_bytes(b"x" * len(reads))
        return found

    path.write_bytes(b"")
    monkeypatch.setattr(digests, "read_digest", read_and_written)
    with pytest.raises(AudioError, match="keeps changing while it is read"):
        Digests(Records(tmp_path)).of(str(path))
    assert len(reads) == digests.MOST_CHANGES
