"""What decides a stage's output is what Python would import for it, and no more."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import stemtasks
from stemtasks import sources
from stemtasks.spec import parts

ROOT = Path(stemtasks.__file__).parent
MODULES = sorted(
    ".".join(("stemtasks", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
    if "template" not in path.parts
)
AUDIO = [
    "audio/adm.py",
    "audio/beginning.py",
    "audio/blocks.py",
    "audio/chunks.py",
    "audio/coding.py",
    "audio/facts.py",
    "audio/flac.py",
    "audio/headers.py",
    "audio/layout.py",
    "audio/levels.py",
    "audio/mpeg.py",
    "audio/ogg.py",
    "audio/pcm24.py",
    "audio/source.py",
    "audio/tags.py",
]
DECODING = [*AUDIO, "dsp/channels.py", "errors.py"]
WRITING = ["audio/wav.py", "dsp/noise_shaping.py", "dsp/quantiser.py", "progress.py"]
HEARING = ["audio/musical.py", "dsp/attacks.py", "dsp/notes.py", "music/pitch.py", "music/tonality.py"]
RADIUS = {
    "reference": [*DECODING, "positions.py", "timeline.py"],
    "timing": ["audio/facts.py", "errors.py", "positions.py", "timeline.py"],
    "stem": [*DECODING, *WRITING, "plugins.py", "positions.py", "timeline.py"],
    "align": [
        *DECODING,
        *WRITING,
        "audio/fitting.py",
        "audio/pieces.py",
        "audio/seam_figures.py",
        "audio/seam_levels.py",
        "audio/seam_onsets.py",
        "dsp/overlap.py",
        "dsp/pulse.py",
        "links.py",
        "plugins.py",
        "positions.py",
        "timeline.py",
    ],
    "process": [
        *DECODING,
        *WRITING,
        *HEARING,
        "audio/chain.py",
        "audio/curves.py",
        "audio/effecting.py",
        "audio/spill.py",
        "audio/sweeping.py",
        "automation.py",
        "dsp/level.py",
        "dsp/pan.py",
        "plugins.py",
        "positions.py",
        "timeline.py",
    ],
    "group": [
        *DECODING,
        *WRITING,
        *HEARING,
        "audio/adding.py",
        "audio/chain.py",
        "audio/curves.py",
        "audio/effecting.py",
        "audio/grouping.py",
        "audio/matched.py",
        "audio/spill.py",
        "audio/sweeping.py",
        "automation.py",
        "dsp/level.py",
        "dsp/pan.py",
        "plugins.py",
        "positions.py",
        "timeline.py",
    ],
    "sync": [
        *(name for name in DECODING if name != "audio/levels.py"),
        "audio/sync.py",
        "dsp/smooth.py",
        "dsp/sync.py",
    ],
    "mix": [
        *DECODING,
        *WRITING,
        "audio/adding.py",
        "audio/loudness.py",
        "audio/matched.py",
        "audio/summing.py",
        "dsp/loudness.py",
        "dsp/sections.py",
        "plugins.py",
    ],
    "premaster": [
        *DECODING,
        "audio/loudness.py",
        "dsp/loudness.py",
        "dsp/sections.py",
        "plugins.py",
    ],
    "master": [
        *DECODING,
        *WRITING,
        "audio/loudness.py",
        "audio/mastering.py",
        "audio/programme.py",
        "audio/spill.py",
        "audio/true_peak.py",
        "dsp/gain_stages.py",
        "dsp/limiter.py",
        "dsp/loudness.py",
        "dsp/sections.py",
        "dsp/sliding.py",
        "dsp/true_peak.py",
        "links.py",
    ],
    "level": [
        *(name for name in DECODING if name != "audio/levels.py"),
        "audio/together.py",
        "dsp/loudness.py",
        "dsp/sections.py",
    ],
    "convert": [
        *DECODING,
        *WRITING,
        "audio/converting.py",
        "audio/encoding.py",
        "audio/loudness.py",
        "audio/rates.py",
        "audio/rf64.py",
        "audio/rounding.py",
        "audio/true_peak.py",
        "dsp/level.py",
        "dsp/loudness.py",
        "dsp/sections.py",
        "dsp/true_peak.py",
        "plugins.py",
    ],
    "match": [
        *(name for name in DECODING if name != "audio/levels.py"),
        *WRITING,
        "audio/kept.py",
        "audio/match.py",
        "audio/rates.py",
        "audio/rough_mix.py",
        "dsp/cells.py",
        "dsp/common_level.py",
        "dsp/delays.py",
        "dsp/faders.py",
        "dsp/pan.py",
        "positions.py",
        "timeline.py",
    ],
    "place": [
        *DECODING,
        *WRITING,
        "audio/placing.py",
        "dsp/pan.py",
    ],
    "picture": [
        *(name for name in DECODING if name != "audio/levels.py"),
        "audio/picture.py",
        "dsp/spectrogram.py",
        "report/pictures.py",
        "report/png.py",
    ],
    "report": [
        *(name for name in DECODING if name != "audio/levels.py"),
        "audio/in_time.py",
        "audio/matched.py",
        "audio/picture.py",
        "audio/reduction.py",
        "automation.py",
        "dsp/spectrogram.py",
        "report/checks.py",
        "report/contents.py",
        "report/drawing.py",
        "report/dynamics.py",
        "report/markup.py",
        "report/material.py",
        "report/page.py",
        "report/pictures.py",
        "report/player.py",
        "report/png.py",
        "report/rows.py",
        "report/style.py",
        "report/tables.py",
        "report/verdict.py",
        "positions.py",
        "timeline.py",
    ],
    "archive": [
        *(name for name in DECODING if name != "audio/levels.py"),
        "audio/limits.py",
        "audio/matched.py",
        *HEARING,
        "audio/sync.py",
        "delivery/checks.py",
        "delivery/contents.py",
        "delivery/delivered.py",
        "delivery/dressing.py",
        "delivery/enclosed_report.py",
        "delivery/handover.py",
        "delivery/names.py",
        "delivery/storing.py",
        "delivery/tags.py",
        "delivery/wav_chunks.py",
        "delivery/zip_entry.py",
        "delivery/zipped.py",
        "dsp/smooth.py",
        "dsp/sync.py",
        "plugins.py",
        "progress.py",
        "positions.py",
        "timeline.py",
    ],
    "album": [
        *(name for name in DECODING if name != "audio/levels.py"),
        "audio/limits.py",
        "audio/together.py",
        "automation.py",
        "delivery/album_archive.py",
        "delivery/album_names.py",
        "delivery/album_sheets.py",
        "delivery/checks.py",
        "delivery/contents.py",
        "delivery/dressing.py",
        "delivery/handover.py",
        "delivery/names.py",
        "delivery/sha256sums.py",
        "delivery/storing.py",
        "delivery/tags.py",
        "delivery/track_sheet.py",
        "delivery/wav_chunks.py",
        "delivery/zip_entry.py",
        "dsp/loudness.py",
        "dsp/sections.py",
        "progress.py",
        "positions.py",
        "timeline.py",
    ],
}
"""The sources in a stage's key beside its own ``run``; its parts (effects and the like) add theirs."""


