"""Running an external program to its end: in a folder of its own, in time, with what it said where it fails."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from stemtasks.errors import CommandError, SpecError
from stemtasks.progress import on_frames, process_groups
from stemtasks.units import ENVIRONMENT, pieces_of

POLL_SECONDS = 0.05
KEPT_BYTES = 8192
LOOKED_BYTES = 16 << 20
"""Of a longer output, not each line is looked at: it comes faster than that."""
QUOTED_CHARACTERS = 200
UMASK = 0o022
CODES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, the cursor
    r"|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f]).*?(?:\x07|\x1b\\|\x9c|$)"  # OSC, DCS and the like: titles, links
    r"|\x1b[ -/]*[0-~]"
)
"""What a terminal takes for orders (ECMA-48)."""
LINE_END = re.compile(rb"[\r\n\x08]+")
"""Or where a terminal begins to write over what it shows."""
ERROR = re.compile(
    r"(?<!\bno )(?<!\b0 )error|exception|fatal|fail|panic|abort|cannot|can't|could not|unable|not found|no such|invalid"
    r"|denied",
    re.IGNORECASE,
)
TRACEBACK = "Traceback (most recent call last):"


def filled(command: list[str], values: Mapping[str, str], inputs: list[str]) -> list[str]:
    """Return the arguments with their placeholders replaced."""
    values = {**values, "input": inputs[0]} if inputs else values
    arguments: list[str] = []
    for argument in command:
        if argument == "{inputs}" and inputs:
            arguments += inputs
            continue
        for _, name in pieces_of(argument):
            if name is not None and name not in values:
                raise SpecError(f"command: {argument!r}: {UNKNOWN[name]}")
        arguments.append("".join(text + (values[name] if name else "") for text, name in pieces_of(argument)))
    return arguments


UNKNOWN = {
    "bpm": "the song has no bpm; write song.bpm",
    "input": "{input} is the first of the inputs, and there are none: list the files it reads in inputs",
    "inputs": "{inputs} are the inputs, and there are none: list at least one file",
}


def program(filled: str, named: str, paths: Mapping[str, Path]) -> str:
    """Return the path of the program that is in the key; raises ``CommandError`` where there is none."""
    if named.startswith(("{input", "{python}")):
        return filled
    if "run/program" in paths:
        return str(paths["run/program"].absolute())
    raise CommandError(_not_found(filled))


def _not_found(program: str) -> str:
    if os.path.isdir(program) and os.path.isabs(program):
        return "is a folder; write the program that is in it"
    if os.path.isabs(program):
        if os.path.exists(program):
            return "this user may not run it; make it executable (chmod +x)"
        return "no such program; write the absolute path of one that is there"
    if os.sep in program:
        return (
            "a program is found by name on PATH or by absolute path; list a script of your own in inputs "
            "and run it as {input}"
        )
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        if os.path.isfile(found := os.path.join(folder, program)):
            return f"{found}: this user may not run it; make it executable (chmod +x)"
    return "no such program on PATH; install it, or write its absolute path"


def run(
    arguments: list[str], output: Path, environ: Mapping[str, str], timeout_seconds: float, shown: Mapping[str, str]
) -> str:
    """Run to the end and return what its output said, to be quoted; no process of its group outlives this."""
    process = _started(arguments, output.parent, environ)
    log = _Log()
    assert process.stdout is not None
    reader = threading.Thread(target=log.read, args=(process.stdout,), daemon=True)
    reader.start()
    process_groups.add(process.pid)
    is_written = False
    try:
        in_time = _waited(process, timeout_seconds)
        is_written = _is_being_written(output)
    finally:
        # also when the wait was stopped by on_frames or Ctrl-C; and what it left in the background
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process_groups.discard(process.pid)
        reader.join(timeout=1.0)  # a child in a session of its own may hold the pipe open for ever
    said = log.quoted(shown)
    if not in_time:
        raise CommandError(
            f"not finished after {timeout_seconds:g} s and stopped; raise timeout_seconds if it needs longer{said}"
        )
    if process.returncode:
        raise CommandError(f"{_failure(process.returncode)}{said}")
    if is_written:
        raise CommandError(
            f"it ended while something that it started was still writing {{output}}; have it wait for that{said}"
        )
    if not output.is_file():
        raise CommandError(f"it ended without writing {{output}}{said}")
    return said


def _started(arguments: list[str], folder: Path, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    for last in (False,) * 20 + (True,):
        try:
            return subprocess.Popen(
                arguments,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environ,
                start_new_session=True,
                umask=UMASK,
            )
        except OSError as error:
            # a program that another thread has started since holds the script that was just written, until it runs
            if error.errno != errno.ETXTBSY or last:
                raise CommandError(_not_started(error)) from None
            time.sleep(POLL_SECONDS)
    raise AssertionError


def _waited(process: subprocess.Popen[bytes], timeout_seconds: float) -> bool:
    """Return whether the process ended in time; the build's progress hook may raise to stop it."""
    tick = on_frames.get()
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            process.wait(min(POLL_SECONDS, max(0.0, deadline - time.monotonic())))
        except subprocess.TimeoutExpired:
            if time.monotonic() >= deadline:
                return False
            if tick is not None:
                tick(0)
        else:
            return True


