"""What is forked off is as what is started: it finds the same, ends the same, and obeys the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from tests import starts
from tests.held import Hold

FOUND = """
import os, signal, sys, threading
from stemtasks.commands import note, task
import json
print(json.dumps([
    sys.argv, sys.path, note.folders_of_imports(), os.getcwd(), dict(os.environ), __name__,
    sorted(name for name in globals() if not name.startswith("__")),
    task.PROCESS == os.getpid(), os.getsid(0) == os.getpid(), oct(os.umask(0)), sorted(os.listdir("/proc/self/fd")),
    [str(signal.getsignal(number)) for number in range(1, 20)], threading.active_count(), sys.stdin.read(),
    [[each.encoding, each.errors, each.line_buffering, each.name, each.isatty()] for each in (sys.stdout, sys.stderr)],
    sorted(name for name in ("stemtasks.graph", "stemtasks.cli", "doit.__main__") if name in sys.modules),
]))
"""
ENDS = {
    "by itself": "print('said', end='')",
    "by a number": "import sys; print('said', end=''); sys.exit(3)",
    "by a number that is too large": "import sys; sys.exit(256 + 7)",
    "by a text": "import sys; sys.exit('why')",
    "by an exception": "raise ValueError('why')",
    "by Ctrl-C": "import os, signal; os.kill(os.getpid(), signal.SIGINT)",
    "by a signal": "import os, signal; print('lost', end=''); os.kill(os.getpid(), signal.SIGKILL)",
    "at once": "import os; print('lost', end=''); os._exit(5)",
    "after a thread": "import threading; threading.Timer(0.1, print, ['late']).start()",
    "with what was left for the end": "import atexit, sys; atexit.register(print, 'last'); sys.exit(2)",
    "with an output that is closed": "import os; print('lost'); os.close(1)",
}


def both(*arguments, **options):
    """Return what is asked of a command, started and forked."""
    command, asked = [sys.executable, *arguments], {"capture_output": True, "text": True, **options}
    assert starts._order(command, {name: value for name, value in asked.items() if name in starts.MAY_BE_ASKED})
    return subprocess.run(command, check=False, **asked), starts.run(command, check=False, **asked)


@pytest.mark.parametrize(("session", "umask", "heard"), [(False, 0o022, signal.SIG_DFL), (True, 0o077, signal.SIG_IGN)])
def test_a_forked_run_finds_what_a_started_one_finds(tmp_path, session, umask, heard):
    before, handler = os.umask(umask), signal.signal(signal.SIGHUP, heard)
    try:
        env = {**os.environ, "STEMTASKS_CACHE": "\udcff of any bytes", "PATH": "/nowhere"}
        options = {"cwd": tmp_path, "env": env, "input": "told", "start_new_session": session}
        started, forked = both("-c", FOUND, "an argument", "", **options)
    finally:
        os.umask(before)
        signal.signal(signal.SIGHUP, handler)
    assert (forked.returncode, forked.stderr) == (started.returncode, started.stderr) == (0, "")
    assert json.loads(forked.stdout) == json.loads(started.stdout)


OF_THE_COPY = """
import json, os, sys
before = sorted(name for name in sys.modules if name.startswith("stemtasks"))
from stemtasks.commands import note, run
from stemtasks.action import workers
import stemtasks
print(json.dumps([
    before, stemtasks.__file__, sorted(name for name in sys.modules if name[:9] == "stemtasks"), sys.path, sys.argv,
    note.folders_of_imports(), dict(os.environ), workers.TOO_LATE_FOR_ONE_THREAD, sys.modules["sitecustomize"].__file__,
]))
"""


def test_a_forked_run_finds_another_copy_of_the_package_as_a_started_one_finds_it(package, tmp_path):
    (package.parent / "sitecustomize.py").touch()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(package.parent), str(tmp_path / "none")])}
    started, forked = both("-c", OF_THE_COPY, cwd=tmp_path, env=environment)
    assert (forked.returncode, forked.stderr) == (started.returncode, started.stderr) == (0, "")
    assert json.loads(forked.stdout) == json.loads(started.stdout)
    assert json.loads(forked.stdout)[:2] == [[], str(package / "__init__.py")]


@pytest.mark.parametrize("code", ENDS.values(), ids=ENDS)
def test_a_forked_run_ends_as_a_started_one_ends(code):
    started, forked = both("-c", code)
    assert (forked.returncode, forked.stdout) == (started.returncode, started.stdout)
    assert forked.stderr.splitlines()[-1:] == started.stderr.splitlines()[-1:]


@pytest.mark.parametrize("arguments", [["list"], ["nothing"], ["-n", "x"], ["--version"], []])
def test_doit_says_the_same(built, arguments):
    started, forked = both("-m", "doit", *arguments, cwd=built.folder)
    said = [run.stdout.rpartition("; ")[0] or run.stdout for run in (started, forked)]  # without the seconds
    assert [forked.returncode, said[1], forked.stderr] == [started.returncode, said[0], started.stderr]


@pytest.mark.parametrize("arguments", [["schema", "delay"], ["schema", "nothing"], ["nothing"], ["--version"]])
def test_stemtasks_says_the_same(arguments):
    started, forked = both("-m", "stemtasks.cli", *arguments)
    assert (forked.returncode, forked.stdout, forked.stderr) == (started.returncode, started.stdout, started.stderr)


def test_unbuffered_output_is_there_at_once():
    code = "import time; print('said'); time.sleep(60)"
    with starts.started([sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert isinstance(process, starts.Forked)
        assert process.stdout.readline() == "said\n"
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == process.poll() == -signal.SIGTERM


def test_a_run_that_takes_too_long_is_killed():
    with pytest.raises(subprocess.TimeoutExpired):
        starts.run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.1, capture_output=True)


def test_a_forked_run_is_held_up_as_a_started_one_is(tmp_path):
    code = "import sys; from stemtasks.action import workplace; print(workplace.run_stage.__name__, sys.path)"
    started, forked = both("-c", code, cwd=tmp_path, env={**os.environ, **Hold(tmp_path / "markers").env})
    assert forked.stdout == started.stdout
    assert forked.stdout.startswith("run_and_hold ")


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (["-c", ""], {"env": {**os.environ, "PYTHONPATH": "nowhere"}}),
        (["-c", ""], {"env": {**os.environ, "OPENBLAS_NUM_THREADS": "2"}}),
        (["-c", ""], {"env": {**os.environ, "LC_ALL": "C"}}),
        (["-P", "-c", ""], {}),
        (["-W", "error", "-c", ""], {}),
        (["-m", "timeit"], {}),
        (["-c", ""], {"preexec_fn": os.getpid}),
        (["-c", ""], {"pass_fds": [0]}),
        (["-c", ""], {"cwd": "/nowhere"}),
    ],
)
def test_what_decides_how_python_begins_is_a_start_of_its_own(command, options):
    assert starts._order([sys.executable, "-c", ""], {}) is not None
    assert starts._order([sys.executable, *command], options) is None
    assert starts._order(["/bin/true"], {}) is None


def test_runs_side_by_side_do_not_wait_for_each_other(tmp_path):
    code = "import pathlib, sys; sys.stdin.read(); pathlib.Path('there').touch()"
    with starts.started([sys.executable, "-c", code], cwd=tmp_path, stdin=subprocess.PIPE) as process:
        assert starts.run([sys.executable, "-c", "print(1)"], capture_output=True).stdout == b"1\n"
        assert not (tmp_path / "there").exists()
        process.stdin.close()
        assert process.wait() == 0
    assert (tmp_path / "there").exists()


def test_a_run_that_does_not_wait_for_the_disk_still_fails_for_a_file_that_is_not_open(monkeypatch):
    code = "import os; print(os.fsync.__module__, flush=True); os.fsync(0); os.fsync(77)"
    said = []
    for waits in (True, False):
        monkeypatch.setattr(starts, "waits_for_disks", waits)
        with open(os.devnull) as file:
            said.append(starts.run([sys.executable, "-c", code], stdin=file, capture_output=True, text=True))
    assert [run.stdout for run in said] == ["posix\n", "__main__\n"]
    assert said[1].stderr.endswith("OSError: [Errno 9] Bad file descriptor\n")
