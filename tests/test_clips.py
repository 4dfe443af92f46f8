"""Clips and edits in a song that is built: what a change makes again, and what is the recording bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from stemtasks.errors import SpecError
from stemtasks.spec.reading import read_song

RATE = 48_000
SPEC = """
[song]
bpm = 120
subtype = "PCM_24"
[reference]
duration = 2
[[sections]]
name = "verse"
beats = 2
[[sections]]
name = "chorus"
fill = true
[stems.guitar]
generator = "tone"
gain_db = -6
[stems.comp]
generator = "clips"
align = "zero_pad"
gain_db = -12
clips = [
    { stem = "guitar", from = "1.5 s", length = "1 beat" },
    { file = "take.wav", at = "chorus", from = "0.1 s", length = 0.5 },
]
[stems.take]
generator = "edited"
file = "take.wav"
edits = "take.csv"
align = "none"
"""
CSV = "do;from;to;at;with\nsilence;0.5;0.75;;\nreplace;1;1.25;;0.1\n"


@pytest.fixture(scope="module")
def samples():
    """Return two seconds in 24 bits."""
    return np.random.default_rng(1).integers(-(1 << 21), 1 << 21, (2 * RATE, 2)).astype(np.int32)


@pytest.fixture
def comped(project, samples):
    soundfile.write(project.folder / "spec/take.wav", samples << 8, RATE, subtype="PCM_24")
    (project.folder / "spec/take.csv").write_text(CSV)
    project.spec(SPEC)
    project.build()
    return project


def after(*stems, tasks=("stem", "align", "process", "picture")):
    made = [f"{task}:song/{stem}" for task in tasks for stem in stems]
    return sorted([*made, "mix:song", "master:song", "archive:song", "report:song"])


def test_a_change_makes_again_what_is_made_of_it_and_edits_leave_the_rest_bit_for_bit(comped, samples):
    out, rate = soundfile.read(comped.folder / "build/song/processed/take.wav", dtype="int32")
    assert (rate, len(out)) == (RATE, len(samples))
    edited = np.zeros(len(out), dtype=bool)
    edited[RATE // 2 : 3 * RATE // 4] = edited[RATE : 5 * RATE // 4] = True
    assert np.array_equal(out[~edited] >> 8, samples[~edited])
    assert not out[RATE // 2 + 240 : 3 * RATE // 4 - 240].any()
    inside = slice(RATE + 240, 5 * RATE // 4 - 240)
    assert np.array_equal(out[inside] >> 8, samples[4800 + 240 : 4800 + RATE // 4 - 240])

    (comped.folder / "spec/take.csv").write_text(CSV.replace(";", ",") + "\n\n")
    comped.edit("gain_db = -6", "gain_db = -6\neffects = [{ name = 'lowpass', cutoff_hz = 900 }]")
    assert comped.build().done == {"ran": after("guitar", tasks=("process", "picture"))}

    comped.edit('generator = "tone"', 'generator = "tone"\nnote = "C3"')
    (comped.folder / "spec/take.csv").write_text(CSV.replace("0.75", "0.7"))
    assert comped.build().done == {"ran": after("guitar", "comp", "take")}


def test_a_stem_of_clips_of_itself_is_one_line(project):
    path = project.spec(SPEC.replace('generator = "tone"', 'generator = "clips"\nclips = [{ stem = "comp" }]'))
    with pytest.raises(SpecError) as error:
        read_song(path)
    assert str(error.value).endswith("it is made of itself: guitar -> comp -> guitar; take out one of these ways")


def test_a_side_chain_of_a_stem_that_has_clips_of_another_is_no_circle(project):
    text = SPEC.replace("gain_db = -6", "gain_db = -6\nsend = [{ to = 'room' }]")
    path = project.spec(text + "[groups.room]\nstems = ['comp']\n")
    assert [stem.name for stem in read_song(path).stems] == ["guitar", "comp", "take"]


def test_a_mended_stem_measures_its_joins_before_its_effects(project, samples, tmp_path):
    from stemtasks.action.pipeline import jobs_of
    from stemtasks.audio.facts import read_facts
    from stemtasks.stages.stem import run, summary, verify

    soundfile.write(project.folder / "spec/take.wav", samples << 8, RATE, subtype="PCM_24")
    take = str(project.folder / "spec/take.wav")
    clips = f'[{{ file = "{take}", length = 0.5 }}, {{ file = "{take}", from = 1, length = 0.5 }}]'
    mend = '[{ name = "gain", gain_db = -20 }, { name = "lowpass", cutoff_hz = 300 }]'
    path = project.spec(
        f'[reference]\nduration = 2\n[stems.a]\ngenerator = "clips"\nclips = {clips}\nmend = {mend}\n', "mended"
    )
    found = []
    for text in (path.read_text(), path.read_text().replace(f"mend = {mend}\n", "")):
        path.write_text(text)
        (job,) = jobs_of("stem", read_song(path))
        outputs = {"audio": tmp_path / "a.wav", "facts": tmp_path / "a.json"}
        run(job.inputs, outputs, {**job.params, "parts": job.parts})
        found.append(read_facts(outputs["facts"]))
        assert verify(found[-1], job.limits) == []
    assert found[0]["joins"]["count"] == 1
    assert found[0]["joins"] == found[1]["joins"]
    assert summary(found[0]).startswith("48000 frames, 1 join, mended by gain > lowpass, peak ")
