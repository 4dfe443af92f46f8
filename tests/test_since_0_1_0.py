"""What was written for 0.1.0 still builds, and tools that read the facts still find them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.three_stems import ALL, SPEC

NAMES = Path(__file__).parent / "facts_of_0_1_0.json"
DODO = '''"""Every song in spec/ becomes verified stems, a mix, a master and an archive: one task a file."""

from stemtasks.executors import processes
from stemtasks.graph import DOIT_CONFIG, run_in, tasks

__all__ = ["DOIT_CONFIG"]

run_in(processes)


def task_songs():
    """Build songs, stage by stage."""
    yield tasks("reference", "measure the reference; its duration is the target")
    yield tasks("timing", "turn bpm and sections into whole frames, before any audio is made")
    yield tasks("stem", "render a stem, as long as it is by itself")
    yield tasks("align", "fit a stem to the target: pad, loop, crossfade or truncate")
    yield tasks("process", "run a stem's effects, gain and pan: the stem as it is delivered")
    yield tasks("mix", "sum the processed stems at the faders' gains")
    yield tasks("master", "bring the mix to its loudness, under the true-peak ceiling")
    yield tasks("archive", "check everything once more, then zip stems, master, manifest and track sheet")
'''


def names(data, path=""):
    """Yield the place of every fact: ``align.seams``, ``sections[].key``."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from names(value, f"{path}.{key}" if path else key)
    elif isinstance(data, list):
        for value in data:
            yield from names(value, f"{path}[]")
        yield f"{path}[]"
    else:
        yield path


def facts_of(build: Path) -> dict[str, list[str]]:
    """Return the names of the facts in each JSON file of a build; for 0.1.0 written by this into ``NAMES``."""
    files = sorted(path for path in build.rglob("*.json") if ".stemtasks" not in path.parts)
    return {path.relative_to(build).as_posix(): sorted(set(names(json.loads(path.read_text())))) for path in files}


def test_a_dodo_file_and_a_spec_of_0_1_0_build(project):
    (project.folder / "dodo.py").write_text(DODO)
    project.spec(SPEC)
    later = ("picture:", "report:")
    assert project.build().done == {"ran": [task for task in ALL if not task.startswith(later)]}


def test_every_fact_of_0_1_0_has_its_name(built):
    found = facts_of(built.folder / "build")
    for file, expected in json.loads(NAMES.read_text()).items():
        assert not set(expected) - set(found[file]), file
