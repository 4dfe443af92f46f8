"""Holding a stage of a running build, at a moment that a test chooses."""

from __future__ import annotations

import os
import time
from pathlib import Path


class Hold:
    """Markers in a folder, and the environment in which doit heeds them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        self.env = {
            "STEMTASKS_TEST_HOLD": str(folder),
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        }

    def mark(self, stage: str, half: bool = False) -> None:
        """Hold up the tasks of a stage from now on."""
        (self.folder / stage).write_text("half" if half else "")

    def wait(self, stage: str, process) -> None:
        """Return once a task of the stage is held up."""
        deadline = time.monotonic() + 60
        while not (self.folder / f"{stage}.held").exists():
            assert process.poll() is None, b"".join(process.communicate()).decode()
            assert time.monotonic() < deadline, f"{stage} was not reached"
            time.sleep(0.01)

    def release(self, stage: str) -> None:
        """Let the stage go on."""
        (self.folder / stage).unlink()
