"""Schemas drawn from signatures and dataclasses: what a TOML table may say (``binding.py`` binds it to that).

Signatures of generators, strategies and effects are read from source with ``ast``, never imported,
so that checking a spec (and a build with nothing to do) imports no numpy.
"""

from __future__ import annotations

import ast
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields, replace
from functools import cache, cached_property
from typing import Annotated, Any, Literal

from stemtasks import units
from stemtasks.errors import SpecError
from stemtasks.plugins import load
from stemtasks.spec import parts
from stemtasks.spec.hints import marks
from stemtasks.units import (
    Automation,
    CommandLine,
    Entries,
    InputPath,
    PartName,
    StemName,
    VariableName,
)

RESERVED = (
    "timeline",
    "places",
    "own_frames",
    "seed",
    "paths",
    "variables",
    "since_earliest",
    "session_tracks",
    "noted",
)
CURVES = "CURVES"
"""In the file of an effect: the names of those parameters that it takes as curves, where they change along the song."""
NO_DEFAULT = object()


@dataclass(frozen=True)
class Parameter:
    """One key of a table: its annotation, its default (``NO_DEFAULT`` if it must be given) and a sentence."""

    name: str
    annotation: Any
    default: Any
    doc: str = ""

    @property
    def reads_files(self) -> bool:
        """Return whether the value names files, whose content the key takes."""
        return self.holds(InputPath)

    def is_a(self, *kinds: type) -> bool:
        """Return whether its annotation has a mark of one of these kinds."""
        return any(isinstance(each, kinds) for each in marks(self.annotation))

    def holds(self, *kinds: type) -> bool:
        """Return whether its annotation has such a mark, or that of a key of the tables in its list."""
        return self.is_a(*kinds) or (self.entries is not None and any(map(_holding(kinds), self.entries.parameters)))

    @cached_property
    def entries(self) -> Schema | None:
        """Return the schema of the tables in its list, or None where it is no list of tables."""
        return next((of_entries(mark) for mark in marks(self.annotation) if isinstance(mark, Entries)), None)


def _holding(kinds: tuple[type, ...]) -> Callable[[Parameter], bool]:
    return lambda parameter: parameter.holds(*kinds)


@dataclass(frozen=True)
class Schema:
    """The keys that a name accepts; ``wants`` are the reserved ones its function asks the stage for.

    ``curves`` are those of an effect that it takes as curves itself (``audio/curves.py``).
    """

    name: str
    doc: str
    parameters: tuple[Parameter, ...]
    wants: frozenset[str] = frozenset()
    curves: frozenset[str] = frozenset()

    @cached_property
    def outside(self) -> tuple[Parameter, ...]:
        """Return the parameters that name what lies outside the spec, what a command needs first."""
        kinds = ((InputPath, VariableName, PartName, StemName), (CommandLine,))
        return tuple(each for kind in kinds for each in self.parameters if each.holds(*kind))

    def only(self, name: str, called: str) -> Schema:
        """Return a schema of one of its parameters, by another name."""
        return replace(self, parameters=(replace(self.by_name[name], name=called),))

    @cached_property
    def brings_audio(self) -> bool:
        """Return whether what it makes sound of is not its own: files, or another program's."""
        return any(each.reads_files or each.is_a(CommandLine) for each in self.parameters)

    @cached_property
    def by_name(self) -> dict[str, Parameter]:
        """Return the parameters by name, in their order."""
        return {parameter.name: parameter for parameter in self.parameters}

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """Return the value of every parameter that is not given, in their order."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    @cached_property
    def copied(self) -> list[str]:
        """Return the names of those whose default could be changed by whoever is given it."""
        return [name for name, default in self.defaults.items() if isinstance(default, (list, dict))]

    @cached_property
    def required(self) -> list[str]:
        """Return the names of those that have no default."""
        return [name for name, default in self.defaults.items() if default is NO_DEFAULT]


@dataclass(frozen=True)
class Held:
    """A parameter, the table that has its value, its place in the spec (``clips[0].file``), its role as an input."""

    parameter: Parameter
    table: dict[str, Any]
    where: str
    role: str

    @property
    def value(self) -> Any:
        """Return its value, None where it has none."""
        return self.table.get(self.parameter.name)


def held(schema: Schema, arguments: dict[str, Any], *kinds: type) -> Iterator[Held]:
    """Yield the parameters that have a mark of one of these kinds, those of tables in lists too."""
    for parameter in schema.parameters:
        name = parameter.name
        if parameter.is_a(*kinds):
            yield Held(parameter, arguments, name, name)
        if parameter.entries is not None and parameter.holds(*kinds) and isinstance(arguments.get(name), list):
            for index, entry in enumerate(arguments[name]):
                for inner in held(parameter.entries, entry, *kinds):
                    yield replace(inner, where=f"{name}[{index}].{inner.where}", role=f"{name}/{index}/{inner.role}")


def copied(schema: Schema, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments whose tables in lists may be changed."""
    made = dict(arguments)
    for parameter in schema.parameters:
        if parameter.entries is not None and isinstance(made.get(parameter.name), list):
            made[parameter.name] = [dict(entry) for entry in made[parameter.name]]
    return made


