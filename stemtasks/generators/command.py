"""A stem from any external renderer: a program with arguments that writes an audio file."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.audio.program import filled, program, run, shortened
from stemtasks.audio.recording import recording
from stemtasks.audio.source import Source
from stemtasks.errors import AudioError, CommandError
from stemtasks.timeline import Timeline
from stemtasks.units import ENVIRONMENT, Arguments, CommandLine, Files, Range, Variables

COPIED_BYTES = 16 << 20
"""A larger input is linked to: it is no script, which would find others beside where its link leads."""
DATE = 946_684_800
"""Of all that is copied, in seconds: 2000-01-01."""


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
        arguments = filled(command, values, _placed(paths, there))
        environ = {**ENVIRONMENT, "HOME": str(work), "TMPDIR": str(work)}
        environ |= {name: value for name, value in variables.items() if value is not None}
        shown = {f"{there}{os.sep}": "", str(output): "{output}", str(work): "."}
        name = shortened(arguments[0], shown) if command[0].startswith("{") else arguments[0]
        try:
            arguments[0] = program(arguments[0], command[0], paths)
            said = run(arguments, output, environ, timeout_seconds, shown)
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