def types_alone(tree):
    """Return the imports under ``if TYPE_CHECKING``."""
    blocks = [node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)]
    return {id(node) for block in blocks for node in ast.walk(block)}


@pytest.mark.parametrize("module", MODULES)
def test_imports_are_those_that_pythons_parser_finds(module):
    own, libraries = set(), set()
    tree = ast.parse(sources.file_of(module).read_bytes())
    for node in ast.walk(tree):
        if id(node) in types_alone(tree):
            continue
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        own |= {name for name in names if name.startswith("stemtasks") and sources._decides(name)}
        libraries |= {name.partition(".")[0] for name in names} - {"stemtasks"} - sys.stdlib_module_names
    found, used = sources._imported_by(module)
    assert used == libraries
    assert found == own


@pytest.mark.parametrize("module", [module for module in MODULES if sources.file_of(module).name == "__init__.py"])
def test_a_package_decides_nothing_because_its_own_file_is_empty(module):
    text, *rest = ast.parse(sources.file_of(module).read_bytes()).body
    assert isinstance(text.value, ast.Constant)
    if module == "stemtasks.audio":  # which hands on names of another module, and that is in the keys
        assert sources.deciding(frozenset({module, "stemtasks.audio.blocks"})).keys() > {"audio/blocks.py"}
        assert [line.name for line in rest if isinstance(line, ast.FunctionDef)] == ["__getattr__"]
        return
    # that of all makes sure that what others are loaded from is what is digested
    assert [ast.unparse(line) for line in rest] == ["from stemtasks import loading"] * (module == "stemtasks")


