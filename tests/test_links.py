"""Two names for the same bytes, on file systems that can clone and on those that cannot."""

import errno
import fcntl
import os

import pytest

from stemtasks import links


@pytest.fixture
def asked(monkeypatch):
    """Record which error each clone gets, from a list that the test fills; the last one again when it is at its end."""
    monkeypatch.setattr(links, "_clone_nothing", set())
    answers, calls = [], []

    def ioctl(descriptor, request, *rest):
        assert request == links.FICLONE
        calls.append(request)
        raise OSError(answers[min(len(calls), len(answers)) - 1], "refused")

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    return answers, calls


def linked(tmp_path, count):
    """Link a file so many times and return the inodes of all its names."""
    source = tmp_path / "source"
    source.write_bytes(b"the same bytes")
    for number in range(count):
        links.link(source, tmp_path / str(number))
        assert (tmp_path / str(number)).read_bytes() == b"the same bytes"
    return {path.stat().st_ino for path in tmp_path.iterdir()}


def test_a_file_system_that_cannot_clone_is_asked_once_and_links_from_then_on(tmp_path, asked):
    answers, calls = asked
    answers.append(errno.EOPNOTSUPP)
    assert len(linked(tmp_path, 5)) == 1
    assert len(calls) == 1


@pytest.mark.parametrize("error", [errno.EXDEV, errno.ENOSPC, errno.EINVAL])
def test_what_only_this_clone_failed_for_is_no_answer_for_the_next(error, tmp_path, asked):
    answers, calls = asked
    answers.append(error)
    assert len(linked(tmp_path, 3)) == 1
    assert len(calls) == 3


def test_a_clone_is_another_file_that_is_read_only(tmp_path, monkeypatch):
    monkeypatch.setattr(links, "_clone_nothing", set())
    monkeypatch.setattr(fcntl, "ioctl", lambda writer, _, reader: os.write(writer, os.pread(reader, 100, 0)))
    assert len(linked(tmp_path, 2)) == 3
    assert (tmp_path / "0").stat().st_mode & 0o777 == links.READ_ONLY
