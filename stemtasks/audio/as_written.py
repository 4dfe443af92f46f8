"""What the sound of a section is held against, where that is asked for: its key, and the grid of the song's tempo."""

from __future__ import annotations

from typing import Any

from stemtasks.timeline import clock

KEY_WAYS_OUT = (
    "transpose or replace what plays there, correct song.key or the section's key, or allow it with verify.{}"
)
GRID_WAYS_OUT = "move what plays there, correct song.bpm, or allow it with verify.onset_error_ms"

Sections = list[dict[str, Any]]


def stem_failures(measured: Sections, limits: dict[str, Any]) -> list[str]:
    """Return what is outside the limits ``in_key`` and ``onset_error_ms``, a phrase each, with the worst section.

    A limit that is not there, or a figure that is None, judges nothing.
    """
    found = []
    low = _outside(measured, "in_key", limits, -1)
    if low:
        figures = measured[low[0]]
        found.append(
            f"{_where(low, measured)}{figures['in_key']:.0%} of its notes' energy is in {figures['key']}, at "
            f"least {limits['in_key']:.0%} is asked{_rather(figures)}: {KEY_WAYS_OUT.format('in_key')}"
        )
    far = _outside(measured, "onset_error_ms", limits, 1)
    if far:
        figures = measured[far[0]]
        found.append(
            f"{_where(far, measured)}its onsets are {figures['onset_error_ms']:g} ms off the grid in the "
            f"median ({_late(figures['onset_offset_ms'])}), {limits['onset_error_ms']:g} ms are allowed: "
            + GRID_WAYS_OUT
        )
    return found


def mix_failures(measured: Sections, limits: dict[str, Any]) -> list[str]:
    """Return what ``stem_failures`` does, and what is outside ``key_margin``: all stems together have one key."""
    found = stem_failures(measured, limits)
    low = _outside([{**each, "key_margin": each["margin"]} for each in measured], "key_margin", limits, -1)
    if low:
        figures = measured[low[0]]
        found.append(
            f"{_where(low, measured)}the margin of {figures['key']} over other keys is "
            f"{figures['margin']:g}, at least {limits['key_margin']:g} is asked{_rather(figures)}: "
            + KEY_WAYS_OUT.format("key_margin")
        )
    return found


def _outside(measured: Sections, name: str, limits: dict[str, Any], sign: int) -> list[int]:
    """Return the sections that are above a limit (below it with ``sign`` -1), the worst first."""
    allowed = limits.get(name)
    if allowed is None:
        return []
    judged = [(sign * each[name], place) for place, each in enumerate(measured) if each[name] is not None]
    return [place for figure, place in sorted(judged, key=lambda each: -each[0]) if figure > sign * allowed]


def _where(outside: list[int], measured: Sections) -> str:
    """Return the worst section, by name and start, and how many there are if it is not the only one."""
    name, start = measured[outside[0]]["name"], clock(measured[outside[0]]["start_s"] * 1000)
    many = f"{len(outside)} of {len(measured)} sections, most in " if len(outside) > 1 else ""
    return f"in {many}'{name}' at {start} "


def _rather(figures: dict[str, Any]) -> str:
    best = figures["best_key"]
    return "" if best in (None, figures["key"]) else f" (it sounds like {best})"


def _late(offset_ms: float) -> str:
    return f"{abs(offset_ms):g} ms {'late' if offset_ms >= 0 else 'early'}"
