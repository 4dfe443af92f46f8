"""A JSON Schema of a song, and one of an album, for editors: drawn from what the reader binds a spec to.

It says what one key may hold: types, ranges, choices, and the keys that a table has, which depend on the part that it
names. What two keys may not say together, what files hold, and what patterns mean, is left to ``doit check``.

Draft-07, and ``if`` with ``then`` where a name chooses: ``oneOf`` would say of each part in turn why it is not the one
that was meant.
"""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from stemtasks.music.pitch import SCALES
from stemtasks.positions import LENGTH, PLAIN_POSITION
from stemtasks.spec import binding, hints, parts, schema
from stemtasks.spec.names import NAME_BYTES, UNSAFE
from stemtasks.spec.reading import SIGNATURE
from stemtasks.spec.tables import (
    ALBUM_TABLES,
    INSIDE,
    LISTED,
    NAMED,
    TABLES,
    AlbumTable,
    AutomationTable,
    SectionTable,
    SongTable,
)
from stemtasks.units import (
    NOTE,
    SIGNING_KEY,
    VARIABLE,
    Automated,
    CommandLine,
    Duration,
    Entries,
    InputPath,
    Longest,
    NoteName,
    Place,
    Position,
    Range,
    VariableName,
)

Json = dict[str, Any]
DRAFT = "http://json-schema.org/draft-07/schema#"
CHOSEN_BY = {"generators": "generator", "strategies": "strategy", "effects": "name", "delivery": "format"}
"""The key of a table that names the part whose parameters it holds."""
UNNAMED = {"strategies": "auto"}
"""The part that is meant where a table names none."""
_UNSAFE = UNSAFE.pattern[1:-1].replace(r"\ud800-\udfff", "")  # which TOML cannot hold
NAME = rf"^(?![ .])(?!.*[ .]$)(?!.*\.rejected$)[^{_UNSAFE}]{{1,{NAME_BYTES}}}$"
"""Of a stem: what can be a file's name."""
KEY = rf"^\s*[A-G][#b]? (?:{'|'.join(SCALES)})\s*$"
WRITTEN = {
    (SongTable, "time_signature"): f"^(?:{SIGNATURE.pattern})$",
    (SongTable, "key"): KEY,
    (AlbumTable, "upc"): "^[0-9]{12,13}$",
    (SectionTable, "key"): KEY,
}
"""How texts are written that the reader takes apart by itself."""
SYNC: Json = {
    "sync": {"type": "boolean", "description": "Corrects its offset, drift and polarity against the reference's file."}
}
TYPES = {float: "number", int: "integer", str: "string", bool: "boolean", list: "array", dict: "object"}
LENGTHS = {"string": "maxLength", "array": "maxItems", "object": "maxProperties"}


def as_json(drawn: Json | None = None) -> str:
    """Return a schema, that of a song if none is given, as a file has it."""
    return json.dumps(of_song() if drawn is None else drawn, indent=1, ensure_ascii=True) + "\n"


def of_album() -> Json:
    """Return the schema of an album."""
    return {
        "$schema": DRAFT,
        "title": "An album of stemtasks",
        "type": "object",
        "properties": {name: _table(kind) for name, kind in ALBUM_TABLES.items()},
        "required": [*ALBUM_TABLES],
        "additionalProperties": _unknown("table", ALBUM_TABLES),
    }


def of_song() -> Json:
    """Return the schema of a song, with the parts of the project in this folder and of installed packages."""
    return {
        "$schema": DRAFT,
        "title": "A song of stemtasks",
        "type": "object",
        "properties": {name: _top(name) for name in TABLES},
        "required": ["reference", "stems"],
        "additionalProperties": _unknown("table", TABLES),
        "definitions": {"plain": _plain(), **{kind: _chosen(kind) for kind in parts.KINDS if kind != "generators"}},
    }


def _top(name: str) -> Json:
    """Return the schema of a table of the song, or of all that are in a list or have names."""
    drawn = _stem() if name == "stems" else _table(TABLES[name])
    if name in LISTED:
        return {"type": "array", "items": drawn, "maxItems": LISTED[name]}
    if name in NAMED:
        return {
            "type": "object",
            "patternProperties": {NAME: drawn},
            "additionalProperties": _refused("a name that cannot be a file's"),
            "minProperties": 1 if name == "stems" else 0,
            "maxProperties": NAMED[name],
        }
    return drawn


def _table(kind: type) -> Json:
    drawn = schema.of_table(kind)
    return {"type": "object", "description": drawn.doc, **_keys(drawn, kind), **_no_more(drawn.by_name)}


