"""The measurements of a file, kept beside it as JSON: the same bytes for the same facts."""

from __future__ import annotations

import json
from math import log10
from pathlib import Path
from typing import Any

Facts = dict[str, Any]

FLOOR_DBFS = -200.0


def decibels(amplitude: float) -> float:
    """Return an amplitude relative to 1.0 in dB, rounded to 0.001, silence being -200."""
    return round(max(FLOOR_DBFS, 20 * log10(amplitude)), 3) if amplitude > 0 else FLOOR_DBFS


def as_json(facts: Facts) -> str:
    """Return plain data as JSON text, the same for the same data."""
    return json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def write_facts(path: str | Path, facts: Facts) -> None:
    """Write facts as JSON."""
    Path(path).write_text(as_json(facts), encoding="utf-8")


def read_facts(path: str | Path) -> Facts:
    """Return what ``write_facts`` has written."""
    facts: Facts = json.loads(Path(path).read_bytes())
    return facts


def level(value: float | None, unit: str) -> str:
    """Return a level with its unit as a person reads it, or that it has no figure: too short or too soft for one.

    What is above 0 has its sign.
    """
    if value is None:
        return f"no {unit} figure"
    return f"{value:+.1f} {unit}" if value >= 0.05 else f"{value:.1f} {unit}"
