"""The report's table of checks says 'failed' where the stage that judges fails, and nowhere else."""

from __future__ import annotations

import pytest

from stemtasks.report import checks
from stemtasks.spec.tables import VerifyTable
from stemtasks.stages import align, master, mix, process, stem, sync

FILE = {
    "frames": 48_000,
    "sample_rate": 48_000,
    "channels": 2,
    "subtype": "FLOAT",
    "duration_s": 1.0,
    "peak_dbfs": -3.0,
    "rms_dbfs": -20.0,
    "dc": 0.001,
    "stereo_correlation": 0.5,
    "clipped_ratio": 0.0,
    "invalid_samples": 0,
    "invalid_frame": None,
}
SEAM = {"dip_db": 1.0, "dip_frame": 9, "rise_db": 1.0, "rise_frame": 9, "step_db": 1.0, "step_frame": 9,
        "jump_ratio": 1.0, "jump_frame": 9, "beat_error_ms": 0.1, "beat_error_frame": 9, "onset_error_ms": -1.0,
        "onset_error_frame": 9, "onset_offset_ms": -1.0, "onset_offset_frame": 9}  # fmt: skip
TEMPO = {"bpm": 120.0, "share": 0.9, "best_bpm": 121.0, "best_beats": 8.0}
ALIGNED = {"align": {"worst_seam": SEAM, "tempo": TEMPO, "loop_start_frame": 0}}
SYNC = {"offset_ms": 1.0, "drift_ms": 1.0, "drift_ppm": 1.0, "polarity": 1, "confidence": 1.0}
MASTER = {"lufs": -14.1, "true_peak_dbtp": -1.1, "master": {"at_limit": False, "ceiling_dbtp": -1.0}}
LIMITS = {**vars(VerifyTable()), "stereo_correlation": 0.0, "sample_rate": 48_000, "channels": 2, "subtype": "FLOAT"}
OF_ANY_FILE = [{"invalid_samples": 3, "invalid_frame": 1}, {"sample_rate": 44_100}, {"channels": 1},
               {"subtype": "PCM_16"}, {"rms_dbfs": -70.0}, {"clipped_ratio": 0.5}, {"dc": 0.3},
               {"stereo_correlation": -0.5}]  # fmt: skip
SEAMS = [{name: value} for name, value in (("dip_db", 7.0), ("rise_db", 6.5), ("step_db", 30.0), ("jump_ratio", 5.0),
         ("beat_error_ms", 2.0), ("onset_error_ms", -20.0), ("onset_offset_ms", 30.0))]  # fmt: skip


def in_align(**changed):
    return {"align": {**ALIGNED["align"], **changed}}


SECTION = {"name": "a", "start_s": 0.0, "key": "C major", "in_key": 0.9, "best_key": None,
           "onset_error_ms": 3.0, "onset_offset_ms": 1.0}  # fmt: skip
UNHEARD = SECTION | dict.fromkeys(("in_key", "onset_error_ms"))

STAGES = {
    "stem": (FILE, {"duration_s": 1.0}, stem.verify, checks.of_rendered, [{"duration_s": 2.0}]),
    "align": (
        FILE | ALIGNED,
        {},
        align.verify,
        checks.of_aligned,
        [*(in_align(worst_seam=SEAM | seam) for seam in SEAMS), in_align(tempo=TEMPO | {"share": 0.1})],
    ),
    "process": (
        FILE | {"overs": 0, "peak_before_dbfs": 1.0, "sections": [SECTION, UNHEARD]},
        {"in_key": 0.6, "onset_error_ms": 12.0},
        process.verify,
        checks.of_processed,
        [
            {"overs": 3},
            *({"sections": [UNHEARD, SECTION | each]} for each in ({"in_key": 0.5}, {"onset_error_ms": 20})),
        ],
    ),
    "mix": (FILE | {"sum_residual_dbfs": -150.0}, {}, mix.verify, checks.of_mix, [{"sum_residual_dbfs": -90.0}]),
    "master": (
        FILE | MASTER,
        {"loudness_lufs": -14.0, "ceiling_dbtp": -1.0},
        master.verify,
        checks.of_master,
        [{"lufs": -15.0}, {"lufs": None}, {"true_peak_dbtp": -0.9}],
    ),
}


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_stage_passes_is_passed_here_and_what_it_refuses_fails_in_one_row(stage):
    facts, limits, verify, table, wrong = STAGES[stage]
    limits = LIMITS | limits
    assert verify(facts, limits) == []
    assert all(check.passed for check in table(facts, limits))
    for change in [*OF_ANY_FILE, *wrong]:
        assert len(verify(facts | change, limits)) == 1, change
        failed = [check for check in table(facts | change, limits) if not check.passed]
        assert len(failed) == 1, change


def test_a_stem_in_the_reference_is_judged_as_the_stage_does():
    for change in ({"offset_ms": 11.0}, {"drift_ms": -12.0}, {"polarity": -1}):
        found = SYNC | change
        assert len(sync.verify({"aligned": found, "processed": SYNC}, LIMITS)) == 1
        assert [check.passed for check in checks.of_sync(found, LIMITS, polarity=True)].count(False) == 1
    assert list(checks.of_sync(SYNC | {"confidence": 0.2}, LIMITS, polarity=True)) == []
    assert len(list(checks.of_sync(SYNC, LIMITS, polarity=False))) == 2


def test_the_figure_and_the_limit_are_said_with_their_units():
    said = {
        check.what: (check.found, check.allowed)
        for check in checks.of_master(FILE | MASTER, LIMITS | STAGES["master"][1])
    }
    assert said["Integrated loudness"] == ("-14.1 LUFS", "-14 LUFS within 0.5 LU")
    assert said["True peak"] == ("-1.1 dBTP", "at most -1 dBTP")
    assert said["RMS level"] == ("-20 dBFS", "at least -60 dBFS")
    assert said["Sample rate"] == ("48,000 Hz", "48,000 Hz")
    assert said["Clipped samples"] == ("0.0000%", "at most 0.1000%")
