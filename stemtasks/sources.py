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
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

from stemtasks.plugins import PARTS

PACKAGE = "stemtasks"
ROOT = Path(__file__).parent
IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n#(]+)|import[ \t]+([^\n#]+))", re.MULTILINE
)
"""An import statement; parsing every module with ``ast`` took longer than a whole build with nothing to do."""
FOR_TYPES = re.compile(r"^if (?:typing\.)?TYPE_CHECKING:\n(?:[ \t]+[^\n]*\n|\n)+", re.MULTILINE)
VERSION = re.compile(r"^Version:[ \t]*(\S+)", re.MULTILINE)


def files() -> list[Path]:
    """Return every source file of this package, and the folders that they are in."""
    found = [file for file in ROOT.rglob("*.py") if "__pycache__" not in file.parts]
    return [*found, *{file.parent for file in found}]


@cache
def deciding(code: frozenset[str]) -> dict[str, str]:
    """Return what decides what some code makes: digests by source file, versions by library, and Python's."""
    sources, libraries = reached_from(code)
    return {
        **{_shown(name): hashlib.sha256(_text(name).encode()).hexdigest() for name in sorted(sources)},
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
    return next((file for file in (base.with_suffix(".py"), base / "__init__.py") if file.is_file()), None)


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
    if top == PARTS or Path(f"{top}.py").is_file() or Path(top, "__init__.py").is_file():
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
    text = _text(name)
    for source, names, plain in IMPORT.findall(FOR_TYPES.sub("", text) if "TYPE_CHECKING" in text else text):
        listed = [part.split()[0] for part in (names or plain).strip("()").split(",") if part.strip()]
        for module in [source, *(f"{source}.{part}" for part in listed)] if source else listed:
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
def _text(name: str) -> str:
    """Return the source of a module, or of a function in one and of what that uses there."""
    module, _, function = name.partition(":")
    file = file_of(module)
    if file is None:
        return ""
    text = file.read_text(encoding="utf-8")
    return _extract(text, function) if function else text


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
    for statement in ast.parse(FOR_TYPES.sub(lambda block: "\n" * block[0].count("\n"), text)).body:
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
    """Return what a library's metadata say of its version; parsing all of them takes ten times as long."""
    try:
        installed = distribution(library)
    except PackageNotFoundError:
        names = packages_distributions().get(library, ())  # 'sklearn' comes from 'scikit-learn'
        if not names:
            return _unpackaged(library)
        installed = distribution(names[0])
    said = VERSION.search(installed.read_text("METADATA") or "")
    return said[1] if said else installed.version


def _unpackaged(library: str) -> str:
    """Return a digest in place of the version of a library that no installed distribution has."""
    try:
        found = importlib.util.find_spec(library)
    except (ImportError, ValueError):
        found = None
    if found is None or found.origin is None:
        return "not installed"
    return hashlib.sha256(Path(found.origin).read_bytes()).hexdigest()
