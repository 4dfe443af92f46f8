"""Measurements held against limits: a changed limit verifies again and renders nothing."""

from __future__ import annotations

from math import ceil
from typing import Any

from stemtasks.audio.facts import FLOOR_DBFS, Facts

WAYS_OUT = ": {}, or allow it with verify.{}"
CHANGE = "change what makes it"
AGAIN = "record or export it again"
WITHOUT_DC = 'remove it with mend = [{ name = "highpass", cutoff_hz = 10, phase = "zero" }]'
LOUDER = 'make it louder with mend = [{{ name = "gain", gain_db = {} }}]'
NARROWER = 'narrow it with effects = [{ name = "width", width = 0.5 }]'
MOST_GAIN_DB = 48
NOTHING_DBFS = -90.0
"""Of a peak: no strategy fits what has nothing in it, whatever is allowed here."""
LEFT_DC_S = 0.0226
"""Of a full-scale wave of 40 Hz or more, that filter leaves at most this mean over a second, and more over less.

The most is left where both ends are at the wave's peak: beyond each the filter sees the wave turned round that, a step
of twice its height, and what it makes of a step has the area 0.005627 s on either side.
"""


def failures(facts: Facts, limits: dict[str, Any]) -> list[str]:
    """Return what is outside the limits, a phrase each with the figure found and the figure allowed.

    Limits that say ``mend`` are of what came from outside, which its stem's ``mend`` may bring inside them. All else
    is made here, and what makes it can be changed.
    """
    found = []
    mends = "mend" in limits
    if facts["invalid_samples"]:
        found.append(
            f"{facts['invalid_samples']} samples are NaN or infinite, the first at frame {facts['invalid_frame']}"
        )
    found += [
        f"{name} is {facts[name]}, expected {limits[name]}"
        for name in ("frames", "sample_rate", "channels", "subtype")
        if limits.get(name) is not None and facts[name] != limits[name]
    ]
    if not facts["frames"]:
        found.append("it holds no audio (0 frames)")
    elif facts["rms_dbfs"] < limits.get("silence_dbfs", FLOOR_DBFS):
        said = f"it is silent: {facts['rms_dbfs']} dBFS RMS, at least {limits['silence_dbfs']} is allowed"
        if mends and facts["peak_dbfs"] <= NOTHING_DBFS:
            found.append(f"{said}: {AGAIN}, or leave it out")
        else:
            found.append(said + WAYS_OUT.format(_made_louder(facts, limits) if mends else CHANGE, "silence_dbfs"))
    if facts["clipped_ratio"] > limits.get("clipping_ratio", 1.0):
        found.append(
            f"{facts['clipped_ratio']:.4%} of it is clipped, {limits['clipping_ratio']:.4%} is allowed"
            + WAYS_OUT.format(f"{AGAIN}, softer" if mends else CHANGE, "clipping_ratio")
        )
    if facts["dc"] > limits.get("dc_offset", 1.0):
        found.append(
            f"its DC offset is {facts['dc']:.4f}, {limits['dc_offset']} is allowed"
            + WAYS_OUT.format(_without_dc(facts, limits) if mends else CHANGE, "dc_offset")
        )
    correlation, least = facts.get("stereo_correlation"), limits.get("stereo_correlation")
    if correlation is not None and least is not None and correlation < least:
        found.append(
            f"its left and right correlate by {correlation:+.3f}, at least {least:+.3f} is allowed"
            + WAYS_OUT.format(NARROWER, "stereo_correlation")
        )
    return found


def _without_dc(facts: Facts, limits: dict[str, Any]) -> str:
    wave = 10 ** (facts["peak_dbfs"] / 20) + facts["dc"]
    return WITHOUT_DC if facts["duration_s"] * limits["dc_offset"] >= LEFT_DC_S * wave else AGAIN


def _made_louder(facts: Facts, limits: dict[str, Any]) -> str:
    gain_db = ceil(limits["silence_dbfs"] - facts["rms_dbfs"])
    return LOUDER.format(gain_db) if gain_db <= MOST_GAIN_DB else AGAIN
