"""What a file's place in the reference is held against: offset, drift and polarity, where it was found for sure."""

from __future__ import annotations

from typing import Any

SURE = 0.5
"""Confidence from which a file is judged: half of its windows, four at least, find it clearly on one line."""
WAYS_OUT = ": {}, or allow it with verify.{}"
CORRECT = "correct the stem with align = { sync = true }"


def is_found(sync: dict[str, Any] | None) -> bool:
    """Return whether a file was found in the reference so that it can be judged."""
    return sync is not None and sync["offset_ms"] is not None and sync["confidence"] >= SURE


def sync_failures(sync: dict[str, Any] | None, limits: dict[str, Any], way_out: str = CORRECT) -> list[str]:
    """Return what is outside the limits, a phrase each; nothing of a file that was not found for sure."""
    if sync is None or not is_found(sync):
        return []
    found = []
    offset, drift = sync["offset_ms"], sync["drift_ms"]
    if abs(offset) > limits.get("sync_offset_ms", float("inf")):
        found.append(
            f"it is {abs(offset):.2f} ms {'behind' if offset > 0 else 'ahead of'} the reference, "
            f"{limits['sync_offset_ms']:g} ms are allowed" + WAYS_OUT.format(way_out, "sync_offset_ms")
        )
    if abs(drift) > limits.get("sync_drift_ms", float("inf")):
        found.append(
            f"it drifts by {drift:+.2f} ms from the reference to its end ({sync['drift_ppm']:+.1f} ppm), "
            f"{limits['sync_drift_ms']:g} ms are allowed" + WAYS_OUT.format(way_out, "sync_drift_ms")
        )
    if sync["polarity"] == -1 and limits.get("polarity") == "same":
        found.append("its polarity is the reference's inverted" + WAYS_OUT.format(way_out, "polarity = 'any'"))
    return found
