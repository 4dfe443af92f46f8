"""``stemtasks laws``: hold a project's own parts to what holds for ours."""

from __future__ import annotations

import argparse
import typing
from typing import Any, Literal

from stemtasks import plugins
from stemtasks.errors import SpecError, StemtasksError, VerificationError, unknown
from stemtasks.spec import hints, parts, schema
from stemtasks.units import NoteName, Range


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    laws = commands.add_parser("laws", help="hold the parts of this project to the laws that all parts keep")
    laws.add_argument("name", nargs="*", help="only these, such as tremolo; without a name, all of the project's own")
    laws.set_defaults(run=_laws)


def _laws(parsed: argparse.Namespace) -> None:
    """Print a line a part and arguments, and the laws that it breaks."""
    chosen = [
        (kind, name)
        for kind in parts.KINDS
        for name in parts.names(kind)
        if name in parsed.name or (not parsed.name and name not in parts.ours(kind))
    ]
    missing = [name for name in parsed.name if name not in {name for _, name in chosen}]
    if missing:
        known = {name for kind in parts.KINDS for name in parts.names(kind)}
        raise SpecError(unknown("part", missing[0], known))
    if not chosen:
        raise SpecError(
            f"{plugins.PARTS}/: no parts of this project's own are here; see 'Parts of your own' in the guide"
        )
    broken = sum(_broken(kind, name, arguments) for kind, name in chosen for arguments in cases(schema.of(kind, name)))
    if broken:
        raise VerificationError(f"{broken} laws are broken; stemtasks/audio/laws.py describes each")


def _broken(kind: parts.Kind, name: str, arguments: dict[str, Any]) -> int:
    """Try a part with some arguments, print what came of it, and return how many laws it breaks."""
    said = ", ".join(f"{key} = {value!r}" for key, value in arguments.items()) or "no arguments"
    tried = plugins.load("stemtasks.audio.laws:tried")
    try:
        wrong = [law for law, holds in tried(kind, parts.found(kind, name).reference, arguments) if not holds]
    except StemtasksError as error:
        print(f"refused  {kind}/{name}  {said}: {error}")
        return 0
    print(f"{'BROKEN' if wrong else 'kept':<8} {kind}/{name}  {said}")
    for law in wrong:
        print(f"         {law}")
    return len(wrong)


def cases(drawn: schema.Schema) -> list[dict[str, Any]]:
    """Return arguments to try a part with: all that must be given, and then each choice and switch once."""
    base = {
        parameter.name: _some_value(parameter)
        for parameter in drawn.parameters
        if parameter.default is schema.NO_DEFAULT
    }
    found = [base]
    for parameter in drawn.parameters:
        options = typing.get_args(parameter.annotation) if typing.get_origin(parameter.annotation) is Literal else ()
        if parameter.annotation is bool:
            options = (True, False)
        found += [base | {parameter.name: option} for option in options if option != parameter.default]
    return found


def _some_value(parameter: schema.Parameter) -> Any:
    """Return a value that a parameter without default may have: the middle of a range of frequencies or numbers."""
    annotation = parameter.annotation
    if typing.get_origin(annotation) is Literal:
        return typing.get_args(annotation)[0]
    if annotation is bool:
        return True
    for mark in hints.marks(annotation):
        if isinstance(mark, Range):
            high = 16_000.0 if mark.below_nyquist else mark.high
            middle = (mark.low * high) ** 0.5 if mark.low > 0 else (mark.low + high) / 2
            return round(middle) if int in typing.get_args(annotation) else middle
        if isinstance(mark, NoteName):
            return "A4"
    raise SpecError(f"'{parameter.name}': no value to try it with is known; give it a default")
