"""Fixtures of importing."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from stemtasks import cli
from stemtasks.spec.reading import read_song
from stemtasks.spec.song import Song
from tests.importing.sessions import session


class Imported:
    """What ``stemtasks import`` printed, and the spec that it wrote."""

    def __init__(self, folder: Path, name: str, out: str) -> None:
        self.path = folder / "spec" / f"{name}.toml"
        self.text = self.path.read_text(encoding="utf-8")
        self.lines = out.splitlines()

    @property
    def toml(self) -> dict:
        return tomllib.loads(self.text)

    @property
    def song(self) -> Song:
        return read_song(Path("spec") / self.path.name)

    def stem(self, name: str) -> dict:
        return self.toml["stems"][name]


@pytest.fixture
def project_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder to work in."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def imports(project_folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Imported]:
    """Return a function that imports a folder or a session and insists that it succeeds."""

    def imported(folder: Path | str, name: str = "song") -> Imported:
        code = cli.main(["import", str(folder), "--name", name])
        out, err = capsys.readouterr()
        assert (code, err) == (0, ""), out + err
        return Imported(project_folder, name, out)

    return imported


@pytest.fixture
def refuses(project_folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return a function that imports what cannot be, and returns the one line that is said of it."""

    def refused(folder: Path | str, *more: str) -> str:
        assert cli.main(["import", str(folder), *more]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("ERROR: ")
        assert err.count("\n") == 1
        assert list(project_folder.iterdir()) == [] or (project_folder / "dodo.py").exists()
        return err.removeprefix("ERROR: ").strip()

    return refused


@pytest.fixture(scope="session")
def nine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a session of nine tracks and a mix."""
    folder = tmp_path_factory.mktemp("nine") / "First Light"
    session(folder)
    return folder
