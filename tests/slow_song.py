"""A song with a stem that an external program renders, as slowly as a test needs it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path

from tests import starts
from tests.project import Run

SPEC = """
[song]
bpm = 120
sample_rate = 8000

[reference]
duration = "0:08"

[stems.bass]
generator = "tone"
note = "A2"

[stems.slow]
generator = "command"
command = ["{python}", "{{input}}", "{{output}}"]
inputs = ["render.py"]
"""
RENDER = """
import sys, time, wave
time.sleep({seconds})
with wave.open(sys.argv[1], "wb") as out:
    out.setnchannels(2), out.setsampwidth(2), out.setframerate(8000)
    out.writeframes(bytes(range(256)) * 250 * 4)
"""
SLOW = "stem:song/slow"
LISTS_PROCESSES = Path("/proc/self/cmdline").exists()
"""As files, which only Linux does."""


def renders(project, seconds, code=RENDER):
    """Make the external program take that long."""
    (project.folder / "spec/render.py").write_text(code.format(seconds=seconds))


def running(text):
    """Return the processes of this machine that were started with an argument that holds a text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if text.encode() in path.read_bytes():
                found.append(path)
    return found


def started(project, *arguments, until):
    """Start doit and return the process once it says that a task is done, and the external program is at work."""
    process = starts.started(
        [sys.executable, "-u", "-m", "doit", *arguments],
        cwd=project.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    said = b""
    while until.encode() not in said:
        line = process.stdout.readline()
        assert line, said + process.stderr.read()
        said += line
    deadline = time.monotonic() + 20
    while LISTS_PROCESSES and not running(str(project.folder)):
        assert process.poll() is None
        assert time.monotonic() < deadline, "the external program was not started"
        time.sleep(0.01)
    time.sleep(0.05 if LISTS_PROCESSES else 0.5)
    return process


def failed(project, *arguments) -> Run:
    """Run doit and insist that it fails with lines and without a traceback, leaving nothing half-made."""
    run = project.doit("--continue", *arguments)
    assert run.code != 0
    assert "Traceback" not in run.out + run.err
    project.assert_clean()
    return run
