"""A stem from any external renderer: a program with arguments that writes an audio file."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Annotated

from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.audio.recording import recording
from stemtasks.audio.source import Source
from stemtasks.errors import AudioError, CommandError, SpecError
from stemtasks.progress import on_frames, process_groups
from stemtasks.timeline import Timeline
from stemtasks.units import ENVIRONMENT, Arguments, CommandLine, Files, Range, Variables, pieces_of

POLL_SECONDS = 0.05
KEPT_BYTES = 8192
LOOKED_BYTES = 16 << 20
"""Of a longer output, not each line is looked at: it comes faster than that."""
QUOTED_CHARACTERS = 200
COPIED_BYTES = 16 << 20
"""A larger input is linked to: it is no script, which would find others beside where its link leads."""
UMASK = 0o022
DATE = 946_684_800
"""Of all that is copied, in seconds: 2000-01-01."""
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


def command(
    stream: Stream,
    *,
    timeline: Timeline,
    seed: int,
    paths: Mapping[str, Path],
    variables: Mapping[str, str | None],
    command: Annotated[
        Arguments,
        CommandLine("output input inputs python timing sample_rate channels frames duration_s bpm seed"),
    ],
    inputs: Files | None = None,  # noqa: ARG001 - where they are is in ``paths``
    environment: Variables | None = None,  # noqa: ARG001 - their values are in ``variables``
    timeout_seconds: Annotated[float, Range(0.1, 86_400.0, "s")] = 600.0,
) -> Blocks:
    """Run a program in an empty temporary folder and yield the audio it wrote, of its own duration.

    Parameters
    ----------
    command
        The program, by name on PATH or by absolute path, and its arguments; there is no shell.
        In an argument {output} is the WAV file to write (needed), {input} the first of the inputs,
        {sample_rate} in Hz, {channels}, {frames} and {duration_s} what the stem's duration asks for
        (the target, if it has none), {bpm} the song's tempo, {seed} an integer, {timing} the song's
        timeline as JSON, {python} the Python that runs the build. An argument that is "{inputs}" alone
        becomes all inputs, one argument each. A literal brace is doubled. A change of the program, of
        what interprets it, or of a file that an argument names by absolute path renders again.
    inputs
        The files it reads, scripts and presets too: by name, by pattern ("samples/**/*.wav"), or all of
        a folder. It finds them, and nothing else, in a folder of their own; one that comes, goes or
        changes renders again.
    environment
        Names of environment variables that are handed on, as are those that an argument names as $NAME;
        another value renders again. Beside them it has LANG, OMP_NUM_THREADS, PATH, PYTHONHASHSEED and
        TZ, the same everywhere, and HOME and TMPDIR, the folder that it starts in.
    timeout_seconds
        After this long it is stopped.

    What it wrote may have any sample rate and 1 to 8 channels; it is converted like a recording.
    Raises SpecError for arguments that cannot be filled in, CommandError for a program that is not
    found, fails, is too slow, or leaves no usable audio; the line of its output that says why is quoted.
    """
    with tempfile.TemporaryDirectory(
        dir=stream.scratch.absolute(), prefix="command-", ignore_cleanup_errors=True
    ) as folder:
        there, work = Path(folder, "inputs"), Path(folder, "work")
        work.mkdir()
        output = work / "output.wav"
        values = {
            "output": str(output),
            "sample_rate": str(stream.sample_rate),
            "channels": str(stream.channels),
            "frames": str(stream.frames),
            "duration_s": repr(stream.frames / stream.sample_rate),
            "seed": str(seed),
        }
        if timeline.bpm is not None:
            values["bpm"] = f"{timeline.bpm:g}"
        values |= {
            name: str(paths[role].absolute())
            for name, role in (("python", "run/python"), ("timing", "timing"))
            if role in paths
        }
        arguments = _filled(command, values, _placed(paths, there))
        environ = {**ENVIRONMENT, "HOME": str(work), "TMPDIR": str(work)}
        environ |= {name: value for name, value in variables.items() if value is not None}
        shown = {f"{there}{os.sep}": "", str(output): "{output}", str(work): "."}
        name = _shortened(arguments[0], shown) if command[0].startswith("{") else arguments[0]
        try:
            arguments[0] = _program(arguments[0], command[0], paths)
            said = _run(arguments, output, environ, timeout_seconds, shown)
            try:
                with Source(output) as source:
                    yield from recording(source, stream)
            except AudioError as error:
                found = str(error).replace(str(output), "what it wrote to {output}")
                raise CommandError(f"{found}{said}") from None
        except CommandError as error:
            raise CommandError(f"command {name}: {error}") from None


def _placed(paths: Mapping[str, Path], folder: Path) -> list[str]:
    """Give the inputs a folder of their own, each under its name, and return what {inputs} becomes.

    What lies beside them in the project, and is in no key, is not found there by chance. A folder is one argument.
    """
    arguments: dict[str, None] = {}
    roles = (role for role in paths if role.startswith("inputs/"))
    for role in sorted(roles, key=lambda role: (int(role.split("/")[1]), role)):
        argument, _, inner = role.split("/", 2)[2].partition("//")
        arguments[str(folder / argument)] = None
        place, path = folder / argument / inner if inner else folder / argument, paths[role].absolute()
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            continue
        if path.stat().st_size > COPIED_BYTES:
            place.symlink_to(path)
        else:
            shutil.copyfile(path, place)
            place.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
            os.utime(place, (DATE, DATE))
    return list(arguments)


def _filled(command: list[str], values: Mapping[str, str], inputs: list[str]) -> list[str]:
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


def _program(filled: str, named: str, paths: Mapping[str, Path]) -> str:
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


def _run(
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
        line = _shortened((self.error or self.last).strip(), shown)
        if len(line) > QUOTED_CHARACTERS:
            said = ERROR.search(line)
            start = said.start() if said and said.start() > QUOTED_CHARACTERS // 2 else 0
            end = start + QUOTED_CHARACTERS
            line = ("…" if start else "") + line[start:end] + ("…" if line[end:] else "")
        return f"; it said: {line}" if line else ""


def _plain(text: str) -> str:
    """Return what a terminal would show of a line."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "" for c in CODES.sub("", text))


def _shortened(text: str, shown: Mapping[str, str]) -> str:
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
