"""Where recordings begin by their start stamps: chunks written by hand after EBU Tech 3285 and iXML, whole builds."""

from __future__ import annotations

import struct
from fractions import Fraction

import numpy as np
import pytest
import soundfile

from stemtasks import seen
from stemtasks.action.check import check
from stemtasks.action.pipeline import jobs_of
from stemtasks.audio import stamp
from stemtasks.audio.stamp import start_stamp
from stemtasks.spec.reading import read_song

RATE, HOUR = 8000, 3600
SUFFIX = bytes.fromhex("f3acd3118cd100c04f8edb8a")
SPEC = """
[song]
bpm = 120
sample_rate = 8000
channels = 1
[reference]
duration = 2
[master]
loudness_lufs = "off"
[stems.a]
generator = "file"
file = "a.wav"
align = "zero_pad"
[stems.b]
generator = "file"
file = "b.wav"
align = "zero_pad"
"""


def bext(samples):
    return b"bext", bytes(338) + struct.pack("<II", samples & 0xFFFFFFFF, samples >> 32) + bytes(256)


def ixml(samples, rate=None):
    rate = "" if rate is None else f"<TIMESTAMP_SAMPLE_RATE>{rate}</TIMESTAMP_SAMPLE_RATE>"
    words = (("HI", samples >> 32), ("LO", samples & 0xFFFFFFFF))
    both = "".join(
        f"<TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_{n}>{v}</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_{n}>" for n, v in words
    )
    return b"iXML", f"<BWFXML><SPEED>{both}{rate}</SPEED></BWFXML>".encode()


def written(path, *chunks, frames=RATE, rate=RATE, kind=b"RIFF", behind=False):
    """Write a mono recording of 16 bits with these chunks before its audio, or behind it."""
    audio = np.rint(8000 * np.sin(np.arange(frames) * 0.3 + 0.5)).astype("<i2").tobytes()
    own = [(b"fmt ", struct.pack("<HHIIHH", 1, 1, rate, rate * 2, 2, 16)), (b"data", audio)]
    chunks = [*own, *chunks] if behind else [*chunks, *own]
    if kind in (b"RF64", b"BW64"):
        chunks = [(b"ds64", struct.pack("<QQQI", 0, len(audio), frames, 0)), *chunks]
    body = b""
    for name, content in chunks:
        if kind == b"riff":
            body += name + SUFFIX + struct.pack("<Q", len(content) + 24) + content + bytes(-len(content) % 8)
        else:
            size = 0xFFFFFFFF if name == b"data" and kind != b"RIFF" else len(content)
            body += name + struct.pack("<I", size) + content + bytes(len(content) % 2)
    if kind == b"riff":
        head = (
            b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000") + struct.pack("<Q", len(body) + 40) + b"wave" + SUFFIX
        )
    else:
        head = kind + struct.pack("<I", len(body) + 4 if kind == b"RIFF" else 0xFFFFFFFF) + b"WAVE"
    path.write_bytes(head + body)
    return str(path)


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("kind", [b"RIFF", b"RF64", b"BW64", b"riff"])
@pytest.mark.parametrize("chunk", [bext, ixml])
def test_a_stamp_is_read_from_each_container_before_or_behind_the_audio(tmp_path, chunk, kind, behind):
    samples = (1 << 33) + 12345
    path = written(tmp_path / "a.wav", chunk(samples), kind=kind, behind=behind)
    assert start_stamp(path) == Fraction(samples, RATE)
    if kind in (b"RIFF", b"RF64"):  # what libsndfile makes of the others is not asked here
        assert soundfile.info(path).frames == RATE


def test_ixml_counts_at_its_own_rate_and_speaks_where_bext_says_nothing(tmp_path):
    assert start_stamp(written(tmp_path / "a.wav", bext(0), ixml(48000, 48000))) == 1
    assert start_stamp(written(tmp_path / "b.wav", bext(RATE * 2), ixml(48000, 48000))) == 2


def smpl(format_, hours, minutes, seconds, frames):
    """A sampler's chunk with this SMPTE format and offset, and no loops."""
    code = hours << 24 | minutes << 16 | seconds << 8 | frames
    return b"smpl", struct.pack("<9I", 0, 0, 20833, 60, 0, format_, code, 0, 0)


@pytest.mark.parametrize(
    ("format_", "code", "seconds"),
    [
        (24, (1, 2, 3, 12), Fraction(7447, 2)),
        (25, (23, 59, 59, 24), 86400 - Fraction(1, 25)),
        (30, (0, 0, 0, 1), Fraction(1, 30)),
        (29, (0, 10, 0, 0), Fraction(17982 * 1001, 30000)),  # SMPTE ST 12-1: 17,982 frames in ten minutes
        (29, (0, 1, 0, 2), Fraction(1800 * 1001, 30000)),  # the one behind 00:00:59:29
        (30, (0, 0, 0, 0), 0),
        (0, (1, 0, 0, 0), None),
        (25, (0, 0, 0, 25), None),
        (24, (24, 0, 0, 0), None),
        (7, (1, 0, 0, 0), None),
    ],
)
@pytest.mark.parametrize("kind", [b"RIFF", b"riff"])
def test_the_time_code_of_a_sampler_chunk_is_a_stamp(tmp_path, kind, format_, code, seconds):
    assert start_stamp(written(tmp_path / "a.wav", smpl(format_, *code), kind=kind)) == seconds


def test_a_sampler_chunk_says_nothing_beside_another_stamp(tmp_path):
    for other in (bext(0), ixml(0)):
        assert start_stamp(written(tmp_path / "a.wav", smpl(25, 1, 0, 0, 0), other)) == 0


