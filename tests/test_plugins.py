from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stemtasks import plugins


def test_names_become_modules_and_functions():
    assert plugins.module_name("effects", "lowpass") == "stemtasks.effects.lowpass"
    assert plugins.load("effects", "gain").__name__ == "gain"
    assert plugins.load("stages", "process").__name__ == "run"


@pytest.mark.parametrize(("kind", "name"), [("efects", "gain"), ("effects", "../gain"), ("effects", "a.b")])
def test_other_kinds_and_paths_are_refused(kind, name):
    with pytest.raises(ValueError, match="no module for"):
        plugins.module_name(kind, name)


def test_importing_it_imports_no_numpy():
    code = "import sys, stemtasks.plugins; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], check=False).returncode == 0


def test_no_effect_imports_scipys_signal():
    names = sorted(path.stem for path in Path(plugins.__file__).with_name("effects").glob("[a-z]*.py"))
    code = (
        "import sys; from stemtasks.plugins import load\n"
        f"for name in {names}: load('effects', name)\n"
        "load('stages', 'process')\n"
        "sys.exit(bool({'scipy.signal', 'scipy.ndimage'} & set(sys.modules)))"
    )
    assert len(names) >= 12
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], check=False).returncode == 0
