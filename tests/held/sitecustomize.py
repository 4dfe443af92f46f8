"""Python runs this first where this folder is on its path: stages are then held up as the markers in a folder say.

A marker ``align`` holds up that stage when it has written its outputs; with the text ``half`` they are cut in
two, as if it were still writing. ``align.held`` appears beside it; the stage goes on when the marker is gone.
"""

import os
import time
from pathlib import Path

MARKERS = os.environ.get("STEMTASKS_TEST_HOLD")

if MARKERS:
    from stemtasks.action import workers

    run_stage = workers.run_stage

    def run_and_hold(stage, inputs, outputs, params):
        """Run a stage, then wait as long as its marker is there."""
        run_stage(stage, inputs, outputs, params)
        marker = Path(MARKERS, stage)
        if not marker.exists():
            return
        if marker.read_text() == "half":
            for path in outputs.values():
                os.truncate(path, path.stat().st_size // 2)
        marker.with_suffix(".held").touch()
        while marker.exists():
            time.sleep(0.01)

    workers.run_stage = run_and_hold
