"""OpenTimelineIO's files, written by its own library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemtasks.errors import SpecError
from stemtasks.importing.otio import read_otio
from stemtasks.importing.session import Clip
from tests.importing.sessions import RATE, saved

Time, Range = otio.opentime.RationalTime, otio.opentime.TimeRange


FADE = otio.schema.Transition(in_offset=Time(1, 25), out_offset=Time(1, 25))


def span(start: float, seconds: float, rate: float = 25.0):
    return Range(Time(start * rate, rate), Time(seconds * rate, rate))


def clip(url="take.wav", start=0.0, seconds=2.0, available=None, **said):
    media = otio.schema.ExternalReference(target_url=url, available_range=available)
    return otio.schema.Clip(name=url, media_reference=media, source_range=span(start, seconds), **said)


def switched_off(item):
    item.enabled = False
    return item


def gap(seconds):
    return otio.schema.Gap(source_range=span(0, seconds))


def timeline(path: Path, *tracks, markers=()) -> Path:
    made = otio.schema.Timeline(name="First Light")
    made.tracks.extend(tracks)
    made.tracks.markers.extend(markers)
    otio.adapters.write_to_file(made, str(path))
    return path


def track(*items, name="A1", kind=otio.schema.TrackKind.Audio):
    found = otio.schema.Track(name=name, kind=kind)
    found.extend(items)
    return found


@pytest.fixture
def read(tmp_path):
    return lambda *tracks, **said: read_otio(timeline(tmp_path / "song.otio", *tracks, **said))


def test_items_follow_one_another_and_gaps_are_silence(read, tmp_path):
    session = read(track(gap(1.5), clip(start=0.4, seconds=2.0), gap(0.5), clip("b.wav", seconds=3.0), name="Vox"))
    (found,) = session.tracks
    assert (session.title, found.name, found.notes) == ("First Light", "Vox", [])
    assert found.clips == [
        Clip(str(tmp_path / "take.wav"), 1.5, pytest.approx(0.4), 2.0),
        Clip(str(tmp_path / "b.wav"), 4.0, 0.0, 3.0),
    ]
    assert session.seconds == 7.0


def test_time_code_of_the_media_is_where_its_file_begins(read):
    (found,) = read(track(clip(start=3601.0, seconds=2.0, available=span(3600.0, 10.0)))).tracks
    assert [(each.start, each.length) for each in found.clips] == [(1.0, 2.0)]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///a/b%20c.wav", "/a/b c.wav"),
        ("file://localhost/a/b.wav", "/a/b.wav"),
        ("/a/b.wav", "/a/b.wav"),
        ("sub/b%20c.wav", "{here}/sub/b c.wav"),
    ],
)
def test_media_are_named_by_urls_and_paths(read, tmp_path, url, path):
    (found,) = read(track(clip(url))).tracks
    assert found.clips[0].file == path.format(here=tmp_path)


def test_markers_are_in_the_time_of_the_song(read):
    marker = otio.schema.Marker(name="chorus", marked_range=span(8.0, 0.0))
    inside = otio.schema.Marker(name="hit", marked_range=span(3.0, 0.0))
    session = read(track(gap(2.0), clip(start=2.5, seconds=2.0, markers=[inside])), markers=[marker])
    assert session.markers == [(8.0, "chorus"), (pytest.approx(2.5), "hit")]


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([clip(effects=[otio.schema.LinearTimeWarp(time_scalar=2.0)])], "its speed is 2"),
        ([clip(effects=[otio.schema.Effect(effect_name="Reverb")])], "its effect Reverb"),
        ([otio.schema.Clip(name="x", source_range=span(0, 1))], "it names no file"),
        ([switched_off(clip())], "it is switched off"),
        (
            [clip(), otio.schema.Transition(in_offset=Time(1, 25), out_offset=Time(1, 25)), clip()],
            "a transition at 2.000 s",
        ),
        ([otio.schema.Stack(name="nest", children=[clip()], source_range=span(0, 2))], "'nest' at 0.000 s: Stack"),
    ],
)
def test_what_is_not_taken_over_is_said(read, items, said):
    (found,) = read(track(*items)).tracks
    assert any(said in note for note in found.notes), found.notes


def test_tracks_of_pictures_are_said_and_left_out(read):
    session = read(track(clip(), name="V1", kind=otio.schema.TrackKind.Video), track(clip(), name="A1"))
    assert [each.name for each in session.tracks] == ["A1"]
    assert session.notes == ["the track 'V1' of kind Video"]


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "is not JSON"), ("[]", "is no timeline"), ('{"OTIO_SCHEMA": "Clip.1"}', "is no timeline"), ("", "is empty")],
)
def test_what_is_no_timeline_is_one_line(tmp_path, text, said):
    path = tmp_path / "song.otio"
    path.write_text(text)
    with pytest.raises(SpecError, match=said):
        read_otio(path)


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["OTIO_SCHEMA", "children", "source_range", "start_time", "duration", "rate", "value", "name",
                         "media_reference", "target_url", "effects", "markers", "kind"]), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@given(VALUES)
def test_any_json_in_a_timeline_is_read(tmp_path_factory, value):
    import json

    path = tmp_path_factory.mktemp("otio") / "song.otio"
    path.write_text(json.dumps({"OTIO_SCHEMA": "Timeline.1", "tracks": {"children": [value, {"OTIO_SCHEMA": "Track.1",
                                "children": [value, {"OTIO_SCHEMA": "Clip.2", "source_range": value}]}]}}))  # fmt: skip
    read_otio(path)


def test_a_timeline_becomes_a_song_without_a_tempo(tmp_path, imports):
    t = np.arange(10 * RATE) / RATE
    saved(tmp_path / "take.wav", 0.2 * np.sin(2 * np.pi * 220 * t))
    marker = otio.schema.Marker(name="chorus", marked_range=span(8.0, 0.0))
    tracks = track(gap(1.5), clip(start=1.0), name="Vox"), track(clip(seconds=10.0), name="Gtr")
    path = timeline(tmp_path / "cut.otio", *tracks, markers=[marker])
    said = imports(path).toml
    assert said["song"] == {"title": "First Light", "sample_rate": RATE, "subtype": "PCM_24"}
    vox = said["stems"]["vox"]
    assert [{**each, "file": ""} for each in vox["clips"]] == [{"file": "", "at": 1.5, "from": 1.0, "length": 2.0}]
    assert vox["align"] == "zero_pad"
    assert said["stems"]["gtr"]["generator"] == "file"
    assert said["reference"] == {"duration": 10.0}
