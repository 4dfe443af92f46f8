"""Starting ``doit`` and ``stemtasks`` without waiting each time for Python, and what it imports, to be there.

``run`` and ``started`` are ``subprocess.run`` and ``Popen``. A command that is this Python with one of our modules, or
with code, is forked off by a process that has imported what a build imports (``fork_server.py``), unless something is
asked that decides how Python itself begins. Every other command is started. Where ``PYTHONPATH`` leads to another copy
of this package, that process has imported the libraries only.
"""

from __future__ import annotations

import atexit
import contextlib
import inspect
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

SERVER = Path(__file__).with_name("fork_server.py")
MODULES = ("doit", "stemtasks.cli")
OF_LIBRARIES = ("dask",)
"""Modules whose runs import of this package themselves what they need."""
DECIDES_HOW_PYTHON_BEGINS = ("PYTHON", "LD_", "LANG", "LC_", "TZ", "OPENBLAS_", "OMP_", "MALLOC_", "HOME")
DEFAULTS = {
    name: given.default
    for name, given in inspect.signature(subprocess.Popen).parameters.items()
    if given.default is not inspect.Parameter.empty
}
MAY_BE_ASKED = {"bufsize", "stdin", "stdout", "stderr", "cwd", "env", "start_new_session"}
MAY_BE_ASKED |= {"text", "encoding", "errors", "universal_newlines"}
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")


waits_for_disks = False
"""Whether what is forked off waits until files are on the disk, which only a power loss shows (``tests/power``)."""


class Server:
    """The processes that fork, two for each process of the test run."""

    def __init__(self) -> None:
        ours, theirs = zip(*(socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2)), strict=True)
        self.whole, self.bare = ours
        self.imports: list[str] = []
        self.environment = dict(os.environ)
        numbers, pipe = [each.fileno() for each in theirs], subprocess.PIPE
        # pipes, as most runs have: Python looks at the beginning whether it can seek in them
        self.process = subprocess.Popen(
            [sys.executable, str(SERVER), *map(str, numbers)], 0, None, pipe, pipe, pipe, cwd="/", pass_fds=numbers
        )
        for each in theirs:
            each.close()

    def end(self) -> None:
        """End them; what they have started goes on."""
        self.whole.close()
        self.bare.close()
        with self.process:
            pass


@cache
def server() -> Server | None:
    """Return the processes that fork, or None where there can be none."""
    if not hasattr(os, "pidfd_open") or not hasattr(socket, "send_fds"):
        return None
    atexit.register(end_server)
    return Server()


def end_server() -> None:
    """End the processes that fork, if there are any."""
    if server.cache_info().currsize and (ours := server()):
        ours.end()
    server.cache_clear()


@contextlib.contextmanager
def importing(*names: str) -> Iterator[None]:
    """Have runs forked off that have imported some other libraries too."""
    end_server()
    if ours := server():
        ours.imports += names
    try:
        yield
    finally:
        end_server()


@contextlib.contextmanager
def waiting_for_disks() -> Iterator[None]:
    """Have what is forked off wait until what it has written is on the disk."""
    global waits_for_disks  # noqa: PLW0603 - as it is for all that starts something
    waits_for_disks = True
    try:
        yield
    finally:
        waits_for_disks = False


def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[Any]:
    """Run a command to its end: ``subprocess.run``."""
    check, timeout, given = (options.pop(name, None) for name in ("check", "timeout", "input"))
    if options.pop("capture_output", False):
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if given is not None:
        options["stdin"] = subprocess.PIPE
    with started(command, **options) as process:
        try:
            out, err = process.communicate(given, timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(command, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done


def started(command: list[str], **options: Any) -> subprocess.Popen[Any]:
    """Start a command: ``subprocess.Popen``."""
    order = _order(command, options)
    return subprocess.Popen(command, **options) if order is None else Forked(order, command, **options)


def _order(command: list[str], options: dict[str, Any]) -> dict[str, Any] | None:
    """Return what to ask of the server, or None where a command is to be started."""
    asked = {name for name, value in options.items() if value != DEFAULTS[name]}
    program, *rest = command
    is_unbuffered = rest[:1] == ["-u"]
    how, what, *arguments = [*rest[is_unbuffered:], "", ""]
    is_known = (how == "-m" and what in (*MODULES, *OF_LIBRARIES)) or how == "-c"
    folder, environment = options.get("cwd") or os.getcwd(), options.get("env") or dict(os.environ)
    if program != sys.executable or not is_known or asked - MAY_BE_ASKED or not os.path.isdir(folder):
        return None
    if (ours := server()) is None:
        return None
    others = {name for name in {*environment, *ours.environment} if environment.get(name) != ours.environment.get(name)}
    path = [each for each in environment.get("PYTHONPATH", "").split(os.pathsep) if "PYTHONPATH" in others]
    path = [] if path == [""] else path
    is_bare = what in OF_LIBRARIES or any(os.path.exists(os.path.join(each, "stemtasks")) for each in path)
    if not ours.environment.get("PYTHONPATH") and all(os.path.isabs(each) for each in path):
        others -= {"PYTHONPATH"}
    if is_bare and environment.get("OPENBLAS_NUM_THREADS") == "1":
        others -= {"OPENBLAS_NUM_THREADS"}
    if any(name.startswith(DECIDES_HOW_PYTHON_BEGINS) for name in others):
        return None
    return {
        "is bare": is_bare,
        "import": ours.imports,
        "waits for disks": waits_for_disks,
        "how": how,
        "what": what,
        "arguments": arguments[:-2],
        "path": path,
        "unbuffered": is_unbuffered,
        "folder": os.fspath(folder),
        "environment": environment,
        "session": bool(options.get("start_new_session")),
        "umask": _umask(),
        "ignored": [number for number in STOPPING if signal.getsignal(number) is signal.SIG_IGN],
    }


def _umask() -> int:
    os.umask(umask := os.umask(0))
    return umask


class Forked(subprocess.Popen[Any]):
    """A process that another one has forked off, with all that ``subprocess.Popen`` has."""

    def __init__(self, order: dict[str, Any], command: list[str], **options: Any) -> None:
        self._order = order
        super().__init__(command, **options)

    def _execute_child(self, *given: Any, **named: Any) -> None:
        """Ask for the process instead of forking."""
        asked = inspect.signature(subprocess.Popen._execute_child).bind(self, *given, **named).arguments
        numbers = [asked[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        self._report, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            files = [number if number != -1 else place for place, number in enumerate(numbers)]
            orders = server().bare if self._order["is bare"] else server().whole
            socket.send_fds(orders, [json.dumps(self._order).encode()], [*files, theirs.fileno()])
        self.pid = self._told(None)
        self._child_created = True
        self._close_pipe_fds(*(asked[name] for name in PIPES))

    def _told(self, timeout: float | None) -> int:
        """Return the next number that the server says; raises ``OSError`` if it says none in time."""
        self._report.settimeout(timeout)
        text = self._report.recv(64)
        if not text:
            self._report.close()
            raise RuntimeError(f"{SERVER} has ended: {server().process.stderr.read().decode()}")
        return int(text)

    def _internal_poll(self, *given: Any, **named: Any) -> int | None:  # noqa: ARG002 - how others are asked
        try:
            return self._wait(0)
        except subprocess.TimeoutExpired:
            return None

    def _wait(self, timeout: float | None) -> int:
        if self.returncode is None:
            try:
                status = self._told(timeout)
            except (BlockingIOError, TimeoutError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self.returncode = os.waitstatus_to_exitcode(status)
            self._report.close()
        return self.returncode
