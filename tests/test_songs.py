"""Songs of real recordings, end to end through the real doit command, held against other people's programs.

Loudness and true peaks are libebur128's, decoded audio is ffmpeg's, spectra and onsets are scipy's; which
recording is what, at which tempo, and which ought to fail, follows from ``LICENCES.tsv``.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from hashlib import sha256

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
import soxr
from scipy import signal

from tests.loudness_oracle import integrated_lufs, true_peak_dbtp
from tests.pipeline import tasks_of
from tests.project import Project, Run

REGGAE = [
    "1_E-Piano",
    "2_Bass_Slap_02",
    "3_Strings_high",
    "4_Strings_low",
    "5_BD_03",
    "6_Snare_05",
    "7_Snare_06",
    "8_Open_HiHat_02",
    "9_Closed_HihHat_03",
]
LSB_24 = 2.0**-23


def new_project(tmp_path_factory, recordings, name):
    """Return an empty song's folder whose spec finds the recordings under audio/."""
    project = Project(tmp_path_factory.mktemp(name) / "song")
    (project.folder / "spec" / "audio").symlink_to(recordings)
    return project


def file_stem(name, file, *lines):
    """Return the table of a stem that is a recording."""
    table = [f"[stems.{json.dumps(name, ensure_ascii=False)}]", 'generator = "file"', f'file = "audio/{file}"', *lines]
    return "\n".join(table) + "\n\n"


def of_archive(song, stems, reference=False):
    """Return the tasks that an archive needs: nobody looks at the pictures of it."""
    return [task for task in tasks_of(song, stems, reference=reference) if not task.startswith(("picture", "report"))]


def audio(project, path):
    """Return a file's samples, which float32 holds exactly, and its rate."""
    samples, rate = soundfile.read(project.folder / "build" / path, dtype="float32", always_2d=True)
    return samples, rate


def facts(project, path):
    return json.loads((project.folder / "build" / path).read_text(encoding="utf-8"))


