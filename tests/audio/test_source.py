"""Reading is judged by files that others wrote, and by cut ones."""

from __future__ import annotations

import os
import struct
import subprocess
import tempfile
import tracemalloc
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.audio.blocks import BLOCK_FRAMES, fitted, reblocked
from stemtasks.audio.mpeg import Mp3, mp3_length
from stemtasks.audio.source import Source
from stemtasks.errors import AudioError
from tests import examples
from tests.audio_files import FFMPEG, RATE, noise, one_line, partitions, split, written

FORMATS = {
    "pcm16.wav": ("WAV", "PCM_16"),
    "float.wav": ("WAV", "FLOAT"),
    "extensible.wav": ("WAVEX", "PCM_24"),
    "rf64.wav": ("RF64", "PCM_24"),
    "ima.wav": ("WAV", "IMA_ADPCM"),
    "a.w64": ("W64", "PCM_16"),
    "a.aiff": ("AIFF", "PCM_24"),
    "a.au": ("AU", "PCM_16"),
    "a.caf": ("CAF", "PCM_16"),
    "alac.caf": ("CAF", "ALAC_16"),
    "a.flac": ("FLAC", "PCM_16"),
    "a.ogg": ("OGG", "VORBIS"),
    "a.opus": ("OGG", "OPUS"),
    "a.mp3": ("MP3", "MPEG_LAYER_III"),
}


