"""Parts that a spec chooses by name (a generator, strategy, effect or format), with their arguments bound."""

from __future__ import annotations

from typing import Any

from stemtasks.errors import SpecError, unknown
from stemtasks.positions import Known
from stemtasks.spec import binding, parts, schema
from stemtasks.spec.song import Named


def named_part(kind: parts.Kind, key: str, value: str | dict[str, Any], where: str, known: Known) -> Named:
    """Return a part named by a string, or by ``key`` of a table that holds its parameters too."""
    table = {key: value} if isinstance(value, str) else dict(value)
    return bound_part(kind, chosen_name(kind, key, table.pop(key, None), where), table, where, known)


def bound_part(kind: parts.Kind, name: str, table: dict[str, Any], where: str, known: Known) -> Named:
    """Return a part with all its arguments."""
    drawn = schema.of(kind, name)
    reference = parts.found(kind, name).reference
    return Named(name, binding.bind(drawn, table, where, known), reference, drawn.wants)


def chosen_name(kind: parts.Kind, key: str, name: Any, where: str) -> str:
    """Return the name of a part that there is; ``key`` is what it is given by."""
    if name is None:
        raise SpecError(f"{where}: '{key}' is missing; it is one of {', '.join(parts.names(kind))}")
    if not isinstance(name, str) or parts.find(kind, name) is None:
        said = unknown(parts.CALLED[kind], str(name), parts.names(kind))
        raise SpecError(f"{where}: {said}{parts.near_miss(kind, str(name))}")
    return name
