"""Names lead to parts, and to nothing slow to import."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from stemtasks import plugins
from stemtasks.spec import parts


@pytest.mark.parametrize("kind", parts.KINDS)
def test_every_name_of_a_kind_leads_to_the_function_of_its_name(kind):
    for name, part in parts.ours(kind).items():
        assert plugins.load(part.reference).__name__ == name


@pytest.mark.parametrize("kind", ["generators", "strategies", "effects"])
def test_every_file_of_a_kind_is_one_of_its_parts(kind):
    files = {file.stem for file in (parts.sources.ROOT / kind).glob("*.py")} - {"__init__"}
    assert files == set(parts.ours(kind))


@pytest.mark.parametrize("stage", parts.stages())
def test_a_stage_is_one_file_with_four_functions(stage):
    for function in ("job", "run", "verify", "summary"):
        assert plugins.load(parts.stage(stage, function)).__name__ == function


def imported_by(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ast.literal_eval(done.stdout)


def test_a_stages_file_imports_no_sound():
    modules = [f"stemtasks.stages.{name}" for name in parts.stages()]
    code = (
        f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\n"
        "print([name for name in ('numpy', 'scipy', 'soundfile', 'soxr', 'doit') if name in sys.modules])"
    )
    assert imported_by(code) == []


def test_no_stage_or_part_imports_a_slow_part_of_scipy():
    sound = ["fitting", "chain", "summing", "mastering"]
    modules = [part.reference.partition(":")[0] for kind in parts.KINDS for part in parts.ours(kind).values()]
    modules += [f"stemtasks.audio.{name}" for name in sound] + ["stemtasks.delivery.zipped"]
    code = (
        f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\n"
        "print([name for name in ('scipy.signal', 'scipy.ndimage', 'scipy.fft', 'doit') if name in sys.modules])"
    )
    assert imported_by(code) == []