@cache
def encoded(name, frames, channels):
    form, subtype = FORMATS[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        soundfile.write(path, noise(frames, channels), RATE, format=form, subtype=subtype)
        return path.read_bytes()


def exported(path, frames=60000, channels=2):
    path.write_bytes(encoded(path.name, frames, channels))
    return path


@pytest.mark.parametrize("name", FORMATS)
def test_blocks_are_the_whole_file(tmp_path, name):
    path = exported(tmp_path / name, 150_000)
    with Source(path) as source:
        blocks = list(source.blocks())
    expected, _ = soundfile.read(path, always_2d=True)
    assert max(len(block) for block in blocks) <= BLOCK_FRAMES
    assert np.allclose(np.concatenate(blocks), expected, rtol=0, atol=3e-7)  # an MP3's last bits follow its seeks


@pytest.mark.parametrize("keep", [0.3, 0.62, 0.97])
@pytest.mark.parametrize("name", FORMATS)
def test_a_file_cut_in_copying_is_refused_in_one_line(tmp_path, name, keep):
    whole = exported(tmp_path / name)
    content = whole.read_bytes()
    whole.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(AudioError) as error, Source(whole) as source:
        for _ in source.blocks():
            pass
    text = one_line(error)
    assert str(whole) in text
    assert any(words in text for words in ("cut short", "cannot be decoded", "malformed")), text


def test_one_missing_byte_is_enough(tmp_path):
    for name in ("pcm16.wav", "rf64.wav", "a.w64", "a.aiff", "a.au", "a.ogg", "a.opus"):
        path = exported(tmp_path / name)
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(AudioError, match="cut short"):
            Source(path)


def test_a_long_metadata_chunk_hides_no_cut(tmp_path):
    """libsndfile's own log, which tells the same, is full after 2 KiB."""
    plain = exported(tmp_path / "pcm16.wav").read_bytes()
    at = plain.index(b"data")
    info = b"LIST" + struct.pack("<I", 40_004) + b"INFO" + (b"ICMT" + struct.pack("<I", 192) + b"x" * 192) * 200
    (tmp_path / "long.wav").write_bytes((plain[:at] + info + plain[at:])[:-1000])
    with pytest.raises(AudioError, match=r"cut short: its header claims 240000 bytes of audio, 239000 are there"):
        Source(tmp_path / "long.wav")


@pytest.mark.parametrize("ext", ["wav", "aiff", "au", "w64", "flac", "ogg", "mp3"])
def test_what_a_recorder_writes_to_a_pipe_is_whole(tmp_path, ext):
    """Its header cannot hold the length: all ones, zero, or a guess, which is not a cut."""
    original = exported(tmp_path / "pcm16.wav")
    streamed = tmp_path / f"streamed.{ext}"
    codec = {"ogg": ["-c:a", "libvorbis"], "mp3": ["-b:a", "128k"]}.get(ext, [])
    run = subprocess.run(
        [FFMPEG, "-v", "error", "-i", original, *codec, "-f", ext, "pipe:1"], capture_output=True, check=True
    )
    streamed.write_bytes(run.stdout)
    with Source(streamed) as source:
        read = np.concatenate(list(source.blocks()))
        if ext != "mp3":
            assert source.frames == len(read) == 60000
            assert len(source.read(59_990, 100)) == 10
    expected, _ = soundfile.read(original)
    if ext in ("wav", "aiff", "au", "w64", "flac"):
        assert np.array_equal(read, expected)
    assert abs(len(read) - 60000) < 3 * 1152


@pytest.mark.parametrize(
    ("rate", "quiet_first"), [(48000, False), (48000, True), (22050, True), (11025, False)], ids=str
)
def test_an_mp3_of_guessed_length_is_whole(tmp_path, rate, quiet_first):
    """libsndfile guesses from the first bit rate and reads no further: 70 % was lost without a word."""
    samples = np.concatenate([noise(rate * 3), np.zeros((rate * 3, 2))])
    soundfile.write(tmp_path / "a.wav", samples[::-1] if quiet_first else samples, rate)
    encode = [FFMPEG, "-v", "error", "-i", tmp_path / "a.wav", "-q:a", "4", "-write_xing"]
    subprocess.run([*encode, "1", tmp_path / "known.mp3"], check=True)
    subprocess.run([*encode, "0", tmp_path / "guessed.mp3"], check=True)
    read = {}
    for name in ("known.mp3", "guessed.mp3"):
        with Source(tmp_path / name) as source:
            read[name] = np.concatenate(list(source.blocks()))
            assert len(read[name]) == source.frames
            at = source.frames - 5000
            assert np.allclose(source.read(at, 1000), read[name][at : at + 1000], atol=1e-6)
    known, guessed = read.values()
    assert len(known) == 6 * rate
    assert 0 < len(guessed) - 6 * rate < 3 * 1152
    late = next(
        late
        for late in range(3 * 1152)
        if np.allclose(guessed[late:][: len(known) : 1009], known[::1009], atol=1e-4)  # most are not, by far
        and np.allclose(guessed[late:][: len(known)], known, atol=1e-4)
    )
    assert late <= 1152 + 529  # the encoder's delay, which only a header could state


def test_an_mp3_is_summed_frame_by_frame_unless_its_header_states_the_count(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(44100 * 3), 44100)
    encode = [FFMPEG, "-v", "error", "-i", tmp_path / "a.wav", "-b:a", "128k", "-write_xing"]
    subprocess.run([*encode, "1", tmp_path / "known.mp3"], check=True)
    subprocess.run([*encode, "0", tmp_path / "guessed.mp3"], check=True)
    summed = mp3_length(tmp_path / "guessed.mp3").frames
    assert 0 <= summed - 3 * 44100 <= 2 * 1152
    content = (tmp_path / "known.mp3").read_bytes()
    assert mp3_length(tmp_path / "known.mp3") == Mp3(None, None)
    at = content.index(b"Info") + 4
    (tmp_path / "known.mp3").write_bytes(content[:at] + bytes(8) + content[at + 8 :])  # as written to a pipe
    assert mp3_length(tmp_path / "known.mp3").frames == summed


def riff(data_size, audio_bytes, tail=b"", rate=RATE, channels=2):
    body = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * 2 * channels, 2 * channels, 16)
    body += struct.pack("<4sI", b"data", data_size) + audio_bytes + tail
    return struct.pack("<4sI4s", b"RIFF", 4 + len(body), b"WAVE") + body


@pytest.mark.parametrize("claimed", [0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, 0x80000000, 0x7FFFF000, 0x7FFFEFDC])
def test_sizes_of_open_ended_recorders_are_no_cut(tmp_path, claimed):
    path = tmp_path / "a.wav"
    path.write_bytes(riff(claimed, bytes(4000)))
    with Source(path) as source:
        assert sum(len(block) for block in source.blocks()) == 1000


def test_a_chunk_of_odd_size_before_the_audio_hides_no_cut(tmp_path):
    path = tmp_path / "a.wav"
    whole = riff(4000, bytes(4000))
    path.write_bytes((whole[:12] + b"note\x03\0\0\0abc\0" + whole[12:])[:-10])
    with pytest.raises(AudioError, match="claims 4000 bytes of audio, 3990 are there"):
        Source(path)


