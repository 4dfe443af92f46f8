"""Every recording of ``formats`` becomes a stem, every one of ``hostile`` a stem or one line, within limits.

Each expected outcome follows from what the file is: see ``LICENCES.tsv`` and the remarks.
"""

from __future__ import annotations

import json
import subprocess
import sys

import imageio_ffmpeg
import numpy as np
import pytest
import soxr

from stemtasks.audio.blocks import Stream
from stemtasks.audio.source import Source
from stemtasks.dsp.channels import mixed, mixing
from stemtasks.generators.file import file

# frames at 48 kHz: the recording's frames times 48000 over its rate
FORMATS = {
    "8k-4ch-1s-silence.aif": 48000,
    "Prøve.flac": 48000,
    "aiff32.aiff": 518,
    "alaw.wav": 170400,
    "breakbeat.w64": 91429,
    "breakbeat_48k_6ch.wav": 16000,
    "breakbeat_u8_22k.wav": 91429,
    "gs-16b-1c-16000hz.opus": 759939,
    "miniaudio_test.mp3": 480771,
    "pluck-alaw.aifc": 14398,
    "pluck-pcm16.au": 14398,
    "pluck-pcm24.wav": 14398,
    "pluck-pcm32.aiff": 14398,
    "pluck-pcm8.wav": 14398,
    "pluck-ulaw.au": 14398,
    "rect_24bit_rf64.wav": 24000,
    "rect_32bit.wav": 24000,
    "rumpf_beats_02-15.flac": 115217,
    "silence-2s-PCM-16000-08-ID3v23.wav": 96000,
    "test-44100Hz-2ch-32bit-float-be.wav": 480,
    "test-44100Hz-le-1ch-4bytes-rf64.wav": 4800,
    "test-8000Hz-le-3ch-5S-24bit.wav": 30,
    "test.wav": 12000,
}
LOSSY = {"gs-16b-1c-16000hz.opus", "miniaudio_test.mp3"}
NOT_FOR_FFMPEG = {"rect_24bit_rf64.wav", "test-44100Hz-le-1ch-4bytes-rf64.wav", "test-44100Hz-2ch-32bit-float-be.wav"}

# frames at 48 kHz, or words of the error
HOSTILE = {
    "106-invalid-streaminfo.flac": "cannot be read as audio",  # a STREAMINFO of another length
    "AIFF.aif": "cannot be read as audio (its header is damaged)",  # 290 bytes that claim half a second
    "empty_extradata.wav": 4,  # 8 bytes of 16 bit at 48 kHz behind a long fmt chunk
    "emptyfile.mp3": "the file is empty (0 bytes)",
    "lame397v9short.mp3": "no audio could be decoded",  # one frame; libsndfile claims 2^63 - 1
    "made_data_size_ffffffff.wav": 16000,  # a recorder's pipe: 14700 frames at 44.1 kHz, all there
    "made_data_size_zero.wav": "its header says 0 bytes of audio, but 58800 bytes follow",
    "made_nan_inf_f32.wav": "is NaN or infinite",
    "made_text.wav": "cannot be read as audio",
    "made_truncated_mid_data.wav": "cut short: its header claims 58800 bytes of audio, 29377 are there",
    "ooming-header.flac": "cut short: it claims 6135740 frames (139.132 s), 0 could be decoded",
    "rect_24bit_noriff.wav": "cannot be read as audio",
    "rect_24bit_wrong_fmt_size.wav": "cannot be read as audio",
    "segfault.wav": "cannot be read as audio",
    "test-44100Hz-le-1ch-4bytes-early-eof-no-data.wav": "cannot be read as audio",
    "test-44100Hz-le-1ch-4bytes-early-eof.wav": "cut short: its header claims 17640 bytes of audio, 944 are there",
    "test-44100Hz-le-1ch-4bytes-incomplete-chunk.wav": "cannot be read as audio",
    "test-8000Hz-le-3ch-5S-24bit-inconsistent.wav": 30,  # only its block align lies; 5 frames of 3 channels
    "test-8000Hz-le-3ch-5S-36bit.wav": "cannot be read as audio",
    "too-short.mp3": "cannot be read as audio (no audio is found in it)",
    "truncated-64bit.mp4": "cannot be read as audio",  # AAC is not read, whole or cut
    "wav32-info-badchunk.wav": 518,  # the chunk after the audio is bad
    "zero-size-chunk.wav": 267,  # sizes never filled in, RIFF's too; 980 bytes are there
}