@cache
def of(kind: parts.Kind, name: str) -> Schema:
    """Return the schema of a generator, strategy, effect or delivery format from its source file."""
    part = parts.found(kind, name)
    function, curves = _function(part)
    doc = ast.get_docstring(function) or ""
    sentences = _documented(doc)
    arguments = function.args
    parameters, wants = [], set()
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if argument.arg in RESERVED:
            wants.add(argument.arg)
            continue
        try:
            value = NO_DEFAULT if default is None else ast.literal_eval(default)
            value = list(value) if isinstance(value, tuple) else value
            annotation = _evaluate(argument.annotation)
        except (ValueError, TypeError, NameError, AttributeError, SyntaxError) as error:
            raise SpecError(
                f"{part.file.as_posix()}:{argument.lineno}: '{argument.arg}': {error}; write a plain value as "
                "its default, and a plain type or a name of stemtasks.units as its annotation"
            ) from None
        if kind == "effects" and _is_automatable(annotation):
            annotation |= Automation
        parameters.append(Parameter(argument.arg, annotation, value, sentences.get(argument.arg, "")))
    return Schema(name, doc.partition("\n")[0], tuple(parameters), frozenset(wants), curves)


def _is_automatable(annotation: Any) -> bool:
    """Return whether a value may be a number between two others."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return any(map(_is_automatable, typing.get_args(annotation)))
    return annotation is float or (
        typing.get_origin(annotation) is Annotated and typing.get_args(annotation)[0] is float
    )


def _function(part: parts.Part) -> tuple[ast.FunctionDef, frozenset[str]]:
    """Return a part's function, parsed, and ``CURVES`` of its file.

    Raises ``SpecError`` for a file that is not Python or has no such function.
    """
    try:
        body = ast.parse(part.file.read_bytes()).body
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise SpecError(f"{part.file.as_posix()}:{line}: is not Python ({getattr(error, 'msg', error)})") from None
    curves: frozenset[str] = frozenset()
    for node in body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [CURVES]:
            curves = frozenset(ast.literal_eval(node.value))
    for node in body:
        if isinstance(node, ast.FunctionDef) and node.name == part.function:
            return node, curves
    raise SpecError(f"{part.file.as_posix()}: has no function '{part.function}'")


@cache
def of_table(table: Any) -> Schema:
    """Return the schema of a dataclass that stands for a table of the spec."""
    hints = typing.get_type_hints(table, include_extras=True)
    sentences = _documented(table.__doc__ or "")
    parameters = []
    for field in fields(table):
        default = field.default if field.default is not MISSING else NO_DEFAULT
        if field.default_factory is not MISSING:
            default = field.default_factory()
        name = field.name.removesuffix("_")
        parameters.append(Parameter(name, hints[field.name], default, sentences.get(name, "")))
    return Schema(table.__name__, (table.__doc__ or "").partition("\n")[0], tuple(parameters))


@cache
def of_entries(mark: Entries) -> Schema:
    """Return the schema of the tables in a list."""
    return of_table(load(mark.table))


def _evaluate(annotation: ast.expr | None) -> Any:
    """Return the annotation's object; only typing's names and ``stemtasks.units`` are known to it."""
    if annotation is None:
        raise TypeError("a parameter without an annotation has no schema")
    names = {**vars(units), "Annotated": Annotated, "Any": Any, "Literal": Literal}
    return eval(compile(ast.Expression(annotation), "<annotation>", "eval"), names)


def _documented(doc: str) -> dict[str, str]:
    """Return the sentence under each name of a numpy-style 'Parameters' (or 'Attributes') section."""
    found: dict[str, str] = {}
    name = ""
    lines = doc.splitlines()
    body = [index for index, line in enumerate(lines) if line.strip() in ("Parameters", "Attributes")]
    if not body:
        return found
    margin = len(lines[body[0]]) - len(lines[body[0]].lstrip())
    for line in lines[body[0] + 2 :]:
        text = line.strip()
        if text and set(text) == {"-"}:
            found.pop(name, None)
            break
        if text and len(line) - len(line.lstrip()) == margin:
            name = text.partition(":")[0].strip()
            found[name] = ""
        elif text:
            found[name] = f"{found[name]} {text}".strip()
    return found
