"""Schemas drawn from signatures and dataclasses: what a TOML table may say, and binding it to that.

Signatures of generators, strategies and effects are read from source with ``ast``, never imported,
so that checking a spec (and a build with nothing to do) imports no numpy.
"""

from __future__ import annotations

import ast
import copy
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from functools import cache, cached_property
from typing import Annotated, Any, Literal

from stemtasks import units
from stemtasks.automation import is_automation
from stemtasks.errors import Mistakes, SpecError, nearest, shown
from stemtasks.plugins import load
from stemtasks.positions import NOTHING_KNOWN, Known
from stemtasks.spec import parts
from stemtasks.units import (
    Automated,
    Automation,
    CommandLine,
    Duration,
    Entries,
    InputPath,
    Longest,
    NoteName,
    PartName,
    Place,
    Range,
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
MOST_MISTAKES = 50
"""Of a table, which are said: nobody made more by hand, and each costs a look at all names."""
MOST_KEYS = 1000
"""Of a table inside a table of patterns."""
LONGEST = 100_000
"""The longest text, and list, where a schema says nothing else: inside a table of patterns, or in a part not ours."""


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


def unknown(what: str, found: str, known: typing.Iterable[str]) -> str:
    """Return the phrase for a name that does not exist, with the nearest one that does."""
    names = sorted(known)
    return f"unknown {what} '{found}'; known: {', '.join(names) or 'none'}{nearest(found, names)}"


def marks(annotation: Any) -> list[Any]:
    """Return what ``Annotated`` says of a type, also inside ``X | None``."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return [mark for part in typing.get_args(annotation) for mark in marks(part)]
    return list(annotation.__metadata__) if typing.get_origin(annotation) is Annotated else []


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
    options = _options(annotation)
    for option in options[:-1]:
        try:
            return _checked(value, option, where, known)
        except SpecError:
            if type(value) is _plain(option) or (type(value) is int and _plain(option) is float):
                raise
    return _checked(value, options[-1], where, known, whole)


def _options(annotation: Any) -> list[Any]:
    """Return the alternatives that a value is held against, and that a description of them says."""
    options = [option for option in typing.get_args(annotation) if option is not type(None)]
    return [option for option in options if not any(isinstance(mark, Automated) for mark in marks(option))]


def _plain(annotation: Any) -> Any:
    if typing.get_origin(annotation) is Annotated:
        annotation = typing.get_args(annotation)[0]
    return typing.get_origin(annotation) or annotation


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


def describe(annotation: Any) -> str:
    """Return what a key accepts, in words: 'a number, 1 to 24000 Hz'."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return ", ".join([describe(arguments[0]), *_told(annotation)])
    if origin is typing.Union or isinstance(annotation, types.UnionType):
        return " or ".join(map(describe, _options(annotation)))
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
