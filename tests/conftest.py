"""Fixtures of all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.project import Project

RECORDINGS = Path(os.environ.get("STEMTASKS_RECORDINGS", Path(__file__).parents[2] / "shared" / "audio"))


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