RENDER = """
import json, resource, signal, sys
from pathlib import Path
import numpy as np
from stemtasks.audio.blocks import Stream
from stemtasks.errors import StemtasksError
from stemtasks.generators.file import file
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
for path in sys.argv[2:]:
    signal.alarm(20)  # ends the process, and the test sees which file was the last
    print(json.dumps(path), end=" ", flush=True)
    frames, peak, limit = 0, 0.0, 200 * 48000
    try:
        for block in file(Stream(48000, 2, 0, Path(sys.argv[1])), file=path):
            frames += len(block)
            peak = max(peak, float(np.abs(block).max()))
            assert frames < limit, "audio without end"
        outcome = [frames, peak]
    except StemtasksError as error:
        outcome = str(error)
    print(json.dumps(outcome), flush=True)
"""


def outcomes(folder, scratch):
    """Render all files of a folder in a process with limits; return frames and peak, or the error, by name."""
    paths = sorted(folder.iterdir())
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", RENDER, scratch, *paths], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, (run.stdout[-500:], run.stderr[-2000:])
    decoder, found = json.JSONDecoder(), {}
    for path, line in zip(paths, run.stdout.splitlines(), strict=True):
        _, end = decoder.raw_decode(line)
        found[path.name] = json.loads(line[end:])
    return found


def test_every_hostile_file_is_a_stem_or_one_line(recordings, tmp_path):
    found = outcomes(recordings / "hostile", tmp_path)
    assert set(found) == set(HOSTILE)
    for name, expected in HOSTILE.items():
        if isinstance(expected, int):
            assert found[name][0] == expected, (name, found[name])
            assert found[name][1] < 4.0, name
        else:
            assert isinstance(found[name], str), (name, found[name])
            assert expected in found[name], (name, found[name])
            assert found[name].startswith(str(recordings / "hostile" / name) + ": ")
            assert "\n" not in found[name]


def test_every_format_becomes_a_stem_of_the_right_length(recordings, tmp_path):
    found = outcomes(recordings / "formats", tmp_path)
    assert {name: outcome[0] for name, outcome in found.items()} == FORMATS


def decoded_by_ffmpeg(path, channels, rate):
    run = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", path, "-ar", str(rate), "-f", "f64le", "pipe:1"],
        capture_output=True,
        check=True,
    )
    return np.frombuffer(run.stdout).reshape(-1, channels)


@pytest.mark.parametrize("name", sorted(set(FORMATS) - NOT_FOR_FFMPEG))
def test_a_stem_is_what_ffmpeg_decodes(recordings, tmp_path, name):
    path = recordings / "formats" / name
    with Source(path) as source:
        ours = np.concatenate(list(source.blocks()))
        rate = source.sample_rate
    theirs = decoded_by_ffmpeg(path, ours.shape[1], rate)
    if name in LOSSY:  # decoders differ in rounding and in how they treat the encoder's delay
        assert abs(len(theirs) - len(ours)) <= 4000
        assert abs(np.std(ours) / np.std(theirs) - 1) < 0.01
    else:
        assert np.allclose(ours, theirs, rtol=0, atol=1e-9)
    stem = np.concatenate(list(file(Stream(48000, 2, 0, tmp_path), file=str(path))))
    expected = soxr.resample(mixed(ours, mixing(ours.shape[1], 2)), rate, 48000, quality="VHQ")
    frames = min(len(stem), len(expected))
    assert np.array_equal(stem[:frames], expected[:frames]) or np.allclose(stem[:frames], expected[:frames], atol=1e-6)


def test_real_loops_and_songs_keep_their_level(recordings, tmp_path):
    for path in sorted([*(recordings / "loops").iterdir(), *(recordings / "melodic").iterdir()]):
        with Source(path) as source:
            ours = np.concatenate(list(source.blocks()))
            assert len(ours) == source.frames
        stem = np.concatenate(list(file(Stream(48000, 1, 0, tmp_path), file=str(path))))
        level_db = 20 * np.log10(np.std(stem) / np.std(ours.mean(axis=1)))
        assert abs(level_db) < 0.1, (path.name, level_db)


def test_a_six_channel_recording_is_mixed_by_bs775(recordings, tmp_path):
    path = recordings / "formats" / "breakbeat_48k_6ch.wav"
    with Source(path) as source:
        left, right, centre, _, ls, rs = source.read(0, 16000).T
    stem = np.concatenate(list(file(Stream(48000, 2, 0, tmp_path), file=str(path))))
    h = np.sqrt(0.5)
    assert np.allclose(stem, np.stack([left + h * (centre + ls), right + h * (centre + rs)], axis=1), atol=1e-12)