@pytest.mark.parametrize("audio_bytes", [b"\x01\xff" * 1000, b"loud" * 500])
def test_a_data_size_of_zero_before_audio_is_told(tmp_path, audio_bytes):
    path = tmp_path / "a.wav"
    path.write_bytes(riff(0, audio_bytes))
    with pytest.raises(AudioError, match="says 0 bytes of audio, but 2000 bytes follow") as error:
        Source(path)
    one_line(error)


def test_a_file_of_no_frames_is_read_as_such(tmp_path):
    path = tmp_path / "a.wav"
    for content in (riff(0, b""), riff(0, b"", b"LIST" + struct.pack("<I4s", 4, b"INFO"))):
        path.write_bytes(content)
        with Source(path) as source:
            assert source.frames == 0
            assert list(source.blocks()) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"RIFF", "cannot be read as audio"),
        (b"Dear band, the take is in the other folder.\n" * 9, "cannot be read as audio"),
        (riff(4000, bytes(4000), rate=0), "no valid sample rate"),
        (riff(4000, bytes(4000), channels=0), "cannot be read as audio|no valid sample rate"),
        (b"OggS", "cut short"),
        (b".snd", "cannot be read as audio"),
        (b"RIFF\xff\xff\xff\xffWAVE" + b"junk\0\0\0\0" * 90_000, "cannot be read as audio"),
        (bytes(100_000), "cannot be read as audio"),
    ],
)
def test_what_is_not_audio_is_one_line(tmp_path, content, words):
    path = tmp_path / "take.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=words) as error:
        Source(path)
    assert one_line(error).startswith(f"{path}: ")


def test_missing_folders_pipes_and_forbidden_files_are_one_line(tmp_path):
    with pytest.raises(AudioError, match="no such file") as error:
        Source(tmp_path / "none.wav")
    one_line(error)
    with pytest.raises(AudioError, match="is not a file but a folder"):
        Source(tmp_path)
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(AudioError, match="is not a file"):
        Source(tmp_path / "pipe.wav")
    path = written(tmp_path / "a.wav", noise(5))
    path.chmod(0)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)
        with pytest.raises(AudioError, match=r"cannot be opened \(Permission denied\)") as error:
            Source(path)
    finally:
        os.seteuid(user)
    one_line(error)


@given(
    name=st.sampled_from(sorted(set(FORMATS) - {"ima.wav"})),
    edits=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4),
    in_header=st.booleans(),
)
@settings(deadline=None, max_examples=examples(80))
def test_a_damaged_file_is_audio_or_one_line(tmp_path_factory, name, edits, in_header):
    path = tmp_path_factory.getbasetemp() / name
    content = bytearray(exported(path, 2000).read_bytes())
    for place, replacement in edits:
        at = int(place * min(len(content) - 1, 120 if in_header else len(content) - 1))
        content[at : at + len(replacement)] = replacement
    path.write_bytes(content)
    frames = 0
    try:
        with Source(path) as source:
            for block in source.blocks():
                assert block.nbytes <= BLOCK_FRAMES * 16 * 8
                frames += len(block)
                assert frames < 1 << 22
    except AudioError as error:
        text = str(error)
        assert "\n" not in text


def test_a_claimed_length_is_never_allocated(tmp_path):
    """86 bytes that claim 2^35 frames: a FLAC header with nothing after it."""
    info = struct.pack(">HH6xQ16x", 4096, 4096, (44100 << 44) | (1 << 41) | (15 << 36) | ((1 << 36) - 1))
    path = tmp_path / "a.flac"
    path.write_bytes(b"fLaC\x80\x00\x00\x22" + info)
    tracemalloc.start()
    try:
        with Source(path) as source:
            assert source.frames == (1 << 36) - 1
            with pytest.raises(AudioError, match=r"cut short|cannot be decoded") as error:
                list(source.blocks())
            with pytest.raises(AudioError, match="cannot be decoded"):
                source.read(1 << 35, 10)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    one_line(error)