def test_what_has_no_stamp_or_is_damaged_has_none(tmp_path):
    path = tmp_path / "a.wav"
    whole = written(path, bext(RATE)), path.read_bytes()
    for stop in range(0, 12 + 8 + 346, 7):
        path.write_bytes(whole[1][:stop])
        assert start_stamp(str(path)) is None
    assert start_stamp(written(path)) is None
    assert start_stamp(str(tmp_path / "none.wav")) is None


def song_of(tmp_path, monkeypatch, a, b, text=SPEC):
    """Return the song of two recordings with these chunks."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec").mkdir(exist_ok=True)
    written(tmp_path / "spec/a.wav", *a)
    written(tmp_path / "spec/b.wav", *b)
    (tmp_path / "spec/song.toml").write_text(text)
    return read_song((tmp_path / "spec/song.toml").relative_to(tmp_path))


def params_of(song):
    return {job.task: job.params for job in jobs_of("stem", song)}


@pytest.mark.parametrize(
    ("a", "b"),
    [([], []), ([bext(RATE)], []), ([bext(0)], [bext(0)]), ([bext(RATE)], [ixml(RATE)])],
)
def test_recordings_without_stamps_or_with_the_same_ones_are_as_ever(tmp_path, monkeypatch, a, b):
    plain = params_of(song_of(tmp_path, monkeypatch, [], []))
    song = song_of(tmp_path, monkeypatch, a, b)
    assert params_of(song) == plain
    assert all(each.keys().isdisjoint({"mistake", "remark", "since_earliest"}) for each in plain.values())
    assert check(song).mistakes == []


def test_stamps_that_differ_are_one_line_with_both_times_and_two_ways_out(tmp_path, monkeypatch):
    song = song_of(tmp_path, monkeypatch, [bext(RATE * HOUR)], [bext(RATE * HOUR + RATE // 2)])
    params = params_of(song)
    line = (
        "its start stamp is 01:00:00.500, that of stems.a 01:00:00.000, and both begin with the song: place it with "
        'start = "stamp", or say that it is right with start = "file"'
    )
    assert "remark" not in params["stem:song/a"]
    assert params["stem:song/b"]["remark"] == line
    assert check(song).mistakes == []


def test_a_key_has_how_much_later_a_recording_begins_and_no_more(tmp_path, monkeypatch):
    asked = SPEC + 'start = "stamp"\n'
    early = params_of(song_of(tmp_path, monkeypatch, [bext(RATE)], [bext(RATE + 3)], asked))
    late = params_of(song_of(tmp_path, monkeypatch, [bext(RATE * 5)], [bext(RATE * 5 + 3)], asked))
    assert early == late
    assert early["stem:song/b"]["since_earliest"] == [3, RATE]
    assert "since_earliest" not in early["stem:song/a"]


def test_start_file_takes_a_stamp_out_of_the_song(tmp_path, monkeypatch):
    text = SPEC.replace('"a.wav"', '"a.wav"\nstart = "file"')
    assert (
        params_of(song_of(tmp_path, monkeypatch, [bext(RATE)], [bext(RATE * 9)], text))["stem:song/b"]
        .keys()
        .isdisjoint({"mistake", "remark", "since_earliest"})
    )


@pytest.mark.parametrize(
    ("b", "phrase"), [([], "has no start stamp"), ([bext(RATE * HOUR * 13)], "more than 12 hours are between them")]
)
def test_a_stamp_that_cannot_be_followed_is_one_line(tmp_path, monkeypatch, b, phrase):
    song = song_of(tmp_path, monkeypatch, [bext(0)], b, SPEC + 'start = "stamp"\n')
    assert phrase in params_of(song)["stem:song/b"]["mistake"]


def test_a_look_at_stamps_is_noted_and_a_song_without_recordings_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(seen, "stamps", {})
    song = song_of(tmp_path, monkeypatch, [bext(0)], [])
    params_of(song)
    assert str(tmp_path / "spec/b.wav") in seen.stamps
    monkeypatch.setattr(stamp, "open", None, raising=False)
    text = SPEC.partition("[stems.a]")[0] + '[stems.a]\ngenerator = "tone"\n'
    params_of(song_of(tmp_path, monkeypatch, [bext(0)], [], text))


def test_a_build_says_it_on_the_stems_line_and_is_right_when_it_is_followed_and_when_a_stamp_changes(project):
    folder = project.folder / "spec"
    written(folder / "a.wav", bext(RATE * HOUR), frames=2 * RATE)
    written(folder / "b.wav", bext(RATE * HOUR + RATE // 2))
    project.spec(SPEC)
    said = project.build().lines("ran")["stem:song/b"]
    assert 'and both begin with the song: place it with start = "stamp"' in said
    project.spec(SPEC + 'start = "stamp"\nstart_seconds = 0.25\nfade_ms = 0\n')
    assert project.build().code == 0
    take = soundfile.read(folder / "b.wav")[0]
    for later in (RATE // 2, RATE // 4):
        if later != RATE // 2:
            written(folder / "b.wav", bext(RATE * HOUR + later))
            assert project.build().code == 0
        made = soundfile.read(project.folder / "build/song/stems/b.wav")[0]
        assert np.array_equal(made, np.concatenate([np.zeros(later + RATE // 4), take[RATE // 4 :]]))
    written(folder / "a.wav", bext(RATE * HOUR - RATE // 4), frames=2 * RATE)
    assert "stem:song/b" in project.build().tasks("ran")
