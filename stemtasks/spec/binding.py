"""Binding a table of a spec to its schema: every value in its type and range, or what was found and what is allowed."""

from __future__ import annotations

import copy
import math
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from stemtasks.automation import is_automation
from stemtasks.errors import Mistakes, SpecError, nearest, shown, unknown
from stemtasks.plugins import load
from stemtasks.positions import NOTHING_KNOWN, Known
from stemtasks.spec.hints import class_of, describe, options
from stemtasks.spec.schema import Parameter, Schema, of_entries
from stemtasks.units import (
    Automated,
    CommandLine,
    Duration,
    Entries,
    InputPath,
    Longest,
    NoteName,
    Place,
    Range,
    VariableName,
)

MOST_MISTAKES = 50
"""Of a table, which are said: nobody made more by hand, and each costs a look at all names."""
MOST_KEYS = 1000
"""Of a table inside a table of patterns."""
LONGEST = 100_000
"""The longest text, and list, where a schema says nothing else: inside a table of patterns, or in a part not ours."""


def bind(schema: Schema, table: Mapping[str, Any], where: str, known: Known = NOTHING_KNOWN) -> dict[str, Any]:
    """Return every parameter's value, defaults filled in.

    Raises ``SpecError`` naming each key that is wrong, what was found and what is allowed.
    """
    mistakes = Mistakes()
    bound = bound_with(mistakes, schema, table, where, known)
    mistakes.settle()
    return bound


def bound_with(
    mistakes: Mistakes, schema: Schema, table: Mapping[str, Any], where: str, known: Known = NOTHING_KNOWN
) -> dict[str, Any]:
    """Return what ``bind`` does, noting what is wrong; in its place stands the default."""
    bound = dict(schema.defaults)
    for name in schema.copied:
        bound[name] = copy.copy(bound[name])
    found = len(mistakes)
    for name, value in table.items():
        if len(mistakes) - found >= MOST_MISTAKES:
            break
        parameter = schema.by_name.get(name)
        try:
            if parameter is None:
                raise SpecError(f"{where}: {unknown('key', name, schema.by_name)}")
            bound[name] = _bound(value, parameter, f"{where}.{name}", known)
        except SpecError as error:
            mistakes.extend(error.mistakes)
    for name in schema.required:
        if name not in table:
            described = describe(schema.by_name[name].annotation)
            mistakes.append(f"{where}: '{name}' is missing; it is {described}")
    return bound


def _bound(value: Any, parameter: Parameter, where: str, known: Known) -> Any:
    """Return the value of a parameter, or what stands in its place."""
    if isinstance(value, dict) and parameter.is_a(Automated):
        from stemtasks.spec.automating import automated  # noqa: PLC0415 - it binds a table itself

        return automated(value, parameter, where, known)
    if is_automation(value) and not _holds_table(parameter.annotation):
        raise SpecError(f"{where}: cannot change along the song; give it one value: {describe(parameter.annotation)}")
    return checked(value, parameter.annotation, where, known)


def _holds_table(annotation: Any) -> bool:
    return annotation is dict or annotation is Any or any(map(_holds_table, _types_in(annotation)))


