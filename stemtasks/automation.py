"""A number that changes along the song, as plain data: points, or a value for each section.

``{"points": [[place, value], ...], "curve": ...}``, or ``{"sections": {name: value}, "default": ..., "ramp_ms": ...}``:
as ``spec/automating.py`` has read it. ``audio/curves.py`` makes a value for each frame of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stemtasks.errors import shown

Automation = dict[str, Any]
Number = float | Automation


def is_automation(value: Any) -> bool:
    """Return whether a value is meant to change along the song."""
    return isinstance(value, dict) and bool(value.keys() & {"points", "sections"})


def values_of(automation: Automation) -> list[float]:
    """Return the values that are given: those of points, or those of sections and the default."""
    if "points" in automation:
        return [value for _, value in automation["points"]]
    default = automation["default"]
    return [*automation["sections"].values(), *([] if default is None else [default])]


def extremes(number: Number) -> tuple[float, float]:
    """Return the lowest and the highest value; of a number that does not change both are itself."""
    values = values_of(number) if isinstance(number, dict) else [number]
    return min(values), max(values)


def mapped(automation: Automation, change: Callable[[float], float]) -> Automation:
    """Return an automation with each value changed."""
    if "points" in automation:
        return {**automation, "points": [[place, change(value)] for place, value in automation["points"]]}
    default = automation["default"]
    sections = {name: change(value) for name, value in automation["sections"].items()}
    return {**automation, "sections": sections, "default": None if default is None else change(default)}


def out_of_order(before: float | str, place: float | str) -> str:
    """Return what is wrong with the place of a point that is not after that of the point before it."""
    return f"{shown(place)} does not come after {shown(before)}; put points in the order of the song"


def said(number: Number, written: Callable[[float], str]) -> str:
    """Return a number as it is written, or the range that it changes in."""
    low, high = map(written, extremes(number))
    return low if low == high else f"{low} to {high}"
