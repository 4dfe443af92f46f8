"""What a stem's ``mend`` does to what comes from outside, against scipy; and what it builds again."""

from __future__ import annotations

import json
import shutil
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import event, example, given, settings
from hypothesis import strategies as st
from scipy import signal

from stemtasks import sources
from stemtasks.action.keys import code_of, limits_digest
from stemtasks.audio.blocks import BLOCK_FRAMES, Stream
from stemtasks.audio.facts import decibels
from stemtasks.audio.mending import mended
from stemtasks.audio.wav import write_wav
from stemtasks.job import canonical
from stemtasks.spec.reading import read_song
from stemtasks.stages import stem as stage
from tests import examples
from tests.parts import REFERENCES
from tests.pipeline import all_after
from tests.project import Project, Run
from tests.test_own_parts import own

RATE = 48_000
WITHOUT_DC = {"effect": "highpass", "arguments": {"cutoff_hz": 10.0, "order": 2, "phase": "zero"}, "seed": None}
MINIMUM = {"effect": "highpass", "arguments": {"cutoff_hz": 30.0, "order": 4, "phase": "minimum"}, "seed": None}
ECHO = {"effect": "delay", "arguments": {"time_ms": 300.0, "feedback": 0.9, "mix": 0.5}, "seed": None}
ENDLESS = {"effect": "delay", "arguments": {"time_ms": 60_000.0, "feedback": 0.98}, "seed": None}
REVERB = {"effect": "reverb", "arguments": {"decay_seconds": 2.0}, "seed": 5}
FADE = {"effect": "fade", "arguments": {"out_ms": 10.0}, "seed": None}
LIMITS = {"silence_dbfs": -60.0, "clipping_ratio": 0.001, "dc_offset": 0.02, "mend": True}


PARTS = {**REFERENCES, "effects/clip": f"{__name__}:clip", "mend": stage.MENDING}


def clip(blocks, stream):
    return (np.clip(60 * block, -1, 1) for block in blocks)


def params(*effects):
    return {"mend": list(effects), "parts": PARTS}


def blocks_of(x, cuts=()):
    return iter(np.split(x, [cut for cut in sorted(cuts) if cut < len(x)]))


def mend(x, *effects, cuts=(), scratch=Path(), unmended=None):
    stream = Stream(RATE, x.shape[1], 0, scratch)
    blocks = list(mended(blocks_of(x, cuts), stream, None, {}, params(*effects), {} if unmended is None else unmended))
    assert all(block.shape[1] == x.shape[1] and len(block) for block in blocks)
    return np.concatenate(blocks)


def noise(frames, channels=2, level=0.1, seed=0):
    return np.random.default_rng(seed).normal(0.0, level, (frames, channels))


@pytest.fixture
def made(tmp_path):
    """Return made(x or path, *effects) -> (samples as written, facts) of a stem whose recording that is."""

    def run(x, *effects, rate=RATE, channels=None):
        path = x if isinstance(x, Path) else tmp_path / "take.wav"
        if path is not x:
            write_wav(path, iter([x]), rate, x.shape[1])
        outputs = {"audio": tmp_path / "out/x.wav", "facts": tmp_path / "out/x.json"}
        outputs["audio"].parent.mkdir(exist_ok=True)
        with soundfile.SoundFile(path) as file:
            channels = channels or min(file.channels, 2)
        said = {"generator": "file", "arguments": {}, "sample_rate": RATE, "channels": channels, "frames": None}
        said |= {"seed": None, "environment": {}, "packages": {}, "parts": PARTS}
        stage.run({"file": path}, outputs, {**said, "mend": list(effects)} if effects else said)
        assert sorted(each.name for each in outputs["audio"].parent.iterdir()) == ["x.json", "x.wav"]
        return soundfile.read(outputs["audio"], always_2d=True)[0], json.loads(outputs["facts"].read_text())

    return run


# the sound


def test_a_filter_is_scipys_over_the_whole_recording():
    x = noise(200_000)
    zero, minimum = (
        signal.butter(2, 10, "highpass", fs=RATE, output="sos"),
        signal.butter(4, 30, "highpass", fs=RATE, output="sos"),
    )
    np.testing.assert_allclose(mend(x, WITHOUT_DC), signal.sosfiltfilt(zero, x, axis=0), atol=1e-12)
    np.testing.assert_allclose(mend(x, MINIMUM), signal.sosfilt(minimum, x, axis=0), atol=1e-12)


