"""Times of a generator as text: what the spec decides is seconds in a job, and only sections need the timeline."""

from __future__ import annotations

import pytest

from stemtasks.spec.reading import read_song
from stemtasks.stages import stem
from stemtasks.timeline import Timeline

SPEC = """
[song]
bpm = 126
[reference]
duration = "32 bars"
[[sections]]
name = "verse"
bars = 8
[[sections]]
name = "chorus"
fill = true
[stems.a]
generator = "file"
file = "take.wav"
"""


def job(tmp_path, lines, spec=SPEC):
    path = tmp_path / "song.toml"
    path.write_text(spec + lines)
    song = read_song(path)
    return stem.job(song, song.stems[0])


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2.5", 2.5),
        ('"0:02.5"', 2.5),
        ('"250 ms"', 0.25),
        ('"1 bar"', 4 * 60 / 126),
        ('"2 beats"', 2 * 60 / 126),
    ],
)
def test_a_length_is_its_seconds_and_nothing_else_is_in_the_job(tmp_path, written, seconds):
    made = job(tmp_path, f"start_seconds = {written}\n")
    assert made.params["arguments"]["start_seconds"] == pytest.approx(seconds, abs=1e-12)
    assert "timing" not in made.inputs


@pytest.mark.parametrize("place", ["17.1", "3.2.5", "2.1 + 1 beat"])
def test_a_musical_place_is_on_the_frame_of_its_beat(tmp_path, place):
    made = job(tmp_path, f'offset_seconds = "{place}"\n')
    timeline = Timeline(48_000, 10**8, 0, 126.0, 4.0, "4/4", None, ())
    assert round(made.params["arguments"]["offset_seconds"] * 48_000) == timeline.frame_of(place)
    assert "timing" not in made.inputs


def test_a_section_is_left_to_the_timeline(tmp_path):
    made = job(tmp_path, 'offset_seconds = "chorus"\nduration_seconds = "verse"\n')
    assert made.params["arguments"]["offset_seconds"] == "chorus"
    assert made.params["arguments"]["duration_seconds"] == "verse"
    assert made.inputs["timing"].endswith("timing.json")


def test_tables_in_a_list_are_read_so_too_and_the_spec_stays_as_it_is(tmp_path):
    clips = '[{ file = "take.wav", at = "2.1", length = "1 beat" }, { file = "take.wav", at = "chorus - 1 beat" }]'
    made = job(tmp_path, "", SPEC.replace('"file"\nfile = "take.wav"', f'"clips"\nclips = {clips}'))
    first, second = made.params["arguments"]["clips"]
    assert round(first["at"] * 48_000) == round(4 * 60 * 48_000 / 126)
    assert first["length"] == pytest.approx(60 / 126)
    assert second["at"] == "chorus - 1 beat"
    assert "file" not in first
    assert [role for role in made.inputs if role != "timing"] == ["clips/0/file", "clips/1/file"]
    song = read_song(tmp_path / "song.toml")
    assert song.stems[0].generator.arguments["clips"][0]["at"] == "2.1"


def test_a_musical_length_needs_a_tempo(tmp_path):
    from stemtasks.errors import SpecError

    spec = SPEC.replace("bpm = 126\n", "").replace('"32 bars"', "60").replace("bars = 8", "fill = true")
    spec = spec.replace('[[sections]]\nname = "chorus"\nfill = true\n', "")
    with pytest.raises(SpecError, match=r"stems\.a\.start_seconds: '1 bar' needs song\.bpm"):
        job(tmp_path, 'start_seconds = "1 bar"\n', spec)
