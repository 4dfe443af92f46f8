"""Modules that decide bytes are loaded from the very source that is digested: each is read once in a process.

Python takes a ``.pyc`` for its source's if size and whole seconds of the time agree: an edit within a second, or one
whose time was put back, runs the old code under the new code's key. Here a ``.pyc`` of this package has a digest of the
source in place of its time. ``dodo.py``, a project's parts and what they import from elsewhere than where libraries are
installed have no ``.pyc``; nothing of another project, whose ``dodo.py`` does not name this package, is touched.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

from stemtasks import seen

PACKAGE = __name__.partition(".")[0]

_sources: dict[str, bytes] = {}
_followed: set[str] = set()


def source(path: str | os.PathLike[str]) -> bytes:
    """Return what a source held when this process first read it."""
    absolute = os.path.abspath(path)
    if absolute not in _sources:
        seen.add(absolute)
        with open(absolute, "rb") as file:
            _sources.setdefault(absolute, file.read())
    return _sources[absolute]


def read() -> dict[str, bytes]:
    """Return every source that was read, by its absolute path."""
    return _sources


def looks_at_environment() -> bool:
    """Return whether a module of the project may: what it finds there may decide what there is to build."""
    own = (text for path, text in _sources.items() if not path.startswith(_PACKAGE) and not is_installed(path))
    return any(b"environ" in text or b"getenv" in text for text in own)


def follow(reference: str) -> None:
    """Load the package of a part from its sources, also where it is installed."""
    _followed.add(reference.partition(":")[0].partition(".")[0])


class Loader(SourceFileLoader):
    """Python's own loader; a digest of the source stands for its time."""

    def get_data(self, path: str) -> bytes:
        """Return what a file holds, of the source what was read first."""
        return source(path) if path == self.path else super().get_data(path)

    def path_stats(self, path: str) -> dict[str, Any]:
        """Return what must agree with a ``.pyc`` for it to be used."""
        from hashlib import sha256  # noqa: PLC0415 - not in a build with nothing to do

        text = source(path)
        return {"mtime": int.from_bytes(sha256(text).digest()[:4], "little"), "size": len(text)}


class WithoutPyc(Loader):
    """A loader that neither reads nor writes a ``.pyc``."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - Python's interface
        """Return a module's code, compiled from its source."""
        compiled: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return compiled


class Finder:
    """Finds modules as Python does, and has those that decide bytes loaded by the loaders above."""

    ours: bool | None = None
    """Whether this process is one of ours: told by the first module that is not installed, which is ``dodo.py``."""

    @classmethod
    def find_spec(cls, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of a module, as Python finds it."""
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or type(spec.loader) is not SourceFileLoader:
            return spec
        top, file = name.partition(".")[0], spec.loader.path
        if top == PACKAGE:
            spec.loader = Loader(name, file)
        elif top in _followed or (cls.ours is not False and not is_installed(file) and cls._is_ours(file)):
            spec.loader = WithoutPyc(name, file)
        return spec

    @classmethod
    def _is_ours(cls, file: str) -> bool:
        if cls.ours is None:
            with open(file, "rb") as dodo:
                cls.ours = PACKAGE.encode() in dodo.read()
            if cls.ours:
                seen.watch()
        return cls.ours


def is_installed(path: str) -> bool:
    """Return whether a path lies where Python and libraries are installed."""
    return path.startswith(_STDLIB) or any(folder in path for folder in _LIBRARIES)


_PACKAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")
_STDLIB = os.path.join(os.path.dirname(os.__file__), "")
_LIBRARIES = tuple(os.path.join(os.sep, name, "") for name in ("site-packages", "dist-packages"))
_place = next((index for index, finder in enumerate(sys.meta_path) if finder is PathFinder), 0)
sys.meta_path.insert(_place, Finder)
