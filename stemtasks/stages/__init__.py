"""One stage a file: paths in, paths out, and what verifying its output means."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from stemtasks import plugins


def run(stage: str, inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Run a stage by name; all arguments are plain data, so that an executor can carry them elsewhere."""
    importlib.import_module(plugins.module_name("stages", stage)).run(inputs, outputs, params)


def verify(stage: str, facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    """Return what is outside the limits, a phrase each."""
    failures: list[str] = importlib.import_module(plugins.module_name("stages", stage)).verify(facts, limits)
    return failures


def first_difference(one: Path, other: Path) -> str:
    """Return where two files differ first, in words: at a frame where both are audio of one form, else at a byte."""
    where: str = importlib.import_module("stemtasks.audio.levels").first_difference(one, other)
    return where
