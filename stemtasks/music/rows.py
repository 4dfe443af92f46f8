"""Drum patterns as they are written: for each section a table of rows of marks, one a voice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from stemtasks.errors import Mistakes, SpecError, shown

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

    Raises ``SpecError`` that says what is wrong with each that has a mistake.
    """
    known = list(dict.fromkeys(["default", *sections]))
    if not patterns:
        raise SpecError(f"patterns: empty; write a table of rows for at least one of: {', '.join(known)}")
    mistakes, read = Mistakes(), {}
    for name, table in patterns.items():
        with mistakes:
            if name not in known:
                raise SpecError(f"patterns.{name}: the song has no section '{name}'; known: {_known(name, known)}")
            read[name] = _groove(table, f"patterns.{name}", steps_per_bar)
    mistakes.settle()
    return read


def uneven(read: dict[str, Groove], steps_per_bar: int) -> Iterator[str]:
    """Yield what is allowed and seldom meant: a row that does not come out even with the bar."""
    for name, groove in read.items():
        for voice, row in groove.rows.items():
            steps = len(row)
            if steps_per_bar % steps and steps % steps_per_bar:
                yield (
                    f"patterns.{name}.{voice}: {steps} steps, a bar has {steps_per_bar}: it begins elsewhere in each "
                    f"bar; {steps_per_bar}, a part of it or whole bars come out even ('.' is a rest)"
                )


def _groove(table: Any, where: str, steps_per_bar: int) -> Groove:
    """Return one section's groove."""
    if not isinstance(table, dict):
        raise SpecError(f'{where}: {shown(table)} is not a table of rows; write for example {{kick = "x...x..."}}')
    options = {"fill", "fill_every_bars", "crash_on_start"}
    mistakes = Mistakes()
    rows: dict[str, str] = {}
    fill_rows: dict[str, str] = {}
    with mistakes:
        rows = _rows({key: row for key, row in table.items() if key not in options}, where, sorted(options))
    fill = table.get("fill", {})
    with mistakes:
        if not isinstance(fill, dict):
            raise SpecError(f'{where}.fill: {shown(fill)} is not a table of rows; write for example {{snare = "xxxx"}}')
        fill_rows = _rows(fill, f"{where}.fill", [])
    mistakes.extend(
        f"{where}.fill.{voice}: {len(row)} steps; a fill is one bar, at most {steps_per_bar} steps"
        for voice, row in fill_rows.items()
        if len(row) > steps_per_bar
    )
    every = table.get("fill_every_bars")
    if every is not None and (type(every) is not int or every < 1):
        mistakes.append(f"{where}.fill_every_bars: {shown(every)}; allowed: a whole number of bars from 1")
    elif every is not None and not fill:
        mistakes.append(f"{where}.fill_every_bars: there is no fill to play; add the table {where}.fill, or remove it")
    crash_on_start = table.get("crash_on_start", False)
    if not isinstance(crash_on_start, bool):
        mistakes.append(f"{where}.crash_on_start: {shown(crash_on_start)}; allowed: true or false")
    mistakes.settle()
    return Groove(rows, fill_rows, every, bool(crash_on_start))


def _rows(table: dict[str, Any], where: str, options: list[str]) -> dict[str, str]:
    """Return each voice's marks without what is ignored, rests as '.'."""
    mistakes, rows = Mistakes(), {}
    for voice, text in table.items():
        with mistakes:
            rows[voice] = _row(voice, text, f"{where}.{voice}", options)
    mistakes.settle()
    return rows


def _row(voice: str, text: Any, where: str, options: list[str]) -> str:
    if voice not in VOICES:
        raise SpecError(f"{where}: unknown voice '{voice}'; known: {_known(voice, [*VOICES, *options])}")
    if not isinstance(text, str):
        raise SpecError(f'{where}: {shown(text)} is not a row of steps; write for example "x...x..."')
    steps = [mark for mark in text if mark not in IGNORED]
    for step, mark in enumerate(steps, start=1):
        if mark not in VELOCITIES and mark not in RESTS:
            raise SpecError(f"{where}: character {mark!r} at step {step}; allowed: X x o . -")
    if not steps:
        raise SpecError(f'{where}: a row without steps; write "." for silence, or remove the row')
    return "".join("." if mark in RESTS else mark for mark in steps)


def _known(name: str, known: list[str]) -> str:
    """Return the known names, and the nearest if one is near."""
    near = get_close_matches(name[:100], known, n=1)
    return ", ".join(known) + (f"; did you mean '{near[0]}'?" if near else "")
