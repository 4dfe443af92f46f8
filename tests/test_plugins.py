"""Names lead to modules and functions, and to nothing slow to import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import stemtasks
from stemtasks import plugins

PACKAGE = Path(stemtasks.__file__).parent


@pytest.mark.parametrize("kind", ["generators", "strategies", "effects"])
def test_every_file_of_a_kind_holds_the_function_of_its_name(kind):
    for name in plugins.names(kind):
        assert plugins.load(kind, name).__name__ == name


def test_no_stage_or_plugin_imports_a_slow_part_of_scipy():
    modules = [
        plugins.module_name(kind, name)
        for kind in ("stages", "generators", "strategies", "effects")
        for name in plugins.names(kind)
    ]
    code = (
        f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\n"
        "print([name for name in ('scipy.signal', 'scipy.ndimage', 'scipy.fft', 'doit') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout) == []