def _types_in(annotation: Any) -> tuple[Any, ...]:
    """Return the types that an annotation is made of, but for those of a table's or a list's content."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return typing.get_args(annotation)[:1]
    if isinstance(annotation, types.UnionType) or origin is typing.Union:
        return typing.get_args(annotation)
    return (dict,) if origin is dict else ()


def checked(value: Any, annotation: Any, where: str, known: Known) -> Any:
    """Return a value in the type of an annotation, or raise ``SpecError`` with what is allowed."""
    return _checked(value, annotation, where, known)


def _checked(value: Any, annotation: Any, where: str, known: Known, whole: Any = None) -> Any:
    """Return the value in its type, or raise with what is allowed, which is ``whole`` where marks surround a type."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    whole = whole or annotation
    if origin is Annotated:
        found = _checked(value, arguments[0], where, known, whole)
        for mark in annotation.__metadata__:
            _check_mark(found, mark, where, known)
            if isinstance(mark, Entries):
                found = _bound_entries(found, mark, where, known)
        return found
    if origin is typing.Union or isinstance(annotation, types.UnionType):
        return _checked_union(value, annotation, where, known, whole)
    if origin is Literal:
        if value in arguments and isinstance(value, str):
            return value
        hint = nearest(value, arguments) if isinstance(value, str) else ""
        raise SpecError(f"{where}: {shown(value)} is not one of {', '.join(map(repr, arguments))}{hint}")
    if isinstance(value, int) and abs(value) >= 1 << 63:
        raise SpecError(f"{where}: a whole number of more than 64 bits; expected {describe(whole)}")
    if annotation is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    plain = origin or annotation
    if plain is not Any and (type(value) is not plain):
        raise SpecError(f"{where}: {shown(value)} is {_kind(value)}; expected {describe(whole)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise SpecError(f"{where}: {value!r} is not a finite number; expected {describe(whole)}")
    if plain in (str, list, dict) and len(value) > LONGEST:
        raise SpecError(f"{where}: is too long ({len(value)}); {LONGEST} are allowed")
    if plain is dict:
        _check_plain(value, where)
    if plain is list and arguments:
        mistakes, items = Mistakes(), []
        for index, item in enumerate(value):
            try:
                items.append(_checked(item, arguments[0], f"{where}[{index}]", known))
            except SpecError as error:
                mistakes.extend(error.mistakes)
        mistakes.settle()
        return items
    return value


def _bound_entries(tables: list[dict[str, Any]], mark: Entries, where: str, known: Known) -> list[dict[str, Any]]:
    """Return the tables of a list, defaults filled in; raises ``SpecError`` that names each entry and key."""
    mistakes, bound = Mistakes(), []
    for index, table in enumerate(tables):
        if len(mistakes) >= MOST_MISTAKES:
            break
        with mistakes:
            bound.append(entry(mark, table, f"{where}[{index}]", known))
    mistakes.settle()
    return bound


def entry(mark: Entries, table: dict[str, Any], where: str, known: Known) -> dict[str, Any]:
    """Return a table of a list, bound, of which its dataclass finds nothing wrong."""
    bound = bind(of_entries(mark), table, where, known)
    find = getattr(load(mark.table), "problem", None)
    problem = None if find is None else find(bound)
    if problem:
        raise SpecError(f"{where}: {problem}")
    return bound


def _check_plain(value: Any, where: str) -> None:
    """Refuse what JSON cannot hold, at any depth of a table whose content only its generator knows."""
    if isinstance(value, dict):
        if len(value) > MOST_KEYS:
            raise SpecError(f"{where}: has {len(value)} keys; {MOST_KEYS} are allowed")
        for key, item in value.items():
            _check_plain(item, f"{where}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_plain(item, f"{where}[{index}]")
    elif isinstance(value, str):
        if len(value) > LONGEST:
            raise SpecError(f"{where}: has {len(value)} characters; {LONGEST} are allowed")
    elif not isinstance(value, (int, float)):
        raise SpecError(f"{where}: {value} is {_kind(value)}; write it in quotes")
    elif not abs(value) < 1 << 63:
        raise SpecError(f"{where}: {shown(value)} is no number that a file can hold")


def _checked_union(value: Any, annotation: Any, where: str, known: Known, whole: Any) -> Any:
    """Return the value as the first alternative that takes its type; the last one's error is the user's."""
    *others, last = options(annotation)
    for option in others:
        try:
            return _checked(value, option, where, known)
        except SpecError:
            if type(value) is class_of(option) or (type(value) is int and class_of(option) is float):
                raise
    return _checked(value, last, where, known, whole)


def _check_mark(value: Any, mark: Any, where: str, known: Known) -> None:
    if isinstance(mark, Range):
        if mark.below_nyquist and known.sample_rate is not None and value >= known.sample_rate / 2:
            raise SpecError(
                f"{where}: {value:g} Hz is not below half the sample rate ({known.sample_rate / 2:g} Hz); "
                "lower it or raise song.sample_rate"
            )
        if not mark.low <= value <= mark.high:
            raise SpecError(f"{where}: {value:g} is outside {mark}")
    elif isinstance(mark, (Duration, Place)):
        problem = mark.problem(value, known)
        if problem:
            raise SpecError(f"{where}: {problem}")
    elif isinstance(mark, (NoteName, CommandLine, VariableName, Longest)):
        problem = mark.problem(value)
        if problem:
            raise SpecError(f"{where}: {problem}")
    elif isinstance(mark, InputPath):
        for path in [value] if isinstance(value, str) else value:
            if not path or "\0" in path:
                raise SpecError(f"{where}: {shown(path)} names no file")


def _kind(value: Any) -> str:
    names = {bool: "a boolean", int: "a whole number", float: "a number", str: "a string", list: "a list"}
    return names.get(type(value), "a table" if isinstance(value, dict) else "a date or time")
