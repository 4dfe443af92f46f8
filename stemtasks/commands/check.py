"""``doit check`` and ``stemtasks check``: all mistakes of all songs at once, without making sound or writing anything."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from doit.cmd_base import Command

from stemtasks.errors import StemtasksError
from stemtasks.paths import SPEC


class Check(Command):  # type: ignore[misc]  # doit has no types
    """``doit check``."""

    doc_purpose = "say all that is wrong with all songs, without making sound"
    doc_usage = ""
    doc_description = None

    def execute(self, opt_values: Any, pos_args: list[str]) -> int:
        """Print what there is to say, in the folder that was asked for."""
        if folder := opt_values.get("cwdPath"):
            os.chdir(folder)
        return say(pos_args)


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("check", help="say all that is wrong with all songs, without making sound")
    parser.add_argument("song", nargs="*", help="only these, by name")
    parser.set_defaults(run=lambda parsed: say(parsed.song))


def say(names: list[str]) -> int:
    """Print a line a mistake, and how many songs have any; return 0, or 1 where there are mistakes."""
    sys.dont_write_bytecode = True  # of a project's own parts either
    mistakes, remarks, songs = said(names)
    for line in [*mistakes, *(f"NOTE: {line}" for line in remarks)]:
        sys.stdout.write(f"{line}\n")
    wrong = len({line.partition(": ")[0] for line in mistakes})
    count = f"{songs} song{'s' if songs != 1 else ''}"
    found = f"{len(mistakes)} mistake{'s' if len(mistakes) != 1 else ''} in {wrong} of" if mistakes else ""
    sys.stdout.write(f"{found} {count}\n" if mistakes else f"{count}, no mistakes\n")
    return 1 if mistakes else 0


def said(names: list[str]) -> tuple[list[str], list[str], int]:
    """Return all mistakes, all remarks, and how many songs were looked at."""
    from stemtasks.action.check import Said, check  # noqa: PLC0415 - it needs what reads headers
    from stemtasks.cache import settings  # noqa: PLC0415
    from stemtasks.errors import SpecError  # noqa: PLC0415
    from stemtasks.spec import schema  # noqa: PLC0415
    from stemtasks.spec.reading import Broken, read_all  # noqa: PLC0415

    mistakes: list[str] = []
    remarks: list[str] = []
    try:
        settings.load()
    except StemtasksError as error:
        mistakes += getattr(error, "mistakes", (str(error),))
    try:
        songs, broken = read_all(SPEC)
    except SpecError as error:
        return [*mistakes, *error.mistakes], remarks, 0
    known = {each.name: each for each in sorted((*songs, *broken), key=lambda each: each.path)}
    mistakes += [schema.unknown("song", name, known) for name in names if name not in known]
    for name, each in known.items():
        if not names or name in names:
            found = Said(list(each.mistakes), []) if isinstance(each, Broken) else check(each)
            mistakes += found.mistakes
            remarks += found.remarks
    return mistakes, remarks, len(names) or len(known)
