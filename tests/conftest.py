"""Fixtures of all tests."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import stemtasks
from stemtasks.action import workers  # noqa: F401 - before a test imports numpy, which gets one thread, as in a build
from tests import slow_song, starts
from tests.held import Hold
from tests.project import Project
from tests.three_stems import ALL, SPEC

RECORDINGS = Path(os.environ.get("STEMTASKS_RECORDINGS", Path(__file__).parents[2] / "shared" / "audio"))


LONGEST = """
    shared songs cluster scenarios examples browser failures deliveries remedies page build builds note watching
    looking stretch folder radius command_inputs doit faults storm match master loop results groups power
    own_parts albums sync broken start store stem lock loudness convert laws in_time leftovers forecast
    as_written auto cli selection
"""
"""A file's tests run in one process, which makes its costly fixtures once. The longest begin first, those that wait for
browsers and servers apart from one another."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Import all tests, each process of the run beginning at another place, before they are collected.

    What one writes for Python's cache serves the others then: all of them would rewrite each file's assertions.
    """
    process = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not process or session.config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    root = session.config.rootpath
    names = [".".join(file.relative_to(root).with_suffix("").parts) for file in sorted(root.glob("tests/**/test_*.py"))]
    begin = len(names) * int(process[2:]) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    for name in names[begin:] + names[:begin]:
        with contextlib.suppress(Exception, pytest.skip.Exception):  # said when it is collected
            importlib.import_module(name)


gc.disable()  # thousands of tests are collected in each process, and live to the end


def pytest_collection_finish() -> None:
    """Let garbage be looked for from here on, and not among what has been collected."""
    gc.enable()
    gc.freeze()


def pytest_xdist_auto_num_workers() -> int:
    """Return how many files are tested at a time: some tests wait for processes and clocks."""
    return (os.cpu_count() or 1) + 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files."""
    order = {f"test_{name}.py": place for place, name in enumerate(LONGEST.split())}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(scope="session", autouse=True)
def tidy(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[None]:
    """End what starts builds, and remove what tests have left, gigabytes of audio, unless one has failed."""
    yield
    starts.end_server()
    if not request.session.testsfailed:
        shutil.rmtree(tmp_path_factory.getbasetemp(), ignore_errors=True)


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Return the folder of real recordings with free licences, which a user's clone does not have."""
    if not (RECORDINGS / "LICENCES.tsv").is_file():
        pytest.skip("the recordings are not beside this checkout (set STEMTASKS_RECORDINGS)")
    return RECORDINGS


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return an empty song's folder."""
    return Project(tmp_path / "song")


@pytest.fixture
def built(project: Project, template: Path) -> Project:
    """Return a song of three stems that has been built once."""
    shutil.copytree(template, project.folder, dirs_exist_ok=True)
    return project


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a song that was built once in this process of the test run."""
    project = Project(tmp_path_factory.mktemp("template") / "song")
    project.spec(SPEC)
    run = project.build()
    assert run.done == {"ran": ALL}
    return project.folder


@pytest.fixture
def slow(project: Project) -> Project:
    """Return a song with a stem that an external program renders, by default at once."""
    project.spec(slow_song.SPEC.format(python=sys.executable))
    slow_song.renders(project, 0)
    return project


@pytest.fixture(scope="session")
def slow_template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return such a song that was built once in this process of the test run."""
    project = Project(tmp_path_factory.mktemp("slow") / "song")
    project.spec(slow_song.SPEC.format(python=sys.executable))
    slow_song.renders(project, 0)
    project.build()
    return project


@pytest.fixture
def slow_built(slow: Project, slow_template: Project) -> Project:
    """Return such a song that has been built."""
    shutil.copytree(slow_template.folder / "build", slow.folder / "build")
    return slow


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the package that doit uses in this test, to be edited."""
    copy = tmp_path / "package" / "stemtasks"
    shutil.copytree(Path(stemtasks.__file__).parent, copy, copy_function=copied)
    monkeypatch.setenv("PYTHONPATH", str(copy.parent))
    return copy


def copied(source: str, copy: str) -> None:
    """Copy a file; a ``.pyc``, which Python replaces and does not change, may be the same file."""
    if source.endswith(".pyc"):
        with contextlib.suppress(OSError):
            os.link(source, copy)
            return
    shutil.copyfile(source, copy)


@pytest.fixture
def hold(tmp_path: Path) -> Hold:
    """Return what holds up a stage of a running build."""
    return Hold(tmp_path / "markers")
