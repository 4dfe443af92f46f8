"""Which source files and library versions decide a stage's output: what its modules import, found without importing."""

from __future__ import annotations

import hashlib
import platform
import re
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

PACKAGE = "stemtasks"
IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n#(]+)|import[ \t]+([^\n#]+))", re.MULTILINE
)
"""An import statement; parsing every module with ``ast`` took longer than a whole build with nothing to do."""
VERSION = re.compile(r"^Version:[ \t]*(\S+)", re.MULTILINE)
ROOT = Path(__file__).parent


def tree() -> list[Path]:
    """Return every source file of this package, and the folders that they are in."""
    files = [file for file in ROOT.rglob("*.py") if "__pycache__" not in file.parts]
    return [*files, *{file.parent for file in files}]


@cache
def _file_of(module: str) -> Path | None:
    """Return the source file of a module of this package, or None if there is no such module."""
    base = ROOT.joinpath(*module.split(".")[1:])
    for file in (base.with_suffix(".py"), base / "__init__.py"):
        if file.is_file():
            return file
    return None


@cache
def _imported_by(module: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the modules of this package and the libraries that a module's source imports, at any indentation."""
    file = _file_of(module)
    own, libraries = set(), set()
    for source, names, plain in IMPORT.findall(file.read_text(encoding="utf-8") if file else ""):
        listed = [name.split()[0] for name in (names or plain).strip("()").split(",") if name.strip()]
        for name in [source, *(f"{source}.{name}" for name in listed)] if source else listed:
            top = name.partition(".")[0]
            if top == PACKAGE:
                own.add(name)
            elif top not in sys.stdlib_module_names:
                libraries.add(top)
    # a package's own file runs too when a module in it is imported
    parents = {name.rpartition(".")[0] for name in {*own, module}}
    return frozenset(name for name in own | parents if _file_of(name)), frozenset(libraries)


@cache
def reached_from(modules: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return all modules of this package, and all libraries, that importing ``modules`` imports."""
    own: set[str] = set()
    libraries: set[str] = set()
    waiting = set(modules)
    while waiting:
        module = waiting.pop()
        own.add(module)
        imported, used = _imported_by(module)
        libraries |= used
        waiting |= imported - own
    return frozenset(own), frozenset(libraries)


@cache
def _digest(module: str) -> str:
    file = _file_of(module)
    return hashlib.sha256(file.read_bytes() if file else b"").hexdigest()


@cache
def _version(library: str) -> str:
    """Return what a library's metadata says; parsing all of it as mail takes ten times as long."""
    try:
        installed = distribution(library)
    except PackageNotFoundError:
        return "unknown"
    said = VERSION.search(installed.read_text("METADATA") or "")
    return said[1] if said else installed.version


@cache
def deciding(modules: frozenset[str]) -> dict[str, str]:
    """Return what decides the output of code in ``modules``: digests of sources, versions of libraries and Python."""
    own, libraries = reached_from(modules)
    return {
        **{module: _digest(module) for module in sorted(own)},
        **{library: _version(library) for library in sorted(libraries)},
        "python": ".".join(platform.python_version_tuple()[:2]),
    }


@cache
def digest(modules: frozenset[str]) -> str:
    """Return one digest of all that ``deciding`` names."""
    text = "\n".join(f"{name} {value}" for name, value in sorted(deciding(modules).items()))
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def versions(modules: frozenset[str]) -> dict[str, str]:
    """Return the version of every library that ``modules`` use, for a manifest."""
    return {library: _version(library) for library in sorted(reached_from(modules)[1])}
