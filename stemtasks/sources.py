"""Which source files and library versions decide what code makes: what it imports, found without importing.

Code is named by its module (``stemtasks.effects.delay``: all of the file counts), or by a function of a module
(``stemtasks.stages.process:run``: of this file only what that function uses). What is imported for types alone
counts for nothing, and a package's own ``__init__`` neither: those of this package are empty.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import platform
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from importlib.metadata import Distribution, PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from typing import Any

from stemtasks import loading, seen
from stemtasks.plugins import PARTS

PACKAGE = "stemtasks"
ROOT = Path(__file__).parent
IMPORT = r"(?m)^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n#(]+)|import[ \t]+([^\n#]+))"
"""An import statement; parsing every module with ``ast`` took longer than a whole build with nothing to do."""
FOR_TYPES = r"(?m)^if (?:typing\.)?TYPE_CHECKING:\n(?:[ \t]+[^\n]*\n|\n)+"
VERSION = r"(?m)^Version:[ \t]*(\S+)"


_known: dict[str, list[Any]] = {}
"""What was found in a source before, by a digest of it: taking it apart again takes longer than reading it."""
_used: dict[str, list[Any]] = {}


def recall(found: Any) -> None:
    """Take what an earlier run has found: it is true of the very same source, Python and way of looking."""
    _known.update(found if isinstance(found, dict) else {})


def learnt() -> dict[str, list[Any]] | None:
    """Return what this run has found, for ``recall`` in the next; None where that is what was recalled."""
    return None if _used.keys() <= _known.keys() else _used


@cache
def deciding(code: frozenset[str]) -> dict[str, str]:
    """Return what decides what some code makes: digests by source file, versions by library, and Python's."""
    sources, libraries = reached_from(code)
    return {
        **{_shown(name): _found(name)[0] for name in sorted(sources)},
        **{library: _version(library) for library in sorted(libraries)},
        "python": ".".join(platform.python_version_tuple()[:2]),
    }


@cache
def digest(code: frozenset[str]) -> str:
    """Return one digest of all that ``deciding`` names."""
    text = "\n".join(f"{name} {value}" for name, value in sorted(deciding(code).items()))
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def versions(code: frozenset[str]) -> dict[str, str]:
    """Return the version of every library that some code uses, for a manifest."""
    return {library: _version(library) for library in sorted(reached_from(code)[1])}


