"""What a row's effects turned down, as they noted it: a line, a curve over time and a table."""

from __future__ import annotations

from math import floor
from typing import Any

from stemtasks.audio.facts import Facts
from stemtasks.report import drawing
from stemtasks.report.drawing import Axis
from stemtasks.report.markup import number, table, text

NOTE = "Gain reduction of all effects of the row together, the most in each column."


def reducers(facts: Facts) -> list[dict[str, Any]]:
    """Return what was noted by the effects that turn down, in their order."""
    return [noted for noted in facts.get("noted", ()) if "reduction_db" in noted]


def line(facts: Facts) -> str:
    """Return how much they took away at most, as text that goes on a line, nothing where there are none."""
    said = [f"{text(each['effect'])} -{each['max_reduction_db']:.1f} dB" for each in reducers(facts)]
    return f", {', '.join(said)}" if said else ""


def drawn(axis: Axis, facts: Facts, what: str) -> str:
    """Return the curve of all of them, and a table of each and of its bands; nothing where there are none."""
    found = reducers(facts)
    if not found:
        return ""
    curves = [columns(axis, **noted["reduction_db"]) for noted in found]
    curve = drawing.reduction(axis, [sum(each) for each in zip(*curves, strict=True)], f"by the effects of {what}")
    rows = [row for noted in found for row in _rows(noted)]
    return f'<figure><div class="lane">{curve}</div><figcaption>{NOTE}</figcaption></figure>\n' + table(
        f"Gain reduction of {what}", ("Effect", "At most dB", "In the mean dB"), rows, (1, 2)
    )


def columns(axis: Axis, step_s: float, values: list[float]) -> list[float]:
    """Return a curve as the page has room for it: the highest step that each column shares any time with."""
    per_column = axis.column_frames / axis.sample_rate / step_s
    found = []
    for column in range(-(-axis.frames // axis.column_frames)):
        first, last = floor(column * per_column), floor((column + 1) * per_column - 1e-6)
        found.append(max(values[first : max(first, last) + 1], default=0.0))
    return found


def _rows(noted: dict[str, Any]) -> list[tuple[str, str, str]]:
    bands = [(f"band {place}", band) for place, band in enumerate(noted.get("bands", ()), 1)]
    return [
        (text(called), number(each["max_reduction_db"], 1), number(each["mean_reduction_db"], 1))
        for called, each in [(noted["effect"], noted), *bands]
    ]
