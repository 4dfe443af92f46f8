"""What a recording says of its own length is read right or refused with one line."""

from __future__ import annotations

import struct
import subprocess

import numpy as np
import pytest
import soundfile

from stemtasks.audio.source import Source
from stemtasks.errors import AudioError
from stemtasks.stages import reference
from tests.audio_files import FFMPEG, noise, one_line

RATE = 44100
SECOND = noise(RATE, 2)
BY_FFMPEG = {
    "info.mp3": ["-b:a", "128k"],
    "bare.mp3": ["-b:a", "128k", "-write_xing", "0", "-id3v2_version", "0"],
    "vorbis.ogg": ["-c:a", "libvorbis"],
    "flac.ogg": ["-c:a", "flac"],
    "a.opus": ["-c:a", "libopus"],
    "a.flac": [],
    "a.wav": [],
    "a.w64": [],
    "a.aiff": [],
    "a.au": [],
    "a.caf": [],
    "a.mp2": [],
    "mp3.wav": ["-c:a", "libmp3lame"],
    "ima.wav": ["-c:a", "adpcm_ima_wav"],
    "ms.wav": ["-c:a", "adpcm_ms"],
}
OGG = [name for name in BY_FFMPEG if name.endswith((".ogg", ".opus"))]
PLAIN = ["a.wav", "a.w64", "a.aiff", "a.au", "a.caf"]


@pytest.fixture(scope="module")
def coded(tmp_path_factory):
    """A second of noise in each format, as ffmpeg writes it, by name."""
    folder = tmp_path_factory.mktemp("coded")
    soundfile.write(folder / "in.wav", 0.3 * SECOND, RATE)
    command = [FFMPEG, "-y", "-v", "error", "-i", folder / "in.wav"]
    for name, options in BY_FFMPEG.items():
        command += [*options, folder / name]
    subprocess.run(command, check=True)
    return {name: (folder / name).read_bytes() for name in BY_FFMPEG}


def refused(path, content):
    path.write_bytes(content)
    with pytest.raises(AudioError) as error, Source(path) as source:
        list(source.narrow_blocks())
    return one_line(error)


def length(path, content):
    path.write_bytes(content)
    with Source(path) as source:
        assert sum(len(block) for block in source.narrow_blocks()) == source.frames
        return source.frames


@pytest.mark.parametrize("name", [*OGG, *PLAIN, "a.flac", "info.mp3"])
def test_recordings_joined_in_one_file_are_refused(coded, tmp_path, name):
    said = refused(tmp_path / name, coded[name] * 2)
    assert "recordings are joined" in said or "recordings are chained" in said


@pytest.mark.parametrize("between", [b"", b"ID3\x04\0\0\0\0\0\x0a" + bytes(10), b"TAG" + bytes(125)])
def test_mp3s_joined_without_headers_are_read_whole_and_with_one_refused(coded, tmp_path, between):
    bare, info = coded["bare.mp3"], coded["info.mp3"]
    assert length(tmp_path / "a.mp3", bare + between + bare) >= 2 * RATE
    assert "the rest would be lost" in refused(tmp_path / "a.mp3", info + between + bare)
    assert "recordings are joined" in refused(tmp_path / "a.mp3", bare + between + info)


@pytest.mark.parametrize("name", OGG)
def test_an_ogg_stream_without_its_last_page_is_cut_short(coded, tmp_path, name):
    content = coded[name]
    assert "cut short" in refused(tmp_path / name, content[: content.rindex(b"OggS")])


def test_an_mp3_with_fewer_frames_than_its_header_counts_is_cut_short(coded, tmp_path):
    assert "cut short" in refused(tmp_path / "a.mp3", coded["info.mp3"][:-4000])


@pytest.mark.parametrize("change", [-4096, 4096])
def test_a_streaminfo_that_miscounts_is_told_before_decoding(coded, tmp_path, change):
    content = bytearray(coded["a.flac"])
    content[21:26] = (int.from_bytes(content[21:26], "big") + change).to_bytes(5, "big")
    (tmp_path / "a.flac").write_bytes(content)
    with pytest.raises(AudioError, match=f"{RATE + change} frames"):
        Source(tmp_path / "a.flac")


@pytest.mark.parametrize("frames", [1, 15, 4096, 4097, 9000])
def test_a_whole_flac_of_any_length_is_read(tmp_path, frames):
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros((frames, 1)), RATE)
    assert length(path, path.read_bytes() + b"TAG" + bytes(125)) == frames


@pytest.mark.parametrize("name", PLAIN)
def test_audio_behind_what_the_header_says_is_told(coded, tmp_path, name):
    more = np.random.default_rng(3).bytes(100_000)
    more = b"\x01\xfe" + more
    said = refused(tmp_path / name, coded[name] + more)
    assert "its header says less than the file holds: 1000" in said


