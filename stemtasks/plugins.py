"""Calling a part (a stage, an effect, a generator ...) by its reference, ``module:function``.

What a name of a spec leads to is found before a job is made (``spec/parts.py``): a job carries references.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

PARTS = "parts"
"""The folder of a project's own parts, beside its ``dodo.py``, and the package that they are imported from."""


def load(reference: str) -> Callable[..., Any]:
    """Import a part's module and return its function."""
    module, _, function = reference.partition(":")
    if module.startswith(f"{PARTS}.") and PARTS not in sys.modules:
        # found in this folder alone, whatever else on Python's path has that name
        package = ModuleType(PARTS)
        package.__path__ = [str(Path(PARTS).absolute())]
        sys.modules[PARTS] = package
    part: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return part


def call(reference: str, *positional: Any, arguments: Mapping[str, Any], offered: Mapping[str, Any]) -> Any:
    """Call a part with its arguments, and with those things offered that its signature names.

    A spec names every argument, those left out as None, which must not hide what is offered under the same name.
    """
    part = load(reference)
    wanted = inspect.signature(part).parameters
    named = {name: value for name, value in offered.items() if name in wanted}
    return part(*positional, **(named | {name: value for name, value in arguments.items() if value is not None}))


def beside(reference: str, name: str, given: Mapping[str, Any]) -> Any:
    """Return what a function beside a part's own returns, called with what it asks for; None where there is none."""
    part = load(reference)
    function = getattr(sys.modules[part.__module__], name, None)
    if function is None or part.__name__ == name:
        return None
    return function(**{wanted: given[wanted] for wanted in inspect.signature(function).parameters if wanted in given})
