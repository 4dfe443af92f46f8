"""Encoding and decoding a delivered file by external programs: any format that some program writes and reads back."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stemtasks.audio.program import filled, program, run, shortened
from stemtasks.errors import CommandError
from stemtasks.units import ENVIRONMENT

TIMEOUT_SECONDS = 600.0


def commanded(what: str, source: Path, made: Path, inputs: Mapping[str, Path], params: Mapping[str, Any]) -> None:
    """Have the program of ``params[what]``, ``encode`` or ``decode``, make a file of another.

    ``inputs`` has what runs as ``WHAT/run/program`` and so on (``spec/outside.py``). The program is given a folder of
    its own and an environment that is the same everywhere. CommandError where it fails.
    """
    command = params[what]
    paths = {role.removeprefix(f"{what}/"): path for role, path in inputs.items() if role.startswith(f"{what}/")}
    with tempfile.TemporaryDirectory(
        dir=made.parent.absolute(), prefix=f"{what}-", ignore_cleanup_errors=True
    ) as folder:
        output = Path(folder, f"output{made.suffix}")
        values = {
            "input": str(source.absolute()),
            "output": str(output),
            "sample_rate": str(params["sample_rate"]),
        }
        arguments = filled(command, values, [])
        shown = {values["input"]: "{input}", str(output): "{output}", folder: "."}
        try:
            arguments[0] = program(arguments[0], command[0], paths)
            run(arguments, output, {**ENVIRONMENT, "HOME": folder, "TMPDIR": folder}, TIMEOUT_SECONDS, shown)
        except CommandError as error:
            raise CommandError(f"{what} {shortened(command[0], shown)}: {error}") from None
        os.replace(output, made)
