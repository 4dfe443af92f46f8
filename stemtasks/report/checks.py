"""The checks that a song's files have passed, as rows of a table: what was found, what is allowed, and the verdict.

The stages judge (their ``verify``); what fails there is not built, and is in no report. This says what they judged by.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from stemtasks.audio.facts import Facts
from stemtasks.audio.in_time import is_found

Limits = dict[str, Any]

SUM_RESIDUAL_DBFS = -120.0
SEAMS = (
    ("seam_dip_db", "dip_db", "Deepest dip at a seam", "dB"),
    ("seam_rise_db", "rise_db", "Highest rise at a seam", "dB"),
    ("seam_step_db", "step_db", "Largest step in level at a long overlap", "dB"),
    ("seam_jump", "jump_ratio", "Largest jump at a seam", "x the steps around it"),
    ("seam_beat_error_ms", "beat_error_ms", "Seam off the beat of the grid", "ms"),
    ("seam_onset_error_ms", "onset_error_ms", "Onsets across a seam off their own beat", "ms"),
    ("seam_onset_offset_ms", "onset_offset_ms", "Onsets after a seam off the grid", "ms"),
)
"""The limit, the figure of the worst seam, what it says, and its unit."""


class Check(NamedTuple):
    """One check: what it is about, the figure and the limit as a person reads them, and whether it holds."""

    what: str
    found: str
    allowed: str
    passed: bool


def of_file(facts: Facts, limits: Limits) -> Iterator[Check]:
    """Yield what every audio file is held to: its format, silence, clipping, DC and samples that are no numbers."""
    yield Check("Samples that are no numbers", f"{facts['invalid_samples']}", "0", not facts["invalid_samples"])
    for name, what, unit in (
        ("frames", "Length", "frames"),
        ("sample_rate", "Sample rate", "Hz"),
        ("channels", "Channels", ""),
        ("subtype", "Sample format", ""),
    ):
        if limits.get(name) is not None:
            found, allowed = (f"{value:,} {unit}" if unit else f"{value}" for value in (facts[name], limits[name]))
            yield Check(what, found, allowed, facts[name] == limits[name])
    yield _at_least("RMS level", facts["rms_dbfs"], limits["silence_dbfs"], "dBFS")
    ratio, most = facts["clipped_ratio"], limits["clipping_ratio"]
    yield Check("Clipped samples", f"{ratio:.4%}", f"at most {most:.4%}", ratio <= most)
    yield _at_most("DC offset", round(facts["dc"], 5), limits["dc_offset"])
    correlation, least = facts.get("stereo_correlation"), limits.get("stereo_correlation")
    if correlation is not None and least is not None:
        yield _at_least("Correlation of left and right", correlation, least)


def of_rendered(facts: Facts, limits: Limits) -> Iterator[Check]:
    """Yield what a stem is held to as it was rendered or recorded."""
    yield from of_file(facts, limits)
    wanted = limits.get("duration_s")
    if wanted is not None:
        off_ms = abs(facts["duration_s"] - wanted) * 1000
        allowed = f"{wanted:.3f} s within {limits['duration_tolerance_ms']:g} ms"
        yield Check("Duration", f"{facts['duration_s']:.3f} s", allowed, off_ms <= limits["duration_tolerance_ms"])
    worst = facts.get("joins", {}).get("worst_seam") or {}
    for limit, name, what, unit in SEAMS:
        if worst.get(name) is not None:
            yield _at_most(what.replace("seam", "join"), abs(worst[name]), limits[limit], unit)


def of_aligned(facts: Facts, limits: Limits) -> Iterator[Check]:
    """Yield what an aligned stem is held to: the format, its seams and its tempo."""
    yield from of_file(facts, limits)
    worst = facts["align"]["worst_seam"] or {}
    for limit, name, what, unit in SEAMS:
        if worst.get(name) is not None:
            yield _at_most(what, abs(worst[name]), limits[limit], unit)
    tempo = facts["align"].get("tempo")
    if tempo is not None:
        yield _at_least(f"Fit of its onsets to {tempo['bpm']:g} bpm", tempo["share"], limits["tempo_fit"])


def of_processed(facts: Facts, limits: Limits) -> Iterator[Check]:
    """Yield what a processed stem is held to; its notes and its onsets only where that is asked."""
    yield from of_file(facts, limits)
    yield Check("Samples cut off at full scale", f"{facts['overs']}", "0", not facts["overs"])
    shares, errors = (
        [each[name] for each in facts.get("sections", []) if each[name] is not None]
        for name in ("in_key", "onset_error_ms")
    )
    if shares and limits.get("in_key") is not None:
        yield _at_least("Least share of notes in a section's key", min(shares), limits["in_key"])
    if errors and limits.get("onset_error_ms") is not None:
        yield _at_most("Onsets off the grid in a section", max(errors), limits["onset_error_ms"], "ms")


def of_sync(sync: Facts, limits: Limits, polarity: bool) -> Iterator[Check]:
    """Yield what a stem is held to that was found in the reference; nothing of one that was not, for sure."""
    if not is_found(sync):
        return
    yield _at_most("Distance from the reference", abs(sync["offset_ms"]), limits["sync_offset_ms"], "ms")
    yield _at_most("Drift against the reference", abs(sync["drift_ms"]), limits["sync_drift_ms"], "ms")
    if polarity and limits["polarity"] == "same":
        yield Check("Polarity", "inverted" if sync["polarity"] == -1 else "same", "same", sync["polarity"] != -1)


def of_mix(facts: Facts, limits: Limits) -> Iterator[Check]:
    """Yield what the mix is held to."""
    yield from of_file(facts, limits)
    yield _at_most("Distance from the sum of the stems", facts["sum_residual_dbfs"], SUM_RESIDUAL_DBFS, "dBFS")


def of_master(facts: Facts, limits: Limits) -> Iterator[Check]:
    """Yield what the master is held to."""
    target, lufs, tolerance = limits["loudness_lufs"], facts["lufs"], limits["loudness_tolerance_lu"]
    if target is not None:
        found = "none" if lufs is None else f"{lufs:.1f} LUFS"
        passed = lufs is not None and abs(lufs - target) <= tolerance
        yield Check("Integrated loudness", found, f"{target:g} LUFS within {tolerance:g} LU", passed)
    yield _at_most("True peak", facts["true_peak_dbtp"], limits["ceiling_dbtp"], "dBTP")
    yield from of_file(facts, limits)


def _at_most(what: str, figure: float, most: float, unit: str = "") -> Check:
    return Check(what, f"{figure:g} {unit}".strip(), f"at most {most:g} {unit}".strip(), figure <= most)


def _at_least(what: str, figure: float, least: float, unit: str = "") -> Check:
    return Check(what, f"{figure:g} {unit}".strip(), f"at least {least:g} {unit}".strip(), figure >= least)