@cache
def reached_from(code: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return all code that some code reaches by imports, and all libraries."""
    own: set[str] = set()
    libraries: set[str] = set()
    waiting = set(code)
    while waiting:
        name = waiting.pop()
        own.add(name)
        imported, used = _imported_by(name)
        libraries |= used
        waiting |= imported - own
    return frozenset(own), frozenset(libraries)


@cache
def file_of(module: str) -> Path | None:
    """Return the source file of a module, or None if there is none."""
    home = _home(module.partition(".")[0])
    if home is None:
        return None
    base = home.joinpath(*module.split("."))
    files = base.with_suffix(".py"), base / "__init__.py"
    if home != ROOT.parent:  # where one that is not there may be tomorrow
        for file in files:
            seen.add(file)
    return next((file for file in files if file.is_file()), None)


@cache
def _home(top: str) -> Path | None:
    """Return the folder that a package or a module without dots lies in: here, beside ``dodo.py``, or installed."""
    if top == PACKAGE:
        return ROOT.parent
    if _is_local(top):
        return Path()
    places = _places(top)
    return Path(places[0]).parent if places else None


@cache
def _is_local(top: str) -> bool:
    """Return whether a package or a module lies beside ``dodo.py``, where what a project's own parts import may lie."""
    if top == PARTS:
        return True
    files = Path(f"{top}.py"), Path(top, "__init__.py")
    for file in files:
        seen.add(file)
    if any(file.is_file() for file in files):
        return True
    # a folder without a file of its own is a package too, unless one that has such a file is installed
    return Path(top).is_dir() and not any(Path(place, "__init__.py").is_file() for place in _places(top))


def _places(top: str) -> list[str]:
    """Return where Python would find a package or a module: its folders, or its file."""
    try:
        found = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        found = None
    if found is None:
        return []
    return list(found.submodule_search_locations or []) or [found.origin or ""]


@cache
def _imported_by(name: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the code that some code's source imports, at any indentation, and the libraries.

    Of a library only the version counts. Modules of the same package as the code's are its sources, and beside a
    project's own parts all that lies there; if that package is installed, it has a version too.
    """
    top = name.partition(":")[0].partition(".")[0]
    local = top != PACKAGE and _is_local(top)
    own, libraries = set(), set() if top == PACKAGE or local else {top}
    for module in _found(name)[1]:
        imported = module.partition(".")[0]
        if imported in (PACKAGE, top) or (local and _is_local(imported)):
            own |= {module, *_parents(module)}
        elif imported not in sys.stdlib_module_names:
            libraries.add(imported)
    return frozenset(module for module in own if _decides(module)), frozenset(libraries)


def _parents(module: str) -> Iterator[str]:
    """Yield the packages that a module is in, whose own files run too when it is imported."""
    while module := module.rpartition(".")[0]:
        yield module


def _decides(module: str) -> bool:
    """Return whether a name is a module's; a package of ours decides nothing, because its own file is empty."""
    file = file_of(module)
    return file is not None and not (file.name == "__init__.py" and file.is_relative_to(ROOT))


@cache
def _found(name: str) -> list[Any]:
    """Return a digest of the source of a module, or of a function in one and of what that uses there; and its imports.

    Imports are names as they stand, each perhaps a module's and perhaps of something in one.
    """
    module, _, function = name.partition(":")
    file = file_of(module)
    source = b"" if file is None else loading.source(file)
    known = hashlib.sha256(b"\0".join((_way_of_looking(), function.encode(), source))).hexdigest()
    if known not in _known:
        text = source.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
        text = _extract(text, function) if function and text else text
        _used[known] = [hashlib.sha256(text.encode()).hexdigest(), sorted(_imports(text))]
    else:
        _used[known] = _known[known]
    return _used[known]


@cache
def _way_of_looking() -> bytes:
    """Return what decides what is found in a source: this file, and Python, whose syntax it is."""
    return hashlib.sha256(Path(__file__).read_bytes() + sys.version.encode()).digest()


def _imports(text: str) -> Iterator[str]:
    """Yield what a source imports, at any indentation, but for types."""
    for source, names, plain in re.findall(IMPORT, re.sub(FOR_TYPES, "", text) if "TYPE_CHECKING" in text else text):
        listed = [part.split()[0] for part in (names or plain).strip("()").split(",") if part.strip()]
        yield from [source, *(f"{source}.{part}" for part in listed)] if source else listed


def _extract(text: str, function: str) -> str:
    """Return the lines of a module that a function of it needs: itself, what it names, what that names, and so on."""
    statements, binding = _statements(text)
    kept = {place for place in range(len(statements)) if place not in binding.values()}
    waiting = [binding[function], *kept]
    while waiting:
        place = waiting.pop()
        kept.add(place)
        used = {node.id for node in ast.walk(statements[place]) if isinstance(node, ast.Name)}
        waiting += [binding[name] for name in used & binding.keys() if binding[name] not in kept]
    lines = text.splitlines(keepends=True)
    spans = ((_first_line(statements[place]) - 1, statements[place].end_lineno) for place in sorted(kept))
    return "".join("".join(lines[first:last]) for first, last in spans)


@cache
def _statements(text: str) -> tuple[list[ast.stmt], dict[str, int]]:
    """Return a module's statements but texts and imports for types, and by name which of them gives it a meaning.

    One that names nothing (a call, say) is in no name's place: it always counts.
    """
    statements: list[ast.stmt] = []
    binding: dict[str, int] = {}
    for statement in ast.parse(re.sub(FOR_TYPES, lambda block: "\n" * block[0].count("\n"), text)).body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        binding.update(dict.fromkeys(_bound(statement), len(statements)))
        statements.append(statement)
    return statements, binding


def _bound(statement: ast.stmt) -> list[str]:
    """Return the names that a statement of a module gives a meaning."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [statement.name]
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return [(alias.asname or alias.name).partition(".")[0] for alias in statement.names]
    return [node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _shown(name: str) -> str:
    """Return code as a person knows it: ``effects/delay.py``, ``stages/process.py run``."""
    module, _, function = name.partition(":")
    path = module.removeprefix(f"{PACKAGE}.").replace(".", "/") + ".py"
    return f"{path} {function}".rstrip()


@cache
def _version(library: str) -> str:
    """Return the version of what a library is installed from, as its metadata say it.

    Mostly that has the name that is imported. Going through all that is installed takes a hundred times as long; it
    finds that ``sklearn`` comes from ``scikit-learn``, and that several distributions fill one package.
    """
    try:
        named = distribution(library)
    except PackageNotFoundError:
        named = None
    if named is not None and re.search(rf"(?m)^{re.escape(library)}[/.]", named.read_text("RECORD") or ""):
        return _said_by(named)
    if named is None and not _places(library):
        return "not installed"
    names = sorted(set(packages_distributions().get(library, ())))
    if len(names) == 1:
        return _said_by(distribution(names[0]))
    if names:
        return ", ".join(f"{name} {_said_by(distribution(name))}" for name in names)
    return _unpackaged(library) if named is None else _said_by(named)


def _said_by(installed: Distribution) -> str:
    """Return the version in a distribution's metadata; parsing all of them takes ten times as long."""
    said = re.search(VERSION, installed.read_text("METADATA") or "")
    return said[1] if said else installed.version


def _unpackaged(library: str) -> str:
    """Return a digest of its files in place of the version of a library that no installed distribution has."""
    places = [Path(place) for place in _places(library) if place]
    files = [file for place in places for file in ([place] if place.is_file() else sorted(place.rglob("*")))]
    digest = hashlib.sha256()
    for file in files:
        if file.suffix in (*SOURCE_SUFFIXES, *EXTENSION_SUFFIXES):
            digest.update(loading.source(file))
    return digest.hexdigest() if files else "not installed"