@settings(max_examples=examples(40), deadline=None)
@given(
    frames=st.integers(1, 6000),
    channels=st.integers(1, 2),
    chain=st.lists(st.sampled_from([WITHOUT_DC, MINIMUM, ECHO, REVERB, FADE, ENDLESS]), min_size=1, max_size=3),
    cuts=st.lists(st.integers(1, 5999), max_size=4, unique=True),
)
def test_the_length_is_kept_whatever_rings_and_where_blocks_end_decides_nothing(frames, channels, chain, cuts):
    x = noise(frames, channels)
    whole = mend(x, *chain)
    assert whole.shape == x.shape
    assert np.array_equal(mend(x, *chain, cuts=cuts), whole)


def test_an_effect_is_told_the_length_of_the_recording():
    x = np.ones((10_000, 1))
    y = mend(x, FADE)
    assert np.array_equal(y[:9520], x[:9520])
    np.testing.assert_allclose(y[9520:, 0], np.arange(479, -1, -1) / 480, atol=1e-12)


def test_what_rings_past_the_end_is_cut():
    x = np.zeros((48_000, 1))
    x[0] = x[-1] = 0.5
    y = mend(x, ECHO)
    free = mend(np.concatenate([x, np.zeros_like(x)]), ECHO)
    assert np.array_equal(y, free[:48_000])
    assert np.abs(free[48_000:]).max() > 0.1


def test_memory_does_not_grow_with_duration(tmp_path):
    peaks = []
    for count in (3, 12):
        blocks = (np.full((BLOCK_FRAMES, 2), 0.1) for _ in range(count))
        tracemalloc.start()
        for _ in mended(blocks, Stream(RATE, 2, 0, tmp_path), None, {}, params(WITHOUT_DC), {}):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] + 100_000
    assert not list(tmp_path.iterdir())


# what the limits ask


