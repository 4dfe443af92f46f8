"""The one place that maps a name in a spec to the module and the function behind it; imports no numpy."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

KINDS = ("stems", "strategies", "effects", "stages")


def module_name(kind: str, name: str) -> str:
    """Return the module of an effect, a generator (``stems``), a strategy or a stage: ``stemtasks.effects.delay``."""
    if kind not in KINDS or not name.isidentifier():
        raise ValueError(f"no module for {kind!r} {name!r}; kinds are {', '.join(KINDS)}")
    return f"stemtasks.{kind}.{name}"


def load(kind: str, name: str) -> Callable[..., Any]:
    """Import the module and return the function named like it, or a stage's ``run``."""
    module = importlib.import_module(module_name(kind, name))
    function: Callable[..., Any] = getattr(module, "run" if kind == "stages" else name)
    return function