def reached(*code):
    return {name for name in sources.deciding(frozenset(code)) if ".py" in name}


@pytest.mark.parametrize("stage", parts.stages())
def test_the_radius_of_a_stage_is_what_the_table_says(stage):
    assert reached(parts.stage(stage, "run")) == {f"stages/{stage}.py run", *RADIUS[stage]}


def test_timing_depends_on_ten_modules_at_most():
    assert len(reached(parts.stage("timing", "run"))) <= 10


def test_an_effect_decides_only_what_uses_it():
    delay, lowpass = (f"stemtasks.effects.{name}" for name in ("delay", "lowpass"))
    process = parts.stage("process", "run")
    assert "effects/delay.py" not in reached(process, lowpass)
    assert "effects/delay.py" in reached(process, delay)
    assert "dsp/sections.py" in reached(process, lowpass) - reached(process)


@pytest.mark.parametrize("stage", parts.stages())
def test_no_stage_depends_on_how_the_build_is_run_shown_or_described(stage):
    rooms = ("commands/", "action/", "cache/", "spec/", "graph.py", "cli.py", "job.py", "paths.py", "version.py")
    assert not [name for name in reached(parts.stage(stage, "run")) if name.startswith(rooms)]


MADE_UP = '''"""A stage."""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from stemtasks.dsp import pan
from stemtasks.job import Job

if TYPE_CHECKING:
    from stemtasks.spec.song import Song

GAIN = 2.0
"""Of the sound."""
LIMIT = 3.0


def job(song: Song) -> Job:
    """Say it."""
    return Job(song, LIMIT)


def run(inputs, outputs, params):
    """Make it."""
    import soxr

    helped(GAIN)


def helped(gain: float) -> None:
    """Help."""
    pan.middle(gain)


def verify(facts, limits):
    """Hold it."""
    return [LIMIT, np.nan]
'''


def test_only_what_a_function_uses_of_its_file_decides_what_it_makes():
    extract = sources._extract(MADE_UP, "run")
    kept = [line for line in extract.splitlines() if line and not line.startswith((" ", '"'))]
    assert kept == [
        "from stemtasks.dsp import pan",
        "GAIN = 2.0",
        "def run(inputs, outputs, params):",
        "def helped(gain: float) -> None:",
    ]
    assert "import soxr" in extract
    assert sources._extract(MADE_UP.replace("LIMIT = 3.0", "LIMIT = 4.0").replace("Say", "Tell"), "run") == extract
    assert sources._extract(MADE_UP.replace("GAIN = 2.0", "GAIN = 3.0"), "run") != extract
    assert sources._extract(MADE_UP.replace("pan.middle(", "pan.balance("), "run") != extract
    assert "LIMIT" in sources._extract(MADE_UP, "verify")


