"""The limits of seams and joins, and what is said of one outside them. Imports no sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SEAM_LIMITS = {
    "seam_dip_db": ("dip_db", "the level falls by {found:g} dB, {allowed:g} dB are allowed"),
    "seam_rise_db": ("rise_db", "the level rises by {found:g} dB, {allowed:g} dB are allowed"),
    "seam_step_db": ("step_db", "the level is another by {found:g} dB after it, {allowed:g} dB are allowed"),
    "seam_jump": ("jump_ratio", "the waveform jumps {found:g} times its largest step around, {allowed:g} are allowed"),
    "seam_beat_error_ms": ("beat_error_ms", "it is {found:g} ms off the beat, {allowed:g} ms are allowed"),
    "seam_onset_error_ms": (
        "onset_error_ms",
        "what is heard goes on at least {found:g} ms off its own beat, {allowed:g} ms are allowed",
    ),
    "seam_onset_offset_ms": (
        "onset_offset_ms",
        "its onsets begin {found:g} ms off the grid, {allowed:g} ms are allowed",
    ),
}


def seam_failures(
    worst: dict[str, Any] | None, limits: dict[str, Any], sample_rate: int, called: str, remedy: Callable[[str], str]
) -> list[str]:
    """Return what of the worst seam is outside the limits, a phrase each, with its time and what to do about it."""
    found: list[str] = []
    for limit, (name, phrase) in SEAM_LIMITS.items() if worst is not None else ():
        assert worst is not None
        allowed = limits.get(limit)
        if allowed is not None and abs(worst.get(name) or 0.0) > allowed:
            at = worst[name.rsplit("_", 1)[0] + "_frame"] / sample_rate
            said = phrase.format(found=abs(worst[name]), allowed=allowed)
            found.append(f"at the {called} at {at:.3f} s {said}: {remedy(limit)}")
    return found