def _entries(mark: Entries) -> Json:
    """Return the schema of the tables in a list."""
    drawn = schema.of_entries(mark)
    return {"type": "object", "description": drawn.doc, **_keys(drawn), **_no_more(drawn.by_name)}


def _stem() -> Json:
    """Return the schema of a stem, which has the keys of its generator beside its own."""
    kind = TABLES["stems"]
    common = _keys(schema.of_table(kind), kind)["properties"]
    return {"description": schema.of_table(kind).doc, **_chosen("generators", common)}


def _keys(drawn: schema.Schema, table: type | None = None) -> Json:
    """Return what a table's keys may hold, and which must be there."""
    properties = {each.name: _documented(each, _inside(table, each)) for each in drawn.parameters}
    return {"properties": properties} | ({"required": drawn.required} if drawn.required else {})


def _inside(table: type | None, parameter: schema.Parameter) -> Json:
    """Return what a key may hold, and what its table knows of it besides."""
    if table is None:
        return _value(parameter.annotation)
    inner, pattern = INSIDE.get((table, parameter.name)), WRITTEN.get((table, parameter.name))
    drawn = _value(parameter.annotation, holds=_table(inner) if inner else None)
    return drawn | ({"pattern": pattern} if pattern else {})


def _documented(parameter: schema.Parameter, drawn: Json) -> Json:
    told = "\n\n".join(text for text in (parameter.doc, hints.describe(parameter.annotation)) if text)
    default = parameter.default
    has_default = default is not schema.NO_DEFAULT and default not in (None, "", [], {})
    return {**drawn, "description": told} | ({"default": default} if has_default else {})


def _chosen(kind: parts.Kind, common: Json | None = None) -> Json:
    """Return the schema of a table that names a part and holds its parameters, beside ``common`` keys."""
    key, names, unnamed = CHOSEN_BY[kind], parts.names(kind), UNNAMED.get(kind)
    common = {**(SYNC if kind == "strategies" else {}), **(common or {})}
    said: Json = {"type": "object", "properties": {**common, key: {**common.get(key, {}), **_names(kind)}}}
    needs_name: Json = {"required": [key]}
    if unnamed is None:
        said |= needs_name
    choices: list[Json] = [] if unnamed is None else [{"if": {"not": {"required": [*SYNC]}}, "then": needs_name}]
    for name in names:
        drawn = schema.of(kind, name)
        is_it: Json = {"properties": {key: {"const": name}}} | ({} if name == unnamed else needs_name)
        own = _keys(drawn)
        if "mend" in common and not drawn.brings_audio:
            own["properties"] |= {"mend": {"maxItems": 0}}
        own["properties"] = {**{each: {} for each in (key, *common)}, **own["properties"]}
        choices.append({"if": is_it, "then": {"description": drawn.doc, **own, **_no_more(own["properties"])}})
    return {**said, "allOf": choices}


def _no_more(known: Iterable[str]) -> Json:
    return {"additionalProperties": _unknown("key", known)}


def _unknown(what: str, known: Iterable[str]) -> Json:
    return _refused(f"an unknown {what}; known: {', '.join(sorted(known))}")


def _refused(why: str) -> Json:
    """Return the schema that no value keeps: a message is then about the value, where ``false`` is about its table."""
    return {"not": {"title": why}}


def _names(kind: parts.Kind) -> Json:
    """Return the names of a kind's parts, and what each is, for an editor to show (an extension of Taplo's)."""
    names = parts.names(kind)
    told = [schema.of(kind, name).doc for name in names]
    return {"type": "string", "enum": list(names), "x-taplo": {"docs": {"enumValues": told}}}


