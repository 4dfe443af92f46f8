"""What a spec may name: generators, strategies, effects and delivery formats, ours, the project's and installed ones.

A part is a file with a function of the file's name; its signature is its schema. A project's own lie in
``parts/effects/`` and so on, an installed package names its own in an entry point (``stemtasks.effects`` and so on).
Nothing here imports one: a name leads to a reference, which a job carries.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Literal, get_args

from stemtasks import sources
from stemtasks.errors import SpecError
from stemtasks.plugins import PARTS

Kind = Literal["generators", "strategies", "effects", "delivery"]
KINDS: tuple[Kind, ...] = get_args(Kind)
CALLED = {"generators": "generator", "strategies": "strategy", "effects": "effect", "delivery": "delivery format"}


@dataclass(frozen=True)
class Part:
    """Where a part is: its source, and the reference by which it is imported when it is called."""

    file: Path
    reference: str

    @property
    def function(self) -> str:
        """Return the name of its function."""
        return self.reference.partition(":")[2]


def stages() -> list[str]:
    """Return the names of all stages, sorted: the files of their folder."""
    return sorted(file.stem for file in (sources.ROOT / "stages").glob("*.py") if file.stem != "__init__")


def stage(name: str, function: str) -> str:
    """Return the reference of a stage's ``job``, ``run``, ``verify`` or ``summary``."""
    return f"{sources.PACKAGE}.stages.{name}:{function}"


def find(kind: Kind, name: str) -> Part | None:
    """Return the part of a name, or None; installed packages are gone through only for a name that is not here."""
    here = ours(kind) | _of_project(kind)
    return here.get(name) or _installed(kind).get(name)


def found(kind: Kind, name: str) -> Part:
    """Return a part that a checked spec names."""
    part = find(kind, name)
    if part is None:
        raise LookupError(f"{kind}/{name}")
    return part


@cache
def names(kind: Kind) -> tuple[str, ...]:
    """Return all names of a kind, sorted; raises ``SpecError`` where an installed package takes one that is taken."""
    here = {**ours(kind), **_of_project(kind)}
    for name, part in _installed(kind).items():
        if name in here:
            package = part.reference.partition(".")[0]
            raise SpecError(
                f"package {package}: the {CALLED[kind]} '{name}' exists already; uninstall it or rename one"
            )
    return tuple(sorted({*here, *_installed(kind)}))


@cache
def ours(kind: Kind) -> dict[str, Part]:
    """Return the parts of this package, by name."""
    return _in_folder(sources.ROOT / kind, f"{sources.PACKAGE}.{kind}")


@cache
def _of_project(kind: Kind) -> dict[str, Part]:
    """Return the parts of the project in this folder, by name."""
    parts = _in_folder(Path(PARTS, kind), f"{PARTS}.{kind}")
    for name, part in parts.items():
        if name in ours(kind):
            raise SpecError(
                f"{part.file.as_posix()}: stemtasks has the {CALLED[kind]} '{name}' already; rename the file"
            )
    return parts


@cache
def _installed(kind: Kind) -> dict[str, Part]:
    """Return the parts of installed packages, by name."""
    parts = {}
    for point in entry_points(group=f"{sources.PACKAGE}.{kind}"):
        file = sources.file_of(point.module)
        if file is None or not point.attr:
            raise SpecError(
                f"entry point stemtasks.{kind} '{point.name}': {point.value!r} is no module:function that is there; "
                "install its package again"
            )
        parts[point.name] = Part(file, f"{point.module}:{point.attr}")
    return parts


def _in_folder(folder: Path, package: str) -> dict[str, Part]:
    """Return a folder's parts: its files that define a function of their own name."""
    found = {}
    for file in sorted(folder.glob("*.py")):
        name = file.stem
        if f"\ndef {name}(" in "\n" + file.read_text(encoding="utf-8", errors="replace"):
            found[name] = Part(file, f"{package}.{name}:{name}")
    return found


def near_miss(kind: Kind, name: str) -> str:
    """Return why a file of the project that has this name is none of its parts, or nothing."""
    file = Path(PARTS, kind, f"{name}.py")
    return f"; {file.as_posix()} is there, but has no function '{name}'" if file.is_file() else ""
