"""The mix against the sum of its stems, and a real song against its own stems."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import soundfile

from stemtasks.audio import summing
from stemtasks.audio.blocks import BLOCK_FRAMES
from stemtasks.audio.source import Source
from stemtasks.audio.wav import write_wav
from stemtasks.errors import AudioError
from stemtasks.progress import on_final
from stemtasks.stages import mix
from tests.measured import measure

RATE = 48_000


@pytest.fixture
def stem(tmp_path):
    def write(name, samples, rate=RATE):
        write_wav(tmp_path / f"{name}.wav", iter([samples]), rate, samples.shape[1])
        return tmp_path / f"{name}.wav"

    return write


def mixed(tmp_path, stems, gains_db, channels=2, rate=RATE):
    outputs = {"audio": tmp_path / "mix.wav", "facts": tmp_path / "mix.json"}
    outputs["loudness"] = tmp_path / "mix.loudness.json"
    inputs = {f"stems/{name}": path for name, path in stems.items()}
    mix.run(inputs, outputs, {"gains_db": gains_db, "channels": channels, "sample_rate": rate})
    facts = json.loads(outputs["facts"].read_text())
    return soundfile.read(outputs["audio"], always_2d=True)[0], facts


def noise(seed, frames=BLOCK_FRAMES * 2 + 777, channels=2, level=0.1):
    return np.random.default_rng(seed).standard_normal((frames, channels)).astype(np.float32) * level


def test_a_mix_is_the_sum_of_stems_times_gains(tmp_path, stem):
    stems = {name: stem(name, noise(seed)) for seed, name in enumerate(("bass", "drums", "lead"))}
    gains_db = {"bass": -6.0, "drums": 0.0, "lead": 3.5}
    out, facts = mixed(tmp_path, stems, gains_db)
    expected = sum(soundfile.read(stems[name])[0] * 10 ** (gains_db[name] / 20) for name in stems)
    assert np.abs(out - expected).max() < 1e-7
    assert facts["gains_db"] == gains_db
    assert facts["gains"]["bass"] == pytest.approx(0.501187, abs=1e-6)
    assert facts["gains"]["drums"] == 1.0
    assert facts["sum_residual_dbfs"] < -140
    assert facts.items() >= measure(tmp_path / "mix.wav", loudness=True).items()
    assert "true_peak_dbtp" not in facts  # the master's matter, which finds it where it is near the ceiling
    assert mix.verify(facts, {"silence_dbfs": -60.0, "frames": len(out), "subtype": "FLOAT"}) == []


def test_a_mix_is_said_to_be_final_once_it_is_whole(tmp_path, stem):
    told = []
    token = on_final.set(lambda path, start, stop: told.append((path.name, start, stop, path.read_bytes())))
    try:
        mixed(tmp_path, {"a": stem("a", noise(1)), "b": stem("b", noise(2))}, {"a": 0.0, "b": -3.0})
    finally:
        on_final.reset(token)
    content = (tmp_path / "mix.wav").read_bytes()
    assert told == [("mix.wav", 0, len(content), content)]


def test_the_order_of_stems_does_not_change_a_byte(tmp_path, stem):
    stems = {name: stem(name, noise(seed)) for seed, name in enumerate(("a", "b", "c"))}
    mixed(tmp_path, stems, {"a": -1.0, "b": 1.0, "c": 0.0})
    before = (tmp_path / "mix.wav").read_bytes()
    mixed(tmp_path, dict(reversed(stems.items())), {"c": 0.0, "b": 1.0, "a": -1.0})
    assert (tmp_path / "mix.wav").read_bytes() == before


def test_opposite_stems_cancel_and_verify_says_silent(tmp_path, stem):
    out, facts = mixed(tmp_path, {"a": stem("a", noise(1)), "b": stem("b", -noise(1))}, {"a": 0.0, "b": 0.0})
    assert not out.any()
    assert facts["lufs"] is None
    found = "it is silent: -200.0 dBFS RMS, at least -60.0 is allowed: "
    assert mix.verify(facts, {"silence_dbfs": -60.0}) == [
        f"{found}change what makes it, or allow it with verify.silence_dbfs"
    ]


def test_a_mix_over_full_scale_is_kept_whole(tmp_path, stem):
    loud = np.full((5000, 1), 0.9, dtype=np.float32)
    out, facts = mixed(tmp_path, {"a": stem("a", loud), "b": stem("b", loud)}, {"a": 0.0, "b": 6.0}, channels=1)
    assert out.max() == pytest.approx(0.9 * (1 + 10 ** (6 / 20)), rel=1e-6)
    assert facts["peak_dbfs"] > 8


@pytest.mark.parametrize(
    ("samples", "rate", "text"),
    [
        (noise(2, frames=500), RATE, "frames of stem 'lead' is 500, of stem 'bass' 1000"),
        (noise(2, frames=1000, channels=1), RATE, "channels of stem 'lead' is 1, of stem 'bass' 2"),
        (noise(2, frames=1000), 44_100, "sample_rate of stem 'lead' is 44100, of stem 'bass' 48000"),
    ],
)
def test_stems_that_differ_are_an_error_that_names_both(tmp_path, stem, samples, rate, text):
    stems = {"bass": stem("bass", noise(1, frames=1000)), "lead": stem("lead", samples, rate)}
    with pytest.raises(AudioError, match=text):
        mixed(tmp_path, stems, {"bass": 0.0, "lead": 0.0})


def test_stems_alike_but_not_the_songs_are_an_error(tmp_path, stem):
    with pytest.raises(AudioError, match="channels of stem 'bass' is 2, the song's is 1"):
        mixed(tmp_path, {"bass": stem("bass", noise(1))}, {"bass": 0.0}, channels=1)


def test_a_mix_that_is_not_its_stems_is_refused(tmp_path, stem, monkeypatch):
    def off_by_a_little(path, blocks, *args):
        return write_wav(path, (block + 2e-6 for block in blocks), *args)

    monkeypatch.setattr(summing, "write_wav", off_by_a_little)
    facts = mixed(tmp_path, {"bass": stem("bass", noise(1))}, {"bass": 0.0})[1]
    assert facts["sum_residual_dbfs"] == pytest.approx(-114, abs=0.2)
    assert mix.verify(facts, {}) == [
        f"stems times gains differ from the mix by {facts['sum_residual_dbfs']} dBFS, -120.0 is allowed"
    ]


def test_a_mix_too_hot_for_its_format_says_what_to_lower_and_by_how_much(tmp_path, stem):
    facts = mixed(tmp_path, {"bass": stem("bass", noise(1))}, {"bass": 44.0})[1]
    assert facts["sum_residual_dbfs"] > -120.0
    (said,) = mix.verify(facts, {})
    assert said.startswith(f"it peaks at {facts['peak_dbfs']:+.1f} dBFS, too hot for 32-bit float")
    lower = int(re.search(r"lower mix.gain_db by (\d+) dB", said)[1])
    assert mix.verify(mixed(tmp_path, {"bass": stem("bass", noise(1))}, {"bass": 44.0 - lower})[1], {}) == []


def test_samples_that_are_no_numbers_are_counted_not_raised(tmp_path, stem):
    broken = noise(1)
    broken[100] = [np.nan, np.inf]
    facts = mixed(tmp_path, {"a": stem("a", broken), "b": stem("b", noise(2))}, {"a": 0.0, "b": 0.0})[1]
    assert facts["invalid_samples"] == 2
    assert facts["sum_residual_dbfs"] < -140
    assert len(mix.verify(facts, {})) == 1


def test_nine_stems_of_a_song_sum_to_its_master(recordings, tmp_path):
    folder = recordings / "songs" / "lmms_reggaetry"
    stems, rate = {}, 44_100
    for path in sorted(folder.glob("*.flac")):
        with Source(path) as source:
            frames = (source.read(0, rate * 20) * np.ones(2) for _ in range(1))  # one of the nine is mono
            write_wav(tmp_path / f"{path.stem}.wav", frames, rate, 2)
        stems[path.stem] = tmp_path / f"{path.stem}.wav"
    assert len(stems) == 9
    out, facts = mixed(tmp_path, stems, dict.fromkeys(stems, 0.0), rate=rate)
    write_wav(tmp_path / "song.wav", iter([soundfile.read(folder / "MASTER.ogg", frames=rate * 20)[0]]), rate, 2)
    song = measure(tmp_path / "song.wav", loudness=True)
    assert facts["lufs"] == pytest.approx(song["lufs"], abs=0.1)
    assert facts["lra_lu"] == pytest.approx(song["lra_lu"], abs=0.3)
    assert len(out) == song["frames"]


def test_stems_of_24_bits_at_0_db_sum_to_whole_steps(tmp_path):
    """So a master that changes nothing has nothing to round: float32 holds 24 bits up to +6 dBFS."""
    steps = [np.rint(noise(seed) * 2.0**23) for seed in range(3)]
    steps[1][: len(steps[1]) // 2] = 0.0
    stems = {}
    for name, samples in zip("abc", steps, strict=True):
        stems[name] = tmp_path / f"{name}.wav"
        write_wav(stems[name], iter([samples / 2.0**23]), RATE, 2, "PCM_24")
    out, facts = mixed(tmp_path, stems, dict.fromkeys(stems, 0.0))
    assert np.array_equal(out * 2.0**23, sum(steps))
    assert facts["sum_residual_dbfs"] == -200.0


def test_the_loudness_over_time_is_kept_beside_the_mix(tmp_path, stem):
    samples = noise(1, RATE * 4) * np.repeat([[0.1], [1.0]], RATE * 2, axis=0)
    _, facts = mixed(tmp_path, {"a": stem("a", samples)}, {"a": 0.0})
    kept = json.loads((tmp_path / "mix.loudness.json").read_text())
    momentary = kept["momentary_lufs"]
    assert len(momentary) == len(kept["short_term_lufs"]) == 40
    assert momentary[39] - momentary[19] == pytest.approx(20.0, abs=0.3)
    assert max(momentary[3:]) == pytest.approx(facts["max_momentary_lufs"], abs=0.1)