def _is_being_written(path: Path) -> bool:
    """Return whether some process has a file open for writing, as far as the system tells (Linux)."""
    try:
        import fcntl  # noqa: PLC0415 - not on Windows

        if not path.is_file():
            return False
        with open(path, "rb") as file:
            fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)  # by default, who writes now would end this process
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    except (ImportError, AttributeError):
        pass
    return False


class _Log:
    """What a program says, in little memory: its last line, and the last that says an error."""

    def __init__(self) -> None:
        self.last = self.error = ""
        self._in_traceback = False

    def read(self, pipe: IO[bytes]) -> None:
        """Read to the end and close it, so that the program never waits for a reader."""
        rest, count = b"", 0
        with pipe:
            while chunk := os.read(pipe.fileno(), 65536):
                count += len(chunk)
                chunk = chunk if count < LOOKED_BYTES else chunk[-KEPT_BYTES:]
                *lines, rest = LINE_END.split(rest + chunk)
                for line in lines:
                    self._take(line)
                rest = rest[-KEPT_BYTES:]
        self._take(rest)

    def _take(self, line: bytes) -> None:
        text = line[-KEPT_BYTES:].decode("utf-8", "replace")
        if not text.isprintable():
            text = _plain(text)
        if not text.strip():
            return
        self.last = text
        if self._in_traceback:  # the exception stands below its indented lines
            self._in_traceback = text.startswith(" ")
            self.error = self.error if self._in_traceback else text
        elif text.startswith(TRACEBACK):
            self._in_traceback = True
        elif ERROR.search(text):
            self.error = text

    def quoted(self, shown: Mapping[str, str]) -> str:
        """Return the line that says an error, or else the last, ready to follow a message; or nothing."""
        line = shortened((self.error or self.last).strip(), shown)
        if len(line) > QUOTED_CHARACTERS:
            said = ERROR.search(line)
            start = said.start() if said and said.start() > QUOTED_CHARACTERS // 2 else 0
            end = start + QUOTED_CHARACTERS
            line = ("…" if start else "") + line[start:end] + ("…" if line[end:] else "")
        return f"; it said: {line}" if line else ""


def _plain(text: str) -> str:
    """Return what a terminal would show of a line."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "" for c in CODES.sub("", text))


def shortened(text: str, shown: Mapping[str, str]) -> str:
    """Return a text without the places that are new each time."""
    for place, name in shown.items():
        text = text.replace(place, name)
    return text


def _failure(returncode: int) -> str:
    if returncode == 127:
        found = f"exit code 127: a program that it runs is not on its PATH, {ENVIRONMENT['PATH']}"
        return f'it failed with {found}; write environment = ["PATH"] to hand on yours'
    if returncode > 0:
        return f"it failed with exit code {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    return f"it was ended by {name}" + (" (out of memory, or by hand)" if name == "SIGKILL" else "")


def _not_started(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "the interpreter that its first line names is not installed"
    if isinstance(error, PermissionError):
        return "this user may not run it; make it executable (chmod +x)"
    return f"it cannot be run ({error.strerror})"
