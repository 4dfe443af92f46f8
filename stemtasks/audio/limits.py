"""Measurements held against limits: a changed limit verifies again and renders nothing."""

from __future__ import annotations

from typing import Any

from stemtasks.audio.facts import FLOOR_DBFS, Facts

WAYS_OUT = ": mend it, or allow it with verify.{}"


def failures(facts: Facts, limits: dict[str, Any]) -> list[str]:
    """Return what is outside the limits, a phrase each with the figure found and the figure allowed."""
    found = []
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
        found.append(
            f"it is silent: {facts['rms_dbfs']} dBFS RMS, at least {limits['silence_dbfs']} is allowed"
            + WAYS_OUT.format("silence_dbfs")
        )
    if facts["clipped_ratio"] > limits.get("clipping_ratio", 1.0):
        found.append(
            f"{facts['clipped_ratio']:.4%} of it is clipped, {limits['clipping_ratio']:.4%} is allowed"
            + WAYS_OUT.format("clipping_ratio")
        )
    if facts["dc"] > limits.get("dc_offset", 1.0):
        found.append(
            f"its DC offset is {facts['dc']:.4f}, {limits['dc_offset']} is allowed" + WAYS_OUT.format("dc_offset")
        )
    return found
