"""Numbers of a spec that change along the song: a table is read in place of one, and held against the song."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stemtasks.automation import Automation, is_automation, out_of_order
from stemtasks.errors import Mistakes, SpecError, nearest, shown
from stemtasks.positions import TURN, Known, position_in
from stemtasks.spec import binding, hints, schema
from stemtasks.spec.tables import AutomationTable
from stemtasks.units import Automated, Position, Range

if TYPE_CHECKING:
    from stemtasks.spec.song import Named

MOST_SWEPT = 2
"""Of the parameters of one effect that takes no curves itself: each more would double what is rendered."""
BY_RATIO = ("Hz", "ms", "s")
"""Units of what is heard by its ratios, where the range does not begin at 0."""


def automated(table: dict[str, Any], parameter: schema.Parameter, where: str, known: Known) -> Automation:
    """Return what stands in place of a number, with its defaults; raises ``SpecError`` with all that is wrong.

    Of sections that are not named the value is ``default``, or what the parameter is where it is not given.
    """
    if "points" not in table and "sections" not in table:
        raise SpecError(
            f"{where}: {shown(table)} is a table; expected {hints.describe(parameter.annotation)}, or a number that "
            f"changes: {{ sections = {{ verse = 1.0 }} }} or {{ points = [['verse', 1.0]] }}"
        )
    bound = binding.bind(schema.of_table(AutomationTable), table, where, known)
    mistakes = Mistakes()
    has_points = "points" in table
    if has_points and "sections" in table:
        raise SpecError(f"{where}: give either 'points' or 'sections'")
    for key in {"default"} if has_points else {"curve"}:
        if key in table:
            mistakes.append(f"{where}.{key}: is for {'sections' if has_points else 'points'}; leave it out")
    if has_points and "ramp_ms" in table and bound["curve"] != "step":
        mistakes.append(f'{where}.ramp_ms: is for sections and for curve = "step"; leave it out')
    made = (_points if has_points else _sections)(bound, parameter, where, known, mistakes)
    mistakes.settle()
    return made


def _points(
    bound: dict[str, Any], parameter: schema.Parameter, where: str, known: Known, mistakes: Mistakes
) -> Automation:
    points: list[list[Any]] = []
    if not bound["points"]:
        mistakes.append(f"{where}.points: is empty; write [[place, value], ...]")
    for index, point in enumerate(bound["points"]):
        at = f"{where}.points[{index}]"
        with mistakes:
            if not isinstance(point, list) or len(point) != 2:
                raise SpecError(f"{at}: {shown(point)} is no point; write [place, value], such as ['chorus', 0.5]")
            place = binding.checked(point[0], Position, at, known)
            points.append([place, _number(point[1], parameter, at, known)])
            _check_order(points, at, known)
    ramp = {"ramp_ms": bound["ramp_ms"]} if bound["curve"] == "step" else {}
    return {"points": points, "curve": bound["curve"], **ramp}


def _check_order(points: list[list[Any]], at: str, known: Known) -> None:
    """Refuse a point that lies before the last one, as far as that can be told without the song's length."""
    if len(points) < 2:
        return
    (before, _), (place, _) = points[-2:]
    first, second = _seconds(before, known), _seconds(place, known)
    if place == before or (first is not None and second is not None and second <= first):
        raise SpecError(f"{at}: {out_of_order(before, place)}")


def _seconds(place: float | str, known: Known) -> float | None:
    """Return a place in seconds, or None where that depends on sections."""
    if not isinstance(place, str):
        return place
    if known.sections is None:
        return None
    found = position_in(place, known.sections)
    if found.section is not None:
        return None
    beats = (found.bar - 1) * known.beats_per_bar + found.beat - 1
    number, unit = found.offset
    if unit != "s":
        beats, number = beats + number * (known.beats_per_bar if unit == "bars" else 1.0), 0.0
    return number + (beats * 60.0 / known.bpm if known.bpm is not None else 0.0)


def _sections(
    bound: dict[str, Any], parameter: schema.Parameter, where: str, known: Known, mistakes: Mistakes
) -> Automation:
    values = {}
    for name, value in bound["sections"].items():
        with mistakes:
            _check_section(name, f"{where}.sections", known)
            values[name] = _number(value, parameter, f"{where}.sections.{name}", known)
    default = bound["default"]
    if default is None:
        default = parameter.default if isinstance(parameter.default, float) else None
    else:
        with mistakes:
            _number(default, parameter, f"{where}.default", known)
    unsaid = _unsaid(bound["sections"], known)
    if default is None and unsaid:
        mistakes.append(
            f"{where}.sections: {', '.join(unsaid)} {'has' if len(unsaid) == 1 else 'have'} no value; "
            "name all sections, or give 'default'"
        )
    return {"sections": values, "default": default if unsaid else None, "ramp_ms": bound["ramp_ms"]}


def _unsaid(given: dict[str, Any], known: Known) -> list[str]:
    """Return the sections of the song that no value is given for, each once."""
    seen: dict[str, int] = {}
    unsaid = []
    for name in known.sections or ():
        seen[name] = seen.get(name, 0) + 1
        if name not in given and f"{name}#{seen[name]}" not in given:
            unsaid.append(name)
    return list(dict.fromkeys(unsaid))


def _check_section(name: str, where: str, known: Known) -> None:
    """Refuse what is no section, or a time that one does not come: 'chorus#2' is the second chorus."""
    if known.sections is None or name in known.sections:
        return
    turn = TURN.fullmatch(name)
    if turn is None or turn[1] not in known.sections:
        listed = ", ".join(dict.fromkeys(known.sections))
        raise SpecError(f"{where}: {shown(name)} is no section; the song has {listed}{nearest(name, known.sections)}")
    times = known.sections.count(turn[1])
    if times < int(turn[2]):
        raise SpecError(f"{where}: {shown(name)}: {turn[1]!r} comes {times} time{'s' if times > 1 else ''}")


def _number(value: Any, parameter: schema.Parameter, where: str, known: Known) -> float:
    if isinstance(value, (str, dict, list)):
        raise SpecError(f"{where}: {shown(value)} is no number; expected {hints.describe(parameter.annotation)}")
    number: float = binding.checked(value, parameter.annotation, where, known)
    return number


def automations(effect: Named) -> dict[str, Automation]:
    """Return the parameters of an effect that change along the song."""
    drawn = schema.of("effects", effect.name)
    return {
        name: value
        for name, value in effect.arguments.items()
        if is_automation(value) and drawn.by_name[name].is_a(Automated)
    }


def check_swept(effect: Named, where: str) -> None:
    """Refuse more parameters at once than an effect can be crossfaded between."""
    swept = sorted(automations(effect).keys() - schema.of("effects", effect.name).curves)
    if len(swept) > MOST_SWEPT:
        raise SpecError(
            f"{where}: {', '.join(swept)} all change along the song; at most {MOST_SWEPT} parameters of "
            f"'{effect.name}' can: give the others one value"
        )


def scale_of(parameter: schema.Parameter) -> str:
    """Return how a parameter is heard: in 'octaves' where its ratios are, in 'decibels', or 'linear'."""
    for mark in hints.marks(parameter.annotation):
        if isinstance(mark, Range):
            if mark.unit in BY_RATIO and mark.low > 0:
                return "octaves"
            return "decibels" if mark.unit.startswith("dB") else "linear"
    return "linear"
