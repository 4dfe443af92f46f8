"""Holding a stage of a running build, at a moment that a test chooses."""

from __future__ import annotations

import os
import time
from pathlib import Path

FOLDER = Path(__file__).parent


class Hold:
    """Markers in a folder, and the environment in which doit heeds them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        paths = [str(FOLDER), os.environ.get("PYTHONPATH", "")]
        self.env = {
            "STEMTASKS_TEST_HOLD": str(folder),
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        }

    def mark(self, stage: str, how: str = "") -> None:
        """Hold up the tasks of a stage from now on, or do with them what ``sitecustomize.py`` has a word for."""
        (self.folder / stage).write_text(how)

    def wait(self, stage: str, process, what: str = "held") -> int:
        """Return the number of the process whose task is held up, once it is, or once it is past that."""
        deadline = time.monotonic() + 60
        path = self.folder / f"{stage}.{what}"
        while not path.exists():
            assert process.poll() is None, b"".join(process.communicate()).decode()
            assert time.monotonic() < deadline, f"{stage} was not reached"
            time.sleep(0.01)
        return int(path.read_text() or 0)

    def release(self, stage: str) -> None:
        """Let the stage go on."""
        (self.folder / stage).unlink()
