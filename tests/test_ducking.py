"""A song in which a kick ducks a bass: what is made of what, what comes out, and what the report shows of it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from tests.pipeline import all_after, jobs
from tests.project import Project

SPEC = """
[song]
bpm = 120
sample_rate = 16000

[reference]
duration = "4 bars"

[stems.kick]
generator = "drums"
patterns = { default = { kick = "x... .... .... ...." } }

[stems.bass]
generator = "tone"
note = "A2"
gain_db = -6
[[stems.bass.effects]]
name = "compressor"
sidechain = "kick"
threshold_db = -30
ratio = 4
attack_ms = 1
release_ms = 200

[mix]
effects = [{ name = "multiband_compressor", thresholds_db = [-30], ratios = [2], crossovers_hz = [250] }]

[master]
loudness_lufs = "off"
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the project, built."""
    project = Project(tmp_path_factory.mktemp("ducking"))
    project.spec(SPEC)
    project.build("report:song")
    return project.folder / "build" / "song"


def test_the_bass_is_made_anew_when_the_kick_changes_and_not_the_other_way_round():
    (bass,) = (job for job in jobs(SPEC) if job.task == "process:song/bass")
    assert [path for path in bass.inputs.values() if path.endswith("processed/kick.wav")]
    assert "process:song/bass" in all_after(SPEC, "process:song/kick")
    assert "process:song/kick" not in all_after(SPEC, "process:song/bass")


def test_the_bass_dips_at_each_kick_and_is_back_before_the_next(built):
    bass, rate = soundfile.read(built / "processed" / "bass.wav", always_2d=True)
    levels = [20 * np.log10(np.std(bass[round(at * rate) :][: rate // 20])) for at in np.arange(0.0, 8.0, 0.05)]
    for bar in range(4):
        in_bar = levels[bar * 40 : bar * 40 + 40]
        # the tone begins softly in the first
        assert min(in_bar[1:6]) < in_bar[38] - 6.0
    assert levels[38] == pytest.approx(levels[78], abs=0.2)


def test_what_was_turned_down_is_among_the_facts(built):
    (noted,) = json.loads((built / "processed" / "bass.json").read_text(encoding="utf-8"))["noted"]
    assert noted["effect"] == "compressor"
    assert noted["max_reduction_db"] > 6.0
    assert noted["mean_reduction_db"] < noted["max_reduction_db"]
    assert len(noted["reduction_db"]["values"]) == 80
    (noted,) = json.loads((built / "mix.json").read_text(encoding="utf-8"))["noted"]
    assert len(noted["bands"]) == 2


def test_the_report_draws_it_in_the_rows_of_the_bass_and_the_mix(built):
    page = (built / "report.html").read_text(encoding="utf-8")
    assert page.count('aria-label="Gain reduction by the effects of') == 2
    assert "Gain reduction of bass" in page
    assert "band 2" in page
    assert ", compressor -" in page
