"""A stem from any external renderer: a program with arguments that writes an audio file."""

from __future__ import annotations

import contextlib
import os
import signal
import string
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated

from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.audio.recording import recording
from stemtasks.audio.source import Source
from stemtasks.errors import AudioError, CommandError, SpecError
from stemtasks.progress import on_frames, process_groups
from stemtasks.timeline import Timeline
from stemtasks.units import Arguments, Files, Range

POLL_SECONDS = 0.05
KEPT_BYTES = 8192
QUOTED_CHARACTERS = 200


def command(
    stream: Stream,
    *,
    timeline: Timeline,
    seed: int,
    command: Arguments,
    inputs: Files | None = None,
    timeout_seconds: Annotated[float, Range(0.1, 86_400.0, "s")] = 600.0,
) -> Blocks:
    """Run a program in an empty temporary folder and yield the audio it wrote, of its own duration.

    Parameters
    ----------
    command
        The program, by name on PATH or by absolute path, and its arguments; there is no shell.
        In an argument {output} is the WAV file to write (needed), {input} the first of the inputs,
        {sample_rate} in Hz, {channels}, {frames} and {duration_s} what the stem's duration asks for
        (the target, if it has none), {bpm} the song's tempo, {seed} an integer.
        An argument that is "{inputs}" alone becomes all inputs, one argument each. A literal brace
        is doubled.
    inputs
        The files it reads, scripts and presets too: a change of one renders again. The program
        starts in an empty folder, so that a file that is not listed here is not found by chance.
    timeout_seconds
        After this long it is stopped.

    What it wrote may have any sample rate and 1 to 8 channels; it is converted like a recording.
    Raises SpecError for arguments that cannot be filled in, CommandError for a program that is not
    found, fails, is too slow, or leaves no usable audio; its last line of output is quoted.
    """
    with tempfile.TemporaryDirectory(
        dir=stream.scratch.absolute(), prefix="command-", ignore_cleanup_errors=True
    ) as folder:
        output = Path(folder, "output.wav")
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
        arguments = _filled(command, values, [str(Path(path).absolute()) for path in inputs or ()])
        said = _run(arguments, Path(folder), timeout_seconds)
        if not output.is_file():
            raise CommandError(f"command {arguments[0]}: it ended without writing {{output}}{said}")
        try:
            with Source(output) as source:
                yield from recording(source, stream)
        except AudioError as error:
            found = str(error).replace(str(output), "what it wrote to {output}")
            raise CommandError(f"command {arguments[0]}: {found}{said}") from None


def _filled(command: list[str], values: dict[str, str], inputs: list[str]) -> list[str]:
    """Return the arguments with their placeholders replaced."""
    if inputs:
        values = {**values, "input": inputs[0]}
    arguments: list[str] = []
    used: set[str] = set()
    for argument in command:
        if argument == "{inputs}" and inputs:
            arguments += inputs
            continue
        filled = ""
        for literal, name in _parsed(argument):
            filled += literal
            if name is None:
                continue
            if name not in values:
                raise SpecError(f"command: {argument!r}: {_unknown(name, values)}")
            filled += values[name]
            used.add(name)
        arguments.append(filled)
    if not arguments or not arguments[0]:
        raise SpecError("command: is empty; name the program first, then its arguments")
    if "output" not in used:
        raise SpecError(
            "command: no argument holds {output}, the file it has to write; add it where the program wants it"
        )
    if any("\0" in argument for argument in arguments):
        raise SpecError("command: an argument holds a NUL character, which no program can be given; remove it")
    return arguments


def _parsed(argument: str) -> Iterator[tuple[str, str | None]]:
    """Yield an argument as text and the name of the placeholder after it."""
    try:
        for literal, name, form, conversion in string.Formatter().parse(argument):
            if form or conversion:
                raise ValueError(f"{{{name}}} takes no format")
            yield literal, name
    except ValueError as error:
        reason = str(error).lower()
        raise SpecError(f"command: {argument!r}: {reason}; a literal brace is doubled: {{{{ or }}}}") from None


def _unknown(name: str, values: dict[str, str]) -> str:
    if name == "input":
        return "{input} is the first of the inputs, and there are none: list the files it reads in inputs"
    if name == "inputs":
        return '"{inputs}" must be an argument by itself and become one for each of the inputs: list at least one file'
    known = ", ".join(f"{{{key}}}" for key in (*sorted({*values, "input"}), "inputs"))
    return f"unknown placeholder {{{name}}}; known: {known}; a literal brace is doubled: {{{{ or }}}}"


def _run(arguments: list[str], folder: Path, timeout_seconds: float) -> str:
    """Run to the end and return how its output ended, to be quoted; no process of its group outlives this."""
    program = arguments[0]
    try:
        process = subprocess.Popen(
            arguments,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(folder)},
            start_new_session=True,
        )
    except OSError as error:
        raise CommandError(f"command {program}: {_not_started(program, error)}") from None
    ending = bytearray()
    assert process.stdout is not None
    reader = threading.Thread(target=_keep_ending, args=(process.stdout, ending), daemon=True)
    reader.start()
    process_groups.add(process.pid)
    try:
        in_time = _waited(process, timeout_seconds)
    finally:
        # also when the wait was stopped by on_frames or Ctrl-C; and what it left in the background
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process_groups.discard(process.pid)
        reader.join(timeout=1.0)  # a child in a session of its own may hold the pipe open for ever
        if not reader.is_alive():
            process.stdout.close()
    said = _last_line(bytes(ending))
    if not in_time:
        raise CommandError(
            f"command {program}: not finished after {timeout_seconds:g} s and stopped; "
            f"raise timeout_seconds if it needs longer{said}"
        )
    if process.returncode:
        raise CommandError(f"command {program}: {_failure(process.returncode)}{said}")
    return said


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


def _keep_ending(pipe: IO[bytes], ending: bytearray) -> None:
    """Read to the end, so that the program never waits for a reader, and keep the last ``KEPT_BYTES``."""
    while chunk := os.read(pipe.fileno(), 65536):
        ending += chunk
        del ending[:-KEPT_BYTES]


def _last_line(output: bytes) -> str:
    """Return the last line that says something, ready to follow a message, or nothing."""
    text = output.decode("utf-8", "replace")
    lines = ["".join(c for c in line if c.isprintable()).strip() for line in text.splitlines()]
    lines = [line for line in lines if line]
    if not lines:
        return ""
    last = lines[-1]
    return "; it said: " + (last if len(last) <= QUOTED_CHARACTERS else last[:QUOTED_CHARACTERS] + "…")


def _failure(returncode: int) -> str:
    if returncode > 0:
        return f"it failed with exit code {returncode}"
    try:
        return f"it was ended by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"it was ended by signal {-returncode}"


def _not_started(program: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        if os.sep not in program:
            return "no such program on PATH; install it, or write its absolute path"
        if not os.path.isabs(program):
            return (
                "a program is found by name on PATH or by absolute path; list a script of your own in inputs "
                "and run it as {input}"
            )
        if os.path.exists(program):
            return "the interpreter that its first line names is not installed"
        return "no such program; write the absolute path of one that is there"
    if isinstance(error, PermissionError):
        return "this user may not run it; make it executable (chmod +x)"
    return f"it cannot be run ({error.strerror})"
