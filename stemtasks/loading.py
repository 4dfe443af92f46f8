"""Modules that decide bytes are loaded from the source that is there, not from a stale ``.pyc``.

Python takes a ``.pyc`` for its source's if size and whole seconds of the time agree: an edit within a second, or one
whose time was put back, runs the old code under the new code's key. Here a ``.pyc`` has a digest of the source in place
of its time. Importing this module is all there is to do; ``graph.py`` and the workers do so first. Parts of installed
packages, and the few modules that doit has imported before, are loaded by Python's own rule.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

DECIDING = ("stemtasks.", "parts.")


class Loader(SourceFileLoader):
    """Python's own loader; a module's source is read once, and its digest stands for its time."""

    def get_data(self, path: str) -> bytes:
        """Return what a file holds, of the source what was read first."""
        if path != self.path:
            return super().get_data(path)
        if not hasattr(self, "_source"):
            self._source = super().get_data(path)
        return self._source

    def path_stats(self, path: str) -> dict[str, Any]:
        """Return what must agree with a ``.pyc`` for it to be used."""
        source = self.get_data(path)
        return {"mtime": int.from_bytes(hashlib.sha256(source).digest()[:4], "little"), "size": len(source)}


class Finder:
    """Finds modules as Python does, and has those that decide bytes loaded by ``Loader``."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of a module of this package or of a project's parts; None leaves it to Python."""
        if not name.startswith(DECIDING):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = Loader(spec.loader.name, spec.loader.path)
        return spec


sys.meta_path.insert(0, Finder)
