"""What a recording says of its own length is read right or refused with one line."""

from __future__ import annotations

import re
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


def pages(content):
    """Split an Ogg file into its pages."""
    found = []
    while content:
        size = 27 + content[26] + sum(content[27 : 27 + content[26]])
        found.append(content[:size])
        content = content[size:]
    return found


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]


READ_OGG = {"vorbis.ogg": ("VORBIS", RATE), "a.opus": ("OPUS", 48000)}
PAGE_IN_PLACE = {
    "missing": lambda page: page[:0],
    "twice": lambda page: page + page,
    "broken": lambda page: flipped(page, len(page) - 50),
    "torn": lambda page: page[:1000],
    "overwritten": lambda page: bytes(len(page)),
}


@pytest.fixture(scope="module")
def paged(tmp_path_factory):
    """Six seconds of noise in each Ogg format, as pages."""
    folder = tmp_path_factory.mktemp("paged")
    for name, (subtype, rate) in READ_OGG.items():
        soundfile.write(folder / name, noise(6 * rate, 2), rate, format="OGG", subtype=subtype)
    return {name: pages((folder / name).read_bytes()) for name in READ_OGG}


@pytest.mark.parametrize("how", PAGE_IN_PLACE)
@pytest.mark.parametrize("name", READ_OGG)
def test_a_page_that_is_damaged_in_any_place_is_told(paged, tmp_path, name, how):
    path, page = tmp_path / name, paged[name]
    for at in (2, len(page) // 2, len(page) - 2):
        path.write_bytes(b"".join([*page[:at], PAGE_IN_PLACE[how](page[at]), *page[at + 1 :]]))
        with pytest.raises(AudioError, match="damaged: Ogg pages are missing or broken before byte") as error:
            Source(path)
        one_line(error)


@pytest.mark.parametrize("name", READ_OGG)
def test_the_last_page_of_an_ogg_stream_must_be_whole(paged, tmp_path, name):
    content = b"".join(paged[name])
    for torn in (content[:-1], content[: 10 - len(paged[name][-1])], flipped(content, len(content) - 1)):
        assert "cut short: its last Ogg page" in refused(tmp_path / name, torn)


@pytest.mark.parametrize("name", READ_OGG)
def test_foreign_bytes_between_the_pages_of_an_ogg_stream_lose_nothing(paged, tmp_path, name):
    whole = length(tmp_path / name, b"".join(paged[name]))
    assert length(tmp_path / name, b"OggS is no page".join(paged[name]) + bytes(100)) == whole


def checksummed(page):
    """Return an Ogg page with the checksum of RFC 3533, section 6, bit by bit."""
    page, register = page[:22] + bytes(4) + page[26:], 0
    for byte in page:
        register ^= byte << 24
        for _ in range(8):
            register = register << 1 ^ (0x104C11DB7 if register >> 31 else 0)
    return page[:22] + struct.pack("<I", register) + page[26:]


def test_a_page_that_goes_back_in_time_is_told(paged, tmp_path):
    page = paged["vorbis.ogg"]
    assert checksummed(page[-1]) == page[-1]
    early = checksummed(page[-1][:6] + struct.pack("<q", 1000) + page[-1][14:])
    assert "ends at frame 1000, the one before it at " in refused(tmp_path / "a.ogg", b"".join([*page[:-1], early]))


def test_a_last_position_that_is_a_little_beyond_the_audio_is_no_cut(paged, tmp_path):
    page = paged["vorbis.ogg"]
    (end,) = struct.unpack("<q", page[-1][6:14])
    for beyond, is_cut in ((5000, False), (20000, True)):
        late = checksummed(page[-1][:6] + struct.pack("<q", end + beyond) + page[-1][14:])
        (tmp_path / "a.ogg").write_bytes(b"".join([*page[:-1], late]))
        with Source(tmp_path / "a.ogg") as source:
            if is_cut:
                with pytest.raises(AudioError, match="cut short"):
                    list(source.narrow_blocks())
            else:
                assert 0 <= sum(len(block) for block in source.narrow_blocks()) - end < 5000


@pytest.fixture(scope="module")
def flac_frames(tmp_path_factory):
    """What a FLAC of 24 frames of 4096 samples has: its metadata, then each frame."""
    path = tmp_path_factory.mktemp("flac") / "a.flac"
    soundfile.write(path, noise(24 * 4096, 2), RATE)
    content = path.read_bytes()
    sync = content.index(b"\xff\xf8")
    numbers = [content.index(content[sync : sync + 4] + bytes([number])) for number in range(24)]
    ends = [*numbers[1:], len(content)]
    return [content[: numbers[0]], *(content[start:end] for start, end in zip(numbers, ends, strict=True))]


@pytest.mark.parametrize("at", [2, 12, 23])
@pytest.mark.parametrize("how", ["missing", "twice", "sync", "junk"])
def test_flac_frames_that_do_not_follow_one_another_are_told(flac_frames, tmp_path, at, how):
    """libsndfile fills in silence for a frame that is missing, and drops the end where one is there twice."""
    before, frame, after = b"".join(flac_frames[:at]), flac_frames[at], b"".join(flac_frames[at + 1 :])
    content = {
        "missing": before + after,
        "twice": before + frame + frame + after,
        "sync": before + flipped(frame, 1) + after,
        "junk": before + after + b"junk" * 100,
    }[how]
    (tmp_path / "a.flac").write_bytes(content)
    with pytest.raises(
        AudioError, match=rf"damaged: its FLAC frames .* at frame {(at - (how != 'twice')) * 4096} "
    ) as error:
        Source(tmp_path / "a.flac")
    one_line(error)


def test_a_flac_of_an_unknown_length_with_a_frame_missing_is_told(flac_frames, tmp_path):
    head = bytearray(flac_frames[0])
    head[21] &= 0xF0
    head[22:26] = bytes(4)
    content = [bytes(head), *flac_frames[1:]]
    assert length(tmp_path / "a.flac", b"".join(content)) == 24 * 4096
    assert "at frame 40960 " in refused(tmp_path / "a.flac", b"".join(content[:11] + content[12:]))


def frames_of_mp3(content):
    """Split an MP3 of 128 kbit/s at 44.1 kHz without tags into its frames, by ISO/IEC 11172-3, 2.4.3.1."""
    found = []
    while content:
        size = 144 * 128000 // 44100 + (content[2] >> 1 & 1)
        found.append(content[:size])
        content = content[size:]
    return found


def test_bytes_in_an_mp3_that_are_no_frames_are_told_where_frames_may_be_lost(coded, tmp_path):
    frames = frames_of_mp3(coded["bare.mp3"])
    before, frame, after = b"".join(frames[:20]), frames[20], b"".join(frames[21:])
    for damaged in (flipped(frame, 1), bytes(len(frame))):
        said = refused(tmp_path / "a.mp3", before + damaged + after)
        assert f"damaged: {len(damaged)} bytes at byte {len(before)} are no MP3 frames" in said
    assert "are no MP3 frames" in refused(tmp_path / "a.mp3", before + frame[:100] + after)
    assert "cut short: 117 bytes of its last MP3 frame" in refused(tmp_path / "a.mp3", coded["bare.mp3"][:-117])


def test_bytes_between_the_frames_of_an_mp3_that_has_all_that_it_states_are_passed(coded, tmp_path):
    content = coded["info.mp3"]
    first = content.index(b"Info") - 36
    frames = frames_of_mp3(content[first:])
    whole = length(tmp_path / "a.mp3", content)
    assert whole == RATE
    more = content[:first] + b"".join(frames[:20]) + b"\1foreign" * 50 + b"".join(frames[20:])
    assert length(tmp_path / "a.mp3", more) == whole
    lost = content[:first] + b"".join(frames[:20]) + bytes(418) + b"".join(frames[21:])
    assert "damaged: 418 bytes" in refused(tmp_path / "a.mp3", lost)


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


@pytest.mark.parametrize("stated", [0, 4000, 8000, 8160])
def test_gsm_in_an_aiff_is_as_long_as_its_comm_says_if_that_fits_its_blocks(tmp_path, stated):
    path = tmp_path / "a.aifc"
    soundfile.write(path, np.zeros(8001), 8000, format="AIFF", subtype="GSM610")
    assert length(path, path.read_bytes()) == 8001
    content = bytearray(path.read_bytes())
    at = content.index(b"COMM") + 10
    content[at : at + 4] = struct.pack(">I", stated)
    if stated > 8000:
        assert length(path, bytes(content)) == stated
    else:
        assert f"its header says {stated} frames, but 8160 are there" in refused(path, bytes(content))


@pytest.mark.parametrize("subtype", ["G721_32", "NMS_ADPCM_32"])
def test_a_fact_counts_where_the_header_does_not_describe_a_block(tmp_path, subtype):
    soundfile.write(tmp_path / "a.wav", np.zeros(44101), 8000, subtype=subtype)
    assert length(tmp_path / "a.wav", (tmp_path / "a.wav").read_bytes()) == 44101


def test_an_mp3_in_a_wav_is_whole(coded, tmp_path):
    assert abs(length(tmp_path / "a.wav", coded["mp3.wav"]) - RATE) < 4 * 1152


def fraunhofer(audio, stated):
    """Put a VBRI header in front of an MP3 of 44.1 kHz stereo, as Fraunhofer's encoders write it: at byte 36."""
    head = b"\xff\xfb\xa0\x00" + bytes(32) + b"VBRI"
    head += struct.pack(">HHHIIHHHH", 1, 1105, 75, 522 + len(audio), stated, 0, 1, 2, 1)
    return head.ljust(144 * 160000 // 44100, b"\0") + audio


def test_an_mp3_with_a_fraunhofer_header_is_as_long_as_its_frames(tmp_path):
    loud_then_quiet = np.concatenate([noise(2 * RATE), np.zeros((3 * RATE, 2))])[::-1]
    soundfile.write(tmp_path / "in.wav", loud_then_quiet, RATE)
    options = ["-q:a", "4", "-write_xing", "0", "-id3v2_version", "0"]
    subprocess.run([FFMPEG, "-v", "error", "-i", tmp_path / "in.wav", *options, tmp_path / "bare.mp3"], check=True)
    bare = (tmp_path / "bare.mp3").read_bytes()
    decode = [FFMPEG, "-v", "error", "-i", tmp_path / "bare.mp3", "-f", "s16le", "pipe:1"]
    frames = len(subprocess.run(decode, check=True, capture_output=True).stdout) // 4 // 1152
    for stated in (frames, frames + 1):  # with or without the header's own
        assert length(tmp_path / "a.mp3", fraunhofer(bare, stated)) == frames * 1152 - 529  # the decoder's own delay
    assert f"claims {2 * frames} MP3 frames, {frames} are there" in refused(
        tmp_path / "a.mp3", fraunhofer(bare, 2 * frames)
    )
    assert "the rest would be lost" in refused(tmp_path / "a.mp3", fraunhofer(bare, frames // 2))
    assert "recordings are joined" in refused(tmp_path / "a.mp3", fraunhofer(bare, frames) * 2)


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


@pytest.mark.parametrize(("channels", "align"), [(258, 4), (5, 4), (3, 4)])
def test_channels_that_contradict_both_the_bytes_of_a_frame_and_of_a_second_are_told(tmp_path, channels, align):
    content = wav(1, channels, 16, align, align * RATE)
    assert f"{align} bytes a frame; repair" in refused(tmp_path / "a.wav", content)


@pytest.mark.parametrize(("at", "value"), [(7, b"\x18"), (1, b"\x06"), (2, b"\0\1")])
def test_an_aiff_that_states_more_frames_than_its_bytes_are_is_told(coded, tmp_path, at, value):
    content = bytearray(coded["a.aiff"])
    at += content.index(b"COMM") + 8
    content[at : at + len(value)] = value
    assert re.search(
        r"its header says \d+ frames, but its bytes are \d+; repair", refused(tmp_path / "a.aiff", content)
    )


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
