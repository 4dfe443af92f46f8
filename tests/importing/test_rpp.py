"""Reaper's projects: written by the package ``rpp``, which we did not write, and read back as this project delivers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rpp as writer
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from stemtasks.delivery.rpp import rpp
from stemtasks.errors import SpecError
from stemtasks.importing.rpp import read_rpp
from stemtasks.importing.session import Clip
from tests.delivery.handed import handover
from tests.importing.sessions import RATE, saved
from tests.test_remedies import said_of

Element = writer.Element


def item(file="take.wav", at=0.0, length=2.0, start=0.0, **said):
    lines = {"POSITION": [at], "LENGTH": [length], "SOFFS": [start], "LOOP": [0], "NAME": [file]}
    lines |= {"VOLPAN": [1, 0, 1, -1], "PLAYRATE": [1, 1, 0, -1], "FADEIN": [1, 0, 0], "FADEOUT": [1, 0, 0]} | said
    source = Element("SOURCE", ["WAVE"], [["FILE", file]])
    return Element("ITEM", [], [*([name, *map(str, values)] for name, values in lines.items()), source])


def track(*items, name="Gtr", volume=1.0, pan=0.0, mute=0, bus=(0, 0), more=()):
    lines = [["NAME", name], ["VOLPAN", str(volume), str(pan), "-1"], ["MUTESOLO", str(mute), "0", "0"]]
    return Element("TRACK", [], [*lines, ["ISBUS", *map(str, bus)], *more, *items])


def project(path: Path, *children) -> Path:
    head = [["TEMPO", "126", "3", "4"], ["SAMPLERATE", "44100", "0", "0"]]
    path.write_text(writer.dumps(Element("REAPER_PROJECT", ["0.1", "6.0"], [*head, *children])), encoding="utf-8")
    return path


@pytest.fixture
def read(tmp_path):
    return lambda *children: read_rpp(project(tmp_path / "song.rpp", *children))


def test_an_item_is_a_clip_with_its_place_part_fades_and_gain(read, tmp_path):
    made = item("sub/a b.wav", 12.5, 4.25, 3.2, VOLPAN=[0.5, 0, 0.5, -1], FADEIN=[1, 0.01, 0], FADEOUT=[1, 0.01, 0.02])
    session = read(track(made, name="Lead Vox", volume=0.5, pan=-0.25))
    (found,) = session.tracks
    assert (found.name, found.gain, found.pan, found.is_muted, found.notes) == ("Lead Vox", 0.5, -0.25, False, [])
    path = str(tmp_path / "sub/a b.wav")
    assert found.clips == [Clip(path, 12.5, 3.2, 4.25, 0.25, 0.01, 0.02)]
    assert (session.bpm, session.time_signature, session.sample_rate) == (126.0, "3/4", 44_100)


def test_a_folders_fader_and_mute_are_those_of_the_tracks_in_it(read):
    session = read(
        track(name="drums", volume=0.5, bus=(1, 1)),
        track(item(), name="inner", volume=0.5, bus=(1, 1)),
        track(item(), name="kick", volume=0.5, bus=(2, -2)),
        track(item(), name="bass", volume=0.5),
        track(name="off", mute=1, bus=(1, 1)),
        track(item(), name="gone", bus=(2, -1)),
    )
    assert [(each.name, each.gain, each.is_muted) for each in session.tracks] == [
        ("drums", 0.5, False), ("inner", 0.25, False), ("kick", 0.125, False), ("bass", 0.5, False),
        ("off", 1.0, True), ("gone", 1.0, True),
    ]  # fmt: skip


def test_markers_are_kept_and_else_the_starts_of_regions(read):
    region = [["MARKER", "1", "0", "verse", "1"], ["MARKER", "1", "8", "", "1"], ["MARKER", "2", "8", "chorus", "1"],
              ["MARKER", "2", "16", "", "1"]]  # fmt: skip
    assert read(*region).markers == [(0.0, "verse"), (8.0, "chorus")]
    assert read(["MARKER", "3", "4.5", "solo", "0"], *region).markers == [(4.5, "solo")]


def test_a_part_of_a_file_may_be_reversed(read):
    source = Element("SOURCE", ["WAVE"], [["FILE", "take.wav"]])
    part = Element(
        "SOURCE", ["SECTION"], [["LENGTH", "6"], ["MODE", "2"], ["STARTPOS", "1"], ["OVERLAP", "0.01"], source]
    )
    lines = [["POSITION", "0"], ["LENGTH", "2"], ["SOFFS", "0.5"]]
    (found,) = read(track(Element("ITEM", [], [*lines, part]))).tracks[0].clips
    assert (found.start, found.length, found.is_reversed) == (1 + 6 - 0.5 - 2, 2.0, True)


def test_the_take_that_is_selected_is_taken(read):
    takes = [["TAKE", "SEL"], ["NAME", "second"], ["SOFFS", "0.5"], ["TAKEVOLPAN", "0", "0.5", "-1"]]
    other = Element("SOURCE", ["WAVE"], [["FILE", "other.wav"]])
    made = item()
    made.children += [*takes, other]
    (found,) = read(track(made)).tracks
    assert [(Path(clip.file).name, clip.start, clip.gain) for clip in found.clips] == [("other.wav", 0.5, 0.5)]
    assert found.notes == ["'second' at 0.000 s: its other takes"]


@pytest.mark.parametrize(
    ("children", "said"),
    [
        ([item(PLAYRATE=[0.5, 1, 0, -1])], "'take.wav' at 0.000 s: it is stretched or shifted in pitch (rate 0.5)"),
        ([item(PLAYRATE=[1, 1, 3, -1])], "it is stretched or shifted in pitch"),
        ([item(MUTE=[1])], "'take.wav' at 0.000 s: it is muted"),
        ([Element("ITEM", [], [["LENGTH", "2"], Element("SOURCE", ["MIDI"], [["HASDATA", "1"]])])], "MIDI"),
        ([Element("FXCHAIN", [], [Element("VST", ["VST: ReaEQ (Cockos)"], [])])], "plugins: VST: ReaEQ (Cockos)"),
        ([Element("VOLENV2", [], [["PT", "0", "1"]])], "its volume automation"),
        ([Element("PANENV2", [], [["PT", "0", "1"]])], "its pan automation"),
        ([["AUXRECV", "1", "0"]], "what it receives from other tracks"),
        ([["MAINSEND", "0", "0"]], "that it does not go to the master"),
        ([item(VOLPAN=[1, 0, -1, -1])], "'take.wav' at 0.000 s: its polarity is inverted"),
        ([item(CHANMODE=[3])], "'take.wav' at 0.000 s: its choice of channels (mode 3)"),
        ([item(VOLPAN=[1, 0.5, 1, -1])], "'take.wav' at 0.000 s: its pan 0.5"),
    ],
)  # fmt: skip
def test_what_is_not_taken_over_is_said(read, children, said):
    (found,) = read(track(*children)).tracks
    assert any(said in note for note in found.notes), found.notes


def test_changes_of_tempo_and_the_masters_plugins_are_said(read):
    points = Element("TEMPOENVEX", [], [["PT", "0", "126"], ["PT", "4", "140"]])
    chain = Element("MASTERFXLIST", [], [Element("VST", ["VST: Limiter"], [])])
    assert read(points, chain).notes == [
        "changes of tempo; the tempo at the start holds for all", "the master's plugins",
    ]  # fmt: skip


def test_a_path_of_another_machine_is_found_beside_the_session(read, tmp_path):
    saved(tmp_path / "Media" / "take.wav", np.zeros(100))
    session = read(track(item(r"C:\Songs\take.wav"), item("/gone/take.wav"), item(r"Media\take.wav")))
    assert {clip.file for clip in session.tracks[0].clips} == {str(tmp_path / "Media/take.wav")}


def test_what_this_project_delivers_is_read_back(tmp_path):
    ((name, content),) = rpp(handover())
    (tmp_path / name).write_bytes(content)
    session = read_rpp(tmp_path / name)
    assert [each.name for each in session.tracks[:2]] == ["bass", "drums"]
    assert [[Path(clip.file).name for clip in each.clips] for each in session.tracks[:2]] == [
        ["Demo_Bass_48k_24b.wav"], ["Demo_Drums_48k_24b.wav"],
    ]  # fmt: skip
    assert session.markers == [(0.0, "intro"), (4.0, "verse")]
    assert [each.gain for each in session.tracks] == [
        pytest.approx(10 ** (-6 / 20)), pytest.approx(10 ** (3.5 / 20)), 1.0,
    ]  # fmt: skip
    assert [each.is_muted for each in session.tracks] == [False, False, True]
    assert (session.bpm, session.time_signature) == (120.0, "4/4")
    assert not [note for each in session.tracks for note in each.notes]


@pytest.mark.parametrize("text", ["no project", "<OTHER\n>\n", "\x00\x01", "<\n", ">\n>\n"])
def test_what_is_no_project_is_one_line(tmp_path, text):
    path = tmp_path / "song.rpp"
    path.write_text(text)
    with pytest.raises(SpecError, match=r"is no project of Reaper; save it from Reaper as \.rpp"):
        read_rpp(path)


@given(st.text(st.sampled_from("<>\n \"'`ITEMTRACKSOURCE0.9-FILE"), max_size=300))
def test_any_lines_in_a_project_are_read_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("rpp") / "song.rpp"
    path.write_text(f"<REAPER_PROJECT 0.1\n<TRACK\n{text}\n>\n>\n")
    read_rpp(path)


def test_a_session_becomes_a_song_of_clips(tmp_path, imports):
    t = np.arange(10 * RATE) / RATE
    saved(tmp_path / "take.wav", 0.2 * np.sin(2 * np.pi * 220 * t))
    saved(tmp_path / "kick.wav", 0.5 * np.sin(2 * np.pi * 55 * t[: 4 * RATE]))
    path = project(
        tmp_path / "My Song.rpp",
        ["MARKER", "1", "0", "verse", "0"],
        ["MARKER", "2", str(4 * 60 / 126 * 3), "chorus", "0"],
        track(item("kick.wav", 0, 4), name="Kick", volume=10 ** (-6 / 20)),
        track(
            item("take.wav", 0, 2.5, 1, FADEOUT=[1, 0.01, 0]),
            item("take.wav", 5, 4, 3, VOLPAN=[0.5, 0, 1, -1]),
            item("take.wav", 9, 16, 6, LOOP=[1]),
            name="Lead Vox",
            pan=0.5,
            more=[Element("FXCHAIN", [], [Element("VST", ["VST: ReaComp"], [])])],
        ),
        track(item("take.wav", 0, 2), name="off", mute=1),
        track(item("gone.wav", 0, 2), name="gone"),
    )
    made = imports(path)
    said = made.toml
    assert said["song"]["title"] == "My Song"
    assert (said["song"]["bpm"], said["song"]["time_signature"], said["song"]["sample_rate"]) == (126.0, "3/4", 44_100)
    assert said["sections"] == [{"name": "verse", "bars": 4}, {"name": "chorus", "fill": True}]
    assert said["reference"] == {"duration": 25.0}
    kick, vox = said["stems"]["kick"], said["stems"]["lead_vox"]
    assert (kick["generator"], kick["gain_db"], kick["align"], kick["kind"]) == ("file", -6.0, "zero_pad", "drums")
    assert (vox["generator"], vox["pan"], vox["align"], vox["kind"]) == ("clips", 0.5, "none", "vocal")
    file = vox["clips"][0]["file"]
    assert (made.path.parent / file).resolve() == tmp_path / "take.wav"
    assert vox["clips"] == [
        {"file": file, "at": 0.0, "from": 1.0, "length": 2.5, "fade_out": 0.01},
        {"file": file, "at": 5.0, "from": 3.0, "length": 4.0, "gain_db": pytest.approx(-6.0206)},
        {"file": file, "at": 9.0, "from": 6.0, "length": 4.0},
        {"file": file, "at": 13.0, "length": 10.0, "repeat_until": 25.0},
    ]
    assert "# not taken over: plugins: VST: ReaComp" in made.text.splitlines()
    assert "#   the track 'off': it is muted; its clips are of take.wav" in made.text.splitlines()
    assert any("the track 'gone'" in line for line in made.lines)


def test_clips_sound_as_in_the_session(tmp_path, imports, project_folder):
    """Laid here by numpy: a part with a gain, one backwards, one again and again; at places away from its edges."""
    take = 0.3 * np.random.default_rng(3).standard_normal(4 * RATE).clip(-3, 3)
    saved(tmp_path / "take.wav", take, subtype="FLOAT")
    source = Element("SOURCE", ["WAVE"], [["FILE", "take.wav"]])
    part = Element("SOURCE", ["SECTION"], [["LENGTH", "3"], ["MODE", "2"], ["STARTPOS", "1"], source])
    backwards = Element("ITEM", [], [["POSITION", "3"], ["LENGTH", "1"], ["SOFFS", "0.5"], part])
    items = (
        item(at=1, length=1.5, start=0.5, VOLPAN=[0.5, 0, 1, -1]),
        backwards,
        item(at=5, length=7, start=3, LOOP=[1]),
    )
    path = project(tmp_path / "song.rpp", ["SAMPLERATE", str(RATE), "0", "0"], track(*items, name="Vox"))
    path.write_text(path.read_text().replace("SAMPLERATE 44100 0 0\n", ""))
    imports(path)
    assert said_of(project_folder, "process") == []
    found, rate = soundfile.read(project_folder / "build/song/processed/vox.wav")
    assert (rate, len(found)) == (RATE, 12 * RATE)
    expected = np.zeros(12 * RATE)
    expected[RATE : RATE * 5 // 2] = 0.5 * take[RATE // 2 : 2 * RATE]
    expected[3 * RATE : 4 * RATE] = take[RATE * 5 // 2 : RATE * 7 // 2][::-1]
    expected[5 * RATE : 6 * RATE] = take[3 * RATE :]
    expected[6 * RATE : 10 * RATE] = take
    expected[10 * RATE :] = take[: 2 * RATE]
    for second in (0.5, 1.5, 2.7, 3.5, 4.5, 5.5, 7.0, 11.0):
        place = slice(round(second * RATE) - 1000, round(second * RATE) + 1000)
        assert np.abs(found[place] - expected[place, None]).max() < 1e-6, second
