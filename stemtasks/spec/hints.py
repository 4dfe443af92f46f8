"""What an annotation of a parameter says: its marks, its alternatives, and what it accepts, in words."""

from __future__ import annotations

import types
import typing
from typing import Annotated, Any, Literal

from stemtasks.units import Automated, Entries, Longest


def marks(annotation: Any) -> list[Any]:
    """Return what ``Annotated`` says of a type, also inside ``X | None``."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return [mark for part in typing.get_args(annotation) for mark in marks(part)]
    return list(annotation.__metadata__) if typing.get_origin(annotation) is Annotated else []


def options(annotation: Any) -> list[Any]:
    """Return the alternatives that a value is held against, and that a description of them says."""
    options = [option for option in typing.get_args(annotation) if option is not type(None)]
    return [option for option in options if not any(isinstance(mark, Automated) for mark in marks(option))]


def class_of(annotation: Any) -> Any:
    """Return the class of a type without its marks and the types of its content."""
    if typing.get_origin(annotation) is Annotated:
        annotation = typing.get_args(annotation)[0]
    return typing.get_origin(annotation) or annotation


def describe(annotation: Any) -> str:
    """Return what a key accepts, in words: 'a number, 1 to 24000 Hz'."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return ", ".join([describe(arguments[0]), *_told(annotation)])
    if origin is typing.Union or isinstance(annotation, types.UnionType):
        return " or ".join(map(describe, options(annotation)))
    if origin is Literal:
        return f"one of {', '.join(map(repr, arguments))}"
    if origin is list:
        return f"a list of {_several(arguments[0])}" if arguments else "a list"
    if (origin or annotation) is dict:
        return "a table"
    words = {float: "a number", int: "a whole number", str: "a string", bool: "true or false", list: "a list"}
    return words.get(annotation, "any value")


def _several(annotation: Any) -> str:
    """Return what the entries of a list are, in words: 'whole numbers', 'any of 'a', 'b''."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        told = _told(annotation)
        return _several(arguments[0]) + (f", each {', '.join(told)}" if told else "")
    if origin is typing.Union or isinstance(annotation, types.UnionType):
        return " or ".join(map(_several, arguments))
    if origin is Literal:
        return f"any of {', '.join(map(repr, arguments))}"
    return f"{describe(annotation).removeprefix('a ')}s"


def _told(annotation: Any) -> list[str]:
    """Return what the marks of an annotation say."""
    told = (mark for mark in annotation.__metadata__ if not isinstance(mark, Entries))
    return [str(mark) for mark in told if not isinstance(mark, Longest) or mark.is_told]
