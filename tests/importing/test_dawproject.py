"""DAWproject: what this project delivers is read back, and what other programs write, by hand after its schema."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemtasks.delivery.dawproject import dawproject
from stemtasks.delivery.rpp import rpp
from stemtasks.errors import SpecError
from stemtasks.importing.dawproject import read_dawproject
from stemtasks.importing.rpp import read_rpp
from stemtasks.importing.session import Clip
from tests.delivery.handed import handover, section, stem
from tests.importing.sessions import RATE, saved

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<Project version="1.0">
  <Transport><Tempo unit="bpm" value="120"/><TimeSignature numerator="3" denominator="4"/></Transport>
  <Structure>{tracks}</Structure>
  <Arrangement><Lanes timeUnit="beats">{lanes}</Lanes>{more}</Arrangement>
</Project>
"""


def channel(volume="1.0", pan="0.5", mute="false", unit="linear", inside="", role="regular"):
    return (
        f'<Channel role="{role}">{inside}<Mute value="{mute}"/><Pan unit="normalized" value="{pan}"/>'
        f'<Volume unit="{unit}" value="{volume}"/></Channel>'
    )


def track(inside=None, identity="t1", name="Vox"):
    return f'<Track id="{identity}" name="{name}" contentType="audio">{channel() if inside is None else inside}</Track>'


def lanes(*clips, identity="t1"):
    return f'<Lanes track="{identity}"><Clips>{"".join(clips)}</Clips></Lanes>'


AUDIO = '<Audio sampleRate="48000" channels="2" duration="10"><File path="take.wav" external="true"/></Audio>'


def warped(seconds):
    """Return audio whose first 20 beats, 10 s, are so many seconds of the file."""
    points = f'<Warp time="0" contentTime="0"/><Warp time="20" contentTime="{seconds}"/>'
    return f'<Warps contentTimeUnit="seconds" timeUnit="beats">{AUDIO}{points}</Warps>'


