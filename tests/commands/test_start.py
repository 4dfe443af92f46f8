"""The scripts: from their first line on Ctrl-C is a line, and an output that the shell has closed is no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.project import Project
from tests.two_stems import built_in

SPEC = """
[song]
bpm = 120
sample_rate = 8000
channels = 1
[reference]
duration = 0.5
[master]
loudness_lufs = "off"
[stems.lead]
generator = "tone"
"""
CLOSED = "<&- >&- 2>&-"
SCRIPTS = Path(sysconfig.get_path("scripts"))
HELD = """
import sys, time
class Slow:
    @staticmethod
    def find_spec(name, path, target=None):
        if name == {held!r}:
            print("held", flush=True)
            for _ in range(300):  # a signal just before a sleep does not end it
                time.sleep(0.1)
sys.meta_path.insert(0, Slow)
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Return the folder of a short song that has been built."""
    return built_in(tmp_path_factory.mktemp("template") / "song", SPEC)


@pytest.mark.parametrize("script", ["doit", "stemtasks"])
def test_the_scripts_are_those_of_this_package(script):
    text = (SCRIPTS / script).read_text()
    assert f"from stemtasks.commands.start import {script}\n" in text
    assert "import re" not in text


@pytest.mark.parametrize(
    ("script", "held"),
    [
        ("doit", "stemtasks.loading"),
        ("doit", "doit.doit_cmd"),
        ("doit", "doit.cmd_run"),
        ("doit", "stemtasks.commands.run"),
        ("doit", "stemtasks.commands.note"),
        ("doit", "stemtasks.action.perform"),
        ("doit", "sqlite3"),
        ("stemtasks", "stemtasks.seen"),
        ("stemtasks", "stemtasks.cli"),
        ("stemtasks", "argparse"),
    ],
)
def test_ctrl_c_while_modules_are_loaded_is_one_line(project, tmp_path, script, held):
    project.spec(SPEC)
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(HELD.format(held=held))
    process = subprocess.Popen(
        [sys.executable, str(SCRIPTS / script)],
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": str(hook)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.decode().startswith("stopped before ")
    assert len(err.splitlines()) == 1


def test_an_ignored_ctrl_c_stays_ignored(project):
    project.spec(SPEC)
    code = "from stemtasks.commands.start import doit; import signal; print(int(signal.getsignal(2))); doit()"
    done = subprocess.run(
        [sys.executable, "-c", f"import signal; signal.signal(2, signal.SIG_IGN); {code}"],
        cwd=project.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout.startswith("1\n")


def test_another_projects_tasks_see_the_exception_that_doit_gives_them(tmp_path):
    (tmp_path / "dodo.py").write_text(
        "import os, signal\n"
        "def act():\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        signal.pause()\n"
        "    except KeyboardInterrupt:\n"
        "        open('cleaned', 'w').close()\n"
        "        raise\n"
        "def task_it():\n"
        "    return {'actions': [act]}\n"
    )
    code = "import sys; sys.argv = ['doit']; from stemtasks.commands.start import doit; doit()"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False, timeout=30)
    assert (tmp_path / "cleaned").exists()


@pytest.mark.parametrize(
    ("command", "closed"),
    [
        *((["-c", "from stemtasks.commands.start import doit; doit()"], closed) for closed in (">&-", "2>&-", CLOSED)),
        *((["-m", "doit"], closed) for closed in (">&- 2>&-", "<&-", CLOSED)),
    ],
)
def test_a_build_with_closed_outputs_is_right(project, template, closed, command):
    project.spec(SPEC)
    shell = f"exec {sys.executable} {command[0]} '{command[1]}' {closed}"
    done = subprocess.run(["sh", "-c", shell], cwd=project.folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert project.products() == Project(template).products()
    again = subprocess.run(["sh", "-c", shell], cwd=project.folder, capture_output=True, text=True, check=False)
    assert (again.returncode, again.stderr) == (0, "")


def test_a_closed_output_is_the_first_that_a_file_would_get(tmp_path):
    code = (
        "import os\nfrom stemtasks.commands.start import open_what_is_closed\nopen_what_is_closed()\n"
        f"file = open({str(tmp_path / 'file')!r}, 'w')\nassert file.fileno() > 2\nprint('said')\nos.write(1, b'x')"
    )
    subprocess.run(["sh", "-c", f'exec {sys.executable} -c "$0" >&-', code], check=True)
    assert (tmp_path / "file").read_bytes() == b""