def test_the_versions_of_the_libraries_used_and_of_python_decide():
    decided = sources.deciding(frozenset({"stemtasks.effects.lowpass", parts.stage("process", "run")}))
    assert {"numpy", "scipy", "soundfile", "python"} <= set(decided)
    assert "doit" not in decided


def test_a_library_is_known_by_its_distribution_also_where_that_has_another_name():
    assert sources._version("_pytest") == sources._version("pytest") == pytest.__version__
    assert sources._version("imageio_ffmpeg").count(".") == 2
    assert sources._version("no_such_library_at_all") == "not installed"


def installed(folder, name, version, *files):
    """Install files as a distribution of that name."""
    for file, text in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (metadata / "RECORD").write_text("".join(f"{file},,\n" for file, _ in files))


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Return a folder that Python imports from, and in which no earlier answer holds."""
    monkeypatch.syspath_prepend(tmp_path)
    for answered in (sources._version, sources._is_local, sources._home):
        monkeypatch.setattr(sources, answered.__name__, answered.__wrapped__)
    return tmp_path


def test_a_distribution_that_only_has_the_name_of_a_library_is_not_taken_for_it(site):
    installed(site, "reverbs", "1.0", ("springs/__init__.py", ""))
    installed(site, "dsp-reverbs", "2.5", ("reverbs/__init__.py", ""))
    assert sources._version("reverbs") == "2.5"
    assert sources._version("springs") == "1.0"


def test_a_library_that_several_distributions_fill_has_the_versions_of_all(site):
    installed(site, "synths-core", "1.0", ("synths/core.py", ""))
    installed(site, "synths-extra", "3.1", ("synths/extra.py", ""))
    assert sources._version("synths") == "synths-core 1.0, synths-extra 3.1"


def test_a_library_of_no_distribution_is_known_by_all_its_files(site, monkeypatch):
    monkeypatch.setattr(sources.loading, "_sources", {})
    (site / "grains").mkdir()
    for name in ("__init__.py", "cloud.py", "notes.txt"):
        (site / "grains" / name).write_text("")
    first = sources._version("grains")
    changed = []
    for name in ("cloud.py", "notes.txt"):
        (site / "grains" / name).write_text("GAIN = 2.0\n")
        monkeypatch.setattr(sources.loading, "_sources", {})
        changed.append(sources._version("grains") != first)
        first = sources._version("grains")
    assert changed == [True, False]


FRESH = """
import json, sys
from stemtasks import sources
from stemtasks.spec import parts
looked, look = [], sources._imports
sources._imports = lambda text: looked.append(text) or look(text)
sources.recall(json.loads(sys.argv[1]))
digests = [sources.digest(frozenset([parts.stage(stage, "run")])) for stage in parts.stages()]
print(json.dumps([digests, sources.learnt(), len(looked)]))
"""


def fresh(tree, recalled):
    """Return (digests, what is learnt, how many sources were taken apart) of a new process in a copy of the package."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-P", "-c", FRESH, json.dumps(recalled)]
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def test_a_source_is_taken_apart_once_and_anew_when_it_changed(tmp_path):
    shutil.copytree(ROOT, tmp_path / "stemtasks", ignore=shutil.ignore_patterns("__pycache__"))
    digests, found, looked = fresh(tmp_path, {})
    assert looked == len(found) > 20
    assert fresh(tmp_path, found) == [digests, None, 0]
    changed = tmp_path / "stemtasks/stages/mix.py"
    changed.write_text(changed.read_text().replace("def run(", "def run(\n    "))
    after, _, looked = fresh(tmp_path, found)
    assert looked == 1
    assert [stage for stage, *pair in zip(parts.stages(), digests, after, strict=True) if len({*pair}) > 1] == ["mix"]
    (tmp_path / "stemtasks/sources.py").write_text((ROOT / "sources.py").read_text() + "\n")
    assert fresh(tmp_path, found)[2] == len(found)
