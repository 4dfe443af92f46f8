"""What a person sees: plain lines in a log; on a terminal also what is running, below them."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

SPEC = f"""
[song]
sample_rate = 16000
[reference]
duration = 2.0
[stems."a [bold] name"]
generator = "command"
command = ["{sys.executable}", "{{input}}", "{{output}}"]
inputs = ["render.py"]
"""
RENDER = """
import sys, time, wave
time.sleep(1)
with wave.open(sys.argv[1], "wb") as out:
    out.setnchannels(2), out.setsampwidth(2), out.setframerate(16000)
    out.writeframes(bytes(range(256)) * 500)
"""


@pytest.fixture
def slow(project):
    """Return a song with a stem that takes longer than progress waits."""
    project.spec(SPEC)
    (project.folder / "spec/render.py").write_text(RENDER)
    return project


def on_a_terminal(project, **env):
    """Return all that doit writes to a terminal."""
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "doit"], cwd=project.folder, stdout=theirs, stderr=theirs, env={**os.environ, **env}
    )
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 65536):
            said += part
    except OSError:  # the terminal's other end is closed
        pass
    os.close(ours)
    assert process.wait(timeout=60) == 0
    return said.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals in the standard library")
def test_a_terminal_shows_what_is_running_and_ends_with_the_lines_of_a_log(slow):
    said = on_a_terminal(slow, TERM="xterm", COLUMNS="120", NO_COLOR="1")
    assert "running     stem:song/a [bold] name" in said
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).strip("\r") for line in said.split("\n")]
    done = [line.split("\r")[-1] for line in lines]
    assert sum(line.startswith("ran  ") for line in done) == 10
    assert [line for line in done if line][-1].startswith("10 ran; ")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals in the standard library")
def test_a_dumb_terminal_gets_plain_lines(slow):
    said = on_a_terminal(slow, TERM="dumb")
    assert "\x1b" not in said
    assert "running" not in said


def test_a_log_gets_a_line_a_task_and_a_line_of_counts(slow):
    (slow.folder / "spec/render.py").write_text(RENDER.replace("sleep(1)", "sleep(0)"))
    run = slow.build()
    assert "\x1b" not in run.out
    lines = run.out.splitlines()
    assert len(lines) == 11
    assert re.fullmatch(r"10 ran; \d+\.\d s", lines[-1])
    assert slow.build().out.splitlines()[-1].startswith("10 up to date; ")
