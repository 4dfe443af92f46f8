"""Drum patterns as they are written: for each section a table of rows of marks, one a voice."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from stemtasks.errors import SpecError

VOICES = (
    "kick",
    "snare",
    "rimshot",
    "clap",
    "closed_hat",
    "open_hat",
    "ride",
    "crash",
    "tom_low",
    "tom_mid",
    "tom_high",
    "shaker",
    "cowbell",
)
"""What a row may be of; ``dsp.percussion`` has the sound of each."""
VELOCITIES = {"o": 0.35, "x": 0.7, "X": 1.0}
RESTS = ".-"
IGNORED = " |"


@dataclass(frozen=True)
class Groove:
    """One section's patterns: a row of marks per voice, '.' a rest."""

    rows: dict[str, str]
    fill: dict[str, str]
    fill_every_bars: int | None
    crash_on_start: bool


def grooves(patterns: dict[str, Any], sections: list[str], steps_per_bar: int) -> dict[str, Groove]:
    """Return the groove of each section that has a table, "default" among them.

    Raises ``SpecError`` that says what is wrong with the first that has a mistake.
    """
    known = list(dict.fromkeys(["default", *sections]))
    if not patterns:
        raise SpecError(f"patterns: empty; write a table of rows for at least one of: {', '.join(known)}")
    read = {}
    for name, table in patterns.items():
        if name not in known:
            raise SpecError(f"patterns.{name}: the song has no section '{name}'; known: {_known(name, known)}")
        read[name] = _groove(table, f"patterns.{name}", steps_per_bar)
    return read


def _groove(table: Any, where: str, steps_per_bar: int) -> Groove:
    """Return one section's groove."""
    if not isinstance(table, dict):
        raise SpecError(f'{where}: {table!r} is not a table of rows; write for example {{kick = "x...x..."}}')
    options = {"fill", "fill_every_bars", "crash_on_start"}
    rows = _rows({key: row for key, row in table.items() if key not in options}, where, sorted(options))
    fill = table.get("fill", {})
    if not isinstance(fill, dict):
        raise SpecError(f'{where}.fill: {fill!r} is not a table of rows; write for example {{snare = "xxxx"}}')
    every = table.get("fill_every_bars")
    if every is not None and (type(every) is not int or every < 1):
        raise SpecError(f"{where}.fill_every_bars: {every!r}; allowed: a whole number of bars from 1")
    if every is not None and not fill:
        raise SpecError(f"{where}.fill_every_bars: there is no fill to play; add the table {where}.fill, or remove it")
    crash_on_start = table.get("crash_on_start", False)
    if not isinstance(crash_on_start, bool):
        raise SpecError(f"{where}.crash_on_start: {crash_on_start!r}; allowed: true or false")
    fill_rows = _rows(fill, f"{where}.fill", [])
    for voice, row in fill_rows.items():
        if len(row) > steps_per_bar:
            raise SpecError(f"{where}.fill.{voice}: {len(row)} steps; a fill is one bar, at most {steps_per_bar} steps")
    return Groove(rows, fill_rows, every, crash_on_start)


def _rows(table: dict[str, Any], where: str, options: list[str]) -> dict[str, str]:
    """Return each voice's marks without what is ignored, rests as '.'."""
    rows = {}
    for voice, text in table.items():
        if voice not in VOICES:
            raise SpecError(f"{where}.{voice}: unknown voice '{voice}'; known: {_known(voice, [*VOICES, *options])}")
        if not isinstance(text, str):
            raise SpecError(f'{where}.{voice}: {text!r} is not a row of steps; write for example "x...x..."')
        steps = [mark for mark in text if mark not in IGNORED]
        for step, mark in enumerate(steps, start=1):
            if mark not in VELOCITIES and mark not in RESTS:
                raise SpecError(f"{where}.{voice}: character {mark!r} at step {step}; allowed: X x o . -")
        if not steps:
            raise SpecError(f'{where}.{voice}: a row without steps; write "." for silence, or remove the row')
        rows[voice] = "".join("." if mark in RESTS else mark for mark in steps)
    return rows


def _known(name: str, known: list[str]) -> str:
    """Return the known names, and the nearest if one is near."""
    near = get_close_matches(name, known, n=1)
    return ", ".join(known) + (f"; did you mean '{near[0]}'?" if near else "")
