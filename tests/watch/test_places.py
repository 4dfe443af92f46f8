"""A mistake's line is where a person would correct it: the mistakes are those that reading a spec finds."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from stemtasks.spec.reading import read_all
from stemtasks.watch.places import place

WRONG = """\
[song]
bpm = 120
sample_rat = 9000                           # HERE
[reference]
duration = "8 bars"
[[sections]]
name = "a"
bars = 4
key = "H major"                             # HERE
[[sections]]
name = "b"
bars = -4                                   # HERE
[stems."my bass"]
generator = "tone"
note = "Q2"                                 # HERE
effects = [{ name = "gain", gain_db = 99 }] # HERE
[stems.drums]
generator = "drums"
align = "lop"                               # HERE
[stems.drums.patterns]
default.kick = "x..."
[stems.pad]                                 # HERE
generator = "ton"
[[stems.pad.effects]]
name = "gain"
gain_db = 1
[[stems.pad.effects]]                       # HERE
name = "gain"
[stems.pad.verify]
clippin = 3                                 # HERE
"""


@pytest.fixture
def spec(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "spec" / "song.toml"
    path.parent.mkdir()
    return path


def mistakes():
    return [line for each in read_all(Path("spec"))[1] for line in each.mistakes]


def test_every_mistake_of_a_spec_has_its_line(spec):
    spec.write_text(WRONG, encoding="utf-8")
    lines = {f"spec/song.toml:{number}" for number, line in enumerate(WRONG.splitlines(), 1) if "# HERE" in line}
    assert {place(said)[0] for said in mistakes()} == lines
    for said in mistakes():
        where, rest = place(said)
        assert said == f"{where.rpartition(':')[0]}: {rest}"


def test_what_is_no_toml_has_the_line_that_is_none(spec):
    spec.write_text("[song]\n\nbpm = = 3\n", encoding="utf-8")
    assert [place(said)[0] for said in mistakes()] == ["spec/song.toml:3"]
    spec.write_bytes("[song]\ntitle = 'Grün'".encode("latin-1"))
    assert [place(said)[0] for said in mistakes()] == ["spec/song.toml:2"]


def test_what_names_no_place_has_the_file_or_nothing(spec):
    assert place("spec/gone.toml: stems.bass: no") == ("spec/gone.toml", "stems.bass: no")
    spec.write_text("[song]\n", encoding="utf-8")
    with contextlib.suppress(IndexError):
        assert place("spec/song.toml: something else")[0] == "spec/song.toml"
    assert place("Traceback ...") == ("", "Traceback ...")
