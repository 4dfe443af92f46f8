"""Every parameter has bounds that keep memory and time sane; a file that is a bomb is one line, at once."""

from __future__ import annotations

import types
import typing
from typing import Annotated, Any, Literal

import pytest

from stemtasks.cache.settings import CacheTable
from stemtasks.spec import parts, schema, tables
from stemtasks.units import Duration, Longest, NoteName, Range

PARTS = [(kind, name) for kind in parts.KINDS for name in parts.ours(kind)]
SCHEMAS = [schema.of(kind, name) for kind, name in PARTS]
SCHEMAS += [schema.of_table(table) for table in (*tables.TABLES.values(), CacheTable)]


def unbounded(annotation: Any, marks: tuple[Any, ...] = ()) -> list[Any]:
    """Return the types of an annotation that have no bound: both ends of a number, a length of all else."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return unbounded(arguments[0], (*marks, *annotation.__metadata__))
    if origin is typing.Union or isinstance(annotation, types.UnionType):
        return [each for option in arguments for each in unbounded(option, marks)]
    if origin is Literal or annotation in (bool, type(None)):
        return []
    kinds = {type(mark) for mark in marks}
    if annotation in (int, float):
        return [] if kinds & {Range, Duration} else [annotation]
    found = [] if kinds & {Longest, Duration, NoteName} else [annotation]
    if origin is list:
        found += [each for item in arguments for each in unbounded(item)]
    return found


@pytest.mark.parametrize("drawn", SCHEMAS, ids=lambda drawn: drawn.name)
def test_every_number_has_both_bounds_and_every_text_list_and_table_a_longest_length(drawn):
    assert drawn.parameters or drawn.name in ("sha256sums", "manifest", "track_sheet")
    assert {p.name: unbounded(p.annotation) for p in drawn.parameters if unbounded(p.annotation)} == {}