def _value(annotation: Any, marks: tuple[Any, ...] = (), holds: Json | None = None) -> Json:
    """Return the schema of a value; a table in it is as ``holds`` says."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _value(arguments[0], (*annotation.__metadata__, *marks), holds)
    if origin is typing.Union or isinstance(annotation, types.UnionType):
        return _one_of([option for option in arguments if option is not type(None)], marks, holds)
    if origin is Literal:
        return {"type": "string", "enum": list(arguments)}
    if annotation is Any:
        return {"$ref": "#/definitions/plain"}
    drawn: Json = {"type": TYPES[origin or annotation]}
    if drawn["type"] in LENGTHS:
        drawn[LENGTHS[drawn["type"]]] = binding.LONGEST
    if drawn["type"] == "array" and arguments:
        kind = next((mark.of for mark in marks if isinstance(mark, Longest) and mark.of in CHOSEN_BY), None)
        drawn["items"] = {"$ref": f"#/definitions/{kind}"} if kind else _value(arguments[0], holds=holds)
        if table := next((mark for mark in marks if isinstance(mark, Entries)), None):
            drawn["items"] = _entries(table)
    if drawn["type"] == "object":
        if holds is not None:
            return holds
        drawn["additionalProperties"] = _value(arguments[1]) if arguments else {"$ref": "#/definitions/plain"}
    for mark in marks:
        drawn |= _marked(mark, drawn)
    return drawn


def _one_of(options: list[Any], marks: tuple[Any, ...], holds: Json | None) -> Json:
    """Return the schema of a value of several types, of which its type says which holds."""
    kind = next(filter(None, (_kind_named(mark) for option in options for mark in hints.marks(option))), None)
    holds = {"type": "object", "allOf": [{"$ref": f"#/definitions/{kind}"}]} if kind else holds
    if any(isinstance(mark, Automated) for option in options for mark in hints.marks(option)):
        *options, _ = options
        drawn = [_value(option, marks, holds) for option in options]
        drawn.append(_automation(next(each for each in drawn if each["type"] == "number")))
    else:
        drawn = [_value(option, marks, holds) for option in options]
    if len(drawn) == 1:
        return drawn[0]
    found = [each["type"] for each in drawn]
    return {"type": found, "allOf": [{"if": {"type": each["type"]}, "then": each} for each in drawn]}


def _automation(number: Json) -> Json:
    """Return the schema of what may stand in place of a number, and so holds such numbers."""
    drawn = _table(AutomationTable)
    place = _value(Position)
    drawn["properties"]["points"] |= {
        "items": {"type": "array", "items": [place, number], "minItems": 2, "maxItems": 2},
        "minItems": 1,
    }
    drawn["properties"]["sections"] |= {"additionalProperties": number}
    drawn["properties"]["default"] |= number
    return drawn | {"oneOf": [{"required": ["points"]}, {"required": ["sections"]}]}


def _kind_named(mark: Any) -> parts.Kind | None:
    """Return the kind of part whose name a text is, by what its mark calls it."""
    return next((kind for kind in parts.KINDS if mark == f"a {parts.CALLED[kind]}"), None)


def _marked(mark: Any, drawn: Json) -> Json:
    """Return what a mark says of a value of that type, as far as a JSON Schema can."""
    is_text = drawn["type"] == "string"
    kind = _kind_named(mark)
    if kind is not None:
        return _names(kind)
    if isinstance(mark, Range):
        return {"minimum": _number(mark.low), "maximum": _number(mark.high)}
    if isinstance(mark, Longest):
        return {LENGTHS[drawn["type"]]: mark.length}
    if isinstance(mark, NoteName):
        return {"pattern": _whole(NOTE)}
    if isinstance(mark, Duration):
        if mark.or_section:
            return {} if is_text else {"minimum": 0, "maximum": 86_400}
        return {"pattern": _whole(LENGTH, r"\s*")} if is_text else {"exclusiveMinimum": 0, "maximum": 86_400}
    if isinstance(mark, Place):
        plain = {} if mark.or_section else {"pattern": _whole(PLAIN_POSITION, r"\s*")}
        return plain if is_text else {"minimum": 0, "maximum": 86_400}
    if isinstance(mark, InputPath):
        named = {"minLength": 1, "pattern": r"^[^\u0000]*$"}
        return named if is_text else {"items": {**drawn["items"], **named}}
    if isinstance(mark, CommandLine):
        return {"minItems": 1, "contains": {"type": "string", "pattern": r"\{output\}"}}
    if isinstance(mark, VariableName):
        return {"items": {**drawn["items"], "pattern": _whole(VARIABLE), "not": {"const": SIGNING_KEY}}}
    return {}


def _plain() -> Json:
    """Return the schema of what only a generator knows."""
    here = {"$ref": "#/definitions/plain"}
    return {
        "type": ["string", "number", "boolean", "array", "object"],
        "maxLength": binding.LONGEST,
        "items": here,
        "maxProperties": binding.MOST_KEYS,
        "additionalProperties": here,
    }


def _whole(pattern: re.Pattern[str], around: str = "") -> str:
    """Return a pattern for the whole of a text, in what all dialects of regular expressions share."""
    return f"^{around}(?:{pattern.pattern.replace(chr(92) + 'd', '[0-9]')}){around}$"


def _number(value: float) -> float:
    return int(value) if value == int(value) else value