def test_reads_at_any_frame(tmp_path):
    samples = noise(1000).astype(np.float32)
    with Source(written(tmp_path / "a.wav", samples)) as source:
        for start, frames in ((0, 10), (10, 10), (990, 100), (3, 7), (1000, 5), (2000, 5), (0, 0)):
            assert np.array_equal(source.read(start, frames), samples[start : start + frames])
        assert np.array_equal(np.concatenate(list(source.blocks(100, 350))), samples[100:350])
        with pytest.raises(AudioError, match="1000 could be decoded"):
            list(source.blocks(900, 1001))


@pytest.mark.parametrize("name", [*FORMATS, "streamed.flac", "streamed.mp3"])
def test_any_read_is_that_part_of_the_whole(tmp_path, name):
    path = tmp_path / name
    if name.startswith("streamed"):
        original = exported(tmp_path / "pcm16.wav", 150_000)
        run = subprocess.run(
            [FFMPEG, "-v", "error", "-i", original, "-f", path.suffix[1:], "pipe:1"], capture_output=True, check=True
        )
        path.write_bytes(run.stdout)
    else:
        exported(path, 150_000)
    with Source(path) as source:
        whole = np.concatenate(list(source.blocks()))
    starts = np.random.default_rng(0).integers(0, 149_000, 24)
    with Source(path) as source:
        for start, frames in zip(starts, starts[::-1] % 700 + 1, strict=True):
            part = source.read(int(start), int(frames))
            assert np.allclose(part, whole[start : start + frames], rtol=0, atol=3e-7), start
    with Source(path) as source:
        assert np.allclose(np.concatenate(list(source.blocks(70_001, 140_003))), whole[70_001:140_003], atol=3e-7)


def test_many_channels_make_shorter_blocks(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((BLOCK_FRAMES, 64)), 8000)
    with Source(path) as source:
        sizes = [block.size for block in source.blocks()]
    assert sum(sizes) == BLOCK_FRAMES * 64
    assert max(sizes) <= BLOCK_FRAMES * 16


@pytest.mark.parametrize("codec", ["libvorbis", "libopus", "flac"])
def test_surround_comes_in_wav_order_from_every_codec(tmp_path, codec):
    tones_hz = (300, 500, 700, 60, 1100, 1300)
    time = np.arange(RATE) / RATE
    soundfile.write(tmp_path / "a.wav", 0.1 * np.sin(2 * np.pi * np.outer(time, tones_hz)), RATE, format="WAVEX")
    coded = tmp_path / ("a.flac" if codec == "flac" else "a.ogg")
    subprocess.run(
        [FFMPEG, "-v", "error", "-channel_layout", "5.1", "-i", tmp_path / "a.wav", "-c:a", codec, coded], check=True
    )
    with Source(coded) as source:
        spectrum = np.abs(np.fft.rfft(source.read(6000, 24000), axis=0))
    assert [int(peak) * 2 for peak in spectrum.argmax(axis=0)] == list(tones_hz)


# blocks


@given(frames=st.integers(0, 200), lengths=partitions, size=st.integers(1, 70))
def test_reblocked_is_the_same_audio_in_equal_blocks(frames, lengths, size):
    samples = noise(frames, 1)
    blocks = list(reblocked(split(samples, lengths), size))
    assert [len(block) for block in blocks[:-1]] == [size] * (len(blocks) - 1)
    assert all(1 <= len(block) <= size for block in blocks)
    assert np.array_equal(np.concatenate([*blocks, samples[:0]]), samples)


@given(frames=st.integers(0, 200), lengths=partitions, wanted=st.integers(0, 300))
def test_fitted_cuts_or_fills_with_silence(frames, lengths, wanted):
    samples = noise(frames, 2)
    blocks = list(fitted(split(samples, lengths), wanted, 2))
    assert all(len(block) for block in blocks)
    joined = np.concatenate([*blocks, samples[:0]])
    assert len(joined) == wanted
    assert np.array_equal(joined[:frames], samples[:wanted])
    assert not joined[frames:].any()


def test_fitted_asks_for_no_block_past_the_last():
    def blocks():
        yield noise(10)
        raise AssertionError("asked for more")

    assert sum(len(block) for block in fitted(blocks(), 10, 2)) == 10


def test_silence_to_fill_comes_in_blocks():
    assert max(len(block) for block in fitted(iter(()), 5 * BLOCK_FRAMES + 1, 1)) == BLOCK_FRAMES
