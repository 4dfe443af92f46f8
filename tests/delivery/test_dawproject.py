"""DAWproject is read with zipfile and ElementTree and validated by xmlschema, none of which we wrote.

Its schema is restated in ``dawproject.xsd`` for what we write; ``published_schema.py`` holds that against the published
one.
"""

from __future__ import annotations

import io
import itertools
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stemtasks.delivery.dawproject import dawproject
from stemtasks.delivery.session import colour_of
from stemtasks.spec.reading import read_song
from tests.delivery.handed import handover, section, stem

RESTATED = xmlschema.XMLSchema(Path(__file__).with_name("dawproject.xsd"))
HOSTILE = st.text(st.one_of(st.characters(), st.sampled_from("<>&\"'`]\0\x1b\n\t\r\x85\u2028\ufffe\uffff\u202e🥁")))


def opened(handed) -> dict[str, ElementTree.Element]:
    ((name, content),) = dawproject(handed)
    assert name.endswith(".dawproject")
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.testzip() is None
        assert sorted(packed.namelist()) == ["metadata.xml", "project.xml"]
        roots = {name: ElementTree.fromstring(packed.read(name)) for name in packed.namelist()}
    for root in roots.values():
        RESTATED.validate(root)
    return roots


def project(handed) -> ElementTree.Element:
    return opened(handed)["project.xml"]


VARIED = [
    handover(),
    handover(time_signature="6/8", bpm=90.0, channels=1, artist="A & B"),
    handover(bpm=None, sections=[section("song", 1.0, 0.0)]),
    handover(*(stem(f"s{number}", number - 20.0) for number in range(40)), sections=[]),
]


def test_clips_of_the_files_beside_it_lie_at_the_start_and_last_as_long_as_the_files():
    root = project(handover())
    tracks = {track.get("id"): track.get("name") for track in root.iter("Track")}
    assert list(tracks.values()) == ["bass", "drums", "Delivered master", "Master"]
    found = []
    for lanes in root.find("Arrangement/Lanes"):
        (clip,) = lanes.findall("Clips/Clip")
        (audio,) = clip
        file = audio.find("File")
        found.append((tracks[lanes.get("track")], file.get("path")))
        assert file.get("external") == "true"
        assert {key: clip.get(key) for key in ("time", "duration", "playStart", "playStop")} == {
            "time": "0",
            "duration": "20",  # quarter notes
            "playStart": "0",
            "playStop": "10",
        }
        assert (audio.get("duration"), audio.get("sampleRate"), audio.get("channels")) == ("10", "48000", "2")
    assert found == [
        ("bass", "Demo_Bass_48k_24b.wav"),
        ("drums", "Demo_Drums_48k_24b.wav"),
        ("Delivered master", "Demo_Master_48k_24b.wav"),
    ]
    assert root.find("Arrangement/Lanes").get("timeUnit") == "beats"


def test_faders_are_the_mixs_and_the_delivered_master_is_silent():
    channels = {track.get("name"): track.find("Channel") for track in project(handover()).iter("Track")}
    faders = {name: float(channel.find("Volume").get("value")) for name, channel in channels.items()}
    assert faders == {
        "bass": pytest.approx(10 ** (-6 / 20), rel=1e-11),
        "drums": pytest.approx(10 ** (3.5 / 20), rel=1e-11),
        "Delivered master": 1.0,
        "Master": 1.0,
    }
    assert {name: channel.find("Mute").get("value") for name, channel in channels.items()} == {
        "bass": "false",
        "drums": "false",
        "Delivered master": "true",
        "Master": "false",
    }
    assert {channel.find("Pan").get("value") for channel in channels.values()} == {"0.5"}
    assert {channel.find("Volume").get("unit") for channel in channels.values()} == {"linear"}
    bus = channels.pop("Master")
    assert bus.get("role") == "master"
    assert {channel.get("destination") for channel in channels.values()} == {bus.get("id")}


def test_without_stems_the_first_file_is_heard_alone():
    handed = handover()
    del handed.contents["files"][:2]
    handed.contents["files"].insert(0, {"role": "mix", "name": "Demo_Mix_48k_24b.wav"})
    tracks = {each.get("name"): each.find("Channel/Mute").get("value") for each in project(handed).iter("Track")}
    assert tracks == {"Delivered mix": "false", "Delivered master": "true", "Master": "false"}


@pytest.mark.parametrize("gain_db", [-144.0, 0.0, 6.02, 24.0, 96.0])
def test_a_fader_is_within_its_ends(gain_db):
    volume = project(handover(stem("bass", gain_db))).find("Structure/Track/Channel/Volume")
    low, value, high = (float(volume.get(name)) for name in ("min", "value", "max"))
    assert low <= value <= high
    assert value == pytest.approx(10 ** (gain_db / 20), rel=1e-4)


