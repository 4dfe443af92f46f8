"""Where a named stage, generator, strategy or effect lives: one function, for the build and for its keys."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal

Kind = Literal["stages", "generators", "strategies", "effects"]
ROOT = Path(__file__).parent


def module_name(kind: Kind, name: str) -> str:
    """Return the module that defines a name of a kind, and in it the function of the same name."""
    return f"stemtasks.{kind}.{name}"


def file_of(kind: Kind, name: str) -> Path:
    """Return the source file that defines a name of a kind."""
    return ROOT / kind / f"{name}.py"


def load(kind: Kind, name: str) -> Callable[..., Any]:
    """Import the module and return its function."""
    function: Callable[..., Any] = getattr(importlib.import_module(module_name(kind, name)), name)
    return function


@cache
def names(kind: Kind) -> tuple[str, ...]:
    """Return all names of a kind, sorted, from the folder's files."""
    return tuple(sorted(file.stem for file in (ROOT / kind).glob("*.py") if not file.stem.startswith("_")))