def by_ffmpeg(path, channels, rate, frames=None):
    """Return a file's samples, at least so many frames of it, or all."""
    until = [] if frames is None else ["-t", str(frames / rate + 1)]
    options = ["-ar", str(rate), *until, "-f", "f32le", "pipe:1"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", path, *options]
    run = subprocess.run(command, capture_output=True, check=True)
    return np.frombuffer(run.stdout, np.float32).reshape(-1, channels)


def decibels(ratio):
    return 20 * np.log10(max(float(ratio), 1e-12))


def rms(samples):
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def opened(project, song):
    """Return an archive's files by name, after holding each against the checksums and the manifest."""
    (path,) = (project.folder / "build" / song).glob("*.zip")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        found = {name.rpartition("/")[2]: archive.read(name) for name in archive.namelist()}
    sums = dict(reversed(line.split("  ", 1)) for line in found["SHA256SUMS"].decode().splitlines())
    digests = {name: sha256(data).hexdigest() for name, data in found.items() if name != "SHA256SUMS"}
    assert sums == digests
    manifest = json.loads(found["manifest.json"])
    assert {file["name"]: file["sha256"] for file in manifest["files"]}.items() <= digests.items()
    return found, manifest


def delivered(project, song):
    """Return an archive's stems by name and its master, all of one length, with the manifest."""
    found, manifest = opened(project, song)
    waves = {}
    for file in manifest["files"]:
        samples, rate = soundfile.read(io.BytesIO(found[file["name"]]), dtype="float32", always_2d=True)
        assert rate == manifest["song"]["sample_rate"]
        assert samples.shape == (manifest["song"]["delivered_frames"], manifest["song"]["channels"])
        waves[file.get("stem")] = samples
    assert set(found) == {file["name"] for file in manifest["files"]} | {
        "manifest.json",
        "TrackSheet.txt",
        "SHA256SUMS",
    }
    return waves, waves.pop(None), manifest


def assert_mastered(master, rate, measured, lufs, dbtp):
    """Hold a master against libebur128, and what was measured of it against both.

    Loudness is that of the standard's own filter, at 48 kHz: libebur128's differs by 0.02 LU at 96 kHz.
    """
    found_lufs = integrated_lufs(soxr.resample(master, rate, 48000, "VHQ"), 48000)
    found_dbtp = true_peak_dbtp(master, rate)
    assert found_lufs == pytest.approx(lufs, abs=0.1)
    assert found_dbtp <= dbtp
    assert measured["lufs"] == pytest.approx(found_lufs, abs=0.02)
    assert measured["true_peak_dbtp"] == pytest.approx(found_dbtp, abs=0.3)


def of_master(manifest):
    """Return what a manifest says was measured of the master."""
    (entry,) = (file for file in manifest["files"] if file["role"] == "master")
    return entry["measurements"]


# six bars of the nine stems of a song, whose sum is the song

BAR = 58800
BARS = slice(14 * BAR, 20 * BAR)
"""In them each of the nine is heard."""


@pytest.fixture(scope="module")
def reggae(tmp_path_factory, recordings):
    project = new_project(tmp_path_factory, recordings, "reggae")
    excerpt = project.folder / "spec" / "excerpt"
    excerpt.mkdir()
    for path in (recordings / "songs" / "lmms_reggaetry").iterdir():
        samples, rate = soundfile.read(path, always_2d=True, start=BARS.start, stop=BARS.stop)
        soundfile.write(excerpt / path.name, samples, rate)
    head = """
[song]
title = "ReggaeTry"
artist = "Der Daniel"
bpm = 180
sample_rate = 44100
subtype = "PCM_24"

[reference]
file = "excerpt/MASTER.ogg"
min_duration = 8.0
channels = 2

[[sections]]
name = "verse"
bars = 2

[[sections]]
name = "chorus"
bars = 4

"""
    stems = "".join(file_stem(name, f"{name}.flac") for name in REGGAE).replace("audio/", "excerpt/")
    project.spec(head + stems, "reggae")
    assert project.build().done == {"ran": tasks_of("reggae", REGGAE, reference=True)}
    return project


def test_the_stems_of_a_song_sum_to_it(reggae, recordings):
    mix, rate = audio(reggae, "reggae/mix.wav")
    folder = recordings / "songs" / "lmms_reggaetry"
    stems = [
        by_ffmpeg(folder / f"{name}.flac", 1 if name.startswith("7") else 2, rate, BARS.stop)[BARS] for name in REGGAE
    ]
    # a stem is rounded to half an LSB after dither of one
    assert np.abs(mix - sum(stems)).max() <= 9 * 1.5 * LSB_24
    song = by_ffmpeg(folder / "MASTER.ogg", 2, rate, BARS.stop)[BARS]
    assert mix.shape == song.shape == (6 * BAR, 2)
    assert integrated_lufs(mix, rate) == pytest.approx(integrated_lufs(song, rate), abs=0.1)
    for channel in range(2):
        products = signal.correlate(mix[:, channel], song[:, channel], method="fft")
        assert np.argmax(products) == len(song) - 1
        assert np.corrcoef(mix[:, channel], song[:, channel])[0, 1] > 0.99
    # Vorbis keeps the waveform of the lows, where bass and bass drum are
    lows = signal.butter(4, 500, fs=rate, output="sos")
    assert decibels(rms(signal.sosfilt(lows, mix - song, axis=0)) / rms(signal.sosfilt(lows, song, axis=0))) < -25


def test_the_archive_of_a_song_holds_its_stems_and_what_they_sum_to(reggae):
    stems, master, manifest = delivered(reggae, "reggae")
    assert sorted(stems) == REGGAE
    mix, rate = audio(reggae, "reggae/mix.wav")
    gains = {file["stem"]: file["mix_gain_db"] for file in manifest["files"] if file["role"] == "stem"}
    summed = sum(samples * 10 ** (gains[name] / 20) for name, samples in stems.items())
    assert decibels(np.abs(summed - mix).max()) < -120
    assert_mastered(master, rate, of_master(manifest), -14.0, -1.0)
    for name, samples in stems.items():
        (entry,) = (file for file in manifest["files"] if file.get("stem") == name)
        assert entry["measurements"]["peak_dbfs"] == pytest.approx(decibels(np.abs(samples).max()), abs=0.001)
        assert entry["align"]["strategy"] == "none"
    # recorded in mono, dithered in stereo
    np.testing.assert_allclose(stems["7_Snare_06"][:, 0], stems["7_Snare_06"][:, 1], atol=3 * LSB_24)
    assert [(each["name"], each["start_frame"], each["end_frame"]) for each in manifest["sections"]] == [
        ("verse", 0, 2 * BAR),
        ("chorus", 2 * BAR, 6 * BAR),
    ]


def test_an_effect_on_one_stem_of_nine_rebuilds_that_stem_and_the_sum(reggae):
    before = reggae.products()
    reggae.edit('5_BD_03.flac"\n', '5_BD_03.flac"\neffects = [{ name = "highpass", cutoff_hz = 40 }]\n', "reggae")
    changed = tasks_of(
        "reggae", ["5_BD_03"], ["archive", "master", "mix", "picture", "process", "report", "sync"], True
    )
    assert reggae.build().done == {"ran": changed}
    assert reggae.products().keys() == before.keys()
    reggae.edit('effects = [{ name = "highpass", cutoff_hz = 40 }]\n', "", "reggae")
    assert reggae.build().done == {"restored": changed}
    assert reggae.products() == before


# two stems over full scale

METAL = """
[song]
title = "Metal madness"
artist = "Sectoid"
bpm = 150
sample_rate = 44100
subtype = "PCM_24"

[reference]
duration = "0:48"

[[sections]]
name = "all"
fill = true

[stems.band]
generator = "file"
file = "audio/songs/metal_madness/song.ogg"
align = "truncate"
gain_db = -6

[stems.guitar]
generator = "file"
file = "audio/songs/metal_madness/guitar.ogg"
align = "truncate"
gain_db = -6

[master]
loudness_lufs = -14
ceiling_dbtp = -1
"""


@pytest.fixture(scope="module")
def metal(tmp_path_factory, recordings):
    project = new_project(tmp_path_factory, recordings, "metal")
    project.spec(METAL, "metal")
    assert project.build("archive:metal").done == {"ran": of_archive("metal", ["band", "guitar"])}
    return project


def test_recordings_over_full_scale_are_kept_whole_and_delivered_lower(metal, recordings):
    stems, master, manifest = delivered(metal, "metal")
    for name, file in {"band": "song.ogg", "guitar": "guitar.ogg"}.items():
        recording = by_ffmpeg(recordings / "songs" / "metal_madness" / file, 2, 44100)
        assert np.abs(recording).max() > 1.0
        stem, _ = audio(metal, f"metal/stems/{name}.wav")
        assert stem.shape == recording.shape
        assert decibels(np.abs(stem - recording).max()) < -80  # two decoders of Vorbis
        # the song goes on for another minute and a half, and is faded out at the end of the target
        until = len(stems[name]) - 44100
        expected = np.multiply(stem[:until], 10 ** (-6 / 20), dtype=np.float64)
        assert np.abs(expected).max() > 10 ** (-6 / 20)
        assert np.abs(stems[name][:until] - expected).max() <= 1.51 * LSB_24
    assert_mastered(master, 44100, of_master(manifest), -14.0, -1.0)


@pytest.mark.parametrize("lufs", [-11.0, -23.0])
def test_another_loudness_makes_another_master_of_the_same_mix(metal, lufs):
    metal.edit("loudness_lufs = -14", f"loudness_lufs = {lufs}", "metal")
    try:
        assert metal.build("master:metal").done == {"ran": ["master:metal"]}
        master, _ = audio(metal, "metal/master.wav")
        assert_mastered(master, 44100, facts(metal, "metal/master.json"), lufs, -1.0)
        mix, _ = audio(metal, "metal/mix.wav")
        # the limiter moves nothing in time: what is below the ceiling is the mix, louder
        quiet = slice(0, 44100)
        gain = rms(master[quiet]) / rms(mix[quiet])
        assert decibels(gain) == pytest.approx(lufs - integrated_lufs(mix, 44100), abs=0.6)
        assert np.corrcoef(master[:, 0], mix[:, 0])[0, 1] > 0.99
    finally:
        metal.edit(f"loudness_lufs = {lufs}", "loudness_lufs = -14", "metal")
        assert metal.build("archive:metal").done == {"restored": ["master:metal"]}


def test_16_bit_stems_over_full_scale_fail_by_a_line_that_says_how_much_lower(metal):
    metal.spec(METAL.replace("PCM_24", "PCM_16").replace("gain_db = -6\n", ""), "hot")
    run = metal.doit("--continue", "archive:hot")
    assert (run.code, run.err) == (1, "")
    kept = "(kept for listening: build/hot/processed/{}.rejected.wav)"
    assert run.lines("FAILED") == {
        "process:hot/band": "spec/hot.toml: stems.band: it peaks at +1.69 dBFS and PCM_16 clips 37 samples: "
        "lower gain_db by 1.7 dB or use FLOAT " + kept.format("band"),
        "process:hot/guitar": "spec/hot.toml: stems.guitar: it peaks at +0.07 dBFS and PCM_16 clips 2 samples: "
        "lower gain_db by 0.1 dB or use FLOAT " + kept.format("guitar"),
    }
    # what is the same as in the other song is not rendered again
    assert run.done.keys() == {"restored", "FAILED"}
    assert not (metal.folder / "build/hot/mix.wav").exists()
    (metal.folder / "spec/hot.toml").unlink()


# loops with a tempo of their own

LOOPS = {  # file, bpm, beats in the whole file
    "amen": ("loops/loop_amen_full.flac", 140.0, 16),
    "breakbeat": ("loops/loop_breakbeat.flac", 126.0, 4),
    "click": ("loops/click-120bpm.flac", 120.0, 4),
    "electro": ("loops/electro_beat02.ogg", 120.0, 4),
    "mehackit": ("loops/loop_mehackit1.flac", 97.0, 4),
    "mika": ("loops/loop_mika.flac", 120.0, 16),
    "tabla": ("loops/loop_tabla.flac", 89.94, 16),
    "tb303": ("loops/tb303_01.ogg", 124.7, 8),
}
ASKED_FOR = ("amen", "breakbeat", "click", "electro", "tb303")
FRAMES = 137 * 44100


@pytest.fixture(scope="module")
def loops(tmp_path_factory, recordings):
    project = new_project(tmp_path_factory, recordings, "loops")
    text = '[song]\nbpm = 120\nsample_rate = 44100\n\n[reference]\nduration = "2:17"\n\n'
    # one is clipped where it was recorded, one has a direct current: a song says so, or its stem fails
    more = {"amen": "verify = { clipping_ratio = 0.01 }", "tb303": "verify = { dc_offset = 0.05 }"}
    for name, (file, bpm, _) in LOOPS.items():
        # half of them as asked for, half as chosen by their kind; with a tempo this near to it 'auto' would stretch
        how = 'align = "loop"' if name in ASKED_FOR else 'kind = "drums"'
        text += file_stem(name, file, f"bpm = {bpm}", how, more.get(name, ""))
    project.spec(text, "loops")
    stages = [f"{stage}:loops/{name}" for stage in ("stem", "align") for name in LOOPS]
    assert project.build("align:loops/*").done == {"ran": sorted(["reference:loops", "timing:loops", *stages])}
    return project


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_keeps_its_own_tempo_to_the_last_bar(loops, name):
    _, bpm, beats = LOOPS[name]
    made, rate = audio(loops, f"loops/aligned/{name}.wav")
    stem, _ = audio(loops, f"loops/stems/{name}.wav")
    assert made.shape == (FRAMES, 2)
    period = beats * 60 / bpm * rate
    edge = round(0.03 * rate)
    whole = slice(edge, min(len(stem), int(period)) - edge)
    steps = np.abs(np.diff(stem, axis=0)).max()
    count = int(FRAMES / period)
    assert count > 11
    for repetition in range(1, count):
        at = round(repetition * period)
        np.testing.assert_array_equal(made[at + whole.start : at + whole.stop], stem[whole])
        seam = made[at - edge : at + edge]
        assert np.abs(np.diff(seam, axis=0)).max() <= 1.05 * steps
        # between the level before the seam and after it
        levels = rms(stem[len(stem) - edge :]), rms(stem[:edge])
        assert decibels(rms(seam) / max(min(levels), 1e-3)) > -1.5
    align = facts(loops, f"loops/aligned/{name}.json")["align"]
    assert (align["strategy"], align["bpm"], align["loop_beats"]) == ("loop", bpm, beats)
    bars = f"{len(stem) / period * beats / 4:.4g} bars".replace("1 bars", "1 bar")
    assert align["reason"] == ("asked for in the spec" if name in ASKED_FOR else f"kind drums, tempo known, {bars}")


def test_a_looped_metronome_clicks_on_every_beat_for_two_minutes(loops):
    made, rate = audio(loops, "loops/aligned/click.wav")
    envelope = np.abs(made[:, 0])
    clicks, _ = signal.find_peaks(envelope, height=0.3, distance=rate // 4)
    expected = np.arange(274) * rate // 2
    assert len(clicks) == len(expected)
    assert np.ptp(clicks - expected) <= 0.002 * rate


def test_a_stem_outside_a_limit_fails_by_one_line_and_the_others_are_built(loops):
    loops.edit("verify = { clipping_ratio = 0.01 }\n", "", "loops")
    loops.edit("verify = { dc_offset = 0.05 }\n", "", "loops")
    try:
        run = loops.doit("--continue", "align:loops/*")
        assert (run.code, run.err) == (1, "")
        lines = run.lines("FAILED")
        assert sorted(lines) == ["stem:loops/amen", "stem:loops/tb303"]
        assert lines["stem:loops/amen"].startswith(
            "spec/loops.toml: stems.amen: 0.7612% of it is clipped, 0.1000% is allowed"
            ": record or export it again, softer, or allow it with verify.clipping_ratio"
        )
        assert lines["stem:loops/tb303"].startswith(
            "spec/loops.toml: stems.tb303: its DC offset is 0.0396, 0.02 is allowed"
            ': remove it with mend = [{ name = "highpass", cutoff_hz = 10, phase = "zero" }]'
            ", or allow it with verify.dc_offset"
        )
        assert len(run.tasks("up to date")) == 2 + 2 * (len(LOOPS) - 2)
    finally:
        loops.edit('loop_amen_full.flac"\n', 'loop_amen_full.flac"\nverify = { clipping_ratio = 0.01 }\n', "loops")
        loops.edit('tb303_01.ogg"\n', 'tb303_01.ogg"\nverify = { dc_offset = 0.05 }\n', "loops")
    assert set(loops.build("align:loops/*").done) <= {"restored", "verified"}


# sustained recordings

SUSTAINED = {
    "juno_pad01": "melodic/juno_pad01.ogg",
    "guit_em9": "melodic/guit_em9.flac",
    "MoonlightSonata": "melodic/MoonlightSonata.wav",
    "Rhodes": "instruments/rhodes__Rhodes_C3.flac",
}


@pytest.fixture(scope="module")
def sustained(tmp_path_factory, recordings):
    project = new_project(tmp_path_factory, recordings, "sustained")
    text = '[song]\nsample_rate = 44100\n\n[reference]\nduration = "0:40"\n\n'
    for name, file in SUSTAINED.items():
        text += file_stem(name, file, 'align = "crossfade"' if name < "a" else 'kind = "pad"', "gain_db = -9")
    project.spec(text, "pads")
    assert project.build("archive:pads").done == {"ran": of_archive("pads", SUSTAINED)}
    return project


@pytest.mark.parametrize("name", SUSTAINED)
def test_a_sustained_recording_goes_on_at_its_level_and_keeps_its_ending(sustained, name):
    made, rate = audio(sustained, f"pads/aligned/{name}.wav")
    stem, _ = audio(sustained, f"pads/stems/{name}.wav")
    align = facts(sustained, f"pads/aligned/{name}.json")["align"]
    assert len(made) == 40 * rate
    assert align["strategy"] == "crossfade"
    assert np.abs(np.diff(made, axis=0)).max() <= 1.05 * np.abs(np.diff(stem, axis=0)).max()
    start, stop = align["region_start_frame"], align["region_end_frame"]
    np.testing.assert_array_equal(made[:start], stem[:start])

    def levels(samples):
        window = round(0.4 * rate)
        return [decibels(rms(samples[at : at + window])) for at in range(0, len(samples) - window, window // 2)]

    extended = made[start : 30 * rate]
    assert min(levels(extended)) > min(levels(stem[start:stop])) - 1.5
    assert max(levels(extended)) < max(levels(stem[start:stop])) + 1.5
    # no other notes: in each third of an octave it is never louder than the recording is somewhere
    bands = 100 * 2 ** (np.arange(17) / 3)

    def spectrogram(samples):
        frequency, _, power = signal.spectrogram(samples.mean(axis=1), rate, nperseg=8192)
        thirds = [(frequency >= low) & (frequency < low * 2 ** (1 / 3)) for low in bands]
        return np.array([power[third].sum(axis=0) for third in thirds])

    recorded = spectrogram(stem).max(axis=1)
    assert (10 * np.log10(spectrogram(extended).max(axis=1) / recorded))[recorded > recorded.max() * 1e-4].max() < 3.0
    # its own ending: after the last seam the recording plays out, but for what was cut at the target
    last = align["seam_list"][-1]
    if align["seams"] == len(align["seam_list"]):
        at = last["frame"] + last["overlap_frames"]
        part = made[at : len(made) - round(0.02 * rate)]
        end = stem[len(stem) - len(made) + at :][: len(part)]
        lag = np.argmax(signal.correlate(part[:, 0], end[:, 0], method="fft")) - len(end) + 1
        assert abs(lag) <= round(0.024 * rate)


def test_extended_recordings_make_an_archive(sustained):
    stems, master, manifest = delivered(sustained, "pads")
    assert sorted(stems) == sorted(SUSTAINED)
    assert_mastered(master, 44100, of_master(manifest), -14.0, -1.0)


# every format, and every hostile file

SILENT = "it is silent: -200.0 dBFS RMS, at least -60.0 is allowed: record or export it again, or leave it out"
DIRECT_CURRENT = "its DC offset is {}, 0.02 is allowed: record or export it again, or allow it with verify.dc_offset"
REFUSED_FORMATS = {
    "8k-4ch-1s-silence.aif": SILENT,
    "silence-2s-PCM-16000-08-ID3v23.wav": SILENT,
    "test-44100Hz-2ch-32bit-float-be.wav": DIRECT_CURRENT.format(0.0518),  # 10 ms of a slow sine
    "test-8000Hz-le-3ch-5S-24bit.wav": DIRECT_CURRENT.format(0.0857),  # 5 frames
}
UNREADABLE = "cannot be read as audio ("
HOSTILE = {
    "106-invalid-streaminfo.flac": UNREADABLE,
    "AIFF.aif": UNREADABLE,
    "empty_extradata.wav": SILENT,
    "emptyfile.mp3": "the file is empty (0 bytes)",
    "lame397v9short.mp3": "no audio could be decoded",
    "made_data_size_zero.wav": "its header says 0 bytes of audio, but 58800 bytes follow",
    "made_nan_inf_f32.wav": "frame 1000 (0.023 s) is NaN or infinite",
    "made_text.wav": UNREADABLE,
    "made_truncated_mid_data.wav": "cut short: its header claims 58800 bytes of audio, 29377 are there",
    "ooming-header.flac": "cut short: it claims 6135740 frames (139.132 s), 0 could be decoded",
    "rect_24bit_noriff.wav": UNREADABLE,
    "rect_24bit_wrong_fmt_size.wav": UNREADABLE,
    "segfault.wav": UNREADABLE,
    "test-44100Hz-le-1ch-4bytes-early-eof-no-data.wav": UNREADABLE,
    "test-44100Hz-le-1ch-4bytes-early-eof.wav": "cut short: its header claims 17640 bytes of audio, 944 are there",
    "test-44100Hz-le-1ch-4bytes-incomplete-chunk.wav": UNREADABLE,
    "test-8000Hz-le-3ch-5S-24bit-inconsistent.wav": DIRECT_CURRENT.format(0.0857),
    "test-8000Hz-le-3ch-5S-36bit.wav": UNREADABLE,
    "too-short.mp3": "cannot be read as audio (no audio is found in it)",
    "truncated-64bit.mp4": UNREADABLE,
    "zero-size-chunk.wav": SILENT,
}
SOUND = {"made_data_size_ffffffff.wav", "wav32-info-badchunk.wav"}
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
resource.setrlimit(resource.RLIMIT_FSIZE, (100 << 20, 100 << 20))
from doit.doit_cmd import DoitMain
code = DoitMain().run(sys.argv[1:])
# not getrusage, whose maximum a process takes over from the one that started it
print(*[line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")])
sys.exit(code)
"""


def within_limits(project, *arguments):
    """Run doit with little memory, time and disk; return what it did, and its peak memory in MB."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *arguments], cwd=project.folder, capture_output=True, timeout=60, check=False
    )
    out, _, peak = done.stdout.decode().rstrip().rpartition("\n")
    return Run(done.returncode, out, done.stderr.decode()), int(peak) / 1000


def song_of_folder(project, recordings, folder, without=()):
    """Write a song with every file of a folder as a stem of the file's name."""
    names = sorted(path.name for path in (recordings / folder).iterdir() if path.name not in without)
    stems = "".join(file_stem(name, f"{folder}/{name}", "gain_db = -12") for name in names)
    project.spec("[song]\nsample_rate = 44100\n\n[reference]\nduration = 6.0\n\n" + stems, folder)
    return names


def assert_refused(run, song, expected):
    """Insist that exactly these stems failed, each by one line that names spec, stem and file."""
    lines = run.lines("FAILED")
    assert sorted(lines) == sorted(f"stem:{song}/{name}" for name in expected)
    for name, phrase in expected.items():
        line = lines[f"stem:{song}/{name}"]
        where = f"spec/{song}.toml: stems.{name}: "
        assert line.startswith(where)
        found = line.removeprefix(where).removeprefix(f"spec/audio/{song}/{name}: ")
        assert found.startswith(phrase), line
        assert ("export it again" in found) or ("repair the header" in found) or ("kept for listening" in found), line
    assert "Traceback" not in run.out + run.err


def test_every_format_is_a_stem_of_one_song(tmp_path_factory, recordings):
    project = new_project(tmp_path_factory, recordings, "formats")
    names = song_of_folder(project, recordings, "formats")
    run = project.doit("--continue")
    assert (run.code, run.err) == (1, "")
    assert_refused(run, "formats", REFUSED_FORMATS)
    fine = [name for name in names if name not in REFUSED_FORMATS]
    assert len(fine) == 19
    ran = [task for task in tasks_of("formats", fine) if not task.startswith(("mix", "master", "archive", "report"))]
    # what sounds the same in two formats is drawn once
    drawn = run.tasks("restored")
    assert sorted([*run.tasks("ran"), *drawn]) == ran
    assert all(task.startswith("picture:") for task in drawn)
    song_of_folder(project, recordings, "formats", without=REFUSED_FORMATS)
    assert project.build().done == {"ran": ["archive:formats", "master:formats", "mix:formats", "report:formats"]}
    stems, master, manifest = delivered(project, "formats")
    assert sorted(stems) == fine
    assert_mastered(master, 44100, of_master(manifest), -14.0, -1.0)
    assert manifest["song"]["frames"] == 6 * 44100


def test_every_hostile_file_fails_by_one_line_or_is_a_sound_stem(tmp_path_factory, recordings):
    project = new_project(tmp_path_factory, recordings, "hostile")
    names = song_of_folder(project, recordings, "hostile")
    assert set(names) == SOUND | set(HOSTILE)
    run, peak_mb = within_limits(project, "--continue")
    assert run.code == 1
    assert_refused(run, "hostile", HOSTILE)
    ran = [f"{stage}:hostile/{name}" for stage in ("stem", "align", "process", "picture") for name in SOUND]
    assert run.tasks("ran") == sorted(["reference:hostile", "timing:hostile", *ran])
    # what libmpg123 itself has to say of an MP3 that ends in its first frame
    assert [line for line in run.err.splitlines() if "libmpg123" not in line] == []
    assert peak_mb < 250
    project.assert_clean()
    song_of_folder(project, recordings, "hostile", without=HOSTILE)
    assert project.build().done == {"ran": ["archive:hostile", "master:hostile", "mix:hostile", "report:hostile"]}
    stems, _, _ = delivered(project, "hostile")
    assert set(stems) == SOUND


# channels, rates and names

MIXED = """
[song]
title = "Träume 夢"
sample_rate = 48000
subtype = "PCM_24"
tail_seconds = 2.0

[reference]
file = "audio/vocals/vocadito_10.wav"
min_duration = 9.0
channels = 1
sample_rate = 44100

[stems.Gesang]
generator = "file"
file = "audio/vocals/vocadito_10.wav"
kind = "vocal"
gain_db = -6
effects = [{ name = "highpass", cutoff_hz = 80 }, { name = "reverb", decay_seconds = 1.2 }]

[stems."Klavier links"]
generator = "file"
file = "audio/melodic/ambi_piano.flac"
pan = -1
gain_db = -6

[stems."ギター"]
generator = "file"
file = "audio/melodic/guitar_strum_Cmajor_UP_00.flac"
align = "zero_pad"

[stems."Prøve tøne"]
generator = "file"
file = "audio/formats/Prøve.flac"
gain_db = -12

[stems."8k"]
generator = "file"
file = "audio/formats/alaw.wav"
channels = 1
align = "zero_pad"
"""
MIXED_STEMS = ["8k", "Gesang", "Klavier links", "Prøve tøne", "ギター"]


def test_one_song_takes_mono_and_stereo_8_and_96_khz_and_any_name(tmp_path_factory, recordings):
    project = new_project(tmp_path_factory, recordings, "mixed")
    project.spec(MIXED, "gemischt 夢")
    run = project.build()
    # doit splits nothing at a space, but the test's own reader of lines does
    assert run.code == 0
    assert "8 ran" not in run.out
    assert f"{len(tasks_of('x', MIXED_STEMS, reference=True))} ran" in run.out.splitlines()[-1]
    (archive,) = (project.folder / "build/gemischt 夢").glob("*.zip")
    assert archive.name == "Träume夢_48k_24bit.zip"
    stems, master, manifest = delivered(project, "gemischt 夢")
    assert sorted(stems) == MIXED_STEMS
    assert [file["name"] for file in manifest["files"]] == [
        "Träume夢_8k_48k_24b.wav",
        "Träume夢_Gesang_48k_24b.wav",
        "Träume夢_KlavierLinks_48k_24b.wav",
        "Träume夢_PrøveTøne_48k_24b.wav",
        "Träume夢_ギター_48k_24b.wav",
        "Träume夢_Master_48k_24b.wav",
    ]
    frames = -(-401214 * 48000 // 44100)  # the voice's, from 44.1 kHz, of which half a frame is left
    assert manifest["song"]["frames"] == frames
    assert len(master) == frames + 2 * 48000
    assert_mastered(master, 48000, of_master(manifest), -14.0, -1.0)
    # the room rings on after the target, a stem without effects does not
    assert rms(stems["Gesang"][frames : frames + 24000]) > 1e-4
    assert np.abs(stems["ギター"][frames:]).max() <= 1.5 * LSB_24
    # panned hard left
    assert np.abs(stems["Klavier links"][:, 1]).max() <= 1.5 * LSB_24
    np.testing.assert_allclose(stems["8k"][:, 0], stems["8k"][:, 1], atol=3 * LSB_24)
    # 8 kHz has nothing above 4 kHz; a mono stem in the middle is 3 dB lower in each channel of a stereo song
    recordings_at = {"8k": ("formats/alaw.wav", 8000), "ギター": ("melodic/guitar_strum_Cmajor_UP_00.flac", 96000)}
    for name, (file, rate) in recordings_at.items():
        theirs = by_ffmpeg(recordings / file, 2, rate).mean(axis=1)
        ours = stems[name].mean(axis=1)[: len(theirs) * 48000 // rate]
        frequency, density = signal.welch(ours, 48000, nperseg=4096)
        their_frequency, their_density = signal.welch(theirs, rate, nperseg=4096 * rate // 48000)
        for low, high in ((100, 1000), (1000, 3500)):
            level, their_level = (
                10 * np.log10(np.trapezoid(d[(f >= low) & (f < high)], f[(f >= low) & (f < high)]))
                for f, d in ((frequency, density), (their_frequency, their_density))
            )
            assert level == pytest.approx(their_level - (3.01 if name == "8k" else 0.0), abs=0.3)
    frequency, density = signal.welch(stems["8k"][:, 0], 48000, nperseg=4096)
    assert density[frequency > 4400].max() < 1e-9 * density.max()


RATES = """
[song]
bpm = 97
sample_rate = {rate}
subtype = "PCM_24"

[reference]
duration = "3 bars"

[stems.beats]
generator = "file"
file = "audio/loops/loop_mehackit1.flac"
kind = "drums"
gain_db = -6

[stems.guitar]
generator = "file"
file = "audio/melodic/guitar_strum_Cmajor_UP_00.flac"
gain_db = -6

[stems.piano]
generator = "file"
file = "audio/melodic/MoonlightSonata.wav"
align = "crossfade"
effects = [{{ name = "lowpass", cutoff_hz = 9000 }}, {{ name = "delay", beats = 0.75 }}]
gain_db = -6
"""


def test_a_song_sounds_the_same_at_44_1_and_at_96_khz(tmp_path_factory, recordings):
    project = new_project(tmp_path_factory, recordings, "rates")
    found = {}
    for rate in (44100, 96000):
        project.spec(RATES.format(rate=rate), f"at{rate}")
        stems = ["beats", "guitar", "piano"]
        assert project.build(f"archive:at{rate}").done == {"ran": of_archive(f"at{rate}", stems)}
        waves, master, manifest = delivered(project, f"at{rate}")
        assert len(master) == round(12 * 60 / 97 * rate)
        assert_mastered(master, rate, of_master(manifest), -14.0, -1.0)
        found[rate] = {name: integrated_lufs(samples, rate) for name, samples in waves.items()}
        onsets = waves["beats"][:, 0]
        found[rate]["bar"] = np.argmax(signal.correlate(onsets[: 6 * rate], onsets[: 2 * rate], "valid")[rate:]) + rate
        assert found[rate]["bar"] == pytest.approx(4 * 60 / 97 * rate, abs=1)
    assert found[44100]["beats"] == pytest.approx(found[96000]["beats"], abs=0.1)
    assert found[44100]["piano"] == pytest.approx(found[96000]["piano"], abs=0.5)
