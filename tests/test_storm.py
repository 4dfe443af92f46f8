"""A brief storm; for a long one run ``python -m tests.storm --rounds 500 --seed N``."""

from __future__ import annotations

import sys

import pytest

from tests.project import Run
from tests.storm.__main__ import BrokenError, Storm, storm

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills by POSIX signals")


def test_after_a_brief_storm_the_tree_is_as_a_clean_build(tmp_path):
    lines = []
    kinds = storm(rounds=12, seed=7, every=4, folder=tmp_path, log=lines.append)
    assert len(lines) == 12 + 3
    assert kinds["compared"] + kinds["compared, both failed"] == 3
    # sources late, since from then on builds are not forked
    assert {"source: part", "source: sound", "a second doit at once"} <= kinds.keys()


def test_the_storm_sees_a_wrong_byte(tmp_path, monkeypatch):
    weather = Storm(tmp_path, 0)
    settled = weather._settled

    def spoilt(project) -> Run:
        run = settled(project)
        if project is weather.project:
            path = project.folder / "build/song/mix.json"
            data = path.read_bytes()
            path.unlink()
            path.write_bytes(data + b"\n")
        return run

    monkeypatch.setattr(weather, "_settled", spoilt)
    with pytest.raises(BrokenError, match=r"build/song/mix.json has other bytes"):
        weather.compare()