@settings(max_examples=examples(40), deadline=None)
@given(
    frames=st.integers(RATE // 20, RATE),
    dc=st.floats(0.021, 0.5),
    sign=st.sampled_from([-1, 1]),
    start=st.sampled_from(["silence", "noise", "note"]),
    frequency_hz=st.floats(40.0, 4000.0),
    phase=st.floats(0.0, 6.3),
    allowed=st.sampled_from([0.001, 0.02]),
)
@example(17_700, 0.0625, -1, "note", 1769.0, 2.0, 0.02)  # both ends are near the peak
@example(53_000, 0.021, 1, "note", 2400.0, np.pi / 2, 0.02)
def test_where_the_limit_says_that_a_filter_takes_the_dc_it_does(frames, dc, sign, start, frequency_hz, phase, allowed):
    time = np.arange(frames) / RATE
    wave = 0.5 * np.sin(2 * np.pi * frequency_hz * time + phase) * np.exp(-3 * time)
    x = {"silence": np.zeros(frames), "noise": noise(frames, 1)[:, 0], "note": wave}[start] + sign * dc
    facts = {"dc": dc, "peak_dbfs": decibels(np.abs(x).max()), "duration_s": frames / RATE}
    (failure,) = said(facts, dc_offset=allowed)
    event(f"named: {'highpass' in failure}")
    if "highpass" in failure:
        assert abs(mend(x[:, None], WITHOUT_DC).mean()) < allowed


@pytest.mark.parametrize("name", ["vocals/vocadito_10.wav", "loops/loop_amen_full.flac", "melodic/guit_em9.flac"])
@pytest.mark.parametrize("dc", [0.05, -0.4])
def test_a_recording_with_dc_is_mended_to_what_it_is_without(made, recordings, name, dc):
    x, rate = soundfile.read(recordings / name, always_2d=True, stop=400_000)
    x = 0.5 * x
    _, was = made(x + dc, rate=rate)
    (failure,) = stage.verify(was, LIMITS)
    assert failure == (
        f"its DC offset is {was['dc']:.4f}, 0.02 is allowed: remove it with "
        'mend = [{ name = "highpass", cutoff_hz = 10, phase = "zero" }], or allow it with verify.dc_offset'
    )
    y, facts = made(x + dc, WITHOUT_DC, rate=rate)
    assert stage.verify(facts, LIMITS) == []
    assert facts["dc"] < 0.001
    assert facts["frames"] == was["frames"] == len(y)


@pytest.mark.parametrize("name", ["vocals/vocadito_10.wav", "loops/loop_amen_full.flac", "melodic/guit_em9.flac"])
def test_without_dc_the_same_wave_is_left_from_the_first_frame_to_the_last(made, recordings, name):
    x = 0.5 * soundfile.read(recordings / name, always_2d=True, stop=400_000)[0]
    y, _ = made(x + 0.3, WITHOUT_DC)
    np.testing.assert_allclose(y, made(x, WITHOUT_DC)[0], atol=2e-7)
    # nothing moves, and above 60 Hz nothing is another by more than 1 %
    sos = signal.butter(8, 60, "highpass", fs=RATE, output="sos")
    heard, expected = (signal.sosfiltfilt(sos, each, axis=0) for each in (y, x))
    assert np.sqrt(np.mean((heard - expected) ** 2)) < 0.01 * np.sqrt(np.mean(expected**2))


def test_a_recording_over_full_scale_is_kept_and_a_gain_brings_it_under(made):
    x = noise(20_000, level=0.5)
    assert np.abs(x).max() > 1.5
    y, _ = made(x)
    np.testing.assert_allclose(y, x, rtol=1e-6)
    y, facts = made(x, {"effect": "gain", "arguments": {"gain_db": -12.0}, "seed": None})
    np.testing.assert_allclose(y, x * 10 ** (-12 / 20), rtol=1e-6)
    assert facts["peak_dbfs"] < 0


@pytest.mark.parametrize("effect", [WITHOUT_DC, {"effect": "gain", "arguments": {"gain_db": -6.0}, "seed": None}])
def test_what_is_clipped_is_still_so_behind_what_would_hide_it(made, effect):
    x = np.clip(noise(20_000, level=1.0), -1.0, 1.0)
    x[::7] *= 0.5
    _, was = made(x)
    _, facts = made(x, effect)
    assert facts["clipped_ratio"] == was["clipped_ratio"] > 0.01
    (failure,) = stage.verify(facts, LIMITS)
    assert failure == (
        f"{was['clipped_ratio']:.4%} of it is clipped, 0.1000% is allowed: record or export it again, softer, "
        "or allow it with verify.clipping_ratio"
    )


def test_what_an_effect_clips_counts_too(made):
    x = noise(20_000, level=0.05)
    _, was = made(x)
    _, facts = made(x, {"effect": "clip", "arguments": {}, "seed": None})
    assert was["clipped_ratio"] == 0.0
    assert facts["clipped_ratio"] > 0.1


def said(facts, **limits):
    whole = {"invalid_samples": 0, "frames": 9, "rms_dbfs": -20.0, "clipped_ratio": 0.0, "dc": 0.0, "duration_s": 1.0}
    return stage.verify(whole | facts, LIMITS | limits)


def test_a_soft_recording_is_told_the_gain_that_it_lacks_and_a_silent_one_none():
    line = "it is silent: {} dBFS RMS, at least -60.0 is allowed: {}"
    gain = 'make it louder with mend = [{{ name = "gain", gain_db = {} }}], or allow it with verify.silence_dbfs'
    again = "record or export it again, or allow it with verify.silence_dbfs"
    nothing = "record or export it again, or leave it out"
    for rms_dbfs, peak_dbfs, way in [
        (-63.2, -50.0, gain.format(4)),
        (-108.0, -80.0, gain.format(48)),
        (-108.1, -80.0, again),
        (-100.0, -90.0, nothing),
        (-200.0, -200.0, nothing),
    ]:
        assert said({"rms_dbfs": rms_dbfs, "peak_dbfs": peak_dbfs}) == [line.format(rms_dbfs, way)]


def test_a_recording_too_short_for_it_is_not_told_that_a_filter_takes_its_dc():
    line = "its DC offset is 0.0500, {} is allowed: {}, or allow it with verify.dc_offset"
    remove = 'remove it with mend = [{ name = "highpass", cutoff_hz = 10, phase = "zero" }]'
    again = "record or export it again"
    for seconds, allowed, way in [(1.2, 0.02, remove), (1.1, 0.02, again), (1.2, 0.01, again)]:
        found = said({"dc": 0.05, "peak_dbfs": 0.0, "duration_s": seconds}, dc_offset=allowed)
        assert found == [line.format(allowed, way)]


# the build

SPEC = """
[song]
bpm = 120
sample_rate = 16000
[reference]
duration = "0:02"
[stems.take]
generator = "file"
file = "take.wav"
mend = [{ name = "highpass", cutoff_hz = 20 }, { name = "delay", beats = 0.25 }]
[stems.plain]
generator = "file"
file = "take.wav"
[stems.rendered]
generator = "command"
command = ["PYTHON", "{input}", "{output}"]
inputs = ["render.py"]
mend = [{ name = "reverb" }]
[stems.tone]
generator = "tone"
effects = [{ name = "lowpass", cutoff_hz = 4000 }]
"""
SPEC = SPEC.replace("PYTHON", sys.executable)
RENDER = """
import struct, sys, wave
with wave.open(sys.argv[1], "wb") as file:
    file.setparams((1, 2, 16000, 0, "NONE", ""))
    file.writeframes(b"".join(struct.pack("<h", 3000 * (-1) ** (i // 40)) for i in range(20_000)))
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Return the folder of a song that mends what comes from outside, and has been built."""
    project = Project(tmp_path_factory.mktemp("template") / "song")
    project.spec(SPEC)
    write_wav(project.folder / "spec/take.wav", iter([noise(30_000, 1)]), 16_000, 1)
    (project.folder / "spec/render.py").write_text(RENDER)
    run = project.build()
    (project.folder / "said.txt").write_text(run.out)
    return project.folder


@pytest.fixture
def takes(project, template):
    """Return such a song that has not been built."""
    shutil.copytree(template / "spec", project.folder / "spec", dirs_exist_ok=True)
    return project


def job(project, name):
    song = read_song(project.folder / "spec/song.toml")
    return stage.job(song, next(each for each in song.stems if each.name == name))


def test_a_changed_mend_makes_its_own_stem_again_and_what_follows_and_nothing_else(built):
    before = built.products()
    built.edit("cutoff_hz = 20", "cutoff_hz = 25")
    why = built.doit("why", "stem:song/take").out
    assert "stems.take.mend[0].cutoff_hz 20 -> 25" in why
    assert built.build().done == {"ran": all_after(SPEC, "stem:song/take")}
    built.edit("cutoff_hz = 25", "cutoff_hz = 20")
    assert built.build().done == {"restored": all_after(SPEC, "stem:song/take")}
    assert built.products() == before
    built.edit('generator = "command"', 'generator = "command"\nverify = { dc_offset = 0.5 }')
    assert "stem:song/rendered" in built.build().done["verified"]


def test_the_line_says_what_mended_it_and_the_archive_has_it(template):
    lines = Run(0, (template / "said.txt").read_text(), "").lines("ran")
    assert lines["stem:song/take"].startswith("30000 frames, mended by highpass > delay, peak ")
    assert lines["stem:song/rendered"].startswith("20000 frames, mended by reverb, peak ")
    assert lines["stem:song/plain"].startswith("30000 frames, peak ")
    (archive,) = (template / "build/song").glob("*.zip")
    with zipfile.ZipFile(archive) as file:
        (name,) = [name for name in file.namelist() if name.endswith("manifest.json")]
        files = {each["stem"]: each for each in json.loads(file.read(name))["files"] if each["role"] == "stem"}
    assert [effect["effect"] for effect in files["take"]["mend"]] == ["highpass", "delay"]
    assert {name for name, each in files.items() if "mend" in each} == {"take", "rendered"}


def test_a_source_of_mending_builds_again_only_what_is_mended_by_it(built, package):
    for source, again in (
        ("effects/highpass.py", ["take"]),
        ("effects/reverb.py", ["rendered"]),
        ("audio/mending.py", ["rendered", "take"]),
    ):
        with (package / source).open("a") as file:
            file.write("\n# changed\n")
        assert built.build().done == {"ran": [f"stem:song/{name}" for name in again]}, source


def test_a_stem_without_mend_has_nothing_of_it_in_its_key(takes):
    plain, tone = job(takes, "plain"), job(takes, "tone")
    for each in (plain, tone):
        assert not {"mend"} & (each.params.keys() | each.parts.keys() | each.inputs.keys())
        reached = sources.reached_from(code_of(each))[0]
        assert not [name for name in reached if ".effects." in name or "mending" in name or "effecting" in name]
    assert "timing" not in plain.inputs
    takes.edit('[stems.plain]\ngenerator = "file"', '[stems.plain]\ngenerator = "file"\nmend = []')
    same = job(takes, "plain")
    assert (canonical(same.params), same.parts, limits_digest(same)) == (
        canonical(plain.params),
        plain.parts,
        limits_digest(plain),
    )
    mends = job(takes, "take")
    assert {name for name in code_of(mends) if "effects" in name} == {
        "stemtasks.effects.delay",
        "stemtasks.effects.highpass",
    }
    assert "timing" in mends.inputs, "an effect in beats asks for the tempo"


def test_an_effect_in_mend_that_draws_has_a_seed_of_its_own(takes):
    takes.edit("effects = [", 'effects = [{ name = "reverb" }, ')
    seeds = [job(takes, "rendered").params["mend"][0]["seed"]]
    takes.edit("[stems.rendered]", "[stems.again]")
    seeds.append(job(takes, "again").params["mend"][0]["seed"])
    assert all(isinstance(seed, int) for seed in seeds)
    assert len(set(seeds)) == 2


def test_a_projects_own_effect_mends_and_its_source_is_in_the_key(takes):
    half = 'def half(blocks, stream):\n    """Halve."""\n    return (0.5 * block for block in blocks)\n'
    own(takes, "effects/half.py", half)
    takes.edit('{ name = "highpass", cutoff_hz = 20 }, { name = "delay", beats = 0.25 }', '{ name = "half" }')
    takes.build("stem")
    x, y = (soundfile.read(takes.folder / f"build/song/stems/{name}.wav")[0] for name in ("plain", "take"))
    assert np.array_equal(y, x / 2)
    own(takes, "effects/half.py", half.replace("0.5", "0.25"))
    assert takes.build("stem").done == {"ran": ["stem:song/take"]}


def test_what_mend_says_wrong_is_named_as_in_effects(takes):
    takes.edit("cutoff_hz = 20", "cutoff_hz = 9000")
    takes.edit("beats = 0.25", "beats = -1")
    takes.edit('{ name = "reverb" }', '{ name = "revreb" }, { cutoff_hz = 3 }, 7')
    takes.edit('generator = "tone"', 'generator = "tone"\nmend = [{ name = "gain", gain_db = 1 }]')
    lines = takes.doit("check").out.splitlines()
    place = "spec/song.toml: stems."
    assert lines[0] == (
        f"{place}take.mend[0].cutoff_hz: 9000 Hz is not below half the sample rate (8000 Hz); "
        "lower it or raise song.sample_rate"
    )
    assert lines[1] == f"{place}take.mend[1].beats: -1 is outside 0 to 100000 beats"
    assert lines[2] == f"{place}rendered.mend[2]: 7 is a whole number; expected a table"
    assert lines[3] == (
        f"{place}tone.mend: generator 'tone' brings no audio from outside, so there is nothing to mend; use effects"
    )
    takes.edit(", 7", "")
    lines = takes.doit("check").out.splitlines()
    assert lines[2].startswith(f"{place}rendered.mend[0]: unknown effect 'revreb'; known: ")
    assert lines[2].endswith("did you mean 'reverb'?")
    assert lines[3].startswith(f"{place}rendered.mend[1]: 'name' is missing; it is one of ")


def test_an_effects_own_check_is_asked_without_sound_and_knows_the_stems_channels(takes):
    takes.edit("beats = 0.25", "beats = 0.25, time_ms = 3")
    takes.edit('{ name = "reverb" }', '{ name = "width", width = 2 }')
    takes.edit('generator = "command"', 'generator = "command"\nchannels = 1')
    expected = [
        "spec/song.toml: stems.take.mend[1]: delay: give either beats or time_ms, found both",
        "spec/song.toml: stems.rendered.mend[0]: width: needs 2 channels, found 1: leave the effect out",
    ]
    assert takes.doit("check").out.splitlines()[:-1] == expected
    failed = takes.doit("--continue", "stem:song/*").lines("FAILED")
    assert sorted(failed) == ["stem:song/rendered", "stem:song/take"]


def test_a_worker_process_mends_to_the_same_bytes(built):
    before = {name: data for name, data in built.products().items() if name.startswith("song/stems/")}
    shutil.rmtree(built.folder / "build")
    dodo = built.folder / "dodo.py"
    dodo.write_text(dodo.read_text() + "\nfrom stemtasks.graph import processes, run_in\n\nrun_in(processes)\n")
    built.build("stem")
    assert {name: data for name, data in built.products().items() if name.startswith("song/stems/")} == before
