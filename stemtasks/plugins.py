"""Where a named stage, generator, strategy or effect lives: one function, for the build and for its keys."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal

Kind = Literal["stages", "generators", "strategies", "effects"]


def module_name(kind: Kind, name: str) -> str:
    """Return the module that defines a name of a kind, and in it the function of the same name."""
    return f"stemtasks.{kind}.{name}"


def load(kind: Kind, name: str) -> Callable[..., Any]:
    """Import the module and return its function."""
    function: Callable[..., Any] = getattr(importlib.import_module(module_name(kind, name)), name)
    return function


@cache
def names(kind: Kind) -> tuple[str, ...]:
    """Return all names of a kind, sorted, from the folder's files."""
    folder = Path(__file__).parent / kind
    return tuple(sorted(file.stem for file in folder.glob("*.py") if not file.stem.startswith("_")))