@pytest.mark.parametrize("tail", [bytes(3), b"\x01" * 8, bytes(500), b"TAG" + bytes(125)])
@pytest.mark.parametrize("name", PLAIN)
def test_padding_and_tags_behind_the_audio_are_passed(coded, tmp_path, name, tail):
    assert length(tmp_path / name, coded[name] + tail) == RATE


def test_chunks_behind_an_odd_length_of_audio_are_passed(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((1001, 1)), RATE, subtype="PCM_U8")
    chunk = b"bext" + struct.pack("<I", 600) + bytes(600) + b"LIST" + struct.pack("<I", 4) + b"INFO"
    assert length(path, path.read_bytes() + chunk) == 1001
    without_pad = path.read_bytes()[: 44 + 1001] + chunk
    assert length(path, without_pad) == 1001


@pytest.mark.parametrize("name", ["ima.wav", "ms.wav"])
def test_a_coding_in_blocks_is_as_long_as_its_fact_says(coded, tmp_path, name):
    assert length(tmp_path / name, coded[name]) == RATE
    content = bytearray(coded[name])
    at = content.index(b"fact") + 8
    content[at : at + 4] = struct.pack("<I", 5)
    assert length(tmp_path / name, bytes(content)) > RATE  # not plausible: all that is decoded


@pytest.mark.parametrize("form", ["WAV", "W64"])
@pytest.mark.parametrize("frames", [8000, 8320])
def test_the_byte_that_pads_gsm_blocks_is_no_block(tmp_path, form, frames):
    path = tmp_path / "gsm"
    soundfile.write(path, np.zeros(frames), 8000, format=form, subtype="GSM610")
    assert length(path, path.read_bytes()) == frames


@pytest.mark.parametrize("subtype", ["G721_32", "NMS_ADPCM_32"])
def test_a_fact_counts_where_the_header_does_not_describe_a_block(tmp_path, subtype):
    soundfile.write(tmp_path / "a.wav", np.zeros(44101), 8000, subtype=subtype)
    assert length(tmp_path / "a.wav", (tmp_path / "a.wav").read_bytes()) == 44101


def test_an_mp3_in_a_wav_is_whole(coded, tmp_path):
    assert abs(length(tmp_path / "a.wav", coded["mp3.wav"]) - RATE) < 4 * 1152


@pytest.mark.parametrize("times", [1, 2])
def test_mpeg_layer_two_is_as_long_as_what_is_decoded(coded, tmp_path, times):
    assert 0 <= length(tmp_path / "a.mp2", coded["a.mp2"] * times) - times * RATE < times * 1152


def wav(tag, channels, bits, align, bytes_per_second=7):
    fmt = struct.pack("<HHIIHH", tag, channels, RATE, bytes_per_second, align, bits)
    if tag == 0xFFFE:
        fmt += struct.pack("<HHI", 22, min(bits, 20), 3) + bytes.fromhex("0100000000001000800000aa00389b71")
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", 4800) + bytes(4800)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    ("tag", "channels", "bits", "align"),
    [(0xFFFE, 2, 24, 8), (1, 2, 24, 8), (1, 2, 16, 8), (1, 2, 16, 6), (1, 2, 32, 6), (1, 1, 16, 4), (3, 2, 32, 16)],
)
def test_slots_that_contradict_the_samples_are_told(tmp_path, tag, channels, bits, align):
    assert f"{align} bytes a frame; repair" in refused(tmp_path / "a.wav", wav(tag, channels, bits, align))


@pytest.mark.parametrize(
    ("tag", "channels", "bits", "align", "frames"),
    [(1, 2, 16, 2, 1200), (1, 2, 16, 0, 1200), (0xFFFE, 2, 24, 6, 800), (0xFFFE, 2, 32, 8, 600)],
)
def test_harmless_nonsense_in_a_header_is_read(tmp_path, tag, channels, bits, align, frames):
    assert length(tmp_path / "a.wav", wav(tag, channels, bits, align)) == frames


def test_24_bits_in_slots_of_4_bytes_are_read_where_the_byte_rate_says_so_too(tmp_path):
    assert length(tmp_path / "a.wav", wav(1, 2, 24, 8, 8 * RATE)) == 600


def test_a_reference_is_as_long_as_the_same_recording_as_a_stem(tmp_path):
    soundfile.write(tmp_path / "a.wav", SECOND[:24001], 96000, subtype="FLOAT")
    assert reference._measured(tmp_path / "a.wav", 48000)["target_frames"] == 12001
