"""Python runs this first where this folder is on its path: stages are then held up as the markers in a folder say.

A marker ``align`` holds up that stage when it has written its outputs; with the text ``half`` they are cut in two, as
if it were still writing. With ``late`` they stay open, and are written to once more when the stage goes on. With
``die`` the first that comes takes the marker away, and is killed in the middle of its outputs; with ``die again`` all
that come are. ``align.held`` appears beside it, with the number of the process; the stage goes on when the marker is
gone, and then ``align.past`` appears.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

MARKERS = os.environ.get("STEMTASKS_TEST_HOLD")

if MARKERS:
    from stemtasks.action import workers

    run_stage = workers.run_stage

    def run_and_hold(stage, inputs, outputs, params):
        """Run a stage, then do what its marker says and wait as long as it is there."""
        run_stage(stage, inputs, outputs, params)
        marker = Path(MARKERS, stage)
        try:
            said = marker.read_text()
            if said == "die":
                marker.unlink()
        except FileNotFoundError:
            return
        written = [path for path in outputs.values() if path.stat().st_nlink == 1]  # not a link to an input
        if said:
            for path in written:
                os.truncate(path, path.stat().st_size // 2)
        if said.startswith("die"):
            os.kill(os.getpid(), signal.SIGKILL)
        with contextlib.ExitStack() as opened:
            files = [opened.enter_context(path.open("r+b")) for path in written] if said == "late" else []
            held = marker.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
            held.write_text(str(os.getpid()))
            held.replace(marker.with_suffix(".held"))
            while marker.exists():
                time.sleep(0.01)
            for file in files:
                file.write(b"late")
        marker.with_suffix(".past").touch()

    workers.run_stage = run_and_hold
    if workplace := sys.modules.get("stemtasks.action.workplace"):  # in a process that was forked off
        workplace.run_stage = run_and_hold