@pytest.mark.parametrize(
    ("signature", "bpm", "start_bar", "beat"),
    [
        ("4/4", 112.0, 5.0, "16"),
        ("6/8", 90.0, 5.0, "12"),  # a bar of 6/8 is three quarter notes
        ("7/8", 133.7, 3.0, "7"),
        ("7/8", 120.0, 2.428571, "5"),  # a bar's number is rounded to 6 places, a beat is whole
        ("3/4", 120.0, 3.333333, "7"),
        ("4/4", 120.0, 1.025, "0.1"),
    ],
)
def test_markers_stand_at_the_quarter_note_where_a_section_starts(signature, bpm, start_bar, beat):
    sections = [section("a", 1.0, 0.0), section("b", start_bar, 1.0)]
    root = project(handover(time_signature=signature, bpm=bpm, sections=sections))
    assert [(each.get("name"), each.get("time")) for each in root.iter("Marker")] == [("a", "0"), ("b", beat)]
    assert root.find("Arrangement/Markers").get("timeUnit") == "beats"
    tempo, meter = root.find("Transport/Tempo"), root.find("Transport/TimeSignature")
    assert (tempo.get("unit"), float(tempo.get("value"))) == ("bpm", bpm)
    assert f"{meter.get('numerator')}/{meter.get('denominator')}" == signature


def test_a_song_without_a_tempo_is_placed_in_seconds_and_states_no_tempo():
    root = project(handover(bpm=None, sections=[section("a", 1.0, 0.0), section("b", 1.0, 2.5)]))
    assert root.find("Transport") is None
    assert {element.get("timeUnit") for element in root.iter() if element.get("timeUnit")} == {"seconds"}
    assert [each.get("time") for each in root.iter("Marker")] == ["0", "2.5"]
    assert {clip.get("duration") for clip in root.iter("Clip")} == {"10"}


def test_colours_tell_tracks_apart():
    def lab(place):
        # CIE 1976 L*a*b* of an sRGB colour (IEC 61966-2-1), D65
        parts = [int(colour_of(place)[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505
        y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089
        fx, fy, fz = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in (x, y, z))
        return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)

    def difference(one, other):
        return sum((a - b) ** 2 for a, b in zip(lab(one), lab(other), strict=True)) ** 0.5

    # 2.3 is what an eye can just tell
    assert min(difference(one, other) for one, other in itertools.combinations(range(24), 2)) > 10
    assert min(difference(place, place + 1) for place in range(1000)) > 60
    tracks = project(handover()).findall("Structure/Track")
    assert [track.get("color") for track in tracks] == [colour_of(0), colour_of(1), "#808080", None]


@settings(deadline=None)
@given(HOSTILE.filter(bool), HOSTILE, HOSTILE)
@example("a<b & 'c' \"d\"", "]]>", "\ufffe")
def test_any_text_is_a_name(title, stem_title, name):
    sections = [section(name, 1.0, 0.0)]
    roots = opened(handover(stem("x") | {"title": stem_title}, title=title, artist=name, sections=sections))
    read = [roots["metadata.xml"].findtext("Title")]
    read += [roots["project.xml"].find(path).get("name") for path in ("Structure/Track", "Arrangement/Markers/Marker")]
    for given_name, found in zip((title, stem_title, name), read, strict=True):
        assert told(found) == told(given_name)


def told(text):
    """Return what of a text a reader has to be given whatever else it holds."""
    return [character for character in text if character.isalnum() or character in "<>&\"'`]"]


def test_the_same_contents_are_the_same_bytes_and_small():
    ((name, content),) = dawproject(handover())
    assert list(dawproject(handover())) == [(name, content)]
    assert name == "Demo.dawproject"
    assert len(content) < 10_000
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert {(info.date_time, info.compress_type) for info in packed.infolist()} == {((1980, 1, 1, 0, 0, 0), 0)}


def test_metadata_has_title_artist_and_what_the_files_sum_to():
    root = opened(handover(title="Für <Élise>", artist="L. & B."))["metadata.xml"]
    assert {element.tag: element.text for element in root} == {
        "Title": "Für <Élise>",
        "Artist": "L. & B.",
        "Comment": handover().contents["contract"],
    }


def test_the_demos_archive_has_a_session_and_its_checksum():
    song = read_song(Path(__file__).parents[2] / "spec/demo.toml")
    assert [each.name for each in song.formats] == ["manifest", "track_sheet", "dawproject", "sha256sums"]
