"""What decides a stage's output is what Python would import for it."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import stemtasks
from stemtasks import plugins, sources

ROOT = Path(stemtasks.__file__).parent
MODULES = sorted(
    ".".join(("stemtasks", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
    if "template" not in path.parts
)


@pytest.mark.parametrize("module", MODULES)
def test_imports_are_those_that_pythons_parser_finds(module):
    own, libraries = set(), set()
    for node in ast.walk(ast.parse(sources._file_of(module).read_bytes())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        own |= {name for name in names if name.startswith("stemtasks") and sources._file_of(name)}
        libraries |= {name.partition(".")[0] for name in names} - {"stemtasks"} - sys.stdlib_module_names
    found, used = sources._imported_by(module)
    assert used == libraries
    assert own <= found
    assert found - own <= {name.rpartition(".")[0] for name in own | {module}}


def reached(*modules):
    return {name for name in sources.deciding(frozenset(modules)) if name.startswith("stemtasks.")}


def test_an_effect_decides_only_what_uses_it():
    delay, lowpass = (plugins.module_name("effects", name) for name in ("delay", "lowpass"))
    process = plugins.module_name("stages", "process")
    assert delay not in reached(process)
    assert delay not in reached(process, lowpass)
    assert delay in reached(process, delay)
    assert "stemtasks.dsp.sections" in reached(process, lowpass)


@pytest.mark.parametrize("stage", plugins.names("stages"))
def test_no_stage_depends_on_how_the_build_is_run_or_shown(stage):
    outside = {f"stemtasks.{name}" for name in ("graph", "action", "cache", "records", "reporter", "spec", "cli")}
    assert not reached(plugins.module_name("stages", stage)) & outside


def test_the_versions_of_the_libraries_used_and_of_python_decide():
    decided = sources.deciding(frozenset({plugins.module_name("effects", "lowpass")}))
    assert {"numpy", "scipy", "soundfile", "python"} <= set(decided)
    assert "doit" not in decided
