"""Reaper's project is read back by the package ``rpp``, which we did not write."""

from __future__ import annotations

import pytest
import rpp as reader
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stemtasks.delivery.rpp import quoted, rpp
from stemtasks.delivery.session import colour_of
from tests.delivery.handed import handover, section, stem

HOSTILE = st.text(st.one_of(st.characters(), st.sampled_from("<>|\"'` \0\x1b\n\r\x85\u2028\ufffe🥁")))


def project(handed) -> reader.Element:
    ((name, content),) = rpp(handed)
    assert name.endswith(".rpp")
    return reader.loads(content.decode())


def values(element, tag) -> list[str]:
    """Return the values of the one line of a name."""
    (line,) = element.findall(tag)
    return line[1:]


def test_a_track_has_its_file_at_the_start_as_long_as_it_is():
    tracks = project(handover()).findall("TRACK")
    assert [values(track, "NAME") for track in tracks] == [["bass"], ["drums"], ["Delivered master"]]
    found = []
    for track in tracks:
        (item,) = track.findall("ITEM")
        assert (values(item, "POSITION"), values(item, "LENGTH"), values(item, "SOFFS")) == (["0"], ["10"], ["0"])
        assert (values(item, "LOOP"), values(item, "PLAYRATE")[:2]) == (["0"], ["1", "1"])
        assert [values(item, fade)[1] for fade in ("FADEIN", "FADEOUT")] == ["0", "0"]
        assert values(item, "VOLPAN") == ["1", "0", "1", "-1"]
        (source,) = item.findall("SOURCE")
        assert source.attrib == ["WAVE"]
        found += values(source, "FILE")
    assert found == ["Demo_Bass_48k_24b.wav", "Demo_Drums_48k_24b.wav", "Demo_Master_48k_24b.wav"]


@pytest.mark.parametrize(("ending", "reads"), [("wav", "WAVE"), ("flac", "FLAC"), ("mp3", "MP3")])
def test_a_file_is_read_by_what_reads_its_format(ending, reads):
    root = project(handover(stem("bass") | {"name": f"Demo_Bass.{ending}"}))
    source = root.find("TRACK").find("ITEM").find("SOURCE")
    assert (source.attrib, values(source, "FILE")) == ([reads], [f"Demo_Bass.{ending}"])


def test_faders_are_the_mixs_and_the_delivered_master_is_silent():
    root = project(handover())
    faders = [[float(value) for value in values(track, "VOLPAN")[:2]] for track in root.findall("TRACK")]
    assert faders == [
        [pytest.approx(10 ** (-6 / 20), rel=1e-11), 0.0],
        [pytest.approx(10 ** (3.5 / 20), rel=1e-11), 0.0],
        [1.0, 0.0],
    ]
    assert [values(track, "MUTESOLO")[0] for track in root.findall("TRACK")] == ["0", "0", "1"]
    assert values(root, "MASTER_VOLUME")[:2] == ["1", "0"]
    assert (values(root, "MASTERMUTESOLO"), values(root, "PANLAW")) == (["0"], ["1"])


@pytest.mark.parametrize(("bpm", "signature"), [(112.0, "4/4"), (90.0, "6/8"), (133.7, "7/8")])
def test_tempo_and_time_signature_are_the_songs(bpm, signature):
    tempo = values(project(handover(bpm=bpm, time_signature=signature)), "TEMPO")
    assert (float(tempo[0]), "/".join(tempo[1:])) == (bpm, signature)


def test_a_song_without_a_tempo_states_none():
    assert not project(handover(bpm=None)).findall("TEMPO")


def test_markers_stand_where_sections_start():
    sections = [section("in 'the' \"beginning\"", 1.0, 0.0), section("1/3 later", 1.0, 1 / 3), section("", 9.0, 8.0)]
    markers = [line[1:] for line in project(handover(sections=sections)).findall("MARKER")]
    assert [(number, name, region) for number, _, name, region in markers] == [
        ("1", "in 'the' \"beginning\"", "0"),
        ("2", "1/3 later", "0"),
        ("3", "", "0"),
    ]
    assert [float(time) for _, time, _, _ in markers] == pytest.approx([0.0, 1 / 3, 8.0], abs=1e-11)


def test_colours_are_reapers_blue_green_red():
    track = project(handover()).find("TRACK")
    colour = int(values(track, "PEAKCOL")[0])
    assert colour >> 24 == 1
    assert "#" + colour.to_bytes(4, "little")[:3].hex() == colour_of(0)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("bass", '"bass"'),
        ("", '""'),
        ('7" vinyl', "'7\" vinyl'"),
        ("it's 7\"", "`it's 7\"`"),
        ("it`s 'a' \"b\"", "`it's 'a' \"b\"`"),
    ],
)
def test_a_text_is_in_the_quotes_that_it_does_not_hold(text, line):
    assert quoted(text) == line


@settings(deadline=None)
@given(HOSTILE, HOSTILE)
@example("| not a note", ">")
@example("\"'`", "<TRACK")
def test_any_text_is_a_name(title, name):
    root = project(handover(stem("x") | {"title": title}, sections=[section(name, 1.0, 0.0)]))
    assert [element.tag for element in root.findall("TRACK")] == ["TRACK", "TRACK"]
    found = (values(root.find("TRACK"), "NAME")[0], values(root, "MARKER")[2])
    for said, read in zip((title, name), found, strict=True):
        assert told(read) in (told(said), told(said.replace("`", "'")))


def told(text):
    """Return what of a text a reader has to be given whatever else it holds."""
    return [character for character in text if character.isalnum() or character in "<>|\"'`"]


def test_the_same_contents_are_the_same_bytes():
    ((name, content),) = rpp(handover())
    assert list(rpp(handover())) == [(name, content)]
    assert name == "Demo.rpp"