def packed(path: Path, tracks: str, inside: str = "", more: str = "", files: dict[str, bytes] | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("project.xml", HEAD.format(tracks=tracks, lanes=inside, more=more))
        for name, content in (files or {}).items():
            file.writestr(name, content)
    return path


@pytest.fixture
def read(tmp_path):
    return lambda *parts, **said: read_dawproject(packed(tmp_path / "song.dawproject", *parts, **said))


@pytest.mark.parametrize(
    "handed",
    [handover(), handover(time_signature="6/8", bpm=90.0, artist="A & B"),
     handover(bpm=None, sections=[section("song", 1.0, 0.0)]), handover(stem("kick & <snare>", -3.0))],
)  # fmt: skip
def test_what_this_project_delivers_is_read_back_alike_from_both_formats(tmp_path, handed):
    sessions = []
    for format_, reader in ((dawproject, read_dawproject), (rpp, read_rpp)):
        ((name, content),) = format_(handed)
        (tmp_path / name).write_bytes(content)
        sessions.append(reader(tmp_path / name))
    one, other = sessions
    assert one.title == handed.contents["song"]["title"]
    assert one.artist == (handed.contents["song"]["artist"] or "")
    assert (one.bpm, one.time_signature) == (other.bpm, other.time_signature)
    assert one.markers == [(pytest.approx(at, abs=1e-4), name) for at, name in other.markers]
    assert [(each.name, each.is_muted, each.pan, each.notes) for each in one.tracks] == [
        (each.name, each.is_muted, each.pan, each.notes) for each in other.tracks
    ]
    assert [each.gain for each in one.tracks] == [pytest.approx(each.gain) for each in other.tracks]
    assert [[(each.file, each.at, each.start) for each in track.clips] for track in one.tracks] == [
        [(each.file, each.at, each.start) for each in track.clips] for track in other.tracks
    ]


def test_a_clip_is_placed_in_beats_and_shows_a_part_in_seconds(read, tmp_path):
    clip = ('<Clip time="4" duration="8" contentTimeUnit="seconds" playStart="1.5" fadeTimeUnit="seconds" '
            f'fadeInTime="0.25" fadeOutTime="0.5">{AUDIO}</Clip>')  # fmt: skip
    session = read(track(channel("-6.0206", "0.25", unit="decibel")), lanes(clip))
    (found,) = session.tracks
    assert (found.gain, found.pan, found.notes) == (pytest.approx(0.5), -0.5, [])
    assert found.clips == [Clip(str(tmp_path / "take.wav"), 2.0, 1.5, 4.0, fade_in=0.25, fade_out=0.5)]
    assert (session.bpm, session.time_signature) == (120.0, "3/4")


def test_a_clip_of_clips_shows_a_part_of_them(read):
    """As Bitwig writes audio: an outer clip in beats, in it clips whose audio has warps at its own tempo."""
    warps = warped(10)
    inner = f'<Clips><Clip time="0" duration="20" contentTimeUnit="beats" playStart="0">{warps}</Clip></Clips>'
    (found,) = read(
        track(), lanes(f'<Clip time="8" duration="4" playStart="2" contentTimeUnit="beats">{inner}</Clip>')
    ).tracks
    assert [(clip.at, clip.start, clip.length) for clip in found.clips] == [(4.0, 1.0, 2.0)]
    assert found.notes == []


def test_a_loop_is_its_part_again_and_again(read):
    clip = (
        f'<Clip time="0" duration="16" contentTimeUnit="seconds" playStart="1" loopStart="0" loopEnd="2">{AUDIO}</Clip>'
    )
    (found,) = read(track(), lanes(clip)).tracks
    assert [(each.start, each.length, each.loop) for each in found.clips] == [(1.0, 8.0, (0.0, 2.0))]


def test_tracks_in_a_group_have_its_fader_and_mute(read):
    inner = track(channel("0.5"), "t2", "Kick")
    group = f'<Track id="g" name="Drums" contentType="tracks">{channel("0.5", mute="true")}{inner}</Track>'
    master = f'<Track id="m" name="Master">{channel("0.7", role="master")}</Track>'
    session = read(group + master)
    assert [(each.name, each.gain, each.is_muted) for each in session.tracks] == [
        ("Drums", 0.5, True), ("Kick", 0.25, True),
    ]  # fmt: skip
    assert session.gain == 0.7


@pytest.mark.parametrize(
    ("tracks", "inside", "said"),
    [
        (track(), lanes(f'<Clip time="0" duration="4">{warped(9)}</Clip>'), "it is stretched"),
        (track(), lanes('<Clip time="0" duration="4"><Notes><Note/></Notes></Clip>'), "notes (MIDI)"),
        (track(), lanes(f'<Clip time="0" duration="4" enable="false">{AUDIO}</Clip>'), "it is switched off"),
        (track(), '<Lanes track="t1"><Points><Target/></Points></Lanes>', "automation"),
        (track(channel(inside='<Devices><Vst3Plugin name="Comp"/></Devices>')), "", "plugins: Comp"),
        (track(channel(inside='<Sends><Send><Volume value="1"/></Send></Sends>')), "", "its sends"),
    ],
)
def test_what_is_not_taken_over_is_said(read, tracks, inside, said):
    (found,) = read(tracks, inside).tracks
    assert any(said in note for note in found.notes), found.notes


def test_audio_inside_the_archive_is_taken_out_of_it(tmp_path, imports):
    take = saved(tmp_path / "take.wav", 0.2 * np.sin(np.arange(4 * RATE) * 0.03)).read_bytes()
    (tmp_path / "take.wav").unlink()
    clips = [f'<Clip time="0" duration="8" contentTimeUnit="seconds"><Audio><File path="{name}"/></Audio></Clip>'
             for name in ("audio/take.wav", "../../../out.wav")]  # fmt: skip
    tracks = track(identity="t1", name="Vox") + track(identity="t2", name="Gtr")
    path = packed(tmp_path / "song.dawproject", tracks, lanes(clips[0]) + lanes(clips[1], identity="t2"),
                  files={"audio/take.wav": take, "../../../out.wav": take})  # fmt: skip
    made = imports(path)
    folder = made.path.parent / "audio" / "song"
    assert sorted(each.name for each in folder.iterdir()) == ["out.wav", "take.wav"]
    assert [made.stem(name)["file"] for name in ("vox", "gtr")] == ["audio/song/take.wav", "audio/song/out.wav"]
    assert soundfile.info(folder / "take.wav").frames == 4 * RATE
    assert not list(tmp_path.parent.glob("out.wav"))


def zipped(**members: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, text in members.items():
            made.writestr(name, text)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no DAWproject"),
        (b"no zip", "it is no whole zip"),
        (zipped(other="x"), "it has no project.xml"),
        (zipped(**{"project.xml": "<Project"}), "is not XML"),
        (zipped(**{"project.xml": "<Project/>"})[:-30], "it is no whole zip"),
    ],
    ids=["empty", "text", "other", "cut_xml", "cut_zip"],
)
def test_what_is_no_dawproject_is_one_line(tmp_path, content, said):
    path = tmp_path / "song.dawproject"
    path.write_bytes(content)
    with pytest.raises(SpecError, match=said):
        read_dawproject(path)


def test_a_bomb_of_entities_is_one_line(tmp_path):
    inner = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 100}">' for n in range(9))
    (tmp_path / "song.dawproject").write_bytes(
        zipped(**{"project.xml": f"<!DOCTYPE Project [{inner}]><Project>&e8;</Project>"})
    )
    with pytest.raises(SpecError, match="is not XML"):
        read_dawproject(tmp_path / "song.dawproject")


def test_two_sessions_in_a_folder_are_asked_about_and_one_is_taken(tmp_path, imports, refuses):
    takes = tmp_path / "takes"
    saved(takes / "take.wav", 0.2 * np.sin(np.arange(4 * RATE) * 0.03))
    clip = f'<Clip time="0" duration="8" contentTimeUnit="seconds">{AUDIO}</Clip>'
    packed(takes / "one.dawproject", track(), lanes(clip))
    assert "is a session: its tracks become the stems" in imports(takes).lines[1]
    packed(takes / "two.dawproject", track(), lanes(clip))
    assert refuses(takes, "--name", "b") == (
        f"{takes}: holds 2 sessions (one.dawproject, two.dawproject); name one of them"
    )
